//! What a `postgres://` URL and the variables PG... say: each setting is obeyed or refused by its name.
//!
//! sqlx passes over what it does not know, and over what comes twice or can't be read in a variable.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::dialect::SCHEMA;
use super::opening::Opening;
use crate::model::problem::{Problem, io_message, nearest};
use crate::model::redact::secrets;

/// How such a URL is written.
pub const FORM: &str = "write postgres://USER@HOST/DATABASE?sslmode=verify-full; in a name or password %40 stands for @, \
                        %2F for /, %23 for #, %3F for ?";

/// What stands behind the question mark, and the name that a setting goes by where it has several.
const SETTINGS: &[(&str, &str)] = &[
    ("sslmode", "sslmode"),
    ("ssl-mode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("ssl-root-cert", "sslrootcert"),
    ("ssl-ca", "sslrootcert"),
    ("sslcert", "sslcert"),
    ("ssl-cert", "sslcert"),
    ("sslkey", "sslkey"),
    ("ssl-key", "sslkey"),
    ("statement-cache-capacity", "statement-cache-capacity"),
    ("host", "host"),
    ("hostaddr", "host"),
    ("port", "port"),
    ("dbname", "dbname"),
    ("user", "user"),
    ("password", "password"),
    ("options", "options"),
    ("statement_timeout", "statement_timeout"),
    ("connect_timeout", "connect_timeout"),
];

/// Settings of libpq's that say how a connection must be secured or which server may be meant, in the variables where it
/// looks for them. sqlx knows none of them (<https://www.postgresql.org/docs/current/libpq-envars.html>).
const NOT_OBEYED: &[&str] = &[
    "PGCHANNELBINDING",
    "PGGSSENCMODE",
    "PGLOADBALANCEHOSTS",
    "PGREQUIREAUTH",
    "PGREQUIREPEER",
    "PGREQUIRESSL",
    "PGSERVICE",
    "PGSSLCERTMODE",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLMAXPROTOCOLVERSION",
    "PGSSLMINPROTOCOLVERSION",
    "PGSSLNEGOTIATION",
    "PGTARGETSESSIONATTRS",
];

const SSL_MODES: &[&str] = &["disable", "prefer", "require", "verify-ca", "verify-full"];

/// Settings of a session that are orgctl's to make, and what is to be done instead.
const OURS: &[(&str, &str)] = &[
    ("search_path", "orgctl's tables are in the schema orgctl"),
    ("lock_timeout", "--wait SECONDS says how long to wait for a lock"),
    ("statement_timeout", "write statement_timeout=SECONDS as a setting of its own"),
    ("idle_in_transaction_session_timeout", "orgctl sets it"),
    ("client_min_messages", "orgctl sets it"),
    ("client_encoding", "orgctl speaks UTF-8"),
    ("datestyle", "orgctl sets it"),
    ("jit", "orgctl sets it"),
    ("timezone", "orgctl keeps times in UTC"),
    ("application_name", "orgctl tells the server which command runs"),
];

fn wrong(why: impl std::fmt::Display) -> Problem {
    Problem::usage(format!("the database URL can't be used: {why}"))
}

/// The URL, each setting that it makes once.
struct ParsedUrl {
    url: Url,
    settings: BTreeMap<&'static str, String>,
    /// Settings of the session: `options[work_mem]=...`
    session: Vec<(String, String)>,
}

/// Refuses what can't be obeyed in a URL.
pub fn check(text: &str) -> Result<(), Problem> {
    read(text).map(drop)
}

/// The URL of another database on the same server.
pub fn with_database(text: &str, name: &str) -> Result<String, Problem> {
    let mut url = Url::parse(text).map_err(|e| wrong(e).hint(FORM))?;
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|(key, _)| key != "dbname").map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    url.set_query(None);
    if !others.is_empty() {
        url.query_pairs_mut().extend_pairs(others);
    }
    url.set_path(name);
    Ok(url.into())
}

fn read(text: &str) -> Result<ParsedUrl, Problem> {
    // Neither the error nor the hint repeats the text.
    let url = Url::parse(text).map_err(|e| wrong(e).hint(FORM))?;
    if url.fragment().is_some() {
        return Err(wrong("it has a part behind a #").hint(FORM));
    }
    let mut said = ParsedUrl { settings: BTreeMap::new(), session: Vec::new(), url: url.clone() };
    let path = url.path().trim_start_matches('/');
    let database = String::from_utf8_lossy(&percent_decode(path)).into_owned();
    if path.contains(['@', '/']) {
        return Err(wrong("the name of the database holds a @ or a /").hint(FORM));
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|p| p.to_string());
    for (name, value) in [
        ("user", Some(url.username())),
        ("password", url.password()),
        ("host", Some(host)),
        ("port", port.as_deref()),
        ("dbname", Some(&database)),
    ] {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            said.settings.insert(name, value.to_owned());
        }
    }
    for (key, value) in url.query_pairs() {
        said.add_setting(&key, &value)?;
    }
    said.check()?;
    Ok(said)
}

impl ParsedUrl {
    fn add_setting(&mut self, key: &str, value: &str) -> Result<(), Problem> {
        if let Some(name) = key.strip_prefix("options[") {
            let name = name
                .strip_suffix(']')
                .filter(|n| is_setting(n))
                .ok_or_else(|| wrong("a setting of the session is not written options[NAME]=VALUE").hint(FORM))?;
            is_not_ours(name)?;
            self.session.push((name.to_owned(), value.to_owned()));
            return Ok(());
        }
        if key == "application_name" {
            return is_not_ours(key);
        }
        let Some((_, name)) = SETTINGS.iter().find(|(spelled, _)| *spelled == key) else {
            if !is_setting(key) {
                return Err(wrong("it has a setting that orgctl does not know").hint(FORM));
            }
            let meant = nearest(key, SETTINGS.iter().map(|(spelled, _)| *spelled));
            let all: Vec<&str> = SETTINGS.iter().filter(|(a, b)| a == b).map(|(a, _)| *a).collect();
            return Err(wrong(format!("it has no setting '{key}'"))
                .hint_maybe(meant.map(|m| format!("did you mean {m}?")))
                .hint(format!("settings: {}", all.join(", "))));
        };
        if value.is_empty() {
            return Err(wrong(format!("its {name} is empty")).hint("leave it out, or give it a value"));
        }
        // `localhost` before the path of a socket is what names the server to TLS.
        let is_beside = *name == "host" && self.url.host_str() == Some("localhost") && value.starts_with('/');
        let before = self.settings.insert(name, value.to_owned());
        match before {
            Some(before) if before != value && !is_beside => {
                Err(wrong(format!("it says the {name} twice")).hint("leave one of the two out"))
            }
            _ => Ok(()),
        }
    }

    fn check(&self) -> Result<(), Problem> {
        let get = |name: &str| self.settings.get(name).map(String::as_str);
        if get("host").is_some_and(|h| h.contains(',')) || get("port").is_some_and(|p| p.contains(',')) {
            return Err(several());
        }
        for (name, what) in [
            ("port", "the number of a port"),
            ("statement_timeout", "a whole number of seconds"),
            ("connect_timeout", "a whole number of seconds"),
            ("statement-cache-capacity", "a whole number"),
        ] {
            if get(name).is_some_and(|v| !is_number(name, v)) {
                return Err(wrong(format!("its {name} is not {what}")).hint("leave it out, or give a number"));
            }
        }
        if let Some(mode) = get("sslmode") {
            check_sslmode("its sslmode", mode)?;
        }
        check_options(get("options").unwrap_or_default())
    }
}

fn is_number(name: &str, value: &str) -> bool {
    match name {
        "port" => value.parse::<u16>().is_ok_and(|n| n > 0),
        _ => value.parse::<u16>().is_ok(),
    }
}

fn several() -> Problem {
    wrong("it names several servers").hint("name one: the primary, or a name or pooler that stands for it")
}

fn check_sslmode(whose: &str, mode: &str) -> Result<(), Problem> {
    if SSL_MODES.contains(&mode) {
        return Ok(());
    }
    let problem = match mode {
        "allow" => wrong(format!("{whose} is allow, which orgctl does not know")).hint("did you mean prefer?"),
        other => wrong(format!("{whose} is none that orgctl knows"))
            .hint_maybe(nearest(other, SSL_MODES.iter().copied()).map(|m| format!("did you mean {m}?"))),
    };
    Err(problem.hint(format!("one of: {}", SSL_MODES.join(", "))))
}

fn is_not_ours(name: &str) -> Result<(), Problem> {
    let folded = name.to_lowercase().replace('-', "_");
    match OURS.iter().find(|(ours, _)| *ours == folded) {
        Some((ours, instead)) => Err(wrong(format!("{ours} can't be set in it")).hint(*instead)),
        None => Ok(()),
    }
}

/// Options as the server's command line takes them: `-c NAME=VALUE`, `-cNAME=VALUE`, `--NAME=VALUE`.
fn check_options(options: &str) -> Result<(), Problem> {
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let setting = match (word, word.strip_prefix("-c"), word.strip_prefix("--")) {
            ("-c", ..) => words.next(),
            (_, Some(setting), _) | (_, _, Some(setting)) => Some(setting),
            _ => None,
        };
        if let Some((name, _)) = setting.and_then(|s| s.split_once('=')) {
            is_not_ours(name)?;
        }
    }
    Ok(())
}

/// What the variables say, as far as sqlx would pass over it.
fn check_variables(variables: &BTreeMap<String, String>) -> Result<(), Problem> {
    let get = |name: &str| variables.get(name).map(String::as_str).filter(|v| !v.is_empty());
    if let Some(name) = NOT_OBEYED.iter().find(|name| get(name).is_some()) {
        return Err(Problem::usage(format!("the environment has {name}, which orgctl does not obey"))
            .hint("unset it; what the database URL can say instead stands in docs/databases.md"));
    }
    let from =
        |name: &str, p: Problem| Problem { sentence: format!("the environment has {name}: {}", p.sentence), ..p };
    if get("PGPORT").is_some_and(|v| !is_number("port", v)) {
        return Err(Problem::usage("the environment has PGPORT, which is not the number of a port"));
    }
    if get("PGCONNECT_TIMEOUT").is_some_and(|v| !is_number("connect_timeout", v)) {
        return Err(Problem::usage("the environment has PGCONNECT_TIMEOUT, which is not a whole number of seconds"));
    }
    if let Some(name) = ["PGHOST", "PGHOSTADDR"].into_iter().find(|n| get(n).is_some_and(|v| v.contains(','))) {
        return Err(from(name, several()));
    }
    if let Some(mode) = get("PGSSLMODE") {
        check_sslmode("it", mode).map_err(|p| from("PGSSLMODE", p))?;
    }
    check_options(get("PGOPTIONS").unwrap_or_default()).map_err(|p| from("PGOPTIONS", p))
}

/// Certificates are looked at in some modes only; in the others they would be passed over.
fn check_certificates(said: &ParsedUrl, variables: &BTreeMap<String, String>) -> Result<(), Problem> {
    let given = |setting: &str, variable: &str| {
        said.settings.get(setting).or_else(|| variables.get(variable).filter(|v| !v.is_empty()))
    };
    let mode = given("sslmode", "PGSSLMODE").map_or("prefer", String::as_str);
    if given("sslrootcert", "PGSSLROOTCERT").is_some() && !mode.starts_with("verify-") {
        return Err(wrong(format!("with sslmode={mode} nobody looks at the certificate in sslrootcert"))
            .hint("write sslmode=verify-full, or verify-ca"));
    }
    for (setting, variable) in [("sslcert", "PGSSLCERT"), ("sslkey", "PGSSLKEY")] {
        if mode == "disable" && given(setting, variable).is_some() {
            return Err(wrong(format!("with sslmode=disable there is no use for {setting}"))
                .hint("write sslmode=verify-full, or leave it out"));
        }
    }
    Ok(())
}

/// What lies in a file of a certificate or a key. sqlx would read what a device gives until nothing is left.
fn pem(setting: &str, path: &str) -> Result<Vec<u8>, Problem> {
    const MOST: u64 = 4 << 20;
    let what = if setting == "sslkey" { "key" } else { "certificate" };
    let failed = |why: String| Problem::failed(format!("can't read the {what} in {setting}: {why}"));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(|e| failed(io_message(&e)).hint(format!("{setting}=FILE names a file in PEM")))?;
    match bytes.len() as u64 > MOST {
        true => Err(failed("it is larger than 4 megabytes".into())),
        false => Ok(bytes),
    }
}

/// Hands over the certificates and the key that are named by their files.
fn with_pem(
    mut options: PgConnectOptions,
    said: &ParsedUrl,
    variables: &BTreeMap<String, String>,
) -> Result<PgConnectOptions, Problem> {
    for (setting, variable) in [("sslrootcert", "PGSSLROOTCERT"), ("sslcert", "PGSSLCERT"), ("sslkey", "PGSSLKEY")] {
        let given = said.settings.get(setting).or_else(|| variables.get(variable).filter(|v| !v.is_empty()));
        // The text itself may stand there too.
        let Some(path) = given.filter(|v| !v.trim_start().starts_with("-----BEGIN")) else { continue };
        let bytes = pem(setting, path)?;
        options = match setting {
            "sslrootcert" => options.ssl_root_cert_from_pem(bytes),
            "sslcert" => options.ssl_client_cert_from_pem(bytes),
            _ => options.ssl_client_key_from_pem(bytes),
        };
    }
    Ok(options)
}

/// How to connect, and how long that may take.
pub fn options(text: &str, opening: &Opening) -> Result<(PgConnectOptions, Duration), Problem> {
    let said = read(text)?;
    check_variables(&opening.variables)?;
    check_certificates(&said, &opening.variables)?;
    let variable = |name: &str| opening.variables.get(name).filter(|v| !v.is_empty());
    if said.settings.get("dbname").or(variable("PGDATABASE")).is_none() {
        return Err(wrong("it names no database").hint(FORM));
    }
    let seconds = |setting: &str| said.settings.get(setting).and_then(|v| v.parse::<u64>().ok());
    let connecting = seconds("connect_timeout").or_else(|| variable("PGCONNECT_TIMEOUT").and_then(|v| v.parse().ok()));
    // As libpq has it: nought is without end.
    let connecting = match connecting {
        Some(0) => Duration::from_secs(u64::from(u32::MAX)),
        Some(n) => Duration::from_secs(n),
        None => opening.wait.max(Duration::from_secs(5)),
    };
    let mut url = said.url.clone();
    let ours = |key: &str| matches!(key, "statement_timeout" | "connect_timeout") || key.starts_with("options[");
    let kept: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(key, _)| !ours(key)).collect();
    match kept.is_empty() {
        true => url.set_query(None),
        false => drop(url.query_pairs_mut().clear().extend_pairs(kept)),
    }
    let wait = format!("{}ms", opening.wait.as_millis().max(1));
    let timeout = format!("{}s", seconds("statement_timeout").unwrap_or_default());
    let options = PgConnectOptions::from_str(url.as_str())
        .map_err(|e| wrong(secrets(&e.to_string())))?
        .application_name(&opening.application)
        .options(said.session.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .options([
            ("search_path", SCHEMA),
            ("lock_timeout", &wait),
            ("statement_timeout", &timeout),
            ("idle_in_transaction_session_timeout", "10min"),
            ("client_min_messages", "warning"),
            // Compiling a query costs more than any of ours takes.
            ("jit", "off"),
            ("TimeZone", "UTC"),
        ])
        .log_statements(log::LevelFilter::Off)
        .log_slow_statements(log::LevelFilter::Off, Duration::ZERO);
    Ok((with_pem(options, &said, &opening.variables)?, connecting))
}

/// Without the password.
pub fn shown(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return "postgres://***".to_owned() };
    if url.password().is_some() {
        // Fails only for URLs without a host, which have no password.
        let _ = url.set_password(Some("***"));
    }
    secrets(url.as_str())
}

/// The name of the database, where the URL or a variable says it.
pub fn database(text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let said = read(text).ok()?;
    said.settings.get("dbname").or_else(|| variables.get("PGDATABASE")).cloned()
}

/// Whether it may be the name of a setting, so that it can be repeated.
pub(in crate::store) fn is_setting(name: &str) -> bool {
    !name.is_empty() && name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b"_-[]".contains(&b))
}

/// `%41` is `A`; what is no such number stays.
pub(in crate::store) fn percent_decode(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        let number = more.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let number = number.filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        match number.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    bytes
}
