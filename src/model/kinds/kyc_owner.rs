//! Who owns a business beneficially: a part of the record of the business, which goes with it.

use chrono::NaiveDate;

use super::kyc::{BusinessType, Kyc};
use crate::model::problem::Problem;
use crate::model::resource::Check;
use crate::model::values::scalar::{Count, Digest, Line, Money, Ref, Sealed};
use crate::model::values::value::Decimal;
use crate::resource;

resource! {
    /// Who owns a business beneficially
    pub struct KycOwner "kyc-owner" in "kyc_owners" keys(&[&["kyc", "serial"]])
        called("beneficial owner", "beneficial owners") verbs(Nothing)
    {
        /// The record of the business
        kyc_id: Ref<Kyc> [Within, Subject],
        /// Number among the owners of the business
        serial: Count,
        /// Share of the business, in percent
        share: Money,
        /// The share, and as much of the PAN as may be shown
        shown: Line<60>,
        /// The name, sealed
        name: Sealed [Secret],
        /// The PAN, sealed
        number: Sealed [Secret],
        /// What equal PANs have in common, and nobody else can make
        number_index: Digest [Secret],
        /// Tells that something sealed is another
        fingerprint: Line<64>,
    }
}

/// All of a business, in percent.
pub const ALL: Decimal = Decimal(100 * Decimal::ONE);

impl Check for KycOwner {
    fn check(&self, _: NaiveDate) -> Vec<Problem> {
        let is_share = self.share.0.0 > 0 && self.share.0 <= ALL;
        let wrong =
            (!is_share).then(|| Problem::invalid("the share goes from 0 to 100, and is more than 0").field("share"));
        wrong.into_iter().collect()
    }
}

impl BusinessType {
    /// Who has more than so many percent is a beneficial owner (PML Rules, rule 9(3)): 10 of companies, firms and trusts, 15 of
    /// associations of people. A sole proprietorship is its proprietor's own.
    pub fn owner_threshold(self) -> Option<Decimal> {
        let percent = match self {
            BusinessType::SoleProprietorship => return None,
            BusinessType::Ngo | BusinessType::Huf => 15,
            _ => 10,
        };
        Some(Decimal(percent * Decimal::ONE))
    }
}
