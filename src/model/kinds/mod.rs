//! The kinds of record that there are: a list, which the program is given. Nothing asks for a kind but through it.

pub mod branch;
pub mod consent;
pub mod consultant_specialty;
pub mod credential;
pub mod dept;
pub mod feature;
pub mod former_key;
pub mod former_password;
pub mod kyc;
pub mod kyc_owner;
pub mod org;
pub mod permission;
pub mod role;
pub mod role_approver;
pub mod role_grant;
pub mod role_inheritance;
pub mod role_permission;
pub mod seeds;
pub mod setting;
pub mod specialty;
pub mod system_log;
pub mod token;
pub mod user;
pub mod user_branch;

use super::resource::derived;
use super::resource::former;
use super::resource::key;
use super::resource::lifecycle::{ENDED, Lifecycle};
use super::resource::lifetime::Lifetime;
use super::resource::path;
use super::resource::states;
use super::resource::tenancy::Tenancy;
use super::resource::verbs::{Link, Verb, Verbs};
use super::resource::{Descriptor, Field, List, Resource, Subject};
use seeds::{SEEDS, Seeds};

/// One kind of record: what describes it, and what makes its tables where those of the program do not.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub desc: &'static Descriptor,
    pub migrations: &'static [Migration],
    /// What PostgreSQL's catalogue says of what they make, as `docs/postgres-schema.txt` says it of the program's own.
    pub catalogue: &'static str,
}

impl Kind {
    /// A kind whose tables the program's own migrations make.
    pub const fn of<T: Resource>() -> Kind {
        Kind { desc: T::DESCRIPTOR, migrations: &[], catalogue: "" }
    }
}

/// One step of the schema, for both engines. It has no number of its own: those of added kinds stand behind those of the
/// program, in the order of the list, so that a list is a schema, and another list another one.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub name: &'static str,
    pub sqlite: MigrationScripts,
    pub postgres: MigrationScripts,
}

/// A step forward, and back.
#[derive(Debug, Clone, Copy)]
pub struct MigrationScripts {
    pub up: &'static str,
    pub down: &'static str,
}

/// The program's own kinds, in the order of help and of dependencies: a kind stands behind what it points at.
pub const OWN: &[Kind] = &[
    Kind::of::<org::Org>(),
    Kind::of::<branch::Branch>(),
    Kind::of::<dept::Dept>(),
    Kind::of::<user::User>(),
    Kind::of::<user_branch::UserBranch>(),
    Kind::of::<former_key::FormerKey>(),
    Kind::of::<credential::Credential>(),
    Kind::of::<former_password::FormerPassword>(),
    Kind::of::<token::Token>(),
    Kind::of::<consent::Consent>(),
    Kind::of::<kyc::Kyc>(),
    Kind::of::<kyc_owner::KycOwner>(),
    Kind::of::<specialty::Specialty>(),
    Kind::of::<consultant_specialty::ConsultantSpecialty>(),
    Kind::of::<feature::Feature>(),
    Kind::of::<permission::Permission>(),
    Kind::of::<role::Role>(),
    Kind::of::<role_permission::RolePermission>(),
    Kind::of::<role_inheritance::RoleInheritance>(),
    Kind::of::<role_grant::RoleGrant>(),
    Kind::of::<role_approver::RoleApprover>(),
    Kind::of::<system_log::SystemLog>(),
    Kind::of::<setting::StoredSetting>(),
];

/// Whether links tell what a list declares: they give to records of the kind, flag the first, and the field of the first is of
/// what they give.
fn is_list(desc: &Descriptor, list: &List) -> bool {
    let Some(link) = list.link().filter(|link| link.other.1 == desc) else { return false };
    list.first.is_none_or(|first| {
        let field = desc.field(first).filter(|f| !f.ty.required && !desc.is_key(f));
        list.flag().is_some() && field.and_then(Field::target) == Some(link.item.1)
    })
}

/// Fields of a kind that stays as it was written which would change all the same.
fn changing(desc: &'static Descriptor) -> impl Iterator<Item = String> {
    desc.fields.iter().filter_map(|f| {
        let outlives = matches!(f.lifetime(), Lifetime::Keep | Lifetime::Within);
        match f.target() {
            Some(_) if !outlives => Some(format!("{}.{} would change with what it refers to", desc.noun, f.column)),
            _ if f.is_managed() => Some(format!("{}.{} could never change", desc.noun, f.column)),
            _ => None,
        }
    })
}

/// A list of kinds, handed from one to another, with the records of them that the program brings along.
#[derive(Clone, Copy)]
pub struct Kinds(&'static [&'static [Kind]], &'static Seeds);

impl Kinds {
    /// Lists joined, the program's own first: `Kinds::new(&[OWN, &[...]])`.
    pub const fn new(lists: &'static [&'static [Kind]]) -> Kinds {
        Kinds(lists, &Seeds::NONE)
    }

    /// With records that the program brings along.
    pub const fn bringing(self, seeds: &'static Seeds) -> Kinds {
        Kinds(self.0, seeds)
    }

    /// Those.
    pub fn seeds(self) -> &'static Seeds {
        self.1
    }

    /// Whether it is the same list, not only an equal one.
    pub fn is(self, other: Kinds) -> bool {
        std::ptr::eq(self.0, other.0)
    }

    pub fn all(self) -> impl DoubleEndedIterator<Item = &'static Kind> {
        self.0.iter().flat_map(|list| list.iter())
    }

    /// What describes them, in their order.
    pub fn resources(self) -> impl DoubleEndedIterator<Item = &'static Descriptor> {
        self.all().map(|kind| kind.desc)
    }

    /// The kind of a noun.
    pub fn by_noun(self, noun: &str) -> Option<&'static Descriptor> {
        self.resources().find(|d| d.noun == noun)
    }

    /// The kind of a table.
    pub fn by_table(self, table: &str) -> Option<&'static Descriptor> {
        self.resources().find(|d| d.table == table)
    }

    /// Every field of any kind that points at `target`; what links tell, they tell themselves.
    pub fn referring_to(self, target: &Descriptor) -> Vec<(&'static Descriptor, &'static Field)> {
        let fields = self.resources().flat_map(|d| d.fields.iter().map(move |f| (d, f)));
        fields.filter(|(d, f)| f.target() == Some(target) && d.has_column(f)).collect()
    }

    /// The kinds whose records belong where those of `desc` do: `desc` itself, and what has a way through it.
    pub fn placed_by(self, desc: &'static Descriptor) -> impl Iterator<Item = &'static Descriptor> {
        let is_on_the_way = move |kind: &&'static Descriptor| {
            *kind == desc || path::Place::ALL.into_iter().any(|place| kind.on_the_way(place).contains(&desc))
        };
        self.resources().filter(is_on_the_way)
    }

    /// What is wrong with the declarations: a program with such kinds would promise what it can't keep.
    pub fn faults(self) -> Vec<String> {
        let mut faults: Vec<String> = self.resources().flat_map(derived::faults).collect();
        faults.extend(self.resources().flat_map(key::faults));
        faults.extend(self.resources().flat_map(states::faults));
        faults.extend(self.resources().flat_map(path::faults));
        for desc in self.resources() {
            faults.extend(self.misplaced(desc));
            if desc.ends() && desc.index(ENDED).is_none() {
                faults.push(format!("{} ends, and has no {ENDED}", desc.noun));
            }
            if desc.stays() {
                faults.extend(changing(desc));
            }
            faults.extend(desc.fault_of_retention());
            let tells = |t: &&Descriptor| t.subject == Subject::Itself || t.subject_field().is_some();
            let subject = desc.subject_field().and_then(Field::target).filter(|t| !tells(t));
            faults.extend(subject.map(|t| format!("{}: its subject is a {}, which is nobody", desc.noun, t.noun)));
            faults.extend(
                desc.lists
                    .iter()
                    .filter(|l| !is_list(desc, l))
                    .map(|l| format!("{}.{} is no list of what links of {} give it", desc.noun, l.name, l.desc().noun)),
            );
        }
        faults.extend(self.resources().flat_map(former::faults));
        faults.extend(self.faults_of_links());
        faults.extend(self.resources().filter(|d| d.has_defaults).filter_map(faults_of_defaults));
        faults
    }

    /// The links whose item is of a kind: it has their verbs.
    pub fn links_at(self, item: &Descriptor) -> impl Iterator<Item = Link> + use<'_> {
        self.resources().filter_map(Descriptor::link).filter(move |link| link.item.1 == item)
    }

    /// Links that join nothing, and such as have a verb that is taken.
    fn faults_of_links(self) -> Vec<String> {
        let is_link = |d: &&'static Descriptor| matches!(d.verbs, Verbs::Link(..));
        let loose = self.resources().filter(is_link).filter(|d| d.link().is_none());
        let mut faults: Vec<String> =
            loose.map(|d| format!("the key of {} does not begin with what it joins", d.noun)).collect();
        for item in self.resources() {
            let mut taken: Vec<&str> = Verb::ALL.into_iter().map(Verb::as_str).collect();
            taken.extend(item.transitions().iter().map(|t| t.verb));
            for (link, word) in self.links_at(item).flat_map(|l| [(l, l.assign), (l, l.unassign)]) {
                if taken.contains(&word) {
                    faults.push(format!("{} has a verb {word} already, beside that of {}", item.noun, link.desc.noun));
                }
                taken.push(word);
            }
        }
        faults
    }

    /// References that no record could hold, since it and what it refers to are never of one organisation.
    fn misplaced(self, desc: &Descriptor) -> impl Iterator<Item = String> {
        let pointing = self.referring_to(desc).into_iter();
        pointing.filter_map(|(d, f)| match (d.tenancy, desc.tenancy) {
            // What belongs to the installation refers to nothing by it.
            (Tenancy::Either, Tenancy::Org) if !f.ty.required => None,
            (_, Tenancy::Either) => Some(format!("{}.{} points at what may be anywhere", d.noun, f.column)),
            (Tenancy::Org, Tenancy::System) | (Tenancy::System, Tenancy::Org) | (Tenancy::Either, _) => {
                Some(format!("{}.{} points at what another organisation has", d.noun, f.column))
            }
            _ => None,
        })
    }

    /// Whether records are put into those of a kind that are in use: what refers to them protects them.
    pub fn takes_records(self, target: &Descriptor) -> bool {
        self.referring_to(target).iter().any(|(_, f)| f.requires_active_target())
    }

    /// The steps of added kinds, in their order.
    pub fn migrations(self) -> impl Iterator<Item = &'static Migration> {
        self.all().flat_map(|kind| kind.migrations)
    }
}

/// What keeps an owner without a record from having the defaults.
fn faults_of_defaults(desc: &'static Descriptor) -> Option<String> {
    let noun = desc.noun;
    let Some((owner, _)) = desc.owner().filter(|(owner, _)| owner.ty.required && desc.keys.len() == 1) else {
        return Some(format!("{noun} has defaults, and its key is not its owner alone"));
    };
    if desc.is_org() || desc.states.is_some() || desc.lifecycle != Lifecycle::SoftDelete {
        return Some(format!("{noun} has defaults, and its records do not come and go as others do"));
    }
    let mut others = desc.fields.iter().filter(|f| f.column != owner.column);
    let lacking = others.find(|f| f.generator().is_some() || (f.ty.required && f.default().is_none()))?;
    Some(format!("{noun} has defaults, and none for {}", lacking.name()))
}

impl Default for Kinds {
    /// The program's own.
    fn default() -> Kinds {
        Kinds::new(&[OWN]).bringing(SEEDS)
    }
}

impl std::fmt::Debug for Kinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.resources().map(|d| d.noun)).finish()
    }
}
