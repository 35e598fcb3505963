//! Counting records by what they have in common.

use anyhow::Result;

use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::model::resource::Descriptor;
use crate::model::values::value::ValueType;
use crate::store::records::query::{Query, column};
use crate::store::records::{self, Deleted};
use crate::ui::format::{Listing, OutputColumn};

/// How many records of an organisation there are, by each of some columns; deleted ones count by their state alone.
pub async fn show(s: &mut Invocation<'_>, desc: &'static Descriptor, by: &[&str]) -> Result<()> {
    let ui = &s.context.ui;
    gate::allow(s)?;
    let org = s.the_org().await?;
    let all = records::columns(desc);
    let heads = vec![
        OutputColumn::new("group", ValueType::Text),
        OutputColumn::new("value", ValueType::Text),
        OutputColumn::new(desc.table, ValueType::Int),
    ];
    let mut listing = Listing::new(ui, heads, 1);
    for name in by {
        let mut query = Query::new(desc, s.context.clock.now());
        query.org = Some(org);
        query.life = if *name == "status" { Deleted::Include } else { Deleted::Exclude };
        for (value, n) in query.counts(s.db().await?, column(&all, name)?).await? {
            listing.row(ui, vec![(*name).into(), value.into(), n.into()])?;
        }
    }
    listing.finish(ui)?;
    ui.flush()
}
