//! What is particular to a server where a backup takes the place of a live database: who owns what and who may do what is as
//! it was, the old schema stays until it is dropped, and who has it open goes on.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

use crate::backup::fill;
use crate::backup_replace::{backup, folder, holds, line, names, pid, rows, runtime, said, start};
use crate::harness::{Engine, TestEnv, psql, server};
use crate::raw::{int, text, texts, unique, until};

fn test_env() -> TestEnv {
    TestEnv::with_acme(Engine::Postgres)
}

/// The names of schemas that were replaced and are there still.
fn olds(p: &TestEnv) -> Vec<String> {
    let sql = "select nspname::text from pg_namespace where nspname like 'orgctl\\_old\\_%' order by oid";
    texts(p, sql).into_iter().map(|mut row| row.remove(0)).collect()
}

/// Whatever is set for the schema and what is in it: owners, rights, settings, comments, publications.
fn set(p: &TestEnv) -> Vec<Vec<String>> {
    texts(
        p,
        "select * from (
         select 'schema', nspname::text, pg_get_userbyid(nspowner)::text, coalesce(array(select unnest(nspacl)::text order by 1)::text, ''),
                coalesce(obj_description(oid), '') from pg_namespace where nspname = 'orgctl'
         union all
         select 'table', relname::text, pg_get_userbyid(relowner)::text, coalesce(array(select unnest(relacl)::text order by 1)::text, ''),
                concat(reloptions::text, relreplident, obj_description(oid))
           from pg_class where relnamespace = 'orgctl'::regnamespace and relkind in ('r', 'S')
         union all
         select 'column', attrelid::regclass::text, attname::text, coalesce(array(select unnest(attacl)::text order by 1)::text, ''),
                coalesce(col_description(attrelid, attnum), '')
           from pg_attribute where attrelid::regclass::text in (select relname from pg_class where relnamespace = 'orgctl'::regnamespace)
            and attnum > 0
         union all
         select 'function', proname::text, pg_get_userbyid(proowner)::text, coalesce(array(select unnest(proacl)::text order by 1)::text, ''), ''
           from pg_proc where pronamespace = 'orgctl'::regnamespace
         union all
         select 'default', pg_get_userbyid(defaclrole)::text, defaclobjtype::text, array(select unnest(defaclacl)::text order by 1)::text, ''
           from pg_default_acl where defaclnamespace = 'orgctl'::regnamespace
         union all
         select 'published', pubname::text, tablename::text, '', '' from pg_publication_tables where schemaname = 'orgctl') t order by 1, 2, 3",
    )
}

/// What is kept in a publication of some columns and rows, where the server knows such a thing.
fn part(p: &TestEnv) -> &'static str {
    let is_known = int(p, "select current_setting('server_version_num')::bigint") >= 150_000;
    if is_known { " (org_id, id, code) where (org_id > 0)" } else { "" }
}

#[test]
fn owners_rights_and_publications_are_as_they_were() {
    let p = test_env();
    let (owner, app, reader) = (unique("owner"), unique("app"), unique("reader"));
    psql(&server(), &format!("create role {owner}; create role {app} login; create role {reader}"));
    let database = text(&p, "select current_database()::text");
    p.sql(&format!("grant create on database {database} to {owner}")).expect("granted");
    for row in
        texts(&p, "select relname::text from pg_class where relnamespace = 'orgctl'::regnamespace and relkind = 'r'")
    {
        p.sql(&format!("alter table {} owner to {owner}", row[0])).expect("another owner");
    }
    for row in texts(&p, "select proname::text from pg_proc where pronamespace = 'orgctl'::regnamespace") {
        p.sql(&format!("alter function {}() owner to {owner}", row[0])).expect("another owner");
    }
    p.sql(&format!("alter schema orgctl owner to {owner}")).expect("another owner");
    p.run("branch create --code B1 --name One --org ACME").ok();
    let archive = backup(&p);
    p.run("branch create --code B2 --name Two --org ACME").ok();
    p.sql(&p.run(&format!("db grants --role {app}")).ok()).expect("granted");
    p.sql(&format!(
        "grant select on users to {reader} with grant option;
         grant update (city) on branches to {reader};
         revoke delete on tokens from {owner};
         grant usage on sequence actors_actor_id_seq to {reader};
         grant execute on function append_records() to {reader};
         alter default privileges for role {owner} in schema orgctl grant select on tables to {reader};
         alter default privileges for role {owner} in schema orgctl grant execute on functions to {app};
         alter table users set (autovacuum_vacuum_scale_factor = 0.05);
         alter table departments replica identity full;
         comment on schema orgctl is 'people''s';
         comment on table users is 'who works here';
         comment on column users.email is 'where to write';
         create publication part for table branches{}, users",
        part(&p)
    ))
    .expect("set");
    let before = set(&p);
    // Where everybody else's new tables come with more rights than these had.
    p.sql(&format!("alter default privileges for role orgctl_test grant all on tables to {app}")).expect("set");
    let said = p.run(&line(&p, &archive));
    assert!(said.err.contains("publications have other tables now (part)"), "{}", said.err);
    said.ok();
    assert_eq!(set(&p), before);
    if !part(&p).is_empty() {
        let sql = "select concat(array_to_string(attnames, ' '), ': ', rowfilter) from pg_publication_tables
                    where pubname = 'part' and schemaname = 'orgctl' and tablename = 'branches'";
        assert_eq!(text(&p, sql), "org_id id code: (org_id > 0)");
    }
    assert_eq!(int(&p, "select count(*) from pg_publication_tables where schemaname <> 'orgctl'"), 0);
    assert_eq!(p.column("branch list --org ACME", "code"), ["B1"]);
    holds(&p);
    // The role goes on working, and finds the old schema closed.
    let mut q = TestEnv::new(Engine::Postgres);
    q.env.insert("ORGCTL_DATABASE_URL".into(), p.url.replacen("orgctl_test@", &format!("{app}@"), 1));
    q.run("branch create --code B3 --name Three --org ACME").ok();
    q.run("db check").ok();
    let old = olds(&p).remove(0);
    let sql = format!("set role {app}; select count(*) from {old}.users");
    assert!(p.sql(&sql).expect_err("closed").contains("permission denied for schema"), "{sql}");
    p.run("backup restore --drop-old --yes").ok();
    assert_eq!(set(&p), before);
    for role in [&app, &reader, &owner] {
        p.sql(&format!("reassign owned by {role} to orgctl_test; drop owned by {role}")).expect("gone");
        psql(&server(), &format!("drop role {role}"));
    }
}

#[test]
fn what_others_made_of_it_is_named_and_stays_with_the_old_schema() {
    let p = test_env();
    p.run("branch create --code B1 --name One --org ACME").ok();
    let archive = backup(&p);
    p.run("branch create --code B2 --name Two --org ACME").ok();
    p.sql(
        "create schema reports; create view reports.codes as select code from orgctl.branches;
         create materialized view reports.kept as select code from orgctl.branches;
         create view reports.again as select * from reports.codes;
         create table reports.notes (org_id integer references orgctl.orgs (org_id));
         create trigger mine before update on reports.notes for each row execute function orgctl.refuse_change('no');
         create function reports.many() returns bigint language sql begin atomic select count(*) from orgctl.users; end;
         create index mine on orgctl.branches (city);
         create view orgctl.own as select 1 as one",
    )
    .expect("made");
    let (before, files) = (rows(&p), names(&folder(&p)));
    let err = p.run(&line(&p, &archive)).fails(4);
    for name in [
        "view reports.codes",
        "materialized view reports.kept",
        "table constraint notes_org_id_fkey on reports.notes",
        "trigger mine on reports.notes",
        "function reports.many()",
        "index mine",
        "relation own",
    ] {
        assert!(err.contains(name), "{name} in {err}");
    }
    assert!(!err.contains("reports.again"), "it is of the other view: {err}");
    assert!((rows(&p), names(&folder(&p)), olds(&p)) == (before, files, Vec::new()));
    let done = p.json(&format!("{} --force", line(&p, &archive)));
    assert!(done["stays_with_old_schema"].to_string().contains("view reports.codes"), "{done}");
    // They show what was there before.
    assert_eq!(int(&p, "select count(*) from reports.codes"), 2);
    assert_eq!(p.column("branch list --org ACME", "code"), ["B1"]);
    holds(&p);
    // And are in the way of dropping it.
    let err = p.run("backup restore --drop-old --yes").fails(4);
    assert!(err.contains("view reports.codes") && err.contains("nothing was dropped"), "{err}");
    p.sql("create or replace view reports.codes as select code from orgctl.branches").expect("made anew");
    p.run("backup restore --drop-old --yes --force").ok();
    assert_eq!((olds(&p), int(&p, "select count(*) from reports.codes")), (Vec::new(), 1));
    assert_eq!(
        int(&p, "select count(*) from pg_class where relnamespace = 'reports'::regnamespace and relkind = 'm'"),
        0
    );
    holds(&p);
}

#[test]
fn the_old_schema_is_told_of_until_it_is_dropped() {
    let p = test_env();
    fill(&p);
    let archive = backup(&p);
    let none = p.run("backup restore --drop-old --yes");
    assert!(none.err.contains("no old schema is kept"), "{}", none.err);
    none.ok();
    let done = p.json(&line(&p, &archive));
    let old = done["old_schema"].as_str().expect("a name").to_owned();
    assert!(done["old_schema_bytes"].as_u64().is_some_and(|n| n > 500_000), "{done}");
    assert!(done["safety_backup"]["id"].to_string().contains(old.strip_prefix("orgctl_old_").expect("a name")));
    p.run(&line(&p, &archive)).ok();
    let kept = olds(&p);
    assert_eq!((kept.len(), &kept[0]), (2, &old));
    for (line, code) in [("doctor", 0), ("backup status", 0)] {
        let said = p.run(line);
        assert_eq!(said.code, code, "{line}: {}", said.err);
        assert!(kept.iter().all(|name| format!("{}{}", said.out, said.err).contains(name)), "{line}: {}", said.out);
    }
    holds(&p);
    let shown = p.json("backup restore --drop-old --dry-run");
    assert_eq!(shown["old_schemas"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(olds(&p), kept);
    p.run("backup restore --drop-old").fails(2);
    assert_eq!(olds(&p), kept);
    p.run(&format!("backup restore --drop-old --into {} --yes", p.url)).ok();
    assert_eq!(olds(&p), Vec::<String>::new());
    let told = p.run("audit list --org SYSTEM --action backup --all -o ndjson").ok();
    assert!(told.contains("\"dropped\"") && kept.iter().all(|name| told.contains(name)), "{told}");
    holds(&p);
    p.run("backup restore latest --drop-old").fails(2);
    let file = TestEnv::with_acme(Engine::Sqlite);
    file.run("backup restore --drop-old --yes").fails(2);
}

fn connect(rt: &tokio::runtime::Runtime, p: &TestEnv) -> PgConnection {
    rt.block_on(async {
        let mut c = PgConnection::connect(&p.url).await.expect("a connection");
        c.execute("set search_path to orgctl").await.expect("set");
        c
    })
}

/// How many branches there are, by a statement that is prepared once.
fn branches(rt: &tokio::runtime::Runtime, c: &mut PgConnection, table: &str) -> i64 {
    let sql = format!("select count(*) from {table} where deleted_at is null");
    rt.block_on(c.fetch_one(sqlx::query(sqlx::AssertSqlSafe(sql)))).expect("a row").get(0)
}

#[test]
fn those_who_have_it_open_go_on() {
    let p = test_env();
    fill(&p);
    let archive = backup(&p);
    p.run("branch create --code NEW --name New --org ACME").ok();
    let rt = runtime();
    let (mut idle, mut reader) = (connect(&rt, &p), connect(&rt, &p));
    // Often enough that the server keeps a plan for good.
    for _ in 0..7 {
        assert_eq!((branches(&rt, &mut idle, "branches"), branches(&rt, &mut idle, "orgctl.branches")), (3, 3));
    }
    rt.block_on(reader.execute("begin isolation level repeatable read")).expect("begun");
    assert_eq!(branches(&rt, &mut reader, "branches"), 3);
    // Who is in the middle of a transaction is waited for, and named.
    let began = Instant::now();
    let err = p.run(&format!("{} --wait 1", line(&p, &archive))).fails(1);
    assert!(began.elapsed() < Duration::from_secs(30), "it does not hang");
    let number = rt.block_on(reader.fetch_one("select pg_backend_pid()")).expect("a row").get::<i32, _>(0);
    assert!(err.contains(&format!("server process {number} (")) && err.contains("waited 1 s"), "{err}");
    assert!(err.contains("nothing was replaced"), "{err}");
    assert_eq!((olds(&p), names(&folder(&p)).len()), (Vec::new(), 2));
    // Nobody else was held up by it, and it goes on with what it saw.
    p.run("branch list --org ACME").ok();
    assert_eq!(branches(&rt, &mut reader, "branches"), 3);
    let child = start(&p, &format!("{} --wait 60", line(&p, &archive)));
    until("it stands in the queue", || is_locking(&p));
    rt.block_on(reader.execute("commit")).expect("ended");
    said(child).ok();
    for c in [&mut idle, &mut reader] {
        assert_eq!((branches(&rt, c, "branches"), branches(&rt, c, "orgctl.branches")), (2, 2));
    }
    let write = "update tokens set used_ip = '10.0.0.1'";
    assert_eq!(rt.block_on(idle.execute(write)).expect("written").rows_affected(), 1);
    assert_eq!(int(&p, "select count(*) from orgctl.tokens where used_ip is not null"), 1);
    rt.block_on(async { idle.close().await.and(reader.close().await) }).expect("closed");
    holds(&p);
}

/// Somebody in the middle of a transaction that has read.
fn reading(p: &TestEnv) -> (tokio::runtime::Runtime, PgConnection) {
    let rt = runtime();
    let mut reader = connect(&rt, p);
    rt.block_on(reader.execute("begin")).expect("begun");
    assert_eq!(branches(&rt, &mut reader, "departments"), 0);
    (rt, reader)
}

/// Whether a restore is at its last step.
fn is_locking(p: &TestEnv) -> bool {
    int(
        p,
        "select count(*) from pg_stat_activity where datname = current_database()
            and application_name = 'orgctl backup restore' and query like 'LOCK TABLE orgctl_old_%'",
    ) > 0
}

#[test]
fn who_writes_while_it_is_loaded_is_noticed() {
    let p = test_env();
    p.run("branch create --code B1 --name One --org ACME").ok();
    let archive = backup(&p);
    p.run("branch create --code B2 --name Two --org ACME").ok();
    let files = names(&folder(&p));
    let writes: [(&str, &dyn Fn()); 2] = [
        ("the audit tree 1 has", &|| drop(p.run("branch create --code B3 --name Three --org ACME").ok())),
        ("somebody made the view public.mine", &|| {
            p.sql("create view public.mine as select code from orgctl.branches").expect("a view");
        }),
    ];
    for (told, write) in writes {
        // A reader keeps it from its last step; who writes comes in between.
        let (rt, reader) = reading(&p);
        let child = start(&p, &format!("{} --wait 60", line(&p, &archive)));
        until("it stands in the queue", || is_locking(&p));
        write();
        rt.block_on(reader.close()).expect("closed");
        let err = said(child).fails(4);
        assert!(err.contains(told) && err.contains("nothing was replaced"), "{err}");
        assert_eq!((olds(&p), names(&folder(&p))), (Vec::new(), files.clone()));
        assert_eq!(p.column("branch list --org ACME", "code"), ["B1", "B2", "B3"]);
        holds(&p);
    }
}

#[test]
fn killed_at_its_last_step_it_leaves_the_old() {
    let p = test_env();
    p.run("branch create --code B1 --name One --org ACME").ok();
    let archive = backup(&p);
    p.run("branch create --code B2 --name Two --org ACME").ok();
    let before = rows(&p);
    let (rt, reader) = reading(&p);
    let child = start(&p, &format!("{} --wait 60", line(&p, &archive)));
    until("it stands in the queue", || is_locking(&p));
    kill(pid(&child), Signal::SIGKILL).expect("killed");
    said(child);
    rt.block_on(reader.close()).expect("closed");
    assert!(rows(&p) == before);
    assert_eq!(olds(&p), Vec::<String>::new());
    holds(&p);
    // The server ended its transaction: it can be done again.
    p.run(&line(&p, &archive)).ok();
    holds(&p);
}

#[test]
fn who_may_not_is_told_before_anything_is_made() {
    let p = test_env();
    let archive = backup(&p);
    let files = names(&folder(&p));
    let (app, owner) = (unique("app"), unique("owner"));
    psql(&server(), &format!("create role {app} login; create role {owner} login"));
    p.sql(&p.run(&format!("db grants --role {app}")).ok()).expect("granted");
    let as_role = |role: &str| line(&p, &archive).replacen("orgctl_test@", &format!("{role}@"), 1);
    let err = p.run(&as_role(&app)).fails(1);
    assert!(err.contains(&format!("the role {app} can't replace")) && err.contains("belongs to orgctl_test"), "{err}");
    // Who owns it, and may make no schema.
    let database = text(&p, "select current_database()::text");
    for row in
        texts(&p, "select relname::text from pg_class where relnamespace = 'orgctl'::regnamespace and relkind = 'r'")
    {
        p.sql(&format!("alter table {} owner to {owner}", row[0])).expect("another owner");
    }
    for row in texts(&p, "select proname::text from pg_proc where pronamespace = 'orgctl'::regnamespace") {
        p.sql(&format!("alter function {}() owner to {owner}", row[0])).expect("another owner");
    }
    p.sql(&format!("alter schema orgctl owner to {owner}")).expect("another owner");
    let err = p.run(&as_role(&owner)).fails(1);
    assert!(err.contains(&format!("GRANT CREATE ON DATABASE {database} TO {owner}")), "{err}");
    assert_eq!((names(&folder(&p)), olds(&p)), (files, Vec::new()));
    // With it, that is enough: nobody has to be a superuser.
    p.sql(&format!("grant create on database {database} to {owner}")).expect("granted");
    p.run(&as_role(&owner)).ok();
    assert_eq!(text(&p, "select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'orgctl'"), owner);
    holds(&p);
    for role in [&app, &owner] {
        p.sql(&format!("reassign owned by {role} to orgctl_test; drop owned by {role}")).expect("gone");
        psql(&server(), &format!("drop role {role}"));
    }
}
