//! Which archive is restored, and what is lost by it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::ArgMatches;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::archive::Archive;
use super::catalogue::{find, folder, in_folder, short};
use crate::crud::input::time;
use crate::crud::session::Session;
use crate::model::backup::Manifest;
use crate::model::problem::Problem;
use crate::model::value::rfc3339;
use crate::store::checkpoints;
use crate::store::db::Db;
use crate::store::dump;

/// The archive that the words of the command mean. `installation`: of the database that it is for, where there is one.
pub async fn choose(s: &mut Session<'_>, m: &ArgMatches, installation: Option<Uuid>) -> Result<Archive> {
    let word = m.get_one::<String>("backup").cloned().unwrap_or_else(|| "latest".to_owned());
    let at = m.get_one::<String>("at").cloned();
    if word != "latest" || Path::new(&word).is_file() {
        if at.is_some() {
            return Err(Problem::usage("--at picks a backup, and one is named already")
                .hint("leave the name of the backup out, or --at")
                .into());
        }
        return find(s, m, &word).await;
    }
    let not_later = at.map(|text| time(&text, s.clock.now(), s.origin.zone)).transpose()?.map(|(_, upto)| upto);
    let folder = folder(s, m, "from")?;
    let mut all = whole_ones(s, &folder)?;
    match installation {
        Some(installation) => all.retain(|(_, m)| m.installation == installation),
        None => of_one_installation(&all, &folder)?,
    }
    let found = all.iter().find(|(_, m)| not_later.is_none_or(|at| m.created_at <= at));
    match found {
        Some((path, _)) => Archive::open(path),
        None => {
            let of = if installation.is_some() { " of this database" } else { "" };
            let what = match not_later {
                Some(at) => format!("no whole backup{of} from {} or before", rfc3339(at)),
                None => format!("no whole backup{of}"),
            };
            Err(Problem::not_found(format!("there is {what} in {}", folder.display()))
                .hint("'orgctl backup list' shows all; --from names another folder")
                .into())
        }
    }
}

/// The archives of a folder that everything can be restored from, the newest first.
fn whole_ones(s: &Session<'_>, folder: &Path) -> Result<Vec<(PathBuf, Manifest)>> {
    let paths = in_folder(s, folder)?.into_iter().filter(|e| e.is_whole()).filter_map(|e| e.location);
    Ok(paths.filter_map(|path| Archive::open(Path::new(&path)).ok()).map(|a| (a.path, a.manifest)).collect())
}

/// Refuses to take the newest of several databases' backups for the one that is meant.
fn of_one_installation(all: &[(PathBuf, Manifest)], folder: &Path) -> Result<()> {
    let mut newest: BTreeMap<Uuid, &Manifest> = BTreeMap::new();
    for (_, manifest) in all {
        newest.entry(manifest.installation).or_insert(manifest);
    }
    if newest.len() < 2 {
        return Ok(());
    }
    let told: Vec<String> = newest
        .values()
        .map(|m| format!("{} (newest backup: {} of {})", m.installation, short(m.id), rfc3339(m.created_at)))
        .collect();
    Err(Problem::conflict(format!("{} holds backups of {} installations", folder.display(), newest.len()))
        .hint(format!("name the backup that is meant by its file or its id; the installations are {}", told.join(", ")))
        .into())
}

/// A state of a trail that is known: of each tree its size.
pub struct Known {
    /// Who knows it.
    pub by: String,
    pub at: DateTime<Utc>,
    pub sizes: Vec<(i32, u64)>,
}

/// What a database is, that another is put in the place of.
pub struct Live {
    pub installation: Uuid,
    pub known: Known,
}

/// Reads what a restore has to know of a database.
pub async fn live(db: &mut Db) -> Result<Live> {
    let by = format!("the database {}", db.location.shown());
    let installation = checkpoints::installation(db).await?;
    let edges = dump::heads(db).await?;
    let at = edges.iter().filter(|e| e.frontier.size() > 0).map(|e| e.at).max().unwrap_or_default();
    let sizes = edges.iter().map(|e| (e.tree, e.frontier.size())).collect();
    Ok(Live { installation, known: Known { by, at, sizes } })
}

/// The last state that another archive beside this one shows, where it is a later one.
pub fn known_beside(s: &Session<'_>, archive: &Archive) -> Option<Known> {
    let folder = archive.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_later =
        |m: &Manifest| m.installation == archive.manifest.installation && m.created_at > archive.manifest.created_at;
    let (_, later) = whole_ones(s, folder).ok()?.into_iter().find(|(_, m)| is_later(m))?;
    Some(Known {
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
    pub fn of(manifest: &Manifest, known: Known) -> Loss {
        let tree = |(tree, size): (i32, u64)| (tree, manifest.size_of(tree).unwrap_or(0), size);
        let trees = known.sizes.into_iter().map(tree).filter(|(_, had, known)| known > had).collect();
        Loss { by: known.by, until: known.at, since: manifest.created_at, trees }
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
    pub fn told(&self) -> String {
        match self.records() {
            0 => format!("nothing is lost of what {} shows", self.by),
            1 => format!("lost is 1 audit record that {} shows: {}", self.by, self.span()),
            n => format!("lost are {n} audit records that {} shows: {}", self.by, self.span()),
        }
    }

    fn span(&self) -> String {
        format!("what was done from {} to {} ({} s)", rfc3339(self.since), rfc3339(self.until), self.seconds())
    }
}
