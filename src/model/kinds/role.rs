//! Roles: what people may do, given to them under one name.

use super::user::User;
use crate::model::resource::Check;
use crate::model::values::scalar::{Line, Note, Ref, RoleCode};
use crate::resource;

resource! {
    /// Permissions that people are given together
    pub struct Role "role" in "roles" keys(&[&["code"]]) subject(Nobody("what any of its holders may do"))
        protected("is_system", &["owner_id"])
        examples("AUDITOR", &["auditor", "aud"], "--code AUDITOR --name Auditor")
    {
        /// Short code, unique in the organisation; a leading ROLE_ is dropped
        code: RoleCode<32> [Search],
        /// Name
        name: Line<200> [Search],
        /// What it is for
        description: Option<Note<10_000>> [Hidden],
        /// User who answers for it
        owner_id: Option<Ref<User>> [Duty],
        /// Whether it is one of the program's own, which stay as they are
        is_system: bool [Managed, Default("no"), Hidden],
        /// Whether it gives anything; changed by `role activate` and `role deactivate`
        is_active: bool [Managed, Default("yes"), Hidden],
    }
}

impl Check for Role {}

/// The role whose `*:*` contains what is critical, too, where it is the program's own.
pub const SUPER_ADMIN: &str = "SUPER_ADMIN";
