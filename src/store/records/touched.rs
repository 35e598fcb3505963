//! What a transaction wrote: which rows, and which of their columns. A rule is held against a row only where a column was
//! written that it reads.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::model::resource::Descriptor;
use crate::store::records;

/// The column that tells whether a row is live.
pub const DELETED: &str = "deleted_at";

/// Columns of one kind, by their places among [`records::stored_columns`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Columns(u128);

impl Columns {
    /// Those that a new row has been given: all but what tells that it is deleted.
    pub fn of_new(desc: &Descriptor) -> Columns {
        Columns(!Columns::by_names(desc, [DELETED]).0)
    }

    /// Columns by their names; one that is not stored can't be written.
    pub fn by_names<'a>(desc: &Descriptor, names: impl IntoIterator<Item = &'a str>) -> Columns {
        let stored = records::stored_columns(desc);
        let mut columns = Columns::default();
        for name in names {
            if let Some(place) = stored.iter().position(|(stored, _)| *stored == name) {
                columns.add(place);
            }
        }
        columns
    }

    /// Adds the column at a place. All from the 128th on share a bit: then a rule is held too often, never too seldom.
    pub fn add(&mut self, place: usize) {
        self.0 |= 1 << place.min(127);
    }

    pub fn intersects(self, other: Columns) -> bool {
        self.0 & other.0 != 0
    }
}

/// A row that a transaction wrote.
#[derive(Debug, Clone)]
pub struct Touched {
    pub desc: &'static Descriptor,
    pub org: i32,
    pub id: Uuid,
    pub columns: Columns,
}

/// The rows of one kind that were written, each once, with all columns that were.
pub struct TouchedRows(BTreeMap<(i32, Uuid), Columns>);

impl TouchedRows {
    pub fn of(desc: &Descriptor, touched: &[Touched]) -> TouchedRows {
        let mut rows: BTreeMap<(i32, Uuid), Columns> = BTreeMap::new();
        for t in touched.iter().filter(|t| t.desc == desc) {
            rows.entry((t.org, t.id)).or_default().0 |= t.columns.0;
        }
        TouchedRows(rows)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has to do with them, of some that each read some columns: by those that do, and by organisation, at most `most`
    /// rows together.
    pub fn concerned(&self, reads: &[Columns], most: usize) -> Vec<(Vec<usize>, i32, Vec<Uuid>)> {
        let mut alike: BTreeMap<(Vec<usize>, i32), Vec<Uuid>> = BTreeMap::new();
        let mut known: BTreeMap<u128, Vec<usize>> = BTreeMap::new();
        for ((org, id), written) in &self.0 {
            let concerned = known.entry(written.0).or_insert_with(|| {
                let of_row = reads.iter().enumerate().filter(|(_, read)| read.intersects(*written));
                of_row.map(|(place, _)| place).collect()
            });
            if !concerned.is_empty() {
                alike.entry((concerned.clone(), *org)).or_default().push(*id);
            }
        }
        let chunks = |((concerned, org), ids): ((Vec<usize>, i32), Vec<Uuid>)| {
            let some = ids.chunks(most).map(|some| (concerned.clone(), org, some.to_vec()));
            some.collect::<Vec<_>>()
        };
        alike.into_iter().flat_map(chunks).collect()
    }

    /// Those of which one of some columns was written, by organisation, at most `most` together.
    pub fn with(&self, columns: Columns, most: usize) -> Vec<(i32, Vec<Uuid>)> {
        let places: Vec<(i32, Uuid)> =
            self.0.iter().filter(|(_, written)| written.intersects(columns)).map(|(place, _)| *place).collect();
        let of_org = places.chunk_by(|a, b| a.0 == b.0).flat_map(|same| same.chunks(most));
        of_org.map(|some| (some[0].0, some.iter().map(|(_, id)| *id).collect())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::branch::Branch;
    use crate::model::resource::Resource as _;

    #[test]
    fn rows_are_found_by_what_was_written_of_them() {
        let desc = Branch::DESCRIPTOR;
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let wrote = |org, id, columns| Touched { desc, org, id, columns };
        let (name, city) = (Columns::by_names(desc, ["name"]), Columns::by_names(desc, ["city", "no column"]));
        let rows = TouchedRows::of(
            desc,
            &[wrote(2, a, name), wrote(1, b, city), wrote(2, a, city), wrote(1, c, Columns::of_new(desc))],
        );
        assert_eq!(rows.with(name, 9), [(1, vec![c]), (2, vec![a])]);
        assert_eq!(rows.with(city, 1), [(1, vec![b]), (1, vec![c]), (2, vec![a])]);
        assert_eq!(rows.with(Columns::default(), 9), []);
        // Rows that the same has to do with are asked about together.
        let concerned = rows.concerned(&[name, city, Columns::default()], 9);
        assert_eq!(concerned, [(vec![0, 1], 1, vec![c]), (vec![0, 1], 2, vec![a]), (vec![1], 1, vec![b])]);
        assert_eq!(rows.concerned(&[Columns::default()], 9), []);
        // No column is lost where there are many.
        let (mut far, mut farther) = (Columns::default(), Columns::default());
        far.add(300);
        farther.add(301);
        assert!(far.intersects(farther) && far.intersects(Columns::of_new(desc)) && !far.intersects(name));
        // A new row is in its organisation, and not deleted.
        assert!(Columns::of_new(desc).intersects(Columns::by_names(desc, ["org_id"])));
        assert!(!Columns::of_new(desc).intersects(Columns::by_names(desc, [DELETED])));
    }
}
