//! Characters that are not seen.

/// Characters that steer a terminal or the direction of text without being seen: control characters, and the
/// format characters that reorder text (Unicode Bidi: ALM, LRM, RLM, embeddings, overrides, isolates), plus zero-width
/// ones that hide inside a word.
pub fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// Whether nothing of a text is seen: blanks, and characters that have neither width nor ink. Such a text is empty.
pub fn is_blank(text: &str) -> bool {
    let is_unseen = |c: char| {
        c.is_whitespace()
            || is_format(c)
            || matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
    };
    text.chars().all(is_unseen)
}
