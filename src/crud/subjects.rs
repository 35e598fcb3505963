//! Records that hold somebody's data.

use anyhow::Result;
use uuid::Uuid;

use crate::model::kinds::Kinds;
use crate::model::resource::{Descriptor, Record};
use crate::store::engine::db::Db;
use crate::store::records;

/// All records whose subject is somebody, known by some ids, in the order of the kinds: live, ended and deleted ones, and
/// those of journals; those that tell it through others, too. That of the person is not among them.
pub async fn records_of(
    db: &mut Db,
    kinds: Kinds,
    person: &'static Descriptor,
    org: i32,
    ids: &[Uuid],
) -> Result<Vec<Record>> {
    let mut all: Vec<Record> = Vec::new();
    for desc in kinds.resources().filter(|d| d.is_about(person)) {
        let Some(field) = desc.subject_field() else { continue };
        let of_holder = |r: &&Record| Some(r.desc) == field.target();
        let held: Vec<Uuid> = match desc.subject_holder() {
            Some(_) => all.iter().filter(of_holder).map(|r| r.meta.id).collect(),
            None => ids.to_vec(),
        };
        for id in held {
            all.extend(records::referring(db, desc, field, org, id).await?);
        }
    }
    Ok(all)
}
