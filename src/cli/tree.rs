//! The command tree: every leaf with its permission, its arguments and the function that runs it.

use std::borrow::Cow;
use std::ffi::OsString;
use std::pin::Pin;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind as ClapErrorKind;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};

use crate::crud::import::routing::is_org_column;
use crate::crud::leaf::{self, ASKED_GROUP, limit};
use crate::crud::link::{ITEM, Linking};
use crate::crud::read::quote;
use crate::crud::session::{Access, Session};
use crate::crud::{create, history, import, journal, purge, read, remove, restore, write};
use crate::model::kinds::org::Org;
use crate::model::kinds::seeds::SEEDS;
use crate::model::kinds::system_log::{Level, SystemLog};
use crate::model::kinds::user::User;
use crate::model::kinds::{Kinds, OWN};
use crate::model::problem::nearest;
use crate::model::resource::examples;
use crate::model::resource::lifetime::{Consequence, TargetEvent};
use crate::model::resource::states::Transition;
use crate::model::resource::verbs::{Link, Verb};
use crate::model::resource::{Descriptor, Field, Resource as _};
use crate::model::trail::audit::{ACTIONS, Action};
use crate::model::values::scalar::{FieldKind, Noun as _};
use crate::model::values::value::ValueType;
use crate::verbs::{
    audit, backup, branch, database, db_copy, dept, diff, doctor, org, password, repair, revert, role, setting, user,
};

use super::config;

pub type Done<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;
/// What a leaf does.
pub type Run = for<'a> fn(&'a mut Session<'_>, &'a ArgMatches) -> Done<'a>;
/// What a verb of every resource does.
pub type RunOn = for<'a> fn(&'a mut Session<'_>, &'static Descriptor, &'a ArgMatches) -> Done<'a>;

/// A verb that one noun has.
pub struct Leaf {
    pub noun: &'static str,
    pub verb: &'static str,
    pub permission: &'static str,
    pub writes: bool,
    pub about: &'static str,
    pub examples: &'static str,
    pub args: fn(Command) -> Command,
    pub run: Run,
}

/// The verb that a struct of flags declares.
pub const fn leaf<T: leaf::Leaf>() -> Leaf {
    let leaf::Spec { noun, verb, permission, writes, about, examples } = T::SPEC;
    // What is said of the struct is no help.
    let args = |c: Command| T::augment_args(c).about(T::SPEC.about).long_about(None);
    let run: Run = |s, m| Box::pin(async move { T::from_arg_matches(m)?.run(s).await });
    Leaf { noun, verb, permission, writes, about, examples, args, run }
}

/// A verb that kinds have in common.
pub struct Generic {
    pub verb: Verb,
    pub writes: bool,
    pub about: fn(&Descriptor) -> String,
    pub examples: fn(&Descriptor) -> String,
    args: fn(Command, Kinds, &'static Descriptor) -> Command,
    run: RunOn,
}

/// A verb that needs no database.
pub struct Plain {
    pub noun: &'static str,
    pub verb: &'static str,
    pub about: &'static str,
    pub examples: &'static str,
}

/// What a verb that kinds have in common takes besides where it is about one of them, and does instead.
struct Extra {
    noun: &'static str,
    verb: Verb,
    examples: &'static str,
    args: fn(Command) -> Command,
    run: Option<RunOn>,
}

impl Generic {
    fn extra(&self, desc: &Descriptor) -> Option<&'static Extra> {
        EXTRAS.iter().find(|e| e.noun == desc.noun && e.verb == self.verb)
    }

    /// What it does where it is about one kind.
    pub fn run_for(&self, desc: &Descriptor) -> RunOn {
        self.extra(desc).and_then(|extra| extra.run).unwrap_or(self.run)
    }
}

macro_rules! run {
    ($path:path) => {
        |s, m| Box::pin($path(s, m))
    };
}
macro_rules! run_on {
    ($path:path) => {
        |s, d, m| Box::pin($path(s, d, m))
    };
}

/// Nouns that are no kinds of record, in the order of help: behind those that are. One of two words stands below the noun
/// that is the first.
const NOUNS: &[(&str, &str)] = &[
    ("audit", "Look into the audit trail and prove it"),
    ("role template", "Make roles of templates that come with the program"),
    ("audit log", "Look into the system log: what the program itself had to say"),
    ("backup", "Make backups, prove them, and bring them back"),
    ("db", "Manage the database itself"),
    ("config", "Show the options that hold and where they come from"),
];

/// What opens no database: noun, verb, what is said of it, and an example.
const PLAIN: &[Plain] = &[
    Plain {
        noun: "",
        verb: "demo",
        about: "Make a demo database in this folder and show what orgctl does",
        examples: "orgctl demo",
    },
    Plain {
        noun: "config",
        verb: "show",
        about: "Show every option and where its value comes from",
        examples: "orgctl config show",
    },
    Plain {
        noun: "config",
        verb: "path",
        about: "Show where the configuration file is looked for",
        examples: "orgctl config path",
    },
];

#[rustfmt::skip]
pub const LEAVES: &[Leaf] = &[
    leaf::<database::InitFlags>(),
    leaf::<doctor::DoctorFlags>(),
    leaf::<branch::TreeFlags>(),
    leaf::<branch::MoveFlags>(),
    leaf::<branch::StatsFlags>(),
    leaf::<dept::MembersFlags>(),
    leaf::<dept::StatsFlags>(),
    leaf::<user::BlockFlags>(),
    leaf::<user::UnblockFlags>(),
    leaf::<user::InviteFlags>(),
    leaf::<user::UninviteFlags>(),
    Leaf { noun: "user", verb: "deactivate", permission: "users:update", writes: true, about: "Deactivate users: they have left",
        examples: "orgctl user deactivate ravi@sahyadri.example\norgctl user deactivate ravi@sahyadri.example --reassign-to asha@sahyadri.example",
        args: |c| c.arg(keys("Users who leave"))
            .arg(text("reassign-to", "KEY", "Let what they lead, and who reports to them, go to this one").conflicts_with("orphan"))
            .arg(switch("orphan", "Let what they lead be led by nobody")), run: |s, m| Box::pin(remove::deactivate(s, User::DESCRIPTOR, m)) },
    leaf::<user::MoveFlags>(),
    leaf::<user::AssignBranchFlags>(),
    leaf::<user::UnassignBranchFlags>(),
    leaf::<user::ReportsFlags>(),
    leaf::<user::RenameFlags>(),
    leaf::<user::MergeFlags>(),
    leaf::<password::PasswdFlags>(),
    leaf::<password::CheckPasswordFlags>(),
    leaf::<user::DossierFlags>(),
    leaf::<user::StatsFlags>(),
    leaf::<user::WhoamiFlags>(),
    leaf::<role::ListFlags>(),
    leaf::<role::ApplyFlags>(),
    leaf::<org::StatsFlags>(),
    leaf::<setting::ListFlags>(),
    leaf::<setting::GetFlags>(),
    leaf::<setting::SetFlags>(),
    leaf::<setting::ResetFlags>(),
    leaf::<setting::ExplainFlags>(),
    leaf::<audit::ListFlags>(),
    leaf::<audit::TailFlags>(),
    leaf::<audit::StatsFlags>(),
    leaf::<audit::ShowFlags>(),
    leaf::<diff::DiffFlags>(),
    leaf::<revert::RevertFlags>(),
    leaf::<audit::verify::VerifyFlags>(),
    leaf::<audit::export::ExportFlags>(),
    leaf::<audit::append::AppendFlags>(),
    leaf::<audit::retention::ArchiveFlags>(),
    leaf::<audit::retention::EraseFlags>(),
    leaf::<audit::keys::KeygenFlags>(),
    leaf::<audit::keys::PubkeyFlags>(),
    leaf::<audit::checkpoint::CheckpointFlags>(),
    leaf::<audit::clock::CorrectClockFlags>(),
    leaf::<audit::proof::ProveFlags>(),
    leaf::<audit::proof::CheckProofFlags>(),
    Leaf { noun: "audit log", verb: "list", permission: "system_log:read", writes: false, about: "List what the program itself had to say, newest first",
        examples: "orgctl audit log list --level warning --since 7d\norgctl audit log list --source 'db migrate' -o json",
        args: |c| list_args(c, Kinds::new(&[]), SystemLog::DESCRIPTOR)
            .arg(text("level", "LEVEL", "Only this level and worse: info, warning, error, critical").value_parser(PossibleValuesParser::new(Level::WORDS)).hide_possible_values(true))
            .arg(text("source", "COMMAND", "Only what this command said: 'audit archive'").id(COMMAND)),
        run: run!(audit::log::list) },
    Leaf { noun: "audit log", verb: "prune", permission: "system_log:delete", writes: true, about: "Remove messages that are past their time",
        examples: "orgctl audit log prune\norgctl audit log prune --before 90d --dry-run",
        args: |c| prune_args(c, Kinds::new(&[]), SystemLog::DESCRIPTOR), run: |s, m| Box::pin(journal::prune(s, SystemLog::DESCRIPTOR, m)) },
    leaf::<backup::create::CreateFlags>(),
    leaf::<backup::catalogue::ListFlags>(),
    leaf::<backup::show::ShowFlags>(),
    leaf::<backup::diff::DiffFlags>(),
    leaf::<backup::retention::PruneFlags>(),
    leaf::<backup::retention::ForgetFlags>(),
    leaf::<backup::hold::HoldFlags>(),
    leaf::<backup::hold::ReleaseFlags>(),
    leaf::<backup::restore::RestoreFlags>(),
    leaf::<backup::verify::VerifyFlags>(),
    leaf::<backup::drill::DrillFlags>(),
    leaf::<backup::status::StatusFlags>(),
    leaf::<database::MigrateFlags>(),
    leaf::<database::RollbackFlags>(),
    leaf::<database::StatusFlags>(),
    leaf::<database::CheckFlags>(),
    leaf::<database::SeedFlags>(),
    leaf::<database::GrantsFlags>(),
    leaf::<db_copy::CopyFlags>(),
    leaf::<repair::RepairFlags>(),
    leaf::<database::ResetFlags>(),
];

#[rustfmt::skip]
pub const GENERIC: &[Generic] = &[
    Generic { verb: Verb::Create, writes: true, about: |d| format!("Create {}", a(d)),
        examples: |d| format!("{}\norgctl {} create --edit", examples::create(d), d.noun),
        args: |c, _, d| forced(fields(c.arg(edit()), d, true), d), run: run_on!(create::create) },
    Generic { verb: Verb::List, writes: false, about: |d| format!("List {}{}", d.plural(), if d.stays() { ", newest first" } else { "" }),
        examples: list_examples, args: list_args, run: run_on!(read::list) },
    Generic { verb: Verb::Find, writes: false, about: |d| format!("Find {} by words of their {}", d.plural(), examples::found_by(d)),
        examples: examples::find,
        args: |c, _, d| c.arg(Arg::new("words").value_name("WORDS").required(true).num_args(1..).help(examples::words(d)))
            .arg(number("limit", "N", "Most rows to show (default: 20)").value_parser(limit)), run: run_on!(read::find_words) },
    Generic { verb: Verb::Show, writes: false, about: |d| format!("Show {} with all fields", a(d)),
        examples: |d| format!("orgctl {0} show {1}\norgctl {0} show {1} -o json{2}", d.noun, examples::key(d), if d.is_recorded() { format!("\norgctl {} show {} --as-of 2h", d.noun, examples::key(d)) } else { String::new() }),
        args: |c, _, d| c.arg(named(d)).args(d.is_recorded().then(|| switch("with-deleted", "Look among deleted ones too"))).args(as_of(d)), run: run_on!(read::show) },
    Generic { verb: Verb::Update, writes: true, about: |d| format!("Change fields of {}", d.plural()),
        examples: |d| format!("orgctl {0} update {1} {2}\norgctl {0} update {1} {2} --if-version 3\norgctl {0} update {1} --edit", d.noun, examples::key(d), examples::change(d)),
        args: |c, _, d| forced(fields(c.arg(named(d)).arg(if_version()).arg(edit()), d, false), d), run: run_on!(create::update) },
    Generic { verb: Verb::Delete, writes: true, about: |d| format!("Delete {}; they can be restored", d.plural()),
        examples: |d| format!("orgctl {0} delete {1}\norgctl {0} delete {1} --cascade --yes", d.noun, examples::key(d)),
        args: delete_args, run: run_on!(remove::delete) },
    Generic { verb: Verb::Restore, writes: true, about: |d| format!("Bring back deleted {}", d.plural()),
        examples: |d| format!("orgctl {0} restore {1}\norgctl {0} {2} --deleted", d.noun, examples::key(d), d.list_word()),
        args: |c, _, d| forced(c.arg(named(d)), d), run: run_on!(restore::restore) },
    Generic { verb: Verb::Purge, writes: true, about: |d| format!("Remove deleted {} for good", d.plural()),
        examples: |d| format!("orgctl {0} purge {1}\norgctl {0} purge --deleted-before 2026-01-01 --yes", d.noun, examples::key(d)),
        args: |c, _, d| c.arg(named(d).required(false))
            .arg(text("deleted-before", "TIME", "All that were deleted before this time or day"))
            .group(one_of(["key", "deleted-before"])), run: run_on!(purge::purge) },
    Generic { verb: Verb::Activate, writes: true, about: |d| format!("Activate {}", d.plural()),
        examples: |d| format!("orgctl {} activate {}", d.noun, examples::key(d)),
        args: |c, _, d| c.arg(named(d)), run: run_on!(write::activate) },
    Generic { verb: Verb::Deactivate, writes: true, about: |d| format!("Deactivate {}", d.plural()),
        examples: |d| format!("orgctl {} deactivate {}", d.noun, examples::key(d)),
        args: |c, k, d| handing_over(c.arg(named(d)), k, d), run: run_on!(remove::deactivate) },
    Generic { verb: Verb::Revoke, writes: true, about: |d| format!("End {}; they stay as history", d.plural()),
        examples: |d| format!("orgctl {0} revoke {1}\norgctl {0} list --filter status=ended", d.noun, examples::key(d)),
        args: |c, _, d| c.arg(named(d)), run: run_on!(write::revoke) },
    Generic { verb: Verb::Exists, writes: false, about: |d| format!("Tell by the exit code whether {} exists", a(d)),
        examples: |d| format!("orgctl {0} exists {1} --quiet && echo yes", d.noun, examples::key(d)),
        args: |c, _, d| c.arg(named(d)), run: run_on!(read::exists) },
    Generic { verb: Verb::Import, writes: true, about: |d| format!("Load {} from a file of CSV or JSON, all rows or none", d.plural()),
        examples: |d| format!("orgctl {0} import {1}.csv --dry-run\norgctl {0} import {1}.csv --on-conflict update --rejects rejects.csv --keep-going\norgctl {0} import {1}.ndjson --on-conflict update", d.noun, d.table),
        args: import_args, run: run_on!(import::import) },
    Generic { verb: Verb::Export, writes: false, about: |d| format!("Write {} as CSV{}", d.plural(), if d.does(Verb::Import) { ", for `import` to read back" } else { "" }),
        examples: |d| format!("orgctl {0} export {1}.csv\norgctl {0} export --filter '{2}' -o ndjson", d.noun, d.table, examples::conditions(d)),
        args: |c, _, d| listing(c.arg(Arg::new("file").value_name("FILE").help("File to write (default: standard output)")), d)
            .args(as_of(d)).arg(switch("safe-for-spreadsheets", if d.does(Verb::Import) { "Mark cells that a spreadsheet would run as formulas; `import` takes the marks away" } else { "Mark cells that a spreadsheet would run as formulas" })), run: run_on!(read::export) },
    Generic { verb: Verb::History, writes: false, about: |d| format!("Show everything that was done to {}", a(d)),
        examples: |d| format!("orgctl {0} history {1}\norgctl {0} history {1} -o json", d.noun, examples::key(d)),
        args: |c, _, d| c.arg(Arg::new("key").value_name("KEY").required(true).help(examples::keys(d)))
            .arg(number("limit", "N", "Only the last N records").value_parser(limit)), run: run_on!(history::history) },
    Generic { verb: Verb::Stats, writes: false, about: |d| format!("Count {} by what they have in common, and by day", d.plural()),
        examples: |d| format!("orgctl {0} stats --since 30d\norgctl {0} stats --by day -o json", d.noun),
        args: |c, _, d| conditions(c, d).arg(text("by", "FIELD", "Only by this: a field, or day")), run: run_on!(journal::stats) },
    Generic { verb: Verb::Prune, writes: true, about: |d| format!("Remove {} that are past their time", d.plural()),
        examples: |d| format!("orgctl {0} prune\norgctl {0} prune --before 90d --dry-run", d.noun),
        args: prune_args, run: run_on!(journal::prune) },
];

#[rustfmt::skip]
const EXTRAS: &[Extra] = &[
    Extra { noun: Org::NOUN, verb: Verb::Import, examples: "", args: org_import_args, run: Some(run_on!(org::import)) },
    Extra { noun: User::NOUN, verb: Verb::Import, examples: "orgctl user import staff.csv --sync --key external_id --create-missing --dry-run", args: user_import_args,
        run: Some(run_on!(user::import::import)) },
    Extra { noun: User::NOUN, verb: Verb::Export, examples: "",
        args: |c| c.arg(switch("with-hashes", "With the hashes of passwords, for another orgctl; a right of its own, and recorded")), run: None },
];

/// `an organisation`
fn a(d: &Descriptor) -> String {
    with_article(d.singular())
}

fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// `Assign`
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The records that a verb is about.
fn named(d: &Descriptor) -> Arg {
    keys(&examples::keys(d))
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn number(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    text(name, value, help)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn keys(help: &str) -> Arg {
    Arg::new("key")
        .value_name("KEY")
        .action(ArgAction::Append)
        .num_args(1..)
        .required(true)
        .help(format!("{help}; '-' reads them from standard input"))
}

/// One of these must be given, and only one.
fn one_of<const N: usize>(args: [&'static str; N]) -> ArgGroup {
    ArgGroup::new(ASKED_GROUP).args(args).required(true)
}

/// `--force`, where it means something.
fn forced(c: Command, desc: &Descriptor) -> Command {
    match out_of_use(desc) {
        Some(said) => {
            c.arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help(format!("Also where {said}")))
        }
        None => c,
    }
}

/// `a branch or department is inactive`: what records of a kind may be put into only where that is in use.
fn out_of_use(desc: &Descriptor) -> Option<String> {
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

fn edit() -> Arg {
    switch("edit", "Fill in a form in your editor ($VISUAL, $EDITOR, or vi)")
}

fn if_version() -> Arg {
    number("if-version", "N", "Only if the record still has this version").value_parser(value_parser!(i64))
}

/// Where what was can be told.
fn as_of(desc: &Descriptor) -> Option<Arg> {
    desc.is_recorded().then(|| {
        text(
            "as-of",
            "TIME",
            "As it was at this time, or at the beginning of this day: 2h or 7d ago, 2026-11-03, 2026-11-03T09:30:00+05:30",
        )
    })
}

fn flag(field: &'static Field) -> Arg {
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
fn flag_of_new(field: &'static Field) -> Arg {
    match field.must_be_given() {
        true => flag(field).help(format!("{} (required)", field.help)),
        false => flag(field),
    }
}

/// A flag for every field that a user may set.
fn fields(mut c: Command, desc: &'static Descriptor, creating: bool) -> Command {
    let changeable: Vec<&str> = desc.changeable().map(|f| f.column).collect();
    for field in desc.settable().filter(|f| creating || changeable.contains(&f.column)) {
        let mut arg = if creating { flag_of_new(field) } else { flag(field) };
        if !creating && !field.ty.required {
            arg = arg.help(format!("{}; '' clears it", field.help));
        }
        c = c.arg(arg);
    }
    c
}

/// The records that are moved, and what the move is told.
fn move_args(c: Command, t: &Transition, desc: &'static Descriptor) -> Command {
    let c = with_examples(c, &examples::transition(desc, t)).arg(named(desc)).arg(if_version());
    let needs: Vec<&str> = t.needs().collect();
    desc.told_to(t).fold(c, |c, field| match needs.contains(&field.column) {
        true => c.arg(flag(field).help(format!("{} (required)", field.help))),
        false => c.arg(flag(field)),
    })
}

/// The item, those that it is given to or taken from, and what the link says besides.
fn link_args(c: Command, kinds: Kinds, linking: Linking, link: Link) -> Command {
    let (desc, (_, item), (_, other)) = (link.desc, link.item, link.other);
    let is_new = linking == Linking::Assign;
    let verb = if is_new { link.assign } else { link.unassign };
    let keys = desc.examples.key.split_once(':').unwrap_or((examples::key(item), examples::key(other)));
    let line = format!("orgctl {} {verb} {}", item.noun, keys.0);
    let many = match link.is_among_one_kind() {
        true => String::new(),
        false => {
            let of = quote(&examples::conditions(other));
            format!("\norgctl {} list --filter {of} -o key | {line} -", other.noun)
        }
    };
    let name = |d: &Descriptor| d.noun.to_uppercase().replace('-', "_");
    let c = with_examples(c, &format!("{line} {}{many}", keys.1))
        .arg(Arg::new(ITEM).value_name(name(item)).required(true).help(examples::keys(item)))
        .arg(named(other).value_name(match link.is_among_one_kind() {
            true => link.other.0.name().to_uppercase(),
            false => name(other),
        }));
    if is_new {
        return forced(link.further().fold(c, |c, field| c.arg(flag_of_new(field))), desc);
    }
    let c = link.named_by().fold(c, |c, field| c.arg(flag(field)));
    match kinds.referring_to(desc).is_empty() || desc.ends() {
        true => c,
        false => c.arg(switch("cascade", "Delete what depends on them too")),
    }
}

/// Which records.
fn conditions(c: Command, desc: &Descriptor) -> Command {
    let made = desc.made_at();
    let filter = format!("Only rows for which all hold: '{} {made}>2026-01-01'", examples::conditions(desc));
    let search = text("search", "WORDS", "Only rows that have words beginning so, in the fields that search knows");
    let c = c
        .arg(Arg::new("filter").long("filter").value_name("CONDITIONS").help(filter))
        .args(desc.is_searchable().then_some(search));
    match desc.stays() {
        true => c.arg(text("since", "TIME", "Only from this time or day on: 7d, 2026-11-01")).arg(text(
            "until",
            "TIME",
            "Only up to this time, or to the end of this day",
        )),
        false => c,
    }
}

fn listing(c: Command, desc: &Descriptor) -> Command {
    let c = conditions(c, desc)
        .arg(text("sort", "FIELDS", "Fields to sort by; -FIELD for descending").allow_hyphen_values(true));
    match desc.is_recorded() {
        true => c
            .arg(switch("deleted", "Only deleted ones").conflicts_with("with-deleted"))
            .arg(switch("with-deleted", "Deleted ones too")),
        false => c,
    }
}

fn list_args(c: Command, _: Kinds, desc: &'static Descriptor) -> Command {
    listing(c, desc)
        .args(as_of(desc))
        .arg(number("limit", "N", "Most rows to show").value_parser(limit))
        .arg(switch("all", "Show all rows").conflicts_with("limit"))
        .arg(text("page", "TOKEN", "Show the page that the last one named"))
}

fn list_examples(d: &Descriptor) -> String {
    let (noun, which) = (d.noun, examples::conditions(d));
    let line = |more: &str| format!("\norgctl {noun} list {more}");
    let (order, past) = match (d.stays(), d.is_recorded()) {
        (true, _) => ("--since 7d", String::new()),
        (_, recorded) => ("--sort -created_at", if recorded { line("--as-of 7d") } else { String::new() }),
    };
    format!("orgctl {noun} list --filter '{which}' {order}{}{past}", line("--all -o json"))
}

fn prune_args(c: Command, _: Kinds, desc: &'static Descriptor) -> Command {
    let kept = desc.retention.map_or("", |setting| setting.declared.key);
    c.arg(text("before", "TIME", "").help(format!("Older than this (default: what the setting {kept} says)")))
}

/// Whom what a record is in charge of goes to when it is deactivated, where a record of the kind can be in charge.
fn handing_over(c: Command, kinds: Kinds, desc: &Descriptor) -> Command {
    if !kinds.referring_to(desc).iter().any(|(d, f)| d.effect(f, TargetEvent::Deactivate) == Consequence::Blocks) {
        return c;
    }
    c.arg(text("reassign-to", "KEY", "Let what they are in charge of go to this one").conflicts_with("orphan"))
        .arg(switch("orphan", "Let nobody be in charge of it"))
}

fn delete_args(c: Command, kinds: Kinds, desc: &'static Descriptor) -> Command {
    let mut c = c.arg(named(desc)).arg(switch("cascade", "Delete what depends on them too"));
    if kinds.referring_to(desc).iter().any(|(d, f)| d.effect(f, TargetEvent::Delete) == Consequence::Blocks) {
        c = c
            .arg(
                text("reassign-to", "KEY", "Let what depends on them depend on this one")
                    .conflicts_with_all(["cascade", "orphan"]),
            )
            .arg(
                switch("orphan", "Let what depends on them depend on nothing; restore does not undo this")
                    .conflicts_with("cascade"),
            );
    }
    c
}

fn import_args(c: Command, _: Kinds, desc: &'static Descriptor) -> Command {
    let mut any = "Let any number be deactivated".to_owned();
    if let Some(said) = out_of_use(desc) {
        any.push_str(&format!("; also where {said}"));
    }
    let most = "Most that may be deactivated at once: 25, or 10% (default: the setting feed.max_leavers_percent)";
    let c = match desc.can_be_inactive() {
        true => c
            .arg(text("max-leavers", "N", most).conflicts_with("force"))
            .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help(any)),
        false => forced(c, desc),
    };
    let lookup = examples::lookup(desc)
        .map(|field| format!("; 'COLUMN={field}' looks a reference up by another field"))
        .unwrap_or_default();
    let whose = if is_org_column(desc, "org") { "; a column 'org' says whose each row is" } else { "" };
    let map = format!("Which field a column fills{lookup}{whose} (can be repeated)");
    c.arg(Arg::new("file").value_name("FILE").required(true).help("File of CSV, of JSON objects line by line, or of a JSON array; '-' reads standard input"))
        .arg(text("map", "COLUMN=FIELD", "").help(map).action(ArgAction::Append))
        .arg(text("set", "FIELD=VALUE", "Value that every row gets (can be repeated)").action(ArgAction::Append))
        .arg(text("key-field", "FIELD", "Field that tells whether a record is there already").visible_alias("key"))
        .arg(
            text("on-conflict", "WHAT", "What to do with a record that is there: error, skip or update")
                .value_parser(["error", "skip", "update"])
                .hide_possible_values(true)
                .default_value("error"),
        )
        .arg(switch("ignore-unknown", "Pass over columns that fill no field"))
        .arg(text(
            "encoding",
            "NAME",
            "Encoding of a file that is neither UTF-8 nor UTF-16: windows-1250, shift_jis, koi8-r",
        ))
        .arg(
            text("format", "FORMAT", "Form of the file: csv, ndjson or json (default: what it looks like)")
                .value_parser(["csv", "ndjson", "jsonl", "json"])
                .hide_possible_values(true),
        )
        .arg(number("skip-lines", "N", "Lines before the header to pass over").value_parser(value_parser!(u64)))
        .args(desc.code_maker().map(|(field, _)| {
            switch("generate-codes", "").help(format!("Make a {} for each row that has none, which is then a new record", field.name()))
        }))
        .arg(switch("keep-going", "Load the rows that are valid"))
        .arg(
            text("on-invalid", "FIELD=blank", "Leave an optional field of a new record blank, and of one that is there as it is, where its value can't be read or breaks a rule (can be repeated)")
                .action(ArgAction::Append),
        )
        .arg(
            text("none", "WORD", "Word that means nothing or nobody in optional fields: -, XX (can be repeated)")
                .allow_hyphen_values(true)
                .action(ArgAction::Append),
        )
        .args(date_format(desc))
        .arg(text("rejects", "FILE", "Write rejected rows and their reasons to this file"))
}

/// Only where a file may hold dates.
fn date_format(desc: &Descriptor) -> Option<Arg> {
    let field = examples::dated(desc)?;
    let help = format!(
        "How dates and times are written: DD/MM/YYYY, D MMM YYYY, or excel for the day numbers of spreadsheets; \
         '{}=MM/DD/YYYY' for one column (can be repeated)",
        field.name()
    );
    Some(text("date-format", "FORMAT", "").help(help).action(ArgAction::Append))
}

/// What an import of organisations says of itself in words of its own.
fn org_import_args(c: Command) -> Command {
    let most = "Most organisations that may be deactivated at once, and most users who may lose their access with them: 25, or 10% (default: the setting feed.max_leavers_percent)";
    c.mut_arg("max-leavers", |a| a.help(most))
}

/// People come with their passwords, and a file may be the whole truth about who is there.
fn user_import_args(c: Command) -> Command {
    let most =
        "Most who may leave or lose their access at once: 25, or 10% (default: the setting feed.max_leavers_percent)";
    let any = "Let any number leave or lose their access; put people also where nobody works any more";
    c.mut_arg("max-leavers", |a| a.help(most))
        .mut_arg("force", |a| a.help(any))
        .arg(switch(
            "reset-passwords",
            "Set the passwords of users that are there too; otherwise only new ones get those of the file",
        ))
        .arg(
            switch("sync", "Take the file as the whole truth: who is not in it has left")
                .conflicts_with("generate-codes"),
        )
        .arg(
            text("scope", "SCOPE", "The whole truth about one branch or department only: branch=MUM01")
                .requires("sync"),
        )
        .arg(
            text("leavers", "WHAT", "What becomes of who has left: deactivate, block, delete or report")
                .value_parser(["deactivate", "block", "delete", "report"])
                .hide_possible_values(true)
                .default_value("deactivate")
                .requires("sync"),
        )
        .arg(
            text("reassign-to", "KEY", "Let what leavers lead, and who reports to them, go to this one")
                .conflicts_with("orphan"),
        )
        .arg(switch("orphan", "Let what leavers lead be led by nobody"))
        .arg(switch("create-missing", "Make departments, branches and roles that rows refer to and that are not there; a role of a template's name has its permissions"))
}

fn with_examples(c: Command, examples: &str) -> Command {
    let lines: Vec<String> = examples.lines().map(|l| format!("  {l}")).collect();
    c.after_help(format!("Examples:\n{}", lines.join("\n")))
}

/// What a program can do: the kinds of record that it is given, and the verbs. The tree of commands is made of both.
#[derive(Clone, Copy)]
pub struct Program {
    pub kinds: Kinds,
    leaves: &'static [&'static [Leaf]],
}

impl Default for Program {
    /// The program as it is shipped.
    fn default() -> Program {
        Program::SHIPPED
    }
}

impl Program {
    /// The program as it is shipped.
    pub const SHIPPED: Program = Program { kinds: Kinds::new(&[OWN]).bringing(SEEDS), leaves: &[LEAVES] };

    /// The program with other kinds; `leaves` are the verbs that added ones have of their own.
    pub const fn new(kinds: Kinds, leaves: &'static [&'static [Leaf]]) -> Program {
        Program { kinds, leaves }
    }

    /// Verbs that one noun has.
    pub fn leaves(self) -> impl Iterator<Item = &'static Leaf> + Clone {
        self.leaves.iter().flat_map(|list| list.iter())
    }

    /// Verbs that a kind has in common with others. One whose verb differs has one of its own.
    pub fn generic(self, desc: &'static Descriptor) -> impl Iterator<Item = &'static Generic> + Clone {
        let has_its_own = move |g: &Generic| self.leaves().any(|l| l.noun == desc.noun && l.verb == g.verb.as_str());
        GENERIC.iter().filter(move |g| desc.does(g.verb) && !has_its_own(g))
    }

    /// All verbs of a noun, in the order of help. Whatever a descriptor declares verbs of is added here, and nowhere else.
    pub fn of_noun(self, noun: &str) -> impl Iterator<Item = Found> {
        let desc = self.kinds.by_noun(noun);
        let generic = desc.into_iter().flat_map(move |d| self.generic(d).map(move |g| Found::Generic(g, d)));
        let plain = PLAIN.iter().filter(move |p| p.noun == noun).map(Found::Plain);
        let moves = desc.into_iter().flat_map(|d| d.transitions().iter().map(move |t| Found::Move(t, d)));
        let links = desc.into_iter().flat_map(move |d| self.kinds.links_at(d)).flat_map(Found::of_link);
        let own = self.leaves().filter(move |l| l.noun == noun).map(Found::Leaf);
        // `demo` is what somebody new looks for.
        let (first, last) = if noun.is_empty() { (Some(plain), None) } else { (None, Some(plain)) };
        first
            .into_iter()
            .flatten()
            .chain(generic)
            .chain(moves)
            .chain(links)
            .chain(own)
            .chain(last.into_iter().flatten())
    }

    /// Noun and verb of every leaf that works on a database.
    pub fn verbs(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let of_kind = move |d: &'static Descriptor| {
            let of_kind = self.of_noun(d.noun).filter(|found| !matches!(found, Found::Leaf(_)));
            of_kind.map(move |found| (d.noun, found.verb_name()))
        };
        self.leaves().map(|l| (l.noun, l.verb)).chain(self.kinds.resources().flat_map(of_kind))
    }

    /// Nouns with another word for them and what is said of them, in the order of help.
    fn nouns(self, built: Built<'_>) -> impl Iterator<Item = (&'static str, Option<&'static str>, Cow<'static, str>)> {
        let is_listed = move |d: &&Descriptor| built.lists(d.noun) || d.alias.is_some_and(|alias| built.lists(alias));
        let kinds = self.kinds.resources().filter(is_listed).filter(move |d| self.of_noun(d.noun).next().is_some());
        let kinds = kinds.map(|d| (d.noun, d.alias, format!("Manage {}", d.plural()).into()));
        let others = NOUNS.iter().filter(move |(noun, _)| !noun.contains(' ') && built.lists(noun));
        kinds.chain(others.map(|(noun, about)| (*noun, None, Cow::Borrowed(*about))))
    }

    /// The whole tree.
    pub fn command(self) -> Command {
        self.tree(Built::Whole)
    }

    /// The tree as far as a command line needs it: the verbs of the nouns, and the arguments of the verbs, that are among its
    /// words; of all others the name and what is said of it. What a command takes to start does not grow with the kinds that
    /// there are.
    pub fn command_for(self, words: &[String]) -> Command {
        self.tree(Built::For(words))
    }

    /// Reads a command line. Nearly always what its words name is all that it takes; where it is not, the tree that has every
    /// name tells what was meant, or helps.
    pub fn read(self, argv: &[OsString], words: &[String]) -> Result<ArgMatches, clap::Error> {
        match self.tree(Built::Named(words)).try_get_matches_from(argv) {
            Err(e) if e.kind() != ClapErrorKind::DisplayVersion => self.command_for(words).try_get_matches_from(argv),
            read => read,
        }
    }

    fn tree(self, built: Built<'_>) -> Command {
        let mut root = Command::new("orgctl")
            .version(env!("CARGO_PKG_VERSION"))
            .about("Administer the people side of a company, straight on its database")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .disable_help_subcommand(true)
            .max_term_width(100)
            .after_help("Begin with 'orgctl demo', or 'orgctl init --org-code ACME'. Each command has examples: orgctl NOUN VERB --help");
        root = config::global_args(root);
        let verbs = self.of_noun("").filter(|verb| built.lists(verb.verb_name()));
        root = verbs.fold(root, |root, verb| root.subcommand(self.verb(&verb, built)));
        self.nouns(built).fold(root, |root, noun| root.subcommand(self.noun(noun, built)))
    }

    /// A noun with its verbs, and with the nouns below it.
    fn noun(
        self,
        (noun, alias, about): (&'static str, Option<&'static str>, Cow<'static, str>),
        built: Built<'_>,
    ) -> Command {
        let word = last_word(noun);
        let mut c = Command::new(word)
            .about(about.into_owned())
            .subcommand_required(true)
            .arg_required_else_help(true)
            .disable_help_subcommand(true);
        if let Some(alias) = alias {
            c = c.alias(alias);
        }
        if !built.names(word) && !alias.is_some_and(|alias| built.names(alias)) {
            return c;
        }
        let is_listed =
            |verb: &Found| built.lists(verb.verb_name()) || verb.other_word().is_some_and(|w| built.lists(w));
        let verbs = self.of_noun(noun).filter(is_listed);
        c = verbs.fold(c, |c, verb| c.subcommand(self.verb(&verb, built)));
        let is_below = |n: &str| n.rsplit_once(' ').is_some_and(|(first, _)| first == noun);
        let below = NOUNS.iter().filter(|(n, _)| is_below(n) && built.lists(last_word(n)));
        below.fold(c, |c, (noun, about)| c.subcommand(self.noun((noun, None, Cow::Borrowed(about)), built)))
    }

    /// A verb with its arguments.
    fn verb(self, verb: &Found, built: Built<'_>) -> Command {
        let mut c = Command::new(verb.verb_name()).about(verb.about());
        if let Some(word) = verb.other_word() {
            c = c.visible_alias(word);
        }
        if !built.names(verb.verb_name()) && !verb.other_word().is_some_and(|word| built.names(word)) {
            return c;
        }
        let c = match verb {
            Found::Leaf(leaf) => (leaf.args)(with_examples(c, leaf.examples)),
            Found::Generic(g, desc) => {
                let extra = g.extra(desc);
                let lines = format!("{}\n{}", (g.examples)(desc), extra.map_or("", |e| e.examples));
                let c = (g.args)(with_examples(c, lines.trim_end()), self.kinds, desc);
                match extra {
                    Some(extra) => (extra.args)(c),
                    None => c,
                }
            }
            Found::Move(t, desc) => move_args(c, t, desc),
            Found::Link(linking, link) => link_args(c, self.kinds, *linking, *link),
            Found::Plain(plain) => with_examples(c, plain.examples),
        };
        let c = if verb.writes() { each_by_itself(c) } else { c };
        // Whose words they are that are asked for, only the program knows.
        let asks = c.get_arguments().any(|a| a.get_id() == COMMAND);
        match asks {
            true => c.mut_arg(COMMAND, |a| a.value_parser(move |text: &str| self.command_name(text))),
            false => c,
        }
    }

    /// The name of a command that can have said something.
    fn command_name(self, text: &str) -> Result<String, String> {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let all: Vec<String> =
            self.verbs().map(|(noun, verb)| format!("{noun} {verb}").trim_start().to_owned()).collect();
        if all.contains(&words) {
            return Ok(words);
        }
        let meant =
            nearest(&words, all.iter().map(String::as_str)).map_or(String::new(), |m| format!("; did you mean '{m}'?"));
        Err(format!("there is no such command{meant}"))
    }

    /// The tree for a terminal: what can be asked for need not be given.
    pub fn interactive_command(self, words: &[String]) -> Command {
        fn relax_required(mut c: Command) -> Command {
            for asked in [ITEM, ASKED] {
                if c.get_arguments().any(|a| a.get_id() == asked && a.is_required_set() && a.is_positional()) {
                    c = c.mut_arg(asked, |a| a.required(false));
                }
            }
            if c.get_groups().any(|g| g.get_id() == ASKED_GROUP) {
                c = c.mut_group(ASKED_GROUP, |g| g.required(false));
            }
            c.mut_subcommands(relax_required)
        }
        relax_required(self.command_for(words))
    }

    /// Finds the verb that a noun and a word name.
    pub fn find(self, noun: &str, verb: &str) -> Option<Found> {
        self.of_noun(noun).find(|found| found.verb_name() == verb)
    }
}

fn last_word(noun: &str) -> &str {
    noun.rsplit(' ').next().unwrap_or(noun)
}

/// How far a tree is built.
#[derive(Clone, Copy)]
enum Built<'a> {
    Whole,
    /// What these words may name, and the names of all else.
    For(&'a [String]),
    /// What these words may name alone.
    Named(&'a [String]),
}

impl Built<'_> {
    fn names(self, word: &str) -> bool {
        match self {
            Built::Whole => true,
            Built::For(words) | Built::Named(words) => words.iter().any(|w| w == word),
        }
    }

    /// Whether a name is in it.
    fn lists(self, word: &str) -> bool {
        !matches!(self, Built::Named(_)) || self.names(word)
    }
}

/// A verb that changes several records can do so one by one.
fn each_by_itself(c: Command) -> Command {
    let takes_many = |a: &Arg| a.get_id() == ASKED && a.get_num_args().is_some_and(|n| n.max_values() > 1);
    let is_of_many = c.get_arguments().any(takes_many);
    match is_of_many {
        true => c.arg(switch("keep-going", "Change each by itself, and go on where one can't be changed")),
        false => c,
    }
}

/// A key: asked for on a terminal, where it is missing.
const ASKED: &str = "key";
/// The name of a command, which must be one that can have said something.
pub const COMMAND: &str = "command";

/// A verb of a noun: what the words of a command line lead to.
#[derive(Clone, Copy)]
pub enum Found {
    /// One that this noun alone has.
    Leaf(&'static Leaf),
    /// One that kinds have in common.
    Generic(&'static Generic, &'static Descriptor),
    /// From one state of a kind to another.
    Move(&'static Transition, &'static Descriptor),
    /// One that gives a record of a kind to others, or takes it back.
    Link(Linking, Link),
    /// One that needs no database.
    Plain(&'static Plain),
}

impl Found {
    fn of_link(link: Link) -> [Found; 2] {
        [Found::Link(Linking::Assign, link), Found::Link(Linking::Unassign, link)]
    }

    /// The verb itself.
    pub fn verb_name(&self) -> &'static str {
        match self {
            Found::Leaf(l) => l.verb,
            Found::Generic(g, _) => g.verb.as_str(),
            Found::Move(t, _) => t.verb,
            Found::Link(Linking::Assign, link) => link.assign,
            Found::Link(Linking::Unassign, link) => link.unassign,
            Found::Plain(p) => p.verb,
        }
    }

    /// Another word for it.
    pub fn other_word(&self) -> Option<&'static str> {
        match self {
            Found::Generic(g, desc) => desc.other_word(g.verb),
            _ => None,
        }
    }

    fn about(&self) -> String {
        match self {
            Found::Leaf(l) => l.about.to_owned(),
            Found::Generic(g, d) => (g.about)(d),
            Found::Move(t, _) => t.about.to_owned(),
            Found::Link(_, link) if link.is_among_one_kind() => {
                let verb = match self {
                    Found::Link(Linking::Unassign, _) => format!("no longer {}", link.assign),
                    _ => link.assign.to_owned(),
                };
                format!("Let {} {verb} other {}", a(link.item.1), link.other.1.plural())
            }
            Found::Link(linking, link) => {
                let between = if *linking == Linking::Assign { "to" } else { "from" };
                let (item, others) = (a(link.item.1), link.other.1.plural());
                match self.verb_name().split_once('-') {
                    // `add-approver`: the word for what they are is part of it.
                    Some((verb, whom)) => format!("{} {whom}s {between} {item}", capital(verb)),
                    None => format!("{} {others} {between} {item}", capital(self.verb_name())),
                }
            }
            Found::Plain(p) => p.about.to_owned(),
        }
    }

    fn writes(&self) -> bool {
        match self {
            Found::Leaf(l) => l.writes,
            Found::Generic(g, _) => g.writes,
            Found::Move(..) | Found::Link(..) => true,
            Found::Plain(_) => false,
        }
    }

    /// The permission that the gate asks for; none for what needs no database.
    pub fn access(&self) -> Option<Access> {
        match self {
            Found::Leaf(l) => Some(Access {
                permission: l.permission.to_owned(),
                recorded: recorded(l.noun, l.verb, l.permission.rsplit(':').next().unwrap_or_default()),
                writes: l.writes,
            }),
            Found::Generic(g, d) => Some(Access {
                permission: format!("{}:{}", d.table, d.action(g.verb)),
                recorded: d
                    .recorded
                    .filter(|_| g.writes)
                    .map_or_else(|| recorded(d.noun, g.verb.as_str(), g.verb.action()), Action::as_str),
                writes: g.writes,
            }),
            Found::Move(t, d) => Some(Access {
                permission: format!("{}:{}", d.table, t.permission()),
                recorded: t.action().as_str(),
                writes: true,
            }),
            Found::Link(linking, link) => {
                let action = match (linking, link.desc.ends()) {
                    (Linking::Assign, _) => Action::Create.as_str(),
                    (Linking::Unassign, true) => Action::Update.as_str(),
                    (Linking::Unassign, false) => Action::Delete.as_str(),
                };
                let permission = format!("{}:{action}", link.desc.table);
                Some(Access { permission, recorded: action, writes: true })
            }
            Found::Plain(_) => None,
        }
    }
}

/// Verbs that are recorded under another word than that of their permission, of one noun or of all.
const RECORDED: &[(&str, &str, Action)] = &[
    ("", "activate", Action::Activate),
    ("", "deactivate", Action::Deactivate),
    ("", "move", Action::Move),
    ("user", "block", Action::UserBlock),
    ("user", "unblock", Action::UserUnblock),
    ("user", "invite", Action::Update),
    ("user", "uninvite", Action::Update),
    ("user", "passwd", Action::PasswordChange),
    ("user", "check-password", Action::PasswordChange),
    ("backup", "create", Action::Backup),
    ("backup", "verify", Action::Backup),
    ("backup", "prune", Action::Backup),
    ("backup", "forget", Action::Backup),
    ("backup", "hold", Action::Backup),
    ("backup", "release", Action::Backup),
    ("backup", "drill", Action::Backup),
    ("backup", "restore", Action::BackupRestore),
    // What others did is brought in, under words that may be their own.
    ("audit", "append", Action::Import),
    ("audit", "correct-clock", Action::ConfigChange),
    ("audit", "checkpoint", Action::Create),
    ("audit", "keygen", Action::Create),
    ("db", "repair", Action::ConfigChange),
    ("db", "seed", Action::Update),
    ("db", "copy", Action::Migrate),
    ("db", "reset", Action::Purge),
    ("setting", "set", Action::ConfigChange),
    ("setting", "reset", Action::ConfigChange),
    ("", "init", Action::Migrate),
];

/// The word under which what a verb does is recorded, and its refusal too.
fn recorded(noun: &str, verb: &str, permission: &'static str) -> &'static str {
    let of_verb = RECORDED.iter().find(|(n, v, _)| (n.is_empty() || *n == noun) && *v == verb);
    let word = of_verb.map_or(permission, |(.., action)| action.as_str());
    // What only looks: `verify`, `prove`, `whoami`.
    if ACTIONS.contains(&word) { word } else { "read" }
}
