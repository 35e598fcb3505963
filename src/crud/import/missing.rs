//! Records that are made on the way, because rows refer to them and they are not there.

use anyhow::Result;

use crate::model::resource::Record;
use crate::store::import::stage::Stage;
use crate::store::tx::Tx;

/// A record to be made, if a row that is loaded refers to it.
pub struct MissingRecord {
    /// The references that mean it: which, and the word that they give.
    pub words: Vec<(usize, String)>,
    pub record: Record,
    /// What comes with it.
    pub parts: Vec<Record>,
}

/// Makes those to which a row refers that is loaded. What they are called.
pub async fn create(tx: &mut Tx<'_>, stage: &Stage, missing: &[MissingRecord]) -> Result<Vec<String>> {
    let mut made = Vec::new();
    for MissingRecord { words, record, parts } in missing {
        let mut is_wanted = false;
        for (i, word) in words {
            is_wanted = is_wanted || stage.is_wanted(tx.db, *i, word).await?;
        }
        if !is_wanted {
            continue;
        }
        let (mut record, target, org) = (record.clone(), record.desc, record.meta.org_id);
        if let Some((field, _)) = target.generated().filter(|(f, _)| record.get(f.column).is_null()) {
            record.set(field.column, tx.generate_codes(target, org, 1, "").await?.pop().into());
        }
        let record = tx.insert(target, org, record.meta.id, record.values).await?;
        for part in parts {
            tx.insert(part.desc, org, part.meta.id, part.values.clone()).await?;
        }
        made.push(format!("{} ({})", record.title(), record.name()));
    }
    Ok(made)
}
