//! Files of JSON: lines and arrays are rows like those of CSV, and what no row can be is told by its line and path.

use crate::harness::{TestEnv, on_both_engines_with_acme};

const LINES: &str = r#"{"code":"F1","name":"Fort","city":"Mumbai","phone":null}

{"city":"","name":"Pune \"Camp\" é","code":"F2"}
{"code":"F3","name":"Thane","pincode":400601}
"#;

/// The branches of a file, as CSV tells them.
fn branches(p: &TestEnv) -> String {
    let all = p.run("branch list --sort code --columns code,name,city,pincode -o csv").ok();
    let codes = p.run("branch list -o key").ok().replace('\n', " ");
    if !codes.is_empty() {
        p.run(&format!("branch delete {codes} --yes")).ok();
        p.run(&format!("branch purge {codes} --yes")).ok();
    }
    all
}

#[test]
fn lines_and_arrays_are_read_like_csv_in_any_encoding() {
    const HOPED: &str = "code,name,city,pincode\nF1,Fort,Mumbai,\nF2,\"Pune \"\"Camp\"\" é\",,\nF3,Thane,,400601\n";
    let wide = |text: &str, bytes: fn(u16) -> [u8; 2]| {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect::<Vec<u8>>()
    };
    let objects: Vec<&str> = LINES.lines().filter(|l| !l.is_empty()).collect();
    let array = format!("[{}]", objects.join(","));
    let pretty = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        format!("{value:#}\n")
    };
    on_both_engines_with_acme(|p| {
        for (bytes, flags) in [
            (LINES.as_bytes().to_vec(), ""),
            (LINES.replace('\n', "\r\n").into_bytes(), "--format ndjson"),
            (LINES.replace('\n', "\r").into_bytes(), "--format jsonl"),
            (format!("\u{feff}  {LINES}").into_bytes(), ""),
            (wide(LINES, u16::to_le_bytes), ""),
            (wide(&array, u16::to_be_bytes), "--format json"),
            (array.clone().into_bytes(), "--encoding utf-8"),
            (pretty(&array).into_bytes(), ""),
            (objects.iter().map(|o| pretty(o)).collect::<String>().into_bytes(), ""),
            (format!("exported today\n{LINES}").into_bytes(), "--skip-lines 1"),
        ] {
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            let said = p.run_with(&format!("branch import - {flags}"), &bytes);
            assert_eq!(said.code, 0, "{shown}{}", said.err);
            assert!(said.err.contains("read 3 rows: created 3,"), "{}", said.err);
            assert_eq!(branches(p), HOPED, "{shown}");
            let file = p.write("b.json", &bytes);
            p.run(&format!("branch import {file} {flags}")).ok();
            assert_eq!(branches(p), HOPED, "{shown}");
        }
        // A name of a column may stand in brackets, and a form can be said.
        let file = p.write("b.csv", "[code],[name]\nF1,Fort\n");
        p.run(&format!("branch import {file} --map [code]=code --map [name]=name")).ok();
        assert_eq!(branches(p), "code,name,city,pincode\nF1,Fort,,\n");
        for (text, format, code, sentence) in [
            ("[{\"code\":\"F1\"}]", "ndjson", 2, "is a JSON array, and --format says ndjson\nhint: leave --format out"),
            ("code,name\nF1,Fort\n", "json", 6, "is no JSON: it begins with neither [ nor {\n"),
            ("[]", "json", 6, "holds no rows\n"),
            ("", "ndjson", 6, "is empty\n"),
            (
                "code,name\nF1,Fort\n",
                "ndjson",
                6,
                "has no row with a key; line 1: broken JSON in column 1: an object is",
            ),
        ] {
            let said = p.run_with(&format!("branch import - --format {format}"), text).fails(code);
            assert!(said.contains(sentence), "{text}: {said}");
        }
    });
}

#[test]
fn keys_are_joined_by_dots_and_arrays_are_lists() {
    on_both_engines_with_acme(|p| {
        p.run_with("branch import -", r#"[{"code":"MUM01","name":"Fort"},{"code":"DEL01","name":"Delhi"}]"#).ok();
        let text = r#"{"user_code":"ASHA22","name":"Asha Rao","address":{"city":"Pune","geo":{"lat":1.50}},"branches":["MUM01","DEL01"],"register_device":{"os":"X","v":[1,{"a":2}]},"can_login":false}
{"user_code":"RAVJ33","address":null,"branches":[],"name":"Ravi Jha","register_device":"plain"}
"#;
        let file = p.write("u.ndjson", text);
        let said = p.run(&format!("user import {file}")).fails(6);
        assert!(said.contains("columns that a user does not have: address.city, address.geo.lat\n"), "{said}");
        let hint = "hint: line 1, address.city: address is an object there; is --map 'address.city=city' meant?\n";
        assert!(said.contains(hint), "{said}");
        p.run(&format!("user import {file} --map address.city=city --map Address.GEO.lat=bio")).ok();
        let asha = p.json("user show ASHA22");
        assert_eq!([&asha["city"], &asha["bio"], &asha["branch"]], ["Pune", "1.50", "MUM01"]);
        assert_eq!(asha["branches"], serde_json::json!(["MUM01", "DEL01"]));
        assert_eq!(asha["register_device"], serde_json::json!({"os": "X", "v": [1, {"a": 2}]}));
        let ravi = p.json("user show RAVJ33");
        assert_eq!([&ravi["city"], &ravi["branch"]], [&serde_json::Value::Null; 2]);
        assert_eq!(ravi["register_device"], "plain");
        // The same once more changes nothing, also by way of an export.
        for format in ["ndjson", "json", "csv"] {
            let whole = p.run(&format!("user export -o {format}")).ok();
            let again = p.run_with("user import - --on-conflict update -o json", &whole);
            assert_eq!(again.json()["unchanged"], 2, "{format}: {}", again.err);
        }
        // A key that no row has is none that is wrong.
        let said = p.run_with("user import - --map address.city=city", r#"{"name":"Uma","user_code":"UMAA44"}"#);
        assert!(said.err.starts_with("note: no row has 'address.city', which --map names\n"), "{}", said.err);
        said.ok();
        let said = p.run_with("user import - --map address.city=cty", r#"{"name":"Uma","user_code":"UMAA44"}"#);
        assert!(said.fails(2).contains("the file has no column 'address.city'"));
    });
}

#[test]
fn extended_json_and_long_numbers_keep_what_they_say() {
    on_both_engines_with_acme(|p| {
        let text = r#"[{"_id":{"$oid":"65a1b2c3d4e5f60718293a4b"},"name":"Asha Rao","user_code":{"$symbol":"ASHA22"},
            "dob":{"$date":"1990-05-01T00:00:00.000Z"},"invited_at":{"$date":{"$numberLong":"1700000000123"}},
            "accepted_at":{"$date":"2023-11-15T05:30:00.000+0530"},"pincode":{"$numberInt":"411001"},
            "bio":{"$numberDouble":"0.1"},"designation":12345678901234567890.10,"language":{"$undefined":true}}]"#;
        p.run_with("user import -", text).ok();
        let asha = p.json("user show 65a1b2c3d4e5f60718293a4b");
        assert_eq!(asha["external_id"], "65a1b2c3d4e5f60718293a4b");
        assert_eq!([&asha["dob"], &asha["pincode"], &asha["bio"]], ["1990-05-01", "411001", "0.1"]);
        assert_eq!(asha["invited_at"], "2023-11-14T22:13:20.123000Z");
        assert_eq!(asha["accepted_at"], "2023-11-15T00:00:00.000000Z");
        assert_eq!(asha["designation"], "12345678901234567890.10");
        assert_eq!(asha["language"], serde_json::Value::Null);
        let depts = r#"{"name":"A","budget":{"$numberDecimal":"12345678901234.5678"}}
{"name":"B","budget":90071992547409.9301}
{"name":"C","budget":{"$numberLong":"9007199254740993"}}
"#;
        let said = p.run_with("dept import - --keep-going", depts).fails(7);
        assert!(said.starts_with("rejected line 3: budget must be "), "{said}");
        assert_eq!(p.column("dept list --sort name", "budget"), ["12345678901234.5678", "90071992547409.9301"]);
        let said =
            p.run_with("user import -", r#"{"name":"U","email":"u@x.example","invited_at":{"$date":"soon"}}"#).fails(6);
        assert!(said.starts_with("rejected line 1, invited_at: no time is meant by 'soon'\n"), "{said}");
    });
}

/// Each is told by its line, and by its path or its column; the rows around it are read.
#[test]
fn what_no_row_can_be_is_told_by_line_and_path() {
    let deep = format!("{{\"code\":\"X\",\"name\":{}1{}}}", "{\"a\":".repeat(200), "}".repeat(200));
    let arrays = format!("{{\"code\":\"X\",\"tags\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let long = format!("{{\"code\":\"X\",\"name\":\"{}\"}}", "x".repeat(17 << 20));
    let cases: &[(&str, &str)] = &[
        (r#"{"code":"X","name":"a","name":"b"}"#, "line 2, name: the key stands twice in one object"),
        (r#"{"code":"X","a":{"b":1,"b":null}}"#, "line 2, a.b: the key stands twice in one object"),
        (r#"{"code":"X","a.b":1,"a":{"b":2}}"#, "line 2, a.b: the key stands twice in one object"),
        (r#"{"code":"X","tags":[{"b":1,"b":2}]}"#, "line 2, tags: the key stands twice in one object"),
        (r#"{"code":"X","name":["a"]}"#, "line 2, name: an array stands where one value is wanted"),
        (r#"{"code":"X","name":[{"a":1}]}"#, "line 2, name: an array of objects or arrays stands where single values"),
        (r#"{"code":"X","name":{"first":"a"}}"#, "line 2, name: an object stands where one value is wanted"),
        (r#"{"code":"X","name":{}}"#, "line 2, name: an object stands where one value is wanted"),
        (r#"{"code":"X","name":"\ud800"}"#, "line 2, name: the text holds half of a character"),
        (r#"{"code":"X","name":"a\u0000b"}"#, "line 2: name must not hold a NUL character"),
        (r#"{"code":"X","name":"a\nb"}"#, "line 2: name must be one line"),
        (r#"{"code":"X"}"#, "line 2: name must not be empty"),
        (r#"{"code":"X","name":tru}"#, "line 2: broken JSON in column 20: a value is expected, not 't'"),
        (r#"{"code":"X","name":"é"x}"#, "line 2: broken JSON in column 23: ',' or '}' is expected, not 'x'"),
        (r#"{"code":"X","name":01}"#, "line 2: broken JSON in column 21: ',' or '}' is expected, not '1'"),
        (r#"{"code":"X","name":"a",}"#, "line 2: broken JSON in column 24: a key in quotes is expected, not '}'"),
        (r#"{"code":"X","name":"a"},"#, "line 2: broken JSON in column 24: the end of the line behind the object"),
        (r#"{"code":"X"} {"code":"Y"}"#, "line 2: broken JSON in column 14: the end of the line behind the object"),
        (r#"{'code':'X'}"#, "line 2: broken JSON in column 2: a key in quotes is expected, not '''"),
        (r#"{"code":"X","name":"a"#, "line 2: broken JSON in column 22: the quote that closes a text"),
        (r#"{"code":"X","name":"a""#, "line 3: broken JSON in column 1: ',' or '}' is expected, not '{'"),
        ("garbage", "line 2: broken JSON in column 1: an object is expected, not 'g'"),
        ("[1]", "line 2: an array stands where an object is wanted, whose keys name the columns"),
        ("null", "line 2: null stands where an object is wanted"),
        (&deep, "line 2, name.a.a.a.a.a"),
        (&arrays, "line 2, tags: the value is deeper than 100 levels"),
        (&long, "line 2: the row is longer than 16 MB"),
    ];
    on_both_engines_with_acme(|p| {
        for (bad, sentence) in cases {
            let text =
                format!("{{\"code\":\"F1\",\"name\":\"Fort\"}}\n{bad}\n{{\"code\":\"F3\",\"name\":\"Thane\"}}\n");
            let said = p.run_with("branch import - --keep-going --ignore-unknown", &text).fails(7);
            let shown = bad.get(..60).unwrap_or(bad);
            assert!(said.starts_with(&format!("rejected {sentence}")), "{shown}: {}", said.get(..400).unwrap_or(&said));
            assert!(said.contains("\nread 3 rows: created 2, updated 0, unchanged 0, rejected 1 "), "{shown}: {said}");
            assert_eq!(branches(p).lines().count(), 3, "{shown}");
        }
    });
}

/// Of an array there is no going on behind what is broken.
#[test]
fn a_broken_array_is_refused_whole() {
    on_both_engines_with_acme(|p| {
        for (text, sentence) in [
            (r#"[{"code":"F1","name":"a"}"#, "line 1, column 26: ',' or ']' is expected, not the end of the file"),
            (
                "[\n {\"code\":\"F1\"},\n {\"co",
                "line 3, column 6: the quote that closes a text is expected, not the end",
            ),
            ("[{\"code\":\"F1\"},]", "line 1, column 16: an object is expected, not ']'"),
            ("[{\"code\":\"F1\"} {\"code\":\"F2\"}]", "line 1, column 16: ',' or ']' is expected, not '{'"),
            (
                "[{\"code\":\"F1\"}]\n{\"code\":\"F2\"}",
                "line 2, column 1: the end of the file behind the array is expected",
            ),
            ("[{\"code\":\"é\",\n\"name\":x}]", "line 2, column 8: a value is expected, not 'x'"),
        ] {
            let said = p.run_with("branch import - --keep-going", text).fails(6);
            let hoped = format!("error: standard input is broken JSON: {sentence}");
            assert!(said.starts_with(&hoped), "{said}");
            assert!(said.contains("hint: is the file complete? nothing of it was imported"), "{said}");
        }
        // What is whole but says no row is rejected by itself; there need be no end of line.
        let rows: String =
            (0..2000).map(|i| format!("{{\"code\":\"C{i}\",\"name\":\"{}\"}},", "y".repeat(100))).collect();
        let text = format!("[{rows}5,{{\"code\":\"F1\",\"code\":\"F2\"}}]");
        let said = p.run_with("branch import - --keep-going -o json", &text);
        assert_eq!((&said.json()["created"], &said.json()["rejected"]), (&2000.into(), &2.into()), "{}", said.err);
    });
}

#[test]
fn rejects_of_json_are_mended_and_fed_back() {
    on_both_engines_with_acme(|p| {
        let text = r#"{"code":"F1","name":"Fort"}
{
  "code": "F2",  "name": "Camp \" x",
  "pincode": 12, "address": {"city": "Pune"}
}
{"code":"F3","name":"Thane"
{"code":"F4","name":"Worli","phone":["1"]}
"#;
        let (file, rejects) = (p.write("b.ndjson", text), p.path("r.ndjson").display().to_string());
        let line =
            |file: &str| format!("branch import {file} --map address.city=city --keep-going --rejects {rejects}");
        p.run(&line(&file)).fails(7);
        let first = p.read("r.ndjson");
        assert_eq!(
            first,
            "{\"code\":\"F2\",\"name\":\"Camp \\\" x\",\"pincode\":12,\"address\":{\"city\":\"Pune\"},\"reject_line\":2,\
             \"reject_column\":\"pincode\",\"reject_code\":\"invalid\",\"reject_reason\":\"pincode '12' is no postal code of India (six digits, the first 1 to 9)\"}\n\
             {\"reject_line\":7,\"reject_column\":\"\",\"reject_code\":\"json\",\
             \"reject_reason\":\"broken JSON in column 1: ',' or '}' is expected, not '{'\"}\n\
             {\"code\":\"F3\",\"name\":\"Thane\"\n\
             {\"code\":\"F4\",\"name\":\"Worli\",\"phone\":[\"1\"],\"reject_line\":7,\"reject_column\":\"phone\",\
             \"reject_code\":\"invalid\",\"reject_reason\":\"an array stands where one value is wanted\"}\n"
        );
        // Fed back as it is, it comes out the same but for its lines.
        let again = p.write("again.ndjson", &first);
        p.run(&line(&again)).fails(7);
        let bare = |text: &str| -> Vec<String> {
            let of = |line: &str| line.split(",\"reject_").next().unwrap_or_default().to_owned();
            text.lines().filter(|l| !l.starts_with("{\"reject_")).map(of).collect()
        };
        assert_eq!(bare(&p.read("r.ndjson")), bare(&first));
        let mended =
            first.replace(":12,", ":411001,").replace("\"Thane\"\n", "\"Thane\"}\n").replace("[\"1\"]", "null");
        let mended = p.write("mended.ndjson", mended);
        p.run(&line(&mended)).ok();
        assert_eq!(
            branches(p),
            "code,name,city,pincode\nF1,Fort,,\nF2,\"Camp \"\" x\",Pune,411001\nF3,Thane,,\nF4,Worli,,\n"
        );
    });
}

#[test]
fn the_rules_of_csv_hold_for_json() {
    on_both_engines_with_acme(|p| {
        let file =
            p.write("b.json", r#"[{"code":"F1","name":"Fort","colour":"red"},{"code":"F2","town":"Pune","name":"-"}]"#);
        let said = p.run(&format!("branch import {file}")).fails(6);
        assert!(said.contains("columns that a branch does not have: colour, town\n"), "{said}");
        let flags = "--ignore-unknown --set country=India --map town=city --none - --key code";
        p.run(&format!("branch import {file} {flags} --dry-run")).ok();
        p.run_with(
            "branch import - --ignore-unknown --set country=India --map town=city",
            p.read("b.json").replace("\"-\"", "\"Camp\""),
        )
        .ok();
        assert_eq!(p.column("branch list --sort code", "country"), ["India", "India"]);
        assert_eq!(p.column("branch list --sort code", "city"), ["null", "Pune"]);
        // A key that a row lacks is an empty cell, as null is.
        let report =
            |text: &str, mode: &str| p.run_with(&format!("branch import - --on-conflict {mode} -o json"), text).json();
        let said = report(
            r#"{"code":"F1","city":"Thane","name":"Fort"}
{"code":"F2","name":"Camp"}"#,
            "update",
        );
        assert_eq!(said["updated"], 2, "{said}");
        assert_eq!(p.column("branch list --sort code", "city"), ["Thane", "null"]);
        assert_eq!(report("{\"code\":\"F1\",\"name\":\"Other\"}", "skip")["skipped"], 1);
        let said = report("{\"code\":\"F1\",\"name\":\"Fort\"}", "error");
        assert_eq!(said["rejects"][0]["reason"], "branch F1 exists already");
        let told = p.run("branch exists F1 F2 -o ndjson").ok();
        assert_eq!(told, "{\"key\":\"F1\",\"exists\":true}\n{\"key\":\"F2\",\"exists\":true}\n");
        // Passwords, and files that are the whole truth.
        let staff = r#"[{"email":"a@x.example","name":"A","password":"correct horse battery"},{"email":"b@x.example","name":"B"}]"#;
        p.run_with("user import - --sync --key email", staff).ok();
        let said =
            p.run_with("user import - --sync --key email --force -o json", r#"{"email":"a@x.example","name":"A"}"#);
        assert_eq!(said.json()["left"], 1, "{}", said.err);
        let wrong = r#"[{"email":"c@x.example","name":"C","password":["x"]}]"#;
        assert!(p.run_with("user import -", wrong).fails(6).contains("password: an array stands where one value"));
    });
}

/// What is wrong with the file as a whole, and not with a row of it.
#[test]
fn a_file_of_which_no_row_can_be_read_is_told_why() {
    let keys: String = (0..10_001).map(|i| format!("{{\"code\":\"C{i}\",\"name\":\"a\",\"k{i}\":1}}\n")).collect();
    on_both_engines_with_acme(|p| {
        for (text, sentence) in [
            (
                "{\"a\":".repeat(50_000).as_str(),
                "has no row with a key; line 2: broken JSON in column 1: a bracket that",
            ),
            ("[1,2]", "has no row with a key; line 1: a number stands where an object is wanted, whose keys name"),
            (keys.as_str(), "has more than 10000 different keys, the next on line 9999\n"),
            (
                r#"{"data":[{"code":"F1"}],"total":1}"#,
                "a branch does not have: data, total\nhint: 'data' holds objects; if these are the rows: jq -c '.data[]' FILE",
            ),
        ] {
            let text = if text.contains(":1}") { text.to_owned() } else { format!("{text}\n") };
            let flags = if text == keys { "--ignore-unknown" } else { "" };
            let said = p.run_with(&format!("branch import - {flags}"), &text).fails(6);
            assert!(said.contains(sentence), "{said}");
        }
    });
}

/// A file may name what a record refers to and give its id too: the id counts, and the name where a row has none.
#[test]
fn an_id_counts_before_a_name() {
    on_both_engines_with_acme(|p| {
        p.run_with("dept import -", "code,name\nFIN,Finance\nHR,People\n").ok();
        let text =
            "user_code,name,departmentId,department\nASHA22,Asha Rao,FIN,HR\nRAVJ33,Ravi Jha,,HR\nUMAA44,Uma,HR,gone\n";
        let note = "note: 'departmentId' is read before 'department', which counts where the former is empty\n";
        let said = p.run_with("user import -", text);
        assert!(said.err.starts_with(note), "{}", said.err);
        said.ok();
        assert_eq!(p.column("user list --sort user_code", "department"), ["FIN", "HR", "HR"]);
        let turned = r#"{"department":"HR","departmentId":"FIN","user_code":"ASHA22"}
{"departmentId":null,"department":"Finance","user_code":"RAVJ33"}
{"department_id":"FIN","user_code":"UMAA44"}
"#;
        let said = p.run_with("user import - --on-conflict update", turned).fails(6);
        assert!(said.contains("two columns of the file fill department: 'departmentId' and 'department_id'"), "{said}");
        let turned = turned.replace("department_id", "departmentId");
        p.run_with("user import - --on-conflict update", &turned).ok();
        assert_eq!(p.column("user list --sort user_code", "department"), ["FIN", "FIN", "FIN"]);
        let said = p.run_with("user import - --on-conflict update --map department=department", &turned);
        let note = "note: 'departmentId' is passed over: --map says that 'department' is meant\n";
        assert!(said.err.starts_with(note), "{}", said.err);
        assert_eq!(p.column("user list --sort user_code", "department"), ["HR", "FIN", "null"]);
        // Names of the same rank are still two columns for one field.
        let twice = "user_code,dept,department\nASHA22,FIN,HR\n";
        assert!(
            p.run_with("user import - --on-conflict update", twice).fails(6).contains("fill department: 'dept' and")
        );
    });
}

/// Rows of kinds that must have a code get one, besides the codes that others have or are given.
#[test]
fn codes_are_made_where_a_file_has_none() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code BR-002 --name There").ok();
        let rows = r#"{"name":"Fort"}
{"code":"BR-003","name":"Given"}
{"code":null,"name":"Pune","parent":"BR-003"}
{"code":"","name":"Thane"}
"#;
        let said = p.run_with("branch import -", rows).fails(6);
        assert!(said.starts_with("rejected line 1: code must not be empty\n"), "{said}");
        p.run_with("branch import - --generate-codes --dry-run", rows).ok();
        p.run_with("branch import - --generate-codes", rows).ok();
        assert_eq!(
            p.run("branch list --sort code -o csv --columns code,name,parent").ok(),
            "code,name,parent\nBR-001,Fort,\nBR-002,There,\nBR-003,Given,\nBR-004,Pune,BR-003\nBR-005,Thane,\n"
        );
        // A file without the column, and one that updates: what has no code is new.
        p.run_with("branch import - --generate-codes --set city=Pune", "name\nCamp\n").ok();
        let said = p.run_with(
            "branch import - --generate-codes --on-conflict update -o json",
            "code,name\nBR-001,Old Fort\n,Worli\n",
        );
        assert_eq!((&said.json()["created"], &said.json()["updated"]), (&1.into(), &1.into()), "{}", said.err);
        assert_eq!(p.column("branch list --sort code --filter code>=BR-006", "name"), ["Camp", "Worli"]);
        assert_eq!(p.column("branch list --filter code=BR-001", "name"), ["Old Fort"]);
        // What is made anyway is made too where it is the key; other faults are told as ever.
        p.run_with("dept import - --generate-codes", "code,name\n,Finance\nHR,People\n").ok();
        assert_eq!(p.column("dept list --sort code", "code"), ["DEPT-001", "HR"]);
        p.run_with("specialty import - --generate-codes", "name\nTax\nAudit\n").ok();
        assert_eq!(p.column("specialty list --sort code", "code"), ["SPEC-001", "SPEC-002"]);
        let said = p.run_with("branch import - --generate-codes", "code,name,pincode\n,,1\nbad code,x,\n").fails(6);
        assert!(
            said.contains("rejected line 2: name must not be empty\n") && said.contains("line 2: pincode '1'"),
            "{said}"
        );
        assert!(said.contains("rejected line 3: code "), "{said}");
        assert!(p.run("user import - --sync --generate-codes").fails(2).contains("cannot be used with"));
        p.run("db check").ok();
        p.run("audit verify").ok();
    });
}
