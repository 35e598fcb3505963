//! What users prove themselves with: one for each who has a password.

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::user::User;
use crate::model::password::StoredHash;
use crate::model::problem::Problem;
use crate::model::resource::Check;
use crate::model::values::scalar::{Concealed, Count, Line, Moment, Ref};
use crate::model::values::value::hex;
use crate::resource;

resource! {
    /// What somebody proves himself or herself with
    pub struct Credential "credential" in "credentials" keys(&[&["user"]]) verbs(Nothing) {
        /// Whose it is
        user_id: Ref<User> [Within, Subject],
        /// The hash of the password, which names what made it
        password: Concealed<2048> [Secret],
        /// The key of the fingerprint, which is kept with the hash alone
        fingerprint_key: Concealed<32> [Secret],
        /// That of the hash: the trail tells by it that another one was set, and nobody can try words against it
        fingerprint: Line<64>,
        /// What made the hash
        scheme: Line<50>,
        /// When the password itself was changed; a better hash of the same is no change
        changed_at: Moment,
        /// Whether the person is to choose another one at the next sign-in
        must_change: bool,
        /// Days after which it must be changed; none: the setting, 0: never
        expiry_days: Option<Count>,
    }
}

impl Credential {
    /// One of a password that was set at a time.
    pub fn new(user: Uuid, password: &StoredHash, key: [u8; 16], at: DateTime<Utc>) -> Credential {
        let key = hex(&key);
        Credential {
            user_id: Ref::new(user),
            fingerprint: Line::cut(&fingerprint(&key, password.text())),
            fingerprint_key: Concealed::new(&key),
            password: Concealed::new(password.text()),
            scheme: Line::cut(password.scheme()),
            changed_at: Moment(at),
            must_change: false,
            expiry_days: None,
        }
    }
}

fn fingerprint(key: &str, hash: &str) -> String {
    hex(&Sha256::new().chain_update(key).chain_update(hash).finalize())
}

impl Check for Credential {
    fn check(&self, _: NaiveDate) -> Vec<Problem> {
        let is_it = fingerprint(self.fingerprint_key.expose(), self.password.expose()) == self.fingerprint.as_str();
        let other = "the hash of the password is another one than its fingerprint tells";
        (!is_it).then(|| Problem::integrity(other).hint("set a new password: 'user passwd'")).into_iter().collect()
    }
}
