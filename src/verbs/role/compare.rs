//! Roles held against each other, and against everybody who has them: `role diff`, `role matrix`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use uuid::Uuid;

use super::question::{AtFlag, begin, ensure_all_known};
use super::words;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::lookup::find;
use crate::model::kinds::role::Role;
use crate::model::resource::Resource as _;
use crate::model::rights::roles::{Given, Roles};
use crate::model::values::value::{Value, ValueType};
use crate::store::access::{self, Which};
use crate::store::records::Deleted;
use crate::ui::format::{Listing, OutputColumn};

/// What a role gives, of itself and inherited: under which conditions. Of several the one with the fewest.
fn gives(roles: &Roles, from: usize) -> BTreeMap<String, &Given> {
    let mut all: BTreeMap<String, &Given> = BTreeMap::new();
    let reached = (0..roles.all().len()).filter(|to| roles.reaches(from, *to));
    for given in reached.flat_map(|at| &roles.role(at).given) {
        let weight = |given: &Given| (given.requires_approval, given.conditions());
        let known = all.entry(words::pattern(given)).or_insert(given);
        if weight(given) < weight(known) {
            *known = given;
        }
    }
    all
}

/// All conditions of a permission, the approval among them.
fn conditions(given: &Given) -> Vec<&'static str> {
    words::conditions(given).into_iter().chain(given.requires_approval.then_some("require_approval")).collect()
}

/// The same in a cell.
fn under(given: &Given) -> String {
    let all = conditions(given);
    if all.is_empty() { "yes".into() } else { all.join(", ") }
}

/// Tells what two roles give that differs.
#[derive(clap::Args)]
pub struct DiffFlags {
    /// Role
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// The other one
    #[arg(value_name = "OTHER")]
    pub other: String,
    #[command(flatten)]
    pub at: AtFlag,
}

impl Leaf for DiffFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "diff",
        permission: "role_permissions:read",
        writes: false,
        about: "Tell what two roles give that differs, inherited permissions included",
        examples: "orgctl role diff ADMIN USER\norgctl role diff ADMIN USER -o csv",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        begin(s, &self.at, None).await?;
        let a = find(s, Role::DESCRIPTOR, &self.role, Deleted::Exclude).await?;
        let b = find(s, Role::DESCRIPTOR, &self.other, Deleted::Exclude).await?;
        ensure_all_known(s).await?;
        let ((org, a_id), (other_org, b_id)) = (a.meta.record_id(), b.meta.record_id());
        let of_a = access::roles(s.db().await?, org, Which::These(&[a_id]), None).await?;
        let of_b = access::roles(s.db().await?, other_org, Which::These(&[b_id]), None).await?;
        let of = |roles: &Arc<Roles>, id: Uuid| -> BTreeMap<String, String> {
            let Some(at) = roles.at(id) else { return BTreeMap::new() };
            gives(roles, at).into_iter().map(|(word, given)| (word, under(given))).collect()
        };
        let (of_a, of_b) = (of(&of_a, a_id), of(&of_b, b_id));
        let names = ["permission".to_owned(), a.key(), b.key()];
        let heads = names.into_iter().map(|name| OutputColumn::new(name, ValueType::Text)).collect();
        let mut listing = Listing::new(ui, heads, 0);
        let all: BTreeSet<&String> = of_a.keys().chain(of_b.keys()).collect();
        for word in all {
            let (ours, theirs) = (of_a.get(word), of_b.get(word));
            if ours != theirs {
                listing.row(ui, vec![word.clone().into(), ours.cloned().into(), theirs.cloned().into()])?;
            }
        }
        listing.finish(ui)?;
        ui.flush()?;
        if listing.count() == 0 {
            ui.status(&format!("{} and {} give the same", a.title(), b.title()));
        }
        Ok(())
    }
}

/// Tells who has which permission, or which role gives it.
#[derive(clap::Args)]
pub struct MatrixFlags {
    /// Tell what roles give, instead of what users have
    #[arg(long)]
    pub roles: bool,
    /// A line for each pair, instead of one for each user or role
    #[arg(long)]
    pub pairs: bool,
    #[command(flatten)]
    pub at: AtFlag,
}

impl Leaf for MatrixFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "matrix",
        permission: "role_permissions:read",
        writes: false,
        about: "Tell who has which permission, as a matrix of users or roles by permissions",
        examples: "orgctl role matrix --roles\norgctl role matrix --pairs -o csv > access.csv\norgctl role matrix --at 2026-03-31 -o json",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let at = begin(s, &self.at, None).await?;
        let org = s.the_org().await?;
        ensure_all_known(s).await?;
        let roles = access::roles(s.db().await?, org, Which::All, None).await?;
        let of_roles: Vec<BTreeMap<String, &Given>> = (0..roles.all().len()).map(|at| gives(&roles, at)).collect();
        let mut rows: BTreeMap<String, BTreeSet<Held>> = BTreeMap::new();
        if self.roles {
            rows.extend(roles.all().iter().enumerate().map(|(at, role)| (role.code.clone(), [(at, false)].into())));
        } else {
            let each = |user, role, is_narrowed| {
                rows.entry(user).or_default().extend(roles.at(role).map(|at| (at, is_narrowed)));
            };
            access::each_held(s.db().await?, org, at, each).await?;
        }
        let head = if self.roles { "role" } else { "user" };
        let text = |name: &str| OutputColumn::new(name, ValueType::Text);
        if self.pairs {
            let mut listing = Listing::new(ui, [head, "permission", "conditions"].map(text).to_vec(), 0);
            for (name, held) in &rows {
                for (word, cell) in cells(&of_roles, held) {
                    listing.row(ui, vec![name.as_str().into(), word.into(), cell.words().into()])?;
                }
            }
            listing.finish(ui)?;
            ui.flush()?;
            if listing.count() == 0 {
                ui.status("nobody has a role that gives something");
            }
            return Ok(());
        }
        let used: BTreeSet<usize> = rows.values().flatten().map(|(at, _)| *at).collect();
        let words: BTreeSet<&str> = used.iter().flat_map(|at| of_roles[*at].keys().map(String::as_str)).collect();
        let heads = std::iter::once(head).chain(words.iter().copied()).map(text).collect();
        let mut listing = Listing::new(ui, heads, 0);
        for (name, held) in &rows {
            let cells = cells(&of_roles, held);
            let row = words.iter().map(|word| match cells.get(word).map(Cell::words) {
                Some(under) if under.is_empty() => "yes".into(),
                Some(under) => under.into(),
                None => Value::Null(ValueType::Text),
            });
            listing.row(ui, std::iter::once(Value::from(name.as_str())).chain(row).collect())?;
        }
        listing.finish(ui)?;
        ui.flush()?;
        if rows.is_empty() {
            ui.status("nobody has a role that holds");
        }
        Ok(())
    }
}

/// A role that is held, and whether in some place alone.
type Held = (usize, bool);

/// What is in a cell of a matrix.
struct Cell<'a> {
    given: &'a Given,
    is_narrowed: bool,
}

impl Cell<'_> {
    fn weight(&self) -> (bool, usize) {
        (self.given.requires_approval, self.given.conditions() + usize::from(self.is_narrowed))
    }

    /// All that it holds under; nothing where it holds everywhere.
    fn words(&self) -> String {
        let narrowed = self.is_narrowed.then_some("narrowed");
        conditions(self.given).into_iter().chain(narrowed).collect::<Vec<_>>().join(", ")
    }
}

/// What some roles give together: of several ways that with the fewest conditions.
fn cells<'a>(of_roles: &'a [BTreeMap<String, &'a Given>], held: &BTreeSet<Held>) -> BTreeMap<&'a str, Cell<'a>> {
    let mut all: BTreeMap<&str, Cell<'_>> = BTreeMap::new();
    for (at, is_narrowed) in held {
        for (word, given) in &of_roles[*at] {
            let cell = Cell { given, is_narrowed: *is_narrowed };
            match all.get_mut(word.as_str()) {
                Some(known) if cell.weight() < known.weight() => *known = cell,
                Some(_) => {}
                None => drop(all.insert(word, cell)),
            }
        }
    }
    all
}
