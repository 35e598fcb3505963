//! Drawing records that stand below each other.

use std::collections::HashMap;

use anyhow::Result;
use uuid::Uuid;

use crate::crud::context::Context;
use crate::model::values::value::{Value, ValueType};
use crate::ui::format::{Format, Listing, OutputColumn};
use crate::ui::table;
use crate::ui::text::visible;

/// A record as the tree shows it.
pub struct Node {
    pub id: Uuid,
    pub code: String,
    pub name: String,
    pub active: bool,
}

/// Shows the roots and what is below them, `limit` levels deep at most: drawn in a table, else a row for each. `heads` name
/// the code and what it stands below.
pub fn show(
    context: &Context<'_>,
    roots: Vec<Node>,
    mut children: HashMap<Option<Uuid>, Vec<Node>>,
    heads: [&str; 2],
    limit: usize,
) -> Result<()> {
    let ui = &context.ui;
    // Depth first, siblings in the order of their codes; `last` tells for each level whether a line goes on below.
    let mut stack: Vec<(Node, Option<String>, Vec<bool>)> = Vec::new();
    push(&mut stack, roots, None, &[]);
    let heads = [heads[0], "name", heads[1]].map(|n| OutputColumn::new(n, ValueType::Text));
    let heads = heads
        .into_iter()
        .chain([OutputColumn::new("depth", ValueType::Int), OutputColumn::new("status", ValueType::Text)])
        .collect();
    let mut listing = Listing::new(ui, heads, 0);
    while let Some((node, parent, last)) = stack.pop() {
        if ui.style.format.get() == Format::Table {
            let state = if node.active { "" } else { "  (inactive)" };
            let line = format!("{}{}{state}  {}", rails(&last), node.code, visible(&node.name));
            let line = table::line(ui, &line);
            ui.out(&format!("{line}\n"))?;
        } else {
            let status = if node.active { "active" } else { "inactive" };
            let row: Vec<Value> = vec![
                node.code.as_str().into(),
                node.name.as_str().into(),
                parent.into(),
                i64::try_from(last.len())?.into(),
                status.into(),
            ];
            listing.row(ui, row)?;
        }
        if last.len() <= limit.saturating_sub(1) || limit == usize::MAX {
            push(&mut stack, children.remove(&Some(node.id)).unwrap_or_default(), Some(node.code), &last);
        }
    }
    if ui.style.format.get() != Format::Table {
        listing.finish(ui)?;
    }
    ui.flush()
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
