//! What can be wrong with a PostgreSQL server: each one clear sentence and the right exit code.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Engine, Output, TestEnv, psql, server, with_lock};
use crate::raw::{HeldLock, clear, done, int, start, texts, unique, until, wait};

fn acme() -> TestEnv {
    TestEnv::with_acme(Engine::Postgres)
}

/// The place's database, with TLS where the server speaks it.
fn tcp(p: &TestEnv) -> url::Url {
    let mut url = url::Url::parse(&p.url).expect("a URL");
    url.set_query(None);
    url
}

#[track_caller]
fn fails(said: Output, code: u8, with: &[&str]) {
    let err = said.fails(code);
    clear(&err);
    for part in with {
        assert!(err.contains(part), "'{part}' is not in:\n{err}");
    }
}

fn on_url(p: &TestEnv, url: &str, line: &str) -> Output {
    let words: Vec<String> =
        ["--database", url].map(str::to_owned).into_iter().chain(crate::harness::split(line)).collect();
    p.run_words(&words, b"")
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let p = acme();
    let mut url = tcp(&p);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    url.set_port(Some(port)).expect("a port");
    let started = Instant::now();
    fails(
        on_url(&p, url.as_str(), "branch list"),
        1,
        &["can't reach the database server", "connection refused", "pg_isready"],
    );
    fails(on_url(&p, url.as_str(), "branch create --code X --name X"), 1, &["can't reach the database server"]);
    url.set_host(Some("no-such-host.invalid")).expect("a host");
    fails(on_url(&p, url.as_str(), "branch list"), 1, &["can't reach the database server", "no-such-host.invalid"]);
    assert!(started.elapsed() < Duration::from_secs(20));
    let socket = format!("postgres://x@localhost/x?host={}", p.dir.path().display());
    fails(on_url(&p, &socket, "branch list"), 1, &["can't reach the database server"]);
    // One that takes the connection and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("postgres://x@127.0.0.1:{}/x", silent.local_addr().expect("an address").port());
    fails(on_url(&p, &url, "--wait 1 branch list"), 1, &["can't reach the database server", "does not answer"]);
}

#[test]
fn passwords_and_users_are_told_apart_and_never_shown() {
    let p = acme();
    let mut url = tcp(&p);
    url.set_username("orgctl_pw").expect("a user");
    url.set_password(Some("wrong horse")).expect("a password");
    let said = on_url(&p, url.as_str(), "branch list");
    fails(said.clone(), 1, &["refused the password", "PGPASSWORD"]);
    assert!(!said.err.contains("wrong") && said.err.contains("***"), "{}", said.err);
    url.set_password(None).expect("no password");
    let said = on_url(&p, url.as_str(), "branch list");
    assert_eq!(said.code, 1, "{}", said.err);
    clear(&said.err);
    assert!(said.err.contains("password"), "{}", said.err);
    // Right, but without any right in this database.
    url.set_password(Some("correct horse")).expect("a password");
    let said = on_url(&p, url.as_str(), "branch list");
    fails(said.clone(), 1, &["lacks a right", "orgctl db grants"]);
    assert!(!said.err.contains("correct"), "{}", said.err);
    fails(on_url(&p, url.as_str(), "branch create --code X --name X"), 1, &["lacks a right"]);
    fails(on_url(&p, url.as_str(), "audit verify"), 1, &["lacks a right"]);
    fails(on_url(&p, url.as_str(), "db status"), 1, &["lacks a right"]);
    // With the rights it works; the password stays out of the trail and out of `config show`.
    let grants = p.run("db grants --role orgctl_pw").ok();
    p.sql(&grants).expect("granted");
    on_url(&p, url.as_str(), "branch create --code X --name X").ok();
    let kept = texts(&p, "select payload from audit_requests order by tree, first_seq");
    assert!(kept.iter().all(|r| !r[0].contains("correct")), "{kept:?}");
    assert!(kept.iter().any(|r| r[0].contains("orgctl_pw") && r[0].contains("***")), "{kept:?}");
    let shown = on_url(&p, url.as_str(), "config show").ok();
    assert!(!shown.contains("correct") && shown.contains("***"), "{shown}");
    url.set_username("nobody_at_all").expect("a user");
    let said = on_url(&p, url.as_str(), "branch list");
    assert_eq!(said.code, 1, "{}", said.err);
    clear(&said.err);
    assert!(said.err.contains("nobody_at_all"), "{}", said.err);
    p.sql("drop owned by orgctl_pw").expect("taken back");
}

#[test]
fn a_missing_or_empty_database_is_told() {
    let p = acme();
    let mut url = url::Url::parse(&server()).expect("a URL");
    url.set_path("no_such_database");
    for line in ["branch list", "init", "db status"] {
        fails(on_url(&p, url.as_str(), line), 1, &["no such database", "no_such_database", "createdb"]);
    }
    let q = TestEnv::new(Engine::Postgres);
    fails(q.run("branch list"), 1, &["is empty", "orgctl init"]);
    // Whose maker may not make a schema.
    let role = unique("poor");
    psql(&server(), &format!("create role {role} login"));
    let poor = q.url.replacen("orgctl_test@", &format!("{role}@"), 1);
    fails(on_url(&q, &poor, "init"), 1, &["lacks a right"]);
    psql(&server(), &format!("drop role {role}"));
}

#[test]
fn a_connection_lost_in_the_middle_leaves_nothing_half_done() {
    let p = acme();
    let csv = p.write("b.csv", crate::raw::branches_csv(200));
    let before = int(&p, "select count(*) from audit_records");
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and application_name = 'orgctl branch import'";
    let waits = "select count(*) from pg_stat_activity where datname = current_database()
                    and application_name = 'orgctl branch import' and wait_event_type = 'Lock'";
    // It has the lock, and stands before the table that somebody else holds.
    let said = with_lock(&p, "begin; lock table orgctl.branches in share mode", || {
        let child = start(&mut p.spawn(&format!("branch import {csv}")), Stdio::null());
        until("the import to write", || int(&p, waits) == 1 && HeldLock::now(&p).is_none());
        p.sql(kill).expect("ended");
        wait(child)
    });
    fails(said, 1, &["the connection to the server was lost", "undone"]);
    assert_eq!(int(&p, "select count(*) from branches"), 0);
    assert_eq!(int(&p, "select count(*) from audit_records"), before);
    // While it waits for a lock.
    let lock = HeldLock::new(&p);
    let child = start(&mut p.spawn("branch create --code X --name X"), Stdio::null());
    until("the writer to wait", || int(&p, &waits.replace("import", "create")) == 1);
    p.sql(&kill.replace("import", "create")).expect("ended");
    fails(wait(child), 1, &["the connection to the server was lost"]);
    drop(lock);
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn timeouts_of_the_url_and_of_the_server_are_told() {
    let p = acme();
    let with = |setting: &str| format!("{}&{setting}", p.url);
    // A statement that takes longer than it may: the head is held, and --wait allows more than the statement.
    let held = HeldLock::new(&p);
    let started = Instant::now();
    let said = on_url(&p, &with("statement_timeout=1"), "--wait 20 branch create --code X --name X");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    fails(said, 1, &["took too long", "nothing was changed", "statement_timeout"]);
    drop(held);
    on_url(&p, &with("statement_timeout=30"), "branch create --code X --name X").ok();
    for (setting, hint) in [
        ("statement_timeout=soon", "whole number of seconds"),
        ("statement_timeout=-1", "whole number of seconds"),
        ("sslmod=require", "did you mean sslmode?"),
        ("colour=blue", "it has no setting 'colour'"),
        ("sslmode=perhaps", "sslmode"),
    ] {
        let said = on_url(&p, &with(setting), "branch list");
        assert_eq!(said.code, 2, "{setting}: {}", said.err);
        clear(&said.err);
        assert!(said.err.contains(hint), "{setting}: {}", said.err);
    }
    for url in ["postgres://", "postgres://host:port/x", "postgresql:nowhere"] {
        let said = on_url(&p, url, "branch list");
        assert!(said.code == 1 || said.code == 2, "{url}: {}", said.err);
        clear(&said.err);
    }
}

/// SQLSTATE and what orgctl says of it: PostgreSQL documentation, appendix A.
#[test]
fn what_a_server_refuses_in_the_middle_is_put_into_words() {
    let p = acme();
    let records = int(&p, "select count(*) from audit_records where tree = 1");
    for (state, code, sentence) in [
        ("53100", 1, "the server's disk is full; nothing was changed"),
        ("53300", 1, "no connection free"),
        ("57P01", 1, "the connection to the server was lost"),
        ("57014", 1, "took too long; nothing was changed"),
        ("40P01", 1, "stood in each other's way; nothing was changed"),
        ("40001", 1, "stood in each other's way; nothing was changed"),
        ("42501", 1, "lacks a right"),
        ("25006", 1, "takes no writes"),
    ] {
        p.sql(&format!(
            "create or replace function fail() returns trigger language plpgsql as
                $$ begin raise exception 'the server says' using errcode = '{state}'; end $$;
             create or replace trigger fail before insert on branches execute function fail()"
        ))
        .expect("a trigger");
        fails(p.run("branch create --code X --name X"), code, &[sentence, "hint: "]);
        assert_eq!(int(&p, "select count(*) from branches"), 0, "{state}");
    }
    assert_eq!(int(&p, "select count(*) from audit_records where tree = 1"), records);
    p.sql("drop trigger fail on branches; drop function fail()").expect("gone");
    p.run("branch create --code X --name X").ok();
    // A replica, or a server set so, takes no writes; reading goes on.
    let name = crate::raw::text(&p, "select current_database()::text");
    psql(&server(), &format!("alter database {name} set default_transaction_read_only = on"));
    fails(p.run("branch create --code Y --name Y"), 1, &["takes no writes"]);
    assert_eq!(p.run("branch list -o key").ok(), "X\n");
    p.run("audit verify --deep").ok();
    psql(&server(), &format!("alter database {name} reset default_transaction_read_only"));
    // No connection is free for whoever is not the owner.
    let role = unique("one");
    psql(&server(), &format!("create role {role} login; alter database {name} connection limit 0"));
    let theirs = p.url.replacen("orgctl_test@", &format!("{role}@"), 1);
    fails(on_url(&p, &theirs, "branch list"), 1, &["no connection free"]);
    psql(&server(), &format!("drop role {role}"));
}

#[test]
fn tls_is_as_the_url_says() {
    let p = acme();
    let on = std::env::var("ORGCTL_TEST_PG_SSL").expect("tests/run says whether the server speaks TLS") == "on";
    let cert = std::env::var("ORGCTL_TEST_PG_CERT").expect("tests/run names the certificate");
    let url = tcp(&p);
    let with = |query: &str| format!("{url}?{query}");
    if !on {
        // A server without TLS: who requires it is refused.
        fails(on_url(&p, &with("sslmode=require"), "branch list"), 1, &["TLS"]);
        return;
    }
    on_url(&p, &with("sslmode=require"), "branch list").ok();
    on_url(&p, &with(&format!("sslmode=verify-full&sslrootcert={cert}")), "branch list").ok();
    on_url(&p, &with(&format!("sslmode=verify-ca&sslrootcert={cert}")), "branch list").ok();
    let ssl = "select ssl::int from pg_stat_ssl where pid = pg_backend_pid()";
    let mut q = TestEnv::new(Engine::Postgres);
    q.url = with("sslmode=require");
    assert_eq!(int(&q, ssl), 1);
    // Nobody vouches for this certificate but the file.
    let said = on_url(&p, &with("sslmode=verify-full"), "branch list");
    fails(said, 1, &["no secure connection", "sslrootcert"]);
    let said = on_url(&p, &with("sslmode=verify-full&sslrootcert=/no/such/file"), "branch list");
    assert!(said.code == 1 || said.code == 2, "{}", said.err);
    clear(&said.err);
    // The name must be the certificate's.
    let mut other = url.clone();
    other.set_host(Some("127.0.0.2")).expect("a host");
    let said = on_url(&p, &format!("{other}?sslmode=verify-full&sslrootcert={cert}"), "branch list");
    assert_eq!(said.code, 1, "{}", said.err);
    clear(&said.err);
}

#[test]
fn servers_that_are_too_old_are_refused() {
    for version in [90_600, 120_000, 130_014] {
        let problem = orgctl::store::engine::postgres::too_old(version).expect("too old");
        assert_eq!(problem.kind.exit_code(), 1);
        assert!(problem.sentence.contains(&format!("PostgreSQL {}", version / 10_000)), "{}", problem.sentence);
        assert!(problem.hints[0].contains("PostgreSQL 14 or later"), "{:?}", problem.hints);
    }
    for version in [140_000, 150_018, 180_000] {
        assert_eq!(orgctl::store::engine::postgres::too_old(version), None);
    }
}

#[test]
fn other_applications_in_the_database_are_left_alone() {
    let p = TestEnv::new(Engine::Postgres);
    let others = "create schema shop; create table shop.branches (code text); insert into shop.branches values ('S1');
                  create table public.orgs (name text); insert into public.orgs values ('theirs');
                  create table public.schema_migrations (version text)";
    psql(&p.url, others);
    let theirs = || {
        let sql = "select string_agg(schemaname || '.' || tablename, ' ' order by schemaname, tablename) from pg_tables
                    where schemaname in ('shop', 'public')";
        (
            crate::raw::text(&p, sql),
            int(&p, "select count(*) from shop.branches"),
            int(&p, "select count(*) from public.orgs"),
        )
    };
    let before = theirs();
    assert_eq!(before.0, "public.orgs public.schema_migrations shop.branches");
    p.run("init --org-code ACME").ok();
    p.run("branch create --code X --name X").ok();
    p.run("db check").ok();
    p.run("db rollback --yes").ok();
    p.run("db migrate").ok();
    p.run(&format!("db reset --name {}", crate::raw::text(&p, "select current_database()::text"))).ok();
    assert_eq!(theirs(), before);
    // Tables in our schema that we did not make are another matter.
    let q = TestEnv::new(Engine::Postgres);
    psql(&q.url, "create schema orgctl; create table orgctl.recipes (name text)");
    for line in ["init --org-code ACME", "branch list", "db migrate"] {
        let said = done(&mut q.spawn(line));
        fails(said, 1, &["holds tables that orgctl did not make"]);
    }
    assert_eq!(int(&q, "select count(*) from pg_tables where schemaname = 'orgctl'"), 1);
}
