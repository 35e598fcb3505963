//! Files of kinds that must refer to something.

use super::{all_is_well, on_both_engines};

#[test]
fn a_file_of_a_kind_with_a_required_reference_is_loaded() {
    on_both_engines(|p| {
        p.run("specialty create --code PLUMB --name Plumbing").ok();
        // A ticket further down the file is waited for.
        let file = p.write(
            "t.csv",
            "code,title,requester,specialty,waits_for,minutes\n\
             T-11,Tap,asha@acme.example,plumb,T-12,\n\
             T-12,Main,ravi,,,90\n",
        );
        for mode in ["error", "skip", "update"] {
            let done = p.json(&format!("ticket import {file} --on-conflict {mode} --dry-run"));
            assert_eq!((done["read"].as_u64(), done["created"].as_u64()), (Some(2), Some(2)), "{mode}: {done}");
        }
        p.run(&format!("ticket import {file}")).ok();
        assert_eq!(p.column("ticket list --sort code", "waits_for"), ["T-12", "null"]);
        assert_eq!(p.column("ticket list --sort code", "minutes"), ["30", "90"]);
        assert_eq!(p.column("ticket list --filter requester=ravi", "code"), ["T-12"]);
        p.run(&format!("ticket import {file}")).fails(6);
        let done = p.json(&format!("ticket import {file} --on-conflict skip"));
        assert_eq!(done["skipped"].as_u64(), Some(2), "{done}");
        all_is_well(p);
    });
}

#[test]
fn a_required_reference_is_changed_by_a_file() {
    on_both_engines(|p| {
        p.run("ticket create --code T-11 --title Tap --requester asha@acme.example").ok();
        let update = |text: &str| p.run_with("ticket import - --on-conflict update -o json", text);
        // A file that tells nothing of the reference leaves it, and one that tells it anew sets it.
        let done = update("code,title\nT-11,Sink\n");
        assert_eq!(done.json()["updated"].as_u64(), Some(1), "{}{}", done.out, done.err);
        let done = update("code,title,requester,waits_for\nT-11,Sink,ravi,T-12\nT-12,Main,asha,\n");
        assert_eq!(
            (done.json()["updated"].as_u64(), done.json()["created"].as_u64()),
            (Some(1), Some(1)),
            "{}",
            done.err
        );
        assert_eq!(p.column("ticket list --filter requester=ravi", "waits_for"), ["T-12"]);
        // The same once more says nothing new.
        let done = update("code,title,requester,waits_for\nT-11,Sink,ravi,T-12\nT-12,Main,asha,\n");
        assert_eq!(done.json()["unchanged"].as_u64(), Some(2), "{}", done.out);
        // It can't be taken away, and not be given to who is not there.
        let plain = |text: &str| p.run_with("ticket import - --on-conflict update", text);
        let done = plain("code,requester\nT-11,\n");
        assert!(done.err.contains("requester must not be empty"), "{}", done.err);
        let done = plain("code,requester\nT-11,nobody\n");
        assert!(done.err.contains("user nobody does not exist"), "{}", done.err);
        all_is_well(p);
    });
}

#[test]
fn rules_between_fields_are_held_against_rows_whose_references_are_not_known_yet() {
    on_both_engines(|p| {
        let told = p.run_with(
            "ticket import - -o json",
            "code,title,requester,minutes,reason\n\
             T-1,Tap,asha,701,\n\
             T-2,Tap,asha,701,old house\n\
             T-3,Tap,,20,\n\
             T-4,,nobody,701,\n\
             T-5,Tap,ravi,many,\n",
        );
        let json = told.json();
        let faults: Vec<String> = json["rejects"]
            .as_array()
            .expect("rejects")
            .iter()
            .map(|r| format!("{} {}", r["line"], r["reason"].as_str().unwrap_or_default()))
            .collect();
        let all = faults.join("\n");
        assert_eq!(json["rejected"].as_u64(), Some(4), "{all}");
        for fault in [
            "2 minutes above 700 need a reason",
            "4 requester must not be empty",
            "5 title must not be empty",
            "5 minutes above 700 need a reason",
            "5 user nobody does not exist",
        ] {
            assert!(all.contains(fault), "{fault} in:\n{all}");
        }
        assert!(faults.iter().any(|f| f.starts_with("6 minutes ")), "{all}");
        assert!(!all.contains("fit its own type"), "{all}");
        // The change of one that is there is held to the same.
        p.run("ticket create --code T-1 --title Tap --requester asha").ok();
        let told = p.run_with("ticket import - --on-conflict update", "code,requester,minutes\nT-1,ravi,701\n");
        assert!(told.err.contains("minutes above 700 need a reason"), "{}", told.err);
        let told = p.run_with(
            "ticket import - --on-conflict update --on-invalid reason=blank",
            "code,requester,minutes\nT-1,ravi,90\n",
        );
        told.ok();
    });
}

#[test]
fn an_export_is_loaded() {
    on_both_engines(|p| {
        p.run("ticket create --code T-2 --title Main --requester ravi").ok();
        p.run("ticket create --code T-1 --title Tap --requester asha --waits-for T-2").ok();
        let export = p.run("ticket export -o csv").ok();
        let done = p.run_with("ticket import - --on-conflict update -o json", &export);
        assert_eq!(done.json()["unchanged"].as_u64(), Some(2), "{}{}", done.out, done.err);
        // Into a place where there are none it brings the same.
        p.run("ticket delete T-1 T-2 --yes").ok();
        p.run("ticket purge T-1 T-2 --yes").ok();
        p.run_with("ticket import -", &export).ok();
        assert_eq!(
            p.run("ticket export -o csv --columns code,title,requester,waits_for,minutes").ok().lines().count(),
            3
        );
        assert_eq!(p.column("ticket list --sort code", "waits_for"), ["T-2", "null"]);
        all_is_well(p);
    });
}

/// Words tell nothing of whether two references mean one person: that is known once they are looked up.
#[test]
fn references_of_a_row_are_compared_once_they_are_known() {
    on_both_engines(|p| {
        let text = "code,title,requester,assignee,waits_for\n\
                    T-1,Tap,asha,asha@acme.example,\n\
                    T-2,Tap,asha,ravi@acme.example,\n\
                    T-3,Tap,ravi,ravi,T-1\n\
                    T-4,Tap,ravi,asha,T-1\n";
        let told = p.run_with("ticket import - --keep-going", text);
        assert_eq!(told.code, 7, "{}", told.err);
        for line in [2, 4] {
            assert!(
                told.err.contains(&format!("rejected line {line}: assignee must not be the requester")),
                "{}",
                told.err
            );
        }
        assert!(told.err.contains("rejected line 5: waits_for T-1 was rejected (line 2)"), "{}", told.err);
        assert_eq!(p.column("ticket list", "code"), ["T-2"]);
        let told = p.run_with("ticket import - --on-conflict update", "code,requester\nT-2,ravi\n");
        assert!(told.err.contains("rejected line 2: assignee must not be the requester"), "{}", told.err);
        let told =
            p.run_with("ticket import - --on-conflict update -o json", "code,requester,assignee\nT-2,ravi,asha\n");
        assert_eq!(told.json()["updated"].as_u64(), Some(1), "{}", told.err);
        p.run("ticket update T-2 --assignee ravi").fails(6);
        all_is_well(p);
    });
}
