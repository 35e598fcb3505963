//! `kyc exposure`: whose sealed data somebody was shown, or a key protects that others may have, for the notice to the authority.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::DESC;
use super::redact::REDACT;
use super::seal::{NUMBER, NUMBER_INDEX, OWNERS};
use crate::crud::filter::known_actor;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::lookup::find_in;
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::{NAME, Record, Resource as _};
use crate::model::sealing::Purpose;
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::keys::{self, Which};
use crate::store::records::{self, Deleted};
use crate::store::trail::actors;
use crate::store::trail::exposure::{
    BackedUp, Doers, Exposure, Held, Told, add_backups, add_held, add_taken_out, backups, exposures, former_key, held,
    replaced_at,
};
use crate::ui::format::{Listing, OutputColumn};

/// People who are looked up together.
const TOGETHER: usize = 500;

/// Whose sealed data was revealed, exported or backed up by somebody, or is sealed under a key.
#[derive(clap::Args)]
pub struct ExposureFlags {
    /// Who was shown it: an actor as the trail names it, or a user, with whose rights others did it too (--as)
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// Id of a key that others may have, as 'key status' and exports tell it: the master key, an organisation's, a person's
    #[arg(long, value_name = "ID", conflicts_with = "actor")]
    pub key: Option<Uuid>,
    /// What was shown, and archives that were made, only since then: 30d, 2026-11-01
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
}

impl Leaf for ExposureFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "exposure",
        permission: "audit:read",
        writes: false,
        about: "Tell whose sealed data somebody was shown, or a key protects, as a notice to the authority needs it",
        examples: "orgctl kyc exposure --actor asha --since 30d\norgctl kyc exposure --actor asha -o csv > notice.csv\norgctl kyc exposure --key 38d31a02-395e-876e-852a-44f037cbd672 --since 2026-11-01",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let since = self.since.as_ref().map(|text| s.context.time(text)).transpose()?.map(|(from, _)| from);
        let org = s.the_trail().await?;
        let (found, shown) = match (&self.actor, self.key) {
            (Some(actor), _) => (of_actor(s, org, actor, since).await?, format!("shown to {actor}")),
            (None, Some(key)) => (of_key(s, org, key, since).await?, format!("sealed under {key}")),
            (None, None) => {
                return Err(Problem::usage("it is not said who was shown something, nor which key others have")
                    .hint("name the actor, --actor asha, or the key, --key ID; 'orgctl audit stats --by actor' lists actors")
                    .into());
            }
        };
        let mut listing = Listing::new(&s.context.ui, heads(), 0);
        let (many, found) = (found.len(), found.into_iter().collect::<Vec<_>>());
        for some in found.chunks(TOGETHER) {
            let people = people(s, org, some).await?;
            for (id, exposure) in some {
                listing.row(&s.context.ui, row(*id, people.get(id), exposure))?;
            }
        }
        listing.finish(&s.context.ui)?;
        s.context.ui.flush()?;
        match (many, self.key) {
            (0, _) => s.context.ui.status(&format!("the trail tells of nothing that was {shown}")),
            (1, None) => s.context.ui.status("one person's sealed data was shown"),
            (_, None) => s.context.ui.status(&format!("sealed data of {many} people was shown")),
            (1, _) => s.context.ui.status("one person's data is sealed under it, or was in an archive"),
            (..) => s.context.ui.status(&format!("data of {many} people is sealed under it, or was in an archive")),
        }
        if s.own_org().is_some() {
            s.context.ui.status("note: backups are the installation's, and are told to who may look at that");
        }
        Ok(())
    }
}

type Since = Option<DateTime<Utc>>;
type Found = BTreeMap<Uuid, Exposure>;

/// What the column of a record tells beside its sealed fields: what paper it is.
const KIND: &str = "kind";

/// What was shown to an actor: revealed, exported, and all that was in archives that he or she made.
async fn of_actor(s: &mut Invocation<'_>, org: i32, actor: &str, since: Since) -> Result<Found> {
    let user = match find_in(s, User::DESCRIPTOR, Some(org), actor, Deleted::Include).await {
        Ok(user) => Some(user.meta.id),
        Err(_) => None,
    };
    let db = s.db().await?;
    let by = Doers { actors: actors(db, actor).await?, name: actor.to_owned(), user };
    let mut found = exposures(db, org, &by, since).await?;
    let archives = backups(db, org, Some(&by), since).await?;
    if by.actors.is_empty() && by.user.is_none() && found.is_empty() && archives.is_empty() {
        // Of whom nobody knows anything it is not said that nothing was shown.
        known_actor(s, actor).await?;
    }
    let db = s.db().await?;
    if !archives.is_empty() {
        let held = all_held(db, org, None).await?;
        add_archives(db, org, (&held, &archives), &mut found).await?;
    }
    Ok(found)
}

/// Adds whose sealed data was in archives, Aadhaar numbers too that were taken out since ('kyc redact').
async fn add_archives(
    db: &mut Db,
    org: i32,
    (held, archives): (&BTreeMap<Uuid, Held>, &[BackedUp]),
    found: &mut Found,
) -> Result<()> {
    add_backups(db, DESC, org, (held, archives), found).await?;
    let columns = (NUMBER, NUMBER_INDEX, KIND);
    Ok(add_taken_out(db, DESC, org, (REDACT, columns, archives), found).await?)
}

/// Whose data a key protects.
enum Protected {
    Everybody,
    /// Nil: the organisation's own records.
    Some(BTreeSet<Uuid>),
    /// Somebody's or everybody's, in archives that were made before another took its place.
    Formerly(Option<Uuid>, DateTime<Utc>),
}

async fn protected_by(db: &mut Db, org: i32, key: Uuid) -> Result<Option<Protected>> {
    let own = keys::find(db, org, Which::Organisation).await?;
    let system = keys::find(db, SYSTEM, Which::Organisation).await?;
    if own.iter().chain(&system).any(|one| one.wrapping == key) {
        return Ok(Some(Protected::Everybody));
    }
    if own.iter().any(|one| one.id == key) {
        if own.len() == 1 {
            return Ok(Some(Protected::Everybody));
        }
        // While all is wrapped anew there are two, and each wraps some.
        let wrapped = keys::find(db, org, Which::For(Purpose::Data)).await?;
        let wrapped = wrapped.into_iter().filter(|one| one.wrapping == key);
        return Ok(Some(Protected::Some(wrapped.map(|one| one.subject).collect())));
    }
    if let Some(one) = keys::find(db, org, Which::Ids(&[key])).await?.first() {
        return Ok(Some(match one.purpose {
            // Whoever has that of an index can try all numbers against it.
            Purpose::Index | Purpose::Organisation => Protected::Everybody,
            Purpose::Data | Purpose::Fingerprint => Protected::Some(BTreeSet::from([one.subject])),
        }));
    }
    if let Some(until) = replaced_at(db, key, "from").await? {
        return Ok(Some(Protected::Formerly(None, until)));
    }
    Ok(former_key(db, org, key).await?.map(|key| Protected::Formerly(key.of, key.gone)))
}

/// Since when there is a key, as far as that is known: of a master key where it took the place of another.
async fn began_at(db: &mut Db, org: i32, key: Uuid) -> Result<Option<DateTime<Utc>>> {
    match keys::find(db, org, Which::Ids(&[key])).await?.first() {
        Some(stored) => Ok(Some(stored.created_at)),
        None => match replaced_at(db, key, "to").await? {
            Some(since) => Ok(Some(since)),
            None => Ok(former_key(db, org, key).await?.and_then(|key| key.made)),
        },
    }
}

/// Whose sealed data is there: on papers, and of who owns a business, which is the data of the one whose paper it is.
async fn all_held(db: &mut Db, org: i32, of: Option<Uuid>) -> Result<BTreeMap<Uuid, Held>> {
    let mut all = held(db, DESC, org, Told::Column(KIND), of).await?;
    add_held(&mut all, held(db, OWNERS, org, Told::Always("business.owner"), of).await?);
    Ok(all)
}

/// Whose data is sealed under a key, and whose was in archives that were made meanwhile.
async fn of_key(s: &mut Invocation<'_>, org: i32, key: Uuid, since: Since) -> Result<Found> {
    let db = s.db().await?;
    let protected = protected_by(db, org, key).await?.ok_or_else(|| {
        Problem::not_found(format!("there is no key {key} of this organisation, and no rotation tells of it"))
            .hint("'orgctl key status' tells which keys there are, and archives from before still have a key that was destroyed")
    })?;
    let mut archives = backups(db, org, None, since).await?;
    let one = match &protected {
        Protected::Some(some) if some.len() == 1 => some.first().copied(),
        Protected::Formerly(of, _) => *of,
        _ => None,
    };
    let mut held = all_held(db, org, one).await?;
    // What was made before there was the key can't be opened by it.
    let began = began_at(db, org, key).await?;
    archives.retain(|one| began.is_none_or(|began| began <= one.at));
    let mut found = Found::new();
    match &protected {
        Protected::Everybody => {}
        Protected::Some(some) => held.retain(|id, _| some.contains(id)),
        Protected::Formerly(_, until) => archives.retain(|one| one.at < *until),
    }
    if !matches!(protected, Protected::Formerly(..)) {
        for (id, held) in &held {
            let it = found.entry(*id).or_insert_with(|| Exposure::new(held.first));
            it.add((held.first, held.last, held.records), "key");
            it.fields.extend(held.fields.iter().cloned());
        }
    }
    add_archives(db, org, (&held, &archives), &mut found).await?;
    match &protected {
        Protected::Some(some) => found.retain(|id, _| some.contains(id)),
        Protected::Formerly(Some(of), _) => found.retain(|id, _| id == of),
        Protected::Formerly(None, _) | Protected::Everybody => {}
    }
    Ok(found)
}

async fn people(s: &mut Invocation<'_>, org: i32, some: &[(Uuid, Exposure)]) -> Result<HashMap<Uuid, Record>> {
    let ids: Vec<Value> = some.iter().map(|(id, _)| (*id).into()).collect();
    let (desc, db) = (User::DESCRIPTOR, s.db().await?);
    let mut found = records::with_ids(db, desc, Some(org), &ids).await?;
    found.extend(records::gone_with_ids(db, desc, Some(org), &ids).await?);
    Ok(found.into_iter().map(|record| (record.meta.id, record)).collect())
}

fn heads() -> Vec<OutputColumn> {
    use ValueType::{Int, Text, Time, Uuid};
    let heads: [(&str, ValueType); 8] = [
        ("user", Text),
        ("name", Text),
        ("fields", Text),
        ("how", Text),
        ("times", Int),
        ("first_at", Time),
        ("last_at", Time),
        ("user_id", Uuid),
    ];
    heads.map(|(name, kind)| OutputColumn::new(name, kind)).into()
}

/// Who is purged is told by the id.
fn row(id: Uuid, user: Option<&Record>, shown: &Exposure) -> Vec<Value> {
    let words = |all: &BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(" ").into();
    let name = user.and_then(|user| user.find(NAME)).cloned().unwrap_or(Value::Null(ValueType::Text));
    vec![
        user.map_or_else(|| id.to_string(), Record::key).into(),
        name,
        words(&shown.fields),
        words(&shown.how),
        shown.times.into(),
        shown.first.into(),
        shown.last.into(),
        id.into(),
    ]
}
