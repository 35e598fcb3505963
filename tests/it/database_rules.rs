//! What only the database finds wrong in a file is told of its row, and of no other.

use serde_json::json;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

/// A rule behind orgctl's back: no branch and no user is in Atlantis.
fn refuse_atlantis(p: &TestEnv) {
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
    on_both_engines_with_acme(|p| {
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
    on_both_engines_with_acme(|p| {
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

/// What goes with a row is of the row: the password, and further branches.
#[test]
fn what_goes_with_a_row_is_refused_with_it() {
    on_both_engines_with_acme(|p| {
        for code in ["B1", "B2"] {
            p.run(&format!("branch create --code {code} --name {code}")).ok();
        }
        let (when, branch) = (
            "(select username from users u where u.id = new.user_id) like 'locked%'",
            "(select code from branches b where b.id = new.branch_id) = 'B2' and new.user_id in (select id from users where username like 'far%')",
        );
        for (table, when) in [("credentials", when), ("user_branches", branch)] {
            let sql = match p.engine {
                Engine::Sqlite => ["insert", "update"]
                    .map(|verb| {
                        format!(
                            "create trigger no_{table}_{verb} before {verb} on {table} when {when}
                             begin select raise(abort, 'not for this one'); end;"
                        )
                    })
                    .concat(),
                Engine::Postgres => format!(
                    "create function no_{table}() returns trigger language plpgsql as $$ begin
                         if {when} then raise exception 'not for this one'; end if; return new; end $$;
                     create trigger no_{table} before insert or update on {table} for each row execute function no_{table}();"
                ),
            };
            p.sql(&sql).expect("a rule");
        }
        let header = "username,name,branches,password\n";
        let row = |name: &str, n: usize| format!("{name}{n},Person N{n},B1;B2,a rather long pass phrase\n");
        let rows = format!("{header}{}{}{}{}", row("a", 1), row("locked", 2), row("far", 3), row("b", 4));
        let said = p.run_with("user import - --key username", &rows).fails(6);
        for line in [3, 4] {
            assert!(said.contains(&format!("rejected line {line}: not for this one\n")), "{said}");
        }
        assert!(said.contains("read 4 rows, rejected 2; nothing was imported"), "{said}");
        p.run_with("user import - --key username --keep-going", &rows).fails(7);
        assert_eq!(p.column("user list --sort username", "username"), ["a1", "b4"]);
        // Those who are there: a password that is set again, and a further branch.
        p.run_with("user import - --key username", "username,name\nlocked2,Person N2\nfar3,Person N3\n").ok();
        let line = "user import - --key username --on-conflict update --reset-passwords --keep-going";
        let said = p.run_with(line, rows.replace("long pass", "new pass")).fails(7);
        for line in [3, 4] {
            assert!(said.contains(&format!("rejected line {line}: not for this one\n")), "{said}");
        }
        assert!(said.contains("created 0, updated 2, unchanged 0, rejected 2"), "{said}");
        p.run_with("user check-password a1 --password-stdin", "a rather new pass phrase").fails(0);
        p.run("audit verify --deep").ok();
    });
}

/// What the database asks only at the end is narrowed too, and no innocent row falls: a branch lies where the one above it
/// does, whichever stands first in the file.
#[test]
fn what_only_the_end_refuses_is_narrowed_to_its_row() {
    on_both_engines_with_acme(|p| {
        let sql = match p.engine {
            Engine::Sqlite => {
                "create table cities (name text primary key) strict;
                 insert into cities values ('Pune'), ('Goa');
                 create table in_cities (id blob primary key, city text references cities deferrable initially deferred) strict;
                 create trigger city_of_new after insert on branches
                 begin insert or replace into in_cities values (new.id, new.city); end;
                 create trigger city_of_changed after update on branches
                 begin insert or replace into in_cities values (new.id, new.city); end;"
            }
            Engine::Postgres => {
                "create function near() returns trigger language plpgsql as $$ begin
                     if new.city = 'Atlantis' or exists (select 1 from branches b where b.id = new.parent_id and b.city <> new.city) then
                         raise exception 'the city % is not that of the branch above', new.city;
                     end if; return null; end $$;
                 create constraint trigger near after insert or update on branches deferrable initially deferred
                     for each row execute function near();"
            }
        };
        p.sql(sql).expect("a rule");
        for n in [8, 300] {
            let row = |i: usize| {
                let city = if i == 3 || i == n - 2 { "Atlantis" } else { "Pune" };
                // The first lies below the last.
                let parent = if i == 0 { format!("B{}", n - 1) } else { String::new() };
                format!("B{i},Branch {i},{city},{parent}\n")
            };
            let rows = format!("code,name,city,parent\n{}", (0..n).map(row).collect::<String>());
            let said = p.run_with("branch import -", &rows).fails(6);
            assert!(said.contains("rejected line 5") && said.contains(&format!("rejected line {n}")), "{said}");
            assert!(said.contains(&format!("read {n} rows, rejected 2; nothing was imported")), "{said}");
            assert_eq!(p.run("branch list -o key").ok(), "");
            p.run_with("branch import - --dry-run", &rows).fails(6);
            let said = p.run_with("branch import - --keep-going", &rows).fails(7);
            assert!(said.contains(&format!("created {}, updated 0, unchanged 0, rejected 2", n - 2)), "{said}");
            // Changes: both move, the lower one first; another goes where nobody is.
            let moved = format!("code,city\nB0,Goa\nB1,Atlantis\nB{},Goa\n", n - 1);
            let said = p.run_with("branch import - --on-conflict update", &moved).fails(6);
            assert!(said.contains("rejected line 3"), "{said}");
            let good = moved.replace("B1,Atlantis\n", "");
            p.run_with("branch import - --on-conflict update", &good).ok();
            assert_eq!(p.json("branch show B0")["city"], "Goa");
            let keys = p.run("branch list -o key").ok();
            p.run_with("branch delete - --cascade --yes", &keys).ok();
        }
        p.run("audit verify --deep").ok();
    });
}
