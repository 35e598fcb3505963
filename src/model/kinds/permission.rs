//! Permissions: the catalogue of what roles may be granted, with what it means.

use crate::model::resource::Check;
use crate::model::values::permission::PermissionWord;
use crate::model::values::scalar::Line;
use crate::resource;

resource! {
    /// A permission that is known: a resource, and what is done with it
    pub struct Permission "permission" in "permissions" keys(&[&["resource", "action"]])
        subject(Nobody("a word and what it means")) tenancy(Tenancy::Either) protected("is_system", &["description"])
        examples("assets:export", &["assets", "export"], "--resource assets --action export --description 'Export assets'")
    {
        /// What it is about
        resource: PermissionWord [Search],
        /// What may be done
        action: PermissionWord [Search],
        /// What it means
        description: Option<Line<1000>> [Search],
        /// Whether it is granted by its own name alone, and no `*` contains it
        is_critical: bool [Default("no")],
        /// Whether the program itself asks for it; then it stays, and only what it means may be said otherwise
        is_system: bool [Managed, Default("no"), Hidden],
    }
}

impl Check for Permission {}
