//! Papers before they are submitted, and when their time has passed; where a case belongs.

use orgctl::model::operator::Operator;

use crate::harness::{TestEnv, on_both_engines_with_acme};
use crate::raw::int;

const PAN: &str = "AAPPV8261K\nname: ASHA RAO\n";
const OTHER_PAN: &str = "ABMPA3211G\nname: ASHA RAO\n";

fn people(p: &TestEnv) {
    p.by(Operator::new(2001, None, None));
    p.run("key init").ok();
    p.run("setting set kyc.aadhaar_storage sealed").ok();
    p.run("branch create --code MUM01 --name Mumbai").ok();
    p.run("user create --user-code ASHA22 --name 'Asha Rao' --email asha@acme.in --branch MUM01").ok();
    p.run("user create --user-code RAV222 --name 'Ravi Kumar' --email ravi@acme.in").ok();
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

fn reveal(p: &TestEnv, key: &str, field: &str) -> String {
    p.run(&format!("kyc reveal {key} {field} --reason asked --stdout")).ok()
}

/// What a draft says is another thing until it is submitted, and none after.
#[test]
fn a_draft_is_written_anew_until_it_is_submitted() {
    on_both_engines_with_acme(|p| {
        people(p);
        let said = p.run_with("kyc submit pan asha@acme.in --draft --from -", OTHER_PAN);
        assert!(said.err.contains("kept as a draft kyc ASHA22:pan:1 (ABMPAXXXXG)"), "{}", said.err);
        said.ok();
        assert_eq!(p.column("kyc list", "key"), Vec::<String>::new(), "nobody is to look at it");
        for line in ["kyc start ASHA22:pan:1", "kyc reject ASHA22:pan:1 --reason mismatch", "kyc claim ASHA22:pan:1"] {
            assert_ne!(p.run(line).code, 0, "{line}");
        }
        assert_eq!(p.json("kyc status asha@acme.in")["kinds"][1]["status"], "draft");
        // Another's number is refused, here as there.
        p.run_with("kyc submit pan ravi@acme.in --from -", "AFZPK7190K\nname: RAVI KUMAR\n").ok();
        let said = p.run_with("kyc submit pan asha@acme.in --draft --from -", "AFZPK7190K\nname: A\n").fails(4);
        assert!(said.contains("a record of somebody else has the same PAN"), "{said}");
        p.run_with("kyc submit pan asha@acme.in --draft --from -", format!("{PAN}father_name: R RAO\n")).ok();
        let told = p.json("kyc show ASHA22:pan:1");
        assert_eq!(
            (&told["status"], &told["mask"], &told["submitted_at"]),
            (&"draft".into(), &"AAPPVXXXXK".into(), &().into())
        );
        assert_eq!(reveal(p, "ASHA22:pan:1", "father_name"), "R RAO\n");
        p.run_with("kyc submit pan asha@acme.in --draft --from -", PAN).ok();
        let gone = p.run("kyc reveal ASHA22:pan:1 father_name --reason asked --stdout").fails(3);
        assert!(gone.contains("has no father_name"), "{gone}");
        p.run("kyc submit pan asha@acme.in --dry-run").ok();
        assert_eq!(p.json("kyc show ASHA22:pan:1")["status"], "draft");
        let said = p.run("kyc submit pan asha@acme.in");
        assert!(
            said.err.contains("submitted kyc ASHA22:pan:1 (AAPPVXXXXK), as it was kept as a draft"),
            "{}",
            said.err
        );
        said.ok();
        let told = p.json("kyc list");
        assert_eq!((&told[0]["key"], &told[0]["branch"]), (&"RAV222:pan:1".into(), &().into()));
        assert_eq!((&told[1]["key"], &told[1]["branch"]), (&"ASHA22:pan:1".into(), &"MUM01".into()));
        assert_eq!(reveal(p, "asha@acme.in", "pan"), "AAPPV8261K\n");
        // Who submitted it can't verify it, whoever wrote the draft.
        p.run("kyc start asha@acme.in:pan").ok();
        p.run("kyc verify asha@acme.in:pan --method manual --note seen").fails(5);
        // A draft waits beside it, and is not submitted beside it.
        p.run_with("kyc submit pan asha@acme.in --draft --from -", OTHER_PAN).ok();
        assert!(p.run("kyc submit pan asha@acme.in").fails(4).contains("kyc ASHA22:pan:1 waits already"));
        let mut told = p.json("kyc history ASHA22:pan:1").as_array().cloned().expect("records");
        told.retain(|record| record["status"] == "success" && record["action"] != "reveal");
        let actions: Vec<&str> = told.iter().filter_map(|record| record["action"].as_str()).collect();
        assert_eq!(actions, ["create", "update", "update", "kyc_submit", "update"]);
        all_is_well(p);
    });
}

/// An Aadhaar is kept as a draft without a consent, and submitted with one; a business with other owners than before.
#[test]
fn a_draft_lacks_what_it_is_submitted_with() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.run_with("kyc submit aadhaar asha@acme.in --draft --from -", "999941057058\nname: Asha Rao\n").ok();
        assert!(p.run("kyc submit aadhaar asha@acme.in").fails(6).contains("only with a consent"));
        let notice = p.write("notice.txt", "We keep your Aadhaar number.");
        let consent = format!("--consent N1 --notice-file {notice} --given-at 2026-11-20 --channel web --language en");
        p.run(&format!("kyc submit aadhaar asha@acme.in {consent}")).ok();
        assert_eq!(p.json("kyc show asha@acme.in:aadhaar")["consent"], "ASHA22:1");
        let business = "kyc submit business asha@acme.in --registration gstin --business-type llp --from -";
        let paper = |owner: &str| format!("27AAPFU0939F1ZV\nname: Acme LLP\nowner: {owner}\n");
        p.run_with(&format!("{business} --draft"), paper("Uma; 60; AFZPK7190K")).ok();
        p.run_with(business, paper("Uma; 70; ABMPA3211G")).ok();
        assert_eq!(p.json("kyc show asha@acme.in:business")["owners"], "70% ABMPAXXXXG");
        p.run_with("kyc find --kind pan -", "AFZPK7190K").fails(3);
        all_is_well(p);
    });
}

/// What holds until a day is in force on that day, and not on the next.
#[test]
fn a_record_is_in_force_until_its_last_day() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.run_with("kyc submit pan asha@acme.in --from -", PAN).ok();
        p.run("kyc risk set high asha@acme.in:pan").ok();
        p.run("kyc start asha@acme.in:pan").ok();
        p.by(Operator::new(2002, None, None));
        p.run("kyc verify asha@acme.in:pan --method manual --note seen").ok();
        assert_eq!(p.json("kyc show asha@acme.in:pan")["valid_until"], "2028-11-21");
        assert!(p.run("kyc expire").fails(0).contains("no record in force has passed its last day"));
        p.wait(731 * 86_400);
        assert_eq!(p.run("kyc expire --yes -o json").json()["expired"], 0);
        p.wait(86_400);
        assert_eq!(p.run("kyc expire --yes --dry-run -o json").json()["expired"], 1);
        assert_eq!(p.json("user show asha@acme.in")["pan_verified"], true);
        assert!(p.run("kyc expire --yes").fails(0).contains("ended 1 record"));
        assert_eq!(p.json("user show asha@acme.in")["pan_verified"], false);
        assert_eq!(p.json("kyc show ASHA22:pan:1")["status"], "expired");
        assert!(p.run("kyc expire").fails(0).contains("no record in force"));
        p.run_with("kyc submit pan asha@acme.in --from -", PAN).ok();
        all_is_well(p);
    });
}

/// Who wrote a draft is the one who says what stands on the paper: nobody submits it for him or her, to have it verified by its writer.
#[test]
fn a_draft_is_its_writers() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.run_with("kyc submit pan asha@acme.in --draft --from -", PAN).ok();
        p.by(Operator::new(2002, None, None));
        let refused = p.run("kyc submit pan asha@acme.in").fails(4);
        assert!(refused.contains("kyc ASHA22:pan:1 was written by somebody else"), "{refused}");
        p.run_with("kyc submit pan asha@acme.in --from -", PAN).ok();
        p.run("kyc start asha@acme.in:pan").ok();
        p.run("kyc verify asha@acme.in:pan --method manual --note seen").fails(5);
        p.by(Operator::new(2001, None, None));
        p.run("kyc verify asha@acme.in:pan --method manual --note seen").ok();
        // One account more of the same person hides none of them.
        p.run_with("kyc submit pan ravi@acme.in --draft --from -", OTHER_PAN).ok();
        p.by(Operator::new(2003, Some("2001"), None));
        p.run("kyc submit pan ravi@acme.in").ok();
        assert_eq!(p.json("kyc show ravi@acme.in:pan")["submitted_operator"], "2001 2003");
        // A consent was given before anything was kept, and is there still.
        p.run_with("kyc submit aadhaar asha@acme.in --draft --from -", "999941057058\nname: Asha Rao\n").ok();
        p.wait(2 * 86_400);
        let notice = p.write("notice.txt", "We keep your Aadhaar number.");
        let consent = |day: &str| {
            format!("--consent N1 --notice-file {notice} --given-at 2026-11-{day} --channel web --language en")
        };
        p.run(&format!("kyc submit aadhaar asha@acme.in {}", consent("22"))).fails(6);
        p.run(&format!("kyc submit aadhaar asha@acme.in {}", consent("20"))).ok();
        all_is_well(p);
    });
}

/// Whoever wrote a draft throws it away; nothing of it is left, and no key where nothing else of the person is sealed.
#[test]
fn a_draft_is_thrown_away_by_its_writer() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.run("kyc discard asha@acme.in:pan --yes").fails(3);
        let business = "kyc submit business asha@acme.in --registration gstin --business-type llp --from -";
        let paper = "27AAPFU0939F1ZV\nname: Acme LLP\nowner: Uma; 60; AFZPK7190K\n";
        p.run_with(&format!("{business} --draft"), paper).ok();
        p.run_with(&format!("{business} --draft"), paper).ok();
        p.run_with("kyc submit pan asha@acme.in --draft --from -", PAN).ok();
        p.run_with("kyc submit pan ravi@acme.in --from -", OTHER_PAN).ok();
        assert!(p.run("kyc discard ravi@acme.in:pan --yes").fails(3).contains("has no draft of pan"));
        let said = p.run("kyc discard RAV222:pan:1 --yes").fails(4);
        assert!(said.contains("kyc RAV222:pan:1 is submitted: only a draft is thrown away"), "{said}");
        p.by(Operator::new(2002, None, None));
        let said = p.run("kyc discard asha@acme.in:pan --yes").fails(4);
        assert!(said.contains("kyc ASHA22:pan:2 was written by somebody else"), "{said}");
        p.by(Operator::new(2001, None, None));
        assert!(p.run("kyc discard asha@acme.in:pan").fails(2).contains("this needs a confirmation"));
        p.run("kyc discard asha@acme.in:pan --dry-run").ok();
        let of_asha = "from wrapped_keys where purpose = 'data' and subject_id in (select id from users where user_code = 'ASHA22')";
        let keys = || int(p, &format!("select count(*) {of_asha}"));
        assert_eq!((int(p, "select count(*) from kyc"), keys()), (3, 1));
        let said = p.run("kyc discard asha@acme.in:pan --yes");
        assert!(said.err.contains("threw kyc ASHA22:pan:2 away"), "{}", said.err);
        said.ok();
        assert_eq!((int(p, "select count(*) from kyc"), keys()), (2, 1), "the business is sealed by it");
        assert_eq!(int(p, "select count(*) from kyc_owners"), 2, "one of what was written before");
        assert_eq!(p.run("kyc discard ASHA22:business:1 --yes -o json").json()["discarded"], 1);
        assert_eq!((int(p, "select count(*) from kyc"), keys()), (1, 0));
        assert_eq!(int(p, "select count(*) from kyc_owners"), 0);
        assert!(p.run("kyc discard ASHA22:business:1 --yes").fails(3).contains("ASHA22:business:1"));
        let told = p.json("audit list --action purge --resource kyc --status success");
        assert!(told.to_string().contains("destroyed"), "{told}");
        all_is_well(p);
        // What comes after gets a key of its own.
        p.run_with("kyc submit pan asha@acme.in --from -", PAN).ok();
        assert_eq!(p.json("kyc show asha@acme.in:pan")["key"], "ASHA22:pan:1");
        assert_eq!((reveal(p, "asha@acme.in", "pan"), keys()), ("AAPPV8261K\n".to_owned(), 1));
        all_is_well(p);
    });
}
