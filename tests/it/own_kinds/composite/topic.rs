//! A child that is named by words: no two topics of a ticket are called the same.

use orgctl::model::kinds::{Kind, Migration};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Line, Ref};
use orgctl::resource;

use super::super::Ticket;

resource! {
    /// What a ticket is about
    pub struct Topic "topic" in "topics" keys(&[&["ticket", "title"]]) subject(Nobody("words"))
        examples("T-1:Roof", &[], "--ticket T-1 --title Roof")
    {
        /// Ticket that it is of
        ticket_id: Ref<Ticket> [Within],
        /// What it is called
        title: Line<50>,
        /// How much it matters
        weight: Option<Line<50>>,
    }
}

impl Check for Topic {}

const TABLE: &[Migration] = &[table!(
    "topics",
    sqlite: "ticket_id BLOB NOT NULL CHECK (length(ticket_id) = 16),
             title TEXT NOT NULL CHECK (title <> '' AND length(title) <= 50), title_folded TEXT NOT NULL,
             weight TEXT CHECK (weight <> '' AND length(weight) <= 50)",
    postgres: "ticket_id UUID NOT NULL, title TEXT COLLATE \"C\" NOT NULL CHECK (title <> '' AND length(title) <= 50),
               title_folded TEXT COLLATE \"C\" NOT NULL, weight TEXT COLLATE \"C\" CHECK (weight <> '' AND length(weight) <= 50)",
    references: "FOREIGN KEY (org_id, ticket_id) REFERENCES tickets (org_id, id) DEFERRABLE INITIALLY DEFERRED",
    keys: ["topics_key" on "ticket_id, title_folded" / "ticket_id, title_folded"]
)];

pub const TOPIC: Kind =
    Kind { desc: Topic::DESCRIPTOR, migrations: TABLE, catalogue: include_str!("postgres-schema.txt") };
