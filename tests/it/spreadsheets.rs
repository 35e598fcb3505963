//! What spreadsheets and people who put files together leave in them; files that have no end.

use std::time::{Duration, Instant};

use crate::harness::{Output, TestEnv, on_both_engines_with_acme};

fn codes(p: &TestEnv) -> String {
    p.column("branch list", "code").join(" ")
}

/// Lines about rejected rows, and the counts.
fn told(said: &Output) -> Vec<&str> {
    let lines = said.err.lines().filter_map(|l| l.strip_prefix("rejected line ").or(l.strip_prefix("read ")));
    lines.map(|l| l.split(" (").next().unwrap_or_default()).collect()
}

#[test]
fn rows_of_separators_alone_are_empty_lines() {
    on_both_engines_with_acme(|p| {
        for (delimiter, end) in [(",", "\n"), (";", "\r\n"), ("\t", "\r")] {
            let text = ",,,\ncode,name,city\nS1,One,Pune\n,,\n , \"\",  \n\"\",\"\",\"\"\n,,,,,\n\u{a0},,\n\nS2,Two,\n,,\nS3,,Pune\n";
            let file = p.write("s.csv", text.replace(',', delimiter).replace('\n', end));
            let said = p.run(&format!("branch import {file} --keep-going --dry-run"));
            assert_eq!(
                told(&said),
                ["12: name must not be empty", "3 rows: created 2, updated 0, unchanged 0, rejected 1"],
                "{}",
                said.err
            );
        }
        // Of titles before the header too.
        let file = p.write("s.csv", "Branches of today,,\n,,\ncode,name,city\nS1,One,\n");
        assert!(p.run(&format!("branch import {file}")).fails(6).contains("--skip-lines 2 passes over"));
        p.run(&format!("branch import {file} --skip-lines 2")).ok();
        assert_eq!(codes(p), "S1");
    });
}

#[test]
fn a_header_that_comes_again_is_refused() {
    on_both_engines_with_acme(|p| {
        let rejects = p.path("r.csv").display().to_string();
        let file = p.write(
            "h.csv",
            "Code,Name,City\nH1,One,Pune\nCode, Name,City\nH2,Two,Pune\ncode,name,city\ncode,name,town\n",
        );
        let said = p.run(&format!("branch import {file} --keep-going --rejects {rejects} -o json"));
        let report = said.json();
        assert_eq!(said.code, 7);
        assert_eq!([&report["read"], &report["created"], &report["rejected"]], [5, 3, 2], "{report}");
        assert_eq!(report["rejects"][0]["line"], 3);
        assert_eq!(report["rejects"][0]["code"], "repeated_header");
        // Case is no matter in a header, so not in one that comes again; a row of which one cell differs is a branch.
        assert_eq!(report["rejects"][1]["line"], 5);
        assert_eq!(codes(p), "CODE H1 H2");
        let written = "Code,Name,City,reject_line,reject_column,reject_code,reject_reason\nCode, Name,City,3,,repeated_header,the row repeats the header\n\
                       code,name,city,5,,repeated_header,the row repeats the header\n";
        assert_eq!(p.read("r.csv"), written);
        // Fed back it is the header still.
        let said = p.run(&format!("branch import {rejects}"));
        assert_eq!(
            told(&said),
            [
                "2: the row repeats the header",
                "3: the row repeats the header",
                "2 rows, rejected 2; nothing was imported"
            ]
        );
        // Two exports, each with its byte order mark, one behind the other.
        let one = "\u{feff}code,name\nM1,One\n";
        let said = p.run(&format!(
            "branch import {} --keep-going",
            p.write("h.csv", one.to_owned() + &one.replace("M1", "M2"))
        ));
        assert_eq!(
            told(&said),
            ["3: the row repeats the header", "3 rows: created 2, updated 0, unchanged 0, rejected 1"]
        );
        // One cell is one cell.
        let said = p.run(&format!("branch import {}", p.write("h.csv", "code,name\nM3\n")));
        assert_eq!(told(&said)[0], "2: the row has 1 cell, the header 2");
    });
}

#[test]
fn a_line_for_spreadsheets_gets_its_hint() {
    on_both_engines_with_acme(|p| {
        for first in ["sep=;", "\"sep=;\"", "SEP=;", "\"sep=;\";;", "sep=;;;", " sep=;"] {
            let file = p.write("s.csv", format!("{first}\r\ncode;name;city\r\nP1;One;Pune\r\n"));
            assert_eq!(
                p.run(&format!("branch import {file}")).fails(6),
                "error: the first line names no column of a branch; line 2 does\n\
                 hint: --skip-lines 1 passes over the lines before it\n",
                "{first}"
            );
            p.run(&format!("branch import {file} --skip-lines 1 --on-conflict update")).ok();
        }
        assert_eq!(codes(p), "P1");
        // One column only.
        let file = p.write("s.csv", "\"sep=,\"\ncode\nP1\n");
        assert!(p.run(&format!("branch import {file}")).fails(6).contains("--skip-lines 1 passes over"));
    });
}

/// A fault of form names the column that it stands in, also one that is passed over.
#[test]
fn faults_of_form_name_their_column() {
    on_both_engines_with_acme(|p| {
        let file = p.write("f.csv", b"code,name,Remark\nF1,a\" b,\nF2,b,c\" d\nF3,9.87E+11,\nF4,M\xe1laga \xc3\xa9,\nF5,\"x\" y,\nF6,ok,\"never\n");
        let said = p.run(&format!("branch import {file} --ignore-unknown -o json"));
        let report = said.json();
        let columns: Vec<_> =
            report["rejects"].as_array().expect("rejects").iter().map(|r| r["column"].as_str()).collect();
        assert_eq!(columns, ["name", "Remark", "name", "name", "name", "Remark"].map(Some));
    });
}

#[test]
fn passing_over_lines_ends_with_the_file() {
    on_both_engines_with_acme(|p| {
        let file = p.write("l.csv", "Title\n\ncode,name\nL1,One\n");
        for n in ["4", "5", "1000000000000", "18446744073709551615"] {
            let began = Instant::now();
            let said = p.run(&format!("branch import {file} --skip-lines {n}")).fails(2);
            let has = if n == "4" { "error: --skip-lines 4 leaves nothing" } else { "it has 4 lines\nhint: " };
            assert!(said.contains(has) && said.contains(&format!("--skip-lines {n} ")), "{said}");
            assert!(began.elapsed() < Duration::from_secs(5));
        }
        p.run(&format!("branch import {file} --skip-lines 18446744073709551616")).fails(2);
        p.run(&format!("branch import {file} --skip-lines 3")).fails(6);
        p.run(&format!("branch import {file} --skip-lines 2")).ok();
        assert_eq!(codes(p), "L1");
    });
}

/// What has no end, or no end of line, is left soon.
#[test]
fn what_never_ends_is_no_file() {
    on_both_engines_with_acme(|p| {
        let began = Instant::now();
        let endless = vec![b'x'; 40 << 20];
        let file = p.write("e.csv", &endless);
        for more in ["", "--skip-lines 1", "--skip-lines 99", "--encoding windows-1250"] {
            let said = p.run(&format!("branch import {file} {more}"));
            assert!(
                matches!(said.code, 1 | 6) && (said.err.contains("16 megabytes") || said.err.contains("16 MB")),
                "{more}: {} {}",
                said.code,
                said.err
            );
        }
        for device in ["/dev/zero", "/dev/urandom"] {
            let said = p.run(&format!("branch import {device}")).fails(1);
            assert!(said.starts_with(&format!("error: can't read {device}: it has no end")), "{said}");
        }
        assert!(p.run("branch import /dev/null").fails(6).contains("/dev/null is empty"));
        let said = p.run_with("branch import -", &endless).fails(1);
        assert!(said.contains("can't read standard input: it has no end of line within 16 megabytes"), "{said}");
        assert!(began.elapsed() < Duration::from_secs(30));
    });
}
