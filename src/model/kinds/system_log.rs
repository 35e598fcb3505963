//! The system log: what the program itself has to say, apart from the trail. It tells nothing of people.

use serde_json::{Map, Value as Json};

use super::user::User;
use crate::model::redact::redact;
use crate::model::resource::Check;
use crate::model::setting::LOG_RETENTION_DAYS;
use crate::model::values::scalar::{Address, Details, Line, Note, Ref};
use crate::{choice, resource};

choice! {
    /// How bad it is, the worse the later
    pub enum Level {
        Info = "info",
        Warning = "warning",
        Error = "error",
        Critical = "critical",
    }
}

resource! {
    /// What the program itself had to say
    pub struct SystemLog "log" in "system_log" keys(&[]) subject(Nobody("what it would tell of people is taken out before"))
        called("message", "messages") tenancy(Tenancy::Either) lifecycle(AppendOnly) verbs(ReadOnly) retention(LOG_RETENTION_DAYS)
    {
        /// How bad it is
        level: Level,
        /// The command that said it
        source: Line<50>,
        /// What it said
        message: Note<10_000>,
        /// More about it
        context: Option<Details> [Hidden],
        /// Whom it happened to
        user_id: Option<Ref<User>> [Keep, Hidden],
        /// Address that it came from
        ip: Option<Address> [Hidden],
        /// Program that it came from
        user_agent: Option<Line<1000>> [Hidden],
    }
}

impl Check for SystemLog {}

/// Columns that `audit log` knows by name.
pub const LEVEL: &str = "level";
pub const SOURCE: &str = "source";

impl SystemLog {
    /// What a command says, without what it tells of people.
    pub fn new(level: Level, source: &str, message: &str, context: Map<String, Json>) -> SystemLog {
        SystemLog {
            level,
            source: Line::cut(source),
            message: Note::cut(&redact(message)),
            context: (!context.is_empty()).then(|| Details(impersonal(Json::Object(context)))),
            user_id: None,
            ip: None,
            user_agent: None,
        }
    }
}

/// The same without what it tells of people; a number that may be somebody's is a word then.
fn impersonal(json: Json) -> Json {
    match json {
        Json::String(text) => redact(&text).into(),
        Json::Array(all) => all.into_iter().map(impersonal).collect(),
        Json::Object(all) => {
            all.into_iter().map(|(name, value)| (name, impersonal(value))).collect::<Map<_, _>>().into()
        }
        Json::Number(n) if redact(&n.to_string()) != n.to_string() => redact(&n.to_string()).into(),
        other => other,
    }
}
