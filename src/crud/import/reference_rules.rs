//! Rules between the references of one record: they can be asked only once it is known whom those mean.

use anyhow::Result;
use uuid::Uuid;

use super::arguments::{Import, OnConflict};
use super::rows::{ImportPlan, pick, resolved};
use super::run::BATCH;
use crate::model::problem::Problem;
use crate::model::resource::{Field, Record};
use crate::model::values::value::Value;
use crate::store::import::stage::{Reject, Stage};
use crate::store::records;
use crate::store::tx::Tx;

impl ImportPlan {
    /// Whether a rule may compare references: two that mean records of one kind.
    fn may_compare(&self) -> bool {
        let targets = || self.desc.fields.iter().filter_map(Field::target);
        targets().any(|target| targets().filter(|t| *t == target).count() > 1)
    }

    /// The rules that a record breaks, whomever its references mean: two words may mean one record.
    pub fn surely_broken(&self, record: Record, unread: &[&'static Field]) -> Vec<Problem> {
        if !self.may_compare() {
            return self.broken_rules(record, unread).collect();
        }
        let mut alike = record.clone();
        for field in self.desc.fields.iter().filter(|f| f.target().is_some()) {
            if !record.get(field.column).is_null() {
                alike.set(field.column, Uuid::nil().into());
            }
        }
        let also: Vec<String> = self.broken_rules(alike, unread).map(|p| p.sentence).collect();
        self.broken_rules(record, unread).filter(|p| also.contains(&p.sentence)).collect()
    }
}

impl Import {
    /// Rejects rows that break a rule by whom their references mean, and whoever refers to them.
    pub(super) async fn reject_compared(&self, tx: &mut Tx<'_>, plan: &ImportPlan, stage: &mut Stage) -> Result<()> {
        let subject = plan.desc.subject_field().map(|f| f.column);
        let says_whose = plan.references.iter().any(|r| Some(r.field.column) == subject);
        let may_go_over = self.on_conflict == OnConflict::Update && says_whose;
        if !plan.may_compare() && !may_go_over {
            return Ok(());
        }
        let mut rejects: Vec<Reject> = Vec::new();
        for is_new in [true, false] {
            let (mut file, mut last) = (plan.rows()?, 0);
            loop {
                let some = stage.resolved_rows(tx.db, is_new, last, BATCH).await?;
                let Some(end) = some.last() else { break };
                last = end.number;
                let ids: Vec<Value> = some.iter().map(|v| v.id.into()).collect();
                let there = match is_new {
                    true => Vec::new(),
                    false => records::with_ids(tx.db, plan.desc, self.org, &ids).await?,
                };
                let picked = pick(plan, &mut file, some.iter().map(|v| v.number))?;
                for (verdict, parsed) in some.into_iter().zip(picked) {
                    let before = there.iter().find(|r| r.meta.id == verdict.id);
                    let mut record = before.cloned().unwrap_or_else(|| plan.blank_record());
                    record.meta.id = verdict.id;
                    let line = parsed.line;
                    for (field, value) in resolved(plan, &verdict, parsed) {
                        record.set(field.column, value);
                    }
                    plan.stand_in_for_code(&mut record);
                    if let Some(before) = before {
                        let other = record.stays_about(before).err();
                        rejects.extend(other.map(|p| plan.broken(verdict.number, line, p)));
                        // A move that there is not was told when the row was read.
                        let _ = record.complete_move(before, tx.at());
                    }
                    plan.tolerate(&mut record, before);
                    let broken = plan.broken_rules(record, &[]);
                    rejects.extend(broken.map(|p| plan.broken(verdict.number, line, p)));
                }
            }
        }
        if rejects.is_empty() {
            return Ok(());
        }
        stage.reject(tx.db, &rejects).await?;
        Ok(stage.check(tx.db).await?)
    }
}
