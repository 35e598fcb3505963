//! What the program brings along: system roles with their permissions, features, the catalogue of permissions, and templates
//! of roles that are made on request (DOMAIN.md, "Shipped data"). What an organisation gets of it is written by `crud::seed`.

use uuid::Uuid;

use super::Kinds;
use super::feature::Feature;
use super::org::SYSTEM;
use super::permission::Permission;
use super::role::{Role, SUPER_ADMIN};
use super::role_permission::RolePermission;
use crate::model::resource::tenancy::Tenancy;
use crate::model::resource::verbs::Verb;
use crate::model::resource::{Descriptor, Resource as _};
use crate::model::seed::{Seed, id};
use crate::model::values::value::Value;

/// All that a program brings along.
#[derive(Debug)]
pub struct Seeds {
    pub roles: &'static [SeedRole],
    pub features: &'static [SeedFeature],
    /// Permissions that no verb asks for which kinds have in common: those follow from the kinds.
    pub permissions: &'static [SeedPermission],
    pub templates: &'static [SeedRole],
}

/// A role, and what it gives.
#[derive(Debug)]
pub struct SeedRole {
    pub code: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub gives: &'static [Gives],
}

/// Actions on one resource, under all conditions that are named by their columns.
#[derive(Debug)]
pub struct Gives(pub &'static str, pub &'static [&'static str], pub &'static [&'static str]);

/// Something that an application offers, and the resources that it covers.
#[derive(Debug)]
pub struct SeedFeature {
    pub code: &'static str,
    pub name: &'static str,
    pub resources: &'static str,
    pub description: &'static str,
}

/// A resource, an action, what it means, and whether `*` contains it.
#[derive(Debug)]
pub struct SeedPermission(pub &'static str, pub &'static str, pub &'static str, pub bool);

impl Seeds {
    /// Nothing.
    pub const NONE: Seeds = Seeds { roles: &[], features: &[], permissions: &[], templates: &[] };

    /// The template of a role, by its code.
    pub fn template(&self, code: &str) -> Option<&'static SeedRole> {
        self.templates.iter().find(|t| t.code.eq_ignore_ascii_case(code.trim()))
    }
}

impl SeedRole {
    /// Resource, action and conditions of each permission.
    pub fn permissions(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static [&'static str])> {
        self.gives
            .iter()
            .flat_map(|Gives(resource, actions, under)| actions.iter().map(|action| (*resource, *action, *under)))
    }

    /// Column and value of the role itself.
    pub fn values(&self) -> Vec<(&'static str, Value)> {
        vec![("code", self.code.into()), ("name", self.name.into()), ("description", self.description.into())]
    }
}

/// Column and value of a permission of a role.
pub fn given(
    role: Uuid,
    (resource, action, under): (&'static str, &'static str, &'static [&'static str]),
) -> Vec<(&'static str, Value)> {
    let under = under.iter().map(|column| (*column, true.into()));
    [("role_id", role.into()), ("resource", resource.into()), ("action", action.into())]
        .into_iter()
        .chain(under)
        .collect()
}

/// Builds the copies of one organisation.
struct Copies {
    org: i32,
    of: Uuid,
    all: Vec<Seed>,
}

impl Copies {
    fn add(
        &mut self,
        desc: &'static Descriptor,
        key: &str,
        values: Vec<(&'static str, Value)>,
        referred: &[&str],
    ) -> Uuid {
        // What nothing points at is there once, for the whole installation.
        let is_here = self.org == SYSTEM || desc.tenancy == Tenancy::Org;
        let id = id(self.of, desc, key);
        if is_here {
            let referred = referred.iter().map(|&key| key.to_owned()).collect();
            self.all.push(Seed { desc, org: self.org, id, values, referred });
        }
        id
    }
}

impl Kinds {
    /// What an organisation has of what the program brings along, containers first: its number, and its id.
    pub fn seeds_of(self, org: i32, of: Uuid) -> Vec<Seed> {
        let seeds = self.seeds();
        let mut copies = Copies { org, of, all: Vec::new() };
        for f in seeds.features.iter().filter(|_| org != SYSTEM) {
            let values = vec![
                ("code", f.code.into()),
                ("name", f.name.into()),
                ("resources", f.resources.into()),
                ("description", f.description.into()),
            ];
            copies.add(Feature::DESCRIPTOR, f.code, values, &[]);
        }
        if org == SYSTEM {
            for entry in self.catalogue() {
                let key = format!("{}:{}", entry.resource, entry.action);
                let values = vec![
                    ("resource", entry.resource.into()),
                    ("action", entry.action.into()),
                    ("description", entry.description.into()),
                    ("is_critical", entry.is_critical.into()),
                    ("is_system", true.into()),
                ];
                copies.add(Permission::DESCRIPTOR, &key, values, &[]);
            }
        }
        let mut roles = Vec::new();
        for role in seeds.roles {
            let values = role.values().into_iter().chain([("is_system", true.into())]).collect();
            roles.push((role, copies.add(Role::DESCRIPTOR, role.code, values, &[])));
        }
        for (role, of) in roles {
            for permission in role.permissions() {
                let key = format!("{}:{}:{}", role.code, permission.0, permission.1);
                copies.add(RolePermission::DESCRIPTOR, &key, given(of, permission), &[role.code]);
            }
        }
        copies.all
    }

    /// Whether the program brings along records of this kind.
    pub fn brings(self, desc: &Descriptor) -> bool {
        let has = |org: i32| self.seeds_of(org, Uuid::nil()).iter().any(|seed| seed.desc.noun == desc.noun);
        has(SYSTEM) || has(SYSTEM + 1)
    }

    /// The catalogue: what verbs ask for that kinds have in common, then all else.
    pub fn catalogue(self) -> Vec<CatalogueEntry> {
        let others = self.seeds().permissions;
        if others.is_empty() {
            return Vec::new();
        }
        let mut all: Vec<CatalogueEntry> = self.resources().flat_map(of_kind).collect();
        let others = others.iter().map(|SeedPermission(resource, action, description, is_critical)| CatalogueEntry {
            resource,
            action,
            description: (*description).to_owned(),
            is_critical: *is_critical,
        });
        all.extend(others);
        all
    }
}

/// A permission that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    pub resource: &'static str,
    pub action: &'static str,
    pub description: String,
    pub is_critical: bool,
}

/// What the verbs of a kind ask for.
fn of_kind(desc: &'static Descriptor) -> Vec<CatalogueEntry> {
    let plural = desc.plural();
    let mut all: Vec<CatalogueEntry> = Vec::new();
    let mut add = |action: &'static str, description: String, is_critical| {
        if all.iter().all(|known| known.action != action) {
            all.push(CatalogueEntry { resource: desc.table, action, description, is_critical });
        }
    };
    if desc.link().is_some() {
        add(Verb::Create.action(), format!("Make {plural}"), false);
    }
    // What verbs of its own ask for is a line below.
    let is_common = |verb: &Verb| desc.does(*verb) && desc.action(*verb) == verb.action();
    for verb in Verb::ALL.into_iter().filter(is_common) {
        match verb {
            Verb::Create => add(verb.action(), format!("Make {plural}"), false),
            Verb::Delete => add(verb.action(), format!("Delete {plural}, which can be restored"), false),
            Verb::Restore => add(verb.action(), format!("Bring back deleted {plural}"), false),
            Verb::Purge => add(verb.action(), format!("Remove deleted {plural} for good"), true),
            Verb::Import => add(verb.action(), format!("Load {plural} from files"), false),
            Verb::Export => add(verb.action(), format!("Write {plural} to files"), false),
            Verb::Update | Verb::Activate | Verb::Deactivate | Verb::Revoke => {
                add(verb.action(), format!("Change {plural}"), false);
            }
            Verb::Prune => add(verb.action(), format!("Remove {plural} that are past their time"), false),
            Verb::List | Verb::Find | Verb::Show | Verb::Exists | Verb::History | Verb::Stats => {
                add(verb.action(), format!("See {plural}"), false);
            }
        }
    }
    for t in desc.transitions() {
        add(t.permission(), format!("Move {plural} on: {}", t.verb), false);
    }
    all
}

/// Actions that an administrator has on what an organisation is made of: all that kinds have but to remove for good.
const ALL_BUT_PURGE: &[&str] = &["create", "read", "update", "delete", "restore", "import", "export"];

/// What the program brings along.
pub const SEEDS: &Seeds = &Seeds {
    roles: &[
        SeedRole {
            code: SUPER_ADMIN,
            name: "Super administrator",
            description: "May do everything in the organisation; in SYSTEM, everywhere",
            gives: &[Gives("*", &["*"], &[])],
        },
        SeedRole {
            code: "ADMIN",
            name: "Administrator",
            description: "Keeps branches, departments, people, roles, features and KYC of the organisation",
            gives: &[
                Gives("branches", ALL_BUT_PURGE, &[]),
                Gives("departments", ALL_BUT_PURGE, &[]),
                Gives("users", ALL_BUT_PURGE, &[]),
                Gives("users", &["block", "invite", "check_password", "update_profile"], &[]),
                Gives("roles", ALL_BUT_PURGE, &[]),
                Gives("role_permissions", ALL_BUT_PURGE, &[]),
                Gives("role_inheritances", ALL_BUT_PURGE, &[]),
                Gives("role_grants", &["create", "read", "update", "delete", "restore", "import", "export"], &[]),
                Gives("features", ALL_BUT_PURGE, &[]),
                Gives("consents", &["read", "create", "withdraw"], &[]),
                Gives("kyc", &["read", "submit", "review", "verify", "reject", "assign"], &[]),
            ],
        },
        SeedRole {
            code: "USER",
            name: "User",
            description: "Reads the own record, and changes the own profile: bio, timezone, language, address",
            gives: &[Gives("users", &["read", "update_profile"], &["own_records"])],
        },
    ],
    features: &[
        SeedFeature {
            code: "KYC",
            name: "Know your customer",
            resources: "kyc",
            description: "Identity records of people, and who verified them",
        },
        SeedFeature { code: "USER", name: "People", resources: "users", description: "The people of the organisation" },
        SeedFeature {
            code: "AUTH",
            name: "Sign-in",
            resources: "credentials;sessions;tokens",
            description: "How people sign in, and their sessions",
        },
        SeedFeature { code: "AUDI", name: "Audit", resources: "audit", description: "The audit trail" },
        SeedFeature { code: "REPT", name: "Reporting", resources: "reports", description: "Reports" },
        SeedFeature {
            code: "ASSET_MANAGEMENT",
            name: "Asset management",
            resources: "assets",
            description: "The assets of the organisation, which other applications keep",
        },
        SeedFeature {
            code: "REPORTS",
            name: "Reports of the organisation",
            resources: "org_reports",
            description: "What the organisation is told about itself",
        },
        SeedFeature {
            code: "API_ACCESS",
            name: "Access by API",
            resources: "api_keys",
            description: "Programs that act for the organisation",
        },
    ],
    permissions: &[
        SeedPermission("users", "block", "Block people, and lift blocks", false),
        SeedPermission("users", "invite", "Invite people, and take invitations back", false),
        SeedPermission("users", "merge", "Make one user of two", true),
        SeedPermission("users", "passwd", "Set the passwords of others", true),
        SeedPermission("users", "check_password", "Ask whether a password is somebody's", false),
        SeedPermission("users", "export_hashes", "Write the hashes of passwords to a file", true),
        SeedPermission("users", "update_profile", "Change bio, timezone, language and address", false),
        SeedPermission("consents", "create", "Write consents down with the papers that are submitted", false),
        SeedPermission("consents", "withdraw", "Note that people took their consents back", false),
        SeedPermission("kyc", "assign", "Say whose KYC records are to look at", false),
        SeedPermission("kyc", "risk", "Say how much is risked with somebody", false),
        SeedPermission("kyc", "read_risk", "See how much is risked with somebody", false),
        SeedPermission("kyc", "reveal", "See whole identity numbers, with a reason that is recorded", true),
        SeedPermission(
            "kyc",
            "keep_verified",
            "Bring in papers that an earlier system verified, for another person to confirm",
            true,
        ),
        SeedPermission("kyc", "redact", "Take identity numbers and papers out of a record", true),
        SeedPermission("roles", "escalate", "Give others more than one may do", true),
        SeedPermission("settings", "update", "Change settings", true),
        SeedPermission("audit", "read", "Look into the audit trail", false),
        SeedPermission("audit", "verify", "Prove the audit trail", false),
        SeedPermission("audit", "prove", "Prove single records to others", false),
        SeedPermission("audit", "export", "Write the audit trail to files", false),
        SeedPermission("audit", "append", "Record what other programs did", false),
        SeedPermission("audit", "checkpoint", "Sign the state of the trail", true),
        SeedPermission("audit", "keygen", "Make keys that sign the trail", true),
        SeedPermission("audit", "revert", "Take recorded changes back", true),
        SeedPermission("audit", "correct", "Let earlier times count again after a wrong clock", true),
        SeedPermission("audit", "archive", "Move what was recorded long ago out of the database", true),
        SeedPermission("audit", "erase", "Take what was recorded of a person out of the trail", true),
        SeedPermission("backups", "create", "Make backups", true),
        SeedPermission("backups", "read", "See backups", true),
        SeedPermission("backups", "verify", "Prove backups", true),
        SeedPermission("backups", "hold", "Keep backups from being pruned", true),
        SeedPermission("backups", "release", "Let backups be pruned again", true),
        SeedPermission("backups", "delete", "Remove backups", true),
        SeedPermission("backups", "restore", "Bring a backup back in the place of what is there", true),
        SeedPermission("keys", "init", "Set up the master key", true),
        SeedPermission("keys", "read", "See how it stands with the keys", true),
        SeedPermission("keys", "rotate", "Wrap all keys anew", true),
        SeedPermission("keys", "reencrypt", "Seal everything anew", true),
        SeedPermission("keys", "export", "Write the master key to a file, encrypted", true),
        SeedPermission("keys", "import", "Bring the master key back from a file", true),
        SeedPermission("database", "read", "See the state of the database", true),
        SeedPermission("database", "init", "Make a database", true),
        SeedPermission("database", "migrate", "Bring the schema to another version", true),
        SeedPermission("database", "seed", "Write what the program brings along", true),
        SeedPermission("database", "repair", "Mend what does not hold in the database", true),
        SeedPermission("database", "copy", "Copy everything to another database", true),
        SeedPermission("database", "reset", "Drop everything in the database", true),
    ],
    templates: &[
        SeedRole {
            code: "CONSULTANT",
            name: "Consultant",
            description: "Advises clients in the specialties that he or she knows",
            gives: &[
                Gives("users", &["read"], &["own_branch"]),
                Gives("specialties", &["read"], &[]),
                Gives("consultant_specialties", &["read", "update"], &["own_records"]),
                Gives("reports", &["create", "read", "update"], &["own_records"]),
            ],
        },
        SeedRole {
            code: "CLIENT",
            name: "Client",
            description: "Sees what concerns him or her alone",
            gives: &[
                Gives("users", &["read", "update_profile"], &["own_records"]),
                Gives("reports", &["read"], &["own_records"]),
                Gives("tickets", &["create", "read"], &["own_records"]),
            ],
        },
        SeedRole {
            code: "SALES",
            name: "Sales",
            description: "Wins customers",
            gives: &[
                Gives("customers", &["create", "read", "update"], &["own_branch"]),
                Gives("leads", &["create", "read", "update"], &["own_records"]),
                Gives("projects", &["read"], &["own_branch"]),
            ],
        },
        SeedRole {
            code: "SUPPORT",
            name: "Support",
            description: "Answers tickets",
            gives: &[
                Gives("tickets", &["create", "read", "update"], &[]),
                Gives("customers", &["read"], &[]),
                Gives("users", &["read"], &["own_branch"]),
            ],
        },
        SeedRole {
            code: "TECH",
            name: "Technician",
            description: "Does the tasks of projects",
            gives: &[
                Gives("tasks", &["read", "update"], &["own_records"]),
                Gives("projects", &["read"], &["own_branch"]),
                Gives("assets", &["read"], &["own_branch"]),
            ],
        },
        SeedRole {
            code: "MANAGER",
            name: "Manager",
            description: "Leads the people of a branch",
            gives: &[
                Gives("users", &["read", "update", "export"], &["own_branch"]),
                Gives("branches", &["read"], &["own_branch"]),
                Gives("departments", &["read", "update"], &["own_branch"]),
                Gives("reports", &["read", "export"], &["own_branch"]),
            ],
        },
        SeedRole {
            code: "ASSET_MANAGER",
            name: "Asset manager",
            description: "Keeps the assets of the organisation",
            gives: &[
                Gives("assets", &["create", "read", "update", "delete", "export"], &[]),
                Gives("users", &["read"], &[]),
                Gives("branches", &["read"], &[]),
            ],
        },
        SeedRole {
            code: "FINANCE_HEAD",
            name: "Head of finance",
            description: "Answers for budgets and payments",
            gives: &[
                Gives("departments", &["read", "update"], &[]),
                Gives("reports", &["read", "export"], &[]),
                Gives("payments", &["read", "approve"], &[]),
                Gives("audit", &["read"], &[]),
            ],
        },
        SeedRole {
            code: "DEPARTMENT_HEAD",
            name: "Head of a department",
            description: "Leads the people of a department",
            gives: &[
                Gives("users", &["read", "update"], &["own_department"]),
                Gives("departments", &["read"], &["own_department"]),
                Gives("reports", &["read"], &["own_department"]),
            ],
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::OWN;
    use crate::model::resource::{Meta, Record};
    use crate::model::values::scalar::ParseContext;
    use chrono::{DateTime, NaiveDate};

    const KINDS: Kinds = Kinds::new(&[OWN]).bringing(SEEDS);

    /// Every value is one that the field would take as it is, and each copy is told from the others.
    #[test]
    fn what_is_brought_along_is_what_a_person_could_type() {
        let (context, of) = (ParseContext::default(), Uuid::from_u128(1));
        for org in [SYSTEM, 1] {
            let all = KINDS.seeds_of(org, of);
            let ids: std::collections::BTreeSet<Uuid> = all.iter().map(|seed| seed.id).collect();
            assert_eq!(ids.len(), all.len());
            for seed in all {
                let known = |column| seed.desc.known(column).expect("a column");
                let said = seed.values.iter().map(|(column, value)| (known(column), value));
                for (field, value) in said.filter(|(f, _)| f.target().is_none()) {
                    let read = field.parse(&value.to_text(), &context).expect("a value");
                    assert_eq!(&read, value, "{} {}", seed.desc.noun, field.column);
                }
                let meta = Meta::new(org, seed.id, DateTime::UNIX_EPOCH, 0);
                let mut record = Record::new(seed.desc, meta, Vec::new());
                let blank = |f: &crate::model::resource::Field| match f.default() {
                    Some(default) => f.parse(default, &context).expect("a default"),
                    None => Value::Null(f.ty.kind),
                };
                record.values = seed.desc.fields.iter().map(blank).collect();
                seed.values.iter().for_each(|(column, value)| record.set(column, value.clone()));
                assert!(record.faults(NaiveDate::default()).is_empty(), "{record:?}");
                assert!(record.is_seed());
            }
        }
    }

    #[test]
    fn an_administrator_has_nothing_that_is_critical_and_knows_each_word() {
        let catalogue = KINDS.catalogue();
        let role = SEEDS.roles.iter().filter(|role| role.code != SUPER_ADMIN);
        for (resource, action, _) in role.flat_map(SeedRole::permissions) {
            let entry = catalogue.iter().find(|e| (e.resource, e.action) == (resource, action));
            let entry = entry.unwrap_or_else(|| panic!("{resource}:{action} is in no catalogue"));
            assert!(!entry.is_critical && resource != "settings", "{resource}:{action}");
        }
        let templates = SEEDS.templates.iter().flat_map(SeedRole::permissions);
        for (resource, action, _) in templates {
            let critical = catalogue.iter().find(|e| (e.resource, e.action) == (resource, action) && e.is_critical);
            assert_eq!(critical, None);
        }
    }

    /// What is derived and what is written down name nothing twice.
    #[test]
    fn the_catalogue_names_each_permission_once() {
        let catalogue = KINDS.catalogue();
        let words: std::collections::BTreeSet<_> = catalogue.iter().map(|e| (e.resource, e.action)).collect();
        assert_eq!(words.len(), catalogue.len());
    }
}
