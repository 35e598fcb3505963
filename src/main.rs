//! Hands the program its arguments, environment, streams, clock and random source, and ends with its exit code.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, stderr, stdin, stdout};
use std::os::fd::AsFd as _;

use orgctl::cli::program::Program;
use orgctl::crud::context::Env;
use orgctl::model::clock::Clock;
use orgctl::model::operator::Operator;
use orgctl::model::random::Random;
use orgctl::ui::Io;
use orgctl::ui::interruptible::Interruptible;

/// Rows are made on one thread and let go on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "the one place where time comes from")]
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::Utc::now()
    }
}

impl Random for System {
    #[expect(clippy::disallowed_methods, clippy::expect_used, reason = "the one place where chance comes from")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("without the kernel's random source no key or salt can be made");
    }
}

/// A variable of ours that is not UTF-8 text is kept, to be refused by its name.
fn variable((name, value): (OsString, OsString)) -> Option<(String, String)> {
    let name = name.into_string().ok()?;
    let value = match value.into_string() {
        Err(value) if name.starts_with("ORGCTL_") => value.to_string_lossy().into_owned(),
        value => value.ok()?,
    };
    Some((name, value))
}

/// Whether the program was begun without a standard output. The library then opens `/dev/null` in its place, for reading
/// and writing, which no shell does.
fn is_closed() -> bool {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let is_null = std::fs::read_link("/proc/self/fd/1").is_ok_and(|path| path.as_os_str() == "/dev/null");
    let flags = fcntl(stdout(), FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
    is_null && flags.is_ok_and(|flags| flags & OFlag::O_ACCMODE == OFlag::O_RDWR)
}

#[expect(clippy::disallowed_methods, reason = "the one place where the process is looked at and left")]
fn main() {
    // The allocator takes memory in large pieces; in huge pages the kernel would clear all of them, ten milliseconds of
    // every command. Where the kernel knows no huge pages there is nothing to refuse.
    let _ = nix::sys::prctl::set_thp_disable(true);
    let env: Env = std::env::vars_os().filter_map(variable).collect();
    let is_file = std::fs::metadata("/proc/self/fd/2").is_ok_and(|m| m.is_file());
    let io = Io {
        stdin_is_terminal: stdin().is_terminal(),
        stdout_is_terminal: stdout().is_terminal(),
        stderr_is_terminal: stderr().is_terminal(),
        stderr_is_log: is_file || env.get("CI").is_some_and(|ci| !matches!(ci.as_str(), "" | "0" | "false")),
        width: console::Term::stdout().size_checked().map(|(_, columns)| columns),
        stdout_is_closed: is_closed(),
        // As it is where it can't be had twice.
        stdin: match stdin().as_fd().try_clone_to_owned() {
            Ok(fd) => Box::new(Interruptible::new(File::from(fd))),
            Err(_) => Box::new(stdin()),
        },
        stdout: Box::new(BufWriter::new(stdout())),
        stderr: Box::new(stderr()),
    };
    let login = std::fs::read_to_string("/proc/self/loginuid").ok();
    let behind = env.get("SUDO_UID").map(String::as_str);
    let operator = Operator::new(nix::unistd::getuid().as_raw(), login.as_deref(), behind);
    let code = orgctl::run(std::env::args_os().collect(), &env, io, &System, &System, &operator, Program::default());
    std::process::exit(code.into());
}
