//! Settings: list, get, set, reset, explain.

use std::collections::HashMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::lookup::find_in;
use crate::crud::outcome::CommandTarget;
use crate::crud::write::dry_run_note;
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::setting::{StoredSetting, VALUE};
use crate::model::kinds::user::User;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::stored::Stored;
use crate::model::resource::{Record, Resource as _};
use crate::model::setting::{Place, SETTINGS, SettingDef, SettingScope, Settings, Source, declared};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{Noun as _, ParseContext};
use crate::model::values::value::{Value, ValueType};
use crate::store::records::settings;
use crate::store::records::{self, Deleted};
use crate::store::trail;
use crate::store::tx::Tx;
use crate::ui::format::{Format, Listing, OutputColumn, record};
use crate::verbs::kyc::seal::storage_stands;

/// Whose settings a command is about, with the user's record where they are a user's.
struct Whose {
    place: Place,
    user: Option<Record>,
}

impl Whose {
    async fn of(s: &mut Invocation<'_>, system: bool, user: Option<&str>) -> Result<Whose> {
        if system {
            gate::allow_in_system(s)?;
            s.outcome.about = SYSTEM;
            return Ok(Whose { place: Place::SYSTEM, user: None });
        }
        if let Some(key) = user {
            let org = s.org().await?;
            let user = find_in(s, User::DESCRIPTOR, org, key, Deleted::Exclude).await?;
            let (org, id) = user.meta.record_id();
            s.outcome.about = org;
            return Ok(Whose { place: Place { org, user: Some(id) }, user: Some(user) });
        }
        let is_named = s.context.org_key.is_some();
        let org = s.the_org().await.map_err(|e| match e.downcast::<Problem>() {
            Ok(problem) if !is_named && problem.kind != ErrorKind::Failed => {
                anyhow::Error::from(problem.hint("--system stands for the installation"))
            }
            Ok(problem) => problem.into(),
            Err(e) => e,
        })?;
        if org == SYSTEM {
            gate::allow_in_system(s)?;
        }
        Ok(Whose { place: Place::of(org), user: None })
    }

    /// `in ACME`, as messages say it.
    async fn phrase(&self, s: &mut Invocation<'_>) -> Result<String> {
        Ok(match (&self.user, self.place.org) {
            (Some(user), _) => format!("for {}", user.title()),
            (None, SYSTEM) => "for the installation".to_owned(),
            (None, org) => format!("in {}", records::org_code(s.db().await?, org).await?),
        })
    }
}

/// Settings to be shown.
struct View {
    settings: Settings,
    /// Code of the organisation, where all columns are shown; none in a list for people.
    org: Option<String>,
    /// Key of the user, where they are a user's.
    user: Option<String>,
    /// Names of actors that changed them, by their numbers; none where they were erased.
    actors: HashMap<i64, String>,
}

impl View {
    async fn load(s: &mut Invocation<'_>, whose: &Whose, in_full: bool) -> Result<View> {
        if whose.user.is_none() {
            gate::allow_whole(s, &s.access().permission, StoredSetting::DESCRIPTOR, whose.place.org)?;
        }
        let db = s.db().await?;
        let settings = settings::for_place(db, whose.place).await?;
        let mut view = View { settings, org: None, user: whose.user.as_ref().map(Record::key), actors: HashMap::new() };
        if in_full {
            view.org = Some(records::org_code(db, whose.place.org).await?);
            view.actors = trail::names_of_actors(db, view.settings.all().map(|s| s.meta.updated_by)).await?;
        }
        Ok(view)
    }
}

/// The columns of a setting with their values.
fn columns(format: Format, d: &'static SettingDef, view: &View) -> Vec<(&'static str, ValueType, Value)> {
    let settings = &view.settings;
    // People and pipes read the text, programs the type.
    let typed = matches!(format, Format::Json | Format::Ndjson | Format::Yaml);
    let value = |text: &str| match d.rule.parse(text) {
        Ok(value) if typed => value,
        // What orgctl did not write is shown as it is.
        _ => text.into(),
    };
    let mut columns = vec![
        ("key", ValueType::Text, d.key.into()),
        ("value", ValueType::Text, value(&settings.text(d))),
        ("default", ValueType::Text, value(d.default)),
        ("source", ValueType::Text, settings.source(d).as_str().into()),
        ("category", ValueType::Text, d.category.as_str().into()),
        ("help", ValueType::Text, d.help.into()),
    ];
    let Some(org) = &view.org else { return columns };
    let set =
        |org| settings.stored(org, d.key).map_or(Value::Null(ValueType::Text), |stored| value(stored.value.text()));
    let nothing = || Value::Null(ValueType::Text);
    let place = settings.place();
    let of_org = if place.org == SYSTEM { nothing() } else { set(Place::of(place.org)) };
    let of_user = if place.user.is_some() { set(place) } else { nothing() };
    let in_force = settings.in_force(d);
    let scopes: Vec<&str> = d.scopes.iter().map(|scope| scope.as_str()).collect();
    columns.extend([
        ("type", ValueType::Text, d.rule.kind().into()),
        ("range", ValueType::Text, d.rule.range().into()),
        (
            "scopes",
            ValueType::Json,
            if typed { Value::Json(Box::new(scopes.into())) } else { scopes.join(", ").into() },
        ),
        ("org", ValueType::Text, org.as_str().into()),
        ("user", ValueType::Text, view.user.clone().into()),
        ("user_value", ValueType::Text, of_user),
        ("org_value", ValueType::Text, of_org),
        ("system_value", ValueType::Text, set(Place::SYSTEM)),
        ("changed_at", ValueType::Time, in_force.map(|stored| stored.meta.updated_at).into()),
        (
            "changed_by",
            ValueType::Text,
            in_force.and_then(|stored| view.actors.get(&stored.meta.updated_by).cloned()).into(),
        ),
        ("is_public", ValueType::Bool, d.is_public.into()),
        ("needs_restart", ValueType::Bool, d.needs_restart.into()),
    ]);
    if typed {
        columns.push(("schema", ValueType::Json, Value::Json(Box::new(d.rule.schema()))));
    }
    columns
}

/// One setting in full, or the columns that are asked for.
fn print_one(context: &Context<'_>, d: &'static SettingDef, view: &View) -> Result<()> {
    let (heads, row) = row(columns(context.ui.style.format.get(), d, view));
    record(&context.ui, &heads, 0, row)?;
    context.ui.flush()
}

fn print_several(context: &Context<'_>, which: &[&'static SettingDef], view: &View) -> Result<()> {
    let ui = &context.ui;
    let format = ui.style.format.get();
    let (heads, _) = row(columns(format, SETTINGS[0], view));
    let mut listing = Listing::new(ui, heads, 0);
    for d in which {
        let (_, row) = row(columns(format, d, view));
        listing.row(ui, row)?;
    }
    listing.finish(ui)?;
    ui.flush()
}

fn row(columns: Vec<(&'static str, ValueType, Value)>) -> (Vec<OutputColumn>, Vec<Value>) {
    columns.into_iter().map(|(name, kind, value)| (OutputColumn::new(name, kind), value)).unzip()
}

/// Refuses unknown `--columns` before anything is changed.
fn known_columns(context: &Context<'_>) -> Result<()> {
    let view = View { settings: Settings::default(), org: Some(String::new()), user: None, actors: HashMap::new() };
    let (heads, _) = row(columns(context.ui.style.format.get(), SETTINGS[0], &view));
    Listing::new(&context.ui, heads, 0).allowed()
}

/// The flags of `setting list`.
#[derive(clap::Args)]
pub struct ListFlags {
    /// Show what holds for the installation
    #[arg(long, conflicts_with = "org")]
    pub system: bool,
    /// Show what holds for this user
    #[arg(long, value_name = "KEY", conflicts_with = "system")]
    pub user: Option<String>,
    /// Only what was set
    #[arg(long)]
    pub changed: bool,
}

impl Leaf for ListFlags {
    const SPEC: Spec = Spec {
        noun: "setting",
        verb: "list",
        permission: "settings:read",
        writes: false,
        about: "List settings with what holds and where it comes from",
        examples: "orgctl setting list\norgctl setting list --system --changed -o json",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        known_columns(s.context)?;
        let whose = Whose::of(s, self.system, self.user.as_deref()).await?;
        let for_people = matches!(s.context.ui.style.format.get(), Format::Table | Format::Tsv)
            && s.context.ui.style.columns.is_none();
        let view = View::load(s, &whose, !for_people).await?;
        let wanted = |d: &&SettingDef| !self.changed || view.settings.source(d) != Source::Default;
        let which: Vec<&'static SettingDef> = SETTINGS.iter().copied().filter(wanted).collect();
        print_several(s.context, &which, &view)?;
        if which.is_empty() {
            s.context.ui.status("nothing is set: every setting is at its default");
        }
        Ok(())
    }
}

/// The bare value, for scripts; all that is known of it where a format is asked for.
#[derive(clap::Args)]
pub struct GetFlags {
    /// Key of the setting
    #[arg(value_name = "KEY")]
    pub setting: String,
    /// The value that holds for the installation
    #[arg(long, conflicts_with = "org")]
    pub system: bool,
    /// The value that holds for this user
    #[arg(long, value_name = "KEY", conflicts_with = "system")]
    pub user: Option<String>,
}

impl Leaf for GetFlags {
    const SPEC: Spec = Spec {
        noun: "setting",
        verb: "get",
        permission: "settings:read",
        writes: false,
        about: "Print the value of a setting",
        examples: "orgctl setting get password.min_length\norgctl setting get app.default_region --org SAHYADRI -o json",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let d = declared(&self.setting)?;
        let whose = Whose::of(s, self.system, self.user.as_deref()).await?;
        let in_full = ui.style.format_given || ui.style.columns.is_some();
        let view = View::load(s, &whose, in_full).await?;
        // One that does not hold is no answer for a script.
        let value = view.settings.value(d)?;
        if in_full {
            return print_one(s.context, d, &view);
        }
        ui.out(&format!("{}\n", d.rule.text(&value)))?;
        ui.flush()
    }
}

/// The flags of `setting explain`.
#[derive(clap::Args)]
pub struct ExplainFlags {
    /// Key of the setting
    #[arg(value_name = "KEY")]
    pub setting: String,
    /// As it holds for the installation
    #[arg(long, conflicts_with = "org")]
    pub system: bool,
    /// As it holds for this user
    #[arg(long, value_name = "KEY", conflicts_with = "system")]
    pub user: Option<String>,
}

impl Leaf for ExplainFlags {
    const SPEC: Spec = Spec {
        noun: "setting",
        verb: "explain",
        permission: "settings:read",
        writes: false,
        about: "Explain a setting: what it does, its range, its value and who chose it",
        examples: "orgctl setting explain password.expiry_days\norgctl setting explain argon2.memory_kib --system -o json",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let d = declared(&self.setting)?;
        let whose = Whose::of(s, self.system, self.user.as_deref()).await?;
        let view = View::load(s, &whose, true).await?;
        print_one(s.context, d, &view)
    }
}

/// Sets settings of one organisation, of a user, or of the installation.
#[derive(Debug, Serialize, Deserialize)]
pub struct Set {
    pub place: Place,
    /// Keys, and values in canonical form.
    pub values: Vec<(String, String)>,
}

/// What a change did to one setting.
pub struct ChangedSetting {
    pub key: String,
    /// Whether anything was written.
    pub is_written: bool,
    /// In words, what it was and what it is.
    pub before: String,
    pub after: String,
}

/// Settings under the lock. Who or what was deleted meanwhile has none.
async fn under_lock(tx: &mut Tx<'_>, place: Place) -> Result<Settings> {
    let gone = |what: &str| Problem::conflict(format!("the {what} was deleted by somebody else in the meantime"));
    if place.org != SYSTEM && !records::is_live_org(tx.db, place.org).await? {
        return Err(gone("organisation").into());
    }
    if let Some(user) = place.user
        && !tx.load(User::DESCRIPTOR, place.org, user).await?.is_some_and(|user| user.is_live())
    {
        return Err(gone("user").into());
    }
    Ok(settings::for_place(tx.db, place).await?)
}

/// Writes what holds somewhere, where others stood under the lock; whether it is another value.
pub async fn write_value(
    tx: &mut Tx<'_>,
    place: Place,
    settings: &Settings,
    d: &'static SettingDef,
    value: &str,
) -> Result<bool> {
    let there = settings.stored(place, d.key);
    match there.map(Stored::record) {
        Some(before) => {
            let mut after = before.clone();
            after.set(VALUE, value.into());
            tx.update(&before, after, Action::Update).await?;
        }
        None => {
            let values = vec![d.key.into(), place.user.into(), value.into()];
            let id = tx.new_id();
            tx.insert(StoredSetting::DESCRIPTOR, place.org, id, values).await?;
        }
    }
    Ok(there.is_none_or(|stored| stored.value.text() != value))
}

impl Verb for Set {
    const NAME: &str = "setting set";

    type Output = Vec<ChangedSetting>;

    fn orgs(&self) -> Vec<i32> {
        vec![self.place.org]
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedSetting>> {
        let settings = under_lock(tx, self.place).await?;
        let mut changed = Vec::new();
        for (key, value) in &self.values {
            let d = declared(key)?;
            d.check_scope(self.place.scope())?;
            let value = d.rule.text(&d.parse(value)?);
            let is_written = write_value(tx, self.place, &settings, d, &value).await?;
            changed.push(ChangedSetting {
                key: d.key.into(),
                is_written,
                before: describe(&settings, d),
                after: value,
            });
        }
        let after = settings::for_place(tx.db, self.place).await?;
        storage_stands(tx, self.place, &settings, &after).await?;
        Ok(changed)
    }
}

/// Takes back what is set for one organisation, for a user, or for the installation.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reset {
    pub place: Place,
    pub keys: Vec<String>,
}

impl Verb for Reset {
    const NAME: &str = "setting reset";

    type Output = Vec<ChangedSetting>;

    fn orgs(&self) -> Vec<i32> {
        vec![self.place.org]
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedSetting>> {
        let before = under_lock(tx, self.place).await?;
        let own = |key: &String| before.stored(self.place, key);
        let records: Vec<Record> = self.keys.iter().filter_map(own).map(Stored::record).collect();
        let each: Vec<(Record, Uuid)> = records.iter().map(|record| (record.clone(), tx.new_id())).collect();
        tx.delete_each(each).await?;
        let after = settings::for_place(tx.db, self.place).await?;
        storage_stands(tx, self.place, &before, &after).await?;
        let of = |key: &String| ChangedSetting {
            key: key.clone(),
            is_written: own(key).is_some(),
            before: own(key).map_or_else(String::new, |stored| stored.value.text().to_owned()),
            // A key that another version of orgctl wrote has nothing behind it.
            after: declared(key).map_or_else(|_| String::new(), |d| describe(&after, d)),
        };
        Ok(self.keys.iter().map(of).collect())
    }
}

/// `15, the default`: what holds and why.
fn describe(settings: &Settings, d: &SettingDef) -> String {
    let value = settings.text(d);
    match settings.source(d) {
        Source::Default => format!("{value}, the default"),
        Source::Scope(SettingScope::System) => format!("{value} for the installation"),
        Source::Scope(SettingScope::Org) if settings.place().user.is_some() => format!("{value} in the organisation"),
        Source::Scope(_) => value,
    }
}

/// Notes a setting that the command is about.
fn is_about(s: &mut Invocation<'_>, place: Place, key: &str, there: &Settings) {
    let org = place.org;
    let id = there.stored(place, key).map(|stored| stored.meta.id).unwrap_or_default();
    s.outcome.targets.push(CommandTarget { noun: StoredSetting::NOUN, org, id, key: Some(key.to_owned()) });
}

/// The flags of `setting set`.
#[derive(clap::Args)]
pub struct SetFlags {
    /// Key and value, as many pairs as you like
    #[arg(value_names = ["KEY", "VALUE"], required = true, num_args = 2.., allow_negative_numbers = true)]
    pub pairs: Vec<String>,
    /// Set them for the installation
    #[arg(long, conflicts_with = "org")]
    pub system: bool,
    /// Set them for this user
    #[arg(long, value_name = "KEY", conflicts_with = "system")]
    pub user: Option<String>,
}

impl Leaf for SetFlags {
    const SPEC: Spec = Spec {
        noun: "setting",
        verb: "set",
        permission: "settings:update",
        writes: true,
        about: "Set values for an organisation, for a user or for the installation",
        examples: "orgctl setting set password.min_length 20 --org SAHYADRI\norgctl setting set --system argon2.memory_kib 65536 argon2.passes 3\norgctl setting set password.expiry_days 90 --user asha@sahyadri.example",
    };
    const RECORDED: Option<Action> = Some(Action::ConfigChange);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        known_columns(s.context)?;
        let (pairs, rest) = self.pairs.as_chunks::<2>();
        if let [key] = rest {
            return Err(Problem::usage(format!("there is no value for {key}"))
                .hint("write KEY VALUE, pair by pair")
                .into());
        }
        let mut found: Vec<(&'static SettingDef, &str)> = Vec::new();
        for [key, text] in pairs {
            let d = declared(key)?;
            if found.iter().any(|(other, _)| other.key == d.key) {
                return Err(Problem::usage(format!("{} is given twice", d.key)).into());
            }
            found.push((d, text));
        }
        // Which organisation a refusal is about is known first.
        let whose = Whose::of(s, self.system, self.user.as_deref()).await?;
        let place = whose.place;
        let there = settings::for_place(s.db().await?, place).await?;
        for (d, _) in &found {
            is_about(s, place, d.key, &there);
        }
        let mut values = Vec::new();
        for (d, text) in found {
            d.check_scope(place.scope())?;
            values.push((d.key.to_owned(), d.rule.text(&d.parse(text)?)));
        }
        let changed = gate::write(s, &Set { place, values }).await?;
        let place = whose.phrase(s).await?;
        for c in &changed {
            let ChangedSetting { key, is_written, before, after } = c;
            s.context.ui.status(&match is_written {
                true => format!("set {key} to {after} {place} (was {before})"),
                false => format!("{key} is {after} {place} already; nothing was changed"),
            });
        }
        finish(s, &whose, &changed).await
    }
}

/// The flags of `setting reset`.
#[derive(clap::Args)]
pub struct ResetFlags {
    /// Key of the setting
    #[arg(value_name = "KEY", required = true)]
    pub setting: Vec<String>,
    /// Reset them for the installation
    #[arg(long, conflicts_with = "org")]
    pub system: bool,
    /// Reset them for this user
    #[arg(long, value_name = "KEY", conflicts_with = "system")]
    pub user: Option<String>,
}

impl Leaf for ResetFlags {
    const SPEC: Spec = Spec {
        noun: "setting",
        verb: "reset",
        permission: "settings:update",
        writes: true,
        about: "Take back what was set, so that what is behind it holds again",
        examples: "orgctl setting reset password.min_length\norgctl setting reset --system argon2.memory_kib argon2.passes",
    };
    const RECORDED: Option<Action> = Some(Action::ConfigChange);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        known_columns(s.context)?;
        let whose = Whose::of(s, self.system, self.user.as_deref()).await?;
        let place = whose.place;
        let settings = settings::for_place(s.db().await?, place).await?;
        let mut keys: Vec<String> = Vec::new();
        for key in &self.setting {
            // A key that is no longer declared can still be taken away.
            let key = match settings.stored(place, key) {
                Some(stored) => stored.value.key(),
                None => declared(key)?.key,
            };
            if !keys.iter().any(|k| k == key) {
                keys.push(key.to_owned());
            }
        }
        for key in &keys {
            is_about(s, place, key, &settings);
        }
        let changed = gate::write(s, &Reset { place, keys }).await?;
        let place = whose.phrase(s).await?;
        for c in &changed {
            let ChangedSetting { key, is_written, before, after } = c;
            s.context.ui.status(&match (is_written, after.is_empty()) {
                (false, _) => format!("{key} is not set {place}; nothing was changed"),
                (true, true) => format!("reset {key} {place}"),
                (true, false) => format!("reset {key} {place}: {before} -> {after}"),
            });
        }
        finish(s, &whose, &changed).await
    }
}

/// The rest of what is said of a change; what it left, where a format was asked for.
async fn finish(s: &mut Invocation<'_>, whose: &Whose, changed: &[ChangedSetting]) -> Result<()> {
    dry_run_note(s.context);
    if !s.context.ui.style.format_given || s.context.dry_run {
        return Ok(());
    }
    let view = View::load(s, whose, true).await?;
    let known: Vec<&'static SettingDef> = changed.iter().filter_map(|c| declared(&c.key).ok()).collect();
    match known.as_slice() {
        [one] => print_one(s.context, one, &view),
        several => print_several(s.context, several, &view),
    }
}
