//! A password in a wrong place, or in an address that is none, is neither told nor recorded.

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::texts;

const SECRET: &str = "s3cret";

/// Addresses with a password that are written as they should be, or nearly so, or not at all.
const ADDRESSES: &[&str] = &[
    "postgres://rao:s3cret@127.0.0.1:1/people",
    "postgres://rao:s3cret@@127.0.0.1:1/people",
    "postgres://rao:a/s3cret@127.0.0.1:1/people",
    "postgres://rao:a?s3cret@127.0.0.1:1/people",
    "postgres://rao:a#s3cret@127.0.0.1:1/people",
    "postgres://rao:1/s3cret@127.0.0.1:1/people",
    "postgres://rao:1#s3cret@127.0.0.1:1/people",
    "postgres://rao:1?s3cret@127.0.0.1:1/people",
    "postgres://rao:a s3cret@127.0.0.1:1/people",
    "postgres://rao:a@s3cret@127.0.0.1:1/people",
    "postgres://rao:s3cret",
    "postgres://rao:s3cret@",
    "postgres://rao:s3cret@[broken/people",
    "postgres:///people?user=rao&password=s3cret&sslmode=no",
    "postgres:///people?password=s3cret&host=127.0.0.1&port=1",
    "postgres://rao@127.0.0.1:1/people?sslpassword=s3cret",
    "postgres://rao@127.0.0.1:1/people?s3cret",
    "postgres:/rao:s3cret@127.0.0.1:1/people",
    "postgres:rao:s3cret@127.0.0.1:1/people",
    "postgres//rao:s3cret@127.0.0.1:1/people",
    "POSTGRES://rao:s3cret@127.0.0.1:1/people",
    "postgress://rao:s3cret@127.0.0.1:1/people",
    "postgresql+psycopg2://rao:s3cret@127.0.0.1:1/people",
    " postgres://rao:s3cret@127.0.0.1:1/people",
    "'postgres://rao:s3cret@127.0.0.1:1/people'",
    "jdbc:postgresql://127.0.0.1:1/people?user=rao&password=s3cret",
    "host=127.0.0.1 port=1 user=rao password=s3cret dbname=people",
    "rao:s3cret@127.0.0.1:1/people",
    "mysql://rao:s3cret@127.0.0.1/people",
    "sqlite://rao:s3cret@127.0.0.1/people?mode=ro",
    "sqlite://rao:s3cret@127.0.0.1/people",
    "sqlite://rao:s3cret@people.db",
];

#[track_caller]
fn keeps(secret: &str, said: &crate::harness::Output, of: &str) {
    assert!(!said.out.contains(secret) && !said.err.contains(secret), "{of}:\n{}\n{}", said.out, said.err);
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|w| (*w).to_owned()).collect()
}

#[test]
fn no_address_tells_its_password() {
    let mut p = TestEnv::new(Engine::Sqlite);
    for url in ADDRESSES {
        p.env.insert("ORGCTL_DATABASE_URL".into(), (*url).into());
        for line in ["config show", "config show -o json", "branch list -v", "init -o json", "db status"] {
            let said = p.run(line);
            keeps(SECRET, &said, &format!("{url}: {line}"));
            assert!(line.starts_with("config show") || said.code != 0, "{url}: {line}");
        }
        p.env.remove("ORGCTL_DATABASE_URL");
        for line in [
            &["--database", url, "branch", "list", "-v"][..],
            &["--database", url, "config", "show"],
            &[&format!("--database={url}"), "db", "status"],
            &["--org", url, "config", "show"],
            &["--wait", url, "branch", "list"],
            &["branch", "list", "--databse", url],
        ] {
            keeps(SECRET, &p.run_words(&words(line), b""), &format!("{line:?}"));
        }
        let file = p.write("config.toml", format!("database = {}\n", toml::Value::from(*url)));
        p.env.insert("ORGCTL_CONFIG".into(), file.clone());
        for line in ["config show", "branch list -v"] {
            keeps(SECRET, &p.run(line), &format!("{url} in a file: {line}"));
        }
        std::fs::write(file, format!("database = {url}\n")).expect("a file");
        keeps(SECRET, &p.run("config show"), &format!("{url} in a file, without quotes"));
        p.env.remove("ORGCTL_CONFIG");
    }
}

/// Where a command gets as far as the database, its words are kept, and what it said of a failure too.
#[test]
fn nothing_that_is_recorded_holds_a_password() {
    on_both_engines_with_acme(|p| {
        let pairs = "host=127.0.0.1 password=s3cret";
        for line in [
            &["branch", "create", "--code", "B1", "--name", "postgres://rao:s3cret@db/people", "--if-version", "x"][..],
            &["branch", "show", "postgres://rao:s3cret@db/people"],
            &["branch", "delete", "postgres://rao:s3cret@db/people", "--yes"],
            &["user", "create", "--name", "Rao", "--email", "postgres://rao:s3cret@db/people"],
            &["setting", "set", "password.history", "postgres://rao:s3cret@db/people"],
            &["setting", "set", "postgres://rao:s3cret@db/people", "5"],
            &["user", "block", "nobody", "--reason", "password=s3cret"],
            &["branch", "create", "--code", "B2", "--name", pairs, "--email", pairs],
            &["--request-id", "postgres:/rao:s3cret@db", "branch", "list"],
        ] {
            let said = p.run_words(&words(line), b"");
            assert_ne!(said.code, 0, "{line:?}");
            keeps(SECRET, &said, &format!("{line:?}"));
        }
        // The address of the database itself, in a command that is recorded; on SQLite a path, which is no secret.
        let password = p.url.replacen("://orgctl_test@", "://orgctl_test:s3cret@", 1);
        p.run_words(&words(&["--database", &password, "branch", "create", "--code", "B3", "--name", "B"]), b"").ok();
        p.run_words(&words(&[&format!("--database={password}"), "branch", "delete", "B3", "--yes"]), b"").ok();
        let said = p.run_words(&words(&["--database", &password, "branch", "list", "--limit", "0"]), b"");
        keeps(SECRET, &said, "a usage error");
        for sql in [
            "select coalesce(payload, '') from audit_requests",
            "select coalesce(payload, '') from audit_records",
            "select message || context from system_log",
        ] {
            let kept = texts(p, sql);
            assert!(kept.iter().all(|row| !row[0].contains(SECRET)), "{sql}: {kept:?}");
        }
        for line in ["audit list --all -o json", "audit log list -o json", "branch history B3 -o json"] {
            keeps(SECRET, &p.run(line), line);
        }
    });
}

#[test]
fn a_password_that_is_an_argument_is_not_repeated() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name Rao --email rao@x.example").ok();
        for line in [
            "user passwd rao@x.example s3cret",
            "user passwd rao@x.example --password s3cret",
            "user passwd rao@x.example --password=s3cret",
            "user create --name X --email x@x.example --password s3cret",
            "user create --name X --email x@x.example --password=s3cret",
            "user create s3cret",
            "user passwd rao@x.example -o json s3cret",
        ] {
            let said = p.run(line);
            keeps(SECRET, &said, line);
            assert!(said.fails(2).contains("a password is never an argument"), "{line}");
        }
        for line in ["user passwd rao@x.example --password-stdin=s3cret", "user passwd rao@x.example --generate=s3cret"]
        {
            let said = p.run(line);
            keeps(SECRET, &said, line);
            assert!(said.fails(2).contains("' takes no value"), "{line}");
        }
    });
}

/// What programs hand over is looked at by its names: old and new values, at any depth, and what is typed in a comment.
#[test]
fn the_trail_takes_no_secret_from_outside() {
    on_both_engines_with_acme(|p| {
        let secrets = [
            r#"{"new":{"password":"s3cret"}}"#,
            r#"{"old":{"profile":[{"api_key":"s3cret"}]}}"#,
            r#"{"details":{"Reset-Token":"s3cret"}}"#,
        ];
        for members in secrets {
            let line = members.replacen('{', r#"{"action":"asset_transfer","resource":"asset:A1","#, 1);
            let said = p.run_with("audit append -", &line);
            assert_eq!(said.code, 6, "{line}: {}", said.err);
            keeps(SECRET, &said, &line);
        }
        let line =
            r#"{"action":"asset_transfer","resource":"asset:A1","comment":"password: s3cret","new":{"password":true}}"#;
        p.run_with("audit append -", line).ok();
        let flags = ["audit", "append", "--action", "asset_transfer", "--resource", "asset:A1", "--new"];
        let said = p.run_words(&[&words(&flags)[..], &[r#"{"password":"s3cret"}"#.to_owned()]].concat(), b"");
        assert_eq!(said.code, 6, "{}", said.err);
        let said = p.run("audit checkpoint --signing-key PRIVATE+KEY+x+0123abcd+s3cret");
        keeps(SECRET, &said, "a key in the place of its file");
        for table in ["audit_records", "audit_requests"] {
            let told = texts(p, &format!("select payload from {table} where payload like '%s3cret%'"));
            assert!(told.is_empty(), "{told:?}");
        }
    });
}
