//! Branches: the places of an organisation, in a tree.

use chrono::NaiveDate;

use crate::resource;

use super::user::User;
use crate::model::code_generator::CodeGenerator;
use crate::model::problem::Problem;
use crate::model::resource::{Check, ROW_HEADERS};
use crate::model::values::scalar::{Code, Email, Line, Phone, Pincode, Ref, check_pincode};

resource! {
    /// A place where the organisation works
    pub struct Branch "branch" in "branches" aka("school") keys(&[&["code"]]) path(&["id"], &[]) subject(Nobody("a place of work")) rules(&[Tree("parent_id")])
        unfilled(&[ROW_HEADERS])
        examples("MUM01", &["fort", "pune road"], "--code MUM09 --name Fort --city Mumbai --parent R-MAH-W")
     {
        /// Short code, unique in the organisation
        code: Code<16> [Search, OnRequest(CodeGenerator::Numbered("BR-"))],
        /// Name
        name: Line<200> [Search],
        /// Street address
        address_line1: Option<Line<200>> [Hidden, Alias(&["address"])],
        /// Street address, second line
        address_line2: Option<Line<200>> [Hidden],
        /// Street address, third line
        address_line3: Option<Line<200>> [Hidden],
        /// City or town
        city: Option<Line<200>> [Search],
        /// State or province
        state: Option<Line<200>>,
        /// Country; India where none is given, as far as the postal code is concerned
        country: Option<Line<200>> [Hidden],
        /// Postal code
        pincode: Option<Pincode>,
        /// Phone number
        phone: Option<Phone> [Search],
        /// E-mail address
        email: Option<Email> [Hidden, Search],
        /// User who leads it
        manager_id: Option<Ref<User>> [Duty, Hidden, Alias(&["manager_user_code"])],
        /// Name of the manager, where the manager has no account
        manager_name: Option<Line<200>> [Hidden],
        /// Branch that this one belongs to
        parent_id: Option<Ref<Branch>> [Alias(&["referred_by", "parent_code"])],
        /// Whether it is in use; changed by `branch activate` and `branch deactivate`
        is_active: bool [Managed, Default("yes"), Hidden],
    }
}

impl Check for Branch {
    fn check(&self, _: NaiveDate) -> Vec<Problem> {
        let country = self.country.as_ref().map(Line::as_str);
        self.pincode.iter().filter_map(|p| check_pincode(p.as_str(), country).err()).collect()
    }
}
