//! Values that no command writes, in every column of every table: no command panics at them, and `db check` or
//! `audit verify` names them.

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::{int, on, texts};

/// One row at least in every table.
fn filled(p: &TestEnv) {
    p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
    p.run("branch create --code PUN01 --name Pune --parent MUM01").ok();
    p.run("dept create --name Finance --budget 100 --branch MUM01").ok();
    p.run("specialty create --code ECON --name Economics --description 'How money moves'").ok();
    p.run("user create --name 'Asha Rao' --email asha@acme.example --branch MUM01 --dob 1990-02-03").ok();
    p.run("specialty assign ECON asha@acme.example").ok();
    p.run("user create --name 'A Rao' --email a.rao@acme.example").ok();
    p.run("user merge a.rao@acme.example asha@acme.example --yes").ok();
    p.run("branch assign PUN01 asha@acme.example").ok();
    p.run("feature create --code F1 --name One").ok();
    p.run("permission create --resource users --action read").ok();
    for code in ["R1", "R2"] {
        p.run(&format!("role create --code {code} --name One")).ok();
    }
    p.run("role-permission create --role R1 --resource users --action read").ok();
    p.run("role inherit R1 R2").ok();
    p.run("role assign R1 asha@acme.example").ok();
    p.run("role add-approver R1 asha@acme.example").ok();
    p.run("user invite asha@acme.example").ok();
    p.run("key init").ok();
    p.run_with("kyc submit pan asha@acme.example --from - --consent N1 --notice-file /proc/self/comm --given-at 1d --channel web --language en", "AAPPV8261K\nname: Asha Rao\n").ok();
    let business = "kyc submit business asha@acme.example --from - --registration gstin --business-type llp";
    p.run_with(business, "27AAPFU0939F1ZV\nname: Acme LLP\nowner: Asha Rao; 60; AAPPV8261K\n").ok();
    for word in ["tumbling-violet-harbour-19", "quiet-copper-lantern-84"] {
        p.run_with("user passwd asha@acme.example --password-stdin", word).ok();
    }
    p.run("setting set password.min_length 20 --org ACME").ok();
    p.run("audit keygen").ok();
    p.run("audit checkpoint").ok();
    p.run("backup create --label first").ok();
    p.wait(2 * 86_400);
    p.run("user update asha@acme.example --city Pune").ok();
    p.run(&format!("audit archive --before 2026-11-22 --out {}", p.path("a.gz").display())).ok();
}

/// Guards gone: triggers, and on PostgreSQL the rules of columns and the width of numbers.
fn unguarded(p: &TestEnv) {
    match p.engine {
        Engine::Sqlite => {
            for row in texts(p, "select name from sqlite_schema where type = 'trigger'") {
                p.sql(&format!("drop trigger {}", row[0])).expect("dropped");
            }
        }
        Engine::Postgres => {
            let rules =
                "select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint c
                           join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
                          where contype in ('c', 'f') and nspname = 'orgctl' and conparentid = 0";
            let triggers = "select format('alter table %I disable trigger user', tablename) from pg_tables where schemaname = 'orgctl'";
            for row in texts(p, rules).iter().chain(&texts(p, triggers)) {
                p.sql(&row[0]).expect("gone");
            }
            for column in [
                "departments alter column budget",
                "kyc alter column amount",
                "kyc alter column name_match_score",
                "kyc_owners alter column share",
            ] {
                p.sql(&format!("alter table {column} type numeric")).expect("wide");
            }
        }
    }
}

/// Every table with its columns: name and type.
fn catalogue(p: &TestEnv) -> Vec<(String, Vec<(String, String)>)> {
    let sql = on(
        p,
        "select m.name, c.name, lower(c.type) from sqlite_schema m, pragma_table_xinfo(m.name) c
          where m.type = 'table' and m.name not like '%search%' and m.name not like 'sqlite%'
            and c.hidden = 0 and c.name <> 'row_id' order by m.name, c.cid",
        "select table_name::text, column_name::text, data_type::text from information_schema.columns
          where table_schema = 'orgctl' and is_generated = 'NEVER' order by table_name, ordinal_position",
    );
    let mut tables: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for row in texts(p, sql) {
        match tables.last_mut() {
            Some((table, columns)) if *table == row[0] => columns.push((row[1].clone(), row[2].clone())),
            _ => tables.push((row[0].clone(), vec![(row[1].clone(), row[2].clone())])),
        }
    }
    tables
}

/// Values that the type of a column takes, and no rule of ours.
fn values(engine: Engine, ty: &str) -> &'static [&'static str] {
    match (engine, ty) {
        (Engine::Sqlite, "integer") => &["-9223372036854775808", "9223372036854775807", "-99", "253402300800000000"],
        (Engine::Sqlite, "text") => &["cast(x'ff' as text)", "''", "'{'", "'2026-02-31'"],
        (Engine::Sqlite, _) => &["x''", "x'00'", "zeroblob(33)", "zeroblob(15)"],
        (_, "timestamp with time zone") => &["'infinity'", "'-infinity'", "'294276-12-31Z'", "'4713-01-01 BC'"],
        (_, "date") => &["'infinity'", "'-infinity'", "'5874897-12-31'", "'4713-01-01 BC'"],
        (_, "bigint") => &["-9223372036854775808", "9223372036854775807", "-99", "0"],
        (_, "integer") => &["-2147483648", "2147483647", "-99", "7"],
        (_, "numeric") => &["'NaN'", "'1e30'", "'Infinity'", "'0.00001'"],
        (_, "inet") => &["'10.0.0.0/8'", "'::/0'", "'10.0.0.1/31'", "'fe80::/64'"],
        (_, "uuid") => &["'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
        (_, "bytea") => &["''", "'\\x00'", "decode(repeat('00', 33), 'hex')", "decode(repeat('00', 15), 'hex')"],
        (_, "text") => &["repeat('x', 30000)", "'{'", "E'\\u0001'", "''"],
        // Every value of these is possible, or made by the database itself.
        (_, "boolean" | "tsvector") => &[],
        _ => panic!("{ty} is not known to this test"),
    }
}

/// Runs as somebody whom no rule binds.
fn force(p: &TestEnv, sql: &str) -> Result<(), String> {
    p.sql(&format!("{}{sql}", on(p, "pragma ignore_check_constraints = on; pragma foreign_keys = off; ", "")))
}

fn keep(p: &TestEnv, table: &str) -> String {
    format!("{}{table}", on(p, "keep_", "public.keep_"))
}

/// The newest row of a table is changed.
fn set(p: &TestEnv, table: &str, changes: &[(String, &str)]) -> Result<(), String> {
    let changes: Vec<String> = changes.iter().map(|(c, v)| format!("\"{c}\" = {v}")).collect();
    let key = texts(
        p,
        &on(
            p,
            "select name, '' from pragma_table_xinfo('TABLE') where pk > 0 order by pk",
            "select a.attname::text, '' from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
              where i.indisprimary and i.indrelid = 'TABLE'::regclass order by a.attnum",
        )
        .replace("TABLE", table),
    );
    let key: Vec<String> = key.into_iter().map(|r| r[0].clone()).collect();
    let key = key.join(", ");
    let newest = format!("select {key} from {table} order by {} limit 1", key.replace(", ", " desc, ") + " desc");
    force(p, &format!("update {table} set {} where ({key}) = ({newest})", changes.join(", ")))
}

fn restore(p: &TestEnv, table: &str, columns: &[(String, String)]) {
    let list: Vec<String> = columns.iter().map(|(c, _)| format!("\"{c}\"")).collect();
    let (list, kept) = (list.join(", "), keep(p, table));
    force(p, &format!("delete from {table}; insert into {table} ({list}) select {list} from {kept}"))
        .unwrap_or_else(|e| panic!("{table}: {e}"));
}

/// What is run while a value is there, a few for each.
const COMMANDS: &[&str] = &[
    "user list --all -o json",
    "branch list --all --with-deleted -o csv",
    "dept list --all",
    "specialty list --all --with-deleted -o json",
    "specialty show ECON",
    "role-grant list --all -o json",
    "role-permission list --all --with-deleted -o json",
    "feature list --all -o json",
    "org list --all -o json",
    "user show asha@acme.example -o json",
    "branch show MUM01",
    "dept show DEPT-001 --with-deleted",
    "user history asha@acme.example",
    "branch history MUM01 -o json",
    "audit list --all -o json",
    "audit verify",
    "audit verify --deep",
    "user stats",
    "org stats -o json",
    "audit stats",
    "audit export --org ACME",
    "user export -o csv",
    "user find asha",
    "setting list --org ACME",
    "user dossier asha@acme.example",
    "branch list --as-of 2026-11-21T00:00:00Z",
    "audit diff --from 2026-11-20",
    "user update asha@acme.example --city Pune --dry-run",
    "branch update MUM01 --city Pune --dry-run",
    "dept create --name More --dry-run",
    "org create --code NEW --name New --dry-run",
    "db status",
    "key status",
    "db repair --dry-run",
    "audit log list",
    "audit checkpoint --dry-run",
    "user check-password asha@acme.example --password-stdin",
    "audit prove 2",
];

/// Only a restore fills it, and only what was signed counts in it: what is changed there is tried in `after_restore`.
const OF_A_RESTORE: &str = "audit_lineages";

/// A copy of each table, to put it back from. Every table has a row, or nothing would be tried in it.
fn kept(p: &TestEnv) -> Vec<(String, Vec<(String, String)>)> {
    let mut tables = catalogue(p);
    tables.retain(|(table, _)| table != OF_A_RESTORE);
    assert!(tables.len() >= 18, "{tables:?}");
    for (table, columns) in &tables {
        let list: Vec<String> = columns.iter().map(|(c, _)| format!("\"{c}\"")).collect();
        p.sql(&format!("create table {} as select {} from {table}", keep(p, table), list.join(", "))).expect("kept");
        assert!(int(p, &format!("select count(*) from {table}")) > 0, "{table} is empty");
    }
    tables
}

fn is_trail(table: &str) -> bool {
    table.starts_with("audit_")
}

#[test]
fn no_stored_value_makes_a_command_panic() {
    on_both_engines_with_acme(|p| {
        filled(p);
        unguarded(p);
        p.run("audit verify --deep").ok();
        let mut turn = 0;
        let kept = kept(p);
        for (table, columns) in &kept {
            for (i, (column, ty)) in columns.iter().enumerate() {
                // Another of the values for each column: over the tables each type meets all of its own.
                for value in values(p.engine, ty).iter().cycle().skip(i).take(1) {
                    set(p, table, &[(column.clone(), value)])
                        .unwrap_or_else(|e| panic!("{table}.{column} = {value}: {e}"));
                    let line = COMMANDS[turn % COMMANDS.len()];
                    turn += 1;
                    let said = p.run_with(line, "x");
                    let what = format!("{table}.{column} = {value}: {line}\n{}", said.err);
                    assert!(matches!(said.code, 0 | 1 | 3 | 4 | 6 | 8), "{what}");
                    assert!(!said.err.contains("panicked"), "{what}");
                    if is_trail(table) {
                        // Nothing of it can be changed unseen.
                        let said = p.run("audit verify");
                        assert_eq!(said.code, 8, "{table}.{column} = {value}: {}{}", said.out, said.err);
                    }
                    // What the command itself recorded goes too: in a trail that doesn't hold anyway nothing could be unseen.
                    for (table, columns) in kept.iter().filter(|(t, _)| t == table || is_trail(t)) {
                        restore(p, table, columns);
                    }
                }
            }
        }
        p.run("audit verify --deep").ok();
    });
}

/// Columns in which any value of their type is possible, so that nothing can be named: table, column, why. Only of the
/// types that PostgreSQL itself keeps to their form.
const ANY: &[(&str, &str, &str)] = &[
    ("*", "deletion_id", "names what went in one deletion"),
    ("actors", "name", "any text is a name"),
    ("system_log", "id", "an id of its own"),
    ("system_log", "user_id", "tells of somebody who may be gone"),
    ("system_log", "request_id", "tells of a command that may have recorded nothing"),
    ("role_grants", "granted_by_id", "tells of somebody who may be gone"),
    ("kyc", "submitted_by_id", "tells of somebody who may be gone"),
    ("kyc", "decided_by_id", "tells of somebody who may be gone"),
    ("kyc", "assigned_to_id", "tells of somebody who may be gone"),
    ("kyc", "id", "verify"),
    ("kyc", "consent_id", "tells of what may be gone"),
    ("consents", "id", "verify"),
    ("kyc_owners", "id", "verify"),
    ("consents", "recorded_by_id", "tells of somebody who may be gone"),
    ("tokens", "id", "an id of its own"),
    ("password_history", "id", "an id of its own"),
    ("credentials", "id", "verify"),
    ("password_history", "request_id", "tells of a command that may have recorded nothing"),
    ("backups", "id", "an id of its own"),
    ("wrapped_keys", "id", "an id of its own, to which the key is bound"),
    ("wrapped_keys", "wrapping_id", "tells of a master key, which is in no database"),
    ("backups", "parent_id", "tells of a backup that may be gone"),
    // Any is an id; that the records are of another `audit verify --deep` says.
    ("orgs", "id", "verify"),
    ("branches", "id", "verify"),
    ("departments", "id", "verify"),
    ("specialties", "id", "verify"),
    ("consultant_specialties", "id", "verify"),
    ("user_branches", "id", "verify"),
    ("former_keys", "id", "verify"),
    ("former_keys", "former_id", "verify"),
    ("features", "id", "verify"),
    ("permissions", "id", "verify"),
    ("roles", "id", "verify"),
    ("role_permissions", "id", "verify"),
    ("role_inheritances", "id", "verify"),
    ("role_grants", "id", "verify"),
    ("role_approvers", "id", "verify"),
    ("users", "id", "verify"),
    ("settings", "id", "verify"),
];

/// As [`ANY`], on both engines: what refers to it is named, or not verified any more.
const ACTOR: (&str, &str) = ("actors", "actor_id");

/// Each column is named with its table and row.
#[test]
fn impossible_values_are_named() {
    on_both_engines_with_acme(|p| {
        filled(p);
        unguarded(p);
        let clean = p.run("db check").out;
        assert!(!clean.contains("row with"), "{clean}");
        for (table, columns) in kept(p).iter().filter(|(t, _)| !is_trail(t)) {
            let any = |column: &str| {
                p.engine == Engine::Postgres && ANY.iter().any(|(t, c, _)| (*t == "*" || t == table) && *c == column)
            };
            let impossible = |(c, ty): &(String, String)| Some((c.clone(), *values(p.engine, ty).first()?));
            let is_key =
                |c: &str| matches!(c, "org_id" | "id" | "key" | "kind" | "actor_id" | "user_id" | "branch_id" | "seq");
            let alone = |c: &str| is_key(c) || c.ends_with("_folded");
            let (keys, others): (Vec<_>, Vec<_>) = columns.iter().filter_map(impossible).partition(|(c, _)| alone(c));
            // What names the row one at a time, and what derives from a text that then stays as it is; the rest at once.
            let rounds = keys.into_iter().map(|k| vec![k]).chain([others]).filter(|r| !r.is_empty());
            for changes in rounds {
                if table == "schema_migrations" && changes.iter().any(|(c, _)| c == "version") {
                    let rest: Vec<_> = changes.into_iter().filter(|(c, _)| c != "version").collect();
                    named(p, table, &rest, &any);
                } else {
                    named(p, table, &changes, &any);
                }
                restore(p, table, columns);
            }
        }
    });
}

fn named(p: &TestEnv, table: &str, changes: &[(String, &str)], any: &dyn Fn(&str) -> bool) {
    set(p, table, changes).unwrap_or_else(|e| panic!("{table}: {e}"));
    let said = p.run("db check");
    assert_eq!(said.code, 8, "{table}: {}{}", said.out, said.err);
    for (column, value) in changes {
        if (table, column.as_str()) == ACTOR {
            assert!(said.out.contains("the value of actor_id can't be"), "{}", said.out);
            continue;
        }
        let is_named = said.out.lines().any(|l| {
            l.starts_with(&format!("table {table}, row with ")) && l.contains(&format!("the value of {column} c"))
        });
        if !is_named && any(column) {
            let by_verify = ANY.iter().any(|(t, c, why)| *t == table && c == column && *why == "verify");
            assert!(!by_verify || p.run("audit verify --deep").code == 8, "{table}.{column}");
            continue;
        }
        // A part of a key that refers is named by its last.
        let of_key = column == "org_id" && said.out.contains(&format!("table {table}, row with "));
        assert!(is_named || of_key, "{table}.{column} = {value} is not named:\n{}", said.out);
    }
}
