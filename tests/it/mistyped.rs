//! A mistyped question is told to be one: an empty answer would say that nothing is there, or that nothing happened.

use std::time::{Duration, Instant};

use crate::harness::{TestEnv, on_both_engines_with_acme};

fn company(p: &TestEnv) {
    p.run("dept create --code POL --name POLICE").ok();
    p.run("dept create --code FIN --name Finance").ok();
    p.run("branch create --code HQ --name 'Head office'").ok();
    p.run("branch create --code B2 --name Two --parent HQ").ok();
    p.run("user create --name 'Asha Rao' --username asha --email asha@x.example --department POLICE --branch HQ").ok();
    p.run("user create --name 'Ravi Kumar' --username ravi --reports-to asha --branch B2").ok();
    p.run("branch assign HQ ravi").ok();
}

#[test]
fn words_of_an_audit_search_are_known_ones() {
    on_both_engines_with_acme(|p| {
        company(p);
        for verb in ["list", "tail", "export -o csv"] {
            for (flags, code, sentence, hint) in [
                ("--action updte", 2, "'updte' is no action that is known", "did you mean update?"),
                ("--action frobnicate", 2, "'frobnicate' is no action that is known", "action: create, read, update"),
                ("--resource usr", 2, "'usr' is no resource that is known", "did you mean user?"),
                ("--field desgnation", 2, "'desgnation' is no field that is known", "did you mean designation?"),
                ("--resource branch --field dob", 2, "'dob' is no field that is known", "field: "),
                ("--source clli", 2, "'clli' is no source that is known", "did you mean cli?"),
                ("--actor nobody-at-all", 3, "there is no actor nobody-at-all", "orgctl audit stats --by actor"),
                ("--status sucess", 2, "sucess", "one of: success, failed, denied, interrupted"),
                ("--resource asset --key X", 2, "'asset' is no resource that is known", ""),
                (
                    "--request 01a2254c-a523-7027-9321-4a0c68712779",
                    3,
                    "no command of the trail has the id 01a2254c-a523-7027-9321-4a0c68712779",
                    "orgctl audit show SEQ",
                ),
                ("--since 2026-11-20 --until 2026-11-01", 2, "--until is before --since", "--since EARLIER"),
            ] {
                let said = p.run(&format!("audit {verb} {flags}")).fails(code);
                assert!(said.contains(sentence) && said.contains(hint), "{verb} {flags}: {said}");
            }
        }
        for line in ["audit stats", "audit log list"] {
            let said = p.run(&format!("{line} --since 2026-11-20 --until 2026-11-01")).fails(2);
            assert!(said.contains("--until is before --since"), "{line}: {said}");
        }
        // What is asked is looked at before anything is told.
        let said = p.run("audit diff --from 7d --resource usr").fails(2);
        assert!(said.starts_with("error: ") && said.contains("did you mean user?"), "{said}");
        let request = p.json("audit list --limit 1")[0]["request_id"].as_str().expect("an id").to_owned();
        assert_eq!(p.column(&format!("audit list --request {request}"), "request_id")[0], request);
        let said = p.run("audit log list --source 'audit archve'").fails(2);
        assert!(said.contains("did you mean 'audit archive'?"), "{said}");
        p.run("audit log list --source 'audit archive'").ok();
        // However they are spelled, known words are the recorded ones.
        for flags in
            ["--action CREATE", "--resource users", "--resource department", "--source CLI", "--action user-block"]
        {
            p.run(&format!("audit list {flags}")).ok();
        }
        assert_eq!(p.column("audit list --resource departments --action Create", "key"), ["FIN", "POL"]);
        // A reference by the field's name, whatever kind has it.
        assert_eq!(p.column("audit list --action create --field reports_to", "resource"), ["user"]);
        assert_eq!(p.column("audit list --field reports-to --resource user", "action"), ["create"]);
        p.run_with("user passwd asha --password-stdin", "correct horse battery staple nine\n").ok();
        assert_eq!(p.column("audit list --field password", "action"), ["password_change"]);
        // What another program recorded is known from then on.
        p.run("audit list --action wobbled").fails(2);
        p.run("audit append --action wobbled --resource asset:LAP-0042 --new '{\"colour\":\"red\"}'").ok();
        assert_eq!(p.column("audit list --action wobbled --resource asset --field colour", "key"), ["LAP-0042"]);
        assert!(
            p.run("audit list --resource asset --key LAP-0043")
                .fails(3)
                .contains("nothing is recorded about asset LAP-0043")
        );
        assert!(p.run("audit list --resource asset --field color").fails(2).contains("'color' is no field"));
    });
}

#[test]
fn a_reference_in_a_filter_is_named_as_in_create() {
    on_both_engines_with_acme(|p| {
        company(p);
        let names = |filter: &str| p.column(&format!("user list --filter '{filter}' --sort name"), "name");
        let id = p.json("dept show POL")["id"].as_str().expect("an id").to_owned();
        for key in ["POL", "pol", "POLICE", id.as_str()] {
            assert_eq!(names(&format!("department={key}")), ["Asha Rao"], "{key}");
            assert_eq!(names(&format!("department!={key}")), ["Ravi Kumar"], "{key}");
        }
        assert_eq!(names("department=POLICE,FIN"), ["Asha Rao"]);
        assert_eq!(names("department="), ["Ravi Kumar"]);
        assert_eq!(names("reports_to=asha@x.example"), ["Ravi Kumar"]);
        assert_eq!(names("branches=hq"), ["Asha Rao", "Ravi Kumar"]);
        assert_eq!(names("branches!=B2"), ["Asha Rao"]);
        assert_eq!(names("org=acme branch=B2"), ["Ravi Kumar"]);
        for (filter, sentence, hint) in [
            ("department=POLCE", "dept POLCE does not exist", "did you mean POLICE?"),
            ("department!=POLCE", "dept POLCE does not exist", "did you mean POLICE?"),
            ("department=POL,POLCE", "dept POLCE does not exist", "did you mean POLICE?"),
            ("reports_to=asah", "user asah does not exist", "did you mean asha?"),
            ("branches=H9", "branch H9 does not exist", "did you mean HQ?"),
            ("org=ACNE", "organisation ACNE does not exist", "did you mean ACME?"),
            ("created_by=nobody-at-all", "there is no actor nobody-at-all", ""),
            ("name==Asha", "'name==Asha' has no comparison that is known", "did you mean =?"),
            ("name=~Asha", "'name=~Asha' has no comparison that is known", "did you mean ~?"),
            ("version=>1", "'version=>1' has no comparison that is known", "did you mean >=?"),
            ("version<>1", "'version<>1' has no comparison that is known", "did you mean !=?"),
        ] {
            for list in ["list", "export"] {
                let said = p.run(&format!("user {list} --filter '{filter}'")).fails(2);
                assert!(said.contains(sentence) && said.contains(hint), "{filter}: {said}");
            }
        }
        // In quotes it is the value.
        assert_eq!(p.column("user list --filter 'name=\"=Asha\"'", "name").len(), 0);
        // What is deleted is referred to by deleted ones alone.
        p.run("user delete asha ravi --cascade --yes").ok();
        p.run("dept delete POLICE --yes").ok();
        let said = p.run("user list --filter department=POLICE -o key");
        assert!(said.err.contains("note: dept POLICE is deleted"), "{}", said.err);
        assert_eq!(said.ok(), "");
        assert_eq!(p.column("user list --with-deleted --filter department=POLICE", "name"), ["Asha Rao"]);
        p.run("dept create --code POL --name POLICE").ok();
        assert_eq!(p.column("user list --deleted --filter department=POL", "name"), ["Asha Rao"]);
    });
}

#[test]
fn a_comparison_that_nothing_can_meet_is_a_mistake() {
    on_both_engines_with_acme(|p| {
        company(p);
        for (list, sentence) in [
            ("user list --filter 'status>active'", "status has values without an order"),
            ("user list --filter 'gender<=male'", "gender has values without an order"),
            ("user export --filter 'can_login>=no'", "can_login has values without an order"),
            ("org list --filter 'type<startup'", "type has values without an order"),
            ("user list --filter 'status~actve'", "no value of status has 'actve' in it"),
            ("user list --filter 'gender!~mael'", "no value of gender has 'mael' in it"),
            ("user list --filter 'created>'", "the filter compares created_at with nothing"),
            ("user list --filter 'dob<'", "the filter compares dob with nothing"),
            ("user list --filter 'name~'", "the filter compares name with nothing"),
            ("user list --filter 'version>='", "the filter compares version with nothing"),
            ("audit list --since 1h --until 2h", "--until is before --since"),
            ("audit tail --since 2026-11-20 --until 2026-11-18", "--until is before --since"),
            ("audit export --since 1h --until 2h -o csv", "--until is before --since"),
            ("audit log list --since 1h --until 2h", "--until is before --since"),
        ] {
            let said = p.run(list).fails(2);
            assert!(said.contains(sentence), "{list}: {said}");
        }
        assert_eq!(p.column("user list --filter status~ACT --sort name", "name"), ["Asha Rao", "Ravi Kumar"]);
        assert_eq!(p.column("user list --filter gender= --sort name", "name"), ["Asha Rao", "Ravi Kumar"]);
        p.run("audit list --since 2026-11-20 --until 2026-11-20").ok();
        p.run("audit list --since 1h --until 1h").ok();
    });
}

#[test]
fn a_reference_in_the_past_is_the_record_then() {
    on_both_engines_with_acme(|p| {
        company(p);
        p.wait(3600);
        p.run("dept update POL --code SEC --name SECURITY").ok();
        p.run("dept create --code POL --name POLICE").ok();
        assert_eq!(p.column("user list --filter department=POLICE", "name").len(), 0);
        assert_eq!(p.column("user list --filter department=POLICE --as-of 30m", "name"), ["Asha Rao"]);
        // There was none then, but there is one: nobody was in it.
        assert_eq!(p.column("user list --filter department=SEC --as-of 30m", "name").len(), 0);
        p.run("user list --filter department=SCE --as-of 30m").fails(2);
    });
}

#[test]
fn what_nobody_means_is_a_usage_error_at_once() {
    on_both_engines_with_acme(|p| {
        company(p);
        let rows: String =
            (0..3000).map(|n| format!("{n:06},User{n} Name{n},user{n}.of.the.company@some.domain.example\n")).collect();
        let file = p.write("users.csv", format!("external_id,name,email\n{rows}"));
        p.run(&format!("user import {file}")).ok();
        let started = Instant::now();
        for c in ["a", "7", "@", "é", "a b "] {
            let long = c.repeat(10_000 / c.len());
            for words in [
                vec!["user", "show", &long],
                vec!["user", "move", "asha", "--reports-to", &long],
                vec!["user", "list", "--org", &long],
            ] {
                let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
                let said = p.run_words(&words, b"");
                assert_eq!(said.code, 3, "{}", said.err);
                assert!(said.err.len() < 400 && !said.err.contains("did you mean"), "{}", said.err);
            }
        }
        let many = |word: &str, n: usize, by: &str| vec![word; n].join(by);
        for (line, sentence) in [
            (format!("user find {}", many("w", 17, " ")), "a search takes 16 words of 200 characters together at most"),
            (format!("user find {}", "w".repeat(201)), "a search takes 16 words"),
            (format!("user list --search '{}'", many("w", 17, " ")), "a search takes 16 words"),
            (
                format!("user list --filter '{}'", many("name~x", 65, " ")),
                "the filter has 65 conditions, and may have 64",
            ),
            (
                format!("user list --filter name={}", (0..1001).map(|n| n.to_string()).collect::<Vec<_>>().join(",")),
                "the filter has 1001 values, and may have 1000",
            ),
            (format!("user list --columns {}", many("name", 101, ",")), "--columns names 101, and may name 100"),
            (format!("user list --sort {}", many("name", 17, ",")), "a list is sorted by 16 fields at most"),
            ("user list --limit 99999999999999999999".to_owned(), "write a whole number from"),
            ("user list --limit 10000001".to_owned(), "write a whole number from"),
            ("user list --limit=-1".to_owned(), "write a whole number from"),
            ("user find asha --limit 10000001".to_owned(), "write a whole number from"),
            ("user history asha --limit 10000001".to_owned(), "write a whole number from"),
            ("audit list --limit 10000001".to_owned(), "write a whole number from"),
            ("audit log list --limit 10000001".to_owned(), "write a whole number from"),
            ("audit tail --lines 99999999999".to_owned(), "write a whole number from"),
            ("branch tree --depth 99999999999".to_owned(), "write a whole number from"),
        ] {
            let said = p.run(&line).fails(2);
            assert!(said.contains(sentence), "{line}: {said}");
        }
        p.run(&format!("user list --filter 'branches={}'", many("HQ", 1000, ","))).ok();
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        p.run(&format!("user find {}", many("asha", 16, " "))).ok();
        p.run(&format!("user list --filter '{}'", many("name~a", 64, " "))).ok();
        p.run(&format!("user list --filter name={}", (0..1000).map(|n| n.to_string()).collect::<Vec<_>>().join(",")))
            .ok();
    });
}

/// What no record can have is not looked for.
#[test]
fn a_value_that_nothing_can_have_is_a_mistake() {
    on_both_engines_with_acme(|p| {
        company(p);
        p.run("user update asha --mobile '+91 98200 12345'").ok();
        for (noun, filter, sentence) in [
            ("user", "mobile=abc", "mobile must be a phone number"),
            ("user", "mobile!=12", "mobile must be a phone number"),
            ("user", "mobile=9820012345,abc", "mobile must be a phone number"),
            ("user", "mobile~abc", "no mobile has 'abc' in it"),
            ("user", "mobile!~98x", "no mobile has '98x' in it"),
            ("user", "email=foo", "email must be an e-mail address"),
            ("user", "email!=asha@a_b.com", "email must be an e-mail address"),
            ("user", "user_code=AB", "user_code must be six letters or digits"),
            ("user", "language=klingonese1", "language must be a language"),
            ("user", "timezone=Mars", "timezone must be a time zone"),
            ("branch", "phone=none", "phone must be a phone number"),
            ("branch", "email=x", "email must be an e-mail address"),
            ("org", "contact_phone=x", "contact_phone must be a phone number"),
        ] {
            for verb in ["list", "export"] {
                let said = p.run(&format!("{noun} {verb} --filter '{filter}'")).fails(2);
                let is_told = said.starts_with(&format!("error: {sentence}")) && said.contains("\nhint: ");
                assert!(is_told, "{filter}: {said}");
            }
        }
        let names = |filter: &str| p.column(&format!("user list --filter '{filter}' --sort name"), "name");
        for filter in [
            "mobile=9820012345",
            "mobile=\"098200 12345\"",
            "mobile~\"98200-12\"",
            "mobile~+91",
            "email~ASHA@X",
            "email>a",
        ] {
            assert_eq!(names(filter), ["Asha Rao"], "{filter}");
        }
        assert_eq!(names("mobile!~98200"), ["Ravi Kumar"]);
        assert_eq!(names("mobile="), ["Ravi Kumar"]);
    });
}

/// Where a flag's value is missing and any may be, no words are offered of which there are none.
#[test]
fn a_flag_without_its_value_is_told() {
    on_both_engines_with_acme(|p| {
        for (line, flag) in [
            ("user list --limit", "--limit <N>"),
            ("user create --can-login", "--can-login <yes|no>"),
            ("branch list --org", "--org <CODE>"),
        ] {
            let verb = line.split(" --").next().expect("a verb");
            assert_eq!(
                p.run(line).fails(2),
                format!(
                    "error: a value is required for '{flag}' but none was supplied\nhint: see 'orgctl {verb} --help'\n"
                )
            );
        }
        let said = p.run("audit list --status").fails(2);
        assert!(said.contains("hint: one of: success, failed, denied, interrupted\n"), "{said}");
    });
}

/// A list is a column of a file like a field, and so is whose a row is.
#[test]
fn a_mistyped_list_in_a_file_is_told() {
    on_both_engines_with_acme(|p| {
        let said = p.run_with("user import -", "name,brnches\nA B,HQ\n").fails(6);
        assert!(said.contains("did you mean branches by 'brnches'?"), "{said}");
        assert!(said.contains("register_device, relationship_ended_at, branches, roles, permissions, org\n"), "{said}");
        let said = p.run_with("user import - --map Ort=brnches", "name,Ort\nA B,HQ\n").fails(2);
        assert!(said.contains("did you mean branches?") && said.contains("roles, permissions, org\n"), "{said}");
        let said = p.run_with("org import -", "code,nmae\nX,Y\n").fails(6);
        assert!(said.contains("did you mean name by 'nmae'?") && !said.contains(", org\n"), "{said}");
    });
}
