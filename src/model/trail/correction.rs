//! Corrections of a wrong clock: which records they are, and what must hold of them. Times run forward, but for these; from
//! one on, what is before it counts as no later than it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value as Json;

use super::audit::{Action, CLOCK, Status};
use crate::model::values::value::{Value, ValueType};

/// How far the time that was typed may be from the record's own.
pub const CLOSE: TimeDelta = TimeDelta::minutes(10);

/// 2026-01-01 in microseconds. No trail is older than the program: a clock that says less is not set.
pub const EARLIEST: i64 = 1_767_225_600_000_000;

/// Whether a record is one. The header, which is hashed in clear, says so; one that was refused corrects nothing, and in the
/// midst of a command nothing can.
pub fn is_correction(kind: &str, action: &str, is_first: bool, status: &str) -> bool {
    is_first && kind == CLOCK && action == Action::ConfigChange.as_str() && status == Status::Success.as_str()
}

/// One of a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    pub tree: i32,
    pub seq: i64,
    pub at: DateTime<Utc>,
    /// What it says of itself; none where its payload is gone.
    pub says: Option<CorrectionPayload>,
}

/// The payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectionPayload {
    /// What the operator typed.
    pub now: DateTime<Utc>,
    /// The time of the record before it.
    pub last: DateTime<Utc>,
    /// The first record that was later, and how many were.
    pub first: i64,
    pub records: i64,
}

impl CorrectionPayload {
    pub fn read(payload: &Json) -> Option<CorrectionPayload> {
        let time = |name: &str| Value::from_json(ValueType::Time, &payload[name])?.as_time();
        Some(CorrectionPayload {
            now: time("now")?,
            last: time("last")?,
            first: payload["first"].as_i64()?,
            records: payload["records"].as_i64()?,
        })
    }
}

/// A command: when it counts as made, and its last record.
type TimeMark = (DateTime<Utc>, i64);

/// Most commands that are kept. Of a longer trail one in two, in four, and so on is, all over its length, and what is known
/// is known less exactly.
const MOST: usize = 1 << 16;

/// The times of a trail's commands as they go by, against which a correction is held.
#[derive(Debug)]
pub struct Times {
    /// In order: times run forward, and a correction makes one of all that were later.
    marks: Vec<TimeMark>,
    most: usize,
    /// One in so many commands is kept.
    stride: usize,
    /// Commands since the last one that is kept; the newest stands behind it meanwhile.
    since: usize,
    /// The last record in front of where it begins.
    begins: i64,
    /// Of the last command, as its clock said.
    last: Option<DateTime<Utc>>,
}

impl Times {
    pub fn new(begins: i64) -> Times {
        Times { marks: Vec::new(), most: MOST, stride: 1, since: 0, begins, last: None }
    }

    pub fn run_backwards_at(&self, at: DateTime<Utc>) -> bool {
        self.last.is_some_and(|last| at < last)
    }

    /// The next command.
    pub fn add(&mut self, at: DateTime<Utc>, last: i64) {
        self.last = self.last.max(Some(at));
        match self.marks.last_mut() {
            Some((before, seq)) if at <= *before => {
                *seq = last;
                return;
            }
            Some(newest) if self.since > 0 => *newest = (at, last),
            _ => self.marks.push((at, last)),
        }
        self.since = (self.since + 1) % self.stride;
        if self.marks.len() > self.most && self.since == 0 {
            let mut n = 0;
            self.marks.retain(|_| {
                n += 1;
                n % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// The next command, which is a correction.
    pub fn correct(&mut self, at: DateTime<Utc>, last: i64) {
        self.last = None;
        self.marks.truncate(self.marks.partition_point(|(before, _)| *before <= at));
        self.since = 0;
        self.add(at, last);
    }

    /// The last record that is no later than a time: the least and the most that it can be.
    fn last_up_to(&self, at: DateTime<Utc>) -> (i64, i64) {
        let n = self.marks.partition_point(|(before, _)| *before <= at);
        let Some((_, least)) = n.checked_sub(1).and_then(|i| self.marks.get(i)) else { return (0, self.begins) };
        let most = self.marks.get(n).filter(|_| self.stride > 1).map_or(*least, |(_, next)| next - 1);
        (*least, most)
    }

    /// Why a correction, which is the next record, does not follow from what was before it.
    pub fn refute(&self, c: &Correction) -> Option<&'static str> {
        if c.at.timestamp_micros() < EARLIEST {
            return Some("its time is of before orgctl was there");
        }
        if self.last.is_some_and(|last| last <= c.at) {
            return Some("nothing before it is later than it");
        }
        let says = c.says.as_ref()?;
        if (says.now - c.at).abs() > CLOSE {
            return Some("the time that it says was typed is not its own");
        }
        if self.last.is_some_and(|last| last != says.last) {
            return Some("it tells another time of the record before it");
        }
        let (least, most) = self.last_up_to(c.at);
        let is_right = (least..=most).contains(&says.first.saturating_sub(1))
            && says.first.checked_add(says.records) == Some(c.seq);
        (!is_right).then_some("it tells of other records than those that were later than it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(EARLIEST).expect("a time") + TimeDelta::minutes(minutes)
    }

    fn correction(seq: i64, time: i64, (now, last, first, records): (i64, i64, i64, i64)) -> Correction {
        let says = CorrectionPayload { now: at(now), last: at(last), first, records };
        Correction { tree: 1, seq, at: at(time), says: Some(says) }
    }

    /// Records 1 to 3 at 10, 4 at 20, 5 to 9 at 1000, 10 corrects at 30, 11 at 40, 12 at 2000, 13 corrects at 25.
    #[test]
    fn what_does_not_follow_is_refuted() {
        let mut times = Times::new(0);
        for (t, last) in [(10, 3), (20, 4), (1000, 9)] {
            times.add(at(t), last);
        }
        assert_eq!(times.refute(&correction(10, 30, (35, 1000, 5, 5))), None);
        for (wrong, why) in [
            (correction(10, -1, (0, 1000, 1, 9)), "before orgctl"),
            (correction(10, 1000, (1000, 1000, 10, 0)), "nothing before it"),
            (correction(10, 30, (41, 1000, 5, 5)), "was typed"),
            (correction(10, 30, (19, 1000, 5, 5)), "was typed"),
            (correction(10, 30, (30, 999, 5, 5)), "another time"),
            (correction(10, 30, (30, 1000, 4, 6)), "other records"),
            (correction(10, 30, (30, 1000, 5, 4)), "other records"),
            (correction(10, 30, (30, 1000, i64::MIN, i64::MAX)), "other records"),
        ] {
            assert!(times.refute(&wrong).is_some_and(|w| w.contains(why)), "{wrong:?}: {:?}", times.refute(&wrong));
        }
        // Where the payload is gone the header is all there is.
        assert_eq!(times.refute(&Correction { says: None, ..correction(10, 30, (0, 0, 0, 0)) }), None);
        times.correct(at(30), 10);
        for (t, last) in [(40, 11), (2000, 12)] {
            times.add(at(t), last);
        }
        assert_eq!(times.refute(&correction(13, 35, (35, 2000, 11, 2))), None);
        // 5 to 10 count as of 30, so they are later than this.
        assert_eq!(times.refute(&correction(13, 25, (25, 2000, 5, 8))), None);
        assert!(times.refute(&correction(13, 25, (25, 2000, 11, 2))).is_some());
    }

    #[test]
    fn a_long_trail_is_kept_in_part() {
        let mut times = Times { most: 8, ..Times::new(0) };
        (1..=100).for_each(|n| times.add(at(n), n));
        assert!(times.marks.len() <= 9);
        for n in 1..100 {
            let (least, most) = times.last_up_to(at(n));
            assert!((least..=most).contains(&n) && most - least < 64, "{n}: {least} to {most}");
        }
        assert_eq!(times.last_up_to(at(0)), (0, 0));
        assert_eq!(Times::new(7).last_up_to(at(0)), (0, 7));
    }
}
