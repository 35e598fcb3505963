//! What a merge of users makes of their papers: those of the duplicate are of who stays from then on.

use anyhow::Result;

use super::{DESC, live_of, proprietor};
use crate::crud::vault::Vault;
use crate::model::kinds::kyc::{Kyc, KycState};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::resource::stored::Stored;
use crate::store::engine::db::Db;
use crate::store::records::any;
use crate::store::tx::Tx;

/// Whether a user has or had records of papers, whatever became of them.
pub async fn has_papers(db: &mut Db, user: &Record) -> Result<bool> {
    let (org, id) = user.meta.record_id();
    Ok(any::any_with(db, DESC, Some(org), DESC.known("user_id")?, &id.into()).await?)
}

/// Refuses a merge of two who each have a record of one kind that waits, or one in force: which of them counts a person has to
/// say. All others go over, and are sealed anew.
pub async fn papers_of_both(
    tx: &mut Tx<'_>,
    vault: &Vault,
    duplicate: &Stored<User>,
    into: &Stored<User>,
) -> Result<()> {
    let org = duplicate.meta.org_id;
    let (own, others) = (live_of(tx.db, org, into.meta.id).await?, live_of(tx.db, org, duplicate.meta.id).await?);
    let is_alike = |a: &Kyc, b: &Kyc| {
        let (waits, holds) = (KycState::is_pending, |state: KycState| state == KycState::Verified);
        let is_draft = |state: KycState| state == KycState::Draft;
        let are = |of: fn(KycState) -> bool| of(a.state) && of(b.state);
        a.kind == b.kind && (are(waits) || are(holds) || are(is_draft))
    };
    let both = others.iter().find_map(|theirs| Some((theirs, own.iter().find(|r| is_alike(&r.value, &theirs.value))?)));
    let Some((theirs, own)) = both else {
        let [own, others] = [own, others].map(|all| all.iter().map(Stored::record).collect::<Vec<_>>());
        return proprietor::both_agree(tx, vault, org, &own, &others).await;
    };
    let how = match own.value.state {
        KycState::Draft => "are drafts",
        state if state.is_pending() => "wait",
        _ => "are in force",
    };
    let titles = (theirs.record().title(), own.record().title());
    Err(Problem::conflict(format!("{} and {} both {how}", titles.0, titles.1))
        .hint("reject one of those that wait, submit one of the drafts; of those in force, one has to be superseded or to expire first")
        .into())
}
