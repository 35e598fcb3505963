//! The staging tables of an import: keys and references of a file's rows, not in memory but in temporary tables, and the
//! questions that are asked of all rows at once. Rows are known by their number in the file.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use uuid::Uuid;

use super::db::Db;
use super::held::{Given, Match};
use super::hold::Holder;
use super::invariants;
use super::load::Loader;
use super::records;
use super::rings::{self, Graph};
use super::sql::{Sql, quoted};
use crate::model::resource::{Descriptor, Field};
use crate::model::scalar::{Noun, Rules};
use crate::model::user::User;
use crate::model::value::{Kind, Value};

/// A row that is not loaded, and why.
#[derive(Debug, Clone)]
pub struct Reject {
    pub number: u64,
    pub line: u64,
    pub column: Option<String>,
    pub code: &'static str,
    pub reason: String,
}

/// A reference that rows give.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    pub field: &'static Field,
    pub target: &'static Descriptor,
    /// The target's field that it is looked up by, where that is not its key.
    pub by: Option<&'static Field>,
}

/// What is staged of a row.
#[derive(Debug, Clone)]
pub struct Row {
    pub number: u64,
    pub line: u64,
    /// Of the record that is there, or of the new one.
    pub id: Uuid,
    pub is_new: bool,
    /// Its natural key, then the values of the other unique columns of the file.
    pub keys: Vec<Option<String>>,
    /// What its references say, in the form that the target keeps.
    pub references: Vec<Option<String>>,
    /// Its values of the fields that references are looked up by.
    pub named: Vec<Option<String>>,
    /// Further members of its list.
    pub listed: Vec<String>,
}

/// What became of a row: to be written, with the ids of what it refers to.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub number: u64,
    pub id: Uuid,
    pub references: Vec<Option<Uuid>>,
    /// The row of a new record has no code where one is made then.
    pub wants_code: bool,
}

/// Texts of references that are remembered as noted; above this, noting one twice costs a statement and nothing else.
const REMEMBERED: usize = 20_000;

/// Texts that are looked up together.
const TOGETHER: usize = 500;

/// Staging for one import into one kind.
pub struct Stage {
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &'static Field,
    others: Vec<&'static Field>,
    references: Vec<Reference>,
    /// What the members of a list refer to: the reference that comes after all others.
    listed: Option<Reference>,
    /// References of which it is known what they stand for.
    found: HashSet<usize>,
    named: Vec<&'static Field>,
    holder: Option<Holder>,
    loader: Loader,
    noted: HashSet<(usize, String)>,
    /// Records that a row of the file stands for already.
    seen: Bits,
    last: u64,
    is_any_there: bool,
    is_any_rejected: bool,
}

/// A set of small numbers.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    /// Whether it was not in the set before.
    fn insert(&mut self, n: u64) -> bool {
        let (word, bit) = (usize::try_from(n / 64).unwrap_or(usize::MAX), 1 << (n % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let fresh = self.0[word] & bit == 0;
        self.0[word] |= bit;
        fresh
    }
    fn has(&self, n: u64) -> bool {
        usize::try_from(n / 64).ok().and_then(|w| self.0.get(w)).is_some_and(|w| w & (1 << (n % 64)) != 0)
    }
}

/// A text of SQL in an error message, at most 60 characters long.
fn shortened(expr: &str) -> String {
    format!("case when length({expr}) > 60 then substr({expr}, 1, 57) || '...' else {expr} end")
}

impl Stage {
    /// Makes the temporary tables. Where rows may stand for records that are there, `held` names the fields that are
    /// held against them.
    pub async fn new(
        db: &mut Db,
        desc: &'static Descriptor,
        org: Option<i32>,
        key: &'static Field,
        others: Vec<&'static Field>,
        references: Vec<Reference>,
        held: &[&'static Field],
    ) -> Result<Stage> {
        let (number, id, text, packed, at_end) = match db.is_postgres() {
            true => ("bigint", "uuid", "text collate \"C\"", "", " on commit drop"),
            false => ("integer", "blob", "text", " without rowid", ""),
        };
        let mut named: Vec<&'static Field> = Vec::new();
        for by in references.iter().filter(|r| r.target == desc).filter_map(|r| r.by) {
            if !named.iter().any(|n| n.column == by.column) {
                named.push(by);
            }
        }
        let columns = |letter: char, n: usize| (0..n).map(move |i| format!("{letter}{i}"));
        let texts: Vec<String> = columns('k', 1 + others.len())
            .chain(columns('r', references.len()))
            .chain(columns('b', named.len()))
            .collect();
        let mut script = String::new();
        for table in ["import_rows", "import_lists", "import_refs", "import_rejects"] {
            script.push_str(&format!("drop table if exists {}.{table};\n", db.temporary()));
        }
        let more: String = texts.iter().map(|t| format!(", {t} {text}")).collect();
        script.push_str(&format!(
            "create temporary table import_rows (
                 n {number} primary key, line {number} not null, id {id} not null, is_new {number} not null{more}){at_end};
             create temporary table import_lists (
                 n {number} not null, word {text} not null, primary key (n, word)){packed}{at_end};
             create temporary table import_refs (
                 field {number} not null, word {text} not null, first_use {number} not null, id {id}, n {number},
                 matches {number}, low {text}, high {text}, primary key (field, word)){packed}{at_end};
             create temporary table import_rejects (
                 n {number} primary key, line {number} not null, field {text}, code {text} not null,
                 reason {text} not null){at_end};"
        ));
        db.script(script).await?;
        let all: Vec<&str> =
            ["n", "line", "id", "is_new"].into_iter().chain(texts.iter().map(String::as_str)).collect();
        let loader = Loader::new(db, "import_rows", &all, 1).await?;
        let holder = Holder::new(db, desc, org, key, held).await?;
        Ok(Stage {
            desc,
            org,
            key,
            others,
            references,
            listed: None,
            found: HashSet::new(),
            named,
            holder,
            loader,
            noted: HashSet::new(),
            seen: Bits::default(),
            last: 0,
            is_any_there: false,
            is_any_rejected: false,
        })
    }

    /// Says what the members of rows' lists refer to.
    #[must_use]
    pub fn listing(self, listed: Option<Reference>) -> Stage {
        Stage { listed, ..self }
    }

    pub fn desc(&self) -> &'static Descriptor {
        self.desc
    }

    pub fn org(&self) -> Option<i32> {
        self.org
    }

    /// Records in use that have a key and that no row stands for, and how many in use there are; all of them, or those with
    /// one reference. To be asked before anything is written: then records move.
    pub async fn absent(&self, db: &mut Db, scope: Option<(&str, Uuid)>) -> Result<(Vec<Uuid>, u64)> {
        let mut sql = Sql::new(format!(
            "select t.id, {} from {} t where t.{} is not null and t.is_active and t.deleted_at is null and t.org_id = ",
            db.place_of_row(super::search::row_number(self.desc)),
            self.desc.table,
            quoted(self.key.column)
        ));
        sql.bind(self.org.unwrap_or(0));
        if let Some((column, id)) = scope {
            sql.push(&format!(" and t.{} = ", quoted(column))).bind(id);
        }
        let (mut absent, mut there) = (Vec::new(), 0);
        db.each(sql.yields([Kind::Uuid, Kind::Int]), |row| {
            there += 1;
            if !self.seen.has(u64::try_from(row.int(1)?)?) {
                absent.push(row.uuid(0)?);
            }
            Ok(())
        })
        .await?;
        Ok((absent, there))
    }

    /// Live records with a text in a field that a row stands for. To be asked before anything is written.
    pub async fn present(&self, db: &mut Db, column: &str, text: &str) -> Result<Vec<Uuid>> {
        let place = db.place_of_row(super::search::row_number(self.desc));
        let mut sql =
            Sql::new(format!("select t.id, {place} from {} t where t.blocked and t.org_id = ", self.desc.table));
        sql.bind(self.org.unwrap_or(0))
            .push(&format!(" and t.deleted_at is null and t.{} = ", quoted(column)))
            .bind(text);
        let mut present = Vec::new();
        db.each(sql.yields([Kind::Uuid, Kind::Int]), |row| {
            if self.seen.has(u64::try_from(row.int(1)?)?) {
                present.push(row.uuid(0)?);
            }
            Ok(())
        })
        .await?;
        Ok(present)
    }

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

    /// How many records in use have no key, so that a file can't tell whether they are in it.
    pub async fn without_key(&self, db: &mut Db) -> Result<u64> {
        let mut sql = Sql::new(format!(
            "select count(*) from {} t where t.{} is null and t.is_active and t.deleted_at is null and t.org_id = ",
            self.desc.table,
            quoted(self.key.column)
        ));
        sql.bind(self.org.unwrap_or(0));
        Ok(u64::try_from(db.one(sql.yields([Kind::Int])).await?.int(0)?)?)
    }

    /// Texts that one reference stands for nothing by, as they stand in the file's rows.
    pub async fn missing(&mut self, db: &mut Db, i: usize, rules: &Rules) -> Result<Vec<String>> {
        self.find(db, i, rules).await?;
        let sql = format!("select word from import_refs where field = {i} and id is null order by first_use, word");
        db.all(Sql::new(sql).yields([Kind::Text])).await?.iter().map(|r| Ok(r.text(0)?.to_owned())).collect()
    }

    /// Whether rows may stand for records that are there.
    pub fn holds(&self) -> bool {
        self.holder.is_some()
    }

    /// The fields that references to the file's own rows are looked up by.
    pub fn named(&self) -> &[&'static Field] {
        &self.named
    }

    /// Finds the records that rows stand for: the row's key and its values of the fields that are held against them.
    pub async fn hold(&mut self, db: &mut Db, rows: &[(Value, Given)]) -> Result<Vec<Option<Match>>> {
        match &mut self.holder {
            Some(holder) => holder.hold(db, rows).await,
            None => Ok(vec![None; rows.len()]),
        }
    }

    /// Whether this is the first row that stands for a record.
    pub fn is_first(&mut self, found: &Match) -> bool {
        self.seen.insert(found.place)
    }

    /// Stages rows.
    pub async fn add(&mut self, db: &mut Db, rows: Vec<Row>) -> Result<()> {
        let mut values: Vec<Vec<Value>> = Vec::with_capacity(rows.len());
        let mut noted: Vec<(usize, String, u64)> = Vec::new();
        let mut listed: Vec<(i64, String)> = Vec::new();
        for row in rows {
            let number = i64::try_from(row.number)?;
            self.last = self.last.max(row.number);
            self.is_any_there |= !row.is_new;
            let members = row.listed.iter().map(|m| (self.references.len(), m));
            let words = row.references.iter().enumerate().filter_map(|(i, text)| Some((i, text.as_ref()?)));
            for (i, text) in words.chain(members) {
                if self.noted.len() >= REMEMBERED {
                    self.noted.clear();
                }
                if self.noted.insert((i, text.clone())) {
                    noted.push((i, text.clone(), row.number));
                }
            }
            listed.extend(row.listed.into_iter().map(|member| (number, member)));
            let mut all: Vec<Value> =
                vec![number.into(), i64::try_from(row.line)?.into(), row.id.into(), i64::from(row.is_new).into()];
            all.extend(row.keys.into_iter().chain(row.references).chain(row.named).map(Value::from));
            values.push(all);
        }
        self.loader.load(db, &values).await?;
        for some in listed.chunks(TOGETHER) {
            let mut sql = Sql::bulk("insert into import_lists (n, word) values ", db.engine());
            for (i, (n, member)) in some.iter().enumerate() {
                sql.push(if i == 0 { "" } else { ", " });
                sql.bind_list([Value::from(*n), member.as_str().into()]);
            }
            db.execute(sql).await?;
        }
        for some in noted.chunks(TOGETHER) {
            let mut sql = Sql::bulk("insert into import_refs (field, word, first_use) values ", db.engine());
            for (i, (field, text, number)) in some.iter().enumerate() {
                sql.push(if i == 0 { "" } else { ", " });
                sql.bind_list([(*field as i64).into(), text.as_str().into(), Value::from(*number as i64)]);
            }
            sql.push(" on conflict do nothing");
            db.execute(sql).await?;
        }
        Ok(())
    }

    /// Notes rejected rows. The first reason of a row stands.
    pub async fn reject(&mut self, db: &mut Db, rejects: &[Reject]) -> Result<()> {
        for some in rejects.chunks(TOGETHER) {
            let mut sql = Sql::bulk("insert into import_rejects (n, line, field, code, reason) values ", db.engine());
            for (i, r) in some.iter().enumerate() {
                sql.push(if i == 0 { "" } else { ", " });
                sql.bind_list([
                    Value::from(i64::try_from(r.number)?),
                    i64::try_from(r.line)?.into(),
                    Value::from(r.column.clone()),
                    r.code.into(),
                    r.reason.as_str().into(),
                ]);
            }
            sql.push(" on conflict do nothing");
            db.execute(sql).await?;
        }
        Ok(())
    }

    /// Asks everything that is asked of all rows at once, and notes what it rejects.
    pub async fn check(&mut self, db: &mut Db, rules: &Rules) -> Result<()> {
        // All rows are staged: what was remembered of them, and what they were held with, is needed no more.
        self.noted = HashSet::new();
        self.holder = None;
        if !db.is_postgres() {
            // A sort may fill as much as the cache.
            db.script("pragma cache_size = -8000".into()).await?;
        }
        self.check_keys(db).await?;
        for i in 0..self.references().len() {
            self.resolve(db, i, rules).await?;
        }
        let own: Vec<usize> = (0..self.references.len()).filter(|i| self.references[*i].target == self.desc).collect();
        // A row that falls may be referred to through any of the fields, and leaves its record where it was: there a ring
        // may close that the row would have opened.
        let mut before = None;
        while before != Some(self.rejected(db).await?) {
            before = Some(self.rejected(db).await?);
            for i in &own {
                self.reject_rings(db, *i).await?;
                self.reject_followers(db, *i).await?;
            }
        }
        self.is_any_rejected = before != Some(0);
        if !db.is_postgres() {
            // What sorting took is given back before the rows are written.
            db.script(format!("pragma shrink_memory; pragma cache_size = {}", super::sqlite::CACHE)).await?;
        }
        Ok(())
    }

    /// A key that stands in the file twice, or that another record has.
    async fn check_keys(&mut self, db: &mut Db) -> Result<()> {
        let mut script = String::new();
        for i in 0..=self.others.len() {
            script.push_str(&format!("create index {}import_rows_k{i} on import_rows (k{i}, n);\n", db.in_temporary()));
        }
        if db.is_postgres() {
            script.push_str("analyze import_rows;\nanalyze import_refs;\n");
        }
        db.script(script).await?;
        for (i, field) in std::iter::once(&self.key).chain(&self.others).enumerate() {
            let shown = shortened(&format!("k{i}"));
            db.execute(Sql::new(format!(
                "insert into import_rejects (n, line, field, code, reason)
                 select n, line, '{0}', 'duplicate', '{0} ' || {shown} || ' stands in the file already, on line ' || first_line
                   from (select n, line, k{i}, first_value(n) over (partition by k{i} order by n) as first_n,
                                first_value(line) over (partition by k{i} order by n) as first_line
                           from import_rows where k{i} is not null) d
                  where n <> first_n on conflict do nothing",
                field.name()
            )))
            .await?;
            if i == 0 {
                // Whether the natural key is there was asked when the row came.
                continue;
            }
            let mut sql = Sql::new(format!(
                "insert into import_rejects (n, line, field, code, reason)
                 select s.n, s.line, '{0}', 'conflict', '{1} ' || {2} || ' exists already'
                   from import_rows s cross join {3} t
                  where t.{4} = s.k{i} and t.deleted_at is null and t.id <> s.id and s.k{i} is not null",
                field.name(),
                self.desc.noun,
                shortened(&format!("s.k{i}")),
                self.desc.table,
                quoted(field.column)
            ));
            if let Some(org) = self.org {
                sql.push(" and t.org_id = ").bind(org);
            }
            sql.push(" on conflict do nothing");
            db.execute(sql).await?;
        }
        Ok(())
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
    async fn resolve(&mut self, db: &mut Db, i: usize, rules: &Rules) -> Result<()> {
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

    /// Whether a row refers to itself or to one further down.
    async fn refers_forward(&self, db: &mut Db, i: usize) -> Result<bool> {
        let forward =
            format!("select count(*) from import_refs where field = {i} and n is not null and n >= first_use");
        Ok(db.one(Sql::new(forward).yields([Kind::Int])).await?.int(0)? > 0)
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
        db.each(Sql::new(sql).yields([Kind::Int, Kind::Int]), |row| {
            parents[usize::try_from(row.int(0)?)?] = u32::try_from(row.int(1)?)?;
            Ok(())
        })
        .await?;
        Ok(parents)
    }

    /// Rejects the rows that stand below themselves, be it by way of records that the file leaves as they are. A record
    /// of which the row was rejected stands where it stood.
    async fn reject_rings(&mut self, db: &mut Db, i: usize) -> Result<()> {
        // A ring closes by a row that refers to one further down, or by a record that moves.
        if !self.is_any_there && !self.refers_forward(db, i).await? {
            return Ok(());
        }
        let field = self.references[i].field;
        let rings = match self.is_any_there {
            true => self.rings_with_records(db, i).await?,
            false => {
                let rings = rings::rings(&self.parents(db, i).await?);
                rings.into_iter().map(|ring| ring.into_iter().map(Node::Row).collect()).collect()
            }
        };
        for ring in rings {
            let mut shown: Vec<String> = Vec::new();
            for node in ring.iter().take(SHOWN) {
                shown.push(match node {
                    Node::Row(n) => self.key_of_row(db, *n).await?,
                    Node::Record(id) => self.key_of(db, *id).await?,
                });
            }
            let path = match ring.len() > SHOWN {
                true => format!("{} > ...", shown.join(" > ")),
                false => format!("{} > {}", shown.join(" > "), shown[0]),
            };
            let rows = ring.iter().filter_map(|node| match node {
                Node::Row(n) => Some(format!("({n})")),
                Node::Record(_) => None,
            });
            for some in rows.collect::<Vec<_>>().chunks(TOGETHER) {
                let mut sql = Sql::new(format!("with v (n) as (values {}) ", some.join(", ")));
                sql.push("insert into import_rejects (n, line, field, code, reason) select s.n, s.line, ");
                sql.bind(field.name()).push(", 'cycle', ").bind(format!("stands below itself: {path}"));
                sql.push(" from v join import_rows s on s.n = v.n where true on conflict do nothing");
                db.execute(sql).await?;
            }
        }
        Ok(())
    }

    /// The rings that rows and the records around them make. Only who is pointed at can stand in one: of a tree's records
    /// few are, and these alone are held in memory.
    async fn rings_with_records(&self, db: &mut Db, i: usize) -> Result<Vec<Vec<Node>>> {
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
        db.each(Sql::new(moved).yields([Kind::Uuid, Kind::Uuid, Kind::Int]), |row| {
            let id = row.uuid(0)?;
            match row.value(1).as_uuid() {
                Some(above) => {
                    graph.stands_below(id, above);
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
            db.each(sql.yields([Kind::Uuid, Kind::Uuid]), |row| {
                let id = row.uuid(0)?;
                if !to_the_top.contains(&id) {
                    graph.stands_below(id, row.uuid(1)?);
                }
                Ok(())
            })
            .await?;
        }
        let node = |id: Uuid| numbers.get(&id).map_or(Node::Record(id), |n| Node::Row(*n));
        Ok(graph.rings().into_iter().map(|ring| ring.into_iter().map(node).collect()).collect())
    }

    async fn key_of(&self, db: &mut Db, id: Uuid) -> Result<String> {
        let record = records::load(db, self.desc, self.org.unwrap_or(0), id).await?;
        Ok(record.map_or_else(|| id.to_string(), |r| r.key()))
    }

    async fn key_of_row(&self, db: &mut Db, n: u32) -> Result<String> {
        let sql = Sql::new("select coalesce(k0, '') from import_rows where n = $1").with([i64::from(n).into()]);
        Ok(db.one(sql.yields([Kind::Text])).await?.text(0)?.to_owned())
    }

    /// Who refers to a new row that was rejected is rejected, and who refers to that one.
    async fn reject_followers(&mut self, db: &mut Db, i: usize) -> Result<()> {
        let field = self.references[i].field;
        if self.rejected(db).await? == 0 {
            return Ok(());
        }
        let mut fallen = Bits::default();
        let sql = "select e.n from import_rejects e join import_rows s on s.n = e.n where s.is_new = 1";
        db.each(Sql::new(sql).yields([Kind::Int]), |row| {
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
        for some in falling.chunks(TOGETHER) {
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

    pub async fn rejected(&self, db: &mut Db) -> Result<u64> {
        let row = db.one(Sql::new("select count(*) from import_rejects").yields([Kind::Int])).await?;
        Ok(u64::try_from(row.int(0)?)?)
    }

    /// Rejected rows in the order of the file.
    pub async fn rejects(&self, db: &mut Db, after: u64, limit: usize) -> Result<Vec<Reject>> {
        self.rejects_by("n", db, after, limit).await
    }

    /// The first rejected rows; those that only refer to others come last, for mending these mends them.
    pub async fn first_rejects(&self, db: &mut Db, limit: usize) -> Result<Vec<Reject>> {
        self.rejects_by("case code when 'reference_rejected' then 1 else 0 end, n", db, 0, limit).await
    }

    async fn rejects_by(&self, order: &str, db: &mut Db, after: u64, limit: usize) -> Result<Vec<Reject>> {
        let sql =
            format!("select n, line, field, code, reason from import_rejects where n > $1 order by {order} limit $2");
        let args = [Value::from(i64::try_from(after)?), i64::try_from(limit)?.into()];
        let kinds = [Kind::Int, Kind::Int, Kind::Text, Kind::Text, Kind::Text];
        let rows = db.all(Sql::new(sql).with(args).yields(kinds)).await?;
        rows.iter()
            .map(|r| {
                let code = r.text(3)?;
                Ok(Reject {
                    number: u64::try_from(r.int(0)?)?,
                    line: u64::try_from(r.int(1)?)?,
                    column: r.value(2).as_text().map(str::to_owned),
                    code: CODES.iter().find(|c| **c == code).copied().unwrap_or("invalid"),
                    reason: r.text(4)?.to_owned(),
                })
            })
            .collect()
    }

    /// How many rows are to be written, of new records or of such as are there.
    pub async fn good(&self, db: &mut Db, is_new: bool) -> Result<u64> {
        let sql = Sql::new(
            "select count(*) from import_rows s where s.is_new = $1
                and not exists (select 1 from import_rejects e where e.n = s.n)",
        );
        let row = db.one(sql.with([i64::from(is_new).into()]).yields([Kind::Int])).await?;
        Ok(u64::try_from(row.int(0)?)?)
    }

    /// The next rows to be written, in the order of the file.
    pub async fn verdicts(&self, db: &mut Db, is_new: bool, after: u64, limit: usize) -> Result<Vec<Verdict>> {
        let n = self.references.len();
        let ids: String = (0..n).map(|i| format!(", f{i}.id")).collect();
        let joins: String =
            (0..n).map(|i| format!(" left join import_refs f{i} on f{i}.field = {i} and f{i}.word = s.r{i}")).collect();
        let not_rejected = match self.is_any_rejected {
            true => " and not exists (select 1 from import_rejects e where e.n = s.n)",
            false => "",
        };
        let code = self.code();
        let wants = match (self.desc.made(), code) {
            (None, _) => "0",
            (Some(_), None) => "1",
            (Some(_), Some(i)) => &format!("case when s.k{i} is null then 1 else 0 end"),
        };
        let sql = format!(
            "select s.n, s.id{ids}, {wants} from import_rows s{joins} where s.n > $1 and s.is_new = $2{not_rejected}
              order by s.n limit $3"
        );
        let args = [Value::from(i64::try_from(after)?), i64::from(is_new).into(), i64::try_from(limit)?.into()];
        let kinds = [Kind::Int, Kind::Uuid].into_iter().chain(std::iter::repeat_n(Kind::Uuid, n)).chain([Kind::Int]);
        let rows = db.all(Sql::new(sql).with(args).yields(kinds)).await?;
        rows.iter()
            .map(|row| {
                Ok(Verdict {
                    number: u64::try_from(row.int(0)?)?,
                    id: row.uuid(1)?,
                    references: (0..n).map(|i| row.value(2 + i).as_uuid()).collect(),
                    wants_code: is_new && row.int(2 + n)? == 1,
                })
            })
            .collect()
    }

    /// The column of the staged keys that holds a field.
    fn staged(&self, field: &Field) -> Option<usize> {
        std::iter::once(&self.key).chain(&self.others).position(|f| f.column == field.column)
    }

    /// The column of the staged keys that holds the code which is made where a row has none.
    fn code(&self) -> Option<usize> {
        self.staged(self.desc.made()?.0)
    }

    /// A query of the codes that rows give: none of them may be made.
    pub fn given_codes(&self) -> String {
        self.code().map_or(String::new(), |i| format!("select k{i} from import_rows where k{i} is not null"))
    }

    /// Organisations, where these are what is imported, that rows will change.
    pub async fn orgs(&self, db: &mut Db) -> Result<Vec<i32>> {
        let sql = "select t.org_id from import_rows s join orgs t on t.id = s.id where s.is_new = 0";
        db.all(Sql::new(sql).yields([Kind::Int])).await?.iter().map(|r| r.org(0)).collect()
    }
}

/// A member of a ring: a row of the file by its number, or a record that the file leaves as it is.
enum Node {
    Row(u32),
    Record(Uuid),
}

/// Keys of a ring that its message names.
const SHOWN: usize = 10;

/// The code of a row with a quote where none may stand: what its cells are is not known.
pub const QUOTE: &str = "quote";

/// The codes that a reject can have.
const CODES: &[&str] = &[
    QUOTE,
    "field_count",
    "encoding",
    "invalid",
    "required",
    "duplicate",
    "conflict",
    "not_found",
    "cycle",
    "reference_rejected",
    "spreadsheet",
];
