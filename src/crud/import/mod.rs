//! import: a file of CSV or JSON into any resource, all rows or none unless asked otherwise.
//!
//! It goes in phases, which a verb calls in a row, with what is its own between them. [`Opened`] is the file: it is opened
//! and its columns are mapped, which makes an [`Import`]. Under the lock that is a [`Run`]: begin, read, check, create,
//! update, finish. What came of it is told by [`report`].
//!
//! The file is read twice, by a thread of its own (`rows`), while this one talks to the database. The first time each
//! row is checked by itself and held against the record that it stands for; what it says new is staged
//! ([`crate::store::import::stage`]): its key, its references, an id. Then all rows are checked against each other, in the
//! database. The second time the good rows are written. Nothing of it grows with the file but the temporary tables.

mod arguments;
mod clear;
mod columns;
mod create;
mod csv_reader;
mod dates;
mod encoding;
mod expired;
pub mod file_flags;
mod flags;
mod json_input;
mod json_reader;
pub mod kind_limit;
mod leavers;
pub mod limit;
mod lists;
mod mapping;
pub mod missing;
pub mod nested;
mod phases;
mod plan;
mod probe;
mod reference_rules;
pub mod report;
pub mod routing;
mod rows;
mod run;
mod scope;
pub mod sealing;
pub mod secrets;
mod source;
mod stage_rows;
mod status_columns;
mod terms;
mod tolerance;
mod update;
mod within;

use std::collections::HashSet;

use anyhow::Result;
use uuid::Uuid;

use self::arguments::Refused;
pub use self::arguments::{Import, OnConflict, Report, TOLD, Whole};
pub use self::file_flags::{FileFlags, ForcedRows, Leavers, Rejects, SaysConflict, Tolerance};
pub use self::flags::{ImportFlags, Opened};
use self::nested::Found;
pub use self::nested::Objects;
use self::report::{More, tell};
pub use self::routing::Merged;
pub use self::run::Run;
pub use self::scope::Scope;
pub use self::terms::{SealedColumns, Terms};
use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::write::note_contents;
use crate::crud::leaf::{KindVerb, Unused};
use crate::model::kinds::Kinds;
use crate::model::kinds::org::SYSTEM;
use crate::model::resource::Descriptor;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::values::scalar::ParseContext;
use crate::store::tx::Tx;

impl Import {
    /// All phases, of one organisation's rows.
    async fn load(&self, tx: &mut Tx<'_>) -> Result<Report> {
        self.load_noting(tx, None).await
    }

    /// The same; notes which records the rows are about.
    async fn load_noting(&self, tx: &mut Tx<'_>, noted: Option<&mut HashSet<Uuid>>) -> Result<Report> {
        let mut run = Run::begin(tx, self, None).await?;
        run.matched = noted.is_some().then(HashSet::new);
        run.read(tx).await?;
        let most = self.limit.of_kind(tx, &run).await?;
        run.check(tx).await?;
        run.create(tx).await?;
        run.update(tx).await?;
        most.enforce(tx, &run).await?;
        run.release(tx).await?;
        if let Some(noted) = noted {
            noted.extend(run.matched.iter().flatten());
            noted.extend(run.stage.record_ids(tx.db).await?);
        }
        run.finish(tx, &[]).await
    }

    /// What rejected rows come to, by the exit code.
    pub fn end_of(&self, kinds: Kinds, done: Result<Report>) -> Result<()> {
        let report = match done {
            Ok(report) => report,
            Err(e) => e.downcast::<Refused>()?.0,
        };
        match kinds.by_noun(&self.noun) {
            Some(desc) if report.rejected > 0 => {
                Err(report::rejected(desc, &report, self, Vec::new(), Vec::new()).into())
            }
            _ => Ok(()),
        }
    }

    /// The permissions to the moves that rows may make: which these are, only the rows tell.
    pub fn moves(&self, kinds: Kinds, context: &ParseContext) -> Result<Vec<String>> {
        let desc = kinds.by_noun(&self.noun).ok_or_else(|| anyhow::anyhow!("there is no resource '{}'", self.noun))?;
        let plan = self.plan(desc, context)?;
        let mut given = plan.columns.iter().flatten().chain(plan.constants.iter().map(|(f, _)| f));
        Ok(match desc.state_field() {
            Some(state) if plan.set_by_status().is_some() || given.any(|f| f.column == state.column) => {
                desc.transitions().iter().map(|t| format!("{}:{}", desc.table, t.permission())).collect()
            }
            _ => Vec::new(),
        })
    }
}

impl Verb for Import {
    const NAME: &str = "import";

    type Output = Report;

    fn orgs(&self) -> Vec<i32> {
        self.all_orgs()
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        match (self.source.path(), &self.rejects) {
            (None, _) => Some("it reads standard input, or what can be read once"),
            (_, Some(_)) => Some("it writes a file of rejected rows"),
            _ if !self.within.is_empty() => Some("its rows hold rows of their own"),
            _ => None,
        }
    }

    fn take_up(&mut self) -> Result<()> {
        self.source.take_up()
    }

    fn needs(&self, kinds: Kinds, context: &ParseContext) -> Result<Vec<String>> {
        self.moves(kinds, context)
    }

    fn end(&self, kinds: Kinds, done: Result<Self::Output>) -> Result<()> {
        self.end_of(kinds, done)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Report> {
        let mut merged = Merged::default();
        for part in self.parts() {
            merged.add(part.load(tx).await)?;
        }
        self.load_within(tx, &mut merged).await?;
        merged.end()
    }
}

/// A verb that loads a file.
pub trait Loads: Verb {
    fn import(&mut self) -> &mut Import;
}

impl Loads for Import {
    fn import(&mut self) -> &mut Import {
        self
    }
}

impl KindVerb for ImportFlags {
    const VERB: VerbName = VerbName::Import;
    const WRITES: bool = true;
    const UNUSED: Unused = Unused::NONE.columns().rows();

    fn about(desc: &Descriptor) -> String {
        format!("Load {} from a file of CSV or JSON, all rows or none", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        let (noun, table) = (desc.noun, desc.table);
        let line = format!("orgctl {noun} import {table}");
        format!(
            "{line}.csv --dry-run\n{line}.csv --on-conflict update --rejects rejects.csv --keep-going\n{line}.ndjson --on-conflict update"
        )
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        gate::allow(s)?;
        let opened = Opened::open(s, desc, &self, Objects::default()).await?;
        let mut verb = opened.map(s, &self, Terms::default()).await?;
        let (report, seconds) = load(s, &mut verb).await?;
        note_contents(s, desc, &report.leaving).await?;
        tell(s.context, desc, &report, seconds, &verb, More::default())
    }
}

/// Runs what loads a file. What came of it, also where rejected rows undid it, and the seconds that took.
pub async fn load<V: Loads>(s: &mut Invocation<'_>, verb: &mut V) -> Result<(V::Output, f64)>
where
    V::Output: From<Report>,
{
    // What is set for every row is wrong for all of them or for none.
    s.use_context_of(verb.import().org.unwrap_or(SYSTEM)).await?;
    let started = std::time::Instant::now();
    let mut done = gate::write(s, verb).await;
    if done.as_ref().is_err_and(probe::is_about_a_row) {
        // All is undone. The rows at fault are looked for by a second run, so that the first need not be careful.
        verb.import().probes = true;
        done = gate::write(s, verb).await;
    }
    // What is wrong within rows rejects these: all is undone, and done again without them.
    while let Err(e) = &mut done
        && let Some(Found(found)) = e.downcast_mut::<Found>()
    {
        let found = std::mem::take(found);
        if !verb.import().take_found(found) {
            break;
        }
        done = gate::write(s, verb).await;
    }
    verb.import().progress.finish();
    let report = match done {
        Ok(report) => report,
        Err(e) => {
            let report = e.downcast::<Refused>()?.0;
            s.outcome.refused = [("read", report.read), ("rejected", report.rejected)]
                .map(|(k, n)| (k.into(), n.into()))
                .into_iter()
                .collect();
            report.into()
        }
    };
    Ok((report, started.elapsed().as_secs_f64()))
}
