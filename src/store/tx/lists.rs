//! What links give records ([`List`]): which links are made, changed and taken away for a record to have what is said.

use std::collections::BTreeMap;

use anyhow::Result;
use uuid::Uuid;

use super::Tx;
use crate::model::resource::lifecycle::{ENDED, EXPIRES};
use crate::model::resource::{Attr, Field, List, Meta, Record};
use crate::model::trail::audit::ChangeNote;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::records;

/// What [`Tx::set_list`] did.
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
        let link = list.link().ok_or_else(|| anyhow::anyhow!("{} joins nothing", desc.noun))?;
        let acting = self.acting_user(org);
        let value = |f: &Field| match f.default() {
            _ if f.has(Attr::FromClock) => Ok(self.at.into()),
            _ if f.has(Attr::FromActor) => Ok(acting.into()),
            Some(text) => f.parse(text, &ParseContext::default()),
            None => Ok(Value::Null(f.ty.kind)),
        };
        let place = |column: &str| desc.index(column).ok_or_else(|| anyhow::anyhow!("{} has no {column}", desc.noun));
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
            let meta = Meta::new(record.meta.org_id, self.new_id(), self.at, self.actor().await?);
            links.push(self.link_maker(list, record.meta.org_id)?.make(meta, record.meta.id, first, true));
        }
        Ok(links)
    }

    /// Lets the links of a record say what its fields say since; whether that changed anything.
    pub(super) async fn move_firsts(&mut self, before: &Record, after: &Record, telling: &ChangeNote) -> Result<bool> {
        let mut changed = false;
        for list in after.desc.lists {
            let Some(column) = list.first else { continue };
            let (was, is) = (before.get(column).as_uuid(), after.get(column).as_uuid());
            if was == is {
                continue;
            }
            // What was the first is none of them any more; the others stay.
            let (item, _) = list.ends();
            let links = self.links_of(list, after).await?;
            let others = links.iter().filter_map(|l| l.get(item).as_uuid());
            let others: Vec<Uuid> = others.filter(|id| Some(*id) != was && Some(*id) != is).collect();
            changed |= self.set_list(after, list, is, &others, telling.clone()).await?.changed;
        }
        Ok(changed)
    }

    /// The links that hold of a record.
    async fn links_of(&mut self, list: &'static List, owner: &Record) -> Result<Vec<Record>> {
        let Some(link) = list.link() else { return Ok(Vec::new()) };
        self.flush().await?;
        let (org, id) = owner.meta.record_id();
        let mut links = records::referring(self.db, list.desc(), link.other.0, org, id).await?;
        links.retain(Record::is_live);
        Ok(links)
    }

    /// The members of a record that its list tells: the first, and the others.
    pub async fn members(&mut self, list: &'static List, owner: &Record) -> Result<(Option<Uuid>, Vec<Uuid>)> {
        let (item, _) = list.ends();
        let is_listed = |l: &Record| {
            l.find(EXPIRES).is_none_or(Value::is_null) && list.narrowed_by().all(|f| l.get(f.column).is_null())
        };
        let (mut first, mut others) = (None, Vec::new());
        for link in self.links_of(list, owner).await?.iter().filter(|l| is_listed(l)) {
            let Some(member) = link.get(item).as_uuid() else { continue };
            match list.flag().is_some_and(|flag| link.is_true(flag)) {
                true => first = Some(member),
                false => others.push(member),
            }
        }
        Ok((first, others))
    }

    /// Gives a record these members of a list and no others, `first` as the first; whether that changed anything. What is
    /// given for a time, or narrowed to a place, is not the list's to take: a member that is there for a time counts as there,
    /// and keeps its end; what is not named stays; and where one of these is the first, it stays that.
    pub async fn set_list(
        &mut self,
        owner: &Record,
        list: &'static List,
        first: Option<Uuid>,
        others: &[Uuid],
        telling: impl Into<ChangeNote>,
    ) -> Result<ListSet> {
        let (telling, mut set) = (telling.into(), ListSet::default());
        let (item, _) = list.ends();
        let mut wanted: Vec<Uuid> = Vec::new();
        for id in first.into_iter().chain(others.iter().copied()) {
            if !wanted.contains(&id) {
                wanted.push(id);
            }
        }
        let (mut there, mut going, mut stays_first) = (BTreeMap::new(), Vec::new(), false);
        for link in self.links_of(list, owner).await? {
            let member = link.get(item).as_uuid().unwrap_or_default();
            let is_narrow = list.narrowed_by().any(|f| !link.get(f.column).is_null());
            let has_end = link.find(EXPIRES).is_some_and(|end| !end.is_null());
            let is_named = wanted.contains(&member);
            match (is_narrow, has_end) {
                (false, _) if is_named && !link.has_expired(self.at) => {
                    set.kept_ends += u64::from(has_end);
                    there.insert(member, link);
                }
                // What holds no more does not stand in the way.
                (false, true) if is_named => going.push(link),
                (false, false) => going.push(link),
                _ => stays_first |= list.flag().is_some_and(|flag| link.is_true(flag)),
            }
        }
        let first = first.filter(|_| !stays_first);
        let mut new: Vec<Uuid> = wanted.into_iter().filter(|id| !there.contains_key(id)).collect();
        set.changed = self.hand_over(list, first, (&mut new, &mut going), &telling).await?;
        for link in &going {
            set.changed = true;
            self.take(link, &telling).await?;
        }
        if let Some(flag) = list.flag() {
            // Only one may have it at any time: it is taken from the one before another one gets it.
            let mut flagged: Vec<(bool, Record)> = there.into_iter().map(|(id, l)| (Some(id) == first, l)).collect();
            flagged.sort_by_key(|(is_first, _)| *is_first);
            for (is_first, link) in flagged.into_iter().filter(|(is_first, l)| l.is_true(flag) != *is_first) {
                let mut after = link.clone();
                after.set(flag, is_first.into());
                set.changed |= Box::pin(self.update(&link, after, telling.clone())).await?.is_some();
            }
        }
        let (org, id) = owner.meta.record_id();
        let maker = self.link_maker(list, org)?;
        let by = self.actor().await?;
        let mut made = Vec::with_capacity(new.len());
        for member in new {
            let meta = Meta::new(org, self.new_id(), self.at, by);
            made.push(maker.make(meta, id, member, Some(member) == first));
        }
        set.changed |= !made.is_empty();
        Box::pin(self.insert_all(made)).await?;
        Ok(set)
    }

    /// Lets the link of who was the first be that of the new first, where that one has none: it goes over.
    async fn hand_over(
        &mut self,
        list: &'static List,
        first: Option<Uuid>,
        (new, going): (&mut Vec<Uuid>, &mut Vec<Record>),
        telling: &ChangeNote,
    ) -> Result<bool> {
        let Some(at) = new.iter().position(|id| Some(*id) == first) else { return Ok(false) };
        let was_first = |l: &Record| !l.desc.ends() && list.flag().is_some_and(|flag| l.is_true(flag));
        let Some(former) = going.iter().position(was_first) else { return Ok(false) };
        let (before, member) = (going.remove(former), new.remove(at));
        let mut after = before.clone();
        after.set(list.ends().0, member.into());
        Box::pin(self.update(&before, after, telling.clone())).await?;
        Ok(true)
    }

    /// Takes a link away: it ends where its kind stays as history, and is deleted where not.
    async fn take(&mut self, link: &Record, telling: &ChangeNote) -> Result<()> {
        if link.desc.ends() {
            let mut after = link.clone();
            after.set(ENDED, self.at.into());
            Box::pin(self.update(link, after, telling.clone())).await?;
            return Ok(());
        }
        let deletion = self.new_id();
        self.delete(link, deletion).await.map(drop)
    }
}
