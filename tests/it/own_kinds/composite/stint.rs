//! A key with a part that may be left out: who works where, or nowhere in particular.

use orgctl::model::kinds::branch::Branch;
use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Migration};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Count, Ref};
use orgctl::resource;

resource! {
    /// Hours that somebody works in a branch, or in none
    pub struct Stint "stint" in "stints" keys(&[&["user", "stand_in", "branch"]])
        examples("ASHA22:RAV222", &[], "--user ASHA22 --stand-in RAV222")
    {
        /// User
        user_id: Ref<User> [Within, Subject],
        /// User who stands in
        stand_in_id: Ref<User> [Within],
        /// Branch
        branch_id: Option<Ref<Branch>> [Within],
        /// Hours a week
        hours: Count [Default("40")],
    }
}

impl Check for Stint {}

const TABLE: &[Migration] = &[table!(
    "stints",
    sqlite: "user_id BLOB NOT NULL CHECK (length(user_id) = 16),
             stand_in_id BLOB NOT NULL CHECK (length(stand_in_id) = 16), branch_id BLOB CHECK (length(branch_id) = 16),
             hours INTEGER NOT NULL CHECK (hours BETWEEN 0 AND 2147483647)",
    postgres: "user_id UUID NOT NULL, stand_in_id UUID NOT NULL, branch_id UUID,
               hours INTEGER NOT NULL CHECK (hours >= 0)",
    references: "FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED,
                 FOREIGN KEY (org_id, stand_in_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED,
                 FOREIGN KEY (org_id, branch_id) REFERENCES branches (org_id, id) DEFERRABLE INITIALLY DEFERRED",
    keys: ["stints_key" on "user_id, stand_in_id, coalesce(branch_id, x'00000000000000000000000000000000')"
                         / "user_id, stand_in_id, coalesce(branch_id, '00000000-0000-0000-0000-000000000000'::uuid)"]
)];

pub const STINT: Kind = Kind { desc: Stint::DESCRIPTOR, migrations: TABLE, catalogue: "" };
