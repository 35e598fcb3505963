//! The evidence by which a record is verified: as flags give it, or a person at a terminal.

use anyhow::Result;

use super::asked::{missing, text};
use super::{choice, choice_of};
use crate::crud::invocation::Invocation;
use crate::model::kinds::kyc::{KycKind, Method, PENNY};
use crate::model::problem::Problem;
use crate::model::values::value::Value;

/// What proves that a paper is right.
#[derive(clap::Args)]
pub struct Evidence {
    /// File with what the provider answered, in JSON ('-': standard input); it is kept sealed
    #[arg(long, value_name = "FILE")]
    pub response: Option<String>,
    /// Reference of the evidence at the bank or provider
    #[arg(long, value_name = "TEXT")]
    pub reference: Option<String>,
    /// Amount that was paid, in rupees
    #[arg(long, value_name = "AMOUNT")]
    pub amount: Option<String>,
    /// What was looked at
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

impl Evidence {
    /// What the method asks for that is missing, or is not there yet.
    pub fn check(&self, method: Method) -> Result<(), Problem> {
        let (is, missing) =
            (method.as_str(), |flag: &str| Problem::invalid(format!("{} needs {flag}", method.as_str())));
        match method {
            Method::BankStatement | Method::OfflineXml => {
                Err(Problem::invalid(format!("{is} needs an attached file, and files can't be attached yet"))
                    .hint("verify by another method: manual, penny_drop, or by the answer of a provider"))
            }
            Method::Migrated => Err(Problem::invalid("migrated is what comes with a batch of an earlier system")
                .hint("verify by what was looked at: manual, penny_drop, or by the answer of a provider")),
            Method::Digilocker | Method::Uidai | Method::Nsdl | Method::Karza if self.response.is_none() => {
                Err(missing("what the provider answered: --response FILE").field("response"))
            }
            Method::PennyDrop if self.amount.is_none() => Err(missing("--amount 1.00").field("amount")),
            Method::PennyDrop if self.reference.is_none() => Err(missing("--reference TEXT").field("reference")),
            Method::Manual if self.note.is_none() => Err(missing("--note TEXT: what was looked at").field("note")),
            _ => Ok(()),
        }
    }
}

/// The methods that verify a kind of paper, where no file can be attached.
fn methods(kind: KycKind) -> Vec<&'static str> {
    let all = [Method::Manual, Method::PennyDrop, Method::Digilocker, Method::Uidai, Method::Nsdl, Method::Karza];
    all.into_iter().filter(|m| *m != Method::PennyDrop || kind == KycKind::Bank).map(Method::as_str).collect()
}

/// How a record of a kind was verified; and the evidence of it that no flag gives.
pub async fn method(s: &Invocation<'_>, kind: KycKind, said: Option<&str>, evidence: &mut Evidence) -> Result<Method> {
    let ui = &s.context.ui;
    let method: Method = match said {
        Some(word) => choice_of("--method", word)?,
        None => {
            let words = methods(kind);
            if !ui.style.interactive {
                return Err(missing("--method <METHOD>", &words).into());
            }
            let items: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            choice(words[ui.pick("How it was verified (method)", &items, 0).await?])?
        }
    };
    if !ui.style.interactive {
        return Ok(method);
    }
    match method {
        Method::Manual if evidence.note.is_none() => {
            evidence.note = Some(text(s, "What was looked at (note)", None).await?);
        }
        Method::PennyDrop => {
            if evidence.amount.is_none() {
                let penny = Value::Decimal(PENNY).to_text();
                evidence.amount = Some(text(s, "Amount that was paid, in rupees (amount)", Some(&penny)).await?);
            }
            if evidence.reference.is_none() {
                // It may pass for an Aadhaar number: whose one it is, is looked up when it is there.
                let asked = ui.ask("Reference of the payment (reference)", None, |_| Ok(())).await?;
                evidence.reference = Some(asked);
            }
        }
        Method::Digilocker | Method::Uidai | Method::Nsdl | Method::Karza if evidence.response.is_none() => {
            let path = ui.ask("File with what the provider answered, in JSON (response)", None, |_| Ok(())).await?;
            evidence.response = Some(path);
        }
        _ => {}
    }
    Ok(method)
}
