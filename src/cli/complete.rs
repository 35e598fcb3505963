//! Completions that know the database: what a shell asks for while a word is being typed.
//!
//! `COMPLETE=bash orgctl` prints what a shell is to run; that calls `COMPLETE=bash orgctl -- WORDS` back for each Tab.
//! Then nothing is ever said but candidates, nothing is written, and nobody waits long: where something is wrong there
//! are no candidates.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::builder::StyledStr;
use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{EnvCompleter, Shells};

use super::World;
use super::config::{COLUMNS, Config, DATABASE, ORG, OptionName};
use super::program::{Found, Program};
use crate::access::Subject;
use crate::crud::context::Env;
use crate::crud::flags::Named;
use crate::crud::gate;
use crate::crud::import::{FileFlags, Rejects};
use crate::crud::leaf::id;
use crate::crud::link::ITEM;
use crate::crud::read::{Filter, Sort};
use crate::crud::remove::HandOver;
use crate::model::kinds::org::Org;
use crate::model::problem::Problem;
use crate::model::resource::key::BETWEEN;
use crate::model::resource::verbs::Verb;
use crate::model::resource::{Descriptor, Resource as _};
use crate::model::setting::SETTINGS;
use crate::model::values::scalar::{FieldKind, ParseContext};
use crate::model::values::unseen::is_format;
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::engine::location::{Location, Opening};
use crate::store::records::keys::{self, Among};
use crate::store::records::query::{Condition, Op, Query, column};
use crate::store::records::{self, Column, Deleted};
use crate::store::schema::migrate;
use crate::ui::text::visible;
use crate::verbs::{audit, branch, setting};

/// Names the shell; the same for every program that completes so.
const VARIABLE: &str = "COMPLETE";
/// More than this nobody reads.
const MOST: u64 = 100;
/// How long a Tab may take, with connecting.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a lock is waited for.
const LOCK: Duration = Duration::from_millis(100);

/// The shell that asks, if one does.
pub fn asked(env: &Env) -> Option<&str> {
    env.get(VARIABLE).map(String::as_str).filter(|shell| !matches!(*shell, "" | "0"))
}

/// Answers a shell: its script, or candidates for the word at hand.
pub fn answer(shell: &str, argv: &[OsString], world: &World<'_>) -> Result<String> {
    // `COMPLETE=$SHELL` will do.
    let name = Path::new(shell).file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(name) else {
        let known: Vec<&str> = shells.names().collect();
        return Err(Problem::usage(format!("COMPLETE names '{name}', which is no shell that orgctl completes for"))
            .hint(format!("one of {}; without COMPLETE, orgctl does its work", known.join(", ")))
            .into());
    };
    let here = std::env::current_dir().ok();
    let words: Vec<OsString> = argv.iter().skip_while(|w| *w != "--").skip(1).cloned().collect();
    if words.is_empty() {
        let called = argv.first().map_or(Path::new("orgctl"), Path::new);
        let program = match &here {
            // A shell may stand elsewhere by then.
            Some(here) if called.components().count() > 1 => here.join(called),
            _ => called.to_owned(),
        };
        return script(completer, &program.to_string_lossy());
    }
    Ok(candidates(completer, words, here.as_deref(), world).unwrap_or_default())
}

/// What a shell is to run once.
pub fn script(completer: &dyn EnvCompleter, program: &str) -> Result<String> {
    let mut text = Vec::new();
    completer.write_registration(VARIABLE, "orgctl", "orgctl", program, &mut text)?;
    let mut text = String::from_utf8(text)?.trim_start().to_owned();
    if completer.is("bash") {
        // bash hands over an empty word for the one that `--org=` ends with, and the `=` would be lost.
        let current = "words[COMP_CWORD]=\"$2\"";
        text = text.replace(current, &format!("[[ ${{words[COMP_CWORD]}} == [=:]* ]] || {current}"));
    }
    if completer.is("zsh") {
        // In a folder of $fpath the script is itself the function, which zsh calls for the first Tab.
        let register = "compdef _clap_dynamic_completer_orgctl orgctl";
        let both = format!(
            "if [[ $funcstack[1] == _orgctl ]]; then\n    _clap_dynamic_completer_orgctl \"$@\"\nelse\n    {register}\nfi"
        );
        text = text.replace(register, &both);
    }
    Ok(text)
}

/// `None` where anything is wrong.
fn candidates(
    shell: &dyn EnvCompleter,
    words: Vec<OsString>,
    here: Option<&Path>,
    world: &World<'_>,
) -> Option<String> {
    let env = world.env;
    let number = |name: &str| env.get(name).and_then(|n| n.parse::<usize>().ok());
    if !shell.is("bash") {
        let mut command = command(&Lookup::new(world, &words));
        let mut text = Vec::new();
        shell.write_complete(&mut command, words, here, &mut text).ok()?;
        return String::from_utf8(text).ok();
    }
    let at = number("_CLAP_COMPLETE_INDEX")?;
    let TypedWords { words, at, before } = TypedWords::new(words, at);
    let mut command = command(&Lookup::new(world, &words));
    let found = clap_complete::engine::complete(&mut command, words, at, here).ok()?;
    let ends = env.get("_CLAP_IFS").map_or("\n", String::as_str);
    let values = found.iter().map(|c| c.get_value().to_string_lossy().into_owned());
    let values: Vec<String> = values.filter_map(|v| v.strip_prefix(&before).map(str::to_owned)).collect();
    Some(values.join(ends))
}

/// The words as they were typed: bash takes `--org=ACME` and `sqlite://file` apart (COMP_WORDBREAKS).
struct TypedWords {
    words: Vec<OsString>,
    at: usize,
    /// What stands in the word before the part that bash has in hand.
    before: String,
}

impl TypedWords {
    fn new(parts: Vec<OsString>, at: usize) -> TypedWords {
        let mut joined = TypedWords { words: Vec::new(), at, before: String::new() };
        let mut open = false;
        for (i, part) in parts.into_iter().enumerate() {
            let breaks = part.to_str().is_some_and(|p| !p.is_empty() && p.chars().all(|c| matches!(c, '=' | ':')));
            let glued = (breaks || open) && joined.words.len() > 1;
            open = breaks && glued;
            match joined.words.last_mut().filter(|_| glued) {
                Some(word) => {
                    if i == at {
                        joined.before = word.to_string_lossy().into_owned();
                        // At the break itself, what is completed comes behind it.
                        if breaks {
                            joined.before.push_str(&part.to_string_lossy());
                        }
                    }
                    word.push(part);
                }
                None => joined.words.push(part),
            }
            if i == at {
                joined.at = joined.words.len() - 1;
            }
        }
        joined
    }
}

/// What candidates are looked up by.
struct Lookup {
    env: Env,
    program: Program,
    subject: Subject,
    words: Vec<String>,
}

impl Lookup {
    fn new(world: &World<'_>, words: &[OsString]) -> Arc<Lookup> {
        let words = words.iter().map(|w| w.to_string_lossy().into_owned()).collect();
        Arc::new(Lookup { env: world.env.clone(), program: world.program, subject: world.subject.clone(), words })
    }

    /// The value of a global flag among the words.
    fn flag(&self, name: OptionName) -> Option<String> {
        let long = format!("--{name}");
        let mut words = self.words.iter();
        let mut found = None;
        while let Some(word) = words.next() {
            if *word == long {
                found = words.next().cloned();
            } else if let Some(value) = word.strip_prefix(&long).and_then(|rest| rest.strip_prefix('=')) {
                found = Some(value.to_owned());
            }
        }
        found.filter(|v| !v.is_empty())
    }

    /// The settings, as a command of these words would find them.
    fn config(&self) -> Option<Config> {
        let mut line = vec!["orgctl".to_owned()];
        for name in [DATABASE, ORG] {
            line.extend(self.flag(name).map(|value| format!("--{name}={value}")));
        }
        line.extend(["config", "path"].map(str::to_owned));
        Config::resolve(&self.env, &self.program.command_for(&line).try_get_matches_from(&line).ok()?).ok()
    }

    /// The resource that the words are about.
    fn noun(&self) -> Option<&'static Descriptor> {
        let kinds = self.program.kinds;
        let noun =
            self.words.iter().skip(1).find(|w| kinds.resources().any(|d| d.noun == **w || d.alias == Some(w)))?;
        kinds.resources().find(|d| d.noun == noun || d.alias == Some(noun))
    }

    /// Keys that begin so, with names.
    fn keys(&self, desc: &'static Descriptor, life: Deleted, begun: &OsStr) -> Vec<CompletionCandidate> {
        let found = || -> Option<Vec<(String, String)>> {
            let begun = begun.to_str()?;
            let config = self.config()?;
            let location = Location::parse(config.get(DATABASE)?).ok()?;
            let org = config.get(ORG).filter(|_| !desc.is_org() && !desc.is_of_the_installation());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            let application = "orgctl completion".into();
            let variables = super::postgres_variables(&self.env);
            let kinds = self.program.kinds;
            let reader = gate::reader_of_all(&self.subject, kinds);
            let opening = Opening { create: false, wait: LOCK, application, variables, kinds, reader };
            let looking = look(&location, &opening, desc, org, life, begun);
            let looked = runtime.block_on(async { tokio::time::timeout(PATIENCE, looking).await });
            // What still waits for a server or a lock is left behind.
            runtime.shutdown_background();
            looked.ok()?.ok()
        };
        let mut found = found().unwrap_or_default();
        // A key that a shell would read as more than a word was not made by orgctl.
        found.retain(|(key, _)| key.chars().all(|c| (c.is_alphanumeric() || "-_./@+:".contains(c)) && !is_format(c)));
        found.sort();
        found.dedup_by(|a, b| a.0 == b.0);
        let candidate = |(key, name): (String, String)| {
            let help: String = visible(&name).chars().take(60).collect();
            CompletionCandidate::new(key).help((!help.is_empty()).then(|| StyledStr::from(help)))
        };
        found.into_iter().map(candidate).collect()
    }
}

/// One range of one index. The connection refuses to write.
async fn look(
    location: &Location,
    opening: &Opening,
    desc: &'static Descriptor,
    org: Option<&str>,
    life: Deleted,
    begun: &str,
) -> Result<Vec<(String, String)>> {
    let mut db = Db::open(location, opening).await?;
    records::read_only(&mut db).await?;
    migrate::require_readable(&mut db).await?;
    let context = ParseContext::default();
    let mut query = Query::new(desc, chrono::DateTime::UNIX_EPOCH);
    let all = std::mem::take(&mut query.columns);
    if let Some(org) = org {
        query.org = Some(records::org_number(&mut db, org, &context).await?);
    }
    query.life = life;
    query.limit = Some(MOST);
    let key = column(&all, desc.key_column())?.clone();
    // As the key is kept: a code in capitals.
    let parsed = desc.key_field().and_then(|f| f.parse(begun, &context).ok());
    let begun = parsed.map_or_else(|| begun.to_owned(), |v| v.to_text());
    if desc.key_field().is_none() {
        query.filter.extend(begun_group(&mut db, desc, query.org, begun.as_str()).await?);
    } else if !begun.is_empty() {
        query.filter = beginning_with(&key, &begun);
    }
    query.columns = vec![key];
    query.columns.extend(all.iter().find(|c| c.name == "name").cloned());
    let rows = query.page(&mut db).await?.rows;
    db.close().await;
    let found = rows.iter().map(|r| (r.value(0).to_text(), r.value(1).to_text()));
    let is_begun = |key: &str| desc.key_field().is_some() || key.to_lowercase().starts_with(&begun.to_lowercase());
    Ok(found.filter(|(key, _)| is_begun(key)).collect())
}

/// Keys of several parts begin with the first of them, or with the key of what that refers to: by those that are whole, else
/// by some that begin so, and never through all.
async fn begun_group(db: &mut Db, desc: &'static Descriptor, org: Option<i32>, begun: &str) -> Result<Vec<Condition>> {
    let Some(first) = desc.key().parts().next() else { return Ok(Vec::new()) };
    let Some(target) = first.target() else {
        let begun = begun.split(BETWEEN).next().filter(|b| !b.is_empty() && first.ty.kind == ValueType::Text);
        let kept =
            begun.map(|b| first.parse(b, &ParseContext::default()).map_or_else(|_| b.to_owned(), |v| v.to_text()));
        return Ok(kept.map_or_else(Vec::new, |begun| beginning_with(&records::of_row(desc, first), &begun)));
    };
    let context = ParseContext::default();
    let among = Among { org, life: Deleted::Exclude, now: false, context: &context };
    let pieces: Vec<&str> = begun.match_indices(BETWEEN).map(|(at, _)| &begun[..at]).take(PIECES).collect();
    let mut ids: Vec<Value> =
        keys::ids(db, target, among, &pieces).await?.into_values().flatten().map(Value::from).collect();
    if ids.is_empty() && !begun.is_empty() {
        let mut query = Query::new(target, chrono::DateTime::UNIX_EPOCH);
        let all = std::mem::take(&mut query.columns);
        query.org = org;
        query.limit = Some(MOST);
        if let Some(field) = target.key_field() {
            let begun = field.parse(begun, &context).map_or_else(|_| begun.to_owned(), |v| v.to_text());
            query.filter = beginning_with(column(&all, field.name())?, &begun);
        }
        query.columns = vec![column(&all, "id")?.clone()];
        ids = query.page(db).await?.rows.iter().map(|row| row.value(0).clone()).collect();
        ids.push(uuid::Uuid::nil().into());
    }
    let column = records::of_row(desc, first);
    Ok(if ids.is_empty() { Vec::new() } else { vec![Condition { column, op: Op::Is, values: ids }] })
}

/// The range of an index in which texts begin so.
fn beginning_with(column: &Column, begun: &str) -> Vec<Condition> {
    let bound = |op, text: String| Condition { column: column.clone(), op, values: vec![Value::Text(text)] };
    vec![bound(Op::AtLeast, begun.to_owned()), bound(Op::Less, format!("{begun}\u{10ffff}"))]
}

/// Pieces of a word that are looked up as the first part of a key.
const PIECES: usize = 3;

/// The tree, each argument with what can stand there.
fn command(lookup: &Arc<Lookup>) -> Command {
    let root = lookup.program.command_for(&lookup.words);
    let kinds = lookup.program.kinds;
    let mut root = root.mut_subcommands(|noun| {
        let desc = kinds.by_noun(noun.get_name());
        noun.mut_subcommands(|leaf| {
            let verb = leaf.get_name().to_owned();
            let found = desc.and_then(|d| lookup.program.find(d.noun, &verb));
            let verb = match &found {
                Some(Found::Generic(generic, _)) => Some(generic.verb),
                _ => None,
            };
            // A link stands at the noun of its item, and names others.
            let link = match found {
                Some(Found::Link(_, link)) => Some(link),
                _ => None,
            };
            leaf.mut_args(|arg| match (link, desc, arg.get_id().as_str()) {
                (Some(link), _, ITEM) => keys(arg, link.item.1, Deleted::Exclude, lookup),
                (Some(link), _, KEY) => keys(arg, link.other.1, Deleted::Exclude, lookup),
                (Some(link), ..) => of_resource(arg, link.desc, verb, lookup),
                (_, _, SETTING | PAIRS) => words(arg, SETTINGS.iter().map(|d| d.key).collect()),
                (_, Some(desc), _) => of_resource(arg, desc, verb, lookup),
                (_, None, RESOURCE) => words(arg, kinds.resources().map(|d| d.noun).collect()),
                _ => arg,
            })
        })
    });
    root = root.mut_arg(ORG.as_str(), |a| keys(a, Org::DESCRIPTOR, Deleted::Exclude, lookup));
    root.mut_arg(COLUMNS.as_str(), |a| fields(a, lookup, ""))
}

/// Arguments that stand for the same wherever they are found, by the flags that they are.
const KEY: &str = id!(Named, key);
const SETTING: &str = id!(setting::GetFlags, setting);
const PAIRS: &str = id!(setting::SetFlags, pairs);
const RESOURCE: &str = id!(audit::Filters, resource);
const TO: &str = id!(branch::Place, to);
const REASSIGN_TO: &str = id!(HandOver, reassign_to);
const FILE: &str = id!(FileFlags, file);
const REJECTS: &str = id!(Rejects, rejects);
const SORT: &str = id!(Sort, sort);
const FILTER: &str = id!(Filter, filter);
const KEY_FIELD: &str = id!(FileFlags, key_field);

fn of_resource(arg: Arg, desc: &'static Descriptor, verb: Option<Verb>, lookup: &Arc<Lookup>) -> Arg {
    let life = match verb {
        Some(Verb::Restore | Verb::Purge) => Deleted::Only,
        Some(Verb::History) => Deleted::Include,
        _ => Deleted::Exclude,
    };
    match arg.get_id().as_str() {
        KEY => {
            // An owner without a record has the defaults.
            let owner = desc.owner().filter(|_| matches!(verb, Some(Verb::Show | Verb::Update)));
            return keys(arg, owner.map_or(desc, |(_, kind)| kind), life, lookup);
        }
        TO | REASSIGN_TO => return keys(arg, desc, Deleted::Exclude, lookup),
        FILE | REJECTS => return arg.value_hint(ValueHint::FilePath),
        SORT => return fields(arg, lookup, "-"),
        FILTER => return filters(arg, lookup),
        KEY_FIELD => return words(arg, desc.key_fields().map(|f| f.name()).collect()),
        _ => {}
    }
    let Some(field) = desc.settable().find(|f| arg.get_id() == f.name()) else { return arg };
    match (field.ty.role, field.target()) {
        (_, Some(target)) => keys(arg, target, Deleted::Exclude, lookup),
        (FieldKind::Choice(choices), _) => words(arg, choices.to_vec()),
        _ if field.ty.kind == ValueType::Bool => words(arg, vec!["yes", "no"]),
        _ => arg,
    }
}

fn keys(arg: Arg, desc: &'static Descriptor, life: Deleted, lookup: &Arc<Lookup>) -> Arg {
    let lookup = Arc::clone(lookup);
    arg.add(ArgValueCompleter::new(move |begun: &OsStr| lookup.keys(desc, life, begun)))
}

fn beginning(candidates: impl IntoIterator<Item = String>, begun: &str) -> Vec<CompletionCandidate> {
    candidates.into_iter().filter(|c| c.starts_with(begun)).map(CompletionCandidate::new).collect()
}

fn words(arg: Arg, all: Vec<&'static str>) -> Arg {
    arg.add(ArgValueCompleter::new(move |begun: &OsStr| {
        beginning(all.iter().map(|w| (*w).to_owned()), &begun.to_string_lossy())
    }))
}

/// `a,b,c`: the last one is being typed, which may have `sign` in front.
fn fields(arg: Arg, lookup: &Arc<Lookup>, sign: &'static str) -> Arg {
    let lookup = Arc::clone(lookup);
    arg.add(ArgValueCompleter::new(move |begun: &OsStr| {
        let (Some(begun), Some(desc)) = (begun.to_str(), lookup.noun()) else { return Vec::new() };
        let (before, last) = begun.rsplit_once(',').map_or(("", begun), |(b, l)| (&begun[..=b.len()], l));
        let signed = if !sign.is_empty() && last.starts_with(sign) { sign } else { "" };
        beginning(records::columns(desc).into_iter().map(|c| format!("{before}{signed}{}", c.name)), begun)
    }))
}

/// `field=`, and the words of a closed set behind it.
fn filters(arg: Arg, lookup: &Arc<Lookup>) -> Arg {
    let lookup = Arc::clone(lookup);
    arg.add(ArgValueCompleter::new(move |begun: &OsStr| {
        let (Some(begun), Some(desc)) = (begun.to_str(), lookup.noun()) else { return Vec::new() };
        let mut columns = records::columns(desc);
        columns.extend(records::filter_columns(desc));
        let Some((name, _)) = begun.split_once('=') else {
            return beginning(columns.into_iter().map(|c| format!("{}=", c.name)), begun);
        };
        let choices = column(&columns, name).ok().and_then(|c| c.choices()).unwrap_or_default();
        beginning(choices.iter().map(|c| format!("{name}={c}")), begun)
    }))
}
