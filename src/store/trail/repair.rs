//! Repairing what the records themselves prove: heads, rows that no command recorded, and counters that were moved. All
//! else that `audit verify` finds is evidence, and stays as it is.

use serde_json::{Map, Value as Json, json};

use super::lineage::code_skips;
use super::verify::{head_of, proven};
use crate::model::kinds::org::SYSTEM;
use crate::model::trail::audit::Action;
use crate::model::trail::merkle::Frontier;
use crate::model::trail::verify::TreeHead;
use crate::model::values::value::{ValueType, hex};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Row, Sql};
use crate::store::records;
use crate::store::trail;
use crate::store::tx::Tx;

/// Tables whose guards stand in the way of a repair.
const GUARDED: [&str; 5] = ["audit_records", "audit_requests", "audit_heads", "audit_erased", "code_counters"];

/// What is wrong with one tree and can be repaired.
#[derive(Debug, Clone, Default)]
pub struct RepairPlan {
    pub tree: i32,
    /// Sentences for people.
    pub wrong: Vec<String>,
    /// Why more can't be repaired.
    pub stays: Option<String>,
    /// The size and the right edge that the records prove, where the head has others.
    head: Option<(i64, Vec<u8>)>,
    /// Records behind the head, of no command.
    strays: Vec<(i64, String)>,
    erasures: i64,
    counters: Vec<(String, i64)>,
}

/// What can be repaired, tree by tree.
pub async fn plan(db: &mut Db) -> Result<Vec<RepairPlan>> {
    let mut trees = trail::trees(db).await?;
    let without_head =
        "select distinct tree from audit_requests where tree not in (select tree from audit_heads) order by 1";
    for row in db.all(Sql::new(without_head).yields([ValueType::Int])).await? {
        trees.push(row.org(0)?);
    }
    let mut plans = Vec::new();
    for tree in trees {
        let plan = plan_of(db, tree).await?;
        if !plan.wrong.is_empty() || plan.stays.is_some() {
            plans.push(plan);
        }
    }
    Ok(plans)
}

async fn plan_of(db: &mut Db, tree: i32) -> Result<RepairPlan> {
    let mut plan = RepairPlan { tree, ..RepairPlan::default() };
    let code = records::org_code(db, tree).await?;
    let head = head_of(db, tree).await?;
    let known = match &head {
        TreeHead::Is(size, frontier, _) => Some((*size, frontier.clone())),
        _ => None,
    };
    let last = Sql::new("select coalesce(max(last_seq), 0) from audit_requests where tree = $1").with([tree.into()]);
    let last = db.one(last.yields([ValueType::Int])).await?.int(0)?;
    // What the head tells of, if its right edge is that of the records; else all that commands account for.
    let size = match &known {
        Some((size, frontier)) if edge_at(db, tree, *size).await?.is_some_and(|f| f == *frontier) => *size,
        _ => last,
    };
    if last > size {
        plan.stays = Some(format!(
            "commands up to record {last} of {code} stand behind its head, which tells of {size}: nothing proves which is right"
        ));
        return Ok(plan);
    }
    let Some(edge) = edge_at(db, tree, size).await?.filter(|_| size > 0) else {
        plan.stays = Some(format!("the records of {code} prove no head"));
        return Ok(plan);
    };
    if let Some(finding) = proven(db, tree, size, &edge).await? {
        let at = finding.seq.map_or_else(String::new, |seq| format!("record {seq}: "));
        plan.stays = Some(format!("the records of {code} prove nothing: {at}{}", finding.what));
        return Ok(plan);
    }
    let is_right = matches!(&head, TreeHead::Is(n, frontier, None) if *n == size && *frontier == edge);
    if !is_right {
        let what = match &head {
            TreeHead::Is(n, _, _) if *n != size => {
                format!("the head of {code} tells of {n} records, {size} are proven")
            }
            TreeHead::Is(_, frontier, _) if *frontier != edge => {
                format!("the head of {code} is not that of its records")
            }
            TreeHead::Is(_, _, Some(what)) => format!("{code}: {what}"),
            _ => format!("{code} has no head"),
        };
        plan.wrong.push(what);
        plan.head = Some((size, edge));
    }
    behind(db, &code, size, &mut plan).await?;
    counters(db, &code, &mut plan).await?;
    Ok(plan)
}

/// The right edge that the leaves up to a size make; none where one is missing.
async fn edge_at(db: &mut Db, tree: i32, size: i64) -> Result<Option<Vec<u8>>> {
    let mut frontier = Frontier::default();
    let sql = Sql::new("select leaf from audit_records where tree = $1 and seq >= 1 and seq <= $2 order by seq");
    db.each(sql.with([tree.into(), size.into()]).yields([ValueType::Bytes]), |row| {
        frontier.append(row.hash(0)?);
        Ok(())
    })
    .await?;
    Ok((i64::try_from(frontier.size())? == size).then(|| frontier.to_bytes()))
}

/// What stands behind the head and no command accounts for, and erasures of what is not gone.
async fn behind(db: &mut Db, code: &str, size: i64, plan: &mut RepairPlan) -> Result<()> {
    let sql = Sql::new("select seq, leaf from audit_records where tree = $1 and (seq > $2 or seq < 1) order by seq");
    let rows = db.all(sql.with([plan.tree.into(), size.into()]).yields([ValueType::Int, ValueType::Bytes])).await?;
    plan.strays = rows.iter().map(|r| Ok((r.int(0)?, hex(r.bytes(1)?)))).collect::<Result<_>>()?;
    if let Some((first, _)) = plan.strays.first() {
        let n = plan.strays.len();
        plan.wrong.push(format!("{n} records of {code} belong to no command, the first is {first}"));
    }
    let sql = Sql::new(format!("select count(*) from audit_erased where tree = $1 and {PLANTED}"));
    plan.erasures = db.one(sql.with([plan.tree.into(), size.into()]).yields([ValueType::Int])).await?.int(0)?;
    if plan.erasures > 0 {
        plan.wrong.push(format!("{} erasures of {code} are of records whose payload is there", plan.erasures));
    }
    Ok(())
}

const PLANTED: &str = "(seq > $2 or not exists (select 1 from audit_records r
    where r.tree = audit_erased.tree and r.seq = audit_erased.seq and r.payload is null))";

/// A counter passes over a code that is taken, and each is taken once: it is never further than twice what was created.
const SLACK: i64 = 10_000;

/// Counters that are further than all creations can have brought them.
async fn counters(db: &mut Db, code: &str, plan: &mut RepairPlan) -> Result<()> {
    for (kind, next, most) in far_counters(db, plan.tree).await? {
        plan.wrong.push(format!("the codes of {code} for new records of kind {kind} are counted up to {next}"));
        plan.counters.push((kind, most));
    }
    Ok(())
}

/// Counters of an organisation that are too far: kind, where they are, and where they can be at most.
pub async fn far_counters(db: &mut Db, org: i32) -> Result<Vec<(String, i64, i64)>> {
    let sql = Sql::new("select kind, next from code_counters where org_id = $1").with([org.into()]);
    let mut found = Vec::new();
    for row in db.all(sql.yields([ValueType::Text, ValueType::Int])).await? {
        let (kind, next) = (row.text(0)?.to_owned(), row.int(1)?);
        if next <= SLACK {
            continue;
        }
        // What is not recorded tells by its rows how many there were at least.
        let made = match db.kinds().by_noun(&kind).filter(|desc| !desc.is_recorded()) {
            Some(desc) => Sql::new(format!("select count(*) from {} where org_id = $1", desc.table)).with([org.into()]),
            None => Sql::new("select count(*) from audit_records where tree = $1 and kind = $2 and effect = 'create'")
                .with([org.into(), kind.as_str().into()]),
        };
        let made = made.yields([ValueType::Int]);
        let most = db.one(made).await?.int(0)?.saturating_mul(2).saturating_add(SLACK);
        let most = most.saturating_add(skipped(db, org, &kind).await?);
        if next > most {
            found.push((kind, next, most));
        }
    }
    Ok(found)
}

/// How far restores have let the codes of a kind skip: the same each time, and as far as they were given in a database that
/// was replaced.
async fn skipped(db: &mut Db, org: i32, kind: &str) -> Result<i64> {
    let Some((_, maker)) = code_skips(db.kinds()).find(|(noun, _)| *noun == kind) else { return Ok(0) };
    let restores = "select payload from audit_records where tree = $1 and kind = 'backup' and action = 'backup_restore' order by seq";
    let restores = db.all(Sql::new(restores).with([SYSTEM.into()]).yields([ValueType::Text])).await?;
    let mut skipped = i64::try_from(restores.len())?.saturating_mul(i64::try_from(maker.leap())?);
    for row in &restores {
        let told: Json = row.value(0).as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let given = told["given"].as_array().into_iter().flatten();
        let given = given.filter(|g| g[0] == org && g[1] == kind).filter_map(|g| g[2].as_i64());
        skipped = given.fold(skipped, |sum, n| sum.saturating_add(n.max(0)));
    }
    Ok(skipped)
}

impl Tx<'_> {
    /// Repairs what is planned and records it, each in its tree. Only the owner of the tables can.
    pub async fn repair(&mut self, plans: &[RepairPlan]) -> Result<()> {
        let put_back = self.set_guards_aside().await?;
        for plan in plans.iter().filter(|p| !p.wrong.is_empty()) {
            self.apply(plan).await?;
        }
        self.db.script(put_back).await?;
        for plan in plans.iter().filter(|p| !p.wrong.is_empty()) {
            self.lock(&[plan.tree], &mut |_| {}).await?;
        }
        for plan in plans.iter().filter(|p| !p.wrong.is_empty()) {
            let removed: Vec<Json> = plan
                .strays
                .iter()
                .take(1000)
                .map(|(seq, leaf)| json!({ "seq": seq.to_string(), "leaf": leaf }))
                .collect();
            let mut details = Map::from_iter([("repaired".to_owned(), Json::from(plan.wrong.clone()))]);
            if !removed.is_empty() {
                details.insert("removed".into(), removed.into());
            }
            self.event(plan.tree, Action::ConfigChange, "audit", details).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, plan: &RepairPlan) -> Result<()> {
        let tree = plan.tree;
        for (seq, _) in &plan.strays {
            let sql = Sql::new("delete from audit_records where tree = $1 and seq = $2");
            self.db.execute(sql.with([tree.into(), (*seq).into()])).await?;
        }
        if plan.erasures > 0 {
            let upto = "select coalesce(max(seq), 0) from audit_records where tree = $1";
            let upto = self.db.one(Sql::new(upto).with([tree.into()]).yields([ValueType::Int])).await?.int(0)?;
            let sql = Sql::new(format!("delete from audit_erased where tree = $1 and {PLANTED}"));
            self.db.execute(sql.with([tree.into(), upto.into()])).await?;
        }
        for (kind, next) in &plan.counters {
            let sql = Sql::new("update code_counters set next = $3 where org_id = $1 and kind = $2");
            self.db.execute(sql.with([tree.into(), kind.as_str().into(), (*next).into()])).await?;
        }
        if let Some((size, edge)) = &plan.head {
            let pending = if self.db.is_postgres() { ", pending" } else { "" };
            let upto = if pending.is_empty() { "" } else { ", $2" };
            self.db.execute(Sql::new("delete from audit_heads where tree = $1").with([tree.into()])).await?;
            let sql = Sql::new(format!(
                "insert into audit_heads (tree, size, frontier, at{pending})
                 select $1, $2, $3, at{upto} from audit_requests where tree = $1 and last_seq = $2"
            ));
            self.db.execute(sql.with([tree.into(), (*size).into(), edge.clone().into()])).await?;
        }
        Ok(())
    }

    /// Takes the guards away inside this transaction; the script that puts them back.
    async fn set_guards_aside(&mut self) -> Result<String> {
        if self.db.is_postgres() {
            let all = |what: &str| GUARDED.map(|t| format!("ALTER TABLE {t} {what} TRIGGER USER;")).concat();
            self.db.script(all("DISABLE")).await?;
            return Ok(all("ENABLE"));
        }
        let tables = GUARDED.map(|t| format!("'{t}'")).join(", ");
        let sql = format!("select name, sql from sqlite_schema where type = 'trigger' and tbl_name in ({tables})");
        let triggers: Vec<Row> = self.db.all(Sql::new(sql).yields([ValueType::Text, ValueType::Text])).await?;
        let mut put_back = String::new();
        for row in &triggers {
            self.db.script(format!("drop trigger {}", crate::store::engine::sql::quoted(row.text(0)?))).await?;
            put_back.push_str(&format!("{};", row.text(1)?));
        }
        Ok(put_back)
    }
}
