//! Permissions as they are asked for: a resource and an action, both open words.

use std::borrow::Cow;
use std::fmt;

use crate::model::values::permission::PermissionWord;
use crate::model::values::scalar::{ParseContext, Scalar as _};

/// What an action does to records; access levels go by it (DOMAIN.md, "The decision", c).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionClass {
    Read,
    Create,
    Update,
    Delete,
    /// Everything else, open words included.
    Other,
}

/// What a verb asks for: `branches:update`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    resource: Cow<'static, str>,
    action: Cow<'static, str>,
}

impl Permission {
    /// Reads `branches:update`; nothing where it is not two words.
    pub fn parse(text: &str) -> Option<Permission> {
        let word = |text: &str| {
            let kept = (PermissionWord::TYPE.parse)(text, &ParseContext::default()).ok()?;
            kept.as_text().filter(|kept| *kept == text).map(|kept| Cow::Owned(kept.to_owned()))
        };
        let (resource, action) = text.split_once(':')?;
        Some(Permission { resource: word(resource)?, action: word(action)? })
    }

    pub fn resource(&self) -> &str {
        &self.resource
    }

    pub fn action(&self) -> &str {
        &self.action
    }

    pub fn class(&self) -> ActionClass {
        match self.action() {
            "read" => ActionClass::Read,
            "create" => ActionClass::Create,
            "update" => ActionClass::Update,
            "delete" => ActionClass::Delete,
            _ => ActionClass::Other,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_are_a_permission() {
        let read = Permission::parse("kyc:keep_verified").expect("two words");
        assert_eq!((read.resource(), read.action(), read.class()), ("kyc", "keep_verified", ActionClass::Other));
        assert_eq!(read.to_string(), "kyc:keep_verified");
        for (action, class) in [
            ("read", ActionClass::Read),
            ("create", ActionClass::Create),
            ("update", ActionClass::Update),
            ("delete", ActionClass::Delete),
            ("export", ActionClass::Other),
        ] {
            assert_eq!(Permission::parse(&format!("users:{action}")).map(|p| p.class()), Some(class));
        }
        for text in ["", "users", "users:", ":read", "users:read:all", "*:read", "users:*", "Users:read", "users: read"]
        {
            assert_eq!(Permission::parse(text), None, "{text}");
        }
    }
}
