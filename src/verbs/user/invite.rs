//! `user invite` and `user uninvite`: a token for each, shown once.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DESC, as_targets, change_each, orgs_of, try_each};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::read::{known_columns, print_changed};
use crate::crud::write::{ChangedRecord, Target, dry_run_note, targets};
use crate::model::kinds::user::User;
use crate::model::password::Secret;
use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::resource::Resource as _;
use crate::model::token;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{ValueType, rfc3339};
use crate::store::tx::Tx;
use crate::ui::Ui;
use crate::ui::format::{Listing, OutputColumn};

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
    const UNUSED: Unused = Unused::NONE.columns();
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        let email = |r: &Record| User::from_record(r)?.email.map(|email| email.as_str().to_owned());
        if let Some(record) = records.iter().find(|r| email(r).is_none()) {
            return Err(Problem::conflict(format!("{} has no e-mail address to be invited at", record.title()))
                .hint(format!("give one: orgctl user update {} --email ADDRESS", record.key()))
                .into());
        }
        let expires = self.expires.as_ref().map_or("7d", String::as_str);
        let expires_at = s.context.time_to_come(expires)?;
        let random = s.context.random;
        let tokens: Vec<Secret> = records.iter().map(|_| token::make(&mut |bytes| random.fill(bytes))).collect();
        let verb =
            Invite { targets: as_targets(&records), hashes: tokens.iter().map(token::hash).collect(), expires_at };
        let show = |ui: &Ui, changed: &Vec<ChangedRecord>| {
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
            s.context.ui.status(&format!("invited {}, until {until}", c.record.title()));
        }
        if !s.context.dry_run {
            s.context.ui.status("this is the only time that tokens are shown; hand each to its user alone");
        }
        dry_run_note(s.context);
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
    const UNUSED: Unused = Unused::NONE.columns();
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        known_columns(s.context, DESC)?;
        let changed = gate::write(s, &Uninvite { targets: as_targets(&records) }).await?;
        for c in &changed {
            let title = c.record.title();
            s.context.ui.status(&match c.fields.is_empty() {
                true => format!("{title} has no invitation that could be taken back; nothing was changed"),
                false => format!("took the invitation of {title} back; its token serves no more"),
            });
        }
        dry_run_note(s.context);
        let which: Vec<_> = changed.iter().map(|c| c.record.meta.record_id()).collect();
        print_changed(s, DESC, &which).await
    }
}
