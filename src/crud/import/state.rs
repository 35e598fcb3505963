//! Columns that tell a record's state: an export has them, and what they say is obeyed or refused.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Import;
use super::rows::{Parsed, Plan, before_resolved};
use super::source;
use crate::model::resource::{Descriptor, Record};
use crate::model::scalar::{Scalar, shorten, squash};
use crate::model::value::Value;
use crate::store::held::{Given, Match};
use crate::store::records;
use crate::store::stage::Reject;
use crate::store::tx::Tx;

/// A column that fills no field, but says in which state the record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateColumn {
    pub at: usize,
    /// As messages call it: `status`, or one that says by what it holds that the record is deleted.
    name: String,
    /// Words that are no state are passed over.
    passes_over: bool,
}

const STATUS: &str = "status";

/// The fields that a record's state derives from.
const STATE: [&str; 5] = ["is_active", "blocked", "blocked_until", "invited_at", "accepted_at"];

const DELETED: &[&str] = &["deleted_at", "deleted_by", "deleted", "is_deleted"];

impl StateColumn {
    /// The one that a header names, with or without the noun in front.
    pub fn of(desc: &Descriptor, at: usize, header: &str, passes_over: bool) -> Option<StateColumn> {
        let header = squash(header);
        let names = |name: &&&str| squash(name) == header.strip_prefix(desc.noun).unwrap_or(&header);
        let has_status = desc.field("is_active").is_some();
        let name = Some(&STATUS).filter(|_| has_status).into_iter().chain(DELETED).find(names)?;
        Some(StateColumn { at, name: (*name).to_owned(), passes_over })
    }

    pub fn is_status(&self) -> bool {
        self.name == STATUS
    }
}

impl Plan {
    /// Where the column that tells a state stands.
    pub fn state_at(&self, name: &str) -> Option<usize> {
        self.states.iter().find(|c| c.name == name).map(|c| c.at)
    }

    /// Whether the column status says who is in use, for no other column does.
    pub fn status_sets_active(&self) -> bool {
        let mut given = self.columns.iter().flatten().chain(self.constants.iter().map(|(f, _)| f));
        self.states.iter().any(StateColumn::is_status) && !given.any(|f| f.column == "is_active")
    }

    /// The status that a row says its record to have; whether that is in use goes to its values, where no column of its
    /// own says so.
    pub fn state(&self, row: &source::Row<'_>, values: &mut Given) -> Result<Option<&'static str>, Reject> {
        let mut status = None;
        for column in &self.states {
            let reject = |reason: String| Reject {
                number: row.number,
                line: row.line,
                column: Some(column.name.clone()),
                code: "invalid",
                reason: format!("{} {reason}", column.name),
            };
            let cell = row.cells.get(column.at).map(|cell| self.source.unmarked(cell)).unwrap_or_default();
            let text = String::from_utf8_lossy(cell);
            let word = if self.tolerance.is_none_word(&text) { String::new() } else { squash(&text) };
            let is_no = || matches!((<bool as Scalar>::TYPE.parse)(&word, &self.rules), Ok(Value::Bool(false)));
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
            let words = records::status_words(self.desc);
            status = words.iter().copied().find(|known| squash(known) == word);
            if status.is_none() && !column.passes_over {
                return Err(reject(format!("is none of {}: '{}'", words.join(", "), shorten(text.trim()))));
            }
        }
        if self.status_sets_active()
            && let Some(field) = self.desc.field("is_active")
            && (status.is_some() || self.is_feed)
        {
            values.push((field, Value::Bool(status != Some("inactive"))));
        }
        Ok(status)
    }

    /// Why a record can't have the status that a row says, once it has the row's values.
    fn contradicts(&self, record: &Record, status: &str) -> Option<String> {
        let is = record.status(self.at);
        // A block that ends by itself may have ended since the file was written.
        let may_have_ended = status == "blocked"
            && matches!(is, "active" | "invited")
            && record.says("blocked")
            && record.find("blocked_until").is_some_and(|until| !until.is_null());
        if is == status || may_have_ended {
            return None;
        }
        let noun = self.desc.noun;
        let reason = format!("status is {status}, but by what else is known the {noun} is {is}");
        // Who was there before he or she was invited is active beside that; a new one comes by the invitation.
        let came_later = status == "active" && is == "invited";
        Some(if came_later { reason + "; leave invited_at empty, and send the invitation again" } else { reason })
    }

    /// Whether a row's own values tell its record's state. A pending invitation means one thing to who came by it, and
    /// another to who was there.
    fn tells_state(&self, values: &Given) -> bool {
        let given = |column: &str| values.iter().rfind(|(f, _)| f.column == column).map(|(_, v)| v);
        let is_told = STATE.iter().all(|column| self.desc.field(column).is_none() || given(column).is_some());
        is_told && given("invited_at").is_none_or(Value::is_null)
    }
}

impl Import {
    /// Rejects rows that say another status than their records have, or will have by them.
    pub(super) async fn check_states(
        &self,
        tx: &mut Tx<'_>,
        plan: &Plan,
        piece: &mut [Parsed],
        held: &[(Value, Given)],
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
        for ((row, (_, values)), found) in piece.iter_mut().zip(held).zip(matches) {
            let is_read = row.unread.iter().all(|f| !STATE.contains(&f.column));
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
