//! Whether a signal has come: what waits or works in this thread asks between two steps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

/// The process has one set of signals, and so one of these.
static SIGNALLED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// What is set by whoever listens for signals.
pub fn signalled() -> Arc<AtomicBool> {
    Arc::clone(&SIGNALLED)
}

/// Whether one has come.
pub fn has_come() -> bool {
    SIGNALLED.load(Ordering::SeqCst)
}

/// Whether a statement that takes its time is to end when a signal comes.
static HEEDED: AtomicBool = AtomicBool::new(false);

/// While it lives, a statement of this process ends when a signal comes: nothing is lost by that yet.
pub struct Heeding(());

/// Lets statements end when a signal comes.
pub fn heed() -> Heeding {
    HEEDED.store(true, Ordering::SeqCst);
    Heeding(())
}

impl Drop for Heeding {
    fn drop(&mut self) {
        HEEDED.store(false, Ordering::SeqCst);
    }
}

/// Whether the statement that is under way is to end.
pub fn ends_statement() -> bool {
    has_come() && HEEDED.load(Ordering::SeqCst)
}
