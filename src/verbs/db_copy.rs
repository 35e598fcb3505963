//! A live system moved to another database, of either engine: everything that is in it, and the proof that it is there.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{BufReader, Read as _, Seek as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::audit::findings::counted;
use super::backup::loading::prove;
use super::backup::scratch::Scratch;
use super::backup::target::EmptyTarget;
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::write::dry_run_note;
use crate::model::backup::{Digest32, HeadEntry, Manifest};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::{Problem, io_message};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::store::backup::dump::{self, Shape};
use crate::store::backup::hashed::Hashed;
use crate::store::backup::rebuild;
use crate::store::engine::db::Db;
use crate::store::engine::location::Location;
use crate::store::schema::migrate;
use crate::store::tx::Tx;
use crate::ui::format::report;
use crate::ui::progress::Progress;

/// Bytes of lines that are handed on at a time.
const BLOCK: usize = 1 << 20;

/// The database that is copied, which nobody writes to meanwhile, and room for a table of it.
struct Source {
    db: Db,
    scratch: Scratch,
    heads: Vec<HeadEntry>,
}

/// Fills an empty database with what is in another.
#[derive(Serialize, Deserialize)]
pub struct Copy {
    #[serde(skip)]
    source: RefCell<Option<Source>>,
    #[serde(skip)]
    progress: Progress,
}

/// A table that was copied.
pub struct Copied {
    table: String,
    rows: u64,
    digest: Digest32,
}

impl Verb for Copy {
    const NAME: &str = "db copy";

    type Output = Vec<Copied>;

    fn orgs(&self) -> Vec<i32> {
        // The tables of the trail are not there yet: SYSTEM is locked once they are.
        Vec::new()
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it reads another database")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<Copied>> {
        let mut source = self.source.borrow_mut().take().context("a copy without a source")?;
        let done = self.fill(tx, &mut source).await;
        *self.source.borrow_mut() = Some(source);
        done
    }
}

impl Copy {
    async fn fill(&self, tx: &mut Tx<'_>, source: &mut Source) -> Result<Vec<Copied>> {
        let version = migrate::latest(source.db.kinds(), source.db.engine())?;
        let aside = rebuild::begin(tx.db, version, tx.at()).await?;
        let mut all = Vec::new();
        let shapes = dump::shapes(tx.kinds(), version)?;
        for shape in &shapes {
            all.push(self.table(tx.db, source, shape).await?);
        }
        self.progress.part("indexes", None, "");
        let at = tx.at();
        rebuild::finish(tx.db, aside, at, &mut |_| {}).await?;
        dump::set_forms(tx.db).await?;
        for (shape, copied) in shapes.iter().zip(&all) {
            self.progress.part(&format!("comparing {}", shape.name), Some(copied.rows), "rows");
            let mut there = Hashed::nothing();
            dump::write_table(tx.db, shape, &mut there, &mut |n| self.progress.set(n)).await?;
            if there.digest() != copied.digest {
                let sentence = format!("the rows of {} are not those that were copied", shape.name);
                return Err(Problem::integrity(sentence).hint("nothing was kept of the copy").into());
            }
        }
        // The trail must be what its heads say, and every row what its records say.
        let proven = Manifest { heads: source.heads.clone(), ..Manifest::empty() };
        prove(tx.db, &proven, Vec::new(), &self.progress).await?;
        tx.lock(&[SYSTEM], &mut |_| {}).await?;
        let mut told = Map::new();
        told.insert("copied_from".into(), source.db.engine().as_str().into());
        told.insert("rows".into(), all.iter().map(|c| c.rows).sum::<u64>().into());
        told.insert("heads".into(), source.heads.iter().map(|h| json!([h.tree, h.size])).collect());
        tx.event(SYSTEM, Action::Migrate, "database", told).await?;
        Ok(all)
    }

    /// Copies a table: its lines lie in a file without a name in between.
    async fn table(&self, into: &mut Db, source: &mut Source, shape: &Shape) -> Result<Copied> {
        let full = |e: std::io::Error| Problem::failed(format!("can't keep a table for the copy: {}", io_message(&e)));
        self.progress.part(&shape.name, None, "rows");
        let mut lines = Hashed::new(std::io::BufWriter::new(source.scratch.file().map_err(full)?));
        let rows = dump::write_table(&mut source.db, shape, &mut lines, &mut |n| self.progress.set(n)).await?;
        let digest = lines.digest();
        let mut file = lines.inner.into_inner().map_err(|e| full(e.into_error()))?;
        file.rewind().map_err(full)?;
        let mut reader = Blocks { file: BufReader::new(file), rest: Vec::new() };
        self.progress.part(&shape.name, Some(rows), "rows");
        let mut next = |block: &mut Vec<u8>| Ok(reader.next(block).map_err(full)?);
        let loaded = rebuild::load_table(into, shape, &mut next, &mut |n| self.progress.set(n)).await?;
        if loaded != rows {
            return Err(Problem::integrity(format!("{} has {rows} rows, and {loaded} were copied", shape.name)).into());
        }
        Ok(Copied { table: shape.name.clone(), rows, digest })
    }
}

/// Reads whole lines, many at a time.
struct Blocks {
    file: BufReader<File>,
    rest: Vec<u8>,
}

impl Blocks {
    fn next(&mut self, block: &mut Vec<u8>) -> std::io::Result<bool> {
        block.clear();
        std::mem::swap(block, &mut self.rest);
        loop {
            let from = block.len();
            let n = (&mut self.file).take(BLOCK as u64).read_to_end(block)?;
            match block[from..].iter().rposition(|b| *b == b'\n') {
                Some(at) => {
                    self.rest.extend(block.drain(from + at + 1..));
                    return Ok(true);
                }
                None if n == 0 => return Ok(!block.is_empty()),
                None => {}
            }
        }
    }
}

/// The flags of `db copy`.
#[derive(clap::Args)]
pub struct CopyFlags {
    /// Database to copy (default: the one that --database names)
    #[arg(long, value_name = "URL", conflicts_with = "database")]
    pub from: Option<String>,
    /// Database to fill: it must be empty
    #[arg(long, value_name = "URL")]
    pub to: String,
}

impl Leaf for CopyFlags {
    const SPEC: Spec = Spec {
        noun: "db",
        verb: "copy",
        permission: "database:copy",
        writes: true,
        about: "Copy everything into an empty database, also of the other engine: ids, audit trail, settings and all",
        examples: "orgctl db copy --to postgres://admin@db.example/people\norgctl db copy --from postgres://admin@db.example/people --to sqlite:///srv/orgctl.db",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Migrate);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        if let Some(from) = &self.from {
            s.connection.location = Location::parse(from)?;
        }
        let from = s.connection.location.clone();
        // What is to be said of it is recorded where it was copied from.
        s.connection.home = Some(from.clone());
        copy_from(s, &self.to, &from).await
    }
}

async fn copy_from(s: &mut Invocation<'_>, to: &str, from: &Location) -> Result<()> {
    let began = s.context.clock.now();
    let to = Location::parse(to)?;
    if is_same_database(from, &to) {
        return Err(Problem::usage("both databases are the same").hint("name an empty one with --to").into());
    }
    s.db().await?;
    let mut db = s.connection.take().context("the connection is in use")?;
    let place = EmptyTarget::take(s, to, "to").await?;
    let to = place.location.clone();
    // Beside the place, where there is room for all of it anyway.
    let beside = match &to {
        Location::Sqlite(path) => path.parent().filter(|p| p.is_dir()).map(|p| Location::Sqlite(p.to_owned())),
        Location::Postgres(_) => None,
    };
    let scratch = Scratch::create(s, beside.as_ref()).await?;
    let shapes = dump::shapes(db.kinds(), migrate::latest(db.kinds(), db.engine())?)?;
    dump::open_locked(&mut db, &shapes).await?;
    let heads = dump::heads(&mut db).await?;
    let heads: Vec<HeadEntry> = heads.iter().map(head).collect();
    let progress = s.context.ui.progress();
    let verb = Copy { source: RefCell::new(Some(Source { db, scratch, heads })), progress: progress.clone() };
    let done = place.fill(s, &verb).await;
    progress.finish();
    // Only now may others write to it again: what they write is not in the copy.
    if let Some(mut source) = verb.source.take() {
        dump::close_snapshot(&mut source.db).await;
        source.db.close().await;
    }
    let copied = done?;
    let took = s.context.clock.now() - began;
    tell(s.context, from, &to, &copied, took)
}

fn head(edge: &dump::Edge) -> HeadEntry {
    let (size, root, at): (u64, _, DateTime<Utc>) = (edge.frontier.size(), Digest32(edge.frontier.root()), edge.at);
    HeadEntry { tree: edge.tree, size, root, at }
}

fn tell(context: &Context<'_>, from: &Location, to: &Location, copied: &[Copied], took: TimeDelta) -> Result<()> {
    let rows: u64 = copied.iter().map(|c| c.rows).sum();
    let seconds = took.as_seconds_f64();
    context.ui.status(&format!(
        "copied {} of {} from {} to {} in {seconds:.1} s: every row compared, and the audit trail verified deep",
        counted(rows, "row", "rows"),
        counted(copied.len(), "table", "tables"),
        from.shown(),
        to.shown()
    ));
    if !context.dry_run {
        context.ui.status(&format!(
            "from now on work with --database '{}'; {} was left as it is",
            to.url(),
            from.shown()
        ));
    }
    dry_run_note(context);
    let tables: Vec<_> =
        copied.iter().map(|c| json!({ "table": c.table, "rows": c.rows, "sha256": c.digest })).collect();
    report(
        &context.ui,
        &json!({ "from": from.url(), "to": to.url(), "rows": rows, "seconds": seconds, "dry_run": context.dry_run, "tables": tables }),
    )
}

/// Whether both lead to the same place, as far as that can be told before they are opened.
fn is_same_database(from: &Location, to: &Location) -> bool {
    match (from, to) {
        (Location::Sqlite(a), Location::Sqlite(b)) => {
            let real = |p: &Path| fs::canonicalize(p).unwrap_or_else(|_| p.to_owned());
            real(a) == real(b)
        }
        (a, b) => a.engine() == b.engine() && a.shown() == b.shown(),
    }
}
