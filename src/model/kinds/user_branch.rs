//! Which branches a person is of: a link of a branch to a user.

use super::branch::Branch;
use super::user::User;
use crate::model::resource::Check;
use crate::model::values::scalar::Ref;
use crate::resource;

resource! {
    /// A branch that a person is of
    pub struct UserBranch "user-branch" in "user_branches" keys(&[&["branch", "user"]]) path(&["branch"], &["user"])
        verbs(Link("assign", "unassign")) called("user branch", "user branches")
        rules(&[AtMostOne("is_primary", &["user_id"])])
        examples("MUM01:asha@sahyadri.example", &[], "--branch MUM01 --user asha@sahyadri.example")
    {
        /// Branch
        branch_id: Ref<Branch>,
        /// User who is of it
        user_id: Ref<User> [Within, Subject],
        /// Whether it is the person's own, which comes first
        is_primary: bool [Default("no"), Alias(&["primary"])],
    }
}

impl Check for UserBranch {}
