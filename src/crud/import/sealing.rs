//! What columns give in clear and is kept sealed. It fills no field as it is: until the row is written it stands beside the values
//! of the row, in memory alone, and nothing of it is staged. What it is, and how it is sealed, the verb brings along.

use std::any::Any;
use std::sync::Arc;

use anyhow::Result;
use chrono::NaiveDate;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::secrets::Doing;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record};
use crate::model::trail::audit::Action;
use crate::store::import::match_target::Given;
use crate::store::tx::Tx;

/// What a row gives in clear.
pub type Clear = Box<dyn Any + Send>;

/// The cells of a row that are sealed: what each is, and what it says.
pub type Cells = Vec<(&'static str, Zeroizing<String>)>;

/// What a row gives in clear, beside its number and its other values.
pub type RowClear<'a> = (u64, &'a Clear, &'a Given);

/// Reads and seals what the rows of a kind give in clear.
pub trait Sealer: Send + Sync {
    /// The word under which new records are told.
    fn recorded(&self) -> Action;

    /// What the cells of a row say beside its other values, of which some follow from it. What is wrong never tells a piece of it.
    fn read(&self, cells: Cells, values: &mut Given, today: NaiveDate) -> Result<Clear, Problem>;

    /// The id that a row gives for the new record; none: another is made.
    fn id(&self, _: &Clear) -> Option<Uuid> {
        None
    }

    /// The kind of what is made with new records besides.
    fn beside(&self) -> Option<&'static Descriptor> {
        None
    }

    /// What is wrong with rows that only other rows and the database tell, by their places.
    fn compare<'a>(
        &'a self,
        tx: &'a mut Tx<'_>,
        org: i32,
        rows: &'a [RowClear<'a>],
    ) -> Doing<'a, Vec<(usize, Problem)>>;

    /// What seals new records that hold data of these subjects: their keys are made where there are none.
    fn prepare<'a>(&'a self, tx: &'a mut Tx<'_>, org: i32, subjects: &'a [Uuid]) -> Doing<'a, Arc<dyn RowSealer>>;
}

/// Seals new records, by keys that are there.
pub trait RowSealer: Send + Sync {
    /// What is made with the record besides, each with the salt of its audit record.
    fn seal(&self, record: &mut Record, clear: Clear) -> Result<Vec<(Record, [u8; 16])>>;
}

/// The columns of a file that are sealed, and by what.
pub struct Sealing {
    /// The place of each column, and what it holds.
    pub columns: Vec<(usize, &'static str)>,
    pub sealer: Arc<dyn Sealer>,
}
