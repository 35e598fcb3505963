//! Who runs the command: the local operator, by uid through the password database, never by `$USER`.

use chrono::NaiveDate;
use nix::unistd::{Uid, User, gethostname};
use serde_json::{Map, json};
use uuid::Uuid;

use super::World;
use crate::model::identity::within::{candidates, found_in};
use crate::model::kinds::kyc::Kyc;
use crate::model::redact::typed;
use crate::model::values::scalar::Noun as _;
use crate::model::values::zone::Zone;
use crate::store::engine::location::Location;
use crate::store::tx::Origin;
use crate::ui::Io;

fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |u| u.name)
}

/// Who, from where, with which command.
pub fn origin(world: &World<'_>, io: &Io, request_id: Uuid, mut command: Vec<String>) -> Origin {
    let uid = Uid::from_raw(world.operator.uid);
    let host = gethostname().ok().and_then(|h| h.into_string().ok()).unwrap_or_else(|| "unknown".to_owned());
    let name = name_of(uid);
    // Whoever can set SUDO_UID can run as this uid anyway; with sudo itself it names the person behind it.
    let behind = world.operator.sudo_uid.map(Uid::from_raw).filter(|u| *u != uid);
    let mut operator = Map::new();
    operator.insert("uid".into(), uid.as_raw().into());
    operator.insert("name".into(), name.as_str().into());
    if let Some(login) = world.operator.login_uid.filter(|login| *login != uid.as_raw()) {
        operator.insert("login_uid".into(), login.into());
    }
    let (actor_key, actor_name) = match behind {
        Some(person) => {
            let person_name = name_of(person);
            operator.insert("sudo_uid".into(), person.as_raw().into());
            operator.insert("sudo_name".into(), person_name.as_str().into());
            (format!("operator:{person}/{uid}@{host}"), format!("{person_name} (as {name})"))
        }
        None => (format!("operator:{uid}@{host}"), name),
    };
    if let Some(program) = command.first_mut() {
        "orgctl".clone_into(program);
    }
    hide_passwords(&mut command);
    hide_numbers(&mut command);
    let mut details = Map::new();
    details.insert("operator".into(), json!(operator));
    Origin {
        actor_key,
        actor_name,
        actor_kind: "operator",
        user: None,
        operator: *world.operator,
        source: source(world, io),
        request_id,
        command,
        host,
        details,
        started_at: crate::model::clock::Clock::micros(world.clock),
        clock_is_sure: false,
        zone: Zone::from_variable(world.env.get("TZ").map(String::as_str)),
    }
}

/// A database URL on the command line may hold a password, and one that was mistyped may stand anywhere.
fn hide_passwords(command: &mut [String]) {
    let mut is_database = false;
    for word in command {
        let (flag, text) = match word.split_once('=') {
            Some(("--database", text)) => ("--database=", text),
            _ if is_database => ("", word.as_str()),
            _ => {
                is_database = word == "--database";
                *word = typed(word);
                continue;
            }
        };
        is_database = false;
        *word = format!("{flag}{}", shown(text));
    }
}

/// The number of a paper has no place in a command line, and is not recorded with the refusal of what holds one. Elsewhere than
/// about papers one bank reference in ten would pass as such a number; an account number has no form of its own.
fn hide_numbers(command: &mut [String]) {
    let about = format!("{}:", Kyc::NOUN);
    if command.iter().any(|word| [Kyc::NOUN, "revert"].contains(&word.as_str()) || word.contains(&about)) {
        let is_number = |word: &str| found_in(word).is_some() || (!is_time(word) && !candidates(word).is_empty());
        command.iter_mut().filter(|word| is_number(word)).for_each(|word| "***".clone_into(word));
    }
}

/// Whether a word begins as a day does: what of it is in digits is no account number.
fn is_time(word: &str) -> bool {
    word.get(..10).is_some_and(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok())
}

/// The address of a database, or what was meant to be one, as far as that can be shown.
pub fn shown(text: &str) -> String {
    match Location::parse(text) {
        // As it was given: a path stays a path.
        Ok(Location::Sqlite(_)) => text.to_owned(),
        Ok(location) => location.shown(),
        Err(_) => "***".to_owned(),
    }
}

/// By hand, from cron (no terminal, no TERM), or from CI.
fn source(world: &World<'_>, io: &Io) -> &'static str {
    let terminal = io.stdin_is_terminal || io.stdout_is_terminal || io.stderr_is_terminal;
    if world.env.get("CI").is_some_and(|v| !v.is_empty() && v != "false") {
        "ci"
    } else if !terminal && !world.env.contains_key("TERM") {
        "cron"
    } else {
        "cli"
    }
}
