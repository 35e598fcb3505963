//! `kyc stats`: how many records there are, and how long they waited.

use anyhow::Result;

use super::DESC;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::model::values::value::{Decimal, Value, ValueType};
use crate::store::records::waits::waits;
use crate::ui::format::{Listing, OutputColumn};

/// How many records there are, by kind and status, and how many hours half and nine of ten of them waited: to be decided, or until
/// now.
#[derive(clap::Args)]
pub struct StatsFlags {}

impl Leaf for StatsFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "stats",
        permission: "kyc:read",
        writes: false,
        about: "Count records by kind and status, and tell how long they waited",
        examples: "orgctl kyc stats\norgctl kyc stats -o json",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let org = s.the_org().await?;
        let now = s.context.clock.now();
        let columns = (("kind", "state"), "submitted_at", ["verified_at", "rejected_at"].as_slice());
        let found = waits(s.db().await?, DESC, org, columns, now).await?;
        let ui = &s.context.ui;
        let heads = [
            ("kind", ValueType::Text),
            ("status", ValueType::Text),
            ("records", ValueType::Int),
            ("p50_hours", ValueType::Decimal),
            ("p90_hours", ValueType::Decimal),
        ];
        let mut listing = Listing::new(ui, heads.map(|(name, kind)| OutputColumn::new(name, kind)).into(), 0);
        for w in found {
            let (kind, status) = w.group;
            listing.row(ui, vec![kind.into(), status.into(), w.records.into(), hours(w.p50), hours(w.p90)])?;
        }
        listing.finish(ui)?;
        ui.flush()
    }
}

/// Hours of microseconds, to a hundredth.
fn hours(micros: i64) -> Value {
    const HUNDREDTH: i64 = 36_000_000;
    Value::Decimal(Decimal((micros + HUNDREDTH / 2).div_euclid(HUNDREDTH) * (Decimal::ONE / 100)))
}
