//! `bit` and `bit varying` from text of 0 and 1.

use super::reason::{misfit, no_conversion, unreadable};
use super::{Encoded, Misfit};
use rusqlite::types::ValueRef;

/// How many bits the column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Exactly(u32),
    AtMost(u32),
    Any,
}

/// An integer is taken for `bit(1)` only: elsewhere 101 could be digits or a number.
pub(super) fn encode(limit: Limit, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    match value {
        ValueRef::Text(text) => put(limit, text, out),
        ValueRef::Integer(0) if limit == Limit::Exactly(1) => put(limit, b"0", out),
        ValueRef::Integer(1) if limit == Limit::Exactly(1) => put(limit, b"1", out),
        _ => no_conversion(value, "bit string (text of 0 and 1)"),
    }
}

fn put(limit: Limit, text: &[u8], out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    if !text.iter().all(|byte| matches!(byte, b'0' | b'1')) {
        return unreadable(text, "bit string (0 and 1)");
    }
    let fits = |most: u32| u32::try_from(text.len()).is_ok_and(|length| length <= most);
    match limit {
        Limit::Exactly(count) if text.len() != count as usize => {
            return misfit(format!("{} bits, but the column holds exactly {count}", text.len()));
        }
        Limit::AtMost(most) if !fits(most) => {
            return misfit(format!("{} bits, but the column holds {most}", text.len()));
        }
        _ => {}
    }
    out.extend_from_slice(&(text.len() as u32).to_be_bytes());
    out.extend(text.chunks(8).map(|chunk| {
        let bits = chunk.iter().fold(0u8, |bits, digit| bits << 1 | (digit & 1));
        // a shift by 8 cannot happen: chunks are not empty
        bits << (8 - chunk.len())
    }));
    Ok(Encoded::Value)
}
