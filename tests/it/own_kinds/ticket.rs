//! Tickets have states: what may become of one, who may be in charge of it, and what a file may say.

use orgctl::states;

use super::{all_is_well, on_both_engines};
use crate::harness::TestEnv;

states! {
    /// How far a ticket is
    pub enum Progress {
        Open = "open" [Open],
        Started = "in_progress" | "started" [Open],
        Done = "done" [Importable],
        Closed = "closed",
    }
    /// Begin to work on tickets
    "start": [Open] => Started [Stamps(&["started_at"])];
    /// Tell that tickets are done
    "finish": [Started] => Done [Stamps(&["done_at"]), Takes(&["minutes"])];
    /// Take up tickets again
    "reopen": [Done, Closed] => Open [Clears(&["done_at", "closed_at"]), Permission("reopen")];
    /// Give tickets up
    "close": [Open, Started] => Closed [Stamps(&["closed_at"]), Needs(&["reason"]), Told(Action::Archive)];
}

fn ticket(p: &TestEnv, title: &str, assignee: &str) -> String {
    p.run(&format!("ticket create --title {title} --requester asha --assignee {assignee} -o key"))
        .ok()
        .trim()
        .to_owned()
}

fn minute(time: &serde_json::Value) -> &str {
    time.as_str().and_then(|t| t.get(..16)).unwrap_or("none")
}

/// A third one, to whom work can go.
fn meena(p: &TestEnv) {
    p.run("user create --name Meena --username meena").ok();
}

#[test]
fn a_ticket_goes_from_state_to_state() {
    on_both_engines(|p| {
        let key = ticket(p, "Tap", "ravi");
        let told = p.json(&format!("ticket show {key}"));
        assert_eq!(
            (&told["status"], &told["state"], &told["started_at"]),
            (&"open".into(), &"open".into(), &().into())
        );
        p.wait(60);
        let done = p.run("ticket start T-001");
        assert!(done.err.contains("ticket T-001: open -> in_progress"), "{}", done.err);
        done.ok();
        let told = p.json("ticket show T-001");
        assert_eq!((&told["status"], minute(&told["started_at"])), (&"in_progress".into(), "2026-11-21T00:01"));
        // Again is no mistake, and no change.
        let again = p.run("ticket start T-001");
        assert!(again.err.contains("ticket T-001 is in_progress already; nothing was changed"), "{}", again.err);
        again.ok();
        // What can't be is refused with what can.
        let refused = p.run("ticket reopen T-001");
        assert!(
            refused.err.contains("ticket T-001 is in_progress: 'reopen' takes one that is done or closed"),
            "{}",
            refused.err
        );
        assert!(
            refused.err.contains(
                "from in_progress it can become: done (orgctl ticket finish T-001), closed (orgctl ticket close T-001)"
            ),
            "{}",
            refused.err
        );
        refused.fails(4);
        p.wait(60);
        p.run("ticket finish T-001").ok();
        assert_eq!(p.column("ticket list --filter status=done", "code"), ["T-001"]);
        assert_eq!(p.column("ticket list --filter status=open", "code"), Vec::<String>::new());
        assert_eq!(p.column("ticket list --as-of 2026-11-21T00:01:30Z", "status"), ["in_progress"]);
        assert_eq!(p.column("ticket list --as-of 2026-11-21T00:00:30Z", "status"), ["open"]);
        p.run("ticket reopen T-001").ok();
        let told = p.json("ticket show T-001");
        assert_eq!((&told["status"], &told["done_at"]), (&"open".into(), &().into()));
        assert_eq!(minute(&told["started_at"]), "2026-11-21T00:01", "it was begun once");
        p.run("ticket close T-001 --reason void").ok();
        // What was refused is told too.
        let actions = p.column("ticket history T-001", "action");
        assert_eq!(actions, ["create", "update", "update", "update", "update", "archive"]);
        let last = p.column("ticket history T-001", "seq").pop().expect("a record");
        assert_eq!(p.json(&format!("audit show {last} --org ACME"))["payload"]["verb"], "close");
        p.run("ticket delete T-001 --yes").ok();
        assert_eq!(p.column("ticket list --deleted", "status"), ["deleted"]);
        p.run("ticket start T-001").fails(3);
        all_is_well(p);
    });
}

/// A move may be told more, and one that must be asks for it; nobody is told that nothing was said.
#[test]
fn a_move_is_told_what_belongs_to_it() {
    on_both_engines(|p| {
        ticket(p, "Tap", "ravi");
        ticket(p, "Sink", "ravi");
        p.run("ticket start T-001 T-002").ok();
        p.run("ticket start T-001 --minutes 5").fails(2);
        p.run("ticket finish T-001 --minutes 95").ok();
        let seq = p.column("ticket history T-001", "seq").pop().expect("a record");
        let payload = p.json(&format!("audit show {seq} --org ACME"))["payload"].clone();
        assert_eq!(
            (&payload["verb"], &payload["new"]["minutes"], &payload["new"]["state"]),
            (&"finish".into(), &95.into(), &"done".into())
        );
        // Said again it is no change, said otherwise it is none that this verb makes.
        p.run("ticket finish T-001 --minutes 95").ok();
        let said = p.run("ticket finish T-001 --minutes 90").fails(4);
        assert!(said.contains("ticket T-001 is done already, with another minutes"), "{said}");
        p.run("ticket finish T-002 --minutes x").fails(6);

        let said = p.run("ticket close T-002").fails(2);
        assert!(said.contains("the reason of the ticket is missing") && said.contains("--reason"), "{said}");
        p.run("ticket close T-002 --reason ''").fails(6);
        p.run("ticket close T-002 --reason 'No water'").ok();
        assert_eq!(p.json("ticket show T-002")["reason"], "No water");
        assert!(p.run("ticket close --help").ok().contains("orgctl ticket close KEY --reason TEXT"), "help");
        // A file that moves is asked for it too.
        ticket(p, "Roof", "ravi");
        let file = "code,state\nT-003,closed\n";
        let said = p.run_with("ticket import - --on-conflict update", file).fails(6);
        assert!(said.contains("reason must be given where ticket T-003 becomes closed"), "{said}");
        p.run_with("ticket import - --on-conflict update", "code,state,reason\nT-003,closed,dry\n").ok();
        assert_eq!(p.json("ticket show T-003")["status"], "closed");
        all_is_well(p);
    });
}

/// A ticket belongs where its assignee works; who works nowhere leads nowhere, and then it is the requester who counts.
#[test]
fn a_ticket_belongs_where_its_assignee_works() {
    on_both_engines(|p| {
        meena(p);
        for line in [
            "branch create --code WEST --name West",
            "branch create --code MUM --name Mumbai --parent WEST",
            "branch create --code DEL --name Delhi",
            "user move asha --branch MUM",
            "user move ravi --branch DEL",
        ] {
            p.run(line).ok();
        }
        ticket(p, "Tap", "ravi");
        ticket(p, "Sink", "meena");
        p.run("ticket create --title Roof --requester asha").ok();
        p.run("ticket create --title Door --requester meena").ok();
        let west = "ticket list --filter in_branch=WEST --sort code";
        assert_eq!(p.column(west, "title"), ["Sink", "Roof"]);
        assert_eq!(p.column("ticket list --filter in_branch=DEL", "title"), ["Tap"]);
        assert_eq!(p.column("ticket list --filter in_branch!=WEST --sort code", "title"), ["Tap", "Door"]);
        p.wait(60);
        p.run("user move meena --branch DEL").ok();
        assert_eq!(p.column(west, "title"), ["Roof"]);
        assert_eq!(p.column(&format!("{west} --as-of 2026-11-21T00:00:30Z"), "title"), ["Sink", "Roof"]);
        all_is_well(p);
    });
}

/// No flag, form or filter sets a state by itself; several move at once, or none.
#[test]
fn a_state_is_changed_by_its_verbs_alone() {
    on_both_engines(|p| {
        ticket(p, "Tap", "ravi");
        ticket(p, "Sink", "ravi");
        p.run("ticket update T-001 --state done").fails(2);
        p.run("ticket create --title X --requester asha --state done").fails(2);
        p.run("ticket start T-002").ok();
        assert!(p.run("ticket finish T-002 T-001").fails(4).contains("T-001 is open"), "all or none");
        assert_eq!(p.column("ticket list --sort code", "status"), ["open", "in_progress"]);
        p.run("ticket start T-001 --if-version 9").fails(4);
        p.run("ticket start T-001 --dry-run").ok();
        assert_eq!(p.json("ticket show T-001")["status"], "open");
        p.run_with("ticket close - --reason void", "T-001\nT-002\n").ok();
        assert_eq!(p.column("ticket list --filter state=closed --sort code", "code"), ["T-001", "T-002"]);
        p.run("ticket list --filter status=active").fails(2);
        assert!(p.run("ticket --help").out.contains("Tell that tickets are done\n"), "{}", p.run("ticket --help").out);
        all_is_well(p);
    });
}

/// Undoing a move takes the move back, where there is one.
#[test]
fn a_move_is_reverted_by_the_one_that_leads_back() {
    on_both_engines(|p| {
        ticket(p, "Tap", "ravi");
        p.run("ticket close T-001 --reason void").ok();
        let of = |p: &TestEnv| p.column("ticket history T-001", "seq").pop().expect("a record");
        p.run(&format!("audit revert {} --org ACME", of(p))).ok();
        let told = p.json("ticket show T-001");
        assert_eq!((&told["status"], &told["closed_at"]), (&"open".into(), &().into()));
        p.run("ticket start T-001").ok();
        let refused = p.run(&format!("audit revert {} --org ACME", of(p))).fails(4);
        assert!(refused.contains("ticket T-001 is in_progress, and no move leads from there to open"), "{refused}");
        all_is_well(p);
    });
}

/// Who is to do something does not leave before it is done, and what is done keeps who did it.
#[test]
fn who_is_in_charge_is_so_while_it_is_open() {
    on_both_engines(|p| {
        meena(p);
        ticket(p, "Tap", "ravi");
        ticket(p, "Sink", "ravi");
        p.run("ticket start T-001").ok();
        p.run("ticket finish T-001").ok();
        let refused = p.run("user deactivate ravi").fails(4);
        assert!(refused.contains("1 ticket (assignee): T-002 depends on it"), "{refused}");
        p.run("user delete ravi --yes").fails(4);
        p.run("user deactivate ravi --reassign-to meena").ok();
        let of = |key: &str| p.json(&format!("ticket show {key}"))["assignee"].as_str().map(str::to_owned);
        let code = |name: &str| p.json(&format!("user show {name}"))["user_code"].as_str().map(str::to_owned);
        assert_eq!((of("T-001"), of("T-002")), (code("ravi"), code("meena")));
        // What he did can't be open again as long as he is to do it.
        let refused = p.run("ticket reopen T-001").fails(4);
        assert!(refused.contains("is not in use, and can't be the assignee of ticket T-001"), "{refused}");
        p.run("ticket create --title Pipe --requester asha --assignee ravi").fails(4);
        // On what is done, somebody who has left can be named.
        p.run("user delete ravi --yes").ok();
        p.run("ticket reopen T-001").fails(4);
        p.run("user purge ravi --yes").ok();
        p.run("ticket update T-001 --minutes 45").ok();
        p.run("ticket reopen T-001").fails(4);
        p.run("ticket update T-001 --assignee meena").ok();
        p.run("ticket reopen T-001").ok();
        // Who asked is history: she may go, whatever is open.
        p.run("user delete asha --yes").ok();
        p.run("user purge asha --yes").ok();
        assert_eq!(p.column("ticket list --sort code", "status"), ["open", "open"]);
        all_is_well(p);
    });
}

/// Who was to do something that is deleted may go for good: it comes back with nobody in charge.
#[test]
fn what_was_deleted_comes_back_without_who_is_gone() {
    on_both_engines(|p| {
        for title in ["Tap", "Sink"] {
            ticket(p, title, "ravi");
        }
        p.run("ticket start T-002").ok();
        p.run("ticket finish T-002").ok();
        p.run("ticket delete T-001 T-002 --yes").ok();
        p.run("user delete ravi --yes").ok();
        p.run("user purge ravi --yes").ok();
        p.run("ticket restore T-001 T-002").ok();
        assert_eq!(p.json("ticket show T-001")["assignee"], serde_json::Value::Null);
        assert_ne!(p.json("ticket show T-002")["assignee"], serde_json::Value::Null, "what is done keeps who did it");
        all_is_well(p);
    });
}

/// Who was in charge of what comes back still is; where he or she is out of use that is said.
#[test]
fn one_out_of_use_who_is_in_charge_again_is_told() {
    on_both_engines(|p| {
        ticket(p, "Tap", "ravi");
        p.run("branch create --code B2 --name Pune --manager ravi").ok();
        p.run("ticket delete T-001 --yes").ok();
        p.run("branch delete B2 --yes").ok();
        p.run("user deactivate ravi").ok();
        let said = p.run("ticket restore T-001");
        assert!(
            said.err.contains("(assignee of ticket T-001) is not in use: 'orgctl ticket update T-001 --assignee KEY'"),
            "{}",
            said.err
        );
        said.ok();
        let said = p.run("branch restore B2");
        assert!(said.err.contains("(manager of branch B2) is not in use"), "{}", said.err);
        said.ok();
        all_is_well(p);
    });
}

/// A file's new rows begin where all begin, or in a state that may be brought, with its stamps.
#[test]
fn a_file_brings_what_may_be_brought() {
    on_both_engines(|p| {
        let import = |text: &str| p.run_with("ticket import - --on-conflict update", text);
        let head = "code,title,requester,state,started_at,done_at\n";
        let done = "2026-11-20T10:00:00Z,2026-11-20T12:00:00Z";
        import(&format!("{head}T-1,Tap,asha,done,{done}\nT-2,Sink,asha,open,,\nT-3,Pipe,asha,,,\n")).ok();
        assert_eq!(p.column("ticket list --sort code", "status"), ["done", "open", "open"]);
        assert_eq!(p.json("ticket show T-1")["done_at"], "2026-11-20T12:00:00.000000Z");
        for (row, why) in [
            ("T-4,X,asha,in_progress,2026-11-20T10:00:00Z,", "a new ticket is open, and can't begin as in_progress"),
            ("T-4,X,asha,done,,2026-11-20T12:00:00Z", "started_at must not be empty where state is done"),
            ("T-4,X,asha,open,,2026-11-20T12:00:00Z", "done_at must be empty where state is open"),
            ("T-4,X,asha,lost,,", "must be one of open, in_progress, done, closed"),
            ("T-1,Tap,asha,in_progress,,", "is done, and no move leads from there to in_progress"),
            ("T-2,Sink,asha,open,2026-11-20T10:00:00Z,", "started_at changes with the state, and not by itself"),
        ] {
            let said = import(&format!("{head}{row}\n"));
            assert!(said.err.contains(why), "{row}: {}", said.err);
            said.fails(6);
        }
        // A move is made, and stamped where the file has no time of its own.
        p.wait(60);
        import("code,state\nT-2,started\n").ok();
        let told = p.json("ticket show T-2");
        assert_eq!((&told["status"], minute(&told["started_at"])), (&"in_progress".into(), "2026-11-21T00:01"));
        import("code,status\nT-2,done\n").ok();
        assert_eq!(p.json("ticket show T-2")["status"], "done");
        let last = p.column("ticket history T-2", "seq").pop().expect("a record");
        assert_eq!(p.json(&format!("audit show {last} --org ACME"))["payload"]["verb"], "finish");
        // What was told of an earlier move is not told of the next.
        import("code,state,reason\nT-3,closed,no pipe\n").ok();
        p.run("ticket reopen T-3").ok();
        let said = import("code,state\nT-3,closed\n").fails(6);
        assert!(said.contains("reason must be given anew where ticket T-3 becomes closed"), "{said}");
        // The same once more says nothing new.
        let out = p.run("ticket export").ok();
        let done = p.run_with("ticket import - --on-conflict update -o json", &out).json();
        assert_eq!((&done["unchanged"], &done["updated"]), (&3.into(), &0.into()), "{done}");
        all_is_well(p);
    });
}

/// The reference draws the states.
#[test]
fn its_states_are_drawn() {
    let drawn = crate::surface::states_of(super::PROGRAM, "ticket");
    assert!(drawn.contains("stateDiagram-v2\n    [*] --> open\n    open --> in_progress: start\n"), "{drawn}");
    assert!(drawn.contains("    closed --> open: reopen\n"), "{drawn}");
}

/// The database itself holds a row to what its state says.
#[test]
fn the_table_says_the_same() {
    on_both_engines(|p| {
        ticket(p, "Tap", "ravi");
        p.sql("update tickets set done_at = created_at").expect_err("a stamp of another state");
        p.sql("update tickets set state = 'lost'").expect_err("no state");
    });
}
