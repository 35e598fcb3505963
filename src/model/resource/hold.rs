//! How long records must be kept by law, whoever wants them to go.

use super::Record;
use crate::model::setting::Setting;

/// What a kind says of it.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    /// The field of the person that a record is about which says from when on it counts; until then it has not begun.
    pub since: &'static str,
    pub days: Setting<u32>,
    /// States in which nothing is kept yet.
    pub free: &'static [&'static str],
    /// The rule, as a sentence has it.
    pub rule: &'static str,
}

impl Record {
    /// The rule that keeps it.
    pub fn hold(&self) -> Option<Hold> {
        let hold = self.desc.hold?;
        let state = self.desc.states.and_then(|(column, _)| self.get(column).as_text());
        let is_free = state.is_some_and(|word| hold.free.contains(&word));
        (!is_free).then_some(hold)
    }
}
