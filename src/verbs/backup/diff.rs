//! What changed since a backup was made: the rows of recorded kinds, the archive against now.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use anyhow::Result;
use uuid::Uuid;

use super::archive::{Archive, Identities, MemberReader};
use super::catalogue::find;
use super::loading::{require_readable, shapes_of};
use super::trust::{TrustFlags, trust};
use crate::crud::context::Context;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::backup::BackupType;
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Field, key};
use crate::model::values::value::{Value, ValueType};
use crate::store::backup::dump::{self, Shape};
use crate::store::backup::dump_lines;
use crate::store::engine::db::Db;
use crate::store::records::{self, keys};
use crate::store::schema::Class;
use crate::store::schema::migrate;
use crate::ui::format::{Listing, OutputColumn};

/// A row then and now.
struct Change<'a> {
    then: Option<Vec<&'a [u8]>>,
    now: Option<Vec<&'a [u8]>>,
    /// Nothing of it is different now.
    is_same: bool,
}

/// Walks both sides of a table in the order of its key.
struct Walk<'a> {
    reader: MemberReader,
    block: Vec<u8>,
    at: usize,
    has_ended: bool,
    /// Where the parts of the key are in a row then, and now.
    keys: Vec<(usize, usize, ValueType)>,
    /// Columns that both sides have.
    columns: Vec<(usize, usize)>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    each: &'a mut dyn FnMut(Change<'_>) -> Result<()>,
    failed: Option<anyhow::Error>,
}

fn order(then: &[u8], now: &[u8], kind: ValueType) -> Ordering {
    let number = |field: &[u8]| std::str::from_utf8(field).ok().and_then(|t| t.parse::<i64>().ok());
    match kind {
        ValueType::Int => number(then).cmp(&number(now)),
        _ => then.cmp(now),
    }
}

impl Walk<'_> {
    /// Where the next line of the archive ends; none behind the last.
    fn ahead(&mut self) -> Result<Option<usize>> {
        while self.at >= self.block.len() {
            if self.has_ended || !self.reader.next(&mut self.block)? {
                self.has_ended = true;
                return Ok(None);
            }
            self.at = 0;
        }
        Ok(self.block[self.at..].iter().position(|b| *b == b'\n').map(|n| self.at + n))
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        let now: Vec<&[u8]> = dump_lines::fields(line).collect();
        while let Some(end) = self.ahead()? {
            let then: Vec<&[u8]> = dump_lines::fields(&self.block[self.at..end]).collect();
            let ordered = self.keys.iter().map(|(t, n, kind)| order(then[*t], now[*n], *kind));
            match ordered.fold(Ordering::Equal, Ordering::then) {
                Ordering::Greater => break,
                Ordering::Less => (self.each)(Change { then: Some(then), now: None, is_same: false })?,
                Ordering::Equal => {
                    let is_same = self.columns.iter().all(|(t, n)| then[*t] == now[*n]);
                    (self.each)(Change { then: Some(then), now: Some(now), is_same })?;
                    self.at = end + 1;
                    return Ok(());
                }
            }
            self.at = end + 1;
        }
        (self.each)(Change { then: None, now: Some(now), is_same: false })
    }

    fn finish(&mut self) -> Result<()> {
        while let Some(end) = self.ahead()? {
            let then = dump_lines::fields(&self.block[self.at..end]).collect();
            (self.each)(Change { then: Some(then), now: None, is_same: false })?;
            self.at = end + 1;
        }
        Ok(())
    }
}

impl Write for Walk<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend(bytes);
        let whole = std::mem::take(&mut self.rest);
        for line in whole.split_inclusive(|b| *b == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => self.line(line).map_err(|e| {
                    self.failed = Some(e);
                    io::Error::other("a row could not be compared")
                })?,
                None => self.rest.extend(line),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The record that is asked about.
struct Asked {
    desc: &'static Descriptor,
    key: String,
}

fn asked(kinds: Kinds, given: Option<&str>) -> Result<Option<Asked>> {
    let Some(text) = given else { return Ok(None) };
    let found =
        text.split_once(':').and_then(|(kind, key)| Some(Asked { desc: kinds.by_noun(kind)?, key: key.to_owned() }));
    let nouns: Vec<&str> = kinds.resources().map(|d| d.noun).collect();
    found.map(Some).ok_or_else(|| {
        Problem::usage("--record names a kind and a key")
            .hint(format!("write KIND:KEY; kinds: {}", nouns.join(", ")))
            .into()
    })
}

/// Columns that change with every other.
const ALWAYS: [&str; 3] = ["version", "updated_at", "updated_by"];

fn text(field: &[u8]) -> Option<String> {
    dump_lines::text(field).ok().flatten().map(std::borrow::Cow::into_owned)
}

/// A table on both sides.
struct Sides<'a> {
    then: &'a Shape,
    now: &'a Shape,
    desc: Option<&'static Descriptor>,
}

impl Sides<'_> {
    fn noun(&self) -> &str {
        match self.desc {
            Some(desc) => desc.noun,
            None => &self.now.name,
        }
    }

    /// What a column holds now, and held then.
    fn both(&self, change: &Change<'_>, column: &str) -> [Option<String>; 2] {
        let of = |shape: &Shape, row: &Option<Vec<&[u8]>>| {
            let at = shape.columns.iter().position(|(c, _)| c == column)?;
            text(row.as_ref()?.get(at)?)
        };
        [of(self.now, &change.now), of(self.then, &change.then)]
    }

    fn get(&self, change: &Change<'_>, column: &str) -> Option<String> {
        let [now, then] = self.both(change, column);
        now.or(then)
    }

    /// Whether it is the record that is asked for, by a key that it has or had.
    fn is(&self, change: &Change<'_>, asked: &Asked) -> bool {
        let both = |column: &str| self.both(change, column).into_iter().flatten();
        let is_same = |text: String| text.to_lowercase() == asked.key.to_lowercase();
        let is_key = |f: &Field, text: String| f.ty.fold(&text) == f.ty.fold(&asked.key) || is_same(text);
        self.desc == Some(asked.desc)
            && (both("id").any(is_same) || asked.desc.key_fields().any(|f| both(f.column).any(|text| is_key(f, text))))
    }

    /// The parts of its key: what it refers to by the id.
    fn key_parts(&self, change: &Change<'_>, desc: &Descriptor) -> Vec<String> {
        desc.key().parts().map(|f| self.get(change, f.column).unwrap_or_default()).collect()
    }

    /// A row of the list, with the parts of its key.
    fn row(&self, change: &Change<'_>, word: &str, parts: Vec<String>) -> Told {
        let names: Vec<String> = self.fields(change).into_iter().map(|(column, ..)| column).collect();
        let fields = if word == "changed" { Value::from(names.join(", ")) } else { Value::Null(ValueType::Text) };
        let (org, id) = (self.get(change, "org_id"), self.get(change, "id"));
        Told { noun: self.noun().to_owned(), change: word.to_owned(), parts, org, id, fields }
    }

    /// Columns that differ, with what they held and hold.
    fn fields(&self, change: &Change<'_>) -> Vec<(String, Option<String>, Option<String>)> {
        let mut found = Vec::new();
        for (n, (column, _)) in self.now.columns.iter().enumerate() {
            let t = self.then.columns.iter().position(|(c, _)| c == column);
            let then = change.then.as_ref().and_then(|row| text(row.get(t?)?));
            let now = change.now.as_ref().and_then(|row| text(row.get(n)?));
            if then != now {
                found.push((column.clone(), then, now));
            }
        }
        // What keys are compared by is not told: it follows from what is.
        let is_folded = |column: &str| self.desc.is_some_and(|d| d.folded().any(|f| f.folded == column));
        found.retain(|(column, ..)| !is_folded(column));
        let is_own = |(column, ..): &(String, Option<String>, Option<String>)| !ALWAYS.contains(&column.as_str());
        if found.iter().any(is_own) {
            found.retain(is_own);
        }
        found
    }
}

async fn walk(
    db: &mut Db,
    archive: &Archive,
    identities: &Identities,
    sides: &Sides<'_>,
    each: &mut dyn FnMut(Change<'_>) -> Result<()>,
) -> Result<()> {
    let Some(member) = archive.manifest.table(&sides.then.name).and_then(|t| t.member.as_ref()) else { return Ok(()) };
    let mut reader = archive.member(member, identities)?;
    reader.heading(&sides.then.name)?;
    let at = |shape: &Shape, column: &str| shape.columns.iter().position(|(c, _)| c == column);
    let both = |column: &str| Some((at(sides.then, column)?, at(sides.now, column)?));
    let keys = sides.now.key.iter().filter_map(|k| both(k).map(|(t, n)| (t, n, sides.now.columns[n].1))).collect();
    let columns = sides.now.columns.iter().filter_map(|(c, _)| both(c)).collect();
    let (block, rest) = (Vec::new(), Vec::new());
    let mut walk = Walk { reader, block, at: 0, has_ended: false, keys, columns, rest, each, failed: None };
    let written = dump::write_table(db, sides.now, &mut walk, &mut |_| {}).await;
    if let Some(e) = walk.failed.take() {
        return Err(e);
    }
    written?;
    walk.finish()
}

/// The flags of `backup diff`.
#[derive(clap::Args)]
pub struct DiffFlags {
    /// File, 'latest', or the end of a backup's id
    #[arg(value_name = "BACKUP")]
    pub backup: String,
    /// Folder to look in
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
    /// Only this record, field by field: user:asha@sahyadri.example
    #[arg(long, value_name = "KIND:KEY")]
    pub record: Option<String>,
    /// File with the identity (age) that it is encrypted to (can be repeated)
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<String>,
    #[command(flatten)]
    pub trust: TrustFlags,
}

impl Leaf for DiffFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "diff",
        permission: "backups:restore",
        writes: false,
        about: "Show what changed since a backup was made: recorded kinds, the archive against now",
        examples: "orgctl backup diff latest\norgctl backup diff 1a2b3c4d --record user:asha@sahyadri.example\norgctl backup diff latest --identity backup.key -o json",
    };
    const UNUSED: Unused = Unused::NONE.org();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let asked = asked(s.kinds(), self.record.as_deref())?;
        let archive = find(s, self.from.as_deref(), &self.backup).await?;
        trust(s.context, &self.trust, &archive)?;
        require_readable(s.kinds(), &archive.manifest)?;
        if archive.manifest.kind != BackupType::Full {
            return Err(Problem::usage("a backup of the schema alone holds no rows to compare").into());
        }
        let identities = Identities::read(&self.identity)?;
        let (then, now) = (
            shapes_of(s.kinds(), &archive.manifest)?,
            dump::shapes(s.kinds(), migrate::latest(s.kinds(), s.connection.location.engine())?)?,
        );
        let heads = match asked {
            None => ["kind", "change", "key", "org_id", "id", "fields"]
                .map(|n| OutputColumn::new(n, ValueType::Text))
                .to_vec(),
            Some(_) => ["change", "field", "then", "now"].map(|n| OutputColumn::new(n, ValueType::Text)).to_vec(),
        };
        let mut listing = Listing::new(ui, heads, 0);
        s.db().await?;
        let Some(mut db) = s.connection.take() else { return Err(anyhow::anyhow!("the connection is in use")) };
        let source = (&archive, &identities);
        let done = match dump::open_snapshot(&mut db, &now).await {
            Ok(()) => tell_differences(s.context, &mut db, source, (&then, &now), asked.as_ref(), &mut listing).await,
            Err(e) => Err(e.into()),
        };
        dump::close_snapshot(&mut db).await;
        s.connection.put(db);
        let (counts, is_known) = done?;
        if let Some(Asked { desc, key }) = asked.filter(|_| !is_known) {
            let sentence = format!("{} {key} is neither in the backup nor in the database", desc.noun);
            return Err(Problem::not_found(sentence)
                .hint("name it by a key that it has or had then, or by its id")
                .into());
        }
        listing.finish(ui)?;
        ui.flush()?;
        for (noun, [added, changed, removed]) in &counts {
            ui.status(&format!("{noun}: {added} added, {changed} changed, {removed} removed"));
        }
        if counts.is_empty() {
            ui.status("nothing recorded is different now");
        }
        Ok(())
    }
}

/// Tells what is different: how often something was added, changed and removed of each kind, and whether what is asked about
/// is there.
async fn tell_differences(
    context: &Context<'_>,
    db: &mut Db,
    (archive, identities): (&Archive, &Identities),
    (then, now): (&[Shape], &[Shape]),
    asked: Option<&Asked>,
    listing: &mut Listing,
) -> Result<(BTreeMap<String, [u64; 3]>, bool)> {
    let mut counts: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    let mut is_known = false;
    for shape in now.iter().filter(|shape| shape.class == Class::Recorded) {
        let Some(before) = then.iter().find(|t| t.name == shape.name) else { continue };
        let sides = Sides { then: before, now: shape, desc: context.kinds.by_table(&shape.name) };
        let ui = &context.ui;
        let mut waiting = Vec::new();
        walk(db, archive, identities, &sides, &mut |change| {
            if change.is_same && asked.is_none() || asked.is_some_and(|asked| !sides.is(&change, asked)) {
                return Ok(());
            }
            is_known = true;
            if change.is_same {
                return Ok(());
            }
            let (nth, word) = match (&change.then, &change.now) {
                (None, _) => (0, "added"),
                (_, Some(_)) => (1, "changed"),
                _ => (2, "removed"),
            };
            counts.entry(sides.noun().to_owned()).or_default()[nth] += 1;
            match sides.desc.filter(|d| asked.is_none() && d.key().references().next().is_some()) {
                Some(desc) => waiting.push(sides.row(&change, word, sides.key_parts(&change, desc))),
                None => show(ui, listing, &sides, &change, word, asked.is_some())?,
            }
            Ok(())
        })
        .await?;
        if let Some(desc) = sides.desc {
            for row in in_words(db, desc, waiting).await? {
                listing.row(&context.ui, row)?;
            }
        }
    }
    Ok((counts, is_known))
}

fn show(
    ui: &crate::ui::Ui,
    listing: &mut Listing,
    sides: &Sides<'_>,
    change: &Change<'_>,
    word: &str,
    in_full: bool,
) -> Result<()> {
    if in_full {
        for (column, then, now) in sides.fields(change) {
            listing.row(ui, vec![word.into(), column.into(), then.into(), now.into()])?;
        }
        return Ok(());
    }
    let key = match sides.desc {
        Some(desc) => Some(key::joined(&sides.key_parts(change, desc))),
        None => sides.get(change, "key"),
    };
    listing.row(ui, sides.row(change, word, key.into_iter().collect()).told())
}

/// A row of the list, before what its key refers to is named.
struct Told {
    noun: String,
    change: String,
    parts: Vec<String>,
    org: Option<String>,
    id: Option<String>,
    fields: Value,
}

impl Told {
    fn told(self) -> Vec<Value> {
        let key = (!self.parts.is_empty()).then(|| key::joined(&self.parts));
        vec![self.noun.into(), self.change.into(), key.into(), self.org.into(), self.id.into(), self.fields]
    }
}

/// Rows with their keys in words: what those refer to is told as it is called now, and by its id where it is no more.
async fn in_words(db: &mut Db, desc: &'static Descriptor, mut rows: Vec<Told>) -> Result<Vec<Vec<Value>>> {
    for (at, field) in desc.key().parts().enumerate() {
        let Some(target) = field.target() else { continue };
        let place = |row: &Told| Some((row.org.as_ref()?.parse().ok()?, Uuid::parse_str(row.parts.get(at)?).ok()?));
        let places: BTreeSet<(i32, Uuid)> = rows.iter().filter_map(place).collect();
        let mut found = records::with_record_ids(db, target, places.into_iter()).await?;
        keys::tell(db, &mut found).await?;
        let known: HashMap<(i32, Uuid), String> = found.iter().map(|r| (r.meta.record_id(), r.key())).collect();
        for row in &mut rows {
            if let Some(key) = place(row).and_then(|place| known.get(&place)) {
                row.parts[at].clone_from(key);
            }
        }
    }
    Ok(rows.into_iter().map(Told::told).collect())
}
