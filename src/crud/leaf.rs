//! What a verb declares of itself beside what it does: who it is, and its flags as a struct.
//!
//! A verb of one noun is a [`Leaf`]: its flags are known when the program is compiled. A verb that kinds have in common is a
//! [`KindVerb`]: what it takes is put together of [`FlagGroup`]s, which a kind has where it has a use for them, and of a flag for each
//! field. What was given on a command line is read by [`Given`] alone.

use anyhow::Result;
use clap::{ArgMatches, Command};

use super::invocation::Invocation;
use crate::model::kinds::Kinds;
use crate::model::resource::verbs::Verb;
use crate::model::resource::{Descriptor, Field};
use crate::model::trail::audit::Action;

/// Who a verb is, and what the help says of it.
pub struct Spec {
    /// What it is a verb of; none for a verb that stands by itself.
    pub noun: &'static str,
    pub verb: &'static str,
    /// `users:block`, or [`OF_EVERYBODY`](super::context::OF_EVERYBODY).
    pub permission: &'static str,
    /// Whether it changes the database.
    pub writes: bool,
    pub about: &'static str,
    /// Lines that work on the demo.
    pub examples: &'static str,
}

/// Options of every command that a verb has no use for. Given to it on the command line they are refused, not passed over; a
/// variable or a file speaks to all commands at once.
#[derive(Clone, Copy)]
pub struct Unused {
    /// `--org`: it is about the installation, a file or nothing at all.
    pub org: bool,
    /// `--columns`: it prints none, or always the same.
    pub columns: bool,
    /// `-o csv`, `-o key`: it tells what it did, and has no rows or keys to give.
    pub rows: bool,
    /// `--dry-run`: it writes outside the database, and has no steps to tell.
    pub dry_run: bool,
}

impl Unused {
    /// It has a use for all of them.
    pub const NONE: Unused = Unused { org: false, columns: false, rows: false, dry_run: false };

    pub const fn org(self) -> Unused {
        Unused { org: true, ..self }
    }

    pub const fn columns(self) -> Unused {
        Unused { columns: true, ..self }
    }

    pub const fn rows(self) -> Unused {
        Unused { rows: true, ..self }
    }

    pub const fn dry_run(self) -> Unused {
        Unused { dry_run: true, ..self }
    }
}

/// The name by which clap knows the flag that is a field of a struct. One that the struct does not have does not compile.
macro_rules! id {
    ($flags:ty, $field:ident) => {{
        const _: fn(&$flags) = |flags| {
            let _ = &flags.$field;
        };
        stringify!($field)
    }};
}
pub(crate) use id;

/// A verb that one noun has: a struct of its flags, with what it does. The comment of a field is the help of its flag.
///
/// What a person is asked for on a terminal is an `Option` or a `Vec` that is `required`: there it may be missing.
pub trait Leaf: clap::Args {
    const SPEC: Spec;
    const UNUSED: Unused = Unused::NONE;
    /// The word under which it is recorded, where that is another than that of its permission.
    const RECORDED: Option<Action> = None;

    /// Does it.
    fn run(self, s: &mut Invocation<'_>) -> impl Future<Output = Result<()>>;
}

/// A verb that kinds have in common: what it takes, with what it does.
pub trait KindVerb: Flags {
    const VERB: Verb;
    /// Whether it changes the database.
    const WRITES: bool;
    const UNUSED: Unused = Unused::NONE;
    /// The word under which it is recorded, where that is another than that of its permission.
    const RECORDED: Option<Action> = None;

    fn about(desc: &Descriptor) -> String;

    /// Lines that work on the demo.
    fn examples(desc: &Descriptor) -> String;

    /// Does it.
    fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> impl Future<Output = Result<()>>;
}

/// A verb that takes or does something more where it is about one noun.
pub trait Besides: Flags {
    /// What it is of the other kinds.
    type Of: KindVerb;

    fn about(desc: &Descriptor) -> String {
        Self::Of::about(desc)
    }

    /// Lines that work on the demo.
    fn examples(desc: &Descriptor) -> String {
        Self::Of::examples(desc)
    }

    /// Does it.
    fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> impl Future<Output = Result<()>>;
}

impl<T: Besides> KindVerb for T {
    const VERB: Verb = T::Of::VERB;
    const WRITES: bool = T::Of::WRITES;
    const UNUSED: Unused = T::Of::UNUSED;
    const RECORDED: Option<Action> = T::Of::RECORDED;

    fn about(desc: &Descriptor) -> String {
        <T as Besides>::about(desc)
    }

    fn examples(desc: &Descriptor) -> String {
        <T as Besides>::examples(desc)
    }

    fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> impl Future<Output = Result<()>> {
        <T as Besides>::run(self, s, desc)
    }
}

/// What a verb takes where it is about a kind.
pub trait Flags: Sized {
    /// Adds it to the verb of a kind.
    fn add(c: Command, kinds: Kinds, desc: &'static Descriptor) -> Command;

    fn read(given: &Given<'_>) -> Result<Self>;
}

/// Flags that a kind has together or not at all.
pub trait FlagGroup: clap::Args + Default {
    /// Whether a kind has a use for them.
    fn is_of(_: Kinds, _: &Descriptor) -> bool {
        true
    }

    /// Says it in the words of the kind.
    fn in_words(c: Command, _: &Descriptor) -> Command {
        c
    }
}

impl<T: FlagGroup> Flags for T {
    fn add(c: Command, kinds: Kinds, desc: &'static Descriptor) -> Command {
        match T::is_of(kinds, desc) {
            true => T::in_words(T::augment_args(c), desc),
            false => c,
        }
    }

    fn read(given: &Given<'_>) -> Result<T> {
        match T::is_of(given.kinds, given.desc) {
            true => given.flags(),
            false => Ok(T::default()),
        }
    }
}

/// What a verb takes, put together: one after the other in the help.
macro_rules! flags {
    ($(#[$meta:meta])* pub struct $name:ident { $($field:ident: $ty:ty,)+ }) => {
        $(#[$meta])*
        pub struct $name {
            $(pub $field: $ty,)+
        }

        impl $crate::crud::leaf::Flags for $name {
            fn add(
                c: clap::Command,
                kinds: $crate::model::kinds::Kinds,
                desc: &'static $crate::model::resource::Descriptor,
            ) -> clap::Command {
                $(let c = <$ty as $crate::crud::leaf::Flags>::add(c, kinds, desc);)+
                c
            }

            fn read(given: &$crate::crud::leaf::Given<'_>) -> anyhow::Result<$name> {
                Ok($name { $($field: <$ty as $crate::crud::leaf::Flags>::read(given)?,)+ })
            }
        }
    };
}
pub(crate) use flags;

/// What a command line gave to a verb. Nothing else of this floor and of that above looks into it.
pub struct Given<'a> {
    matches: &'a ArgMatches,
    kinds: Kinds,
    desc: &'static Descriptor,
}

impl<'a> Given<'a> {
    /// To a verb about a kind.
    pub fn new(matches: &'a ArgMatches, kinds: Kinds, desc: &'static Descriptor) -> Given<'a> {
        Given { matches, kinds, desc }
    }

    /// The kinds that there are.
    pub fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// The kind that the verb is about.
    pub fn desc(&self) -> &'static Descriptor {
        self.desc
    }

    /// Flags that the verb has.
    pub fn flags<T: clap::Args>(&self) -> Result<T> {
        Ok(T::from_arg_matches(self.matches)?)
    }

    /// What was said of fields.
    pub fn texts(&self, fields: impl Iterator<Item = &'static Field>) -> FieldTexts {
        let text = |f: &'static Field| self.matches.try_get_one::<String>(f.name()).ok().flatten();
        FieldTexts(fields.filter_map(|f| Some((f.name(), text(f)?.clone()))).collect())
    }

    /// Whether a flag stands on the command line, and is not what holds without it.
    pub fn is_typed(&self, flag: &str) -> bool {
        self.matches.value_source(flag) == Some(clap::parser::ValueSource::CommandLine)
    }
}

/// What flags say of fields.
#[derive(Debug, Default)]
pub struct FieldTexts(Vec<(&'static str, String)>);

impl FieldTexts {
    /// What was said of a field, by its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| *given == name).map(|(_, text)| text.as_str())
    }
}
