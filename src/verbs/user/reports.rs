//! `user reports`: the tree of who reports to whom.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use uuid::Uuid;

use super::DESC;
use crate::crud::flags::depth;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::keys::one_key;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::find;
use crate::model::kinds::user::User;
use crate::model::resource::Record;
use crate::model::resource::stored::Stored;
use crate::model::values::scalar::Scalar as _;
use crate::model::values::value::{Value, ValueType};
use crate::store::records::{self, Deleted};
use crate::ui::format::{Listing, OutputColumn};
use crate::verbs::tree::{self, Node};

/// Who reports to a user, directly and through others, or with `--up` to whom he or she reports.
#[derive(clap::Args)]
pub struct ReportsFlags {
    /// User at the top, or with --up at the bottom
    #[arg(value_name = "KEY", required = true)]
    pub key: Option<String>,
    /// Show whom the user reports to instead
    #[arg(long)]
    pub up: bool,
    /// Levels to show
    #[arg(long, value_name = "LEVELS", value_parser = depth)]
    pub depth: Option<usize>,
}

impl Leaf for ReportsFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "reports",
        permission: "users:read",
        writes: false,
        about: "Show who reports to a user, as a tree",
        examples: "orgctl user reports asha@sahyadri.example\norgctl user reports ravi@sahyadri.example --up",
    };
    const UNUSED: Unused = Unused::NONE.columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let key = one_key(s, DESC, Deleted::Exclude, self.key).await?;
        let top = find(s, DESC, &key, Deleted::Exclude).await?;
        let node = |r: &Record| -> Result<Node> {
            let Stored { meta, value: u, .. } = Stored::<User>::from_record(r)?;
            let name = u.name.map_or(String::new(), |name| name.as_str().to_owned());
            Ok(Node { id: meta.id, code: u.user_code.as_str().to_owned(), name, active: u.is_active })
        };
        let Some(superior) = DESC.parent() else { return Ok(()) };
        let limit = self.depth.unwrap_or(usize::MAX);
        if self.up {
            return up(s, &top, limit).await;
        }
        let mut children: HashMap<Option<Uuid>, Vec<Node>> = HashMap::new();
        let mut seen = BTreeSet::from([top.meta.id]);
        let mut level: Vec<Value> = vec![top.meta.id.into()];
        let mut depth = 1;
        while !level.is_empty() && depth < limit {
            let mut next = Vec::new();
            for some in level.chunks(500) {
                let mut found =
                    records::with_values(s.db().await?, DESC, Some(top.meta.org_id), superior, some).await?;
                found.retain(|r| seen.insert(r.meta.id));
                for record in &found {
                    children.entry(record.get(superior.column).as_uuid()).or_default().push(node(record)?);
                    next.push(record.meta.id.into());
                }
            }
            level = next;
            depth += 1;
        }
        for nodes in children.values_mut() {
            nodes.sort_by(|a, b| (&a.name, &a.code).cmp(&(&b.name, &b.code)));
        }
        tree::show(s.context, vec![node(&top)?], children, ["user_code", "reports_to"], limit)
    }
}

/// The reporting line, the nearest first.
async fn up(s: &mut Invocation<'_>, from: &Record, limit: usize) -> Result<()> {
    let ui = &s.context.ui;
    let heads = ["user_code", "name", "designation"].map(|n| OutputColumn::new(n, ValueType::Text)).to_vec();
    let mut listing = Listing::new(ui, heads, 0);
    let mut seen = BTreeSet::from([from.meta.id]);
    let org = from.meta.org_id;
    let mut at = Stored::<User>::from_record(from)?;
    let mut level = 0;
    while let Some(id) = at.value.reports_to_id.map(|r| r.0).filter(|id| level < limit && seen.insert(*id)) {
        let Some(above) = records::load(s.db().await?, DESC, org, id).await? else { break };
        at = Stored::from_record(&above)?;
        let told = at.value.clone();
        listing.row(ui, vec![above.key().into(), told.name.into_value(), told.designation.into_value()])?;
        level += 1;
    }
    listing.finish(ui)?;
    ui.flush()
}
