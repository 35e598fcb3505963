//! A child: what is said of a ticket, numbered within it.

use orgctl::model::code_generator::CodeGenerator;
use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Migration};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Count, Line, Ref};
use orgctl::resource;

use super::super::Ticket;

resource! {
    /// Something that was said of a ticket
    pub struct Comment "comment" in "comments" keys(&[&["ticket", "number"]]) subject(Nobody("what is said of a ticket"))
        examples("T-1:7", &[], "--ticket T-1 --number 7 --body Late")
    {
        /// Ticket that it is about
        ticket_id: Ref<Ticket> [Within],
        /// Number, unique in the ticket; counted where none is given
        number: Count [Generated(CodeGenerator::Counted("ticket_id"))],
        /// User who said it
        author_id: Option<Ref<User>> [Keep],
        /// Comment that it answers
        reply_to_id: Option<Ref<Comment>>,
        /// What was said
        body: Line<200>,
        /// Whether those who asked don't see it
        is_internal: bool [Default("no")],
    }
}

impl Check for Comment {}

const TABLE: &[Migration] = &[table!(
    "comments",
    sqlite: "ticket_id BLOB NOT NULL CHECK (length(ticket_id) = 16),
             number INTEGER NOT NULL CHECK (number BETWEEN 0 AND 2147483647),
             author_id BLOB CHECK (length(author_id) = 16),
             reply_to_id BLOB CHECK (length(reply_to_id) = 16),
             body TEXT NOT NULL CHECK (body <> '' AND length(body) <= 200), is_internal INTEGER NOT NULL",
    postgres: "ticket_id UUID NOT NULL, number INTEGER NOT NULL CHECK (number >= 0), author_id UUID, reply_to_id UUID,
               body TEXT COLLATE \"C\" NOT NULL CHECK (body <> '' AND length(body) <= 200), is_internal BOOLEAN NOT NULL",
    references: "FOREIGN KEY (org_id, ticket_id) REFERENCES tickets (org_id, id) DEFERRABLE INITIALLY DEFERRED,
                 FOREIGN KEY (org_id, reply_to_id) REFERENCES comments (org_id, id) DEFERRABLE INITIALLY DEFERRED",
    keys: ["comments_key" on "ticket_id, number" / "ticket_id, number"]
)];

pub const COMMENT: Kind =
    Kind { desc: Comment::DESCRIPTOR, migrations: TABLE, catalogue: include_str!("postgres-schema.txt") };
