//! Cells that name several records of another kind: the branches of a user.

use anyhow::Result;
use uuid::Uuid;

use super::BATCH;
use super::rows::Parsed;
use crate::model::kinds::org::SYSTEM;
use crate::model::resource::Record;
use crate::model::trail::audit::Action;
use crate::model::values::value::Value;
use crate::store::import::match_target::Match;
use crate::store::import::stage::Stage;
use crate::store::records::{self, people};
use crate::store::tx::Tx;

/// Holds lists against those that records have which are otherwise as the rows say.
pub async fn match_lists(tx: &mut Tx<'_>, org: Option<i32>, rows: Vec<(&mut Match, &Parsed)>) -> Result<()> {
    let ids: Vec<Uuid> = rows.iter().map(|(m, _)| m.id).collect();
    let there = people::further_branches_of(tx.db, org.unwrap_or(SYSTEM), &ids).await?;
    for (found, row) in rows {
        found.is_unchanged = there.get(&found.id).map_or(&[][..], Vec::as_slice) == row.list_members;
    }
    Ok(())
}

/// Gives a record the further members of its list that its row names; whether that changed anything.
pub async fn set_members(tx: &mut Tx<'_>, stage: &Stage, record: &Record, row: u64) -> Result<bool> {
    let members = stage.list_member_ids(tx.db, row).await?;
    tx.set_branches(record, &members, Action::Update).await
}

/// Gives new records the further members of their lists.
pub async fn set_new_members(tx: &mut Tx<'_>, stage: &Stage, org: i32) -> Result<()> {
    let mut last = 0;
    loop {
        let some = stage.with_list(tx.db, last, BATCH).await?;
        let Some((end, _)) = some.last() else { return Ok(()) };
        last = *end;
        let ids: Vec<Value> = some.iter().map(|(_, id)| (*id).into()).collect();
        let records = records::with_ids(tx.db, stage.desc(), Some(org), &ids).await?;
        for (n, id) in some {
            if let Some(record) = records.iter().find(|r| r.meta.id == id) {
                set_members(tx, stage, record, n).await?;
            }
        }
    }
}
