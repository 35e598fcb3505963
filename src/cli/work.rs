//! What a command line leads to: a verb, done once or for each key by itself, or a command that was kept.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use anyhow::Result;
use clap::{ArgMatches, FromArgMatches as _};
use serde_json::json;

use super::commands::COMMANDS;
use super::program::{EachByItself, Found};
use super::verb::Done;
use crate::crud::flags::{Forced, Named};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Given, id};
use crate::crud::link::{LinkFlags, Linking};
use crate::crud::replay::run_again;
use crate::crud::stored::StoredCommand;
use crate::crud::transition::MoveFlags;
use crate::crud::{gate, keys, link, transition};
use crate::model::problem::{ErrorKind, Problem};
use crate::model::values::scalar::truncate;
use crate::store::records::Deleted;
use crate::ui::format::{self, Format, is_for_programs};
use crate::ui::{DataStream, Ui, error_of};

/// What an invocation is for.
#[derive(Clone, Copy)]
pub enum Work<'a> {
    Leaf(&'a Found, &'a ArgMatches),
    Stored(&'a StoredCommand),
}

impl Work<'_> {
    pub fn is_forced(&self) -> bool {
        match self {
            Work::Leaf(_, leaf) => OfAnyVerb::of(leaf).force,
            Work::Stored(stored) => stored.force,
        }
    }
}

/// Does it.
pub fn begin<'a>(s: &'a mut Invocation<'_>, work: Work<'a>) -> Done<'a> {
    match work {
        Work::Leaf(Found::Plain(_), _) => Box::pin(async { Ok(()) }),
        Work::Leaf(found, leaf) if OfAnyVerb::of(leaf).each => Box::pin(each(s, found, leaf)),
        Work::Leaf(found, leaf) => start(s, found, leaf),
        Work::Stored(stored) => Box::pin(run_again(s, COMMANDS, stored)),
    }
}

/// What the program itself takes of the flags of a verb, whichever it is.
struct OfAnyVerb {
    force: bool,
    /// The keys that it names are dealt with one by one.
    each: bool,
}

impl OfAnyVerb {
    fn of(leaf: &ArgMatches) -> OfAnyVerb {
        // An id that a leaf does not have is an error in a debug build, and not given in a release build.
        let is_on = |flag: &str| leaf.try_get_one::<bool>(flag).ok().flatten() == Some(&true);
        let has_keys = leaf.try_contains_id(id!(Named, key)).unwrap_or(false);
        OfAnyVerb { force: is_on(id!(Forced, force)), each: has_keys && is_on(id!(EachByItself, keep_going)) }
    }
}

fn start<'a>(s: &'a mut Invocation<'_>, found: &Found, leaf: &'a ArgMatches) -> Done<'a> {
    match *found {
        Found::Leaf(l) => (l.run)(s, leaf),
        Found::Generic(g, desc) => (g.run)(s, desc, leaf),
        Found::Move(t, desc) => Box::pin(async move {
            let flags = MoveFlags::read(&Given::new(leaf, s.kinds(), desc), t)?;
            transition::run(s, desc, t, flags).await
        }),
        Found::Link(linking, link) => Box::pin(async move {
            let flags = LinkFlags::read(&Given::new(leaf, s.kinds(), link.desc), linking, link)?;
            match linking {
                Linking::Assign => link::assign(s, link, &flags).await,
                Linking::Unassign => link::unassign(s, link, &flags).await,
            }
        }),
        Found::Plain(_) => Box::pin(async { Ok(()) }),
    }
}

/// Runs a leaf for each key by itself: what can't be done for one does not keep the others from being done.
async fn each(s: &mut Invocation<'_>, found: &Found, leaf: &ArgMatches) -> Result<()> {
    let desc = match found {
        Found::Generic(_, desc) | Found::Move(_, desc) => desc,
        Found::Link(_, link) => link.other.1,
        Found::Leaf(l) => s.kinds().by_noun(l.spec.noun).ok_or_else(|| anyhow::anyhow!("a verb of no resource"))?,
        Found::Plain(_) => return Ok(()),
    };
    let keys = keys::keys(s, desc, Deleted::Exclude, &Named::from_arg_matches(leaf)?.key).await?;
    let (mut done, mut failed) = (0_u64, 0_u64);
    let format = s.context.ui.style.format.get();
    let is_told = is_for_programs(&s.context.ui);
    let (mut results, mut refused) = (Vec::new(), Vec::new());
    for key in keys {
        s.outcome.targets.clear();
        s.outcome.only_key = Some(key.clone());
        // One document for all keys, so what is given for each is taken up first.
        let given = if is_told { Some(CapturedOutput::begin(&s.context.ui)) } else { None };
        let tried = start(s, found, leaf).await;
        let given = given.map_or_else(Vec::new, |given| given.end(&s.context.ui, format));
        results.extend(given);
        // What comes after a commit is about the next key.
        s.outcome.committing.set(false);
        match tried {
            Ok(()) => done += 1,
            Err(e) => {
                let problem = gate::in_words(s, e).downcast::<Problem>()?;
                failed += 1;
                if gate::is_recorded(s, problem.kind) {
                    refused.append(&mut s.outcome.targets);
                }
                results.push(json!({ "key": key, "error": error_of(&problem) }));
                s.context.ui.status(&format!("failed {}: {}", truncate(&key), problem.sentence));
            }
        }
        s.outcome.dealt_with.set(done + failed);
    }
    s.context.ui.status(&format!("done {done}, failed {failed}"));
    if is_told && !results.is_empty() {
        match format {
            Format::Ndjson => results.iter().try_for_each(|result| format::report(&s.context.ui, result))?,
            _ => format::report(&s.context.ui, &results.into())?,
        }
    }
    if let Some(first) = refused.first() {
        s.outcome.about = first.org;
        s.outcome.refused =
            [("done", done), ("failed", failed)].map(|(k, n)| (k.into(), n.into())).into_iter().collect();
    }
    s.outcome.targets = refused;
    match failed {
        0 => Ok(()),
        _ => Err(Problem::new(ErrorKind::Partial, format!("{failed} of {} could not be done", done + failed)).into()),
    }
}

/// Data taken up, as lines of JSON.
struct CapturedOutput {
    lines: Rc<RefCell<Vec<u8>>>,
    stdout: DataStream,
}

impl CapturedOutput {
    fn begin(ui: &Ui) -> CapturedOutput {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let to = Box::new(CaptureBuffer(Rc::clone(&lines)));
        let stdout = ui.redirect(DataStream { to, is_terminal: ui.stdout_is_terminal() });
        ui.style.format.set(Format::Ndjson);
        CapturedOutput { lines, stdout }
    }

    fn end(self, ui: &Ui, format: Format) -> Vec<serde_json::Value> {
        ui.redirect(self.stdout);
        ui.style.format.set(format);
        ui.has_data.set(false);
        let lines = self.lines.borrow();
        lines.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

struct CaptureBuffer(Rc<RefCell<Vec<u8>>>);

impl io::Write for CaptureBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
