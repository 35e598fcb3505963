//! Former keys: what people were called before their records were merged. They count as taken, and mean who stayed.

use crate::{choice, resource};

use super::user::User;
use crate::model::resource::Check;
use crate::model::values::scalar::{KeyText, Ref};

resource! {
    /// A key of a merged duplicate, which means the user who stayed
    pub struct FormerKey "former-key" in "former_keys" keys(&[&["field", "value"]]) path(&["user"], &["user"])
        verbs(Made) called("former key", "former keys")
        examples("email:a.rao@sahyadri.example", &[], "")
    {
        /// User who the key means
        user_id: Ref<User> [Within, Subject],
        /// Duplicate that had it
        former_id: Ref<User> [Keep, Hidden],
        /// Field that it was the value of
        field: KeyField,
        /// Value, as it was written
        value: KeyText,
    }
}

choice! {
    /// A field that is a key of users
    pub enum KeyField {
        UserCode = "user_code",
        Email = "email",
        Username = "username",
        ExternalId = "external_id",
    }
}

impl Check for FormerKey {}
