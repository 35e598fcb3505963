//! What goes out comes back the same: export and import, on both engines and between them; and what parsing promises.

use orgctl::model::values::scalar::{Code, Line, ParseContext, Scalar as _};
use orgctl::model::values::value::Value;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::harness::{Engine, TestEnv};

fn test_env(engine: Engine) -> TestEnv {
    TestEnv::after(engine, "init")
}

#[test]
fn an_export_goes_into_an_empty_database_of_the_other_engine_and_comes_out_the_same() {
    let (sqlite, postgres) = (test_env(Engine::Sqlite), test_env(Engine::Postgres));
    for (from, to) in [(&sqlite, &postgres), (&postgres, &sqlite)] {
        if from.run("org list -o key").ok().is_empty() {
            from.run("org create --code ACME --name 'Acme, \"Ltd\"' --type non-profit --industry e-commerce --address 'Fort; Mumbai' --max-users 0 --website http://acme.example").ok();
            from.run("org create --code GLOBEX --name Ωmega --contact-phone '022 2345 6701' --contact-email Info@Globex.example").ok();
            from.run("org deactivate GLOBEX").ok();
            let demo = crate::harness::root().join("docs/examples/branches.csv");
            from.run(&format!("branch import --org ACME {}", demo.display())).ok();
            for (i, name) in
                ["=1+1", "-x", "' or 1=1 --", "naïve \u{202e}bidi", "a\\nb", "😀 \"quoted\"", "#hash", "NULL", "\\N"]
                    .iter()
                    .enumerate()
            {
                let words = [
                    "branch",
                    "create",
                    "--org",
                    "GLOBEX",
                    "--code",
                    &format!("N{i}"),
                    &format!("--name={name}"),
                    "--pincode",
                    "400001",
                ];
                from.run_words(&words.map(str::to_owned), b"").ok();
            }
            from.run("branch deactivate N3 N4 --org GLOBEX").ok();
            // Deleted ones stay behind.
            from.run("branch delete N8 --org GLOBEX --yes").ok();
        }
        let orgs = from.run("org export").ok();
        let exports: Vec<(&str, String)> =
            ["ACME", "GLOBEX"].map(|org| (org, from.run(&format!("branch export --org {org}")).ok())).into();
        if to.run("org list -o key").ok().is_empty() {
            to.run_with("org import -", &orgs).ok();
            for (org, csv) in &exports {
                to.run_with(&format!("branch import - --org {org}"), csv).ok();
            }
        }
        assert_eq!(to.run("org export").ok(), orgs);
        for (org, csv) in &exports {
            assert!(csv.lines().count() > 8);
            assert_eq!(to.run(&format!("branch export --org {org}")).ok(), *csv);
            // To a file, the same bytes; and back into itself nothing changes.
            let file = to.path("out.csv").display().to_string();
            let said = to.run(&format!("branch export {file} --org {org}"));
            assert!(said.err.starts_with("exported ") && said.out.is_empty(), "{}", said.err);
            assert_eq!(to.read("out.csv"), *csv);
            let said = to.run(&format!("branch import {file} --org {org} --on-conflict update")).fails(0);
            assert!(said.contains("created 0, updated 0, unchanged "), "{said}");
        }
        assert_eq!(
            to.run("branch export --org ACME --filter city=Pune -o ndjson").ok(),
            from.run("branch export --org ACME --filter city=Pune -o ndjson").ok()
        );
        to.run("audit verify --deep").ok();
        to.run("db check").ok();
    }
}

fn runner(cases: u32) -> TestRunner {
    // The same cases in every run: a test that fails sometimes tells nothing.
    TestRunner::new_with_rng(
        Config { cases, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    )
}

/// Text with what is nasty in it more often than chance would have it.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{1,6}",
        2 => Just("\"".to_owned()),
        1 => Just(",;\t|".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => Just("\u{feff}".to_owned()),
        1 => Just("e\u{301}\u{202e}".to_owned()),
        1 => Just("ＡＢ\u{3000}№ſ".to_owned()),
        2 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|v| v.concat())
}

#[test]
fn a_parsed_code_or_line_keeps_its_rules_and_parses_to_itself() {
    let context = ParseContext::default();
    runner(3000)
        .run(&nasty(), |text| {
            if let Ok(Value::Text(code)) = (Code::<16>::TYPE.parse)(&text, &context) {
                prop_assert!((1..=16).contains(&code.len()), "{code}");
                prop_assert!(
                    code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"-_./".contains(&b)),
                    "{code}"
                );
                prop_assert_eq!((Code::<16>::TYPE.parse)(&code, &context), Ok(Value::Text(code.clone())));
            }
            if let Ok(Value::Text(line)) = (Line::<20>::TYPE.parse)(&text, &context) {
                prop_assert!((1..=20).contains(&line.chars().count()));
                prop_assert!(
                    !line.chars().any(char::is_control) && line == line.trim() && !line.contains("  "),
                    "{line:?}"
                );
                prop_assert_eq!((Line::<20>::TYPE.parse)(&line, &context), Ok(Value::Text(line.clone())));
            }
            Ok(())
        })
        .expect("every case");
}

#[test]
fn no_filter_confuses_the_program() {
    let p = test_env(Engine::Sqlite);
    p.run("org create --code ACME --name Acme").ok();
    p.run("branch create --code A --name A").ok();
    runner(150)
        .run(&("(name|city|parent|created|version|status|id|is_active|x)?[=!~<>]{0,3}", nasty()), |(start, rest)| {
            let words = ["branch", "list", "-o", "key", &format!("--filter={start}{rest}")].map(str::to_owned);
            let said = p.run_words(&words, b"");
            prop_assert!(matches!(said.code, 0 | 2), "{start}{rest}: {} {}", said.code, said.err);
            Ok(())
        })
        .expect("every case");
    // A value in quotes is the value, whatever stands in it.
    runner(60)
        .run(&"[ -&(-~]{1,12}", |name| {
            let words = ["branch", "update", "A", &format!("--name=x{name}x")].map(str::to_owned);
            prop_assert_eq!(p.run_words(&words, b"").code, 0);
            let words = ["branch", "list", "-o", "key", &format!("--filter=name~'x{name}x'")].map(str::to_owned);
            // Runs of blanks were folded in the name, not in what is looked for.
            let folded = name.contains("  ");
            prop_assert!(folded || p.run_words(&words, b"").out == "A\n", "{name:?}");
            Ok(())
        })
        .expect("every case");
}

#[test]
fn an_export_of_nasty_text_comes_back_the_same() {
    let (from, to) = (test_env(Engine::Sqlite), test_env(Engine::Sqlite));
    for p in [&from, &to] {
        p.run("org create --code ACME --name Acme").ok();
    }
    runner(8)
        .run(&prop::collection::vec((nasty(), nasty(), nasty()), 1..8), |rows| {
            let mut kept = 0;
            for (i, (name, city, address)) in rows.iter().enumerate() {
                let flags = [("code", &format!("C{i}")), ("name", name), ("city", city), ("address-line1", address)];
                let words = flags.map(|(flag, text)| format!("--{flag}={text}"));
                let words: Vec<String> = ["branch", "create"].map(str::to_owned).into_iter().chain(words).collect();
                let said = from.run_words(&words, b"");
                prop_assert!(matches!(said.code, 0 | 6), "{words:?} {}", said.err);
                kept += usize::from(said.code == 0);
            }
            if kept > 0 {
                let csv = from.run("branch export").ok();
                let said = to.run_with("branch import -", &csv);
                prop_assert_eq!(said.code, 0, "{} {}", csv, said.err);
                prop_assert_eq!(to.run("branch export").ok(), csv.clone());
                let safe = from.run("branch export --safe-for-spreadsheets").ok();
                let said = to.run_with("branch import - --on-conflict update", &safe);
                prop_assert!(said.code == 0 && said.err.contains("created 0, updated 0"), "{} {}", safe, said.err);
                for p in [&from, &to] {
                    let keys = p.run("branch list -o key").ok();
                    p.run_with("branch delete - --yes", &keys).ok();
                }
            }
            Ok(())
        })
        .expect("every case");
}

/// OWASP, CSV injection: = + - @ tab and line ends begin a formula, full-width forms of them for some programs. What was
/// marked comes back as it was, phone numbers and what begins with the mark itself too.
#[test]
fn a_file_made_safe_for_spreadsheets_runs_nothing_and_comes_back() {
    let (sqlite, postgres) = (test_env(Engine::Sqlite), test_env(Engine::Postgres));
    for (from, to) in [(&sqlite, &postgres), (&postgres, &sqlite)] {
        from.run("org create --code A1 --name Acme").ok();
        to.run("org create --code A2 --name Acme").ok();
        let names = [
            "=1+2\";=1+2",
            "=1+2'\" ;,=1+2",
            "+x",
            "-x",
            "@SUM(1)",
            "'=x",
            "'",
            "''x",
            "'tis",
            "＝1",
            "－1",
            "＠a",
            "plain",
        ];
        let rows: String = names
            .iter()
            .enumerate()
            .map(|(i, n)| format!("N{i},\"{}\",+9198200123{i:02}\n", n.replace('"', "\"\"")))
            .collect();
        from.run_with("branch import - --org A1", format!("code,name,phone\n{rows}")).ok();
        let safe = from.run("branch export --org A1 --safe-for-spreadsheets").ok();
        assert!(safe.starts_with("\"'code\",\"name\""), "{safe}");
        assert!(safe.contains("\n\"N0\",\"'=1+2\"\";=1+2\","), "{safe}");
        assert!(safe.contains("\n\"N1\",\"'=1+2'\"\" ;,=1+2\","), "{safe}");
        for cell in safe.lines().skip(1).flat_map(|l| l.trim_matches('"').split("\",\"")) {
            assert!(!cell.starts_with(['=', '+', '-', '@', '＝', '－', '＠']), "{cell}");
        }
        // A person adds a row that nobody marked.
        let edited = format!("{safe}\"NEW\",\"'tis new\",,,,,,,,'+919820012399,,,,,\n");
        to.run_with("branch import - --org A2", &edited).ok();
        assert_eq!(to.json("branch show NEW --org A2")["name"], "'tis new");
        assert_eq!(to.json("branch show NEW --org A2")["phone"], "+919820012399");
        to.run("branch delete NEW --org A2 --yes").ok();
        assert_eq!(to.run("branch export --org A2").ok(), from.run("branch export --org A1").ok());
        let said = from.run_with("branch import - --org A1 --on-conflict update", &safe).fails(0);
        assert!(said.contains("unchanged 13,"), "{said}");
        assert!(from.run("branch export --org A1 --safe-for-spreadsheets -o ndjson").fails(2).contains("is for CSV"));
        // Without the mark in the header an apostrophe is an apostrophe.
        to.run_with("branch import - --org A2", "code,name\nRAW,'=x\n").ok();
        assert_eq!(to.json("branch show RAW --org A2")["name"], "'=x");
    }
}

/// Departments and users, with who leads whom, from one engine to the other: branches, departments and users refer to each
/// other, so managers come in a second round.
#[test]
fn people_go_into_an_empty_database_of_the_other_engine_and_come_out_the_same() {
    let (sqlite, postgres) = (test_env(Engine::Sqlite), test_env(Engine::Postgres));
    let turns = std::cell::Cell::new(0);
    let made = prop::collection::vec(
        (
            nasty(),
            nasty(),
            prop::option::of(nasty()),
            any::<u32>(),
            "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-8])",
            any::<bool>(),
        ),
        1..12,
    );
    runner(6)
        .run(&made, |people| {
            let turn = turns.get() + 1;
            turns.set(turn);
            let (from, to) = if turn % 2 == 0 { (&sqlite, &postgres) } else { (&postgres, &sqlite) };
            let org = format!("O{turn}");
            for p in [from, to] {
                p.run(&format!("org create --code {org} --name {org}")).ok();
                p.run(&format!("branch create --org {org} --code HQ --name HQ")).ok();
                p.run(&format!("branch create --org {org} --code B2 --name Second")).ok();
            }
            for i in 0..3 {
                from.run(&format!("dept create --org {org} --name 'Dept {i}' --branch HQ --budget {i}.000{i}")).ok();
            }
            let mut superior = String::new();
            for (i, (first, last, bio, n, dob, is_led)) in people.iter().enumerate() {
                let flags = [
                    ("first-name", first.clone()),
                    ("last-name", last.clone()),
                    ("bio", bio.clone().unwrap_or_default()),
                    ("username", format!("u{i}")),
                    ("external-id", format!("{:04}", n % 10_000)),
                    ("dob", dob.clone()),
                    ("department", format!("Dept {}", n % 3)),
                    ("reports-to", if *is_led { superior.clone() } else { String::new() }),
                    ("org", org.clone()),
                ];
                let words = flags.map(|(flag, text)| format!("--{flag}={text}"));
                let words: Vec<String> = ["user", "create"].map(str::to_owned).into_iter().chain(words).collect();
                let said = from.run_words(&words, b"");
                prop_assert!(matches!(said.code, 0 | 4 | 6), "{words:?} {}", said.err);
                if said.code == 0 {
                    superior = format!("u{i}");
                }
            }
            if superior.is_empty() {
                return Ok(());
            }
            from.run(&format!("branch assign HQ {superior} --org {org}")).ok();
            from.run(&format!("branch assign B2 {superior} --org {org}")).ok();
            from.run(&format!("dept update 'Dept 1' --manager {superior} --org {org}")).ok();
            from.run(&format!("branch update HQ --manager {superior} --org {org}")).ok();
            let export = |p: &TestEnv, noun: &str| p.run(&format!("{noun} export --org {org}")).ok();
            let (branches, depts, users) = (export(from, "branch"), export(from, "dept"), export(from, "user"));
            let without_manager = |csv: &str| {
                csv.replace(
                    &from.json(&format!("user show {superior} --org {org}"))["user_code"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                    "",
                )
            };
            to.run_with(&format!("dept import - --org {org}"), without_manager(&depts)).ok();
            to.run_with(&format!("user import - --org {org}"), &users).ok();
            to.run_with(&format!("dept import - --org {org} --on-conflict update"), &depts).ok();
            to.run_with(&format!("branch import - --org {org} --on-conflict update"), &branches).ok();
            for (noun, csv) in [("branch", branches), ("dept", depts), ("user", users)] {
                prop_assert_eq!(export(to, noun), csv.clone());
                let said = to.run_with(&format!("{noun} import - --org {org} --on-conflict update"), &csv);
                prop_assert!(said.err.contains("created 0, updated 0, unchanged"), "{}", said.err);
            }
            Ok(())
        })
        .expect("every case");
    for p in [&sqlite, &postgres] {
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    }
}
