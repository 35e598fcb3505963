//! What people agreed to: that their papers are looked at, by which notice, how and when.

use super::user::User;
use crate::model::code_generator::CodeGenerator;
use crate::model::problem::Problem;
use crate::model::resource::Check;
use crate::model::resource::status::{Test, Word};
use crate::model::values::scalar::{Code, Count, Language, Line, Moment, Ref};
use crate::model::values::set::Set;
use crate::{choice, resource};

choice! {
    /// Where somebody agreed
    pub enum ConsentChannel {
        InPerson = "in_person" | "branch",
        Paper = "paper",
        Web = "web",
        MobileApp = "mobile_app" | "app",
        Email = "email" | "e_mail",
        Sms = "sms",
        Phone = "phone",
    }
}

resource! {
    /// What somebody agreed to
    pub struct Consent "consent" in "consents" keys(&[&["user", "serial"]]) path(&["user"], &["user"])
        called("consent", "consents") verbs(ReadOnly) status(STATUS)
        examples("asha@sahyadri.example:1", &[], "")
    {
        /// Whose it is: a part of what is known of that person
        user_id: Ref<User> [Within, Subject],
        /// Number among the consents of the person, counted
        serial: Count [Generated(CodeGenerator::Counted("user_id")), Hidden],
        /// Notice that the person was given
        notice: Code<50>,
        /// SHA-256 of the notice's text
        notice_sha256: Line<64> [Hidden],
        /// What it was given for
        purposes: Set<Line<50>>,
        /// Language in which it was asked for
        language: Language,
        /// Where it was given
        channel: ConsentChannel,
        /// When it was given
        given_at: Moment,
        /// User who wrote it down; nobody, where the local operator did
        recorded_by_id: Option<Ref<User>> [Keep, FromActor, Hidden],
        /// When the person took it back; set by `consent withdraw`
        withdrawn_at: Option<Moment> [Managed, Hidden],
    }
}

const STATUS: &[Word] = &[Word::of("withdrawn", &[Test::Given("withdrawn_at")]).out(), Word::otherwise("given")];

impl Check for Consent {
    fn check(&self, _: chrono::NaiveDate) -> Vec<Problem> {
        let hash = self.notice_sha256.as_str();
        let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let wrong = (!is_hash).then(|| Problem::invalid("notice_sha256 must be a SHA-256 in 64 hexadecimal digits"));
        let early = self.withdrawn_at.is_some_and(|at| at.0 < self.given_at.0);
        let early = early.then(|| Problem::invalid("withdrawn_at must not be before given_at").field("withdrawn_at"));
        wrong.map(|p| p.field("notice_sha256")).into_iter().chain(early).collect()
    }
}
