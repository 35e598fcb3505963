//! What somebody sees and may do whose rights hold of some records: each verb of each kind, in a golden matrix; and ways to
//! get at what may not be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;

use orgctl::access::{Actor, Facts, Grant, Subject};
use orgctl::crud::gate;
use orgctl::model::clock::Clock as _;
use orgctl::model::kinds::Kinds;
use orgctl::model::resource::verbs::Verb;
use orgctl::model::scope::Conditions;
use orgctl::model::values::value::{ValueType, rfc3339};
use orgctl::store::engine::db::Db;
use orgctl::store::engine::location::{Location, Opening};
use orgctl::store::engine::sql::Sql;
use uuid::Uuid;

use crate::harness::{Engine, Output, TestEnv, golden, on_both_engines_with_acme};

/// North has two branches, and stands beside a branch that nobody of North may see.
const WORLD: &[&str] = &[
    "branch create --code R1 --name North",
    "branch create --code M1 --name First --parent R1",
    "branch create --code M2 --name Second --parent R1",
    "branch create --code Z9 --name Vaults",
    "dept create --code DM --name Sales --branch M1",
    "dept create --code Q-77 --name Bullion --branch Z9",
    "dept create --code DO --name Everywhere",
    "user create --user-code ANA001 --username ana --name 'Ana North' --email ana@x.example --branch M1 --department DM",
    "user create --user-code BOB001 --username bob --name 'Bob North' --branch M2 --reports-to ana",
    "user create --user-code CYD001 --username cyd --name 'Cyd Vault' --email cyd@x.example --branch Z9 --department Q-77",
    // Of two places, the own one out of sight.
    "user create --user-code DEE001 --username dee --name 'Dee Both' --branch Z9 --reports-to cyd",
    "user assign-branch dee --branch M1",
    "user create --user-code EVE001 --username eve --name 'Eve Nowhere'",
    "branch update M1 --manager ana",
    "branch update M2 --manager cyd",
    "specialty create --code S1 --name Skill",
    "specialty assign S1 ana cyd",
    "role create --code RA --name 'Role A'",
    "role assign RA ana cyd",
    "role create --code RB --name 'Role B'",
    "role inherit RB RA",
    "permission create --resource r1 --action a1",
    "role-permission create --role RA --resource r1 --action a1",
    "role add-approver RA ana cyd",
    "feature create --code F1 --name One",
    "user create --user-code ANN001 --username ann --name 'Ann Duplicate'",
    "user merge ann ana --yes",
    "user create --user-code CYX001 --username cyx --name 'Cyx Duplicate'",
    "user merge cyx cyd --yes",
    "setting set password.expiry_days 30 --user ana",
    "setting set password.expiry_days 40 --user cyd",
    "user create --user-code GON001 --username gon --name 'Gon Vault' --branch Z9",
    "user delete gon --yes",
    "user create --user-code LEF001 --username lef --name 'Lef North' --branch M1",
    "user delete lef --yes",
];

fn fill(p: &TestEnv) {
    for line in WORLD {
        p.run(line).ok();
    }
}

fn id(p: &TestEnv, line: &str) -> Uuid {
    p.json(&format!("{line} --columns id"))["id"].as_str().expect("an id").parse().expect("an id")
}

/// `users:read` and the like.
fn grant(word: &str, conditions: &Conditions) -> Grant {
    let (resource, action) = word.split_once(':').expect("two words");
    Grant {
        resource: resource.into(),
        action: action.into(),
        conditions: conditions.clone(),
        requires_approval: false,
        contains_critical: true,
    }
}

fn somebody(grants: impl IntoIterator<Item = Grant>) -> Subject {
    let facts = Facts::of_grants(grants, []);
    Subject::Somebody(Actor { org: 1, facts })
}

fn of_branch(p: &TestEnv, code: &str) -> Conditions {
    let branch = id(p, &format!("branch show {code}"));
    Conditions { branches: vec![BTreeSet::from([branch])], ..Conditions::default() }
}

/// The one who reads everything in North, and nothing elsewhere.
fn reader_of_north(p: &TestEnv) -> Subject {
    somebody([grant("*:read", &of_branch(p, "R1"))])
}

fn keys(p: &TestEnv, who: &Subject, line: &str) -> Vec<String> {
    let mut keys: Vec<String> = p.run_by(who, &format!("{line} -o key")).ok().lines().map(str::to_owned).collect();
    keys.sort();
    keys
}

#[test]
fn lists_tell_what_may_be_seen() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let who = reader_of_north(p);
        assert_eq!(keys(p, &who, "branch list"), ["M1", "M2", "R1"]);
        assert_eq!(keys(p, &who, "dept list"), ["DM"]);
        assert_eq!(keys(p, &who, "user list"), ["ANA001", "BOB001", "DEE001"]);
        assert_eq!(keys(p, &who, "user list --deleted"), ["LEF001"]);
        assert_eq!(keys(p, &who, "user list --search vault"), Vec::<String>::new());
        assert_eq!(keys(p, &who, "user list --search north"), ["ANA001", "BOB001"]);
        assert_eq!(keys(p, &who, "user find vault"), Vec::<String>::new());
        let stats = p.run_by(&who, "user stats -o json").ok();
        assert!(!stats.contains("Z9") && !stats.contains("Bullion") && !stats.contains("Q-77"), "{stats}");
        // Nothing of it is said where it stands beside what is told.
        let shown = p.run_by(&who, "user show dee bob M1:nobody -o json");
        assert_eq!(shown.code, 3, "{}", shown.err);
        p.run("user delete ana --yes").fails(4);
        for line in [
            "user show dee -o json",
            "user list -o json",
            "user list -o csv",
            "branch show M2 -o json",
            "user history dee -o json",
            "user history dee",
            "user history ana -o json",
            "branch tree",
            "user reports ana",
            "user reports dee --up",
            "dept members DM",
            "user-branch list -o json",
            "setting list --user ana",
        ] {
            let told = p.run_by(&who, line).ok();
            for word in ["Z9", "Vaults", "CYD001", "cyd", "Bullion"] {
                assert!(!told.contains(word), "{line}: {word} in {told}");
            }
        }
        // The operator sees all of it, and so does who may do everything.
        let everybody = somebody([grant("*:*", &Conditions::default())]);
        for line in
            ["user list -o csv --with-deleted --all", "branch list -o json", "user show dee -o json", "branch tree"]
        {
            assert_eq!(p.run_by(&everybody, line).ok(), p.run(line).ok(), "{line}");
        }
    });
}

/// What may not be seen is not found, in the words for what does not exist.
#[test]
fn what_may_not_be_seen_is_not_there() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let who = reader_of_north(p);
        let hidden: BTreeMap<&str, Vec<String>> = BTreeMap::from([
            ("branch", vec!["Z9".into(), id(p, "branch show Z9").to_string()]),
            ("dept", vec!["Q-77".into(), "Bullion".into()]),
            (
                "user",
                vec![
                    "CYD001".into(),
                    "cyd".into(),
                    "cyd@x.example".into(),
                    id(p, "user show cyd").to_string(),
                    "eve".into(),
                    "gon".into(),
                ],
            ),
        ]);
        for (noun, keys) in hidden {
            for key in keys {
                let absent = if Uuid::try_parse(&key).is_ok() {
                    Uuid::from_u128(7).to_string()
                } else {
                    format!("q{}", &key[1..])
                };
                for verb in ["show", "exists", "history", "show --with-deleted"] {
                    let of = |key: &str| {
                        let said = p.run_by(&who, &format!("{noun} {verb} {key}"));
                        (said.code, said.err.replace(key, "KEY"), said.out.replace(key, "KEY"))
                    };
                    assert_eq!(of(&key), of(&absent), "{noun} {verb} {key}");
                    assert_eq!(of(&key).0, 3, "{noun} {verb} {key}");
                }
            }
        }
        // Nor is it near: Z8 is one letter from Z9, and from nothing else.
        let said = p.run_by(&who, "branch show Z8").fails(3);
        assert!(!said.contains("Z9"), "{said}");
        assert!(p.run_by(&who, "branch show M3").fails(3).contains("did you mean M1?"));
        // Nor is it a condition, nor a place.
        for filter in ["branch=Z9", "branches=Z9", "reports_to=cyd", "in_branch=Z9", "department=Q-77"] {
            let said = p.run_by(&who, &format!("user list --filter '{filter}'"));
            let (_, key) = filter.split_once('=').expect("a condition");
            let absent = p.run_by(&who, &format!("user list --filter '{}'", filter.replace(key, "Q7Q")));
            assert_eq!((said.code, said.err.replace(key, "Q7Q")), (absent.code, absent.err), "{filter}");
        }
        assert_eq!(keys(p, &who, "user list --filter 'branch~Z'"), Vec::<String>::new());
        // Dee's own branch is none of what may be seen.
        assert_eq!(keys(p, &who, "user list --filter 'branch=M1'"), ["ANA001"]);
        assert_eq!(keys(p, &who, "user list --filter 'in_branch=M1'"), ["ANA001", "DEE001"]);
    });
}

/// The token of a page is text for who can read it.
#[test]
fn pages_and_orders_tell_nothing_else() {
    use base64::Engine as _;
    on_both_engines_with_acme(|p| {
        fill(p);
        let who = reader_of_north(p);
        for sort in ["branch", "-branch", "reports_to", "department"] {
            let mut seen = Vec::new();
            let mut page = String::new();
            loop {
                let line = format!("user list --sort {sort} --limit 1 -o key{page}");
                let said = p.run_by(&who, &line);
                seen.extend(said.out.lines().map(str::to_owned));
                let Some((_, token)) = said.err.split_once("--page ") else { break };
                let token = token.split_whitespace().next().expect("a token");
                let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).expect("a token");
                let text = String::from_utf8_lossy(&bytes).into_owned();
                assert!(!text.contains("Z9") && !text.contains("CYD") && !text.contains("Q-77"), "{text}");
                page = format!(" --page {token}");
            }
            seen.sort();
            assert_eq!(seen, ["ANA001", "BOB001", "DEE001"], "{sort}");
        }
    });
}

/// Completion offers nothing that a list would not tell.
#[test]
fn completion_offers_what_may_be_seen() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let who = reader_of_north(p);
        for (line, offered) in [
            ("orgctl branch show ", vec!["M1", "M2", "R1"]),
            ("orgctl user show ", vec!["ANA001", "BOB001", "DEE001"]),
            ("orgctl dept show D", vec!["DM"]),
            ("orgctl user update ana --branch ", vec!["M1", "M2", "R1"]),
        ] {
            assert_eq!(p.completed_by(&who, line), offered, "{line}");
        }
    });
}

#[test]
fn what_depends_on_it_unseen_is_counted() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let north = of_branch(p, "R1");
        let who = somebody(
            ["*:read", "users:update", "users:delete", "branches:*", "users:create"].map(|w| grant(w, &north)),
        );
        // Ana leads M1 and Bob; what she leads elsewhere she can't be told of.
        p.run("user update eve --reports-to ana").ok();
        p.run("branch update Z9 --manager ana").ok();
        let said = p.run_by(&who, "user delete ana --yes").fails(4);
        assert!(said.contains("1 branch (manager): M1; 1 branch (manager) that you can't see"), "{said}");
        assert!(said.contains("1 user (reports_to): BOB001"), "{said}");
        assert!(!said.contains("Z9") && !said.contains("EVE"), "{said}");
        // Letting go of them is an update of each, and of these it is not allowed.
        let said = p.run_by(&who, "user delete ana --orphan --yes").fails(5);
        assert!(said.contains("that you can't see") && !said.contains("Z9") && !said.contains("EVE"), "{said}");
        assert_eq!(p.json("branch show Z9")["manager"], "ANA001");
        // What is taken is taken, whoever has it.
        let said = p.run_by(&who, "user create --name X --username cyd --branch M1").fails(4);
        assert!(!said.contains("CYD001") && !said.contains("Vault"), "{said}");
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// In the past a record has the branch of then, and who asks the rights of now.
#[test]
fn the_past_is_told_by_where_things_were() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let who = reader_of_north(p);
        p.wait(60);
        let then = rfc3339(p.clock.now());
        p.wait(60);
        p.run("user move bob --branch Z9").ok();
        p.run("user move cyd --branch M1").ok();
        p.run("branch create --code Z8 --name Later").ok();
        assert_eq!(keys(p, &who, "user list"), ["ANA001", "CYD001", "DEE001"]);
        assert_eq!(keys(p, &who, &format!("user list --as-of {then}")), ["ANA001", "BOB001", "DEE001"]);
        assert_eq!(p.run_by(&who, "user history bob").code, 3);
        assert_eq!(p.run_by(&who, &format!("user show cyd --as-of {then}")).code, 3);
        assert_eq!(p.run_by(&who, &format!("user show bob --as-of {then}")).code, 0);
        for line in [format!("user list -o csv --as-of {then}"), format!("user show dee -o json --as-of {then}")] {
            let told = p.run_by(&who, &line).ok();
            for word in ["Z9", "Vaults", "CYD001", "Bullion"] {
                assert!(!told.contains(word), "{line}: {word} in {told}");
            }
        }
        // That it came later is nothing to be told either.
        let line = format!("user list --filter 'branch=Z8' --as-of {then}");
        let absent = p.run_by(&who, &line.replace("Z8", "Q8"));
        let said = p.run_by(&who, &line);
        assert_eq!((said.code, said.err.replace("Z8", "Q8")), (absent.code, absent.err));
    });
}

#[test]
fn a_file_reaches_no_further_than_a_flag() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let north = of_branch(p, "R1");
        let who = somebody(["*:read", "users:import", "users:export"].map(|w| grant(w, &north)));
        // A row that stands for one out of sight is rejected, whatever it says.
        for row in ["cyd,Cyd Vault", "cyd,Other Name"] {
            let said = p.run_by_with(
                &who,
                "user import - --key username --on-conflict update --keep-going",
                format!("username,name\n{row}\nana,Ana N\n"),
            );
            assert_eq!(said.code, 7, "{}", said.err);
            assert!(said.err.contains("user cyd is not allowed"), "{}", said.err);
        }
        assert_eq!(p.json("user show cyd")["name"], "Cyd Vault");
        assert_eq!(p.json("user show ana")["name"], "Ana N");
        // What it refers to out of sight is not there.
        let said = p.run_by_with(
            &who,
            "user import - --on-conflict update --keep-going --key username",
            "username,name,reports_to\nfay,Fay,cyd\ngil,Gil,Q7QQ7Q\n",
        );
        let reasons: BTreeSet<String> = said
            .err
            .lines()
            .filter(|l| l.contains("line "))
            .map(|l| l.replace("cyd", "Q7QQ7Q").replace("line 3", "line 2"))
            .collect();
        assert_eq!(reasons.len(), 1, "{}", said.err);
        // A new one must belong where it may be made.
        let said = p.run_by_with(&who, "user import - --key username", "username,name\nfay,Fay\n");
        assert_eq!(said.code, 5, "{}", said.err);
        p.run_by_with(&who, "user import - --key username", "username,name,branch\nfay,Fay,M2\n").ok();
        assert_eq!(p.json("user show fay")["branch"], "M2");
        // An export holds what may be exported.
        let told = p.run_by(&who, "user export").ok();
        assert!(told.contains("fay") && !told.contains("cyd") && !told.contains("eve"), "{told}");
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// What an update makes of a record is asked about as well as what it was.
#[test]
fn nobody_is_moved_out_of_sight() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let north = of_branch(p, "R1");
        let everywhere = Conditions::default();
        let who = somebody([
            grant("*:read", &everywhere),
            grant("users:*", &north),
            grant("branches:update", &north),
            grant("r1:a1", &everywhere),
        ]);
        let said = p.run_by(&who, "user move ana --branch Z9").fails(5);
        assert!(said.contains("users:update is not allowed of user ANA001"), "{said}");
        let said = p.run_by(&who, "user move cyd --branch M1").fails(5);
        assert!(said.contains("users:update is not allowed of user CYD001"), "{said}");
        p.run_by(&who, "user move ana --branch M2").ok();
        let said = p.run_by(&who, "user update ana cyd --designation Chief").fails(5);
        assert!(said.contains("CYD001") && !said.contains("ANA001"), "{said}");
        assert_eq!(p.json("user show ana")["designation"], serde_json::Value::Null);
        p.run_by(&who, "user block bob --reason lost").ok();
        p.run_by(&who, "user block cyd --reason lost").fails(5);
        p.run_by(&who, "user create --name X --username x1").fails(5);
        p.run_by(&who, "user create --name X --username x1 --branch Z9").fails(5);
        p.run_by(&who, "user create --name X --username x1 --branch M1").ok();
        p.run_by(&who, "branch move M2 --root").fails(5);
        p.run_by(&who, "user restore gon").fails(5);
        p.run_by(&who, "user restore lef").ok();
        // A refusal is recorded, as any other.
        let refused = p.run("audit list --status denied -o csv --columns action").ok();
        assert!(refused.lines().count() > 7, "{refused}");
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// Lists of random places, against the rows gone through one by one.
#[test]
fn lists_are_what_a_naive_reader_finds() {
    on_both_engines_with_acme(|p| {
        let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
        let mut pick = |n: usize| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            usize::try_from(chance % n as u64).expect("a small number")
        };
        let mut parents: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut file = String::from("code,name,parent\n");
        for n in 0..12 {
            let parent = (n > 0 && pick(3) > 0).then(|| format!("B{}", pick(n)));
            let _ = writeln!(file, "B{n},Name {n},{}", parent.clone().unwrap_or_default());
            parents.insert(format!("B{n}"), parent);
        }
        p.run_with("branch import -", file).ok();
        let mut of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut file = String::from("username,name,branches\n");
        for n in 0..60 {
            let branches: BTreeSet<String> = (0..pick(3)).map(|_| format!("B{}", pick(12))).collect();
            let list: Vec<&str> = branches.iter().map(String::as_str).collect();
            let _ = writeln!(file, "u{n},User {n},{}", list.join(";"));
            of.insert(format!("u{n}"), branches);
        }
        p.run_with("user import -", file).ok();
        let below = |branch: &str, top: &str| {
            let mut at = Some(branch.to_owned());
            while let Some(here) = at {
                if here == top {
                    return true;
                }
                at = parents[&here].clone();
            }
            false
        };
        for n in 0..12 {
            let top = format!("B{n}");
            let who = somebody([grant("*:read", &of_branch(p, &top))]);
            let branches: BTreeSet<String> = parents.keys().filter(|b| below(b, &top)).cloned().collect();
            assert_eq!(keys(p, &who, "branch list --all").into_iter().collect::<BTreeSet<_>>(), branches, "{top}");
            let users: BTreeSet<String> =
                of.iter().filter(|(_, all)| all.iter().any(|b| below(b, &top))).map(|(u, _)| u.clone()).collect();
            let told = p.run_by(&who, "user list --all -o csv --columns username").ok();
            let told: BTreeSet<String> = told.lines().skip(1).map(str::to_owned).collect();
            assert_eq!(told, users, "{top}");
            let links: usize = of.values().flatten().filter(|b| below(b, &top)).count();
            assert_eq!(p.run_by(&who, "user-branch list --all -o key").ok().lines().count(), links, "{top}");
            let n: i64 = p.run_by(&who, "user list --count").out.trim().parse().unwrap_or(users.len() as i64);
            assert_eq!(n, users.len() as i64);
        }
    });
}

/// What came of a command: its exit code, and what was told first. Ids are other ones on each engine.
fn outcome(said: &Output) -> String {
    let is_of_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    let word = |w: &str| match w.len() == 36 && w.chars().all(is_of_id) {
        true => "ID".to_owned(),
        false => w.to_owned(),
    };
    if said.err.contains("no role grants it") {
        return "5 no role grants it".to_owned();
    }
    let text = outcome_with_ids(said);
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What an import says of itself, without how fast it was.
fn without_speed(said: &str) -> String {
    said.lines().map(|line| line.split(" (").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn outcome_with_ids(said: &Output) -> String {
    let err = if said.err.contains(" rows/s)") { without_speed(&said.err) } else { said.err.clone() };
    // The number of a refusal is another one each time.
    let err: String = err
        .lines()
        .filter(|line| !line.starts_with("hint: the refusal is record "))
        .fold(String::new(), |all, line| all + line + "\n");
    let first = said.out.lines().chain(err.lines()).take(3).collect::<Vec<_>>().join(" | ");
    let told: Vec<&str> = if said.code == 0 { said.out.lines().collect() } else { vec![] };
    match said.code {
        0 if !told.is_empty() => format!("0 {}", told.join(" ")),
        code => format!("{code} {first}"),
    }
}

/// What is another organisation's is nobody's of this one, whatever is granted here.
#[test]
fn grants_hold_in_one_organisation() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("org create --code BETA --name Beta").ok();
        p.run("branch create --code BB --name 'Of Beta' --org BETA").ok();
        p.run("user create --user-code BEA001 --username bea --name Bea --org BETA --branch BB").ok();
        let bea = id(p, "user show bea --org BETA");
        let who = somebody([grant("*:*", &Conditions::default())]);
        assert!(!keys(p, &who, "user list --all").contains(&"BEA001".to_owned()));
        assert_eq!(keys(p, &who, "org list"), ["ACME"]);
        for line in
            ["user list --org BETA", "org show BETA", "user show bea", "branch show BB", "org update BETA --name X"]
        {
            assert_eq!(p.run_by(&who, line).code, 3, "{line}");
        }
        for line in [format!("user show {bea}"), format!("user history {bea}"), format!("user block {bea} --reason x")]
        {
            assert_eq!(p.run_by(&who, &line).code, 3, "{line}");
        }
        for line in ["audit checkpoint", "audit keygen", "backup list", "db check", "doctor"] {
            let said = p.run_by(&who, line).fails(5);
            assert!(said.contains("it is about the whole installation"), "{line}: {said}");
        }
        let said = p.run_by(&who, "org create --code GAMMA --name Gamma").fails(5);
        assert!(said.contains("orgs:create is not allowed: it is about the whole installation"), "{said}");
        assert_eq!(p.run_by(&who, "user create --name X --username x1 --org BETA").code, 3);
    });
}

/// What is asked about a record without changing it is asked for its permission too.
#[test]
fn what_is_tried_of_a_record_is_decided_first() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let (north, everywhere) = (of_branch(p, "R1"), Conditions::default());
        p.run_with("user passwd cyd --password-stdin", "correct horse battery\n").ok();
        p.run_with("user passwd ana --password-stdin", "correct horse battery\n").ok();
        let who = somebody([grant("*:read", &everywhere), grant("users:*", &north)]);
        for (line, password) in [
            ("user check-password cyd --password-stdin", "correct horse battery\n"),
            ("user check-password cyd --password-stdin", "wrong horse battery\n"),
            ("user passwd cyd --password-stdin", "correct horse battery\n"),
            ("user passwd cyd --password-stdin", "other horse battery\n"),
        ] {
            let said = p.run_by_with(&who, line, password);
            assert_eq!((said.code, said.out.as_str()), (5, ""), "{line}: {}", said.err);
        }
        p.run_by_with(&who, "user check-password ana --password-stdin", "correct horse battery\n").ok();
        // That it is so already is no reason to say so.
        let said = p.run_by(&who, "user activate cyd").fails(5);
        assert!(said.contains("users:update is not allowed of user CYD001"), "{said}");
        p.run_by(&who, "user update cyd --name 'Cyd Vault'").fails(5);
        p.run_by(&who, "user unblock cyd").fails(5);
    });
}

/// Errors that are made of what is checked name nobody who may not be seen.
#[test]
fn errors_name_nobody_out_of_sight() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let north = of_branch(p, "R1");
        let who = somebody([grant("*:*", &north)]);
        p.run("user update bob --reports-to ''").ok();
        p.run("user update cyd --reports-to bob").ok();
        p.run("user update ana --reports-to cyd").ok();
        let quiet = |line: &str, stdin: &str| {
            let said = p.run_by_with(&who, line, stdin);
            assert_ne!(said.code, 0, "{line}");
            let told = format!("{}{}", said.out, said.err);
            let words = ["CYD001", "Cyd", "Z9", "Vaults", "Q-77", "Bullion", "EVE001"];
            for word in words.into_iter().filter(|word| !line.contains(word) && !stdin.contains(word)) {
                assert!(!told.contains(word), "{line}: {word} in {told}");
            }
            told
        };
        // A circle that closes through somebody else.
        quiet("user update bob --reports-to ana", "");
        quiet("user import - --key username --on-conflict update", "username,reports_to\nbob,ana\n");
        // Keys that somebody has, had, or has had since a merge.
        for key in ["cyd", "cyx", "gon"] {
            let said = p.run_by(&who, &format!("user create --name X --username {key} --branch M1 --dry-run"));
            assert_eq!(said.code, if key == "gon" { 0 } else { 4 }, "{key}: {}", said.err);
            assert!(!said.err.contains("CYD001") && !said.err.contains("Cyd Vault"), "{}", said.err);
        }
        quiet("user create --name X --email cyd@x.example --branch M1", "").contains("exists already");
        quiet("user import -", "username,name,branch\ncyd,X,M1\n");
        quiet("user import -", "username,name,branch\ncyx,X,M1\n");
        quiet("user import - --key email", "email,username,name,branch\nnew@x.example,cyd,X,M1\n");
        quiet("branch create --code Z9 --name Other --parent R1", "");
        quiet("dept create --code Q-77 --name Other --branch M1", "");
        quiet("dept create --code Q-78 --name Bullio --branch Z9", "");
        // What it refers to out of sight.
        for line in [
            "user update ana --reports-to eve",
            "user update ana --department Bullio",
            "dept update DM --manager eve",
            "branch update M2 --manager eve",
            "role assign RA eve",
            "user merge cyd ana --yes",
            "user merge ana eve --yes",
            "user deactivate ana --reassign-to eve",
            "branch delete M1 --yes",
            "user restore gon",
            "user purge gon --yes",
        ] {
            quiet(line, "");
        }
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// A key of each kind in North and one elsewhere, and what changes one.
const EACH: &[(&str, &str, &str, &str)] = &[
    ("branch", "M1", "Z9", "--city Pune"),
    ("dept", "DM", "Q-77", "--description Small"),
    ("user", "ana", "cyd", "--designation Chief"),
    ("user-branch", "M1:ana", "Z9:cyd", ""),
    ("specialty", "S1", "S1", "--name Other"),
    ("consultant-specialty", "S1:ana", "S1:cyd", ""),
    ("role", "RA", "RA", "--name Other"),
    ("role-grant", "RA:ana", "RA:cyd", ""),
    ("role-approver", "RA:ana", "RA:cyd", ""),
    ("role-inheritance", "RB:RA", "RB:RA", ""),
    ("role-permission", "RA:r1:a1", "RA:r1:a1", ""),
    ("permission", "r1:a1", "r1:a1", ""),
    ("feature", "F1", "F1", "--name Other"),
    ("former-key", "username:ann", "username:cyx", ""),
    ("org", "ACME", "ACME", "--name Other"),
];

/// What only one kind does, in North and elsewhere.
const MORE: &[&str] = &[
    "branch tree -o csv",
    "branch stats -o csv",
    "branch move M2 --root --dry-run",
    "branch move Z9 --root --dry-run",
    "branch assign M2 ana --dry-run",
    "branch assign Z9 ana --dry-run",
    "branch assign M2 cyd --dry-run",
    "branch create --code M9 --name Nine --parent R1 --dry-run",
    "branch create --code M9 --name Nine --dry-run",
    "dept members DM -o key",
    "dept members Q-77 -o key",
    "dept create --code D9 --name Nine --branch M1 --dry-run",
    "dept create --code D9 --name Nine --dry-run",
    "user block ana --reason x --dry-run",
    "user block cyd --reason x --dry-run",
    "user unblock ana --dry-run",
    "user invite ana --expires 2027-06-01 --dry-run",
    "user invite cyd --expires 2027-06-01 --dry-run",
    "user uninvite ana --dry-run",
    "user uninvite cyd --dry-run",
    "user move ana --branch M2 --dry-run",
    "user move ana --branch Z9 --dry-run",
    "user move bob --reports-to dee --dry-run",
    "user assign-branch ana --branch M2 --dry-run",
    "user unassign-branch dee --branch M1 --dry-run",
    "user rename ana --username anna --dry-run",
    "user merge bob ana --yes --dry-run",
    "user merge cyd ana --yes --dry-run",
    "user passwd ana --generate --dry-run",
    "user passwd cyd --generate --dry-run",
    "user check-password ana --password-stdin --dry-run",
    "user check-password cyd --password-stdin --dry-run",
    "user import - --dry-run",
    "user import - --on-conflict update --dry-run",
    "user reports ana -o key",
    "user reports cyd -o key",
    "user dossier ana --dry-run",
    "user dossier cyd --dry-run",
    "user restore lef --dry-run",
    "user restore gon --dry-run",
    "user purge lef --yes --dry-run",
    "user purge gon --yes --dry-run",
    "user deactivate ana --orphan --dry-run",
    "user delete bob --yes --dry-run",
    "user create --name X --username x1 --branch M1 --user-code XXX001 --dry-run",
    "user create --name X --username x1 --branch Z9 --user-code XXX001 --dry-run",
    "user create --name X --username x1 --user-code XXX001 --dry-run",
    "specialty assign S1 bob --dry-run",
    "role assign RA bob --dry-run",
    "role unassign RA ana --yes --dry-run",
    "role unassign RA cyd --yes --dry-run",
    "role template list -o key",
    "role template apply SALES --dry-run",
    "setting list --changed -o key",
    "setting list --changed --user ana -o key",
    "setting list --changed --user cyd -o key",
    "setting get password.history",
    "setting get password.expiry_days --user ana",
    "setting get password.expiry_days --user cyd",
    "setting explain password.expiry_days --user cyd -o key",
    "setting set password.history 5 --dry-run",
    "setting set password.expiry_days 5 --user ana --dry-run",
    "setting set password.expiry_days 5 --user cyd --dry-run",
    "setting reset password.expiry_days --user ana --dry-run",
    "setting reset password.expiry_days --user cyd --dry-run",
];

/// What imports read from standard input: rows of North, of elsewhere, and of who is there already.
const ROWS: &str =
    "user_code,name,username,branch\nNEW001,New North,newn,M1\nNEW002,New Vault,newv,Z9\nCYD001,Cyd Vault,cyd,Z9\n";

/// What covers the installation, and is nobody's of an organisation (DESIGN.md, "The gate").
const INSTALLATION: &[&str] = &[
    "audit archive --before 730d --out old.jsonl.gz --dry-run",
    "audit erase --subject gon --reason x --dry-run",
    "audit keygen",
    "audit pubkey",
    "audit checkpoint --dry-run",
    "audit correct-clock --now 2026-11-21T00:00:00Z --dry-run",
    "backup list",
    "backup create --dry-run",
    "backup prune --keep-last 3 --dry-run",
    "backup status",
    "backup restore latest --into sqlite:///nowhere/x.db --dry-run",
    "db status",
    "db check",
    "db migrate --dry-run",
    "db rollback --dry-run",
    "db seed --dry-run",
    "db grants --role x",
    "db copy --to sqlite:///nowhere/x.db --dry-run",
    "db repair --dry-run",
    "db reset --dry-run",
    "setting list --system",
    "setting get argon2.passes --org SYSTEM",
    "setting set --system argon2.passes 3 --dry-run",
    "doctor",
];

/// Whoever may do anything in an organisation can neither look at nor touch what covers the installation.
#[test]
fn what_covers_the_installation_is_nobodys_of_an_organisation() {
    on_both_engines_with_acme(|p| {
        let anything = somebody([grant("*:*", &Conditions::default())]);
        let before = p.audit_records();
        for line in INSTALLATION {
            for line in [(*line).to_owned(), format!("{line} --org ACME")] {
                let said = p.run_by(&anything, &line);
                // Where the flag means nothing, that is said first.
                assert!(
                    said.code == 5 || (said.code == 2 && line.contains("--org")),
                    "{line}: {} {}",
                    said.code,
                    said.err
                );
                assert_eq!(said.out, "", "{line}");
            }
        }
        assert!(p.audit_records() >= before);
    });
}

/// Each kind, each verb, some people: what comes of it, the same on both engines.
#[test]
fn the_matrix_of_answers_is_kept() {
    let mut texts = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let p = &TestEnv::with_acme(engine);
        fill(p);
        texts.push(matrix(p));
    }
    for (a, b) in texts[0].lines().zip(texts[1].lines()) {
        assert_eq!(a, b, "the engines differ");
    }
    golden("tests/golden/gate.txt", &texts[0]);
}

fn matrix(p: &TestEnv) -> String {
    let (north, everywhere) = (of_branch(p, "R1"), Conditions::default());
    let own = Conditions { own_of: Some(id(p, "user show ana")), ..Conditions::default() };
    // What Ana and Cyd may do by their role, everybody may: of who may do more, little may be changed.
    let words = |words: &[&str], of: &Conditions| {
        let all = words.iter().map(|w| grant(w, of));
        all.chain([grant("r1:a1", &Conditions::default())]).collect::<Vec<_>>()
    };
    let all = ["*:read", "*:create", "*:update", "*:delete", "*:restore", "*:purge", "*:export", "*:import"];
    let actors = [
        ("nobody", somebody([])),
        ("reads North", somebody(words(&["*:read"], &north))),
        ("keeps North", somebody(words(&all, &north))),
        ("may do anything in North", somebody(words(&["*:*"], &north))),
        ("reads all, keeps North", somebody([words(&["*:read"], &everywhere), words(&all, &north)].concat())),
        ("reads and updates what is Ana's", somebody(words(&["*:read", "*:update"], &own))),
        ("everything", somebody([grant("*:*", &everywhere)])),
    ];
    let kinds = Kinds::default();
    let mut text = String::new();
    for (name, who) in &actors {
        let _ = writeln!(text, "\n# {name}");
        for (noun, here, there, change) in EACH.iter().chain([&("setting", "", "", "")]) {
            let desc = kinds.by_noun(noun).expect("a kind");
            let (mut lines, mut told) = (Vec::new(), Vec::new());
            for verb in Verb::ALL.into_iter().filter(|verb| desc.does(*verb) && !here.is_empty()) {
                let of_key = |rest: &str| [here, there].map(|key| format!("{noun} {} {key}{rest}", verb.as_str()));
                match verb {
                    Verb::List => lines.push(format!("{noun} list -o key")),
                    Verb::Show => lines.extend(of_key(" -o key")),
                    Verb::Exists => lines.extend(of_key("")),
                    Verb::History => lines.extend(of_key(" -o csv --columns seq")),
                    Verb::Update if !change.is_empty() => lines.extend(of_key(&format!(" {change} --dry-run"))),
                    Verb::Delete => lines.extend(of_key(" --yes --dry-run")),
                    Verb::Deactivate | Verb::Activate => lines.extend(of_key(" --dry-run")),
                    Verb::Export => lines.push(format!("{noun} export -o key")),
                    Verb::Stats => lines.push(format!("{noun} stats -o csv")),
                    _ => {}
                }
            }
            let more = MORE.iter().filter(|line| line.split(' ').next() == Some(noun));
            lines.extend(more.map(|line| (*line).to_owned()));
            for line in lines {
                let said = p.run_by_with(who, &line, ROWS);
                if *name == "nobody" {
                    assert_eq!((said.code, said.out.as_str()), (5, ""), "{line}");
                    continue;
                }
                // An organisation ends with all its people, whatever they may do: that is the installation's.
                if *name == "everything" && ["org delete", "org deactivate"].iter().any(|ends| line.starts_with(ends)) {
                    let sentence = "is not allowed: it is about the whole installation";
                    assert!(said.code == 5 && said.err.contains(sentence), "{line}: {}", said.err);
                    continue;
                }
                if *name == "everything" {
                    let operator = p.run_with(&line, ROWS);
                    let [a, b] = [&said, &operator].map(|said| (said.code, said.out.clone(), without_speed(&said.err)));
                    assert_eq!(a, b, "{line}");
                    continue;
                }
                told.push((line, outcome(&said)));
            }
            // What a kind answers to all alike is said once.
            for same in told.chunk_by(|a, b| a.1 == b.1) {
                let line = |(line, _): &(String, String)| line.strip_prefix(noun).unwrap_or(line).trim().to_owned();
                let lines: Vec<String> = same.iter().map(line).collect();
                let _ = writeln!(text, "{noun} {}\n    {}", lines.join("; "), same[0].1);
            }
        }
    }
    text
}

/// Asks for candidates in this process, as a shell would.
impl TestEnv {
    fn completed_by(&self, who: &Subject, line: &str) -> Vec<String> {
        let mut words: Vec<OsString> = crate::harness::split(line).into_iter().map(OsString::from).collect();
        if line.ends_with(' ') {
            words.push(OsString::new());
        }
        let at = words.len() - 1;
        let mut env = self.env.clone();
        env.extend(
            [("COMPLETE", "bash"), ("_CLAP_IFS", "\n"), ("_CLAP_COMPLETE_INDEX", &at.to_string())]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let argv: Vec<OsString> = ["orgctl", "--"].into_iter().map(OsString::from).chain(words).collect();
        let ask = || -> Vec<String> {
            let said = self.answered(who, argv.clone(), b"", None, &env);
            said.ok().lines().filter(|c| !c.starts_with("--")).map(str::to_owned).collect()
        };
        // A Tab may take half a second, in which a machine at work elsewhere does not always connect.
        (0..3).map(|_| ask()).find(|offered| !offered.is_empty()).unwrap_or_default()
    }
}

/// The index that serves what is told: from the place to its people, on both engines.
#[test]
fn an_index_serves_what_is_told() {
    on_both_engines_with_acme(|p| {
        let mut file = String::from("code,name,parent\nR0,Root,\n");
        for n in 1..40 {
            let _ = writeln!(file, "B{n},Name {n},{}", if n < 3 { "R0" } else { "" });
        }
        p.run_with("branch import -", file).ok();
        let mut file = String::from("username,name,branch\n");
        for n in 0..4000 {
            let _ = writeln!(file, "u{n},User {n},B{}", n % 39 + 1);
        }
        p.run_with("user import -", file).ok();
        let kinds = Kinds::default();
        let opening = Opening {
            create: false,
            wait: std::time::Duration::from_secs(5),
            application: "test".into(),
            variables: BTreeMap::new(),
            kinds,
            reader: gate::reader_of_all(&somebody([grant("*:read", &of_branch(p, "R0"))]), kinds),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let plan = runtime.block_on(async {
            let mut db = Db::open(&Location::parse(&p.url).expect("a URL"), &opening).await.expect("a database");
            let told = db.as_told(Sql::new("select count(*) from users t where t.org_id = $1").with([1.into()]));
            let (prefix, n) = match p.engine {
                Engine::Sqlite => ("explain query plan ", 4),
                Engine::Postgres => ("explain ", 1),
            };
            let yields = [vec![ValueType::Int; n - 1], vec![ValueType::Text]].concat();
            let explain = Sql { text: format!("{prefix}{}", told.text), ..told }.yields(yields);
            let rows = db.all(explain).await.expect("a plan");
            rows.iter().map(|row| row.value(n - 1).to_text()).collect::<Vec<_>>().join("\n")
        });
        assert!(plan.contains("user_branches_branch"), "{plan}");
        assert!(!plan.contains("SCAN user_branches") && !plan.contains("Seq Scan on user_branches"), "{plan}");
    });
}
/// The local operator acts with the rights that somebody's roles give, and the trail tells on whose behalf.
#[test]
fn the_operator_acts_with_the_rights_of_somebody() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("role create --code CLERK --name Clerk").ok();
        p.run("role grant CLERK users:read users:update branches:read --own-branch").ok();
        p.run("role assign CLERK bob --until 10d").ok();
        // Bob's branch is M2: of it he sees himself alone, and of others nothing.
        assert_eq!(p.column("user list --as bob", "user_code"), ["BOB001"]);
        assert_eq!(p.column("branch list --as bob", "code"), ["M2"]);
        assert!(p.run("user show cyd --as bob").fails(3).contains("user cyd does not exist"));
        assert!(p.run("dept list --as bob").fails(5).contains("departments:read is not allowed: no role grants it"));
        assert!(p.run("audit list --as bob").fails(5).contains("audit:read is not allowed: no role grants it"));
        p.run("user update bob --designation Chief --as bob").ok();
        assert_eq!(p.json("user show bob")["designation"], "Chief");
        let record = p.json("audit list --resource user --action update --limit 1");
        let told = p.json(&format!("audit show {} --org ACME", record[0]["seq"]));
        assert_eq!(told["request"]["on_behalf_of"]["user"], "BOB001", "{told:#}");
        let said = p.run("role check bob users:read --target cyd").fails(5);
        assert!(said.contains("it holds in the user's own branches alone (M2)"), "{said}");
        assert_eq!(p.json("user whoami --as bob")["rights"], "those of user BOB001 (--as)");
        // What holds is told whole or not at all, and of a user as it holds for him or her.
        p.run("role grant CLERK settings:read --own-branch").ok();
        p.run("setting set password.history 9 password.expiry_days 77 --org ACME").ok();
        assert!(p.run("setting get password.history --as bob").fails(5).contains("it is granted of other records"));
        assert_eq!(p.run("setting get password.expiry_days --user bob --as bob").ok(), "77\n");
        // Who is nobody, is blocked, has left or had the role for a time gives nothing.
        p.run("user list --as nobody").fails(3);
        p.run("user list --as eve").fails(5);
        p.run("user block bob --reason x").ok();
        assert!(p.run("user list --as bob").fails(5).contains("blocked"));
        p.run("user unblock bob").ok();
        p.run("user list --as bob").ok();
        p.wait(11 * 86_400);
        p.run("user list --as bob").fails(5);
        // Nobody but the operator acts for another.
        let who = somebody([grant("*:*", &Conditions::default())]);
        assert!(p.run_by(&who, "user list --as bob").fails(5).contains("only the local operator"));
        p.run("audit verify --deep").ok();
    });
}
