//! What is known of a database that holds a part of a backup alone.

use uuid::Uuid;

use super::problem::Problem;

/// What is in a partial database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    pub backup: Uuid,
    /// A trusted key had signed it.
    pub is_signed: bool,
    pub tables: Vec<String>,
}

impl Partial {
    pub fn has(&self, table: &str) -> bool {
        self.tables.iter().any(|t| t == table)
    }

    /// `the backup 1a2b3c4d, of which it holds orgs, users`
    pub fn describe(&self) -> String {
        let unsigned = if self.is_signed { "" } else { "unsigned " };
        format!("the {unsigned}backup {}, of which it holds {}", self.short(), self.tables.join(", "))
    }

    /// The last digits of the backup's id, as it is named everywhere.
    pub fn short(&self) -> String {
        let text = self.backup.simple().to_string();
        text[text.len() - 8..].to_owned()
    }

    /// That a table is not among them.
    pub fn left_out(&self, at: &str, table: &str) -> Problem {
        Problem::failed(format!(
            "the database {at} is partial, and the table {table} was left out: it was made of {}",
            self.describe()
        ))
        .hint(format!(
            "'orgctl backup restore {} --only {table} --into URL' brings it back, into another place",
            self.short()
        ))
    }

    /// A problem with this database, and where the rest is.
    pub fn problem(&self, sentence: String) -> Problem {
        Problem::failed(sentence).hint(format!(
            "'orgctl backup restore {} --into URL' brings everything back, into another place",
            self.short()
        ))
    }
}
