//! An import under the lock, in phases that are called in a row: begin, read, check, create, update, finish.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::Map;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use super::expired::Expired;
use super::missing::MissingRecord;
use super::nested::{Found, NestedFault};
use super::rows::{self, ImportPlan};
use super::secrets::{SecretKeeper, Secrets};
use super::{CHANNEL_DEPTH, Import, OnConflict, Refused, Report, SHOWN, missing, probe};
use crate::crud::remove::{self, Mode};
use crate::crud::write::described;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::resource::lifetime::TargetEvent;
use crate::model::resource::{Attr, Descriptor, Field, Record};
use crate::model::setting::Settings;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::store::import::stage::{self, Stage};
use crate::store::records::settings;
use crate::store::tx::Tx;

/// One import, from the lock to the commit.
pub struct Run<'a> {
    pub import: &'a Import,
    pub desc: &'static Descriptor,
    pub settings: Settings,
    pub plan: Arc<ImportPlan>,
    pub stage: Stage,
    pub report: Report,
    /// What is made before the rows are, as far as they refer to it.
    pub missing: Vec<MissingRecord>,
    /// The records that rows stand for and that were there, where they are to be known.
    pub matched: Option<HashSet<Uuid>>,
    /// Members of lists that earlier files described: the description of now takes their place.
    pub described: HashSet<Uuid>,
    /// Whether a change takes something away that the limit of leavers counts.
    pub loses: fn(&Record, &Record, DateTime<Utc>) -> bool,
    /// The records of which it did.
    pub losing: Vec<Uuid>,
    /// New organisations: their numbers and ids.
    pub founded: Vec<(i32, Uuid)>,
    /// Those that hold no more, and whose places rows take.
    pub(super) expired: BTreeMap<(i32, Uuid), Expired>,
}

/// Whether what had access to what the organisation has, or was in use, is so no longer.
pub fn loses_access(before: &Record, after: &Record, at: DateTime<Utc>) -> bool {
    before.has_access(at) && !after.has_access(at)
}

impl<'a> Run<'a> {
    /// How rows are read, and where they are held against each other and against what is there.
    pub async fn begin(
        tx: &mut Tx<'_>,
        import: &'a Import,
        keeper: Option<&'static dyn SecretKeeper>,
    ) -> Result<Run<'a>> {
        let desc = described(tx, &import.noun)?;
        if import.is_first_part() {
            stage::forget_rejects(tx.db).await?;
        }
        let settings = settings::for_org(tx.db, import.org.unwrap_or(SYSTEM)).await?;
        let context = ParseContext { zone: tx.zone(), ..settings.rules()? };
        let mut plan = import.plan(desc, &context)?;
        if let Some((column, keeper)) = import.secret.zip(keeper) {
            plan.secrets = Some(Secrets { column, rules: keeper.rules(&settings)?, keeper });
        }
        let stage = import.stage(tx, desc, &plan).await?;
        plan.named = stage.lookup_fields().to_vec();
        let acting = import.org.and_then(|org| tx.acting_user(org));
        for (value, field) in plan.blank.iter_mut().zip(desc.fields) {
            match acting {
                Some(acting) if field.has(Attr::FromActor) => *value = acting.into(),
                _ if field.has(Attr::FromClock) => *value = tx.at().into(),
                _ => {}
            }
        }
        plan.mostly_new = !stage.matches_records();
        plan.at = tx.at();
        plan.today = tx.today();
        Ok(Run {
            import,
            desc,
            settings,
            plan: Arc::new(plan),
            stage,
            report: Report::default(),
            missing: Vec::new(),
            matched: None,
            described: HashSet::new(),
            loses: loses_access,
            losing: Vec::new(),
            founded: Vec::new(),
            expired: BTreeMap::new(),
        })
    }

    /// The first time through the file: each row by itself, and against the record that it stands for.
    pub async fn read(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        self.import.progress.part("checking", Some(self.import.source.size()), "bytes");
        let mut readers: Vec<_> = (0..rows::READERS).map(|reader| self.start_reader(reader)).collect();
        // Each batch comes from the reader whose it is, so that rows stay in their order.
        for of in (0..rows::READERS).cycle() {
            let Some(batch) = readers[of].0.recv().await else { break };
            let (batch, bytes) = batch?;
            self.stage_rows(tx, batch).await?;
            self.import.progress.set(bytes);
        }
        self.stage.flush(tx.db).await?;
        for (receive, reader) in readers {
            drop(receive);
            reader.await?;
        }
        (self.report.blanked, self.report.doubtful, self.report.lost) = self.plan.tolerance.counts();
        self.report.readable = self.plan.dates.readable();
        Ok(())
    }

    /// A thread that reads the batches which are its own.
    fn start_reader(&self, reader: usize) -> (Receiver<Result<rows::Batch>>, JoinHandle<()>) {
        let (send, receive) = mpsc::channel(CHANNEL_DEPTH);
        let plan = Arc::clone(&self.plan);
        (receive, spawn_blocking(move || rows::read_all(&plan, reader, &send)))
    }

    /// All rows against each other and against what is there; what is rejected goes to its file. It ends the import where
    /// that is any row, and not all that is valid is wanted.
    pub async fn check(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        self.stage.resolve(tx.db).await?;
        self.report.names_leaver = self.import.read_leavers(tx, &mut self.stage).await?;
        self.stage.check(tx.db).await?;
        self.import.reject_compared(tx, &self.plan, &mut self.stage).await?;
        if self.import.probes {
            probe::reject_refused(self, tx).await?;
        }
        let plan = &self.plan;
        self.report.rejected = self.stage.rejected(tx.db).await?;
        if self.report.rejected > 0 && self.import.source.is_told_by_another() {
            return Err(self.found(tx).await?.into());
        }
        if !self.import.within.is_empty() {
            self.report.rejected_rows = self.stage.rejected_numbers(tx.db).await?;
        }
        self.report.rejects = self.stage.first_rejects(tx.db, SHOWN, &|r| plan.reject_position(r)).await?;
        self.import.write_rejects(tx.db, plan, &self.stage).await?;
        self.import.source.check_unchanged()?;
        if self.report.rejected > 0 && !self.import.keep_going {
            let report = std::mem::take(&mut self.report);
            return Err(Refused(Report { refused: true, ..report }).into());
        }
        Ok(())
    }

    /// What is wrong with rows that stood within others, by the numbers of those: of each the first.
    async fn found(&self, tx: &mut Tx<'_>) -> Result<Found> {
        let (mut last, mut faults) = (0, Vec::new());
        loop {
            let rejects = self.stage.rejects(tx.db, last, rows::BATCH, &|r| self.plan.reject_position(r)).await?;
            let Some(end) = rejects.last() else { return Ok(Found(faults)) };
            last = end.number;
            for reject in rejects {
                let Some((number, _)) = self.import.source.stood_in(reject.number) else { continue };
                if faults.last().is_some_and(|f: &NestedFault| f.number == number) {
                    continue;
                }
                let (column, code) = (String::new(), reject.code.to_owned());
                faults.push(NestedFault { number, column, code, reason: reject.reason });
            }
        }
    }

    /// The second time through the file, for new records: what they take the place of, what they refer to, and they
    /// themselves.
    pub async fn create(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        self.end_expired(tx).await?;
        self.report.created_records = missing::create(tx, &self.stage, &self.missing).await?;
        self.stage.park(tx.db).await?;
        match self.import.org {
            Some(org) => self.create_in(tx, org).await,
            None => {
                self.lock_orgs(tx).await?;
                self.write_singly(tx, true, None).await
            }
        }
    }

    /// Locks organisations, where these are what is imported, that rows will change.
    pub(super) async fn lock_orgs(&self, tx: &mut Tx<'_>) -> Result<()> {
        let mut orgs = self.stage.orgs(tx.db).await?;
        orgs.push(SYSTEM);
        Ok(tx.lock(&orgs, &mut |_| {}).await?)
    }

    /// The second time through the file, for records that are there: one by one.
    pub async fn update(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        self.write_singly(tx, false, None).await
    }

    /// Lets others lead what those led whom rows deactivated; once all rows are written, for they may say who does.
    pub async fn release(&self, tx: &mut Tx<'_>) -> Result<()> {
        let (mode, leaving) = (self.import.mode, &self.report.leaving);
        if let Mode::Reassign(other) = mode
            && let Some(leaving) = leaving.iter().find(|r| r.meta.id == other)
        {
            let sentence = format!("{} is to take over, and is not active in the file", leaving.title());
            return Err(Problem::conflict(sentence).hint("choose somebody who stays").into());
        }
        remove::release(tx, leaving, mode, TargetEvent::Deactivate, "deactivated").await.map(drop)
    }

    /// Records that a file was loaded, where it changed anything. `more` is what was done besides its rows, counted.
    pub async fn finish(self, tx: &mut Tx<'_>, more: &[(&str, u64)]) -> Result<Report> {
        let report = self.report;
        self.import.source.check_unchanged()?;
        tx.analyze(self.desc, report.created).await?;
        for list in self.desc.lists {
            tx.analyze(list.desc(), report.created).await?;
        }
        if report.created + report.updated + more.iter().map(|(_, n)| n).sum::<u64>() == 0 {
            return Ok(report);
        }
        let mut details = Map::new();
        details.insert("file".into(), self.import.source.shown.clone().into());
        let counts = [
            ("read", report.read),
            ("created", report.created),
            ("updated", report.updated),
            ("rejected", report.rejected),
        ];
        for (name, n) in counts.iter().chain(more) {
            details.insert((*name).into(), (*n).into());
        }
        tx.event(self.import.org.unwrap_or(SYSTEM), Action::Import, self.desc.noun, details).await?;
        Ok(report)
    }
}

impl Import {
    /// Where rows are held against each other, and against what is there.
    async fn stage(&self, tx: &mut Tx<'_>, desc: &'static Descriptor, plan: &ImportPlan) -> Result<Stage> {
        let mut held: Vec<&'static Field> = Vec::new();
        let brings = tx.kinds().brings(desc);
        if self.on_conflict == OnConflict::Update || (self.on_conflict == OnConflict::Error && brings) {
            let by_key = |f: &&&Field| !plan.references.iter().any(|r| r.by.is_some() && r.field.column == f.column);
            let given = plan.columns.iter().flatten().chain(plan.constants.iter().map(|(f, _)| f));
            // Whether a flag still holds depends on the time too, which the row alone does not tell.
            held.extend(given.filter(by_key).filter(|f| f.ends().is_none()));
            held.extend(plan.set_by_status());
        }
        let (keys, references) = ((plan.key, plan.others.clone()), plan.references.clone());
        let stage = Stage::new(tx.db, desc, self.org, keys, references, &held, &plan.context).await?;
        let lists = plan.lists.iter().map(|(column, reference)| (&desc.lists[column.list], *reference));
        Ok(stage.listing(lists.collect()).accepting_inactive(tx.accepts_inactive()))
    }
}
