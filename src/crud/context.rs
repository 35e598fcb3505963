//! What a command is run with: it is made once, of the command line and the environment, and nothing of it changes afterwards.

use std::collections::BTreeMap;
use std::path::PathBuf;

use uuid::Uuid;

use super::master_key::MasterKeySource;
use super::stored::Tape;
use crate::access::Subject;
use crate::model::clock::Clock;
use crate::model::kinds::Kinds;
use crate::model::random::{Ids, Random};
use crate::store::tx::Origin;
use crate::ui::Ui;

/// The environment variables, handed in.
pub type Env = BTreeMap<String, String>;

/// A folder of the XDG base directory specification; relative paths in the variables are to be ignored.
pub fn xdg(env: &Env, variable: &str, fallback: &str) -> Option<PathBuf> {
    let absolute = |v: &String| Some(PathBuf::from(v)).filter(|p| p.is_absolute());
    env.get(variable).and_then(absolute).or_else(|| env.get("HOME").and_then(absolute).map(|home| home.join(fallback)))
}

/// The surroundings of a command.
pub struct Context<'a> {
    /// Where it speaks.
    pub ui: Ui,
    pub env: &'a Env,
    /// Where the key comes from that wraps all others.
    pub master_key: MasterKeySource,
    pub clock: &'a dyn Clock,
    pub random: &'a dyn Random,
    /// The kinds of record that there are.
    pub kinds: Kinds,
    /// Who asks.
    pub subject: &'a Subject,
    /// Who acts, from where, as the trail tells it.
    pub origin: Origin,
    /// What the command needs a right to.
    pub access: Access,
    /// The command as it is called: `audit archive`.
    pub verb: String,
    /// `--org`
    pub org_key: Option<String>,
    pub dry_run: bool,
    /// `--force`
    pub force: bool,
    /// Where commands are taken down as they come by.
    pub tape: Option<&'a Tape>,
}

impl Context<'_> {
    pub fn new_id(&self) -> Uuid {
        Ids::default().next(self.clock.now(), self.random)
    }
}

/// The permission of what everybody may ask, whatever is granted: who he or she is, and what is brought along.
pub const OF_EVERYBODY: &str = "";

/// What a leaf of the command tree declares about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `branches:update`
    pub permission: String,
    /// The word under which its refusal is recorded: that of its success, wherever it has one.
    pub recorded: &'static str,
    /// Whether it changes the database: then a refusal of it is recorded.
    pub writes: bool,
}

impl Access {
    /// The resource word of the permission.
    pub fn resource(&self) -> &str {
        self.permission.split_once(':').map_or("", |(resource, _)| resource)
    }
}
