//! The tree of commands that a line is read by: no more of it is built than the line names, and nobody can tell.

use clap::Command;
use orgctl::cli::tree::Program;

use crate::own_kinds::PROGRAM;

/// What a tree makes of a line: the arguments as they were read, or what is said of it.
fn read(tree: Command, words: &[String]) -> String {
    match tree.try_get_matches_from(words) {
        Ok(matches) => format!("{matches:#?}"),
        Err(e) => format!("{:?}\n{}", e.kind(), e.render()),
    }
}

fn is_read_alike(program: Program, whole: &Command, line: &str) {
    let words: Vec<String> = std::iter::once("orgctl").chain(line.split_whitespace()).map(str::to_owned).collect();
    let (whole, part) = (read(whole.clone(), &words), read(program.command_for(&words), &words));
    assert_eq!(whole, part, "{line}");
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
        "user unassign-branch a",
        "user import f.csv --leavers nobody",
        "user purge",
    ] {
        for (program, whole) in &trees {
            is_read_alike(*program, whole, line);
        }
    }
}
