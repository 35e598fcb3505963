//! Hashes of passwords that were replaced: they may not be used again.

use super::user::User;
use crate::model::resource::Check;
use crate::model::values::scalar::{Concealed, Ref};
use crate::resource;

resource! {
    /// A password that somebody had
    pub struct FormerPassword "former-password" in "password_history" keys(&[]) called("former password", "former passwords")
        lifecycle(AppendOnly) verbs(Nothing)
    {
        /// Whose it was
        user_id: Ref<User> [Within, Subject],
        /// Its hash
        hash: Concealed<2048> [Secret],
    }
}

impl Check for FormerPassword {}
