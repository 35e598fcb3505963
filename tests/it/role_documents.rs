//! Roles and people with all that they give and have in one file: `role import`, `role export --whole`, and what earlier
//! systems write of people's permissions.

use serde_json::{Value as Json, json};

use orgctl::cli::program::Program;

use crate::harness::{TestEnv, on_both_engines_with};

/// An organisation with a branch and two people.
fn on_both(story: impl Fn(&TestEnv)) {
    const LINES: &[&str] = &[
        "init --org-code ACME --org-name Acme",
        "branch create --code MUM01 --name Mumbai",
        "user create --user-code ASHA22 --name Asha --username asha --branch MUM01",
        "user create --user-code RAVI22 --name Ravi --username ravi",
    ];
    on_both_engines_with(Program::SHIPPED, LINES, |p| {
        story(p);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

const ROLES: &str = r#"[
 {"code": "READER", "name": "Reader", "permissions": ["users:read", "branches:read"]},
 {"code": "AUDITOR", "name": "Auditor", "parents": ["READER"],
  "permissions": [
    "audit:read",
    {"permission": "users:update", "own_branch": true},
    {"resource": "assets", "actions": ["read", "update"], "conditions": {"own_records_only": true, "own_branch_only": false}}],
  "members": ["asha", {"user": "ravi", "until": "2031-01-01T00:00:00Z", "branch": "MUM01"}]}
]"#;

/// What a role gives: each permission with its conditions.
fn given(p: &TestEnv, role: &str) -> Vec<String> {
    let rows = p.json(&format!("role permissions {role}"));
    let row = |row: &Json| {
        let under = ["own_branch", "own_department", "own_records", "require_approval"];
        let under: String = under.iter().filter(|c| row[**c] == true).map(|c| format!("+{c}")).collect();
        format!("{}{under}", row["permission"].as_str().unwrap_or_default())
    };
    let mut all: Vec<String> = rows.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(row).collect();
    all.sort();
    all
}

fn grants(p: &TestEnv, columns: &str) -> Vec<Vec<String>> {
    let said = p.run(&format!("role-grant list --columns {columns} -o tsv --limit 100")).ok();
    let mut rows: Vec<Vec<String>> =
        said.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    rows.sort();
    rows
}

#[test]
fn roles_are_one_file_with_what_they_give() {
    on_both(|p| {
        let said = p.run_with("role import -", ROLES);
        assert_eq!(said.code, 0, "{}", said.err);
        for line in [
            "read 2 rows: created 2,",
            "role grants: created 2\n",
            "role inheritances: created 1\n",
            "role permissions: created 6\n",
        ] {
            assert!(said.err.contains(line), "{}", said.err);
        }
        let audits = ["assets:read+own_records", "assets:update+own_records", "audit:read", "users:update+own_branch"];
        assert_eq!(given(p, "AUDITOR"), audits);
        assert_eq!(
            grants(p, "role,user,branch,expires_at"),
            [["AUDITOR", "ASHA22", "", ""], ["AUDITOR", "RAVI22", "MUM01", "2031-01-01T00:00:00.000000Z"]]
        );
        assert_eq!(p.run("role check asha users:read").ok(), "allow\n");
        // A second run changes nothing.
        let records = p.audit_records();
        let said = p.run_with("role import - --on-conflict update", ROLES);
        assert!(said.err.contains("unchanged 2,") && said.err.contains("nothing was changed\n"), "{}", said.err);
        assert_eq!(p.audit_records(), records);
        // Out in any form, and in again elsewhere.
        let told = p.run("role export --whole - --filter is_system=no -o json").ok();
        for format in ["json", "ndjson", "csv"] {
            let (file, org) = (p.path("roles").display().to_string(), format!("TWO{}", format.to_uppercase()));
            p.run(&format!("role export --whole {file} --org ACME --filter is_system=no -o {format}")).ok();
            p.run(&format!("org create --code {org} --name Two")).ok();
            for line in [
                "branch create --code MUM01 --name Mumbai",
                "user create --user-code ASHA22 --name A",
                "user create --user-code RAVI22 --name R",
            ] {
                p.run(&format!("{line} --org {org}")).ok();
            }
            p.run(&format!("role import {file} --org {org}")).ok();
            assert_eq!(p.run(&format!("role export --whole - --org {org} --filter is_system=no -o json")).ok(), told);
        }
    });
}

/// A word that nobody knows may be mistyped, by whatever way it comes.
#[test]
fn words_that_the_catalogue_does_not_know_are_told() {
    on_both(|p| {
        p.run("role create --code R --name R").ok();
        let near = "user:read is not in the catalogue of permissions; did you mean users:read?\n";
        let says = |line: &str, file: &str, is_told: bool| {
            let said = p.run_with(line, file);
            assert_eq!(said.code, 0, "{line}: {}", said.err);
            assert_eq!(said.err.contains(near), is_told, "{line}: {}", said.err);
        };
        says("role grant R user:read --dry-run", "", true);
        says("role-permission create --role R --resource user --action read", "", true);
        says("role-permission update R:user:read --own-branch yes", "", true);
        says("role-permission update R:user:read --resource users", "", false);
        says("role-permission import -", "role,resource,action\nR,user,read\n", true);
        says("role import -", "code,name,permissions\nS,S,users:read\n", false);
        says("role import -", "code,name,permissions\nT,T,user:read\n", true);
    });
}

#[test]
fn what_a_file_does_not_name_of_a_role_goes_but_for_its_members() {
    on_both(|p| {
        p.run_with("role import -", ROLES).ok();
        let fewer = "code,permissions,parents\nAUDITOR,audit:read; users:update+own_department,[]\n";
        let said = p.run_with("role import - --on-conflict update", fewer);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("role permissions: updated 1, unchanged 1, deleted 2\n"), "{}", said.err);
        assert!(said.err.contains("role inheritances: deleted 1\n"), "{}", said.err);
        assert_eq!(given(p, "AUDITOR"), ["audit:read", "users:update+own_department"]);
        assert_eq!(grants(p, "role,user").len(), 2);
        // An empty cell says nothing.
        p.run_with("role import - --on-conflict update", "code,permissions,name\nAUDITOR,,Audit\n").ok();
        assert_eq!(given(p, "AUDITOR"), ["audit:read", "users:update+own_department"]);
        let said = p.run_with("role import - --on-conflict update", "code,permissions\nAUDITOR,[]\n");
        assert!(said.err.contains("role permissions: deleted 2\n"), "{}", said.err);
        assert_eq!(given(p, "AUDITOR"), Vec::<String>::new());
        // In JSON as in CSV.
        p.run("role grant READER kyc:reveal").ok();
        let said = p.run_with("role import - --on-conflict update", r#"{"code":"READER","permissions":[]}"#);
        assert!(said.err.contains("role permissions: deleted 3\n"), "{}", said.err);
    });
}

#[test]
fn what_stands_within_a_role_is_refused_with_its_line() {
    on_both(|p| {
        for (file, why) in [
            (
                r#"[{"code":"A","name":"A"},
{"code":"B","name":"B","permissions":["users:re*"]}]"#,
                "rejected line 2: permissions names 're*'",
            ),
            (
                r#"{"code":"A","name":"A","permissions":[{"permission":"a:b","own_brnch":true}]}"#,
                "'own_brnch' of a permission",
            ),
            (
                r#"{"code":"A","name":"A","permissions":[{"permission":"a:b","effect":"deny"}]}"#,
                "'effect' of a permission",
            ),
            (
                r#"{"code":"A","name":"A","members":[{"user":"asha","expries_at":"2031-01-01"}]}"#,
                "did you mean expires_at?",
            ),
            (r#"{"code":"A","name":"A","members":["nobody"]}"#, "rejected line 1, members: user nobody does not exist"),
            (r#"{"code":"A","name":"A","parents":["NONE"]}"#, "rejected line 1, parents: role NONE does not exist"),
            (
                r#"[{"code":"A","name":"A","parents":["B"]},{"code":"B","name":"B","parents":["A"]}]"#,
                "rejected line 1, parents: parent leads back to where the link begins",
            ),
            ("code,name,permisions\nA,A,a:b\n", "did you mean permissions by 'permisions'?"),
            ("code,name,permissions,permissions\nA,A,a:b,c:d\n", "two columns of the file hold permissions"),
        ] {
            let said = p.run_with("role import -", file);
            assert_ne!(said.code, 0, "{file}");
            assert!(said.err.contains(why), "{file}: {}", said.err);
            assert_eq!(p.run("role exists A").code, 3, "{file}");
        }
        let said = p.run_with("role import - --on-conflict skip", ROLES);
        assert_eq!(said.code, 2, "{}", said.err);
        // What of a row is wrong keeps nothing of the others back, and of the row nothing is loaded.
        let file = r#"{"code":"A","name":"A","permissions":["users:read"]}
{"code":"B","name":"","permissions":["users:read"]}
{"code":"C","name":"C","members":["nobody"]}
"#;
        let said = p.run_with("role import - --keep-going", file);
        assert_eq!(said.code, 7, "{}", said.err);
        assert!(said.err.contains("error: 2 of 3 rows were rejected"), "{}", said.err);
        assert_eq!(given(p, "A"), ["users:read"]);
        assert_eq!(p.run("role exists B").code, 3);
        // Of a row that is rejected nothing is there, whatever of it was wrong; and it can be mended.
        assert_eq!(p.run("role exists C").code, 3);
        let rejects = p.path("rejects.csv").display().to_string();
        let file = "code,name,members,permissions\nD,D,asha,a:b\nE,E,nobody,a:b\n";
        let said = p.run_with(&format!("role import - --keep-going --rejects {rejects}"), file);
        assert!(said.code == 7 && said.err.contains("created 1,"), "{}", said.err);
        let rejected = std::fs::read_to_string(&rejects).expect("rejects");
        assert!(rejected.contains("members,not_found,user nobody does not exist"), "{rejected}");
        p.run_with("role import -", rejected.replace("nobody", "ravi")).ok();
        assert_eq!(grants(p, "role,user"), [["D", "ASHA22"], ["E", "RAVI22"]]);
        // Rows of one line are rows by themselves.
        let file = r#"[{"code":"F","name":"F","permissions":["a:b"]},{"code":"G","name":"G","permissions":["a"]}]"#;
        assert_eq!(p.run_with("role import - --keep-going", file).code, 7);
        assert_eq!(given(p, "F"), ["a:b"]);
        assert_eq!(p.run("role exists G").code, 3);
    });
}

/// A file that tells a part would take the rest away where it is read back.
#[test]
fn who_may_not_see_all_that_roles_give_exports_none_of_it() {
    on_both(|p| {
        p.run_with("role import -", ROLES).ok();
        p.run("role grant READER roles:read roles:export").ok();
        p.run("role assign READER asha").ok();
        let refused = p.run("role export --whole - --as asha");
        assert_eq!(refused.code, 5, "{}", refused.err);
        assert!(refused.err.contains("role_inheritances:read is not allowed: no role grants it"), "{}", refused.err);
        p.run("role grant READER role_inheritances:read role_permissions:read").ok();
        assert_eq!(p.run("role export --whole - --as asha").code, 5);
        p.run("role export --whole --without-members - --as asha").ok();
        // Who owns a role is one of those who are left out.
        p.run("role update READER --owner asha").ok();
        let told = p.json("role export --whole --without-members - --filter code=READER");
        assert!(told[0].get("owner").is_none() && told[0].get("members").is_none(), "{told}");
        assert_eq!(p.json("role export --whole - --filter code=READER")[0]["owner"], "ASHA22");
    });
}

/// What is out of use has what it had.
#[test]
fn a_role_out_of_use_comes_with_its_members() {
    on_both(|p| {
        p.run("role create --code OFF --name Off").ok();
        p.run("role assign OFF asha").ok();
        p.run("role deactivate OFF").ok();
        let told = p.run("role export --whole - --filter code=OFF -o json").ok();
        p.run("role delete OFF --yes --cascade").ok();
        p.run_with("role import -", &told).ok();
        let now = p.json("role export --whole - --filter code=OFF");
        assert_eq!(now[0]["members"][0]["user"], "ASHA22");
        assert_eq!(now[0]["is_active"], false);
    });
}

/// The column `org` sends roles with all that is within them.
#[test]
fn roles_of_several_organisations_come_in_one_file() {
    on_both(|p| {
        p.run("org create --code TWO --name Two").ok();
        p.run("user create --user-code ASHA22 --name Asha --org TWO").ok();
        let file = r#"{"org":"ACME","code":"R","name":"R","permissions":["a:b"],"members":["ASHA22"]}
{"org":"TWO","code":"R","name":"R","permissions":["c:d"],"members":["ASHA22"]}
"#;
        p.run_with("role import -", file).ok();
        assert_eq!(given(p, "R --org ACME"), ["a:b"]);
        assert_eq!(given(p, "R --org TWO"), ["c:d"]);
        let file = file.replace("\"a:b\"", "\"a:x\"");
        p.run_with("role import - --on-conflict update", file).ok();
        assert_eq!(given(p, "R --org ACME"), ["a:x"]);
        assert_eq!(given(p, "R --org TWO"), ["c:d"]);
    });
}

const PEOPLE: &str = r#"[
{"userId":"MEER22","name":"Meera","roles":[
   {"role":"AUDITOR","expires_at":"2031-03-31T00:00:00Z","assigned_by":"asha","assigned_at":{"$date":"2024-01-01T00:00:00Z"}},
   {"role":{"_id":{"$oid":"65a1b2c3d4e5f60718293a4b"},"name":"Reader","code":"READER"}},
   {"role":"SALES","is_active":false}, {"role":"SALES","isActive":"0"},
   {"role":"USER","is_primary":true}],
 "permissions":["assets:read","assets:create"]},
{"userId":"DEVN33","name":"Dev","roles":["READER"],"permissions":[{"resource":"assets","actions":["create","read"]}]},
{"userId":"PAYA22","name":"Pa","permissions":{"assets":{"approve":true,"read":false}}}]"#;

/// Documents of people: their roles with an end, and permissions that are theirs alone.
#[test]
fn people_come_with_roles_for_a_time_and_permissions_of_their_own() {
    on_both(|p| {
        p.run_with("role import -", ROLES).ok();
        let said = p.run_with("user import -", PEOPLE);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("created role LEGACY_1 (Permissions given one by one, 1)\n"), "{}", said.err);
        assert_eq!(
            grants(p, "user,role,is_primary,expires_at,granted_by")[1..8],
            [
                ["DEVN33", "LEGACY_1", "false", "", ""],
                ["DEVN33", "READER", "true", "", ""],
                ["MEER22", "AUDITOR", "false", "2031-03-31T00:00:00.000000Z", "ASHA22"],
                ["MEER22", "LEGACY_1", "false", "", ""],
                ["MEER22", "READER", "false", "", ""],
                ["MEER22", "USER", "true", "", ""],
                ["PAYA22", "LEGACY_2", "true", "", ""],
            ]
        );
        assert_eq!(given(p, "LEGACY_1"), ["assets:create", "assets:read"]);
        assert_eq!(given(p, "LEGACY_2"), ["assets:approve"]);
        assert_eq!(p.json("role-grant show AUDITOR:MEER22")["granted_at"], "2024-01-01T00:00:00.000000Z");
        // The same file again changes nothing.
        let records = p.audit_records();
        let said = p.run_with("user import - --on-conflict update", PEOPLE);
        assert!(said.err.contains("unchanged 3,") && said.err.contains("nothing was changed\n"), "{}", said.err);
        assert_eq!(p.audit_records(), records);
        // Another list takes the place of the one before; roles that nobody named stay.
        let said = p.run_with(
            "user import - --on-conflict update",
            "user_code,permissions\nMEER22,\"assets:read, assets:approve+own_branch\"\nDEVN33,\n",
        );
        assert!(said.err.contains("updated 2,"), "{}", said.err);
        let roles = |user: &str| p.json(&format!("user show {user}"))["roles"].clone();
        assert_eq!(roles("MEER22"), json!(["USER", "LEGACY_3", "READER"]));
        assert_eq!(roles("DEVN33"), json!(["READER"]));
        assert_eq!(given(p, "LEGACY_3"), ["assets:approve+own_branch", "assets:read"]);
    });
}

#[test]
fn a_column_says_when_a_role_ends() {
    on_both(|p| {
        let file = "user_code,name,role,role_expires_at\nMEER22,Meera,user,2031-03-31T00:00:00Z\nDEVN33,Dev,user,\n";
        p.run_with("user import -", file).ok();
        assert_eq!(
            grants(p, "user,role,expires_at"),
            [["DEVN33", "USER", ""], ["MEER22", "USER", "2031-03-31T00:00:00.000000Z"]]
        );
        let said = p.run_with("user import - --on-conflict update", file);
        assert!(said.err.contains("nothing was changed\n"), "{}", said.err);
    });
}

#[test]
fn what_would_give_more_than_is_meant_is_refused() {
    on_both(|p| {
        for (file, why) in [
            (
                r#"{"userId":"MEER22","name":"M","roles":[{"role":"USER","expries_at":"2031-01-01"}]}"#,
                "did you mean expires_at?",
            ),
            (r#"{"userId":"MEER22","name":"M","roles":[{"until":"2031-01-01"}]}"#, "an object that names no role"),
            (
                r#"{"userId":"MEER22","name":"M","roles":[{"role":"NONE","until":"2031-01-01"}]}"#,
                "role NONE does not exist",
            ),
            (
                r#"{"userId":"MEER22","name":"M","permissions":{"assets":["read"],"own_branch":true}}"#,
                "where a resource is wanted",
            ),
            (r#"{"userId":"MEER22","name":"M","roles":[{"role":"USER","isActive":"perhaps"}]}"#, "neither yes nor no"),
            (r#"{"userId":"MEER22","name":"M","permissions":["READ_ASSETS"]}"#, "is no RESOURCE:ACTION"),
            (r#"{"userId":"MEER22","name":"M","permissions":[{"resource":"assets"}]}"#, "nothing of what may be done"),
        ] {
            let said = p.run_with("user import -", file);
            assert_eq!(said.code, 6, "{file}: {}", said.err);
            assert!(said.err.contains(why), "{file}: {}", said.err);
            assert_eq!(p.run("user exists MEER22").code, 3, "{file}");
        }
        assert_eq!(p.run("role exists LEGACY_1").code, 3);
    });
}
