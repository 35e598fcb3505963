//! Kinds that are named by several fields, or by what they refer to: a child, a link, one per owner.

#[macro_use]
mod table;
mod comment;
mod preference;
mod reaction;
mod stint;
mod topic;
mod watcher;

use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::model::kinds::{Kind, Kinds, OWN};

use super::{ADDED, catalogue};
use crate::harness::{Engine, TestEnv, golden, on_both_engines_with};

const KEYED: &[Kind] =
    &[comment::COMMENT, watcher::WATCHER, preference::PREFERENCE, reaction::REACTION, stint::STINT, topic::TOPIC];

pub const KINDS: &[&[Kind]] = &[OWN, ADDED, KEYED];

pub const PROGRAM: Program = Program::new(Kinds::new(KINDS), &[LEAVES]);

fn place(engine: Engine) -> TestEnv {
    let mut p = TestEnv::new(engine);
    p.program = PROGRAM;
    p
}

/// Plays a story on both engines: ACME has Asha and Ravi, and Asha's tickets T-1 and T-2.
fn both(story: impl Fn(&TestEnv)) {
    let lines = [
        "init --org-code ACME --org-name 'Acme Ltd'",
        "user create --user-code ASHA22 --name asha --email asha@acme.example --username asha",
        "user create --user-code RAV222 --name ravi --email ravi@acme.example --username ravi",
        "ticket create --code T-1 --title 'About T-1' --requester asha",
        "ticket create --code T-2 --title 'About T-2' --requester asha",
    ];
    on_both_engines_with(PROGRAM, &lines, story);
}

/// What is right with a database from its schema to its trail.
fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn a_child_is_named_by_its_container_and_its_number() {
    both(|p| {
        p.run("comment create --ticket T-1 --number 7 --body 'It drips' --author asha").ok();
        assert_eq!(p.run("comment create --ticket t-1 --number 8 --body Again -o key").ok(), "T-1:8\n");
        let told = p.json("comment show T-1:7");
        assert_eq!((&told["key"], &told["ticket"], &told["number"]), (&"T-1:7".into(), &"T-1".into(), &7.into()));
        assert_eq!(p.run("comment list -o key").ok(), "T-1:7\nT-1:8\n");
        let said = p.run("comment create --ticket T-1 --number 7 --body Else").fails(4);
        assert!(said.contains("comment T-1:7 exists already in ACME"), "{said}");
        p.run("comment create --ticket T-2 --number 7 --body Other").ok();
        assert!(p.run("comment update t-1:7 --body 'It pours'").fails(0).contains("updated comment T-1:7: body"));
        assert_eq!(p.json("comment show T-1:7")["body"], "It pours");
        p.run("comment exists T-2:7").ok();
        // Its number is counted within the ticket, where none is given.
        assert_eq!(p.run("comment create --ticket T-2 --body Next -o key").ok(), "T-2:8\n");
        p.run_with("comment import -", "ticket,body\nT-1,a\nT-1,a\nT-2,b\n").ok();
        let keys = ["T-1:7", "T-1:8", "T-1:9", "T-1:10", "T-2:7", "T-2:8", "T-2:9"];
        assert_eq!(p.column("comment list", "key"), keys);
        assert_eq!(p.column("comment history T-1:10", "key"), ["T-1:10"]);
        all_is_well(p);
    });
}

/// Watchers, preferences and reactions: parts that refer to others are read by any key of those, and told by the first.
#[test]
fn a_link_is_named_by_what_it_joins() {
    both(|p| {
        p.run("ticket watch T-1 asha --reason 'Is near'").ok();
        for key in ["T-1:ASHA22", "t-1:asha", "T-1:asha@acme.example"] {
            assert_eq!(p.json(&format!("watcher show {key}"))["reason"], "Is near", "{key}");
        }
        let ticket = p.json("ticket show T-1")["id"].as_str().expect("an id").to_owned();
        p.run(&format!("watcher exists {ticket}:ravi")).fails(3);
        p.run(&format!("watcher exists {ticket}:asha")).ok();
        let there = p.run("ticket watch T-1 asha");
        assert!(there.err.contains("watcher T-1:ASHA22 is there already; nothing was changed"), "{}", there.err);
        there.ok();
        let other = p.run("ticket watch T-1 ravi asha --reason 'Is far'").fails(4);
        assert!(other.contains("watcher T-1:ASHA22 is there already, with another reason"), "{other}");
        assert!(other.contains("change it: orgctl watcher update T-1:ASHA22"), "{other}");
        p.run("watcher exists T-1:ravi").fails(3);
        p.run("ticket watch T-1 asha --reason 'Is near'").ok();
        assert_eq!(p.json("watcher show T-1:asha")["version"], 1);
        p.run("preference create --user ravi --scheme dark").ok();
        assert_eq!(p.run("preference list -o key").ok(), "RAV222\n");
        assert_eq!(p.json("preference show ravi@acme.example")["scheme"], "dark");
        assert!(p.run("preference create --user ravi").fails(4).contains("preference RAV222 exists already"));

        p.run("comment create --ticket T-1 --number 7 --body Drips").ok();
        p.run("comment create --ticket T-1 --number 8 --body 'So it does' --reply-to T-1:7").ok();
        p.run("reaction create --comment T-1:7 --user ravi").ok();
        assert_eq!(p.run("reaction list -o key").ok(), "T-1:7:RAV222\n");
        assert_eq!(p.json("reaction show t-1:7:ravi")["comment"], "T-1:7");
        // A part that may be left out is left out, and is none of those that are given.
        p.run("branch create --code B1 --name One").ok();
        p.run("stint create --user asha --stand-in ravi").ok();
        p.run("stint create --user asha --stand-in ravi --branch B1 --hours 8").ok();
        assert!(
            p.run("stint create --user asha --stand-in ravi").fails(4).contains("stint ASHA22:RAV222 exists already")
        );
        assert_eq!(p.run("stint list --sort key -o key").ok(), "ASHA22:RAV222\nASHA22:RAV222:B1\n");
        assert_eq!(p.json("stint show asha:ravi")["hours"], 40);
        assert_eq!(p.json("stint show asha:ravi:b1")["hours"], 8);

        // Filters, by an index.
        assert_eq!(p.column("comment list --filter reply_to=T-1:7", "key"), ["T-1:8"]);
        assert_eq!(p.column("comment list --filter key=T-1:8,t-1:7", "number"), ["7", "8"]);
        assert_eq!(p.column("reaction list --filter comment=T-1:7", "user"), ["RAV222"]);
        assert_eq!(p.column("reaction list --filter comment=T-1:8", "user"), Vec::<String>::new());
        p.run("reaction list --filter comment=T-1:9").fails(2);
        p.run("watcher delete T-1:asha --yes").ok();
        p.run("ticket watch T-1 asha").ok();
        assert_eq!(p.column("watcher history T-1:ASHA22", "key"), ["T-1:ASHA22"]);
        all_is_well(p);
    });
}

/// An owner without a row has the defaults: they are told as such, and the first update makes the row.
#[test]
fn an_owner_without_a_row_has_the_defaults() {
    both(|p| {
        let told = p.run("preference show asha -o json");
        assert!(told.err.contains("nothing is stored for user ASHA22 (asha): these are the defaults"), "{}", told.err);
        let told = told.json();
        let said = ["stored", "user", "scheme", "mails", "id", "version", "org"].map(|name| told[name].clone());
        assert_eq!(serde_json::json!(said), serde_json::json!([false, "ASHA22", "light", true, null, null, "ACME"]));
        let table = p.run("preference show ASHA22 -o table").ok();
        assert!(table.contains("ASHA22 (asha)") && table.contains("light"), "{table}");
        // It is in no list and no file, and does not exist.
        p.run("preference exists asha").fails(3);
        assert_eq!(p.run("preference list -o key").ok(), "");
        assert_eq!(p.run("preference export -o csv").ok().lines().count(), 1);
        p.run("preference delete asha --yes").fails(3);
        assert!(p.run("preference show nobody").fails(3).contains("preference nobody does not exist"));
        p.run("preference update asha --scheme dark --if-version 1").fails(4);
        p.run("preference update asha").fails(2);
        p.run("preference update asha --user ravi").fails(2);
        let records = p.audit_records();
        p.run("preference update asha --scheme dark --dry-run").ok();
        assert_eq!(p.audit_records(), records);

        p.wait(60);
        let made = p.run("preference update asha --scheme dark -o json");
        assert!(made.err.contains("created preference ASHA22 in ACME"), "{}", made.err);
        let made = made.json();
        assert_eq!((&made["stored"], &made["scheme"], &made["mails"]), (&true.into(), &"dark".into(), &true.into()));
        p.run("preference exists asha").ok();
        assert_eq!(p.column("preference history asha", "action"), ["create"]);
        assert_eq!(p.column("preference list --filter stored=yes", "scheme"), ["dark"]);
        // Of several some may have one.
        let both = p.run("preference update asha ravi --mails no -o json");
        assert!(
            both.err.contains("created preference RAV222") && both.err.contains("updated preference ASHA22: mails")
        );
        assert_eq!(both.json().as_array().map(Vec::len), Some(2));
        assert_eq!(p.column("preference list --sort user", "scheme"), ["dark", "light"]);
        // Before it was stored, the defaults held; and they hold again when it is gone.
        let then = p.run("preference show asha --as-of 2026-11-21T00:00:30Z -o json").json();
        assert_eq!((&then["stored"], &then["scheme"]), (&false.into(), &"light".into()));
        p.run("preference show asha --as-of 2026-11-20").fails(3);
        p.run("preference delete asha --yes").ok();
        let several = p.run("preference show asha ravi -o json").json();
        let stored: Vec<_> = several.as_array().expect("two").iter().map(|r| (&r["user"], &r["stored"])).collect();
        assert_eq!(stored, [(&"RAV222".into(), &true.into()), (&"ASHA22".into(), &false.into())]);
        p.run("preference restore asha").ok();
        assert_eq!(p.json("preference show asha")["scheme"], "dark");
        all_is_well(p);
    });
}

/// What is mistyped is answered with what is near; what is nobody's with the list.
#[test]
fn a_key_that_nobody_has_is_answered_with_the_nearest() {
    both(|p| {
        for number in [7, 12] {
            p.run(&format!("comment create --ticket T-1 --number {number} --body x")).ok();
        }
        p.run("ticket watch T-1 asha").ok();
        p.run("preference create --user asha").ok();
        for (line, near) in [
            ("comment show T-1:17", "did you mean T-1:7? 'orgctl comment list --org ACME' shows all"),
            ("comment show TT-1:12", "did you mean T-1:12?"),
            ("watcher show T-1:ASHA2", "did you mean T-1:ASHA22?"),
            ("preference show ASHA2", "did you mean ASHA22?"),
        ] {
            let said = p.run(&format!("{line} --org ACME")).fails(3);
            assert!(said.contains(near), "{line}: {said}");
        }
        for key in ["T-1", "T-1:", ":7", "T-1:x", "T-1:7:1", "::::", "a:b:c:d:e:f:g:h:i:j:k:l:m:n:o:p:q:r:s:t"] {
            p.run(&format!("comment show {key}")).fails(3);
            p.run(&format!("stint show {key}")).fails(3);
        }
        p.run(&format!("stint show {}", "a:".repeat(140))).fails(3);
    });
}

/// A text that may be split in several ways means one that is there; where two are, they are named.
#[test]
fn each_way_of_splitting_a_key_is_tried() {
    both(|p| {
        for (code, number) in [("AAA222", "E:1"), ("BBB222", "E"), ("CCC222", "2"), ("DDD222", "1:2")] {
            p.run(&format!("user create --user-code {code} --name {code} --external-id {number}")).ok();
        }
        p.run("stint create --user E:1 --stand-in 2 --hours 1").ok();
        assert_eq!(p.json("stint show E:1:2")["hours"], 1);
        p.run("stint create --user E --stand-in 1:2 --hours 2").ok();
        let said = p.run("stint show E:1:2").fails(4);
        assert!(said.starts_with("error: E:1:2 means two stints: "), "{said}");
        for title in ["stint AAA222:CCC222 ", "user BBB222 and stand_in DDD222"] {
            assert!(said.contains(title), "{said}");
        }
        assert_eq!(p.json("stint show AAA222:2")["hours"], 1);
        assert_eq!(p.json("stint show BBB222:1:2")["hours"], 2);
    });
}

/// Files give the parts in columns of their own, in any way that names what they refer to.
#[test]
fn links_and_children_come_by_files() {
    both(|p| {
        let file = "ticket,number,body,reply_to\nT-1,1,One,T-1:2\nT-1,2,Two,\nT-2,1,Three,T-1:1\n";
        p.run_with("comment import -", file).ok();
        assert_eq!(p.column("comment list --sort key", "key"), ["T-1:1", "T-1:2", "T-2:1"]);
        assert_eq!(p.column("comment list --sort key", "reply_to"), ["T-1:2", "null", "T-1:1"]);
        assert_eq!(p.column("comment history T-1:1", "key"), ["T-1:1"]);
        // The same again: what is there is said, skipped, or changed where it differs.
        let said = p.run_with("comment import -", file).fails(6);
        assert!(said.contains("comment T-1:1 exists already"), "{said}");
        p.run_with("comment import - --on-conflict skip", file).ok();
        let changed = file.replace("Two", "Other");
        let report = p.run_with("comment import - --on-conflict update -o json", &changed).json();
        assert_eq!((&report["created"], &report["updated"], &report["unchanged"]), (&0.into(), &1.into(), &2.into()));
        assert_eq!(p.json("comment show T-1:2")["body"], "Other");
        assert_eq!(p.column("comment history T-1:2", "action"), ["create", "update"]);
        // Twice in one file, in other words.
        let said = p.run_with("comment import -", "ticket,number,body\nT-2,5,a\nt-2,5,b\n").fails(6);
        assert!(said.contains("comment t-2:5 stands in the file already, on line 2"), "{said}");
        for (file, reason) in [
            ("ticket,number,body\nT-9,1,x\n", "ticket T-9 does not exist"),
            ("ticket,number,body\n,1,x\n", "ticket must not be empty"),
            ("ticket,number,body,reply_to\nT-1,9,x,T-1:8\n", "comment T-1:8 does not exist"),
        ] {
            let said = p.run_with("comment import -", file).fails(6);
            assert!(said.contains(reason), "{said}");
        }
        let said = p.run_with("comment import -", "number,body\n1,x\n").fails(6);
        assert!(said.contains("no column holds a key of the comment: ticket:number"), "{said}");
        assert!(said.contains("--map 'COLUMN=ticket'"), "{said}");

        // Whom a link joins is told by any key; or by another field that is named.
        p.run_with("watcher import -", "ticket,user,reason\nT-1,asha,a\nT-1,ravi@acme.example,b\n").ok();
        let twice = p.run_with("watcher import -", "ticket,user\nT-2,asha\nT-2,asha@acme.example\n").fails(6);
        assert!(twice.contains("stands in the file already"), "{twice}");
        let file = "ticket,Who,reason\nT-1,asha,c\nT-2,ravi,d\n";
        let report = p.run_with("watcher import - --map Who=user.name --on-conflict update -o json", file).json();
        assert_eq!((&report["created"], &report["updated"]), (&1.into(), &1.into()), "{report}");
        assert_eq!(p.column("watcher list --sort key", "reason"), ["c", "b", "d"]);
        p.run_with(
            "watcher import - --key ticket:user --set ticket=T-2 --on-conflict update",
            "user,reason\nRAV222,e\n",
        )
        .ok();
        assert_eq!(p.json("watcher show T-2:ravi")["reason"], "e");
        p.run_with("watcher import - --key ticket", "ticket,user\nT-2,asha\n").fails(2);
        p.run_with("preference import -", "user,scheme\nasha,dark\n").ok();
        let report =
            p.run_with("preference import - --on-conflict update -o json", "user,scheme\nASHA22,dark\n").json();
        assert_eq!(report["unchanged"], 1, "{report}");
        p.run_with("reaction import -", "comment,user\nT-1:1,asha\nt-1:2,ravi\n").ok();
        p.run_with("stint import -", "user,stand_in,branch\nasha,ravi,\nravi,asha,\n").ok();
        let said = p.run_with("stint import -", "user,stand_in,branch\nasha,ravi,\n").fails(6);
        assert!(said.contains("stint asha:ravi exists already"), "{said}");

        // What is exported is imported elsewhere.
        p.run("org create --code NEW --name New").ok();
        for noun in ["user", "ticket", "comment", "watcher", "preference", "reaction", "stint"] {
            let whole = p.run(&format!("{noun} export --org ACME")).ok();
            p.run_with(&format!("{noun} import - --org NEW"), &whole).ok();
            let in_order = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort_unstable();
                lines
            };
            let again = p.run(&format!("{noun} export --org NEW")).ok();
            assert_eq!(in_order(&again), in_order(&whole), "{noun}");
        }
        let said = p.run("comment show T-1:1").fails(2);
        assert!(said.contains("comment T-1:1 exists in several organisations: ACME, NEW"), "{said}");
        all_is_well(p);
    });
}

/// What both had stays with the one who stays; the other's goes with the duplicate, and comes back with it.
#[test]
fn a_merge_leaves_one_of_each_key() {
    both(|p| {
        for key in ["T-1 asha", "T-1 ravi", "T-2 ravi"] {
            p.run(&format!("ticket watch {key} --reason '{key}'")).ok();
        }
        p.run("preference create --user asha --scheme light").ok();
        p.run("preference create --user ravi --scheme dark").ok();
        p.run("stint create --user ravi --stand-in asha").ok();
        // One that was deleted before is the other's from then on, though it can't come back beside what he or she has.
        p.run("ticket create --code T-3 --title Gone --requester asha").ok();
        for user in ["ravi", "asha"] {
            p.run(&format!("ticket watch T-3 {user}")).ok();
        }
        let gone = p.json("watcher show T-3:ravi")["id"].to_string();
        p.run("watcher delete T-3:ravi --yes").ok();
        let said = p.run("user merge ravi asha --yes");
        assert!(said.err.contains("2 that user ASHA22 (asha) has too went with user RAV222 (ravi)"), "{}", said.err);
        said.ok();
        assert_eq!(p.column("watcher list --sort key", "key"), ["T-1:ASHA22", "T-2:ASHA22", "T-3:ASHA22"]);
        assert_eq!(p.column("watcher list --with-deleted --filter ticket=T-3", "key"), ["T-3:ASHA22"; 2]);
        assert!(p.run(&format!("watcher restore {gone}")).fails(4).contains("its key was taken meanwhile"));
        assert_eq!(p.json("watcher show T-1:asha")["reason"], "T-1 asha");
        assert_eq!(p.json("watcher show T-2:asha")["reason"], "T-2 ravi");
        assert_eq!(p.column("preference list", "scheme"), ["light"]);
        assert_eq!(p.run("stint list -o key").ok(), "ASHA22:ASHA22\n");
        all_is_well(p);
        p.run("user restore ravi").ok();
        let keys = ["T-1:ASHA22", "T-1:RAV222", "T-2:ASHA22", "T-3:ASHA22"];
        assert_eq!(p.column("watcher list --sort key", "key"), keys);
        assert_eq!(p.column("preference list --sort user", "scheme"), ["light", "dark"]);
        all_is_well(p);
    });
}

/// What is within a record goes and comes with it, unless its key was taken meanwhile.
#[test]
fn a_child_goes_and_comes_with_its_container() {
    both(|p| {
        p.run("comment create --ticket T-1 --number 7 --body Drips").ok();
        p.run("reaction create --comment T-1:7 --user ravi").ok();
        p.wait(60);
        p.run("ticket delete T-1 --yes").ok();
        assert!(p.run("comment show T-1:7 --org ACME").fails(3).contains("comment T-1:7 in ACME is deleted"));
        assert_eq!(p.json("comment show T-1:7 --with-deleted")["body"], "Drips");
        assert_eq!(p.column("comment history T-1:7", "action"), ["create", "delete"]);
        assert_eq!(p.json("reaction show T-1:7:ravi --as-of 2026-11-21T00:00:30Z")["user"], "RAV222");
        assert_eq!(p.column("reaction list --as-of 2026-11-21T00:00:30Z", "key"), ["T-1:7:RAV222"]);
        // Another ticket of the same number has comments of its own.
        p.run("ticket create --code T-1 --title Other --requester ravi").ok();
        p.run("comment show T-1:7").fails(3);
        p.run("comment create --ticket T-1 --number 7 --body New").ok();
        assert_eq!(p.json("comment show T-1:7")["body"], "New");
        p.run("ticket delete T-1 --yes").ok();
        let both = p.run("comment show T-1:7 --with-deleted -o json").json();
        assert_eq!(both.as_array().map(Vec::len), Some(2), "{both}");
        let ids = p.column("ticket list --deleted --sort created_at", "id");
        p.run(&format!("ticket restore {}", ids[0])).ok();
        assert_eq!(p.json("comment show T-1:7")["body"], "Drips");
        p.run("reaction exists T-1:7:ravi").ok();

        // A number that was given again keeps the other one away.
        p.run("comment delete T-1:7 --yes").ok();
        p.run("comment create --ticket T-1 --number 7 --body Again").ok();
        let said = p.run("comment restore T-1:7").fails(4);
        assert!(said.contains("comment T-1:7 has the key T-1:7, and is not deleted"), "{said}");
        let id = &p.column("comment list --deleted --filter body=Drips", "id")[0];
        let said = p.run(&format!("comment restore {id}")).fails(4);
        assert!(said.contains("comment T-1:7 can't come back: its key was taken meanwhile"), "{said}");

        // By its key one that is gone for good is known still.
        p.run("comment delete T-1:7 --yes").ok();
        p.run("ticket delete T-1 --yes").ok();
        for id in p.column("ticket list --deleted", "id") {
            p.run(&format!("ticket purge {id} --yes")).ok();
        }
        let said = p.run("comment history T-1:7").fails(4);
        assert!(said.contains("several deleted comments had the key T-1:7") && said.contains("purged"), "{said}");
        all_is_well(p);
    });
}

/// A change of a key is told by it, undone, and refused where the old one is taken.
#[test]
fn a_key_changes_and_changes_back() {
    both(|p| {
        p.run("comment create --ticket T-1 --number 7 --body x").ok();
        p.wait(60);
        p.run("comment create --ticket T-2 --number 8 --body y").ok();
        p.run("comment update T-2:8 --number 7 --ticket T-1").fails(4);
        let said = p.run("comment update T-1:7 --ticket T-2");
        assert!(said.err.contains("updated comment T-2:7: ticket"), "{}", said.err);
        said.ok();
        p.run("comment show T-1:7").fails(3);
        assert_eq!(p.json("comment show T-1:7 --as-of 2026-11-21T00:00:30Z")["key"], "T-1:7");
        assert_eq!(p.column("comment list --as-of 2026-11-21T00:00:30Z", "key"), ["T-1:7"]);
        assert_eq!(p.column("comment history T-2:7", "key"), ["T-1:7", "T-1:7"]);
        p.run("ticket update T-2 --code T-5").ok();
        assert_eq!(p.json("comment show T-5:7")["key"], "T-5:7");
        let seq = p.column("comment history T-5:7", "seq");
        p.run("comment create --ticket T-1 --number 7 --body z").ok();
        p.run(&format!("audit revert {} --org ACME", seq[1])).fails(4);
        p.run("comment delete T-1:7 --yes").ok();
        p.run(&format!("audit revert {} --org ACME", seq[1])).ok();
        assert_eq!(p.run("comment list --sort key -o key").ok(), "T-1:7\nT-5:8\n");
        assert_eq!(p.column("audit list --org ACME --resource comment --key T-5:8", "action"), ["update", "create"]);
        all_is_well(p);
    });
}

#[test]
fn keys_of_several_parts_are_completed() {
    let p = TestEnv::with_acme_and(Engine::Sqlite, PROGRAM);
    p.run("user create --user-code ASHA22 --name asha").ok();
    p.run("ticket create --code T-1 --title x --requester ASHA22").ok();
    p.run("ticket create --code U-1 --title x --requester ASHA22").ok();
    for key in ["T-1 --number 7", "T-1 --number 8", "U-1 --number 7"] {
        p.run(&format!("comment create --body x --ticket {key}")).ok();
    }
    let complete = |begun: &str| {
        let env = [("COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", "3"), ("_CLAP_IFS", " ")];
        let env = p.env.clone().into_iter().chain(env.map(|(n, v)| (n.to_owned(), v.to_owned()))).collect();
        p.run_with_env(&format!("-- orgctl comment show {begun}"), &env, false).ok()
    };
    assert_eq!(complete("T"), "T-1:7 T-1:8");
    assert_eq!(complete("t-1:8"), "T-1:8");
    assert_eq!(complete("U-1:"), "U-1:7");
}

/// Every shape plays what every kind plays.
fn all_conform(engine: Engine) {
    let make = || TestEnv::with_acme_and(engine, PROGRAM);
    std::thread::scope(|scope| {
        let threads: Vec<_> = KEYED
            .iter()
            .map(|kind| (kind.desc.noun, scope.spawn(move || crate::conformance::conforms(&make, kind.desc))))
            .collect();
        let failed: Vec<&str> =
            threads.into_iter().filter_map(|(noun, thread)| thread.join().is_err().then_some(noun)).collect();
        assert!(failed.is_empty(), "{failed:?} on {engine:?}");
    });
}

#[test]
fn keyed_kinds_conform_on_sqlite() {
    all_conform(Engine::Sqlite);
}

#[test]
fn keyed_kinds_conform_on_postgres() {
    all_conform(Engine::Postgres);
}

/// What PostgreSQL says of the tables, as `db check` holds it against.
#[test]
fn what_postgresql_says_of_keyed_tables_is_kept() {
    let p = place(Engine::Postgres);
    let _ = p.run("init");
    let known = std::fs::read_to_string(crate::harness::root().join("docs/postgres-schema.txt")).expect("the schema");
    let known = known + include_str!("../postgres-schema.txt");
    let added = catalogue(&p);
    let added: String = added.lines().filter(|l| known.lines().all(|o| o != *l)).map(|l| format!("{l}\n")).collect();
    golden("tests/it/own_kinds/composite/postgres-schema.txt", &added);
}

/// A part in words is compared as names are: on every path one title is one topic.
#[test]
fn a_part_in_words_is_folded() {
    both(|p| {
        p.run("topic create --ticket T-1 --title Café --weight high").ok();
        for title in ["CAFE", "cafe\u{301}", "ＣＡＦＥ"] {
            let said = p.run(&format!("topic create --ticket T-1 --title {title}")).fails(4);
            assert!(said.contains(" exists already in ACME"), "{said}");
            assert_eq!(p.json(&format!("topic show t-1:{title}"))["title"], "Café", "{title}");
        }
        p.run("topic create --ticket T-2 --title CAFE").ok();
        assert_eq!(p.column("topic list --sort key", "key"), ["T-1:Café", "T-2:CAFE"]);
        // In files: rows of one file, and what is there.
        let said = p.run_with("topic import -", "ticket,title\nT-1,Roof\nt-1,ROOF\nT-2,cafe\n").fails(6);
        assert!(
            said.contains("rejected line 3, title: topic t-1:ROOF stands in the file already, on line 2\n"),
            "{said}"
        );
        assert!(said.contains("rejected line 4, title: topic T-2:cafe exists already\n"), "{said}");
        let said = p.run_with("topic import - --on-conflict update", "ticket,title,weight\nT-1,CAFÉ,low\n").fails(0);
        assert!(said.contains("created 0, updated 1"), "{said}");
        let told = p.json("topic show T-1:cafe");
        assert_eq!((&told["title"], &told["weight"]), (&"CAFÉ".into(), &"low".into()));
        // What moves or comes back to a title that is taken is refused.
        p.run("topic update T-2:cafe --ticket T-1").fails(4);
        p.run("topic delete T-1:cafe --yes").ok();
        p.run("topic create --ticket T-1 --title cafe").ok();
        let said = p.run("topic restore T-1:CAFÉ");
        assert!(said.err.contains("T-1:"), "{}", said.err);
        assert_ne!(said.code, 0, "{}", said.err);
        all_is_well(p);
    });
}

/// A key is as long as its parts together, and each may be as long as one is.
#[test]
fn a_key_is_as_long_as_its_parts() {
    both(|p| {
        let (local, label) = ("a".repeat(60), "b".repeat(60));
        let email = format!("{local}@{label}.{label}.{label}.example");
        p.run(&format!("user create --user-code LNG222 --name Long --email {email}")).ok();
        p.run("ticket watch T-1 LNG222 --reason 'Is far'").ok();
        p.run(&format!("stint create --user {email} --stand-in {email}")).ok();
        // More than three hundred characters.
        assert_eq!(p.json(&format!("stint show {email}:{email}"))["key"], "LNG222:LNG222");
        assert_eq!(p.json(&format!("watcher show T-1:{email}"))["reason"], "Is far");
        let said = p.run(&format!("stint show {0}:{0}", "x".repeat(600))).fails(3);
        assert!(said.contains("stint"), "{said}");
    });
}

/// What was changed since a backup is told by what it is called, and not by ids.
#[test]
fn a_backup_tells_keys_in_words() {
    both(|p| {
        for user in ["asha", "ravi"] {
            p.run(&format!("ticket watch T-1 {user} --reason Near")).ok();
        }
        p.run("backup create").ok();
        p.run("watcher update T-1:asha --reason Far").ok();
        p.run("ticket watch T-2 asha").ok();
        p.run("watcher delete T-1:ravi --yes").ok();
        p.run("watcher purge T-1:ravi --yes").ok();
        p.run("topic create --ticket T-1 --title Roof").ok();
        let told = |name: &str| p.column("backup diff latest --trust-unsigned", name);
        let mut all: Vec<String> = told("change")
            .into_iter()
            .zip(told("key"))
            .zip(told("fields"))
            .map(|((c, k), f)| format!("{c} {k} {f}"))
            .collect();
        all.sort();
        let wanted =
            ["added T-1:Roof null", "added T-2:ASHA22 null", "changed T-1:ASHA22 reason", "removed T-1:RAV222 null"];
        assert_eq!(all, wanted);
    });
}
