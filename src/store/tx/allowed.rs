//! What the one who writes may do, and see.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Tx;
use crate::model::resource::{Descriptor, Record};
use crate::store::Result;
use crate::store::records;

impl Tx<'_> {
    /// Asks whether the command may act on records, whatever it then does to them.
    pub async fn authorize(&mut self, records: &[Record]) -> Result<()> {
        if self.asked.is_asked() {
            self.flush().await?;
        }
        self.asked.may_act_on(self.db, records).await
    }

    /// Of some records, those that the command may not change, or may not even see: a row of a file that stands for one is
    /// rejected by itself.
    pub async fn out_of_reach(&mut self, desc: &'static Descriptor, org: i32, ids: &[Uuid]) -> Result<BTreeSet<Uuid>> {
        self.asked.out_of_reach(self.db, desc, org, ids).await
    }

    /// From here on what is the program's own is written too: by its seeds alone, and where an organisation goes or returns
    /// with all that is in it.
    pub fn write_protected(&mut self, does: bool) {
        self.protection.is_lifted = does;
        self.asked.is_lifted = does;
    }

    /// Refuses what was made, changed or taken away of the parts of what is the program's own.
    pub async fn refuse_defining(&mut self) -> Result<()> {
        self.protection.refuse_defining(self.db).await
    }

    /// Lets branches and departments that are inactive take new ones, as `--force` says.
    pub fn accept_inactive(&mut self, force: bool) {
        self.references.takes_unused = force;
    }

    pub fn accepts_inactive(&self) -> bool {
        self.references.takes_unused
    }

    /// What a record is called, as far as that may be told.
    pub async fn title_as_told(&mut self, record: &Record) -> Result<String> {
        let hidden = records::hidden(self.db, record.desc, std::slice::from_ref(record)).await?;
        Ok(if hidden.is_empty() { record.title() } else { format!("{} that you can't see", record.desc.indefinite()) })
    }
}
