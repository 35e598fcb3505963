//! Which rows say what people may do, and by which of their columns: the one list of it. What holds for all of them (that nobody
//! gains more than who writes may do, that nobody decides about himself or herself) is written once, over this.

use crate::model::kinds::branch::Branch;
use crate::model::kinds::credential::Credential;
use crate::model::kinds::org::Org;
use crate::model::kinds::permission::Permission;
use crate::model::kinds::role::Role;
use crate::model::kinds::role_approver::RoleApprover;
use crate::model::kinds::role_grant::RoleGrant;
use crate::model::kinds::role_inheritance::RoleInheritance;
use crate::model::kinds::role_permission::RolePermission;
use crate::model::kinds::setting::StoredSetting;
use crate::model::kinds::token::Token;
use crate::model::kinds::user::{BLOCKED, BLOCKED_UNTIL, CAN_LOGIN, User};
use crate::model::kinds::user_branch::UserBranch;
use crate::model::resource::{Descriptor, IS_ACTIVE, Record, Resource as _};

/// Whose rights a row has to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those of the person that the row is.
    Itself,
    /// Those of the person that this column names.
    Person(&'static str),
    /// Those of whoever has the role that the row is.
    Role,
    /// Those of whoever has the role that this column names: what it gives.
    Given(&'static str),
    /// What it inherits from.
    Parent(&'static str, &'static str),
    /// Who answers for it.
    Beside(&'static str),
    /// Those of everybody: whether a star contains a word.
    Word,
    /// Those of everybody: how far a branch reaches.
    Setting,
    /// Those of everybody: whether the organisation is open.
    Organisation,
    /// Those of whoever has a branch above it, which this column names: what lies below it.
    Below(&'static str),
}

/// Columns of a row; that it comes and goes counts besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    None,
    Some(&'static [&'static str]),
    All,
}

/// What rows of a kind have to do with rights.
#[derive(Debug)]
pub struct Concern {
    pub desc: &'static Descriptor,
    pub whose: Whose,
    /// Somebody may do more, or less, by them.
    pub gives: Columns,
    /// Whether they give something to whoever has nothing besides.
    pub gives_alone: bool,
    /// Nobody changes them of himself or herself.
    pub own: Columns,
    /// Nobody changes them of who may do more.
    pub guarded: Columns,
}

const DEPARTMENT: &str = "department_id";

/// State and place of an account, the place last.
const STATE: &[&str] = &[IS_ACTIVE, BLOCKED, BLOCKED_UNTIL, DEPARTMENT];
const OWN: &[&str] = &[IS_ACTIVE, BLOCKED, BLOCKED_UNTIL, DEPARTMENT, CAN_LOGIN];
const GUARDED: &[&str] =
    &[IS_ACTIVE, BLOCKED, BLOCKED_UNTIL, DEPARTMENT, CAN_LOGIN, "email", "mobile", "username", "external_id"];

/// Each kind that has to do with them.
const CONCERNS: &[Concern] = &[
    Concern {
        desc: User::DESCRIPTOR,
        whose: Whose::Itself,
        gives: Columns::Some(STATE),
        gives_alone: false,
        own: Columns::Some(OWN),
        guarded: Columns::Some(GUARDED),
    },
    of_person(UserBranch::DESCRIPTOR, false),
    of_person(RoleGrant::DESCRIPTOR, true),
    proof(Credential::DESCRIPTOR),
    proof(Token::DESCRIPTOR),
    Concern { gives: Columns::Some(&[IS_ACTIVE]), ..of_role(Role::DESCRIPTOR, Whose::Role) },
    of_role(RolePermission::DESCRIPTOR, Whose::Given("role_id")),
    of_role(RoleInheritance::DESCRIPTOR, Whose::Parent("role_id", "parent_id")),
    of_role(RoleApprover::DESCRIPTOR, Whose::Beside("role_id")),
    of_role(Permission::DESCRIPTOR, Whose::Word),
    of_role(Org::DESCRIPTOR, Whose::Organisation),
    of_role(Branch::DESCRIPTOR, Whose::Below("parent_id")),
    of_role(StoredSetting::DESCRIPTOR, Whose::Setting),
];

const fn of_person(desc: &'static Descriptor, gives_alone: bool) -> Concern {
    let (gives, own, guarded) = (Columns::All, Columns::All, Columns::All);
    Concern { desc, whose: Whose::Person("user_id"), gives, gives_alone, own, guarded }
}

/// What somebody proves himself or herself with.
const fn proof(desc: &'static Descriptor) -> Concern {
    let (gives, own) = (Columns::None, Columns::None);
    Concern { desc, whose: Whose::Person("user_id"), gives, gives_alone: true, own, guarded: Columns::All }
}

const fn of_role(desc: &'static Descriptor, whose: Whose) -> Concern {
    let (gives, own) = (Columns::All, Columns::All);
    Concern { desc, whose, gives, gives_alone: true, own, guarded: Columns::None }
}

impl Concern {
    /// What the rows of a kind have to do with rights, if they have.
    pub fn of(desc: &Descriptor) -> Option<&'static Concern> {
        CONCERNS.iter().find(|concern| *concern.desc == *desc)
    }

    /// Whether a column says where somebody is, and not what state an account is in.
    pub fn is_place(&self, column: &str) -> bool {
        self.whose == Whose::Itself && column == DEPARTMENT
    }
}

impl Columns {
    /// The first of them that differs between two states of a record.
    pub fn differing(self, before: &Record, after: &Record) -> Option<&'static str> {
        let names = match self {
            Columns::None => return None,
            Columns::All => return Some(""),
            Columns::Some(names) => names,
        };
        let differs = |name: &&&str| before.find(name) != after.find(name);
        let comes_or_goes = (before.is_live() != after.is_live()).then_some("");
        names.iter().find(differs).copied().or(comes_or_goes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_their_kinds() {
        for concern in CONCERNS {
            let of_kind = |name: &str| concern.desc.fields.iter().any(|field| field.column == name);
            let named = match concern.whose {
                Whose::Person(a) | Whose::Given(a) | Whose::Beside(a) | Whose::Below(a) => vec![a],
                Whose::Parent(a, b) => vec![a, b],
                Whose::Itself | Whose::Role | Whose::Word | Whose::Setting | Whose::Organisation => vec![],
            };
            let columns =
                [concern.gives, concern.own, concern.guarded].into_iter().filter_map(|columns| match columns {
                    Columns::Some(names) => Some(names),
                    Columns::None | Columns::All => None,
                });
            for name in named.into_iter().chain(columns.flatten().copied()) {
                assert!(of_kind(name), "{} has no {name}", concern.desc.noun);
            }
        }
    }
}
