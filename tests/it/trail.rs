//! The audit trail refuses to be changed, remembers refusals, and is what its documentation says, byte for byte.

use sha2::{Digest as _, Sha256};

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::{int, on, text, texts};

/// Two branches and an update: records in several transactions of ACME's trail.
fn small(p: &TestEnv) {
    p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
    p.run("branch create --code MUM02 --name 'Mumbai Dadar' --parent MUM01").ok();
    p.run("branch update MUM01 --city Mumbai").ok();
}

#[test]
fn the_database_refuses_to_change_the_trail() {
    on_both_engines_with_acme(|p| {
        small(p);
        let changes = [
            "update audit_records set payload = '{}' where tree = 1 and seq = 2",
            "update audit_records set action = 'delete' where tree = 1 and seq = 2",
            "update audit_records set salt = null, payload = null, action = 'delete' where tree = 1 and seq = 2",
            "update audit_records set payload = null where tree = 1 and seq = 2",
            "update audit_records set salt = null where tree = 1 and seq = 2",
            "update audit_records set seq = 99 where tree = 1 and seq = 2",
            "delete from audit_records where tree = 1 and seq = 2",
            "delete from audit_records",
            "update audit_requests set source = 'api' where tree = 1",
            "update audit_requests set actor_id = 0 where tree = 1",
            "update audit_requests set last_seq = last_seq + 1 where tree = 1",
            "update audit_requests set salt = null, payload = null, source = 'api' where tree = 1",
            "delete from audit_requests where tree = 1",
            "update audit_heads set size = size - 1 where tree = 1",
            "update audit_heads set tree = 77 where tree = 1",
            "delete from audit_heads where tree = 1",
            "update actors set name = 'nobody' where actor_id <> 0",
            "delete from actors where actor_id <> 0",
            "insert into audit_records select * from audit_records where tree = 1 and seq = 2
                on conflict (tree, seq) do update set action = 'delete'",
            "insert into audit_requests select * from audit_requests where tree = 1 and first_seq = 2
                on conflict (tree, first_seq) do update set source = 'api'",
            "insert into audit_heads select * from audit_heads where tree = 1
                on conflict (tree) do update set size = 0",
            "insert into actors (actor_id, kind, key, name, created_at)
                select actor_id, kind, key, name, created_at from actors where actor_id <> 0
                on conflict (key) do update set name = 'nobody'",
        ];
        let sqlite = [
            "update audit_heads set frontier = x'00' where tree = 1",
            "update or replace audit_records set seq = 3 where tree = 1 and seq = 2",
            "update or replace audit_requests set first_seq = 3 where tree = 1 and first_seq = 2",
            "update or replace audit_heads set tree = 0 where tree = 1",
            "update or replace actors set actor_id = 0 where actor_id <> 0",
            "insert or replace into audit_records select tree, seq, 'delete', 'delete', kind, resource_id, subject_id, salt, payload, leaf
                from audit_records where tree = 1 and seq = 2",
            "insert or replace into audit_requests select * from audit_requests where tree = 1 and first_seq = 2",
            "insert or replace into audit_heads select tree, 0, x'', at from audit_heads where tree = 1",
            "insert or replace into actors select actor_id, org_id, kind, key, 'nobody', created_at from actors",
            "replace into actors (kind, key, name, created_at) select kind, key, 'nobody', 0 from actors where actor_id <> 0",
        ];
        let postgres = [
            "update audit_heads set frontier = '\\x00' where tree = 1",
            "truncate audit_records",
            "truncate audit_requests",
            "truncate audit_heads",
            "truncate actors cascade",
            "merge into audit_records t using (select 1) s on t.tree = 1 and t.seq = 2
                when matched then update set action = 'delete'",
            "merge into audit_records t using (select 1) s on t.tree = 1 and t.seq = 2 when matched then delete",
        ];
        let more: &[&str] = if p.engine == Engine::Sqlite { &sqlite } else { &postgres };
        for sql in changes.iter().chain(more) {
            let said = p.sql(sql).expect_err(sql);
            let ours = [
                "can not be changed",
                "can not be deleted",
                "can not be replaced",
                "only grows",
                "only be appended",
                "run forward",
                "begins empty",
            ];
            assert!(ours.iter().any(|o| said.contains(o)), "{sql}: {said}");
        }
        p.run("audit verify --deep").ok();
    });
}

/// Erasure and archiving need one change: salt and payload become NULL and nothing else moves.
#[test]
fn the_database_lets_an_erasure_through() {
    on_both_engines_with_acme(|p| {
        small(p);
        p.sql("update audit_records set salt = null, payload = null where tree = 1 and seq = 2").expect("an erasure");
        p.sql("update audit_requests set salt = null, payload = null where tree = 1 and first_seq = 3")
            .expect("an erasure");
        // Once, and not back.
        let again = "update audit_records set salt = null, payload = null where tree = 1 and seq = 2";
        p.sql(again).expect_err("nothing is left to erase");
        let back = on(p, "x'00112233445566778899aabbccddeeff'", "'\\x00112233445566778899aabbccddeeff'");
        p.sql(&format!("update audit_records set salt = {back}, payload = '{{}}' where tree = 1 and seq = 2"))
            .expect_err("what is erased stays so");
        // Nothing of the chain moved, and orgctl says that no record tells of it.
        p.run("audit list --org ACME").ok();
        assert!(p.run("audit verify").fails(8).contains("record 2 of ACME was erased"));
    });
}

/// DOMAIN.md, section 5: what is recorded of failures.
#[test]
fn refused_commands_leave_one_record_and_mistakes_leave_none() {
    on_both_engines_with_acme(|p| {
        small(p);
        p.write("bad.csv", "code,name\nX1,One\nX1,Two\nX2,\n");
        p.write("half.csv", "code,name\nY1,One\nY1,Two\n");
        let records = || int(p, "select count(*) from audit_records");
        let failed = "select count(*) from audit_requests where status = 'failed'";
        for (line, code) in [
            ("branch create --code MUM01 --name Again", 4),
            ("branch update MUM01 --name X --if-version 77", 4),
            ("branch delete MUM01 --yes", 4),
            ("branch move MUM01 --to MUM02", 4),
            ("branch create --code MUM09 --name ''", 6),
            ("branch create --code MUM09 --name X --email nobody", 6),
            ("branch import bad.csv", 6),
        ] {
            let line = line.replace("bad.csv", &p.path("bad.csv").display().to_string());
            let (before, refused) = (records(), int(p, failed));
            let wrote = p.run(&line);
            assert_eq!(wrote.code, code, "{line}: {}", wrote.err);
            assert_eq!((records() - before, int(p, failed) - refused), (1, 1), "{line}");
            let last = p.run("audit list --org ACME --limit 1 -o json").json();
            assert_eq!(last[0]["status"], "failed", "{line}: {last}");
            // Why stands in it.
            let seq = last[0]["seq"].as_i64().expect("a number");
            let shown = p.run(&format!("audit show {seq} --org ACME -o json")).json();
            let error = shown["request"]["error"].as_str().expect("an error");
            assert!(wrote.err.contains(error), "{error} is not in {}", wrote.err);
            assert_eq!(shown["payload"]["exit_code"], code);
        }
        let half = p.path("half.csv").display().to_string();
        for (line, code) in [
            ("branch show NOWHERE".to_owned(), 3),
            ("branch update NOWHERE --name X".to_owned(), 3),
            ("branch update MUM01".to_owned(), 2),
            ("branch frobnicate".to_owned(), 2),
            ("branch create --nonsense".to_owned(), 2),
            ("branch create --code Z1".to_owned(), 2),
            ("branch list --filter nonsense=1".to_owned(), 2),
            // A dry run leaves no record, refused or not.
            ("branch create --code MUM01 --name Again --dry-run".to_owned(), 4),
            ("branch create --code NEW --name New --dry-run".to_owned(), 0),
            (format!("branch import {half} --keep-going --dry-run"), 7),
        ] {
            let before = records();
            let said = p.run(&line);
            assert_eq!(said.code, code, "{line}: {}{}", said.out, said.err);
            assert_eq!(records(), before, "{line} left a record");
        }
        // Single rejected rows get none: the import's own record counts them.
        let before = records();
        p.run(&format!("branch import {half} --keep-going")).fails(7);
        assert_eq!(records() - before, 2, "one branch and one import");
        assert_eq!(int(p, "select count(*) from audit_requests where status = 'success' and tree = 1"), 5);
        p.run("audit verify --deep").ok();
    });
}

fn sha(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().fold(Sha256::new(), |h, p| h.chain_update(p)).finalize().to_vec()
}

/// RFC 6962, section 2.1, as it is written there.
fn tree_hash(leaves: &[Vec<u8>]) -> Vec<u8> {
    match leaves.len() {
        0 => sha(&[]),
        1 => leaves[0].clone(),
        n => {
            let k = (1..).map(|i| 1usize << i).take_while(|k| *k < n).last().unwrap_or(1);
            sha(&[&[1], &tree_hash(&leaves[..k]), &tree_hash(&leaves[k..])])
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal digits")
}

/// The trail, rebuilt from the raw rows by the layout that is documented, without any code of orgctl.
#[test]
fn the_trail_can_be_recomputed_by_its_documentation() {
    on_both_engines_with_acme(|p| {
        small(p);
        p.run("branch create --code MUM01 --name Again").fails(4);
        p.run("branch delete MUM02 --yes").ok();
        let hex = |c: &str| match p.engine {
            Engine::Sqlite => format!("hex({c})"),
            Engine::Postgres => format!("encode({c}, 'hex')"),
        };
        let uuid = |c: &str| match p.engine {
            Engine::Sqlite => format!("hex({c})"),
            Engine::Postgres => format!("replace({c}::text, '-', '')"),
        };
        let at = on(p, "q.at", "(extract(epoch from q.at) * 1000000)::bigint");
        let nobody = "coalesce(r.subject_id, NIL)";
        let nil = on(p, "zeroblob(16)", "'00000000-0000-0000-0000-000000000000'");
        let nobody = nobody.replace("NIL", nil);
        let sql = format!(
            "select cast(r.seq as text), r.action, r.effect, r.kind, {}, {}, {}, r.payload, {}, {}, cast({at} as text), q.status, {}, {}, q.payload,
                    cast(q.actor_id as text), q.source
               from audit_records r join audit_requests q on q.tree = r.tree and r.seq between q.first_seq and q.last_seq
              where r.tree = 1 order by r.seq",
            uuid("r.resource_id"), uuid(&nobody), hex("r.salt"), hex("r.leaf"), uuid("q.request_id"), hex("q.digest"), hex("q.salt"),
        );
        let mut leaves = Vec::new();
        for (i, row) in texts(p, &sql).iter().enumerate() {
            let [
                seq,
                action,
                effect,
                kind,
                id,
                subject,
                salt,
                payload,
                leaf,
                request,
                at,
                status,
                digest,
                qsalt,
                qpayload,
                actor,
                source,
            ] = row.as_slice()
            else {
                panic!("seventeen columns")
            };
            assert_eq!(seq, &(i + 1).to_string(), "no gaps");
            let commitment = sha(&[&unhex(salt), payload.as_bytes()]);
            let actor: i64 = actor.parse().expect("a number");
            let source = [&[u8::try_from(source.len()).expect("short")], source.as_bytes()].concat();
            let bound = sha(&[&unhex(qsalt), qpayload.as_bytes()]);
            assert_eq!(unhex(digest), sha(&[&[2], &actor.to_be_bytes(), &source, &bound]), "digest {seq}");
            for text in [payload, qpayload] {
                let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
                assert_eq!(json["v"], 1, "{text}");
            }
            let seq: u64 = seq.parse().expect("a number");
            let at: i64 = at.parse().expect("microseconds");
            let word = |w: &str| [&[u8::try_from(w.len()).expect("short")], w.as_bytes()].concat();
            let header = [
                vec![1],
                1u32.to_be_bytes().to_vec(),
                seq.to_be_bytes().to_vec(),
                at.to_be_bytes().to_vec(),
                unhex(request),
                unhex(digest),
                word(action),
                word(effect),
                word(kind),
                unhex(id),
                unhex(subject),
                word(status),
            ]
            .concat();
            assert_eq!(unhex(leaf), sha(&[&[0], &header, &commitment]), "leaf {seq}");
            leaves.push(unhex(leaf));
        }
        assert_eq!(leaves.len(), 6);
        // The frontier: the perfect subtrees from the left, largest first.
        let (mut frontier, mut rest) = (Vec::new(), leaves.as_slice());
        while !rest.is_empty() {
            let k = 1usize << rest.len().ilog2();
            frontier.extend(tree_hash(&rest[..k]));
            rest = &rest[k..];
        }
        assert_eq!(int(p, "select size from audit_heads where tree = 1"), 6);
        let head = text(p, &format!("select {} from audit_heads where tree = 1", hex("frontier")));
        assert_eq!(unhex(&head), frontier);
        // 6 = 4 + 2: the root is the node over both.
        assert_eq!(sha(&[&[1], &frontier[..32], &frontier[32..]]), tree_hash(&leaves));
    });
}

/// The trail is asked in many ways, and answers the newest first, page by page, over all organisations.
#[test]
fn the_trail_is_searched() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        for i in 1..=3 {
            p.wait(1);
            p.run(&format!("branch create --org ACME --code B{i} --name 'Branch {i}'")).ok();
            p.run(&format!("branch create --org BETA --code B{i} --name 'Branch {i}'")).ok();
        }
        p.wait(86_400);
        p.run("branch update B1 --org ACME --city Pune --parent B3").ok();
        p.run("branch delete B2 --org ACME --yes").ok();
        p.run("branch purge B2 --org ACME --yes").ok();
        p.run("branch update B3 --org BETA --name ''").fails(6);
        let seqs = |flags: &str| {
            let orgs = p.column(&format!("audit list --all {flags}"), "org");
            let seqs = p.column(&format!("audit list --all {flags}"), "seq");
            orgs.iter().zip(&seqs).map(|(o, s)| format!("{o}{s}")).collect::<Vec<_>>()
        };
        let all = seqs("");
        assert_eq!(all[..4], ["BETA5", "ACME7", "ACME6", "ACME5"]);
        assert_eq!(all.len(), 7 + 5 + 2, "{all:?}");
        // What is gone answers to its key still, and to its field: deleting it changed none.
        assert_eq!(seqs("--resource branch --key B2 --org ACME"), ["ACME7", "ACME6", "ACME3"]);
        assert_eq!(seqs("--field city"), ["ACME5"]);
        assert_eq!(seqs("--resource branch --field parent"), ["ACME5"]);
        assert_eq!(seqs("--text PUNE"), ["ACME5"]);
        assert_eq!(seqs("--text=--yes"), ["ACME7", "ACME6"], "the command line");
        assert_eq!(seqs("--status failed"), ["BETA5"]);
        assert_eq!(seqs("--action purge"), ["ACME7"]);
        assert_eq!(seqs("--source api").len(), 0);
        assert!(p.run("audit list --actor nobody").fails(3).contains("there is no actor nobody"));
        let me = p.json("audit list --limit 1")[0]["actor"].as_str().expect("a name").to_owned();
        assert_eq!(seqs(&format!("--actor {me}")), all);
        assert_eq!(seqs(&format!("--actor {me} --status success --resource branch --action create")).len(), 6);
        assert_eq!(seqs("--on 2026-11-22"), ["BETA5", "ACME7", "ACME6", "ACME5"]);
        assert_eq!(p.column("audit list --since 2026-11-22 --org ACME --limit 2", "seq"), ["7", "6"]);
        assert_eq!(seqs("--until 2026-11-21").len(), all.len() - 4);
        let request = p.json("audit list --action purge --org ACME")[0]["request_id"].clone();
        assert_eq!(seqs(&format!("--request {}", request.as_str().expect("an id"))), ["ACME7"]);
        // Pages, over all organisations, hold every record once.
        let (mut paged, mut line) = (Vec::new(), "audit list --limit 4 --columns org,seq -o tsv".to_owned());
        for _ in 0..10 {
            let said = p.run(&line);
            paged.extend(said.out.lines().skip(1).map(|l| l.replace('\t', "")));
            let Some((_, next)) = said.err.split_once("more follow: orgctl ") else { break };
            line = next.trim().to_owned();
        }
        assert_eq!(paged, all);
        // Mistakes are told.
        assert!(p.run("audit list --key B1").fails(2).contains("--resource user --key"));
        assert!(p.run("audit list --page x").fails(2).contains("page token"));
        assert!(p.run("audit list --on 2h").fails(2).contains("is no day"));
        // The last ones in their order, and how many of each there are.
        assert_eq!(p.column("audit tail -n 3 --org ACME", "seq"), ["5", "6", "7"]);
        assert!(p.run("audit tail -f -o json").fails(2).contains("ndjson"));
        let counts = p.json("audit stats --org ACME --by action");
        assert_eq!(counts[0], serde_json::json!({"group": "action", "value": "create", "records": 4}));
        let days = p.json("audit stats --by day --org ACME");
        assert_eq!(days[1], serde_json::json!({"group": "day", "value": "2026-11-22", "records": 3}));
        assert!(p.run_on_terminal("audit stats --by day --org ACME", 80).ok().contains("\u{2587}\u{2587}"));
    });
}
