//! Roles in one file, each with what it gives, whose permissions it has besides, and who has it: `role import`,
//! `role export --whole`.

use anyhow::Result;
use clap::Command;

use super::unknown_words::warn_of_given;
use crate::crud::gate;
use crate::crud::import::nested::{Fields, Nested, Objects, members};
use crate::crud::import::report::{More, tell};
use crate::crud::import::{self, Opened, Terms, load};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Besides, FlagGroup, KindVerb as _, flags};
use crate::crud::read::{self, Beside, ToldWithin};
use crate::crud::write::note_contents;
use crate::model::kinds::role_grant::RoleGrant;
use crate::model::kinds::role_inheritance::RoleInheritance;
use crate::model::kinds::role_permission::RolePermission;
use crate::model::resource::{Descriptor, Resource as _};
use crate::model::values::permission_list::PermissionList;

/// What a file of roles may hold within them.
const WITHIN: &[Nested] = &[
    Nested {
        names: &["parents", "inherits", "inherits_from", "parent_roles"],
        of: || RoleInheritance::DESCRIPTOR,
        owner: "role",
        rows: parents,
        is_all: true,
        takes_unused: false,
    },
    Nested {
        names: &["permissions", "role_permissions"],
        of: || RolePermission::DESCRIPTOR,
        owner: "role",
        rows: permissions,
        is_all: true,
        takes_unused: false,
    },
    Nested {
        names: &["members", "users"],
        of: || RoleGrant::DESCRIPTOR,
        owner: "role",
        rows: holders,
        is_all: false,
        takes_unused: true,
    },
];

/// The same, in the order of an export.
const TOLD: &[ToldWithin] = &[
    ToldWithin { name: "parents", of: || RoleInheritance::DESCRIPTOR, owner: "role" },
    ToldWithin { name: "permissions", of: || RolePermission::DESCRIPTOR, owner: "role" },
    ToldWithin { name: "members", of: || RoleGrant::DESCRIPTOR, owner: "role" },
];

fn linked(desc: &'static Descriptor, item: &str, cell: &str, passes_over: bool) -> Result<Vec<Fields>, String> {
    let field = desc.field(item).ok_or_else(|| format!("{} has no {item}", desc.indefinite()))?;
    members(cell, true, (desc, field), passes_over)
}

fn parents(cell: &str, passes_over: bool) -> Result<Vec<Fields>, String> {
    linked(RoleInheritance::DESCRIPTOR, "parent", cell, passes_over)
}

fn holders(cell: &str, passes_over: bool) -> Result<Vec<Fields>, String> {
    linked(RoleGrant::DESCRIPTOR, "user", cell, passes_over)
}

fn permissions(cell: &str, _: bool) -> Result<Vec<Fields>, String> {
    let list = PermissionList::parse(cell)?;
    let fields = list.iter().map(|((resource, action), under)| {
        let under = under.columns().map(|(name, is_asked)| (name, if is_asked { "yes" } else { "no" }.to_owned()));
        let words = [("resource", resource.clone()), ("action", action.clone())];
        words.into_iter().chain(under).collect()
    });
    Ok(fields.collect())
}

/// What a file of roles says of itself in words of its own.
#[derive(clap::Args, Default)]
pub struct RoleWords {}

impl FlagGroup for RoleWords {
    fn in_words(c: Command, _: &Descriptor) -> Command {
        let more = "Columns 'permissions' (assets:read; assets:update+own_branch), 'parents' and 'members' say what the \
                    roles give, what they inherit from and who has them, each as a list or as JSON. Of a role that is \
                    there already, with --on-conflict update, permissions and parents that they do not name go; members stay.";
        c.after_long_help(more)
    }
}

flags! {
    /// The flags of `role import`.
    pub struct ImportFlags {
        file: import::ImportFlags,
        words: RoleWords,
    }
}

impl Besides for ImportFlags {
    type Of = import::ImportFlags;

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        gate::allow(s)?;
        let terms = Terms { nested: WITHIN, ..Terms::default() };
        let objects = Objects { nested: WITHIN, ..Objects::default() };
        let mut verb = Opened::open(s, desc, &self.file, objects).await?.map(s, &self.file, terms).await?;
        let since = s.context.clock.now();
        let (report, seconds) = load(s, &mut verb).await?;
        note_contents(s, desc, &report.leaving).await?;
        warn_of_given(s, since).await?;
        tell(s.context, desc, &report, seconds, &verb, More::default())
    }
}

/// What an export of roles tells besides them.
#[derive(clap::Args, Default)]
pub struct Whole {
    /// With the parents, permissions and members of each role, for `import` to read back
    #[arg(long)]
    pub whole: bool,
    /// Leave out who has the roles: people of this organisation, whom another one does not know
    #[arg(long, requires = "whole")]
    pub without_members: bool,
}

impl FlagGroup for Whole {}

flags! {
    /// The flags of `role export`.
    pub struct ExportFlags {
        export: read::ExportFlags,
        whole: Whole,
    }
}

impl Besides for ExportFlags {
    type Of = read::ExportFlags;

    fn examples(desc: &Descriptor) -> String {
        format!("{}\norgctl role export --whole --without-members roles.csv", read::ExportFlags::examples(desc))
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let beside = match (self.whole.whole, self.whole.without_members) {
            (false, _) => Beside::Nothing,
            (true, false) => Beside::Within(TOLD, &[]),
            // Who answers for a role is one of these people, too.
            (true, true) => Beside::Within(&TOLD[..2], &["owner"]),
        };
        read::export(s, desc, &self.export, beside).await
    }
}
