//! `audit log`: the system log, asked for by how bad it is and by the command that said it.

use anyhow::Result;
use clap::ArgMatches;

use crate::crud::read;
use crate::crud::session::Session;
use crate::model::kinds::system_log::{LEVEL, Level, SOURCE, SystemLog};
use crate::model::resource::Resource as _;
use crate::model::values::value::Value;
use crate::store::records::query::{Condition, Op, column};
use crate::store::records::{self, Column};

/// A level and those that are worse.
fn worse(level: &str) -> Vec<Value> {
    Level::WORDS.iter().skip_while(|word| **word != level).map(|word| (*word).into()).collect()
}

pub async fn list(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    let desc = SystemLog::DESCRIPTOR;
    let all = records::columns(desc);
    let is_one_of = |name: &str, values: Vec<Value>| -> Result<Condition> {
        // As it is kept: an index serves it.
        let column = Column { field: None, ..column(&all, name)?.clone() };
        Ok(Condition { column, op: Op::Is, values })
    };
    let mut asked = Vec::new();
    if let Some(level) = m.get_one::<String>("level").filter(|level| *level != Level::Info.as_str()) {
        asked.push(is_one_of(LEVEL, worse(level))?);
    }
    if let Some(source) = m.get_one::<String>("command") {
        asked.push(is_one_of(SOURCE, vec![source.as_str().into()])?);
    }
    read::list_where(s, desc, m, asked).await
}
