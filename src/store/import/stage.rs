//! The staging tables of an import: keys and references of a file's rows, not in memory but in temporary tables, and the
//! questions that are asked of all rows at once. Rows are known by their number in the file.

mod handed_over;
mod inactive;
mod keyed;
mod references;
mod tree;

pub use handed_over::GivenUp;
pub use inactive::InactiveReference;
pub use keyed::Keyed;

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::counts;
use super::match_target::{HeldRow, Match};
use super::matcher::RowMatcher;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::resource::key::Key;
use crate::model::resource::{Attr, Descriptor, Field, List};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::load::{self, Loader};
use crate::store::engine::sql::{Sql, quoted};
use crate::store::invariants;
use crate::store::records;
use crate::store::records::lists;
use crate::store::records::status_sql;
use crate::store::records::subjects;
use crate::store::records::{former, keys};

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

impl Reference {
    /// The target's fields that a text may be a value of.
    pub fn fields(&self) -> Vec<&'static Field> {
        let mostly = self.target.fields.iter().filter(|f| f.has(Attr::LookupKey));
        self.by.map_or_else(|| self.target.key_fields().chain(mostly).collect(), |by| vec![by])
    }

    /// A text as it is staged: in the form of the field that it is looked up by. Where it may be a value of several, which
    /// have forms of their own, as it was written.
    pub fn text(&self, text: &str, context: &ParseContext) -> String {
        let form = match self.fields().as_slice() {
            [only] => self.form(only, text, context),
            _ => None,
        };
        form.unwrap_or_else(|| text.trim().to_owned())
    }

    /// A text in the form that a field keeps; none where it can't be a value of it.
    pub fn form(&self, field: &Field, text: &str, context: &ParseContext) -> Option<String> {
        if self.by.is_none() && field.has(Attr::LookupKey) && !records::is_number(text) {
            return None;
        }
        field.parse(text, context).ok().filter(|v| !v.is_null()).map(|v| field.comparable(&v))
    }
}

/// What is staged of a row.
#[derive(Debug, Clone)]
pub struct StagedRow {
    pub number: u64,
    pub line: u64,
    /// Of the record that is there, or of the new one.
    pub id: Uuid,
    pub is_new: bool,
    /// Its natural key as it is compared, then the values of the other unique columns of the file as they stand.
    pub keys: Vec<Option<String>>,
    /// Its natural key as messages tell it.
    pub shown: Option<String>,
    /// What its references say, in the form that the target keeps.
    pub references: Vec<Option<String>>,
    /// Its values of the fields that references are looked up by; of a record that is there, those that it will have.
    pub lookup_values: Vec<Option<String>>,
    /// Whether it says that its record is in use.
    pub is_active: Option<bool>,
    /// Members of its lists: each with the list's place among those that rows give, the first of a list before the others.
    pub list_members: Vec<(usize, String)>,
    /// It leaves its number within another record to be made.
    pub is_counted: bool,
    /// The number within another record that it gives itself.
    pub given_number: Option<i64>,
}

/// What became of a row: to be written, with the ids of what it refers to.
#[derive(Debug, Clone)]
pub struct ResolvedRow {
    pub number: u64,
    pub id: Uuid,
    pub references: Vec<Option<Uuid>>,
    /// The keys of what the key of a new record refers to ([`Record::referred`]).
    ///
    /// [`Record::referred`]: crate::model::resource::Record::referred
    pub referred: Vec<String>,
    /// Whose data it holds, where it tells that through what it refers to.
    pub subject: Option<Uuid>,
    /// The row of a new record has no code where one is made then.
    pub wants_code: bool,
    /// The same of its number within another record.
    pub wants_number: bool,
}

/// Where the column of a reject stands in the file.
pub type RejectPosition<'a> = &'a (dyn Fn(&Reject) -> usize + Sync);

/// Texts of references that are remembered as noted; above this, noting one twice costs a statement and nothing else.
const REMEMBERED: usize = 20_000;

/// Texts that are looked up together.
const BATCH: usize = 500;

/// The code of a reject, as it is written.
pub fn code_of(code: &str) -> &'static str {
    CODES.iter().find(|c| **c == code).copied().unwrap_or("invalid")
}

/// Staging for one import into one kind.
pub struct Stage {
    desc: &'static Descriptor,
    org: Option<i32>,
    key: Key,
    /// What the key is called in what is told of it, and the column that it is told of.
    told_key: Option<(String, &'static Field)>,
    /// What the words of references in the key stand for, as far as it is remembered.
    parts: HashMap<(&'static str, String), Option<Uuid>>,
    others: Vec<&'static Field>,
    references: Vec<Reference>,
    /// The lists that rows give, and what their members refer to: these references come after all others.
    lists: Vec<(&'static List, Reference)>,
    /// Whether branches and departments that are inactive take new ones.
    takes_unused: bool,
    /// References of which it is known what they stand for.
    found: HashSet<usize>,
    lookup_fields: Vec<&'static Field>,
    context: ParseContext,
    holder: Option<RowMatcher>,
    loader: Loader,
    noted: HashSet<(usize, String)>,
    /// Records that a row of the file stands for already.
    seen: Bits,
    last: u64,
    /// No live record is there of the kind.
    is_first_of_kind: bool,
    is_any_there: bool,
    is_any_rejected: bool,
    /// Whether a row takes a key from its record that another may get.
    is_any_given_up: bool,
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

/// Whether the texts of a staged key, the natural one or one of the others, are told otherwise than they are compared.
fn is_told_apart(key: Key, others: &[&'static Field], i: usize) -> bool {
    match i.checked_sub(1) {
        None => key.alone().is_none_or(Field::folds),
        Some(i) => others.get(i).is_some_and(|f| f.folds()),
    }
}

/// A text of SQL in an error message, at most 60 characters long.
fn shortened(expr: &str) -> String {
    format!("case when length({expr}) > 60 then substr({expr}, 1, 57) || '...' else {expr} end")
}

/// Forgets what rows of an earlier file were rejected for. Those of one file go on from one organisation to the next.
pub async fn forget_rejects(db: &mut Db) -> Result<()> {
    db.script(format!("drop table if exists {}.import_rejects", db.temp_schema())).await
}

/// The fields that references to the file's own rows are looked up by: keys of rows are staged anyhow.
fn lookup_fields(desc: &'static Descriptor, references: &[Reference]) -> Vec<&'static Field> {
    let mut named: Vec<&'static Field> = Vec::new();
    for field in references.iter().filter(|r| r.target == desc).flat_map(Reference::fields) {
        if !desc.is_key(field) && !named.iter().any(|n| n.column == field.column) {
            named.push(field);
        }
    }
    named
}

/// Makes the temporary tables anew: rows have columns for `texts`, what they refer to a text in each of a number of forms.
async fn make_tables(db: &mut Db, texts: &[String], forms: usize) -> Result<()> {
    let (number, id, text, packed, at_end) = match db.is_postgres() {
        true => ("bigint", "uuid", "text collate \"C\"", "", " on commit drop"),
        false => ("integer", "blob", "text", " without rowid", ""),
    };
    let mut script = String::new();
    for table in ["import_counts", "import_rows", "import_lists", "import_refs", "import_given_up"] {
        script.push_str(&format!("drop table if exists {}.{table};\n", db.temp_schema()));
    }
    let more: String = texts.iter().map(|t| format!(", {t} {text}")).collect();
    let forms: String = (0..forms).map(|i| format!(", f{i} {text}")).collect();
    script.push_str(&format!(
        "create temporary table import_rows (
             n {number} primary key, line {number} not null, id {id} not null, is_new {number} not null,
             active {number}, counted {number} not null, given {number}{more}){at_end};
         create temporary table import_lists (
             n {number} not null, list {number} not null, word {text} not null, place {number} not null,
             primary key (n, list, word)){packed}{at_end};
         create temporary table import_refs (
             field {number} not null, word {text} not null, first_use {number} not null, id {id}, n {number},
             matches {number}, low {text}, high {text}, uid {id}{forms}, primary key (field, word)){packed}{at_end};
         create temporary table if not exists import_rejects (
             n {number} not null, line {number} not null, field {text} not null, code {text} not null,
             reason {text} not null, primary key (n, field)){packed}{at_end};
         create temporary table import_given_up (
             n {number} not null, place {number} not null, id {id} not null, word {text} not null,
             was {text} not null, primary key (place, word)){packed}{at_end};
         create index {}import_given_up_n on import_given_up (n);",
        db.temp_prefix()
    ));
    db.script(script).await
}

impl Stage {
    /// Makes the temporary tables. Where rows may stand for records that are there, `held` names the fields that are
    /// held against them.
    pub async fn new(
        db: &mut Db,
        desc: &'static Descriptor,
        org: Option<i32>,
        (key, others): (Key, Vec<&'static Field>),
        references: Vec<Reference>,
        held: &[&'static Field],
        context: &ParseContext,
    ) -> Result<Stage> {
        let named = lookup_fields(desc, &references);
        let columns = |letter: char, n: usize| (0..n).map(move |i| format!("{letter}{i}"));
        let texts: Vec<String> = columns('k', 1 + others.len())
            .chain(columns('r', references.len()))
            .chain(columns('b', named.len()))
            .chain((0..=others.len()).filter(|i| is_told_apart(key, &others, *i)).map(|i| format!("t{i}")))
            .collect();
        let forms = references.iter().map(|r| r.fields().len()).max().unwrap_or(1);
        make_tables(db, &texts, forms).await?;
        let all: Vec<&str> = ["n", "line", "id", "is_new", "active", "counted", "given"]
            .into_iter()
            .chain(texts.iter().map(String::as_str))
            .collect();
        let loader = Loader::new(db, "import_rows", &all, 1).await?;
        let holder = RowMatcher::new(db, desc, org, key, held).await?;
        Ok(Stage {
            desc,
            org,
            key,
            told_key: None,
            is_first_of_kind: holder.is_none(),
            parts: HashMap::new(),
            others,
            references,
            lists: Vec::new(),
            takes_unused: false,
            found: HashSet::new(),
            lookup_fields: named,
            context: context.clone(),
            holder,
            loader,
            noted: HashSet::new(),
            seen: Bits::default(),
            last: 0,
            is_any_there: false,
            is_any_rejected: false,
            is_any_given_up: false,
        })
    }

    /// Says which lists rows give, and what their members refer to.
    #[must_use]
    pub fn listing(self, lists: Vec<(&'static List, Reference)>) -> Stage {
        Stage { lists, ..self }
    }

    /// Lets branches and departments that are inactive take new ones.
    /// Which word and column the natural key is told by.
    #[must_use]
    pub fn telling_key(self, name: String, column: Option<&'static Field>) -> Stage {
        Stage { told_key: column.map(|column| (name, column)), ..self }
    }

    pub fn accepting_inactive(self, takes_unused: bool) -> Stage {
        Stage { takes_unused, ..self }
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
            "select t.id, {} from {} t where {} and {} and {} and t.org_id = ",
            db.row_position(crate::store::records::search::row_number(self.desc)),
            self.desc.table,
            self.has_key(),
            status_sql::active_condition(self.desc, "t"),
            status_sql::live(self.desc, "t")
        ));
        sql.bind(self.org.unwrap_or(0));
        if let Some((column, id)) = scope {
            let list = self.desc.field(column).and_then(|f| self.desc.list_of(f));
            let id = sql.arg(id);
            sql.push(&match list {
                Some(list) => format!(" and t.id in ({})", lists::owners_of_first(list, self.org.unwrap_or(0), &id)),
                None => format!(" and t.{} = {id}", quoted(column)),
            });
        }
        let (mut absent, mut there) = (Vec::new(), 0);
        db.each(sql.yields([ValueType::Uuid, ValueType::Int]), |row| {
            there += 1;
            if !self.seen.has(u64::try_from(row.int(1)?)?) {
                absent.push(row.uuid(0)?);
            }
            Ok(())
        })
        .await?;
        // Each engine has an order of its own.
        absent.sort_unstable();
        Ok((absent, there))
    }

    /// How many records are in use.
    pub async fn in_use(&self, db: &mut Db) -> Result<u64> {
        let mut sql = Sql::new(format!(
            "select count(*) from {} t where {} and {} and t.org_id {} ",
            self.desc.table,
            status_sql::active_condition(self.desc, "t"),
            status_sql::live(self.desc, "t"),
            // Of organisations all but SYSTEM, which no file deactivates.
            if self.org.is_some() { "=" } else { "<>" }
        ));
        sql.bind(self.org.unwrap_or(SYSTEM));
        Ok(u64::try_from(db.one(sql.yields([ValueType::Int])).await?.int(0)?)?)
    }

    /// Live records, of which a flag says yes, with a text in a field that a row stands for. To be asked before anything is
    /// written.
    pub async fn present(&self, db: &mut Db, flag: &str, column: &str, text: &str) -> Result<Vec<Uuid>> {
        let place = db.row_position(crate::store::records::search::row_number(self.desc));
        let mut sql = Sql::new(format!(
            "select t.id, {place} from {} t where t.{} and t.org_id = ",
            self.desc.table,
            quoted(flag)
        ));
        sql.bind(self.org.unwrap_or(0))
            .push(&format!(" and {} and t.{} = ", status_sql::live(self.desc, "t"), quoted(column)))
            .bind(text);
        let mut present = Vec::new();
        db.each(sql.yields([ValueType::Uuid, ValueType::Int]), |row| {
            if self.seen.has(u64::try_from(row.int(1)?)?) {
                present.push(row.uuid(0)?);
            }
            Ok(())
        })
        .await?;
        Ok(present)
    }

    /// How many records in use have no key, so that a file can't tell whether they are in it.
    pub async fn without_key(&self, db: &mut Db) -> Result<u64> {
        let mut sql = Sql::new(format!(
            "select count(*) from {} t where not ({}) and {} and {} and t.org_id = ",
            self.desc.table,
            self.has_key(),
            status_sql::active_condition(self.desc, "t"),
            status_sql::live(self.desc, "t")
        ));
        sql.bind(self.org.unwrap_or(0));
        Ok(u64::try_from(db.one(sql.yields([ValueType::Int])).await?.int(0)?)?)
    }

    /// The condition that the row `t` has the key that rows are known by.
    fn has_key(&self) -> String {
        let parts = self.key.parts().filter(|f| !f.ty.required || self.key.alone().is_some());
        let given: Vec<String> = match self.key.alone() {
            Some(_) => parts.map(|f| format!("t.{} is not null", quoted(f.key_column()))).collect(),
            None => Vec::new(),
        };
        if given.is_empty() { "true".to_owned() } else { given.join(" and ") }
    }

    /// Whether rows may stand for records that are there.
    pub fn matches_records(&self) -> bool {
        self.holder.is_some()
    }

    /// The fields that references to the file's own rows are looked up by.
    pub fn lookup_fields(&self) -> &[&'static Field] {
        &self.lookup_fields
    }

    /// Finds the records that rows stand for: the row's key and its values of the fields that are held against them.
    pub async fn match_rows(&mut self, db: &mut Db, rows: &[HeldRow]) -> Result<Vec<Option<Match>>> {
        match &mut self.holder {
            Some(holder) => holder.match_rows(db, rows, &self.context).await,
            None => Ok(vec![None; rows.len()]),
        }
    }

    /// Whether this is the first row that stands for a record.
    pub fn is_first(&mut self, found: &Match) -> bool {
        self.seen.insert(found.row_position)
    }

    /// Stages rows.
    pub async fn add(&mut self, db: &mut Db, rows: Vec<StagedRow>) -> Result<()> {
        let mut values: Vec<Vec<Value>> = Vec::with_capacity(rows.len());
        let mut noted: Vec<(usize, String, u64)> = Vec::new();
        let mut listed: Vec<[Value; 4]> = Vec::new();
        for row in rows {
            let number = i64::try_from(row.number)?;
            self.last = self.last.max(row.number);
            self.is_any_there |= !row.is_new;
            let members = row.list_members.iter().map(|(list, m)| (self.references.len() + list, m));
            let words = row.references.iter().enumerate().filter_map(|(i, text)| Some((i, text.as_ref()?)));
            for (i, text) in words.chain(members) {
                if self.noted.len() >= REMEMBERED {
                    self.noted.clear();
                }
                if self.noted.insert((i, text.clone())) {
                    noted.push((i, text.clone(), row.number));
                }
            }
            for (place, (list, member)) in row.list_members.into_iter().enumerate() {
                listed.push([number.into(), i64::try_from(list)?.into(), member.into(), i64::try_from(place)?.into()]);
            }
            let mut all: Vec<Value> =
                vec![number.into(), i64::try_from(row.line)?.into(), row.id.into(), i64::from(row.is_new).into()];
            all.extend([row.is_active.map(i64::from).into(), i64::from(row.is_counted).into()]);
            all.push(row.given_number.into());
            let (mut keys, mut shown) = (row.keys, vec![row.shown]);
            for (field, key) in self.others.iter().zip(keys.iter_mut().skip(1)) {
                let compared = key
                    .as_ref()
                    .map(|text| if field.folds() { field.ty.fold(text).into_owned() } else { text.clone() });
                shown.push(std::mem::replace(key, compared));
            }
            all.extend(keys.into_iter().chain(row.references).chain(row.lookup_values).map(Value::from));
            let told = shown.into_iter().enumerate().filter(|(i, _)| is_told_apart(self.key, &self.others, *i));
            all.extend(told.map(|(_, text)| Value::from(text)));
            values.push(all);
        }
        self.loader.load(db, &values).await?;
        for some in listed.chunks(BATCH) {
            let mut sql = Sql::bulk("insert into import_lists (n, list, word, place) values ", db.engine());
            for (i, member) in some.iter().enumerate() {
                sql.push(if i == 0 { "" } else { ", " }).bind_list(member.iter().cloned());
            }
            db.execute(sql).await?;
        }
        self.note_references(db, &noted).await
    }

    /// Notes texts of references, each in the forms that the fields keep which it may be a value of.
    async fn note_references(&self, db: &mut Db, noted: &[(usize, String, u64)]) -> Result<()> {
        let references = self.references();
        for some in noted.chunks(BATCH) {
            for (i, reference) in references.iter().enumerate() {
                let fields = reference.fields();
                let of_it: Vec<_> = some.iter().filter(|(field, ..)| *field == i).collect();
                if of_it.is_empty() {
                    continue;
                }
                let forms: String = (0..fields.len()).map(|j| format!(", f{j}")).collect();
                let text = format!("insert into import_refs (field, word, first_use, uid{forms}) values ");
                let mut sql = Sql::bulk(text, db.engine());
                for (k, (field, word, number)) in of_it.into_iter().enumerate() {
                    sql.push(if k == 0 { "" } else { ", " });
                    let uid = Uuid::try_parse(word).ok().filter(|_| reference.by.is_none());
                    let mut values: Vec<Value> = vec![(*field as i64).into(), word.as_str().into()];
                    values.extend([Value::from(*number as i64), uid.into()]);
                    values.extend(fields.iter().map(|f| {
                        let form = reference.form(f, word, &self.context);
                        reference.target.compared(f, &Value::from(form))
                    }));
                    sql.bind_list(values);
                }
                sql.push(" on conflict do nothing");
                db.execute(sql).await?;
            }
        }
        Ok(())
    }

    /// To be called once all rows are staged, before anything asks about them.
    pub async fn flush(&mut self, db: &mut Db) -> Result<()> {
        self.loader.flush(db).await
    }

    /// Notes a row that the database refused.
    pub async fn refuse(&mut self, db: &mut Db, number: u64, column: Option<&str>, problem: &Problem) -> Result<()> {
        let mut sql = Sql::new("insert into import_rejects (n, line, field, code, reason) select n, line, ");
        let reason = match &problem.rule {
            Some(rule) if *rule != problem.sentence => format!("{}: {rule}", problem.sentence),
            _ => problem.sentence.clone(),
        };
        sql.bind(column.unwrap_or_default()).push(", ").bind(problem.kind.as_str()).push(", ").bind(reason);
        sql.push(" from import_rows where n = ").bind(i64::try_from(number)?).push(" on conflict do nothing");
        db.execute(sql).await.map(drop)
    }

    /// The rows that break a rule which the kind declares; asked once all are written, which is undone then.
    pub async fn broken(&self, db: &mut Db) -> Result<Vec<(u64, Problem)>> {
        invariants::broken_in_file(db, self.desc).await
    }

    /// Notes what rows are rejected for. Of each column the first reason stands.
    pub async fn reject(&mut self, db: &mut Db, rejects: &[Reject]) -> Result<()> {
        for some in rejects.chunks(BATCH) {
            let mut sql = Sql::bulk("insert into import_rejects (n, line, field, code, reason) values ", db.engine());
            for (i, r) in some.iter().enumerate() {
                sql.push(if i == 0 { "" } else { ", " });
                sql.bind_list([
                    Value::from(i64::try_from(r.number)?),
                    i64::try_from(r.line)?.into(),
                    r.column.as_deref().unwrap_or_default().into(),
                    r.code.into(),
                    // No text of PostgreSQL holds a NUL.
                    r.reason.replace('\0', "\u{fffd}").into(),
                ]);
            }
            sql.push(" on conflict do nothing");
            db.execute(sql).await?;
        }
        Ok(())
    }

    /// Finds what rows refer to, and notes those whose keys or references are not one record's. To be asked before
    /// [`Stage::check`].
    pub async fn resolve(&mut self, db: &mut Db) -> Result<()> {
        // All rows are staged: what was remembered of them, and what they were held with, is needed no more.
        self.noted = HashSet::new();
        self.holder = None;
        if !db.is_postgres() {
            db.script(load::SORTING.into()).await?;
        }
        self.check_keys(db).await?;
        for i in 0..self.references().len() {
            self.find(db, i).await?;
            self.reject_several(db, i).await?;
        }
        Ok(())
    }

    /// Asks everything else that is asked of all rows at once, and notes what it rejects.
    pub async fn check(&mut self, db: &mut Db) -> Result<()> {
        for i in 0..self.references().len() {
            self.reject_missing(db, i).await?;
            self.reject_inactive(db, i).await?;
            self.reject_defining(db, i).await?;
        }
        let own: Vec<usize> = (0..self.references.len()).filter(|i| self.references[*i].target == self.desc).collect();
        let is_tree = |i: &usize| self.desc.trees().any(|f| f.column == self.references[*i].field.column);
        let trees: Vec<usize> = own.iter().copied().filter(is_tree).collect();
        // A row that falls may be referred to through any of the fields, and leaves its record where it was: there a cycle
        // may close that the row would have opened.
        let mut before = None;
        while before != Some(self.rejected(db).await?) {
            before = Some(self.rejected(db).await?);
            if self.is_any_given_up {
                // A row that falls leaves its record the key that another row counted on.
                self.reject_taken(db).await?;
            }
            for i in &trees {
                self.reject_cycles(db, *i).await?;
            }
            for i in &own {
                self.reject_dependents(db, *i).await?;
            }
        }
        self.is_any_rejected = before != Some(0);
        if !db.is_postgres() {
            // What sorting took is given back before the rows are written.
            let cache = crate::store::engine::sqlite::CACHE;
            db.script(format!("pragma threads = 0; pragma shrink_memory; pragma cache_size = {cache}")).await?;
        }
        Ok(())
    }

    /// A key that stands in the file twice, or that another record has.
    async fn check_keys(&mut self, db: &mut Db) -> Result<()> {
        let mut script = String::new();
        for i in 0..=self.others.len() {
            script.push_str(&format!("create index {}import_rows_k{i} on import_rows (k{i}, n);\n", db.temp_prefix()));
        }
        if self.is_any_there && self.references.iter().any(|r| r.target == self.desc) {
            script.push_str(&format!("create index {}import_rows_id on import_rows (id);\n", db.temp_prefix()));
        }
        if db.is_postgres() {
            script.push_str("analyze import_rows;\nanalyze import_refs;\n");
        }
        db.script(script).await?;
        let has_former = former::are_there(db, self.desc, self.org).await?;
        let key = self.told_key.clone().or_else(|| Some((self.key.name(), self.key.parts().last()?)));
        let others: Vec<_> = self.others.iter().map(|field| (field.name().to_owned(), *field)).collect();
        for (i, (name, field)) in key.into_iter().chain(others).enumerate() {
            let twice = format!(
                "select k{i} from import_rows where k{i} is not null group by k{i} having count(*) > 1 limit 1"
            );
            let is_any_twice = db.first(Sql::new(twice).yields([ValueType::Text])).await?.is_some();
            if is_any_twice {
                self.reject_second(db, i, &name, field).await?;
            }
            if has_former {
                self.reject_former(db, i, field).await?;
            }
        }
        self.reject_taken(db).await
    }

    /// A key that stands in the file twice.
    async fn reject_second(&self, db: &mut Db, i: usize, name: &str, field: &Field) -> Result<()> {
        let text = self.shown(i);
        let shown = shortened(&text);
        db.execute(Sql::new(format!(
                "insert into import_rejects (n, line, field, code, reason)
                 select n, line, '{0}', 'duplicate', '{name} ' || {shown} || ' stands in the file already, on line ' || first_line
                   from (select n, line, {text}, first_value(n) over (partition by k{i} order by n) as first_n,
                                first_value(line) over (partition by k{i} order by n) as first_line
                           from import_rows where k{i} is not null) d
                  where n <> first_n on conflict do nothing",
                field.name()
            )))
            .await.map(drop)
    }

    /// Keys besides the natural one that another record has, and keeps. Whether the natural key is there was asked when the
    /// row came.
    async fn reject_taken(&self, db: &mut Db) -> Result<()> {
        if self.is_first_of_kind {
            return Ok(());
        }
        for (place, field) in self.others.iter().enumerate() {
            let i = place + 1;
            let mut sql = Sql::new(format!(
                "insert into import_rejects (n, line, field, code, reason)
                 select s.n, s.line, '{0}', 'conflict', '{1} ' || {2} || ' exists already'
                   from import_rows s cross join {3} t
                  where t.{4} = s.k{i} and {5} and t.id <> s.id and s.k{i} is not null{6}",
                field.name(),
                self.desc.noun,
                shortened(&format!("s.{}", self.shown(i))),
                self.desc.table,
                quoted(field.key_column()),
                status_sql::live(self.desc, "t"),
                self.keeps(place)
            ));
            if let Some(org) = self.org {
                sql.push(" and t.org_id = ").bind(org);
            }
            sql.push(" on conflict do nothing");
            db.execute(sql).await?;
        }
        Ok(())
    }

    /// A key that means another record since a merge. One that means the row's own record is that one's again.
    async fn reject_former(&self, db: &mut Db, i: usize, field: &'static Field) -> Result<()> {
        let Some(former) = self.desc.former().filter(|_| i > 0 || self.key.alone().is_some()) else { return Ok(()) };
        let [owner, name] = [former.owner, former.field].map(|f| quoted(f.column));
        let shown = shortened(&format!("s.{}", self.shown(i)));
        // Everybody's keys are asked about; whose they are is told to who sees everybody.
        let owner_name = if db.is_narrow() { "'another one'".to_owned() } else { keys::words(self.desc, "x") };
        let mut sql = Sql::new(format!(
            "insert into import_rejects (n, line, field, code, reason)
             select s.n, s.line, '{0}', 'conflict', '{0} ' || {shown} || ' was that of a duplicate that was merged into {1} '
                    || {2} || ', and means that one: ''orgctl {3} remove ' || {4} || ''' frees it'
               from import_rows s cross join {5} f join {6} x on x.org_id = f.org_id and x.id = f.{owner}
              where s.k{i} is not null and f.{name} = '{0}' and f.{7} = s.k{i} and {8} and f.{owner} <> s.id",
            field.name(),
            self.desc.noun,
            owner_name,
            former.desc.noun,
            keys::words(former.desc, "f"),
            former.desc.table,
            self.desc.table,
            quoted(former.compared_column(field)),
            status_sql::live(former.desc, "f"),
        ));
        if let Some(org) = self.org {
            sql.push(" and f.org_id = ").bind(org);
        }
        sql.push(" on conflict do nothing");
        db.execute(sql).await.map(drop)
    }

    pub async fn rejected(&self, db: &mut Db) -> Result<u64> {
        let row = db.one(Sql::new("select count(distinct n) from import_rejects").yields([ValueType::Int])).await?;
        Ok(u64::try_from(row.int(0)?)?)
    }

    /// The numbers of rejected rows.
    pub async fn rejected_numbers(&self, db: &mut Db) -> Result<Vec<u64>> {
        let rows =
            db.all(Sql::new("select distinct n from import_rejects order by 1").yields([ValueType::Int])).await?;
        rows.iter().map(|row| Ok(u64::try_from(row.int(0)?)?)).collect()
    }

    /// The records that rows are about which are not rejected.
    pub async fn record_ids(&self, db: &mut Db) -> Result<Vec<Uuid>> {
        let sql = "select id from import_rows r where not exists (select 1 from import_rejects e where e.n = r.n)";
        let rows = db.all(Sql::new(sql).yields([ValueType::Uuid])).await?;
        rows.iter().map(|row| row.uuid(0)).collect()
    }

    /// What the next rejected rows are rejected for, in the order of the file; `place` says where a reject's column stands.
    pub async fn rejects(
        &self,
        db: &mut Db,
        after: u64,
        limit: usize,
        place: RejectPosition<'_>,
    ) -> Result<Vec<Reject>> {
        let order = "select n, n as place from import_rejects where n > $1 group by n order by n limit $2";
        self.rejects_by(order, db, after, limit, place).await
    }

    /// The same of the first rejected rows; those that only refer to others come last, for mending these mends them.
    pub async fn first_rejects(&self, db: &mut Db, limit: usize, place: RejectPosition<'_>) -> Result<Vec<Reject>> {
        let order = "select n, min(case code when 'reference_rejected' then 1 else 0 end) as place from import_rejects
                      where n > $1 group by n order by 2, n limit $2";
        self.rejects_by(order, db, 0, limit, place).await
    }

    async fn rejects_by(
        &self,
        order: &str,
        db: &mut Db,
        after: u64,
        limit: usize,
        place: RejectPosition<'_>,
    ) -> Result<Vec<Reject>> {
        let sql = format!(
            "select e.n, e.line, e.field, e.code, e.reason from ({order}) o join import_rejects e on e.n = o.n
              order by o.place, e.n, e.field"
        );
        let args = [Value::from(i64::try_from(after)?), i64::try_from(limit)?.into()];
        let kinds = [ValueType::Int, ValueType::Int, ValueType::Text, ValueType::Text, ValueType::Text];
        let rows = db.all(Sql::new(sql).with(args).yields(kinds)).await?;
        let rejects = rows.iter().map(|r| {
            let (column, code) = (r.text(2)?, r.text(3)?);
            Ok(Reject {
                number: u64::try_from(r.int(0)?)?,
                line: u64::try_from(r.int(1)?)?,
                column: (!column.is_empty()).then(|| column.to_owned()),
                code: code_of(code),
                reason: r.text(4)?.to_owned(),
            })
        });
        let mut rejects = rejects.collect::<Result<Vec<Reject>>>()?;
        for faults in rejects.chunk_by_mut(|a, b| a.number == b.number) {
            faults.sort_by_key(place);
        }
        Ok(rejects)
    }

    /// How many rows are to be written, of new records or of such as are there.
    pub async fn accepted(&self, db: &mut Db, is_new: bool) -> Result<u64> {
        let sql = Sql::new(
            "select count(*) from import_rows s where s.is_new = $1
                and not exists (select 1 from import_rejects e where e.n = s.n)",
        );
        let row = db.one(sql.with([i64::from(is_new).into()]).yields([ValueType::Int])).await?;
        Ok(u64::try_from(row.int(0)?)?)
    }

    /// The next rows to be written, in the order of the file.
    pub async fn resolved_rows(&self, db: &mut Db, is_new: bool, after: u64, limit: usize) -> Result<Vec<ResolvedRow>> {
        let n = self.references.len();
        let ids: String = (0..n).map(|i| format!(", f{i}.id")).collect();
        let joins: String =
            (0..n).map(|i| format!(" left join import_refs f{i} on f{i}.field = {i} and f{i}.word = s.r{i}")).collect();
        let not_rejected = match self.is_any_rejected {
            true => " and not exists (select 1 from import_rejects e where e.n = s.n)",
            false => "",
        };
        let referred = self.referred();
        let told: String = referred.iter().map(|key| format!(", {key}")).collect();
        let code = self.code();
        let wants = match (self.desc.code_maker(), code) {
            (None, _) => "0",
            (Some(_), None) => "1",
            (Some(_), Some(i)) => &format!("case when s.k{i} is null then 1 else 0 end"),
        };
        let sql = format!(
            "select s.n, s.id{ids}{told}, {wants}, s.counted from import_rows s{joins} where s.n > $1 and s.is_new = $2{not_rejected}
              order by s.n limit $3"
        );
        let args = [Value::from(i64::try_from(after)?), i64::from(is_new).into(), i64::try_from(limit)?.into()];
        let kinds = [ValueType::Int, ValueType::Uuid].into_iter().chain(std::iter::repeat_n(ValueType::Uuid, n));
        let kinds = kinds.chain(referred.iter().map(|_| ValueType::Text)).chain([ValueType::Int; 2]);
        let last = 2 + n + referred.len();
        let rows = db.all(Sql::new(sql).with(args).yields(kinds)).await?;
        let rows = rows
            .iter()
            .map(|row| {
                Ok(ResolvedRow {
                    subject: None,
                    number: u64::try_from(row.int(0)?)?,
                    id: row.uuid(1)?,
                    references: (0..n).map(|i| row.value(2 + i).as_uuid()).collect(),
                    referred: (2 + n..last).map(|i| row.value(i).to_text()).collect(),
                    wants_code: is_new && row.int(last)? == 1,
                    wants_number: is_new && row.int(last + 1)? == 1,
                })
            })
            .collect::<Result<Vec<ResolvedRow>>>()?;
        self.with_subjects(db, rows).await
    }

    /// Finds whose data rows hold that tell it through others.
    async fn with_subjects(&self, db: &mut Db, mut rows: Vec<ResolvedRow>) -> Result<Vec<ResolvedRow>> {
        let Some((field, holder)) = self.desc.subject_holder() else { return Ok(rows) };
        let Some(i) = self.references.iter().position(|r| r.field.column == field.column) else { return Ok(rows) };
        let held = |row: &ResolvedRow| row.references.get(i).copied().flatten();
        let known = subjects::of(db, holder, self.org.unwrap_or(SYSTEM), rows.iter().filter_map(held)).await?;
        for row in &mut rows {
            row.subject = held(row).and_then(|id| known.get(&id).copied());
        }
        Ok(rows)
    }

    /// The column that tells the texts of a staged key.
    fn shown(&self, i: usize) -> String {
        let letter = if is_told_apart(self.key, &self.others, i) { 't' } else { 'k' };
        format!("{letter}{i}")
    }

    /// The column of the staged keys that holds a field.
    fn staged(&self, field: &Field) -> Option<usize> {
        let others = self.others.iter().map(|f| Some(*f));
        std::iter::once(self.key.alone()).chain(others).position(|f| f.is_some_and(|f| f.column == field.column))
    }

    /// The column of the staged keys that holds the code which is made where a row has none.
    fn code(&self) -> Option<usize> {
        self.staged(self.desc.code_maker()?.0)
    }

    /// A query of the codes that rows give: none of them may be made.
    pub fn given_codes(&self) -> String {
        self.code().map_or(String::new(), |i| format!("select k{i} from import_rows where k{i} is not null"))
    }

    /// Lets numbers that are made within others come behind those that rows give.
    pub async fn count_given(&self, db: &mut Db) -> Result<()> {
        let counted = self
            .desc
            .counted()
            .and_then(|(_, within)| self.references.iter().position(|r| r.field.column == within.column));
        match counted {
            Some(i) => counts::note_given(db, self.desc, i).await,
            None => Ok(()),
        }
    }

    /// Whether every one of some rows is rejected.
    pub async fn are_rejected(&self, db: &mut Db, rows: &[u64]) -> Result<bool> {
        for number in rows {
            let sql = Sql::new("select 1 from import_rejects where n = $1 limit 1");
            let sql = sql.with([i64::try_from(*number)?.into()]).yields([ValueType::Int]);
            if db.first(sql).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Organisations, where these are what is imported, that rows will change.
    pub async fn orgs(&self, db: &mut Db) -> Result<Vec<i32>> {
        let sql = "select t.org_id from import_rows s join orgs t on t.id = s.id where s.is_new = 0";
        db.all(Sql::new(sql).yields([ValueType::Int])).await?.iter().map(|r| r.org(0)).collect()
    }
}

/// The code of a row with a quote where none may stand: what its cells are is not known.
pub const QUOTE: &str = "quote";

/// The code of a row that is no JSON, or of which it can't be told what it says.
pub const JSON: &str = "json";

/// The codes that a reject can have.
const CODES: &[&str] = &[
    QUOTE,
    JSON,
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
    "repeated_header",
    "denied",
];
