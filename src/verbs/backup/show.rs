//! What a backup says of itself.

use anyhow::Result;
use serde_json::{Value as Json, json};

use super::archive::Archive;
use super::catalogue::{KnownBackups, find, read_entry};
use crate::crud::context::Context;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType};
use crate::ui::format::{Format, Listing, OutputColumn, record};
use crate::verbs::audit::keys::{KeyFlags, verifiers};

/// Whether the signature of an archive can be relied on, in a word.
fn signature(context: &Context<'_>, keys: &KeyFlags, archive: &Archive) -> Result<(&'static str, Option<Problem>)> {
    let keys = verifiers(context, keys)?;
    Ok(match archive.signed_by(&keys) {
        Err(e) => ("broken", Some(e.downcast::<Problem>()?)),
        Ok(names) if !names.is_empty() => ("trusted", None),
        Ok(_) if archive.signers().is_empty() => ("missing", None),
        Ok(_) => ("untrusted", None),
    })
}

/// The flags of `backup show`.
#[derive(clap::Args)]
pub struct ShowFlags {
    /// File, 'latest', or the end of a backup's id
    #[arg(value_name = "BACKUP")]
    pub backup: String,
    /// Folder to look in
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
    #[command(flatten)]
    pub keys: KeyFlags,
}

impl Leaf for ShowFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "show",
        permission: "backups:read",
        writes: false,
        about: "Show what a backup holds, to whom it is encrypted and who signed it",
        examples: "orgctl backup show latest\norgctl backup show 1a2b3c4d --from /mnt/backups -o json",
    };
    const UNUSED: Unused = Unused::NONE.org();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let archive = find(s, self.from.as_deref(), &self.backup).await?;
        let (signature, broken) = signature(s.context, &self.keys, &archive)?;
        let known = KnownBackups::load(s, self.from.as_deref())
            .await
            .ok()
            .and_then(|k| k.entries.into_iter().find(|e| e.id == archive.manifest.id));
        let entry = known.or_else(|| read_entry(s, &archive.path));
        let manifest = &archive.manifest;
        let for_people = ui.style.format.get() == Format::Table && ui.style.columns.is_none();
        let int = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let list = |all: &[String]| match all.is_empty() {
            true if for_people => Value::Null(ValueType::Json),
            _ => Value::Json(Box::new(all.into())),
        };
        let tables: Vec<Json> =
            manifest.tables.iter().map(|t| json!({ "name": t.name, "class": t.class, "rows": t.rows })).collect();
        let heads: Vec<Json> =
            manifest.heads.iter().map(|h| json!({ "tree": h.tree, "size": h.size, "root": h.root })).collect();
        let mut fields: Vec<(&str, ValueType, Value)> = vec![
            ("id", ValueType::Text, manifest.id.to_string().into()),
            ("type", ValueType::Text, manifest.kind.as_str().into()),
            ("status", ValueType::Text, entry.as_ref().map(|e| e.status.as_str().to_owned()).into()),
            ("label", ValueType::Text, manifest.label.clone().into()),
            ("created_at", ValueType::Time, manifest.created_at.into()),
            ("location", ValueType::Text, archive.path.display().to_string().into()),
            ("size", ValueType::Int, entry.as_ref().and_then(|e| e.size).map(int).into()),
            ("rows", ValueType::Int, int(manifest.rows()).into()),
            ("encrypted", ValueType::Bool, manifest.is_encrypted().into()),
            ("recipients", ValueType::Json, list(&manifest.recipients)),
            ("signature", ValueType::Text, signature.into()),
            ("signed_by", ValueType::Json, list(&archive.signers())),
            ("verified_at", ValueType::Time, entry.as_ref().and_then(|e| e.verified_at).into()),
            ("hold_until", ValueType::Time, entry.as_ref().and_then(|e| e.hold_until).into()),
            ("error", ValueType::Text, entry.as_ref().and_then(|e| e.error.clone()).into()),
            ("orgctl", ValueType::Text, manifest.orgctl.as_str().into()),
            ("engine", ValueType::Text, format!("{} {}", manifest.engine, manifest.engine_version).into()),
            ("schema", ValueType::Int, manifest.schema.into()),
            ("installation", ValueType::Text, manifest.installation.to_string().into()),
        ];
        if !for_people {
            fields.push(("tables", ValueType::Json, Value::Json(Box::new(tables.into()))));
            fields.push(("heads", ValueType::Json, Value::Json(Box::new(heads.into()))));
        }
        let (columns, row) = fields
            .into_iter()
            .map(|(name, kind, value)| (OutputColumn::new(name, kind), value))
            .unzip::<_, _, Vec<_>, _>();
        record(ui, &columns, 0, row)?;
        if for_people {
            print_tables(s.context, &archive)?;
        }
        ui.flush()?;
        match broken {
            Some(problem) => Err(problem.into()),
            None => Ok(()),
        }
    }
}

fn print_tables(context: &Context<'_>, archive: &Archive) -> Result<()> {
    let ui = &context.ui;
    ui.out("\n")?;
    let heads = vec![
        OutputColumn::new("table", ValueType::Text),
        OutputColumn::new("class", ValueType::Text),
        OutputColumn::new("rows", ValueType::Int),
    ];
    let mut listing = Listing::new(ui, heads, 0);
    for t in &archive.manifest.tables {
        let rows = i64::try_from(t.rows).unwrap_or(i64::MAX);
        listing.row(ui, vec![t.name.as_str().into(), t.class.as_str().into(), rows.into()])?;
    }
    listing.finish(ui)?;
    ui.out("\n")?;
    let heads = vec![
        OutputColumn::new("tree", ValueType::Int),
        OutputColumn::new("records", ValueType::Int),
        OutputColumn::new("root", ValueType::Text),
    ];
    let mut listing = Listing::new(ui, heads, 0);
    for h in &archive.manifest.heads {
        let size = i64::try_from(h.size).unwrap_or(i64::MAX);
        listing.row(ui, vec![i64::from(h.tree).into(), size.into(), h.root.to_string().into()])?;
    }
    listing.finish(ui)
}
