//! The keys of what is sealed: where the master key comes from, and what it wraps.

use std::os::unix::fs::PermissionsExt as _;

use orgctl::cli::tree::{LEAVES, Leaf, Program, leaf};
use orgctl::crud::gate::{self, Verb};
use orgctl::crud::leaf::{self, Spec};
use orgctl::crud::session::Session;
use orgctl::crud::vault::{Cell, Vault};
use orgctl::model::kinds::Kinds;
use orgctl::model::kinds::seeds::SEEDS;
use orgctl::model::sealing;
use orgctl::model::trail::audit::Action;
use orgctl::model::values::scalar::ParseContext;
use orgctl::store::tx::Tx;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::harness::{TestEnv, on_both_engines_with, on_both_engines_with_acme};
use crate::raw::{int, on, text};

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

    async fn run(self, s: &mut Session<'_>) -> anyhow::Result<()> {
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

const TRY: &[Leaf] = &[leaf::<Try>()];
const PROGRAM: Program = Program::new(Kinds::new(&[orgctl::model::kinds::OWN]).bringing(SEEDS), &[LEAVES, TRY]);

const PEOPLE: [&str; 4] = [
    "init --org-code ACME --org-name 'Acme Ltd'",
    "org create --code BETA --name 'Beta Ltd'",
    "user create --user-code ASHA22 --name asha --email asha@acme.example --org ACME",
    "user create --user-code RAVK22 --name ravi --email ravi@acme.example --org ACME",
];

fn key_file(p: &TestEnv) -> std::path::PathBuf {
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
        assert!(named.contains(status["given"].as_str().expect("an id")), "{named}");

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
