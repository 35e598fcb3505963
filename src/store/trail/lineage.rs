//! Restores in the trail: what it claims of them, the signed statements that the logs of checkpoints go on from them, and
//! what a restore leaves behind for those to come.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::checkpoints::{installation, log_frontier, log_frontier_at};
use crate::model::code_generator::CodeGenerator;
use crate::model::kinds::Kinds;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::random::bytes;
use crate::model::trail::audit::Action;
use crate::model::trail::lineage::{Chain, Claim, LOG, Lineage, Logs};
use crate::model::trail::note::{Note, Verifier};
use crate::model::trail::verify::{ExpectedRoot, Fault, Finding};
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::tx::Tx;

/// What kind of thing the record of a restore is about.
pub const KIND: &str = "backup";

/// A statement that is to be kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stated {
    /// From 1.
    pub seq: i64,
    pub at: DateTime<Utc>,
    /// The signed note.
    pub note: String,
}

/// The signed statements, the oldest first.
pub async fn notes(db: &mut Db) -> Result<Vec<String>> {
    let sql = Sql::new("select note from audit_lineages order by seq").yields([ValueType::Text]);
    db.all(sql).await?.iter().map(|r| Ok(r.text(0)?.to_owned())).collect()
}

/// How many statements there are.
pub async fn count(db: &mut Db) -> Result<i64> {
    db.one(Sql::new("select count(*) from audit_lineages").yields([ValueType::Int])).await?.int(0)
}

/// The restores that the logs went through, as the statements tell, which are not checked.
pub async fn chain(db: &mut Db) -> Result<Chain> {
    let here = installation(db).await?;
    let mut chain = Chain::default();
    for note in notes(db).await? {
        match Note::parse(&note).and_then(|note| Lineage::parse(here, &note.text)) {
            Ok(lineage) => chain.all.push(lineage),
            Err(_) => chain.is_broken = true,
        }
    }
    Ok(chain)
}

/// The logs that are signed now.
pub async fn logs(db: &mut Db) -> Result<Logs> {
    let lineage = chain(db).await?.current().to_owned();
    Ok(Logs { installation: installation(db).await?, lineage })
}

/// What the trail of SYSTEM claims of restores, the oldest first.
pub async fn claims(db: &mut Db) -> Result<Vec<Claim>> {
    // By their index, which these words must match.
    let sql = Sql::new(
        "select r.seq, r.leaf, r.payload, q.at from audit_records r
           join audit_requests q on q.tree = r.tree and q.first_seq <= r.seq and q.last_seq >= r.seq
          where r.tree = $1 and r.kind = 'backup' and r.action = 'backup_restore' and q.status = 'success' order by r.seq",
    );
    let sql = sql.with([SYSTEM.into()]).yields([ValueType::Int, ValueType::Bytes, ValueType::Text, ValueType::Time]);
    let mut claims = Vec::new();
    for row in db.all(sql).await? {
        let payload: Json = row.value(2).as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        claims.extend(Claim::read(row.int(0)?, row.hash(1)?, row.time(3)?, &payload));
    }
    Ok(claims)
}

/// Claims that no statement tells of yet.
pub async fn open_claims(db: &mut Db, chain: &Chain) -> Result<Vec<Claim>> {
    let mut claims = claims(db).await?;
    claims.retain(|c| chain.all.iter().all(|l| l.leaf != c.leaf));
    Ok(claims)
}

/// What went through the statements.
#[derive(Default)]
pub struct Statements {
    pub chain: Chain,
    /// Notes that no given key has signed.
    pub unchecked: u64,
    /// What trees, and the log of checkpoints, must have been.
    pub expected: Vec<(i32, ExpectedRoot)>,
    pub findings: Vec<Finding>,
}

/// Holds each statement against its signature, the one in front of it and the record that it tells of.
pub async fn verify(db: &mut Db, keys: &[Verifier]) -> Result<Statements> {
    let here = installation(db).await?;
    let mut told = Statements::default();
    for (n, text) in notes(db).await?.iter().enumerate() {
        let says = format!("statement {} of a restore", n + 1);
        let mut faults: Vec<String> = Vec::new();
        let note = Note::parse(text);
        match note.as_ref().map_err(Clone::clone).and_then(|note| note.signed_by(keys)) {
            Ok(by) if by.is_empty() && !keys.is_empty() => {
                faults.push("is not signed with a key that was given (--key takes former ones too)".into());
            }
            Ok(by) => told.unchecked += u64::from(by.is_empty()),
            Err(problem) => faults.push(format!("does not hold: {}", problem.sentence)),
        }
        match note.and_then(|note| Lineage::parse(here, &note.text)) {
            Err(problem) => faults.push(format!("does not hold: {}", problem.sentence)),
            Ok(lineage) => {
                if lineage.from != told.chain.current() {
                    faults.push("does not go on from the one in front of it".into());
                }
                let leaf = Sql::new("select leaf from audit_records where tree = $1 and seq = $2");
                let leaf = leaf.with([SYSTEM.into(), lineage.seq.into()]).yields([ValueType::Bytes]);
                let leaf = db.first(leaf).await?.map(|r| r.hash(0)).transpose()?;
                let before = lineage.seq.checked_sub(1).and_then(|n| u64::try_from(n).ok());
                if leaf != Some(lineage.leaf) || Some(lineage.size_of(SYSTEM)) != before {
                    faults.push(format!("tells of another record {} of SYSTEM", lineage.seq));
                }
                let mut heads = lineage.heads.clone();
                heads.push((LOG, lineage.log.0, lineage.log.1));
                heads.retain(|(_, size, _)| *size > 0);
                let says = || says.clone();
                let heads =
                    heads.into_iter().map(|(tree, size, root)| (tree, ExpectedRoot { size, root, says: says() }));
                told.expected.extend(heads);
                told.chain.all.push(lineage);
            }
        }
        told.chain.is_broken |= !faults.is_empty();
        told.findings.extend(faults.into_iter().map(|what| Finding {
            tree: LOG,
            seq: None,
            kind: Fault::Checkpoint,
            what: format!("{says} {what}"),
        }));
    }
    Ok(told)
}

/// The log of checkpoints as it was at a size, and as it is.
pub async fn log_at(db: &mut Db, size: u64) -> Result<((u64, [u8; 32]), (u64, [u8; 32]))> {
    let (then, now) = (log_frontier_at(db, size).await?, log_frontier(db).await?);
    Ok(((then.size(), then.root()), (now.size(), now.root())))
}

/// When the first command behind a record was recorded; none where there is none. A correction of the clock tells nothing.
pub async fn next_after(db: &mut Db, tree: i32, size: u64) -> Result<Option<DateTime<Utc>>> {
    let sql = Sql::new(
        "select q.at from audit_requests q where q.tree = $1 and q.first_seq > $2 and not exists (
             select 1 from audit_records r where r.tree = q.tree and r.seq = q.first_seq and r.kind = 'clock')
          order by q.first_seq limit 1",
    );
    let sql = sql.with([tree.into(), i64::try_from(size)?.into()]).yields([ValueType::Time]);
    db.first(sql).await?.map(|r| r.time(0)).transpose()
}

/// How far the codes of each kind skip with a restore: nothing tells how many were given since the archive was made.
pub fn code_skips(kinds: Kinds) -> impl Iterator<Item = (&'static str, CodeGenerator)> {
    kinds.resources().filter_map(|d| d.code_maker().map(|(_, maker)| (d.noun, maker)))
}

/// The same, by the noun of the kind, as it is told.
pub fn skipped(kinds: Kinds) -> Map<String, Json> {
    code_skips(kinds).map(|(noun, maker)| (noun.to_owned(), maker.leap().into())).collect()
}

impl Tx<'_> {
    /// Records that what is here was restored, and lets codes skip those that may have been given since. `told` names the
    /// archive and its heads. What the log of checkpoints was like then is told, too.
    pub async fn record_restore(&mut self, mut told: Map<String, Json>) -> Result<()> {
        told.insert("log".into(), log_frontier(self.db).await?.size().into());
        for (noun, maker) in code_skips(self.db.kinds()) {
            self.skip_codes(noun, maker).await?;
        }
        told.insert("codes".into(), skipped(self.db.kinds()).into());
        self.event(SYSTEM, Action::BackupRestore, KIND, told).await
    }

    async fn skip_codes(&mut self, noun: &str, maker: CodeGenerator) -> Result<()> {
        if matches!(maker, CodeGenerator::Numbered(_)) {
            // Where none was made yet, the first may have been made since. Scattered ones come of a new key.
            let none = Sql::new(
                "select o.org_id from orgs o where o.org_id > 0
                    and not exists (select 1 from code_counters c where c.org_id = o.org_id and c.kind = $1)",
            );
            for row in self.db.all(none.with([noun.into()]).yields([ValueType::Int])).await? {
                let key: [u8; 16] = bytes(self.random());
                let sql = Sql::new("insert into code_counters (org_id, kind, next, key) values ($1, $2, 0, $3)");
                self.db.execute(sql.with([row.org(0)?.into(), noun.into(), key.to_vec().into()])).await?;
            }
        }
        let sql = Sql::new("update code_counters set next = next + $2 where kind = $1");
        self.db.execute(sql.with([noun.into(), i64::try_from(maker.leap())?.into()])).await.map(drop)
    }

    /// Keeps a signed statement behind the others.
    pub async fn append_lineage(&mut self, stated: &Stated) -> Result<()> {
        if count(self.db).await?.checked_add(1) != Some(stated.seq) {
            return Err(Problem::conflict("another restore was told in the meantime; nothing was signed here")
                .hint("run the command again")
                .into());
        }
        let sql = Sql::new("insert into audit_lineages (seq, at, note) values ($1, $2, $3)");
        self.db.execute(sql.with([stated.seq.into(), stated.at.into(), stated.note.as_str().into()])).await.map(drop)
    }
}
