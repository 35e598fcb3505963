//! What only a file of people says of itself.

use clap::Command;

use crate::crud::import::Leavers;
use crate::crud::leaf::{FlagGroup, id};
use crate::model::resource::Descriptor;

/// What only a file of people says: their passwords, and whether it is the whole truth about who is there.
#[derive(clap::Args, Default)]
pub struct PeopleFlags {
    /// Set the passwords of users that are there too; otherwise only new ones get those of the file
    #[arg(long)]
    pub reset_passwords: bool,
    /// Take the file as the whole truth: who is not in it has left
    #[arg(long, conflicts_with = "generate_codes")]
    pub sync: bool,
    /// The whole truth about one branch or department only: branch=MUM01
    #[arg(long, value_name = "SCOPE", requires = "sync")]
    pub scope: Option<String>,
    /// What becomes of who has left: deactivate, block, delete or report
    #[arg(long, value_name = "WHAT", requires = "sync", default_value = "deactivate", value_parser = ["deactivate", "block", "delete", "report"], hide_possible_values = true)]
    pub leavers: String,
    /// Let what leavers lead, and who reports to them, go to this one
    #[arg(long, value_name = "KEY", conflicts_with = "orphan")]
    pub reassign_to: Option<String>,
    /// Let what leavers lead be led by nobody
    #[arg(long)]
    pub orphan: bool,
    /// Make departments, branches and roles that rows refer to and that are not there; a role of a template's name has its permissions
    #[arg(long)]
    pub create_missing: bool,
}

impl FlagGroup for PeopleFlags {
    fn in_words(c: Command, _: &Descriptor) -> Command {
        let most = "Most who may leave or lose their access at once: 25, or 10% (default: the setting feed.max_leavers_percent)";
        let any = "Let any number leave or lose their access; put people also where nobody works any more";
        c.mut_arg(id!(Leavers, max_leavers), |a| a.help(most)).mut_arg(id!(Leavers, force), |a| a.help(any))
    }
}
