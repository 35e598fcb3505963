//! `--filter`: words to conditions, and what they refer to, to ids.

use anyhow::Result;
use chrono::TimeDelta;
use uuid::Uuid;

use super::context::Context;
use super::invocation::Invocation;
use super::lookup::not_found;
use crate::model::kinds::org::{Org, SYSTEM};
use crate::model::problem::{ErrorKind, Problem, nearest};
use crate::model::resource::{Descriptor, Field, Resource as _};
use crate::model::values::scalar::{Scalar, fold, truncate};
use crate::model::values::value::{Value, ValueType};
use crate::model::values::zone::span;
use crate::store::records::query::{Condition, Op, column};
use crate::store::records::{self, Column, Deleted};
use crate::store::trail;

/// Most conditions of a filter, and most values of all of them together.
const CONDITIONS: usize = 64;
const VALUES: usize = 1000;

/// Reads a filter and looks up what it refers to, in one organisation or in all. `life` says which records are listed.
pub async fn filter(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    columns: &[Column],
    org: Option<i32>,
    text: &str,
    life: impl Fn(&[Condition]) -> Deleted,
) -> Result<Vec<Condition>> {
    let columns = &[columns, &records::filter_columns(desc)].concat();
    context_for_filter(s, columns, text, org).await?;
    let mut conditions = read(s, columns, text)?;
    let life = life(&conditions);
    for condition in conditions.iter_mut().filter(|c| matches!(c.op, Op::Is | Op::IsNot)) {
        let names_itself = condition.column.is_key && condition.column.field.is_none();
        if let Some(target) = target(&condition.column).or(names_itself.then_some(desc)) {
            let list = condition.column.field.and_then(|f| desc.list_of(f));
            if let Some(list) = list {
                // Of the links that tell it one is asked for.
                condition.column = Column { list: Some((list, target)), join: None, ..condition.column.clone() };
            }
            refer(s, condition, target, org, life).await?;
        } else if condition.column.name == "org" && !desc.is_org() {
            refer(s, condition, Org::DESCRIPTOR, None, life).await?;
        } else if condition.column.is_actor {
            for name in condition.values.iter().filter_map(Value::as_text) {
                known_actor(s, name).await.map_err(as_usage)?;
            }
        }
    }
    Ok(conditions)
}

/// A mistake in a filter is one of the command line, whatever it is about.
fn as_usage(e: anyhow::Error) -> anyhow::Error {
    match e.downcast::<Problem>() {
        Ok(problem) => Problem { kind: ErrorKind::Usage, ..problem }.into(),
        Err(e) => e,
    }
}

/// What the values of a column are keys of.
fn target(column: &Column) -> Option<&'static Descriptor> {
    let belongs_to = column.place.and_then(|(desc, place)| desc.place(place));
    column.field.and_then(Field::target).or(column.list.map(|(_, noun)| noun)).or(belongs_to)
}

/// Refuses the name of an actor that there is not.
pub async fn known_actor(s: &mut Invocation<'_>, name: &str) -> Result<()> {
    // Who never did anything in the trail that may be told is nobody to be named.
    let own = s.own_org();
    let known = trail::actor_names(s.db().await?, own).await?;
    if known.iter().any(|k| k == name) {
        return Ok(());
    }
    let meant = nearest(name, known.iter().map(String::as_str)).map(|m| format!("did you mean {m}?"));
    Err(Problem::not_found(format!("there is no actor {}", truncate(name)))
        .hint_maybe(meant)
        .hint("'orgctl audit stats --by actor' shows all")
        .into())
}

/// Puts ids in the place of keys: with the same rules by which a flag names a record, and by an index.
async fn refer(
    s: &mut Invocation<'_>,
    condition: &mut Condition,
    target: &'static Descriptor,
    org: Option<i32>,
    life: Deleted,
) -> Result<()> {
    let context = s.connection.parsing.clone();
    let numbers = target.is_org() && condition.column.field.is_none() && !condition.column.is_key;
    let mut values = Vec::new();
    for value in std::mem::take(&mut condition.values) {
        let Some(key) = value.as_text() else {
            if condition.column.place.is_some() {
                let sentence =
                    format!("{} wants {}, and one of those given is empty", condition.column.name, target.indefinite());
                return Err(Problem::usage(sentence).into());
            }
            values.push(value);
            continue;
        };
        let db = s.db().await?;
        let found = match life {
            Deleted::Exclude => records::by_key(db, target, org, key, Deleted::Exclude, &context).await,
            _ => records::holders(db, target, org, key, &context).await,
        };
        let found = found.map_err(|e| as_usage(e.into()))?;
        if found.is_empty() {
            known_once(s, target, org, key).await?;
        }
        let is_place = condition.column.place.is_some();
        for record in &found {
            values.extend((numbers || is_place).then_some(Value::from(record.meta.org_id)));
            values.extend((!numbers).then_some(Value::from(record.meta.id)));
        }
    }
    if condition.column.place.is_some() {
        condition.values = values;
        return Ok(());
    }
    if values.is_empty() {
        // Nobody's.
        values.push(if numbers { Value::from(-1) } else { Uuid::nil().into() });
    }
    condition.values = values;
    let own = match (&condition.column.list, condition.column.field) {
        (Some(_), _) => return Ok(()),
        (None, Some(field)) => crate::store::engine::sql::quoted(field.column),
        (None, None) if condition.column.is_key => "id".to_owned(),
        (None, None) => "org_id".to_owned(),
    };
    let kind = if numbers { ValueType::Int } else { ValueType::Uuid };
    condition.column = Column { expr: format!("t.{own}"), kind, join: None, field: None, ..condition.column.clone() };
    Ok(())
}

/// A key that nobody has, but somebody had: nothing that is listed refers to it, which is an answer. One that nobody ever
/// had is a mistake.
async fn known_once(s: &mut Invocation<'_>, target: &'static Descriptor, org: Option<i32>, key: &str) -> Result<()> {
    let context = s.connection.parsing.clone();
    let noun = if target.is_org() { "organisation" } else { target.noun };
    let gone = !records::by_key(s.db().await?, target, org, key, Deleted::Only, &context).await?.is_empty();
    if gone || (s.connection.past.is_some() && records::exists_now(s.db().await?, target, org, key, &context).await?) {
        let state = if gone { "is deleted" } else { "was not there" };
        s.context.ui.status(&format!("note: {noun} {} {state}", truncate(key)));
        return Ok(());
    }
    let problem = not_found(s, target, org, key, Deleted::Exclude).await?;
    Err(Problem { kind: ErrorKind::Usage, ..problem }.into())
}

/// Comparisons of other languages, and what they are here.
const MISTAKEN: &[(&str, &str)] = &[
    ("==", "="),
    ("===", "="),
    ("=>", ">="),
    ("=<", "<="),
    ("=~", "~"),
    ("~=", "~"),
    ("<>", "!="),
    ("=!", "!="),
    ("!==", "!="),
];

/// Reads `--filter 'status=active name~raj created>2026-01-01'`. Values with blanks stand in quotes; `a=x,y` is either.
fn read(s: &Invocation<'_>, columns: &[Column], text: &str) -> Result<Vec<Condition>> {
    let words = words(text)?;
    if words.len() > CONDITIONS {
        return Err(Problem::usage(format!("the filter has {} conditions, and may have {CONDITIONS}", words.len()))
            .hint("name several values of one field in one condition: code=A,B,C")
            .into());
    }
    let mut conditions = Vec::new();
    for Word { text: word, quoted, commas } in words {
        const OPS: &[(&str, Op)] = &[
            ("!=", Op::IsNot),
            (">=", Op::AtLeast),
            ("<=", Op::AtMost),
            ("!~", Op::ContainsNot),
            ("=", Op::Is),
            (">", Op::More),
            ("<", Op::Less),
            ("~", Op::Contains),
        ];
        let at = word.find(|c: char| "!=<>~".contains(c)).ok_or_else(|| {
            Problem::usage(format!("'{}' is no condition", truncate(&word)))
                .hint("write FIELD=VALUE, or with != > >= < <= ~ !~")
        })?;
        let (name, rest) = word.split_at(at);
        // What is in quotes is the value, whatever it begins with.
        let unquoted = quoted.map_or(rest, |from| &rest[..from.saturating_sub(at).min(rest.len())]);
        let signs = &unquoted[..unquoted.find(|c: char| !"!=<>~".contains(c)).unwrap_or(unquoted.len())];
        if let Some((_, meant)) = MISTAKEN.iter().find(|(mistaken, _)| *mistaken == signs) {
            return Err(Problem::usage(format!("'{}' has no comparison that is known", truncate(&word)))
                .hint(format!("did you mean {meant}? A value that begins with such a sign stands in quotes"))
                .into());
        }
        let (sign, op) = OPS.iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(|| {
            Problem::usage(format!("'{}' has no comparison that is known", truncate(&word)))
                .hint("write = != > >= < <= ~ or !~")
        })?;
        let column = column(columns, name)?.clone();
        let value = at + sign.len();
        let commas: Vec<usize> = commas.iter().filter_map(|comma| comma.checked_sub(value)).collect();
        conditions.extend(condition(s, column, *op, &word[value..], &commas)?);
    }
    let values: usize = conditions.iter().map(|c| c.values.len()).sum();
    if values > VALUES {
        return Err(Problem::usage(format!("the filter has {values} values, and may have {VALUES}"))
            .hint("list in several parts, or filter by something that they have in common")
            .into());
    }
    Ok(conditions)
}

/// Before a filter is read: makes the rules those that its values are read by, if any asks for them. Rows of several
/// organisations are looked for as the installation says.
async fn context_for_filter(s: &mut Invocation<'_>, columns: &[Column], text: &str, org: Option<i32>) -> Result<()> {
    let asks = |c: &Column| c.field.is_some_and(|f| f.ty.needs_context()) && text.contains(&c.name);
    if !columns.iter().any(asks) {
        return Ok(());
    }
    let org = match org {
        Some(org) => org,
        None => match records::live_orgs(s.db().await?, 2).await?.as_slice() {
            [(only, _)] => *only,
            _ => SYSTEM,
        },
    };
    s.use_context_of(org).await
}

/// One condition; `commas` is where in its text several values are told apart.
fn condition(s: &Invocation<'_>, column: Column, op: Op, text: &str, commas: &[usize]) -> Result<Vec<Condition>> {
    refuse_meaningless(&column, op, text)?;
    if matches!(op, Op::Contains | Op::ContainsNot) {
        let value = part(&column, text)?.into();
        return Ok(vec![Condition { column, op, values: vec![value] }]);
    }
    if column.kind == ValueType::Time && !text.is_empty() {
        return within(s.context, column, op, text, commas);
    }
    let texts = if matches!(op, Op::Is | Op::IsNot) { split(text, commas) } else { vec![text] };
    let mut values: Vec<Value> = Vec::new();
    for text in texts {
        let value = value(s, &column, op, text)?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(vec![Condition { column, op, values }])
}

/// Refuses a comparison that means nothing for a column.
fn refuse_meaningless(column: &Column, op: Op, text: &str) -> Result<(), Problem> {
    if column.list.is_some() && !matches!(op, Op::Is | Op::IsNot) {
        return Err(Problem::usage(format!("{} is a list: compare with = or !=", column.name)));
    }
    if column.place.is_some() && (text.is_empty() || !matches!(op, Op::Is | Op::IsNot)) {
        return Err(Problem::usage(format!("{} asks where a record belongs: name that with = or !=", column.name)));
    }
    let is_order = matches!(op, Op::More | Op::AtLeast | Op::Less | Op::AtMost);
    if is_order && (column.choices().is_some() || column.kind == ValueType::Bool) {
        return Err(Problem::usage(format!("{} has values without an order", column.name)).hint("compare with = or !="));
    }
    if text.is_empty() && !matches!(op, Op::Is | Op::IsNot) {
        return Err(Problem::usage(format!("the filter compares {} with nothing", column.name))
            .hint(format!("'{}=' finds what has none", column.name)));
    }
    Ok(())
}

/// A part of a column's texts.
fn part(column: &Column, text: &str) -> Result<String, Problem> {
    if let Some(words) = column.choices().filter(|words| !words.iter().any(|w| w.contains(&text.to_lowercase()))) {
        return Err(Problem::usage(format!("no value of {} has '{}' in it", column.name, truncate(text)))
            .hint(format!("{} is one of {}", column.name, words.join(", "))));
    }
    if column.kind != ValueType::Text {
        let hint = format!("{} is not text: compare with = != < >", column.name);
        return Err(Problem::usage(format!("'~' does not work on {}", column.name)).hint(hint));
    }
    match column.field {
        Some(field) if field.ty.is_phone() => digits(column, text),
        _ => Ok(text.to_owned()),
    }
}

/// A condition of a time, where a text names a span of it.
fn within(context: &Context<'_>, column: Column, op: Op, text: &str, commas: &[usize]) -> Result<Vec<Condition>> {
    let is_to_come = column.field.is_some_and(Field::is_to_come);
    let read = |text: &str| match span(text.trim()).filter(|_| is_to_come) {
        Some(_) => context.time_to_come(text).map(|at| (at, at)),
        None => context.time(text),
    };
    let one = |op, value| Condition { column: column.clone(), op, values: vec![Value::Time(value)] };
    // A date names a whole day.
    if matches!(op, Op::IsNot) || (matches!(op, Op::Is) && !commas.is_empty()) {
        let mut values = Vec::new();
        for part in split(text, commas) {
            let (start, end) = read(part)?;
            let end = end.max(start + TimeDelta::microseconds(1));
            values.extend([Value::from(start), end.into()]);
        }
        let op = if op == Op::IsNot { Op::NotWithin } else { Op::Within };
        return Ok(vec![Condition { column, op, values }]);
    }
    let (start, end) = read(text)?;
    Ok(match op {
        Op::Is if start != end => vec![one(Op::AtLeast, start), one(Op::Less, end)],
        Op::More if start != end => vec![one(Op::AtLeast, end)],
        Op::AtMost if start != end => vec![one(Op::Less, end)],
        op => vec![one(op, start)],
    })
}

/// A part of a phone number as those are kept, `+` and digits: what has anything else is in none.
fn digits(column: &Column, text: &str) -> Result<String, Problem> {
    let kept: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '(' | ')' | '/')).collect();
    let is_part = |c: (usize, char)| c.1.is_ascii_digit() || c == (0, '+');
    if !kept.is_empty() && kept.char_indices().all(is_part) {
        return Ok(kept);
    }
    Err(Problem::usage(format!("no {} has '{}' in it", column.name, truncate(text)))
        .hint(format!("{0} is kept as + and digits: {0}~98200", column.name)))
}

/// A filter value, read as the field reads it; so `phone=098200 12345` finds `+919820012345`.
fn value(s: &Invocation<'_>, column: &Column, op: Op, text: &str) -> Result<Value> {
    if text.is_empty() {
        return Ok(Value::Null(column.kind));
    }
    let wrong = |why: &str| Problem::usage(format!("'{}' is no value for {}{why}", truncate(text), column.name));
    if target(column).is_some() {
        // A key, which is looked up when all is read.
        return Ok(text.into());
    }
    if let Some(field) = column.field {
        let compared = |v: Value| if field.parts().is_some() { field.comparable(&v).into() } else { v };
        return field.parse(text, &s.connection.parsing).map(compared).or_else(|p| match column.choices() {
            // A text that the field would refuse still stands before and behind others; but no record has it.
            None if column.kind == ValueType::Text && !matches!(op, Op::Is | Op::IsNot) => Ok(text.into()),
            None if column.kind == ValueType::Text => {
                let part = format!("'{}~...' finds what has a part of it", column.name);
                Err(Problem { kind: ErrorKind::Usage, ..p }.hint(part).into())
            }
            _ => Err(Problem { kind: ErrorKind::Usage, ..p }.into()),
        });
    }
    Ok(match column.kind {
        ValueType::Uuid => Uuid::try_parse(text).map_err(|_| wrong(": write the full id"))?.into(),
        ValueType::Int => text.parse::<i64>().map_err(|_| wrong(": write a whole number"))?.into(),
        ValueType::Bool => {
            (<bool as Scalar>::TYPE.parse)(text, &s.connection.parsing).map_err(|why| wrong(&format!(": it {why}")))?
        }
        _ => match column.choices() {
            Some(words) => match words.iter().find(|w| fold(w) == fold(text)) {
                Some(word) => (*word).into(),
                None => return Err(wrong("").hint(format!("{} is one of {}", column.name, words.join(", "))).into()),
            },
            None => text.into(),
        },
    })
}

/// The parts of a text between these places.
fn split<'a>(text: &'a str, at: &[usize]) -> Vec<&'a str> {
    let starts = std::iter::once(0).chain(at.iter().map(|i| i + 1));
    starts.zip(at.iter().copied().chain([text.len()])).map(|(from, to)| &text[from..to]).collect()
}

/// A word of a filter, without its quotes.
#[derive(Default)]
struct Word {
    text: String,
    /// Where the first quote was opened.
    quoted: Option<usize>,
    /// Where commas stand outside quotes: they tell several values apart.
    commas: Vec<usize>,
}

/// Splits at blanks outside quotes.
fn words(text: &str) -> Result<Vec<Word>, Problem> {
    let (mut words, mut word, mut quote) = (Vec::new(), Word::default(), None);
    for c in text.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.quoted.get_or_insert(word.text.len());
            }
            (None, c) if c.is_whitespace() => {
                let done = std::mem::take(&mut word);
                words.extend((!done.text.is_empty()).then_some(done));
            }
            (quote, c) => {
                if quote.is_none() && c == ',' {
                    word.commas.push(word.text.len());
                }
                word.text.push(c);
            }
        }
    }
    if quote.is_some() {
        return Err(Problem::usage("a quote in the filter is not closed"));
    }
    words.extend((!word.text.is_empty()).then_some(word));
    Ok(words)
}
