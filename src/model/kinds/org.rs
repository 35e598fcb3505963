//! Organisations: the tenants. Everything else belongs to one.

use crate::{choice, resource};

use crate::model::resource::{Check, ROW_HEADERS};
use crate::model::setting::ORG_DEFAULT_MAX_USERS;
use crate::model::values::scalar::{Code, Count, Email, Line, Phone, WebUrl};

resource! {
    /// An organisation: the tenant that everything else belongs to
    pub struct Org "org" in "orgs" keys(&[&["code"]]) subject(Nobody("a company, no person"))
        called("organisation", "organisations")
        unfilled(&[ROW_HEADERS, &["features"]])
        examples("SAHYADRI", &["finance", "sahyadri retail"], "--code ACME --name 'Acme Ltd' --type startup")
     {
        /// Short code, unique in the installation
        code: Code<32> [Search],
        /// Name
        name: Line<200> [Search],
        /// Legal form
        r#type: OrgType [Default("corporation")],
        /// Line of business
        industry: Industry [Default("general")],
        /// Postal address, on one line
        address: Option<Line<1000>> [Hidden],
        /// E-mail address for questions about the organisation
        contact_email: Option<Email> [Hidden, Alias(&["email"])],
        /// Phone number for questions about the organisation
        contact_phone: Option<Phone> [Hidden, Alias(&["phone"])],
        /// Web site
        website: Option<WebUrl> [Hidden],
        /// Most users it may have (invited, active and blocked ones); none = unlimited
        max_users: Option<Count> [DefaultSetting(ORG_DEFAULT_MAX_USERS.declared.key)],
        /// Most assets it may have, for the applications that keep them; none = unlimited
        asset_limit: Option<Count> [Hidden],
        /// Whether it is in use; changed by `org activate` and `org deactivate`
        is_active: bool [Managed, Default("yes"), Hidden],
    }
}

impl Check for Org {}

choice! {
    /// Legal form of an organisation
    pub enum OrgType {
        Corporation = "corporation" | "corp",
        Nonprofit = "nonprofit" | "non profit organisation" | "non profit organization",
        Government = "government" | "govt",
        Startup = "startup",
        Retail = "retail",
    }
}

choice! {
    /// Line of business of an organisation
    pub enum Industry {
        General = "general",
        Manufacturing = "manufacturing",
        It = "it" | "information technology",
        Finance = "finance",
        Healthcare = "healthcare",
        Retail = "retail",
        ECommerce = "e_commerce",
        Education = "education",
    }
}

/// The reserved organisation that owns what belongs to the installation. It can't be changed or deleted.
pub const SYSTEM: i32 = 0;
/// Its code.
pub const SYSTEM_CODE: &str = "SYSTEM";
