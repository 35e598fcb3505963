//! A database that holds a part of a backup alone: it is read, and never written to.
//!
//! Its mark is one more row in the table of migrations, of a version that no migration has: whichever orgctl opens the
//! database looks there first, and one that knows nothing of parts takes it for newer than itself and refuses it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use crate::model::partial::Partial;
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// What the mark's version has more than the schema's.
pub const MARK: i64 = 1_000_000_000;

/// How the mark is called, before the names of the tables; the other is of a backup that no trusted key had signed.
const NAME: &str = "partial: ";
const UNSIGNED: &str = "partial, unsigned: ";

/// Marks a database of a schema's version in which these tables alone were filled. Inside the transaction.
pub async fn mark(db: &mut Db, schema: i64, partial: &Partial, at: DateTime<Utc>) -> Result<()> {
    let version = schema + MARK;
    let name = if partial.is_signed { NAME } else { UNSIGNED };
    let name = format!("{name}{}", partial.tables.join(" "));
    let args: [Value; 4] = [version.into(), name.into(), partial.backup.as_bytes().to_vec().into(), at.into()];
    let sql = "insert into schema_migrations (version, name, checksum, applied_at) values ($1, $2, $3, $4)";
    db.execute(Sql::new(sql).with(args)).await.map(drop)
}

/// Takes the mark away, of a database that is being emptied. Inside the transaction.
pub async fn unmark(db: &mut Db) -> Result<()> {
    let sql = Sql::new("delete from schema_migrations where version > $1").with([Value::Int(MARK)]);
    db.execute(sql).await.map(drop)
}

/// What is in a database that is marked.
pub async fn find(db: &mut Db) -> Result<Partial> {
    let sql = Sql::new("select name, checksum from schema_migrations where version > $1").with([Value::Int(MARK)]);
    let row = db.one(sql.yields([ValueType::Text, ValueType::Bytes])).await?;
    let (name, backup) = (row.text(0)?, Uuid::from_slice(row.bytes(1)?).unwrap_or_default());
    let of_unsigned = name.strip_prefix(UNSIGNED);
    let tables = of_unsigned.or(name.strip_prefix(NAME)).unwrap_or(name);
    let tables = tables.split(' ').map(str::to_owned).collect();
    Ok(Partial { backup, is_signed: of_unsigned.is_none(), tables })
}

/// Has the connection know that it leads to such a database.
pub async fn load_mark(db: &mut Db) -> Result<()> {
    db.partial = Some(find(db).await?);
    Ok(())
}

/// Why nothing but reads and exports is done there.
pub async fn refusal(db: &mut Db) -> Result<Problem> {
    let partial = find(db).await?;
    let at = db.location.shown();
    Ok(partial.problem(format!(
        "the database {at} is partial, and takes reads and exports only: it was made of {}",
        partial.describe()
    )))
}
