//! `-o json` is for programs: every command gives them something that parses, and a secret that was not seen is none.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::process::Stdio;

use serde_json::Value;

use orgctl::cli::program::Program;
use orgctl::model::resource::Descriptor;
use orgctl::model::resource::examples;
use orgctl::model::resource::verbs::Verb;

use crate::harness::{Engine, TestEnv, on_both_engines, on_both_engines_with_acme, split};

/// A command line for every leaf that is not among [`common`], in an order in which each can be done. `%` stands for the folder of the test.
const SAMPLES: &[(&str, &str)] = &[
    ("init", "init --org-code ACME --org-name Acme"),
    ("permissions", "permissions"),
    ("config show", "config show"),
    ("config path", "config path"),
    ("role template list", "role template list"),
    ("role template apply", "role template apply SALES"),
    ("org create", "org create --code BETA --name Beta"),
    ("org update", "org update BETA --name 'Beta Ltd'"),
    ("org list", "org list"),
    ("org find", "org find beta"),
    ("org show", "org show ACME"),
    ("org exists", "org exists ACME"),
    ("org stats", "org stats"),
    ("org history", "org history BETA"),
    ("org export", "org export %/orgs.csv"),
    ("org import", "org import %/orgs-there.csv --on-conflict skip"),
    ("org deactivate", "org deactivate BETA"),
    ("org activate", "org activate BETA"),
    ("org delete", "org delete BETA --yes"),
    ("org restore", "org restore BETA"),
    ("org delete", "org delete BETA --yes"),
    ("org purge", "org purge BETA --yes"),
    ("branch create", "branch create --code HO --name Head"),
    ("branch create", "branch create --code B1 --name One --parent HO"),
    ("branch update", "branch update B1 --city Pune"),
    ("branch list", "branch list"),
    ("branch find", "branch find one"),
    ("branch show", "branch show B1"),
    ("branch exists", "branch exists HO B1"),
    ("branch tree", "branch tree"),
    ("branch stats", "branch stats"),
    ("branch move", "branch move B1 --root"),
    ("branch history", "branch history B1"),
    ("branch export", "branch export %/branches.csv"),
    ("branch import", "branch import %/more.csv --on-conflict skip"),
    ("branch deactivate", "branch deactivate B1 HO --keep-going"),
    ("branch activate", "branch activate B1 HO"),
    ("branch delete", "branch delete B1 --yes"),
    ("branch restore", "branch restore B1"),
    ("branch delete", "branch delete B1 --yes"),
    ("branch purge", "branch purge B1 --yes"),
    ("dept create", "dept create --code D1 --name Finance"),
    ("dept update", "dept update D1 --cost-center C1"),
    ("dept list", "dept list"),
    ("dept find", "dept find finance"),
    ("dept show", "dept show D1"),
    ("dept exists", "dept exists D1"),
    ("dept members", "dept members D1"),
    ("dept stats", "dept stats"),
    ("dept history", "dept history D1"),
    ("dept export", "dept export %/depts.csv"),
    ("dept import", "dept import %/more.csv --on-conflict skip"),
    ("dept deactivate", "dept deactivate D1"),
    ("dept activate", "dept activate D1"),
    ("dept delete", "dept delete D1 --yes"),
    ("dept restore", "dept restore D1"),
    ("dept delete", "dept delete D1 --yes"),
    ("dept purge", "dept purge D1 --yes"),
    ("user create", "user create --user-code AAA222 --name 'Asha Rao' --email a@acme.example"),
    ("user create", "user create --user-code BBB222 --name 'Ravi Rao' --email b@acme.example --reports-to AAA222"),
    ("user create", "user create --user-code CCC222 --name 'Meena Iyer' --email c@acme.example"),
    ("user update", "user update BBB222 --designation Clerk"),
    ("user list", "user list"),
    ("user find", "user find rao"),
    ("user show", "user show AAA222"),
    ("user exists", "user exists AAA222"),
    ("user history", "user history BBB222"),
    ("user stats", "user stats"),
    ("user whoami", "user whoami"),
    ("user reports", "user reports AAA222"),
    ("user export", "user export %/users.csv"),
    ("user import", "user import %/people.csv --on-conflict skip"),
    ("user block", "user block BBB222 --reason lost"),
    ("user unblock", "user unblock BBB222"),
    ("user invite", "user invite BBB222"),
    ("user uninvite", "user uninvite BBB222"),
    ("user move", "user move BBB222 --branch HO"),
    ("user assign-branch", "user assign-branch AAA222 --branch HO"),
    ("user unassign-branch", "user unassign-branch AAA222 --branch HO"),
    ("user rename", "user rename BBB222 --username ravi"),
    ("role create", "role create --code CLERK --name Clerk"),
    ("role grant", "role grant CLERK users:read users:update --own-branch"),
    ("role assign", "role assign CLERK AAA222"),
    ("role check", "role check AAA222 users:read"),
    ("role explain", "role explain AAA222 users:read"),
    ("role who-can", "role who-can users:read"),
    ("role members", "role members CLERK"),
    ("role permissions", "role permissions CLERK"),
    ("role clone", "role clone CLERK HEAD_CLERK"),
    ("role revoke", "role revoke HEAD_CLERK users:update --yes"),
    ("role diff", "role diff CLERK HEAD_CLERK"),
    ("role matrix", "role matrix"),
    ("user can", "user can AAA222"),
    ("user roles", "user roles AAA222"),
    ("user passwd", "user passwd AAA222 --generate"),
    ("user dossier", "user dossier AAA222"),
    ("user merge", "user merge CCC222 AAA222 --yes"),
    ("former-key list", "former-key list"),
    ("former-key show", "former-key show user_code:CCC222"),
    ("former-key exists", "former-key exists email:c@acme.example"),
    ("former-key history", "former-key history user_code:CCC222"),
    ("former-key export", "former-key export %/former.csv"),
    ("former-key delete", "former-key delete user_code:CCC222 --yes"),
    ("former-key restore", "former-key restore user_code:CCC222"),
    ("former-key delete", "former-key delete email:c@acme.example --yes"),
    ("former-key purge", "former-key purge email:c@acme.example --yes"),
    ("user deactivate", "user deactivate BBB222"),
    ("user activate", "user activate BBB222"),
    ("user delete", "user delete BBB222 --yes"),
    ("user restore", "user restore BBB222"),
    ("user delete", "user delete BBB222 --yes"),
    ("user purge", "user purge BBB222 --yes"),
    // Whom the examples of other kinds are about, and where he or she is.
    ("branch create", "branch create --code MUM01 --name Mumbai"),
    ("user create", "user create --name 'Asha Rao' --email asha@sahyadri.example"),
    ("setting list", "setting list"),
    ("setting set", "setting set password.history 3"),
    ("setting get", "setting get password.history"),
    ("setting explain", "setting explain password.history"),
    ("setting show", "setting show password.history"),
    ("setting exists", "setting exists password.history"),
    ("setting history", "setting history password.history"),
    ("setting export", "setting export %/settings.csv"),
    ("setting reset", "setting reset password.history"),
    ("setting restore", "setting restore password.history"),
    ("setting reset", "setting reset password.history"),
    ("setting purge", "setting purge password.history --yes"),
    ("key init", "key init"),
    ("key status", "key status"),
    (
        "kyc submit",
        "kyc submit pan asha@sahyadri.example --from %/paper.txt --consent KYC-1 --notice-file %/names.txt --given-at 1d --channel web --language en",
    ),
    ("consent list", "consent list"),
    ("consent show", "consent show asha@sahyadri.example:1"),
    ("consent exists", "consent exists asha@sahyadri.example:1"),
    ("consent history", "consent history asha@sahyadri.example:1"),
    ("consent export", "consent export %/consents.csv"),
    ("consent withdraw", "consent withdraw asha@sahyadri.example:1"),
    ("kyc submit", "kyc submit pan asha@sahyadri.example --from %/paper.txt --draft"),
    ("kyc discard", "kyc discard asha@sahyadri.example:pan --yes"),
    ("kyc list", "kyc list"),
    ("kyc show", "kyc show asha@sahyadri.example:pan"),
    ("kyc exists", "kyc exists asha@sahyadri.example:pan:1"),
    ("kyc history", "kyc history asha@sahyadri.example:pan"),
    ("kyc export", "kyc export %/kyc.csv"),
    ("kyc stats", "kyc stats"),
    ("kyc expire", "kyc expire"),
    ("kyc find", "kyc find --kind pan %/pan.txt"),
    ("kyc duplicates", "kyc duplicates"),
    ("kyc reveal", "kyc reveal asha@sahyadri.example pan --reason asked --stdout"),
    ("kyc exposure", "kyc exposure --actor asha@sahyadri.example"),
    ("setting set", "setting set kyc.aadhaar_storage sealed"),
    ("kyc redact", "kyc redact --yes"),
    ("kyc import", "kyc import %/accounts.csv"),
    ("kyc import", "kyc import %/batch.csv --keep-verified --request-id 01a22ce4-6e13-70a6-ba6d-000000000042"),
    ("kyc import-cancel", "kyc import-cancel 000000000042"),
    ("kyc import", "kyc import %/batch.csv --keep-verified --request-id 01a22ce4-6e13-70a6-ba6d-000000000043"),
    ("kyc status", "kyc status asha@sahyadri.example"),
    ("kyc assign", "kyc assign asha@sahyadri.example:pan --to AAA222"),
    ("kyc assign", "kyc assign asha@sahyadri.example:pan --to ''"),
    ("kyc start", "kyc start asha@sahyadri.example:pan"),
    ("kyc risk set", "kyc risk set low asha@sahyadri.example:pan"),
    ("kyc reject", "kyc reject asha@sahyadri.example:pan --reason unreadable"),
    ("kyc reopen", "kyc reopen asha@sahyadri.example:pan:1"),
    ("kyc validate", "kyc validate --kind ifsc %/codes.txt"),
    ("kyc match", "kyc match %/names.txt"),
    ("audit list", "audit list"),
    ("audit tail", "audit tail"),
    ("audit stats", "audit stats"),
    ("audit show", "audit show 1 --org ACME"),
    ("audit diff", "audit diff --from 1h"),
    ("audit verify", "audit verify"),
    ("audit append", "audit append --action payment --resource asset:1"),
    ("audit keygen", "audit keygen"),
    ("audit pubkey", "audit pubkey"),
    ("audit checkpoint", "audit checkpoint"),
    ("audit checkpoint", "audit checkpoint --out %/c.txt"),
    ("audit prove", "audit prove 1 --org ACME"),
    ("audit prove", "audit prove 1 --org ACME --out %/p.txt"),
    ("audit check-proof", "audit check-proof %/p.txt"),
    ("audit export", "audit export %/trail.jsonl --org ACME"),
    ("log list", "log list"),
    ("log stats", "log stats"),
    ("log export", "log export"),
    ("log prune", "log prune --before 900d"),
    ("audit log list", "audit log list"),
    ("audit log prune", "audit log prune --before 900d"),
    ("audit archive", "audit archive --before 900d --out %/a.gz --org ACME"),
    ("key rotate", "key rotate"),
    ("key reencrypt", "key reencrypt"),
    ("key export", "key export %/master.age --to age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"),
    ("backup create", "backup create --to %/backups"),
    ("backup list", "backup list --from %/backups"),
    ("backup show", "backup show latest --from %/backups"),
    ("backup verify", "backup verify latest --from %/backups"),
    ("backup diff", "backup diff latest --from %/backups"),
    ("backup hold", "backup hold latest --until 9d --from %/backups"),
    ("backup release", "backup release latest --from %/backups"),
    ("backup prune", "backup prune --keep-last 1 --from %/backups"),
    ("backup drill", "backup drill --from %/backups"),
    ("backup status", "backup status --from %/backups"),
    ("doctor", "doctor"),
    ("backup restore", "backup restore latest --from %/backups --into sqlite://%/restored.db"),
    ("backup forget", "backup forget latest --from %/backups --yes"),
    ("db status", "db status"),
    ("db check", "db check"),
    ("db migrate", "db migrate"),
    ("db seed", "db seed"),
    ("db copy", "db copy --to sqlite://%/copied.db"),
    ("db repair", "db repair --yes"),
    ("db rollback", "db rollback --dry-run"),
    ("db reset", "db reset --dry-run"),
];

/// Told elsewhere: they need something that a line can't give.
const ELSEWHERE: &[&str] = &[
    "demo",
    "db grants",
    "log show",
    "user check-password",
    "audit revert",
    "audit erase",
    "audit correct-clock",
    "kyc claim",
    "kyc import-confirm",
    "kyc verify",
    "key import",
];

fn leaves(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
    for sub in command.get_subcommands() {
        let path = format!("{path} {}", sub.get_name()).trim().to_owned();
        match sub.has_subcommands() {
            true => leaves(sub, &path, found),
            false => drop(found.insert(path)),
        }
    }
}

/// A command line for each verb that kinds have in common, of the kinds of which nothing is said among the samples, made of
/// their own examples: what makes records and looks at them, and what takes them away.
fn common(desc: &'static Descriptor) -> [Vec<(String, String)>; 2] {
    let (noun, key) = (desc.noun, desc.examples.key);
    let change = examples::change(desc);
    let verbs = [
        (Verb::Create, desc.examples.create.to_owned()),
        (Verb::Update, format!("{key} {change}")),
        (Verb::List, String::new()),
        (Verb::Find, desc.examples.find.first().copied().unwrap_or_default().to_owned()),
        (Verb::Show, key.to_owned()),
        (Verb::Exists, key.to_owned()),
        (Verb::History, key.to_owned()),
        (Verb::Export, format!("%/{noun}.csv")),
        (Verb::Import, format!("%/{noun}-new.csv --on-conflict skip")),
        (Verb::Deactivate, key.to_owned()),
        (Verb::Activate, key.to_owned()),
    ];
    let gone = [
        (Verb::Delete, format!("{key} --yes")),
        (Verb::Restore, key.to_owned()),
        (Verb::Delete, format!("{key} --yes")),
        (Verb::Purge, format!("{key} --yes")),
    ];
    let line = |(verb, args): (Verb, String)| {
        let leaf = format!("{noun} {}", verb.as_str());
        (leaf.clone(), format!("{leaf} {args}").trim_end().to_owned())
    };
    let [mut made, mut taken] = [verbs.to_vec(), gone.to_vec()]
        .map(|verbs| verbs.into_iter().filter(|(verb, _)| desc.does(*verb)).map(line).collect::<Vec<_>>());
    let mut unassign = None;
    if let Some(link) = desc.link() {
        let (item, other) = key.split_once(':').expect("the key of a link");
        let line = |verb: &str, more: &str| {
            let leaf = format!("{} {verb}", link.item.1.noun);
            (leaf.clone(), format!("{leaf} {item} {other}{more}"))
        };
        made.insert(0, line(link.assign, ""));
        unassign = Some(line(link.unassign, " --yes"));
    }
    if desc.ends() {
        // It is made anew whenever it has ended.
        let revoke = (format!("{noun} revoke"), format!("{noun} revoke {key} --yes"));
        let end = unassign.unwrap_or_else(|| revoke.clone());
        taken.splice(2..2, [revoke, made[0].clone(), end, made[0].clone()]);
    } else if let Some(unassign) = unassign {
        // In place of the second time.
        taken[2] = unassign;
    }
    [made, taken]
}

/// A command line for every leaf, in an order in which each can be done.
fn samples() -> Vec<(String, String)> {
    let said = SAMPLES.iter().map(|(leaf, line)| ((*leaf).to_owned(), (*line).to_owned()));
    let is_said = |d: &&Descriptor| SAMPLES.iter().any(|(leaf, _)| *leaf == format!("{} list", d.noun));
    // Of two that are joined the example of their kind makes one.
    let other = ("role create".to_owned(), "role create --code READER --name Reader".to_owned());
    let of_kinds: Vec<_> = Program::default().kinds.resources().filter(|d| !is_said(d)).map(common).collect();
    // What refers to others goes before those do.
    let taken: Vec<_> = of_kinds.iter().rev().flat_map(|[_, taken]| taken.clone()).collect();
    let kinds = of_kinds.into_iter().flat_map(|[made, _]| made).chain(taken);
    // What comes last looks at all of it, or drops it.
    let (first, last): (Vec<_>, Vec<_>) =
        said.partition(|(leaf, _)| !["audit", "backup", "db"].iter().any(|n| leaf.starts_with(n)));
    first.into_iter().chain([other]).chain(kinds).chain(last).collect()
}

/// The files that the samples read: of each kind its own example.
fn write_files(p: &TestEnv) {
    p.write("paper.txt", "AAPPV8261K\nname: ASHA RAO\n");
    p.write("codes.txt", "KARB0000001\n");
    p.write(
        "batch.csv",
        "user,business_registration_number,business_name,business_type,is_verified\nasha@sahyadri.example,AAA-1234,Sahyadri,llp,yes\n",
    );
    p.write("pan.txt", "AAPPV8261K\n");
    p.write("accounts.csv", "user,account_number,account_holder_name,ifsc,account_type\nasha@sahyadri.example,000412356789,Asha Rao,KARB0000001,savings\n");
    p.write("names.txt", "Ravi Kumar\nKumar Ravi\n");
    p.write("more.csv", "code,name\nNEW1,New\n");
    p.write("orgs-there.csv", "code,name\nACME,Acme\n");
    p.write("people.csv", "user_code,name\nDDD222,Dev Rao\n");
    for desc in Program::default().kinds.resources() {
        let words = split(desc.examples.create);
        let pairs = words.as_chunks::<2>().0;
        let head: Vec<String> = pairs.iter().map(|[flag, _]| flag.trim_start_matches('-').replace('-', "_")).collect();
        let row: Vec<&str> = pairs.iter().map(|[_, value]| value.as_str()).collect();
        p.write(&format!("{}-new.csv", desc.noun), format!("{}\n{}\n", head.join(","), row.join(",")));
    }
}

#[track_caller]
fn parses(p: &TestEnv, line: &str) -> Value {
    try_parse(p, line).unwrap_or_else(|e| panic!("{e}"))
}

fn try_parse(p: &TestEnv, line: &str) -> Result<Value, String> {
    let said = p.run(&format!("{line} -o json"));
    match (said.code, serde_json::from_str(&said.out)) {
        (0, Ok(value)) => Ok(value),
        (code, other) => Err(format!("{line}: exit {code}, {:?} of {:?}: {}", other.err(), said.out, said.err)),
    }
}

#[test]
fn every_command_gives_json() {
    let mut all = BTreeSet::new();
    leaves(&Program::default().command(), "", &mut all);
    let told: BTreeSet<String> = samples().into_iter().map(|(leaf, _)| leaf).collect();
    let missing: Vec<&String> = all.iter().filter(|l| !told.contains(*l) && !ELSEWHERE.contains(&l.as_str())).collect();
    assert!(missing.is_empty(), "no sample for {missing:?}");
    on_both_engines(|p| {
        write_files(p);
        let mut wrong = Vec::new();
        for (_, line) in &samples() {
            let line = line.replace('%', &p.dir.path().display().to_string());
            // Done dry first, then in earnest.
            if !line.contains("--dry-run") && !line.starts_with("audit prove") && !line.starts_with("init") {
                wrong.extend(try_parse(p, &format!("{line} --dry-run")).err());
            }
            wrong.extend(try_parse(p, &line).err());
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        if p.engine == Engine::Postgres {
            assert!(parses(p, "db grants --role app")["statements"].is_array());
        }
    });
}

#[test]
fn what_a_command_found_is_in_its_json() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("user create --user-code AAA222 --name 'Asha Rao' --email a@acme.example").ok();
        // Not found is an answer, and an error.
        let said = p.run("branch exists NOPE -o json");
        assert_eq!(said.code, 3);
        assert_eq!(said.json(), serde_json::json!({ "key": "NOPE", "exists": false }));
        assert!(serde_json::from_str::<Value>(&said.err).expect("an error")["error"]["kind"] == "not_found");
        assert_eq!(parses(p, "branch exists B1")["exists"], true);
        // What a change left.
        assert_eq!(parses(p, "branch delete B1 --yes")["status"], "deleted");
        let both = p.run("branch restore B1 B9 --keep-going -o json");
        assert_eq!((both.code, both.json()[0]["code"].as_str()), (7, Some("B1")));
        assert_eq!(both.json()[1]["error"]["kind"], "not_found");
        let dry = parses(p, "branch delete B1 --dry-run");
        assert_eq!((dry["command"].as_str(), dry["dry_run"].as_bool()), (Some("branch delete"), Some(true)));
        assert_eq!(dry["told"][0], "deleted branch B1");
        assert_eq!(parses(p, "db check"), serde_json::json!({ "ok": true, "findings": [] }));
        let made = parses(p, "user passwd AAA222 --generate")["password"].as_str().expect("a password").to_owned();
        let right = p.run_with("user check-password AAA222 --password-stdin -o json", made);
        assert_eq!((right.code, right.json()["is_right"].as_bool()), (0, Some(true)));
        let wrong = p.run_with("user check-password AAA222 --password-stdin -o json", "something else");
        assert_eq!((wrong.code, wrong.json()["is_right"].as_bool()), (1, Some(false)));
    });
}

#[test]
fn a_secret_that_nobody_saw_is_undone() {
    on_both_engines_with_acme(|p| {
        p.run("user create --user-code AAA222 --name 'Asha Rao' --email a@acme.example").ok();
        let records = p.audit_records();
        let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").expect("a device"));
        for line in ["user passwd AAA222 --generate", "user invite AAA222", "audit keygen"] {
            let done = p.spawn(line).stdout(full()).output().expect("orgctl runs");
            let err = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!(done.status.code(), Some(1), "{line}: {err}");
            assert!(err.contains("could not be shown, and nothing was changed"), "{line}: {err}");
            // Nor where nobody listens.
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            let done = p.spawn(line).stdout(writer).output().expect("orgctl runs");
            assert_eq!(done.status.code(), Some(1), "{line}");
            let closed = format!("exec {} {line} >&-", env!("CARGO_BIN_EXE_orgctl"));
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &closed]).env_clear().envs(&p.env);
            assert_eq!(shell.output().expect("a shell").status.code(), Some(1), "{line}, closed");
        }
        assert_eq!(p.audit_records(), records);
        assert_eq!(p.json("user show AAA222")["invited_at"], Value::Null);
        // Seen, it holds; and the public key can be had again.
        let public = p.run("audit keygen").ok();
        assert_eq!(p.run("audit pubkey").ok(), public);
        assert!(p.run("audit keygen").fails(4).contains("'orgctl audit pubkey' prints its public half"));
    });
}

/// Rows and keys are given, or refused before anything is done: no command answers with nothing.
#[test]
fn a_format_of_rows_is_obeyed_or_refused() {
    for format in ["csv", "key"] {
        let p = TestEnv::new(Engine::Sqlite);
        write_files(&p);
        let mut silent = Vec::new();
        for (leaf, sample) in &samples() {
            // What goes to a file is there; nothing is wrong, was said or shown to anybody, no number is two people's, nobody is in the
            // department, and nothing has changed.
            let is_elsewhere = sample.contains("--out ") || sample.contains(" export %");
            let is_empty = [
                "audit verify",
                "db check",
                "dept members",
                "backup diff",
                "kyc duplicates",
                "kyc exposure",
                "log list",
                "log export",
                "log stats",
            ]
            .contains(&leaf.as_str());
            let line = sample.replace('%', &p.dir.path().display().to_string());
            let said = p.run(&format!("{line} -o {format}"));
            if said.code == 2 {
                assert!(said.err.contains("-o json"), "{line}: {}", said.err);
                // It was refused before anything was done.
                p.run(&line).ok();
            } else if said.out.is_empty() && !is_elsewhere && !is_empty {
                silent.push(format!("{line} -o {format}: {} {}", said.code, said.err));
            }
        }
        assert!(silent.is_empty(), "{}", silent.join("\n"));
    }
}

/// Each line by itself is a document, also of what stands in several lines as JSON.
#[test]
fn ndjson_is_one_document_a_line() {
    let p = TestEnv::new(Engine::Sqlite);
    write_files(&p);
    for (leaf, sample) in &samples() {
        let line = sample.replace('%', &p.dir.path().display().to_string());
        let said = p.run(&format!("{line} -o ndjson"));
        if said.code == 2 {
            p.run(&line).ok();
            continue;
        }
        for l in said.out.lines() {
            assert!(serde_json::from_str::<Value>(l).is_ok(), "{leaf}: {l}");
        }
    }
    // As YAML the same is told.
    assert!(p.run("audit verify -o yaml").out.contains("unchecked_signatures: "));
    let more = p.path("more.csv").display().to_string();
    let said = p.run(&format!("branch import {more} --on-conflict skip --org ACME -o yaml"));
    assert!(said.out.contains("skipped: 1\n"), "{}{}", said.out, said.err);
}
