//! Branches: every field, the tree, moves and counts.

use serde_json::{Value, json};

use crate::harness::{TestEnv, on_both_engines_with_acme};

/// Branches in their tree: `code>parent`.
fn tree(p: &TestEnv) -> Vec<String> {
    let rows = p.run("branch tree -o ndjson").ok();
    let word = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    rows.lines()
        .map(|l| serde_json::from_str::<Value>(l).expect("JSON"))
        .map(|row| format!("{}>{}@{}", word(&row, "code"), word(&row, "parent"), row["depth"]))
        .collect()
}

/// North(N1(N11, N12), N2), South.
fn plant(p: &TestEnv) {
    for (code, parent) in [("N", ""), ("N1", "N"), ("N11", "N1"), ("N12", "N1"), ("N2", "N"), ("S", "")] {
        p.run(&format!("branch create --code {code} --name 'Branch {code}' --parent '{parent}'")).ok();
    }
}

#[test]
fn a_branch_has_every_field_of_the_dictionary() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HO --name 'Head Office'").ok();
        let made = p.json(
            "branch create --code 'mum/01' --name 'Fort' --address-line1 '12, Horniman Circle' --address-line2 'Fort' \
             --address-line3 'Near the fountain' --city Mumbai --state Maharashtra --country India --pincode '400 001' \
             --phone '098200 12345' --email Fort@Acme.example --manager-name 'R. K. Rao' --parent ho",
        );
        let expected = json!({
            "org": "ACME", "code": "MUM/01", "name": "Fort", "address_line1": "12, Horniman Circle",
            "address_line2": "Fort", "address_line3": "Near the fountain", "city": "Mumbai", "state": "Maharashtra",
            "country": "India", "pincode": "400001", "phone": "+919820012345", "email": "Fort@acme.example",
            "manager_name": "R. K. Rao", "parent": "HO", "is_active": true, "status": "active", "version": 1,
            "deleted_at": null, "deleted_by": null,
        });
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(made[name], *value, "{name}");
        }
        assert_eq!(made["id"].as_str().map(str::len), Some(36));
        assert_eq!(made["created_at"], made["updated_at"]);
        let bare = p.json("branch show HO");
        for empty in [
            "address_line1",
            "address_line2",
            "address_line3",
            "city",
            "state",
            "country",
            "pincode",
            "phone",
            "email",
            "manager_name",
            "parent",
        ] {
            assert_eq!(bare[empty], Value::Null, "{empty}");
        }
        // '' clears; the version and the time of change move, the rest stays.
        p.run("branch update MUM/01 --parent '' --phone '' --city ''").ok();
        let cleared = p.json("branch show MUM/01");
        assert_eq!([&cleared["parent"], &cleared["phone"], &cleared["city"]], [&Value::Null; 3]);
        assert_eq!([&cleared["version"], &cleared["name"]], [&json!(2), &json!("Fort")]);
        assert!(cleared["updated_at"].as_str() > cleared["created_at"].as_str());
    });
}

#[test]
fn every_field_of_a_branch_is_checked() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B --name B").ok();
        // Length: the longest that is taken, and one more.
        let of = |n: usize| "ж".repeat(n);
        p.run(&format!("branch create --code {} --name '{}'", "A".repeat(16), of(200))).ok();
        let said = p.run(&format!("branch create --code {} --name x", "A".repeat(17))).fails(6);
        assert!(said.contains("code must be 16 characters or fewer, not 17"), "{said}");
        for field in
            ["name", "address-line1", "address-line2", "address-line3", "city", "state", "country", "manager-name"]
        {
            p.run(&format!("branch update B --{field} '{}'", of(200))).ok();
            let said = p.run(&format!("branch update B --{field} '{}'", of(201))).fails(6);
            let name = field.replace('-', "_");
            assert!(said.contains(&format!("error: {name} must be 200 characters or fewer, not 201")), "{said}");
        }
        p.run("branch update B --country ''").ok();
        // Postal codes by the country's own rule; none given means India.
        for (country, pincode, kept) in [
            ("", "110001", Some("110001")),
            ("India", "110 001", Some("110001")),
            ("IN", "900056", Some("900056")),
            ("", "010001", None),
            ("", "11000", None),
            ("", "1100011", None),
            ("India", "ABCDEF", None),
            ("United Kingdom", "sw1a 1aa", Some("SW1A 1AA")),
            ("GB", "110001", None),
            ("US", "02134", Some("02134")),
            ("Atlantis", "A-1", Some("A-1")),
            ("", "11;DROP", None),
        ] {
            let said = p.run(&format!("branch update B --country '{country}' --pincode '{pincode}'"));
            match kept {
                Some(kept) => {
                    said.ok();
                    assert_eq!(p.json("branch show B")["pincode"], kept, "{country} {pincode}");
                }
                None => assert!(said.fails(6).starts_with("error: pincode "), "{country} {pincode}"),
            }
        }
        // A rule between fields holds when only the other one changes.
        p.run("branch update B --country GB --pincode 'SW1A 1AA'").ok();
        assert!(
            p.run("branch update B --country ''").fails(6).contains("pincode 'SW1A 1AA' is no postal code of India")
        );
        for (flag, field, values) in [
            ("phone", "phone", &["12345", "022 2345", "call me", "+91 98200 12345 x5"][..]),
            ("email", "email", &["b", "b@", "b c@d.in"]),
            ("name", "name", &["", "  "]),
            ("code", "code", &["", "B B", "B*", ".B"]),
        ] {
            for value in values {
                let said = p.run(&format!("branch update B --{flag} '{value}'")).fails(6);
                assert!(said.starts_with(&format!("error: {field} ")), "{value}: {said}");
            }
        }
        assert!(p.run("branch create --name x").fails(2).contains("the code of the branch is missing"));
        assert!(p.run("branch create --code x").fails(2).contains("--name"));
        // Phones of other countries carry their code.
        p.run("branch update B --phone '+44 20 7946 0018'").ok();
        assert_eq!(p.json("branch show B")["phone"], "+442079460018");
    });
}

#[test]
fn branches_stand_in_a_tree() {
    on_both_engines_with_acme(|p| {
        plant(p);
        assert_eq!(tree(p), ["N>-@1", "N1>N@2", "N11>N1@3", "N12>N1@3", "N2>N@2", "S>-@1"]);
        p.run("branch deactivate N12").ok();
        assert_eq!(
            p.run_on_terminal("branch tree", 80).ok(),
            "\
N  Branch N
├─ N1  Branch N1
│  ├─ N11  Branch N11
│  └─ N12  (inactive)  Branch N12
└─ N2  Branch N2
S  Branch S
"
        );
        assert_eq!(p.run("branch tree N1 -o key").ok(), "N1\nN11\nN12\n");
        assert_eq!(p.run("branch tree --depth 1 -o key").ok(), "N\nS\n");
        assert_eq!(p.run("branch tree N --depth 2 -o key").ok(), "N\nN1\nN2\n");
        p.run("branch tree NOPE").fails(3);
        // A parent is a key, and filters and sorts as one.
        assert_eq!(p.run("branch list --filter parent=n1 -o key").ok(), "N11\nN12\n");
        assert_eq!(p.run("branch list --filter parent= -o key").ok(), "N\nS\n");
    });
}

#[test]
fn a_branch_moves_with_all_below_it_and_never_below_itself() {
    on_both_engines_with_acme(|p| {
        plant(p);
        assert_eq!(p.transcript("branch move N1 --to S"), "$ orgctl branch move N1 --to S\nmoved branch N1\n");
        assert_eq!(tree(p), ["N>-@1", "N2>N@2", "S>-@1", "N1>S@2", "N11>N1@3", "N12>N1@3"]);
        assert_eq!(p.column("branch history N1", "action"), ["create", "move"]);
        assert_eq!(p.column("branch history N11", "action"), ["create"], "who stands below is not changed");
        assert_eq!(
            p.transcript("branch move S --to N11"),
            "\
$ orgctl branch move S --to N11
error: branch S can't stand below itself
hint: choose a parent that is not below it
[exit 4]
"
        );
        assert!(p.run("branch move S --to S").fails(4).contains("branch S can't stand below itself"));
        assert!(p.run("branch update S --parent N12").fails(4).contains("can't stand below itself"));
        assert!(p.run("branch update S --parent s").fails(4).contains("can't stand below itself"));
        // Two at once may not close a ring between them either.
        p.run("branch move N S --to N11").fails(4);
        p.run("branch move N2 N11 --root").ok();
        assert_eq!(tree(p), ["N>-@1", "N11>-@1", "N2>-@1", "S>-@1", "N1>S@2", "N12>N1@3"]);
        assert!(p.run("branch move N2").fails(2).contains("--to"));
        p.run("branch move N2 --to N --root").fails(2);
        p.run("branch move N2 --to NOPE").fails(3);
        p.run("branch move N2 --to N --if-version 7").fails(4);
        assert_eq!(
            p.transcript("branch move N2 --root"),
            "$ orgctl branch move N2 --root\nbranch N2 is so already; nothing was changed\n"
        );
        // A parent in another organisation is none.
        p.run("org create --code GLOBEX --name Globex").ok();
        p.run("branch create --org GLOBEX --code G --name G").ok();
        let id = p.json("branch show G")["id"].as_str().unwrap_or_default().to_owned();
        assert!(p.run("branch move N2 --to G").fails(3).contains("branch G does not exist in ACME"));
        p.run(&format!("branch move N2 --to {id}")).fails(3);
        p.run(&format!("branch update N2 --parent {id}")).fails(3);
        p.run(&format!("branch delete N1 --reassign-to {id} --yes")).fails(3);
        p.run(&format!("branch create --org ACME --code X --name X --parent {id}")).fails(3);
        assert!(p.run("branch move N2 G --root").fails(2).contains("several organisations"));
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn branches_are_counted() {
    on_both_engines_with_acme(|p| {
        for (code, state) in [("A", "Goa"), ("B", "Goa"), ("C", "Kerala"), ("D", "")] {
            p.run(&format!("branch create --code {code} --name {code} --state '{state}'")).ok();
        }
        p.run("branch deactivate B").ok();
        p.run("branch delete C --yes").ok();
        assert_eq!(
            p.run("branch stats -o csv").ok(),
            "\
group,value,branches
status,active,2
status,deleted,1
status,inactive,1
state,Goa,2
state,,1
country,,3
"
        );
    });
}

#[test]
fn branches_come_with_the_headers_of_earlier_systems() {
    on_both_engines_with_acme(|p| {
        for (i, header) in [
            "school_code,School Name,referred_by,address,PIN CODE,manager-name",
            "Branch Code,branch_name,Parent Code,Address Line1,pincode,managerName",
            "CODE,Name,parent,address_line1,PinCode,MANAGER NAME",
        ]
        .iter()
        .enumerate()
        {
            let file = p.write("b.csv", format!("{header}\nT{i},Top,,\"1, Road\",400001,Rao\nL{i},Leaf,t{i},,,\n"));
            p.run(&format!("branch import {file}")).ok();
            let top = p.json(&format!("branch show T{i}"));
            assert_eq!(
                [&top["name"], &top["address_line1"], &top["pincode"], &top["manager_name"]],
                ["Top", "1, Road", "400001", "Rao"],
                "{header}"
            );
            assert_eq!(p.json(&format!("school show L{i}"))["parent"], format!("T{i}"), "{header}");
        }
    });
}
