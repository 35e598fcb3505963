//! A verb as the command tree has it: what is said of it, what it takes, and what it does.

use std::pin::Pin;

use anyhow::Result;
use clap::{ArgMatches, Command};

use crate::crud::invocation::Invocation;
use crate::crud::leaf::{self, Given, KindVerb, Spec, Unused};
use crate::model::kinds::Kinds;
use crate::model::resource::Descriptor;
use crate::model::resource::verbs::Verb;
use crate::model::trail::audit::Action;

pub type Done<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// What a leaf does.
pub type Run = for<'a> fn(&'a mut Invocation<'_>, &'a ArgMatches) -> Done<'a>;
/// What a verb of every resource does.
pub type RunOn = for<'a> fn(&'a mut Invocation<'_>, &'static Descriptor, &'a ArgMatches) -> Done<'a>;

/// A verb that one noun has.
pub struct Leaf {
    pub spec: Spec,
    pub(super) unused: Unused,
    pub(super) recorded: Option<Action>,
    pub(super) args: fn(Command) -> Command,
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
    pub(super) unused: Unused,
    pub(super) recorded: Option<Action>,
    pub(super) about: fn(&Descriptor) -> String,
    pub(super) examples: fn(&Descriptor) -> String,
    pub(super) args: fn(Command, Kinds, &'static Descriptor) -> Command,
    pub run: RunOn,
}

/// The verb of kinds that its flags declare.
pub(super) const fn generic<T: KindVerb>() -> Generic {
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
    pub(super) unused: Unused,
}
