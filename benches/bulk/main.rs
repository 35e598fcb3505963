//! Measures the bulk path against named baselines, each in the same run: `./tests/run bench`, or
//! `./tests/run bench -- --rows 180000 --engine sqlite`. What is printed is a ratio to a baseline and its bound.
//!
//! - *same database*: a loader that has every finished row (resource, audit, search) and writes them as orgctl does, into
//!   the same tables with the same indexes, triggers and foreign keys. On SQLite a prepared statement a row with orgctl's
//!   PRAGMAs, on PostgreSQL `psql \copy`.
//! - *bare*: `sqlite3 .import` or `psql \copy` of the resource's rows alone, same indexes, no audit, no search, no
//!   foreign keys.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use orgctl::model::branch::Branch;
use orgctl::model::resource::{Meta, Record, Resource};
use orgctl::model::search;
use orgctl::model::value::{Kind, Value};
use rusqlite::types::Value as Stored;

const ORGCTL: &str = env!("CARGO_BIN_EXE_orgctl");

/// The indexes of the bare table: those of `branches`.
const BARE: &str = "
    create table bare (row_id integer primary key, org_id integer not null, id text not null, code text not null,
        name text not null, address_line1 text, city text, state text, country text, pincode text, phone text, email text,
        manager_name text, parent_id text, is_active text not null, created_at text not null, created_by integer not null,
        updated_at text not null, updated_by integer not null, version integer not null, unique (org_id, id));
    create unique index bare_code on bare (org_id, code);
    create index bare_parent on bare (org_id, parent_id);
    create index bare_active on bare (org_id, is_active, created_at);";

const COLUMNS: &str =
    "org_id, id, code, name, address_line1, city, state, country, pincode, phone, email, manager_name,
    parent_id, is_active, created_at, created_by, updated_at, updated_by, version";

/// A database on one engine.
struct Place {
    url: String,
    /// SQLite's file.
    file: Option<PathBuf>,
}

/// What a command took.
struct Took {
    time: Duration,
    /// Most memory it held, in KB.
    peak: u64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let value = |name: &str| words.iter().position(|w| w == name).and_then(|i| words.get(i + 1)).cloned();
    let sizes: Vec<usize> = value("--rows")
        .unwrap_or_else(|| "10000,180000,1000000".into())
        .split(',')
        .map(|n| n.parse().expect("--rows takes numbers"))
        .collect();
    let engines = value("--engine").unwrap_or_else(|| "sqlite,postgres".into());
    let folder = tempfile::tempdir().expect("a folder");
    for engine in engines.split(',') {
        let mut per_row: Vec<f64> = Vec::new();
        for n in &sizes {
            let file = folder.path().join("rows.csv");
            write_rows(&file, *n);
            println!("\n{engine}, {n} branches");
            per_row.push(measure(engine, folder.path(), &file, *n) / *n as f64);
        }
        if let (Some(first), Some(last), true) = (per_row.first(), per_row.last(), sizes.len() > 1) {
            println!();
            ratio("time per row, largest to smallest", *last, *first, 1.5);
        }
    }
}

/// Prints what was measured, against what it may be.
fn ratio(what: &str, measured: f64, baseline: f64, bound: f64) {
    let ratio = measured / baseline;
    let verdict = if ratio <= bound { "" } else { "  OVER" };
    println!("  {what:<52} {ratio:>6.2}  (at most {bound}){verdict}");
}

fn seconds(what: &str, time: f64, n: usize) {
    println!("  {what:<52} {time:>8.3} s  {:>9.0} rows/s", n as f64 / time);
}

fn milliseconds(what: &str, time: Duration, bound: f64) {
    let ms = time.as_secs_f64() * 1000.0;
    let verdict = if ms <= bound { "" } else { "  OVER" };
    println!("  {what:<52} {ms:>8.2} ms (at most {bound}){verdict}");
}

/// All that is measured for one engine and size; the seconds of the import.
fn measure(engine: &str, folder: &Path, csv: &Path, n: usize) -> f64 {
    let csv = csv.display().to_string();
    let ours = Place::new(engine, folder, "ours");
    let first = ours.orgctl(&["branch", "import", &csv]);
    let again = ours.orgctl(&["branch", "import", &csv, "--on-conflict", "update"]);
    let base = Place::new(engine, folder, "base");
    let bare;
    let same;
    let (with, without) = match engine {
        "sqlite" => {
            same = load_same_sqlite(&ours, &base);
            bare = load_bare_sqlite(&ours, folder);
            sizes_sqlite(&ours)
        }
        _ => {
            (same, bare) = load_postgres(&ours, &base, folder);
            sizes_postgres(&ours)
        }
    };
    let first_s = first.time.as_secs_f64();
    seconds("import", first_s, n);
    seconds("the same database by a loader", same, n);
    seconds("bare import of the resource alone", bare, n);
    seconds("a second, identical import", again.time.as_secs_f64(), n);
    ratio("import to the same database", first_s, same, 1.0);
    ratio("import to the bare import (goal)", first_s, bare, 1.5);
    ratio("second import to the bare import", again.time.as_secs_f64(), bare, 0.4);
    ratio("size with audit to size without", with, without, 2.0);
    println!("  {:<52} {:>6} MB (at most 96)", "peak memory of the import", first.peak / 1024);
    export(engine, &ours, folder);
    single(engine, &ours, n);
    for place in [ours, base] {
        place.drop();
    }
    first_s
}

/// Times of an export and of the engine's own.
fn export(engine: &str, ours: &Place, folder: &Path) {
    let out = folder.join("out.csv");
    let exported = ours.orgctl(&["branch", "export", &out.display().to_string()]);
    let select = "select t.code, t.name, t.address_line1, t.address_line2, t.address_line3, t.city, t.state, t.country,
        t.pincode, t.phone, t.email, t.manager_name, p.code, t.is_active from branches t
        left join branches p on p.org_id = t.org_id and p.id = t.parent_id
        where t.org_id = 1 and t.deleted_at is null order by t.code";
    let started = Instant::now();
    let bound = match engine {
        "sqlite" => {
            let csv = File::create(folder.join("base.csv")).expect("a file");
            let file = ours.file.as_ref().expect("a file");
            run(Command::new("sqlite3").args(["-csv", "-header"]).arg(file).arg(select).stdout(csv));
            1.2
        }
        _ => {
            let file = folder.join("base.csv").display().to_string();
            let select = select.split_whitespace().collect::<Vec<_>>().join(" ");
            ours.psql(&format!("set search_path = orgctl;\n\\copy ({select}) to '{file}' csv header"));
            1.0
        }
    };
    ratio("export to the engine's own", exported.time.as_secs_f64(), started.elapsed().as_secs_f64(), bound);
}

/// Whole processes for one record, one page, one search: the median of several.
fn single(engine: &str, ours: &Place, n: usize) {
    let key = format!("BR{:07}", n / 2);
    let median = |mut run: Box<dyn FnMut() -> Duration + '_>| {
        let mut times: Vec<Duration> = (0..21).map(|_| run()).collect();
        times.sort();
        times[10]
    };
    let of = |words: &[&str]| median(Box::new(|| ours.orgctl(words).time));
    let show = of(&["branch", "show", &key]);
    match engine {
        "sqlite" => {
            let sql = format!("select * from branches where org_id = 1 and code = '{key}' and deleted_at is null");
            let file = ours.file.clone().expect("a file");
            let own = median(Box::new(|| {
                let started = Instant::now();
                run(Command::new("sqlite3").arg(&file).arg(&sql).stdout(Stdio::null()));
                started.elapsed()
            }));
            ratio("show, a whole process, to sqlite3", show.as_secs_f64(), own.as_secs_f64(), 2.0);
        }
        _ => milliseconds("show, a whole process", show, 8.0),
    }
    milliseconds("list, a page of 50", of(&["branch", "list", "--limit", "50"]), 10.0);
    milliseconds("find by two words", of(&["branch", "find", "pun kul", "--limit", "50"]), 25.0);
}

impl Place {
    fn new(engine: &str, folder: &Path, name: &str) -> Place {
        let place = if engine == "sqlite" {
            let file = folder.join(format!("{name}.db"));
            for end in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(format!("{}{end}", file.display()));
            }
            Place { url: format!("sqlite://{}", file.display()), file: Some(file) }
        } else {
            let server = std::env::var("ORGCTL_TEST_PG").expect("run this with ./tests/run bench");
            let mut url = url::Url::parse(&server).expect("a URL");
            let place = Place { url: server, file: None };
            place.psql(&format!("drop database if exists bench_{name}"));
            place.psql(&format!("create database bench_{name}"));
            url.set_path(&format!("bench_{name}"));
            Place { url: url.to_string(), file: None }
        };
        place.orgctl(&["init", "--org-code", "ACME", "--org-name", "Acme"]);
        place
    }

    fn drop(self) {
        if let Some(file) = self.file {
            let _ = fs::remove_file(file);
        }
    }

    /// Runs a command and watches its memory.
    fn orgctl(&self, words: &[&str]) -> Took {
        let started = Instant::now();
        let mut child = Command::new(ORGCTL)
            .args(words)
            .env("ORGCTL_DATABASE_URL", &self.url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("orgctl runs");
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let mut peak = 0;
        // A single record is quicker than the first look.
        let mut pause = Duration::from_micros(200);
        let code = loop {
            if let Some(code) = child.try_wait().expect("a child") {
                break code;
            }
            if pause > Duration::from_millis(10) {
                let text = fs::read_to_string(&status).unwrap_or_default();
                let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
                let kb = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
                peak = kb.unwrap_or(0).max(peak);
            } else if pause < Duration::from_micros(500) && started.elapsed() > Duration::from_millis(50) {
                pause = Duration::from_millis(20);
            }
            std::thread::sleep(pause);
        };
        assert!(code.success(), "orgctl {words:?} ended with {code}");
        Took { time: started.elapsed(), peak }
    }

    fn psql(&self, script: &str) -> String {
        let bin = std::env::var("ORGCTL_TEST_PG_BIN").map_or("psql".into(), |bin| format!("{bin}/psql"));
        let mut child = Command::new(bin)
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", &self.url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql runs");
        child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("psql reads");
        let out = child.wait_with_output().expect("psql ends");
        assert!(out.status.success(), "psql failed on {script}");
        String::from_utf8(out.stdout).expect("text")
    }
}

fn run(command: &mut Command) {
    assert!(command.status().expect("it runs").success(), "{command:?} failed");
}

/// Branches of a bank: twelve columns, a tree in no particular depth, the same for every run.
fn write_rows(file: &Path, n: usize) {
    let cities = [
        ("Mumbai", "Maharashtra", 400),
        ("Pune", "Maharashtra", 411),
        ("Bengaluru", "Karnataka", 560),
        ("Chennai", "Tamil Nadu", 600),
        ("Kochi", "Kerala", 682),
        ("Jaipur", "Rajasthan", 302),
        ("Patna", "Bihar", 800),
        ("Bhopal", "Madhya Pradesh", 462),
    ];
    let first = ["Asha", "Ravi", "Meera", "Arjun", "Kavya", "Rohan", "José", "Zoë", "Imran", "Lakshmi"];
    let last = ["Rao", "Iyer", "Sharma", "Khan", "Patel", "Nair", "Singh", "Gupta", "Menon", "Kulkarni"];
    let mut state = 7_u64;
    let mut draw = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % n
    };
    let mut out = BufWriter::new(File::create(file).expect("a file"));
    writeln!(out, "code,name,address_line1,city,state,country,pincode,phone,email,manager_name,parent").unwrap();
    for i in 0..n {
        let (city, region, pin) = cities[draw(cities.len())];
        let parent = if i < 40 { String::new() } else { format!("BR{:07}", draw(i.min(n / 50 + 1))) };
        writeln!(
            out,
            "BR{i:07},{city} {} Branch {i},\"{}, {} Road, Ward {}\",{city},{region},India,{pin}{:03},+9198{:08},br{i:07}@bank.example,{} {},{parent}",
            last[draw(10)], 1 + draw(900), last[draw(10)], 1 + draw(200), 1 + draw(98), draw(100_000_000), first[draw(10)], last[draw(10)],
        )
        .unwrap();
    }
}

/// Writes the finished rows of every table into an empty database, a prepared statement a row; seconds.
fn load_same_sqlite(ours: &Place, base: &Place) -> f64 {
    let source = rusqlite::Connection::open(ours.file.as_ref().unwrap()).expect("our database");
    let target = rusqlite::Connection::open(base.file.as_ref().unwrap()).expect("the baseline's");
    let pragmas =
        "pragma cache_size = -32000; pragma synchronous = normal; pragma foreign_keys = on; pragma temp_store = file;";
    source.execute_batch(pragmas).unwrap();
    target.execute_batch(pragmas).unwrap();
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
    let columns = format!("row_id, {COLUMNS}");
    copy(
        &format!("select {columns} from branches order by row_id"),
        &format!("insert into branches ({columns}) values ({})", places(20)),
        &mut |_| {},
    );
    // The words are finished too: making them is not the loader's work.
    copy(
        "select row_id, code, name, address_line1, city, state, country, pincode, phone, email, manager_name
           from branches order by row_id",
        "insert into branches_search (rowid, words) values (?, ?)",
        &mut |values| {
            let words = words_of(&values[1..]);
            values.truncate(1);
            values.push(Stored::Text(words));
        },
    );
    copy(
        &format!("select * from audit_records where tree = 1 and seq > {head} order by seq"),
        &format!("insert into audit_records values ({})", places(8)),
        &mut |_| {},
    );
    target.execute_batch("commit").unwrap();
    (started.elapsed() - untimed).as_secs_f64()
}

fn places(n: usize) -> String {
    vec!["?"; n].join(", ")
}

/// The words of a branch, from its columns without address lines 2 and 3 and what follows the manager.
fn words_of(values: &[Stored]) -> String {
    let names =
        ["code", "name", "address_line1", "city", "state", "country", "pincode", "phone", "email", "manager_name"];
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
    };
    let desc = Branch::DESCRIPTOR;
    let mut record = Record { desc, meta, values: vec![Value::Null(Kind::Text); desc.fields.len()] };
    for (name, value) in names.iter().zip(values) {
        if let Stored::Text(text) = value {
            record.set(name, text.as_str().into());
        }
    }
    search::of(&record)
}

/// `.import` of the resource's rows alone; seconds.
fn load_bare_sqlite(ours: &Place, folder: &Path) -> f64 {
    let rows = folder.join("bare.csv");
    let select =
        "select row_id, org_id, hex(id), code, name, address_line1, city, state, country, pincode, phone, email,
        manager_name, hex(parent_id), is_active, created_at, created_by, updated_at, updated_by, version from branches";
    let file = ours.file.as_ref().unwrap();
    run(Command::new("sqlite3").arg("-csv").arg(file).arg(select).stdout(File::create(&rows).unwrap()));
    let bare = folder.join("bare.db");
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", bare.display()));
    }
    run(Command::new("sqlite3").arg(&bare).arg("pragma journal_mode = wal").stdout(Stdio::null()));
    run(Command::new("sqlite3").arg(&bare).arg(BARE));
    let started = Instant::now();
    run(Command::new("sqlite3")
        .arg(&bare)
        .arg("pragma cache_size = -32000")
        .arg("pragma synchronous = normal")
        .arg(format!(".import --csv {} bare", rows.display())));
    started.elapsed().as_secs_f64()
}

/// Bytes with audit and without.
fn sizes_sqlite(ours: &Place) -> (f64, f64) {
    let db = rusqlite::Connection::open(ours.file.as_ref().unwrap()).unwrap();
    let sum = |condition: &str| -> f64 {
        db.query_row(&format!("select sum(pgsize) from dbstat where aggregate = true{condition}"), [], |r| r.get(0))
            .unwrap()
    };
    (sum(""), sum(" and name not like '%audit%'"))
}

/// `\copy` of the finished rows of every table, and of the resource alone; seconds of both.
fn load_postgres(ours: &Place, base: &Place, folder: &Path) -> (f64, f64) {
    let file = |name: &str| folder.join(name).display().to_string();
    let (branches, audit, bare) = (file("branches.txt"), file("audit.txt"), file("bare.txt"));
    let columns = COLUMNS.split_whitespace().collect::<Vec<_>>().join(" ");
    let head = base.psql("select size from orgctl.audit_heads where tree = 1");
    let mut script = String::from("set search_path = orgctl;\n");
    writeln!(script, "\\copy (select {columns}, search from branches order by id) to '{branches}'").unwrap();
    writeln!(
        script,
        "\\copy (select * from audit_records where tree = 1 and seq > {} order by seq) to '{audit}'",
        head.trim()
    )
    .unwrap();
    writeln!(script, "\\copy (select {columns} from branches order by id) to '{bare}'").unwrap();
    ours.psql(&script);
    let started = Instant::now();
    base.psql(&format!(
        "set search_path = orgctl;\nbegin;\n\\copy branches ({columns}, search) from '{branches}'\n\\copy audit_records from '{audit}'\ncommit;"
    ));
    let same = started.elapsed().as_secs_f64();
    base.psql("set search_path = orgctl; create table bare (like branches including all); drop index bare_search_idx;");
    let started = Instant::now();
    base.psql(&format!("set search_path = orgctl;\n\\copy bare ({columns}) from '{bare}'"));
    (same, started.elapsed().as_secs_f64())
}

fn sizes_postgres(ours: &Place) -> (f64, f64) {
    let sum = |condition: &str| -> f64 {
        let sql = format!(
            "select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = 'orgctl'::regnamespace
                and relkind = 'r'{condition}"
        );
        ours.psql(&sql).trim().parse().expect("a number")
    };
    (sum(""), sum(" and relname not like 'audit%'"))
}
