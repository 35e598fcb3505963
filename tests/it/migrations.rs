//! Migrations both ways with data in the tables, several migrators at once, and schemas that are not what they should be.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Engine, TestEnv, on_both_engines, on_both_engines_with_acme};
use crate::raw::{clear, done, int, on, start, text, texts, unique, wait};

const LATEST: i64 = 19;

fn version(p: &TestEnv) -> i64 {
    int(p, "select coalesce(max(version), 0) from schema_migrations")
}

/// Names of everything that a schema consists of.
fn objects(p: &TestEnv) -> Vec<Vec<String>> {
    texts(
        p,
        on(
            p,
            "select type, name, coalesce(sql, '') from sqlite_schema order by 1, 2",
            "select 'column', table_name::text || '.' || column_name || ' ' || data_type || ' ' || is_nullable, coalesce(column_default, '')
               from information_schema.columns where table_schema = 'orgctl'
             union all select 'index', indexname::text, indexdef from pg_indexes where schemaname = 'orgctl'
             union all select 'trigger', t.tgname::text, pg_get_triggerdef(t.oid) from pg_trigger t
                join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'orgctl'::regnamespace and not t.tgisinternal
             union all select 'constraint', conname::text, pg_get_constraintdef(oid) from pg_constraint
                where connamespace = 'orgctl'::regnamespace
             order by 1, 2",
        ),
    )
}

#[test]
fn the_schema_goes_down_and_up_again_with_data_in_the_tables() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
        p.run("branch create --code MUM02 --name 'Mumbai Dadar' --parent MUM01").ok();
        p.run("branch delete MUM02 --yes").ok();
        p.run("setting set password.min_length 20").ok();
        let made = objects(p);
        assert_eq!(version(p), LATEST);
        // Without a confirmation nothing goes.
        assert!(p.run("db rollback").fails(2).contains("--yes"));
        assert_eq!(version(p), LATEST);
        let planned = p.run("db rollback --dry-run");
        assert_eq!((planned.code, version(p)), (0, LATEST), "{}", planned.err);
        assert!(planned.err.contains("0019_wrapped_keys"), "{}", planned.err);
        for left in (0..LATEST).rev() {
            p.wait(1);
            let said = p.run("db rollback --yes");
            assert_eq!((said.code, version(p)), (0, left), "{}", said.err);
            let refused = p.run("branch list");
            assert_eq!(refused.code, 1, "{}", refused.err);
            clear(&refused.err);
            if left > 0 {
                // What the trail says stays whole at every version.
                assert!(refused.err.contains("orgctl db migrate"), "{}", refused.err);
                let migrated = "select count(*) from audit_records where action = 'migrate'";
                assert_eq!(int(p, migrated), 1 + (LATEST - left));
            }
        }
        assert!(p.run("db rollback --yes").code != 0, "nothing is left to take back");
        for to in 1..=LATEST {
            p.wait(1);
            p.run(&format!("db migrate --to {to}")).ok();
            assert_eq!(version(p), to);
        }
        assert_eq!(objects(p), made, "down and up is where it was");
        p.run("db migrate").ok();
        p.run("db check").ok();
        p.run("audit verify").ok();
        p.run("org create --code ACME --name 'Acme Ltd'").ok();
        p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
    });
}

/// Back to version 1 and up again: the trail of what is gone stays, and its number is not given again.
#[test]
fn a_trail_outlives_the_tables_it_tells_of() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
        p.run("db rollback --to 1 --yes").ok();
        p.run("db migrate").ok();
        p.run("org create --code ACME --name 'Acme again'").ok();
        assert_eq!(int(p, "select org_id from orgs where code = 'ACME'"), 2);
        assert_eq!(int(p, "select count(*) from audit_records where tree = 1"), 2, "the old trail");
        p.run("audit verify").ok();
        p.run("db check").ok();
    });
}

#[test]
fn an_sqlite_file_is_copied_aside_first() {
    let p = TestEnv::new(Engine::Sqlite);
    p.run("init --org-code ACME").ok();
    p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
    // Twice in the same second: no copy is lost and none stands in the way.
    for _ in 0..2 {
        let said = p.run("db rollback --to 2 --yes");
        assert!(said.err.contains("copied the database to"), "{}", said.err);
        said.ok();
        p.run("db migrate").ok();
    }
    let copies: Vec<_> = std::fs::read_dir(p.dir.path())
        .expect("a folder")
        .map(|e| e.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains(&format!("t.db.v{LATEST}-")))
        .collect();
    assert_eq!(copies.len(), 2, "{copies:?}");
    let mut with_branch = 0;
    for copy in &copies {
        let mode = std::fs::metadata(copy).expect("a copy").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", copy.display());
        let url = copy.display();
        p.run(&format!("--database sqlite://{url} audit verify")).ok();
        with_branch += p.run(&format!("--database sqlite://{url} branch list -o key")).ok().lines().count();
    }
    assert_eq!(with_branch, 1, "the first copy holds what the rollback took away");
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    on_both_engines_with_acme(|p| {
        let (blob, at) = (on(p, "x'00'", "'\\x00'"), on(p, "0", "now()"));
        p.sql(&format!("insert into schema_migrations values (99, 'tomorrow', {blob}, {at})")).expect("a newer one");
        for line in ["branch list", "db migrate", "db rollback --yes", "init", "branch create --code X --name X"] {
            let said = p.run(line);
            assert_eq!(said.code, 1, "{line}: {}", said.err);
            clear(&said.err);
            assert!(said.err.contains("at version 99, newer than this orgctl"), "{line}: {}", said.err);
        }
        let status = p.run("db status");
        assert_eq!(status.code, 0);
        assert!(status.out.contains("tomorrow") && status.out.contains("newer"), "{}", status.out);
        assert_eq!(int(p, "select count(*) from schema_migrations"), LATEST + 1);
    });
}

#[test]
fn a_migration_whose_text_changed_is_noticed() {
    on_both_engines_with_acme(|p| {
        let blob = on(p, "zeroblob(32)", "decode(repeat('00', 32), 'hex')");
        p.sql(&format!("update schema_migrations set checksum = {blob} where version = 2")).expect("edited");
        for line in ["db migrate", "db rollback --yes", "init"] {
            let said = p.run(line);
            assert!(said.clone().fails(8).contains("0002_orgs is not the one that was applied"), "{line}");
            clear(&said.err);
        }
        assert!(p.run("db check").fails(8).contains("rules"), "db check tells");
        let status = p.run("db status -o json").json();
        assert_eq!(status[1]["state"], "changed", "{status}");
        assert_eq!(status[0]["state"], "applied", "{status}");
        assert_eq!(version(p), LATEST);
    });
}

#[test]
fn several_inits_at_once_all_succeed() {
    on_both_engines(|p| {
        for round in 0..2 {
            let line = "init --org-code ACME --org-name 'Acme Ltd'";
            let all: Vec<_> = (0..6).map(|_| start(&mut p.spawn(line), std::process::Stdio::null())).collect();
            let said: Vec<_> = all.into_iter().map(wait).collect();
            for s in &said {
                assert_eq!(s.code, 0, "round {round}: {}", s.err);
            }
            let made = said.iter().filter(|s| s.err.contains("made the database")).count();
            let there = said.iter().filter(|s| s.err.contains("is there already")).count();
            assert_eq!((made, there), if round == 0 { (1, 5) } else { (0, 6) });
        }
        assert_eq!(int(p, "select count(*) from orgs where code = 'ACME'"), 1);
        assert_eq!(int(p, "select count(*) from orgs where code = 'SYSTEM'"), 1);
        p.run("db check").ok();
        p.run("audit verify").ok();
        // Two ways at once, too.
        p.run("db rollback --yes").ok();
        let all: Vec<_> = (0..4).map(|_| start(&mut p.spawn("db migrate"), std::process::Stdio::null())).collect();
        for s in all.into_iter().map(wait) {
            assert_eq!(s.code, 0, "{}", s.err);
        }
        p.run("db check").ok();
    });
}

#[test]
fn what_is_not_the_schema_is_told() {
    on_both_engines(|p| {
        let trigger = on(
            p,
            "drop trigger audit_records_no_update",
            "alter table audit_records disable trigger audit_records_no_update",
        );
        let gone = on(p, "drop trigger audit_heads_no_replace", "drop trigger audit_heads_no_truncate on audit_heads");
        let cases = [
            ("alter table branches drop column manager_name", "branches.manager_name is missing"),
            ("alter table branches add column colour text", "branches.colour is unknown"),
            (on(p, "drop table branches", "drop table branches cascade"), "table branches is missing"),
            ("create table extras (n integer)", "table extras is not one of orgctl's"),
            ("drop index branches_code", "branches_code"),
            ("drop table settings", "table settings is missing"),
            ("alter table settings add column colour text", "settings.colour is unknown"),
            ("drop index settings_key", "settings_key"),
            ("drop index audit_records_resource", "audit_records_resource"),
            (trigger, "audit_records_no_update is missing or switched off"),
            (gone, if p.engine == Engine::Sqlite { "audit_heads_no_replace" } else { "audit_heads_no_truncate" }),
        ];
        for (sql, what) in cases {
            let p = TestEnv::after(p.engine, "init --org-code ACME");
            p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
            p.run("db check").ok();
            p.sql(sql).expect(sql);
            let said = p.run("db check");
            assert_eq!(said.code, 8, "{sql}: {}{}", said.out, said.err);
            assert!(said.out.contains(what), "{sql}: {}", said.out);
            clear(&said.err);
            // A migrator looks too.
            assert!(p.run("init").fails(8).contains("the schema is not what this orgctl expects"), "{sql}");
        }
    });
}

#[test]
fn reset_wants_the_right_name() {
    on_both_engines_with_acme(|p| {
        let name = match p.engine {
            Engine::Sqlite => "t.db".to_owned(),
            Engine::Postgres => text(p, "select current_database()::text"),
        };
        p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
        for line in ["db reset", "db reset --yes", "db reset --name other", "db reset --name other --yes"] {
            let said = p.run(line);
            assert_eq!(said.code, 2, "{line}: {}", said.err);
            clear(&said.err);
        }
        p.run(&format!("db reset --name {name} --dry-run")).ok();
        assert_eq!(p.run("branch list -o key").ok(), "MUM01\n");
        p.run(&format!("db reset --name {name}")).ok();
        let said = p.run("branch list");
        assert!(said.clone().fails(1).contains("orgctl init"), "{}", said.err);
        p.run("init --org-code ACME").ok();
        assert_eq!(p.run("branch list -o key").ok(), "");
        p.run("db check").ok();
    });
}

#[test]
fn status_tells_version_and_migrations() {
    on_both_engines(|p| {
        if p.engine == Engine::Sqlite {
            p.run("db status").fails(1);
            p.write("t.db", "");
        }
        let empty = p.run("db status");
        assert_eq!(empty.code, 0, "{}", empty.err);
        assert!(empty.err.contains("the database is empty"), "{}", empty.err);
        p.run("init").ok();
        let status = p.run("db status -o json");
        let lines = status.json();
        let names: Vec<&str> =
            lines.as_array().expect("a list").iter().map(|l| l["name"].as_str().expect("a name")).collect();
        assert_eq!(
            names,
            [
                "foundation",
                "orgs",
                "branches",
                "people",
                "settings",
                "credentials",
                "tokens",
                "inactive_users",
                "registration",
                "checkpoints",
                "system_log",
                "backups",
                "specialties",
                "consultant_specialties",
                "former_keys",
                "roles",
                "role_approvers",
                "kyc",
                "wrapped_keys"
            ]
        );
        assert!(status.err.contains(&format!("at version {LATEST}, the newest")), "{}", status.err);
        p.run("db rollback --yes").ok();
        let status = p.run("db status -o json");
        assert_eq!(status.json()[names.len() - 1]["state"], "pending");
        assert!(status.err.contains(&format!("at version {} of {LATEST}", LATEST - 1)), "{}", status.err);
    });
}

/// A role's rights go with the tables: who migrates again hears whom to grant them anew.
#[test]
fn who_was_granted_something_is_named_when_tables_are_made_anew() {
    let p = TestEnv::with_acme(Engine::Postgres);
    let (role, reader) = (unique("app"), unique("reader"));
    p.sql(&format!("create role {role}; create role {reader}")).expect("roles");
    p.sql(&p.run(&format!("db grants --role {role}")).ok()).expect("granted");
    // Who reads some tables by the owner's choice is not told of all the others.
    p.sql(&format!("grant usage on schema orgctl to {reader}; grant select on users to {reader}")).expect("granted");
    p.run("db rollback --to 11 --yes").ok();
    let said = p.run("db migrate");
    let later = "audit_lineages, backups, consents, consultant_specialties, features, former_keys, kyc, kyc_owners, permissions, role_approvers, role_grants, role_inheritances, \
                 role_permissions, roles, specialties";
    let told = format!("the role {role} has no right to {later}, wrapped_keys: 'orgctl db grants --role {role}'");
    assert!(said.err.contains(&told) && !said.err.contains(&reader), "{}", said.err);
    said.ok();
    p.sql(&p.run(&format!("db grants --role {role}")).ok()).expect("granted");
    p.run("db rollback --to 10 --yes").ok();
    let err = p.run("db migrate").err;
    assert!(err.contains(&format!("no right to {later}, system_log, wrapped_keys:")), "{err}");
    p.sql(&format!("drop owned by {role}, {reader}; drop role {role}, {reader}")).expect("gone");
}

#[test]
fn granted_roles_work_and_can_not_change_the_trail() {
    let p = TestEnv::new(Engine::Postgres);
    p.run("init --org-code ACME --org-name 'Acme Ltd'").ok();
    let role = unique("app");
    p.sql(&format!("create role {role} login")).expect("a role");
    let grants = p.run(&format!("db grants --role {role}")).ok();
    p.sql(&grants).expect("the grants are SQL");
    let url = p.url.replacen("orgctl_test@", &format!("{role}@"), 1);
    let mut q = TestEnv::new(Engine::Postgres);
    q.env.insert("ORGCTL_DATABASE_URL".into(), url.clone());
    q.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
    q.run("branch update MUM01 --city Mumbai").ok();
    q.run("org create --code BETA --name Beta").ok();
    q.run("--org ACME setting set password.min_length 20").ok();
    q.run("--org ACME setting reset password.min_length").ok();
    q.run("--org ACME branch delete MUM01 --yes").ok();
    q.run("--org ACME branch purge MUM01 --yes").ok();
    q.run("--org ACME branch create --code X1 --name ''").fails(6);
    q.run("audit verify").ok();
    q.run("db check").ok();
    q.run("db status").ok();
    q.url = url;
    for sql in [
        "update audit_records set action = 'x'",
        "update audit_records set salt = null, payload = null",
        "delete from audit_records",
        "truncate audit_records",
        "truncate audit_heads",
        "delete from audit_heads",
        "update audit_requests set source = 'x'",
        "delete from audit_requests",
        "update actors set name = 'x'",
        "delete from actors",
        "alter table audit_records disable trigger user",
        "drop trigger audit_records_no_update on audit_records",
        "drop table audit_records",
        "alter table branches drop column city",
        "create table orgctl.mine (n integer)",
        "insert into schema_migrations values (99, 'x', '', now())",
        "create or replace function orgctl.refuse_change() returns trigger language plpgsql as 'begin return new; end'",
    ] {
        let said = q.sql(sql).expect_err(sql);
        assert!(said.contains("permission denied") || said.contains("must be owner"), "{sql}: {said}");
    }
    for line in ["db rollback --yes", "init --org-code NEW --org-name New", "db migrate --to 7"] {
        let said = done(&mut q.spawn(line));
        if said.code != 0 {
            clear(&said.err);
        }
        assert_eq!(version(&p), LATEST, "{line}");
    }
    p.sql(&format!("drop owned by {role}; drop role {role}")).expect("gone");
}

/// Under the right name, but not the right thing.
#[test]
fn what_only_looks_like_the_schema_is_told() {
    let p = TestEnv::new(Engine::Sqlite);
    p.run("init --org-code ACME").ok();
    p.run("db check").ok();
    p.sql("drop trigger audit_records_no_delete; create trigger audit_records_no_delete before delete on audit_records begin select 1; end")
        .expect("changed");
    p.sql("drop index branches_code; create index branches_code on branches (org_id, code)").expect("changed");
    p.sql("create trigger mine after insert on branches begin select 1; end").expect("changed");
    let said = p.run("db check");
    assert_eq!(said.code, 8, "{}", said.err);
    for sentence in [
        "trigger audit_records_no_delete is not as the migrations make it\n",
        "index branches_code is not as the migrations make it\n",
        "trigger mine is not one of orgctl's\n",
    ] {
        assert!(said.out.contains(sentence), "{}", said.out);
    }
}
