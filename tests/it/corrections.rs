//! What a correction of the clock says must follow from the records before it: one that somebody planted, well-formed as it
//! is, would make every earlier record as old as he likes.

use chrono::{DateTime, TimeDelta, Utc};
use orgctl::model::trail::audit::{Header, commit};
use orgctl::model::trail::merkle::{Frontier, Hash};
use orgctl::model::values::value::{canonical, hex, rfc3339, unhex};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::harness::{Engine, TestEnv, on_both_engines, on_both_engines_with_acme};
use crate::raw::{disarm, int, name_of, on, texts, unique};

const CENTURY: i64 = 36_525 * 86_400;

/// B1 in 2026, B2 by a clock that says 2126, B3 at the time of B2. The first record that is ahead.
fn ahead(p: &TestEnv) -> i64 {
    p.run("branch create --code B1 --name One").ok();
    let first = int(p, "select size + 1 from audit_heads where tree = 1");
    p.wait(CENTURY);
    p.run("branch create --code B2 --name Two --yes").ok();
    p.wait(3600 - CENTURY);
    p.run("branch create --code B3 --name Three").ok();
    first
}

fn hash(text: &str) -> Hash {
    unhex(text).expect("digits").try_into().expect("32 bytes")
}

/// The time of a tree's head.
fn last(p: &TestEnv) -> DateTime<Utc> {
    let sql = on(
        p,
        "select at from audit_heads where tree = 1",
        "select cast(extract(epoch from at) * 1000000 as bigint) from audit_heads where tree = 1",
    );
    DateTime::from_timestamp_micros(int(p, sql)).expect("a time")
}

/// The statements that append such a record to ACME's trail, with all hashes as they should be. What is known of the command
/// is that of the one before.
fn forged(p: &TestEnv, at: DateTime<Utc>, payload: &Json, status: &str) -> String {
    let head = texts(
        p,
        on(
            p,
            "select cast(size as text), hex(frontier) from audit_heads where tree = 1",
            "select size::text, encode(frontier, 'hex') from audit_heads where tree = 1",
        ),
    );
    let size: u64 = head[0][0].parse().expect("a number");
    let mut frontier = Frontier::from_bytes(size, &unhex(&head[0][1].to_lowercase()).expect("digits")).expect("a head");
    let digest = texts(
        p,
        on(
            p,
            "select hex(digest) from audit_requests where tree = 1 order by first_seq desc limit 1",
            "select encode(digest, 'hex') from audit_requests where tree = 1 order by first_seq desc limit 1",
        ),
    );
    let (salt, request_id) = ([7; 16], Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001));
    let payload = canonical(payload).expect("JSON");
    let header = Header {
        tree: 1,
        seq: size + 1,
        at,
        request_id,
        request_digest: hash(&digest[0][0].to_lowercase()),
        action: "config_change",
        effect: "none",
        kind: "clock",
        resource_id: Uuid::nil(),
        subject_id: Uuid::nil(),
        status,
    };
    let leaf = header.leaf(&commit(&salt, &payload));
    frontier.append(leaf);
    let bytes = |b: &[u8]| format!("{}{}'", on(p, "x'", "'\\x"), hex(b));
    let uuid = |id: Uuid| match p.engine {
        Engine::Sqlite => bytes(id.as_bytes()),
        Engine::Postgres => format!("'{id}'"),
    };
    let at = on(p, &at.timestamp_micros().to_string(), &format!("'{}'", rfc3339(at))).to_owned();
    let (salt, leaf, edge) = (bytes(&salt), bytes(&leaf), bytes(&frontier.to_bytes()));
    let (nil, id, next) = (uuid(Uuid::nil()), uuid(request_id), size + 1);
    format!(
        "begin;
         insert into audit_records (tree, seq, action, effect, kind, resource_id, salt, payload, leaf)
             values (1, {next}, 'config_change', 'none', 'clock', {nil}, {salt}, '{payload}', {leaf});
         insert into audit_requests (tree, first_seq, last_seq, request_id, at, actor_id, source, status, salt, payload, commitment, digest)
             select 1, {next}, {next}, {id}, {at}, actor_id, source, '{status}', salt, payload, commitment, digest
               from audit_requests where tree = 1 order by first_seq desc limit 1;
         update audit_heads set size = {next}, frontier = {edge}, at = {at} where tree = 1;
         commit"
    )
}

fn says(now: DateTime<Utc>, last: DateTime<Utc>, first: i64, records: i64) -> Json {
    json!({ "now": rfc3339(now), "last": rfc3339(last), "first": first, "records": records, "v": 1 })
}

fn day(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

#[test]
fn a_correction_that_does_not_follow_from_the_trail_is_found() {
    type Forge = fn(DateTime<Utc>, i64, i64) -> (DateTime<Utc>, Json);
    let cases: [(Forge, &str); 6] = [
        // It tells of the two records that were ahead, and goes back behind them all.
        (
            |last, first, n| {
                (day("2026-02-01T00:00:00Z"), says(day("2026-02-01T00:00:00Z"), last, first, n - first + 1))
            },
            "other records",
        ),
        (
            |last, first, n| {
                (day("2026-11-21T02:00:00Z"), says(day("2026-11-21T03:00:00Z"), last, first, n - first + 1))
            },
            "was typed",
        ),
        (
            |last, first, n| {
                (
                    day("2026-11-21T02:00:00Z"),
                    says(day("2026-11-21T02:00:00Z"), last - TimeDelta::days(1), first, n - first + 1),
                )
            },
            "another time",
        ),
        (
            |last, first, n| (day("2026-11-21T02:00:00Z"), says(day("2026-11-21T02:00:00Z"), last, first, n - first)),
            "other records",
        ),
        (|_, _, _| (day("2026-11-21T02:00:00Z"), json!({ "v": 1 })), "does not tell what it corrects"),
        (
            |last, _, n| (last + TimeDelta::days(1), says(last + TimeDelta::days(1), last, n + 1, 0)),
            "nothing before it is later",
        ),
    ];
    on_both_engines_with_acme(|p| {
        let first = ahead(p);
        let kept = p.path("kept.db");
        let n = int(p, "select size from audit_heads where tree = 1");
        for (forge, why) in cases {
            // Each behind the same trail.
            let q = TestEnv::new(p.engine);
            let place = match p.engine {
                Engine::Sqlite => {
                    std::fs::copy(p.file(), &kept).expect("a copy");
                    std::fs::rename(&kept, q.file()).expect("moved");
                    &q
                }
                Engine::Postgres => p,
            };
            let (at, payload) = forge(last(place), first, n);
            let undo = match p.engine {
                Engine::Sqlite => String::new(),
                Engine::Postgres => undoing(p, n),
            };
            place.sql(&forged(place, at, &payload, "success")).expect(why);
            let said = place.run("audit verify");
            assert_eq!(said.code, 8, "{why}: {}{}", said.out, said.err);
            assert!(said.out.contains("clock correction") && said.out.contains(why), "{why}: {}", said.out);
            let report = place.run("audit verify -o json").json();
            assert_eq!(report["findings"][0]["seq"], n + 1, "{report}");
            assert_eq!(report["corrections"][0]["seq"], n + 1, "{report}");
            let e = place.path(&format!("{}.jsonl", why.replace(' ', "-"))).display().to_string();
            place.run(&format!("audit export {e}")).ok();
            let said = place.run(&format!("audit verify --file {e}"));
            assert!(said.code == 8 && said.out.contains(why), "{why}: {}{}", said.out, said.err);
            place.sql(&undo).expect("undone");
        }
    });
}

/// The statements that take everything behind a record away again.
fn undoing(p: &TestEnv, n: i64) -> String {
    let head = texts(p, "select encode(frontier, 'hex'), at::text from audit_heads where tree = 1");
    format!(
        "set session_replication_role = replica;
         delete from audit_records where tree = 1 and seq > {n};
         delete from audit_requests where tree = 1 and first_seq > {n};
         update audit_heads set size = {n}, pending = {n}, frontier = '\\x{}', at = '{}' where tree = 1",
        head[0][0], head[0][1]
    )
}

#[test]
fn what_follows_from_the_trail_is_told_all_the_same() {
    on_both_engines_with_acme(|p| {
        let first = ahead(p);
        let size = int(p, "select size from audit_heads where tree = 1");
        p.run("audit correct-clock --now 2026-11-21T01:00:00Z").ok();
        let said = p.run("audit verify");
        let line =
            format!("record {} of ACME corrects the clock: 2 records from {first} on as of 2026-11-21T01:00", size + 1);
        assert!(said.code == 0 && said.err.contains(&line), "{}", said.err);
        let told = &p.run("audit verify -o json").json()["corrections"];
        assert_eq!(
            (&told[0]["org"], &told[0]["records"], told[1].is_null()),
            (&json!("ACME"), &json!(2), true),
            "{told}"
        );
        let e = p.path("e.jsonl").display().to_string();
        p.run(&format!("audit export {e}")).ok();
        let said = p.run(&format!("audit verify --file {e}"));
        assert!(said.code == 0 && said.err.contains(&line), "{}", said.err);
        // From the middle of the trail what is there still follows.
        let e = p.path("since.jsonl").display().to_string();
        p.run(&format!("audit export {e} --org ACME --since 2026-11-21T00:30:00Z")).ok();
        p.run(&format!("audit verify --file {e}")).ok();
        p.run("audit keygen").ok();
        p.run("audit checkpoint").ok();
        p.wait(CENTURY);
        p.run("branch create --code B4 --name Four --yes").ok();
        p.wait(3600 - CENTURY);
        p.run("audit correct-clock --now 2026-11-21T02:00:00Z").ok();
        let said = p.run("audit verify --since-checkpoint");
        assert!(said.code == 0 && said.err.contains("1 record from"), "{}", said.err);
        assert_eq!(p.run("audit verify").ok(), "");
    });
}

/// What was refused corrects nothing, nor does the database take one from before there was anything to correct.
#[test]
fn only_what_succeeded_corrects() {
    on_both_engines_with_acme(|p| {
        ahead(p);
        let old = day("1990-01-01T00:00:00Z");
        let n = int(p, "select size from audit_heads where tree = 1");
        let far = forged(p, old, &says(old, last(p), 1, n), "success");
        let failed = forged(p, day("2026-02-01T00:00:00Z"), &says(old, last(p), 1, n), "failed");
        for sql in [&far, &failed] {
            let why = p.sql(sql).expect_err("refused");
            assert!(why.contains("run forward"), "{why}");
        }
        let times = |p: &TestEnv| p.column("branch history B2", "at");
        let before = times(p);
        disarm(p);
        p.sql(&failed).expect("planted");
        assert_eq!(times(p), before);
        let said = p.run("audit verify");
        assert!(said.code == 8 && said.out.contains("time runs backwards"), "{}", said.out);
        assert!(!said.err.contains("corrects the clock"), "{}", said.err);
        let q = TestEnv::new(p.engine);
        q.run("init --org-code ACME --org-name 'Acme Ltd'").ok();
        ahead(&q);
        disarm(&q);
        q.sql(&forged(&q, old, &says(old, last(&q), 1, n), "success")).expect("planted");
        let said = q.run("audit verify");
        assert!(said.code == 8 && said.out.contains("before orgctl was there"), "{}", said.out);
    });
}

/// As the role that `db grants` makes.
#[test]
fn a_working_role_does_not_age_the_trail_unseen() {
    let p = TestEnv::with_acme(Engine::Postgres);
    let first = ahead(&p);
    let role = unique("app");
    p.sql(&format!("create role {role} login")).expect("a role");
    let grants = p.run(&format!("db grants --role {role}")).ok();
    p.sql(&grants).expect("granted");
    let mut q = TestEnv::new(Engine::Postgres);
    q.url = p.url.replacen("orgctl_test@", &format!("{role}@"), 1);
    q.env.insert("ORGCTL_DATABASE_URL".into(), q.url.clone());
    let n = int(&p, "select size from audit_heads where tree = 1");
    let old = day("1990-01-01T00:00:00Z");
    q.sql(&forged(&p, old, &says(old, last(&p), 1, n), "success")).expect_err("refused");
    // All of it, and told as it is: it is listed, with whom and when, for people to judge.
    let past = day("2026-02-01T00:00:00Z");
    let sql = forged(&p, past, &says(past, last(&p), first, n - first + 1), "success");
    q.sql(&sql).expect("nothing that the database could tell");
    assert!(q.run("audit verify").out.contains("clock correction"));
    p.sql(&format!("drop owned by {role}; drop role {role}")).expect("gone");
}

#[test]
fn what_was_typed_must_still_be_the_time() {
    on_both_engines_with_acme(|p| {
        ahead(p);
        p.wait(-CENTURY);
        let before = p.audit_records();
        let err = p.run("audit correct-clock --now 1926-11-21T01:00:00Z").fails(2);
        assert!(err.contains("this machine's clock is not set"), "{err}");
        assert_eq!(p.audit_records(), before);
    });
}

fn keys(p: &TestEnv, line: &str) -> Vec<String> {
    p.column(line, "code")
}

/// A whole installation that began by a clock that was a hundred years ahead.
#[test]
fn what_began_in_the_future_is_corrected_from_its_first_record_on() {
    on_both_engines(|p| {
        p.wait(CENTURY);
        p.run("init --org-code ACME --org-name 'Acme Ltd'").ok();
        p.run("branch create --code B1 --name One").ok();
        p.wait(3600 - CENTURY);
        p.run("branch create --code B2 --name Two").ok();
        let said = p.run("audit correct-clock --now 2026-11-21T01:00:00Z");
        assert!(said.err.contains("corrected the clock of SYSTEM: 2 records from 1 on"), "{}", said.err);
        assert!(said.err.contains("corrected the clock of ACME: 3 records from 1 on"), "{}", said.err);
        p.wait(3600);
        p.run("org create --code BETA --name Beta").ok();
        p.run("branch create --code B3 --name Three --org ACME").ok();
        assert_eq!(keys(p, "branch list --sort code --as-of 2026-11-21T01:30:00Z"), ["B1", "B2"]);
        assert_eq!(keys(p, "branch list --as-of 2026-11-21T00:30:00Z"), [""; 0]);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

/// What is asked is asked before anything is done, by `--dry-run` too, and a trail can be corrected by itself.
#[test]
fn trails_are_corrected_one_by_one_or_all() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.wait(CENTURY);
        for line in [
            "org create --code BETA --name Beta",
            "branch create --code B2 --name Two",
            "user create --name 'Asha Rao' --email a@x.example",
        ] {
            for how in ["", " --dry-run"] {
                let err = p.run(&format!("{line}{how}")).fails(2);
                assert!(err.contains("is the clock right?"), "{line}{how}: {err}");
            }
            p.run(&format!("{line} --dry-run --yes")).ok();
        }
        p.run("org create --code BETA --name Beta --yes").ok();
        p.run("branch update B1 --city Goa --org ACME --yes").ok();
        p.wait(3600 - CENTURY);
        let said = p.run("audit correct-clock --now 2026-11-21T01:00:00Z --org ACME");
        assert!(said.code == 0 && said.err.contains("corrected the clock of ACME: 1 record from"), "{}", said.err);
        assert!(
            !said.err.contains("of BETA") && said.err.contains("1 other trail is ahead of the clock too"),
            "{}",
            said.err
        );
        let said = p.run("audit correct-clock --now 2026-11-21T01:00:00Z --org ACME").err;
        assert!(said.contains("the trail is not ahead of the clock; nothing was recorded"), "{said}");
        assert_eq!(p.column("audit list --resource clock", "org"), ["ACME"]);
        let said = p.run("audit correct-clock --now 2026-11-21T01:00:00Z").err;
        assert!(said.contains("corrected the clock of BETA") && !said.contains("of ACME"), "{said}");
        p.run("audit verify --deep").ok();
    });
}

/// Checkpoints, erasures and archives across a correction.
#[test]
fn a_corrected_trail_is_signed_archived_and_erased_as_any_other() {
    on_both_engines_with_acme(|p| {
        let public = p.run("audit keygen").ok();
        let key = p.write("audit.pub", public);
        p.run("branch create --code B1 --name One").ok();
        p.wait(CENTURY);
        p.run("user create --name 'Asha Rao' --email a@x.example --yes").ok();
        p.run("branch update B1 --city Goa").ok();
        let c = p.path("c.txt").display().to_string();
        p.run(&format!("audit checkpoint --append {c}")).ok();
        p.wait(3600 - CENTURY);
        p.run("audit correct-clock --now 2026-11-21T01:00:00Z").ok();
        p.wait(3600);
        p.run("branch update B1 --city Pune").ok();
        p.run(&format!("audit checkpoint --append {c}")).ok();
        p.run(&format!("audit verify --deep --checkpoint {c} --key {key}")).ok();
        let e = p.path("e.jsonl").display().to_string();
        p.run(&format!("audit export {e}")).ok();
        p.run(&format!("audit verify --file {e} --checkpoint {c} --key {key}")).ok();
        let events = p.run("audit export -o ocsf --org ACME").ok();
        let goa = events.lines().find(|l| l.contains("\"Goa\"")).expect("the event");
        let goa: Json = serde_json::from_str(goa).expect("JSON");
        assert_eq!(goa["time"].as_i64().map(|t| t / 60_000), Some(1_795_222_800 / 60), "{goa}");
        assert!(goa["metadata"]["original_time"].as_str().is_some_and(|t| t.starts_with("2126-")), "{goa}");
        // By what it counts as, one that a wrong clock made is old enough; what is asked is asked before the file is made.
        p.wait(401 * 86_400);
        let a = p.path("a.gz");
        let archive = format!("audit archive --before 2026-11-22 --out {}", a.display());
        assert!(p.run(&archive).fails(2).contains("is the clock right?"));
        assert!(!a.exists());
        p.run(&format!("{archive} --yes")).ok();
        p.run("audit verify --deep").ok();
        let said = p.run(&format!("audit verify --file {}", a.display()));
        assert!(said.code == 0 && said.err.contains("corrects the clock: 2 records"), "{}", said.err);
        assert!(p.run("audit verify").err.contains("corrects the clock: what was later as of"));
        p.run("user delete a@x.example --yes").ok();
        p.run("user purge a@x.example --yes").ok();
        p.wait(401 * 86_400);
        p.run("audit erase --subject a@x.example --yes").ok();
        p.run("audit verify --deep").ok();
        // To go back to before it is a change as any other.
        p.run("branch update B1 --city Surat --yes").ok();
        let n = int(p, "select max(seq) from audit_records where tree = 1");
        p.run(&format!("audit revert {n} --org ACME")).ok();
        assert_eq!(p.json("branch show B1")["city"], "Pune");
        let clock = int(p, "select seq from audit_records where tree = 1 and kind = 'clock'");
        p.run(&format!("audit revert {clock} --org ACME")).fails(2);
    });
}

/// Whoever moves the head of a corrected trail is found, and the repair knows what time it had; of a forged correction the
/// records prove nothing.
#[test]
fn the_head_of_a_corrected_trail_is_repaired() {
    on_both_engines_with_acme(|p| {
        let first = ahead(p);
        p.run("audit correct-clock --now 2026-11-21T01:00:00Z").ok();
        let before = last(p);
        let name = name_of(p);
        disarm(p);
        let far = on(p, "253402300799999999", "'9999-12-31'");
        p.sql(&format!("update audit_heads set at = {far} where tree = 1")).expect("planted");
        p.run("audit verify").fails(8);
        p.run(&format!("db repair --name {name}")).ok();
        // The repair is recorded behind it, at the time that it is.
        assert!(last(p) - before < TimeDelta::minutes(1), "{}", last(p));
        assert_eq!(p.run("db repair").ok(), "");
        assert_eq!(p.run(&format!("db repair --name {name}")).ok(), "");
        p.run("audit verify --deep").ok();
        let q = TestEnv::new(p.engine);
        q.run("init --org-code ACME --org-name 'Acme Ltd'").ok();
        ahead(&q);
        let n = int(&q, "select size from audit_heads where tree = 1");
        let at = day("2026-02-01T00:00:00Z");
        q.sql(&forged(&q, at, &says(at, last(&q), first, n - first + 1), "success")).expect("planted");
        let name = name_of(&q);
        let said = q.run(&format!("db repair --name {name}"));
        assert!(said.fails(8).contains("is not repaired"), "a forged correction proves nothing");
    });
}

/// Of a table or a function that belongs to somebody else the guards are his.
#[test]
fn another_owner_is_named() {
    let p = TestEnv::with_acme(Engine::Postgres);
    let role = unique("other");
    let owner = crate::raw::text(&p, "select current_user::text");
    p.sql(&format!("create role {role}")).expect("a role");
    for (what, name) in
        [("table branches", "relation branches"), ("function refuse_change()", "function refuse_change()")]
    {
        p.sql(&format!("alter {what} owner to {role}")).expect(what);
        let said = p.run("db check");
        assert!(said.code == 8 && said.out.contains(name), "{what}: {}", said.out);
        p.sql(&format!("alter {what} owner to {owner}")).expect(what);
    }
    p.run("db check").ok();
    p.sql(&format!("drop role {role}")).expect("gone");
}
