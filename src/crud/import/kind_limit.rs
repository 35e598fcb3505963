//! The limit of leavers, held of what rows deactivate.

use anyhow::Result;
use uuid::Uuid;

use super::limit::{LeaverLimit, TOLD, some_of, stopped};
use super::run::Run;
use crate::model::resource::Record;
use crate::model::values::value::Value;
use crate::store::records;
use crate::store::tx::Tx;

impl LeaverLimit {
    /// How many records of the kind that is imported may be deactivated. To be asked before anything is written.
    pub async fn of_kind(&self, tx: &mut Tx<'_>, run: &Run<'_>) -> Result<Most> {
        if !run.desc.can_be_inactive() {
            // No file deactivates one of them.
            return Ok(Most::default());
        }
        let all = run.stage.in_use(tx.db).await?;
        // One branch is never too many: it is what somebody meant.
        Ok(Most { is_held: true, all, most: self.most(all, 1, &run.settings)? })
    }
}

/// How many of how many may be deactivated.
#[derive(Debug, Default, Clone, Copy)]
pub struct Most {
    /// Whether it is held at all: it is not of what no file deactivates, as of a grant whose time is over.
    is_held: bool,
    all: u64,
    most: u64,
}

impl Most {
    /// Stops where rows have deactivated more.
    pub async fn enforce(&self, tx: &mut Tx<'_>, run: &Run<'_>) -> Result<()> {
        let (n, Most { is_held, all, most }) = (run.losing.len() as u64, *self);
        if !is_held || n <= most || run.import.limit.force {
            return Ok(());
        }
        let (names, plural) = (first_names(tx, run, &run.losing).await?, run.desc.plural());
        Err(stopped(format!(
            "{n} of {all} {plural} are deactivated by the file, and at most {most} may at once: {names}"
        ))
        .into())
    }
}

/// What the first of some records are called.
pub async fn first_names(tx: &mut Tx<'_>, run: &Run<'_>, who: &[Uuid]) -> Result<String> {
    Ok(some_of(names(tx, run, &who[..who.len().min(TOLD)]).await?, who.len()))
}

/// What some records are called.
pub async fn names(tx: &mut Tx<'_>, run: &Run<'_>, ids: &[Uuid]) -> Result<Vec<String>> {
    let ids: Vec<Value> = ids.iter().map(|id| (*id).into()).collect();
    let found = records::with_ids(tx.db, run.desc, run.stage.org(), &ids).await?;
    let mut names: Vec<String> = found.iter().map(Record::title).collect();
    names.sort();
    Ok(names)
}
