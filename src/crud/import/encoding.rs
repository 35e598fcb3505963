//! Encodings of files: which one a file is in, by its mark, by what its flag says, or by a guess where that is safe.

use encoding_rs::{EncoderResult, Encoding};

/// Text in an encoding; what it has no character for becomes a question mark.
pub fn encode(label: &str, text: &str) -> Vec<u8> {
    let Some(encoding) = Encoding::for_label(label.as_bytes()) else { return text.as_bytes().to_vec() };
    let mut encoder = encoding.new_encoder();
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    loop {
        // Room for the longest form of what is left and for one character that has none.
        bytes.reserve(rest.len() * 2 + 16);
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut bytes, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return bytes,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => bytes.push(b'?'),
        }
    }
}
