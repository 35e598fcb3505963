//! KYC records: what a paper says of somebody, who looked at it, and what came of it. The numbers and names themselves are
//! sealed; what stands in clear is what a list needs.

use chrono::NaiveDate;

use super::consent::Consent;
use super::kyc_owner::KycOwner;
use super::user::{RELATIONSHIP_ENDED_AT, User};
use crate::model::code_generator::CodeGenerator;
use crate::model::kinds::user::Gender;
use crate::model::problem::Problem;
use crate::model::resource::derived::{Derived, What};
use crate::model::resource::hold::Hold;
use crate::model::resource::{Check, Descriptor, Resource as _};
use crate::model::setting::KYC_RETENTION_DAYS;
use crate::model::values::scalar::{Count, Date, Digest, Email, Line, Moment, Money, Note, Phone, Ref, Sealed};
use crate::model::values::value::Decimal;
use crate::{choice, resource, states};

choice! {
    /// What paper it is
    pub enum KycKind {
        Aadhaar = "aadhaar" | "aadhar" | "uid",
        Pan = "pan",
        Business = "business",
        Bank = "bank" | "bank_account",
    }
}

states! {
    /// How far a record is
    pub enum KycState {
        Draft = "draft",
        Submitted = "submitted" | "pending" [Open, Importable],
        InReview = "in_review" [Open],
        Verified = "verified" | "approved",
        Rejected = "rejected",
        Expired = "expired",
        Superseded = "superseded",
    }
    /// Take up what a paper says, for somebody else to verify
    "submit": [Draft] => Submitted [Stamps(&["submitted_at"]), Permission("submit"), Told(Action::KycSubmit)];
    /// Begin to look at records
    "start": [Submitted] => InReview [Permission("review")];
    /// Verify a record: it is in force from then on
    "verify": [InReview] => Verified [Stamps(&["verified_at"]), Permission("verify"), Told(Action::KycApprove)];
    /// Reject a record
    "reject": [Submitted, InReview] => Rejected [Stamps(&["rejected_at"]), Permission("reject"), Told(Action::KycReject)];
    /// Take up a rejected record again
    "reopen": [Rejected] => InReview [Clears(&["rejected_at"]), Permission("reject")];
    /// Let another record take the place of one
    "supersede": [Verified] => Superseded [Permission("verify"), InPassing];
    /// End a record whose time has passed
    "expire": [Verified] => Expired [Permission("verify"), InPassing];
}

choice! {
    /// How a record was verified
    pub enum Method {
        PennyDrop = "penny_drop",
        BankStatement = "bank_statement",
        Manual = "manual",
        Digilocker = "api_digilocker" | "digilocker",
        Uidai = "api_uidai" | "uidai",
        Nsdl = "api_nsdl" | "nsdl",
        Karza = "api_karza" | "karza",
        OfflineXml = "offline_xml",
        Migrated = "migrated",
    }
}

choice! {
    /// Why a record was rejected
    pub enum Rejection {
        Unreadable = "unreadable",
        Mismatch = "mismatch",
        ExpiredDocument = "expired_document",
        WrongDocument = "wrong_document",
        SuspectedFraud = "suspected_fraud",
        Duplicate = "duplicate",
        Incomplete = "incomplete",
        Other = "other",
    }
}

choice! {
    /// How much is risked with somebody
    pub enum Risk {
        Low = "low",
        Medium = "medium",
        High = "high",
    }
}

choice! {
    /// What a business is
    pub enum BusinessType {
        SoleProprietorship = "sole_proprietorship" | "proprietorship",
        Partnership = "partnership",
        PrivateLimited = "private_limited" | "private_limited_company",
        PublicLimited = "public_limited" | "public_limited_company",
        Llp = "llp" | "limited_liability_partnership",
        Ngo = "ngo",
        Trust = "trust",
        Huf = "huf" | "hindu_undivided_family",
    }
}

choice! {
    /// What the number of a business is
    pub enum Registration {
        Gstin = "gstin",
        Cin = "cin",
        Llpin = "llpin",
        Udyam = "udyam",
    }
}

choice! {
    /// What a bank account is
    pub enum AccountType {
        Savings = "savings",
        Current = "current",
        FixedDeposit = "fixed_deposit",
        RecurringDeposit = "recurring_deposit",
    }
}

resource! {
    /// What a paper says of somebody, and whether it was verified
    pub struct Kyc "kyc" in "kyc" keys(&[&["user", "kind", "serial"]]) path(&["user"], &["user"])
        called("KYC record", "KYC records") verbs(ReadOnly) derived(DERIVED)
        told_with(&[("branch", "user_id", "branch_id")]) states("state", KycState::STATES)
        held(Hold {
            since: RELATIONSHIP_ENDED_AT,
            days: KYC_RETENTION_DAYS,
            free: &[KycState::Draft.as_str()],
            rule: "identity records are kept five years after the relationship with the person ended (PMLA, section 12)",
        })
        unfilled(&[FLAG_NAMES, UNFILLED]) examples("asha@sahyadri.example:pan:1", &[], "")
    {
        /// Whom it is about: it is a part of what is known of that person, is put away and brought back with it, and goes for good
        /// with it
        user_id: Ref<User> [Within, Subject],
        /// What paper it is: aadhaar, pan, business or bank
        kind: KycKind,
        /// Number among the records of the person, counted
        serial: Count [Generated(CodeGenerator::Counted("user_id")), Hidden],
        /// How far it is, changed by verbs of its own
        state: KycState [Managed, Hidden],
        /// As much of the number as may be shown
        mask: Option<Line<40>>,
        /// When it was submitted
        submitted_at: Option<Moment> [Managed],
        /// User who submitted it; nobody, where the local operator did
        submitted_by_id: Option<Ref<User>> [Keep, Hidden],
        /// What is known of the account that submitted it
        submitted_operator: Option<Line<200>> [Hidden],
        /// User whose it is to look at
        assigned_to_id: Option<Ref<User>> [Duty, Assignee],
        /// How much is risked with the person
        risk: Option<Risk> [ToldBy("read_risk")],
        /// When it was verified
        verified_at: Option<Moment> [Managed, Hidden],
        /// How it was verified
        verification_method: Option<Method> [Hidden],
        /// When it was rejected
        rejected_at: Option<Moment> [Managed, Hidden],
        /// Why it was rejected
        rejection_code: Option<Rejection> [Hidden],
        /// Why it was rejected, in words
        rejection_text: Option<Note<1000>> [Hidden],
        /// User who verified or rejected it; nobody, where the local operator did
        decided_by_id: Option<Ref<User>> [Keep, Hidden],
        /// What is known of the account that verified or rejected it
        decided_operator: Option<Line<200>> [Hidden],
        /// What who verified it has to say
        note: Option<Note<1000>> [Hidden],
        /// Reference of the evidence at the bank or provider
        reference: Option<Line<100>> [Hidden, Alias(&["penny_drop_reference"])],
        /// Amount of the evidence, in rupees
        amount: Option<Money> [Hidden, Alias(&["penny_drop_amount"])],
        /// How alike the names are, from 0 to 100
        name_match_score: Option<Money> [Hidden],
        /// Why they are, without the names
        name_match_reason: Option<Line<500>> [Hidden],
        /// Last day on which it holds without being renewed
        valid_until: Option<Date> [Hidden, ToldBy("read_risk")],
        /// What the person agreed to before
        consent_id: Option<Ref<Consent>> [Keep, Hidden],
        /// Batch with which it was brought
        batch: Option<Line<50>> [Hidden],
        /// Gender, as on the paper
        gender: Option<Gender> [Hidden, Alias(&["aadhaar_gender"])],
        /// What the business is
        business_type: Option<BusinessType> [Hidden],
        /// What the number of the business is
        registration: Option<Registration> [Hidden],
        /// Phone number of the business or the account
        phone: Option<Phone> [Hidden, Alias(&["business_phone"])],
        /// E-mail address of the business or the account
        email: Option<Email> [Hidden, Alias(&["business_email"])],
        /// Code of the bank's branch
        ifsc: Option<Line<11>> [Hidden, Alias(&["ifsc_code"])],
        /// What the account is
        account_type: Option<AccountType> [Hidden],
        /// Name of the bank
        bank_name: Option<Line<200>> [Hidden],
        /// Name of the bank's branch
        branch_name: Option<Line<200>> [Hidden],
        /// The number, sealed
        number: Option<Sealed> [Secret],
        /// What equal numbers have in common, and nobody else can make
        number_index: Option<Digest> [Secret],
        /// The name as on the paper, of the holder or of the business, sealed
        name: Option<Sealed> [Secret],
        /// Name of the father, sealed
        father_name: Option<Sealed> [Secret],
        /// Date of birth, sealed
        dob: Option<Sealed> [Secret],
        /// Address, sealed
        address: Option<Sealed> [Secret],
        /// What a provider answered, sealed
        response: Option<Sealed> [Secret],
        /// Tells that something sealed is another
        fingerprint: Option<Line<64>> [Hidden],
    }
}

/// What earlier systems say of people beside their papers, and follows from records here: of which kinds of papers a flag says that
/// they were verified; of none, how many of them.
pub const FLAGS: &[(&str, &[KycKind])] = &[
    ("is_kyc_complete", &[KycKind::Aadhaar, KycKind::Pan, KycKind::Bank]),
    ("is_aadhaar_verified", &[KycKind::Aadhaar]),
    ("is_pan_verified", &[KycKind::Pan]),
    ("is_bank_verified", &[KycKind::Bank]),
    ("is_business_verified", &[KycKind::Business]),
    ("kyc_verification_step", &[]),
];

/// What earlier systems say of papers that is made anew here, or told by whoever confirms them (DOMAIN.md, legacy headers).
const UNFILLED: &[&str] = &[
    "aadhaar_otp_request_id",
    "aadhaar_otp_attempts",
    "business_phone_verified",
    "business_email_verified",
    "selfie_verified",
    "name_match_score",
    "verification_method",
    "verified_by",
];

/// The names of [`FLAGS`].
pub const FLAG_NAMES: &[&str] = &{
    let (mut names, mut at) = ([""; FLAGS.len()], 0);
    while at < names.len() {
        names[at] = FLAGS[at].0;
        at += 1;
    }
    names
};

/// Who owns a business, as much as may be shown.
const DERIVED: &[Derived] = &[Derived::new(
    "owners",
    "Beneficial owners of a business: share, and as much of the PAN as may be shown",
    (owners, "kyc_id"),
    What::Words("shown", "serial"),
)
.hidden()];

fn owners() -> &'static Descriptor {
    KycOwner::DESCRIPTOR
}

impl KycState {
    /// Whether it is to be looked at.
    pub fn is_pending(self) -> bool {
        matches!(self, KycState::Submitted | KycState::InReview)
    }
}

/// What a penny drop pays: 1.00 INR.
pub const PENNY: Decimal = Decimal(Decimal::ONE);

impl Kyc {
    /// What it has that belongs to another kind of paper.
    fn stray(&self) -> Option<&'static str> {
        use KycKind::{Aadhaar, Bank, Business};
        let of = |is_given: bool, kinds: &[KycKind], name| (is_given && !kinds.contains(&self.kind)).then_some(name);
        of(self.gender.is_some(), &[Aadhaar], "gender")
            .or_else(|| of(self.business_type.is_some(), &[Business], "business_type"))
            .or_else(|| of(self.registration.is_some(), &[Business], "registration"))
            .or_else(|| of(self.phone.is_some(), &[Business, Bank], "phone"))
            .or_else(|| of(self.email.is_some(), &[Business, Bank], "email"))
            .or_else(|| of(self.ifsc.is_some(), &[Bank], "ifsc"))
            .or_else(|| of(self.account_type.is_some(), &[Bank], "account_type"))
            .or_else(|| of(self.bank_name.is_some(), &[Bank], "bank_name"))
            .or_else(|| of(self.branch_name.is_some(), &[Bank], "branch_name"))
    }

    /// What it lacks of what its kind of paper says.
    fn lacking(&self) -> Option<&'static str> {
        let of = |is_given: bool, kind: KycKind, name| (!is_given && self.kind == kind).then_some(name);
        of(self.business_type.is_some(), KycKind::Business, "business_type")
            .or_else(|| of(self.registration.is_some(), KycKind::Business, "registration"))
            .or_else(|| of(self.ifsc.is_some(), KycKind::Bank, "ifsc"))
            .or_else(|| of(self.account_type.is_some(), KycKind::Bank, "account_type"))
            .or_else(|| of(self.consent_id.is_some(), KycKind::Aadhaar, "consent"))
            .or_else(|| self.mask.is_none().then_some("mask"))
    }

    /// What it lacks of the evidence that its method asks for.
    fn unproven(&self) -> Option<Problem> {
        let wrong = |why: &str, name| Some(Problem::invalid(why).field(name));
        match self.verification_method {
            Some(Method::PennyDrop) if self.kind != KycKind::Bank => {
                wrong("a penny drop proves a bank account and nothing else", "verification_method")
            }
            Some(Method::PennyDrop) if self.amount != Some(Money(PENNY)) => {
                wrong("a penny drop needs the amount that was paid, 1.00 INR", "amount")
            }
            Some(Method::PennyDrop) if self.reference.is_none() => {
                wrong("a penny drop needs the reference of the payment", "reference")
            }
            Some(Method::Manual) if self.note.is_none() => {
                wrong("who verifies by looking must note what was looked at", "note")
            }
            None if self.verified_at.is_some() => wrong("how it was verified is missing", "verification_method"),
            _ => None,
        }
    }
}

impl Check for Kyc {
    fn check(&self, _: NaiveDate) -> Vec<Problem> {
        let kind = self.kind.as_str();
        let stray = self.stray().map(|name| Problem::invalid(format!("{name} is nothing that {kind} has")).field(name));
        let is_draft = self.state == KycState::Draft;
        let lacking = self.lacking().filter(|_| !is_draft);
        let lacking = lacking.map(|name| Problem::invalid(format!("{name} must be given of {kind}")).field(name));
        let is_rejected = self.state == KycState::Rejected;
        let unexplained = match (is_rejected, self.rejection_code) {
            (true, None) => Some("why it is rejected must be given"),
            (true, Some(Rejection::Other)) if self.rejection_text.is_none() => {
                Some("a rejection for another reason must say it")
            }
            (false, Some(_)) => Some("only what is rejected has a reason for that"),
            _ => None,
        };
        let unexplained = unexplained.map(|why| Problem::invalid(why).field("rejection_code"));
        let percent = 0..=100 * Decimal::ONE;
        let beyond = self.name_match_score.is_some_and(|score| !percent.contains(&score.0.0));
        let beyond = beyond.then(|| Problem::invalid("name_match_score goes from 0 to 100").field("name_match_score"));
        [stray, lacking, self.unproven(), unexplained, beyond].into_iter().flatten().collect()
    }
}
