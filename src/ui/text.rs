//! Text for people: made safe, times told relatively.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::values::unseen::is_format;

/// Shows control and direction characters as escapes, so that text from a database or a file can't steer a terminal.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let around = before.replace(c).zip(chars.peek().copied());
        match c {
            c if around.is_some_and(|(before, after)| joins(before, c, after)) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c.is_control() && (c as u32) < 0x100 => shown.push_str(&format!("\\x{:02x}", c as u32)),
            c if is_format(c) => shown.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => shown.push(c),
        }
    }
    shown
}

/// Whether a joiner does its work: it makes one sign of two emoji, or of letters of a script that needs it (Unicode
/// Standard, 23.2). Anywhere else it only hides.
fn joins(before: char, joiner: char, after: char) -> bool {
    // Arabic to Sinhala, Myanmar, Khmer, Mongolian.
    let is_joined = |c: char| {
        matches!(c, '\u{600}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}') && !is_format(c)
    };
    let is_emoji = |c: char| matches!(c, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}');
    match joiner {
        '\u{200d}' => is_joined(before) && is_joined(after) || is_emoji(before) && is_emoji(after),
        '\u{200c}' => is_joined(before) && is_joined(after),
        _ => false,
    }
}

/// `1.4 GB`: bytes by thousands, as disks are sold.
pub fn size(bytes: u64) -> String {
    let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].iter();
    let (mut n, mut unit) = (bytes as f64, "bytes");
    while n >= 999.5
        && let Some(next) = units.next()
    {
        (n, unit) = (n / 1000.0, next);
    }
    if unit == "bytes" || n >= 99.95 { format!("{n:.0} {unit}") } else { format!("{n:.1} {unit}") }
}

/// `3 hours ago`, `in 2 days`, `just now`.
pub fn relative(t: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let ahead = t > now;
    let d = if ahead { t - now } else { now - t };
    match d < TimeDelta::seconds(45) {
        true => "just now".into(),
        false if ahead => format!("in {}", duration(d)),
        false => format!("{} ago", duration(d)),
    }
}

/// `40 seconds`, `3 hours`, `13 months`: how long, in the unit that says most.
pub fn duration(d: TimeDelta) -> String {
    let (n, unit) = if d < TimeDelta::seconds(45) {
        (d.num_seconds(), "second")
    } else if d < TimeDelta::minutes(60) {
        (d.num_minutes().max(1), "minute")
    } else if d < TimeDelta::hours(48) {
        (d.num_hours(), "hour")
    } else if d < TimeDelta::days(60) {
        (d.num_days(), "day")
    } else if d < TimeDelta::days(730) {
        (d.num_days() / 30, "month")
    } else {
        (d.num_days() / 365, "year")
    };
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {unit}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_unit_that_says_most() {
        for (seconds, told) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (44, "44 seconds"),
            (45, "1 minute"),
            (3_599, "59 minutes"),
            (3_600, "1 hour"),
            (34_560_000, "13 months"),
            (63_072_000, "2 years"),
        ] {
            assert_eq!(duration(TimeDelta::seconds(seconds)), told);
        }
    }

    #[test]
    fn bytes_are_told_in_three_digits() {
        for (bytes, told) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (99_950, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_450_000_000, "1.4 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), told);
        }
    }
}
