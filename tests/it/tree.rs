//! The tree of commands that a line is read by: no more of it is built than the line names, and nobody can tell.

use std::ffi::OsString;

use clap::{ArgMatches, Command};
use orgctl::cli::program::Program;

use crate::own_kinds::PROGRAM;

/// What a tree makes of a line: the arguments as they were read, or what is said of it.
fn told(read: Result<ArgMatches, clap::Error>) -> String {
    fn walk(matches: &ArgMatches) -> String {
        let mut args: Vec<String> = matches
            .ids()
            .map(|id| {
                let given = matches.get_raw(id.as_str()).map(Iterator::collect::<Vec<_>>);
                format!("{id}: {:?} {given:?}\n", matches.value_source(id.as_str()))
            })
            .collect();
        args.sort();
        let below = matches.subcommand().map_or(String::new(), |(word, below)| format!("{word}\n{}", walk(below)));
        args.concat() + &below
    }
    read.map_or_else(|e| format!("{:?}\n{}", e.kind(), e.render()), |matches| walk(&matches))
}

fn is_read_alike(program: Program, whole: &Command, line: &str) {
    let words: Vec<String> = std::iter::once("orgctl").chain(line.split_whitespace()).map(str::to_owned).collect();
    let argv: Vec<OsString> = words.iter().map(OsString::from).collect();
    let whole = told(whole.clone().try_get_matches_from(&words));
    assert_eq!(whole, told(program.read(&argv, &words)), "{line}");
}

#[test]
fn every_help_is_that_of_the_whole_tree() {
    fn walk(c: &Command, path: &str, lines: &mut Vec<String>) {
        lines.push(format!("{path} --help"));
        lines.push(format!("{path} --no-such-option"));
        for sub in c.get_subcommands() {
            walk(sub, &format!("{path} {}", sub.get_name()), lines);
        }
    }
    let whole = PROGRAM.command();
    let mut lines = Vec::new();
    walk(&whole, "", &mut lines);
    assert!(lines.len() > 300, "{}", lines.len());
    for line in &lines {
        is_read_alike(PROGRAM, &whole, line);
    }
}

#[test]
fn lines_are_read_and_mistakes_told_as_by_the_whole_tree() {
    let trees = [Program::default(), PROGRAM].map(|program| (program, program.command()));
    for line in [
        "--version",
        "-V",
        "user show a b c --as-of 7d -o json",
        "--org user user list --filter name~list --all",
        "--org=ACME -o json user create --name user --email a@b.example",
        "-ojson school list",
        "school show A",
        "school create --code",
        "audit log list --source dept",
        "audit log list --source 'dept list'",
        "audit log list --limit x",
        "audit list log",
        "audit lo list",
        "audit log lst",
        "usr list",
        "schol list",
        "user lst",
        "user shwo a",
        "user show --al",
        "user show a --with-delted",
        "user create --nam x",
        "create user",
        "list",
        "user list list",
        "user list --all --limit 3",
        "user list --all --page x -- user create",
        "ticket list --sort code",
        "ticket activate T-1",
        "specialty actvate T-1",
        "--code X branch create",
        "--colour branch list",
        "dept --code X create",
        "dem",
        "init --org-cod x",
        "demo now",
        "config",
        "config show x",
        "help",
        "user help",
        "backup restore",
        "backup --yes restore latest --into x",
        "branch unassign a",
        "user import f.csv --leavers nobody",
        "user purge",
    ] {
        for (program, whole) in &trees {
            is_read_alike(*program, whole, line);
        }
    }
}
