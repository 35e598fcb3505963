//! A link with attributes: who is told of a ticket.

use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Migration};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Line, Ref};
use orgctl::resource;

use super::super::Ticket;

resource! {
    /// Somebody who is told of a ticket
    pub struct Watcher "watcher" in "watchers" keys(&[&["ticket", "user"]]) verbs(Link("watch", "unwatch"))
        examples("T-1:ASHA22", &[], "--ticket T-1 --user ASHA22")
    {
        /// Ticket
        ticket_id: Ref<Ticket> [Within],
        /// User who is told of it
        user_id: Ref<User> [Within, Subject],
        /// Why
        reason: Option<Line<200>>,
    }
}

impl Check for Watcher {}

const TABLE: &[Migration] = &[table!(
    "watchers",
    sqlite: "ticket_id BLOB NOT NULL CHECK (length(ticket_id) = 16), user_id BLOB NOT NULL CHECK (length(user_id) = 16),
             reason TEXT CHECK (reason <> '' AND length(reason) <= 200)",
    postgres: "ticket_id UUID NOT NULL, user_id UUID NOT NULL,
               reason TEXT COLLATE \"C\" CHECK (reason <> '' AND length(reason) <= 200)",
    references: "FOREIGN KEY (org_id, ticket_id) REFERENCES tickets (org_id, id) DEFERRABLE INITIALLY DEFERRED,
                 FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED",
    keys: ["watchers_key" on "ticket_id, user_id" / "ticket_id, user_id"]
)];

pub const WATCHER: Kind = Kind { desc: Watcher::DESCRIPTOR, migrations: TABLE, catalogue: "" };
