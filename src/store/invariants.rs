//! Rules that hold across rows, each written once as SQL. `Tx` runs them over the rows it touched before it commits;
//! `db check` runs them over all rows. That nothing stands below itself no query says in time that grows with the rows
//! alone: it is looked for in memory.

mod acyclic;
mod row_rules;
pub mod super_admin;

use std::collections::BTreeSet;

use uuid::Uuid;

use super::engine::db::Db;
use super::engine::sql::{Row, Sql, quoted};
use super::records;
use super::records::cycles::Graph;
use super::records::filled::filled;
use super::records::keys;
use super::records::status_sql;
use super::records::touched::{Columns, DELETED, Touched, TouchedRows};
use crate::model::kinds::Kinds;
use crate::model::kinds::org::Org;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::former::FormerKeys;
use crate::model::resource::lifecycle::ENDED;
use crate::model::resource::{Descriptor, Field, Resource as _};
use crate::model::values::value::ValueType;
use crate::store::Result;

/// One rule of one resource: the rows that break it, and the sentence for them.
///
/// Which rule is broken is asked without the words for it: a server plans what is never told as well.
pub struct Invariant {
    /// The resource whose touched rows can break the rule, standing as `t` in the query.
    pub of: &'static Descriptor,
    /// The columns of `t` that it reads: where none of them was written, a row can't have broken it.
    reads: Columns,
    /// `from ... where ...`, to which a condition on `t` is put. `{x.gone}` stands for that the row `x` is deleted.
    rows: String,
    /// What stands in the sentence for what, as expressions of text over those rows.
    told: Vec<(&'static str, String)>,
    /// Another condition, by which a query over all rows tells of two that break the rule together once.
    once: Option<&'static str>,
    /// The same over a whole organisation (`$1`), from the side that is quick to go through when a bulk load has filled it;
    /// none where new rows alone can't break the rule.
    filled: Option<String>,
    /// Whether it is asked of all rows, and not only of one that is written: what is kept as history outlives what it names.
    is_lasting: bool,
    /// The kind declares it: a row of a file may break it, and is rejected by it.
    is_declared: bool,
    /// The field at fault, where there is one.
    field: Option<&'static str>,
    /// With `{key}` in the place of the record.
    sentence: String,
    hint: String,
}

/// Every rule.
fn rules(kinds: Kinds) -> Vec<Invariant> {
    let mut rules = Vec::new();
    for desc in kinds.resources() {
        for field in desc.stored() {
            if let Some(target) = field.target() {
                rules.push(what_is_pointed_at_exists(desc, field, target));
                if desc.is_in_charge_while_open(field) {
                    rules.push(who_is_in_charge_exists(desc, field, target));
                }
                if field.lifetime().has_foreign_key() && desc.is_recorded() {
                    rules.extend(no_live_row_points_at_a_deleted_one(desc, field, target));
                }
            }
        }
        rules.extend(row_rules::of(desc));
        rules.extend(no_former_key_is_a_live_one(desc));
        if !desc.is_org() && desc.is_recorded() && !desc.is_of_the_org {
            rules.extend(no_live_row_in_a_deleted_organisation(desc));
        }
    }
    rules
}

/// `(x is null) = false` says what `x is not null` says, but does not lead SQLite's planner to the index of all rows that
/// have one, where a few are asked about by their ids.
///
/// The foreign key says so too, but only at the commit: a dry run wants to know before.
fn what_is_pointed_at_exists(desc: &'static Descriptor, field: &Field, target: &'static Descriptor) -> Invariant {
    let column = quoted(field.column);
    let is_lasting = desc.has_foreign_key(field);
    let rows = format!(
        "from {} t where (t.{column} is null) = false and not exists (
             select 1 from {} x where x.org_id = t.org_id and x.id = t.{column})",
        desc.table, target.table
    );
    Invariant {
        is_lasting,
        // Of rows that came by a file it is known already that what they name is there.
        filled: is_lasting.then(|| {
            format!(
                "from {0} t where t.org_id = $1 and t.{column} in (
                     select d.{column} from (select distinct {column} from {0} where org_id = $1 and {column} is not null) d
                      where not exists (select 1 from {1} x where x.org_id = $1 and x.id = d.{column}))",
                desc.table, target.table
            )
        }),
        sentence: format!("{} {{key}} points at a {} that does not exist ({})", desc.noun, target.noun, field.name()),
        hint: format!("point elsewhere with --{}", field.name()),
        ..Invariant::new(desc, Columns::by_names(desc, [field.column]), rows)
    }
}

/// Who is in charge of what is open is there, as long as it is; what is done keeps who did it, though that one is gone.
fn who_is_in_charge_exists(desc: &'static Descriptor, field: &Field, target: &'static Descriptor) -> Invariant {
    let rule = what_is_pointed_at_exists(desc, field, target);
    let state = desc.states.map_or("", |(column, _)| column);
    let open = format!(" and {} and {}", status_sql::live(desc, "t"), status_sql::is_open(desc, field, "t"));
    let reads = Columns::by_names(desc, [field.column, state, DELETED, ENDED]);
    Invariant { is_lasting: true, reads, rows: format!("{}{open}", rule.rows), ..rule }
}

/// Broken from either side: by the row that points, or by the one that goes.
fn no_live_row_points_at_a_deleted_one(
    desc: &'static Descriptor,
    field: &Field,
    target: &'static Descriptor,
) -> [Invariant; 2] {
    let column = quoted(field.column);
    let sentence = format!("{} {{key}} points at a deleted {} ({})", desc.noun, target.noun, field.name());
    // Flags and files name no deleted one: it is a record that comes back.
    let hint = format!("restore the {} first: 'orgctl {0} list --deleted' shows it", target.noun);
    let open = |alias: &str| status_sql::is_open(desc, field, alias);
    let pair = |pointing: &str, gone: &str| {
        format!(
            "from {} {pointing} join {} {gone} on {gone}.org_id = {pointing}.org_id and {gone}.id = {pointing}.{column}
              where {} and {{{gone}.gone}} and {}",
            desc.table,
            target.table,
            status_sql::live(desc, pointing),
            open(pointing)
        )
    };
    let filled = format!(
        "from {0} t where t.org_id = $1 and {3} and {2} and t.{column} in (
             select d.{column} from (select distinct {column} from {0} where org_id = $1 and {column} is not null) d
               join {1} x on x.org_id = $1 and x.id = d.{column} where x.deleted_at is not null)",
        desc.table,
        target.table,
        open("t"),
        status_sql::live(desc, "t")
    );
    let state = desc.states.filter(|_| desc.is_in_charge_while_open(field)).map(|(column, _)| column);
    let reads = Columns::by_names(desc, [field.column, DELETED, ENDED].into_iter().chain(state));
    let of_target = Columns::by_names(target, [DELETED]);
    broken_from_either_side((desc, reads), (target, of_target), pair, filled, (sentence, hint))
}

/// A key that means somebody since a merge is nobody's live one. Broken from either side: by the former key, and by the record
/// that gets it. All keys of the kind are asked about together, so that a server is asked once.
fn no_former_key_is_a_live_one(desc: &'static Descriptor) -> Vec<Invariant> {
    let Some(former) = desc.former() else { return Vec::new() };
    let rule = |of: &'static Descriptor, reads, of_touched| {
        let pairs = |from| {
            let of_key = |key| former_and_live(desc, former, key, from, of_touched);
            format!("from ({}) t where true", desc.key_fields().map(of_key).collect::<Vec<_>>().join(" union all "))
        };
        Invariant {
            told: vec![("{key}", "t.kept".to_owned()), ("{other}", "t.other".to_owned())],
            // All rows are asked about from the side of which there are few.
            is_lasting: of == former.desc,
            filled: Some(format!("{} and t.org_id = $1", pairs(former.desc))),
            sentence: format!("{} {{key}} is a key that {} {{other}} has", former.desc.noun, desc.noun),
            hint: format!(
                "give that {} another key, or let it have this one: 'orgctl {} remove'",
                desc.noun, former.desc.noun
            ),
            ..Invariant::new(of, Columns::by_names(of, reads), pairs(of))
        }
    };
    let of_former = vec![former.field.column, former.value.column, former.value.folded, DELETED];
    // What comes back is asked for its keys before it does, and what goes gets none.
    let of_live: Vec<&str> = desc.key_fields().map(|f| f.column).collect();
    vec![rule(former.desc, of_former, "f"), rule(desc, of_live, "x")]
}

/// The query of former keys (`f`) and live records (`x`) that have the same as one key of the kind, looked up from the side
/// of one of them. Each pair has the organisation of both, and the id of one.
fn former_and_live(desc: &Descriptor, former: FormerKeys, key: &Field, from: &Descriptor, of_touched: &str) -> String {
    let (kept, own) = (quoted(former.compared_column(key)), quoted(desc.compared_column(key)));
    let (formers, records) = (format!("{} f", former.desc.table), format!("{} x", desc.table));
    let (first, second) = if from == former.desc { (formers, records) } else { (records, formers) };
    format!(
        "select {of_touched}.org_id as org_id, {of_touched}.id as id, {} as kept, {} as other from {first} cross join {second}
          where f.org_id = x.org_id and f.{} = '{}' and f.{kept} = x.{own} and {} and {}",
        keys::words(former.desc, "f"),
        keys::words(desc, "x"),
        quoted(former.field.column),
        key.name(),
        status_sql::live(former.desc, "f"),
        status_sql::live(desc, "x")
    )
}

/// Broken from either side too.
fn no_live_row_in_a_deleted_organisation(desc: &'static Descriptor) -> [Invariant; 2] {
    let pair = |row: &str, org: &str| {
        format!(
            "from {} {row} join orgs {org} on {org}.org_id = {row}.org_id
              where {} and {{{org}.gone}}",
            desc.table,
            status_sql::live(desc, row)
        )
    };
    let filled = format!(
        "from orgs x cross join {} t
          where x.org_id = $1 and x.deleted_at is not null and t.org_id = x.org_id and {}",
        desc.table,
        status_sql::live(desc, "t")
    );
    let sentence = format!("{} {{key}} belongs to a deleted organisation", desc.noun);
    let hint = "restore the organisation first: orgctl org restore".to_owned();
    let (reads, of_org) =
        (Columns::by_names(desc, ["org_id", DELETED, ENDED]), Columns::by_names(Org::DESCRIPTOR, [DELETED]));
    broken_from_either_side((desc, reads), (Org::DESCRIPTOR, of_org), pair, filled, (sentence, hint))
}

fn broken_from_either_side(
    (desc, reads): (&'static Descriptor, Columns),
    (other, of_other): (&'static Descriptor, Columns),
    pair: impl Fn(&str, &str) -> String,
    filled: String,
    (sentence, hint): (String, String),
) -> [Invariant; 2] {
    [
        Invariant {
            filled: Some(filled),
            sentence: sentence.clone(),
            hint: hint.clone(),
            ..Invariant::new(desc, reads, pair("t", "x"))
        },
        Invariant {
            told: vec![("{key}", keys::words(desc, "x"))],
            // All rows are asked about from the other side, which tells of the same ones.
            is_lasting: false,
            sentence,
            hint,
            ..Invariant::new(other, of_other, pair("x", "t"))
        },
    ]
}

impl Invariant {
    /// One that holds at any time, and that tells of one record.
    fn new(of: &'static Descriptor, reads: Columns, rows: String) -> Invariant {
        Invariant {
            of,
            reads,
            rows,
            told: vec![("{key}", keys::words(of, "t"))],
            once: None,
            filled: None,
            is_lasting: true,
            is_declared: false,
            field: None,
            sentence: String::new(),
            hint: String::new(),
        }
    }

    fn words(&self) -> impl Iterator<Item = (String, ValueType)> {
        self.told.iter().map(|(_, text)| (text.clone(), ValueType::Text))
    }

    /// The rows among some that are named by their ids: what is deleted is not looked for among all that is.
    fn among_few(&self) -> String {
        let is_gone = |rows: String, alias: &str| {
            rows.replace(&format!("{{{alias}.gone}}"), &format!("({alias}.deleted_at is null) = false"))
        };
        ["t", "x"].into_iter().fold(self.rows.clone(), is_gone)
    }

    /// The rows among all.
    fn among_all(&self) -> String {
        let is_gone = |rows: String, alias: &str| {
            rows.replace(&format!("{{{alias}.gone}}"), &format!("{alias}.deleted_at is not null"))
        };
        ["t", "x"].into_iter().fold(self.rows.clone(), is_gone)
    }

    /// Tells of some rows what stands in the sentence for them.
    fn tells_of(&self, rows: &str) -> Sql {
        columns_of(self.words(), rows)
    }

    fn sentence(&self, row: &Row) -> Result<String> {
        let words = self.told.iter().enumerate().map(|(i, (word, _))| Ok((*word, row.text(i)?)));
        let words: Vec<(&str, &str)> = words.collect::<Result<_>>()?;
        Ok(words.into_iter().fold(self.sentence.clone(), |sentence, (word, text)| sentence.replace(word, text)))
    }

    /// In the place of a row that may not be told.
    fn of_unseen(&self) -> Row {
        Row(vec![UNSEEN.into(); self.told.len()])
    }

    fn broken_by(&self, row: &Row) -> Result<Problem> {
        let sentence = self.sentence(row)?;
        let problem = Problem { field: self.field, ..Problem::conflict(&sentence).hint(&self.hint) };
        // Which row of a file breaks it is looked for by a second run.
        Ok(if self.is_declared { problem.rule(sentence) } else { problem })
    }
}

/// Some columns of some rows.
fn columns_of(columns: impl Iterator<Item = (String, ValueType)>, rows: &str) -> Sql {
    let (texts, kinds): (Vec<String>, Vec<ValueType>) = columns.unzip();
    Sql::new(format!("select {} {rows}", texts.join(", "))).yields(kinds)
}

/// The rows of a file, written and to be undone, that break a rule which their kind declares: by their numbers. Of two that
/// break it together the later one does.
pub(super) async fn broken_in_file(db: &mut Db, desc: &'static Descriptor) -> Result<Vec<(u64, Problem)>> {
    let mut broken = Vec::new();
    for rule in rules(db.kinds()).iter().filter(|r| r.is_declared && r.of == desc) {
        if broken.is_empty() {
            let index = format!("create index if not exists {}import_rows_id on import_rows (id)", db.temp_prefix());
            db.script(index).await?;
        }
        let stands = |row: &str| format!("not exists (select 1 from import_rejects e where e.n = {row}.n)");
        let is_first =
            format!("not exists (select 1 from import_rows o where o.id = x.id and o.n > s.n and {})", stands("o"));
        let is_later = rule.once.map_or(String::new(), |_| format!(" and {is_first}"));
        let of_file = format!(
            "{} and exists (select 1 from import_rows s where s.id = t.id and {}{is_later}) limit 10000",
            rule.among_few(),
            stands("s")
        );
        let number = "(select s.n from import_rows s where s.id = t.id)".to_owned();
        let columns = std::iter::once((number, ValueType::Int)).chain(rule.words());
        let all = columns_of(columns, &of_file);
        let told: BTreeSet<i64> = match db.is_narrow() {
            true => db.telling().all(all.clone()).await?.iter().filter_map(|row| row.value(0).as_int()).collect(),
            false => BTreeSet::new(),
        };
        for mut row in db.all(all).await? {
            let number = row.0.remove(0).as_int();
            let row = if db.is_narrow() && number.is_none_or(|n| !told.contains(&n)) { rule.of_unseen() } else { row };
            broken.push((number.and_then(|n| u64::try_from(n).ok()).unwrap_or_default(), rule.broken_by(&row)?));
        }
    }
    for links in acyclic::of(desc) {
        broken.extend(links.broken_in_file(db).await?);
    }
    Ok(broken)
}

/// Rows that one statement asks about.
const CHUNK: usize = 1000;

/// The first of some rules that one of some rows breaks, all asked at once: over a network each statement is waited for.
async fn first_broken(db: &mut Db, rules: &[&Invariant], org: i32, ids: &[Uuid]) -> Result<Option<Problem>> {
    let mut all = Sql::bulk("with touched (id) as ", db.engine());
    all.bind_rows(ids.iter().copied()).push(" select case");
    for (i, rule) in rules.iter().enumerate() {
        all.push(&format!(" when exists (select 1 {} and t.org_id = ", rule.among_few())).bind(org);
        all.push(&format!(" and t.id in (select id from touched)) then {i}"));
    }
    all.push(" end");
    let Some(i) = db.one(all.yields([ValueType::Int])).await?.value(0).as_int() else { return Ok(None) };
    let rule = rules[usize::try_from(i)?];
    let mut told = rule.tells_of(&rule.among_few());
    push_among(&mut told, org, ids).push(" limit 1");
    // Which rows break it is checked of all; their names are told as far as they may be.
    let told = db.telling().first(told).await?;
    Ok(Some(rule.broken_by(&told.unwrap_or_else(|| rule.of_unseen()))?))
}

/// What stands for the name of a record that may not be told.
const UNSEEN: &str = "that you can't see";

/// Refuses the transaction if a touched row breaks a rule that reads what was written of it.
pub async fn check_touched(db: &mut Db, touched: &[Touched]) -> Result<()> {
    if touched.is_empty() {
        return Ok(());
    }
    let rules = rules(db.kinds());
    for desc in db.kinds().resources() {
        let rows = TouchedRows::of(desc, touched);
        if rows.is_empty() {
            continue;
        }
        let of_kind: Vec<&Invariant> = rules.iter().filter(|r| r.of == desc).collect();
        let reads: Vec<Columns> = of_kind.iter().map(|r| r.reads).collect();
        for (concerned, org, ids) in rows.concerned(&reads, CHUNK) {
            let concerned: Vec<&Invariant> = concerned.into_iter().map(|i| of_kind[i]).collect();
            if let Some(problem) = first_broken(db, &concerned, org, &ids).await? {
                return Err(problem.into());
            }
        }
        for field in desc.trees() {
            for (org, ids) in rows.with(Columns::by_names(desc, [field.column]), CHUNK) {
                let sql = ancestors(desc, field, among(org, &ids));
                refuse_cycle(find_cycle(db, desc, org, sql, &|id| ids.contains(&id)).await?, field)?;
            }
        }
        for links in acyclic::of(desc) {
            for (org, ids) in rows.with(links.reads(), CHUNK) {
                links.check_touched(db, org, &ids).await?;
            }
        }
    }
    Ok(())
}

/// A condition on `t`: one of some rows of an organisation.
fn among(org: i32, ids: &[Uuid]) -> Sql {
    let mut condition = Sql::default();
    push_among(&mut condition, org, ids);
    condition
}

fn push_among<'a>(sql: &'a mut Sql, org: i32, ids: &[Uuid]) -> &'a mut Sql {
    sql.push(" and t.org_id = ").bind(org).push(" and t.id in ").bind_rows(ids.iter().copied())
}

/// Refuses the transaction if a row breaks a rule of a kind that was filled in bulk.
pub async fn check_filled(db: &mut Db, filled: &[(&'static Descriptor, i32)]) -> Result<()> {
    for (desc, org) in filled {
        for rule in rules(db.kinds()).iter().filter(|r| r.of == *desc) {
            let Some(text) = &rule.filled else { continue };
            let sql = rule.tells_of(&format!("{text} limit 1")).with([(*org).into()]);
            if let Some(row) = db.first(sql.clone()).await? {
                let told = if db.is_narrow() { db.telling().first(sql).await? } else { Some(row) };
                return Err(rule.broken_by(&told.unwrap_or_else(|| rule.of_unseen()))?.into());
            }
        }
        for field in desc.trees() {
            let found = find_cycle(db, desc, *org, all_inner(desc, field, *org), &|_| false).await?;
            refuse_cycle(found, field)?;
        }
        for links in acyclic::of(desc) {
            links.check_all(db, *org).await?;
        }
    }
    Ok(())
}

/// Refuses more users than an organisation may have: all that are with it, invited and blocked ones too (DOMAIN.md,
/// section 1). Under the organisation's lock nobody else adds one meanwhile.
pub async fn check_limits(db: &mut Db, touched: &[Touched], filled: &[(&'static Descriptor, i32)]) -> Result<()> {
    let read = [
        (User::DESCRIPTOR, Columns::by_names(User::DESCRIPTOR, ["is_active", DELETED])),
        (Org::DESCRIPTOR, Columns::by_names(Org::DESCRIPTOR, ["max_users"])),
    ];
    let counts =
        |desc: &Descriptor, written: Columns| read.iter().any(|(of, read)| *of == desc && written.intersects(*read));
    let orgs = touched.iter().filter(|t| counts(t.desc, t.columns)).map(|t| t.org);
    let filled = filled.iter().filter(|(desc, _)| counts(desc, Columns::of_new(desc))).map(|(_, org)| *org);
    let orgs: BTreeSet<i32> = orgs.chain(filled).collect();
    for org in orgs {
        if let Some((code, most, n)) = too_many_users(db, org).await? {
            return Err(Problem::conflict(format!(
                "organisation {code} may have {most} users; this would make it {n}"
            ))
            .hint(format!("deactivate some, or raise the limit: orgctl org update {code} --max-users N"))
            .into());
        }
    }
    Ok(())
}

/// The code of an organisation that has more users than it may, with both numbers.
async fn too_many_users(db: &mut Db, org: i32) -> Result<Option<(String, i64, i64)>> {
    let sql = "select code, max_users from orgs where org_id = $1 and max_users is not null";
    let sql = Sql::new(sql).with([org.into()]).yields([ValueType::Text, ValueType::Int]);
    let Some(row) = db.first(sql).await? else { return Ok(None) };
    let most = row.int(1)?;
    let n = "select count(*) from users where org_id = $1 and is_active and deleted_at is null";
    let n = db.one(Sql::new(n).with([org.into()]).yields([ValueType::Int])).await?.int(0)?;
    Ok((n > most).then(|| (row.value(0).to_text(), most, n)))
}

/// What some rows, and all that is above them, stand below.
fn ancestors(desc: &'static Descriptor, field: &Field, touched: Sql) -> Sql {
    let (column, table) = (quoted(field.column), desc.table);
    // UNION, not UNION ALL: a row seen before is not followed again, so that the climb ends in any graph.
    let text = format!(
        "with recursive up (org_id, id, above) as (
             select t.org_id, t.id, t.{column} from {table} t where (t.{column} is null) = false {}
             union
             select p.org_id, p.id, p.{column} from up join {table} p on p.org_id = up.org_id and p.id = up.above
              where p.{column} is not null
         )
         select id, above from up",
        touched.text
    );
    Sql::new(text).with(touched.args)
}

/// What the rows of an organisation stand below that are pointed at: who stands in a cycle is, and of a tree's rows few are.
pub fn all_inner(desc: &'static Descriptor, field: &Field, org: i32) -> Sql {
    let (column, table) = (quoted(field.column), desc.table);
    let text = format!(
        "select t.id, t.{column}
           from (select distinct {column} from {table} where org_id = $1 and {column} is not null) d
          cross join {table} t where t.org_id = $1 and t.id = d.{column} and t.{column} is not null"
    );
    Sql::new(text).with([org.into()])
}

/// Notes what rows stand below, as a query of [`all_inner`]'s form says.
pub async fn note(db: &mut Db, graph: &mut Graph, sql: Sql) -> Result<()> {
    db.each(sql.yields([ValueType::Uuid, ValueType::Uuid]), |row| {
        graph.add_edge(row.uuid(0)?, row.uuid(1)?);
        Ok(())
    })
    .await
}

/// A record that stands below itself, among those that a query tells of; rather one that was touched.
async fn find_cycle(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    sql: Sql,
    touched: &dyn Fn(Uuid) -> bool,
) -> Result<Option<String>> {
    let mut graph = Graph::default();
    note(db, &mut graph, sql).await?;
    let Some(cycle) = graph.find_cycles().into_iter().next() else { return Ok(None) };
    let id = cycle.iter().copied().find(|id| touched(*id)).unwrap_or(cycle[0]);
    let key = records::load(db, desc, org, id).await?.map_or_else(|| id.to_string(), |r| r.key());
    Ok(Some(format!("{} {key} can't stand below itself", desc.noun)))
}

fn refuse_cycle(found: Option<String>, field: &Field) -> Result<()> {
    match found {
        Some(sentence) => {
            Err(Problem::conflict(sentence).hint(format!("choose a {} that is not below it", field.name())).into())
        }
        None => Ok(()),
    }
}

/// Every sentence that all rows together call for.
pub async fn check_all(db: &mut Db) -> Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    let filled = filled(db, db.kinds().resources().map(|desc| desc.table), None).await?;
    for rule in rules(db.kinds()).iter().filter(|r| r.is_lasting && filled.contains(r.of.table)) {
        let rows = format!("{}{} limit 20", rule.among_all(), rule.once.unwrap_or_default());
        for row in db.all(rule.tells_of(&rows)).await? {
            let sentence = rule.sentence(&row)?;
            if !found.contains(&sentence) {
                found.push(sentence);
            }
        }
    }
    for org in all_orgs(db).await? {
        if let Some((code, most, n)) = too_many_users(db, org).await? {
            found.push(format!("organisation {code} may have {most} users, and has {n}"));
        }
        for desc in db.kinds().resources().filter(|d| !d.is_org()) {
            for field in desc.trees() {
                found.extend(find_cycle(db, desc, org, all_inner(desc, field, org), &|_| false).await?);
            }
            for links in acyclic::of(desc) {
                if let Err(e) = links.check_all(db, org).await {
                    found.push(e.problem()?.sentence);
                }
            }
        }
    }
    Ok(found)
}

async fn all_orgs(db: &mut Db) -> Result<Vec<i32>> {
    let sql = Sql::new("select org_id from orgs order by org_id").yields([ValueType::Int]);
    db.all(sql).await?.iter().map(|row| row.org(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::user_branch::UserBranch;

    /// How many rules an update of some columns has to do with.
    fn held_against(desc: &'static Descriptor, written: &[&str]) -> usize {
        let written = Columns::by_names(desc, written.iter().copied());
        rules(Kinds::default()).iter().filter(|r| r.of == desc && r.reads.intersects(written)).count()
    }

    #[test]
    fn a_rule_is_held_where_what_it_reads_was_written() {
        let user = User::DESCRIPTOR;
        let plain = ["designation", "is_active", "version", "updated_at", "updated_by"];
        assert_eq!(held_against(user, &plain), 0);
        // That it means nobody else since a merge is asked once, of all keys.
        assert_eq!(held_against(user, &["email"]), 1);
        assert_eq!(held_against(user, &["user_code", "email", "username", "external_id"]), 1);
        // Whom it names is there, and is not deleted.
        assert_eq!(held_against(user, &["department_id"]), 2);
        assert_eq!(held_against(user, &["department_id", "reports_to_id"]), 4);
        // The branch is told by a link, of which only one is the own one.
        assert_eq!(held_against(user, &["branch_id"]), 0);
        assert_eq!(held_against(UserBranch::DESCRIPTOR, &["branch_id"]), 2);
        assert_eq!(held_against(UserBranch::DESCRIPTOR, &["is_primary"]), 1);
        // Department and superior live; so do those whom it leads: of branches, of departments, of people, of roles; which
        // branches he or she is of, what he or she knows about, was called formerly, has set, proves himself or herself with,
        // which roles he or she has, what he or she agreed to, and what papers say and are to be looked at; and the organisation.
        assert_eq!(held_against(user, &[DELETED]), 2 + 5 + 6 + 3 + 1);
        let of_new = |r: &&Invariant| r.of == user && r.reads.intersects(Columns::of_new(user));
        assert_eq!(rules(Kinds::default()).iter().filter(of_new).count(), 2 + 2 + 1 + 1);
        assert_eq!(held_against(Org::DESCRIPTOR, &["name", "max_users"]), 0);
        // Branches and who is of them, departments, users with their former keys and what they prove themselves with,
        // specialties and who has them, features, permissions, and roles with what they give, what they inherit from and who
        // has them, what people agreed to, what papers say and who owns businesses live in one that does; what is set is its own.
        assert_eq!(held_against(Org::DESCRIPTOR, &[DELETED]), 8 + 2 + 5 + 3);
    }
}
