//! What a person at a terminal is asked for where no flag says it.

use anyhow::Result;

use super::{DESC, choice};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::prompt;
use crate::model::identity::within::found_in;
use crate::model::kinds::consent::Consent;
use crate::model::kinds::kyc::{KycKind, Rejection};
use crate::model::problem::Problem;
use crate::model::resource::Resource as _;
use crate::model::setting::{AadhaarStorage, KYC_AADHAAR_STORAGE, KYC_REQUIRE_CONSENT, Place};
use crate::model::values::value::Value;
use crate::store::records::{self, settings};
use crate::verbs::consent::ConsentFlags;
use crate::verbs::setting;

/// What is said of a flag that is missing where nobody can be asked.
pub fn missing(flag: &str, words: &[&str]) -> Problem {
    Problem::usage(format!("missing: {flag}")).hint(format!("one of: {}", words.join(", ")))
}

/// Refuses a line that says nothing, or holds the number of a paper.
fn is_text(text: &str) -> Result<(), String> {
    match (text.trim().is_empty(), found_in(text)) {
        (true, _) => Err("it must not be empty".to_owned()),
        (_, Some(kind)) => Err(format!("it holds what can be a {}, which is kept sealed alone", kind.label())),
        _ => Ok(()),
    }
}

pub async fn text(s: &Invocation<'_>, prompt: &str, default: Option<&str>) -> Result<String> {
    s.context.ui.ask(prompt, default, is_text).await
}

/// Asks what the person agreed to, where a paper of the kind needs that and no flag says anything of it.
pub async fn consent(s: &mut Invocation<'_>, org: i32, kind: KycKind, consent: &mut ConsentFlags) -> Result<()> {
    if !s.context.ui.style.interactive || consent.says_anything() {
        return Ok(());
    }
    if kind != KycKind::Aadhaar && !settings::get(s.db().await?, org, KYC_REQUIRE_CONSENT).await? {
        return Ok(());
    }
    let desc = Consent::DESCRIPTOR;
    let parsing = s.connection.parsing.clone();
    let notice = prompt::word(&s.context.ui, desc.known("notice")?, &parsing).await?;
    let given: Value = desc.known("notice")?.parse(&notice, &parsing)?;
    if records::last_with_value(s.db().await?, desc, org, desc.known("notice")?, &given).await?.is_none() {
        let is_file = |path: &str| match std::path::Path::new(path).is_file() {
            true => Ok(()),
            false => Err("there is no such file".to_owned()),
        };
        let path = s.context.ui.ask("File with the text of the notice, which is new", None, is_file).await?;
        consent.notice_file = Some(path);
    }
    let context = s.context;
    consent.given_at = Some(loop {
        let text = context.ui.ask("When the person agreed, as 2026-11-20 (given_at)", None, |_| Ok(())).await?;
        match context.time(&text) {
            Ok((at, _)) if at < context.clock.now() => break text,
            Ok(_) => context.ui.warn("it must have been given before the paper is submitted"),
            Err(e) => context.ui.warn(&e.to_string()),
        }
    });
    consent.channel = Some(prompt::word(&context.ui, desc.known("channel")?, &parsing).await?);
    consent.language = Some(prompt::word(&context.ui, desc.known("language")?, &parsing).await?);
    consent.consent = Some(notice);
    Ok(())
}

/// Asks how Aadhaar numbers are kept, before the first of an organisation is taken up: it is chosen once.
pub async fn storage(s: &mut Invocation<'_>, org: i32) -> Result<()> {
    let undecided = settings::get(s.db().await?, org, KYC_AADHAAR_STORAGE).await? == AadhaarStorage::Undecided;
    let may = gate::allow_besides(s.context, "settings:update").is_ok();
    // A dry run keeps no choice.
    if !undecided || !may || !s.context.ui.style.interactive || s.context.dry_run {
        return Ok(());
    }
    let ways = [
        "reference: the last four digits and a keyed hash; the number itself is kept nowhere".to_owned(),
        "sealed: the whole number, encrypted, for which UIDAI asks a vault".to_owned(),
    ];
    let chosen = s.context.ui.pick("How Aadhaar numbers are kept, chosen once for all", &ways, 0).await?;
    let word = if chosen == 0 { AadhaarStorage::Reference } else { AadhaarStorage::Sealed }.as_str();
    let key = KYC_AADHAAR_STORAGE.declared.key;
    let values = vec![(key.to_owned(), word.to_owned())];
    gate::write(s, &setting::Set { place: Place::of(org), values }).await?;
    s.context.ui.status(&format!("{key} is {word} from now on"));
    Ok(())
}

/// Why records are rejected, by a word and in others.
pub async fn rejection(
    s: &Invocation<'_>,
    said: Option<&str>,
    note: Option<String>,
) -> Result<(Rejection, Option<String>)> {
    let ui = &s.context.ui;
    let code: Rejection = match said {
        Some(word) => super::choice_of("--reason", word)?,
        None if !ui.style.interactive => return Err(missing("--reason <CODE>", Rejection::WORDS).into()),
        None => choice(&prompt::word(ui, DESC.known("rejection_code")?, &s.connection.parsing).await?)?,
    };
    match note {
        None if code == Rejection::Other && ui.style.interactive => {
            Ok((code, Some(text(s, "Why, in words (note)", None).await?)))
        }
        note => Ok((code, note)),
    }
}
