//! Which role has the permissions of which others, besides its own.

use super::role::Role;
use crate::model::resource::Check;
use crate::model::values::scalar::Ref;
use crate::resource;

resource! {
    /// A role whose permissions another role has, too
    pub struct RoleInheritance "role-inheritance" in "role_inheritances" keys(&[&["role", "parent"]])
        subject(Nobody("what any of a role's holders may do"))
        verbs(Link("inherit", "disinherit")) called("role inheritance", "role inheritances")
        rules(&[Acyclic("role_id", "parent_id")])
        examples("AUDITOR:READER", &[], "--role AUDITOR --parent READER")
    {
        /// Role that inherits
        role_id: Ref<Role> [Within, Defines],
        /// Role whose permissions it has, too
        parent_id: Ref<Role>,
    }
}

impl Check for RoleInheritance {}
