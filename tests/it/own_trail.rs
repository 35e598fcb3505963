//! The trail of an organisation for its own people: told whole to who may read it, and nothing of another's.

use orgctl::access::{Actor, Facts, Grant, Subject};
use orgctl::model::scope::Conditions;
use serde_json::Value as Json;

use crate::harness::{TestEnv, on_both_engines_with_acme};

/// Bob reads the trail of ACME; BETA has one too.
const WORLD: &[&str] = &[
    "branch create --code M2 --name Second --org ACME",
    "user create --user-code BOB001 --username bob --name 'Bob North' --branch M2 --org ACME",
    "user create --user-code CYD001 --username cyd --name 'Cyd Vault' --org ACME",
    "user update cyd --designation Clerk",
    "role create --code AUDITOR --name Auditor --org ACME",
    "role grant AUDITOR audit:read audit:verify audit:export audit:prove --org ACME",
    "role assign AUDITOR bob --org ACME",
    "org create --code BETA --name Beta",
    "branch create --code BB --name 'Of Beta' --org BETA",
    "user create --user-code BEA001 --username bea --name Bea --org BETA --branch BB",
    "user update bea --designation Clerk --org BETA",
    "user delete bea --yes --org BETA",
];

fn fill(p: &TestEnv) {
    for line in WORLD {
        p.run(line).ok();
    }
}

fn tells_nothing_of_beta(line: &str, text: &str) {
    for word in ["BETA", "Beta", "BEA001"] {
        assert!(!text.contains(word), "{line}: {word} in {text}");
    }
}

#[test]
fn who_may_read_it_is_told_his_own_and_no_other() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.wait(60);
        for line in [
            "audit list --all -o json",
            "audit list --limit 3 -o csv",
            "audit list --resource user --key cyd -o json",
            "audit list --action create -o json",
            "audit tail -n 100",
            "audit stats -o json",
            "audit show 3",
            "audit show 3 -o json",
            "audit diff --from 1h -o json",
            "audit diff --from 1h --resource user",
            "audit verify --deep",
        ] {
            let [own, operators] = [format!("{line} --as bob"), format!("{line} --org ACME")].map(|line| p.run(&line));
            let without = |text: &str| {
                text.lines()
                    .filter(|l| !l.starts_with("with the rights of"))
                    .fold(String::new(), |all, l| all + l + "\n")
            };
            // With one trail there is nothing to tell apart.
            assert_eq!((own.code, own.out.clone()), (operators.code, operators.out), "{line}: {}", own.err);
            if !line.contains("--limit") && !line.contains("diff") {
                assert_eq!(without(&own.err), operators.err, "{line}");
            }
            tells_nothing_of_beta(line, &(own.out + &own.err));
        }
        // What is handed out is recorded in it.
        let before = p.column("audit list --org ACME --all", "seq").len();
        let own = p.run("audit export --as bob");
        assert_eq!(own.code, 0, "{}", own.err);
        tells_nothing_of_beta("export", &own.out);
        assert_eq!(p.column("audit list --org ACME --all", "seq").len(), before + 1);
        assert!(own.out.lines().count() > before, "{}", own.out);
        let key = p.path("audit.key").display().to_string();
        let public = p.run(&format!("audit keygen --signing-key {key}")).ok();
        let public = p.write("audit.pub", public);
        p.run(&format!("audit checkpoint --signing-key {key}")).ok();
        let [own, operators] =
            ["--as bob", "--org ACME"].map(|who| p.run(&format!("audit prove 3 --key {public} {who}")));
        assert_eq!(own.ok(), operators.ok());
    });
}

#[test]
fn another_trail_is_one_that_is_not_there() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let beta = p.json("audit list --org BETA --limit 1")[0]["request_id"].as_str().expect("an id").to_owned();
        let bea =
            p.json("user show bea --org BETA --with-deleted --columns id")["id"].as_str().expect("an id").to_owned();
        p.run("org create --code GONE --name Gone").ok();
        p.run("org delete GONE --yes").ok();
        let words = ["audit:read", "audit:verify", "audit:export", "audit:prove"];
        let grant = |word: &str| {
            let (resource, action) = word.split_once(':').expect("two words");
            Grant {
                resource: resource.into(),
                action: action.into(),
                conditions: Conditions::default(),
                requires_approval: false,
                contains_critical: false,
            }
        };
        let who = &Subject::Somebody(Actor { org: 1, facts: Facts::of_grants(words.map(grant), []) });
        for verb in [
            "list",
            "tail",
            "stats",
            "show 1",
            "diff --from 1h",
            "verify",
            "export",
            "prove 1",
            "list --resource user --key bea",
        ] {
            let of = |org: &str| {
                let said = p.run_by(who, &format!("audit {verb} --org '{org}'"));
                (said.code, said.out, said.err.replace(org, "ORG"))
            };
            let absent = of("QQQQQQ");
            assert_eq!(absent.0, 3, "{verb}: {}", absent.2);
            for org in ["BETA", "#2", "GONE", "#3"] {
                assert_eq!(of(org), absent, "{verb} {org}");
            }
            let said = p.run_by(who, &format!("audit {verb} --org SYSTEM"));
            assert_eq!(said.code, 5, "{verb}: {}", said.err);
            assert!(said.err.contains("it is about the whole installation"), "{verb}: {}", said.err);
        }
        for (line, absent) in [
            (
                format!("audit list --request {beta}"),
                "audit list --request 0190b1f0-0000-7000-8000-000000000001".to_owned(),
            ),
            ("audit list --resource user --key bea".into(), "audit list --resource user --key qqq".into()),
            (
                format!("audit list --resource user --key {bea}"),
                "audit list --resource user --key 0190b1f0-0000-7000-8000-000000000001".into(),
            ),
            ("audit list --resource org --key BETA".into(), "audit list --resource org --key QQQQ".into()),
        ] {
            let last = |line: &str| line.rsplit(' ').next().expect("a word").to_owned();
            let of = |line: &str| {
                let said = p.run(&format!("{line} --as bob"));
                (said.code, said.out, said.err.replace(&last(line), "KEY"))
            };
            let (said, none) = (of(&line), of(&absent));
            assert_eq!(said, none, "{line}");
            assert_eq!(said.0, 3, "{line}: {}", said.2);
        }
        // A page of the trail of all, taken up by somebody of one.
        let said = p.run("audit list --limit 1");
        let (_, token) = said.err.split_once("--page ").expect("a page");
        let token = token.split_whitespace().next().expect("a token");
        let told = p.run(&format!("audit list --page {token} --all -o json --as bob")).ok();
        tells_nothing_of_beta("a page", &told);
    });
}

/// Told whole or not at all: a grant of a branch is none of the trail. And it is the trail of one who may, of nobody else.
#[test]
fn a_part_of_a_trail_is_nobodys() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("role create --code PART --name Part --org ACME").ok();
        p.run("role grant PART audit:read audit:append audit:revert --own-branch --org ACME").ok();
        p.run("role assign PART cyd --org ACME").ok();
        for line in
            ["audit list", "audit append --action payment --resource invoice:1", "audit revert 3", "audit verify"]
        {
            assert_eq!(p.run(&format!("{line} --as cyd")).code, 5, "{line}");
        }
        // Nor of who has the role for a branch.
        p.run("role assign AUDITOR cyd --branch M2 --org ACME").ok();
        assert!(
            p.run("audit list --as cyd").fails(5).contains("audit:read is not allowed: it is granted of other records")
        );
        for line in [
            "audit archive --before 730d --out old.jsonl.gz",
            "audit erase --subject cyd --reason x",
            "audit checkpoint",
            "audit pubkey",
        ] {
            assert_eq!(p.run(&format!("{line} --as bob")).code, 5, "{line}");
        }
    });
}

/// What is undone is changed: by who may change it, and what only a verb of its own does by who may do that.
#[test]
fn a_revert_needs_what_the_change_needs() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("user block cyd --reason x --org ACME").ok();
        let number = |action: &str| -> Json {
            p.json(&format!("audit list --org ACME --resource user --key cyd --action {action} --limit 1"))[0]["seq"]
                .clone()
        };
        let (updated, blocked) = (number("update"), number("user_block"));
        let grant = |words: &str| drop(p.run(&format!("role grant AUDITOR {words} --org ACME")).ok());
        let revert = |seq: &Json| p.run(&format!("audit revert {seq} --as bob"));
        assert!(revert(&updated).fails(5).contains("audit:revert is not allowed"));
        grant("audit:revert");
        let said = revert(&updated).fails(5);
        assert!(said.contains("users:update is not allowed of 1 user that you can't see"), "{said}");
        grant("users:read");
        grant("users:update");
        revert(&updated).ok();
        assert_eq!(p.json("user show cyd --org ACME")["designation"], Json::Null);
        let said = revert(&blocked).fails(5);
        assert!(said.contains("users:block is not allowed: no role grants it"), "{said}");
        grant("users:block");
        revert(&blocked).ok();
        assert_eq!(p.json("user show cyd --org ACME")["status"], "active");
        // Nor without the trail, of which it tells.
        p.run("role revoke AUDITOR audit:read --yes --org ACME").ok();
        assert!(revert(&number("revert")).fails(5).contains("audit:read is not allowed"));
        // What another program did is appended to one's own.
        assert_eq!(p.run("audit append --action payment --resource invoice:1 --as bob").code, 5);
        grant("audit:append");
        p.run("audit append --action payment --resource invoice:1 --as bob").ok();
        assert_eq!(p.column("audit list --org ACME --action payment", "key"), ["1"]);
        p.run("audit append --action payment --resource invoice:1 --org BETA --as bob").fails(3);
        p.run("audit verify --deep").ok();
    });
}
