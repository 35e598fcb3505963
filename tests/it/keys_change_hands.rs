//! Keys that change hands within a file: what holds once the whole file is written decides.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::harness::{Output, TestEnv, on_both_engines_with_acme as both};

/// Three people with addresses and names to sign in with.
fn three(p: &TestEnv) {
    let rows =
        "user_code,name,email,username\nAAA222,Asha,a@x.in,asha\nBBB222,Ravi,b@x.in,ravi\nCCC222,Mee,c@x.in,mee\n";
    p.run_with("user import -", rows).ok();
}

fn import(p: &TestEnv, rows: &str, more: &str) -> Output {
    p.run_with(&format!("user import - --key user_code --on-conflict update -o json {more}"), rows)
}

/// What each has in a column, by the user code.
fn of_each(p: &TestEnv, column: &str) -> BTreeMap<String, String> {
    let csv = p.run(&format!("user list --all --columns user_code,{column} -o csv")).ok();
    csv.lines().skip(1).map(|l| l.split_once(',').expect("two cells")).map(|(a, b)| (a.into(), b.into())).collect()
}

fn pairs(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn two_swap_and_the_trail_tells_both() {
    both(|p| {
        three(p);
        let swap = "user_code,email,username\nAAA222,B@x.in,ravi\nBBB222,a@x.in,ASHA\n";
        let records = p.audit_records();
        import(p, swap, "--dry-run").ok();
        assert_eq!((of_each(p, "email")["AAA222"].as_str(), p.audit_records()), ("a@x.in", records));
        let report = import(p, swap, "").json();
        assert_eq!((&report["updated"], &report["rejected"]), (&2.into(), &0.into()), "{report}");
        assert_eq!(of_each(p, "email"), pairs(&[("AAA222", "b@x.in"), ("BBB222", "a@x.in"), ("CCC222", "c@x.in")]));
        assert_eq!(of_each(p, "username"), pairs(&[("AAA222", "ravi"), ("BBB222", "asha"), ("CCC222", "mee")]));
        let seqs = p.column("user history AAA222", "seq");
        let shown = p.run(&format!("audit show {} --org ACME -o json", seqs.last().expect("a record"))).json();
        let (old, new) = (&shown["payload"]["old"], &shown["payload"]["new"]);
        assert_eq!((&old["email"], &new["email"]), (&"a@x.in".into(), &"b@x.in".into()), "{shown}");
        assert_eq!((&old["username"], &new["username"]), (&"asha".into(), &"ravi".into()), "{shown}");
        // The same file again says nothing new; and what was told before is told still.
        assert_eq!(import(p, swap, "").json()["unchanged"], 2);
        p.run("user show a@x.in").ok();
        assert_eq!(p.column("user list --filter email=a@x.in", "user_code"), ["BBB222"]);
        all_is_well(p);
    });
}

/// A chain in any order of its rows, at whose ends somebody leaves and somebody comes.
#[test]
fn a_chain_goes_through_whatever_the_order() {
    both(|p| {
        three(p);
        let rows = ["DDD222,Dev,c@x.in", "CCC222,Mee,b@x.in", "BBB222,Ravi,a@x.in", "AAA222,Asha,"];
        for turn in 0..2 {
            let mut rows = rows.to_vec();
            if turn == 1 {
                rows.reverse();
                p.run_with(
                    "user import - --key user_code --on-conflict update",
                    "user_code,name,email\nDDD222,Dev,\nCCC222,Mee,c@x.in\nBBB222,Ravi,b@x.in\nAAA222,Asha,a@x.in\n",
                )
                .ok();
            }
            import(p, &format!("user_code,name,email\n{}\n", rows.join("\n")), "--sync").ok();
            assert_eq!(
                of_each(p, "email"),
                pairs(&[("AAA222", ""), ("BBB222", "a@x.in"), ("CCC222", "b@x.in"), ("DDD222", "c@x.in")]),
                "turn {turn}"
            );
        }
        all_is_well(p);
    });
}

/// Who is named by a key is who has it when the file is written.
#[test]
fn a_reference_names_the_one_who_has_the_key_then() {
    both(|p| {
        three(p);
        let rows = "user_code,email,reports_to\nAAA222,b@x.in,\nBBB222,a@x.in,\nCCC222,c@x.in,a@x.in\n";
        import(p, rows, "").ok();
        assert_eq!(of_each(p, "reports_to")["CCC222"], "BBB222");
        all_is_well(p);
    });
}

/// Where one of them can't give up its key the others can't have it.
#[test]
fn a_row_that_falls_keeps_its_key() {
    both(|p| {
        three(p);
        // Ravi's row is wrong, so he keeps b@x.in; so Asha keeps a@x.in, and the one who would come gets it not.
        let rows = "user_code,name,email,dob\nDDD222,Dev,a@x.in,\nAAA222,Asha,b@x.in,\nBBB222,Ravi,r@x.in,2999-01-01\nCCC222,Mee,m@x.in,\n";
        let all = import(p, rows, "");
        assert_eq!(all.json()["rejected"], 3, "{}", all.out);
        all.fails(6);
        let part = import(p, rows, "--keep-going");
        let told = part.json();
        part.fails(7);
        assert_eq!(
            (&told["updated"], &told["created"], &told["rejected"]),
            (&1.into(), &0.into(), &3.into()),
            "{told}"
        );
        let reasons: Vec<&str> =
            told["rejects"].as_array().expect("rejects").iter().filter_map(|r| r["reason"].as_str()).collect();
        assert!(
            reasons.contains(&"user a@x.in exists already") && reasons.contains(&"user b@x.in exists already"),
            "{reasons:?}"
        );
        assert_eq!(of_each(p, "email"), pairs(&[("AAA222", "a@x.in"), ("BBB222", "b@x.in"), ("CCC222", "m@x.in")]));
        // Who is not in the file, or says nothing new, keeps what he has.
        let said = import(p, "user_code,name,email\nEEE222,Eve,m@x.in\n", "").json();
        assert_eq!(said["rejects"][0]["reason"], "user m@x.in exists already");
        let said = import(p, "user_code,name,email\nEEE222,Eve,m@x.in\nCCC222,Mee,m@x.in\n", "").json();
        assert_eq!(said["rejected"], 1, "{said}");
        all_is_well(p);
    });
}

/// Also keys that nobody is without, compared in folded form or of one length, and those of other kinds.
#[test]
fn keys_that_must_be_there_change_hands() {
    both(|p| {
        three(p);
        let rows = "email,user_code\na@x.in,BBB222\nb@x.in,CCC222\nc@x.in,AAA222\n";
        p.run_with("user import - --key email --on-conflict update", rows).ok();
        assert_eq!(of_each(p, "email"), pairs(&[("BBB222", "a@x.in"), ("CCC222", "b@x.in"), ("AAA222", "c@x.in")]));
        p.run_with("dept import -", "code,name\nD1,Sales\nD2,Förderung\n").ok();
        p.run_with("dept import - --key code --on-conflict update", "code,name\nD1,FÖRDERUNG\nD2,SALES\nD3,Legal\n")
            .ok();
        assert_eq!(p.column("dept list --sort code", "name"), ["FÖRDERUNG", "SALES", "Legal"]);
        // A case alone is the same key, and no other one's.
        p.run_with("dept import - --key code --on-conflict update", "code,name\nD1,Förderung\n").ok();
        assert!(
            p.run_with("dept import - --key code --on-conflict update", "code,name\nD1,sales\n")
                .fails(6)
                .contains("dept sales exists already")
        );
        all_is_well(p);
    });
}

/// Who may sign in has an address at any moment.
#[test]
fn who_may_sign_in_hands_an_address_over() {
    both(|p| {
        for (code, address) in [("AAA222", "a@x.in"), ("BBB222", "b@x.in")] {
            p.run(&format!("user create --user-code {code} --name X --email {address}")).ok();
            p.run_with(&format!("user passwd {code} --password-stdin"), "tumbling-violet-harbour-19").ok();
            p.run(&format!("user update {code} --can-login yes")).ok();
        }
        import(p, "user_code,email\nAAA222,b@x.in\nBBB222,a@x.in\n", "").ok();
        assert_eq!(of_each(p, "email"), pairs(&[("AAA222", "b@x.in"), ("BBB222", "a@x.in")]));
        all_is_well(p);
    });
}

/// Whatever the addresses are dealt out anew: each has the one that the file gives.
#[test]
fn addresses_are_dealt_out_anew() {
    both(|p| {
        let codes: Vec<String> = (0..6).map(|i| format!("{i}AAA22")).collect();
        let rows: String = codes.iter().map(|c| format!("{c},{c},{c}@x.in\n")).collect();
        p.run_with("user import -", format!("user_code,name,email\n{rows}")).ok();
        let order = Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle();
        let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
        let dealt = (order, Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(), 1..=6_usize);
        runner
            .run(&dealt, |(addresses, rows, n)| {
                let mut hoped = of_each(p, "email");
                // Six old addresses, a new one, and none.
                let word = |at: usize| match at {
                    7 => String::new(),
                    at => format!("{at}aaa22@x.in"),
                };
                let mut file = "user_code,email\n".to_owned();
                for row in rows.iter().take(n) {
                    file += &format!("{},{}\n", codes[*row], word(addresses[*row]));
                    hoped.insert(codes[*row].clone(), word(addresses[*row]));
                }
                let twice = hoped.values().any(|v| !v.is_empty() && hoped.values().filter(|w| *w == v).count() > 1);
                let said = import(p, &file, "");
                if twice {
                    // Somebody outside of the file has one of them.
                    prop_assert_eq!(said.code, 6, "{}", file);
                } else {
                    prop_assert_eq!(said.code, 0, "{}{}", file, said.out);
                    prop_assert_eq!(of_each(p, "email"), hoped, "{}", file);
                }
                Ok(())
            })
            .unwrap_or_else(|e| panic!("{e}"));
        all_is_well(p);
    });
}
