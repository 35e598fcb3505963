//! Import: what is read, what is refused, what is said.

use serde_json::json;

use crate::harness::{TestEnv, on_both_engines_with_acme};

/// The report of an import without its timing.
#[track_caller]
fn report(p: &TestEnv, line: &str, code: u8) -> String {
    let said = p.run(line).fails(code);
    said.lines().map(|l| l.split(" (0.").next().unwrap_or_default().to_owned() + "\n").collect()
}

fn codes(p: &TestEnv) -> String {
    p.run("branch list -o key").ok().lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_file_is_loaded_and_reported() {
    on_both_engines_with_acme(|p| {
        // A row may refer to one further down, in any case of its key.
        let file = p.write("b.csv", "code,name,parent,city\nL1,Leaf one,t1,Pune\nL2,Leaf two,T1,\nT1,Top,,\n");
        assert_eq!(
            report(p, &format!("branch import {file}"), 0),
            "read 3 rows: created 3, updated 0, unchanged 0, rejected 0\n"
        );
        assert_eq!(p.column("branch list --filter parent=T1", "code"), ["L1", "L2"]);
        let once = p.audit_records();
        // The same file again.
        assert_eq!(
            report(p, &format!("branch import {file} --on-conflict update"), 0),
            "read 3 rows: created 0, updated 0, unchanged 3, rejected 0\nnothing was changed\n"
        );
        assert_eq!(
            report(p, &format!("branch import {file} --on-conflict skip"), 0),
            "read 3 rows: created 0, updated 0, unchanged 0, skipped 3, rejected 0\nnothing was changed\n"
        );
        assert_eq!(p.audit_records(), once, "what changed nothing left no record");
        let said = report(p, &format!("branch import {file}"), 6);
        assert!(
            said.starts_with("rejected line 2, code: branch L1 exists already\nrejected line 3, code: branch L2"),
            "{said}"
        );
        assert!(said.contains("read 3 rows, rejected 3; nothing was imported\n"), "{said}");
        // One change among them; a column that is not in the file is left alone.
        let file = p.write("b.csv", "code,city\nL1,Goa\nl2,\nN1,Nashik\n");
        let said = report(p, &format!("branch import {file} --on-conflict update --keep-going"), 7);
        assert!(
            said.contains(
                "rejected line 4: name must not be empty\nread 3 rows: created 0, updated 1, unchanged 1, rejected 1\n"
            ),
            "{said}"
        );
        let l1 = p.json("branch show L1");
        assert_eq!(
            [&l1["city"], &l1["name"], &l1["parent"], &l1["version"]],
            [&json!("Goa"), &json!("Leaf one"), &json!("T1"), &json!(2)]
        );
        assert_eq!(p.column("branch history L1", "action"), ["create", "update"]);
        assert_eq!(p.column("branch history T1", "action"), ["create"]);
        assert!(p.column("audit list --org ACME", "action").contains(&"import".to_owned()));
        // As JSON.
        let file = p.write("b.csv", "code,name,phone\nJ1,One,12\nJ2,Two,\nJ2,Three,\n");
        let said = p.run(&format!("branch import {file} --keep-going -o json"));
        let mut made = said.json();
        assert!(made["seconds"].is_number() && made["rows_per_second"].is_number());
        made.as_object_mut().expect("an object").retain(|k, _| k != "seconds" && k != "rows_per_second");
        assert_eq!(
            made,
            json!({
                "read": 3, "created": 1, "updated": 0, "unchanged": 0, "skipped": 0, "rejected": 2, "written": true, "possible_phones": 0, "damaged_texts": 0, "names_leaver": 0, "blanked": {},
                "rejects": [
                    {"line": 2, "column": "phone", "code": "invalid",
                     "reason": "phone must be a phone number like +91 22 2345 6789; '12' can't be one"},
                    {"line": 4, "column": "code", "code": "duplicate", "reason": "code J2 stands in the file already, on line 3"},
                ],
            })
        );
        assert!(said.fails(7).starts_with("{\"error\":{\"kind\":\"partial\",\"exit_code\":7,"));
        let said = p.run(&format!("branch import {file} -o json"));
        assert_eq!(
            [&said.json()["written"], &said.json()["created"], &said.json()["rejected"]],
            [&json!(false), &json!(0), &json!(3)]
        );
        said.fails(6);
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn all_rows_or_none() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code OLD --name Old").ok();
        let before = p.audit_records();
        let rows: String = (0..30).map(|i| format!("R{i},Row,\n")).collect();
        let file = p.write("b.csv", format!("code,name,parent\n{rows}BAD,,\nOLD,Old,\nLOST,Lost,NOWHERE\nX,X,LOST\n"));
        let said = report(p, &format!("branch import {file}"), 6);
        // Everything that is wrong is said at once.
        assert_eq!(
            said,
            "\
rejected line 32: name must not be empty
rejected line 33, code: branch OLD exists already
rejected line 34, parent: branch NOWHERE does not exist
rejected line 35: parent LOST was rejected (line 34)
read 34 rows, rejected 4; nothing was imported
error: 4 of 34 rows were rejected; nothing was imported
hint: --rejects FILE writes them out with their reasons, to be mended and imported again
hint: --keep-going imports the other branches
hint: --on-conflict skip passes over what is there already, update changes it
"
        );
        assert_eq!(codes(p), "OLD");
        assert_eq!(p.audit_records(), before + 1, "one record of the refusal");
        let said = report(p, &format!("branch import {file} --keep-going"), 7);
        assert!(said.contains("read 34 rows: created 30, updated 0, unchanged 0, rejected 4\n"), "{said}");
        assert_eq!(codes(p).split(' ').count(), 31);
        // More rejects than anybody reads.
        let rows: String = (0..30).map(|i| format!("S{i},\n")).collect();
        let file = p.write("b.csv", format!("code,name\n{rows}"));
        assert!(report(p, &format!("branch import {file}"), 6).contains("and 10 more rejected rows\n"));
        p.run("db check").ok();
    });
}

#[test]
fn a_ring_in_the_file_is_found_and_named() {
    on_both_engines_with_acme(|p| {
        let file = p.write("b.csv", "code,name,parent\nK1,a,K2\nK2,b,K3\nK3,c,K1\nK4,d,K3\nK5,e,k5\nOK,f,\nOK2,g,OK\n");
        let said = report(p, &format!("branch import {file} --keep-going"), 7);
        for line in [2, 3, 4] {
            assert!(
                said.contains(&format!("rejected line {line}, parent: stands below itself: K1 > K2 > K3 > K1\n")),
                "{said}"
            );
        }
        assert!(said.contains("rejected line 5: parent K3 was rejected (line 4)\n"), "{said}");
        assert!(said.contains("rejected line 6, parent: stands below itself: K5 > K5\n"), "{said}");
        assert_eq!(codes(p), "OK OK2");
        // A ring that only the file and the database together make: the rows that close it are told, the others loaded.
        let file = p.write("b.csv", "code,name,parent\nOK,f,OK2\nN1,n,OK2\nN2,n,N1\n");
        let said = report(p, &format!("branch import {file} --on-conflict update --keep-going"), 7);
        assert!(said.contains("rejected line 2, parent: stands below itself: OK > OK2 > OK\n"), "{said}");
        assert_eq!(codes(p), "N1 N2 OK OK2");
        // Longer, over records that the file leaves as they are, and through one that it moves out of the way.
        let file = p.write("b.csv", "code,name,parent\nOK,f,N2\n");
        let said = report(p, &format!("branch import {file} --on-conflict update"), 6);
        assert!(said.contains("rejected line 2, parent: stands below itself: OK > N2 > N1 > OK2 > OK\n"), "{said}");
        let file = p.write("b.csv", "code,name,parent\nOK,f,N2\nN1,n,\n");
        p.run(&format!("branch import {file} --on-conflict update")).ok();
        assert_eq!(p.json("branch show OK")["parent"], json!("N2"));
        let file = p.write("b.csv", "code,name,parent\nN1,n,OK2\nOK,f,\n");
        p.run(&format!("branch import {file} --on-conflict update")).ok();
        assert_eq!(p.json("branch show OK")["parent"], json!(null));
    });
}

#[test]
fn a_rejected_change_leaves_its_record_where_it_stood_when_rings_are_looked_for() {
    on_both_engines_with_acme(|p| {
        let file = p.write("b.csv", "code,name,parent\nA,a,\nB,b,A\nC,c,\n");
        p.run(&format!("branch import {file}")).ok();
        // B stays below A, so A can't go below B.
        let file = p.write("b.csv", "code,name,parent\nA,a,B\nB,b,NOWHERE\nC,c,A\n");
        let said = report(p, &format!("branch import {file} --on-conflict update --keep-going"), 7);
        assert!(said.contains("rejected line 2, parent: stands below itself: A > B > A\n"), "{said}");
        assert!(said.contains("rejected line 3, parent: branch NOWHERE does not exist\n"), "{said}");
        assert!(said.contains("updated 1, unchanged 0, rejected 2\n"), "{said}");
        // B would have closed a ring, but is not changed for another reason: A is right.
        p.run("branch update B --parent=").ok();
        let file = p.write("b.csv", "code,name,parent\nA,a,B\nB,,A\n");
        let said = report(p, &format!("branch import {file} --on-conflict update --keep-going"), 7);
        assert!(said.contains("rejected line 3: name must not be empty\n"), "{said}");
        assert!(said.contains("updated 1, unchanged 0, rejected 1\n"), "{said}");
        assert_eq!(p.json("branch show A")["parent"], json!("B"));
        p.run("db check").ok();
    });
}

#[test]
fn columns_are_mapped_set_and_ignored() {
    on_both_engines_with_acme(|p| {
        let file = p.write("b.csv", "Emp ID,Title,City,Remark\na1,One,Pune,x\na2,Two,,y\n");
        for (flags, code, sentence) in [
            ("", 6, "error: columns that a branch does not have: Emp ID, Title, Remark\n"),
            ("--ignore-unknown", 6, "error: no column holds a key of the branch: code\n"),
            ("--map 'Emp ID=code' --ignore-unknown", 6, "error: no column holds the name of the branch\n"),
            ("--map 'Emp ID=code' --map Title=nmae", 2, "hint: did you mean name?\n"),
            ("--map 'Emp Id=code' --map Titel=name", 2, "error: the file has no column 'Titel'\n"),
            ("--map Title", 2, "error: 'Title' maps nothing\n"),
            ("--map emp_id=code --map Title=name", 6, "error: columns that a branch does not have: Remark\n"),
            ("--map 'Emp ID=code' --map emp-id=name", 2, "error: --map names the column 'emp-id' twice\n"),
            (
                "--map City=parent.is_active",
                2,
                "error: no branch is looked up by its is_active\nhint: fields that name one: code, ",
            ),
            ("--map City=parent.parent", 2, "error: no branch is looked up by its parent\n"),
            ("--map City=name.code", 2, "error: name refers to nothing"),
            (
                "--map 'Emp ID=code' --map Title=name --map Remark=city",
                6,
                "error: two columns of the file fill city: 'City' and 'Remark' (columns 3 and 4)\n",
            ),
            (
                "--map 'Emp ID=code' --map Title=name --set x=1 --ignore-unknown",
                2,
                "error: a branch has no field 'x'\n",
            ),
            (
                "--map 'Emp ID=code' --map Title=name --set country --ignore-unknown",
                2,
                "error: 'country' sets nothing\n",
            ),
            (
                "--map 'Emp ID=code' --map Title=name --key name --ignore-unknown",
                2,
                "error: name is no key of a branch\nhint: keys: code\n",
            ),
            (
                "--map 'Emp ID=code' --map Title=name --set pincode=1 --ignore-unknown",
                6,
                "rejected line 2: pincode '1' is no postal code",
            ),
            ("--on-conflict merge", 2, "hint: one of: error, skip, update\n"),
        ] {
            let said = p.run(&format!("branch import {file} {flags}")).fails(code);
            assert!(said.contains(sentence), "{flags}: {said}");
        }
        assert_eq!(codes(p), "");
        p.run(&format!(
            "branch import {file} --map 'emp id=code' --map Title=name --set country=India --set 'state=Maharashtra' --key code --ignore-unknown"
        ))
        .ok();
        let a1 = p.json("branch show A1");
        assert_eq!([&a1["name"], &a1["city"], &a1["country"], &a1["state"]], ["One", "Pune", "India", "Maharashtra"]);
        // A name for every row, from outside the file.
        let file = p.write("c.csv", "code\nC1\nC2\n");
        p.run(&format!("branch import {file} --set name=Same")).ok();
        assert_eq!(p.column("branch list --filter name=Same", "code"), ["C1", "C2"]);
        assert!(p.run(&format!("branch import {file} --ignore-unknown")).fails(6).contains("--set name=..."));
    });
}

#[test]
fn a_file_is_read_as_spreadsheets_write_it() {
    on_both_engines_with_acme(|p| {
        for (bytes, expected) in [
            ("\u{feff}code;name\r\nD1;\"Semi; colon\"\r\n".as_bytes(), "Semi; colon"),
            ("code\tname\nD1\tTab\n".as_bytes(), "Tab"),
            ("code|name\nD1|Pipe".as_bytes(), "Pipe"),
            ("\"code\",\"name\"\n\"D1\",\"He said \"\"no\"\"\"\n".as_bytes(), "He said \"no\""),
            ("code,name\n\n\nD1,\"Behind blank lines\"\n\n".as_bytes(), "Behind blank lines"),
            ("code,name\rD0,Lone CR\rD1,Lone\r".as_bytes(), "Lone"),
            (" Code , NAME \n d1 ,  Blanks  \n".as_bytes(), "Blanks"),
            ("\n\r\n\ncode;name\nD1;Behind blank lines, with a comma\n".as_bytes(), "Behind blank lines, with a comma"),
            ("code;name\rD1;a,b,c\r".as_bytes(), "a,b,c"),
            (b"c\0o\0d\0e\0,\0n\0a\0m\0e\0\n\0D\x001\0,\0N\0o\0 \0B\0O\0M\0", "No BOM"),
        ] {
            let file = p.write("d.csv", bytes);
            p.run(&format!("branch import {file} --on-conflict update")).ok();
            assert_eq!(p.json("branch show D1")["name"], expected);
        }
        // Of rows with lone CRs none is lost when one is rejected.
        let file = p.write("d.csv", "code,name\rE1,One\rE2,\rE3,Three\r");
        p.run(&format!("branch import {file} --keep-going")).fails(7);
        assert_eq!(codes(p), "D0 D1 E1 E3");
        for (name, bytes, code, sentence) in [
            ("e.csv", &b""[..], 6, "is empty\nhint: the first line names the columns"),
            (
                "e.xlsx",
                b"PK\x03\x04rest",
                6,
                "is a spreadsheet, neither CSV nor JSON\nhint: save it as 'CSV UTF-8' in the spreadsheet program",
            ),
            // Programs write tables of HTML under the name of a spreadsheet.
            (
                "e.xls",
                b"<html><table>",
                6,
                "is HTML or XML, neither CSV nor JSON\nhint: open it in a spreadsheet program and save it as",
            ),
            ("e.xls", b"\xef\xbb\xbf<?xml version", 6, "is HTML or XML, neither CSV nor JSON\n"),
            ("e.pdf", b"%PDF-1.4\n", 6, "is a PDF file, neither CSV nor JSON\n"),
            ("e.csv.xz", b"\xfd7zXZ\0", 6, "is compressed, neither CSV nor JSON\nhint: unpack it with unxz\n"),
            (
                "e.csv",
                b"code,name,city\nF1,One\nF2,Two,Pune,more\n",
                6,
                "rejected line 2: the row has 2 cells, the header 3\nrejected line 3: the row has 4 cells, the header 3\n",
            ),
            ("e.csv", b"code,name\rF1,a\rF2,\rF3,c\r", 6, "rejected line 3: name must not be empty\n"),
            (
                "e.csv",
                b"code,name\nF1,5\" pipe\n",
                6,
                "rejected line 2, name: a quote stands inside a cell that is not quoted\n",
            ),
            ("e.csv", b"code,name\nF1,a\0b\n", 6, "rejected line 2: name must not hold a NUL character"),
            (
                "e.csv",
                b"code,name\nF1,\"open\nF2,x\n",
                6,
                "rejected line 2, name: a quote is opened and never closed\nread 2 rows, rejected 1; nothing was imported\n",
            ),
            (
                "e.csv",
                b"code,name\nF0,a\n\nF1,\"He said \"no\"\"\n",
                6,
                "rejected line 4, name: there is text behind a closing quote\n",
            ),
            (
                "e.csv",
                b"code,name,Branch Name\nF1,a,b\n",
                6,
                "two columns of the file fill name: 'name' and 'Branch Name' (columns 2 and 3)",
            ),
            ("e.csv", b"code,name,\nF1,a,\n", 6, "a branch does not have: column 3, which has no name\n"),
            (
                "e.csv",
                b"co\0de,name\nF1,a\n",
                6,
                "line 1: the name of column 1 holds a NUL character\nhint: the first line",
            ),
            (
                "e.csv",
                b"\xff\xfec\0o\0d\0e\0,\0n\0a\0m\0e\0\n\0A\0,\0\x00\xd8\n\0",
                6,
                "rejected line 2: name holds bytes that are no utf-16le text",
            ),
            ("e.csv", "code,name,city\nF1,a,Málaga\nF2,b,M\u{e1}\n".as_bytes(), 0, "created 2,"),
            (
                "e.csv",
                b"code,name,city\nG1,a,M\xc3\xa1laga\nG2,b,M\xe1laga\n",
                6,
                "rejected line 3: city is not UTF-8 text",
            ),
            ("e.csv", b"\xef\xbb\xbfcode,name\nG1,\xe1\n", 6, "rejected line 2: name is not UTF-8 text"),
            ("e.csv", b"\x1f\x8b\x08\x00rest", 6, "is compressed, neither CSV nor JSON\nhint: unpack it with gunzip"),
            ("e.csv", b"\n\n;;\n", 6, "the file has no header"),
            ("e.csv", b"5\" pipes,of\ncode,name\nG1,a\n", 6, "line 2 does\nhint: --skip-lines 1 "),
            (
                "e.csv",
                b"code,\"na\"me\nG1,a\n",
                6,
                "line 1: there is text behind a closing quote\nhint: the first line names",
            ),
        ] {
            let file = p.write(name, bytes);
            let said = p.run(&format!("branch import {file}")).fails(code);
            assert!(said.contains(sentence), "{said}");
        }
        let file = p.write("e.csv", "code,name\n");
        assert_eq!(
            report(p, &format!("branch import {file}"), 0),
            "read 0 rows: created 0, updated 0, unchanged 0, rejected 0\nnothing was changed\n"
        );
        assert_eq!(
            p.run("branch import /nowhere").fails(1),
            "error: can't read /nowhere: no such file or directory\nhint: FILE is a file of CSV or JSON, or - for standard input\n"
        );
        assert!(
            p.run(&format!("branch import {}", p.dir.path().display())).fails(1).contains("is a folder, not a file")
        );
        // What spreadsheets of other places write is read, and said.
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        for (bytes, encoding) in [
            (utf16("code;name\r\nU1;Café \u{1f600}\r\n", u16::to_le_bytes), "utf-16le"),
            (utf16("code\tname\nU1\tCafé \u{1f600}\n", u16::to_be_bytes), "utf-16be"),
        ] {
            let file = p.write("e.csv", bytes);
            let said = report(p, &format!("branch import {file} --on-conflict update"), 0);
            assert!(said.starts_with(&format!("note: {file} is read as {encoding}\n")), "{said}");
            assert_eq!(p.json("branch show U1")["name"], "Café \u{1f600}");
        }
        let file = p.write("e.csv", b"code,name\nU1,Caf\xe9 \x80\n");
        assert!(
            report(p, &format!("branch import {file} --on-conflict update"), 0)
                .contains("is read as windows-1252, which is a guess: --encoding names another\n")
        );
        assert_eq!(p.json("branch show U1")["name"], "Café €");
        p.run("branch delete U1 --yes").ok();
        // Standard input.
        assert_eq!(p.run_with("branch import -", "code,name\nS1,Standard\n").code, 0);
        assert_eq!(p.json("branch show S1")["name"], "Standard");
        assert_eq!(
            p.run_with("branch import -", "").fails(6),
            "error: standard input is empty\nhint: the first line names the columns\n"
        );
        assert_eq!(codes(p), "D0 D1 E1 E3 F1 F2 S1");
    });
}

#[test]
fn rejects_are_mended_and_fed_back() {
    on_both_engines_with_acme(|p| {
        let file = p.write(
            "b.csv",
            "Code;Branch Name;PIN Code;parent;Remark\nA;Alpha;400001;;first\nB;Beta;12;A;\"se;cond\"\nC;;;B;\nD;Delta;;;\nE;Echo;;\n",
        );
        let rejects = p.path("rejects.csv").display().to_string();
        let flags = "--ignore-unknown --keep-going";
        let said = report(p, &format!("branch import {file} {flags} --rejects {rejects}"), 7);
        assert!(
            said.ends_with(&format!("error: 3 of 5 rows were rejected\nhint: mend {rejects} and import it again\n")),
            "{said}"
        );
        assert_eq!(codes(p), "A D");
        assert_eq!(
            p.read("rejects.csv"),
            "\
Code;Branch Name;PIN Code;parent;Remark;reject_line;reject_column;reject_code;reject_reason
B;Beta;12;A;\"se;cond\";3;pincode;invalid;pincode '12' is no postal code of India (six digits, the first 1 to 9)
C;;;B;;4;name;invalid;name must not be empty
E;Echo;;;6;;field_count;the row has 4 cells, the header 5
"
        );
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&rejects).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Mended, it goes in as it is: the added columns are known.
        let mended = p.read("rejects.csv").replace("B;Beta;12;", "B;Beta;400012;").replace("C;;;B;", "C;Gamma;;B;");
        p.write("rejects.csv", &mended);
        let said = p.run(&format!("branch import {rejects} --ignore-unknown")).fails(6);
        assert!(said.starts_with("rejected line 4: the row has 8 cells, the header 9\n"), "{said}");
        let mended = mended.replace("E;Echo;;;6", "E;Echo;;;;6");
        p.write("rejects.csv", mended);
        p.run(&format!("branch import {rejects} --ignore-unknown")).ok();
        assert_eq!(codes(p), "A B C D E");
        assert_eq!(p.json("branch show C")["parent"], "B");
        // Rejected again, it tells the new reasons only; and it is never written over while it is read.
        p.write("again.csv", "code,name,reject_line,reject_column,reject_code,reject_reason\nF,,9,old,old,old\n");
        let again = p.path("again.csv").display().to_string();
        assert!(
            p.run(&format!("branch import {again} --rejects {again}")).fails(2).contains("--rejects would write over")
        );
        assert!(p.read("again.csv").ends_with("F,,9,old,old,old\n"));
        p.run(&format!("branch import {again} --rejects {rejects}")).fails(6);
        assert_eq!(
            p.read("rejects.csv"),
            "code,name,reject_line,reject_column,reject_code,reject_reason\nF,,2,name,invalid,name must not be empty\n"
        );
        p.run(&format!("branch import {file} --ignore-unknown --keep-going --on-conflict skip --rejects {rejects}"))
            .fails(7);
        p.run(&format!("branch import {file} --ignore-unknown --rejects /nowhere/r.csv")).fails(1);
    });
}

/// Titles and notes before the header; long numbers that a spreadsheet cut.
#[test]
fn a_file_that_a_spreadsheet_had_is_met() {
    on_both_engines_with_acme(|p| {
        let notes = "Branch list, as of today\n\n\"prepared by: \"\"ops\"\"\"\n";
        let file = p.write("b.csv", format!("{notes}code,name,phone\nP1,One,+919820012345\nP2,Two,9.87E+11\n"));
        assert_eq!(
            p.run(&format!("branch import {file}")).fails(6),
            "error: the first line names no column of a branch; line 4 does\n\
             hint: --skip-lines 3 passes over the lines before it\n"
        );
        let rejects = p.path("r.csv").display().to_string();
        let said = p.run(&format!("branch import {file} --skip-lines 3 --keep-going --rejects {rejects}")).fails(7);
        let reason =
            "phone holds 9.87E+11: a spreadsheet has cut the number; format its column as text and save the file again";
        assert!(said.starts_with(&format!("rejected line 6: {reason}\n")), "{said}");
        assert_eq!(
            p.read("r.csv"),
            format!(
                "code,name,phone,reject_line,reject_column,reject_code,reject_reason\nP2,Two,9.87E+11,6,phone,spreadsheet,{reason}\n"
            )
        );
        assert_eq!(codes(p), "P1");
        for (cell, code) in [
            ("1E+05", 6),
            ("9,87E+11", 6),
            ("1E+5", 0),
            ("12E+11", 0),
            ("E+11", 0),
            ("9.87E+011", 6),
            ("9.87654e+11", 6),
            ("9,87e+11", 6),
            ("9.87E11", 0),
            ("9.87E+1111", 0),
        ] {
            let file = p.write("b.csv", format!("code;name\nX;{cell}\n"));
            p.run(&format!("branch import {file} --on-conflict update")).fails(code);
        }
        // Whatever ends the lines.
        for (bytes, lines) in [("Title\r\n\r\ncode,name\r\nP2,Two\r\n", 2), ("Title\rcode,name\rP2,Two\r", 1)] {
            let file = p.write("b.csv", bytes);
            p.run(&format!("branch import {file} --skip-lines {lines} --on-conflict update")).ok();
        }
        assert_eq!(p.json("branch show P2")["name"], json!("Two"));
        let file = p.write("b.csv", "code,name\n");
        assert!(
            p.run(&format!("branch import {file} --skip-lines 9")).fails(2).contains("--skip-lines 9 leaves nothing")
        );
    });
}

/// A ring that somebody made behind orgctl's back is found when a load of many rows is checked.
#[test]
fn a_load_of_many_rows_is_held_against_the_rules() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code A --name A").ok();
        p.run("branch create --code B --name B --parent A").ok();
        p.sql("update branches set parent_id = (select id from branches b where b.code = 'B') where code = 'A'")
            .expect("a ring");
        let rows: String = (0..1100).map(|i| format!("C{i},c\n")).collect();
        let file = p.write("b.csv", format!("code,name\n{rows}"));
        let said = p.run(&format!("branch import {file}")).fails(4);
        assert!(said.contains("can't stand below itself"), "{said}");
        assert_eq!(codes(p), "A B");
    });
}

/// A cell of a megabyte is one reject with one short sentence.
#[test]
fn a_megabyte_in_a_cell_is_told_in_a_line() {
    on_both_engines_with_acme(|p| {
        let file = p.write("b.csv", format!("code,name\nM1,{}\nM2,Two\n", "x".repeat(1 << 20)));
        let said = p.run(&format!("branch import {file} --keep-going")).fails(7);
        assert!(said.starts_with("rejected line 2: name must be 200 characters or fewer, not 1048576\n"), "{said}");
        assert!(said.len() < 1000);
        assert_eq!(codes(p), "M2");
    });
}

/// A file of rejects that can't be written ends the import before anything is read, and one that can is written even where
/// it holds none: what an earlier run left in it would be taken for this one's.
#[test]
fn rejects_that_have_no_place_stop_the_import() {
    on_both_engines_with_acme(|p| {
        let good = p.write("b.csv", "code,name\nA,One\n");
        for rejects in [p.path("no/where.csv"), p.dir.path().to_owned()] {
            let line = format!("branch import {good} --keep-going --rejects {}", rejects.display());
            let said = p.run(&line).fails(1);
            assert!(said.contains(&format!("error: can't write {}", rejects.display())), "{said}");
            assert_eq!(codes(p), "");
        }
        assert!(p.run(&format!("branch import {good} --rejects -")).fails(2).contains("--rejects names a file"));
        let rejects = p.write("r.csv", "left from yesterday");
        p.run(&format!("branch import {good} --rejects {rejects}")).ok();
        assert_eq!(p.read("r.csv"), "code,name,reject_line,reject_column,reject_code,reject_reason\n");
    });
}

/// A row that is rejected for its form goes out as it came, byte for byte: fed back in unmended it is rejected again, and
/// never becomes something that nobody wrote.
#[test]
fn rejects_of_broken_form_are_the_rows_as_they_were() {
    on_both_engines_with_acme(|p| {
        let broken: &[u8] = b"code;name;city\r\nA;5\" pipe;Pune\r\nB;\"He \"said\"\";\r\nC;one;Pune;more\r\nD;two\r\nE;M\xe1laga \xc3\xa9;\r\nF;fine;\r\n";
        let file = p.write("b.csv", broken);
        let rejects = p.path("r.csv").display().to_string();
        p.run(&format!("branch import {file} --keep-going --rejects {rejects}")).fails(7);
        assert_eq!(codes(p), "F");
        let written = std::fs::read(&rejects).expect("the file");
        let expected: &[&[u8]] = &[
            b"\xef\xbb\xbfcode;name;city;reject_line;reject_column;reject_code;reject_reason",
            b"A;5\" pipe;Pune;2;name;quote;a quote stands inside a cell that is not quoted",
            b"B;\"He \"said\"\";;3;name;quote;there is text behind a closing quote",
            b"C;one;Pune;more;4;;field_count;the row has 4 cells, the header 3",
            b"D;two;5;;field_count;the row has 2 cells, the header 3",
            b"E;M\xe1laga \xc3\xa9;;6;name;encoding;name is not UTF-8 text",
            b"",
        ];
        assert_eq!(written, expected.join(&b'\n'), "{}", String::from_utf8_lossy(&written));
        // Again and again, with the new lines only.
        let again = p.path("again.csv").display().to_string();
        for (from, to) in [(&rejects, &again), (&again, &rejects)] {
            p.run(&format!("branch import {from} --keep-going --rejects {to}")).fails(7);
            assert_eq!(codes(p), "F");
        }
        let twice = String::from_utf8_lossy(&std::fs::read(&rejects).expect("the file")).into_owned();
        let once = String::from_utf8_lossy(&written).into_owned();
        let but_line =
            |text: &str| text.replace([';', '"'], " ").split(char::is_numeric).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(but_line(&twice), but_line(&once));
        assert!(twice.contains("A;5\" pipe;Pune;2;name;quote;a quote stands"), "{twice}");
    });
}

/// What nobody would look a record up by is refused when the row is read; a database might not be able to look it up.
#[test]
fn a_reference_of_a_megabyte_is_a_reject() {
    on_both_engines_with_acme(|p| {
        let file = p.write("b.csv", format!("code,name,parent\nA,One,{}\nB,Two,\n", "x".repeat(1 << 20)));
        let said = p.run(&format!("branch import {file} --keep-going")).fails(7);
        assert!(said.starts_with("rejected line 2: parent must be 500 characters or fewer, not 1048576\n"), "{said}");
        assert_eq!(codes(p), "B");
    });
}
