//! What the words of a search may be: a mistyped one would say that nothing ever happened.

use anyhow::Result;
use uuid::Uuid;

use crate::crud::filter::known_actor;
use crate::crud::invocation::Invocation;
use crate::model::problem::{Problem, nearest};
use crate::model::trail::audit::{ACTIONS, CLOCK, KIND, SOURCES};
use crate::model::values::scalar::{fold, truncate};
use crate::store::trail::{self, Search, search};

/// Kinds of what has no noun of its own.
const OTHERS: &[&str] = &[KIND, CLOCK, "database"];

fn unknown<'a>(flag: &str, word: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let known: Vec<&str> = known.collect();
    let meant = nearest(word, known.iter().copied()).map(|m| format!("did you mean {m}?"));
    Problem::usage(format!("'{}' is no {flag} that is known", truncate(word)))
        .hint_maybe(meant)
        .hint(format!("{flag}: {}", known.join(", ")))
}

/// A word of a list, however it is spelled.
fn of_list<'a>(word: &str, list: &[&'a str]) -> Option<&'a str> {
    list.iter().copied().find(|w| fold(w) == fold(word))
}

/// A kind of record: one of ours, or one that was recorded by another program.
pub async fn kind(s: &mut Invocation<'_>, given: Option<String>) -> Result<Option<String>> {
    let Some(word) = given else { return Ok(None) };
    let nouns: Vec<&str> = s.kinds().resources().map(|d| d.noun).chain(OTHERS.iter().copied()).collect();
    let is_called = |alias: &str| fold(alias) == fold(&word);
    let ours = s.kinds().resources().find(|d| is_called(d.table) || d.alias.is_some_and(is_called)).map(|d| d.noun);
    if let Some(noun) = of_list(&word, &nouns).or(ours) {
        return Ok(Some(noun.to_owned()));
    }
    match trail::is_recorded(s.db().await?, "kind", &word).await? {
        true => Ok(Some(word)),
        false => Err(unknown("resource", &word, nouns.into_iter()).into()),
    }
}

/// Refuses the id of a command that recorded nothing.
pub async fn request(s: &mut Invocation<'_>, id: Uuid) -> Result<()> {
    if trail::is_request(s.db().await?, id).await? {
        return Ok(());
    }
    Err(Problem::not_found(format!("no command of the trail has the id {id}"))
        .hint("'orgctl audit show SEQ' tells the id of the command that made a record")
        .into())
}

/// Whether anything was recorded of an id.
pub async fn is_told_of(s: &mut Invocation<'_>, id: Option<Uuid>) -> Result<bool> {
    match id {
        Some(id) => Ok(trail::tree_of(s.db().await?, id).await?.is_some()),
        None => Ok(false),
    }
}

/// Puts the words of a search as they are recorded, and refuses those that are not known.
pub async fn words(s: &mut Invocation<'_>, wanted: &mut Search) -> Result<()> {
    if let Some(word) = &wanted.action {
        wanted.action = match of_list(word, ACTIONS) {
            Some(action) => Some(action.to_owned()),
            None if trail::is_recorded(s.db().await?, "action", word).await? => Some(word.clone()),
            None => return Err(unknown("action", word, ACTIONS.iter().copied()).into()),
        };
    }
    if let Some(word) = &wanted.source {
        let source = of_list(word, SOURCES).ok_or_else(|| unknown("source", word, SOURCES.iter().copied()))?;
        wanted.source = Some(source.to_owned());
    }
    if let Some(actor) = &wanted.actor {
        known_actor(s, actor).await?;
    }
    if let [name] = wanted.fields.as_slice() {
        wanted.fields = columns(s, wanted.kind.as_deref(), name).await?;
    }
    Ok(())
}

/// What is recorded beside the fields of records.
const BESIDE: &[&str] = &["password", "value"];

/// The columns that a field's name stands for, of one kind or of all: a reference is recorded by its column.
async fn columns(s: &mut Invocation<'_>, kind: Option<&str>, name: &str) -> Result<Vec<String>> {
    let name = name.trim().replace('-', "_");
    let all = s.kinds();
    let kinds = || all.resources().filter(|d| kind.is_none_or(|k| k == d.noun));
    let lists = || kinds().flat_map(|d| d.lists.iter().map(|l| l.name));
    let mut columns: Vec<String> = kinds().filter_map(|d| d.field(&name)).map(|f| f.column.to_owned()).collect();
    columns.extend(lists().chain(BESIDE.iter().copied()).filter(|l| *l == name).map(str::to_owned));
    columns.sort();
    columns.dedup();
    let parts = |d: &'static crate::model::resource::Descriptor| d.field(&name).and_then(|f| f.parts());
    // What is joined of parts is recorded by them.
    columns.extend(kinds().filter_map(parts).flatten().map(|part| (*part).to_owned()));
    if !columns.is_empty() {
        return Ok(columns);
    }
    let elsewhere = Search {
        tree: None,
        kind: kind.map(str::to_owned),
        fields: vec![name.clone()],
        limit: Some(1),
        ..Search::default()
    };
    // A field of what another program recorded.
    if kind.is_none_or(|k| all.by_noun(k).is_none()) && !search(s.db().await?, &elsewhere).await?.is_empty() {
        return Ok(vec![name]);
    }
    let known = kinds().flat_map(|d| d.fields).map(|f| f.name()).chain(lists());
    let mut known: Vec<&str> = known.chain(BESIDE.iter().copied()).collect();
    known.sort_unstable();
    known.dedup();
    Err(unknown("field", &name, known.into_iter()).into())
}
