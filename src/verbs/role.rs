//! What only roles can do: be asked about, be compared, be made of templates.

pub mod can;
pub mod check;
pub mod compare;
mod denied;
pub mod documents;
pub mod grant;
mod question;
pub mod unknown_words;
pub mod who;
mod words;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::read::{known_columns, print_changed};
use crate::crud::write::{begun, create, create_all, dry_run_note, not_in_system};
use crate::model::kinds::role::Role;
use crate::model::kinds::role_permission::RolePermission;
use crate::model::kinds::seeds::{SeedRole, given};
use crate::model::problem::{Problem, nearest};
use crate::model::resource::{Record, Resource as _};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType};
use crate::store::records;
use crate::store::tx::Tx;
use crate::ui::format::{Listing, OutputColumn};

/// The roles that can be made of templates, with what they would give.
#[derive(clap::Args)]
pub struct ListFlags {}

impl Leaf for ListFlags {
    const SPEC: Spec = Spec {
        noun: "role template",
        verb: "list",
        permission: "roles:read",
        writes: false,
        about: "List the roles that can be made of a template",
        examples: "orgctl role template list\norgctl role template list -o json",
    };
    const UNUSED: Unused = Unused::NONE.org();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let heads = ["code", "name", "permissions", "description"].map(|name| OutputColumn::new(name, ValueType::Text));
        let mut listing = Listing::new(ui, heads.to_vec(), 0);
        for template in s.kinds().seeds().templates {
            let words = template.permissions().map(|(resource, action, under)| match under {
                [] => format!("{resource}:{action}"),
                under => format!("{resource}:{action} ({})", under.join(", ")),
            });
            let words = words.collect::<Vec<_>>().join("; ");
            let row = vec![template.code.into(), template.name.into(), words.into(), template.description.into()];
            listing.row(ui, row)?;
        }
        listing.finish(ui)?;
        ui.flush()
    }
}

/// Makes roles of templates.
#[derive(Debug, Serialize, Deserialize)]
pub struct Apply {
    pub org: i32,
    /// Codes of templates.
    pub templates: Vec<String>,
}

impl Verb for Apply {
    const NAME: &str = "role template apply";

    /// Each role, and how many permissions it gives.
    type Output = Vec<(Record, usize)>;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Vec<(Record, usize)>> {
        let mut made = Vec::new();
        for code in &self.templates {
            let template = tx.kinds().seeds().template(code);
            let template = template.ok_or_else(|| anyhow::anyhow!("there is no template {code}"))?;
            let values = named(template.values());
            let role = begun(tx, Role::DESCRIPTOR, self.org, &values, context)?;
            let role = create(tx, role, &values).await?.record;
            let mut permissions = Vec::new();
            for permission in template.permissions() {
                let values = named(given(role.meta.id, permission));
                permissions.push((begun(tx, RolePermission::DESCRIPTOR, self.org, &values, context)?, None));
            }
            let given = create_all(tx, RolePermission::DESCRIPTOR, permissions, &[]).await?.len();
            made.push((role, given));
        }
        Ok(made)
    }
}

fn named(values: Vec<(&'static str, Value)>) -> Vec<(String, Value)> {
    values.into_iter().map(|(column, value)| (column.to_owned(), value)).collect()
}

/// The flags of `role template apply`.
#[derive(clap::Args)]
pub struct ApplyFlags {
    /// Templates, by their codes
    #[arg(value_name = "TEMPLATE", required = true)]
    pub template: Vec<String>,
}

impl Leaf for ApplyFlags {
    const SPEC: Spec = Spec {
        noun: "role template",
        verb: "apply",
        permission: "roles:create",
        writes: true,
        about: "Make roles of templates, with what they give",
        examples: "orgctl role template apply SALES\norgctl role template apply MANAGER DEPARTMENT_HEAD --dry-run",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let desc = Role::DESCRIPTOR;
        known_columns(s.context, desc)?;
        let mut codes: Vec<String> = Vec::new();
        for word in &self.template {
            let template = known(s.kinds().seeds().templates, word)?;
            if !codes.iter().any(|code| code == template.code) {
                codes.push(template.code.to_owned());
            }
        }
        let org = not_in_system(desc, s.the_org().await?)?;
        let made = gate::write(s, &Apply { org, templates: codes }).await?;
        let place = records::org_code(s.db().await?, org).await?;
        for (role, permissions) in &made {
            s.context.ui.status(&format!("created {} in {place}, with {permissions} permissions", role.title()));
        }
        dry_run_note(s.context);
        let which: Vec<_> = made.iter().map(|(role, _)| role.meta.record_id()).collect();
        print_changed(s, desc, &which).await
    }
}

fn known(templates: &'static [SeedRole], word: &str) -> Result<&'static SeedRole, Problem> {
    if let Some(found) = templates.iter().find(|t| t.code.eq_ignore_ascii_case(word.trim())) {
        return Ok(found);
    }
    let problem = Problem::not_found(format!("there is no template {word}"));
    let hint = match nearest(&word.to_uppercase(), templates.iter().map(|t| t.code)) {
        Some(near) => format!("did you mean {near}? 'orgctl role template list' shows all"),
        None => "'orgctl role template list' shows all".to_owned(),
    };
    Err(problem.hint(hint))
}
