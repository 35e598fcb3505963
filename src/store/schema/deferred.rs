//! Rules of others that the database holds only at the end of a transaction: deferred constraints, which nothing here
//! declared.

use super::stored_values;
use crate::model::problem::Problem;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::dialect::SCHEMA;
use crate::store::engine::location::Engine;
use crate::store::engine::sql::Sql;

/// The deferred constraints of the migrations. What they demand is asked before anything is written, and a row may stand
/// before the one that it refers to.
const OURS: [&str; 5] = [
    "audit_heads_settled",
    "branches_org_id_parent_id_fkey",
    "branches_org_id_manager_id_fkey",
    "departments_org_id_manager_id_fkey",
    "users_org_id_reports_to_id_fkey",
];

/// Rules that others have made and that hold at the end.
#[derive(Default)]
pub struct DeferredConstraints {
    /// PostgreSQL: the names of constraints. SQLite: tables that are not ours, with the rows whose references were broken
    /// before.
    known: Vec<(String, i64)>,
}

impl DeferredConstraints {
    pub async fn find(db: &mut Db) -> Result<DeferredConstraints> {
        let mut known = Vec::new();
        if db.is_postgres() {
            let ours = OURS.map(|name| format!("'{name}'")).join(", ");
            let sql = Sql::new(format!(
                "select distinct format('%I.%I', n.nspname, c.conname), 0::bigint
                   from pg_constraint c join pg_namespace n on n.oid = c.connamespace
                  where c.condeferred and not (n.nspname = '{SCHEMA}' and c.conname in ({ours})) order by 1"
            ));
            for row in db.all(sql.yields([ValueType::Text, ValueType::Int])).await? {
                known.push((row.text(0)?.to_owned(), row.int(1)?));
            }
        } else {
            let ours: Vec<String> =
                stored_values::tables(db.kinds(), Engine::Sqlite)?.iter().map(|t| format!("'{}'", t.name)).collect();
            let ours = ours.join(", ");
            let sql = Sql::new(format!(
                "select name, 0 from sqlite_schema s where type = 'table' and name not in ({ours})
                    and exists (select 1 from pragma_foreign_key_list(s.name)) order by 1"
            ));
            for row in db.all(sql.yields([ValueType::Text, ValueType::Int])).await? {
                known.push((row.text(0)?.to_owned(), 0));
            }
            for (table, before) in &mut known {
                *before = broken(db, table).await?;
            }
        }
        Ok(DeferredConstraints { known })
    }

    pub fn is_none(&self) -> bool {
        self.known.is_empty()
    }

    /// Refuses what the end of the transaction would refuse. The rules wait again for the end afterwards.
    pub async fn check(&self, db: &mut Db) -> Result<()> {
        if self.is_none() {
            return Ok(());
        }
        if db.is_postgres() {
            let names = self.known.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            let script = format!("SET CONSTRAINTS {names} IMMEDIATE; SET CONSTRAINTS {names} DEFERRED");
            return db.script(script).await;
        }
        for (table, before) in &self.known {
            if broken(db, table).await? > *before {
                let sentence = "a record refers to one that does not exist in its organisation";
                return Err(Problem::conflict(sentence).rule(format!("FOREIGN KEY of {table}")).into());
            }
        }
        Ok(())
    }
}

/// SQLite: rows of a table that refer to nothing.
async fn broken(db: &mut Db, table: &str) -> Result<i64> {
    let sql = Sql::new("select count(*) from pragma_foreign_key_check($1)").with([table.into()]);
    db.one(sql.yields([ValueType::Int])).await?.int(0)
}
