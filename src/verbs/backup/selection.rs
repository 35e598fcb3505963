//! Which archive is restored, and what is lost by it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};

use super::archive::Archive;
use super::catalogue::{KnownBackups, find, in_folder, short};
use crate::crud::invocation::Invocation;
use crate::model::backup::Manifest;
use crate::model::problem::Problem;
use crate::model::values::value::rfc3339;
use crate::store::backup::swap::DatabaseState;
use crate::ui::text::duration;

/// The archive that the words of the command mean.
pub async fn choose(
    s: &mut Invocation<'_>,
    from: Option<&str>,
    word: Option<&str>,
    at: Option<&str>,
) -> Result<Archive> {
    let word = word.unwrap_or("latest");
    let Some(at) = at else { return find(s, from, word).await };
    if word != "latest" {
        return Err(Problem::usage("--at picks a backup, and one is named already")
            .hint("leave the name of the backup out, or --at")
            .into());
    }
    let (_, upto) = s.context.time(at)?;
    let known = KnownBackups::reachable(s, from).await?;
    let taken = known.newest(Some(upto))?.clone();
    known.tell_passed_over(s.context, &taken, Some(upto));
    Archive::open(Path::new(&taken.location.unwrap_or_default()))
}

/// The archives of a folder that everything can be restored from, the newest first.
fn whole_ones(s: &Invocation<'_>, folder: &Path) -> Result<Vec<Manifest>> {
    let paths = in_folder(s, folder)?.into_iter().filter(|e| e.is_whole()).filter_map(|e| e.location);
    Ok(paths.filter_map(|path| Archive::open(Path::new(&path)).ok()).map(|a| a.manifest).collect())
}

/// A state of a trail that is known: of each tree its size.
pub struct LastKnown {
    /// Who knows it.
    pub by: String,
    pub at: DateTime<Utc>,
    pub sizes: Vec<(i32, u64)>,
}

/// The last state that another archive beside this one shows, where it is a later one.
pub fn known_in_folder(s: &Invocation<'_>, archive: &Archive) -> Option<LastKnown> {
    let folder = archive.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_later =
        |m: &Manifest| m.installation == archive.manifest.installation && m.created_at > archive.manifest.created_at;
    let later = whole_ones(s, folder).ok()?.into_iter().find(|m| is_later(m))?;
    Some(LastKnown {
        by: format!("the backup {}", short(later.id)),
        at: later.created_at,
        sizes: later.heads.iter().map(|h| (h.tree, h.size)).collect(),
    })
}

/// What an archive does not hold of what is known.
pub struct Loss {
    by: String,
    until: DateTime<Utc>,
    since: DateTime<Utc>,
    /// Tree, its records in the archive, and those that are known.
    trees: Vec<(i32, u64, u64)>,
}

impl Loss {
    pub fn of(manifest: &Manifest, known: LastKnown) -> Loss {
        let tree = |(tree, size): (i32, u64)| (tree, manifest.size_of(tree).unwrap_or(0), size);
        let trees = known.sizes.into_iter().map(tree).filter(|(_, had, known)| known > had).collect();
        Loss { by: known.by, until: known.at, since: manifest.created_at, trees }
    }

    /// What a database holds that is to be replaced. `first`: when the first was recorded that the archive does not hold.
    pub fn of_replaced(
        manifest: &Manifest,
        by: String,
        state: &DatabaseState,
        common: &BTreeMap<i32, u64>,
        first: Option<DateTime<Utc>>,
    ) -> Loss {
        let tree = |(tree, size): (i32, u64)| (tree, common.get(&tree).copied().unwrap_or(0), size);
        let trees = state.sizes().into_iter().map(tree).filter(|(_, same, size)| size > same).collect();
        // An archive of another branch of the trail may be younger than what parts them.
        let since = first.map_or(manifest.created_at, |first| first.min(manifest.created_at));
        Loss { by, until: state.last, since, trees }
    }

    pub fn records(&self) -> u64 {
        self.trees.iter().map(|(_, had, known)| known - had).sum()
    }

    fn seconds(&self) -> i64 {
        if self.trees.is_empty() { 0 } else { (self.until - self.since).num_seconds().max(0) }
    }

    pub fn json(&self) -> Json {
        let trees: Vec<Json> = self.trees.iter().map(|(tree, had, known)| json!([tree, had, known])).collect();
        json!({ "records": self.records(), "seconds": self.seconds(), "known_by": self.by, "trees": trees })
    }

    /// For people.
    pub fn describe(&self) -> String {
        match self.records() {
            0 => format!("nothing is lost of what {} shows", self.by),
            1 => format!("lost is 1 audit record that {} shows: {}", self.by, self.span()),
            n => format!("lost are {n} audit records that {} shows: {}", self.by, self.span()),
        }
    }

    fn span(&self) -> String {
        let lasting = duration(TimeDelta::seconds(self.seconds()));
        format!("what was done from {} to {} ({lasting})", rfc3339(self.since), rfc3339(self.until))
    }
}
