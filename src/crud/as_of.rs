//! `--as-of`: the same questions, asked about a time that is gone.

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::flags::AsOf;
use super::invocation::Invocation;
use super::times::time;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::examples;
use crate::model::resource::{Descriptor, Record};
use crate::model::values::scalar::truncate;
use crate::model::values::value::rfc3339;
use crate::store::as_of::AsOf as Past;
use crate::store::engine::db::Db;
use crate::store::records::query::Query;
use crate::store::records::{self, Deleted};

/// Lets the connection read what was, where `--as-of` says when. Words are searched in what is there now.
pub async fn begin(s: &mut Invocation<'_>, desc: &'static Descriptor, asked: &AsOf, searches: bool) -> Result<()> {
    let Some(text) = &asked.as_of else { return Ok(()) };
    let now = s.context.clock.now();
    // A date means its beginning.
    let (at, _) = time(text, now, s.context.origin.zone)?;
    if at > now {
        return Err(Problem::usage(format!("'{}' is in the future", truncate(text)))
            .hint("name a time that is gone: --as-of 2h, --as-of 2026-11-03")
            .into());
    }
    if searches {
        return Err(Problem::usage("--search knows the words of today, not those of then")
            .hint(format!("look into a field: --filter '{}'", examples::conditions(desc)))
            .into());
    }
    open(s, at).await?;
    // An organisation answers to the code that it had then.
    let org = s.org_of(desc).await?;
    let Some(mut past) = s.connection.past.take() else { return Ok(()) };
    let done = past.restrict_to(s.db().await?, desc, org).await;
    s.connection.past = Some(past);
    Ok(done?)
}

/// Opens the past of organisations.
async fn open(s: &mut Invocation<'_>, at: DateTime<Utc>) -> Result<()> {
    if let Some(part) = &s.db().await?.partial {
        let sentence = format!("what was cannot be told of a part: the database was made of {}", part.describe());
        return Err(part.problem(sentence).into());
    }
    s.context.ui.status(&format!("as of {}", rfc3339(at)));
    let past = Past::begin(s.db().await?, at).await?;
    s.connection.past = Some(past);
    Ok(())
}

/// Lets the connection read what was of several kinds at a time that is gone; a time to come is asked about by what is there.
/// Nothing is now.
pub async fn begin_at(
    s: &mut Invocation<'_>,
    text: Option<&str>,
    kinds: &[&'static Descriptor],
) -> Result<DateTime<Utc>> {
    let now = s.context.clock.micros();
    let Some(text) = text else { return Ok(now) };
    let (at, _) = time(text, now, s.context.origin.zone)?;
    if at >= now {
        return Ok(at);
    }
    open(s, at).await?;
    let org = s.org().await?;
    let Some(mut past) = s.connection.past.take() else { return Ok(at) };
    // What the installation has, everybody has.
    let is_asked = |tree: i32| tree == SYSTEM || org.is_none_or(|org| org == tree);
    let done = past.restrict_to_kinds(s.db().await?, kinds, is_asked).await;
    s.connection.past = Some(past);
    done?;
    Ok(at)
}

/// Refuses to decide about somebody where nobody can tell what went into it.
pub async fn ensure_known_of(s: &mut Invocation<'_>, person: Uuid) -> Result<()> {
    let Some(past) = s.connection.past.take() else { return Ok(()) };
    let done = past.ensure_known_of(s.db().await?, person).await;
    s.connection.past = Some(past);
    Ok(done?)
}

/// Refuses a list of which not all can be told.
pub async fn ensure_all_known(s: &mut Invocation<'_>) -> Result<()> {
    let Some(past) = s.connection.past.take() else { return Ok(()) };
    let done = past.ensure_all_known(s.db().await?).await;
    s.connection.past = Some(past);
    Ok(done?)
}

/// Refuses a record of which not all can be told, and to say that there was none where that can't be told.
pub async fn ensure_known(s: &mut Invocation<'_>, desc: &'static Descriptor, found: &Result<Record>) -> Result<()> {
    let Some(past) = s.connection.past.take() else { return Ok(()) };
    let absent = |e: &anyhow::Error| e.downcast_ref::<Problem>().is_some_and(|p| p.kind == ErrorKind::NotFound);
    let done = match found {
        Ok(record) => past.ensure_known(s.db().await?, record).await,
        Err(e) if absent(e) => past.ensure_absence_known(s.db().await?, desc).await,
        Err(_) => Ok(()),
    };
    s.connection.past = Some(past);
    Ok(done?)
}

/// Fits a query to the past, where that is what is asked about.
pub async fn rewrite(s: &mut Invocation<'_>, query: &mut Query) -> Result<()> {
    let Some(past) = s.connection.past.take() else { return Ok(()) };
    let done = past.rewrite(s.db().await?, query).await;
    s.connection.past = Some(past);
    Ok(done?)
}

/// The one who lived under a key at a time that is gone, or all who had it when deleted before that, as far as it can be told.
/// A connection of its own looks back.
pub async fn holders(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    at: DateTime<Utc>,
) -> Result<Vec<Record>> {
    let present = s.connection.take();
    let found = holders_then(s, desc, org, key, at).await;
    s.connection.close().await;
    if let Some(db) = present {
        s.connection.put(db);
    }
    found
}

async fn holders_then(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    at: DateTime<Utc>,
) -> Result<Vec<Record>> {
    let context = s.connection.parsing.clone();
    let db = s.db().await?;
    let mut past = Past::begin(db, at).await?;
    past.restrict_to(db, desc, org).await?;
    let found = records::by_key(db, desc, org, key, Deleted::Include, &context).await?;
    for record in &found {
        if past.ensure_known(db, record).await.is_err() {
            return Ok(Vec::new());
        }
    }
    Ok(found)
}

/// The connection that reads the past, while something is to be written in the present.
pub struct Suspended(Option<(Db, Past)>);

/// Leaves the past for a while: what is written goes over a connection of its own.
pub fn suspend(s: &mut Invocation<'_>) -> Suspended {
    match s.connection.past.take() {
        Some(past) => Suspended(s.connection.take().map(|db| (db, past))),
        None => Suspended(None),
    }
}

/// Goes back to the past that was left.
pub async fn resume(s: &mut Invocation<'_>, left: Suspended) {
    if let Some((db, past)) = left.0 {
        s.connection.close().await;
        s.connection.put(db);
        s.connection.past = Some(past);
    }
}

/// The command line, its time fixed: `2h` is another time when the next page is asked for.
pub fn fixed(s: &Invocation<'_>) -> Vec<String> {
    let mut words = s.context.origin.command.clone();
    let Some(past) = &s.connection.past else { return words };
    for i in 0..words.len() {
        if words[i].starts_with("--as-of=") {
            words[i] = format!("--as-of={}", rfc3339(past.at));
        } else if i > 0 && words[i - 1] == "--as-of" {
            words[i] = rfc3339(past.at);
        }
    }
    words
}
