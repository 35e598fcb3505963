//! The keys of what is sealed: where the master key comes from, and what it wraps.

use std::os::unix::fs::PermissionsExt as _;

use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::cli::verb::{Leaf, leaf};
use orgctl::crud::gate::{self, Verb};
use orgctl::crud::invocation::Invocation;
use orgctl::crud::leaf::{self, Spec};
use orgctl::crud::vault::{Cell, Vault};
use orgctl::model::kinds::Kinds;
use orgctl::model::kinds::kyc::Kyc;
use orgctl::model::kinds::seeds::SEEDS;
use orgctl::model::resource::Resource as _;
use orgctl::model::sealing;
use orgctl::model::trail::audit::Action;
use orgctl::model::values::scalar::ParseContext;
use orgctl::model::values::value::Value;
use orgctl::store::records::sealed;
use orgctl::store::tx::Tx;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::harness::{Engine, TestEnv, on_both_engines_with, on_both_engines_with_acme};
use crate::raw::{int, on, text, texts};

const SECRET: &[u8] = b"3675 9834 6012";

/// Seals a value of some subjects, and lets their keys be looked at.
#[derive(clap::Args)]
struct Try {
    /// Ids of users
    subject: Vec<Uuid>,
    /// End as a verb does that forgot to name the keys
    #[arg(long)]
    unnamed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sealing {
    #[serde(skip)]
    vault: Vault,
    subjects: Vec<Uuid>,
    unnamed: bool,
}

impl Verb for Sealing {
    const NAME: &str = "key try";

    type Output = Vec<Vec<u8>>;

    fn orgs(&self) -> Vec<i32> {
        vec![1]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it is a test")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> anyhow::Result<Vec<Vec<u8>>> {
        let ring = self.vault.keyring(tx, 1, &self.subjects).await?;
        let index = self.vault.index_keys(tx, 1, "papers", "number_index").await?;
        let mut sealed = vec![index.index(SECRET).to_vec()];
        let mut rows = Vec::new();
        for row in sealed::rows(tx.db, Kyc::DESCRIPTOR, &[], 1, Uuid::nil(), 100).await? {
            if self.subjects.contains(&row.subject) {
                let cell = Cell { table: "kyc", column: "number", row: row.id };
                let name = Cell { column: "name", ..cell };
                let kyc = self.vault.index_keys(tx, 1, "kyc", "number").await?;
                rows.push((
                    row.id,
                    vec![
                        Value::Bytes(ring.seal(row.subject, &cell, SECRET, tx.random())?),
                        Value::Bytes(kyc.index(SECRET).to_vec()),
                        Value::Bytes(ring.seal(row.subject, &name, b"Asha", tx.random())?),
                    ],
                ));
            }
        }
        tx.reseal("kyc", &["number", "number_index", "name"], 1, rows).await?;
        for subject in &self.subjects {
            let cell = Cell { table: "papers", column: "number", row: *subject };
            sealed.push(ring.seal(*subject, &cell, SECRET, tx.random())?);
            sealed.push(ring.fingerprint(*subject, [("number", Some(SECRET))])?.to_vec());
            if !self.unnamed {
                let mut details = Map::new();
                tx.name_keys(*subject, &mut details);
                tx.event_about(1, Action::Update, "user", *subject, details).await?;
            }
        }
        Ok(sealed)
    }
}

impl leaf::Leaf for Try {
    const SPEC: Spec = Spec {
        noun: "key",
        verb: "try",
        permission: "keys:try",
        writes: true,
        about: "Seal",
        examples: "orgctl key try",
    };

    async fn run(self, s: &mut Invocation<'_>) -> anyhow::Result<()> {
        let vault = Vault::of(s).await?;
        let verb = Sealing { vault: vault.clone(), subjects: self.subject.clone(), unnamed: self.unnamed };
        let sealed = gate::write(s, &verb).await?;
        let index =
            vault.find_index_keys(s.db().await?, 1, "papers", "number_index").await?.expect("keys of the index");
        assert_eq!((index.index(SECRET).to_vec(), index.lookups(SECRET).len()), (sealed[0].clone(), 1));
        for (subject, pair) in self.subject.iter().zip(sealed[1..].chunks(2)) {
            let cell = Cell { table: "papers", column: "number", row: *subject };
            let opened = vault.open(s.db().await?, 1, &cell, &pair[0]).await?;
            assert_eq!(opened.as_slice(), SECRET);
            for moved in
                [Cell { table: "others", ..cell }, Cell { column: "name", ..cell }, Cell { row: Uuid::nil(), ..cell }]
            {
                let e = vault.open(s.db().await?, 1, &moved, &pair[0]).await.expect_err("moved");
                assert!(e.to_string().contains("does not open"), "{e}");
            }
            let e = vault.open(s.db().await?, 2, &cell, &pair[0]).await.expect_err("of another organisation");
            assert!(e.to_string().contains("is not there"), "{e}");
            let of = sealing::key_of(&pair[0]).expect("a key");
            s.context.ui.out(&format!("{of} {}\n", hex::encode(&pair[1])))?;
        }
        Ok(())
    }
}

/// Opens what is sealed in KYC records: by which key, and whether the number is found.
#[derive(clap::Args)]
struct Look {}

impl leaf::Leaf for Look {
    const SPEC: Spec = Spec {
        noun: "key",
        verb: "look",
        permission: "kyc:reveal",
        writes: false,
        about: "Open",
        examples: "orgctl key look",
    };

    async fn run(self, s: &mut Invocation<'_>) -> anyhow::Result<()> {
        let vault = Vault::of(s).await?;
        let names = ["number", "number_index", "name"];
        let index = vault.find_index_keys(s.db().await?, 1, "kyc", "number").await?.expect("keys of the index");
        for row in sealed::rows(s.db().await?, Kyc::DESCRIPTOR, &names, 1, Uuid::nil(), 100).await? {
            let bytes: Vec<&[u8]> = row.values.iter().filter_map(Value::as_bytes).collect();
            let cell = Cell { table: "kyc", column: "number", row: row.id };
            assert_eq!(vault.open(s.db().await?, 1, &cell, bytes[0]).await?.as_slice(), SECRET);
            let name = Cell { column: "name", ..cell };
            assert_eq!(vault.open(s.db().await?, 1, &name, bytes[2]).await?.as_slice(), b"Asha");
            assert!(index.lookups(SECRET).iter().any(|lookup| lookup == bytes[1]));
            let key = sealing::key_of(bytes[0]).expect("a key");
            s.context.ui.out(&format!("{key} {}\n", hex::encode(bytes[1])))?;
        }
        Ok(())
    }
}

const TRY: &[Leaf] = &[leaf::<Try>(), leaf::<Look>()];
const PROGRAM: Program = Program::new(Kinds::new(&[orgctl::model::kinds::OWN]).bringing(SEEDS), &[LEAVES, TRY]);

const PEOPLE: [&str; 4] = [
    "init --org-code ACME --org-name 'Acme Ltd'",
    "org create --code BETA --name 'Beta Ltd'",
    "user create --user-code ASHA22 --name asha --email asha@acme.example --org ACME",
    "user create --user-code RAVK22 --name ravi --email ravi@acme.example --org ACME",
];

pub fn key_file(p: &TestEnv) -> std::path::PathBuf {
    p.path("home/.config/orgctl/master.key")
}

fn id_of(p: &TestEnv, code: &str) -> String {
    p.json(&format!("user show {code} --org ACME"))["id"].as_str().expect("an id").to_owned()
}

fn keys(p: &TestEnv) -> i64 {
    int(p, "select count(*) from wrapped_keys")
}

/// Made once, by whoever may; a second time it is as it was.
#[test]
fn a_database_is_set_up_once() {
    on_both_engines_with_acme(|p| {
        let said = p.run("key status");
        assert!(said.fails(1).contains("has no master key yet"));
        assert!(p.run("key init --dry-run").fails(0).contains("would make a master key in"));
        assert!(!key_file(p).exists());

        let said = p.run("key init");
        let said = said.fails(0);
        assert!(said.contains("made the master key") && said.contains("loses every sealed field"), "{said}");
        let meta = std::fs::metadata(key_file(p)).expect("a file");
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
        let file = std::fs::read_to_string(key_file(p)).expect("a text");
        assert!(file.starts_with("ORGCTL-MASTER-KEY-1 ") && file.lines().count() == 1, "{}", file.len());
        let status = p.json("key status");
        assert_eq!(
            (&status["fits"], &status["source"], &status["given"]),
            (&true.into(), &"file".into(), &status["wanted"])
        );
        assert_eq!(status["keys"].as_array().map(Vec::len), Some(1), "{status}");
        assert_eq!((&status["keys"][0]["org"], &status["keys"][0]["wrapped_by"]), (&"SYSTEM".into(), &status["given"]));
        let record = &p.json("audit list --org SYSTEM --all --resource key")[0];
        let seq = record["seq"].as_i64().expect("a number");
        let shown = p.json(&format!("audit show {seq} --org SYSTEM"));
        let named = shown.to_string();
        let made = text(
            p,
            on(p, "select lower(hex(id)) from wrapped_keys", "select replace(id::text, '-', '') from wrapped_keys"),
        );
        assert!(named.replace('-', "").contains(&made), "{named}");
        assert_eq!(record["resource_id"], status["given"]);

        assert!(p.run("key init").fails(0).contains("is that of this database already"));
        assert_eq!((keys(p), std::fs::read_to_string(key_file(p)).ok().as_ref()), (1, Some(&file)));
        // The key is told nowhere.
        let secret = file.split(' ').nth(1).expect("a key").trim();
        let mut told = String::new();
        for line in
            ["audit export --org SYSTEM", "config show", "key status -o json", "log list -o json", "doctor", "db check"]
        {
            let said = p.run(line);
            told.push_str(&said.out);
            told.push_str(&said.err);
        }
        assert!(!told.contains(secret));
        p.run("audit verify --deep").ok();
    });
}

/// Each is refused by a sentence of its own, and changes nothing.
#[test]
fn what_is_no_key_of_ones_own_is_refused() {
    on_both_engines_with_acme(|p| {
        p.run("key init").ok();
        let (path, good) = (key_file(p), std::fs::read_to_string(key_file(p)).expect("a key"));
        let chmod = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("rights");
        let refused = |why: &str| {
            for line in ["key status", "key init"] {
                let said = p.run(line);
                assert!(said.err.contains(why) && [1, 3].contains(&said.code), "{line}: {}", said.err);
                assert!(!said.err.contains(good[20..].trim()));
            }
            assert_eq!(keys(p), 1);
        };
        for mode in [0o644, 0o640, 0o604, 0o660] {
            chmod(mode);
            refused("others can read the master key");
        }
        chmod(0o600);
        let two = format!("{good}{good}");
        for (content, why) in [
            ("", "holds nothing"),
            ("\n", "holds nothing"),
            (two.as_str(), "holds several lines"),
            (&good[..40], "holds no master key"),
            ("PRIVATE+KEY+x", "holds no master key"),
            (&"x".repeat(10_000), "holds no master key"),
            ("ORGCTL-MASTER-KEY-1 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n", "is not that of this database"),
        ] {
            std::fs::write(&path, content).expect("a file");
            refused(why);
        }
        std::fs::remove_file(&path).expect("gone");
        refused("there is no master key at");
        std::fs::create_dir(&path).expect("a folder");
        refused("is a folder");
        std::fs::remove_dir(&path).expect("gone");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        refused("is a pipe");
        std::fs::remove_file(&path).expect("gone");
        if nix::unistd::geteuid().is_root() {
            std::fs::write(&path, &good).expect("a file");
            chmod(0o600);
            std::os::unix::fs::chown(&path, Some(12345), None).expect("another owner");
            refused("belongs to somebody else");
        }
    });
}

/// From a variable, from a file that is named, or from a command that prints it.
#[test]
fn a_key_comes_from_where_one_says() {
    on_both_engines_with_acme(|p| {
        p.run("key init").ok();
        let text = std::fs::read_to_string(key_file(p)).expect("a key");
        std::fs::rename(key_file(p), p.path("moved.key")).expect("moved");
        let with = |pairs: &[(&str, &str)], line: &str| {
            let mut env = p.env.clone();
            env.extend(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
            env.insert("PATH".into(), "/usr/bin:/bin".into());
            p.run_with_env(line, &env, false)
        };
        let moved = p.path("moved.key").display().to_string();
        for (name, value, source) in [
            ("ORGCTL_MASTER_KEY", text.as_str(), "environment"),
            ("ORGCTL_MASTER_KEY", text.trim(), "environment"),
            ("ORGCTL_MASTER_KEY_FILE", &moved, "file"),
            ("ORGCTL_MASTER_KEY_COMMAND", &format!("cat '{moved}'"), "command"),
        ] {
            let said = with(&[(name, value)], "key status -o json").json();
            assert_eq!((&said["fits"], &said["source"]), (&true.into(), &source.into()), "{name}");
        }
        let said = with(&[("ORGCTL_MASTER_KEY", &text), ("ORGCTL_MASTER_KEY_FILE", &moved)], "key status");
        assert!(said.fails(2).contains("come from several places"));
        for (command, why) in [
            ("false --token hunter2", "ended with exit code 1"),
            ("/no/such/program", "can't be run"),
            ("echo", "holds nothing"),
            ("echo nothing of the kind", "holds no master key"),
            ("yes", "holds no master key"),
            ("cat 'unclosed", "is no command line"),
            ("sh -c 'kill $$'", "was ended by a signal"),
        ] {
            let said = with(&[("ORGCTL_MASTER_KEY_COMMAND", command)], "key status");
            assert!(said.err.contains(why) && !said.err.contains("hunter2"), "{command}: {}", said.err);
        }
        let said = with(&[("ORGCTL_MASTER_KEY", "hunter2")], "key status");
        let err = said.fails(1);
        assert!(err.contains("holds no master key") && !err.contains("hunter2"));
        assert!(!with(&[("ORGCTL_MASTER_KEY", &text)], "config show").out.contains(text[20..].trim()));
        p.write("home/.config/orgctl/config.toml", format!("master_key_command = \"cat '{moved}'\""));
        assert_eq!(p.json("key status")["source"], "command");
        assert!(p.run("config show").out.contains("master-key-command"));
        p.write("home/.config/orgctl/config.toml", "master_key = \"x\"");
        assert!(p.run("key status").fails(2).contains("unknown key 'master_key'"));
    });
}

/// Keys of people are made when they are needed, are named by the record of what needed them, and go with the people.
#[test]
fn people_have_keys_of_their_own() {
    on_both_engines_with(PROGRAM, &PEOPLE, |p| {
        let (asha, ravi) = (id_of(p, "ASHA22"), id_of(p, "RAVK22"));
        assert!(p.run(&format!("key try {asha}")).fails(1).contains("has no master key yet"));
        p.run("key init").ok();
        assert!(p.run(&format!("key try {asha} --unnamed")).fails(1).contains("no record names them"));
        assert_eq!(keys(p), 1);
        let first = p.run(&format!("key try {asha} {ravi}")).ok();
        // SYSTEM's; ACME's own, one of an index, and two of each.
        assert_eq!(keys(p), 1 + 2 + 4);
        assert_ne!(first.lines().next(), first.lines().nth(1));
        assert_eq!(p.run(&format!("key try {asha} {ravi}")).ok(), first);
        assert_eq!(keys(p), 7);
        let data_key = first.split(' ').next().expect("an id").to_owned();
        let told = p.run("audit export --org ACME").ok();
        assert!(told.contains(&data_key));

        p.run("user delete ASHA22 --org ACME --yes").ok();
        assert_eq!(keys(p), 7);
        p.run("user purge ASHA22 --org ACME --yes").ok();
        assert_eq!(keys(p), 5);
        let told = p.run("audit export --org ACME").ok();
        let purge = told.lines().filter(|l| l.contains("destroyed")).collect::<Vec<_>>();
        assert!(purge.len() == 1 && purge[0].contains(&data_key), "{purge:?}");
        p.run("db check").ok();
        p.run("audit verify --deep").ok();

        p.run("org delete ACME --cascade --yes").ok();
        p.run("org purge ACME --yes").ok();
        assert_eq!(keys(p), 1);
        assert_eq!(p.json("key status")["keys"], json!([p.json("key status")["keys"][0]]));
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// Two people with papers that are sealed.
fn papers(p: &TestEnv) -> (String, String) {
    p.run("key init").ok();
    p.run("setting set kyc.duplicates flag --org ACME").ok();
    for who in ["ASHA22", "RAVK22"] {
        p.run_with(&format!("kyc submit pan {who} --org ACME --from -"), "AAPPV8261K\nname: Asha Rao\n").ok();
    }
    let (asha, ravi) = (id_of(p, "ASHA22"), id_of(p, "RAVK22"));
    p.run(&format!("key try {asha} {ravi}")).ok();
    (asha, ravi)
}

fn rotations(p: &TestEnv, org: &str) -> serde_json::Value {
    p.json(&format!("audit list --all --org {org} --action key_rotate --status success"))
}

/// Whoever may see less than all opens what he or she may see.
#[test]
fn a_user_opens_what_is_sealed() {
    on_both_engines_with(PROGRAM, &PEOPLE, |p| {
        papers(p);
        let before = p.run("key look").ok();
        p.run("role create --org ACME --code LOOKER --name Looker").ok();
        for action in ["read", "reveal"] {
            p.run(&format!("role-permission create --org ACME --role LOOKER --resource kyc --action {action}")).ok();
        }
        p.run("role assign LOOKER RAVK22 --org ACME").ok();
        assert_eq!(p.run("key look --as RAVK22 --org ACME").ok(), before);
        p.run("key look --as ASHA22 --org ACME").fails(5);
    });
}

/// What nobody can open any more is named.
#[test]
fn lost_keys_are_named() {
    on_both_engines_with(PROGRAM, &PEOPLE, |p| {
        papers(p);
        p.run("db check").ok();
        p.sql("delete from wrapped_keys where purpose = 'data'").expect("gone");
        let said = p.run("db check");
        assert_eq!(said.code, 8);
        assert_eq!(said.out.lines().filter(|l| l.ends_with("number is sealed by a key that is not there")).count(), 2);
        assert!(p.run("key look").fails(8).contains("is not there"));
        p.sql("delete from wrapped_keys where purpose = 'organisation' and org_id = 1").expect("gone");
        let said = p.run("db check").out;
        // The fingerprint keys of both, and two indexes.
        assert_eq!(
            said.lines().filter(|l| l.ends_with("it is wrapped by a key that is not there")).count(),
            4,
            "{said}"
        );
    });
}

/// All keys are wrapped anew, and open what they opened before.
#[test]
fn keys_are_rotated() {
    on_both_engines_with(PROGRAM, &PEOPLE, |p| {
        papers(p);
        let (before, own) = (p.run("key look").ok(), wrapped_by(p));
        assert!(p.run("key rotate --org ACME --dry-run").fails(0).contains("would wrap"));
        assert_eq!(wrapped_by(p), own);
        assert!(p.run("key rotate --org ACME").fails(0).contains("keys of ACME anew"));
        assert_ne!(wrapped_by(p), own);
        assert_eq!(p.run("key look").ok(), before);
        let told = rotations(p, "ACME");
        assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
        assert_eq!(int(p, "select count(*) from wrapped_keys where retired_at is not null"), 0);
        // All organisations that have keys.
        p.run("key rotate").ok();
        assert_eq!(
            (rotations(p, "ACME").as_array().map(Vec::len), rotations(p, "SYSTEM").as_array().map(Vec::len)),
            (Some(2), Some(1))
        );
        assert!(p.run("key rotate --org BETA").fails(3).contains("has no keys"));

        // Another master key.
        let (new, old) = (p.path("new.key"), key_file(p));
        let line = format!("key rotate --to {}", new.display());
        assert!(p.run(&format!("{line} --dry-run")).fails(0).contains("would make a master key"));
        assert!(!new.exists());
        let said = p.run(&line).fails(0);
        assert!(said.contains("made the master key") && said.contains("tell every machine"), "{said}");
        assert!(p.run("key look").fails(1).contains("is not that of this database"));
        assert!(p.run("key rotate").fails(1).contains("is not that of this database"));
        std::fs::rename(&new, &old).expect("moved");
        assert_eq!(p.run("key look").ok(), before);
        assert!(p.run(&format!("key rotate --to {}", old.display())).fails(4).contains("that is in use"));
        assert_eq!(p.json("key status")["fits"], true);
        p.run("db check").ok();
        p.run("audit verify").ok();
    });
}

/// By which key those of people are wrapped.
fn wrapped_by(p: &TestEnv) -> String {
    let sql = "select distinct HEX from wrapped_keys where purpose = 'data'";
    text(p, &sql.replace("HEX", on(p, "hex(wrapping_id)", "wrapping_id::text")))
}

/// Everything is sealed anew, is found meanwhile and afterwards, and the old keys are gone.
#[test]
fn everything_is_sealed_anew() {
    on_both_engines_with(PROGRAM, &PEOPLE, |p| {
        let (asha, _) = papers(p);
        let before = p.run("key look").ok();
        let data = || {
            texts(
                p,
                on(
                    p,
                    "select hex(id) from wrapped_keys where purpose in ('data', 'index')",
                    "select id::text from wrapped_keys where purpose in ('data', 'index')",
                ),
            )
        };
        let fingerprint = |p: &TestEnv| p.run(&format!("key try {asha}")).ok().split(' ').nth(1).map(str::to_owned);
        let old = data();
        assert!(p.run("key reencrypt --dry-run").fails(0).contains("would seal 2 rows of ACME anew"));
        assert_eq!(data(), old);
        let fingerprinted = fingerprint(p);
        // What stops it in the middle leaves what opens and is found.
        p.sql(on(
            p,
            "create trigger halt before update on kyc begin select raise(abort, 'halt'); end",
            "create function halt() returns trigger language plpgsql as $$ begin raise exception 'halt'; end $$;
             create trigger halt before update on kyc for each row execute function halt()",
        ))
        .expect("a trigger");
        for _ in 0..2 {
            assert_ne!(p.run("key reencrypt").code, 0);
            assert_eq!(p.run("key look").ok(), before);
            assert!(p.run("key status").err.contains("give 'orgctl key rotate' or 'orgctl key reencrypt' again"));
        }
        p.sql(on(p, "drop trigger halt", "drop trigger halt on kyc; drop function halt()")).expect("gone");
        let said = p.run("key reencrypt").fails(0);
        assert!(said.contains("going on with ACME") && said.contains("sealed 2 rows of ACME anew"), "{said}");
        let after = p.run("key look").ok();
        for (before, after) in before.lines().zip(after.lines()) {
            let (before, after): (Vec<_>, Vec<_>) = (before.split(' ').collect(), after.split(' ').collect());
            assert!(before[0] != after[0] && before[1] != after[1], "{before:?} {after:?}");
        }
        let new = data();
        assert!(new.iter().all(|key| !old.contains(key)), "{old:?} {new:?}");
        assert_eq!(rotations(p, "ACME").as_array().map(Vec::len), Some(1));
        // What tells that a secret changed stays as it is.
        assert_eq!(fingerprint(p), fingerprinted);
        p.run("db check").ok();
        p.run("audit verify").ok();
    });
}

/// A copy for somebody who keeps it, and back from there on another machine.
#[test]
fn a_master_key_is_kept_elsewhere() {
    on_both_engines_with(PROGRAM, &PEOPLE, |p| {
        papers(p);
        let before = p.run("key look").ok();
        let key = std::fs::read_to_string(key_file(p)).expect("a key");
        let identity = age::x25519::Identity::generate();
        let secret = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        let identities = p.write("identity.txt", secret);
        let recipient = identity.to_public().to_string();
        let (file, worded) = (p.path("copy.age").display().to_string(), p.path("worded.age").display().to_string());
        p.run(&format!("key export {file}")).fails(2);
        p.run(&format!("key export {file} --to age1nonsense")).fails(2);
        p.run_with(&format!("key export {file} --passphrase-stdin"), "short").fails(6);
        assert!(!p.path("copy.age").exists());
        assert!(p.run("doctor").out.contains("no copy of the master key"));
        p.run(&format!("key export {file} --to {recipient}")).ok();
        p.run_with(&format!("key export {worded} --passphrase-stdin"), "tumbling violet harbour\n").ok();
        assert!(p.run(&format!("key export {file} --to {recipient}")).fails(4).contains("is there already"));
        for name in ["copy.age", "worded.age"] {
            let bytes = std::fs::read(p.path(name)).expect("a file");
            assert_eq!(std::fs::metadata(p.path(name)).expect("a file").permissions().mode() & 0o777, 0o600);
            assert!(bytes.starts_with(b"age-encryption.org/v1"));
        }
        let told = p.json("audit list --all --org SYSTEM --action export --resource key");
        assert!(p.run("doctor").out.contains("and a copy of it was made"));
        assert_eq!(told.as_array().map(Vec::len), Some(2), "{told}");

        std::fs::rename(key_file(p), p.path("lost")).expect("lost");
        p.run("key look").fails(3);
        assert!(p.run(&format!("key import {file}")).fails(2).contains("--identity"));
        let other = age::x25519::Identity::generate();
        let others = p.write("other.txt", age::secrecy::ExposeSecret::expose_secret(&other.to_string()));
        assert!(p.run(&format!("key import {file} --identity {others}")).fails(1).contains("does not open"));
        p.run_with(&format!("key import {worded} --passphrase-stdin"), "another passphrase").fails(1);
        assert!(p.run(&format!("key import {identities}  --identity {others}")).fails(6).contains("is no file that"));
        assert!(!key_file(p).exists());
        p.run(&format!("key import {file} --identity {identities}")).ok();
        assert_eq!(p.run("key look").ok(), before);
        assert!(p.run(&format!("key import {file} --identity {identities}")).fails(4).contains("is there already"));
        std::fs::remove_file(key_file(p)).expect("gone");
        p.run_with(&format!("key import {worded} --passphrase-stdin"), "tumbling violet harbour\n").ok();
        assert_eq!(std::fs::read_to_string(key_file(p)).expect("a key"), key);
        // That of another installation is not taken.
        std::fs::remove_file(key_file(p)).expect("gone");
        let there = TestEnv::with_acme(p.engine);
        there.run("key init").ok();
        let theirs = there.path("theirs.age").display().to_string();
        there.run(&format!("key export {theirs} --to {recipient}")).ok();
        assert!(
            p.run(&format!("key import {theirs} --identity {identities}"))
                .fails(1)
                .contains("is not that of this database")
        );
        assert!(!key_file(p).exists());
    });
}

/// An archive has the wrapped keys, and the master key where that was asked for: on another machine, of either engine, all is
/// there, and what is sealed opens with the key alone.
#[test]
fn a_backup_brings_the_keys() {
    on_both_engines_with(PROGRAM, &PEOPLE, |p| {
        papers(p);
        let before = p.run("key look").ok();
        let identity = age::x25519::Identity::generate();
        let identities = p.write("identity.txt", age::secrecy::ExposeSecret::expose_secret(&identity.to_string()));
        p.run("audit keygen").ok();
        let (bare, whole) = (p.path("bare.tar").display().to_string(), p.path("whole.tar").display().to_string());
        p.run(&format!("backup create --to {bare}")).ok();
        p.run(&format!("backup create --to {whole} --with-keys {}", identity.to_public())).ok();
        let known = p.path("known.tar").display().to_string();
        let line = format!("backup create --to {known} --with-keys --passphrase-stdin");
        assert!(p.run_with(&line, "short\n").fails(6).contains("12 characters at least"));
        p.run_with(&line, "correct horse battery\n").ok();
        let refused = p.run_with(&format!("backup create --to {known}.2 --passphrase-stdin"), "").fails(2);
        assert!(refused.contains("which --with-keys puts into the archive"), "{refused}");
        assert!(p.run("doctor").out.contains("and a copy of it was made"));
        p.run(&format!("backup verify {whole}")).ok();
        let key = std::fs::read_to_string(key_file(p)).expect("a key");
        for file in [&bare, &whole] {
            let bytes = std::fs::read(file).expect("an archive");
            assert!(!bytes.windows(20).any(|w| w == &key.as_bytes()[20..40]));
        }
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let mut there = TestEnv::new(engine);
            there.program = PROGRAM;
            p.run(&format!("backup restore {bare} --into {}", there.url)).ok();
            let said = there.run("key look").fails(3);
            assert!(said.contains("there is no master key at"), "{said}");
            assert!(there.run("doctor").out.contains("whoever loses it loses every sealed field"));
            // No other takes its place.
            assert!(there.run("key init").fails(1).contains("is sealed under the master key"));
            assert!(
                there
                    .run(&format!("key import {bare} --identity {identities}"))
                    .fails(3)
                    .contains("holds no master key")
            );
            let by_words = format!("key import {known} --passphrase-stdin");
            assert!(there.run_with(&by_words, "another horse battery\n").fails(1).contains("does not open"));
            match engine {
                Engine::Sqlite => there.run_with(&by_words, "correct horse battery\n").ok(),
                Engine::Postgres => there.run(&format!("key import {whole} --identity {identities}")).ok(),
            };
            assert_eq!(there.run("key look").ok(), before);
            there.run("db check").ok();
            there.run("audit verify").ok();
        }
        let mut copy = TestEnv::new(if p.engine == Engine::Sqlite { Engine::Postgres } else { Engine::Sqlite });
        copy.program = PROGRAM;
        p.run(&format!("db copy --to {}", copy.url)).ok();
        assert_eq!(keys(&copy), keys(p));
    });
}

/// Ended in the middle, twice: what was wrapped anew stays so, and the third time it comes to its end.
#[test]
fn a_rotation_is_killed_in_the_middle() {
    on_both_engines_with(PROGRAM, &PEOPLE, |p| {
        let (asha, ravi) = papers(p);
        let before = p.run("key look").ok();
        // More keys than are wrapped together, of as many people.
        let rows: String = (0..6_000).map(|n| format!("U{n:05},u{n}\n")).collect();
        let file = p.write("people.csv", format!("user_code,name\n{rows}"));
        p.run(&format!("user import {file} --org ACME")).ok();
        let all = texts(p, on(p, "select hex(id) from users", "select id::text from users"));
        let ids: Vec<&str> =
            all.iter().map(|row| row[0].as_str()).filter(|id| ![&asha, &ravi].contains(&&(*id).to_owned())).collect();
        p.run(&format!("key try {}", ids.join(" "))).ok();
        let anew =
            "select count(*) from wrapped_keys k where org_id = 1 and purpose <> 'organisation' and wrapping_id =
                    (select id from wrapped_keys where org_id = 1 and purpose = 'organisation' and retired_at is null)";
        let others = int(p, "select count(*) from wrapped_keys where org_id = 1 and purpose <> 'organisation'");
        let mut wrapped = Vec::new();
        for _ in 0..2 {
            let from = if wrapped.is_empty() { 0 } else { int(p, anew) };
            let mut child = p.spawn("key rotate --org ACME").spawn().expect("orgctl runs");
            let since = std::time::Instant::now();
            loop {
                let now = int(p, anew);
                let begun = int(p, "select count(*) from wrapped_keys where org_id = 1 and retired_at is not null") > 0;
                if (begun && now > from && now < others) || since.elapsed().as_secs() > 60 {
                    break;
                }
            }
            child.kill().expect("killed");
            child.wait().expect("ended");
            wrapped.push(int(p, anew));
        }
        assert!(wrapped[0] > 0 && wrapped[0] < wrapped[1] && wrapped[1] < others, "{wrapped:?} of {others}");
        assert_eq!(p.run("key look").ok(), before);
        assert_eq!(rotations(p, "ACME").as_array().map(Vec::len), Some(0));
        assert!(p.run("key rotate --org ACME").fails(0).contains("going on with ACME"));
        assert_eq!((int(p, anew), p.run("key look").ok()), (others, before));
        let told = rotations(p, "ACME");
        assert_eq!(told.as_array().map(Vec::len), Some(1));
        let shown = p.json(&format!("audit show {} --org ACME", told[0]["seq"])).to_string();
        assert!(shown.contains(&format!("\"wrapped\":{others}")), "{shown}");
        p.run("audit verify").ok();
    });
}
