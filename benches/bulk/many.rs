//! Many people at once: 8,000 by their keys, and an organisation with all that is in it, are put away, brought back and removed.
//! Against what the design allows: 200 microseconds a user and 50 for each row that the user owns.

use std::path::Path;

use crate::database::BenchDatabase;
use crate::subject::USERS;
use crate::{memory_within, ratio};

/// Bytes that may be held, in MB.
const MEMORY: f64 = 128.0;

/// Seconds that a user with a branch may take.
const EACH: f64 = 250e-6;

/// So many are named by their keys.
const NAMED: usize = 8000;

/// All that is measured of `n` users.
pub fn measure(engine: &str, folder: &Path, n: usize) {
    let csv = USERS.write(folder, "users.csv", 0..n, n, |_| false);
    let ours = BenchDatabase::new(engine, folder, "many");
    USERS.prepare(&ours, folder);
    ours.orgctl(&["user", "import", &csv]);
    let named = n.min(NAMED);
    let rows = std::fs::read_to_string(&csv).expect("the file");
    let header = rows.lines().next().unwrap_or_default();
    let at = header.split(',').position(|name| name == "email").expect("a column of addresses");
    let keys: Vec<&str> = rows.lines().skip(1).take(named).filter_map(|row| row.split(',').nth(at)).collect();
    assert_eq!(keys.len(), named);
    let by_key = |verb: &[&str], options: &[&str]| {
        let took = ours.orgctl(&[verb, &keys, options].concat());
        let what = verb.join(" ");
        ratio(&format!("{what} of {named} to what it may take"), took.seconds(), named as f64 * EACH, 1.0);
        memory_within(&format!("{what} of {named}"), &took, MEMORY);
    };
    by_key(&["user", "block"], &["--reason", "measured"]);
    by_key(&["user", "deactivate"], &["--orphan"]);
    by_key(&["user", "delete"], &["--orphan", "--yes"]);
    by_key(&["user", "restore"], &[]);
    by_key(&["user", "delete"], &["--orphan", "--yes"]);
    by_key(&["user", "purge"], &["--yes"]);
    let left = (n - named) as f64;
    for (verb, options) in [
        ("delete", &["--cascade", "--yes"][..]),
        ("restore", &[]),
        ("delete", &["--cascade", "--yes"]),
        ("purge", &["--yes"]),
    ] {
        let took = ours.orgctl(&[&["org", verb, "ACME"], options].concat());
        if left > 0.0 {
            ratio(&format!("org {verb} to what it may take"), took.seconds(), left * EACH, 1.0);
        }
        memory_within(&format!("org {verb}"), &took, MEMORY);
    }
}
