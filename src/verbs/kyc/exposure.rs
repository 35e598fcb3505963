//! `kyc exposure`: whose sealed data somebody was shown, for the notice to the authority.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use uuid::Uuid;

use crate::crud::gate;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::session::Session;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::{NAME, Record, Resource as _};
use crate::model::values::value::{Value, ValueType};
use crate::store::records;
use crate::store::trail::exposure::{Exposure, exposures};
use crate::ui::format::{Listing, OutputColumn};

/// People who are looked up together.
const TOGETHER: usize = 500;

/// Whose sealed data was revealed or exported by somebody, as the trail tells it.
#[derive(clap::Args)]
pub struct ExposureFlags {
    /// Who was shown it, as the trail names actors
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// Only since then: 30d, 2026-11-01
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
}

impl Leaf for ExposureFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "exposure",
        permission: "audit:read",
        writes: false,
        about: "Tell whose sealed data somebody was shown, as a notice to the authority needs it",
        examples: "orgctl kyc exposure --actor asha --since 30d\norgctl kyc exposure --actor asha -o csv > notice.csv",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        gate::allow(s)?;
        let actor = self.actor.ok_or_else(|| {
            Problem::usage("it is not said who was shown something")
                .hint("name the actor: --actor asha; 'orgctl audit stats --by actor' lists them")
        })?;
        let since = self.since.as_ref().map(|text| s.context.time(text)).transpose()?.map(|(from, _)| from);
        let org = s.the_trail().await?;
        let found = exposures(s.db().await?, org, &actor, since).await?;
        let mut listing = Listing::new(&s.context.ui, heads(), 0);
        let (many, found) = (found.len(), found.into_iter().collect::<Vec<_>>());
        for some in found.chunks(TOGETHER) {
            let people = people(s, org, some).await?;
            for (id, exposure) in some {
                listing.row(&s.context.ui, row(*id, people.get(id), exposure))?;
            }
        }
        listing.finish(&s.context.ui)?;
        s.context.ui.flush()?;
        match many {
            0 => s.context.ui.status(&format!("the trail tells of nothing that was shown to {actor}")),
            1 => s.context.ui.status("one person's sealed data was shown"),
            _ => s.context.ui.status(&format!("sealed data of {many} people was shown")),
        }
        Ok(())
    }
}

async fn people(s: &mut Session<'_>, org: i32, some: &[(Uuid, Exposure)]) -> Result<HashMap<Uuid, Record>> {
    let ids: Vec<Value> = some.iter().map(|(id, _)| (*id).into()).collect();
    let (desc, db) = (User::DESCRIPTOR, s.db().await?);
    let mut found = records::with_ids(db, desc, Some(org), &ids).await?;
    found.extend(records::gone_with_ids(db, desc, Some(org), &ids).await?);
    Ok(found.into_iter().map(|record| (record.meta.id, record)).collect())
}

fn heads() -> Vec<OutputColumn> {
    use ValueType::{Int, Text, Time, Uuid};
    let heads: [(&str, ValueType); 8] = [
        ("user", Text),
        ("name", Text),
        ("fields", Text),
        ("how", Text),
        ("times", Int),
        ("first_at", Time),
        ("last_at", Time),
        ("user_id", Uuid),
    ];
    heads.map(|(name, kind)| OutputColumn::new(name, kind)).into()
}

/// Who is purged is told by the id.
fn row(id: Uuid, user: Option<&Record>, shown: &Exposure) -> Vec<Value> {
    let words = |all: &BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(" ").into();
    let name = user.and_then(|user| user.find(NAME)).cloned().unwrap_or(Value::Null(ValueType::Text));
    vec![
        user.map_or_else(|| id.to_string(), Record::key).into(),
        name,
        words(&shown.fields),
        words(&shown.how),
        shown.times.into(),
        shown.first.into(),
        shown.last.into(),
        id.into(),
    ]
}
