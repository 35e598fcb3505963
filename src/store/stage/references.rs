//! What rows refer by, and what that stands for: live records, rows of the same file, or records that are still to be made.

use std::collections::HashMap;

use anyhow::Result;
use uuid::Uuid;

use super::{Reference, Stage, TOGETHER, shortened};
use crate::model::resource::{Descriptor, Field};
use crate::model::scalar::{Noun, Rules};
use crate::model::user::User;
use crate::model::value::{Kind, Value};
use crate::store::db::Db;
use crate::store::records;
use crate::store::sql::{Sql, quoted};

impl Stage {
    /// Everything that rows refer by; the members of a list last.
    pub fn references(&self) -> Vec<Reference> {
        self.references.iter().copied().chain(self.listed).collect()
    }

    fn reference(&self, i: usize) -> Option<Reference> {
        self.references.get(i).copied().or(self.listed)
    }

    /// Rows (`s`) and what their words stand for through one reference (`f`).
    fn rows_and_words(&self, i: usize) -> String {
        match i < self.references.len() {
            true => format!("import_rows s join import_refs f on f.field = {i} and f.word = s.r{i}"),
            false => format!(
                "import_lists l join import_rows s on s.n = l.n join import_refs f on f.field = {i} and f.word = l.word"
            ),
        }
    }

    /// The ids of the further members of a row's list.
    pub async fn listed(&self, db: &mut Db, n: u64) -> Result<Vec<Uuid>> {
        let words = self.rows_and_words(self.references.len());
        let sql = Sql::new(format!("select f.id from {words} where l.n = $1 order by 1"));
        let rows = db.all(sql.with([i64::try_from(n)?.into()]).yields([Kind::Uuid])).await?;
        rows.iter().map(|r| r.uuid(0)).collect()
    }

    /// The next new records with a list, by the rows that make them.
    pub async fn with_list(&self, db: &mut Db, after: u64, limit: usize) -> Result<Vec<(u64, Uuid)>> {
        let sql = "select s.n, s.id from import_rows s where s.n > $1 and s.is_new = 1
                      and exists (select 1 from import_lists l where l.n = s.n)
                      and not exists (select 1 from import_rejects e where e.n = s.n) order by s.n limit $2";
        let args = [i64::try_from(after)?.into(), i64::try_from(limit)?.into()];
        let rows = db.all(Sql::new(sql).with(args).yields([Kind::Int, Kind::Uuid])).await?;
        rows.iter().map(|r| Ok((u64::try_from(r.int(0)?)?, r.uuid(1)?))).collect()
    }

    /// Lets a text stand for a record that is to be made.
    pub async fn stands_for(&self, db: &mut Db, i: usize, word: &str, id: Uuid) -> Result<()> {
        let mut sql = Sql::new("update import_refs set id = ");
        sql.bind(id).push(&format!(", matches = 1 where field = {i} and word = ")).bind(word);
        db.execute(sql).await.map(drop)
    }

    /// Whether a row that is loaded refers by a text.
    pub async fn is_wanted(&self, db: &mut Db, i: usize, word: &str) -> Result<bool> {
        let mut sql = Sql::new(format!("select 1 from {} where f.word = ", self.rows_and_words(i)));
        sql.bind(word).push(" and not exists (select 1 from import_rejects e where e.n = s.n) limit 1");
        Ok(db.first(sql.yields([Kind::Int])).await?.is_some())
    }

    /// The live records of a kind by a text without case.
    pub async fn folded(&self, db: &mut Db, target: &Descriptor, by: &Field) -> Result<HashMap<String, Uuid>> {
        let mut sql = Sql::new(format!(
            "select t.{}, t.id from {} t where t.deleted_at is null and t.org_id = ",
            quoted(by.column),
            target.table
        ));
        sql.bind(self.org.unwrap_or(0));
        let mut known = HashMap::new();
        db.each(sql.yields([Kind::Text, Kind::Uuid]), |row| {
            if let Some(text) = row.value(0).as_text() {
                known.insert(text.to_lowercase(), row.uuid(1)?);
            }
            Ok(())
        })
        .await?;
        Ok(known)
    }

    /// Texts that one reference stands for nothing by, as they stand in the file's rows.
    pub async fn missing(&mut self, db: &mut Db, i: usize, rules: &Rules) -> Result<Vec<String>> {
        self.find(db, i, rules).await?;
        let sql = format!("select word from import_refs where field = {i} and id is null order by first_use, word");
        db.all(Sql::new(sql).yields([Kind::Text])).await?.iter().map(|r| Ok(r.text(0)?.to_owned())).collect()
    }

    /// Finds what the texts of one reference stand for: a live record, or a row of this file.
    async fn find(&mut self, db: &mut Db, i: usize, rules: &Rules) -> Result<()> {
        let Some(Reference { target, by, .. }) = self.reference(i) else { return Ok(()) };
        if !self.found.insert(i) {
            return Ok(());
        }
        let own = target == self.desc;
        // An organisation's records are its own; organisations themselves are no tenant's.
        let tenant = match self.org {
            Some(org) if !target.is_org() => format!("x.org_id = {org}"),
            _ => "true".to_owned(),
        };
        let (table, key) = (target.table, quoted(target.key().column));
        match by {
            None => {
                let found = format!(
                    "select x.id from {table} x where {tenant} and x.{key} = import_refs.word and x.deleted_at is null"
                );
                let mut script = format!("update import_refs set id = ({found}) where field = {i};\n");
                // The natural key is staged where rows give it, which need not be what they are told apart by.
                if let (true, Some(k)) = (own, self.staged(target.key())) {
                    let row = format!("import_rows s where s.k{k} = import_refs.word order by s.n limit 1");
                    script.push_str(&format!(
                        "update import_refs set n = (select s.n from {row}), id = coalesce(id, (select s.id from {row}))
                          where field = {i};\n"
                    ));
                }
                db.script(script).await?;
                self.resolve_otherwise(db, i, rules).await?;
            }
            Some(by) => {
                let by_column = quoted(by.column);
                let mut found = format!(
                    "select x.{by_column} as word, x.id, x.{key} as k, null as n from {table} x
                       join import_refs f on f.field = {i} and f.word = x.{by_column}
                      where {tenant} and x.deleted_at is null"
                );
                if let (true, Some(b)) = (own, self.named.iter().position(|n| n.column == by.column)) {
                    found = found.replace("null as n", "cast(null as bigint) as n");
                    found.push_str(&format!(
                        " union all select s.b{b}, s.id, s.k0, s.n from import_rows s
                            join import_refs f on f.field = {i} and f.word = s.b{b}
                           where not exists (select 1 from import_rejects e where e.n = s.n)"
                    ));
                }
                let any = if db.is_postgres() { "(array_agg(id))[1]" } else { "min(id)" };
                let no_n = if own { "max(n)" } else { "null" };
                db.execute(Sql::new(format!(
                    "insert into import_refs (field, word, first_use, id, n, matches, low, high)
                     select {i}, word, 0, {any}, {no_n}, count(distinct id), min(k), max(k) from ({found}) d group by word
                     on conflict (field, word) do update set id = excluded.id, n = excluded.n, matches = excluded.matches,
                        low = excluded.low, high = excluded.high"
                )))
                .await?;
            }
        }
        Ok(())
    }

    /// Rejects rows of which a reference stands for nothing, or for several.
    pub(super) async fn resolve(&mut self, db: &mut Db, i: usize, rules: &Rules) -> Result<()> {
        self.find(db, i, rules).await?;
        let Some(Reference { field, target, by }) = self.reference(i) else { return Ok(()) };
        if target.noun == User::NOUN {
            self.reject_out_of_use(db, i, field, target).await?;
        }
        let unclear = format!("select count(*) from import_refs where field = {i} and (id is null or matches > 1)");
        if db.one(Sql::new(unclear).yields([Kind::Int])).await?.int(0)? == 0 {
            return Ok(());
        }
        let word = shortened("f.word");
        let (missing, several) = match by {
            None => (format!("'{} ' || {word} || ' does not exist'", target.noun), "''".to_owned()),
            Some(by) => (
                match self.named.iter().position(|n| target == self.desc && n.column == by.column) {
                    Some(b) => format!(
                        "coalesce((select 'the row with the {1} ' || {word} || ' was rejected (line ' || min(x.line) || ')'
                                     from import_rows x where x.b{b} = f.word having count(*) > 0),
                                  'no {0} has the {1} ' || {word})",
                        target.noun,
                        by.name()
                    ),
                    None => format!("'no {} has the {} ' || {word}", target.noun, by.name()),
                },
                format!(
                    "'several {} have the {} ' || {word} || ': ' || f.low || case when f.matches > 2 then ', ..., ' else ', ' end || f.high",
                    target.table,
                    by.name()
                ),
            ),
        };
        db.execute(Sql::new(format!(
            "insert into import_rejects (n, line, field, code, reason)
             select s.n, s.line, '{}', case when f.id is null then 'not_found' else 'conflict' end,
                    case when f.id is null then {missing} else {several} end
               from {} where f.id is null or f.matches > 1 on conflict do nothing",
            field.name(),
            self.rows_and_words(i)
        )))
        .await
        .map(drop)
    }

    /// Nobody is led anew by somebody who is not in use; what the file itself says of him or her is not known yet.
    async fn reject_out_of_use(&self, db: &mut Db, i: usize, field: &Field, target: &Descriptor) -> Result<()> {
        let sql = format!(
            "insert into import_rejects (n, line, field, code, reason)
             select s.n, s.line, '{0}', 'conflict', '{1} ' || {2} || ' is not in use, and can''t be the {0}'
               from {3} join {4} x on x.id = f.id
              where f.n is null and not x.is_active and x.org_id = {5}
                and not exists (select 1 from {6} t where t.org_id = {5} and t.id = s.id and t.{7} = f.id)
              on conflict do nothing",
            field.name(),
            target.noun,
            shortened("f.word"),
            self.rows_and_words(i),
            target.table,
            self.org.unwrap_or(0),
            self.desc.table,
            quoted(field.column)
        );
        db.execute(Sql::new(sql)).await.map(drop)
    }

    /// Texts that are no natural key: perhaps another key of the record, or its id.
    async fn resolve_otherwise(&mut self, db: &mut Db, i: usize, rules: &Rules) -> Result<()> {
        let Some(Reference { target, .. }) = self.reference(i) else { return Ok(()) };
        let mut after = String::new();
        loop {
            let mut sql =
                Sql::new(format!("select word from import_refs where field = {i} and id is null and word > "));
            sql.bind(after.as_str()).push(&format!(" order by word limit {TOGETHER}"));
            let words: Vec<String> = db
                .all(sql.yields([Kind::Text]))
                .await?
                .iter()
                .map(|r| Ok(r.text(0)?.to_owned()))
                .collect::<Result<_>>()?;
            let Some(last) = words.last() else { return Ok(()) };
            after.clone_from(last);
            let mut found: HashMap<String, (Uuid, Option<i64>)> = HashMap::new();
            for field in target.keys().skip(1) {
                let mut meant: HashMap<String, String> = HashMap::new();
                for word in words.iter().filter(|w| !found.contains_key(*w)) {
                    if let Ok(value) = field.parse(word, rules) {
                        meant.insert(value.to_text(), word.clone());
                    }
                }
                let values: Vec<Value> = meant.keys().map(|v| v.as_str().into()).collect();
                for record in records::with_values(db, target, self.org, field, &values).await? {
                    if let Some(word) = meant.get(&record.get(field.column).to_text()) {
                        found.insert(word.clone(), (record.meta.id, None));
                    }
                }
                // A row of the file stands for the record that it changes, or for the one that it makes.
                let own = (target == self.desc).then(|| self.staged(field)).flatten();
                let (Some(k), false) = (own, values.is_empty()) else { continue };
                let mut sql = Sql::bulk(format!("select k{k}, id, n from import_rows where k{k} in "), db.engine());
                sql.bind_rows(values).push(" order by n desc");
                for row in db.all(sql.yields([Kind::Text, Kind::Uuid, Kind::Int])).await? {
                    if let Some(word) = meant.get(row.text(0)?) {
                        found.insert(word.clone(), (row.uuid(1)?, Some(row.int(2)?)));
                    }
                }
            }
            for word in &words {
                if let Ok(id) = Uuid::try_parse(word)
                    && let Some(org) = self.org
                    && let Some(record) = records::load(db, target, org, id).await?
                    && record.meta.is_live()
                {
                    found.insert(word.clone(), (id, None));
                }
            }
            for (word, (id, n)) in found {
                let mut sql = Sql::new("update import_refs set id = ");
                sql.bind(id).push(", n = ").bind(n).push(&format!(" where field = {i} and word = ")).bind(word);
                db.execute(sql).await?;
            }
        }
    }
}
