//! Commands that open no database.

use anyhow::Result;
use serde_json::json;

use super::config::{Config, DATABASE};
use super::program::Program;
use super::verb::PlainVerb;
use super::{World, demo, end};
use crate::model::redact::secrets;
use crate::model::values::value::ValueType;
use crate::store::engine::location::Location;
use crate::ui::format::{self, Listing, OutputColumn, is_for_programs};
use crate::ui::{Io, Ui};

/// Does it.
pub fn run(mut ui: Ui, verb: PlainVerb, config: &Config, words: &[String], world: &World<'_>) -> (u8, Io) {
    let done = match verb {
        PlainVerb::Demo => return demo::run_demo(ui, words, world),
        PlainVerb::Permissions => permissions(&ui, world.program),
        PlainVerb::ConfigShow => {
            // What holds is shown whole, whatever columns the environment asks for.
            if !ui.style.columns_typed {
                (ui.style.columns, ui.style.has_columns) = (None, false);
            }
            config_show(&ui, config)
        }
        PlainVerb::ConfigPath => config_path(&ui, config),
    };
    end(ui, done)
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
            (Some(url), DATABASE) => Some(Location::parse(url).map_or_else(|_| malformed(url), |l| l.url())),
            (value, _) => value.as_deref().map(secrets),
        };
        listing.row(ui, vec![s.name.as_str().into(), value.into(), s.origin.as_str().into()])?;
    }
    listing.finish(ui)?;
    ui.flush()
}
