//! What belongs to users beside their own rows: further branches.

use std::collections::HashMap;

use anyhow::Result;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

pub use super::further_branches;
use crate::model::kinds::branch::Branch;
use crate::model::kinds::user::User;
use crate::model::resource::{Record, Resource};
use crate::model::trail::audit::{Action, ChangeNote, Effect, Event, Payload};
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::records;
use crate::store::tx::Tx;

/// The same of several users; who has none is not among them.
pub async fn further_branches_of(db: &mut Db, org: i32, users: &[Uuid]) -> Result<HashMap<Uuid, Vec<String>>> {
    let mut found: HashMap<Uuid, Vec<String>> = HashMap::new();
    for some in users.chunks(500) {
        let mut sql = Sql::bulk(
            "select u.user_id, b.code from user_branches u join branches b on b.org_id = u.org_id and b.id = u.branch_id
              where u.org_id = ",
            db.engine(),
        );
        sql.bind(org).push(" and u.user_id in ").bind_rows(some.iter().copied()).push(" order by 1, 2");
        for row in db.all(sql.yields([ValueType::Uuid, ValueType::Text])).await? {
            found.entry(row.uuid(0)?).or_default().push(row.text(1)?.to_owned());
        }
    }
    Ok(found)
}

async fn further_ids(db: &mut Db, user: &Record) -> Result<Vec<Uuid>> {
    let sql = Sql::new("select branch_id from user_branches where org_id = $1 and user_id = $2");
    let rows = db.all(sql.with([user.meta.org_id.into(), user.meta.id.into()]).yields([ValueType::Uuid])).await?;
    rows.iter().map(|r| r.uuid(0)).collect()
}

/// Users, deleted ones too, who have a branch besides their own.
pub async fn assigned(db: &mut Db, branch: &Record) -> Result<Vec<Record>> {
    let condition =
        "t.org_id = $1 and t.id in (select u.user_id from user_branches u where u.org_id = $1 and u.branch_id = $2)";
    records::load_where(db, User::DESCRIPTOR, condition, vec![branch.meta.org_id.into(), branch.meta.id.into()]).await
}

/// How many users are in use in an organisation, or in all that are.
pub async fn count_active(db: &mut Db, org: Option<i32>) -> Result<u64> {
    let sql = match org {
        Some(org) => Sql::new("select count(*) from users where is_active and deleted_at is null and org_id = $1")
            .with([org.into()]),
        None => Sql::new(
            "select count(*) from users u join orgs o on o.org_id = u.org_id
              where u.is_active and u.deleted_at is null and o.is_active and o.deleted_at is null",
        ),
    };
    Ok(u64::try_from(db.one(sql.yields([ValueType::Int])).await?.int(0)?)?)
}

impl Tx<'_> {
    /// Gives a user further branches, or takes them away; whether that changed anything.
    pub async fn assign_branches(&mut self, user: &Record, branches: &[Uuid], assign: bool) -> Result<bool> {
        let before = further_branches(self.db, user).await?;
        if assign {
            self.add_branches(user, branches).await?;
        } else if !branches.is_empty() {
            self.drop_branches(user, "in", branches).await?;
        }
        self.record_branch_changes(user, before, Action::Update.into()).await
    }

    /// Gives a user these further branches and no others; whether that changed anything.
    pub async fn set_branches(
        &mut self,
        user: &Record,
        branches: &[Uuid],
        telling: impl Into<ChangeNote>,
    ) -> Result<bool> {
        let before = further_branches(self.db, user).await?;
        // The nil id is no branch's: with none to keep, all go.
        let kept: Vec<Uuid> = branches.iter().copied().chain([Uuid::nil()]).collect();
        self.drop_branches(user, "not in", &kept).await?;
        self.add_branches(user, branches).await?;
        self.record_branch_changes(user, before, telling.into()).await
    }

    /// The own branch is no further one.
    async fn add_branches(&mut self, user: &Record, branches: &[Uuid]) -> Result<()> {
        let own = user.get("branch_id").as_uuid();
        let had = further_ids(self.db, user).await?;
        for branch in branches.iter().filter(|b| Some(**b) != own) {
            if !had.contains(branch) {
                self.note_list_member(Branch::DESCRIPTOR, *branch, user, "branches");
            }
            self.put_branch(user.meta.org_id, user.meta.id, *branch).await?;
        }
        Ok(())
    }

    /// Writes one further branch, and no record of it.
    pub(in crate::store) async fn put_branch(&mut self, org: i32, user: Uuid, branch: Uuid) -> Result<()> {
        let sql =
            "insert into user_branches (org_id, user_id, branch_id, created_at, created_by) values ($1, $2, $3, $4, $5)
                   on conflict do nothing";
        let by = self.actor().await?;
        let args = [org.into(), user.into(), Value::from(branch), self.at().into(), by.into()];
        self.db.execute(Sql::new(sql).with(args)).await.map(drop)
    }

    async fn drop_branches(&mut self, user: &Record, which: &str, branches: &[Uuid]) -> Result<()> {
        let sql = format!("delete from user_branches where org_id = $1 and user_id = $2 and branch_id {which} ");
        let mut sql = Sql::new(sql).with([user.meta.org_id.into(), user.meta.id.into()]);
        sql.bind_list(branches.iter().copied());
        self.db.execute(sql).await.map(drop)
    }

    /// Gives a user the further branches of another, who keeps none; how many changed hands.
    pub async fn move_branches(&mut self, from: &Record, to: &Record) -> Result<usize> {
        let (had, has) = (further_branches(self.db, from).await?, further_branches(self.db, to).await?);
        let places = [from.meta.org_id.into(), from.meta.id.into(), Value::from(to.meta.id)];
        let copy = "insert into user_branches (org_id, user_id, branch_id, created_at, created_by)
                    select org_id, $3, branch_id, $4, $5 from user_branches
                     where org_id = $1 and user_id = $2 and branch_id <> $6
                    on conflict do nothing";
        let own = to.get("branch_id").as_uuid().unwrap_or_default();
        let by = [self.at().into(), self.actor().await?.into(), own.into()];
        self.db.execute(Sql::new(copy).with(places).with(by)).await?;
        let gone = "delete from user_branches where org_id = $1 and user_id = $2";
        self.db.execute(Sql::new(gone).with([from.meta.org_id.into(), from.meta.id.into()])).await?;
        let moved = had.len();
        self.record_branch_changes(from, had, Action::Merge.into()).await?;
        self.record_branch_changes(to, has, Action::Merge.into()).await?;
        Ok(moved)
    }

    /// Takes a branch from everybody who has it besides his or her own; from how many.
    pub async fn unassign_branch(&mut self, branch: &Record) -> Result<usize> {
        let users = assigned(self.db, branch).await?;
        for user in &users {
            self.assign_branches(user, &[branch.meta.id], false).await?;
        }
        Ok(users.len())
    }

    /// Records how a user's further branches changed, if they did.
    async fn record_branch_changes(&mut self, user: &Record, before: Vec<String>, telling: ChangeNote) -> Result<bool> {
        let after = further_branches(self.db, user).await?;
        if before == after {
            return Ok(false);
        }
        let part = |codes: Vec<String>| Some(Map::from_iter([("branches".to_owned(), Json::from(codes))]));
        let ChangeNote { action, details } = telling;
        let payload = Payload { key: Some(user.key()), old: part(before), new: part(after), details };
        self.append(user.meta.org_id, Event::of(user, action, Effect::Update), payload).await?;
        Ok(true)
    }
}
