//! Which column of a file fills which field.

use anyhow::Result;
use clap::ArgMatches;

use crate::model::problem::{Problem, nearest};
use crate::model::resource;
use crate::model::resource::{Descriptor, Field};
use crate::model::scalar::shorten;

/// What the header and `--map` say.
pub struct Mapping {
    /// For each column of the file, the field that it fills; none where it is passed over.
    pub columns: Vec<Option<String>>,
    /// References that are looked up by another field than the key.
    pub lookups: Vec<(String, String)>,
}

/// The columns that a file of rejects adds; a file fed back in still has them.
pub fn is_reject_column(header: &str) -> bool {
    matches!(header, "reject_line" | "reject_column" | "reject_code" | "reject_reason")
}

/// A field that `--map` names.
fn named(desc: &'static Descriptor, name: &str) -> Result<&'static Field> {
    desc.field(name).ok_or_else(|| {
        let known: Vec<&str> = desc.fields.iter().map(Field::name).collect();
        let meant = nearest(name, known.iter().copied()).map(|m| format!("did you mean {m}?"));
        Problem::usage(format!("--map names a field that a {} does not have: {}", desc.noun, shorten(name)))
            .hint_maybe(meant)
            .hint(format!("fields: {}", known.join(", ")))
            .into()
    })
}

/// The field by which `--map 'Supervisor=reports_to.name'` looks a reference up.
fn looked_up_by(field: &'static Field, by: &str) -> Result<&'static Field> {
    let target = field.target().and_then(resource).ok_or_else(|| {
        Problem::usage(format!("{} refers to nothing, so nothing can be looked up by {}", field.name(), shorten(by)))
    })?;
    named(target, by)
}

/// Says which field each column of the file fills.
pub fn map_columns(desc: &'static Descriptor, header: &[String], m: &ArgMatches) -> Result<Mapping> {
    let mut maps: Vec<(String, String)> = Vec::new();
    for map in m.get_many::<String>("map").into_iter().flatten() {
        let (from, to) = map.rsplit_once('=').ok_or_else(|| {
            Problem::usage(format!("'{}' maps nothing", shorten(map))).hint("write --map 'Emp ID=code'")
        })?;
        maps.push((from.trim().to_owned(), to.trim().to_owned()));
    }
    let known: Vec<&str> = desc.fields.iter().map(Field::name).collect();
    let mut columns: Vec<Option<String>> = Vec::new();
    let (mut lookups, mut unknown) = (Vec::new(), Vec::new());
    for name in header {
        let name = name.trim();
        let mapped = maps.iter().position(|(from, _)| from.eq_ignore_ascii_case(name)).map(|i| maps.swap_remove(i).1);
        let field = match &mapped {
            Some(to) => {
                let (to, by) = to.split_once('.').map_or((to.as_str(), None), |(to, by)| (to, Some(by)));
                let field = named(desc, to)?;
                if let Some(by) = by {
                    lookups.push((field.name().to_owned(), looked_up_by(field, by)?.name().to_owned()));
                }
                Some(field)
            }
            None => desc.field_for_header(name),
        };
        if field.is_none() && !is_reject_column(name) {
            unknown.push(name.to_owned());
        }
        if let Some(twice) = field.filter(|f| columns.iter().flatten().any(|c| c == f.name())) {
            return Err(Problem::invalid(format!("two columns of the file fill {}", twice.name()))
                .hint("--map says which column is meant; rename or remove the other")
                .into());
        }
        columns.push(field.map(|f| f.name().to_owned()));
    }
    if let Some((from, _)) = maps.first() {
        return Err(Problem::usage(format!("the file has no column '{}'", shorten(from)))
            .hint(format!("its columns: {}", header.join(", ")))
            .into());
    }
    if !unknown.is_empty() && !m.get_flag("ignore-unknown") {
        let meant = unknown
            .iter()
            .find_map(|u| nearest(u, known.iter().copied()).map(|k| format!("did you mean {k} by '{u}'?")));
        return Err(Problem::invalid(format!("columns that a {} does not have: {}", desc.noun, unknown.join(", ")))
            .hint_maybe(meant)
            .hint("--map 'COLUMN=FIELD' says what one is; --ignore-unknown passes over them")
            .hint(format!("fields: {}", known.join(", ")))
            .into());
    }
    Ok(Mapping { columns, lookups })
}

pub fn constants(desc: &'static Descriptor, m: &ArgMatches) -> Result<Vec<(String, String)>> {
    let mut constants = Vec::new();
    for set in m.get_many::<String>("set").into_iter().flatten() {
        let (name, value) = set.split_once('=').ok_or_else(|| {
            Problem::usage(format!("'{}' sets nothing", shorten(set))).hint("write --set country=India")
        })?;
        let field = desc.field(name.trim()).ok_or_else(|| {
            let known: Vec<&str> = desc.fields.iter().map(Field::name).collect();
            Problem::usage(format!("a {} has no field '{}'", desc.noun, shorten(name)))
                .hint(format!("fields: {}", known.join(", ")))
        })?;
        constants.push((field.name().to_owned(), value.to_owned()));
    }
    Ok(constants)
}
