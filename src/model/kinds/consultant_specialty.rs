//! Who knows about what: a link of a user to a specialty.

use super::specialty::Specialty;
use super::user::User;
use crate::model::resource::Check;
use crate::model::values::scalar::Ref;
use crate::resource;

resource! {
    /// A specialty that a consultant has
    pub struct ConsultantSpecialty "consultant-specialty" in "consultant_specialties" keys(&[&["specialty", "user"]]) path(&["user"], &["user"])
        verbs(Link("assign", "unassign")) called("consultant specialty", "consultant specialties")
        examples("ECON:asha@sahyadri.example", &[], "--specialty ECON --user asha@sahyadri.example")
    {
        /// Specialty
        specialty_id: Ref<Specialty>,
        /// User who has it
        user_id: Ref<User> [Within, Subject],
    }
}

impl Check for ConsultantSpecialty {}
