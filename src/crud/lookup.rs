//! Records by the keys that people give: live ones, deleted ones, and what is said where there is none, or several.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::invocation::Invocation;
use crate::model::kinds::org;
use crate::model::problem::Problem;
use crate::model::resource::lifecycle::ENDED;
use crate::model::resource::lifetime::Lifetime;
use crate::model::resource::verbs::Verb;
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::values::scalar::truncate;
use crate::model::values::value::{Value, rfc3339};
use crate::store::records::{self, Deleted, keys as store_keys};
use crate::store::tx::not_in_charge;

/// Finds the one record that a key names, or says which is nearest: what the command is about, and a refusal of it too.
pub async fn find(s: &mut Invocation<'_>, desc: &'static Descriptor, key: &str, life: Deleted) -> Result<Record> {
    let org = s.org_of(desc).await?;
    let record = find_in(s, desc, org, key, life).await?;
    s.is_about(&record);
    Ok(record)
}

/// As [`find`], in a given organisation, and of what the command only refers to.
pub async fn find_in(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    life: Deleted,
) -> Result<Record> {
    let context = s.connection.parsing.clone();
    let found = records::by_key(s.db().await?, desc, org, key, life, &context).await?;
    if found.is_empty() {
        return Err(not_found(s, desc, org, key, life).await?.into());
    }
    of_one_org(s, desc, key, &found).await?;
    let [record] = found.as_slice() else {
        let gone: Vec<GoneRecord> = found.iter().map(GoneRecord::deleted).collect();
        return Err(several_gone(desc, key, &gone).into());
    };
    s.outcome.about = record.meta.org_id;
    Ok(record.clone())
}

/// Keys that are looked up together.
const TOGETHER: usize = 1000;

/// The live records that keys name, each once, in their order. Where one means exactly one record, many are looked up together.
pub async fn find_each(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    keys: &[String],
) -> Result<Vec<Record>> {
    find_all(s, desc, (org, Deleted::Exclude), keys, false).await
}

/// The deleted records that keys name, each once, in their order. Of several that had a key the one that was deleted last is
/// meant, where `last` says so.
pub async fn find_each_deleted(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    keys: &[String],
    last: bool,
) -> Result<Vec<Record>> {
    let org = s.org_of(desc).await?;
    find_all(s, desc, (org, Deleted::Only), keys, last).await
}

async fn find_all(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    (org, life): (Option<i32>, Deleted),
    keys: &[String],
    last: bool,
) -> Result<Vec<Record>> {
    let (mut found, mut seen) = (Vec::with_capacity(keys.len()), HashSet::new());
    for some in keys.chunks(TOGETHER) {
        let mut known = known_by(s, desc, (org, life), some).await?;
        for key in some {
            // None, or several, or one that was named before: that is said, or passed over.
            let record = match (known.remove(key), life) {
                (Some(record), _) => record,
                (None, Deleted::Only) if last => find_last_deleted(s, desc, key).await?,
                (None, Deleted::Only) => find_deleted(s, desc, key).await?,
                (None, _) => find_in(s, desc, org, key, life).await?,
            };
            if seen.insert(record.meta.record_id()) {
                s.outcome.about = record.meta.org_id;
                if matches!(life, Deleted::Only) {
                    s.is_about(&record);
                }
                found.push(record);
            }
        }
    }
    Ok(found)
}

/// The records in a state that some keys mean, where each means one alone, and no live one beside it.
async fn known_by(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    (org, life): (Option<i32>, Deleted),
    keys: &[String],
) -> Result<HashMap<String, Record>> {
    if keys.len() == 1 {
        return Ok(HashMap::new());
    }
    let context = s.connection.parsing.clone();
    let among = store_keys::Among { org, life, now: false, context: &context };
    let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut meant = store_keys::ids(s.db().await?, desc, among, &texts).await?;
    meant.retain(|_, ids| ids.len() == 1);
    if life == Deleted::Only {
        let live = store_keys::Among { life: Deleted::Exclude, ..among };
        let live = store_keys::ids(s.db().await?, desc, live, &texts).await?;
        meant.retain(|key, _| !live.contains_key(key));
    }
    let ids: Vec<Value> = meant.values().map(|ids| ids[0].into()).collect();
    let org = org.filter(|_| !desc.is_org());
    let there = match life {
        Deleted::Only => records::gone_with_ids(s.db().await?, desc, org, &ids).await?,
        _ => records::with_ids(s.db().await?, desc, org, &ids).await?,
    };
    let there: HashMap<Uuid, Record> = there.into_iter().map(|r| (r.meta.id, r)).collect();
    Ok(meant.into_iter().filter_map(|(key, ids)| Some((key, there.get(&ids[0])?.clone()))).collect())
}

/// The deleted records that a key names; where there are none, those that have ended. Who has the key now is meant before
/// them, and is not deleted.
async fn deleted_holders(s: &mut Invocation<'_>, desc: &'static Descriptor, key: &str) -> Result<Vec<Record>> {
    let org = s.org_of(desc).await?;
    let context = s.connection.parsing.clone();
    // A duplicate that was merged is named by what it was called, though that means another one now.
    let found = records::own_holders(s.db().await?, desc, org, key, &context).await?;
    let (live, mut gone): (Vec<Record>, Vec<Record>) = found.into_iter().partition(|r| r.is_live());
    if gone.iter().any(|r| !r.meta.is_live()) {
        gone.retain(|r| !r.meta.is_live());
    }
    if gone.is_empty() {
        return Err(not_found(s, desc, org, key, Deleted::Only).await?.into());
    }
    if let Some(live) = live.first() {
        s.outcome.about = live.meta.org_id;
        s.is_about(live);
        let all: Vec<String> = gone.iter().take(10).map(GoneRecord::told_of).collect();
        return Err(Problem::conflict(format!("{} has the key {}, and is not deleted", live.title(), truncate(key)))
            .hint(format!("the deleted {} is named by the id: {}", desc.noun, all.join(", ")))
            .into());
    }
    of_one_org(s, desc, key, &gone).await?;
    Ok(gone)
}

/// The one deleted record that a key names.
async fn find_deleted(s: &mut Invocation<'_>, desc: &'static Descriptor, key: &str) -> Result<Record> {
    let mut found = deleted_holders(s, desc, key).await?;
    if found.len() > 1 {
        let gone: Vec<GoneRecord> = found.iter().map(GoneRecord::deleted).collect();
        return Err(several_gone(desc, key, &gone).into());
    }
    let record = found.remove(0);
    s.outcome.about = record.meta.org_id;
    s.is_about(&record);
    Ok(record)
}

/// The deleted record that a key names; of several that had it, the one that was deleted last, which is said.
async fn find_last_deleted(s: &mut Invocation<'_>, desc: &'static Descriptor, key: &str) -> Result<Record> {
    let mut found = deleted_holders(s, desc, key).await?;
    found.sort_by_key(|r| std::cmp::Reverse((r.meta.deleted_at, r.meta.id)));
    let record = found.remove(0);
    if !found.is_empty() {
        let earlier: Vec<String> = found.iter().map(GoneRecord::told_of).collect();
        s.context.ui.status(&format!(
            "note: {} was deleted last of those that had the key; before it: {}",
            GoneRecord::told_of(&record),
            earlier.join(", ")
        ));
    }
    s.outcome.about = record.meta.org_id;
    s.is_about(&record);
    Ok(record)
}

/// Everybody who has a key, and everybody who had it when deleted.
pub async fn find_holders(s: &mut Invocation<'_>, desc: &'static Descriptor, key: &str) -> Result<Vec<Record>> {
    let org = s.org_of(desc).await?;
    let context = s.connection.parsing.clone();
    let found = records::holders(s.db().await?, desc, org, key, &context).await?;
    if found.is_empty() {
        return Err(not_found(s, desc, org, key, Deleted::Include).await?.into());
    }
    of_one_org(s, desc, key, &found).await?;
    Ok(found)
}

/// Refuses a key that several organisations use.
async fn of_one_org(s: &mut Invocation<'_>, desc: &'static Descriptor, key: &str, found: &[Record]) -> Result<()> {
    let mut orgs: Vec<i32> = found.iter().map(|r| r.meta.org_id).collect();
    orgs.sort_unstable();
    orgs.dedup();
    if desc.is_org() || orgs.len() < 2 {
        return Ok(());
    }
    let mut codes = Vec::new();
    for org in orgs {
        codes.push(records::org_code(s.db().await?, org).await?);
    }
    let sentence = format!("{} {} exists in several organisations: {}", desc.noun, truncate(key), codes.join(", "));
    Err(Problem::usage(sentence).hint("name the one that is meant with --org").into())
}

/// A record that had a key, and is deleted or purged.
#[derive(Debug, Clone)]
pub struct GoneRecord {
    pub org: i32,
    pub id: Uuid,
    at: Option<DateTime<Utc>>,
    how: &'static str,
}

impl GoneRecord {
    pub fn deleted(record: &Record) -> GoneRecord {
        let ended = record.find(ENDED).and_then(Value::as_time).filter(|_| record.has_ended());
        let (at, how) = match record.meta.deleted_at {
            Some(at) => (Some(at), "deleted"),
            None => (ended, "ended"),
        };
        GoneRecord { org: record.meta.org_id, id: record.meta.id, at, how }
    }

    /// A deleted record, as [`GoneRecord::describe`].
    fn told_of(record: &Record) -> String {
        GoneRecord::deleted(record).describe()
    }

    pub fn purged(org: i32, id: Uuid, at: DateTime<Utc>) -> GoneRecord {
        GoneRecord { org, id, at: Some(at), how: "purged" }
    }

    /// One of which only the id is known.
    pub fn purged_sometime(org: i32, id: Uuid) -> GoneRecord {
        GoneRecord { org, id, at: None, how: "" }
    }

    /// `0195... (deleted 2026-11-03T09:30:00Z)`
    pub fn describe(&self) -> String {
        self.named(&self.id.to_string())
    }

    /// The same under another name than its id.
    pub fn named(&self, name: &str) -> String {
        match self.at {
            Some(at) => format!("{name} ({} {})", self.how, rfc3339(at)),
            None => name.to_owned(),
        }
    }
}

/// Several that are gone had the key, and nobody can tell which of them is meant.
pub fn several_gone(desc: &Descriptor, key: &str, gone: &[GoneRecord]) -> Problem {
    let all: Vec<String> = gone.iter().take(10).map(GoneRecord::describe).collect();
    let more = if gone.len() > all.len() { ", ..." } else { "" };
    let plural = desc.plural();
    let which = match gone.iter().all(|one| one.how == "ended") {
        true => format!("{plural} that have ended"),
        false => format!("deleted {plural}"),
    };
    Problem::conflict(format!("several {which} had the key {}", truncate(key)))
        .hint(format!("name the one that is meant by its id: {}{more}", all.join(", ")))
}

/// The command that shows what is gone as it was at a time.
fn as_it_was(desc: &Descriptor, key: &str, org_flag: &str, as_of: &str) -> String {
    format!("'orgctl {} show {key}{org_flag}{as_of} --with-deleted' shows it as it was", desc.noun)
}

pub(super) async fn not_found(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    life: Deleted,
) -> Result<Problem> {
    if key.trim().is_empty() {
        return Ok(Problem::usage(format!("the key of {} is empty", desc.indefinite())).hint(format!(
            "'orgctl {} {}' shows all",
            desc.noun,
            desc.list_word()
        )));
    }
    let context = s.connection.parsing.clone();
    let as_of = s.connection.past.as_ref().map(|past| format!(" --as-of {}", rfc3339(past.at)));
    let db = s.db().await?;
    let place = match org {
        Some(org) if !desc.is_org() => format!(" in {}", records::org_code(db, org).await?),
        _ => String::new(),
    };
    let noun = if desc.is_org() { "organisation" } else { desc.noun };
    let shown = truncate(key);
    let org_flag = match org {
        Some(org) if !desc.is_org() => format!(" --org {}", records::org_code(db, org).await?),
        _ => String::new(),
    };
    let gone = match life {
        Deleted::Exclude => records::by_key(db, desc, org, key, Deleted::Only, &context).await?,
        _ => Vec::new(),
    };
    if !gone.is_empty() && gone.iter().all(|r| r.meta.is_live()) {
        return Ok(Problem::not_found(format!("{noun} {shown}{place} has ended")).hint(match &as_of {
            None => format!("'orgctl {} list --filter status=ended{org_flag}' shows what has", desc.noun),
            Some(as_of) => as_it_was(desc, &shown, &org_flag, as_of),
        }));
    }
    if !gone.is_empty() {
        return Ok(Problem::not_found(format!("{noun} {shown}{place} is deleted")).hint(match &as_of {
            None if !desc.does(Verb::Restore) => "--with-deleted shows it as it was".to_owned(),
            None => format!("'orgctl {} restore {shown}{org_flag}' brings it back", desc.noun),
            Some(as_of) => as_it_was(desc, &shown, &org_flag, as_of),
        }));
    }
    if life == Deleted::Only && !records::by_key(db, desc, org, key, Deleted::Exclude, &context).await?.is_empty() {
        return Ok(Problem::not_found(format!("{noun} {shown}{place} is not deleted")).hint(format!(
            "'orgctl {} {} {shown}{org_flag}' deletes it; only what is deleted is restored or purged",
            desc.noun,
            desc.delete_word()
        )));
    }
    let state = if life == Deleted::Only { "deleted " } else { "" };
    let org_flag = org_flag + as_of.as_deref().unwrap_or_default();
    let all = match life {
        Deleted::Only => format!("'orgctl {} {} --deleted{org_flag}' shows all", desc.noun, desc.list_word()),
        _ => format!("'orgctl {} {}{org_flag}' shows all", desc.noun, desc.list_word()),
    };
    let meant = if life == Deleted::Exclude { records::nearest_key(db, desc, org, key, &context).await? } else { None };
    let hint = meant.map_or(all.clone(), |m| format!("did you mean {m}? {all}"));
    let sentence = if state.is_empty() {
        format!("{noun} {shown} does not exist{place}")
    } else {
        format!("there is no deleted {noun} {shown}{place}")
    };
    Ok(Problem::not_found(sentence).hint(hint))
}

/// The id of the record that a reference field's input names, in the record's own organisation.
pub async fn find_ref(
    s: &mut Invocation<'_>,
    desc: &Descriptor,
    field: &'static Field,
    org: i32,
    key: &str,
) -> Result<Value> {
    let target = field.target().ok_or_else(|| anyhow::anyhow!("{} is no reference", field.column))?;
    let found = find_in(s, target, Some(org), key, Deleted::Exclude).await?;
    // Whether the record is open, only the transaction knows: it asks then.
    if field.lifetime() == Lifetime::Duty && !found.is_active() && !desc.is_in_charge_while_open(field) {
        return Err(not_in_charge(&found, field.name()).into());
    }
    Ok(found.meta.id.into())
}

/// Refuses what nobody may do to SYSTEM.
pub fn not_system(record: &Record) -> Result<(), Problem> {
    if record.desc.is_org() && record.meta.org_id == org::SYSTEM {
        return Err(Problem::conflict("the reserved organisation SYSTEM can't be changed or deleted"));
    }
    Ok(())
}
