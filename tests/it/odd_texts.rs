//! No text in any option, key, cell, form or setting leads to "integrity broken", to a crash, or to the database's own words.

use orgctl::cli::program::Program;
use orgctl::model::kinds::Kinds;
use orgctl::model::resource::Descriptor;
use orgctl::model::resource::verbs::Verb;

use crate::each;
use crate::harness::{Engine, Output, on_both_engines_with_acme};

/// Empty, unseen, of several lines, steering the terminal, too long, marks without a letter, replaced, beyond every number and
/// every calendar, negative, and what other languages would run.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\u{200b}",
    "\u{202e}abc",
    "a\tb",
    "a\nb",
    "\u{2028}x\u{85}",
    "\u{1b}[31m",
    "\u{301}\u{301}",
    "\u{fffd}",
    "ﬁİß\u{301}",
    ", ,",
    "-1",
    "99999999999999999999",
    "9223372036854775808",
    "-9223372036854775809",
    "1e400",
    "NaN",
    "0x10",
    "１２",
    "١٢٣",
    "0001-01-01",
    "99999-12-31",
    "-0001-01-01",
    "2026-02-30",
    "2026-12-24T25:61:00Z",
    "18446744073709551616d",
    "'; drop table x; --",
    "%_\\",
    "{\"a\":1e999}",
    "[[[[",
    "=1+1",
    "name~",
    "A=B=C",
    "00000000-0000-0000-0000-000000000000",
    "*",
];

fn long() -> String {
    "é".repeat(10_000)
}

/// Whether a command ended as one does that was given nonsense.
#[track_caller]
fn is_told(said: &Output, what: &str) {
    assert!([0, 2, 3, 4, 6, 7].contains(&said.code), "{what}: {} {}", said.code, said.err);
    let err = said.err.to_lowercase();
    for word in ["constraint", "syntax error", "sqlstate", "panicked", "rule of the database", "invalid byte"] {
        assert!(!err.contains(word), "{what}: {}", said.err);
    }
    assert_eq!(
        said.code == 0,
        !said.err.starts_with("error: ") && !said.err.contains("\nerror: "),
        "{what}: {}",
        said.err
    );
}

fn key(noun: &str) -> &'static str {
    each::key(noun).unwrap_or("password.min_length")
}

/// Every leaf of the command tree with its path.
fn leaves(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
    for sub in command.get_subcommands() {
        let path: Vec<String> = path.iter().cloned().chain([sub.get_name().to_owned()]).collect();
        if sub.has_subcommands() { leaves(sub, &path, found) } else { found.push((path, sub.clone())) }
    }
}

/// What names files is tried elsewhere, for it would make them here; `demo` makes a database, and a key file is read.
/// `backup status` answers by its exit code, 1 where there is no backup.
fn is_elsewhere(path: &[String], arg: &clap::Arg) -> bool {
    let of_files = ["FILE", "FOLDER", "PATH", "VKEY", "EXPORT", "URL"];
    let names = arg.get_value_names().unwrap_or_default();
    let mut words = names.iter().flat_map(|n| n.split('|'));
    path[0] == "demo" || path.join(" ") == "backup status" || words.any(|n| of_files.contains(&n))
}

#[test]
fn no_text_in_an_option_breaks_anything() {
    let mut all = Vec::new();
    leaves(&Program::default().command(), &[], &mut all);
    on_both_engines_with_acme(|p| {
        each::fill(p);
        let mut n = 0;
        for (path, leaf) in &all {
            // What stands without a flag: the record that it is about, or a file.
            let plain = |arg: &clap::Arg| match arg.get_value_names().unwrap_or_default().first().map(|n| n.as_str()) {
                Some("FILE") => p.write("f.csv", "code,name\nX1,One\n"),
                Some("VALUE") => "12".to_owned(),
                _ => key(&path[0]).to_owned(),
            };
            let positional: Vec<String> = leaf.get_positionals().map(plain).collect();
            let flags = leaf.get_arguments().filter(|a| a.get_long().is_some() && a.get_action().takes_values());
            for flag in flags.filter(|a| !a.is_global_set() && !is_elsewhere(path, a)) {
                n += 1;
                // Each option gets another, so that every kind of text meets many kinds of option.
                if p.engine == Engine::Sqlite || n % 3 == 0 {
                    let text = TEXTS[n * 7 % TEXTS.len()];
                    let option = format!("--{}={text}", flag.get_long().unwrap_or_default());
                    let words = path.iter().chain(&positional).cloned().chain([option]);
                    let words: Vec<String> = words.chain(["--dry-run", "--yes"].map(str::to_owned)).collect();
                    is_told(&p.run_words(&words, b""), &format!("{words:?}"));
                }
            }
            if path[0] != "demo" && leaf.get_positionals().next().is_some() && !positional[0].contains("f.csv") {
                n += 1;
                let mut words: Vec<String> =
                    path.iter().cloned().chain(["--dry-run", "--yes", "--"].map(str::to_owned)).collect();
                words.push(TEXTS[n % TEXTS.len()].to_owned());
                words.extend(positional.iter().skip(1).cloned());
                is_told(&p.run_words(&words, b""), &format!("{words:?}"));
            }
        }
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// A file in which each row has one odd text in one cell.
fn cells(desc: &Descriptor) -> String {
    let (key, name) = if desc.noun == "user" { ("external_id", "first_name") } else { ("code", "name") };
    let columns: Vec<&str> = desc.fields.iter().filter(|f| f.parts().is_none()).map(|f| f.name()).collect();
    let long = long();
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(&columns).expect("a header");
    let mut n = 0;
    for odd in &columns {
        for text in TEXTS.iter().copied().chain([long.as_str(), "a\0b"]) {
            n += 1;
            // Each column gets others.
            if n % 3 != 0 {
                continue;
            }
            let own = format!("K{n}");
            let cell = |c: &&str| match *c {
                c if c == *odd => text.to_owned(),
                c if c == key => own.clone(),
                c if c == name => "Name".to_owned() + &own,
                _ => String::new(),
            };
            csv.write_record(columns.iter().map(cell)).expect("a row");
        }
    }
    String::from_utf8(csv.into_inner().expect("all of it")).expect("UTF-8")
}

#[test]
fn no_text_in_a_cell_breaks_anything() {
    on_both_engines_with_acme(|p| {
        for desc in Kinds::default().resources().filter(|d| d.does(Verb::Import)) {
            let key = if desc.noun == "user" { "external_id".to_owned() } else { desc.key().name() };
            let rows = cells(desc);
            for line in ["--keep-going", "--keep-going --on-conflict update"] {
                let org = if desc.is_org() { "" } else { "--org ACME" };
                let line = format!("{} import - {org} --key {key} {line}", desc.noun);
                let said = p.run_with(&line, &rows);
                is_told(&said, &line);
                assert_eq!(said.code, 7, "{line}: {}", said.err);
            }
        }
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn no_text_in_a_form_breaks_anything() {
    on_both_engines_with_acme(|p| {
        each::fill(p);
        let script =
            "#!/bin/sh\n{ grep -v \"^$FIELD = \" \"$1\"; cat \"$LINE\"; } > \"$1.new\"; mv \"$1.new\" \"$1\"\n";
        let editor = p.write("editor.sh", script);
        let mut n = 0;
        for desc in Kinds::default().resources() {
            for field in desc.settable() {
                n += 1;
                let text = TEXTS[n * 5 % TEXTS.len()];
                let line = format!("{} = {}\n", field.name(), toml::Value::String(text.to_owned()));
                let bare = format!("{} = {text}\n", field.name());
                let is_tried = p.engine == Engine::Sqlite || n % 3 == 0;
                for line in [if n % 2 == 0 { line } else { bare }].into_iter().filter(|_| is_tried) {
                    let mut env = p.env.clone();
                    env.insert(
                        "EDITOR".into(),
                        format!("FIELD={} LINE={} sh {editor}", field.name(), p.write("line", &line)),
                    );
                    let said = p.run_with_env(
                        &format!("{} update {} --edit --dry-run", desc.noun, key(desc.noun)),
                        &env,
                        false,
                    );
                    is_told(&said, &line);
                }
            }
        }
        p.run("db check").ok();
    });
}

#[test]
fn no_text_breaks_a_setting() {
    on_both_engines_with_acme(|p| {
        let keys = p.column("setting list", "key");
        for (n, key) in keys.iter().enumerate() {
            for text in TEXTS.iter().skip(n % 6).step_by(6).copied().chain([long().as_str()]) {
                let words = ["setting", "set", "--dry-run", "--", key, text].map(str::to_owned);
                is_told(&p.run_words(&words, b""), &format!("{words:?}"));
            }
        }
        p.run("db check").ok();
    });
}
