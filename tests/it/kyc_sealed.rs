//! What of papers is sealed: that it stands nowhere in clear, where it opens, who is shown it, and how it comes by a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use orgctl::model::operator::Operator;

use crate::harness::{Engine, Output, TestEnv, on_both_engines_with_acme};
use crate::network::{Seen, relay};

/// Numbers of FACTS.md, and names that nobody has besides.
const PAN: &str = "ABMPA3211G";
const AADHAAR: &str = "999941057058";
const ACCOUNT: &str = "000412356789";
const GSTIN: &str = "27AAPFU0939F1ZV";
const OTHER_PAN: &str = "AFZPK7190K";
const NAME: &str = "Zebulon Quillfeather";
const FATHER: &str = "Ozymandias Quillfeather";
const ADDRESS: &str = "42 Wisteria Crescent";
const ANSWER: &str = "zqx-answer-of-nsdl";

fn people(p: &TestEnv) {
    p.run("key init").ok();
    p.run("setting set kyc.aadhaar_storage sealed").ok();
    for (code, name) in [("ASHA22", "Asha Rao"), ("RAV222", "Ravi Kumar"), ("DEV222", "Dev Nair")] {
        let login = name.split(' ').next().expect("a word").to_lowercase();
        p.run(&format!("user create --user-code {code} --name '{name}' --email {login}@acme.in")).ok();
    }
}

#[track_caller]
fn submit(p: &TestEnv, line: &str, paper: &str) {
    p.run_with(&format!("kyc submit {line} --from -"), paper).ok();
}

/// Everything that is said while commands are run, and that a server was sent.
struct Listening<'a> {
    p: &'a TestEnv,
    env: BTreeMap<String, String>,
    sent: Arc<Mutex<Vec<u8>>>,
    said: Mutex<String>,
}

impl<'a> Listening<'a> {
    fn to(p: &'a TestEnv) -> Listening<'a> {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&sent);
        let env = match p.engine {
            Engine::Sqlite => p.env.clone(),
            Engine::Postgres => relay(p, move |what| {
                if let Seen::ToServer(bytes) = what {
                    kept.lock().expect("bytes").extend(bytes);
                }
            }),
        };
        Listening { p, env, sent, said: Mutex::default() }
    }

    fn run(&self, line: &str) -> Output {
        let said = self.p.run_with_env(line, &self.env, false);
        self.said.lock().expect("words").push_str(&format!("{line}\n{}{}", said.out, said.err));
        said
    }
}

/// All bytes of a folder but for what is given to commands.
fn bytes_of(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry")) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            bytes_of(&path, into);
        } else if !name.starts_with("in-") {
            into.push((name, std::fs::read(&path).unwrap_or_default()));
        }
    }
}

/// Nothing that is sealed stands in the database, its log, archives, exports, the trail, or anything that is said; nor is it sent to
/// a server, whose log and write-ahead log so can't hold it.
#[test]
fn what_is_sealed_stands_nowhere_in_clear() {
    on_both_engines_with_acme(|p| {
        people(p);
        let pan = p.write("in-pan", format!("{PAN}\nname: {NAME}\nfather_name: {FATHER}\ndob: 1971-03-17\n"));
        let aadhaar = p.write("in-aadhaar", format!("{AADHAAR}\nname: {NAME}\naddress: {ADDRESS}\n"));
        let bank = p.write("in-bank", format!("{ACCOUNT}\nname: {NAME}\n"));
        let business = p.write("in-business", format!("{GSTIN}\nname: {NAME}\naddress: {ADDRESS}\n"));
        let answer = p.write("in-answer", format!("{{\"status\": \"ok\", \"ref\": \"{ANSWER}\"}}"));
        let rows = p.write("in-rows.csv", format!("user,pan_number,pan_name\nravi@acme.in,{OTHER_PAN},{FATHER}\n"));
        let bad = p.write("in-bad.csv", format!("user,pan_number,pan_name\ndev@acme.in,{PAN}X,{FATHER}\n"));
        let notice = p.write("notice.txt", "We keep your Aadhaar number.");
        let consent =
            format!("--consent NOTICE1 --notice-file {notice} --given-at 2026-11-20 --channel web --language en");
        let all = Listening::to(p);
        all.run(&format!("kyc submit pan asha@acme.in --from {pan}")).ok();
        all.run(&format!("kyc submit aadhaar asha@acme.in --from {aadhaar}")).fails(6);
        all.run(&format!("kyc submit aadhaar asha@acme.in --from {aadhaar} {consent}")).ok();
        all.run(&format!("kyc submit bank asha@acme.in --from {bank} --ifsc KARB0000001 --account-type savings")).ok();
        let business =
            format!("kyc submit business asha@acme.in --from {business} --registration gstin --business-type llp");
        all.run(&business).ok();
        all.run(&format!("kyc import {rows}")).ok();
        all.run(&format!("kyc import {bad}")).fails(6);
        all.run(&format!("kyc submit pan ravi@acme.in --from {pan}")).fails(4);
        all.run(&format!("kyc find --kind pan {pan}"));
        p.by(orgctl::model::operator::Operator::new(4321, None, None));
        all.run("kyc start asha@acme.in:pan").ok();
        all.run(&format!("kyc verify asha@acme.in:pan --method api_nsdl --response {answer}")).ok();
        all.run(&format!("kyc reject asha@acme.in:bank --reason other --note 'not {PAN}'")).fails(6);
        all.run("kyc list -o json").ok();
        all.run("kyc show asha@acme.in:pan -o yaml").ok();
        all.run("kyc duplicates").ok();
        all.run("kyc history asha@acme.in:pan -o json").ok();
        all.run(&format!("kyc export {}", p.path("kyc.csv").display())).ok();
        all.run("user dossier asha@acme.in").ok();
        all.run("user show asha@acme.in -o json").ok();
        all.run(&format!("audit export {}", p.path("trail.ndjson").display())).ok();
        all.run(&format!("backup create --to {}", p.path("backups").display())).ok();
        all.run("db check").ok();
        all.run("audit verify --deep").ok();
        let mut places = vec![("what was said".to_owned(), all.said.lock().expect("words").clone().into_bytes())];
        places.push(("what the server was sent".to_owned(), all.sent.lock().expect("bytes").clone()));
        bytes_of(p.dir.path(), &mut places);
        assert!(places.len() > 4, "what is there to look at?");
        for (place, bytes) in &places {
            for value in [PAN, AADHAAR, ACCOUNT, GSTIN, OTHER_PAN, NAME, FATHER, ADDRESS, ANSWER, "1971-03-17"] {
                // The command lines of this test say that what they refuse.
                let line = format!("not {value}");
                let text = String::from_utf8_lossy(bytes).replace(&line, "");
                assert!(!text.contains(value), "{place} holds {value}");
            }
        }
        // The same eyes see what stands in clear.
        assert!(places.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("ABMPAXXXXG")));
    });
}

/// A value opens in its own place alone.
#[test]
fn a_ciphertext_that_was_moved_does_not_open() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\nfather_name: {FATHER}\n"));
        submit(p, "pan ravi@acme.in", &format!("{OTHER_PAN}\nname: {NAME}\n"));
        let reveal = |user: &str, field: &str| p.run(&format!("kyc reveal {user} {field} --reason asked --stdout"));
        assert_eq!(reveal("asha@acme.in", "pan").ok(), format!("{PAN}\n"));
        assert_eq!(reveal("asha@acme.in", "pan.father_name").ok(), format!("{FATHER}\n"));
        // To another column.
        p.sql("update kyc set father_name = number where father_name is not null").expect("moved");
        let said = reveal("asha@acme.in", "pan.father_name").fails(8);
        assert!(said.contains("does not open"), "{said}");
        // To another row, of another person.
        p.sql("update kyc set number = (select k.number from kyc k where k.father_name is not null) where father_name is null")
            .expect("moved");
        let said = reveal("ravi@acme.in", "pan").fails(8);
        assert!(said.contains("does not open") || said.contains("can't be opened"), "{said}");
        assert!(!said.contains(PAN), "{said}");
    });
}

/// What is sealed is held against its fingerprint by who has the master key; who has not is told that it was not.
#[test]
fn deep_verification_opens_what_is_sealed() {
    on_both_engines_with_acme(|p| {
        people(p);
        let verify = |env: &BTreeMap<String, String>| p.run_with_env("audit verify --deep", env, false);
        let mut without = p.env.clone();
        without.insert("ORGCTL_MASTER_KEY_FILE".into(), p.path("gone").display().to_string());
        assert!(!verify(&without).err.contains("secrets not compared"), "there are none yet");
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\nfather_name: {FATHER}\n"));
        submit(p, "pan ravi@acme.in", &format!("{OTHER_PAN}\nname: {NAME}\n"));
        p.sql("create table kept as select id, number, number_index, father_name from kyc").expect("kept");
        let said = verify(&p.env);
        assert!(said.err.contains("what is sealed in 2 records agrees with what is recorded of it"), "{}", said.err);
        said.ok();
        let other = "(select k.{} from kept k where k.father_name is not null)";
        for (column, value, why) in [
            ("father_name", "null".to_owned(), "ASHA22:pan:1: what is sealed is another than its fingerprint tells"),
            ("number", other.replace("{}", "number"), "RAV222:pan:1: the sealed number does not open in its place"),
            (
                "number_index",
                other.replace("{}", "number_index"),
                "RAV222:pan:1: its number is not found by its blind index",
            ),
        ] {
            p.sql(&format!("update kyc set {column} = {value}")).expect("changed");
            let found = verify(&p.env);
            assert!(found.out.contains(why), "{column}: {}{}", found.out, found.err);
            assert!(found.fails(8).contains("does not agree with the row that it tells of"));
            let blind = verify(&without);
            assert!(blind.err.contains("secrets not compared: 2 records have some, and there is no master key at"));
            blind.ok();
            p.sql(&format!("update kyc set {column} = (select k.{column} from kept k where k.id = kyc.id)"))
                .expect("back");
        }
        let report = p.json("audit verify --deep");
        assert_eq!((&report["secrets"], &report["secrets_not_compared"]), (&2.into(), &0.into()));
        let of_ravi = "(select id from users where user_code = 'RAV222')";
        // A key in place of another.
        let swapped = format!(
            "update wrapped_keys set wrapped = (select k.wrapped from wrapped_keys k where k.purpose = 'index') where purpose = 'fingerprint' and subject_id = {of_ravi}"
        );
        p.sql("create table kept_keys as select id, wrapped from wrapped_keys").expect("kept");
        p.sql(&swapped).expect("changed");
        let found = verify(&p.env);
        assert!(found.out.contains("RAV222:pan:1: the fingerprint key"), "{}{}", found.out, found.err);
        assert_eq!(found.out.lines().count(), 2, "{}", found.out);
        found.fails(8);
        p.sql("update wrapped_keys set wrapped = (select k.wrapped from kept_keys k where k.id = wrapped_keys.id)")
            .expect("back");
        p.run("key rotate").ok();
        p.run("key reencrypt").ok();
        assert!(verify(&p.env).err.contains("in 2 records agrees"), "keys of fingerprints stay");
        p.sql(&format!("delete from wrapped_keys where subject_id = {of_ravi}")).expect("destroyed");
        let said = verify(&p.env);
        let lost = "secrets not compared: 1 record has some whose key was destroyed or is not there";
        assert!(said.err.contains(lost) && said.err.contains("in 1 record agrees"), "{}", said.err);
        said.ok();
    });
}

#[test]
fn who_is_shown_a_value_is_recorded_before() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\n"));
        let usage = p.run("kyc reveal asha@acme.in pan --reason asked").fails(2);
        assert!(usage.contains("standard output is no terminal"), "{usage}");
        assert!(p.run("kyc reveal asha@acme.in pan --stdout").fails(2).contains("the reason is missing"));
        assert!(
            p.run("kyc reveal asha@acme.in pan.nam --reason asked --stdout")
                .fails(2)
                .contains("did you mean pan.name?")
        );
        assert!(p.run("kyc reveal asha@acme.in bank --reason asked --stdout").fails(3).contains("no bank record"));
        let told = format!("asked about {PAN}");
        let refused = p.run(&format!("kyc reveal asha@acme.in pan --reason '{told}' --stdout")).fails(6);
        assert!(!refused.contains(PAN), "{refused}");
        assert_eq!(p.run("kyc reveal asha@acme.in pan.number --reason asked --stdout --dry-run").ok(), "");
        assert_eq!(p.json("audit list --action reveal --status success"), serde_json::json!([]));
        assert_eq!(p.run("kyc reveal asha@acme.in pan --reason 'asked by the bank' --stdout").ok(), format!("{PAN}\n"));
        let shown = p.run_on_terminal("kyc reveal asha@acme.in:pan name --reason 'asked by the bank'", 80);
        assert_eq!(shown.ok(), format!("{NAME}\n"));
        let told = p.json("audit list --action reveal --status success");
        assert_eq!(told.as_array().map(Vec::len), Some(2));
        assert_eq!((&told[1]["resource"], &told[1]["key"]), (&"kyc".into(), &"ASHA22:pan:1".into()));
        assert_eq!(told[1]["details"]["reason"], "asked by the bank", "{told}");
        let exposed = p.json(&format!("kyc exposure --actor {}", told[0]["actor"].as_str().expect("a name")));
        assert_eq!((&exposed[0]["user"], &exposed[0]["fields"]), (&"ASHA22".into(), &"pan.name pan.number".into()));
        assert_eq!(exposed[0]["times"], 2);
        p.run("kyc exposure --actor nobody").fails(3);
        // A number is looked up by itself alone, and never on a command line.
        assert_eq!(p.run_with("kyc find --kind pan - -o csv", "abmpa 3211 g\n").ok().lines().count(), 2);
        p.run_with("kyc find --kind pan -", OTHER_PAN).fails(3);
        let filtered = p.run(&format!("kyc list --filter number={PAN}"));
        assert_ne!(filtered.code, 0);
        assert!(!filtered.err.contains(PAN), "{}", filtered.err);
        assert!(!p.run("audit list -o json").ok().contains(PAN));
        // Who has no key sees nothing, and is told so.
        let mut env = p.env.clone();
        env.insert("ORGCTL_MASTER_KEY_FILE".into(), p.path("gone").display().to_string());
        let without = p.run_with_env("kyc reveal asha@acme.in pan --reason asked --stdout", &env, false);
        assert_ne!(without.code, 0);
        assert_eq!(without.out, "");
        p.run("kyc list").ok();
        p.run("db check").ok();
    });
}

/// What is sealed goes to a copy of the organisation with the keys that open it, keeps its ids, and is held to all that a paper is.
#[test]
fn sealed_papers_go_where_the_organisation_and_its_keys_are() {
    on_both_engines_with_acme(|p| {
        people(p);
        let (there, elsewhere) = (p.copy(), TestEnv::with_acme(p.engine));
        std::fs::create_dir_all(there.path("home/.config/orgctl")).expect("a folder");
        let key = |p: &TestEnv| p.path("home/.config/orgctl/master.key");
        std::fs::copy(key(p), key(&there)).expect("the key");
        elsewhere.run("key init").ok();
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\nfather_name: {FATHER}\ndob: 1971-03-17\n"));
        submit(p, "bank ravi@acme.in --ifsc KARB0000001 --account-type savings", &format!("{ACCOUNT}\nname: {NAME}\n"));
        let (papers, keys) = (p.path("papers.csv").display().to_string(), p.path("keys.jsonl").display().to_string());
        p.run(&format!("kyc export --sealed {papers} --dry-run")).ok();
        assert!(!p.path("papers.csv").exists());
        p.run(&format!("kyc export --sealed {papers}")).ok();
        let text = p.read("papers.csv");
        assert!(text.starts_with("id,organisation,key_id,user,status,kind,"), "{text}");
        assert!(!text.contains(PAN) && !text.contains(NAME) && !text.contains(ACCOUNT), "{text}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&papers).expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600);
        p.run(&format!("key export {keys} --organisation NONE")).fails(3);
        p.run(&format!("key export {keys} --organisation ACME --to age1x")).fails(2);
        p.run(&format!("key export {keys} --organisation ACME")).ok();
        p.run(&format!("key export {keys} --organisation ACME")).fails(4);
        let told = p.json("audit list --action export --resource key --status success");
        assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
        // Without the keys, under another master key, where the organisation is another one.
        let refused = there.run(&format!("kyc import {papers}")).fails(6);
        assert!(refused.contains("is not here: 'orgctl key import' brings the keys"), "{refused}");
        let refused = elsewhere.run(&format!("key import {keys}")).fails(1);
        assert!(refused.contains("by another master key than that of this database"), "{refused}");
        std::fs::copy(key(p), key(&elsewhere)).expect("the key");
        assert!(elsewhere.run(&format!("key import {keys}")).fails(1).contains("by another master key"));
        let cut = p.write("cut.jsonl", p.read("keys.jsonl").lines().take(2).collect::<Vec<_>>().join("\n"));
        assert!(there.run(&format!("key import {cut}")).fails(8).contains("its first line says"));
        let mut turned = p.read("keys.jsonl");
        let at = turned.find("\"wrapped\":\"").expect("a key") + 30;
        let other = if &turned[at..=at] == "A" { "B" } else { "A" };
        turned.replace_range(at..=at, other);
        let turned = p.write("turned.jsonl", turned);
        there.run(&format!("key import {turned}")).fails(8);
        let said = there.run(&format!("key import {keys}"));
        assert!(said.err.contains("took up 2 keys, 0 were here already"), "{}", said.err);
        said.ok();
        assert!(there.run(&format!("key import {keys}")).err.contains("took up 0 keys, 2 were here already"));
        // Of somebody else than the key says, under another id, in another organisation.
        for (from, to, why) in [
            ("ASHA22", "DEV222", "what is sealed is of somebody else than the user that the row names"),
            ("bank", "pan", "nothing that pan has"),
        ] {
            let moved = p.write("moved.csv", text.replace(from, to));
            let refused = there.run(&format!("kyc import {moved}")).fails(6);
            assert!(refused.contains(why), "{refused}");
        }
        let mut rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        let (first, second) = (rows[1][0], rows[2][0]);
        (rows[1][0], rows[2][0]) = (second, first);
        let swapped: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
        let swapped = p.write("swapped.csv", swapped.join("\n"));
        assert!(there.run(&format!("kyc import {swapped}")).fails(6).contains("does not open"));
        there.run(&format!("kyc import {papers}")).ok();
        assert!(there.run(&format!("kyc import {papers}")).fails(6).contains("a record with this id is there already"));
        let id = |p: &TestEnv| p.json("kyc show asha@acme.in:pan")["id"].clone();
        assert_eq!(id(&there), id(p));
        for (field, value) in [("pan", PAN), ("pan.father_name", FATHER), ("pan.dob", "1971-03-17")] {
            let shown = there.run(&format!("kyc reveal asha@acme.in {field} --reason asked --stdout")).ok();
            assert_eq!(shown, format!("{value}\n"));
        }
        assert_eq!(there.run_with("kyc find --kind account - -o key", ACCOUNT).ok(), "RAV222:bank:1\n");
        there.run("db check").ok();
        let said = there.run("audit verify --deep");
        assert!(said.err.contains("what is sealed in 2 records agrees"), "{}", said.err);
        said.ok();
        there.run("key reencrypt").ok();
        there.run("audit verify --deep").ok();
        let told = p.json("audit list --action export --resource kyc --status success");
        assert_eq!(told[0]["details"]["subjects"].as_array().map(Vec::len), Some(2), "{told}");
        assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    });
}

/// In clear it goes to who may be shown it, for a reason that is recorded before, and to a file that is the owner's alone.
#[test]
fn papers_are_exported_in_clear_for_a_reason() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\nfather_name: {FATHER}\n"));
        let file = p.path("clear.csv").display().to_string();
        assert!(p.run("kyc export --reveal --reason asked").fails(2).contains("--stdout writes it to standard output"));
        assert!(p.run(&format!("kyc export --reveal {file}")).fails(2).contains("the reason is missing"));
        assert!(p.run(&format!("kyc export {file} --reason asked")).fails(2).contains("--reason is for --reveal"));
        p.run(&format!("kyc export --reveal --sealed {file} --reason asked")).fails(2);
        p.run(&format!("kyc export --reveal {file} --reason asked --as-of 2026-11-01")).fails(2);
        let refused = p.run(&format!("kyc export --reveal {file} --reason 'about {PAN}'")).fails(6);
        assert!(!refused.contains(PAN), "{refused}");
        p.run(&format!("kyc export --reveal {file} --reason asked --dry-run")).ok();
        assert!(!p.path("clear.csv").exists());
        assert_eq!(p.json("audit list --action export --status success"), serde_json::json!([]));
        p.run(&format!("kyc export --reveal {file} --reason 'tax office'")).ok();
        let text = p.read("clear.csv");
        assert!(text.contains(PAN) && text.contains(FATHER) && text.contains("ASHA22,submitted,pan"), "{text}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600);
        let told = p.json("audit list --action export --status success")[0].clone();
        assert_eq!(told["details"]["reason"], "tax office", "{told}");
        let shown = p.json("kyc export --reveal --stdout --reason 'tax office' --filter user=ASHA22");
        assert_eq!((&shown[0]["number"], &shown[0]["address"]), (&PAN.into(), &serde_json::Value::Null), "{shown}");
        let exposed = p.json(&format!("kyc exposure --actor {}", told["actor"].as_str().expect("a name")));
        assert_eq!(
            (&exposed[0]["user"], &exposed[0]["how"], &exposed[0]["times"]),
            (&"ASHA22".into(), &"export".into(), &2.into())
        );
        // Who may export, and not be shown, does not.
        p.run("role create --code CLERK --name Clerk").ok();
        p.run("role grant CLERK kyc:export users:read kyc:read").ok();
        p.run("role assign CLERK DEV222").ok();
        assert!(
            p.run(&format!("kyc export --reveal {file} --reason asked --as dev@acme.in"))
                .fails(5)
                .contains("kyc:reveal")
        );
        let masked = p.run("kyc export --as dev@acme.in").ok();
        assert!(!masked.contains(PAN) && masked.contains("ABMPAXXXXG"), "{masked}");
        // Without the key nothing is recorded as shown.
        let mut env = p.env.clone();
        env.insert("ORGCTL_MASTER_KEY_FILE".into(), p.path("gone").display().to_string());
        p.run_with_env(&format!("kyc export --reveal {file} --reason asked"), &env, false).fails(3);
        assert_eq!(p.json("audit list --action export --status success").as_array().map(Vec::len), Some(3));
    });
}

/// Whose data was in an archive, and whose is sealed under a key that others may have.
#[test]
fn exposure_tells_archives_and_keys() {
    on_both_engines_with_acme(|p| {
        people(p);
        let told = |line: &str| {
            let rows = p.json(&format!("kyc exposure {line}"));
            let row = |row: &serde_json::Value| {
                let text = |name: &str| row[name].as_str().expect("a text").to_owned();
                format!("{} {} {}", text("user"), text("how"), row["times"])
            };
            let mut rows: Vec<String> = rows.as_array().expect("rows").iter().map(row).collect();
            rows.sort();
            rows
        };
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\n"));
        let backups = p.path("backups").display().to_string();
        p.run(&format!("backup create --to {backups}")).ok();
        p.run(&format!("backup verify latest --from {backups}")).ok();
        p.wait(7200);
        submit(p, "pan ravi@acme.in", &format!("{OTHER_PAN}\nname: {NAME}\n"));
        let actor = p.json("audit list --org SYSTEM --action backup")[0]["actor"].as_str().expect("a name").to_owned();
        assert_eq!(told(&format!("--actor {actor}")), ["ASHA22 backup 1"]);
        p.run(&format!("backup create --to {backups} --type schema-only")).ok();
        p.run(&format!("backup create --to {backups}")).ok();
        assert_eq!(told(&format!("--actor {actor}")), ["ASHA22 backup 2", "RAV222 backup 1"]);
        assert_eq!(told(&format!("--actor {actor} --since 1h")), ["ASHA22 backup 1", "RAV222 backup 1"]);
        p.run("kyc exposure --actor nobody").fails(3);
        // A person's key, an organisation's, and the master key.
        let exported = p.json("kyc export --sealed --filter user=RAV222");
        let key = exported[0]["key_id"].as_str().expect("a key").to_owned();
        assert_eq!(told(&format!("--key {key}")), ["RAV222 backup key 2"]);
        let exposed = p.json(&format!("kyc exposure --key {key}"));
        assert_eq!(exposed[0]["fields"], "pan.name pan.number", "{exposed}");
        p.wait(7200);
        assert_eq!(told(&format!("--key {key} --since 1h")), ["RAV222 key 1"]);
        let status = p.json("key status");
        let master = status["wanted"].as_str().expect("a key").to_owned();
        let both = ["ASHA22 backup key 3", "RAV222 backup key 2"];
        assert_eq!(told(&format!("--key {master}")), both);
        let own = status["keys"].as_array().expect("keys").iter();
        let own = own.filter(|row| row["org"] == "ACME" && row["purpose"] == "data").map(|row| &row["wrapped_by"]);
        let own: Vec<_> = own.collect();
        assert_eq!(told(&format!("--key {}", own[0].as_str().expect("a key"))), both);
        // One that was replaced protects what was in archives until then.
        let (new, old) = (p.path("new.key"), p.path("home/.config/orgctl/master.key"));
        p.run(&format!("key rotate --to {}", new.display())).ok();
        std::fs::rename(&new, &old).expect("moved");
        p.wait(60);
        p.run(&format!("backup create --to {backups}")).ok();
        assert_eq!(told(&format!("--key {master}")), ["ASHA22 backup 2", "RAV222 backup 1"]);
        let new = p.json("key status")["wanted"].as_str().expect("a key").to_owned();
        assert_eq!(told(&format!("--key {new}")), ["ASHA22 backup key 2", "RAV222 backup key 2"]);
        p.run("key reencrypt").ok();
        assert_eq!(told(&format!("--key {key}")), ["RAV222 backup 2"], "in archives, of him alone");
        let gone = p.run("kyc exposure --key 38d31a02-395e-876e-852a-44f037cbd672").fails(3);
        assert!(gone.contains("there is no key") && gone.contains("still have a key that was destroyed"), "{gone}");
        assert!(p.run("kyc exposure").fails(2).contains("--key ID"));
        p.run(&format!("kyc exposure --key {key} --actor {actor}")).fails(2);
        p.run("kyc exposure --key nonsense").fails(2);
    });
}

/// One number of two people is refused, or told of.
#[test]
fn a_number_that_somebody_else_has_is_told() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\n"));
        let line = "kyc submit pan ravi@acme.in --from -";
        let paper = format!("{PAN}\nname: {NAME}\n");
        let refused = p.run_with(line, &paper).fails(4);
        assert!(
            refused.contains("a record of somebody else has the same PAN") && !refused.contains("ASHA22"),
            "{refused}"
        );
        p.run("setting set kyc.duplicates flag").ok();
        let flagged = p.run_with(line, &paper);
        assert!(flagged.err.contains("warning: a record of somebody else has the same PAN"), "{}", flagged.err);
        flagged.ok();
        let told = p.json("kyc duplicates");
        let keys: Vec<_> = told.as_array().expect("rows").iter().map(|row| row["key"].clone()).collect();
        assert_eq!(keys, ["ASHA22:pan:1", "RAV222:pan:1"]);
        assert_eq!(p.json("kyc duplicates --kind bank"), serde_json::json!([]));
        // What was rejected is nobody's any more.
        p.run("kyc reject ravi@acme.in:pan --reason duplicate").ok();
        assert_eq!(p.json("kyc duplicates"), serde_json::json!([]));
    });
}

/// Papers of an earlier system, in its own words; a number with a slip, one that another row has, one of somebody who has one.
#[test]
fn papers_come_by_a_file() {
    on_both_engines_with_acme(|p| {
        people(p);
        let header = "user,account_number,account_holder_name,ifsc_code,account_type,bank_name,penny_drop_reference\n";
        let rows = format!(
            "{header}asha@acme.in,{ACCOUNT},{NAME},karb0000001,Savings,,\nravi@acme.in,00 0412 356789,{NAME},KARB0000001,current,,\ndev@acme.in,0099887766554,{NAME},KARB0000001,savings,Karnataka Bank,\n"
        );
        let file = p.write("in.csv", &rows);
        let mapped = format!("kyc import {file}");
        let refused = p.run(&mapped).fails(6);
        assert!(refused.contains("a record of somebody else has the same account number"), "{refused}");
        assert!(!refused.contains("412356789") && !refused.contains(NAME), "{refused}");
        let rejects = p.path("rejects.csv");
        let line = format!("{mapped} --keep-going --rejects {}", rejects.display());
        let loaded = p.run(&line);
        assert!(loaded.err.contains("will hold in clear"), "{}", loaded.err);
        assert_eq!(loaded.code, 7, "{}", loaded.err);
        assert!(p.read("rejects.csv").contains("ravi@acme.in,00 0412 356789"));
        assert_eq!(p.column("kyc list", "key"), ["ASHA22:bank:1", "DEV222:bank:1"]);
        let told = p.json("kyc show asha@acme.in:bank");
        assert_eq!((&told["mask"], &told["ifsc"]), (&"XXXXXXXX6789".into(), &"KARB0000001".into()));
        assert_eq!(told["bank_name"], "Karnataka Bank", "{told}");
        let shown = p.run("kyc reveal asha@acme.in bank --reason asked --stdout").ok();
        assert_eq!(shown, format!("{ACCOUNT}\n"), "leading zeros are kept");
        assert_eq!(p.run_with("kyc find --kind account - -o key", ACCOUNT).ok(), "ASHA22:bank:1\n");
        // The second run, while the first waits.
        let again = p.write("again.csv", format!("{header}asha@acme.in,{ACCOUNT},{NAME},KARB0000001,savings,,\n"));
        let mapped = mapped.replace("in.csv", "again.csv");
        assert!(again.ends_with("again.csv"));
        p.run(&mapped).fails(6);
        // What a spreadsheet did to a number, and one that is none.
        for (number, why) in [("9.87E+11", "spreadsheet"), ("12", "digits"), ("", "the number is missing")] {
            let row = format!("user,number,name,ifsc,account_type\ndev@acme.in,{number},{NAME},KARB0000001,savings\n");
            let file = p.write("bad.csv", row);
            let said = p.run(&format!("kyc import {file} --kind bank")).fails(6);
            assert!(said.contains(why), "{said}");
        }
        let mixed = p.write("mixed.csv", "user,pan_number,pan_name,aadhaar_number,aadhaar_name\n");
        assert!(p.run(&format!("kyc import {mixed}")).fails(6).contains("papers of several kinds: aadhaar, pan"));
        let unknown = p.write("unknown.csv", "user,pan_number,pan_name,mask,fingerprint\nasha@acme.in,1,2,3,4\n");
        let said = p.run(&format!("kyc import {unknown}")).fails(6);
        assert!(said.contains("mask, fingerprint"), "{said}");
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// What was verified elsewhere is in force when another person has confirmed the batch.
#[test]
fn what_was_verified_elsewhere_waits_for_another_person() {
    on_both_engines_with_acme(|p| {
        people(p);
        let rows = format!(
            "user,pan_number,pan_name,is_verified\nasha@acme.in,{PAN},Asha Rao,true\nravi@acme.in,{OTHER_PAN},Ravi Kumar,false\n"
        );
        let file = p.write("in.csv", rows);
        let request = "01a22ce4-6e13-70a6-ba6d-0000000000aa";
        let loaded = p.run(&format!("kyc import {file} --keep-verified --request-id {request}"));
        assert!(loaded.err.contains("kyc import-confirm 0000000000aa"), "{}", loaded.err);
        loaded.ok();
        assert_eq!(p.column("kyc list --sort user", "status"), ["in_review", "submitted"]);
        assert_eq!(p.json("user show asha@acme.in")["pan_verified"], false);
        assert!(p.run("kyc import-confirm 0000000000aa").fails(5).contains("another person must verify it"));
        p.by(orgctl::model::operator::Operator::new(4321, None, None));
        p.run("kyc import-confirm 00000000ffff").fails(3);
        p.run("kyc import-confirm 0000000000aa --dry-run").ok();
        let done = p.run("kyc import-confirm 0000000000aa");
        assert!(done.err.contains("verified 1 of batch 0000000000aa"), "{}", done.err);
        let told = p.json("kyc show asha@acme.in:pan");
        assert_eq!((&told["status"], &told["verification_method"]), (&"verified".into(), &"migrated".into()));
        let sum = std::process::Command::new("sha256sum").arg(&file).output().expect("sha256sum").stdout;
        let sum = String::from_utf8(sum).expect("text");
        let sum = sum.split(' ').next().expect("a sum");
        assert_eq!(told["note"], format!("it came with a file of SHA-256 {sum}"));
        assert_eq!(p.json("user show asha@acme.in")["pan_verified"], true);
        p.run("kyc import-cancel 0000000000aa").fails(4);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// An Aadhaar comes with a consent that was given before, by a file too.
#[test]
fn a_file_of_aadhaars_names_a_consent() {
    on_both_engines_with_acme(|p| {
        people(p);
        let rows = format!(
            "user,aadhaar_number,aadhaar_name,aadhaar_address\nasha@acme.in,{AADHAAR},{NAME},{ADDRESS}\nravi@acme.in,9999 7165 8847,{NAME},\n"
        );
        let line = format!("kyc import {}", p.write("in.csv", rows));
        let refused = p.run(&line).fails(6);
        assert!(refused.contains("rejected line 2, consent: aadhaar is taken up only with a consent"), "{refused}");
        let notice = p.write("notice.txt", "We keep your Aadhaar number.");
        let given = format!("{line} --consent N1 --notice-file {notice} --channel paper --language hi --given-at");
        assert!(p.run(&format!("{given} 2026-12-24")).fails(6).contains("which is yet to come"));
        p.run(&format!("{given} 2026-11-20 --dry-run")).ok();
        assert_eq!(p.column("consent list", "key"), Vec::<String>::new());
        p.run(&format!("{given} 2026-11-20")).ok();
        assert_eq!(p.column("consent list --sort user", "key").len(), 2);
        let told = p.json("kyc show ravi@acme.in:aadhaar");
        assert_eq!((&told["mask"], &told["consent"]), (&"XXXX XXXX 8847".into(), &"RAV222:1".into()));
        let shown = p.run("kyc reveal asha@acme.in aadhaar.address --reason asked --stdout").ok();
        assert_eq!(shown, format!("{ADDRESS}\n"));
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// Rows name consents of their own, beside what flags say or instead of it; one that several rows of a person name is kept once.
#[test]
fn rows_name_consents_of_their_own() {
    on_both_engines_with_acme(|p| {
        people(p);
        let notice = p.write("notice.txt", "We keep your Aadhaar number.");
        let header = "user,kind,number,name,consent,consent_given_at,channel,language\n";
        let aadhaar = |of: &str, n: &str, consent: &str| format!("{of},aadhaar,{n},{NAME},{consent}\n");
        let (asha, ravi) = ("asha@acme.in", "ravi@acme.in");
        let other = "9999 7165 8847";
        let line = |rows: &[String]| format!("kyc import {}", p.write("in.csv", format!("{header}{}", rows.concat())));
        for (consent, why) in [
            (",,,", "consent: aadhaar is taken up only with a consent"),
            ("N1,2026-11-20,paper,", "language: the language of the consent is missing"),
            (",2026-11-20,paper,hi", "consent: the notice of the consent is missing"),
            ("N1,soon,paper,hi", "line 2: given_at must be a time like"),
            ("N1,2026-12-24,paper,hi", "given_at: the consent must have been given before"),
            ("N1,2026-11-20,pigeon,hi", "line 2: channel must be in_person, paper"),
            ("N1,2026-11-20,paper,hi", "consent: notice N1 is new, and its text is not known"),
        ] {
            let said = p.run(&line(&[aadhaar(asha, AADHAAR, consent)])).fails(6);
            assert!(said.contains(why), "{consent}: {said}");
        }
        // The notice by flags, the time by rows; who has no cell is as the flags say.
        let flags = format!("--consent N1 --notice-file {notice} --given-at 2026-11-20 --channel paper --language hi");
        let pan = format!("{asha},pan,{PAN},{NAME},,2026-11-18 10:00,web,\n");
        let rows = [aadhaar(asha, AADHAAR, "n1,2026-11-18 10:00,web,"), pan, aadhaar("RAV222", other, ",,,")];
        p.run(&format!("{} {flags} --dry-run", line(&rows))).ok();
        assert_eq!(p.column("consent list", "key"), Vec::<String>::new());
        p.run(&format!("{} {flags}", line(&rows))).ok();
        let told = p.json("consent list --sort user");
        assert_eq!(told.as_array().map(Vec::len), Some(2), "{told}");
        let what = |n: usize, name: &str| told[n][name].as_str().expect("a text").to_owned();
        assert_eq!(
            (what(0, "channel"), what(0, "language"), what(1, "channel")),
            ("web".into(), "hi".into(), "paper".into())
        );
        assert!(what(0, "given_at").starts_with("2026-11-18T"), "{told}");
        for key in ["asha@acme.in:aadhaar", "asha@acme.in:pan"] {
            assert_eq!(p.json(&format!("kyc show {key}"))["consent"], "ASHA22:1");
        }
        // What is exported says it, and is taken up by that.
        let clear = p.path("clear.csv").display().to_string();
        p.run(&format!("kyc export --reveal {clear} --reason asked --filter kind=aadhaar")).ok();
        assert!(p.read("clear.csv").contains(",N1,2026-11-18T"), "{}", p.read("clear.csv"));
        for key in ["asha@acme.in:aadhaar", "ravi@acme.in:aadhaar"] {
            p.run(&format!("kyc reject {key} --reason unreadable")).ok();
        }
        p.run(&format!("kyc import {clear}")).ok();
        assert_eq!(p.json("kyc show asha@acme.in:aadhaar")["consent"], "ASHA22:1");
        assert_eq!(p.column("consent list", "key").len(), 2);
        // The notice is known now; what is there already is not written down again, what was withdrawn is not given.
        p.run("kyc reject asha@acme.in:aadhaar --reason unreadable").ok();
        let again = line(&[aadhaar(asha, AADHAAR, "N1,2026-11-18 10:00,web,hi")]);
        p.run(&again).ok();
        assert_eq!(p.column("consent list", "key").len(), 2);
        p.run("kyc reject asha@acme.in:aadhaar --reason unreadable").ok();
        p.run("consent withdraw ASHA22:1").ok();
        let said = p.run(&again).fails(4);
        assert!(said.contains("was withdrawn since"), "{said}");
        // Flags say what no row does.
        let said = p.run(&format!(
            "{} --channel paper --language hi",
            line(&[aadhaar("dev@acme.in", "9999 3311 9405", ",,,")])
        ));
        assert!(said.fails(6).contains("consent: aadhaar is taken up only with a consent"));
        let row = aadhaar("dev@acme.in", "9999 3311 9405", "N1,2026-11-19,,ta");
        p.run(&format!("{} --channel phone --language hi --given-at 2026-11-01", line(&[row]))).ok();
        let told = p.json("consent list --filter user=dev@acme.in");
        assert_eq!((&told[0]["channel"], &told[0]["language"]), (&"phone".into(), &"ta".into()), "{told}");
        assert!(
            told[0]["given_at"]
                .as_str()
                .is_some_and(|at| at.starts_with("2026-11-19T") || at.starts_with("2026-11-18T"))
        );
        p.run("setting set kyc.require_consent true").ok();
        let bare = p.write("bare.csv", format!("user,pan_number,pan_name\n{ravi},{OTHER_PAN},{NAME}\n"));
        assert!(p.run(&format!("kyc import {bare}")).fails(6).contains("pan is taken up only with a consent"));
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// What is counted within a person is counted for each kind by itself: papers do not go on from the consents of the same file.
#[test]
fn papers_of_a_file_are_counted_beside_their_consents() {
    on_both_engines_with_acme(|p| {
        people(p);
        let rows = format!(
            "user,kind,number,name\nasha@acme.in,aadhaar,{AADHAAR},{NAME}\nasha@acme.in,pan,{PAN},{NAME}\nravi@acme.in,aadhaar,9999 7165 8847,{NAME}\n"
        );
        let notice = p.write("notice.txt", "We keep your papers.");
        let given = format!("--consent N1 --notice-file {notice} --channel paper --language hi --given-at 2026-11-20");
        p.run(&format!("kyc import {} {given}", p.write("in.csv", rows))).ok();
        let mut keys = p.column("kyc list", "key");
        keys.sort();
        assert_eq!(keys, ["ASHA22:aadhaar:1", "ASHA22:pan:2", "RAV222:aadhaar:1"]);
    });
}

/// Papers of a duplicate go over, and open when the duplicate's keys are gone.
#[test]
fn papers_go_over_with_a_merge() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\nfather_name: {FATHER}\n"));
        submit(p, "bank ravi@acme.in --ifsc KARB0000001 --account-type savings", &format!("{ACCOUNT}\nname: {NAME}\n"));
        p.run("user merge asha@acme.in ravi@acme.in --yes").ok();
        assert_eq!(
            p.sql("delete from wrapped_keys where subject_id in (select id from users where user_code = 'ASHA22')"),
            Ok(())
        );
        let shown = |field: &str| p.run(&format!("kyc reveal ravi@acme.in {field} --reason asked --stdout")).ok();
        assert_eq!(shown("pan"), format!("{PAN}\n"));
        assert_eq!(shown("pan.father_name"), format!("{FATHER}\n"));
        assert_eq!(shown("bank"), format!("{ACCOUNT}\n"));
        assert_eq!(p.run_with("kyc find --kind pan - -o key", PAN).ok(), "RAV222:pan:2\n");
        // What was sealed anew since is not as the trail could put it back.
        let seq = p.json("audit list --resource kyc --action merge --org ACME")[0]["seq"].clone();
        let refused = p.run(&format!("audit revert {seq} --yes")).fails(4);
        assert!(refused.contains("something sealed became another"), "{refused}");
        p.run("audit verify --deep").ok();
    });
}

/// How Aadhaar numbers are kept is chosen before the first, and stands then.
#[test]
fn of_an_aadhaar_the_last_four_may_be_all_that_is_kept() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.run("setting set kyc.aadhaar_storage reference").ok();
        let notice = p.write("notice.txt", "We keep the last four digits.");
        let consent = format!("--consent N1 --notice-file {notice} --given-at 2026-11-20 --channel web --language en");
        submit(p, &format!("aadhaar asha@acme.in {consent}"), &format!("{AADHAAR}\nname: {NAME}\n"));
        assert_eq!(p.json("kyc show asha@acme.in:aadhaar")["mask"], "XXXX XXXX 7058");
        assert!(p.run("kyc reveal asha@acme.in aadhaar --reason asked --stdout").fails(3).contains("has no number"));
        assert_eq!(p.run("kyc reveal asha@acme.in aadhaar.name --reason asked --stdout").ok(), format!("{NAME}\n"));
        assert_eq!(p.run_with("kyc find --kind aadhaar - -o key", AADHAAR).ok(), "ASHA22:aadhaar:1\n");
        let refused = p.run("setting set kyc.aadhaar_storage sealed").fails(4);
        assert!(refused.contains("Aadhaar numbers are kept already, as reference"), "{refused}");
        p.run("setting reset kyc.aadhaar_storage --yes").fails(4);
        let seq = p
            .json("audit list --resource setting --key kyc.aadhaar_storage --action config_change --status success")[0]
            ["seq"]
            .clone();
        assert!(p.run(&format!("audit revert {seq} --yes")).fails(4).contains("Aadhaar numbers are kept already"));
        p.run("audit verify --deep").ok();
    });
}

/// github.com/fernet/spec, generate.json: the key and how it encrypts "hello" are its own; this token, of a PAN, is by Python's
/// cryptography.
#[test]
fn what_an_earlier_system_encrypted_is_opened() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    people(&p);
    let key = p.write("fernet.key", "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=\n");
    let hello = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
    let file = p.write("in.csv", format!("user,pan_name,pan_number_encrypted\nasha@acme.in,{NAME},{hello}\n"));
    let without = p.run(&format!("kyc import {file}")).fails(6);
    assert!(without.contains("needs the key it was encrypted with: --fernet-key FILE"), "{without}");
    // It opens, and says what is no PAN.
    let opened = p.run(&format!("kyc import {file} --fernet-key {key}")).fails(6);
    assert!(
        opened.contains("must have five letters, four digits and a letter") && !opened.contains("hello"),
        "{opened}"
    );
    let other = p.write("other.csv", format!("user,pan_name,pan_number_encrypted\nasha@acme.in,{NAME},U2FsdGVkX18=\n"));
    let refused = p.run(&format!("kyc import {other} --fernet-key {key}")).fails(6);
    assert!(refused.contains("is no Fernet token"), "{refused}");
}

/// A number of the person has no place in a text about his or her papers, whether or not it has check digits.
#[test]
fn a_number_of_the_person_stands_in_no_text() {
    on_both_engines_with_acme(|p| {
        people(p);
        let bank = "--ifsc KARB0000001 --account-type savings";
        submit(p, &format!("bank asha@acme.in {bank}"), &format!("{ACCOUNT}\nname: {NAME}\n"));
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\n"));
        submit(p, &format!("bank ravi@acme.in {bank}"), "0099887766554\nname: Ravi Kumar\n");
        let spaced = "0004 1235-6789";
        let own = |flag: &str| format!("{flag} holds the person's account number, which is kept sealed alone");
        let record = "asha@acme.in:bank";
        p.by(Operator::new(2002, None, None));
        for (line, flag) in [
            (format!("kyc verify {record} --method manual --note 'paid to {spaced}'"), "--note"),
            (format!("kyc verify {record} --method penny_drop --amount 1 --reference UTR/{ACCOUNT}"), "--reference"),
            (format!("kyc verify asha@acme.in:pan --method penny_drop --amount 1 --reference {PAN}"), ""),
            (format!("kyc reject {record} --reason other --note 'not {ACCOUNT}'"), "--note"),
            (format!("kyc reject asha@acme.in:pan --reason other --note 'account {ACCOUNT}'"), "--note"),
            (format!("kyc reveal {record} bank --stdout --reason 'is it {spaced}?'"), "--reason"),
            (format!("audit append --action payment --resource kyc:ASHA22:bank:1 --comment 'to {ACCOUNT}'"), "a text"),
        ] {
            let said = p.run(&line).fails(6);
            assert!(flag.is_empty() || said.contains(&own(flag)), "{line}: {said}");
            assert!(!said.contains("1235-6789") && !said.contains(ACCOUNT) && !said.contains(PAN), "{said}");
        }
        for line in [
            "audit append --action payment --resource kyc:ASHA22:pan:1 --details '{\"a\": [\"ABMPA3211G\"]}'",
            "kyc submit bank dev@acme.in --from - --ifsc KARB0000001 --account-type savings --branch-name 'Camp 0099 8877'",
        ] {
            p.run_with(line, "00998877\nname: Dev Nair\n").fails(6);
        }
        let all = p.run("audit export -o ndjson --org ACME").ok();
        assert!(!all.contains("1235-6789") && !all.contains(ACCOUNT) && !all.contains(PAN), "it is recorded");
        // What is another person's, or nobody's, is a reference like any other.
        p.run(&format!("kyc start {record}")).ok();
        p.run(&format!("kyc verify {record} --method penny_drop --amount 1.00 --reference UTR0099887766554")).ok();
        p.run("kyc reject ravi@acme.in:bank --reason other --note 'seen 2026-11-01 10:00, see 234123412347'").ok();
        p.run("audit verify --deep").ok();
    });
}

/// Two words that mean one person are not two people, and an account number is one bank's own.
#[test]
fn the_same_number_is_a_duplicate_of_the_same_thing_alone() {
    on_both_engines_with_acme(|p| {
        people(p);
        let header = "user,kind,number,name,ifsc,account_type\n";
        let account = |user: &str, ifsc: &str| format!("{user},bank,{ACCOUNT},{NAME},{ifsc},savings\n");
        let rows = account("asha@acme.in", "KARB0000001") + &account("ravi@acme.in", "HDFC0000001");
        let file = p.write("banks.csv", format!("{header}{rows}"));
        p.run(&format!("kyc import {file}")).ok();
        assert_eq!(p.json("kyc duplicates"), serde_json::json!([]));
        let third = "kyc submit bank dev@acme.in --from - --ifsc hdfc0000002 --account-type savings";
        let refused = p.run_with(third, format!("{ACCOUNT}\nname: Dev Nair\n")).fails(4);
        assert!(refused.contains("a record of somebody else has the same account number"), "{refused}");
        // One waits of a kind: the second row of Asha is refused as that, not as somebody else's.
        let two = format!("user,kind,number,name\nasha@acme.in,pan,{PAN},{NAME}\nASHA22,pan,{PAN},{NAME}\n");
        let said = p.run(&format!("kyc import {}", p.write("two.csv", two))).fails(6);
        assert!(!said.contains("somebody else"), "{said}");
        let two = format!("user,kind,number,name\nasha@acme.in,pan,{PAN},{NAME}\nRAV222,pan,{PAN},{NAME}\n");
        let said = p.run(&format!("kyc import {}", p.write("two.csv", two))).fails(6);
        assert!(said.contains("a record of somebody else has the same PAN"), "{said}");
    });
}

/// A value under a key that nobody has is no value whose key was destroyed.
#[test]
fn a_ciphertext_of_no_key_is_a_finding() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\n"));
        p.run("audit verify --deep").ok();
        let bytes = format!("01{}", "ab".repeat(60));
        let bytes = if p.engine == Engine::Sqlite { format!("x'{bytes}'") } else { format!("'\\x{bytes}'") };
        p.sql(&format!("update kyc set name = {bytes}")).expect("a change");
        let said = p.run("audit verify --deep").fails(8);
        assert!(said.contains("does not agree with the row that it tells of"), "{said}");
    });
}

/// A bank's reference may look like an Aadhaar number; the number of the row itself is none.
#[test]
fn a_reference_is_held_against_the_own_number_alone() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    people(&p);
    let rows = |reference: &str| {
        format!(
            "user,kind,number,name,ifsc,account_type,reference\nasha@acme.in,bank,{ACCOUNT},{NAME},KARB0000001,savings,{reference}\n"
        )
    };
    let refused = p.run(&format!("kyc import {}", p.write("own.csv", rows(&format!("UTR {ACCOUNT}"))))).fails(6);
    assert!(refused.contains("reference holds what can be the number of a paper (account number)"), "{refused}");
    let past = format!("user,kind,number,name,status\nasha@acme.in,pan,{PAN},{NAME},superseded\n");
    let refused = p.run(&format!("kyc import {}", p.write("past.csv", past))).fails(6);
    assert!(refused.contains("superseded or expired is not taken up"), "{refused}");
    // Another number of the person, by its blind index; somebody else's is a reference like any other.
    submit(&p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\n"));
    submit(&p, "pan ravi@acme.in", &format!("{OTHER_PAN}\nname: {NAME}\n"));
    let refused = p.run(&format!("kyc import {}", p.write("pan.csv", rows(&format!("UTR {PAN}"))))).fails(6);
    assert!(refused.contains("line 2: reference holds the person's PAN, which is kept sealed alone"), "{refused}");
    assert!(!refused.contains(PAN), "{refused}");
    p.run(&format!("kyc import {}", p.write("other.csv", rows(&format!("234123412346 {OTHER_PAN}"))))).ok();
}

#[test]
fn a_file_is_told_what_waits_already() {
    on_both_engines_with_acme(|p| {
        people(p);
        let file =
            p.write("pans.csv", format!("user,number,name\nASHA22,{PAN},Asha Rao\nRAV222,{OTHER_PAN},Ravi Kumar\n"));
        p.run(&format!("kyc import {file} --kind pan")).ok();
        let waits = |line: u64, title: &str| {
            format!("rejected line {line}, user: kyc {title} waits already, and one of a kind waits at a time\n")
        };
        let said = p.run(&format!("kyc import {file} --kind pan --keep-going")).fails(7);
        assert!(said.starts_with(&(waits(2, "ASHA22:pan:1") + &waits(3, "RAV222:pan:1"))), "{said}");
        // Twice in one file, by another key of the same person.
        let twice =
            p.write("twice.csv", format!("user,number,name\nDEV222,{PAN},Dev Nair\ndev@acme.in,{PAN},Dev Nair\n"));
        p.run("setting set kyc.duplicates flag").ok();
        let said = p.run(&format!("kyc import {twice} --kind pan")).fails(6);
        let before = "rejected line 3, user: a row before has a paper of dev@acme.in of the kind pan\n";
        assert!(said.starts_with(before), "{said}");
        // What no column of papers is called, and what is made with a record.
        let odd = p.write("odd.csv", format!("user,numbr,name,serial\nDEV222,{PAN},Dev Nair,7\n"));
        let said = p.run(&format!("kyc import {odd} --kind pan")).fails(6);
        assert!(said.contains("columns that a KYC record does not have: numbr, serial\n"), "{said}");
        assert!(said.contains("hint: did you mean number by 'numbr'?\n"), "{said}");
        assert!(said.contains("hint: fields: user, kind, reference, amount, gender, "), "{said}");
        assert!(!said.contains("submitted_operator") && !said.contains(PAN), "{said}");
        let said = p.run("kyc reject RAV222:pan --reason nonsense").fails(6);
        assert!(said.starts_with("error: --reason must be one of unreadable, mismatch"), "{said}");
    });
}

/// Flags of earlier systems set nothing; it is told of how many people they say what no record here does.
#[test]
fn flags_without_a_record_are_counted() {
    on_both_engines_with_acme(|p| {
        people(p);
        let note =
            |n: &str| format!("note: of {n} the file says that papers were verified of which there is no record");
        let rows = format!(
            "user,pan_number,pan_name,is_pan_verified,is_kyc_complete\nasha@acme.in,{PAN},{NAME},1,0\nravi@acme.in,{OTHER_PAN},{NAME},yes,yes\n"
        );
        let file = p.write("in.csv", rows);
        let said = p.run(&format!("kyc import {file} --dry-run"));
        assert!(said.err.contains("passed over, for nothing is filled by them: is_pan_verified"), "{}", said.err);
        let said = p.run(&format!("kyc import {file}"));
        assert!(said.err.contains(&note("1 user")), "{}", said.err);
        said.ok();
        assert_eq!(p.json("user show asha@acme.in")["pan_verified"], false);
        let users = "user_code,name,email,is_pan_verified,is_aadhaar_verified,kyc_verification_step\n\
            ASHA22,Asha Rao,asha@acme.in,true,false,1\nRAV222,Ravi Kumar,ravi@acme.in,true,false,2\nUMA222,Uma Iyer,uma@acme.in,no,yes,\nTOM222,Tom,tom@acme.in,,,0\n";
        let line = format!("user import {} --on-conflict update", p.write("users.csv", users));
        assert!(p.run(&format!("{line} --dry-run")).err.contains(&note("2 users")));
        assert_eq!(p.run(&format!("{line} -o json")).json()["flags_without_record"], 2);
        assert!(p.run(&line).err.contains(&note("2 users")), "the second run says the same");
        let none = p.write("none.csv", "user_code,name,is_pan_verified\nZOE222,Zoe,0\n");
        assert!(!p.run(&format!("user import {none}")).err.contains("no record"));
        p.run("db check").ok();
    });
}

/// The dates of a file of papers are read as it is said, those that are sealed too; no fault tells one.
#[test]
fn dates_of_papers_are_read_by_the_format_that_is_said() {
    on_both_engines_with_acme(|p| {
        people(p);
        let notice = p.write("notice.txt", "We keep your Aadhaar number.");
        let aadhaar = |born: &str, given: &str| {
            let head = "user,kind,number,name,Born,consent,given_at,channel,language";
            let row = format!("asha@acme.in,aadhaar,{AADHAAR},{NAME},{born},N1,{given},paper,hi");
            let file = p.write("in.csv", format!("{head}\n{row}\n"));
            format!("kyc import {file} --map Born=dob --consent N1 --notice-file {notice}")
        };
        let said = p.run(&aadhaar("23/04/1990", "18/11/2026 10:00")).fails(6);
        assert!(said.contains("hint: --date-format 'dob=DD/MM/YYYY' reads the dates in dob\n"), "{said}");
        assert!(said.contains("hint: --date-format 'given_at=DD/MM/YYYY' reads the dates in given_at\n"), "{said}");
        assert!(!said.contains("1990"), "{said}");
        for (code, flags, born, given, why) in [
            (6, "--date-format MM/DD/YYYY", "23/04/1990", "11/18/2026", "the dob is not written as --date-format says"),
            (6, "--date-format Born=DD/MM/YYYY", "23/04/1990", "18/11/2026", "given_at must be a time like"),
            (2, "--date-format name=DD/MM/YYYY", "23/04/1990", "2026-11-18", "the file has no dates in 'name'"),
            (6, "--date-format DD/MM/YYYY", "23/04/2090", "18/11/2026", "the dob must be a day in the past"),
        ] {
            let said = p.run(&format!("{} {flags}", aadhaar(born, given))).fails(code);
            assert!(said.contains(why), "{flags}: {said}");
            assert!(!said.contains("23/04") && !said.contains("90-04"), "{said}");
        }
        for (flags, born, given) in [
            ("--date-format DD/MM/YYYY", "23/04/1990", "18/11/2026 10:00"),
            ("--date-format Born=excel --date-format given_at=D.M.YYYY", "32986", "18.11.2026"),
            ("--date-format dob=DD/MM/YYYY", "23/04/1990", "2026-11-18T10:00:00Z"),
        ] {
            p.run(&format!("{} {flags}", aadhaar(born, given))).ok();
            let shown = p.run("kyc reveal asha@acme.in aadhaar.dob --reason asked --stdout").ok();
            assert_eq!(shown, "1990-04-23\n", "{flags}");
            p.run("kyc reject asha@acme.in:aadhaar --reason unreadable").ok();
        }
        let given = p.column("consent list --sort given_at --columns given_at", "given_at");
        assert!(given.iter().all(|at| at.starts_with("2026-11-18T") || at.starts_with("2026-11-17T")), "{given:?}");
    });
}

/// Headers of all four kinds as earlier systems have them (DOMAIN.md) need no --map; what is made anew here is passed over, and said.
#[test]
fn headers_of_earlier_systems_are_known() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.run("user update asha@acme.in --external-id E1").ok();
        let notice = p.write("notice.txt", "We keep your papers.");
        let consent =
            format!("--consent N1 --notice-file {notice} --given-at 2026-11-20 --channel paper --language hi");
        let files = [
            (
                "aadhaar_number,aadhaar_name,aadhaar_dob,aadhaar_gender,aadhaar_address,aadhaar_otp_request_id",
                format!("{AADHAAR},{NAME},1971-03-17,female,\"{ADDRESS}\",otp-1"),
                "aadhaar_otp_request_id",
            ),
            ("pan_number,pan_name,pan_father_name,pan_dob", format!("{PAN},{NAME},{FATHER},1971-03-17"), ""),
            (
                "business_name,business_type,business_registration_number,business_address_line1,business_address_line2,business_phone,business_phone_verified,business_email,business_email_verified,selfie_verified",
                "Rao Traders,partnership,27AAPFU0939F1ZV,\"1, Fort\",Mumbai,+919820012345,true,rao@traders.example,false,true".to_owned(),
                "business_phone_verified, business_email_verified, selfie_verified",
            ),
            (
                "account_holder_name,account_number,account_number_last4,ifsc_code,account_type,bank_name,penny_drop_amount,penny_drop_reference",
                format!("{NAME},{ACCOUNT},6789,KARB0000001,savings,Karnataka Bank,1.00,UTR42"),
                "",
            ),
        ];
        for (head, row, passed_over) in files {
            let both = "name_match_score,verification_method,is_verified,verified_at,verified_by,api_response";
            let text =
                format!("userId,{head},{both}\nE1,{row},97.5,manual,true,2025-01-02,boss,\"{{\"\"ok\"\":true}}\"\n");
            let file = p.write("old.csv", text);
            let said = p.run(&format!("kyc import {file} --keep-verified {consent}"));
            assert_eq!(said.code, 0, "{head}: {}", said.err);
            let more = if passed_over.is_empty() { String::new() } else { format!("{passed_over}, ") };
            let note = format!("filled by them: {more}name_match_score, verification_method, verified_by\n");
            assert!(said.err.contains(&note), "{}", said.err);
        }
        let told = p.json("kyc show asha@acme.in:bank");
        assert_eq!(
            (&told["ifsc"], &told["reference"], &told["amount"]),
            (&"KARB0000001".into(), &"UTR42".into(), &"1.00".into())
        );
        let told = p.json("kyc show asha@acme.in:business");
        assert_eq!((&told["phone"], &told["email"]), (&"+919820012345".into(), &"rao@traders.example".into()));
        assert_eq!(p.json("kyc show asha@acme.in:aadhaar")["gender"], "female");
    });
}

/// What is exposed is told of whoever acted, also by another's hands; and of nobody that is not known.
#[test]
fn exposure_tells_whose_rights_were_used() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\n"));
        p.run("role create --code KEEPER --name Keeper").ok();
        p.run("role grant KEEPER kyc:reveal kyc:read users:read").ok();
        p.run("role assign KEEPER dev@acme.in").ok();
        p.run("kyc reveal asha@acme.in pan --reason asked --stdout --as dev@acme.in").ok();
        for of in ["dev@acme.in", "DEV222"] {
            assert_eq!(p.column(&format!("kyc exposure --actor {of}"), "user"), ["ASHA22"], "{of}");
        }
        assert_eq!(p.column("kyc exposure --actor ravi@acme.in", "user"), Vec::<String>::new());
        assert!(p.run("kyc exposure --actor tyypo").fails(3).contains("there is no actor tyypo"));
    });
}

/// A key that was destroyed by a rotation, or by a re-encryption, is known by what the trail says of it.
#[test]
fn exposure_knows_keys_that_are_gone() {
    on_both_engines_with_acme(|p| {
        people(p);
        submit(p, "pan asha@acme.in", &format!("{PAN}\nname: {NAME}\n"));
        submit(p, "pan ravi@acme.in", &format!("{OTHER_PAN}\nname: {NAME}\n"));
        p.wait(10);
        p.run(&format!("backup create --to {}", p.path("backups").display())).ok();
        p.wait(10);
        p.run("key rotate").ok();
        p.wait(10);
        let rotations = p.json("audit list --action key_rotate --org ACME --columns details");
        let gone = rotations[0]["details"]["keys"]["destroyed"][0].as_str().unwrap_or_default().to_owned();
        assert_eq!(gone.len(), 36, "{rotations}");
        assert_eq!(p.column(&format!("kyc exposure --key {gone}"), "user").len(), 2);
        let submitted = p.json("audit list --action kyc_submit --org ACME --columns details");
        let own = submitted[0]["details"]["keys"]["created"].as_array().expect("keys").clone();
        p.run("key reencrypt --yes").ok();
        let mut told = Vec::new();
        for key in own.iter().filter_map(|key| key.as_str()) {
            let said = p.run(&format!("kyc exposure --key {key} -o json"));
            if said.code == 0 {
                told.extend(said.json().as_array().into_iter().flatten().map(|one| one["user"].clone()));
            }
        }
        assert!(told.contains(&"RAV222".into()) && !told.contains(&"ASHA22".into()), "{told:?} of {own:?}");
    });
}

/// What was rejected, with its batch or out of it, and is looked at again needs evidence of its own.
#[test]
fn what_a_batch_lost_is_not_confirmed_with_it() {
    on_both_engines_with_acme(|p| {
        people(p);
        let rows = format!(
            "user,number,name,status\nasha@acme.in,{PAN},{NAME},verified\nravi@acme.in,{OTHER_PAN},{NAME},verified\n"
        );
        let said = p.run(&format!("kyc import {} --kind pan --keep-verified", p.write("in.csv", rows)));
        let batch = said
            .err
            .split("waits as batch ")
            .nth(1)
            .and_then(|rest| rest.split(':').next())
            .expect("a batch")
            .to_owned();
        assert_eq!(p.json("kyc show asha@acme.in:pan")["created_by"], p.json("user show asha@acme.in")["created_by"]);
        p.run("kyc reject asha@acme.in:pan --reason suspected_fraud").ok();
        p.run("kyc reopen ASHA22:pan:1").ok();
        p.by(Operator::new(2001, None, None));
        assert!(p.run(&format!("kyc import-confirm {batch}")).ok().is_empty());
        let state = |key: &str| p.json(&format!("kyc show {key}"))["status"].clone();
        assert_eq!((state("ASHA22:pan:1"), state("RAV222:pan:1")), ("in_review".into(), "verified".into()));
        p.run("kyc verify ASHA22:pan:1 --method manual --note seen").ok();
        submit(p, "pan dev@acme.in", &format!("ABCPK1234L\nname: {NAME}\n"));
        let made = p.json("kyc show dev@acme.in:pan");
        assert!(made["created_by"] != "system" && made["created_by"] == made["updated_by"], "{made}");
    });
}
