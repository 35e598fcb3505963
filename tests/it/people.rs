//! Departments and users: their fields, their states, and what depends on them.

use serde_json::json;

use crate::harness::{TestEnv, on_both_engines_with_acme};
use crate::raw::int;

/// Asha leads Ravi and Meena; Ravi leads Old Timer and the head office.
fn company(p: &TestEnv) {
    for (code, name) in [("HQ", "Head office"), ("B2", "Second")] {
        p.run(&format!("branch create --code {code} --name '{name}'")).ok();
    }
    for (name, username) in
        [("Asha Rao", "asha"), ("Ravi Kumar", "ravi"), ("Meena Iyer", "meena"), ("Old Timer", "old")]
    {
        p.run(&format!("user create --name '{name}' --username {username} --email {username}@x.example")).ok();
    }
    p.run("user move ravi meena --reports-to asha --branch HQ").ok();
    p.run("user move old --reports-to ravi").ok();
    p.run("branch update HQ --manager ravi").ok();
}

#[test]
fn departments_have_codes_of_their_own_and_budgets_to_the_paisa() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HQ --name 'Head office'").ok();
        p.run("dept create --code DEPT-002 --name Legal").ok();
        // A code that somebody gave by hand is passed over.
        assert!(
            p.run("dept create --name Finance --branch HQ --budget 1250000.5")
                .fails(0)
                .starts_with("created dept DEPT-001 ")
        );
        assert!(p.run("dept create --name Audit").fails(0).starts_with("created dept DEPT-003 "));
        let finance = p.json("dept show Finance");
        assert_eq!(
            [&finance["code"], &finance["branch"], &finance["budget"], &finance["status"]],
            [&json!("DEPT-001"), &json!("HQ"), &json!("1250000.50"), &json!("active")]
        );
        for (amount, kept) in [("99999999999999.9999", "99999999999999.9999"), ("0", "0.00"), ("7.125", "7.125")] {
            p.run(&format!("dept update Finance --budget {amount}")).ok();
            assert_eq!(p.json("dept show Finance")["budget"], kept);
        }
        for wrong in ["1e3", "0.00001", "100000000000000", "1,000", "ten"] {
            let said = p.run(&format!("dept update Finance --budget {wrong}")).fails(6);
            assert!(said.starts_with("error: budget must be an amount like 1250000.50"), "{said}");
        }
        assert_eq!(p.run("dept update Finance --budget=-1").fails(6), "error: budget must not be less than nothing\n");
        assert_eq!(p.column("dept list --filter 'budget>7.12 budget<7.13'", "name"), ["Finance"]);
        let said = p.run("dept create --name Finance").fails(4);
        assert!(said.starts_with("error: dept Finance exists already in ACME\n"), "{said}");
        p.run("user create --name 'Asha Rao' --username asha --department Finance").ok();
        p.run("dept update Finance --manager asha").ok();
        assert_eq!(p.column("dept members Finance", "name"), ["Asha Rao"]);
        assert_eq!(p.column("dept stats", "value"), ["active", "null", "HQ"]);
        assert!(p.run("dept delete Finance --yes").fails(4).contains("1 user (department)"));
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn a_user_is_known_by_several_keys_and_has_one_name() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name '  Asha   Kumari Devi  Rao ' --email Asha@X.Example --mobile '098200 12345' --dob 1990-04-23 --timezone asia/kolkata --language EN-in").ok();
        let asha = p.json("user show asha@x.example");
        for (field, value) in [
            ("name", "Asha Kumari Devi Rao"),
            ("first_name", "Asha"),
            ("middle_name", "Kumari Devi"),
            ("last_name", "Rao"),
            ("email", "asha@x.example"),
            ("mobile", "+919820012345"),
            ("dob", "1990-04-23"),
            ("timezone", "Asia/Kolkata"),
            ("language", "en-IN"),
            ("status", "active"),
        ] {
            assert_eq!(asha[field], value, "{field}");
        }
        let code = asha["user_code"].as_str().expect("a code").to_owned();
        assert!(code.len() == 6 && !code.contains(['0', 'O', '1', 'I']), "{code}");
        for key in [code.as_str(), "ASHA@x.EXAMPLE", asha["id"].as_str().expect("an id")] {
            assert_eq!(p.json(&format!("user show {key}"))["name"], "Asha Kumari Devi Rao", "{key}");
        }
        // A part changes, the whole follows; and the other way round.
        p.run(&format!("user update {code} --last-name Rao-Iyer --middle-name ''")).ok();
        assert_eq!(p.json(&format!("user show {code}"))["name"], "Asha Rao-Iyer");
        p.run(&format!("user update {code} --name Madonna")).ok();
        assert_eq!(p.json(&format!("user show {code}"))["last_name"], json!(null));
        assert_eq!(p.column("user list --filter name=Madonna", "user_code"), [code.as_str()]);
        assert_eq!(p.column("user find 12345", "name"), ["Madonna"]);
        assert_eq!(p.column("user find mado", "name"), ["Madonna"]);
        // What is joined is no part of the trail: it says it once.
        assert!(!p.run(&format!("user history {code} -o json")).ok().contains("\"name\""));
        for (flags, exit, sentence) in [
            (
                "--email x@y.example",
                2,
                "error: the first_name of the user is missing\nhint: give it with --first-name TEXT\n",
            ),
            ("--name B --email ASHA@x.example", 4, "error: user asha@x.example exists already in ACME\n"),
            ("--name B --dob 2999-01-01", 6, "error: dob must be a day in the past\n"),
            ("--name B --dob 23/04/1990", 6, "error: dob must be a date like 1990-04-23, not '23/04/1990'\n"),
            ("--name B --can-login yes", 6, "error: can_login needs a username or an e-mail address\n"),
            ("--name B --user-code ABC12", 6, "error: user_code must be six letters or digits, not 'ABC12'\n"),
            (
                "--name B --timezone Mars/Base",
                6,
                "error: timezone must be a time zone like Asia/Kolkata, not 'Mars/Base'\n",
            ),
            (
                "--name B --language english",
                6,
                "error: language must be a language like en, hi or pt-BR, not 'english'\n",
            ),
            ("--name B --username 'a b'", 6, "error: username may hold only letters"),
        ] {
            let said = p.run(&format!("user create {flags}")).fails(exit);
            assert!(said.contains(sentence), "{flags}: {said}");
        }
        assert_eq!(int(p, "select count(*) from users"), 1);
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn a_block_ends_by_itself() {
    on_both_engines_with_acme(|p| {
        company(p);
        assert!(p.run("user block meena").fails(2).contains("give it with --reason"));
        assert!(p.run("user block meena --reason x --until 2020-01-01").fails(2).contains("in the past"));
        p.run("user block meena --reason 'lost laptop' --until 2h").ok();
        assert_eq!(p.column("user list --filter status=blocked", "username"), ["meena"]);
        assert_eq!(p.json("user show meena")["block_reason"], "lost laptop");
        p.wait(7201);
        assert_eq!(p.json("user show meena")["status"], "active");
        assert_eq!(p.run("user list --filter status=blocked -o key").ok(), "");
        p.run("user block meena --reason again").ok();
        p.wait(1_000_000);
        assert_eq!(p.json("user show meena")["status"], "blocked");
        p.run("user unblock meena").ok();
        assert_eq!(p.json("user show meena")["status"], "active");
        assert!(p.run("user unblock meena").fails(0).contains("is so already; nothing was changed"));
        assert_eq!(
            p.column("user history meena", "action"),
            ["create", "move", "create", "user_block", "user_block", "user_unblock"]
        );
        // Many at once, from a list.
        let keys = p.run("user list -o key").ok();
        p.run_with("user block - --reason audit", keys).fails(0);
        assert_eq!(p.column("user list --filter status=blocked", "username").len(), 4);
    });
}

#[test]
fn an_invitation_is_a_token_that_is_shown_once() {
    on_both_engines_with_acme(|p| {
        company(p);
        p.run("user create --name Nobody --username nobody").ok();
        assert!(p.run("user invite meena nobody").fails(4).contains("has no e-mail address to be invited at"));
        let dry = p.run("user invite meena --dry-run -o json").json();
        assert!(dry["dry_run"] == true && !dry.to_string().contains("token\":"), "{dry}");
        assert_eq!(int(p, "select count(*) from tokens"), 0);
        let told = p.run("user invite meena ravi --expires 2d -o json").json();
        let token = told[0]["token"].as_str().expect("a token");
        assert!(token.len() == 30 && told[1]["token"] != token, "{told}");
        // Who is there already stays active; the invitation is pending beside it.
        assert_eq!(p.column("user list --filter status=invited", "username").len(), 0);
        assert_eq!(p.column("user list --filter invited!= --sort username", "username"), ["meena", "ravi"]);
        assert_eq!(int(p, "select count(*) from tokens"), 2);
        // Another one ends the first.
        p.wait(60);
        let again = p.run("user invite meena -o json").json();
        assert_ne!(again[0]["token"], token);
        let open =
            "select count(*) from tokens where used_at is null and expires_at > (select max(created_at) from tokens)";
        assert_eq!(int(p, open), 2);
        for text in [p.run("audit list -o json --all").ok(), p.run("user dossier meena").ok()] {
            assert!(!text.contains(token), "{text}");
        }
        p.run("user deactivate ravi --orphan").ok();
        assert_eq!(p.json("user show ravi")["status"], "inactive");
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn who_leaves_hands_over_first() {
    on_both_engines_with_acme(|p| {
        company(p);
        let said = p.run("user deactivate ravi").fails(4);
        assert!(said.contains("can't be deactivated: 1 branch (manager): HQ; 1 user (reports_to): "), "{said}");
        assert!(
            said.contains("--reassign-to KEY") && said.contains("--orphan") && !said.contains("--cascade"),
            "{said}"
        );
        assert_eq!(p.json("user show ravi")["status"], "active");
        assert!(p.run("user deactivate ravi --reassign-to ravi").fails(2).contains("can't take over"));
        // The successor, who reported to the leaver, comes to report to the leaver's superior.
        p.run("user deactivate ravi --reassign-to old").ok();
        let (asha, old) = (p.json("user show asha"), p.json("user show old"));
        assert_eq!(old["reports_to"], asha["user_code"]);
        assert_eq!(p.json("branch show HQ")["manager"], old["user_code"]);
        assert_eq!(p.json("user show ravi")["status"], "inactive");
        // Two who leave together need nobody for each other.
        p.run("user deactivate asha old meena").fails(4);
        p.run("user deactivate asha old meena --orphan").ok();
        assert_eq!(p.json("branch show HQ")["manager"], json!(null));
        assert_eq!(p.column("user list --filter status=active", "username"), Vec::<String>::new());
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn two_users_become_one() {
    on_both_engines_with_acme(|p| {
        company(p);
        p.run("branch assign HQ ravi").ok();
        p.run("branch assign B2 ravi").ok();
        p.run("dept create --name Sales --manager ravi").ok();
        p.run("branch create --code OLD --name Old --manager ravi").ok();
        p.run("branch delete OLD --yes").ok();
        assert!(p.run("user merge ravi ravi --yes").fails(2).contains("the same user"));
        p.run("user merge ravi old").fails(2);
        p.run("user merge ravi old --yes").ok();
        let (asha, old) = (p.json("user show asha"), p.json("user show old"));
        assert_eq!(old["reports_to"], asha["user_code"], "not himself");
        assert_eq!(p.json("dept show Sales")["manager"], old["user_code"]);
        assert_eq!(p.json("branch show HQ")["manager"], old["user_code"]);
        // What was deleted is led by who stays once it comes back.
        p.run("branch restore OLD").ok();
        assert_eq!(p.json("branch show OLD")["manager"], old["user_code"]);
        let about: serde_json::Value = p.run("user dossier old").json();
        let links = about["records"]["user_branches"].as_array().map_or(0, Vec::len);
        assert_eq!(links, 2, "what the duplicate had: {about}");
        assert_eq!([&old["branch"], &old["branches"]], [&json!("HQ"), &json!(["HQ", "B2"])]);
        assert_eq!(p.json("user show ravi")["user_code"], old["user_code"], "that is what he was called");
        p.run("branch unassign B2 old --yes").ok();
        let said = p.run("branch unassign B2 old --yes").fails(3);
        assert!(said.contains("there is no user branch of branch B2 and user "), "{said}");
        // Last reports to Meena, who reports to Asha: nobody may stand below himself once Last is Asha too.
        p.run("user create --name 'Last One' --username last --reports-to meena").ok();
        let said = p.run("user merge asha last --yes").fails(0);
        assert!(said.starts_with("note: user ") && said.contains(" has no email, which only user "), "{said}");
        let last = p.json("user show last");
        assert_eq!([&last["reports_to"], &last["email"]], [&json!(null), &json!(null)]);
        assert_eq!(p.json("user show meena")["reports_to"], last["user_code"]);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn reporting_lines_are_shown_up_and_down() {
    on_both_engines_with_acme(|p| {
        company(p);
        assert_eq!(p.column("user reports asha", "name"), ["Asha Rao", "Meena Iyer", "Ravi Kumar", "Old Timer"]);
        assert_eq!(p.column("user reports asha --depth 2", "name"), ["Asha Rao", "Meena Iyer", "Ravi Kumar"]);
        assert_eq!(p.column("user reports old --up", "name"), ["Ravi Kumar", "Asha Rao"]);
        let said = p.run("user move asha --reports-to old").fails(4);
        assert!(said.contains("can't stand below itself"), "{said}");
        let stats = p.column("user stats", "group");
        assert_eq!(stats, ["status", "branch", "branch", "department"]);
        assert_eq!(p.run("user whoami -o json").json()["kind"], "operator");
    });
}

#[test]
fn an_organisation_has_no_more_users_than_it_may() {
    on_both_engines_with_acme(|p| {
        company(p);
        assert!(p.run("org update ACME --max-users 3").fails(4).contains("may have 3 users; this would make it 4"));
        p.run("org update ACME --max-users 4").ok();
        let full = "may have 4 users; this would make it 5";
        assert!(p.run("user create --name Fifth").fails(4).contains(full));
        let file = p.write("u.csv", "name\nFifth\n");
        assert!(
            p.run(&format!("user import {file} --key-field user_code --set user_code=FIFTH5")).fails(4).contains(full)
        );
        p.run("user deactivate old").ok();
        p.run("user create --name Fifth").ok();
        assert!(p.run("user activate old").fails(4).contains(full));
        p.run("user delete old --yes").ok();
        p.run("user restore old").ok();
        p.run("user delete meena --yes").ok();
        p.run("user create --name Sixth").ok();
        assert!(p.run("user restore meena").fails(4).contains(full));
        p.run("db check").ok();
        p.sql("update orgs set max_users = 1 where code = 'ACME'").expect("changed");
        assert!(p.run("db check").out.contains("organisation ACME may have 1 users, and has 4"));
    });
}

#[test]
fn a_password_is_set_checked_and_never_seen() {
    on_both_engines_with_acme(|p| {
        company(p);
        let good = "correct horse battery stable";
        for (password, sentence) in [
            ("hunter2", "the password must have 15 characters or more"),
            ("asha rao asha rao", "the password must"),
            ("aaaaaaaaaaaaaaaaaaaa", "the password must"),
        ] {
            let said = p.run_with("user passwd asha --password-stdin", password).fails(6);
            assert!(said.contains(sentence) && !said.contains(password), "{said}");
        }
        assert!(p.run("user check-password asha").fails(2).contains("--password-stdin"));
        p.run_with("user passwd asha --password-stdin", format!("{good}\n")).fails(0);
        p.run_with("user check-password asha --password-stdin", good).fails(0);
        // The same in another form of Unicode and of the line's end is the same.
        p.run_with("user check-password asha --password-stdin", "correct horse ｂattery stable\r\n").fails(0);
        assert!(
            p.run_with("user check-password asha --password-stdin", "wrong").fails(1).contains("is not the password")
        );
        let said = p.run_with("user passwd asha --password-stdin", good).fails(6);
        assert!(said.contains("must not be one that the user had before"), "{said}");
        // The present one and five before it are remembered; after six others it may come back.
        for i in 0..5 {
            p.run_with("user passwd asha --password-stdin", format!("another pass phrase no {i}")).fails(0);
            assert_eq!(p.run_with("user passwd asha --password-stdin", good).code, 6, "{i}");
        }
        p.run_with("user passwd asha --password-stdin", "the sixth pass phrase now").fails(0);
        p.run_with("user passwd asha --password-stdin", good).fails(0);
        let made = p.run("user passwd ravi --generate --must-change").ok();
        let made = made.trim_end();
        p.run_with("user check-password ravi --password-stdin", made).fails(0);
        assert_eq!(p.run("user passwd meena --generate --dry-run").ok(), "", "a dry run shows none");
        assert!(p.run_with("user check-password meena --password-stdin", made).fails(3).contains("has no password"));
        // One that is old is still right, and is told to be; the user's own days go before the organisation's.
        let check = "user check-password asha --password-stdin";
        assert_eq!(p.run_with(&format!("{check} -o json"), good).json()["expires_at"], serde_json::Value::Null);
        p.run("setting set password.expiry_days 90").ok();
        assert_eq!(p.run_with(&format!("{check} -o json"), good).json()["is_expired"], false);
        p.wait(91 * 24 * 3600);
        let said = p.run_with(check, good);
        assert!(said.err.contains("it has expired at 2027-02-"), "{}", said.err);
        said.fails(0);
        let wrong = p.run_with(&format!("{check} -o json"), "wrong");
        assert!(wrong.json().get("is_expired").is_none(), "who does not know it learns nothing");
        p.run("setting set password.expiry_days 365 --user asha").ok();
        assert!(!p.run_with(check, good).err.contains("expired"));
        p.run_with("user passwd asha --password-stdin", "the seventh pass phrase now").fails(0);
        p.run("setting reset password.expiry_days --user asha").ok();
        assert!(!p.run_with(check, "the seventh pass phrase now").err.contains("expired"));
        // Neither the passwords nor their hashes are told anywhere.
        let told = [
            p.run("user show asha -o json").ok(),
            p.run("user dossier asha").ok(),
            p.run("user export").ok(),
            p.run("audit list -o json --all").ok(),
        ];
        for text in told {
            assert!(!text.contains(good) && !text.contains(made) && !text.contains("$argon2"), "{text}");
        }
        assert_eq!(p.column("audit list --all --action password_change --status success", "key").len(), 10);
        assert_eq!(p.column("audit list --all --action password_change --status failed", "key").len(), 9);
        assert_eq!(int(p, "select count(*) from password_history"), 5);
        assert_eq!(p.run("user dossier ravi").json()["records"]["credentials"][0]["must_change"], json!(true));
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
        // They go with the user.
        p.run("user delete asha --orphan --yes").ok();
        p.run("user update ravi meena --reports-to ''").ok();
        p.run("user purge asha --yes").ok();
        assert_eq!(int(p, "select count(*) from credentials"), 1);
        assert_eq!(int(p, "select count(*) from password_history"), 0);
    });
}

/// A directory of another company: full names, superiors by name and further down, codes in part.
#[test]
fn a_directory_is_loaded_by_names() {
    on_both_engines_with_acme(|p| {
        p.run("dept create --name Finance").ok();
        let rows = "Employee Name,Emp ID,E-mail,Supervisor,Dept,User Code,Mobile\n\
                    Madeline Tatum Donaldson,MTD0971,Madeline@dtaa.example,Todd Rajah Peterson,Finance,,\n\
                    Todd Rajah Peterson,TRP0001,todd@dtaa.example,,Finance,TODD01,9820012345\n\
                    Prince,PPP,prince@dtaa.example,Madeline  Tatum Donaldson,,,\n";
        let file = p.write("u.csv", rows);
        let line = format!("user import {file} --map Supervisor=reports_to.name --map Dept=department.name");
        p.run(&line).ok();
        let madeline = p.json("user show MTD0971");
        assert_eq!(madeline["reports_to"], "TODD01");
        assert_eq!([&madeline["middle_name"], &madeline["department"]], [&json!("Tatum"), &json!("DEPT-001")]);
        assert_eq!(p.json("user show prince@dtaa.example")["reports_to"], madeline["user_code"]);
        let records = p.audit_records();
        let again = p.run(&format!("{line} --on-conflict update")).fails(0);
        assert!(again.contains("unchanged 3,"), "{again}");
        assert_eq!(p.audit_records(), records);
        // By parts of the name, and with two of the same name.
        let file = p.write(
            "v.csv",
            "first_name,last_name,external_id,boss\nAna,Li,A1,Bo Xu\nBo,Xu,A2,\nBo,Xu,A3,\nCy,Do,A4,Nobody Known\n",
        );
        let said = p.run(&format!("user import {file} --map boss=reports_to.name --keep-going")).fails(7);
        assert!(said.contains("rejected line 2, reports_to: several users have the name Bo Xu: "), "{said}");
        assert!(said.contains("rejected line 5, reports_to: no user has the name Nobody Known\n"), "{said}");
        // A name beside its parts is passed over, and that is said.
        let file = p.write("w.csv", "name,first_name,last_name,external_id\nX Y,Dee,Vu,A5\n");
        let said = p.run(&format!("user import {file}")).fails(0);
        assert!(said.contains("note: the column 'name' is passed over: first_name says more\n"), "{said}");
        assert_eq!(p.json("user show A5")["name"], "Dee Vu");
        // What it exports it reads back.
        let all = p.run("user export").ok();
        p.run("org create --code TWIN --name Twin").ok();
        p.run("dept create --name Finance --org TWIN").ok();
        p.run_with("user import - --org TWIN", &all).fails(0);
        assert_eq!(p.run("user export --org TWIN").ok(), all);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn passwords_come_with_the_file_for_new_users_only() {
    on_both_engines_with_acme(|p| {
        // Hash: django/tests/auth_tests/test_hashers.py, "lètmein".
        let django = "pbkdf2_sha256$36000$xIEozuZVAoYm$uW1b35DUKyhvQAf1mBqMvoBDcqSD06juzyO/nmyV0+w=";
        let file = p.write(
            "h.csv",
            format!("name,email,password_hash\nA One,a@x.example,{django}\nB Two,b@x.example,\nC Weak,c@x.example,5f4dcc3b5aa765d61d8327deb882cf99\n"),
        );
        let said = p.run(&format!("user import {file} --keep-going")).fails(7);
        assert!(said.starts_with("rejected line 4: password_hash must not be an MD5 or NT digest"), "{said}");
        p.run_with("user check-password a@x.example --password-stdin", "eicieY7ahchaoCh0eeTa").fails(0);
        let again = p.run_with("user check-password a@x.example --password-stdin", "eicieY7ahchaoCh0eeTa");
        assert!(!again.fails(0).contains("hashed with"), "only at the first success");
        assert_eq!(int(p, "select count(*) from credentials where password like '$argon2id$%'"), 1);
        let rejects = p.path("r.csv").display().to_string();
        let file = p.write(
            "p.csv",
            "name,email,password\nA One,a@x.example,correct horse battery stable\nD Four,d@x.example,short\n",
        );
        let line = format!("user import {file} --on-conflict update --keep-going --rejects {rejects}");
        let said = p.run(&line).fails(7);
        assert!(said.starts_with(&format!("warning: {rejects} will hold passwords of rejected rows")), "{said}");
        assert!(said.contains("--reset-passwords sets them\n"), "{said}");
        assert!(said.contains("password must have 15 characters or more") && !said.contains("short\n"), "{said}");
        p.run_with("user check-password a@x.example --password-stdin", "correct horse battery stable").fails(1);
        let said = p.run(&format!("{line} --reset-passwords")).fails(7);
        assert!(said.contains("updated 1,"), "{said}");
        p.run_with("user check-password a@x.example --password-stdin", "correct horse battery stable").fails(0);
        let records = p.audit_records();
        let said = p.run(&format!("{line} --reset-passwords")).fails(7);
        assert!(said.contains("unchanged 1,"), "{said}");
        assert_eq!(p.audit_records(), records);
        assert!(!p.run("audit list -o json --all").ok().contains("pbkdf2_sha256$"));
        // They leave only where that is asked for, and it is recorded; elsewhere they serve as they did.
        assert!(!p.run("user export").ok().contains("$argon2id$"));
        let said = p.run("user export --with-hashes");
        assert!(said.err.contains("warning: the export holds password hashes"), "{}", said.err);
        let all = said.ok();
        assert!(all.contains(",password_hash\n") && all.contains("$argon2id$"), "{all}");
        // Both exports are recorded.
        assert_eq!(p.audit_records(), records + 2);
        p.run("org create --code TWIN --name Twin").ok();
        p.run_with("user import - --org TWIN", &all).fails(0);
        p.run_with("user check-password a@x.example --org TWIN --password-stdin", "correct horse battery stable")
            .fails(0);
        // One that was used before is no new one.
        let reset = |password: &str| {
            let rows = format!("email,password\na@x.example,{password}\n");
            p.run_with("user import - --org ACME --on-conflict update --reset-passwords", rows)
        };
        reset("quite another battery staple").ok();
        let said = reset("correct horse battery stable").fails(6);
        assert!(said.contains("rejected line 2: password must not be one that the user had before"), "{said}");
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// What goes takes nothing unnoticed with it, and two that point at each other can both go.
#[test]
fn what_people_stand_in_is_protected_and_can_be_purged() {
    on_both_engines_with_acme(|p| {
        company(p);
        // Who leads can't be deactivated by a file either, nor can one who is inactive take over.
        let file = p.write("u.csv", "username,is_active\nravi,no\n");
        let said = p.run(&format!("user import {file} --on-conflict update")).fails(4);
        assert!(said.contains("can't be deactivated: 1 branch (manager): HQ"), "{said}");
        p.run("user deactivate meena").ok();
        let idle = "is not in use, and can take over nothing";
        assert!(p.run("user deactivate ravi --reassign-to meena").fails(4).contains(idle));
        assert!(p.run("user merge ravi meena --yes").fails(4).contains(idle));
        // Along a reporting line, in any order.
        p.run("user create --name 'Last One' --username last --reports-to old").ok();
        p.run("user deactivate old ravi --reassign-to last").ok();
        assert_eq!(p.json("user show last")["reports_to"], p.json("user show asha")["user_code"]);
        // A branch that somebody has besides his own.
        p.run("branch assign B2 last").ok();
        let said = p.run("branch delete B2 --yes").fails(4);
        assert!(said.contains("1 user-branch (branch): B2:") && said.contains("--orphan takes it from all"), "{said}");
        p.run("branch delete B2 --orphan --yes").ok();
        assert_eq!(p.json("user show last")["branches"], json!([]));
        p.run("branch purge B2 --yes").ok();
        // A branch and its manager who is there.
        p.run("branch create --code DEL --name Del").ok();
        p.run("user create --name 'Gone Soon' --username gone --branch DEL").ok();
        p.run("branch update DEL --manager gone").ok();
        p.run("branch delete DEL --cascade --yes").ok();
        assert_eq!(
            p.json("user show gone")["branch"],
            json!(null),
            "what goes with a branch is that somebody is of it"
        );
        p.run("user delete gone --orphan --yes").ok();
        p.run("user purge gone --yes").ok();
        p.run("branch purge DEL --yes").ok();
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// All branches of a person in one cell, his or her own first.
#[test]
fn a_list_of_branches_goes_in_and_out() {
    on_both_engines_with_acme(|p| {
        for code in ["MUM01", "PUN02", "DEL03"] {
            p.run(&format!("branch create --code {code} --name {code}")).ok();
        }
        let file = p.write(
            "u.csv",
            "external_id,name,branch,branches\nE1,Asha Rao,MUM01,MUM01;pun02\nE2,Ravi Iyer,,PUN02\nE3,Zoe K,DEL03,\n\
             E4,Bad One,MUM01,NOPE;PUN02\n",
        );
        let said = p.run(&format!("user import {file} --keep-going")).fails(7);
        assert!(said.starts_with("rejected line 5: branch NOPE does not exist\nread 4 rows: created 3,"), "{said}");
        let records = p.audit_records();
        let said = p.run(&format!("user import {file} --keep-going --on-conflict update")).fails(7);
        assert!(said.contains("created 0, updated 0, unchanged 3, rejected 1"), "{said}");
        assert_eq!(p.audit_records(), records);
        let told = |key: &str| {
            let user = p.json(&format!("user show {key}"));
            (user["branch"].clone(), user["branches"].clone())
        };
        assert_eq!(told("E1"), (json!("MUM01"), json!(["MUM01", "PUN02"])));
        assert_eq!(told("E2"), (json!(null), json!(["PUN02"])));
        let with = |filter: &str| {
            let mut found = p.column(&format!("user list --filter {filter}"), "external_id");
            found.sort();
            found
        };
        assert_eq!(with("branches=pun02"), ["E1", "E2"]);
        assert_eq!(with("branches=MUM01,DEL03"), ["E1", "E3"]);
        assert_eq!(with("branches!=PUN02"), ["E3"]);
        assert!(with("branches=").is_empty());
        assert!(p.run("user list --filter branches~P").fails(2).contains("branches is a list"));
        assert!(p.run("user list --sort branches").fails(2).contains("a list, which has no order"));
        // Without a column of its own, the first of the list is the person's own branch.
        let file = p.write("l.csv", "external_id,name,branch_code\nE1,Asha Rao,DEL03\nE5,New One,MUM01|DEL03\n");
        p.run(&format!("user import {file} --on-conflict update")).ok();
        assert_eq!(told("E1"), (json!("DEL03"), json!(["DEL03"])));
        assert_eq!(told("E5"), (json!("MUM01"), json!(["MUM01", "DEL03"])));
        assert_eq!(p.column("user history E1", "action"), ["create", "create", "create", "update", "delete"]);
        let out = p.write("out.csv", p.run("user export").ok());
        let said = p.run(&format!("user import {out} --on-conflict update")).fails(0);
        assert!(said.contains("created 0, updated 0, unchanged 4, rejected 0"), "{said}");
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// What files of other systems mean, and what they leave out.
#[test]
fn a_file_is_taken_at_its_word() {
    on_both_engines_with_acme(|p| {
        for (code, name) in [("MUM01", "Mumbai"), ("PUN02", "Pune")] {
            p.run(&format!("branch create --code {code} --name {name}")).ok();
        }
        // Six characters are the code that earlier systems gave; anything else is a number of the directory.
        let said = p.run_with("user import -", "userId,name\nABCDEF,Six Char\n").fails(0);
        assert!(said.contains("the column 'userId' is read as user_code"), "{said}");
        p.run_with("user import -", "userId,name\nE1001,Five Char\n").ok();
        assert_eq!(p.json("user show E1001")["external_id"], "E1001");
        // Only what a row needs that is loaded is made, and Sales is SALES.
        let rows = "external_id,name,department\nE1,Good,Sales\nE2,,Ghosts\nE3,Also Good,SALES\nE4,Third,\n";
        let said =
            p.run_with("user import - --create-missing --keep-going --map department=department.name", rows).fails(7);
        assert!(said.contains("created dept DEPT-001 (Sales)\n") && !said.contains("Ghosts"), "{said}");
        assert_eq!(p.column("dept list", "name"), ["Sales"]);
        let said = p.run_with(
            "user import - --create-missing --map department=department.name",
            "external_id,name,department\nE5,Fifth,sales\n",
        );
        said.ok();
        assert_eq!(p.column("dept members Sales", "external_id").len(), 3);
        // By its key too: what can't be a code is a name. A second time it is found by that.
        let rows = "external_id,name,department\nF1,First,3 - Field Service\nF2,Second,\"Ops, Pune\"\nF3,Third,3 - field service\n";
        let said = p.run_with("user import - --create-missing", rows).fails(0);
        assert!(
            said.starts_with("created dept DEPT-002 (3 - Field Service)\ncreated dept DEPT-003 (Ops, Pune)\n"),
            "{said}"
        );
        let said = p.run_with("user import - --create-missing --on-conflict update", rows).fails(0);
        assert!(said.contains("unchanged 3,"), "{said}");
        assert_eq!(p.column("user list --filter department=DEPT-002 --sort external_id", "external_id"), ["F1", "F3"]);
        // What can't be made is told why; what is not to be made, how it would be.
        let long = "A".repeat(201);
        let rows = format!("external_id,name,department,branch\nG1,First,{long},New York\n");
        let said = p.run_with("user import - --create-missing", &rows).fails(6);
        assert!(
            said.contains("... does not exist, and can't be made: name must be 200 characters or fewer, not 201\n"),
            "{said}"
        );
        assert!(
            said.contains("rejected line 2: branch New York does not exist, and can't be made: code may hold only "),
            "{said}"
        );
        let said = p.run_with("user import - --create-missing --map branch=branch.name", &rows).fails(6);
        assert!(
            said.contains("no branch has the name New York, and can't be made: a branch needs a code of its own\n"),
            "{said}"
        );
        let hint = "hint: --create-missing makes departments, branches and roles that are not there\n";
        let said = p.run_with("user import -", &rows).fails(6);
        assert!(said.contains("branch New York does not exist\n") && said.contains(hint), "{said}");
        let said = p.run_with("user import -", "external_id,name,Supervisor\nG1,First,Asha Rao\n").fails(6);
        assert!(said.contains("hint: --map 'Supervisor=reports_to.name' looks people up by their names\n"), "{said}");
        assert!(!said.contains(hint), "{said}");
        // A feed about one branch is about nobody else, and need not say so in every row.
        let feed = |rows: &str, more: &str| {
            p.run_with(&format!("user import - --sync --key-field external_id --scope branch=MUM01 {more}"), rows)
        };
        let said = feed("external_id,name\nE1,Good\n", "").fails(0);
        assert!(said.contains("note: 1 user has no external_id: the file can't tell whether they left"), "{said}");
        assert_eq!(p.json("user show E1")["branch"], "MUM01");
        let said = feed("external_id,name,branch\nE1,Good,PUN02\nE3,Also Good,MUM01\nE4,Third,\n", "").fails(6);
        assert!(said.contains("rejected line 2: branch is PUN02, and the file is about branch MUM01\n"), "{said}");
        assert!(said.contains("rejected line 4: branch is empty, and the file is about branch MUM01\n"), "{said}");
        // A number that two people share names neither.
        p.run("user update E1 --mobile '98200 12345'").ok();
        assert_eq!(p.json("user show 09820012345")["external_id"], "E1");
        p.run("user update E3 --mobile '98200 12345'").ok();
        let said = p.run("user show 09820012345").fails(4);
        assert!(said.starts_with("error: several users have the mobile 09820012345\nhint: name one: user "), "{said}");
        // Who may sign in has nothing to sign in with yet.
        let said = p.run("user update E1 --username good --can-login yes").fails(0);
        assert!(said.contains("has no password yet: 'orgctl user passwd "), "{said}");
        let said = p.run_with("user import -", "username,name,can_login\nnobody,No Body,yes\n").fails(0);
        assert!(said.contains("note: 2 who may sign in have no password"), "{said}");
        // Where somebody came from, as other software wrote it.
        let rows = "external_id,name,register_device_ip,register_device_info\n\
                    R1,One,::ffff:203.0.113.7,\"{\"\"os\"\": \"\"iOS\"\", \"\"app\"\": 2}\"\nR2,Two,2001:DB8::1,an old telephone\nR3,Three,203.0.113.0/24,\n";
        let said = p.run_with("user import - --keep-going", rows).fails(7);
        assert!(said.contains("rejected line 4: register_ip must be an address like 203.0.113.7"), "{said}");
        let user = p.json("user show R1");
        assert_eq!(
            [&user["register_ip"], &user["register_device"]],
            [&json!("203.0.113.7"), &json!({"app": 2, "os": "iOS"})]
        );
        assert_eq!(p.json("user show R2")["register_ip"], "2001:db8::1");
        assert_eq!(p.column("user list --filter register_ip=203.0.113.7", "external_id"), ["R1"]);
        let out = p.write("out.csv", p.run("user export").ok());
        let said = p.run(&format!("user import {out} --on-conflict update")).fails(0);
        assert!(said.contains("created 0, updated 0, unchanged "), "{said}");
        // Nobody is led by somebody who has left.
        p.run("user deactivate E3").ok();
        let said = p.run("branch update MUM01 --manager E3").fails(4);
        assert!(said.contains("is not in use, and can't be the manager"), "{said}");
        assert!(p.run("user move E1 --reports-to E3").fails(4).contains("can't be the reports_to"));
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// A post that reports to none that is there takes all below it along; what is wrong is told before what follows from it.
#[test]
fn an_organogram_tells_its_faults_by_line() {
    on_both_engines_with_acme(|p| {
        let posts = "Post,Name,Unit,Reports To,bio\nA2,Two,Policy,A1,\nA3,Three,Policy,A2,\nA1,One,Policy,XX,\"One\nand Only\"\n\
                     B1,Self,Trade,B1,\nB2,Fine,Trade,,\nB2,Again,Trade,,\n";
        let line = "user import - --map Post=external_id --map Unit=department.name --map 'Reports To=reports_to.external_id' \
                    --create-missing --keep-going";
        let said = p.run_with(line, posts).fails(7);
        let told: Vec<&str> = said.lines().take(6).collect();
        assert_eq!(
            told,
            [
                "rejected line 4, reports_to: no user has the external_id XX",
                "rejected line 6, reports_to: stands below itself: B1 > B1",
                "rejected line 8: external_id B2 stands in the file already, on line 7",
                "rejected line 2: reports_to A1 was rejected (line 4)",
                "rejected line 3: reports_to A2 was rejected (line 2)",
                "created dept DEPT-001 (Trade)",
            ]
        );
    });
}

/// The staff of a company, month by month.
#[test]
fn a_feed_is_the_whole_truth() {
    on_both_engines_with_acme(|p| {
        let staff = |rows: &str| p.write("staff.csv", format!("name,external_id,dept,superior\n{rows}"));
        let line = |file: &str, more: &str| {
            format!(
                "user import {file} --sync --key-field external_id --map dept=department.name --map superior=reports_to.external_id {more}"
            )
        };
        // Somebody who is in no directory is none of the feed's business.
        p.run("user create --name 'Night Watch' --username watch").ok();
        let first: String =
            (0..20).map(|i| format!("Person N{i},E{i},Works,{}\n", if i > 0 { "E0" } else { "" })).collect();
        let said = p.run(&line(&staff(&first), "")).fails(6);
        assert!(said.contains("no dept has the name Works"), "{said}");
        let planned = p.run(&line(&staff(&first), "--create-missing --dry-run")).fails(0);
        assert!(planned.contains("created dept DEPT-001 (Works)\n") && planned.contains("(Person N19)\n"), "{planned}");
        assert_eq!(int(p, "select count(*) from users"), 1);
        p.run(&line(&staff(&first), "--create-missing")).ok();
        assert_eq!(p.column("dept list", "name"), ["Works"]);
        let records = p.audit_records();
        let again = p.run(&line(&staff(&first), "")).fails(0);
        assert!(again.contains("unchanged 20, rejected 0, left 0"), "{again}");
        assert_eq!(p.audit_records(), records, "the same file again writes nothing");
        // One joins, one moves, one leaves.
        let next = first
            .replace("Person N19,E19,Works,E0\n", "Joiner One,E20,Works,E1\n")
            .replace("Person N3,", "Renamed N3,");
        let planned = p.run(&line(&staff(&next), "--dry-run -o json")).json();
        assert_eq!(
            [&planned["created"], &planned["updated"], &planned["unchanged"], &planned["left"]],
            [&json!(1), &json!(1), &json!(18), &json!(1)]
        );
        assert!(
            planned["movers"][0].as_str().expect("a mover").ends_with("(Renamed N3): name, first_name"),
            "{planned}"
        );
        assert!(planned["leavers"][0].as_str().expect("a leaver").ends_with("(Person N19)"), "{planned}");
        assert_eq!(p.audit_records(), records);
        p.run(&line(&staff(&next), "")).ok();
        assert_eq!(p.json("user show E19")["status"], "inactive");
        assert_eq!(p.json("user show watch")["status"], "active");
        // Half a file: refused, unless it is meant.
        let half: String = next.lines().take(10).map(|l| format!("{l}\n")).collect();
        let records = p.audit_records();
        let said = p.run(&line(&staff(&half), "")).fails(4);
        assert!(said.contains("10 of 20 users are not in the file, and at most 2 may leave at once: "), "{said}");
        assert_eq!(p.audit_records(), records + 1, "one record of the refusal");
        p.run("setting set feed.max_leavers_percent 50").ok();
        let said = p.run(&line(&staff(&half), "--leavers report")).fails(0);
        assert!(said.contains("not in the file: user") && said.contains("left 10"), "{said}");
        assert_eq!(p.column("user list --filter 'status=active external_id!='", "external_id").len(), 20);
        // Nobody leaves while a row can't be read: it may be about who seems to have left.
        let said = p.run(&line(&staff(&half.replace("Person N9,E9,", ",E9,")), "--keep-going")).fails(7);
        assert!(said.contains("nobody leaves while rows are rejected"), "{said}");
        assert_eq!(p.column("user list --filter 'status=active external_id!='", "external_id").len(), 20);
        // Who leads somebody who stays is named, and hands over.
        let without = next.replace("Person N1,E1,Works,E0\n", "");
        let said = p.run(&line(&staff(&without.replace(",E1\n", ",E0\n")), "")).fails(0);
        assert!(said.contains("(Person N1)\n"), "the file itself says whom they report to now: {said}");
        let headless = next.replace("Person N0,E0,Works,\n", "").replace(",E0\n", ",\n");
        p.run(&line(&staff(&headless), "--max-leavers 1")).ok();
        // They come back, and are blocked or deleted where that is asked for.
        p.run(&line(&staff(&next), "")).ok();
        assert_eq!(p.json("user show E0")["status"], "active");
        let fewer = next.replace("Person N5,E5,Works,E0\n", "");
        p.run("user block E5 --reason holiday --until 1s").ok();
        p.wait(5);
        p.run(&line(&staff(&fewer), "--leavers block")).ok();
        assert_eq!(p.json("user show E5")["status"], "blocked");
        let records = p.audit_records();
        let again = p.run(&line(&staff(&fewer), "--leavers block")).fails(0);
        assert!(again.contains("left 0") && p.audit_records() == records, "{again}");
        // Back in the file, back in the house.
        p.run(&line(&staff(&next), "--leavers block")).ok();
        assert_eq!(p.json("user show E5")["status"], "active");
        let said = p.run(&line(&staff(&fewer), "--reassign-to E5")).fails(4);
        assert!(said.contains("who is to take over is not in the file either"), "{said}");
        p.run(&line(&staff(&fewer), "--leavers delete")).ok();
        assert!(p.run("user show E5").fails(3).contains("is deleted"));
        // The truth about one department only.
        p.run("dept create --name Else").ok();
        p.run("user move E7 --department Else").ok();
        let one = staff("Person N7,E7,Else,E0\n");
        let said = p.run(&line(&one, "--scope dept=Else")).fails(0);
        assert!(said.contains("unchanged 1, rejected 0, left 0"), "{said}");
        assert!(p.run(&line(&one, "--scope team=x")).fails(2).contains("is no scope"));
        assert!(p.run("user import x.csv --scope dept=Else").fails(2).contains("--sync"));
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// What a second look at people found: each was wrong once.
#[test]
fn nobody_is_mistaken_or_left_with_somebody_who_is_gone() {
    on_both_engines_with_acme(|p| {
        company(p);
        // A word that means two people means neither.
        p.run("user create --name 'P P' --username pp --external-id 77").ok();
        p.run("user create --name 'R R' --username 77").ok();
        let said = p.run("user block 77 --reason x").fails(4);
        assert!(said.starts_with("error: 77 means two users: user ") && said.contains(" as external_id"), "{said}");
        // The own branch is no further one, however it came to be the own one.
        p.run("branch assign B2 asha").ok();
        p.run("branch assign HQ asha").ok();
        p.run("user move asha --branch B2").ok();
        assert_eq!(p.json("user show asha")["branches"], json!(["B2", "HQ"]));
        assert!(p.run("branch assign B2 asha").fails(0).contains("is there already; nothing was changed"));
        p.run("branch assign B2 old").ok();
        p.run("user merge old asha --yes").ok();
        assert_eq!(p.json("user show asha")["branches"], json!(["B2", "HQ"]));
        // A file lets nobody be led by somebody who is not there any more.
        p.run("user deactivate pp").ok();
        for (noun, rows) in [
            ("user", "external_id,name,reports_to\nZ1,Zed One,77\n"),
            ("branch", "code,name,manager\nZ1,Zed,77\n"),
            ("dept", "name,manager\nZed,77\n"),
        ] {
            let said = p
                .run_with(
                    &format!(
                        "{noun} import - --map {}",
                        match noun {
                            "user" => "reports_to=reports_to.external_id",
                            _ => "manager=manager.external_id",
                        }
                    ),
                    rows,
                )
                .fails(6);
            assert!(said.contains("user 77 is not in use, and can't be the "), "{said}");
        }
        // What a file makes of somebody has the name that it has by hand; and it may say who takes over.
        p.run_with("user import - --on-conflict update", "username,is_active\nravi,no\n").fails(4);
        p.run_with("user import - --on-conflict update --reassign-to asha", "username,is_active\nravi,no\n").ok();
        assert_eq!(p.column("user history ravi", "action").last().map(String::as_str), Some("deactivate"));
        assert_eq!(p.json("branch show HQ")["manager"], p.json("user show asha")["user_code"]);
        // A feed that says of many that they have left is stopped as if it had left them out.
        let rows: String = (0..6).map(|i| format!("F{i},Person F{i},{}\n", if i > 0 { "no" } else { "yes" })).collect();
        let new = rows.replace(",no\n", ",yes\n");
        let feed = |rows: &str, more: &str| {
            p.run_with(
                &format!("user import - --sync --key external_id {more}"),
                format!("external_id,name,is_active\n{rows}"),
            )
        };
        feed(&new, "").ok();
        let said = feed(&rows, "").fails(4);
        assert!(
            said.contains("5 of 6 users lose their access by the file, and at most 1 may leave at once: "),
            "{said}"
        );
        feed(&rows, "--max-leavers 5").ok();
        // Names that can't be.
        assert!(p.run("user update asha --name ''").fails(6).contains("error: name must not be empty"));
        assert!(p.run("user create --name 'Y Z' --first-name X").fails(2).contains("--name and --first-name both"));
        // By the names that earlier systems had.
        p.run("user move meena --reports-to asha").ok();
        let code = p.json("user show asha")["user_code"].as_str().expect("a code").to_owned();
        let led = p.column(&format!("user list --filter 'manager={code} status=active'"), "username");
        assert_eq!(led, ["meena"]);
        // What is told of an invitation and of a password.
        p.run("user invite meena").ok();
        assert_eq!(p.run("user dossier meena").json()["records"]["tokens"][0]["purpose"], "invitation");
        p.run_with("user passwd meena --password-stdin", "a rather long pass phrase").ok();
        let last = p.run("user history meena -o json").json();
        let last = last.as_array().and_then(|l| l.last()).expect("a record").clone();
        assert_eq!([&last["action"], &last["details"]["password"]], [&json!("password_change"), &json!("changed")]);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// Several at once: all or none, or each by itself where that is asked for.
#[test]
fn many_are_changed_together_or_one_by_one() {
    on_both_engines_with_acme(|p| {
        company(p);
        let records = p.audit_records();
        assert!(p.run_with("user block - --reason leak", "asha\nnobody\nold\n").fails(3).contains("nobody"));
        assert_eq!(int(p, "select count(*) from users where blocked"), 0);
        let said = p.run_with("user block - --reason leak --keep-going", "asha\nnobody\nold\n").fails(7);
        assert!(said.contains("failed nobody: user nobody does not exist\n"), "{said}");
        assert!(said.contains("done 2, failed 1\n") && said.contains("1 of 3 could not be done"), "{said}");
        assert_eq!(p.column("user list --filter status=blocked", "username").len(), 2);
        assert_eq!(p.audit_records(), records + 2, "what was not found is no refusal");
        let said = p.run("user deactivate ravi meena --keep-going").fails(7);
        assert!(said.contains("deactivated user ") && said.contains("failed ravi: user "), "{said}");
        p.run("user unblock asha old --keep-going").ok();
        p.run("branch deactivate B2 --keep-going").ok();
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}
