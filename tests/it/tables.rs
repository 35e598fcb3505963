//! Tables on terminals of any width: what matters is there and whole, what says nothing goes first, and no line is wider
//! than the terminal.

use unicode_width::UnicodeWidthStr as _;

use crate::harness::{Engine, TestEnv, golden, on_both_engines, on_both_engines_after};

/// People and places as they are called: long, in other scripts, with signs made of several.
fn fill(p: &TestEnv) {
    p.run("init --org-code ACME --org-name 'Acme Ltd'").ok();
    p.run("org create --code TIRU --name 'Thiruvananthapuram Cooperative Wholesale and Retail Society of Kerala' --industry retail").ok();
    let org = "--org ACME";
    for (code, name, more) in [
        ("HO", "Head Office", "--city Mumbai"),
        ("R-MAH-W", "Maharashtra West", "--city Mumbai --parent HO"),
        ("MUM01", "मुंबई क्षत्रिय शाखा", "--city मुंबई --parent R-MAH-W --pincode 400001 --phone '+91 22 2345 6704'"),
        ("TYO01", "東京営業所", "--city 東京 --country Japan --parent HO"),
        (
            "PUN01",
            "Pune Shivajinagar, opposite the old municipal market and the new metro station",
            "--city Pune --parent R-MAH-W",
        ),
    ] {
        p.run(&format!("branch create {org} --code {code} --name '{name}' {more}")).ok();
    }
    p.run(&format!("dept create {org} --name Finance --branch MUM01 --budget 1250000.50")).ok();
    p.run(&format!("dept create {org} --name 'Human Resources, Training and Industrial Relations'")).ok();
    let mut boss = String::new();
    for (code, name, more) in [
        (
            "3CZH4Y",
            "Asha Rao",
            "--email asha@acme.example --mobile '+91 98200 12345' --designation 'Managing Director'",
        ),
        (
            "7K2MPA",
            "क्षत्रिय देशपांडे",
            "--email kshatriya.deshpande@acme.example --mobile '+91 98200 12346' --designation व्यवस्थापक",
        ),
        ("9XY3QT", "山田 太郎", "--email yamada.taro@tokyo.acme.example --branch TYO01 --designation 部長"),
        (
            "B4D6FG",
            "Dev 👩\u{200d}💻 Kulkarni",
            "--email dev@acme.example --branch MUM01 --department Finance --designation Engineer",
        ),
        (
            "C5E7GH",
            "Venkatanarasimharajuvaripeta Satyanarayana Venkateswara Subrahmanyam",
            "--email venkatanarasimharaju@acme.example --branch PUN01 --designation 'Senior Deputy Regional Relationship Manager'",
        ),
    ] {
        p.run(&format!("user create {org} --user-code {code} --name '{name}' {boss} {more}")).ok();
        boss = "--reports-to 3CZH4Y".to_owned();
    }
    p.run("branch update MUM01 --manager 7K2MPA --org ACME").ok();
    p.run("dept update Finance --manager B4D6FG --org ACME").ok();
    p.run("branch deactivate TYO01 --org ACME").ok();
    p.wait(7200);
    p.run("user update B4D6FG --designation 'Engineering Manager' --reports-to 7K2MPA --org ACME").ok();
    p.run(
        "user update B4D6FG --bio 'Keeps what runs running, and writes down how. क्षत्रिय 東京 👩\u{200d}💻' --org ACME",
    )
    .ok();
    p.run("setting set password.min_length 20 --org ACME").ok();
    p.wait(3600);
}

/// Every command whose output is a table.
const LISTS: &[&str] = &[
    "org list",
    "branch list --org ACME",
    "branch list --all",
    "dept list --org ACME",
    "user list --org ACME",
    "user list --org ACME --columns user_code,name,email,mobile,branch,department,designation,reports_to,status",
    "user find acme --org ACME",
    "dept members Finance --org ACME",
    "user reports 3CZH4Y --org ACME",
    "user reports B4D6FG --up --org ACME",
    "branch tree --org ACME",
    "user history B4D6FG --org ACME",
    "branch history MUM01 --org ACME",
    "audit list --org ACME --limit 6",
    "audit list --limit 6",
    "audit stats --by action",
    "audit show 19 --org ACME",
    "audit diff --from 2h --org ACME",
    "setting list --org ACME",
    "setting list --org ACME --changed",
    "db status",
    "config show",
    "user stats --org ACME",
    "org stats",
    "user show B4D6FG --org ACME",
    "user show B4D6FG C5E7GH --org ACME",
    "user whoami",
    "setting explain password.min_length --org ACME",
];

/// The operator has another name on another machine: one that is as long.
fn steady(text: &str, p: &TestEnv) -> String {
    let name = p.json("user whoami")["name"].as_str().expect("a name").to_owned();
    text.replace(&name, &"root".chars().chain(std::iter::repeat('.')).take(name.len()).collect::<String>())
}

fn fits(text: &str, width: usize, line: &str) {
    for shown in text.lines() {
        assert!(shown.width() <= width, "{line} at {width}: {} columns\n{shown}", shown.width());
    }
}

#[test]
fn tables_are_as_reviewed() {
    let p = TestEnv::new(Engine::Sqlite);
    fill(&p);
    // Whose machine it is, is told by commands that are left out here.
    let told: Vec<&&str> = LISTS.iter().filter(|l| !["user whoami", "config show"].contains(l)).collect();
    for width in [80, 100, 200] {
        let mut text = String::new();
        for line in &told {
            let said = p.run_on_terminal(&format!("{line} --color never"), width);
            assert_eq!(said.code, 0, "{line}: {}", said.err);
            let kept = |l: &&str| !["id ", "request ", "created_by ", "updated_by "].iter().any(|w| l.starts_with(w));
            let shown: Vec<&str> = said.out.lines().filter(kept).collect();
            // Which server it is, too.
            let err = if **line == "db status" { "" } else { &said.err };
            // The next page is another one at another time.
            let err = err.split(" --page ").next().unwrap_or_default().trim_end();
            text.push_str(&format!("$ orgctl {line}\n{}\n{err}\n", shown.join("\n")));
        }
        golden(&format!("tests/golden/tables-{width}.txt"), &steady(&text, &p));
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    on_both_engines(|p| {
        fill(p);
        // One cell that is larger than any terminal.
        p.run(&format!(
            "user update C5E7GH --org ACME --bio '{}' --designation '{}'",
            "long ".repeat(400),
            "x".repeat(190)
        ))
        .ok();
        for line in LISTS {
            for width in [1, 20, 40, 41, 60, 79, 120] {
                let said = p.run_on_terminal(&format!("{line} --color never"), width);
                assert_eq!(said.code, 0, "{line}: {}", said.err);
                if width >= 40 {
                    fits(&said.out, width.into(), line);
                }
            }
        }
        // Nothing to show, and one row.
        assert_eq!(p.run_on_terminal("user list --filter name=Nobody --org ACME", 40).ok(), "");
        fits(&p.run_on_terminal("user list --limit 1 --org ACME --color never", 40).ok(), 40, "one row");
    });
}

#[test]
fn keys_and_states_are_whole_and_what_says_nothing_goes_first() {
    on_both_engines(|p| {
        fill(p);
        for (line, whole) in [
            ("user list", &["3CZH4Y", "7K2MPA", "9XY3QT", "B4D6FG", "C5E7GH", "active"][..]),
            ("branch list", &["HO", "R-MAH-W", "MUM01", "TYO01", "PUN01", "inactive"]),
            ("dept list", &["DEPT-001", "DEPT-002"]),
            ("setting list", &["password.min_length", "audit.min_retention_days"]),
            ("audit list --limit 5", &["success", "password.min_length", "config_change", "deactivate"]),
        ] {
            for width in [80, 100] {
                let said = p.run_on_terminal(&format!("{line} --org ACME --color never"), width);
                for word in whole {
                    assert!(said.out.split_whitespace().any(|w| w == *word), "{line} at {width}: {word}\n{}", said.out);
                }
            }
        }
        // What is left out is named, with why and how to see it.
        let said = p.run_on_terminal("user history B4D6FG --org ACME --color never", 80);
        let told = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("designation: Engineer -> Engineering Manager"), "{told}");
        assert!(told.contains("reports_to: 3CZH4Y (Asha Rao) -> 7K2MPA (क्षत्रिय देशपांडे)"), "{told}");
        let said = p.run_on_terminal("branch history MUM01 --org ACME --color never", 80);
        let note = said.err.replace('\n', " ");
        assert!(note.contains("resource (all branch)") && note.contains("key (all MUM01)"), "{note}");
        assert!(note.contains("--columns NAMES or -o json shows them"), "{note}");
        assert_eq!(p.run_on_terminal("branch history MUM01 --org ACME --color never --quiet", 80).err, "");
        // What is asked for is shown, all of it.
        let columns = "user_code,name,email,mobile,branch,department,reports_to,status";
        let said = p.run_on_terminal(&format!("user list --org ACME --columns {columns} --color never"), 80);
        let head: Vec<&str> = said.out.lines().next().expect("a header").split_whitespace().collect();
        assert_eq!((head.len(), said.err.as_str()), (8, ""), "{}", said.out);
        // With room for all nothing is left out; piped, neither.
        let said = p.run_on_terminal("branch list --org ACME --color never", 300);
        assert!(said.out.contains("PINCODE") && said.err.is_empty(), "{}\n{}", said.out, said.err);
        assert!(
            p.run("branch list --org ACME -o table").ok().contains("opposite the old municipal market and the new")
        );
    });
}

/// A name that takes the whole width drives out neither what changed nor whose it is.
#[test]
fn long_names_leave_room_for_what_is_told_of_them() {
    on_both_engines_after("init --org-code ACME", |p| {
        let name = "Wolfeschlegelsteinhausenbergerdorff Maximilian Alexander von und zu";
        p.run(&format!("user create --user-code WXLF22 --name '{name}' --email w@x.example --mobile 9876543210")).ok();
        p.run("user create --user-code ASHA22 --name 'Asha Rao' --email a@x.example --mobile 9876543211").ok();
        p.wait(60);
        p.run("user update WXLF22 --designation Head --city Pune").ok();
        for width in [60, 80, 100] {
            let said = p.run_on_terminal("audit diff --from 30s --color never", width).ok();
            for (field, change) in [("designation", "none -> Head"), ("city", "none -> Pune")] {
                let mut lines = said.lines().skip_while(|l| !l.split_whitespace().any(|w| w == field));
                let row = lines.next().unwrap_or_default();
                assert!(row.starts_with("WXLF22 (Wolfe") || row.contains(" WXLF22 (Wolfe"), "at {width}:\n{said}");
                assert!(
                    row.contains("updated") && lines.next() == Some(&format!("    {change}")),
                    "at {width}:\n{said}"
                );
            }
        }
        // Where there is room for one text, it is the name.
        let said = p.run_on_terminal("user list --color never", 40).ok();
        assert!(said.starts_with("USER_CODE  NAME"), "{said}");
        assert!(said.contains("ASHA22     Asha Rao") && said.contains("WXLF22     Wolfeschlegelsteinha…"), "{said}");
    });
}

#[test]
fn people_are_named_beside_their_codes() {
    on_both_engines(|p| {
        fill(p);
        let wide = |line: &str| p.run_on_terminal(&format!("{line} --org ACME --color never"), 400).ok();
        for (line, told) in [
            ("user list", "3CZH4Y (Asha Rao)"),
            ("dept list", "B4D6FG (Dev 👩\u{200d}💻 Kulkarni)"),
            ("branch show MUM01", "7K2MPA (क्षत्रिय देशपांडे)"),
            ("branch list --columns code,manager", "7K2MPA (क्षत्रिय देशपांडे)"),
            ("user history B4D6FG", "-> 7K2MPA (क्षत्रिय देशपांडे)"),
            ("branch history MUM01", "manager: none -> 7K2MPA (क्षत्रिय देशपांडे)"),
            ("audit list --resource user", "B4D6FG (Dev 👩\u{200d}💻 Kulkarni)"),
            ("audit diff --from 2h", "B4D6FG (Dev 👩\u{200d}💻 Kulkarni)"),
            ("branch list --as-of 1h --columns code,manager", "7K2MPA (क्षत्रिय देशपांडे)"),
        ] {
            let said = wide(line);
            assert!(said.contains(told), "{line}:\n{said}");
        }
        // Programs get the key alone.
        assert!(p.run("user list --org ACME --columns user_code,reports_to").ok().contains("B4D6FG\t7K2MPA\n"));
        assert_eq!(p.json("branch show MUM01 --org ACME")["manager"], "7K2MPA");
        assert!(!p.run("user history B4D6FG --org ACME").ok().contains("(Asha"));
        // Whoever is in the way, or takes over, is a person too.
        let refused = p.run("user delete 3CZH4Y --yes --org ACME").fails(4);
        assert!(refused.contains("7K2MPA (क्षत्रिय देशपांडे)"), "{refused}");
        let moved = p.run("user deactivate 7K2MPA --reassign-to 3CZH4Y --org ACME");
        assert!(moved.err.contains("now point at user 3CZH4Y (Asha Rao)"), "{}", moved.err);
        // As it was: by the name of then.
        p.run("user update 3CZH4Y --name 'Asha Iyer' --org ACME").ok();
        p.wait(60);
        let then = wide("user list --as-of 1h --filter user_code=C5E7GH --columns user_code,reports_to");
        assert!(then.contains("3CZH4Y (Asha Rao)"), "{then}");
    });
}
