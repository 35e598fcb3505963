//! `user dossier`: everything that is held about a person.

use std::collections::BTreeMap;

use anyhow::Result;

use super::DESC;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::keys::one_key;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::find;
use crate::crud::read::Exported;
use crate::crud::subjects::records_of;
use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::store::records::{self, Deleted};
use crate::store::trail::merged_ids;
use crate::ui::format::{self, Format};

/// All records of other kinds that hold a person's data, whole, by the kinds' tables; those of duplicates that were merged
/// into the person, too.
async fn records_about(s: &mut Invocation<'_>, user: &Record) -> Result<serde_json::Map<String, serde_json::Value>> {
    let (org, id) = user.meta.record_id();
    let ids = merged_ids(s.db().await?, org, DESC, id).await?;
    let kinds = s.kinds();
    let mut rows: BTreeMap<&str, Vec<serde_json::Value>> = BTreeMap::new();
    for record in records_of(s.db().await?, kinds, DESC, org, &ids).await? {
        let told = crate::crud::read::record_json(s, record.desc, &record).await?;
        rows.entry(record.desc.table).or_default().push(told);
    }
    Ok(rows.into_iter().map(|(table, rows)| (table.to_owned(), rows.into())).collect())
}

/// Everything that is held about one person, as JSON.
#[derive(clap::Args)]
pub struct DossierFlags {
    /// User
    #[arg(value_name = "KEY", required = true)]
    pub key: Option<String>,
}

impl Leaf for DossierFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "dossier",
        permission: "users:export",
        writes: false,
        about: "Write everything that is held about a person, as JSON",
        examples: "orgctl user dossier ravi@sahyadri.example > ravi.json",
    };
    const UNUSED: Unused = Unused::NONE.columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let key = one_key(s, DESC, Deleted::Exclude, self.key).await?;
        let record = find(s, DESC, &key, Deleted::Include).await?;
        if s.context.ui.style.format_typed && !matches!(s.context.ui.style.format.get(), Format::Json) {
            return Err(Problem::usage("a dossier is JSON").hint("leave out the other format, or say -o json").into());
        }
        let told = Exported::new(DESC.noun, record.meta.org_id, Format::Json, None, false);
        gate::write(s, &Exported { id: Some(record.meta.id), ..told }).await?;
        if s.context.dry_run {
            s.context
                .ui
                .status(&format!("dry run: would tell what is held of {}; nothing was handed out", record.title()));
            return Ok(());
        }
        let mut about = serde_json::Map::new();
        about.insert("user".into(), crate::crud::read::record_json(s, DESC, &record).await?);
        let mut pointing = serde_json::Map::new();
        for d in records::dependants(s.db().await?, &record).await?.into_iter().filter(|d| d.desc.is_told()) {
            let keys: Vec<serde_json::Value> = d.records.iter().map(|r| r.title().into()).collect();
            pointing.insert(format!("{} ({})", d.desc.table, d.field.map_or("", |f| f.name())), keys.into());
        }
        about.insert("pointed_at_by".into(), pointing.into());
        about.insert("records".into(), records_about(s, &record).await?.into());
        about.insert("history".into(), crate::crud::history::history_json(s, &record).await?);
        s.context.ui.out(&format!("{}\n", format::json_pretty(&about.into())))?;
        s.context.ui.flush()
    }
}
