//! Rules that hold across rows, each written once as SQL. `Tx` runs them over the rows it touched before it commits;
//! `db check` runs them over all rows.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use uuid::Uuid;

use super::db::Db;
use super::records;
use super::sql::{Sql, quoted};
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Field};
use crate::model::value::Kind;
use crate::model::{RESOURCES, resource};

/// A record that a transaction touched.
pub type Touched = (&'static Descriptor, i32, Uuid);

/// One rule of one resource: a query that yields the keys of rows that break it, and the sentence for them.
pub struct Rule {
    /// The resource whose touched rows can break the rule, standing as `t` in the query.
    pub of: &'static Descriptor,
    /// `select key ... where ... {touched}`.
    sql: String,
    /// The same over a whole organisation (`$1`), from the side that is quick to go through when a bulk load has filled it;
    /// none where new rows alone can't break the rule.
    filled: Option<String>,
    /// With `{key}` in the place of the record.
    sentence: String,
    hint: String,
}

/// Every rule.
pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for desc in RESOURCES.iter().copied() {
        for field in desc.fields {
            if let Some(target) = field.target().and_then(resource) {
                rules.push(what_is_pointed_at_exists(desc, field, target));
                rules.extend(no_live_row_points_at_a_deleted_one(desc, field, target));
                if target == desc {
                    rules.push(no_cycle(desc, field));
                }
            }
        }
        if !desc.is_org() {
            rules.push(no_live_row_in_a_deleted_organisation(desc));
        }
    }
    rules
}

/// The foreign key says so too, but only at the commit: a dry run wants to know before.
fn what_is_pointed_at_exists(desc: &'static Descriptor, field: &Field, target: &'static Descriptor) -> Rule {
    let (key, column) = (quoted(desc.key().column), quoted(field.column));
    Rule {
        of: desc,
        sql: format!(
            "select t.{key} from {} t where t.{column} is not null and not exists (
                 select 1 from {} x where x.org_id = t.org_id and x.id = t.{column})",
            desc.table, target.table
        ),
        filled: Some(format!(
            "select t.{key} from {0} t where t.org_id = $1 and t.{column} in (
                 select d.{column} from (select distinct {column} from {0} where org_id = $1 and {column} is not null) d
                  where not exists (select 1 from {1} x where x.org_id = $1 and x.id = d.{column}))",
            desc.table, target.table
        )),
        sentence: format!("{} {{key}} points at a {} that does not exist ({})", desc.noun, target.noun, field.name()),
        hint: format!("point elsewhere with --{}", field.name()),
    }
}

/// Broken from either side: by the row that points, or by the one that goes.
fn no_live_row_points_at_a_deleted_one(
    desc: &'static Descriptor,
    field: &Field,
    target: &'static Descriptor,
) -> [Rule; 2] {
    let (key, column) = (quoted(desc.key().column), quoted(field.column));
    let sentence = format!("{} {{key}} points at a deleted {} ({})", desc.noun, target.noun, field.name());
    let hint = format!("restore the {0}, or point elsewhere with --{1}", target.noun, field.name());
    let pair = |pointing: &str, gone: &str| {
        format!(
            "select {pointing}.{key} from {} {pointing} join {} {gone} on {gone}.org_id = {pointing}.org_id
                and {gone}.id = {pointing}.{column}
              where {pointing}.deleted_at is null and {gone}.deleted_at is not null",
            desc.table, target.table
        )
    };
    let filled = format!(
        "select t.{key} from {0} t where t.org_id = $1 and t.deleted_at is null and t.{column} in (
             select d.{column} from (select distinct {column} from {0} where org_id = $1 and {column} is not null) d
               join {1} x on x.org_id = $1 and x.id = d.{column} where x.deleted_at is not null)",
        desc.table, target.table
    );
    [
        Rule { of: desc, sql: pair("t", "x"), filled: Some(filled), sentence: sentence.clone(), hint: hint.clone() },
        Rule { of: target, sql: pair("x", "t"), filled: None, sentence, hint },
    ]
}

/// Climbs from each row; a row that is met again stands in its own way.
fn no_cycle(desc: &'static Descriptor, field: &Field) -> Rule {
    let (key, column, table) = (quoted(desc.key().column), quoted(field.column), desc.table);
    Rule {
        of: desc,
        // UNION, not UNION ALL: a pair seen before is not followed again, so that the climb ends in any graph.
        sql: format!(
            "with recursive up (org_id, start_id, id) as (
                 select t.org_id, t.id, t.{column} from {table} t where t.{column} is not null {{touched}}
                 union
                 select up.org_id, up.start_id, p.{column}
                   from up join {table} p on p.org_id = up.org_id and p.id = up.id
                  where p.{column} is not null
             )
             select s.{key} from up cross join {table} s
              where up.id = up.start_id and s.org_id = up.org_id and s.id = up.start_id"
        ),
        // [`check_rings`] looks through a whole organisation.
        filled: None,
        sentence: format!("{} {{key}} can't stand below itself", desc.noun),
        hint: format!("choose a {} that is not below it", field.name()),
    }
}

fn no_live_row_in_a_deleted_organisation(desc: &'static Descriptor) -> Rule {
    let key = quoted(desc.key().column);
    Rule {
        of: desc,
        sql: format!(
            "select t.{key} from {} t join orgs x on x.org_id = t.org_id where t.deleted_at is null and x.deleted_at is not null",
            desc.table
        ),
        filled: Some(format!(
            "select t.{key} from orgs x cross join {} t
              where x.org_id = $1 and x.deleted_at is not null and t.org_id = x.org_id and t.deleted_at is null",
            desc.table
        )),
        sentence: format!("{} {{key}} belongs to a deleted organisation", desc.noun),
        hint: "restore the organisation first: orgctl org restore".to_owned(),
    }
}

impl Rule {
    fn statement(&self, touched: &str) -> Sql {
        let text = if self.sql.contains("{touched}") {
            self.sql.replace("{touched}", touched)
        } else {
            format!("{}{touched}", self.sql)
        };
        Sql::new(format!("{text} limit 20")).yields([Kind::Text])
    }

    fn sentence(&self, key: &str) -> String {
        self.sentence.replace("{key}", key)
    }
}

/// Rows named in one statement.
const CHUNK: usize = 400;

/// Refuses the transaction if a touched row breaks a rule.
pub async fn check_touched(db: &mut Db, touched: &[Touched]) -> Result<()> {
    if touched.is_empty() {
        return Ok(());
    }
    for rule in rules() {
        let mut rows: Vec<_> = touched.iter().filter(|(desc, _, _)| *desc == rule.of).collect();
        rows.sort_by_key(|(_, org, id)| (*org, *id));
        rows.dedup_by_key(|(_, org, id)| (*org, *id));
        for same_org in rows.chunk_by(|a, b| a.1 == b.1) {
            for chunk in same_org.chunks(CHUNK) {
                let mut condition = Sql::default();
                condition.push(" and t.org_id = ").bind(chunk[0].1).push(" and t.id in ");
                condition.bind_rows(chunk.iter().map(|(_, _, id)| *id));
                let sql = rule.statement(&condition.text).with(condition.args);
                if let Some(row) = db.first(sql).await? {
                    return Err(Problem::conflict(rule.sentence(row.text(0)?)).hint(rule.hint.clone()).into());
                }
            }
        }
    }
    Ok(())
}

/// Refuses the transaction if a row breaks a rule of a kind that was filled in bulk.
pub async fn check_filled(db: &mut Db, filled: &[(&'static Descriptor, i32)]) -> Result<()> {
    for (desc, org) in filled {
        for rule in rules().iter().filter(|r| r.of == *desc) {
            let Some(text) = &rule.filled else { continue };
            let sql = Sql::new(format!("{text} limit 1")).with([(*org).into()]).yields([Kind::Text]);
            if let Some(row) = db.first(sql).await? {
                return Err(Problem::conflict(rule.sentence(row.text(0)?)).hint(rule.hint.clone()).into());
            }
        }
        if let Some(field) = desc.parent() {
            check_rings(db, desc, field, *org).await?;
        }
    }
    Ok(())
}

/// Who stands in a ring is pointed at, and of a tree's rows few are: these alone are climbed, in memory.
async fn check_rings(db: &mut Db, desc: &'static Descriptor, field: &'static Field, org: i32) -> Result<()> {
    let (column, table) = (quoted(field.column), desc.table);
    let sql = format!(
        "select t.id, t.{column}
           from (select distinct {column} from {table} where org_id = $1 and {column} is not null) d
          cross join {table} t where t.org_id = $1 and t.id = d.{column} and t.{column} is not null"
    );
    let mut above: HashMap<Uuid, Uuid> = HashMap::new();
    db.each(Sql::new(sql).with([org.into()]).yields([Kind::Uuid, Kind::Uuid]), |row| {
        above.insert(row.uuid(0)?, row.uuid(1)?);
        Ok(())
    })
    .await?;
    let mut done: HashSet<Uuid> = HashSet::new();
    for start in above.keys() {
        let (mut path, mut at) = (HashSet::new(), Some(start));
        while let Some(id) = at.filter(|id| !done.contains(*id)) {
            if !path.insert(*id) {
                let key = records::load(db, desc, org, *id).await?.map_or_else(|| id.to_string(), |r| r.key());
                let rule = no_cycle(desc, field);
                return Err(Problem::conflict(rule.sentence(&key)).hint(rule.hint).into());
            }
            at = above.get(id);
        }
        done.extend(path);
    }
    Ok(())
}

/// Every sentence that all rows together call for.
pub async fn check_all(db: &mut Db) -> Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for rule in rules() {
        for row in db.all(rule.statement("")).await? {
            let sentence = rule.sentence(row.text(0)?);
            if !found.contains(&sentence) {
                found.push(sentence);
            }
        }
    }
    Ok(found)
}
