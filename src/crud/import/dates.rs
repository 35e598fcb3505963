//! Dates and times that a file writes otherwise than ISO 8601: read where a format is said. Where none is, the formats that
//! would read all values of a column are kept in mind for a hint.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use chrono::DateTime;

use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Field};
use crate::model::values::dates::{ANY, DateFormat, format_names, matching_formats};
use crate::model::values::scalar::{fold, truncate};
use crate::model::values::value::{Value, ValueType};
use crate::model::values::zone::Zone;

/// The columns of a file that hold dates or times.
#[derive(Default)]
pub struct Dates(Vec<Column>);

/// What a column of days or moments holds: a field by its name, or what is sealed.
pub type Dated = (&'static str, ValueType);

struct Column {
    of: Dated,
    format: Option<DateFormat>,
    /// Usual formats by which all values so far are dates.
    fitting: AtomicU32,
}

impl Dates {
    /// Formats by the names of their fields.
    pub fn new(columns: impl Iterator<Item = Dated>, formats: &[(String, String)]) -> Result<Dates> {
        let column = |of: Dated| {
            let said = formats.iter().find(|(name, _)| name == of.0);
            let format = said.map(|(_, said)| DateFormat::of(said)).transpose()?;
            Ok(Column { of, format, fitting: AtomicU32::new(ANY) })
        };
        Ok(Dates(columns.map(column).collect::<Result<_>>()?))
    }

    /// The day or the moment that a cell means by the format of its column; none where the column has no format. A time that
    /// says its zone, as an export writes it, needs none.
    pub fn read(&self, name: &str, text: &str, zone: Zone) -> Option<Result<Value, String>> {
        let column = self.0.iter().find(|c| c.of.0 == name)?;
        let is_moment = column.of.1 == ValueType::Time;
        if is_moment && DateTime::parse_from_rfc3339(text.trim()).is_ok() {
            column.fitting.store(0, Ordering::Relaxed);
            return None;
        }
        let Some(format) = &column.format else {
            if column.fitting.load(Ordering::Relaxed) != 0 {
                column.fitting.fetch_and(matching_formats(text, is_moment), Ordering::Relaxed);
            }
            return None;
        };
        if !is_moment {
            return Some(format.read(text).map(Value::Date));
        }
        let instant =
            |wall| zone.instant(wall).map(Value::Time).ok_or_else(|| "is at an end of the calendar".to_owned());
        Some(format.read_time(text).and_then(instant))
    }

    /// Columns that a usual format would read, with those that would.
    pub fn readable(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let fitting =
            |c: &Column| Some(c.fitting.load(Ordering::Relaxed)).filter(|f| *f != ANY).map_or(Vec::new(), format_names);
        let columns = self.0.iter().filter(|c| c.format.is_none()).map(|c| (c.of.0, fitting(c)));
        columns.filter(|(_, formats)| !formats.is_empty()).collect()
    }
}

/// What to say of a column that usual formats would read.
pub fn hint(name: &str, formats: &[&str]) -> String {
    match formats {
        [only] => format!("--date-format '{name}={only}' reads the dates in {name}"),
        several => {
            let flags: Vec<String> = several.iter().map(|f| format!("'{name}={f}'")).collect();
            format!("the dates in {name} are ambiguous: --date-format {} says which is meant", flags.join(" or "))
        }
    }
}

/// A field that holds days or moments.
pub fn dated(field: &'static Field) -> Option<Dated> {
    matches!(field.ty.kind, ValueType::Date | ValueType::Time).then(|| (field.name(), field.ty.kind))
}

/// The columns of days or moments, by their places and names: fields, and what is sealed.
pub fn columns<'a>(
    desc: &'static Descriptor,
    columns: &'a [Option<String>],
    (sealed, dated): (&[(usize, &'static str)], &[Dated]),
) -> Vec<(usize, &'a str)> {
    let is_dated = |name: &str| desc.field(name).is_some_and(|field| self::dated(field).is_some());
    let fields = columns.iter().enumerate().filter_map(|(at, name)| Some((at, name.as_deref()?)));
    let sealed = sealed.iter().copied().filter(|(_, what)| dated.iter().any(|(name, _)| name == what));
    fields.filter(|(_, name)| is_dated(name)).chain(sealed).collect()
}

/// What `--date-format` says: for each column of dates or times in the file, by their places and names, its format.
pub fn formats(
    desc: &'static Descriptor,
    header: &[String],
    columns: &[(usize, &str)],
    given: &[String],
) -> Result<Vec<(String, String)>> {
    let mut formats: Vec<(String, String)> = Vec::new();
    let dates: Vec<&str> = columns.iter().map(|(_, name)| *name).collect();
    let mut of_all: Option<&str> = None;
    for text in given {
        let wrong = |why: String| Problem::usage(format!("--date-format {}: {why}", truncate(text)));
        let Some((name, said)) = text.split_once('=') else {
            DateFormat::of(text)?;
            if of_all.replace(text).is_some() {
                return Err(wrong("another format is given for all columns".into())
                    .hint(format!(
                        "--date-format '{}=DD/MM/YYYY' gives one column its own",
                        dates.first().unwrap_or(&"COLUMN")
                    ))
                    .into());
            }
            continue;
        };
        let is_headed = |(at, of): &&(usize, &str)| fold(&header[*at]) == fold(name) || fold(of) == fold(name);
        let in_file = columns.iter().find(is_headed).map(|(_, of)| *of);
        let field = in_file.or_else(|| desc.field_for_header(name.trim()).map(Field::name));
        let Some(field) = field.filter(|f| dates.contains(f)) else {
            let known = if dates.is_empty() { "none".to_owned() } else { dates.join(", ") };
            return Err(wrong(format!("the file has no dates in '{}'", truncate(name.trim())))
                .hint(format!("columns of dates: {known}"))
                .into());
        };
        DateFormat::of(said)?;
        if formats.iter().any(|(known, _)| known == field) {
            return Err(wrong(format!("{field} has another format already")).hint("leave one of the two out").into());
        }
        formats.push((field.to_owned(), said.to_owned()));
    }
    if let Some(said) = of_all {
        if dates.is_empty() {
            let sentence = format!("--date-format {}: no column of the file holds dates", truncate(said));
            return Err(Problem::usage(sentence).hint("leave it out").into());
        }
        let others: Vec<&str> = dates.into_iter().filter(|d| formats.iter().all(|(known, _)| known != d)).collect();
        formats.extend(others.into_iter().map(|d| (d.to_owned(), said.to_owned())));
    }
    Ok(formats)
}
