//! Audit records as events of the Open Cybersecurity Schema Framework, version 1.8.0, category Identity & Access
//! Management (schema.ocsf.io/1.8.0). docs/audit-format.md holds the mapping.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use crate::model::kinds::user::User;
use crate::model::values::scalar::Noun as _;
use crate::model::values::value::rfc3339;

/// The version that events are written in.
pub const VERSION: &str = "1.8.0";

const CATEGORY: u32 = 3;
const OTHER: u32 = 99;

/// What an event is made of.
pub struct Event<'a> {
    /// Names the trail, as in checkpoints.
    pub origin: &'a str,
    pub org: &'a str,
    pub seq: i64,
    /// No later than a correction of the clock behind it.
    pub at: DateTime<Utc>,
    /// What the clock said.
    pub recorded_at: DateTime<Utc>,
    pub action: &'a str,
    pub effect: &'a str,
    pub kind: &'a str,
    pub resource_id: String,
    /// Whose data the record holds.
    pub subject_id: Option<String>,
    pub key: Option<&'a str>,
    pub status: &'a str,
    pub source: &'a str,
    pub request_id: String,
    pub actor: &'a str,
    pub payload: &'a Json,
    pub request: &'a Json,
}

const ENTITY: (u32, &str) = (3004, "Entity Management");

/// Class (uid and name) and activity (id and name).
fn class(kind: &str, action: &str) -> ((u32, &'static str), (u32, &'static str)) {
    const ACCOUNT: (u32, &str) = (3001, "Account Change");
    const AUTHENTICATION: (u32, &str) = (3002, "Authentication");
    if kind == User::NOUN {
        match action {
            "create" => return (ACCOUNT, (1, "Create")),
            "activate" => return (ACCOUNT, (2, "Enable")),
            "password_change" => return (ACCOUNT, (3, "Password Change")),
            "deactivate" => return (ACCOUNT, (5, "Disable")),
            "delete" | "purge" => return (ACCOUNT, (6, "Delete")),
            "access_grant" => return (ACCOUNT, (7, "Attach Policy")),
            "access_revoke" => return (ACCOUNT, (8, "Detach Policy")),
            "user_block" => return (ACCOUNT, (9, "Lock")),
            "user_unblock" | "unlock" => return (ACCOUNT, (12, "Unlock")),
            "login" => return (AUTHENTICATION, (1, "Logon")),
            "logout" => return (AUTHENTICATION, (2, "Logoff")),
            _ => {}
        }
    }
    let activity = match action {
        "create" => (1, "Create"),
        "read" | "reveal" | "export" => (2, "Read"),
        "update" | "config_change" | "merge" | "revert" | "restore" | "role_change" => (3, "Update"),
        "delete" | "purge" | "erase" => (4, "Delete"),
        "move" => (5, "Move"),
        "activate" => (8, "Enable"),
        "deactivate" => (9, "Disable"),
        "suspend" => (12, "Suspend"),
        _ => (OTHER, "Other"),
    };
    (ENTITY, activity)
}

/// Status and severity (id and name): what was tried and refused is of low severity, what was not allowed of medium.
fn outcome(status: &str) -> ((u32, &'static str), (u32, &'static str)) {
    const INFORMATIONAL: (u32, &str) = (1, "Informational");
    const FAILURE: (u32, &str) = (2, "Failure");
    match status {
        "success" => ((1, "Success"), INFORMATIONAL),
        "denied" => (FAILURE, (3, "Medium")),
        "failed" | "interrupted" => (FAILURE, (2, "Low")),
        _ => ((0, "Unknown"), INFORMATIONAL),
    }
}

impl Event<'_> {
    pub fn to_json(&self) -> Json {
        let ((class_uid, class_name), (activity_id, activity_name)) = class(self.kind, self.action);
        let ((status_id, status), (severity_id, severity)) = outcome(self.status);
        let name = self.key.unwrap_or_default();
        let activity_name = if activity_id == OTHER { self.action } else { activity_name };
        let mut event = json!({
            "activity_id": activity_id,
            "activity_name": activity_name,
            "category_uid": CATEGORY,
            "category_name": "Identity & Access Management",
            "class_uid": class_uid,
            "class_name": class_name,
            "type_uid": class_uid * 100 + activity_id,
            "type_name": format!("{class_name}: {activity_name}"),
            "time": self.at.timestamp_millis(),
            "severity_id": severity_id,
            "severity": severity,
            "status_id": status_id,
            "status": status,
            "status_code": self.status,
            "message": format!("{} {} {name}", self.action, self.kind).trim_end(),
            "metadata": {
                "version": VERSION,
                "product": { "name": "orgctl", "vendor_name": "orgctl", "version": env!("CARGO_PKG_VERSION") },
                "uid": format!("{}:{}", self.origin, self.seq),
                "correlation_uid": self.request_id,
                "event_code": self.action,
                "log_name": self.origin,
                "original_time": rfc3339(self.recorded_at),
                "tenant_uid": self.org,
            },
            "actor": {
                "user": { "name": self.actor, "uid": self.request["actor"]["key"] },
                "app_name": self.source,
            },
            "unmapped": {
                "seq": self.seq.to_string(),
                "effect": self.effect,
                "subject_id": self.subject_id,
                "payload": self.payload,
                "command": self.request["command"],
                "host": self.request["host"],
            },
        });
        if let Some(error) = self.request["error"].as_str() {
            event["status_detail"] = error.into();
        }
        if class_uid == ENTITY.0 {
            event["entity"] = self.entity(name);
            if let Some(comment) = self.payload["comment"].as_str() {
                event["comment"] = comment.into();
            }
        } else {
            event["user"] = json!({ "name": name, "uid": self.resource_id });
        }
        event
    }

    /// What it is about, where that is no account.
    fn entity(&self, name: &str) -> Json {
        let (type_id, kind) = match self.kind {
            "user" => (2, "User"),
            "org" => (4, "Organization"),
            _ => (OTHER, self.kind),
        };
        let mut entity = json!({ "name": name, "type": kind, "type_id": type_id, "uid": self.resource_id });
        if type_id == 2 {
            entity["user"] = json!({ "name": name, "uid": self.resource_id });
        }
        if type_id == 4 {
            entity["org"] = json!({ "name": name, "uid": self.resource_id });
        }
        entity
    }
}
