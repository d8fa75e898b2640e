//! `boolean` from 0 and 1, and from the words that PostgreSQL takes (`parse_bool_with_len` in bool.c).

use super::number::trim;
use super::reason::{no_conversion, unreadable};
use super::{Encoded, Misfit};
use rusqlite::types::ValueRef;

/// A number other than 0 and 1 is refused, though PostgreSQL's cast would make it true: it is more likely a wrong column.
pub(super) fn encode(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let truth = match value {
        ValueRef::Integer(number @ (0 | 1)) => number == 1,
        ValueRef::Real(number) if number == 0.0 || number == 1.0 => number == 1.0,
        ValueRef::Text(text) => match word(trim(text)) {
            Some(truth) => truth,
            None => return unreadable(text, "boolean"),
        },
        _ => return no_conversion(value, "boolean (0 or 1)"),
    };
    out.push(u8::from(truth));
    Ok(Encoded::Value)
}

/// Any beginning of true, false, yes and no, of on and off as far as they can be told apart, 1 and 0; in any case.
fn word(text: &[u8]) -> Option<bool> {
    let begins = |word: &[u8], least: usize| {
        text.len() >= least && text.len() <= word.len() && text.eq_ignore_ascii_case(&word[..text.len()])
    };
    if begins(b"true", 1) || begins(b"yes", 1) || begins(b"on", 2) || text == b"1" {
        Some(true)
    } else if begins(b"false", 1) || begins(b"no", 1) || begins(b"off", 2) || text == b"0" {
        Some(false)
    } else {
        None
    }
}
