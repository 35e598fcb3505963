//! history, and audit records as lists.

use std::collections::btree_map;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::Command;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::as_of;
use super::context::Context;
use super::flags::limit;
use super::gate;
use super::invocation::Invocation;
use super::keys::one_key;
use super::leaf::{FlagGroup, KindVerb, id};
use super::lookup::{GoneRecord, find_in, several_gone};
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::key::Part;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::resource::{Descriptor, Field, Record, Subject, examples};
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::records::keys::{self, Among};
use crate::store::records::{self, Deleted};
use crate::store::trail::{Entry, Search, merged_ids, purged, search, tree_of};
use crate::ui::format::{Format, Listing, OutputColumn};

/// The records about one: where it is somebody, also those that hold his or her data, and those of duplicates that were merged
/// into it.
async fn about(s: &mut Invocation<'_>, desc: &'static Descriptor, tree: i32, id: Uuid) -> Result<Search> {
    let is_somebody = desc.subject == Subject::Itself;
    let ids = if is_somebody { merged_ids(s.db().await?, tree, desc, id).await? } else { vec![id] };
    let kind = (!is_somebody).then(|| desc.noun.to_owned());
    Ok(Search { tree: Some(tree), resources: Some(ids), as_subjects: is_somebody, kind, ..Search::default() })
}

/// What of audit records about one record may be told to who does not see everything: those of the record itself, and of
/// others that are told. Of these neither a key that is made of those of others, nor what a refusal said to somebody else.
async fn as_told(s: &mut Invocation<'_>, desc: &'static Descriptor, mut entries: Vec<Entry>) -> Result<Vec<Entry>> {
    if s.connection.opening.reader.is_none() {
        return Ok(entries);
    }
    let mut told: BTreeSet<Uuid> = BTreeSet::new();
    for kind in s.kinds().resources().filter(|kind| *kind != desc) {
        let of_kind = entries.iter().filter(|e| e.kind == kind.noun).map(|e| (e.tree, e.resource_id));
        let of_kind: RecordIds = of_kind.collect();
        let found = records::with_record_ids(s.db().await?, kind, of_kind.into_iter()).await?;
        told.extend(found.into_iter().map(|r| r.meta.id));
    }
    entries.retain(|e| e.kind == desc.noun || told.contains(&e.resource_id));
    for e in &mut entries {
        e.request = None;
        hide_fields(s.context, e);
        let is_of_others = s.kinds().by_noun(&e.kind).is_none_or(|kind| kind.key().references().next().is_some());
        if let Some(payload) = e.payload.as_mut().and_then(Json::as_object_mut).filter(|_| is_of_others) {
            payload.shift_remove("key");
        }
    }
    Ok(entries)
}

/// The fields of a kind that are told only by another permission, which whoever acts has not.
pub fn untold<'c>(context: &'c Context<'_>, kind: &'static Descriptor) -> impl Iterator<Item = &'static Field> + 'c {
    kind.fields.iter().filter(|field| {
        let may = |action: &str| gate::allow_besides(context, &format!("{}:{action}", kind.table)).is_ok();
        field.told_by().is_some_and(|action| !may(action))
    })
}

/// Audit records as they may be shown: without what is told only by another permission.
pub async fn search_told(s: &mut Invocation<'_>, wanted: &Search) -> Result<Vec<Entry>> {
    let mut entries = search(s.db().await?, wanted).await?;
    for e in &mut entries {
        hide_fields(s.context, e);
    }
    Ok(entries)
}

/// Takes out what is told only by another permission, and the command line, where that says it.
fn hide_fields(context: &Context<'_>, e: &mut Entry) {
    let Some(kind) = context.kinds.by_noun(&e.kind) else { return };
    for field in untold(context, kind) {
        for part in ["old", "new"] {
            if let Some(values) = e.payload.as_mut().and_then(|payload| payload.get_mut(part)?.as_object_mut()) {
                let is_told = values.shift_remove(field.column).is_some_and(|value| !value.is_null());
                if let Some(request) = e.request.as_mut().and_then(Json::as_object_mut).filter(|_| is_told) {
                    request.shift_remove("command");
                }
            }
        }
    }
}

/// Every audit record about one record, oldest first.
pub async fn history_json(s: &mut Invocation<'_>, record: &Record) -> Result<Json> {
    let wanted = about(s, record.desc, record.meta.org_id, record.meta.id).await?;
    let entries = search(s.db().await?, &wanted).await?;
    let mut entries = as_told(s, record.desc, entries).await?;
    entries.reverse();
    let told = entries.into_iter().map(|e| {
        json!({
            "seq": e.seq, "at": rfc3339(e.at), "actor": e.actor, "action": e.action, "effect": e.effect, "resource": e.kind,
            "resource_id": e.resource_id, "status": e.status, "payload": e.payload,
        })
    });
    Ok(told.collect())
}

/// The flags of `history`.
#[derive(clap::Args, Default)]
pub struct HistoryFlags {
    #[arg(value_name = "KEY", required = true)]
    pub key: Option<String>,
    /// Only the last N records
    #[arg(long, value_name = "N", value_parser = limit)]
    pub limit: Option<u64>,
}

impl FlagGroup for HistoryFlags {
    fn in_words(c: Command, desc: &Descriptor) -> Command {
        c.mut_arg(id!(HistoryFlags, key), |a| a.help(examples::keys(desc)))
    }
}

impl KindVerb for HistoryFlags {
    const VERB: VerbName = VerbName::History;
    const WRITES: bool = false;

    fn about(desc: &Descriptor) -> String {
        format!("Show everything that was done to {}", desc.indefinite())
    }

    fn examples(desc: &Descriptor) -> String {
        format!("orgctl {0} history {1}\norgctl {0} history {1} -o json", desc.noun, examples::key(desc))
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        gate::allow(s)?;
        let key = one_key(s, desc, Deleted::Include, self.key).await?;
        let org = if desc.is_org() { s.org().await? } else { s.org_of(desc).await? };
        let (tree, id) = find_or_past(s, desc, org, &key).await?;
        let limit = self.limit;
        let wanted = Search { limit, ..about(s, desc, tree, id).await? };
        let are_several = wanted.resources.as_ref().is_some_and(|ids| ids.len() > 1);
        let entries = search(s.db().await?, &wanted).await?;
        let mut entries = as_told(s, desc, entries).await?;
        if entries.is_empty() && limit != Some(0) {
            return Err(
                Problem::new(ErrorKind::NotFound, format!("nothing is recorded about {} {key}", desc.noun)).into()
            );
        }
        entries.reverse();
        let mut list = EntryList::new(s, false, are_several)?;
        list.show(s, &entries).await?;
        list.finish(s.context)
    }
}

/// The record that a key names, and its tree; where nobody lives under it, the one that had it, for one that is gone has a
/// history too. Of several that had it none can be told to be meant.
pub async fn find_or_past(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
) -> Result<(i32, Uuid)> {
    let all = find_all_or_past(s, desc, org, key).await?;
    the_one(desc, key, &all)
}

/// The only one that a key may mean, and its tree.
pub fn the_one(desc: &'static Descriptor, key: &str, all: &[GoneRecord]) -> Result<(i32, Uuid)> {
    match all {
        [one] => Ok((one.org, one.id)),
        several => Err(several_gone(desc, key, several).into()),
    }
}

/// The live record that a key names; where there is none, all that had it: deleted ones and purged ones, under their ids.
pub async fn find_all_or_past(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
) -> Result<Vec<GoneRecord>> {
    let context = s.connection.parsing.clone();
    let found = records::by_key(s.db().await?, desc, org, key, Deleted::Include, &context).await?;
    if found.iter().any(|r| r.is_live()) {
        // Says so where several organisations use the key.
        return Ok(vec![GoneRecord::deleted(&find_in(s, desc, org, key, Deleted::Exclude).await?)]);
    }
    let mut gone: Vec<GoneRecord> = found.iter().map(GoneRecord::deleted).collect();
    gone.extend(find_purged(s, desc, org, key).await?);
    gone.dedup_by_key(|g| (g.org, g.id));
    if gone.is_empty() {
        if s.connection.opening.reader.is_some() {
            // What may not be told is not there, and its id leads to nothing that is recorded of it.
            return find_in(s, desc, org, key, Deleted::Include).await.map(|r| vec![GoneRecord::deleted(&r)]);
        }
        let Ok(id) = Uuid::try_parse(key) else {
            return find_in(s, desc, org, key, Deleted::Include).await.map(|r| vec![GoneRecord::deleted(&r)]);
        };
        // Of one whose record of the purge is archived only the id is known, and where it was.
        let known = tree_of(s.db().await?, id).await?;
        let org = match org.or(known) {
            Some(org) => org,
            None => s.the_org().await?,
        };
        gone.push(GoneRecord::purged_sometime(org, id));
    }
    if let [first, ..] = gone.as_slice() {
        s.outcome.about = first.org;
    }
    Ok(gone)
}

/// As [`find_all_or_past`], of what was until a time: whoever lived under the key then is meant, else who had
/// it before.
pub async fn find_all_or_past_until(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    until: Option<DateTime<Utc>>,
) -> Result<Vec<GoneRecord>> {
    let then = match until.filter(|_| Uuid::try_parse(key).is_err()) {
        Some(at) => as_of::holders(s, desc, org, key, at).await?,
        None => Vec::new(),
    };
    let [first, ..] = then.as_slice() else { return find_all_or_past(s, desc, org, key).await };
    let several_live = then.iter().filter(|r| r.is_live()).count() > 1;
    if several_live {
        // Several organisations use the key: that is said as it is said of today.
        return find_all_or_past(s, desc, org, key).await;
    }
    s.outcome.about = first.meta.org_id;
    Ok(then.iter().map(GoneRecord::deleted).collect())
}

/// The purged records that had a key, the latest first.
pub async fn find_purged(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
) -> Result<Vec<GoneRecord>> {
    let wanted = key_candidates(s, desc, org, key).await?;
    let mut found = purged(s.db().await?, desc, org, &wanted).await?;
    if let Some(reader) = &s.connection.opening.reader {
        // Where it belonged nothing tells any more.
        found.retain(|(tree, ..)| reader.tells_all_of(desc, *tree));
    }
    Ok(found.into_iter().map(|(tree, id, at)| GoneRecord::purged(tree, id, at)).collect())
}

/// The natural keys, as they are now, of what payloads refer to; on a terminal with the names of people.
#[derive(Default)]
pub struct KeyCache {
    known: HashMap<Uuid, Option<Record>>,
    with_names: bool,
}

impl KeyCache {
    pub fn new(s: &Invocation<'_>) -> KeyCache {
        KeyCache { known: HashMap::new(), with_names: s.context.ui.style.format.get() == Format::Table }
    }

    /// The key behind an id; none where nothing is there any more.
    pub async fn of(
        &mut self,
        s: &mut Invocation<'_>,
        target: &'static Descriptor,
        tree: i32,
        id: &Json,
    ) -> Result<Option<String>> {
        let Some(id) = uuid(id) else { return Ok(None) };
        self.read(s, target, [(tree, id)]).await?;
        let with_names = self.with_names;
        Ok(self.known.get(&id).and_then(Option::as_ref).map(|r| if with_names { r.label() } else { r.key() }))
    }

    /// A key as a record or a payload has it, with the name of the person who is meant, where that one is still there.
    pub async fn label(
        &mut self,
        s: &mut Invocation<'_>,
        desc: &'static Descriptor,
        tree: i32,
        id: Uuid,
        key: String,
    ) -> Result<String> {
        if !self.with_names || !has_names(desc) {
            return Ok(key);
        }
        self.read(s, desc, [(tree, id)]).await?;
        let person = self.known.get(&id).and_then(Option::as_ref);
        Ok(person.and_then(|r| r.label().strip_prefix(&r.key()).map(|name| format!("{key}{name}"))).unwrap_or(key))
    }

    /// All that some entries are about or refer to, at once.
    async fn read_for(&mut self, s: &mut Invocation<'_>, entries: &[Entry]) -> Result<()> {
        let mut wanted: BTreeMap<&str, (&'static Descriptor, RecordIds)> = BTreeMap::new();
        for e in entries {
            let Some(desc) = s.kinds().by_noun(&e.kind) else { continue };
            let mut want = |desc: &'static Descriptor, id| {
                wanted.entry(desc.noun).or_insert_with(|| (desc, RecordIds::new())).1.insert((e.tree, id));
            };
            if self.with_names && has_names(desc) {
                want(desc, e.resource_id);
            }
            for field in desc.fields {
                let Some(target) = field.target() else { continue };
                let sides = ["old", "new"].map(|side| e.payload.as_ref().and_then(|p| uuid(&p[side][field.column])));
                sides.into_iter().flatten().for_each(|id| want(target, id));
            }
        }
        for (desc, places) in wanted.into_values() {
            self.read(s, desc, places).await?;
        }
        Ok(())
    }

    async fn read(
        &mut self,
        s: &mut Invocation<'_>,
        desc: &'static Descriptor,
        places: impl IntoIterator<Item = (i32, Uuid)>,
    ) -> Result<()> {
        let unknown: Vec<(i32, Uuid)> = places.into_iter().filter(|(_, id)| !self.known.contains_key(id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        self.known.extend(unknown.iter().map(|(_, id)| (*id, None)));
        let found = records::with_record_ids(s.db().await?, desc, unknown.into_iter()).await?;
        self.known.extend(found.into_iter().map(|r| (r.meta.id, Some(r))));
        Ok(())
    }
}

/// Trees and ids.
type RecordIds = BTreeSet<(i32, Uuid)>;

fn uuid(id: &Json) -> Option<Uuid> {
    id.as_str().and_then(|t| Uuid::try_parse(t).ok())
}

/// Whether records of this kind are people, whose codes tell nobody anything.
fn has_names(desc: &Descriptor) -> bool {
    desc.title().is_some()
}

/// What a key could stand for: what columns of a record held that had it, one of some values each. What a part of it refers to
/// may be gone too.
async fn key_candidates(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
) -> Result<Vec<Vec<(&'static str, Vec<Json>)>>> {
    let context = s.connection.parsing.clone();
    let as_it_is = |f: &Field| f.parse(key, &context).map_or_else(|_| key.to_owned(), |v| v.to_text());
    let mut wanted: Vec<_> = desc.key_fields().map(|f| vec![(f.column, vec![as_it_is(f).into()])]).collect();
    for group in desc.key_groups() {
        for reading in group.readings(key, &context) {
            let mut held = Vec::new();
            for (field, part) in group.parts().zip(reading) {
                let values = match part {
                    Part::Value(value) => vec![value.to_json()],
                    Part::Of(target, text) => {
                        let among = Among { org, life: Deleted::Include, now: false, context: &context };
                        let found = keys::ids(s.db().await?, target, among, &[&text]).await?;
                        let gone = Box::pin(find_purged(s, target, org, &text)).await?;
                        let ids = found.into_values().flatten().chain(gone.into_iter().map(|g| g.id));
                        ids.map(|id| Json::from(id.to_string())).collect()
                    }
                };
                held.push((field.column, values));
            }
            wanted.push(held);
        }
    }
    Ok(wanted)
}

/// For people, a reference in a payload is told by the natural key that it has now, under the field's name.
pub async fn resolve_references(s: &mut Invocation<'_>, known: &mut KeyCache, entries: &[Entry]) -> Result<Vec<Entry>> {
    known.read_for(s, entries).await?;
    let mut readable = entries.to_vec();
    for e in &mut readable {
        let Some(desc) = s.kinds().by_noun(&e.kind) else { continue };
        for part in ["old", "new"] {
            let Some(values) = e.payload.as_mut().and_then(|p| p.get_mut(part)).and_then(Json::as_object_mut) else {
                continue;
            };
            for field in desc.fields {
                let Some(target) = field.target() else { continue };
                let Some(value) = values.shift_remove(field.column) else { continue };
                let key = known.of(s, target, e.tree, &value).await?;
                values.insert(field.name().to_owned(), key.map_or(value, Into::into));
            }
        }
    }
    Ok(readable)
}

/// Audit records as a list, shown piece by piece.
pub struct EntryList {
    listing: Listing,
    /// For a person to read, not for a program.
    for_people: bool,
    with_org: bool,
    /// For people too, the id: where several had the key that is asked about.
    with_id: bool,
    codes: BTreeMap<i32, String>,
    keys: KeyCache,
}

impl EntryList {
    pub fn new(s: &Invocation<'_>, with_org: bool, with_id: bool) -> Result<EntryList> {
        let for_people = matches!(s.context.ui.style.format.get(), Format::Table | Format::Tsv);
        let mut heads = vec![
            OutputColumn::new("seq", ValueType::Int),
            OutputColumn::new("at", ValueType::Time),
            OutputColumn::new("actor", ValueType::Text),
        ];
        heads.extend([
            OutputColumn::new("action", ValueType::Text),
            OutputColumn::new("resource", ValueType::Text),
            OutputColumn::new("key", ValueType::Text),
        ]);
        if for_people {
            if with_id {
                heads.push(OutputColumn::new("resource_id", ValueType::Uuid));
            }
            heads.push(OutputColumn::new("changes", ValueType::Text).change());
        } else {
            heads.extend([
                OutputColumn::new("effect", ValueType::Text),
                OutputColumn::new("resource_id", ValueType::Uuid),
                OutputColumn::new("subject_id", ValueType::Uuid),
                OutputColumn::new("old", ValueType::Json),
                OutputColumn::new("new", ValueType::Json),
                OutputColumn::new("details", ValueType::Json),
            ]);
            heads.push(OutputColumn::new("source", ValueType::Text));
            heads.push(OutputColumn::new("request_id", ValueType::Uuid));
        }
        heads.push(OutputColumn::new("status", ValueType::Text));
        let with_org = with_org || !for_people;
        if with_org {
            heads.insert(0, OutputColumn::new("org", ValueType::Text));
        }
        let key = heads.iter().position(|h| h.name == "seq").unwrap_or(0);
        let listing = Listing::new(&s.context.ui, heads, key);
        listing.allowed()?;
        Ok(EntryList { listing, for_people, with_org, with_id, codes: BTreeMap::new(), keys: KeyCache::new(s) })
    }

    pub async fn show(&mut self, s: &mut Invocation<'_>, entries: &[Entry]) -> Result<()> {
        let readable = if self.for_people { Some(resolve_references(s, &mut self.keys, entries).await?) } else { None };
        for e in readable.as_deref().unwrap_or(entries) {
            let row = self.row(s, e).await?;
            self.listing.row(&s.context.ui, row)?;
        }
        Ok(())
    }

    async fn row(&mut self, s: &mut Invocation<'_>, e: &Entry) -> Result<Vec<Value>> {
        let payload = e.payload.clone().unwrap_or_default();
        let mut row: Vec<Value> = Vec::new();
        if self.with_org {
            if let btree_map::Entry::Vacant(code) = self.codes.entry(e.tree) {
                code.insert(records::org_code(s.db().await?, e.tree).await?);
            }
            row.push(self.codes[&e.tree].as_str().into());
        }
        row.extend([
            e.seq.into(),
            e.at.into(),
            e.actor.as_str().into(),
            e.action.as_str().into(),
            e.kind.as_str().into(),
        ]);
        row.push(match (e.key(s.kinds()).map(str::to_owned), s.kinds().by_noun(&e.kind)) {
            (Some(key), Some(desc)) => self.keys.label(s, desc, e.tree, e.resource_id, key).await?.into(),
            (key, _) => key.into(),
        });
        if self.for_people {
            if self.with_id {
                row.push(e.resource_id.into());
            }
            row.push(changes(e).into());
        } else {
            let part =
                |v: &Json| if v.is_null() { Value::Null(ValueType::Json) } else { Value::Json(Box::new(v.clone())) };
            row.extend([e.effect.as_str().into(), e.resource_id.into(), e.subject_id.into()]);
            row.extend([part(&payload["old"]), part(&payload["new"])]);
            let known = |name: &str| matches!(name, "v" | "key" | "old" | "new");
            let details: Map<String, Json> = payload
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(k, _)| !known(k))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            row.push(if details.is_empty() {
                Value::Null(ValueType::Json)
            } else {
                Value::Json(Box::new(details.into()))
            });
            row.extend([e.source.as_str().into(), e.request_id.into()]);
        }
        row.push(e.status.as_str().into());
        Ok(row)
    }

    pub fn count(&self) -> u64 {
        self.listing.count()
    }

    pub fn finish(mut self, context: &Context<'_>) -> Result<()> {
        self.listing.finish(&context.ui)?;
        context.ui.flush()?;
        if self.count() == 0 {
            context.ui.status("no audit records");
        }
        Ok(())
    }
}

/// What a record changed, in a few words: `phone: +9122... -> +9198...`.
fn changes(e: &Entry) -> String {
    let Some(payload) = &e.payload else { return "(archived or erased)".into() };
    let word = |v: &Json| match v {
        Json::Null => "none".to_owned(),
        Json::String(s) => s.clone(),
        other => other.to_string(),
    };
    match (payload["old"].as_object(), payload["new"].as_object()) {
        (Some(old), Some(new)) => {
            let pairs = new.iter().map(|(k, v)| format!("{k}: {} -> {}", word(&old[k]), word(v)));
            let reverts = payload["reverts"].as_i64().map(|seq| format!("reverts: {seq}"));
            pairs.chain(reverts).collect::<Vec<_>>().join(", ")
        }
        (None, Some(new)) => new.iter().map(|(k, v)| format!("{k}: {}", word(v))).collect::<Vec<_>>().join(", "),
        // Where the action does not tell it.
        (Some(_), None) if e.action != e.effect => format!("effect: {}", e.effect),
        (Some(_), None) => String::new(),
        (None, None) => match e.request.as_ref().and_then(|r| r["error"].as_str()) {
            Some(error) => error.to_owned(),
            None => {
                let details = payload.as_object().into_iter().flatten().filter(|(k, _)| *k != "v" && *k != "key");
                details.map(|(k, v)| format!("{k}: {}", word(v))).collect::<Vec<_>>().join(", ")
            }
        },
    }
}
