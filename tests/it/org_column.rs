//! A column `org` says whose the rows are: each goes to the organisation that it names, all of them or none.

use crate::harness::{TestEnv, on_both_engines_with_acme as both};

/// Two more organisations, each with a branch of the same code.
fn three(p: &TestEnv) {
    for code in ["BETA", "GAMA"] {
        p.run(&format!("org create --code {code} --name {code}")).ok();
    }
    for code in ["ACME", "BETA", "GAMA"] {
        p.run(&format!("branch create --org {code} --code MUM01 --name Mumbai")).ok();
    }
}

fn people(p: &TestEnv, org: &str) -> Vec<String> {
    p.column(&format!("user list --org {org} --all"), "user_code")
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn rows_go_to_the_organisations_that_they_name() {
    both(|p| {
        three(p);
        let rows = "org,user_code,name,email,branch,reports_to\n\
                    GAMA,CCC222,Mee,a@x.in,MUM01,\n\
                    acme,AAA222,Asha,a@x.in,MUM01,BBB222\n\
                    BETA,AAA222,Ravi,a@x.in,MUM01,\n\
                    ACME,BBB222,Dev,b@x.in,MUM01,\n";
        let dry = p.run_with("user import - --dry-run -o json", rows).json();
        assert_eq!((&dry["created"], people(p, "ACME").len()), (&4.into(), 0), "{dry}");
        let report = p.run_with("user import - -o json", rows).json();
        assert_eq!((&report["read"], &report["created"], &report["rejected"]), (&4.into(), &4.into(), &0.into()));
        assert_eq!(people(p, "ACME"), ["AAA222", "BBB222"]);
        assert_eq!((people(p, "BETA"), people(p, "GAMA")), (vec!["AAA222".into()], vec!["CCC222".to_owned()]));
        let boss = p.run("user show AAA222 --org ACME -o json").json();
        assert_eq!(boss["reports_to"], "BBB222", "{boss}");
        // Each trail tells of its own file.
        for (org, n) in [("ACME", 2), ("BETA", 1), ("GAMA", 1)] {
            let seqs = p.column(&format!("audit list --org {org} --action import"), "seq");
            let last = p.run(&format!("audit show {} --org {org} -o json", seqs[0])).json();
            assert_eq!(last["payload"]["created"], n, "{last}");
        }
        // The same again says nothing new, and one that changed changes in its own organisation alone.
        let changed = rows.replace("Ravi", "Ravindra");
        let again = p.run_with("user import - --key user_code --on-conflict update -o json", changed).json();
        assert_eq!((&again["updated"], &again["unchanged"]), (&1.into(), &3.into()), "{again}");
        all_is_well(p);
    });
}

#[test]
fn one_row_that_is_wrong_undoes_the_rows_of_all() {
    both(|p| {
        three(p);
        p.run("org update GAMA --max-users 1").ok();
        let rows = "org,user_code,name,email\n\
                    ACME,AAA222,Asha,a@x.in\n\
                    NONE,BBB222,Ravi,b@x.in\n\
                    ,CCC222,Mee,c@x.in\n\
                    BETA,DDD222,Dev,no address\n\
                    ACME,EEE222,Om,\n";
        let file = p.write("people.csv", rows);
        let rejects = p.path("rejects.csv");
        let told = p.run(&format!("user import {file} --rejects {}", rejects.display())).fails(6);
        assert!(told.contains("rejected line 3: org NONE does not exist"), "{told}");
        assert!(told.contains("rejected line 4: org must not be empty"), "{told}");
        assert!(told.contains("rejected line 5") && told.contains("email"), "{told}");
        assert!(told.contains("read 5 rows, rejected 3; nothing was imported"), "{told}");
        assert_eq!(people(p, "ACME").len() + people(p, "BETA").len(), 0);
        let lines: Vec<String> = p.read("rejects.csv").lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[1].starts_with("NONE,BBB222") && lines[2].starts_with(",CCC222"), "{lines:?}");
        // The others are loaded where that is asked for.
        p.run(&format!("user import {file} --keep-going")).fails(7);
        assert_eq!((people(p, "ACME").len(), people(p, "BETA").len()), (2, 0));
        // A limit of one organisation undoes what the others got.
        let over = "org,user_code,name\nACME,FFF222,Fi\nGAMA,GGG222,Gu\nGAMA,HHH222,Hu\n";
        p.run_with("user import -", over).fails(4);
        assert_eq!((people(p, "ACME").len(), people(p, "GAMA").len()), (2, 0));
        all_is_well(p);
    });
}

#[test]
fn an_organisation_that_is_named_takes_no_rows_of_others() {
    both(|p| {
        three(p);
        let rows = "org,code,name\nBETA,PUN01,Pune\n,KOC01,Kochi\nACME,JAI01,Jaipur\n";
        let told = p.run_with("branch import - --org BETA", rows).fails(6);
        assert!(told.contains("rejected line 4: org is ACME, and the rows go to BETA (--org)"), "{told}");
        p.run_with("branch import - --org BETA --keep-going", rows).fails(7);
        assert_eq!(p.column("branch list --org BETA --all", "code"), ["KOC01", "MUM01", "PUN01"]);
        let unknown = p.run_with("branch import -", "org,code,name\nNONE,PUN01,Pune\n").fails(3);
        assert!(unknown.contains("org NONE does not exist (line 2)"), "{unknown}");
        let sync = p.run_with("user import - --sync --key email", "org,email,name\nACME,a@x.in,Asha\n").fails(2);
        assert!(sync.contains("--sync is about one organisation"), "{sync}");
        all_is_well(p);
    });
}

/// More rows than go together from thread to thread, of organisations that take turns: none is lost or loaded twice.
#[test]
fn many_rows_that_take_turns_all_arrive() {
    both(|p| {
        three(p);
        let mut rows = "org,code,name\n".to_owned();
        for i in 0..4100 {
            let org = ["ACME", "BETA", "GAMA"][if i < 2050 { 0 } else { i % 3 }];
            rows.push_str(&format!("{org},B{i:04},Branch {i}\n"));
        }
        let report = p.run_with("branch import - -o json", &rows).json();
        assert_eq!((&report["read"], &report["created"]), (&4100.into(), &4100.into()), "{report}");
        let counts =
            ["ACME", "BETA", "GAMA"].map(|org| p.column(&format!("branch list --org {org} --all"), "code").len());
        assert_eq!(counts.iter().sum::<usize>(), 4103, "{counts:?}");
        // Which of two is the first stays what the file says.
        let twice = rows.clone() + "GAMA,B4099,Once more\nACME,B0001,Once more\n";
        let told = p.run_with("branch import - --on-conflict update -o json", twice).json();
        let of: Vec<(&serde_json::Value, &serde_json::Value)> = told["rejects"]
            .as_array()
            .map(|all| all.iter().map(|r| (&r["line"], &r["code"])).collect())
            .unwrap_or_default();
        assert!(of.contains(&(&4103.into(), &"duplicate".into())), "{told}");
        all_is_well(p);
    });
}
