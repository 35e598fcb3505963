//! Papers of people: taken up from a file (validated, sealed, found by a keyed hash, recorded, a key for each person), listed as a
//! queue, confirmed as a batch, and their keys wrapped anew. Against the import of the same people in the same run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::database::{BenchDatabase, Took, median};
use crate::subject::USERS;
use crate::{memory_within, milliseconds, ratio, seconds};

/// Bytes that may be held, in MB.
const MEMORY: f64 = 160.0;

/// Keys of one person: of the data, and of fingerprints.
const KEYS: usize = 2;

/// A PAN of a person, another for each number.
fn pan(n: usize) -> String {
    let letter = |at: u32| char::from(b'A' + u8::try_from(n / 9999 / 26_usize.pow(at) % 26).expect("a letter"));
    format!("{}{}{}P{}{:04}{}", letter(2), letter(1), letter(0), letter(3), n % 9999 + 1, letter(0))
}

/// All that is measured of `n` people.
pub fn measure(engine: &str, folder: &Path, n: usize) {
    let key = folder.join("papers.key");
    let _ = fs::remove_file(&key);
    let ours = BenchDatabase::new(engine, folder, "papers");
    let orgctl = |words: &[&str]| -> Took { ours.orgctl_with(words, &[("ORGCTL_MASTER_KEY_FILE", &key)]) };
    USERS.prepare(&ours, folder);
    let people = USERS.write(folder, "people.csv", 0..n, n, |_| false);
    orgctl(&["key", "init"]);
    let users = orgctl(&["user", "import", &people]);
    let mut rows = String::from("user,number,name,is_verified\n");
    for i in 0..n {
        writeln!(rows, "{},{},Asha Rao {i},true", (USERS.key)(i), pan(i)).expect("a row");
    }
    let file = folder.join("pans.csv");
    fs::write(&file, rows).expect("the file");
    let pans = file.to_string_lossy();
    let papers = orgctl(&["kyc", "import", &pans, "--kind", "pan", "--keep-verified"]);
    assert!(papers.said.contains(&format!("created {n}")), "{}", papers.said);
    seconds("import of the people", users.seconds(), n);
    seconds("import of their papers", papers.seconds(), n);
    let bound = if engine == "sqlite" { 0.4 } else { 0.3 };
    ratio("import of papers to that of people", papers.seconds(), users.seconds(), 1.0 / bound);
    memory_within("the import of papers", &papers, MEMORY);
    let page = median(9, || orgctl(&["kyc", "list", "--limit", "20"]).time);
    milliseconds("a page of the queue", page, 20.0);
    let rotated = orgctl(&["key", "rotate"]);
    seconds("keys wrapped anew", rotated.seconds(), KEYS * n);
    let each_second = if engine == "sqlite" { 50_000.0 } else { 20_000.0 };
    ratio("keys wrapped anew to what they may take", rotated.seconds(), (KEYS * n) as f64 / each_second, 1.0);
    seconds("values sealed anew by new keys", orgctl(&["key", "reencrypt", "--yes"]).seconds(), n);
}
