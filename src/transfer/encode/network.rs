//! `inet`, `cidr`, `macaddr` and `macaddr8` from their full written forms. The abbreviations that PostgreSQL also takes (`10.1/16`) are
//! refused.

use super::number::trim;
use super::reason::{misfit, no_conversion, quoted, unreadable};
use super::uuid::hex;
use super::{Encoded, Misfit};
use rusqlite::types::ValueRef;
use std::net::{Ipv4Addr, Ipv6Addr};

/// `PGSQL_AF_INET` and `PGSQL_AF_INET6` (utils/inet.h).
const FAMILY_4: u8 = 2;
const FAMILY_6: u8 = 3;

pub(super) fn encode_network(cidr: bool, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let name = if cidr { "cidr" } else { "inet" };
    let ValueRef::Text(text) = value else { return no_conversion(value, name) };
    let Some((address, bits)) = split(text) else { return unreadable(text, name) };
    if let Ok(four) = address.parse::<Ipv4Addr>() {
        put_network(cidr, FAMILY_4, bits, &four.octets(), text, out)
    } else if let Ok(six) = address.parse::<Ipv6Addr>() {
        put_network(cidr, FAMILY_6, bits, &six.octets(), text, out)
    } else {
        unreadable(text, name)
    }
}

/// The address, and the bits of the mask where it has one.
fn split(text: &[u8]) -> Option<(&str, Option<u8>)> {
    let text = std::str::from_utf8(text).ok()?;
    let Some((address, mask)) = text.split_once('/') else { return Some((text, None)) };
    let plain = mask.bytes().all(|byte| byte.is_ascii_digit()) && (mask.len() == 1 || !mask.starts_with('0'));
    if !plain {
        return None;
    }
    Some((address, Some(mask.parse().ok()?)))
}

fn put_network(
    cidr: bool,
    family: u8,
    bits: Option<u8>,
    address: &[u8],
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<Encoded, Misfit> {
    let full = address.len() as u8 * 8;
    let bits = bits.unwrap_or(full);
    if bits > full {
        return unreadable(text, if cidr { "cidr" } else { "inet" });
    }
    if cidr && has_host_bits(address, bits) {
        return misfit(format!("{} has bits to the right of its mask, which cidr refuses", quoted(text)));
    }
    out.extend_from_slice(&[family, bits, u8::from(cidr), address.len() as u8]);
    out.extend_from_slice(address);
    Ok(Encoded::Value)
}

fn has_host_bits(address: &[u8], bits: u8) -> bool {
    (usize::from(bits)..address.len() * 8).any(|bit| address[bit / 8] >> (7 - bit % 8) & 1 == 1)
}

pub(super) fn encode_mac(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let ValueRef::Text(text) = value else { return no_conversion(value, "macaddr") };
    match parse_mac(trim(text)) {
        Some((bytes, 6)) => out.extend_from_slice(&bytes[..6]),
        _ => return unreadable(text, "macaddr"),
    }
    Ok(Encoded::Value)
}

/// Six bytes become eight with FF FE in the middle, as PostgreSQL does.
pub(super) fn encode_mac8(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let ValueRef::Text(text) = value else { return no_conversion(value, "macaddr8") };
    match parse_mac(trim(text)) {
        Some((bytes, 8)) => out.extend_from_slice(&bytes),
        Some((bytes, 6)) => {
            out.extend_from_slice(&bytes[..3]);
            out.extend_from_slice(&[0xFF, 0xFE]);
            out.extend_from_slice(&bytes[3..6]);
        }
        _ => return unreadable(text, "macaddr8"),
    }
    Ok(Encoded::Value)
}

/// Hex digits in groups of 2 by `:` or `-`, of 4 by `.`, or without a separator; the bytes and how many they are.
fn parse_mac(text: &[u8]) -> Option<([u8; 8], usize)> {
    let separator = text.iter().copied().find(|byte| hex(*byte).is_none());
    let group = match separator {
        None => text.len(),
        Some(b':' | b'-') => 2,
        Some(b'.') => 4,
        Some(_) => return None,
    };
    let mut bytes = [0; 8];
    let mut digits = 0;
    for (index, byte) in text.iter().enumerate() {
        if separator.is_some() && index % (group + 1) == group {
            (Some(*byte) == separator && index + 1 < text.len()).then_some(())?;
            continue;
        }
        let slot = bytes.get_mut(digits / 2)?;
        *slot = *slot << 4 | hex(*byte)?;
        digits += 1;
    }
    let whole = separator.is_none() || text.len() % (group + 1) == group;
    (whole && digits % 2 == 0).then_some((bytes, digits / 2))
}
