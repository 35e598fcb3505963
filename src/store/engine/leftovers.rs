//! What was taken out of tables is not left behind in the files of the database.

use super::db::Db;
use super::sql::Sql;
use crate::model::problem::Problem;
use crate::model::values::value::ValueType;
use crate::store::Result;

/// Empties what holds former rows of tables: SQLite's write-ahead log, PostgreSQL's pages. It fails where the engine says in passing
/// alone that it did nothing.
pub async fn clean(db: &mut Db, tables: &[&str]) -> Result<()> {
    if !db.is_postgres() {
        let done = db.one(Sql::new("pragma wal_checkpoint(truncate)").yields([ValueType::Int; 3])).await?;
        return match done.int(0)? {
            0 => Ok(()),
            _ => Err(Problem::failed("others read the database: its write-ahead log could not be emptied").into()),
        };
    }
    for table in tables {
        db.script(format!("vacuum {table}")).await?;
        // Of who may not, VACUUM warns and goes on.
        let may = Sql::new(
            "select pg_has_role(c.relowner, 'USAGE') or pg_has_role(d.datdba, 'USAGE') from pg_class c
               join pg_database d on d.datname = current_database() where c.oid = to_regclass($1)",
        );
        let may = db.one(may.with([(*table).into()]).yields([ValueType::Bool])).await?;
        if may.value(0).as_bool() != Some(true) {
            let sentence = format!("the table {table} is another role's, who alone can vacuum it");
            return Err(Problem::failed(sentence).into());
        }
    }
    Ok(())
}
