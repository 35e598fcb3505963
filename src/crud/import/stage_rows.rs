//! Rows that were read, against the records that they stand for: what they say new is staged.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::arguments::OnConflict;
use super::rows::{Parsed, before_resolved};
use super::run::Run;
use super::secrets::GivenSecret;
use crate::crud::lookup::not_system;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::ErrorKind;
use crate::model::resource::lifecycle::{ENDED, EXPIRES};
use crate::model::resource::{Descriptor, Field, IS_ACTIVE, Record};
use crate::model::seed::is_of_seed;
use crate::model::values::value::Value;
use crate::store::import::match_target::{Given, Match};
use crate::store::import::stage::{GivenUp, Reject, StagedRow};
use crate::store::records;
use crate::store::tx::Tx;

/// A row beside the record that it stands for.
struct Matched {
    row: Parsed,
    values: Given,
    found: Option<Match>,
    /// Its key as it is compared.
    key: Option<String>,
}

/// What comes of some rows.
#[derive(Default)]
struct Outcome {
    staged: Vec<StagedRow>,
    rejects: Vec<Reject>,
    changed: Vec<ChangedRow>,
    secrets: Vec<NewSecret>,
}

/// A row that stands for a record that is there.
struct ChangedRow {
    number: u64,
    line: u64,
    id: Uuid,
    values: Given,
    /// What could not be read.
    unread: Vec<&'static Field>,
}

/// A secret for somebody who is there.
struct NewSecret {
    number: u64,
    line: u64,
    owner: Uuid,
    given: GivenSecret,
}

impl Run<'_> {
    pub(super) async fn stage_rows(&mut self, tx: &mut Tx<'_>, mut rows: Vec<Parsed>) -> Result<()> {
        self.report.read += rows.len() as u64;
        let keyed = self.stage.keyed(tx.db, &rows.iter().map(|p| p.key.as_slice()).collect::<Vec<_>>()).await?;
        let (parts, texts): (Vec<_>, Vec<_>) = keyed.into_iter().map(|k| (k.parts, k.text)).unzip();
        let held: Vec<_> =
            parts.into_iter().zip(&mut rows).map(|(parts, p)| (parts, std::mem::take(&mut p.values))).collect();
        let mut matches = self.stage.match_rows(tx.db, &held).await?;
        self.pass_over_expired(tx, &rows, &held, &mut matches).await?;
        if !self.plan.lists.is_empty() {
            let is_same = matches.iter_mut().zip(&rows).filter_map(|(m, p)| Some((m.as_mut()?, p)));
            self.match_lists(tx, is_same.filter(|(m, _)| m.is_unchanged).collect()).await?;
        }
        self.import.check_states(tx, &self.plan, &mut rows, &held, &matches).await?;
        self.compare_clear(tx, &mut rows, &held).await?;
        let merged = self.merged_into(tx, &matches).await?;
        let known: Vec<Uuid> = matches.iter().flatten().map(|m| m.id).collect();
        if let Some(matched) = &mut self.matched {
            matched.extend(&known);
        }
        let out_of_reach = tx.out_of_reach(self.desc, self.import.org.unwrap_or(SYSTEM), &known).await?;
        let mut ids = tx.new_ids(matches.iter().filter(|m| m.is_none()).count()).into_iter();
        let mut outcome = Outcome::default();
        for (((row, found), (_, values)), key) in rows.into_iter().zip(matches).zip(held).zip(texts) {
            let mut it = Matched { row, values, found, key };
            self.begins_over(&mut it, tx.at());
            if self.goes_on(&mut it, &merged, &out_of_reach, &mut outcome.rejects) {
                self.stage_row(it, &mut ids, &mut outcome);
            }
        }
        self.check_changed(tx, &mut outcome).await?;
        self.stage.add(tx.db, outcome.staged).await?;
        Ok(self.stage.reject(tx.db, &outcome.rejects).await?)
    }

    /// What those are called that rows stand for by what a duplicate was called: it is told where that is an error.
    async fn merged_into(&self, tx: &mut Tx<'_>, matches: &[Option<Match>]) -> Result<HashMap<Uuid, String>> {
        if self.import.on_conflict != OnConflict::Error {
            return Ok(HashMap::new());
        }
        let ids: Vec<Value> = matches.iter().flatten().filter(|m| m.is_former).map(|m| m.id.into()).collect();
        let found = records::with_ids(tx.db, self.desc, self.import.org, &ids).await?;
        Ok(found.into_iter().map(|r| (r.meta.id, r.title())).collect())
    }

    /// Refuses what says that it has ended in time to come: it would end at once.
    fn begins_over(&self, it: &mut Matched, at: DateTime<Utc>) {
        let ended = it.values.iter().find(|(field, _)| field.column == ENDED);
        let ended = ended.filter(|(_, value)| self.desc.ends() && value.as_time().is_some_and(|ended| ended > at));
        let Some((field, _)) = ended else { return };
        it.row.faults.push(Reject {
            number: it.row.number,
            line: it.row.line,
            column: Some(field.name().to_owned()),
            code: ErrorKind::Invalid.as_str(),
            reason: format!("{} is yet to come: {EXPIRES} says until when it holds", field.name()),
        });
    }

    /// Whether there is more to ask of a row, and what it is rejected for by itself or because its record is there.
    fn goes_on(
        &mut self,
        it: &mut Matched,
        merged: &HashMap<Uuid, String>,
        out_of_reach: &BTreeSet<Uuid>,
        rejects: &mut Vec<Reject>,
    ) -> bool {
        let (plan, import) = (&self.plan, self.import);
        let row = &mut it.row;
        let mut faults = std::mem::take(&mut row.faults);
        let scope = import.whole.as_ref().and_then(|whole| whole.scope.as_ref());
        faults.extend(
            scope.and_then(|s| s.out_of_scope((&plan.references, &plan.context), (row.number, row.line), &it.values)),
        );
        let is_faultless = faults.is_empty();
        rejects.append(&mut faults);
        let Some(found) = &it.found else {
            let (broken, left) = match plan.mostly_new || !row.is_row {
                true => std::mem::take(&mut row.as_new),
                false => plan.check_new(row.number, row.line, &it.values, &row.unread),
            };
            rejects.extend(broken);
            plan.tolerance.count(&left);
            return true;
        };
        let words = || plan.key_in_words(&row.key);
        let mut reject = |code, reason: String| {
            let column = plan.key_column().map(|f| f.name().to_owned());
            rejects.push(Reject { number: row.number, line: row.line, column, code, reason });
        };
        if !self.stage.is_first(found) {
            reject("duplicate", format!("{} {} stands in the file already", plan.key_name(self.desc), words()));
            return false;
        }
        if out_of_reach.contains(&found.id) {
            // Whatever it says: whether the record says the same is not told either.
            reject(ErrorKind::Denied.as_str(), format!("{} {} is not allowed", self.desc.noun, words()));
            return false;
        }
        let resets = import.resets_secrets && row.secret.is_some();
        match import.on_conflict {
            // What the program brought along is in every new organisation: an export of another has it too.
            OnConflict::Error if found.is_unchanged && !resets && is_of_seed(found.id) => {
                self.report.unchanged += u64::from(is_faultless);
            }
            OnConflict::Error => {
                let into = merged.get(&found.id).filter(|_| found.is_former);
                let whom = into.map_or_else(String::new, |into| format!("was merged into {into}, which "));
                let reason = format!("{} {} {whom}exists already", self.desc.noun, words());
                reject(ErrorKind::Conflict.as_str(), reason);
            }
            _ if !is_faultless => return true,
            OnConflict::Skip => self.report.skipped += 1,
            OnConflict::Update if found.is_unchanged && !resets => self.report.unchanged += 1,
            OnConflict::Update => return true,
        }
        false
    }

    /// Stages a row; one of a record that is there is looked at once more beside that.
    fn stage_row(&self, it: Matched, ids: &mut impl Iterator<Item = Uuid>, outcome: &mut Outcome) {
        let Matched { row, values, found, key } = it;
        let (plan, is_new) = (&self.plan, found.is_none());
        let text = |value: Option<&(&Field, Value)>| value.filter(|(_, v)| !v.is_null()).map(|(_, v)| v.to_text());
        let value = |field: &Field| text(values.iter().rfind(|(f, _)| f.column == field.column));
        let joined = |f: &Field| {
            let texts: Vec<String> = f.parts()?.iter().filter_map(|p| value(plan.desc.field(p)?)).collect();
            (!texts.is_empty()).then(|| texts.join(" "))
        };
        let others = plan.others.iter().map(|f| value(f));
        let counted = plan.desc.counted().map(|(f, _)| f);
        outcome.staged.push(StagedRow {
            number: row.number,
            line: row.line,
            id: found.map(|m| m.id).or_else(|| self.given_id(&row)).or_else(|| ids.next()).unwrap_or_default(),
            is_new,
            keys: std::iter::once(key).chain(others).collect(),
            shown: Some(plan.key_in_words(&row.key)),
            references: plan.references.iter().map(|r| value(r.field).map(|t| r.text(&t, &plan.context))).collect(),
            lookup_values: plan
                .named
                .iter()
                .map(|f| value(f).map(|t| f.comparable(&Value::from(t))).or_else(|| joined(f)))
                .collect(),
            is_active: serves(plan.desc, &values, is_new),
            list_members: row.list_members,
            is_counted: counted.is_some_and(|f| value(f).is_none()),
            given_number: counted.and_then(|f| value(f)?.parse().ok()),
        });
        if let Some(found) = found.filter(|_| row.is_row) {
            let (number, line, id) = (row.number, row.line, found.id);
            let given = row.secret.filter(|_| self.import.resets_secrets);
            outcome.secrets.extend(given.map(|given| NewSecret { number, line, owner: id, given }));
            outcome.changed.push(ChangedRow { number, line, id, values, unread: row.unread });
        }
    }

    /// Rules that a record which is there must keep once a row has changed it.
    async fn check_changed(&mut self, tx: &mut Tx<'_>, outcome: &mut Outcome) -> Result<()> {
        let plan = &self.plan;
        let Outcome { staged, rejects, changed, secrets } = outcome;
        let ids: Vec<Value> = changed.iter().map(|row| row.id.into()).collect();
        let there = records::with_ids(tx.db, plan.desc, self.import.org, &ids).await?;
        let there: HashMap<Uuid, Record> = there.into_iter().map(|r| (r.meta.id, r)).collect();
        let mut given_up = Vec::new();
        for row in changed.drain(..) {
            let Some(before) = there.get(&row.id) else { continue };
            let mut after = before.clone();
            after.meta.updated_at = tx.at();
            for (field, value) in row.values.iter().filter(|(f, v)| !plan.is_former_key(before, f, v)) {
                after.set(field.column, before_resolved(field, value));
            }
            if let Ok(at) = staged.binary_search_by_key(&row.number, |row| row.number) {
                let text = |f: &&Field| Some(after.get(f.column)).filter(|v| !v.is_null()).map(Value::to_text);
                staged[at].lookup_values = plan.named.iter().map(text).collect();
            }
            if let Err(p) = not_system(before).and_then(|()| after.complete_move(before, tx.at())) {
                rejects.push(plan.broken(row.number, row.line, p));
                continue;
            }
            plan.tolerance.count(&plan.tolerate(&mut after, Some(before)));
            given_up.extend(GivenUp::by(row.number, before, &after, &plan.others));
            let broken = plan.surely_broken(after, &row.unread).into_iter();
            rejects.extend(broken.map(|p| plan.broken(row.number, row.line, p)));
        }
        self.stage.note_given_up(tx.db, &given_up).await?;
        for NewSecret { number, line, owner, given } in secrets.drain(..) {
            let (Some(owner), Some(secrets)) = (there.get(&owner), &plan.secrets) else { continue };
            if secrets.was_used(tx, owner, given).await? {
                let reason = "password must not be one that the user had before".to_owned();
                rejects.push(Reject { number, line, column: Some("password".into()), code: "invalid", reason });
            }
        }
        Ok(())
    }
}

/// What a row says of whether somebody in charge of its record is bound by it: it is in use, and open.
fn serves(desc: &Descriptor, values: &Given, is_new: bool) -> Option<bool> {
    let given = |column: &str| values.iter().rfind(|(f, _)| f.column == column).map(|(_, v)| v);
    match desc.states {
        Some((column, states)) => {
            let word = given(column).and_then(Value::as_text).or(is_new.then_some(states.first()));
            word.map(|word| states.is_open(word))
        }
        None => given(IS_ACTIVE).and_then(Value::as_bool),
    }
}
