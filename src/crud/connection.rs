//! The database that a command works on: where it is, how it is opened, and the one connection to it.

use std::sync::Arc;

use anyhow::Result;

use crate::model::values::scalar::ParseContext;
use crate::model::values::zone::Zone;
use crate::store::as_of::AsOf;
use crate::store::engine::db::Db;
use crate::store::engine::location::{Location, Opening};
use crate::store::engine::opening::Telling;

pub struct Connection {
    pub location: Location,
    /// Where it is recorded what comes of a command that works elsewhere meanwhile.
    pub home: Option<Location>,
    pub opening: Opening,
    /// What is read instead of the present.
    pub past: Option<AsOf>,
    /// Whether the database was asked for at all.
    pub has_looked: bool,
    /// What parsing depends on: see [`super::invocation::Invocation::use_context_of`].
    pub parsing: ParseContext,
    /// The organisation whose rules they are; none: nothing was looked up.
    pub(super) rules_of: Option<i32>,
    /// Whether it was said that the database is partial.
    pub(super) has_told_of_part: bool,
    pub(super) db: Option<Db>,
}

impl Connection {
    pub fn new(location: Location, opening: Opening, zone: Zone) -> Connection {
        Connection {
            location,
            opening,
            home: None,
            past: None,
            has_looked: false,
            parsing: ParseContext { zone, ..ParseContext::default() },
            rules_of: None,
            has_told_of_part: false,
            db: None,
        }
    }

    /// A connection of its own.
    pub async fn open(&self) -> Result<Db> {
        Ok(Db::open(&self.location, &self.opening).await?)
    }

    /// Tells no more than this from here on; none: everything.
    pub fn tell(&mut self, reader: Option<Arc<dyn Telling>>) {
        if let Some(db) = &mut self.db {
            db.tell(reader.clone());
        }
        self.opening.reader = reader;
    }

    /// Takes it out, for work that needs the rest of the session beside it; [`Connection::put`] gives it back.
    pub fn take(&mut self) -> Option<Db> {
        self.db.take()
    }

    pub fn put(&mut self, db: Db) {
        self.db = Some(db);
    }

    /// Closes it in order.
    pub async fn close(&mut self) {
        if let Some(db) = self.db.take() {
            db.close().await;
        }
    }

    /// Goes back to where what comes of the command is recorded, however it ended: a signal may have ended it elsewhere.
    pub async fn go_home(&mut self) {
        if let Some(home) = self.home.take() {
            self.close().await;
            self.location = home;
        }
    }
}
