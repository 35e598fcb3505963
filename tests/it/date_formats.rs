//! Dates in files as spreadsheets and other programs write them.

use crate::harness::{TestEnv, on_both_engines_with_acme};

fn dobs(p: &TestEnv) -> Vec<String> {
    p.column("user list --columns external_id,dob --sort external_id", "dob")
}

#[test]
fn dates_are_read_by_the_format_that_is_said() {
    on_both_engines_with_acme(|p| {
        let line = "user import - --on-conflict update";
        for (format, one, two, days) in [
            ("DD/MM/YYYY", "03/04/1990", "29/02/1992", ["1990-04-03", "1992-02-29"]),
            ("dob=MM/DD/YYYY", "03/04/1990", "12/31/1999", ["1990-03-04", "1999-12-31"]),
            ("Born on=D.M.YYYY", "3.4.1990", "31.12.1999", ["1990-04-03", "1999-12-31"]),
            ("YYYYMMDD", "19900403", "19991231", ["1990-04-03", "1999-12-31"]),
            ("D MMM YYYY", "3 Apr 1990", "31 DEC 1999", ["1990-04-03", "1999-12-31"]),
            ("MMMM D, YYYY", "\"April 3, 1990\"", "\"december 31, 1999\"", ["1990-04-03", "1999-12-31"]),
            ("excel", "1", "61", ["1900-01-01", "1900-03-01"]),
            // 100 years of 365 days, 24 leap days (1904 to 1996), one that never was: 36500 + 24 + 1, and the first is 1.
            ("dob=excel", "59", "36526", ["1900-02-28", "2000-01-01"]),
        ] {
            let rows = format!("external_id,name,Born on\nE1,A One,{one}\nE2,B Two,{two}\nE3,C Three,\n");
            p.run_with(&format!("{line} --map 'Born on=dob' --date-format '{format}'"), &rows).ok();
            assert_eq!(dobs(p), [days[0], days[1], "null"], "{format}");
            // The same file again changes nothing.
            let said = p.run_with(&format!("{line} --map 'Born on=dob' --date-format '{format}'"), &rows).fails(0);
            assert!(said.contains("updated 0, unchanged 3"), "{said}");
        }
        for (format, text) in [
            ("DD/MM/YYYY", "1990-04-03"),
            ("DD/MM/YYYY", "03/04/90"),
            ("DD/MM/YYYY", "31/02/1990"),
            ("excel", "60"),
            ("excel", "32874.5"),
            ("excel", "1990-04-03"),
        ] {
            let rows = format!("external_id,name,dob\nE9,A One,{text}\n");
            let said = p.run_with(&format!("user import - --date-format {format}"), &rows).fails(6);
            assert!(said.starts_with("rejected line 2: dob must be a "), "{said}");
            assert!(said.contains(&format!("not '{text}'")), "{said}");
        }
        // Programs that know no dates write the beginning of the day.
        for text in ["1990-04-03 00:00:00", "1990-04-03T00:00", "1990-04-03 00:00:00.000", "1990-04-03T00:00:00Z"] {
            p.run_with(line, format!("external_id,name,dob\nE1,A One,{text}\n")).ok();
            assert_eq!(dobs(p)[0], "1990-04-03");
        }
        for text in ["1990-04-03 09:30", "1990-04-02T18:30:00Z"] {
            let rows = format!("external_id,name,dob\nE8,A One,{text}\n");
            p.run_with("user import -", rows).fails(6);
        }
        // Without a format the order of ISO 8601 is the only one.
        p.run_with("user import -", "external_id,name,dob\nE9,A One,1990-04-03\n").ok();
    });
}

/// Columns of times hold days and moments as spreadsheets write them, by the clocks of the operator. 2027-04-03 is day 46480 of
/// the 1900 system: 46114 is 2026-04-02, and 366 days later.
#[test]
fn times_are_read_by_the_format_that_is_said() {
    on_both_engines_with_acme(|p| {
        let import = |until: &str, more: &str| {
            let rows = format!("external_id,name,blocked,Until,dob\nE1,A One,yes,{until},03/04/1990\n");
            p.run_with(&format!("user import - --on-conflict update --map Until=blocked_until {more}"), rows)
        };
        for (until, more, time) in [
            ("03/04/2027", "--date-format DD/MM/YYYY", "2027-04-03T00:00:00"),
            ("03/04/2027 9:30", "--date-format DD/MM/YYYY", "2027-04-03T09:30:00"),
            (
                "04/03/2027 9:30:15 PM",
                "--date-format dob=DD/MM/YYYY --date-format Until=MM/DD/YYYY",
                "2027-04-03T21:30:15",
            ),
            ("46480.5", "--date-format dob=DD/MM/YYYY --date-format until=excel", "2027-04-03T12:00:00"),
            ("46480", "--date-format dob=DD/MM/YYYY --date-format blocked_until=excel", "2027-04-03T00:00:00"),
            // As an export has it.
            ("2027-04-03T09:30:00+05:30", "--date-format DD/MM/YYYY", "2027-04-03T04:00:00"),
        ] {
            import(until, more).ok();
            let told = p.json("user show E1")["blocked_until"].clone();
            assert!(told.as_str().expect("a time").starts_with(time), "{until} {more}: {told}");
            assert!(import(until, more).fails(0).contains("unchanged 1"), "{until}");
        }
        let said = import("2027-04-03 09:30", "--date-format DD/MM/YYYY").fails(6);
        let why = "must be a day written as DD/MM/YYYY, with or without a time behind it, not '2027-04-03 09:30'\n";
        assert!(said.contains(&format!("rejected line 2: blocked_until {why}")), "{said}");
        let said = import("03/04/2027 9:30", "").fails(6);
        let hint = "the dates in blocked_until are ambiguous: --date-format 'blocked_until=DD/MM/YYYY' or 'blocked_until=MM/DD/YYYY' says which is meant\n";
        assert!(said.contains(hint), "{said}");
        let said = import("46480.25", "--date-format dob=DD/MM/YYYY").fails(6);
        assert!(
            said.contains("hint: --date-format 'blocked_until=excel' reads the dates in blocked_until\n"),
            "{said}"
        );
    });
}

#[test]
fn a_format_that_is_none_is_refused() {
    on_both_engines_with_acme(|p| {
        let rows = "external_id,name,dob\nE1,A One,1990-04-03\n";
        for format in ["dd/mm/yyyy", "DD/MM/YY", "DD/MM", "dob=%d/%m/%Y", "iso", "DMYYYY", "dob="] {
            let said = p.run_with(&format!("user import - --date-format '{format}'"), rows).fails(2);
            assert!(said.contains("hint: a format is made of YYYY, MM, M, DD, D, MMM (Jan)"), "{said}");
        }
        for (flags, sentence) in [
            ("--date-format name=DD/MM/YYYY", "the file has no dates in 'name'\nhint: columns of dates: dob"),
            ("--date-format birthday=DD/MM/YYYY", "the file has no dates in 'birthday'"),
            ("--date-format blocked_until=DD/MM/YYYY", "the file has no dates in 'blocked_until'"),
            ("--date-format DD/MM/YYYY --date-format excel", "another format is given for all columns"),
            ("--date-format dob=DD/MM/YYYY --date-format dob=excel", "dob has another format already"),
        ] {
            let said = p.run_with(&format!("user import - {flags}"), rows).fails(2);
            assert!(said.contains(sentence), "{said}");
        }
        let rows = "external_id,name\nE1,A One\n";
        let said = p.run_with("user import - --date-format DD/MM/YYYY", rows).fails(2);
        assert!(said.contains("no column of the file holds dates"), "{said}");
        p.run_with("branch import - --date-format DD/MM/YYYY", "code,name\nB1,One\n").fails(2);
    });
}

#[test]
fn the_hint_names_the_format_that_reads_a_column() {
    on_both_engines_with_acme(|p| {
        let import = |dates: &[&str], more: &str| {
            let rows: String = dates.iter().enumerate().map(|(i, d)| format!("E{i},A One,{d}\n")).collect();
            p.run_with(&format!("user import - --dry-run {more}"), format!("external_id,name,dob\n{rows}"))
        };
        for (dates, format) in [
            (&["23/04/1990", "03/04/1990", ""][..], "DD/MM/YYYY"),
            (&["04/23/1990", "03/04/1990"], "MM/DD/YYYY"),
            (&["4/3/1990", "12/31/1990"], "M/D/YYYY"),
            (&["23-04-1990", "03-04-1990"], "DD-MM-YYYY"),
            (&["04-23-1990"], "MM-DD-YYYY"),
            (&["23/04/1990 00:00:00"], "DD/MM/YYYY"),
            (&["19900423"], "YYYYMMDD"),
            (&["32874", "41000"], "excel"),
            (&["\"April 3, 1990\""], "MMMM D, YYYY"),
            (&["03.04.1990"], "DD.MM.YYYY"),
            (&["1990/04/03"], "YYYY/MM/DD"),
            (&["3 Apr 1990", "23 Apr 1990"], "D MMM YYYY"),
            (&["03-Apr-1990"], "DD-MMM-YYYY"),
        ] {
            let said = import(dates, "").fails(6);
            assert!(said.contains(&format!("hint: --date-format 'dob={format}' reads the dates in dob\n")), "{said}");
        }
        let said = import(&["03/04/1990", "05/06/1991"], "").fails(6);
        let hint = "hint: the dates in dob are ambiguous: --date-format 'dob=DD/MM/YYYY' or 'dob=MM/DD/YYYY' says which is meant\n";
        assert!(said.contains(hint), "{said}");
        // What no one format reads, and what has one, gets no hint.
        for (dates, more) in [
            (&["23/04/1990", "04/23/1990"][..], ""),
            (&["23/04/1990", "1990-04-23"], ""),
            (&["23/04/90"], ""),
            (&["soon"], ""),
            (&["23/04/1990"], "--date-format MM/DD/YYYY"),
        ] {
            let said = import(dates, more).fails(6);
            assert!(!said.contains("--date-format"), "{said}");
        }
        let said = import(&["23/04/1990"], "--on-invalid dob=blank").fails(0);
        assert!(said.contains("note: --date-format 'dob=DD/MM/YYYY' reads the dates in dob\n"), "{said}");
    });
}
