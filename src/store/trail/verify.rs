//! Proving the audit trail: everything is read from the database and handed to [`TreeCheck`].

use std::collections::BTreeMap;

use super::checkpoints::{self, LOG};
use super::lineage;
use super::row_check;
use super::trees;
use crate::model::trail::correction::Correction;
use crate::model::trail::lineage::{Chain, Claim, Lineage, Logs, Lost, Standing, restored};
use crate::model::trail::merkle::Frontier;
use crate::model::trail::note::{Checkpoint, Verifier};
use crate::model::trail::verify::{
    Actor, ActorNames, ExpectedRoot, Fault, Finding, PLANTED, Record, Request, TreeCheck, TreeHead, TreeResult,
};
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Row, Sql};

/// What is to be proven.
#[derive(Debug, Clone, Default)]
pub struct VerifyRequest {
    /// One tree; none: all of them, and the log of checkpoints.
    pub only: Option<i32>,
    /// Only what came after each tree's latest checkpoint.
    pub since_checkpoint: bool,
    /// Whether rows must agree with what is recorded of them, too.
    pub deep: bool,
    /// Public keys that checkpoints may be signed with.
    pub keys: Vec<Verifier>,
    /// What is known from outside: of a tree, or of the log.
    pub known: Vec<(i32, ExpectedRoot)>,
    /// Checkpoints of this installation from outside, of whichever of its logs.
    pub signed: Vec<ExternalCheckpoint>,
    /// A restore that is to be stated: taken for stated already.
    pub after: Option<Lineage>,
}

/// A checkpoint from outside.
#[derive(Debug, Clone)]
pub struct ExternalCheckpoint {
    pub logs: Logs,
    pub tree: i32,
    pub checkpoint: Checkpoint,
    /// `the checkpoint in c.txt`
    pub says: String,
}

/// A tree as it was proven.
pub struct ProvenTree {
    pub tree: i32,
    /// Its right edge.
    pub frontier: Frontier,
}

/// What `verify` went through.
#[derive(Default)]
pub struct Verified {
    pub trees: Vec<ProvenTree>,
    pub records: u64,
    pub checkpoints: u64,
    /// Signed notes in the database that no given key has signed.
    pub unchecked: u64,
    /// Rows that were held against their records.
    pub rows: row_check::CheckedRows,
    /// Where clocks were corrected.
    pub corrections: Vec<Correction>,
    /// What was lost with restores that are stated.
    pub lost: Vec<Lost>,
    /// Of the checkpoints from outside those that the trail does not reach, with a stated reason.
    pub beyond: Vec<ExternalCheckpoint>,
    pub findings: Vec<Finding>,
}

/// Requests read at a time.
const BATCH: i64 = 1000;

/// Recomputes every commitment, every leaf and every tree, and compares. `done` hears how many records have been read.
pub async fn verify(db: &mut Db, asked: &VerifyRequest, done: &mut dyn FnMut(u64)) -> Result<Verified> {
    begin_snapshot(db).await?;
    let verified = verify_snapshot(db, asked, done).await;
    end_snapshot(db).await;
    verified
}

/// From here on what is read is of one moment: a writer that commits meanwhile is not taken for somebody who forges.
pub async fn begin_snapshot(db: &mut Db) -> Result<()> {
    let begin = if db.is_postgres() { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" } else { "BEGIN" };
    db.script(begin.into()).await
}

/// Ends what [`begin_snapshot`] began.
pub async fn end_snapshot(db: &mut Db) {
    // Nothing was written; where this fails the connection is gone.
    let _ = db.script("ROLLBACK".into()).await;
}

/// As [`verify`], inside a transaction.
pub async fn verify_within(db: &mut Db, asked: &VerifyRequest, done: &mut dyn FnMut(u64)) -> Result<Verified> {
    verify_snapshot(db, asked, done).await
}

async fn verify_snapshot(db: &mut Db, asked: &VerifyRequest, done: &mut dyn FnMut(u64)) -> Result<Verified> {
    let mut verified = Verified::default();
    let mut statements = lineage::verify(db, &asked.keys).await?;
    statements.chain.all.extend(asked.after.clone());
    let chain = &statements.chain;
    let mut expected = asked.known.clone();
    expected.append(&mut statements.expected);
    let open = lineage::open_claims(db, chain).await?;
    verified.findings.append(&mut statements.findings);
    expected.extend(external_expectations(chain, &open, asked, &mut verified));
    verified.lost = lost(chain, asked.only, &verified.beyond);
    let known = |tree: i32| expected.iter().filter(move |(t, _)| *t == tree).map(|(_, e)| e.clone());
    let all = match asked.only {
        Some(tree) => vec![tree],
        None => {
            let mut all = traces(db).await?;
            all.extend(expected.iter().map(|(tree, _)| *tree).filter(|t| *t != LOG));
            all.sort_unstable();
            all.dedup();
            all
        }
    };
    let mut actors: BTreeMap<i64, ActorNames> = BTreeMap::new();
    for tree in all {
        let checked = tree_of(db, tree, asked, known(tree).collect(), &mut verified.records, done).await?;
        verified.findings.extend(checked.findings);
        verified.corrections.extend(checked.corrections);
        for (id, names) in checked.actors {
            let known = actors.entry(id).or_insert_with(|| ActorNames { first: names.first, ..ActorNames::default() });
            known.stored = names.stored;
            known.told.extend(names.told);
            known.is_in_part |= names.is_in_part;
        }
        verified.trees.push(ProvenTree { tree, frontier: checked.frontier });
        if asked.deep {
            let differing = row_check::find_mismatches(db, tree, &mut verified.rows).await?;
            verified.findings.extend(differing);
        }
    }
    if asked.only.is_none() {
        verified.findings.extend(below_all_trees(db).await?);
        if !asked.since_checkpoint {
            verified.findings.extend(misnamed(actors));
        }
    }
    let log = checkpoints::verify(db, chain, &asked.keys, known(LOG).collect()).await?;
    verified.checkpoints = log.rows;
    verified.unchecked = log.unchecked + statements.unchecked;
    verified.findings.extend(log.findings);
    tell_restores(&mut verified.findings, &open, &expected);
    Ok(verified)
}

/// What the checkpoints from outside say that trees must be. Those that stated restores excuse are kept apart; those of
/// logs that this trail does not go on from are findings.
fn external_expectations(
    chain: &Chain,
    open: &[Claim],
    asked: &VerifyRequest,
    verified: &mut Verified,
) -> Vec<(i32, ExpectedRoot)> {
    let mut expected = Vec::new();
    for signed in asked.signed.iter().filter(|s| s.tree == LOG || asked.only.is_none_or(|only| only == s.tree)) {
        let ExternalCheckpoint { logs, tree, checkpoint, says } = signed;
        match chain.standing(&logs.lineage, *tree, checkpoint.size) {
            Standing::Upto(upto, _) if checkpoint.size > upto => verified.beyond.push(signed.clone()),
            Standing::Here | Standing::Upto(..) => {
                let (size, root) = (checkpoint.size, checkpoint.root);
                expected.push((*tree, ExpectedRoot { size, root, says: says.clone() }));
            }
            Standing::Aside(_) => verified.beyond.push(signed.clone()),
            Standing::Unknown if asked.after.is_some() => verified.beyond.push(signed.clone()),
            Standing::Unknown => {
                let (kind, why) = match open.last() {
                    Some(claim) => {
                        (Fault::Restored, format!(": {}, {}", restored(claim.archive, claim.at), claimed(claim)))
                    }
                    None => (Fault::Rewritten, String::new()),
                };
                let what = format!("{says} is of {}, which this trail does not go on from{why}", checkpoint.origin);
                verified.findings.push(Finding { tree: *tree, seq: None, kind, what });
            }
        }
    }
    expected
}

fn claimed(claim: &Claim) -> String {
    format!("as record {} of SYSTEM claims", claim.seq)
}

/// What each stated restore lost of each tree.
fn lost(chain: &Chain, only: Option<i32>, beyond: &[ExternalCheckpoint]) -> Vec<Lost> {
    let mut all: Vec<Lost> = Vec::new();
    for (n, l) in chain.all.iter().enumerate() {
        let old = Logs { lineage: l.from.clone(), ..l.logs.clone() };
        let mut logs: Vec<(i32, String, Option<u64>)> =
            l.heads.iter().map(|(tree, ..)| (*tree, old.origin(*tree), None)).collect();
        let stated = l.left.iter().filter_map(|c| Some((Logs::parse(l.logs.installation, &c.origin)?.1, c)));
        let given = beyond.iter().filter(|s| match chain.standing(&s.logs.lineage, s.tree, s.checkpoint.size) {
            Standing::Upto(_, by) | Standing::Aside(by) => by == n,
            _ => false,
        });
        for (tree, c) in stated.chain(given.map(|s| (s.tree, &s.checkpoint))) {
            match logs.iter_mut().find(|(_, origin, _)| *origin == c.origin) {
                Some((.., upto)) => *upto = (*upto).max(Some(c.size)),
                None => logs.push((tree, c.origin.clone(), Some(c.size))),
            }
        }
        logs.retain(|(tree, ..)| only.is_none_or(|only| only == *tree));
        logs.sort_by_key(|(tree, ..)| if *tree == LOG { i32::MAX } else { *tree });
        all.extend(logs.into_iter().map(|(tree, origin, upto)| {
            let after = l.size_of(tree);
            Lost { tree, origin, after, upto: upto.filter(|n| *n > after), archive: l.archive, at: l.at }
        }));
    }
    all
}

/// Where a trail does not reach what was signed, and claims to have been restored from an archive that did not either, that
/// is said; it excuses nothing.
fn tell_restores(findings: &mut [Finding], open: &[Claim], expected: &[(i32, ExpectedRoot)]) {
    for f in findings.iter_mut().filter(|f| matches!(f.kind, Fault::Truncated | Fault::Rewritten | Fault::Checkpoint)) {
        let is_of = |e: &ExpectedRoot| {
            f.what.starts_with(&format!("{} tells of ", e.says)) && f.what.contains(&format!(" of {} ", e.size))
        };
        let Some((_, e)) = expected.iter().find(|(tree, e)| *tree == f.tree && is_of(e)) else { continue };
        if let Some(claim) = open.iter().rev().find(|c| c.size_of(f.tree) < e.size) {
            let what = if f.tree == LOG { "checkpoints" } else { "records" };
            let why = restored(claim.archive, claim.at);
            (f.kind, f.seq) = (Fault::Restored, None);
            f.what = format!("ends before {} of {} {what}: {why}, {}", e.says, e.size, claimed(claim));
        }
    }
}

/// Actors whose name in their table is none that any of their commands tells.
fn misnamed(actors: BTreeMap<i64, ActorNames>) -> impl Iterator<Item = Finding> {
    actors.into_values().filter(|n| !n.is_in_part).filter_map(|n| {
        let stored = n.stored.filter(|name| !n.told.contains(name))?;
        let (tree, seq) = n.first;
        let what = format!("its actor is called '{stored}', but none of the actor's commands says so");
        Some(Finding { tree, seq: Some(seq), kind: Fault::Edited, what })
    })
}

/// Columns that name a tree; a head does, too.
const TRACES: [(&str, &str); 4] =
    [("tree", "audit_records"), ("tree", "audit_requests"), ("tree", "audit_erased"), ("org_id", "orgs")];

/// Rows of trees that there can't be: the first is 0, SYSTEM's.
async fn below_all_trees(db: &mut Db) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (tree, table) in TRACES.into_iter().chain([("tree", "audit_heads"), ("tree", "audit_checkpoints")]) {
        let sql = Sql::new(format!("select count(*) from {table} where {tree} < 0"));
        let n = db.one(sql.yields([ValueType::Int])).await?.int(0)?;
        if n > 0 {
            let what = format!("{n} rows of {table} are of a tree that there can't be");
            findings.push(Finding { tree: 0, seq: None, kind: Fault::Inserted, what });
        }
    }
    Ok(findings)
}

/// Trees that there is any trace of: every organisation must have one, and whose head is gone may still have records.
async fn traces(db: &mut Db) -> Result<Vec<i32>> {
    let mut all = trees(db).await?;
    all.extend(checkpoints::trees(db).await?);
    for (tree, table) in TRACES {
        let sql = format!("select min({tree}) from {table} where {tree} > $1");
        let mut last = -1;
        while let Some(row) = db.first(Sql::new(sql.as_str()).with([last.into()]).yields([ValueType::Int])).await? {
            if row.value(0).is_null() {
                break;
            }
            last = row.org(0)?;
            all.push(last);
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// How many records the heads tell of, for a progress bar.
pub async fn size(db: &mut Db, only: Option<i32>) -> Result<u64> {
    // Not summed by the database, which refuses what is too large for it: a head may say anything.
    let mut sql = Sql::new("select size from audit_heads");
    if let Some(tree) = only {
        sql.push(" where tree = ").bind(tree);
    }
    let sizes = db.all(sql.yields([ValueType::Int])).await?;
    sizes.iter().try_fold(0u64, |sum, r| Ok(sum.saturating_add(u64::try_from(r.int(0)?).unwrap_or(0))))
}

async fn tree_of(
    db: &mut Db,
    tree: i32,
    asked: &VerifyRequest,
    known: Vec<ExpectedRoot>,
    count: &mut u64,
    done: &mut dyn FnMut(u64),
) -> Result<TreeResult> {
    let head = head_of(db, tree).await?;
    let mut expected = checkpoints::expected(db, tree).await?;
    expected.extend(known);
    let proven = match asked.since_checkpoint {
        true => checkpoints::find(db, tree, None).await?.and_then(|c| c.frontier()),
        false => None,
    };
    // What is not gone through again was signed then: it must have been the same.
    let before = proven.as_ref().map_or(0, Frontier::size);
    let stored = checkpoints::expected(db, tree).await?;
    let differs = |e: &&ExpectedRoot| e.size < before && stored.iter().any(|s| s.size == e.size && s.root != e.root);
    let rewritten: Vec<Finding> = expected
        .iter()
        .filter(differs)
        .map(|e| Finding {
            tree,
            seq: None,
            kind: Fault::Rewritten,
            what: format!("{} tells of another tree of {} records", e.says, e.size),
        })
        .collect();
    let mut check = TreeCheck::new(tree, head, proven.unwrap_or_default(), expected);
    let mut from = check.size();
    loop {
        let upto = requests(db, tree, from, &mut check).await?;
        let Some((last, upto)) = upto else { break };
        from = last;
        records(db, tree, Some(upto), &mut check, count, done).await?;
    }
    // Records that no request accounts for.
    records(db, tree, None, &mut check, count, done).await?;
    for (table, number, what) in [("audit_records", "seq", "records"), ("audit_requests", "first_seq", "commands")] {
        let below = Sql::new(format!("select count(*) from {table} where tree = $1 and {number} < 1"));
        let below = db.one(below.with([tree.into()]).yields([ValueType::Int])).await?.int(0)?;
        check.note_strays(what, below);
    }
    let stray = Sql::new(
        "select count(*) from audit_erased e where e.tree = $1 and not exists (
             select 1 from audit_records r where r.tree = e.tree and r.seq = e.seq)",
    );
    check.note_strays("erasures", db.one(stray.with([tree.into()]).yields([ValueType::Int])).await?.int(0)?);
    let mut checked = check.finish();
    checked.findings.extend(rewritten);
    Ok(checked)
}

/// The first thing that does not hold in the records up to a size, whatever the head says, nor in the checkpoints of them.
pub(in crate::store) async fn proven(db: &mut Db, tree: i32, size: i64, edge: &[u8]) -> Result<Option<Finding>> {
    let expected = checkpoints::expected(db, tree).await?;
    let mut check = TreeCheck::new(tree, TreeHead::Is(size, edge.to_vec(), None), Frontier::default(), expected);
    let mut count = 0;
    let mut from = 0;
    while let Some((last, upto)) = requests(db, tree, from, &mut check).await? {
        from = last;
        records(db, tree, Some(upto.min(size)), &mut check, &mut count, &mut |_| {}).await?;
    }
    // An erasure that was planted is repaired, too.
    let is_planted = |f: &Finding| f.kind == Fault::Erased && f.what == PLANTED;
    Ok(check.finish().findings.into_iter().find(|f| !is_planted(f)))
}

/// A tree's head. Its time is compared by the database, for it may be one that can't be read.
pub(in crate::store) async fn head_of(db: &mut Db, tree: i32) -> Result<TreeHead> {
    let pending = if db.is_postgres() { "h.pending" } else { "h.size" };
    let sql = Sql::new(format!(
        "select h.size, h.frontier, {pending}, h.at = (select q.at from audit_requests q where q.tree = h.tree
                 and q.first_seq = (select max(f.first_seq) from audit_requests f where f.tree = h.tree and f.first_seq <= h.size))
           from audit_heads h where h.tree = $1"
    ));
    let sql = sql.with([tree.into()]).yields([ValueType::Int, ValueType::Bytes, ValueType::Int, ValueType::Bool]);
    let Some(row) = db.first(sql).await? else { return Ok(TreeHead::Gone) };
    let other = match (row.int(0)? == row.int(2)?, row.value(3).as_bool()) {
        (false, _) => Some("its head waits for records that are not there"),
        (true, Some(false)) => Some("the time of its head is not that of the last command"),
        _ => None,
    };
    Ok(TreeHead::Is(row.int(0)?, row.bytes(1)?.to_vec(), other))
}

const REQUEST: [ValueType; 14] = [
    ValueType::Int,
    ValueType::Int,
    ValueType::Uuid,
    ValueType::Time,
    ValueType::Int,
    ValueType::Text,
    ValueType::Text,
    ValueType::Bytes,
    ValueType::Text,
    ValueType::Bytes,
    ValueType::Bytes,
    ValueType::Text,
    ValueType::Text,
    ValueType::Text,
];

fn request(row: &Row) -> Result<Request> {
    Ok(Request {
        first_seq: row.int(0)?,
        last_seq: row.int(1)?,
        request_id: row.uuid(2)?,
        at: row.time(3)?,
        actor_id: row.int(4)?,
        source: row.text(5)?.to_owned(),
        status: row.text(6)?.to_owned(),
        salt: row.value(7).as_bytes().map(<[u8]>::to_vec),
        payload: row.value(8).as_text().map(str::to_owned),
        commitment: row.hash(9)?,
        digest: row.hash(10)?,
        actor: row.value(11).as_text().map(|key| Actor {
            kind: row.value(12).to_text(),
            key: key.to_owned(),
            name: row.value(13).as_text().map(str::to_owned),
        }),
    })
}

/// The statement for requests of a tree, in order. A time beyond the calendar is none that was recorded: another in its
/// place does not prove either, and can be read.
fn select_requests(db: &Db, tree: i32) -> Sql {
    let at = match db.is_postgres() {
        true => "case when q.at between '0001-01-01Z' and '9999-12-31T23:59:59.999999Z' then q.at else 'epoch' end",
        false => "case when q.at between -62135596800000000 and 253402300799999999 then q.at else 0 end",
    };
    let mut sql = Sql::new(format!(
        "select q.first_seq, q.last_seq, q.request_id, {at}, q.actor_id, q.source, q.status, q.salt, q.payload,
                q.commitment, q.digest, a.key, a.kind, a.name
           from audit_requests q left join actors a on a.actor_id = q.actor_id where q.tree = ",
    ));
    sql.bind(tree);
    sql.yields(REQUEST)
}

/// Hands on a batch of requests behind a record; the first number of the last, and the highest number of all.
async fn requests(db: &mut Db, tree: i32, after: i64, check: &mut TreeCheck) -> Result<Option<(i64, i64)>> {
    let mut sql = select_requests(db, tree);
    sql.push(" and q.first_seq > ").bind(after).push(&format!(" order by q.first_seq limit {BATCH}"));
    let mut read: Option<(i64, i64)> = None;
    let mut of_last = 0;
    for row in db.all(sql).await? {
        let request = request(&row)?;
        of_last = if read.is_some_and(|(last, _)| last == request.first_seq) { of_last + 1 } else { 1 };
        read = Some((request.first_seq, read.map_or(0, |(_, upto)| upto).max(request.last_seq)));
        check.request(request);
    }
    if let Some((last, _)) = read {
        // Of one number there is one; another could stand where one batch ends and the next begins.
        let same = Sql::new("select count(*) from audit_requests where tree = $1 and first_seq = $2");
        let same = db.one(same.with([tree.into(), last.into()]).yields([ValueType::Int])).await?.int(0)?;
        check.note_strays("commands", same - of_last);
    }
    Ok(read)
}

const RECORD: [ValueType; 10] = [
    ValueType::Int,
    ValueType::Text,
    ValueType::Text,
    ValueType::Text,
    ValueType::Uuid,
    ValueType::Uuid,
    ValueType::Bytes,
    ValueType::Text,
    ValueType::Bytes,
    ValueType::Bytes,
];

/// The statement for records of a tree, in order; a condition on `r` may follow.
fn select_records(tree: i32) -> Sql {
    let mut sql = Sql::new(
        "select r.seq, r.action, r.effect, r.kind, r.resource_id, r.subject_id, r.salt, r.payload, r.leaf, e.commitment
           from audit_records r left join audit_erased e on e.tree = r.tree and e.seq = r.seq where r.tree = ",
    );
    sql.bind(tree);
    sql.yields(RECORD)
}

fn record(row: &Row) -> Result<Record<'_>> {
    Ok(Record {
        seq: row.int(0)?,
        action: row.text(1)?,
        effect: row.text(2)?,
        kind: row.text(3)?,
        resource_id: row.uuid(4)?,
        subject_id: row.value(5).as_uuid().unwrap_or_default(),
        salt: row.value(6).as_bytes(),
        payload: row.value(7).as_text(),
        leaf: row.hash(8)?,
        erased: row.value(9).as_bytes().and_then(|b| b.try_into().ok()),
    })
}

/// Hands on the records up to a number, or all that are left.
async fn records(
    db: &mut Db,
    tree: i32,
    upto: Option<i64>,
    check: &mut TreeCheck,
    count: &mut u64,
    done: &mut dyn FnMut(u64),
) -> Result<()> {
    let mut sql = select_records(tree);
    sql.push(" and r.seq > ").bind(check.size());
    if let Some(upto) = upto {
        sql.push(" and r.seq <= ").bind(upto);
    }
    sql.push(" order by r.seq");
    db.each(sql, |row| {
        check.record(&record(&row)?);
        *count += 1;
        if count.is_multiple_of(1024) {
            done(*count);
        }
        Ok(())
    })
    .await
}

/// One thing of a stretch of a tree.
pub enum TrailItem<'a> {
    Request(Request),
    Record(Record<'a>),
}

/// Hands on the requests and records of a tree with these numbers, each request before its records. Records whose request
/// began earlier come with that.
pub async fn each(
    db: &mut Db,
    tree: i32,
    first: i64,
    last: i64,
    mut each: impl FnMut(TrailItem<'_>) -> Result<()>,
) -> Result<()> {
    let mut at = first;
    while at <= last {
        let mut sql = select_requests(db, tree);
        // From the request that the first record belongs to: by the primary key, not through all that are before.
        sql.push(" and q.first_seq >= coalesce((select max(f.first_seq) from audit_requests f where f.tree = ");
        sql.bind(tree).push(" and f.first_seq <= ").bind(at).push("), 0) and q.first_seq <= ").bind(last);
        sql.push(&format!(" order by q.first_seq limit {BATCH}"));
        let rows = db.all(sql).await?;
        let mut upto = last;
        for row in &rows {
            let request = request(row)?;
            upto = request.last_seq.min(last);
            each(TrailItem::Request(request))?;
        }
        let mut sql = select_records(tree);
        sql.push(" and r.seq >= ").bind(at).push(" and r.seq <= ").bind(upto).push(" order by r.seq");
        db.each(sql, |row| each(TrailItem::Record(record(&row)?))).await?;
        if rows.is_empty() {
            break;
        }
        at = upto.saturating_add(1);
    }
    Ok(())
}

/// The right edge of a tree as it was at a size, from its leaves.
pub async fn frontier_at(db: &mut Db, tree: i32, size: i64) -> Result<Frontier> {
    // The nearest checkpoint before saves reading what is in front of it.
    let known = Sql::new(
        "select size, frontier from audit_checkpoints where tree = $1 and size <= $2 order by size desc limit 1",
    );
    let known = known.with([tree.into(), size.into()]).yields([ValueType::Int, ValueType::Bytes]);
    let mut frontier = Frontier::default();
    if let Some(row) = db.first(known).await? {
        let size = u64::try_from(row.int(0)?).unwrap_or(0);
        frontier = Frontier::from_bytes(size, row.bytes(1)?).unwrap_or_default();
    }
    let from = i64::try_from(frontier.size())?;
    let sql = Sql::new("select leaf from audit_records where tree = $1 and seq > $2 and seq <= $3 order by seq");
    db.each(sql.with([tree.into(), from.into(), size.into()]).yields([ValueType::Bytes]), |row| {
        frontier.append(row.hash(0)?);
        Ok(())
    })
    .await?;
    Ok(frontier)
}
