//! What a database URL says is obeyed, or refused by its name.

use std::collections::BTreeMap;

use crate::harness::{Engine, Output, TestEnv, psql, server};
use crate::raw::{done, int, text, unique};

fn on_url(p: &TestEnv, url: &str, line: &str) -> Output {
    let words: Vec<String> =
        ["--database".to_owned(), url.to_owned()].into_iter().chain(crate::harness::split(line)).collect();
    p.run_words(&words, b"")
}

#[track_caller]
fn refused(said: Output, of: &str, parts: &[&str]) {
    assert_eq!(said.code, 2, "{of}: {}{}", said.out, said.err);
    for part in parts {
        assert!(said.err.contains(part), "{of}: '{part}' is not in:\n{}", said.err);
    }
    assert!(said.err.contains("hint: "), "{of}: {}", said.err);
}

#[test]
fn a_file_is_named_whole_or_refused() {
    let p = TestEnv::new(Engine::Sqlite);
    let dir = p.dir.path().display().to_string();
    for (url, part) in [
        ("sqlite://:memory:", "in memory"),
        ("sqlite::memory:", "in memory"),
        (":memory:", "in memory"),
        ("file::memory:", "'file' is no database"),
        ("file:x.db?mode=memory", "'file' is no database"),
        ("sqlite://x.db?mode=ro", "settings that orgctl does not know: mode"),
        ("sqlite://x.db?cache=shared&immutable=1", "cache, immutable"),
        ("sqlite://x.db#part", "behind a #"),
        ("sqlite:///", "a folder"),
        ("sqlite://./", "a folder"),
        ("sqlite://", "names no file"),
        ("sqlite:", "names no file"),
        ("sqlite://?", "settings"),
        ("sqlite://a%ffb.db", "no UTF-8"),
        ("", "empty text"),
        ("  ", "empty text"),
        (&format!("{dir}/"), "a folder"),
    ] {
        for line in ["init", "branch list", "db status"] {
            refused(on_url(&p, url, line), &format!("{url} {line}"), &[part]);
        }
    }
    let said = on_url(&p, &dir, "init").fails(1);
    assert!(said.contains("is a folder, not a database file"), "{said}");
    assert_eq!(std::fs::read_dir(&dir).expect("a folder").count(), 0, "nothing is left behind");
    // A name that needs it is written by numbers, and read so; the path alone is taken as it is.
    on_url(&p, &format!("sqlite://{dir}/a%20b%3F%23.db"), "init --org-code ACME").ok();
    assert!(p.path("a b?#.db").exists());
    assert_eq!(on_url(&p, &format!("{dir}/a b?#.db"), "org list -o key").ok(), "ACME\n");
    let shown = on_url(&p, &format!("{dir}/a b?#.db"), "config show -o csv").ok();
    assert!(shown.contains(&format!("sqlite://{dir}/a b%3F%23.db")), "{shown}");
    on_url(&p, &format!("SQLite://{dir}/c.db"), "init --org-code ACME").ok();
    assert!(p.path("c.db").exists());
}

#[test]
fn a_setting_that_is_not_known_or_not_meant_is_refused_by_name() {
    let p = TestEnv::new(Engine::Postgres);
    let base = p.url.split('?').next().expect("a URL").to_owned();
    for (query, parts) in [
        ("foo=bar", &["no setting 'foo'", "settings: sslmode"][..]),
        ("sslmod=require", &["no setting 'sslmod'", "did you mean sslmode?"]),
        ("target_session_attrs=read-write", &["no setting 'target_session_attrs'"]),
        ("keepalives=1", &["'keepalives'"]),
        ("channel_binding=require", &["'channel_binding'"]),
        ("sslcrl=x", &["'sslcrl'"]),
        ("application_name=mine", &["application_name can't be set", "which command runs"]),
        ("sslmode=sometimes", &["its sslmode is none", "one of: disable"]),
        ("sslmode=verify-ful", &["did you mean verify-full?"]),
        ("sslmode=allow", &["did you mean prefer?"]),
        ("sslmode=", &["its sslmode is empty"]),
        ("sslmode=disable&sslmode=verify-full", &["says the sslmode twice"]),
        ("sslmode=disable&ssl-mode=require", &["says the sslmode twice"]),
        ("sslrootcert=/x&sslmode=require", &["nobody looks at the certificate"]),
        ("sslrootcert=/x", &["nobody looks at the certificate"]),
        ("sslcert=/x&sslkey=/y&sslmode=disable", &["no use for sslcert"]),
        ("host=a,b", &["the host twice"]),
        ("user=other", &["says the user twice"]),
        ("dbname=other", &["says the dbname twice"]),
        ("statement_timeout=soon", &["statement_timeout is not a whole number"]),
        ("connect_timeout=-1", &["connect_timeout is not a whole number"]),
        ("statement-cache-capacity=many", &["statement-cache-capacity is not"]),
        ("options=-c%20search_path%3Dpublic", &["search_path can't be set", "schema orgctl"]),
        ("options=-clock_timeout%3D1", &["lock_timeout can't be set", "--wait"]),
        ("options=--statement-timeout%3D1", &["statement_timeout can't be set"]),
        ("options[TimeZone]=Asia/Kolkata", &["not written options[NAME]"]),
        ("options[timezone]=Asia/Kolkata", &["timezone can't be set"]),
        ("options[work_mem=1", &["not written options[NAME]=VALUE"]),
    ] {
        for line in ["init", "branch list"] {
            refused(on_url(&p, &format!("{base}?{query}"), line), query, parts);
        }
    }
    for (url, part) in [
        ("postgres://h:5432x/db", "invalid port number"),
        ("postgres://h:99999/db", "invalid port number"),
        ("postgres://h/db?port=5432x", "its port is not"),
        ("postgres://h/db?port=0", "its port is not"),
        ("postgres://h/db#x", "behind a #"),
        ("postgres://a,b/db", "several servers"),
        ("postgres://h/a/b", "holds a @ or a /"),
        ("postgres://h", "names no database"),
        ("postgres://h/", "names no database"),
        ("postgres:h/db", "two slashes"),
        ("postgres:/h/db", "two slashes"),
        ("postgres//h/db", "looks like the address of a server"),
        ("host=h dbname=db", "looks like the address of a server"),
        ("postgress://h/db", "did you mean postgres"),
    ] {
        refused(on_url(&p, url, "branch list"), url, &[part]);
    }
    assert_eq!(int(&p, "select count(*) from pg_namespace where nspname = 'orgctl'"), 0);
}

#[test]
fn settings_that_are_known_are_obeyed() {
    let p = TestEnv::new(Engine::Postgres);
    let base = p.url.split('?').next().expect("a URL").replacen("postgres://", "PostgreSQL://", 1);
    let with = |query: &str, line: &str| on_url(&p, &format!("{base}?sslmode=disable&{query}"), line);
    with(
        "statement_timeout=60&connect_timeout=10&options[work_mem]=2MB&options=-c%20geqo%3Doff",
        "init --org-code ACME",
    )
    .ok();
    let url = url::Url::parse(&p.url).expect("a URL");
    let (host, port) = (url.host_str().expect("a host"), url.port().expect("a port"));
    let name = url.path().trim_start_matches('/');
    let by_settings = format!("postgres:///?host={host}&port={port}&user=orgctl_test&dbname={name}&sslmode=disable");
    assert_eq!(on_url(&p, &by_settings, "org list -o key").ok(), "ACME\n");
    // It tells what it is called although the URL's path does not.
    let said = on_url(&p, &by_settings, "db reset --name wrong").fails(2);
    assert!(said.contains(&format!("the database is called '{name}'")), "{said}");
    let said = on_url(&p, &by_settings, "db grants --role clerk").ok();
    assert!(said.contains(&format!("ON DATABASE \"{name}\" TO \"clerk\";")), "{said}");
    // A server that says nothing is waited for as long as was said.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("postgres://x@127.0.0.1:{}/x?connect_timeout=1", silent.local_addr().expect("an address").port());
    let started = std::time::Instant::now();
    assert!(on_url(&p, &url, "branch list").fails(1).contains("does not answer"));
    assert!(started.elapsed() < std::time::Duration::from_secs(4));
}

/// Variables of libpq's: what can't be obeyed is refused by name, and so is what can't be read.
#[test]
fn variables_of_the_server_are_obeyed_or_refused() {
    let p = TestEnv::after(Engine::Postgres, "init --org-code ACME");
    let url = url::Url::parse(&p.url).expect("a URL");
    let run = |url: &str, variables: &[(&str, &str)]| {
        let mut command = p.spawn("org list -o key");
        command.env("ORGCTL_DATABASE_URL", url);
        command.envs(variables.iter().copied());
        done(&mut command)
    };
    for (name, value, part) in [
        ("PGSSLMODE", "verify-fulll", "did you mean verify-full?"),
        ("PGSSLMODE", "allow", "did you mean prefer?"),
        ("PGPORT", "many", "not the number of a port"),
        ("PGHOST", "a,b", "several servers"),
        ("PGSERVICE", "people", "does not obey"),
        ("PGTARGETSESSIONATTRS", "read-write", "does not obey"),
        ("PGCHANNELBINDING", "require", "does not obey"),
        ("PGSSLROOTCERT", "/x", "nobody looks at the certificate"),
        ("PGOPTIONS", "-c search_path=public", "search_path can't be set"),
        ("PGCONNECT_TIMEOUT", "x", "not a whole number"),
    ] {
        let said = run(&p.url, &[(name, value)]);
        assert_eq!(said.code, 2, "{name}: {}{}", said.out, said.err);
        assert!(said.err.contains(part), "{name}: {}", said.err);
        assert!(said.err.contains(name) || name == "PGSSLROOTCERT", "{name}: {}", said.err);
    }
    let name = url.path().trim_start_matches('/').to_owned();
    let (host, port) = (url.host_str().expect("a host").to_owned(), url.port().expect("a port").to_string());
    let all = [
        ("PGHOST", &*host),
        ("PGPORT", &port),
        ("PGUSER", "orgctl_test"),
        ("PGDATABASE", &name),
        ("PGSSLMODE", "disable"),
    ];
    assert_eq!(run("postgres://", &all).ok(), "ACME\n");
    assert_eq!(run(&p.url, &[("PGAPPNAME", "x"), ("PGTZ", "UTC"), ("PGSERVICE", "")]).ok(), "ACME\n");
}

#[test]
fn a_database_that_is_not_utf8_is_refused() {
    let p = TestEnv::new(Engine::Postgres);
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let name = unique("enc");
        psql(&server(), &format!("create database {name} encoding '{encoding}' locale 'C' template template0"));
        let mut url = url::Url::parse(&p.url).expect("a URL");
        url.set_path(&name);
        for line in ["init --org-code ACME --org-name 'Çelik Şirketi'", "init --dry-run", "db migrate"] {
            let err = on_url(&p, url.as_str(), line).fails(1);
            assert!(err.contains(&format!("keeps text as {encoding}")), "{line}: {err}");
            assert!(err.contains(&format!("create database \"{name}\" encoding 'UTF8'")), "{line}: {err}");
        }
        let mut there = TestEnv::new(Engine::Postgres);
        let own = std::mem::replace(&mut there.url, url.to_string());
        assert_eq!(
            int(&there, "select count(*) from pg_namespace where nspname = 'orgctl'"),
            0,
            "nothing is left behind"
        );
        there.url = own;
        psql(&server(), &format!("drop database {name}"));
    }
}

/// Where PUBLIC has nothing, what `db grants` prints is all that a role needs for work with the data.
#[test]
fn grants_are_all_that_a_role_needs() {
    let p = TestEnv::after(Engine::Postgres, "init --org-code ACME");
    let role = unique("clerk");
    psql(&server(), &format!("create role {role} login"));
    let name = text(&p, "select current_database()::text");
    p.sql(&format!(
        "revoke all on database {name} from public; revoke all on schema public, orgctl from public;
         revoke all on all tables in schema orgctl from public; revoke all on all functions in schema orgctl from public"
    ))
    .expect("revoked");
    let url = p.url.replacen("orgctl_test@", &format!("{role}@"), 1);
    let mut env: BTreeMap<String, String> = p.env.clone();
    env.insert("ORGCTL_DATABASE_URL".into(), url);
    let run = |line: &str| p.run_with_env(line, &env, false);
    let err = run("branch list").fails(1);
    assert!(err.contains("lacks a right") && err.contains("db grants"), "{err}");
    p.sql(&p.run(&format!("db grants --role {role}")).ok()).expect("granted");
    let branches = p.write("b.csv", crate::raw::branches_csv(120));
    let users = p.write(
        "u.csv",
        "email,name,branch,branches\na@x.example,Asha,B00001,B00001;B00002\nb@x.example,Bina,B00002,\n",
    );
    for line in [
        format!("branch import {branches}"),
        format!("branch import {branches} --on-conflict update"),
        format!("user import {users}"),
        "user create --name Chitra --email c@x.example".into(),
        "user deactivate c@x.example".into(),
        "user invite b@x.example".into(),
        "branch delete B00003 --yes".into(),
        "branch restore B00003".into(),
        "branch delete B00004 --yes".into(),
        "branch purge B00004 --yes".into(),
        "setting set password.history 3".into(),
        "org create --code GLOBEX --name Globex".into(),
        "branch list --org ACME --limit 2".into(),
        "user history a@x.example --org ACME".into(),
        "user list --org ACME --as-of 1s".into(),
        "audit verify --deep".into(),
        "db check".into(),
        "db status".into(),
    ] {
        if line.contains("--as-of") {
            p.wait(60);
        }
        run(&line).ok();
    }
    // The rest is the owner's: the hint says so, and does not lead back.
    let err = run("audit archive --org ACME --before 1d --out x.jsonl").fails(1);
    assert!(err.contains("only the owner") && err.contains("'orgctl db grants' never gives this right"), "{err}");
    let err = run("db rollback --yes").fails(1);
    assert!(err.contains("lacks a right") && err.contains("as the owner"), "{err}");
    let err = run(&format!("db copy --to sqlite://{}", p.path("copy.db").display())).fails(1);
    assert!(err.contains("lacks a right") && err.contains("as the owner") && !err.contains("db grants"), "{err}");
    run("audit keygen").ok();
    let err = run("audit checkpoint").fails(1);
    assert!(err.contains("lacks a right") && err.contains("'orgctl db grants --role ROLE --checkpoints'"), "{err}");
    p.sql(&format!("drop owned by {role}")).expect("dropped");
    psql(&server(), &format!("drop role {role}"));
    // Who may not make a schema is not sent to what needs one.
    let q = TestEnv::new(Engine::Postgres);
    let poor = unique("poor");
    psql(&server(), &format!("create role {poor} login"));
    let err = on_url(&q, &q.url.replacen("orgctl_test@", &format!("{poor}@"), 1), "init").fails(1);
    assert!(
        err.contains("lacks a right") && err.contains("CREATE on the database") && !err.contains("db grants"),
        "{err}"
    );
    psql(&server(), &format!("drop role {poor}"));
}
