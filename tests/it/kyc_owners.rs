//! Who owns a business beneficially: how it is given, what is refused, who is shown it, and what becomes of it with the business.

use crate::harness::{TestEnv, on_both_engines_with_acme};
use crate::raw::int;

/// Numbers of FACTS.md.
const GSTIN: &str = "27AAPFU0939F1ZV";
const PANS: [&str; 3] = ["ABMPA3211G", "AFZPK7190K", "AAPPV8261K"];
const NAME: &str = "Zebulon Quillfeather";

fn people(p: &TestEnv) {
    p.run("key init").ok();
    p.run("setting set kyc.aadhaar_storage sealed").ok();
    for (code, name) in [("ASHA22", "Asha Rao"), ("RAV222", "Ravi Kumar")] {
        let login = name.split(' ').next().expect("a word").to_lowercase();
        p.run(&format!("user create --user-code {code} --name '{name}' --email {login}@acme.in")).ok();
    }
}

const LINE: &str = "kyc submit business asha@acme.in --registration gstin --business-type llp --from -";

fn paper(owners: &[&str]) -> String {
    let owners: String = owners.iter().map(|owner| format!("owner: {owner}\n")).collect();
    format!("{GSTIN}\nname: Acme LLP\n{owners}")
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

fn reveal(p: &TestEnv, user: &str, field: &str) -> crate::harness::Output {
    p.run(&format!("kyc reveal {user} {field} --reason asked --stdout"))
}

#[test]
fn owners_are_held_against_the_rules() {
    on_both_engines_with_acme(|p| {
        people(p);
        let (one, two) = (format!("{NAME}; 60; {}", PANS[0]), format!("Uma; 40.5; {}", PANS[1]));
        for (owners, why) in [
            (&[&*one, &*two][..], "the shares of the owners come to 100.50, more than 100"),
            (&[&*one, &*one], "owner 2 has the PAN of another one"),
            (&["Uma; 0; AFZPK7190K"], "the share of owner 1 must be a percentage like 60 or 33.34"),
            (&["Uma; most; AFZPK7190K"], "the share of owner 1 must be a percentage"),
            (&["Uma; 10; AFZPK7190"], "the PAN of owner 1 must have five letters"),
            (&["; 10; AFZPK7190K"], "the name of owner 1 is missing"),
            (&["Uma"], "line 3 names no owner"),
        ] {
            let said = p.run_with(LINE, paper(owners)).fails(6);
            assert!(said.contains(why), "{owners:?}: {said}");
            assert!(!said.contains("7190") && !said.contains(NAME), "{said}");
        }
        let said = p
            .run_with("kyc submit pan asha@acme.in --from -", format!("{}\nname: A\nowner: {one}\n", PANS[2]))
            .fails(6);
        assert!(said.contains("line 3 names nothing that pan has"), "{said}");
        let alone = LINE.replace(
            "--registration gstin --business-type llp",
            "--registration udyam --business-type sole_proprietorship",
        );
        let said = p.run_with(&alone, format!("UDYAM-MH-26-0123456\nname: Acme\nowner: {one}\n")).fails(6);
        assert!(said.contains("a sole_proprietorship is its proprietor's own"), "{said}");
        for json in [
            r#"{"number":"27AAPFU0939F1ZV","name":"Acme","owners":["Uma"]}"#,
            r#"{"number":"27AAPFU0939F1ZV","name":"Acme","owners":[{"name":"Uma"}]}"#,
        ] {
            assert!(p.run_with(LINE, json).fails(6).contains("the owners are no list of objects"));
        }
        let json = format!(
            r#"{{"number":"{GSTIN}","name":"Acme LLP","owners":[{{"name":"{NAME}","share":85.5,"pan":"{}"}},{{"name":"Uma","share":"10","pan":"{}"}}]}}"#,
            PANS[0], PANS[1]
        );
        let said = p.run_with(LINE, json);
        assert!(said.err.contains("note: of the owners 1 have not more than 10 %"), "{}", said.err);
        let master = p.json("key status")["wanted"].as_str().expect("a key").to_owned();
        let fields = p.json(&format!("kyc exposure --key {master}"))[0]["fields"].to_string();
        assert!(fields.contains("business.owner.name business.owner.number"), "{fields}");
        said.ok();
        assert_eq!(p.json("kyc show asha@acme.in:business")["owners"], "85.5% ABMPAXXXXG; 10% AFZPKXXXXK");
        all_is_well(p);
    });
}

/// They are sealed under the key of who submitted the business, found by the PAN, shown one at a time, and go where the business goes.
#[test]
fn owners_go_with_their_business() {
    on_both_engines_with_acme(|p| {
        people(p);
        let owners = [format!("{NAME}; 60; {}", PANS[0]), format!("Uma Iyer; 33.34; {}", PANS[1])];
        p.run_with(LINE, paper(&[&owners[0], &owners[1]])).ok();
        p.run_with("kyc submit pan ravi@acme.in --from -", format!("{}\nname: Ravi\n", PANS[1])).ok();
        let shown = "60% ABMPAXXXXG; 33.34% AFZPKXXXXK";
        assert_eq!(p.json("kyc show asha@acme.in:business")["owners"], shown);
        let find = |pan: &str| p.run_with("kyc find --kind pan - -o json", pan).json();
        let found = find(PANS[1]);
        let told: Vec<_> = found
            .as_array()
            .expect("rows")
            .iter()
            .map(|r| (r["key"].clone(), r["kind"].clone(), r["mask"].clone()))
            .collect();
        assert_eq!(
            told,
            [
                ("RAV222:pan:1".into(), "pan".into(), "AFZPKXXXXK".into()),
                ("ASHA22:business:1".into(), "owner".into(), "33.34% AFZPKXXXXK".into())
            ]
        );
        for (field, value) in [("owner.1.pan", PANS[0]), ("business.owner.1.name", NAME), ("owner.2.name", "Uma Iyer")]
        {
            assert_eq!(reveal(p, "asha@acme.in", field).ok(), format!("{value}\n"));
        }
        assert!(reveal(p, "asha@acme.in", "owner.3.pan").fails(3).contains("has no owner 3"));
        assert!(reveal(p, "asha@acme.in", "owner.x").fails(2).contains("owner.1.pan, owner.1.name"));
        let exposed = p.json(&format!(
            "kyc exposure --actor {}",
            p.json("audit list --action reveal --status success")[0]["actor"].as_str().expect("a name")
        ));
        assert_eq!(exposed[0]["fields"], "business.owner.1.name business.owner.1.number business.owner.2.name");
        // Nothing of it stands in clear.
        for line in ["audit export -o ndjson --org ACME", "kyc export -o json", "user dossier asha@acme.in -o json"] {
            let said = p.run(line).ok();
            assert!(!said.contains(NAME) && !said.contains("3211") && !said.contains("7190"), "{line}: {said}");
        }
        p.run("key reencrypt").ok();
        assert_eq!(find(PANS[0])[0]["key"], "ASHA22:business:1");
        // Of two who are one they are of who stays.
        p.run("user merge asha@acme.in ravi@acme.in --yes").ok();
        p.sql("delete from wrapped_keys where subject_id in (select id from users where user_code = 'ASHA22')")
            .expect("gone");
        assert_eq!(reveal(p, "ravi@acme.in", "owner.2.name").ok(), "Uma Iyer\n");
        assert_eq!(reveal(p, "ravi@acme.in", "owner.1.pan").ok(), format!("{}\n", PANS[0]));
        assert_eq!(p.json("kyc show ravi@acme.in:business")["owners"], shown);
        all_is_well(p);
        // Taking an Aadhaar's number out seals them anew.
        let notice = p.write("notice.txt", "We keep your Aadhaar number.");
        let consent = format!("--consent N1 --notice-file {notice} --given-at 2026-11-20 --channel web --language en");
        p.run_with(&format!("kyc submit aadhaar ravi@acme.in --from - {consent}"), "999941057058\nname: Ravi\n").ok();
        p.run("kyc redact --yes").ok();
        assert_eq!(reveal(p, "ravi@acme.in", "owner.1.name").ok(), format!("{NAME}\n"));
        assert_eq!(int(p, "select count(*) from kyc_owners where deleted_at is null"), 2);
        p.run("user delete ravi@acme.in --yes").ok();
        assert_eq!(int(p, "select count(*) from kyc_owners where deleted_at is null"), 0);
        p.run_with("kyc find --kind pan -", PANS[0]).fails(3);
        p.run("user restore ravi@acme.in").ok();
        assert_eq!(find(PANS[0])[0]["kind"], "owner");
        all_is_well(p);
    });
}
