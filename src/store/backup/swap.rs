//! Putting a restored database into the place of another: how it is seen that nobody wrote to the old one meanwhile, what of
//! it the new one must not undo (erasures, codes that were given), and what it keeps (the catalogue of backups).

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::dump::{self, Shape};
use super::hashed::Hashed;
use crate::model::backup::{BackupEntry, Digest32};
use crate::model::code_generator::CodeGenerator;
use crate::model::kinds::Kinds;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::Resource as _;
use crate::model::setting::AUDIT_MIN_RETENTION_DAYS;
use crate::model::trail::audit::spans_of;
use crate::model::trail::merkle::Hash;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::records;
use crate::store::records::settings;
use crate::store::schema::Class;
use crate::store::schema::migrate;
use crate::store::trail::lineage::{code_skips, next_after};
use crate::store::trail::repair::far_counters;
use crate::store::trail::retention::Span;
use crate::store::tx::Tx;

/// Journals that the heads of the trail stand for: nothing is written to them without a head that moves.
const IN_TRAIL: [&str; 3] = ["audit_requests", "audit_records", "audit_erased"];

/// What a database held when it was looked at: its heads, and what its journals hold. Volatile tables are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseState {
    /// Of each tree its size and root.
    pub heads: Vec<(i32, u64, Hash)>,
    /// Time of the last record.
    pub last: DateTime<Utc>,
    /// Of each journal its rows and their SHA-256.
    journals: Vec<(String, u64, Digest32)>,
}

fn journals(kinds: Kinds) -> Result<Vec<Shape>> {
    let mut all = dump::shapes(kinds, migrate::latest(kinds, crate::store::engine::location::Engine::Sqlite)?)?;
    all.retain(|s| s.class == Class::Journal && !IN_TRAIL.contains(&s.name.as_str()));
    Ok(all)
}

/// Looks at a database of this version of the schema. Inside a transaction that shows one state.
pub async fn state(db: &mut Db) -> Result<DatabaseState> {
    dump::set_forms(db).await?;
    let edges = dump::heads(db).await?;
    let mut state = DatabaseState {
        last: edges.iter().map(|e| e.at).max().unwrap_or(DateTime::UNIX_EPOCH),
        heads: edges.iter().map(|e| (e.tree, e.frontier.size(), e.frontier.root())).collect(),
        journals: Vec::new(),
    };
    for shape in journals(db.kinds())? {
        let mut hashed = Hashed::nothing();
        let rows = dump::write_table(db, &shape, &mut hashed, &mut |_| {}).await?;
        state.journals.push((shape.name, rows, hashed.digest()));
    }
    Ok(state)
}

/// As [`state`], in a transaction of its own.
pub async fn state_now(db: &mut Db) -> Result<DatabaseState> {
    dump::open_snapshot(db, &dump::shapes(db.kinds(), migrate::latest(db.kinds(), db.engine())?)?).await?;
    let found = state(db).await;
    dump::close_snapshot(db).await;
    found
}

impl DatabaseState {
    /// Size of each tree.
    pub fn sizes(&self) -> Vec<(i32, u64)> {
        self.heads.iter().map(|(tree, size, _)| (*tree, *size)).collect()
    }

    /// What is another now; none where nothing is.
    pub fn moved(&self, now: &DatabaseState) -> Option<String> {
        for (tree, size, root) in &now.heads {
            match self.heads.iter().find(|(t, ..)| t == tree) {
                None => return Some(format!("the audit tree {tree} is new")),
                Some((_, n, _)) if n != size => {
                    return Some(format!("the audit tree {tree} has {size} records, and had {n}"));
                }
                Some((.., r)) if r != root => return Some(format!("the audit tree {tree} is another")),
                Some(_) => {}
            }
        }
        if let Some((tree, ..)) = self.heads.iter().find(|(t, ..)| now.heads.iter().all(|(n, ..)| n != t)) {
            return Some(format!("the audit tree {tree} is gone"));
        }
        let mut journals = self.journals.iter().zip(&now.journals);
        journals.find(|(a, b)| a != b).map(|(a, b)| match a.1 == b.1 {
            true => format!("the table {} holds something else", a.0),
            false => format!("the table {} has {} rows, and had {}", a.0, b.1, a.1),
        })
    }

    /// Refuses to go on where somebody wrote since. `shown`: where the database is.
    pub fn require_same(&self, now: &DatabaseState, shown: &str) -> Result<()> {
        let Some(what) = self.moved(now) else { return Ok(()) };
        let sentence = format!("somebody wrote to {shown} meanwhile: {what}; nothing was replaced");
        Err(Problem::conflict(sentence).hint("run the command again when nobody else writes").into())
    }
}

/// Of each tree, how many records it has in common with the trail of an archive; trees that have none are left out. `next` yields tree, number and leaf of each
/// record of that one, in order.
pub async fn common(
    db: &mut Db,
    next: &mut dyn FnMut() -> Result<Option<(i32, i64, Hash)>>,
) -> Result<BTreeMap<i32, u64>> {
    let mut common: BTreeMap<i32, u64> = BTreeMap::new();
    let mut theirs = next()?;
    let sql = Sql::new("select tree, seq, leaf from audit_records order by tree, seq");
    db.each(sql.yields([ValueType::Int, ValueType::Int, ValueType::Bytes]), |row| {
        let (tree, seq, leaf) = (row.org(0)?, row.int(1)?, row.hash(2)?);
        while theirs.is_some_and(|(t, s, _)| (t, s) < (tree, seq)) {
            theirs = next()?;
        }
        let same = common.entry(tree).or_insert(0);
        // Behind the first that differs nothing is the same any more.
        if theirs == Some((tree, seq, leaf)) && i64::try_from(*same + 1) == Ok(seq) {
            *same += 1;
        }
        Ok(())
    })
    .await?;
    common.retain(|_, same| *same > 0);
    Ok(common)
}

/// What was erased of a person, as a trail tells: of all erasures together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    pub tree: i32,
    pub subject: Uuid,
    /// The last record that tells of it.
    pub seq: i64,
    pub reason: Option<String>,
    /// Records and requests whose payload went.
    pub records: Vec<Span>,
    pub requests: Vec<Span>,
    /// What is younger was kept, by the rule of then; none: nothing was.
    pub kept_from: Option<DateTime<Utc>>,
    /// The person was brought back after it: what was erased goes, and the person stays.
    pub is_back: bool,
}

/// The erasures that a trail tells of behind what it has in common with an archive.
pub async fn erasures(db: &mut Db, common: &BTreeMap<i32, u64>) -> Result<Vec<Erasure>> {
    // The predicate of the partial index is repeated, so that it serves.
    let sql = Sql::new(
        "select r.tree, r.seq, r.resource_id, r.payload, q.at from audit_records r
           join audit_requests q on q.tree = r.tree and q.first_seq <= r.seq and q.last_seq >= r.seq
          where r.kind = 'audit' and r.action in ('archive', 'erase') and r.action = 'erase' and q.status = 'success'
          order by r.tree, r.seq",
    );
    let rows =
        db.all(sql.yields([ValueType::Int, ValueType::Int, ValueType::Uuid, ValueType::Text, ValueType::Time])).await?;
    let mut found: BTreeMap<(i32, Uuid), Erasure> = BTreeMap::new();
    for row in rows {
        let (tree, seq, subject) = (row.org(0)?, row.int(1)?, row.uuid(2)?);
        if u64::try_from(seq)? <= common.get(&tree).copied().unwrap_or(0) {
            continue;
        }
        let told: Json = row.value(3).as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        // What is said of a tree that is not there stands in SYSTEM's.
        let tree = told["tree"].as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(tree);
        let erasure = found.entry((tree, subject)).or_insert(Erasure {
            tree,
            subject,
            seq,
            reason: None,
            records: Vec::new(),
            requests: Vec::new(),
            kept_from: None,
            is_back: false,
        });
        erasure.seq = seq;
        erasure.reason = told["reason"].as_str().map(str::to_owned);
        erasure.records.extend(spans_of(&told["records"]));
        erasure.requests.extend(spans_of(&told["requests"]));
        erasure.kept_from = kept_from(db, tree, &told, row.time(4)?).await?;
        let row_there = records::load(db, User::DESCRIPTOR, tree, subject).await?;
        erasure.is_back = told["still_there"] == true || row_there.is_some_and(|r| r.is_live());
        if erasure.is_back {
            // What came later is of somebody who is there.
            erasure.kept_from.get_or_insert(row.time(4)?);
        }
    }
    Ok(found.into_values().collect())
}

/// From when on an erasure kept what it found; none where it kept nothing. One that was carried out again tells.
async fn kept_from(db: &mut Db, tree: i32, told: &Json, at: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    if let Some(text) = told["kept_from"].as_str() {
        return Ok(text.parse().ok());
    }
    if told["kept"].is_null() {
        return Ok(None);
    }
    let days = settings::get(db, tree, AUDIT_MIN_RETENTION_DAYS).await?;
    Ok(Some(at - TimeDelta::days(days.into())))
}

/// When the first record was made that is in a trail and not in what it has in common with another; none where there is none.
pub async fn first_lost(
    db: &mut Db,
    sizes: &[(i32, u64)],
    common: &BTreeMap<i32, u64>,
) -> Result<Option<DateTime<Utc>>> {
    let mut first: Option<DateTime<Utc>> = None;
    for (tree, _) in sizes {
        let same = common.get(tree).copied().unwrap_or(0);
        if let Some(at) = next_after(db, *tree, same).await? {
            first = Some(first.map_or(at, |known| known.min(at)));
        }
    }
    Ok(first)
}

/// How far the codes of a kind were given in an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    org: i32,
    kind: String,
    next: i64,
    key: Vec<u8>,
}

/// How far all codes were given. A counter that is further than it can be is told only as far as that.
pub async fn counters(db: &mut Db) -> Result<Vec<Counter>> {
    let sql = Sql::new("select org_id, kind, next, key from code_counters order by org_id, kind");
    let rows = db.all(sql.yields([ValueType::Int, ValueType::Text, ValueType::Int, ValueType::Bytes])).await?;
    let mut all = Vec::new();
    for row in rows {
        let (org, kind, next) = (row.org(0)?, row.text(1)?.to_owned(), row.int(2)?);
        let far = far_counters(db, org).await?.into_iter().find(|(k, ..)| *k == kind);
        let next = far.map_or(next, |(_, _, most)| most);
        all.push(Counter { org, kind, next, key: row.bytes(3)?.to_vec() });
    }
    Ok(all)
}

impl Tx<'_> {
    /// Lets codes go on behind those that were given in the database that is replaced. By how much, as it is told.
    pub async fn raise_counters(&mut self, counters: &[Counter]) -> Result<Json> {
        let mut raised = Vec::new();
        for old in counters {
            let by = self.raise_counter(old).await?;
            if by > 0 {
                raised.push(json!([old.org, old.kind, by]));
            }
        }
        Ok(raised.into())
    }

    async fn raise_counter(&mut self, old: &Counter) -> Result<i64> {
        let at = [old.org.into(), old.kind.as_str().into()];
        let sql = "select next, key from code_counters where org_id = $1 and kind = $2";
        let next =
            match self.db.first(Sql::new(sql).with(at.clone()).yields([ValueType::Int, ValueType::Bytes])).await? {
                Some(row) => {
                    // Scattered codes of another key are others.
                    let is_numbered = |(kind, maker)| kind == old.kind && matches!(maker, CodeGenerator::Numbered(_));
                    if row.bytes(1)? != old.key && !code_skips(self.kinds()).any(is_numbered) {
                        return Ok(0);
                    }
                    row.int(0)?
                }
                None => {
                    let sql = "insert into code_counters (org_id, kind, next, key)
                           select org_id, $1, 0, $2 from orgs where org_id = $3";
                    let args = [old.kind.as_str().into(), old.key.clone().into(), old.org.into()];
                    if self.db.execute(Sql::new(sql).with(args)).await? == 0 {
                        return Ok(0);
                    }
                    0
                }
            };
        if old.next > next {
            let sql = Sql::new("update code_counters set next = $3 where org_id = $1 and kind = $2");
            self.db.execute(sql.with(at).with([old.next.into()])).await?;
        }
        Ok((old.next - next).max(0))
    }

    /// Puts a catalogue of backups into the place of the one that is there.
    pub async fn put_catalogue(&mut self, entries: &[BackupEntry]) -> Result<()> {
        self.db.execute(Sql::new("delete from backups")).await?;
        for entry in entries {
            self.put_backup(entry).await?;
        }
        Ok(())
    }

    /// Refuses what refers to nothing, where references were not looked after.
    pub async fn require_references(&mut self) -> Result<()> {
        let broken = Sql::new("select count(*) from pragma_foreign_key_check").yields([ValueType::Int]);
        if !self.db.is_postgres() && self.db.one(broken).await?.int(0)? > 0 {
            return Err(Problem::integrity("rows refer to others that are not there").into());
        }
        Ok(())
    }
}
