//! The schema that this binary expects, held against the one that is there.

pub mod catalogue;
pub mod deferred;
pub mod migrate;
pub mod stored_values;

use sha2::{Digest as _, Sha256};

use super::engine::db::Db;
use super::engine::location::{Engine, Location, Opening};
use crate::store::Result;

use super::engine::sql::{Row, Sql};
use super::records::read_columns;
use crate::model::kinds::Kinds;
use crate::model::resource::Descriptor;
pub use crate::model::resource::lifecycle::Class;
use crate::model::values::value::{ValueType, hex};

/// Every table with its class (DESIGN.md, "Three classes of table"): that of a kind is declared by it. What the trail itself
/// keeps and changes is volatile.
pub fn tables(kinds: Kinds) -> Vec<(&'static str, Class)> {
    let mut tables = vec![
        ("schema_migrations", Class::Volatile),
        ("actors", Class::Journal),
        ("audit_heads", Class::Volatile),
        ("audit_requests", Class::Journal),
        ("audit_records", Class::Journal),
        ("audit_erased", Class::Journal),
        ("audit_checkpoints", Class::Journal),
        ("audit_lineages", Class::Journal),
        // What is known of archives, which changes; their making, and what removes them, is in the trail.
        ("backups", Class::Volatile),
        ("code_counters", Class::Volatile),
        ("wrapped_keys", Class::Wrapped),
    ];
    tables.extend(kinds.resources().map(|d| (d.table, d.lifecycle.class())));
    tables
}

/// The triggers without which the trail is not append-only.
fn triggers(kinds: Kinds, engine: Engine) -> Vec<String> {
    let third = if engine == Engine::Sqlite { "no_replace" } else { "no_truncate" };
    let of = |table: &str, first: &str| {
        [format!("{table}_{first}"), format!("{table}_no_delete"), format!("{table}_{third}")]
    };
    ["actors", "audit_records", "audit_requests", "audit_erased", "audit_checkpoints", "audit_lineages"]
        .iter()
        .flat_map(|t| of(t, "no_update"))
        .chain(of("audit_heads", "only_grow"))
        // What a kind keeps so goes with its time, and with what it is within.
        .chain(kinds.resources().filter(|d| d.stays()).map(|d| format!("{}_no_update", d.table)))
        .collect()
}

/// The indexes that the migrations make: the unique ones hold rules, the others speed.
fn indexes(kinds: Kinds, engine: Engine) -> Result<Vec<&'static str>> {
    let mut names: Vec<&str> = Vec::new();
    for migration in migrate::all(kinds, engine)? {
        for line in migration.up.lines().filter(|l| l.starts_with(['C', 'D'])) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["CREATE", "INDEX", name, ..] | ["CREATE", "UNIQUE", "INDEX", name, ..] => names.push(name),
                ["DROP", "INDEX", name, ..] => names.retain(|n| *n != name.trim_end_matches(';')),
                _ => {}
            }
        }
    }
    Ok(names)
}

/// Every way in which the schema differs from what the binary expects; nothing where it is right.
pub async fn differences(db: &mut Db) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let present = names(db, "tables").await?;
    let expected = tables(db.kinds());
    for (table, _) in &expected {
        if !present.iter().any(|t| t == table) {
            found.push(format!("table {table} is missing"));
        }
    }
    // The search index and what FTS5 keeps it in belong to their table.
    let is_index = |t: &str| db.kinds().resources().any(|d| t.starts_with(&format!("{}_search", d.table)));
    for table in present.iter().filter(|t| expected.iter().all(|(e, _)| e != t) && !is_index(t)) {
        found.push(format!("table {table} is not one of orgctl's"));
    }
    let declared = declared_columns(db.kinds());
    let stored = stored_columns(db, &declared).await?;
    for (table, columns) in declared {
        if present.iter().any(|t| t == table) {
            let stored = stored.iter().filter(|c| c.table == table);
            found.extend(table_differences(db.engine(), table, &columns, &stored.collect::<Vec<_>>()));
        }
    }
    let present = names(db, "indexes").await?;
    for index in indexes(db.kinds(), db.engine())?.iter().filter(|i| !present.iter().any(|p| p == *i)) {
        found.push(format!("index {index} is missing"));
    }
    let present = names(db, "triggers").await?;
    for trigger in triggers(db.kinds(), db.engine()).iter().filter(|t| !present.contains(t)) {
        found.push(format!("trigger {trigger} is missing or switched off"));
    }
    match db.engine() {
        Engine::Sqlite if found.is_empty() => found.extend(text_differences(db).await?),
        Engine::Sqlite => {}
        Engine::Postgres => {
            // What is said already in plainer words is not said again.
            let said = found.join("\n");
            let is_new = |d: &String| {
                let name = d.split(' ').nth(1).unwrap_or_default();
                let last = name.rsplit('.').next().unwrap_or_default();
                !said.lines().any(|s| s.split([' ', '.']).any(|word| word == last) && s.starts_with(&d[..4]))
            };
            let more = catalogue::differences(db).await?;
            found.extend(more.into_iter().filter(is_new));
        }
    }
    Ok(found)
}

/// What the migrations of the program's own kinds make in an SQLite file, kept under their checksum, so that they need not be
/// run a second time to be compared with.
const KEPT: &str = include_str!("../../../docs/sqlite-schema.txt");

/// SQLite keeps the text that made each thing: it must be the text of the migrations, so that a trigger that does
/// nothing or an index that is no longer unique is seen too.
async fn text_differences(db: &mut Db) -> Result<Vec<String>> {
    let expected = match kept(&migrations_line(db.kinds())?) {
        Some(kept) => kept,
        None => fresh(db).await?,
    };
    let present = texts(db).await?;
    let differs = |(name, text): &&(String, String)| !present.iter().any(|(n, t)| n == name && t == text);
    let changed = expected.iter().filter(differs).map(|(name, _)| format!("{name} is not as the migrations make it"));
    let more = present.iter().filter(|(name, _)| expected.iter().all(|(n, _)| n != name));
    Ok(changed.chain(more.map(|(name, _)| format!("{name} is not one of orgctl's"))).collect())
}

/// What is kept of the migrations that the line names; nothing where they are others.
fn kept(migrations: &str) -> Option<Vec<(String, String)>> {
    let things = KEPT.strip_prefix(migrations)?.lines();
    Some(things.filter_map(|l| l.rsplit_once(' ')).map(|(name, digest)| (name.into(), digest.into())).collect())
}

/// `migrations CHECKSUM`
fn migrations_line(kinds: Kinds) -> Result<String> {
    let mut all = Sha256::new();
    for migration in migrate::all(kinds, Engine::Sqlite)? {
        all.update(migration.checksum());
    }
    Ok(format!("migrations {}\n", hex(&all.finalize())))
}

/// What the migrations make of an empty file.
async fn fresh(db: &Db) -> Result<Vec<(String, String)>> {
    let file = tempfile::NamedTempFile::new()?;
    let opening = Opening { create: true, ..db.opening.clone() };
    let mut fresh = Db::open(&Location::Sqlite(file.path().to_owned()), &opening).await?;
    for migration in migrate::all(db.kinds(), Engine::Sqlite)? {
        fresh.script(migration.up.into()).await?;
    }
    let made = texts(&mut fresh).await?;
    fresh.close().await;
    Ok(made)
}

/// What is to be kept of the migrations, as they make it in an SQLite file.
pub async fn to_keep(db: &Db) -> Result<String> {
    let things = fresh(db).await?;
    let lines: String = things.iter().map(|(name, digest)| format!("{name} {digest}\n")).collect();
    Ok(migrations_line(db.kinds())? + &lines)
}

/// What is in an SQLite file, as `trigger NAME`, with a digest of the text that made it.
async fn texts(db: &mut Db) -> Result<Vec<(String, String)>> {
    let sql = "select type || ' ' || name, sql from sqlite_schema
                where sql is not null and name not like 'sqlite%' and name <> 'schema_migrations' order by 1";
    let rows = db.all(Sql::new(sql).yields([ValueType::Text, ValueType::Text])).await?;
    let digest = |text: &str| hex(&Sha256::digest(text)[..16]);
    rows.iter().map(|r| Ok((r.text(0)?.to_owned(), digest(r.text(1)?)))).collect()
}

/// Roles that work with the data (`db grants`) and may not read tables that were made since, with those tables.
pub async fn without_rights(db: &mut Db) -> Result<Vec<(String, String)>> {
    if !db.is_postgres() {
        return Ok(Vec::new());
    }
    // Whoever may read the version was let in by the owner.
    let sql = Sql::new(
        "select r.rolname::text, string_agg(t.relname, ', ' order by t.relname)
           from pg_class m, aclexplode(m.relacl) x, pg_roles r, pg_class t
          where m.oid = 'orgctl.schema_migrations'::regclass and x.privilege_type = 'SELECT' and r.oid = x.grantee
            and t.relnamespace = m.relnamespace and t.relkind = 'r' and not has_table_privilege(r.oid, t.oid, 'select')
          group by r.rolname order by 1",
    );
    let rows = db.all(sql.yields([ValueType::Text, ValueType::Text])).await?;
    rows.iter().map(|r| Ok((r.text(0)?.to_owned(), r.text(1)?.to_owned()))).collect()
}

/// What SQLite itself finds wrong with the file and its references; PostgreSQL looks after its own.
pub async fn file_faults(db: &mut Db) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if db.engine() == Engine::Sqlite {
        for pragma in ["integrity_check", "foreign_key_check"] {
            for row in db.all(Sql::new(format!("PRAGMA {pragma}")).yields([ValueType::Text])).await? {
                let said = row.value(0).to_text();
                if said != "ok" && found.len() < 20 {
                    found.push(format!("{pragma}: {said}"));
                }
            }
        }
    }
    Ok(found)
}

async fn names(db: &mut Db, what: &str) -> Result<Vec<String>> {
    let sql = match (db.engine(), what) {
        (Engine::Sqlite, "tables") => {
            "select name from sqlite_schema where type = 'table' and name not like 'sqlite%' order by 1"
        }
        (Engine::Sqlite, "indexes") => "select name from sqlite_schema where type = 'index' order by 1",
        (Engine::Sqlite, _) => "select name from sqlite_schema where type = 'trigger' order by 1",
        (Engine::Postgres, "tables") => "select tablename::text from pg_tables where schemaname = 'orgctl' order by 1",
        (Engine::Postgres, "indexes") => {
            "select indexname::text from pg_indexes where schemaname = 'orgctl' order by 1"
        }
        (Engine::Postgres, _) => {
            "select t.tgname::text from pg_trigger t join pg_class c on c.oid = t.tgrelid
               join pg_namespace n on n.oid = c.relnamespace
              where n.nspname = 'orgctl' and not t.tgisinternal and t.tgenabled = 'O' order by 1"
        }
    };
    db.all(Sql::new(sql).yields([ValueType::Text])).await?.iter().map(|r| Ok(r.text(0)?.to_owned())).collect()
}

/// A column as (name, kind, required).
type Column = (&'static str, ValueType, bool);

/// The tables whose columns the program declares, besides the migrations.
fn declared_columns(kinds: Kinds) -> Vec<(&'static str, Vec<Column>)> {
    let required = |desc: &Descriptor, name: &str| match desc.index(name) {
        Some(i) => desc.fields[i].ty.required,
        None => !name.starts_with("delet"),
    };
    let of = |desc: &Descriptor| {
        let folded = desc.folded().map(|f| (f.folded, f.ty.kind, f.ty.required));
        read_columns(desc).into_iter().map(|(n, k)| (n, k, required(desc, n))).chain(folded).collect()
    };
    kinds.resources().map(|d| (d.table, of(d))).collect()
}

/// A column as the database has it.
struct StoredColumn {
    table: String,
    name: String,
    ty: String,
    is_required: bool,
}

/// Those of all tables at once: PostgreSQL takes longer to plan this than to answer it.
async fn stored_columns(db: &mut Db, of: &[(&str, Vec<Column>)]) -> Result<Vec<StoredColumn>> {
    let of: Vec<String> = of.iter().map(|(table, _)| format!("'{table}'")).collect();
    let of = of.join(", ");
    let sql = match db.engine() {
        Engine::Sqlite => format!(
            "select t.name, c.name, lower(c.type), case when c.\"notnull\" = 1 or c.pk > 0 then 1 else 0 end
               from sqlite_schema t, pragma_table_xinfo(t.name) c
              where t.type = 'table' and t.name in ({of}) order by t.name, c.cid"
        ),
        Engine::Postgres => format!(
            "select table_name::text, column_name::text, data_type::text, case when is_nullable = 'NO' then 1 else 0 end
               from information_schema.columns
              where table_schema = 'orgctl' and table_name in ({of}) order by table_name, ordinal_position"
        ),
    };
    let kinds = [ValueType::Text, ValueType::Text, ValueType::Text, ValueType::Int];
    let column = |row: &Row| {
        let (table, name, ty) = (row.text(0)?.to_owned(), row.text(1)?.to_owned(), row.text(2)?.to_owned());
        Ok(StoredColumn { table, name, ty, is_required: row.int(3)? == 1 })
    };
    db.all(Sql::new(sql).yields(kinds)).await?.iter().map(column).collect()
}

fn table_differences(engine: Engine, table: &str, columns: &[Column], stored: &[&StoredColumn]) -> Vec<String> {
    let mut found = Vec::new();
    let mut expected: Vec<&str> = Vec::new();
    for &(name, kind, required) in columns {
        expected.push(name);
        let Some(StoredColumn { ty, is_required, .. }) = stored.iter().find(|c| c.name == name) else {
            found.push(format!("column {table}.{name} is missing"));
            continue;
        };
        let is_required = *is_required;
        if !types(engine, kind).contains(&ty.as_str()) {
            found.push(format!("column {table}.{name} has type {ty}, not {}", types(engine, kind)[0]));
        }
        if is_required != required {
            let (is, should) = if is_required { ("NOT NULL", "nullable") } else { ("nullable", "NOT NULL") };
            found.push(format!("column {table}.{name} is {is}, not {should}"));
        }
    }
    // SQLite's row number and PostgreSQL's search words are the engines' own affair.
    expected.extend(["row_id", "search"]);
    for StoredColumn { name, .. } in stored {
        if !expected.contains(&name.as_str()) {
            found.push(format!("column {table}.{name} is unknown to this orgctl"));
        }
    }
    found
}

fn types(engine: Engine, kind: ValueType) -> &'static [&'static str] {
    match (engine, kind) {
        (Engine::Sqlite, ValueType::Bool | ValueType::Int | ValueType::Time | ValueType::Decimal) => &["integer"],
        (Engine::Sqlite, ValueType::Text | ValueType::Json | ValueType::Date | ValueType::Ip) => &["text"],
        (Engine::Sqlite, ValueType::Uuid | ValueType::Bytes) => &["blob"],
        (Engine::Postgres, ValueType::Bool) => &["boolean"],
        (Engine::Postgres, ValueType::Int) => &["bigint", "integer"],
        (Engine::Postgres, ValueType::Time) => &["timestamp with time zone"],
        (Engine::Postgres, ValueType::Date) => &["date"],
        (Engine::Postgres, ValueType::Decimal) => &["numeric"],
        (Engine::Postgres, ValueType::Text | ValueType::Json) => &["text"],
        (Engine::Postgres, ValueType::Uuid) => &["uuid"],
        (Engine::Postgres, ValueType::Ip) => &["inet"],
        (Engine::Postgres, ValueType::Bytes) => &["bytea"],
    }
}
