//! `kyc risk set`: how much is risked with somebody, and so how long what was verified holds.

use anyhow::Result;
use chrono::{Months, NaiveDate};
use serde::{Deserialize, Serialize};

use super::parties::named;
use super::{DESC, choice, choice_of};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::read::{known_columns, print_changed};
use crate::crud::write::{ChangedRecord, Target, change_all, dry_run_note};
use crate::model::kinds::kyc::{Kyc, Risk};
use crate::model::resource::stored::Stored;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{Date, ParseContext};
use crate::model::values::value::{Value, ValueType};
use crate::store::tx::Tx;

/// Years for which what was verified holds (RBI: every 10, 8 and 2 years).
const fn years(risk: Risk) -> u32 {
    match risk {
        Risk::Low => 10,
        Risk::Medium => 8,
        Risk::High => 2,
    }
}

/// Until when what was verified on a day holds; nothing, where nobody has said what is risked.
pub fn valid_until(risk: Option<Risk>, from: NaiveDate) -> Value {
    let end = risk.and_then(|risk| from.checked_add_months(Months::new(12 * years(risk))));
    end.map_or(Value::Null(ValueType::Date), Value::Date)
}

/// Says how much is risked.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetRisk {
    targets: Vec<Target>,
    risk: String,
}

impl Verb for SetRisk {
    const NAME: &str = "kyc risk set";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedRecord>> {
        let risk: Risk = choice(&self.risk)?;
        let zone = tx.zone();
        change_all(tx, DESC, &self.targets, &Action::Update.into(), |before| {
            let before: Stored<Kyc> = Stored::from_record(before)?;
            let verified = before.value.verified_at.map(|at| zone.date(at.0));
            let until = verified.and_then(|day| valid_until(Some(risk), day).as_date()).map(Date);
            let until = until.or(before.value.valid_until);
            Ok(before.with(Kyc { risk: Some(risk), valid_until: until, ..before.value.clone() }).into_record())
        })
        .await
    }
}

/// Says how much is risked with people.
#[derive(clap::Args)]
pub struct SetFlags {
    /// How much: low, medium, high
    #[arg(value_name = "RISK")]
    pub risk: String,
    /// Records (USER:KIND); '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl Leaf for SetFlags {
    const SPEC: Spec = Spec {
        noun: "kyc risk",
        verb: "set",
        permission: "kyc:risk",
        writes: true,
        about: "Say how much is risked: what was verified holds 10, 8 or 2 years by it",
        examples: "orgctl kyc risk set high asha@sahyadri.example:pan",
    };
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        known_columns(s.context, DESC)?;
        let records = named(s, &self.key).await?;
        let risk: Risk = choice_of("the risk", &self.risk)?;
        let targets = records.iter().map(Target::of).collect();
        let changed = gate::write(s, &SetRisk { targets, risk: risk.as_str().to_owned() }).await?;
        for c in &changed {
            let title = c.record.title();
            s.context.ui.status(&match c.fields.is_empty() {
                true => format!("{title} is so already; nothing was changed"),
                false => format!("risk of {title}: {}", risk.as_str()),
            });
        }
        dry_run_note(s.context);
        let which: Vec<_> = changed.iter().map(|c| c.record.meta.record_id()).collect();
        print_changed(s, DESC, &which).await
    }
}
