//! `orgctl demo`: makes a database in the current folder and runs real commands on it, as a user would.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;

use anyhow::Result;

use super::{World, end, run};
use crate::crud::read::quote;
use crate::model::problem::Problem;
use crate::model::problem::io_message;
use crate::ui::format::Format;
use crate::ui::{DataStream, Io, Ui};

/// The demo's organisation.
const ORG: &str = "SAHYADRI";
const DATABASE: &str = "orgctl-demo.db";
const BRANCHES: &str = "orgctl-demo-branches.csv";
const FAULTS: &str = "orgctl-demo-faults.csv";
const REJECTS: &str = "orgctl-demo-rejects.csv";

const BRANCHES_CSV: &str = include_str!("../../docs/examples/branches.csv");
const FAULTS_CSV: &str = include_str!("../../docs/examples/branches-faults.csv");

/// What is shown: a line of explanation, the command, and the exit code that it must have.
const STEPS: &[(&str, &[&str], u8)] = &[
    ("A database, with its first organisation", &["init", "--org-code", ORG, "--org-name", "Sahyadri Finance"], 0),
    ("320 branches from a CSV file; some name a parent that stands further down", &["branch", "import", BRANCHES], 0),
    ("The first of them", &["branch", "list", "--limit", "8", "-o", "table"], 0),
    ("Part of the tree", &["branch", "tree", "R-MAH-W", "-o", "table"], 0),
    (
        "A file with faults: valid rows are loaded, the others are rejected with their reasons",
        &["branch", "import", FAULTS, "--keep-going", "--rejects", REJECTS],
        7,
    ),
    ("What was done to one branch", &["branch", "history", "MUM01", "-o", "table"], 0),
    ("Nobody changed anything behind orgctl's back", &["audit", "verify"], 0),
];

/// Commands to go on with; a test runs them all.
pub const NEXT: &[&[&str]] = &[
    &["branch", "list", "--filter", "city=Pune"],
    &["branch", "show", "MUM01"],
    &["branch", "update", "MUM01", "--name", "Mumbai Main"],
    &["branch", "move", "MUM02", "--to", "R-GUJ-N"],
    &["branch", "delete", "R-GUJ-N", "--cascade", "--dry-run"],
    &["branch", "stats"],
    &["audit", "list", "--since", "1h"],
    &["branch", "export", "branches-backup.csv"],
];

/// Runs the whole show.
pub fn run_all(ui: &Ui, program: &str, world: &World<'_>) -> Result<()> {
    let write = |path: &str, text: &str| {
        fs::write(path, text).map_err(|e| Problem::failed(format!("can't write {path}: {}", io_message(&e))))
    };
    let mut env = world.env.clone();
    env.retain(|name, _| !name.starts_with("ORGCTL_"));
    env.insert("ORGCTL_DATABASE_URL".into(), format!("sqlite://{DATABASE}"));
    env.insert("ORGCTL_CONFIG".into(), "/dev/null".into());
    let inner = World { env: &env, ..*world };
    clean(&inner, ui.style.yes)?;
    write(BRANCHES, BRANCHES_CSV)?;
    write(FAULTS, FAULTS_CSV)?;
    let is_terminal = ui.stdout_is_terminal();
    let stdout = ui.redirect(DataStream { to: Box::new(io::sink()), is_terminal });
    let out = Shared(Rc::new(RefCell::new(stdout.to)));
    ui.redirect(DataStream { to: Box::new(out.clone()), is_terminal });
    for (n, (what, words, expected)) in STEPS.iter().enumerate() {
        let shown: Vec<String> = words.iter().map(|w| quote(w)).filter(|w| w != "-o" && w != "table").collect();
        ui.out(&format!("\n# {what}\n$ orgctl {}\n", shown.join(" ")))?;
        ui.flush()?;
        let argv = std::iter::once("orgctl").chain(words.iter().copied()).map(OsString::from).collect();
        let mut env = env.clone();
        env.insert("ORGCTL_REQUEST_ID".into(), request_id(n));
        let (code, _) = run(argv, streams(ui, &out), &World { env: &env, ..inner });
        if code != *expected {
            return Err(Problem::failed(format!(
                "the demo stopped: the last command ended with exit code {code}, not {expected}"
            ))
            .into());
        }
    }
    let rejects = fs::read_to_string(REJECTS)
        .map_err(|e| Problem::failed(format!("can't read {REJECTS}: {}", io_message(&e))))?;
    let header = rejects.lines().next().unwrap_or_default();
    let row =
        rejects.lines().find(|l| l.starts_with("BAD-PHONE")).or_else(|| rejects.lines().nth(1)).unwrap_or_default();
    ui.out(&format!(
        "\n# A rejected row with its reason, from {REJECTS}: to be mended and imported again\n{header}\n{row}\n"
    ))?;
    ui.out(&format!("\n# Now try it yourself:\nexport ORGCTL_DATABASE_URL=sqlite://{DATABASE}\n"))?;
    for words in NEXT {
        let words: Vec<String> = words.iter().map(|w| quote(w)).collect();
        ui.out(&format!("{program} {}\n", words.join(" ")))?;
    }
    ui.flush()
}

/// The request id of a step: by it the demo knows in the trail what it did itself.
fn request_id(step: usize) -> String {
    format!("019a0000-0000-7000-8000-0de0de0de{step:03}")
}

/// Removes what an earlier demo left. What somebody did with it since stays, unless `--yes` says otherwise; a database of
/// that name that holds more than the demo's organisation stays in any case.
fn clean(world: &World<'_>, yes: bool) -> Result<()> {
    if Path::new(DATABASE).exists() && !is_ours(world) {
        return Err(Problem::conflict(format!("there is a file {DATABASE} here that holds more than the demo made"))
            .hint("run the demo in another folder")
            .into());
    }
    if Path::new(DATABASE).exists() && !yes && !is_unchanged(world) {
        return Err(Problem::conflict(format!("{DATABASE} was changed since the demo made it"))
            .hint("remove it, or run the demo in another folder; --yes replaces it")
            .into());
    }
    for name in [DATABASE, BRANCHES, FAULTS, REJECTS, &format!("{DATABASE}-wal"), &format!("{DATABASE}-shm")] {
        match fs::remove_file(name) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(
                    Problem::failed(format!("can't remove {name} of an earlier demo: {}", io_message(&e))).into()
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the database holds the demo's organisation and no other, deleted ones counted.
fn is_ours(world: &World<'_>) -> bool {
    let orgs = asked(world, &["org", "list", "--all", "--with-deleted", "-o", "key"]);
    orgs.is_some_and(|orgs| orgs.trim() == ORG || orgs.is_empty())
}

/// Whether the trail tells of nothing but the demo's own commands.
fn is_unchanged(world: &World<'_>) -> bool {
    let own: Vec<String> = (0..STEPS.len()).map(request_id).collect();
    let ids = asked(world, &["audit", "list", "--all", "-o", "csv", "--columns", "request_id"]);
    ids.is_some_and(|ids| ids.lines().skip(1).all(|id| own.iter().any(|own| own == id)))
}

/// Asks orgctl itself what the database holds; nothing of an empty file.
fn asked(world: &World<'_>, words: &[&str]) -> Option<String> {
    let out = Shared(Rc::new(RefCell::new(Box::new(io::sink()))));
    let meta = fs::metadata(DATABASE).ok().filter(fs::Metadata::is_file)?;
    if meta.len() == 0 {
        return Some(String::new());
    }
    let file = tempfile::NamedTempFile::new().ok()?;
    let argv = std::iter::once("orgctl").chain(words.iter().copied()).map(OsString::from).collect();
    let copy = file.reopen().ok()?;
    let io = Io {
        stdin: Box::new(io::empty()),
        stdout: Box::new(copy),
        stderr: Box::new(out),
        stdin_is_terminal: false,
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        stderr_is_log: false,
        stdout_is_closed: false,
        width: None,
    };
    let (code, _) = run(argv, io, world);
    fs::read_to_string(file.path()).ok().filter(|_| code == 0)
}

/// Standard output, shared: the demo shows what its commands say as well as what they print.
#[derive(Clone)]
struct Shared(Rc<RefCell<Box<dyn Write>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// Streams for one command of the show.
fn streams(ui: &Ui, out: &Shared) -> Io {
    Io {
        stdin: Box::new(io::empty()),
        stdout: Box::new(out.clone()),
        stderr: Box::new(out.clone()),
        stdin_is_terminal: false,
        stdout_is_terminal: ui.stdout_is_terminal(),
        stderr_is_terminal: ui.stdout_is_terminal(),
        stderr_is_log: false,
        stdout_is_closed: false,
        width: ui.io().width.or(Some(120)),
    }
}

pub(super) fn run_demo(ui: Ui, words: &[String], world: &World<'_>) -> (u8, Io) {
    if ui.style.format_given && ui.style.format.get() != Format::Table {
        let problem = Problem::usage(format!("the demo is for people to read, not {}", ui.style.format.get().as_str()))
            .hint("leave out the format: orgctl demo");
        return end(ui, Err(problem.into()));
    }
    let program = words.first().map_or("orgctl", String::as_str).to_owned();
    let done = run_all(&ui, &quote(&program), world);
    end(ui, done)
}
