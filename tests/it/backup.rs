//! Backups: made, proven, and brought back on the same engine and on the other.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

/// An empty place of an engine.
fn empty(engine: Engine) -> TestEnv {
    TestEnv::new(engine)
}

/// Records of every kind, with what is hard to carry: line breaks, tabs, marks, addresses, decimals, deleted and erased
/// ones, secrets, and a signed checkpoint.
pub fn fill(p: &TestEnv) {
    for line in [
        "branch create --code HQ --name 'Head \u{930}\u{93e}\u{91c}' --city Pune --phone '+91 20 2553 1234'",
        "branch create --code B2 --name 'Back\\slash' --parent HQ",
        "dept create --code FIN --name Finance --branch HQ --budget 1250000.5",
        "dept create --code GONE --name Gone",
        "dept delete GONE --yes",
        "user create --name 'Asha Rao' --email asha@acme.example --branch HQ --department FIN --dob 1990-02-28 --user-code ASHA22",
        "user create --name 'Ravi Kumar' --email ravi@acme.example --reports-to asha@acme.example --user-code RAVK22",
        "branch assign B2 ravi@acme.example",
        "user invite ravi@acme.example",
        "user block ravi@acme.example --reason 'lost laptop' --until 7d",
        "user create --name Leaver --email leaver@acme.example --user-code LEAV22",
        "user delete LEAV22 --yes",
        "setting set password.min_length 14 --org ACME",
        "audit keygen",
        "audit checkpoint",
    ] {
        p.run(line).ok();
    }
    let rows = "user_code,name,email,register_ip\nJNES22,Jo Nes,jo@acme.example,::ffff:10.1.2.3\nJNES33,Jo Two,jo2@acme.example,2001:db8::1\n";
    p.run_with("user import -", rows).ok();
    let bio = "two\nlines, a\ttab, a \\N and a \u{2028}";
    p.run_words(&["user", "update", "ravi@acme.example", "--bio", bio].map(String::from), b"").ok();
    p.run_with("user passwd asha@acme.example --password-stdin", "correct horse battery staple\n").ok();
}

/// Everything that can be asked of a place, in the order of keys.
pub fn told(p: &TestEnv) -> Vec<String> {
    let mut all: Vec<String> = ["org", "branch", "dept", "user"]
        .iter()
        .map(|noun| p.run(&format!("{noun} list --with-deleted --all -o ndjson")).ok())
        .collect();
    all.push(p.run("setting list --org ACME -o json").ok());
    all.push(p.run("user export - --with-hashes --org ACME").out);
    all
}

/// The trail of an organisation.
pub fn trail(p: &TestEnv, org: &str) -> Vec<String> {
    p.run(&format!("audit list --all --org {org} -o ndjson")).ok().lines().map(str::to_owned).collect()
}

/// The one archive that was made.
pub fn archive(p: &TestEnv) -> PathBuf {
    let folder = p.path("home/.local/share/orgctl/backups");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of backups")
        .map(|f| f.expect("a file").path())
        .filter(|f| f.extension().is_some_and(|e| e == "tar"))
        .collect();
    found.sort();
    found.pop().expect("an archive")
}

#[test]
fn a_backup_is_restored_on_either_engine() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let (before, acme) = (told(p), trail(p, "ACME"));
        let made = p.json("backup create --label monthly");
        let file = archive(p);
        assert_eq!(made["file"], file.display().to_string());
        let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().expect("a folder"))), (0o600, 0o700));
        p.run("backup verify latest").ok();
        assert_eq!(p.column("backup list", "status"), ["verified"]);
        assert_eq!(p.column("backup list", "label"), ["monthly"]);
        let key = p.run("audit pubkey").ok();
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let other = empty(engine);
            // A new machine, which has the archive and the public key.
            let said = other.run(&format!("backup restore {} --into {}", file.display(), other.url));
            assert_eq!(said.code, 8, "{}", said.err);
            let vkey = other.write("audit.pub", &key);
            other.run(&format!("backup restore {} --into {} --key {vkey}", file.display(), other.url)).ok();
            assert_eq!(told(&other), before, "{engine:?}");
            let there = trail(&other, "ACME");
            assert_eq!(&there[there.len() - acme.len()..], &acme[..], "{engine:?}");
            other.run(&format!("audit verify --deep --key {vkey}")).ok();
            other.run("db check").ok();
            assert_eq!(other.column("user find rao", "user_code"), ["ASHA22"]);
            // It can be worked with.
            other.run("user create --name 'New Person' --email new@acme.example --org ACME").ok();
            other.run("db check").ok();
            let said = other.run(&format!("backup restore {} --into {} --key {vkey}", file.display(), other.url));
            assert_eq!(said.code, 4, "{}", said.err);
        }
    });
}
