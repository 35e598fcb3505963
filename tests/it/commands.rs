//! Commands are data: what a command line comes to is kept as JSON, read back, and run on a copy that was taken before, with
//! the same effects. The effects are what the trail records, and a deep verification says that the rows are just that.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use orgctl::cli::commands::COMMANDS;
use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::crud::stored::StoredCommand;
use orgctl::model::clock::Clock as _;
use orgctl::model::kinds::Kinds;
use orgctl::model::kinds::seeds::SEEDS;
use orgctl::model::operator::Operator;
use regex::Regex;
use serde_json::Value as Json;

use crate::harness::{Engine, TEMPLATES, TestEnv, root};
use crate::own_kinds::composite::KINDS;
use crate::raw::{disarm, name_of, on};

/// With kinds of every shape, and the templates that the program brings along.
const PROGRAM: Program = Program::new(Kinds::new(KINDS).bringing(&TEMPLATES), &[LEAVES]);

/// With all else that it brings along.
const SEEDED: Program = Program::new(Kinds::new(KINDS).bringing(SEEDS), &[LEAVES]);

/// What the commands are about.
const BASE: &[&str] = &[
    "init --org-code ACME --org-name 'Acme Ltd'",
    "branch create --code B1 --name One",
    "branch create --code B2 --name Two --parent B1",
    "dept create --code D1 --name One",
    "dept create --code D2 --name Two",
    "dept create --code D3 --name Three",
    "dept delete D2 D3 --yes",
    "user create --user-code ASHA22 --username asha --name Asha --email asha@acme.example --branch B1",
    "user create --user-code RAV222 --username ravi --name Ravi --reports-to asha --email ravi@acme.example",
    "user create --user-code MEENA2 --username meena --name Meena",
    "user create --user-code GONE22 --username gone --name Gone",
    "user delete gone --yes",
    "user purge gone --yes",
    "user block meena --reason lost",
    "user invite ravi",
    "role create --code R1 --name One",
    "role create --code R2 --name Two",
    "role assign R1 ravi",
    "setting set password.history 3 --org ACME",
    "branch update B2 --name Zwei",
    "ticket create --code T-1 --title 'About T-1' --requester asha",
];

/// A command line, what it reads from standard input, and the names of the commands that come of it.
type Sample = (&'static str, &'static str, &'static [&'static str]);

const SAMPLES: &[Sample] = &[
    ("branch create --code B9 --name Nine --parent B1", "", &["create"]),
    ("org create --code NEW --name New", "", &["create"]),
    ("user create --user-code NINA22 --name Nina --mobile 9820012345 --branch B2", "", &["create"]),
    ("user update ravi asha --designation Clerk", "", &["change"]),
    ("user update - --designation Clerk --keep-going", "ravi\nasha\n", &["change", "change"]),
    ("user move ravi --reports-to meena --force", "", &["change"]),
    ("user rename ravi --username ravindra", "", &["change"]),
    ("branch deactivate B2", "", &["deactivate"]),
    ("user deactivate asha --reassign-to meena", "", &["deactivate"]),
    ("branch delete B1 --cascade --yes", "", &["delete"]),
    ("user delete asha --orphan --yes", "", &["delete"]),
    ("dept restore D2", "", &["restore"]),
    ("dept purge D3 --yes", "", &["purge"]),
    ("ticket start T-1", "", &["move"]),
    ("ticket close T-1 --reason 'not needed'", "", &["move"]),
    ("branch assign B2 ravi meena", "", &["assign"]),
    ("role assign R2 ravi --expires-at 30d --branch B1", "", &["assign"]),
    ("role unassign R1 ravi --yes", "", &["end"]),
    ("preference update ravi --scheme dark", "", &["keep"]),
    ("user block ravi --reason audit --until 7d", "", &["user block"]),
    ("user unblock meena", "", &["user unblock"]),
    ("user uninvite ravi", "", &["user uninvite"]),
    ("user assign-branch ravi --branch B2 --branch B1", "", &["user assign-branch"]),
    ("user merge meena ravi --yes", "", &["user merge"]),
    ("user passwd ravi --password-stdin", "correct horse battery staple\n", &["user passwd"]),
    ("role template apply SALES", "", &["role template apply"]),
    ("role grant R1 users:read '*:export' --own-branch", "", &["role grant"]),
    ("role clone R1 R3 --name Three", "", &["role clone"]),
    ("setting set password.min_length 20 --org ACME", "", &["setting set"]),
    ("setting set --system argon2.passes 3", "", &["setting set"]),
    ("setting reset password.history --org ACME", "", &["setting reset"]),
    (
        "audit append --action asset_transfer --resource asset:LAP-1 --comment 'to Pune' --org ACME",
        "",
        &["audit append"],
    ),
    ("audit revert LAST --org ACME", "", &["audit revert"]),
    ("branch import FILE --on-conflict update", "code,name,parent\nB1,Eins,\nX1,Other,B1\n", &["import"]),
    (
        "user import FILE --create-missing",
        "user_code,name,mobile,branches\nNINA22,Nina,9820012345,B1;B7\nTMTM22,Tom,9820012346,B2\n",
        &["user import"],
    ),
    (
        "user import FILE --on-conflict update --map address.city=city",
        "[{\"user_code\":\"RAV222\",\"address\":{\"city\":\"Pune\"},\"branches\":[\"B1\"]}]",
        &["user import"],
    ),
    ("org import FILE", "code,name\nSECOND,Second\nTHIRD,Third\n", &["org import"]),
];

/// What must have happened before.
type Before = fn(&TestEnv);

const AFTER: &[(Before, Sample)] = &[
    (ahead, ("audit correct-clock --now '2026-11-21T02:00:00Z'", "", &["audit correct-clock"])),
    (|_| {}, ("db seed", "", &["db seed"])),
    (head_moved, ("db repair --name NAME", "", &["db repair"])),
    (submitted, ("consent withdraw asha:1", "", &["consent withdraw"])),
    (submitted, ("kyc start asha:pan", "", &["kyc review"])),
    (submitted, ("kyc reject asha:pan --reason mismatch", "", &["kyc reject"])),
    (submitted, ("kyc risk set high asha:pan", "", &["kyc risk set"])),
    (drafted, ("kyc discard asha:pan --yes", "", &["kyc discard"])),
    (batch, ("kyc import-confirm 000000000042", "", &["kyc import-confirm"])),
    (batch, ("kyc import-cancel 000000000042", "", &["kyc import-confirm"])),
    (started, ("kyc verify asha:pan --method manual --note seen", "", &["kyc verify"])),
    (spoken, ("audit log prune --before 50d", "", &["prune", "prune"])),
];

const DAY: i64 = 86_400;

/// The trail is ahead of the clock.
fn ahead(p: &TestEnv) {
    p.wait(500 * DAY);
    p.run("branch create --code B7 --name Seven --yes").ok();
    p.wait(-500 * DAY);
    p.wait(7200 - 60);
}

/// Somebody wrote to the head of a trail.
fn head_moved(p: &TestEnv) {
    disarm(p);
    let far = on(p, "253402300799999999", "'9999-12-31'");
    p.sql(&format!("update audit_heads set at = {far} where tree = 1")).expect("planted");
}

/// Somebody else submitted a paper.
fn submitted(p: &TestEnv) {
    p.by(Operator::new(4321, None, None));
    p.run("key init").ok();
    p.run_with("kyc submit pan asha --from - --consent N1 --notice-file /proc/self/comm --given-at 1d --channel web --language en", "AAPPV8261K\nname: Asha\n").ok();
    p.by(Operator::new(0, None, None));
}

/// A paper was kept as a draft.
fn drafted(p: &TestEnv) {
    p.run("key init").ok();
    p.run_with("kyc submit pan asha --draft --from -", "AAPPV8261K\nname: Asha\n").ok();
}

/// Somebody else brought a paper that was verified elsewhere.
fn batch(p: &TestEnv) {
    p.by(Operator::new(4321, None, None));
    p.run("key init").ok();
    let file = p.write("batch.csv", "user,pan_number,pan_name,is_verified\nasha,AAPPV8261K,Asha,yes\n");
    let request = "01a22ce4-6e13-70a6-ba6d-000000000042";
    p.run(&format!("kyc import {file} --keep-verified --request-id {request}")).ok();
    p.by(Operator::new(0, None, None));
}

fn started(p: &TestEnv) {
    submitted(p);
    p.run("kyc start asha:pan").ok();
}

/// The program had something to say, long ago.
fn spoken(p: &TestEnv) {
    disarm(p);
    p.sql("update audit_records set payload = '{}' where tree = 1 and seq = 1").expect("edited");
    p.run("audit verify").fails(8);
    p.wait(60 * DAY);
}

/// What the trails record since they had so many records, without what is made anew each time: ids, times of now, requests.
fn effects(p: &TestEnv, known: usize) -> Vec<Json> {
    let all = p.run("audit list --all -o ndjson").ok();
    let lines: Vec<&str> = all.lines().collect();
    let now = p.clock.now();
    lines[..lines.len() - known].iter().map(|l| plain(serde_json::from_str(l).expect("JSON"), now)).collect()
}

fn plain(json: Json, now: DateTime<Utc>) -> Json {
    match json {
        Json::Object(members) => {
            let kept = members
                .into_iter()
                .filter(|(name, _)| !matches!(name.as_str(), "request_id" | "resource_id" | "fingerprint"));
            Json::Object(kept.map(|(name, value)| (name, plain(value, now))).collect())
        }
        Json::Array(members) => Json::Array(members.into_iter().map(|m| plain(m, now)).collect()),
        Json::String(text) => {
            let is_now = |t: DateTime<Utc>| (now - t).abs() < TimeDelta::minutes(5);
            let time = DateTime::parse_from_rfc3339(&text).ok().map(|t| t.with_timezone(&Utc));
            match time.filter(|t| is_now(*t)) {
                Some(_) => "now".into(),
                None => uuids().replace_all(&text, "id").into_owned().into(),
            }
        }
        other => other,
    }
}

fn uuids() -> Regex {
    Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("a pattern")
}

/// Plays a sample on one of two places that are alike, and what was kept of it on the other.
fn play(engine: Engine, before: Before, (line, stdin, names): &Sample) {
    eprintln!("--- {line} on {engine:?}");
    let mut p = TestEnv::prepared(engine, PROGRAM, BASE);
    if *names == ["db seed"] {
        p.program = SEEDED;
    }
    before(&p);
    let last = p.column("audit list --org ACME --limit 2", "seq").pop().expect("a record");
    let file = p.write("input", stdin);
    let line = line.replace("LAST", &last).replace("FILE", &file).replace("NAME", &name_of(&p));
    let (known, q) = (p.audit_records(), p.copy());
    let is_spoiled = p.run("db check").code != 0;
    let (said, kept) = p.run_taped(&line, stdin);
    said.ok();
    let kept: Vec<StoredCommand> = kept.into_iter().map(|kept| kept.expect("a command that can be kept")).collect();
    assert_eq!(kept.iter().map(|k| k.name.as_str()).collect::<Vec<_>>(), *names, "{line}");
    let done = effects(&p, known);
    assert!(!done.is_empty() || line.contains(" prune "), "{line} has no effect");
    for kept in &kept {
        let text = serde_json::to_string(kept).expect("JSON");
        assert!(!text.contains("correct horse"), "{text}");
        let read_back = serde_json::from_str(&text).expect("what was written");
        q.run_stored(&read_back).ok();
    }
    let again = effects(&q, known);
    for (a, b) in done.iter().zip(&again) {
        assert_eq!(format!("{a:#}"), format!("{b:#}"), "{line}");
    }
    assert_eq!(done.len(), again.len(), "{line}");
    // What was spoiled beforehand is as wrong in both.
    let says = ["audit verify --deep", "db check", "audit log list --source 'audit verify' -o json --columns message"];
    let [p_says, q_says] = [&p, &q].map(|p| says.map(|line| p.run(line)).map(|said| (said.code, said.out)));
    assert_eq!(p_says, q_says, "{line}");
    if !is_spoiled {
        assert_eq!((q_says[0].0, q_says[1].0), (0, 0), "{line}");
    }
}

fn play_all(engine: Engine) {
    for sample in SAMPLES {
        play(engine, |_| {}, sample);
    }
}

#[test]
fn what_is_kept_has_the_same_effects_on_a_copy_of_a_file() {
    play_all(Engine::Sqlite);
}

#[test]
fn what_is_kept_has_the_same_effects_on_a_copy_on_a_server() {
    play_all(Engine::Postgres);
}

#[test]
fn what_is_kept_in_a_place_of_its_own_has_the_same_effects_on_a_copy() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for (before, sample) in AFTER {
            play(engine, *before, sample);
        }
    }
}

#[test]
fn every_command_that_can_be_kept_has_a_sample() {
    let known: BTreeSet<&str> = COMMANDS.iter().map(|c| c.name).collect();
    assert_eq!(known.len(), COMMANDS.len(), "two have the same name");
    let shown =
        SAMPLES.iter().chain(AFTER.iter().map(|(_, sample)| sample)).flat_map(|(.., names)| names.iter()).copied();
    assert_eq!(shown.collect::<BTreeSet<_>>(), known);
}

/// What is a command and is not in the list says why it can't be kept, whatever it holds.
#[test]
fn what_is_not_in_the_list_says_why() {
    let block = Regex::new(r"(?s)impl Verb for \w+ \{\n.*?\n\}\n").expect("a pattern");
    let name = Regex::new("const NAME: &str = \"(.*)\";").expect("a pattern");
    let always = Regex::new(r"fn cannot_be_kept\(&self\) -> Option<&'static str> \{\s*Some\(").expect("a pattern");
    let mut found = 0;
    for file in files(&root().join("src")) {
        let text = std::fs::read_to_string(&file).expect("a source");
        for verb in block.find_iter(&text) {
            let name = &name.captures(verb.as_str()).expect("a name")[1];
            let is_listed = COMMANDS.iter().any(|c| c.name == name);
            assert_ne!(is_listed, always.is_match(verb.as_str()), "{name} in {}", file.display());
            found += 1;
        }
    }
    assert!(found > COMMANDS.len(), "{found}");
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_command_that_cant_be_kept_says_so() {
    let p = TestEnv::prepared(Engine::Sqlite, PROGRAM, BASE);
    let why = |line: &str, stdin: &str| {
        let (said, kept) = p.run_taped(line, stdin);
        said.ok();
        kept.into_iter().map(|kept| kept.expect_err("it can't be kept").sentence).collect::<Vec<_>>()
    };
    assert_eq!(
        why("branch import -", "code,name\nX1,Other\n"),
        ["'branch import' can't be kept for another time: it reads standard input, or what can be read once"]
    );
    let file = p.write("input.csv", "code,name\nX2,Other\n");
    assert_eq!(
        why(&format!("branch import {file} --rejects {}", p.path("rejects.csv").display()), ""),
        ["'branch import' can't be kept for another time: it writes a file of rejected rows"]
    );
    assert_eq!(
        why("branch export -o csv", ""),
        ["'branch export' can't be kept for another time: what it tells goes elsewhere"]
    );
}

/// A file that was changed since is another one, and nothing is loaded of it.
#[test]
fn an_input_file_is_known_by_its_checksum() {
    let p = TestEnv::prepared(Engine::Sqlite, PROGRAM, BASE);
    let file = p.write("input.csv", "code,name\nX1,Other\n");
    let (said, kept) = p.run_taped(&format!("branch import {file} --dry-run"), "");
    said.ok();
    let kept = kept.into_iter().next().expect("a command").expect("it can be kept");
    let stored = &kept.arguments["source"]["file"];
    assert_eq!(stored["path"], file.as_str());
    // sha256sum of that text
    assert_eq!(stored["sha256"], "f8bb4d1efab8af7cf7f9ee131a5fc34d9d1cea96ac6cc4eed0ece3e5e49a441a");
    p.write("input.csv", "code,name\nX1,Otter\n");
    let said = p.run_stored(&kept).fails(4);
    assert!(said.contains("is not what it was when the command was stored"), "{said}");
    p.run("branch exists X1").fails(3);
    p.write("input.csv", "code,name\nX1,Other\n");
    p.run_stored(&kept).ok();
    assert_eq!(p.json("branch show X1")["name"], "Other");
    std::fs::remove_file(&file).expect("removed");
    p.run_stored(&kept).fails(1);
}

/// What was seen when it was kept is bound by its version: what changed since is not overwritten.
#[test]
fn a_version_that_moved_on_refuses_what_was_kept() {
    let p = TestEnv::prepared(Engine::Sqlite, PROGRAM, BASE);
    let (said, kept) = p.run_taped("branch update B1 --name Uno --if-version 1 --dry-run", "");
    said.ok();
    let kept = kept.into_iter().next().expect("a command").expect("it can be kept");
    p.run("branch update B1 --name Ein").ok();
    p.run_stored(&kept).fails(4);
    assert_eq!(p.json("branch show B1")["name"], "Ein");
}

/// Rows that are rejected are told by the exit code, also where nobody reads the report.
#[test]
fn a_kept_import_ends_as_it_would() {
    let p = TestEnv::prepared(Engine::Sqlite, PROGRAM, BASE);
    let file = p.write("input.csv", "code,name\nX1,Other\n,Nameless\n");
    for (flags, code, says) in
        [("", 6, "1 of 2 rows was rejected; nothing was imported"), (" --keep-going", 7, "1 of 2 rows was rejected")]
    {
        let (said, kept) = p.run_taped(&format!("branch import {file}{flags}"), "");
        said.fails(code);
        let q = TestEnv::prepared(Engine::Sqlite, PROGRAM, BASE);
        let kept = kept.into_iter().next().expect("a command").expect("it can be kept");
        let said = q.run_stored(&kept).fails(code);
        assert!(said.contains(says), "{said}");
    }
}
