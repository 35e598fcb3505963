//! What a person at a terminal is asked of a paper and of a decision; and papers that contradict each other.

use crate::harness::{TestEnv, on_both_engines_with_acme};
use crate::terminal::{answers_unseen, at_terminal, ends};

/// Numbers of FACTS.md.
const PAN: &str = "ABMPA3211G";
const AADHAAR: &str = "999941057058";

fn people(p: &TestEnv) {
    p.run("key init").ok();
    for (code, name) in [("ASHA22", "Asha Rao"), ("RAV222", "Ravi Kumar")] {
        let login = name.split(' ').next().expect("a word").to_lowercase();
        p.run(&format!("user create --user-code {code} --name '{name}' --email {login}@acme.in")).ok();
    }
}

/// The GSTIN of a taxpayer with a PAN, in the state of Maharashtra: the check character that is taken is the one that fits.
fn gstin_of(p: &TestEnv, pan: &str) -> String {
    let all: String = ('0'..='9').chain('A'..='Z').map(|check| format!("27{pan}1Z{check}\n")).collect();
    let said = p.run_with("kyc validate --kind gstin - -o json", &all).out;
    let rows: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let at = rows.as_array().expect("rows").iter().position(|row| row["is_valid"] == true).expect("one that fits");
    all.lines().nth(at).expect("its line").to_owned()
}

/// How Aadhaar numbers are kept is asked before the first, and what the person agreed to of each; a wrong number is told at once.
#[test]
fn an_aadhaar_is_asked_for() {
    on_both_engines_with_acme(|p| {
        people(p);
        let notice = p.write("notice.txt", "what is done with it");
        let mut t = at_terminal(p, "kyc submit aadhaar asha@acme.in");
        t.exp_string("(notice):").expect("the notice");
        t.send_line("N7").expect("typed");
        t.exp_string("File with the text of the notice").expect("its text");
        t.send_line("nowhere").expect("typed");
        t.exp_string("File with the text of the notice").expect("asked again");
        t.send_line(&format!("\x15{notice}")).expect("typed");
        t.exp_string("When the person agreed").expect("the time");
        t.send_line("2999-01-01").expect("typed");
        t.exp_string("before the paper is submitted").expect("told at once");
        t.exp_string("When the person agreed").expect("asked again");
        t.send_line("\x152020-01-01").expect("typed");
        t.exp_string("(channel)").expect("the channel");
        t.send_line("paper").expect("typed");
        t.exp_string("(language):").expect("the language");
        t.send_line("hi").expect("typed");
        t.exp_string("chosen once for all").expect("the way");
        t.send_line("").expect("typed");
        t.exp_string("kyc.aadhaar_storage is reference from now on").expect("done");
        answers_unseen(&mut t, "Aadhaar number", "999941057059");
        t.exp_string("the Aadhaar number ").expect("told at once");
        answers_unseen(&mut t, "Aadhaar number", AADHAAR);
        t.exp_string("Name as on the paper").expect("the name");
        t.send_line("ASHA RAO").expect("typed");
        t.exp_string("Date of birth").expect("the day");
        t.send_line("31-31-1990").expect("typed");
        t.exp_string("Date of birth").expect("asked again");
        t.send_line("\x151990-04-23").expect("typed");
        t.exp_string("Address").expect("the address");
        t.send_line("").expect("typed");
        t.exp_string("submitted kyc ASHA22:aadhaar:1").expect("done");
        assert_eq!(ends(t), 0);
        assert_eq!(p.run("setting get kyc.aadhaar_storage -o json").json()["value"], "reference");
        let told = p.json("consent list");
        assert_eq!((&told[0]["notice"], &told[0]["language"]), (&"N7".into(), &"hi".into()));
        // So it is before a file of them.
        p.run("org create --code OTHER --name Other").ok();
        p.run("user create --user-code UMA222 --name 'Uma Iyer' --email uma@other.in --org OTHER").ok();
        let rows = format!("user,number,name\numa@other.in,{},Uma Iyer\n", "999971658847");
        let file = p.write("aadhaars.csv", rows);
        let of = format!("--consent N7 --notice-file {notice} --given-at 2020-01-01 --channel paper --language hi");
        let mut t = at_terminal(p, &format!("kyc import {file} --kind aadhaar --org OTHER {of}"));
        t.exp_string("chosen once for all").expect("the way");
        t.send_line("sealed").expect("typed");
        t.exp_string("created 1,").expect("done");
        assert_eq!(ends(t), 0);
        assert_eq!(p.run("setting get kyc.aadhaar_storage --org OTHER").ok(), "sealed\n");
        // The text of a notice that is known is not asked for again, nor what a flag says.
        let mut t = at_terminal(p, "kyc submit aadhaar ravi@acme.in --from nowhere");
        t.exp_string("(notice):").expect("the notice");
        t.send_line("N7").expect("typed");
        t.exp_string("When the person agreed").expect("the time");
        t.send_line("\x03").expect("typed");
        assert_eq!(ends(t), 130);
        let line = "kyc submit aadhaar ravi@acme.in --from - --no-input";
        assert!(p.run_with(line, format!("{AADHAAR}\nname: RAVI KUMAR")).fails(6).contains("--consent"));
    });
}

/// What a bank account and a decision lack is asked for, one of a list where there is one; without a terminal the flag is named.
#[test]
fn what_a_verb_lacks_is_asked_for() {
    on_both_engines_with_acme(|p| {
        people(p);
        let mut t = at_terminal(p, "kyc submit bank asha@acme.in");
        t.exp_string("(ifsc):").expect("the branch");
        t.send_line("HDFCO000001").expect("typed");
        t.exp_string("the letter O").expect("told at once");
        t.exp_string("(ifsc):").expect("asked again");
        t.send_line("\x15HDFC0000001").expect("typed");
        t.exp_string("(account_type)").expect("the type");
        t.send_line("current").expect("typed");
        answers_unseen(&mut t, "account number", "000412356789");
        t.exp_string("Name as on the paper").expect("the name");
        t.send_line("ASHA RAO").expect("typed");
        t.exp_string("submitted kyc ASHA22:bank:1").expect("done");
        assert_eq!(ends(t), 0);
        let told = p.json("kyc show asha@acme.in:bank");
        assert_eq!((&told["ifsc"], &told["account_type"]), (&"HDFC0000001".into(), &"current".into()));
        let missing = p.run("kyc reject asha@acme.in:bank").fails(2);
        assert!(missing.contains("missing: --reason <CODE>") && missing.contains("unreadable, "), "{missing}");
        let mut t = at_terminal(p, "kyc reject asha@acme.in:bank");
        t.exp_string("(rejection_code)").expect("the reason");
        t.send_line("other").expect("typed");
        t.exp_string("Why, in words").expect("in words");
        t.send_line("of 999941057058").expect("typed");
        t.exp_string("kept sealed alone").expect("told at once");
        t.exp_string("Why, in words").expect("asked again");
        t.send_line("\x15a closed account").expect("typed");
        t.exp_string("rejected kyc ASHA22:bank:1: other").expect("done");
        assert_eq!(ends(t), 0);
        p.run("kyc reopen asha@acme.in:bank").ok();
        let missing = p.run("kyc verify asha@acme.in:bank").fails(2);
        assert!(missing.contains("missing: --method <METHOD>") && missing.contains("penny_drop"), "{missing}");
        let mut t = at_terminal(p, "kyc verify asha@acme.in:bank");
        t.exp_string("(method)").expect("the method");
        t.send_line("penny_drop").expect("typed");
        t.exp_string("(amount)").expect("the amount");
        t.send_line("").expect("typed");
        t.exp_string("(reference)").expect("the reference");
        t.send_line("UTR42").expect("typed");
        // Whoever submitted it is told so in the end.
        t.exp_string("another person must verify it").expect("refused");
        assert_eq!(ends(t), 5);
    });
}

/// A sole proprietorship is registered by its proprietor's PAN: whichever of the two comes second contradicts the first.
#[test]
fn a_proprietor_has_one_pan() {
    on_both_engines_with_acme(|p| {
        people(p);
        let own = gstin_of(p, PAN);
        let others = gstin_of(p, "AAPPV8261K");
        assert_ne!(own, others);
        let pan = |user: &str, pan: &str| {
            p.run_with(&format!("kyc submit pan {user} --from -"), format!("{pan}\nname: A RAO"))
        };
        let business = |user: &str, gstin: &str, is: &str| {
            let line = format!("kyc submit business {user} --registration gstin --business-type {is} --from -");
            p.run_with(&line, format!("{gstin}\nname: RAO AND SONS"))
        };
        pan("asha@acme.in", PAN).ok();
        let refused = business("asha@acme.in", &others, "sole_proprietorship").fails(6);
        assert!(refused.contains("is another than that of kyc ASHA22:pan:1"), "{refused}");
        assert!(!refused.contains(PAN) && !refused.contains("AAPPV8261K"), "{refused}");
        business("asha@acme.in", &own, "sole_proprietorship").ok();
        // The other way round, by a draft and by files.
        business("ravi@acme.in", &others, "sole_proprietorship").ok();
        let refused = pan("ravi@acme.in", "AFZPK7190K").fails(6);
        assert!(refused.contains("within the GSTIN of kyc RAV222:business:1"), "{refused}");
        let rows = "user,kind,number,name\nravi@acme.in,pan,AFZPK7190K,Ravi Kumar\n";
        let refused = p.run(&format!("kyc import {}", p.write("pans.csv", rows))).fails(6);
        assert!(
            refused.contains("rejected line 2, number: the PAN is another than that within the GSTIN"),
            "{refused}"
        );
        p.run("user create --user-code DEV222 --name 'Dev Nair' --email dev@acme.in").ok();
        let strangers = gstin_of(p, "BHUPK7190K");
        let rows = format!(
            "user,kind,number,name,business_type\ndev@acme.in,pan,AFZPK7190K,Dev Nair,\ndev@acme.in,business,{strangers},Nair,sole_proprietorship\n"
        );
        let refused = p.run(&format!("kyc import {}", p.write("both.csv", &rows))).fails(6);
        assert!(
            refused.contains("rejected line 3, number: the PAN within the GSTIN is another than that of a row before"),
            "{refused}"
        );
        let rows = rows.replace("sole_proprietorship", "huf");
        assert!(
            p.run(&format!("kyc import {}", p.write("both.csv", &rows)))
                .fails(6)
                .contains("of a person, and the business a huf")
        );
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// A draft is held against what was taken up since it was written.
#[test]
fn a_draft_is_held_against_what_came_since() {
    on_both_engines_with_acme(|p| {
        people(p);
        let others = gstin_of(p, "AAPPV8261K");
        let line = "kyc submit business asha@acme.in --registration gstin --business-type sole_proprietorship --draft --from -";
        p.run_with(line, format!("{others}\nname: RAO AND SONS")).ok();
        p.run_with("kyc submit pan asha@acme.in --from -", format!("{PAN}\nname: ASHA RAO")).ok();
        let refused = p.run("kyc submit business asha@acme.in").fails(6);
        assert!(refused.contains("is another than that of kyc ASHA22:pan:2"), "{refused}");
        p.run("kyc reject asha@acme.in:pan --reason mismatch").ok();
        p.run("kyc submit business asha@acme.in").ok();
        // Nor does what was rejected come back beside it.
        let refused = p.run("kyc reopen asha@acme.in:pan").fails(6);
        assert!(refused.contains("within the GSTIN of kyc ASHA22:business:1"), "{refused}");
        // Two who are to be one are held against each other.
        p.run_with("kyc submit pan ravi@acme.in --from -", format!("{PAN}\nname: RAVI KUMAR")).ok();
        let refused = p.run("user merge ravi@acme.in asha@acme.in --yes").fails(4);
        let told = "kyc RAV222:pan:1 and kyc ASHA22:business:1 tell of two PANs";
        assert!(refused.contains(told) && !refused.contains(PAN), "{refused}");
        p.run("kyc reject ravi@acme.in:pan --reason mismatch").ok();
        p.run("user merge ravi@acme.in asha@acme.in --yes").ok();
        p.run("db check").ok();
    });
}

/// What is odd and no fault is noted, of one and of a file.
#[test]
fn what_is_odd_is_noted() {
    on_both_engines_with_acme(|p| {
        people(p);
        let unknown = "its bank is unknown in the list of";
        let line = "kyc submit bank asha@acme.in --ifsc ZZZZ0000001 --account-type savings --from -";
        let said = p.run_with(line, "000412356789\nname: ASHA RAO");
        assert!(said.err.contains(&format!("note: of the IFSC, {unknown}")), "{}", said.err);
        p.run("kyc reject asha@acme.in:bank --reason mismatch").ok();
        let rows = "user,kind,number,name,ifsc,account_type\nasha@acme.in,bank,000412356780,Asha Rao,ZZZZ0000001,savings\nravi@acme.in,bank,000412356781,Ravi Kumar,ZZZZ0000002,savings\n";
        let said = p.run(&format!("kyc import {}", p.write("banks.csv", rows)));
        assert!(said.err.contains(&format!("note: of the IFSC of 2 rows, {unknown}")), "{}", said.err);
        // What was no paper in force or waiting there is none here.
        let rows = "user,kind,number,name,status\nasha@acme.in,pan,ABMPA3211G,Asha Rao,rejected\nravi@acme.in,pan,AFZPK7190K,Ravi Kumar,draft\n";
        let refused = p.run(&format!("kyc import {}", p.write("pans.csv", rows))).fails(6);
        assert!(refused.matches("is not taken up").count() == 2, "{refused}");
        let rows =
            "user,kind,number,name,is_verified,verified_at\nasha@acme.in,pan,ABMPA3211G,Asha Rao,yes,2024-03-01\n";
        p.run(&format!("kyc import {} --keep-verified", p.write("pans.csv", rows))).ok();
        let note = p.json("kyc show asha@acme.in:pan")["note"].as_str().expect("a note").to_owned();
        assert!(note.ends_with(", and was verified there at 2024-03-01T00:00:00.000000Z"), "{note}");
    });
}

/// Of a business it is asked what it is and by what it is registered; a number that is another's is told at once, and a proprietorship has
/// no owners to ask for.
#[test]
fn a_business_is_asked_for() {
    on_both_engines_with_acme(|p| {
        people(p);
        let own = gstin_of(p, PAN);
        let mut t = at_terminal(p, "kyc submit business asha@acme.in");
        t.exp_string("(registration)").expect("the kind of its number");
        t.send_line("gstin").expect("typed");
        t.exp_string("(business_type)").expect("what it is");
        t.send_line("sole_prop").expect("typed");
        // That of a firm (FACTS.md).
        answers_unseen(&mut t, "GSTIN", "27AAPFU0939F1ZV");
        t.exp_string("the GSTIN is that of a firm").expect("told at once");
        answers_unseen(&mut t, "GSTIN", &own);
        t.exp_string("Name as on the paper").expect("the name");
        t.send_line("RAO AND SONS").expect("typed");
        t.exp_string("Address").expect("the address");
        t.send_line("").expect("typed");
        t.exp_string("submitted kyc ASHA22:business:1").expect("done");
        assert_eq!(ends(t), 0);
        let told = p.json("kyc show asha@acme.in:business");
        assert_eq!(told["business_type"], "sole_proprietorship");
    });
}
