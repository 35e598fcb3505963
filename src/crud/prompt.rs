//! Questions at the terminal: a field's value, the record that is meant. Asked before a transaction, never inside one.

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::invocation::Invocation;
use super::parse::parse;
use crate::model::problem::Problem;
use crate::model::resource::examples;
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::values::scalar::{FieldKind, ParseContext, truncate};
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::records::query::{Condition, Query, column};
use crate::store::records::search::Wanted;
use crate::store::records::{self, Deleted};
use crate::ui::Ui;

/// Records that are shown as one list; beyond that, words are asked for first.
const LISTED: u64 = 2000;
/// Records that a search shows.
const FOUND: u64 = 100;

/// Asks for what nothing answered: the value of a required field.
pub async fn value(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    field: &'static Field,
    org: Option<i32>,
) -> Result<Value> {
    if let (Some(target), Some(org)) = (field.target(), org) {
        let id = record(s, target, Some(org), Deleted::Exclude, &label(field), None).await?;
        return Ok(id.map_or(Value::Null(ValueType::Uuid), Value::from));
    }
    if field.ty.needs_context() {
        s.use_context_of(org.unwrap_or(s.outcome.about)).await?;
    }
    loop {
        let context = s.context_for(field).into_owned();
        let text = word(&s.context.ui, field, &context).await?;
        let value = parse(s, desc, field, org, &text).await?;
        // Better told now than after the last question.
        if !desc.is_key(field) || records::with_value(s.db().await?, desc, org, field, &value).await?.is_empty() {
            return Ok(value);
        }
        s.context.ui.warn(&format!("{} {} exists already", desc.noun, value.to_text()));
    }
}

fn label(field: &Field) -> String {
    format!("{} ({})", field.help, field.name())
}

/// Asks for a value that needs no database: one of a list where there is one, otherwise a line until it is right.
pub async fn word(ui: &Ui, field: &'static Field, context: &ParseContext) -> Result<String> {
    let choices = match field.ty.role {
        FieldKind::Choice(words) => words,
        _ if field.ty.kind == ValueType::Bool => &["yes", "no"],
        _ => {
            let context = context.clone();
            let check = move |t: &str| field.parse(t, &context).map(drop).map_err(|p| p.sentence);
            return ui.ask(&label(field), field.default(), check).await;
        }
    };
    let default = field.default().and_then(|d| choices.iter().position(|c| *c == d)).unwrap_or(0);
    let items: Vec<String> = choices.iter().map(|c| (*c).to_owned()).collect();
    Ok(items[ui.pick(&label(field), &items, default).await?].clone())
}

/// The key of the record that a command is about, where the command line names none.
pub async fn key(s: &mut Invocation<'_>, desc: &'static Descriptor, life: Deleted) -> Result<String> {
    if !s.context.ui.style.interactive {
        return Err(Problem::usage("missing: <KEY>...")
            .hint(format!("say which {} is meant: {}", desc.singular(), examples::keys(desc)))
            .into());
    }
    let org = s.the_org_of(desc).await?;
    let id = record(s, desc, org, life, &title(desc), None).await?;
    Ok(id.map_or_else(String::new, |id| id.to_string()))
}

/// `Branch`
fn title(desc: &Descriptor) -> String {
    let noun = if desc.is_org() { "organisation" } else { desc.noun };
    let mut letters = noun.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Lets a record be picked from a list or found by words; `none` is the item that stands for no record at all.
pub async fn record(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    life: Deleted,
    prompt: &str,
    none: Option<&str>,
) -> Result<Option<Uuid>> {
    record_among(s, desc, (org, life, None), prompt, none).await
}

/// As [`record`], of those for which a condition holds.
pub async fn record_among(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    (org, life, among): (Option<i32>, Deleted, Option<&Condition>),
    prompt: &str,
    none: Option<&str>,
) -> Result<Option<Uuid>> {
    let ui = &s.context.ui;
    let from = (org, life, among);
    let all = candidates(s, desc, from, None, LISTED + 1).await?;
    if all.is_empty() && none.is_none() {
        let state = if life == Deleted::Only { "deleted " } else { "" };
        return Err(Problem::not_found(format!("there is no {state}{} to pick", desc.noun)).into());
    }
    if all.len() as u64 <= LISTED {
        let mut items: Vec<String> = none.iter().map(|n| (*n).to_owned()).collect();
        items.extend(lines(&all));
        let picked = ui.pick(prompt, &items, 0).await?;
        return Ok(picked.checked_sub(items.len() - all.len()).map(|i| all[i].id));
    }
    // Too many for one list: words narrow it first.
    let nothing = none.map_or(String::new(), |n| format!("; nothing: {n}"));
    let question = format!("{prompt}: its code, or words to search for{nothing}");
    loop {
        let text = ui.ask(&question, none.map(|_| ""), |_| Ok(())).await?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let context = s.connection.parsing.clone();
        let mut named = records::by_key(s.db().await?, desc, org, &text, life, &context).await?;
        if let [record] = named.as_slice() {
            return Ok(Some(record.meta.id));
        }
        let mut found = match named.is_empty() {
            true => candidates(s, desc, from, Some(&text), FOUND + 1).await?,
            // Several that are gone had the key.
            false => named.drain(..).map(|r| Candidate::of(&r)).collect(),
        };
        if found.is_empty() {
            ui.warn(&format!("no {} is called '{}'", desc.noun, truncate(&text)));
            continue;
        }
        let more = found.len() as u64 > FOUND;
        if more {
            found.pop();
        }
        let mut items = lines(&found);
        items.push(if more { "(more are found: say more words)" } else { "(search again)" }.into());
        if let Some(one) = found.get(ui.pick(prompt, &items, 0).await?) {
            return Ok(Some(one.id));
        }
    }
}

/// A record as a list shows it.
struct Candidate {
    id: Uuid,
    key: String,
    name: String,
    deleted_at: Option<DateTime<Utc>>,
}

impl Candidate {
    fn of(record: &Record) -> Candidate {
        let (meta, name) = (&record.meta, record.desc.field("name").map(|f| record.get(f.column).to_text()));
        Candidate { id: meta.id, key: record.key(), name: name.unwrap_or_default(), deleted_at: meta.deleted_at }
    }
}

/// `CODE   Name`, the names below each other; of deleted ones also when, for several may have had one code.
fn lines(candidates: &[Candidate]) -> Vec<String> {
    let width = candidates.iter().map(|c| c.key.chars().count()).max().unwrap_or_default();
    let gone = |c: &Candidate| c.deleted_at.map_or(String::new(), |at| format!("  (deleted {})", rfc3339(at)));
    candidates.iter().map(|c| format!("{:width$}  {}{}", c.key, c.name, gone(c)).trim_end().to_owned()).collect()
}

async fn candidates(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    (org, life, among): (Option<i32>, Deleted, Option<&Condition>),
    words: Option<&str>,
    limit: u64,
) -> Result<Vec<Candidate>> {
    let mut query = Query::new(desc, s.context.clock.now());
    let all = std::mem::take(&mut query.columns);
    query.org = if desc.is_org() { None } else { org };
    query.life = life;
    query.limit = Some(limit);
    query.filter.extend(among.cloned());
    query.search = words.map(|text| Wanted { text: text.to_owned(), whole: false, among: None });
    query.columns = vec![column(&all, "id")?.clone(), column(&all, desc.key_column())?.clone()];
    let mut more = |name: &str| {
        query.columns.extend(all.iter().find(|c| c.name == name).cloned());
        let at = query.columns.len() - 1;
        (query.columns[at].name == name).then_some(at)
    };
    let (deleted_at, name) = (more("deleted_at"), more("name"));
    let page = query.page(s.db().await?).await?;
    let candidate = |row: &crate::store::engine::sql::Row| {
        let of = |at: Option<usize>| at.map(|at| row.value(at));
        let deleted_at = of(deleted_at).and_then(Value::as_time);
        let name = of(name).map(Value::to_text).unwrap_or_default();
        Ok(Candidate { id: row.uuid(0)?, key: row.value(1).to_text(), name, deleted_at })
    };
    page.rows.iter().map(candidate).collect()
}
