//! One story per resource.

use crate::harness::on_both_engines_with_acme;

#[test]
fn a_branch_lives_and_is_remembered() {
    on_both_engines_with_acme(|p| {
        assert_eq!(
            p.transcript("branch create --code mum01 --name '  Mumbai   Fort ' --phone '022 2345 6701'"),
            "\
$ orgctl branch create --code mum01 --name '  Mumbai   Fort ' --phone '022 2345 6701'
note: code 'mum01' is kept as 'MUM01'
created branch MUM01 in ACME
"
        );
        assert_eq!(
            p.transcript("branch show MUM01 --columns code,name,phone,status,version"),
            "\
$ orgctl branch show MUM01 --columns code,name,phone,status,version
code\tname\tphone\tstatus\tversion
MUM01\tMumbai Fort\t+912223456701\tactive\t1
"
        );
        assert_eq!(
            p.transcript("branch create --code MUM01 --name Again"),
            "\
$ orgctl branch create --code MUM01 --name Again
error: branch MUM01 exists already in ACME
hint: change it with 'orgctl branch update MUM01', or choose another code
[exit 4]
"
        );
        assert_eq!(
            p.transcript("branch show MUM02"),
            "\
$ orgctl branch show MUM02
error: branch MUM02 does not exist
hint: did you mean MUM01? 'orgctl branch list' shows all
[exit 3]
"
        );
    });
}

/// What is gone for good is still remembered under the key that it had.
#[test]
fn a_purged_branch_has_a_history_under_its_key() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("branch delete B1 --yes").ok();
        p.run("branch purge B1 --yes").ok();
        let history = p.run("branch history b1 -o json");
        let actions: Vec<String> =
            history.json().as_array().expect("a list").iter().map(|e| e["action"].to_string()).collect();
        assert_eq!(actions, ["\"create\"", "\"delete\"", "\"purge\""]);
        p.run("branch history B2").fails(3);
    });
}

/// SYSTEM owns what belongs to the installation, and no branches.
#[test]
fn system_has_no_branches() {
    on_both_engines_with_acme(|p| {
        let said = p.run("branch create --org SYSTEM --code B1 --name One").fails(4);
        assert!(said.starts_with("error: a branch belongs to an organisation, not to SYSTEM\n"), "{said}");
        let file = p.write("b.csv", "code,name\nB1,One\n");
        p.run(&format!("branch import {file} --org SYSTEM")).fails(4);
        assert_eq!(p.run("org show SYSTEM -o json").json()["status"], "active");
    });
}

/// A blank cell of a field that has a default leaves a record that is there as it is.
#[test]
fn a_blank_cell_does_not_bring_a_branch_back_into_use() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("branch deactivate B1").ok();
        let file = p.write("b.csv", "code,name,is_active\nB1,Eins,\nB2,Zwei,\nB3,Drei,no\n");
        p.run(&format!("branch import {file} --on-conflict update")).ok();
        assert_eq!(
            p.run("branch list --columns code,name,status").ok(),
            "code\tname\tstatus\nB1\tEins\tinactive\nB2\tZwei\tactive\nB3\tDrei\tinactive\n"
        );
        let said = p.run(&format!("branch import {file} --on-conflict update --set name=All")).fails(2);
        assert!(said.starts_with("error: --set name: the file has a column for it\n"), "{said}");
    });
}

/// A refused import leaves one record, which counts.
#[test]
fn a_refused_import_is_recorded_with_its_counts() {
    on_both_engines_with_acme(|p| {
        let file = p.write("b.csv", "code,name\nB1,One\nB2,\n");
        p.run(&format!("branch import {file}")).fails(6);
        let list = p.run("audit list --org ACME --status failed -o json").json();
        let seq = list[0]["seq"].as_i64().expect("a record");
        let payload = p.run(&format!("audit show {seq} --org ACME -o json")).json()["payload"].clone();
        assert_eq!((&payload["read"], &payload["rejected"], &payload["exit_code"]), (&2.into(), &1.into(), &6.into()));
    });
}
