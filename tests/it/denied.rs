//! A refusal tells its number in the trail, and by that it is explained as of when it was.

use orgctl::access::{Actor, Facts, Grant, Subject};
use orgctl::model::scope::Conditions;

use crate::harness::{Output, TestEnv, on_both_engines_with_acme};

/// Bob is of M2, sees everybody, and may change who is in his branch.
const WORLD: &[&str] = &[
    "branch create --code M2 --name Second",
    "branch create --code Z9 --name Vaults",
    "user create --user-code BOB001 --username bob --name 'Bob North' --branch M2",
    "user create --user-code CYD001 --username cyd --name 'Cyd Vault' --branch Z9",
    "role create --code CLERK --name Clerk",
    "role grant CLERK users:read branches:read roles:read audit:read",
    "role grant CLERK users:update users:create --own-branch",
    "role grant CLERK users:delete --require-approval",
    "role assign CLERK bob",
];

fn fill(p: &TestEnv) {
    for line in WORLD {
        p.run(line).ok();
    }
}

/// The number that a refusal named, with the command that explains it.
fn number(said: &Output) -> (i64, String) {
    assert_eq!(said.code, 5, "{}", said.err);
    let (_, rest) = said.err.split_once("hint: the refusal is record ").expect("a number");
    let (seq, rest) = rest.split_once(" of ACME: 'orgctl ").expect("a trail");
    let (command, rest) = rest.split_once("' tells why").expect("a command");
    assert_eq!(rest.trim(), "", "{}", said.err);
    let seq: i64 = seq.parse().expect("a number");
    assert_eq!(command, format!("role explain --denied {seq} --org ACME"));
    (seq, command.to_owned())
}

/// The number alone, of a refusal of somebody who may not have it explained.
fn unexplained(said: &Output) -> i64 {
    assert_eq!(said.code, 5, "{}", said.err);
    let (_, rest) = said.err.split_once("hint: the refusal is record ").expect("a number");
    let (seq, rest) = rest.split_once(" of ACME: ").expect("a trail");
    assert_eq!(rest.trim(), "ask somebody who may roles:read and audit:read");
    seq.parse().expect("a number")
}

/// What the command says to standard output, of a refusal that stays one.
fn explained(p: &TestEnv, explain: &str) -> String {
    let said = p.run(explain);
    assert_eq!(said.code, 5, "{}{}", said.out, said.err);
    said.out
}

#[test]
fn a_refusal_is_explained_by_its_number() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let said = p.run("user update cyd --designation Chief --as bob");
        let (seq, explain) = number(&said);
        let told = p.json(&format!("audit show {seq} --org ACME"));
        assert_eq!([&told["status"], &told["payload"]["key"]], ["denied", "CYD001"], "{told:#}");
        let question = &told["payload"]["question"];
        assert_eq!([&question["permission"], &question["resource"]], ["users:update", "user"], "{told:#}");
        assert_eq!(question["user_id"], p.json("user show bob")["id"]);
        assert_eq!(question["resource_id"], p.json("user show cyd")["id"]);

        let says = |said: &str| {
            assert!(
                said.contains("deny: user BOB001 (Bob North) may not users:update of user CYD001 (Cyd Vault)"),
                "{said}"
            );
            assert!(
                said.contains(&format!("refused as record {seq} of ACME: users:update is not allowed of user CYD001")),
                "{said}"
            );
            assert!(said.contains("1. "), "{said}");
            assert!(said.contains("but it holds in the user's own branches alone (M2)"), "{said}");
        };
        says(&explained(p, &explain));
        // As of when it was, whatever came since.
        p.wait(60);
        p.run("role revoke CLERK users:update --yes").ok();
        p.run("role grant CLERK users:update").ok();
        p.run("user move cyd --branch M2").ok();
        p.run("user update cyd --designation Chief --as bob").ok();
        says(&explained(p, &explain));
        let told: serde_json::Value = serde_json::from_str(&p.run(&format!("{explain} -o json")).out).expect("JSON");
        assert_eq!(told["answer"], "deny");
        assert_eq!([&told["user"], &told["target"], &told["permission"]], ["BOB001", "CYD001", "users:update"]);
        assert_eq!(told["record"], serde_json::json!({ "org": "ACME", "seq": seq }));
        assert_eq!(told["refused"], "users:update is not allowed of user CYD001 (Cyd Vault)");
        p.run("audit verify --deep").ok();
    });
}

/// Whatever it was that was refused: what is to be, what is read, what somebody else must approve.
#[test]
fn every_refusal_has_a_number() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let (_, explain) = number(&p.run("user create --name New --username new --branch Z9 --as bob"));
        let said = explained(p, &explain);
        assert!(
            said.contains("deny: user BOB001 (Bob North) may not users:create of a user as it would have been"),
            "{said}"
        );
        assert!(said.contains("but it holds in the user's own branches alone (M2)"), "{said}");
        assert!(said.contains("as it would be then"), "{said}");

        let (_, explain) = number(&p.run("dept list --as bob"));
        let said = explained(p, &explain);
        assert!(said.contains("deny: user BOB001 (Bob North) may not departments:read"), "{said}");
        assert!(said.contains("departments:read is not allowed: no role grants it"), "{said}");

        let (_, explain) = number(&p.run("backup list --as bob"));
        let said = explained(p, &explain);
        assert!(said.contains("it is about the whole installation"), "{said}");

        let (_, explain) = number(&p.run("user delete cyd --yes --as bob"));
        let said = p.run(&explain);
        assert!(said.code == 9 && said.out.contains("needs approval"), "{} {}", said.out, said.err);

        // In JSON as a field.
        let said = p.run("dept list --as bob -o json");
        let line = said.err.lines().find(|line| line.contains("\"error\"")).expect("an error");
        let error: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let last = p.json("audit list --org ACME --limit 1")[0]["seq"].clone();
        assert_eq!(error["error"]["record"], serde_json::json!({ "org": "ACME", "seq": last }), "{error:#}");

        // Who is blocked may nothing.
        p.run("user block bob --reason x").ok();
        let seq = unexplained(&p.run("user list --as bob"));
        p.run("user unblock bob").ok();
        let said = explained(p, &format!("role explain --denied {seq} --org ACME"));
        assert!(said.contains("account   deny"), "{said}");

        // A dry run leaves no record.
        let before = p.audit_records();
        let said = p.run("user update cyd --designation Chief --as bob --dry-run").fails(5);
        assert!(!said.contains("the refusal is record"), "{said}");
        assert_eq!(p.audit_records(), before);
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn what_is_no_refusal_says_what_it_is() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let grant = Grant {
            resource: "users".into(),
            action: "read".into(),
            conditions: Conditions::default(),
            requires_approval: false,
            contains_critical: false,
        };
        let nobody = Subject::Somebody(Actor { org: 1, facts: Facts::of_grants([grant], []) });
        let seq = unexplained(&p.run_by(&nobody, "branch list"));
        let said = p.run(&format!("role explain --denied {seq}")).fails(2);
        assert!(said.contains("refused somebody who is no user"), "{said}");
        // Nobody acts for somebody else, and that is recorded too.
        unexplained(&p.run_by(&nobody, "user list --as bob"));

        let said = p.run("role explain --denied 9999 --org ACME").fails(3);
        assert!(
            said.contains("the trail of ACME has no record 9999") && said.contains("hint: it goes from 1 to "),
            "{said}"
        );
        let created = p.json("audit list --resource branch --action create --org ACME --limit 1")[0]["seq"].clone();
        let said = p.run(&format!("role explain --denied {created}")).fails(2);
        assert!(
            said.contains(&format!(
                "record {created} of ACME is no refusal: it tells of create branch, which was done"
            )),
            "{said}"
        );
        p.run("branch create --code M2 --name Again").fails(4);
        let last = p.json("audit list --org ACME --limit 1")[0]["seq"].clone();
        let said = p.run(&format!("role explain --denied {last}")).fails(2);
        assert!(said.contains("which failed"), "{said}");
        for line in [
            "role explain bob users:read --denied 1",
            "role explain --denied 1 --target cyd",
            "role explain bob",
            "role explain --denied x",
        ] {
            p.run(line).fails(2);
        }

        // What is gone is told by nobody.
        let (seq, explain) = number(&p.run("dept list --as bob"));
        p.wait(3600);
        let file = p.path("old.jsonl.gz").display().to_string();
        p.run(&format!("audit archive --before 30m --out {file} --org ACME")).ok();
        let said = p.run(&explain);
        assert_eq!((said.code, said.out.as_str()), (1, "unknown\n"), "{}", said.err);
        assert!(said.err.contains(&format!("what record {seq} of ACME refused is not known any more")), "{}", said.err);
    });
}

/// What roles allow is refused all the same: of oneself, and of what says who did something and when.
#[test]
fn what_something_else_refuses_is_no_less_denied() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("role create --code GIVER --name Giver").ok();
        p.run("role grant GIVER roles:* role_grants:* role_permissions:*").ok();
        p.run("role assign GIVER bob").ok();
        p.run("role create --code NONE --name None").ok();
        for (line, why) in [
            ("role assign NONE bob --as bob", "you can't change your own role grants"),
            ("role assign NONE cyd --granted-by cyd --as bob", "tells who does it, and that is nobody but you"),
            (
                "role assign NONE cyd --granted-at 2020-01-01 --as bob",
                "tells when it is done, and that is not before now",
            ),
        ] {
            let said = p.run(line);
            assert!(said.err.contains(why), "{line}: {}", said.err);
            let (seq, explain) = number(&said);
            let said = explained(p, &explain);
            let first = said.lines().next().unwrap_or_default();
            assert!(first.starts_with("deny: role_grants:create is not allowed: ") && first.contains(why), "{said}");
            assert!(
                said.contains(&format!("refused as record {seq} of ACME, though roles would have allowed it")),
                "{said}"
            );
            let said = p.run(&format!("{explain} -o json"));
            assert_eq!(said.code, 5, "{}", said.err);
            let told: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
            assert_eq!(told["answer"], "deny", "{told:#}");
        }
        p.run("role assign NONE cyd --granted-by bob --granted-at 2030-01-01 --as bob").ok();
        p.run("role-grant update NONE:cyd --granted-by cyd --as bob").fails(5);
        p.run("audit verify --deep").ok();
    });
}
