//! What a role gives: permissions, each under its conditions.

use super::role::Role;
use crate::model::resource::Check;
use crate::model::values::permission::PermissionPattern;
use crate::model::values::scalar::Ref;
use crate::resource;

resource! {
    /// A permission that a role gives, under all conditions that it names
    pub struct RolePermission "role-permission" in "role_permissions" keys(&[&["role", "resource", "action"]])
        subject(Nobody("what any holder of a role may do")) called("role permission", "role permissions")
        examples("AUDITOR:audit:read", &[], "--role AUDITOR --resource audit --action read")
    {
        /// Role
        role_id: Ref<Role> [Within, Defines],
        /// What it is about; * for everything
        resource: PermissionPattern,
        /// What may be done; * for everything
        action: PermissionPattern,
        /// Whether it holds only for records that one is the subject or the assignee of
        own_records: bool [Default("no"), Alias(&["own_records_only"])],
        /// Whether it holds only for records of one's own department
        own_department: bool [Default("no"), Alias(&["own_department_only"])],
        /// Whether it holds only for records of one's own branches and those below them
        own_branch: bool [Default("no"), Alias(&["own_branch_only"])],
        /// Whether somebody else must approve what is done by it
        require_approval: bool [Default("no")],
    }
}

impl Check for RolePermission {}
