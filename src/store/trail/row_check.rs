//! Whether the rows that live agree with what is recorded of them: a row that was changed behind the program's back is
//! found and named.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::model::problem::ErrorKind;
use crate::model::resource::{Attr, Descriptor, Record};
use crate::model::trail::audit::{Effect, same_as_default, to_payload};
use crate::model::trail::verify::{Fault, Finding};
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Row, Sql};
use crate::store::records::filled::filled;
use crate::store::records::{self, read_exprs};

/// What the records of one row add up to.
#[derive(Default)]
struct ReplayedState {
    /// The last record about it.
    seq: Option<i64>,
    /// What fields were given last, by column.
    values: HashMap<String, Json>,
    /// All its records are there, from the first on: what they don't tell is as it was born.
    is_complete: bool,
    is_live: Option<bool>,
}

impl ReplayedState {
    /// Takes the next record; without a payload nothing is known of what it changed.
    fn apply(&mut self, seq: i64, effect: Effect, payload: Option<&str>) {
        self.seq = Some(seq);
        match effect {
            Effect::Create | Effect::Restore => self.is_live = Some(true),
            Effect::Delete => self.is_live = Some(false),
            _ => {}
        }
        let Some(payload) = payload else {
            self.values.clear();
            self.is_complete = false;
            return;
        };
        let json: Json = serde_json::from_str(payload).unwrap_or_default();
        if effect == Effect::Create {
            // What one of the same id was before is purged.
            self.values.clear();
            self.is_complete = true;
        }
        for (field, value) in json["new"].as_object().into_iter().flatten() {
            self.values.insert(field.clone(), value.clone());
        }
    }
}

/// Most rows of a kind that are named.
const SHOWN: usize = 1000;

/// What was gone through.
#[derive(Debug, Default)]
pub struct CheckedRows {
    /// Held against everything that was ever recorded of them.
    pub whole: u64,
    /// Of these some payloads are archived or erased, and what they told can't be held against anything.
    pub in_part: u64,
}

/// Every row of an organisation that differs from its records.
pub async fn find_mismatches(db: &mut Db, org: i32, rows: &mut CheckedRows) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let recorded: Vec<&'static Descriptor> = db.kinds().resources().filter(|d| d.is_recorded()).collect();
    let filled = filled(db, recorded.iter().map(|desc| desc.table), Some(org)).await?;
    let made = kinds_made(db, org).await?;
    for desc in recorded {
        let mut differing = Mismatches::new();
        if filled.contains(desc.table) {
            differing.extend(check_kind(db, desc, org, rows).await?);
        }
        if made.contains(desc.noun) {
            differing.extend(missing_rows(db, desc, org).await?);
        }
        let finding = |(seq, what)| Finding { tree: org, seq, kind: Fault::RowDiffers, what };
        found.extend(differing.into_iter().map(finding));
    }
    Ok(found)
}

/// The kinds of which a record was ever made.
async fn kinds_made(db: &mut Db, org: i32) -> Result<BTreeSet<String>> {
    let sql = Sql::new("select distinct kind from audit_records where tree = $1 and effect = 'create'");
    let rows = db.all(sql.with([org.into()]).yields([ValueType::Text])).await?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}

type Mismatches = Vec<(Option<i64>, String)>;

/// The rows of a kind, each with its records.
pub fn recorded(desc: &'static Descriptor, org: i32) -> Sql {
    let columns = read_exprs(desc);
    let names: Vec<&str> = columns.iter().map(|(expr, _)| expr.as_str()).collect();
    // The plus, here and below, keeps a planner that knows nothing off the primary key: it would read the whole tree for
    // each row.
    let mut sql = Sql::new(format!(
        "select {}, r.seq, r.effect, r.payload from {} t
           left join audit_records r on r.resource_id = t.id and +r.tree = t.org_id and r.kind = '{}' and r.effect <> 'none'
          where t.org_id = ",
        names.join(", "),
        desc.table,
        desc.noun,
    ));
    sql.bind(org).push(" order by t.id, r.seq");
    sql.yields(columns.iter().map(|(_, kind)| *kind).chain([ValueType::Int, ValueType::Text, ValueType::Text]))
}

async fn check_kind(db: &mut Db, desc: &'static Descriptor, org: i32, count: &mut CheckedRows) -> Result<Mismatches> {
    let mut found = Vec::new();
    let mut now: Option<(Record, ReplayedState)> = None;
    let mut close = |row: Option<(Record, ReplayedState)>, found: &mut Mismatches| {
        let Some((record, told)) = row else { return };
        match told.is_complete || told.seq.is_none() {
            true => count.whole += 1,
            false => count.in_part += 1,
        }
        if found.len() < SHOWN
            && let Some(what) = mismatch(&record, &told)
        {
            found.push((told.seq, format!("{} {what}", record.title())));
        }
    };
    let n = read_exprs(desc).len();
    db.each(recorded(desc, org), |mut row| {
        let rest = row.0.split_off(n);
        let about = Row(rest);
        let record = records::record(desc, row)?;
        if now.as_ref().is_none_or(|(r, _)| r.meta.id != record.meta.id) {
            close(now.take(), &mut found);
            now = Some((record, ReplayedState::default()));
        }
        if let (Some((_, told)), Some(seq)) = (&mut now, about.value(0).as_int()) {
            let effect = Effect::parse(about.text(1)?).unwrap_or(Effect::None);
            told.apply(seq, effect, about.value(2).as_text());
        }
        Ok(())
    })
    .await?;
    close(now, &mut found);
    Ok(found)
}

/// What a row says otherwise than its records.
fn mismatch(record: &Record, told: &ReplayedState) -> Option<String> {
    if told.seq.is_none() {
        return Some("is there, but nothing recorded it".to_owned());
    }
    for field in record.desc.stored().filter(|f| !f.has(Attr::Secret)) {
        let is = record.get(field.column);
        let agrees = match told.values.get(field.column) {
            Some(recorded) => *recorded == to_payload(field, is),
            None => !told.is_complete || is.is_null() || same_as_default(field, is),
        };
        if !agrees {
            let word = |v: &Json| match v {
                Json::Null => "none".to_owned(),
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            let recorded = told.values.get(field.column).map_or_else(|| "nothing".to_owned(), word);
            return Some(format!("has {} {}, recorded is {recorded}", field.name(), word(&to_payload(field, is))));
        }
    }
    if let Some(what) = contradiction(record) {
        return Some(format!("contradicts its fingerprint: {what}"));
    }
    match told.is_live {
        Some(live) if live != record.meta.is_live() => {
            let word = |live| if live { "live" } else { "deleted" };
            Some(format!("is {}, recorded is {}", word(record.meta.is_live()), word(live)))
        }
        _ => None,
    }
}

/// What a row with a secret says of it that can't be: its fingerprint is recorded, and is made with a key that stands beside the
/// secret, so that this needs no master key.
fn contradiction(record: &Record) -> Option<String> {
    if !record.desc.stored().any(|f| f.has(Attr::Secret) && !f.is_sealed()) {
        return None;
    }
    let broken = (record.desc.check)(record, NaiveDate::MAX);
    broken.into_iter().find(|problem| problem.kind == ErrorKind::Integrity).map(|problem| problem.sentence)
}

/// The last record of a row, which a finding about it names.
pub async fn last_of(db: &mut Db, desc: &Descriptor, org: i32, id: Uuid) -> Result<Option<i64>> {
    let sql = Sql::new(
        "select max(seq) from audit_records where resource_id = $1 and +tree = $2 and kind = $3 and effect <> 'none'",
    );
    let row = db.one(sql.with([id.into(), org.into(), desc.noun.into()]).yields([ValueType::Int])).await?;
    Ok(row.value(0).as_int())
}

/// Records of rows that are gone without a purge.
pub fn missing(desc: &Descriptor, org: i32) -> Sql {
    let sql = Sql::new(format!(
        "select r.seq, r.resource_id from audit_records r
          where r.tree = $1 and r.kind = '{0}' and r.effect = 'create' and r.resource_id <> $2
            and not exists (select 1 from {1} t where t.org_id = r.tree and t.id = r.resource_id)
            and not exists (select 1 from audit_records p
                             where p.resource_id = r.resource_id and +p.tree = r.tree and p.kind = r.kind and p.effect = 'purge')
          order by r.seq limit {SHOWN}",
        desc.noun, desc.table,
    ));
    sql.with([org.into(), Uuid::nil().into()]).yields([ValueType::Int, ValueType::Uuid])
}

async fn missing_rows(db: &mut Db, desc: &'static Descriptor, org: i32) -> Result<Mismatches> {
    let rows = db.all(missing(desc, org)).await?;
    let told =
        |r: &Row| Ok((Some(r.int(0)?), format!("{} {} is gone, and no purge is recorded", desc.noun, r.uuid(1)?)));
    rows.iter().map(told).collect()
}
