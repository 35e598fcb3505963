//! One command's surroundings: terminal, environment, time, chance, and the database, opened on first use.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::input::GoneRecord;
use super::prompt;
use super::stored::Tape;
use crate::access::Subject;
use crate::model::clock::Clock;
use crate::model::kinds::Kinds;
use crate::model::kinds::org::{Org, SYSTEM};
use crate::model::kinds::system_log::{Level, SystemLog};
use crate::model::problem::{ErrorKind, Problem};
use crate::model::random::{Ids, Random};
use crate::model::resource::{Descriptor, Field, Record, Resource as _};
use crate::model::setting::{Setting, SettingValue};
use crate::model::values::scalar::{ParseContext, truncate};
use crate::model::values::value::ValueType;
use crate::store::as_of::AsOf;
use crate::store::engine::db::Db;
use crate::store::engine::location::{Location, Opening};
use crate::store::engine::sqlite;
use crate::store::records::settings;
use crate::store::records::{self, Deleted};
use crate::store::schema::migrate::{self, SchemaState};
use crate::store::trail;
use crate::store::tx::Origin;
use crate::ui::Ui;

/// What a leaf of the command tree declares about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `branches:update`
    pub permission: String,
    /// The word under which its refusal is recorded: that of its success, wherever it has one.
    pub recorded: &'static str,
    /// Whether it changes the database: then a refusal of it is recorded.
    pub writes: bool,
}

impl Access {
    /// The resource word of the permission.
    pub fn resource(&self) -> &str {
        self.permission.split_once(':').map_or("", |(resource, _)| resource)
    }
}

/// A record that a command is to change or to tell of: a refusal names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTarget {
    pub noun: &'static str,
    pub org: i32,
    pub id: uuid::Uuid,
    pub key: Option<String>,
}

/// What a command does with a session.
pub type Doing<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// The environment variables, handed in.
pub type Env = BTreeMap<String, String>;

/// A folder of the XDG base directory specification; relative paths in the variables are to be ignored.
pub fn xdg(env: &Env, variable: &str, fallback: &str) -> Option<PathBuf> {
    let absolute = |v: &String| Some(PathBuf::from(v)).filter(|p| p.is_absolute());
    env.get(variable).and_then(absolute).or_else(|| env.get("HOME").and_then(absolute).map(|home| home.join(fallback)))
}

pub struct Session<'a> {
    pub ui: Ui,
    pub env: &'a Env,
    pub clock: &'a dyn Clock,
    pub random: &'a dyn Random,
    pub access: Access,
    pub subject: Subject,
    pub origin: Origin,
    /// What parsing depends on: see [`Session::use_context_of`].
    pub context: ParseContext,
    /// The organisation whose rules they are; none: nothing was looked up.
    rules_of: Option<i32>,
    pub location: Location,
    /// Where it is recorded what comes of a command that works elsewhere meanwhile.
    pub home: Option<Location>,
    pub opening: Opening,
    /// `--org`
    pub org_key: Option<String>,
    /// `--columns`
    pub columns: Option<Vec<String>>,
    pub dry_run: bool,
    /// `--force`
    pub force: bool,
    /// What the connection reads instead of the present.
    pub past: Option<AsOf>,
    /// The one key, of all that were given, that it is about now.
    pub only_key: Option<String>,
    /// Where commands are taken down as they come by.
    pub tape: Option<&'a Tape>,
    /// Keys that were dealt with one by one: what was done for them stays done.
    pub dealt_with: Rc<Cell<u64>>,
    /// The records that it turned out to be about.
    pub targets: Vec<CommandTarget>,
    /// The organisation that the command turned out to be about: refusals are recorded there.
    pub about: i32,
    /// Set from the commit on: a signal then waits for the end, for what is done can't be called undone.
    pub committing: Rc<Cell<bool>>,
    /// The command as it is called: `audit archive`.
    pub verb: String,
    /// What is to be said in the system log when the command has ended.
    pub log: Vec<(i32, SystemLog)>,
    /// What a refused command had to say besides its error, for its audit record.
    pub refused: serde_json::Map<String, serde_json::Value>,
    /// Whether it was said that the database is partial.
    pub(super) has_told_of_part: bool,
    /// Whether the database was asked for at all.
    has_looked: bool,
    db: Option<Db>,
    ids: Ids,
}

impl<'a> Session<'a> {
    #[expect(clippy::too_many_arguments, reason = "one call, from `cli`")]
    pub fn new(
        ui: Ui,
        env: &'a Env,
        clock: &'a dyn Clock,
        random: &'a dyn Random,
        access: Access,
        origin: Origin,
        location: Location,
        opening: Opening,
    ) -> Session<'a> {
        Session {
            ui,
            env,
            clock,
            random,
            access,
            subject: Subject::LocalOperator,
            context: ParseContext { zone: origin.zone, ..ParseContext::default() },
            origin,
            rules_of: None,
            location,
            home: None,
            opening,
            org_key: None,
            columns: None,
            dry_run: false,
            force: false,
            past: None,
            only_key: None,
            tape: None,
            dealt_with: Rc::default(),
            targets: Vec::new(),
            about: SYSTEM,
            verb: String::new(),
            log: Vec::new(),
            refused: serde_json::Map::new(),
            committing: Rc::default(),
            has_told_of_part: false,
            has_looked: false,
            db: None,
            ids: Ids::default(),
        }
    }

    /// The database, its schema looked at once.
    pub async fn db(&mut self) -> Result<&mut Db> {
        self.has_looked = true;
        if self.db.is_none() {
            let mut db = Db::open(&self.location, &self.opening).await?;
            migrate::require_readable(&mut db).await?;
            self.make_private();
            if let Some(partial) = &db.partial {
                super::partial::allow(self, partial)?;
            }
            self.db = Some(db);
        }
        self.unchecked_db().await
    }

    /// An SQLite file is its owner's alone.
    fn make_private(&mut self) {
        let Location::Sqlite(path) = &self.location else { return };
        match sqlite::make_private(path) {
            Some(Ok(done)) => self.ui.status(&format!("note: {done}")),
            Some(Err(why)) => self.ui.warn(&why),
            None => {}
        }
    }

    /// The database, whatever is in it: for `init` and the `db` verbs.
    pub async fn unchecked_db(&mut self) -> Result<&mut Db> {
        self.has_looked = true;
        match self.db {
            Some(ref mut db) => Ok(db),
            None => {
                let mut db = Db::open(&self.location, &self.opening).await?;
                if matches!(
                    migrate::state(&mut db).await,
                    Ok(SchemaState::At(_) | SchemaState::Partial(_) | SchemaState::Empty)
                ) {
                    self.make_private();
                }
                Ok(self.db.insert(db))
            }
        }
    }

    /// Goes back to where what comes of the command is recorded, however it ended: a signal may have ended it elsewhere.
    pub async fn go_home(&mut self) {
        if let Some(home) = self.home.take() {
            self.close().await;
            self.location = home;
        }
    }

    /// Takes the connection out, for work that needs the rest of the session beside it; `put_db` gives it back.
    pub fn take_db(&mut self) -> Option<Db> {
        self.db.take()
    }

    pub fn put_db(&mut self, db: Db) {
        self.db = Some(db);
    }

    /// Closes the connection in order.
    pub async fn close(&mut self) {
        if let Some(db) = self.db.take() {
            db.close().await;
        }
    }

    /// Notes a record that the command is about.
    pub fn is_about(&mut self, record: &Record) {
        let (noun, meta) = (record.desc.noun, &record.meta);
        self.notes_target(CommandTarget { noun, org: meta.org_id, id: meta.id, key: Some(record.key()) });
    }

    pub fn notes_target(&mut self, about: CommandTarget) {
        self.targets.push(about);
    }

    /// Has something said in the system log when the command has ended.
    pub fn log(&mut self, level: Level, message: &str, context: Map<String, Json>) {
        self.log.push((self.about, SystemLog::new(level, &self.verb, message, context)));
    }

    /// What went wrong is of interest to who runs the machine where it is no mistake of who gave the command; and where the
    /// command was about this database, which a file that is checked by itself is not.
    pub fn log_problem(&mut self, problem: &Problem) {
        if !self.has_looked {
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
        self.past.as_ref().map_or_else(|| self.clock.now(), |past| past.at)
    }

    /// The kinds of record that there are.
    pub fn kinds(&self) -> Kinds {
        self.opening.kinds
    }

    /// Makes `rules` those of an organisation: needed before a value is parsed whose type asks for them.
    pub async fn use_context_of(&mut self, org: i32) -> Result<()> {
        if self.rules_of != Some(org) {
            let zone = self.origin.zone;
            self.context = ParseContext { zone, ..settings::parse_context(self.db().await?, org).await? };
            self.rules_of = Some(org);
        }
        Ok(())
    }

    /// What the parsing of a value for a field depends on, now that somebody gives it: of a time, what time it is.
    pub fn context_for(&self, field: &Field) -> Cow<'_, ParseContext> {
        match field.ty.kind == ValueType::Time {
            true => Cow::Owned(ParseContext { now: Some(self.clock.now()), ..self.context.clone() }),
            false => Cow::Borrowed(&self.context),
        }
    }

    /// One setting as it holds in an organisation.
    pub async fn setting<T: SettingValue>(&mut self, org: i32, setting: Setting<T>) -> Result<T> {
        Ok(settings::get(self.db().await?, org, setting).await?)
    }

    pub fn new_id(&mut self) -> uuid::Uuid {
        self.ids.next(self.clock.now(), self.random)
    }

    /// The organisation that `--org` names, if it was given.
    pub async fn org(&mut self) -> Result<Option<i32>> {
        let Some(key) = self.org_key.clone() else { return Ok(None) };
        let context = self.context.clone();
        let org = match records::org_number(self.db().await?, &key, &context).await {
            Err(e) if self.verb.starts_with("audit ") => self.gone_org(&key).await?.ok_or(e)?,
            other => other?,
        };
        self.about = org;
        Ok(Some(org))
    }

    /// The organisation that records of a kind are looked for in: none for organisations themselves, SYSTEM for what belongs
    /// to the installation, else the one that `--org` names, if it was given.
    pub async fn org_of(&mut self, desc: &Descriptor) -> Result<Option<i32>> {
        match (desc.is_org(), desc.is_of_the_installation()) {
            (true, _) => Ok(None),
            (_, true) => {
                self.about = SYSTEM;
                Ok(Some(SYSTEM))
            }
            _ => self.org().await,
        }
    }

    /// The organisation that a new record of a kind belongs to; none where it is one.
    pub async fn the_org_of(&mut self, desc: &Descriptor) -> Result<Option<i32>> {
        match desc.is_org() || desc.is_of_the_installation() {
            true => self.org_of(desc).await,
            false => self.the_org().await.map(Some),
        }
    }

    /// An organisation that is deleted or purged: its trail is still there, under the code that it had or as `#2`.
    async fn gone_org(&mut self, key: &str) -> Result<Option<i32>> {
        let context = self.context.clone();
        let db = self.db().await?;
        if let Some(number) = key.strip_prefix('#').and_then(|n| n.parse().ok()) {
            return Ok(trail::trees(db).await?.contains(&number).then_some(number));
        }
        let deleted = records::by_key(db, Org::DESCRIPTOR, None, key, Deleted::Include, &context).await?;
        let mut gone: Vec<GoneRecord> = deleted.iter().map(GoneRecord::deleted).collect();
        gone.extend(super::history::find_purged(self, Org::DESCRIPTOR, None, key).await?);
        match gone.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one.org)),
            several => {
                let all: Vec<String> = several.iter().take(10).map(|g| g.named(&format!("#{}", g.org))).collect();
                Err(Problem::conflict(format!("several organisations had the code {}", truncate(key)))
                    .hint(format!("name the one that is meant by its number: {}", all.join(", ")))
                    .into())
            }
        }
    }

    /// The organisation to work in: the one that `--org` names, or the only one there is.
    pub async fn the_org(&mut self) -> Result<i32> {
        if let Some(org) = self.org().await? {
            return Ok(org);
        }
        let orgs = records::live_orgs(self.db().await?, 6).await?;
        match orgs.as_slice() {
            several if several.len() > 1 && self.ui.style.interactive => {
                let picked =
                    prompt::record(self, Org::DESCRIPTOR, None, Deleted::Exclude, "Organisation", None).await?;
                let key = picked.map_or_else(String::new, |id| id.to_string());
                let context = self.context.clone();
                let org = records::org_number(self.db().await?, &key, &context).await?;
                self.about = org;
                Ok(org)
            }
            [(org, _)] => {
                self.about = *org;
                Ok(*org)
            }
            [] => Err(Problem::not_found("there is no organisation yet")
                .hint("make one: orgctl org create --code ACME --name 'Acme Ltd'")
                .into()),
            several => {
                let mut codes: Vec<&str> = several.iter().take(5).map(|(_, code)| code.as_str()).collect();
                if several.len() > codes.len() {
                    codes.push("...");
                }
                Err(Problem::usage("there are several organisations; which one is meant?")
                    .hint(format!("name it with --org ({})", codes.join(", ")))
                    .into())
            }
        }
    }
}
