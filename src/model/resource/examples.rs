//! Examples in the help of a kind's verbs, made of what the kind declares: no help speaks of another kind.

use std::borrow::Cow;

use super::states::Transition;
use super::{Attr, Descriptor, Field};
use crate::model::values::scalar::FieldKind;
use crate::model::values::value::ValueType;

/// A key.
pub fn key(d: &Descriptor) -> &'static str {
    match (d.examples.key, d.keys) {
        ("", []) => "ID",
        ("", _) => "KEY",
        (key, _) => key,
    }
}

/// What names a record: `Code or id`, `User code, e-mail, username, external id or id`.
pub fn keys(d: &Descriptor) -> String {
    let mut words: Vec<String> = d.all_keys().map(|key| key.name().replace('_', " ")).collect();
    words.dedup();
    let mut said = match words.as_slice() {
        [] => "id".to_owned(),
        words => format!("{} or id", words.join(", ")),
    };
    if let Some(first) = said.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    said
}

/// The flags of a new record.
fn given(d: &Descriptor) -> Cow<'static, str> {
    if !d.examples.create.is_empty() {
        return d.examples.create.into();
    }
    let flags = d.settable().filter(|f| f.must_be_given());
    let flags: Vec<String> = flags.map(|f| format!("--{} {}", f.name().replace('_', "-"), f.ty.label)).collect();
    flags.join(" ").into()
}

/// A line that creates one.
pub fn create(d: &Descriptor) -> String {
    format!("orgctl {} create {}", d.noun, given(d)).trim_end().to_owned()
}

/// A move to another state, of one and of many.
pub fn transition(d: &Descriptor, t: &Transition) -> String {
    let (noun, verb, from) = (d.noun, t.verb, t.from.first().copied().unwrap_or_default());
    let needs = t.needs().filter_map(|name| d.field(name));
    let told: String = needs.map(|f| format!(" --{} {}", f.name().replace('_', "-"), f.ty.label)).collect();
    format!(
        "orgctl {noun} {verb} {}{told}\norgctl {noun} list --filter status={from} -o key | orgctl {noun} {verb} -{told}",
        key(d)
    )
}

/// A change: of what a new record is given, the first that does not name it.
pub fn change(d: &Descriptor) -> String {
    let given = given(d);
    let flags: Vec<&str> = given.split("--").map(str::trim).filter(|flag| !flag.is_empty()).collect();
    let field = |flag: &str| flag.split([' ', '=']).next().and_then(|name| d.field(&name.replace('-', "_")));
    let names_it = |flag: &str| field(flag).is_none_or(|f| d.all_keys().any(|key| key.has(f)));
    let chosen = flags.iter().find(|flag| !names_it(flag)).or(flags.first());
    chosen.map_or_else(|| "--edit".to_owned(), |flag| format!("--{flag}"))
}

/// The fields that `find` looks into, without the parts of one that is there as a whole.
fn searched(d: &Descriptor) -> Vec<&'static Field> {
    let mut fields: Vec<&'static Field> = Vec::new();
    for field in d.fields.iter().filter(|f| f.has(Attr::Search)) {
        let field = d.concat_of(field).unwrap_or(field);
        if fields.iter().all(|f| f.column != field.column) {
            fields.push(field);
        }
    }
    fields
}

/// `code, name or city`
pub fn found_by(d: &Descriptor) -> String {
    let names: Vec<String> = searched(d).iter().map(|f| f.name().replace('_', " ")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

/// What `find` is given.
pub fn words(d: &Descriptor) -> &'static str {
    match searched(d).iter().any(|f| f.ty.is_phone()) {
        true => "Beginnings of words, or last digits of a phone number",
        false => "Beginnings of words",
    }
}

/// Lines that find some.
pub fn find(d: &Descriptor) -> String {
    let line = |words: &&str| format!("orgctl {} find {words}", d.noun);
    match d.examples.find {
        [] => format!("orgctl {} find WORDS", d.noun),
        [all @ .., last] if !all.is_empty() => {
            let mut lines: Vec<String> = all.iter().map(line).collect();
            lines.push(format!("{} --limit 5", line(last)));
            lines.join("\n")
        }
        [one, ..] => line(one),
    }
}

/// Conditions that its records can be filtered by: `status=active name~fort`.
pub fn conditions(d: &Descriptor) -> String {
    let mut all = Vec::new();
    if d.has_status() {
        let usual = d.states.map(|(_, states)| states.first()).or(d.status_words().last().map(|w| w.word));
        all.extend(usual.map(|word| format!("status={word}")));
    }
    let word = d.examples.find.first().and_then(|words| words.split(' ').next()).unwrap_or("WORD");
    let named = searched(d).into_iter().find(|f| !d.key().has(f)).or(searched(d).first().copied());
    if let Some(field) = named {
        all.push(format!("{}~{word}", field.name()));
    }
    if all.is_empty() {
        let choice = d.fields.iter().find_map(|f| match f.ty.role {
            FieldKind::Choice([first, ..]) => Some(format!("{}={first}", f.name())),
            _ => None,
        });
        let reference = || d.fields.iter().find_map(|f| f.target().map(|t| format!("{}={}", f.name(), key(t))));
        all.extend(choice.or_else(reference));
    }
    all.join(" ")
}

/// A field of dates or times.
pub fn dated(d: &Descriptor) -> Option<&'static Field> {
    let is_dated = |f: &&Field| matches!(f.ty.kind, ValueType::Date | ValueType::Time);
    d.settable().find(is_dated).or_else(|| d.fields.iter().find(is_dated))
}

/// A field that can be left out, as every row of a file may get the same value of it.
pub fn constant(d: &Descriptor) -> String {
    let chosen = d.settable().find(|f| !f.ty.required && !d.is_key(f) && f.target().is_none());
    chosen.or(d.settable().next()).map_or_else(|| "FIELD=VALUE".to_owned(), |f| format!("{}={}", f.name(), f.ty.label))
}

/// A reference by another field of what it refers to: `parent.name`.
pub fn lookup(d: &Descriptor) -> Option<String> {
    let by = |target: &Descriptor| searched(target).into_iter().find(|f| !target.key().has(f));
    d.settable().find_map(|f| Some(format!("{}.{}", f.name(), by(f.target()?)?.name())))
}
