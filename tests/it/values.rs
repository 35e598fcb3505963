//! What a flag, a form or a cell may hold: names, phone numbers, e-mail addresses, and texts of which nothing is seen.

use serde_json::json;

use crate::harness::{TestEnv, on_both_engines_after, on_both_engines_with_acme};

/// The parts of the name of the one user with this username.
#[track_caller]
fn parts(p: &TestEnv, username: &str) -> [String; 4] {
    let user = p.json(&format!("user show {username}"));
    ["first_name", "middle_name", "last_name", "name"].map(|f| user[f].as_str().unwrap_or_default().to_owned())
}

/// What an editor would do: set one line of the form.
fn edit(p: &TestEnv, line: &str, field: &str, text: &str) -> crate::harness::Output {
    let editor = p.write("editor.sh", format!("#!/bin/sh\nsed -i 's|^{field} = .*|{field} = \"{text}\"|' \"$1\"\n"));
    let mut env = p.env.clone();
    env.insert("EDITOR".into(), format!("sh {editor}"));
    p.run_with_env(line, &env, false)
}

#[test]
fn one_comma_in_a_name_stands_behind_the_last_name() {
    on_both_engines_with_acme(|p| {
        p.run("user create --username a1 --name 'Rao, Asha Devi'").ok();
        assert_eq!(parts(p, "a1"), ["Asha", "Devi", "Rao", "Asha Devi Rao"]);
        edit(p, "user update a1 --edit", "name", "van der Berg, Jan").ok();
        assert_eq!(parts(p, "a1"), ["Jan", "", "van der Berg", "Jan van der Berg"]);
        p.run("user update a1 --name 'Jan van der Berg'").ok();
        assert_eq!(parts(p, "a1"), ["Jan", "", "van der Berg", "Jan van der Berg"], "it is so already");
        let file =
            p.write("u.csv", "username,name\nb1,\"AARON, ELVIA J\"\nb2,\"KING, MARTIN LUTHER, JR.\"\nb3,\"RAO,\"\n");
        let said = p.run(&format!("user import {file} --key username --keep-going")).fails(7);
        assert!(said.contains("rejected line 3: name has several commas, of which none is sure"), "{said}");
        assert!(said.contains("give first_name and last_name instead\n"), "{said}");
        assert!(said.contains("rejected line 4: name has nothing on one side of its comma"), "{said}");
        assert_eq!(parts(p, "b1"), ["ELVIA", "J", "AARON", "ELVIA J AARON"]);
        p.run("user update a1 --name '山田、花子'").ok();
        assert_eq!(parts(p, "a1"), ["花子", "", "山田", "花子 山田"]);
        p.run("user update a1 --name 'van der Berg, Jan'").ok();
        // A whole name in the place of a part of it.
        let wrong = "must not hold a comma; where it is all of a name, as 'Smith, John', give that as name";
        for name in ["Smith, John", "Smith，John", "山田、花子"] {
            for (flag, field) in [("--first-name", "first_name"), ("--middle-name", "middle_name")] {
                let run = |words: &[&str]| p.run_words(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(), b"");
                let said = run(&["user", "update", "a1", flag, name]).fails(6);
                assert!(said.starts_with(&format!("error: {field} {wrong}\n")), "{said}");
                let said = run(&["user", "create", "--first-name", "x", flag, name]);
                assert!(said.code == 2 || said.err.contains(wrong), "{}", said.err);
                let said = edit(p, "user update a1 --edit", field, name).fails(6);
                assert!(said.contains(&format!("{field} {wrong}")), "{said}");
                let rows = format!("username,last_name,{field}\na1,Rao,\"{name}\"\n");
                let said = p.run_with("user import - --key username --on-conflict update", rows).fails(6);
                assert!(said.contains(&format!("rejected line 2: {field} {wrong}\n")), "{said}");
            }
        }
        for (name, field) in [("Rao,", "--last-name"), (",Rao", "--last-name"), ("Rao，", "--last-name")] {
            let run = |words: &[&str]| p.run_words(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(), b"");
            let wrong = "last_name must not begin or end with a comma\n";
            let said = run(&["user", "update", "a1", field, name]).fails(6);
            assert_eq!(said, format!("error: {wrong}"));
            assert!(edit(p, "user update a1 --edit", "last_name", name).fails(6).contains(wrong));
            let rows = format!("username,first_name,last_name\nz1,Asha,\"{name}\"\n");
            assert!(p.run_with("user import - --key username", rows).fails(6).contains(wrong));
        }
        p.run("user create --username k1 --first-name 'Martin Luther' --last-name 'King, Jr.'").ok();
        assert_eq!(parts(p, "k1"), ["Martin Luther", "", "King, Jr.", "Martin Luther King, Jr."]);
        p.run("user delete k1 --yes").ok();
        for name in ["Rao,", ", Asha", "King, Martin, Jr.", "山田、花子、子"] {
            let said = p.run_words(&["user", "update", "a1", "--name", name].map(str::to_owned), b"").fails(6);
            assert!(said.contains("error: name has "), "{said}");
            assert!(edit(p, "user update a1 --edit", "name", name).fails(6).contains("name has "));
        }
        // Whoever is named so elsewhere is found.
        let file = p.write("u.csv", "username,name,Boss\nc1,Ravi,\"Aaron, Elvia J\"\nc2,Meena,\"AARON, ELVIA J\"\n");
        let said = p.run(&format!("user import {file} --key username --map Boss=reports_to.name --keep-going"));
        assert!(said.err.contains("created 1,"), "{}", said.err);
        // What is exported comes back, with one column for the name too.
        let all = p.run("user export --columns username,name").ok();
        p.run_with("user import - --key username --on-conflict update", &all).ok();
        assert_eq!(parts(p, "a1"), ["Jan", "", "van der Berg", "Jan van der Berg"]);
    });
}

#[test]
fn text_of_which_nothing_is_seen_is_empty() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One --city Pune").ok();
        p.run("user create --username a1 --name Asha").ok();
        for blank in
            ["", " ", "\u{a0}", "\u{200b}", "\u{feff}", "\u{3000}", "\u{2028}", "\u{85}", "\u{3164}", "\u{2800}"]
        {
            let run = |words: &[&str]| p.run_words(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(), b"");
            let said = run(&["user", "create", "--name", blank]).fails(6);
            assert!(said.starts_with("error: name must not be empty\n"), "{blank:?} {said}");
            let said = run(&["user", "update", "a1", "--name", blank]).fails(6);
            assert!(said.starts_with("error: name must not be empty\n"), "{blank:?} {said}");
            let said = run(&["user", "update", "a1", "--first-name", blank]).fails(6);
            assert!(said.starts_with("error: first_name must not be empty\n"), "{blank:?} {said}");
            assert!(edit(p, "user update a1 --edit", "name", blank).fails(6).contains("error: name must not be empty"));
            assert!(
                run(&["branch", "create", "--code", "B2", "--name", blank]).fails(6).contains("name must not be empty")
            );
            assert!(run(&["dept", "create", "--name", blank]).fails(6).contains("name must not be empty"));
            run(&["branch", "update", "B1", "--city", blank]).ok();
            assert_eq!(p.json("branch show B1")["city"], json!(null), "{blank:?}");
            run(&["branch", "update", "B1", "--city", "Pune"]).ok();
            let said = p.run_with("user import - --key username", format!("username,name\nz1,\"{blank}\"\n")).fails(6);
            assert!(said.contains("rejected line 2: name must not be empty\n"), "{blank:?} {said}");
            // Nor is it anybody's last name.
            run(&["user", "update", "a1", "--name", &format!("Asha {blank}")]).ok();
            assert_eq!(parts(p, "a1"), ["Asha", "", "", "Asha"]);
        }
    });
}

#[test]
fn a_part_of_a_name_keeps_its_limit() {
    on_both_engines_with_acme(|p| {
        let (long, longer) = ("x".repeat(200), "x".repeat(201));
        p.run(&format!("user create --username a1 --name '{long} {long} {long}'")).ok();
        assert!(
            p.run(&format!("user create --name 'Asha {longer}'"))
                .fails(6)
                .contains("error: name: last_name must be 200 characters or fewer, not 201\n")
        );
        assert!(p.run(&format!("user update a1 --name '{longer}'")).fails(6).contains("name: first_name must be 200"));
        let said = p.run(&format!("user update a1 --first-name '{longer}'")).fails(6);
        assert!(said.starts_with("error: first_name must be 200"), "{said}");
        let rows = format!("username,name\nb1,Asha\nb2,{longer} Rao\nb3,\"Rao, A {longer}\"\n");
        let said = p.run_with("user import - --key username --keep-going", rows).fails(7);
        assert!(
            said.contains("rejected line 3, name: first_name must be 200 characters or fewer, not 201\n"),
            "{said}"
        );
        assert!(
            said.contains("rejected line 4, name: middle_name must be 200 characters or fewer, not 201\n"),
            "{said}"
        );
        assert!(said.contains("created 1,"), "{said}");
        let said =
            p.run_with("user import - --key username --on-conflict update", format!("username,name\nb1,{longer} R\n"));
        assert!(said.fails(6).contains("rejected line 2, name: first_name must be 200"));
    });
}

#[test]
fn a_phone_number_that_is_possible_is_taken_with_a_note() {
    on_both_engines_with_acme(|p| {
        // No region of the North American plan has the code 555.
        let said = p.run("branch create --code B1 --name One --phone +15551234567");
        assert_eq!(p.json("branch show B1")["phone"], "+15551234567");
        assert!(said.err.contains("note: phone +15551234567 is possible, but not known to be valid\n"), "{}", said.err);
        let said = edit(p, "branch update B1 --edit", "phone", "+1 555 123 4568");
        assert!(said.err.contains("note: phone +15551234568 is possible"), "{}", said.err);
        let said = p.run("branch update B1 --phone '+91 22 2345 6789'");
        assert!(said.code == 0 && !said.err.contains("note:"), "{}", said.err);
        // What a spreadsheet or a slip of the hand has spoilt would become another number.
        for (spoilt, why) in [
            ("9876543210.0", "is a number that a spreadsheet made of one"),
            ("919876543210,00", "is a number that a spreadsheet made of one"),
            ("9.87654321E9", "has a letter among its digits"),
            ("98765 4321O", "has a letter among its digits"),
            ("+91 9876S 43210", "has a letter among its digits"),
        ] {
            let said = p.run(&format!("branch update B1 --phone '{spoilt}'")).fails(6);
            assert!(said.contains(&format!("'{spoilt}' {why}\n")), "{said}");
            let said = p.run_with("branch import -", format!("code,name,phone\nB9,Nine,\"{spoilt}\"\n")).fails(6);
            assert!(said.contains(why), "{said}");
        }
        for (good, kept) in [
            ("022.2345.6789", "+912223456789"),
            ("022-23456789 (O)", "+912223456789"),
            ("Ph: 022 23456789", "+912223456789"),
            ("0091 22 2345 6789", "+912223456789"),
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("+1 800 FLOWERS", "+18003569377"),
        ] {
            p.run(&format!("branch update B1 --phone '{good}'")).ok();
            assert_eq!(p.json("branch show B1")["phone"], kept, "{good}");
        }
        for none in ["12", "022 2345", "call reception", "+91 123456789012345", "+999 12345678"] {
            let said = p.run(&format!("branch update B1 --phone '{none}'")).fails(6);
            assert!(said.contains("error: phone must be a phone number like +91 22 2345 6789"), "{said}");
        }
    });
}

#[test]
fn a_domain_has_one_spelling() {
    on_both_engines_with_acme(|p| {
        p.run("user create --username a1 --name Asha --email Asha@BÜCHER.example").ok();
        assert_eq!(p.json("user show a1")["email"], "asha@bücher.example");
        for same in [
            "asha@xn--bcher-kva.example",
            "ASHA@XN--BCHER-KVA.EXAMPLE",
            "asha@bu\u{308}cher。example",
            "asha@bücher．example",
        ] {
            assert_eq!(p.json(&format!("user show {same}"))["username"], "a1", "{same}");
            assert_eq!(p.column(&format!("user list --filter email={same}"), "username"), ["a1"], "{same}");
            p.run(&format!("user create --name Twin --email {same}")).fails(4);
            let said = p.run_with("user import -", format!("name,email\nTwin,{same}\n")).fails(6);
            assert!(said.contains("exists already"), "{said}");
        }
        // A mark is part of the name: another mailbox.
        p.run("user create --username a2 --name Asha --email asha@bucher.example").ok();
        p.run("org update ACME --contact-email Info@XN--BCHER-KVA.example").ok();
        assert_eq!(p.json("org show ACME")["contact_email"], "Info@bücher.example");
        for good in
            ["root@localhost", "\"a b\"@x.example", "o'neil+tag@sub.x-y.example", "रवि@उदाहरण.भारत", "a@1.example"]
        {
            p.run_words(&["branch", "create", "--code", "X", "--name", "X", "--email", good].map(str::to_owned), b"")
                .ok();
            p.run("branch delete X --yes").ok();
        }
        for bad in [
            "test@iana/icann.org",
            "a@b_c.com",
            "test@[255.255.255.256]",
            "a@[192.0.2.1]",
            "a@[IPv6:::1]",
            "a@192.0.2.1",
            "a@１９２.0.2.1",
            "a@0x7f",
            "a@x.0X7F",
            "a@x.example:25",
            "a@x.example,b@x.example",
            "a@-x.example",
            "a@x-.example",
            "a@x..example",
            "a@x.example.",
            "a@.example",
            "a@xn--a.example",
            "a@x y.example",
            "a@",
            "@x.example",
            "a@x@y.example",
            "Asha <a@x.example>",
            &format!("a@{}.example", "x".repeat(64)),
            "a@\u{200b}.example",
        ] {
            let run = |words: [&str; 6]| p.run_words(&words.map(str::to_owned), b"");
            let said = run(["user", "create", "--name", "N", "--email", bad]).fails(6);
            assert!(said.contains("error: email must be an e-mail address like name@example.com"), "{bad}: {said}");
            assert_eq!(run(["org", "update", "ACME", "--contact-email", bad, "--quiet"]).code, 6, "{bad}");
        }
    });
}

#[test]
fn a_moment_beyond_the_calendar_is_a_mistake_of_the_command() {
    on_both_engines_after("init --org-code ACME", |p| {
        p.run("user create --username a1 --name Asha").ok();
        for time in ["96400000d", "4294967295w", "+262142-01-01T00:00:00Z", "0001-01-01", "99999-01-01"] {
            p.run(&format!("user block a1 --reason x --until {time}")).fails(2);
            p.run(&format!("audit list --since {time}")).fails(2);
            p.run(&format!("user list --filter 'created_at>{time}'")).fails(2);
        }
    });
}

#[test]
fn what_cant_be_read_in_a_file_is_left_blank_where_that_is_said() {
    on_both_engines_with_acme(|p| {
        let rows = "code,name,phone,city,email\nB1,One,+1 555 123 4567,Pune,x\nB2,Two,reception,XX,b@x.example\nB3,Three,12,-,\n";
        let file = p.write("b.csv", rows);
        p.run(&format!("branch import {file}")).fails(6);
        let line = format!("branch import {file} --on-invalid phone=blank --on-invalid email=blank --none xx --none -");
        let said = p.run(&line);
        assert!(said.err.starts_with("note: 1 phone number is possible but not known to be valid\nleft blank, for they can't be read: phone 2, email 1\n"), "{}", said.err);
        said.ok();
        assert_eq!(p.column("branch list", "phone"), ["+15551234567", "null", "null"]);
        assert_eq!(p.column("branch list", "city"), ["Pune", "null", "null"]);
        let said = p.run(&format!("{line} --on-conflict update -o json")).json();
        assert_eq!([&said["blanked"], &said["possible_phones"]], [&json!({"phone": 2, "email": 1}), &json!(1)]);
        for (flags, sentence) in [
            ("--on-invalid name=blank", "it can't be left blank"),
            ("--on-invalid code=blank", "it can't be left blank"),
            ("--on-invalid phone", "write FIELD=blank"),
            ("--on-invalid fax=blank", "a branch has no such field"),
            ("--on-invalid manager=blank", "it refers to a record"),
            ("--none ''", "names no word"),
        ] {
            assert!(p.run(&format!("branch import {file} {flags}")).fails(2).contains(sentence), "{flags}");
        }
    });
}

/// A value may be read and yet be none: a postal code of another country, a day of birth to come, a budget below nothing.
#[test]
fn what_breaks_a_rule_between_fields_is_left_blank_too() {
    on_both_engines_with_acme(|p| {
        let rows = "username,name,dob,country,pincode\na1,A One,2999-01-01,India,400001\na2,B Two,1990-04-23,India,0000\n\
                    a3,C Three,1990-04-23,Germany,80331\n";
        p.run_with("user import - --key username", rows).fails(6);
        let said = p.run_with("user import - --key username --on-invalid dob=blank", rows).fails(6);
        assert!(said.contains("rejected line 3: pincode ") && said.contains("rejected 1;"), "{said}");
        let line = "user import - --key username --on-invalid dob=blank --on-invalid pincode=blank";
        let said = p.run_with(line, rows).fails(0);
        assert!(said.starts_with("left blank, for they can't be read: dob 1, pincode 1\n"), "{said}");
        let columns = |column| p.column("user list --sort username", column);
        assert_eq!(columns("dob"), ["null", "1990-04-23", "1990-04-23"]);
        assert_eq!(columns("pincode"), ["400001", "null", "80331"]);
        // Who is there keeps what he has: what is blank here is known better elsewhere.
        let rows = "username,pincode\na1,99\na2,560001\na3,123\na4,1\n";
        let said = p.run_with(&format!("{line} --on-conflict update --keep-going"), rows).fails(7);
        assert!(said.contains("rejected line 5: first_name must not be empty\n"), "{said}");
        assert!(said.contains("updated 1, unchanged 2,"), "{said}");
        assert_eq!(columns("pincode"), ["400001", "560001", "80331"]);
        let rows = "code,name,budget\nD1,One,-5\nD2,Two,5\n";
        p.run_with("dept import - --on-invalid budget=blank", rows).ok();
        assert_eq!(p.column("dept list", "budget"), ["null", "5.00"]);
        let said = p.run_with("user import - --on-invalid name=blank", "name,email\nA,a@x.example\n").fails(2);
        assert!(said.contains("--on-invalid name=blank: it can't be left blank"), "{said}");
        p.run("db check").ok();
    });
}

#[test]
fn what_a_spreadsheet_writes_for_nothing_is_nobody() {
    on_both_engines_with_acme(|p| {
        for word in [
            "#N/A",
            "#REF!",
            "#VALUE!",
            "#NAME?",
            "#DIV/0!",
            "#NULL!",
            "#NUM!",
            "#n/a",
            "#WERT!",
            "#BEZUG!",
            "#NV",
            "#¡VALOR!",
            "#¿NOMBRE?",
            "#NOM?",
            "#ЗНАЧ!",
            "#Н/Д",
            "#DEĞER!",
            "#SAYI/0!",
            "#GETTING_DATA",
            "######",
            "Err:502",
        ] {
            let rows = format!("name,email,department\nA One,a@x.example,{word}\n");
            let said = p.run_with("user import - --map department=department.name --create-missing", rows).fails(6);
            assert!(
                said.starts_with(&format!("rejected line 2: department holds {word}, which a spreadsheet writes")),
                "{said}"
            );
        }
        let rows = "name,email,department\nA One,a@x.example,0\n";
        let line = "user import - --map department=department.name --create-missing";
        let said = p.run_with(line, rows).fails(6);
        assert!(said.contains("rejected line 2, department: no dept has the name 0"), "{said}");
        p.run("dept create --name 0").ok();
        p.run_with(line, rows).ok();
        // Nor is what other programs write for nothing: it is told, and said to be none.
        for word in
            ["0.00", "00", "-", "--", "N/A", "n/a", "NA", "NULL", "(null)", "None", "nan", "\\N", "FALSE", "(blank)"]
        {
            let rows = format!("name,email,department\nC Three,c@x.example,{word}\n");
            let said = p.run_with(line, &rows).fails(6);
            let told = format!(
                "no dept has the name {word}, and can't be made: that may mean none; --none '{word}' says so\n"
            );
            assert!(said.contains(&told), "{said}");
            let by_key = "user import - --create-missing";
            let said = p.run_with(by_key, rows.replace("department", "branch")).fails(6);
            assert!(said.contains(" does not exist, and can't be made: that may mean none; --none '"), "{said}");
            assert_eq!(p.run_with(&format!("{line} --dry-run --none '{word}'"), &rows).code, 0);
        }
        assert_eq!(p.column("dept list", "name"), ["0"]);
        assert_eq!(p.run("branch list -o key").ok(), "");
        let rows = "name,email,department,reports_to\nB Two,b@x.example,xx,XX\n";
        p.run_with(&format!("{line} --none XX"), rows).ok();
        assert_eq!(p.column("user list --filter email=b@x.example", "department"), ["null"]);
    });
}

/// No text in any field leads to "integrity broken" or to a crash.
#[test]
fn no_input_breaks_integrity() {
    use orgctl::model::kinds::Kinds;
    let long = "é".repeat(20_000);
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("dept create --code D1 --name One").ok();
        p.run("user create --username u1 --name One").ok();
        for desc in Kinds::default().resources() {
            let key = match desc.noun {
                "org" => "ACME",
                "branch" => "B1",
                "dept" => "D1",
                _ => "u1",
            };
            for field in desc.settable() {
                let flag = format!("--{}", field.name().replace('_', "-"));
                for text in ["", "\u{200b}", "\u{2028}x\u{85}", "ﬁİß\u{301}", ", ,", "-1", &long] {
                    let words = [desc.noun, "update", key, &flag, text].map(str::to_owned);
                    let said = p.run_words(&words, b"");
                    assert!([0, 2, 3, 4, 6].contains(&said.code), "{words:?} {} {}", said.code, said.err);
                    if said.code == 0 && desc.is_key(field) {
                        // The record is to be found again by what it was called.
                        let back = [desc.noun, "update", text, &flag, key].map(str::to_owned);
                        p.run_words(&back, b"");
                    }
                }
            }
        }
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}
