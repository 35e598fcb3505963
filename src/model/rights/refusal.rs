//! A question about somebody's rights whose answer was no: what its audit record keeps of it, so that it can be asked again.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::scope::{About, Belongings};

/// What was not allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// `users:update`
    pub permission: String,
    /// Who asked; none where his or her rights are no user's.
    pub user_id: Option<Uuid>,
    /// Whether it was about the whole installation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_the_installation: bool,
    /// The kind of record that it was about, as its noun, and which one: of several the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<Uuid>,
    /// What that belonged to, or would have. Of nothing: it had to be allowed of everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub belongings: Option<Belongings>,
}

/// Where a refusal is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The code of the organisation.
    pub org: String,
    pub seq: i64,
}

impl Refusal {
    pub fn of(permission: impl Into<String>) -> Refusal {
        Refusal { permission: permission.into(), ..Refusal::default() }
    }

    /// The same, asked about something.
    #[must_use]
    pub fn about(mut self, about: About<'_>) -> Refusal {
        self.of_the_installation = matches!(about, About::Installation);
        self.belongings = match about {
            About::Record(belongings) => Some(belongings.clone()),
            _ => None,
        };
        self
    }

    /// The same, about a record.
    #[must_use]
    pub fn of_record(mut self, noun: &str, id: Uuid) -> Refusal {
        (self.resource, self.resource_id) = (Some(noun.to_owned()), Some(id));
        self
    }

    pub fn asked_about(&self) -> About<'_> {
        match &self.belongings {
            _ if self.of_the_installation => About::Installation,
            Some(belongings) => About::Record(belongings),
            None => About::Unnamed,
        }
    }
}
