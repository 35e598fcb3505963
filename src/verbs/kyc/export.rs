//! `kyc export`: masked, as lists are; or with what is sealed, as ciphertext for where the organisation and its keys are, or in clear for
//! who may be shown it. Of whom something sealed goes out is recorded before the first of it is out.

use std::collections::HashMap;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;
use uuid::Uuid;

use super::brought::{OWNERS_SEALED, SEALED};
use super::import::FILLS;
use super::paper::OWNERS;
use super::parties::{self, without_numbers_of};
use super::seal::{RESPONSE, keys_that_seal, opened_by, sealed_columns};
use super::{DESC, agreed, owner_cells};
use crate::crud::context::Access;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Besides, FlagGroup, flags};
use crate::crud::read;
use crate::crud::vault::{Opener, Vault};
use crate::model::kinds::consent::Consent;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record, Resource as _};
use crate::model::sealing::key_of;
use crate::model::trail::audit::Action;
use crate::model::values::value::{Value, ValueType};
use crate::store::keys;
use crate::store::records::query::column;
use crate::store::records::{self, Deleted, subjects};
use crate::store::trail::exposure::{FIELDS, SUBJECTS};
use crate::ui::atomic_file::RedirectedOutput;
use crate::ui::format::{Format, Listing, OutputColumn, export_format};

/// Records that are read and written together.
const TOGETHER: usize = 500;

/// People whom one record of the trail names.
const NAMED: usize = 1000;

/// Whether what is sealed goes out, and how.
#[derive(clap::Args, Default)]
pub struct Unmasked {
    /// With what is sealed, as ciphertext, for where the organisation and its keys are; it is recorded whose it is
    #[arg(long)]
    pub sealed: bool,
    /// With what is sealed, in clear; a right of its own, and it is recorded whose it is
    #[arg(long, conflicts_with = "sealed")]
    pub reveal: bool,
    /// Why it must be seen in clear; it is recorded
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Write what is in clear to standard output, and to no file
    #[arg(long)]
    pub stdout: bool,
}

impl FlagGroup for Unmasked {}

flags! {
    /// The flags of `kyc export`.
    pub struct ExportFlags {
        export: read::ExportFlags,
        unmasked: Unmasked,
    }
}

impl Besides for ExportFlags {
    type Of = read::ExportFlags;

    fn examples(_: &Descriptor) -> String {
        "orgctl kyc export kyc.csv\norgctl kyc export --filter 'status=draft' -o ndjson\norgctl kyc export --sealed papers.csv\norgctl kyc export --reveal papers.csv --reason 'notice of the tax office'".to_owned()
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let Unmasked { sealed, reveal, reason, stdout } = self.unmasked;
        if !reveal && (reason.is_some() || stdout) {
            let flag = if stdout { "--stdout" } else { "--reason" };
            return Err(Problem::usage(format!("{flag} is for --reveal: nothing is shown in clear without it")).into());
        }
        if !sealed && !reveal {
            return read::export(s, desc, &self.export, read::Beside::Nothing).await;
        }
        gate::allow(s)?;
        let how = match reveal {
            true => How::Clear(reason_of(s, &self.export, reason.as_deref(), stdout)?),
            false => How::Sealed,
        };
        let permission = if reveal { "kyc:reveal".to_owned() } else { s.access().permission.clone() };
        let access = Access { permission, recorded: Action::Export.as_str(), writes: true };
        s.connection.tell(gate::reader_of(s.context.subject, s.kinds(), &access));
        s.outcome.access = Some(access);
        gate::allow(s)?;
        hand_out(s, &self.export, &how).await
    }
}

/// How sealed values go out.
enum How {
    Sealed,
    /// For a reason.
    Clear(String),
}

/// Why values are to be seen in clear, which goes to no file by mistake.
fn reason_of(s: &Invocation<'_>, export: &read::ExportFlags, reason: Option<&str>, stdout: bool) -> Result<String> {
    let is_file = export.file.file.as_ref().is_some_and(|file| file != "-");
    match (is_file, stdout) {
        (false, false) => {
            return Err(Problem::usage("it is not said where what is in clear is to go")
                .hint("name a file, which is yours alone then; --stdout writes it to standard output")
                .into());
        }
        (true, true) => return Err(Problem::usage("--stdout has no use beside a file").into()),
        _ => {}
    }
    let reason = reason.ok_or_else(|| Problem::usage("the reason is missing").hint("give it with --reason TEXT"))?;
    Ok(parties::reason(s, reason)?)
}

/// What a file is to hold.
struct Plan {
    org: i32,
    ids: Vec<Uuid>,
    format: Format,
    vault: Vault,
}

async fn plan(s: &mut Invocation<'_>, export: &read::ExportFlags, how: &How) -> Result<Plan> {
    let usage = |sentence: &str| Err(Problem::usage(sentence).into());
    if export.as_of.as_of.is_some() {
        return usage("what was sealed then is not kept: --as-of tells no sealed values");
    }
    if s.context.ui.style.columns.is_some() {
        return usage("what a file with sealed values holds is not chosen by --columns");
    }
    let org = s.the_org().await?;
    let mut query = read::query(s, DESC, &export.rows).await?;
    if query.life != Deleted::Exclude {
        return usage("sealed values of deleted records are not exported: restore them first");
    }
    (query.org, query.columns) = (Some(org), vec![column(&records::columns(DESC), "id")?.clone()]);
    let format = export_format(&s.context.ui, export.file.file.as_ref(), Format::Csv);
    if matches!(format, Format::Key | Format::Table) {
        return usage("sealed values are written as csv, tsv, json, ndjson or yaml");
    }
    if export.safe.safe_for_spreadsheets && format != Format::Csv {
        return usage("--safe-for-spreadsheets is for CSV");
    }
    let vault = match how {
        How::Sealed => Vault::default(),
        How::Clear(_) => Vault::of(s).await?,
    };
    let mut ids = Vec::new();
    let each = |row: crate::store::engine::sql::Row| {
        ids.push(row.uuid(0)?);
        Ok(())
    };
    query.each(s.db().await?, each).await?;
    Ok(Plan { org, ids, format, vault })
}

async fn hand_out(s: &mut Invocation<'_>, export: &read::ExportFlags, how: &How) -> Result<()> {
    let plan = plan(s, export, how).await?;
    let count = records::count(plan.ids.len() as u64, DESC);
    if s.context.dry_run {
        s.context.ui.status(&format!("dry run: would export {count}; nothing was handed out"));
        return Ok(());
    }
    let file = export.file.file.as_ref();
    let of = subjects::of(s.db().await?, DESC, plan.org, plan.ids.iter().copied()).await?;
    let mut people: Vec<Uuid> = of.into_values().filter(|id| !id.is_nil()).collect();
    people.sort_unstable();
    people.dedup();
    if let How::Clear(reason) = how {
        let people = people.iter().copied().collect();
        without_numbers_of(s, plan.org, &people, &[("--reason", Some(reason))]).await?;
    }
    let mut details = Map::new();
    details.insert("format".into(), plan.format.as_str().into());
    details.insert("file".into(), file.map_or("-", String::as_str).into());
    details.insert("records".into(), plan.ids.len().into());
    let of_owners = if names_owners(s, &plan).await? { &owner_cells::FIELDS[..] } else { &[] };
    details.insert(FIELDS.into(), sealed_columns().chain(of_owners.iter().copied()).collect::<Vec<_>>().into());
    match how {
        How::Sealed => drop(details.insert("how".into(), "sealed".into())),
        How::Clear(reason) => {
            details.insert("how".into(), "clear".into());
            details.insert("reason".into(), reason.as_str().into());
        }
    }
    let whose = people.chunks(NAMED).chain(people.is_empty().then_some(&[][..]));
    let details = whose.map(|some| {
        let ids: Vec<String> = some.iter().map(Uuid::to_string).collect();
        let mut details = details.clone();
        details.insert(SUBJECTS.to_owned(), ids.into());
        details
    });
    let details = details.collect();
    let (action, noun) = (Action::Export, DESC.noun.to_owned());
    gate::write(s, &read::Exported { action, noun, org: plan.org, id: None, details }).await?;
    let mut listing = Listing::in_format(plan.format, heads(how), 0);
    if export.safe.safe_for_spreadsheets {
        listing = listing.safe_for_spreadsheets();
    }
    let to = RedirectedOutput::begin(&s.context.ui, file, true)?;
    let mut done = rows(s, &plan, how, &mut listing).await;
    if done.is_ok() {
        done = listing.finish(&s.context.ui);
    }
    let ui = &s.context.ui;
    match to {
        Some(to) => to.end(ui, done)?,
        None => {
            done?;
            return ui.flush();
        }
    }
    let name = file.map_or("", String::as_str);
    match how {
        How::Sealed => ui.status(&format!(
            "exported {count} to {name}, sealed: 'kyc import' takes them where the organisation and its keys are"
        )),
        How::Clear(_) => ui.status(&format!("exported {count} to {name}, in clear: whoever has the file has the data")),
    }
    Ok(())
}

/// Whether anybody stands in the file as an owner of a business.
async fn names_owners(s: &mut Invocation<'_>, plan: &Plan) -> Result<bool> {
    for some in plan.ids.chunks(TOGETHER) {
        let ids: Vec<Value> = some.iter().map(|id| (*id).into()).collect();
        if !owner_cells::of(s.db().await?, plan.org, &ids).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The columns that stand beside sealed ones, and are read back as they are.
fn beside() -> impl Iterator<Item = &'static str> {
    FILLS.iter().copied().filter(|column| *column != "user_id")
}

fn heads(how: &How) -> Vec<OutputColumn> {
    let first: &[&str] = match how {
        How::Sealed => &["id", "organisation", "key_id", "user", "status"],
        How::Clear(_) => &["user", "status"],
    };
    let named = |column: &str| DESC.field(column).map_or(column, |field| field.name()).to_owned();
    let last = sealed_columns().map(|column| match how {
        How::Sealed => format!("{column}{SEALED}"),
        How::Clear(_) => column.to_owned(),
    });
    let owners = match how {
        How::Sealed => OWNERS_SEALED,
        How::Clear(_) => OWNERS,
    };
    let last = last.chain([owners.to_owned()]).chain(agreed::COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    let all = first.iter().map(|name| (*name).to_owned()).chain(beside().map(named)).chain(last);
    all.map(|name| OutputColumn::new(name, ValueType::Text)).collect()
}

/// All rows, in the order in which they were found.
async fn rows(s: &mut Invocation<'_>, plan: &Plan, how: &How, listing: &mut Listing) -> Result<()> {
    let org = keys::org_uuid(s.db().await?, plan.org).await?;
    for some in plan.ids.chunks(TOGETHER) {
        let ids: Vec<Value> = some.iter().map(|id| (*id).into()).collect();
        let found = records::with_ids(s.db().await?, DESC, Some(plan.org), &ids).await?;
        let mut found: HashMap<Uuid, Record> = found.into_iter().map(|r| (r.meta.id, r)).collect();
        let of: Vec<Value> = found.values().map(|record| record.get("user_id").clone()).collect();
        let people = records::with_ids(s.db().await?, User::DESCRIPTOR, Some(plan.org), &of).await?;
        let called: HashMap<Uuid, String> = people.iter().map(|user| (user.meta.id, user.key())).collect();
        let owners = owner_cells::of(s.db().await?, plan.org, &ids).await?;
        let named = found.values().map(|record| record.get("consent_id")).filter(|id| !id.is_null());
        let named: Vec<Value> = named.cloned().collect();
        let consents = records::with_ids(s.db().await?, Consent::DESCRIPTOR, Some(plan.org), &named).await?;
        let consents: HashMap<Uuid, Record> = consents.into_iter().map(|r| (r.meta.id, r)).collect();
        let opener = match how {
            How::Sealed => None,
            How::Clear(_) => {
                let keys: Vec<Uuid> =
                    found.values().chain(owners.values().flatten()).flat_map(keys_that_seal).collect();
                Some(plan.vault.opener(s.db().await?, plan.org, keys).await?)
            }
        };
        for record in some.iter().filter_map(|id| found.remove(id)) {
            let user = record.get("user_id").as_uuid().unwrap_or_default();
            let user = called.get(&user).cloned().unwrap_or_else(|| user.to_string());
            let own = owners.get(&record.meta.id).map_or(&[][..], Vec::as_slice);
            let is_text = matches!(plan.format, Format::Csv | Format::Tsv);
            let (mut row, owners) = match &opener {
                None => (sealed_row(&record, org, user), owner_cells::sealed(own)),
                Some(opener) => (clear_row(opener, &record, user)?, owner_cells::clear(opener, own, is_text)?),
            };
            row.push(owners);
            row.extend(agreed::exported(record.get("consent_id").as_uuid().and_then(|id| consents.get(&id))));
            listing.row(&s.context.ui, row)?;
        }
    }
    Ok(())
}

fn plain(record: &Record) -> impl Iterator<Item = Value> {
    beside().map(|column| record.get(column).clone())
}

fn sealed_row(record: &Record, org: Uuid, user: String) -> Vec<Value> {
    let sealed = || sealed_columns().map(|column| record.get(column).as_bytes());
    let key = sealed().flatten().find_map(key_of).map_or(Value::Null(ValueType::Text), |key| key.to_string().into());
    let mut row: Vec<Value> = vec![
        record.meta.id.to_string().into(),
        org.to_string().into(),
        key,
        user.into(),
        record.get("state").to_text().into(),
    ];
    row.extend(plain(record));
    row.extend(sealed().map(|bytes| match bytes {
        Some(bytes) => STANDARD.encode(bytes).into(),
        None => Value::Null(ValueType::Text),
    }));
    row
}

fn clear_row(opener: &Opener, record: &Record, user: String) -> Result<Vec<Value>> {
    let clear = opened_by(opener, record)?;
    let mut row: Vec<Value> = vec![user.into(), record.get("state").to_text().into()];
    row.extend(plain(record));
    row.extend(sealed_columns().map(|column| match clear.iter().find(|(name, _)| *name == column) {
        // Between the parts of a document a blank says what the end of a line does, and a row is one line.
        Some((name, text)) if *name == RESPONSE => text.trim().replace(['\n', '\r'], " ").into(),
        Some((_, text)) => text.as_str().into(),
        None => Value::Null(ValueType::Text),
    }));
    Ok(row)
}
