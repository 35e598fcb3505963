//! What rows refer by, and what that stands for: live records, rows of the same file, or records that are still to be made.

use std::collections::HashMap;

use uuid::Uuid;

use super::keyed::as_one;
use super::{BATCH, Reference, Stage, shortened};
use crate::model::resource::{Attr, Descriptor, Field, List};
use crate::model::values::fold;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::keys::{self, Among};
use crate::store::records::{self, Deleted, former, status_sql};

impl Stage {
    /// Everything that rows refer by; the members of lists last.
    pub fn references(&self) -> Vec<Reference> {
        self.references.iter().copied().chain(self.lists.iter().map(|(_, reference)| *reference)).collect()
    }

    /// The list that a reference is to the members of, or that tells the first of it.
    pub(super) fn list_of(&self, i: usize) -> Option<&'static List> {
        match i.checked_sub(self.references.len()) {
            Some(i) => self.lists.get(i).map(|(list, _)| *list),
            None => self.desc.list_of(self.references[i].field),
        }
    }

    /// What rejects call a reference: the list, where no field of the record tells the first of it.
    pub(super) fn told_as(&self, i: usize) -> &'static str {
        match (self.list_of(i), self.reference(i)) {
            (Some(list), _) if list.first.is_none() => list.name,
            (_, reference) => reference.map_or("", |r| r.field.name()),
        }
    }

    pub(super) fn reference(&self, i: usize) -> Option<Reference> {
        let of_list = || self.lists.get(i.checked_sub(self.references.len())?).map(|(_, reference)| *reference);
        self.references.get(i).copied().or_else(of_list)
    }

    /// Rows (`s`) and what their words stand for through one reference (`f`).
    pub(super) fn rows_and_words(&self, i: usize) -> String {
        match i < self.references.len() {
            true => format!("import_rows s join import_refs f on f.field = {i} and f.word = s.r{i}"),
            false => format!(
                "import_lists l join import_rows s on s.n = l.n
                   join import_refs f on f.field = {i} and f.word = l.word and l.list = {}",
                i - self.references.len()
            ),
        }
    }

    /// The members of one of the lists that some rows give, by the numbers of the rows, in their order.
    pub async fn list_members(&self, db: &mut Db, list: usize, rows: (u64, u64)) -> Result<HashMap<u64, Vec<Uuid>>> {
        let words = self.rows_and_words(self.references.len() + list);
        let sql = format!(
            "select l.n, f.id from {words} where l.n between $1 and $2 and f.id is not null order by l.n, l.place"
        );
        let args = [i64::try_from(rows.0)?.into(), i64::try_from(rows.1)?.into()];
        let mut members: HashMap<u64, Vec<Uuid>> = HashMap::new();
        for row in db.all(Sql::new(sql).with(args).yields([ValueType::Int, ValueType::Uuid])).await? {
            members.entry(u64::try_from(row.int(0)?)?).or_default().push(row.uuid(1)?);
        }
        Ok(members)
    }

    /// Lets a text stand for a record that is to be made.
    pub async fn resolve_to(&self, db: &mut Db, i: usize, word: &str, id: Uuid) -> Result<()> {
        let mut sql = Sql::new("update import_refs set id = ");
        sql.bind(id).push(&format!(", matches = 1 where field = {i} and word = ")).bind(word);
        db.execute(sql).await.map(drop)
    }

    /// Notes why a text that stands for nothing can't become a record.
    pub async fn mark_uncreatable(&self, db: &mut Db, i: usize, word: &str, reason: &str) -> Result<()> {
        let mut sql = Sql::new("update import_refs set low = ");
        sql.bind(reason).push(&format!(" where field = {i} and id is null and word = ")).bind(word);
        db.execute(sql).await.map(drop)
    }

    /// Whether a row that is loaded refers by a text.
    pub async fn is_wanted(&self, db: &mut Db, i: usize, word: &str) -> Result<bool> {
        let mut sql = Sql::new(format!("select 1 from {} where f.word = ", self.rows_and_words(i)));
        sql.bind(word).push(" and not exists (select 1 from import_rejects e where e.n = s.n) limit 1");
        Ok(db.first(sql.yields([ValueType::Int])).await?.is_some())
    }

    /// The live records of a kind by the texts of some fields, folded as names are: their ids, and what they are called.
    pub async fn folded(
        &self,
        db: &mut Db,
        target: &Descriptor,
        fields: &[&Field],
    ) -> Result<HashMap<String, Vec<(Uuid, String)>>> {
        let key = keys::words(target, "t");
        let mut known: HashMap<String, Vec<(Uuid, String)>> = HashMap::new();
        for field in fields {
            let mut sql = Sql::new(format!(
                "select t.{}, t.id, {key} from {} t where {} and t.org_id = ",
                quoted(field.column),
                target.table,
                status_sql::live(target, "t")
            ));
            sql.bind(self.org.unwrap_or(0));
            db.telling()
                .each(sql.yields([ValueType::Text, ValueType::Uuid, ValueType::Text]), |row| {
                    if let Some(text) = row.value(0).as_text() {
                        let with_it = known.entry(fold::key(text, true)).or_default();
                        let record = (row.uuid(1)?, row.text(2)?.to_owned());
                        if !with_it.contains(&record) {
                            with_it.push(record);
                        }
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(known)
    }

    /// Lets a text stand for several records, so that what refers by it is rejected.
    pub async fn mark_ambiguous(&self, db: &mut Db, i: usize, word: &str, several: &[(Uuid, String)]) -> Result<()> {
        let mut keys: Vec<&str> = several.iter().map(|(_, key)| key.as_str()).collect();
        keys.sort_unstable();
        let [low, .., high] = keys.as_slice() else { return Ok(()) };
        let mut sql = Sql::new("update import_refs set id = ");
        sql.bind(several[0].0).push(", matches = ").bind(i64::try_from(keys.len())?);
        sql.push(", low = ").bind(*low).push(", high = ").bind(*high);
        sql.push(&format!(" where field = {i} and word = ")).bind(word);
        db.execute(sql).await.map(drop)
    }

    /// Texts that one reference stands for nothing by, as they stand in the file's rows.
    pub async fn missing_texts(&mut self, db: &mut Db, i: usize) -> Result<Vec<String>> {
        self.find(db, i).await?;
        let sql = format!("select word from import_refs where field = {i} and id is null order by first_use, word");
        db.all(Sql::new(sql).yields([ValueType::Text])).await?.iter().map(|r| Ok(r.text(0)?.to_owned())).collect()
    }

    /// Whether a text of a reference can be a value of a field, the `j`th that it may be looked up by.
    pub(super) async fn has_form(&self, db: &mut Db, i: usize, column: &str) -> Result<bool> {
        let sql = format!("select 1 from import_refs where field = {i} and {column} is not null limit 1");
        Ok(db.first(Sql::new(sql).yields([ValueType::Int])).await?.is_some())
    }

    /// An organisation's records are its own; organisations themselves are no tenant's.
    pub(super) fn tenant(&self, target: &Descriptor) -> String {
        match self.org {
            Some(org) if !target.is_org() => format!("x.org_id = {org}"),
            _ => "true".to_owned(),
        }
    }

    /// Finds what the texts of one reference stand for: live records, and rows of this file. Every field is asked that a
    /// text may be a value of, each in its own form: a text that is one's code and another's number means neither.
    pub(super) async fn find(&mut self, db: &mut Db, i: usize) -> Result<()> {
        let Some(reference) = self.reference(i) else { return Ok(()) };
        if !self.found.insert(i) {
            return Ok(());
        }
        // What may not be told is not found.
        let mut db = db.telling();
        let db = &mut *db;
        let mut found = Vec::new();
        for (j, field) in reference.fields().into_iter().enumerate() {
            if self.has_form(db, i, &format!("f{j}")).await? {
                found.push(self.records_by(i, j, &reference, field));
                found.extend(self.rows_by(i, j, &reference, field));
            }
        }
        if self.has_form(db, i, "uid").await? {
            found.push(format!(
                "select f.word as word, x.id as id, cast(null as bigint) as n, {} as k, 'id' as how
                   from import_refs f cross join {} x
                  where f.field = {i} and f.uid is not null and {} and x.id = f.uid and {}",
                keys::words(reference.target, "x"),
                reference.target.table,
                self.tenant(reference.target),
                status_sql::live(reference.target, "x")
            ));
        }
        self.stand_for(db, i, &reference, &found).await?;
        let former = self.records_formerly(db, i, &reference).await?;
        self.stand_for(db, i, &reference, &former).await?;
        self.find_groups(db, i, reference).await
    }

    /// Queries of the records that texts which stand for nothing mean since a merge.
    async fn records_formerly(&self, db: &mut Db, i: usize, reference: &Reference) -> Result<Vec<String>> {
        let target = reference.target;
        let Some(former) = target.former() else { return Ok(Vec::new()) };
        if !former::are_there(db, target, self.org).await? {
            return Ok(Vec::new());
        }
        let [owner, name] = [former.owner, former.field].map(|f| quoted(f.column));
        let mut found = Vec::new();
        for (j, field) in reference.fields().into_iter().enumerate().filter(|(_, f)| target.is_key(f)) {
            if self.has_form(db, i, &format!("f{j}")).await? {
                found.push(format!(
                    "select f.word as word, x.id as id, cast(null as bigint) as n, {} as k, 'former {2}' as how
                       from import_refs f cross join {1} o join {3} x on x.org_id = o.org_id and x.id = o.{owner}
                      where f.field = {i} and f.id is null and o.{name} = '{2}' and o.{7} = f.f{j}
                        and {4} and {5} and {6}",
                    keys::words(target, "x"),
                    former.desc.table,
                    field.name(),
                    target.table,
                    self.tenant(target),
                    status_sql::live(former.desc, "o"),
                    status_sql::live(target, "x"),
                    quoted(former.compared_column(field)),
                ));
            }
        }
        Ok(found)
    }

    /// Notes what texts of one reference stand for, by some queries.
    async fn stand_for(&self, db: &mut Db, i: usize, reference: &Reference, found: &[String]) -> Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let label = if reference.by.is_some() { "min(k)" } else { "min(k) || ' has it as ' || min(how)" };
        let any = if db.is_postgres() { "(array_agg(id))[1]" } else { "min(id)" };
        db.execute(Sql::new(format!(
            "insert into import_refs (field, word, first_use, id, n, matches, low, high)
             select {i}, word, 0, {any}, max(n), count(*), min(label), max(label)
               from (select word, id, max(n) as n, {label} as label from ({}) d group by word, id) d2
              where true group by word
             on conflict (field, word) do update set id = excluded.id, n = excluded.n, matches = excluded.matches,
                low = excluded.low, high = excluded.high",
            found.join(" union all ")
        )))
        .await
        .map(drop)
    }

    /// Finds what texts stand for as keys that are read part by part: live records, and rows of this file.
    async fn find_groups(&mut self, db: &mut Db, i: usize, reference: Reference) -> Result<()> {
        if reference.by.is_some() || reference.target.key_groups().next().is_none() {
            return Ok(());
        }
        let (target, mut after) = (reference.target, String::new());
        let context = self.context.clone();
        loop {
            let sql =
                format!("select word, id from import_refs where field = {i} and word > $1 order by word limit {BATCH}");
            let sql = Sql::new(sql).with([after.as_str().into()]).yields([ValueType::Text, ValueType::Uuid]);
            let some: Vec<(String, Option<Uuid>)> = db
                .all(sql)
                .await?
                .iter()
                .map(|r| Ok((r.text(0)?.to_owned(), r.value(1).as_uuid())))
                .collect::<Result<_>>()?;
            let Some((last, _)) = some.last() else { return Ok(()) };
            after.clone_from(last);
            let texts: Vec<&str> = some.iter().map(|(word, _)| word.as_str()).collect();
            let among = Among { org: self.org, life: Deleted::Exclude, now: false, context: &context };
            let mut found = keys::ids(db, target, among, &texts).await?;
            let mut rows = match target == self.desc {
                true => self.rows_by_group(db, among, &texts).await?,
                false => HashMap::new(),
            };
            for (word, known) in &some {
                let mut ids = found.remove(word).unwrap_or_default();
                ids.extend(known.filter(|id| !ids.contains(id)));
                let row = rows.remove(word);
                ids.extend(row.map(|(_, id)| id).filter(|id| !ids.contains(id)));
                match ids.as_slice() {
                    [] => {}
                    [id] => self.stands_for_row(db, i, word, *id, row.map(|(n, _)| n)).await?,
                    several => {
                        let several: Vec<Value> = several.iter().map(|id| (*id).into()).collect();
                        let all = records::with_ids(db, target, self.org, &several).await?;
                        let labels: Vec<_> = all.iter().map(|r| (r.meta.id, r.key())).collect();
                        self.mark_ambiguous(db, i, word, &labels).await?;
                    }
                }
            }
        }
    }

    /// The rows of this file that texts mean by the key that its rows are known by: number and id.
    async fn rows_by_group(
        &self,
        db: &mut Db,
        among: Among<'_>,
        texts: &[&str],
    ) -> Result<HashMap<String, (i64, Uuid)>> {
        let mut found = HashMap::new();
        if self.key.alone().is_some() {
            return Ok(found);
        }
        for (word, meanings) in keys::meanings(db, self.desc, among, texts).await? {
            for meaning in meanings.iter().filter(|m| m.key.name() == self.key.name()) {
                let parts = meaning.key.parts().zip(&meaning.parts).map(|(f, v)| f.key_value(v).to_text());
                let parts: Vec<String> = parts.collect();
                let mut sql = Sql::new("select s.n, s.id from import_rows s where s.k0 = ");
                sql.bind(as_one(&parts)).push(
                    " and not exists (select 1 from import_rejects e where e.n = s.n and (s.is_new = 0 or e.code = 'duplicate'))
                     order by s.n limit 1",
                );
                if let Some(row) = db.first(sql.yields([ValueType::Int, ValueType::Uuid])).await? {
                    found.insert(word.clone(), (row.int(0)?, row.uuid(1)?));
                }
            }
        }
        Ok(found)
    }

    /// Lets a text stand for a record, and for the row of this file that is about it.
    async fn stands_for_row(&self, db: &mut Db, i: usize, word: &str, id: Uuid, n: Option<i64>) -> Result<()> {
        let mut sql = Sql::new("update import_refs set matches = 1, id = ");
        sql.bind(id).push(", n = coalesce(n, ").bind(Value::from(n));
        sql.push(&format!(") where field = {i} and word = ")).bind(word);
        db.execute(sql).await.map(drop)
    }

    /// A query of the live records that texts of a reference mean by one field.
    fn records_by(&self, i: usize, j: usize, reference: &Reference, field: &Field) -> String {
        let (table, column) = (reference.target.table, quoted(reference.target.compared_column(field)));
        // What has an index is asked text by text, anything else is gone through once.
        let is_key = reference.target.is_key(field) || field.has(Attr::LookupKey);
        let (from, is_it) = match is_key {
            true => (format!("import_refs f cross join {table} x"), format!("x.{column} = f.f{j}")),
            false => (format!("{table} x cross join import_refs f"), format!("f.word = x.{column}")),
        };
        // A record that a row changes is what the row makes of it.
        let is_staged = self.staged(field).is_some() || self.lookup_fields.iter().any(|n| n.column == field.column);
        let moved = match reference.target == self.desc && self.is_any_there && is_staged {
            true => {
                " and not exists (select 1 from import_rows s where s.id = x.id and s.is_new = 0
                                     and not exists (select 1 from import_rejects e where e.n = s.n))"
            }
            false => "",
        };
        format!(
            "select f.word as word, x.id as id, cast(null as bigint) as n, {} as k, '{}' as how from {from}
              where f.field = {i} and f.f{j} is not null and {} and {is_it} and {}{moved}",
            keys::words(reference.target, "x"),
            field.name(),
            self.tenant(reference.target),
            status_sql::live(reference.target, "x")
        )
    }

    /// The same of the file's own rows: those of new records, good or not, and those that change one. Of rows with one key
    /// the first counts, for the others are rejected; and none with a key that another record has.
    fn rows_by(&self, i: usize, j: usize, reference: &Reference, field: &Field) -> Option<String> {
        if reference.target != self.desc {
            return None;
        }
        let name = field.name();
        let is_other = format!("e.code = 'duplicate' or (e.code = 'conflict' and e.field = '{name}')");
        let (from, is_it) = match self.staged(field) {
            Some(k) => (
                "import_refs f cross join import_rows s",
                format!("s.k{k} = f.f{j} and s.n = (select min(d.n) from import_rows d where d.k{k} = s.k{k})"),
            ),
            None => {
                let b = self.lookup_fields.iter().position(|n| n.column == field.column)?;
                // By one field alone a text is looked up as it stands, and that has an index.
                let form = if reference.by.is_some() { "word".to_owned() } else { format!("f{j}") };
                ("import_rows s join import_refs f on true", format!("s.b{b} = f.{form}"))
            }
        };
        // A record is called as it is known, a new one as the file calls it.
        let there = format!(
            "(select {} from {} x where s.is_new = 0 and {} and x.id = s.id)",
            keys::words(self.desc, "x"),
            self.desc.table,
            self.tenant(self.desc)
        );
        let own = self.shown(0);
        Some(format!(
            "select f.word, s.id, s.n, coalesce({there}, s.{own}, 'line ' || s.line), '{name}' from {from}
              where f.field = {i} and f.f{j} is not null and {is_it}
                and not exists (select 1 from import_rejects e where e.n = s.n and (s.is_new = 0 or {is_other}))"
        ))
    }

    /// Rejects rows of which a reference means several.
    pub(super) async fn reject_several(&mut self, db: &mut Db, i: usize) -> Result<()> {
        let Some(Reference { target, by, .. }) = self.reference(i) else { return Ok(()) };
        let (word, table) = (shortened("f.word"), target.table);
        let several = match by {
            Some(by) => format!("'several {table} have the {} ' || {word}", by.name()),
            None => {
                format!("{word} || case when f.matches > 2 then ' means several {table}' else ' means two {table}' end")
            }
        };
        db.execute(Sql::new(format!(
            "insert into import_rejects (n, line, field, code, reason)
             select s.n, s.line, '{}', 'conflict',
                    {several} || ': ' || f.low || case when f.matches > 2 then ', ..., ' else ', ' end || f.high
               from {} where f.matches > 1 on conflict do nothing",
            self.told_as(i),
            self.rows_and_words(i)
        )))
        .await
        .map(drop)
    }

    /// Rejects rows that would be a part of what is the program's own.
    pub(super) async fn reject_defining(&mut self, db: &mut Db, i: usize) -> Result<()> {
        let Some(Reference { field, target, .. }) = self.reference(i) else { return Ok(()) };
        let Some(protection) = target.protection.filter(|_| field.has(Attr::Defines)) else { return Ok(()) };
        db.execute(Sql::new(format!(
            "insert into import_rejects (n, line, field, code, reason)
             select s.n, s.line, '{}', 'conflict',
                    '{} ' || {} || ' is the program''s own, and stays as it is'
               from {} join {} x on {} and x.id = f.id where x.{} on conflict do nothing",
            self.told_as(i),
            target.noun,
            keys::words(target, "x"),
            self.rows_and_words(i),
            target.table,
            self.tenant(target),
            quoted(protection.flag)
        )))
        .await
        .map(drop)
    }

    /// Rejects rows of which a reference stands for nothing.
    pub(super) async fn reject_missing(&mut self, db: &mut Db, i: usize) -> Result<()> {
        let Some(Reference { target, by, .. }) = self.reference(i) else { return Ok(()) };
        let unclear = format!("select count(*) from import_refs where field = {i} and id is null");
        if db.one(Sql::new(unclear).yields([ValueType::Int])).await?.int(0)? == 0 {
            return Ok(());
        }
        let word = shortened("f.word");
        let missing = match by {
            None => format!("'{} ' || {word} || ' does not exist'", target.noun),
            Some(by) => format!("'no {} has the {} ' || {word}", target.noun, by.name()),
        };
        db.execute(Sql::new(format!(
            "insert into import_rejects (n, line, field, code, reason)
             select s.n, s.line, '{}', 'not_found', {missing} || coalesce(', and can''t be made: ' || f.low, '')
               from {} where f.id is null on conflict do nothing",
            self.told_as(i),
            self.rows_and_words(i)
        )))
        .await
        .map(drop)
    }
}
