//! Settings that are set: what an organisation, the installation or somebody has instead of what holds otherwise. Which there
//! are, and what their values may be, [`crate::model::setting`] declares.

use chrono::NaiveDate;

use super::user::User;
use crate::model::problem::Problem;
use crate::model::resource::key::BETWEEN;
use crate::model::resource::stored::Stored;
use crate::model::resource::{Check, Meta};
use crate::model::setting::{Place, SettingScope, declared};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{Line, Ref, SettingKey};
use crate::resource;

resource! {
    /// A setting that has a value of its own
    pub struct StoredSetting "setting" in "settings" keys(&[&["setting", "user"]]) path(&["user"], &["user"])
        verbs(Own("reset")) tenancy(Tenancy::Either) of_the_org() recorded(Action::ConfigChange)
        examples("password.min_length", &[], "")
    {
        /// Which setting
        setting: SettingKey,
        /// User who it is set for; without one it is the organisation's, or in SYSTEM the installation's
        user_id: Option<Ref<User>> [Within, Subject],
        /// Value
        value: Line<10_000>,
    }
}

/// The column of the value.
pub const VALUE: &str = "value";

impl StoredSetting {
    pub fn key(&self) -> &str {
        self.setting.as_str()
    }

    /// The value, in canonical form.
    pub fn text(&self) -> &str {
        self.value.as_str()
    }

    /// Where it is set.
    pub fn place(&self, meta: &Meta) -> Place {
        Place { org: meta.org_id, user: self.user_id.map(|user| user.0) }
    }

    /// The flag that names where one is set, where that is not an organisation.
    pub fn flag(stored: &Stored<StoredSetting>) -> String {
        let user = stored.record().key().split_once(BETWEEN).map(|(_, user)| format!(" --user {user}"));
        match stored.value.place(&stored.meta).scope() {
            SettingScope::System => " --system".to_owned(),
            SettingScope::Org => String::new(),
            SettingScope::User => user.unwrap_or_default(),
        }
    }
}

impl Check for StoredSetting {
    /// What orgctl did not write, or another version of it wrote.
    fn check(&self, _: NaiveDate) -> Vec<Problem> {
        let checked = || {
            let known = declared(self.key())?;
            let value = known.parse(self.text())?;
            if known.key != self.key() || known.rule.text(&value) != self.text() {
                return Err(Problem::invalid(format!("{} is not written as it should be", self.key())));
            }
            Ok(())
        };
        checked().err().into_iter().collect()
    }

    fn check_placed(&self, meta: &Meta) -> Vec<Problem> {
        // One that is not declared is named already.
        let known = declared(self.key()).ok();
        known.and_then(|known| known.check_scope(self.place(meta).scope()).err()).into_iter().collect()
    }
}
