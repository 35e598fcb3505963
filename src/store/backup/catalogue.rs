//! The catalogue of backups in the database.

use uuid::Uuid;

use crate::model::backup::{BackupEntry, BackupStatus, BackupType, Digest32};
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::{Conn, Db};
use crate::store::engine::sql::{Row, Sql};
use crate::store::tx::Tx;

const COLUMNS: [(&str, ValueType); 18] = [
    ("id", ValueType::Uuid),
    ("type", ValueType::Text),
    ("status", ValueType::Text),
    ("label", ValueType::Text),
    ("host", ValueType::Text),
    ("location", ValueType::Text),
    ("engine", ValueType::Text),
    ("size", ValueType::Int),
    ("checksum", ValueType::Bytes),
    ("encrypted", ValueType::Bool),
    ("rows", ValueType::Int),
    ("heads", ValueType::Text),
    ("started_at", ValueType::Time),
    ("finished_at", ValueType::Time),
    ("verified_at", ValueType::Time),
    ("hold_until", ValueType::Time),
    ("error", ValueType::Text),
    ("checked_at", ValueType::Time),
];

fn names() -> String {
    COLUMNS.map(|(name, _)| name).join(", ")
}

fn entry(row: &Row) -> Result<BackupEntry> {
    let wrong = |what: &str| Problem::integrity(format!("the catalogue of backups holds {what} that can't be"));
    let text = |i: usize| row.value(i).as_text().map(str::to_owned);
    let count = |i: usize| row.value(i).as_int().and_then(|n| u64::try_from(n).ok());
    Ok(BackupEntry {
        id: row.uuid(0)?,
        installation: Uuid::nil(),
        kind: match row.text(1)? {
            "full" => BackupType::Full,
            "schema_only" => BackupType::SchemaOnly,
            _ => return Err(wrong("a type").into()),
        },
        status: BackupStatus::parse(row.text(2)?).ok_or_else(|| wrong("a status"))?,
        label: text(3),
        host: row.text(4)?.to_owned(),
        location: text(5),
        engine: row.text(6)?.to_owned(),
        size: count(7),
        checksum: row.value(8).as_bytes().and_then(|b| b.try_into().ok()).map(Digest32),
        encrypted: row.value(9).as_bool().unwrap_or(false),
        rows: count(10),
        heads: match row.value(11).as_text() {
            Some(heads) => serde_json::from_str(heads).map_err(|_| wrong("heads"))?,
            None => Vec::new(),
        },
        started_at: row.time(12)?,
        finished_at: row.value(13).as_time(),
        verified_at: row.value(14).as_time(),
        hold_until: row.value(15).as_time(),
        error: text(16),
        checked_at: row.value(17).as_time(),
    })
}

fn values(entry: &BackupEntry) -> Result<Vec<Value>> {
    let count = |n: Option<u64>| Value::from(n.and_then(|n| i64::try_from(n).ok()));
    Ok(vec![
        entry.id.into(),
        entry.kind.as_str().into(),
        entry.status.as_str().into(),
        entry.label.clone().into(),
        entry.host.as_str().into(),
        entry.location.clone().into(),
        entry.engine.as_str().into(),
        count(entry.size),
        entry.checksum.map(|d| d.0.to_vec()).into(),
        entry.encrypted.into(),
        count(entry.rows),
        serde_json::to_string(&entry.heads)?.into(),
        entry.started_at.into(),
        entry.finished_at.into(),
        entry.verified_at.into(),
        entry.hold_until.into(),
        entry.error.clone().into(),
        entry.checked_at.into(),
    ])
}

/// Whether the database takes no writes: a replica, a server set so, or a file that may only be read.
pub async fn is_read_only(db: &mut Db) -> Result<bool> {
    if let (Conn::Sqlite(c), _) = db.split() {
        return Ok(c.is_readonly("main")?);
    }
    let sql = Sql::new("select current_setting('transaction_read_only') = 'on' or pg_is_in_recovery()");
    Ok(db.one(sql.yields([ValueType::Bool])).await?.value(0).as_bool().unwrap_or(false))
}

/// Whether the server follows another.
pub async fn is_replica(db: &mut Db) -> Result<bool> {
    if !db.is_postgres() {
        return Ok(false);
    }
    let sql = Sql::new("select pg_is_in_recovery()").yields([ValueType::Bool]);
    Ok(db.one(sql).await?.value(0).as_bool().unwrap_or(false))
}

/// All backups, the newest first.
pub async fn all(db: &mut Db) -> Result<Vec<BackupEntry>> {
    let sql = Sql::new(format!("select {} from backups order by started_at desc, id desc", names()));
    db.all(sql.yields(COLUMNS.map(|(_, kind)| kind))).await?.iter().map(entry).collect()
}

impl Tx<'_> {
    /// Writes what is known of a backup, new or changed.
    pub async fn put_backup(&mut self, entry: &BackupEntry) -> Result<()> {
        self.remove_backup(entry.id).await?;
        let mut sql = Sql::new(format!("insert into backups ({}) values ", names()));
        sql.bind_list(values(entry)?);
        self.db.execute(sql).await.map(drop)
    }

    /// Takes a backup out of the catalogue.
    pub async fn remove_backup(&mut self, id: Uuid) -> Result<()> {
        self.db.execute(Sql::new("delete from backups where id = $1").with([id.into()])).await.map(drop)
    }
}
