//! What is sealed in rows, held against what is recorded of it: that takes the master key, and without it is said to be left out.

use anyhow::Result;
use uuid::Uuid;

use super::findings::counted;
use crate::crud::invocation::Invocation;
use crate::crud::vault::Vault;
use crate::model::kinds::kyc::Kyc;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::{Descriptor, Record, Resource as _};
use crate::model::trail::verify::{Fault, Finding};
use crate::store::records;
use crate::store::trail::row_check::last_of;
use crate::verbs::kyc::compare;

/// What was compared.
#[derive(Default)]
pub struct Secrets {
    /// Records whose secrets agree.
    compared: u64,
    /// Records whose secrets were not compared, for want of the master key, and why that is not there.
    uncompared: u64,
    why: String,
    /// Records whose own keys are not there.
    without_key: u64,
    pub findings: Vec<Finding>,
}

impl Secrets {
    /// Records whose secrets were compared, and those whose were not.
    pub fn counts(&self) -> [(&'static str, u64); 2] {
        [("secrets", self.compared), ("secrets_not_compared", self.uncompared + self.without_key)]
    }

    /// Says what was compared, and what was not.
    pub fn tell(&self, s: &Invocation<'_>) {
        let ui = &s.context.ui;
        if self.compared > 0 {
            let records = counted(self.compared, "record", "records");
            ui.status(&format!("what is sealed in {records} agrees with what is recorded of it"));
        }
        let have = |n: u64| counted(n, "record has", "records have");
        if self.uncompared > 0 {
            ui.warn(&format!("secrets not compared: {} some, and {}", have(self.uncompared), self.why));
        }
        if self.without_key > 0 {
            let what = "some whose key was destroyed or is not there";
            ui.warn(&format!("secrets not compared: {} {what}", have(self.without_key)));
        }
    }
}

/// Compares what is sealed in some organisations. The key is read only where there is something to open.
pub async fn compare_secrets(s: &mut Invocation<'_>, trees: &[i32]) -> Result<Secrets> {
    let mut secrets = Secrets::default();
    if !s.kinds().resources().any(|desc| desc == Kyc::DESCRIPTOR) {
        return Ok(secrets);
    }
    let mut sealed = Vec::new();
    for tree in trees {
        match compare::count(s.db().await?, *tree).await? {
            0 => {}
            n => sealed.push((*tree, n)),
        }
    }
    if sealed.is_empty() {
        return Ok(secrets);
    }
    let vault = match Vault::of(s).await.map_err(|e| e.downcast::<Problem>()) {
        Ok(vault) => vault,
        Err(Ok(problem)) => {
            secrets.uncompared = sealed.iter().map(|(_, n)| n).sum();
            secrets.why = problem.sentence;
            return Ok(secrets);
        }
        Err(Err(e)) => return Err(e),
    };
    for (tree, _) in sealed {
        match compare::compare(&vault, s.db().await?, tree).await.map_err(|e| e.downcast::<Problem>()) {
            Ok(compared) => {
                secrets.compared += compared.agreeing;
                secrets.without_key += compared.without_key;
                let more = (compared.more > 0).then(|| Finding {
                    tree,
                    seq: None,
                    kind: Fault::RowDiffers,
                    what: format!(
                        "{} more of papers differ from their fingerprints",
                        counted(compared.more, "record", "records")
                    ),
                });
                for (desc, id, why) in compared.differing {
                    let finding = finding(s, desc, (tree, id), &why).await?;
                    secrets.findings.push(finding);
                }
                secrets.findings.extend(more);
            }
            // A key of the organisation itself was changed.
            Err(Ok(problem)) if problem.kind == ErrorKind::Integrity => {
                let kind = Fault::RowDiffers;
                secrets.findings.push(Finding { tree, seq: None, kind, what: problem.sentence });
            }
            Err(Ok(problem)) => return Err(problem.into()),
            Err(Err(e)) => return Err(e),
        }
    }
    Ok(secrets)
}

async fn finding(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    (tree, id): (i32, Uuid),
    why: &str,
) -> Result<Finding> {
    let (db, ids) = (s.db().await?, [id.into()]);
    let mut found = records::with_ids(db, desc, Some(tree), &ids).await?;
    found.extend(records::gone_with_ids(db, desc, Some(tree), &ids).await?);
    let title = found.first().map_or_else(|| format!("{} {id}", desc.noun), Record::title);
    let seq = last_of(db, desc, tree, id).await?;
    Ok(Finding { tree, seq, kind: Fault::RowDiffers, what: format!("{title}: {why}") })
}
