//! Encodings of files: which one a file is in, by its byte order mark, by `--encoding`, or by a guess where that is safe.
//!
//! Nearly every byte means something in nearly every old encoding, so that a wrong guess is rubbish which nobody is told
//! of. A guess is taken only where all of this holds:
//! - the whole file decodes without an error, encodes to the same bytes again, and holds no C1 control characters;
//! - its words are words: one script each, no currency sign or capital letter in their middle;
//! - no second guess is close. Either every other usual encoding in which that is true too gives the very same text, or
//!   there is enough text (each quarter of the different words has [`ENOUGH`] characters beyond ASCII) and each quarter,
//!   taken by itself, is guessed the same.

use std::borrow::Cow;
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Read};

use anyhow::Result;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{self as enc, DecoderResult, EncoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::model::problem::{Problem, io_message, nearest};
use crate::model::values::scalar::{fold, truncate};

/// The encoding of a file.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    pub encoding: &'static Encoding,
    /// Of UTF-8: it holds bytes that are none.
    pub is_damaged: bool,
    /// Nobody said so.
    pub is_guess: bool,
}

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

/// The names that are told; the WHATWG standard has more labels for them, which are understood too.
const NAMES: &[&str] = &[
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "koi8-r",
    "koi8-u",
    "ibm866",
    "macintosh",
    "x-mac-cyrillic",
    "gbk",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "euc-kr",
];

/// The encoding that a name means.
fn named(name: &str) -> Result<&'static Encoding, Problem> {
    // Python's name for UTF-8 with a byte order mark.
    let label = if fold(name) == "utf8sig" { "utf-8" } else { name };
    let known = Encoding::for_label_no_replacement(label.as_bytes()).filter(|e| *e != enc::X_USER_DEFINED);
    known.ok_or_else(|| {
        let alike = NAMES.iter().copied().find(|n| fold(n) == fold(name));
        let meant = alike.or_else(|| nearest(&name.trim().to_lowercase(), NAMES.iter().copied()));
        Problem::usage(format!("--encoding {} is no encoding that is known", truncate(name)))
            .hint_maybe(meant.map(|m| format!("did you mean {m}?")))
            .hint(format!("encodings: {}", NAMES.join(", ")))
    })
}

/// The encoding that a byte order mark tells.
fn marked(start: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(start).map(|(encoding, _)| encoding)
}

/// Finds out which encoding a file is in. `open` reads it from its beginning.
pub fn find<R: Read>(open: impl Fn() -> R, shown: &str, name: Option<&str>) -> Result<Found> {
    let failed = |e: io::Error| unreadable(shown, &e);
    let mut start = Vec::new();
    open().take(4).read_to_end(&mut start).map_err(failed)?;
    if let [0xff, 0xfe, 0, 0] | [0, 0, 0xfe, 0xff] | [1..=255, 0, 0, 0] | [0, 0, 0, 1..=255] = start[..] {
        let problem = Problem::invalid(format!("{shown} is UTF-32, which is not read"));
        return Err(problem.hint("save the file as UTF-8").into());
    }
    let mark = marked(&start);
    let found = |encoding| Found { encoding, is_damaged: false, is_guess: false };
    if let Some(name) = name {
        let encoding = named(name)?;
        // The name without an end leaves the order to the mark (RFC 2781, section 3.3).
        let is_open = fold(name) == "utf16" && mark.is_some_and(|m| m != UTF_8);
        match mark.filter(|m| *m != encoding && !is_open) {
            Some(mark) => {
                let (mark, name) = (mark.name().to_lowercase(), truncate(name.trim()));
                let sentence = format!("{shown} begins with the byte order mark of {mark}, and --encoding says {name}");
                return Err(Problem::usage(sentence).hint("leave --encoding out").into());
            }
            None if encoding == UTF_8 => {}
            None => return Ok(found(mark.unwrap_or(encoding))),
        }
    }
    let wide = match start.as_slice() {
        _ if name.is_some() => None,
        // No mark, but the zeros that ASCII has there.
        [a, 0, b, 0] if *a != 0 && *b != 0 => Some(UTF_16LE),
        [0, a, 0, b] if *a != 0 && *b != 0 => Some(UTF_16BE),
        _ => mark.filter(|m| *m != UTF_8),
    };
    if let Some(wide) = wide {
        return Ok(found(wide));
    }
    let Characters { good, bad, has_escapes } = characters(open()).map_err(failed)?;
    if name.is_none() && mark.is_none() && has_escapes && good + bad == 0 && is_iso_2022_jp(open()).map_err(failed)? {
        return Ok(Found { encoding: enc::ISO_2022_JP, is_damaged: false, is_guess: true });
    }
    if mark.is_some() || name.is_some() || good >= bad {
        return Ok(Found { is_damaged: bad > 0, ..found(UTF_8) });
    }
    guess(open(), shown)
}

/// What a file holds as UTF-8.
struct Characters {
    /// Characters beyond ASCII.
    good: u64,
    /// Runs of bytes that are none.
    bad: u64,
    /// The byte that begins the sequences by which encodings of 7 bits change their characters.
    has_escapes: bool,
}

/// Counts the characters of a file, read once, in pieces.
fn characters(mut file: impl Read) -> io::Result<Characters> {
    let mut buffer = vec![0; 1 << 16];
    let (mut kept, mut good, mut bad, mut has_escapes) = (0, 0, 0, false);
    loop {
        let n = file.read(&mut buffer[kept..])?;
        let have = kept + n;
        has_escapes = has_escapes || buffer[kept..have].contains(&0x1b);
        let mut done = 0;
        kept = 0;
        while done < have {
            let rest = &buffer[done..have];
            let (valid, invalid) = match std::str::from_utf8(rest) {
                Ok(_) => (rest.len(), 0),
                Err(e) => (e.valid_up_to(), e.error_len().unwrap_or(rest.len() - e.valid_up_to())),
            };
            if !rest[..valid].is_ascii() {
                // Every character beyond ASCII has one byte like this.
                good += rest[..valid].iter().filter(|b| **b >= 0xc0).count() as u64;
            }
            done += valid;
            if invalid > 0 && done + invalid == have && n > 0 {
                // A character may be cut off at the end of a piece.
                kept = invalid;
                break;
            }
            bad += u64::from(invalid > 0);
            done += invalid;
        }
        if n == 0 {
            return Ok(Characters { good, bad, has_escapes });
        }
        buffer.copy_within(have - kept..have, 0);
    }
}

/// Whether a file decodes whole as ISO-2022-JP and has Japanese in it. No other encoding is near: without its sequences of
/// escape characters, which are in no text, it is ASCII.
fn is_iso_2022_jp(mut file: impl Read) -> io::Result<bool> {
    let mut decoder = enc::ISO_2022_JP.new_decoder_without_bom_handling();
    let (mut bytes, mut text) = (vec![0; 1 << 14], String::with_capacity(1 << 17));
    let mut has_any = false;
    loop {
        let n = file.read(&mut bytes)?;
        // Room for the longest text that so many bytes are.
        text.clear();
        text.reserve(decoder.max_utf8_buffer_length_without_replacement(n).unwrap_or(0));
        let (result, _) = decoder.decode_to_string_without_replacement(&bytes[..n], &mut text, n == 0);
        if result != DecoderResult::InputEmpty {
            return Ok(false);
        }
        has_any = has_any || !text.is_ascii();
        if n == 0 {
            return Ok(has_any);
        }
    }
}

/// The usual encodings of files that are not Unicode.
const USUAL: [&Encoding; 24] = [
    enc::WINDOWS_1252,
    enc::WINDOWS_1250,
    enc::WINDOWS_1251,
    enc::WINDOWS_1253,
    enc::WINDOWS_1254,
    enc::WINDOWS_1255,
    enc::WINDOWS_1256,
    enc::WINDOWS_1257,
    enc::WINDOWS_1258,
    enc::WINDOWS_874,
    enc::ISO_8859_2,
    enc::ISO_8859_5,
    enc::ISO_8859_7,
    enc::ISO_8859_15,
    enc::KOI8_R,
    enc::KOI8_U,
    enc::IBM866,
    enc::MACINTOSH,
    enc::X_MAC_CYRILLIC,
    enc::GBK,
    enc::BIG5,
    enc::SHIFT_JIS,
    enc::EUC_JP,
    enc::EUC_KR,
];

/// Parts of the text that must be guessed the same.
const PARTS: usize = 4;

/// Characters beyond ASCII that each part must have.
const ENOUGH: usize = 24;

/// Different words that are remembered; beyond, a word that comes again counts again.
const REMEMBERED: usize = 50_000;

/// Bytes of the longest word: what is longer is read in pieces.
const LONGEST_WORD: usize = 1 << 12;

/// An encoding that a file may be in.
struct Candidate {
    encoding: &'static Encoding,
    is_possible: bool,
    /// Words that are none in any language.
    odd: usize,
    /// Tells whether two candidates give the same text.
    text: DefaultHasher,
    /// Characters beyond ASCII in each part.
    characters: [usize; PARTS],
}

impl Candidate {
    /// Reads a word of the file.
    fn read(&mut self, word: &[u8], part: usize) {
        if !self.is_possible {
            return;
        }
        let decoded = self.encoding.decode_without_bom_handling_and_without_replacement(word);
        let Some(text) = decoded.filter(|text| self.is_text(word, text)) else {
            self.is_possible = false;
            return;
        };
        text.hash(&mut self.text);
        self.odd += usize::from(!is_word_like(&text));
        self.characters[part] += text.chars().filter(|c| !c.is_ascii()).count();
    }

    /// Whether it is what was written, and nothing that nobody writes.
    fn is_text(&self, word: &[u8], text: &str) -> bool {
        let is_none = |c: char| matches!(c, '\u{80}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fffd}');
        let (again, _, has_lost) = self.encoding.encode(text);
        !text.contains(is_none) && !has_lost && again == Cow::Borrowed(word)
    }

    /// Whether more than a few of its words are none.
    fn has_odd(&self, words: usize, percent: usize) -> bool {
        self.odd * 100 > words * percent
    }
}

/// The words of a file that are not ASCII, all different, and what they tell.
struct Guess {
    candidates: Vec<Candidate>,
    whole: EncodingDetector,
    parts: Vec<EncodingDetector>,
    seen: HashSet<Vec<u8>>,
    words: usize,
}

impl Guess {
    fn new() -> Guess {
        let candidate = |encoding| Candidate {
            encoding,
            is_possible: true,
            odd: 0,
            text: DefaultHasher::new(),
            characters: [0; PARTS],
        };
        let detector = || EncodingDetector::new(Iso2022JpDetection::Deny);
        Guess {
            candidates: USUAL.into_iter().map(candidate).collect(),
            whole: detector(),
            parts: (0..PARTS).map(|_| detector()).collect(),
            seen: HashSet::new(),
            words: 0,
        }
    }

    fn read(&mut self, word: &[u8]) {
        if word.is_ascii() || self.seen.contains(word) {
            return;
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        self.seen.insert(word.to_vec());
        let part = self.words % PARTS;
        self.words += 1;
        for candidate in &mut self.candidates {
            candidate.read(word, part);
        }
        for detector in [&mut self.whole, &mut self.parts[part]] {
            detector.feed(word, false);
            detector.feed(b" ", false);
        }
    }

    /// The best guess, and whether it is safe.
    fn result(mut self) -> (&'static Encoding, bool) {
        let guess = |detector: &mut EncodingDetector| {
            detector.feed(b"", true);
            detector.guess(None, Utf8Detection::Deny)
        };
        let best = guess(&mut self.whole);
        let words = self.words;
        let Some(own) = self.candidates.iter().find(|c| c.encoding == best) else {
            // What hardly any file is in is no help: the first usual one is that reads it.
            let likely = self.candidates.iter().find(|c| c.is_possible && !c.has_odd(words, 10));
            return (likely.map_or(best, |c| c.encoding), false);
        };
        if !own.is_possible || own.has_odd(words, 2) {
            return (best, false);
        }
        let text = own.text.finish();
        let is_rival = |c: &Candidate| c.is_possible && !c.has_odd(words, 10) && c.text.finish() != text;
        if !self.candidates.iter().any(is_rival) {
            return (best, true);
        }
        let is_enough = own.characters.iter().all(|n| *n >= ENOUGH);
        (best, is_enough && self.parts.iter_mut().all(|part| guess(part) == best))
    }
}

/// Guesses, and refuses where that is not safe.
fn guess(mut file: impl Read, shown: &str) -> Result<Found> {
    let mut guess = Guess::new();
    let mut word = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer).map_err(|e| unreadable(shown, &e))?;
        for byte in &buffer[..n] {
            // None of these is ever the second byte of a character.
            let is_between = matches!(byte, 0..=0x2f | 0x3a..=0x3f);
            if !is_between {
                word.push(*byte);
            }
            if (is_between && !word.is_empty()) || word.len() >= LONGEST_WORD {
                guess.read(&word);
                word.clear();
            }
        }
        if n == 0 {
            guess.read(&word);
            break;
        }
    }
    let (encoding, is_safe) = guess.result();
    if is_safe {
        return Ok(Found { encoding, is_damaged: false, is_guess: true });
    }
    let sentence = format!("{shown} is neither UTF-8 nor UTF-16, and what else it is can't be told for sure");
    Err(Problem::invalid(sentence)
        .hint(format!("--encoding {} is the best guess", encoding.name().to_lowercase()))
        .hint("--encoding names the encoding; or save the file as UTF-8")
        .into())
}

/// Scripts whose letters don't stand beside those of another in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Thai,
    Kana,
    Hangul,
    Han,
}

fn script(c: char) -> Option<Script> {
    Some(match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' => Script::Latin,
        '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
        '\u{370}'..='\u{3ff}' => Script::Greek,
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        '\u{590}'..='\u{5ff}' => Script::Hebrew,
        '\u{600}'..='\u{6ff}' => Script::Arabic,
        '\u{e00}'..='\u{e7f}' => Script::Thai,
        '\u{3040}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9f}' => Script::Kana,
        '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7af}' => Script::Hangul,
        '\u{2e80}'..='\u{2fdf}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => Script::Han,
        _ => return None,
    })
}

/// Whether two letters may stand side by side: what is written in one word is of one script, but for Chinese characters
/// among Kana, and a small letter is not followed by a capital one that has an accent.
fn go_together(a: char, b: char) -> bool {
    let (Some(first), Some(second)) = (script(a), script(b)) else { return true };
    let is_japanese = |s| matches!(s, Script::Kana | Script::Han);
    let is_east_asian = |s| matches!(s, Script::Kana | Script::Han | Script::Hangul);
    let scripts = first == second
        || (is_japanese(first) && is_japanese(second))
        // `A株式会社`; but a single byte among letters is no Kana.
        || (a.is_ascii() && is_east_asian(second) && !matches!(b, '\u{ff66}'..='\u{ff9f}'))
        || (b.is_ascii() && is_east_asian(first) && !matches!(a, '\u{ff66}'..='\u{ff9f}'));
    scripts && ((a.is_ascii() && b.is_ascii()) || !(a.is_lowercase() && b.is_uppercase()))
}

/// Signs that no letter follows.
fn is_sign(c: char) -> bool {
    matches!(c, '£' | '¤' | '¥' | '¦' | '§' | '¨' | '©' | '¬' | '®' | '¯' | '°' | '±' | '²' | '³' | '´' | '¶' | '¸' | '¹' | '¼' | '½'
        | '¾' | '×' | '÷' | '†' | '‡' | '‰' | '\u{2c6}'..='\u{2df}' | '\u{2200}'..='\u{22ff}')
}

/// Whether a text without blanks could be written by somebody.
fn is_word_like(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let is_letter = |c: char| script(c).is_some();
    let pairs = letters.windows(2).all(|w| {
        go_together(w[0], w[1])
            && !(is_sign(w[0]) && is_letter(w[1]))
            // A letter before `¿` or `£` is one of another encoding; `m²`, `80°` and the like are not.
            && !(is_letter(w[0]) && matches!(w[1], '£' | '¤' | '¥' | '¦' | '¨' | '¬' | '¯' | '±' | '´' | '¸' | '¼' | '½' | '¾' | '×' | '÷' | '¿' | '¡'))
    });
    let between = letters.windows(3).all(|w| {
        let is_joint = w[1].is_ascii()
            || is_letter(w[1])
            || matches!(w[1], '’' | '‘' | '·' | '‐' | '‑' | '–' | '—' | '…' | 'ª' | 'º' | '・' | 'ー');
        is_joint || w[1].is_alphanumeric() || !(is_letter(w[0]) && is_letter(w[2]))
    });
    let is_accented = |c: &char| !c.is_ascii() && script(*c) == Some(Script::Latin);
    let drawn = letters.iter().any(|c| matches!(c, '\u{2500}'..='\u{259f}'));
    pairs && between && !drawn && !letters.windows(4).any(|w| w.iter().all(is_accented))
}

/// What becomes of a file that can't be read.
pub fn unreadable(shown: &str, e: &io::Error) -> Problem {
    let missing =
        (e.kind() == io::ErrorKind::NotFound).then_some("FILE is a file of CSV or JSON, or - for standard input");
    Problem::failed(format!("can't read {shown}: {}", io_message(e))).hint_maybe(missing.map(str::to_owned))
}
