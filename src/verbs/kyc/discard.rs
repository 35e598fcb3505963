//! `kyc discard`: who wrote a draft throws it away. Nobody has looked at it and no rule keeps it, so it goes for good, with who owns the
//! business; and where nothing else of the person is sealed, the key of his or her data goes too, so that no copy of it opens any more.

use std::collections::HashSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

use super::submit::{draft_of, is_by_writer};
use super::{DESC, choice, live_of};
use crate::crud::contents::delete_contents;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::keys::keys;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::{find, find_in};
use crate::crud::purge::purge_contents;
use crate::crud::write::{Target, dry_run_note};
use crate::model::kinds::kyc::{Kyc, KycKind, KycState};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::key::BETWEEN;
use crate::model::resource::stored::Stored;
use crate::model::resource::{Record, Resource as _};
use crate::model::sealing::Purpose;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::store::keys::{Which, find as find_keys};
use crate::store::records::pointing::{RecordAt, read};
use crate::store::records::{Deleted, sealed};
use crate::store::tx::Tx;
use crate::ui::format::report;

/// Throws drafts away.
#[derive(Debug, Serialize, Deserialize)]
pub struct Discard {
    targets: Vec<Target>,
}

impl Verb for Discard {
    const NAME: &str = "kyc discard";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        for before in Target::load_all(&self.targets, tx, DESC).await? {
            is_own_draft(tx, &Stored::from_record(&before)?)?;
            let (at, deletion) = (RecordAt::of(&before), tx.new_id());
            delete_contents(tx, &before, deletion).await?;
            tx.delete(&before, deletion).await?;
            purge_contents(tx, &[at], &HashSet::from([at.id])).await?;
            let gone = read(tx.db, &[at]).await?;
            tx.purge_all(&gone).await?;
            forget_key(tx, &before).await?;
        }
        Ok(())
    }
}

/// Refuses what was submitted, and what somebody else wrote.
fn is_own_draft(tx: &Tx<'_>, record: &Stored<Kyc>) -> Result<(), Problem> {
    let title = record.record().title();
    if record.value.state != KycState::Draft {
        let sentence = format!("{title} is {}: only a draft is thrown away", record.value.state.as_str());
        return Err(Problem::conflict(sentence).hint("what was submitted is kept by law; 'orgctl kyc reject' ends it"));
    }
    if !is_by_writer(tx, record) {
        return Err(Problem::conflict(format!("{title} was written by somebody else"))
            .hint("whoever wrote a draft throws it away"));
    }
    Ok(())
}

/// Destroys the keys of a person's data, where nothing is sealed by them any more.
async fn forget_key(tx: &mut Tx<'_>, draft: &Record) -> Result<()> {
    let (org, person) = (draft.meta.org_id, draft.get("user_id").as_uuid().unwrap_or_default());
    tx.flush().await?;
    for desc in tx.kinds().resources().filter(|desc| desc.is_about(User::DESCRIPTOR)) {
        let names: Vec<&'static str> = sealed::columns(desc).into_iter().map(|(field, _)| field.column).collect();
        if !names.is_empty() && !sealed::rows_of(tx.db, desc, &names, org, &[person]).await?.is_empty() {
            return Ok(());
        }
    }
    let own = find_keys(tx.db, org, Which::Subjects(&[Purpose::Data], &[person])).await?;
    let ids: Vec<Uuid> = own.iter().map(|key| key.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    tx.destroy_keys(org, &ids).await?;
    let mut details = Map::from_iter([("verb".to_owned(), "discard".into())]);
    tx.name_keys(person, &mut details);
    Ok(tx.event_about(org, Action::Purge, DESC.noun, draft.meta.id, details).await?)
}

/// The draft that a key names: `asha@acme.in:pan`, or in full.
async fn draft(s: &mut Invocation<'_>, key: &str) -> Result<Record> {
    let parts = key.rsplit_once(BETWEEN).and_then(|(user, kind)| Some((user, choice::<KycKind>(kind).ok()?)));
    let Some((user, kind)) = parts else { return find(s, DESC, key, Deleted::Exclude).await };
    let org = s.org_of(User::DESCRIPTOR).await?;
    let user = find_in(s, User::DESCRIPTOR, org, user, Deleted::Exclude).await?;
    let (org, id) = user.meta.record_id();
    let all = live_of(s.db().await?, org, id).await?;
    let found = draft_of(&all, kind).map(Stored::record).ok_or_else(|| {
        Problem::not_found(format!("{} has no draft of {}", user.title(), kind.as_str()))
            .hint(format!("'orgctl kyc status {}' tells what there is", user.key()))
    })?;
    s.is_about(&found);
    Ok(found)
}

/// Throws drafts away.
#[derive(clap::Args)]
pub struct DiscardFlags {
    /// Drafts (USER:KIND); '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl Leaf for DiscardFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "discard",
        permission: "kyc:submit",
        writes: true,
        about: "Throw drafts away for good, as whoever wrote them may",
        examples: "orgctl kyc discard asha@sahyadri.example:pan",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::Purge);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let mut drafts: Vec<Record> = Vec::new();
        for key in keys(s, DESC, Deleted::Exclude, &self.key).await? {
            let found = draft(s, &key).await?;
            if drafts.iter().all(|known| known.meta.id != found.meta.id) {
                drafts.push(found);
            }
        }
        let titles: Vec<String> = drafts.iter().map(Record::title).collect();
        if !s.context.dry_run {
            s.context.ui.confirm(&format!("throw {} away for good?", titles.join(", "))).await?;
        }
        let targets = drafts.iter().map(Target::of).collect();
        gate::write(s, &Discard { targets }).await?;
        for title in titles {
            s.context.ui.status(&format!("threw {title} away"));
        }
        dry_run_note(s.context);
        report(&s.context.ui, &json!({ "discarded": drafts.len() }))
    }
}
