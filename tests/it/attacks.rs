//! What somebody who owns the database could do to the trail, and what `audit verify` says of it: by itself, and with a
//! checkpoint that was kept elsewhere. docs/audit-attacks.md is what is said here, on both engines.

use std::fmt::Write as _;

use orgctl::model::trail::audit::{Header, commit, request_digest};
use orgctl::model::trail::merkle::Frontier;

use crate::harness::{TestEnv, golden, on_both_engines};
use crate::raw::{branches_csv, disarm, int, on, texts};

const TABLES: &[&str] =
    &["audit_records", "audit_requests", "audit_heads", "audit_erased", "audit_checkpoints", "branches"];

/// Twenty records of ACME, two organisations, a checkpoint, and two records more.
fn prepared(p: &TestEnv) {
    p.run("init --org-code ACME --org-name 'Acme Ltd'").ok();
    p.run("org create --code BETA --name 'Beta Ltd'").ok();
    p.run("branch create --code B1 --name One --org BETA").ok();
    let csv = p.write("b.csv", branches_csv(12));
    p.run(&format!("branch import {csv} --org ACME")).ok();
    for i in 1..=6 {
        p.run(&format!("branch update B00001 --city Town{i} --org ACME")).ok();
    }
    let key = p.run("audit keygen").ok();
    p.write("audit.pub", key);
    p.run(&format!("audit checkpoint --append {}", p.path("c.txt").display())).ok();
    std::fs::remove_file(p.path("home/.config/orgctl/audit.key.last")).expect("forgotten");
    p.run("branch update B00002 --city Goa --org ACME").ok();
    p.run("branch update B00003 --city Goa --org ACME").ok();
    assert_eq!(int(p, "select size from audit_heads where tree = 1"), 22);
    disarm(p);
    let more = ["audit_checkpoints", "audit_erased"];
    if p.engine == crate::harness::Engine::Postgres {
        let rules = "select conrelid::regclass::text, conname::text from pg_constraint
              where contype = 'c' and conrelid::regclass::text in ('audit_records', 'audit_requests')";
        for rule in texts(p, rules) {
            p.sql(&format!("alter table {} drop constraint {}", rule[0], rule[1])).expect("dropped");
        }
        for table in more {
            p.sql(&format!("alter table {table} disable trigger user")).expect("switched off");
        }
    }
    for t in TABLES {
        let columns = columns(p, t);
        p.sql(&format!("create table {} as select {columns} from {t}", keep(p, t))).expect("kept");
    }
}

fn keep(p: &TestEnv, table: &str) -> String {
    format!("{}{table}", on(p, "keep_", "public.keep_"))
}

/// The columns of a table that can be written.
fn columns(p: &TestEnv, table: &str) -> String {
    let sql = on(
        p,
        "select name from pragma_table_info('TABLE')",
        "select column_name::text from information_schema.columns
          where table_schema = 'orgctl' and table_name = 'TABLE' and is_generated = 'NEVER'",
    );
    let names: Vec<String> =
        texts(p, &sql.replace("TABLE", table)).into_iter().map(|r| format!("\"{}\"", r[0])).collect();
    names.join(", ")
}

/// As it was before the attack.
fn restored(p: &TestEnv) {
    for t in TABLES {
        let columns = columns(p, t);
        let rows = match *t {
            // The search index would have to follow rows that go.
            "branches" => {
                let back = format!("select k.city from {} k where k.id = branches.id", keep(p, t));
                format!("update branches set city = ({back})")
            }
            _ => format!("delete from {t}; insert into {t} ({columns}) select {columns} from {}", keep(p, t)),
        };
        p.sql(&rows).unwrap_or_else(|e| panic!("{t}: {e}"));
    }
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal digits")
}

fn literal(p: &TestEnv, bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    on(p, "x'HEX'", "'\\xHEX'").replace("HEX", &hex)
}

/// What an attacker with the program's own source would do: makes the leaves and the head of a tree anew, so that the trail
/// agrees with itself. `heads` false: only the leaves.
pub fn mend(p: &TestEnv, tree: u32, heads: bool) {
    let sql = on(
        p,
        "select cast(r.seq as text), cast(q.at as text), lower(hex(q.request_id)), cast(q.actor_id as text), q.source,
                lower(hex(q.salt)), q.payload, q.status, r.action, r.effect, r.kind, lower(hex(r.resource_id)),
                lower(hex(coalesce(r.subject_id, zeroblob(16)))), lower(hex(r.salt)), r.payload,
                cast(q.first_seq as text)
           from audit_records r join audit_requests q on q.tree = r.tree and r.seq between q.first_seq and q.last_seq
          where r.tree = TREE order by r.seq",
        "select r.seq::text, (extract(epoch from q.at) * 1000000)::bigint::text, replace(q.request_id::text, '-', ''),
                q.actor_id::text, q.source, encode(q.salt, 'hex'), q.payload, q.status, r.action, r.effect, r.kind,
                replace(r.resource_id::text, '-', ''),
                coalesce(replace(r.subject_id::text, '-', ''), '00000000000000000000000000000000'), encode(r.salt, 'hex'), r.payload, q.first_seq::text
           from audit_records r join audit_requests q on q.tree = r.tree and r.seq between q.first_seq and q.last_seq
          where r.tree = TREE order by r.seq",
    );
    let mut frontier = Frontier::default();
    let mut statements = String::new();
    let rows = texts(p, &sql.replace("TREE", &tree.to_string()));
    for row in &rows {
        let salted = |salt: &str, payload: &str| commit(&unhex(salt).try_into().expect("16 bytes"), payload);
        let bound = salted(&row[5], &row[6]);
        let digest = request_digest(row[3].parse().expect("a number"), &row[4], &bound);
        let header = Header {
            tree,
            seq: row[0].parse().expect("a number"),
            at: chrono::DateTime::from_timestamp_micros(row[1].parse().expect("microseconds")).expect("a time"),
            request_id: row[2].parse().expect("a UUID"),
            request_digest: digest,
            action: &row[8],
            effect: &row[9],
            kind: &row[10],
            resource_id: row[11].parse().expect("a UUID"),
            subject_id: row[12].parse().expect("a UUID"),
            status: &row[7],
        };
        let leaf = header.leaf(&salted(&row[13], &row[14]));
        frontier.append(leaf);
        writeln!(
            statements,
            "update audit_records set leaf = {} where tree = {tree} and seq = {};
             update audit_requests set commitment = {}, digest = {} where tree = {tree} and first_seq = {};",
            literal(p, &leaf),
            row[0],
            literal(p, &bound),
            literal(p, &digest),
            row[15],
        )
        .expect("memory");
    }
    if heads {
        let nodes = literal(p, &frontier.to_bytes());
        let pending = on(p, "", ", pending = SIZE").replace("SIZE", &rows.len().to_string());
        let at = format!("(select at from audit_requests where tree = {tree} order by first_seq desc limit 1)");
        writeln!(
            statements,
            "update audit_heads set size = {}, frontier = {nodes}, at = {at}{pending} where tree = {tree};",
            rows.len()
        )
        .expect("memory");
    }
    p.sql(&statements).expect("mended");
}

/// What is done, and how.
struct Attack {
    name: &'static str,
    done: &'static str,
    run: fn(&TestEnv),
}

fn sql(p: &TestEnv, sqlite: &str, postgres: &str) {
    let text = on(p, sqlite, postgres);
    p.sql(text).unwrap_or_else(|e| panic!("{e} in {text}"));
}

fn same(p: &TestEnv, text: &str) {
    sql(p, text, text);
}

const EDIT: &str = "update audit_records set payload = replace(payload, 'Town3', 'Delhi') where tree = 1 and seq = 17";
const BACKDATED: &str =
    "insert into audit_requests select tree, 23, 23, request_id, at - DAY, actor_id, source, status, salt, payload,
    commitment, digest from audit_requests where tree = 1 and first_seq = 22;
  insert into audit_records select tree, 23, action, effect, kind, resource_id, subject_id, salt, payload, leaf from audit_records
    where tree = 1 and seq = 22";

const ATTACKS: &[Attack] = &[
    Attack { name: "Edit a record", done: "the payload of record 17 tells another town", run: |p| same(p, EDIT) },
    Attack {
        name: "Edit a record and mend its leaf",
        done: "as above, and every leaf is computed anew",
        run: |p| {
            same(p, EDIT);
            mend(p, 1, false);
        },
    },
    Attack {
        name: "Edit a record, mend its leaf and the head",
        done: "as above, and the head is computed anew: the trail agrees with itself",
        run: |p| {
            same(p, EDIT);
            mend(p, 1, true);
        },
    },
    Attack {
        name: "Delete a record",
        done: "record 9 is deleted",
        run: |p| same(p, "delete from audit_records where tree = 1 and seq = 9"),
    },
    Attack {
        name: "Delete the last ten",
        done: "records 13 to 22 are deleted",
        run: |p| same(p, "delete from audit_records where tree = 1 and seq > 12"),
    },
    Attack {
        name: "Delete the last ten and mend the head",
        done: "as above, their commands too, and the head is computed anew",
        run: |p| {
            same(
                p,
                "delete from audit_records where tree = 1 and seq > 14; delete from audit_requests where tree = 1 and first_seq > 14",
            );
            mend(p, 1, true);
        },
    },
    Attack {
        name: "Swap two records",
        done: "records 16 and 18 change places",
        run: |p| {
            same(
                p,
                "update audit_records set seq = 99 where tree = 1 and seq = 16;
                 update audit_records set seq = 16 where tree = 1 and seq = 18;
                 update audit_records set seq = 18 where tree = 1 and seq = 99",
            );
        },
    },
    Attack {
        name: "Insert a record, back-dated",
        done: "a record 23 is added, a day older than record 22",
        run: |p| sql(p, &BACKDATED.replace("DAY", "86400000000"), &BACKDATED.replace("DAY", "interval '1 day'")),
    },
    Attack {
        name: "Insert a record, back-dated, and mend the head",
        done: "as above, and leaf and head are computed anew",
        run: |p| {
            sql(p, &BACKDATED.replace("DAY", "86400000000"), &BACKDATED.replace("DAY", "interval '1 day'"));
            mend(p, 1, true);
        },
    },
    Attack {
        name: "Rewrite the whole tree",
        done: "every payload tells of another town, and everything is computed anew; the checkpoints in the database are deleted; the signing key was not at hand",
        run: |p| {
            same(
                p,
                "update audit_records set payload = replace(payload, 'Pune', 'Nagpur') where tree = 1; delete from audit_checkpoints",
            );
            mend(p, 1, true);
        },
    },
    Attack {
        name: "Edit a command",
        done: "the source of the command behind record 15 becomes api",
        run: |p| same(p, "update audit_requests set source = 'api' where tree = 1 and first_seq = 15"),
    },
    Attack {
        name: "Erase a payload without a record of it",
        done: "salt and payload of record 5 are taken out, and what it was committed to is kept as an erasure keeps it",
        run: |p| {
            let payload = &texts(
                p,
                on(
                    p,
                    "select lower(hex(salt)), payload from audit_records where tree = 1 and seq = 5",
                    "select encode(salt, 'hex'), payload from audit_records where tree = 1 and seq = 5",
                ),
            )[0];
            let kept = commit(&unhex(&payload[0]).try_into().expect("16 bytes"), &payload[1]);
            let kept = literal(p, &kept);
            same(
                p,
                &format!(
                    "insert into audit_erased (tree, seq, commitment) values (1, 5, {kept});
                     update audit_records set salt = null, payload = null where tree = 1 and seq = 5"
                ),
            );
        },
    },
    Attack {
        name: "Replace a record under a salt that is none",
        done: "record 5 tells of something else, and its salt is one byte; the tables' own rules are off",
        run: |p| {
            let salt = literal(p, &[0]);
            let unruled = on(p, "pragma ignore_check_constraints = on;", "");
            same(
                p,
                &format!(
                    "{unruled} update audit_records set salt = {salt}, payload = '{{\"v\":1}}' where tree = 1 and seq = 5"
                ),
            );
        },
    },
    Attack {
        name: "Give a record a payload and no salt",
        done: "record 5 tells of something else, has no salt, and counts as erased",
        run: |p| {
            let unruled = on(p, "pragma ignore_check_constraints = on;", "");
            same(
                p,
                &format!(
                    "{unruled} update audit_records set salt = null, payload = '{{\"v\":1}}' where tree = 1 and seq = 5"
                ),
            );
        },
    },
    Attack {
        name: "Make up a command",
        done: "a command that made no record stands in front of record 22",
        run: |p| {
            let made_up = "insert into audit_requests select tree, 23, 22, request_id, at, actor_id, source, status, salt, payload,
                 commitment, digest from audit_requests where tree = 1 and first_seq = 22";
            let unruled = on(p, "pragma ignore_check_constraints = on;", "");
            same(p, &format!("{unruled} {made_up}"));
        },
    },
    Attack {
        name: "Hide a record below the first",
        done: "a record of the purge of a branch is given the number -1, which no list asks for",
        run: |p| {
            let unruled = on(p, "pragma ignore_check_constraints = on;", "");
            let hidden = "insert into audit_records select tree, -1, 'purge', 'purge', kind, resource_id, subject_id, salt, payload, leaf
                 from audit_records where tree = 1 and seq = 9";
            same(p, &format!("{unruled} {hidden}"));
        },
    },
    Attack {
        name: "INSERT OR REPLACE",
        done: "record 5 is replaced by a copy of record 6 (on PostgreSQL by DELETE and INSERT)",
        run: |p| {
            let copy = "audit_records (tree, seq, action, effect, kind, resource_id, subject_id, salt, payload, leaf)
                 select tree, 5, action, effect, kind, resource_id, subject_id, salt, payload, leaf from audit_records where tree = 1 and seq = 6";
            sql(
                p,
                &format!("insert or replace into {copy}"),
                &format!("delete from audit_records where tree = 1 and seq = 5; insert into {copy}"),
            );
        },
    },
    Attack {
        name: "TRUNCATE",
        done: "all records and commands of all trails are gone (on SQLite by DELETE)",
        run: |p| {
            sql(p, "delete from audit_records; delete from audit_requests", "truncate audit_records, audit_requests");
        },
    },
    Attack {
        name: "TRUNCATE, and the heads set to nothing",
        done: "as above; the heads tell of empty trees, and the checkpoints in the database are deleted",
        run: |p| {
            sql(
                p,
                "delete from audit_records; delete from audit_requests; delete from audit_checkpoints; update audit_heads set size = 0, frontier = x''",
                "truncate audit_records, audit_requests, audit_checkpoints; update audit_heads set size = 0, pending = 0, frontier = ''",
            );
        },
    },
    Attack {
        name: "Change a live row",
        done: "branch B00004 is moved to another town behind orgctl's back",
        run: |p| same(p, "update branches set city = 'Surat' where code = 'B00004'"),
    },
    Attack {
        name: "Set the time of a head",
        done: "the head of ACME is a year ahead: no command could be recorded before then",
        run: |p| {
            sql(
                p,
                "update audit_heads set at = at + 31536000000000 where tree = 1",
                "update audit_heads set at = at + interval '365 days' where tree = 1",
            );
        },
    },
    Attack {
        name: "Change the effect of a record",
        done: "record 17 says that it changed no row, so that whoever rebuilds the past passes it over",
        run: |p| same(p, "update audit_records set effect = 'none' where tree = 1 and seq = 17"),
    },
    Attack {
        name: "Change the effect of a record, mend its leaf and the head",
        done: "as above, and leaf and head are computed anew",
        run: |p| {
            same(p, "update audit_records set effect = 'none' where tree = 1 and seq = 17");
            mend(p, 1, true);
        },
    },
    Attack {
        name: "Let a refused command have changed something",
        done: "the command of record 17 is told to have failed, and leaf and head are computed anew",
        run: |p| {
            same(
                p,
                "update audit_requests set status = 'failed' where tree = 1 and first_seq <= 17 and last_seq >= 17",
            );
            mend(p, 1, true);
        },
    },
    Attack {
        name: "Change whom a record is about",
        done: "record 17, which holds nobody's data, names its branch as the person",
        run: |p| same(p, "update audit_records set subject_id = resource_id where tree = 1 and seq = 17"),
    },
    Attack {
        name: "Plant a record far ahead",
        done: "a copy of record 22 is given the number 1000000, which stands in the way of the next",
        run: |p| {
            same(
                p,
                "insert into audit_records (tree, seq, action, effect, kind, resource_id, subject_id, salt, payload, leaf)
                 select tree, 1000000, action, effect, kind, resource_id, subject_id, salt, payload, leaf from audit_records where tree = 1 and seq = 22",
            );
        },
    },
    Attack {
        name: "Plant an erasure",
        done: "an erasure of record 5 is kept, whose payload is there",
        run: |p| {
            let hash = literal(p, &[0; 32]);
            same(p, &format!("insert into audit_erased (tree, seq, commitment) values (1, 5, {hash})"));
        },
    },
    Attack {
        name: "Cut off the end with its checkpoints",
        done: "records 15 to 22 are gone with their commands, the head is computed anew, and the checkpoints in the database are deleted",
        run: |p| {
            same(
                p,
                "delete from audit_records where tree = 1 and seq > 14; delete from audit_requests where tree = 1 and first_seq > 14;
                 delete from audit_checkpoints",
            );
            mend(p, 1, true);
        },
    },
    Attack {
        name: "Cut off the end and plant the record of a restore",
        done: "as above, and the last record of SYSTEM becomes one that claims a backup was restored which held the 14 that are left",
        run: |p| {
            let system = int(p, "select size from audit_heads where tree = 0");
            let claim = format!(
                "{{\"heads\":[[0,{}],[1,14],[2,2]],\"id\":\"01a00000-0000-7000-8000-0000facade00\",\"log\":0,\"sha256\":\"{}\",\"v\":1}}",
                system - 1,
                "00".repeat(32)
            );
            same(
                p,
                &format!(
                    "delete from audit_records where tree = 1 and seq > 14; delete from audit_requests where tree = 1 and first_seq > 14;
                     delete from audit_checkpoints;
                     update audit_records set action = 'backup_restore', kind = 'backup', payload = '{claim}'
                      where tree = 0 and seq = {system}"
                ),
            );
            mend(p, 1, true);
            mend(p, 0, true);
        },
    },
    Attack {
        name: "Drop a tenant",
        done: "everything of BETA is deleted: its rows, its trail and its checkpoints",
        run: |p| {
            let tables = ["audit_records", "audit_requests", "audit_heads", "audit_checkpoints"]
                .map(|t| format!("delete from {t} where tree = 2;"));
            let rows = ["branches", "code_counters", "orgs"].map(|t| format!("delete from {t} where org_id = 2;"));
            same(p, &(tables.concat() + &rows.concat()));
        },
    },
];

const INTRODUCTION: &str = "\
# What an attacker could do to the trail, and what is seen

Whoever owns the database can switch its triggers off and change anything in it. Each of these was done with `sqlite3` and
with `psql` as the owner, triggers gone, to a trail of 22 records of ACME, 20 of them under a checkpoint that was kept
elsewhere. What follows is what `orgctl` says then, the same on both engines; tests/it/attacks.rs does it again with each
change of the program. It was asked on a machine that does not remember what it signed; one that does, which keeps that beside
its signing key, finds with the first command what another one finds with the second.

`audit verify --deep` compares the fields of every record of the kinds that are recorded, the links among them, which of them
are deleted; the hash of a password by its fingerprint, and what is sealed on KYC records by theirs, for which it needs the
master key: without it the command says `secrets not compared` (docs/keys.md). It does not compare tokens and former
passwords, of which no value enters the trail, nor who made a row when and how often it was changed: those columns are told
by the trail itself.

What no scheme sees: an event that was never recorded, a record that was false when it was made, and records newer than
the last checkpoint that was kept elsewhere, if everything that follows them is made anew too. Take checkpoints often, and
keep them where who can write the database can't.

";

#[test]
fn each_attack_is_seen_as_the_document_says() {
    on_both_engines(|p| {
        prepared(p);
        let c = p.path("c.txt").display().to_string();
        let key = p.path("audit.pub").display().to_string();
        let mut text = INTRODUCTION.to_owned();
        let clean = p.run(&format!("audit verify --deep --checkpoint {c} --key {key}"));
        assert_eq!(clean.code, 0, "{}{}", clean.out, clean.err);
        for attack in ATTACKS {
            eprintln!("{}", attack.name);
            (attack.run)(p);
            writeln!(text, "## {}\n\nDone: {}.\n\n```text", attack.name, attack.done).expect("memory");
            let deep = if attack.name == "Change a live row" { " --deep" } else { "" };
            let mut seen = 0;
            for line in [format!("audit verify{deep}"), format!("audit verify{deep} --checkpoint {c} --key {key}")] {
                let said = p.run(&line);
                assert!(matches!(said.code, 0 | 8), "{}: {}{}", attack.name, said.out, said.err);
                seen += u32::from(said.code == 8);
                let shown = line.replace(&c, "c.txt").replace(&key, "audit.pub");
                writeln!(text, "$ orgctl {shown}").expect("memory");
                // The list can be long; its first lines tell what an operator reads first.
                let findings: Vec<&str> = said.out.lines().collect();
                for found in findings.iter().take(5) {
                    writeln!(text, "{}", found.replace(&c, "c.txt")).expect("memory");
                }
                if findings.len() > 5 {
                    writeln!(text, "... {} more", findings.len() - 5).expect("memory");
                }
                for line in said.err.lines().filter(|l| !l.starts_with("hint: ")) {
                    writeln!(text, "{}", line.replace(&c, "c.txt")).expect("memory");
                }
                writeln!(text, "[exit {}]", said.code).expect("memory");
            }
            text.push_str("```\n\n");
            assert!(seen > 0, "{} is not seen at all", attack.name);
            if attack.name != "Drop a tenant" {
                restored(p);
                p.run(&format!("audit verify --deep --checkpoint {c} --key {key}")).ok();
            }
        }
        golden("docs/audit-attacks.md", &format!("{}\n", text.trim_end()));
    });
}
