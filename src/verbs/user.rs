//! What only users can do: block, move, reports, merge and the like.

mod create_missing;
mod feed;
pub mod import;
mod leaver_limit;
mod passwords;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::stats;
use super::tree::{self, Node};
use crate::crud::contents::{delete_all, delete_with_contents};
use crate::crud::deletion::stands;
use crate::crud::flags::{PutAnyway, depth};
use crate::crud::former;
use crate::crud::gate::{self, Verb};
use crate::crud::keys::one_key;
use crate::crud::leaf::{FlagGroup, KindVerb, Leaf, Spec, flags};
use crate::crud::lookup::{find, find_in, find_ref};
use crate::crud::read::{self, Exported, known_columns, print_changed};
use crate::crud::remove;
use crate::crud::remove::Left;
use crate::crud::session::Session;
use crate::crud::subjects::records_of;
use crate::crud::times::time_to_come;
use crate::crud::write::{
    ChangedRecord, Target, change, change_all, dry_run_note, end, targets, targets_of_one_org, tell_changed,
};
use crate::model::kinds::branch::Branch;
use crate::model::kinds::user::{BRANCHES, User};
use crate::model::password::Secret;
use crate::model::problem::Problem;
use crate::model::resource::lifetime::{Consequence, Lifetime, TargetEvent};
use crate::model::resource::stored::Stored;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::resource::{Descriptor, Field, Record, Resource as _};
use crate::model::token;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{Line, ParseContext, Scalar, truncate};
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::records::credentials;
use crate::store::records::keys as store_keys;
use crate::store::records::pointing::{self, RecordAt, alike, pointing_at};
use crate::store::records::{self, Deleted};
use crate::store::trail::merged_ids;
use crate::store::tx::Tx;
use crate::store::tx::lists::Wanted;
use crate::ui::Ui;
use crate::ui::format::{self, Format, Listing, OutputColumn};

const DESC: &Descriptor = User::DESCRIPTOR;

/// Changes users by what a method of [`User`] says.
async fn change_each(
    tx: &mut Tx<'_>,
    targets: &[Target],
    action: Action,
    method: impl Fn(User) -> User,
) -> Result<Vec<ChangedRecord>> {
    try_each(tx, targets, action, |u| Ok(method(u.value.clone()))).await
}

/// As [`change_each`], by what may refuse.
async fn try_each(
    tx: &mut Tx<'_>,
    targets: &[Target],
    action: Action,
    method: impl Fn(&Stored<User>) -> Result<User, Problem>,
) -> Result<Vec<ChangedRecord>> {
    change_all(tx, DESC, targets, &action.into(), |before| {
        let before = Stored::<User>::from_record(before)?;
        Ok(before.with(method(&before)?).into_record())
    })
    .await
}

fn as_targets(records: &[Record]) -> Vec<Target> {
    records.iter().map(Target::of).collect()
}

fn orgs_of(targets: &[Target]) -> Vec<i32> {
    targets.iter().map(|t| t.org).collect()
}

/// Blocks users.
#[derive(Debug, Serialize, Deserialize)]
pub struct Block {
    pub targets: Vec<Target>,
    pub reason: String,
    pub until: Option<DateTime<Utc>>,
}

impl Verb for Block {
    const NAME: &str = "user block";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        orgs_of(&self.targets)
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Vec<ChangedRecord>> {
        let reason = (<Line<1000> as Scalar>::TYPE.parse)(&self.reason, context);
        let reason = reason.ok().as_ref().and_then(Line::<1000>::from_value);
        let reason =
            reason.ok_or_else(|| Problem::invalid("the reason must be one line of at most 1000 characters"))?;
        if let Some(until) = self.until.filter(|until| *until <= tx.at()) {
            return Err(Problem::conflict(format!("the block would have ended already: {}", rfc3339(until))).into());
        }
        change_each(tx, &self.targets, Action::UserBlock, |u| u.block(reason.clone(), self.until)).await
    }
}

/// The flags of `user block`.
#[derive(clap::Args)]
pub struct BlockFlags {
    /// Users to block; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// When the block ends by itself: 7d, 2026-12-24
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

impl Leaf for BlockFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "block",
        permission: "users:block",
        writes: true,
        about: "Block users: they can't sign in",
        examples: "orgctl user block ravi@sahyadri.example --reason 'lost laptop' --until 7d\norgctl user list --filter 'branch=MUM01' -o key | orgctl user block - --reason audit",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        let until = self.until.as_ref().map(|t| time_to_come(t, s.context.clock.now(), s.origin.zone)).transpose()?;
        let reason = match &self.reason {
            Some(reason) => reason.clone(),
            None if s.ui.style.interactive => {
                let given =
                    |text: &str| if text.trim().is_empty() { Err("a reason is needed".to_owned()) } else { Ok(()) };
                s.ui.ask("Reason", None, given).await?
            }
            None => return Err(Problem::usage("the reason is missing").hint("give it with --reason TEXT").into()),
        };
        if let Some(until) = until {
            s.ui.status(&format!("until {}", rfc3339(until)));
        }
        known_columns(s, DESC)?;
        let changed = gate::write(s, &Block { targets: as_targets(&records), reason, until }).await?;
        tell_changed(s, DESC, &changed, Action::UserBlock).await
    }
}

/// Asks users in. What goes in is the hash of each one's token.
#[derive(Debug, Serialize, Deserialize)]
pub struct Invite {
    pub targets: Vec<Target>,
    pub hashes: Vec<[u8; 32]>,
    pub expires_at: DateTime<Utc>,
}

impl Verb for Invite {
    const NAME: &str = "user invite";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        orgs_of(&self.targets)
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it shows tokens, once")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedRecord>> {
        let at = tx.at();
        let changed =
            try_each(tx, &self.targets, Action::Update, |u| u.value.clone().invite(u.meta.created_at, at)).await?;
        for (c, hash) in changed.iter().zip(&self.hashes) {
            tx.invite(&c.record, hash, self.expires_at).await?;
        }
        Ok(changed)
    }
}

/// The flags of `user invite`.
#[derive(clap::Args)]
pub struct InviteFlags {
    /// Users to invite; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// How long the invitation holds: 2d, 2026-12-24 (default: 7d)
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}

impl Leaf for InviteFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "invite",
        permission: "users:invite",
        writes: true,
        about: "Invite users: make a token for each, shown once",
        examples: "orgctl user invite ravi@sahyadri.example\norgctl user invite ravi@sahyadri.example --expires 2d -o json",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        let email = |r: &Record| User::from_record(r)?.email.map(|email| email.as_str().to_owned());
        if let Some(record) = records.iter().find(|r| email(r).is_none()) {
            return Err(Problem::conflict(format!("{} has no e-mail address to be invited at", record.title()))
                .hint(format!("give one: orgctl user update {} --email ADDRESS", record.key()))
                .into());
        }
        let expires = self.expires.as_ref().map_or("7d", String::as_str);
        let expires_at = time_to_come(expires, s.context.clock.now(), s.origin.zone)?;
        let random = s.context.random;
        let tokens: Vec<Secret> = records.iter().map(|_| token::make(&mut |bytes| random.fill(bytes))).collect();
        let verb =
            Invite { targets: as_targets(&records), hashes: tokens.iter().map(token::hash).collect(), expires_at };
        let show = |ui: &mut Ui, changed: &Vec<ChangedRecord>| {
            let heads = ["user_code", "email", "token"].map(|n| OutputColumn::new(n, ValueType::Text)).to_vec();
            let mut listing = Listing::new(ui, heads, 0);
            for (c, token) in changed.iter().zip(&tokens) {
                listing.row(ui, vec![c.record.key().into(), email(&c.record).into(), token.expose().into()])?;
            }
            listing.finish(ui)
        };
        let changed = gate::write_and_show(s, &verb, show).await?;
        let until = rfc3339(expires_at);
        for c in &changed {
            s.ui.status(&format!("invited {}, until {until}", c.record.title()));
        }
        if !s.context.dry_run {
            s.ui.status("this is the only time that tokens are shown; hand each to its user alone");
        }
        dry_run_note(s);
        Ok(())
    }
}

/// Takes back invitations: their tokens serve no more.
#[derive(Debug, Serialize, Deserialize)]
pub struct Uninvite {
    pub targets: Vec<Target>,
}

impl Verb for Uninvite {
    const NAME: &str = "user uninvite";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        orgs_of(&self.targets)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedRecord>> {
        let changed = change_each(tx, &self.targets, Action::Update, User::uninvite).await?;
        for c in &changed {
            tx.end_invitations(&c.record).await?;
        }
        Ok(changed)
    }
}

/// The flags of `user uninvite`.
#[derive(clap::Args)]
pub struct UninviteFlags {
    /// Users whose invitation is taken back; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl Leaf for UninviteFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "uninvite",
        permission: "users:invite",
        writes: true,
        about: "Take back invitations that are not accepted yet",
        examples: "orgctl user uninvite ravi@sahyadri.example",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        known_columns(s, DESC)?;
        let changed = gate::write(s, &Uninvite { targets: as_targets(&records) }).await?;
        for c in &changed {
            let title = c.record.title();
            s.ui.status(&match c.fields.is_empty() {
                true => format!("{title} has no invitation that could be taken back; nothing was changed"),
                false => format!("took the invitation of {title} back; its token serves no more"),
            });
        }
        dry_run_note(s);
        let which: Vec<_> = changed.iter().map(|c| c.record.meta.record_id()).collect();
        print_changed(s, DESC, &which).await
    }
}

/// Lifts the block of users.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unblock {
    pub targets: Vec<Target>,
}

impl Verb for Unblock {
    const NAME: &str = "user unblock";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        orgs_of(&self.targets)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedRecord>> {
        change_each(tx, &self.targets, Action::UserUnblock, User::unblock).await
    }
}

/// The flags of `user unblock`.
#[derive(clap::Args)]
pub struct UnblockFlags {
    /// Users to unblock; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl Leaf for UnblockFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "unblock",
        permission: "users:block",
        writes: true,
        about: "Lift the block of users",
        examples: "orgctl user unblock ravi@sahyadri.example",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        known_columns(s, DESC)?;
        let changed = gate::write(s, &Unblock { targets: as_targets(&records) }).await?;
        tell_changed(s, DESC, &changed, Action::UserUnblock).await
    }
}

/// Moves users to another branch, department or superior.
#[derive(clap::Args)]
pub struct MoveFlags {
    /// Users to move; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub force: PutAnyway,
}

/// Where users are moved to, at least one of them.
#[derive(clap::Args)]
#[group(id = "place", required = true, multiple = true)]
pub struct Place {
    /// Branch; '' for none
    #[arg(long, value_name = "KEY")]
    pub branch: Option<String>,
    /// Department; '' for none
    #[arg(long, value_name = "KEY")]
    pub department: Option<String>,
    /// User they report to; '' for nobody
    #[arg(long, value_name = "KEY")]
    pub reports_to: Option<String>,
}

impl Leaf for MoveFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "move",
        permission: "users:update",
        writes: true,
        about: "Move users to another branch, department or superior",
        examples: "orgctl user move ravi@sahyadri.example --branch MUM02 --reports-to asha@sahyadri.example\norgctl user move ravi@sahyadri.example --department ''",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        let Some((org, moved)) = targets_of_one_org(s, DESC, &self.key).await? else { return Ok(()) };
        let mut set = Vec::new();
        let Place { branch, department, reports_to } = &self.place;
        for (name, key) in [("branch", branch), ("department", department), ("reports_to", reports_to)] {
            let (Some(key), Some(field)) = (key, DESC.field(name)) else { continue };
            let value = match key.trim() {
                "" => Value::Null(ValueType::Uuid),
                key => find_ref(s, DESC, field, org, key).await?,
            };
            set.push((field.column.to_owned(), value));
        }
        change(s, DESC, &moved, None, set, Action::Move).await
    }
}

/// Gives users further branches, or takes them away; all of a user's are links of a branch to the user.
#[derive(Debug, Serialize, Deserialize)]
pub struct AssignBranches {
    pub targets: Vec<Target>,
    pub branches: Vec<Uuid>,
    pub assign: bool,
}

impl Verb for AssignBranches {
    const NAME: &str = "user assign-branch";

    /// Users of whom something changed.
    type Output = Vec<Record>;

    fn orgs(&self) -> Vec<i32> {
        orgs_of(&self.targets)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<Record>> {
        let mut changed = Vec::new();
        for targets in self.targets.chunks(TOGETHER) {
            let users = Target::load_all(targets, tx, DESC).await?;
            let members = tx.members(BRANCHES, &users).await?;
            let wanted = users.iter().zip(members).map(|(user, (first, mut others))| {
                others.retain(|id| !self.branches.contains(id));
                if self.assign {
                    others.extend(self.branches.iter().filter(|id| Some(**id) != first));
                }
                Wanted::new(user, first, others)
            });
            let set = tx.set_lists(BRANCHES, wanted.collect(), &Action::Update.into()).await?;
            changed.extend(users.into_iter().zip(set).filter(|(_, set)| set.changed).map(|(user, _)| user));
        }
        Ok(changed)
    }
}

/// Users whose branches are set together.
const TOGETHER: usize = 1000;

/// The flags of `user assign-branch`.
#[derive(clap::Args)]
pub struct AssignBranchFlags {
    /// Users; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Branch (can be repeated)
    #[arg(long, value_name = "KEY", required = true)]
    pub branch: Vec<String>,
    #[command(flatten)]
    pub force: PutAnyway,
}

impl Leaf for AssignBranchFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "assign-branch",
        permission: "users:update",
        writes: true,
        about: "Give users further branches",
        examples: "orgctl user assign-branch ravi@sahyadri.example --branch MUM02 --branch PUN01",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        assign_branches(s, &self.key, &self.branch, true).await
    }
}

/// The flags of `user unassign-branch`.
#[derive(clap::Args)]
pub struct UnassignBranchFlags {
    /// Users; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Branch (can be repeated)
    #[arg(long, value_name = "KEY", required = true)]
    pub branch: Vec<String>,
}

impl Leaf for UnassignBranchFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "unassign-branch",
        permission: "users:update",
        writes: true,
        about: "Take further branches from users",
        examples: "orgctl user unassign-branch ravi@sahyadri.example --branch MUM02",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        assign_branches(s, &self.key, &self.branch, false).await
    }
}

async fn assign_branches(s: &mut Session<'_>, keys: &[String], given: &[String], assign: bool) -> Result<()> {
    let Some((org, records)) = targets_of_one_org(s, DESC, keys).await? else { return Ok(()) };
    let mut branches = Vec::new();
    for key in given {
        branches.push(find_in(s, Branch::DESCRIPTOR, Some(org), key, Deleted::Exclude).await?.meta.id);
    }
    let verb = AssignBranches { targets: as_targets(&records), branches, assign };
    let changed = gate::write(s, &verb).await?;
    let changed: HashSet<Uuid> = changed.iter().map(|c| c.meta.id).collect();
    for record in &records {
        let is_changed = changed.contains(&record.meta.id);
        let title = record.title();
        s.ui.status(&if is_changed {
            format!("updated {title}: branches")
        } else {
            format!("{title} is so already; nothing was changed")
        });
    }
    dry_run_note(s);
    Ok(())
}

/// Who reports to a user, directly and through others, or with `--up` to whom he or she reports.
#[derive(clap::Args)]
pub struct ReportsFlags {
    /// User at the top, or with --up at the bottom
    #[arg(value_name = "KEY", required = true)]
    pub key: Option<String>,
    /// Show whom the user reports to instead
    #[arg(long)]
    pub up: bool,
    /// Levels to show
    #[arg(long, value_name = "LEVELS", value_parser = depth)]
    pub depth: Option<usize>,
}

impl Leaf for ReportsFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "reports",
        permission: "users:read",
        writes: false,
        about: "Show who reports to a user, as a tree",
        examples: "orgctl user reports asha@sahyadri.example\norgctl user reports ravi@sahyadri.example --up",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        gate::allow(s)?;
        let key = one_key(s, DESC, Deleted::Exclude, self.key).await?;
        let top = find(s, DESC, &key, Deleted::Exclude).await?;
        let node = |r: &Record| -> Result<Node> {
            let Stored { meta, value: u, .. } = Stored::<User>::from_record(r)?;
            let name = u.name.map_or(String::new(), |name| name.as_str().to_owned());
            Ok(Node { id: meta.id, code: u.user_code.as_str().to_owned(), name, active: u.is_active })
        };
        let Some(superior) = DESC.parent() else { return Ok(()) };
        let limit = self.depth.unwrap_or(usize::MAX);
        if self.up {
            return up(s, &top, limit).await;
        }
        let mut children: HashMap<Option<Uuid>, Vec<Node>> = HashMap::new();
        let mut seen = BTreeSet::from([top.meta.id]);
        let mut level: Vec<Value> = vec![top.meta.id.into()];
        let mut depth = 1;
        while !level.is_empty() && depth < limit {
            let mut next = Vec::new();
            for some in level.chunks(500) {
                let mut found =
                    records::with_values(s.db().await?, DESC, Some(top.meta.org_id), superior, some).await?;
                found.retain(|r| seen.insert(r.meta.id));
                for record in &found {
                    children.entry(record.get(superior.column).as_uuid()).or_default().push(node(record)?);
                    next.push(record.meta.id.into());
                }
            }
            level = next;
            depth += 1;
        }
        for nodes in children.values_mut() {
            nodes.sort_by(|a, b| (&a.name, &a.code).cmp(&(&b.name, &b.code)));
        }
        tree::show(s, vec![node(&top)?], children, ["user_code", "reports_to"], limit)
    }
}

/// The reporting line, the nearest first.
async fn up(s: &mut Session<'_>, from: &Record, limit: usize) -> Result<()> {
    let heads = ["user_code", "name", "designation"].map(|n| OutputColumn::new(n, ValueType::Text)).to_vec();
    let mut listing = Listing::new(&s.ui, heads, 0);
    let mut seen = BTreeSet::from([from.meta.id]);
    let org = from.meta.org_id;
    let mut at = Stored::<User>::from_record(from)?;
    let mut level = 0;
    while let Some(id) = at.value.reports_to_id.map(|r| r.0).filter(|id| level < limit && seen.insert(*id)) {
        let Some(above) = records::load(s.db().await?, DESC, org, id).await? else { break };
        at = Stored::from_record(&above)?;
        let told = at.value.clone();
        listing.row(&mut s.ui, vec![above.key().into(), told.name.into_value(), told.designation.into_value()])?;
        level += 1;
    }
    listing.finish(&mut s.ui)?;
    s.ui.flush()
}

/// Another code or name to sign in with.
#[derive(clap::Args)]
pub struct RenameFlags {
    /// User to rename; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    #[command(flatten)]
    pub name: NewName,
}

/// What a user is called from now on, at least one of the two.
#[derive(clap::Args)]
#[group(id = "name", required = true, multiple = true)]
pub struct NewName {
    /// New code
    #[arg(long, value_name = "CODE")]
    pub user_code: Option<String>,
    /// New name to sign in with; '' for none
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
}

impl Leaf for RenameFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "rename",
        permission: "users:update",
        writes: true,
        about: "Give a user another code or sign-in name",
        examples: "orgctl user rename ravi@sahyadri.example --username ravi.kumar",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        let [record] = records.as_slice() else {
            return Err(Problem::usage("one user at a time can be renamed").into());
        };
        let mut set = Vec::new();
        for (name, text) in [("user_code", &self.name.user_code), ("username", &self.name.username)] {
            let (Some(text), Some(field)) = (text, DESC.field(name)) else { continue };
            set.push((field.column.to_owned(), field.parse(text, &s.parsing)?));
        }
        change(s, DESC, std::slice::from_ref(record), None, set, Action::Update).await
    }
}

/// Makes one user of two: what points at the duplicate points at the other, and the duplicate is deleted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Merge {
    pub duplicate: Target,
    pub into: Target,
}

impl Verb for Merge {
    const NAME: &str = "user merge";

    /// Records that point elsewhere now, and such as went with the duplicate, for who stays has one under the key.
    type Output = (usize, usize);

    fn orgs(&self) -> Vec<i32> {
        vec![self.duplicate.org]
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<(usize, usize)> {
        let duplicate: Stored<User> = self.duplicate.load_as(tx).await?;
        let into: Stored<User> = self.into.load_as(tx).await?;
        let mut moved = 0;
        if is_below(tx, &into, duplicate.meta.id).await? {
            // All between them will report to the one who stays: above him or her stands who stood above the duplicate.
            let after = User { reports_to_id: duplicate.value.reports_to_id, ..into.value.clone() };
            moved += usize::from(tx.update_as(&into, after, Action::Merge).await?.is_some());
        }
        let (duplicate, into) = (duplicate.into_record(), into.into_record());
        let deletion = tx.new_id();
        let mut merging = Merging { into: &into, deletion, gone: HashSet::new(), moved };
        let at = [RecordAt::of(&duplicate)];
        for d in pointing_at(tx.db, &at, Deleted::Exclude, |_, _| true).await?.into_iter().flatten() {
            if !d.desc.is_told() {
                // What two people prove themselves with is not mixed.
                delete_all(tx, &d.records, |_| deletion).await?;
                continue;
            }
            let Some(field) = d.field.filter(|_| d.effect(TargetEvent::Merge) == Consequence::Repoints) else {
                continue;
            };
            for some in alike(&d.records) {
                merging.take_over(tx, some, field).await?;
            }
        }
        merging.point_removed(tx, &at[0]).await?;
        let Merging { moved, gone, .. } = merging;
        // Its links tell something else by now.
        let duplicate = Target { told: Vec::new(), ..self.duplicate.clone() }.load(tx, DESC).await?;
        tx.delete_merged(&duplicate, deletion, &into).await?;
        former::keep(tx, &duplicate, &into).await?;
        Ok((moved, gone.len()))
    }
}

/// What becomes of what pointed at a duplicate.
struct Merging<'r> {
    into: &'r Record,
    deletion: Uuid,
    /// What went with the duplicate, for who stays has one under the key.
    gone: HashSet<Uuid>,
    /// How many point at who stays now.
    moved: usize,
}

impl Merging<'_> {
    /// Lets live records of one kind that point at the duplicate by a field point at who stays.
    async fn take_over(&mut self, tx: &mut Tx<'_>, some: &[RecordAt], field: &'static Field) -> Result<()> {
        let places: Vec<RecordAt> = some.iter().filter(|r| !self.gone.contains(&r.id)).copied().collect();
        let changes = self.pointed(pointing::read(tx.db, &places).await?, field);
        let there = self.are_there(tx, &changes, field).await?;
        let (mut going, mut staying) = (Vec::new(), Vec::new());
        for ((before, after), is_there) in changes.into_iter().zip(there) {
            match is_there {
                // Who stays has one of his or her own: that one stays, and this goes with the duplicate.
                true => going.push(RecordAt::of(&before)),
                false => staying.push((before, after)),
            }
        }
        self.gone.extend(going.iter().map(|r| r.id));
        delete_with_contents(tx, &going, |_| self.deletion).await?;
        // What only one of a person's may be, that of who stays is.
        let afters: Vec<Record> = staying.iter().map(|(_, after)| after.clone()).collect();
        let doubled = records::doubled_flags_of(tx.db, &afters, Some(field)).await?;
        for ((before, after), flags) in staying.iter_mut().zip(doubled) {
            for flag in flags {
                let mut without = before.clone();
                without.set(flag, false.into());
                stands(tx, before, &without)?;
                *before = tx.update(before, without.clone(), Action::Merge).await?.unwrap_or(without);
                *after = before.clone();
                after.set(field.column, self.into.meta.id.into());
            }
        }
        self.write(tx, staying).await
    }

    fn pointed(&self, originals: Vec<Record>, field: &Field) -> Vec<(Record, Record)> {
        let to = |before: Record| {
            let mut after = before.clone();
            after.set(field.column, self.into.meta.id.into());
            (before, after)
        };
        originals.into_iter().map(to).collect()
    }

    async fn write(&mut self, tx: &mut Tx<'_>, changes: Vec<(Record, Record)>) -> Result<()> {
        for (before, after) in changes.iter().filter(|(_, after)| after.is_live()) {
            stands(tx, before, after)?;
        }
        let written = tx.update_all(changes, &Action::Merge.into()).await?;
        self.moved += written.iter().flatten().count();
        Ok(())
    }

    /// Of which records who stays has one under a key that tells of the duplicate: any other is as free as before. What gives
    /// nothing any more does not stand in the way of what does: it ends.
    async fn are_there(&self, tx: &mut Tx<'_>, changes: &[(Record, Record)], field: &Field) -> Result<Vec<bool>> {
        let mut there = vec![false; changes.len()];
        let Some((first, _)) = changes.first() else { return Ok(there) };
        let desc = first.desc;
        for key in desc.all_keys().filter(|key| key.has(field)) {
            let asked: Vec<Vec<Value>> = changes.iter().map(|(_, after)| store_keys::parts_of(after, key)).collect();
            let holders = store_keys::holders_of(tx.db, desc, first.meta.org_id, key, &asked).await?;
            for (n, holder) in holders.into_iter().enumerate() {
                let after = &changes[n].1;
                let Some(holder) = holder.filter(|holder| holder.meta.id != after.meta.id) else { continue };
                let is_first = key.name() == desc.key().name();
                if is_first && desc.ends() && holder.has_expired(tx.at()) && !after.has_expired(tx.at()) {
                    end(tx, &holder, "expire").await?;
                } else {
                    there[n] = true;
                }
            }
        }
        Ok(there)
    }

    /// Lets what is deleted or has ended point at who stays, too: it may come back, and is nothing of the duplicate any more.
    async fn point_removed(&mut self, tx: &mut Tx<'_>, duplicate: &RecordAt) -> Result<()> {
        let follows =
            |d: &Descriptor, f: &Field| d.is_told() && d.effect(f, TargetEvent::Merge) == Consequence::Repoints;
        let removed = pointing_at(tx.db, std::slice::from_ref(duplicate), Deleted::Only, follows).await?;
        for d in removed.into_iter().flatten() {
            let Some(field) = d.field else { continue };
            for some in alike(&d.records) {
                let mut originals = pointing::read(tx.db, some).await?;
                // What goes with the duplicate stays with it; who has done what is done is told as it was.
                let is_duty = field.lifetime() == Lifetime::Duty;
                originals.retain(|r| r.meta.deletion_id != Some(self.deletion) && (r.is_open() || !is_duty));
                let changes = self.pointed(originals, field);
                self.write(tx, changes).await?;
            }
        }
        Ok(())
    }
}

/// Whether a user reports to another, directly or through others.
async fn is_below(tx: &mut Tx<'_>, user: &Stored<User>, other: Uuid) -> Result<bool> {
    let mut seen = BTreeSet::from([user.meta.id]);
    let mut above = user.value.reports_to_id;
    while let Some(id) = above.map(|r| r.0).filter(|id| seen.insert(*id)) {
        if id == other {
            return Ok(true);
        }
        above = tx.load_as::<User>(user.meta.org_id, id).await?.and_then(|u| u.value.reports_to_id);
    }
    Ok(false)
}

/// What only the duplicate has: it goes with it, for two people's addresses and passwords are not mixed by guessing.
async fn left_behind(s: &mut Session<'_>, duplicate: &Record, into: &Record) -> Result<Vec<String>> {
    let only = |f: &&Field| !f.is_managed() && into.get(f.column).is_null();
    let mut left: Vec<String> = DESC
        .stored()
        .filter(only)
        .filter(|f| {
            let value = duplicate.get(f.column);
            !value.is_null() && *value != into.meta.id.into()
        })
        .map(|f| f.name().to_owned())
        .collect();
    let db = s.db().await?;
    if credentials::load(db, duplicate).await?.is_some() && credentials::load(db, into).await?.is_none() {
        left.push("the password".into());
    }
    Ok(left)
}

/// Refuses to merge who stayed in the place of a duplicate that is merged already: its keys mean that one since.
async fn not_merged_already(s: &mut Session<'_>, found: &Record, key: &str, into: &Record) -> Result<()> {
    let context = s.parsing.clone();
    let own = records::own_holders(s.db().await?, DESC, Some(found.meta.org_id), key, &context).await?;
    if found.meta.id == into.meta.id || own.iter().any(|r| r.meta.id == found.meta.id) {
        return Ok(());
    }
    Err(Problem::conflict(format!("user {} was merged into {} already", truncate(key), found.title()))
        .hint(format!("to merge that one too, name it: 'orgctl user merge {} {}'", found.key(), into.key()))
        .into())
}

/// The flags of `user merge`.
#[derive(clap::Args)]
pub struct MergeFlags {
    /// User who goes
    #[arg(value_name = "DUPLICATE")]
    pub duplicate: String,
    /// User who stays
    #[arg(value_name = "INTO")]
    pub into: String,
}

impl Leaf for MergeFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "merge",
        permission: "users:merge",
        writes: true,
        about: "Make one user of two: what points at the first points at the second",
        examples: "orgctl user merge ravi.old@sahyadri.example ravi@sahyadri.example",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        let duplicate = find(s, DESC, &self.duplicate, Deleted::Exclude).await?;
        let into = find_in(s, DESC, Some(duplicate.meta.org_id), &self.into, Deleted::Exclude).await?;
        not_merged_already(s, &duplicate, &self.duplicate, &into).await?;
        remove::in_use(&into)?;
        if duplicate.meta.id == into.meta.id {
            return Err(Problem::usage("both keys name the same user").into());
        }
        let left = left_behind(s, &duplicate, &into).await?;
        if !left.is_empty() {
            s.ui.status(&format!(
                "note: {} has no {}, which only {} has",
                into.title(),
                left.join(", "),
                duplicate.title()
            ));
        }
        if !s.context.dry_run {
            s.ui.confirm(&format!("merge {} into {}, and delete the first?", duplicate.title(), into.title())).await?;
        }
        let (moved, gone) =
            gate::write(s, &Merge { duplicate: Target::as_seen(&duplicate), into: Target::as_seen(&into) }).await?;
        s.ui.status(&format!("merged {} into {}: {moved} that pointed at it follow", duplicate.title(), into.title()));
        if gone > 0 {
            let had = if gone == 1 { "1 that" } else { &format!("{gone} that") };
            s.ui.status(&format!("{had} {} has too went with {}", into.title(), duplicate.title()));
        }
        dry_run_note(s);
        print_changed(s, DESC, &[into.meta.record_id()]).await
    }
}

/// How many users there are, by state, branch and department.
#[derive(clap::Args)]
pub struct StatsFlags {}

impl Leaf for StatsFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "stats",
        permission: "users:read",
        writes: false,
        about: "Count users by state, branch and department",
        examples: "orgctl user stats\norgctl user stats -o json",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        stats::show(s, DESC, &["status", "branch", "department"]).await
    }
}

/// Who the command runs as, and with which rights.
#[derive(clap::Args)]
pub struct WhoamiFlags {}

impl Leaf for WhoamiFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "whoami",
        permission: "users:whoami",
        writes: false,
        about: "Show who the command runs as",
        examples: "orgctl user whoami\norgctl user whoami -o json",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        gate::allow(s)?;
        let origin = &s.origin;
        let rights = match origin.details.get("on_behalf_of").and_then(|of| of["user"].as_str()) {
            Some(user) => format!("those of user {user} (--as)"),
            None => "all (an operator of this machine)".to_owned(),
        };
        let row: Vec<Value> = vec![
            origin.actor_name.clone().into(),
            origin.actor_kind.into(),
            origin.actor_key.clone().into(),
            origin.host.clone().into(),
            origin.source.into(),
            rights.into(),
        ];
        let heads = ["name", "kind", "key", "host", "source", "rights"].map(|n| OutputColumn::new(n, ValueType::Text));
        format::record(&mut s.ui, &heads, 0, row)?;
        s.ui.flush()
    }
}

/// All records of other kinds that hold a person's data, whole, by the kinds' tables; those of duplicates that were merged
/// into the person, too.
async fn records_about(s: &mut Session<'_>, user: &Record) -> Result<serde_json::Map<String, serde_json::Value>> {
    let (org, id) = user.meta.record_id();
    let ids = merged_ids(s.db().await?, org, DESC, id).await?;
    let kinds = s.kinds();
    let mut rows: BTreeMap<&str, Vec<serde_json::Value>> = BTreeMap::new();
    for record in records_of(s.db().await?, kinds, DESC, org, &ids).await? {
        let told = crate::crud::read::record_json(s, record.desc, &record).await?;
        rows.entry(record.desc.table).or_default().push(told);
    }
    Ok(rows.into_iter().map(|(table, rows)| (table.to_owned(), rows.into())).collect())
}

/// Everything that is held about one person, as JSON.
#[derive(clap::Args)]
pub struct DossierFlags {
    /// User
    #[arg(value_name = "KEY", required = true)]
    pub key: Option<String>,
}

impl Leaf for DossierFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "dossier",
        permission: "users:export",
        writes: false,
        about: "Write everything that is held about a person, as JSON",
        examples: "orgctl user dossier ravi@sahyadri.example > ravi.json",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        gate::allow(s)?;
        let key = one_key(s, DESC, Deleted::Exclude, self.key).await?;
        let record = find(s, DESC, &key, Deleted::Include).await?;
        if s.ui.style.format_typed && !matches!(s.ui.style.format, Format::Json) {
            return Err(Problem::usage("a dossier is JSON").hint("leave out the other format, or say -o json").into());
        }
        let told = Exported::new(DESC.noun, record.meta.org_id, Format::Json, None, false);
        gate::write(s, &Exported { id: Some(record.meta.id), ..told }).await?;
        if s.context.dry_run {
            s.ui.status(&format!("dry run: would tell what is held of {}; nothing was handed out", record.title()));
            return Ok(());
        }
        let mut about = serde_json::Map::new();
        about.insert("user".into(), crate::crud::read::record_json(s, DESC, &record).await?);
        let mut pointing = serde_json::Map::new();
        for d in records::dependants(s.db().await?, &record).await?.into_iter().filter(|d| d.desc.is_told()) {
            let keys: Vec<serde_json::Value> = d.records.iter().map(|r| r.title().into()).collect();
            pointing.insert(format!("{} ({})", d.desc.table, d.field.map_or("", |f| f.name())), keys.into());
        }
        about.insert("pointed_at_by".into(), pointing.into());
        about.insert("records".into(), records_about(s, &record).await?.into());
        about.insert("history".into(), crate::crud::history::history_json(s, &record).await?);
        s.ui.out(&format!("{}\n", format::json_pretty(&about.into())))?;
        s.ui.flush()
    }
}

/// The flags of `user deactivate`.
#[derive(clap::Args)]
pub struct DeactivateFlags {
    /// Users who leave; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Let what they lead, and who reports to them, go to this one
    #[arg(long, value_name = "KEY", conflicts_with = "orphan")]
    pub reassign_to: Option<String>,
    /// Let what they lead be led by nobody
    #[arg(long)]
    pub orphan: bool,
}

impl Leaf for DeactivateFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "deactivate",
        permission: "users:update",
        writes: true,
        about: "Deactivate users: they have left",
        examples: "orgctl user deactivate ravi@sahyadri.example\norgctl user deactivate ravi@sahyadri.example --reassign-to asha@sahyadri.example",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        let left = Left { cascade: false, reassign_to: self.reassign_to.as_deref(), orphan: self.orphan };
        remove::deactivate(s, DESC, &self.key, left).await
    }
}

/// `--with-hashes`
#[derive(clap::Args, Default)]
pub struct WithHashes {
    /// With the hashes of passwords, for another orgctl; a right of its own, and recorded
    #[arg(long)]
    pub with_hashes: bool,
}

impl FlagGroup for WithHashes {}

flags! {
    /// The flags of `user export`.
    pub struct ExportFlags {
        export: read::ExportFlags,
        hashes: WithHashes,
    }
}

impl KindVerb for ExportFlags {
    const VERB: VerbName = VerbName::Export;
    const WRITES: bool = read::ExportFlags::WRITES;

    fn about(desc: &Descriptor) -> String {
        read::ExportFlags::about(desc)
    }

    fn examples(desc: &Descriptor) -> String {
        read::ExportFlags::examples(desc)
    }

    async fn run(self, s: &mut Session<'_>, desc: &'static Descriptor) -> Result<()> {
        read::export(s, desc, &self.export, self.hashes.with_hashes).await
    }
}
