//! Organisations: every field, every verb.

use serde_json::{Value, json};

use crate::harness::{TestEnv, on_both_engines_after, on_both_engines_with_acme};

/// The message of a command that must be refused, and the field that it names.
#[track_caller]
fn refused(p: &TestEnv, line: &str) -> (String, String) {
    let said = p.run(&format!("{line} -o json"));
    let error: Value = serde_json::from_str(said.err.lines().last().unwrap_or_default()).expect(&said.err);
    assert_eq!(said.clone().fails(6), said.err);
    assert_eq!(said.out, "");
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    (text(&error["error"]["message"]), text(&error["error"]["field"]))
}

#[test]
fn an_organisation_has_every_field_of_the_dictionary() {
    on_both_engines_with_acme(|p| {
        let made = p.json(
            "org create --code globex --name '  Globex   Corporation ' --type Non-Profit --industry 'E-Commerce' \
             --address ' 1, Fort Road,  Mumbai ' --contact-email Info@Globex.example --contact-phone '(022) 2345 6701' \
             --website HTTPS://Globex.example --max-users 250 --asset-limit 0",
        );
        let expected = [
            ("code", json!("GLOBEX")),
            ("name", json!("Globex Corporation")),
            ("type", json!("nonprofit")),
            ("industry", json!("e_commerce")),
            ("address", json!("1, Fort Road, Mumbai")),
            ("contact_email", json!("Info@globex.example")),
            ("contact_phone", json!("+912223456701")),
            ("website", json!("https://globex.example/")),
            ("max_users", json!(250)),
            ("asset_limit", json!(0)),
            ("is_active", json!(true)),
            ("status", json!("active")),
            ("version", json!(1)),
            ("deleted_at", json!(null)),
        ];
        for (name, value) in expected {
            assert_eq!(made[name], value, "{name}");
        }
        // What is not given is the default, or nothing.
        let acme = p.json("org show ACME");
        assert_eq!(acme["type"], "corporation");
        assert_eq!(acme["industry"], "general");
        for empty in ["address", "contact_email", "contact_phone", "website", "max_users", "asset_limit"] {
            assert_eq!(acme[empty], Value::Null, "{empty}");
        }
        // '' clears what may be absent, and so does the word for a limit.
        p.run("org update GLOBEX --address '' --contact-email '' --contact-phone '' --website '' --max-users unlimited --asset-limit none").ok();
        let cleared = p.json("org show GLOBEX");
        for empty in ["address", "contact_email", "contact_phone", "website", "max_users", "asset_limit"] {
            assert_eq!(cleared[empty], Value::Null, "{empty}");
        }
        assert_eq!(cleared["version"], 2);
    });
}

#[test]
fn an_enumeration_is_taken_in_any_spelling() {
    on_both_engines_with_acme(|p| {
        let types = [
            ("CORPORATION", "corporation"),
            ("non profit", "nonprofit"),
            ("Non_Profit", "nonprofit"),
            ("NON-PROFIT", "nonprofit"),
            ("Govern ment", "government"),
            ("start-up", "startup"),
            ("Retail", "retail"),
        ];
        let industries = [
            ("General", "general"),
            ("MANUFACTURING", "manufacturing"),
            ("I T", "it"),
            ("Finance", "finance"),
            ("Health Care", "healthcare"),
            ("ecommerce", "e_commerce"),
            ("E commerce", "e_commerce"),
            ("ｅ-commerce", "e_commerce"),
            ("education", "education"),
        ];
        for (flag, spellings) in [("type", &types[..]), ("industry", &industries[..])] {
            for (spelling, kept) in spellings {
                p.run(&format!("org update ACME --{flag} '{spelling}'")).ok();
                assert_eq!(p.json("org show ACME")[flag], **kept, "{spelling}");
            }
        }
        assert_eq!(
            p.transcript("org update ACME --type charity"),
            "\
$ orgctl org update ACME --type charity
error: type must be one of corporation, nonprofit, government, startup, retail, not 'charity'
[exit 6]
"
        );
        assert_eq!(
            p.transcript("org create --code X --name X --industry finanse"),
            "\
$ orgctl org create --code X --name X --industry finanse
error: industry must be one of general, manufacturing, it, finance, healthcare, retail, e_commerce, education, not 'finanse'; did you mean finance?
[exit 6]
"
        );
    });
}

#[test]
fn every_field_of_an_organisation_is_checked() {
    on_both_engines_with_acme(|p| {
        // Length: the longest that is taken, and one more.
        let long = |n: usize| "é".repeat(n);
        let of = |n: usize| "A".repeat(n);
        p.run(&format!("org create --code {} --name '{}'", of(32), long(200))).ok();
        p.run(&format!("org update {} --address '{}'", of(32), long(1000))).ok();
        assert_eq!(
            refused(p, &format!("org create --code {} --name x", of(33))),
            ("code must be 32 characters or fewer, not 33".into(), "code".into())
        );
        assert_eq!(
            refused(p, &format!("org update ACME --name '{}'", long(201))),
            ("name must be 200 characters or fewer, not 201".into(), "name".into())
        );
        assert_eq!(
            refused(p, &format!("org update ACME --address '{}'", long(1001))),
            ("address must be 1000 characters or fewer, not 1001".into(), "address".into())
        );
        // Values that are none.
        for (flag, field, values) in [
            ("code", "code", &["", "  ", "-A", "A B", "Ä", "A\u{200b}B", "_A"][..]),
            ("name", "name", &["", " \t ", "a\u{7}b"]),
            ("type", "type", &["", "corporations inc"]),
            ("industry", "industry", &["", "agriculture"]),
            ("contact-email", "contact_email", &["acme", "a@", "@b.in", "a b@c.in", "Acme <a@b.in>", "a@b@c"]),
            ("contact-phone", "contact_phone", &["12", "phone", "+91 22", "+1234567890123456", "022 2345 6701 ext 5"]),
            ("website", "website", &["acme.in", "ftp://acme.in", "http://", "javascript:alert(1)"]),
            ("max-users", "max_users", &["-1", "1.5", "many", "2147483648", "0x10"]),
            ("asset-limit", "asset_limit", &["-1", "1e3"]),
        ] {
            for value in values {
                let (message, at) = refused(p, &format!("org update ACME --{flag}='{value}'"));
                assert_eq!(at, field, "{value:?}: {message}");
                assert!(message.starts_with(field), "{value:?}: {message}");
            }
        }
        assert_eq!(p.json("org show ACME")["version"], 1, "a refused change leaves nothing");
        // Required.
        assert_eq!(
            p.transcript("org create --name Nameless"),
            "\
$ orgctl org create --name Nameless
error: the code of the org is missing
hint: give it with --code CODE
[exit 2]
"
        );
        assert!(p.run("org create --code X").fails(2).contains("--name"));
        // is_active has verbs of its own.
        p.run("org create --code X --name X --is-active no").fails(2);
        assert!(p.run("org update ACME").fails(2).contains("there is nothing to change"));
    });
}

#[test]
fn an_organisation_lives_through_every_verb() {
    on_both_engines_after("init", |p| {
        assert_eq!(p.run("org list -o csv").ok().lines().count(), 1, "SYSTEM is in no list");
        assert_eq!(
            p.transcript("branch list --org NONE"),
            "\
$ orgctl branch list --org NONE
error: organisation NONE does not exist
hint: 'orgctl org list' shows all
[exit 3]
"
        );
        assert!(p.run("branch create --code X --name X").fails(3).contains("there is no organisation yet"));
        assert_eq!(
            p.transcript("org create --code ACME --name Acme"),
            "$ orgctl org create --code ACME --name Acme\ncreated org ACME\n"
        );
        assert_eq!(
            p.transcript("org create --code acme --name Again"),
            "\
$ orgctl org create --code acme --name Again
note: code 'acme' is kept as 'ACME'
error: org ACME exists already
hint: change it with 'orgctl org update ACME', or choose another code
[exit 4]
"
        );
        assert_eq!(
            p.transcript("org update ACME --name 'Acme Ltd' --max-users 5"),
            "$ orgctl org update ACME --name 'Acme Ltd' --max-users 5\nupdated org ACME: name, max_users\n"
        );
        assert_eq!(
            p.transcript("org update ACME --max-users 5"),
            "$ orgctl org update ACME --max-users 5\norg ACME is so already; nothing was changed\n"
        );
        assert_eq!(p.transcript("org deactivate ACME"), "$ orgctl org deactivate ACME\ndeactivated org ACME\n");
        assert_eq!(p.column("org list --filter status=inactive", "code"), ["ACME"]);
        assert_eq!(p.transcript("org activate ACME"), "$ orgctl org activate ACME\nactivated org ACME\n");
        assert_eq!(p.transcript("org exists ACME"), "$ orgctl org exists ACME\norg ACME exists\n");
        assert_eq!(p.transcript("org exists ACME --quiet"), "$ orgctl org exists ACME --quiet\n");
        p.run("org exists ACMEE").fails(3);
        p.run("org create --code GLOBEX --name Globex").ok();
        p.run("branch create --org GLOBEX --code G1 --name One").ok();
        assert_eq!(p.column("org stats", "branches"), ["0", "1"]);
        assert_eq!(p.column("org stats GLOBEX", "org"), ["GLOBEX"]);
        let actions = p.column("org history ACME", "action");
        assert_eq!(actions, ["create", "update", "deactivate", "activate"], "what changed nothing left no record");
        let history = p.run("org history ACME -o json").json();
        assert_eq!(history[1]["old"], json!({"max_users": null, "name": "Acme"}));
        assert_eq!(history[1]["new"], json!({"max_users": 5, "name": "Acme Ltd"}));
        let csv = p.run("org export").ok();
        assert_eq!(
            csv.lines().next(),
            Some("code,name,type,industry,address,contact_email,contact_phone,website,max_users,asset_limit,is_active")
        );
        assert_eq!(csv.lines().count(), 3, "SYSTEM is not exported");
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn an_organisation_is_protected_while_anything_in_it_lives() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code A1 --name One").ok();
        p.run("branch create --code A2 --name Two --parent A1").ok();
        let said = p.run("org delete ACME --yes").fails(4);
        assert!(said.contains("org ACME can't be deleted: 2 branches: A1, A2 depend on it"), "{said}");
        assert!(said.contains("--cascade"), "{said}");
        // An organisation's branches can't go to another one.
        assert!(!said.contains("--reassign-to") && !said.contains("--orphan"), "{said}");
        assert_eq!(
            p.transcript("org delete ACME --cascade --yes"),
            "$ orgctl org delete ACME --cascade --yes\ndeleted org ACME\nand 2 more that depended on it\n"
        );
        p.run("org show ACME").fails(3);
        assert_eq!(p.run("branch list -o key").ok(), "");
        assert_eq!(p.column("org list --deleted", "status"), ["deleted"]);
        // Its code is free again; while another one has it, it can't come back.
        p.run("org create --code ACME --name Second").ok();
        let said = p.run("org restore ACME").fails(4);
        assert!(said.starts_with("error: org ACME has the key ACME, and is not deleted\n"), "{said}");
        p.run("org update ACME --code SECOND").ok();
        assert_eq!(
            p.transcript("org restore ACME"),
            "$ orgctl org restore ACME\nrestored org ACME\nand 2 more that were deleted together with it\n"
        );
        assert_eq!(p.run("branch list --org ACME -o key").ok(), "A1\nA2\n");
        p.run("org delete ACME --cascade --yes").ok();
        assert!(p.run("org purge ACME").fails(2).contains("purge org ACME for good, with all that was in it?"));
        p.run("org purge ACME --yes").ok();
        assert_eq!(p.run("org list --deleted -o key").ok(), "");
        assert_eq!(p.run("branch list --with-deleted -o key").ok(), "");
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn system_stays_as_it_was_made() {
    on_both_engines_with_acme(|p| {
        let protected = "error: the reserved organisation SYSTEM can't be changed or deleted\n";
        for line in [
            "org update SYSTEM --name Mine",
            "org delete SYSTEM --cascade --yes",
            "org deactivate SYSTEM",
            "org activate system",
            "org delete ACME SYSTEM --yes",
        ] {
            assert_eq!(p.run(line).fails(4), protected, "{line}");
        }
        p.run("org create --code System --name Mine").fails(4);
        p.run("org update ACME --code SYSTEM").fails(4);
        let file = p.write("system.csv", "code,name\nSYSTEM,Mine\n");
        assert!(p.run(&format!("org import {file}")).fails(6).contains("SYSTEM"));
        assert!(p.run(&format!("org import {file} --on-conflict update")).fails(6).contains("can't be changed"));
        assert_eq!(p.run("org list --with-deleted -o key").ok(), "ACME\n");
        assert_eq!(p.json("org show SYSTEM")["code"], "SYSTEM");
        p.run("org exists ACME").ok();
    });
}

#[test]
fn organisations_come_with_the_headers_of_earlier_systems() {
    on_both_engines_with_acme(|p| {
        let file = p.write(
            "orgs.csv",
            "orgCode,Org Name,type,maxUsers,assetLimit,Email,phone,ADDRESS\n\
             beta,Beta,Non Profit,10,1000,b@beta.example,022-2345 6702,\"1, Road\"\n\
             gamma,Gamma,,unlimited,,,,\n",
        );
        p.run(&format!("org import {file}")).ok();
        let beta = p.json("org show BETA");
        assert_eq!(
            [&beta["max_users"], &beta["asset_limit"], &beta["contact_email"], &beta["contact_phone"]],
            [&json!(10), &json!(1000), &json!("b@beta.example"), &json!("+912223456702")]
        );
        assert_eq!(beta["address"], "1, Road");
        let gamma = p.json("org show GAMMA");
        assert_eq!([&gamma["type"], &gamma["max_users"]], [&json!("corporation"), &json!(null)]);
        assert_eq!(p.column("org list", "code"), ["ACME", "BETA", "GAMMA"]);
        // Each has a tree of its own from its birth.
        assert_eq!(p.run("branch create --org GAMMA --code G --name G").ok(), "");
        p.run("audit verify --deep").ok();
    });
}
