//! What only the database finds wrong in a file is told of its row, and of no other.

use serde_json::json;

use crate::harness::{Engine, Place, both_with_acme};

/// A rule behind orgctl's back: no branch and no user is in Atlantis.
fn refuse_atlantis(p: &Place) {
    for table in ["branches", "users"] {
        let sql = match p.engine {
            Engine::Sqlite => ["insert", "update"].map(|verb| {
                format!(
                    "create trigger {table}_{verb} before {verb} on {table} when new.city = 'Atlantis'
                     begin select raise(abort, 'city must not be Atlantis'); end;"
                )
            }),
            Engine::Postgres => {
                [format!("alter table {table} add constraint no_city_check check (city <> 'Atlantis');"), String::new()]
            }
        };
        p.sql(&sql.concat()).expect("a rule");
    }
}

#[test]
fn a_row_that_the_database_refuses_is_rejected_with_its_line() {
    both_with_acme(|p| {
        refuse_atlantis(p);
        let before = p.audit_records();
        // Few rows go to PostgreSQL in a statement, many by COPY.
        for n in [5, 300] {
            let rows: String = (0..n)
                .map(|i| {
                    let city = if i == 3 || i == n - 1 { "Atlantis" } else { "Pune" };
                    let parent = if i == 4 && n > 5 { "B3" } else { "" };
                    format!("B{i},Branch {i},{city},{parent}\n")
                })
                .collect();
            let file = p.write("b.csv", format!("code,name,city,parent\n{rows}"));
            let said = p.run(&format!("branch import {file} --rejects {}", p.path("r.csv").display())).fails(6);
            assert!(
                said.starts_with("rejected line 5, city: ") || said.starts_with("rejected line 5: city "),
                "{said}"
            );
            assert!(said.contains(&format!("rejected line {}", n + 1)), "{said}");
            assert!(said.contains("nothing was imported"), "{said}");
            assert!(p.read("r.csv").contains("B3,Branch 3,Atlantis,,5,city,"), "{}", p.read("r.csv"));
            assert_eq!(p.run("branch list -o key").ok(), "");
        }
        assert_eq!(p.audit_records(), before + 2, "two refusals");
        let file = p.path("b.csv").display().to_string();
        let said = p.run(&format!("branch import {file} --keep-going -o json"));
        assert_eq!([&said.json()["created"], &said.json()["rejected"]], [&json!(297), &json!(3)], "{}", said.err);
        let reject = &said.json()["rejects"][0];
        assert_eq!([&reject["line"], &reject["column"]], [&json!(5), &json!("city")]);
        said.fails(7);
        p.run("audit verify --deep").ok();
        // A change, among others.
        let file = p.write("c.csv", "code,city\nB0,Goa\nB1,Atlantis\nB2,Goa\n");
        let said = p.run(&format!("branch import {file} --on-conflict update")).fails(6);
        assert!(said.contains("rejected line 3"), "{said}");
        assert_eq!(p.json("branch show B0")["city"], "Pune");
        let said = p.run(&format!("branch import {file} --on-conflict update --keep-going")).fails(7);
        assert!(said.contains("created 0, updated 2,"), "{said}");
        assert_eq!(p.json("branch show B1")["city"], "Pune");
        assert_eq!(p.json("branch show B2")["city"], "Goa");
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn other_rules_and_other_records_are_no_different() {
    both_with_acme(|p| {
        refuse_atlantis(p);
        p.sql("create unique index no_twins on branches (org_id, name)").expect("an index");
        p.sql("create unique index no_twin_orgs on orgs (name)").expect("an index");
        let said = p.run_with("branch import - --keep-going", "code,name\nA,One\nB,One\nC,Two\n").fails(7);
        assert!(said.contains("rejected line 3") && said.contains(": another record already has this key: "), "{said}");
        // It is not there already by its own key.
        assert!(!said.contains("--on-conflict"), "{said}");
        assert_eq!(p.run("branch list -o key").ok(), "A\nC\n");
        let said = p.run_with("org import - --keep-going", "code,name\nX1,Same\nX2,Same\nX3,Other\n").fails(7);
        assert!(said.contains("rejected line 3"), "{said}");
        assert_eq!(p.run("org list -o key").ok(), "ACME\nX1\nX3\n");
        // People, with what is made for them, and their passwords.
        let rows = "name,username,city,department,password\nA One,a1,Pune,Sales,a rather long pass phrase\nB Two,b2,Atlantis,Ops,a rather long pass phrase\n";
        let line =
            "user import - --org ACME --key username --map department=department.name --create-missing --keep-going";
        let said = p.run_with(line, rows).fails(7);
        assert!(said.contains("rejected line 3") && said.contains("created dept DEPT-001 (Sales)"), "{said}");
        assert_eq!(p.column("user list --org ACME", "username"), ["a1"]);
        assert_eq!(p.column("dept list --org ACME", "name"), ["Sales"]);
        p.run_with("user check-password a1 --password-stdin", "a rather long pass phrase").fails(0);
        // A single command says it too, and is no different from before.
        assert!([5, 6].contains(&p.run("branch update A --org ACME --city Atlantis").code));
        p.run("audit verify --deep").ok();
    });
}
