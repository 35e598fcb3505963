//! What a role gives, changed: `role grant`, `role revoke`, `role clone`.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::named;
use super::unknown_words::warn_of_unknown;
use super::words;
use crate::crud::deletion::Mode;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::find;
use crate::crud::read::{known_columns, print_changed};
use crate::crud::remove::Delete;
use crate::crud::write::{Created, Target, begun, create, create_all, dry_run_note};
use crate::model::kinds::role::Role;
use crate::model::kinds::role_inheritance::RoleInheritance;
use crate::model::kinds::role_permission::RolePermission;
use crate::model::problem::{Problem, nearest};
use crate::model::resource::{Descriptor, Record, Resource as _};
use crate::model::values::permission::PermissionPattern;
use crate::model::values::scalar::{ParseContext, Scalar as _, truncate};
use crate::model::values::value::Value;
use crate::store::access::{self, Which};
use crate::store::records::keys::holders_of;
use crate::store::records::{self, Deleted};
use crate::store::tx::Tx;

const GIVEN: &Descriptor = RolePermission::DESCRIPTOR;

/// Lets a role give permissions.
#[derive(clap::Args)]
pub struct GrantFlags {
    /// Role
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// Permissions; '*' stands for every resource or every action
    #[arg(value_name = "RESOURCE:ACTION", required = true)]
    pub permissions: Vec<String>,
    /// Only for records of one's own branches and those below them (setting access.include_sub_branches)
    #[arg(long)]
    pub own_branch: bool,
    /// Only for records of one's own department
    #[arg(long)]
    pub own_department: bool,
    /// Only for records that one is the subject or the assignee of
    #[arg(long)]
    pub own_records: bool,
    /// Only with the approval of somebody else
    #[arg(long)]
    pub require_approval: bool,
}

/// Two words, each of which may be the star alone.
fn pattern(text: &str) -> Result<(String, String), Problem> {
    let wrong = |why: &str| {
        Problem::usage(format!("'{}' names no permission: {why}", truncate(text)))
            .hint("write RESOURCE:ACTION: users:update, users:*, *:read")
    };
    let (resource, action) = text.split_once(':').ok_or_else(|| wrong("it has no ':' between two words"))?;
    let word = |text: &str| {
        let kept = (PermissionPattern::TYPE.parse)(text, &ParseContext::default()).map_err(|why| wrong(&why))?;
        Ok::<_, Problem>(kept.to_text())
    };
    Ok((word(resource)?, word(action)?))
}

/// Those that were typed, each once.
fn patterns(typed: &[String]) -> Result<Vec<(String, String)>, Problem> {
    let mut all = Vec::with_capacity(typed.len());
    for text in typed {
        let one = pattern(text)?;
        if !all.contains(&one) {
            all.push(one);
        }
    }
    Ok(all)
}

/// Lets a role give permissions, under all of some conditions.
#[derive(Debug, Serialize, Deserialize)]
pub struct Grant {
    pub role: Target,
    pub permissions: Vec<(String, String)>,
    /// Column and value of the conditions.
    pub under: Vec<(String, Value)>,
}

/// A permission that a role gives now.
pub enum Granted {
    Made(Record),
    /// It was there, and says the same.
    Kept(Record),
}

impl Granted {
    fn record(&self) -> &Record {
        match self {
            Granted::Made(record) | Granted::Kept(record) => record,
        }
    }
}

/// The permissions of a role that are there, each in the place of its pattern.
async fn there(tx: &mut Tx<'_>, role: &Record, patterns: &[(String, String)]) -> Result<Vec<Option<Record>>> {
    let (org, id) = role.meta.record_id();
    let keys =
        patterns.iter().map(|(resource, action)| vec![id.into(), resource.as_str().into(), action.as_str().into()]);
    let keys: Vec<Vec<Value>> = keys.collect();
    Ok(holders_of(tx.db, GIVEN, org, GIVEN.key(), &keys).await?)
}

/// Column and value of a permission that a role is to give.
fn values(role: Uuid, (resource, action): &(String, String), under: &[(String, Value)]) -> Vec<(String, Value)> {
    let own =
        [("role_id", Value::from(role)), ("resource", resource.as_str().into()), ("action", action.as_str().into())];
    named(own.to_vec()).into_iter().chain(under.iter().cloned()).collect()
}

impl Verb for Grant {
    const NAME: &str = "role grant";

    type Output = Vec<Granted>;

    fn orgs(&self) -> Vec<i32> {
        vec![self.role.org]
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Vec<Granted>> {
        let found = tx.load(Role::DESCRIPTOR, self.role.org, self.role.id).await?;
        let Some(role) = found.filter(Record::is_live) else {
            return Err(Problem::not_found("the role was deleted in the meantime")
                .hint("run the command again")
                .into());
        };
        let mut granted = Vec::with_capacity(self.permissions.len());
        let mut new = Vec::new();
        let there = there(tx, &role, &self.permissions).await?;
        for (permission, there) in self.permissions.iter().zip(there) {
            match there {
                Some(there) if self.under.iter().all(|(column, value)| there.get(column) == value) => {
                    granted.push(Some(Granted::Kept(there)));
                }
                Some(there) => {
                    return Err(Problem::conflict(format!(
                        "{} is there already, under other conditions",
                        there.title()
                    ))
                    .hint(format!("change it: orgctl {} update {}", GIVEN.noun, there.key()))
                    .into());
                }
                None => {
                    let values = values(role.meta.id, permission, &self.under);
                    new.push((begun(tx, GIVEN, self.role.org, &values, context)?, None));
                    granted.push(None);
                }
            }
        }
        let mut made = create_all(tx, GIVEN, new, &[]).await?.into_iter();
        let all = granted.into_iter().map(|granted| match granted {
            Some(kept) => Ok(kept),
            None => match made.next() {
                Some(Created { record, .. }) => Ok(Granted::Made(record)),
                None => Err(anyhow::anyhow!("a permission was not made")),
            },
        });
        all.collect()
    }
}

impl Leaf for GrantFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "grant",
        permission: "role_permissions:create",
        writes: true,
        about: "Let a role give permissions, under all conditions that are named",
        examples: "orgctl role grant AUDITOR audit:read reports:read\norgctl role grant AUDITOR '*:export' --own-branch --require-approval",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        known_columns(s.context, GIVEN)?;
        let permissions = patterns(&self.permissions)?;
        let role = find(s, Role::DESCRIPTOR, &self.role, Deleted::Exclude).await?;
        for (resource, action) in &permissions {
            warn_of_unknown(s, role.meta.org_id, (resource, action)).await?;
        }
        let under = [
            ("own_branch", self.own_branch),
            ("own_department", self.own_department),
            ("own_records", self.own_records),
            ("require_approval", self.require_approval),
        ];
        let under = under.map(|(column, is_asked)| (column.to_owned(), is_asked.into())).to_vec();
        let granted = gate::write(s, &Grant { role: Target::of(&role), permissions, under }).await?;
        let place = records::org_code(s.db().await?, role.meta.org_id).await?;
        for one in &granted {
            s.context.ui.status(&match one {
                Granted::Made(record) => format!("created {} in {place}", record.title()),
                Granted::Kept(record) => format!("{} is there already; nothing was changed", record.title()),
            });
        }
        dry_run_note(s.context);
        let which: Vec<_> = granted.iter().map(|one| one.record().meta.record_id()).collect();
        print_changed(s, GIVEN, &which).await
    }
}

/// Takes permissions from a role.
#[derive(clap::Args)]
pub struct RevokeFlags {
    /// Role
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// Permissions, as they were granted
    #[arg(value_name = "RESOURCE:ACTION", required = true)]
    pub permissions: Vec<String>,
}

/// That a role does not give a permission, with what it gives that is near.
async fn does_not_give(s: &mut Invocation<'_>, role: &Record, word: &str) -> Result<anyhow::Error> {
    let (org, id) = role.meta.record_id();
    let roles = access::roles(s.db().await?, org, Which::These(&[id]), None).await?;
    let given = roles.at(id).into_iter().flat_map(|at| &roles.role(at).given);
    let given: Vec<String> = given.map(words::pattern).collect();
    let near =
        nearest(word, given.iter().map(String::as_str)).map_or(String::new(), |near| format!("did you mean {near}? "));
    Ok(Problem::not_found(format!("{} does not give {word}", role.title()))
        .hint(format!("{near}'orgctl role permissions {}' shows what it gives", role.key()))
        .into())
}

impl Leaf for RevokeFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "revoke",
        permission: "role_permissions:delete",
        writes: true,
        about: "Take permissions from a role",
        examples: "orgctl role revoke AUDITOR audit:read\norgctl role revoke AUDITOR '*:export' --yes",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let permissions = patterns(&self.permissions)?;
        let role = find(s, Role::DESCRIPTOR, &self.role, Deleted::Exclude).await?;
        let (org, id) = role.meta.record_id();
        let keys: Vec<Vec<Value>> = permissions
            .iter()
            .map(|(resource, action)| vec![id.into(), resource.as_str().into(), action.as_str().into()])
            .collect();
        let there = holders_of(s.db().await?, GIVEN, org, GIVEN.key(), &keys).await?;
        let mut records = Vec::with_capacity(there.len());
        for ((resource, action), there) in permissions.iter().zip(there) {
            let Some(record) = there else {
                return Err(does_not_give(s, &role, &format!("{resource}:{action}")).await?);
            };
            s.is_about(&record);
            records.push(record);
        }
        if !s.context.dry_run {
            let titles: Vec<String> = records.iter().map(Record::title).collect();
            s.context.ui.confirm(&format!("delete {}?", titles.join(", "))).await?;
        }
        let targets = records.iter().map(Target::of).collect();
        gate::write(s, &Delete { noun: GIVEN.noun.into(), targets, mode: Mode::Protect, shown: None }).await?;
        for record in &records {
            s.context.ui.status(&format!("deleted {}", record.title()));
        }
        dry_run_note(s.context);
        Ok(())
    }
}

/// Makes a role that gives what another one gives.
#[derive(clap::Args)]
pub struct CloneFlags {
    /// Role
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// Code of the new one
    #[arg(value_name = "CODE")]
    pub code: String,
    /// Name of the new one (default: that of the other)
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
}

/// Makes a role of another: what it gives and inherits, and nobody who has it.
#[derive(Debug, Serialize, Deserialize)]
pub struct CloneRole {
    pub role: Target,
    /// Column and value of the new one.
    pub values: Vec<(String, Value)>,
}

impl Verb for CloneRole {
    const NAME: &str = "role clone";

    /// The role, and how many permissions it gives.
    type Output = (Record, usize);

    fn orgs(&self) -> Vec<i32> {
        vec![self.role.org]
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<(Record, usize)> {
        let org = self.role.org;
        let made = begun(tx, Role::DESCRIPTOR, org, &self.values, context)?;
        let made = create(tx, made, &self.values).await?.record;
        let mut n = 0;
        for desc in [GIVEN, RoleInheritance::DESCRIPTOR] {
            let Some(field) = desc.known("role_id").ok() else { continue };
            let of_it = records::referring(tx.db, desc, field, org, self.role.id).await?;
            let mut new = Vec::new();
            for record in of_it.iter().filter(|record| record.is_live()) {
                let own = desc.fields.iter().map(|f| match f.column {
                    "role_id" => (f.column.to_owned(), made.meta.id.into()),
                    column => (column.to_owned(), record.get(column).clone()),
                });
                let values: Vec<(String, Value)> = own.collect();
                new.push((begun(tx, desc, org, &values, context)?, None));
            }
            n += create_all(tx, desc, new, &[]).await?.len() * usize::from(*desc == *GIVEN);
        }
        Ok((made, n))
    }
}

impl Leaf for CloneFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "clone",
        permission: "roles:create",
        writes: true,
        about: "Make a role that gives and inherits what another one does",
        examples: "orgctl role clone ADMIN BRANCH_ADMIN --name 'Administrator of a branch'",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let desc = Role::DESCRIPTOR;
        known_columns(s.context, desc)?;
        let role = find(s, desc, &self.role, Deleted::Exclude).await?;
        let name = self.name.unwrap_or_else(|| role.get("name").to_text());
        let mut values = Vec::new();
        for (column, text) in [("code", self.code), ("name", name)] {
            values.push((column.to_owned(), desc.known(column)?.parse(&text, &s.connection.parsing)?));
        }
        let description = role.get("description").clone();
        values.push(("description".to_owned(), description));
        let (made, permissions) = gate::write(s, &CloneRole { role: Target::of(&role), values }).await?;
        let place = records::org_code(s.db().await?, made.meta.org_id).await?;
        s.context.ui.status(&format!("created {} in {place}, with {permissions} permissions", made.title()));
        dry_run_note(s.context);
        print_changed(s, desc, &[made.meta.record_id()]).await
    }
}
