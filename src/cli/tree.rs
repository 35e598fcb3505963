//! The command tree: the list of verbs, each declared where it is done, and how much of them a command line needs.

use std::borrow::Cow;
use std::ffi::OsString;
use std::pin::Pin;

use anyhow::Result;
use clap::error::ErrorKind as ClapErrorKind;
use clap::{Arg, ArgMatches, Args as _, Command};

use crate::crud::context::Access;
use crate::crud::flags::{ASKED_GROUP, COMMAND, Named, a};
use crate::crud::leaf::{self, Given, KindVerb, Spec, Unused, id};
use crate::crud::link::{self, ITEM, LinkFlags, Linking};
use crate::crud::session::Session;
use crate::crud::transition::MoveFlags;
use crate::crud::{create, history, import, journal, purge, read, remove, restore, write};
use crate::model::kinds::kyc::Kyc;
use crate::model::kinds::org::Org;
use crate::model::kinds::role::Role;
use crate::model::kinds::role_permission::RolePermission;
use crate::model::kinds::seeds::SEEDS;
use crate::model::kinds::user::User;
use crate::model::kinds::{Kinds, OWN};
use crate::model::problem::nearest;
use crate::model::resource::states::Transition;
use crate::model::resource::verbs::{Link, Verb};
use crate::model::resource::{Descriptor, examples};
use crate::model::trail::audit::{ACTIONS, Action};
use crate::model::values::scalar::Noun as _;
use crate::verbs::role::unknown_words::Warning;
use crate::verbs::{
    audit, backup, branch, consent, database, db_copy, dept, diff, doctor, key, kyc, org, password, repair, revert,
    role, setting, user,
};

use super::config;

pub type Done<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;
/// What a leaf does.
pub type Run = for<'a> fn(&'a mut Session<'_>, &'a ArgMatches) -> Done<'a>;
/// What a verb of every resource does.
pub type RunOn = for<'a> fn(&'a mut Session<'_>, &'static Descriptor, &'a ArgMatches) -> Done<'a>;

/// A verb that one noun has.
pub struct Leaf {
    pub spec: Spec,
    unused: Unused,
    recorded: Option<Action>,
    args: fn(Command) -> Command,
    pub run: Run,
}

/// The verb that a struct of flags declares.
pub const fn leaf<T: leaf::Leaf>() -> Leaf {
    Leaf {
        spec: T::SPEC,
        unused: T::UNUSED,
        recorded: T::RECORDED,
        args: T::augment_args,
        run: |s, m| Box::pin(async move { T::from_arg_matches(m)?.run(s).await }),
    }
}

/// A verb that kinds have in common.
pub struct Generic {
    pub verb: Verb,
    pub writes: bool,
    unused: Unused,
    recorded: Option<Action>,
    about: fn(&Descriptor) -> String,
    examples: fn(&Descriptor) -> String,
    args: fn(Command, Kinds, &'static Descriptor) -> Command,
    pub run: RunOn,
}

/// The verb of kinds that its flags declare.
const fn generic<T: KindVerb>() -> Generic {
    Generic {
        verb: T::VERB,
        writes: T::WRITES,
        unused: T::UNUSED,
        recorded: T::RECORDED,
        about: T::about,
        examples: T::examples,
        args: T::add,
        run: |s, desc, m| {
            Box::pin(async move {
                let flags = T::read(&Given::new(m, s.kinds(), desc))?;
                flags.run(s, desc).await
            })
        },
    }
}

/// What opens no database.
#[derive(Clone, Copy)]
pub enum PlainVerb {
    Demo,
    Permissions,
    ConfigShow,
    ConfigPath,
}

/// A verb that needs no database.
pub struct Plain {
    pub noun: &'static str,
    pub verb: &'static str,
    pub about: &'static str,
    pub examples: &'static str,
    pub does: PlainVerb,
    unused: Unused,
}

/// Nouns that are no kinds of record, in the order of help: behind those that are. One of two words stands below the noun
/// that is the first.
const NOUNS: &[(&str, &str)] = &[
    ("kyc risk", "Say how much is risked with people"),
    ("audit", "Look into the audit trail and prove it"),
    ("role template", "Make roles of templates that come with the program"),
    ("audit log", "Look into the system log: what the program itself had to say"),
    ("key", "Look after the keys of what is sealed"),
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
        does: PlainVerb::Demo,
        unused: Unused::NONE.org().columns().dry_run(),
    },
    Plain {
        noun: "",
        verb: "permissions",
        about: "List the permission that each command asks for",
        examples: "orgctl permissions\norgctl permissions -o csv > permissions.csv",
        does: PlainVerb::Permissions,
        unused: Unused::NONE.org(),
    },
    Plain {
        noun: "config",
        verb: "show",
        about: "Show every option and where its value comes from",
        examples: "orgctl config show",
        does: PlainVerb::ConfigShow,
        unused: Unused::NONE,
    },
    Plain {
        noun: "config",
        verb: "path",
        about: "Show where the configuration file is looked for",
        examples: "orgctl config path",
        does: PlainVerb::ConfigPath,
        unused: Unused::NONE.org().columns().rows(),
    },
];

/// Verbs that one noun has, in the order of help.
pub const LEAVES: &[Leaf] = &[
    leaf::<database::InitFlags>(),
    leaf::<doctor::DoctorFlags>(),
    leaf::<branch::TreeFlags>(),
    leaf::<branch::MoveFlags>(),
    leaf::<branch::StatsFlags>(),
    leaf::<dept::MembersFlags>(),
    leaf::<dept::StatsFlags>(),
    leaf::<user::block::BlockFlags>(),
    leaf::<user::block::UnblockFlags>(),
    leaf::<user::invite::InviteFlags>(),
    leaf::<user::invite::UninviteFlags>(),
    leaf::<user::DeactivateFlags>(),
    leaf::<user::placing::MoveFlags>(),
    leaf::<user::placing::AssignBranchFlags>(),
    leaf::<user::placing::UnassignBranchFlags>(),
    leaf::<user::reports::ReportsFlags>(),
    leaf::<user::RenameFlags>(),
    leaf::<user::merge::MergeFlags>(),
    leaf::<password::PasswdFlags>(),
    leaf::<password::CheckPasswordFlags>(),
    leaf::<user::dossier::DossierFlags>(),
    leaf::<user::StatsFlags>(),
    leaf::<user::WhoamiFlags>(),
    leaf::<role::check::CheckFlags>(),
    leaf::<role::check::ExplainFlags>(),
    leaf::<role::who::WhoCanFlags>(),
    leaf::<role::who::MembersFlags>(),
    leaf::<role::can::PermissionsFlags>(),
    leaf::<role::grant::GrantFlags>(),
    leaf::<role::grant::RevokeFlags>(),
    leaf::<role::grant::CloneFlags>(),
    leaf::<role::compare::DiffFlags>(),
    leaf::<role::compare::MatrixFlags>(),
    leaf::<role::can::CanFlags>(),
    leaf::<role::can::RolesFlags>(),
    leaf::<role::ListFlags>(),
    leaf::<role::ApplyFlags>(),
    leaf::<org::StatsFlags>(),
    leaf::<setting::ListFlags>(),
    leaf::<setting::GetFlags>(),
    leaf::<setting::SetFlags>(),
    leaf::<setting::ResetFlags>(),
    leaf::<setting::ExplainFlags>(),
    leaf::<consent::WithdrawFlags>(),
    leaf::<kyc::submit::SubmitFlags>(),
    leaf::<kyc::review::ClaimFlags>(),
    leaf::<kyc::review::AssignFlags>(),
    leaf::<kyc::review::StartFlags>(),
    leaf::<kyc::decide::VerifyFlags>(),
    leaf::<kyc::decide::RejectFlags>(),
    leaf::<kyc::review::ReopenFlags>(),
    leaf::<kyc::status::StatusFlags>(),
    leaf::<kyc::stats::StatsFlags>(),
    leaf::<kyc::expire::ExpireFlags>(),
    leaf::<kyc::risk::SetFlags>(),
    leaf::<kyc::validate::ValidateFlags>(),
    leaf::<kyc::matching::MatchFlags>(),
    leaf::<kyc::find::FindFlags>(),
    leaf::<kyc::import::ImportFlags>(),
    leaf::<kyc::batch::ConfirmFlags>(),
    leaf::<kyc::batch::CancelFlags>(),
    leaf::<kyc::find::DuplicatesFlags>(),
    leaf::<kyc::reveal::RevealFlags>(),
    leaf::<kyc::redact::RedactFlags>(),
    leaf::<kyc::exposure::ExposureFlags>(),
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
    leaf::<audit::log::ListFlags>(),
    leaf::<audit::log::PruneFlags>(),
    leaf::<key::init::InitFlags>(),
    leaf::<key::status::StatusFlags>(),
    leaf::<key::rotate::RotateFlags>(),
    leaf::<key::reencrypt::ReencryptFlags>(),
    leaf::<key::export::ExportFlags>(),
    leaf::<key::import::ImportFlags>(),
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

/// Verbs that kinds have in common, in the order of help.
const GENERIC: &[Generic] = &[
    generic::<create::CreateFlags>(),
    generic::<read::ListFlags>(),
    generic::<read::FindFlags>(),
    generic::<read::ShowFlags>(),
    generic::<create::UpdateFlags>(),
    generic::<remove::DeleteFlags>(),
    generic::<restore::RestoreFlags>(),
    generic::<purge::PurgeFlags>(),
    generic::<write::ActivateFlags>(),
    generic::<remove::DeactivateFlags>(),
    generic::<write::RevokeFlags>(),
    generic::<read::ExistsFlags>(),
    generic::<import::ImportFlags>(),
    generic::<read::ExportFlags>(),
    generic::<history::HistoryFlags>(),
    generic::<journal::StatsFlags>(),
    generic::<journal::PruneFlags>(),
];

/// Those that take or do something else where they are about one noun.
const OTHERWISE: &[(&str, Generic)] = &[
    (Kyc::NOUN, generic::<kyc::queue::QueueFlags>()),
    (Kyc::NOUN, generic::<kyc::export::ExportFlags>()),
    (Kyc::NOUN, generic::<kyc::shown::ShowFlags>()),
    (Kyc::NOUN, generic::<kyc::shown::HistoryFlags>()),
    (Org::NOUN, generic::<org::ImportFlags>()),
    (User::NOUN, generic::<user::import::ImportFlags>()),
    (User::NOUN, generic::<user::ExportFlags>()),
    (Role::NOUN, generic::<role::documents::ImportFlags>()),
    (Role::NOUN, generic::<role::documents::ExportFlags>()),
    (RolePermission::NOUN, generic::<Warning<create::CreateFlags>>()),
    (RolePermission::NOUN, generic::<Warning<create::UpdateFlags>>()),
    (RolePermission::NOUN, generic::<Warning<import::ImportFlags>>()),
];

/// `Assign`
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
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
        let has_its_own =
            move |g: &Generic| self.leaves().any(|l| l.spec.noun == desc.noun && l.spec.verb == g.verb.as_str());
        let otherwise = move |g: &Generic| OTHERWISE.iter().find(|(n, o)| *n == desc.noun && o.verb == g.verb);
        let own = GENERIC.iter().filter(move |g| desc.does(g.verb) && !has_its_own(g));
        own.map(move |g| otherwise(g).map_or(g, |(_, g)| g))
    }

    /// All verbs of a noun, in the order of help. Whatever a descriptor declares verbs of is added here, and nowhere else.
    pub fn of_noun(self, noun: &str) -> impl Iterator<Item = Found> {
        let desc = self.kinds.by_noun(noun);
        let generic = desc.into_iter().flat_map(move |d| self.generic(d).map(move |g| Found::Generic(g, d)));
        let plain = PLAIN.iter().filter(move |p| p.noun == noun).map(Found::Plain);
        let is_own = move |verb: &str| self.leaves().any(|l| l.spec.noun == noun && l.spec.verb == verb);
        let moves = desc.into_iter().flat_map(|d| d.transitions().iter().map(move |t| (t, d)));
        // One that is made in passing is no verb, and one that asks for more has a verb of its own.
        let moves = moves.filter(move |(t, _)| !t.is_in_passing() && !is_own(t.verb)).map(|(t, d)| Found::Move(t, d));
        let links = desc.into_iter().flat_map(move |d| self.kinds.links_at(d)).flat_map(Found::of_link);
        let own = self.leaves().filter(move |l| l.spec.noun == noun).map(Found::Leaf);
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
        self.leaves().map(|l| (l.spec.noun, l.spec.verb)).chain(self.kinds.resources().flat_map(of_kind))
    }

    /// Every command with the permission that it asks for, and whether it writes, in the order of help.
    pub fn permissions(self) -> impl Iterator<Item = (String, Access)> {
        let nouns =
            std::iter::once("").chain(self.kinds.resources().map(|d| d.noun)).chain(NOUNS.iter().map(|(n, _)| *n));
        nouns.flat_map(move |noun| {
            self.of_noun(noun).filter_map(move |found| {
                let command = format!("{noun} {}", found.verb_name());
                Some((command.trim_start().to_owned(), found.access()?))
            })
        })
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
            Found::Leaf(leaf) => {
                let c = (leaf.args)(with_examples(c, leaf.spec.examples));
                // The page of `role grant` is not that of `role-grant`.
                let name = format!("{}-{}", leaf.spec.noun, leaf.spec.verb);
                if self.kinds.by_noun(&name).is_some() { c.display_name(format!("orgctl-{name}-verb")) } else { c }
            }
            Found::Generic(g, desc) => (g.args)(with_examples(c, &(g.examples)(desc)), self.kinds, desc),
            Found::Move(t, desc) => {
                MoveFlags::add(with_examples(c, &examples::transition(desc, t)), self.kinds, desc, t)
            }
            Found::Link(linking, link) => {
                let lines = link::examples_of(*linking, *link);
                LinkFlags::add(with_examples(c, &lines), self.kinds, *linking, *link)
            }
            Found::Plain(plain) => with_examples(c, plain.examples),
        };
        let c = if verb.writes() { each_by_itself(c) } else { c };
        // What is said of a struct of flags is no help.
        let c = c.about(verb.about()).long_about(None);
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

/// `--keep-going` of verbs that change records.
#[derive(clap::Args)]
pub struct EachByItself {
    /// Change each by itself, and go on where one can't be changed
    #[arg(long)]
    pub keep_going: bool,
}

/// A verb that changes several records can do so one by one.
fn each_by_itself(c: Command) -> Command {
    let takes_many = |a: &Arg| a.get_id() == ASKED && a.get_num_args().is_some_and(|n| n.max_values() > 1);
    let is_of_many = c.get_arguments().any(takes_many);
    match is_of_many {
        true => EachByItself::augment_args(c),
        false => c,
    }
}

/// A key: asked for on a terminal, where it is missing.
const ASKED: &str = id!(Named, key);

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
            Found::Leaf(l) => l.spec.verb,
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
            Found::Leaf(l) => l.spec.about.to_owned(),
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
            Found::Leaf(l) => l.spec.writes,
            Found::Generic(g, _) => g.writes,
            Found::Move(..) | Found::Link(..) => true,
            Found::Plain(_) => false,
        }
    }

    /// Options of every command that it has no use for.
    pub fn unused(&self) -> Unused {
        match self {
            Found::Leaf(l) => l.unused,
            Found::Generic(g, _) => g.unused,
            Found::Plain(p) => p.unused,
            Found::Move(..) | Found::Link(..) => Unused::NONE,
        }
    }

    /// The permission that the gate asks for; none for what needs no database.
    pub fn access(&self) -> Option<Access> {
        match self {
            Found::Leaf(l) => Some(Access {
                permission: l.spec.permission.to_owned(),
                recorded: recorded(l.recorded, l.spec.permission.rsplit(':').next().unwrap_or_default()),
                writes: l.spec.writes,
            }),
            Found::Generic(g, d) => Some(Access {
                permission: format!("{}:{}", d.table, d.action(g.verb)),
                recorded: d
                    .recorded
                    .filter(|_| g.writes)
                    .map_or_else(|| recorded(g.recorded, g.verb.action()), Action::as_str),
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

/// The word under which what a verb does is recorded, and its refusal too: its own, or that of its permission.
fn recorded(own: Option<Action>, permission: &'static str) -> &'static str {
    let word = own.map_or(permission, Action::as_str);
    // What only looks: `verify`, `prove`, `whoami`.
    if ACTIONS.contains(&word) { word } else { "read" }
}
