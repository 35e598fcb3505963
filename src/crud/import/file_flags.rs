//! The flags of `import`, in groups: what a kind has no use for it has not.

use anyhow::Result;
use clap::Command;

use super::columns::is_org_column;
use crate::crud::flags::{Forced, out_of_use};
use crate::crud::leaf::{FlagGroup, Flags, Given, id};
use crate::model::kinds::Kinds;
use crate::model::resource::{Descriptor, Field, examples};

/// How many may leave by a file, of kinds whose records can be deactivated.
#[derive(clap::Args, Default)]
pub struct Leavers {
    /// Most that may be deactivated at once: 25, or 10% (default: the setting feed.max_leavers_percent)
    #[arg(long, value_name = "N", conflicts_with = "force")]
    pub max_leavers: Option<String>,
    /// Let any number be deactivated
    #[arg(long)]
    pub force: bool,
}

impl FlagGroup for Leavers {
    fn is_of(_: Kinds, desc: &Descriptor) -> bool {
        desc.can_be_inactive()
    }

    fn in_words(c: Command, desc: &Descriptor) -> Command {
        match out_of_use(desc) {
            Some(said) => {
                c.mut_arg(id!(Leavers, force), |a| a.help(format!("Let any number be deactivated; also where {said}")))
            }
            None => c,
        }
    }
}

/// `--force` of the other kinds.
#[derive(clap::Args, Default)]
pub struct ForcedRows {
    #[command(flatten)]
    pub force: Forced,
}

impl FlagGroup for ForcedRows {
    fn is_of(kinds: Kinds, desc: &Descriptor) -> bool {
        !desc.can_be_inactive() && Forced::is_of(kinds, desc)
    }

    fn in_words(c: Command, desc: &Descriptor) -> Command {
        Forced::in_words(c, desc)
    }
}

/// The file, and what its columns and rows mean.
#[derive(clap::Args, Default)]
pub struct FileFlags {
    /// File of CSV, of JSON objects line by line, or of a JSON array; '-' reads standard input
    #[arg(value_name = "FILE")]
    pub file: String,
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub map: Vec<String>,
    /// Value that every row gets (can be repeated)
    #[arg(long, value_name = "FIELD=VALUE")]
    pub set: Vec<String>,
    /// Field that tells whether a record is there already
    #[arg(long, value_name = "FIELD", visible_alias = "key")]
    pub key_field: Option<String>,
    /// What to do with a record that is there: error, skip or update
    #[arg(long, value_name = "WHAT", default_value = "error", value_parser = ["error", "skip", "update"], hide_possible_values = true)]
    pub on_conflict: String,
    /// Pass over columns that fill no field
    #[arg(long)]
    pub ignore_unknown: bool,
    /// Encoding of a file that is neither UTF-8 nor UTF-16: windows-1250, shift_jis, koi8-r
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// Form of the file: csv, ndjson or json (default: what it looks like)
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "ndjson", "jsonl", "json"], hide_possible_values = true)]
    pub format: Option<String>,
    /// Lines before the header to pass over
    #[arg(long, value_name = "N")]
    pub skip_lines: Option<u64>,
}

impl FlagGroup for FileFlags {
    fn in_words(c: Command, desc: &Descriptor) -> Command {
        let lookup = examples::lookup(desc)
            .map(|field| format!("; 'COLUMN={field}' looks a reference up by another field"))
            .unwrap_or_default();
        let whose = if is_org_column(desc, "org") { "; a column 'org' says whose each row is" } else { "" };
        c.mut_arg(id!(FileFlags, map), |a| {
            a.help(format!("Which field a column fills{lookup}{whose} (can be repeated)"))
        })
    }
}

/// Whether `--on-conflict` was said, or only holds.
#[derive(Default)]
pub struct SaysConflict(pub bool);

impl Flags for SaysConflict {
    fn add(c: Command, _: Kinds, _: &'static Descriptor) -> Command {
        c
    }

    fn read(given: &Given<'_>) -> Result<SaysConflict> {
        Ok(SaysConflict(given.is_typed(id!(FileFlags, on_conflict))))
    }
}

/// `--generate-codes`, of kinds whose code the program can make.
#[derive(clap::Args, Default)]
pub struct Codes {
    #[arg(long)]
    pub generate_codes: bool,
}

impl FlagGroup for Codes {
    fn is_of(_: Kinds, desc: &Descriptor) -> bool {
        desc.code_maker().is_some()
    }

    fn in_words(c: Command, desc: &Descriptor) -> Command {
        let code = desc.code_maker().map_or("", |(field, _)| field.name());
        let help = format!("Make a {code} for each row that has none, which is then a new record");
        c.mut_arg(id!(Codes, generate_codes), |a| a.help(help))
    }
}

/// What is made of rows that are wrong.
#[derive(clap::Args, Default)]
pub struct Tolerance {
    /// Load the rows that are valid
    #[arg(long)]
    pub keep_going: bool,
    /// Leave an optional field of a new record blank, and of one that is there as it is, where its value can't be read or breaks a rule (can be repeated)
    #[arg(long, value_name = "FIELD=blank")]
    pub on_invalid: Vec<String>,
    /// Word that means nothing or nobody in optional fields: -, XX (can be repeated)
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub none: Vec<String>,
}

impl FlagGroup for Tolerance {}

/// `--date-format`, where a file may hold dates.
#[derive(clap::Args, Default)]
pub struct Dates {
    #[arg(long, value_name = "FORMAT")]
    pub date_format: Vec<String>,
}

impl FlagGroup for Dates {
    fn is_of(_: Kinds, desc: &Descriptor) -> bool {
        examples::dated(desc).is_some()
    }

    fn in_words(c: Command, desc: &Descriptor) -> Command {
        let help = format!(
            "How dates and times are written: DD/MM/YYYY, D MMM YYYY, or excel for the day numbers of spreadsheets; \
             '{}=MM/DD/YYYY' for one column (can be repeated)",
            examples::dated(desc).map_or("", Field::name)
        );
        c.mut_arg(id!(Dates, date_format), |a| a.help(help))
    }
}

/// `--rejects`
#[derive(clap::Args, Default)]
pub struct Rejects {
    /// Write rejected rows and their reasons to this file
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<String>,
}

impl FlagGroup for Rejects {}
