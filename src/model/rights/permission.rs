//! Permissions as they are asked for: a resource and an action, both open words.

use std::borrow::Cow;
use std::fmt;

use crate::model::problem::Problem;
use crate::model::values::permission::PermissionWord;
use crate::model::values::scalar::{ParseContext, Scalar as _, truncate};

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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// Reads what somebody typed: in any letters, with blanks around the words.
    pub fn typed(text: &str) -> Result<Permission, Problem> {
        let wrong = |why: &str| {
            Problem::usage(format!("'{}' names no permission: {why}", truncate(text))).hint(
                "write RESOURCE:ACTION: users:update; 'orgctl permission list --org SYSTEM' shows those that are known",
            )
        };
        let word = |text: &str| {
            let kept = (PermissionWord::TYPE.parse)(text, &ParseContext::default()).map_err(|why| wrong(&why))?;
            Ok(Cow::Owned(kept.to_text()))
        };
        let (resource, action) = text.split_once(':').ok_or_else(|| wrong("it has no ':' between two words"))?;
        Ok(Permission { resource: word(resource)?, action: word(action)? })
    }

    /// Whether it is about the installation, of which no organisation has a part: its backups, its keys, the database itself, the
    /// key that signs the trails, and what takes out of them or dates them. Only who is allowed it in SYSTEM may do it.
    pub fn is_of_the_installation(&self) -> bool {
        matches!(
            (self.resource(), self.action()),
            ("backups" | "database" | "keys", _)
                | ("audit", "archive" | "checkpoint" | "correct" | "erase" | "keygen")
                | ("orgs", "create" | "delete" | "import" | "purge" | "restore")
        )
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
