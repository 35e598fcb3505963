//! The clock is a parameter: who needs the time is given it.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};

/// Tells the time.
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;

    /// Whether it claims to tell the time of the world, and can be held against another clock that does.
    fn is_real_time(&self) -> bool {
        true
    }

    /// The time in whole microseconds, which is what both engines keep.
    fn micros(&self) -> DateTime<Utc> {
        let now = self.now();
        now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
    }
}
