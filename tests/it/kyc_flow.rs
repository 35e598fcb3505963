//! KYC records from submission to approval: who does what, what is refused, and what is told of it.

use orgctl::model::operator::Operator;

use crate::harness::{TestEnv, on_both_engines_with_acme};

/// Numbers of FACTS.md.
const PAN: &str = "AAPPV8261K\nname: ASHA RAO\n";
const OTHER_PAN: &str = "ABMPA3211G\nname: ASHA RAO\n";
const ACCOUNT: &str = "00123456789\nname: Asha Rao\n";
const GSTIN: &str = "27AAPFU0939F1ZV\nname: Acme LLP\n";

/// Whoever sits at another account.
fn by(p: &TestEnv, uid: u32) {
    p.by(Operator::new(uid, None, None));
}

/// Asha, whom it is about, and two who look at papers.
fn people(p: &TestEnv) {
    by(p, 2001);
    p.run("branch create --code MUM01 --name Mumbai").ok();
    p.run("user create --user-code ASHA22 --name 'Asha Rao' --email asha@acme.in --branch MUM01").ok();
    p.run("user create --user-code MEERA2 --name 'Meera Nair' --email meera@acme.in").ok();
    p.run("user create --user-code RAV222 --name 'Ravi Kumar' --email ravi@acme.in").ok();
    for (role, who) in [("REVIEWER", "meera@acme.in"), ("REVIEWER", "ravi@acme.in")] {
        if p.run(&format!("role exists {role}")).code != 0 {
            p.run(&format!("role create --code {role} --name {role}")).ok();
            p.run(&format!(
                "role grant {role} kyc:read kyc:submit kyc:review kyc:verify kyc:reject kyc:assign users:read"
            ))
            .ok();
        }
        p.run(&format!("role assign {role} {who}")).ok();
    }
}

#[track_caller]
fn submit(p: &TestEnv, line: &str, paper: &str) -> String {
    p.run_with(&format!("kyc submit {line} --from -"), paper).ok()
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn a_paper_goes_from_submission_to_approval() {
    on_both_engines_with_acme(|p| {
        people(p);
        let said = p.run_with("kyc submit pan asha@acme.in --from -", PAN);
        assert!(said.err.contains("submitted kyc ASHA22:pan:1 (AAPPVXXXXK) of user ASHA22 (Asha Rao)"), "{}", said.err);
        said.ok();
        let told = p.json("kyc show asha@acme.in:pan:1");
        assert_eq!((&told["status"], &told["mask"]), (&"submitted".into(), &"AAPPVXXXXK".into()));
        assert_eq!(told["name_match_score"], "100.00");
        assert!(!told.to_string().contains("8261") && told.get("number").is_none(), "{told}");
        assert_eq!(p.column("kyc list --filter in_branch=MUM01", "key"), ["ASHA22:pan:1"]);
        by(p, 2002);
        p.run("kyc claim asha@acme.in:pan --as meera@acme.in").ok();
        let said = p.run("kyc verify asha@acme.in:pan --method manual --note seen --as meera@acme.in");
        assert!(
            said.err.contains("kyc ASHA22:pan:1 is submitted: 'verify' takes one that is in_review"),
            "{}",
            said.err
        );
        assert!(said.err.contains("in_review (orgctl kyc start ASHA22:pan:1)"), "{}", said.err);
        said.fails(4);
        p.run("kyc start asha@acme.in:pan --as meera@acme.in").ok();
        for (flags, code, why) in [
            ("", 2, "--method"),
            ("--method manual", 6, "manual needs --note TEXT"),
            ("--method api_nsdl", 6, "api_nsdl needs what the provider answered"),
            ("--method offline_xml", 6, "files can't be attached yet"),
            ("--method bank_statement", 6, "files can't be attached yet"),
            ("--method migrated", 6, "migrated is what comes with a batch"),
            ("--method penny_drop --amount 1.00 --reference U1", 6, "a penny drop proves a bank account"),
            ("--method phone", 6, "must be one of"),
        ] {
            let said = p.run(&format!("kyc verify asha@acme.in:pan {flags} --as meera@acme.in")).fails(code);
            assert!(said.contains(why), "{flags}: {said}");
        }
        p.run("kyc verify asha@acme.in:pan --method manual --note 'card seen' --as meera@acme.in").ok();
        let told = p.json("kyc show asha@acme.in:pan");
        assert_eq!((&told["status"], &told["decided_by"]), (&"verified".into(), &"MEERA2".into()));
        let again = p.run("kyc verify asha@acme.in:pan --method manual --note again --as meera@acme.in").fails(4);
        assert!(again.contains("is verified already"), "{again}");
        let mut told = p.json("kyc history asha@acme.in:pan:1").as_array().cloned().expect("records");
        told.retain(|record| record["status"] == "success");
        let actions: Vec<&str> = told.iter().filter_map(|record| record["action"].as_str()).collect();
        assert_eq!(actions, ["kyc_submit", "update", "update", "kyc_approve"]);
        assert_eq!(p.column("kyc list", "key"), Vec::<String>::new());
        let status = p.json("kyc status asha@acme.in");
        assert_eq!((&status["step"], &status["complete"]), (&1.into(), &false.into()));
        assert_eq!(status["missing"], serde_json::json!(["aadhaar", "bank"]));
        all_is_well(p);
    });
}

/// Whoever submits a paper, or is meant by it, does not verify it, with whosoever's rights.
#[test]
fn nobody_verifies_what_he_or_she_submitted() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.run("role assign REVIEWER asha@acme.in").ok();
        p.run_with("kyc submit pan asha@acme.in --from - --as meera@acme.in", PAN).ok();
        p.run("kyc start asha@acme.in:pan").ok();
        let verify = "kyc verify asha@acme.in:pan --method manual --note seen";
        // From the account that it was submitted from, as whomever.
        for line in [verify.to_owned(), format!("{verify} --as ravi@acme.in")] {
            let said = p.run(&line).fails(5);
            assert!(said.contains("it was submitted from the account that this is done from"), "{said}");
            assert!(said.contains("another person must verify it, from an account of his or her own"), "{said}");
        }
        // Through sudo and su it stays the same person; a variable that says otherwise takes nothing away.
        for (uid, login, sudo) in
            [(0, Some("2001"), None), (0, None, Some("2001")), (2001, None, Some("7")), (3, Some("2001"), None)]
        {
            p.by(Operator::new(uid, login, sudo));
            p.run(&format!("{verify} --as ravi@acme.in")).fails(5);
        }
        by(p, 2002);
        let said = p.run(&format!("{verify} --as meera@acme.in")).fails(5);
        assert!(said.contains("who submitted it can't verify it"), "{said}");
        let said = p.run(&format!("{verify} --as asha@acme.in")).fails(5);
        assert!(said.contains("it is about the one who would verify it"), "{said}");
        assert_eq!(p.json("kyc show asha@acme.in:pan")["status"], "in_review");
        p.run(&format!("{verify} --as ravi@acme.in")).ok();
        assert_eq!(p.json("kyc show asha@acme.in:pan")["status"], "verified");
        all_is_well(p);
    });
}

/// Root and the owner of the file are accounts that many work by: who is behind them counts.
#[test]
fn who_is_behind_an_account_counts() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.by(Operator::new(0, Some("2001"), Some("2001")));
        submit(p, "pan asha@acme.in", PAN);
        assert_eq!(p.json("kyc show asha@acme.in:pan")["submitted_operator"], "2001");
        p.run("kyc start asha@acme.in:pan").ok();
        let verify = "kyc verify asha@acme.in:pan --method manual --note seen";
        p.by(Operator::new(0, Some("2002"), Some("2001")));
        p.run(verify).fails(5);
        p.by(Operator::new(0, Some("2002"), Some("2002")));
        p.run(verify).ok();
        all_is_well(p);
    });
}

/// What is in force stays so until another one is verified in its place, whatever becomes of that.
#[test]
fn a_record_stays_in_force_until_its_successor_is() {
    on_both_engines_with_acme(|p| {
        people(p);
        let verify = |key: &str| p.run(&format!("kyc verify {key} --method manual --note seen"));
        submit(p, "pan asha@acme.in", PAN);
        let said = p.run_with("kyc submit pan asha@acme.in --from -", OTHER_PAN).fails(4);
        assert!(said.contains("kyc ASHA22:pan:1 waits already"), "{said}");
        by(p, 2002);
        p.run("kyc start asha@acme.in:pan").ok();
        verify("asha@acme.in:pan").ok();
        by(p, 2001);
        submit(p, "pan asha@acme.in", OTHER_PAN);
        by(p, 2002);
        let told = p.json("kyc status asha@acme.in");
        assert_eq!(
            (&told["kinds"][1]["in_force"], &told["kinds"][1]["pending"]),
            (&"ASHA22:pan:1".into(), &"ASHA22:pan:2".into())
        );
        for (line, code, why) in [
            ("kyc reject asha@acme.in:pan", 2, "--reason"),
            ("kyc reject asha@acme.in:pan --reason ugly", 6, "must be one of unreadable, mismatch"),
            ("kyc reject asha@acme.in:pan --reason other", 6, "a rejection for another reason must say it"),
        ] {
            let said = p.run(line).fails(code);
            assert!(said.contains(why), "{line}: {said}");
        }
        p.run("kyc reject asha@acme.in:pan --reason mismatch --note 'another name'").ok();
        assert_eq!(p.json("kyc status asha@acme.in")["step"], 1);
        p.run("kyc reopen ASHA22:pan:2").ok();
        let told = p.json("kyc show ASHA22:pan:2");
        assert_eq!(
            (&told["status"], &told["rejection_code"], &told["decided_operator"]),
            (&"in_review".into(), &().into(), &().into())
        );
        verify("asha@acme.in:pan").ok();
        assert_eq!(p.column("kyc list --filter user=asha@acme.in --sort serial", "status"), ["superseded", "verified"]);
        // What was rejected can't be taken up beside one that waits.
        by(p, 2001);
        submit(p, "pan asha@acme.in", PAN);
        p.run("kyc reject asha@acme.in:pan --reason duplicate").ok();
        submit(p, "pan asha@acme.in", PAN);
        let said = p.run("kyc reopen ASHA22:pan:3").fails(4);
        assert!(said.contains("kyc ASHA22:pan:4 waits already"), "{said}");
        all_is_well(p);
    });
}

/// Whose a case is nobody else takes, starts or decides.
#[test]
fn a_case_is_one_reviewers() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", PAN);
        by(p, 2002);
        assert!(p.run("kyc claim asha@acme.in:pan").fails(2).contains("only a user claims a record"));
        p.run("kyc claim asha@acme.in:pan --as meera@acme.in").ok();
        p.run("kyc claim asha@acme.in:pan --as meera@acme.in").ok();
        for line in [
            "kyc claim asha@acme.in:pan",
            "kyc start asha@acme.in:pan",
            "kyc reject asha@acme.in:pan --reason mismatch",
        ] {
            p.run(&format!("{line} --as ravi@acme.in")).fails(4);
        }
        p.run("kyc assign asha@acme.in:pan --to asha@acme.in").fails(4);
        p.run("kyc assign asha@acme.in:pan --to ravi@acme.in --as meera@acme.in").ok();
        assert_eq!(p.column("kyc list --filter assigned_to=ravi@acme.in", "key"), ["ASHA22:pan:1"]);
        p.run("kyc start asha@acme.in:pan --as meera@acme.in").fails(4);
        // Who leaves hands it over.
        assert!(p.run("user deactivate ravi@acme.in").fails(4).contains("1 kyc (assigned_to)"));
        p.run("kyc assign asha@acme.in:pan --to ''").ok();
        p.run("kyc start asha@acme.in:pan --as meera@acme.in").ok();
        assert_eq!(p.json("kyc show asha@acme.in:pan")["assigned_to"], "MEERA2");
        all_is_well(p);
    });
}

/// Each kind of paper is asked for what it has, and no number is told again.
#[test]
fn a_paper_is_held_against_its_kind() {
    on_both_engines_with_acme(|p| {
        people(p);
        let bank = "bank asha@acme.in --ifsc KARB0000001 --account-type savings";
        for (line, paper, code, why) in [
            ("pan asha@acme.in", "AAPPV8261\nname: A", 6, "the PAN must have five letters"),
            ("pan asha@acme.in", "AAPCV8261K\nname: A", 6, "the PAN is that of a company"),
            ("pan asha@acme.in", "AAPPV8261K\n", 6, "the name is missing"),
            ("pan asha@acme.in", "AAPPV8261K\nname: A\nwife: B", 6, "line 3 names nothing that pan has"),
            ("pan asha@acme.in", "AAPPV8261K\nABMPA3211G", 6, "line 2 says number a second time"),
            ("pan asha@acme.in", "{\"number\":1}", 6, "no JSON object of texts"),
            ("pan asha@acme.in --ifsc KARB0000001", "AAPPV8261K\nname: A", 6, "ifsc is nothing that pan has"),
            ("pan asha@acme.in", "AAPPV8261K\nname: A\ndob: 2099-01-01", 6, "must be a day in the past"),
            ("aadhaar asha@acme.in", "234123412347\nname: A", 6, "the Aadhaar number"),
            ("bank asha@acme.in --account-type savings", "00123456789\nname: A", 6, "ifsc must be given of bank"),
            ("business asha@acme.in --business-type llp", GSTIN, 2, "what the number of the business is, is missing"),
            (
                "business asha@acme.in --business-type private_limited --registration gstin",
                GSTIN,
                6,
                "the GSTIN is that of a firm or LLP",
            ),
            ("pan nobody@acme.in", PAN, 3, "does not exist"),
        ] {
            let said = p.run_with(&format!("kyc submit {line} --from -"), paper).fails(code);
            assert!(said.contains(why), "{line} {paper}: {said}");
            assert!(!said.contains("8261") && !said.contains("3412"), "{said}");
        }
        submit(p, bank, ACCOUNT);
        let told = p.json("kyc show asha@acme.in:bank");
        assert_eq!((&told["mask"], &told["bank_name"]), (&"XXXXXXX6789".into(), &"Karnataka Bank".into()));
        submit(p, "business asha@acme.in --registration gstin --business-type llp", GSTIN);
        submit(p, "pan asha@acme.in", "{\"number\":\"aappv 8261-k\",\"name\":\"ASHA RAO\",\"father_name\":\"R RAO\"}");
        by(p, 2002);
        p.run("kyc start asha@acme.in:bank").ok();
        let answer = p.write("answer.json", "{\"data\":{\"beneficiary_name\":\"RAVI KUMAR\"}}");
        let verify = format!("kyc verify asha@acme.in:bank --method penny_drop --response {answer}");
        for (flags, why) in [
            ("--amount 0 --reference U1", "the amount that was paid, 1.00 INR"),
            ("--amount 1", "needs --reference"),
            ("--reference U1", "needs --amount"),
        ] {
            let said = p.run(&format!("{verify} {flags}")).fails(6);
            assert!(said.contains(why), "{flags}: {said}");
        }
        p.write("bad.json", "{\"name\": nobody}");
        let long = p.path("long.json");
        std::fs::write(&long, vec![b' '; 50 << 20]).expect("a file");
        for file in [p.path("bad.json"), long] {
            let line = format!(
                "kyc verify asha@acme.in:bank --method penny_drop --amount 1 --reference U1 --response {}",
                file.display()
            );
            let said = p.run(&line).fails(6);
            assert!(!said.contains("nobody"), "{said}");
        }
        p.run(&format!("{verify} --amount 1.00 --reference UTR-1")).ok();
        let told = p.json("kyc show asha@acme.in:bank");
        assert!(
            told["name_match_score"].as_str().is_some_and(|score| score.starts_with("0.") || score.len() < 6),
            "{told}"
        );
        assert!(!told["name_match_reason"].to_string().to_lowercase().contains("ravi"), "{told}");
        all_is_well(p);
    });
}

/// A number has no place in words, nor in what is recorded of the refusal.
#[test]
fn words_hold_no_number() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", PAN);
        by(p, 2002);
        p.run("kyc start asha@acme.in:pan").ok();
        for (text, label) in
            [("card aappv8261k", "PAN"), ("27AAPFU0939F1ZV", "PAN"), ("2341 2341 2346", "Aadhaar number")]
        {
            for verb in ["verify asha@acme.in:pan --method manual", "reject asha@acme.in:pan --reason other"] {
                let said = p.run(&format!("kyc {verb} --note '{text}'")).fails(6);
                assert!(said.contains(&format!("--note holds what can be a {label}")), "{said}");
            }
        }
        let all = p.run("audit export -o ndjson --org ACME").ok().to_lowercase();
        assert!(!all.contains("8261") && !all.contains("0939") && !all.contains("2341 2341"), "it is recorded");
        all_is_well(p);
    });
}
