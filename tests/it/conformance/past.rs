//! The past and the proof: as-of, differences, deep verification, backups.

use std::collections::BTreeMap;

use orgctl::model::clock::Clock as _;
use orgctl::model::resource::Field;
use orgctl::model::values::scalar::FieldKind;
use orgctl::model::values::value::{ValueType, rfc3339};
use serde_json::Value as Json;

use super::samples::cell;
use super::{Row, Story, tells_apart};
use crate::raw::on;

impl Story<'_> {
    /// This moment, as `--as-of` takes it; whatever follows is later.
    pub fn now(&self) -> String {
        let at = rfc3339(self.p.clock.now());
        self.p.wait(60);
        at
    }

    /// Each list that was remembered is told again.
    pub fn look_back(&self) {
        for (at, after, list) in self.moments.borrow().iter() {
            let told = self.run("list", &["--with-deleted", "--all", "-o", "ndjson", "--as-of", at]).ok();
            assert_eq!(told, *list, "as of {at}, after {after}");
            self.play("as of", 1);
        }
    }

    /// Between two moments the fields differ that changed.
    pub fn differs(&self, before: &Row, after: &Row, from: &str) {
        let args = format!("audit diff --from {from} --resource {} --key {} -o json", self.desc.noun, before.id);
        let said = self.p.run(&format!("{args} --org {}", self.org_of(&before.id)));
        let told: BTreeMap<String, Json> = said
            .json()
            .as_array()
            .expect("rows")
            .iter()
            .filter(|r| r["change"] == "updated")
            .map(|r| (cell(&r["field"]), r["new"].clone()))
            .collect();
        let plain = |f: &&Field| f.target().is_none() && f.parts().is_none();
        for field in self.desc.fields.iter().filter(plain) {
            let (was, is) = (&before.kept[field.name()], &after.kept[field.name()]);
            assert_eq!(told.get(field.name()), (was != is).then_some(is), "{} between {from} and now", field.name());
        }
        self.play("diff", 1);
    }

    pub fn literal(&self, id: &str) -> String {
        on(self.p, &format!("x'{}'", id.replace('-', "")), &format!("'{id}'")).to_owned()
    }

    /// A backup holds and agrees with what is there; and whatever value is changed behind orgctl's back, it is seen.
    pub fn prove(&self) {
        self.p.run("audit verify --deep").ok();
        self.p.run("db check").ok();
        let folder = self.p.path("backups").display().to_string();
        self.p.run(&format!("backup create --to {folder}")).ok();
        self.p.run(&format!("backup verify latest --from {folder} --against-live")).ok();
        self.play("backup", 1);
        // Those that have everything: in others another value might break a rule that the database holds itself.
        let has_all = |r: &Json| self.settable().iter().all(|f| !r[f.name()].is_null());
        let ids: Vec<String> = self.rows_as_told().iter().filter(|r| has_all(r)).map(|r| cell(&r["id"])).collect();
        // The database itself holds a state and what is stamped with it to each other.
        let (bound, fields): (Vec<&Field>, Vec<&Field>) = self.desc.stored().partition(|f| self.is_bound_to_state(f));
        for field in bound {
            if self.desc.state_field().is_some_and(|f| f.column == field.column) {
                let wrong = format!("update {} set {} = 'no state'", self.desc.table, field.column);
                self.p.sql(&wrong).expect_err("no state");
            }
            self.play("column changed", 1);
        }
        // Of one row only the first difference is told: each column is changed in a row of its own.
        for some in fields.chunks(ids.len()) {
            self.change_behind(&some.iter().copied().zip(ids.iter().map(String::as_str)).collect::<Vec<_>>());
        }
        self.p.run("audit verify --deep").ok();
    }

    fn change_behind(&self, values: &[(&Field, &str)]) {
        let (table, kept) = (self.desc.table, on(self.p, "kept_rows", "public.kept_rows"));
        self.p.sql(&format!("create table {kept} as select * from {table}")).expect("kept");
        let (mut there, mut back) = (String::new(), String::new());
        for (field, id) in values {
            let (column, id) = (format!("\"{}\"", field.column), self.literal(id));
            let other = self.other(field, &column, &id);
            there.push_str(&format!("update {table} set {column} = {other} where id = {id};"));
            let was = format!("(select {column} from {kept} where id = {id})");
            back.push_str(&format!("update {table} set {column} = {was} where id = {id};"));
        }
        self.p.sql(&there).unwrap_or_else(|e| panic!("{there}: {e}"));
        let said = self.p.run("audit verify --deep -o json");
        let findings: Vec<String> =
            said.json()["findings"].as_array().expect("findings").iter().map(|f| cell(&f["what"])).collect();
        assert_eq!((said.code, findings.len()), (8, values.len()), "{findings:#?}");
        for (field, _) in values {
            let named = format!(" has {} ", field.name());
            assert!(findings.iter().any(|f| f.contains(&named)), "{} was changed: {findings:#?}", field.column);
            self.play("column changed", 1);
        }
        self.p.sql(&format!("{back} drop table {kept}")).expect("as it was");
    }

    /// SQL for another value of a column.
    fn other(&self, field: &Field, column: &str, id: &str) -> String {
        let on = |sqlite: &str, postgres: &str| on(self.p, sqlite, postgres).to_owned();
        if let Some(target) = field.target() {
            // What alone tells a record from others may be taken.
            let free = match tells_apart(self.desc, field) {
                true => format!(" and not exists (select 1 from {} r where r.{column} = o.id)", self.desc.table),
                false => String::new(),
            };
            let (target, column) = (target.table, format!("{}.{column}", self.desc.table));
            return format!(
                "(select o.id from {target} o where o.org_id = 1 and o.id <> {id} and o.deleted_at is null \
                 and ({column} is null or o.id <> {column}){free} limit 1)"
            );
        }
        match (field.ty.role, field.ty.kind) {
            (FieldKind::Choice(words), _) => {
                format!("case when {column} = '{0}' then '{1}' else '{0}' end", words[0], words[1])
            }
            (_, ValueType::Text) => format!("coalesce(substr({column}, 1, length({column}) - 1), '') || 'Z'"),
            (_, ValueType::Bool) => on(&format!("1 - {column}"), &format!("not {column}")),
            (_, ValueType::Int | ValueType::Decimal) => format!("coalesce({column}, 0) + 1"),
            (_, ValueType::Date) => "'1970-01-01'".into(),
            (_, ValueType::Time) => on(
                &format!("coalesce({column}, 0) + 1000000"),
                &format!("coalesce({column}, '2026-01-01Z') + interval '1 second'"),
            ),
            (_, ValueType::Ip) => "'192.0.2.250'".into(),
            (_, ValueType::Json) => r#"'{"z":9}'"#.into(),
            (_, other) => panic!("{column}: no other value of {other:?}; give it one here"),
        }
    }
}
