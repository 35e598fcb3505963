//! Stored values that can't be: what a column's own rules exclude, and what can't be read. Both are looked for in every
//! table, from the text of the migrations, and not from what is in the database, whose rules may be gone.

use std::sync::{Arc, Mutex, PoisonError};

use super::migrate;
use crate::model::kinds::Kinds;
use crate::model::resource::{Descriptor, Field};
use crate::model::values::value::{Value, ValueType};
use crate::store::backup::partial::MARK;
use crate::store::engine::db::Db;
use crate::store::engine::location::Engine;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::filled::filled;
use crate::store::{Error, Result};

/// A table as the migrations make it.
#[derive(Debug, Default)]
pub struct Table {
    pub name: String,
    /// Name and type, lower case.
    pub columns: Vec<(String, String)>,
    /// Columns that the database itself makes of the others.
    pub computed: Vec<String>,
    pub key: Vec<String>,
    /// The column that a rule is of, if it is of one, and its expression.
    pub checks: Vec<(Option<String>, String)>,
    pub references: Vec<Reference>,
}

/// What a foreign key says, whether or not it is still there.
#[derive(Debug, Clone)]
pub struct Reference {
    pub columns: Vec<String>,
    pub target: String,
    pub keys: Vec<String>,
}

/// Every table that the migrations make, besides those of the search index.
pub fn tables(kinds: Kinds, engine: Engine) -> Result<Arc<[Table]>> {
    tables_at(kinds, engine, i64::MAX)
}

/// As [`tables`], at a version of the schema. Each is read once: a check asks for them several times.
pub fn tables_at(kinds: Kinds, engine: Engine, version: i64) -> Result<Arc<[Table]>> {
    type Known = (Kinds, Engine, i64, Arc<[Table]>);
    static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());
    let is_it = |(k, e, v, _): &&Known| k.is(kinds) && (*e, *v) == (engine, version);
    if let Some((.., tables)) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).iter().find(is_it) {
        return Ok(tables.clone());
    }
    let tables: Arc<[Table]> = read(kinds, engine, version)?.into();
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).push((kinds, engine, version, tables.clone()));
    Ok(tables)
}

fn read(kinds: Kinds, engine: Engine, version: i64) -> Result<Vec<Table>> {
    let mut tables: Vec<Table> = Vec::new();
    for migration in migrate::all(kinds, engine)?.into_iter().filter(|m| m.version <= version) {
        let lines = migration.up.lines().filter(|l| !l.trim_start().starts_with("--"));
        let text: String = lines.map(|l| format!("{l}\n")).collect();
        for statement in statements(&text) {
            apply(&mut tables, statement);
        }
    }
    apply(&mut tables, &migrate::own_table(engine));
    if version == migrate::latest(kinds, engine)? {
        // What is not read here is in no backup.
        let is_read =
            |name: &str| tables.iter().any(|t| t.name == name && (!t.key.is_empty() || engine == Engine::Sqlite));
        let missing = super::tables(kinds).into_iter().find(|(name, _)| !is_read(name));
        if let Some((name, _)) = missing {
            return Err(Error::bug(format!(
                "the migrations make no table {name} with a PRIMARY KEY, in words that are read (CREATE TABLE, ALTER TABLE)"
            )));
        }
    }
    for table in &mut tables {
        // What no foreign key says: an organisation has a trail, also where it is gone itself.
        let is_said = table.references.iter().any(|r| r.columns.iter().any(|c| c == "org_id"));
        if !is_said && table.columns.iter().any(|(c, _)| c == "org_id") {
            let (columns, keys) = (vec!["org_id".to_owned()], vec!["tree".to_owned()]);
            table.references.push(Reference { columns, target: "audit_heads".to_owned(), keys });
        }
    }
    Ok(tables)
}

fn apply(tables: &mut Vec<Table>, statement: &str) {
    let words: Vec<&str> = statement.split_whitespace().collect();
    match words.as_slice() {
        ["CREATE", "TABLE", "IF", "NOT", "EXISTS", name, ..] | ["CREATE", "TABLE", name, ..] => {
            let mut table = Table { name: (*name).to_owned(), ..Table::default() };
            let body = statement.split_once('(').map_or("", |(_, rest)| rest);
            for item in items(body) {
                define(&mut table, item);
            }
            tables.push(table);
        }
        ["DROP", "TABLE", name, ..] => tables.retain(|t| t.name != name.trim_end_matches(';')),
        ["ALTER", "TABLE", name, "RENAME", "TO", new, ..] => {
            let new = new.trim_end_matches(';');
            for table in tables {
                table.references.iter_mut().filter(|r| r.target == *name).for_each(|r| r.target = new.to_owned());
                if table.name == *name {
                    table.name = new.to_owned();
                }
            }
        }
        ["ALTER", "TABLE", name, "ADD", what @ ("COLUMN" | "FOREIGN"), ..] => {
            let item = statement.split_once(" ADD ").map_or("", |(_, item)| item.trim());
            let item = if *what == "COLUMN" { item.trim_start_matches("COLUMN") } else { item };
            if let Some(table) = tables.iter_mut().find(|t| t.name == *name) {
                define(table, item.trim());
            }
        }
        _ => {}
    }
}

/// One line between commas of a table: a column, or a rule.
fn define(table: &mut Table, item: &str) {
    let mut words = item.split_whitespace();
    let first = words.next().unwrap_or_default();
    let column = match first {
        "CHECK" | "UNIQUE" | "FOREIGN" => None,
        "PRIMARY" => {
            table.key = names(item);
            None
        }
        name => {
            table.columns.push((name.to_owned(), words.next().unwrap_or_default().to_lowercase()));
            if item.contains(" AS (") || item.contains("GENERATED ALWAYS AS\n") {
                table.computed.push(name.to_owned());
            }
            if item.contains("PRIMARY KEY") {
                table.key = vec![name.to_owned()];
            }
            Some(name.to_owned())
        }
    };
    if let Some((of, to)) = item.split_once("REFERENCES ") {
        let columns = column.clone().map_or_else(|| names(of), |c| vec![c]);
        let target = to.split([' ', '(']).next().unwrap_or_default().to_owned();
        table.references.push(Reference { columns, target, keys: names(to) });
    }
    let mut rest = item;
    while let Some(at) = rest.find("CHECK (") {
        let expression = &rest[at + "CHECK (".len()..];
        let end = closing(expression);
        table.checks.push((column.clone(), expression[..end].to_owned()));
        rest = &expression[end..];
    }
}

/// The names between the first parentheses of a text.
fn names(text: &str) -> Vec<String> {
    let inner = text.split_once('(').map_or("", |(_, rest)| &rest[..closing(rest)]);
    inner.split(',').map(|c| c.trim().to_owned()).collect()
}

/// Where the parenthesis that was opened in front of a text is closed, or the end.
fn closing(text: &str) -> usize {
    let (mut depth, mut quoted) = (0, false);
    for (i, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => return i,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// What stands between the commas of a list, up to its end.
fn items(body: &str) -> Vec<&str> {
    let body = &body[..closing(body)];
    let (mut found, mut depth, mut quoted, mut from) = (Vec::new(), 0, false, 0);
    for (i, c) in body.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                found.push(body[from..i].trim());
                from = i + 1;
            }
            _ => {}
        }
    }
    found.push(body[from..].trim());
    found
}

/// Statements of a script; bodies of functions are none that make a table.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split(";\n").map(str::trim)
}

/// Most rows of one table whose values are named.
const SHOWN: usize = 20;

/// Every stored value that can't be: table, row and column.
pub async fn invalid_values(db: &mut Db) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let tables = tables(db.kinds(), db.engine())?;
    let filled = filled(db, tables.iter().map(|table| table.name.as_str()), None).await?;
    for table in tables.iter().filter(|table| filled.contains(table.name.as_str())) {
        found.extend(unreadable(db, table).await?);
        found.extend(against_rules(db, table).await?);
        // What rows refer to may have been left out.
        let is_there = |r: &&Reference| db.partial.as_ref().is_none_or(|part| part.has(&r.target));
        for reference in table.references.iter().filter(is_there).collect::<Vec<_>>() {
            found.extend(dangling(db, table, reference).await?);
        }
    }
    for desc in db.kinds().resources().filter(|d| d.folded().next().is_some() && filled.contains(d.table)) {
        if db.partial.as_ref().is_none_or(|part| part.has(desc.table)) {
            found.extend(folded_otherwise(db, desc).await?);
        }
    }
    found.extend(undeclared(db.kinds(), db.engine())?);
    found.extend(migrations(db).await?);
    Ok(found)
}

/// Rules that the declarations of kinds ask for and their migrations don't make.
fn undeclared(kinds: Kinds, engine: Engine) -> Result<Vec<String>> {
    let plain = |rule: &str| rule.split_whitespace().collect::<Vec<_>>().join(" ");
    let tables = tables(kinds, engine)?;
    let mut found = Vec::new();
    for (desc, (column, states)) in kinds.resources().filter_map(|d| Some((d, d.states?))) {
        let made: Vec<String> = match tables.iter().find(|t| t.name == desc.table) {
            Some(table) => table.checks.iter().map(|(_, rule)| plain(rule)).collect(),
            None => Vec::new(),
        };
        let lacking = states.checks(column).into_iter().filter(|rule| !made.contains(rule));
        found.extend(lacking.map(|rule| format!("table {}: its migrations lack CHECK ({rule})", desc.table)));
    }
    Ok(found)
}

/// How a row is called: its id where it has one, else its key.
fn row_key(table: &Table) -> Vec<&str> {
    let has = |name: &str| table.columns.iter().any(|(c, _)| c == name);
    let key: Vec<&str> = table.key.iter().map(String::as_str).collect();
    if has("id") && has("org_id") { vec!["org_id", "id"] } else { key }
}

fn row_of(table: &Table, names: &[&str], values: &[Option<Value>]) -> String {
    let word = |v: &Option<Value>| v.as_ref().map_or_else(|| "?".to_owned(), Value::to_text);
    let key: Vec<String> = names.iter().zip(values).map(|(n, v)| format!("{n} {}", word(v))).collect();
    format!("table {}, row with {}", table.name, key.join(", "))
}

/// Values that can't be read as what they should be.
async fn unreadable(db: &mut Db, table: &Table) -> Result<Vec<String>> {
    // Those of the trail are read, and their texts proven, by `audit verify`.
    let is_trail = matches!(table.name.as_str(), "audit_records" | "audit_requests");
    let names = row_key(table);
    let mut columns: Vec<(&str, ValueType)> = names.iter().map(|n| (*n, kind(db.kinds(), table, n))).collect();
    let is_read =
        |name: &str| !is_trail || name == "at" || name == "request_id" || name == "resource_id" || name == "subject_id";
    let rest = table.columns.iter().filter(|(c, ty)| is_read(c) && !names.contains(&c.as_str()) && ty != "tsvector");
    columns.extend(rest.map(|(c, _)| (c.as_str(), kind(db.kinds(), table, c))));
    let list: Vec<String> = columns.iter().map(|(c, _)| quoted(c)).collect();
    let sql = Sql::new(format!("select {} from {}", list.join(", "), table.name));
    let (mut found, mut rows) = (Vec::new(), 0);
    db.each_readable(sql.yields(columns.iter().map(|(_, kind)| *kind)), |values| {
        rows += usize::from(values.contains(&None));
        for ((column, _), _) in columns.iter().zip(&values).filter(|(_, v)| v.is_none()) {
            if rows <= SHOWN {
                let row = row_of(table, &names, &values[..names.len().min(values.len())]);
                found.push(format!("{row}: the value of {column} can't be read"));
            }
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// What a column holds: as its kind of record says, else as its type does.
fn kind(kinds: Kinds, table: &Table, column: &str) -> ValueType {
    let of =
        |desc: &&Descriptor| crate::store::records::read_columns(desc).into_iter().find(|(name, _)| *name == column);
    let declared = kinds.by_table(&table.name).and_then(|d| of(&d));
    let ty = table.columns.iter().find(|(name, _)| name == column).map_or("", |(_, ty)| ty.as_str());
    declared.map(|(_, kind)| kind).unwrap_or(match ty {
        "boolean" => ValueType::Bool,
        "text" if column.ends_with("_ip") || column == "ip" => ValueType::Ip,
        "text" if column == "context" || (table.name == "backups" && column == "heads") => ValueType::Json,
        "text" => ValueType::Text,
        "uuid" => ValueType::Uuid,
        "timestamptz" => ValueType::Time,
        "date" => ValueType::Date,
        "inet" => ValueType::Ip,
        "blob" if column == "id" || column.ends_with("_id") => ValueType::Uuid,
        "bytea" | "blob" => ValueType::Bytes,
        ty if ty.starts_with("numeric") => ValueType::Decimal,
        "integer" if column == "at" || column.ends_with("_at") => ValueType::Time,
        _ => ValueType::Int,
    })
}

/// Values that the rules of their table exclude.
async fn against_rules(db: &mut Db, table: &Table) -> Result<Vec<String>> {
    if table.checks.is_empty() {
        return Ok(Vec::new());
    }
    let names = row_key(table);
    let mut list: Vec<String> = names.iter().map(|n| quoted(n)).collect();
    // A rule that says nothing of NULL holds.
    let holds: Vec<String> = table.checks.iter().map(|(_, rule)| format!("coalesce(({rule}), true)")).collect();
    list.extend(holds.iter().cloned());
    let sql =
        format!("select {} from {} where not ({}) limit {SHOWN}", list.join(", "), table.name, holds.join(" and "));
    let kinds = names.iter().map(|n| kind(db.kinds(), table, n)).chain(holds.iter().map(|_| ValueType::Bool));
    let mut found = Vec::new();
    db.each_readable(Sql::new(sql).yields(kinds), |values| {
        let row = row_of(table, &names, &values);
        for ((column, rule), value) in table.checks.iter().zip(&values[names.len()..]) {
            if value.as_ref().and_then(Value::as_bool) == Some(false) {
                let rule = rule.split_whitespace().collect::<Vec<_>>().join(" ");
                let what = column.as_ref().map_or_else(|| "its values".to_owned(), |c| format!("the value of {c}"));
                found.push(format!("{row}: {what} can't be ({rule})"));
            }
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// What keys are compared by, where it is not what their texts fold to: two records could have one key, or one be found by
/// none.
async fn folded_otherwise(db: &mut Db, desc: &'static Descriptor) -> Result<Vec<String>> {
    let fields: Vec<&Field> = desc.folded().collect();
    let columns: Vec<String> = fields.iter().flat_map(|f| [f.column, f.folded]).map(quoted).collect();
    let sql = Sql::new(format!("select org_id, id, {} from {}", columns.join(", "), desc.table));
    let kinds = [ValueType::Int, ValueType::Uuid].into_iter();
    let mut found = Vec::new();
    db.each_readable(sql.yields(kinds.chain(columns.iter().map(|_| ValueType::Text))), |values| {
        for (field, pair) in fields.iter().zip(values[2..].as_chunks::<2>().0) {
            // What can't be read is told of elsewhere.
            let [Some(text), Some(folded)] = pair else { continue };
            if field.key_value(text) != *folded && found.len() < SHOWN {
                let word = |v: &Option<Value>| v.as_ref().map_or_else(|| "?".to_owned(), Value::to_text);
                let (org, id) = (word(&values[0]), word(&values[1]));
                let row = format!("table {}, row with org_id {org}, id {id}", desc.table);
                found.push(format!(
                    "{row}: the value of {} can't be (it is not what {} folds to)",
                    field.folded, field.column
                ));
            }
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// Values that refer to what is not there: a constraint may be gone, or have been passed over.
async fn dangling(db: &mut Db, table: &Table, reference: &Reference) -> Result<Vec<String>> {
    let names = row_key(table);
    let list: Vec<String> = names.iter().map(|n| format!("t.{}", quoted(n))).collect();
    let given: Vec<String> = reference.columns.iter().map(|c| format!("t.{} is not null", quoted(c))).collect();
    let pairs = reference.columns.iter().zip(&reference.keys);
    let same: Vec<String> = pairs.map(|(c, k)| format!("x.{} = t.{}", quoted(k), quoted(c))).collect();
    let (list, given, same, target) = (list.join(", "), given.join(" and "), same.join(" and "), &reference.target);
    let sql = format!(
        "select {list} from {} t where {given} and not exists (select 1 from {target} x where {same}) limit {SHOWN}",
        table.name
    );
    let (mut found, column) = (Vec::new(), reference.columns.last().map_or("", String::as_str));
    db.each_readable(Sql::new(sql).yields(names.iter().map(|n| kind(db.kinds(), table, n))), |values| {
        let row = row_of(table, &names, &values);
        found.push(format!("{row}: the value of {column} can't be (it is that of no row of {target})"));
        Ok(())
    })
    .await?;
    Ok(found)
}

/// Rows of the table of migrations that are not those of the migrations.
async fn migrations(db: &mut Db) -> Result<Vec<String>> {
    let (all, is_part) = (migrate::all(db.kinds(), db.engine())?, db.partial.is_some());
    let mut found = Vec::new();
    let sql = Sql::new("select version, name, checksum from schema_migrations order by version");
    db.each_readable(sql.yields([ValueType::Int, ValueType::Text, ValueType::Bytes]), |values| {
        let version = values.first().and_then(Option::as_ref).and_then(Value::as_int).unwrap_or_default();
        let Some(is) = all.iter().find(|m| m.version == version) else {
            if is_part && version > MARK {
                return Ok(());
            }
            found.push(format!("table schema_migrations, row with version {version}: the value of version can't be"));
            return Ok(());
        };
        let expected = [("name", Value::from(is.name.as_str())), ("checksum", Value::Bytes(is.checksum()))];
        for ((column, expected), value) in expected.into_iter().zip(&values[1..]) {
            if value.as_ref().is_some_and(|v| *v != expected) {
                found.push(format!(
                    "table schema_migrations, row with version {version}: the value of {column} can't be (it is not that of the migration)"
                ));
            }
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_are_read() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let tables = tables(Kinds::default(), engine).expect("tables");
            let names: Vec<&str> = tables.iter().map(|t| t.name.as_str()).collect();
            for (table, _) in crate::store::schema::tables(Kinds::default()) {
                assert!(names.contains(&table), "{table} in {names:?}");
            }
            let branches = tables.iter().find(|t| t.name == "branches").expect("branches");
            assert!(branches.columns.iter().any(|(c, _)| c == "manager_id"), "{branches:?}");
            let of = |c: &str| branches.checks.iter().filter(|(of, _)| of.as_deref() == Some(c)).count();
            assert_eq!([of("code"), of("created_at"), of("version")], [1, 1, 1], "{branches:?}");
            let targets: Vec<&str> = branches.references.iter().map(|r| r.target.as_str()).collect();
            for target in ["orgs", "actors", "branches", "users"] {
                assert!(targets.contains(&target), "{target} in {:?}", branches.references);
            }
            for table in tables.iter() {
                for r in &table.references {
                    let target = tables.iter().find(|t| t.name == r.target).expect("a table");
                    let has = |t: &Table, names: &[String]| names.iter().all(|n| t.columns.iter().any(|(c, _)| c == n));
                    assert!(has(table, &r.columns) && has(target, &r.keys) && r.columns.len() == r.keys.len(), "{r:?}");
                }
                assert!(!table.key.is_empty(), "{table:?}");
                for (column, ty) in &table.columns {
                    let is_time =
                        ty == "timestamptz" || (ty == "integer" && (column == "at" || column.ends_with("_at")));
                    let is_bound = table.checks.iter().any(|(of, _)| of.as_ref() == Some(column));
                    assert!(!is_time || is_bound, "{}.{column} has no bounds", table.name);
                }
            }
        }
    }
}
