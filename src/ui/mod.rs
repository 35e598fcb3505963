//! The only terminal: data to standard output, everything else to standard error.

pub mod atomic_file;
pub mod bounded;
pub mod editor;
pub mod format;
pub mod interruptible;
pub mod layout;
pub mod line_input;
pub mod progress;
pub mod table;
pub mod text;

use std::cell::{Cell, Ref, RefCell};
use std::io::{self, Read, Write};
use std::rc::Rc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};

use crate::model::password::Secret;
use crate::model::problem::{ErrorKind, Problem, io_message};
use crate::model::redact::secrets;
use crate::model::values::zone::Zone;
use format::Format;
use progress::{Progress, Shown};
use text::visible;

/// The program's three streams, and what is known of them. Tests hand in buffers.
pub struct Io {
    pub stdin: Box<dyn Read + Send>,
    pub stdout: Box<dyn Write>,
    pub stderr: Box<dyn Write>,
    pub stdin_is_terminal: bool,
    pub stdout_is_terminal: bool,
    pub stderr_is_terminal: bool,
    /// Standard error is a file, or read by CI.
    pub stderr_is_log: bool,
    /// Columns of the terminal, where one is known.
    pub width: Option<u16>,
    /// Standard output was closed when the program began: what is written to it, nobody sees.
    pub stdout_is_closed: bool,
}

/// How to speak.
#[derive(Debug, Clone)]
pub struct Style {
    /// What is written is in another one while several answers become one document.
    pub format: Cell<Format>,
    /// Whether a format was asked for: then a change prints what it changed.
    pub format_given: bool,
    /// It stands on the command line: a variable speaks to all commands, and not of what goes to a file.
    pub format_typed: bool,
    pub color: bool,
    pub quiet: bool,
    pub verbose: bool,
    /// Whether a question may be asked.
    pub interactive: bool,
    /// `--no-input`: not even of an editor.
    pub no_input: bool,
    /// Whether questions are answered yes beforehand.
    pub yes: bool,
    /// The columns that were asked for.
    pub columns: Option<Vec<String>>,
    /// They stand on the command line.
    pub columns_typed: bool,
    /// Whether columns can be asked for.
    pub has_columns: bool,
}

/// Everything that is said goes through here. Whoever has it may say something: that changes nothing of how it is said.
pub struct Ui {
    io: RefCell<Io>,
    pub style: Style,
    /// For relative times.
    pub now: DateTime<Utc>,
    /// The operator's, in which people are told times.
    pub zone: Zone,
    /// What was warned of.
    warned: RefCell<Vec<String>>,
    /// What people were told was done, for programs that asked for JSON and get nothing else.
    messages: RefCell<Vec<String>>,
    /// Whether there was any data, or what was asked for is data of which there may be none.
    pub has_data: Cell<bool>,
    /// The terminal as a prompt found it.
    terminal: RefCell<Option<Termios>>,
    pub editing: Rc<editor::Editing>,
}

/// Where data goes.
pub struct DataStream {
    pub to: Box<dyn Write>,
    pub is_terminal: bool,
}

/// For standard error: a password that stood in a wrong place is not repeated.
fn clean(text: &str) -> String {
    visible(&secrets(text))
}

impl Ui {
    pub fn new(io: Io, style: Style, now: DateTime<Utc>, zone: Zone) -> Ui {
        Ui {
            io: io.into(),
            style,
            now,
            zone,
            warned: RefCell::default(),
            messages: RefCell::default(),
            has_data: Cell::new(false),
            terminal: RefCell::new(None),
            editing: Rc::default(),
        }
    }

    /// The streams, and what is known of them.
    pub fn io(&self) -> Ref<'_, Io> {
        self.io.borrow()
    }

    /// Gives the streams back.
    pub fn into_io(self) -> Io {
        self.io.into_inner()
    }

    /// Sends data elsewhere; where it went until now.
    pub fn redirect(&self, data: DataStream) -> DataStream {
        let mut io = self.io.borrow_mut();
        let to = std::mem::replace(&mut io.stdout, data.to);
        DataStream { to, is_terminal: std::mem::replace(&mut io.stdout_is_terminal, data.is_terminal) }
    }

    /// Standard input, for who reads it by itself; nothing is left of it here.
    pub fn take_stdin(&self) -> Box<dyn Read + Send> {
        std::mem::replace(&mut self.io.borrow_mut().stdin, Box::new(io::empty()))
    }

    /// What people were told so far; it is not told of again.
    pub fn take_messages(&self) -> Vec<String> {
        self.messages.take()
    }

    /// What was warned of so far.
    pub fn take_warned(&self) -> Vec<String> {
        self.warned.take()
    }

    /// Whether data goes to a terminal.
    pub fn stdout_is_terminal(&self) -> bool {
        self.io.borrow().stdout_is_terminal
    }

    /// Data.
    pub fn out(&self, text: &str) -> Result<()> {
        self.out_bytes(text.as_bytes())
    }

    /// Data that may end in the middle of a character; the rest follows.
    pub fn out_bytes(&self, bytes: &[u8]) -> Result<()> {
        self.has_data.set(self.has_data.get() || !bytes.is_empty());
        self.io.borrow_mut().stdout.write_all(bytes).map_err(closed)
    }

    /// Makes sure that the data has gone out; a reader who left is no error.
    pub fn flush(&self) -> Result<()> {
        self.io.borrow_mut().stdout.flush().map_err(closed)
    }

    /// Shows what can't be shown again, and makes sure that it has gone out. A reader who left has not seen it.
    pub fn show_once(&self, show: impl FnOnce(&Ui) -> Result<()>) -> Result<()> {
        let is_closed = self.io.borrow().stdout_is_closed;
        let shown = match is_closed {
            true => Err(anyhow::anyhow!("standard output is closed")),
            false => show(self).and_then(|()| self.flush()),
        };
        shown.map_err(|e| {
            Problem::failed(format!("what was made could not be shown, and nothing was changed: {e}"))
                .hint("run the command again where its standard output is read")
                .into()
        })
    }

    /// What was done. Not with `--quiet`.
    pub fn status(&self, text: &str) {
        self.messages.borrow_mut().push(secrets(text).clone());
        if !self.style.quiet {
            self.say(&clean(text));
        }
    }

    /// What to mind.
    pub fn warn(&self, text: &str) {
        self.warned.borrow_mut().push(text.to_owned());
        let label = self.paint("33", "warning:");
        self.say(&format!("{label} {}", clean(text)));
    }

    /// Further notes, with `-v`.
    pub fn verbose(&self, text: &str) {
        if self.style.verbose {
            self.say(&clean(text));
        }
    }

    /// A line on standard error, as it is. If that is gone, there is nobody left to tell.
    fn say(&self, line: &str) {
        let stderr = &mut self.io.borrow_mut().stderr;
        let _ = writeln!(stderr, "{line}").and_then(|()| stderr.flush());
    }

    /// Wraps text into an SGR sequence, where colours are on.
    pub fn paint(&self, sgr: &str, text: &str) -> String {
        if self.style.color && self.io.borrow().stderr_is_terminal {
            format!("\x1b[{sgr}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// One sentence and its hints; JSON where that is the format.
    pub fn error(&self, problem: &Problem, causes: &[String]) {
        if matches!(self.style.format.get(), Format::Json | Format::Ndjson) {
            let line = format::json(&serde_json::json!({ "error": error_of(problem) }));
            self.say(&line);
            return;
        }
        let label = self.paint("1;31", "error:");
        self.say(&format!("{label} {}", clean(&problem.sentence)));
        for cause in causes {
            self.verbose(&format!("  because: {cause}"));
        }
        for hint in &problem.hints {
            let label = self.paint("36", "hint:");
            self.say(&format!("{label} {}", clean(hint)));
        }
    }

    /// Asks before destructive work; no by default. Without a terminal the answer must have been given by `--yes`.
    pub async fn confirm(&self, question: &str) -> Result<()> {
        if self.style.yes {
            return Ok(());
        }
        if !self.style.interactive {
            return Err(Problem::usage(format!("this needs a confirmation: {question}"))
                .hint("answer it beforehand with --yes")
                .into());
        }
        let prompt = visible(question);
        let ask = move || dialoguer::Confirm::new().with_prompt(prompt).default(false).interact_opt();
        match self.wait_for_answer(ask).await? {
            Some(true) => Ok(()),
            None => Err(interrupted()),
            Some(false) => Err(Problem::failed("not confirmed; nothing was changed")
                .hint("answer y to do it; --yes answers beforehand")
                .into()),
        }
    }

    /// Asks something that is no decision about data; `default` is what Enter says.
    pub async fn yes(&self, question: &str, default: bool) -> Result<bool> {
        let prompt = visible(question);
        let ask = move || dialoguer::Confirm::new().with_prompt(prompt).default(default).interact_opt();
        self.wait_for_answer(ask).await?.ok_or_else(interrupted)
    }

    /// Asks for a line of text, until it is one that `check` takes. Nothing means the default, where there is one.
    pub async fn ask(
        &self,
        prompt: &str,
        default: Option<&str>,
        check: impl Fn(&str) -> Result<(), String> + Send + 'static,
    ) -> Result<String> {
        let (prompt, default) = (visible(prompt), default.map(str::to_owned));
        let ask = move || Ok(line_input::read(&prompt, default.as_deref(), check)?);
        self.wait_for_answer(ask).await?.ok_or_else(interrupted)
    }

    /// Asks for a secret, which is not shown while it is typed. With `again` it is asked for twice, until both agree.
    pub async fn ask_secret(&self, prompt: &str, again: Option<&str>) -> Result<Secret> {
        let (prompt, again) = (visible(prompt), again.map(visible));
        let ask = move || {
            let mut password = dialoguer::Password::new().with_prompt(prompt);
            if let Some(again) = again {
                password = password.with_confirmation(again, "The two differ. Once more:");
            }
            password.interact().map(Secret::new)
        };
        self.wait_for_answer(ask).await
    }

    /// Lets one of several be picked, by typing a part of it or with the arrow keys; its place in the list.
    pub async fn pick(&self, prompt: &str, items: &[String], default: usize) -> Result<usize> {
        // A line that wraps would be drawn over the next one. In front stands the mark of the one that is meant.
        let width = console::Term::stderr().size().1.saturating_sub(3).into();
        let cut = |item: &String| console::truncate_str(&visible(item), width, "…").into_owned();
        let (prompt, items) = (visible(prompt), items.iter().map(cut).collect::<Vec<_>>());
        let ask = move || {
            dialoguer::FuzzySelect::new()
                .with_prompt(prompt)
                .items(&items)
                .default(default)
                .max_length(PICK_ROWS)
                .interact_opt()
        };
        self.wait_for_answer(ask).await?.ok_or_else(interrupted)
    }

    /// Waits for the person on a thread of its own, so that a signal is noticed meanwhile; then the terminal is given
    /// back as it was found. Ctrl-C ends the program, on a line of its own.
    async fn wait_for_answer<T: Send + 'static>(
        &self,
        prompt: impl FnOnce() -> dialoguer::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.terminal.replace(tcgetattr(io::stdin()).ok());
        let answer = tokio::task::spawn_blocking(prompt).await;
        self.terminal.replace(None);
        let e = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(dialoguer::Error::IO(e))) => e,
            Err(e) => return Err(e.into()),
        };
        show_cursor();
        self.say("");
        if e.kind() == io::ErrorKind::Interrupted {
            return Err(interrupted());
        }
        Err(Problem::failed(format!("can't read the answer: {}", io_message(&e))).into())
    }

    /// Gives the terminal back after a prompt that a signal cut off.
    pub fn restore_terminal(&self) {
        if let Some(found) = self.terminal.take() {
            // Where this fails the terminal is gone.
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &found);
            show_cursor();
            self.say("");
        }
    }

    /// All of standard input into a writer, on a thread of its own: a signal is noticed while nothing comes.
    pub async fn read_stdin<W: Write + Send + 'static>(&self, mut into: W) -> Result<W> {
        let mut stdin = self.take_stdin();
        let copied = tokio::task::spawn_blocking(move || io::copy(&mut stdin, &mut into).map(|_| into)).await?;
        Ok(copied.map_err(|e| {
            let sentence = format!("can't read standard input: {}", io_message(&e));
            if e.kind() == io::ErrorKind::InvalidData { Problem::invalid(sentence) } else { Problem::failed(sentence) }
        })?)
    }

    /// All of standard input as a text of at most `most` bytes.
    pub async fn read_stdin_text(&self, most: usize) -> Result<String> {
        let read = self.read_stdin(bounded::BoundedText::new(most)).await?;
        Ok(read.into_text().map_err(|_| Problem::invalid("standard input is not UTF-8 text"))?)
    }

    /// For telling how far long work has come: a bar on a terminal, a line now and then in a log file or in CI, and
    /// nothing with `--quiet` or where standard error is piped.
    pub fn progress(&self) -> Progress {
        Progress::new(match () {
            () if self.style.quiet => Shown::Nothing,
            () if self.io.borrow().stderr_is_terminal => Shown::Bar,
            () if self.io.borrow().stderr_is_log => Shown::Lines,
            () => Shown::Nothing,
        })
    }
}

/// An error, for programs.
pub fn error_of(problem: &Problem) -> serde_json::Value {
    let mut error = serde_json::json!({
        "kind": problem.kind.as_str(),
        "exit_code": problem.kind.exit_code(),
        "message": secrets(&problem.sentence),
        "hints": problem.hints.iter().map(|hint| secrets(hint)).collect::<Vec<_>>(),
    });
    if let Some(field) = problem.field {
        error["field"] = field.into();
    }
    if let Some(at) = &problem.recorded {
        error["record"] = serde_json::json!({ "org": at.org, "seq": at.seq });
    }
    error
}

/// Rows of a list that are seen at once.
const PICK_ROWS: usize = 12;

/// Ctrl-C or Esc at a prompt.
fn interrupted() -> anyhow::Error {
    Problem::new(ErrorKind::Interrupted, "interrupted; nothing was changed").into()
}

/// A list to pick from hides the cursor, and does not show it again where it is broken off.
fn show_cursor() {
    // Where this fails the terminal is gone.
    let _ = console::Term::stderr().show_cursor();
}

/// A failure of standard output: a closed pipe ends the program quietly.
fn closed(e: io::Error) -> anyhow::Error {
    if e.kind() == io::ErrorKind::BrokenPipe {
        return Problem::new(ErrorKind::OutputClosed, "the reader of the output went away").into();
    }
    Problem::failed(format!("can't write the output: {}", io_message(&e))).into()
}
