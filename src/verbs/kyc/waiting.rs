//! Of each person at most one record of a kind waits: rows of a file are held against that before they are written.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use uuid::Uuid;

use super::{DESC, Stored, waits_already};
use crate::model::kinds::kyc::{Kyc, KycKind};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::Resource as _;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::records::keys::{self, Among};
use crate::store::records::{self, Deleted};
use crate::store::tx::Tx;

/// What the rows of a file so far will have wait.
#[derive(Default)]
pub struct Waiting(Mutex<HashSet<(Uuid, KycKind)>>);

impl Waiting {
    /// The rows, each the word for its person and the kind of its paper, beside which one waits: in the file or in the database. A
    /// word that means nobody, or several, is refused by itself.
    pub async fn compared(
        &self,
        tx: &mut Tx<'_>,
        org: i32,
        context: &ParseContext,
        rows: &[(String, KycKind)],
    ) -> Result<Vec<(usize, Problem)>> {
        let words: HashSet<&str> = rows.iter().map(|(word, _)| word.as_str()).collect();
        let words: Vec<&str> = words.into_iter().collect();
        let among = Among { org: Some(org), life: Deleted::Exclude, now: true, context };
        let people = keys::ids(tx.db, User::DESCRIPTOR, among, &words).await?;
        let person = |word: &String| match people.get(word).map(Vec::as_slice) {
            Some([id]) => Some(*id),
            _ => None,
        };
        let ids: HashSet<Uuid> = rows.iter().filter_map(|(word, _)| person(word)).collect();
        let ids: Vec<Value> = ids.into_iter().map(Value::from).collect();
        let there = records::with_values(tx.db, DESC, Some(org), DESC.known("user_id")?, &ids).await?;
        let there = there.iter().map(Stored::<Kyc>::from_record).collect::<Result<Vec<_>, _>>()?;
        let there = there.iter().filter(|record| record.value.state.is_pending());
        let there: HashMap<(Uuid, KycKind), _> = there.map(|r| ((r.value.user_id.0, r.value.kind), r)).collect();
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = Vec::new();
        for (at, (word, kind)) in rows.iter().enumerate() {
            let Some(of) = person(word).map(|id| (id, *kind)) else { continue };
            if let Some(record) = there.get(&of) {
                faults.push((at, waits_already(record).field("user")));
            } else if !file.insert(of) {
                let sentence = format!("a row before has a paper of {word} of the kind {}", kind.as_str());
                faults.push((at, Problem::conflict(sentence).field("user")));
            }
        }
        Ok(faults)
    }
}
