//! `audit verify` against everything that somebody who holds the database could do to the trail.

use sha2::{Digest as _, Sha256};

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::{branches_csv, disarm, int, on};

/// What `audit verify` says first: record and kind.
#[track_caller]
fn verdict(p: &TestEnv) -> (Option<i64>, String) {
    let said = p.run("audit verify -o json");
    assert_eq!(said.code, 8, "{}{}", said.out, said.err);
    let first = &said.json()["findings"][0];
    assert_eq!(first["org"], "ACME");
    let sentence = p.run("audit verify").fails(8);
    let seq = first["seq"].as_i64();
    match seq {
        Some(seq) => assert!(sentence.contains(&format!("record {seq} of ACME")), "{sentence}"),
        None => assert!(sentence.contains("the trail of ACME"), "{sentence}"),
    }
    (seq, first["kind"].as_str().expect("a kind").to_owned())
}

/// ACME: 1 organisation, 2..13 branches by one import and 14 its own record, 15..20 updates.
fn trail(p: &TestEnv) {
    let csv = p.write("b.csv", branches_csv(12));
    p.run(&format!("branch import {csv}")).ok();
    for i in 1..=6 {
        p.run(&format!("branch update B00001 --city Town{i}")).ok();
    }
    assert_eq!(int(p, "select size from audit_heads where tree = 1"), 20);
    p.run("audit verify").ok();
}

const TABLES: [&str; 3] = ["audit_records", "audit_requests", "audit_heads"];

/// A place whose triggers are gone and whose trail is kept aside; each case begins with the trail as it was.
fn each_case(cases: impl Fn(&TestEnv) -> Vec<(&'static str, String, Option<i64>, &'static str)>) {
    on_both_engines_with_acme(|p| {
        trail(p);
        disarm(p);
        let keep = |t: &str| format!("{}{t}", on(p, "keep_", "public.keep_"));
        for t in TABLES {
            p.sql(&format!("create table {} as select * from {t}", keep(t))).expect("kept");
        }
        for (what, sql, seq, kind) in cases(p) {
            p.sql(&sql).unwrap_or_else(|e| panic!("{what}: {e}"));
            eprintln!("{what}");
            assert_eq!(verdict(p), (seq, kind.to_owned()), "{what}");
            for t in TABLES {
                p.sql(&format!("delete from {t}; insert into {t} select * from {}", keep(t))).expect("as it was");
            }
        }
        p.run("audit verify").ok();
    });
}

#[test]
fn verify_names_the_first_bad_record_and_what_became_of_it() {
    each_case(|p| {
        let hash = on(p, "zeroblob(32)", "decode(repeat('00', 32), 'hex')");
        let uuid = on(p, "randomblob(16)", "gen_random_uuid()");
        let nodes = on(p, "zeroblob(64)", "decode(repeat('00', 64), 'hex')");
        let day = on(p, "86400000000", "interval '1 day'");
        let insert = |seq: i64| {
            format!(
                "insert into audit_records select tree, {seq}, action, effect, kind, resource_id, subject_id, salt, payload, leaf
                   from audit_records where tree = 1 and seq = 20;"
            )
        };
        let record = |set: &str, seq: i64| format!("update audit_records set {set} where tree = 1 and seq = {seq}");
        let request =
            |set: &str, seq: i64| format!("update audit_requests set {set} where tree = 1 and first_seq = {seq}");
        let edited = |what, sql, seq| (what, sql, Some(seq), "edited");
        vec![
            edited("payload", record("payload = replace(payload, 'Pune', 'Goa')", 5), 5),
            edited("salt", record(&format!("salt = {}", on(p, "zeroblob(16)", "decode(repeat('00', 16), 'hex')")), 5), 5),
            edited("leaf", record(&format!("leaf = {hash}"), 5), 5),
            edited("action", record("action = 'update'", 7), 7),
            edited("effect", record("effect = 'update'", 7), 7),
            edited("effect of a change hidden", record("effect = 'none'", 7), 7),
            edited("subject", record(&format!("subject_id = {uuid}"), 7), 7),
            edited("subject that is the resource", record("subject_id = resource_id", 7), 7),
            edited("kind", record("kind = 'org'", 7), 7),
            edited("resource", record(&format!("resource_id = {uuid}"), 7), 7),
            edited("two records", format!("{};{}", record("kind = 'org'", 20), record("kind = 'org'", 3)), 3),
            edited("a request and an earlier record", format!("{};{}", request("source = 'api'", 18), record("kind = 'org'", 3)), 3),
            edited("actor of a command", request("actor_id = 0", 2), 2),
            edited("source of a command", request("source = 'api'", 15), 15),
            edited("command line", request("payload = replace(payload, 'import', 'export')", 2), 2),
            edited("status of a command", request("status = 'failed'", 15), 15),
            edited("request id", request(&format!("request_id = {uuid}"), 15), 15),
            edited("commitment", request(&format!("commitment = {hash}"), 15), 15),
            edited("digest", request(&format!("digest = {hash}"), 15), 15),
            edited("time later", request(&format!("at = at + {day}"), 20), 20),
            edited("extent of a command", request("last_seq = 25", 20), 20),
            edited("extent of a command over the next", request("last_seq = 15", 2), 2),
            ("extent of a command cut", request("last_seq = 10", 2), Some(11), "deleted"),
            ("deleted inside", "delete from audit_records where tree = 1 and seq = 9".into(), Some(9), "deleted"),
            ("deleted the first", "delete from audit_records where tree = 1 and seq = 1".into(), Some(1), "deleted"),
            ("deleted several", "delete from audit_records where tree = 1 and seq between 4 and 8".into(), Some(4), "deleted"),
            ("deleted a command", "delete from audit_requests where tree = 1 and first_seq = 15".into(), Some(15), "deleted"),
            ("the last ten", "delete from audit_records where tree = 1 and seq > 10".into(), Some(11), "truncated"),
            (
                "the last five and their commands",
                "delete from audit_records where tree = 1 and seq > 15; delete from audit_requests where tree = 1 and first_seq > 15".into(),
                Some(16),
                "truncated",
            ),
            ("one more than the head knows", insert(21), Some(21), "inserted"),
            (
                "one more, with a command",
                format!(
                    "{} insert into audit_requests select tree, 21, 21, request_id, at, actor_id, source, status, salt, payload, commitment, digest
                       from audit_requests where tree = 1 and first_seq = 20",
                    insert(21)
                ),
                Some(21),
                "inserted",
            ),
            (
                "two swapped",
                "update audit_records set seq = 99 where tree = 1 and seq = 6; update audit_records set seq = 6 where tree = 1 and seq = 8;
                 update audit_records set seq = 8 where tree = 1 and seq = 99".into(),
                Some(6),
                "reordered",
            ),
            ("payload erased", record("salt = null, payload = null", 4), Some(4), "erased"),
            ("command erased", request("salt = null, payload = null", 16), Some(16), "erased"),
            ("head grown", "update audit_heads set size = 22 where tree = 1".into(), Some(21), "truncated"),
            ("head shrunk", "update audit_heads set size = 18 where tree = 1".into(), Some(19), "inserted"),
            (
                "frontier changed",
                // 20 = 16 + 4: two nodes.
                format!("update audit_heads set frontier = {nodes} where tree = 1"),
                None,
                "rewritten",
            ),
            ("head deleted", "delete from audit_heads where tree = 1".into(), None, "head changed"),
            (
                "the whole trail deleted",
                "delete from audit_records where tree = 1; delete from audit_requests where tree = 1; delete from audit_heads where tree = 1".into(),
                None,
                "head changed",
            ),
        ]
    });
}

/// The actors stand in a table of their own; commands bind whom they name.
#[test]
fn an_actor_who_became_somebody_else_is_found() {
    on_both_engines_with_acme(|p| {
        trail(p);
        disarm(p);
        let name = |p: &TestEnv| p.run("audit list --org ACME --limit 1 -o json").json()[0]["actor"].clone();
        let was = name(p);
        p.sql("update actors set name = 'mallory' where actor_id <> 0").expect("edited");
        assert_eq!(name(p), was, "a record tells the name of its time");
        p.sql("update actors set key = 'operator:0@elsewhere' where actor_id <> 0").expect("edited");
        assert!(p.run("audit verify").fails(8).contains("was edited"));
        assert!(p.run("audit verify --org ACME").fails(8).contains("record 1 of ACME was edited"));
    });
}

/// Who edits a record and makes it agree with itself again still doesn't get past the head.
#[test]
fn an_edit_with_its_hashes_mended_is_found_by_the_head() {
    on_both_engines_with_acme(|p| {
        trail(p);
        disarm(p);
        // The last record: its leaf is in the frontier's perfect subtree of 4.
        let hex = on(p, "hex(salt)", "encode(salt, 'hex')");
        let salt = crate::raw::text(p, &format!("select {hex} from audit_records where tree = 1 and seq = 20"));
        let salt: Vec<u8> = (0..16).map(|i| u8::from_str_radix(&salt[2 * i..2 * i + 2], 16).expect("hex")).collect();
        let payload = r#"{"v":1}"#;
        let commitment = Sha256::new().chain_update(&salt).chain_update(payload).finalize();
        let literal = |bytes: &[u8]| {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            if p.engine == Engine::Sqlite { format!("x'{hex}'") } else { format!("'\\x{hex}'") }
        };
        p.sql(&format!("update audit_records set payload = '{payload}' where tree = 1 and seq = 20")).expect("edited");
        // The leaf binds the payload.
        assert_eq!(verdict(p), (Some(20), "edited".to_owned()));
        let header = header_of_the_last(p);
        let leaf = Sha256::new().chain_update([0]).chain_update(header).chain_update(commitment).finalize();
        p.sql(&format!("update audit_records set leaf = {} where tree = 1 and seq = 20", literal(&leaf)))
            .expect("mended");
        assert_eq!(verdict(p), (None, "rewritten".to_owned()));
    });
}

fn header_of_the_last(p: &TestEnv) -> Vec<u8> {
    let columns = match p.engine {
        Engine::Sqlite => {
            "hex(q.request_id), hex(q.digest), hex(r.resource_id), cast(q.at as text), r.action, r.kind, q.status, r.effect"
        }
        Engine::Postgres => {
            "replace(q.request_id::text, '-', ''), encode(q.digest, 'hex'), replace(r.resource_id::text, '-', ''),
             (extract(epoch from q.at) * 1000000)::bigint::text, r.action, r.kind, q.status, r.effect"
        }
    };
    let sql = format!(
        "select {columns} from audit_records r join audit_requests q on q.tree = r.tree and q.first_seq = r.seq
          where r.tree = 1 and r.seq = 20"
    );
    let row = crate::raw::texts(p, &sql).remove(0);
    let unhex = |t: &str| -> Vec<u8> {
        (0..t.len()).step_by(2).map(|i| u8::from_str_radix(&t[i..i + 2], 16).expect("hex")).collect()
    };
    let word = |w: &str| [&[u8::try_from(w.len()).expect("short")], w.as_bytes()].concat();
    let at: i64 = row[3].parse().expect("microseconds");
    [
        vec![1],
        1u32.to_be_bytes().to_vec(),
        20u64.to_be_bytes().to_vec(),
        at.to_be_bytes().to_vec(),
        unhex(&row[0]),
        unhex(&row[1]),
        word(&row[4]),
        word(&row[7]),
        word(&row[5]),
        unhex(&row[2]),
        // A branch is nobody.
        vec![0; 16],
        word(&row[6]),
    ]
    .concat()
}
