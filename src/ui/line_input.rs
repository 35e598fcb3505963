//! One line of text, typed at the terminal.

use std::io;

use console::{Key, Term, measure_text_width};

use super::text::visible;

/// Columns that a text should have beside its question; otherwise it goes on a line of its own.
const ROOM: usize = 24;

/// What is typed, and where the cursor stands in it.
#[derive(Default)]
struct LineEditor {
    text: Vec<char>,
    at: usize,
}

/// Reads a line until it is one that `check` takes; what was wrong can be mended where it stands. Nothing means the
/// default, where there is one. `None`: given up with Esc or Ctrl-D.
pub fn read(
    question: &str,
    default: Option<&str>,
    check: impl Fn(&str) -> Result<(), String>,
) -> io::Result<Option<String>> {
    let term = Term::stderr();
    let mut label = match default {
        Some(default) if !default.is_empty() => format!("{question} [{default}]: "),
        _ => format!("{question}: "),
    };
    if measure_text_width(&label) + ROOM > usize::from(term.size().1) {
        term.write_line(label.trim_end())?;
        label = "> ".into();
    }
    let mut typed = LineEditor::default();
    loop {
        typed.draw(&term, &label)?;
        match term.read_key()? {
            Key::Enter => {
                let text: String = typed.text.iter().collect();
                let Some(answer) = Some(text).filter(|t| !t.is_empty()).or_else(|| default.map(str::to_owned)) else {
                    continue;
                };
                term.write_line("")?;
                match check(&answer) {
                    Ok(()) => return Ok(Some(answer)),
                    Err(why) => term.write_line(&visible(&why))?,
                }
            }
            Key::Escape | Key::Char('\x04') => {
                term.write_line("")?;
                return Ok(None);
            }
            key => typed.press(key),
        }
    }
}

impl LineEditor {
    fn press(&mut self, key: Key) {
        match key {
            Key::Char('\x15') => {
                self.text.drain(..self.at);
                self.at = 0;
            }
            Key::Char(c) if !c.is_control() => {
                self.text.insert(self.at, c);
                self.at += 1;
            }
            Key::Backspace if self.at > 0 => {
                self.at -= 1;
                self.text.remove(self.at);
            }
            Key::Del if self.at < self.text.len() => {
                self.text.remove(self.at);
            }
            Key::ArrowLeft => self.at = self.at.saturating_sub(1),
            Key::ArrowRight => self.at = (self.at + 1).min(self.text.len()),
            Key::Home => self.at = 0,
            Key::End => self.at = self.text.len(),
            _ => {}
        }
    }

    /// Draws the line anew. Of a text that is too long, the part around the cursor is seen: a line that wraps could
    /// not be drawn over.
    fn draw(&self, term: &Term, label: &str) -> io::Result<()> {
        let room = usize::from(term.size().1).saturating_sub(measure_text_width(label) + 1);
        let shown = |part: &[char]| visible(&part.iter().collect::<String>());
        let mut from = 0;
        while measure_text_width(&shown(&self.text[from..self.at])) > room {
            from += 1;
        }
        let mut to = self.text.len();
        while measure_text_width(&shown(&self.text[from..to])) > room {
            to -= 1;
        }
        term.clear_line()?;
        term.write_str(&format!("{label}{}", shown(&self.text[from..to])))?;
        term.move_cursor_left(measure_text_width(&shown(&self.text[self.at.min(to)..to])))
    }
}
