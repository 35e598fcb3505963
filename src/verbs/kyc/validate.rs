//! `kyc validate`: whether numbers of identity papers can be right, by their form and check digits.

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use super::Lines;
use super::cells::Cells;
use crate::crud::context::OF_EVERYBODY;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::identity::{Fault, Number, NumberKind};
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType};
use crate::ui::format::{Listing, OutputColumn};

/// Tells of each number whether it can be right. Exit code 6 where one can't.
#[derive(clap::Args)]
pub struct ValidateFlags {
    /// File with a number on each line ('-': standard input; asked for on a terminal)
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
    /// What the numbers are: aadhaar, vid, pan, gstin, cin, llpin, udyam, account, ifsc, pin
    #[arg(long, value_name = "KIND", required = true, value_parser = PossibleValuesParser::new(NumberKind::WORDS), hide_possible_values = true)]
    pub kind: String,
    /// The file is CSV, and has the numbers in the column of this name
    #[arg(long, value_name = "NAME")]
    pub column: Option<String>,
    /// Column with the name of each holder, which a PAN tells the initial of
    #[arg(long, value_name = "NAME", requires = "column")]
    pub name_column: Option<String>,
}

impl Leaf for ValidateFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "validate",
        permission: OF_EVERYBODY,
        writes: false,
        about: "Tell which numbers of a list can be right, by their form and check digits",
        examples: "orgctl kyc validate --kind pan numbers.txt\norgctl kyc validate --kind aadhaar -o csv - < numbers.txt\norgctl kyc validate --kind ifsc -\norgctl kyc validate --kind pan papers.csv --column pan_number --name-column pan_name",
    };
    const UNUSED: Unused = Unused::NONE.org();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let kind = NumberKind::parse(&self.kind)
            .ok_or_else(|| Problem::usage(format!("'{}' is no kind of number", self.kind)))?;
        let today = s.context.clock.now().date_naive();
        let mut listing = Listing::new(&s.context.ui, heads(), 1);
        let (mut many, mut wrong) = (0_u64, 0_u64);
        let mut tell = |s: &mut Invocation<'_>, line: u64, text: &str, holder: &str| {
            let read = Number::read(kind, text, today);
            many += 1;
            wrong += u64::from(read.is_err());
            listing.row(&s.context.ui, row(line, &read, holder))
        };
        match (self.file, self.column) {
            (Some(path), Some(column)) => {
                let mut cells = Cells::open(Lines::open(s.context, &path)?, &column, self.name_column.as_deref())?;
                while let Some((line, number, holder)) = cells.next()? {
                    tell(s, line, &number, &holder)?;
                }
            }
            (Some(path), None) => {
                let mut lines = Lines::open(s.context, &path)?;
                while let Some((line, text)) = lines.next()? {
                    if !text.trim().is_empty() {
                        tell(s, line, text, "")?;
                    }
                }
            }
            (None, None) if s.context.ui.style.interactive => {
                let typed = s.context.ui.ask_secret(kind.label(), None).await?;
                tell(s, 1, typed.expose(), "")?;
            }
            (None, _) => {
                return Err(Problem::usage("the numbers are missing")
                    .hint("name a file with a number on each line, or '-' for standard input; a number itself is never an argument")
                    .into());
            }
        }
        listing.finish(&s.context.ui)?;
        // What it comes to stands below it.
        s.context.ui.flush()?;
        let label = kind.label();
        match wrong {
            0 if many == 0 => s.context.ui.status("there is no number to look at"),
            0 => s.context.ui.status(&format!("{many} of {many} can be right")),
            _ => {
                return Err(Problem::invalid(format!("{wrong} of {many} can't be right as {label}"))
                    .hint("what is wrong with each stands beside its line")
                    .into());
            }
        }
        Ok(())
    }
}

fn heads() -> Vec<OutputColumn> {
    use ValueType::{Bool, Int, Text};
    let heads =
        [("line", Int), ("number", Text), ("is_valid", Bool), ("tells", Text), ("problem", Text), ("notes", Text)];
    heads.map(|(name, kind)| OutputColumn::new(name, kind)).into()
}

const NONE: Value = Value::Null(ValueType::Text);

fn row(line: u64, read: &Result<Number, Fault>, holder: &str) -> Vec<Value> {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map_or(NONE, Value::from);
    let line = Value::from(i64::try_from(line).unwrap_or(i64::MAX));
    match read {
        Ok(number) => {
            let notes = number.notes_beside(holder).join("; ");
            vec![line, number.masked().into(), true.into(), text(number.tells()), NONE, text(Some(&notes))]
        }
        Err(fault) => vec![line, NONE, false.into(), NONE, fault.0.into(), NONE],
    }
}
