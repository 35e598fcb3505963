//! Records that hold somebody's data.

use anyhow::Result;
use uuid::Uuid;

use crate::model::kinds::Kinds;
use crate::model::resource::{Descriptor, Record};
use crate::store::engine::db::Db;
use crate::store::records;

/// All records whose subject is somebody, known by some ids, in the order of the kinds: live, ended and deleted ones, and
/// those of journals. That of the person is not among them.
pub async fn records_of(
    db: &mut Db,
    kinds: Kinds,
    person: &'static Descriptor,
    org: i32,
    ids: &[Uuid],
) -> Result<Vec<Record>> {
    let mut all = Vec::new();
    for desc in kinds.resources() {
        let Some(field) = desc.subject_field().filter(|f| f.target() == Some(person)) else { continue };
        for id in ids {
            all.extend(records::referring(db, desc, field, org, *id).await?);
        }
    }
    Ok(all)
}
