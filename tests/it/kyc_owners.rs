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

/// Rows of a file name them as 'kyc submit' reads them, and are held to the same rules.
#[test]
fn owners_come_by_a_file() {
    on_both_engines_with_acme(|p| {
        people(p);
        let header = "user,business_name,business_type,registration_number,owners\n";
        let row = |owners: &str| format!("{header}asha@acme.in,Acme LLP,llp,{GSTIN},\"{owners}\"\n");
        let line = |name: &str, text: String| format!("kyc import {} --kind business", p.write(name, text));
        let (one, two) = (format!("{NAME}; 60; {}", PANS[0]), format!("Uma; 40.5; {}", PANS[1]));
        for (owners, why) in [
            (format!("{one} | {two}"), "owners: the shares of the owners come to 100.50, more than 100"),
            (format!("{one}|{one}"), "owners: owner 2 has the PAN of another one"),
            (format!("{one} | Uma"), "owners: owner 2 names no owner"),
            ("Uma; 10; AFZPK7190".to_owned(), "owners: the PAN of owner 1 must have five letters"),
            ("[{}]".to_owned(), "owners: the owners are no list of objects"),
        ] {
            let said = p.run(&line("bad.csv", row(&owners))).fails(6);
            assert!(said.contains(why), "{owners}: {said}");
            assert!(!said.contains("7190") && !said.contains(NAME), "{said}");
        }
        let alone = format!("{header}asha@acme.in,Acme,sole_proprietorship,UDYAM-MH-26-0123456,{one}\n");
        let said = p.run(&line("bad.csv", alone)).fails(6);
        assert!(said.contains("a sole_proprietorship is its proprietor's own"), "{said}");
        let pan = format!("user,number,name,owners\nasha@acme.in,{},A,{one}\n", PANS[2]);
        let said = p.run(&format!("kyc import {} --kind pan", p.write("bad.csv", pan))).fails(6);
        assert!(said.contains("owners is nothing that pan has"), "{said}");
        assert_eq!(int(p, "select count(*) from kyc_owners"), 0);
        let loaded = line("in.csv", row(&format!("{one} | Uma Iyer; 33.34; {}", PANS[1])));
        p.run(&format!("{loaded} --dry-run")).ok();
        assert_eq!(int(p, "select count(*) from kyc_owners"), 0);
        p.run(&loaded).ok();
        let json = format!(
            "[{{\"user\":\"ravi@acme.in\",\"name\":\"Ravi & Co\",\"business_type\":\"private_limited\",\"number\":\"U12345MH2020PTC123456\",\"owners\":[{{\"name\":\"A | B\",\"share\":85.5,\"pan\":\"{}\"}}]}}]",
            PANS[0]
        );
        p.run(&format!("kyc import {} --kind business", p.write("in.json", json))).ok();
        assert_eq!(p.json("kyc show asha@acme.in:business")["owners"], "60% ABMPAXXXXG; 33.34% AFZPKXXXXK");
        assert_eq!(p.json("kyc show ravi@acme.in:business")["owners"], "85.5% ABMPAXXXXG");
        assert_eq!(reveal(p, "asha@acme.in", "owner.2.name").ok(), "Uma Iyer\n");
        let found = p.run_with("kyc find --kind pan - -o json", PANS[0]).json();
        assert_eq!(found.as_array().map(Vec::len), Some(2), "{found}");
        p.run("user delete asha@acme.in --yes").ok();
        assert_eq!(int(p, "select count(*) from kyc_owners where deleted_at is null"), 1);
        p.run("user restore asha@acme.in").ok();
        all_is_well(p);
    });
}

/// They are in what is exported, sealed or in clear, and come in again from there.
#[test]
fn owners_are_exported_with_their_business() {
    on_both_engines_with_acme(|p| {
        people(p);
        let there = p.copy();
        std::fs::create_dir_all(there.path("home/.config/orgctl")).expect("a folder");
        let key = |p: &TestEnv| p.path("home/.config/orgctl/master.key");
        std::fs::copy(key(p), key(&there)).expect("the key");
        let owners = [format!("{NAME}; 60; {}", PANS[0]), format!("Uma Iyer; 33.34; {}", PANS[1])];
        p.run_with(LINE, paper(&[&owners[0], &owners[1]])).ok();
        let file = |name: &str| p.path(name).display().to_string();
        let (papers, keys) = (file("papers.csv"), file("keys.jsonl"));
        let said = p.run(&format!("kyc export --sealed {papers}"));
        assert!(!said.err.contains("is not in the file"), "{}", said.err);
        said.ok();
        let text = p.read("papers.csv");
        assert!(!text.contains(NAME) && !text.contains(PANS[0]) && text.contains("owners_sealed"), "{text}");
        let told = p.json("audit list --action export --resource kyc --status success");
        assert!(told[0]["details"]["fields"].to_string().contains("owner.number"), "{told}");
        p.run(&format!("key export {keys} --organisation ACME")).ok();
        let refused = there.run(&format!("kyc import {papers}")).fails(6);
        assert!(refused.contains("is not here: 'orgctl key import' brings the keys"), "{refused}");
        there.run(&format!("key import {keys}")).ok();
        there.run(&format!("kyc import {papers}")).ok();
        assert!(there.run(&format!("kyc import {papers}")).fails(6).contains("is there already"));
        let ids = "select count(*) from kyc_owners where deleted_at is null";
        assert_eq!(int(&there, ids), 2);
        assert_eq!(there.json("kyc show asha@acme.in:business")["owners"], "60% ABMPAXXXXG; 33.34% AFZPKXXXXK");
        assert_eq!(reveal(&there, "asha@acme.in", "owner.1.name").ok(), format!("{NAME}\n"));
        all_is_well(&there);
        // In clear, from which it is taken up where it is not.
        let clear = file("clear.csv");
        p.run(&format!("kyc export --reveal {clear} --reason asked")).ok();
        assert!(p.read("clear.csv").contains(&format!("{NAME}; 60.00; {} | Uma Iyer; 33.34; {}", PANS[0], PANS[1])));
        let shown = p.json("kyc export --reveal --stdout --reason asked");
        assert_eq!(shown[0]["owners"][1]["pan"], PANS[1], "{shown}");
        let json = p.write("clear.json", shown.to_string());
        p.run("kyc reject asha@acme.in:business --reason incomplete").ok();
        for clear in [&clear, &json] {
            p.run(&format!("kyc import {clear}")).ok();
            assert_eq!(reveal(p, "asha@acme.in", "owner.2.pan").ok(), format!("{}\n", PANS[1]));
            p.run("kyc reject asha@acme.in:business --reason incomplete").ok();
        }
        let exposed = p.json(&format!("kyc exposure --actor {}", told[0]["actor"].as_str().expect("a name")));
        assert!(exposed[0]["fields"].to_string().contains("owner.name owner.number"), "{exposed}");
        all_is_well(p);
    });
}
