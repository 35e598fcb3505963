//! Cells that name several records of another kind: the branches of a user, or the roles.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use uuid::Uuid;

use super::rows::{ImportPlan, Parsed};
use super::run::Run;
use crate::model::kinds::org::SYSTEM;
use crate::model::resource::{Descriptor, List, Record};
use crate::model::trail::audit::Action;
use crate::store::import::match_target::Match;
use crate::store::import::stage::{ResolvedRow, Stage};
use crate::store::records::keys;
use crate::store::records::lists::{self, Member};
use crate::store::tx::Tx;
use crate::store::tx::lists::{LinkMaker, Wanted};

impl ImportPlan {
    fn list(&self, place: usize) -> &'static List {
        &self.desc.lists[self.lists[place].0.list]
    }
}

impl Run<'_> {
    /// Holds lists against those that records have which are otherwise as the rows say.
    pub(super) async fn match_lists(&mut self, tx: &mut Tx<'_>, rows: Vec<(&mut Match, &Parsed)>) -> Result<()> {
        let (plan, org) = (&self.plan, self.stage.org());
        let ids: Vec<Uuid> = rows.iter().map(|(m, _)| m.id).collect();
        let mut there = Vec::new();
        for place in 0..plan.lists.len() {
            there.push(lists::members_of(tx.db, plan.list(place), org.unwrap_or(SYSTEM), &ids, tx.at()).await?);
        }
        for (found, row) in rows {
            for (place, there) in there.iter().enumerate() {
                let told: Vec<&str> =
                    row.list_members.iter().filter(|(p, _)| *p == place).map(|(_, m)| m.as_str()).collect();
                let held = there.get(&found.id).map_or(&[][..], Vec::as_slice);
                // Which member a description means is not known yet.
                found.is_unchanged &= !plan.lists[place].0.describes();
                found.is_unchanged &= is_same(plan.list(place), plan.lists[place].0.only_adds(), held, &told);
            }
            if found.is_unchanged {
                let ends = |(place, there): (usize, &HashMap<Uuid, Vec<Member>>)| {
                    let held = there.get(&found.id).map_or(&[][..], Vec::as_slice);
                    held.iter().filter(|m| m.has_end && row.list_members.contains(&(place, m.key.clone()))).count()
                };
                self.report.kept_ends += there.iter().enumerate().map(ends).sum::<usize>() as u64;
            }
        }
        Ok(())
    }
}

/// Whether a record has what a row's list says, as a change of it would.
fn is_same(list: &List, only_adds: bool, held: &[Member], told: &[&str]) -> bool {
    let wide: BTreeSet<&str> = held.iter().filter(|m| !m.is_narrow).map(|m| m.key.as_str()).collect();
    if only_adds {
        return told.iter().all(|key| wide.contains(key));
    }
    // The first is told by a field of the record, which was held against it.
    let is_told = |m: &Member| told.contains(&m.key.as_str()) || (list.first.is_some() && m.is_first);
    let is_all = told.iter().all(|key| wide.contains(key));
    let is_only = held.iter().filter(|m| !m.is_narrow && !m.has_end).all(is_told);
    let leads = || match held.iter().find(|m| m.is_first) {
        _ if list.first.is_some() || list.flag().is_none() => true,
        Some(first) if first.is_narrow || (first.has_end && !is_told(first)) => true,
        first => first.map(|m| m.key.as_str()) == told.first().copied(),
    };
    is_all && is_only && leads()
}

impl Run<'_> {
    /// Gives records what their rows' lists say, each with the number of its row, in their order; the lists of each that changed.
    pub(super) async fn set_lists(
        &mut self,
        tx: &mut Tx<'_>,
        rows: &[(Record, u64)],
    ) -> Result<Vec<Vec<&'static str>>> {
        let (plan, stage) = (&self.plan, &self.stage);
        let mut changed: Vec<Vec<&'static str>> = rows.iter().map(|_| Vec::new()).collect();
        let (Some((_, from)), Some((_, to))) = (rows.first(), rows.last()) else { return Ok(changed) };
        let owners: Vec<Record> = rows.iter().map(|(record, _)| record.clone()).collect();
        for place in 0..plan.lists.len() {
            let list = plan.list(place);
            let mut told = stage.list_members(tx.db, place, (*from, *to)).await?;
            let there = match plan.lists[place].0.only_adds() {
                true => tx.members(list, &owners).await?,
                false => vec![(None, Vec::new()); rows.len()],
            };
            let wanted = rows.iter().zip(there).map(|((record, row), (was_first, mut members))| {
                members.retain(|member| !self.described.contains(member));
                let was_first = was_first.filter(|first| !self.described.contains(first));
                members.extend(told.remove(row).unwrap_or_default());
                let first = match list.first {
                    Some(column) => record.get(column).as_uuid(),
                    None => was_first.or(members.first().copied()),
                };
                Wanted::new(record, first, members)
            });
            let wanted = wanted.collect();
            for (changed, set) in changed.iter_mut().zip(tx.set_lists(list, wanted, &Action::Update.into()).await?) {
                self.report.kept_ends += set.kept_ends;
                changed.extend(set.changed.then_some(list.name));
            }
        }
        Ok(changed)
    }
}

/// Makes the links of new records to what their lists hold.
pub struct NewLinks {
    pub org: i32,
    /// For each list of the kind how its links are made, the reference that tells the first, and the list's place among those
    /// that rows give.
    lists: Vec<(&'static List, LinkMaker, Option<usize>, Option<usize>)>,
    /// What members are called.
    called: HashMap<Uuid, String>,
}

impl NewLinks {
    pub fn new(tx: &Tx<'_>, plan: &ImportPlan, org: i32) -> Result<NewLinks> {
        let mut known = Vec::new();
        for (n, list) in plan.desc.lists.iter().enumerate() {
            let first = plan.references.iter().position(|r| list.first == Some(r.field.column));
            let given = plan.lists.iter().position(|(column, _)| column.list == n);
            if first.is_some() || given.is_some() {
                known.push((list, tx.link_maker(list, org)?, first, given));
            }
        }
        Ok(NewLinks { org, lists: known, called: HashMap::new() })
    }

    /// The kinds of the links.
    pub fn kinds(&self) -> Vec<&'static Descriptor> {
        self.lists.iter().map(|(list, ..)| list.desc()).collect()
    }

    /// The links of some new records, in their order, with the salts of their audit records.
    pub async fn of(
        &mut self,
        tx: &mut Tx<'_>,
        stage: &Stage,
        rows: &[ResolvedRow],
    ) -> Result<Vec<Vec<(Record, [u8; 16])>>> {
        let mut links: Vec<Vec<(Record, [u8; 16])>> = rows.iter().map(|_| Vec::new()).collect();
        let (Some(from), Some(to)) = (rows.first(), rows.last()) else { return Ok(links) };
        let span = (from.number, to.number);
        for (list, maker, first, given) in &self.lists {
            let mut members = match given {
                Some(place) => stage.list_members(tx.db, *place, span).await?,
                None => HashMap::new(),
            };
            let mut wanted: Vec<(usize, Uuid, bool)> = Vec::new();
            for (n, row) in rows.iter().enumerate() {
                let others = members.remove(&row.number).unwrap_or_default();
                let told = first.and_then(|i| row.references.get(i).copied().flatten());
                let first = if list.first.is_some() { told } else { others.first().copied() };
                let all: BTreeSet<(bool, Uuid)> =
                    first.iter().chain(&others).map(|id| (Some(*id) != first, *id)).collect();
                wanted.extend(all.into_iter().map(|(is_other, id)| (n, id, !is_other)));
            }
            let unknown: BTreeSet<Uuid> =
                wanted.iter().map(|(_, id, _)| *id).filter(|id| !self.called.contains_key(id)).collect();
            if let Some(link) = list.link().filter(|_| !unknown.is_empty()) {
                self.called.extend(keys::called(tx.db, link.item.1, self.org, unknown.into_iter()).await?);
            }
            let (ids, salts) = (tx.new_ids(wanted.len()), tx.salts(wanted.len()));
            let by = tx.actor().await?;
            for (((n, member, is_first), id), salt) in wanted.into_iter().zip(ids).zip(salts) {
                let mut link = maker.make(tx.new_meta(self.org, id, by), rows[n].id, member, is_first);
                let item = list.ends().0;
                let known = |column: &str| if column == item { self.called.get(&member).cloned() } else { None };
                link.referred =
                    link.desc.key().references().map(|(f, _)| known(f.column).unwrap_or_default()).collect();
                links[n].push((link, salt));
            }
        }
        Ok(links)
    }
}
