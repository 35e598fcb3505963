//! PostgreSQL's `inet` on the wire, for single addresses: `network_send` and `network_recv` in
//! `src/backend/utils/adt/network.c` write the family, the bits of the prefix, whether it is a `cidr`, and the address.

use std::net::IpAddr;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// An address as `inet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inet(pub IpAddr);

/// PGSQL_AF_INET and PGSQL_AF_INET6 in `src/include/utils/inet.h`.
const V4: u8 = 2;
const V6: u8 = 3;

impl Inet {
    pub fn bytes(self) -> Vec<u8> {
        match self.0 {
            IpAddr::V4(a) => [&[V4, 32, 0, 4], a.octets().as_slice()].concat(),
            IpAddr::V6(a) => [&[V6, 128, 0, 16], a.octets().as_slice()].concat(),
        }
    }

    /// `None` for a network, which is no single address.
    pub fn read(bytes: &[u8]) -> Option<Inet> {
        match bytes {
            [V4, 32, 0, 4, address @ ..] => Some(Inet(<[u8; 4]>::try_from(address).ok()?.into())),
            [V6, 128, 0, 16, address @ ..] => Some(Inet(<[u8; 16]>::try_from(address).ok()?.into())),
            _ => None,
        }
    }
}

impl Type<Postgres> for Inet {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("INET")
    }
}

impl Encode<'_, Postgres> for Inet {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Inet {
    fn decode(raw: PgValueRef<'_>) -> Result<Inet, BoxDynError> {
        Inet::read(raw.as_bytes()?).ok_or_else(|| "an inet that is no single address".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_servers() {
        // select encode(inet_send(...), 'hex') on PostgreSQL 15
        for (address, hex) in
            [("203.0.113.7", "02200004cb007107"), ("2001:db8::1", "0380001020010db8000000000000000000000001")]
        {
            let inet = Inet(address.parse().expect("an address"));
            assert_eq!(inet.bytes().iter().map(|b| format!("{b:02x}")).collect::<String>(), hex);
            assert_eq!(Inet::read(&inet.bytes()), Some(inet));
        }
        assert_eq!(Inet::read(&[2, 24, 0, 4, 203, 0, 113, 0]), None, "a network");
    }
}
