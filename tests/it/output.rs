//! Output: every format, on a terminal and piped.

use serde_json::Value;

use crate::harness::{TestEnv, golden, on_both_engines_with_acme};

fn fill(p: &TestEnv) {
    p.run("branch create --code A --name 'Alpha, \"the\" first' --city Pune --phone '098200 12345'").ok();
    p.run("branch create --code B --name Beta --parent A").ok();
    p.run("branch deactivate B").ok();
}

#[test]
fn every_format_says_the_same() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let list = "branch list --columns code,name,city,parent,is_active,version";
        assert_eq!(
            p.run(list).ok(),
            "code\tname\tcity\tparent\tis_active\tversion\nA\tAlpha, \"the\" first\tPune\t\ttrue\t1\nB\tBeta\t\tA\tfalse\t2\n",
            "TSV where it is piped"
        );
        assert_eq!(p.run(&format!("{list} -o tsv")).ok(), p.run(list).ok());
        assert_eq!(
            p.run(&format!("{list} -o csv")).ok(),
            "code,name,city,parent,is_active,version\nA,\"Alpha, \"\"the\"\" first\",Pune,,true,1\nB,Beta,,A,false,2\n"
        );
        assert_eq!(
            p.run(&format!("{list} -o json")).ok(),
            "\
[
  {\"code\":\"A\",\"name\":\"Alpha, \\\"the\\\" first\",\"city\":\"Pune\",\"parent\":null,\"is_active\":true,\"version\":1},
  {\"code\":\"B\",\"name\":\"Beta\",\"city\":null,\"parent\":\"A\",\"is_active\":false,\"version\":2}
]
"
        );
        assert_eq!(
            p.run(&format!("{list} -o ndjson")).ok(),
            "\
{\"code\":\"A\",\"name\":\"Alpha, \\\"the\\\" first\",\"city\":\"Pune\",\"parent\":null,\"is_active\":true,\"version\":1}
{\"code\":\"B\",\"name\":\"Beta\",\"city\":null,\"parent\":\"A\",\"is_active\":false,\"version\":2}
"
        );
        assert_eq!(
            p.run("branch list --columns code,city,is_active,version -o yaml").ok(),
            "- code: A\n  city: Pune\n  is_active: true\n  version: 1\n- code: B\n  city: null\n  is_active: false\n  version: 2\n"
        );
        assert_eq!(p.run("branch list -o key").ok(), "A\nB\n");
        assert_eq!(
            p.run("branch list -o table --columns code,name,is_active").ok(),
            "CODE  NAME                IS_ACTIVE\nA     Alpha, \"the\" first  yes\nB     Beta                no\n"
        );
        assert_eq!(p.run("branch show B -o csv --columns code,status").ok(), "code,status\nB,inactive\n");
        assert_eq!(p.run("branch show B -o yaml --columns code,status").ok(), "code: B\nstatus: inactive\n");
        assert_eq!(p.run("branch show B -o json --columns code").ok(), "{\n  \"code\": \"B\"\n}\n");
        assert_eq!(p.run("branch show B -o key").ok(), "B\n");
        // An empty list is a valid document.
        for (format, empty) in
            [("json", "[]\n"), ("ndjson", ""), ("yaml", "[]\n"), ("key", ""), ("csv", "code\n"), ("tsv", "code\n")]
        {
            assert_eq!(
                p.run(&format!("branch list --filter city=X --columns code -o {format}")).ok(),
                empty,
                "{format}"
            );
        }
        let said = p.run_on_terminal("branch list --filter city=X", 80);
        assert_eq!((said.out.as_str(), said.err.as_str()), ("", "no branches\n"));
        // A change prints what it left where a format is asked for; data to standard output, the rest elsewhere.
        let said = p.run("branch update A --city Goa -o csv --columns code,city,version");
        assert_eq!(
            (said.out.as_str(), said.err.as_str()),
            ("code,city,version\nA,Goa,2\n", "updated branch A: city\n")
        );
        assert_eq!(p.run("branch update A --city Diu").ok(), "");
        assert!(p.run("branch list -o xml").fails(2).contains("table, json, ndjson, jsonl, csv, tsv, yaml, key, ocsf"));
    });
}

#[test]
fn columns_are_picked_and_ordered() {
    on_both_engines_with_acme(|p| {
        fill(p);
        assert_eq!(p.run("branch list --columns city,code").ok(), "city\tcode\nPune\tA\n\tB\n");
        assert_eq!(p.run("branch list --columns ' city , code '").ok(), "city\tcode\nPune\tA\n\tB\n");
        assert_eq!(
            p.transcript("branch list --columns code,cty"),
            "\
$ orgctl branch list --columns code,cty
error: there is no field 'cty'
hint: did you mean city?
hint: fields: id, org, code, name, address_line1, address_line2, address_line3, city, state, country, pincode, phone, email, manager, manager_name, parent, is_active, status, created_at, created_by, updated_at, updated_by, version, deleted_at, deleted_by
[exit 2]
"
        );
        // Before anything is changed.
        p.run("branch delete B --yes").ok();
        for line in ["update A --name X", "create --code Q --name Q", "deactivate A", "move A --root", "restore B"] {
            p.run(&format!("branch {line} -o json --columns cty")).fails(2);
        }
        assert_eq!(p.column("branch list --columns code,version", "version"), ["1"]);
        assert!(p.run("org list --columns org").fails(2).contains("fields: id, code, name, type, industry, "));
        let history = p.run("branch history A --columns seqq").fails(2);
        assert!(
            history.contains("there is no column 'seqq'") && history.contains("columns: seq, at, actor"),
            "{history}"
        );
        assert_eq!(p.run("branch history A --columns action,key").ok(), "action\tkey\ncreate\tA\n");
    });
}

#[test]
fn a_table_fits_the_terminal() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("branch update B --name 'A name that is much longer than the terminal on which it is to be shown is wide' --city 'कोल्हापूर'").ok();
        for width in [40, 60, 80, 100] {
            let table = p.run_on_terminal("branch list --columns code,name,city,status", width).ok();
            assert_eq!(table.lines().count(), 3, "a row is a line:\n{table}");
            let cut = table.lines().nth(2).expect("the second row");
            assert!(cut.starts_with("B ") && cut.contains('…'), "{cut}");
            for line in table.lines() {
                let plain: String = strip(line);
                assert!(
                    unicode_width::UnicodeWidthStr::width(plain.as_str()) <= usize::from(width),
                    "{width}: {plain}"
                );
            }
        }
        let wide = p.run_on_terminal("branch list", 300).ok();
        assert!(wide.contains("to be shown is wide"), "{wide}");
        // Piped, nothing is cut.
        assert!(p.run("branch list -o table").ok().contains("to be shown is wide"));
        // Times are told relatively to people, exactly to machines.
        p.wait(7200);
        let table = p.run_on_terminal("branch list --columns code,created_at", 80).ok();
        assert!(table.contains("2 hours ago"), "{table}");
        let shown = p.run_on_terminal("branch show A", 80).ok();
        assert!(shown.contains("created_at") && shown.contains(" (2 hours ago)"), "{shown}");
        assert!(p.run("branch list --columns created_at").ok().contains("\n2026-11-21T00:00:"));
    });
}

/// The text without its SGR sequences.
fn strip(line: &str) -> String {
    let mut plain = String::new();
    let mut parts = line.split('\x1b');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let coloured = |line: &str, env: &[(&str, &str)], terminal: bool| {
            let mut place = p.env.clone();
            place.extend(env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
            let said = p.run_with_env(line, &place, terminal);
            let code = said.code;
            (said.out.contains('\x1b') || said.err.contains('\x1b'), code)
        };
        for line in ["branch list", "branch show A"] {
            assert_eq!(coloured(line, &[], true), (true, 0), "{line}");
            assert_eq!(coloured(line, &[], false), (false, 0), "{line} piped");
            assert_eq!(coloured(&format!("{line} -o table"), &[], false), (false, 0), "{line} piped");
            assert_eq!(coloured(line, &[("NO_COLOR", "1")], true), (false, 0), "NO_COLOR");
            assert_eq!(coloured(line, &[("NO_COLOR", "")], true), (true, 0), "an empty NO_COLOR is none");
            assert_eq!(coloured(line, &[("TERM", "dumb")], true), (false, 0));
            assert_eq!(coloured(line, &[("ORGCTL_COLOR", "never")], true), (false, 0));
            assert_eq!(coloured(&format!("{line} --color never"), &[], true), (false, 0));
            assert_eq!(coloured(&format!("{line} --color always"), &[("NO_COLOR", "1")], true), (true, 0));
            assert_eq!(coloured(&format!("{line} --color always -o table"), &[], false), (true, 0));
            assert_eq!(coloured(&format!("{line} -o json"), &[], true), (false, 0), "JSON has no colours");
        }
        assert_eq!(coloured("branch show X", &[], true), (true, 3));
        assert_eq!(coloured("branch show X --color never", &[], true), (false, 3));
        assert!(p.run("branch list --color sometimes").fails(2).contains("auto, always, never"));
    });
}

#[test]
fn quiet_leaves_data_and_errors() {
    on_both_engines_with_acme(|p| {
        fill(p);
        for line in [
            "branch update A --city Goa",
            "branch deactivate A",
            "branch create --code q --name Q",
            "branch list --limit 1",
            "branch delete Q --yes",
            "branch restore Q",
            "branch exists A",
            "branch list --filter city=X -o key",
        ] {
            let said = p.run(&format!("{line} --quiet"));
            assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}");
        }
        assert!(p.run("branch show X --quiet").fails(3).starts_with("error: "));
        assert_eq!(p.run("branch list -q -o key --all").ok(), "A\nB\nQ\n");
    });
}

#[test]
fn what_a_terminal_would_obey_is_shown_escaped() {
    on_both_engines_with_acme(|p| {
        fill(p);
        // As somebody could write it who does not go through orgctl.
        p.sql("update branches set name = 'x\u{1b}]0;owned\u{7}\u{202e}evil\u{200b}\u{9b}31m', city = 'a\tb\nc\\d' where code = 'A'")
            .expect("an update");
        let shown = "x\\x1b]0;owned\\x07\\u{202e}evil\\u{200b}\\x9b31m";
        let row = p.run("branch list --columns name,city --filter code=A").ok();
        assert_eq!(row, format!("name\tcity\n{shown}\ta\\tb\\nc\\\\d\n"));
        let table = p.run_on_terminal("branch list --columns name,city --filter code=A --color never", 120).ok();
        assert!(table.contains(shown) && table.contains("a\\tb\\nc\\d"), "{table}");
        for line in [
            "branch show A",
            "branch tree",
            "branch show A -o csv",
            "branch list -o csv",
            "branch list -o yaml",
            "branch list -o json",
            "branch show A -o yaml",
            "branch history A",
            "branch stats",
        ] {
            let said = p.run_on_terminal(&format!("{line} --color never"), 200);
            let bad = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{200b}');
            assert!(!said.clone().ok().contains(bad) && !said.err.contains(bad), "{line}: {:?}", said.out);
        }
        // JSON means the text itself.
        assert_eq!(p.json("branch show A")["name"], "x\u{1b}]0;owned\u{7}\u{202e}evil\u{200b}\u{9b}31m");
        // A CSV file holds the text itself; so does an export.
        assert!(p.run("branch list -o csv --columns city").ok().contains("\"a\tb\nc\\d\""));
        // Messages quote it escaped too.
        let words = ["branch", "show", "no\u{1b}[2Jsuch\u{202e}"].map(str::to_owned);
        assert!(p.run_words(&words, b"").fails(3).starts_with("error: branch no\\x1b[2Jsuch\\u{202e} does not exist"));
    });
}

#[test]
fn json_is_frozen() {
    let keys = |value: &Value| -> String {
        let object = value.as_array().map_or(value, |a| &a[0]);
        object.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let texts = std::cell::RefCell::new(Vec::new());
    on_both_engines_with_acme(|p| {
        fill(p);
        let file = p.write("b.csv", "code,name\nC,C\nC,C\n");
        let mut text = String::new();
        for line in [
            "org list",
            "org show ACME",
            "org stats",
            "org history ACME",
            "branch list",
            "branch show A",
            "branch tree",
            "branch stats",
            "branch history A",
            "setting list",
            "setting explain password.min_length",
            "audit list",
            "audit show 1 --org ACME",
            "audit verify",
            "audit diff --from 1h",
            "db status",
            "config show",
        ] {
            text.push_str(&format!("{line}: {}\n", keys(&p.json(line))));
        }
        let report = p.run(&format!("branch import {file} -o json --keep-going"));
        text.push_str(&format!("branch import: {}\n", keys(&report.json())));
        text.push_str(&format!("branch import .rejects: {}\n", keys(&report.json()["rejects"])));
        let error: Value = serde_json::from_str(&p.run("branch update A --pincode 1 -o json").err).expect("JSON");
        text.push_str(&format!("error: {}\n", keys(&error["error"])));
        texts.borrow_mut().push(text);
    });
    let texts = texts.into_inner();
    assert_eq!(texts[0], texts[1], "both engines say the same");
    golden("tests/golden/json-keys.txt", &texts[0]);
}

#[test]
fn errors_are_json_where_that_is_asked_for() {
    on_both_engines_with_acme(|p| {
        fill(p);
        for (line, code, kind) in [
            ("branch show A1", 3, "not_found"),
            ("branch create --code A --name A", 4, "conflict"),
            ("branch update A --pincode 12", 6, "invalid"),
            ("branch list --columns x", 2, "usage"),
            ("branch frobnicate", 2, "usage"),
            ("branch list --page x", 2, "usage"),
        ] {
            for format in ["-o json", "--output=json", "-o ndjson"] {
                let said = p.run(&format!("{line} {format}"));
                assert_eq!((said.code, said.out.as_str()), (code, ""), "{line}");
                let error: Value = serde_json::from_str(&said.err).expect(&said.err);
                assert_eq!(
                    [&error["error"]["kind"], &error["error"]["exit_code"]],
                    [&Value::from(kind), &Value::from(code)],
                    "{line}"
                );
                assert!(error["error"]["message"].is_string() && error["error"]["hints"].is_array());
                assert_eq!(said.err.lines().count(), 1);
            }
        }
        let error: Value = serde_json::from_str(&p.run("branch update A --pincode 12 -o json").err).expect("JSON");
        assert_eq!(error["error"]["field"], "pincode");
    });
}

/// What lists or exports what there is none of gives no lines, and an empty array; a file that is asked for is told of.
#[test]
fn nothing_is_no_lines() {
    on_both_engines_with_acme(|p| {
        for line in ["user list", "user export", "user export -", "dept export", "former-key export", "log export"] {
            assert_eq!(p.run(&format!("{line} -o ndjson")).ok(), "", "{line}");
            assert_eq!(p.run(&format!("{line} -o json")).json(), serde_json::json!([]), "{line}");
        }
        let told = p.run(&format!("user export {} -o ndjson", p.path("none.json").display())).json();
        assert_eq!(told["command"], "user export");
        assert_eq!(p.read("none.json"), "");
    });
}
