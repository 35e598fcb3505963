//! The keys of checkpoints: the private one signs and is kept apart from the database, the public one checks.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;
use zeroize::Zeroizing;

use crate::crud::context::Context;
use crate::crud::context::xdg;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::problem::{Problem, io_message};
use crate::model::trail::audit::Action;
use crate::model::trail::note::{SignerKey, Verifier};
use crate::store::engine::location::Location;
use crate::store::trail::checkpoints::{LOG, installation, origin};
use crate::ui::Ui;
use crate::ui::bounded;
use crate::ui::format::{is_for_programs, report};

/// Where the private key is, if no flag says so.
pub const SIGNING_KEY: &str = "ORGCTL_SIGNING_KEY";
/// The public key, or the file that holds it, if no flag says so.
pub const VERIFIER_KEY: &str = "ORGCTL_VERIFIER_KEY";

/// `--signing-key`
#[derive(Clone, clap::Args, Default)]
pub struct SigningKey {
    /// File of the signing key (env: ORGCTL_SIGNING_KEY; default: audit.key in the configuration folder)
    #[arg(long, value_name = "FILE")]
    pub signing_key: Option<String>,
}

/// `--key`
#[derive(Clone, clap::Args, Default)]
pub struct VerifierKeys {
    /// Public key that checkpoints are signed with, or a file that holds it (env: ORGCTL_VERIFIER_KEY; can be repeated)
    #[arg(long, value_name = "VKEY")]
    pub key: Vec<String>,
}

/// Both halves: the key of this machine, and those that are trusted.
#[derive(Clone, clap::Args, Default)]
pub struct KeyFlags {
    #[command(flatten)]
    pub signing: SigningKey,
    #[command(flatten)]
    pub verifiers: VerifierKeys,
}

impl From<VerifierKeys> for KeyFlags {
    fn from(verifiers: VerifierKeys) -> KeyFlags {
        KeyFlags { verifiers, ..KeyFlags::default() }
    }
}

/// Where the private key is looked for.
pub fn signing_path(context: &Context<'_>, signing: &SigningKey) -> Result<PathBuf> {
    let given = signing.signing_key.as_ref().or_else(|| context.env.get(SIGNING_KEY));
    if let Some(path) = given {
        return Ok(path.into());
    }
    xdg(context.env, "XDG_CONFIG_HOME", ".config").map(|p| p.join("orgctl/audit.key")).ok_or_else(|| {
        Problem::usage("there is no home folder to look for the signing key in")
            .hint("name it with --signing-key")
            .into()
    })
}

/// The private key; an error where it is not there or others could read it.
pub fn signer(context: &Context<'_>, signing: &SigningKey) -> Result<SignerKey> {
    let path = signing_path(context, signing)?;
    read_signer(&path)?.ok_or_else(|| {
        Problem::not_found(format!("there is no signing key at {}", path.display()))
            .hint("'orgctl audit keygen' makes one; --signing-key or ORGCTL_SIGNING_KEY names another")
            .into()
    })
}

fn read_signer(path: &Path) -> Result<Option<SignerKey>> {
    let failed = |e: io::Error| Problem::failed(format!("can't read {}: {}", path.display(), io_message(&e)));
    let meta = match fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    if meta.is_file() && meta.mode() & 0o077 != 0 {
        return Err(Problem::failed(format!("others can read the signing key {}", path.display()))
            .hint(format!("chmod 600 {}", path.display()))
            .into());
    }
    let text = Zeroizing::new(bounded::read(path, bounded::SMALL).map_err(failed)?);
    let wrong = || Problem::invalid(format!("{} holds no signing key", path.display()));
    Ok(Some(SignerKey::parse(&text).ok_or_else(wrong)?))
}

/// The public half of the private key on this machine, where that can be read.
pub fn own_verifier(context: &Context<'_>, signing: &SigningKey) -> Option<Verifier> {
    let path = signing_path(context, signing).ok()?;
    read_signer(&path).ok().flatten().as_ref().map(SignerKey::verifier)
}

/// Why the private key on this machine can't be used; none where there is none, or it can.
pub fn own_fault(context: &Context<'_>, signing: &SigningKey) -> Option<Problem> {
    let path = signing_path(context, signing).ok()?;
    read_signer(&path).err()?.downcast().ok()
}

/// The public keys that checkpoints may be signed with: those that are given, or that of the private key where it can be
/// read. None where there is none: then signatures tell nothing.
pub fn verifiers(context: &Context<'_>, keys: &KeyFlags) -> Result<Vec<Verifier>> {
    let mut texts = keys.verifiers.key.clone();
    if texts.is_empty() {
        texts.extend(context.env.get(VERIFIER_KEY).cloned());
    }
    if texts.is_empty() {
        return Ok(own_verifier(context, &keys.signing).into_iter().collect());
    }
    let mut keys = Vec::new();
    for text in texts {
        if text.contains('+') && !Path::new(&text).exists() {
            keys.push(text.parse()?);
            continue;
        }
        let lines = bounded::read(Path::new(&text), bounded::SMALL)
            .map_err(|e| Problem::failed(format!("can't read the public key {text}: {}", io_message(&e))))?;
        for line in lines.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            keys.push(line.parse()?);
        }
    }
    Ok(keys)
}

/// The public half, for whoever checks.
fn print_public(ui: &Ui, key: &SignerKey, path: &Path) -> Result<()> {
    match is_for_programs(ui) {
        true => report(ui, &json!({ "public_key": key.verifier().to_string(), "file": path })),
        false => ui.out(&format!("{}\n", key.verifier())),
    }
}

/// Prints the public half of the key on this machine.
#[derive(clap::Args)]
pub struct PubkeyFlags {
    #[command(flatten)]
    pub signing: SigningKey,
}

impl Leaf for PubkeyFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "pubkey",
        permission: "audit:read",
        writes: false,
        about: "Print the public half of the key that signs checkpoints",
        examples: "orgctl audit pubkey > audit.pub\norgctl audit pubkey --signing-key /mnt/other/audit.key -o json",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        gate::allow_in_system(s)?;
        let (path, key) = (signing_path(s.context, &self.signing)?, signer(s.context, &self.signing)?);
        print_public(&s.context.ui, &key, &path)?;
        s.context.ui.flush()
    }
}

/// Makes a key pair: the private key goes to a file that is not there yet, the public one to standard output.
#[derive(clap::Args)]
pub struct KeygenFlags {
    #[command(flatten)]
    pub signing: SigningKey,
    /// Name of the key in signatures (default: that of the installation)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

impl Leaf for KeygenFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "keygen",
        permission: "audit:keygen",
        writes: false,
        about: "Make the key that signs checkpoints, and print its public half",
        examples: "orgctl audit keygen > audit.pub\norgctl audit keygen --signing-key /mnt/other/audit.key",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Create);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let path = signing_path(s.context, &self.signing)?;
        let name = match &self.name {
            Some(name) => name.clone(),
            None => origin(installation(s.db().await?).await?, LOG),
        };
        if s.context.dry_run {
            s.context.ui.status(&format!("dry run: would make a key in {}", path.display()));
            return Ok(());
        }
        let key = generate(s.context, &path, &name)?;
        if let Err(e) = s.context.ui.show_once(|ui| print_public(ui, &key, &path)) {
            // As if it had never been made.
            let failed = |e: io::Error| Problem::failed(format!("can't remove {}: {}", path.display(), io_message(&e)));
            fs::remove_file(&path).map_err(failed)?;
            return Err(e);
        }
        s.context
            .ui
            .status(&format!("the signing key is in {}; this is the public one, for whoever checks", path.display()));
        warn_where_it_lies(s, &path);
        Ok(())
    }
}

/// Makes a key for a command that needs one, and says where both halves are.
pub async fn make(s: &mut Invocation<'_>, signing: &SigningKey) -> Result<SignerKey> {
    let path = signing_path(s.context, signing)?;
    let name = origin(installation(s.db().await?).await?, LOG);
    let key = generate(s.context, &path, &name)?;
    s.context.ui.status(&format!("made a signing key in {}; its public half, for whoever checks:", path.display()));
    s.context.ui.status(&key.verifier().to_string());
    warn_where_it_lies(s, &path);
    Ok(key)
}

/// Makes a key, and the file of its private half, which is not there yet.
fn generate(context: &Context<'_>, path: &Path, name: &str) -> Result<SignerKey> {
    let mut seed = Zeroizing::new([0; 32]);
    context.random.fill(&mut *seed);
    let key =
        SignerKey::new(name, &seed).ok_or_else(|| Problem::usage("the name of a key has no blanks and no '+'"))?;
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::AlreadyExists => {
            Problem::conflict(format!("{} is there already; it was left as it is", path.display()))
                .hint("'orgctl audit pubkey' prints its public half; --signing-key names another file")
        }
        _ => Problem::failed(format!("can't write {}: {}", path.display(), io_message(&e))),
    };
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(key.secret_text().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(key)
}

fn warn_where_it_lies(s: &mut Invocation<'_>, path: &Path) {
    let folder = |path: &Path| {
        path.parent().and_then(|f| fs::canonicalize(if f.as_os_str().is_empty() { Path::new(".") } else { f }).ok())
    };
    if let Location::Sqlite(database) = &s.connection.location
        && folder(database).is_some_and(|f| Some(f) == folder(path))
    {
        s.context.ui.warn("the signing key lies beside the database: who can write the one can sign with the other");
    }
}
