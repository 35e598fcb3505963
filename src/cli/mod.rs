//! The command line: from words to a leaf of the tree, through settings, to an exit code.

mod acting;
pub mod commands;
pub mod complete;
pub mod config;
pub mod demo;
pub mod operator;
pub mod tree;
mod unused;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind as ClapErrorKind};
use clap::{ArgMatches, FromArgMatches as _};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::access::Subject;
use crate::crud::connection::Connection;
use crate::crud::context::{Access, Context, Env};
use crate::crud::flags::Named;
use crate::crud::leaf::Given;
use crate::crud::link::{LinkFlags, Linking};
use crate::crud::replay::run_again;
use crate::crud::session::Session;
use crate::crud::stored::{StoredCommand, Tape};
use crate::crud::transition::MoveFlags;
use crate::crud::{gate, keys, link, transition};
use crate::model::clock::Clock;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::random::{Ids, Random};
use crate::model::redact::secrets;
use crate::model::signals;
use crate::model::values::scalar::truncate;
use crate::model::values::value::ValueType;
use crate::model::values::zone::Zone;
use crate::store::engine::location::{Location, Opening};
use crate::store::records::Deleted;
use crate::store::tx::Origin;
use crate::ui::format::{self, Format, Listing, OutputColumn, is_for_programs};
use crate::ui::{DataStream, Io, Style, Ui, error_of};
use commands::COMMANDS;
use config::Config;
use tree::{Found, Program};

/// Everything that a run depends on, handed in.
pub struct World<'a> {
    pub env: &'a Env,
    pub clock: &'a dyn Clock,
    pub random: &'a dyn Random,
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
    let zone = Zone::from_variable(world.env.get("TZ").map(String::as_str));
    let mut ui = Ui::new(io, plain_style(&words, world.env), world.clock.now(), zone);
    if let Some(shell) = complete::asked(world.env) {
        let done = complete::answer(shell, &argv, world).and_then(|text| ui.out(&text));
        return end(ui, done);
    }
    if let Some(word) = argv.iter().find(|w| w.to_str().is_none()) {
        let problem = Problem::usage(format!("'{}' is not UTF-8 text", word.to_string_lossy()));
        return end(ui, Err(problem.into()));
    }
    let matches = match world.program.read(&argv, &words) {
        Ok(matches) => matches,
        Err(e) => {
            let asked = asked(world.program, &argv, &words, &e, &ui.io());
            match asked {
                Some(matches) => matches,
                None => return parse_failed(ui, &e, &words),
            }
        }
    };
    let config = match Config::resolve(world.env, &matches) {
        Ok(config) => config,
        Err(problem) => return end(ui, Err(problem.into())),
    };
    let style = style(&config, world.env, &ui.io());
    match style {
        Ok(style) => ui.style = style,
        Err(problem) => return end(ui, Err(problem.into())),
    }
    let (noun, verb, leaf) = path(&matches);
    // What holds is shown whole, whatever columns the environment asks for.
    if !unused::takes_columns(world.program.kinds, &noun, &verb) || (noun == "config" && !ui.style.columns_typed) {
        (ui.style.columns, ui.style.has_columns) = (None, false);
    }
    if let Err(problem) = unused::check(world.program.kinds, &noun, &verb, leaf) {
        return end(ui, Err(problem.into()));
    }
    match (noun.as_str(), verb.as_str()) {
        ("", "demo") if ui.style.format_given && ui.style.format.get() != Format::Table => {
            let problem =
                Problem::usage(format!("the demo is for people to read, not {}", ui.style.format.get().as_str()))
                    .hint("leave out the format: orgctl demo");
            return end(ui, Err(problem.into()));
        }
        ("", "demo") => return demo::run_demo(ui, &words, world),
        ("", "permissions") => {
            let done = permissions(&ui, world.program);
            return end(ui, done);
        }
        ("config", "show") => {
            let done = config_show(&ui, &config);
            return end(ui, done);
        }
        ("config", _) => {
            let path = config.path.as_ref().map_or_else(String::new, |p| p.display().to_string());
            let done = match is_for_programs(&ui) {
                true => format::report(&ui, &json!({ "path": path })),
                false => ui.out(&format!("{path}\n")).and_then(|()| ui.flush()),
            };
            return end(ui, done);
        }
        _ => {}
    }
    if ui.style.format.get() == Format::Ocsf && (noun.as_str(), verb.as_str()) != ("audit", "export") {
        let problem = Problem::usage("ocsf is a format of the audit trail").hint("orgctl audit export -o ocsf");
        return end(ui, Err(problem.into()));
    }
    let found = world.program.find(&noun, &verb);
    let Some((found, access)) = found.and_then(|found| Some((found, found.access()?))) else {
        return end(ui, Err(anyhow::anyhow!("'{noun} {verb}' leads nowhere")));
    };
    with_session(ui, &config, world, words, access, Work::Leaf(&found, leaf), format!("orgctl {noun} {verb}"))
}

/// Runs a command that was kept, under the rights of whoever runs it now.
pub fn run_stored(stored: &StoredCommand, io: Io, world: &World<'_>) -> (u8, Io) {
    let mut env = world.env.clone();
    env.extend(stored.zone.clone().map(|zone| ("TZ".to_owned(), zone)));
    let world = &World { env: &env, ..*world };
    let words: Vec<String> = ["orgctl"].into_iter().chain(stored.called.split(' ')).map(str::to_owned).collect();
    let zone = Zone::from_variable(world.env.get("TZ").map(String::as_str));
    let mut ui = Ui::new(io, plain_style(&words, world.env), world.clock.now(), zone);
    let matches = config::global_args(clap::Command::new("orgctl")).get_matches_from(["orgctl"]);
    let resolved =
        Config::resolve(world.env, &matches).and_then(|config| Ok((style(&config, world.env, &ui.io())?, config)));
    let config = match resolved {
        Ok((style, config)) => {
            ui.style = style;
            config
        }
        Err(problem) => return end(ui, Err(problem.into())),
    };
    let (noun, verb) = stored.called.rsplit_once(' ').unwrap_or(("", &stored.called));
    let Some(access) = world.program.find(noun, verb).and_then(|found| found.access()) else {
        let problem = Problem::failed(format!("there is no command 'orgctl {}'", stored.called));
        return end(ui, Err(problem.into()));
    };
    with_session(ui, &config, world, words, access, Work::Stored(stored), format!("orgctl {}", stored.called))
}

/// What a session is for.
#[derive(Clone, Copy)]
enum Work<'a> {
    Leaf(&'a Found, &'a ArgMatches),
    Stored(&'a StoredCommand),
}

impl Work<'_> {
    fn is_forced(&self) -> bool {
        match self {
            Work::Leaf(_, leaf) => OfAnyVerb::of(leaf).force,
            Work::Stored(stored) => stored.force,
        }
    }
}

/// On a terminal, what is missing can be asked for; that the help calls it required stays true elsewhere.
fn asked(program: Program, argv: &[OsString], words: &[String], e: &clap::Error, io: &Io) -> Option<ArgMatches> {
    let terminal = io.stdin_is_terminal && io.stderr_is_terminal;
    if e.kind() != ClapErrorKind::MissingRequiredArgument || !terminal {
        return None;
    }
    program.interactive_command(words).try_get_matches_from(argv).ok()
}

fn with_session(
    ui: Ui,
    config: &Config,
    world: &World<'_>,
    words: Vec<String>,
    access: Access,
    work: Work<'_>,
    application: String,
) -> (u8, Io) {
    let (location, mut opening, origin, runtime) = match prepared(&ui, config, world, words, &application) {
        Ok(prepared) => prepared,
        Err(e) => return end(ui, Err(e)),
    };
    let zone = origin.zone;
    let mut context = Context {
        ui,
        env: world.env,
        clock: world.clock,
        random: world.random,
        kinds: world.program.kinds,
        subject: world.subject,
        origin,
        access,
        verb: application.trim_start_matches("orgctl").trim().to_owned(),
        org_key: config.get("org").map(str::to_owned),
        dry_run: matches!(config.flag("dry-run"), Ok(true)),
        force: work.is_forced(),
        tape: world.tape,
    };
    let mut asker = Session::new(&context, Connection::new(location.clone(), opening.clone(), zone));
    let acting = runtime.block_on(acting::subject(&mut asker, config.get("as")));
    let acting = match acting {
        Ok(acting) => acting,
        Err(e) => {
            let done = runtime.block_on(conclude(&mut asker, Err(e)));
            return end(context.ui, done);
        }
    };
    if let Some(acting) = &acting {
        acting.note(&mut context.origin);
        context.subject = &acting.subject;
    }
    opening.reader = gate::reader_of(context.subject, world.program.kinds, &context.access);
    let mut session = Session::new(&context, Connection::new(location, opening, zone));
    let second = SecondSignal::new().ok();
    let done = runtime.block_on(async {
        let done = until_signal(&mut session, work, second.as_ref()).await;
        session.connection.go_home().await;
        conclude(&mut session, done).await
    });
    let done = done.and_then(|()| tell_programs(&session));
    // A thread may still be reading standard input; it ends with the process.
    runtime.shutdown_background();
    end(context.ui, done)
}

/// Puts down what is to be told of a command that has ended, in the trail and in the system log. Of a refusal that says where it
/// is recorded.
async fn conclude(session: &mut Session<'_>, done: Result<()>) -> Result<()> {
    let done = match done.map_err(|e| gate::in_words(session, e)) {
        Err(e) => match e.downcast::<Problem>() {
            Ok(mut problem) => {
                gate::record_refusal(session, &mut problem).await;
                session.log_problem(&problem);
                Err(problem.into())
            }
            Err(e) => Err(e),
        },
        done => done,
    };
    gate::write_log(session).await;
    session.connection.close().await;
    done
}

/// Where a command works and by whom, as the flags, the environment and the file say it.
fn prepared(
    ui: &Ui,
    config: &Config,
    world: &World<'_>,
    words: Vec<String>,
    application: &str,
) -> Result<(Location, Opening, Origin, Runtime)> {
    config.flag("dry-run")?;
    let location = match config.get("database") {
        Some(database) => Location::parse(database)?,
        // Looked for when it is needed, which checking a file is not.
        None => Location::Sqlite(PathBuf::new()),
    };
    let opening = Opening {
        create: false,
        wait: config.wait()?,
        application: application.trim().to_owned(),
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
fn tell_programs(session: &Session<'_>) -> Result<()> {
    if session.context.ui.has_data.get()
        || !is_for_programs(&session.context.ui)
        || session.context.ui.style.format.get() == Format::Ndjson && is_list(session)
    {
        return Ok(());
    }
    let told = session.context.ui.take_messages();
    let report_of = json!({ "command": session.context.verb, "dry_run": session.context.dry_run, "told": told });
    format::report(&session.context.ui, &report_of)
}

/// Whether a command lists what there may be none of: no lines then say all.
fn is_list(session: &Session<'_>) -> bool {
    !session.access().writes && !session.context.dry_run && !session.context.verb.ends_with("export")
}

/// While this lives, a second signal ends the process at once, as if nobody listened: the first may be waiting for a
/// pipe that nobody reads. The database undoes what was not committed.
struct SecondSignal {
    ids: Vec<signal_hook::SigId>,
    seen: Arc<AtomicBool>,
}

impl SecondSignal {
    fn new() -> Result<SecondSignal> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use signal_hook::flag;
        let seen = signals::signalled();
        seen.store(false, Ordering::SeqCst);
        let mut ids = Vec::new();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal arms, the second finds it armed.
            ids.push(flag::register_conditional_default(signal, Arc::clone(&seen))?);
            ids.push(flag::register(signal, Arc::clone(&seen))?);
        }
        Ok(SecondSignal { ids, seen })
    }

    fn has_come(&self) -> bool {
        self.seen.load(Ordering::SeqCst)
    }

    /// Takes the first signal for none.
    fn disarm(&self) {
        self.seen.store(false, Ordering::SeqCst);
    }
}

impl Drop for SecondSignal {
    fn drop(&mut self) {
        for id in &self.ids {
            signal_hook::low_level::unregister(*id);
        }
    }
}

/// How long an editor may take to give the terminal back.
const EDITOR_ENDS: Duration = Duration::from_secs(2);

/// Runs the leaf until it ends or a signal comes. A commit under way is waited for, so that the exit code tells the
/// truth about it.
async fn until_signal(session: &mut Session<'_>, work: Work<'_>, second: Option<&SecondSignal>) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut int, mut term, mut hup) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let committing: Rc<Cell<bool>> = Rc::clone(&session.outcome.committing);
    let editing = Rc::clone(&session.context.ui.editing);
    gate::may_begin(session)?;
    let dealt_with = Rc::clone(&session.outcome.dealt_with);
    let mut work = match work {
        Work::Leaf(Found::Plain(_), _) => return Ok(()),
        Work::Leaf(found, leaf) if OfAnyVerb::of(leaf).each => Box::pin(each(session, found, leaf)),
        Work::Leaf(found, leaf) => start(session, found, leaf),
        Work::Stored(stored) => Box::pin(run_again(session, COMMANDS, stored)),
    };
    let mut has_ended = false;
    let kind = loop {
        tokio::select! {
            biased;
            // The terminal sends it to the editor too, which knows what to do with it.
            _ = int.recv() => if editing.runs() { second.inspect(|s| s.disarm()); } else { break ErrorKind::Interrupted },
            _ = term.recv() => break ErrorKind::Terminated,
            _ = hup.recv() => break ErrorKind::Terminated,
            done = &mut work, if !has_ended => {
                // It gave up waiting for a file, and the signal is only now on its way to here.
                if done.is_err() && !committing.get() && second.is_some_and(SecondSignal::has_come) {
                    has_ended = true;
                    continue;
                }
                return done;
            }
        }
    };
    // Under way, or done with a word yet to be said about it.
    if committing.get() && !has_ended {
        return work.await;
    }
    if editing.runs() && !has_ended {
        editing.stop();
        // One that takes longer is killed.
        let _ = tokio::time::timeout(EDITOR_ENDS, &mut work).await;
    }
    drop(work);
    session.context.ui.restore_terminal();
    let done = match dealt_with.get() {
        0 => "interrupted; nothing was changed".to_owned(),
        n => format!("interrupted after {n} were dealt with"),
    };
    Err(Problem::new(kind, done).into())
}

/// What the program itself takes of the flags of a verb, whichever it is.
struct OfAnyVerb {
    force: bool,
    /// The keys that it names are dealt with one by one.
    each: bool,
}

impl OfAnyVerb {
    fn of(leaf: &ArgMatches) -> OfAnyVerb {
        // An id that a leaf does not have is an error in a debug build, and not given in a release build.
        let is_on = |flag: &str| leaf.try_get_one::<bool>(flag).ok().flatten() == Some(&true);
        let has_keys = leaf.try_contains_id("key").unwrap_or(false);
        OfAnyVerb { force: is_on("force"), each: has_keys && is_on("keep_going") }
    }
}

fn start<'a>(session: &'a mut Session<'_>, found: &Found, leaf: &'a ArgMatches) -> tree::Done<'a> {
    match *found {
        Found::Leaf(l) => (l.run)(session, leaf),
        Found::Generic(g, desc) => (g.run)(session, desc, leaf),
        Found::Move(t, desc) => Box::pin(async move {
            let flags = MoveFlags::read(&Given::new(leaf, session.kinds(), desc), t)?;
            transition::run(session, desc, t, flags).await
        }),
        Found::Link(linking, link) => Box::pin(async move {
            let flags = LinkFlags::read(&Given::new(leaf, session.kinds(), link.desc), linking, link)?;
            match linking {
                Linking::Assign => link::assign(session, link, &flags).await,
                Linking::Unassign => link::unassign(session, link, &flags).await,
            }
        }),
        Found::Plain(_) => Box::pin(async { Ok(()) }),
    }
}

/// Runs a leaf for each key by itself: what can't be done for one does not keep the others from being done.
async fn each(session: &mut Session<'_>, found: &Found, leaf: &ArgMatches) -> Result<()> {
    let desc = match found {
        Found::Generic(_, desc) | Found::Move(_, desc) => desc,
        Found::Link(_, link) => link.other.1,
        Found::Leaf(l) => {
            session.kinds().by_noun(l.spec.noun).ok_or_else(|| anyhow::anyhow!("a verb of no resource"))?
        }
        Found::Plain(_) => return Ok(()),
    };
    let keys = keys::keys(session, desc, Deleted::Exclude, &Named::from_arg_matches(leaf)?.key).await?;
    let (mut done, mut failed) = (0_u64, 0_u64);
    let format = session.context.ui.style.format.get();
    let is_told = is_for_programs(&session.context.ui);
    let (mut results, mut refused) = (Vec::new(), Vec::new());
    for key in keys {
        session.outcome.targets.clear();
        session.outcome.only_key = Some(key.clone());
        // One document for all keys, so what is given for each is taken up first.
        let given = if is_told { Some(CapturedOutput::begin(&session.context.ui)) } else { None };
        let tried = start(session, found, leaf).await;
        let given = given.map_or_else(Vec::new, |given| given.end(&session.context.ui, format));
        results.extend(given);
        // What comes after a commit is about the next key.
        session.outcome.committing.set(false);
        match tried {
            Ok(()) => done += 1,
            Err(e) => {
                let problem = gate::in_words(session, e).downcast::<Problem>()?;
                failed += 1;
                if gate::is_recorded(session, problem.kind) {
                    refused.append(&mut session.outcome.targets);
                }
                results.push(json!({ "key": key, "error": error_of(&problem) }));
                session.context.ui.status(&format!("failed {}: {}", truncate(&key), problem.sentence));
            }
        }
        session.outcome.dealt_with.set(done + failed);
    }
    session.context.ui.status(&format!("done {done}, failed {failed}"));
    if is_told && !results.is_empty() {
        match format {
            Format::Ndjson => results.iter().try_for_each(|result| format::report(&session.context.ui, result))?,
            _ => format::report(&session.context.ui, &results.into())?,
        }
    }
    if let Some(first) = refused.first() {
        session.outcome.about = first.org;
        session.outcome.refused =
            [("done", done), ("failed", failed)].map(|(k, n)| (k.into(), n.into())).into_iter().collect();
    }
    session.outcome.targets = refused;
    match failed {
        0 => Ok(()),
        _ => Err(Problem::new(ErrorKind::Partial, format!("{failed} of {} could not be done", done + failed)).into()),
    }
}

/// Data taken up, as lines of JSON.
struct CapturedOutput {
    lines: Rc<RefCell<Vec<u8>>>,
    stdout: DataStream,
}

impl CapturedOutput {
    fn begin(ui: &Ui) -> CapturedOutput {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let to = Box::new(CaptureBuffer(Rc::clone(&lines)));
        let stdout = ui.redirect(DataStream { to, is_terminal: ui.stdout_is_terminal() });
        ui.style.format.set(Format::Ndjson);
        CapturedOutput { lines, stdout }
    }

    fn end(self, ui: &Ui, format: Format) -> Vec<serde_json::Value> {
        ui.redirect(self.stdout);
        ui.style.format.set(format);
        ui.has_data.set(false);
        let lines = self.lines.borrow();
        lines.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

struct CaptureBuffer(Rc<RefCell<Vec<u8>>>);

impl io::Write for CaptureBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    let no_input = config.flag("no-input")?;
    Ok(Style {
        format: Cell::new(format.unwrap_or(if io.stdout_is_terminal { Format::Table } else { Format::Tsv })),
        format_given: format.is_some(),
        format_typed: config.is_typed("output"),
        color: config.color(env, io.stdout_is_terminal)?,
        quiet: config.flag("quiet")?,
        verbose: config.flag("verbose")?,
        interactive: io.stdin_is_terminal && io.stderr_is_terminal && !ci && !no_input,
        no_input,
        yes: config.flag("yes")?,
        columns: config.get("columns").map(|c| c.split(',').map(|n| n.trim().to_owned()).collect()),
        columns_typed: config.is_typed("columns"),
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

/// Help and version go to standard output; a mistake becomes one sentence and a hint.
fn parse_failed(ui: Ui, e: &clap::Error, words: &[String]) -> (u8, Io) {
    match e.kind() {
        ClapErrorKind::DisplayHelp
        | ClapErrorKind::DisplayVersion
        | ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let done = ui.out(&e.render().to_string());
            return end(ui, done);
        }
        _ => {}
    }
    let text = e.render().to_string();
    let mut lines = text.lines();
    let mut sentence = lines.next().unwrap_or_default().trim_start_matches("error: ").trim_end_matches(':').to_owned();
    let listed: Vec<&str> = text.lines().skip(1).take_while(|l| !l.trim().is_empty()).map(str::trim).collect();
    match e.kind() {
        ClapErrorKind::MissingRequiredArgument => sentence = format!("missing: {}", listed.join(", ")),
        // Of several each stands on a line of its own.
        ClapErrorKind::ArgumentConflict if !listed.is_empty() => sentence = format!("{sentence} {}", listed.join(", ")),
        _ => {}
    }
    if let (ClapErrorKind::UnknownArgument, Some(ContextValue::String(word))) =
        (e.kind(), e.get(ContextKind::InvalidArg))
        && may_be_password(word, words)
    {
        let flag = if word.starts_with('-') { format!(" '{word}'") } else { String::new() };
        let problem = Problem::usage(format!("unexpected argument{flag} found"));
        let hint = "a password is never an argument: 'orgctl user passwd KEY' asks for it, --password-stdin reads it";
        return end(ui, Err(problem.hint(hint).into()));
    }
    // What a switch was given may be the secret that it would read elsewhere.
    if let (ClapErrorKind::TooManyValues, Some(ContextValue::String(flag))) = (e.kind(), e.get(ContextKind::InvalidArg))
    {
        let flag = flag.split('=').next().unwrap_or_default();
        sentence = format!("'{flag}' takes no value");
    }
    let mut problem = Problem::usage(sentence);
    if let (ClapErrorKind::InvalidValue, Some(ContextValue::Strings(words))) =
        (e.kind(), e.get(ContextKind::ValidValue))
        && !words.is_empty()
    {
        problem = problem.hint(format!("one of: {}", words.join(", ")));
    }
    let mut tips: Vec<String> =
        text.lines().filter_map(|l| l.trim().strip_prefix("tip: ")).map(str::to_owned).collect();
    // A value that begins with a hyphen looks like a flag; clap's own tip makes it a key.
    if let (ClapErrorKind::UnknownArgument, Some(ContextValue::String(word))) =
        (e.kind(), e.get(ContextKind::InvalidArg))
        && word.starts_with('-')
        && !word.starts_with("--")
    {
        tips = vec![format!("where it is the value of a flag, write --FLAG={word}")];
    }
    if tips.is_empty() && e.get(ContextKind::SuggestedSubcommand).is_none() {
        let wrong = match (e.kind(), e.get(ContextKind::InvalidSubcommand)) {
            (ClapErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) => Some(word.as_str()),
            _ => None,
        };
        let words = words.iter().skip(1).map(String::as_str);
        let verb: Vec<&str> = words.take_while(|w| !w.starts_with('-') && Some(*w) != wrong).take(2).collect();
        tips.push(format!("see 'orgctl {}'", [verb.as_slice(), &["--help"]].concat().join(" ")));
    }
    for tip in tips {
        problem = problem.hint(tip);
    }
    end(ui, Err(problem.into()))
}

/// Whether a word that is too much may be a password, or the flag for one: then it is not repeated.
fn may_be_password(word: &str, words: &[String]) -> bool {
    match word.strip_prefix("--") {
        Some(flag) => ["pass", "pwd", "secret"].iter().any(|part| flag.contains(part)),
        None => !word.starts_with('-') && words.iter().any(|w| w == "passwd" || w == "user"),
    }
}

/// What the environment tells PostgreSQL's clients.
fn postgres_variables(env: &Env) -> BTreeMap<String, String> {
    env.iter().filter(|(name, _)| name.starts_with("PG")).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What is no address of a database, as far as that can be shown.
fn malformed(text: &str) -> String {
    let shown = secrets(text);
    // An @ is where a password ends, and it was not clear where it began.
    if shown == text && text.contains('@') { "***".to_owned() } else { shown }
}

/// Which permission each command asks for.
fn permissions(ui: &Ui, program: Program) -> Result<()> {
    let texts = ["command", "permission"].map(|name| OutputColumn::new(name, ValueType::Text));
    let heads = texts.into_iter().chain([OutputColumn::new("writes", ValueType::Bool)]).collect();
    let mut listing = Listing::new(ui, heads, 0);
    for (command, access) in program.permissions() {
        listing.row(ui, vec![command.into(), access.permission.into(), access.writes.into()])?;
    }
    listing.finish(ui)?;
    ui.flush()
}

fn config_show(ui: &Ui, config: &Config) -> Result<()> {
    let heads = vec![
        OutputColumn::new("name", ValueType::Text),
        OutputColumn::new("value", ValueType::Text),
        OutputColumn::new("origin", ValueType::Text),
    ];
    let mut listing = Listing::new(ui, heads, 0);
    for s in &config.settings {
        // A URL may hold a password, and so may what was meant to be one.
        let value = match (&s.value, s.name) {
            (Some(url), "database") => Some(Location::parse(url).map_or_else(|_| malformed(url), |l| l.url())),
            (value, _) => value.as_deref().map(secrets),
        };
        listing.row(ui, vec![s.name.into(), value.into(), s.origin.as_str().into()])?;
    }
    listing.finish(ui)?;
    ui.flush()
}
