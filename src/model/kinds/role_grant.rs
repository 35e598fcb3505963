//! Who has which role: a link of a role to a user, for a time, in a place.

use super::branch::Branch;
use super::dept::Dept;
use super::role::Role;
use super::user::User;
use crate::model::resource::Check;
use crate::model::resource::lifecycle::{ENDED, EXPIRES};
use crate::model::resource::status::{Test, Word};
use crate::model::values::scalar::{Moment, Ref};
use crate::resource;

resource! {
    /// A role that somebody has, for good or for a time
    pub struct RoleGrant "role-grant" in "role_grants" keys(&[&["role", "user", "branch", "department"]])
        path(&["branch", "user"], &["department", "user"])
        status(STATUS) verbs(Link("assign", "unassign")) lifecycle(Supersede) called("role grant", "role grants")
        rules(&[
            AtMostOne("is_primary", &["user_id"]),
            Range("granted_at", "expires_at", &["role_id", "user_id", "branch_id", "department_id"]),
        ])
        examples("AUDITOR:asha@sahyadri.example", &[], "--role AUDITOR --user asha@sahyadri.example")
    {
        /// Role
        role_id: Ref<Role> [Within, InUse],
        /// User who has it
        user_id: Ref<User> [Within, Subject],
        /// Branch, with those below it, that it is narrowed to
        branch_id: Option<Ref<Branch>> [Within],
        /// Department that it is narrowed to
        department_id: Option<Ref<Dept>> [Within, Alias(&["dept"])],
        /// Whether it is the one that the user acts by first
        is_primary: bool [Default("no"), Alias(&["primary"])],
        /// When it ends to give anything
        expires_at: Option<Moment> [Alias(&["until", "expiry", "expires", "valid_until", "role_expires_at", "role_expiry"])],
        /// User who gave it
        granted_by_id: Option<Ref<User>> [Keep, FromActor, Hidden, Alias(&["assigned_by"])],
        /// When it was given
        granted_at: Option<Moment> [FromClock, Hidden, Alias(&["assigned_at"])],
        /// When it was taken back, or another one took its place
        ended_at: Option<Moment> [Managed, Hidden],
    }
}

/// One that begins later gives nothing until then.
const STATUS: &[Word] = &[
    Word::of("ended", &[Test::Given(ENDED)]),
    Word::of("expired", &[Test::Passed(EXPIRES)]).out(),
    Word::of("planned", &[Test::Ahead("granted_at")]).out(),
    Word::otherwise("active"),
];

impl Check for RoleGrant {}
