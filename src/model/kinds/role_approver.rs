//! Who has to agree before a role is given: a link of a role to a user.

use super::role::Role;
use super::user::User;
use crate::model::resource::Check;
use crate::model::values::scalar::Ref;
use crate::resource;

resource! {
    /// A user who approves that a role is given
    pub struct RoleApprover "role-approver" in "role_approvers" keys(&[&["role", "user"]])
        subject(Nobody("who answers for a role, as its owner does"))
        verbs(Link("add-approver", "remove-approver")) called("role approver", "role approvers")
        examples("AUDITOR:asha@sahyadri.example", &[], "--role AUDITOR --user asha@sahyadri.example")
    {
        /// Role
        role_id: Ref<Role> [Within],
        /// User who approves
        user_id: Ref<User> [Duty],
    }
}

impl Check for RoleApprover {}
