//! Among which records keys are looked up.

use super::Deleted;
use crate::model::resource::Descriptor;
use crate::model::values::scalar::ParseContext;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::records;

/// Where keys are looked up, and among which records.
#[derive(Debug, Clone, Copy)]
pub struct Among<'a> {
    /// None: all organisations.
    pub org: Option<i32>,
    pub life: Deleted,
    /// Of a connection that reads the past: what is there now.
    pub now: bool,
    pub context: &'a ParseContext,
}

impl Among<'_> {
    /// The table of a kind.
    pub(super) fn table(&self, db: &Db, desc: &Descriptor) -> String {
        if self.now { format!("{}.{}", db.main_schema(), desc.table) } else { desc.table.to_owned() }
    }

    pub(super) fn push_condition(&self, desc: &Descriptor, sql: &mut Sql) {
        match self.org {
            Some(org) if !desc.is_org() => drop(sql.push("t.org_id = ").bind(org)),
            None if !desc.is_org() => drop(sql.push(records::in_all_orgs(desc))),
            _ => drop(sql.push("true")),
        }
        sql.push(" and ").push(&self.life.condition(desc, "t"));
    }
}
