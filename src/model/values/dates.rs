//! Dates as other programs write them: read by a format that is said, never by a guess. Days first or months first?
//! Nothing in `03/04/1990` tells.

use std::sync::LazyLock;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::scalar::{truncate, without_midnight};
use crate::model::problem::Problem;

/// How a date is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DateFormat {
    Parts(Vec<Part>),
    /// The number of a day in the 1900 system of spreadsheets (ECMA-376, part 1, section 18.17.4.1).
    Excel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Year,
    /// The name of a month, or its first three letters.
    MonthName {
        is_full: bool,
    },
    /// A month or a day by its number.
    Number {
        of: Element,
        is_padded: bool,
    },
    /// What stands between, as written.
    Between(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    Month,
    Day,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What is commonly written, and what is left out of question where it holds too: `DD/MM/YYYY` says all that `D/M/YYYY`
/// would.
const USUAL: [(&str, Option<&str>); 23] = [
    ("DD/MM/YYYY", None),
    ("MM/DD/YYYY", None),
    ("DD-MM-YYYY", None),
    ("MM-DD-YYYY", None),
    ("DD.MM.YYYY", None),
    ("YYYY/MM/DD", None),
    ("D MMM YYYY", None),
    ("DD-MMM-YYYY", None),
    ("D/M/YYYY", Some("DD/MM/YYYY")),
    ("M/D/YYYY", Some("MM/DD/YYYY")),
    ("D-M-YYYY", Some("DD-MM-YYYY")),
    ("M-D-YYYY", Some("MM-DD-YYYY")),
    ("D.M.YYYY", Some("DD.MM.YYYY")),
    ("YYYY/M/D", Some("YYYY/MM/DD")),
    ("YYYY.MM.DD", None),
    ("YYYYMMDD", None),
    ("DDMMMYYYY", None),
    ("DD/MMM/YYYY", None),
    ("D-MMM-YYYY", Some("DD-MMM-YYYY")),
    ("MMM D, YYYY", None),
    ("MMMM D, YYYY", Some("MMM D, YYYY")),
    ("D MMMM YYYY", Some("D MMM YYYY")),
    ("excel", None),
];

/// What a format may be made of.
const TOKENS: &str = "YYYY, MM, M, DD, D, MMM (Jan) and MMMM (January), with what stands between as it is written; \
                      or excel for the day numbers of spreadsheets";

impl DateFormat {
    /// Reads a format: `DD/MM/YYYY`.
    pub fn of(text: &str) -> Result<DateFormat, Problem> {
        let wrong = |why: String| {
            Problem::usage(format!("--date-format {}: {why}", truncate(text)))
                .hint(format!("a format is made of {TOKENS}"))
        };
        let text = text.trim();
        if text.eq_ignore_ascii_case("excel") {
            return Ok(DateFormat::Excel);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let run = rest.len() - rest.trim_start_matches(c).len();
            let (token, behind) = match c.is_alphanumeric() {
                true => rest.split_at(run),
                false => rest.split_at(c.len_utf8()),
            };
            parts.push(match token {
                "YYYY" => Part::Year,
                "YY" => return Err(wrong("a year has four digits: nothing tells the century of two".into())),
                "MMMM" | "MMM" => Part::MonthName { is_full: token.len() == 4 },
                "MM" | "M" => Part::Number { of: Element::Month, is_padded: token.len() == 2 },
                "DD" | "D" => Part::Number { of: Element::Day, is_padded: token.len() == 2 },
                _ if c.is_alphanumeric() || c.is_control() || c == '=' => {
                    return Err(wrong(format!("'{}' is no part of a date", truncate(token))));
                }
                _ => Part::Between(c),
            });
            rest = behind;
        }
        let count = |is: fn(&Part) -> bool| parts.iter().filter(|p| is(p)).count();
        let is_month = |p: &Part| matches!(p, Part::MonthName { .. } | Part::Number { of: Element::Month, .. });
        let is_day = |p: &Part| matches!(p, Part::Number { of: Element::Day, .. });
        if [count(|p| *p == Part::Year), count(is_month), count(is_day)] != [1; 3] {
            return Err(wrong("it has to name one year, one month and one day".into()));
        }
        let is_digits = |p: &Part| matches!(p, Part::Year | Part::Number { .. });
        let is_open = |p: &Part| matches!(p, Part::Number { is_padded: false, .. });
        if parts.windows(2).any(|w| is_digits(&w[0]) && is_digits(&w[1]) && w.iter().any(is_open)) {
            return Err(wrong("nothing tells where the day or the month ends".into()));
        }
        Ok(DateFormat::Parts(parts))
    }

    /// The day that a text means, or why it is none; to follow the field's name.
    pub fn read(&self, text: &str) -> Result<NaiveDate, String> {
        let text = without_midnight(text.trim());
        let day = match self {
            DateFormat::Parts(parts) => read_parts(parts, text),
            DateFormat::Excel => day_of_serial(text),
        };
        day.filter(|d| (1000..=9999).contains(&d.year())).ok_or_else(|| match self {
            DateFormat::Parts(_) => format!("must be a day written as {}, not '{}'", self.to_text(), truncate(text)),
            DateFormat::Excel => {
                format!("must be a whole day number of a spreadsheet (61 is 1900-03-01), not '{}'", truncate(text))
            }
        })
    }

    /// The time on the wall that a text means: the beginning of a day, or a day with a time behind it (`09:30`, `9:30 PM`). To
    /// a spreadsheet the time is the part behind the point.
    pub fn read_time(&self, text: &str) -> Result<NaiveDateTime, String> {
        let text = text.trim();
        let read = match self {
            DateFormat::Parts(_) => {
                let behind = text.char_indices().filter(|(_, c)| matches!(c, ' ' | 'T'));
                let mut split = behind.map(|(at, _)| (&text[..at], &text[at + 1..]));
                let with_time = split.find_map(|(day, time)| Some((day, time_of_day(time)?)));
                let (day, time) = with_time.unwrap_or((text, NaiveTime::MIN));
                self.read(day).ok().map(|day| day.and_time(time))
            }
            DateFormat::Excel => {
                let (days, part) = text.split_once('.').unwrap_or((text, "0"));
                let is_part = (1..=15).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
                let fraction = is_part.then(|| format!("0.{part}").parse::<f64>().ok()).flatten();
                let seconds = fraction.map(|n| (n * 86_400.0).round());
                let day = self.read(days).ok().map(|day| day.and_time(NaiveTime::MIN));
                #[expect(clippy::cast_possible_truncation, reason = "a day has 86,400 seconds")]
                day.zip(seconds).and_then(|(day, n)| day.checked_add_signed(TimeDelta::seconds(n as i64)))
            }
        };
        read.ok_or_else(|| match self {
            DateFormat::Parts(_) => {
                let said = self.to_text();
                format!("must be a day written as {said}, with or without a time behind it, not '{}'", truncate(text))
            }
            DateFormat::Excel => {
                format!("must be a day number of a spreadsheet (61.5 is noon on 1900-03-01), not '{}'", truncate(text))
            }
        })
    }

    /// The format as it is given.
    pub fn to_text(&self) -> String {
        let DateFormat::Parts(parts) = self else { return "excel".into() };
        let token = |p: &Part| match p {
            Part::Year => "YYYY".into(),
            Part::MonthName { is_full } => if *is_full { "MMMM" } else { "MMM" }.into(),
            Part::Number { of, is_padded } => {
                let letter = if *of == Element::Day { "D" } else { "M" };
                letter.repeat(1 + usize::from(*is_padded))
            }
            Part::Between(c) => c.to_string(),
        };
        parts.iter().map(token).collect()
    }
}

/// Takes between `least` and `most` digits from the front of a text.
fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let n = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    (n >= least).then(|| text.split_at(n)).and_then(|(digits, rest)| Some((digits.parse().ok()?, rest)))
}

/// Takes the name of a month from the front of a text, in any case.
fn month_name(text: &str, is_full: bool) -> Option<(u32, &str)> {
    let found = MONTHS.iter().zip(1..).find_map(|(name, month)| {
        let name = if is_full { name } else { &name[..3] };
        let head = text.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name))?;
        Some((month, &text[head.len()..]))
    });
    // `June` is no short name with something behind it.
    found.filter(|(_, rest)| !rest.starts_with(char::is_alphabetic))
}

fn read_parts(parts: &[Part], text: &str) -> Option<NaiveDate> {
    let (mut year, mut month, mut day) = (0, 0, 0);
    let mut rest = text;
    for part in parts {
        let (number, behind) = match part {
            Part::Between(c) => (0, rest.strip_prefix(*c)?),
            Part::Year => digits(rest, 4, 4)?,
            Part::MonthName { is_full } => month_name(rest, *is_full)?,
            Part::Number { is_padded, .. } => digits(rest, 1 + usize::from(*is_padded), 2)?,
        };
        match part {
            Part::Between(_) => {}
            Part::Year => year = i32::try_from(number).ok()?,
            Part::Number { of: Element::Day, .. } => day = number,
            Part::MonthName { .. } | Part::Number { of: Element::Month, .. } => month = number,
        }
        rest = behind;
    }
    NaiveDate::from_ymd_opt(year, month, day).filter(|_| rest.is_empty())
}

/// A time of the day, of 24 hours or of twice 12.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let forms = ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%I:%M %p", "%I:%M:%S %p"];
    forms.iter().find_map(|form| NaiveTime::parse_from_str(text.trim(), form).ok())
}

/// The 1900 system counts from 1900-01-01 as day 1, and has a 29 February 1900, day 60, that never was.
fn day_of_serial(text: &str) -> Option<NaiveDate> {
    let (serial, _) = digits(text, 1, 7).filter(|(n, rest)| rest.is_empty() && *n > 0 && *n != 60)?;
    let before_first = NaiveDate::from_ymd_opt(1899, 12, if serial < 60 { 31 } else { 30 })?;
    before_first.checked_add_days(chrono::Days::new(serial.into()))
}

/// A set of usual formats, for a column of which the values are seen one by one.
pub type FormatSet = u32;

/// All usual formats.
pub const ANY: FormatSet = (1 << USUAL.len()) - 1;

/// The usual formats by which a text is a day, or a moment.
pub fn matching_formats(text: &str, is_moment: bool) -> FormatSet {
    let is_fitting = |format: &DateFormat, text: &str| match is_moment {
        true => format.read_time(text).is_ok(),
        false => format.read(text).is_ok(),
    };
    static FORMATS: LazyLock<Vec<Option<DateFormat>>> =
        LazyLock::new(|| USUAL.iter().map(|(said, _)| DateFormat::of(said).ok()).collect());
    let fits = |format: &Option<DateFormat>| format.as_ref().is_some_and(|f| is_fitting(f, text));
    FORMATS.iter().enumerate().filter(|(_, format)| fits(format)).fold(0, |set, (i, _)| set | (1 << i))
}

/// The formats of a set, without those that only say less strictly what another says.
pub fn format_names(set: FormatSet) -> Vec<&'static str> {
    let fits = |said: &str| USUAL.iter().enumerate().any(|(i, (s, _))| *s == said && set & (1 << i) != 0);
    USUAL.iter().filter(|(said, strict)| fits(said) && strict.is_none_or(|s| !fits(s))).map(|(said, _)| *said).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(format: &str, text: &str) -> Option<String> {
        DateFormat::of(format).expect("a format").read(text).ok().map(|d| d.to_string())
    }

    #[test]
    fn dates_are_read_as_their_format_says() {
        for (format, text, day) in [
            ("DD/MM/YYYY", "03/04/1990", "1990-04-03"),
            ("MM/DD/YYYY", "03/04/1990", "1990-03-04"),
            ("D/M/YYYY", "3/4/1990", "1990-04-03"),
            ("D/M/YYYY", "3/4/1990 00:00:00", "1990-04-03"),
            ("DD/MM/YYYY", "03/04/1990 00:00", "1990-04-03"),
            ("D/M/YYYY", "03/04/1990", "1990-04-03"),
            ("DD.MM.YYYY", " 29.02.2024 ", "2024-02-29"),
            ("YYYYMMDD", "20240229", "2024-02-29"),
            ("D MMM YYYY", "5 sep 2001", "2001-09-05"),
            ("DD-MMM-YYYY", "05-MAY-2001", "2001-05-05"),
            ("MMMM D, YYYY", "May 31, 2001", "2001-05-31"),
            ("DDMMMYYYY", "31DEC1999", "1999-12-31"),
            ("excel", "1", "1900-01-01"),
            ("excel", "59", "1900-02-28"),
            ("excel", "61", "1900-03-01"),
            // 90 years, of which 22 are leap years from 1904 on, and the day that never was: 32850 + 22 + 1 + 1.
            ("Excel", "32874", "1990-01-01"),
            ("excel", "2958465", "9999-12-31"),
        ] {
            assert_eq!(read(format, text).as_deref(), Some(day), "{format} {text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_no_date() {
        for (format, text) in [
            ("DD/MM/YYYY", "3/4/1990"),
            ("DD/MM/YYYY", "03/04/90"),
            ("DD/MM/YYYY", "03-04-1990"),
            ("DD/MM/YYYY", "04/23/1990"),
            ("DD/MM/YYYY", "30/02/1990"),
            ("DD/MM/YYYY", "1990-04-03"),
            ("DD/MM/YYYY", "03/04/1990 00:01"),
            ("DD/MM/YYYY", "00:00"),
            ("DD/MM/YYYY", "03/04/0990"),
            ("D MMM YYYY", "3 June 1990"),
            ("D MMMM YYYY", "3 Jun 1990"),
            ("DD/MM/YYYY", "\u{0663}\u{0663}/04/1990"),
            ("excel", "60"),
            ("excel", "0"),
            ("excel", "-1"),
            ("excel", "32874.5"),
            ("excel", "2958466"),
            ("excel", "1990-01-01"),
            ("excel", "99999999999999999999"),
        ] {
            assert_eq!(read(format, text), None, "{format} {text}");
        }
        for format in [
            "",
            "DD/MM",
            "DD/MM/YY",
            "dd/mm/yyyy",
            "DD/MM/YYYY/DD",
            "DMYYYY",
            "YYYYMD",
            "DD/MM/YYYYT",
            "DDD/MM/YYYY",
            "iso",
            "%d/%m/%Y",
        ] {
            let wrong = DateFormat::of(format).expect_err(format);
            assert!(wrong.hints[0].contains("YYYY, MM, M, DD, D, MMM"), "{format}");
        }
    }

    #[test]
    fn a_time_may_stand_behind_a_day() {
        let read = |format, text| DateFormat::of(format).expect("a format").read_time(text).ok().map(|t| t.to_string());
        for (format, text, time) in [
            ("DD/MM/YYYY", "03/04/2027", "2027-04-03 00:00:00"),
            ("DD/MM/YYYY", "03/04/2027 9:30", "2027-04-03 09:30:00"),
            ("DD/MM/YYYY", "03/04/2027T09:30:15", "2027-04-03 09:30:15"),
            ("MM/DD/YYYY", "03/04/2027 9:30 PM", "2027-03-04 21:30:00"),
            ("MM/DD/YYYY", "03/04/2027 12:05:00 AM", "2027-03-04 00:05:00"),
            ("D MMM YYYY", "3 OCT 2027 23:59", "2027-10-03 23:59:00"),
            ("DDMMMYYYY", "03OCT2027", "2027-10-03 00:00:00"),
            ("excel", "61", "1900-03-01 00:00:00"),
            ("excel", "61.5", "1900-03-01 12:00:00"),
            // A third of a day is eight hours, as many digits as a spreadsheet writes.
            ("excel", "61.3333333333333", "1900-03-01 08:00:00"),
        ] {
            assert_eq!(read(format, text).as_deref(), Some(time), "{format} {text}");
        }
        for (format, text) in [
            ("DD/MM/YYYY", "03/04/2027 25:00"),
            ("DD/MM/YYYY", "03/04/2027 soon"),
            ("DD/MM/YYYY", "09:30"),
            ("DD/MM/YYYY", "2027-04-03T09:30:00Z"),
            ("excel", "61.5.5"),
            ("excel", "61,5"),
            ("excel", "-1.5"),
            ("excel", "60.5"),
        ] {
            assert_eq!(read(format, text), None, "{format} {text}");
        }
    }

    #[test]
    fn usual_formats_are_told_apart() {
        let of_all = |texts: &[&str]| format_names(texts.iter().fold(ANY, |set, t| set & matching_formats(t, false)));
        assert_eq!(of_all(&["23/04/1990", "03/04/1990"]), ["DD/MM/YYYY"]);
        assert_eq!(of_all(&["03/04/1990"]), ["DD/MM/YYYY", "MM/DD/YYYY"]);
        assert_eq!(of_all(&["3/4/1990", "4/23/1990"]), ["M/D/YYYY"]);
        assert_eq!(of_all(&["13-Apr-1990"]), ["DD-MMM-YYYY"]);
        assert_eq!(of_all(&["13-Apr-1990", "3-Apr-1990"]), ["D-MMM-YYYY"]);
        assert_eq!(of_all(&["03-04-1990"]), ["DD-MM-YYYY", "MM-DD-YYYY"]);
        assert_eq!(of_all(&["4-23-1990"]), ["M-D-YYYY"]);
        assert_eq!(of_all(&["19900423"]), ["YYYYMMDD"]);
        assert_eq!(of_all(&["32874", "45000"]), ["excel"]);
        assert_eq!(of_all(&["April 3, 1990"]), ["MMMM D, YYYY"]);
        assert_eq!(of_all(&["May 3, 1990"]), ["MMM D, YYYY"]);
        assert_eq!(of_all(&["23/04/1990", "04/23/1990"]), [""; 0]);
        assert_eq!(of_all(&["1990-04-23"]), [""; 0]);
    }

    fn written(format: &DateFormat, day: NaiveDate) -> String {
        let DateFormat::Parts(parts) = format else { return String::new() };
        let token = |p: &Part| match p {
            Part::Year => format!("{:04}", day.year()),
            Part::MonthName { is_full } => {
                let name = MONTHS[day.month0() as usize];
                if *is_full { name.to_owned() } else { name[..3].to_owned() }
            }
            Part::Number { of, is_padded } => {
                let n = if *of == Element::Day { day.day() } else { day.month() };
                if *is_padded { format!("{n:02}") } else { n.to_string() }
            }
            Part::Between(c) => c.to_string(),
        };
        parts.iter().map(token).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            days in 0_i64..3_287_181,
            format in prop::sample::select(vec![
                "DD/MM/YYYY", "M/D/YYYY", "YYYY-MM-DD", "YYYYMMDD", "D MMM YYYY", "MMMM D, YYYY", "DDMMMYYYY", "YYYY. M. D.",
            ]),
        ) {
            let first = NaiveDate::from_ymd_opt(1000, 1, 1).expect("a day");
            let day = first + chrono::TimeDelta::days(days);
            let format = DateFormat::of(format).expect("a format");
            prop_assert_eq!(format.read(&written(&format, day)), Ok(day));
        }

        #[test]
        fn no_text_breaks_the_reader(format in "\\PC{0,12}|[DMY/ =]{0,12}", text in "\\PC{0,16}") {
            if let Ok(format) = DateFormat::of(&format) {
                let _ = format.read(&text);
                prop_assert_eq!(DateFormat::of(&format.to_text()), Ok(format));
            }
            let _ = (matching_formats(&text, false), matching_formats(&text, true));
        }
    }
}
