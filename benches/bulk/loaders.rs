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
use crate::subject::Subject;

const PRAGMAS: &str =
    "pragma cache_size = -32000; pragma synchronous = normal; pragma foreign_keys = on; pragma temp_store = file;";

/// Seconds that the finished rows of every table take into a database that lacks them, and those that the rows of the
/// resource alone take into a bare table.
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
    let table = subject.desc.table;
    let columns = format!("row_id, {}", subject.columns);
    copy(
        &format!("select {columns} from {table} order by row_id"),
        &format!("insert into {table} ({columns}) values ({})", places(columns.split(',').count())),
        &mut |_| {},
    );
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

/// `.import` of the resource's rows alone.
fn bare_sqlite(subject: &Subject, ours: &Path, folder: &Path) -> f64 {
    let rows = folder.join("bare.csv");
    let columns = subject.select(|id| format!("hex({id})"));
    let select = format!("select row_id, {columns} from {}", subject.desc.table);
    run(Command::new("sqlite3").arg("-csv").arg(ours).arg(select).stdout(File::create(&rows).unwrap()));
    let bare = folder.join("bare.db");
    remove(&bare);
    run(Command::new("sqlite3").arg(&bare).arg("pragma journal_mode = wal").stdout(Stdio::null()));
    run(Command::new("sqlite3").arg(&bare).arg(subject.bare));
    let started = Instant::now();
    run(Command::new("sqlite3")
        .arg(&bare)
        .arg("pragma cache_size = -32000")
        .arg("pragma synchronous = normal")
        .arg(format!(".import --csv {} bare", rows.display())));
    let time = started.elapsed().as_secs_f64();
    remove(&bare);
    let _ = fs::remove_file(rows);
    time
}

/// `\copy` of the finished rows of every table, and of the resource alone.
fn postgres(subject: &Subject, ours: &BenchDatabase, base: &BenchDatabase, folder: &Path) -> (f64, f64) {
    let file = |name: &str| folder.join(name).display().to_string();
    let [finished, audit, request, bare] = ["finished.txt", "audit.txt", "request.txt", "bare.txt"].map(file);
    let table = subject.desc.table;
    // A command of psql's is one line.
    let columns = subject.columns.split_whitespace().collect::<Vec<_>>().join(" ");
    let head = base.psql("select size from orgctl.audit_heads where tree = 1");
    let records = format!("select * from audit_records where tree = 1 and seq > {} order by seq", head.trim());
    let mut script = String::from("set search_path = orgctl;\n");
    writeln!(script, "\\copy (select {columns}, search from {table} order by id) to '{finished}'").unwrap();
    writeln!(script, "\\copy ({records}) to '{audit}'").unwrap();
    // The database takes no records that are left without their command and their head.
    let requests = format!("select * from audit_requests where tree = 1 and first_seq > {}", head.trim());
    writeln!(script, "\\copy ({requests}) to '{request}'").unwrap();
    writeln!(script, "\\copy (select {columns} from {table} order by id) to '{bare}'").unwrap();
    ours.psql(&script);
    let grown =
        "select format('update audit_heads set size = %s, frontier = %L, at = %L where tree = 1', size, frontier, at)
                   from orgctl.audit_heads where tree = 1";
    let grown = ours.psql(grown);
    let started = Instant::now();
    base.psql(&format!(
        "set search_path = orgctl;\nbegin;\n\\copy {table} ({columns}, search) from '{finished}'\n\\copy audit_records from '{audit}'\n\\copy audit_requests from '{request}'\n{};\ncommit;",
        grown.trim()
    ));
    let same = started.elapsed().as_secs_f64();
    base.psql(&format!(
        "set search_path = orgctl; create table bare (like {table} including all); drop index bare_search_idx;"
    ));
    let started = Instant::now();
    base.psql(&format!("set search_path = orgctl;\n\\copy bare ({columns}) from '{bare}'"));
    let bare_s = started.elapsed().as_secs_f64();
    for file in [finished, audit, request, bare] {
        let _ = fs::remove_file(file);
    }
    (same, bare_s)
}
