//! Hands the program its arguments, environment, streams, clock and random source, and ends with its exit code.

use std::io::{BufWriter, IsTerminal, stderr, stdin, stdout};

use orgctl::model::chance::{Clock, Random};
use orgctl::ui::Io;

struct System;

impl Clock for System {
    #[allow(clippy::disallowed_methods)] // the one place where time comes from
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::Utc::now()
    }
}

impl Random for System {
    #[allow(clippy::disallowed_methods, clippy::expect_used)] // the one place where chance comes from
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("without the kernel's random source no key or salt can be made");
    }
}

#[allow(clippy::disallowed_methods)] // the one place where the process is looked at and left
fn main() {
    let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    let io = Io {
        stdin_is_terminal: stdin().is_terminal(),
        stdout_is_terminal: stdout().is_terminal(),
        stderr_is_terminal: stderr().is_terminal(),
        width: console::Term::stdout().size_checked().map(|(_, columns)| columns),
        stdin: Box::new(stdin()),
        stdout: Box::new(BufWriter::new(stdout())),
        stderr: Box::new(stderr()),
    };
    let code = orgctl::run(std::env::args_os().collect(), &env, io, &System, &System);
    std::process::exit(code.into());
}
