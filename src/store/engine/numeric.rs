//! PostgreSQL's `numeric` on the wire, for decimals of four places: `numeric_send` and `numeric_recv` in
//! `src/backend/utils/adt/numeric.c` write digits to the base of 10,000, which is what our decimals count in.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

use crate::model::values::value::Decimal;

/// A decimal as `numeric`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numeric(pub Decimal);

const NEGATIVE: u16 = 0x4000;

impl Numeric {
    /// Number of digits, weight of the first one, sign, places to show, digits.
    pub fn bytes(self) -> Vec<u8> {
        let mut rest = self.0.0.unsigned_abs();
        let mut digits: Vec<u16> = Vec::new();
        while rest > 0 {
            digits.push((rest % Decimal::ONE.unsigned_abs()) as u16);
            rest /= Decimal::ONE.unsigned_abs();
        }
        // The last digit is that of the places behind the point, of weight -1; noughts at the end are left away.
        let weight = (digits.len() as i16 - 2) * i16::from(!digits.is_empty());
        let noughts = digits.iter().take_while(|d| **d == 0).count();
        digits.drain(..noughts);
        let sign = if self.0.0 < 0 { NEGATIVE } else { 0 };
        let mut bytes = Vec::with_capacity(8 + 2 * digits.len());
        bytes.extend((digits.len() as u16).to_be_bytes());
        bytes.extend(weight.to_be_bytes());
        bytes.extend(sign.to_be_bytes());
        bytes.extend(4_u16.to_be_bytes());
        bytes.extend(digits.iter().rev().flat_map(|d| d.to_be_bytes()));
        bytes
    }

    /// `None` for what our own columns can't hold.
    pub fn read(bytes: &[u8]) -> Option<Numeric> {
        let words: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|b| u16::from_be_bytes(*b)).collect();
        let [_, weight, sign, _, digits @ ..] = words.as_slice() else { return None };
        // NaN and the infinities have signs of their own.
        if !matches!(*sign, 0 | NEGATIVE) {
            return None;
        }
        let mut n: i64 = 0;
        for (digit, weight) in digits.iter().zip((i16::MIN..=weight.cast_signed()).rev()) {
            let power = u32::try_from(i32::from(weight) + 1).ok()?;
            n = n.checked_add(i64::from(*digit).checked_mul(Decimal::ONE.checked_pow(power)?)?)?;
        }
        Some(Numeric(Decimal(if *sign == NEGATIVE { -n } else { n })))
    }
}

impl Type<Postgres> for Numeric {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("NUMERIC")
    }
}

impl Encode<'_, Postgres> for Numeric {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Numeric {
    fn decode(raw: PgValueRef<'_>) -> Result<Numeric, BoxDynError> {
        Numeric::read(raw.as_bytes()?).ok_or_else(|| "a numeric that is no decimal of four places".into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_the_servers() {
        // select encode(numeric_send(...), 'hex') on PostgreSQL 15
        for (n, hex) in [
            ("0.0000", "0000000000000004"),
            ("10000", "00010001000000040001"),
            ("12345.6789", "0003000100000004000109291a85"),
            ("-0.5000", "0001ffff400000041388"),
        ] {
            let written: String =
                Numeric(Decimal::parse(n).expect("a decimal")).bytes().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(written, hex, "{n}");
        }
        assert_eq!(Numeric::read(&[0, 0, 0, 0, 0xc0, 0, 0, 0]), None, "NaN");
        assert_eq!(Numeric::read(&[0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1]), None, "far beyond");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(n in any::<i64>()) {
            prop_assert_eq!(Numeric::read(&Numeric(Decimal(n.max(-i64::MAX))).bytes()), Some(Numeric(Decimal(n.max(-i64::MAX)))));
        }
    }
}
