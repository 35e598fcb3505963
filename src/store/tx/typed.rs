//! Rows as the structs of their kinds.

use uuid::Uuid;

use super::Tx;
use crate::model::resource::Resource;
use crate::model::resource::stored::Stored;
use crate::model::trail::audit::ChangeNote;
use crate::store::Result;

impl Tx<'_> {
    /// As [`Tx::load`], of a kind that the caller knows.
    pub async fn load_as<T: Resource>(&mut self, org: i32, id: Uuid) -> Result<Option<Stored<T>>> {
        let record = self.load(T::DESCRIPTOR, org, id).await?;
        Ok(record.as_ref().map(Stored::from_record).transpose()?)
    }

    /// As [`Tx::update`]: what differs is written, and `None` where nothing does.
    pub async fn update_as<T: Resource + Clone>(
        &mut self,
        before: &Stored<T>,
        after: T,
        telling: impl Into<ChangeNote>,
    ) -> Result<Option<Stored<T>>> {
        let record = self.update(&before.record(), before.with(after).into_record(), telling).await?;
        Ok(record.as_ref().map(Stored::from_record).transpose()?)
    }
}
