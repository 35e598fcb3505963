//! Rules across records are held against what was written, and against nothing else: what somebody broke from outside stops
//! nobody's other work, and is told by `db check`.

use crate::harness::on_both_engines_with_acme;

#[test]
fn what_was_broken_from_outside_does_not_stop_other_work() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code OLD --name Old").ok();
        p.run("branch create --code NEW --name New").ok();
        p.run("dept create --code D --name Dept").ok();
        p.run("user create --user-code ASHA22 --name 'Asha Rao' --branch OLD").ok();
        p.run("user create --user-code RAV222 --name 'Ravi Rao'").ok();
        let gone = "deleted_at = updated_at, deleted_by = updated_by, deletion_id = id";
        p.sql(&format!("update branches set {gone} where code = 'OLD'")).expect("deleted");
        p.sql("update orgs set max_users = 1 where code = 'ACME'").expect("limited");
        let told = p.run("db check");
        assert_eq!(told.code, 8, "{}", told.err);
        let told = told.out;
        assert!(told.contains("user-branch OLD:ASHA22 points at a deleted branch (branch)"), "{told}");
        assert!(told.contains("organisation ACME may have 1 users, and has 2"), "{told}");
        p.run("user update ASHA22 --designation Clerk").ok();
        p.run("user update ASHA22 --department D --reports-to RAV222").ok();
        p.run("user update RAV222 --email ravi@x.example").ok();
        p.run("dept update D --manager ASHA22").ok();
        // What is written is held: the limit where somebody comes, the branch where the person comes back.
        let said = p.run("user create --name 'Dev Rao'").fails(4);
        assert!(said.contains("organisation ACME may have 1 users; this would make it 3"), "{said}");
        p.run("user update ASHA22 --branch NEW").ok();
        p.run("user deactivate RAV222 --orphan").ok();
        p.run("db check").ok();
    });
}

/// What each way of changing records could break is refused still.
#[test]
fn each_way_of_changing_records_is_held_to_the_rules() {
    on_both_engines_with_acme(|p| {
        for code in ["A", "B"] {
            p.run(&format!("branch create --code {code} --name {code}")).ok();
        }
        p.run("branch update A --parent B").ok();
        p.run("branch update A --parent ''").ok();
        let freed = p.json("audit list --limit 1")[0]["seq"].clone();
        p.run("branch update B --parent A").ok();
        let said = p.run(&format!("audit revert {freed}")).fails(4);
        assert!(said.contains("can't stand below itself"), "{said}");
        let csv = p.write("ring.csv", "code,name,parent\nA,A,B\n");
        let said = p.run(&format!("branch import {csv} --on-conflict update")).fails(6);
        assert!(said.contains("below itself"), "{said}");

        p.run("org update ACME --max-users 2").ok();
        p.run("user create --user-code ASHA22 --name 'Asha Rao'").ok();
        p.run("user deactivate ASHA22").ok();
        let left = p.json("audit list --limit 1")[0]["seq"].clone();
        p.run("user create --user-code RAV222 --name 'Ravi Rao'").ok();
        p.run("user delete RAV222 --yes").ok();
        for code in ["DEV222", "KAV222"] {
            p.run(&format!("user create --user-code {code} --name 'Dev Rao'")).ok();
        }
        let csv = p.write("new.csv", "email,name\nmeera@x.example,Meera Rao\n");
        let back = p.write("back.csv", "user_code,name,is_active\nASHA22,Asha Rao,yes\n");
        for line in [
            "user restore RAV222".to_owned(),
            "user activate ASHA22".to_owned(),
            format!("audit revert {left}"),
            format!("user import {csv}"),
            format!("user import {back} --on-conflict update"),
        ] {
            let said = p.run(&line).fails(4);
            assert!(said.contains("may have 2 users; this would make it 3"), "{line}: {said}");
        }
        let said = p.run("org update ACME --max-users 1").fails(4);
        assert!(said.contains("may have 1 users; this would make it 2"), "{said}");
        p.run("user merge DEV222 KAV222 --yes").ok();
        p.run("user restore RAV222").ok();
        p.run("db check").ok();
    });
}
