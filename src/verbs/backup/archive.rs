//! The archive of a backup: a tar of data files and a signed manifest (docs/backup-format.md).

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use nix::fcntl::{Flock, FlockArg};
use tempfile::NamedTempFile;
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use crate::model::backup::{Digest32, FORMAT, Manifest, Member, signed_text};
use crate::model::problem::{Problem, io_message};
use crate::model::trail::note::{Note, SignerKey, Verifier};
use crate::store::backup::hashed::Hashed;

/// Names of the members that are no data.
const README: &str = "README.txt";
const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "manifest.json.sig";

const README_TEXT: &str = "\
This is a backup that orgctl made. 'orgctl backup restore' brings it back; without it:

    tar -xf ARCHIVE
    age -d -i IDENTITY data/users.tsv.zst.age > data/users.tsv.zst     (if it is encrypted)
    zstd -d data/users.tsv.zst

The first line of each file in data/ is JSON and tells its table and columns. Every other line is a row, its fields
separated by tabs, as PostgreSQL's COPY writes text: \\N is NULL, \\t a tab, \\n a line break, \\\\ a backslash.
manifest.json tells the SHA-256 of each file; manifest.json.sig is a signed note (c2sp.org/signed-note) over it.
";

/// Of zstd: what is gained beyond costs more time than it saves in bytes (measured).
const LEVEL: i32 = 3;

/// Most of what is read of a manifest, and of a line.
const MANIFEST_MOST: u64 = 16 << 20;
const LINE_MOST: usize = 64 << 20;

/// The largest window that is read: 128 MiB, as `zstd -d` takes without being asked.
const WINDOW_LOG: u32 = 27;

/// What a tar is made of, and most of what may stand at its end: nothing.
const TAR_BLOCK: u64 = 512;
const TAIL_MOST: u64 = 1 << 16;

/// Most members of an archive.
const MEMBERS_MOST: usize = 1000;

/// Bytes of lines that are handed on at a time, and of those that are only looked at: these stay in the processor's cache.
const BLOCK: usize = 1 << 20;
const SKIMMED: usize = 1 << 17;

/// How the names of archives begin, and of those that are not whole yet.
pub const PREFIX: &str = "orgctl-";
const PARTIAL: &str = ".orgctl-backup-";
const PARTIAL_END: &str = ".partial";

/// Where an identity or a recipient of age is: `age1...`.
pub type Recipient = age::x25519::Recipient;

fn failed(path: &Path, what: &str) -> impl Fn(io::Error) -> Problem {
    let text = format!("can't {what} {}", path.display());
    move |e| {
        let full = e.kind() == io::ErrorKind::StorageFull || e.kind() == io::ErrorKind::QuotaExceeded;
        let problem = Problem::failed(format!("{text}: {}", io_message(&e)));
        if full { problem.hint("make room ('df -h') and run the command again; no archive was left") } else { problem }
    }
}

/// Makes a folder for archives, its owner's alone.
pub fn make_folder(folder: &Path) -> Result<()> {
    Ok(fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder, "make the folder"))?)
}

/// Removes what commands left that were killed. Whoever writes one holds a lock on it; what SQLite keeps beside a database
/// goes with that.
pub fn remove_partial(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().is_ok_and(|t| t.is_file());
        if !is_file || !name.starts_with(PARTIAL) {
            continue;
        }
        let beside = ["-wal", "-shm", "-journal"];
        if let Some(of) = beside.iter().find_map(|end| name.strip_suffix(end)) {
            if !folder.join(of).exists() {
                let _ = fs::remove_file(entry.path());
            }
            continue;
        }
        let Ok(file) = OpenOptions::new().read(true).open(entry.path()) else { continue };
        // Removed while the lock is held: whoever has just made it finds that, and makes another.
        if let Ok(_lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // Somebody else may have removed it in the meantime.
            let _ = fs::remove_file(entry.path());
            for end in beside {
                let _ = fs::remove_file(folder.join(format!("{name}{end}")));
            }
        }
    }
}

/// A new file that [`remove_partial`] leaves alone while its lock is held.
fn temporary(folder: &Path, prefix: &str, suffix: &str) -> Result<(NamedTempFile, Flock<File>)> {
    let failed = failed(folder, "write into");
    loop {
        let file = tempfile::Builder::new().prefix(prefix).suffix(suffix).tempfile_in(folder).map_err(&failed)?;
        // Another command may take it for what a killed one left, before it is locked.
        let again = match file.reopen() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            again => again.map_err(&failed)?,
        };
        let lock = Flock::lock(again, FlockArg::LockExclusive).map_err(|(_, e)| failed(e.into()))?;
        let own = file.as_file().metadata().map_err(&failed)?.ino();
        if fs::metadata(file.path()).is_ok_and(|there| there.ino() == own) {
            return Ok((file, lock));
        }
    }
}

/// Writes a small file as its owner's alone, whole or not at all, in the place of whatever has its name.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = failed(path, "write");
    let (mut file, _lock) = temporary(folder, PARTIAL, ".json")?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(&failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    let _ = File::open(folder).and_then(|f| f.sync_all());
    Ok(())
}

/// The backups that are being made in a folder: whoever makes one holds a lock on its file.
pub fn running(folder: &Path) -> Vec<(uuid::Uuid, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name.strip_prefix(PARTIAL).filter(|n| n.ends_with(PARTIAL_END)).and_then(|n| n.split_once('.'));
        let Some(id) = id.and_then(|(id, _)| id.parse().ok()) else { continue };
        let Ok(file) = OpenOptions::new().read(true).open(entry.path()) else { continue };
        if Flock::lock(file, FlockArg::LockSharedNonblock).is_err() {
            found.push((id, entry.path()));
        }
    }
    found
}

/// An archive being written, under a name that no one takes for a whole one.
pub struct Writer {
    builder: tar::Builder<File>,
    temporary: NamedTempFile,
    _lock: Flock<File>,
    recipients: Vec<Recipient>,
    at: u64,
}

/// The parts of a member's way into the archive, from the inside out.
type Sealed<'a> = Hashed<io::BufWriter<tar::EntryWriter<'a>>>;

enum Into<'a> {
    Clear(Sealed<'a>),
    Age(Box<age::stream::StreamWriter<Sealed<'a>>>),
}

impl Write for Into<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Into::Clear(into) => into.write(bytes),
            Into::Age(into) => into.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Into::Clear(into) => into.flush(),
            Into::Age(into) => into.flush(),
        }
    }
}

/// A data file being written.
pub struct MemberWriter<'a> {
    name: String,
    content: Hashed<Encoder<'static, Into<'a>>>,
    is_encrypted: bool,
}

impl Write for MemberWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MemberWriter<'_> {
    pub fn finish(self) -> io::Result<Member> {
        let (content_size, content_sha256) = (self.content.size(), self.content.digest());
        let sealed = match self.content.inner.finish()? {
            Into::Clear(sealed) => sealed,
            Into::Age(stream) => stream.finish()?,
        };
        let (size, sha256) = (sealed.size(), sealed.digest());
        sealed.inner.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
        let content_sha256 = (!self.is_encrypted).then_some(content_sha256);
        Ok(Member { name: self.name, size, sha256, content_size, content_sha256 })
    }
}

impl Writer {
    /// Begins an archive in a folder. `at` is the time of its members.
    pub fn create(folder: &Path, id: uuid::Uuid, recipients: Vec<Recipient>, at: i64) -> Result<Writer> {
        let (temporary, lock) = temporary(folder, &format!("{PARTIAL}{id}."), PARTIAL_END)?;
        let builder = tar::Builder::new(temporary.reopen()?);
        let mut writer =
            Writer { builder, temporary, _lock: lock, recipients, at: u64::try_from(at).unwrap_or_default() };
        writer.append(README, README_TEXT.as_bytes())?;
        Ok(writer)
    }

    fn header(&self) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o600);
        header.set_mtime(self.at);
        header.set_entry_type(tar::EntryType::Regular);
        header
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut header = self.header();
        header.set_size(bytes.len() as u64);
        Ok(self.builder.append_data(&mut header, name, bytes).map_err(failed(self.temporary.path(), "write"))?)
    }

    /// Writes a data file: `fill` is given where to write.
    pub async fn member(
        &mut self,
        table: &str,
        fill: impl AsyncFnOnce(&mut dyn Write) -> Result<u64>,
    ) -> Result<(u64, Member)> {
        let path = self.temporary.path().to_owned();
        let failed = failed(&path, "write");
        let is_encrypted = !self.recipients.is_empty();
        let name = format!("data/{table}.tsv.zst{}", if is_encrypted { ".age" } else { "" });
        let mut header = self.header();
        let entry = self.builder.append_writer(&mut header, &name).map_err(&failed)?;
        let sealed = Hashed::new(io::BufWriter::with_capacity(1 << 17, entry));
        let into = if is_encrypted {
            let recipients = self.recipients.iter().map(|r| r as &dyn age::Recipient);
            let encryptor = age::Encryptor::with_recipients(recipients)
                .map_err(|e| Problem::usage(format!("can't encrypt to these recipients: {e}")))?;
            Into::Age(Box::new(encryptor.wrap_output(sealed).map_err(&failed)?))
        } else {
            Into::Clear(sealed)
        };
        let mut encoder = Encoder::new(into, LEVEL).map_err(&failed)?;
        // In a thread of its own, while the database reads on.
        encoder.multithread(1).map_err(&failed)?;
        encoder.include_checksum(true).map_err(&failed)?;
        let mut member = MemberWriter { name, content: Hashed::new(encoder), is_encrypted };
        let filled = {
            let mut buffered = io::BufWriter::with_capacity(1 << 18, &mut member);
            let filled = fill(&mut buffered).await;
            let flushed = buffered.flush().map_err(&failed);
            // Nothing is written again by its end.
            drop(buffered.into_parts());
            filled.and_then(|n| flushed.map(|()| n).map_err(anyhow::Error::from))
        };
        let rows = filled.map_err(|e| match e.downcast::<io::Error>() {
            Ok(e) => failed(e).into(),
            Err(e) => e,
        })?;
        Ok((rows, member.finish().map_err(&failed)?))
    }

    /// Puts manifest and signature behind the data, and the archive into its place, on the disk. Its size and SHA-256.
    pub fn finish(mut self, manifest: &Manifest, key: &SignerKey, to: &Path) -> Result<(u64, Digest32)> {
        let manifest = Manifest { readme: Some(Digest32::of(README_TEXT.as_bytes())), ..manifest.clone() };
        let bytes = serde_json::to_vec_pretty(&manifest)?;
        self.append(MANIFEST, &bytes)?;
        self.append(SIGNATURE, key.sign(&signed_text(manifest.id, &bytes)).as_bytes())?;
        let failed = failed(to, "write");
        let file = self.builder.into_inner().map_err(&failed)?;
        file.sync_all().map_err(&failed)?;
        let digest = File::open(self.temporary.path()).and_then(digest).map_err(&failed)?;
        let size = file.metadata().map_err(&failed)?.len();
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(&failed)?;
        // What lies there is another archive, and stays.
        self.temporary.persist_noclobber(to).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => {
                Problem::conflict(format!("{} is there already; an archive is never overwritten", to.display()))
                    .hint("name another file, or a folder, with --to")
            }
            _ => failed(e.error),
        })?;
        // So that the name is there after a power cut too; some file systems know no such thing.
        let _ = to.parent().map(|folder| File::open(folder).and_then(|f| f.sync_all()));
        Ok((size, digest))
    }
}

/// The SHA-256 of all that can be read.
fn digest(of: impl Read) -> io::Result<Digest32> {
    let mut hashed = Hashed::new(of);
    let mut room = vec![0; 1 << 18];
    while hashed.read(&mut room)? > 0 {}
    Ok(hashed.digest())
}

/// Where a member lies in the archive.
#[derive(Debug, Clone, Copy)]
struct MemberPosition {
    offset: u64,
    size: u64,
}

/// An archive that is there.
pub struct Archive {
    pub path: PathBuf,
    pub manifest: Manifest,
    manifest_bytes: Vec<u8>,
    signature: Option<String>,
    places: BTreeMap<String, MemberPosition>,
    /// Held open: what is read is one archive, whatever becomes of its name meanwhile.
    file: Arc<File>,
}

/// A part of a file, from its place to its end. It knows where it is by itself: others read the same file.
struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let n = self.file.read_at(&mut into[..most], self.at)?;
        (self.at, self.left) = (self.at + n as u64, self.left - n as u64);
        Ok(n)
    }
}

fn damaged(path: &Path, why: &str) -> Problem {
    Problem::integrity(format!("{} is no whole backup: {why}", path.display()))
        .hint("'orgctl backup list' shows others; 'orgctl backup verify --all' tells which can be relied on")
}

impl Archive {
    /// Reads the list of what is in an archive, and its manifest. Nothing of it is trusted yet.
    pub fn open(path: &Path) -> Result<Archive> {
        // Looked at before it is opened: a pipe would wait for its writer.
        let found = fs::metadata(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Problem::not_found(format!("there is no backup at {}", path.display())),
            _ => failed(path, "read")(e),
        })?;
        if !found.is_file() {
            return Err(Problem::usage(format!("{} is no file", path.display()))
                .hint("name an archive, as 'orgctl backup list' shows them")
                .into());
        }
        let file = File::open(path).map_err(failed(path, "read"))?;
        let length = file.metadata().map_err(failed(path, "read"))?.len();
        let mut places = BTreeMap::new();
        let mut tar = tar::Archive::new(BufReader::new(&file));
        let mut end = 0;
        // As it lies there: of the long names and attributes that other programs write none is ours, nor read into memory.
        for entry in tar.entries_with_seek().map_err(|e| damaged(path, &io_message(&e)))?.raw(true) {
            let entry = entry.map_err(|e| damaged(path, &io_message(&e)))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let place = MemberPosition { offset: entry.raw_file_position(), size: entry.size() };
            let is_name = [README, MANIFEST, SIGNATURE].contains(&name.as_str())
                || name.strip_prefix("data/").is_some_and(|n| {
                    !n.is_empty()
                        && n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.".contains(&b))
                });
            if !entry.header().entry_type().is_file() || !is_name {
                return Err(damaged(path, "it holds something that no backup holds").into());
            }
            if entry.raw_header_position() != end {
                return Err(damaged(path, "its parts do not follow on each other").into());
            }
            end = match place.offset.checked_add(place.size).filter(|end| *end <= length) {
                Some(of_data) => of_data.next_multiple_of(TAR_BLOCK),
                None => return Err(damaged(path, "it is cut off").into()),
            };
            if places.insert(name, place).is_some() || places.len() > MEMBERS_MOST {
                return Err(damaged(path, "it holds the same twice, or too much").into());
            }
        }
        drop(tar);
        let mut archive = Archive {
            path: path.to_owned(),
            manifest_bytes: Vec::new(),
            signature: None,
            manifest: Manifest::empty(),
            places,
            file: Arc::new(file),
        };
        let bytes = archive.small(MANIFEST)?.ok_or_else(|| damaged(path, "it has no manifest"))?;
        archive.manifest = read_manifest(path, &bytes)?;
        archive.manifest_bytes = bytes;
        archive.require_nothing_else(end, length)?;
        archive.signature = archive.small(SIGNATURE)?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(archive)
    }

    /// Opens an archive again whose manifest was looked at, by its SHA-256.
    pub fn open_again(path: &Path, manifest: Digest32) -> Result<Archive> {
        let archive = Archive::open(path)?;
        if archive.manifest_digest() != manifest {
            let sentence = format!("{} was exchanged for another meanwhile", path.display());
            return Err(Problem::integrity(sentence).hint("nothing was changed; run the command again").into());
        }
        Ok(archive)
    }

    /// Refuses what the manifest does not tell of: in the archive, between its parts, and behind them.
    fn require_nothing_else(&self, end: u64, length: u64) -> Result<()> {
        let read = |offset, size| -> Result<Vec<u8>> {
            let mut bytes = Vec::new();
            self.part(MemberPosition { offset, size }).read_to_end(&mut bytes).map_err(failed(&self.path, "read"))?;
            Ok(bytes)
        };
        let told: Vec<&str> =
            self.manifest.tables.iter().filter_map(|t| Some(t.member.as_ref()?.name.as_str())).collect();
        for (name, place) in &self.places {
            if name.starts_with("data/") && !told.contains(&name.as_str()) {
                return Err(damaged(&self.path, &format!("its manifest tells nothing of {name}")).into());
            }
            let of_data = place.offset + place.size;
            if read(of_data, of_data.next_multiple_of(TAR_BLOCK) - of_data)?.iter().any(|b| *b != 0) {
                return Err(damaged(&self.path, &format!("something stands behind {name}")).into());
            }
        }
        // Two empty blocks, and as many more as other programs write.
        let rest = length.saturating_sub(end);
        if !(2 * TAR_BLOCK..=TAIL_MOST).contains(&rest) || read(end, rest)?.iter().any(|b| *b != 0) {
            return Err(damaged(&self.path, "it does not end as an archive does").into());
        }
        match (&self.manifest.readme, self.small(README)?) {
            (Some(readme), Some(text)) if *readme != Digest32::of(&text) => {
                Err(damaged(&self.path, &format!("{README} is not what its checksum says")).into())
            }
            (Some(_), None) => Err(damaged(&self.path, &format!("it has no {README}")).into()),
            _ => Ok(()),
        }
    }

    fn small(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(place) = self.places.get(name) else { return Ok(None) };
        if place.size > MANIFEST_MOST {
            return Err(damaged(&self.path, &format!("its {name} is too large")).into());
        }
        let mut bytes = Vec::new();
        self.part(*place).read_to_end(&mut bytes).map_err(failed(&self.path, "read"))?;
        Ok(Some(bytes))
    }

    fn part(&self, place: MemberPosition) -> Part {
        Part { file: self.file.clone(), at: place.offset, left: place.size }
    }

    /// Who of `keys` signed the manifest; nobody where it is not signed by one of them. A signature of theirs that is not
    /// right is an error.
    pub fn signed_by(&self, keys: &[Verifier]) -> Result<Vec<String>> {
        let Some(signature) = &self.signature else { return Ok(Vec::new()) };
        let wrong = |p: Problem| damaged(&self.path, &format!("its manifest is not what was signed ({})", p.sentence));
        let note = Note::parse(signature).map_err(wrong)?;
        if note.text != signed_text(self.manifest.id, &self.manifest_bytes) {
            return Err(damaged(&self.path, "its manifest is not the one that was signed").into());
        }
        Ok(note.signed_by(keys).map_err(wrong)?)
    }

    /// The SHA-256 of its manifest: by that two looks at one name are told apart.
    pub fn manifest_digest(&self) -> Digest32 {
        Digest32::of(&self.manifest_bytes)
    }

    /// Whether it has no signature that could be one: every archive that was made has.
    pub fn is_unsigned(&self) -> bool {
        self.signers().is_empty()
    }

    /// The keys that its signature names; nothing of it is checked.
    pub fn signers(&self) -> Vec<String> {
        self.signature.as_ref().and_then(|text| Note::parse(text).ok()).map_or_else(Vec::new, |note| note.signers())
    }

    /// Size and SHA-256 of the whole file.
    pub fn digest(&self) -> Result<(u64, Digest32)> {
        let size = self.file.metadata().map_err(failed(&self.path, "read"))?.len();
        let digest = digest(self.part(MemberPosition { offset: 0, size })).map_err(failed(&self.path, "read"))?;
        Ok((size, digest))
    }

    /// Opens a data file.
    pub fn member(&self, member: &Member, identities: &Identities) -> Result<MemberReader> {
        let at = || format!("{} in {}", member.name, self.path.display());
        let place = self.places.get(&member.name).filter(|p| p.size == member.size);
        let place =
            place.ok_or_else(|| damaged(&self.path, &format!("{} is missing or was exchanged", member.name)))?;
        let raw = Hashed::new(BufReader::with_capacity(1 << 17, self.part(*place)));
        let shared = std::rc::Rc::new(std::cell::RefCell::new(raw));
        let inner: Box<dyn Read> = if self.manifest.is_encrypted() {
            if identities.0.is_empty() {
                return Err(Problem::usage(format!("{} is encrypted", self.path.display()))
                    .hint("name the file with the identity (age) with --identity")
                    .into());
            }
            let decryptor = age::Decryptor::new(Shared(shared.clone()))
                .map_err(|e| Problem::integrity(format!("can't decrypt {}: {e}", at())))?;
            let found = decryptor.decrypt(identities.iter());
            match found {
                Ok(reader) => Box::new(reader),
                Err(age::DecryptError::NoMatchingKeys) => {
                    // Perhaps it was exchanged for one that somebody else can read.
                    self.check(member)?;
                    return Err(Problem::failed(format!("{} is encrypted to others than this identity", self.path.display()))
                        .hint("--identity names the file with the identity; 'orgctl backup show' tells to whom it is encrypted")
                        .into());
                }
                Err(e) => return Err(Problem::integrity(format!("can't decrypt {}: {e}", at())).into()),
            }
        } else {
            Box::new(Shared(shared.clone()))
        };
        let mut decoder = Decoder::new(inner).map_err(failed(&self.path, "read"))?;
        decoder.window_log_max(WINDOW_LOG).map_err(failed(&self.path, "read"))?;
        Ok(MemberReader {
            name: at(),
            member: member.clone(),
            content: Box::new(decoder),
            size: 0,
            raw: shared,
            first: Vec::new(),
            lines: None,
            rest: Vec::new(),
            has_ended: false,
        })
    }

    /// Reads a data file as it lies in the archive, and holds it against its checksum.
    pub fn check(&self, member: &Member) -> Result<()> {
        let place = self.places.get(&member.name).filter(|p| p.size == member.size);
        let place =
            place.ok_or_else(|| damaged(&self.path, &format!("{} is missing or was exchanged", member.name)))?;
        match digest(self.part(*place)).map_err(failed(&self.path, "read"))? == member.sha256 {
            true => Ok(()),
            false => Err(damaged(&self.path, &format!("{} is not what its checksum says", member.name)).into()),
        }
    }
}

fn read_manifest(path: &Path, bytes: &[u8]) -> Result<Manifest> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    let wrong = |e: serde_json::Error| damaged(path, &format!("its manifest can't be read ({e})"));
    let format: Format = serde_json::from_slice(bytes).map_err(wrong)?;
    if format.format != FORMAT {
        return Err(Problem::failed(format!(
            "{} has format {}; this orgctl reads {FORMAT}",
            path.display(),
            format.format
        ))
        .hint("install the orgctl that made it, or a newer one")
        .into());
    }
    Ok(serde_json::from_slice(bytes).map_err(wrong)?)
}

/// The private keys (age) that archives may be encrypted to.
#[derive(Default)]
pub struct Identities(Vec<Box<dyn age::Identity + Send + Sync>>);

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identities({} ***)", self.0.len())
    }
}

impl Identities {
    /// Reads files as `age-keygen` writes them.
    pub fn read(paths: &[String]) -> Result<Identities> {
        let mut all = Vec::new();
        for path in paths {
            let text = crate::ui::bounded::read(Path::new(path), crate::ui::bounded::SMALL)
                .map_err(|e| Problem::failed(format!("can't read the identity {path}: {}", io_message(&e))))?;
            let text = zeroize::Zeroizing::new(text);
            let wrong = || {
                Problem::invalid(format!("{path} holds no identity of age"))
                    .hint("it looks like AGE-SECRET-KEY-1..., as 'age-keygen' makes it")
            };
            let file = age::IdentityFile::from_buffer(text.as_bytes()).map_err(|_| wrong())?;
            let found = file.into_identities().map_err(|_| wrong())?;
            if found.is_empty() {
                return Err(wrong().into());
            }
            all.extend(found);
        }
        Ok(Identities(all))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|i| &**i as &dyn age::Identity)
    }
}

/// What both the reader and its end look at.
struct Shared<R>(std::rc::Rc<std::cell::RefCell<R>>);

impl<R: Read> Read for Shared<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(into)
    }
}

type Raw = Hashed<BufReader<Part>>;

/// A data file being read: whole lines, held against what the manifest says of them.
pub struct MemberReader {
    name: String,
    member: Member,
    content: Box<dyn Read>,
    /// Bytes of lines so far.
    size: u64,
    raw: std::rc::Rc<std::cell::RefCell<Raw>>,
    /// What stood behind the heading in its block.
    first: Vec<u8>,
    /// Of the lines behind the heading, where somebody asks for it.
    lines: Option<Hashed<io::Sink>>,
    rest: Vec<u8>,
    has_ended: bool,
}

impl MemberReader {
    fn wrong(&self, why: &str) -> Problem {
        Problem::integrity(format!("{}: {why}", self.name))
            .hint("the archive was damaged or changed; 'orgctl backup list' shows others")
    }

    /// Fills `block` with whole lines; false once there are none left. Then everything has been held against the manifest.
    pub fn next(&mut self, block: &mut Vec<u8>) -> Result<bool> {
        block.clear();
        if !self.first.is_empty() {
            std::mem::swap(block, &mut self.first);
        } else if !self.read(block)? {
            return Ok(false);
        }
        if let Some(lines) = &mut self.lines {
            lines.write_all(block).map_err(|e| self.wrong(&io_message(&e)))?;
        }
        Ok(true)
    }

    fn read(&mut self, block: &mut Vec<u8>) -> Result<bool> {
        std::mem::swap(block, &mut self.rest);
        // What is left over holds no line break: only what is new is looked through.
        let mut from = 0;
        loop {
            if !self.has_ended {
                self.fill(block)?;
            }
            let found = block[from..].iter().rposition(|b| *b == b'\n').map(|at| from + at);
            from = block.len();
            match found {
                Some(at) => {
                    self.rest.extend(block.drain(at + 1..));
                    return Ok(true);
                }
                None if !self.has_ended && block.len() < LINE_MOST => {}
                None if block.is_empty() => return self.end().map(|()| false),
                None if self.has_ended => return Err(self.wrong("it ends within a line").into()),
                None => return Err(self.wrong("it holds a line without end").into()),
            }
        }
    }

    fn fill(&mut self, block: &mut Vec<u8>) -> Result<()> {
        // A byte more than there should be, to see that it is not there.
        let room = (self.member.content_size - self.size).saturating_add(1).min(BLOCK as u64);
        let read = self.content.by_ref().take(room).read_to_end(block).map_err(|e| self.wrong(&io_message(&e)))?;
        self.size += read as u64;
        if self.size > self.member.content_size {
            return Err(self.wrong("it holds more than the manifest says").into());
        }
        self.has_ended = (read as u64) < room;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        // What stands behind the end of the compressed data counts for its checksum.
        let mut raw = self.raw.borrow_mut();
        let mut room = [0; 4096];
        while raw.read(&mut room).map_err(|e| self.wrong(&io_message(&e)))? > 0 {}
        match self.size == self.member.content_size && raw.digest() == self.member.sha256 {
            true => Ok(()),
            false => Err(self.wrong("it is not what its checksum says").into()),
        }
    }

    /// Reads the first line, which tells what the others are.
    pub fn heading(&mut self, table: &str) -> Result<()> {
        let mut block = Vec::new();
        let line = if self.read(&mut block)? { block.iter().position(|b| *b == b'\n') } else { None };
        let heading = line.and_then(|at| serde_json::from_slice::<serde_json::Value>(&block[..at]).ok());
        match (line, heading) {
            (Some(at), Some(heading)) if heading["table"] == table && heading["format"] == FORMAT => {
                self.first = block.split_off(at + 1);
                Ok(())
            }
            _ => Err(self.wrong(&format!("it is not the table {table}")).into()),
        }
    }

    /// Reads what stands behind the heading, and holds it against the manifest: nobody wants the lines themselves.
    pub fn skim(&mut self, told: &mut dyn FnMut(u64)) -> Result<()> {
        let mut last = [&self.first, &self.rest].into_iter().rfind(|b| !b.is_empty()).and_then(|b| b.last().copied());
        self.first.clear();
        self.rest.clear();
        let mut room = vec![0; SKIMMED];
        while !self.has_ended {
            match self.content.read(&mut room) {
                Ok(0) => self.has_ended = true,
                Ok(n) => {
                    self.size += n as u64;
                    last = Some(room[n - 1]);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.wrong(&io_message(&e)).into()),
            }
            if self.size > self.member.content_size {
                return Err(self.wrong("it holds more than the manifest says").into());
            }
            told(self.size);
        }
        told(self.size);
        match last {
            None | Some(b'\n') => self.end(),
            Some(_) => Err(self.wrong("it ends within a line").into()),
        }
    }

    /// Reads all lines behind the heading; their SHA-256.
    pub fn lines_digest(&mut self) -> Result<Digest32> {
        self.lines = Some(Hashed::nothing());
        let mut block = Vec::new();
        while self.next(&mut block)? {}
        Ok(self.lines.take().unwrap_or_else(Hashed::nothing).digest())
    }
}

/// A file for a database that is not whole yet, in the folder of its place.
pub fn scratch(folder: &Path) -> Result<Scratch> {
    let (file, lock) = temporary(folder, PARTIAL, ".db")?;
    Ok(Scratch { file, _lock: lock })
}

/// See [`scratch`]. It goes with this, unless it was moved.
pub struct Scratch {
    file: NamedTempFile,
    _lock: Flock<File>,
}

impl Scratch {
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Moves it into its place, whatever is there.
    pub fn persist(self, to: &Path) -> io::Result<()> {
        self.file.persist(to).map(drop).map_err(|e| e.error)
    }

    /// Moves it into its place, where nothing is.
    pub fn persist_noclobber(self, to: &Path) -> io::Result<()> {
        self.file.persist_noclobber(to).map(drop).map_err(|e| e.error)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_being_made_survives_those_who_clean_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let clean = || (0..2000).for_each(|_| remove_partial(folder.path()));
        thread::scope(|scope| {
            let cleaners = [scope.spawn(clean), scope.spawn(clean)];
            while !cleaners.iter().all(thread::ScopedJoinHandle::is_finished) {
                let (file, _lock) = temporary(folder.path(), PARTIAL, PARTIAL_END).expect("a file of its own");
                assert!(file.path().exists());
            }
        });
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
    }
}
