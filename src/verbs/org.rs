//! What only organisations can do: stats.

use anyhow::Result;
use clap::ArgMatches;

use crate::crud::gate;
use crate::crud::input::{find, keys};
use crate::crud::session::Session;
use crate::model::kinds::org::Org;
use crate::model::resource::Resource;
use crate::model::values::value::ValueType;
use crate::store::records::query::Query;
use crate::store::records::{self, Deleted};
use crate::store::trail::verify;
use crate::ui::format::{Listing, OutputColumn};

/// What each organisation holds: live records of every kind, and its audit trail.
pub async fn stats(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let mut orgs = Vec::new();
    if m.get_many::<String>("key").is_some() {
        for key in keys(s, Org::DESCRIPTOR, Deleted::Exclude, m).await? {
            orgs.push(find(s, Org::DESCRIPTOR, &key, Deleted::Exclude).await?.meta.org_id);
        }
    } else {
        orgs = records::live_orgs(s.db().await?, i64::MAX).await?.into_iter().map(|(org, _)| org).collect();
    }
    let counted: Vec<_> = s.kinds().resources().filter(|d| !d.is_org()).collect();
    let mut heads = vec![OutputColumn::new("org", ValueType::Text)];
    heads.extend(counted.iter().map(|d| OutputColumn::new(d.table, ValueType::Int)));
    heads.push(OutputColumn::new("audit_records", ValueType::Int));
    let mut listing = Listing::new(&s.ui, heads, 0);
    let (scope, now) = (s.scope(), s.clock.now());
    for org in orgs {
        let db = s.db().await?;
        let mut row = vec![records::org_code(db, org).await?.into()];
        for desc in &counted {
            let query = Query { org: Some(org), ..Query::new(desc, scope.clone(), now) };
            row.push(query.count(db).await?.into());
        }
        row.push(i64::try_from(verify::size(db, Some(org)).await?)?.into());
        listing.row(&mut s.ui, row)?;
    }
    listing.finish(&mut s.ui)?;
    s.ui.flush()
}
