//! Columns that tell a record's state: an export has them, and what they say is obeyed or refused.

use anyhow::Result;
use uuid::Uuid;

use super::arguments::Import;
use super::columns::{STATUS, StatusColumn};
use super::rows::{ImportPlan, Parsed, before_resolved};
use super::source;
use crate::model::resource::status::{self, Test, Word};
use crate::model::resource::{Descriptor, Field, IS_ACTIVE, Record};
use crate::model::values::scalar::{Scalar, fold, truncate};
use crate::model::values::value::Value;
use crate::store::import::match_target::{Given, HeldRow, Match};
use crate::store::import::stage::Reject;
use crate::store::records;
use crate::store::tx::Tx;

/// The word that says that a record is not in use, where no other field says it.
fn out_of_use(desc: &Descriptor) -> &'static str {
    let is_it = |w: &&Word| w.when == [Test::No(IS_ACTIVE)];
    desc.status_words().iter().find(is_it).map_or("", |w| w.word)
}

impl ImportPlan {
    /// Where the column that tells a state stands.
    pub fn state_at(&self, name: &str) -> Option<usize> {
        self.states.iter().find(|c| c.name == name).map(|c| c.at)
    }

    /// The field that the column status sets, for no other column does: who is in use, or the state.
    pub fn set_by_status(&self) -> Option<&'static Field> {
        let mut given = self.columns.iter().flatten().chain(self.constants.iter().map(|(f, _)| f));
        let field = self.desc.state_field().or_else(|| self.desc.field(IS_ACTIVE))?;
        let is_told = self.states.iter().any(StatusColumn::is_status) && !given.any(|f| f.column == field.column);
        is_told.then_some(field)
    }

    /// The status that a row says its record to have; whether that is in use goes to its values, where no column of its
    /// own says so.
    pub fn state(&self, row: &source::FileRow<'_>, values: &mut Given) -> Result<Option<&'static str>, Reject> {
        let mut told = None;
        for column in &self.states {
            let reject = |reason: String| Reject {
                number: row.number,
                line: row.line,
                column: Some(column.name.clone()),
                code: "invalid",
                reason: format!("{} {reason}", column.name),
            };
            if let Some(fault) = self.misshapen(row, column.at, false) {
                return Err(fault);
            }
            let cell = row.cells.get(column.at).map(|cell| self.source.unmarked(cell)).unwrap_or_default();
            let text = String::from_utf8_lossy(cell);
            let word = if self.tolerance.is_none_word(&text) { String::new() } else { fold(&text) };
            let is_no = || matches!((<bool as Scalar>::TYPE.parse)(&word, &self.context), Ok(Value::Bool(false)));
            let is_deleted = match column.is_status() {
                true => word == "deleted",
                false => !word.is_empty() && !is_no(),
            };
            if is_deleted {
                let noun = self.desc.noun;
                let wrong = format!("says that the {noun} is deleted, and no file creates or changes such a one");
                return Err(reject(format!("{wrong}: leave the row out, or restore the {noun} where it is")));
            }
            if !column.is_status() || word.is_empty() {
                continue;
            }
            let words = status::words(self.desc);
            told = words.iter().copied().find(|known| fold(known) == word);
            if told.is_none() && !column.passes_over {
                return Err(reject(format!("is none of {}: '{}'", words.join(", "), truncate(text.trim()))));
            }
        }
        if let Some(field) = self.set_by_status().filter(|_| told.is_some() || self.is_whole) {
            let value = match (field.column, told) {
                (IS_ACTIVE, _) => Some(Value::Bool(told != Some(out_of_use(self.desc)))),
                (_, told) => told.map(Value::from),
            };
            values.extend(value.map(|v| (field, v)));
        }
        Ok(told)
    }

    /// Why a record can't have the status that a row says, once it has the row's values.
    fn contradicts(&self, record: &Record, status: &str) -> Option<String> {
        let is = record.status(self.at);
        // A block that ends by itself may have ended since the file was written.
        let words = self.desc.status_words();
        let tests = words.iter().filter(|w| w.word == status).flat_map(|w| w.when);
        let mut ends = tests.filter_map(|test| match test {
            Test::Yes(flag) => Some((*flag, self.desc.field(flag)?.ends()?)),
            _ => None,
        });
        let may_have_ended = ends.any(|(flag, end)| {
            words.iter().any(|w| w.word == is && !w.is_out) && record.is_true(flag) && !record.get(end).is_null()
        });
        if is == status || may_have_ended {
            return None;
        }
        let noun = self.desc.noun;
        let reason = format!("status is {status}, but by what else is known the {noun} is {is}");
        // Who was there before he or she was invited is active beside that; a new one comes by the invitation.
        let is_other = words.last().is_some_and(|w| w.word == status);
        let came_later = words.iter().filter(|w| w.word == is && is_other).flat_map(|w| w.when).find_map(|t| match t {
            Test::FromTheStart(column) => Some(*column),
            _ => None,
        });
        Some(match came_later {
            Some(column) => format!("{reason}; leave {column} empty, and send the invitation again"),
            None => reason,
        })
    }

    /// Whether a row's own values tell its record's state. A pending invitation means one thing to who came by it, and
    /// another to who was there.
    fn tells_state(&self, values: &Given) -> bool {
        let given = |column: &str| values.iter().rfind(|(f, _)| f.column == column).map(|(_, v)| v);
        let is_told = status::columns(self.desc).iter().all(|column| given(column).is_some());
        let tests = self.desc.status_words().iter().flat_map(|w| w.when);
        let mut came_so = tests.filter(|t| matches!(t, Test::FromTheStart(_)));
        is_told && came_so.all(|t| given(t.column()).is_none_or(Value::is_null))
    }
}

impl Import {
    /// Rejects rows that say another status than their records have, or will have by them.
    pub(super) async fn check_states(
        &self,
        tx: &mut Tx<'_>,
        plan: &ImportPlan,
        piece: &mut [Parsed],
        held: &[HeldRow],
        matches: &[Option<Match>],
    ) -> Result<()> {
        if piece.iter().all(|row| row.status.is_none()) {
            return Ok(());
        }
        let rows = piece.iter().zip(held).zip(matches);
        let unknown = rows.filter(|((row, (_, values)), _)| row.status.is_some() && !plan.tells_state(values));
        let ids: Vec<Value> = unknown.filter_map(|(_, found)| Some(found.as_ref()?.id.into())).collect();
        let there = records::with_ids(tx.db, plan.desc, self.org, &ids).await?;
        let there: std::collections::HashMap<Uuid, Record> = there.into_iter().map(|r| (r.meta.id, r)).collect();
        let asked = status::columns(plan.desc);
        for ((row, (_, values)), found) in piece.iter_mut().zip(held).zip(matches) {
            let is_read = row.unread.iter().all(|f| !asked.contains(&f.column));
            let Some(status) = row.status.filter(|_| is_read) else { continue };
            let mut record = match found.and_then(|found| there.get(&found.id)) {
                Some(before) => before.clone(),
                None => plan.blank_record(),
            };
            for (field, value) in values {
                record.set(field.column, before_resolved(field, value));
            }
            if let Some(reason) = plan.contradicts(&record, status) {
                let (number, line) = (row.number, row.line);
                row.faults.push(Reject { number, line, column: Some(STATUS.to_owned()), code: "invalid", reason });
            }
        }
        Ok(())
    }
}
