//! Commands that open no database.

use anyhow::Result;
use serde_json::json;

use super::config::Config;
use super::tree::Program;
use crate::model::redact::secrets;
use crate::model::values::value::ValueType;
use crate::store::engine::location::Location;
use crate::ui::Ui;
use crate::ui::format::{self, Listing, OutputColumn, is_for_programs};

/// What came of it; none: it is another command.
pub fn run(ui: &Ui, noun: &str, verb: &str, config: &Config, program: Program) -> Option<Result<()>> {
    match (noun, verb) {
        ("", "permissions") => Some(permissions(ui, program)),
        ("config", "show") => Some(config_show(ui, config)),
        ("config", _) => Some(config_path(ui, config)),
        _ => None,
    }
}

fn config_path(ui: &Ui, config: &Config) -> Result<()> {
    let path = config.path.as_ref().map_or_else(String::new, |p| p.display().to_string());
    match is_for_programs(ui) {
        true => format::report(ui, &json!({ "path": path })),
        false => ui.out(&format!("{path}\n")).and_then(|()| ui.flush()),
    }
}

/// What is no address of a database, as far as that can be shown.
fn malformed(text: &str) -> String {
    let shown = secrets(text);
    // An @ is where a password ends, and it was not clear where it began.
    if shown == text && text.contains('@') { "***".to_owned() } else { shown }
}

/// Which permission each command asks for.
fn permissions(ui: &Ui, program: Program) -> Result<()> {
    let texts = ["command", "permission"].map(|name| OutputColumn::new(name, ValueType::Text));
    let heads = texts.into_iter().chain([OutputColumn::new("writes", ValueType::Bool)]).collect();
    let mut listing = Listing::new(ui, heads, 0);
    for (command, access) in program.permissions() {
        listing.row(ui, vec![command.into(), access.permission.into(), access.writes.into()])?;
    }
    listing.finish(ui)?;
    ui.flush()
}

fn config_show(ui: &Ui, config: &Config) -> Result<()> {
    let heads = vec![
        OutputColumn::new("name", ValueType::Text),
        OutputColumn::new("value", ValueType::Text),
        OutputColumn::new("origin", ValueType::Text),
    ];
    let mut listing = Listing::new(ui, heads, 0);
    for s in &config.settings {
        // A URL may hold a password, and so may what was meant to be one.
        let value = match (&s.value, s.name) {
            (Some(url), "database") => Some(Location::parse(url).map_or_else(|_| malformed(url), |l| l.url())),
            (value, _) => value.as_deref().map(secrets),
        };
        listing.row(ui, vec![s.name.into(), value.into(), s.origin.as_str().into()])?;
    }
    listing.finish(ui)?;
    ui.flush()
}
