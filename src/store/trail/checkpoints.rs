//! The log of checkpoints: which size and root each tree had, as it was signed. Its rows are the leaves of a tree of their
//! own, so that an organisation whose trail is gone is missed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::problem::Problem;
use crate::model::trail::audit::checkpoint_leaf;
use crate::model::trail::lineage::{Chain, Logs};
use crate::model::trail::merkle::{Frontier, Hash, Prover};
use crate::model::trail::note::{Checkpoint, Note, Verifier};
use crate::model::trail::verify::{ExpectedRoot, Fault, Finding};
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Row, Sql};
use crate::store::tx::Tx;

pub use crate::model::trail::lineage::LOG;

/// A row of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredCheckpoint {
    /// From 1; the index of the leaf is one less.
    pub seq: i64,
    pub tree: i32,
    pub size: i64,
    pub at: DateTime<Utc>,
    pub root: Hash,
    /// Right edge of the tree at that size.
    pub frontier: Vec<u8>,
    pub leaf: Hash,
    /// The signed checkpoint of the tree.
    pub note: String,
    /// The signed checkpoint of the log itself, where this is the last row of a making.
    pub log_note: Option<String>,
}

impl StoredCheckpoint {
    fn hash(&self) -> Hash {
        checkpoint_leaf(self.tree, self.size, self.at, &self.root)
    }

    /// What to go on from, where it is what was signed.
    pub fn frontier(&self) -> Option<Frontier> {
        let frontier = Frontier::from_bytes(u64::try_from(self.size).ok()?, &self.frontier)?;
        (frontier.root() == self.root).then_some(frontier)
    }
}

const COLUMNS: &str = "seq, tree, size, at, root, frontier, leaf, note, log_note";
const KINDS: [ValueType; 9] = [
    ValueType::Int,
    ValueType::Int,
    ValueType::Int,
    ValueType::Time,
    ValueType::Bytes,
    ValueType::Bytes,
    ValueType::Bytes,
    ValueType::Text,
    ValueType::Text,
];

fn stored(row: &Row) -> Result<StoredCheckpoint> {
    Ok(StoredCheckpoint {
        seq: row.int(0)?,
        tree: row.org(1)?,
        size: row.int(2)?,
        at: row.time(3)?,
        root: row.hash(4)?,
        frontier: row.bytes(5)?.to_vec(),
        leaf: row.hash(6)?,
        note: row.text(7)?.to_owned(),
        log_note: row.value(8).as_text().map(str::to_owned),
    })
}

/// The latest checkpoint of a tree, or the first that covers a record.
pub async fn find(db: &mut Db, tree: i32, covering: Option<i64>) -> Result<Option<StoredCheckpoint>> {
    let mut sql = Sql::new(format!("select {COLUMNS} from audit_checkpoints where tree = "));
    sql.bind(tree);
    match covering {
        Some(seq) => sql.push(" and size >= ").bind(seq).push(" order by size limit 1"),
        None => sql.push(" order by size desc limit 1"),
    };
    db.first(sql.yields(KINDS)).await?.as_ref().map(stored).transpose()
}

/// Every checkpoint of a tree, as what its roots must be.
pub async fn expected(db: &mut Db, tree: i32) -> Result<Vec<ExpectedRoot>> {
    let sql =
        Sql::new("select seq, size, root from audit_checkpoints where tree = $1 order by size").with([tree.into()]);
    let rows = db.all(sql.yields([ValueType::Int, ValueType::Int, ValueType::Bytes])).await?;
    let expected = |r: &Row| -> Result<ExpectedRoot> {
        Ok(ExpectedRoot {
            size: u64::try_from(r.int(1)?).unwrap_or(0),
            root: r.hash(2)?,
            says: format!("checkpoint {} of the database", r.int(0)?),
        })
    };
    rows.iter().map(expected).collect()
}

/// Tables of what was signed, and the migrations that made them.
pub const SIGNED: [(&str, &str); 2] = [("audit_checkpoints", "checkpoints"), ("audit_lineages", "backups")];

/// How many rows one of these tables has; none where the schema is older than it is.
pub async fn count(db: &mut Db, table: &str) -> Result<i64> {
    let there = match db.is_postgres() {
        true => "select count(*) from pg_tables where schemaname = 'orgctl' and tablename = $1",
        false => "select count(*) from sqlite_schema where type = 'table' and name = $1",
    };
    if db.one(Sql::new(there).with([table.into()]).yields([ValueType::Int])).await?.int(0)? == 0 {
        return Ok(0);
    }
    db.one(Sql::new(format!("select count(*) from {table}")).yields([ValueType::Int])).await?.int(0)
}

/// Trees that have ever had a checkpoint.
pub async fn trees(db: &mut Db) -> Result<Vec<i32>> {
    let sql = Sql::new("select distinct tree from audit_checkpoints order by tree").yields([ValueType::Int]);
    db.all(sql).await?.iter().map(|r| r.org(0)).collect()
}

/// The signed checkpoint of the log, the latest.
pub async fn log_note(db: &mut Db) -> Result<Option<String>> {
    let sql = "select log_note from audit_checkpoints where log_note is not null order by seq desc limit 1";
    let row = db.first(Sql::new(sql).yields([ValueType::Text])).await?;
    row.map(|r| Ok(r.text(0)?.to_owned())).transpose()
}

/// The log's tree as it stands.
pub async fn log_frontier(db: &mut Db) -> Result<Frontier> {
    log_frontier_at(db, i64::MAX.unsigned_abs()).await
}

/// The log's tree as it was at a size.
pub async fn log_frontier_at(db: &mut Db, size: u64) -> Result<Frontier> {
    let mut frontier = Frontier::default();
    let sql = Sql::new("select leaf from audit_checkpoints where seq <= $1 order by seq");
    db.each(sql.with([i64::try_from(size)?.into()]).yields([ValueType::Bytes]), |row| {
        frontier.append(row.hash(0)?);
        Ok(())
    })
    .await?;
    Ok(frontier)
}

/// Names the installation in the origins of its logs: SYSTEM's id, made with the database.
pub async fn installation(db: &mut Db) -> Result<Uuid> {
    let row = db.first(Sql::new("select id from orgs where org_id = 0").yields([ValueType::Uuid])).await?;
    row.ok_or_else(|| Problem::integrity("the reserved organisation SYSTEM is gone"))?.uuid(0)
}

/// What names the log of a tree, and that of checkpoints, before anything was restored; keys are named by it, too.
pub fn origin(installation: Uuid, tree: i32) -> String {
    Logs { installation, lineage: String::new() }.origin(tree)
}

/// What went through the log, and what does not hold in it.
#[derive(Debug, Default)]
pub struct LogCheck {
    pub rows: u64,
    /// Notes that no given key has signed.
    pub unchecked: u64,
    pub findings: Vec<Finding>,
}

/// Goes through the whole log: its leaves, its notes and their signatures, and what is known of it from outside.
pub async fn verify(db: &mut Db, chain: &Chain, keys: &[Verifier], expected: Vec<ExpectedRoot>) -> Result<LogCheck> {
    let installation = installation(db).await?;
    let mut log = LogCheck::default();
    let mut frontier = Frontier::default();
    let mut expected = expected;
    let sql = Sql::new(format!("select {COLUMNS} from audit_checkpoints order by seq")).yields(KINDS);
    let mut last = 0;
    db.each(sql, |row| {
        let row = stored(&row)?;
        log.rows += 1;
        let mut faults: Vec<String> = Vec::new();
        if row.seq.checked_sub(1) != Some(last) {
            faults.push(format!("checkpoints between {last} and {} are missing", row.seq));
        }
        last = row.seq;
        if row.hash() != row.leaf || row.frontier().is_none() {
            faults.push("it was edited".to_owned());
        }
        frontier.append(row.leaf);
        let size = u64::try_from(row.size).unwrap_or(0);
        let mut notes = vec![(&row.note, row.tree, size, row.root)];
        notes.extend(row.log_note.as_ref().map(|n| (n, LOG, frontier.size(), frontier.root())));
        for (text, tree, size, root) in notes {
            let logs = Logs { installation, lineage: chain.of_row(frontier.size()).to_owned() };
            let is = Checkpoint { origin: logs.origin(tree), size, root };
            let signed = match Note::parse(text) {
                Ok(note) if Checkpoint::parse(&note.text).is_ok_and(|c| c == is) => note.signed_by(keys),
                _ => Err(Problem::integrity("its signed note tells of something else")),
            };
            match signed {
                Ok(by) if by.is_empty() && !keys.is_empty() => {
                    faults.push(
                        "its note is not signed with a key that was given (--key takes former ones too)".to_owned(),
                    );
                }
                Ok(by) => log.unchecked += u64::from(by.is_empty()),
                Err(problem) => faults.push(problem.sentence),
            }
        }
        for e in expected.extract_if(.., |e| e.size == frontier.size()) {
            if e.root != frontier.root() {
                let what = format!("{} tells of another log of {} checkpoints", e.says, e.size);
                log.findings.push(Finding { tree: LOG, seq: Some(row.seq), kind: Fault::Checkpoint, what });
            }
        }
        log.findings.extend(faults.into_iter().map(|what| Finding {
            tree: LOG,
            seq: Some(row.seq),
            kind: Fault::Checkpoint,
            what,
        }));
        Ok(())
    })
    .await?;
    log.findings.extend(expected.into_iter().filter(|e| e.size > 0).map(|e| Finding {
        tree: LOG,
        seq: Some(last.saturating_add(1)),
        kind: Fault::Truncated,
        what: format!("{} tells of {} checkpoints, {last} are there", e.says, e.size),
    }));
    Ok(log)
}

/// Makes a proof over the leaves of a tree, or of the log of checkpoints. None where leaves are missing.
pub async fn prove(db: &mut Db, tree: i32, mut prover: Prover) -> Result<Option<Vec<Hash>>> {
    let upto = i64::try_from(prover.upto())?;
    let sql = match tree {
        LOG => Sql::new("select seq, leaf from audit_checkpoints where seq <= $1 order by seq").with([upto.into()]),
        tree => Sql::new("select seq, leaf from audit_records where tree = $1 and seq <= $2 order by seq")
            .with([tree.into(), upto.into()]),
    };
    db.each(sql.yields([ValueType::Int, ValueType::Bytes]), |row| {
        prover.leaf(u64::try_from(row.int(0)?.saturating_sub(1))?, row.hash(1)?);
        Ok(())
    })
    .await?;
    Ok(prover.finish())
}

impl Tx<'_> {
    /// Appends rows to the log, which must go on from where they were made.
    pub async fn append_checkpoints(&mut self, rows: &[StoredCheckpoint]) -> Result<()> {
        let last = Sql::new("select coalesce(max(seq), 0) from audit_checkpoints").yields([ValueType::Int]);
        let last = self.db.one(last).await?.int(0)?;
        if rows.first().is_some_and(|first| first.seq.checked_sub(1) != Some(last)) {
            return Err(Problem::conflict("another checkpoint was made in the meantime; none was made here")
                .hint("run the command again")
                .into());
        }
        for row in rows {
            let mut sql = Sql::new(format!("insert into audit_checkpoints ({COLUMNS}) values "));
            sql.bind_list([
                row.seq.into(),
                row.tree.into(),
                row.size.into(),
                row.at.into(),
                row.root.to_vec().into(),
                row.frontier.clone().into(),
                row.leaf.to_vec().into(),
                row.note.as_str().into(),
                crate::model::values::value::Value::from(row.log_note.clone()),
            ]);
            self.db.execute(sql).await?;
        }
        Ok(())
    }
}
