//! Rows with ciphertext, as `kyc export --sealed` writes them: each value opens by the key that it was sealed by, in its place alone,
//! and is then held to all that one in clear is held to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::paper::OWNERS;
use super::seal::sealed_columns;
use super::{DESC, owner_cells};
use crate::crud::import::sealing::Cells;
use crate::crud::vault::{Cell, Opener};
use crate::model::problem::Problem;
use crate::model::sealing::key_of;

/// The columns that say where the values belong.
pub const ID: &str = "id";
pub const ORGANISATION: &str = "organisation";
pub const KEY_ID: &str = "key_id";

/// What the column of a sealed value ends with where it is ciphertext.
pub const SEALED: &str = "_sealed";

/// Who owns a business, as ciphertext.
pub const OWNERS_SEALED: &str = "owners_sealed";

/// What a row says besides of a record that was brought sealed.
pub struct Brought {
    pub id: Uuid,
    /// Whose data it is, by its key.
    pub subject: Uuid,
    /// The ids of who owns the business.
    pub owners: Vec<Uuid>,
}

/// Opens the ciphertext of a row, in place of which stands what it says; none where there is none.
pub fn opened(opener: Option<&Opener>, cells: &mut Cells) -> Result<Option<Brought>, Problem> {
    let mut take = |name: &str| {
        let at = cells.iter().position(|(known, _)| *known == name)?;
        Some(cells.swap_remove(at).1)
    };
    let (id, organisation, key) = (take(ID), take(ORGANISATION), take(KEY_ID));
    let Some(opener) = opener else { return Ok(None) };
    let mut sealed = Vec::new();
    for column in sealed_columns() {
        if let Some(text) = take(&format!("{column}{SEALED}")) {
            sealed.push((column, text));
        }
    }
    let owners = take(OWNERS_SEALED);
    if sealed.is_empty() && owners.is_none() {
        return Ok(None);
    }
    let wrong = |what: &'static str, why: &str| Problem::invalid(why).field(what);
    let uuid = |text: Option<Zeroizing<String>>| Uuid::try_parse(text.as_deref().map_or("", |text| text)).ok();
    let id = uuid(id).ok_or_else(|| wrong(ID, "the id of the record that it was sealed in is missing"))?;
    if uuid(organisation) != Some(opener.org()) {
        return Err(wrong(ORGANISATION, "it was sealed in another organisation, and opens there alone"));
    }
    let key = uuid(key);
    let mut brought = Brought { id, subject: Uuid::nil(), owners: Vec::new() };
    let is_double = sealed.iter().map(|(column, _)| *column).chain(owners.is_some().then_some(OWNERS));
    if let Some(double) = is_double.into_iter().find(|column| cells.iter().any(|(known, _)| known == column)) {
        return Err(wrong(double, "it stands there in clear and sealed"));
    }
    for (column, text) in sealed {
        let bytes = STANDARD.decode(text.trim()).ok().filter(|bytes| key_of(bytes).is_some());
        let bytes = bytes.ok_or_else(|| wrong(column, "it is no sealed value in Base64"))?;
        let by = key_of(&bytes);
        if key.is_some() && by != key {
            return Err(wrong(KEY_ID, "it is not the key that a value of the row says it was sealed by"));
        }
        brought.subject = opener.subject_of(&bytes).ok_or_else(|| {
            let by = by.unwrap_or_default();
            wrong(KEY_ID, &format!("the key {by} is not here: 'orgctl key import' brings the keys of an organisation"))
        })?;
        let clear = opener.open(&Cell { table: DESC.table, column, row: id }, &bytes)?;
        let text = std::str::from_utf8(&clear).map_err(|_| wrong(column, "what is sealed is no text"))?;
        let text = Zeroizing::new(text.to_owned());
        cells.push((column, text));
    }
    if let Some(text) = owners {
        let clear;
        (brought.owners, clear) = owner_cells::opened(opener, &text, &mut brought.subject)?;
        cells.push((OWNERS, clear));
    }
    Ok(Some(brought))
}
