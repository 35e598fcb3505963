//! Signals, kills, and streams that end or fill up, on the program itself.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme, with_lock};
use crate::raw::{
    HeldLock, branches_csv, clear, done, int, signal, start, text, until, until_waiting, until_written, wait,
};

/// Rows that take any machine a while.
const MANY: usize = 20_000;

/// An import of many rows that holds the lock, has looked at every row and written none: it goes on when what it rejects
/// is read, which is more than a pipe holds.
fn begun(p: &TestEnv) -> (Child, File) {
    if !p.path("rejects").exists() {
        pipe(p, "rejects");
        let bad = format!(",{}\n", "x".repeat(100)).repeat(3000);
        p.write("many.csv", branches_csv(MANY).replacen("code,name,city\n", &format!("code,name,city\n{bad}"), 1));
    }
    let line = "branch import many.csv --keep-going --rejects rejects";
    let child = start(&mut p.spawn(line), Stdio::null());
    let rejects = until_written(&p.path("rejects"));
    assert!(HeldLock::now(p).is_none(), "it holds the lock");
    (child, rejects)
}

/// An import that has just been let go on to write, with all rows before it.
fn let_on(p: &TestEnv) -> Child {
    let (child, rejects) = begun(p);
    std::io::read_to_string(rejects).expect("text");
    child
}

/// Runs something while an import writes. On PostgreSQL it stands in the middle of that for as long as somebody holds the
/// table; on SQLite it has just been let go on, with all rows before it.
fn while_it_writes<T>(p: &TestEnv, work: impl FnOnce(Child) -> T) -> T {
    match p.engine {
        Engine::Sqlite => work(let_on(p)),
        Engine::Postgres => with_lock(p, "begin; lock table orgctl.branches in share mode", || {
            let child = let_on(p);
            until("it stands before the table", || int(p, WAITING) == 1);
            work(child)
        }),
    }
}

/// How many imports wait for a lock of the server.
const WAITING: &str = "select count(*) from pg_stat_activity where datname = current_database()
    and application_name = 'orgctl branch import' and wait_event_type = 'Lock'";

/// Nothing of the import is there; the trail is whole, and its last record says what happened.
fn nothing_but_a_record(p: &TestEnv, records: i64) {
    assert_eq!(int(p, "select count(*) from branches"), 0);
    assert_eq!(int(p, "select count(*) from audit_records"), records + 1);
    let last = p.run("audit list --org ACME --limit 1 -o json").json();
    assert_eq!(last[0]["status"], "interrupted", "{last}");
    assert_eq!(last[0]["action"], "import", "{last}");
    p.run("audit verify --deep").ok();
    p.run("db check").ok();
}

#[test]
fn a_signal_in_the_middle_of_an_import_undoes_it() {
    on_both_engines_with_acme(|p| {
        for (name, code, writes) in
            [("INT", 130, false), ("TERM", 143, false), ("HUP", 143, false), ("INT", 130, true), ("TERM", 143, true)]
        {
            let records = int(p, "select count(*) from audit_records");
            let end = |child: Child| {
                let sent = Instant::now();
                signal(&child, name);
                let said = wait(child);
                assert!(sent.elapsed() < Duration::from_secs(5), "{name}: {:?}", sent.elapsed());
                said
            };
            let said = if writes {
                end(let_on(p))
            } else {
                let (child, _rejects) = begun(p);
                end(child)
            };
            assert_eq!(said.code, code, "{name}: {}", said.err);
            clear(&said.err);
            assert!(said.err.contains("interrupted; nothing was changed"), "{name}: {}", said.err);
            assert_eq!(said.out, "");
            nothing_but_a_record(p, records);
        }
    });
}

/// Waiting for standard input is no reason to be deaf.
#[test]
fn a_signal_is_heard_while_standard_input_has_nothing_to_give() {
    on_both_engines_with_acme(|p| {
        for (line, name, code) in [
            ("branch import -", "INT", 130),
            ("branch import -", "TERM", 143),
            ("branch delete - --yes", "INT", 130),
            ("branch show -", "HUP", 143),
        ] {
            let spool = p.path("spool");
            let _ = std::fs::create_dir(&spool);
            let mut command = p.spawn(line);
            let mut child = start(command.env("TMPDIR", &spool), Stdio::piped());
            let mut stdin = child.stdin.take().expect("piped");
            stdin.write_all(b"code,name\nX1,One\n").expect("taken");
            until_waiting(&mut child);
            signal(&child, name);
            let said = ends(child);
            assert_eq!(said.code, code, "{line} {name}: {}", said.err);
            drop(stdin);
            assert_eq!(std::fs::read_dir(&spool).expect("a folder").count(), 0, "nothing is left of the spool");
        }
        assert_eq!(int(p, "select count(*) from branches"), 0);
        // The reading command left no record.
        assert_eq!(int(p, "select count(*) from audit_requests where status = 'interrupted'"), 3);
        p.run("audit verify --deep").ok();
    });
}

/// A child that must end by itself soon.
#[track_caller]
fn ends(mut child: Child) -> crate::harness::Output {
    until("the program to end", || child.try_wait().expect("a child").is_some());
    wait(child)
}

#[test]
fn a_kill_in_the_middle_leaves_all_or_nothing() {
    on_both_engines_with_acme(|p| {
        let records = int(p, "select count(*) from audit_records");
        let end = |mut child: Child| {
            child.kill().expect("killed");
            child.wait().expect("gone");
        };
        for writes in [false, true] {
            if writes {
                while_it_writes(p, end);
            } else {
                let (child, _rejects) = begun(p);
                end(child);
            }
            // The server may take a moment to notice.
            until("the lock to be free", || HeldLock::now(p).is_some());
            assert_eq!(int(p, "select count(*) from branches"), 0);
            assert_eq!(int(p, "select count(*) from audit_records"), records);
            p.run("audit verify --deep").ok();
        }
        let small = p.write("s.csv", branches_csv(50));
        p.run(&format!("branch import {small}")).ok();
        assert_eq!(int(p, "select count(*) from branches"), 50);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    on_both_engines_with_acme(|p| {
        let csv = p.write("b.csv", branches_csv(2000));
        p.run(&format!("branch import {csv}")).ok();
        for line in
            ["branch list --all", "branch list --all -o json", "branch export", "audit list --all", "branch tree"]
        {
            let mut child = start(&mut p.spawn(line), Stdio::null());
            let mut some = [0; 16];
            let mut out = child.stdout.take().expect("piped");
            out.read_exact(&mut some).expect("a beginning");
            drop(out);
            let said = ends(child);
            assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}");
        }
        // Who is gone before the first byte, too; what was done is done.
        let mut child = start(&mut p.spawn("branch create --code NEW --name New -o json --quiet"), Stdio::null());
        drop(child.stdout.take());
        let said = ends(child);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        assert_eq!(text(p, "select name from branches where code = 'NEW'"), "New");
        // And through a real pipe.
        let line = "{ \"$0\" branch list --all -o key; echo \"[$?]\" >&2; } | head -n 1";
        let mut sh = Command::new("sh");
        sh.args(["-c", line, env!("CARGO_BIN_EXE_orgctl")]).env_clear().envs(&p.env).env("PATH", "/usr/bin:/bin");
        let said = done(&mut sh);
        assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "B00001\n", "[0]\n"));
    });
}

#[test]
fn output_that_can_not_be_written_is_one_sentence() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
        let full = || File::options().write(true).open("/dev/full").expect("/dev/full");
        for line in ["branch list", "branch list -o json", "audit list", "branch export", "--help", "config show"] {
            let output =
                p.spawn(line).stdin(Stdio::null()).stdout(full()).stderr(Stdio::piped()).output().expect("ran");
            let said = crate::raw::output_of(output);
            assert_eq!(said.code, 1, "{line}: {}", said.err);
            let sentence = "can't write the output: no space left on device";
            assert_eq!(said.err.matches(sentence).count(), 1, "{line}: {}", said.err);
            assert_eq!(said.err.lines().count(), 1, "{line}: {}", said.err);
        }
        // Nobody to tell: the exit code still tells.
        let mut child = p.spawn("branch show NOWHERE");
        let status = child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(full()).status().expect("ran");
        assert_eq!(status.code(), Some(3));
        // A change whose report can't be written is still a change, and the exit code says that something was wrong.
        let mut child = p.spawn("branch create --code MUM02 --name Dadar -o json");
        let output = child.stdin(Stdio::null()).stdout(full()).stderr(Stdio::piped()).output().expect("ran");
        assert_eq!(crate::raw::output_of(output).code, 1);
        assert_eq!(int(p, "select count(*) from branches where code = 'MUM02'"), 1);
    });
}

/// An export never leaves half a file, and never takes the place of a pipe or a device.
#[test]
fn an_export_to_a_file_is_whole_or_not_there() {
    on_both_engines_with_acme(|p| {
        let csv = p.write("b.csv", branches_csv(6000));
        p.run(&format!("branch import {csv}")).ok();
        p.write("out.csv", "as it was");
        let mut sh = Command::new("sh");
        // 120 KB: enough for the record of the export and the log's index beside the database, too little for the export.
        sh.args(["-c", "trap '' XFSZ; ulimit -f 240; exec \"$0\" branch export out.csv", env!("CARGO_BIN_EXE_orgctl")]);
        let said = done(sh.env_clear().envs(&p.env).current_dir(p.dir.path()));
        assert_eq!(said.code, 1, "{}", said.err);
        clear(&said.err);
        assert!(said.err.contains("file too large"), "{}", said.err);
        assert_eq!(p.read("out.csv"), "as it was");
        let names: Vec<_> =
            std::fs::read_dir(p.dir.path()).expect("a folder").map(|e| e.expect("one").file_name()).collect();
        assert!(names.iter().all(|n| !n.to_string_lossy().starts_with(".tmp")), "{names:?}");
        // A link stays one, and what it names gets the data.
        std::os::unix::fs::symlink(p.path("out.csv"), p.path("link.csv")).expect("a link");
        p.run(&format!("branch export {}", p.path("link.csv").display())).ok();
        assert!(std::fs::symlink_metadata(p.path("link.csv")).expect("there").is_symlink());
        let whole = p.read("out.csv");
        assert_eq!(whole.lines().count(), 6001);
        assert!(whole.len() > 130_000, "{}", whole.len());
        // A pipe stays a pipe. (As root the program could put a file in the place of /dev/null.)
        nix::unistd::mkfifo(&p.path("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let child = start(&mut p.spawn("branch export pipe"), Stdio::null());
        let mut got = String::new();
        File::open(p.path("pipe")).expect("the pipe").read_to_string(&mut got).expect("text");
        assert_eq!(wait(child).code, 0);
        assert!(got == whole, "the same through the pipe");
        // So do the rejects of an import.
        let bad = p.write("bad.csv", "code,name\nZ1,One\nZ1,Two\n");
        let child = start(&mut p.spawn(&format!("branch import {bad} --rejects pipe")), Stdio::null());
        let mut got = String::new();
        File::open(p.path("pipe")).expect("the pipe").read_to_string(&mut got).expect("text");
        assert_eq!(wait(child).code, 6);
        assert!(got.contains("Z1,Two,") && got.contains("duplicate"), "{got}");
        use std::os::unix::fs::FileTypeExt as _;
        assert!(std::fs::metadata(p.path("pipe")).expect("there").file_type().is_fifo());
    });
}

#[test]
fn standard_input_that_ends_early_or_is_closed_is_told() {
    on_both_engines_with_acme(|p| {
        for (stdin, code) in [("", 6), ("code,name\n", 0), ("code,name\nX1,One\nX2,\"Tw", 6)] {
            let said = p.run_with("branch import -", stdin);
            assert_eq!(said.code, code, "{stdin:?}: {}", said.err);
        }
        assert_eq!(int(p, "select count(*) from branches"), 0);
        for line in ["branch import -", "branch delete -"] {
            let mut sh = Command::new("sh");
            let run = format!("exec \"$0\" {line} <&-");
            sh.args(["-c", &run, env!("CARGO_BIN_EXE_orgctl")]).env_clear().envs(&p.env);
            let said = crate::raw::output_of(sh.output().expect("ran"));
            assert!(said.code == 6 || said.code == 2, "{line}: {} {}", said.code, said.err);
            clear(&said.err);
        }
        // No stream at all.
        let mut sh = Command::new("sh");
        sh.args(["-c", "exec \"$0\" branch create --code X1 --name One <&- >&- 2>&-", env!("CARGO_BIN_EXE_orgctl")]);
        let status = sh.env_clear().envs(&p.env).status().expect("ran");
        assert_eq!(status.code(), Some(0));
        assert_eq!(int(p, "select count(*) from branches"), 1);
        p.run("audit verify --deep").ok();
    });
}

fn pipe(p: &TestEnv, name: &str) {
    nix::unistd::mkfifo(&p.path(name), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
}

/// A pipe can be read once, the import reads twice; and while a pipe waits for its other end a signal is heard.
#[test]
fn an_import_reads_pipes_and_writes_rejects_to_them() {
    on_both_engines_with_acme(|p| {
        pipe(p, "in");
        let child = start(&mut p.spawn("branch import in"), Stdio::null());
        std::fs::write(p.path("in"), branches_csv(2000)).expect("written");
        assert_eq!(ends(child).code, 0);
        let mut child = start(&mut p.spawn("branch import /dev/stdin --on-conflict update"), Stdio::piped());
        child.stdin.take().expect("piped").write_all(b"code,name\nX1,One\n").expect("taken");
        assert_eq!(ends(child).code, 0);
        assert_eq!(int(p, "select count(*) from branches"), 2001);
        // Where it came from stands in the trail, not where it was put meanwhile.
        assert_eq!(p.run_with("branch import -", "code,name\nX2,Two\n").code, 0);
        let last = p.run("audit list --org ACME --action import --limit 1 -o json").json();
        let last = p.run(&format!("audit show {} --org ACME", last[0]["seq"])).ok();
        assert!(last.contains("standard input"), "{last}");
        let records = int(p, "select count(*) from audit_records");
        pipe(p, "out");
        let bad = p.write("bad.csv", "code,name\nZ1,One\nZ1,Two\n");
        for line in ["branch import in".to_owned(), format!("branch import {bad} --keep-going --rejects out")] {
            let mut child = start(&mut p.spawn(&line), Stdio::null());
            until_waiting(&mut child);
            signal(&child, "TERM");
            assert_eq!(ends(child).code, 143, "{line}");
        }
        assert_eq!(int(p, "select count(*) from branches"), 2002);
        assert_eq!(int(p, "select count(*) from audit_records"), records + 2, "one for each that was broken off");
        p.run("audit verify --deep").ok();
    });
}

/// The file is read twice: what is written to it in between must not make two halves of one record.
#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    on_both_engines_with_acme(|p| {
        pipe(p, "out");
        // Between its two passes the import waits until somebody reads all its rejects.
        let bad = format!(",{}\n", "x".repeat(100)).repeat(5000);
        let rows = format!("code,name\n{bad}A,One\nB,Two\n");
        for change in [rows.replace("One", "Other"), rows.replace("B,Two\n", ""), format!("code,name\nC,Three\n{bad}")]
        {
            let file = p.write("b.csv", &rows);
            let child = start(&mut p.spawn(&format!("branch import {file} --keep-going --rejects out")), Stdio::null());
            let pipe = until_written(&p.path("out"));
            p.write("b.csv", change);
            std::io::read_to_string(pipe).expect("text");
            let said = ends(child);
            assert_eq!(said.code, 1, "{}", said.err);
            assert!(said.err.contains("b.csv changed while it was read; nothing was imported\nhint: "), "{}", said.err);
            assert_eq!(int(p, "select count(*) from branches"), 0);
        }
        // One that takes its name is another file, and not read.
        let file = p.write("b.csv", &rows);
        let child = start(&mut p.spawn(&format!("branch import {file} --keep-going --rejects out")), Stdio::null());
        let pipe = File::open(p.path("out")).expect("the pipe");
        let other = p.write("c.csv", "code,name\nC,Three\n");
        std::fs::rename(other, file).expect("renamed");
        std::io::read_to_string(pipe).expect("text");
        assert_eq!(ends(child).code, 7);
        assert_eq!(int(p, "select count(*) from branches"), 2);
    });
}

/// Files that a command is to read, each a pipe that nobody writes to: the first signal ends the waiting.
#[test]
fn a_signal_is_heard_while_a_file_that_is_named_has_nothing_to_give() {
    on_both_engines_with_acme(|p| {
        p.run("audit keygen").ok();
        p.run("audit checkpoint").ok();
        p.run("backup create").ok();
        p.run("branch create --code NEW --name New").ok();
        let signed = int(p, "select count(*) from audit_checkpoints");
        pipe(p, "silent");
        for line in [
            "audit verify --checkpoint silent",
            "audit verify --key silent --checkpoint silent",
            "audit verify --file silent",
            "audit check-proof silent --key silent",
            "audit checkpoint --signing-key silent",
            // Nobody reads what would be signed: nothing is.
            "audit checkpoint --append silent",
            "audit checkpoint --out silent",
            "backup verify latest --identity silent",
            "backup restore latest --key silent --into sqlite://other.db",
        ] {
            let mut child = p.spawn(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("orgctl runs");
            until_waiting(&mut child);
            signal(&child, "TERM");
            let said = ends(child);
            assert_eq!(said.code, 143, "{line}: {}", said.err);
        }
        assert_eq!(int(p, "select count(*) from audit_checkpoints"), signed);
        // A pipe is no archive, and is not waited for.
        assert_eq!(p.run(&format!("backup verify {}", p.path("silent").display())).code, 2);
    });
}

/// Before a commit the rules across rows are asked about, which may take its time: a signal is heard then too, in the middle of a
/// statement, and leaves nothing. How many people an organisation has is counted then alone.
#[test]
fn a_signal_ends_what_is_asked_before_a_commit() {
    const ENDLESS: &str = "alter table users rename to users_there;
        create view users as select u.* from users_there u
          where (with recursive c (n) as (select 1 union all select n + 1 from c) select count(*) from c) > 0";
    const COUNTING: &str = "select count(*) from pg_stat_activity where datname = current_database()
        and application_name = 'orgctl org update' and wait_event_type = 'Lock'";
    on_both_engines_with_acme(|p| {
        p.run("user create --email a@x.example --name 'A B'").ok();
        let records = int(p, "select count(*) from audit_records where effect <> 'none'");
        let whole = p.path("whole.db");
        if p.engine == Engine::Sqlite {
            std::fs::copy(p.file(), &whole).expect("a copy");
            p.sql(ENDLESS).expect("a table that is never read to its end");
        }
        for (name, code) in [("TERM", 143), ("INT", 130)] {
            let counting = || start(&mut p.spawn("org update ACME --max-users 20"), Stdio::null());
            match p.engine {
                Engine::Postgres => with_lock(p, "begin; lock table orgctl.users in access exclusive mode", || {
                    let child = counting();
                    until("it counts", || int(p, COUNTING) == 1);
                    signal(&child, name);
                    assert_eq!(ends(child).code, code);
                }),
                Engine::Sqlite => {
                    let child = counting();
                    // All that comes before takes a hundredth of that.
                    until("it counts", || worked(&child) > Duration::from_secs(1));
                    assert!(HeldLock::now(p).is_none(), "it holds the lock");
                    signal(&child, name);
                    assert_eq!(ends(child).code, code);
                }
            }
            until("the server to notice", || HeldLock::now(p).is_some());
        }
        assert_eq!(int(p, "select count(*) from audit_records where effect <> 'none'"), records);
        assert_eq!(int(p, "select count(*) from orgs where max_users is not null"), 0);
        p.run("audit verify").ok();
        if p.engine == Engine::Sqlite {
            std::fs::copy(&whole, p.file()).expect("a copy");
        }
        p.run("org update ACME --max-users 20").ok();
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

/// How long a process has worked: fields 14 and 15 of its `stat`, in hundredths of a second.
fn worked(child: &Child) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("a process");
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = behind_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
