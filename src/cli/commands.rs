//! The commands that can be kept and run another time: all that change the database alone.

use crate::crud::import::Import;
use crate::crud::journal::Prune;
use crate::crud::link::Assign;
use crate::crud::owned::Keep;
use crate::crud::purge::Purge;
use crate::crud::remove::{Deactivate, Delete};
use crate::crud::replay::Storable;
use crate::crud::restore::Restore;
use crate::crud::seed::Bring;
use crate::crud::transition::Move;
use crate::crud::write::{Change, Create, End};
use crate::verbs::audit::append::Append;
use crate::verbs::audit::clock::CorrectClock;
use crate::verbs::consent::Withdraw;
use crate::verbs::kyc::batch::Batch;
use crate::verbs::kyc::decide::{Reject, Verify};
use crate::verbs::kyc::discard::Discard;
use crate::verbs::kyc::review::Review;
use crate::verbs::kyc::risk::SetRisk;
use crate::verbs::org::OrgImport;
use crate::verbs::password::SetPassword;
use crate::verbs::repair::Repair;
use crate::verbs::revert::Revert;
use crate::verbs::role::Apply;
use crate::verbs::role::grant::{CloneRole, Grant};
use crate::verbs::setting::{Reset, Set};
use crate::verbs::user::block::{Block, Unblock};
use crate::verbs::user::import::UserImport;
use crate::verbs::user::invite::Uninvite;
use crate::verbs::user::merge::Merge;
use crate::verbs::user::placing::AssignBranches;

pub const COMMANDS: &[Storable] = &[
    // Of any kind.
    Storable::of::<Create>(),
    Storable::of::<Change>(),
    Storable::of::<End>(),
    Storable::of::<Keep>(),
    Storable::of::<Move>(),
    Storable::of::<Assign>(),
    Storable::of::<Deactivate>(),
    Storable::of::<Delete>(),
    Storable::of::<Restore>(),
    Storable::of::<Purge>(),
    Storable::of::<Prune>(),
    Storable::of::<Import>(),
    // Of one.
    Storable::of::<OrgImport>(),
    Storable::of::<UserImport>(),
    Storable::of::<Block>(),
    Storable::of::<Unblock>(),
    Storable::of::<Uninvite>(),
    Storable::of::<AssignBranches>(),
    Storable::of::<Merge>(),
    Storable::of::<SetPassword>(),
    Storable::of::<Apply>(),
    Storable::of::<Grant>(),
    Storable::of::<CloneRole>(),
    Storable::of::<Withdraw>(),
    Storable::of::<Review>(),
    Storable::of::<Verify>(),
    Storable::of::<Reject>(),
    Storable::of::<Discard>(),
    Storable::of::<SetRisk>(),
    Storable::of::<Batch>(),
    Storable::of::<Set>(),
    Storable::of::<Reset>(),
    Storable::of::<Append>(),
    Storable::of::<Revert>(),
    Storable::of::<CorrectClock>(),
    Storable::of::<Bring>(),
    Storable::of::<Repair>(),
];
