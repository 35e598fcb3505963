//! Keys of several parts, or of what rows refer to: the references in them are resolved first, then rows are known by what
//! the parts are.

use uuid::Uuid;

use super::{BATCH, REMEMBERED, Reference, Stage};
use crate::model::resource::Field;
use crate::model::resource::key::BETWEEN;
use crate::model::values::value::Value;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::records::keys::{self, Among};
use crate::store::records::{self, Deleted};

/// What a row is known by.
#[derive(Debug, Clone, Default)]
pub struct Keyed {
    /// The parts of its key as they are compared; none where a part is missing, or refers to nothing that is there yet.
    pub parts: Vec<Value>,
    /// The key as one text, the same where it is the same key; none where the row has none.
    pub text: Option<String>,
}

/// Parts of a key as one text, which no other parts make: each stands behind its length.
pub(super) fn as_one(parts: &[String]) -> String {
    parts.iter().map(|part| format!("{}{BETWEEN}{part}", part.len())).collect()
}

impl Stage {
    /// What rows are known by, whose keys are given in words.
    pub async fn keyed(&mut self, db: &mut Db, rows: &[&[Value]]) -> Result<Vec<Keyed>> {
        if self.key.alone().is_some() {
            let known_by = |row: &&[Value]| {
                let value = self.key.alone()?.key_value(row.first().filter(|value| !value.is_null())?);
                Some(Keyed { text: Some(value.to_text()), parts: vec![value] })
            };
            let alone = |row| known_by(row).unwrap_or_default();
            return Ok(rows.iter().map(alone).collect());
        }
        if self.parts.len() > REMEMBERED {
            self.parts.clear();
        }
        for (i, field) in self.key.parts().enumerate() {
            if let Some(reference) = self.references.iter().copied().find(|r| r.field.column == field.column) {
                self.find_parts(db, reference, rows.iter().filter_map(|row| row.get(i)?.as_text())).await?;
            }
        }
        Ok(rows.iter().map(|row| self.known_by(row)).collect())
    }

    /// Finds what words of a reference in the key stand for: one record, or none that is sure.
    async fn find_parts<'t>(
        &mut self,
        db: &mut Db,
        reference: Reference,
        words: impl Iterator<Item = &'t str>,
    ) -> Result<()> {
        let column = reference.field.column;
        let mut unknown: Vec<&str> = words.filter(|w| !self.parts.contains_key(&(column, (*w).to_owned()))).collect();
        unknown.sort_unstable();
        unknown.dedup();
        for some in unknown.chunks(BATCH) {
            let found: Vec<(String, Vec<Uuid>)> = match reference.by {
                None => {
                    let among = Among { org: self.org, life: Deleted::Include, now: false, context: &self.context };
                    keys::ids(db, reference.target, among, some).await?.into_iter().collect()
                }
                Some(by) => {
                    let mut found = Vec::new();
                    for word in some {
                        let Some(form) = reference.form(by, word, &self.context) else { continue };
                        let all = records::with_value(db, reference.target, self.org, by, &form.into()).await?;
                        found.push(((*word).to_owned(), all.iter().map(|r| r.meta.id).collect()));
                    }
                    found
                }
            };
            self.parts.extend(some.iter().map(|word| ((column, (*word).to_owned()), None)));
            for (word, ids) in found {
                // Of several nobody can tell which is meant: the row is rejected for it.
                self.parts.insert((column, word), Some(ids.as_slice()).filter(|i| i.len() == 1).map(|ids| ids[0]));
            }
        }
        Ok(())
    }

    fn known_by(&self, row: &[Value]) -> Keyed {
        let part = |(field, value): (&Field, &Value)| match value.as_text().filter(|_| field.target().is_some()) {
            Some(word) => self.parts.get(&(field.column, word.to_owned())).copied().flatten().map(Value::from),
            None => Some(field.key_value(value)),
        };
        let resolved: Vec<Option<Value>> = self.key.parts().zip(row).map(part).collect();
        if !keys::is_whole(self.key, row) {
            return Keyed::default();
        }
        // What is not there yet is the same where it is called the same.
        let text = |(resolved, word): (&Option<Value>, &Value)| match resolved {
            Some(value) => value.to_text(),
            None => format!("?{}", word.to_text()),
        };
        let texts: Vec<String> = resolved.iter().zip(row).map(text).collect();
        Keyed { parts: resolved.into_iter().collect::<Option<_>>().unwrap_or_default(), text: Some(as_one(&texts)) }
    }

    /// For each reference in the natural key of a new record, the key of what it refers to; of a row of this file what the
    /// row says.
    pub(super) fn referred(&self) -> Vec<String> {
        if self.desc.key_field().is_some() {
            return Vec::new();
        }
        let told = |(field, target): (&Field, &crate::model::resource::Descriptor)| {
            let Some(i) = self.references.iter().position(|r| r.field.column == field.column) else {
                return "''".to_owned();
            };
            let (words, tenant) = (keys::words(target, "x"), self.tenant(target));
            format!("coalesce((select {words} from {} x where {tenant} and x.id = f{i}.id), s.r{i}, '')", target.table)
        };
        self.desc.key().references().map(|(f, t)| told((f, t))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::as_one;

    #[test]
    fn other_parts_make_another_text() {
        let of = |parts: &[&str]| as_one(&parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        assert_ne!(of(&["a", "b:c"]), of(&["a:b", "c"]));
        assert_ne!(of(&["a", ""]), of(&["a"]));
        assert_ne!(of(&["1:a", "b"]), of(&["", "1:a1:b"]));
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    }
}
