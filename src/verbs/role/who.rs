//! Who may do something, and who has a role: `role who-can`, `role members`. In the order in which people were made, in pages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::check::tell_unknown;
use super::question::{self, AboutFlags, Asked, AtFlag, begin, ensure_all_known, kind_of, known_role};
use super::unknown_words::warn_of_unknown;
use super::words::{self, Names};
use crate::access::permission::Permission;
use crate::access::{About, Answer, Facts};
use crate::crud::flags::limit;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::read::next_page;
use crate::crud::{as_of, gate};
use crate::model::kinds::user::User;
use crate::model::resource::{Record, Resource as _};
use crate::model::rights::facts::Held;
use crate::model::rights::roles::{Roles, path};
use crate::model::values::value::{Value, ValueType};
use crate::store::access::{self, Own, Past, Which};
use crate::store::records;
use crate::ui::format::{Format, Listing, OutputColumn};

/// Which of many.
#[derive(clap::Args)]
pub struct PageFlags {
    /// Most users to show (default on a terminal: 50)
    #[arg(long, value_name = "N", value_parser = limit)]
    pub limit: Option<u64>,
    /// Show all users
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Show the page that the last one named
    #[arg(long, value_name = "TOKEN")]
    pub page: Option<Uuid>,
}

/// Users on a terminal where nothing else is asked for.
const PAGE: usize = 50;
/// Users that are read together.
const TOGETHER: usize = 500;

/// Lists who may do something, with the way by which each may.
#[derive(clap::Args)]
pub struct WhoCanFlags {
    /// What would be done
    #[arg(value_name = "RESOURCE:ACTION")]
    pub permission: String,
    #[command(flatten)]
    pub about: AboutFlags,
    #[command(flatten)]
    pub at: AtFlag,
    #[command(flatten)]
    pub pages: PageFlags,
}

impl Leaf for WhoCanFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "who-can",
        permission: "roles:read",
        writes: false,
        about: "List the users who may do something, with the way by which each may",
        examples: "orgctl role who-can users:update\norgctl role who-can users:update --target ravi@sahyadri.example\norgctl role who-can reports:export --branch MUM01 --at 2026-03-31 -o csv",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let asked = Permission::typed(&self.permission)?;
        let kind = kind_of(s.context, &asked).filter(|_| self.about.target.is_some());
        let at = begin(s, &self.at, kind).await?;
        let org = s.the_org().await?;
        warn_of_unknown(s, org, (asked.resource(), asked.action())).await?;
        let target = match question::target(s, org, &asked, &self.about).await? {
            Asked::Known(target) => target,
            Asked::Unknown(why) => return tell_unknown(s.context, why),
        };
        ensure_all_known(s).await?;
        let roles = access::roles(s.db().await?, org, Which::Giving, Some(&asked)).await?;
        let mut by_conditions: BTreeMap<Own, Vec<Uuid>> = BTreeMap::new();
        let is_of_all = asked.is_of_the_installation() && org > 0;
        let patterns = roles.patterns(&asked);
        for (place, role) in roles.all().iter().enumerate().filter(|_| !is_of_all) {
            let given = roles.giving(place, patterns).map(|(_, g)| (g.own_branch, g.own_department, g.own_records));
            given
                .collect::<BTreeSet<Own>>()
                .into_iter()
                .for_each(|own| by_conditions.entry(own).or_default().push(role.id));
        }
        let about = target.about();
        let is_meant = |facts: &Facts| facts.check(&asked, about) != Answer::Deny;
        let question = Many { org, at, about, roles: &roles, by_conditions: &by_conditions, in_use: true };
        let mut listing = Listing::new(&s.context.ui, who_can_heads(), 0);
        each(s, &self.pages, &question, &is_meant, &mut listing, |facts, names, user| {
            let why = facts.explain(&asked, about);
            let Some(way) = why.ways.first() else { return Vec::new() };
            let [branch, department, until] = words::cells(names, way);
            vec![vec![
                user.key().into(),
                name(user),
                why.answer.as_str().into(),
                words::path(&facts.roles, way).into(),
                words::pattern(way.given).into(),
                words::conditions(way.given).join(", ").into(),
                branch,
                department,
                until,
            ]]
        })
        .await?;
        if listing.count() == 0 {
            s.context.ui.status(&format!("nobody may {asked}{}", target.words()));
        }
        Ok(())
    }
}

fn who_can_heads() -> Vec<OutputColumn> {
    let texts = ["user", "name", "answer", "role", "permission", "conditions", "branch", "department"];
    let until = OutputColumn::new("expires_at", ValueType::Time);
    texts.map(|name| OutputColumn::new(name, ValueType::Text)).into_iter().chain([until]).collect()
}

/// Lists who has a role.
#[derive(clap::Args)]
pub struct MembersFlags {
    /// Role
    #[arg(value_name = "ROLE", required = true)]
    pub key: Option<String>,
    /// Also who has it by a role that inherits from it; of all of them only those for whom it gives something
    #[arg(long)]
    pub effective: bool,
    #[command(flatten)]
    pub at: AtFlag,
    #[command(flatten)]
    pub pages: PageFlags,
}

impl Leaf for MembersFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "members",
        permission: "role_grants:read",
        writes: false,
        about: "List the users who have a role",
        examples: "orgctl role members ADMIN\norgctl role members ADMIN --effective -o csv\norgctl role members ADMIN --at 2026-03-31",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let (at, role) = known_role(s, self.key.clone(), &self.at).await?;
        let (org, id) = role.meta.record_id();
        let of = [id];
        let which = if self.effective { Which::Below(&of) } else { Which::These(&of) };
        let roles = access::roles(s.db().await?, org, which, None).await?;
        let Some(to) = roles.at(id) else { return Err(anyhow::anyhow!("the role is gone")) };
        let reaches = |from: usize| if self.effective { roles.reaches(from, to) } else { from == to };
        let some: Vec<Uuid> = (0..roles.all().len()).filter(|at| reaches(*at)).map(|at| roles.role(at).id).collect();
        let by_conditions = BTreeMap::from([(Own::default(), some)]);
        let counts = |held: &Held| {
            let holds = if self.effective { held.lack(at).is_none() } else { held.gives_or_will(at) };
            holds && reaches(held.role)
        };
        let is_meant = |facts: &Facts| facts.held.iter().any(counts);
        let question = Many {
            org,
            at,
            about: About::Unnamed,
            roles: &roles,
            by_conditions: &by_conditions,
            in_use: self.effective,
        };
        let texts = ["user", "name", "role", "branch", "department"];
        let heads = texts.map(|name| OutputColumn::new(name, ValueType::Text)).into_iter();
        let times = ["granted_at", "expires_at"].map(|name| OutputColumn::new(name, ValueType::Time));
        let heads = heads.chain(times).collect();
        let mut listing = Listing::new(&s.context.ui, heads, 0);
        each(s, &self.pages, &question, &is_meant, &mut listing, |facts, names, user| {
            let held = facts.held.iter().filter(|held| counts(held));
            held.map(|held| {
                let codes = path(&roles.ways_from(held.role), to);
                let codes: Vec<&str> = codes.iter().map(|at| roles.role(*at).code.as_str()).collect();
                let [branch, department, until] = words::cells_of(names, held);
                let from = held.from.map_or(Value::Null(ValueType::Time), Value::from);
                vec![user.key().into(), name(user), codes.join(" > ").into(), branch, department, from, until]
            })
            .collect()
        })
        .await?;
        if listing.count() == 0 {
            s.context.ui.status(&format!("nobody has {}", role.title()));
        }
        Ok(())
    }
}

fn name(user: &Record) -> Value {
    user.desc.title().map_or(Value::Null(ValueType::Text), |field| user.get(field.column).clone())
}

/// A question about many people.
struct Many<'a> {
    org: i32,
    at: DateTime<Utc>,
    about: About<'a>,
    roles: &'a Arc<Roles>,
    by_conditions: &'a BTreeMap<Own, Vec<Uuid>>,
    /// Only those whose account is in use, and whose grants have begun.
    in_use: bool,
}

/// Lists people in pages: the database finds them by what gives the permission, and each is decided about by what is known of
/// him or her.
async fn each(
    s: &mut Invocation<'_>,
    pages: &PageFlags,
    question: &Many<'_>,
    is_meant: &dyn Fn(&Facts) -> bool,
    listing: &mut Listing,
    rows_of: impl Fn(&Facts, &Names, &Record) -> Vec<Vec<Value>>,
) -> Result<()> {
    let ui = &s.context.ui;
    let page = if ui.style.format.get() == Format::Table && !pages.all { Some(PAGE) } else { None };
    let most = pages.limit.map(usize::try_from).transpose()?.or(page).unwrap_or(usize::MAX);
    let (mut after, mut shown) = (pages.page, 0);
    loop {
        // One more tells whether there are more.
        let wanted = (most - shown).saturating_add(1).min(TOGETHER);
        let asked = access::Asked {
            org: question.org,
            at: question.at,
            after,
            limit: wanted,
            about: question.about,
            in_use: question.in_use,
        };
        let users = access::candidates(s.db().await?, question.by_conditions, asked).await?;
        let is_last = users.len() < wanted;
        let db = s.db().await?;
        let known = access::facts(db, question.org, &users, question.at, question.roles, Past::Without).await?;
        let meant: Vec<Facts> = known.into_iter().filter(|facts| is_meant(facts)).collect();
        let names = Names::of(s, question.org, &meant).await?;
        let places = meant.iter().map(|facts| (question.org, facts.account.person));
        let records = records::with_record_ids(s.db().await?, User::DESCRIPTOR, places).await?;
        let records: HashMap<Uuid, Record> = records.into_iter().map(|r| (r.meta.id, r)).collect();
        for facts in &meant {
            if shown == most {
                let token = after.unwrap_or_default().to_string();
                listing.finish(ui)?;
                ui.flush()?;
                let command = next_page(&as_of::fixed(s), &token);
                ui.status(&format!("{shown} shown, more follow: {command}"));
                return Ok(());
            }
            let person = facts.account.person;
            let Some(user) = records.get(&person) else { continue };
            for row in rows_of(facts, &names, user) {
                listing.row(ui, row)?;
            }
            (shown, after) = (shown + 1, Some(person));
        }
        if is_last {
            listing.finish(ui)?;
            return ui.flush();
        }
        after = users.last().copied().or(after);
    }
}
