//! Rows that stand below one another: none below itself, and none below a row that is rejected.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{BATCH, Bits, Stage, shortened};
use crate::model::resource::Field;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::cycles::{self, Graph};
use crate::store::{invariants, records};

impl Stage {
    /// Whether a row refers to itself or to one further down.
    async fn refers_forward(&self, db: &mut Db, i: usize) -> Result<bool> {
        let forward =
            format!("select count(*) from import_refs where field = {i} and n is not null and n >= first_use");
        Ok(db.one(Sql::new(forward).yields([ValueType::Int])).await?.int(0)? > 0)
    }

    /// Fields by which rows refer to others further down, which are not there yet when the row is written.
    pub async fn forward(&self, db: &mut Db) -> Result<Vec<&'static Field>> {
        let mut forward = Vec::new();
        for (i, reference) in self.references.iter().enumerate() {
            if self.refers_forward(db, i).await? {
                forward.push(reference.field);
            }
        }
        Ok(forward)
    }

    /// For each row the row of the file that it stands below through one field, four bytes a row; 0 where there is none.
    async fn parents(&self, db: &mut Db, i: usize) -> Result<Vec<u32>> {
        let mut parents = vec![0_u32; usize::try_from(self.last)? + 1];
        let sql = format!(
            "select s.n, f.n from import_rows s join import_refs f on f.field = {i} and f.word = s.r{i} where f.n is not null"
        );
        db.each(Sql::new(sql).yields([ValueType::Int, ValueType::Int]), |row| {
            parents[usize::try_from(row.int(0)?)?] = u32::try_from(row.int(1)?)?;
            Ok(())
        })
        .await?;
        Ok(parents)
    }

    /// Rejects the rows that stand below themselves, be it by way of records that the file leaves as they are. A record
    /// of which the row was rejected stands where it stood.
    pub(super) async fn reject_cycles(&mut self, db: &mut Db, i: usize) -> Result<()> {
        // A cycle closes by a row that refers to one further down, or by a record that moves.
        if !self.is_any_there && !self.refers_forward(db, i).await? {
            return Ok(());
        }
        let field = self.references[i].field;
        let cycles = match self.is_any_there {
            true => self.cycles_with_records(db, i).await?,
            false => {
                let cycles = cycles::find_cycles(&self.parents(db, i).await?);
                cycles.into_iter().map(|cycle| cycle.into_iter().map(Node::Row).collect()).collect()
            }
        };
        for cycle in cycles {
            let mut shown: Vec<String> = Vec::new();
            for node in cycle.iter().take(SHOWN) {
                shown.push(match node {
                    Node::Row(n) => self.key_of_row(db, *n).await?,
                    Node::Record(id) => self.key_of(db, *id).await?,
                });
            }
            let path = match cycle.len() > SHOWN {
                true => format!("{} > ...", shown.join(" > ")),
                false => format!("{} > {}", shown.join(" > "), shown[0]),
            };
            let rows = cycle.iter().filter_map(|node| match node {
                Node::Row(n) => Some(format!("({n})")),
                Node::Record(_) => None,
            });
            for some in rows.collect::<Vec<_>>().chunks(BATCH) {
                let mut sql = Sql::new(format!("with v (n) as (values {}) ", some.join(", ")));
                sql.push("insert into import_rejects (n, line, field, code, reason) select s.n, s.line, ");
                sql.bind(field.name()).push(", 'cycle', ").bind(format!("stands below itself: {path}"));
                sql.push(" from v join import_rows s on s.n = v.n where true on conflict do nothing");
                db.execute(sql).await?;
            }
        }
        Ok(())
    }

    /// The cycles that rows and the records around them make. Only who is pointed at can stand in one: of a tree's records
    /// few are, and these alone are held in memory.
    async fn cycles_with_records(&self, db: &mut Db, i: usize) -> Result<Vec<Vec<Node>>> {
        let field = self.references[i].field;
        let org = self.org.unwrap_or(0);
        let mut graph = Graph::default();
        let mut numbers: HashMap<Uuid, u32> = HashMap::new();
        // Rows first: where they say something else than their records, they are what will be.
        let moved = format!(
            "select s.id, f.id, s.n from import_rows s left join import_refs f on f.field = {i} and f.word = s.r{i}
              where not exists (select 1 from import_rejects e where e.n = s.n)
                and (s.id in (select p.id from import_refs p where p.field = {i} and p.id is not null)
                     or s.id in (select t.{column} from {table} t where t.org_id = {org} and t.{column} is not null))
              order by s.n",
            column = quoted(field.column),
            table = self.desc.table,
        );
        let mut to_the_top: HashSet<Uuid> = HashSet::new();
        db.each(Sql::new(moved).yields([ValueType::Uuid, ValueType::Uuid, ValueType::Int]), |row| {
            let id = row.uuid(0)?;
            match row.value(1).as_uuid() {
                Some(above) => {
                    graph.add_edge(id, above);
                    numbers.insert(id, u32::try_from(row.int(2)?)?);
                }
                None => drop(to_the_top.insert(id)),
            }
            Ok(())
        })
        .await?;
        for sql in [
            invariants::all_inner(self.desc, field, org),
            Sql::new(format!(
                "select t.id, t.{column} from import_refs p join {table} t on t.org_id = {org} and t.id = p.id
                  where p.field = {i} and t.{column} is not null",
                column = quoted(field.column),
                table = self.desc.table,
            )),
        ] {
            db.each(sql.yields([ValueType::Uuid, ValueType::Uuid]), |row| {
                let id = row.uuid(0)?;
                if !to_the_top.contains(&id) {
                    graph.add_edge(id, row.uuid(1)?);
                }
                Ok(())
            })
            .await?;
        }
        let node = |id: Uuid| numbers.get(&id).map_or(Node::Record(id), |n| Node::Row(*n));
        Ok(graph.find_cycles().into_iter().map(|cycle| cycle.into_iter().map(node).collect()).collect())
    }

    async fn key_of(&self, db: &mut Db, id: Uuid) -> Result<String> {
        let record = records::load(&mut db.telling(), self.desc, self.org.unwrap_or(0), id).await?;
        Ok(record.map_or_else(|| id.to_string(), |r| r.key()))
    }

    async fn key_of_row(&self, db: &mut Db, n: u32) -> Result<String> {
        let key = self.shown(0);
        let sql = format!("select coalesce({key}, '') from import_rows where n = $1");
        let sql = Sql::new(sql).with([i64::from(n).into()]);
        Ok(db.one(sql.yields([ValueType::Text])).await?.text(0)?.to_owned())
    }

    /// Who refers to a new row that was rejected is rejected, and who refers to that one.
    pub(super) async fn reject_dependents(&mut self, db: &mut Db, i: usize) -> Result<()> {
        let field = self.references[i].field;
        if self.rejected(db).await? == 0 {
            return Ok(());
        }
        let mut fallen = Bits::default();
        let sql = "select e.n from import_rejects e join import_rows s on s.n = e.n where s.is_new = 1";
        db.each(Sql::new(sql).yields([ValueType::Int]), |row| {
            fallen.insert(u64::try_from(row.int(0)?)?);
            Ok(())
        })
        .await?;
        let parents = self.parents(db, i).await?;
        let mut falling: Vec<(u32, u32)> = Vec::new();
        let mut known = Bits::default();
        for start in 1..parents.len() {
            let mut path = Vec::new();
            let mut at = start;
            while at != 0 && !known.has(at as u64) && !fallen.has(at as u64) && path.len() < parents.len() {
                known.insert(at as u64);
                path.push(at);
                at = parents[at] as usize;
            }
            if at != 0 && fallen.has(at as u64) {
                for n in path.into_iter().rev() {
                    fallen.insert(n as u64);
                    falling.push((u32::try_from(n)?, parents[n]));
                }
            }
        }
        for some in falling.chunks(BATCH) {
            let mut sql = Sql::new("with v (n, p) as ");
            let rows: Vec<String> = some.iter().map(|(n, p)| format!("({n}, {p})")).collect();
            sql.push(&format!(
                "(values {}) insert into import_rejects (n, line, field, code, reason)
                 select s.n, s.line, '{1}', 'reference_rejected',
                        '{1} ' || {2} || ' was rejected (line ' || p.line || ')'
                   from v join import_rows s on s.n = v.n join import_rows p on p.n = v.p
                  where true on conflict do nothing",
                rows.join(", "),
                field.name(),
                shortened(&format!("s.r{i}"))
            ));
            db.execute(sql).await?;
        }
        Ok(())
    }
}

/// A member of a cycle: a row of the file by its number, or a record that the file leaves as it is.
enum Node {
    Row(u32),
    Record(Uuid),
}

/// Keys of a cycle that its message names.
const SHOWN: usize = 10;
