//! What a record's state derives to (DOMAIN.md, section 0).

use super::location::Engine;
use super::sql::quoted;
use crate::model::resource::Descriptor;
use crate::model::value::rfc3339;
use chrono::{DateTime, Utc};

const WORDS: &[&str] = &["active", "inactive", "deleted"];

/// The same of a person: who is blocked or invited is so only while he or she is with the organisation.
const WORDS_OF_PEOPLE: &[&str] = &["active", "inactive", "deleted", "blocked", "invited"];

/// Stands in a text for the time of the question: a block ends by itself.
const NOW: &str = "{now}";
/// Stand for what is true and what is not, as the engine's partial indexes say it.
const YES: &str = "{yes}";
const NO: &str = "{no}";

const BLOCKED: &str = "t.blocked = {yes} and (t.blocked_until is null or t.blocked_until > {now})";
/// Who came by an invitation, and has not accepted it. Who was there before stays what he or she was: the invitation is
/// pending beside that.
const INVITED: &str = "t.invited_at is not null and t.accepted_at is null and t.invited_at <= t.created_at";

/// The state of the row `t`, and the words that it can be.
pub fn of(desc: &Descriptor) -> (String, &'static [&'static str]) {
    let is_person = desc.field("blocked_until").is_some();
    let of_people = format!(" when {BLOCKED} then 'blocked' when {INVITED} then 'invited'");
    let expr = format!(
        "case when t.deleted_at is not null then 'deleted' when t.is_active = {NO} then 'inactive'{} else 'active' end",
        if is_person { &of_people } else { "" }
    );
    (expr, if is_person { WORDS_OF_PEOPLE } else { WORDS })
}

/// Whether the row of an alias is in use: one of a kind that nobody deactivates always is.
pub fn is_in_use(desc: &Descriptor, alias: &str) -> String {
    desc.field("is_active").map_or("true".to_owned(), |f| format!("{alias}.{}", quoted(f.column)))
}

/// Columns that tell of a block, as what holds at the time of the question: one that has ended is none, in every output and
/// in every filter. What was is told by the history.
pub fn of_block(column: &str) -> Option<String> {
    match column {
        "blocked" => Some(format!("({BLOCKED})")),
        "blocked_until" | "block_reason" => Some(format!("case when {BLOCKED} then t.{column} end")),
        _ => None,
    }
}

/// Whether the row `t` is in one state of these, in terms that indexes know.
pub fn is(word: &str, words: &[&str]) -> String {
    let is_person = words.contains(&"blocked");
    let here = format!("t.deleted_at is null and t.is_active = {YES}");
    match word {
        "deleted" => "t.deleted_at is not null".to_owned(),
        "inactive" => format!("t.deleted_at is null and t.is_active = {NO}"),
        "blocked" => format!("{here} and {BLOCKED}"),
        "invited" => format!("{here} and {INVITED} and not ({BLOCKED})"),
        _ if is_person => format!("{here} and not ({BLOCKED}) and not ({INVITED})"),
        _ => here,
    }
}

/// Writes a text as an engine reads it, at a time.
pub fn spelled(text: &str, engine: Engine, now: DateTime<Utc>) -> String {
    let (now, yes, no) = match engine {
        Engine::Sqlite => (now.timestamp_micros().to_string(), "1", "0"),
        Engine::Postgres => (format!("timestamptz '{}'", rfc3339(now)), "true", "false"),
    };
    text.replace(NOW, &now).replace(YES, yes).replace(NO, no)
}
