//! Values and the types that parse them: text, numbers, dates, references.

pub mod dates;
pub mod fold;
pub mod permission;
pub mod permission_list;
pub mod scalar;
pub mod set;
pub mod unseen;
pub mod value;
pub mod zone;
