//! States and the moves between them, declared once by a kind: from them come its verbs, their permissions, what a refusal
//! names, what a file may say, and the rules of its table.

use chrono::{DateTime, Utc};

use super::{Descriptor, Field, Record};
use crate::model::problem::Problem;
use crate::model::trail::audit::Action;
use crate::model::values::value::{Value, ValueType};

/// The states of a kind: a record begins in the first.
#[derive(Debug)]
pub struct States {
    pub states: &'static [State],
    pub transitions: &'static [Transition],
}

/// One of them.
#[derive(Debug)]
pub struct State {
    pub word: &'static str,
    pub marks: &'static [StateMark],
}

/// What a state's word can't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateMark {
    /// There is something left to do: who is in charge of the record is bound by it.
    Open,
    /// A file may create a record in it, with the stamps that it then has.
    Importable,
}

/// A move from one state to another: a verb of the kind.
#[derive(Debug)]
pub struct Transition {
    pub verb: &'static str,
    /// For help: `Begin to work on tickets`.
    pub about: &'static str,
    pub from: &'static [&'static str],
    pub to: &'static str,
    pub how: &'static [How],
}

/// What a move does besides.
#[derive(Debug, Clone, Copy)]
pub enum How {
    /// Gives these fields the time of the move.
    Stamps(&'static [&'static str]),
    /// Takes these fields their values.
    Clears(&'static [&'static str]),
    /// May be told these fields: `--minutes 30`.
    Takes(&'static [&'static str]),
    /// Must be told these fields: nobody is turned away without a reason.
    Needs(&'static [&'static str]),
    /// The permission that it needs, instead of that of an update: `tickets:close`.
    Permission(&'static str),
    /// The word under which it is recorded, instead of `update`.
    Told(Action),
    /// Made by another verb in passing: it has none of its own.
    InPassing,
}

/// Whether records in a state have a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    Always,
    Never,
    Either,
}

impl State {
    pub fn is_open(&self) -> bool {
        self.marks.contains(&StateMark::Open)
    }
    pub fn is_importable(&self) -> bool {
        self.marks.contains(&StateMark::Importable)
    }
}

impl Transition {
    /// Fields that get the time of the move.
    pub fn stamps(&self) -> impl Iterator<Item = &'static str> {
        self.how.iter().flat_map(|how| if let How::Stamps(columns) = how { *columns } else { &[] }).copied()
    }
    /// Fields that lose their values.
    pub fn clears(&self) -> impl Iterator<Item = &'static str> {
        self.how.iter().flat_map(|how| if let How::Clears(columns) = how { *columns } else { &[] }).copied()
    }
    /// Fields that it must be told.
    pub fn needs(&self) -> impl Iterator<Item = &'static str> {
        self.how.iter().flat_map(|how| if let How::Needs(columns) = how { *columns } else { &[] }).copied()
    }
    /// Fields that it may or must be told.
    pub fn takes(&self) -> impl Iterator<Item = &'static str> {
        let all = self.how.iter().flat_map(|how| match how {
            How::Takes(columns) | How::Needs(columns) => *columns,
            _ => &[],
        });
        all.copied()
    }
    /// The last part of its permission.
    pub fn permission(&self) -> &'static str {
        self.how.iter().find_map(|how| if let How::Permission(p) = how { Some(*p) } else { None }).unwrap_or("update")
    }
    /// The word under which it is recorded.
    pub fn action(&self) -> Action {
        self.how.iter().find_map(|how| if let How::Told(a) = how { Some(*a) } else { None }).unwrap_or(Action::Update)
    }

    /// Whether it has no verb of its own.
    pub fn is_in_passing(&self) -> bool {
        self.how.iter().any(|how| matches!(how, How::InPassing))
    }

    /// A record after the move, at a time; none where it is in that state already.
    pub fn apply(&self, record: &Record, at: DateTime<Utc>) -> Result<Option<Record>, Problem> {
        let Some((column, states)) = record.desc.states else { return Ok(None) };
        let is = record.get(column).to_text();
        if !self.from.contains(&is.as_str()) {
            if is == self.to {
                return Ok(None);
            }
            let takes = self.from.join(" or ");
            return Err(Problem::conflict(format!(
                "{} is {is}: '{}' takes one that is {takes}",
                record.title(),
                self.verb
            ))
            .hint(states.moves_of(record))
            .field(column));
        }
        let mut after = record.clone();
        after.set(column, self.to.into());
        self.stamps().for_each(|stamp| after.set(stamp, at.into()));
        self.clears().for_each(|cleared| after.clear(cleared));
        Ok(Some(after))
    }
}

impl States {
    pub fn first(&self) -> &'static str {
        self.states.first().map_or("", |s| s.word)
    }
    fn state(&self, word: &str) -> Option<&State> {
        self.states.iter().find(|s| s.word == word)
    }
    pub fn is_open(&self, word: &str) -> bool {
        self.state(word).is_some_and(State::is_open)
    }
    /// The words of the open ones.
    pub fn open(&self) -> impl Iterator<Item = &'static str> {
        self.states.iter().filter(|s| s.is_open()).map(|s| s.word)
    }
    /// The move that leads from one state to another.
    pub fn between(&self, from: &str, to: &str) -> Option<&'static Transition> {
        self.transitions.iter().find(|t| t.to == to && t.from.contains(&from))
    }
    /// Fields that a move stamps or clears.
    pub fn stamped(&self) -> Vec<&'static str> {
        let all = self.transitions.iter().flat_map(|t| t.stamps().chain(t.clears()));
        let mut columns: Vec<&'static str> = all.collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Whether a record in a state has a stamp, whichever way it came there.
    pub fn stamp(&self, word: &str, column: &str) -> Stamp {
        // Of each state, whether a record can be in it without the stamp, and with it.
        let mut can: Vec<(bool, bool)> = self.states.iter().map(|s| (s.word == self.first(), false)).collect();
        let at = |word: &str| self.states.iter().position(|s| s.word == word);
        loop {
            let known = can.clone();
            for t in self.transitions {
                let (stamps, clears) = (t.stamps().any(|c| c == column), t.clears().any(|c| c == column));
                let Some(to) = at(t.to) else { continue };
                for (without, with) in t.from.iter().filter_map(|from| known.get(at(from)?).copied()) {
                    let is_there = without || with;
                    let (without, with) = match (stamps, clears) {
                        (true, _) => (false, is_there),
                        (_, true) => (is_there, false),
                        _ => (without, with),
                    };
                    can[to] = (can[to].0 || without, can[to].1 || with);
                }
            }
            if can == known {
                break;
            }
        }
        match at(word).and_then(|i| can.get(i)) {
            Some((false, true)) => Stamp::Always,
            Some((true, false)) => Stamp::Never,
            _ => Stamp::Either,
        }
    }

    /// `from done it can become: open (orgctl ticket reopen T-001)`
    fn moves_of(&self, record: &Record) -> String {
        let Some((column, _)) = record.desc.states else { return String::new() };
        let is = record.get(column).to_text();
        let moves = self.transitions.iter().filter(|t| t.from.contains(&is.as_str()) && !t.is_in_passing());
        let moves: Vec<String> =
            moves.map(|t| format!("{} (orgctl {} {} {})", t.to, record.desc.noun, t.verb, record.key())).collect();
        match moves.as_slice() {
            [] => format!("from {is} no move leads anywhere"),
            moves => format!("from {is} it can become: {}", moves.join(", ")),
        }
    }

    /// The rules that a kind's table holds its rows to, as its migrations have to say them.
    pub fn checks(&self, column: &str) -> Vec<String> {
        let list = |words: &[&str]| words.iter().map(|w| format!("'{w}'")).collect::<Vec<_>>().join(", ");
        let all: Vec<&str> = self.states.iter().map(|s| s.word).collect();
        let mut checks = vec![format!("{column} IN ({})", list(&all))];
        for stamp in self.stamped() {
            let those = |wanted: Stamp| -> Vec<&str> {
                all.iter().copied().filter(|word| self.stamp(word, stamp) == wanted).collect()
            };
            let (always, never) = (those(Stamp::Always), those(Stamp::Never));
            if !always.is_empty() {
                checks.push(format!("{stamp} IS NOT NULL OR {column} NOT IN ({})", list(&always)));
            }
            if !never.is_empty() {
                checks.push(format!("{stamp} IS NULL OR {column} NOT IN ({})", list(&never)));
            }
        }
        checks
    }

    /// The states and moves as a diagram (Mermaid).
    pub fn diagram(&self) -> String {
        let mut lines = vec!["stateDiagram-v2".to_owned(), format!("    [*] --> {}", self.first())];
        for t in self.transitions {
            lines.extend(t.from.iter().map(|from| format!("    {from} --> {}: {}", t.to, t.verb)));
        }
        let leads_on = |word: &str| self.transitions.iter().any(|t| t.from.contains(&word));
        lines.extend(self.states.iter().filter(|s| !leads_on(s.word)).map(|s| format!("    {} --> [*]", s.word)));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// What is wrong with the moves that a kind declares.
pub(in crate::model) fn faults(desc: &'static Descriptor) -> Vec<String> {
    let Some((column, states)) = desc.states else { return Vec::new() };
    let is_bound = |name: &str| name == column || states.stamped().contains(&name);
    let told = states.transitions.iter().flat_map(|t| t.takes().map(move |name| (t, name)));
    told.filter(|(_, name)| desc.index(name).is_none() || is_bound(name))
        .map(|(t, name)| format!("{} {} can't be told {name}", desc.noun, t.verb))
        .collect()
}

impl Descriptor {
    /// The fields that a move may be told.
    pub fn told_to(&self, transition: &Transition) -> impl Iterator<Item = &'static Field> + use<> {
        let fields = self.fields;
        transition
            .takes()
            .filter_map(move |name| fields.iter().find(|f| f.column == name))
            .collect::<Vec<_>>()
            .into_iter()
    }
    /// The moves between its records' states: verbs that it has.
    pub fn transitions(&self) -> &'static [Transition] {
        self.states.map_or(&[], |(_, states)| states.transitions)
    }
    /// The field that holds its records' state.
    pub fn state_field(&self) -> Option<&'static Field> {
        self.states.and_then(|(column, _)| self.field(column))
    }
}

impl Record {
    /// Whether there is something left to do: a record of a kind without states counts as such.
    pub fn is_open(&self) -> bool {
        self.desc
            .states
            .is_none_or(|(column, states)| self.get(column).as_text().is_some_and(|word| states.is_open(word)))
    }

    fn clear(&mut self, column: &str) {
        let kind = self.desc.field(column).map_or(ValueType::Text, |f| f.ty.kind);
        self.set(column, Value::Null(kind));
    }

    /// What is wrong with its state and stamps by themselves.
    pub(in crate::model) fn faults_of_state(&self) -> Vec<Problem> {
        let Some((column, states)) = self.desc.states else { return Vec::new() };
        let word = self.get(column).to_text();
        let fault = |stamp: &'static str| {
            let is_null = self.get(stamp).is_null();
            let why = match states.stamp(&word, stamp) {
                Stamp::Always if is_null => format!("{stamp} must not be empty where {column} is {word}"),
                Stamp::Never if !is_null => format!("{stamp} must be empty where {column} is {word}"),
                _ => return None,
            };
            Some(Problem::invalid(why).field(stamp))
        };
        states.stamped().into_iter().filter_map(fault).collect()
    }

    /// Refuses a new record in a state that none begins in.
    pub fn begins(&self, is_file: bool) -> Result<(), Problem> {
        let Some((column, states)) = self.desc.states else { return Ok(()) };
        let word = self.get(column).to_text();
        let may = word == states.first() || (is_file && states.state(&word).is_some_and(State::is_importable));
        if may || word.is_empty() {
            return Ok(());
        }
        let noun = self.desc.noun;
        Err(Problem::invalid(format!("a new {noun} is {}, and can't begin as {word}", states.first())).field(column))
    }

    /// Whether what changed between two states of a record is a move that there is; which one, where the state changed.
    pub fn moved_from(&self, before: &Record) -> Result<Option<&'static Transition>, Problem> {
        let Some((column, states)) = self.desc.states else { return Ok(None) };
        let (from, to) = (before.get(column).to_text(), self.get(column).to_text());
        if from == to {
            return Ok(None);
        }
        states.between(&from, &to).map(Some).ok_or_else(|| {
            Problem::conflict(format!("{} is {from}, and no move leads from there to {to}", before.title()))
                .hint(states.moves_of(before))
                .field(column)
        })
    }

    /// Makes the move that a file tells by the state alone: what it stamps is stamped where the file has no time of its own.
    pub fn complete_move(&mut self, before: &Record, at: DateTime<Utc>) -> Result<(), Problem> {
        let Some((_, states)) = self.desc.states else { return Ok(()) };
        match self.moved_from(before)? {
            Some(t) => {
                let unchanged: Vec<&str> = t.stamps().filter(|c| self.get(c) == before.get(c)).collect();
                for stamp in unchanged {
                    self.set(stamp, at.into());
                }
                // What was told of an earlier move is not told of this one.
                let is_told = |c: &&str| !self.get(c).is_null() && self.get(c) != before.get(c);
                if let Some(missing) = t.needs().find(|c| !is_told(c)) {
                    let name = self.desc.known(missing)?.name();
                    let anew = if self.get(missing).is_null() { "" } else { " anew" };
                    let why = format!("{name} must be given{anew} where {} becomes {}", before.title(), t.to);
                    return Err(Problem::invalid(why).field(name));
                }
                t.clears().for_each(|cleared| self.clear(cleared));
                Ok(())
            }
            None => match states.stamped().into_iter().find(|c| self.get(c) != before.get(c)) {
                Some(stamp) => {
                    Err(Problem::conflict(format!("{stamp} changes with the state, and not by itself")).field(stamp))
                }
                None => Ok(()),
            },
        }
    }
}

/// Declares the states of a kind and the moves between them: see `tests/it/own_kinds/ticket.rs`.
#[macro_export]
macro_rules! states {
    (
        $(#[$doc:meta])*
        pub enum $name:ident {
            $($variant:ident = $word:literal $(| $also:literal)* $([ $($mark:ident),* ])?),+ $(,)?
        }
        $( $(#[doc = $about:literal])+ $verb:literal: [ $($from:ident),+ ] => $to:ident $([ $($how:expr),* $(,)? ])?; )+
    ) => {
        $crate::choice! {
            $(#[$doc])*
            pub enum $name { $($variant = $word $(| $also)*),+ }
        }
        impl $name {
            pub const STATES: &'static $crate::model::resource::states::States = {
                #[allow(unused_imports)]
                use $crate::model::trail::audit::Action;
                #[allow(unused_imports)]
                use $crate::model::resource::states::How::*;
                #[allow(unused_imports)]
                use $crate::model::resource::states::{State, StateMark, States, Transition};
                &States {
                    states: &[$( State { word: $word, marks: &[$($(StateMark::$mark),*)?] } ),+],
                    transitions: &[$( Transition {
                        verb: $verb,
                        about: concat!($($about),+).trim_ascii(),
                        from: &[$( Self::$from.as_str() ),+],
                        to: Self::$to.as_str(),
                        how: &[$($($how),*)?],
                    } ),+],
                }
            };
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    states! {
        /// How far something is
        pub enum Progress {
            Open = "open" [Open],
            Started = "started" [Open],
            Done = "done" [Importable],
        }
        /// Begin
        "start": [Open] => Started [Stamps(&["started_at"])];
        /// End
        "finish": [Open, Started] => Done [Stamps(&["done_at"])];
        /// Begin again
        "reopen": [Done] => Open [Clears(&["done_at"])];
    }

    /// What stamps a state has follows from the ways to it.
    #[test]
    fn a_state_has_the_stamps_that_lead_to_it() {
        let states = Progress::STATES;
        let of = |column| ["open", "started", "done"].map(|word| states.stamp(word, column));
        assert_eq!(of("started_at"), [Stamp::Either, Stamp::Always, Stamp::Either]);
        assert_eq!(of("done_at"), [Stamp::Never, Stamp::Never, Stamp::Always]);
        assert_eq!(
            states.checks("state"),
            [
                "state IN ('open', 'started', 'done')",
                "done_at IS NOT NULL OR state NOT IN ('done')",
                "done_at IS NULL OR state NOT IN ('open', 'started')",
                "started_at IS NOT NULL OR state NOT IN ('started')",
            ]
        );
        assert_eq!(states.between("open", "done").map(|t| t.verb), Some("finish"));
        assert!(states.between("done", "started").is_none());
        assert_eq!(states.open().collect::<Vec<_>>(), ["open", "started"]);
    }

    #[test]
    fn states_are_drawn() {
        let drawn = "stateDiagram-v2\n    [*] --> open\n    open --> started: start\n    open --> done: finish\n    \
                     started --> done: finish\n    done --> open: reopen\n";
        assert_eq!(Progress::STATES.diagram(), drawn);
    }
}
