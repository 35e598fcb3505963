//! Identity papers. What is here looks at numbers and names alone, and needs no database.

mod cells;
pub mod matching;
pub mod validate;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Result;
use zeroize::Zeroizing;

use crate::crud::context::Context;
use crate::model::problem::{Problem, io_message};
use crate::ui::interruptible;

/// Longer than any number or name.
const LONGEST: u64 = 1000;

/// Lines that nobody else may see: each is wiped when the next is read.
struct Lines {
    from: Box<dyn BufRead>,
    line: Zeroizing<Vec<u8>>,
    number: u64,
}

impl Lines {
    /// Of a file, or of standard input for `-`. What was given is never told: it may be a number.
    fn open(context: &Context<'_>, path: &str) -> Result<Lines> {
        let from: Box<dyn Read> = match path {
            "-" => context.ui.take_stdin(),
            path => Box::new(interruptible::open(Path::new(path)).map_err(|e| {
                Problem::failed(format!("can't read the file that was given: {}", io_message(&e))).hint(
                    "a number or name itself is never an argument, which others can see: '-' reads standard input",
                )
            })?),
        };
        let line = Zeroizing::new(Vec::with_capacity(usize::try_from(LONGEST)? + 1));
        Ok(Lines { from: Box::new(BufReader::new(from)), line, number: 0 })
    }

    /// The next line, without its end; none behind the last.
    fn next(&mut self) -> Result<Option<(u64, &str)>> {
        self.line.clear();
        let read = (&mut self.from).take(LONGEST + 1).read_until(b'\n', &mut self.line);
        let read = read.map_err(|e| Problem::failed(format!("can't read the lines: {}", io_message(&e))))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let number = self.number;
        if self.line.len() > usize::try_from(LONGEST)? {
            return Err(Problem::invalid(format!("line {number} is longer than {LONGEST} bytes")).into());
        }
        let text = std::str::from_utf8(&self.line);
        let text = text.map_err(|_| Problem::invalid(format!("line {number} is not UTF-8 text")))?;
        let text = if number == 1 { text.trim_start_matches('\u{feff}') } else { text };
        Ok(Some((number, text.trim_end_matches(['\n', '\r']))))
    }
}
