//! How far long work has come: a bar on a terminal, a line now and then in a log, nothing where nobody reads.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two lines of a log.
const PAUSE: Duration = Duration::from_secs(5);

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(200);

/// Where progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Bar,
    Lines,
    Nothing,
}

/// The progress of one piece of work; clones tell of the same. By default it is told to nobody.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<Arc<Mutex<Inner>>>);

#[derive(Debug)]
struct Inner {
    shown: Shown,
    bar: ProgressBar,
    what: String,
    unit: &'static str,
    began: Instant,
    /// When the present part of the work began.
    part: Instant,
    told: Instant,
}

impl Progress {
    pub fn new(shown: Shown) -> Progress {
        if shown == Shown::Nothing {
            return Progress(None);
        }
        let now = Instant::now();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Progress(Some(Arc::new(Mutex::new(Inner {
            shown,
            bar,
            what: String::new(),
            unit: "",
            began: now,
            part: now,
            told: now,
        }))))
    }

    fn with(&self, tell: impl FnOnce(&mut Inner)) {
        if let Some(inner) = &self.0
            && let Ok(mut inner) = inner.lock()
        {
            tell(&mut inner);
        }
    }

    /// Whether anybody sees it.
    pub fn is_shown(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a part of the work: what is done, how much of it there is and in which unit (`rows`, `bytes`).
    pub fn part(&self, what: &str, total: Option<u64>, unit: &'static str) {
        self.with(|inner| {
            inner.what = what.to_owned();
            inner.unit = unit;
            inner.part = Instant::now();
            let bytes = unit == "bytes";
            let template = match (total, bytes) {
                (Some(_), false) => "{msg} {wide_bar} {human_pos}/{human_len} {rate} {eta}",
                (Some(_), true) => "{msg} {wide_bar} {bytes}/{total_bytes} {eta}",
                (None, _) => "{msg} {spinner}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                inner.bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
                    // A line that can't be drawn is no matter.
                    let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
                }));
            }
            match total {
                Some(total) => {
                    inner.bar.set_length(total);
                    inner.bar.disable_steady_tick();
                }
                None => {
                    inner.bar.unset_length();
                    inner.bar.enable_steady_tick(TICK);
                }
            }
            inner.bar.reset();
            inner.bar.set_message(what.to_owned());
        });
    }

    /// Says how much of the part is done.
    pub fn set(&self, done: u64) {
        self.with(|inner| {
            inner.bar.set_position(done);
            if inner.began.elapsed() < PATIENCE {
                return;
            }
            match inner.shown {
                Shown::Bar if inner.bar.is_hidden() => {
                    inner.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
                    inner.bar.tick();
                }
                Shown::Lines if inner.told.elapsed() >= PAUSE => {
                    inner.told = Instant::now();
                    // Where standard error is gone there is nobody to tell.
                    let _ = writeln!(io::stderr(), "{}", inner.line(done));
                }
                _ => {}
            }
        });
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.with(|inner| inner.bar.finish_and_clear());
    }
}

impl Inner {
    /// `importing: 300,000 of 1,000,000 rows (30 %), about 12 s left`
    fn line(&self, done: u64) -> String {
        let number = |n: u64| HumanCount(n).to_string();
        let Some(total) = self.bar.length().filter(|t| *t > 0) else {
            return format!("{}: {} {}", self.what, number(done), self.unit);
        };
        let seconds = self.part.elapsed().as_secs_f64() * total.saturating_sub(done) as f64 / (done.max(1)) as f64;
        format!(
            "{}: {} of {} {} ({} %), about {} s left",
            self.what,
            number(done),
            number(total),
            self.unit,
            done * 100 / total,
            seconds.ceil()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a log says: how much of how much, and how long at the pace so far.
    #[test]
    fn a_line_tells_what_is_left() {
        let progress = Progress::new(Shown::Lines);
        progress.part("writing", Some(1_000_000), "rows");
        progress.with(|inner| {
            inner.part = Instant::now().checked_sub(Duration::from_secs(30)).expect("the machine is older");
            // 300,000 in 30 s leave 70 s, and the moment that this takes.
            let line = inner.line(300_000);
            assert!(line.starts_with("writing: 300,000 of 1,000,000 rows (30 %), about 7"), "{line}");
        });
        progress.part("finishing", None, "rows");
        progress.with(|inner| assert_eq!(inner.line(5), "finishing: 5 rows"));
        assert!(!Progress::new(Shown::Nothing).is_shown());
    }
}
