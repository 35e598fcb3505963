//! The audit trail at size: a trail made as orgctl makes it, record by record, then proven and searched by whole processes.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use orgctl::model::trail::audit::{Header, commit, request_digest};
use orgctl::model::trail::merkle::Frontier;
use uuid::Uuid;

use crate::database::{BenchDatabase, Took, median};
use crate::{memory, milliseconds, seconds};

/// People and programs that act.
const ACTORS: usize = 50;
/// Things that are acted on: one in five records is about a thing that had one before.
const THINGS: usize = 5;
/// One record in so many tells that something sealed was shown.
const REVEALED: usize = 1000;
const SOURCES: [&str; 4] = ["cli", "cron", "api", "web"];

/// Random enough, and the same each time (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
    }

    fn bytes(&mut self) -> [u8; 16] {
        let (a, b) = (self.roll().to_be_bytes(), self.roll().to_be_bytes());
        std::array::from_fn(|i| if i < 8 { a[i] } else { b[i - 8] })
    }
}

/// What the questions are about.
struct Made {
    key: Uuid,
    request: Uuid,
    day: String,
}

/// Rows as they are loaded: of SQLite by a prepared statement each, of PostgreSQL as lines for `\copy`.
enum Sink {
    Sqlite {
        db: &'static rusqlite::Connection,
        requests: rusqlite::Statement<'static>,
        records: rusqlite::Statement<'static>,
    },
    Postgres {
        requests: BufWriter<File>,
        records: BufWriter<File>,
    },
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// Makes the trail of organisation 1.
fn fill(place: &BenchDatabase, folder: &Path, n: usize) -> Made {
    let sql = |text: &str| match &place.file {
        Some(file) => rusqlite::Connection::open(file).expect("a database").execute_batch(text).expect("SQL"),
        None => drop(place.psql(&format!("set search_path = orgctl;\n{text}"))),
    };
    let boolean = place.file.is_some();
    let at = if boolean { "0" } else { "'epoch'" };
    let actors: String = (0..ACTORS)
        .map(|i| format!("insert into actors (actor_id, kind, key, name, created_at) values ({}, 'operator', 'operator:{i}@bench', 'actor{i}', {at});", 1000 + i))
        .collect();
    sql(&actors);
    sql("drop index audit_records_resource");
    // What the trail told before goes: its time is now, and times never run backwards.
    let triggers = ["audit_records", "audit_requests", "audit_heads"];
    match boolean {
        true => sql("drop trigger audit_records_no_replace; drop trigger audit_requests_no_replace; drop trigger audit_heads_only_grow;
             drop trigger audit_records_no_delete; drop trigger audit_requests_no_delete;"),
        false => triggers.iter().for_each(|t| sql(&format!("alter table {t} disable trigger user;"))),
    }
    sql("delete from audit_records where tree = 1; delete from audit_requests where tree = 1;");
    let mut frontier = Frontier::default();
    let (requests_csv, records_csv) = (folder.join("requests.csv"), folder.join("records.csv"));
    let mut sink = match &place.file {
        Some(file) => {
            // The statements live as long as the connection: to the end of the program.
            let db: &'static rusqlite::Connection =
                Box::leak(Box::new(rusqlite::Connection::open(file).expect("a database")));
            db.execute_batch("pragma synchronous = off; pragma cache_size = -64000; begin").expect("begun");
            let prepare = |table: &str, rest: &str| {
                db.prepare(&format!("insert into {table} values (1, {rest})")).expect("a statement")
            };
            Sink::Sqlite {
                db,
                requests: prepare("audit_requests", "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"),
                records: prepare("audit_records", "?, ?, ?, ?, ?, ?, ?, ?, ?"),
            }
        }
        None => Sink::Postgres {
            requests: BufWriter::new(File::create(&requests_csv).expect("a file")),
            records: BufWriter::new(File::create(&records_csv).expect("a file")),
        },
    };
    let mut dice = Dice(42);
    let things: Vec<Uuid> = (0..(n / THINGS).max(1)).map(|_| Uuid::from_bytes(dice.bytes())).collect();
    // A year of work, up to an hour ago.
    let now = chrono::Utc::now().timestamp_micros() - 3_600_000_000;
    let (from, step) = (now - 365 * 86_400_000_000, 365 * 86_400_000_000 / n as i64);
    let mut made = Made { key: things[0], request: Uuid::nil(), day: String::new() };
    let (mut left, mut seq) = (n, 0);
    while left > 0 {
        let together = (1 + dice.below(20)).min(left);
        let (actor, source) = (dice.below(ACTORS), SOURCES[dice.below(SOURCES.len())]);
        let status = if dice.below(100) == 0 { "denied" } else { "success" };
        let at = from + (n - left) as i64 * step;
        let request_id = Uuid::from_bytes(dice.bytes());
        let payload = format!(
            r#"{{"actor":{{"id":{},"key":"operator:{actor}@bench","kind":"operator","name":"actor{actor}"}},"command":["orgctl","branch","update","B{}","--city","Pune"],"host":"bench","source":"{source}","v":1}}"#,
            1000 + actor,
            dice.below(1_000_000)
        );
        let salt = dice.bytes();
        let commitment = commit(&salt, &payload);
        let digest = request_digest(1000 + actor as i64, source, &commitment);
        let (first, last) = (seq + 1, seq + together as u64);
        match &mut sink {
            Sink::Sqlite { requests, .. } => {
                let row = rusqlite::params![
                    first as i64,
                    last as i64,
                    request_id.as_bytes(),
                    at,
                    1000 + actor as i64,
                    source,
                    status,
                    salt,
                    payload,
                    commitment,
                    digest
                ];
                requests.execute(row).expect("a row");
            }
            Sink::Postgres { requests, .. } => {
                let time = chrono::DateTime::from_timestamp_micros(at).expect("a time").to_rfc3339();
                writeln!(
                    requests,
                    "1|{first}|{last}|{request_id}|{time}|{}|{source}|{status}|\\x{}|{payload}|\\x{}|\\x{}",
                    1000 + actor,
                    hex(&salt),
                    hex(&commitment),
                    hex(&digest)
                )
                .expect("written");
            }
        }
        for _ in 0..together {
            seq += 1;
            let thing = things[dice.below(things.len())];
            let (old, new) = (dice.below(300), dice.below(300));
            // Now and then somebody is shown what is sealed.
            let (action, effect, kind, about, payload) = match dice.below(REVEALED) {
                0 => {
                    let payload =
                        format!(r#"{{"fields":["pan.number"],"key":"B{old:07}:pan:1","reason":"asked","v":1}}"#);
                    ("reveal", "none", "kyc", things[new % things.len()], payload)
                }
                _ => {
                    let payload = format!(
                        r#"{{"key":"B{old:07}","new":{{"city":"Town {new}"}},"old":{{"city":"Town {old}"}},"v":1}}"#
                    );
                    ("update", "update", "branch", Uuid::nil(), payload)
                }
            };
            let salt = dice.bytes();
            let header = Header {
                tree: 1,
                seq,
                at: chrono::DateTime::from_timestamp_micros(at).expect("a time"),
                request_id,
                request_digest: digest,
                action,
                effect,
                kind,
                resource_id: thing,
                subject_id: about,
                status,
            };
            let leaf = header.leaf(&commit(&salt, &payload));
            frontier.append(leaf);
            match &mut sink {
                Sink::Sqlite { records, .. } => {
                    let about = (!about.is_nil()).then(|| about.as_bytes().to_vec());
                    let row = rusqlite::params![
                        seq as i64,
                        action,
                        effect,
                        kind,
                        thing.as_bytes(),
                        about,
                        salt,
                        payload,
                        leaf
                    ];
                    records.execute(row).expect("a row");
                }
                Sink::Postgres { records, .. } => {
                    let about = if about.is_nil() { String::new() } else { about.to_string() };
                    writeln!(
                        records,
                        "1|{seq}|{action}|{effect}|{kind}|{thing}|{about}|\\x{}|{payload}|\\x{}",
                        hex(&salt),
                        hex(&leaf)
                    )
                    .expect("written");
                }
            }
        }
        left -= together;
        if left > n / 2 {
            made.request = request_id;
            made.day = chrono::DateTime::from_timestamp_micros(at).expect("a time").format("%Y-%m-%d").to_string();
        }
    }
    match sink {
        Sink::Sqlite { db, .. } => db.execute_batch("commit").expect("committed"),
        Sink::Postgres { mut requests, mut records } => {
            requests.flush().and_then(|()| records.flush()).expect("written");
            let copy = |table: &str, file: &Path| {
                // A quote that stands in no field: the lines are taken as they are.
                place.psql(&format!(
                    "set search_path = orgctl;\n\\copy {table} from '{}' with (format csv, delimiter '|', quote e'\\x01')",
                    file.display()
                ));
                std::fs::remove_file(file).expect("removed");
            };
            copy("audit_requests", &requests_csv);
            copy("audit_records", &records_csv);
        }
    }
    let nodes = hex(&frontier.to_bytes());
    let nodes = if boolean { format!("x'{nodes}'") } else { format!("'\\x{nodes}'") };
    let last_at = if boolean { now.to_string() } else { "now() - interval '1 hour'".into() };
    sql(&format!("update audit_heads set size = {seq}, frontier = {nodes}, at = {last_at} where tree = 1;"));
    sql("create index audit_records_resource on audit_records (resource_id, seq);");
    if boolean {
        sql("pragma wal_checkpoint(truncate)");
    } else {
        sql(
            "alter table audit_heads enable trigger user; analyze audit_records; analyze audit_requests; analyze audit_heads;",
        );
    }
    made
}

/// All that is measured of a trail of `n` records.
pub fn measure(engine: &str, folder: &Path, n: usize) {
    let place = BenchDatabase::new(engine, folder, "trail");
    let made = fill(&place, folder, n);
    let verify = place.orgctl(&["audit", "verify"]);
    assert!(verify.said.contains("nothing was changed"), "{}", verify.said);
    seconds("verify", verify.seconds(), n);
    rate("verify, records a second", n, &verify, 300_000.0);
    memory("verify", &verify);
    let export = folder.join("trail.jsonl");
    let out = export.display().to_string();
    let took = place.orgctl(&["audit", "export", &out]);
    seconds("export as lines", took.seconds(), n);
    memory("the export", &took);
    let took = place.orgctl(&["audit", "verify", "--file", &out]);
    seconds("verify of the export alone", took.seconds(), n);
    memory("it", &took);
    std::fs::remove_file(&export).expect("removed");
    let key = made.key.to_string();
    let request = made.request.to_string();
    let list = |what: &str, words: &[&str], bound: f64, times: usize| {
        let words = [&["audit", "list", "--org", "ACME"], words].concat();
        let time = median(times, || place.orgctl(&words).time);
        milliseconds(what, time, bound);
    };
    list("list, the newest", &[], 20.0, 11);
    list("list by key", &["--resource", "asset", "--key", &key], 20.0, 11);
    list("list by actor", &["--actor", "actor7"], 20.0, 11);
    list("list by request", &["--request", &request], 20.0, 11);
    list("list by source", &["--source", "web"], 20.0, 11);
    list("list by status", &["--status", "denied"], 20.0, 11);
    list("list of a day", &["--on", &made.day], 20.0, 11);
    list("list by actor of a day", &["--actor", "actor7", "--on", &made.day], 20.0, 11);
    list("list by field, 30 days", &["--field", "city", "--since", "30d"], 1000.0, 5);
    list("list by a field that none has, 30 days", &["--field", "phone", "--since", "30d"], 1000.0, 3);
    list("list by text, 30 days", &["--text", "Town 77", "--since", "30d"], 1000.0, 3);
    let exposure = ["kyc", "exposure", "--org", "ACME", "--actor", "actor7", "--since", "2020-01-01"];
    milliseconds("whose sealed data an actor was shown", median(5, || place.orgctl(&exposure).time), 2000.0);
    list("list by a text that none has, 30 days", &["--text", "nowhere", "--since", "30d"], 1000.0, 3);
}

fn rate(what: &str, n: usize, took: &Took, least: f64) {
    let rate = n as f64 / took.seconds();
    let over = if rate >= least { "" } else { "  UNDER" };
    println!("  {what:<52} {rate:>8.0}    (at least {least:.0}){over}");
}
