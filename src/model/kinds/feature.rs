//! Features: what an application offers, switched on and off for an organisation and its people as one.

use crate::model::resource::Check;
use crate::model::values::permission::PermissionWord;
use crate::model::values::scalar::{Code, Line, Note, Ref};
use crate::model::values::set::Set;
use crate::resource;

resource! {
    /// Something that an application offers, and that an organisation has or has not
    pub struct Feature "feature" in "features" keys(&[&["code"]]) subject(Nobody("a part of an application"))
        rules(&[Tree("parent_id")])
        examples("ASSETS", &["asset", "manag"], "--code ASSETS --name 'Asset management' --resources 'assets;asset_types'")
    {
        /// Short code, unique in the organisation
        code: Code<16> [Search],
        /// Name
        name: Line<200> [Search],
        /// Feature that it is a part of
        parent_id: Option<Ref<Feature>>,
        /// What sort of feature it is
        category: Option<Line<50>>,
        /// Resources that it covers, with ; between them: a permission on one of them asks for this feature
        resources: Option<Set<PermissionWord>>,
        /// What belongs to it
        description: Option<Note<10_000>> [Hidden],
        /// Whether it is in use; changed by `feature activate` and `feature deactivate`
        is_active: bool [Managed, Default("yes"), Hidden],
    }
}

impl Check for Feature {}
