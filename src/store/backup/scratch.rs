//! A database on a server that is thrown away: what is restored only to be looked at goes into one that nothing else is in.

use anyhow::Context as _;

use crate::model::problem::Problem;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::location::{Location, Opening};
use crate::store::engine::sql::{Sql, quoted};

/// How their names begin.
const PREFIX: &str = "orgctl_scratch_";

/// A database of its own. Whoever made it holds a lock on its name until it is dropped.
pub struct ScratchDatabase {
    server: Db,
    name: String,
    pub location: Location,
}

impl ScratchDatabase {
    /// Makes a new one on the server of `base`, and drops those that killed commands left there.
    pub async fn create(base: &Location, opening: &Opening, id: &str) -> Result<ScratchDatabase> {
        let name = format!("{PREFIX}{id}");
        let location = base.on_same_server(&name)?.context("a file has no server")?;
        let mut server = Db::open(base, opening).await?;
        remove_leftovers(&mut server).await?;
        let locked = Sql::new("select pg_try_advisory_lock(hashtextextended($1, 0))");
        let locked = server.one(locked.with([name.as_str().into()]).yields([ValueType::Bool])).await?;
        if locked.value(0).as_bool() != Some(true) {
            return Err(Problem::conflict(format!("another command is making the database {name}")).into());
        }
        // Of one encoding and order, whatever the server's own are.
        let create =
            format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", quoted(&name));
        server.script(create).await.map_err(|e| e.context(format!("can't make the database {name}")))?;
        Ok(ScratchDatabase { server, name, location })
    }

    /// Drops it: nobody may be connected to it any more.
    pub async fn drop(mut self) -> Result<()> {
        let dropped = self.server.script(format!("DROP DATABASE IF EXISTS {}", quoted(&self.name))).await;
        self.server.close().await;
        dropped
    }
}

/// Drops what commands left that were killed: nobody holds the lock on its name, and nobody is connected to it.
async fn remove_leftovers(server: &mut Db) -> Result<()> {
    let left = Sql::new(
        "select datname::text from pg_database d where datname like 'orgctl\\_scratch\\_%' and pg_has_role(datdba, 'usage')
            and not exists (select from pg_stat_activity a where a.datid = d.oid)",
    );
    for row in server.all(left.yields([ValueType::Text])).await? {
        let name = row.text(0)?.to_owned();
        let with_name = |sql: &str| Sql::new(sql).with([name.as_str().into()]).yields([ValueType::Bool]);
        let lock = server.one(with_name("select pg_try_advisory_lock(hashtextextended($1, 0))")).await?;
        if lock.value(0).as_bool() == Some(true) {
            // One that somebody has come to meanwhile stays.
            let _ = server.script(format!("DROP DATABASE IF EXISTS {}", quoted(&name))).await;
            server.one(with_name("select pg_advisory_unlock(hashtextextended($1, 0))")).await?;
        }
    }
    Ok(())
}
