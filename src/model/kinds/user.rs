//! Users: the people of an organisation.

use chrono::{DateTime, NaiveDate, Utc};

use crate::{choice, resource};

use super::branch::Branch;
use super::dept::Dept;
use super::former_key::FormerKey;
use super::kyc::{FLAG_NAMES, Kyc, KycState};
use super::role::SUPER_ADMIN;
use super::role_grant::RoleGrant;
use super::user_branch::UserBranch;
use crate::model::code_generator::CodeGenerator;
use crate::model::problem::Problem;
use crate::model::resource::derived::{Derived, What};
use crate::model::resource::status::{Test, Word};
use crate::model::resource::{Check, Descriptor, IS_ACTIVE, List, Resource as _};
use crate::model::trail::audit::Action;
use crate::model::values::permission_list::one_spelling;
use crate::model::values::scalar::{
    Address, Date, Details, ExternalId, FamilyName, GivenName, Language, Line, Mailbox, Moment, Note, Phone, Pincode,
    Ref, Timezone, UserCode, Username, check_pincode,
};

resource! {
    /// A person of the organisation
    pub struct User "user" in "users"
        keys(&[&["user_code"], &["email"], &["username"], &["external_id"]]) path(&["branch"], &["department"])
        subject(Itself)
        has(LISTS)
        derived(DERIVED)
        status(STATUS)
        unfilled(&[UNFILLED, FLAG_NAMES])
        rules(&[Tree("reports_to_id")])
        has_former_keys(former_keys)
        changed_alone("update_profile", PROFILE)
        examples("asha@sahyadri.example", &["asha", "raj kum"], "--name 'Asha Rao' --email asha@sahyadri.example --branch MUM01")
     {
        /// Six letters or digits, unique in the organisation; made where none are given
        user_code: UserCode [Search, Generated(CodeGenerator::Permuted), Alias(&["code"])],
        /// Full name; given, it is split into first, middle and last name
        name: Option<Line<602>> [Title, Concat(&["first_name", "middle_name", "last_name"]), Alias(&["full_name", "employee_name"])],
        /// First name, or the only one
        first_name: GivenName<200> [Search, Hidden, PartOf("name")],
        /// Names between the first and the last
        middle_name: Option<GivenName<200>> [Search, Hidden, PartOf("name")],
        /// Last name
        last_name: Option<FamilyName<200>> [Search, Hidden, PartOf("name"), Alias(&["surname"])],
        /// E-mail address, unique in the organisation
        email: Option<Mailbox> [Search, VerifiedBy("email_verified")],
        /// Mobile number; a key where nobody else has it
        mobile: Option<Phone> [LookupKey, Search, VerifiedBy("mobile_verified"), Alias(&["phone"])],
        /// Name to sign in with, unique in the organisation
        username: Option<Username> [Search, Hidden],
        /// Number in the HR system or directory, unique in the organisation
        external_id: Option<ExternalId> [Search, Hidden, Alias(&["userId", "employee_id", "emp_id", "_id"])],
        /// The person's own branch
        branch_id: Option<Ref<Branch>>,
        /// Department
        department_id: Option<Ref<Dept>> [Alias(&["dept"])],
        /// What the person is employed as
        designation: Option<Line<200>> [Alias(&["job_title"])],
        /// User who the person reports to
        reports_to_id: Option<Ref<User>> [Duty, Alias(&["reportingTo", "supervisor", "manager"])],
        /// Gender
        gender: Option<Gender> [Hidden],
        /// Date of birth
        dob: Option<Date> [Hidden, Alias(&["date_of_birth"])],
        /// Street address
        address_line1: Option<Line<200>> [Hidden, Alias(&["address"])],
        /// Street address, second line
        address_line2: Option<Line<200>> [Hidden],
        /// Street address, third line
        address_line3: Option<Line<200>> [Hidden],
        /// City or town
        city: Option<Line<200>> [Hidden],
        /// State or province
        state: Option<Line<200>> [Hidden],
        /// Country; India where none is given, as far as the postal code is concerned
        country: Option<Line<200>> [Hidden],
        /// Postal code
        pincode: Option<Pincode> [Hidden],
        /// What the person says of himself or herself
        bio: Option<Note<10_000>> [Hidden],
        /// Time zone
        timezone: Option<Timezone> [Hidden],
        /// Language
        language: Option<Language> [Hidden],
        /// Whether the person may sign in
        can_login: bool [Default("no"), Hidden],
        /// Whether the person is with the organisation; changed by `user activate` and `user deactivate`
        is_active: bool [Managed, Default("yes"), Hidden],
        /// Whether the person is blocked; changed by `user block` and `user unblock`
        blocked: bool [Managed, Default("no"), Hidden, Alias(&["isBlocked"]), Until(BLOCKED_UNTIL), Recorded(Action::UserBlock, Action::UserUnblock)],
        /// When a block ends by itself
        blocked_until: Option<Moment> [Managed, Hidden, Of(BLOCKED)],
        /// Why the person is blocked
        block_reason: Option<Line<1000>> [Managed, Hidden, Of(BLOCKED)],
        /// When the person was invited
        invited_at: Option<Moment> [Managed, Hidden],
        /// When the invitation was accepted
        accepted_at: Option<Moment> [Managed, Hidden],
        /// Whether the e-mail address was proved
        email_verified: bool [Managed, Default("no"), Hidden, Alias(&["is_email_verified"])],
        /// Whether the mobile number was proved
        mobile_verified: bool [Managed, Default("no"), Hidden, Alias(&["is_mobile_verified"])],
        /// Address that the person registered from
        register_ip: Option<Address> [Managed, Hidden, Alias(&["register_device_ip"])],
        /// What the person registered with
        register_device: Option<Details> [Managed, Hidden, Alias(&["register_device_info"])],
        /// When the relationship with the person ended: from then on it counts how long identity records are kept
        relationship_ended_at: Option<Moment> [Hidden],
    }
}

fn former_keys() -> &'static Descriptor {
    FormerKey::DESCRIPTOR
}

/// How far the identity is verified: it follows the records, and nothing sets it.
const DERIVED: &[Derived] = &[
    verified("aadhaar_verified", "Whether an Aadhaar is verified", &[("state", IN_FORCE), ("kind", &["aadhaar"])]),
    verified("pan_verified", "Whether a PAN is verified", &[("state", IN_FORCE), ("kind", &["pan"])]),
    verified("business_verified", "Whether a business is verified", &[("state", IN_FORCE), ("kind", &["business"])]),
    verified("bank_verified", "Whether a bank account is verified", &[("state", IN_FORCE), ("kind", &["bank"])]),
    // Of a kind one is in force at most.
    Derived::new("kyc_step", "How many kinds of paper are verified, of 4", RECORDS, What::Count)
        .only(&[("state", IN_FORCE)]),
    Derived::new("kyc_complete", "Whether Aadhaar, PAN and bank account are verified", RECORDS, What::AtLeast(3))
        .only(&[("state", IN_FORCE), ("kind", &["aadhaar", "pan", "bank"])]),
];

const IN_FORCE: &[&str] = &[KycState::Verified.as_str()];
const RECORDS: (fn() -> &'static Descriptor, &str) = (records, "user_id");

type Words = &'static [(&'static str, &'static [&'static str])];

const fn verified(name: &'static str, help: &'static str, only: Words) -> Derived {
    Derived::new(name, help, RECORDS, What::AtLeast(1)).only(only)
}

fn records() -> &'static Descriptor {
    Kyc::DESCRIPTOR
}

/// What people say of themselves.
const PROFILE: &[&str] = &[
    "bio",
    "timezone",
    "language",
    "address_line1",
    "address_line2",
    "address_line3",
    "city",
    "state",
    "country",
    "pincode",
];

/// Columns that verbs of people and their feeds know by name.
pub const BLOCKED: &str = "blocked";
pub const BLOCKED_UNTIL: &str = "blocked_until";
pub const BLOCK_REASON: &str = "block_reason";
pub const RELATIONSHIP_ENDED_AT: &str = "relationship_ended_at";
pub const CAN_LOGIN: &str = "can_login";

/// Who is blocked or invited is so only while he or she is with the organisation. Who came by an invitation, and has not
/// accepted it, is invited; who was there before stays what he or she was: the invitation is pending beside that.
const STATUS: &[Word] = &[
    Word::of("inactive", &[Test::No(IS_ACTIVE)]).out(),
    Word::of("blocked", &[Test::Yes(BLOCKED)]).rare().out(),
    Word::of("invited", &[Test::FromTheStart("invited_at"), Test::Missing("accepted_at")]).rare(),
    Word::otherwise("active"),
];

/// What earlier systems tell of people and is not kept with them: when a row was written, lists of permissions, and pictures.
const UNFILLED: &[&str] = &[
    "id",
    "created_at",
    "updated_at",
    "date_joined",
    "last_login",
    "__v",
    "is_staff",
    "profilePicture",
    "avatar",
    "avatar_url",
    "expertiseFields",
];

/// All branches of a person, and all roles.
const LISTS: &[List] = &[
    List {
        name: "branches",
        help: "Branches, the person's own first",
        aliases: &["branchId", "branch_code"],
        ids: &[],
        flags: &[],
        described: &[],
        first: Some("branch_id"),
        of: branches,
    },
    List {
        name: "roles",
        help: "Roles that the person has everywhere and for good",
        aliases: &["role", "user_role"],
        ids: &["roleId"],
        flags: &[("is_superuser", SUPER_ADMIN)],
        described: &[("permissions", one_spelling)],
        first: None,
        of: roles,
    },
];

/// The branches of a person, which verbs of people know by name.
pub const BRANCHES: &List = &LISTS[0];

fn branches() -> &'static Descriptor {
    UserBranch::DESCRIPTOR
}

fn roles() -> &'static Descriptor {
    RoleGrant::DESCRIPTOR
}

impl Check for User {
    fn check(&self, today: NaiveDate) -> Vec<Problem> {
        let mut faults = Vec::new();
        if self.can_login && self.email.is_none() && self.username.is_none() {
            faults.push(Problem::invalid("can_login needs a username or an e-mail address").field("can_login"));
        }
        if self.dob.is_some_and(|d| d.0 >= today) {
            faults.push(Problem::invalid("dob must be a day in the past").field("dob"));
        }
        let country = self.country.as_ref().map(Line::as_str);
        faults.extend(self.pincode.iter().filter_map(|p| check_pincode(p.as_str(), country).err()));
        faults
    }
}

impl User {
    /// Blocks the person, until a time or until somebody lifts the block.
    #[must_use]
    pub fn block(self, reason: Line<1000>, until: Option<DateTime<Utc>>) -> User {
        User { blocked: true, blocked_until: until.map(Moment), block_reason: Some(reason), ..self }
    }

    /// Asks the person in. Who has left or is blocked is not asked. Who came by an invitation is invited since then; the
    /// answer of who accepted one stays.
    pub fn invite(self, created_at: DateTime<Utc>, at: DateTime<Utc>) -> Result<User, Problem> {
        let (key, name) = (self.user_code.as_str(), self.name.as_ref().map_or("", Line::as_str));
        if !self.is_active {
            return Err(Problem::conflict(format!("user {key} ({name}) has left, and can't be invited"))
                .hint(format!("who comes back is activated first: orgctl user activate {key}")));
        }
        if self.is_blocked(at) {
            return Err(Problem::conflict(format!("user {key} ({name}) is blocked, and can't be invited"))
                .hint(format!("lift the block first: orgctl user unblock {key}")));
        }
        let came_so = self.invited_at.filter(|m| m.0 <= created_at && self.accepted_at.is_none());
        Ok(User { invited_at: came_so.or(Some(Moment(at))), ..self })
    }

    /// Takes back an invitation that is not accepted yet.
    #[must_use]
    pub fn uninvite(self) -> User {
        match self.accepted_at {
            None => User { invited_at: None, ..self },
            Some(_) => self,
        }
    }

    /// Whether the person is blocked at a time: a block ends by itself.
    pub fn is_blocked(&self, at: DateTime<Utc>) -> bool {
        self.blocked && self.blocked_until.is_none_or(|until| until.0 > at)
    }

    #[must_use]
    pub fn unblock(self) -> User {
        User { blocked: false, blocked_until: None, block_reason: None, ..self }
    }
}

choice! {
    /// Gender
    pub enum Gender {
        Male = "male" | "m",
        Female = "female" | "f",
        Other = "other" | "o",
    }
}
