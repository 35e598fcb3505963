//! One command at work: what it is run with, of which nothing changes; its database, opened on first use; and what comes of it.
//! What needs less takes less: what only speaks a [`Context`].

use std::borrow::Cow;
use std::pin::Pin;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::connection::Connection;
use super::context::{Access, Context};
use super::outcome::{CommandTarget, Outcome};
use super::partial;
use crate::model::kinds::Kinds;
use crate::model::kinds::system_log::{Level, SystemLog};
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::{Field, Record};
use crate::model::setting::{Setting, SettingValue};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::ValueType;
use crate::store::engine::db::Db;
use crate::store::engine::location::Location;
use crate::store::engine::sqlite;
use crate::store::records::settings;
use crate::store::schema::migrate::{self, SchemaState};
use crate::store::tx::Origin;

/// What a command does with a session.
pub type Doing<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

pub struct Invocation<'a> {
    pub context: &'a Context<'a>,
    pub connection: Connection,
    pub outcome: Outcome,
}

impl<'a> Invocation<'a> {
    pub fn new(context: &'a Context<'a>, connection: Connection) -> Invocation<'a> {
        Invocation { context, connection, outcome: Outcome::default() }
    }

    /// What the command needs a right to.
    pub fn access(&self) -> &Access {
        self.outcome.access.as_ref().unwrap_or(&self.context.access)
    }

    /// Who acts, from where, as it is recorded.
    pub fn origin(&self) -> Origin {
        let mut origin = self.context.origin.clone();
        origin.clock_is_sure = self.outcome.clock_is_sure;
        origin.operator.owns_database = self.connection.location.is_owned_by(origin.operator.uid);
        if let Some(command) = &self.outcome.command {
            origin.command.clone_from(command);
        }
        origin
    }

    /// The database, its schema looked at once.
    pub async fn db(&mut self) -> Result<&mut Db> {
        self.connection.has_looked = true;
        if self.connection.db.is_none() {
            let mut db = self.connection.open().await?;
            migrate::require_readable(&mut db).await?;
            self.make_private();
            if let Some(partial) = &db.partial {
                let at = self.connection.location.shown();
                partial::allow(partial, self.kinds(), &self.context.verb, self.access(), &at)?;
                if !self.connection.has_told_of_part && !self.access().permission.starts_with("database:") {
                    self.connection.has_told_of_part = true;
                    self.context
                        .ui
                        .status(&format!("note: the database is partial: it was made of {}", partial.describe()));
                }
            }
            self.connection.put(db);
        }
        self.unchecked_db().await
    }

    /// An SQLite file is its owner's alone.
    fn make_private(&mut self) {
        let Location::Sqlite(path) = &self.connection.location else { return };
        match sqlite::make_private(path) {
            Some(Ok(done)) => self.context.ui.status(&format!("note: {done}")),
            Some(Err(why)) => self.context.ui.warn(&why),
            None => {}
        }
    }

    /// The database, whatever is in it: for `init` and the `db` verbs.
    pub async fn unchecked_db(&mut self) -> Result<&mut Db> {
        self.connection.has_looked = true;
        match self.connection.db {
            Some(ref mut db) => Ok(db),
            None => {
                let mut db = self.connection.open().await?;
                if matches!(
                    migrate::state(&mut db).await,
                    Ok(SchemaState::At(_) | SchemaState::Partial(_) | SchemaState::Empty)
                ) {
                    self.make_private();
                }
                Ok(self.connection.db.insert(db))
            }
        }
    }

    /// Notes a record that the command is about.
    pub fn is_about(&mut self, record: &Record) {
        self.outcome.targets.push(CommandTarget::of(record));
    }

    /// Has something said in the system log when the command has ended.
    pub fn log(&mut self, level: Level, message: &str, context: Map<String, Json>) {
        self.outcome.log.push((self.outcome.about, SystemLog::new(level, &self.context.verb, message, context)));
    }

    /// What went wrong is of interest to who runs the machine where it is no mistake of who gave the command; and where the
    /// command was about this database, which a file that is checked by itself is not.
    pub fn log_problem(&mut self, problem: &Problem) {
        if !self.connection.has_looked {
            return;
        }
        let level = match problem.kind {
            ErrorKind::Failed => Level::Error,
            ErrorKind::Integrity => Level::Critical,
            _ => return,
        };
        let context = Map::from_iter([("exit_code".to_owned(), problem.kind.exit_code().into())]);
        self.log(level, &problem.sentence, context);
    }

    /// The time of the question: now, or the time that is asked about.
    pub fn asked_at(&self) -> DateTime<Utc> {
        self.connection.past.as_ref().map_or_else(|| self.context.clock.now(), |past| past.at)
    }

    /// The kinds of record that there are.
    pub fn kinds(&self) -> Kinds {
        self.context.kinds
    }

    /// Makes `rules` those of an organisation: needed before a value is parsed whose type asks for them.
    pub async fn use_context_of(&mut self, org: i32) -> Result<()> {
        if self.connection.rules_of != Some(org) {
            let zone = self.context.origin.zone;
            self.connection.parsing = ParseContext { zone, ..settings::parse_context(self.db().await?, org).await? };
            self.connection.rules_of = Some(org);
        }
        Ok(())
    }

    /// What the parsing of a value for a field depends on, now that somebody gives it: of a time, what time it is.
    pub fn context_for(&self, field: &Field) -> Cow<'_, ParseContext> {
        match field.ty.kind == ValueType::Time {
            true => Cow::Owned(ParseContext { now: Some(self.context.clock.now()), ..self.connection.parsing.clone() }),
            false => Cow::Borrowed(&self.connection.parsing),
        }
    }

    /// One setting as it holds in an organisation.
    pub async fn setting<T: SettingValue>(&mut self, org: i32, setting: Setting<T>) -> Result<T> {
        Ok(settings::get(self.db().await?, org, setting).await?)
    }
}
