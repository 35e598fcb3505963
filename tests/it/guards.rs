//! `db check` of PostgreSQL against every way in which the schema could be made to look right and be something else.

use crate::harness::{Engine, TestEnv, psql, server};
use crate::raw::{clear, text, unique};

#[test]
fn whatever_is_not_the_schema_of_postgresql_is_named() {
    let p = TestEnv::with_acme(Engine::Postgres);
    p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
    p.run("db check").ok();
    let body = |name: &str| text(&p, &format!("select pg_get_functiondef('{name}'::regproc)"));
    let (refuse, append) = (body("refuse_change"), body("append_records"));
    let nothing =
        "create or replace function refuse_change() returns trigger language plpgsql as 'begin return new; end'";
    let acl = "revoke execute on function append_records() from public";
    // What is done, what is said of it, and how it is put back.
    let cases: Vec<(&str, &str, String)> = vec![
        (nothing, "function refuse_change() is not as the migrations make it", refuse.clone()),
        (
            "alter function append_records() security invoker",
            "function append_records() is not as the migrations make it",
            append,
        ),
        ("grant execute on function append_records() to public", "function append_records() is not", acl.into()),
        (
            "create function mine() returns integer language sql as 'select 1'",
            "function mine() is not one of orgctl's",
            "drop function mine()".into(),
        ),
        (
            "create trigger mine before insert on branches for each row execute function suppress_redundant_updates_trigger()",
            "trigger branches.mine is not one of orgctl's",
            "drop trigger mine on branches".into(),
        ),
        (
            "alter table audit_heads disable trigger audit_heads_settled",
            "trigger audit_heads.audit_heads_settled is not as",
            "alter table audit_heads enable trigger audit_heads_settled".into(),
        ),
        (
            "alter table audit_heads enable replica trigger audit_heads_begin",
            "trigger audit_heads.audit_heads_begin is not as",
            "alter table audit_heads enable trigger audit_heads_begin".into(),
        ),
        (
            "create or replace trigger audit_records_no_update before update on audit_records for each row
                when (false) execute function refuse_change('audit records can not be changed')",
            "trigger audit_records.audit_records_no_update is not as the migrations make it",
            "create or replace trigger audit_records_no_update before update on audit_records for each row
                WHEN (NOT (OLD.payload IS NOT NULL AND NEW.payload IS NULL AND NEW.salt IS NULL
                AND NEW.tree = OLD.tree AND NEW.seq = OLD.seq AND NEW.action = OLD.action AND NEW.effect = OLD.effect
                AND NEW.kind = OLD.kind AND NEW.resource_id = OLD.resource_id AND NEW.subject_id IS NOT DISTINCT FROM OLD.subject_id
                AND NEW.leaf = OLD.leaf))
                execute function refuse_change('audit records can not be changed')"
                .into(),
        ),
        (
            "create rule mine as on insert to audit_records do instead nothing",
            "rule audit_records.mine is not one of orgctl's",
            "drop rule mine on audit_records".into(),
        ),
        (
            "create policy mine on branches using (false)",
            "policy branches.mine is not one of orgctl's",
            "drop policy mine on branches".into(),
        ),
        (
            "alter table branches enable row level security",
            "relation branches is not as the migrations make it: it is r with row security",
            "alter table branches disable row level security".into(),
        ),
        (
            "alter table branches force row level security",
            "relation branches is not as",
            "alter table branches no force row level security".into(),
        ),
        (
            "alter table branches drop constraint branches_code_check",
            "constraint branches.branches_code_check is missing",
            "alter table branches add constraint branches_code_check check (code <> '' and length(code) <= 16)".into(),
        ),
        (
            "alter table branches drop constraint branches_code_check;
             alter table branches add constraint branches_code_check check (true)",
            "constraint branches.branches_code_check is not as",
            "alter table branches drop constraint branches_code_check;
             alter table branches add constraint branches_code_check check (code <> '' and length(code) <= 16)"
                .into(),
        ),
        (
            "alter table branches drop constraint branches_code_check;
             alter table branches add constraint branches_code_check check (code <> '' and length(code) <= 16) not valid",
            "constraint branches.branches_code_check is not as",
            "alter table branches validate constraint branches_code_check".into(),
        ),
        (
            "drop index branches_code; create index branches_code on branches (org_id, code)",
            "index branches_code is not as",
            "drop index branches_code; create unique index branches_code on branches (org_id, code) where deleted_at is null"
                .into(),
        ),
        (
            "create index mine on branches (city)",
            "index mine is not one of orgctl's",
            "drop index mine".into(),
        ),
        (
            "alter table branches alter column city set default 'Pune'",
            "column branches.city is not as",
            "alter table branches alter column city drop default".into(),
        ),
        (
            "alter table tokens alter column hash drop not null",
            "column tokens.hash is nullable, not NOT NULL",
            "alter table tokens alter column hash set not null".into(),
        ),
        (
            "grant select on users to public",
            "right of everybody to users is not one of orgctl's: SELECT",
            "revoke select on users from public".into(),
        ),
        (
            "grant update (city) on branches to public",
            "right of everybody to branches.city is not one of orgctl's: UPDATE",
            "revoke update (city) on branches from public".into(),
        ),
        (
            "grant usage on schema orgctl to public",
            "right of everybody to the schema",
            "revoke usage on schema orgctl from public".into(),
        ),
        (
            "alter default privileges in schema orgctl grant select on tables to public",
            "default right of everybody",
            "alter default privileges in schema orgctl revoke select on tables from public".into(),
        ),
        (
            "alter sequence actors_actor_id_seq maxvalue 2",
            "sequence actors_actor_id_seq is not as the migrations make it: it is from 1 to 2 by 1",
            "alter sequence actors_actor_id_seq no maxvalue".into(),
        ),
        (
            "create function public.never(text, int) returns bool language sql immutable as 'select false';
             create operator = (leftarg = text, rightarg = int, function = public.never)",
            "operator =(text, integer) is not one of orgctl's",
            "drop function public.never cascade".into(),
        ),
        ("create domain mine as text", "type mine is not one of orgctl's", "drop domain mine".into()),
        ("create view mine as select 1 as n", "relation mine is not one of orgctl's", "drop view mine".into()),
        (
            "create table public.mine () inherits (orgctl.branches)",
            "inheritance of branches is not one of orgctl's",
            "drop table public.mine".into(),
        ),
        (
            "alter table users disable trigger all",
            "foreign keys of users is not one of orgctl's: switched off",
            "alter table users enable trigger all".into(),
        ),
    ];
    for (sql, what, back) in &cases {
        p.sql(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let said = p.run("db check");
        assert_eq!(said.code, 8, "{sql}: {}{}", said.out, said.err);
        assert!(said.out.contains(what), "{sql}:\n{}", said.out);
        clear(&said.err);
        p.sql(back).unwrap_or_else(|e| panic!("{back}: {e}"));
        let said = p.run("db check");
        assert_eq!(said.code, 0, "after {back}: {}{}", said.out, said.err);
    }
    // Triggers that are off for whoever is told to act as a replica.
    let name = text(&p, "select current_database()::text");
    psql(&server(), &format!("alter database {name} set session_replication_role = replica"));
    let said = p.run("db check");
    assert!(said.out.contains("session_replication_role"), "{}", said.out);
    said.fails(8);
    psql(&server(), &format!("alter database {name} reset session_replication_role"));
    // The role that works with the data sees the same.
    let role = unique("app");
    p.sql(&format!("create role {role} login")).expect("a role");
    p.sql(&p.run(&format!("db grants --role {role}")).ok()).expect("granted");
    let mut q = TestEnv::new(Engine::Postgres);
    q.env.insert("ORGCTL_DATABASE_URL".into(), p.url.replacen("orgctl_test@", &format!("{role}@"), 1));
    q.run("db check").ok();
    p.sql(nothing).expect("replaced");
    assert!(q.run("db check").out.contains("function refuse_change() is not as"));
    p.sql(&refuse).expect("put back");
    p.sql(&format!("drop owned by {role}; drop role {role}")).expect("gone");
}
