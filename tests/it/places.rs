//! Where records belong: a filter takes a branch with all below it, or a department, whatever way leads there from a record;
//! in the past by the branch and the tree of then.

use orgctl::model::kinds::Kinds;
use orgctl::model::resource::path::Place;
use orgctl::store::engine::location::Engine as Of;
use orgctl::store::records::place;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme as both};
use crate::subjects::plan;

/// Asha works in Mumbai, and in Pune too, both in the west; Ravi in Delhi; Meena nowhere.
fn filled(p: &TestEnv) {
    for line in [
        "branch create --code WEST --name West",
        "branch create --code MUM --name Mumbai --parent WEST",
        "branch create --code PUN --name Pune --parent WEST",
        "branch create --code DEL --name Delhi",
        "dept create --code FIN --name Finance --branch MUM",
        "dept create --code HR --name People",
        "user create --user-code ASHA22 --name asha --branch MUM --department FIN",
        "user create --user-code RAV222 --name ravi --branch DEL",
        "user create --user-code MEE222 --name meena --department HR",
        "branch assign PUN ASHA22",
        "specialty create --code ECON --name Economics",
        "specialty assign ECON ASHA22 RAV222 MEE222",
    ] {
        p.run(line).ok();
    }
}

#[test]
fn records_are_listed_by_where_they_belong() {
    both(|p| {
        filled(p);
        let none: [&str; 0] = [];
        let keys = |noun: &str, filter: &str| {
            let out = p.run(&format!("{noun} list --filter '{filter}' -o key")).ok();
            let mut keys: Vec<String> = out.lines().map(str::to_owned).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys("user", "in_branch=WEST"), ["ASHA22"]);
        assert_eq!(keys("user", "in_branch=PUN"), ["ASHA22"], "one of several branches is enough");
        assert_eq!(keys("user", "branch=WEST"), none);
        assert_eq!(keys("user", "in_branch=del"), ["RAV222"]);
        assert_eq!(keys("user", "in_branch=MUM,DEL"), ["ASHA22", "RAV222"]);
        assert_eq!(keys("user", "in_branch!=WEST"), ["MEE222", "RAV222"]);
        for filter in ["in_branch=,DEL", "in_branch=MUM,,DEL", "in_branch!=,DEL", "in_department=,FIN"] {
            let said = p.run(&format!("user list --filter '{filter}'")).fails(2);
            assert!(said.contains("one of those given is empty"), "{said}");
        }
        let many: Vec<String> = (0..900).map(|n| format!("N{n:03}")).collect();
        let rows: String = many.iter().map(|code| format!("{code},{code}\n")).collect();
        p.run_with("branch import -", format!("code,name\n{rows}")).ok();
        assert_eq!(keys("user", &format!("in_branch={},DEL", many.join(","))), ["RAV222"], "many at once");
        assert_eq!(keys("user", "in_department=FIN"), ["ASHA22"]);
        assert_eq!(keys("user", "in_branch=WEST in_department=HR"), none);
        assert_eq!(keys("branch", "in_branch=WEST"), ["MUM", "PUN", "WEST"]);
        assert_eq!(keys("dept", "in_branch=WEST"), ["FIN"]);
        assert_eq!(keys("dept", "in_department=HR"), ["HR"]);
        assert_eq!(keys("consultant-specialty", "in_branch=WEST"), ["ECON:ASHA22"]);
        assert_eq!(keys("consultant-specialty", "in_department=HR"), ["ECON:MEE222"]);
        assert_eq!(p.run("user export --filter in_branch=WEST -o csv").ok().lines().count(), 2);
        // What belongs nowhere is not asked for that; a place is named, and is one that there is.
        for line in [
            "specialty list --filter in_branch=WEST",
            "org list --filter in_branch=WEST",
            "branch list --filter in_department=FIN",
            "user list --filter in_branch=",
            "user list --filter in_branch~WE",
            "user list --filter in_branch=NOPE",
            "user list --sort in_branch",
            "user list --columns in_branch",
        ] {
            p.run(line).fails(2);
        }
    });
}

/// The branch of then, in the tree of then.
#[test]
fn in_the_past_a_record_belongs_where_it_did() {
    both(|p| {
        filled(p);
        p.wait(60);
        p.run("branch move MUM --root").ok();
        p.run("user move RAV222 --branch PUN").ok();
        p.run("branch unassign PUN ASHA22 --yes").ok();
        let users =
            |when: &str| p.column(&format!("user list --filter in_branch=WEST --sort user_code {when}"), "user_code");
        assert_eq!(users(""), ["RAV222"]);
        assert_eq!(users("--as-of 2026-11-21T00:00:30Z"), ["ASHA22"]);
        let links = "consultant-specialty list --filter in_branch=WEST";
        assert_eq!(p.column(links, "key"), ["ECON:RAV222"]);
        assert_eq!(p.column(&format!("{links} --as-of 2026-11-21T00:00:30Z"), "key"), ["ECON:ASHA22"]);
        assert_eq!(p.column("dept list --filter in_branch=WEST --as-of 2026-11-21T00:00:30Z", "code"), ["FIN"]);
        assert_eq!(p.column("dept list --filter in_branch=WEST", "code"), Vec::<String>::new());
    });
}

/// Each step is looked up: nothing is read from one end to the other.
#[test]
fn places_are_found_by_indexes_alone() {
    both(|p| {
        filled(p);
        if p.engine == Engine::Postgres {
            // So few rows are read from one end to the other, if that is allowed.
            p.sql(
                "do $$ begin execute format('alter database %I set enable_seqscan = off', current_database()); end $$",
            )
            .expect("set");
        }
        for (place, key) in [(Place::Branch, "branch show WEST"), (Place::Department, "dept show FIN")] {
            let id = p.json(key)["id"].as_str().expect("an id").parse().expect("an id");
            for desc in Kinds::default().resources().filter(|d| d.place(place).is_some()) {
                let engine = if p.engine == Engine::Sqlite { Of::Sqlite } else { Of::Postgres };
                let plan = plan(p, &place::ids(desc, place, 1, id, engine));
                let through = |line: &&String| {
                    let scans = ["SCAN x", "SCAN y", "SCAN l", "SCAN b", "SCAN c", "Seq Scan"];
                    scans.iter().any(|scan| line.contains(scan)) && !line.contains("SCAN below")
                };
                let wrong: Vec<&String> = plan.iter().filter(through).collect();
                assert!(wrong.is_empty(), "{} {place:?}: {plan:#?}", desc.noun);
            }
        }
    });
}
