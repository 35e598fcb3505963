//! The baselines: loaders that write what an import wrote.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use orgctl::model::resource::{Attr, Meta, Record};
use orgctl::model::search;
use orgctl::model::values::value::{Value, ValueType};
use rusqlite::types::Value as Stored;

use crate::database::{BenchDatabase, remove, run};
use crate::subject::{Subject, Table};

const PRAGMAS: &str =
    "pragma cache_size = -32000; pragma synchronous = normal; pragma foreign_keys = on; pragma temp_store = file;
     pragma secure_delete = on;";

/// Seconds that the finished rows of every table take into a database that lacks them, and those that the rows of the
/// resource and what goes with it take into bare tables.
pub fn both(subject: &Subject, ours: &BenchDatabase, base: &BenchDatabase, folder: &Path) -> (f64, f64) {
    match (&ours.file, &base.file) {
        (Some(ours), Some(base)) => (same_sqlite(subject, ours, base), bare_sqlite(subject, ours, folder)),
        _ => postgres(subject, ours, base, folder),
    }
}

/// Bytes with the audit trail and without.
pub fn sizes(place: &BenchDatabase) -> (f64, f64) {
    match &place.file {
        Some(file) => {
            let db = rusqlite::Connection::open(file).expect("our database");
            let sum = |condition: &str| -> f64 {
                let sql = format!("select sum(pgsize) from dbstat where aggregate = true{condition}");
                db.query_row(&sql, [], |r| r.get(0)).unwrap()
            };
            (sum(""), sum(" and name not like '%audit%'"))
        }
        None => {
            let sum = |condition: &str| -> f64 {
                let sql = format!(
                    "select sum(pg_total_relation_size(oid)) from pg_class
                      where relnamespace = 'orgctl'::regnamespace and relkind = 'r'{condition}"
                );
                place.psql(&sql).trim().parse().expect("a number")
            };
            (sum(""), sum(" and relname not like 'audit%'"))
        }
    }
}

/// A prepared statement a row.
fn same_sqlite(subject: &Subject, ours: &Path, base: &Path) -> f64 {
    let source = rusqlite::Connection::open(ours).expect("our database");
    let target = rusqlite::Connection::open(base).expect("the baseline's");
    source.execute_batch(PRAGMAS).unwrap();
    target.execute_batch(PRAGMAS).unwrap();
    let head: i64 = target.query_row("select size from audit_heads where tree = 1", [], |r| r.get(0)).unwrap();
    let started = Instant::now();
    let mut untimed = Duration::ZERO;
    target.execute_batch("begin immediate").unwrap();
    let mut copy = |select: &str, insert: &str, each: &mut dyn FnMut(&mut Vec<Stored>)| {
        let mut select = source.prepare(select).unwrap();
        let columns = select.column_count();
        let mut insert = target.prepare(insert).unwrap();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let mut values: Vec<Stored> = (0..columns).map(|i| row.get(i).unwrap()).collect();
            let making = Instant::now();
            each(&mut values);
            untimed += making.elapsed();
            insert.execute(rusqlite::params_from_iter(values)).unwrap();
        }
    };
    for Table { name, columns, .. } in subject.tables {
        copy(
            &format!("select row_id, {columns} from {name} order by row_id"),
            &format!("insert into {name} (row_id, {columns}) values (?, {})", places(columns.split(',').count())),
            &mut |_| {},
        );
    }
    let table = subject.desc.table;
    // The words are finished too: making them is not the loader's work.
    let found: Vec<&str> = subject.desc.fields.iter().filter(|f| f.has(Attr::Search)).map(|f| f.column).collect();
    copy(
        &format!("select row_id, {} from {table} order by row_id", found.join(", ")),
        &format!("insert into {table}_search (rowid, words) values (?, ?)"),
        &mut |values| {
            let words = words_of(subject, &found, &values[1..]);
            values.truncate(1);
            values.push(Stored::Text(words));
        },
    );
    copy(
        &format!("select * from audit_records where tree = 1 and seq > {head} order by seq"),
        &format!("insert into audit_records values ({})", places(10)),
        &mut |_| {},
    );
    target.execute_batch("commit").unwrap();
    (started.elapsed() - untimed).as_secs_f64()
}

fn places(n: usize) -> String {
    vec!["?"; n].join(", ")
}

/// The words that a record with these values is found by.
fn words_of(subject: &Subject, columns: &[&str], values: &[Stored]) -> String {
    let epoch = chrono::DateTime::UNIX_EPOCH;
    let meta = Meta {
        org_id: 1,
        id: uuid::Uuid::nil(),
        created_at: epoch,
        created_by: 0,
        updated_at: epoch,
        updated_by: 0,
        version: 1,
        deleted_at: None,
        deleted_by: None,
        deletion_id: None,
        request_id: None,
    };
    let desc = subject.desc;
    let mut record = Record::new(desc, meta, vec![Value::Null(ValueType::Text); desc.fields.len()]);
    for (column, value) in columns.iter().zip(values) {
        if let (Some(i), Stored::Text(text)) = (desc.index(column), value) {
            record.values[i] = text.as_str().into();
        }
    }
    search::words_of(&record)
}

/// `.import` of the resource's rows and of what goes with them, without search and trail.
fn bare_sqlite(subject: &Subject, ours: &Path, folder: &Path) -> f64 {
    let bare = folder.join("bare.db");
    remove(&bare);
    run(Command::new("sqlite3").arg(&bare).arg("pragma journal_mode = wal").stdout(Stdio::null()));
    let file = |table: &Table| folder.join(format!("{}.csv", table.name));
    let mut imports = Vec::new();
    for table in subject.tables {
        let plain = |c: &str| format!("case typeof({c}) when 'blob' then hex({c}) else {c} end");
        let columns: Vec<String> = table.columns.split(',').map(|c| plain(c.trim())).collect();
        let select = format!("select row_id, {} from {}", columns.join(", "), table.name);
        let rows = File::create(file(table)).expect("a file");
        run(Command::new("sqlite3").arg("-csv").arg(ours).arg(select).stdout(rows));
        run(Command::new("sqlite3").arg(&bare).arg(table.bare));
        imports.push(format!(".import --csv {} bare_{}", file(table).display(), table.name));
    }
    let started = Instant::now();
    run(Command::new("sqlite3")
        .arg(&bare)
        .arg("pragma cache_size = -32000")
        .arg("pragma synchronous = normal")
        .args(imports));
    let time = started.elapsed().as_secs_f64();
    remove(&bare);
    for table in subject.tables {
        let _ = fs::remove_file(file(table));
    }
    time
}

/// `\copy` of the finished rows of every table, and of the resource and what goes with it alone.
fn postgres(subject: &Subject, ours: &BenchDatabase, base: &BenchDatabase, folder: &Path) -> (f64, f64) {
    let file = |name: &str| folder.join(format!("{name}.txt")).display().to_string();
    // A command of psql's is one line.
    let in_line = |columns: &str| columns.split_whitespace().collect::<Vec<_>>().join(" ");
    let head = base.psql("select size from orgctl.audit_heads where tree = 1");
    let head = head.trim();
    // What is found by words has those in a column of its own.
    let own = |table: &Table| if table.name == subject.desc.table { ", search" } else { "" };
    let (mut write, mut finished, mut bare) = (String::new(), String::new(), String::new());
    for table in subject.tables {
        let (name, columns) = (table.name, in_line(table.columns));
        let all = format!("{columns}{}", own(table));
        let plain = file(&format!("bare-{name}"));
        writeln!(write, "\\copy (select {all} from {name} order by id) to '{}'", file(name)).unwrap();
        writeln!(write, "\\copy (select {columns} from {name} order by id) to '{plain}'").unwrap();
        writeln!(finished, "\\copy {name} ({all}) from '{}'", file(name)).unwrap();
        writeln!(bare, "\\copy bare_{name} ({columns}) from '{plain}'").unwrap();
    }
    // The database takes no records that are left without their command and their head.
    for (name, seq) in [("audit_records", "seq"), ("audit_requests", "first_seq")] {
        let rows = format!("select * from {name} where tree = 1 and {seq} > {head} order by {seq}");
        writeln!(write, "\\copy ({rows}) to '{}'", file(name)).unwrap();
        writeln!(finished, "\\copy {name} from '{}'", file(name)).unwrap();
    }
    let path = "set search_path = orgctl;\n";
    ours.psql(&format!("{path}{write}"));
    let grown =
        "select format('update audit_heads set size = %s, frontier = %L, at = %L where tree = 1', size, frontier, at)
                   from orgctl.audit_heads where tree = 1";
    let grown = ours.psql(grown);
    let started = Instant::now();
    base.psql(&format!("{path}begin;\n{finished}{};\ncommit;", grown.trim()));
    let same = started.elapsed().as_secs_f64();
    for Table { name, .. } in subject.tables {
        base.psql(&format!(
            "{path}create table bare_{name} (like {name} including all); drop index if exists bare_{name}_search_idx;"
        ));
    }
    let started = Instant::now();
    base.psql(&format!("{path}{bare}"));
    (same, started.elapsed().as_secs_f64())
}
