//! The command line: from words to a leaf of the tree, through settings, to an exit code.

mod acting;
pub mod commands;
pub mod complete;
pub mod config;
pub mod demo;
mod interrupts;
mod mistyped;
pub mod operator;
mod plain;
pub mod program;
pub mod tree;
mod unused;
pub mod verb;
mod work;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::ArgMatches;
use clap::error::ErrorKind as ClapErrorKind;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::access::Subject;
use crate::crud::connection::Connection;
use crate::crud::context::{Access, Context, Env};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::Leaf as _;
use crate::crud::stored::{StoredCommand, Tape};
use crate::model::clock::Clock;
use crate::model::operator::Operator;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::random::{Ids, Random};
use crate::model::values::zone::Zone;
use crate::store::engine::location::{Location, Opening};
use crate::store::tx::Origin;
use crate::ui::format::{self, Format, is_for_programs};
use crate::ui::{Io, Style, Ui};
use crate::verbs::audit::export::ExportFlags;
use config::{AS, COLUMNS, Config, DATABASE, DRY_RUN, NO_INPUT, ORG, OUTPUT, QUIET, VERBOSE, YES};
use interrupts::{SecondSignal, until_signal};
use program::{Found, Program};
use work::Work;

/// Everything that a run depends on, handed in.
pub struct World<'a> {
    pub env: &'a Env,
    pub clock: &'a dyn Clock,
    pub random: &'a dyn Random,
    /// The account that the command runs in.
    pub operator: &'a Operator,
    /// The kinds of record that there are, and the verbs.
    pub program: Program,
    /// Who asks. Nothing that a user or the environment says makes it another one.
    pub subject: &'a Subject,
    /// Where commands are taken down, to be run another time.
    pub tape: Option<&'a Tape>,
}

/// Runs one command line; its exit code, and the streams back.
pub fn run(argv: Vec<OsString>, io: Io, world: &World<'_>) -> (u8, Io) {
    let words: Vec<String> = argv.iter().map(|w| w.to_string_lossy().into_owned()).collect();
    let mut ui = opened(io, &words, world);
    if let Some(shell) = complete::asked(world.env) {
        let done = complete::answer(shell, &argv, world).and_then(|text| ui.out(&text));
        return end(ui, done);
    }
    if let Some(word) = argv.iter().find(|w| w.to_str().is_none()) {
        let problem = Problem::usage(format!("'{}' is not UTF-8 text", word.to_string_lossy()));
        return end(ui, Err(problem.into()));
    }
    let matches = world.program.read(&argv, &words);
    let matches = match matches.or_else(|e| asked(world.program, &argv, &words, e, &ui.io())) {
        Ok(matches) => matches,
        // Help and the version are what was asked for.
        Err(e) if mistyped::is_help(&e) => {
            let done = ui.out(&e.render().to_string());
            return end(ui, done);
        }
        Err(e) => return end(ui, Err(mistyped::problem_of(&e, &words).into())),
    };
    let config = match settle(&mut ui, &matches, world) {
        Ok(config) => config,
        Err(problem) => return end(ui, Err(problem.into())),
    };
    let (noun, verb, leaf) = path(&matches);
    let called = format!("{noun} {verb}").trim_start().to_owned();
    let Some(found) = world.program.find(&noun, &verb) else {
        return end(ui, Err(anyhow::anyhow!("'{called}' leads nowhere")));
    };
    if found.unused().columns {
        (ui.style.columns, ui.style.has_columns) = (None, false);
    }
    if let Err(problem) = unused::check(world.program.kinds, &noun, &found, &config) {
        return end(ui, Err(problem.into()));
    }
    if ui.style.format.get() == Format::Ocsf
        && (noun.as_str(), verb.as_str()) != (ExportFlags::SPEC.noun, ExportFlags::SPEC.verb)
    {
        let problem = Problem::usage("ocsf is a format of the audit trail").hint("orgctl audit export -o ocsf");
        return end(ui, Err(problem.into()));
    }
    if let Found::Plain(plain) = found {
        return plain::run(ui, plain.does, &config, &words, world);
    }
    let Some(access) = found.access() else {
        return end(ui, Err(anyhow::anyhow!("'{called}' asks for nothing")));
    };
    with_session(ui, &config, world, words, access, Work::Leaf(&found, leaf), called)
}

/// Runs a command that was kept, under the rights of whoever runs it now.
pub fn run_stored(stored: &StoredCommand, io: Io, world: &World<'_>) -> (u8, Io) {
    let mut env = world.env.clone();
    env.extend(stored.zone.clone().map(|zone| ("TZ".to_owned(), zone)));
    let world = &World { env: &env, ..*world };
    let words: Vec<String> = ["orgctl"].into_iter().chain(stored.called.split(' ')).map(str::to_owned).collect();
    let mut ui = opened(io, &words, world);
    let matches = config::global_args(clap::Command::new("orgctl")).get_matches_from(["orgctl"]);
    let config = match settle(&mut ui, &matches, world) {
        Ok(config) => config,
        Err(problem) => return end(ui, Err(problem.into())),
    };
    let called = stored.called.clone();
    let (noun, verb) = called.rsplit_once(' ').unwrap_or(("", &called));
    let Some(access) = world.program.find(noun, verb).and_then(|found| found.access()) else {
        let problem = Problem::failed(format!("there is no command 'orgctl {called}'"));
        return end(ui, Err(problem.into()));
    };
    with_session(ui, &config, world, words, access, Work::Stored(stored), called)
}

/// The terminal, before the settings are known.
fn opened(io: Io, words: &[String], world: &World<'_>) -> Ui {
    let zone = Zone::from_variable(world.env.get("TZ").map(String::as_str));
    Ui::new(io, plain_style(words, world.env), world.clock.now(), zone)
}

/// Finds the settings, and speaks by them from now on.
fn settle(ui: &mut Ui, matches: &ArgMatches, world: &World<'_>) -> Result<Config, Problem> {
    let config = Config::resolve(world.env, matches)?;
    let style = style(&config, world.env, &ui.io())?;
    ui.style = style;
    Ok(config)
}

/// On a terminal, what is missing can be asked for; that the help calls it required stays true elsewhere.
fn asked(
    program: Program,
    argv: &[OsString],
    words: &[String],
    e: clap::Error,
    io: &Io,
) -> Result<ArgMatches, clap::Error> {
    let terminal = io.stdin_is_terminal && io.stderr_is_terminal;
    if e.kind() != ClapErrorKind::MissingRequiredArgument || !terminal {
        return Err(e);
    }
    program.interactive_command(words).try_get_matches_from(argv).map_err(|_| e)
}

fn with_session(
    ui: Ui,
    config: &Config,
    world: &World<'_>,
    words: Vec<String>,
    access: Access,
    work: Work<'_>,
    called: String,
) -> (u8, Io) {
    let master_key = match config.master_key(world.env) {
        Ok(source) => source,
        Err(problem) => return end(ui, Err(problem.into())),
    };
    let (location, opening, origin, runtime) = match prepared(&ui, config, world, words, &called) {
        Ok(prepared) => prepared,
        Err(e) => return end(ui, Err(e)),
    };
    let zone = origin.zone;
    let mut context = Context {
        ui,
        env: world.env,
        master_key,
        clock: world.clock,
        random: world.random,
        kinds: world.program.kinds,
        subject: world.subject,
        origin,
        access,
        verb: called,
        org_key: config.get(ORG).map(str::to_owned),
        dry_run: matches!(config.flag(DRY_RUN), Ok(true)),
        force: work.is_forced(),
        tape: world.tape,
    };
    let mut asker = Invocation::new(&context, Connection::new(location.clone(), opening.clone(), zone));
    let acting = runtime.block_on(acting::subject(&mut asker, config.get(AS)));
    let acting = match acting {
        Ok(acting) => acting,
        Err(e) => {
            let done = runtime.block_on(conclude(&mut asker, Err(e)));
            return end(context.ui, done);
        }
    };
    let open = asker.connection.take();
    if let Some(acting) = &acting {
        acting.note(&mut context.origin);
        context.subject = &acting.subject;
    }
    let mut s = Invocation::new(&context, Connection::new(location, opening, zone));
    if let Some(db) = open {
        s.connection.put(db);
    }
    s.connection.tell(gate::reader_of(context.subject, world.program.kinds, &context.access));
    let second = SecondSignal::new().ok();
    let done = runtime.block_on(async {
        let done = until_signal(&mut s, work, second.as_ref()).await;
        s.connection.go_home().await;
        conclude(&mut s, done).await
    });
    let done = done.and_then(|()| tell_programs(&s));
    // A thread may still be reading standard input; it ends with the process.
    runtime.shutdown_background();
    end(context.ui, done)
}

/// Puts down what is to be told of a command that has ended, in the trail and in the system log. Of a refusal that says where it
/// is recorded.
async fn conclude(s: &mut Invocation<'_>, done: Result<()>) -> Result<()> {
    let done = match done.map_err(|e| gate::in_words(s, e)) {
        Err(e) => match e.downcast::<Problem>() {
            Ok(mut problem) => {
                gate::record_refusal(s, &mut problem).await;
                s.log_problem(&problem);
                Err(problem.into())
            }
            Err(e) => Err(e),
        },
        done => done,
    };
    gate::write_log(s).await;
    s.connection.close().await;
    done
}

/// Where a command works and by whom, as the flags, the environment and the file say it.
fn prepared(
    ui: &Ui,
    config: &Config,
    world: &World<'_>,
    words: Vec<String>,
    called: &str,
) -> Result<(Location, Opening, Origin, Runtime)> {
    config.flag(DRY_RUN)?;
    let location = match config.get(DATABASE) {
        Some(database) => Location::parse(database)?,
        // Looked for when it is needed, which checking a file is not.
        None => Location::Sqlite(PathBuf::new()),
    };
    let opening = Opening {
        create: false,
        wait: config.wait()?,
        application: format!("orgctl {called}"),
        variables: postgres_variables(world.env),
        kinds: world.program.kinds,
        reader: None,
    };
    let request_id = match config.request_id()? {
        Some(id) => id,
        None => Ids::default().next(world.clock.now(), world.random),
    };
    let origin = operator::origin(world, &ui.io(), request_id, words);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok((location, opening, origin, runtime))
}

/// What a command that gives no data tells programs: what it was, and what people were told. No command leaves them with
/// nothing.
fn tell_programs(s: &Invocation<'_>) -> Result<()> {
    if s.context.ui.has_data.get()
        || !is_for_programs(&s.context.ui)
        || s.context.ui.style.format.get() == Format::Ndjson && is_list(s)
    {
        return Ok(());
    }
    let told = s.context.ui.take_messages();
    let report_of = json!({ "command": s.context.verb, "dry_run": s.context.dry_run, "told": told });
    format::report(&s.context.ui, &report_of)
}

/// Whether a command lists what there may be none of: no lines then say all.
fn is_list(s: &Invocation<'_>) -> bool {
    !s.access().writes && !s.context.dry_run && !s.context.verb.ends_with("export")
}

/// Says what went wrong and gives the exit code.
fn end(ui: Ui, done: Result<()>) -> (u8, Io) {
    let done = done.and_then(|()| ui.flush());
    let code = match done {
        Ok(()) => 0,
        Err(e) => {
            let problem = e.downcast_ref::<Problem>().cloned();
            let causes: Vec<String> = e.chain().skip(1).map(ToString::to_string).collect();
            let problem = problem.unwrap_or_else(|| {
                let problem = Problem::failed(e.to_string());
                if ui.style.verbose { problem } else { problem.hint("-v tells more") }
            });
            if problem.kind != ErrorKind::OutputClosed {
                ui.error(&problem, &causes);
            }
            problem.kind.exit_code()
        }
    };
    (code, ui.into_io())
}

/// Before the settings are known: enough to report an error in the format that was asked for.
fn plain_style(words: &[String], env: &Env) -> Style {
    let json = words
        .windows(2)
        .any(|w| matches!(w[0].as_str(), "-o" | "--output") && matches!(w[1].as_str(), "json" | "ndjson"))
        || words.iter().any(|w| matches!(w.as_str(), "-ojson" | "-ondjson" | "--output=json" | "--output=ndjson"))
        || env.get("ORGCTL_OUTPUT").is_some_and(|o| matches!(o.as_str(), "json" | "ndjson"));
    Style {
        format: Cell::new(if json { Format::Json } else { Format::Table }),
        format_given: json,
        format_typed: json,
        color: false,
        quiet: false,
        verbose: false,
        interactive: false,
        no_input: false,
        yes: false,
        columns: None,
        columns_typed: false,
        has_columns: true,
    }
}

fn style(config: &Config, env: &Env, io: &Io) -> Result<Style, Problem> {
    let format = config.format()?;
    let ci = env.get("CI").is_some_and(|v| !v.is_empty() && v != "false");
    let no_input = config.flag(NO_INPUT)?;
    Ok(Style {
        format: Cell::new(format.unwrap_or(if io.stdout_is_terminal { Format::Table } else { Format::Tsv })),
        format_given: format.is_some(),
        format_typed: config.is_typed(OUTPUT),
        color: config.color(env, io.stdout_is_terminal)?,
        quiet: config.flag(QUIET)?,
        verbose: config.flag(VERBOSE)?,
        interactive: io.stdin_is_terminal && io.stderr_is_terminal && !ci && !no_input,
        no_input,
        yes: config.flag(YES)?,
        columns: config.get(COLUMNS).map(|c| c.split(',').map(|n| n.trim().to_owned()).collect()),
        columns_typed: config.is_typed(COLUMNS),
        has_columns: true,
    })
}

/// The noun, which may have several words or none, the verb, and the arguments of the leaf.
fn path(matches: &ArgMatches) -> (String, String, &ArgMatches) {
    let (mut words, mut leaf) = (Vec::new(), matches);
    while let Some((word, below)) = leaf.subcommand() {
        words.push(word);
        leaf = below;
    }
    let verb = words.pop().unwrap_or_default().to_owned();
    (words.join(" "), verb, leaf)
}

/// What the environment tells PostgreSQL's clients.
fn postgres_variables(env: &Env) -> BTreeMap<String, String> {
    env.iter().filter(|(name, _)| name.starts_with("PG")).map(|(name, value)| (name.clone(), value.clone())).collect()
}
