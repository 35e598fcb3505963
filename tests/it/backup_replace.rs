//! Putting a backup into the place of a live database: those who have it open go on, nobody's writing is lost unseen, who was
//! erased stays so, and the way back is there.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;
use sqlx::{Connection as _, Executor as _, Row as _, SqliteConnection};

use crate::backup::{fill, told, trail};
use crate::harness::{Engine, Output, TestEnv, on_both_engines_with_acme, with_lock};
use crate::raw::{int, on};
use crate::terminal::{at_terminal, ends};

/// Has the restore wait behind the backup of what is there: on SQLite for the write lock, on PostgreSQL for the one that
/// keeps migrators apart.
fn gate(p: &TestEnv) -> &'static str {
    on(p, "begin immediate", "begin; select pg_advisory_xact_lock(x'6f726763746c'::bigint)")
}

/// The folder in which a place keeps its archives, and what is in it.
pub fn folder(p: &TestEnv) -> PathBuf {
    p.path("home/.local/share/orgctl/backups")
}

pub fn names(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = files.map(|f| f.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Files that a restore might leave beside its place.
fn strays(p: &TestEnv) -> Vec<String> {
    let mut all = names(p.dir.path());
    all.extend(names(&folder(p)));
    all.retain(|n| n.starts_with(".orgctl"));
    all
}

/// Makes a backup; its file.
pub fn backup(p: &TestEnv) -> String {
    p.json("backup create")["file"].as_str().expect("a file").to_owned()
}

/// The command that replaces a place's database.
pub fn line(p: &TestEnv, archive: &str) -> String {
    format!("backup restore {archive} --into {} --replace --yes", p.url)
}

/// The record of the last restore.
fn record(p: &TestEnv) -> Json {
    let line = p.run("audit list --org SYSTEM --action backup_restore --all -o ndjson").ok();
    serde_json::from_str(line.lines().next().expect("a record")).expect("JSON")
}

/// What a place shows, without a record of that.
pub fn rows(p: &TestEnv) -> Vec<String> {
    let list = |noun: &&str| p.run(&format!("{noun} list --with-deleted --all -o ndjson")).ok();
    ["org", "branch", "dept", "user"].iter().map(list).collect()
}

pub fn holds(p: &TestEnv) {
    p.run("audit verify --deep").ok();
    p.run("db check").ok();
    assert_eq!(strays(p), Vec::<String>::new());
}

/// Starts a command in a process of its own.
pub fn start(p: &TestEnv, line: &str) -> Child {
    let mut command = p.spawn(line);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("orgctl runs")
}

pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid"))
}

pub fn said(child: Child) -> Output {
    let done = child.wait_with_output().expect("an end");
    Output {
        code: done.status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(255),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// Waits until there is one more archive, whole and told beside it.
pub fn wait_for_archive(p: &TestEnv, before: usize) {
    let began = Instant::now();
    while names(&folder(p)).iter().filter(|n| n.ends_with(".tar.json")).count() <= before {
        assert!(began.elapsed() < Duration::from_secs(60), "no backup was made");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn connect(rt: &tokio::runtime::Runtime, p: &TestEnv) -> SqliteConnection {
    rt.block_on(SqliteConnection::connect(&p.url)).expect("a connection")
}

/// How many branches there are, by a statement that is prepared once.
fn branches(rt: &tokio::runtime::Runtime, c: &mut SqliteConnection) -> i64 {
    let sql = sqlx::query("select count(*) from branches where deleted_at is null");
    rt.block_on(c.fetch_one(sql)).expect("a row").get(0)
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn what_was_there_is_there_again_and_the_report_says_what_was_lost() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let (archive, before) = (backup(p), told(p));
        p.wait(3600);
        p.run("branch create --code NEW --name New --org ACME").ok();
        p.run("user update ASHA22 --city Pune").ok();
        let done = p.json(&line(p, &archive));
        // The backup, what was asked with hashes, the branch and the person's city.
        assert_eq!(done["lost"]["records"], 4);
        assert_eq!(done["erased_again"], 0);
        let back = done["way_back"].as_str().expect("a command").to_owned();
        let id = done["safety_backup"]["id"].as_str().expect("an id").to_owned();
        assert!(back.contains(&id[id.len() - 8..]), "{back}");
        assert!(told(p) == before);
        holds(p);
        // The catalogue is the replaced one, with the backup of it.
        assert_eq!(
            p.column("backup list", "label"),
            ["before restore of ".to_owned() + &archive[archive.len() - 12..archive.len() - 4], "null".into()]
        );
        assert_eq!(int(p, "select count(*) from backups"), 2);
        let record = record(p).to_string();
        for word in ["safety_backup", "\"erased_again\":0", "\"lost\"", "\"signed\":true"] {
            assert!(record.contains(word), "{word} in {record}");
        }
        assert!(!record.contains("erasures_unknown_from"), "{record}");
        p.run("user create --name 'New Person' --email new@acme.example --org ACME").ok();
        holds(p);
    });
}

#[test]
fn where_somebody_wrote_meanwhile_nothing_is_replaced() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let archive = backup(p);
        p.run("branch create --code NEW --name New --org ACME").ok();
        let archives = names(&folder(p));
        let writes: [&dyn Fn(); 2] = [
            &|| drop(p.run("branch update NEW --city Nashik --org ACME").ok()),
            // No head moves by it: the system log is a journal of its own.
            &|| {
                let (id, at) = ("00112233445566778899aabbccddeeff", "'2026-11-21'");
                let (id, at) = match p.engine {
                    Engine::Sqlite => (format!("x'{id}'"), "1795219200000000"),
                    Engine::Postgres => (format!("'{id}'"), at),
                };
                p.sql(&format!(
                    "insert into system_log (org_id, id, at, level, source, message, actor_id, request_id)
                     values (0, {id}, {at}, 'info', 'test', 'hello', 1, {id})"
                ))
                .expect("a row");
            },
        ];
        for write in writes {
            // Whoever holds the lock lets it come as far as the backup of what is there.
            let child = with_lock(p, gate(p), || {
                let child = start(p, &format!("{} --wait 60", line(p, &archive)));
                wait_for_archive(p, archives.iter().filter(|n| n.ends_with(".tar.json")).count());
                kill(pid(&child), Signal::SIGSTOP).expect("stopped");
                child
            });
            write();
            let (before, acme) = (rows(p), trail(p, "ACME"));
            kill(pid(&child), Signal::SIGCONT).expect("goes on");
            let err = said(child).fails(4);
            assert!(err.contains("somebody wrote to") && err.contains("nothing was replaced"), "{err}");
            assert!(err.contains("the audit tree 1 has") || err.contains("the table system_log has"), "{err}");
            assert!((rows(p), trail(p, "ACME")) == (before, acme));
            assert_eq!(names(&folder(p)), archives, "the backup that was made for it is gone");
            holds(p);
        }
        p.run(&line(p, &archive)).ok();
        holds(p);
    });
}

#[test]
fn who_was_erased_stays_erased() {
    on_both_engines_with_acme(|p| {
        p.run("setting set audit.min_retention_days 0 --org ACME").ok();
        p.run("branch create --code HQ --name Head --org ACME").ok();
        p.run("user create --name 'Ravi Kumar' --email ravi@acme.example --user-code RAVK22 --branch HQ --org ACME")
            .ok();
        p.run(
            "user create --name 'Asha Rao' --email asha@acme.example --user-code ASHA22 --reports-to RAVK22 --org ACME",
        )
        .ok();
        p.run("dept create --code FIN --name Finance --manager RAVK22 --org ACME").ok();
        p.run_with("user passwd RAVK22 --password-stdin", "correct horse battery staple\n").ok();
        p.run("user invite RAVK22").ok();
        let archive = backup(p);
        let id = p.column("user list --search ravi", "id").remove(0);
        p.run("user delete RAVK22 --orphan --yes").ok();
        p.run("user purge RAVK22 --yes").ok();
        p.run("audit erase --subject RAVK22 --reason 'request of 3 November' --yes").ok();
        // Twice: the second trail tells of it too.
        for _ in 0..2 {
            let done = p.json(&line(p, &archive));
            assert_eq!(done["erased_again"], 1);
            assert!(record(p).to_string().contains("\"erased_again\":1"));
            assert_eq!(p.column("user list --with-deleted --all --org ACME", "user_code"), ["ASHA22"]);
            assert_eq!(p.column("user list --search ravi", "user_code"), Vec::<String>::new());
            assert_eq!(p.column("user list --org ACME", "reports_to"), ["null"]);
            assert_eq!(p.column("dept list --org ACME", "manager"), ["null"]);
            let all = trail(p, "ACME").concat() + &trail(p, "SYSTEM").concat();
            for word in ["Ravi", "ravi@", "RAVK22"] {
                assert!(!all.contains(word), "{word} in {all}");
            }
            assert!(all.contains("request of 3 November") && all.contains(&id), "{all}");
            for table in ["user_branches", "credentials", "password_history", "tokens"] {
                let hex = id.replace('-', "");
                let user = on(p, "lower(hex(user_id))", "replace(cast(user_id as text), '-', '')");
                let count = format!("select count(*) from {table} where {user} = '{hex}'");
                assert_eq!(int(p, &count), 0, "{table}");
            }
            if p.engine == Engine::Sqlite {
                let bytes = std::fs::read(p.file()).expect("the file");
                let found = |word: &str| bytes.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()));
                assert!(found("asha@acme") && !found("ravi@acme") && !found("ravk22"));
            }
            holds(p);
            p.run("audit verify --deep --org ACME").ok();
        }
        // Whoever comes with the same words is another.
        p.run("user create --name 'Ravi Kumar' --email ravi@acme.example --user-code RAVK22 --org ACME").ok();
        holds(p);
    });
}

/// The way back leads into another branch of the trail, which has records that nobody had erased.
#[test]
fn who_was_erased_does_not_come_back_by_the_way_back() {
    on_both_engines_with_acme(|p| {
        p.run("setting set audit.min_retention_days 0 --org ACME").ok();
        p.run("user create --name 'Ravi Kumar' --email ravi@acme.example --user-code RAVK22 --org ACME").ok();
        p.run("user create --name 'Mira Shah' --email mira@acme.example --user-code MRAS22 --reports-to RAVK22 --org ACME").ok();
        let archive = backup(p);
        p.run("user update RAVK22 --designation Welder").ok();
        p.run(
            "user create --name 'Asha Rao' --email asha@acme.example --user-code ASHA22 --reports-to MRAS22 --org ACME",
        )
        .ok();
        let back = p.json(&line(p, &archive))["safety_backup"]["id"].as_str().expect("an id").to_owned();
        for code in ["RAVK22", "MRAS22"] {
            p.run(&format!("user delete {code} --orphan --yes")).ok();
            p.run(&format!("user purge {code} --yes")).ok();
            p.run(&format!("audit erase --subject {code} --yes")).ok();
        }
        let done = p.json(&line(p, &back));
        assert_eq!(done["erased_again"], 2);
        assert_eq!(p.column("user list --with-deleted --all --org ACME", "user_code"), ["ASHA22"]);
        let all = trail(p, "ACME").concat() + &trail(p, "SYSTEM").concat();
        for word in ["Ravi", "ravi@", "RAVK22", "Mira", "mira@", "MRAS22", "Welder"] {
            assert!(!all.contains(word), "{word} in {all}");
        }
        holds(p);
    });
}

/// A rule keeps what is younger than a year; what is recorded of the removal now tells nothing more than that kept.
#[test]
fn what_a_rule_kept_is_kept_again() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Ravi Kumar' --email ravi@acme.example --user-code RAVK22 --org ACME").ok();
        p.wait(300 * 86_400);
        p.run("user update RAVK22 --designation Welder").ok();
        let archive = backup(p);
        p.wait(100 * 86_400);
        p.run("user delete RAVK22 --yes").ok();
        p.run("user purge RAVK22 --yes").ok();
        p.run("audit erase --subject RAVK22 --yes").ok();
        // Twice: the second trail tells of the rule too.
        for _ in 0..2 {
            assert_eq!(p.json(&line(p, &archive))["erased_again"], 1);
            assert_eq!(p.column("user list --with-deleted --all --org ACME", "user_code"), Vec::<String>::new());
            let all = trail(p, "ACME").concat();
            assert!(!all.contains("ravi@acme.example") && all.contains("Welder"), "{all}");
        }
        holds(p);
    });
}

/// What is restored first knows neither the people nor the organisation of one of them; what is restored then does.
#[test]
fn who_was_erased_does_not_come_back_by_a_backup_that_did_not_know_them() {
    on_both_engines_with_acme(|p| {
        let before = backup(p);
        p.run("org create --code ZED --name 'Zed Ltd'").ok();
        for (org, who) in
            [("ACME", "--name 'Ravi Kumar' --user-code RAVK22"), ("ZED", "--name 'Mira Shah' --user-code MRAS22")]
        {
            p.run(&format!("setting set audit.min_retention_days 0 --org {org}")).ok();
            p.run(&format!("user create {who} --org {org}")).ok();
        }
        let archive = backup(p);
        for who in ["RAVK22 --org ACME", "MRAS22 --org ZED"] {
            p.run(&format!("user delete {who} --yes")).ok();
            p.run(&format!("user purge {who} --yes")).ok();
            p.run(&format!("audit erase --subject {who} --reason asked --yes")).ok();
        }
        // Nobody of them was there, and the trail tells of them all the same: more than once.
        for _ in 0..2 {
            assert_eq!(p.json(&line(p, &before))["erased_again"], 0);
            holds(p);
        }
        assert_eq!(p.json(&line(p, &archive))["erased_again"], 2);
        assert_eq!(p.column("user list --with-deleted --all", "user_code"), Vec::<String>::new());
        assert_eq!(p.column("org list", "code"), ["ACME", "ZED"]);
        let all = ["ACME", "ZED", "SYSTEM"].map(|org| trail(p, org).concat()).concat();
        for word in ["Ravi", "RAVK22", "Mira", "MRAS22"] {
            assert!(!all.contains(word), "{word} in {all}");
        }
        assert!(all.contains("asked"), "{all}");
        holds(p);
    });
}

/// Erased while deleted, and brought back since: nobody who works there goes with what was erased of them.
#[test]
fn who_came_back_after_an_erasure_stays() {
    on_both_engines_with_acme(|p| {
        p.run("setting set audit.min_retention_days 0 --org ACME").ok();
        let before = backup(p);
        p.run("user create --name 'Ravi Kumar' --designation Turner --user-code RAVK22 --org ACME").ok();
        p.run("user update RAVK22 --designation Welder").ok();
        let archive = backup(p);
        p.run("user delete RAVK22 --yes").ok();
        p.run("audit erase --subject RAVK22 --yes").ok();
        p.run("user restore RAVK22").ok();
        // The first knows nothing of him, and the second trail nothing but what it was told.
        for (backup, n) in [(&archive, 1), (&before, 0), (&archive, 1)] {
            assert_eq!(p.json(&line(p, backup))["erased_again"], n);
            assert_eq!(p.column("user list --org ACME", "user_code").len(), n);
            assert!(!trail(p, "ACME").concat().contains("Turner"));
            holds(p);
        }
        assert_eq!(p.column("user list --org ACME", "designation"), ["Welder"]);
        // A server keeps what was replaced, in which everybody is.
        p.run("user create --name 'Mira Shah' --user-code MRAS22 --org ACME").ok();
        p.run("user delete MRAS22 --yes").ok();
        let done = p.run("audit erase --subject MRAS22 --yes");
        assert_eq!(done.err.contains("--drop-old"), p.engine == Engine::Postgres, "{}", done.err);
        assert_eq!(done.code, 0);
    });
}

#[test]
fn no_code_is_given_twice() {
    on_both_engines_with_acme(|p| {
        p.run("dept create --name First --org ACME").ok();
        p.run("user create --name 'Asha Rao' --email asha@acme.example --org ACME").ok();
        let archive = backup(p);
        // More than a restore skips.
        p.sql("update code_counters set next = 9000 where kind = 'dept'").expect("given");
        p.run("dept create --name Second --org ACME").ok();
        p.run("user create --name 'Ravi Kumar' --email ravi@acme.example --org ACME").ok();
        let given =
            |p: &TestEnv| (p.column("dept list --org ACME", "code"), p.column("user list --org ACME", "user_code"));
        let (depts, users) = given(p);
        assert!(depts.contains(&"DEPT-9001".to_owned()), "{depts:?}");
        p.run(&line(p, &archive)).ok();
        p.run("dept create --name Third --org ACME").ok();
        p.run("user create --name 'Jo Nes' --email jo@acme.example --org ACME").ok();
        let (now, people) = given(p);
        let next: Vec<u64> = now.iter().filter_map(|c| c.strip_prefix("DEPT-")?.parse().ok()).collect();
        assert!(next.iter().any(|n| *n > 9001), "{now:?}");
        assert_eq!(people.iter().filter(|c| users.contains(c)).count(), 1, "only Asha's");
        assert_eq!(now.iter().filter(|c| depts.contains(c)).count(), 1);
        holds(p);
    });
}

#[test]
fn a_checkpoint_that_is_ahead_is_told_until_it_is_stated() {
    on_both_engines_with_acme(|p| {
        let key = p.write("audit.pub", p.run("audit keygen").ok());
        let c = p.path("c.txt").display().to_string();
        p.run("branch create --code B1 --name One --org ACME").ok();
        // What is erased again stands in front of the record of the restore.
        p.run("setting set audit.min_retention_days 0 --org ACME").ok();
        p.run("user create --name 'Ravi Kumar' --user-code RAVK22 --org ACME").ok();
        let archive = backup(p);
        p.run("branch create --code B2 --name Two --org ACME").ok();
        p.run("user delete RAVK22 --yes").ok();
        p.run("user purge RAVK22 --yes").ok();
        p.run("audit erase --subject RAVK22 --yes").ok();
        p.run(&format!("audit checkpoint --append {c}")).ok();
        p.run(&line(p, &archive)).ok();
        let said = p.run(&format!("audit verify --checkpoint {c} --key {key}"));
        assert_eq!(said.code, 8, "{}{}", said.out, said.err);
        assert!(said.out.contains("restored from the backup "), "{}", said.out);
        p.run(&format!("audit checkpoint --after-restore {archive} --append {c}")).ok();
        let said = p.run(&format!("audit verify --deep --checkpoint {c} --key {key}"));
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert!(said.err.contains("records 5 to 8 of ACME are lost"), "{}", said.err);
    });
}

#[test]
fn the_way_back_leads_back() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let archive = backup(p);
        p.run("branch create --code NEW --name New --org ACME").ok();
        let before = told(p);
        let done = p.json(&line(p, &archive));
        p.run("branch create --code AFTER --name After --org ACME").ok();
        let words = done["way_back"].as_str().expect("a command").to_owned();
        let done = p.json(&format!("{} --yes", words.strip_prefix("orgctl ").expect("a command of orgctl")));
        assert!(told(p) == before);
        // What the other branch of the trail recorded: the restore in SYSTEM, and the branch in ACME.
        assert_eq!(done["lost"]["records"], 2, "{done}");
        holds(p);
        assert_eq!(int(p, "select count(*) from backups"), 3);
    });
}

#[test]
fn a_dry_run_proves_it_all_and_changes_nothing() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let archive = backup(p);
        p.run("branch create --code NEW --name New --org ACME").ok();
        let (before, records, files) = (rows(p), p.audit_records(), names(&folder(p)));
        let done = p.json(&format!("backup restore {archive} --into {} --replace --dry-run", p.url));
        assert_eq!((&done["lost"]["records"], &done["erased_again"]), (&2.into(), &0.into()), "the backup, the branch");
        assert_eq!((&done["safety_backup"], &done["way_back"]), (&Json::Null, &Json::Null));
        assert!((rows(p), p.audit_records(), names(&folder(p))) == (before, records, files));
        holds(p);
    });
}

#[test]
fn what_should_not_be_replaced_is_not() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let archive = backup(p);
        let before = rows(p);
        // Nobody said yes.
        let into = format!("--into {}", p.url);
        let err = p.run(&format!("backup restore {archive} {into} --replace")).fails(2);
        assert!(err.contains("replace everything in") && err.contains("lost is 1 audit record"), "{err}");
        p.run(&format!("backup restore {archive} {into}")).fails(4);
        // An archive of the schema alone, and of somebody else.
        let empty = p.json("backup create --type schema-only")["file"].as_str().expect("a file").to_owned();
        p.run(&line(p, &empty)).fails(2);
        let other = TestEnv::after(p.engine, "init --org-code ACME --org-name Foreign");
        let theirs = backup(&other);
        let key = p.write("their.pub", other.run("audit pubkey").ok());
        let err = p.run(&format!("{} --key {key}", line(p, &theirs))).fails(4);
        assert!(err.contains("is of another installation"), "{err}");
        assert!(rows(p) == before);
        holds(p);
        let done = p.json(&format!("{} --key {key} --force", line(p, &theirs)));
        assert!(done["erasures_unknown_from"].is_array(), "{done}");
        assert_eq!(p.column("org list", "name"), ["Foreign"]);
        assert_eq!(int(p, "select count(*) from backups"), 1, "the way back alone");
        p.run("db check").ok();
        let back = done["way_back"].as_str().expect("a command").to_owned();
        p.run(&format!("{} --yes", back.strip_prefix("orgctl ").expect("a command of orgctl"))).ok();
        assert!(rows(p) == before);
        // Where nothing is, it is a restore.
        let third = TestEnv::new(p.engine);
        let key = third.write("audit.pub", p.run("audit pubkey").ok());
        let done = third.json(&format!("backup restore {archive} --into {} --replace --key {key}", third.url));
        assert_eq!(done["safety_backup"], Json::Null);
        assert!(rows(&third) == before);
        third.run("backup restore latest --into x.db --force").fails(2);
    });
}

#[test]
fn it_asks_and_no_is_an_answer() {
    on_both_engines_with_acme(|p| {
        let archive = backup(p);
        p.run("branch create --code NEW --name New --org ACME").ok();
        let files = names(&folder(p));
        for (answer, code) in [("n", 1), ("y", 0)] {
            let line = format!("backup restore {archive} --into {} --replace", p.url);
            let mut t = at_terminal(p, &line);
            t.exp_string("replace everything in").expect("a question");
            t.exp_string("lost are 2 audit records").expect("what is lost");
            t.send(answer).and_then(|_| t.flush()).expect("an answer");
            assert_eq!(ends(t), code, "{answer}");
            assert_eq!(names(&folder(p)) == files, code == 1, "{answer}");
            assert_eq!(p.column("branch list --org ACME", "code").len(), usize::from(code == 1), "{answer}");
        }
        // The newest is now what was just replaced: the question says so.
        let err = p.run(&format!("backup restore latest --into {} --replace", p.url)).fails(2);
        assert!(err.contains(" (before restore of "), "{err}");
        holds(p);
    });
}

#[test]
fn an_encrypted_backup_replaces_and_what_is_there_is_encrypted_too() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let identity = age::x25519::Identity::generate();
        let secret = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        let file = p.write("identity", format!("{secret}\n"));
        p.run(&format!("setting set backup.recipients {} --org SYSTEM", identity.to_public())).ok();
        let (archive, before) = (backup(p), told(p));
        p.run("branch create --code NEW --name New --org ACME").ok();
        p.run(&line(p, &archive)).fails(2);
        p.run(&format!("{} --identity {file}", line(p, &archive))).ok();
        assert!(told(p) == before);
        assert_eq!(p.column("backup list", "encrypted"), ["true", "true"]);
        holds(p);
    });
}

#[test]
fn a_trail_that_does_not_hold_is_not_replaced() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One --org ACME").ok();
        let archive = backup(p);
        p.run("branch create --code B2 --name Two --org ACME").ok();
        crate::raw::disarm(p);
        let nought = on(p, "zeroblob(32)", "decode(repeat('00', 32), 'hex')");
        p.sql(&format!("update audit_records set leaf = {nought} where tree = 1 and seq = 2")).expect("changed");
        let files = names(&folder(p));
        let err = p.run(&line(p, &archive)).fails(8);
        assert!(err.contains("is not replaced"), "{err}");
        assert_eq!(p.column("branch list --org ACME", "code"), ["B1", "B2"]);
        assert_eq!(names(&folder(p)), files);
    });
}

#[test]
fn whatever_is_killed_leaves_the_old_or_the_new() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let (archive, old) = (backup(p), told(p));
        p.run("branch create --code NEW --name New --org ACME").ok();
        let new = told(p);
        let began = Instant::now();
        assert_eq!(said(start(p, &line(p, &archive))).code, 0);
        let whole = began.elapsed();
        let steps = if p.engine == Engine::Sqlite { 12 } else { 6 };
        for step in 0..steps {
            if told(p) == old {
                p.run("branch create --code NEW --name New --org ACME").ok();
            }
            let child = start(p, &line(p, &archive));
            std::thread::sleep(whole * step / (steps - 2));
            // It may have ended.
            let _ = kill(pid(&child), Signal::SIGKILL);
            said(child);
            let now = told(p);
            assert!(now == old || now.len() == new.len() && now[1].contains("\"NEW\""), "step {step}: {now:?}");
            p.run("audit verify --deep").ok();
            p.run("db check").ok();
        }
        p.run(&line(p, &archive)).ok();
        assert!(told(p) == old);
        holds(p);
    });
}

#[test]
fn of_two_at_once_one_replaces() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let (archive, old) = (backup(p), told(p));
        p.run("branch create --code NEW --name New --org ACME").ok();
        // Whoever holds the lock lets both come as far as the backup of what is there.
        let both = with_lock(p, gate(p), || {
            let both = [(); 2].map(|()| start(p, &format!("{} --wait 60", line(p, &archive))));
            wait_for_archive(p, 2);
            both
        });
        let mut codes = both.map(|child| said(child).code);
        codes.sort_unstable();
        assert_eq!(codes, [0, 4]);
        assert!(told(p) == old);
        assert_eq!(names(&folder(p)).iter().filter(|n| n.ends_with(".tar")).count(), 2);
        holds(p);
    });
}

#[test]
fn a_signal_leaves_the_old_and_is_recorded_there() {
    on_both_engines_with_acme(|p| {
        p.run_with("branch import - --org ACME", crate::raw::branches_csv(5_000)).ok();
        let archive = backup(p);
        p.run("branch create --code NEW --name New --org ACME").ok();
        let (before, files) = (rows(p), names(&folder(p)));
        // Whoever holds the lock lets it come as far as the backup of what is there. The signal comes as it goes on.
        let child = with_lock(p, gate(p), || {
            let child = start(p, &format!("{} --wait 60", line(p, &archive)));
            wait_for_archive(p, 1);
            kill(pid(&child), Signal::SIGSTOP).expect("stopped");
            child
        });
        kill(pid(&child), Signal::SIGTERM).expect("sent");
        kill(pid(&child), Signal::SIGCONT).expect("goes on");
        let err = said(child).fails(143);
        assert!(err.contains("nothing was changed") && !err.contains("no audit record"), "{err}");
        assert!(rows(p) == before);
        assert_eq!(names(&folder(p)), files);
        assert_eq!(p.column("audit list --org SYSTEM --limit 1", "status"), ["interrupted"]);
        holds(p);
    });
}

/// What is particular to files.
mod file {
    use super::*;

    #[test]
    fn those_who_have_it_open_go_on() {
        let p = TestEnv::with_acme(Engine::Sqlite);
        fill(&p);
        let archive = backup(&p);
        p.run("branch create --code NEW --name New --org ACME").ok();
        let rt = runtime();
        let (mut idle, mut reader) = (connect(&rt, &p), connect(&rt, &p));
        assert_eq!(branches(&rt, &mut idle), 3);
        rt.block_on(reader.execute("begin")).expect("begun");
        assert_eq!(branches(&rt, &mut reader), 3);
        p.run(&line(&p, &archive)).ok();
        // One sees what was there when it began, to its end; the other what is there now. Both can go on.
        assert_eq!(branches(&rt, &mut reader), 3);
        assert_eq!(branches(&rt, &mut idle), 2);
        rt.block_on(reader.execute("commit")).expect("ended");
        assert_eq!(branches(&rt, &mut reader), 2);
        let write = "update tokens set used_ip = '10.0.0.1'";
        assert_eq!(rt.block_on(idle.execute(write)).expect("written").rows_affected(), 1);
        rt.block_on(idle.close()).expect("closed");
        rt.block_on(reader.close()).expect("closed");
        holds(&p);
    }

    #[test]
    fn a_full_disk_leaves_the_old() {
        let p = TestEnv::with_acme(Engine::Sqlite);
        fill(&p);
        let archive = backup(&p);
        p.run(&line(&p, &archive)).ok();
        let blocks = std::fs::metadata(p.file()).expect("a database").len() / 512;
        p.run("branch create --code NEW --name New --org ACME").ok();
        let before = told(&p);
        // For the archive, for the new file, and for the log beside the live one, which is a little larger than that.
        for (percent, what) in [(9, ".partial"), (60, ".orgctl-backup-"), (100, "writing t.db failed")] {
            let line =
                format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" {}", blocks * percent / 100, line(&p, &archive));
            let mut sh = std::process::Command::new("sh");
            sh.args(["-c", &line, env!("CARGO_BIN_EXE_orgctl")]).env_clear().envs(&p.env).current_dir(p.dir.path());
            let done = sh.output().expect("an end");
            let err = String::from_utf8_lossy(&done.stderr);
            let err = err.replace(&format!("{}/", p.dir.path().display()), "");
            assert_eq!(done.status.code(), Some(1), "{percent} %: {err}");
            assert!(err.contains(what), "{percent} %: {err}");
            assert!(told(&p) == before, "{percent} %");
            p.run("audit verify --deep").ok();
            p.run("db check").ok();
        }
        p.run(&line(&p, &archive)).ok();
        holds(&p);
    }

    #[test]
    fn pages_and_the_log_stay_as_they_are() {
        let p = TestEnv::with_acme(Engine::Sqlite);
        fill(&p);
        let (archive, before) = (backup(&p), told(&p));
        p.sql("pragma journal_mode = delete; pragma page_size = 8192; vacuum").expect("other pages");
        let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(p.file()).expect("a file"));
        let was = inode();
        p.run("branch create --code NEW --name Zanzibar --org ACME").ok();
        p.run(&line(&p, &archive)).ok();
        let bytes = std::fs::read(p.file()).expect("the file");
        assert!(
            !bytes.windows(8).any(|w| w.eq_ignore_ascii_case(b"zanzibar")),
            "nothing of what was there is left in it"
        );
        assert!(told(&p) == before);
        assert_eq!((int(&p, "select page_size from pragma_page_size"), inode()), (8192, was));
        runtime().block_on(async {
            let mut c = SqliteConnection::connect(&p.url).await.expect("a connection");
            let mode: String = c.fetch_one("pragma journal_mode").await.expect("a row").get(0);
            assert_eq!(mode, "wal");
            c.close().await.expect("closed");
        });
        holds(&p);
        // By a link it is the same file.
        std::os::unix::fs::symlink(p.file(), p.path("link.db")).expect("a link");
        p.run(&format!("backup restore {archive} --into {} --replace --yes", p.path("link.db").display())).ok();
        assert_eq!(inode(), was);
        assert!(std::fs::symlink_metadata(p.path("link.db")).expect("there").is_symlink());
        holds(&p);
    }

    #[test]
    fn killed_while_pages_are_written_it_is_the_old_or_the_new() {
        let p = TestEnv::with_acme(Engine::Sqlite);
        p.run_with("branch import - --org ACME", crate::raw::branches_csv(3_000)).ok();
        let archive = backup(&p);
        let log = || std::fs::metadata(p.path("t.db-wal")).map_or(0, |m| m.len());
        for more in [0, 64, 256, 512, 1024] {
            p.run("branch create --code NEW --name New --org ACME").ok();
            let mut child = start(&p, &line(&p, &archive));
            // The log holds nothing before the swap, and every page of the new content at its end.
            while log() <= more * 1024 && child.try_wait().expect("asked").is_none() {
                std::thread::sleep(Duration::from_micros(200));
            }
            let _ = kill(pid(&child), Signal::SIGKILL);
            said(child);
            let n = p.column("branch list --all --org ACME", "code").len();
            assert!(n == 3_000 || n == 3_001, "{more}: {n}");
            p.run("audit verify --deep").ok();
            p.run("db check").ok();
            if n == 3_001 {
                p.run("branch delete NEW --yes --org ACME").ok();
            }
        }
        p.run(&line(&p, &archive)).ok();
        holds(&p);
    }

    #[test]
    fn who_goes_on_reading_what_was_there_is_named() {
        let p = TestEnv::with_acme(Engine::Sqlite);
        let archive = backup(&p);
        p.run_with("branch import - --org ACME", crate::raw::branches_csv(5_000)).ok();
        // Nobody takes what it writes: it waits in the middle of its reading.
        let mut reading = start(&p, "branch export - --org ACME");
        let mut byte = [0];
        std::io::Read::read_exact(reading.stdout.as_mut().expect("a pipe"), &mut byte).expect("it has begun");
        let done = p.run(&line(&p, &archive));
        let err = done.err.clone();
        done.ok();
        let name = format!("process {} (orgctl branch export)", reading.id());
        assert!(err.contains(&name) && err.contains("end it"), "{err}");
        // It ends with what it began with.
        let export = said(reading).ok();
        assert_eq!(export.lines().count(), 5_001);
        assert_eq!(p.column("branch list --org ACME", "code"), Vec::<String>::new());
        holds(&p);
    }
}
