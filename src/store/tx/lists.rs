//! What links give records ([`List`]): which links are made, changed and taken away for a record to have what is said.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Tx;
use super::row_writer::TOGETHER;
use crate::model::resource::lifecycle::{ENDED, EXPIRES};
use crate::model::resource::{Attr, Field, List, Meta, Record};
use crate::model::trail::audit::ChangeNote;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::records;
use crate::store::{Error, Result};

/// What [`Tx::set_lists`] did for one record.
#[derive(Debug, Default)]
pub struct ListSet {
    pub changed: bool,
    /// Members that were there for a time, and are for that time still.
    pub kept_ends: u64,
}

/// What a new link says besides what it joins: its defaults, who acts, and when.
pub struct LinkMaker {
    list: &'static List,
    blank: Vec<Value>,
    /// Places of the member, of the owner, and of the flag of the first.
    item: usize,
    owner: usize,
    flag: Option<usize>,
}

impl LinkMaker {
    /// Makes the link between a record and a member of its list.
    pub fn make(&self, meta: Meta, owner: Uuid, member: Uuid, is_first: bool) -> Record {
        let mut values = self.blank.clone();
        values[self.item] = member.into();
        values[self.owner] = owner.into();
        if let Some(flag) = self.flag {
            values[flag] = is_first.into();
        }
        Record::new(self.list.desc(), meta, values)
    }
}

impl Tx<'_> {
    /// What makes the links of a list in an organisation.
    pub fn link_maker(&self, list: &'static List, org: i32) -> Result<LinkMaker> {
        let desc = list.desc();
        let link = list.link().ok_or_else(|| Error::bug(format!("{} joins nothing", desc.noun)))?;
        let acting = self.acting_user(org);
        let value = |f: &Field| match f.default() {
            _ if f.has(Attr::FromClock) => Ok(self.at().into()),
            _ if f.has(Attr::FromActor) => Ok(acting.into()),
            Some(text) => f.parse(text, &ParseContext::default()),
            None => Ok(Value::Null(f.ty.kind)),
        };
        let place =
            |column: &str| desc.index(column).ok_or_else(|| Error::bug(format!("{} has no {column}", desc.noun)));
        Ok(LinkMaker {
            list,
            blank: desc.fields.iter().map(value).collect::<Result<_, _>>()?,
            item: place(link.item.0.column)?,
            owner: place(link.other.0.column)?,
            flag: list.flag().map(place).transpose()?,
        })
    }

    /// The links of new records to what their fields say that links tell.
    pub(super) async fn first_links(&mut self, record: &Record) -> Result<Vec<Record>> {
        let mut links = Vec::new();
        for list in record.desc.lists {
            let Some(first) = list.first.and_then(|first| record.get(first).as_uuid()) else { continue };
            let meta = Meta::new(record.meta.org_id, self.new_id(), self.at(), self.actor().await?);
            links.push(self.link_maker(list, record.meta.org_id)?.make(meta, record.meta.id, first, true));
        }
        Ok(links)
    }

    /// Lets the links of records of one kind say what their fields say since; which of them that changed.
    pub(super) async fn move_firsts(
        &mut self,
        changes: &[(Record, Record)],
        telling: &ChangeNote,
    ) -> Result<Vec<bool>> {
        let mut changed = vec![false; changes.len()];
        let Some(desc) = changes.first().map(|(_, after)| after.desc) else { return Ok(changed) };
        for list in desc.lists {
            let Some(column) = list.first else { continue };
            let moved = changes.iter().enumerate();
            let moved = moved.filter(|(_, (before, after))| before.get(column) != after.get(column));
            let (places, mut wanted): (Vec<usize>, Vec<Wanted>) =
                moved.map(|(n, (_, after))| (n, Wanted::new(after, after.get(column).as_uuid(), Vec::new()))).unzip();
            let (item, _) = list.ends();
            let links = self.links_of(list, &wanted).await?;
            for ((place, wanted), links) in places.iter().zip(&mut wanted).zip(&links) {
                // What was the first is none of them any more; the others stay.
                let was = changes[*place].0.get(column).as_uuid();
                let others = links.iter().filter_map(|l| l.get(item).as_uuid());
                wanted.others = others.filter(|id| Some(*id) != was && Some(*id) != wanted.first).collect();
            }
            let set = self.set_links(list, wanted, links, telling).await?;
            places.into_iter().zip(set).for_each(|(place, set)| changed[place] |= set.changed);
        }
        Ok(changed)
    }

    /// The links that hold of each of some records of one organisation.
    async fn links_of(&mut self, list: &'static List, owners: &[Wanted]) -> Result<Vec<Vec<Record>>> {
        let mut links: Vec<Vec<Record>> = owners.iter().map(|_| Vec::new()).collect();
        let Some(link) = list.link().filter(|_| !owners.is_empty()) else { return Ok(links) };
        self.flush().await?;
        let places: HashMap<Uuid, usize> = owners.iter().enumerate().map(|(n, o)| (o.id, n)).collect();
        for some in owners.chunks(TOGETHER) {
            let ids: Vec<Value> = some.iter().map(|o| o.id.into()).collect();
            for found in records::with_values(self.db, list.desc(), Some(some[0].org), link.other.0, &ids).await? {
                let owner = found.get(link.other.0.column).as_uuid().and_then(|id| places.get(&id));
                if let Some(place) = owner {
                    links[*place].push(found);
                }
            }
        }
        Ok(links)
    }

    /// The members of some records of one organisation that their list tells: of each the first, and the others.
    pub async fn members(&mut self, list: &'static List, owners: &[Record]) -> Result<Vec<(Option<Uuid>, Vec<Uuid>)>> {
        let (item, _) = list.ends();
        let is_listed = |l: &Record| {
            l.find(EXPIRES).is_none_or(Value::is_null) && list.narrowed_by().all(|f| l.get(f.column).is_null())
        };
        let owners: Vec<Wanted> = owners.iter().map(|owner| Wanted::new(owner, None, Vec::new())).collect();
        let mut all = Vec::with_capacity(owners.len());
        for links in self.links_of(list, &owners).await? {
            let (mut first, mut others) = (None, Vec::new());
            for link in links.iter().filter(|l| is_listed(l)) {
                let Some(member) = link.get(item).as_uuid() else { continue };
                match list.flag().is_some_and(|flag| link.is_true(flag)) {
                    true => first = Some(member),
                    false => others.push(member),
                }
            }
            all.push((first, others));
        }
        Ok(all)
    }

    /// Gives records of one organisation the members of a list that are wanted and no others; what came of each. What is given
    /// for a time, or narrowed to a place, is not the list's to take: a member that is there for a time counts as there, and
    /// keeps its end; what is not named stays; and where one of these is the first, it stays that.
    pub async fn set_lists(
        &mut self,
        list: &'static List,
        wanted: Vec<Wanted>,
        telling: &ChangeNote,
    ) -> Result<Vec<ListSet>> {
        let links = self.links_of(list, &wanted).await?;
        self.set_links(list, wanted, links, telling).await
    }

    async fn set_links(
        &mut self,
        list: &'static List,
        wanted: Vec<Wanted>,
        links: Vec<Vec<Record>>,
        telling: &ChangeNote,
    ) -> Result<Vec<ListSet>> {
        let (at, by) = (self.at(), self.actor().await?);
        let (mut sets, mut steps) = (Vec::with_capacity(wanted.len()), Steps::default());
        for (wanted, links) in wanted.iter().zip(links) {
            let own = Steps::of(list, wanted, links, at);
            sets.push(ListSet { changed: own.are_some(), kept_ends: own.kept_ends });
            steps.add(own);
        }
        let Steps { moved, taken, unflagged, flagged, new, .. } = steps;
        Box::pin(self.update_all(moved, telling)).await?;
        self.take(taken, telling).await?;
        // Only one may have it at any time: it is taken from the one before another one gets it.
        Box::pin(self.update_all(unflagged, telling)).await?;
        Box::pin(self.update_all(flagged, telling)).await?;
        let Some(org) = wanted.first().map(|w| w.org).filter(|_| !new.is_empty()) else { return Ok(sets) };
        let maker = self.link_maker(list, org)?;
        let ids = self.new_ids(new.len());
        let make = |((owner, member, is_first), id)| maker.make(Meta::new(org, id, at, by), owner, member, is_first);
        let made = new.into_iter().zip(ids).map(make).collect();
        Box::pin(self.insert_all(made)).await?;
        Ok(sets)
    }

    /// Takes links away: they end where their kind stays as history, and are deleted where not, each by itself.
    async fn take(&mut self, links: Vec<Record>, telling: &ChangeNote) -> Result<()> {
        if links.first().is_some_and(|link| link.desc.ends()) {
            let at = self.at();
            let ended = |link: Record| {
                let mut after = link.clone();
                after.set(ENDED, at.into());
                (link, after)
            };
            return Box::pin(self.update_all(links.into_iter().map(ended).collect(), telling)).await.map(drop);
        }
        let deletions = self.new_ids(links.len());
        self.delete_each(links.into_iter().zip(deletions).collect()).await
    }
}

/// What a record's list is to hold.
#[derive(Debug, Clone)]
pub struct Wanted {
    org: i32,
    id: Uuid,
    first: Option<Uuid>,
    others: Vec<Uuid>,
}

impl Wanted {
    pub fn new(owner: &Record, first: Option<Uuid>, others: Vec<Uuid>) -> Wanted {
        let (org, id) = owner.meta.record_id();
        Wanted { org, id, first, others }
    }
}

/// What becomes of links for records to have what is wanted.
#[derive(Default)]
struct Steps {
    /// The link of who was the first becomes that of the new first, where that one has none.
    moved: Vec<(Record, Record)>,
    taken: Vec<Record>,
    unflagged: Vec<(Record, Record)>,
    flagged: Vec<(Record, Record)>,
    /// Owner, member, and whether that is the first.
    new: Vec<(Uuid, Uuid, bool)>,
    kept_ends: u64,
}

impl Steps {
    fn of(list: &'static List, wanted: &Wanted, links: Vec<Record>, at: DateTime<Utc>) -> Steps {
        let mut steps = Steps::default();
        let (item, _) = list.ends();
        let mut named: Vec<Uuid> = Vec::new();
        for id in wanted.first.into_iter().chain(wanted.others.iter().copied()) {
            if !named.contains(&id) {
                named.push(id);
            }
        }
        let is_first = |l: &Record| list.flag().is_some_and(|flag| l.is_true(flag));
        let (mut there, mut stays_first) = (BTreeMap::new(), false);
        for link in links {
            let member = link.get(item).as_uuid().unwrap_or_default();
            let is_narrow = list.narrowed_by().any(|f| !link.get(f.column).is_null());
            let has_end = link.find(EXPIRES).is_some_and(|end| !end.is_null());
            let is_named = named.contains(&member);
            match (is_narrow, has_end) {
                (false, _) if is_named && !link.has_expired(at) => {
                    steps.kept_ends += u64::from(has_end);
                    there.insert(member, link);
                }
                // What holds no more does not stand in the way.
                (false, true) if is_named => steps.taken.push(link),
                (false, false) => steps.taken.push(link),
                _ => stays_first |= is_first(&link),
            }
        }
        let first = wanted.first.filter(|_| !stays_first);
        named.retain(|id| !there.contains_key(id));
        let becomes = named.iter().position(|id| Some(*id) == first);
        let was = steps.taken.iter().position(|l| !l.desc.ends() && is_first(l));
        if let (Some(becomes), Some(was)) = (becomes, was) {
            let (before, member) = (steps.taken.remove(was), named.remove(becomes));
            let mut after = before.clone();
            after.set(item, member.into());
            steps.moved.push((before, after));
        }
        for (id, link) in there {
            let is_to_be = Some(id) == first;
            let Some(flag) = list.flag().filter(|flag| link.is_true(flag) != is_to_be) else { continue };
            let mut after = link.clone();
            after.set(flag, is_to_be.into());
            if is_to_be { &mut steps.flagged } else { &mut steps.unflagged }.push((link, after));
        }
        steps.new = named.into_iter().map(|member| (wanted.id, member, Some(member) == first)).collect();
        steps
    }

    fn are_some(&self) -> bool {
        let changes = [&self.moved, &self.unflagged, &self.flagged];
        !self.taken.is_empty() || !self.new.is_empty() || changes.iter().any(|some| !some.is_empty())
    }

    fn add(&mut self, other: Steps) {
        self.moved.extend(other.moved);
        self.taken.extend(other.taken);
        self.unflagged.extend(other.unflagged);
        self.flagged.extend(other.flagged);
        self.new.extend(other.new);
    }
}
