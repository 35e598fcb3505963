//! Acting with the rights of somebody (`--as USER`): the local operator does, or tries, what that user may.

use anyhow::Result;
use serde_json::json;
use uuid::Uuid;

use crate::access::{Actor, Subject};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::lookup::find;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::Resource as _;
use crate::store::records::Deleted;
use crate::store::tx::Origin;

/// The user with whose rights something is done.
pub struct Acting {
    pub subject: Subject,
    user: (i32, Uuid),
    key: String,
}

impl Acting {
    /// Has the trail tell on whose behalf it is done.
    pub fn note(&self, origin: &mut Origin) {
        origin.user = Some(self.user);
        origin.details.insert("on_behalf_of".into(), json!({ "user": self.key, "id": self.user.1 }));
    }
}

/// Whose rights hold instead of those of who asks, if a user is named. The connection stays open for a command about records, which
/// saves it another one; what works on the database as a whole opens its own.
pub async fn subject(s: &mut Invocation<'_>, key: Option<&str>) -> Result<Option<Acting>> {
    let Some(key) = key else { return Ok(None) };
    let acting = acting_as(s, key).await;
    if acting.is_err() || s.kinds().by_table(s.access().resource()).is_none() {
        s.connection.close().await;
    }
    acting.map(Some).map_err(|e| gate::in_words(s, e))
}

async fn acting_as(s: &mut Invocation<'_>, key: &str) -> Result<Acting> {
    if *s.context.subject != Subject::LocalOperator {
        return Err(Problem::denied("only the local operator can act with the rights of somebody else").into());
    }
    let user = find(s, User::DESCRIPTOR, key, Deleted::Exclude).await?;
    let (org, id) = user.meta.record_id();
    let at = s.context.clock.now();
    let facts = gate::facts_of(s.db().await?, (org, id), at).await?;
    s.context.ui.status(&format!("with the rights of {}", user.title()));
    Ok(Acting { subject: Subject::Somebody(Actor { org, facts }), user: (org, id), key: user.key() })
}
