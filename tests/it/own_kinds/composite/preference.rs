//! One per owner: what somebody likes.

use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Migration};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Line, Ref};
use orgctl::resource;

resource! {
    /// What somebody likes
    pub struct Preference "preference" in "preferences" keys(&[&["user"]]) has_defaults()
        examples("ASHA22", &[], "--user ASHA22 --scheme dark")
    {
        /// User
        user_id: Ref<User> [Within, Subject],
        /// Colours
        scheme: Line<20> [Default("light")],
        /// Whether mails come
        mails: bool [Default("yes")],
    }
}

impl Check for Preference {}

const TABLE: &[Migration] = &[table!(
    "preferences",
    sqlite: "user_id BLOB NOT NULL CHECK (length(user_id) = 16),
             scheme TEXT NOT NULL CHECK (scheme <> '' AND length(scheme) <= 20), mails INTEGER NOT NULL",
    postgres: "user_id UUID NOT NULL, scheme TEXT COLLATE \"C\" NOT NULL CHECK (scheme <> '' AND length(scheme) <= 20),
               mails BOOLEAN NOT NULL",
    references: "FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED",
    keys: ["preferences_key" on "user_id" / "user_id"]
)];

pub const PREFERENCE: Kind = Kind { desc: Preference::DESCRIPTOR, migrations: TABLE, catalogue: "" };
