//! Files, pipes and devices that never end fill no memory; and an SQLite file is its owner's alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme, split};
use crate::raw::done;

/// Runs the program with a gigabyte and a half of address space: what keeps all that it reads does not get far.
fn limited(p: &TestEnv, line: &str, stdin: &str) -> crate::harness::Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v 1500000; exec \"$@\" < {stdin}"), "sh", env!("CARGO_BIN_EXE_orgctl")]);
    command.args(split(line)).env_clear().envs(&p.env).current_dir(p.dir.path());
    done(&mut command)
}

#[test]
fn no_reader_takes_more_than_it_can_hold() {
    on_both_engines_with_acme(|p| {
        let key = p.path("audit.key").display().to_string();
        let public = p.write("audit.pub", p.run(&format!("audit keygen --signing-key {key}")).ok());
        let started = Instant::now();
        for (line, stdin, code) in [
            ("branch show -", "/dev/zero", 6),
            ("branch delete - --yes", "/dev/zero", 6),
            ("audit append -", "/dev/zero", 6),
            ("audit verify --file -", "/dev/zero", 8),
            ("audit verify --file /dev/zero", "/dev/null", 8),
            ("audit verify --checkpoint /dev/zero --key K", "/dev/null", 1),
            ("audit verify --key /dev/zero", "/dev/null", 1),
            ("audit check-proof /dev/zero --key K", "/dev/null", 1),
            ("audit check-proof - --key K", "/dev/zero", 6),
            ("audit checkpoint --signing-key /dev/zero", "/dev/null", 1),
            ("branch import /dev/zero", "/dev/null", 1),
            ("branch import -", "/dev/zero", 1),
            ("user passwd x --password-stdin", "/dev/zero", 3),
        ] {
            let said = limited(p, &line.replace("--key K", &format!("--key {public}")), stdin);
            let is_told = said.err.starts_with("error: ") || said.err.contains("\nerror: ");
            assert!(is_told && said.code == code, "{line} < {stdin}: {} {}{}", said.code, said.out, said.err);
        }
        let mut q = TestEnv::new(Engine::Sqlite);
        q.env.insert("ORGCTL_CONFIG".into(), "/dev/zero".into());
        let said = limited(&q, "config show", "/dev/null");
        assert!(said.clone().fails(2).contains("can't read the configuration /dev/zero"), "{}", said.err);
        assert!(started.elapsed() < Duration::from_secs(60));
    });
}

#[test]
fn a_line_of_append_ends_at_its_limit() {
    on_both_engines_with_acme(|p| {
        let long = format!("{{\"action\":\"x\",\"resource\":\"a:b\",\"comment\":\"{}\"}}\n", "y".repeat(2 << 20));
        let whole = "{\"action\":\"x\",\"resource\":\"a:b\"}\n";
        let err = p.run_with("audit append -", format!("{whole}{long}{whole}")).fails(6);
        assert!(err.contains("line 2: it is longer than a megabyte; the 1 records before it are recorded"), "{err}");
    });
}

#[test]
fn a_form_and_a_configuration_end_at_their_limit() {
    let mut p = TestEnv::after(Engine::Sqlite, "init --org-code ACME");
    p.run("branch create --code B1 --name One").ok();
    let script = p.write("edit.sh", "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' '#' >> \"$1\"\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("a mode");
    p.env.insert("EDITOR".into(), script);
    let err = p.run("branch update B1 --edit").fails(1);
    assert!(err.contains("longer than a megabyte"), "{err}");
    let config = p.write("config.toml", "#".repeat(2 << 20));
    p.env.insert("ORGCTL_CONFIG".into(), config);
    let err = p.run("branch list").fails(2);
    assert!(err.contains("longer than a megabyte"), "{err}");
}

#[test]
fn a_database_that_others_can_read_is_made_private() {
    let p = TestEnv::after(Engine::Sqlite, "init --org-code ACME");
    let file = p.file();
    let mode = || fs::metadata(&file).expect("a file").permissions().mode() & 0o777;
    let set = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
    assert_eq!(mode(), 0o600);
    assert!(!p.run("branch list").err.contains("note"));
    for (old, line) in [(0o644, "branch list"), (0o664, "branch create --code B1 --name One"), (0o640, "db status")] {
        set(old);
        let said = p.run(line);
        assert_eq!((said.code, mode()), (0, 0o600), "{line}: {}", said.err);
        assert!(said.err.contains(&format!("note: {} had the mode {old:04o}", file.display())), "{}", said.err);
        assert!(!p.run(line.replace("B1", "B2").as_str()).err.contains("note"));
    }
    // Another program's database is left as it is.
    let theirs = p.path("theirs.db");
    let url = format!("sqlite://{}?mode=rwc", theirs.display());
    let made = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
        use sqlx::{Connection as _, Executor as _};
        let mut c = sqlx::SqliteConnection::connect(&url).await?;
        c.execute("create table recipes (name text)").await?;
        c.close().await
    });
    made.expect("a database");
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o644)).expect("a mode");
    for line in ["branch list", "init", "db status"] {
        p.run(&format!("--database sqlite://{} {line}", theirs.display()));
        assert_eq!(fs::metadata(&theirs).expect("a file").permissions().mode() & 0o777, 0o644, "{line}");
    }
}

/// A certificate is read by us: the library would take what a device gives until nothing is left.
#[test]
fn a_certificate_ends_at_its_limit() {
    let p = &TestEnv::after(Engine::Postgres, "init --org-code ACME");
    let url = p.url.split('?').next().expect("a URL").to_owned();
    for (query, sentence) in [
        ("sslmode=verify-full&sslrootcert=/dev/zero", "can't read the certificate in sslrootcert: it is larger than"),
        (
            "sslmode=require&sslcert=/dev/zero&sslkey=/dev/zero",
            "can't read the certificate in sslcert: it is larger than",
        ),
        ("sslmode=prefer&sslkey=/dev/zero", "can't read the key in sslkey: it is larger than"),
        ("sslmode=verify-ca&sslrootcert=/no/such/file", "can't read the certificate in sslrootcert: no such file"),
    ] {
        let said = limited(p, &format!("--database '{url}?{query}' branch list"), "/dev/null").fails(1);
        assert!(said.contains(sentence), "{query}: {said}");
    }
}

/// No device becomes a database, and none gets other rights.
#[test]
fn a_device_is_no_database() {
    let p = TestEnv::new(Engine::Sqlite);
    let mode = |device: &str| fs::metadata(device).expect("a device").permissions().mode();
    for (line, device) in
        [("init --org-code ACME", "/dev/full"), ("branch list", "/dev/null"), ("db check", "/dev/zero")]
    {
        let before = mode(device);
        let said = p.run(&format!("--database sqlite://{device} {line}")).fails(1);
        assert!(said.contains(&format!("{device} is no file, so no database can be in it")), "{said}");
        assert_eq!(mode(device), before, "{device}");
    }
}
