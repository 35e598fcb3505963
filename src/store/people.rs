//! What belongs to users beside their own rows: further branches.

use anyhow::Result;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::db::Db;
use super::sql::Sql;
use super::tx::Tx;
use crate::model::audit::{Action, Payload};
use crate::model::resource::Record;
use crate::model::value::{Kind, Value};

/// Codes of the branches that a user has besides his or her own.
pub async fn further_branches(db: &mut Db, user: &Record) -> Result<Vec<String>> {
    let sql = Sql::new(
        "select b.code from user_branches u join branches b on b.org_id = u.org_id and b.id = u.branch_id
          where u.org_id = $1 and u.user_id = $2 order by b.code",
    );
    let rows = db.all(sql.with([user.meta.org_id.into(), user.meta.id.into()]).yields([Kind::Text])).await?;
    rows.iter().map(|r| Ok(r.text(0)?.to_owned())).collect()
}

impl Tx<'_> {
    /// Gives a user further branches, or takes them away; whether that changed anything.
    pub async fn assign_branches(&mut self, user: &Record, branches: &[Uuid], assign: bool) -> Result<bool> {
        let before = further_branches(self.db, user).await?;
        let sql = match assign {
            true => "insert into user_branches (org_id, user_id, branch_id) values ($1, $2, $3) on conflict do nothing",
            false => "delete from user_branches where org_id = $1 and user_id = $2 and branch_id = $3",
        };
        for branch in branches {
            let args = [user.meta.org_id.into(), user.meta.id.into(), Value::from(*branch)];
            self.db.execute(Sql::new(sql).with(args)).await?;
        }
        self.tell_branches(user, before, Action::Update).await
    }

    /// Gives a user the further branches of another, who keeps none; how many changed hands.
    pub async fn move_branches(&mut self, from: &Record, to: &Record) -> Result<usize> {
        let (had, has) = (further_branches(self.db, from).await?, further_branches(self.db, to).await?);
        let places = [from.meta.org_id.into(), from.meta.id.into(), Value::from(to.meta.id)];
        let copy = "insert into user_branches (org_id, user_id, branch_id)
                    select org_id, $3, branch_id from user_branches where org_id = $1 and user_id = $2 on conflict do nothing";
        self.db.execute(Sql::new(copy).with(places)).await?;
        let gone = "delete from user_branches where org_id = $1 and user_id = $2";
        self.db.execute(Sql::new(gone).with([from.meta.org_id.into(), from.meta.id.into()])).await?;
        let moved = had.len();
        self.tell_branches(from, had, Action::Merge).await?;
        self.tell_branches(to, has, Action::Merge).await?;
        Ok(moved)
    }

    /// Records how a user's further branches changed, if they did.
    async fn tell_branches(&mut self, user: &Record, before: Vec<String>, action: Action) -> Result<bool> {
        let after = further_branches(self.db, user).await?;
        if before == after {
            return Ok(false);
        }
        let part = |codes: Vec<String>| Some(Map::from_iter([("branches".to_owned(), Json::from(codes))]));
        let payload = Payload { key: Some(user.key()), old: part(before), new: part(after), ..Payload::default() };
        self.audit(user.meta.org_id, action, user.desc.noun, user.meta.id, payload).await?;
        Ok(true)
    }
}
