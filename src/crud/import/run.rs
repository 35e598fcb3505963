//! An import under the lock, in phases that are called in a row: begin, read, check, create, update, finish.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::arguments::{Import, OnConflict, Report};
use super::missing::MissingRecord;
use super::rows::ImportPlan;
use super::secrets::{SecretKeeper, Secrets};
use crate::crud::write::described;
use crate::model::kinds::org::SYSTEM;
use crate::model::resource::{Attr, Descriptor, Field, Record};
use crate::model::setting::Settings;
use crate::model::values::scalar::ParseContext;
use crate::store::import::stage::{self, Stage};
use crate::store::records::settings;
use crate::store::tx::Tx;

/// Rows that are written together.
pub const BATCH: usize = 250;

/// The same where each row's password is hashed.
pub const HASHED_BATCH: usize = 32;

/// Pieces of work that wait for the other thread.
pub const CHANNEL_DEPTH: usize = 2;

/// A record that holds no more, since its time has passed.
#[derive(Debug)]
pub struct Expired {
    pub(super) record: Record,
    /// The rows that take its place.
    pub(super) rows: Vec<u64>,
}

/// One import, from the lock to the commit.
pub struct Run<'a> {
    pub import: &'a Import,
    pub desc: &'static Descriptor,
    pub settings: Settings,
    pub plan: Arc<ImportPlan>,
    pub stage: Stage,
    pub report: Report,
    /// What is made before the rows are, as far as they refer to it.
    pub missing: Vec<MissingRecord>,
    /// The records that rows stand for and that were there, where they are to be known.
    pub matched: Option<HashSet<Uuid>>,
    /// Members of lists that earlier files described: the description of now takes their place.
    pub described: HashSet<Uuid>,
    /// Whether a change takes something away that the limit of leavers counts.
    pub loses: fn(&Record, &Record, DateTime<Utc>) -> bool,
    /// The records of which it did.
    pub losing: Vec<Uuid>,
    /// New organisations: their numbers and ids.
    pub founded: Vec<(i32, Uuid)>,
    /// Those that hold no more, and whose places rows take.
    pub(super) expired: BTreeMap<(i32, Uuid), Expired>,
}

/// Whether what had access to what the organisation has, or was in use, is so no longer.
pub fn loses_access(before: &Record, after: &Record, at: DateTime<Utc>) -> bool {
    before.has_access(at) && !after.has_access(at)
}

impl<'a> Run<'a> {
    /// How rows are read, and where they are held against each other and against what is there.
    pub async fn begin(
        tx: &mut Tx<'_>,
        import: &'a Import,
        keeper: Option<&'static dyn SecretKeeper>,
    ) -> Result<Run<'a>> {
        let desc = described(tx, &import.noun)?;
        if import.is_first_part() {
            stage::forget_rejects(tx.db).await?;
        }
        let settings = settings::for_org(tx.db, import.org.unwrap_or(SYSTEM)).await?;
        let context = ParseContext { zone: tx.zone(), ..settings.rules()? };
        let mut plan = import.plan(desc, &context)?;
        if let Some((column, keeper)) = import.secret.zip(keeper) {
            plan.secrets = Some(Secrets { column, rules: keeper.rules(&settings)?, keeper });
        }
        let stage = import.stage(tx, desc, &plan).await?;
        plan.named = stage.lookup_fields().to_vec();
        let acting = import.org.and_then(|org| tx.acting_user(org));
        for (value, field) in plan.blank.iter_mut().zip(desc.fields) {
            match acting {
                Some(acting) if field.has(Attr::FromActor) => *value = acting.into(),
                _ if field.has(Attr::FromClock) => *value = tx.at().into(),
                _ => {}
            }
        }
        plan.mostly_new = !stage.matches_records();
        plan.at = tx.at();
        plan.today = tx.today();
        Ok(Run {
            import,
            desc,
            settings,
            plan: Arc::new(plan),
            stage,
            report: Report::default(),
            missing: Vec::new(),
            matched: None,
            described: HashSet::new(),
            loses: loses_access,
            losing: Vec::new(),
            founded: Vec::new(),
            expired: BTreeMap::new(),
        })
    }
}

impl Import {
    /// Where rows are held against each other, and against what is there.
    async fn stage(&self, tx: &mut Tx<'_>, desc: &'static Descriptor, plan: &ImportPlan) -> Result<Stage> {
        let mut held: Vec<&'static Field> = Vec::new();
        let brings = tx.kinds().brings(desc);
        if self.on_conflict == OnConflict::Update || (self.on_conflict == OnConflict::Error && brings) {
            let by_key = |f: &&&Field| !plan.references.iter().any(|r| r.by.is_some() && r.field.column == f.column);
            let given = plan.columns.iter().flatten().chain(plan.constants.iter().map(|(f, _)| f));
            // Whether a flag still holds depends on the time too, which the row alone does not tell.
            held.extend(given.filter(by_key).filter(|f| f.ends().is_none()));
            held.extend(plan.set_by_status());
        }
        let (keys, references) = ((plan.key, plan.others.clone()), plan.references.clone());
        let stage = Stage::new(tx.db, desc, self.org, keys, references, &held, &plan.context).await?;
        let lists = plan.lists.iter().map(|(column, reference)| (&desc.lists[column.list], *reference));
        let stage = stage.listing(lists.collect()).telling_key(plan.key_name(desc), plan.key_column());
        Ok(stage.accepting_inactive(tx.accepts_inactive()))
    }
}
