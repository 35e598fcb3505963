//! `kyc find` and `kyc duplicates`: records by their numbers, which nobody reads: equal ones have one keyed hash.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use uuid::Uuid;

use super::seal::{NUMBER, NUMBER_INDEX, OWNERS, bank_code, counts};
use super::{DESC, Lines, choice};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::vault::Vault;
use crate::model::identity::{Number, NumberKind};
use crate::model::kinds::kyc::KycKind;
use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::values::value::{Value, ValueType};
use crate::store::records;
use crate::ui::format::{Listing, OutputColumn};

/// Numbers that papers have and records are found by.
const NUMBERS: [&str; 7] = ["aadhaar", "pan", "account", "gstin", "cin", "llpin", "udyam"];

/// Finds whose number one is.
#[derive(clap::Args)]
pub struct FindFlags {
    /// '-' reads the number from standard input, one line; without it it is asked for
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
    /// What the number is: aadhaar, pan, account, gstin, cin, llpin, udyam
    #[arg(long, value_name = "KIND", required = true, value_parser = PossibleValuesParser::new(NUMBERS), hide_possible_values = true)]
    pub kind: String,
}

/// The kind of record that has such a number.
fn record_kind(kind: NumberKind) -> KycKind {
    match kind {
        NumberKind::Aadhaar => KycKind::Aadhaar,
        NumberKind::Pan => KycKind::Pan,
        NumberKind::Account => KycKind::Bank,
        _ => KycKind::Business,
    }
}

impl FindFlags {
    async fn number(&self, s: &mut Invocation<'_>) -> Result<Number> {
        let kind = NumberKind::parse(&self.kind);
        let kind = kind.ok_or_else(|| Problem::usage(format!("'{}' is no kind of number", self.kind)))?;
        let today = s.context.clock.now().date_naive();
        let read = match &self.file {
            Some(path) => {
                let mut lines = Lines::open(s.context, path)?;
                let mut first = None;
                while let Some((_, text)) = lines.next()? {
                    if text.trim().is_empty() {
                        continue;
                    }
                    if first.is_some() {
                        return Err(Problem::usage("more than one number was given")
                            .hint("give one, on a line")
                            .into());
                    }
                    first = Some(Number::read(kind, text, today));
                }
                first.ok_or_else(|| Problem::usage("no number was given").hint("standard input had none"))?
            }
            None if s.context.ui.style.interactive => {
                let typed = s.context.ui.ask_secret(kind.label(), None).await?;
                Number::read(kind, typed.expose(), today)
            }
            None => {
                return Err(Problem::usage("the number is missing")
                    .hint("'-' reads it from standard input; it is never an argument, which others can see")
                    .into());
            }
        };
        Ok(read.map_err(|fault| Problem::invalid(format!("the {} {fault}", kind.label())).field(NUMBER))?)
    }
}

impl Leaf for FindFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "find",
        permission: "kyc:read",
        writes: false,
        about: "Find whose a number is, which is asked for or read from standard input",
        examples: "orgctl kyc find --kind pan\norgctl kyc find --kind aadhaar - < number.txt",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let number = self.number(s).await?;
        let org = s.the_org_of(DESC).await?.unwrap_or_default();
        let vault = Vault::of(s).await?;
        let index = vault.find_index_keys(s.db().await?, org, DESC.table, NUMBER).await?;
        let lookups = index.map(|keys| keys.lookups(number.expose().as_bytes())).unwrap_or_default();
        let values: Vec<Value> = lookups.into_iter().map(|index| Value::Bytes(index.to_vec())).collect();
        let mut found = Vec::new();
        if !values.is_empty() {
            let column = DESC.known(NUMBER_INDEX)?;
            found = records::with_values(s.db().await?, DESC, Some(org), column, &values).await?;
        }
        found.retain(|record| record.get("kind").as_text() == Some(record_kind(number.kind()).as_str()));
        let mut rows: Vec<Vec<Value>> = found.iter().map(row).collect();
        if number.kind() == NumberKind::Pan {
            rows.extend(owned_by(s, &vault, org, &number).await?);
        }
        let mut listing = Listing::new(&s.context.ui, heads(), 0);
        let none = rows.is_empty();
        for row in rows {
            listing.row(&s.context.ui, row)?;
        }
        listing.finish(&s.context.ui)?;
        s.context.ui.flush()?;
        match none {
            true => Err(Problem::not_found(format!("nobody has this {}", number.kind().label())).into()),
            false => Ok(()),
        }
    }
}

/// Businesses of which somebody with this PAN is a beneficial owner.
async fn owned_by(s: &mut Invocation<'_>, vault: &Vault, org: i32, number: &Number) -> Result<Vec<Vec<Value>>> {
    let index = vault.find_index_keys(s.db().await?, org, OWNERS.table, NUMBER).await?;
    let lookups = index.map(|keys| keys.lookups(number.expose().as_bytes())).unwrap_or_default();
    let values: Vec<Value> = lookups.into_iter().map(|index| Value::Bytes(index.to_vec())).collect();
    let owners = records::with_values(s.db().await?, OWNERS, Some(org), OWNERS.known(NUMBER_INDEX)?, &values).await?;
    let ids: Vec<Value> = owners.iter().map(|owner| owner.get("kyc_id").clone()).collect();
    // Of what may not be told nothing is.
    let businesses = records::with_ids(s.db().await?, DESC, Some(org), &ids).await?;
    let mut rows = Vec::new();
    for owner in &owners {
        let business = businesses.iter().find(|b| owner.get("kyc_id").as_uuid() == Some(b.meta.id));
        let Some(business) = business else { continue };
        let mut cells = row(business);
        (cells[2], cells[4]) = (OWNER.into(), owner.get("shown").clone());
        rows.push(cells);
    }
    Ok(rows)
}

/// The kind under which owners are told.
const OWNER: &str = "owner";

fn heads() -> Vec<OutputColumn> {
    use ValueType::{Text, Time};
    let heads =
        [("key", Text), ("user", Text), ("kind", Text), ("status", Text), ("mask", Text), ("submitted_at", Time)];
    heads.map(|(name, kind)| OutputColumn::new(name, kind)).into()
}

fn row(record: &Record) -> Vec<Value> {
    let key = record.key();
    let user = key.split(':').next().unwrap_or_default().to_owned();
    let value = |column: &str| record.get(column).clone();
    vec![key.into(), user.into(), value("kind"), value("state"), value("mask"), value("submitted_at")]
}

/// Tells which records of different people have one number.
#[derive(clap::Args)]
pub struct DuplicatesFlags {
    /// Only of this kind: aadhaar, pan, business, bank
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(KycKind::WORDS), hide_possible_values = true)]
    pub kind: Option<String>,
}

/// Values that are looked at together.
const TOGETHER: usize = 500;

impl Leaf for DuplicatesFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "duplicates",
        permission: "kyc:read",
        writes: false,
        about: "Tell which people have records with one and the same number, that wait or are in force",
        examples: "orgctl kyc duplicates\norgctl kyc duplicates --kind bank -o json",
    };
    const UNUSED: Unused = Unused::NONE.rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let kind: Option<KycKind> = self.kind.as_deref().map(choice).transpose()?;
        let org = s.the_org_of(DESC).await?.unwrap_or_default();
        let column = DESC.known(NUMBER_INDEX)?;
        let shared = records::shared_values(s.db().await?, DESC, org, column).await?;
        let mut listing = Listing::new(&s.context.ui, heads_of_shared(), 1);
        let mut numbers = 0_i64;
        for some in shared.chunks(TOGETHER) {
            let found = records::with_values(s.db().await?, DESC, Some(org), column, some).await?;
            // Account numbers are each bank's own.
            let mut by_number: BTreeMap<(Vec<u8>, String, Option<String>), Vec<Record>> = BTreeMap::new();
            for record in found.into_iter().filter(counts) {
                let index = record.get(NUMBER_INDEX).as_bytes().unwrap_or_default().to_vec();
                let of = (index, record.get("kind").to_text(), bank_code(&record));
                by_number.entry(of).or_default().push(record);
            }
            for ((_, of, _), records) in by_number {
                if kind.is_some_and(|kind| kind.as_str() != of) || people(&records) < 2 {
                    continue;
                }
                numbers += 1;
                for record in records {
                    let mut cells = vec![Value::from(numbers)];
                    cells.extend(row(&record));
                    listing.row(&s.context.ui, cells)?;
                }
            }
        }
        listing.finish(&s.context.ui)?;
        s.context.ui.flush()?;
        let of = |n: i64| if n == 1 { "one number is".to_owned() } else { format!("{n} numbers are") };
        match numbers {
            0 => s.context.ui.status("no number is that of two people"),
            n => s.context.ui.status(&format!("{} that of several people", of(n))),
        }
        Ok(())
    }
}

fn people(records: &[Record]) -> usize {
    let mut all: Vec<Option<Uuid>> = records.iter().map(|record| record.get("user_id").as_uuid()).collect();
    all.sort_unstable();
    all.dedup();
    all.len()
}

fn heads_of_shared() -> Vec<OutputColumn> {
    std::iter::once(OutputColumn::new("number", ValueType::Int)).chain(heads()).collect()
}
