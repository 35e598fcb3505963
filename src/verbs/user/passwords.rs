//! The passwords of people in an import: their credentials keep them.

use crate::crud::import::secrets::{Doing, SecretKeeper, SecretRules};
use crate::model::kinds::credential::Credential;
use crate::model::password::StoredHash;
use crate::model::resource::{Descriptor, Meta, Record, Resource as _};
use crate::model::setting::{self, Settings};
use crate::model::values::value::Value;
use crate::store::records::credentials;
use crate::store::tx::Tx;

pub struct Passwords;

impl SecretKeeper for Passwords {
    fn kind(&self) -> &'static Descriptor {
        Credential::DESCRIPTOR
    }

    fn rules(&self, settings: &Settings) -> anyhow::Result<SecretRules> {
        Ok(SecretRules {
            params: credentials::params(settings)?,
            min_length: usize::try_from(settings.get(setting::PASSWORD_MIN_LENGTH)?)?,
            remembered: settings.get(setting::PASSWORD_HISTORY)?,
        })
    }

    fn values(&self, owner: &Meta, hash: &StoredHash, key: [u8; 16]) -> Vec<Value> {
        Credential::new(owner.id, hash, key, owner.created_at).into_values()
    }

    fn present<'a>(&self, tx: &'a mut Tx<'_>, owner: &'a Record) -> Doing<'a, Option<StoredHash>> {
        Box::pin(async { Ok(credentials::load(tx.db, owner).await?.map(|held| held.password)) })
    }

    fn earlier<'a>(&self, tx: &'a mut Tx<'_>, owner: &'a Record) -> Doing<'a, Vec<StoredHash>> {
        Box::pin(async { Ok(credentials::history(tx.db, owner).await?) })
    }

    fn needs(&self, owner: &Record, tx: &Tx<'_>) -> bool {
        credentials::may_sign_in(owner, tx.at())
    }

    fn set<'a>(&self, tx: &'a mut Tx<'_>, owner: &'a Record, hash: &'a StoredHash, remembered: u32) -> Doing<'a, ()> {
        Box::pin(async move { Ok(tx.set_password(owner, hash, false, remembered).await?) })
    }
}
