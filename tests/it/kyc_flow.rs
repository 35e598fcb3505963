//! KYC records from submission to approval: who does what, what is refused, and what is told of it.

use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use orgctl::model::operator::Operator;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme, split};
use crate::raw::{start, wait};

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
    p.run("key init").ok();
    p.run("setting set kyc.aadhaar_storage sealed").ok();
    p.run("branch create --code MUM01 --name Mumbai").ok();
    p.run("user create --user-code ASHA22 --name 'Asha Rao' --email asha@acme.in --branch MUM01").ok();
    p.run("user create --user-code MEERA2 --name 'Meera Nair' --email meera@acme.in").ok();
    p.run("user create --user-code RAV222 --name 'Ravi Kumar' --email ravi@acme.in").ok();
    for (role, who) in [("REVIEWER", "meera@acme.in"), ("REVIEWER", "ravi@acme.in")] {
        if p.run(&format!("role exists {role}")).code != 0 {
            p.run(&format!("role create --code {role} --name {role}")).ok();
            p.run(&format!(
                "role grant {role} kyc:read kyc:submit kyc:review kyc:verify kyc:reject kyc:assign consents:create users:read"
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
        assert!(
            !all.contains("aappv8261") && !all.contains("aapfu0939") && !all.contains("2341 2341"),
            "it is recorded"
        );
        all_is_well(p);
    });
}

/// Submits and verifies a paper.
#[track_caller]
fn verified(p: &TestEnv, kind: &str, user: &str, flags: &str, paper: &str) {
    by(p, 2001);
    submit(p, &format!("{kind} {user} {flags}"), paper);
    by(p, 2002);
    p.run(&format!("kyc start {user}:{kind}")).ok();
    p.run(&format!("kyc verify {user}:{kind} --method manual --note seen")).ok();
}

/// What is verified is told of the user, follows the records, and is set by nothing.
#[test]
fn a_user_is_told_with_what_is_verified() {
    on_both_engines_with_acme(|p| {
        people(p);
        let flags = |p: &TestEnv| {
            let told = p.json("user show asha@acme.in");
            ["aadhaar_verified", "pan_verified", "business_verified", "bank_verified", "kyc_complete"]
                .map(|name| told[name].as_bool().expect("yes or no"))
        };
        assert_eq!(flags(p), [false; 5]);
        submit(p, "pan asha@acme.in", PAN);
        assert_eq!(flags(p), [false; 5], "submitted is not verified");
        p.run("kyc reject asha@acme.in:pan --reason incomplete").ok();
        verified(p, "pan", "asha@acme.in", "", PAN);
        assert_eq!(
            (flags(p), &p.json("user show asha@acme.in")["kyc_step"]),
            ([false, true, false, false, false], &1.into())
        );
        p.wait(3600);
        verified(p, "bank", "asha@acme.in", "--ifsc KARB0000001 --account-type savings", ACCOUNT);
        assert_eq!(p.column("user list --filter kyc_step=2", "user_code"), ["ASHA22"]);
        assert_eq!(p.column("user list --filter 'bank_verified=yes kyc_complete=no'", "user_code"), ["ASHA22"]);
        assert_eq!(
            p.column("user list --filter 'pan_verified=no' --sort user_code", "user_code"),
            ["MEERA2", "RAV222"]
        );
        assert_eq!(
            p.column("user list --filter kyc_step=2 --as-of 2026-11-21T00:30:00Z", "user_code"),
            Vec::<String>::new()
        );
        assert_eq!(p.column("user list --filter kyc_step=1 --as-of 2026-11-21T00:30:00Z", "user_code"), ["ASHA22"]);
        // Flags of earlier systems are known, and set nothing.
        let file = "user_code,first_name,is_bank_verified,is_pan_verified,is_kyc_complete,kyc_verification_step\nRAV222,Ravi,1,1,1,4\n";
        p.run_with("user import - --on-conflict update", file).ok();
        assert_eq!(p.json("user show RAV222")["kyc_step"], 0);
        p.run("user update RAV222 --kyc-step 4").fails(2);
        all_is_well(p);
    });
}

/// Papers are kept as long as the law says, by whatever way somebody would let them go.
#[test]
fn papers_are_kept_as_long_as_the_law_says() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", PAN);
        p.run("kyc reject asha@acme.in:pan --reason mismatch").ok();
        p.run("user update asha@acme.in --relationship-ended-at 2026-11-20").ok();
        p.run("user delete asha@acme.in --yes").ok();
        assert_eq!(p.column("kyc list --with-deleted", "status"), ["deleted"], "it is there");
        let law =
            "identity records are kept five years after the relationship with the person ended (PMLA, section 12)";
        for line in [
            "user purge asha@acme.in --yes",
            "user purge --deleted-before 2027-01-01 --yes",
            "audit erase --subject asha@acme.in --yes --org ACME",
            "user purge asha@acme.in --yes --dry-run",
        ] {
            let said = p.run(line).fails(4);
            assert!(
                said.contains("kyc ASHA22:pan:1 is kept until 2031-11-22T00:00:0") && said.contains(law),
                "{line}: {said}"
            );
        }
        p.run("org delete ACME --cascade --yes").ok();
        let said = p.run("org purge ACME --yes").fails(4);
        assert!(said.contains("is kept until 2031-11-22"), "{said}");
        p.run("org restore ACME").ok();
        p.run("user restore asha@acme.in").ok();
        assert_eq!(p.json("kyc show ASHA22:pan:1")["status"], "rejected", "it is back");
        // Where nobody said that the relationship ended it is kept for good.
        p.run("user update asha@acme.in --relationship-ended-at ''").ok();
        p.run("user delete asha@acme.in --yes").ok();
        p.wait(40 * 366 * 86_400);
        for line in ["user purge asha@acme.in --yes", "audit erase --subject asha@acme.in --yes --org ACME"] {
            let said = p.run(line).fails(4);
            assert!(said.contains("which has not begun for user ASHA22 (Asha Rao)"), "{line}: {said}");
            assert!(said.contains("--relationship-ended-at says when the relationship ended"), "{said}");
        }
        assert!(p.run("setting set kyc.retention_days 365 --org ACME").fails(6).contains("1827"));
        p.run("user restore asha@acme.in --yes").ok();
        p.run("user update asha@acme.in --relationship-ended-at 2026-11-20 --yes").ok();
        p.run("user delete asha@acme.in --yes").ok();
        p.run("user purge asha@acme.in --yes").ok();
        assert_eq!(p.column("kyc list --with-deleted", "key"), Vec::<String>::new());
        p.run("audit erase --subject ASHA22 --yes --org ACME").ok();
        all_is_well(p);
    });
}

/// Of two who are one, the papers of the duplicate are of who stays, where each kind of paper has one answer.
#[test]
fn papers_go_over_with_a_merge() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", PAN);
        submit(p, "pan ravi@acme.in", "ABMPA3211G\nname: RAVI KUMAR\n");
        let said = p.run("user merge ravi@acme.in asha@acme.in --yes").fails(4);
        assert!(said.contains("kyc RAV222:pan:1 and kyc ASHA22:pan:1 both wait"), "{said}");
        p.run("kyc reject ravi@acme.in:pan --reason duplicate").ok();
        verified(p, "bank", "ravi@acme.in", "--ifsc KARB0000001 --account-type savings", ACCOUNT);
        p.run("user merge ravi@acme.in asha@acme.in --yes").ok();
        let told = p.column("kyc list --filter user=asha@acme.in --sort serial", "key");
        assert_eq!(told, ["ASHA22:pan:1", "ASHA22:pan:2", "ASHA22:bank:3"]);
        assert_eq!(p.json("user show asha@acme.in")["bank_verified"], true);
        // What was the duplicate's is kept as that of who stays is, and so is what is recorded of it.
        let said = p.run("audit erase --subject RAV222 --yes --org ACME").fails(4);
        assert!(said.contains("is kept") || said.contains("still there"), "{said}");
        all_is_well(p);
    });
}

/// An Aadhaar is taken up with a consent that was given before; other papers where the setting says so.
#[test]
fn an_aadhaar_needs_a_consent() {
    on_both_engines_with_acme(|p| {
        people(p);
        let notice = p.write("notice.txt", "What we do with your papers\n");
        let aadhaar = "234123412346\nname: ASHA RAO\ndob: 1990-04-23\n";
        let line = "kyc submit aadhaar asha@acme.in --from -";
        let given = "--consent KYC-1 --channel web --language hi";
        for (flags, code, why) in [
            ("", 6, "aadhaar is taken up only with a consent that was given before"),
            ("--consent KYC-1", 2, "--given-at"),
            (&*format!("{given} --given-at 2026-12-24"), 6, "which is yet to come"),
            (&*format!("{given} --given-at 1d"), 6, "notice KYC-1 is new, and its text is not known"),
        ] {
            let said = p.run_with(&format!("{line} {flags}"), aadhaar).fails(code);
            assert!(said.contains(why), "{flags}: {said}");
        }
        p.run_with(&format!("{line} {given} --given-at 1d --notice-file {notice} --as meera@acme.in"), aadhaar).ok();
        let told = p.json("consent show asha@acme.in:1");
        // echo 'What we do with your papers' | sha256sum
        assert_eq!(told["notice_sha256"], SHA256);
        assert_eq!(
            (&told["recorded_by"], &told["purposes"], &told["status"]),
            (&"MEERA2".into(), &serde_json::json!(["kyc"]), &"given".into())
        );
        assert_eq!(p.json("kyc show asha@acme.in:aadhaar")["consent"], "ASHA22:1");
        assert_eq!(p.json("kyc show asha@acme.in:aadhaar")["mask"], "XXXX XXXX 2346");
        p.run("kyc start asha@acme.in:aadhaar").ok();
        p.run("consent withdraw asha@acme.in:1").ok();
        by(p, 2002);
        let verify = "kyc verify asha@acme.in:aadhaar --method manual --note seen";
        assert!(p.run(verify).fails(4).contains("the consent of kyc ASHA22:aadhaar:1 was withdrawn at 2026-11-21"));
        p.run("kyc reject asha@acme.in:aadhaar --reason incomplete").ok();
        // The notice is known by now.
        by(p, 2001);
        p.run_with(&format!("{line} {given} --given-at 2026-11-20"), aadhaar).ok();
        by(p, 2002);
        p.run("kyc start asha@acme.in:aadhaar").ok();
        p.run(verify).ok();
        by(p, 2001);
        submit(p, "pan asha@acme.in", PAN);
        p.run("setting set kyc.require_consent yes --org ACME").ok();
        assert!(p.run_with("kyc submit pan ravi@acme.in --from -", OTHER_PAN).fails(6).contains("only with a consent"));
        p.run_with(&format!("kyc submit pan ravi@acme.in --from - {given} --given-at 1h"), OTHER_PAN).ok();
        all_is_well(p);
    });
}

const SHA256: &str = "94d310a52b152d41a23d078faeb732efc8ca933fb8f2001dfc70eb1160992ba1";

/// Of fifty who claim a case at once one has it.
#[test]
fn of_fifty_who_claim_a_case_one_has_it() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", PAN);
        // Two who look at papers, and 48 more.
        for n in 2..50 {
            p.run(&format!("user create --user-code R{n:05} --name 'Reviewer {n}' --username r{n}")).ok();
            p.run(&format!("role assign REVIEWER r{n}")).ok();
        }
        let name = |n: usize| match n {
            0 => "meera@acme.in".to_owned(),
            1 => "ravi@acme.in".to_owned(),
            n => format!("r{n}"),
        };
        let all: Vec<_> = (0..50)
            .map(|n| {
                start(&mut p.spawn(&format!("kyc claim asha@acme.in:pan --as {} --wait 60", name(n))), Stdio::null())
            })
            .collect();
        let codes: Vec<u8> = all.into_iter().map(|child| wait(child).code).collect();
        assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == 4).count(), 49, "{codes:?}");
        assert_eq!(
            p.column("kyc history asha@acme.in:pan --limit 99", "status").iter().filter(|s| *s == "success").count(),
            2
        );
        all_is_well(p);
    });
}

/// Of two papers of one kind that are submitted at once one waits.
#[test]
fn of_two_papers_at_once_one_waits() {
    on_both_engines_with_acme(|p| {
        people(p);
        let paper = p.write("paper.txt", PAN);
        let line = format!("kyc submit pan asha@acme.in --from {paper} --wait 60");
        let all: Vec<_> = (0..8).map(|_| start(&mut p.spawn(&line), Stdio::null())).collect();
        let mut codes: Vec<u8> = all.into_iter().map(|child| wait(child).code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!(p.column("kyc list", "key"), ["ASHA22:pan:1"]);
        all_is_well(p);
    });
}

/// Half of the records waited so long, and nine of ten no longer than that.
#[test]
fn it_is_told_how_long_records_wait() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.run("setting set kyc.duplicates flag").ok();
        for n in 1..=10 {
            p.run(&format!("user create --user-code W{n:05} --name 'Asha Rao' --username w{n}")).ok();
            submit(p, &format!("pan w{n}"), PAN);
            p.wait(3600);
        }
        // The first waited ten hours, the last one.
        let told = p.json("kyc stats");
        assert_eq!(
            (&told[0]["kind"], &told[0]["status"], &told[0]["records"]),
            (&"pan".into(), &"submitted".into(), &10.into())
        );
        assert_eq!((&told[0]["p50_hours"], &told[0]["p90_hours"]), (&"5.00".into(), &"9.00".into()));
        p.run("kyc reject w1:pan --reason unreadable").ok();
        p.wait(3600);
        let told = p.json("kyc stats");
        assert_eq!((&told[0]["status"], &told[0]["p50_hours"]), (&"rejected".into(), &"10.00".into()), "{told}");
    });
}

/// What is risked with somebody is told to who may know it, in no list, filter or history to others; what holds goes by it.
#[test]
fn risk_is_told_to_who_may_know_it() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", PAN);
        p.run("kyc risk set high asha@acme.in:pan").ok();
        p.run("kyc start asha@acme.in:pan").ok();
        by(p, 2002);
        p.run("kyc verify asha@acme.in:pan --method manual --note seen").ok();
        let told = p.json("kyc show asha@acme.in:pan");
        assert_eq!((&told["risk"], &told["valid_until"]), (&"high".into(), &"2028-11-21".into()));
        // A diff from here on has a field that changed, not a record that came.
        p.wait(3600);
        p.run("kyc risk set low asha@acme.in:pan").ok();
        assert_eq!(p.json("kyc status asha@acme.in")["kinds"][1]["valid_until"], "2036-11-21");
        let as_meera = |line: &str| p.run(&format!("{line} --as meera@acme.in"));
        let told = as_meera("kyc show asha@acme.in:pan -o json").json();
        assert_eq!(
            (&told["status"], &told["risk"], &told["valid_until"]),
            (&"verified".into(), &().into(), &().into())
        );
        assert_eq!(as_meera("kyc list --filter risk=low -o key").ok(), "");
        assert!(!as_meera("kyc history asha@acme.in:pan -o json").ok().contains("low"));
        assert!(!as_meera("kyc export -o csv").out.contains("low"));
        p.run("role grant REVIEWER audit:read").ok();
        let seen = |line: &str| as_meera(&format!("{line} -o json")).ok().contains("\"low\"");
        let trail = ["audit list --resource kyc", "audit tail -n 50", "audit diff --from 30m"];
        for line in trail {
            assert!(!seen(line), "{line}");
        }
        let set = p.json("audit list --resource kyc --field risk --limit 1")[0]["seq"].clone();
        assert!(!seen(&format!("audit show {set}")));
        as_meera("kyc risk set high asha@acme.in:pan").fails(5);
        p.run("role grant REVIEWER kyc:read_risk").ok();
        for line in trail {
            assert!(seen(line), "{line}");
        }
        assert!(seen(&format!("audit show {set}")));
        assert_eq!(as_meera("kyc list --filter risk=low -o key").ok(), "ASHA22:pan:1\n");
        assert!(as_meera("kyc history asha@acme.in:pan -o json").ok().contains("low"));
        p.run("kyc risk set huge asha@acme.in:pan").fails(6);
        all_is_well(p);
    });
}

/// Two accounts of the system are two people, and one is one with whosoever's rights and variables.
#[test]
fn two_accounts_are_two_people() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let p = TestEnv::with_acme(Engine::Postgres);
    people(&p);
    let paper = p.write("paper.txt", PAN);
    let key = std::fs::read_to_string(crate::sealing::key_file(&p)).expect("a key");
    // The program was built where its builder alone may look.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let folder = tempfile::Builder::new().permissions(open).tempdir().expect("a folder");
    let program = folder.path().join("orgctl");
    std::fs::copy(env!("CARGO_BIN_EXE_orgctl"), &program).expect("a copy of the program");
    let run = |uid: u32, line: &str, env: &[(&str, &str)]| {
        let stdin = std::fs::File::open(&paper).expect("a file");
        let mut command = std::process::Command::new(&program);
        command.args(split(line)).env_clear().envs(&p.env);
        // Each account has a home of its own, and the key from its environment.
        command.env("HOME", "/nonexistent").env("ORGCTL_MASTER_KEY", &key);
        command.uid(uid).gid(uid).current_dir("/").envs(env.iter().copied());
        wait(start(&mut command, stdin.into()))
    };
    let said = run(2001, "kyc submit pan asha@acme.in --from -", &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(p.json("kyc show asha@acme.in:pan")["submitted_operator"], "2001");
    run(2002, "kyc start asha@acme.in:pan", &[]).ok();
    let verify = "kyc verify asha@acme.in:pan --method manual --note seen";
    run(2001, verify, &[]).fails(5);
    run(2001, verify, &[("SUDO_UID", "2002"), ("USER", "ravi")]).fails(5);
    run(2001, &format!("{verify} --as ravi@acme.in"), &[]).fails(5);
    run(2002, verify, &[("SUDO_UID", "2001")]).fails(5);
    run(2002, verify, &[]).ok();
    all_is_well(&p);
}
