//! A key that somebody else had before means who has it now; of those that are gone each is known by its id.

use std::process::Stdio;

use serde_json::Value as Json;

use crate::harness::{TestEnv, on_both_engines_with_acme};

fn id(p: &TestEnv, line: &str) -> String {
    p.json(line)["id"].as_str().expect("an id").to_owned()
}

/// Ravi is deleted, and Asha gets his address and his name to sign in with; their ids.
fn ravi_then_asha(p: &TestEnv) -> (String, String) {
    ravi_then_asha_in(p, "ACME")
}

fn ravi_then_asha_in(p: &TestEnv, org: &str) -> (String, String) {
    let run = |line: &str| p.run(&format!("{line} --org {org}")).ok();
    run("user create --name 'Ravi Kumar' --email desk@x.example --username desk --designation Clerk");
    let ravi = id(p, &format!("user show desk --org {org}"));
    run("user update desk --designation Manager");
    run("user delete desk --yes");
    run("user create --name 'Asha Rao' --email desk@x.example --username desk");
    (ravi, id(p, &format!("user show desk --org {org}")))
}

fn ids(p: &TestEnv, line: &str) -> Vec<String> {
    let mut ids = p.column(line, "resource_id");
    ids.dedup();
    ids
}

#[test]
fn a_key_used_again_means_who_lives_under_it() {
    on_both_engines_with_acme(|p| {
        let (ravi, asha) = ravi_then_asha(p);
        for key in ["desk@x.example", "desk"] {
            assert_eq!(ids(p, &format!("user history {key}")), [asha.as_str()], "{key}");
            assert_eq!(ids(p, &format!("audit list --resource user --key {key}")), [asha.as_str()], "{key}");
            assert_eq!(ids(p, &format!("audit tail --resource user --key {key}")), [asha.as_str()], "{key}");
            let dossier: Json = p.run(&format!("user dossier {key}")).json();
            assert_eq!(dossier["user"]["id"], asha.as_str());
            let text = dossier.to_string();
            assert!(!text.contains("Ravi") && !text.contains("Clerk") && !text.contains(&ravi), "{text}");
            let diff = p.run(&format!("audit diff --from 2026-11-21 --resource user --key {key} -o json")).json();
            assert_eq!((&diff[0]["resource_id"], &diff[0]["change"]), (&asha.as_str().into(), &"created".into()));
        }
        // With the deleted ones: everybody who had it, the live one first.
        let both = p.run("user show desk --with-deleted -o json").json();
        let both: Vec<&str> = both.as_array().expect("a list").iter().filter_map(|r| r["id"].as_str()).collect();
        assert_eq!(both, [asha.as_str(), ravi.as_str()]);
        // By the id, the one that is gone.
        assert_eq!(p.column(&format!("user history {ravi}"), "action"), ["create", "update", "delete"]);
        assert_eq!(p.run(&format!("user dossier {ravi}")).json()["user"]["designation"], "Manager");
        // The living are not erased, and the hint names whom else the key may have meant.
        let said = p.run("audit erase --subject desk --yes").fails(4);
        assert!(
            said.contains("(Asha Rao) is still there")
                && said.contains(&format!("by the id: {ravi} (deleted 2026-11-21T")),
            "{said}"
        );
        p.run(&format!("user purge {ravi} --yes")).ok();
        assert_eq!(ids(p, "user history desk"), [asha.as_str()]);
        let said = p.run("audit erase --subject desk@x.example --yes").fails(4);
        assert!(said.contains(&format!("by the id: {ravi} (purged 2026-11-21T")), "{said}");
        p.run("audit verify --deep").ok();
    });
}

/// What is for the deleted alone never takes one where somebody lives under the key, in whatever field he or she has it.
#[test]
fn nobody_is_purged_or_restored_by_a_key_that_another_has_now() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code OTHER --name Other").ok();
        let (ravi, asha) = ravi_then_asha_in(p, "ACME");
        p.run("org delete OTHER --yes").ok();
        p.run("org create --code OTHER --name New").ok();
        p.run("branch create --org ACME --code B1 --name Old").ok();
        p.run("dept create --org ACME --code D1 --name Old").ok();
        let branch = id(p, "branch show B1 --org ACME");
        let dept = id(p, "dept show D1 --org ACME");
        p.run("branch delete B1 --org ACME --yes").ok();
        p.run("dept delete D1 --org ACME --yes").ok();
        p.run("branch create --org ACME --code B1 --name New").ok();
        // What was one's code is another's name.
        p.run("dept create --org ACME --code D2 --name D1").ok();
        for (noun, key, dead) in [
            ("user", "desk", &ravi),
            ("user", "desk@x.example", &ravi),
            ("branch", "B1", &branch),
            ("dept", "D1", &dept),
        ] {
            for verb in ["purge", "restore"] {
                let before = p.audit_records();
                let said = p.run(&format!("{noun} {verb} {key} --org ACME --yes")).fails(4);
                assert!(said.contains(&format!(" has the key {key}, and is not deleted\n")), "{said}");
                assert!(
                    said.contains(&format!("the deleted {noun} is named by the id: {dead} (deleted 2026-")),
                    "{said}"
                );
                p.run(&format!("{noun} {verb} {key} --org ACME --yes --dry-run")).fails(4);
                assert_eq!(p.audit_records(), before + 1, "the refusal alone: {noun} {verb}");
                let last = p.json("audit list --org ACME --limit 1")[0].clone();
                assert_eq!((&last["action"], &last["resource"]), (&verb.into(), &noun.into()));
                assert_ne!(last["resource_id"], dead.as_str(), "about the one who is there");
            }
        }
        let said = p.run("org purge OTHER --yes").fails(4);
        assert!(said.starts_with("error: org OTHER has the key OTHER, and is not deleted\n"), "{said}");
        // A live one alone is to be deleted first.
        p.run("branch create --org ACME --code B9 --name Nine").ok();
        let said = p.run("branch purge B9 --org ACME --yes").fails(3);
        assert!(
            said.contains("branch B9 in ACME is not deleted\nhint: 'orgctl branch delete B9 --org ACME'"),
            "{said}"
        );
        // An id is nobody else's key.
        p.run(&format!("user update {asha} --org ACME --external-id {ravi}")).ok();
        assert_eq!(p.run(&format!("user dossier {ravi} --org ACME")).json()["user"]["designation"], "Manager");
        assert!(p.run(&format!("user block {ravi} --org ACME --reason x")).fails(3).contains("is deleted"));
        for (noun, dead) in [("user", &ravi), ("branch", &branch), ("dept", &dept)] {
            p.run(&format!("{noun} purge {dead} --org ACME --yes")).ok();
        }
        assert_eq!(p.json("user show desk --org ACME")["id"], asha.as_str());
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn a_key_means_in_the_past_who_had_it_then() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Ravi Kumar' --email desk@x.example").ok();
        p.wait(3600);
        p.run("user delete desk@x.example --yes").ok();
        p.wait(3600);
        p.run("user create --name 'Asha Rao' --email desk@x.example").ok();
        p.wait(60);
        assert_eq!(p.json("user show desk@x.example")["name"], "Asha Rao");
        assert_eq!(p.json("user show desk@x.example --as-of 2h")["name"], "Ravi Kumar");
        // Between the two nobody lived under it.
        p.run("user show desk@x.example --as-of 30m").fails(3);
        assert_eq!(p.json("user show desk@x.example --as-of 30m --with-deleted")["status"], "deleted");
    });
}

/// What is asked of the trail until a time is about who had the key then.
#[test]
fn a_search_of_the_past_is_about_who_had_the_key_then() {
    on_both_engines_with_acme(|p| {
        for (noun, create) in [
            ("user", "user create --email desk@x.example --name"),
            ("branch", "branch create --code desk@x.example --name"),
            ("dept", "dept create --code D1 --name"),
        ] {
            let create = create.replace("desk@x.example", if noun == "user" { "desk@x.example" } else { "B1" });
            let key = create.split(' ').nth(3).expect("a key");
            let run = |line: String| p.run(&line).ok();
            let then =
                |ago: &str, flag: &str| ids(p, &format!("audit list --resource {noun} --key {key} {flag} {ago}"));
            run(format!("{create} 'Ravi Kumar'"));
            let ravi = id(p, &format!("{noun} show {key}"));
            p.wait(3600);
            run(format!("{noun} delete {key} --yes"));
            p.wait(3600);
            run(format!("{create} 'Asha Rao'"));
            let asha = id(p, &format!("{noun} show {key}"));
            p.wait(60);
            assert_eq!(then("", ""), [asha.as_str()]);
            assert_eq!(then("90m", "--until"), [ravi.as_str()]);
            // Between the two it was his who was deleted; and an id is nobody else's.
            assert_eq!(then("30m", "--until"), [ravi.as_str()]);
            assert_eq!(ids(p, &format!("audit list --resource {noun} --key {ravi} --until 90m")), [ravi.as_str()]);
            let diff = |flags: &str| -> Vec<(Json, Json)> {
                let told = p.json(&format!("audit diff --resource {noun} --key {key} {flags}"));
                let told = told.as_array().expect("a list").iter();
                told.map(|d| (d["resource_id"].clone(), d["change"].clone())).collect()
            };
            let one = |id: &str, change: &str| vec![(Json::from(id), Json::from(change))];
            assert_eq!(diff("--from 3h --to 90m"), one(&ravi, "created"), "{noun}");
            assert_eq!(diff("--from 90m --to 30m"), one(&ravi, "deleted"), "{noun}");
            assert_eq!(diff("--from 90m"), one(&asha, "created"), "{noun}");
            // Nobody had it yet: today's holder is meant, of whom nothing is told.
            assert_eq!(diff("--from 4h --to 3h"), []);
        }
    });
}

#[test]
fn of_several_that_are_gone_none_is_guessed() {
    on_both_engines_with_acme(|p| {
        let mut gone = Vec::new();
        for name in ["First", "Second"] {
            p.run(&format!("branch create --code X1 --name {name}")).ok();
            gone.push(id(p, "branch show X1"));
            p.wait(60);
            p.run("branch delete X1 --yes").ok();
        }
        for line in ["branch history X1", "branch purge X1 --yes", "audit diff --from 7d --resource branch --key X1"] {
            let said = p.run(line).fails(4);
            assert!(said.contains("error: several deleted branches had the key X1\n"), "{line}: {said}");
            for id in &gone {
                assert!(said.contains(&format!("{id} (deleted 2026-11-21T00:0")), "{line}: {said}");
            }
        }
        // A list tells of all, each by its id.
        let mut told = ids(p, "audit list --resource branch --key X1");
        told.sort();
        assert_eq!(told, gone);
        let table = p.run_on_terminal("audit list --resource branch --key X1", 200).ok();
        assert!(table.contains("RESOURCE_ID") || table.to_lowercase().contains("resource_id"), "{table}");
        assert_eq!(p.run("branch show X1 --with-deleted -o json").json().as_array().map(Vec::len), Some(2));
        // Bringing back takes the one that was deleted last, and says so.
        let said = p.run("branch restore X1").fails(0);
        assert!(said.starts_with(&format!("note: {} (deleted ", gone[1])) && said.contains(&gone[0]), "{said}");
        assert_eq!(p.json("branch show X1")["name"], "Second");
        // One is purged, one is deleted: still several.
        p.run("branch delete X1 --yes").ok();
        p.run(&format!("branch purge {} --yes", gone[0])).ok();
        let said = p.run("branch history X1").fails(4);
        assert!(
            said.contains(&format!("{} (purged ", gone[0])) && said.contains(&format!("{} (deleted ", gone[1])),
            "{said}"
        );
        assert_eq!(
            p.column(&format!("branch history {}", gone[0]), "action").last().map(String::as_str),
            Some("purge")
        );
    });
}

#[test]
fn a_former_key_of_a_renamed_record_is_the_new_ones() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Ravi Kumar' --email a@x.example").ok();
        let ravi = id(p, "user show a@x.example");
        p.run("user update a@x.example --email b@x.example").ok();
        p.run("user create --name 'Asha Rao' --email a@x.example").ok();
        let asha = id(p, "user show a@x.example");
        assert_eq!(ids(p, "user history a@x.example"), [asha.as_str()]);
        assert_eq!(ids(p, "user history b@x.example"), [ravi.as_str()]);
        // An address that is one's now and was another's name to sign in with.
        p.run("user delete b@x.example --yes").ok();
        assert_eq!(p.run("user dossier a@x.example").json()["user"]["name"], "Asha Rao");
    });
}

#[test]
fn a_code_of_several_dead_organisations_is_named_by_number() {
    on_both_engines_with_acme(|p| {
        for _ in 0..2 {
            p.run("org create --code OLD --name Old").ok();
            p.run("org delete OLD --yes").ok();
        }
        let said = p.run("audit list --org OLD").fails(4);
        assert!(said.contains("several organisations had the code OLD") && said.contains("#2 (deleted 2026"), "{said}");
        assert_eq!(p.column("audit list --org '#2'", "action"), ["delete", "create"]);
        p.run("org create --code OLD --name New").ok();
        assert_eq!(p.column("audit list --org OLD", "action"), ["create"]);
        assert_eq!(p.column("org history OLD", "action"), ["create"]);
    });
}

/// A user and a duplicate that was merged into her, with keys of its own.
fn merged(p: &TestEnv) {
    p.run("user create --user-code ASHA22 --name 'Asha Rao' --email asha@x.example --username asha").ok();
    p.run("user create --user-code DUPL22 --name 'A Rao' --email a.rao@x.example --username arao --external-id EMP7")
        .ok();
    p.run("user merge DUPL22 ASHA22 --yes").ok();
}

const FORMER: [&str; 4] = ["email:a.rao@x.example", "external_id:EMP7", "user_code:DUPL22", "username:arao"];

/// A value as a field keeps it.
fn kept(column: &str, value: &str) -> String {
    match column {
        "user_code" => value.to_uppercase(),
        "username" => value.to_lowercase(),
        _ => value.to_owned(),
    }
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn what_a_duplicate_was_called_means_who_stays() {
    on_both_engines_with_acme(|p| {
        merged(p);
        assert_eq!(p.column("former-key list --sort key", "key"), FORMER);
        for key in ["DUPL22", "a.rao@x.example", "ARAO", "emp7"] {
            assert_eq!(p.json(&format!("user show {key}"))["user_code"], "ASHA22", "{key}");
        }
        // Whoever is asked for by it is she, in references, filters and history too.
        p.run("dept create --name Sales --manager arao").ok();
        assert_eq!(p.json("dept show Sales")["manager"], "ASHA22");
        assert_eq!(p.column("dept list --filter manager=EMP7", "name"), ["Sales"]);
        p.run("user update a.rao@x.example --designation Clerk").ok();
        assert_eq!(p.json("user show asha")["designation"], "Clerk");
        let history = p.run("user history emp7 -o ndjson").ok();
        assert!(history.contains("former-key") && history.contains("Clerk"), "{history}");
        let csv = p.write("depts.csv", "name,manager\nTax,arao\n");
        p.run(&format!("dept import {csv}")).ok();
        assert_eq!(p.json("dept show Tax")["manager"], "ASHA22");
        // The duplicate is there, among the deleted.
        assert_eq!(p.column("user list --deleted", "user_code"), ["DUPL22"]);
        for key in ["username:ARAO", "external_id:emp7", "email:A.Rao@X.example"] {
            p.run(&format!("former-key exists {key}")).ok();
        }
        let one = p.json("former-key show user_code:dupl22");
        assert_eq!(
            (&one["user"], &one["field"], &one["value"]),
            (&"ASHA22".into(), &"user_code".into(), &"DUPL22".into())
        );
        all_is_well(p);
    });
}

#[test]
fn a_former_key_is_taken_until_it_is_removed() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("user create --user-code RAV222 --name Ravi --username ravi").ok();
        for (flag, value, key) in [
            ("user-code", "DUPL22", "user_code:DUPL22"),
            ("email", "A.Rao@x.example", "email:a.rao@x.example"),
            ("username", "arao", "username:arao"),
            ("external-id", "Emp7", "external_id:EMP7"),
        ] {
            for line in [
                format!("user create --name Other --{flag} {value}"),
                format!("user create --name Other --{flag} {value} --dry-run"),
                format!("user update ravi --{flag} {value}"),
            ] {
                let said = p.run(&line).fails(4);
                assert!(said.contains("merged into user ASHA22 (Asha Rao)"), "{line}: {said}");
                assert!(said.contains(&format!("'orgctl former-key remove {key}'")), "{line}: {said}");
            }
        }
        let column = p.write("new.csv", "user_code,name,username\nNEW222,New,arao\n");
        let said = p.run(&format!("user import {column}")).fails(6);
        assert!(said.contains("merged into user ASHA22") && said.contains("former-key remove username:arao"), "{said}");
        // As the key that rows are known by, it stands for her, who keeps her own.
        for (column, value) in [("user_code", "dupl22"), ("external_id", "EMP7"), ("username", "ARAO")] {
            let again = p.write("again.csv", format!("{column},name,designation\n{value},Asha Rao,{column}\n"));
            let line = format!("user import {again} --key {column}");
            let said = p.run(&line).fails(6);
            let told =
                format!("user {} was merged into user ASHA22 (Asha Rao), which exists already", kept(column, value));
            assert!(said.contains(&told), "{said}");
            p.run(&format!("{line} --on-conflict update")).ok();
            let now = p.json("user show ASHA22");
            assert_eq!((&now["designation"], &now["username"]), (&column.into(), &"asha".into()));
            assert_eq!(now["external_id"], Json::Null);
        }
        let twice = p.write("twice.csv", "user_code,name\nASHA22,Asha Rao\nDUPL22,A Rao\n");
        let said = p.run(&format!("user import {twice} --on-conflict update")).fails(6);
        assert!(said.contains("line 3") && said.contains("stands in the file already"), "{said}");
        assert_eq!(p.column("former-key list --sort key", "key"), FORMER);
        // Freed, it is anybody's; it asks first.
        p.run("former-key remove username:arao").fails(2);
        p.run("former-key remove username:arao --yes").ok();
        p.run("user show arao").fails(3);
        p.run("user update ravi --username arao").ok();
        assert_eq!(p.json("user show arao")["user_code"], "RAV222");
        assert_eq!(p.column("former-key list --sort key", "key"), FORMER[..3]);
        all_is_well(p);
    });
}

/// Nobody makes or changes one by hand.
#[test]
fn former_keys_are_made_by_merges_alone() {
    on_both_engines_with_acme(|p| {
        merged(p);
        for line in ["create", "update username:arao", "import x.csv", "deactivate username:arao"] {
            p.run(&format!("former-key {line}")).fails(2);
        }
        assert_eq!(p.column("former-key history username:arao", "action"), ["create"]);
        assert!(p.run("former-key export -o csv").ok().contains("arao"));
    });
}

#[test]
fn a_duplicate_that_comes_back_has_its_keys_again() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("user create --user-code LAST22 --name 'Last Rao' --username last").ok();
        p.run("user merge ASHA22 LAST22 --yes").ok();
        // What the first duplicate was called is carried on.
        for key in ["arao", "asha", "EMP7", "ASHA22"] {
            assert_eq!(p.json(&format!("user show {key}"))["user_code"], "LAST22", "{key}");
        }
        p.run("user restore ASHA22").ok();
        assert_eq!(p.column("former-key list --sort key --filter user=ASHA22", "key"), FORMER);
        assert_eq!(p.column("former-key list --filter user=LAST22", "key"), Vec::<String>::new());
        assert_eq!(p.json("user show asha")["user_code"], "ASHA22");
        assert_eq!(p.json("user show arao")["user_code"], "ASHA22");
        p.run("user restore DUPL22").ok();
        assert_eq!(p.column("former-key list", "key"), Vec::<String>::new());
        assert_eq!(p.json("user show arao")["user_code"], "DUPL22");
        all_is_well(p);
        // And again, by hand.
        p.run("user merge DUPL22 ASHA22 --yes").ok();
        assert_eq!(p.column("former-key list --sort key", "key"), FORMER);
        all_is_well(p);
    });
}

/// They go with their person, and return with him or her where nobody has them meanwhile.
#[test]
fn former_keys_go_with_their_person() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("user delete ASHA22 --yes").ok();
        assert_eq!(p.column("former-key list", "key"), Vec::<String>::new());
        p.run("user create --user-code NEW222 --name New --username arao").ok();
        let said = p.run("user restore ASHA22").fails(4);
        assert!(said.contains("username:arao") && said.contains("user NEW222 (New)"), "{said}");
        p.run("user update NEW222 --username other").ok();
        p.run("user restore ASHA22").ok();
        assert_eq!(p.column("former-key list --sort key", "key"), FORMER);
        assert!(p.run("user update NEW222 --username arao").fails(4).contains("user ASHA22 (Asha Rao)"));
        // Neither does undoing take it.
        let seq = p.column("user history NEW222", "seq");
        let said = p.run(&format!("audit revert {} --yes", seq[1])).fails(4);
        assert!(said.contains("merged into user ASHA22 (Asha Rao)"), "{said}");
        all_is_well(p);
        p.run("user delete ASHA22 --yes").ok();
        p.run("user purge ASHA22 --yes").ok();
        assert_eq!(p.column("former-key list --with-deleted", "key"), Vec::<String>::new());
        all_is_well(p);
    });
}

#[test]
fn a_check_finds_a_live_key_that_is_a_former_one() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("user create --user-code RAV222 --name Ravi --username ravi").ok();
        p.sql("update users set username = 'arao' where user_code = 'RAV222'").expect("an update");
        let said = p.run("db check");
        assert_eq!(said.code, 8, "{}", said.err);
        assert_eq!(said.out, "former-key username:arao is a key that user RAV222 has\n");
    });
}

#[test]
fn a_former_key_means_in_the_past_who_had_it_then() {
    on_both_engines_with_acme(|p| {
        p.run("user create --user-code DUPL22 --name 'A Rao' --username arao").ok();
        p.run("user create --user-code ASHA22 --name 'Asha Rao' --username asha").ok();
        p.wait(3600);
        p.run("user merge DUPL22 ASHA22 --yes").ok();
        p.wait(3600);
        p.run("former-key delete username:arao --yes").ok();
        p.wait(60);
        assert_eq!(p.json("user show arao --as-of 90m")["user_code"], "DUPL22");
        assert_eq!(p.json("user show arao --as-of 30m")["user_code"], "ASHA22");
        p.run("user show arao").fails(3);
    });
}

/// They are told as they were written, and compared as keys are.
#[test]
fn a_former_key_is_told_as_it_was_written() {
    on_both_engines_with_acme(|p| {
        p.run("user create --user-code ASHA22 --name Asha").ok();
        p.run("user create --user-code DUPL22 --name Asha --email A.Rao@BÜRO.example --external-id ＥＭＰ-7é").ok();
        p.run("user merge DUPL22 ASHA22 --yes").ok();
        assert_eq!(
            p.column("former-key list --sort key --filter field!=user_code", "value"),
            ["a.rao@büro.example", "ＥＭＰ-7é"]
        );
        for key in ["a.rao@büro.example", "A.RAO@xn--bro-hoa.example", "emp-7é", "EMP-7É"] {
            assert_eq!(p.json(&format!("user show {key}"))["user_code"], "ASHA22", "{key}");
        }
        p.run("user create --name Other --external-id emP-7É").fails(4);
        // A mark tells another one.
        p.run("user create --name Other --external-id EMP-7e").ok();
        all_is_well(p);
    });
}

/// Who stayed may have what the duplicate was called for her own: then it is no former key any more.
#[test]
fn who_stayed_takes_a_former_key_for_her_own() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("user update ASHA22 --username ARao").ok();
        assert_eq!(p.column("former-key list --sort key", "key"), FORMER[..3]);
        assert_eq!(p.json("user show arao")["username"], "arao");
        p.run("user show asha").fails(3);
        let csv = p.write("own.csv", "user_code,external_id\nASHA22,emp7\n");
        p.run(&format!("user import {csv} --on-conflict update --dry-run")).ok();
        p.run(&format!("user import {csv} --on-conflict update")).ok();
        assert_eq!(p.column("former-key list --sort key", "key"), [FORMER[0], FORMER[2]]);
        assert_eq!(p.json("user show EMP7")["external_id"], "emp7");
        // The duplicate can't come back under it.
        let said = p.run("user restore DUPL22").fails(4);
        assert!(said.contains("its key was taken meanwhile"), "{said}");
        assert_eq!(p.column("former-key list --sort key", "key"), [FORMER[0], FORMER[2]]);
        all_is_well(p);
    });
}

#[test]
fn a_removed_former_key_can_be_brought_back() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("former-key remove email:a.rao@x.example --yes").ok();
        p.run("former-key remove username:arao --yes").ok();
        assert_eq!(p.column("former-key list --deleted --sort key", "key"), [FORMER[0], FORMER[3]]);
        // Both ways of undoing it are told.
        let seq = p.column("former-key history username:arao", "seq");
        let said = p.run(&format!("audit revert {}", seq[1])).fails(2);
        assert!(said.contains("orgctl former-key restore username:arao"), "{said}");
        p.run("former-key restore username:arao").ok();
        assert_eq!(p.json("user show arao")["user_code"], "ASHA22");
        let said = p.run(&format!("audit revert {}", seq[0])).fails(2);
        assert!(said.contains("orgctl former-key delete username:arao"), "{said}");
        // Who took the other one has it.
        p.run("user create --user-code NEW222 --name New --email A.RAO@x.example").ok();
        let said = p.run("former-key restore email:a.rao@x.example").fails(4);
        assert!(said.contains("is a key of user NEW222 (New)"), "{said}");
        // One that the duplicate has again is nobody else's.
        p.run("user update NEW222 --email new@x.example").ok();
        p.run("user restore DUPL22").ok();
        p.run("user update DUPL22 --username other").ok();
        let said = p.run("former-key restore username:arao").fails(4);
        assert!(said.contains("username:arao was a key of user DUPL22 (A Rao), who is back"), "{said}");
        p.run("former-key purge username:arao --yes").ok();
        assert_eq!(p.column("former-key list --deleted --filter field=username", "key"), Vec::<String>::new());
        all_is_well(p);
    });
}

/// They are keys of who stayed: what becomes of the record of the duplicate is nothing to them.
#[test]
fn former_keys_outlive_the_duplicate() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("user purge DUPL22 --yes").ok();
        assert_eq!(p.column("former-key list --sort key", "key"), FORMER);
        assert_eq!(p.json("user show arao")["user_code"], "ASHA22");
        p.run("user create --name Other --username arao").fails(4);
        assert!(p.run("former-key show username:arao").ok().contains("ASHA22"));
        all_is_well(p);
    });
}

/// The duplicate came back while who stayed was away: that one returns without what is not hers any more.
#[test]
fn who_returns_after_the_duplicate_leaves_it_its_keys() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("user delete ASHA22 --yes").ok();
        p.run("user restore DUPL22").ok();
        p.run("user restore ASHA22").ok();
        assert_eq!(p.column("former-key list", "key"), Vec::<String>::new());
        assert_eq!(p.column("user list --sort user_code", "username"), ["asha", "arao"]);
        all_is_well(p);
    });
}

/// A code that is made is not one that means somebody.
#[test]
fn no_code_is_made_that_is_a_former_one() {
    on_both_engines_with_acme(|p| {
        p.run("user create --user-code ASHA22 --name 'Asha Rao'").ok();
        p.run("user create --name First").ok();
        let next = || {
            let told = p.run("user create --name Next --dry-run");
            told.err.split(' ').nth(2).expect("created user CODE").to_owned()
        };
        for how in ["one", "file"] {
            let code = next();
            p.run(&format!("user create --user-code {code} --name 'A Rao'")).ok();
            p.run(&format!("user merge {code} ASHA22 --yes")).ok();
            match how {
                "one" => p.run("user create --name New").ok(),
                _ => p.run_with("user import -", "name,username\nNew,new2\n").ok(),
            };
            let codes = p.column("user list --filter name=New", "user_code");
            assert!(!codes.contains(&code), "{how}: {codes:?} {code}");
        }
        assert_eq!(p.column("former-key list", "key").len(), 2);
        all_is_well(p);
    });
}

#[test]
fn a_former_key_is_one_of_its_organisation() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("org create --code OTHER --name Other").ok();
        p.run("user create --org OTHER --user-code OTH222 --name Other --username arao --email a.rao@x.example").ok();
        let csv = p.write("other.csv", "user_code,name,external_id\nDUPL22,Another,EMP7\n");
        p.run(&format!("user import {csv} --org OTHER")).ok();
        p.run("dept create --org OTHER --name Sales --manager DUPL22").ok();
        assert_eq!(p.json("user show arao --org ACME")["user_code"], "ASHA22");
        assert_eq!(p.json("user show arao --org OTHER")["user_code"], "OTH222");
        assert_eq!(p.json("dept show Sales --org OTHER")["manager"], "DUPL22");
        all_is_well(p);
    });
}

/// Two people merge the same duplicate into two others, while others ask for what it is called: at no moment is that free.
#[test]
fn a_key_is_not_free_while_its_record_is_merged() {
    on_both_engines_with_acme(|p| {
        merged(p);
        p.run("user create --user-code DUPM22 --name 'A Rao' --username dup --external-id D1").ok();
        p.run("user create --user-code LAST22 --name 'Last Rao'").ok();
        let lines = [
            "user create --name Other --username DUP",
            "user merge DUPM22 ASHA22 --yes",
            "user create --name Other --external-id d1",
            "user merge DUPM22 LAST22 --yes",
            "user create --name Other --user-code DUPM22",
            "user update LAST22 --username arao",
        ];
        let run = |line: &&str| {
            let mut process = p.spawn(line);
            process.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("orgctl runs")
        };
        let running: Vec<_> = lines.iter().map(run).collect();
        let codes: Vec<_> = running.into_iter().map(|mut c| c.wait().expect("an end").code()).collect();
        let merges = [codes[1], codes[3]];
        assert_eq!(merges.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
        assert_eq!([codes[0], codes[2], codes[4], codes[5]], [Some(4); 4], "{codes:?}");
        // One that comes late does not merge who stayed in the place of the duplicate.
        let said = p.run("user merge dup LAST22 --yes");
        assert!(
            said.err.contains("both keys name") || said.err.contains("user dup was merged into user ASHA22"),
            "{said:?}"
        );
        let keys = p.column("former-key list --sort key", "key");
        let new = keys.iter().filter(|key| !FORMER.contains(&key.as_str())).collect::<Vec<_>>();
        assert_eq!(new, ["external_id:D1", "user_code:DUPM22", "username:dup"]);
        all_is_well(p);
    });
}
