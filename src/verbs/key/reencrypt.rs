//! Sealing everything anew: by new keys of all subjects, and under new blind indexes.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

use super::KIND;
use super::rotate::{organisations, told};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::vault::{Cell, IndexKeys, Keyring, Opener, Vault};
use crate::crud::write::dry_run_note;
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::Descriptor;
use crate::model::sealing::{Purpose, key_of};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, hex};
use crate::store::keys;
use crate::store::records;
use crate::store::records::sealed::{self, SealedRow};
use crate::store::tx::Tx;

/// Rows that are sealed anew in one transaction.
const TOGETHER: usize = 2_000;

const NEEDS_KEY: &str = "it needs the master key";

/// The kinds that have something sealed.
fn sealing_kinds(kinds: Kinds) -> Vec<&'static Descriptor> {
    kinds.resources().filter(|desc| !sealed::columns(desc).is_empty()).collect()
}

/// Lets new keys be made for everything in an organisation. The old ones open and find what is not written anew yet.
#[derive(Debug, Serialize, Deserialize)]
struct Begin {
    #[serde(skip)]
    vault: Vault,
    org: i32,
}

impl Verb for Begin {
    const NAME: &str = "key reencrypt begin";

    /// Whether it was begun before.
    type Output = bool;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some(NEEDS_KEY)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<bool> {
        if !keys::retired(tx.db, self.org, Purpose::Data).await?.is_empty() {
            return Ok(true);
        }
        let own = self.vault.org_keys_or_new(tx, self.org).await?;
        tx.retire_all_keys(self.org, Purpose::Data).await?;
        let columns = keys::indexed(tx.db, self.org).await?;
        tx.retire_all_keys(self.org, Purpose::Index).await?;
        for column in columns {
            own.new_index_key(tx, self.org, &column).await?;
        }
        tx.keys_are_told_together();
        Ok(false)
    }
}

/// Seals some rows of a kind anew.
#[derive(Debug, Serialize, Deserialize)]
struct SealSome {
    #[serde(skip)]
    vault: Vault,
    org: i32,
    noun: String,
    /// Behind which id.
    after: Uuid,
}

/// How far it came.
struct Resealed {
    rows: u64,
    last: Uuid,
}

impl Verb for SealSome {
    const NAME: &str = "key reencrypt some";

    type Output = Resealed;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some(NEEDS_KEY)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Resealed> {
        let desc = tx.kinds().by_noun(&self.noun).ok_or_else(|| anyhow::anyhow!("there is no kind {}", self.noun))?;
        let work = Work::of(desc);
        let rows = sealed::rows(tx.db, desc, &work.names, self.org, self.after, TOGETHER).await?;
        let done = Resealed { rows: rows.len() as u64, last: rows.last().map_or(self.after, |row| row.id) };
        let used: BTreeSet<Uuid> = rows.iter().flat_map(|row| work.keys(row)).collect();
        let old: BTreeSet<Uuid> =
            keys::find(tx.db, self.org, keys::Which::Ids(&used.iter().copied().collect::<Vec<_>>()))
                .await?
                .iter()
                .filter(|key| key.retired_at.is_some())
                .map(|key| key.id)
                .collect();
        let rows: Vec<SealedRow> =
            rows.into_iter().filter(|row| work.keys(row).any(|key| old.contains(&key))).collect();
        if rows.is_empty() {
            return Ok(done);
        }
        let subjects: Vec<Uuid> = rows.iter().map(|row| row.subject).collect();
        let anew = Anew {
            opener: self.vault.opener(tx.db, self.org, used).await?,
            ring: self.vault.keyring(tx, self.org, &subjects).await?,
            indexes: work.indexes(&self.vault, tx, self.org).await?,
        };
        let rows = rows.into_iter().map(|row| work.anew(tx, &anew, row)).collect::<Result<_>>()?;
        tx.reseal(desc.table, &work.names, self.org, rows).await?;
        tx.keys_are_told_together();
        Ok(done)
    }
}

/// What opens and seals.
struct Anew {
    opener: Opener,
    ring: Keyring,
    indexes: HashMap<&'static str, IndexKeys>,
}

/// The columns of a kind that are sealed, and their indexes.
struct Work {
    desc: &'static Descriptor,
    names: Vec<&'static str>,
    /// Of each sealed column its place in the names, and that of its index.
    columns: Vec<(usize, Option<usize>)>,
}

impl Work {
    fn of(desc: &'static Descriptor) -> Work {
        let mut work = Work { desc, names: Vec::new(), columns: Vec::new() };
        for (field, index) in sealed::columns(desc) {
            let place = work.names.len();
            work.names.push(field.column);
            work.names.extend(index);
            work.columns.push((place, index.map(|_| place + 1)));
        }
        work
    }

    /// The keys that a row is sealed by.
    fn keys(&self, row: &SealedRow) -> impl Iterator<Item = Uuid> {
        self.columns.iter().filter_map(|(at, _)| key_of(row.values[*at].as_bytes()?)).collect::<Vec<_>>().into_iter()
    }

    async fn indexes(&self, vault: &Vault, tx: &mut Tx<'_>, org: i32) -> Result<HashMap<&'static str, IndexKeys>> {
        let mut found = HashMap::new();
        for (at, index) in &self.columns {
            if index.is_some() {
                let column = self.names[*at];
                found.insert(column, vault.index_keys(tx, org, self.desc.table, column).await?);
            }
        }
        Ok(found)
    }

    fn anew(&self, tx: &Tx<'_>, anew: &Anew, row: SealedRow) -> Result<(Uuid, Vec<Value>)> {
        let mut values = row.values;
        for (at, index) in &self.columns {
            let Some(bytes) = values[*at].as_bytes() else { continue };
            let column = self.names[*at];
            let cell = Cell { table: self.desc.table, column, row: row.id };
            let clear = anew.opener.open(&cell, bytes)?;
            values[*at] = Value::Bytes(anew.ring.seal(row.subject, &cell, &clear, tx.random())?);
            let Some(index) = *index else { continue };
            let (Some(found), Some(keys)) = (values[index].as_bytes(), anew.indexes.get(column)) else { continue };
            if !keys.lookups(&clear).iter().any(|lookup| lookup == found) {
                return Err(Problem::integrity(format!(
                    "the blind index of the {column} of {} is not that of its value",
                    row.id
                ))
                .hint("nothing of this batch was changed; 'orgctl key status' tells which keys there are")
                .into());
            }
            values[index] = Value::Bytes(keys.index(&clear).to_vec());
        }
        Ok((row.id, values))
    }
}

/// Lets the old keys go, and records the whole of it.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    org: i32,
    rows: u64,
}

impl Verb for End {
    const NAME: &str = "key reencrypt end";

    /// Indexes that stand under an old key too, since what they are of is not there any more.
    type Output = Vec<String>;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it ends what another command began")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<String>> {
        let mut kept = Vec::new();
        for desc in sealing_kinds(tx.kinds()) {
            for (field, index) in sealed::columns(desc) {
                if sealed::is_by_retired(tx.db, desc, self.org, field.column).await? {
                    let sentence = format!("{} came meanwhile that are sealed by old keys", desc.plural());
                    return Err(Problem::conflict(sentence).hint("give the command again").into());
                }
                if let Some(index) = index
                    && sealed::has_index_alone(tx.db, desc, self.org, field.column, index).await?
                {
                    kept.push(format!("{}.{}", desc.table, field.column));
                }
            }
        }
        let data = tx.destroy_retired_keys(self.org, Purpose::Data).await?;
        let mut indexes = 0;
        if kept.is_empty() {
            indexes = tx.destroy_retired_keys(self.org, Purpose::Index).await?;
        }
        let mut details: Map<_, _> = told(&keys::count(tx.db, Some(self.org)).await?);
        details.insert("verb".into(), "reencrypt".into());
        details.insert("rows".into(), self.rows.into());
        details.insert("destroyed".into(), json!({ "data": data, "index": indexes }));
        details.insert("digest".into(), hex(&keys::digest(tx.db, self.org).await?.0).into());
        tx.event(self.org, Action::KeyRotate, KIND, details).await?;
        Ok(kept)
    }
}

/// The flags of `key reencrypt`.
#[derive(clap::Args)]
pub struct ReencryptFlags {}

impl Leaf for ReencryptFlags {
    const SPEC: Spec = Spec {
        noun: "key",
        verb: "reencrypt",
        permission: "keys:reencrypt",
        writes: true,
        about: "Seal everything anew by new keys, and destroy the old ones",
        examples: "orgctl key reencrypt\norgctl key reencrypt --org ACME",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::KeyRotate);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let vault = Vault::of(s).await?;
        let counted = keys::count(s.db().await?, None).await?;
        let seals = |org| counted.iter().any(|c| c.org == org && matches!(c.purpose, Purpose::Data | Purpose::Index));
        for org in organisations(s).await?.into_iter().filter(|org| seals(*org)) {
            let code = records::org_code(s.db().await?, org).await?;
            let kinds = sealing_kinds(s.kinds());
            let mut all = 0;
            for desc in &kinds {
                all += sealed::count(s.db().await?, desc, org).await?;
            }
            if s.context.dry_run {
                s.context.ui.status(&format!("would seal {all} rows of {code} anew"));
                continue;
            }
            reencrypt(s, &vault, org, &code, (&kinds, all)).await?;
        }
        dry_run_note(s.context);
        Ok(())
    }
}

async fn reencrypt(
    s: &mut Invocation<'_>,
    vault: &Vault,
    org: i32,
    code: &str,
    (kinds, all): (&[&'static Descriptor], u64),
) -> Result<()> {
    if gate::write(s, &Begin { vault: vault.clone(), org }).await? {
        s.context.ui.status(&format!("going on with {code}, which was begun before"));
    }
    let progress = s.context.ui.progress();
    progress.part(&format!("sealing rows of {code}"), Some(all), "rows");
    let mut rows = 0;
    for desc in kinds {
        let mut after = Uuid::nil();
        loop {
            let verb = SealSome { vault: vault.clone(), org, noun: desc.noun.into(), after };
            let done = gate::write(s, &verb).await?;
            (after, rows) = (done.last, rows + done.rows);
            progress.set(rows);
            if done.rows < TOGETHER as u64 {
                break;
            }
        }
    }
    progress.finish();
    let kept = gate::write(s, &End { org, rows }).await?;
    s.context.ui.status(&format!("sealed {rows} rows of {code} anew, and destroyed the keys of before"));
    for column in kept {
        s.context.ui.status(&format!(
            "note: the old index key of {column} is kept: some numbers are looked up by it alone, since they themselves are not stored"
        ));
    }
    Ok(())
}
