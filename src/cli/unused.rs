//! Options that hold for every command, given to one that has no use for them: refused, not passed over.
//!
//! Only what stands on the command line: a variable or a file speaks to all commands at once. Which they are, the verb says
//! itself ([`crate::crud::leaf::Unused`]).

use super::config::{COLUMNS, Config, DRY_RUN, ORG, OUTPUT, OptionName};
use super::program::Found;
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::verbs::Verb;

/// Refuses an option that the command would pass over.
pub fn check(kinds: Kinds, noun: &str, found: &Found, config: &Config) -> Result<(), Problem> {
    let (unused, kind) = (found.unused(), kinds.by_noun(noun));
    // Of organisations, there are verbs for which it names one: whose trail, and which one goes.
    let names_one = matches!(found, Found::Generic(g, _) if matches!(g.verb, Verb::History | Verb::Purge));
    let of_orgs = kind.is_some_and(|d| d.is_org()) && !names_one;
    let command = format!("{noun} {}", found.verb_name());
    let refuse = |option: OptionName, why: &str| {
        let sentence = format!("'{}' has no use for --{option}: {why}", command.trim());
        Err(Problem::usage(sentence).hint(format!("leave --{option} out")))
    };
    if config.is_typed(ORG) && kind.is_some_and(|d| d.is_of_the_installation()) {
        return refuse(ORG, "its records belong to the installation");
    }
    if config.is_typed(ORG) && (of_orgs || unused.org) {
        return refuse(ORG, "it is about no organisation's records");
    }
    if config.is_typed(COLUMNS) && unused.columns {
        return refuse(COLUMNS, "it prints no columns to choose from");
    }
    let format = config.get(OUTPUT).filter(|_| config.is_typed(OUTPUT));
    if let Some(format) = format.filter(|f| matches!(*f, "csv" | "tsv" | "key"))
        && unused.rows
    {
        let sentence = format!("'{}' gives no rows: there is nothing that -o {format} could print", command.trim());
        return Err(Problem::usage(sentence).hint("-o json tells a program what was done"));
    }
    if config.is_typed(DRY_RUN) && unused.dry_run {
        return refuse(DRY_RUN, "what it does is not undone");
    }
    Ok(())
}
