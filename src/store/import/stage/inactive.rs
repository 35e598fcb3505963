//! References to records that are inactive: who refers to whom, and what is read in their place.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{BATCH, Reference, Stage, shortened};
use crate::model::resource::Descriptor;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Row, Sql, quoted};
use crate::store::records::lists;
use crate::store::records::search;
use crate::store::records::status_sql;

/// A row that refers to somebody who is inactive, and whose record does not do so yet.
#[derive(Debug, Clone)]
pub struct InactiveReference {
    pub number: u64,
    pub line: u64,
    /// The row's record, and whom it refers to now; a new one to nobody.
    pub id: Uuid,
    pub is_new: bool,
    pub now: Option<Uuid>,
    /// Whether the row's own record will be in use.
    pub is_active: bool,
    /// What the row says, and who that is.
    pub word: String,
    pub whom: Uuid,
    pub is_deleted: bool,
    pub is_only_blocked: bool,
    /// Whether a row of the file stands for him or her.
    pub is_in_file: bool,
    /// Whether the row is rejected for something else.
    pub is_rejected: bool,
}

impl InactiveReference {
    /// What a statement yields that finds some: the fields in their order, but that [`Self::PLACE`] stands where it tells
    /// of the row of the record referred to.
    const KINDS: [ValueType; 12] = {
        use ValueType::{Int, Text, Uuid};
        [Int, Int, Uuid, Int, Uuid, Int, Text, Uuid, Int, Int, Int, Int]
    };

    /// Where the position of that row stands.
    const PLACE: usize = 8;

    /// All but whether a row of the file stands for whom it refers to.
    fn read(row: &Row) -> Result<InactiveReference> {
        let is_deleted = row.int(9)? == 1;
        Ok(InactiveReference {
            number: u64::try_from(row.int(0)?)?,
            line: u64::try_from(row.int(1)?)?,
            id: row.uuid(2)?,
            is_new: row.int(3)? == 1,
            now: row.value(4).as_uuid(),
            is_active: row.int(5)? == 1,
            word: row.text(6)?.to_owned(),
            whom: row.uuid(7)?,
            is_deleted,
            is_only_blocked: !is_deleted && row.int(10)? == 1,
            is_in_file: false,
            is_rejected: row.int(11)? == 1,
        })
    }
}

/// Begins what is put in the place of a row's word: no word begins with a line's end.
const INSTEAD: char = '\n';

impl Stage {
    /// Lets texts that stand for nobody who is live stand for the last one who was deleted and had the key.
    pub async fn find_deleted(&mut self, db: &mut Db, i: usize) -> Result<()> {
        let Some(reference) = self.reference(i) else { return Ok(()) };
        let (table, tenant) = (reference.target.table, self.tenant(reference.target));
        let mut found: HashMap<String, (DateTime<Utc>, Uuid)> = HashMap::new();
        for (j, field) in reference.fields().into_iter().enumerate() {
            if !self.has_form(db, i, &format!("f{j}")).await? {
                continue;
            }
            let column = quoted(reference.target.compared_column(field));
            let sql = format!(
                "select f.word, x.id, x.deleted_at from {table} x cross join import_refs f
                  where {tenant} and x.deleted_at is not null and f.field = {i} and f.id is null and x.{column} = f.f{j}"
            );
            let sql = Sql::new(sql).yields([ValueType::Text, ValueType::Uuid, ValueType::Time]);
            db.telling()
                .each(sql, |row| {
                    let last = (row.time(2)?, row.uuid(1)?);
                    let known = found.entry(row.text(0)?.to_owned()).or_insert(last);
                    *known = last.max(*known);
                    Ok(())
                })
                .await?;
        }
        for (word, (_, id)) in found {
            self.resolve_to(db, i, &word, id).await?;
        }
        Ok(())
    }

    /// The next rows, by their number, that refer through one field to somebody who won't be in use: who is not now, and
    /// of whom no row says that he or she is again. With `blocked`, also to those who are blocked without an end.
    pub async fn inactive_references(
        &self,
        db: &mut Db,
        i: usize,
        blocked: bool,
        after: u64,
        limit: usize,
    ) -> Result<Vec<InactiveReference>> {
        let Some(reference) = self.reference(i) else { return Ok(Vec::new()) };
        let (desc, target) = (self.desc, reference.target);
        let now = lists::value_of(desc, reference.field, "r");
        let org = self.org.unwrap_or(0);
        let is_active = status_sql::active_condition(target, "t");
        let blocked =
            status_sql::holds_for_good(target, "t").filter(|_| blocked).map_or(String::new(), |c| format!(" or {c}"));
        let out = format!("(not {is_active} or t.deleted_at is not null{blocked})");
        if !self.is_any_target(db, i, target, &out).await? {
            return Ok(Vec::new());
        }
        let back = self.and_no_row_activates(target);
        let (used, open) = (status_sql::active_condition(desc, "r"), status_sql::is_open(desc, reference.field, "r"));
        let in_use = format!("r.id is not null and {used} and {open}");
        let sql = Sql::new(format!(
            "select s.n, s.line, s.id, s.is_new, {now},
                    coalesce(s.active, case when {in_use} then 1 when r.id is not null then 0 end, 1), f.word, t.id, {},
                    case when t.deleted_at is null then 0 else 1 end, case when {is_active} then 1 else 0 end,
                    case when exists (select 1 from import_rejects e where e.n = s.n) then 1 else 0 end
               from {} join {} t on t.org_id = {org} and t.id = f.id
               left join {} r on r.org_id = {org} and r.id = s.id and s.is_new = 0
              where {out} and f.matches = 1 and s.n > $1 and (r.id is null or {now} is null or {now} <> t.id)
                    {back}
              order by s.n limit $2",
            db.row_position(search::row_number(target)),
            self.rows_and_words(i),
            target.table,
            desc.table
        ));
        let args = [i64::try_from(after)?.into(), i64::try_from(limit)?.into()];
        let rows = db.all(sql.with(args).yields(InactiveReference::KINDS)).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let read = InactiveReference::read(row)?;
            let is_in_file =
                target == desc && !read.is_deleted && self.seen.has(u64::try_from(row.int(InactiveReference::PLACE)?)?);
            found.push(InactiveReference { is_in_file, ..read });
        }
        Ok(found)
    }

    /// Whether a text stands for a record `t` of a kind of which a condition holds.
    async fn is_any_target(&self, db: &mut Db, i: usize, target: &'static Descriptor, condition: &str) -> Result<bool> {
        let sql = format!(
            "select 1 from import_refs f join {} t on t.org_id = {} and t.id = f.id
              where f.field = {i} and {condition} limit 1",
            target.table,
            self.org.unwrap_or(0)
        );
        Ok(db.first(Sql::new(sql).yields([ValueType::Int])).await?.is_some())
    }

    /// The end of a condition: no row that is loaded says that the record `t` is in use again.
    fn and_no_row_activates(&self, target: &'static Descriptor) -> &'static str {
        match target == self.desc && self.is_any_there {
            true => {
                " and not exists (select 1 from import_rows b where b.id = t.id and b.is_new = 0 and b.active = 1
                                     and not exists (select 1 from import_rejects e where e.n = b.n))"
            }
            false => "",
        }
    }

    /// Rejects rows that put somebody anew into a branch or department that is not in use, and that no row activates;
    /// who is there stays.
    pub(super) async fn reject_inactive(&mut self, db: &mut Db, i: usize) -> Result<()> {
        let Some(Reference { field, target, .. }) = self.reference(i) else { return Ok(()) };
        if self.takes_unused || !field.requires_active_target() {
            return Ok(());
        }
        let (org, desc) = (self.org.unwrap_or(0), self.desc);
        if !self.is_any_target(db, i, target, "not t.is_active").await? {
            return Ok(());
        }
        // Who has it already, if among several, stays.
        let has_it = match self.list_of(i) {
            Some(list) => {
                let (item, owner) = list.ends();
                let table = list.desc().table;
                let live = status_sql::live(list.desc(), "l");
                format!(
                    "select 1 from {table} l where l.org_id = {org} and l.{owner} = s.id and l.{item} = t.id and {live}"
                )
            }
            None => format!(
                "select 1 from {} h where h.org_id = {org} and h.id = s.id and h.{} = t.id",
                desc.table,
                quoted(field.column)
            ),
        };
        let back = self.and_no_row_activates(target);
        let sql = format!(
            "insert into import_rejects (n, line, field, code, reason)
             select s.n, s.line, '{}', 'conflict',
                    '{} ' || {} || ' is not in use, and takes no new {} without --force'
               from {} join {} t on t.org_id = {org} and t.id = f.id
              where not t.is_active and t.deleted_at is null
                and not exists ({has_it}){back}
              on conflict do nothing",
            self.told_as(i),
            target.noun,
            shortened("f.word"),
            desc.noun,
            self.rows_and_words(i),
            target.table
        );
        db.execute(Sql::new(sql)).await.map(drop)
    }

    /// Lets rows refer to others than their words say; to nobody where there is none.
    pub async fn replace_references(&mut self, db: &mut Db, i: usize, instead: &[(u64, Option<Uuid>)]) -> Result<()> {
        for some in instead.chunks(BATCH) {
            let mut others: Vec<Uuid> = some.iter().filter_map(|(_, id)| *id).collect();
            others.sort_unstable();
            others.dedup();
            if !others.is_empty() {
                let mut sql =
                    Sql::bulk("insert into import_refs (field, word, first_use, id, matches) values ", db.engine());
                for (k, id) in others.iter().enumerate() {
                    sql.push(if k == 0 { "(" } else { ", (" }).push(&format!("{i}, "));
                    sql.bind(format!("{INSTEAD}{id}")).push(", 0, ").bind(*id).push(", 1)");
                }
                sql.push(" on conflict do nothing");
                db.execute(sql).await?;
            }
            for (n, id) in some {
                let mut sql = Sql::new(format!("update import_rows set r{i} = "));
                sql.bind(id.map(|id| format!("{INSTEAD}{id}"))).push(" where n = ").bind(i64::try_from(*n)?);
                db.execute(sql).await?;
            }
        }
        Ok(())
    }
}
