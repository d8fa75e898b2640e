//! `uuid` from 16 bytes, or from 32 hex digits as `uuid_in` reads them (dashes after any four of them, braces) and with `urn:uuid:`.

use super::reason::{no_conversion, unreadable};
use super::{Encoded, Misfit};
use rusqlite::types::ValueRef;

pub(super) fn encode(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    match value {
        ValueRef::Blob(bytes) if bytes.len() == 16 => out.extend_from_slice(bytes),
        ValueRef::Text(text) => match parse(text) {
            Some(bytes) => out.extend_from_slice(&bytes),
            None => return unreadable(text, "uuid"),
        },
        _ => return no_conversion(value, "uuid (text, or 16 bytes)"),
    }
    Ok(Encoded::Value)
}

fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let text = match text.split_at_checked(9) {
        Some((urn, rest)) if urn.eq_ignore_ascii_case(b"urn:uuid:") => rest,
        _ => text,
    };
    let mut rest = match text {
        [b'{', inner @ .., b'}'] => inner,
        _ => text,
    };
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let (&[high, low], tail) = rest.split_first_chunk::<2>()?;
        *byte = hex(high)? << 4 | hex(low)?;
        rest = match tail {
            [b'-', tail @ ..] if index % 2 == 1 && index < 15 => tail,
            _ => tail,
        };
    }
    rest.is_empty().then_some(bytes)
}

/// The value of a hex digit.
pub(super) const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
