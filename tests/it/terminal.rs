//! What a person at a terminal is asked, through a real one.

use rexpect::session::{PtySession, spawn_command};

use crate::harness::{Engine, Place, both_with_acme};

fn at_terminal(p: &Place, line: &str) -> PtySession {
    spawn_command(p.spawn(line), Some(10_000)).expect("a terminal")
}

/// Waits for the program's end; its exit code.
fn ends(mut session: PtySession) -> i32 {
    session.exp_eof().expect("the end");
    match session.process_mut().wait().expect("a status") {
        rexpect::process::WaitStatus::Exited(_, code) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_missing_is_asked_for_until_it_is_right() {
    both_with_acme(|p| {
        let mut t = at_terminal(p, "branch create --code B1");
        t.exp_string("Name (name):").expect("the question");
        // Nothing is no answer.
        t.send_line("").expect("typed");
        t.exp_string("Name (name):").expect("the question again");
        t.send_line("Fort Road").expect("typed");
        t.exp_string("created branch B1 in ACME").expect("done");
        assert_eq!(ends(t), 0);
        assert_eq!(p.run("branch list --columns code,name").ok(), "code\tname\nB1\tFort Road\n");
        // Nothing is asked where nobody is, or nobody wants to be.
        assert!(p.run("branch create --code B2").fails(2).contains("give it with --name"));
        let mut t = at_terminal(p, "branch create --code B2 --no-input");
        t.exp_string("give it with --name").expect("the flag's name");
        assert_eq!(ends(t), 2);
    });
}

#[test]
fn what_goes_is_shown_and_asked_about() {
    both_with_acme(|p| {
        p.run("branch create --code HO --name Head").ok();
        p.run("branch create --code B1 --name One --parent HO").ok();
        // No is the default.
        let mut t = at_terminal(p, "branch delete HO --cascade");
        t.exp_string("delete branch B1 One").expect("what goes");
        t.exp_string("delete 2 branches? [y/N]").expect("the question");
        t.send_line("").expect("typed");
        t.exp_string("not confirmed; nothing was changed").expect("an answer");
        assert_eq!(ends(t), 1);
        // Ctrl-C leaves nothing half done.
        let mut t = at_terminal(p, "branch delete HO --cascade");
        t.exp_string("[y/N]").expect("the question");
        t.send_control('c').expect("typed");
        t.exp_string("interrupted; nothing was changed").expect("an answer");
        assert_eq!(ends(t), 130);
        assert_eq!(p.run("branch list -o key").ok(), "B1\nHO\n");
        // What was shown is what goes: somebody else was here meanwhile.
        let mut t = at_terminal(p, "branch delete HO --cascade");
        t.exp_string("[y/N]").expect("the question");
        p.run("branch update B1 --name Eins").ok();
        t.send("y").and_then(|_| t.flush()).expect("typed");
        t.exp_string("something changed since it was shown; nothing was deleted").expect("an answer");
        assert_eq!(ends(t), 4);
        let mut t = at_terminal(p, "branch delete HO --cascade");
        t.exp_string("[y/N]").expect("the question");
        t.send("y").and_then(|_| t.flush()).expect("typed");
        t.exp_string("deleted branch HO").expect("done");
        assert_eq!(ends(t), 0);
        assert_eq!(p.run("branch list -o key").ok(), "");
    });
}

#[test]
fn one_of_several_organisations_is_picked() {
    both_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        p.run("org create --code GAMMA --name Gamma").ok();
        let mut t = at_terminal(p, "branch create --code B1 --name One");
        t.exp_string("Organisation").expect("the question");
        t.send("gam").expect("typed");
        t.exp_string("GAMMA").expect("the match");
        t.send_line("").expect("typed");
        t.exp_string("created branch B1 in GAMMA").expect("done");
        assert_eq!(ends(t), 0);
    });
}

#[test]
fn init_asks_for_the_first_organisation() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let p = Place::new(engine);
        let mut t = at_terminal(&p, "init");
        t.exp_string("Code of the first organisation").expect("the question");
        t.send_line("ac me").expect("typed");
        t.exp_string("may hold only the letters").expect("why not");
        // The answer can be mended where it stands.
        for _ in 0..5 {
            t.send_control('h').expect("typed");
        }
        t.send_line("acme").expect("typed");
        t.exp_string("Its name").expect("the question");
        t.send_line("Acme Ltd").expect("typed");
        t.exp_string("created org ACME").expect("done");
        assert_eq!(ends(t), 0);
    }
}
