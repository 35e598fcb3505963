//! The operator's time zone: the one calendar by which a day that is asked about begins and ends.

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// By its name in the IANA database.
    Named(Tz),
    /// The machine's own.
    System,
}

/// The longest gap that a change of the clocks leaves: Samoa left out a whole day in 2011.
const LONGEST_GAP: TimeDelta = TimeDelta::hours(25);

/// Whether the variable TZ may name a zone: by a name of the IANA database, or in a form that only the system reads (an
/// offset as in `IST-5:30`, which has digits, a path, or one of its folders).
pub fn is_known(tz: &str) -> bool {
    let name = tz.strip_prefix(':').unwrap_or(tz);
    name.is_empty()
        || name.parse::<Tz>().is_ok()
        || name.contains(|c: char| c.is_ascii_digit())
        || ["/", "posix/", "right/", "localtime", "Factory"].iter().any(|start| name.starts_with(start))
}

/// The names of the IANA database.
pub fn names() -> impl Iterator<Item = &'static str> {
    chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name())
}

/// A span of time as people write it: `90s`, `30m`, `2h`, `7d` or `4w`. Which way it goes from now, the place tells.
pub fn span(text: &str) -> Option<TimeDelta> {
    let (at, unit) = text.char_indices().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    TimeDelta::try_seconds(i64::from(text[..at].parse::<u32>().ok()?) * seconds)
}

impl Zone {
    /// Its name in the IANA database; none where it is the machine's own.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Zone::Named(tz) => Some(tz.name()),
            Zone::System => None,
        }
    }

    /// The zone that the variable TZ names (POSIX.1-2017, section 8.3: an empty value is UTC); else the machine's. Forms
    /// that are no name, such as `IST-5:30` or a path, are left to the system, which reads the same variable.
    pub fn from_variable(tz: Option<&str>) -> Zone {
        let Some(name) = tz.map(|tz| tz.strip_prefix(':').unwrap_or(tz)) else { return Zone::System };
        if name.is_empty() { Zone::Named(Tz::UTC) } else { name.parse().map_or(Zone::System, Zone::Named) }
    }

    /// The instant of a time on the wall: the first of two where the clocks are set back, and the end of the gap where they
    /// are set forward past it. `None` at the ends of the calendar.
    pub fn instant(self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self {
            Zone::Named(tz) => instant(&tz, wall),
            Zone::System => instant(&Local, wall),
        }
    }

    /// A time as people write it: RFC 3339; or a day, or a day and a time, by the clocks of this zone. The second value is the
    /// end of what was named: of a day, the first instant of the next one.
    pub fn read(self, text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        if let Ok(t) = DateTime::parse_from_rfc3339(text) {
            return Some((t.to_utc(), t.to_utc()));
        }
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return self.day(day);
        }
        let forms = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"];
        let wall = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
        self.instant(wall).map(|t| (t, t))
    }

    /// The first instant of a day and that of the next one.
    pub fn day(self, day: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let start = self.instant(day.and_time(NaiveTime::MIN))?;
        Some((start, self.instant(day.succ_opt()?.and_time(NaiveTime::MIN))?))
    }

    /// The day on which an instant falls.
    pub fn date(self, at: DateTime<Utc>) -> NaiveDate {
        match self {
            Zone::Named(tz) => at.with_timezone(&tz).date_naive(),
            Zone::System => at.with_timezone(&Local).date_naive(),
        }
    }

    /// `2026-11-28 09:30:00 +05:30`
    pub fn to_seconds(self, at: DateTime<Utc>) -> String {
        const FORM: &str = "%Y-%m-%d %H:%M:%S %:z";
        match self {
            Zone::Named(tz) => at.with_timezone(&tz).format(FORM).to_string(),
            Zone::System => at.with_timezone(&Local).format(FORM).to_string(),
        }
    }
}

fn instant<Z: TimeZone>(zone: &Z, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    if let Some(found) = zone.from_local_datetime(&wall).earliest() {
        return Some(found.to_utc());
    }
    // Nobody's clock showed it. What the clocks showed before the gap tells how long ago that was.
    let before = wall.checked_sub_signed(LONGEST_GAP)?;
    let offset = zone.from_local_datetime(&before).earliest()?.offset().fix();
    let (mut low, mut high) = (before, wall);
    let shown = |utc: NaiveDateTime| zone.from_utc_datetime(&utc).naive_local();
    let offset = TimeDelta::seconds(offset.local_minus_utc().into());
    (low, high) = (low.checked_sub_signed(offset)?, high.checked_sub_signed(offset)?);
    // The first second whose wall time is not before the one that was left out.
    while high - low > TimeDelta::seconds(1) {
        let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
        if shown(middle) < wall { low = middle } else { high = middle }
    }
    Some(high.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(zone: &str, day: &str) -> [String; 2] {
        let (start, end) = Zone::from_variable(Some(zone)).day(day.parse().expect("a day")).expect("a day in range");
        [start.to_rfc3339(), end.to_rfc3339()]
    }

    /// Offsets as the IANA database has them.
    #[test]
    fn a_day_begins_when_the_clocks_say_so() {
        assert_eq!(day("Asia/Kolkata", "2026-11-21"), ["2026-11-20T18:30:00+00:00", "2026-11-21T18:30:00+00:00"]);
        assert_eq!(day("", "2026-11-21"), ["2026-11-21T00:00:00+00:00", "2026-11-22T00:00:00+00:00"]);
        // Europe/Berlin sets its clocks back on this day: it has 25 hours.
        assert_eq!(day("Europe/Berlin", "2026-10-25"), ["2026-10-24T22:00:00+00:00", "2026-10-25T23:00:00+00:00"]);
        // Africa/Cairo sets them forward at midnight: the day begins at one.
        assert_eq!(day("Africa/Cairo", "2024-04-26"), ["2024-04-25T22:00:00+00:00", "2024-04-26T21:00:00+00:00"]);
        // Apia left out the whole of 30 December 2011.
        assert_eq!(day(":Pacific/Apia", "2011-12-29"), ["2011-12-29T10:00:00+00:00", "2011-12-30T10:00:00+00:00"]);
        assert_eq!(day("Pacific/Apia", "2011-12-31"), ["2011-12-30T10:00:00+00:00", "2011-12-31T10:00:00+00:00"]);
    }

    #[test]
    fn an_instant_falls_on_one_day() {
        let at = "2026-11-20T18:30:00Z".parse().expect("a time");
        let zone = |name| Zone::from_variable(Some(name));
        assert_eq!(zone("Asia/Kolkata").date(at).to_string(), "2026-11-21");
        assert_eq!(zone("UTC").date(at).to_string(), "2026-11-20");
        assert_eq!(zone("Asia/Kolkata").to_seconds(at), "2026-11-21 00:00:00 +05:30");
        assert_eq!(Zone::from_variable(None), Zone::System);
        assert_eq!(Zone::from_variable(Some("IST-5:30")), Zone::System);
    }
}
