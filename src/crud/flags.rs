//! Flags that several verbs take.

use clap::{Arg, ArgAction, Command};

use super::leaf::{FieldTexts, FlagGroup, Flags, Given, id};
use crate::model::kinds::Kinds;
use crate::model::resource::{Descriptor, Field, examples, with_article};
use crate::model::values::scalar::FieldKind;
use crate::model::values::value::ValueType;

/// What is to be the name of a command that can have said something: which there are, the program knows.
pub const COMMAND: &str = "command";

/// A group of flags of which one names a record: asked for on a terminal, where all are missing.
pub const ASKED_GROUP: &str = "which";

/// How many rows may be asked for: no more than anybody has, and not none, which would say that there are none.
pub fn limit(text: &str) -> Result<u64, String> {
    within(text, 1)
}

/// How many levels of a tree are asked for.
pub fn depth(text: &str) -> Result<usize, String> {
    within(text, 0).and_then(|n| usize::try_from(n).map_err(|e| e.to_string()))
}

/// A whole number that somebody can mean.
pub fn within(text: &str, least: u64) -> Result<u64, String> {
    const MOST: u64 = 10_000_000;
    let n = text.parse::<u64>().ok().filter(|n| (least..=MOST).contains(n));
    n.ok_or_else(|| format!("write a whole number from {least} to {MOST}"))
}

/// `--if-version`
#[derive(clap::Args, Default)]
pub struct IfVersion {
    /// Only if the record still has this version
    #[arg(long, value_name = "N")]
    pub if_version: Option<i64>,
}

/// `--force` of what is put into branches and departments. The session knows of it.
#[derive(clap::Args)]
pub struct PutAnyway {
    /// Also where a branch or department is inactive
    #[arg(long)]
    pub force: bool,
}

/// The records that a verb is about.
#[derive(clap::Args, Default)]
pub struct Named {
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl FlagGroup for Named {
    fn in_words(c: Command, desc: &Descriptor) -> Command {
        c.mut_arg(id!(Named, key), |a| a.help(format!("{}; '-' reads them from standard input", examples::keys(desc))))
    }
}

/// `--as-of`, where what was can be told.
#[derive(clap::Args, Default)]
pub struct AsOf {
    /// As it was at this time, or at the beginning of this day: 2h or 7d ago, 2026-11-03, 2026-11-03T09:30:00+05:30
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
}

impl FlagGroup for AsOf {
    fn is_of(_: Kinds, desc: &Descriptor) -> bool {
        desc.is_recorded()
    }
}

/// `--edit`
#[derive(clap::Args, Default)]
pub struct Edit {
    /// Fill in a form in your editor ($VISUAL, $EDITOR, or vi)
    #[arg(long)]
    pub edit: bool,
}

impl FlagGroup for Edit {}

impl FlagGroup for IfVersion {}

/// `--cascade`
#[derive(clap::Args, Default)]
pub struct Cascade {
    /// Delete what depends on them too
    #[arg(long)]
    pub cascade: bool,
}

impl FlagGroup for Cascade {}

/// `--force`, of kinds whose records are put into what can be out of use. The session knows of it.
#[derive(clap::Args, Default)]
pub struct Forced {
    #[arg(long)]
    pub force: bool,
}

impl FlagGroup for Forced {
    fn is_of(_: Kinds, desc: &Descriptor) -> bool {
        out_of_use(desc).is_some()
    }

    fn in_words(c: Command, desc: &Descriptor) -> Command {
        c.mut_arg(id!(Forced, force), |a| a.help(format!("Also where {}", out_of_use(desc).unwrap_or_default())))
    }
}

/// `a branch or department is inactive`: what records of a kind may be put into only where that is in use.
pub fn out_of_use(desc: &Descriptor) -> Option<String> {
    let mut nouns: Vec<&str> = Vec::new();
    for target in desc.fields.iter().filter(|f| f.requires_active_target()).filter_map(Field::target) {
        if !nouns.contains(&target.singular()) {
            nouns.push(target.singular());
        }
    }
    let (last, first) = nouns.split_last()?;
    let all = if first.is_empty() { (*last).to_owned() } else { format!("{} or {last}", first.join(", ")) };
    Some(format!("{} is inactive", with_article(&all)))
}

/// A flag for every field that a user may set of a new record.
pub struct NewFields(pub FieldTexts);

impl Flags for NewFields {
    fn add(c: Command, _: Kinds, desc: &'static Descriptor) -> Command {
        desc.settable().fold(c, |c, field| c.arg(flag_of_new(field)))
    }

    fn read(given: &Given<'_>) -> anyhow::Result<NewFields> {
        Ok(NewFields(given.texts(given.desc().settable())))
    }
}

/// A flag for every field that a user may change.
pub struct ChangedFields(pub FieldTexts);

impl ChangedFields {
    fn fields(desc: &'static Descriptor) -> impl Iterator<Item = &'static Field> {
        let changeable: Vec<&str> = desc.changeable().map(|f| f.column).collect();
        desc.settable().filter(move |f| changeable.contains(&f.column))
    }
}

impl Flags for ChangedFields {
    fn add(c: Command, _: Kinds, desc: &'static Descriptor) -> Command {
        ChangedFields::fields(desc).fold(c, |c, field| {
            c.arg(match field.ty.required {
                true => flag(field),
                false => flag(field).help(format!("{}; '' clears it", field.help)),
            })
        })
    }

    fn read(given: &Given<'_>) -> anyhow::Result<ChangedFields> {
        Ok(ChangedFields(given.texts(ChangedFields::fields(given.desc()))))
    }
}

/// The flag for a field.
pub fn flag(field: &'static Field) -> Arg {
    let mut help = field.help.to_owned();
    if let FieldKind::Choice(words) = field.ty.role {
        help.push_str(&format!(": {}", words.join(", ")));
    }
    if let Some(default) = field.default() {
        help.push_str(&format!(" (default: {default})"));
    }
    Arg::new(field.name())
        .long(field.name().replace('_', "-"))
        .value_name(field.ty.label)
        .help(help)
        .allow_negative_numbers(field.ty.kind == ValueType::Int)
        .action(ArgAction::Set)
}

/// The flag for a field of a new record.
pub fn flag_of_new(field: &'static Field) -> Arg {
    if field.must_be_given() { flag_of_needed(field) } else { flag(field) }
}

/// The flag for a field that must be said.
pub fn flag_of_needed(field: &'static Field) -> Arg {
    flag(field).help(format!("{} (required)", field.help))
}
