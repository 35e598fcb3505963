//! Identity papers: numbers and names, by themselves, with no database.

use crate::harness::{Engine, TestEnv};

/// Numbers of FACTS.md: one that is right, and one with a slip for each that people make.
const PANS: &str = "AAPPV8261K\nabmpa 3211 g\n\nACUPA0000R\nABMXA3211G\nAAPPVXXXXK\n";

/// Nothing is opened or made, and no number is told again.
#[test]
fn numbers_are_looked_at_without_a_database() {
    let p = TestEnv::new(Engine::Sqlite);
    let said = p.run_with("kyc validate --kind pan - -o csv", PANS);
    assert_eq!(
        said.out,
        "line,number,is_valid,tells,problem,notes\n\
         1,AAPPVXXXXK,true,person,,\n\
         2,ABMPAXXXXG,true,person,,\n\
         4,,false,,\"has the serial number 0000, as no PAN has\",\n\
         5,,false,,has a fourth letter that stands for no kind of holder,\n\
         6,,false,,is masked: the whole number is needed,\n"
    );
    let err = said.fails(6);
    assert!(err.contains("error: 3 of 5 can't be right as PAN"), "{err}");
    let file = p.write("numbers.txt", "\u{feff}234123412346\r\n9999 4105 7058\r\n");
    let told = p.run(&format!("kyc validate --kind aadhaar {file} -o json"));
    assert_eq!(told.json()[0]["number"], "XXXX XXXX 2346");
    assert_eq!(told.json()[1]["is_valid"], true);
    assert!(told.clone().err.contains("2 of 2 can be right"), "{}", told.err);
    told.ok();
    // The second run, the empty list, and what is no text.
    p.run(&format!("kyc validate --kind aadhaar {file}")).ok();
    assert!(p.run_with("kyc validate --kind pan -", "").err.contains("there is no number to look at"));
    assert!(p.run_with("kyc validate --kind pan -", "a".repeat(2000)).fails(6).contains("line 1 is longer than"));
    let left: Vec<_> =
        std::fs::read_dir(p.dir.path()).expect("the folder").map(|e| e.expect("a file").file_name()).collect();
    assert_eq!(left, ["numbers.txt"], "something was made");
}

/// A column of a file, with the holders' names beside it: a PAN of a person has the initial of the last name, any other that of
/// the name; another letter is odd, and no fault.
#[test]
fn a_column_of_a_file_is_looked_at() {
    let p = TestEnv::new(Engine::Sqlite);
    let file = p.write(
        "papers.csv",
        "Name;PAN Number;note\r\nAsha Varma;AAPPV8261K;\"a; b\"\r\nAsha Rao;AAPPV8261K;\r\nNobody;;\r\nDeepak & Sons;AAKFD7113K;x\r\nSons of Deepak;AAKFD7113K;x\r\n",
    );
    let said = p.run(&format!("kyc validate --kind pan {file} --column pan_number --name-column name -o csv")).ok();
    assert_eq!(
        said,
        "line,number,is_valid,tells,problem,notes\n\
         2,AAPPVXXXXK,true,person,,\n\
         3,AAPPVXXXXK,true,person,,its fifth letter is not the initial of the name\n\
         5,AAKFDXXXXK,true,firm or LLP,,\n\
         6,AAKFDXXXXK,true,firm or LLP,,its fifth letter is not the initial of the name\n"
    );
    let other = p.run(&format!("kyc validate --kind pan {file} --column pan")).fails(2);
    assert!(other.contains("error: the file has no column pan"), "{other}");
    let open = p.run_with("kyc validate --kind pan - --column a", "a,b\n\"AAPPV8261K,b\n").fails(6);
    assert!(open.contains("line 2 has a quote that is not closed") && !open.contains("AAPPV8261K"), "{open}");
    let headless = p.run_with("kyc validate --kind pan - --column pan", "AAPPV8261K\n").fails(2);
    assert!(!headless.contains("AAPPV8261K"), "{headless}");
    assert!(p.run_with("kyc validate --kind pan - --column pan", "").fails(6).contains("the file is empty"));
}

/// Whatever is wrong with a number, it stands in no answer.
#[test]
fn no_number_is_told_again() {
    let p = TestEnv::new(Engine::Sqlite);
    let slips = [
        ("aadhaar", "234123412347"),
        ("aadhaar", "324123412346"),
        ("aadhaar", "२३४१२३४१२३४६"),
        ("aadhaar", "9.87E+11"),
        ("aadhaar", "000000000000"),
        ("vid", "2341234123412342"),
        ("pan", "ACUPA7085RR"),
        ("gstin", "27AAPFU0939F1ZO"),
        ("cin", "X17110MH1973PLC019786"),
        ("llpin", "AAAA-1234"),
        ("udyam", "UDYAM-MH-00-000012"),
        ("account", "00123"),
        ("ifsc", "KARBO000001"),
        ("pin", "012345"),
    ];
    for (kind, number) in slips {
        for format in ["table", "csv", "json", "ndjson", "yaml"] {
            let said = p.run_with(&format!("kyc validate --kind {kind} - -o {format}"), number);
            assert_eq!(said.code, 6, "{kind}: {} {}", said.out, said.err);
            assert!(!said.out.contains(number) && !said.err.contains(number), "{} {}", said.out, said.err);
        }
        // Given where others can see it, it is not told to more of them.
        let said = p.run(&format!("kyc validate --kind {kind} '{number}'"));
        assert_ne!(said.code, 0);
        assert!(!said.err.contains(number), "{}", said.err);
        assert!(said.err.contains("hint: a number or name itself is never an argument"), "{}", said.err);
    }
    // Nor is one that is right.
    let said = p.run_with("kyc validate --kind account -", "000123456789");
    assert!(!said.out.contains("000123456789") && said.out.contains("XXXXXXXX6789"), "{}", said.out);
    let asked = p.run("kyc validate --kind pan").fails(2);
    assert!(asked.contains("error: the numbers are missing"), "{asked}");
    let asked = p.run("kyc validate --kind passport -").fails(2);
    assert!(asked.contains("aadhaar, vid, pan"), "{asked}");
}

#[test]
fn names_are_compared() {
    let p = TestEnv::new(Engine::Sqlite);
    let said = p.run_with("kyc match -", "Shri Ravi Kumar\nKUMAR RAVI\n").ok();
    assert_eq!(said, "100.00 direct: the same words in another order\n");
    let said = p.run_with("kyc match - -o json", "S K Mishra\n\nSatish Kumar Mishra\n").json();
    assert_eq!((&said["band"], &said["reason"]), (&"good".into(), &"2 initials stand for words".into()), "{said}");
    let said = p.run_with("kyc match -", "Ravi Kumar\n").fails(6);
    assert!(said.contains("error: two names are compared, and there are 1"), "{said}");
    let said = p.run_with("kyc match -", "a\nb\nc\n").fails(6);
    assert!(said.contains("there are 3"), "{said}");
}
