//! The second time through a file, for the new records of one organisation: while some are written, the next are made.

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use super::lists::NewLinks;
use super::rows::{self, BuildOrder, ImportPlan, RowBuilder};
use super::run::{BATCH, CHANNEL_DEPTH, HASHED_BATCH, Run};
use super::secrets::NewSecret;
use crate::crud::defaults::blank;
use crate::model::password::StoredHash;
use crate::model::resource::Field;
use crate::store::import::stage::ResolvedRow;
use crate::store::trail::appender::TreeAppender;
use crate::store::tx::{Loaders, PreparedRow, Tx};

/// The thread that makes records: what it is told to make, and what it has made.
struct Maker {
    orders: Option<Sender<Vec<BuildOrder>>>,
    made: Receiver<Vec<PreparedRow>>,
    thread: JoinHandle<Result<TreeAppender>>,
    /// Orders that it has not answered yet.
    waiting: usize,
}

impl Maker {
    fn start(plan: &Arc<ImportPlan>, making: RowBuilder) -> Maker {
        let (orders, mut ordered) = mpsc::channel(CHANNEL_DEPTH);
        let (send, made) = mpsc::channel(CHANNEL_DEPTH);
        let plan = Arc::clone(plan);
        let thread = spawn_blocking(move || rows::build_all(&plan, making, &mut ordered, &send));
        Maker { orders: Some(orders), made, thread, waiting: 0 }
    }
}

impl Run<'_> {
    pub(super) async fn create_in(&mut self, tx: &mut Tx<'_>, org: i32) -> Result<()> {
        let total = self.stage.accepted(tx.db, true).await?;
        if total > 0 {
            self.load_new(tx, org, total).await?;
        }
        self.report.created = total;
        Ok(())
    }

    async fn load_new(&mut self, tx: &mut Tx<'_>, org: i32, total: u64) -> Result<()> {
        let plan = Arc::clone(&self.plan);
        let (doing, together) = match plan.secrets.as_ref().map(|s| s.column) {
            // Hashing is slow by design: progress is told in steps that a person can watch.
            Some(c) if !c.is_hash => ("hashing and writing", HASHED_BATCH),
            _ => ("writing", BATCH),
        };
        self.import.progress.part(doing, Some(total), "rows");
        self.stage.count_given(tx.db).await?;
        let mut needed = self.stage.forward(tx.db).await?;
        // Codes that are made are looked up meanwhile; a file that is keyed by them gives them.
        let is_looked_up = |field: &&Field| plan.makes_codes || !plan.key.has(field);
        needed.extend(plan.maker().map(|(field, _)| field).filter(is_looked_up));
        // What is counted within others too: without the index each batch would read the whole table.
        needed.extend(plan.desc.counted().map(|(_, within)| within));
        let mut aside = tx.drop_indexes(plan.desc, total, &needed).await?;
        let mut links = NewLinks::new(tx, &plan, org)?;
        for kind in links.kinds() {
            aside.extend(tx.drop_indexes(kind, total, &[]).await?);
        }
        let mut loaders = self.loaders(tx, org, total).await?;
        let mut maker = Maker::start(&plan, self.row_builder(tx, org, None).await?);
        let (mut last, mut done) = (0, 0);
        loop {
            while maker.orders.is_some() && maker.waiting < CHANNEL_DEPTH {
                last = self.order(tx, &mut links, &mut maker, last, together).await?;
            }
            if maker.waiting == 0 {
                break;
            }
            // Where there are none the thread has failed, and says below why.
            let Some(rows) = maker.made.recv().await else { break };
            maker.waiting -= 1;
            done += rows.len() as u64;
            tx.write_batch(&mut loaders, rows).await?;
            self.import.progress.set(done);
        }
        drop(maker.orders);
        tx.attach(maker.thread.await??)?;
        self.import.progress.part("finishing", None, "rows");
        tx.write_loaded(&mut loaders).await?;
        Ok(tx.recreate_indexes(aside).await?)
    }

    /// Where new records go.
    pub(super) async fn loaders(&self, tx: &mut Tx<'_>, org: i32, total: u64) -> Result<Loaders> {
        let beside = self.plan.secrets.as_ref().map(|s| s.keeper.kind()).or_else(|| self.plan.beside());
        Ok(Loaders::new(tx.db, self.desc, org, beside, total).await?)
    }

    /// What new records need besides their rows.
    pub(super) async fn row_builder(&self, tx: &mut Tx<'_>, org: i32, trial: Option<StoredHash>) -> Result<RowBuilder> {
        let mut meta = blank(tx, self.desc, org, Uuid::nil(), &self.plan.context)?.meta;
        meta.created_by = tx.actor().await?;
        meta.updated_by = meta.created_by;
        Ok(RowBuilder { meta, chain: tx.detach(org).await?, trial })
    }

    /// Lets the next records be made; the last row of them.
    async fn order(
        &self,
        tx: &mut Tx<'_>,
        links: &mut NewLinks,
        maker: &mut Maker,
        last: u64,
        together: usize,
    ) -> Result<u64> {
        let some = self.stage.resolved_rows(tx.db, true, last, together).await?;
        let Some(last) = some.last().map(|row| row.number) else {
            maker.orders = None;
            return Ok(last);
        };
        let orders = self.orders(tx, links, some).await?;
        if let Some(to) = &maker.orders {
            // Where nobody takes it the thread has failed.
            let _ = to.send(orders).await;
            maker.waiting += 1;
        }
        Ok(last)
    }

    /// What rows need to become records: salts, codes, numbers and links.
    pub(super) async fn orders(
        &self,
        tx: &mut Tx<'_>,
        links: &mut NewLinks,
        rows: Vec<ResolvedRow>,
    ) -> Result<Vec<BuildOrder>> {
        let org = links.org;
        let links = links.of(tx, &self.stage, &rows).await?;
        let without_code = rows.iter().filter(|v| v.wants_code).count();
        let codes = tx.generate_codes(self.desc, org, without_code, &self.stage.given_codes()).await?;
        let (mut codes, mut counted) = (codes.into_iter(), self.next_numbers(tx, org, &rows).await?.into_iter());
        let salts = tx.salts(rows.len());
        let (sealer, mut details) = self.row_sealer(tx, org, &rows).await?;
        let mut secrets = NewSecret::some(tx, if self.plan.secrets.is_some() { rows.len() } else { 0 });
        let salted = rows.into_iter().zip(links).zip(salts);
        let orders = salted.map(|((verdict, links), salt)| {
            let code = if verdict.wants_code { codes.next() } else { None };
            let number = if verdict.wants_number { counted.next() } else { None };
            let (secret, details) = (secrets.next(), details.next().unwrap_or_default());
            BuildOrder { verdict, salt, code, number, secret, sealer: sealer.clone(), details, links }
        });
        Ok(orders.collect())
    }

    /// The numbers of new records that are counted within others, for the rows that give none.
    async fn next_numbers(&self, tx: &mut Tx<'_>, org: i32, rows: &[ResolvedRow]) -> Result<Vec<i64>> {
        let Some((_, within)) = self.desc.counted() else { return Ok(Vec::new()) };
        let at = self.plan.references.iter().position(|r| r.field.column == within.column);
        let containers = rows.iter().filter(|v| v.wants_number);
        let containers = containers.map(|v| at.and_then(|i| *v.references.get(i)?).unwrap_or_default());
        Ok(tx.next_numbers(self.desc, org, &containers.collect::<Vec<_>>()).await?)
    }
}
