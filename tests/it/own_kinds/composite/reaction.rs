//! A link of which one side is itself named by several fields.

use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Migration};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Line, Ref};
use orgctl::resource;

use super::comment::Comment;

resource! {
    /// What somebody thinks of a comment
    pub struct Reaction "reaction" in "reactions" keys(&[&["comment", "user"]])
        examples("T-1:7:ASHA22", &[], "--comment T-1:7 --user ASHA22")
    {
        /// Comment
        comment_id: Ref<Comment> [Within],
        /// User
        user_id: Ref<User> [Within, Subject],
        /// A word for it
        word: Line<20> [Default("good")],
    }
}

impl Check for Reaction {}

const TABLE: &[Migration] = &[table!(
    "reactions",
    sqlite: "comment_id BLOB NOT NULL CHECK (length(comment_id) = 16),
             user_id BLOB NOT NULL CHECK (length(user_id) = 16),
             word TEXT NOT NULL CHECK (word <> '' AND length(word) <= 20)",
    postgres: "comment_id UUID NOT NULL, user_id UUID NOT NULL,
               word TEXT COLLATE \"C\" NOT NULL CHECK (word <> '' AND length(word) <= 20)",
    references: "FOREIGN KEY (org_id, comment_id) REFERENCES comments (org_id, id) DEFERRABLE INITIALLY DEFERRED,
                 FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED",
    keys: ["reactions_key" on "comment_id, user_id" / "comment_id, user_id"]
)];

pub const REACTION: Kind = Kind { desc: Reaction::DESCRIPTOR, migrations: TABLE, catalogue: "" };
