//! An option that a command has no use for, or that another one takes the place of, is refused: nothing is passed over.

use orgctl::cli::program::Program;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

/// Every command of the tree, with what it cannot do without.
fn commands() -> Vec<String> {
    let words = |noun: &str, verb: &str| match (noun, verb) {
        ("audit", "show" | "revert" | "prove") => "1",
        (_, "show" | "delete" | "restore" | "activate" | "deactivate" | "exists" | "history") => "K",
        (_, "update") => "K --name Z",
        ("branch", "create") => "--code K2 --name K2",
        ("org", "create") => "--code K2 --name K2",
        (_, "create") => "--name K2",
        (_, "find") => "k",
        (_, "purge") => "--deleted-before 1d",
        (_, "import") => "-",
        (_, "export") => "",
        ("branch", "move") => "K --root",
        ("dept", "members") => "K",
        ("user", "block" | "unblock" | "invite" | "uninvite" | "reports" | "check-password" | "dossier") => "K",
        ("user", "passwd") => "K --generate",
        ("user", "move") => "K --branch K",
        ("user", "assign-branch" | "unassign-branch") => "K --branch K",
        ("user", "rename") => "K --username kk",
        ("user", "merge") => "K K2",
        ("setting", "get" | "reset" | "explain") => "password.history",
        ("setting", "set") => "password.history 3",
        ("audit", "diff") => "--from 1d",
        ("audit", "append") => "--action x --resource a:b",
        ("audit", "archive") => "--before 1d --out a.jsonl",
        ("audit", "erase") => "--subject K",
        ("audit", "check-proof") => "p",
        ("db", "grants") => "--role r",
        _ => "",
    };
    let all = Program::default().verbs().chain([("config", "path")]);
    all.map(|(noun, verb)| format!("{noun} {verb} {}", words(noun, verb)).trim().to_owned()).collect()
}

/// There is no such organisation and no such column: a command that succeeds all the same has passed the option over.
#[test]
fn no_command_passes_an_option_over() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    for line in [
        "branch create --code K --name K",
        "dept create --code K --name K",
        "specialty create --code K --name K",
        "user create --username K --name K",
        "user create --username K2 --name K2",
        "org create --code K --name K",
    ] {
        p.run(line).ok();
    }
    let mut passed = Vec::new();
    for line in commands() {
        for option in ["--org NOSUCH", "--columns nosuch"] {
            // What is unknown or unused is told before anything is done.
            let mut env = p.env.clone();
            if !option.starts_with("--org") {
                env.insert("ORGCTL_ORG".into(), "ACME".into());
            }
            let said = p.run_with_env(&format!("{line} {option} --yes"), &env, false);
            if said.code == 0 {
                passed.push(format!("{line} {option}: {}", said.err.lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(passed.is_empty(), "{}", passed.join("\n"));
}

#[test]
fn what_a_command_has_no_use_for_is_refused_by_name() {
    on_both_engines_with_acme(|p| {
        for (line, sentence) in [
            ("db check --org ACME", "'db check' has no use for --org"),
            ("org list --org ACME", "'org list' has no use for --org"),
            ("org update ACME --name X --org ACME", "'org update' has no use for --org"),
            ("user whoami --org ACME", "'user whoami' has no use for --org"),
            ("init --org ACME", "'init' has no use for --org"),
            ("config path --org ACME", "'config path' has no use for --org"),
            ("branch tree --columns code", "'branch tree' has no use for --columns"),
            ("branch delete X --columns code", "'branch delete' has no use for --columns"),
            ("audit verify --columns seq", "'audit verify' has no use for --columns"),
            ("audit prove 1 --dry-run", "'audit prove' has no use for --dry-run"),
            ("demo --dry-run", "'demo' has no use for --dry-run"),
        ] {
            let err = p.run(line).fails(2);
            assert!(err.contains(sentence) && err.contains("hint: leave --"), "{line}: {err}");
        }
        // What speaks to all commands at once is no mistake in one of them.
        let mut env = p.env.clone();
        env.insert("ORGCTL_ORG".into(), "ACME".into());
        env.insert("ORGCTL_COLUMNS".into(), "code".into());
        for line in ["db check", "org list", "user whoami", "branch tree", "config show"] {
            p.run_with_env(line, &env, false).ok();
        }
    });
}

#[test]
fn of_two_options_none_wins_silently() {
    on_both_engines_with_acme(|p| {
        let users = p.write("u.csv", "email,name\nz@x.example,Zed\n");
        let branches = p.write("b.csv", "code,name\nB1,One\n");
        let passwords = p.write("p.csv", "email,name,password\nz@x.example,Zed,correct horse battery 99\n");
        let folder = p.path("backups").display().to_string();
        std::fs::create_dir(&folder).expect("a folder");
        p.run(&format!("audit keygen --signing-key {folder}.key")).ok();
        p.run(&format!("backup create --to {folder}/one.tar --signing-key {folder}.key")).ok();
        let archive = format!("{folder}/one.tar");
        for line in [
            "branch list --deleted --with-deleted".to_owned(),
            "branch export --deleted --with-deleted".to_owned(),
            format!("user import {users} --leavers block"),
            format!("user import {users} --sync --on-conflict skip"),
            format!("user import {users} --sync --on-conflict error"),
            format!("user import {users} --reset-passwords"),
            format!("branch import {branches} --set city=X --set city=Y"),
            format!("branch import {branches} --set city=X --set City=X"),
            "audit append - --action x".to_owned(),
            "audit append - --comment x".to_owned(),
            "audit append - --at 2026-11-01".to_owned(),
            "audit verify --file x.jsonl --org ACME".to_owned(),
            // What is there is changed by an update alone.
            format!("user import {users} --max-leavers 3"),
            format!("user import {users} --on-conflict skip --max-leavers 3"),
            format!("branch import {branches} --max-leavers 3"),
            format!("user import {passwords} --reset-passwords"),
            format!("user import {passwords} --reset-passwords --on-conflict skip"),
            format!("user import {users} --on-conflict update --max-leavers 3 --force"),
            "user export --with-hashes -o key".to_owned(),
            // The records that come are later than any that have been.
            "audit tail --follow --until 2026-11-01".to_owned(),
            "audit tail --follow --on 2026-11-01".to_owned(),
            "backup verify latest --quick --against-live".to_owned(),
            "backup verify latest --quick --scratch /tmp".to_owned(),
            format!("db copy --database {} --from sqlite:///nosuch/x.db --to sqlite:///nosuch/y.db", p.url),
            // A file lies where it lies.
            format!("backup show {archive} --from {folder}"),
            format!("backup verify {archive} --from {folder}"),
            format!("backup diff {archive} --from {folder}"),
            format!("backup restore {archive} --from {folder} --into sqlite:///nosuch/x.db"),
        ] {
            let said = p.run(&line);
            assert_eq!(said.code, 2, "{line}: {}{}", said.out, said.err);
        }
        assert_eq!(p.column("branch list", "code"), Vec::<String>::new());
        assert_eq!(p.column("user list", "email"), Vec::<String>::new());
        // The same thing said twice is said.
        p.run(&format!("user import {users} --sync --on-conflict update --leavers report")).ok();
        p.run(&format!("branch import {branches} --on-conflict error")).ok();
    });
}

/// Rows have a header: what ends well with `-o csv` gives one, or says that it has no rows.
#[test]
fn a_format_of_rows_gives_rows_or_is_refused() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    for line in [
        "branch create --code K --name K",
        "dept create --code K --name K",
        "specialty create --code K --name K",
        "user create --username K --name K --email k@x.example",
        "user create --username K2 --name K2",
        "org create --code K --name K",
    ] {
        p.run(line).ok();
    }
    let mut env = p.env.clone();
    env.insert("ORGCTL_ORG".into(), "ACME".into());
    let is_header = |line: &str| line.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_,".contains(c));
    let (mut without, mut with) = (Vec::new(), 0);
    for line in commands() {
        let said = p.run_with_env(&format!("{line} -o csv --yes"), &env, false);
        if said.code != 0 {
            continue;
        }
        match said.out.lines().next() {
            Some(first) if is_header(first) => with += 1,
            first => without.push(format!("{line}: {first:?} {}", said.err)),
        }
    }
    assert!(without.is_empty() && with > 35, "{with} with rows; without:\n{}", without.join("\n"));
}
