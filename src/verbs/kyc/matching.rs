//! `kyc match`: how alike two names are.

use anyhow::Result;
use serde_json::json;

use super::Lines;
use crate::crud::context::OF_EVERYBODY;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::identity::name_match::compare;
use crate::model::problem::Problem;
use crate::ui::format::{is_for_programs, report};

/// Compares two names, and decides nothing: in the middle a person has to look.
#[derive(clap::Args)]
pub struct MatchFlags {
    /// File with a name on each of two lines ('-': standard input)
    #[arg(value_name = "FILE")]
    pub file: String,
}

impl Leaf for MatchFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "match",
        permission: OF_EVERYBODY,
        writes: false,
        about: "Tell how alike two names are, on two lines",
        examples: "orgctl kyc match names.txt\norgctl kyc match - < names.txt",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let mut lines = Lines::open(s.context, &self.file)?;
        let mut names = Vec::new();
        while let Some((_, text)) = lines.next()? {
            if !text.trim().is_empty() {
                names.push(zeroize::Zeroizing::new(text.to_owned()));
            }
        }
        let [one, other] = names.as_slice() else {
            return Err(Problem::invalid(format!("two names are compared, and there are {}", names.len()))
                .hint("each name stands on a line of its own")
                .into());
        };
        let found = compare(one, other);
        let score = format!("{}.{:02}", found.score / 100, found.score % 100);
        if is_for_programs(&s.context.ui) {
            return report(
                &s.context.ui,
                &json!({ "score": score, "band": found.band().as_str(), "reason": found.reason }),
            );
        }
        s.context.ui.out(&format!("{score} {}: {}\n", found.band().as_str(), found.reason))
    }
}
