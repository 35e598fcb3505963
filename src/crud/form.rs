//! A record as a commented TOML form, for `--edit`: made from the descriptor, and read back.

use toml::Value as Toml;

use crate::model::problem::{Problem, nearest};
use crate::model::resource::Field;
use crate::model::values::scalar::{FieldKind, truncate};
use crate::model::values::value::ValueType;

/// A field with its input form; empty where it has nothing.
pub type FormLine = (&'static Field, String);

/// Marks lines that tell what was wrong; they stand at the top, and go when the form is read.
const WRONG: &str = "# error:";
const HINT: &str = "# hint:";

/// Writes the form: the header, then every field below what it is.
pub fn write(header: &[String], lines: &[FormLine]) -> String {
    let mut text: String = header.iter().map(|l| comment(l)).collect();
    for (field, value) in lines {
        text.push('\n');
        text.push_str(&comment(field.help));
        text.push_str(&comment(&about(field)));
        text.push_str(&format!("{} = {}\n", field.name(), literal(field, value)));
    }
    text
}

/// A comment of one line, whatever the text.
fn comment(text: &str) -> String {
    format!("# {}\n", crate::ui::text::visible(text))
}

/// `CHOICE, required: one of a, b, c (default: a)`, `TEXT of at most 200 characters, optional`
fn about(field: &Field) -> String {
    let mut about = match field.target() {
        Some(target) => format!("{} of {}", field.ty.label, target.indefinite()),
        None => field.ty.label.to_owned(),
    };
    if field.ty.max > 0 {
        about.push_str(&format!(" of at most {} characters", field.ty.max));
    }
    about.push_str(match (field.ty.required, field.generator()) {
        (true, Some(_)) => ", made where none is given",
        (true, None) => ", required",
        (false, _) => ", optional",
    });
    if let FieldKind::Choice(words) = field.ty.role {
        about.push_str(&format!(": one of {}", words.join(", ")));
    }
    if let Some(default) = field.default() {
        about.push_str(&format!(" (default: {default})"));
    }
    about
}

/// A value as TOML writes it: numbers and truths bare, all else in quotes.
fn literal(field: &Field, value: &str) -> String {
    let bare = match field.ty.kind {
        ValueType::Int => value.parse().ok().map(Toml::Integer),
        ValueType::Bool => match value {
            "true" | "yes" => Some(Toml::Boolean(true)),
            "false" | "no" => Some(Toml::Boolean(false)),
            _ => None,
        },
        _ => None,
    };
    bare.unwrap_or_else(|| Toml::String(value.to_owned())).to_string()
}

/// Whether nothing but comments and blanks is left: then nothing is wanted.
pub fn is_blank(text: &str) -> bool {
    text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#'))
}

/// Reads the form; every line that can't be read, in words.
pub fn read(fields: &[&'static Field], text: &str) -> Result<Vec<FormLine>, Vec<Problem>> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let hint = "text stands in quotes: name = \"Fort Road\"";
        vec![Problem::invalid(format!("line {line}: {}", e.message().replace('\n', ", "))).hint(hint)]
    })?;
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (name, value) in table {
        match fields.iter().copied().find(|f| f.name() == name) {
            Some(field) => match input(field, &value) {
                Ok(text) => lines.push((field, text)),
                Err(problem) => wrong.push(problem),
            },
            None => wrong.push(unknown(fields, &name)),
        }
    }
    if wrong.is_empty() { Ok(lines) } else { Err(wrong) }
}

fn unknown(fields: &[&'static Field], name: &str) -> Problem {
    let known: Vec<&str> = fields.iter().map(|f| f.name()).collect();
    let meant = nearest(name, known.iter().copied()).map(|m| format!("did you mean {m}?"));
    Problem::invalid(format!("there is no field '{}' in this form", truncate(name)))
        .hint_maybe(meant)
        .hint(format!("fields: {}", known.join(", ")))
}

/// The input form of what stands in the file. A bare number would lose the `+` of a phone or the noughts of a code.
fn input(field: &'static Field, value: &Toml) -> Result<String, Problem> {
    match (value, field.ty.kind) {
        (Toml::String(text), _) => Ok(text.clone()),
        (Toml::Integer(n), ValueType::Int) => Ok(n.to_string()),
        (Toml::Boolean(b), ValueType::Bool) => Ok(b.to_string()),
        (Toml::Datetime(t), ValueType::Time) => Ok(t.to_string()),
        _ => {
            Err(Problem::invalid(format!("{0} is not in quotes: write {0} = \"...\"", field.name()))
                .field(field.name()))
        }
    }
}

/// Puts what was wrong above the form, for the next round.
pub fn with_problems(problems: &[Problem], text: &str) -> String {
    let mut all = String::new();
    for p in problems {
        all.push_str(&format!("{WRONG} {}\n", crate::ui::text::visible(&p.sentence)));
        all.extend(p.hints.iter().map(|h| format!("{HINT} {}\n", crate::ui::text::visible(h))));
    }
    all + text
}

/// Takes it away again.
pub fn without_problems(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with(WRONG) || rest.starts_with(HINT) {
        rest = rest.split_once('\n').map_or("", |(_, below)| below);
    }
    rest
}
