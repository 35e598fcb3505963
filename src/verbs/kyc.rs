//! Identity papers: numbers and names by themselves, which need no database, and the records of people that are submitted,
//! looked at and verified.

mod agreed;
mod asked;
pub mod batch;
mod brought;
mod cells;
mod cipher;
mod clear;
pub mod compare;
mod compared;
pub mod decide;
pub mod discard;
mod evidence;
pub mod expire;
pub mod export;
pub mod exposure;
pub mod find;
pub mod flags;
pub mod import;
pub mod matching;
pub mod merged;
mod owner_cells;
pub mod owners;
pub mod paper;
mod papers;
pub mod parties;
mod proprietor;
pub mod queue;
pub mod redact;
pub mod reveal;
pub mod review;
pub mod risk;
pub mod seal;
pub mod shown;
pub mod stats;
pub mod status;
pub mod submit;
pub mod validate;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Result;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::crud::context::Context;
use crate::model::kinds::kyc::{Kyc, KycKind};
use crate::model::problem::{Problem, io_message};
use crate::model::resource::states::Transition;
use crate::model::resource::stored::Stored;
use crate::model::resource::{Descriptor, Resource as _};
use crate::model::values::scalar::{ParseContext, Scalar};
use crate::store::engine::db::Db;
use crate::store::records;
use crate::ui::{bounded, interruptible};

const DESC: &Descriptor = Kyc::DESCRIPTOR;

/// Most bytes of what is read of a paper or of a provider.
const MOST: usize = bounded::SMALL;

/// A word of a closed set.
fn choice<T: Scalar>(text: &str) -> Result<T, Problem> {
    let value = (T::TYPE.parse)(text, &ParseContext::default()).map_err(Problem::invalid)?;
    T::from_value(&value).ok_or_else(|| Problem::invalid("it is none of the words that there are"))
}

/// A word of a closed set, which a flag or a field of this name gives.
fn choice_of<T: Scalar>(name: &str, text: &str) -> Result<T, Problem> {
    choice(text).map_err(|e| Problem { sentence: format!("{name} {}", e.sentence), ..e })
}

/// A move that records make.
fn move_of(verb: &str) -> Result<&'static Transition> {
    DESC.transitions().iter().find(|t| t.verb == verb).ok_or_else(|| anyhow::anyhow!("there is no move {verb}"))
}

/// That one of a kind waits, beside which another can't.
fn waits_already(record: &Stored<Kyc>) -> Problem {
    Problem::conflict(format!("{} waits already, and one of a kind waits at a time", record.record().title()))
        .hint("verify or reject it first: 'orgctl kyc show' tells whose it is to look at")
}

/// Refuses a paper beside another of its kind that waits.
fn none_waits(all: &[Stored<Kyc>], kind: KycKind) -> Result<(), Problem> {
    let waits = all.iter().find(|r| r.value.kind == kind && r.value.state.is_pending());
    waits.map_or(Ok(()), |waits| Err(waits_already(waits)))
}

/// All records of a person that are there.
async fn live_of(db: &mut Db, org: i32, user: Uuid) -> Result<Vec<Stored<Kyc>>> {
    let found = records::with_value(db, DESC, Some(org), DESC.known("user_id")?, &user.into()).await?;
    Ok(found.iter().map(Stored::from_record).collect::<Result<_, _>>()?)
}

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
