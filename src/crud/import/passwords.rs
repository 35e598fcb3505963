//! Passwords of users that are there already, which a file resets only where that is asked for.

use std::sync::Arc;

use anyhow::Result;
use tokio::task::spawn_blocking;

use super::Report;
use super::leaver_limit;
use super::rows::{self, GivenCredential, ImportPlan};
use crate::model::password::StoredHash;
use crate::model::resource::Record;
use crate::store::records::credentials;
use crate::store::tx::Tx;

/// Whether a password is one that the user had before the present one.
pub async fn used_before(tx: &mut Tx<'_>, plan: &ImportPlan, user: &Record, given: GivenCredential) -> Result<bool> {
    let GivenCredential::Password(password) = given else { return Ok(false) };
    let most = usize::try_from(plan.remembered)?;
    let earlier: Vec<StoredHash> = credentials::history(tx.db, user).await?.into_iter().take(most).collect();
    if earlier.is_empty() {
        return Ok(false);
    }
    let present = credentials::load(tx.db, user).await?.and_then(|c| c.password);
    let is_earlier = move || {
        // The present one stays, which changes nothing.
        !present.is_some_and(|p| p.verify(&password)) && earlier.iter().any(|e| e.verify(&password))
    };
    Ok(spawn_blocking(is_earlier).await?)
}

/// Sets the passwords of users that are there, where the file says others than they have.
pub async fn reset_passwords(
    tx: &mut Tx<'_>,
    plan: &Arc<ImportPlan>,
    resets: Vec<(Record, GivenCredential, bool)>,
    report: &mut Report,
) -> Result<()> {
    let mut wanted = Vec::new();
    for (user, credential, is_changed) in resets {
        let present = credentials::load(tx.db, &user).await?.and_then(|c| c.password);
        let is_same = match (&credential, &present) {
            (GivenCredential::Hash(hash), Some(present)) => hash.text() == present.text(),
            (GivenCredential::Password(password), Some(present)) => present.verify(password),
            (_, None) => false,
        };
        if is_changed || !is_same {
            report.updated += 1;
        } else {
            report.unchanged += 1;
        }
        // A hash that no password matches shuts its user out.
        if let GivenCredential::Hash(hash) = &credential
            && !hash.is_usable()
            && present.is_some_and(|p| p.is_usable())
            && leaver_limit::may_sign_in(&user, tx.at())
        {
            report.losing.push(user.meta.id);
        }
        if !is_same {
            wanted.push((user, credential));
        }
    }
    let salts = tx.salts(wanted.len());
    let (users, given): (Vec<Record>, Vec<GivenCredential>) = wanted.into_iter().unzip();
    let given = given.into_iter().map(Some).zip(salts).collect();
    let hashing = Arc::clone(plan);
    let hashes = spawn_blocking(move || rows::hash_all(given, &hashing.params)).await?;
    for (user, hash) in users.iter().zip(hashes.into_iter().flatten()) {
        tx.set_password(user, &hash, false, plan.remembered).await?;
    }
    Ok(())
}
