//! Lists: filters, order, pages.

use crate::harness::{TestEnv, on_both_engines_with_acme};

/// Branches of two days; some have no city, no phone, no parent.
fn fill(p: &TestEnv) {
    p.wait(43_200);
    for (i, flags) in [
        "--code A1 --name 'Alpha One' --city Mumbai --phone '098200 12345' --pincode 400001",
        "--code A2 --name 'alpha two' --city Pune --parent A1",
        "--code B1 --name 'Beta, 100%' --city Mumbai --email b1@acme.example --parent A1",
        "--code B2 --name 'Beta_two' --parent A2",
        "--code C1 --name 'Café Élan' --city Pune --state Maharashtra",
        "--code C2 --name \"O'Hara\" --state Goa --parent A1",
        "--code D1 --name 'Zulu'",
    ]
    .iter()
    .enumerate()
    {
        if i == 4 {
            p.wait(86_400);
        }
        p.run(&format!("branch create {flags}")).ok();
    }
    p.run("branch deactivate B2").ok();
    p.run("branch update A1 --state Maharashtra").ok();
    p.run("branch create --code X1 --name Gone --city Mumbai").ok();
    p.run("branch delete X1 --yes").ok();
}

/// The codes that a list with these words shows.
#[track_caller]
fn codes(p: &TestEnv, words: &[&str]) -> String {
    let words: Vec<String> = ["branch", "list", "-o", "key"].iter().chain(words).map(|w| (*w).to_owned()).collect();
    p.run_words(&words, b"").ok().lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_filter_knows_every_comparison() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let id = p.json("branch show C1")["id"].as_str().expect("an id").to_owned();
        let by_id = format!("id={id}");
        // A date is a day where the operator is, wherever the tests run.
        let noon = chrono::DateTime::from_timestamp(1_795_262_400, 0).expect("a time").with_timezone(&chrono::Local);
        let days = [0, 1].map(|n| (noon.date_naive() + chrono::TimeDelta::days(n)).to_string());
        for (filter, expected) in [
            ("", "A1 A2 B1 B2 C1 C2 D1"),
            ("city=Mumbai", "A1 B1"),
            ("city=mumbai", "A1 B1"),
            ("city!=Mumbai", "A2 B2 C1 C2 D1"),
            ("city=Mumbai,Pune", "A1 A2 B1 C1"),
            ("city!=Mumbai,Pune", "B2 C2 D1"),
            ("city=", "B2 C2 D1"),
            ("city!=", "A1 A2 B1 C1"),
            ("city>Mumbai", "A2 C1"),
            ("city>=Mumbai", "A1 A2 B1 C1"),
            ("city<Pune", "A1 B1"),
            ("city<=Pune", "A1 A2 B1 C1"),
            ("name~alpha", "A1 A2"),
            ("name~ALPHA", "A1 A2"),
            ("name!~alpha", "B1 B2 C1 C2 D1"),
            ("city!~mum", "A2 B2 C1 C2 D1"),
            ("name~%", "B1"),
            ("name~_", "B2"),
            ("name~!", ""),
            ("name~élan", "C1"),
            ("name~Élan", "C1"),
            ("name='Alpha One'", "A1"),
            ("name=\"O'Hara\"", "C2"),
            ("name~'beta, 1'", "B1"),
            ("code=a1,b1", "A1 B1"),
            ("phone='098200 12345'", "A1"),
            ("email=B1@Acme.EXAMPLE", "B1"),
            ("email!=B1@ACME.example", "A1 A2 B2 C1 C2 D1"),
            ("pincode='400 001'", "A1"),
            ("parent=A1", "A2 B1 C2"),
            ("parent=a1", "A2 B1 C2"),
            ("parent!=A1", "A1 B2 C1 D1"),
            ("parent=", "A1 C1 D1"),
            ("is_active=no", "B2"),
            ("is_active!=0", "A1 A2 B1 C1 C2 D1"),
            ("status=inactive", "B2"),
            ("status=Active", "A1 A2 B1 C1 C2 D1"),
            ("status=inactive,deleted", "B2 X1"),
            ("version>1", "A1 B2"),
            ("version=1", "A2 B1 C1 C2 D1"),
            ("org=ACME city=Pune", "A2 C1"),
            ("city=Mumbai status=active parent=A1", "B1"),
            ("created=DAY1", "A1 A2 B1 B2"),
            ("created_at>DAY1", "C1 C2 D1"),
            ("created>=DAY1", "A1 A2 B1 B2 C1 C2 D1"),
            ("created<DAY2", "A1 A2 B1 B2"),
            ("created<=DAY1", "A1 A2 B1 B2"),
            ("created>1h", "C1 C2 D1"),
            ("created<2026-11-21T12:00:00+00:00", ""),
            ("created_by=''", ""),
            (by_id.as_str(), "C1"),
        ] {
            let filter = filter.replace("DAY1", &days[0]).replace("DAY2", &days[1]);
            assert_eq!(codes(p, &["--filter", &filter]), expected, "{filter}");
        }
        assert_eq!(codes(p, &["--deleted"]), "X1");
        assert_eq!(codes(p, &["--with-deleted", "--filter", "city=Mumbai"]), "A1 B1 X1");
        assert_eq!(codes(p, &["--filter", "deleted_at!="]), "X1");
        for (filter, sentence, hint) in [
            ("nmae=x", "there is no field 'nmae'", "hint: did you mean name?\nhint: fields: id, org, code, name, "),
            ("name", "'name' is no condition", "hint: write FIELD=VALUE"),
            ("name!x", "'name!x' has no comparison that is known", "hint: write = != > >= < <= ~ or !~"),
            ("name='x", "a quote in the filter is not closed", ""),
            ("status=gone", "'gone' is no value for status", "hint: status is one of active, inactive, deleted"),
            ("is_active=perhaps", "is_active must be yes or no, not 'perhaps'", ""),
            ("version=one", "'one' is no value for version", ""),
            ("created=soon", "'soon' is no time", "hint: write 2026-11-21"),
            ("created~2026", "'~' does not work on created_at", ""),
            ("id=1", "'1' is no value for id", ""),
        ] {
            let said = p.run_words(&["branch", "list", "--filter", filter].map(str::to_owned), b"").fails(2);
            assert!(said.starts_with(&format!("error: {sentence}")) && said.contains(hint), "{filter}: {said}");
        }
        assert!(p.run("org list --filter type=charity").fails(2).contains("type must be one of corporation"));
        assert_eq!(p.run("org list --filter 'type=CORPORATION industry=Gen-eral' -o key").ok(), "ACME\n");
    });
}

/// A comma tells values apart, and in quotes it is part of one.
#[test]
fn a_value_in_quotes_may_hold_commas() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("branch create --code D2 --name Zulu,").ok();
        for (filter, found) in [
            ("name='Beta, 100%'", "B1"),
            ("name=\"Beta, 100%\",Zulu", "B1 D1"),
            ("name=Zulu,'Beta, 100%'", "B1 D1"),
            ("name=Zulu','", "D2"),
            ("name='Zulu,'", "D2"),
            ("name!='Beta, 100%' city=Mumbai", "A1"),
            ("name!='Beta, 100%',\"Alpha One\" city=Mumbai", ""),
            ("code=A1,B1", "A1 B1"),
            ("created_at='2020-11-21','2020-11-22'", ""),
        ] {
            assert_eq!(codes(p, &["--filter", filter]), found, "{filter}");
        }
        // What is in quotes is one day, or none.
        let said = p.run("branch list --filter created_at=\"'2026-11-21,2026-11-22'\"");
        assert!(said.fails(2).contains("2026-11-21,2026-11-22"));
    });
}

#[test]
fn a_list_is_sorted_as_asked() {
    on_both_engines_with_acme(|p| {
        fill(p);
        for (sort, expected) in [
            ("code", "A1 A2 B1 B2 C1 C2 D1"),
            ("-code", "D1 C2 C1 B2 B1 A2 A1"),
            // By code point, the same on both engines: capitals first.
            ("name", "A1 B1 B2 C1 C2 D1 A2"),
            ("-name", "A2 D1 C2 C1 B2 B1 A1"),
            // What has none comes first; ties stand in the order of their birth.
            ("city", "B2 C2 D1 A1 B1 A2 C1"),
            ("-city", "C1 A2 B1 A1 D1 C2 B2"),
            ("city,name", "B2 C2 D1 A1 B1 C1 A2"),
            ("-city,-name", "A2 C1 B1 A1 D1 C2 B2"),
            ("parent,code", "A1 C1 D1 A2 B1 C2 B2"),
            ("created", "A1 A2 B1 B2 C1 C2 D1"),
            ("status", "A1 A2 B1 C1 C2 D1 B2"),
            ("is_active", "B2 A1 A2 B1 C1 C2 D1"),
        ] {
            assert_eq!(codes(p, &["--sort", sort]), expected, "{sort}");
        }
        assert!(p.run("branch list --sort name,-city").fails(2).contains("all fields of a sort go the same way"));
        assert!(p.run("branch list --sort nam").fails(2).contains("did you mean name?"));
        // Nor does a list without --sort depend on how rows lie.
        p.run("branch update A1 --code Z1").ok();
        assert_eq!(codes(p, &[]), "A2 B1 B2 C1 C2 D1 Z1");
    });
}

/// Walks a list page by page, with the tokens that are given out.
#[track_caller]
fn walk(p: &TestEnv, words: &str, limit: usize) -> Vec<String> {
    let (mut seen, mut page) = (Vec::new(), String::new());
    loop {
        let said = p.run(&format!("branch list {words} --limit {limit} -o ndjson --columns org,code {page}"));
        let rows: Vec<String> = said.out.lines().map(str::to_owned).collect();
        assert!(rows.len() <= limit);
        seen.extend(rows);
        match said.fails(0).split_once("--page ") {
            None => return seen,
            Some((before, token)) => {
                assert!(before.starts_with(&format!("{limit} shown, more follow: orgctl branch list ")), "{before}");
                page = format!("--page {}", token.trim());
            }
        }
    }
}

#[test]
fn pages_together_are_the_whole_list() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("org create --code GLOBEX --name Globex").ok();
        for code in ["A1", "G1"] {
            p.run(&format!("branch create --org GLOBEX --code {code} --name G --city Goa")).ok();
        }
        for words in [
            "",
            "--org ACME",
            "--sort city",
            "--sort=-city",
            "--sort city,phone,code",
            "--sort=-city,-phone,-code",
            "--sort name",
            "--sort=-name",
            "--sort parent",
            "--sort=-parent",
            "--sort created",
            "--sort=-created",
            "--sort is_active",
            "--sort=-status",
            "--sort version",
            "--sort deleted --with-deleted",
            "--sort=-deleted --with-deleted",
            "--sort=-deleted_by,-city --with-deleted",
            "--sort city --filter name~a",
        ] {
            let whole: Vec<String> = p
                .run(&format!("branch list {words} --all -o ndjson --columns org,code"))
                .ok()
                .lines()
                .map(str::to_owned)
                .collect();
            assert!(!whole.is_empty());
            for limit in [1, 3, whole.len()] {
                assert_eq!(walk(p, words, limit), whole, "{words} by {limit}");
            }
        }
        // A token is for the list it came from.
        let said = p.run("branch list --limit 1").fails(0);
        let token = said.trim().rsplit_once(' ').expect("a token").1;
        for words in ["--sort name", "--sort=-code", "--sort city"] {
            let said = p.run(&format!("branch list {words} --page {token}")).fails(2);
            assert!(said.starts_with("error: the page token can't be used here\n"), "{said}");
        }
        for token in ["x", "e30", "''", "e30='"] {
            p.run(&format!("branch list --page {token}")).fails(2);
        }
        assert!(p.run("branch list --limit many").fails(2).contains("--limit"));
        p.run("branch list --limit 1 --all").fails(2);
        // None at all would say that there are none.
        for line in ["branch list", "branch find b", "branch history B1", "audit list", "audit log list"] {
            let said = p.run(&format!("{line} --limit 0")).fails(2);
            assert!(said.contains("write a whole number from 1 to 10000000"), "{line}: {said}");
        }
    });
}

#[test]
fn a_terminal_gets_a_page_and_the_next_ones_command() {
    on_both_engines_with_acme(|p| {
        let rows: String = (0..60).map(|i| format!("B{i:03},Branch {i}\n")).collect();
        let file = p.write("b.csv", format!("code,name\n{rows}"));
        p.run(&format!("branch import {file}")).ok();
        let said =
            p.run_on_terminal("branch list --filter 'name~\"branch 1\"' --limit 5 --columns code --color never", 80);
        assert_eq!(said.out, "CODE\nB001\nB010\nB011\nB012\nB013\n");
        let next = said.err.trim().split_once("orgctl ").expect("a command").1;
        assert_eq!(p.run_on_terminal(next, 80).ok(), "CODE\nB014\nB015\nB016\nB017\nB018\n");
        let fifty = p.run_on_terminal("branch list", 80);
        assert_eq!(fifty.out.lines().count(), 51);
        assert!(fifty.err.starts_with("50 shown, more follow: orgctl branch list --page "), "{}", fifty.err);
        assert_eq!(p.run_on_terminal("branch list --all", 80).ok().lines().count(), 61);
        assert_eq!(p.run("branch list").ok().lines().count(), 61, "a pipe gets all");
    });
}
