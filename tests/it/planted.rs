//! What somebody with the rights of a working role, or with more, could plant in the trail's tables by one statement: to
//! stop all writers, or unseen. The database refuses it; what gets past it is named, and repaired where the records prove
//! what is right.

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::{clear, disarm, on, text, unique};

/// A department whose code was made, so that there is a counter.
fn prepared(p: &TestEnv) {
    p.run("dept create --name Finance").ok();
    p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
}

/// Statements, each of which would stop writers for good or pass unseen.
fn plants(p: &TestEnv) -> Vec<(String, &'static str)> {
    let far = on(p, "253402300799999999", "'9999-12-31'");
    let hash = on(p, "zeroblob(32)", "decode(repeat('00', 32), 'hex')");
    let uuid = on(p, "randomblob(16)", "gen_random_uuid()");
    let record = |seq: &str| {
        format!(
            "insert into audit_records select tree, {seq}, action, effect, kind, resource_id, subject_id, salt, payload, leaf
               from audit_records where tree = 1 and seq = 1"
        )
    };
    let request = |first: &str| {
        format!(
            "insert into audit_requests select tree, {first}, {first}, request_id, at, actor_id, source, status, salt, payload,
                    commitment, digest from audit_requests where tree = 1 and first_seq = 1"
        )
    };
    vec![
        (format!("update audit_heads set at = {far} where tree = 1"), "only grows"),
        (format!("update audit_heads set at = {far}"), "only grows"),
        ("update audit_heads set size = size + 1 where tree = 1".into(), "only grows"),
        (format!("update audit_heads set frontier = {hash} where tree = 1"), "only grows"),
        (record("1000000"), "only be appended"),
        (record("9223372036854775807"), "only be appended"),
        (request("1000000"), "audit requests"),
        (request("4"), "audit requests"),
        (
            format!("insert into audit_heads (tree, size, frontier, at) values (2147483647, 0, {}, {far})", on(p, "x''", "''")),
            "begins empty",
        ),
        (
            format!(
                "insert into orgs (org_id, id, code, name, type, industry, is_active, created_at, created_by, updated_at, updated_by, version)
                 select 2, {uuid}, 'PLANTED', name, type, industry, is_active, created_at, created_by, updated_at, updated_by, version
                   from orgs where org_id = 1"
            ),
            "has an audit trail",
        ),
 ("update orgs set org_id = 2 where org_id = 1".into(), "keeps its number"),
        (format!("insert into audit_erased (tree, seq, commitment) values (1, 1, {hash})"), "an erasure is of a record"),
        (format!("insert into audit_erased (tree, seq, commitment) values (1, 99, {hash})"), "an erasure is of a record"),
        ("update code_counters set next = 1000000000".into(), "only goes on"),
        ("update code_counters set next = 0".into(), "only goes on"),
        (
            format!(
                "insert into audit_checkpoints (seq, tree, size, at, root, frontier, leaf, note)
                 values (1, 1, 1000000000, {}, {hash}, {hash}, {hash}, 'x')",
                on(p, "0", "'epoch'")
            ),
            "only be appended",
        ),
    ]
}

#[test]
fn one_statement_does_not_stop_writers() {
    on_both_engines_with_acme(|p| {
        prepared(p);
        for (sql, why) in plants(p) {
            let said = p.sql(&sql).expect_err(&sql);
            assert!(said.contains(why), "{sql}: {said}");
        }
        let kind = "insert into actors (kind, key, name, created_at) values ('system', 'operator:7@x', 'x', AT)";
        p.sql(&kind.replace("AT", on(p, "0", "'epoch'"))).expect_err("an actor's kind is that of its key");
        if p.engine == Engine::Postgres {
            // The next number alone: without a command and a head it does not come to a commit.
            let next = plants(p)[4].0.replace("1000000", "(select size + 1 from audit_heads where tree = 1)");
            let said = p.sql(&next).expect_err("a record alone");
            assert!(said.contains("need their command and their head"), "{said}");
            p.sql("insert into audit_heads (tree, size, frontier, at) values (2, 0, '', 'epoch')")
                .expect_err("a head without records");
        }
        p.run("branch create --code MUM02 --name 'Mumbai Dadar'").ok();
        p.run("org create --code BETA --name Beta").ok();
        p.run("dept create --name Sales --org ACME").ok();
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

/// The same as the role that `db grants` makes, which has no right to most of it to begin with.
#[test]
fn a_working_role_plants_nothing() {
    let p = TestEnv::with_acme(Engine::Postgres);
    prepared(&p);
    let role = unique("app");
    p.sql(&format!("create role {role} login")).expect("a role");
    let grants = p.run(&format!("db grants --role {role}")).ok();
    p.sql(&grants).expect("granted");
    let mut q = TestEnv::new(Engine::Postgres);
    q.url = p.url.replacen("orgctl_test@", &format!("{role}@"), 1);
    for (sql, _) in plants(&q) {
        q.sql(&sql).expect_err(&sql);
    }
    for sql in [
        "update audit_heads set pending = pending + 1",
        "insert into actors (actor_id, kind, key, name, created_at) values (2, 'operator', 'operator:9@x', 'x', now())",
        "insert into actors (actor_id, kind, key, created_at) overriding system value values (3, 'user', 'user:9', now())",
        "insert into audit_checkpoints (seq, tree, size, at, root, frontier, leaf, note) values (1, 1, 1, now(), '', '', '', '')",
        "delete from code_counters",
        "update code_counters set key = '\\x00112233445566778899aabbccddeeff'",
        // The guard acts for the owner: nobody else may hang it on a table of his own.
        "create temporary table t (tree integer, seq bigint);
         create trigger t after insert on t referencing new table as added for each statement
             execute function orgctl.append_records()",
    ] {
        let said = q.sql(sql).expect_err(sql);
        assert!(said.contains("permission denied"), "{sql}: {said}");
    }
    q.env.insert("ORGCTL_DATABASE_URL".into(), q.url.clone());
    q.run("branch create --code MUM02 --name 'Mumbai Dadar'").ok();
    q.run("org create --code BETA --name Beta").ok();
    q.run("dept create --name Sales --org ACME").ok();
    q.run("audit verify --deep").ok();
    // Repairs are for the owner.
    p.sql("alter table audit_heads disable trigger user; update audit_heads set at = '9999-12-31' where tree = 1")
        .expect("planted");
    let name = text(&p, "select current_database()::text");
    assert!(q.run(&format!("db repair --name {name}")).fails(1).contains("lacks a right"));
    p.run(&format!("db repair --name {name}")).ok();
    q.run("branch create --code MUM03 --name Bandra --org ACME").ok();
    // Who runs `audit checkpoint` gets the right by name.
    let more = p.run(&format!("db grants --role {role} --checkpoints")).ok();
    assert!(more.contains("GRANT SELECT, INSERT ON orgctl.audit_checkpoints"), "{more}");
    q.run("audit keygen").ok();
    assert!(q.run("audit checkpoint").fails(1).contains("lacks a right"));
    p.sql(&more).expect("granted");
    q.run("audit checkpoint").ok();
    p.sql(&format!("drop owned by {role}; drop role {role}")).expect("gone");
}

/// The guards gone, as the owner could have them: it is named, repaired, and the repair is recorded.
#[test]
fn what_was_planted_is_named_and_repaired() {
    on_both_engines_with_acme(|p| {
        prepared(p);
        let name = match p.engine {
            Engine::Sqlite => "t.db".to_owned(),
            Engine::Postgres => text(p, "select current_database()::text"),
        };
        let far = on(p, "253402300799999999", "'9999-12-31'");
        let hash = on(p, "zeroblob(32)", "decode(repeat('00', 32), 'hex')");
        let record = |seq: &str| {
            format!(
                "insert into audit_records select tree, {seq}, action, effect, kind, resource_id, subject_id, salt, payload, leaf
                   from audit_records where tree = 1 and seq = 1"
            )
        };
        let beyond = on(
            p,
            "pragma ignore_check_constraints = on; update audit_heads set at = 9223372036854775807 where tree = 1",
            "alter table audit_heads drop constraint audit_heads_at_check; update audit_heads set at = 'infinity' where tree = 1",
        );
        let cases = [
            (format!("update audit_heads set at = {far} where tree = 1"), "audit verify", "the time of its head"),
            (beyond.to_owned(), "audit verify", "the time of its head"),
            ("update audit_heads set size = size + 5 where tree = 1".into(), "audit verify", "truncated"),
            (format!("update audit_heads set frontier = {hash} where tree = 1"), "audit verify", "not with the head"),
            ("delete from audit_heads where tree = 1".into(), "audit verify", "has no head"),
            (record("1000000"), "audit verify", "inserted"),
            (record("(select size + 1 from audit_heads where tree = 1)"), "audit verify", "inserted"),
            (
                format!("insert into audit_erased (tree, seq, commitment) values (1, 2, {hash})"),
                "audit verify",
                "its payload is there",
            ),
            (
                format!("insert into audit_erased (tree, seq, commitment) values (1, 999, {hash})"),
                "audit verify",
                "1 erasures",
            ),
            (
                "update code_counters set next = 1000000000 where kind = 'dept'".into(),
                "db check",
                "counted up to 1000000000",
            ),
        ];
        for (i, (sql, finder, says)) in cases.iter().enumerate() {
            eprintln!("{sql}");
            disarm(p);
            p.sql(sql).expect(sql);
            // What the statement itself moved is not what it says of the record after the next.
            let said = p.run(finder);
            assert_eq!(said.code, 8, "{sql}: {}{}", said.out, said.err);
            assert!(said.out.contains(says) || finder == &"db check", "{sql}: {}", said.out);
            let said = p.run("db repair");
            assert_eq!(said.code, 2, "{sql}: {}{}", said.out, said.err);
            clear(&said.err);
            p.run("db repair --yes").fails(2);
            p.run("db repair --name other").fails(2);
            let dry = p.run("db repair --dry-run");
            assert_eq!(dry.code, 0, "{sql}: {}{}", dry.out, dry.err);
            p.run(&format!("db repair --name {name}")).ok();
            p.run("audit verify").ok();
            assert_eq!(p.run("db repair").ok(), "");
            let newest = &p.run("audit list --org ACME --limit 1 -o json").json()[0];
            assert_eq!(newest["action"], "config_change", "{sql}");
            assert_eq!(newest["resource"].as_str().or(newest["kind"].as_str()), Some("audit"), "{newest}");
            p.run(&format!("branch create --code N{i:02} --name New")).ok();
            p.run(&format!("dept create --name 'New {i}'")).ok();
            p.run("audit verify").ok();
        }
        // What the records don't prove stays as it is.
        disarm(p);
        p.sql("update audit_records set payload = '{}' where tree = 1 and seq = 2").expect("edited");
        p.sql(&format!("update audit_heads set at = {far} where tree = 1")).expect("planted");
        let said = p.run(&format!("db repair --name {name}"));
        assert!(said.fails(8).contains("is not repaired"), "an edited record proves nothing");
    });
}

#[test]
fn an_actor_who_was_renamed_is_found() {
    on_both_engines_with_acme(|p| {
        prepared(p);
        disarm(p);
        p.run("audit verify").ok();
        p.sql("update actors set name = 'mallory' where actor_id <> 0").expect("renamed");
        let said = p.run("audit verify");
        assert!(said.out.contains("its actor is called 'mallory'"), "{}", said.out);
        said.fails(8);
        p.sql("update actors set name = null where actor_id <> 0").expect("erased");
        p.run("audit verify").ok();
    });
}
