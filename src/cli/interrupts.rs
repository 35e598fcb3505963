//! Signals while a command is at work: the first ends it where that can be told the truth about, the second ends the process.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

use super::work::{self, Work};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::signals;

/// While this lives, a second signal ends the process at once, as if nobody listened: the first may be waiting for a
/// pipe that nobody reads. The database undoes what was not committed.
pub struct SecondSignal {
    ids: Vec<signal_hook::SigId>,
    seen: Arc<AtomicBool>,
}

impl SecondSignal {
    pub fn new() -> Result<SecondSignal> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use signal_hook::flag;
        let seen = signals::signalled();
        seen.store(false, Ordering::SeqCst);
        let mut ids = Vec::new();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal arms, the second finds it armed.
            ids.push(flag::register_conditional_default(signal, Arc::clone(&seen))?);
            ids.push(flag::register(signal, Arc::clone(&seen))?);
        }
        Ok(SecondSignal { ids, seen })
    }

    fn has_come(&self) -> bool {
        self.seen.load(Ordering::SeqCst)
    }

    /// Takes the first signal for none.
    fn disarm(&self) {
        self.seen.store(false, Ordering::SeqCst);
    }
}

impl Drop for SecondSignal {
    fn drop(&mut self) {
        for id in &self.ids {
            signal_hook::low_level::unregister(*id);
        }
    }
}

/// How long an editor may take to give the terminal back.
const EDITOR_ENDS: Duration = Duration::from_secs(2);

/// Runs the leaf until it ends or a signal comes. A commit under way is waited for, so that the exit code tells the
/// truth about it.
pub async fn until_signal(s: &mut Invocation<'_>, work: Work<'_>, second: Option<&SecondSignal>) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut int, mut term, mut hup) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let committing: Rc<Cell<bool>> = Rc::clone(&s.outcome.committing);
    let editing = Rc::clone(&s.context.ui.editing);
    gate::may_begin(s)?;
    let dealt_with = Rc::clone(&s.outcome.dealt_with);
    let mut work = work::begin(s, work);
    let mut has_ended = false;
    let kind = loop {
        tokio::select! {
            biased;
            // The terminal sends it to the editor too, which knows what to do with it.
            _ = int.recv() => if editing.runs() { second.inspect(|s| s.disarm()); } else { break ErrorKind::Interrupted },
            _ = term.recv() => break ErrorKind::Terminated,
            _ = hup.recv() => break ErrorKind::Terminated,
            done = &mut work, if !has_ended => {
                // It gave up waiting for a file, and the signal is only now on its way to here.
                if done.is_err() && !committing.get() && second.is_some_and(SecondSignal::has_come) {
                    has_ended = true;
                    continue;
                }
                return done;
            }
        }
    };
    // Under way, or done with a word yet to be said about it.
    if committing.get() && !has_ended {
        return work.await;
    }
    if editing.runs() && !has_ended {
        editing.stop();
        // One that takes longer is killed.
        let _ = tokio::time::timeout(EDITOR_ENDS, &mut work).await;
    }
    drop(work);
    s.context.ui.restore_terminal();
    let done = match dealt_with.get() {
        0 => "interrupted; nothing was changed".to_owned(),
        n => format!("interrupted after {n} were dealt with"),
    };
    Err(Problem::new(kind, done).into())
}
