//! What only branches can do: tree, move, stats.

use std::collections::HashMap;

use anyhow::Result;
use uuid::Uuid;

use super::stats;
use super::tree::{self, Node};
use crate::crud::flags::{ASKED_GROUP, IfVersion, PutAnyway, depth};

use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::{find, find_in};
use crate::crud::prompt;
use crate::crud::write::{change, targets_of_one_org};
use crate::model::kinds::branch::Branch;
use crate::model::problem::Problem;
use crate::model::resource::stored::Stored;
use crate::model::resource::{Descriptor, IS_ACTIVE, Resource as _};
use crate::model::trail::audit::Action;
use crate::model::values::value::{Value, ValueType};
use crate::store::records::query::{Query, column};
use crate::store::records::{self, Deleted};

const DESC: &Descriptor = Branch::DESCRIPTOR;

/// The tree of an organisation, or of one branch and what is below it.
#[derive(clap::Args)]
pub struct TreeFlags {
    /// Branch to begin at
    #[arg(value_name = "KEY")]
    pub key: Option<String>,
    /// Levels to show
    #[arg(long, value_name = "LEVELS", value_parser = depth)]
    pub depth: Option<usize>,
}

impl Leaf for TreeFlags {
    const SPEC: Spec = Spec {
        noun: "branch",
        verb: "tree",
        permission: "branches:read",
        writes: false,
        about: "Show the tree of branches",
        examples: "orgctl branch tree\norgctl branch tree R-MAH-W --depth 2",
    };
    const UNUSED: Unused = Unused::NONE.columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let top = match &self.key {
            Some(key) => Some(find(s, DESC, key, Deleted::Exclude).await?),
            None => None,
        };
        let org = match &top {
            Some(record) => record.meta.org_id,
            None => s.the_org().await?,
        };
        let mut children = children(s, org).await?;
        let limit = self.depth.unwrap_or(usize::MAX);
        let roots = match top.as_ref().map(Stored::<Branch>::from_record).transpose()? {
            Some(Stored { meta, value: b, .. }) => {
                vec![Node {
                    id: meta.id,
                    code: b.code.as_str().into(),
                    name: b.name.as_str().into(),
                    active: b.is_active,
                }]
            }
            None => children.remove(&None).unwrap_or_default(),
        };
        tree::show(s.context, roots, children, ["code", "parent"], limit)
    }
}

/// Live branches by their parent, in the order of their codes.
async fn children(s: &mut Invocation<'_>, org: i32) -> Result<HashMap<Option<Uuid>, Vec<Node>>> {
    let all = records::columns(DESC);
    let mut query = Query::new(DESC, s.context.clock.now());
    query.org = Some(org);
    let parent = column(&all, "parent")?.clone();
    let own = |c: &records::Column| records::Column {
        expr: "t.parent_id".into(),
        kind: ValueType::Uuid,
        join: None,
        ..c.clone()
    };
    query.columns = vec![
        column(&all, "id")?.clone(),
        own(&parent),
        column(&all, "code")?.clone(),
        column(&all, "name")?.clone(),
        column(&all, IS_ACTIVE)?.clone(),
    ];
    let mut children: HashMap<Option<Uuid>, Vec<Node>> = HashMap::new();
    query
        .each(s.db().await?, |row| {
            let active = row.value(4).as_bool().unwrap_or_default();
            let node = Node { id: row.uuid(0)?, code: row.text(2)?.into(), name: row.text(3)?.into(), active };
            children.entry(row.value(1).as_uuid()).or_default().push(node);
            Ok(())
        })
        .await?;
    Ok(children)
}

/// Moves branches, each with all that is below it. A branch can't come to stand below itself.
#[derive(clap::Args)]
pub struct MoveFlags {
    /// Branches to move; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub version: IfVersion,
    #[command(flatten)]
    pub force: PutAnyway,
}

/// Where branches come to stand: one of the two, which a person is asked for.
#[derive(clap::Args)]
#[group(id = ASKED_GROUP, required = true, multiple = false)]
pub struct Place {
    /// Branch to move them below
    #[arg(long, value_name = "KEY")]
    pub to: Option<String>,
    /// Make them stand by themselves
    #[arg(long)]
    pub root: bool,
}

impl Leaf for MoveFlags {
    const SPEC: Spec = Spec {
        noun: "branch",
        verb: "move",
        permission: "branches:update",
        writes: true,
        about: "Move branches, with all that is below them",
        examples: "orgctl branch move MUM02 --to R-GUJ-N\norgctl branch move MUM02 --root",
    };
    const RECORDED: Option<Action> = Some(Action::Move);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let Some((org, moved)) = targets_of_one_org(s, DESC, &self.key).await? else { return Ok(()) };
        let parent: Value = match &self.place.to {
            Some(key) => find_in(s, DESC, Some(org), key, Deleted::Exclude).await?.meta.id.into(),
            None if self.place.root => Value::Null(ValueType::Uuid),
            None if s.context.ui.style.interactive => {
                let below = "Branch to move them below";
                prompt::record(s, DESC, Some(org), Deleted::Exclude, below, Some("(none: they stand by themselves)"))
                    .await?
                    .into()
            }
            None => return Err(Problem::usage("missing: --to <KEY>").hint("or --root, to stand by themselves").into()),
        };
        change(s, DESC, &moved, self.version.if_version, vec![("parent_id".into(), parent)], Action::Move).await
    }
}

/// How many branches there are, by state and by place.
#[derive(clap::Args)]
pub struct StatsFlags {}

impl Leaf for StatsFlags {
    const SPEC: Spec = Spec {
        noun: "branch",
        verb: "stats",
        permission: "branches:read",
        writes: false,
        about: "Count branches by state and place",
        examples: "orgctl branch stats\norgctl branch stats -o json",
    };
    const UNUSED: Unused = Unused::NONE.columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        stats::show(s, DESC, &["status", "state", "country"]).await
    }
}
