//! Values and the types that parse them: text, numbers, dates, references.

pub mod dates;
pub mod fold;
pub mod scalar;
pub mod value;
pub mod zone;
