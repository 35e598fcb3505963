//! Archives that are damaged, forged or made to do harm: none is taken for a backup, and nothing falls over.

use std::cell::RefCell;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::backup::archive;
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

/// A place with one archive, and the place where others are put.
fn with_archive(p: &TestEnv) -> (Vec<u8>, PathBuf) {
    p.run("branch create --code HQ --name 'Head office' --city Pune").ok();
    p.run("user create --name 'Asha Rao' --email asha@acme.example --branch HQ").ok();
    p.run("backup create").ok();
    (fs::read(archive(p)).expect("an archive"), p.path("other.tar"))
}

/// What a command says of an archive that is none.
#[track_caller]
fn refused(p: &TestEnv, file: &Path, code: u8, what: &str) {
    let into = p.path("into.db");
    for line in [
        format!("backup verify {}", file.display()),
        format!("backup verify {} --quick", file.display()),
        format!("backup restore {} --into {}", file.display(), into.display()),
    ] {
        let said = p.run(&line);
        assert_eq!(said.code, code, "{line}: {}", said.err);
        assert!(said.err.contains(what), "{line}: {}", said.err);
        assert!(!into.exists(), "{line} left a database");
    }
}

/// Writes an archive of such members.
fn tar_of(file: &Path, members: &[(&str, tar::EntryType, &[u8])]) {
    let mut tar = tar::Builder::new(fs::File::create(file).expect("a file"));
    for (name, kind, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o600);
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        if !kind.is_file() {
            header.set_link_name("/etc/passwd").expect("a link");
        }
        // Also names that the builder does not write.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *bytes).expect("a member");
    }
    tar.finish().expect("an archive");
}

/// The members of an archive, in their order.
pub fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut tar = tar::Archive::new(bytes);
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.expect("a member");
        let name = entry.path().expect("a name").display().to_string();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).expect("a member");
        (name, content)
    };
    tar.entries().expect("members").map(read).collect()
}

pub fn put(file: &Path, members: &[(String, Vec<u8>)]) {
    let regular = tar::EntryType::Regular;
    let members: Vec<_> = members.iter().map(|(name, bytes)| (name.as_str(), regular, bytes.as_slice())).collect();
    tar_of(file, &members);
}

#[test]
fn an_archive_that_is_cut_off_is_none() {
    on_both_engines_with_acme(|p| {
        let (bytes, file) = with_archive(p);
        let length = bytes.len();
        for at in (0..length).step_by(length / 23).chain([
            1,
            511,
            512,
            513,
            length - 1025,
            length - 1024,
            length - 512,
            length - 1,
        ]) {
            fs::write(&file, &bytes[..at]).expect("a file");
            let said = p.run(&format!("backup verify {}", file.display()));
            assert_eq!(said.code, 8, "cut off at {at} of {length}: {}", said.err);
        }
        refused(p, &file, 8, "is no whole backup");
        fs::write(&file, "").expect("a file");
        refused(p, &file, 8, "is no whole backup");
        fs::write(&file, "code,name\nHQ,Head\n".repeat(100)).expect("a file");
        refused(p, &file, 8, "is no whole backup");
        fs::remove_file(&file).expect("a file");
        refused(p, &file, 3, "there is no backup at");
        let folder = p.dir.path().to_owned();
        refused(p, &folder, 2, "is no file");
        // More than there was.
        let mut more = bytes.clone();
        more.extend([0; 511]);
        more.push(b'x');
        fs::write(&file, &more).expect("a file");
        refused(p, &file, 8, "does not end as an archive does");
    });
}

#[test]
fn no_bit_is_changed_unseen() {
    on_both_engines_with_acme(|p| {
        let (bytes, file) = with_archive(p);
        // The checksum of a header may be written in several ways; all that it stands for is compared.
        let is_free =
            |at: usize| (148..156).contains(&(at % 512)) && bytes[at - at % 512..].get(257..262) == Some(b"ustar");
        for (n, at) in (0..bytes.len()).step_by(bytes.len() / 40).enumerate().filter(|(_, at)| !is_free(*at)) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (n % 8);
            fs::write(&file, &changed).expect("a file");
            let said = p.run(&format!("backup verify {} --quick", file.display()));
            assert!([1, 8].contains(&said.code), "byte {at}: {} {}", said.code, said.err);
            // A newer format is asked for by a sentence of its own.
            assert!(said.code == 8 || said.err.contains("has format"), "byte {at}: {}", said.err);
        }
    });
}

#[test]
fn what_is_not_signed_by_a_trusted_key_is_refused() {
    on_both_engines_with_acme(|p| {
        let (bytes, file) = with_archive(p);
        fs::write(&file, &bytes).expect("a file");
        // An archive of somebody else, who has a key too.
        let other = TestEnv::after(Engine::Sqlite, "init --org-code ACME --org-name Foreign");
        other.run("backup create").ok();
        let foreign = fs::read(archive(&other)).expect("an archive");
        let theirs = p.path("theirs.tar");
        fs::write(&theirs, &foreign).expect("a file");
        refused(p, &theirs, 8, "is not signed by a key that is trusted");
        let key = other.run("audit pubkey").ok();
        let key = p.write("their.pub", key);
        p.run(&format!("backup verify {} --key {key}", file.display())).fails(8);
        p.run(&format!("backup verify {} --key {key}", theirs.display())).ok();
        // Nobody's.
        let (mut ours, theirs_all) = (members(&bytes), members(&foreign));
        let unsigned: Vec<_> = ours.iter().filter(|(name, _)| name != "manifest.json.sig").cloned().collect();
        put(&file, &unsigned);
        refused(p, &file, 8, "is not signed by a key that is trusted");
        p.run(&format!("backup verify {} --trust-unsigned", file.display())).ok();
        // The signature of another.
        let signature = theirs_all.iter().find(|(name, _)| name == "manifest.json.sig").expect("a signature");
        for (name, content) in &mut ours {
            if name == "manifest.json.sig" {
                content.clone_from(&signature.1);
            }
        }
        put(&file, &ours);
        refused(p, &file, 8, "its manifest is not the one that was signed");
    });
}

#[test]
fn a_manifest_that_was_edited_is_refused() {
    on_both_engines_with_acme(|p| {
        let (bytes, file) = with_archive(p);
        let all = members(&bytes);
        let edited = |from: &str, to: &str| {
            let mut all = all.clone();
            for (name, content) in &mut all {
                if name == "manifest.json" {
                    let text = String::from_utf8(content.clone()).expect("text");
                    assert!(text.contains(from), "{from} in {text}");
                    *content = text.replacen(from, to, 1).into_bytes();
                }
            }
            put(&file, &all);
        };
        edited("\"rows\": 1", "\"rows\": 2");
        refused(p, &file, 8, "its manifest is not the one that was signed");
        edited("\"type\": \"full\"", "\"type\": \"schema_only\"");
        refused(p, &file, 8, "its manifest is not the one that was signed");
        edited("\"format\": 1", "\"format\": 2");
        refused(p, &file, 1, "has format 2; this orgctl reads 1");
        edited("\"format\": 1", "\"format\": true");
        refused(p, &file, 8, "its manifest can't be read");
        edited("\"schema\": ", "\"schema\": 9");
        refused(p, &file, 8, "its manifest is not the one that was signed");
        // Taken without a signature, it is still held against what it says.
        let unsigned = |from: &str, to: &str| {
            edited(from, to);
            let all = members(&fs::read(&file).expect("a file"));
            put(&file, &all.into_iter().filter(|(name, _)| name != "manifest.json.sig").collect::<Vec<_>>());
            let said = p.run(&format!("backup verify {} --trust-unsigned", file.display()));
            assert_ne!(said.code, 0, "{from} -> {to}");
            said
        };
        assert_eq!(unsigned("\"rows\": 1", "\"rows\": 2").code, 8);
        assert_eq!(unsigned("\"content_size\": ", "\"content_size\": 1").code, 8);
        assert_eq!(unsigned("\"recorded\"", "\"recorded\", \"columns\": []").code, 8);
        let newer = unsigned("\"schema\": ", "\"schema\": 9");
        assert!(newer.code == 1 && newer.err.contains("newer than this orgctl"), "{}", newer.err);
    });
}

#[test]
fn members_of_another_archive_are_refused() {
    on_both_engines_with_acme(|p| {
        let (first, file) = with_archive(p);
        p.wait(60);
        p.run("branch update HQ --city Mumbai").ok();
        p.run("backup create").ok();
        let second = fs::read(archive(p)).expect("an archive");
        let (first, second) = (members(&first), members(&second));
        for name in ["data/branches.tsv.zst", "data/audit_records.tsv.zst", "manifest.json", "manifest.json.sig"] {
            let mut mixed = second.clone();
            for (there, content) in &mut mixed {
                if there == name {
                    content.clone_from(&first.iter().find(|(n, _)| n == name).expect("a member").1);
                }
            }
            put(&file, &mixed);
            refused(p, &file, 8, "backup");
        }
        // Two members of one archive, and one that is missing.
        let mut mixed = second.clone();
        let at = |name: &str| second.iter().position(|(n, _)| n == name).expect("a member");
        let (a, b) = (at("data/branches.tsv.zst"), at("data/departments.tsv.zst"));
        mixed[a].1.clone_from(&second[b].1);
        mixed[b].1.clone_from(&second[a].1);
        put(&file, &mixed);
        refused(p, &file, 8, "data/");
        mixed = second.clone();
        mixed.remove(a);
        put(&file, &mixed);
        refused(p, &file, 8, "data/branches.tsv.zst is missing");
        mixed = second.clone();
        mixed.push(("data/more.tsv.zst".into(), b"x".to_vec()));
        put(&file, &mixed);
        refused(p, &file, 8, "tells nothing of data/more.tsv.zst");
    });
}

#[test]
fn members_that_no_backup_holds_are_refused() {
    on_both_engines_with_acme(|p| {
        let (bytes, file) = with_archive(p);
        let all = members(&bytes);
        let regular = tar::EntryType::Regular;
        for (name, kind) in [
            ("../../escaped", regular),
            ("/tmp/escaped", regular),
            ("data/../../escaped", regular),
            ("data/UPPER", regular),
            ("data/", tar::EntryType::Directory),
            ("data/link.tsv.zst", tar::EntryType::Symlink),
            ("data/link.tsv.zst", tar::EntryType::Link),
            ("data/fifo.tsv.zst", tar::EntryType::Fifo),
            ("data/device.tsv.zst", tar::EntryType::Char),
            ("././@LongLink", tar::EntryType::GNULongName),
            ("pax", tar::EntryType::XHeader),
            ("pax", tar::EntryType::XGlobalHeader),
        ] {
            let mut members: Vec<_> = all.iter().map(|(n, b)| (n.as_str(), regular, b.as_slice())).collect();
            members.insert(1, (name, kind, b""));
            tar_of(&file, &members);
            refused(p, &file, 8, "it holds something that no backup holds");
        }
        for name in ["manifest.json", "data/branches.tsv.zst", "README.txt"] {
            let mut twice = all.clone();
            twice.push(all.iter().find(|(n, _)| n == name).expect("a member").clone());
            put(&file, &twice);
            refused(p, &file, 8, "the same twice");
        }
        assert!(!p.path("escaped").exists());
    });
}

/// An unsigned archive whose member of branches is another.
fn with_branches(bytes: &[u8], file: &Path, content: &[u8], content_size: u64) {
    let mut all = members(bytes);
    all.retain(|(name, _)| name != "manifest.json.sig");
    for (name, there) in &mut all {
        if name == "data/branches.tsv.zst" {
            *there = content.to_vec();
        }
        if name == "manifest.json" {
            let mut manifest: serde_json::Value = serde_json::from_slice(there).expect("a manifest");
            let tables = manifest["tables"].as_array_mut().expect("tables");
            let table = tables.iter_mut().find(|t| t["name"] == "branches").expect("branches");
            table["member"]["size"] = content.len().into();
            table["member"]["sha256"] = orgctl::model::backup::Digest32::of(content).to_string().into();
            table["member"]["content_size"] = content_size.into();
            table["member"]["content_sha256"] = serde_json::Value::Null;
            *there = serde_json::to_vec(&manifest).expect("JSON");
        }
    }
    put(file, &all);
}

/// Compresses what a heading begins and `fill` goes on with.
fn compressed(heading: &str, piece: &[u8], times: usize) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.write_all(heading.as_bytes()).expect("a heading");
    for _ in 0..times {
        encoder.write_all(piece).expect("bytes");
    }
    encoder.finish().expect("compressed")
}

#[test]
fn what_swells_is_stopped() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    let (bytes, file) = with_archive(&p);
    let all = members(&bytes);
    let branches = &all.iter().find(|(n, _)| n == "data/branches.tsv.zst").expect("branches").1;
    let text = zstd::decode_all(branches.as_slice()).expect("zstd");
    let heading =
        String::from_utf8(text.split_inclusive(|b| *b == b'\n').next().expect("a heading").to_vec()).expect("text");
    let verify = |what: &str| {
        let began = Instant::now();
        let said = p.run(&format!("backup verify {} --trust-unsigned", file.display()));
        assert_eq!(said.code, 8, "{}", said.err);
        assert!(said.err.contains(what), "{}", said.err);
        assert!(began.elapsed() < Duration::from_secs(20), "{what} took {:?}", began.elapsed());
    };
    // 2 GiB of nothing in a few kilobytes: more than the manifest says.
    let bomb = compressed(&heading, &[b'\n'; 1 << 20], 2048);
    assert!(bomb.len() < 1 << 20);
    with_branches(&bytes, &file, &bomb, 1000);
    verify("it holds more than the manifest says");
    // A line without end, and lines that are none.
    let line = compressed(&heading, &[b'x'; 1 << 20], 200);
    with_branches(&bytes, &file, &line, u64::MAX / 2);
    verify("it holds a line without end");
    with_branches(&bytes, &file, &compressed(&heading, b"x\n", 10), u64::MAX / 2);
    verify("branches");
    with_branches(&bytes, &file, &compressed(&heading, b"\\N\t\\N\n", 10), u64::MAX / 2);
    verify("branches");
    // Another table's heading, none, and what is not compressed.
    with_branches(&bytes, &file, &compressed(&heading.replace("branches", "users"), b"", 0), 10_000);
    verify("it is not the table branches");
    with_branches(&bytes, &file, &compressed("", b"", 0), 0);
    verify("it is not the table branches");
    with_branches(&bytes, &file, b"PK\x03\x04", 4);
    verify("branches.tsv.zst");
    // A window of 2 GiB is asked for: frame header of zstd with such a window (RFC 8878, 3.1.1.1.2).
    with_branches(&bytes, &file, &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00], 4);
    verify("branches.tsv.zst");
    // A manifest that claims a gigabyte: not read.
    let huge = fs::OpenOptions::new().write(true).create(true).truncate(true).open(&file).expect("a file");
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(1 << 30);
    header.as_old_mut().name[..13].copy_from_slice(b"manifest.json");
    header.set_cksum();
    (&huge).write_all(header.as_bytes()).expect("a header");
    huge.set_len(512 + (1 << 30) + 1024).expect("room");
    drop(huge);
    verify("manifest.json is too large");
}

#[test]
fn an_age_file_of_another_recipient_is_refused() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HQ --name Head").ok();
        let identity = age::x25519::Identity::generate();
        let secret = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        let key = p.write("identity", format!("{secret}\n"));
        p.run(&format!("backup create --encrypt-to {}", identity.to_public())).ok();
        let bytes = fs::read(archive(p)).expect("an archive");
        let file = p.path("other.tar");
        let mut all = members(&bytes);
        let other = age::x25519::Identity::generate().to_public();
        let forged = age::encrypt(&other, b"nothing").expect("age");
        for (name, content) in &mut all {
            if name == "data/branches.tsv.zst.age" {
                content.resize(content.len().max(forged.len()), 0);
                content[..forged.len()].copy_from_slice(&forged);
            }
        }
        put(&file, &all);
        for more in ["", &format!(" --identity {key}")] {
            let said = p.run(&format!("backup verify {}{more}", file.display())).fails(8);
            assert!(said.contains("data/branches.tsv.zst.age"), "{said}");
        }
        // A file that holds no identity.
        let none = p.write("none", "AGE-SECRET-KEY-1NOTHING\n");
        let said = p.run(&format!("backup verify {} --identity {none}", archive(p).display())).fails(6);
        assert!(said.contains("holds no identity of age") && !said.contains("NOTHING"), "{said}");
    });
}

#[test]
fn no_change_of_bytes_makes_it_fall_over_or_pass() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    let (bytes, file) = with_archive(&p);
    let length = bytes.len();
    let place = RefCell::new(p);
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let changes = proptest::collection::vec((0..length, any::<u8>(), 0..4_u8, 1..600_usize), 1..6);
    runner
        .run(&changes, |changes| {
            let mut changed = bytes.clone();
            for (at, byte, how, n) in changes {
                let at = at.min(changed.len().saturating_sub(1));
                let end = (at + n).min(changed.len());
                match how {
                    0 => changed[at] = byte,
                    1 => drop(changed.drain(at..end)),
                    2 => drop(changed.splice(at..at, std::iter::repeat_n(byte, n))),
                    _ => changed[at..end].fill(byte),
                }
            }
            if changed == bytes {
                return Ok(());
            }
            fs::write(&file, &changed).expect("a file");
            let p = place.borrow();
            let said = p.run(&format!("backup verify {} --quick", file.display()));
            // What is not read of a header's checksum may be written in another way.
            let is_harmless = said.code == 0 && members(&changed) == members(&bytes);
            prop_assert!(is_harmless || [1, 8].contains(&said.code), "{} {}", said.code, said.err);
            prop_assert!(!said.err.contains("panicked"));
            let said = p.run(&format!("backup verify {} --quick --trust-unsigned", file.display()));
            prop_assert!(is_harmless || said.code != 0, "{}", said.err);
            Ok(())
        })
        .expect("no change passes");
}
