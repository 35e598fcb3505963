//! Going on after a restore: the archive that was restored is held against the trail, and a signed statement names what was
//! left. The record of a restore alone excuses nothing, for whoever can write the database can write it.

use anyhow::Result;

use super::findings::tell_lost;
use super::keys::KeyFlags;
use crate::crud::invocation::Invocation;
use crate::model::backup::Manifest;
use crate::model::problem::Problem;
use crate::model::trail::lineage::{Claim, LOG, Lineage, Logs, Lost, restored};
use crate::model::trail::note::{Checkpoint, Note, SignerKey};
use crate::model::trail::verify::ExpectedRoot;
use crate::store::trail::checkpoints::installation;
use crate::store::trail::lineage::{self, Stated};
use crate::store::trail::verify::ExternalCheckpoint;
use crate::store::{records, trail};
use crate::verbs::backup::catalogue::find;
use crate::verbs::backup::trust::{TrustFlags, trust};

/// What is to be stated of a restore, if the archive and the trail agree in it.
pub async fn wanted(s: &mut Invocation<'_>, keys: KeyFlags, word: &str) -> Result<Lineage> {
    let archive = find(s, None, word).await?;
    trust(s.context, &TrustFlags { trust_unsigned: false, keys }, &archive)?;
    let here = installation(s.db().await?).await?;
    let manifest = &archive.manifest;
    if manifest.installation != here {
        return Err(Problem::integrity(format!("{} is of another installation", archive.path.display())).into());
    }
    let chain = lineage::chain(s.db().await?).await?;
    let open = lineage::open_claims(s.db().await?, &chain).await?;
    let claim = open.first().ok_or_else(|| {
        Problem::conflict("the trail tells of no restore that is not stated yet").hint("leave --after-restore out")
    })?;
    let (_, checksum) = archive.digest()?;
    if claim.archive != manifest.id || claim.sha256 != checksum.to_string() {
        let (path, seq) = (archive.path.display(), claim.seq);
        return Err(Problem::integrity(format!("{path} is not the archive that record {seq} of SYSTEM names"))
            .hint(format!("that was {}, of SHA-256 {}", restored(claim.archive, claim.at), claim.sha256))
            .into());
    }
    require_same_heads(s, manifest, claim).await?;
    let (then, log) = lineage::log_at(s.db().await?, claim.log).await?;
    require_same_log(manifest, then)?;
    let mut heads: Vec<(i32, u64, [u8; 32])> = manifest.heads.iter().map(|h| (h.tree, h.size, h.root.0)).collect();
    heads.push((LOG, then.0, then.1));
    Ok(Lineage {
        logs: Logs { installation: here, lineage: claim.lineage() },
        from: chain.current().to_owned(),
        archive: manifest.id,
        sha256: claim.sha256.clone(),
        at: claim.at,
        seq: claim.seq,
        leaf: claim.leaf,
        log,
        heads,
        left: Vec::new(),
    })
}

/// The trail just before the record was as large as the archive; its roots are compared by the proof that follows.
async fn require_same_heads(s: &mut Invocation<'_>, manifest: &Manifest, claim: &Claim) -> Result<()> {
    let differs = |org: &str, what: String| {
        Problem::integrity(format!("the archive is not what the trail goes on from: {org} {what}"))
            .hint("the archive was restored from another trail, or the trail was changed since")
    };
    let before = u64::try_from(claim.seq.saturating_sub(1)).unwrap_or(0);
    let system = manifest.size_of(crate::model::kinds::org::SYSTEM).unwrap_or(0);
    if system != before {
        return Err(differs("SYSTEM", format!("had {before} records, the archive has {system}")).into());
    }
    for tree in trail::trees(s.db().await?).await? {
        let size = manifest.size_of(tree).unwrap_or(0);
        if lineage::next_after(s.db().await?, tree, size).await?.is_some_and(|at| at < claim.at) {
            let org = records::org_code(s.db().await?, tree).await?;
            return Err(differs(&org, format!("had more than the {size} records of the archive")).into());
        }
    }
    if let Some((tree, size)) = claim.heads.iter().find(|(tree, size)| manifest.size_of(*tree) != Some(*size)) {
        return Err(differs(&format!("tree {tree}"), format!("had {size} records, as the trail claims")).into());
    }
    Ok(())
}

/// The log of checkpoints was as the archive's own checkpoint of it tells; an archive may have none.
fn require_same_log(manifest: &Manifest, (size, root): (u64, [u8; 32])) -> Result<()> {
    let of_log = |text: &String| {
        let checkpoint = Checkpoint::parse(&Note::parse(text).ok()?.text).ok()?;
        let (_, tree) = Logs::parse(manifest.installation, &checkpoint.origin)?;
        (tree == LOG).then_some(checkpoint)
    };
    match manifest.checkpoints.iter().find_map(of_log) {
        Some(c) if (c.size, c.root) != (size, root) => {
            Err(Problem::integrity("the archive is not what the log of checkpoints goes on from").into())
        }
        _ => Ok(()),
    }
}

/// What the trees must have been, as the archive has it.
pub fn known(after: &Lineage) -> Vec<(i32, ExpectedRoot)> {
    let head = |(tree, size, root): &(i32, u64, [u8; 32])| {
        (*tree, ExpectedRoot { size: *size, root: *root, says: "the archive".to_owned() })
    };
    after.heads.iter().filter(|(_, size, _)| *size > 0).map(head).collect()
}

/// Whether no restore behind it waits to be stated.
pub async fn is_last(s: &mut Invocation<'_>, after: Option<&Lineage>) -> Result<bool> {
    let Some(after) = after else { return Ok(true) };
    let chain = lineage::chain(s.db().await?).await?;
    Ok(lineage::open_claims(s.db().await?, &chain).await?.iter().all(|claim| claim.leaf == after.leaf))
}

/// The signed statement. It names what was signed before and is known: the trail does not reach it.
pub async fn stated(
    s: &mut Invocation<'_>,
    key: &SignerKey,
    after: &Lineage,
    beyond: &[ExternalCheckpoint],
) -> Result<Stated> {
    let at = s.context.clock.micros();
    let db = s.db().await?;
    let (_, log) = lineage::log_at(db, 0).await?;
    let mut left: Vec<Checkpoint> = Vec::new();
    for ExternalCheckpoint { checkpoint, .. } in beyond {
        match left.iter_mut().find(|c| c.origin == checkpoint.origin) {
            Some(c) if c.size < checkpoint.size => *c = checkpoint.clone(),
            Some(_) => {}
            None => left.push(checkpoint.clone()),
        }
    }
    let lineage = Lineage { log, left, ..after.clone() };
    Ok(Stated { seq: lineage::count(db).await? + 1, at, note: key.sign(&lineage.text()) })
}

/// Says what was lost, and what is still to be stated.
pub async fn tell_stated(s: &mut Invocation<'_>, lost: &[Lost]) -> Result<()> {
    tell_lost(s, lost).await?;
    let chain = lineage::chain(s.db().await?).await?;
    if let Some(next) = lineage::open_claims(s.db().await?, &chain).await?.first() {
        let next = restored(next.archive, next.at);
        s.context
            .ui
            .warn(&format!("the trail was restored again: {next}; --after-restore is needed for that one, too"));
    }
    Ok(())
}

/// On a restored trail the old logs may have signed what this machine does not remember.
pub async fn warn_of_open(s: &mut Invocation<'_>) -> Result<()> {
    let chain = lineage::chain(s.db().await?).await?;
    if let Some(claim) = lineage::open_claims(s.db().await?, &chain).await?.last() {
        let what = restored(claim.archive, claim.at);
        s.context.ui.warn(&format!(
            "the trail says that it was {what}: --after-restore goes on from there under a name of its own"
        ));
    }
    Ok(())
}
