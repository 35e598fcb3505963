//! Backups of users with their trail: against `pg_dump -Fc` and `pg_restore` on PostgreSQL, and against
//! `sqlite3 .dump | zstd -3` and `sqlite3 < dump` on SQLite.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::database::{BenchDatabase, run};
use crate::subject::USERS;
use crate::{memory_within, ratio, seconds};

/// Bytes that may be held while a backup is made or brought back, in MB.
const MEMORY: f64 = 128.0;

fn shell(line: &str) -> f64 {
    let started = Instant::now();
    run(Command::new("sh").args(["-c", line]));
    started.elapsed().as_secs_f64()
}

fn bin(tool: &str) -> String {
    std::env::var("ORGCTL_TEST_PG_BIN").map_or_else(|_| tool.to_owned(), |bin| format!("{bin}/{tool}"))
}

fn size(path: &Path) -> f64 {
    fs::metadata(path).expect("a file").len() as f64
}

/// All that is measured of `n` users.
pub fn measure(engine: &str, folder: &Path, n: usize) {
    let csv = USERS.write(folder, "users.csv", 0..n, n, |_| false);
    let ours = BenchDatabase::new(engine, folder, "saved");
    USERS.prepare(&ours, folder);
    ours.orgctl(&["user", "import", &csv]);
    let key = folder.join(format!("{engine}-{n}.key")).display().to_string();
    ours.orgctl(&["audit", "keygen", "--signing-key", &key]);
    let (archive, dump) = (folder.join("backup.tar"), folder.join("dump"));
    let (file, other) = (archive.display().to_string(), dump.display().to_string());
    let took = ours.orgctl(&["backup", "create", "--to", &file, "--signing-key", &key]);
    seconds("backup create", took.seconds(), n);
    memory_within("the backup", &took, MEMORY);
    let dumped = match &ours.file {
        Some(db) => shell(&format!("sqlite3 '{}' .dump | zstd -q -3 -o '{other}'", db.display())),
        None => shell(&format!("'{}' -Fc -f '{other}' '{}'", bin("pg_dump"), ours.url)),
    };
    let (theirs, bound) = if ours.file.is_some() { ("sqlite3 .dump | zstd -3", 1.5) } else { ("pg_dump -Fc", 1.2) };
    ratio(&format!("backup create to {theirs}"), took.seconds(), dumped, bound);
    ratio(&format!("size of the archive to that of {theirs}"), size(&archive), size(&dump), 1.0);
    let quick = ours.orgctl(&["backup", "verify", &file, "--quick", "--signing-key", &key]);
    let members = shell(&format!("tar -xOf '{file}' --wildcards 'data/*' | zstd -q -dc > /dev/null"));
    ratio("verify --quick to zstd -d of the same", quick.seconds(), members, 1.5);
    let verify = ours.orgctl(&["backup", "verify", &file, "--signing-key", &key]);
    seconds("verify, a restore and its proof", verify.seconds(), n);
    memory_within("verify", &verify, MEMORY);
    let back = BenchDatabase::empty(engine, folder, "back");
    let restore = ["backup", "restore", &file, "--into", &back.url, "--signing-key", &key];
    let took = back.orgctl(&restore);
    memory_within("restore", &took, MEMORY);
    // A restore proves what it made, which the others don't: that part is told, and not compared.
    let deep = back.orgctl(&["audit", "verify", "--deep"]).seconds();
    let load = took.seconds() - deep;
    seconds("restore, without its deep verification", load, n);
    seconds("deep verification", deep, n);
    let twin = BenchDatabase::empty(engine, folder, "twin");
    let restored = match &twin.file {
        Some(db) => shell(&format!("zstd -qdc '{other}' | sqlite3 '{}'", db.display())),
        None => shell(&format!("'{}' -d '{}' '{other}'", bin("pg_restore"), twin.url)),
    };
    let (theirs, bound) = if twin.file.is_some() { ("sqlite3 < dump", 0.6) } else { ("pg_restore", 1.0) };
    ratio(&format!("restore to {theirs}"), load, restored, bound);
    for file in [archive, dump] {
        fs::remove_file(file).expect("removed");
    }
}
