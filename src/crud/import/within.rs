//! Rows that stood within others, as imports of their own: loaded behind those, in the same transaction.

use std::collections::HashSet;

use anyhow::Result;
use uuid::Uuid;

use super::arguments::{Import, OnConflict, Within};
use super::columns::NestedFault;
use super::json_reader::TakenWhole;
use super::nested::{Found, Rows};
use super::routing::Merged;
use super::source::{Said, Source};
use crate::crud::contents::delete_all;
use crate::crud::write::described;
use crate::model::problem::{Problem, io_message};
use crate::model::resource::{Descriptor, Record};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::records::{self, keys, pointing::RecordAt};
use crate::store::tx::Tx;

impl Import {
    /// Takes what stood within its rows.
    pub(super) fn take_within(&mut self, all: Vec<Rows>) -> Result<()> {
        for rows in all {
            self.within.extend(self.within(rows)?);
        }
        if self.on_conflict == OnConflict::Skip && !self.within.is_empty() {
            let sentence = "--on-conflict skip: the file says of links, or of what is within records, what is to hold of those that are there, too";
            return Err(Problem::usage(sentence)
                .hint("--on-conflict update lets it; or import new records alone")
                .into());
        }
        Ok(())
    }

    /// What loads rows that stood within those of this import.
    fn within(&self, rows: Rows) -> Result<Option<Within>> {
        let Rows { desc, column, owner, takes_unused, file, stood, owners, .. } = rows;
        let file = file
            .into_inner()
            .map_err(|e| Problem::failed(format!("can't write a temporary file: {}", io_message(e.error()))))?;
        let (org, routing) = (self.org, self.routing.clone());
        let empty = Import { org, routing, ..Import::new(desc, self.source.clone()) };
        let of = Within { import: Box::new(empty), column, owner: owner.to_owned(), takes_unused, owners };
        if stood.is_empty() {
            // All that is told may be that there is nothing.
            return Ok((!of.owners.is_empty()).then_some(of));
        }
        let said = Said { format: Some("ndjson".into()), ..Said::default() };
        let source = Source::open(file, None, &self.source.shown, &said, &|_| TakenWhole::Nothing)?.told_by(stood);
        let org = source.header.iter().position(|name| name == "org");
        let columns = source.header.iter().map(|name| desc.field(name).map(|f| f.name().to_owned())).collect();
        let import = Import {
            org: self.org,
            routing: self.routing.clone().zip(org).map(|(routing, at)| routing.by(at)),
            columns,
            on_conflict: OnConflict::Update,
            keep_going: self.keep_going,
            none: self.none.clone(),
            ..Import::new(desc, source)
        };
        Ok(Some(Within { import: Box::new(import), ..of }))
    }

    /// Loads what stood within rows that were loaded. What of it is rejected is an error (`Found`): the row that it stood in
    /// is then to be rejected, too.
    pub async fn load_within(&self, tx: &mut Tx<'_>, merged: &mut Merged) -> Result<()> {
        let left_out: HashSet<u64> = merged.rejected_rows().collect();
        let mut found = Vec::new();
        for Within { import, column, owner, takes_unused, owners } in &self.within {
            if merged.is_refused() {
                return Ok(());
            }
            let import = Import { left_out: left_out.clone(), probes: self.probes, ..(**import).clone() };
            let desc = described(tx, &import.noun)?;
            for part in import.parts() {
                let mut loaded = HashSet::new();
                if !part.columns.is_empty() {
                    let accepts = tx.accepts_inactive();
                    tx.accept_inactive(accepts || *takes_unused);
                    let done = part.load_noting(tx, Some(&mut loaded)).await;
                    tx.accept_inactive(accepts);
                    match done.map_err(|e| e.downcast::<Found>()) {
                        Ok(report) => merged.add_within(desc, &report),
                        Err(Ok(Found(faults))) => {
                            found.extend(faults.into_iter().map(|f| NestedFault { column: column.clone(), ..f }));
                            continue;
                        }
                        Err(Err(e)) => return Err(e),
                    }
                }
                if self.on_conflict != OnConflict::Update {
                    continue;
                }
                let is_of =
                    |text: &String| self.routing.as_ref().is_some_and(|r| r.known.get(text).copied() == part.org);
                let told = owners.iter().filter(|o| !left_out.contains(&o.number) && o.org.as_ref().is_none_or(is_of));
                let told: Vec<&str> = told.map(|owner| owner.key.as_str()).collect();
                let gone = part.take_others(tx, desc, (owner, &told), &loaded).await?;
                merged.within(desc).deleted += gone;
            }
        }
        if found.is_empty() { Ok(()) } else { Err(Found(found).into()) }
    }

    /// Takes what was found of rows within rows: these are rejected then, in another run. Whether that is anything new.
    pub(super) fn take_found(&mut self, found: Vec<NestedFault>) -> bool {
        let known: HashSet<u64> = self.nested_faults.iter().map(|f| f.number).collect();
        let is_new = found.iter().any(|f| !known.contains(&f.number));
        self.nested_faults.extend(found.into_iter().filter(|f| !known.contains(&f.number)));
        is_new
    }

    /// Takes away what some owners have and the file does not name; how many that is.
    async fn take_others(
        &self,
        tx: &mut Tx<'_>,
        desc: &'static Descriptor,
        (owner, told): (&str, &[&str]),
        loaded: &HashSet<Uuid>,
    ) -> Result<u64> {
        let (Some(org), Some(field)) = (self.org, desc.field(owner)) else { return Ok(0) };
        let Some(target) = field.target() else { return Ok(0) };
        tx.flush().await?;
        let mut gone = 0;
        for some in told.chunks(500) {
            let mut asked = Vec::with_capacity(some.len());
            for text in some {
                let key = target.key_field().and_then(|f| f.parse(text, &ParseContext::default()).ok());
                asked.extend(key.map(|key| vec![key]));
            }
            let holders = keys::holders_of(tx.db, target, org, target.key(), &asked).await?;
            let ids: Vec<Value> = holders.into_iter().flatten().map(|owner| owner.meta.id.into()).collect();
            let there: Vec<Record> = records::with_values(tx.db, desc, Some(org), field, &ids).await?;
            let others: Vec<RecordAt> =
                there.iter().filter(|r| !loaded.contains(&r.meta.id)).map(RecordAt::of).collect();
            gone += others.len() as u64;
            let deletion = tx.new_id();
            delete_all(tx, &others, |_| deletion).await?;
        }
        Ok(gone)
    }
}
