//! What joins two records is made and taken away at the noun of one of them, item first: `specialty assign ECON asha`.

use orgctl::cli::program::Program;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme as both};
use crate::terminal::{at_terminal, ends};

/// Consultants and what they may know about.
fn filled(p: &TestEnv) {
    for code in ["ECON", "TAX"] {
        p.run(&format!("specialty create --code {code} --name {code}")).ok();
    }
    for (code, name) in [("ASHA22", "asha"), ("RAV222", "ravi"), ("MEE222", "meena")] {
        p.run(&format!("user create --user-code {code} --name {name} --username {name}")).ok();
    }
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn an_item_is_given_to_many_and_taken_back() {
    both(|p| {
        filled(p);
        let records = p.audit_records();
        let dry = p.run("specialty assign ECON asha ravi --dry-run");
        assert!(dry.err.contains("dry run: nothing was changed"), "{}", dry.err);
        assert_eq!((dry.code, p.audit_records()), (0, records));

        let said = p.run("specialty assign ECON asha RAV222 asha");
        assert!(said.err.contains("created consultant-specialty ECON:ASHA22 in ACME\n"), "{}", said.err);
        assert!(said.err.contains("2 created, 0 unchanged"), "{}", said.err);
        said.ok();
        // What is so already is said and counted, and nothing else is done.
        let records = p.audit_records();
        let again = p.run("specialty assign econ asha ravi");
        assert!(
            again.err.contains("consultant-specialty ECON:RAV222 is there already; nothing was changed"),
            "{}",
            again.err
        );
        assert!(again.err.contains("0 created, 2 unchanged"), "{}", again.err);
        assert_eq!((again.code, p.audit_records()), (0, records));
        let both = p.run("specialty assign ECON meena asha -o json").json();
        assert_eq!(both.as_array().map(Vec::len), Some(2));
        assert_eq!((both[0]["key"].as_str(), both[0]["user"].as_str()), (Some("ECON:MEE222"), Some("MEE222")));
        assert_eq!(
            p.run("consultant-specialty list --sort key -o key").ok(),
            "ECON:ASHA22\nECON:MEE222\nECON:RAV222\n"
        );
        assert_eq!(p.column("consultant-specialty history ECON:asha", "action"), ["create"]);
        assert_eq!(p.column("consultant-specialty list --filter user=ravi", "specialty"), ["ECON"]);

        // Who has none of it is named, and nothing is taken from the others.
        p.run("specialty unassign ECON ravi --yes").ok();
        let said = p.run("specialty unassign ECON asha ravi --yes").fails(3);
        assert!(
            said.contains("there is no consultant specialty of specialty ECON and user RAV222 (ravi)")
                && said.contains("'orgctl consultant-specialty list --filter specialty=ECON' shows all"),
            "{said}"
        );
        p.run("consultant-specialty exists ECON:asha").ok();
        // It asks as a delete does, and says what it would do.
        let asks = p.run("specialty unassign ECON asha").fails(2);
        assert!(asks.contains("--yes") && asks.contains("delete consultant-specialty ECON:ASHA22"), "{asks}");
        let dry = p.run("specialty unassign ECON asha --dry-run");
        assert!(dry.err.contains("deleted consultant-specialty ECON:ASHA22"), "{}", dry.err);
        let gone = p.run("specialty unassign ECON asha --yes -o json").json();
        assert!(gone["key"] == "ECON:ASHA22" && !gone["deleted_at"].is_null(), "{gone}");
        assert_eq!(p.column("consultant-specialty list", "key"), ["ECON:MEE222"]);
        p.run("consultant-specialty restore ECON:ASHA22").ok();
        // Given again, it is another one.
        p.run("specialty unassign ECON asha --yes").ok();
        p.run("specialty assign ECON asha").ok();
        assert_eq!(p.column("consultant-specialty list --with-deleted --filter user=asha", "key"), ["ECON:ASHA22"; 2]);
        all_is_well(p);
    });
}

#[test]
fn others_come_from_standard_input_or_one_by_one() {
    both(|p| {
        filled(p);
        let keys = p.run("user list --sort user_code -o key").ok();
        p.run_with("specialty assign TAX -", keys).ok();
        assert_eq!(p.column("consultant-specialty list --sort key", "key"), ["TAX:ASHA22", "TAX:MEE222", "TAX:RAV222"]);
        assert!(p.run("specialty assign TAX asha nobody").fails(3).contains("user nobody does not exist in ACME"));
        assert!(p.run("specialty assign GEO asha").fails(3).contains("specialty GEO does not exist"));
        let part = p.run("specialty assign ECON asha nobody ravi --keep-going -o json");
        let told = part.json();
        assert_eq!(part.code, 7);
        assert_eq!(
            (told[0]["key"].as_str(), told[1]["error"]["kind"].as_str()),
            (Some("ECON:ASHA22"), Some("not_found"))
        );
        assert_eq!(told[2]["key"], "ECON:RAV222");
        p.run("specialty assign TAX").fails(2);
        p.run("specialty assign TAX asha --columns nosuch").fails(2);
        // What is not in use is given to nobody, unless that is said.
        p.run("specialty create --code OLD --name Old").ok();
        p.run("specialty deactivate OLD").ok();
        assert!(p.run("specialty assign OLD asha").fails(4).contains("OLD"));
        p.run("specialty assign OLD asha --force").ok();
        all_is_well(p);
    });
}

/// As many as are named are looked up and made together, those that are there among them.
#[test]
fn an_item_is_given_to_a_crowd() {
    both(|p| {
        filled(p);
        let rows: String = (0..700).map(|n| format!("U{n},u{n}\n")).collect();
        p.run_with("user import -", format!("name,username\n{rows}")).ok();
        p.run("specialty assign ECON u3 u650").ok();
        let keys: String = (0..700).map(|n| format!("u{n}\n")).collect();
        let said = p.run_with("specialty assign ECON - -q --columns user -o csv", &keys).ok();
        assert_eq!(said.lines().count(), 701);
        assert_eq!(p.column("consultant-specialty list --all", "key").len(), 700);
        let again = p.run_with("specialty assign ECON -", &keys);
        assert!(again.err.contains("0 created, 700 unchanged"), "told");
        let nobody = p.run_with("specialty assign ECON -", format!("{keys}nobody\n"));
        assert!(nobody.fails(3).contains("user nobody does not exist in ACME"));
        p.run_with("specialty unassign ECON - --yes", &keys).ok();
        assert_eq!(p.column("consultant-specialty list", "key"), Vec::<String>::new());
        all_is_well(p);
    });
}

/// It is its user's data, and goes and returns with him or her; the specialty is protected by it.
#[test]
fn a_link_lives_with_what_it_joins() {
    both(|p| {
        filled(p);
        for line in ["ECON asha ravi", "TAX ravi"] {
            p.run(&format!("specialty assign {line}")).ok();
        }
        assert!(p.run("specialty delete TAX --yes").fails(4).contains("TAX:RAV222"), "protected");
        p.run("user delete ravi --yes").ok();
        assert_eq!(p.column("consultant-specialty list", "key"), ["ECON:ASHA22"]);
        p.run("user restore ravi").ok();
        assert_eq!(p.column("consultant-specialty list --filter user=ravi --sort key", "specialty"), ["ECON", "TAX"]);
        let dossier = p.json("user dossier ravi").to_string();
        assert!(dossier.contains("TAX:RAV222"), "{dossier}");
        assert!(p.run("user history ravi -o ndjson").ok().contains("consultant-specialty"), "his data");
        // What both have stays with the one who stays.
        let kept = p.json("consultant-specialty show ECON:asha")["id"].clone();
        p.run("user merge ravi asha --yes").ok();
        assert_eq!(p.column("consultant-specialty list --sort key", "key"), ["ECON:ASHA22", "TAX:ASHA22"]);
        assert_eq!(p.json("consultant-specialty show ECON:asha")["id"], kept);
        p.run("user delete asha --yes").ok();
        p.run("user purge asha --yes").ok();
        assert_eq!(
            p.column("consultant-specialty list --with-deleted --filter specialty=TAX", "key"),
            Vec::<String>::new()
        );
        p.run("specialty delete TAX --yes").ok();
        all_is_well(p);
    });
}

/// Whose a link is does not change: what was recorded of it would be about two people.
#[test]
fn a_link_stays_with_whom_it_is_about() {
    both(|p| {
        filled(p);
        p.run("specialty assign ECON asha").ok();
        // No flag, no line of the form and no help offers it.
        let said = p.run("consultant-specialty update ECON:asha --user ravi").fails(2);
        assert!(said.contains("unexpected argument '--user'"), "{said}");
        assert!(!p.run("consultant-specialty update --help").ok().contains("--user"));
        assert!(p.run("consultant-specialty update ECON:asha").fails(2).contains("hint: say what: --specialty\n"));
        let editor = |command: &str| {
            let mut env = p.env.clone();
            env.extend(
                [("EDITOR", command), ("PATH", &std::env::var("PATH").expect("a path"))]
                    .map(|(n, v)| (n.into(), v.into())),
            );
            env
        };
        let form = p.run_with_env("consultant-specialty update ECON:asha --edit", &editor("sed -i /^user/q1"), false);
        assert_eq!(form.code, 0, "{}", form.err);
        let form = p.run_with_env(
            "consultant-specialty update ECON:asha --edit",
            &editor(r#"sed -i '$auser = "ravi"'"#),
            false,
        );
        assert!(form.fails(6).contains("there is no field 'user' in this form"));
        p.run("consultant-specialty update ECON:asha --specialty TAX").ok();
        all_is_well(p);
    });
}

/// What went with one end waits for the other, where that went too, and keeps nobody else from coming back.
#[test]
fn a_link_waits_for_both_ends() {
    both(|p| {
        filled(p);
        p.run("specialty assign ECON asha ravi").ok();
        let said = p.run("specialty delete ECON --yes").fails(4);
        assert!(said.contains("2 consultant specialties (specialty): ECON:ASHA22, ECON:RAV222 depend on it"), "{said}");
        p.run("specialty delete ECON --cascade --yes").ok();
        p.run("user delete asha --yes").ok();
        p.run("specialty restore ECON").ok();
        let keys = || p.run("consultant-specialty list --sort key -o key").ok();
        assert_eq!(keys(), "ECON:RAV222\n");
        p.run("user restore asha").ok();
        assert_eq!(keys(), "ECON:ASHA22\nECON:RAV222\n");
        all_is_well(p);
        // The other way round.
        p.run("user delete ravi --yes").ok();
        p.run("specialty delete ECON --cascade --yes").ok();
        p.run("user restore ravi").ok();
        assert_eq!(keys(), "");
        p.run("specialty restore ECON").ok();
        assert_eq!(keys(), "ECON:ASHA22\nECON:RAV222\n");
        all_is_well(p);
    });
}

/// As in a merge: who has both keeps the one that is with the item that stays.
#[test]
fn an_item_that_goes_hands_its_links_over() {
    both(|p| {
        filled(p);
        p.run("specialty create --code GEO --name Geo").ok();
        for line in ["ECON asha", "TAX asha ravi", "GEO asha ravi meena"] {
            p.run(&format!("specialty assign {line}")).ok();
        }
        let kept = p.json("consultant-specialty show ECON:asha")["id"].clone();
        let asks = p.run("specialty delete TAX GEO --reassign-to ECON").fails(2);
        assert!(
            asks.contains("delete 2 specialties and 3 consultant specialties, and change 2 consultant specialties?"),
            "{asks}"
        );
        p.run("specialty delete TAX GEO --reassign-to ECON --yes").ok();
        assert_eq!(
            p.column("consultant-specialty list --sort key", "key"),
            ["ECON:ASHA22", "ECON:MEE222", "ECON:RAV222"]
        );
        assert_eq!(p.json("consultant-specialty show ECON:asha")["id"], kept);
        all_is_well(p);
        // What went comes back with what it belonged to; what was handed over stays.
        p.run("specialty restore TAX GEO").ok();
        assert_eq!(
            p.column("consultant-specialty list --filter user=asha --sort key", "specialty"),
            ["ECON", "GEO", "TAX"]
        );
        all_is_well(p);
    });
}

#[test]
fn a_file_brings_links_and_takes_them_along() {
    both(|p| {
        filled(p);
        p.run_with("consultant-specialty import -", "specialty,user\nECON,asha\nTAX,RAV222\n").ok();
        let file = "Consultant-Specialty Specialty,consultant_specialty_user\nTAX,asha\n";
        p.run_with("consultant-specialty import -", file).ok();
        let csv = p.run("consultant-specialty export --sort key -o csv").ok();
        assert_eq!(csv.lines().count(), 4, "{csv}");
        p.run("consultant-specialty create").fails(2);
        p.run("consultant-specialty delete TAX:asha --yes").ok();
        p.run("consultant-specialty update ECON:asha --specialty TAX").ok();
        p.run("specialty assign ECON asha").ok();
        assert_eq!(
            p.column("consultant-specialty list --sort key", "key"),
            ["ECON:ASHA22", "TAX:ASHA22", "TAX:RAV222"]
        );
        assert_eq!(p.column("consultant-specialty list --as-of 0s --sort key", "key").len(), 3);
        let told = p.column("audit list --resource consultant-specialty --key TAX:RAV222", "action");
        assert_eq!(told, ["create"]);
        assert_eq!(p.column("audit diff --from 1d --resource consultant-specialty", "change").len(), 3);
        all_is_well(p);
    });
}

#[test]
fn on_a_terminal_what_is_missing_is_asked_for() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    filled(&p);
    let picks = |t: &mut rexpect::session::PtySession, question: &str, word: &str, match_: &str| {
        t.exp_string(question).expect("the question");
        t.send(word).and_then(|_| t.flush()).expect("typed");
        t.exp_string(match_).expect("the match");
        t.send_line("").expect("typed");
    };
    let mut t = at_terminal(&p, "specialty assign TAX");
    picks(&mut t, "User who has it", "RAV", "RAV222");
    t.exp_string("created consultant-specialty TAX:RAV222").expect("done");
    assert_eq!(ends(t), 0);
    let mut t = at_terminal(&p, "specialty assign");
    picks(&mut t, "Specialty", "ECO", "ECON");
    picks(&mut t, "User who has it", "ASH", "ASHA22");
    t.exp_string("created consultant-specialty ECON:ASHA22").expect("done");
    assert_eq!(ends(t), 0);
    // Who has it already is not offered, and who has not can lose nothing.
    let mut t = at_terminal(&p, "specialty assign TAX");
    t.exp_string("User who has it").expect("the question");
    let offered = t.exp_string("MEE222").expect("who has not");
    assert!(offered.contains("ASHA22") && !offered.contains("RAV222"), "{offered}");
    t.send_line("").expect("typed");
    t.exp_string("created consultant-specialty TAX:ASHA22").expect("done");
    assert_eq!(ends(t), 0);
    let mut t = at_terminal(&p, "specialty unassign TAX");
    t.exp_string("User who has it").expect("the question");
    let offered = t.exp_string("RAV222").expect("who has");
    assert!(offered.contains("ASHA22") && !offered.contains("MEE222"), "{offered}");
    t.send_line("").expect("typed");
    t.exp_string("delete consultant-specialty TAX:ASHA22? [y/N]").expect("the question");
    t.send("y").and_then(|_| t.flush()).expect("typed");
    assert_eq!(ends(t), 0);
    p.run("specialty create --code NEW --name New").ok();
    let mut t = at_terminal(&p, "specialty unassign NEW");
    t.exp_string("there is no consultant specialty of specialty NEW").expect("nobody");
    assert_eq!(ends(t), 3);
    let mut t = at_terminal(&p, "specialty unassign TAX ravi");
    t.exp_string("delete consultant-specialty TAX:RAV222? [y/N]").expect("the question");
    t.send("y").and_then(|_| t.flush()).expect("typed");
    assert_eq!(ends(t), 0);
    assert_eq!(p.column("consultant-specialty list", "key"), ["ECON:ASHA22"]);
}

#[test]
fn both_ends_are_completed_and_have_permissions() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    filled(&p);
    let complete = |at: &str, line: &str| {
        let env = [("COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", at), ("_CLAP_IFS", " ")];
        let env = p.env.clone().into_iter().chain(env.map(|(n, v)| (n.to_owned(), v.to_owned()))).collect();
        p.run_with_env(&format!("-- orgctl {line}"), &env, false).ok()
    };
    assert_eq!(complete("3", "specialty assign E"), "ECON");
    assert_eq!(complete("4", "specialty assign ECON R"), "RAV222");
    assert_eq!(complete("5", "specialty unassign ECON RAV222 A"), "ASHA22");
    p.run("specialty assign ECON asha").ok();
    assert_eq!(complete("3", "consultant-specialty show E"), "ECON:ASHA22");
    for (verb, permission) in
        [("assign", "consultant_specialties:create"), ("unassign", "consultant_specialties:delete")]
    {
        let access = Program::default().find("specialty", verb).and_then(|found| found.access()).expect("a verb");
        assert_eq!((access.permission.as_str(), access.writes), (permission, true));
    }
    let help = p.run("specialty assign --help").ok();
    for word in [
        "Assign users to a specialty",
        "orgctl specialty assign ECON asha@sahyadri.example",
        "orgctl user list --filter 'status=active name~asha' -o key | orgctl specialty assign ECON -",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(p.run("specialty --help").ok().contains("  unassign    Unassign users from a specialty"), "listed");
    // What nobody makes by itself has no verb for that.
    p.run("consultant-specialty create --specialty TAX --user asha").fails(2);
}
