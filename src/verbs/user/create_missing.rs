//! Departments, branches and roles that rows refer to and that are not there: made on the way, where that is asked for. A role
//! that is called as a template is made of it; another one gives nothing until somebody says what.

use std::collections::HashMap;

use anyhow::Result;

use crate::crud::defaults::blank;
use crate::crud::import::Run;
use crate::crud::import::missing::MissingRecord;
use crate::crud::write::keys_free;
use crate::model::kinds::role::Role;
use crate::model::kinds::role_permission::RolePermission;
use crate::model::kinds::seeds::given;
use crate::model::problem::Problem;
use crate::model::resource::{Field, Record, Resource as _};
use crate::model::values::fold;
use crate::model::values::scalar::{ParseContext, truncate};
use crate::model::values::value::{Value, ValueType};
use crate::store::import::stage::Reference;
use crate::store::tx::Tx;

/// Finds what rows refer to and is not there, and lets the references stand for records to come. To be asked before rows
/// are checked against each other; a word that can't become a record stands for nothing and rejects its rows.
pub async fn plan(tx: &mut Tx<'_>, run: &mut Run<'_>) -> Result<()> {
    let mut missing: Vec<MissingRecord> = Vec::new();
    let (stage, context) = (&mut run.stage, &run.plan.context);
    let Some(org) = stage.org() else { return Ok(()) };
    for (i, reference) in stage.references().into_iter().enumerate() {
        let target = reference.target;
        if target == run.desc || !reference.field.requires_active_target() {
            continue;
        }
        let Some(by) = reference.by.or(target.key_field()) else { continue };
        // Sales and SALES are one department: nobody means to have both. Where both are there, nobody can tell which is meant.
        let fields = reference.fields();
        let words = stage.missing_texts(tx.db, i).await?;
        let mut known = match words.is_empty() {
            true => HashMap::new(),
            false => stage.folded(tx.db, target, &fields).await?,
        };
        for MissingRecord { record, .. } in missing.iter().filter(|m| m.record.desc == target) {
            for field in &fields {
                let text = fold::key(&record.get(field.column).to_text(), true);
                known.insert(text, vec![(record.meta.id, record.key())]);
            }
        }
        for word in words.into_iter().filter(|word| !run.plan.describes(word)) {
            let folded = fold::key(&word, true);
            match known.get(&folded).map(Vec::as_slice) {
                Some([(id, _)]) => {
                    stage.resolve_to(tx.db, i, &word, *id).await?;
                    if let Some(other) = missing.iter_mut().find(|m| m.record.meta.id == *id) {
                        other.words.push((i, word));
                    }
                    continue;
                }
                Some(several) => {
                    stage.mark_ambiguous(tx.db, i, &word, several).await?;
                    continue;
                }
                None => {}
            }
            if may_mean_none(&word) {
                let reason = format!("that may mean none; --none '{}' says so", truncate(&word));
                stage.mark_uncreatable(tx.db, i, &word, &reason).await?;
                continue;
            }
            let mut record = match candidate(tx, &reference, by, org, &word, context).await? {
                Ok(record) => record,
                Err(problem) => {
                    stage.mark_uncreatable(tx.db, i, &word, &problem.sentence).await?;
                    continue;
                }
            };
            let parts = of_template(tx, &mut record, context).await?;
            stage.resolve_to(tx.db, i, &word, record.meta.id).await?;
            known.insert(folded, vec![(record.meta.id, record.key())]);
            missing.push(MissingRecord { words: vec![(i, word)], record, parts });
        }
    }
    run.missing = missing;
    Ok(())
}

/// What programs write where there is nothing: spreadsheets `0` or `0.00` of an empty cell that a formula refers to, people
/// a dash, databases and scripts a word of theirs. It is nobody's department; one that is called so is made by hand.
fn may_mean_none(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "n/a",
        "#n/a",
        "n.a.",
        "na",
        "null",
        "(null)",
        "<null>",
        "none",
        "(none)",
        "nil",
        "nan",
        "<na>",
        "\\n",
        "undefined",
        "(blank)",
        "(empty)",
        "false",
    ];
    let word = word.trim();
    !word.contains(|c: char| c.is_alphanumeric() && c != '0') || WORDS.contains(&word.to_lowercase().as_str())
}

/// Makes a role what a template of its name says; the permissions that come with it.
async fn of_template(tx: &mut Tx<'_>, record: &mut Record, context: &ParseContext) -> Result<Vec<Record>> {
    let template = tx.kinds().seeds().template(&record.key()).filter(|_| *record.desc == *Role::DESCRIPTOR);
    let Some(template) = template else { return Ok(Vec::new()) };
    template.values().into_iter().for_each(|(column, value)| record.set(column, value));
    let mut parts = Vec::new();
    for permission in template.permissions() {
        let id = tx.new_id();
        let mut part = blank(tx, RolePermission::DESCRIPTOR, record.meta.org_id, id, context)?;
        for (column, value) in given(record.meta.id, permission) {
            part.set(column, value);
        }
        parts.push(part);
    }
    Ok(parts)
}

/// The record that a word would make, or why it can't. A word that can't be a code is a name, where codes are made.
async fn candidate(
    tx: &mut Tx<'_>,
    reference: &Reference,
    by: &'static Field,
    org: i32,
    word: &str,
    context: &ParseContext,
) -> Result<Result<Record, Problem>> {
    let (target, id) = (reference.target, tx.new_id());
    let mut record = blank(tx, target, org, id, context)?;
    let Some(name) = target.field("name") else { return Ok(Err(Problem::invalid("it has no name"))) };
    for field in [by, name] {
        if record.get(field.column).is_null() {
            match field.parse(word, context) {
                Ok(value) => record.set(field.column, value),
                // A name is a key too, by which it is found again.
                Err(_) if field.generator().is_some() && reference.by.is_none() => {}
                Err(p) => return Ok(Err(p)),
            }
        }
    }
    // What is called by more than a word is not made of one.
    let Some(field) = target.key_field() else { return Ok(Err(Problem::invalid("a word alone does not name it"))) };
    let key = field.column;
    if record.get(key).is_null() {
        // The code itself is made once it is known that the record is wanted.
        match target.generated() {
            Some((_, maker)) => record.set(key, maker.code(0, &[0; 16]).into()),
            None => {
                let why = format!("{} needs a {} of its own", target.indefinite(), field.name());
                return Ok(Err(Problem::invalid(why)));
            }
        }
        let checked = record.validate(tx.today());
        record.set(key, Value::Null(ValueType::Text));
        return Ok(checked.map(|()| record));
    }
    if let Err(p) = record.validate(tx.today()) {
        return Ok(Err(p));
    }
    match keys_free(tx, &record).await {
        Ok(()) => Ok(Ok(record)),
        Err(e) => e.downcast::<Problem>().map(Err),
    }
}
