//! What of a paper stands in clear: as flags give it, or a person at a terminal.

use anyhow::Result;

use super::{DESC, paper};
use crate::crud::invocation::Invocation;
use crate::crud::prompt;
use crate::model::kinds::kyc::KycKind;
use crate::model::problem::Problem;
use crate::model::values::value::Value;

/// What of a paper stands in clear.
#[derive(clap::Args)]
pub struct Clear {
    /// Gender, as on an Aadhaar
    #[arg(long, value_name = "GENDER")]
    pub gender: Option<String>,
    /// What the business is: private_limited, llp, sole_proprietorship ...
    #[arg(long, value_name = "TYPE")]
    pub business_type: Option<String>,
    /// What the number of the business is: gstin, cin, llpin, udyam
    #[arg(long, value_name = "KIND")]
    pub registration: Option<String>,
    /// Phone number of the business or the account
    #[arg(long, value_name = "PHONE")]
    pub phone: Option<String>,
    /// E-mail address of the business or the account
    #[arg(long, value_name = "E-MAIL")]
    pub email: Option<String>,
    /// Code of the bank's branch
    #[arg(long, value_name = "IFSC")]
    pub ifsc: Option<String>,
    /// What the account is: savings, current, fixed_deposit, recurring_deposit
    #[arg(long, value_name = "TYPE")]
    pub account_type: Option<String>,
    /// Name of the bank; that of the IFSC without it
    #[arg(long, value_name = "TEXT")]
    pub bank_name: Option<String>,
    /// Name of the bank's branch
    #[arg(long, value_name = "TEXT")]
    pub branch_name: Option<String>,
}

/// The columns of what stands in clear.
pub const CLEAR: [&str; 9] =
    ["gender", "business_type", "registration", "phone", "email", "ifsc", "account_type", "bank_name", "branch_name"];

impl Clear {
    fn given(&self) -> [&Option<String>; 9] {
        [
            &self.gender,
            &self.business_type,
            &self.registration,
            &self.phone,
            &self.email,
            &self.ifsc,
            &self.account_type,
            &self.bank_name,
            &self.branch_name,
        ]
    }

    /// Whether nothing of it is given.
    pub fn is_empty(&self) -> bool {
        self.given().iter().all(|said| said.is_none())
    }

    /// Column and value of all that was given.
    pub fn values(&self, s: &Invocation<'_>) -> Result<Vec<(String, Value)>> {
        let given = self.given();
        let (mut values, mut wrong) = (Vec::new(), Vec::new());
        for (name, text) in CLEAR.into_iter().zip(given).filter_map(|(name, text)| Some((name, text.as_ref()?))) {
            match DESC.known(name)?.parse(text, &s.connection.parsing) {
                Ok(value) => values.push((name.to_owned(), value)),
                Err(problem) => wrong.push(problem),
            }
        }
        self.bank(&mut values)?;
        match Problem::joined(wrong) {
            Some(problem) => Err(problem.into()),
            None => Ok(values),
        }
    }

    /// Holds the code of a bank's branch against those in force, and names the bank by it.
    fn bank(&self, values: &mut Vec<(String, Value)>) -> Result<(), Problem> {
        let Some(text) = &self.ifsc else { return Ok(()) };
        let (code, bank) = paper::bank_of(text)?;
        values.retain(|(column, _)| column != "ifsc");
        values.push(("ifsc".to_owned(), code.into()));
        if let (None, Some(bank)) = (&self.bank_name, bank) {
            values.push(("bank_name".to_owned(), bank.into()));
        }
        Ok(())
    }
}

/// Asks what of a paper stands in clear and must be said of its kind.
pub async fn ask(s: &Invocation<'_>, kind: KycKind, clear: &mut Clear) -> Result<()> {
    if !s.context.ui.style.interactive {
        return Ok(());
    }
    let asked: &mut [(&str, &mut Option<String>)] = match kind {
        KycKind::Business => {
            &mut [("registration", &mut clear.registration), ("business_type", &mut clear.business_type)]
        }
        KycKind::Bank => &mut [("ifsc", &mut clear.ifsc), ("account_type", &mut clear.account_type)],
        KycKind::Aadhaar | KycKind::Pan => &mut [],
    };
    for (column, said) in asked.iter_mut().filter(|(_, said)| said.is_none()) {
        let field = DESC.known(column)?;
        let word = match *column {
            "ifsc" => {
                let check = |text: &str| paper::bank_of(text).map(drop).map_err(|problem| problem.sentence);
                s.context.ui.ask(&format!("{} ({column})", field.help), None, check).await?
            }
            _ => prompt::word(&s.context.ui, field, &s.connection.parsing).await?,
        };
        **said = Some(word);
    }
    Ok(())
}
