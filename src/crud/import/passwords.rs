//! Passwords of those that are there already, which a file resets only where that is asked for.

use std::sync::Arc;

use anyhow::Result;
use tokio::task::spawn_blocking;

use super::rows::{self, GivenCredential, ImportPlan};
use super::run::Run;
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
    let present = credentials::load(tx.db, user).await?.map(|c| c.password);
    let is_earlier = move || {
        // The present one stays, which changes nothing.
        !present.is_some_and(|p| p.verify(&password)) && earlier.iter().any(|e| e.verify(&password))
    };
    Ok(spawn_blocking(is_earlier).await?)
}

/// What a row says of the password of somebody who is there.
pub struct PasswordReset {
    pub user: Record,
    pub given: GivenCredential,
    /// The row changed something else.
    pub is_changed: bool,
}

/// Sets the passwords of those that are there, where the file says others than they have.
pub async fn reset_passwords(run: &mut Run<'_>, tx: &mut Tx<'_>, resets: Vec<PasswordReset>) -> Result<()> {
    let mut wanted = Vec::new();
    for PasswordReset { user, given, is_changed } in resets {
        let present = credentials::load(tx.db, &user).await?.map(|c| c.password);
        let is_same = match (&given, &present) {
            (GivenCredential::Hash(hash), Some(present)) => hash.text() == present.text(),
            (GivenCredential::Password(password), Some(present)) => present.verify(password),
            (_, None) => false,
        };
        if is_changed || !is_same {
            run.report.updated += 1;
        } else {
            run.report.unchanged += 1;
        }
        // A hash that no password matches shuts its user out.
        if let GivenCredential::Hash(hash) = &given
            && !hash.is_usable()
            && present.is_some_and(|p| p.is_usable())
            && credentials::may_sign_in(&user, tx.at())
        {
            run.losing.push(user.meta.id);
        }
        if !is_same {
            wanted.push((user, given));
        }
    }
    let salts = tx.salts(wanted.len());
    let (users, given): (Vec<Record>, Vec<GivenCredential>) = wanted.into_iter().unzip();
    let given = given.into_iter().map(Some).zip(salts).collect();
    let plan = Arc::clone(&run.plan);
    let hashes = spawn_blocking(move || rows::hash_all(given, &plan.params)).await?;
    for (user, hash) in users.iter().zip(hashes.into_iter().flatten()) {
        tx.set_password(user, &hash, false, run.plan.remembered).await?;
    }
    Ok(())
}
