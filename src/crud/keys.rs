//! Keys that a command names: on its command line, on standard input, or picked from a list.

use anyhow::Result;

use super::invocation::Invocation;
use super::prompt;
use crate::model::problem::Problem;
use crate::model::resource::Descriptor;
use crate::store::records::Deleted;
use crate::ui::bounded;

/// The one key that a command names. Where none is given, a person picks.
pub async fn one_key(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    life: Deleted,
    given: Option<String>,
) -> Result<String> {
    match given {
        Some(key) => Ok(key),
        None => prompt::key(s, desc, life).await,
    }
}

/// Keys from the command line; `-` reads them from standard input, one a line. Where none is given, a person picks.
pub async fn keys(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    life: Deleted,
    given: &[String],
) -> Result<Vec<String>> {
    if let Some(only) = &s.outcome.only_key {
        return Ok(vec![only.clone()]);
    }
    if given.is_empty() {
        return Ok(vec![prompt::key(s, desc, life).await?]);
    }
    let mut keys = Vec::new();
    for key in given {
        if key != "-" {
            keys.push(key.clone());
            continue;
        }
        let text = s.context.ui.read_stdin_text(bounded::LARGE).await?;
        // What an editor of Windows puts before a text is none of its first line.
        let text = text.trim_start_matches('\u{feff}');
        keys.extend(text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned));
    }
    if keys.is_empty() {
        return Err(Problem::usage("no key was given").hint("standard input had none").into());
    }
    Ok(keys)
}
