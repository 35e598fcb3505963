//! Bringing a backup back.

use anyhow::Result;
use serde_json::{Map, Value as Json, json};

use super::archive::Archive;
use super::loading::require_readable;
use super::restoring::{Restore, tell};
use super::selection::{self, Loss};
use super::target::EmptyTarget;
use super::trust::{TrustFlags, trust};
use super::{partial, replace, replaced_schemas};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::problem::Problem;
use crate::model::trail::audit::Action;
use crate::model::values::value::rfc3339;
use crate::store::engine::location::Location;
use crate::verbs::audit::keys::verifiers;

/// The flags of `backup restore`.
#[derive(clap::Args)]
pub struct RestoreFlags {
    /// File, 'latest', or the end of a backup's id
    #[arg(value_name = "BACKUP", required_unless_present_any = ["at", "drop_old"])]
    pub backup: Option<String>,
    /// Folder to look in
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
    /// Take the newest backup that is not later (2026-11-21T09:30, 7d); it holds nothing that came after it
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Database to restore into
    #[arg(long, value_name = "URL", required_unless_present = "drop_old")]
    pub into: Option<String>,
    /// Bring these tables back alone; the database is marked as partial, and takes reads and exports only
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub only: Vec<String>,
    /// Replace what is there; a backup of it is made first, and where anybody writes meanwhile nothing is replaced
    #[arg(long)]
    pub replace: bool,
    /// Drop the schemas that --replace has kept on PostgreSQL, and restore nothing
    #[arg(long, conflicts_with_all = ["backup", "at", "from", "only", "replace", "identity", "trust_unsigned"])]
    pub drop_old: bool,
    /// Also a database of another installation; also where objects of others stay with the old schema, or go with it
    #[arg(long)]
    pub force: bool,
    /// File with the identity (age) that it is encrypted to (can be repeated)
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<String>,
    #[command(flatten)]
    pub trust: TrustFlags,
}

impl Leaf for RestoreFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "restore",
        permission: "backups:restore",
        writes: true,
        about: "Bring a backup back, into an empty database or in place of another",
        examples: "orgctl backup restore latest --into sqlite:///tmp/restored.db\norgctl backup restore /mnt/backups/orgctl-20261128T223000Z-1a2b3c4d.tar --into postgres://admin@db.example/people --key audit.pub\norgctl backup restore --at 2026-11-21T09:30 --into sqlite:///srv/orgctl/people.db --replace --dry-run\norgctl backup restore --drop-old --dry-run\norgctl backup restore latest --only users branches --into sqlite:///tmp/look.db",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::BackupRestore);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        if self.force && !self.replace && !self.drop_old {
            return Err(Problem::usage("--force goes with --replace or --drop-old").into());
        }
        // Whatever comes of it is recorded where the command began, and not in what was to be made.
        s.connection.home = Some(s.connection.location.clone());
        if self.drop_old {
            return replaced_schemas::drop(s, self.into.as_deref()).await;
        }
        let into = Location::parse(self.into.as_deref().unwrap_or_default())?;
        if self.replace && !self.only.is_empty() {
            return Err(Problem::usage("--only brings a part back, which can replace nothing")
                .hint("restore it into an empty place, without --replace")
                .into());
        }
        let archive = selection::choose(s, self.from.as_deref(), self.backup.as_deref(), self.at.as_deref()).await?;
        s.connection.close().await;
        let is_signed = trust(s.context, &self.trust, &archive)?;
        require_readable(s.kinds(), &archive.manifest)?;
        let identities = self.identity;
        if !self.only.is_empty() {
            return partial::restore(s, &self.only, into, archive, identities, is_signed).await;
        }
        let keys = verifiers(s.context, &self.trust.keys)?;
        let loss = selection::known_in_folder(s, &archive).map(|known| Loss::of(&archive.manifest, known));
        let told = told_of(&archive, is_signed, loss.as_ref())?;
        let progress = s.context.ui.progress();
        let verb = Restore {
            archive: archive.path.clone(),
            manifest: archive.manifest_digest(),
            identities,
            told,
            keys,
            progress: progress.clone(),
            replaces: None,
        };
        if self.replace && replace::is_filled(s, &into).await? {
            return replace::replace(s, &self.trust.keys.signing, &archive, verb).await;
        }
        let place = EmptyTarget::take(s, into, "into").await?;
        let into = place.location.clone();
        let done = place.fill(s, &verb).await;
        progress.finish();
        tell(s.context, &archive, &into, &verb.told, done?, loss)
    }
}

/// What the trail is told of a restore.
fn told_of(archive: &Archive, is_signed: bool, loss: Option<&Loss>) -> Result<Map<String, Json>> {
    let manifest = &archive.manifest;
    let (_, checksum) = archive.digest()?;
    let mut told = Map::new();
    told.insert("id".into(), manifest.id.to_string().into());
    told.insert("sha256".into(), checksum.to_string().into());
    told.insert("of".into(), rfc3339(manifest.created_at).into());
    told.insert("signed".into(), is_signed.into());
    told.insert("heads".into(), manifest.heads.iter().map(|h| json!([h.tree, h.size])).collect());
    // The archive can't tell of them, and there is nothing else to ask.
    told.insert("erasures_unknown_from".into(), told["heads"].clone());
    told.insert("lost".into(), loss.map(Loss::json).unwrap_or_default());
    Ok(told)
}
