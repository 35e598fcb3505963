//! What a shell is offered while a word is being typed.

use std::process::Output;
use std::time::{Duration, Instant};

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme, split, with_lock};

/// What bash would be given for the last word of a line; a blank at the end begins a new one.
fn bash(p: &TestEnv, line: &str) -> Output {
    let mut words = split(line);
    if line.ends_with(' ') {
        words.push(String::new());
    }
    ask(p, "bash", &words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn ask(p: &TestEnv, shell: &str, words: &[&str]) -> Output {
    let mut command = p.spawn("--");
    command.args(words).env("COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string());
    command.env("_CLAP_IFS", "\n").output().expect("a process")
}

/// The candidates, where nothing else may be said.
#[track_caller]
fn offered(output: Output) -> Vec<String> {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// Without the flags that are offered where no value is.
#[track_caller]
pub fn values(p: &TestEnv, line: &str) -> Vec<String> {
    let ask = || -> Vec<String> { offered(bash(p, line)).into_iter().filter(|c| !c.starts_with("--")).collect() };
    // A Tab may take half a second, in which a machine at work elsewhere does not always connect.
    (0..3).map(|_| ask()).find(|offered| !offered.is_empty()).unwrap_or_default()
}

fn fill(p: &TestEnv) {
    p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
    p.run("branch create --code MUM02 --name 'Mumbai Dadar'").ok();
    p.run("branch create --code PUN01 --name Pune").ok();
    p.run("branch create --code MUM09 --name Gone").ok();
    p.run("branch delete MUM09 --yes").ok();
    p.run("org create --code BETA --name Beta").ok();
    p.run("branch create --code MUM77 --name 'Of Beta' --org BETA").ok();
}

#[test]
fn codes_come_from_the_database() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let all = ["MUM01", "MUM02", "MUM77", "PUN01"];
        assert_eq!(values(p, "orgctl branch show "), all);
        // A code may be typed in small letters.
        for verb in ["show", "update", "delete", "activate", "deactivate", "exists", "tree", "school show"] {
            let line = format!("orgctl branch {verb} mum");
            let line = if verb == "school show" { "orgctl school show mum".to_owned() } else { line };
            assert_eq!(values(p, &line), ["MUM01", "MUM02", "MUM77"], "{line}");
        }
        assert_eq!(values(p, "orgctl branch show PUN01 MUM0"), ["MUM01", "MUM02"]);
        // With the organisation on the line, in the environment, or of both the first.
        assert_eq!(values(p, "orgctl branch show --org BETA M"), ["MUM77"]);
        assert_eq!(values(p, "orgctl --org=beta branch show M"), ["MUM77"]);
        // References, organisations, and what only deleted records answer to.
        assert_eq!(values(p, "orgctl branch create --parent P"), ["PUN01"]);
        assert_eq!(values(p, "orgctl branch move MUM02 --to P"), ["PUN01"]);
        assert_eq!(values(p, "orgctl branch delete MUM02 --reassign-to P"), ["PUN01"]);
        assert_eq!(values(p, "orgctl branch list --org "), ["ACME", "BETA"]);
        assert_eq!(values(p, "orgctl org show b"), ["BETA"]);
        for verb in ["restore", "purge"] {
            assert_eq!(values(p, &format!("orgctl branch {verb} ")), ["MUM09"], "{verb}");
        }
        assert_eq!(values(p, "orgctl branch history MUM0"), ["MUM01", "MUM02", "MUM09"]);
    });
}

#[test]
fn words_that_bash_takes_apart_are_put_together() {
    on_both_engines_with_acme(|p| {
        fill(p);
        // COMP_WORDBREAKS has '=' and ':'; what is completed is the part behind them.
        let parts = ["orgctl", "branch", "create", "--parent", "=", "pun"];
        assert_eq!(offered(ask(p, "bash", &parts)), ["PUN01"]);
        let parts = ["orgctl", "branch", "list", "--org", "=", "BETA", "--filter", "parent=x", "--columns", "co"];
        assert_eq!(offered(ask(p, "bash", &parts)), ["code", "country"]);
        let parts = ["orgctl", "branch", "list", "--filter", "status", "=", "a"];
        assert_eq!(offered(ask(p, "bash", &parts)), ["active"]);
        let parts = ["orgctl", "branch", "list", "--filter", "status", "="];
        assert_eq!(offered(ask(p, "bash", &parts)), ["active", "inactive", "deleted"]);
        if p.engine == Engine::Sqlite {
            let file = p.file().display().to_string();
            let rest = format!("//{file}");
            let mut elsewhere = TestEnv::new(Engine::Sqlite);
            elsewhere.env.remove("ORGCTL_DATABASE_URL");
            let parts = ["orgctl", "--database", "=", "sqlite", ":", &rest, "branch", "show", "PU"];
            assert_eq!(offered(ask(&elsewhere, "bash", &parts)), ["PUN01"]);
        }
    });
}

#[test]
fn fields_and_words_of_closed_sets_are_offered() {
    let p = TestEnv::new(Engine::Sqlite);
    assert_eq!(values(&p, "orgctl branch list --columns code,na"), ["code,name"]);
    assert_eq!(values(&p, "orgctl branch list --sort created_a"), ["created_at"]);
    assert_eq!(values(&p, "orgctl branch list --filter stat"), ["state=", "status="]);
    assert_eq!(values(&p, "orgctl org create --type g"), ["government"]);
    assert_eq!(values(&p, "orgctl audit list --resource b"), ["branch"]);
    for verb in ["get", "set", "reset", "explain"] {
        assert_eq!(values(&p, &format!("orgctl setting {verb} password.m")), ["password.min_length"], "{verb}");
    }
    assert_eq!(offered(bash(&p, "orgctl bra")), ["branch"]);
    assert_eq!(offered(bash(&p, "orgctl branch cre")), ["create"]);
    assert_eq!(offered(bash(&p, "orgctl branch show --with")), ["--with-deleted"]);
}

#[test]
fn names_stand_beside_codes_where_the_shell_shows_them() {
    on_both_engines_with_acme(|p| {
        fill(p);
        assert_eq!(offered(ask(p, "fish", &["orgctl", "branch", "show", "MUM01"])), ["MUM01\tMumbai Fort"]);
        assert_eq!(offered(ask(p, "zsh", &["orgctl", "branch", "show", "MUM01"])), ["MUM01:Mumbai Fort"]);
        // Nothing in a database steers a terminal, or is more than a word to a shell.
        p.sql("update branches set name = 'a' || char(27) || 'b' where code = 'MUM01'")
            .or_else(|_| p.sql("update branches set name = 'a' || chr(27) || 'b' where code = 'MUM01'"))
            .expect("a name from elsewhere");
        assert_eq!(offered(ask(p, "fish", &["orgctl", "branch", "show", "MUM01"])), ["MUM01\ta\\x1bb"]);
        p.sql("update branches set code = 'MUM$(x)' where code = 'MUM02'").expect("a code from elsewhere");
        assert_eq!(values(p, "orgctl branch show MUM"), ["MUM01", "MUM77"]);
    });
}

#[test]
fn at_most_a_hundred_are_offered() {
    on_both_engines_with_acme(|p| {
        let rows: String = (0..150).map(|n| format!("X{n:03},Name\n")).collect();
        let file = p.write("many.csv", format!("code,name\n{rows}"));
        p.run(&format!("branch import {file}")).ok();
        assert_eq!(values(p, "orgctl branch show ").len(), 100);
        assert_eq!(values(p, "orgctl branch show X14").len(), 10);
    });
}

#[test]
fn without_a_database_nothing_is_said() {
    let none: Vec<String> = Vec::new();
    let quiet = |p: &TestEnv| {
        let began = Instant::now();
        assert_eq!(values(p, "orgctl branch show M"), none);
        assert_eq!(values(p, "orgctl branch list --org A"), none);
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    };
    // Not there, and not made.
    let p = TestEnv::new(Engine::Sqlite);
    quiet(&p);
    assert!(!p.file().exists());
    // Empty, damaged, foreign, a folder.
    p.write("t.db", "");
    quiet(&p);
    assert_eq!(std::fs::metadata(p.file()).expect("a file").len(), 0);
    p.write("t.db", "this is no database, and no database was ever this, or longer than this");
    quiet(&p);
    let mut p = TestEnv::new(Engine::Sqlite);
    p.sql("select 1").err();
    std::fs::create_dir(p.file()).expect("a folder");
    quiet(&p);
    // A setting that is wrong is told by the command, not at every Tab.
    for (name, value) in
        [("ORGCTL_DATABASE_URL", "gopher://x"), ("ORGCTL_NONSENSE", "1"), ("ORGCTL_CONFIG", "/nowhere")]
    {
        p.env.insert(name.into(), value.into());
        quiet(&p);
    }
    // No server, one that does not answer, and a database that is empty.
    let mut p = TestEnv::new(Engine::Postgres);
    quiet(&p);
    p.env.insert("ORGCTL_DATABASE_URL".into(), "postgres://nobody@127.0.0.1:1/nothing".into());
    quiet(&p);
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = deaf.local_addr().expect("an address").port();
    p.env.insert("ORGCTL_DATABASE_URL".into(), format!("postgres://nobody@127.0.0.1:{port}/nothing"));
    quiet(&p);
}

#[test]
fn a_lock_is_not_waited_for() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let lock = match p.engine {
            Engine::Sqlite => "pragma locking_mode = exclusive; begin exclusive; update orgs set name = name",
            Engine::Postgres => "begin; lock table orgctl.branches in access exclusive mode",
        };
        let began = Instant::now();
        let found = with_lock(p, lock, || values(p, "orgctl branch show PU"));
        assert!(found.is_empty(), "{found:?}");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        assert_eq!(values(p, "orgctl branch show PU"), ["PUN01"]);
    });
}

#[test]
fn bash_itself_offers_it() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let script = "source <(COMPLETE=bash orgctl)\n\
            COMP_WORDS=(orgctl branch show mum0) COMP_CWORD=3 COMP_TYPE=9\n\
            _clap_complete_orgctl orgctl mum0 show\n\
            printf '%s\\n' \"${COMPREPLY[@]}\"\n\
            COMP_WORDS=(orgctl branch create --parent =) COMP_CWORD=4\n\
            _clap_complete_orgctl orgctl '' --parent\n\
            printf '%s\\n' \"${COMPREPLY[@]}\"";
        let folder = std::path::Path::new(env!("CARGO_BIN_EXE_orgctl")).parent().expect("a folder");
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        let said = std::process::Command::new("bash")
            .args(["--norc", "-c", script])
            .env_clear()
            .envs(&p.env)
            .env("PATH", path)
            .output()
            .expect("bash");
        assert_eq!(offered(said), ["MUM01", "MUM02", "MUM01", "MUM02", "MUM77", "PUN01"]);
    });
}

#[test]
fn a_database_in_use_is_read_and_never_written() {
    on_both_engines_with_acme(|p| {
        fill(p);
        if p.engine == Engine::Sqlite {
            let before = std::fs::read(p.file()).expect("a file");
            assert_eq!(values(p, "orgctl branch show PU"), ["PUN01"]);
            assert_eq!(std::fs::read(p.file()).expect("a file"), before);
        }
        let records = p.audit_records();
        // Behind an older or newer program's schema nothing is offered.
        assert_eq!(values(p, "orgctl branch show PU"), ["PUN01"]);
        assert_eq!(p.audit_records(), records);
        p.sql("update schema_migrations set version = 99 where version = (select max(version) from schema_migrations)")
            .expect("a newer schema");
        assert!(values(p, "orgctl branch show PU").is_empty());
    });
}

#[test]
fn each_shell_gets_its_script() {
    let p = TestEnv::new(Engine::Sqlite);
    for (shell, word) in [
        ("bash", "complete -o nospace"),
        ("/bin/zsh", "compdef"),
        ("fish", "complete --keep-order"),
        ("elvish", "arg-completer"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let said = p.spawn("").env("COMPLETE", shell).output().expect("a process");
        assert!(said.status.success(), "{shell}");
        assert!(String::from_utf8_lossy(&said.stdout).contains(word), "{shell}");
    }
    let said = p.spawn("").env("COMPLETE", "tcsh").output().expect("a process");
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).contains("one of bash, elvish, fish, powershell, zsh"));
    // Switched off, the program does its work.
    let said = p.spawn("--version").env("COMPLETE", "0").output().expect("a process");
    assert!(String::from_utf8_lossy(&said.stdout).starts_with("orgctl "));
}
