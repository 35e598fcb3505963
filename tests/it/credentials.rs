//! What people prove themselves with: recorded by its fingerprint, told nowhere, and gone with the person.

use crate::harness::{TestEnv, on_both_engines_with_acme};
use crate::raw::{int, on, text};

const FIRST: &str = "tumbling-violet-harbour-19";
const SECOND: &str = "quiet-copper-lantern-84";

fn people(p: &TestEnv) {
    for (code, name) in [("ASHA22", "asha"), ("RAVK22", "ravi")] {
        p.run(&format!("user create --user-code {code} --name {name} --email {name}@acme.example")).ok();
    }
}

fn passwd(p: &TestEnv, key: &str, word: &str) {
    p.run_with(&format!("user passwd {key} --password-stdin"), word).ok();
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

/// That a password was set is recorded, and who looks anywhere finds nothing to try words against.
#[test]
fn a_hash_is_told_nowhere() {
    on_both_engines_with_acme(|p| {
        people(p);
        passwd(p, "ASHA22", FIRST);
        passwd(p, "ASHA22", SECOND);
        p.run("user invite ASHA22").ok();
        let secrets = [
            text(p, "select password from credentials"),
            text(p, "select fingerprint_key from credentials"),
            text(p, "select hash from password_history"),
            text(p, on(p, "select lower(hex(hash)) from tokens", "select encode(hash, 'hex') from tokens")),
        ];
        let mut told = String::new();
        for line in [
            "user dossier ASHA22",
            "user show ASHA22 -o json",
            "user export",
            "user history ASHA22 -o json",
            "audit list --all -o json",
            "audit export --org ACME",
            "audit diff --from 2026-11-20 -o json",
            "db check",
            "log list -o json",
        ] {
            told.push_str(&p.run(line).ok());
        }
        for secret in &secrets {
            assert!(!told.contains(secret.as_str()), "{secret}");
        }
        assert!(told.contains(&text(p, "select fingerprint from credentials")));
        let changes = p.json("audit list --all --action password_change --org ACME");
        let kinds: Vec<&str> =
            changes.as_array().expect("a list").iter().filter_map(|r| r["resource"].as_str()).collect();
        assert_eq!(kinds, ["credential", "credential"], "{changes}");
        assert_eq!(
            p.column("user history ASHA22", "action"),
            ["create", "password_change", "password_change", "update", "export"]
        );
        let seq = changes[0]["seq"].as_i64().expect("a number");
        assert!(p.run(&format!("audit revert {seq} --org ACME")).fails(2).contains("a password can't be reverted"));
        let held = &p.run("user dossier ASHA22").json()["records"];
        assert_eq!(
            (&held["credentials"][0]["scheme"], held["password_history"].as_array().map(Vec::len)),
            (&"argon2id".into(), Some(1))
        );
        all_is_well(p);
    });
}

/// Nobody names it: it goes and comes back with the person, and a merge mixes nobody's with another's.
#[test]
fn it_goes_with_the_person() {
    on_both_engines_with_acme(|p| {
        people(p);
        passwd(p, "ASHA22", FIRST);
        passwd(p, "ASHA22", SECOND);
        p.run("user invite ASHA22").ok();
        let said = p.run("user delete ASHA22 --yes");
        assert_eq!((said.code, said.err.as_str()), (0, "deleted user ASHA22 (asha)\n"));
        all_is_well(p);
        let said = p.run("user restore ASHA22");
        assert!(!said.err.contains("more that were deleted"), "{}", said.err);
        p.run_with("user check-password ASHA22 --password-stdin", SECOND).ok();
        let said = p.run("user merge ASHA22 RAVK22 --yes");
        assert!(said.err.contains("has no") && said.err.contains("the password"), "{}", said.err);
        assert_eq!(p.run_with("user check-password RAVK22 --password-stdin", SECOND).code, 3);
        all_is_well(p);
        p.run("user restore ASHA22").ok();
        p.run_with("user check-password ASHA22 --password-stdin", SECOND).ok();
        p.run("user delete ASHA22 --yes").ok();
        let said = p.run("user purge ASHA22 --yes");
        assert!(!said.err.contains("more that belonged"), "{}", said.err);
        for table in ["credentials", "password_history", "tokens"] {
            assert_eq!(int(p, &format!("select count(*) from {table}")), 0, "{table}");
        }
        assert_eq!(p.run("token list").code, 2, "there is no such noun");
        all_is_well(p);
    });
}

/// A hash that was put there behind the program's back is another one than its fingerprint tells; and with a fingerprint that
/// fits, another one than is recorded.
#[test]
fn a_hash_that_was_planted_is_seen() {
    on_both_engines_with_acme(|p| {
        people(p);
        passwd(p, "ASHA22", FIRST);
        passwd(p, "RAVK22", SECOND);
        let of = |key: &str| format!("user_id = (select id from users where user_code = '{key}')");
        let planted = |columns: &str| {
            let taken =
                columns.split(", ").map(|c| format!("{c} = (select {c} from credentials where {})", of("RAVK22")));
            let set = taken.collect::<Vec<_>>().join(", ");
            p.sql(&format!("update credentials set {set} where {}", of("ASHA22"))).expect("planted");
        };
        planted("password");
        let said = p.run("db check");
        assert!(said.code == 8 && said.out.contains("another one than its fingerprint tells"), "{}", said.out);
        // The key of it stands beside the hash: that takes no master key.
        let said = p.run("audit verify --deep");
        assert!(said.code == 8 && said.out.contains("contradicts its fingerprint"), "{}", said.out);
        planted("password, fingerprint_key, fingerprint");
        p.run("db check").ok();
        let said = p.run("audit verify --deep");
        assert!(said.code == 8 && said.out.contains("has fingerprint"), "{}", said.out);
    });
}
