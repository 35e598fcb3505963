//! The limit of every text is the same in the schema and in the program, and holds for what is kept: a text may grow when it
//! is normalised. What is too long is told of its field, before the database is asked.

use std::collections::{BTreeMap, BTreeSet};

use orgctl::model::kinds::Kinds;
use orgctl::model::resource::verbs::Verb;
use orgctl::model::resource::{Descriptor, Field};
use orgctl::model::values::scalar::FieldKind;
use orgctl::model::values::value::ValueType;
use orgctl::store::engine::location::Engine;
use orgctl::store::schema::stored_values::tables;

use crate::each;
use crate::harness::{TestEnv, on_both_engines_with_acme};

/// Fields that hold a text of the operator's own words.
fn texts(desc: &'static Descriptor) -> impl Iterator<Item = &'static Field> {
    desc.fields
        .iter()
        .filter(|f| f.ty.kind == ValueType::Text && matches!(f.ty.role, FieldKind::Plain) && f.parts().is_none())
}

/// What `length(column) <= 200` says of each column of a table.
fn limits(engine: Engine, table: &str) -> BTreeMap<String, usize> {
    let all = tables(Kinds::default(), engine).expect("the migrations");
    let table = all.iter().find(|t| t.name == table).expect("a table");
    let of = |(column, _): &(String, String)| {
        let limit = table.checks.iter().find_map(|(_, rule)| {
            let rest = rule.split_once(&format!("length({column}) "))?.1;
            let number = rest.trim_start_matches(['<', '=', ' ']);
            number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        limit.map(|limit| (column.clone(), limit))
    };
    table.columns.iter().filter_map(of).collect()
}

#[test]
fn the_schema_has_the_limits_of_the_program() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for desc in Kinds::default().resources() {
            let limits = limits(engine, desc.table);
            for field in texts(desc) {
                assert_eq!(limits.get(field.column), Some(&field.ty.max), "{engine:?} {}.{}", desc.table, field.column);
            }
        }
    }
}

/// Texts for a field, and whether they are to be taken.
fn cases(field: &Field) -> Vec<(String, bool)> {
    let max = field.ty.max;
    let some = |cases: &[(&str, usize, bool)]| cases.iter().map(|(s, n, is)| (s.repeat(*n), *is)).collect::<Vec<_>>();
    match field.ty.label {
        // Form C: a letter and its mark are one, but for those that it takes apart for good (U+0958 is two, U+FB2C three).
        "TEXT" => some(&[
            ("x", max, true),
            ("y", max + 1, false),
            ("e\u{301}", max, true),
            ("o\u{301}", max + 1, false),
            ("\u{958}", max / 2, true),
            ("\u{959}", max / 2 + 1, false),
            ("\u{fb2c}", max / 3 + 1, false),
            ("ﬀ", max, true),
            ("ß", max, true),
            ("İ", max, true),
            ("İ", max + 1, false),
            ("😀", max, true),
            ("😀", max + 1, false),
        ]),
        "CODE" if max == 6 => {
            some(&[("A", 6, true), ("A", 7, false), ("ﬀ", 3, true), ("ﬁ", 4, false), ("ß", 6, false)])
        }
        // Form KC: a ligature is its letters.
        "CODE" => some(&[
            ("A", max, true),
            ("B", max + 1, false),
            ("ﬀ", max / 2, true),
            ("ﬁ", max / 2 + 1, false),
            ("Ａ", max - 1, true),
            ("ß", max, false),
            ("İ", max, false),
        ]),
        "NAME" => some(&[
            ("a", 64, true),
            ("b", 65, false),
            ("ﬀ", 32, true),
            ("ﬁ", 33, false),
            ("ß", 64, true),
            ("ß", 65, false),
            // In small letters an i and a dot that stands alone.
            ("İ", 40, false),
            ("㍿", 16, true),
            ("㍿", 17, false),
        ]),
        "ID" => {
            some(&[("a", 64, true), ("b", 65, false), ("\u{958}", 32, true), ("\u{959}", 33, false), ("ﬀ", 64, true)])
        }
        "E-MAIL" => {
            let domain = [63, 63, 61].map(|n| "d".repeat(n)).join(".");
            let longer = [63, 63, 62].map(|n| "d".repeat(n)).join(".");
            let local = |c: &str| c.repeat(64);
            vec![
                (format!("{}@{domain}", local("a")), true),
                (format!("{}@{longer}", local("b")), false),
                (format!("{}@x.example", "c".repeat(65)), false),
                (format!("e@{}.example", "e".repeat(64)), false),
                (format!("f@{}.example", "ß".repeat(70)), false),
            ]
        }
        "URL" => vec![
            (format!("https://e.example/{}", "x".repeat(1982)), true),
            (format!("https://e.example/{}", "x".repeat(1983)), false),
            // Six characters each, once they are written as a URL has them.
            (format!("https://e.example/{}", "é".repeat(330)), true),
            (format!("https://e.example/{}", "é".repeat(331)), false),
        ],
        "WORD" | "WORD|*" => some(&[("x", max, true), ("y", max + 1, false)]),
        "PHONE" => some(&[("9", 17, false), ("+9", 20, false)]),
        "PINCODE" => some(&[("1", 6, true), ("1", 13, false), ("①", 6, true), ("⑩", 7, false)]),
        "LANGUAGE" | "ZONE" => some(&[("x", max + 1, false), ("é", 10_000, false)]),
        other => panic!("no texts for {other}"),
    }
}

/// The field that names a record in the files here, and what it must have besides.
fn key_and_name(desc: &Descriptor) -> (&'static str, &'static str) {
    if desc.noun == "user" { ("external_id", "first_name") } else { ("code", "name") }
}

/// A file in which each row tries one text in one field, and the rows that are to be rejected: line and column.
fn trial(desc: &'static Descriptor) -> (String, BTreeSet<(String, String)>, usize) {
    let fields: Vec<&Field> = texts(desc).filter(|f| !f.is_managed()).collect();
    let (key, name) = key_and_name(desc);
    let mut file = fields.iter().map(|f| f.name()).collect::<Vec<_>>().join(",") + "\n";
    let (mut wrong, mut n) = (BTreeSet::new(), 0);
    for field in &fields {
        for (text, is_good) in cases(field) {
            let cell = |f: &&Field| match f.name() {
                of if of == field.name() => text.clone(),
                of if of == key => format!("K{n}"),
                of if of == name => format!("N{n}"),
                _ => String::new(),
            };
            file += &(fields.iter().map(cell).collect::<Vec<_>>().join(",") + "\n");
            n += 1;
            if !is_good {
                wrong.insert(((n + 1).to_string(), field.name().to_owned()));
            }
        }
    }
    (file, wrong, n)
}

/// Runs an import of which some rows are rejected, and tells which.
fn rejected(p: &TestEnv, line: &str) -> BTreeSet<(String, String)> {
    let rejects = p.path("rejects.csv").display().to_string();
    let said = p.run(&format!("{line} --keep-going --rejects {rejects}"));
    assert!(!said.err.contains("rule of the database"), "{line}: {}", said.err);
    said.fails(7);
    let mut rows = csv::Reader::from_path(rejects).expect("the rejects");
    let mut at = |name: &str| rows.headers().expect("a header").iter().position(|h| h == name).expect("a column");
    let (line, column) = (at("reject_line"), at("reject_column"));
    rows.records().map(|row| row.expect("a row")).map(|row| (row[line].to_owned(), row[column].to_owned())).collect()
}

#[test]
fn a_text_that_is_too_long_is_told_with_its_row() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code OTHER --name Other").ok();
        let named = |d: &&'static Descriptor| d.field(key_and_name(d).0).is_some();
        for desc in
            Kinds::default().resources().filter(|d| d.does(Verb::Import) && texts(d).next().is_some()).filter(named)
        {
            let (key, name) = key_and_name(desc);
            let (file, wrong, n) = trial(desc);
            let plain: String = (0..n).map(|i| format!("K{i},Plain {i}\n")).collect();
            let plain = p.write("plain.csv", format!("{key},{name}\n{plain}"));
            let (new, old) = match desc.is_org() {
                true => (String::new(), String::new()),
                false => (" --org ACME".to_owned(), " --org OTHER".to_owned()),
            };
            let file = p.write("texts.csv", file);
            assert_eq!(rejected(p, &format!("{} import {file} --key {key}{new}", desc.noun)), wrong, "{}", desc.noun);
            if desc.is_org() {
                p.run(&format!("org import {plain} --on-conflict skip")).ok();
            } else {
                p.run(&format!("{} import {plain}{old}", desc.noun)).ok();
            }
            let line = format!("{} import {file} --key {key} --on-conflict update{old}", desc.noun);
            assert_eq!(rejected(p, &line), wrong, "{} update", desc.noun);
        }
        p.run("db check").ok();
    });
}

#[test]
fn a_text_that_is_too_long_is_told_of_its_flag() {
    on_both_engines_with_acme(|p| {
        each::fill(p);
        for desc in Kinds::default().resources().filter(|d| d.does(Verb::Update)) {
            let key = each::key(desc.noun).expect("one of each kind");
            for field in texts(desc).filter(|f| !f.is_managed()) {
                let flag = format!("--{}", field.name().replace('_', "-"));
                // The last that is too long is one that grows.
                let text = cases(field).into_iter().rfind(|(_, is_good)| !is_good).expect("a text").0;
                let said = p.run_words(&[desc.noun, "update", key, &flag, &text].map(str::to_owned), b"").fails(6);
                assert!(said.starts_with(&format!("error: {} m", field.name())), "{flag}: {said}");
            }
        }
        for (line, field) in
            [("user block u1 --reason", "reason"), ("user create --name", "name"), ("user update u1 --name", "name")]
        {
            let mut words: Vec<String> = crate::harness::split(line);
            words.push("\u{958}".repeat(600));
            let said = p.run_words(&words, b"").fails(6);
            assert!(said.contains(field) && said.contains(" characters"), "{line}: {said}");
        }
        p.run("db check").ok();
    });
}
