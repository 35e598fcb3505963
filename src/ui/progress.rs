//! How far long work has come: a bar on a terminal, a line now and then in a log, nothing where nobody reads.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two lines of a log.
const PAUSE: Duration = Duration::from_secs(5);

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
    #[allow(clippy::disallowed_methods)]
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

    /// Begins a part of the work: what is done, how much of it there is and in which unit (`rows`, `bytes`).
    pub fn part(&self, what: &str, total: Option<u64>, unit: &'static str) {
        self.with(|inner| {
            inner.what = what.to_owned();
            inner.unit = unit;
            inner.part = Instant::now();
            let bytes = unit == "bytes";
            let template = match (total, bytes) {
                (Some(_), false) => "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}",
                (Some(_), true) => "{msg} {wide_bar} {bytes}/{total_bytes} {eta}",
                (None, _) => "{msg} {spinner} {human_pos} {per_sec}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                inner.bar.set_style(style);
            }
            match total {
                Some(total) => inner.bar.set_length(total),
                None => inner.bar.unset_length(),
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
        let number = |n: u64| indicatif::HumanCount(n).to_string();
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
