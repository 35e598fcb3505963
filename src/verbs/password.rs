//! Passwords of users: set them, check them. The secret never reaches a verb's arguments: what goes in is its hash.

use std::sync::Arc;
use std::{fmt, io};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::keys::one_key;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::find;
use crate::crud::write::{Target, dry_run_note};
use crate::model::kinds::user::User;
use crate::model::password::{Params, Secret, StoredHash, generate, hash, policy};
use crate::model::problem::{ErrorKind, Problem};
use crate::model::random::bytes;
use crate::model::resource::{Descriptor, Record, Resource as _};
use crate::model::setting::{self, Place, Settings};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::rfc3339;
use crate::store::records::{self, Deleted};
use crate::store::records::{credentials, settings};
use crate::store::tx::Tx;
use crate::ui::Ui;
use crate::ui::format::{is_for_programs, report};

const DESC: &Descriptor = User::DESCRIPTOR;

/// Sets a password, or keeps the same one under a better hash.
#[derive(Serialize, Deserialize)]
pub struct SetPassword {
    target: Target,
    hash: String,
    must_change: bool,
    /// Version of the credential that was looked at beforehand; none where there was none.
    seen: Option<i64>,
    /// Earlier passwords that are remembered.
    keep: u32,
    is_same: bool,
}

impl fmt::Debug for SetPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetPassword({:?}, ***)", self.target)
    }
}

impl Verb for SetPassword {
    const NAME: &str = "user passwd";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![self.target.org]
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        let user = self.target.load(tx, DESC).await?;
        let present = credentials::load(tx.db, &user).await?.map(|c| c.version());
        if present != self.seen {
            return Err(Problem::conflict(format!(
                "the password of {} was changed by somebody else just now",
                user.title()
            ))
            .hint("run the command again if it is still to be changed")
            .into());
        }
        let hash = StoredHash::parse(&self.hash).map_err(|e| Problem::invalid(e.to_string()))?;
        match self.is_same {
            true => Ok(tx.rehash(&user, &hash, self.must_change).await?),
            false => Ok(tx.set_password(&user, &hash, self.must_change, self.keep).await?),
        }
    }
}

/// Hashing takes a while and much memory; a signal is heard meanwhile.
async fn hashed(context: &Context<'_>, password: Arc<Secret>, params: Params) -> Result<String> {
    let salt = bytes(context.random);
    Ok(spawn_blocking(move || hash(&password, &params, salt)).await?)
}

/// What standard input gives: in one place from the beginning, so that no copy is left behind, and wiped in the end.
struct Read(Zeroizing<Vec<u8>>);

impl Read {
    /// Bytes of a password and its line end, and a good deal more.
    const MOST: usize = 4096;

    fn new() -> Read {
        Read(Zeroizing::new(Vec::with_capacity(Self::MOST)))
    }
}

impl io::Write for Read {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > Self::MOST {
            return Err(io::Error::other("it is longer than any password"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a password comes from: a person types it, or it is read.
#[derive(clap::Args)]
pub struct PasswordFrom {
    /// Read the password from standard input, one line
    #[arg(long)]
    pub password_stdin: bool,
}

/// A password from standard input or from a hidden prompt.
async fn given(context: &Context<'_>, from: &PasswordFrom, again: bool) -> Result<Secret> {
    if from.password_stdin {
        let read = context.ui.read_stdin(Read::new()).await?;
        let text = std::str::from_utf8(&read.0).map_err(|_| Problem::invalid("the password is not UTF-8 text"))?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        return Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line).to_owned()));
    }
    if !context.ui.style.interactive {
        return Err(Problem::usage("the password is missing")
            .hint("--password-stdin reads it from standard input; it is never given as an argument")
            .into());
    }
    context.ui.ask_secret("Password", again.then_some("The same again")).await
}

/// Holds a new password against the rules, and against those that the user had.
async fn check(s: &mut Invocation<'_>, user: &Record, password: Arc<Secret>, rules: &Settings) -> Result<()> {
    let remembered = rules.get(setting::PASSWORD_HISTORY)?;
    let least = usize::try_from(rules.get(setting::PASSWORD_MIN_LENGTH)?)?;
    let org = records::org_code(s.db().await?, user.meta.org_id).await?;
    let about = ["user_code", "email", "username", "first_name", "middle_name", "last_name"];
    let mut context: Vec<String> = about.iter().map(|c| user.get(c).to_text()).filter(|t| !t.is_empty()).collect();
    context.push(org);
    let context: Vec<&str> = context.iter().map(String::as_str).collect();
    policy::check(&password, least, &context)
        .map_err(|w| Problem::invalid(format!("the password {w}")).field("password"))?;
    let db = s.db().await?;
    let mut known: Vec<StoredHash> = credentials::load(db, user).await?.map(|c| c.password).into_iter().collect();
    let most = usize::try_from(remembered)?;
    known.extend(credentials::history(db, user).await?.into_iter().take(most));
    let is_known = spawn_blocking(move || known.iter().any(|k| k.verify(&password))).await?;
    if is_known {
        return Err(Problem::invalid("the password must not be one that the user had before")
            .hint(format!("the present one and the {remembered} before it are remembered (setting password.history)"))
            .field("password")
            .into());
    }
    Ok(())
}

/// Sets a user's password.
#[derive(clap::Args)]
pub struct PasswdFlags {
    /// User
    #[arg(value_name = "KEY", required = true)]
    pub key: Option<String>,
    #[command(flatten)]
    pub password: PasswordFrom,
    /// Make one and show it once
    #[arg(long, conflicts_with = "password_stdin")]
    pub generate: bool,
    /// Let the user choose another at the next sign-in
    #[arg(long)]
    pub must_change: bool,
}

impl Leaf for PasswdFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "passwd",
        permission: "users:passwd",
        writes: true,
        about: "Set a user's password",
        examples: "orgctl user passwd ravi@sahyadri.example\norgctl user passwd ravi@sahyadri.example --generate --must-change",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::PasswordChange);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let key = one_key(s, DESC, Deleted::Exclude, self.key).await?;
        let user = find(s, DESC, &key, Deleted::Exclude).await?;
        gate::authorize(s, &user).await?;
        let is_made = self.generate;
        let password = Arc::new(if is_made {
            let random = s.context.random;
            generate(&mut |bytes| random.fill(bytes))
        } else {
            given(s.context, &self.password, true).await?
        });
        let rules = settings::for_org(s.db().await?, user.meta.org_id).await?;
        check(s, &user, Arc::clone(&password), &rules).await?;
        let seen = credentials::load(s.db().await?, &user).await?.map(|c| c.version());
        let hash = hashed(s.context, Arc::clone(&password), credentials::params(&rules)?).await?;
        let (must_change, keep) = (self.must_change, rules.get(setting::PASSWORD_HISTORY)?);
        let verb = SetPassword { target: Target::of(&user), hash, must_change, seen, keep, is_same: false };
        // Of a made one that was not shown, nothing is left.
        let told = |made: Option<&str>| json!({ "user_code": user.key(), "id": user.meta.id, "password": made, "must_change": must_change });
        let show = |ui: &Ui, (): &()| match is_for_programs(ui) {
            true => report(ui, &told(Some(password.expose()))),
            false => ui.out(&format!("{}\n", password.expose())),
        };
        match is_made {
            true => gate::write_and_show(s, &verb, show).await?,
            false => gate::write(s, &verb).await?,
        }
        s.context.ui.status(&format!("changed the password of {}", user.title()));
        if is_made && !s.context.dry_run {
            s.context.ui.status("this is the only time that it is shown");
        } else {
            report(&s.context.ui, &told(None))?;
        }
        dry_run_note(s.context);
        Ok(())
    }
}

/// Tells by the exit code whether a password is a user's. One that other software hashed is hashed anew then.
#[derive(clap::Args)]
pub struct CheckPasswordFlags {
    /// User
    #[arg(value_name = "KEY", required = true)]
    pub key: Option<String>,
    #[command(flatten)]
    pub password: PasswordFrom,
}

impl Leaf for CheckPasswordFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "check-password",
        permission: "users:check_password",
        writes: true,
        about: "Tell by the exit code whether a password is the user's",
        examples: "orgctl user check-password ravi@sahyadri.example\norgctl user check-password ravi@sahyadri.example --password-stdin < secret.txt",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::PasswordChange);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let key = one_key(s, DESC, Deleted::Exclude, self.key).await?;
        let user = find(s, DESC, &key, Deleted::Exclude).await?;
        gate::authorize(s, &user).await?;
        let password = Arc::new(given(s.context, &self.password, false).await?);
        let credential = credentials::load(s.db().await?, &user).await?;
        let seen = credential.as_ref().map(credentials::Held::version);
        let place = Place { org: user.meta.org_id, user: Some(user.meta.id) };
        let rules = settings::for_place(s.db().await?, place).await?;
        let expires_at = credential.as_ref().map(|c| c.expires_at(&rules)).transpose()?.flatten();
        let must_change = credential.as_ref().is_some_and(|c| c.stored.value.must_change);
        let Some(stored) = credential.map(|c| c.password) else {
            return Err(Problem::not_found(format!("{} has no password", user.title()))
                .hint(format!("set one: orgctl user passwd {}", user.key()))
                .into());
        };
        let params = credentials::params(&rules)?;
        let (tried, wanted) = (Arc::clone(&password), params.clone());
        let (is_right, is_old, scheme) =
            spawn_blocking(move || (stored.verify(&tried), stored.needs_rehash(&wanted), stored.scheme())).await?;
        // Who does not know it learns nothing of it.
        let expired = expires_at.filter(|at| is_right && *at <= s.context.clock.now());
        let mut told = json!({ "user_code": user.key(), "id": user.meta.id, "is_right": is_right });
        if is_right {
            told["must_change"] = must_change.into();
            told["expires_at"] = expires_at.map(rfc3339).into();
            told["is_expired"] = expired.is_some().into();
        }
        report(&s.context.ui, &told)?;
        if !is_right {
            return Err(Problem::new(ErrorKind::Failed, format!("this is not the password of {}", user.title())).into());
        }
        s.context.ui.status(&format!("this is the password of {}", user.title()));
        match expired {
            Some(at) => s.context.ui.status(&format!("it has expired at {}: another one is to be set", rfc3339(at))),
            None if must_change => s.context.ui.status("the user is to choose another one at the next sign-in"),
            None => {}
        }
        if is_old {
            let hash = hashed(s.context, password, params).await?;
            let keep = rules.get(setting::PASSWORD_HISTORY)?;
            gate::write(s, &SetPassword { target: Target::of(&user), hash, must_change, seen, keep, is_same: true })
                .await?;
            s.context.ui.status(&match scheme {
                "argon2id" => "it was hashed anew, as the settings say now".to_owned(),
                other => format!("it was hashed with {other}; from now on with argon2id"),
            });
        }
        dry_run_note(s.context);
        Ok(())
    }
}
