//! Looking things up in the audit trail. What a record shares with the others of its command stands in its request, which
//! tells the records by their first and last number; so a question about actor, source, status or time is asked of the
//! requests first, and what they name is read from the records, the newest first.

pub mod appender;
pub mod checkpoints;
pub mod corrections;
pub mod diff;
pub mod exposure;
pub mod external;
pub mod lineage;
pub mod repair;
pub mod retention;
pub mod row_check;
pub mod verify;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::engine::db::Db;
use super::engine::sql::{Row, Sql};
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::Descriptor;
use crate::model::trail::audit::{Action, Effect};
use crate::model::values::value::{Value, ValueType, canonical};
use crate::model::values::zone::Zone;
use crate::store::Result;
use corrections::{Segment, last_before, segment_of, segments};

/// One record, with what it shares with the others of its transaction.
#[derive(Debug, Clone)]
pub struct Entry {
    pub tree: i32,
    pub seq: i64,
    /// No later than a correction of the clock behind it.
    pub at: DateTime<Utc>,
    /// What the clock said.
    pub recorded_at: DateTime<Utc>,
    pub action: String,
    /// The word of an [`Effect`].
    pub effect: String,
    pub kind: String,
    pub resource_id: Uuid,
    /// Whose data it holds.
    pub subject_id: Option<Uuid>,
    pub status: String,
    pub source: String,
    pub request_id: Uuid,
    pub actor: String,
    /// The actor's number; none where nothing is known of the command.
    pub actor_id: Option<i64>,
    /// Empty where it was erased or archived.
    pub payload: Option<Json>,
    pub request: Option<Json>,
    pub leaf: [u8; 32],
}

impl Entry {
    /// The natural key at that time: a create record tells it among the new values.
    pub fn key(&self, kinds: Kinds) -> Option<&str> {
        let payload = self.payload.as_ref()?;
        payload["key"].as_str().or_else(|| payload["new"][kinds.by_noun(&self.kind)?.key_field()?.column].as_str())
    }

    /// What it did to the row that it is about.
    pub fn has_effect(&self, effect: Effect) -> bool {
        self.effect == effect.as_str()
    }

    /// Whether it changed a field. What goes keeps all its values, none of which was changed.
    fn changed(&self, field: &str) -> bool {
        let is_gone = [Effect::Delete, Effect::Purge].iter().any(|e| self.has_effect(*e));
        // A secret is told of beside them.
        let is_in = |p: &Json| ["old", "new"].iter().any(|part| p[*part].get(field).is_some()) || p[field] == "changed";
        !is_gone && self.payload.as_ref().is_some_and(is_in)
    }
}

/// A record that a page ended with: the next one goes on behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageCursor {
    pub at: DateTime<Utc>,
    pub tree: i32,
    pub seq: i64,
}

impl PageCursor {
    pub fn of(entry: &Entry) -> PageCursor {
        PageCursor { at: entry.at, tree: entry.tree, seq: entry.seq }
    }

    /// The token of the next page.
    pub fn encode(&self) -> String {
        let bytes = [&self.at.timestamp_micros().to_be_bytes()[..], &self.tree.to_be_bytes(), &self.seq.to_be_bytes()];
        URL_SAFE_NO_PAD.encode(bytes.concat())
    }

    pub fn decode(token: &str) -> Result<PageCursor, Problem> {
        let read = || {
            let bytes: [u8; 20] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
            let (at, rest) = bytes.split_first_chunk::<8>()?;
            let (tree, rest) = rest.split_first_chunk::<4>()?;
            Some(PageCursor {
                at: DateTime::from_timestamp_micros(i64::from_be_bytes(*at))?,
                tree: i32::from_be_bytes(*tree),
                seq: i64::from_be_bytes(rest.try_into().ok()?),
            })
        };
        read().ok_or_else(|| {
            Problem::usage("the page token can't be used here")
                .hint("take the command that the last page printed, unchanged")
        })
    }
}

/// What to look for. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Search {
    /// One tree; none: all of them.
    pub tree: Option<i32>,
    /// Records about one of these.
    pub resources: Option<Vec<Uuid>>,
    /// Also those that hold their data and are about something else.
    pub as_subjects: bool,
    pub action: Option<String>,
    pub kind: Option<String>,
    /// The name of an actor, or its key.
    pub actor: Option<String>,
    pub source: Option<String>,
    pub status: Option<String>,
    pub request_id: Option<Uuid>,
    /// One of these fields among the values before or after; none: any.
    pub fields: Vec<String>,
    /// A text anywhere in what is recorded, capitals or not.
    pub text: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
    /// Only records before this number.
    pub before: Option<i64>,
    /// Only records behind this number.
    pub after: Option<i64>,
    /// Only records older than this one.
    pub behind: Option<PageCursor>,
    pub limit: Option<u64>,
}

const UNKNOWN: &str = "unknown";

/// Records read at a time.
const BATCH: usize = 1000;

/// Fewest that are read at a time: what is passed over would else be read one by one.
const LEAST: usize = 64;

/// Requests looked up at a time, and records that several of them may have to be read together.
const REQUESTS: usize = 256;
const FEW: i64 = 4000;

/// Number, action, effect, kind, resource, subject, payload and leaf of a record.
const RECORD: [ValueType; 8] = [
    ValueType::Int,
    ValueType::Text,
    ValueType::Text,
    ValueType::Text,
    ValueType::Uuid,
    ValueType::Uuid,
    ValueType::Text,
    ValueType::Bytes,
];

const RECORD_COLUMNS: &str = "r.seq, r.action, r.effect, r.kind, r.resource_id, r.subject_id, r.payload, r.leaf";

/// What a record shares with the others of its command: last number, time, status, source, request id, actor's name and
/// number, payload.
const COMMON: [ValueType; 8] = [
    ValueType::Int,
    ValueType::Time,
    ValueType::Text,
    ValueType::Text,
    ValueType::Uuid,
    ValueType::Text,
    ValueType::Int,
    ValueType::Text,
];

fn json(text: Option<&str>) -> Option<Json> {
    text.and_then(|t| serde_json::from_str(t).ok())
}

/// A record and what it shares; without its request nothing is known of who and when: `verify` says so, a list shows it as
/// unknown.
fn entry(tree: i32, record: &Row, common: Option<&Row>) -> Result<Entry> {
    let seq = record.int(0)?;
    let common = common.filter(|c| c.int(0).is_ok_and(|last| last >= seq));
    let text = |i: usize| common.and_then(|c| c.value(i).as_text());
    let request: Option<Json> = json(text(7));
    // The name as it was at that time, which the tree binds; the actors' table only where that was erased.
    let name = request.as_ref().and_then(|r| r["actor"]["name"].as_str());
    let actor = name.or_else(|| text(5)).unwrap_or(UNKNOWN).to_owned();
    let recorded_at = common.and_then(|c| c.value(1).as_time()).unwrap_or_default();
    Ok(Entry {
        tree,
        seq,
        at: recorded_at,
        recorded_at,
        action: record.text(1)?.to_owned(),
        effect: record.text(2)?.to_owned(),
        kind: record.text(3)?.to_owned(),
        resource_id: record.uuid(4)?,
        subject_id: record.value(5).as_uuid(),
        status: text(2).unwrap_or(UNKNOWN).to_owned(),
        source: text(3).unwrap_or(UNKNOWN).to_owned(),
        request_id: common.and_then(|c| c.value(4).as_uuid()).unwrap_or_default(),
        actor,
        actor_id: common.and_then(|c| c.value(6).as_int()),
        payload: json(record.value(6).as_text()),
        request,
        leaf: record.hash(7)?,
    })
}

/// What each of some records shares with the others of its command, by their numbers. One look into the index for each,
/// which a planner that joins would not see.
async fn common(db: &mut Db, tree: i32, records: &[Row]) -> Result<HashMap<i64, Row>> {
    let mut found = HashMap::new();
    if records.is_empty() {
        return Ok(found);
    }
    let numbers: Vec<String> = records.iter().map(|r| r.int(0).map(|n| format!("({n})"))).collect::<Result<_>>()?;
    let columns =
        "q.last_seq, q.at, q.status, q.source, q.request_id, coalesce(a.name, a.key), q.actor_id, q.payload, v.seq";
    let numbers = numbers.join(", ");
    let sql = match db.is_postgres() {
        true => format!(
            "select {columns} from (values {numbers}) v (seq)
              cross join lateral (select * from audit_requests f where f.tree = {tree} and f.first_seq <= v.seq
                                   order by f.first_seq desc limit 1) q
               left join actors a on a.actor_id = q.actor_id"
        ),
        false => format!(
            "with v (seq) as (values {numbers})
             select {columns} from v
               join audit_requests q on q.tree = {tree} and q.first_seq = (
                   select max(f.first_seq) from audit_requests f where f.tree = {tree} and f.first_seq <= v.seq)
               left join actors a on a.actor_id = q.actor_id"
        ),
    };
    let sql = Sql::new(sql).yields(COMMON.into_iter().chain([ValueType::Int]));
    for row in db.all(sql).await? {
        found.insert(row.int(COMMON.len())?, row);
    }
    Ok(found)
}

/// Trees that are searched, and whether the clock was corrected in them.
async fn searched(db: &mut Db, only: Option<i32>) -> Result<Vec<(i32, bool)>> {
    let is_correction = corrections::is_correction();
    let mut sql = Sql::new(format!(
        "select h.tree, exists (select 1 from audit_records r where r.tree = h.tree and {is_correction}) from audit_heads h"
    ));
    if let Some(tree) = only {
        sql.push(" where h.tree = ").bind(tree);
    }
    sql.push(" order by h.tree");
    let rows = db.all(sql.yields([ValueType::Int, ValueType::Bool])).await?;
    rows.iter().map(|r| Ok((r.org(0)?, r.value(1).as_bool() == Some(true)))).collect()
}

/// Trees that have a head, in order.
pub async fn trees(db: &mut Db) -> Result<Vec<i32>> {
    let rows = db.all(Sql::new("select tree from audit_heads order by tree").yields([ValueType::Int])).await?;
    rows.iter().map(|r| r.org(0)).collect()
}

/// Records, newest first.
pub async fn search(db: &mut Db, search: &Search) -> Result<Vec<Entry>> {
    let mut trees = searched(db, search.tree).await?;
    if let (Some(tree), true) = (search.tree, trees.is_empty()) {
        // Without its head a trail is broken, and told all the same.
        trees.push((tree, true));
    }
    let limit = search.limit.and_then(|l| usize::try_from(l).ok()).unwrap_or(usize::MAX);
    let actors = match &search.actor {
        Some(actor) => Some(actors(db, actor).await?),
        None => None,
    };
    let mut found = Vec::new();
    for (tree, is_corrected) in trees {
        let segments = if is_corrected { segments(db, tree).await? } else { Vec::new() };
        let sides: &[Side] = if search.text.is_some() { &[Side::Record, Side::Request] } else { &[Side::Both] };
        // Two questions, each with an index of its own.
        let abouts: &[bool] = if search.as_subjects && search.resources.is_some() { &[false, true] } else { &[false] };
        for (side, by_subject) in sides.iter().flat_map(|side| abouts.iter().map(move |a| (*side, *a))) {
            let mut reading = TreeReader {
                tree,
                search,
                side,
                by_subject,
                actors: actors.as_deref(),
                is_corrected,
                limit,
                found: Vec::new(),
            };
            reading.read(db).await?;
            for e in &mut reading.found {
                e.at = segment_of(&segments, e.seq).at(e.recorded_at);
            }
            found.append(&mut reading.found);
        }
    }
    found.sort_by_key(|e| std::cmp::Reverse((e.at, e.tree, e.seq)));
    found.dedup_by_key(|e| (e.tree, e.seq));
    found.truncate(limit);
    Ok(found)
}

/// What actors are called, and the keys by which they are known.
pub async fn actor_names(db: &mut Db, tree: Option<i32>) -> Result<Vec<String>> {
    let mut sql = Sql::new("select a.name, a.key from actors a");
    if let Some(tree) = tree {
        sql.push(" where exists (select 1 from audit_requests q where q.actor_id = a.actor_id and q.tree = ")
            .bind(tree);
        sql.push(")");
    }
    let rows = db.all(sql.yields([ValueType::Text, ValueType::Text])).await?;
    let both = rows.iter().flat_map(|r| [r.value(0).as_text(), r.value(1).as_text()]);
    Ok(both.flatten().map(str::to_owned).collect())
}

/// What some actors are called, by their numbers; not those whose names were erased.
pub async fn names_of_actors(db: &mut Db, actors: impl Iterator<Item = i64>) -> Result<HashMap<i64, String>> {
    let ids: BTreeSet<i64> = actors.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql = Sql::new("select actor_id, name from actors where name is not null and actor_id in ");
    sql.bind_list(ids.into_iter().map(Value::Int));
    let rows = db.all(sql.yields([ValueType::Int, ValueType::Text])).await?;
    rows.iter().map(|r| Ok((r.int(0)?, r.text(1)?.to_owned()))).collect()
}

/// Whether an action is recorded of something, by its id.
pub async fn is_recorded_of(db: &mut Db, tree: i32, id: Uuid, action: Action) -> Result<bool> {
    let sql = Sql::new("select 1 from audit_records where tree = $1 and resource_id = $2 and action = $3 limit 1");
    let sql = sql.with([tree.into(), id.into(), action.as_str().into()]);
    Ok(db.first(sql.yields([ValueType::Int])).await?.is_some())
}

/// Whether a record in any tree has a word as its action or its kind.
pub async fn is_recorded(db: &mut Db, column: &str, word: &str) -> Result<bool> {
    let sql = Sql::new(format!("select 1 from audit_records where {column} = $1 limit 1")).with([word.into()]);
    Ok(db.first(sql.yields([ValueType::Int])).await?.is_some())
}

/// Whether a command with this id has recorded anything, in any tree.
pub async fn is_request(db: &mut Db, id: Uuid) -> Result<bool> {
    let sql = Sql::new("select 1 from audit_requests where request_id = $1 limit 1").with([id.into()]);
    Ok(db.first(sql.yields([ValueType::Int])).await?.is_some())
}

/// The numbers of actors that are called so.
pub async fn actors(db: &mut Db, actor: &str) -> Result<Vec<i64>> {
    let sql = Sql::new("select actor_id from actors where name = $1 or key = $1").with([actor.into()]);
    db.all(sql.yields([ValueType::Int])).await?.iter().map(|r| r.int(0)).collect()
}

/// Whether a record's history tells that a field of it once was another record.
pub async fn had(db: &mut Db, tree: i32, id: Uuid, column: &str, whom: Uuid) -> Result<bool> {
    let sql = Sql::new(
        "select payload from audit_records where tree = $1 and resource_id = $2 and payload is not null order by seq desc",
    );
    let (mut had, whom) = (false, whom.to_string());
    db.each(sql.with([tree.into(), id.into()]).yields([ValueType::Text]), |row| {
        if !had {
            let payload: Json = serde_json::from_str(row.text(0)?)?;
            had = payload["old"][column].as_str() == Some(whom.as_str());
        }
        Ok(())
    })
    .await?;
    Ok(had)
}

/// Those of some ids that the trail knows a record under, there or not.
pub async fn known_ids(db: &mut Db, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    let mut known = HashSet::new();
    for some in ids.chunks(400) {
        let mut sql = Sql::new(
            "select distinct r.resource_id from audit_records r where r.effect <> 'none' and r.resource_id in ",
        );
        sql.bind_rows(some.iter().copied());
        for row in db.all(sql.yields([ValueType::Uuid])).await? {
            known.insert(row.uuid(0)?);
        }
    }
    Ok(known)
}

/// One record, by its number.
pub async fn numbered(db: &mut Db, tree: i32, seq: i64) -> Result<Option<Entry>> {
    let wanted = Search { tree: Some(tree), before: Some(seq.saturating_add(1)), limit: Some(1), ..Search::default() };
    Ok(search(db, &wanted).await?.pop().filter(|e| e.seq == seq))
}

/// Trees that have grown since a time, which counts as part of what was before, and the last record up to then.
pub(super) async fn trees_at(db: &mut Db, at: DateTime<Utc>) -> Result<Vec<(i32, i64)>> {
    let sql = Sql::new(
        "select h.tree, h.seq from (
             select a.tree, a.size, coalesce((select q.last_seq from audit_requests q where q.tree = a.tree and q.at <= $1
                    order by q.at desc, q.first_seq desc limit 1), 0) as seq from audit_heads a) h
          where h.size > h.seq order by h.tree",
    );
    let rows = db.all(sql.with([at.into()]).yields([ValueType::Int, ValueType::Int])).await?;
    let mut trees: Vec<(i32, i64)> = rows.iter().map(|r| Ok((r.org(0)?, r.int(1)?))).collect::<Result<_>>()?;
    for tree in corrections::corrected(db).await? {
        trees.retain(|(t, _)| *t != tree);
        let size = Sql::new("select size from audit_heads where tree = $1").with([tree.into()]);
        let size = db.one(size.yields([ValueType::Int])).await?.int(0)?;
        let last = corrections::last_up_to(db, tree, at).await?;
        if size > last {
            trees.push((tree, last));
        }
    }
    trees.sort_unstable();
    Ok(trees)
}

/// When a record was made, as far as can be told: no later than a correction of the clock behind it.
pub(super) async fn time_of(db: &mut Db, tree: i32, seq: i64) -> Result<DateTime<Utc>> {
    let sql = "select at from audit_requests where tree = $1 and first_seq <= $2 order by first_seq desc limit 1";
    let recorded = db.one(Sql::new(sql).with([tree.into(), seq.into()]).yields([ValueType::Time])).await?.time(0)?;
    Ok(segment_of(&segments(db, tree).await?, seq).at(recorded))
}

/// Where a text is looked for: what a record says itself and what its command says are two questions, each with an index
/// of its own to go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Record,
    Request,
    Both,
}

/// Records of one tree that are looked for, from the newest on.
struct TreeReader<'a> {
    tree: i32,
    search: &'a Search,
    side: Side,
    /// The resources are asked for as subjects.
    by_subject: bool,
    actors: Option<&'a [i64]>,
    /// Its clock was corrected: then times don't run the way the numbers do.
    is_corrected: bool,
    limit: usize,
    found: Vec<Entry>,
}

impl TreeReader<'_> {
    /// First and last number that times and places leave.
    async fn bounds(&self, db: &mut Db) -> Result<(i64, i64)> {
        let s = self.search;
        let (mut low, mut high) =
            (s.after.map_or(1, |n| n.saturating_add(1)), s.before.map_or(i64::MAX, |n| n.saturating_sub(1)));
        if let Some(since) = s.since {
            low = low.max(last_before(db, self.tree, since).await?.saturating_add(1));
        }
        if let Some(until) = s.until {
            high = high.min(last_before(db, self.tree, until).await?);
        }
        if let Some(place) = s.behind {
            // Of one instant, the trees with smaller numbers come later.
            let upto = match self.tree.cmp(&place.tree) {
                std::cmp::Ordering::Equal => place.seq.saturating_sub(1),
                std::cmp::Ordering::Less => {
                    last_before(db, self.tree, place.at + chrono::TimeDelta::microseconds(1)).await?
                }
                std::cmp::Ordering::Greater => last_before(db, self.tree, place.at).await?,
            };
            high = high.min(upto);
        }
        Ok((low, high))
    }

    /// Requests that are worth asking for, and records that are worth reading together: where no record is passed over,
    /// as many as are wanted.
    fn worth(&self) -> (usize, i64) {
        let s = self.search;
        if s.action.is_some() || s.kind.is_some() || !s.fields.is_empty() || s.text.is_some() {
            return (REQUESTS, FEW);
        }
        let left = self.limit.saturating_sub(self.found.len()).max(1);
        (left.min(REQUESTS), i64::try_from(left).unwrap_or(FEW).min(FEW))
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    async fn read(&mut self, db: &mut Db) -> Result<()> {
        let (low, high) = self.bounds(db).await?;
        let s = self.search;
        let of_requests = self.side == Side::Request
            || self.actors.is_some()
            || s.source.is_some()
            || s.status.is_some()
            || s.request_id.is_some();
        if low > high || self.actors.is_some_and(<[i64]>::is_empty) {
            return Ok(());
        }
        if !of_requests || s.resources.is_some() {
            return self.range(db, low, high).await;
        }
        let mut last: Option<(DateTime<Utc>, i64)> = None;
        while !self.is_full() {
            let mut ranges = Vec::new();
            let (most, _) = self.worth();
            for row in db.all(self.requests(low, high, last, most)).await? {
                last = Some((row.time(2)?, row.int(0)?));
                ranges.push((row.int(0)?.max(low), row.int(1)?.min(high)));
            }
            let is_end = ranges.len() < most;
            self.ranges(db, ranges).await?;
            if is_end {
                break;
            }
        }
        Ok(())
    }

    /// The next requests that are looked for: first and last number, and time.
    fn requests(&self, low: i64, high: i64, last: Option<(DateTime<Utc>, i64)>, most: usize) -> Sql {
        let s = self.search;
        let mut sql = Sql::new("select q.first_seq, q.last_seq, q.at from audit_requests q where q.tree = ");
        // The plus keeps a planner that knows nothing on the index of what is asked for, and off the primary key.
        sql.bind(self.tree).push(" and +q.last_seq >= ").bind(low).push(" and +q.first_seq <= ").bind(high);
        self.push_of_request(&mut sql);
        if self.is_corrected {
            if let Some((_, first)) = last {
                sql.push(" and q.first_seq < ").bind(first);
            }
            sql.push(&format!(" order by q.first_seq desc limit {most}"));
            return sql.yields([ValueType::Int, ValueType::Int, ValueType::Time]);
        }
        // Times too, for the indexes end in them.
        if let Some(since) = s.since {
            sql.push(" and q.at >= ").bind(since);
        }
        if let Some(until) = s.until {
            sql.push(" and q.at < ").bind(until);
        }
        if let Some((at, first)) = last {
            sql.push(" and q.at <= ").bind(at).push(" and +q.first_seq < ").bind(first);
        }
        sql.push(&format!(" order by q.at desc, q.first_seq desc limit {most}"));
        sql.yields([ValueType::Int, ValueType::Int, ValueType::Time])
    }

    fn push_of_request(&self, sql: &mut Sql) {
        let s = self.search;
        if let Some(actors) = self.actors {
            sql.push(" and q.actor_id in ").bind_list(actors.iter().copied());
        }
        if let Some(source) = &s.source {
            sql.push(" and q.source = ").bind(source.as_str());
        }
        if let Some(status) = &s.status {
            if status != "success" {
                // The predicate of the partial index is repeated, so that it serves.
                sql.push(" and q.status <> 'success'");
            }
            sql.push(" and q.status = ").bind(status.as_str());
        }
        if let Some(request) = s.request_id {
            sql.push(" and q.request_id = ").bind(request);
        }
        if let (Side::Request, Some(text)) = (self.side, &s.text) {
            sql.push(" and ");
            contains(sql, "q.payload", &text.to_ascii_lowercase());
        }
    }

    /// What the requests were asked for holds of an entry that was found another way.
    fn is_wanted(&self, entry: &Entry) -> bool {
        let s = self.search;
        let is = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|w| w == has);
        let in_request = |text: &String| {
            let request = entry.request.as_ref().and_then(|r| canonical(r).ok()).unwrap_or_default();
            request.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
        };
        is(&s.source, &entry.source)
            && is(&s.status, &entry.status)
            && s.request_id.is_none_or(|id| id == entry.request_id)
            && self.actors.is_none_or(|actors| entry.actor_id.is_some_and(|id| actors.contains(&id)))
            && (self.side != Side::Request || s.text.as_ref().is_none_or(in_request))
            && (s.fields.is_empty() || s.fields.iter().any(|field| entry.changed(field)))
    }

    /// Reads what several requests hold, newest first: small ones together, a large one by itself.
    async fn ranges(&mut self, db: &mut Db, ranges: Vec<(i64, i64)>) -> Result<()> {
        let mut together: Vec<(i64, i64)> = Vec::new();
        let mut size = 0;
        for range in ranges {
            let n = range.1.saturating_sub(range.0).saturating_add(1);
            if (size >= self.worth().1 || size.saturating_add(n) > FEW) && !together.is_empty() {
                self.several(db, &std::mem::take(&mut together)).await?;
                size = 0;
            }
            if self.is_full() {
                return Ok(());
            }
            if n > FEW {
                self.range(db, range.0, range.1).await?;
            } else {
                together.push(range);
                size = size.saturating_add(n);
            }
        }
        if together.is_empty() { Ok(()) } else { self.several(db, &together).await }
    }

    async fn several(&mut self, db: &mut Db, ranges: &[(i64, i64)]) -> Result<()> {
        let values: Vec<String> = ranges.iter().map(|(first, last)| format!("({first}, {last})")).collect();
        let values = values.join(", ");
        let mut below = i64::MAX;
        while !self.is_full() {
            let mut sql = Sql::default();
            match db.is_postgres() {
                // Fenced: what is joined freely is read from one end to the other.
                true => {
                    let within = format!(
                        "(values {values}) v (first, last) cross join lateral (select * from audit_records i
                           where i.tree = {} and i.seq between v.first and v.last offset 0) r",
                        self.tree
                    );
                    self.select(&mut sql, &within);
                }
                false => {
                    sql.push(&format!("with v (first, last) as (values {values}) "));
                    self.select(&mut sql, "v cross join audit_records r");
                    sql.push(" and r.seq between v.first and v.last");
                }
            }
            sql.push(" and r.seq < ").bind(below);
            match self.take(db, sql).await? {
                Some(last) => below = last,
                None => break,
            }
        }
        Ok(())
    }

    /// Reads a range of records, as far as is wanted.
    async fn range(&mut self, db: &mut Db, low: i64, mut high: i64) -> Result<()> {
        while !self.is_full() && low <= high {
            let sql = self.within(low, high);
            match self.take(db, sql).await? {
                Some(last) => high = last.saturating_sub(1),
                None => break,
            }
        }
        Ok(())
    }

    fn within(&self, low: i64, high: i64) -> Sql {
        let mut sql = Sql::default();
        self.select(&mut sql, "audit_records r");
        sql.push(" and r.seq >= ").bind(low).push(" and r.seq <= ").bind(high);
        sql
    }

    /// A statement of records that are looked for, as far as they tell themselves.
    fn select(&self, sql: &mut Sql, from: &str) {
        let s = self.search;
        sql.push(&format!("select {RECORD_COLUMNS} from {from} where "));
        // The plus keeps a planner that knows nothing from going through the whole tree for one record's history.
        sql.push(if s.resources.is_some() { "+r.tree = " } else { "r.tree = " }).bind(self.tree);
        if let Some(resources) = &s.resources {
            // The predicate of the partial index is repeated, so that it serves.
            sql.push(if self.by_subject {
                " and r.subject_id <> r.resource_id and r.subject_id in "
            } else {
                " and r.resource_id in "
            });
            sql.bind_list(resources.iter().copied());
        }
        if let Some(action) = &s.action {
            sql.push(" and r.action = ").bind(action.as_str());
        }
        if let Some(kind) = &s.kind {
            sql.push(" and r.kind = ").bind(kind.as_str());
        }
        for (i, field) in s.fields.iter().enumerate() {
            sql.push(if i == 0 { " and (" } else { " or " });
            contains(sql, "r.payload", &format!("\"{}\":", field.to_ascii_lowercase()));
        }
        sql.push(if s.fields.is_empty() { "" } else { ")" });
        if let (Side::Record, Some(text)) = (self.side, &s.text) {
            let text = text.to_ascii_lowercase();
            sql.push(" and (");
            for (i, column) in ["r.payload", "r.action", "r.kind"].iter().enumerate() {
                sql.push(if i == 0 { "" } else { " or " });
                contains(sql, column, &text);
            }
            sql.push(")");
        }
    }

    /// Runs a statement for a batch and keeps what fits; the number of the last record where there may be more.
    async fn take(&mut self, db: &mut Db, mut sql: Sql) -> Result<Option<i64>> {
        let wanted = (self.limit - self.found.len()).clamp(LEAST, BATCH);
        sql.push(&newest_first(wanted));
        let rows = db.all(sql.yields(RECORD)).await?;
        let common = common(db, self.tree, &rows).await?;
        for row in &rows {
            let entry = entry(self.tree, row, common.get(&row.int(0)?))?;
            if self.is_wanted(&entry) {
                self.found.push(entry);
            }
        }
        let last = rows.last().map(|r| r.int(0)).transpose()?;
        Ok(last.filter(|_| rows.len() == wanted))
    }
}

fn newest_first(wanted: usize) -> String {
    format!(" order by r.seq desc limit {wanted}")
}

/// The statement by which the records about some things are read, or those that hold their data: what a test has the engine
/// explain.
pub fn statement(search: &Search, tree: i32, by_subject: bool) -> Sql {
    let (side, limit, found) = (Side::Both, usize::MAX, Vec::new());
    let reading = TreeReader { tree, search, side, by_subject, actors: None, is_corrected: false, limit, found };
    let mut sql = reading.within(1, i64::MAX);
    sql.push(&newest_first(BATCH));
    sql
}

/// `lower(column) like %text%`, for a text in small letters.
fn contains(sql: &mut Sql, column: &str, text: &str) {
    let text = text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    sql.push(&format!("lower({column}) like ")).bind(format!("%{text}%")).push(" escape '!'");
}

/// How many records there are between two times, by one thing that they have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBy {
    Actor,
    Source,
    Status,
    /// The day in UTC.
    Day,
    Action,
    Resource,
}

impl CountBy {
    pub const ALL: &[CountBy] =
        &[CountBy::Action, CountBy::Resource, CountBy::Actor, CountBy::Source, CountBy::Status, CountBy::Day];

    pub fn as_str(self) -> &'static str {
        match self {
            CountBy::Actor => "actor",
            CountBy::Source => "source",
            CountBy::Status => "status",
            CountBy::Day => "day",
            CountBy::Action => "action",
            CountBy::Resource => "resource",
        }
    }
}

/// A quarter of an hour, in microseconds: every zone's days begin and end with one.
const QUARTER: i64 = 15 * 60 * 1_000_000;

/// Counts by what a command's records share are made of the requests alone. Days are those of `zone`.
pub async fn counts(
    db: &mut Db,
    tree: Option<i32>,
    by: CountBy,
    zone: Zone,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> Result<Vec<(String, i64)>> {
    let corrected = corrections::corrected(db).await?;
    let mut counted: HashMap<String, i64> = HashMap::new();
    let mut parts: Vec<(String, Option<Segment>)> = Vec::new();
    match tree {
        Some(tree) if !corrected.contains(&tree) => parts.push((format!("q.tree = {tree}"), None)),
        None => {
            let others: String = corrected.iter().map(|t| format!(" and q.tree <> {t}")).collect();
            parts.push((format!("true{others}"), None));
        }
        Some(_) => {}
    }
    for tree in corrected.iter().filter(|t| tree.is_none_or(|only| only == **t)) {
        let segments = segments(db, *tree).await?.into_iter();
        parts.extend(segments.map(|segment| (format!("q.tree = {tree}"), Some(segment))));
    }
    for (within, segment) in parts {
        let sql = count(db.is_postgres(), by, &within, segment, since, until);
        for row in db.all(sql.yields([ValueType::Text, ValueType::Int])).await? {
            *counted.entry(row.text(0)?.to_owned()).or_default() += row.int(1)?;
        }
    }
    let mut counted: Vec<(String, i64)> = counted.into_iter().collect();
    if by == CountBy::Day {
        return by_day(&counted, zone);
    }
    counted.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    Ok(counted)
}

/// The number of the quarter of an hour that a time lies in, as text.
pub(in crate::store) fn quarter(is_postgres: bool, at: &str) -> String {
    match is_postgres {
        true => format!("cast(floor(extract(epoch from {at}) * 1000000 / {QUARTER}) as text)"),
        false => format!("cast({at} / {QUARTER} as text)"),
    }
}

/// Counts requests, of one stretch of a tree or of whole trees.
fn count(
    is_postgres: bool,
    by: CountBy,
    within: &str,
    segment: Option<Segment>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> Sql {
    let cap = segment.and_then(|s| s.cap);
    let quarter = match (is_postgres, cap) {
        (_, None) => quarter(is_postgres, "q.at"),
        (true, Some(cap)) => {
            let cap = cap.timestamp_micros();
            format!("cast(floor(least(extract(epoch from q.at) * 1000000, {cap}) / {QUARTER}) as text)")
        }
        (false, Some(cap)) => format!("cast(min(q.at, {}) / {QUARTER} as text)", cap.timestamp_micros()),
    };
    let what = match by {
        CountBy::Actor => "coalesce(a.name, a.key)",
        CountBy::Source => "q.source",
        CountBy::Status => "q.status",
        CountBy::Day => &quarter,
        CountBy::Action => "r.action",
        CountBy::Resource => "r.kind",
    };
    let mut sql = match by {
        CountBy::Action | CountBy::Resource => Sql::new(format!(
            "select {what}, count(*) from audit_requests q
               join audit_records r on r.tree = q.tree and r.seq between q.first_seq and q.last_seq where {within}"
        )),
        _ => Sql::new(format!(
            "select {what}, cast(sum(q.last_seq - q.first_seq + 1) as bigint) from audit_requests q
               join actors a on a.actor_id = q.actor_id where {within}"
        )),
    };
    if let Some(segment) = segment {
        sql.push(" and q.first_seq between ").bind(segment.first).push(" and ").bind(segment.last);
    }
    match since {
        Some(since) if cap.is_some_and(|cap| cap < since) => drop(sql.push(" and false")),
        Some(since) => drop(sql.push(" and q.at >= ").bind(since)),
        None => {}
    }
    if let Some(until) = until.filter(|until| cap.is_none_or(|cap| cap >= *until)) {
        sql.push(" and q.at < ").bind(until);
    }
    sql.push(" group by 1");
    sql
}

/// Counts of quarters of hours, added up by the days that they belong to.
pub(in crate::store) fn by_day(quarters: &[(String, i64)], zone: Zone) -> Result<Vec<(String, i64)>> {
    let mut days: BTreeMap<String, i64> = BTreeMap::new();
    for (quarter, n) in quarters {
        let at = DateTime::from_timestamp_micros(quarter.parse::<i64>()?.saturating_mul(QUARTER)).unwrap_or_default();
        *days.entry(zone.date(at).to_string()).or_default() += n;
    }
    Ok(days.into_iter().collect())
}

/// Purged records that had one of these values in a key field, and when they were purged, the latest first; their
/// history is still there.
pub async fn purged(
    db: &mut Db,
    desc: &Descriptor,
    tree: Option<i32>,
    wanted: &[Vec<(&str, Vec<Json>)>],
) -> Result<Vec<(i32, Uuid, DateTime<Utc>)>> {
    let trees = match tree {
        Some(tree) => vec![tree],
        None => trees(db).await?,
    };
    let mut found = Vec::new();
    for tree in trees {
        let sql = Sql::new(
            "select r.seq, r.resource_id, r.payload from audit_records r
              where r.tree = $1 and r.kind = $2 and r.effect = 'purge' and r.payload is not null
              order by r.seq desc",
        );
        let sql = sql.with([tree.into(), desc.noun.into()]).yields([ValueType::Int, ValueType::Uuid, ValueType::Json]);
        let mut of_tree = Vec::new();
        db.each(sql, |row| {
            if let Value::Json(payload) = row.value(2)
                && wanted.iter().any(|key| key.iter().all(|(column, held)| held.contains(&payload["old"][*column])))
            {
                of_tree.push((row.int(0)?, row.uuid(1)?));
            }
            Ok(())
        })
        .await?;
        for (seq, id) in of_tree {
            found.push((tree, id, time_of(db, tree, seq).await?));
        }
    }
    Ok(found)
}

/// The tree in which an id was told of.
pub async fn tree_of(db: &mut Db, id: Uuid) -> Result<Option<i32>> {
    let sql = Sql::new("select tree from audit_records where resource_id = $1 limit 1").with([id.into()]);
    db.first(sql.yields([ValueType::Int])).await?.map(|row| row.org(0)).transpose()
}

/// Every id under which somebody is told of: his or her own, and those of the duplicates that were merged into it, of which none
/// was brought back since.
pub async fn merged_ids(db: &mut Db, tree: i32, desc: &Descriptor, id: Uuid) -> Result<Vec<Uuid>> {
    let mut ids = vec![id];
    let mut next = 0;
    while let Some(into) = ids.get(next).copied() {
        next += 1;
        for row in &db.all(merged(tree, desc, into)).await? {
            let merged = row.uuid(0)?;
            if !ids.contains(&merged) {
                ids.push(merged);
            }
        }
    }
    Ok(ids)
}

/// Those of some into whom duplicates were merged, whatever became of these since.
pub async fn merged_into(db: &mut Db, tree: i32, desc: &Descriptor, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let text = "select distinct r.subject_id from audit_records r
                 where r.subject_id <> r.resource_id and r.effect = 'delete' and +r.tree = ";
    let mut sql = Sql::bulk(text, db.engine());
    sql.bind(tree).push(" and r.kind = ").bind(desc.noun).push(" and r.subject_id in ");
    sql.bind_rows(ids.iter().copied());
    db.all(sql.yields([ValueType::Uuid])).await?.iter().map(|row| row.uuid(0)).collect()
}

/// The statement by which duplicates that were merged into somebody are found.
pub fn merged(tree: i32, desc: &Descriptor, into: Uuid) -> Sql {
    let sql = Sql::new(
        "select distinct r.resource_id from audit_records r
          where r.subject_id = $1 and r.subject_id <> r.resource_id and +r.tree = $2 and r.kind = $3 and r.effect = 'delete'
            and not exists (select 1 from audit_records b where b.resource_id = r.resource_id and +b.tree = r.tree
                               and b.kind = r.kind and b.effect = 'restore' and b.seq > r.seq)",
    );
    sql.with([into.into(), tree.into(), desc.noun.into()]).yields([ValueType::Uuid])
}
