//! The database itself: init, and the verbs of `db`.

use anyhow::Result;
use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::seed::{self, Bring, Seeded};
use crate::crud::write::{Create, dry_run_note, insert_system};
use crate::model::kinds::org::{Org, SYSTEM};
use crate::model::kinds::system_log::Level;
use crate::model::problem::{ErrorKind as Broken, Problem};
use crate::model::resource::Resource as _;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType};
use crate::store::Error;
use crate::store::backup::partial;
use crate::store::engine::db::Db;
use crate::store::engine::location::{Engine, Location};
use crate::store::invariants;
use crate::store::records::{self, Deleted, by_key, sealed};
use crate::store::schema::migrate::{self, SchemaState};
use crate::store::schema::stored_values;
use crate::store::schema::{self, Class};
use crate::store::trail::checkpoints;
use crate::store::trail::repair;
use crate::store::trail::trees;
use crate::store::tx::Tx;
use crate::ui::format::{Listing, OutputColumn, is_for_programs, report};

/// Brings the schema to a version, up or down, and fills a new database.
#[derive(Debug, Serialize, Deserialize)]
pub struct Migrate {
    /// None: the newest.
    pub to: Option<i64>,
    /// First organisation: code and name.
    pub org: Option<(String, String)>,
}

/// What a migration did.
pub struct Migrated {
    pub from: i64,
    pub steps: Vec<String>,
    pub org: Option<String>,
    /// What came of what the program brings along; none where the schema is another than its own.
    pub seeded: Option<Seeded>,
}

impl Verb for Migrate {
    const NAME: &str = "db migrate";

    type Output = Migrated;

    fn orgs(&self) -> Vec<i32> {
        // The tables of the trail may not be there yet: SYSTEM is locked once they are.
        Vec::new()
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it changes the schema that commands are stored in")
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Migrated> {
        migrate::begin(tx.db).await?;
        // Planned under the lock: another migrator may have been here meanwhile.
        let (from, steps, up) = migrate::plan(tx.db, self.to).await?;
        for step in &steps {
            let at = tx.at();
            migrate::apply(tx.db, step, up, at).await?;
        }
        if self.to == Some(0) {
            partial::unmark(tx.db).await?;
        }
        let to = match (steps.last(), up) {
            (None, _) => from,
            (Some(last), true) => last.version,
            (Some(last), false) => last.version - 1,
        };
        let (mut org, mut seeded) = (None, None);
        let is_whole = to == migrate::latest(tx.db.kinds(), tx.db.engine())?;
        let (mut due, _) = if is_whole { seed::due(tx.db).await? } else { Default::default() };
        if to >= 1 {
            due.push(SYSTEM);
            tx.lock(&due, &mut |_| {}).await?;
            if !steps.is_empty() {
                let mut details = Map::new();
                details.insert("from".into(), from.into());
                details.insert("to".into(), to.into());
                tx.event(SYSTEM, Action::Migrate, "database", details).await?;
            }
        }
        if is_whole {
            match tx.load_system().await? {
                None => drop(insert_system(tx, context).await?),
                Some(_) => seeded = Some(Bring { orgs: due }.run(tx, context).await?),
            }
            org = self.first_org(tx, context).await?;
        }
        let name = |m: &migrate::Migration| format!("{:04}_{}", m.version, m.name);
        Ok(Migrated { from, steps: steps.iter().map(name).collect(), org, seeded })
    }
}

impl Migrate {
    /// Makes the first organisation, unless it is there already.
    async fn first_org(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Option<String>> {
        let Some((code, name)) = &self.org else { return Ok(None) };
        let desc = Org::DESCRIPTOR;
        let value = |field: &str, text: &str| -> Result<(String, Value)> {
            let field = desc.field(field).ok_or_else(|| anyhow::anyhow!("org has no {field}"))?;
            Ok((field.column.to_owned(), field.parse(text, context)?))
        };
        let values = vec![value("code", code)?, value("name", name)?];
        if !by_key(tx.db, desc, None, code, Deleted::Exclude, context).await?.is_empty() {
            return Ok(None);
        }
        let made = Create { noun: desc.noun.into(), org: None, values }.run(tx, context).await?;
        Ok(Some(made.record.title()))
    }
}

/// The flags of `init`.
#[derive(clap::Args)]
pub struct InitFlags {
    /// Code of the first organisation
    #[arg(long, value_name = "CODE")]
    pub org_code: Option<String>,
    /// Name of the first organisation
    #[arg(long, value_name = "NAME")]
    pub org_name: Option<String>,
}

impl Leaf for InitFlags {
    const SPEC: Spec = Spec {
        noun: "",
        verb: "init",
        permission: "database:init",
        writes: true,
        about: "Make a database, and its first organisation",
        examples: "orgctl init --org-code ACME --org-name 'Acme Ltd'\norgctl --database postgres://admin@db.example/people init",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Migrate);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let (code, name) = (self.org_code, self.org_name);
        let desc = Org::DESCRIPTOR;
        for (field, text) in [("code", &code), ("name", &name)] {
            if let (Some(field), Some(text)) = (desc.field(field), text) {
                field.parse(text, &s.connection.parsing)?;
            }
        }
        if let (Location::Sqlite(path), true) = (&s.connection.location, s.context.dry_run)
            && !path.exists()
        {
            // A dry run makes no file either.
            let steps = migrate::all(s.kinds(), Engine::Sqlite)?.len();
            ui.status(&format!("would make the database {} with {steps} migrations", path.display()));
            dry_run_note(s.context);
            return Ok(());
        }
        s.connection.opening.create = true;
        let db = s.unchecked_db().await?;
        let before = migrate::state(db).await?;
        if let SchemaState::Partial(_) = before {
            return Err(partial::refusal(db).await?.into());
        }
        if before == SchemaState::Empty {
            migrate::require_utf8(db).await?;
        }
        migrate::prepare(db).await?;
        let org = match (code, name) {
            (Some(code), Some(name)) => Some((code, name)),
            (Some(code), None) => Some((code.clone(), code)),
            (None, Some(_)) => {
                return Err(Problem::usage("the code of the first organisation is missing")
                    .hint("give it with --org-code")
                    .into());
            }
            (None, None) if before == SchemaState::Empty && ui.style.interactive => ask_org(s).await?,
            (None, None) => None,
        };
        let done = gate::write_unchecked(s, &Migrate { to: None, org }).await?;
        let at = s.connection.location.shown();
        if done.steps.is_empty() {
            ui.status(&format!("the database {at} is there already"));
        } else {
            ui.status(&format!(
                "made the database {at} (version {})",
                migrate::latest(s.kinds(), s.connection.location.engine())?
            ));
        }
        if let Some(org) = &done.org {
            ui.status(&format!("created {org}"));
        }
        tell_seeded(s.context, done.seeded.as_ref());
        dry_run_note(s.context);
        if !s.context.dry_run {
            matches_binary(s).await?;
            if records::live_orgs(s.db().await?, 1).await?.is_empty() {
                ui.status("next: orgctl org create --code ACME --name 'Acme Ltd'");
            }
        }
        Ok(())
    }
}

async fn ask_org(s: &mut Invocation<'_>) -> Result<Option<(String, String)>> {
    let context = s.connection.parsing.clone();
    let check = |name: &'static str| {
        let context = context.clone();
        move |text: &str| match Org::DESCRIPTOR.field(name) {
            Some(f) => f.parse(text, &context).map(drop).map_err(|p| p.sentence),
            None => Ok(()),
        }
    };
    let code = s.context.ui.ask("Code of the first organisation", None, check("code")).await?;
    let name = s.context.ui.ask("Its name", None, check("name")).await?;
    Ok(Some((code, name)))
}

/// Compares the schema that is there with the one that this binary expects.
async fn matches_binary(s: &mut Invocation<'_>) -> Result<()> {
    let differences = schema::differences(s.unchecked_db().await?).await?;
    match differences.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(Problem::integrity(format!("the schema is not what this orgctl expects: {first}"))
            .hint(format!("{} differences in all; 'orgctl db check' lists them", differences.len()))
            .into()),
    }
}

/// The flags of `db migrate`.
#[derive(clap::Args)]
pub struct MigrateFlags {
    /// Version to go to (default: the newest)
    #[arg(long, value_name = "VERSION")]
    pub to: Option<i64>,
}

impl Leaf for MigrateFlags {
    const SPEC: Spec = Spec {
        noun: "db",
        verb: "migrate",
        permission: "database:migrate",
        writes: true,
        about: "Bring the schema up to date",
        examples: "orgctl db migrate --dry-run\norgctl db migrate",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let to = self.to;
        whole(s).await?;
        let (from, steps, up) = migrate::plan(s.unchecked_db().await?, to).await?;
        if !up {
            return Err(Problem::usage(format!("the database is at version {from} already"))
                .hint(format!("'orgctl db rollback --to {}' goes back", to.unwrap_or_default()))
                .into());
        }
        if steps.is_empty() {
            s.context.ui.status(&format!("the database is at version {from}; nothing to migrate"));
            if to.is_none_or(|to| {
                migrate::latest(s.kinds(), s.connection.location.engine()).is_ok_and(|latest| to == latest)
            }) {
                let seeded = bring(s).await?;
                tell_seeded(s.context, Some(&seeded));
            }
            return matches_binary_if_latest(s, to).await;
        }
        step(s, to, from, "applied").await?;
        if !s.context.dry_run {
            // What was granted on a table goes with it, and nothing is granted on one that is new.
            for (role, tables) in schema::without_rights(s.unchecked_db().await?).await? {
                s.context.ui.warn(&format!(
                    "the role {role} has no right to {tables}: 'orgctl db grants --role {role}' prints what to grant"
                ));
            }
        }
        matches_binary_if_latest(s, to).await
    }
}

async fn matches_binary_if_latest(s: &mut Invocation<'_>, to: Option<i64>) -> Result<()> {
    let latest = migrate::latest(s.kinds(), s.connection.location.engine())?;
    if s.context.dry_run || to.is_some_and(|to| to != latest) {
        return Ok(());
    }
    matches_binary(s).await
}

/// Refuses what holds a part of a backup alone: it stays as it is.
async fn whole(s: &mut Invocation<'_>) -> Result<()> {
    let db = s.unchecked_db().await?;
    match migrate::state(db).await? {
        SchemaState::Partial(_) => Err(partial::refusal(db).await?.into()),
        _ => Ok(()),
    }
}

/// Copies aside, migrates, tells.
async fn step(s: &mut Invocation<'_>, to: Option<i64>, from: i64, done: &str) -> Result<()> {
    let now = s.context.clock.now();
    migrate::prepare(s.unchecked_db().await?).await?;
    if from > 0 && !s.context.dry_run {
        let copy = migrate::copy_aside(s.unchecked_db().await?, from, now).await?;
        if let Some(copy) = copy {
            s.context.ui.status(&format!("copied the database to {}", copy.display()));
        }
    }
    let migrated = gate::write_unchecked(s, &Migrate { to, org: None }).await?;
    for name in &migrated.steps {
        s.context.ui.status(&format!("{done} {name}"));
        s.log(Level::Info, &format!("{done} {name}"), Map::new());
    }
    tell_seeded(s.context, migrated.seeded.as_ref());
    dry_run_note(s.context);
    report(&s.context.ui, &json!({ "from": migrated.from, "steps": migrated.steps, "dry_run": s.context.dry_run }))
}

/// Writes what the program brings along where it lacks; where nothing does, nothing is locked.
async fn bring(s: &mut Invocation<'_>) -> Result<Seeded> {
    match seed::due(s.db().await?).await? {
        (orgs, seeded) if orgs.is_empty() => Ok(seeded),
        (orgs, _) => gate::write(s, &Bring { orgs }).await,
    }
}

/// Says what was written of what the program brings along, and what could not be.
fn tell_seeded(context: &Context<'_>, seeded: Option<&Seeded>) {
    let Some(seeded) = seeded else { return };
    for obstacle in &seeded.obstacles {
        context.ui.warn(&format!("{obstacle}: give it another key, then 'orgctl db seed'"));
    }
    if !seeded.is_nothing() {
        let Seeded { created, updated, removed, unchanged, .. } = seeded;
        context.ui.status(&format!(
            "of what the program brings along: {created} created, {updated} updated, {removed} removed, {unchanged} unchanged"
        ));
    }
}

/// Writes what the program brings along into all organisations; again and again, it changes nothing more.
#[derive(clap::Args)]
pub struct SeedFlags {}

impl Leaf for SeedFlags {
    const SPEC: Spec = Spec {
        noun: "db",
        verb: "seed",
        permission: "database:seed",
        writes: true,
        about: "Write what the program brings along, where it lacks: system roles, features, permissions",
        examples: "orgctl db seed --dry-run\norgctl db seed -o json",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let seeded = bring(s).await?;
        tell_seeded(s.context, Some(&seeded));
        if seeded.is_nothing() {
            s.context.ui.status(&format!("all that the program brings along is there ({} records)", seeded.unchanged));
        }
        dry_run_note(s.context);
        let mut told = serde_json::to_value(&seeded)?;
        told["dry_run"] = s.context.dry_run.into();
        report(&s.context.ui, &told)
    }
}

/// The flags of `db rollback`.
#[derive(clap::Args)]
pub struct RollbackFlags {
    /// Version to go back to (default: one step)
    #[arg(long, value_name = "VERSION")]
    pub to: Option<i64>,
}

impl Leaf for RollbackFlags {
    const SPEC: Spec = Spec {
        noun: "db",
        verb: "rollback",
        permission: "database:migrate",
        writes: true,
        about: "Take back migrations",
        examples: "orgctl db rollback --dry-run\norgctl db rollback --to 1",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        whole(s).await?;
        let SchemaState::At(now) = migrate::state(s.unchecked_db().await?).await? else {
            return Err(Problem::failed("the database is empty").hint("there is nothing to roll back").into());
        };
        let to = self.to.unwrap_or(now - 1);
        let (from, steps, up) = migrate::plan(s.unchecked_db().await?, Some(to.max(0))).await?;
        if up {
            return Err(
                Problem::usage(format!("the database is at version {from}; version {to} is not behind it")).into()
            );
        }
        for (table, migration) in checkpoints::SIGNED {
            let n = checkpoints::count(s.unchecked_db().await?, table).await?;
            if n > 0 && steps.iter().any(|m| m.name == migration) {
                let what = if migration == "checkpoints" { "checkpoints" } else { "statements of restores" };
                return Err(Problem::conflict(format!(
                    "the database holds {n} signed {what}, which are never thrown away"
                ))
                .hint("a log whose checkpoints are gone would sign another history beside the one that was signed")
                .into());
            }
        }
        if !s.context.dry_run {
            let names: Vec<String> = steps.iter().map(|m| format!("{:04}_{}", m.version, m.name)).collect();
            s.context.ui.confirm(&format!("roll back {}, with all data in their tables?", names.join(", "))).await?;
        }
        step(s, Some(to), from, "rolled back").await
    }
}

/// The flags of `db status`.
#[derive(clap::Args)]
pub struct StatusFlags {}

impl Leaf for StatusFlags {
    const SPEC: Spec = Spec {
        noun: "db",
        verb: "status",
        permission: "database:read",
        writes: false,
        about: "Show the schema's version and migrations",
        examples: "orgctl db status\norgctl db status -o json",
    };
    const UNUSED: Unused = Unused::NONE.org().columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let at = s.connection.location.shown();
        let engine = s.connection.location.engine();
        let db = s.unchecked_db().await?;
        let state = migrate::state(db).await?;
        let lines = migrate::status(db).await?;
        let latest = migrate::latest(db.kinds(), engine)?;
        let version = db.version().await?;
        let heads = vec![
            OutputColumn::new("version", ValueType::Int),
            OutputColumn::new("name", ValueType::Text),
            OutputColumn::new("applied_at", ValueType::Time),
            OutputColumn::new("state", ValueType::Text),
        ];
        let mut listing = Listing::new(ui, heads, 0);
        for line in lines {
            let state = match (line.applied_at, line.changed) {
                (_, true) => "changed",
                (Some(_), _) if line.version > partial::MARK => "partial",
                (Some(_), _) if line.version > latest => "newer",
                (Some(_), _) => "applied",
                (None, _) => "pending",
            };
            listing.row(ui, vec![line.version.into(), line.name.into(), line.applied_at.into(), state.into()])?;
        }
        listing.finish(ui)?;
        ui.flush()?;
        ui.status(&format!("{at} ({} {version})", engine.as_str()));
        let told = match state {
            SchemaState::Empty => "the database is empty; 'orgctl init' fills it".to_owned(),
            SchemaState::Foreign => "the database holds tables that orgctl did not make".to_owned(),
            SchemaState::At(v) if v == latest => format!("at version {v}, the newest"),
            SchemaState::At(v) if v > latest => format!("at version {v}, newer than this orgctl, which knows {latest}"),
            SchemaState::At(v) => format!("at version {v} of {latest}; 'orgctl db migrate' brings it up to date"),
            SchemaState::Partial(v) => {
                let of = partial::find(s.unchecked_db().await?).await?;
                format!(
                    "at version {v}, and partial: it was made of {}; it takes reads and exports only",
                    of.describe()
                )
            }
        };
        ui.status(&told);
        Ok(())
    }
}

/// What the user must type to have everything dropped.
async fn name_of(s: &mut Invocation<'_>) -> Result<String> {
    if let Location::Sqlite(path) = &s.connection.location {
        return Ok(path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()));
    }
    Ok(migrate::database_name(s.unchecked_db().await?).await?)
}

/// Has the name of the database typed, or given with `--name`: what can't be undone is not answered by `--yes`.
pub async fn confirm_by_name(s: &mut Invocation<'_>, given: Option<String>, verb: &str, warning: &str) -> Result<()> {
    let name = name_of(s).await?;
    let given = match given {
        Some(given) => given,
        None if s.context.dry_run => name.clone(),
        None if s.context.ui.style.interactive => {
            s.context.ui.status(warning);
            s.context.ui.ask(&format!("type '{name}' to {verb} it"), None, |_| Ok(())).await?
        }
        None => {
            let what = if verb == "drop" { "reset" } else { verb };
            return Err(Problem::usage(format!("db {what} needs the name of the database"))
                .hint("give it with --name; --yes does not stand for it")
                .into());
        }
    };
    if given != name {
        let what = format!("the database is called '{name}', not '{given}'; nothing was changed");
        return Err(Problem::usage(what).into());
    }
    Ok(())
}

/// The flags of `db reset`.
#[derive(clap::Args)]
pub struct ResetFlags {
    /// Name of the database that is to be dropped
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

impl Leaf for ResetFlags {
    const SPEC: Spec = Spec {
        noun: "db",
        verb: "reset",
        permission: "database:reset",
        writes: false,
        about: "Drop everything in the database",
        examples: "orgctl db reset\norgctl db reset --name orgctl.db",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Purge);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let (SchemaState::At(_) | SchemaState::Partial(_)) = migrate::state(s.unchecked_db().await?).await? else {
            return Err(Problem::failed("there is no orgctl data in this database")
                .hint("'orgctl init' makes some")
                .into());
        };
        let at = s.connection.location.shown();
        confirm_by_name(s, self.name, "drop", &format!("this drops everything in {at}, the audit trail too")).await?;
        let migrated = gate::write_unchecked(s, &Migrate { to: Some(0), org: None }).await?;
        s.context.ui.status(&format!(
            "dropped everything in {} ({} migrations rolled back)",
            s.connection.location.shown(),
            migrated.steps.len()
        ));
        dry_run_note(s.context);
        Ok(())
    }
}

/// The GRANTs for a role that works with the data but can't change the trail or the schema.
#[derive(clap::Args)]
pub struct GrantsFlags {
    /// Role of the server that gets them
    #[arg(long, value_name = "ROLE")]
    pub role: String,
    /// Also the right to add checkpoints, for the role that runs 'audit checkpoint'
    #[arg(long)]
    pub checkpoints: bool,
}

impl Leaf for GrantsFlags {
    const SPEC: Spec = Spec {
        noun: "db",
        verb: "grants",
        permission: "database:read",
        writes: false,
        about: "Print the GRANTs for a role that can't change the audit trail",
        examples: "orgctl db grants --role orgctl_app | psql people",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        if s.connection.location.engine() == Engine::Sqlite {
            return Err(Problem::usage("an SQLite file has no roles")
                .hint("its rights are those of the file: 'chmod 600', 'chown'")
                .into());
        }
        let role = self.role;
        let role = format!("\"{}\"", role.replace('"', "\"\""));
        // PUBLIC has both by default, and imports stage their rows in temporary tables.
        let database = match s.connection.location.database(&s.connection.opening.variables) {
            Some(name) => format!("\"{}\"", name.replace('"', "\"\"")),
            None => return Err(Problem::usage("the database URL names no database").into()),
        };
        let mut lines = vec![
            format!("GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role};"),
            format!("GRANT USAGE ON SCHEMA orgctl TO {role};"),
        ];
        for (table, class) in schema::tables(s.kinds()) {
            let rights = match (class, table) {
                (_, "schema_migrations") => "SELECT",
                // What is not named, only the triggers move.
                (_, "audit_heads") => "SELECT, INSERT (tree, size, frontier, at), UPDATE (size, frontier, at)",
                // Their numbers are the database's to give.
                (_, "actors") => "SELECT, INSERT (kind, key, name, created_at)",
                (_, "code_counters") => "SELECT, INSERT, UPDATE (next)",
                // A log that anybody may write to could be filled with what was never signed.
                (_, "audit_checkpoints" | "audit_lineages") if !self.checkpoints => "SELECT",
                (Class::Recorded | Class::Volatile | Class::Wrapped, _) => "SELECT, INSERT, UPDATE, DELETE",
                // Taking payloads out is for the owner.
                (Class::Journal, "audit_erased") => "SELECT",
                // Kept for a time only, or as long as what it is within.
                (Class::Journal, table) if s.kinds().by_table(table).is_some() => "SELECT, INSERT, DELETE",
                (Class::Journal, _) => "SELECT, INSERT",
            };
            lines.push(format!("GRANT {rights} ON orgctl.{table} TO {role};"));
        }
        report(ui, &json!({ "statements": lines }))?;
        let is_told = is_for_programs(ui);
        for line in lines.iter().filter(|_| !is_told) {
            ui.out(&format!("{line}\n"))?;
        }
        ui.flush()
    }
}

/// Most rows that are named which break a rule by themselves.
const SHOWN: usize = 100;

/// What does not hold, or why it could not be looked for.
fn collect(found: &mut Vec<String>, more: Result<Vec<String>, impl Into<Error>>) -> Result<()> {
    match more.map_err(Into::into) {
        Ok(more) => found.extend(more),
        Err(Error::Problem(p)) if p.kind == Broken::Integrity => found.push(p.sentence),
        Err(e) => return Err(e.into()),
    }
    Ok(())
}

/// Counters and records that break a rule by themselves.
async fn by_themselves(db: &mut Db, today: NaiveDate) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for org in trees(db).await? {
        for (kind, next, most) in repair::far_counters(db, org).await? {
            let place = records::org_code(db, org).await?;
            found.push(format!(
                "the codes of {place} for new records of kind {kind} are counted up to {next}, {most} at most can be right: 'orgctl db repair' puts it back"
            ));
        }
    }
    for desc in db.kinds().resources() {
        let mut broken = Vec::new();
        records::each_live(db, desc, |record| {
            let faults = (desc.check)(&record, today).into_iter().take(SHOWN - broken.len());
            broken.extend(faults.map(|fault| (record.meta.org_id, record.title(), fault.sentence)));
            Ok(())
        })
        .await?;
        for (org, title, fault) in broken {
            let place =
                if desc.is_org() { String::new() } else { format!(" of {}", records::org_code(db, org).await?) };
            found.push(format!("{title}{place}: {fault}"));
        }
    }
    Ok(found)
}

/// Of a part of a backup most rules can't hold: what is left is that its file and its values are sound.
async fn check_part(s: &mut Invocation<'_>, partial: &partial::Partial) -> Result<()> {
    let db = s.db().await?;
    let mut found = Vec::new();
    collect(&mut found, schema::file_faults(db).await)?;
    // What rows refer to may have been left out.
    found.retain(|fault| !fault.starts_with("foreign_key_check"));
    collect(&mut found, stored_values::invalid_values(db).await)?;
    tell_findings(s.context, &json!({ "ok": false, "partial": partial.tables, "findings": found }), &found)?;
    match found.len() {
        0 => {
            let sentence = format!(
                "the database is partial, and what is in it is sound: it was made of {}; the other rules can't be checked",
                partial.describe()
            );
            Err(partial.problem(sentence).into())
        }
        n => Err(Problem::integrity(format!("the database is partial, and breaks {n} of its rules")).into()),
    }
}

fn tell_findings(context: &Context<'_>, all: &serde_json::Value, found: &[String]) -> Result<()> {
    let is_told = is_for_programs(&context.ui);
    report(&context.ui, all)?;
    for sentence in found.iter().filter(|_| !is_told) {
        context.ui.out(&format!("{}\n", crate::ui::text::visible(sentence)))?;
    }
    context.ui.flush()
}

/// Everything that must hold: the file, the schema, the rules across rows, and each row by itself.
#[derive(clap::Args)]
pub struct CheckFlags {}

impl Leaf for CheckFlags {
    const SPEC: Spec = Spec {
        noun: "db",
        verb: "check",
        permission: "database:read",
        writes: false,
        about: "Check that everything holds that must",
        examples: "orgctl db check\norgctl db check --quiet",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        // The latest day anywhere: whoever wrote a row may have been east of here.
        let today = (s.context.clock.now() + TimeDelta::hours(14)).date_naive();
        let db = s.db().await?;
        if let Some(partial) = db.partial.clone() {
            return check_part(s, &partial).await;
        }
        let mut found = Vec::new();
        collect(&mut found, schema::file_faults(db).await)?;
        match migrate::status(db).await {
            Ok(lines) => found.extend(
                lines
                    .iter()
                    .filter(|l| l.changed)
                    .map(|line| format!("migration {:04}_{} is not the one that was applied", line.version, line.name)),
            ),
            Err(e) => collect(&mut found, Err(e))?,
        }
        let differences = schema::differences(db).await?;
        // Rows can be read where no table or column is missing; a rule that is gone is one more reason to look at them.
        let is_structure = |d: &String| d.starts_with("table ") || d.starts_with("column ");
        let is_readable =
            !differences.iter().any(|d| is_structure(d) && (d.ends_with("is missing") || d.contains(" has type ")));
        found.extend(differences);
        if is_readable {
            collect(&mut found, stored_values::invalid_values(db).await)?;
            collect(&mut found, invariants::check_all(db).await)?;
            collect(&mut found, by_themselves(db, today).await)?;
            collect(&mut found, sealed::faults(db).await)?;
            collect(&mut found, seed::faults(db).await)?;
        }
        tell_findings(s.context, &json!({ "ok": found.is_empty(), "findings": found }), &found)?;
        match found.len() {
            0 => {
                s.context.ui.status("the database holds what it should");
                Ok(())
            }
            n => Err(Problem::integrity(format!("the database breaks {n} of its rules"))
                .hint("'orgctl audit verify' and 'orgctl audit list' tell what was done through orgctl")
                .into()),
        }
    }
}
