//! `role explain --denied`: a refusal of the trail, asked again as of when it was.

use anyhow::Result;
use serde_json::{Map, Value as Json, json};

use super::question::{Asked, Question, again};
use crate::access::Answer;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::rights::refusal::{Recorded, Refusal};
use crate::model::trail::audit::Status;
use crate::store::records;
use crate::store::trail::verify::size;
use crate::store::trail::{Entry, numbered};

/// A refusal of the trail.
pub struct Denied {
    pub at: Recorded,
    /// What it said.
    pub sentence: String,
}

impl Denied {
    /// Who asks is told of a record of the trail, so that must be allowed, too.
    pub async fn read(s: &mut Invocation<'_>, seq: i64) -> Result<Asked<(Denied, Question)>> {
        gate::allow_besides(s.context, "audit:read")?;
        let tree = s.the_trail().await?;
        let code = records::org_code(s.db().await?, tree).await?;
        let Some(entry) = numbered(s.db().await?, tree, seq).await? else {
            let last = size(s.db().await?, Some(tree)).await?;
            return Err(Problem::not_found(format!("the trail of {code} has no record {seq}"))
                .hint(format!("it goes from 1 to {last}"))
                .into());
        };
        let name = format!("record {seq} of {code}");
        if entry.status == Status::Denied.as_str() && entry.payload.is_none() {
            let sentence = format!("what {name} refused is not known any more: it is erased or archived");
            return Ok(Asked::Unknown(Problem::new(ErrorKind::Failed, sentence)));
        }
        let refusal = refusal(&entry, &name)?;
        let sentence = entry.request.as_ref().and_then(|request| request["error"].as_str()).unwrap_or_default();
        let denied = Denied { at: Recorded { org: code, seq }, sentence: sentence.to_owned() };
        Ok(match again(s, tree, entry.at, refusal).await? {
            Asked::Known(question) => Asked::Known((denied, question)),
            Asked::Unknown(why) => Asked::Unknown(why),
        })
    }
}

impl Denied {
    /// Its line among the others of an explanation.
    pub fn line(&self, answer: Answer) -> String {
        let Recorded { org, seq } = &self.at;
        match answer {
            Answer::Allow => format!("refused as record {seq} of {org}, though roles would have allowed it"),
            _ => format!("refused as record {seq} of {org}: {}", self.sentence),
        }
    }

    pub fn document(&self) -> Map<String, Json> {
        let Recorded { org, seq } = &self.at;
        let record = json!({ "org": org, "seq": seq });
        Map::from_iter([("record".to_owned(), record), ("refused".to_owned(), self.sentence.as_str().into())])
    }
}

/// What was asked about whom; what is no refusal of somebody says what it is.
fn refusal(entry: &Entry, name: &str) -> Result<Refusal, Problem> {
    let (action, kind) = (&entry.action, &entry.kind);
    if entry.status != Status::Denied.as_str() {
        let ended = if entry.status == Status::Success.as_str() { "was done" } else { entry.status.as_str() };
        return Err(Problem::usage(format!("{name} is no refusal: it tells of {action} {kind}, which {ended}"))
            .hint("'orgctl audit list --status denied' shows what was refused"));
    }
    let question = entry.payload.as_ref().map(|payload| payload["question"].clone()).unwrap_or_default();
    let Ok(refusal) = serde_json::from_value::<Refusal>(question) else {
        return Err(Problem::usage(format!("{name} was refused for no want of rights"))
            .hint("'orgctl audit show SEQ' shows what the refusal said"));
    };
    match refusal.user_id {
        Some(_) => Ok(refusal),
        None => Err(Problem::usage(format!("{name} refused somebody who is no user: no roles tell why"))
            .hint("'orgctl audit show SEQ' shows what the refusal said")),
    }
}
