//! What only branches can do: tree, move, stats.

use std::collections::HashMap;

use anyhow::Result;
use clap::ArgMatches;
use uuid::Uuid;

use crate::crud::gate;
use crate::crud::input::{find, find_in};
use crate::crud::prompt;
use crate::crud::session::Session;
use crate::crud::write::{change, targets};
use crate::model::audit::Action;
use crate::model::branch::Branch;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Resource};
use crate::model::value::{Kind, Value};
use crate::store::query::{Query, column};
use crate::store::records::{self, Life};
use crate::ui::format::{Format, Head, Listing};
use crate::ui::text::visible;

const DESC: &Descriptor = Branch::DESCRIPTOR;

/// A branch as the tree shows it.
struct Node {
    id: Uuid,
    code: String,
    name: String,
    active: bool,
}

/// The tree of an organisation, or of one branch and what is below it.
pub async fn tree(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let top = match m.get_one::<String>("key") {
        Some(key) => Some(find(s, DESC, key, Life::Live).await?),
        None => None,
    };
    let org = match &top {
        Some(record) => record.meta.org_id,
        None => s.the_org().await?,
    };
    let mut children = children(s, org).await?;
    let limit = m.get_one::<usize>("depth").copied().unwrap_or(usize::MAX);
    let roots = match top.as_ref().and_then(Branch::from_record) {
        Some(b) => vec![Node {
            id: b.meta.id,
            code: b.code.as_str().into(),
            name: b.name.as_str().into(),
            active: b.is_active,
        }],
        None => children.remove(&None).unwrap_or_default(),
    };
    // Depth first, siblings in the order of their codes; `last` tells for each level whether a line goes on below.
    let mut stack: Vec<(Node, Option<String>, Vec<bool>)> = Vec::new();
    push(&mut stack, roots, None, &[]);
    let heads = ["code", "name", "parent"].map(|n| Head::new(n, Kind::Text));
    let heads = heads.into_iter().chain([Head::new("depth", Kind::Int), Head::new("status", Kind::Text)]).collect();
    let mut listing = Listing::new(&s.ui, heads, 0);
    while let Some((node, parent, last)) = stack.pop() {
        if s.ui.style.format == Format::Table {
            let line = format!(
                "{}{}  {}{}\n",
                rails(&last),
                node.code,
                visible(&node.name),
                if node.active { "" } else { "  (inactive)" }
            );
            s.ui.out(&line)?;
        } else {
            let status = if node.active { "active" } else { "inactive" };
            let row: Vec<Value> = vec![
                node.code.as_str().into(),
                node.name.as_str().into(),
                parent.into(),
                i64::try_from(last.len())?.into(),
                status.into(),
            ];
            listing.row(&mut s.ui, row)?;
        }
        if last.len() <= limit.saturating_sub(1) || limit == usize::MAX {
            push(&mut stack, children.remove(&Some(node.id)).unwrap_or_default(), Some(node.code), &last);
        }
    }
    if s.ui.style.format != Format::Table {
        listing.finish(&mut s.ui)?;
    }
    s.ui.flush()
}

fn push(stack: &mut Vec<(Node, Option<String>, Vec<bool>)>, nodes: Vec<Node>, parent: Option<String>, last: &[bool]) {
    let n = nodes.len();
    for (i, node) in nodes.into_iter().enumerate().rev() {
        let mut level = last.to_vec();
        level.push(i + 1 == n);
        stack.push((node, parent.clone(), level));
    }
}

fn rails(last: &[bool]) -> String {
    let mut text = String::new();
    for (i, is_last) in last.iter().enumerate().skip(1) {
        text.push_str(match (i + 1 == last.len(), is_last) {
            (true, true) => "└─ ",
            (true, false) => "├─ ",
            (false, true) => "   ",
            (false, false) => "│  ",
        });
    }
    text
}

/// Live branches by their parent, in the order of their codes.
async fn children(s: &mut Session<'_>, org: i32) -> Result<HashMap<Option<Uuid>, Vec<Node>>> {
    let all = records::columns(DESC);
    let mut query = Query::new(DESC, s.scope(), s.clock.now());
    query.org = Some(org);
    let parent = column(&all, "parent")?.clone();
    let own =
        |c: &records::Column| records::Column { expr: "t.parent_id".into(), kind: Kind::Uuid, join: None, ..c.clone() };
    query.columns = vec![
        column(&all, "id")?.clone(),
        own(&parent),
        column(&all, "code")?.clone(),
        column(&all, "name")?.clone(),
        column(&all, "is_active")?.clone(),
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
pub async fn move_to(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    let moved = targets(s, DESC, m).await?;
    let Some(org) = moved.first().map(|r| r.meta.org_id) else { return Ok(()) };
    if moved.iter().any(|r| r.meta.org_id != org) {
        return Err(Problem::usage("the branches belong to several organisations")
            .hint("move those of one at a time")
            .into());
    }
    let parent: Value = match m.get_one::<String>("to") {
        Some(key) => find_in(s, DESC, Some(org), key, Life::Live).await?.meta.id.into(),
        None if m.get_flag("root") => Value::Null(Kind::Uuid),
        None if s.ui.style.interactive => {
            let below = "Branch to move them below";
            prompt::record(s, DESC, Some(org), Life::Live, below, Some("(none: they stand by themselves)"))
                .await?
                .into()
        }
        None => return Err(Problem::usage("missing: --to <KEY>").hint("or --root, to stand by themselves").into()),
    };
    let version = m.get_one::<i64>("if-version").copied();
    change(s, DESC, &moved, version, vec![("parent_id".into(), parent)], Action::Move).await
}

/// How many branches there are, by state and by place.
pub async fn stats(s: &mut Session<'_>, _: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let org = s.the_org().await?;
    let all = records::columns(DESC);
    let heads = vec![Head::new("group", Kind::Text), Head::new("value", Kind::Text), Head::new("branches", Kind::Int)];
    let mut listing = Listing::new(&s.ui, heads, 1);
    for (name, life) in [("status", Life::Any), ("state", Life::Live), ("country", Life::Live)] {
        let mut query = Query::new(DESC, s.scope(), s.clock.now());
        query.org = Some(org);
        query.life = life;
        for (value, n) in query.counts(s.db().await?, column(&all, name)?).await? {
            listing.row(&mut s.ui, vec![name.into(), value.into(), n.into()])?;
        }
    }
    listing.finish(&mut s.ui)?;
    s.ui.flush()
}
