//! Acting with the rights of somebody (`--as USER`): the local operator does, or tries, what that user may.

use anyhow::Result;
use serde_json::json;

use crate::access::{Actor, Subject};
use crate::crud::gate;
use crate::crud::lookup::find;
use crate::crud::session::Session;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::Resource as _;
use crate::store::records::Deleted;

/// Whose rights hold: those of who asks, or of the user that is named. Then the trail tells on whose behalf it is done.
pub async fn subject(s: &mut Session<'_>, key: Option<&str>) -> Result<Subject> {
    let Some(key) = key else { return Ok(s.context.subject.clone()) };
    let acting = acting_as(s, key).await;
    s.connection.close().await;
    acting.map_err(|e| gate::in_words(s, e))
}

async fn acting_as(s: &mut Session<'_>, key: &str) -> Result<Subject> {
    if *s.context.subject != Subject::LocalOperator {
        return Err(Problem::denied("only the local operator can act with the rights of somebody else").into());
    }
    let user = find(s, User::DESCRIPTOR, key, Deleted::Exclude).await?;
    let (org, id) = user.meta.record_id();
    let at = s.context.clock.now();
    let facts = gate::facts_of(s.db().await?, (org, id), at).await?;
    s.ui.status(&format!("with the rights of {}", user.title()));
    s.origin.user = Some((org, id));
    s.origin.details.insert("on_behalf_of".into(), json!({ "user": user.key(), "id": id }));
    Ok(Subject::Somebody(Actor { org, facts }))
}
