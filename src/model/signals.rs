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
