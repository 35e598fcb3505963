//! Which organisation a command works in: the one that `--org` names, or the only one there is.

use anyhow::Result;

use super::gate;
use super::history;
use super::invocation::Invocation;
use super::lookup::GoneRecord;
use super::prompt;
use crate::access::{Actor, Subject};
use crate::model::kinds::org::{Org, SYSTEM};
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Resource as _};
use crate::model::values::scalar::truncate;
use crate::store::records::{self, Deleted};
use crate::store::trail;

impl Invocation<'_> {
    /// The organisation that `--org` names, if it was given.
    pub async fn org(&mut self) -> Result<Option<i32>> {
        let Some(key) = self.context.org_key.clone() else { return Ok(None) };
        let context = self.connection.parsing.clone();
        let org = match records::org_number(self.db().await?, &key, &context).await {
            Err(e) if self.context.verb.starts_with("audit ") => self.gone_org(&key).await?.ok_or(e)?,
            other => other?,
        };
        self.outcome.about = org;
        Ok(Some(org))
    }

    /// The organisation of somebody who has rights in that one alone.
    pub fn own_org(&self) -> Option<i32> {
        match self.context.subject {
            Subject::Somebody(Actor { org: own @ 1.., .. }) => Some(*own),
            _ => None,
        }
    }

    /// The trail that `--org` names, if it was given: of somebody of an organisation that of his or her own, and no other.
    pub async fn trail(&mut self) -> Result<Option<i32>> {
        let named = self.org().await?;
        let Some(own) = self.own_org() else { return Ok(named) };
        self.outcome.about = own;
        if named.is_some_and(|org| org != own) {
            gate::allow_in_system(self)?;
        }
        Ok(Some(own))
    }

    /// The one trail that a command is about.
    pub async fn the_trail(&mut self) -> Result<i32> {
        match self.trail().await? {
            Some(tree) => Ok(tree),
            None => self.the_org().await,
        }
    }

    /// The organisation that records of a kind are looked for in: none for organisations themselves, SYSTEM for what belongs
    /// to the installation, else the one that `--org` names, if it was given.
    pub async fn org_of(&mut self, desc: &Descriptor) -> Result<Option<i32>> {
        match (desc.is_org(), desc.is_of_the_installation()) {
            (true, _) => Ok(None),
            (_, true) => {
                self.outcome.about = SYSTEM;
                Ok(Some(SYSTEM))
            }
            _ => self.org().await,
        }
    }

    /// The organisation that a new record of a kind belongs to; none where it is one.
    pub async fn the_org_of(&mut self, desc: &Descriptor) -> Result<Option<i32>> {
        match desc.is_org() || desc.is_of_the_installation() {
            true => self.org_of(desc).await,
            false => self.the_org().await.map(Some),
        }
    }

    /// An organisation that is deleted or purged: its trail is still there, under the code that it had or as `#2`.
    async fn gone_org(&mut self, key: &str) -> Result<Option<i32>> {
        let context = self.connection.parsing.clone();
        let db = self.db().await?;
        if let Some(number) = key.strip_prefix('#').and_then(|n| n.parse().ok()) {
            return Ok(trail::trees(db).await?.contains(&number).then_some(number));
        }
        let deleted = records::by_key(db, Org::DESCRIPTOR, None, key, Deleted::Include, &context).await?;
        let mut gone: Vec<GoneRecord> = deleted.iter().map(GoneRecord::deleted).collect();
        gone.extend(history::find_purged(self, Org::DESCRIPTOR, None, key).await?);
        match gone.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one.org)),
            several => {
                let all: Vec<String> = several.iter().take(10).map(|g| g.named(&format!("#{}", g.org))).collect();
                Err(Problem::conflict(format!("several organisations had the code {}", truncate(key)))
                    .hint(format!("name the one that is meant by its number: {}", all.join(", ")))
                    .into())
            }
        }
    }

    /// The organisation to work in: the one that `--org` names, or the only one there is.
    pub async fn the_org(&mut self) -> Result<i32> {
        if let Some(org) = self.org().await? {
            return Ok(org);
        }
        let orgs = records::live_orgs(self.db().await?, 6).await?;
        match orgs.as_slice() {
            several if several.len() > 1 && self.context.ui.style.interactive => {
                let picked =
                    prompt::record(self, Org::DESCRIPTOR, None, Deleted::Exclude, "Organisation", None).await?;
                let key = picked.map_or_else(String::new, |id| id.to_string());
                let context = self.connection.parsing.clone();
                let org = records::org_number(self.db().await?, &key, &context).await?;
                self.outcome.about = org;
                Ok(org)
            }
            [(org, _)] => {
                self.outcome.about = *org;
                Ok(*org)
            }
            [] => Err(Problem::not_found("there is no organisation yet")
                .hint("make one: orgctl org create --code ACME --name 'Acme Ltd'")
                .into()),
            several => {
                let mut codes: Vec<&str> = several.iter().take(5).map(|(_, code)| code.as_str()).collect();
                if several.len() > codes.len() {
                    codes.push("...");
                }
                Err(Problem::usage("there are several organisations; which one is meant?")
                    .hint(format!("name it with --org ({})", codes.join(", ")))
                    .into())
            }
        }
    }
}
