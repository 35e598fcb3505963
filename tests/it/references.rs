//! What becomes of records when something happens to what they refer to: the table of `model::lifetime`, played with kinds
//! of every lifetime.

use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::model::kinds::branch::Branch;
use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Kinds, Migration, MigrationScripts, OWN};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Code, Line, Ref};
use orgctl::resource;

use crate::harness::{TestEnv, on_both_engines_with};
use crate::raw::{int, text};

resource! {
    /// A thing to be done
    pub struct Job "job" in "jobs" keys(&[&["code"]]) {
        /// Code
        code: Code<16>,
        /// Name
        name: Line<200>,
        /// Who asked for it
        requester_id: Option<Ref<User>> [Keep],
        /// Who sees to it
        lead_id: Ref<User> [Duty],
        /// Who stands in
        deputy_id: Option<Ref<User>> [Duty],
        /// Where it is
        branch_id: Option<Ref<Branch>>,
        /// Whether it is in use
        is_active: bool [Managed, Default("yes"), Hidden],
    }
}

resource! {
    /// A visit, of a person for a job
    pub struct Visit "visit" in "visits" keys(&[&["code"]]) {
        /// Code
        code: Code<16>,
        /// Name
        name: Line<200>,
        /// Job that it is a part of
        job_id: Option<Ref<Job>> [Within],
        /// Person who it is a part of
        user_id: Option<Ref<User>> [Within],
    }
}

resource! {
    /// A remark on a visit
    pub struct Remark "remark" in "remarks" keys(&[&["code"]]) {
        /// Code
        code: Code<16>,
        /// Name
        name: Line<200>,
        /// Visit that it is a part of
        visit_id: Ref<Visit> [Within],
    }
}

impl Check for Job {}
impl Check for Visit {}
impl Check for Remark {}

/// A table on one engine: the words for what each engine calls otherwise, and the columns between code and Meta.
macro_rules! table {
    (sqlite $name:literal, $columns:literal) => {
        table!($name, $columns, "row_id integer primary key,", "blob", "integer", "integer", ") strict")
    };
    (postgres $name:literal, $columns:literal) => {
        table!($name, $columns, "", "uuid", "timestamptz", "bigint", ")")
    };
    ($name:literal, $columns:literal, $row:literal, $id:literal, $time:literal, $int:literal, $end:literal) => {
        concat!(
            "create table ",
            $name,
            " (",
            $row,
            "org_id integer not null references orgs (org_id), id ",
            $id,
            " not null,",
            "code text not null, name text not null,",
            $columns,
            "created_at ",
            $time,
            " not null, created_by ",
            $int,
            " not null, updated_at ",
            $time,
            " not null, updated_by ",
            $int,
            " not null, version ",
            $int,
            " not null, deleted_at ",
            $time,
            ", deleted_by ",
            $int,
            ", deletion_id ",
            $id,
            ", unique (org_id, id), foreign key (org_id) references orgs (org_id)",
            $end,
            ";",
            "create unique index ",
            $name,
            "_code on ",
            $name,
            " (org_id, code) where deleted_at is null;"
        )
    };
}

const KINDS: &[Kind] = &[
    Kind {
        desc: Job::DESCRIPTOR,
        migrations: &[Migration {
            name: "jobs",
            sqlite: MigrationScripts {
                up: table!(sqlite "jobs",
                    "requester_id blob, lead_id blob not null, deputy_id blob, branch_id blob, is_active integer not null,"),
                down: "drop table jobs",
            },
            postgres: MigrationScripts {
                up: table!(postgres "jobs",
                    "requester_id uuid, lead_id uuid not null, deputy_id uuid, branch_id uuid, is_active boolean not null,
                     foreign key (org_id, lead_id) references users (org_id, id), foreign key (org_id, deputy_id) references users (org_id, id),
                     foreign key (org_id, branch_id) references branches (org_id, id),"),
                down: "drop table jobs",
            },
        }],
        catalogue: include_str!("references/postgres-schema.txt"),
    },
    Kind {
        desc: Visit::DESCRIPTOR,
        migrations: &[Migration {
            name: "visits",
            sqlite: MigrationScripts {
                up: table!(sqlite "visits", "job_id blob, user_id blob,"),
                down: "drop table visits",
            },
            postgres: MigrationScripts {
                up: table!(postgres "visits",
                    "job_id uuid, user_id uuid, foreign key (org_id, job_id) references jobs (org_id, id),
                     foreign key (org_id, user_id) references users (org_id, id),"),
                down: "drop table visits",
            },
        }],
        catalogue: "",
    },
    Kind {
        desc: Remark::DESCRIPTOR,
        migrations: &[Migration {
            name: "remarks",
            sqlite: MigrationScripts {
                up: table!(sqlite "remarks", "visit_id blob not null,"),
                down: "drop table remarks",
            },
            postgres: MigrationScripts {
                up: table!(postgres "remarks",
                    "visit_id uuid not null, foreign key (org_id, visit_id) references visits (org_id, id),"),
                down: "drop table remarks",
            },
        }],
        catalogue: "",
    },
];

/// A place with these kinds, the organisation ACME, and three people.
fn on_both_engines(story: impl Fn(&TestEnv)) {
    let lines = [
        "init --org-code ACME --org-name 'Acme Ltd'",
        "user create --user-code ASHA22 --name Asha",
        "user create --user-code RAV222 --name Ravi",
        "user create --user-code DEV222 --name Dev",
    ];
    on_both_engines_with(Program::new(Kinds::new(&[OWN, KINDS]), &[LEAVES]), &lines, story);
}

fn job(p: &TestEnv, code: &str, more: &str) {
    p.run(&format!("job create --code {code} --name {code} {more}")).ok();
}

fn live(p: &TestEnv, noun: &str) -> Vec<String> {
    p.column(&format!("{noun} list --sort code"), "code")
}

/// What is in charge must be in use, whoever says so; it hands over when it leaves. History and parts are left alone.
#[test]
fn a_duty_is_handed_over_and_never_given_to_who_has_left() {
    on_both_engines(|p| {
        job(p, "J1", "--lead ASHA22 --deputy ASHA22 --requester ASHA22");
        p.run("visit create --code V1 --name V1 --user ASHA22").ok();
        let said = p.run("user deactivate ASHA22").fails(4);
        assert!(said.contains("can't be deactivated: 1 job (lead): J1; 1 job (deputy): J1 depend on it"), "{said}");
        // A job has to have a lead.
        let said = p.run("user deactivate ASHA22 --orphan").fails(4);
        assert!(said.contains("1 job (lead): J1"), "{said}");
        p.run("user deactivate ASHA22 --reassign-to RAV222").ok();
        let j1 = p.json("job show J1");
        assert_eq!((&j1["lead"], &j1["deputy"]), (&"RAV222".into(), &"RAV222".into()), "{j1}");
        assert_eq!(j1["requester"], "ASHA22");
        assert_eq!(p.json("visit show V1")["user"], "ASHA22");
        // By a flag, by a file, under --force too.
        for line in ["job update J1 --deputy ASHA22", "job update J1 --lead ASHA22 --force"] {
            let said = p.run(line).fails(4);
            assert!(said.contains("user ASHA22 (Asha) is not in use, and can't be the "), "{said}");
        }
        job(p, "J2", "--lead RAV222");
        let csv = p.write("jobs.csv", "code,deputy\nJ2,ASHA22\n");
        let said = p.run(&format!("job import {csv} --on-conflict update --force")).fails(6);
        assert!(said.contains("user ASHA22 is not in use, and can't be the deputy"), "{said}");
        // History is no duty, and nor is what it is a part of.
        p.run("job update J1 --requester ''").ok();
        p.run("job update J1 --requester ASHA22").ok();
        // Other work on what names her goes on.
        p.run("job update J1 --name Other").ok();
        p.run("audit verify --deep").ok();
    });
}

/// Where nobody works any more, what protects is put with `--force` alone.
#[test]
fn what_protects_is_put_where_nobody_works_with_force_alone() {
    on_both_engines(|p| {
        p.run("branch create --code B --name B").ok();
        p.run("branch deactivate B").ok();
        job(p, "J1", "--lead ASHA22");
        let said = p.run("job update J1 --branch B").fails(4);
        assert!(said.contains("branch B is not in use, and takes no new job: job J1 (branch)"), "{said}");
        p.run("job update J1 --branch B --force").ok();
        let said = p.run("branch delete B --yes").fails(4);
        assert!(said.contains("1 job (branch): J1 depends on it"), "{said}");
        p.run("branch delete B --yes --orphan").ok();
        assert!(p.json("job show J1")["branch"].is_null());
    });
}

/// What is within goes along, with what is within it, and comes back if it went along.
#[test]
fn what_is_within_goes_and_comes_back_with_its_container() {
    on_both_engines(|p| {
        job(p, "J1", "--lead RAV222 --requester ASHA22");
        for code in ["V1", "V2"] {
            p.run(&format!("visit create --code {code} --name {code} --job J1 --user ASHA22")).ok();
            p.run(&format!("remark create --code R{code} --name R --visit {code}")).ok();
        }
        p.run("visit delete V2 --yes").ok();
        assert_eq!((live(p, "visit"), live(p, "remark")), (vec!["V1".to_owned()], vec!["RV1".to_owned()]));
        let said = p.run("job delete J1 --yes");
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("and 2 more that depended on it"), "{}", said.err);
        assert!(live(p, "visit").is_empty() && live(p, "remark").is_empty());
        // A part without its whole.
        p.run("visit restore V2").fails(4);
        p.run("job restore J1").ok();
        // V2 was removed by itself.
        assert_eq!((live(p, "visit"), live(p, "remark")), (vec!["V1".to_owned()], vec!["RV1".to_owned()]));
        p.run("visit restore V2").ok();
        assert_eq!(live(p, "remark"), ["RV1", "RV2"]);

        // Two containers: it comes back with the last, in whatever order they come.
        for (first, second) in [("user restore ASHA22", "job restore J1"), ("job restore J1", "user restore ASHA22")] {
            p.run("user delete ASHA22 --yes").ok();
            assert!(live(p, "visit").is_empty() && live(p, "remark").is_empty());
            assert_eq!(p.json("job show J1")["requester"], "ASHA22", "history stays");
            p.run("job delete J1 --yes").ok();
            p.run(first).ok();
            assert!(live(p, "visit").is_empty() && live(p, "remark").is_empty(), "after {first}");
            p.run(second).ok();
            assert_eq!((live(p, "visit").len(), live(p, "remark").len()), (2, 2), "after {second}");
        }
        // Both at once.
        p.run("user delete ASHA22 --yes").ok();
        p.run("job delete J1 --yes").ok();
        p.run("user restore ASHA22").ok();
        p.run("job restore J1").ok();
        assert_eq!(live(p, "visit"), ["V1", "V2"]);
        p.run("audit verify --deep").ok();
        assert_eq!(p.column("visit list --as-of 2026-11-20", "code"), Vec::<String>::new());
    });
}

/// What is within is purged along; history outlives whom it names, and tells the id.
#[test]
fn history_outlives_whom_it_names() {
    on_both_engines(|p| {
        job(p, "J1", "--lead RAV222 --requester ASHA22 --deputy ASHA22");
        p.run("visit create --code V1 --name V1 --job J1 --user ASHA22").ok();
        p.run("visit create --code V2 --name V2 --user ASHA22").ok();
        p.run("visit delete V2 --yes").ok();
        p.run("remark create --code R1 --name R --visit V1").ok();
        let id = p.json("user show ASHA22")["id"].as_str().expect("an id").to_owned();
        p.run("user delete ASHA22 --yes --orphan").ok();
        let said = p.run("user purge ASHA22 --yes");
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("and 3 more that belonged to it"), "{}", said.err);
        assert_eq!(int(p, "select count(*) from visits") + int(p, "select count(*) from remarks"), 0);
        let j1 = p.json("job show J1");
        assert_eq!(j1["requester"].as_str(), Some(id.as_str()), "{j1}");
        assert_eq!(p.column("job list --columns code,requester", "requester"), [id.as_str()]);
        // It stays so with other changes, and nobody is named anew who is not there.
        p.run("job update J1 --name Other").ok();
        p.run("job delete J1 --yes").ok();
        p.run("job restore J1").ok();
        p.run("job update J1 --requester ''").ok();
        let set = p.json("audit list --limit 1")[0]["seq"].clone();
        let said = p.run(&format!("job update J1 --requester {id}")).fails(3);
        assert!(said.contains("does not exist"), "{said}");
        let said = p.run(&format!("audit revert {set}")).fails(4);
        assert!(said.contains("can't get its requester back: the user that it was is purged"), "{said}");
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// Of two people one: duties and parts follow, history stays.
#[test]
fn a_merge_leaves_history_as_it_was() {
    on_both_engines(|p| {
        job(p, "J1", "--lead ASHA22 --deputy ASHA22 --requester ASHA22");
        p.run("visit create --code V1 --name V1 --job J1 --user ASHA22").ok();
        p.run("user merge ASHA22 RAV222 --yes").ok();
        let j1 = p.json("job show J1");
        assert_eq!((&j1["lead"], &j1["deputy"]), (&"RAV222".into(), &"RAV222".into()), "{j1}");
        assert_eq!(j1["requester"], "ASHA22");
        assert_eq!(p.json("visit show V1")["user"], "RAV222");
        // A feed that lets somebody go takes along what is within.
        let csv = p.write("staff.csv", "user_code,name\nDEV222,Dev\n");
        let said = p.run(&format!(
            "user import {csv} --sync --leavers delete --reassign-to DEV222 --force --on-conflict update"
        ));
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(live(p, "visit").is_empty());
        assert_eq!(text(p, "select u.user_code from jobs j join users u on u.id = j.lead_id"), "DEV222");
        p.run("user restore RAV222").ok();
        assert_eq!(live(p, "visit"), ["V1"]);
        p.run("audit verify --deep").ok();
    });
}
