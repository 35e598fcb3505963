//! How a reference lives with what it refers to: one table says what becomes of a row that refers to a record when
//! something happens to that record.
//!
//! | | deactivate | delete | restore | purge | merge |
//! | --- | --- | --- | --- | --- | --- |
//! | protects | stays | blocks | stays | detaches | repoints |
//! | duty | blocks | blocks | stays | detaches | repoints |
//! | keep | stays | stays | stays | stays | stays |
//! | within | stays | follows | follows | follows | repoints |

/// What binds a row to the record that it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// The record can't go while the row is there. A record that is inactive is not referred to anew, unless that is forced.
    Protects,
    /// The record, a person as a rule, is in charge: it must be in use, and hands the row over when it leaves.
    Duty,
    /// History: it outlives the record. The database holds no foreign key; a write checks that the record is there.
    Keep,
    /// The row is a part of the record: it goes with it, and returns if it went in the same deletion. One with several
    /// such references returns when the last of them is live again. What was removed by itself never returns with them.
    Within,
}

/// What happens to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetEvent {
    Deactivate,
    Delete,
    Restore,
    Purge,
    /// Another record takes its place.
    Merge,
}

/// What becomes of a row that refers to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consequence {
    /// Nothing.
    Stays,
    /// It stops the event, until it refers to another record, or to none where it may.
    Blocks,
    /// The same happens to it.
    Follows,
    /// It refers to nothing from then on, where it may; otherwise it must be gone before.
    Detaches,
    /// It refers to the record that takes the place.
    Repoints,
}

impl Lifetime {
    pub const ALL: [Lifetime; 4] = [Lifetime::Protects, Lifetime::Duty, Lifetime::Keep, Lifetime::Within];

    /// The table.
    pub const fn effect(self, event: TargetEvent) -> Consequence {
        use {Consequence as Row, Lifetime as Of, TargetEvent as On};
        match (self, event) {
            (Of::Keep, _) => Row::Stays,
            (Of::Duty, On::Deactivate) | (Of::Protects | Of::Duty, On::Delete) => Row::Blocks,
            (Of::Protects | Of::Within, On::Deactivate) | (Of::Protects | Of::Duty, On::Restore) => Row::Stays,
            (Of::Within, On::Delete | On::Restore | On::Purge) => Row::Follows,
            (Of::Protects | Of::Duty, On::Purge) => Row::Detaches,
            (Of::Protects | Of::Duty | Of::Within, On::Merge) => Row::Repoints,
        }
    }

    /// Whether the database itself holds that the record is there.
    pub const fn has_foreign_key(self) -> bool {
        !matches!(self, Lifetime::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cell, as the design has it.
    #[test]
    fn each_lifetime_has_its_effect() {
        use Consequence::{Blocks, Detaches, Follows, Repoints, Stays};
        let events = [
            TargetEvent::Deactivate,
            TargetEvent::Delete,
            TargetEvent::Restore,
            TargetEvent::Purge,
            TargetEvent::Merge,
        ];
        let table = [
            (Lifetime::Protects, [Stays, Blocks, Stays, Detaches, Repoints]),
            (Lifetime::Duty, [Blocks, Blocks, Stays, Detaches, Repoints]),
            (Lifetime::Keep, [Stays, Stays, Stays, Stays, Stays]),
            (Lifetime::Within, [Stays, Follows, Follows, Follows, Repoints]),
        ];
        assert_eq!(table.map(|(lifetime, _)| lifetime), Lifetime::ALL);
        for (lifetime, effects) in table {
            assert_eq!(events.map(|event| lifetime.effect(event)), effects, "{lifetime:?}");
        }
    }

    /// The table that the module's page shows is the one that holds.
    #[test]
    fn the_page_shows_the_table() {
        let shown = include_str!("lifetime.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
        let rows: Vec<Vec<String>> = shown
            .skip(2)
            .map(|row| row.split('|').map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect())
            .collect();
        let events = [
            TargetEvent::Deactivate,
            TargetEvent::Delete,
            TargetEvent::Restore,
            TargetEvent::Purge,
            TargetEvent::Merge,
        ];
        let word = |it: &dyn std::fmt::Debug| format!("{it:?}").to_lowercase();
        let holds: Vec<Vec<String>> = Lifetime::ALL
            .iter()
            .map(|l| std::iter::once(word(l)).chain(events.iter().map(|e| word(&l.effect(*e)))).collect())
            .collect();
        assert_eq!(rows, holds);
    }
}
