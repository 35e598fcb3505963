//! `kyc list`: what is to be looked at, the oldest first.

use anyhow::Result;

use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Besides, flags};
use crate::crud::read::{self, list_where};
use crate::model::resource::Descriptor;
use crate::store::records::query::{Condition, Op, column};
use crate::store::records::{filter_columns, live_orgs};

flags! {
    /// The flags of `kyc list`.
    pub struct QueueFlags {
        list: read::ListFlags,
    }
}

impl Besides for QueueFlags {
    type Of = read::ListFlags;

    fn about(_: &Descriptor) -> String {
        "List what is to be looked at, the oldest first; with --filter, all KYC records that it names".to_owned()
    }

    fn examples(_: &Descriptor) -> String {
        "orgctl kyc list\norgctl kyc list --filter 'in_branch=MUM01 kind=pan status=submitted'\norgctl kyc list --filter 'user=asha@sahyadri.example'"
            .to_owned()
    }

    async fn run(mut self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        gate::allow(s)?;
        let rows = &mut self.list.rows;
        let is_queue = rows.which.filter.filter.is_none() && !rows.deletions.deleted && !rows.deletions.with_deleted;
        let mut conditions = Vec::new();
        if is_queue {
            let column = column(&filter_columns(desc), "open")?.clone();
            conditions.push(Condition { column, op: Op::Is, values: vec![true.into()] });
        }
        if rows.sort.sort.is_none() {
            rows.sort.sort = Some("submitted_at".to_owned());
        }
        if s.org_of(desc).await?.is_none()
            && let [(org, _)] = live_orgs(s.db().await?, 2).await?.as_slice()
        {
            // The one that there is: its records stand in the order of the index.
            conditions.push(Condition::of_org(*org));
        }
        list_where(s, desc, &self.list, conditions).await
    }
}
