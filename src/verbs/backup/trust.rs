//! Whose archives are trusted.

use anyhow::Result;

use super::archive::Archive;
use crate::crud::context::Context;
use crate::model::problem::Problem;
use crate::model::trail::note::Verifier;
use crate::verbs::audit::keys::{KeyFlags, own_fault, verifiers};

/// Whose signature of an archive is trusted.
#[derive(clap::Args, Default)]
pub struct TrustFlags {
    /// Take it though no trusted key has signed it
    #[arg(long)]
    pub trust_unsigned: bool,
    #[command(flatten)]
    pub keys: KeyFlags,
}

/// Checks that an archive is signed by somebody who is trusted: by a key from outside of it.
pub fn trust(context: &Context<'_>, flags: &TrustFlags, archive: &Archive) -> Result<bool> {
    let keys: Vec<Verifier> = verifiers(context, &flags.keys)?;
    let names = archive.signed_by(&keys)?;
    if !names.is_empty() {
        return Ok(true);
    }
    let path = archive.path.display();
    if flags.trust_unsigned {
        context
            .ui
            .warn(&format!("{path} is not signed by a key that is trusted; it is taken as --trust-unsigned says"));
        return Ok(false);
    }
    let sentence = match keys.is_empty() {
        true => format!("nothing tells who made {path}: there is no public key to check its signature with"),
        false => format!("{path} is not signed by a key that is trusted"),
    };
    let own = own_fault(context, &flags.keys.signing).filter(|_| keys.is_empty());
    Err(Problem::integrity(sentence)
        .hint_maybe(own.map(|p| format!("the key of this machine can't be used: {}", p.sentence)))
        .hint("--key names the public key that 'orgctl audit pubkey' prints where it was made; --trust-unsigned goes without")
        .into())
}
