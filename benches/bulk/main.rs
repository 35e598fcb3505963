//! Measures the bulk path against named baselines, each in the same run: `./tests/run bench`, or
//! `./tests/run bench -- --rows 180000 --engine sqlite --kind user`. What is printed is a ratio to a baseline and its
//! bound. `--kind trail --rows 10000000` measures how a trail of so many records is proven and searched, and whose sealed data it
//! tells was shown, `--kind backup` how
//! users and their trail are saved and brought back, `--kind many` how many users are put away and brought back at once,
//! `--kind kyc` how their papers are sealed.
//!
//! - *same database*: a loader that has every finished row (resource, audit, search) and writes them as orgctl does, into
//!   the same tables with the same indexes, triggers and foreign keys. On SQLite a prepared statement a row with orgctl's
//!   PRAGMAs, on PostgreSQL `psql \copy`.
//! - *bare*: `sqlite3 .import` or `psql \copy` of the resource's rows and of what goes with them (a person's branch), same
//!   indexes, no audit, no search, no foreign keys.
//! - *Django*: `bulk_create` of the same users into the same columns, indexes and foreign keys, no audit, no search
//!   (peers/django_users.py). It is run where `python3`, or the interpreter that ORGCTL_BENCH_PYTHON names, has Django.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

mod backups;
mod database;
mod loaders;
mod many;
mod papers;
mod subject;
mod trail;

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::database::{BenchDatabase, Took, median, run};
use subject::{BRANCHES, Subject, USERS};

const DJANGO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/django_users.py");

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let value = |name: &str| words.iter().position(|w| w == name).and_then(|i| words.get(i + 1)).cloned();
    let sizes: Vec<usize> = value("--rows")
        .unwrap_or_else(|| "10000,180000,1000000".into())
        .split(',')
        .map(|n| n.parse().expect("--rows takes numbers"))
        .collect();
    let engines = value("--engine").unwrap_or_else(|| "sqlite,postgres".into());
    let kinds = value("--kind").unwrap_or_else(|| "branch,user".into());
    let subjects: Vec<&Subject> =
        kinds.split(',').filter(|k| !["trail", "backup", "many", "kyc"].contains(k)).map(subject_of).collect();
    let folder = tempfile::tempdir().expect("a folder");
    for engine in engines.split(',') {
        for n in sizes.iter().filter(|_| kinds.split(',').any(|k| k == "trail")) {
            println!("\n{engine}, a trail of {n} records");
            trail::measure(engine, folder.path(), *n);
        }
        for n in sizes.iter().filter(|_| kinds.split(',').any(|k| k == "backup")) {
            println!("\n{engine}, a backup of {n} users");
            backups::measure(engine, folder.path(), *n);
        }
        for n in sizes.iter().filter(|_| kinds.split(',').any(|k| k == "many")) {
            println!("\n{engine}, many of {n} users at once");
            many::measure(engine, folder.path(), *n);
        }
        for n in sizes.iter().filter(|_| kinds.split(',').any(|k| k == "kyc")) {
            println!("\n{engine}, papers of {n} users");
            papers::measure(engine, folder.path(), *n);
        }
        for subject in &subjects {
            let mut per_row: Vec<f64> = Vec::new();
            for n in &sizes {
                println!("\n{engine}, {n} {}", subject.desc.table);
                per_row.push(measure(engine, subject, folder.path(), *n) / *n as f64);
            }
            if let (Some(first), Some(last), true) = (per_row.first(), per_row.last(), sizes.len() > 1) {
                println!();
                ratio("time per row, largest to smallest", *last, *first, 1.5);
            }
        }
    }
}

fn subject_of(kind: &str) -> &'static Subject {
    let all = [&BRANCHES, &USERS];
    all.into_iter()
        .find(|s| s.desc.noun == kind)
        .expect("--kind takes branch, user, trail, backup, many, kyc or several with commas between")
}

/// What is beyond its bound says so.
fn verdict(measured: f64, bound: f64) -> String {
    format!("(at most {bound}){}", if measured <= bound { "" } else { "  OVER" })
}

/// Prints what was measured, against what it may be.
fn ratio(what: &str, measured: f64, baseline: f64, bound: f64) {
    let ratio = measured / baseline;
    println!("  {what:<52} {ratio:>6.2}  {}", verdict(ratio, bound));
}

fn seconds(what: &str, time: f64, n: usize) {
    println!("  {what:<52} {time:>8.3} s  {:>9.0} rows/s", n as f64 / time);
}

fn milliseconds(what: &str, time: Duration, bound: f64) {
    let ms = time.as_secs_f64() * 1000.0;
    println!("  {what:<52} {ms:>8.2} ms {}", verdict(ms, bound));
}

/// Prints the memory that a command held at most; SQLite's page cache is part of it.
fn memory(what: &str, took: &Took) {
    memory_within(what, took, 96.0);
}

/// As [`memory`], with another bound, in MB.
fn memory_within(what: &str, took: &Took, bound: f64) {
    let mb = took.peak.div_ceil(1024);
    println!("  {:<52} {mb:>6} MB {}", format!("peak memory of {what}"), verdict(mb as f64, bound));
}

/// All that is measured for one engine, kind and size; the seconds of the import.
fn measure(engine: &str, subject: &Subject, folder: &Path, n: usize) -> f64 {
    let csv = subject.write(folder, "rows.csv", 0..n, n, |_| false);
    let ours = BenchDatabase::new(engine, folder, "ours");
    let before = subject.prepare(&ours, folder);
    let base = ours.copy("base");
    let first = import(subject, &ours, &[&csv], &format!("created {n}, updated 0, unchanged 0, rejected 0"));
    let nothing_new = format!("created 0, updated 0, unchanged {n}, rejected 0");
    let again = import(subject, &ours, &[&csv, "--on-conflict", "update"], &nothing_new);
    let (same, bare) = loaders::both(subject, &ours, &base, folder);
    drop(base);
    let (with, without) = loaders::sizes(&ours);
    seconds("import", first.seconds(), n);
    seconds("the same database by a loader", same, n);
    seconds(&format!("bare {} of the same rows", ours.own_loader()), bare, n);
    seconds("a second, identical import", again.seconds(), n);
    if engine == "sqlite" {
        ratio("import, wall to processor time", first.seconds(), first.processor.as_secs_f64(), 0.65);
    }
    ratio("import to the same database", first.seconds(), same, 1.0);
    ratio("import to the bare import (goal)", first.seconds(), bare, 1.5);
    ratio("second import to the bare import", again.seconds(), bare, 0.4);
    println!("  {:<52} {:>6.0} MB, {:.0} without the audit trail", "size", with / 1e6, without / 1e6);
    ratio("size with audit to size without", with, without, 2.0);
    memory("the import", &first);
    memory("the second import", &again);
    if engine != "sqlite" {
        by_socket(subject, folder, &csv, n, first.seconds());
    }
    if subject.sync.is_some() {
        django(engine, folder, &csv, &before, n, first.seconds());
    }
    export(subject, &ours, folder);
    single(subject, &ours, n);
    if let Some(key) = subject.sync {
        sync(subject, &ours, folder, n, key, first.seconds());
    }
    few(subject, &ours, folder, n);
    first.seconds()
}

/// Runs an import, which must come to what is expected: what does less is soon done.
fn import(subject: &Subject, ours: &BenchDatabase, words: &[&str], expected: &str) -> Took {
    let took = ours.orgctl(&[&[subject.desc.noun, "import"], words].concat());
    assert!(took.said.contains(expected), "import {words:?} should have {expected}, but {}", took.said);
    took
}

/// The same import where server and program share a machine.
fn by_socket(subject: &Subject, folder: &Path, csv: &str, n: usize, by_network: f64) {
    let near = BenchDatabase::new("postgres", folder, "near").by_socket();
    subject.prepare(&near, folder);
    let took = import(subject, &near, &[csv], &format!("created {n}, updated 0, unchanged 0, rejected 0"));
    ratio("import over TCP to the import over the socket", by_network, took.seconds(), 3.0);
}

/// A file that is the whole truth, of which one row in a hundred is new.
fn sync(subject: &Subject, ours: &BenchDatabase, folder: &Path, n: usize, key: &str, first: f64) {
    let csv = subject.write(folder, "changed.csv", 0..n, n, |i| i % 100 == 50);
    let (updated, unchanged) = ((n + 49) / 100, n - (n + 49) / 100);
    let expected = format!("created 0, updated {updated}, unchanged {unchanged}, rejected 0, left 0");
    let took = import(subject, ours, &[&csv, "--sync", "--key-field", key], &expected);
    seconds("import --sync with 1 % changed", took.seconds(), n);
    ratio("import --sync to the first import", took.seconds(), first, 0.5);
    memory("import --sync", &took);
}

/// A hundred new rows beside those that are there: the median of several such files, without the start of a process.
fn few(subject: &Subject, ours: &BenchDatabase, folder: &Path, n: usize) {
    let start = median(21, || ours.orgctl(&["--version"]).time);
    let mut next = n;
    let time = median(5, || {
        let csv = subject.write(folder, "few.csv", next..next + 100, n, |_| false);
        next += 100;
        import(subject, ours, &[&csv], "created 100, updated 0, unchanged 0, rejected 0").time
    });
    milliseconds("100 new rows more, beyond the start of a process", time.saturating_sub(start), 50.0);
}

/// Times of an export and of the engine's own.
fn export(subject: &Subject, ours: &BenchDatabase, folder: &Path) {
    let out = folder.join("out.csv");
    let exported = ours.orgctl(&[subject.desc.noun, "export", &out.display().to_string()]);
    let (select, own) = (subject.export(), folder.join("base.csv"));
    let started = Instant::now();
    let bound = match &ours.file {
        Some(file) => {
            let csv = File::create(own).expect("a file");
            run(Command::new("sqlite3").args(["-csv", "-header"]).arg(file).arg(select).stdout(csv));
            1.2
        }
        None => {
            ours.psql(&format!("set search_path = orgctl;\n\\copy ({select}) to '{}' csv header", own.display()));
            1.0
        }
    };
    ratio("export to the engine's own", exported.seconds(), started.elapsed().as_secs_f64(), bound);
}

/// Whole processes for one record, one page, one search: the median of several.
fn single(subject: &Subject, ours: &BenchDatabase, n: usize) {
    let (noun, key) = (subject.desc.noun, (subject.key)(n / 2));
    let of = |words: &[&str]| median(21, || ours.orgctl(words).time);
    let show = of(&[noun, "show", &key]);
    if let Some(file) = &ours.file {
        let (table, column) = (subject.desc.table, subject.desc.key_field().map_or("id", |f| f.column));
        let sql = format!("select * from {table} where org_id = 1 and {column} = '{key}' and deleted_at is null");
        let own = median(21, || {
            let started = Instant::now();
            run(Command::new("sqlite3").arg(file).arg(&sql).stdout(Stdio::null()));
            started.elapsed()
        });
        ratio("show, a whole process, to sqlite3", show.as_secs_f64(), own.as_secs_f64(), 2.0);
    }
    milliseconds("show, a whole process", show, if ours.file.is_some() { 5.0 } else { 8.0 });
    milliseconds("list, a page of 50", of(&[noun, "list", "--limit", "50"]), 10.0);
    milliseconds("find by two words", of(&[noun, "find", subject.words, "--limit", "50"]), 25.0);
}

/// `bulk_create` of the users, where Django is there to do it.
fn django(engine: &str, folder: &Path, csv: &str, before: &[String], n: usize, ours: f64) {
    let python = std::env::var("ORGCTL_BENCH_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = |module: &str| {
        let import = format!("import {module}");
        let run = Command::new(&python).args(["-c", &import]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    };
    for (name, module, needed) in [("Django", "django", true), ("psycopg", "psycopg", engine != "sqlite")] {
        if needed && !has(module) {
            println!("  {name} is not installed: peer not measured (pip install {module})");
            return;
        }
    }
    let theirs = BenchDatabase::empty(engine, folder, "django");
    let out = Command::new(&python).arg(DJANGO).arg(&theirs.url).args(before).arg(csv).output().expect("python runs");
    assert!(out.status.success(), "Django failed: {}", String::from_utf8_lossy(&out.stderr));
    let time: f64 = String::from_utf8_lossy(&out.stdout).trim().parse().expect("seconds");
    seconds("Django's bulk_create of the same rows", time, n);
    ratio("import to Django's bulk_create", ours, time, 0.25);
}
