//! Specialties: what a consultant knows about.

use crate::model::code_generator::CodeGenerator;
use crate::model::resource::Check;
use crate::model::values::scalar::{Code, Line, Note};
use crate::resource;

resource! {
    /// A field that a consultant knows about
    pub struct Specialty "specialty" in "specialties" keys(&[&["code"]]) subject(Nobody("a field of knowledge"))
        examples("ECON", &["economic", "fin"], "--code ECON --name Economic")
    {
        /// Short code, unique in the organisation
        code: Code<16> [Search, OnRequest(CodeGenerator::Numbered("SPEC-"))],
        /// Name
        name: Line<200> [Search],
        /// What belongs to it
        description: Option<Note<10_000>> [Hidden],
        /// Whether it is in use; changed by `specialty activate` and `specialty deactivate`
        is_active: bool [Managed, Default("yes"), Hidden],
    }
}

impl Check for Specialty {}
