//! Aadhaar numbers that were kept whole are taken out for good: what is left of them, what opens no more, and what else holds.

use std::process::Stdio;

use chrono::NaiveDate;
use orgctl::model::identity::{Number, NumberKind};
use orgctl::model::operator::Operator;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::{int, on, texts};
use crate::sealing::key_file;

/// Numbers of FACTS.md.
const AADHAARS: [&str; 4] = ["999941057058", "999971658847", "234123412346", "999933119405"];
const PAN: &str = "ABMPA3211G";
const ACCOUNT: &str = "000412356789";

fn people(p: &TestEnv) -> String {
    p.run("key init").ok();
    p.run("setting set kyc.aadhaar_storage sealed").ok();
    for (code, name) in
        [("ASHA22", "Asha Rao"), ("RAV222", "Ravi Kumar"), ("DEV222", "Dev Nair"), ("UMA222", "Uma Iyer")]
    {
        let login = name.split(' ').next().expect("a word").to_lowercase();
        p.run(&format!("user create --user-code {code} --name '{name}' --email {login}@acme.in")).ok();
    }
    let notice = p.write("notice.txt", "We keep your Aadhaar number.");
    format!("--from - --consent N1 --notice-file {notice} --given-at 2026-11-20 --channel web --language en")
}

fn shown(p: &TestEnv, user: &str, field: &str) -> crate::harness::Output {
    p.run(&format!("kyc reveal {user} {field} --reason asked --stdout"))
}

fn verified(p: &TestEnv, key: &str) {
    p.by(Operator::new(4321, None, None));
    p.run(&format!("kyc start {key}")).ok();
    p.run(&format!("kyc verify {key} --method manual --note seen")).ok();
    p.by(Operator::new(2001, None, None));
}

/// The numbers as they are kept, and the keys of what people's data are sealed by, in hexadecimal digits.
fn kept(p: &TestEnv, sqlite: &str, postgres: &str) -> Vec<String> {
    texts(p, on(p, sqlite, postgres)).into_iter().map(|row| row[0].to_lowercase()).collect()
}

fn numbers(p: &TestEnv) -> Vec<String> {
    let of = "from kyc where kind = 'aadhaar' and number is not null order by id";
    kept(p, &format!("select hex(number) {of}"), &format!("select encode(number, 'hex') {of}"))
}

fn keys(p: &TestEnv) -> Vec<String> {
    let of = "from wrapped_keys where purpose = 'data' and subject_id is not null order by id";
    kept(p, &format!("select hex(wrapped) {of}"), &format!("select encode(wrapped, 'hex') {of}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect()
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

/// Of one who has two records, of one who was deleted, and beside other papers.
#[test]
fn numbers_are_taken_out_for_good() {
    on_both_engines_with_acme(|p| {
        let consent = people(p);
        p.by(Operator::new(2001, None, None));
        for (user, number) in
            [("asha", AADHAARS[0]), ("asha", AADHAARS[1]), ("ravi", AADHAARS[2]), ("dev", AADHAARS[3])]
        {
            let paper = format!("{number}\nname: {user} of paper\naddress: 42 Crescent\n");
            p.run_with(&format!("kyc submit aadhaar {user}@acme.in {consent}"), paper).ok();
            verified(p, &format!("{user}@acme.in:aadhaar"));
        }
        p.run_with("kyc submit pan asha@acme.in --from -", format!("{PAN}\nname: Asha Rao\n")).ok();
        let bank = "kyc submit bank uma@acme.in --from - --ifsc KARB0000001 --account-type savings";
        p.run_with(bank, format!("{ACCOUNT}\nname: Uma Iyer\n")).ok();
        p.run("user delete dev@acme.in --yes").ok();
        // What a duplicate had opened by a key of its own, in copies that were made before.
        p.run("user create --user-code ASHB22 --name 'Asha Rao' --email asha2@acme.in").ok();
        p.run_with(&bank.replace("uma", "asha2"), "00123456789\nname: Asha Rao\n").ok();
        p.run("user merge asha2@acme.in asha@acme.in --yes").ok();
        p.run("backup create").ok();
        let refused = p.run("setting set kyc.aadhaar_storage reference").fails(4);
        assert!(refused.contains("'orgctl kyc redact' takes out what is there"), "{refused}");
        let page = p.json("doctor").to_string();
        assert!(page.contains("ACME keeps 4 Aadhaar numbers whole, sealed: UIDAI asks"), "{page}");
        let (ciphers, former) = (numbers(p), keys(p));
        assert_eq!((ciphers.len(), former.len()), (4, 5));
        let asked = p.run("kyc redact").fails(2);
        assert!(asked.contains("Take 4 Aadhaar numbers of ACME out for good?"), "{asked}");
        p.run("kyc redact --dry-run").ok();
        assert_eq!(numbers(p), ciphers);
        let done = p.run("kyc redact --yes");
        assert!(done.err.contains("took the numbers out of 4 records of 3 people"), "{}", done.err);
        assert!(done.err.contains("note: 1 archive that was made before holds the numbers still"), "{}", done.err);
        done.ok();
        assert!(p.run("kyc redact --yes").fails(0).contains("nothing to do"));
        // Who made an archive before has the numbers still; one that is made now has none.
        let actor = p.json("audit list --org SYSTEM --action backup")[0]["actor"].as_str().expect("a name").to_owned();
        let exposed = |line: &str| {
            let rows = p.json(&format!("kyc exposure --actor '{actor}' {line}"));
            let rows = rows.as_array().expect("rows").iter();
            let has = rows.filter(|row| row["fields"].to_string().contains("aadhaar.number"));
            has.map(|row| row["user"].as_str().expect("a user").to_owned()).collect::<Vec<_>>()
        };
        let mut whose = exposed("");
        whose.sort();
        assert_eq!(whose, ["ASHA22", "DEV222", "RAV222"]);
        p.wait(7200);
        p.run("backup create").ok();
        assert_eq!(exposed("--since 1h"), Vec::<String>::new());
        // What is left tells, and finds.
        assert_eq!(numbers(p), Vec::<String>::new());
        assert_eq!(p.run("setting get kyc.aadhaar_storage").ok(), "reference\n");
        p.run("setting set kyc.aadhaar_storage sealed").fails(4);
        assert_eq!(p.json("kyc show asha@acme.in:aadhaar")["mask"], "XXXX XXXX 8847");
        assert!(shown(p, "asha@acme.in", "aadhaar").fails(3).contains("has no number"));
        assert_eq!(shown(p, "asha@acme.in", "aadhaar.name").ok(), "asha of paper\n");
        assert_eq!(shown(p, "asha@acme.in", "pan").ok(), format!("{PAN}\n"));
        assert_eq!(shown(p, "asha@acme.in", "bank").ok(), "00123456789\n");
        assert_eq!(shown(p, "uma@acme.in", "bank").ok(), format!("{ACCOUNT}\n"));
        let found = |number: &str| p.run_with("kyc find --kind aadhaar - -o key", number).ok();
        assert_eq!(
            (found(AADHAARS[0]), found(AADHAARS[2])),
            ("ASHA22:aadhaar:1\n".into(), "RAV222:aadhaar:1\n".into())
        );
        let paper = format!("{}\nname: Uma Iyer\n", AADHAARS[2]);
        let line = format!("kyc submit aadhaar uma@acme.in {consent}");
        assert!(p.run_with(&line, &paper).fails(4).contains("a record of somebody else has the same"));
        // Nobody opens what was there: the keys are gone, but for hers who had no Aadhaar.
        let left = keys(p);
        assert_eq!(former.iter().filter(|key| left.contains(key)).count(), 1);
        if p.engine == Engine::Sqlite {
            let file = std::fs::read(p.file()).expect("a file");
            let holds = |hex: &str| {
                let wanted = bytes(hex);
                file.windows(wanted.len()).any(|some| some == wanted)
            };
            assert!(left.iter().all(|key| holds(key)), "the same eyes see what is there");
            assert!(!ciphers.iter().any(|cipher| holds(cipher)), "a number");
            assert!(!former.iter().any(|key| !left.contains(key) && holds(key)), "a key");
        }
        let back = on(p, "number = x'{}'", "number = decode('{}', 'hex')").replace("{}", &ciphers[1]);
        let of = "where kind = 'aadhaar' and state = 'verified' and mask like '%8847'";
        p.sql(&format!("update kyc set {back} {of}")).expect("put back");
        assert!(shown(p, "asha@acme.in", "aadhaar").fails(8).contains("is not there"));
        p.run("audit verify --deep").fails(8);
        p.run("kyc redact --yes").ok();
        assert_eq!(numbers(p), Vec::<String>::new(), "what opens no more is taken out, too");
        let told = p.json("kyc history ASHA22:aadhaar:1");
        let update =
            told.as_array().and_then(|all| all.iter().find(|r| r["details"]["verb"] == "redact")).expect("a record");
        assert_eq!(update["details"]["keys"]["destroyed"].as_array().map(Vec::len), Some(2), "{update}");
        let refused = p.run(&format!("audit revert {} --yes", update["seq"])).fails(4);
        assert!(refused.contains("something sealed became another"), "{refused}");
        p.run("user restore dev@acme.in").ok();
        assert_eq!(shown(p, "dev@acme.in", "aadhaar.address").ok(), "42 Crescent\n");
        let page = p.json("doctor").to_string();
        assert!(page.contains("ACME keeps of 4 Aadhaar numbers the last four digits and a keyed hash"), "{page}");
        all_is_well(p);
        p.run("key reencrypt").ok();
        assert_eq!(found(AADHAARS[1]), "ASHA22:aadhaar:2\n");
        all_is_well(p);
    });
}

/// Valid numbers, one after the other.
fn some(n: usize) -> Vec<String> {
    let is = |text: &str| Number::read(NumberKind::Aadhaar, text, NaiveDate::MIN).is_ok();
    let of =
        |base: usize| (0..10).map(|check| format!("{}{check}", 70_000_000_000_usize + 7 * base)).find(|text| is(text));
    (1..).filter_map(of).take(n).collect()
}

/// Killed in the middle it leaves a state that only leads on: nothing whole comes in, and nothing goes back.
#[test]
fn a_killed_redaction_goes_on() {
    on_both_engines_with_acme(|p| {
        let consent = people(p);
        let rows: String = (0..600).map(|n| format!("U{n:05},u{n}\n")).collect();
        p.run(&format!("user import {}", p.write("people.csv", format!("user_code,name\n{rows}")))).ok();
        let rows: String = some(600).iter().enumerate().map(|(n, a)| format!("U{n:05},{a},u{n}\n")).collect();
        let file = p.write("in.csv", format!("user,aadhaar_number,aadhaar_name\n{rows}"));
        let consents = consent.replace("--from - ", "");
        p.run(&format!("kyc import {file} {consents}")).ok();
        let left = || int(p, "select count(*) from kyc where kind = 'aadhaar' and number is not null");
        assert_eq!(left(), 600);
        let mut child =
            p.spawn("kyc redact --yes").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("orgctl runs");
        let since = std::time::Instant::now();
        while left() == 600 && since.elapsed().as_secs() < 60 {}
        child.kill().expect("killed");
        child.wait().expect("ended");
        let n = left();
        assert!(n > 0 && n < 600, "{n}");
        let page = p.json("doctor").to_string();
        assert!(page.contains(&format!("{n} Aadhaar numbers are there whole: a redaction did not end")), "{page}");
        p.run("setting set kyc.aadhaar_storage sealed").fails(4);
        p.run_with(&format!("kyc submit aadhaar asha@acme.in {consent}"), format!("{}\nname: Asha\n", AADHAARS[0]))
            .ok();
        assert_eq!(left(), n, "nothing whole comes in");
        all_is_well(p);
        let said = p.run("kyc redact --yes");
        assert!(said.err.contains("going on with ACME, which was begun before"), "{}", said.err);
        assert!(said.err.contains(&format!("took the numbers out of {n} records of {n} people")), "{}", said.err);
        said.ok();
        assert_eq!(left(), 0);
        assert_eq!(shown(p, "u00000", "aadhaar.name").code, 0);
        all_is_well(p);
    });
}

/// Who may redact may do so where the whole organisation is told, and changes a setting besides.
#[test]
fn it_is_asked_who_takes_numbers_out() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    people(&p);
    p.run("role create --code KEEPER --name Keeper").ok();
    p.run("role assign KEEPER asha@acme.in").ok();
    p.run("kyc redact --yes --as asha@acme.in").fails(5);
    p.run("role grant KEEPER kyc:read kyc:redact").ok();
    p.run("kyc redact --yes --as asha@acme.in").fails(5);
    p.run("role grant KEEPER settings:update").ok();
    p.run("kyc redact --yes --as asha@acme.in").ok();
    assert_eq!(p.run("setting get kyc.aadhaar_storage").ok(), "reference\n");
    p.run("setting set kyc.aadhaar_storage sealed").ok();
    p.run("setting reset kyc.aadhaar_storage").ok();
    assert!(p.run("kyc redact --yes").fails(4).contains("it is not chosen yet"));
}

/// A database that was restored names the archive that it came from, which no catalogue there has.
#[test]
fn a_restored_database_names_its_archive() {
    on_both_engines_with_acme(|p| {
        let consent = people(p);
        let paper = format!("{}\nname: Asha Rao\n", AADHAARS[0]);
        p.run_with(&format!("kyc submit aadhaar asha@acme.in {consent}"), paper).ok();
        let archive = p.path("whole.tar").display().to_string();
        p.run(&format!("backup create --to {archive}")).ok();
        let id = p.json(&format!("backup show {archive}"))["id"].as_str().expect("an id").to_owned();
        let there = TestEnv::new(p.engine);
        p.run(&format!("backup restore {archive} --into {}", there.url)).ok();
        let key = key_file(&there);
        std::fs::create_dir_all(key.parent().expect("a folder")).expect("a folder");
        std::fs::copy(key_file(p), key).expect("the master key");
        let done = there.run("kyc redact --yes --org ACME -o json");
        let named = format!("the archive {id}, from which this database was restored, holds the numbers");
        assert!(done.err.contains(&named), "{}", done.err);
        assert_eq!(done.json()["restored_from"], serde_json::json!([id]));
    });
}
