//! `kyc show` and `kyc history`: a record is also named by whom it is about and its kind, as the verbs that change it name it.

use anyhow::Result;

use super::choice;
use super::parties::one;
use crate::crud::history;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Besides, KindVerb as _, flags};
use crate::crud::read;
use crate::model::kinds::kyc::KycKind;
use crate::model::resource::Descriptor;
use crate::model::resource::key::BETWEEN;

/// A key in full, where it names the one that waits or is in force.
async fn in_full(s: &mut Invocation<'_>, key: String) -> Result<String> {
    let is_short = key.rsplit_once(BETWEEN).is_some_and(|(_, kind)| choice::<KycKind>(kind).is_ok());
    Ok(if is_short { one(s, &key).await?.meta.id.to_string() } else { key })
}

flags! {
    /// The flags of `kyc show`.
    pub struct ShowFlags {
        show: read::ShowFlags,
    }
}

impl Besides for ShowFlags {
    type Of = read::ShowFlags;

    async fn run(mut self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        for key in &mut self.show.named.key {
            *key = in_full(s, std::mem::take(key)).await?;
        }
        self.show.run(s, desc).await
    }
}

flags! {
    /// The flags of `kyc history`.
    pub struct HistoryFlags {
        history: history::HistoryFlags,
    }
}

impl Besides for HistoryFlags {
    type Of = history::HistoryFlags;

    async fn run(mut self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        if let Some(key) = self.history.key.take() {
            self.history.key = Some(in_full(s, key).await?);
        }
        self.history.run(s, desc).await
    }
}
