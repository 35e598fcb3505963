//! Tokens that prove an address or a wish: of single use, and known by their hash alone.

use super::user::User;
use crate::model::resource::Check;
use crate::model::values::scalar::{Address, Digest, Line, Moment, Ref};
use crate::{choice, resource};

choice! {
    /// What a token serves for
    pub enum TokenPurpose {
        Invitation = "invitation",
        PasswordReset = "password_reset",
        EmailVerification = "email_verification",
    }
}

resource! {
    /// A token that somebody was given
    pub struct Token "token" in "tokens" keys(&[]) lifecycle(Volatile) verbs(Nothing) {
        /// Whom it was given
        user_id: Ref<User> [Within, Subject],
        /// What it serves for
        purpose: TokenPurpose,
        /// SHA-256 of it
        hash: Digest [Secret],
        /// Until when it serves
        expires_at: Moment,
        /// Address that asked for it
        requested_ip: Option<Address>,
        /// When it was used
        used_at: Option<Moment>,
        /// Address that it was used from
        used_ip: Option<Address>,
        /// Program that it was used with
        user_agent: Option<Line<1000>>,
    }
}

impl Check for Token {}
