//! What lies beside the archives, and which archive is meant: damaged, renamed, unread, removed while it is read.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use orgctl::verbs::backup::archive::{Archive, Identities};

use crate::backup::archive;
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

/// Makes a backup; its archive.
fn backup(p: &TestEnv) -> PathBuf {
    p.wait(60);
    p.json("backup create")["file"].as_str().expect("a file").into()
}

fn beside(file: &Path) -> PathBuf {
    format!("{}.json", file.display()).into()
}

/// Changes a bit of what a member holds; negative places count from its end.
fn flip(file: &Path, member: &str, at: i64) {
    let mut bytes = fs::read(file).expect("an archive");
    let mut tar = tar::Archive::new(bytes.as_slice());
    let mut entries = tar.entries().expect("members").map(|e| e.expect("a member"));
    let entry = entries.find(|e| e.path_bytes() == member.as_bytes()).expect("the member");
    let size = i64::try_from(entry.size()).expect("a size");
    let place = i64::try_from(entry.raw_file_position()).expect("a place") + if at < 0 { size + at } else { at };
    bytes[usize::try_from(place).expect("a place")] ^= 1;
    fs::write(file, bytes).expect("an archive");
}

fn cut(file: &Path) {
    let bytes = fs::read(file).expect("an archive");
    fs::write(file, &bytes[..bytes.len() / 2]).expect("an archive");
}

#[test]
fn an_archive_of_any_name_is_found_by_what_lies_beside_it() {
    on_both_engines_with_acme(|p| {
        let folder = p.path("f").display().to_string();
        fs::create_dir(&folder).expect("a folder");
        p.run(&format!("backup create --to {folder}/nightly.tar")).ok();
        fs::write(p.path("f/other.tar"), "of another program").expect("a file");
        fs::write(p.path("f/other.tar.json"), "{}").expect("a file");
        let lost = TestEnv::new(Engine::Sqlite);
        let key = lost.write("audit.pub", p.run("audit pubkey").ok());
        let from = format!("--from {folder}");
        assert_eq!(lost.column(&format!("backup list {from}"), "location"), [format!("{folder}/nightly.tar")]);
        lost.run(&format!("backup verify --all {from} --key {key}")).ok();
        lost.run(&format!("backup drill {from} --key {key}")).ok();
        assert_eq!(lost.column(&format!("backup list {from}"), "status"), ["verified"]);
        // By its name alone, too.
        assert_eq!(p.json(&format!("backup show nightly.tar {from}"))["status"], "verified");
        assert_eq!(p.json(&format!("backup verify nightly.tar {from} --quick"))["ok"], true);
        p.run(&format!("backup show daily.tar {from}")).fails(3);
        // Renamed together with what lies beside it.
        fs::rename(p.path("f/nightly.tar"), p.path("f/kept.tar")).expect("renamed");
        fs::rename(p.path("f/nightly.tar.json"), p.path("f/kept.tar.json")).expect("renamed");
        assert_eq!(lost.column(&format!("backup list {from}"), "location"), [format!("{folder}/kept.tar")]);
    });
}

#[test]
fn an_archive_that_can_not_be_read_is_told_of() {
    on_both_engines_with_acme(|p| {
        let file = backup(p);
        let id = p.column("backup list", "id").remove(0);
        let whole = fs::read(&file).expect("an archive");
        cut(&file);
        fs::remove_file(beside(&file)).expect("removed");
        // The database knows the rest; where it is lost, the name tells the end of the id.
        assert_eq!(p.column("backup list", "id"), [id.as_str()]);
        assert_eq!(p.column("backup list", "status"), ["failed"]);
        let from = format!("--from {}", file.parent().expect("a folder").display());
        let other = TestEnv::new(Engine::Sqlite);
        let key = other.write("audit.pub", p.run("audit pubkey").ok());
        let there = other.column(&format!("backup list {from}"), "id");
        assert!(there.len() == 1 && there[0].ends_with(&id[28..]), "{there:?}");
        assert_eq!(other.column(&format!("backup list {from}"), "status"), ["failed"]);
        let told = other.json(&format!("backup list {from}"))[0]["error"].as_str().expect("an error").to_owned();
        assert!(told.contains("is no whole backup"), "{told}");
        other.run(&format!("backup status {from}")).fails(1);
        // The drill on another machine leaves its verdict.
        other.run(&format!("backup drill {from} --key {key}")).fails(8);
        other.run(&format!("backup status {from}")).fails(8);
        p.run("backup status").fails(8);
        assert_eq!(p.column("backup list", "id"), [id.as_str()]);
        // A copy of it is brought back.
        fs::write(&file, whole).expect("an archive");
        p.run("backup status").ok();
        assert_eq!(p.column("backup list", "status"), ["complete"]);
        // It can be removed, also by the end of its id.
        cut(&file);
        fs::remove_file(beside(&file)).expect("removed");
        p.run(&format!("backup forget {} --yes", &id[28..])).ok();
        assert!(!file.exists());
        assert_eq!(p.column("backup list", "id"), Vec::<String>::new());
    });
}

#[test]
fn the_last_look_counts_where_nothing_can_be_written_beside_the_archive() {
    on_both_engines_with_acme(|p| {
        let file = backup(p);
        let whole = fs::read(&file).expect("an archive");
        p.run("backup verify latest").ok();
        p.wait(60);
        let told = fs::read(beside(&file)).expect("told");
        flip(&file, "data/orgs.tsv.zst", 20);
        p.run("backup verify latest").fails(8);
        // As if that had never been told beside it.
        fs::write(beside(&file), told).expect("told");
        assert_eq!(p.column("backup list", "status"), ["failed"]);
        p.run("backup status").fails(8);
        fs::write(&file, &whole).expect("an archive");
        p.wait(60);
        p.run("backup verify latest").ok();
        p.run("backup status").ok();
        // A folder stands where it would be told.
        fs::remove_file(beside(&file)).expect("removed");
        fs::create_dir(beside(&file)).expect("a folder");
        p.wait(60);
        flip(&file, "data/orgs.tsv.zst", 20);
        let said = p.run("backup verify latest").fails(8);
        assert!(said.contains("is not told beside the archive"), "{said}");
        p.run("backup status").fails(8);
    });
}

#[test]
fn a_signature_that_was_damaged_is_a_fault_of_the_archive() {
    on_both_engines_with_acme(|p| {
        let file = backup(p);
        let (whole, told) = (fs::read(&file).expect("an archive"), fs::read(beside(&file)).expect("told"));
        let text = String::from_utf8_lossy(&whole).into_owned();
        let begin = text.find("orgctl backup\n").expect("a signature");
        let name = i64::try_from(text[begin..].find("\u{2014} ").expect("a line") + 8).expect("a place");
        // In the text, in the name of the key, in the signature, and where it is no text any more.
        for at in [3, name, -5, -2] {
            fs::write(&file, &whole).expect("an archive");
            fs::write(beside(&file), &told).expect("told");
            flip(&file, "manifest.json.sig", at);
            p.run("backup verify latest").fails(8);
            p.run("backup status").fails(8);
        }
        // To whoever has not the key, one that is as it was made has no fault.
        fs::write(&file, &whole).expect("an archive");
        fs::write(beside(&file), &told).expect("told");
        let other = TestEnv::new(Engine::Sqlite);
        other.run(&format!("backup verify {}", file.display())).fails(8);
        assert_eq!(fs::read(beside(&file)).expect("told"), told);
        p.run("backup verify latest").ok();
        p.run("backup status").ok();
    });
}

#[test]
fn a_newer_one_that_does_not_hold_is_passed_over_aloud() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name First").ok();
        let first = backup(p);
        p.run("branch create --code B2 --name Second").ok();
        let second = backup(p);
        cut(&second);
        let said = p.run("backup verify latest").fails(8);
        assert!(said.contains("is no whole backup"), "{said}");
        p.run("backup verify").fails(8);
        for at in ["latest", "--at 2026-11-22"] {
            let other = TestEnv::new(Engine::Sqlite);
            let said = p.run(&format!("backup restore {at} --into {}", other.url));
            assert!(
                said.err.contains("warning: a newer backup, ") && said.err.contains("is passed over"),
                "{}",
                said.err
            );
            said.ok();
            assert_eq!(other.column("branch list", "code"), ["B1"]);
        }
        // There is no other.
        p.run(&format!("backup forget {} --yes", first.display())).ok();
        let into = p.path("into.db");
        let said = p.run(&format!("backup restore latest --into {}", into.display())).fails(8);
        assert!(said.contains("does not hold, and there is no other"), "{said}");
        assert!(!into.exists());
    });
}

#[test]
fn what_is_not_for_this_program_is_neither_a_fault_nor_removed() {
    on_both_engines_with_acme(|p| {
        let first = backup(p);
        let bytes = fs::read(&first).expect("an archive");
        let second = backup(p);
        // As a later orgctl may write it.
        let place = bytes.windows(12).position(|w| w == b"\"format\": 1,").expect("a format");
        let mut newer = bytes.clone();
        newer[place + 10] = b'7';
        fs::write(&first, newer).expect("an archive");
        let said = p.run("backup verify --all -o json");
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains("has format 7; this orgctl reads 1"), "{}", said.err);
        assert_eq!(
            (&said.json()["faults"], &said.json()["unread"], &said.json()["ok"]),
            (&0.into(), &1.into(), &false.into())
        );
        assert_eq!(p.column("backup list", "status"), ["verified", "failed"]);
        p.wait(3 * 86_400);
        let third = backup(p);
        p.run("backup prune --keep-last 1 --force --yes").ok();
        assert!(first.exists() && third.exists() && !second.exists());
        let kept = p.column("backup prune --keep-last 1 --dry-run", "kept_as");
        assert_eq!(kept, ["last, young", "unread"]);
        // One that is damaged goes.
        cut(&first);
        p.run("backup prune --keep-last 1 --yes").ok();
        assert!(!first.exists());
    });
}

#[test]
fn no_link_is_followed_and_no_pipe_waited_for() {
    on_both_engines_with_acme(|p| {
        let file = backup(p);
        let victim = p.write("victim", "precious");
        fs::remove_file(beside(&file)).expect("removed");
        symlink(&victim, beside(&file)).expect("a link");
        p.run("backup verify latest").ok();
        assert_eq!(p.read("victim"), "precious");
        assert_eq!(p.column("backup list", "status"), ["verified"]);
        assert!(!beside(&file).symlink_metadata().expect("there").file_type().is_symlink());
        fs::remove_file(beside(&file)).expect("removed");
        let made = std::process::Command::new("mkfifo").arg(beside(&file)).status().expect("mkfifo");
        assert!(made.success());
        assert_eq!(p.column("backup list", "status"), ["verified"]);
        p.run("backup hold latest --until 2027-01-01").ok();
        assert!(!beside(&file).symlink_metadata().expect("there").file_type().is_fifo());
        assert_eq!(p.column("backup list", "hold_until").len(), 1);
        // Nothing is left of what was on the way.
        let folder = file.parent().expect("a folder");
        assert_eq!(fs::read_dir(folder).expect("a folder").count(), 2);
    });
}

/// As if it was pruned while it is verified or restored.
#[test]
fn what_is_removed_while_it_is_read_is_read_to_its_end() {
    let p = TestEnv::after(Engine::Sqlite, "init --org-code ACME --org-name Acme");
    let file = backup(&p);
    let opened = Archive::open(&file).expect("an archive");
    let (size, digest) = opened.digest().expect("a digest");
    fs::remove_file(&file).expect("removed");
    fs::write(&file, "another").expect("a file");
    assert_eq!(opened.digest().expect("a digest"), (size, digest));
    for table in &opened.manifest.tables {
        let member = table.member.as_ref().expect("a member");
        opened.check(member).expect("as it was made");
        let mut reader = opened.member(member, &Identities::default()).expect("a member");
        reader.heading(&table.name).expect("a heading");
        let mut seen = 0;
        reader.skim(&mut |n| seen = n).expect("as it was made");
        let (mut block, mut size) = (Vec::new(), 0);
        let mut reader = opened.member(member, &Identities::default()).expect("a member");
        reader.heading(&table.name).expect("a heading");
        while reader.next(&mut block).expect("lines") {
            size += block.len() as u64;
        }
        assert!(seen >= size && seen == member.content_size, "{}: {seen}, {size}", table.name);
    }
}

#[test]
fn the_longest_hold_wins_and_what_is_removed_is_told_once() {
    on_both_engines_with_acme(|p| {
        p.run("backup create").ok();
        let file = archive(p);
        for _ in 0..2 {
            let until = ["2031-01-01", "2028-01-01", "2030-01-01"];
            let holds: Vec<_> = until
                .iter()
                .map(|until| {
                    let mut hold = p.spawn(&format!("backup hold latest --until {until}"));
                    hold.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("orgctl runs")
                })
                .collect();
            for mut hold in holds {
                let code = hold.wait().expect("it ends").code();
                assert!(matches!(code, Some(0 | 4)), "{code:?}");
            }
            assert!(p.column("backup list", "hold_until")[0].starts_with("2031-01-01"));
        }
        p.run("backup release latest").ok();
        let id = p.column("backup list", "id").remove(0);
        let forgets: Vec<_> = (0..3)
            .map(|_| {
                let mut forget = p.spawn(&format!("backup forget {id} --yes"));
                forget.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("orgctl runs")
            })
            .collect();
        for mut forget in forgets {
            let code = forget.wait().expect("it ends").code();
            assert!(matches!(code, Some(0 | 3)), "{code:?}");
        }
        assert!(!file.exists());
        let told = p.run("audit list --org SYSTEM --action backup --all -o ndjson").ok();
        let removed = told.lines().filter(|l| l.contains("removed_by")).count();
        let all: Vec<String> = told.lines().map(str::to_owned).collect();
        assert_eq!(removed, 1, "{all:?}");
    });
}

#[test]
fn a_drill_takes_the_newest_that_its_keys_are_for() {
    on_both_engines_with_acme(|p| {
        let folder = p.path("all").display().to_string();
        let made = p.json(&format!("backup create --to {folder}"));
        let other = TestEnv::new(Engine::Sqlite);
        other.wait(7200);
        other.run("init --org-code OTHER --org-name Other").ok();
        let theirs = other.json(&format!("backup create --to {folder}"));
        p.wait(3600);
        assert_eq!(p.json(&format!("backup drill --from {folder}"))["id"], made["id"]);
        // A machine that has the key of one of them, and a database of its own.
        let third = TestEnv::new(Engine::Sqlite);
        third.wait(7200);
        third.run("init --org-code THIRD --org-name Third").ok();
        for (of, id) in [(p, &made["id"]), (&other, &theirs["id"])] {
            let key = third.write("audit.pub", of.run("audit pubkey").ok());
            assert_eq!(third.json(&format!("backup drill --from {folder} --key {key}"))["id"], *id);
        }
        third.run(&format!("backup drill --from {folder}")).fails(8);
    });
}

#[test]
fn a_folder_that_is_named_must_be_one() {
    on_both_engines_with_acme(|p| {
        let file = backup(p);
        for (verb, flag) in [
            ("backup create", "--to"),
            ("backup list", "--from"),
            ("backup status", "--from"),
            ("backup drill", "--from"),
            ("backup verify latest", "--from"),
            ("backup prune --keep-last 1", "--from"),
        ] {
            let words: Vec<String> = verb.split(' ').chain([flag, ""]).map(str::to_owned).collect();
            let said = p.run_words(&words, b"").fails(2);
            assert!(said.contains("names no folder"), "{verb}: {said}");
        }
        for verb in
            ["list", "show latest", "forget latest --yes", "hold latest --until 2027-01-01", "prune --keep-last 1"]
        {
            let said = p.run(&format!("backup {verb} --from /nowhere/at/all"));
            assert_eq!(said.code, 3, "{verb}: {}", said.err);
        }
        p.run("backup status --from /nowhere/at/all").fails(1);
        assert!(file.exists());
    });
}

#[test]
fn what_is_missing_is_told() {
    on_both_engines_with_acme(|p| {
        backup(p);
        let second = backup(p);
        fs::remove_file(&second).expect("removed");
        fs::remove_file(beside(&second)).expect("removed");
        let said = p.run("backup status");
        assert!(said.err.contains("is not at") && said.err.contains("backup forget"), "{}", said.err);
        said.ok();
        let page = p.run("doctor").ok();
        assert!(page.contains("is not at"), "{page}");
        let id = p.column("backup list", "id").remove(0);
        p.run(&format!("backup forget {id} --yes")).ok();
        assert!(!p.run("backup status").err.contains("is not at"));
    });
}
