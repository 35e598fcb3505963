//! What a record's state derives to (`model::status`), in SQL.

use crate::model::resource::lifecycle::ENDED;
use crate::model::resource::status::{DELETED, Test, Word};
use crate::model::resource::{Descriptor, Field, IS_ACTIVE};
use crate::model::values::value::rfc3339;
use crate::store::engine::location::Engine;
use crate::store::engine::sql::quoted;
use chrono::{DateTime, Utc};

/// Stands in a text for the time of the question: a flag may end by itself.
const NOW: &str = "{now}";
/// Stand for what is true and what is not, as the engine's partial indexes say it.
const YES: &str = "{yes}";
const NO: &str = "{no}";

/// The state of the row `t`; nothing where the kind has none.
pub fn status_expr(desc: &Descriptor) -> Option<String> {
    if let Some((column, _)) = desc.states {
        return Some(format!("case when {} then '{DELETED}' else t.{} end", deleted(desc, "t"), quoted(column)));
    }
    let words = desc.status_words();
    let (last, others) = words.split_last()?;
    let cases = others.iter().map(|w| format!(" when {} then '{}'", all(desc, w), w.word));
    let cases: String = cases.collect();
    Some(format!("case when {} then '{DELETED}'{cases} else '{}' end", deleted(desc, "t"), last.word))
}

/// Whether the row of an alias is deleted: one that is not recorded never is, for it goes at once.
pub fn deleted(desc: &Descriptor, alias: &str) -> String {
    if desc.is_recorded() { format!("{alias}.deleted_at is not null") } else { "false".to_owned() }
}

fn undeleted(desc: &Descriptor, alias: &str) -> String {
    if desc.is_recorded() { format!("{alias}.deleted_at is null") } else { "true".to_owned() }
}

/// Whether the row of an alias is live: not deleted, and where its kind ends, not ended. Unique indexes say the same.
pub fn live(desc: &Descriptor, alias: &str) -> String {
    match desc.ends() {
        true => format!("{alias}.deleted_at is null and {alias}.{ENDED} is null"),
        false => undeleted(desc, alias),
    }
}

/// Whether it is not: deleted or ended.
pub fn gone(desc: &Descriptor, alias: &str) -> String {
    match desc.ends() {
        true => format!("({alias}.deleted_at is not null or {alias}.{ENDED} is not null)"),
        false => deleted(desc, alias),
    }
}

/// Whether the row of an alias is in use: one of a kind that nobody deactivates always is.
pub fn active_condition(desc: &Descriptor, alias: &str) -> String {
    desc.field(IS_ACTIVE).map_or("true".to_owned(), |f| format!("{alias}.{}", quoted(f.column)))
}

/// A column that tells of a flag with an end, as what holds at the time of the question: one that has ended is none, in
/// every output and in every filter. What was is told by the history.
pub fn at_the_time(desc: &Descriptor, field: &Field) -> Option<String> {
    if field.ends().is_some() {
        return Some(format!("({})", holds(desc, field)));
    }
    let flag = desc.field(field.tells_of()?)?;
    Some(format!("case when {} then t.{} end", holds(desc, flag), quoted(field.column)))
}

/// Whether a flag of the row of an alias says yes without an end.
pub fn holds_for_good(desc: &Descriptor, alias: &str) -> Option<String> {
    let endless = |f: &Field| {
        let end = quoted(f.ends()?);
        Some(format!("({alias}.{} and {alias}.{end} is null)", quoted(f.column)))
    };
    let any: Vec<String> = desc.fields.iter().filter_map(endless).collect();
    (!any.is_empty()).then(|| any.join(" or "))
}

/// Whether who is in charge of the row of an alias is so now: of a kind with states only while that is open.
pub fn is_open(desc: &Descriptor, field: &Field, alias: &str) -> String {
    if desc.is_in_charge_while_open(field) { open_condition(desc, alias) } else { "true".to_owned() }
}

/// Whether the row of an alias is open; one of a kind without states always is.
pub fn open_condition(desc: &Descriptor, alias: &str) -> String {
    let Some((column, states)) = desc.states else { return "true".to_owned() };
    let open: Vec<String> = states.open().map(|word| format!("'{word}'")).collect();
    // Without open states nobody ever is.
    let open = if open.is_empty() { "''".to_owned() } else { open.join(", ") };
    format!("{alias}.{} in ({open})", quoted(column))
}

fn holds(desc: &Descriptor, flag: &Field) -> String {
    let yes = format!("t.{} = {YES}", quoted(flag.column));
    match flag.ends().and_then(|end| desc.field(end)).map(|f| quoted(f.column)) {
        Some(end) => format!("{yes} and (t.{end} is null or t.{end} > {NOW})"),
        None => yes,
    }
}

fn test(desc: &Descriptor, test: Test) -> String {
    let column = quoted(test.column());
    match test {
        Test::Yes(name) => desc.field(name).map_or_else(|| format!("t.{column} = {YES}"), |f| holds(desc, f)),
        Test::No(_) => format!("t.{column} = {NO}"),
        Test::Missing(_) => format!("t.{column} is null"),
        Test::Given(_) => format!("t.{column} is not null"),
        Test::Passed(_) => format!("t.{column} is not null and t.{column} <= {NOW}"),
        Test::Ahead(_) => format!("t.{column} is not null and t.{column} > {NOW}"),
        Test::FromTheStart(_) => format!("t.{column} is not null and t.{column} <= t.created_at"),
    }
}

fn all(desc: &Descriptor, word: &Word) -> String {
    word.when.iter().map(|t| test(desc, *t)).collect::<Vec<_>>().join(" and ")
}

/// That a word does not hold, in terms that indexes know.
fn none(desc: &Descriptor, word: &Word) -> String {
    match word.when {
        [Test::No(column)] => format!("t.{} = {YES}", quoted(column)),
        [Test::Given(column)] => format!("t.{} is null", quoted(column)),
        [Test::Passed(column)] => format!("(t.{0} is null or t.{0} > {NOW})", quoted(column)),
        [Test::Ahead(column)] => format!("(t.{0} is null or t.{0} <= {NOW})", quoted(column)),
        _ => format!("not ({})", all(desc, word)),
    }
}

/// Whether the row `t` is in one state, in terms that indexes know.
pub fn status_condition(desc: &Descriptor, word: &str) -> String {
    if word == DELETED {
        return deleted(desc, "t");
    }
    if let Some((column, states)) = desc.states {
        // Only words of its own get here: a filter refuses others.
        let known = states.states.iter().find(|s| s.word == word).map_or("", |s| s.word);
        return format!("{} and t.{} = '{known}'", undeleted(desc, "t"), quoted(column));
    }
    let words = desc.status_words();
    let Some(at) = words.iter().position(|w| w.word == word) else { return "false".to_owned() };
    let mut terms = vec![undeleted(desc, "t")];
    terms.extend(words[..at].iter().map(|before| none(desc, before)));
    terms.extend((!words[at].when.is_empty()).then(|| all(desc, &words[at])));
    terms.join(" and ")
}

/// Writes a text as an engine reads it, at a time.
pub fn render(text: &str, engine: Engine, now: DateTime<Utc>) -> String {
    let (now, yes, no) = match engine {
        Engine::Sqlite => (now.timestamp_micros().to_string(), "1", "0"),
        Engine::Postgres => (format!("timestamptz '{}'", rfc3339(now)), "true", "false"),
    };
    text.replace(NOW, &now).replace(YES, yes).replace(NO, no)
}
