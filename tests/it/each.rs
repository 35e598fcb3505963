//! One record of each of the program's kinds, for tests that go through all of them.

use crate::harness::TestEnv;

/// A noun, what makes one, and the key that it is named by.
const EACH: &[(&str, &str, &str)] = &[
    ("branch", "branch create --code B1 --name One", "B1"),
    ("dept", "dept create --code D1 --name One", "D1"),
    ("specialty", "specialty create --code S1 --name One", "S1"),
    ("user", "user create --username u1 --name One", "u1"),
    ("", "user create --username u2 --name Two", ""),
    ("former-key", "user merge u2 u1 --yes", "username:u2"),
    ("setting", "setting set password.history 3 --org ACME", "password.history"),
    ("user-branch", "branch assign B1 u1", "B1:u1"),
    ("consultant-specialty", "specialty assign S1 u1", "S1:u1"),
    ("feature", "feature create --code F1 --name One", "F1"),
    ("permission", "permission create --resource r1 --action a1", "r1:a1"),
    ("role", "role create --code R1 --name One", "R1"),
    ("", "role create --code R2 --name Two", ""),
    ("role-permission", "role-permission create --role R1 --resource r1 --action a1", "R1:r1:a1"),
    ("role-inheritance", "role inherit R1 R2", "R1:R2"),
    ("role-grant", "role assign R1 u1", "R1:u1"),
    ("role-approver", "role add-approver R1 u1", "R1:u1"),
    ("", "key init", ""),
    (
        "kyc",
        "kyc submit pan u1 --from - --consent N1 --notice-file /proc/self/comm --given-at 1d --channel web --language en",
        "u1:pan:1",
    ),
    ("consent", "consent show u1:1", "u1:1"),
];

/// Makes one of each kind in ACME.
pub fn fill(p: &TestEnv) {
    for (_, line, _) in EACH {
        p.run_with(line, PAPER).ok();
    }
}

/// What is read where a paper is submitted.
const PAPER: &str = "AAPPV8261K\nname: One\n";

/// The key of the one of a kind; none where the noun is that of no kind.
pub fn key(noun: &str) -> Option<&'static str> {
    let of_kind = |(of, _, key): &(&str, &str, &'static str)| (*of == noun && !of.is_empty()).then_some(*key);
    if noun == "org" { Some("ACME") } else { EACH.iter().find_map(of_kind) }
}

#[test]
fn each_kind_has_one() {
    let kinds = orgctl::model::kinds::Kinds::default();
    // What the program says is made by what goes wrong.
    let without: Vec<&str> = kinds
        .resources()
        .filter(|d| d.is_told() && !d.keys.is_empty())
        .map(|d| d.noun)
        .filter(|noun| key(noun).is_none())
        .collect();
    assert_eq!(without, Vec::<&str>::new(), "these kinds have no line here");
}
