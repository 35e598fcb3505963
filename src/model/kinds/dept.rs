//! Departments: who works together, in one branch or in the whole organisation.

use chrono::NaiveDate;

use crate::resource;

use super::branch::Branch;
use super::user::User;
use crate::model::code_generator::CodeGenerator;
use crate::model::problem::Problem;
use crate::model::resource::{Check, ROW_HEADERS};
use crate::model::values::scalar::{Code, Line, Money, Note, Ref};
use crate::model::values::value::Decimal;

resource! {
    /// A department, of one branch or of the whole organisation
    pub struct Dept "dept" in "departments" aka("department") keys(&[&["code"], &["name"]]) path(&["branch"], &["id"]) subject(Nobody("a part of the organisation"))
        called("department", "departments")
        unfilled(&[ROW_HEADERS])
        examples("DEPT-001", &["finance", "human res"], "--name Finance --branch MUM01 --budget 1250000.50")
     {
        /// Short code, unique in the organisation; made where none is given
        code: Code<32> [Search, Generated(CodeGenerator::Numbered("DEPT-"))],
        /// Name, unique in the organisation
        name: Line<200> [Search],
        /// What it does
        description: Option<Note<10_000>> [Hidden],
        /// Branch that it is at; none where it is of the whole organisation
        branch_id: Option<Ref<Branch>> [Alias(&["branch_code"])],
        /// User who leads it
        manager_id: Option<Ref<User>> [Duty, Alias(&["manager_user_code"])],
        /// Cost centre that it is charged to
        cost_center: Option<Line<50>> [Alias(&["cost_centre"])],
        /// Budget of a year
        budget: Option<Money>,
        /// Whether it is in use; changed by `dept activate` and `dept deactivate`
        is_active: bool [Managed, Default("yes"), Hidden],
    }
}

impl Check for Dept {
    fn check(&self, _: NaiveDate) -> Vec<Problem> {
        match self.budget {
            Some(Money(Decimal(..0))) => {
                vec![Problem::invalid("budget must not be less than nothing").field("budget")]
            }
            _ => Vec::new(),
        }
    }
}
