//! Delete, restore, purge: what protects a record, what goes with it, and what comes back.

use crate::harness::{TestEnv, on_both_engines_with_acme};

/// N(N1(N11, N12), N2), S.
fn plant(p: &TestEnv) {
    for (code, parent) in [("N", ""), ("N1", "N"), ("N11", "N1"), ("N12", "N1"), ("N2", "N"), ("S", "")] {
        p.run(&format!("branch create --code {code} --name 'Branch {code}' --parent '{parent}'")).ok();
    }
}

#[test]
fn a_branch_with_sub_branches_is_protected() {
    on_both_engines_with_acme(|p| {
        plant(p);
        assert_eq!(
            p.transcript("branch delete N1 --yes"),
            "\
$ orgctl branch delete N1 --yes
error: branch N1 can't be deleted: 2 branches (parent): N11, N12 depend on it
hint: --reassign-to KEY points them at another one
hint: --orphan leaves them pointing at nothing
hint: --cascade deletes them too
[exit 4]
"
        );
        // Without a terminal it must be answered beforehand; what would go is shown.
        assert_eq!(
            p.transcript("branch delete S"),
            "\
$ orgctl branch delete S
  delete branch S Branch S
error: this needs a confirmation: delete branch S?
hint: answer it beforehand with --yes
[exit 2]
"
        );
        assert_eq!(p.transcript("branch delete S --yes"), "$ orgctl branch delete S --yes\ndeleted branch S\n");
        p.run("branch create --code T --name T --parent N2").ok();
        let said = p.run("branch delete N2 --yes").fails(4);
        assert!(said.contains("branch N2 can't be deleted: 1 branch (parent): T depends on it\n"), "{said}");
        p.run("branch delete T --yes").ok();
        // Named together with those that point at it, nothing protects it.
        p.run("branch delete N1 N11 N12 --yes").ok();
        assert_eq!(p.run("branch list -o key").ok(), "N\nN2\n");
        for two in ["--orphan --cascade", "--reassign-to N2 --cascade", "--reassign-to N2 --orphan"] {
            p.run(&format!("branch delete N {two} --yes")).fails(2);
        }
    });
}

#[test]
fn what_depends_on_a_branch_can_be_reassigned_or_orphaned() {
    on_both_engines_with_acme(|p| {
        plant(p);
        assert_eq!(
            p.transcript("branch delete N1 --reassign-to S --yes"),
            "$ orgctl branch delete N1 --reassign-to S --yes\ndeleted branch N1\n"
        );
        assert_eq!(p.run("branch list --filter parent=S -o key").ok(), "N11\nN12\n");
        assert_eq!(p.column("branch history N11", "action"), ["create", "update"]);
        p.run("branch delete S --orphan --yes").ok();
        assert_eq!(p.run("branch list --filter parent= -o key").ok(), "N\nN11\nN12\n");
        p.run("branch delete N --reassign-to N --yes").fails(2);
        p.run("branch delete N --reassign-to NOPE --yes").fails(3);
        p.run("branch delete N --reassign-to N1 --yes").fails(3);
        // A restored branch comes back to a parent that still lives, and what was pointed elsewhere stays there.
        p.run("branch restore N1").ok();
        assert_eq!(p.json("branch show N1")["parent"], "N");
        assert_eq!(p.run("branch list --filter parent=N1 -o key").ok(), "");
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn a_cascade_is_one_deletion_and_comes_back_as_one() {
    on_both_engines_with_acme(|p| {
        plant(p);
        // N12 went before, by itself: it is not part of the cascade.
        p.run("branch delete N12 --yes").ok();
        assert_eq!(
            p.transcript("branch delete N --cascade"),
            "\
$ orgctl branch delete N --cascade
  delete branch N Branch N
  delete branch N1 Branch N1
  delete branch N2 Branch N2
  delete branch N11 Branch N11
error: this needs a confirmation: delete 4 branches?
hint: answer it beforehand with --yes
[exit 2]
"
        );
        assert_eq!(
            p.transcript("branch delete N --cascade --yes"),
            "$ orgctl branch delete N --cascade --yes\ndeleted branch N\nand 3 more that depended on it\n"
        );
        assert_eq!(p.run("branch list -o key").ok(), "S\n");
        assert_eq!(p.run("branch list --deleted -o key").ok(), "N\nN1\nN11\nN12\nN2\n");
        assert_eq!(p.run("branch list --filter status=deleted -o key").ok(), "N\nN1\nN11\nN12\nN2\n");
        assert_eq!(
            p.transcript("branch show N1"),
            "\
$ orgctl branch show N1
error: branch N1 is deleted
hint: 'orgctl branch restore N1' brings it back
[exit 3]
"
        );
        let gone = p.json("branch show N1 --with-deleted");
        assert_eq!(gone["status"], "deleted");
        assert!(gone["deleted_at"].is_string() && gone["deleted_by"].is_string());
        // Any one of them brings back the set, and only the set.
        assert_eq!(
            p.transcript("branch restore N11"),
            "$ orgctl branch restore N11\nrestored branch N11\nand 3 more that were deleted together with it\n"
        );
        assert_eq!(p.run("branch list -o key").ok(), "N\nN1\nN11\nN2\nS\n");
        assert_eq!(p.json("branch show N11")["parent"], "N1");
        assert_eq!(p.column("branch history N2", "action"), ["create", "delete", "restore"]);
        let first = p.run("branch history N2 -o json").json();
        let requests: Vec<&str> =
            first.as_array().expect("a list").iter().filter_map(|r| r["request_id"].as_str()).collect();
        let of_n1 = p.column("branch history N1", "request_id");
        assert_eq!(requests[1], of_n1[1], "one deletion, one request");
        assert!(p.run("branch restore N2").fails(3).contains("branch N2 is not deleted"));
        assert!(p.run("branch restore NOPE").fails(3).contains("there is no deleted branch NOPE"));
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn a_deleted_code_is_free_and_can_be_missed() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code A --name First").ok();
        let first = p.json("branch show A")["id"].as_str().unwrap_or_default().to_owned();
        p.run("branch delete A --yes").ok();
        p.run("branch create --code A --name Second").ok();
        let said = p.run("branch restore A").fails(4);
        assert!(said.starts_with("error: branch A has the key A, and is not deleted\n"), "{said}");
        assert!(said.contains(&format!("the deleted branch is named by the id: {first} (deleted ")), "{said}");
        assert_eq!(
            p.run(&format!("branch restore {first}")).fails(4),
            format!(
                "error: branch A can't come back: its key was taken meanwhile\n\
                 hint: rename or delete the branch that has it now, then 'orgctl branch restore {first}'\n"
            )
        );
        p.run("branch update A --code B").ok();
        p.run("branch restore A").ok();
        assert_eq!(p.json("branch show A")["id"], first.as_str());
        // Of several deleted ones with the code, the latest is meant; the id names any.
        p.run("branch delete A --yes").ok();
        p.run("branch create --code A --name Third").ok();
        p.run("branch delete A --yes").ok();
        p.run("branch restore A").ok();
        assert_eq!(p.json("branch show A")["name"], "Third");
        p.run("branch delete A --yes").ok();
        p.run(&format!("branch restore {first}")).ok();
        assert_eq!(p.json("branch show A")["name"], "First");
        // A parent that is gone keeps its child away.
        p.run("branch create --code C --name C --parent A").ok();
        p.run("branch delete C --yes").ok();
        p.run("branch delete A --yes").ok();
        let said = p.run("branch restore C").fails(4);
        assert!(said.contains("branch C points at a deleted branch (parent)"), "{said}");
        p.run("branch update C --name X").fails(3);
        p.run("branch move B --to A").fails(3);
    });
}

#[test]
fn purge_is_for_good_and_only_for_what_was_deleted() {
    on_both_engines_with_acme(|p| {
        plant(p);
        assert!(p.run("branch purge S --yes").fails(3).contains("branch S is not deleted"));
        p.run("branch purge").fails(2);
        p.run("branch purge S --deleted-before 1d").fails(2);
        p.run("branch delete S --yes").ok();
        let id = p.json("branch show S --with-deleted")["id"].as_str().unwrap_or_default().to_owned();
        assert!(p.run("branch purge S").fails(2).contains("purge branch S for good?"));
        assert_eq!(p.transcript("branch purge S --yes"), "$ orgctl branch purge S --yes\npurged branch S\n");
        assert!(p.run("branch show S --with-deleted").fails(3).contains("branch S does not exist"));
        // Its history stays, under the id.
        assert_eq!(p.column(&format!("branch history {id}"), "action"), ["create", "delete", "purge"]);
        // What a deleted one still points at can't go before it.
        p.run("branch delete N1 --cascade --yes").ok();
        let said = p.run("branch purge N1 --yes").fails(4);
        assert!(said.contains("branch N1 can't be purged: branch N11 still points at it (parent)"), "{said}");
        p.run("branch purge N11 --yes").ok();
        // By time: what went earlier than that, and nothing else.
        p.wait(86_400 * 3);
        p.run("branch delete N2 --yes").ok();
        assert_eq!(
            p.run("branch purge --deleted-before 7d --yes").fails(0).lines().last(),
            Some("no branches to purge")
        );
        let said = p.run("branch purge --deleted-before 2d --yes").fails(0);
        assert!(said.starts_with("deleted before 2026-11-22T00:00:"), "{said}");
        assert!(said.ends_with("purged 2 branches\n"), "{said}");
        assert_eq!(p.run("branch list --deleted -o key").ok(), "N2\n");
        assert!(p.run("branch purge --deleted-before yesterday --yes").fails(2).contains("'yesterday' is no time"));
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

/// A record that is named twice, by one key or by two, is dealt with once.
#[test]
fn what_is_named_twice_is_brought_back_and_purged_once() {
    on_both_engines_with_acme(|p| {
        for (code, mail) in [("U11111", "a@acme.in"), ("U22222", "b@acme.in")] {
            p.run(&format!("user create --user-code {code} --name X --email {mail}")).ok();
        }
        p.run("user delete U11111 --yes").ok();
        p.run("user delete U22222 --yes").ok();
        let said = p.run("user restore U11111 U11111 a@acme.in");
        assert_eq!(said.err, "restored user U11111 (X)\n");
        p.run("user delete U11111 --yes").ok();
        let said = p.run("user purge U22222 b@acme.in U11111 U22222 --yes");
        assert_eq!(said.err, "purged 2 users\n");
        p.run("user purge U11111 --yes").fails(3);
        p.run("audit verify --deep").ok();
    });
}

/// What needs something else that is deleted can't be brought back alone, and is not said to be.
#[test]
fn what_waits_for_another_is_not_brought_back_alone() {
    on_both_engines_with_acme(|p| {
        p.run("role create --code R1 --name R1").ok();
        for code in ["U11111", "U22222"] {
            p.run(&format!("user create --user-code {code} --name X")).ok();
        }
        p.run("role assign R1 U11111 U22222").ok();
        p.run("role delete R1 --cascade --yes").ok();
        p.run("user delete U11111 --yes").ok();
        let said = p.run("role-grant restore R1:U11111");
        assert!(
            said.err.starts_with("error: role-grant R1:U11111 can't come back yet: user U11111 (X) is deleted\n"),
            "{}",
            said.err
        );
        said.fails(4);
        p.run("role show R1").fails(3);
        p.run("role restore R1").ok();
        assert_eq!(p.column("role-grant list", "key"), ["R1:U22222"]);
        p.run("user restore U11111").ok();
        assert_eq!(p.column("role-grant list --sort key", "key"), ["R1:U11111", "R1:U22222"]);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

/// Who was in the branch that took over, too, is of that branch first; the one that comes back takes nothing from it.
#[test]
fn a_branch_comes_back_beside_the_one_that_took_over() {
    on_both_engines_with_acme(|p| {
        for code in ["B1", "B3"] {
            p.run(&format!("branch create --code {code} --name {code}")).ok();
        }
        p.run("user create --user-code U11111 --name X --branch B1").ok();
        p.run("branch assign B3 U11111").ok();
        p.run("branch delete B1 --reassign-to B3 --yes").ok();
        assert_eq!(p.run("user show U11111 -o json").json()["branch"], "B3");
        p.run("branch restore B1").ok();
        let user = p.run("user show U11111 -o json").json();
        assert_eq!((&user["branch"], &user["branches"]), (&"B3".into(), &serde_json::json!(["B3", "B1"])));
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// Those that one command named come back one by one, each with what went with it alone.
#[test]
fn who_was_named_beside_another_comes_back_alone() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("branch create --code B2 --name Two").ok();
        for (name, code) in [("asha", "ASHA22"), ("ravi", "RAV222")] {
            p.run(&format!("user create --user-code {code} --name {name} --username {name} --branch B1")).ok();
        }
        p.run("branch assign B2 asha ravi").ok();
        p.run("user delete asha ravi --yes").ok();
        assert_eq!(
            p.transcript("user restore asha"),
            "$ orgctl user restore asha\nrestored user ASHA22 (asha)\nand 2 more that were deleted together with it\n"
        );
        assert_eq!(p.column("user list --sort user_code", "username"), ["asha"]);
        assert_eq!(p.column("user-branch list --sort key", "key"), ["B1:ASHA22", "B2:ASHA22"]);
        p.run("user restore ravi").ok();
        assert_eq!(p.column("user-branch list", "key").len(), 4);
        // A container that was named with what is in it comes back without that; what is in it waits for the container.
        p.run("branch create --code B21 --name Below --parent B2").ok();
        p.run("branch delete B2 B21 --cascade --yes").ok();
        let said = p.run("branch restore B21").fails(4);
        assert!(said.contains("branch B21 points at a deleted branch (parent)"), "{said}");
        p.run("branch restore B2").ok();
        p.run("branch exists B21").fails(3);
        assert_eq!(p.column("user-branch list", "key").len(), 4);
        p.run("branch restore B21").ok();
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// So do leavers of one file, and settings that one command reset.
#[test]
fn who_leaves_by_a_file_and_what_is_reset_comes_back_alone() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        for (name, code) in [("asha", "ASHA22"), ("tom", "TMTM22"), ("meena", "MEENA2")] {
            p.run(&format!("user create --user-code {code} --name {name} --username {name} --branch B1")).ok();
        }
        let file = p.write("staff.csv", "user_code,name\nASHA22,asha\n");
        p.run(&format!("user import {file} --sync --leavers delete --max-leavers 100% --org ACME --yes")).ok();
        assert_eq!(p.column("user list", "username"), ["asha"]);
        p.run("user restore tom").ok();
        assert_eq!(p.column("user list --sort username", "username"), ["asha", "tom"]);
        assert_eq!(p.column("user-branch list --sort key", "key"), ["B1:ASHA22", "B1:TMTM22"]);
        p.run("setting set password.history 3 password.min_length 20 --org ACME").ok();
        p.run("setting reset password.history password.min_length --org ACME").ok();
        p.run("setting restore password.history").ok();
        assert_eq!(p.column("setting list --changed --org ACME", "key"), ["password.history"]);
        p.run("audit verify --deep").ok();
    });
}
