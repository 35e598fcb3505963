//! Quotes that stand wrong in a file: told where they open, and nobody below them is lost.

use serde_json::json;

use crate::harness::{Output, TestEnv, on_both_engines_with_acme};

/// What an import tells of rejected rows, and the line of its counts.
fn told(said: &Output) -> (Vec<String>, String) {
    let rejected = said.err.lines().filter_map(|l| l.strip_prefix("rejected line ")).map(str::to_owned).collect();
    let read = said.err.lines().find(|l| l.starts_with("read ")).unwrap_or_default();
    (rejected, read.split(" (").next().unwrap_or_default().to_owned())
}

fn codes(p: &TestEnv) -> String {
    p.column("branch list", "code").join(" ")
}

/// The sample that hurts: two stray quotes, with people between them, in a file that is the whole truth.
#[test]
fn nobody_leaves_because_of_a_stray_quote() {
    on_both_engines_with_acme(|p| {
        let people: String = (1..=9).map(|i| format!("P{i},Given{i},Clerk,note\n")).collect();
        let all = format!("external_id,name,designation,remark\n{people}");
        p.run_with("user import - --sync --key external_id --ignore-unknown", &all).ok();
        let active = || p.column("user list --filter status=active --sort external_id", "external_id").join(" ");
        assert_eq!(active(), "P1 P2 P3 P4 P5 P6 P7 P8 P9");
        for (column, from, to) in
            [("designation", "Clerk", "\"Clerk"), ("remark", "note", "\"note"), ("name", "G", "\"G")]
        {
            for (first, second) in [(2, 6), (3, 4), (1, 9)] {
                let broken = |i: usize, line: &str| match i {
                    // One opens; the other closes it, within a cell or behind it.
                    i if i == first => line.replacen(from, to, 1),
                    i if i == second && first == 3 => line.replacen(from, &format!("{from}\""), 1),
                    i if i == second => line.replacen(from, to, 1),
                    _ => line.to_owned(),
                };
                let file: String = all.lines().enumerate().map(|(i, l)| broken(i, l) + "\n").collect();
                let said = p.run_with(
                    "user import - --sync --key external_id --ignore-unknown --keep-going --max-leavers 100%",
                    &file,
                );
                let (rejected, read) = told(&said);
                assert_eq!(said.code, 7, "{}", said.err);
                assert_eq!(rejected.len(), 2, "{column} {first} {second}: {}", said.err);
                assert!(
                    rejected[0].starts_with(&format!("{}, {column}: ", first + 1)) || column != "remark",
                    "{}",
                    said.err
                );
                assert!(rejected[1].starts_with(&(second + 1).to_string()), "{}", said.err);
                assert_eq!(read, "read 9 rows: created 0, updated 0, unchanged 7, rejected 2, left 0");
                assert!(said.err.contains("nobody leaves while rows are rejected"), "{}", said.err);
                assert_eq!(active(), "P1 P2 P3 P4 P5 P6 P7 P8 P9");
                // All or nothing.
                let said =
                    p.run_with("user import - --sync --key external_id --ignore-unknown --max-leavers 100%", &file);
                assert_eq!(said.code, 6);
                assert_eq!(told(&said).1, "read 9 rows, rejected 2; nothing was imported");
                assert_eq!(active(), "P1 P2 P3 P4 P5 P6 P7 P8 P9");
            }
        }
    });
}

/// Who refers to a row with a stray quote is told so.
#[test]
fn rows_that_refer_to_a_broken_one_name_it() {
    on_both_engines_with_acme(|p| {
        let file = "external_id,name,boss\nA,Ann,\"\nB,Bob,A\nC,Cy,\n";
        let said = p.run_with("user import - --keep-going --map boss=reports_to.external_id", file);
        assert_eq!(
            told(&said).0,
            ["2, reports_to: a quote is opened and never closed", "3: reports_to A was rejected (line 2)"]
        );
        assert_eq!(told(&said).1, "read 3 rows: created 1, updated 0, unchanged 0, rejected 2");
    });
}

/// Whatever delimits the cells, ends the lines and encodes the characters.
#[test]
fn a_quote_is_told_at_the_line_where_it_opens() {
    on_both_engines_with_acme(|p| {
        let text = "code,name,city\nQ1,One,Pune\nQ2,\"Two,Pune\nQ3,Three,Pune\nQ4,\"Four\",Pune\nQ5,Five\",Pune\nQ6,Six,Pune\nQ7,\"Se\nven\",Pune\nQ8,Eight,\"Pune\nQ9,Nine,Pune\n";
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        for delimiter in [",", ";", "\t", "|"] {
            for end in ["\n", "\r\n", "\r"] {
                let text = text.replace(',', delimiter).replace('\n', end);
                let mut files = vec![text.clone().into_bytes()];
                if delimiter == ";" {
                    files.push(utf16(&text, u16::to_le_bytes));
                    files.push(utf16(&text, u16::to_be_bytes));
                }
                for bytes in files {
                    let file = p.write("q.csv", bytes);
                    let said = p.run(&format!("branch import {file} --keep-going --dry-run"));
                    assert_eq!(said.code, 7, "{}", said.err);
                    let (rejected, read) = told(&said);
                    assert_eq!(
                        rejected,
                        [
                            "3, name: the quote that opens here is closed on line 5, with text behind it",
                            "6, name: a quote stands inside a cell that is not quoted",
                            "8: name must be one line; the quote that opens here is closed on line 9",
                            "10, city: a quote is opened and never closed",
                        ],
                        "{delimiter:?} {end:?}"
                    );
                    assert_eq!(read, "read 9 rows: created 5, updated 0, unchanged 0, rejected 4");
                }
            }
        }
    });
}

/// A row goes out as it is written, can be mended, and comes in again.
#[test]
fn the_opening_line_is_mended_and_fed_back() {
    on_both_engines_with_acme(|p| {
        let text = "code;name;city\r\nM1;\"One;Pune\r\nM2;Two;Pune\r\nM3;Three\";Pune\r\nM4;\"Fo\r\nur\";Pune\r\nM5;Fivé;\"Pune\r\n";
        let utf16: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        for (bytes, is_wide) in [(text.as_bytes().to_vec(), false), (utf16, true)] {
            let file = p.write("m.csv", bytes);
            let (rejects, again) = (p.path("r.csv").display().to_string(), p.path("again.csv").display().to_string());
            let text_of = |path: &str| {
                let bytes = std::fs::read(path).expect("the file");
                if !is_wide {
                    return String::from_utf8(bytes).expect("UTF-8");
                }
                let units: Vec<u16> = bytes.chunks(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
                String::from_utf16(&units).expect("UTF-16").strip_prefix('\u{feff}').expect("a mark").to_owned()
            };
            p.run(&format!("branch import {file} --keep-going --rejects {rejects}")).fails(7);
            assert_eq!(codes(p), "M2");
            let expected = "\
code;name;city;reject_line;reject_column;reject_code;reject_reason
M1;\"One;Pune;2;name;quote;\"name must be one line; the quote that opens here is closed on line 4\"
M3;Three\";Pune;4;name;quote;a quote stands inside a cell that is not quoted
M4;\"Fo\r\nur\";Pune;5;name;quote;\"name must be one line; the quote that opens here is closed on line 6\"
M5;Fivé;\"Pune;7;city;quote;a quote is opened and never closed
";
            let written = text_of(&rejects);
            assert_eq!(written, expected);
            // Fed back as they are they are rejected again, and don't grow.
            p.run(&format!("branch import {rejects} --keep-going --rejects {again}")).fails(7);
            let twice = text_of(&again);
            assert_eq!(twice.lines().count(), written.lines().count(), "{twice}");
            assert!(twice.contains("\nM1;\"One;Pune;2;name;quote;"), "{twice}");
            assert!(twice.contains("\nM5;Fivé;\"Pune;6;city;quote;a quote is opened and never closed\n"), "{twice}");
            // Mended.
            let mended = written
                .replace("M1;\"One", "M1;One")
                .replace("Three\"", "Three")
                .replace("\"Fo\r\nur\"", "Four")
                .replace("\"Pune", "Pune");
            let bytes = match is_wide {
                true => std::iter::once(0xfeff).chain(mended.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
                false => mended.into_bytes(),
            };
            p.write("r.csv", bytes);
            p.run(&format!("branch import {rejects}")).ok();
            assert_eq!(codes(p), "M1 M2 M3 M4 M5");
            assert_eq!(p.json("branch show M5")["name"], "Fivé");
            p.run("branch delete M1 M2 M3 M4 M5 --yes").ok();
        }
    });
}

/// Free text may have several lines; other rows it may not have.
#[test]
fn free_text_is_told_from_rows() {
    on_both_engines_with_acme(|p| {
        let text = "code,name,description\nD1,One,\"First line,\nsecond \"\"line\"\", here\n\nlast\"\nD2,Two,\"a stray quote\nD3,Three,fine\nD4,Four,closes\" here\nD5,Five,\n";
        let file = p.write("d.csv", text);
        let said = p.run(&format!("dept import {file} --keep-going"));
        let (rejected, read) = told(&said);
        assert_eq!(
            rejected,
            [
                "6, description: the quote that opens here is closed on line 8, with text behind it",
                "8, description: a quote stands inside a cell that is not quoted"
            ]
        );
        assert_eq!(read, "read 5 rows: created 3, updated 0, unchanged 0, rejected 2");
        assert_eq!(p.json("dept show D1")["description"], json!("First line,\nsecond \"line\", here\n\nlast"));
        // Well closed, it reads as one row with three lines; one of them is a row.
        let file =
            p.write("d.csv", "code,name,description\nE1,One,\"stray\nE2,Two,fine\nE3,Three,closes\"\nE4,Four,\n");
        let said = p.run(&format!("dept import {file} --keep-going"));
        assert_eq!(
            told(&said).0,
            [
                "2, description: the quote that opens here is closed on line 4, and line 3 reads as a row of its own",
                "4, description: a quote stands inside a cell that is not quoted"
            ]
        );
        assert_eq!(p.column("dept list", "code"), ["D1", "D3", "D5", "E2", "E4"]);
        // A column that tells a state is none: two rows of it are told as two, and no word is put together of two lines.
        let file =
            p.write("s.csv", "code,name,status\nS1,One,\"act\nive\"\nS2,Two,\"active\nS3,Three,active\"\nS4,Fifth,\n");
        let said = p.run(&format!("dept import {file} --keep-going --dry-run"));
        assert_eq!(
            told(&said).0,
            [
                "2: status must be one line; the quote that opens here is closed on line 3",
                "4: status must be one line; the quote that opens here is closed on line 5",
                "5, status: a quote stands inside a cell that is not quoted",
            ]
        );
        // The row behind it is the one that closes it.
        let file = p.write("d.csv", "code,name,description\nF1,One,\"stray\nF2,Two,closes\"\n");
        let said = p.run(&format!("dept import {file} --keep-going"));
        assert_eq!(told(&said).1, "read 2 rows: created 0, updated 0, unchanged 0, rejected 2");
        // What is exported comes back.
        let exported = p.run("dept export").ok();
        assert_eq!(
            told(&p.run_with("dept import - --on-conflict update", exported)).1,
            "read 5 rows: created 0, updated 0, unchanged 5, rejected 0"
        );
    });
}

/// A quote that is never closed would take the rest of a large file for one cell: it is told after 16 MB, and what stands
/// behind it is read.
#[test]
fn a_row_without_end_is_left_before_it_fills_the_memory() {
    on_both_engines_with_acme(|p| {
        let filler = format!("{}\n", "x".repeat(1 << 20)).repeat(17);
        let file = p.write("b.csv", format!("code,name\nA,One\nC,\"open\n{filler}B,Two\n"));
        let said = p.run(&format!("branch import {file} --keep-going"));
        assert_eq!(told(&said).0, ["3, name: the row is longer than 16 MB"], "{}", said.err);
        assert_eq!(told(&said).1, "read 3 rows: created 2, updated 0, unchanged 0, rejected 1");
        // A line alone may not be longer either.
        let file = p.write("b.csv", format!("code,name\nD,{}\nE,Two\n", "x".repeat(17 << 20)));
        let said = p.run(&format!("branch import {file} --keep-going"));
        assert_eq!(told(&said).0, ["2, name: the row is longer than 16 MB"], "{}", said.err);
        assert_eq!(codes(p), "A B E");
    });
}

/// A line of nothing but commas is no row of millions of cells.
#[test]
fn a_row_of_too_many_cells_is_left_before_it_fills_the_memory() {
    on_both_engines_with_acme(|p| {
        let commas = ",".repeat(16 << 20);
        let file = p.write("b.csv", format!("code,name\nA,One\nC,{commas}\nB,Two\n"));
        let said = p.run(&format!("branch import {file} --keep-going"));
        assert_eq!(told(&said).0, ["3: the row has more than 16384 cells"], "{}", said.err);
        assert_eq!(told(&said).1, "read 3 rows: created 2, updated 0, unchanged 0, rejected 1");
        let file = p.write("b.csv", format!("code,name,{commas}\nD,Four\n"));
        let said = p.run(&format!("branch import {file} --keep-going"));
        assert!(said.err.starts_with("error: line 1: the row has more than 16384 cells"), "{}", said.err);
        assert_eq!(codes(p), "A B");
    });
}

#[test]
fn a_header_with_a_broken_quote_is_told() {
    on_both_engines_with_acme(|p| {
        for (text, sentence) in [
            ("code,\"name\nA,One\nB,Two\n", "error: line 1: a quote is opened and never closed\n"),
            (
                "code,\"name\nA,One\nB,\"Two\"\n",
                "error: line 1: the quote that opens here is closed on line 3, with text behind it\n",
            ),
            // Were the last column passed over, two rows would be gone.
            (
                "code,name,\"x\nA,One,1\nB,Two,2\"\nC,Three,3\n",
                "error: line 1: the name of column 3 must be one line; the quote that opens here is closed on line 3\n",
            ),
            ("code,na\"me\nA,One\n", "error: line 1: a quote stands inside a cell that is not quoted\n"),
        ] {
            let file = p.write("h.csv", text);
            let said = p.run(&format!("branch import {file} --ignore-unknown")).fails(6);
            assert!(said.starts_with(sentence), "{said}");
            assert!(said.contains("hint: the first line names the columns"), "{said}");
        }
        // Spreadsheets break long names of columns.
        let file = p.write("h.csv", "code,\"Branch\nName\"\nA,One\n");
        p.run(&format!("branch import {file}")).ok();
        assert_eq!(codes(p), "A");
    });
}

/// A line break in a field of one line is refused whichever way it comes.
#[test]
fn one_line_is_one_line_everywhere() {
    on_both_engines_with_acme(|p| {
        let words = |line: &[&str]| line.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        for field in ["name", "city", "pincode", "phone", "email", "code", "status", "parent"] {
            let flag = format!("--{field}");
            let said =
                p.run_words(&words(&["branch", "create", "--code", "A", "--name", "x", &flag, "4000\n01"][..]), b"");
            if field != "code" && field != "name" {
                assert!(
                    said.err.contains(&format!("{field} must be one line")) || said.err.contains("unexpected"),
                    "{}",
                    said.err
                );
            }
            assert_ne!(said.code, 0);
        }
        let said = p.run_words(&words(&["branch", "create", "--code", "A", "--name", "Two\u{2028}lines"]), b"");
        assert_eq!(said.fails(6), "error: name must be one line\n");
        assert_eq!(codes(p), "");
        p.run("user create --name Ann --username ann").ok();
        let said = p.run_words(&words(&["user", "block", "ann", "--reason", "Two\nlines"]), b"");
        assert!(said.fails(6).contains("the reason must be one line"));
        p.run_words(&words(&["dept", "create", "--code", "A", "--name", "x", "--description", "Two\nlines"]), b"").ok();
        assert_eq!(p.json("dept show A")["description"], "Two\nlines");
    });
}
