//! What only the imports of some kinds say.

use super::arguments::Whole;
use super::nested::Nested;
use super::secrets::SecretKeeper;
use crate::crud::remove::Mode;
use crate::model::values::value::ValueType;

/// What only the imports of some kinds say of their files.
#[derive(Default)]
pub struct Terms {
    /// The column that holds codes under the name of another key.
    pub code: Option<usize>,
    /// Whether what columns hold of secrets is set of records that are there too.
    pub resets_secrets: bool,
    /// Who keeps secrets that columns may hold.
    pub secrets: Option<&'static dyn SecretKeeper>,
    pub whole: Option<Whole>,
    /// What becomes of what those are in charge of that are deactivated.
    pub mode: Mode,
    /// Columns whose cells hold rows of other kinds.
    pub nested: &'static [Nested],
    pub sealed: Option<SealedColumns>,
    /// The fields that columns fill at all, where they are not all.
    pub fills: Option<&'static [&'static str]>,
}

/// Columns that fill no field as they are: what they hold is sealed, or says how.
#[derive(Clone, Copy)]
pub struct SealedColumns {
    /// What a column holds, by its header.
    pub find: fn(&str) -> Option<&'static str>,
    /// What they are called where a file is made for it.
    pub names: &'static [&'static str],
    /// Those that hold days or moments.
    pub dated: &'static [(&'static str, ValueType)],
}
