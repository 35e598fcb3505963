//! Settings: what holds where, who may set what, and what they change.

use serde_json::{Value, json};

use orgctl::model::clock::Clock as _;
use orgctl::model::values::value::rfc3339;

use crate::harness::{Engine, TestEnv, on_both_engines, on_both_engines_with_acme};
use crate::raw::int;

fn get(p: &TestEnv, line: &str) -> String {
    p.run(&format!("setting get {line}")).ok().trim_end().to_owned()
}

#[test]
fn an_organisation_wins_over_the_installation_over_the_default() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        let source = |org: &str| p.json(&format!("setting get password.min_length --org {org}"))["source"].clone();
        assert_eq!((get(p, "password.min_length --org ACME").as_str(), source("ACME")), ("15", json!("default")));
        p.run("setting set --system password.min_length 12").ok();
        assert_eq!((get(p, "password.min_length --org ACME").as_str(), source("ACME")), ("12", json!("system")));
        p.run("setting set --org ACME password.min_length 20").ok();
        assert_eq!((get(p, "password.min_length --org ACME").as_str(), source("ACME")), ("20", json!("org")));
        assert_eq!((get(p, "password.min_length --org BETA").as_str(), source("BETA")), ("12", json!("system")));
        assert_eq!(get(p, "password.min_length --system"), "12");
        assert_eq!(get(p, "password.min_length --org SYSTEM"), "12");
        p.run("setting reset --system password.min_length").ok();
        assert_eq!(get(p, "password.min_length --org BETA"), "15");
        p.run("setting reset --org ACME password.min_length").ok();
        assert_eq!(get(p, "password.min_length --org ACME"), "15");
        assert_eq!(int(p, "select count(*) from settings where deleted_at is null"), 0);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn what_is_said_of_settings() {
    on_both_engines_with_acme(|p| {
        let said: Vec<String> = [
            "setting set password.min_length 20",
            "setting set password.min_length 020",
            "setting set --system Password.Min-Length 18 argon2.passes 3",
            "setting set password.expiry_days never",
            "setting reset password.min_length password.history",
            "setting reset --system argon2.passes",
            "setting get password.min_length",
            "setting list --changed",
            "setting get pasword.min_length",
            "setting get colour",
            "setting set password.min_length 7",
            "setting set password.min_length many",
            "setting set password.history -1",
            "setting set app.default_region Bharat",
            "setting set --system org.default_max_users 0",
            "setting set argon2.passes 3",
            "setting set password.history 3 password.history 4",
            "setting set password.history 3 argon2.passes",
            "setting set --system --org ACME password.history 3",
            "setting reset nothing.here",
            "setting list --columns key,colour",
        ]
        .iter()
        .map(|line| p.transcript(line))
        .collect();
        assert_eq!(
            said.concat(),
            "\
$ orgctl setting set password.min_length 20
set password.min_length to 20 in ACME (was 15, the default)
$ orgctl setting set password.min_length 020
password.min_length is 20 in ACME already; nothing was changed
$ orgctl setting set --system Password.Min-Length 18 argon2.passes 3
set password.min_length to 18 for the installation (was 15, the default)
set argon2.passes to 3 for the installation (was 2, the default)
$ orgctl setting set password.expiry_days never
set password.expiry_days to 0 in ACME (was 0, the default)
$ orgctl setting reset password.min_length password.history
reset password.min_length in ACME: 20 -> 18 for the installation
password.history is not set in ACME; nothing was changed
$ orgctl setting reset --system argon2.passes
reset argon2.passes for the installation: 3 -> 2, the default
$ orgctl setting get password.min_length
18
$ orgctl setting list --changed
key\tvalue\tdefault\tsource\tcategory\thelp
password.min_length\t18\t15\tsystem\tsecurity\tFewest characters that a password may have
password.expiry_days\t0\t0\torg\tsecurity\tDays after which a password must be changed; 90 restores the earlier policy
$ orgctl setting get pasword.min_length
error: there is no setting 'pasword.min_length'
hint: did you mean password.min_length? 'orgctl setting list' shows all
[exit 3]
$ orgctl setting get colour
error: there is no setting 'colour'
hint: 'orgctl setting list' shows all
[exit 3]
$ orgctl setting set password.min_length 7
error: password.min_length can't be 7
hint: 8 to 64 characters; default 15
[exit 6]
$ orgctl setting set password.min_length many
error: password.min_length must be a whole number, not 'many'
hint: 8 to 64 characters; default 15
[exit 6]
$ orgctl setting set password.history -1
error: password.history must be a whole number, not '-1'
hint: 0 to 24 passwords; default 5
[exit 6]
$ orgctl setting set app.default_region Bharat
error: app.default_region must be a region, not 'Bharat'
hint: two letters of ISO 3166-1: IN, GB, US ...; default IN
[exit 6]
$ orgctl setting set --system org.default_max_users 0
error: org.default_max_users can't be 0
hint: 1 to 2147483647 users, or none; default none
[exit 6]
$ orgctl setting set argon2.passes 3
error: argon2.passes is set for the installation, not for an organisation
hint: set it with --system
[exit 4]
$ orgctl setting set password.history 3 password.history 4
error: password.history is given twice
[exit 2]
$ orgctl setting set password.history 3 argon2.passes
error: there is no value for argon2.passes
hint: write KEY VALUE, pair by pair
[exit 2]
$ orgctl setting set --system --org ACME password.history 3
error: the argument '--system' cannot be used with '--org <CODE>'
hint: see 'orgctl setting set --help'
[exit 2]
$ orgctl setting reset nothing.here
error: there is no setting 'nothing.here'
hint: 'orgctl setting list' shows all
[exit 3]
$ orgctl setting list --columns key,colour
error: there is no column 'colour'
hint: columns: key, value, default, source, category, help, type, range, scopes, org, user, user_value, org_value, system_value, changed_at, changed_by, is_public, needs_restart
[exit 2]
"
        );
        // Which scope is meant must be said where several could be.
        p.run("org create --code BETA --name Beta").ok();
        let said = p.run("setting set password.history 3").fails(2);
        assert!(said.contains("--org (ACME, BETA)") && said.contains("--system stands for the installation"), "{said}");
        let mut env = p.env.clone();
        env.insert("ORGCTL_ORG".into(), "BETA".into());
        assert!(p.run_with_env("setting set password.history 3", &env, false).err.contains("in BETA"));
        assert!(p.run_with_env("setting set --system password.history 4", &env, false).err.contains("installation"));
        p.run("setting get password.history --org NOPE").fails(3);
        // All of one command or nothing.
        p.run("setting set --org ACME password.history 9 password.min_length 7").fails(6);
        p.run("setting set --org ACME password.history 9 argon2.lanes 2").fails(4);
        assert_eq!(get(p, "password.history --org ACME"), "4");
    });
}

#[test]
fn a_setting_is_explained() {
    on_both_engines_with_acme(|p| {
        let fresh = p.json("setting explain password.expiry_days");
        assert_eq!([&fresh["changed_at"], &fresh["changed_by"], &fresh["org_value"]], [&Value::Null; 3]);
        p.run("setting set --system password.expiry_days 365").ok();
        p.run("setting set password.expiry_days 90").ok();
        let at = p.json("audit list --org ACME --limit 1")[0]["at"].clone();
        let shown = p.json("setting explain password.expiry_days");
        let expected = json!({
            "key": "password.expiry_days", "value": 90, "default": 0, "source": "org", "category": "security",
            "help": "Days after which a password must be changed; 90 restores the earlier policy", "type": "whole number",
            "range": "0 to 3650 days; 0 = never", "scopes": ["system", "org", "user"], "org": "ACME", "org_value": 90,
            "user": null, "user_value": null,
            "system_value": 365, "changed_at": at, "changed_by": shown["changed_by"], "is_public": false,
            "needs_restart": false, "schema": {"type": "integer", "minimum": 0, "maximum": 3650},
        });
        assert_eq!(shown, expected);
        assert!(shown["changed_by"].is_string());
        assert_eq!(p.json("setting get password.expiry_days"), expected);
        assert_eq!(p.json("setting set password.expiry_days 90"), expected);
        let all = p.json("setting list");
        assert!(all.as_array().is_some_and(|all| all.contains(&expected)), "{all}");
        let people = p.run("setting explain password.expiry_days -o table").ok();
        for line in ["value          90", "range          0 to 3650 days; 0 = never", "system_value   365"] {
            assert!(people.contains(line), "{people}");
        }
        assert_eq!(p.json("setting get org.default_max_users")["value"], Value::Null);
        assert_eq!(get(p, "org.default_max_users"), "none");
        assert_eq!(p.run("setting list -o key").ok().lines().count(), all.as_array().map_or(0, Vec::len));
    });
}

#[test]
fn every_change_is_recorded() {
    on_both_engines_with_acme(|p| {
        let before = p.audit_records();
        p.run("setting set password.min_length 20").ok();
        p.run("setting set password.min_length 20").ok();
        assert_eq!(p.audit_records(), before + 1, "what is so already is not written");
        p.run("setting set password.min_length 24 password.history 8").ok();
        p.run("setting reset password.min_length").ok();
        p.run("setting reset password.min_length").ok();
        assert_eq!(p.audit_records(), before + 4);
        p.run("setting set --dry-run password.min_length 30").ok();
        p.run("setting reset --dry-run password.history").ok();
        assert_eq!((p.audit_records(), get(p, "password.history").as_str()), (before + 4, "8"));
        let records = p.json("audit list --org ACME --resource setting");
        let told: Vec<_> = records
            .as_array()
            .expect("a list")
            .iter()
            .rev()
            .map(|r| (r["action"].clone(), r["key"].clone(), r["old"]["value"].clone(), r["new"]["value"].clone()))
            .collect();
        let length = || json!("password.min_length");
        let change = || json!("config_change");
        assert_eq!(
            told,
            [
                (change(), length(), Value::Null, json!("20")),
                (change(), length(), json!("20"), json!("24")),
                (change(), json!("password.history"), Value::Null, json!("8")),
                (change(), length(), json!("24"), Value::Null),
            ]
        );
        // One row, one id; and the last record holds all of it.
        assert_eq!(records[0]["resource_id"], records[3]["resource_id"]);
        assert_eq!(records[0]["old"]["version"], 2);
        let people = p.run("audit list --org ACME --resource setting --columns key,changes --limit 1").ok();
        assert_eq!(people, "key\tchanges\npassword.min_length\teffect: delete\n");
        // The installation has a trail of its own; a refusal goes where it belongs.
        p.run("setting set --system argon2.lanes 4").ok();
        assert_eq!(p.column("audit list --org SYSTEM --resource setting", "key"), ["argon2.lanes"]);
        p.run("setting set --system argon2.lanes 400").fails(6);
        p.run("setting set argon2.lanes 4").fails(4);
        assert_eq!(p.column("audit list --status failed", "org"), ["ACME", "SYSTEM"]);
        assert_eq!(p.column("audit list --status failed", "resource"), ["setting", "setting"]);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn phone_numbers_are_read_as_the_organisation_says() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        p.run("setting set --org BETA app.default_region gb").ok();
        p.run("branch create --org ACME --code A --name A --phone '022 2345 6789'").ok();
        p.run("branch create --org BETA --code B --name B --phone '020 7946 0018'").ok();
        p.run("branch create --org BETA --code C --name C").ok();
        assert_eq!(p.json("branch show A")["phone"], "+912223456789");
        assert_eq!(p.json("branch show B")["phone"], "+442079460018");
        let said = p.run("branch create --org ACME --code X --name X --phone '020 7946 001'");
        assert!(said.err.contains("note: phone +91207946001 is possible, but not known to be valid\n"), "{}", said.err);
        p.run("branch update C --phone '020 7946 0019'").ok();
        assert_eq!(p.json("branch show C")["phone"], "+442079460019");
        // A country code says more than any setting.
        p.run("branch update C --phone '+91 22 2345 6789'").ok();
        assert_eq!(p.json("branch show C")["phone"], "+912223456789");
        assert_eq!(p.run("branch list --org BETA --filter 'phone=\"020 7946 0018\"' -o key").ok(), "B\n");
        assert_eq!(p.run("branch list --org ACME --filter 'phone=\"022 2345 6789\"' -o key").ok(), "A\n");
        assert_eq!(p.run("branch list --filter 'phone=\"022 2345 6789\"' -o key").ok(), "A\nC\n");
        let file = p.write("b.csv", "code,name,phone\nD,D,020 7946 0020\n");
        p.run(&format!("branch import {file} --org BETA")).ok();
        assert_eq!(p.json("branch show D")["phone"], "+442079460020");
        let file = p.write("c.csv", "code,name\nE,E\n");
        p.run(&format!("branch import {file} --org BETA --set 'phone=020 7946 0021'")).ok();
        assert_eq!(p.json("branch show E")["phone"], "+442079460021");
        // An organisation is read as it says itself, a new one as the installation says.
        p.run("org update BETA --contact-phone '020 7946 0018'").ok();
        assert_eq!(p.json("org show BETA")["contact_phone"], "+442079460018");
        p.run("setting set --system app.default_region US").ok();
        assert_eq!(
            p.json("org create --code C --name C --contact-phone '(212) 736-5000'")["contact_phone"],
            "+12127365000"
        );
        let file = p.write("o.csv", "code,name,contact_phone\nD,D,212 736 5001\n");
        p.run(&format!("org import {file}")).ok();
        assert_eq!(p.json("org show D")["contact_phone"], "+12127365001");
        p.run("org update ACME BETA --contact-phone '212 736 5002'").ok();
        assert_eq!(p.column("org list --filter contact_phone=+12127365002", "code"), ["ACME", "BETA"]);
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn a_new_organisation_gets_the_default_number_of_users() {
    on_both_engines(|p| {
        p.run("init").ok();
        let most = |code: &str| p.json(&format!("org show {code}"))["max_users"].clone();
        p.run("org create --code A --name A").ok();
        assert_eq!(most("A"), Value::Null);
        p.run("setting set --system org.default_max_users 100").ok();
        p.run("org create --code B --name B").ok();
        p.run("org create --code C --name C --max-users 7").ok();
        p.run("org create --code D --name D --max-users unlimited").ok();
        assert_eq!([most("A"), most("B"), most("C"), most("D")], [Value::Null, json!(100), json!(7), Value::Null]);
        assert_eq!(most("SYSTEM"), Value::Null);
        p.run("init --org-code E --org-name E").ok();
        assert_eq!(most("E"), json!(100));
        // As with any default: a blank cell is filled in for a new record and leaves one that is there alone.
        let file = p.write("o.csv", "code,name\nF,F\n");
        p.run(&format!("org import {file}")).ok();
        let file = p.write("o.csv", "code,name,max_users\nG,G,\nH,H,8\nI,I,none\nC,C,\n");
        p.run(&format!("org import {file} --on-conflict update")).ok();
        assert_eq!([most("F"), most("G"), most("H"), most("I")], [json!(100), json!(100), json!(8), Value::Null]);
        assert_eq!(most("C"), json!(7));
        p.run("setting reset --system org.default_max_users").ok();
        p.run("org create --code J --name J").ok();
        assert_eq!(most("J"), Value::Null);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn settings_live_and_go_with_their_organisation() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        p.run("setting set --org BETA password.history 3 password.min_length 20").ok();
        let said = p.run("org delete BETA --yes");
        assert!(!said.err.contains("depend"), "settings protect nothing: {}", said.err);
        said.ok();
        p.run("setting set --org BETA password.history 4").fails(3);
        p.run("org restore BETA").ok();
        assert_eq!(get(p, "password.history --org BETA"), "3");
        p.run("org delete BETA --yes").ok();
        let said = p.run("org purge BETA --yes");
        assert_eq!(said.err, "purged org BETA\nand 2 more that belonged to it\n");
        assert_eq!(int(p, "select count(*) from settings"), 0);
        assert_eq!(int(p, "select count(*) from audit_records where kind = 'setting'"), 4);
        // SYSTEM's can be set, and SYSTEM stays what it is.
        p.run("setting set --org SYSTEM password.history 4").ok();
        assert_eq!(get(p, "password.history"), "4");
        p.run("org update SYSTEM --name X").fails(4);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn what_was_written_behind_our_back_is_told_and_can_be_taken_away() {
    on_both_engines_with_acme(|p| {
        p.run("setting set --system password.history 3").ok();
        p.run("setting set password.min_length 20").ok();
        p.run("setting set app.default_region GB").ok();
        p.sql("update settings set value = 'lots' where setting = 'password.min_length'").expect("edited");
        p.sql("update settings set setting = 'password.future' where setting = 'password.history'").expect("edited");
        p.sql("update settings set value = 'XX' where setting = 'app.default_region'").expect("edited");
        let said = p.run("db check");
        assert_eq!(said.code, 8);
        for sentence in [
            "setting password.min_length of ACME: password.min_length must be a whole number, not 'lots'\n",
            "setting password.future of SYSTEM: there is no setting 'password.future'\n",
            "setting app.default_region of ACME: app.default_region must be a region, not 'XX'\n",
        ] {
            assert!(said.out.contains(sentence), "{}", said.out);
        }
        let said = p.run("setting get password.min_length").fails(8);
        assert!(said.contains("orgctl setting reset password.min_length"), "{said}");
        assert_eq!(p.column("setting list --changed", "value"), ["XX", "lots"]);
        p.run("branch create --code A --name A --phone '022 2345 6789'").fails(8);
        p.run("branch create --code A --name A").ok();
        p.run("setting reset password.min_length app.default_region").ok();
        assert!(p.run("setting reset --system password.future").err.contains("reset password.future"));
        p.run("branch update A --phone '022 2345 6789'").ok();
        p.run("db check").ok();
        p.run("setting set password.history 3").ok();
        p.sql("update settings set setting = 'Password.History' where deleted_at is null and setting = 'password.history'").expect("edited");
        assert_eq!(get(p, "password.history"), "5");
        p.run("db check").fails(8);
        p.run("setting reset Password.History").ok();
        p.run("db check").ok();
        // A row that no key may have twice.
        p.run("setting set password.history 3").ok();
        assert!(p.sql("insert into settings select * from settings").is_err());
    });
}

/// What was set, changed, taken back and brought back is told, and undone, like what was done to any record.
#[test]
fn what_is_set_is_a_record_like_others() {
    on_both_engines_with_acme(|p| {
        let now = || rfc3339(p.clock.now());
        p.run("setting set password.min_length 20").ok();
        let first = now();
        p.wait(60);
        p.run("setting set password.min_length 24").ok();
        assert_eq!(p.run("setting exists password.min_length password.history").code, 3);
        p.run("setting exists Password.Min-Length").ok();
        let there = "key,org,setting,user,value\npassword.min_length,ACME,password.min_length,,24\n";
        assert_eq!(p.run("setting export --columns key,org,setting,user,value").ok(), there);
        p.run("setting reset password.min_length").ok();
        assert_eq!(p.run("setting export --columns key,value").ok(), "key,value\n");
        assert_eq!(p.run("setting export --deleted --columns key,value").ok(), "key,value\npassword.min_length,24\n");
        let said = p.run("setting show password.min_length").fails(3);
        assert!(said.contains("'orgctl setting restore password.min_length'"), "{said}");
        let then = p.json(&format!("setting show password.min_length --as-of {first}"));
        assert_eq!((&then["value"], &then["version"]), (&json!("20"), &json!(1)));
        p.run("setting restore password.min_length").ok();
        assert_eq!(get(p, "password.min_length"), "24");
        // What took its place keeps it away.
        p.run("setting reset password.min_length").ok();
        p.run("setting set password.min_length 30").ok();
        assert!(p.run("setting restore password.min_length").fails(4).contains("is not deleted"));
        let gone = p.column("audit list --resource setting", "resource_id").pop().expect("an id");
        assert!(p.run(&format!("setting restore {gone}")).fails(4).contains("its key was taken meanwhile"));
        let effects = ["create", "update", "delete", "restore", "delete", "none"];
        assert_eq!(p.column(&format!("setting history {gone}"), "effect"), effects);
        assert_eq!(p.column(&format!("setting history {gone}"), "action"), ["config_change"; 6]);
        p.run(&format!("setting purge {gone} --yes")).ok();
        // That it was not to be brought back, while it was there, is told too.
        assert_eq!(p.column("setting history password.min_length", "effect"), ["create", "none"]);
        let net = p.json(&format!("audit diff --from {first} --resource setting"));
        assert_eq!(net.as_array().map(Vec::len), Some(2), "{net}");
        assert!(p.run("setting restore nothing.here").fails(3).contains("'orgctl setting export --deleted'"));
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

/// What is set for a user wins for that user, and goes the way of that user.
#[test]
fn a_setting_of_a_user_goes_where_the_user_goes() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        p.run("user create --user-code ASHA22 --name 'Asha Rao' --email asha@x.example --org ACME").ok();
        p.run("user create --user-code RAVK22 --name 'Ravi Iyer' --org ACME").ok();
        p.run("user create --user-code DUPL22 --name 'A Rao' --org ACME").ok();
        p.run("setting set --system password.expiry_days 365").ok();
        p.run("setting set --org ACME password.expiry_days 180").ok();
        let lines = [
            "setting set password.expiry_days 90 --user asha@x.example",
            "setting set password.expiry_days 90 --user ASHA22",
            "setting get password.expiry_days --user ASHA22",
            "setting get password.expiry_days --user RAVK22",
            "setting get password.expiry_days --org ACME",
            "setting list --changed --user ASHA22 --columns key,value,source",
            "setting set password.min_length 20 --user ASHA22",
            "setting set argon2.passes 3 --user ASHA22",
            "setting get password.expiry_days --user ASHA22 --org BETA",
            "setting reset password.expiry_days --user ASHA22",
            "setting reset password.expiry_days --user ASHA22",
        ];
        let said: Vec<String> = lines.iter().map(|line| p.transcript(line)).collect();
        assert_eq!(
            said.concat(),
            "\
$ orgctl setting set password.expiry_days 90 --user asha@x.example
set password.expiry_days to 90 for user ASHA22 (Asha Rao) (was 180 in the organisation)
$ orgctl setting set password.expiry_days 90 --user ASHA22
password.expiry_days is 90 for user ASHA22 (Asha Rao) already; nothing was changed
$ orgctl setting get password.expiry_days --user ASHA22
90
$ orgctl setting get password.expiry_days --user RAVK22
180
$ orgctl setting get password.expiry_days --org ACME
180
$ orgctl setting list --changed --user ASHA22 --columns key,value,source
key\tvalue\tsource
password.expiry_days\t90\tuser
$ orgctl setting set password.min_length 20 --user ASHA22
error: password.min_length is set for an organisation, not for a user
hint: name the organisation with --org
[exit 4]
$ orgctl setting set argon2.passes 3 --user ASHA22
error: argon2.passes is set for the installation, not for a user
hint: set it with --system
[exit 4]
$ orgctl setting get password.expiry_days --user ASHA22 --org BETA
error: user ASHA22 does not exist in BETA
hint: 'orgctl user list --org BETA' shows all
[exit 3]
$ orgctl setting reset password.expiry_days --user ASHA22
reset password.expiry_days for user ASHA22 (Asha Rao): 90 -> 180 in the organisation
$ orgctl setting reset password.expiry_days --user ASHA22
password.expiry_days is not set for user ASHA22 (Asha Rao); nothing was changed
"
        );
        p.run("setting set password.expiry_days 1 --user ASHA22 --system").fails(2);
        p.run("setting restore password.expiry_days:ASHA22").ok();
        let shown = p.json("setting explain password.expiry_days --user ASHA22");
        let told = ["user", "user_value", "org_value", "system_value", "source"].map(|name| shown[name].clone());
        assert_eq!(told, [json!("ASHA22"), json!(90), json!(180), json!(365), json!("user")]);
        // It is about the person: with all else that is told, and on the way to a branch.
        assert!(p.column("user history ASHA22", "key").contains(&"password.expiry_days:ASHA22".to_owned()));
        assert_eq!(p.json("user dossier ASHA22")["records"]["settings"][0]["value"], "90");
        p.run("branch create --code B1 --name One --org ACME").ok();
        p.run("branch assign B1 ASHA22").ok();
        let there = "setting export --filter in_branch=B1 --org ACME --columns key,user";
        assert_eq!(p.run(there).ok(), "key,user\npassword.expiry_days:ASHA22,ASHA22\n");
        // Of two that a merge brings together that of who stays is kept; what only the duplicate had goes over.
        p.run("setting set password.expiry_days 30 --user DUPL22").ok();
        p.run("user merge DUPL22 ASHA22 --yes --org ACME").ok();
        assert_eq!(get(p, "password.expiry_days --user ASHA22"), "90");
        p.run("user create --user-code MORE22 --name 'R Iyer' --org ACME").ok();
        p.run("setting set password.expiry_days 30 --user MORE22").ok();
        p.run("user merge MORE22 RAVK22 --yes --org ACME").ok();
        assert_eq!(get(p, "password.expiry_days --user RAVK22"), "30");
        // Away and back with the person, and gone for good.
        p.run("user delete ASHA22 --yes").ok();
        p.run("setting set password.expiry_days 1 --user ASHA22").fails(3);
        assert_eq!(int(p, "select count(*) from settings where user_id is not null and deleted_at is null"), 1);
        p.run("user restore ASHA22").ok();
        assert_eq!(get(p, "password.expiry_days --user ASHA22"), "90");
        p.run("db check").ok();
        p.run("user delete ASHA22 --yes").ok();
        p.run("user purge ASHA22 --yes").ok();
        assert_eq!(
            p.column("setting export --with-deleted --org ACME --sort key", "key"),
            ["password.expiry_days", "password.expiry_days:DUPL22", "password.expiry_days:RAVK22"]
        );
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
        // Written behind our back: what can't be, and where it may not be.
        p.sql("update settings set value = 'lots' where user_id is not null").expect("edited");
        let said = p.run("setting get password.expiry_days --user RAVK22").fails(8);
        assert!(said.contains("'orgctl setting reset --user RAVK22 password.expiry_days'"), "{said}");
        p.sql("update settings set setting = 'password.history', value = '3' where user_id is not null")
            .expect("edited");
        assert!(p.run("db check").out.contains("password.history is set for an organisation, not for a user"));
    });
}

/// What was allowed then may be so no longer.
#[test]
fn a_value_that_is_no_longer_allowed_does_not_come_back() {
    on_both_engines_with_acme(|p| {
        p.run("setting set password.min_length 20").ok();
        p.run("setting set password.min_length 24").ok();
        let last = int(p, "select max(seq) from audit_records where tree = 1");
        // As if another version had recorded it.
        p.sql(match p.engine {
            Engine::Sqlite => "drop trigger audit_records_no_update",
            Engine::Postgres => "alter table audit_records disable trigger user",
        })
        .expect("unguarded");
        p.sql("update audit_records set payload = replace(payload, '\"20\"', '\"3\"') where tree = 1").expect("edited");
        let said = p.run(&format!("audit revert {last}")).fails(6);
        assert!(said.contains("password.min_length can't be 3"), "{said}");
        assert_eq!(get(p, "password.min_length"), "24");
    });
}

/// What the one engine says, the other says.
#[test]
fn both_engines_say_the_same() {
    let told = std::cell::RefCell::new(Vec::new());
    on_both_engines_with_acme(|p| {
        p.run("setting set --system password.min_length 18 org.default_max_users 100").ok();
        p.run("setting set password.history 3 feed.max_leavers_percent '5 %'").ok();
        let mut all = String::new();
        for format in ["table", "tsv", "csv", "json", "yaml", "key"] {
            for line in ["setting list", "setting list --system --changed", "setting explain password.history"] {
                let columns = "key,value,default,source,org_value,system_value,type,range,scopes,is_public";
                all.push_str(&p.transcript(&format!("{line} -o {format} --columns {columns}")));
            }
        }
        told.borrow_mut().push(all);
    });
    let told = told.into_inner();
    assert_eq!(told[0], told[1]);
}
