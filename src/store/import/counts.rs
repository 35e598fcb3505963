//! How far records have been counted within others while a file is imported: what was counted before may not be written yet.

use crate::model::resource::Descriptor;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// Makes the table, where it is not there.
pub async fn create(db: &mut Db) -> Result<()> {
    let (id, number, at_end) = match db.is_postgres() {
        true => ("uuid", "bigint", " on commit drop"),
        false => ("blob", "integer", ""),
    };
    let sql = "create temporary table if not exists import_counts";
    db.script(format!("{sql} (kind text, id {id}, last {number} not null, primary key (kind, id)){at_end}")).await
}

/// Notes the highest number that rows of a kind themselves give within each record: those that are made come behind it. The
/// containers are what reference `i` of the file says.
pub async fn note_given(db: &mut Db, desc: &Descriptor, i: usize) -> Result<()> {
    create(db).await?;
    let sql = format!(
        "insert into import_counts (kind, id, last)
         select $1, f.id, max(s.given) from import_rows s join import_refs f on f.field = {i} and f.word = s.r{i}
          where s.given is not null and f.id is not null group by f.id
         on conflict (kind, id) do update set last = excluded.last where excluded.last > import_counts.last"
    );
    db.execute(Sql::new(sql).with([desc.noun.into()])).await.map(drop)
}
