//! What the decision of `access` goes by: permissions, roles with what they give, and what is known of somebody. Read by `store`,
//! decided about by `access`.

pub mod bounds;
pub mod concerns;
pub mod facts;
pub mod permission;
pub mod refusal;
pub mod roles;
