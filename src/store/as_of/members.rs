//! Who the members of lists were: they are recorded by what they were called then, and may be called otherwise since.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use uuid::Uuid;

use crate::model::resource::Descriptor;
use crate::store::engine::db::Db;
use crate::store::records;

/// What happened, told backwards.
pub(super) enum MemberEvent {
    /// What may be a member was something else before.
    Member { id: Uuid, was_there: bool, code: Option<String>, live: Option<bool> },
    /// A list had these members before.
    List { table: &'static str, owner: Uuid, seq: i64, members: Vec<String> },
}

/// A list: its table and its owner.
type ListOwner = (&'static str, Uuid);

/// What the codes of live records stand for, while time runs backwards.
#[derive(Default)]
struct CodeHolders {
    /// Code and whether it is live, of all that has changed since.
    changed: HashMap<Uuid, (String, bool)>,
    live: HashMap<String, Uuid>,
}

impl CodeHolders {
    fn set(&mut self, id: Uuid, code: Option<String>, live: Option<bool>) {
        let entry = self.changed.entry(id).or_default();
        if self.live.get(&entry.0) == Some(&id) {
            self.live.remove(&entry.0);
        }
        *entry = (code.unwrap_or_else(|| std::mem::take(&mut entry.0)), live.unwrap_or(entry.1));
        if entry.1 {
            self.live.insert(entry.0.clone(), id);
        }
    }
}

/// The lists of a tree as they were before all these events, which come newest first, with the record that tells; no
/// members where one of them is not known.
pub(super) async fn members(
    db: &mut Db,
    targets: &[&'static Descriptor],
    tree: i32,
    events: Vec<MemberEvent>,
) -> Result<Vec<(ListOwner, i64, Option<Vec<Uuid>>)>> {
    let mut called = CodeHolders::default();
    let mut touched: HashSet<Uuid> = HashSet::new();
    touched.extend(events.iter().filter_map(|e| if let MemberEvent::Member { id, .. } = e { Some(*id) } else { None }));
    for desc in targets.iter().copied() {
        for record in records::with_record_ids(db, desc, touched.iter().map(|id| (tree, *id))).await? {
            called.set(record.meta.id, Some(record.key()), Some(record.meta.is_live()));
        }
    }
    // What has not changed since is called as it is now.
    let mut now: HashMap<String, Option<Uuid>> = HashMap::new();
    let mut found: HashMap<ListOwner, (i64, Option<Vec<Uuid>>)> = HashMap::new();
    for event in events {
        match event {
            MemberEvent::Member { id, was_there: false, .. } => called.set(id, None, Some(false)),
            MemberEvent::Member { id, code, live, .. } => called.set(id, code, live),
            MemberEvent::List { table, owner, seq, members } => {
                let mut ids = Some(Vec::new());
                for code in members {
                    let mut id = called.live.get(&code).copied();
                    if id.is_none() {
                        if !now.contains_key(&code) {
                            now.insert(code.clone(), present(db, targets, tree, &code).await?);
                        }
                        id = now.get(&code).copied().flatten().filter(|id| !touched.contains(id));
                    }
                    ids = ids.zip(id).map(|(mut ids, id)| {
                        ids.push(id);
                        ids
                    });
                }
                found.insert((table, owner), (seq, ids));
            }
        }
    }
    Ok(found.into_iter().map(|(of, (seq, ids))| (of, seq, ids)).collect())
}

/// The live record that is called so now.
async fn present(db: &mut Db, targets: &[&'static Descriptor], tree: i32, code: &str) -> Result<Option<Uuid>> {
    for desc in targets {
        let Some(key) = desc.key_field() else { continue };
        let found = records::with_value(db, desc, Some(tree), key, &code.into()).await?;
        if let Some(record) = found.first() {
            return Ok(Some(record.meta.id));
        }
    }
    Ok(None)
}
