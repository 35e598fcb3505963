//! Measures what a command takes to start, and that it does not grow with the number of kinds: `./tests/run bench --bench
//! start`. Whole processes: this binary runs itself, once as the program with its own kinds and once with forty more, in turn.
//! What is printed is the difference and its bound.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

mod kinds;

use std::io::{BufWriter, IsTerminal as _, stderr, stdin, stdout};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use orgctl::cli::program::Program;
use orgctl::crud::context::Env;
use orgctl::model::clock::Clock;
use orgctl::model::operator::Operator;
use orgctl::model::random::Random;
use orgctl::ui::Io;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct System;

impl Clock for System {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::Utc::now()
    }
}

impl Random for System {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("random bytes");
    }
}

/// The words that make this binary the program, with its own kinds or with more.
const AS_PROGRAM: [(&str, Program); 2] = [("as-it-is", Program::SHIPPED), ("with-forty-more", kinds::PROGRAM)];

/// More than this a command may not take longer with forty more kinds.
const BOUND: Duration = Duration::from_millis(1);
/// How often each is run.
const ROUNDS: usize = 400;

fn main() {
    let mut words = std::env::args_os();
    let name = words.next().expect("a name");
    let first = words.next();
    if let Some((_, program)) = AS_PROGRAM.into_iter().find(|(word, _)| first.as_ref().is_some_and(|w| w == word)) {
        be(program, std::iter::once(name).chain(words).collect());
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (word, _) in AS_PROGRAM {
        run(folder.path(), word, "init --org-code ACME --org-name Acme");
        run(folder.path(), word, "user create --name Asha --email asha@acme.example");
    }
    run(folder.path(), "with-forty-more", "kind40 create --code K --title T --owner asha@acme.example");
    let mut is_over = false;
    for line in ["--version", "--help", "user show asha@acme.example", "user --help", "user list", "no-such-noun"] {
        let mut took = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (took, (word, _)) in took.iter_mut().zip(AS_PROGRAM) {
                took.push(run(folder.path(), word, line));
            }
        }
        let [own, more] = took.map(median);
        let longer = more.as_secs_f64() - own.as_secs_f64();
        is_over |= longer > BOUND.as_secs_f64();
        println!(
            "{line:28}  {:.2} ms, with forty more kinds {:.2} ms: {:+.2} ms (at most {} ms){}",
            own.as_secs_f64() * 1e3,
            more.as_secs_f64() * 1e3,
            longer * 1e3,
            BOUND.as_millis(),
            if longer > BOUND.as_secs_f64() { "  OVER" } else { "" },
        );
    }
    std::process::exit(i32::from(is_over));
}

/// Is the program from here on.
fn be(program: Program, argv: Vec<std::ffi::OsString>) -> ! {
    let env: Env = std::env::vars().collect();
    let io = Io {
        stdin_is_terminal: stdin().is_terminal(),
        stdout_is_terminal: stdout().is_terminal(),
        stderr_is_terminal: stderr().is_terminal(),
        stderr_is_log: false,
        width: None,
        stdout_is_closed: false,
        stdin: Box::new(stdin()),
        stdout: Box::new(BufWriter::new(stdout())),
        stderr: Box::new(stderr()),
    };
    std::process::exit(orgctl::run(argv, &env, io, &System, &System, &Operator::new(0, None, None), program).into())
}

/// Runs one command line in a process of its own; how long it took.
fn run(folder: &Path, word: &str, line: &str) -> Duration {
    let mut command = Command::new(std::env::current_exe().expect("this file"));
    command.arg(word).args(line.split(' ')).env_clear().stdin(Stdio::null());
    command.env("HOME", folder).env("ORGCTL_DATABASE_URL", format!("sqlite://{}", folder.join(word).display()));
    let begun = Instant::now();
    let output = command.output().expect("a process");
    let took = begun.elapsed();
    let may_fail = line == "no-such-noun";
    assert!(output.status.success() || may_fail, "{line}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}
