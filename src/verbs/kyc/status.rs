//! `kyc status`: which papers of somebody are verified, and what is missing.

use anyhow::Result;
use serde_json::{Value as Json, json};

use super::live_of;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::lookup::find;
use crate::model::kinds::kyc::{Kyc, KycKind, KycState};
use crate::model::kinds::user::User;
use crate::model::resource::Resource as _;
use crate::model::resource::stored::Stored;
use crate::model::values::scalar::Line;
use crate::model::values::value::{Value, ValueType};
use crate::store::records::Deleted;
use crate::ui::format::{Listing, OutputColumn, is_for_programs, report};

/// Tells how far somebody's identity is verified.
#[derive(clap::Args)]
pub struct StatusFlags {
    /// User
    #[arg(value_name = "USER")]
    pub user: String,
}

/// What there is of one kind of paper.
struct Paper<'a> {
    kind: KycKind,
    /// What it comes to: verified, or how far the latest is; missing.
    is: &'static str,
    in_force: Option<&'a Stored<Kyc>>,
    pending: Option<&'a Stored<Kyc>>,
}

const KINDS: [KycKind; 4] = [KycKind::Aadhaar, KycKind::Pan, KycKind::Business, KycKind::Bank];

/// Kinds that must be verified for all of it to be.
const NEEDED: [KycKind; 3] = [KycKind::Aadhaar, KycKind::Pan, KycKind::Bank];

fn of_kind(all: &[Stored<Kyc>], kind: KycKind) -> Paper<'_> {
    let own = || all.iter().filter(|r| r.value.kind == kind);
    let in_force = own().find(|r| r.value.state == KycState::Verified);
    let pending = own().find(|r| r.value.state.is_pending());
    let last = own().max_by_key(|r| r.value.serial.0);
    let is = match (in_force, pending, last) {
        (Some(_), _, _) => KycState::Verified.as_str(),
        (None, Some(pending), _) => pending.value.state.as_str(),
        (None, None, Some(last)) => last.value.state.as_str(),
        (None, None, None) => "missing",
    };
    Paper { kind, is, in_force, pending }
}

impl Leaf for StatusFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "status",
        permission: "kyc:read",
        writes: false,
        about: "Tell which papers of somebody are verified, and what is missing",
        examples: "orgctl kyc status asha@sahyadri.example\norgctl kyc status asha@sahyadri.example -o json",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let user = find(s, User::DESCRIPTOR, &self.user, Deleted::Exclude).await?;
        let all = live_of(s.db().await?, user.meta.org_id, user.meta.id).await?;
        let lines = KINDS.map(|kind| of_kind(&all, kind));
        let step = lines.iter().filter(|l| l.in_force.is_some()).count();
        let missing: Vec<&str> = NEEDED
            .into_iter()
            .filter(|kind| lines.iter().any(|l| l.kind == *kind && l.in_force.is_none()))
            .map(KycKind::as_str)
            .collect();
        if is_for_programs(&s.context.ui) {
            let kinds: Vec<Json> = lines.iter().map(json_of).collect();
            let told = json!({
                "user": user.key(), "step": step, "complete": missing.is_empty(), "missing": missing, "kinds": kinds,
            });
            return report(&s.context.ui, &told);
        }
        let ui = &s.context.ui;
        let mut listing = Listing::new(ui, heads(), 0);
        for line in &lines {
            listing.row(ui, row(line))?;
        }
        listing.finish(ui)?;
        ui.flush()?;
        ui.status(&match missing.as_slice() {
            [] => format!("{}: step {step} of 4; complete", user.title()),
            missing => format!("{}: step {step} of 4; missing: {}", user.title(), missing.join(", ")),
        });
        Ok(())
    }
}

fn mask(record: &Stored<Kyc>) -> Option<&str> {
    record.value.mask.as_ref().map(Line::as_str)
}

fn json_of(line: &Paper<'_>) -> Json {
    let key = |r: Option<&Stored<Kyc>>| r.map(|r| r.record().key());
    json!({
        "kind": line.kind.as_str(),
        "status": line.is,
        "in_force": key(line.in_force),
        "pending": key(line.pending),
        "mask": line.in_force.or(line.pending).and_then(mask),
        "valid_until": line.in_force.and_then(|r| r.value.valid_until).map(|day| day.0.to_string()),
    })
}

fn heads() -> Vec<OutputColumn> {
    use ValueType::{Date, Text};
    let heads = [
        ("kind", Text),
        ("status", Text),
        ("mask", Text),
        ("in_force", Text),
        ("valid_until", Date),
        ("pending", Text),
    ];
    heads.map(|(name, kind)| OutputColumn::new(name, kind)).into()
}

fn row(line: &Paper<'_>) -> Vec<Value> {
    let text = |text: Option<String>| text.map_or(Value::Null(ValueType::Text), Value::from);
    let key = |r: Option<&Stored<Kyc>>| text(r.map(|r| r.record().key()));
    let until = line.in_force.and_then(|r| r.value.valid_until);
    vec![
        line.kind.as_str().into(),
        line.is.into(),
        text(line.in_force.or(line.pending).and_then(mask).map(str::to_owned)),
        key(line.in_force),
        until.map_or(Value::Null(ValueType::Date), |day| Value::Date(day.0)),
        key(line.pending),
    ]
}
