//! States and ends: what only kinds have that declare them.

use orgctl::model::resource::Field;
use orgctl::model::resource::lifecycle::ENDED;
use orgctl::model::resource::states::{Stamp, Transition};
use orgctl::model::resource::verbs::Link;
use serde_json::Value as Json;

use super::Story;
use super::samples::{Sample, cell, sample};
use crate::harness::Output;

impl Story<'_> {
    /// Lets rows of a file begin as rows may: in the first state or in one that may be brought, with the stamps of that, and
    /// not at their end.
    pub fn begin(&self, given: &mut [Vec<(&'static Field, Sample)>; 2]) {
        let none = || Sample { input: String::new(), kept: Json::Null };
        for (_, sample) in given.iter_mut().flatten().filter(|(f, _)| self.desc.ends() && f.column == ENDED) {
            *sample = none();
        }
        let Some((column, states)) = self.desc.states else { return };
        let brought = states.states.iter().find(|s| s.is_importable()).map_or(states.first(), |s| s.word);
        for (row, word) in given.iter_mut().zip([brought, states.first()]) {
            for (field, sample) in row.iter_mut() {
                if field.column == column {
                    *sample = Sample { input: word.to_uppercase(), kept: word.into() };
                } else if states.stamped().contains(&field.column) && states.stamp(word, field.column) != Stamp::Always
                {
                    *sample = none();
                }
            }
        }
    }

    /// Whether only what becomes of a record gives the field a value.
    pub fn comes_later(&self, field: &Field) -> bool {
        let is_stamp = self.desc.states.is_some_and(|(_, states)| states.stamped().contains(&field.column));
        is_stamp || (self.desc.ends() && field.column == ENDED)
    }

    /// Whether the field holds the state, or what is stamped with one.
    pub fn is_bound_to_state(&self, field: &Field) -> bool {
        self.desc
            .states
            .is_some_and(|(column, states)| column == field.column || states.stamped().contains(&field.column))
    }

    /// Every move that there is, from every state that it leads from; what leads nowhere is refused, and named.
    pub fn go_from_state_to_state(&self) {
        let Some((column, states)) = self.desc.states else { return };
        for t in states.transitions {
            for from in t.from.iter().skip(1) {
                let id = self.in_state(from);
                self.moves(t, &id).ok();
            }
            let id = self.in_state(t.from[0]);
            let before = self.shown(&id);
            let told = self.told(t);
            self.change(
                t.verb,
                &[&[id.as_str()], told.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat(),
            );
            let after = self.shown(&id);
            assert_eq!((&after["status"], &after[column]), (&t.to.into(), &t.to.into()), "{}", t.verb);
            for stamp in states.stamped() {
                let (is, was) = (&after[stamp], &before[stamp]);
                match (t.stamps().any(|c| c == stamp), t.clears().any(|c| c == stamp)) {
                    (true, _) => assert!(!is.is_null() && is != was, "{} stamps {stamp}", t.verb),
                    (_, true) => assert!(is.is_null(), "{} clears {stamp}", t.verb),
                    _ => assert_eq!(is, was, "{} leaves {stamp}", t.verb),
                }
            }
            let listed = self.run("list", &["-o", "json", "--all", "--filter", &format!("status={}", t.to)]).json();
            assert!(listed.as_array().is_some_and(|all| all.iter().any(|r| r["id"] == after["id"])), "status={}", t.to);
            self.remember(t.verb);
            self.refuse_moves(&id, t.to);
            self.play("move", 1);
        }
    }

    /// The id of a new record that was brought to a state by moves.
    fn in_state(&self, word: &str) -> String {
        let Some((_, states)) = self.desc.states else { return String::new() };
        // The shortest way, from the end.
        let mut ways: Vec<(&str, Vec<&Transition>)> = vec![(states.first(), Vec::new())];
        let mut next = 0;
        while let Some((at, way)) = ways.get(next).cloned() {
            for t in states.transitions.iter().filter(|t| t.from.contains(&at)) {
                if ways.iter().all(|(known, _)| *known != t.to) {
                    ways.push((t.to, way.iter().copied().chain([t]).collect()));
                }
            }
            next += 1;
        }
        let way = &ways.iter().find(|(at, _)| *at == word).unwrap_or_else(|| panic!("{word} can't be reached")).1;
        let required: Vec<&'static Field> = self.settable().into_iter().filter(|f| f.must_be_given()).collect();
        let id = self.create(&required).id;
        for t in way {
            self.p.wait(60);
            self.moves(t, &id).ok();
        }
        self.p.wait(60);
        id
    }

    /// What a move must be told.
    fn told(&self, t: &Transition) -> Vec<String> {
        t.needs().filter_map(|name| self.desc.field(name)).map(|f| super::flag(f, &self.value(f, 1).input)).collect()
    }

    fn moves(&self, t: &Transition, id: &str) -> Output {
        let told = self.told(t);
        let args: Vec<&str> = [id].into_iter().chain(told.iter().map(String::as_str)).collect();
        self.run(t.verb, &args)
    }

    fn refuse_moves(&self, id: &str, word: &str) {
        let Some((_, states)) = self.desc.states else { return };
        let before = self.shown(id);
        for t in states.transitions.iter().filter(|t| !t.from.contains(&word)) {
            let said = self.moves(t, id);
            match t.to == word {
                true => {
                    assert!(said.err.contains("already"), "{}", said.err);
                    said.ok();
                }
                false => {
                    let said = said.fails(4);
                    assert!(said.contains(&format!("from {word} ")), "{said}");
                }
            }
        }
        assert_eq!(self.shown(id), before, "refused");
    }

    /// One that is ended is told as history alone; another one of its key takes its place, and the place of that one.
    pub fn end_and_follow(&self) {
        if !self.desc.ends() {
            return;
        }
        let required: Vec<&'static Field> = self.settable().into_iter().filter(|f| f.must_be_given()).collect();
        let row = self.create(&required);
        self.change("revoke", &[&row.id]);
        self.remember("revoke");
        self.run("exists", &[&row.id]).fails(3);
        let ended = |id: &str| {
            let all = self.run("list", &["-o", "json", "--all", "--filter", "status=ended"]).json();
            all.as_array().is_some_and(|all| all.iter().any(|r| r["id"] == id))
        };
        assert!(ended(&row.id));
        let flags: Vec<String> = required.iter().map(|f| super::flag(f, &cell(&row.kept[f.name()]))).collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).chain(["-o", "json"]).collect();
        let first = self.run("create", &flags).json();
        self.p.wait(60);
        // A link that says the same is there already.
        let mut further =
            self.desc.link().into_iter().flat_map(|link: Link| link.further()).filter(|f| !self.desc.key().has(f));
        let other = further.next().map(|f| super::flag(f, &sample(f, 0).input));
        let flags: Vec<&str> = flags.into_iter().chain(other.as_deref()).collect();
        self.change("create", &flags);
        assert!(ended(first["id"].as_str().expect("an id")), "its successor ends it");
        self.remember("follow");
        self.play("end", 1);
    }
}
