//! Many new rows at once, and the codes and numbers of new rows.

use uuid::Uuid;

use super::bulk_writer::{self, Loaders, PreparedRow};
use super::{Tx, authorizer};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Field, Resource as _};
use crate::store::Result;
use crate::store::records::touched::{Columns, Touched};
use crate::store::schema::deferred::DeferredConstraints;

impl Tx<'_> {
    /// Codes for new records of an organisation, by its counter: none that a record has, and none that `besides`, a query,
    /// yields. A counter is volatile: its row has no audit record.
    pub async fn generate_codes(
        &mut self,
        desc: &'static Descriptor,
        org: i32,
        wanted: usize,
        besides: &str,
    ) -> Result<Vec<String>> {
        self.codes.codes(self.db, desc, org, wanted, besides).await
    }

    /// The next number within a record, for a new one that is counted there.
    pub async fn next_number(&mut self, desc: &'static Descriptor, org: i32, within: Uuid) -> Result<i64> {
        self.flush().await?;
        self.codes.next_number(self.db, desc, org, within).await
    }

    /// The same for many that are written later.
    pub async fn next_numbers(&mut self, desc: &'static Descriptor, org: i32, within: &[Uuid]) -> Result<Vec<i64>> {
        self.codes.next_numbers(self.db, desc, org, within).await
    }

    /// Tells the engine how many rows there are now, where many are new.
    pub async fn analyze(&mut self, desc: &'static Descriptor, new_rows: u64) -> Result<()> {
        self.flush().await?;
        bulk_writer::analyze(self.db, desc.table, new_rows).await
    }

    /// Drops the indexes of tables that are about to grow to more than twice their size, to be made again when they have;
    /// those over `forward` stay.
    pub async fn drop_indexes(
        &mut self,
        desc: &'static Descriptor,
        new_rows: u64,
        forward: &[&Field],
    ) -> Result<Vec<String>> {
        bulk_writer::drop_indexes(self.db, desc, new_rows, forward).await
    }

    /// Makes the indexes again that were set aside, by their own text.
    pub async fn recreate_indexes(&mut self, indexes: Vec<String>) -> Result<()> {
        bulk_writer::recreate_indexes(self.db, indexes).await
    }

    /// Writes new rows of one kind that were made elsewhere, with their audit records and search words. They are there
    /// once [`Tx::write_loaded`] was called.
    pub async fn write_batch(&mut self, loaders: &mut Loaders, rows: Vec<PreparedRow>) -> Result<()> {
        self.flush().await?;
        self.protection.keep_from(loaders.desc, loaders.org, &rows)?;
        self.asked.may_draw_in_all(self.db, loaders.desc, &rows).await?;
        self.asked.may_load(loaders.desc, loaders.org, &rows)?;
        if let Some(bound) = self.bound() {
            let drawn = authorizer::drawn_in_by(loaders.desc, &rows).map(|person| (User::DESCRIPTOR, person));
            self.bounded.placing(self.db, &bound, drawn).await?;
            self.bounded.loaded(&bound, loaders.desc, &rows)?;
        }
        if loaders.are_few {
            let (desc, org) = (loaders.desc, loaders.org);
            let touched = |row: &PreparedRow| Touched { desc, org, id: row.id(), columns: Columns::of_new(desc) };
            for row in &rows {
                self.rows.touch(touched(row));
            }
        }
        self.bulk.write(self.db, loaders, rows).await
    }

    /// Writes what loaders have gathered.
    pub async fn write_loaded(&mut self, loaders: &mut Loaders) -> Result<()> {
        self.bulk.write_loaded(self.db, loaders).await
    }

    /// Writes new rows without their audit records, to find those that the database refuses. To be undone by
    /// [`Tx::roll_back_to`].
    pub async fn probe(
        &mut self,
        loaders: &mut Loaders,
        rows: Vec<PreparedRow>,
        late: &DeferredConstraints,
    ) -> Result<Vec<(PreparedRow, Problem)>> {
        bulk_writer::probe(self.db, loaders, rows, late).await
    }
}
