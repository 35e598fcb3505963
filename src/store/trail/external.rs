//! Records that other programs have to say something about: they share the trail.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use crate::model::random::bytes;
use crate::model::trail::audit::{Event, KIND, Payload};
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::tx::Tx;

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExternalEvent {
    pub action: String,
    pub kind: String,
    /// Which thing of that kind, by the name that its own application has for it.
    pub key: Option<String>,
    /// Its id, where it is one of ours or has one of its own.
    pub id: Option<Uuid>,
    /// Whose data it holds.
    pub subject: Option<Uuid>,
    pub old: Option<Map<String, Json>>,
    pub new: Option<Map<String, Json>>,
    pub details: Map<String, Json>,
}

/// A thing of another application has no UUID: it gets one by what it is called. Without the organisation's key nobody
/// can try names against the id, which the header tells in clear.
fn id_of(key: &[u8], kind: &str, name: &str) -> Uuid {
    let hash = Sha256::new_with_prefix(key).chain_update(kind).chain_update([0]).chain_update(name).finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(first).into_uuid()
}

/// The key of an organisation for such ids; none before the first.
async fn key_of(db: &mut Db, org: i32) -> Result<Option<Vec<u8>>> {
    let sql = Sql::new("select key from code_counters where org_id = $1 and kind = $2").with([org.into(), KIND.into()]);
    db.first(sql.yields([ValueType::Bytes])).await?.map(|row| Ok(row.bytes(0)?.to_vec())).transpose()
}

/// The id that a thing of another application has in the trail; none where nothing was ever recorded so.
pub async fn id(db: &mut Db, org: i32, kind: &str, name: &str) -> Result<Option<Uuid>> {
    Ok(key_of(db, org).await?.map(|key| id_of(&key, kind, name)))
}

impl Tx<'_> {
    /// Appends what another program has to say.
    pub async fn append_external(&mut self, org: i32, all: &[ExternalEvent]) -> Result<()> {
        let key = match key_of(self.db, org).await? {
            Some(key) => key,
            None => {
                let key: [u8; 16] = bytes(self.random());
                let sql = Sql::new("insert into code_counters (org_id, kind, next, key) values ($1, $2, 0, $3)");
                self.db.execute(sql.with([org.into(), KIND.into(), Value::from(key.to_vec())])).await?;
                key.to_vec()
            }
        };
        for o in all {
            let named = o.key.as_deref().map(|name| id_of(&key, &o.kind, name));
            let payload =
                Payload { key: o.key.clone(), old: o.old.clone(), new: o.new.clone(), details: o.details.clone() };
            let id = o.id.or(named).unwrap_or_default();
            let subject = match o.subject {
                Some(subject) => subject,
                None => self.subject_of(org, &o.kind, id).await?,
            };
            let event = Event::without_effect(&o.action, &o.kind, id).about(subject);
            self.append_later(org, event, payload).await?;
        }
        self.flush().await
    }
}
