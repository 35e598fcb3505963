//! Values for fields, read of what flags and forms say.

use anyhow::Result;
use chrono::TimeDelta;

use super::invocation::Invocation;
use super::leaf::FieldTexts;
use super::lookup::find_ref;
use crate::access::Subject;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::{Attr, Descriptor, Field};
use crate::model::values::value::{Value, rfc3339};
use crate::model::values::zone::span;

/// The values that flags give to some fields, parsed; references resolved in `org`. `None` for the organisation leaves them
/// as they are, for a resource that has none.
pub async fn given_of(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    fields: impl Iterator<Item = &'static Field>,
    org: Option<i32>,
    texts: &FieldTexts,
) -> Result<Vec<(String, Value)>> {
    let (mut values, mut wrong) = (Vec::new(), Vec::new());
    for field in fields {
        let Some(text) = texts.get(field.name()) else { continue };
        if let Some(part) = field.parts().and_then(|parts| parts.iter().find(|p| texts.get(p).is_some())) {
            let (whole, part) = (field.name(), part.replace('_', "-"));
            return Err(Problem::usage(format!("--{whole} and --{part} both say what somebody is called"))
                .hint(format!("leave out --{whole}: it is split into its parts"))
                .into());
        }
        match parse(s, desc, field, org, text).await {
            Ok(value) => {
                is_of_the_act(s, desc, field, &value)?;
                values.push((field.column.to_owned(), value));
            }
            // All that can't be read is told at once.
            Err(e) => wrong.push(mendable(e)?),
        }
    }
    Problem::joined(wrong).map_or(Ok(values), |problem| Err(problem.into()))
}

/// Refuses that somebody says of an act that another one did it, or that it was done before now. A file may tell of what was.
pub fn is_of_the_act(s: &Invocation<'_>, desc: &Descriptor, field: &Field, value: &Value) -> Result<(), Problem> {
    let Subject::Somebody(actor) = s.context.subject else { return Ok(()) };
    let person = actor.facts.account.person;
    let why = match value {
        Value::Time(at) if field.has(Attr::FromClock) && *at >= s.asked_at() - NOW => return Ok(()),
        _ if field.has(Attr::FromClock) => "tells when it is done, and that is not before now",
        value if field.has(Attr::FromActor) && (value.as_uuid() != Some(person) || person.is_nil()) => {
            "tells who does it, and that is nobody but you"
        }
        _ => return Ok(()),
    };
    Err(Problem::denied(format!(
        "{} is not allowed: {} of {} {why}",
        s.access().permission,
        field.name(),
        desc.indefinite()
    )))
}

/// So long ago `now` may have been read.
const NOW: TimeDelta = TimeDelta::minutes(1);

/// A mistake in what a flag or a form says; all else is no matter of these.
pub fn mendable(e: anyhow::Error) -> Result<Problem> {
    let problem = e.downcast::<Problem>()?;
    match problem.kind {
        ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::NotFound | ErrorKind::Usage => Ok(problem),
        _ => Err(problem.into()),
    }
}

/// One value for one field. Says so where a code was normalised.
pub async fn parse(
    s: &mut Invocation<'_>,
    desc: &Descriptor,
    field: &'static Field,
    org: Option<i32>,
    text: &str,
) -> Result<Value> {
    if field.ty.needs_context() {
        // A field of an organisation is read as the organisation itself says; that of a new one as the installation does.
        s.use_context_of(org.unwrap_or(s.outcome.about)).await?;
    }
    let value = field.parse(text, &s.context_for(field))?;
    if let (Value::Time(at), Some(_)) = (&value, span(text.trim())) {
        s.context.ui.status(&format!("{} {}", field.name(), rfc3339(*at)));
    }
    if field.ty.is_doubtful(&value) {
        let (name, number) = (field.name(), value.to_text());
        s.context.ui.status(&format!("note: {name} {number} is possible, but not known to be valid"));
    }
    match (field.target(), org, &value) {
        (Some(_), Some(org), Value::Text(key)) => {
            let key = key.clone();
            find_ref(s, desc, field, org, &key).await
        }
        _ => {
            if let (true, Value::Text(kept)) = (desc.is_key(field), &value)
                && kept != text.trim()
            {
                s.context.ui.status(&format!("note: {} '{}' is kept as '{kept}'", field.name(), text.trim()));
            }
            Ok(value)
        }
    }
}
