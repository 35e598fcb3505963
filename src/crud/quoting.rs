//! Strict quoting: a CSV reader forgives a quote that is not closed by taking the rows that follow into one cell.

use std::io::{self, Read};

use crate::model::problem::Problem;

enum At {
    /// Before the first byte of a cell.
    Start,
    Bare,
    Quoted,
    /// After a quote in a quoted cell: its end, or the first half of a doubled one.
    Quote,
}

/// Reads it all and names the first quote that does not hold (RFC 4180, section 2). A quote inside a bare cell
/// (`5" pipe`) is text.
pub fn check(mut file: impl Read, delimiter: u8, shown: &str) -> io::Result<Result<(), Problem>> {
    let wrong = |line: u64, what: &str| {
        Problem::invalid(format!("{shown} line {line}: {what}"))
            .hint("is the file complete? in a quoted cell each quote is written twice")
    };
    let (mut at, mut line, mut opened) = (At::Start, 1, 0);
    let mut buffer = [0; 1 << 16];
    let mut first = true;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        let skip = if std::mem::take(&mut first) && buffer[..n].starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        for b in &buffer[skip..n] {
            let ends = *b == delimiter || matches!(b, b'\n' | b'\r');
            at = match (at, b) {
                (At::Start, b'"') => {
                    opened = line;
                    At::Quoted
                }
                (At::Quoted, b'"') => At::Quote,
                (At::Quoted, _) | (At::Quote, b'"') => At::Quoted,
                (_, _) if ends => At::Start,
                (At::Quote, _) => return Ok(Err(wrong(line, "text follows a closing quote"))),
                (At::Start | At::Bare, _) => At::Bare,
            };
            line += u64::from(*b == b'\n');
        }
    }
    Ok(if matches!(at, At::Quoted) { Err(wrong(opened, "a quote is not closed")) } else { Ok(()) })
}
