//! The phases of an import under the lock, which a verb calls in a row: read, check, create, update, release, finish.

use std::sync::Arc;

use anyhow::Result;
use serde_json::Map;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::{JoinHandle, spawn_blocking};

use super::arguments::{Refused, Report};
use super::columns::NestedFault;
use super::missing;
use super::nested::Found;
use super::probe;
use super::rows;
use super::run::{CHANNEL_DEPTH, Run};
use crate::crud::remove::{self, Mode};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::resource::List;
use crate::model::resource::lifetime::TargetEvent;
use crate::model::trail::audit::Action;
use crate::store::tx::Tx;

/// Rejected rows that the report shows.
const SHOWN: usize = 20;

impl Run<'_> {
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
        for kind in self.desc.lists.iter().map(List::desc).chain(self.plan.beside()) {
            tx.analyze(kind, report.created).await?;
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
