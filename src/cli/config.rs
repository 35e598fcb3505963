//! Global settings: flag, environment, file, default, in this order; and where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::crud::context::{Env, xdg};
use crate::crud::master_key::{MASTER_KEY, MasterKeySource};
use crate::model::problem::{Problem, nearest};
use crate::model::values::scalar::{fold, truncate};
use crate::model::values::zone;
use crate::store::engine::location::sqlite_url;
use crate::ui::bounded;
use crate::ui::format::Format;
use crate::verbs::audit::keys::{SIGNING_KEY, VERIFIER_KEY};

/// The name of a global option. Only those that are declared here are known, so that none is misspelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionName(&'static str);

impl OptionName {
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

pub const DATABASE: OptionName = OptionName("database");
pub const ORG: OptionName = OptionName("org");
pub const AS: OptionName = OptionName("as");
pub const OUTPUT: OptionName = OptionName("output");
pub const COLUMNS: OptionName = OptionName("columns");
pub const YES: OptionName = OptionName("yes");
pub const NO_INPUT: OptionName = OptionName("no-input");
pub const QUIET: OptionName = OptionName("quiet");
pub const VERBOSE: OptionName = OptionName("verbose");
pub const COLOR: OptionName = OptionName("color");
pub const WAIT: OptionName = OptionName("wait");
pub const REQUEST_ID: OptionName = OptionName("request-id");
pub const DRY_RUN: OptionName = OptionName("dry-run");
pub const MASTER_KEY_FILE: OptionName = OptionName("master-key-file");
pub const MASTER_KEY_COMMAND: OptionName = OptionName("master-key-command");

/// A global flag, its variable and its place in the file.
pub struct ConfigOption {
    pub name: OptionName,
    pub short: Option<char>,
    /// Name of the value in help; none: a switch.
    pub value: Option<&'static str>,
    pub help: &'static str,
    /// Whether the file may set it.
    pub in_file: bool,
    /// Whether it is a flag; else a variable or the file says it.
    pub is_flag: bool,
}

/// Every global setting.
pub const OPTIONS: &[ConfigOption] = &[
    ConfigOption {
        name: DATABASE,
        short: None,
        value: Some("URL"),
        help: "Database: sqlite://FILE or postgres://...",
        in_file: true,
        is_flag: true,
    },
    ConfigOption {
        name: ORG,
        short: None,
        value: Some("CODE"),
        help: "Organisation to work in",
        in_file: true,
        is_flag: true,
    },
    ConfigOption {
        name: AS,
        short: None,
        value: Some("USER"),
        help: "Act with the rights of this user, on his or her behalf",
        in_file: false,
        is_flag: true,
    },
    ConfigOption {
        name: OUTPUT,
        short: Some('o'),
        value: Some("FORMAT"),
        help: "Output format: table, json, ndjson, csv, tsv, yaml or key",
        in_file: true,
        is_flag: true,
    },
    ConfigOption {
        name: COLUMNS,
        short: None,
        value: Some("A,B"),
        help: "Columns to show, in this order",
        in_file: false,
        is_flag: true,
    },
    ConfigOption {
        name: YES,
        short: Some('y'),
        value: None,
        help: "Answer yes to every question",
        in_file: false,
        is_flag: true,
    },
    ConfigOption {
        name: NO_INPUT,
        short: None,
        value: None,
        help: "Ask nothing; a missing value is an error",
        in_file: true,
        is_flag: true,
    },
    ConfigOption {
        name: QUIET,
        short: Some('q'),
        value: None,
        help: "Say nothing but data and errors",
        in_file: true,
        is_flag: true,
    },
    ConfigOption { name: VERBOSE, short: Some('v'), value: None, help: "Say more", in_file: true, is_flag: true },
    ConfigOption {
        name: COLOR,
        short: None,
        value: Some("WHEN"),
        help: "Colours: auto, always or never",
        in_file: true,
        is_flag: true,
    },
    ConfigOption {
        name: WAIT,
        short: None,
        value: Some("SECONDS"),
        help: "How long to wait for a lock",
        in_file: true,
        is_flag: true,
    },
    ConfigOption {
        name: REQUEST_ID,
        short: None,
        value: Some("UUID"),
        help: "Id of this command in the audit trail",
        in_file: false,
        is_flag: true,
    },
    ConfigOption {
        name: DRY_RUN,
        short: None,
        value: None,
        help: "Do everything, then undo it and say what would be done",
        in_file: false,
        is_flag: true,
    },
    ConfigOption {
        name: MASTER_KEY_FILE,
        short: None,
        value: Some("FILE"),
        help: "File of the master key",
        in_file: true,
        is_flag: false,
    },
    ConfigOption {
        name: MASTER_KEY_COMMAND,
        short: None,
        value: Some("COMMAND"),
        help: "Command that prints the master key",
        in_file: true,
        is_flag: false,
    },
];

impl ConfigOption {
    pub fn variable(&self) -> String {
        let name = if self.name == DATABASE { "database_url" } else { self.name.0 };
        format!("ORGCTL_{}", name.to_uppercase().replace('-', "_"))
    }

    fn key(&self) -> String {
        self.name.0.replace('-', "_")
    }
}

/// Adds the global flags to the root command.
pub fn global_args(mut root: Command) -> Command {
    for s in OPTIONS.iter().filter(|s| s.is_flag) {
        let mut arg = Arg::new(s.name.0).long(s.name.0).global(true).help(s.help).help_heading("Global options");
        if let Some(short) = s.short {
            arg = arg.short(short);
        }
        arg = match s.value {
            Some(value) => arg.value_name(value).action(ArgAction::Set),
            None => arg.action(ArgAction::SetTrue),
        };
        arg = match s.name {
            OUTPUT => {
                arg.value_parser(clap::builder::PossibleValuesParser::new(Format::WORDS)).hide_possible_values(true)
            }
            COLOR => arg.value_parser(["auto", "always", "never"]).hide_possible_values(true),
            _ => arg,
        };
        root = root.arg(arg);
    }
    root
}

/// A setting's value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub name: OptionName,
    pub value: Option<String>,
    pub origin: String,
}

/// Every setting, resolved.
pub struct Config {
    pub path: Option<PathBuf>,
    pub settings: Vec<Resolved>,
}

/// Where the configuration file is looked for.
pub fn path(env: &Env) -> Option<PathBuf> {
    match env.get("ORGCTL_CONFIG") {
        Some(path) if !path.is_empty() => Some(path.into()),
        _ => xdg(env, "XDG_CONFIG_HOME", ".config").map(|p| p.join("orgctl/config.toml")),
    }
}

fn default_database(env: &Env) -> Option<String> {
    xdg(env, "XDG_DATA_HOME", ".local/share").map(|p| sqlite_url(&p.join("orgctl/orgctl.db")))
}

/// The origin of what stands on the command line.
const FLAG: &str = "flag";
/// What those of variables and of the file begin with.
const ENVIRONMENT: &str = "environment";
const IN_FILE: &str = "file";

impl Config {
    pub fn resolve(env: &Env, matches: &ArgMatches) -> Result<Config, Problem> {
        let path = path(env);
        let file = match &path {
            Some(path) => read(path, env.contains_key("ORGCTL_CONFIG"))?,
            None => BTreeMap::new(),
        };
        unknown_variables(env)?;
        let mut settings = Vec::new();
        for s in OPTIONS {
            let source = if s.is_flag { matches.value_source(s.name.0) } else { None };
            let from_flag = match (source, s.value) {
                (Some(ValueSource::CommandLine), Some(_)) => matches.get_one::<String>(s.name.0).cloned(),
                (Some(ValueSource::CommandLine), None) => Some("true".to_owned()),
                _ => None,
            };
            let variable = s.variable();
            let from_env = env.get(&variable).filter(|v| !v.is_empty());
            let (value, origin) = match (from_flag, from_env, file.get(&s.key())) {
                (Some(v), _, _) => (Some(v), FLAG.to_owned()),
                (None, Some(v), _) => (Some(v.clone()), format!("{ENVIRONMENT} ({variable})")),
                (None, None, Some(v)) => (Some(v.clone()), format!("{IN_FILE} ({})", shown(path.as_ref()))),
                (None, None, None) => (default(s.name, env), "default".to_owned()),
            };
            settings.push(Resolved { name: s.name, value, origin });
        }
        Ok(Config { path, settings })
    }

    pub fn get(&self, name: OptionName) -> Option<&str> {
        self.settings.iter().find(|s| s.name == name).and_then(|s| s.value.as_deref())
    }

    /// Whether it stands on the command line.
    pub fn is_typed(&self, name: OptionName) -> bool {
        self.settings.iter().any(|s| s.name == name && s.origin == FLAG)
    }

    pub fn is_given(&self, name: OptionName) -> bool {
        self.settings.iter().any(|s| s.name == name && s.origin != "default")
    }

    fn wrong(&self, name: OptionName, why: &str) -> Problem {
        let from = self.settings.iter().find(|s| s.name == name).map_or("", |s| s.origin.as_str());
        let value = self.get(name).unwrap_or_default();
        Problem::usage(format!("{name} is '{}', which is not {why}", crate::model::values::scalar::truncate(value)))
            .hint(format!("it comes from: {from}"))
    }

    pub fn flag(&self, name: OptionName) -> Result<bool, Problem> {
        match self.get(name).map(fold).as_deref() {
            None | Some("false" | "0" | "no" | "off") => Ok(false),
            Some("true" | "1" | "yes" | "on") => Ok(true),
            Some(_) => Err(self.wrong(name, "yes or no")),
        }
    }

    pub fn format(&self) -> Result<Option<Format>, Problem> {
        let Some(word) = self.get(OUTPUT) else { return Ok(None) };
        Format::parse(word).map(Some).ok_or_else(|| self.wrong(OUTPUT, &format!("one of {}", Format::WORDS.join(", "))))
    }

    pub fn wait(&self) -> Result<Duration, Problem> {
        let seconds: Option<f64> = self.get(WAIT).and_then(|w| w.parse().ok());
        seconds
            .filter(|s| (0.0..=86_400.0).contains(s))
            .map(Duration::from_secs_f64)
            .ok_or_else(|| self.wrong(WAIT, "a number of seconds from 0 to 86400"))
    }

    pub fn color(&self, env: &Env, terminal: bool) -> Result<bool, Problem> {
        match self.get(COLOR) {
            Some("always") => Ok(true),
            Some("never") => Ok(false),
            // https://no-color.org: any value that is not empty
            Some("auto") | None => {
                let plain =
                    env.get("NO_COLOR").is_some_and(|v| !v.is_empty()) || env.get("TERM").is_some_and(|t| t == "dumb");
                Ok(terminal && !plain)
            }
            Some(_) => Err(self.wrong(COLOR, "auto, always or never")),
        }
    }

    /// Where the master key comes from: of the environment and the file the one that says it, and of the variables the one.
    pub fn master_key(&self, env: &Env) -> Result<MasterKeySource, Problem> {
        let of = |name: OptionName| self.settings.iter().find(|s| s.name == name).filter(|s| s.value.is_some());
        let (file, command) = (of(MASTER_KEY_FILE), of(MASTER_KEY_COMMAND));
        let is_variable = |s: &Option<&Resolved>| s.is_some_and(|s| s.origin.starts_with(ENVIRONMENT));
        let has_key = env.get(MASTER_KEY).is_some_and(|v| !v.is_empty());
        let variables = [has_key, is_variable(&file), is_variable(&command)];
        let is_file = |s: &Option<&Resolved>| s.is_some_and(|s| s.origin.starts_with(IN_FILE));
        let several = match variables.iter().filter(|is| **is).count() {
            0 => is_file(&file) && is_file(&command),
            n => n > 1,
        };
        if several {
            return Err(Problem::usage("the master key is said to come from several places")
                .hint(format!("give one of {MASTER_KEY}, ORGCTL_MASTER_KEY_FILE and ORGCTL_MASTER_KEY_COMMAND")));
        }
        let path = |s: &Resolved| s.value.clone().map(|path| MasterKeySource::File(path.into()));
        let line = |s: &Resolved| s.value.clone().map(MasterKeySource::Command);
        let source = match variables {
            [true, ..] => Some(MasterKeySource::Variable),
            [_, true, _] => file.and_then(path),
            [.., true] => command.and_then(line),
            _ if is_file(&command) => command.and_then(line),
            _ => file.and_then(path),
        };
        Ok(source.unwrap_or(MasterKeySource::Nowhere))
    }

    pub fn request_id(&self) -> Result<Option<uuid::Uuid>, Problem> {
        let Some(text) = self.get(REQUEST_ID) else { return Ok(None) };
        uuid::Uuid::try_parse(text).map(Some).map_err(|_| self.wrong(REQUEST_ID, "a UUID"))
    }
}

fn shown(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |p| p.display().to_string())
}

fn default(name: OptionName, env: &Env) -> Option<String> {
    match name {
        DATABASE => default_database(env),
        MASTER_KEY_FILE => {
            xdg(env, "XDG_CONFIG_HOME", ".config").map(|p| p.join("orgctl/master.key").display().to_string())
        }
        COLOR => Some("auto".into()),
        WAIT => Some("30".into()),
        YES | NO_INPUT | QUIET | VERBOSE | DRY_RUN => Some("false".into()),
        _ => None,
    }
}

/// Reads the file: flat keys, each known.
fn read(path: &std::path::Path, must_exist: bool) -> Result<BTreeMap<String, String>, Problem> {
    let text = match bounded::read(path, bounded::SMALL) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !must_exist => return Ok(BTreeMap::new()),
        Err(e) => {
            return Err(Problem::usage(format!(
                "can't read the configuration {}: {}",
                path.display(),
                crate::model::problem::io_message(&e)
            )));
        }
    };
    let at = path.display();
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        Problem::usage(format!("the configuration {at} can't be read: line {line}: {}", e.message()))
    })?;
    let known: Vec<String> = OPTIONS.iter().filter(|s| s.in_file).map(ConfigOption::key).collect();
    let mut values = BTreeMap::new();
    for (key, value) in table {
        if !known.contains(&key) {
            let meant = nearest(&key, known.iter().map(String::as_str)).map(|m| format!("did you mean {m}?"));
            return Err(Problem::usage(format!("the configuration {at} has an unknown key '{key}'"))
                .hint_maybe(meant)
                .hint(format!("keys: {}", known.join(", "))));
        }
        let value = match value {
            toml::Value::String(s) => s,
            toml::Value::Boolean(b) => b.to_string(),
            toml::Value::Integer(n) => n.to_string(),
            toml::Value::Float(n) => n.to_string(),
            _ => {
                return Err(Problem::usage(format!(
                    "the configuration {at} gives {key} something that is no single value"
                )));
            }
        };
        values.insert(key, value);
    }
    Ok(values)
}

/// What `tests/run` tells the tests of this program.
const OF_THE_TESTS: &[&str] =
    &["ORGCTL_TEST_PG", "ORGCTL_TEST_PG_BIN", "ORGCTL_TEST_PG_CERT", "ORGCTL_TEST_PG_SOCKET", "ORGCTL_TEST_PG_SSL"];

/// A mistyped variable would be passed over in silence.
fn unknown_variables(env: &Env) -> Result<(), Problem> {
    let mut known: Vec<String> = OPTIONS.iter().map(ConfigOption::variable).collect();
    known.extend(["ORGCTL_CONFIG", SIGNING_KEY, VERIFIER_KEY, MASTER_KEY].map(str::to_owned));
    for (name, value) in env.iter().filter(|(n, _)| n.starts_with("ORGCTL_") && !OF_THE_TESTS.contains(&n.as_str())) {
        // What stands for bytes that could not be read.
        if value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Problem::usage(format!("the variable {name} is not UTF-8 text")));
        }
        if !known.contains(name) {
            let meant = nearest(name, known.iter().map(String::as_str)).map(|m| format!("did you mean {m}?"));
            return Err(Problem::usage(format!("the environment has {name}, which orgctl does not know"))
                .hint_maybe(meant)
                .hint(format!("variables: {}", known.join(", "))));
        }
    }
    time_zone(env.get("TZ").map(String::as_str).unwrap_or_default())
}

/// The system takes UTC for a name that it does not know, and every day would begin at another hour than was meant.
fn time_zone(tz: &str) -> Result<(), Problem> {
    if zone::is_known(tz) {
        return Ok(());
    }
    let meant = nearest(tz, zone::names()).map(|m| format!("did you mean {m}?"));
    Err(Problem::usage(format!("the environment has TZ, which names no time zone: '{}'", truncate(tz)))
        .hint_maybe(meant)
        .hint("write a name like Asia/Kolkata or UTC, or unset it: then the machine's own time zone holds"))
}
