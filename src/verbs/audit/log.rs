//! `audit log`: the system log, asked for by how bad it is and by the command that said it.

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use crate::crud::flags::COMMAND;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::read::{Conditions, Filter, Paging, Rows, Sort};
use crate::crud::times::Span;
use crate::crud::{journal, read};
use crate::model::kinds::system_log::{LEVEL, Level, SOURCE, SystemLog};
use crate::model::resource::Resource as _;
use crate::model::values::value::Value;
use crate::store::records::query::{Condition, Op, column};
use crate::store::records::{self, Column};

/// A level and those that are worse.
fn worse(level: &str) -> Vec<Value> {
    Level::WORDS.iter().skip_while(|word| **word != level).map(|word| (*word).into()).collect()
}

/// The flags of `audit log list`: those of a list, and how bad it is and which command said it.
#[derive(clap::Args)]
pub struct ListFlags {
    /// Only rows for which all hold: 'level=info at>2026-01-01'
    #[arg(long, value_name = "CONDITIONS")]
    pub filter: Option<String>,
    #[command(flatten)]
    pub span: Span,
    #[command(flatten)]
    pub sort: Sort,
    #[command(flatten)]
    pub paging: Paging,
    /// Only this level and worse: info, warning, error, critical
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(Level::WORDS), hide_possible_values = true)]
    pub level: Option<String>,
    /// Only what this command said: 'audit archive'
    #[arg(id = COMMAND, long = "source", value_name = "COMMAND")]
    pub source: Option<String>,
}

impl Leaf for ListFlags {
    const SPEC: Spec = Spec {
        noun: "audit log",
        verb: "list",
        permission: "system_log:read",
        writes: false,
        about: "List what the program itself had to say, newest first",
        examples: "orgctl audit log list --level warning --since 7d\norgctl audit log list --source 'db migrate' -o json",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let desc = SystemLog::DESCRIPTOR;
        let all = records::columns(desc);
        let is_one_of = |name: &str, values: Vec<Value>| -> Result<Condition> {
            // As it is kept: an index serves it.
            let column = Column { field: None, ..column(&all, name)?.clone() };
            Ok(Condition { column, op: Op::Is, values })
        };
        let mut asked = Vec::new();
        if let Some(level) = self.level.as_ref().filter(|level| *level != Level::Info.as_str()) {
            asked.push(is_one_of(LEVEL, worse(level))?);
        }
        if let Some(source) = &self.source {
            asked.push(is_one_of(SOURCE, vec![source.as_str().into()])?);
        }
        let which = Conditions { filter: Filter { filter: self.filter }, span: self.span, ..Conditions::default() };
        let rows = Rows { which, sort: self.sort, ..Rows::default() };
        read::list_where(s, desc, &read::ListFlags { rows, paging: self.paging, ..read::ListFlags::default() }, asked)
            .await
    }
}

/// The flags of `audit log prune`.
#[derive(clap::Args)]
pub struct PruneFlags {
    /// Older than this (default: what the setting log.retention_days says)
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
}

impl Leaf for PruneFlags {
    const SPEC: Spec = Spec {
        noun: "audit log",
        verb: "prune",
        permission: "system_log:delete",
        writes: true,
        about: "Remove messages that are past their time",
        examples: "orgctl audit log prune\norgctl audit log prune --before 90d --dry-run",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        journal::prune(s, SystemLog::DESCRIPTOR, self.before.as_deref()).await
    }
}
