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

mod create;
mod csv_reader;
mod dates;
mod encoding;
mod expired;
mod flags;
mod json_input;
mod json_reader;
mod leavers;
pub mod limit;
mod lists;
mod mapping;
pub mod missing;
pub mod nested;
mod probe;
mod reference_rules;
pub mod report;
pub mod routing;
mod rows;
mod run;
mod scope;
pub mod secrets;
mod source;
mod stage_rows;
mod status_columns;
mod tolerance;
mod update;

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::flags::{FileFlags, ImportFlags, Leavers, Opened, Rejects};
use self::limit::LeaverLimit;
use self::mapping::ListColumn;
use self::nested::{Found, Nested, NestedFault, Within, WithinReports};
use self::report::{More, tell};
pub use self::routing::Merged;
use self::routing::Routing;
use self::rows::ImportPlan;
pub use self::run::Run;
pub use self::scope::Scope;
use self::secrets::{SecretColumn, SecretKeeper};
use self::source::Source;
use self::status_columns::StatusColumn;
use super::gate::{self, Verb};
use super::remove::Mode;
use super::session::Session;
use super::write::note_contents;
use crate::crud::leaf::{KindVerb, Unused};
use crate::model::kinds::Kinds;
use crate::model::kinds::org::SYSTEM;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::values::scalar::ParseContext;
use crate::store::import::stage::{Reference, Reject};
use crate::store::tx::Tx;
use crate::ui::progress::Progress;

/// What only the imports of some kinds say of their files.
#[derive(Default)]
pub struct Terms {
    /// The column that holds codes under the name of another key.
    pub code: Option<usize>,
    /// Whether what columns hold of secrets is set of records that are there too.
    pub resets_secrets: bool,
    /// Who keeps secrets that columns may hold.
    pub secrets: Option<&'static dyn SecretKeeper>,
    pub whole: Option<Whole>,
    /// What becomes of what those are in charge of that are deactivated.
    pub mode: Mode,
    /// Columns whose cells hold rows of other kinds.
    pub nested: &'static [Nested],
}

/// How a file is the whole truth about what is there: what it does not name is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Whole {
    /// What all rows must refer to; none: it is about all.
    pub scope: Option<Scope>,
    /// Who is blocked since hands over what he or she is in charge of.
    pub hands_over_from_blocked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnConflict {
    Error,
    Skip,
    Update,
}

/// Loads a file. Its arguments are complete: the columns are mapped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Import {
    pub noun: String,
    pub org: Option<i32>,
    /// Rows go to the organisations that a column names.
    pub routing: Option<Routing>,
    pub source: Source,
    /// For each column of the file, the field that it fills; none where it is passed over.
    pub columns: Vec<Option<String>>,
    /// References that are looked up by another field than the key: the reference and that field (`parent`, `name`).
    pub lookups: Vec<(String, String)>,
    /// Columns that are empty in some rows, and others that then fill the same field.
    pub fallbacks: Vec<(usize, usize)>,
    /// Rows without a code get one, also where it is what they are known by.
    pub makes_codes: bool,
    /// Values that every row gets.
    pub constants: Vec<(String, String)>,
    /// The key that tells whether a row is there already.
    pub key: String,
    pub on_conflict: OnConflict,
    pub keep_going: bool,
    pub rejects: Option<PathBuf>,
    /// The column that holds what records sign in with.
    pub secret: Option<SecretColumn>,
    /// Columns that give several records of another kind each.
    pub lists: Vec<ListColumn>,
    /// Columns that tell the state of records.
    pub states: Vec<StatusColumn>,
    /// Records that are there get the secrets of the file too.
    pub resets_secrets: bool,
    /// The file is the whole truth about what is there.
    pub whole: Option<Whole>,
    /// How many may be deactivated by it.
    pub limit: LeaverLimit,
    /// What becomes of what those are in charge of that are deactivated.
    pub mode: Mode,
    /// Fields of which a value that can't be read is left blank.
    pub on_invalid: Vec<String>,
    /// Words that mean nothing or nobody.
    pub none: Vec<String>,
    /// How the dates of a field are written.
    pub date_formats: Vec<(String, String)>,
    /// What stands within its rows.
    within: Vec<Within>,
    /// What of that can't be read.
    nested_faults: Vec<NestedFault>,
    /// Rows that are passed over with what stands within them, by their numbers.
    #[serde(skip)]
    left_out: HashSet<u64>,
    /// The database refused a row: which, is to be found before rows are written.
    probes: bool,
    #[serde(skip)]
    progress: Progress,
}

/// What came of an import.
#[derive(Debug, Default)]
pub struct Report {
    pub read: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub skipped: u64,
    pub rejected: u64,
    /// Members of lists that were there for a time, and keep their end.
    pub kept_ends: u64,
    /// The first records that rows changed, with the fields, where the file is the whole truth.
    pub changed: Vec<String>,
    /// What rows deactivate.
    pub leaving: Vec<Record>,
    /// Rows that name somebody who has left: they are read otherwise.
    pub names_leaver: u64,
    /// What was made because rows refer to it.
    pub created_records: Vec<String>,
    /// Values that could not be read and were left blank, by field.
    pub blanked: Vec<(&'static str, u64)>,
    /// Phone numbers that are possible, but not known to be valid.
    pub doubtful: u64,
    /// Texts with characters that another program has lost.
    pub lost: u64,
    /// Columns of dates that a usual format would read.
    pub readable: Vec<(&'static str, Vec<&'static str>)>,
    /// The first of them.
    pub rejects: Vec<Reject>,
    /// The numbers of all of them, where that matters to what stands within them.
    rejected_rows: Vec<u64>,
    /// What came of what stood within rows.
    pub within: WithinReports,
    /// Nothing was written because of rejected rows.
    pub refused: bool,
}

/// Rejected rows that the report shows.
const SHOWN: usize = 20;

/// Changed records that are told by name.
pub const TOLD: usize = 50;

/// Rows that are written together.
const BATCH: usize = 250;

/// The same where each row's password is hashed.
const HASHED_BATCH: usize = 32;

/// Pieces of work that wait for the other thread.
const CHANNEL_DEPTH: usize = 2;

impl Import {
    /// Loads rows of a kind as they are: no column is mapped yet.
    fn new(desc: &Descriptor, source: Source) -> Import {
        Import {
            noun: desc.noun.into(),
            org: None,
            routing: None,
            source,
            columns: Vec::new(),
            lookups: Vec::new(),
            fallbacks: Vec::new(),
            makes_codes: false,
            constants: Vec::new(),
            key: desc.key().name(),
            on_conflict: OnConflict::Error,
            keep_going: false,
            rejects: None,
            secret: None,
            lists: Vec::new(),
            states: Vec::new(),
            resets_secrets: false,
            whole: None,
            limit: LeaverLimit::default(),
            mode: Mode::default(),
            on_invalid: Vec::new(),
            none: Vec::new(),
            date_formats: Vec::new(),
            within: Vec::new(),
            nested_faults: Vec::new(),
            left_out: HashSet::new(),
            probes: false,
            progress: Progress::default(),
        }
    }

    fn plan(&self, desc: &'static Descriptor, context: &ParseContext) -> Result<ImportPlan> {
        let field = |name: &str| desc.field(name).ok_or_else(|| anyhow::anyhow!("a {} has no {name}", desc.noun));
        let columns: Vec<Option<&'static Field>> =
            self.columns.iter().map(|c| c.as_deref().map(field).transpose()).collect::<Result<_>>()?;
        let mut constants = Vec::new();
        for (name, text) in &self.constants {
            let field = field(name)?;
            constants.push((field, field.parse(text, context)?));
        }
        let key = desc.all_keys().find(|key| key.name() == self.key);
        let key = key.ok_or_else(|| anyhow::anyhow!("{} is no key of a {}", self.key, desc.noun))?;
        let mut plan = ImportPlan::new(desc, self.source.clone(), columns, constants, key, &self.lookups, context)?;
        (plan.org, plan.routing) = (self.org, self.routing.clone());
        plan.fallbacks.clone_from(&self.fallbacks);
        plan.makes_codes = self.makes_codes;
        plan.tolerance = tolerance::Tolerance::new(desc, &self.on_invalid, &self.none);
        plan.dates = dates::Dates::new(&plan.columns, &self.date_formats)?;
        plan.states.clone_from(&self.states);
        plan.is_whole = self.whole.is_some();
        plan.left_out.clone_from(&self.left_out);
        plan.nested_faults = nested::by_number(&self.nested_faults);
        for column in &self.lists {
            let list = desc.lists.get(column.list).and_then(|list| Some((list, list.link()?)));
            let (list, link) = list.ok_or_else(|| anyhow::anyhow!("a list of nothing"))?;
            let field = list.first.and_then(|first| desc.field(first)).unwrap_or(link.item.0);
            plan.lists.push((column.clone(), Reference { field, target: link.item.1, by: None }));
        }
        Ok(plan)
    }

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

/// An import that was undone because of rejected rows.
#[derive(Debug)]
struct Refused(Report);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows were rejected")
    }
}
impl std::error::Error for Refused {}

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

    async fn run(self, s: &mut Session<'_>, desc: &'static Descriptor) -> Result<()> {
        gate::allow(s)?;
        let opened = Opened::open(s, desc, &self, &[]).await?;
        let mut verb = opened.map(s, &self, Terms::default()).await?;
        let (report, seconds) = load(s, &mut verb).await?;
        note_contents(s, desc, &report.leaving).await?;
        tell(s.context, desc, &report, seconds, &verb, More::default())
    }
}

/// Runs what loads a file. What came of it, also where rejected rows undid it, and the seconds that took.
pub async fn load<V: Loads>(s: &mut Session<'_>, verb: &mut V) -> Result<(V::Output, f64)>
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
