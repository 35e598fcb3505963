//! The program: its kinds and its verbs, the tree of commands that is made of both, and how much of it a command line needs.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::error::ErrorKind as ClapErrorKind;
use clap::{Arg, ArgMatches, Args as _, Command};

use super::config;
use super::tree::{GENERIC, LEAVES, NOUNS, OTHERWISE, PLAIN};
use super::verb::{Generic, Leaf, Plain};
use crate::crud::context::Access;
use crate::crud::flags::{ASKED_GROUP, COMMAND, Named};
use crate::crud::leaf::{Unused, id};
use crate::crud::link::{self, ITEM, LinkFlags, Linking};
use crate::crud::transition::MoveFlags;
use crate::model::kinds::seeds::SEEDS;
use crate::model::kinds::{Kinds, OWN};
use crate::model::problem::nearest;
use crate::model::resource::states::Transition;
use crate::model::resource::verbs::Link;
use crate::model::resource::{Descriptor, examples};
use crate::model::trail::audit::{ACTIONS, Action};

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
                format!("Let {} {verb} other {}", link.item.1.indefinite(), link.other.1.plural())
            }
            Found::Link(linking, link) => {
                let between = if *linking == Linking::Assign { "to" } else { "from" };
                let (item, others) = (link.item.1.indefinite(), link.other.1.plural());
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
