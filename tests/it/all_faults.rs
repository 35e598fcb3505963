//! A rejected row tells all that is wrong with it, each fault with its column, and counts once.

use serde_json::json;

use crate::harness::{Output, TestEnv, on_both_engines_with_acme};

/// `line column code` of each fault, in the order of the report.
fn faults(said: &Output) -> Vec<String> {
    let report = said.json();
    let word = |v: &serde_json::Value| v.as_str().unwrap_or("-").to_owned();
    let rejects = report["rejects"].as_array().expect("rejects").iter();
    rejects.map(|r| format!("{} {} {}", r["line"], word(&r["column"]), word(&r["code"]))).collect()
}

fn import(p: &TestEnv, line: &str, rows: &str) -> Output {
    let file = p.write("f.csv", rows);
    p.run(&format!("{} -o json", line.replace("FILE", &file)))
}

#[test]
fn a_row_tells_all_its_faults_and_counts_once() {
    on_both_engines_with_acme(|p| {
        let rejects = p.path("r.csv").display().to_string();
        let rows = "phone,code,name,email,pincode,parent\n12,B1,,x,000000,NOPE\n,B2,Two,,,\n#N/A,B3,Three,,400001,\n";
        let file = p.write("b.csv", rows);
        let said = p.run(&format!("branch import {file} --keep-going --rejects {rejects}"));
        let told: Vec<&str> = said.err.lines().filter(|l| l.starts_with("rejected ")).collect();
        let begins = [
            "rejected line 2: phone must be a phone number",
            "rejected line 2: name must not be empty",
            "rejected line 2: email must be an e-mail address",
            "rejected line 2: pincode '000000' is no postal code",
            "rejected line 2, parent: branch NOPE does not exist",
            "rejected line 4: phone holds #N/A, ",
        ];
        assert_eq!(told.len(), begins.len(), "{}", said.err);
        assert!(told.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{}", said.err);
        assert!(said.err.contains("read 3 rows: created 1, updated 0, unchanged 0, rejected 2 ("), "{}", said.err);
        assert!(!said.err.contains("more rejected"), "{}", said.err);
        said.fails(7);
        let written = p.read("r.csv");
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!(lines.len(), 3, "{written}");
        let begin = "12,B1,,x,000000,NOPE,2,phone;name;email;pincode;parent,invalid;invalid;invalid;invalid;not_found,";
        assert!(lines[1].starts_with(begin), "{written}");
        assert!(lines[1].contains("; name must not be empty; email must be "), "{written}");
        // Fed back it is the same row, and mended it is loaded.
        let again = p.path("s.csv").display().to_string();
        p.run(&format!("branch import {rejects} --keep-going --rejects {again}")).fails(7);
        assert_eq!(
            p.read("s.csv").replace(",2,phone", ",_,phone"),
            written.replace(",2,phone", ",_,phone").replace(",4,phone", ",3,phone")
        );
        let mended = written.replacen("12,B1,,x,000000,NOPE", ",B1,One,,400001,B2", 1).replace("#N/A", "");
        p.run_with("branch import -", mended).ok();
        assert_eq!(p.column("branch list", "code"), ["B1", "B2", "B3"]);
    });
}

#[test]
fn faults_of_every_kind_stand_beside_each_other() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code OLD --name Old").ok();
        p.run("branch create --code OUT --name Out").ok();
        p.run("branch deactivate OUT").ok();
        let rows = "external_id,name,dob,password,can_login,branch,department,reports_to,mobile,gender\n\
                    E1,,2999-01-01,short,yes,OUT,NODEPT,NOBODY,12,x\n\
                    E2,Two,soon,,no,OLD,,,,\n";
        let said = import(p, "user import FILE", rows);
        assert_eq!(said.json()["rejected"], 2);
        assert_eq!(
            faults(&said),
            [
                "2 name required",
                "2 dob invalid",
                "2 password invalid",
                "2 can_login invalid",
                "2 branch conflict",
                "2 department not_found",
                "2 reports_to not_found",
                "2 mobile invalid",
                "2 gender invalid",
                "3 dob invalid",
            ]
        );
        // What can't be read is held against no rule: an address may be meant, and another country.
        let rows =
            "external_id,name,email,can_login,pincode,country\nE1,One,x,yes,,\nE2,Two,b@x.in,maybe,SW1A 1AA,\u{1}UK\n";
        assert_eq!(
            faults(&import(p, "user import FILE", rows)),
            ["2 email invalid", "3 can_login invalid", "3 country invalid"]
        );
        // A form that can't be read is told alone.
        let rows = "external_id,name,dob,mobile\nE1,One,soon\nE2,T\"wo,soon,12\n";
        assert_eq!(faults(&import(p, "user import FILE", rows)), ["2 - field_count", "3 name quote"]);
    });
}

#[test]
fn changes_and_doubles_tell_all_their_faults() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'A One' --external-id E1 --email a@x.in").ok();
        let rows = "external_id,mobile,dob,reports_to\nE1,12,2999-01-01,NOBODY\n";
        assert_eq!(
            faults(&import(p, "user import FILE --on-conflict update", &format!("{rows}E1,12,soon,\n"))),
            [
                "2 mobile invalid",
                "2 dob invalid",
                "2 reports_to not_found",
                "3 external_id duplicate",
                "3 mobile invalid",
                "3 dob invalid",
            ]
        );
        let said = import(p, "user import FILE", "external_id,name,mobile\nE1,One,12\nN1,New,12\nN1,New,13\n");
        assert_eq!(
            faults(&said),
            [
                "2 external_id conflict",
                "2 mobile invalid",
                "3 mobile invalid",
                "4 external_id duplicate",
                "4 mobile invalid"
            ]
        );
        let report = said.json();
        assert_eq!([&report["read"], &report["rejected"]], [&json!(3), &json!(3)]);
        // Who refers to a row that falls is told of that, and nothing else.
        let rows = "external_id,name,mobile,reports_to,email\nN2,Two,,N1,x\nN3,Three,,N1,\nN1,One,12,,x\n";
        assert_eq!(
            faults(&import(p, "user import FILE", rows)),
            ["2 email invalid", "4 mobile invalid", "4 email invalid", "3 reports_to reference_rejected"]
        );
    });
}

#[test]
fn every_member_of_a_list_is_looked_at() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("branch create --code B2 --name Two").ok();
        for word in ["#N/A", "#REF!", "9.87E+11", "a\0b"] {
            for (header, cell) in [("branches", format!("B1;{word};B2")), ("branch,branches", format!("B1,B1;{word}"))]
            {
                let rows = format!(
                    "name,email,{header}\nA One,a@x.in,{cell}\nB Two,b@x.in,{cell}\nC,c@x.in,B1{}\n",
                    if header == "branches" { "" } else { "," }
                );
                let said = import(p, "user import FILE --keep-going --dry-run", &rows);
                let code = if word.contains('\0') { "invalid" } else { "spreadsheet" };
                let column = if header == "branches" { "branch" } else { "branches" };
                assert_eq!(faults(&said), [format!("2 {column} {code}"), format!("3 {column} {code}")], "{rows:?}");
                assert_eq!(said.json()["created"], 1, "{rows:?}");
            }
        }
        let rows = b"name,email,branch,branches\nA One,a@x.in,B1,B1;\xff\nC,c@x.in,B1,\n";
        let file = p.write("g.csv", rows);
        let said = p.run(&format!("user import {file} --encoding utf-8 --keep-going --dry-run -o json"));
        assert_eq!(faults(&said), ["2 branches encoding"], "{}", said.err);
    });
}

#[test]
fn an_unreadable_value_clears_nothing() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One --phone '+91 22 2345 6789' --email a@x.in").ok();
        let rows = "code,name,phone,email\nB1,Uno,reception,\nB2,Two,reception,b@x.in\n";
        let file = p.write("b.csv", rows);
        let line = format!("branch import {file} --on-conflict update --on-invalid phone=blank");
        let said = p.run(&line).fails(0);
        assert!(said.starts_with("left blank, or as they were, for they can't be read: phone 2\n"), "{said}");
        assert!(said.contains("created 1, updated 1, "), "{said}");
        assert_eq!(p.column("branch list", "name"), ["Uno", "Two"]);
        // An empty cell still clears, one that can't be read does not.
        assert_eq!(p.column("branch list", "phone"), ["+912223456789", "null"]);
        assert_eq!(p.column("branch list", "email"), ["null", "b@x.in"]);
        let said = p.run(&line).fails(0);
        assert!(said.contains("created 0, updated 0, unchanged 2, "), "{said}");
    });
}

#[test]
fn flags_tell_all_their_faults() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'A One' --external-id E1 --email a@x.in").ok();
        for line in ["user create --name 'B Two'", "user update E1"] {
            let said = p.run(&format!("{line} --mobile 12 --branch NOPE --dob soon")).fails(6);
            let told = ["; branch NOPE does not exist in ACME; ", "dob must be a date like"];
            assert!(said.starts_with("error: mobile must be ") && told.iter().all(|t| said.contains(t)), "{said}");
            let said = p.run(&format!("{line} --dob 2999-01-01 --pincode 000000")).fails(6);
            let rules = "error: dob must be a day in the past; pincode '000000' is no postal code of ";
            assert!(said.starts_with(rules), "{said}");
        }
        p.run("user update E1 --dob 1990-04-03 --pincode 400001").ok();
    });
}
