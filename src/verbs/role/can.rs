//! What one user may do, and what one role gives: `user can`, `user roles`, `role permissions`.

use std::collections::BTreeSet;

use anyhow::Result;

use super::check::tell_unknown;
use super::question::{Asked, AtFlag, known_role, known_user};
use super::words::{self, Names};
use crate::access::permission::Permission;
use crate::access::{About, Answer, Facts};
use crate::crud::context::Context;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::model::rights::facts::Held;
use crate::model::rights::roles::{Given, path};
use crate::model::values::value::{Value, ValueType};
use crate::store::access::{self, Which};
use crate::ui::format::{Listing, OutputColumn};

fn texts<const N: usize>(names: [&str; N]) -> Vec<OutputColumn> {
    names.map(|name| OutputColumn::new(name, ValueType::Text)).to_vec()
}

/// Lists all that one user may do.
#[derive(clap::Args)]
pub struct CanFlags {
    /// User
    #[arg(value_name = "USER", required = true)]
    pub key: Option<String>,
    #[command(flatten)]
    pub at: AtFlag,
}

impl Leaf for CanFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "can",
        permission: "users:read",
        writes: false,
        about: "List everything a user may do, with the role that gives it",
        examples: "orgctl user can asha@sahyadri.example\norgctl user can asha@sahyadri.example --at 2026-03-31 -o csv",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let (user, facts) = match known_user(s, self.key, &self.at).await? {
            Asked::Known(known) => known,
            Asked::Unknown(why) => return tell_unknown(s.context, why),
        };
        let org = user.meta.org_id;
        let names = Names::of(s, org, [&facts]).await?;
        let mut heads = texts(["permission", "answer", "role", "given", "conditions", "branch", "department"]);
        heads.push(OutputColumn::new("expires_at", ValueType::Time));
        let mut listing = Listing::new(ui, heads, 0);
        for asked in known_words(s, org, &facts).await? {
            let why = facts.explain(&asked, About::Unnamed);
            let Some(way) = why.ways.first().filter(|_| why.answer != Answer::Deny) else { continue };
            let [branch, department, until] = words::cells(&names, way);
            let row: Vec<Value> = vec![
                asked.to_string().into(),
                why.answer.as_str().into(),
                words::path(&facts.roles, way).into(),
                words::pattern(way.given).into(),
                words::conditions(way.given).join(", ").into(),
                branch,
                department,
                until,
            ];
            listing.row(ui, row)?;
        }
        listing.finish(ui)?;
        ui.flush()?;
        tell_of_account(s.context, &facts, &user.title(), listing.count());
        Ok(())
    }
}

/// Permissions that are known: those of the catalogue, and those that a role of the user names.
async fn known_words(s: &mut Invocation<'_>, org: i32, facts: &Facts) -> Result<BTreeSet<Permission>> {
    let mut all = access::catalogue(s.db().await?, org).await?;
    let given = facts.roles.all().iter().flat_map(|role| &role.given);
    all.extend(given.filter_map(|given| Permission::parse(&words::pattern(given))));
    Ok(all)
}

/// Says why there is nothing, and what the list does not name.
fn tell_of_account(context: &Context<'_>, facts: &Facts, who: &str, listed: u64) {
    if facts.account.lack(facts.at).is_some() {
        context.ui.status(&format!("{who} is blocked or has left, and may do nothing"));
        return;
    }
    if listed == 0 {
        context.ui.status(&format!("no role gives {who} anything"));
    }
    let stars: BTreeSet<String> = facts
        .held
        .iter()
        .filter(|held| held.lack(facts.at).is_none())
        .flat_map(|held| (0..facts.roles.all().len()).filter(|to| facts.roles.reaches(held.role, *to)))
        .flat_map(|at| &facts.roles.role(at).given)
        .filter(|given| given.has_star())
        .map(words::pattern)
        .collect();
    if !stars.is_empty() {
        let stars: Vec<String> = stars.into_iter().collect();
        context.ui.status(&format!("and whatever no catalogue knows that is of {}", stars.join(", ")));
    }
}

/// Lists the roles that somebody has.
#[derive(clap::Args)]
pub struct RolesFlags {
    /// User
    #[arg(value_name = "USER", required = true)]
    pub key: Option<String>,
    /// Also the roles that these inherit from; of all of them only those that give something
    #[arg(long)]
    pub effective: bool,
    #[command(flatten)]
    pub at: AtFlag,
}

impl Leaf for RolesFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "roles",
        permission: "role_grants:read",
        writes: false,
        about: "List the roles that a user has",
        examples: "orgctl user roles asha@sahyadri.example\norgctl user roles asha@sahyadri.example --effective --at 2026-03-31",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let (user, facts) = match known_user(s, self.key, &self.at).await? {
            Asked::Known(known) => known,
            Asked::Unknown(why) => return tell_unknown(s.context, why),
        };
        let names = Names::of(s, user.meta.org_id, [&facts]).await?;
        let mut heads = texts(["role", "path", "branch", "department"]);
        heads.extend(["granted_at", "expires_at"].map(|name| OutputColumn::new(name, ValueType::Time)));
        let mut listing = Listing::new(ui, heads, 0);
        let is_idle = self.effective && facts.account.lack(facts.at).is_some();
        // What is yet to begin says from when.
        let is_told = |held: &&Held| match self.effective {
            true => held.lack(facts.at).is_none(),
            false => held.gives_or_will(facts.at),
        };
        let mut held: Vec<&Held> = facts.held.iter().filter(is_told).filter(|_| !is_idle).collect();
        held.sort_by_key(|held| {
            (&facts.roles.role(held.role).code, words::cells_of(&names, held).map(|v| v.to_text()), held.id)
        });
        for held in held {
            let before = facts.roles.ways_from(held.role);
            let all = 0..facts.roles.all().len();
            let mut paths: Vec<Vec<usize>> = match self.effective {
                true => all.filter(|to| facts.roles.reaches(held.role, *to)).map(|to| path(&before, to)).collect(),
                false => vec![vec![held.role]],
            };
            paths.sort_by_key(Vec::len);
            for path in paths {
                let codes: Vec<&str> = path.iter().map(|at| facts.roles.role(*at).code.as_str()).collect();
                let [branch, department, until] = words::cells_of(&names, held);
                let from = held.from.map_or(Value::Null(ValueType::Time), Value::from);
                let last = codes.last().copied().unwrap_or_default();
                listing.row(ui, vec![last.into(), codes.join(" > ").into(), branch, department, from, until])?;
            }
        }
        listing.finish(ui)?;
        ui.flush()?;
        if listing.count() == 0 {
            ui.status(&format!("{} has no role", user.title()));
        }
        Ok(())
    }
}

/// Lists what a role gives.
#[derive(clap::Args)]
pub struct PermissionsFlags {
    /// Role
    #[arg(value_name = "ROLE", required = true)]
    pub key: Option<String>,
    /// Also what it inherits
    #[arg(long)]
    pub effective: bool,
    #[command(flatten)]
    pub at: AtFlag,
}

impl Leaf for PermissionsFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "permissions",
        permission: "role_permissions:read",
        writes: false,
        about: "List the permissions that a role gives",
        examples: "orgctl role permissions ADMIN\norgctl role permissions ADMIN --effective -o csv",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let (_, role) = known_role(s, self.key, &self.at).await?;
        let (org, id) = role.meta.record_id();
        let roles = access::roles(s.db().await?, org, Which::These(&[id]), None).await?;
        let Some(from) = roles.at(id) else { return Err(anyhow::anyhow!("the role is gone")) };
        let mut heads = texts(["permission", "role"]);
        let flags = ["own_branch", "own_department", "own_records", "require_approval"];
        heads.extend(flags.map(|name| OutputColumn::new(name, ValueType::Bool)));
        let mut listing = Listing::new(ui, heads, 0);
        let before = roles.ways_from(from);
        let mut rows: Vec<(String, String, &Given)> = Vec::new();
        for to in 0..roles.all().len() {
            if to == from || (self.effective && roles.reaches(from, to)) {
                let codes: Vec<&str> = path(&before, to).iter().map(|at| roles.role(*at).code.as_str()).collect();
                rows.extend(roles.role(to).given.iter().map(|g| (words::pattern(g), codes.join(" > "), g)));
            }
        }
        rows.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        for (pattern, codes, given) in rows {
            let flags = [given.own_branch, given.own_department, given.own_records, given.requires_approval];
            let row = [Value::from(pattern), codes.into()].into_iter().chain(flags.map(Value::from)).collect();
            listing.row(ui, row)?;
        }
        listing.finish(ui)?;
        ui.flush()?;
        if listing.count() == 0 {
            ui.status(&format!("{} gives nothing", role.title()));
        }
        if !role.is_active() {
            ui.status(&format!("{} is not in use, and gives nothing of it", role.title()));
        }
        Ok(())
    }
}
