//! `user merge`: one user of two.

use std::collections::{BTreeSet, HashSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::DESC;
use crate::crud::contents::{delete_all, delete_with_contents};
use crate::crud::deletion::stands;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::{find, find_in};
use crate::crud::read::print_changed;
use crate::crud::vault::Vault;
use crate::crud::write::{Target, dry_run_note, end};
use crate::crud::{former, remove};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::lifetime::{Consequence, Lifetime, TargetEvent};
use crate::model::resource::stored::Stored;
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::{ParseContext, truncate};
use crate::model::values::value::Value;
use crate::store::records::pointing::{self, RecordAt, alike, pointing_at};
use crate::store::records::{self, Deleted, credentials, keys as store_keys};
use crate::store::tx::Tx;
use crate::verbs::kyc::merged::{has_papers, papers_of_both};
use crate::verbs::kyc::seal::seal_for_another;

/// Makes one user of two: what points at the duplicate points at the other, and the duplicate is deleted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Merge {
    pub duplicate: Target,
    pub into: Target,
    /// What opens the papers of the duplicate, where there are any.
    #[serde(skip)]
    vault: Vault,
    has_papers: bool,
}

impl Verb for Merge {
    const NAME: &str = "user merge";

    /// Records that point elsewhere now, and such as went with the duplicate, for who stays has one under the key.
    type Output = (usize, usize);

    fn orgs(&self) -> Vec<i32> {
        vec![self.duplicate.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        self.has_papers.then_some("papers are sealed anew, with a key that is kept elsewhere")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<(usize, usize)> {
        let duplicate: Stored<User> = self.duplicate.load_as(tx).await?;
        let into: Stored<User> = self.into.load_as(tx).await?;
        let mut moved = 0;
        if is_below(tx, &into, duplicate.meta.id).await? {
            // All between them will report to the one who stays: above him or her stands who stood above the duplicate.
            let after = User { reports_to_id: duplicate.value.reports_to_id, ..into.value.clone() };
            moved += usize::from(tx.update_as(&into, after, Action::Merge).await?.is_some());
        }
        papers_of_both(tx, &self.vault, &duplicate, &into).await?;
        let (duplicate, into) = (duplicate.into_record(), into.into_record());
        let deletion = tx.new_id();
        let mut merging = Merging { into: &into, deletion, gone: HashSet::new(), moved, vault: &self.vault };
        let at = [RecordAt::of(&duplicate)];
        for d in pointing_at(tx.db, &at, Deleted::Exclude, |_, _| true).await?.into_iter().flatten() {
            if !d.desc.is_told() {
                // What two people prove themselves with is not mixed.
                delete_all(tx, &d.records, |_| deletion).await?;
                continue;
            }
            let Some(field) = d.field.filter(|_| d.effect(TargetEvent::Merge) == Consequence::Repoints) else {
                continue;
            };
            for some in alike(&d.records) {
                merging.take_over(tx, some, field).await?;
            }
        }
        merging.point_removed(tx, &at[0]).await?;
        let Merging { moved, gone, .. } = merging;
        // Its links tell something else by now.
        let duplicate = Target { told: Vec::new(), ..self.duplicate.clone() }.load(tx, DESC).await?;
        tx.delete_merged(&duplicate, deletion, &into).await?;
        former::keep(tx, &duplicate, &into).await?;
        Ok((moved, gone.len()))
    }
}

/// What becomes of what pointed at a duplicate.
struct Merging<'r> {
    into: &'r Record,
    deletion: Uuid,
    /// What went with the duplicate, for who stays has one under the key.
    gone: HashSet<Uuid>,
    /// How many point at who stays now.
    moved: usize,
    vault: &'r Vault,
}

impl Merging<'_> {
    /// Lets live records of one kind that point at the duplicate by a field point at who stays.
    async fn take_over(&mut self, tx: &mut Tx<'_>, some: &[RecordAt], field: &'static Field) -> Result<()> {
        let places: Vec<RecordAt> = some.iter().filter(|r| !self.gone.contains(&r.id)).copied().collect();
        let mut changes = self.pointed(pointing::read(tx.db, &places).await?, field);
        self.count_anew(tx, &mut changes, field).await?;
        let there = self.are_there(tx, &changes, field).await?;
        let (mut going, mut staying) = (Vec::new(), Vec::new());
        for ((before, after), is_there) in changes.into_iter().zip(there) {
            match is_there {
                // Who stays has one of his or her own: that one stays, and this goes with the duplicate.
                true => going.push(RecordAt::of(&before)),
                false => staying.push((before, after)),
            }
        }
        self.gone.extend(going.iter().map(|r| r.id));
        delete_with_contents(tx, &going, |_| self.deletion).await?;
        // What only one of a person's may be, that of who stays is.
        let afters: Vec<Record> = staying.iter().map(|(_, after)| after.clone()).collect();
        let doubled = records::doubled_flags_of(tx.db, &afters, Some(field)).await?;
        for ((before, after), flags) in staying.iter_mut().zip(doubled) {
            for flag in flags {
                let mut without = before.clone();
                without.set(flag, false.into());
                stands(tx, before, &without)?;
                *before = tx.update(before, without.clone(), Action::Merge).await?.unwrap_or(without);
                *after = before.clone();
                after.set(field.column, self.into.meta.id.into());
            }
        }
        self.write(tx, staying).await
    }

    fn pointed(&self, originals: Vec<Record>, field: &Field) -> Vec<(Record, Record)> {
        let to = |before: Record| {
            let mut after = before.clone();
            after.set(field.column, self.into.meta.id.into());
            (before, after)
        };
        originals.into_iter().map(to).collect()
    }

    /// What is counted within the duplicate gets the numbers behind those of who stays.
    async fn count_anew(&self, tx: &mut Tx<'_>, changes: &mut [(Record, Record)], field: &Field) -> Result<()> {
        let Some((first, _)) = changes.first() else { return Ok(()) };
        let (desc, org) = (first.desc, first.meta.org_id);
        let Some((counted, _)) = desc.counted().filter(|(_, within)| within.column == field.column) else {
            return Ok(());
        };
        let numbers = tx.next_numbers(desc, org, &vec![self.into.meta.id; changes.len()]).await?;
        for ((_, after), number) in changes.iter_mut().zip(numbers) {
            after.set(counted.column, number.into());
        }
        Ok(())
    }

    async fn write(&mut self, tx: &mut Tx<'_>, mut changes: Vec<(Record, Record)>) -> Result<()> {
        for (before, after) in changes.iter().filter(|(_, after)| after.is_live()) {
            stands(tx, before, after)?;
        }
        let details = seal_for_another(tx, self.vault, &mut changes).await?;
        let written = tx.update_all(changes, &ChangeNote { action: Action::Merge, details }).await?;
        self.moved += written.iter().flatten().count();
        Ok(())
    }

    /// Of which records who stays has one under a key that tells of the duplicate: any other is as free as before. What gives
    /// nothing any more does not stand in the way of what does: it ends.
    async fn are_there(&self, tx: &mut Tx<'_>, changes: &[(Record, Record)], field: &Field) -> Result<Vec<bool>> {
        let mut there = vec![false; changes.len()];
        let Some((first, _)) = changes.first() else { return Ok(there) };
        let desc = first.desc;
        for key in desc.all_keys().filter(|key| key.has(field)) {
            let asked: Vec<Vec<Value>> = changes.iter().map(|(_, after)| store_keys::parts_of(after, key)).collect();
            let holders = store_keys::holders_of(tx.db, desc, first.meta.org_id, key, &asked).await?;
            for (n, holder) in holders.into_iter().enumerate() {
                let after = &changes[n].1;
                let Some(holder) = holder.filter(|holder| holder.meta.id != after.meta.id) else { continue };
                let is_first = key.name() == desc.key().name();
                if is_first && desc.ends() && holder.has_expired(tx.at()) && !after.has_expired(tx.at()) {
                    end(tx, &holder, "expire").await?;
                } else {
                    there[n] = true;
                }
            }
        }
        Ok(there)
    }

    /// Lets what is deleted or has ended point at who stays, too: it may come back, and is nothing of the duplicate any more.
    async fn point_removed(&mut self, tx: &mut Tx<'_>, duplicate: &RecordAt) -> Result<()> {
        let follows =
            |d: &Descriptor, f: &Field| d.is_told() && d.effect(f, TargetEvent::Merge) == Consequence::Repoints;
        let removed = pointing_at(tx.db, std::slice::from_ref(duplicate), Deleted::Only, follows).await?;
        for d in removed.into_iter().flatten() {
            let Some(field) = d.field else { continue };
            for some in alike(&d.records) {
                let mut originals = pointing::read(tx.db, some).await?;
                // What goes with the duplicate stays with it; who has done what is done is told as it was.
                let is_duty = field.lifetime() == Lifetime::Duty;
                originals.retain(|r| r.meta.deletion_id != Some(self.deletion) && (r.is_open() || !is_duty));
                let mut changes = self.pointed(originals, field);
                self.count_anew(tx, &mut changes, field).await?;
                self.write(tx, changes).await?;
            }
        }
        Ok(())
    }
}

/// Whether a user reports to another, directly or through others.
async fn is_below(tx: &mut Tx<'_>, user: &Stored<User>, other: Uuid) -> Result<bool> {
    let mut seen = BTreeSet::from([user.meta.id]);
    let mut above = user.value.reports_to_id;
    while let Some(id) = above.map(|r| r.0).filter(|id| seen.insert(*id)) {
        if id == other {
            return Ok(true);
        }
        above = tx.load_as::<User>(user.meta.org_id, id).await?.and_then(|u| u.value.reports_to_id);
    }
    Ok(false)
}

/// What only the duplicate has: it goes with it, for two people's addresses and passwords are not mixed by guessing.
async fn left_behind(s: &mut Invocation<'_>, duplicate: &Record, into: &Record) -> Result<Vec<String>> {
    let only = |f: &&Field| !f.is_managed() && into.get(f.column).is_null();
    let mut left: Vec<String> = DESC
        .stored()
        .filter(only)
        .filter(|f| {
            let value = duplicate.get(f.column);
            !value.is_null() && *value != into.meta.id.into()
        })
        .map(|f| f.name().to_owned())
        .collect();
    let db = s.db().await?;
    if credentials::load(db, duplicate).await?.is_some() && credentials::load(db, into).await?.is_none() {
        left.push("the password".into());
    }
    Ok(left)
}

/// Refuses to merge who stayed in the place of a duplicate that is merged already: its keys mean that one since.
async fn not_merged_already(s: &mut Invocation<'_>, found: &Record, key: &str, into: &Record) -> Result<()> {
    let context = s.connection.parsing.clone();
    let own = records::own_holders(s.db().await?, DESC, Some(found.meta.org_id), key, &context).await?;
    if found.meta.id == into.meta.id || own.iter().any(|r| r.meta.id == found.meta.id) {
        return Ok(());
    }
    Err(Problem::conflict(format!("user {} was merged into {} already", truncate(key), found.title()))
        .hint(format!("to merge that one too, name it: 'orgctl user merge {} {}'", found.key(), into.key()))
        .into())
}

/// The flags of `user merge`.
#[derive(clap::Args)]
pub struct MergeFlags {
    /// User who goes
    #[arg(value_name = "DUPLICATE")]
    pub duplicate: String,
    /// User who stays
    #[arg(value_name = "INTO")]
    pub into: String,
}

impl Leaf for MergeFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "merge",
        permission: "users:merge",
        writes: true,
        about: "Make one user of two: what points at the first points at the second",
        examples: "orgctl user merge ravi.old@sahyadri.example ravi@sahyadri.example",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let duplicate = find(s, DESC, &self.duplicate, Deleted::Exclude).await?;
        let into = find_in(s, DESC, Some(duplicate.meta.org_id), &self.into, Deleted::Exclude).await?;
        not_merged_already(s, &duplicate, &self.duplicate, &into).await?;
        remove::in_use(&into)?;
        if duplicate.meta.id == into.meta.id {
            return Err(Problem::usage("both keys name the same user").into());
        }
        let left = left_behind(s, &duplicate, &into).await?;
        if !left.is_empty() {
            s.context.ui.status(&format!(
                "note: {} has no {}, which only {} has",
                into.title(),
                left.join(", "),
                duplicate.title()
            ));
        }
        if !s.context.dry_run {
            s.context
                .ui
                .confirm(&format!("merge {} into {}, and delete the first?", duplicate.title(), into.title()))
                .await?;
        }
        let has_papers = has_papers(s.db().await?, &duplicate).await?;
        let vault = if has_papers { Vault::of(s).await? } else { Vault::default() };
        let merge = Merge { duplicate: Target::as_seen(&duplicate), into: Target::as_seen(&into), vault, has_papers };
        let (moved, gone) = gate::write(s, &merge).await?;
        s.context.ui.status(&format!(
            "merged {} into {}: {moved} that pointed at it follow",
            duplicate.title(),
            into.title()
        ));
        if gone > 0 {
            let had = if gone == 1 { "1 that" } else { &format!("{gone} that") };
            s.context.ui.status(&format!("{had} {} has too went with {}", into.title(), duplicate.title()));
        }
        dry_run_note(s.context);
        print_changed(s, DESC, &[into.meta.record_id()]).await
    }
}
