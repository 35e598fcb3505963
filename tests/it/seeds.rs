//! What the program brings along: system roles, features, the catalogue of permissions. Every organisation begins with it, it is
//! kept as it is, and what people took away of it stays away.

use std::collections::BTreeSet;

use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::crud::context::OF_EVERYBODY;
use orgctl::model::kinds::seeds::SEEDS;
use orgctl::model::kinds::{Kinds, OWN};

use crate::edit::edited;
use crate::harness::{BARE, Engine, TestEnv, on_both_engines_with};

const ACME: &str = "init --org-code ACME --org-name 'Acme Ltd'";

/// The whole program, with an organisation.
fn both(story: impl Fn(&TestEnv)) {
    on_both_engines_with(Program::SHIPPED, &[ACME], story);
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

/// By the trail: how many records.
fn recorded(p: &TestEnv) -> usize {
    p.audit_records()
}

#[test]
fn every_organisation_begins_with_it() {
    both(|p| {
        let roles = ["ADMIN", "SUPER_ADMIN", "USER"];
        let features = ["API_ACCESS", "ASSET_MANAGEMENT", "AUDI", "AUTH", "KYC", "REPORTS", "REPT", "USER"];
        p.run("org create --code BETA --name Beta").ok();
        let file = p.write("orgs.csv", "code,name\nGAMMA,Gamma\nDELTA,Delta\n");
        p.run(&format!("org import {file}")).ok();
        for org in ["ACME", "BETA", "GAMMA", "DELTA"] {
            assert_eq!(p.column(&format!("role list --org {org} --sort code"), "code"), roles, "{org}");
            assert_eq!(p.column(&format!("feature list --org {org} --sort code"), "code"), features, "{org}");
        }
        // Rows that fall are tried before, and undone.
        let file = p.write("again.csv", "code,name\nEPSILON,Epsilon\nACME,Again\n");
        p.run(&format!("org import {file} --keep-going")).fails(7);
        assert_eq!(p.column("role list --org EPSILON --sort code", "code"), roles);
        p.run("org delete EPSILON --yes").ok();
        // The installation has roles, too, and the catalogue.
        assert_eq!(p.column("role list --org SYSTEM --sort code", "code"), roles);
        assert_eq!(p.column("feature list --org SYSTEM", "code"), Vec::<String>::new());
        let catalogue = p.column("permission list --org SYSTEM --all --columns key", "key");
        assert!(catalogue.contains(&"audit:erase".to_owned()) && catalogue.len() > 100, "{}", catalogue.len());
        // A name of those is no question of where: what SYSTEM has is told where it is named.
        p.run("org delete BETA GAMMA DELTA --yes").ok();
        p.run("role show ADMIN").ok();
        assert_eq!(p.column("role list --all --columns org,code --sort code", "org"), ["ACME"; 3]);
        let of_user = "role-permission list --filter role=USER --sort key --columns key,own_records";
        assert_eq!(p.column(of_user, "key"), ["USER:users:read", "USER:users:update_profile"]);
        assert_eq!(p.column(of_user, "own_records"), ["true", "true"]);
        assert_eq!(p.column("role-permission list --filter role=SUPER_ADMIN", "key"), ["SUPER_ADMIN:*:*"]);
        // It is recorded as what it is: a record each, made by who made the organisation, in the same request.
        let made = p.run("role history ADMIN -o json").json();
        assert_eq!((&made[0]["action"], &made[0]["effect"]), (&"create".into(), &"create".into()), "{made}");
        let org = p.run("org history ACME -o json").json();
        for column in ["actor", "request_id"] {
            assert_eq!(made[0][column], org[0][column], "{column}");
        }
        all_is_well(p);
    });
}

#[test]
fn a_second_run_writes_nothing() {
    both(|p| {
        let before = recorded(p);
        assert!(p.run("db seed").ok().is_empty());
        assert!(p.run("db seed").err.contains("all that the program brings along is there"));
        p.run("db migrate").ok();
        p.run("init").ok();
        let told = p.run("db seed -o json").json();
        for (name, number) in [("created", 0), ("updated", 0), ("removed", 0), ("organisations", 2)] {
            assert_eq!(told[name], number, "{name}");
        }
        assert_eq!(recorded(p), before);
        all_is_well(p);
    });
}

/// Everybody's way to change, rename, end or take away what is the program's own, and what is said then.
const REFUSED: &[&str] = &[
    "role update ADMIN --name Boss",
    "role update ADMIN --code BOSS",
    "role update ADMIN --description 'May do what I say'",
    "role deactivate ADMIN",
    "role delete ADMIN --yes",
    "role delete ADMIN --cascade --yes",
    "role delete MINE ADMIN --cascade --yes",
    "role update ADMIN --name Boss --org SYSTEM",
    "role delete SUPER_ADMIN --org SYSTEM --yes",
    "role-permission create --role ADMIN --resource audit --action erase",
    "role-permission update ADMIN:users:read --own-branch yes",
    "role-permission update USER:users:read --own-records no",
    "role-permission update MINE:assets:read --role ADMIN",
    "role-permission update ADMIN:users:read --role MINE",
    "role-permission delete ADMIN:users:read --yes",
    "role inherit ADMIN MINE",
    "permission update audit:erase --is-critical no --org SYSTEM",
    "permission update audit:erase --action look --org SYSTEM",
    "permission delete audit:erase --org SYSTEM --yes",
];

#[test]
fn what_is_the_programs_own_is_kept() {
    both(|p| {
        p.run("role create --code MINE --name Mine").ok();
        p.run("role-permission create --role MINE --resource assets --action read").ok();
        p.run("user create --user-code ASHA22 --name Asha --username asha").ok();
        for line in REFUSED {
            let before = recorded(p);
            let said = p.run(line).fails(4);
            assert!(said.contains("the program's own"), "{line}: {said}");
            assert!(said.contains("hint: make a "), "{line}: {said}");
            // The refusal is recorded, and nothing else.
            assert_eq!(recorded(p), before + 1, "{line}");
        }
        // By files, one row of several.
        let files = [
            ("role", "code,name\nMINE,Ours\nADMIN,Boss\n", "--on-conflict update"),
            ("role-permission", "role,resource,action\nMINE,audit,read\nADMIN,audit,erase\n", ""),
            ("role-permission", "role,resource,action,own_branch\nADMIN,users,read,yes\n", "--on-conflict update"),
            ("role-inheritance", "role,parent\nUSER,MINE\n", ""),
            ("role", "code,name,is_system\nOURS,Ours,yes\n", ""),
        ];
        for (noun, text, flags) in files {
            let file = p.write("rows.csv", text);
            let said = p.run(&format!("{noun} import {file} {flags}"));
            let said = said.fails(6);
            let line = text.lines().count();
            assert!(
                said.contains(&format!("rejected line {line}")) && said.contains("the program's own"),
                "{noun}: {said}"
            );
        }
        // The others are loaded.
        let file = p.write("rows.csv", "code,name\nADMIN,Boss\nMINE,Ours\n");
        let said = p.run(&format!("role import {file} --on-conflict update --keep-going")).fails(7);
        assert!(said.contains("rejected line 2, name: role ADMIN is the program's own"), "{said}");
        assert_eq!(p.json("role show MINE")["name"], "Ours");
        // By a form, and by taking back how it came.
        let script = "sed -i 's/^name = .*/name = \"Boss\"/' \"$1\"";
        assert!(edited(p, "role update ADMIN --edit", script).err.contains("the program's own"));
        // What it is given to, what inherits from it, and who answers for it are people's.
        p.run("role assign ADMIN asha").ok();
        p.run("role unassign ADMIN asha --yes").ok();
        p.run("role inherit MINE ADMIN").ok();
        p.run("role disinherit MINE ADMIN --yes").ok();
        p.run("role update ADMIN --owner asha").ok();
        p.run("role add-approver ADMIN asha").ok();
        p.run("role remove-approver ADMIN asha --yes").ok();
        p.run("permission update audit:erase --description 'Ask the officer first' --org SYSTEM").ok();
        let before = recorded(p);
        p.run("db seed").ok();
        assert_eq!(recorded(p), before);
        assert_eq!(p.run("role show ADMIN -o json").json()["name"], "Administrator");
        assert_eq!(p.run("role show ADMIN -o json").json()["owner"], "ASHA22");
        all_is_well(p);
    });
}

#[test]
fn an_export_of_it_is_read_back() {
    both(|p| {
        for noun in ["role", "role-permission", "feature"] {
            let file = p.path("out.csv").display().to_string();
            p.run(&format!("{noun} export {file}")).ok();
            let told = p.run(&format!("{noun} import {file} --on-conflict update -o json")).json();
            assert_eq!((&told["updated"], &told["created"]), (&0.into(), &0.into()), "{noun}: {told}");
        }
    });
}

/// What the program brings along is there in every organisation before anything is imported: that an export names it too is no
/// conflict, and what it says otherwise is one.
#[test]
fn an_export_of_it_goes_into_a_new_organisation() {
    both(|p| {
        p.run("role create --code OFFICER --name Officer").ok();
        p.run("org create --code BETA --name Beta").ok();
        for (noun, made) in [("role", 1), ("role-permission", 0), ("feature", 0)] {
            let file = p.path("out.csv").display().to_string();
            p.run(&format!("--org ACME {noun} export {file}")).ok();
            let told = p.run(&format!("--org BETA {noun} import {file} -o json")).json();
            let rows = told["read"].as_u64().unwrap();
            assert_eq!((&told["created"], &told["unchanged"]), (&made.into(), &(rows - made).into()), "{noun}: {told}");
        }
        let other = p.write("other.csv", "code,name,is_system\nADMIN,Somebody,true\n");
        let said = p.run(&format!("--org BETA role import {other}"));
        assert!(said.err.contains("role ADMIN exists already"), "{}", said.err);
        said.fails(6);
        all_is_well(p);
    });
}

#[test]
fn what_people_took_away_stays_away() {
    both(|p| {
        p.run("feature delete KYC --yes").ok();
        p.run("feature update REPT --name 'Our reports' --code RP2").ok();
        p.run("feature deactivate AUDI").ok();
        let before = recorded(p);
        p.run("db seed").ok();
        p.run("db migrate").ok();
        p.run("feature purge KYC --yes").ok();
        p.run("db seed").ok();
        assert_eq!(recorded(p), before + 1);
        p.run("feature show KYC").fails(3);
        p.run("feature show REPT").fails(3);
        assert_eq!(p.run("feature show RP2 -o json").json()["name"], "Our reports");
        assert_eq!(p.run("feature show AUDI -o json").json()["status"], "inactive");
        all_is_well(p);
    });
}

#[test]
fn it_goes_and_returns_with_its_organisation() {
    both(|p| {
        p.run("org create --code BETA --name Beta").ok();
        let said = p.run("org delete BETA --dry-run").err;
        assert_eq!(said, "deleted org BETA\ndry run: nothing was changed\n");
        p.run("org delete BETA --yes").ok();
        assert_eq!(p.column("role list --all --columns org", "org"), ["ACME"; 3]);
        all_is_well(p);
        assert_eq!(p.run("org restore BETA").err, "restored org BETA\n");
        assert_eq!(p.column("role list --org BETA --sort code", "code"), ["ADMIN", "SUPER_ADMIN", "USER"]);
        assert_eq!(p.column("role-permission list --org BETA --filter role=USER --all", "key").len(), 2);
        all_is_well(p);
        // What people made there keeps it still.
        p.run("role create --code MINE --name Mine --org BETA").ok();
        let said = p.run("org delete BETA --yes").fails(4);
        assert!(said.contains("1 role: MINE depends on it"), "{said}");
        p.run("role delete MINE --org BETA --yes").ok();
        p.run("org delete BETA --yes").ok();
        // By itself none of it goes for good.
        assert!(p.run("role purge ADMIN --org BETA --yes").code != 0);
        p.run("org purge BETA --yes").ok();
        all_is_well(p);
        p.run("org create --code BETA --name 'Beta again'").ok();
        assert_eq!(p.column("role list --org BETA", "code").len(), 3);
        all_is_well(p);
    });
}

#[test]
fn what_was_changed_behind_the_programs_back_is_found_and_mended() {
    both(|p| {
        p.sql("update roles set name = 'Boss' where code = 'ADMIN' and org_id = 1").expect("sql");
        let said = p.run("db check");
        assert!(said.out.contains("role ADMIN is not as the program has it in ACME"), "{}", said.out);
        said.fails(8);
        let told = p.run("db seed -o json").json();
        assert_eq!((&told["updated"], &told["created"]), (&1.into(), &0.into()), "{told}");
        assert_eq!(p.run("role show ADMIN -o json").json()["name"], "Administrator");
        p.run("db check").ok();
        // A permission that somebody slipped in.
        let uuid = if p.engine == Engine::Sqlite {
            "x'00000000000070008000000000000001'"
        } else {
            "'00000000-0000-7000-8000-000000000001'"
        };
        p.sql(&format!(
            "insert into role_permissions (org_id, id, role_id, resource, action, own_records, own_department, own_branch,
                require_approval, created_at, created_by, updated_at, updated_by, version)
             select org_id, {uuid}, role_id, 'audit', 'erase', own_records, own_department, own_branch, require_approval,
                created_at, created_by, updated_at, updated_by, version from role_permissions
              where org_id = 1 and resource = 'users' and action = 'read'
                and role_id = (select id from roles where org_id = 1 and code = 'USER')"
        ))
        .expect("sql");
        let said = p.run("db check");
        assert!(
            said.out.contains("role-permission USER:audit:erase is none of the program's own in ACME"),
            "{}",
            said.out
        );
        assert_eq!(p.run("db seed -o json").json()["removed"], 1);
        p.run("db check").ok();
    });
}

#[test]
fn an_earlier_database_gets_it() {
    // Made by a program that brought nothing along.
    let lines = [
        ACME,
        "org create --code BETA --name Beta",
        "role create --code ADMIN --name 'Our own' --org BETA",
        "feature create --code KYC --name 'Our KYC' --org BETA",
    ];
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut p = TestEnv::prepared(engine, BARE, &lines);
        p.program = Program::SHIPPED;
        let before = recorded(&p);
        let dry = p.run("db seed --dry-run -o json").json();
        assert_eq!(recorded(&p), before);
        let said = p.run("db seed -o json");
        let told = said.json();
        assert_eq!(told["created"], dry["created"]);
        assert_eq!(recorded(&p), before + usize::try_from(told["created"].as_u64().expect("a number")).expect("few"));
        assert!(
            said.err.contains("role ADMIN has the key of one that the program brings along in BETA"),
            "{}",
            said.err
        );
        // What people had stays theirs.
        assert_eq!(p.run("role show ADMIN --org BETA -o json").json()["name"], "Our own");
        assert_eq!(p.run("feature show KYC --org BETA -o json").json()["name"], "Our KYC");
        assert_eq!(p.column("role-permission list --org BETA --filter role=ADMIN", "key"), Vec::<String>::new());
        p.run("db check").fails(8);
        p.run("role update ADMIN --code BOSS --org BETA").ok();
        let told = p.run("db seed -o json").json();
        assert!(told["created"].as_u64() > Some(50) && told["obstacles"] == serde_json::json!([]), "{told}");
        all_is_well(&p);
    }
}

#[test]
fn roles_are_made_of_templates() {
    both(|p| {
        let all = p.column("role template list", "code");
        let named =
            "CONSULTANT CLIENT SALES SUPPORT TECH MANAGER ASSET_MANAGER FINANCE_HEAD DEPARTMENT_HEAD".split(' ');
        assert_eq!(all, named.collect::<Vec<_>>());
        let said = p.run("role template apply sales MANAGER").err;
        let lines =
            "created role SALES in ACME, with 7 permissions\ncreated role MANAGER in ACME, with 8 permissions\n";
        assert_eq!(said, lines);
        assert_eq!(p.column("role-permission list --filter 'role=SALES resource=projects'", "key").len(), 1);
        // They are people's own from then on.
        p.run("role update SALES --name 'Our sales'").ok();
        p.run("role-permission delete SALES:projects:read --yes").ok();
        assert!(p.run("role template apply SALES").fails(4).contains("role SALES exists already in ACME"));
        assert!(p.run("role template apply SALSE").fails(3).contains("did you mean SALES?"));
        let before = recorded(p);
        p.run("db seed").ok();
        assert_eq!(recorded(p), before);
        all_is_well(p);
    });
}

/// What any command asks for is in the catalogue; what only the catalogue has is for what is still to come.
#[test]
fn the_catalogue_knows_what_commands_ask_for() {
    let program = Program::SHIPPED;
    let catalogue: BTreeSet<String> =
        program.kinds.catalogue().into_iter().map(|e| format!("{}:{}", e.resource, e.action)).collect();
    let nouns = program.kinds.resources().map(|d| d.noun).chain(LEAVES.iter().map(|l| l.spec.noun));
    let asked: BTreeSet<String> = nouns
        .flat_map(|noun| program.of_noun(noun))
        .filter_map(|found| Some(found.access()?.permission))
        .filter(|permission| permission != OF_EVERYBODY)
        .chain(["users:export_hashes".to_owned()])
        .collect();
    assert_eq!(asked.difference(&catalogue).collect::<Vec<_>>(), Vec::<&String>::new());
    let ahead = ["consents:create", "kyc:keep_verified", "kyc:read_risk", "roles:escalate", "users:update_profile"];
    assert_eq!(catalogue.difference(&asked).collect::<Vec<_>>(), ahead);
    assert!(Kinds::new(&[OWN]).catalogue().is_empty());
    assert_eq!(SEEDS.template("Sales").map(|t| t.code), Some("SALES"));
}
