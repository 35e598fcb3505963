//! `kyc reveal`: a sealed value is shown to a person, who says why; that is recorded before it is shown.

use anyhow::Result;
use serde_json::{Map, json};
use uuid::Uuid;

use super::parties::{self, one, without_own_numbers};
use super::seal::{NUMBER, OWNERS, opened, sealed_columns};
use super::{DESC, choice};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::read::Exported;
use crate::crud::vault::Vault;
use crate::crud::write::dry_run_note;
use crate::model::kinds::kyc::KycKind;
use crate::model::problem::{Problem, nearest};
use crate::model::resource::Record;
use crate::model::resource::key::BETWEEN;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{fold, truncate};
use crate::store::records;
use crate::store::trail::exposure::FIELDS;
use crate::ui::format::{self, is_for_programs};

/// Shows one sealed value of somebody's records on a terminal.
#[derive(clap::Args)]
pub struct RevealFlags {
    /// User, or a record of one (USER:KIND)
    #[arg(value_name = "USER")]
    pub user: String,
    /// What of it: pan, aadhaar, bank or business for its number; pan.name, bank.name, aadhaar.dob, owner.1.pan ...
    #[arg(value_name = "FIELD")]
    pub field: String,
    /// Why it must be seen; it is recorded
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Write it to standard output also where that is no terminal
    #[arg(long)]
    pub stdout: bool,
}

/// The kind of paper that a field is of, if it names one, and the column.
fn of_field(field: &str) -> Result<(Option<&'static str>, &'static str), Problem> {
    let column = |name: &str| sealed_columns().find(|column| fold(column) == name);
    let asked = fold(field);
    if let Some(column) = column(&asked) {
        return Ok((None, column));
    }
    let kinds = KycKind::WORDS.iter().copied().chain(["account"]);
    for word in kinds {
        let Some(rest) = asked.strip_prefix(word).map(|rest| rest.trim_start_matches(['.', ':'])) else { continue };
        let kind = if word == "account" { KycKind::Bank.as_str() } else { word };
        // As an earlier system calls it: account_holder_name.
        let rest = rest.strip_prefix("holder").unwrap_or(rest);
        if let Some(column) = if rest.is_empty() { Some(NUMBER) } else { column(rest) } {
            return Ok((Some(kind), column));
        }
    }
    let of_kind = |kind: &&'static str| {
        let kind = *kind;
        std::iter::once(kind.to_owned()).chain(sealed_columns().map(move |column| format!("{kind}.{column}")))
    };
    let words: Vec<String> = KycKind::WORDS.iter().flat_map(of_kind).collect();
    let meant = nearest(field, words.iter().map(String::as_str)).map(|meant| format!("did you mean {meant}?"));
    Err(Problem::usage(format!("nothing that is sealed is called '{}'", truncate(field))).hint_maybe(meant).hint(
        "pan is its number; others are pan.name, pan.father_name, pan.dob, aadhaar.address, bank.name, bank.response ...",
    ))
}

/// Which owner of a business a field is of, and the column: `owner.1.pan`, `business.owner.2.name`.
fn of_owner(field: &str) -> Result<Option<(i64, &'static str)>, Problem> {
    let asked = fold(field);
    let asked =
        asked.strip_prefix(KycKind::Business.as_str()).map_or(&*asked, |rest| rest.trim_start_matches(['.', ':']));
    let Some(rest) = asked.strip_prefix("owner") else { return Ok(None) };
    let (n, column) = rest.trim_start_matches(['.', ':']).split_once(['.', ':']).unwrap_or_default();
    let column = match column {
        "pan" | NUMBER => Some(NUMBER),
        "name" => Some("name"),
        _ => None,
    };
    let owner = n.parse().ok().zip(column);
    let wrong = || Problem::usage("of an owner the number and the field are named").hint("owner.1.pan, owner.1.name");
    owner.map(Some).ok_or_else(wrong)
}

/// One of the owners of a business.
async fn owner_of(s: &mut Invocation<'_>, business: &Record, n: i64) -> Result<Record> {
    let (org, id) = business.meta.record_id();
    let all = records::with_value(s.db().await?, OWNERS, Some(org), OWNERS.known("kyc_id")?, &id.into()).await?;
    let title = business.title();
    let of = |owner: &Record| owner.get("serial").as_int() == Some(n);
    all.into_iter().find(of).ok_or_else(|| {
        Problem::not_found(format!("{title} has no owner {n}"))
            .hint(format!("'orgctl kyc show {}' tells which there are", business.key()))
            .into()
    })
}

impl RevealFlags {
    /// The same of a business, whose owners are asked about.
    fn of_business(&self, column: &'static str) -> Result<(String, &'static str), Problem> {
        let named: Vec<KycKind> = self.user.split(BETWEEN).filter_map(|part| choice(part).ok()).collect();
        match named.as_slice() {
            [] if Uuid::try_parse(&self.user).is_err() => Ok((format!("{}{BETWEEN}business", self.user), column)),
            [] | [KycKind::Business] => Ok((self.user.clone(), column)),
            _ => Err(Problem::usage(format!("{} is no business record", truncate(&self.user)))
                .hint("only businesses have owners: name the user alone")),
        }
    }

    /// The key of the record, and the column.
    fn record(&self) -> Result<(String, &'static str), Problem> {
        let (kind, column) = of_field(&self.field)?;
        let named = self.user.split(BETWEEN).any(|part| choice::<KycKind>(part).is_ok());
        match (kind, named) {
            (Some(kind), false) => Ok((format!("{}{BETWEEN}{kind}", self.user), column)),
            (Some(kind), true) if !self.user.split(BETWEEN).any(|part| fold(part) == kind) => {
                let sentence = format!("{} is no {kind} record", truncate(&self.user));
                Err(Problem::usage(sentence).hint("name the user alone, or leave the kind out of the field"))
            }
            (None, false) if Uuid::try_parse(&self.user).is_err() => {
                Err(Problem::usage(format!("it is not said of which paper the {column} is"))
                    .hint(format!("write pan.{column}, or name the record: {}{BETWEEN}pan", self.user)))
            }
            _ => Ok((self.user.clone(), column)),
        }
    }
}

impl Leaf for RevealFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "reveal",
        permission: "kyc:reveal",
        writes: true,
        about: "Show a sealed value on a terminal; who saw it, and why, is recorded before",
        examples: "orgctl kyc reveal asha@sahyadri.example pan --reason 'asked by the bank'\norgctl kyc reveal asha@sahyadri.example aadhaar.address --reason 'letter came back'",
    };
    const UNUSED: Unused = Unused::NONE.columns();
    const RECORDED: Option<Action> = Some(Action::Reveal);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let ((key, column), owner) = match of_owner(&self.field)? {
            Some((n, column)) => (self.of_business(column)?, Some(n)),
            None => (self.record()?, None),
        };
        let ui = &s.context.ui;
        if !ui.stdout_is_terminal() && !self.stdout {
            return Err(Problem::usage("standard output is no terminal: the value would go on to a file or a program")
                .hint("--stdout writes it there all the same")
                .into());
        }
        let reason = match &self.reason {
            Some(reason) => reason.clone(),
            None if ui.style.interactive => ui.ask("Reason", None, |_| Ok(())).await?,
            None => return Err(Problem::usage("the reason is missing").hint("give it with --reason TEXT").into()),
        };
        let reason = parties::reason(s, &reason)?;
        let record = one(s, &key).await?;
        gate::authorize(s, &record).await?;
        without_own_numbers(s, std::slice::from_ref(&record), &[("--reason", Some(&reason))]).await?;
        let vault = Vault::of(s).await?;
        let of_owner = owner.map(|n| format!("owner.{n}."));
        let holder = match owner {
            Some(n) => owner_of(s, &record, n).await?,
            None => record.clone(),
        };
        let clear = opened(&vault, s.db().await?, &holder).await?;
        let Some((_, text)) = clear.into_iter().find(|(name, _)| *name == column) else {
            let kind = record.get("kind").to_text();
            return Err(Problem::not_found(format!("{} has no {column}", record.title()))
                .hint(format!("what {kind} records have is told by the paper: 'orgctl kyc show {}'", record.key()))
                .into());
        };
        let (org, id) = record.meta.record_id();
        let of_owner = of_owner.unwrap_or_default();
        let field = format!("{}.{of_owner}{column}", record.get("kind").to_text());
        let told = field.clone();
        let details = Map::from_iter([
            (FIELDS.to_owned(), json!([field])),
            ("key".to_owned(), record.key().into()),
            ("reason".to_owned(), reason.into()),
        ]);
        let (action, noun) = (Action::Reveal, DESC.noun.to_owned());
        gate::write(s, &Exported { action, noun, org, id: Some(id), details: vec![details] }).await?;
        if s.context.dry_run {
            dry_run_note(s.context);
            return Ok(());
        }
        let ui = &s.context.ui;
        if is_for_programs(ui) {
            return format::report(ui, &json!({ "key": record.key(), "field": told, "value": *text }));
        }
        ui.out(&format!("{}\n", *text))?;
        ui.flush()
    }
}
