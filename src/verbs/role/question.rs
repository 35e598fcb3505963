//! What a question about rights names: who, what, of which record, and when.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::unknown_words::warn_of_unknown;
use crate::access::permission::Permission;
use crate::access::{About, Facts};
use crate::crud::as_of;
use crate::crud::context::Context;
use crate::crud::invocation::Invocation;
use crate::crud::keys::one_key;
use crate::crud::lookup::{find, find_in};
use crate::crud::read::quote;
use crate::model::kinds::branch::Branch;
use crate::model::kinds::dept::Dept;
use crate::model::kinds::permission::Permission as Known;
use crate::model::kinds::role::Role;
use crate::model::kinds::role_grant::RoleGrant;
use crate::model::kinds::role_inheritance::RoleInheritance;
use crate::model::kinds::role_permission::RolePermission;
use crate::model::kinds::setting::StoredSetting;
use crate::model::kinds::user::User;
use crate::model::kinds::user_branch::UserBranch;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::{Descriptor, Record, Resource as _};
use crate::model::rights::refusal::Refusal;
use crate::model::scope::Belongings;
use crate::model::values::value::rfc3339;
use crate::store::access::{self, Past, Which, with_all_above};
use crate::store::records::Deleted;

/// What goes into a decision, besides the record that it is about.
const DECIDED_BY: &[&Descriptor] = &[
    User::DESCRIPTOR,
    UserBranch::DESCRIPTOR,
    Branch::DESCRIPTOR,
    Dept::DESCRIPTOR,
    Role::DESCRIPTOR,
    RoleGrant::DESCRIPTOR,
    RolePermission::DESCRIPTOR,
    RoleInheritance::DESCRIPTOR,
    Known::DESCRIPTOR,
    StoredSetting::DESCRIPTOR,
];

/// When.
#[derive(clap::Args)]
pub struct AtFlag {
    /// As of this time: of the past by the audit trail, of a time to come by what holds today (default: now)
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// Of what.
#[derive(clap::Args)]
pub struct AboutFlags {
    /// Record that it would be done to, by its key; of the kind that the permission names
    #[arg(long, value_name = "KEY", conflicts_with_all = ["branch", "department"])]
    pub target: Option<String>,
    /// Branch of what it would be done to
    #[arg(long, value_name = "KEY")]
    pub branch: Option<String>,
    /// Department of what it would be done to
    #[arg(long, value_name = "KEY")]
    pub department: Option<String>,
}

/// What it would be done to, as far as the question says.
#[derive(Debug, Default)]
pub struct Target {
    record: Option<(Record, Belongings)>,
    branch: Option<(Record, BTreeSet<Uuid>)>,
    department: Option<(Record, BTreeSet<Uuid>)>,
    /// What the record of a refusal says that it was about.
    refused: Option<Refusal>,
}

impl Target {
    pub fn about(&self) -> About<'_> {
        if let Some(refused) = &self.refused {
            return refused.asked_about();
        }
        match (&self.record, &self.branch, &self.department) {
            (Some((_, belongings)), ..) => About::Record(belongings),
            (None, None, None) => About::Unnamed,
            (None, branch, department) => About::Places {
                branches: branch.as_ref().map(|(_, places)| places),
                departments: department.as_ref().map(|(_, places)| places),
            },
        }
    }

    /// ` of user RAV222 (Ravi)`, ` in branch MUM01`
    pub fn words(&self) -> String {
        if let (Some(refused), None) = (&self.refused, &self.record) {
            return match (&refused.resource, &refused.belongings) {
                (Some(noun), _) => format!(" of a {noun} as it would have been"),
                (None, Some(_)) => " of all there is".to_owned(),
                (None, None) => String::new(),
            };
        }
        let of = self.record.iter().map(|(record, _)| format!(" of {}", record.title()));
        let places = self.branch.iter().chain(&self.department).map(|(record, _)| format!(" in {}", record.title()));
        of.chain(places).collect()
    }

    /// The flags that name it, as the command line has them.
    fn flags(&self) -> String {
        let named = [
            ("target", self.record.as_ref().map(|(record, _)| record)),
            ("branch", self.branch.as_ref().map(|(record, _)| record)),
            ("department", self.department.as_ref().map(|(record, _)| record)),
        ];
        named.into_iter().filter_map(|(flag, of)| Some(format!(" --{flag} {}", quote(&of?.key())))).collect()
    }

    /// What the question passes over.
    pub fn not_asked(&self) -> Vec<&'static str> {
        let about = self.about();
        let of_target = match about {
            About::Unnamed => vec!["target"],
            About::Record(_) | About::Installation => Vec::new(),
            About::Places { .. } => {
                [("branch", about.branches()), ("department", about.departments()), ("people", None)]
                    .into_iter()
                    .filter(|(_, named)| named.is_none())
                    .map(|(name, _)| name)
                    .collect()
            }
        };
        ["address", "platform", "feature"].into_iter().chain(of_target).collect()
    }

    /// Its parts in a document.
    pub fn document(&self) -> [(&'static str, Json); 3] {
        let key = |named: Option<&Record>| named.map_or(Json::Null, |record| record.key().into());
        [
            ("target", key(self.record.as_ref().map(|(record, _)| record))),
            ("branch", key(self.branch.as_ref().map(|(record, _)| record))),
            ("department", key(self.department.as_ref().map(|(record, _)| record))),
        ]
    }
}

/// A question about one user.
pub struct Question {
    pub user: Record,
    pub asked: Permission,
    pub target: Target,
    pub at: DateTime<Utc>,
}

impl Question {
    pub fn org(&self) -> i32 {
        self.user.meta.org_id
    }

    /// `user ASHA22 (Asha Rao)` and what it is about.
    pub fn whom(&self, may: &str) -> String {
        format!("{} {may} {}{}", self.user.title(), self.asked, self.target.words())
    }

    /// The command that says all of the answer: of the past, as of when it was asked about.
    pub fn explained(&self, s: &Invocation<'_>) -> String {
        let at = if s.connection.past.is_some() || self.at > s.context.clock.now() {
            format!(" --at {}", rfc3339(self.at))
        } else {
            String::new()
        };
        format!("orgctl role explain {} {}{}{at}", quote(&self.user.key()), self.asked, self.target.flags())
    }

    /// The fields of the question in a document, behind the answer.
    pub fn document(&self, answer: &str) -> serde_json::Map<String, Json> {
        let mut document = serde_json::Map::new();
        document.insert("answer".into(), answer.into());
        document.insert("user".into(), self.user.key().into());
        document.insert("user_id".into(), self.user.meta.id.to_string().into());
        document.insert("permission".into(), self.asked.to_string().into());
        document.extend(self.target.document().map(|(name, value)| (name.to_owned(), value)));
        document.insert("at".into(), rfc3339(self.at).into());
        document.insert("not_asked".into(), json!(self.target.not_asked()));
        document
    }
}

/// What came of a question: its answer is known, or nobody can tell how it was then.
pub enum Asked<T> {
    Known(T),
    Unknown(Problem),
}

/// Goes to the time that is asked about.
pub async fn begin(s: &mut Invocation<'_>, at: &AtFlag, of: Option<&'static Descriptor>) -> Result<DateTime<Utc>> {
    let kinds: Vec<&'static Descriptor> = DECIDED_BY.iter().copied().chain(of).collect();
    as_of::begin_at(s, at.at.as_deref(), &kinds).await
}

/// The kind of record that a permission is about.
pub fn kind_of(context: &Context<'_>, asked: &Permission) -> Option<&'static Descriptor> {
    context.kinds.by_table(asked.resource())
}

/// Asks again what was refused, as of when that was.
pub async fn again(s: &mut Invocation<'_>, org: i32, at: DateTime<Utc>, refusal: Refusal) -> Result<Asked<Question>> {
    let asked = Permission::typed(&refusal.permission)?;
    let kind = refusal.resource.as_deref().and_then(|noun| s.kinds().by_noun(noun));
    let at = begin(s, &AtFlag { at: Some(rfc3339(at)) }, kind).await?;
    let person = refusal.user_id.unwrap_or_default().to_string();
    let user = match known(s, User::DESCRIPTOR, &person, Some(org)).await? {
        Asked::Known(user) => user,
        Asked::Unknown(why) => return Ok(Asked::Unknown(why)),
    };
    let mut target = Target::default();
    if let (Some(kind), Some(id)) = (kind, refusal.resource_id) {
        // What was to become of a record, or a record that was to be, is not there.
        let found = find_in(s, kind, Some(org), &id.to_string(), Deleted::Include).await.ok();
        if let Some(record) = found {
            let belongings = match &refusal.belongings {
                Some(belongings) => belongings.clone(),
                None => access::belongings(s.db().await?, &record).await?,
            };
            target.record = Some((record, belongings));
        }
    }
    if target.record.is_none() {
        target.refused = Some(refusal);
    }
    Ok(Asked::Known(Question { user, asked, target, at }))
}

/// Makes a question of what was typed.
pub async fn question(
    s: &mut Invocation<'_>,
    user: &str,
    permission: &str,
    about: &AboutFlags,
    at: &AtFlag,
) -> Result<Asked<Question>> {
    let asked = Permission::typed(permission)?;
    let kind = kind_of(s.context, &asked).filter(|_| about.target.is_some());
    let at = begin(s, at, kind).await?;
    let user = match known(s, User::DESCRIPTOR, user, None).await? {
        Asked::Known(user) => user,
        Asked::Unknown(why) => return Ok(Asked::Unknown(why)),
    };
    let org = user.meta.org_id;
    warn_of_unknown(s, org, (asked.resource(), asked.action())).await?;
    Ok(match target(s, org, &asked, about).await? {
        Asked::Known(target) => Asked::Known(Question { user, asked, target, at }),
        Asked::Unknown(why) => Asked::Unknown(why),
    })
}

/// Finds a record at the time that is asked about, as far as that can be told.
async fn known(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    key: &str,
    org: Option<i32>,
) -> Result<Asked<Record>> {
    let found = match org {
        Some(org) => find_in(s, desc, Some(org), key, Deleted::Exclude).await,
        None => find(s, desc, key, Deleted::Exclude).await,
    };
    // Of a user all that goes into the decision is looked at later.
    let is_user = *desc == *User::DESCRIPTOR;
    let told = if is_user && found.is_ok() { Ok(()) } else { as_of::ensure_known(s, desc, &found).await };
    match told {
        Ok(()) => Ok(Asked::Known(found?)),
        Err(e) => unknown(e),
    }
}

/// That nobody can tell how it was then, where an error says that.
fn unknown<T>(e: anyhow::Error) -> Result<Asked<T>> {
    let problem = e.downcast::<Problem>()?;
    match problem.kind {
        ErrorKind::Conflict => Ok(Asked::Unknown(problem)),
        _ => Err(problem.into()),
    }
}

/// Refuses a list where nobody can tell all that goes into it: it would be wrong of a part. Neither a conflict nor a mistake.
pub async fn ensure_all_known(s: &mut Invocation<'_>) -> Result<()> {
    match as_of::ensure_all_known(s).await {
        Ok(()) => Ok(()),
        Err(e) => match unknown::<()>(e)? {
            Asked::Unknown(why) => Err(Problem { kind: ErrorKind::Failed, ..why }.into()),
            Asked::Known(()) => Ok(()),
        },
    }
}

/// What it would be done to.
pub async fn target(s: &mut Invocation<'_>, org: i32, asked: &Permission, about: &AboutFlags) -> Result<Asked<Target>> {
    let mut target = Target::default();
    if let Some(key) = &about.target {
        let Some(kind) = kind_of(s.context, asked) else {
            return Err(Problem::usage(format!(
                "orgctl keeps no records of the resource '{}', so --target can't name one",
                asked.resource()
            ))
            .hint("say where it would be: --branch KEY, --department KEY")
            .into());
        };
        let of = if kind.is_org() || kind.is_of_the_installation() { s.org_of(kind).await? } else { Some(org) };
        let found = match of {
            Some(of) => known(s, kind, key, Some(of)).await?,
            None => known(s, kind, key, None).await?,
        };
        let record = match found {
            Asked::Known(record) => record,
            Asked::Unknown(why) => return Ok(Asked::Unknown(why)),
        };
        let belongings = access::belongings(s.db().await?, &record).await?;
        target.record = Some((record, belongings));
    }
    if let Some(key) = &about.branch {
        let branch = find_in(s, Branch::DESCRIPTOR, Some(org), key, Deleted::Exclude).await?;
        let own = BTreeSet::from([branch.meta.id]);
        let places = with_all_above(s.db().await?, org, Branch::DESCRIPTOR, &own).await?;
        target.branch = Some((branch, places));
    }
    if let Some(key) = &about.department {
        let department = find_in(s, Dept::DESCRIPTOR, Some(org), key, Deleted::Exclude).await?;
        let places = BTreeSet::from([department.meta.id]);
        target.department = Some((department, places));
    }
    Ok(Asked::Known(target))
}

/// What is known of one user, for one permission or for all of them.
pub async fn facts(
    s: &mut Invocation<'_>,
    user: &Record,
    asked: Option<&Permission>,
    at: DateTime<Utc>,
    past: Past,
) -> Result<Asked<Facts>> {
    let (org, id) = user.meta.record_id();
    if let Err(e) = as_of::ensure_known_of(s, id).await {
        return unknown(e);
    }
    let db = s.db().await?;
    let which = if past == Past::With { Which::HeldByOrGiving(&[id]) } else { Which::HeldBy(&[id]) };
    let roles = access::roles(db, org, which, asked).await?;
    let all = access::facts(db, org, &[id], at, &roles, past).await?;
    Ok(Asked::Known(all.into_iter().next().unwrap_or_default()))
}

/// A user that a command names, with what is known of him or her at an instant for all permissions.
pub async fn known_user(s: &mut Invocation<'_>, key: Option<String>, at: &AtFlag) -> Result<Asked<(Record, Facts)>> {
    let at = begin(s, at, None).await?;
    let key = one_key(s, User::DESCRIPTOR, Deleted::Exclude, key).await?;
    let user = find(s, User::DESCRIPTOR, &key, Deleted::Exclude).await?;
    Ok(match facts(s, &user, None, at, Past::Without).await? {
        Asked::Known(facts) => Asked::Known((user, facts)),
        Asked::Unknown(why) => Asked::Unknown(why),
    })
}

/// A role that a command names, as of an instant of which all is known.
pub async fn known_role(s: &mut Invocation<'_>, key: Option<String>, at: &AtFlag) -> Result<(DateTime<Utc>, Record)> {
    let at = begin(s, at, None).await?;
    let key = one_key(s, Role::DESCRIPTOR, Deleted::Exclude, key).await?;
    let found = find(s, Role::DESCRIPTOR, &key, Deleted::Exclude).await;
    // What nobody can tell any more is no answer, not even that there was no such role.
    ensure_all_known(s).await?;
    Ok((at, found?))
}
