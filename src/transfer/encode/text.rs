//! Text and what looks like it: `text`, `varchar`, `char`, `name`, `"char"`, enums; and `bytea`, which takes bytes as they are.
//!
//! Bytes have to be UTF-8 without NUL, whichever storage class holds them. Numbers are written as SQLite prints them.

use super::number::{put_integer, put_real};
use super::reason::{misfit, no_conversion, quoted};
use super::{Encoded, Misfit};
use rusqlite::types::ValueRef;

/// What bounds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Nothing.
    None,
    /// So many characters; blanks beyond them are cut, as PostgreSQL does.
    Characters(u32),
    /// Exactly so many characters, filled up with blanks.
    Padded(u32),
    /// 63 bytes. PostgreSQL would cut without a word; here it is a misfit.
    Name,
    /// One byte; none stands for a zero byte.
    Byte,
}

/// `NAMEDATALEN` - 1.
const NAME_BYTES: usize = 63;

pub(super) fn encode(limit: Limit, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let start = out.len();
    put_printed(value, out)?;
    match limit {
        Limit::None => {}
        Limit::Characters(most) => cut(start, most, out)?,
        Limit::Padded(most) => {
            let used = cut_or_count(start, most, out)?;
            out.extend(std::iter::repeat_n(b' ', most as usize - used));
        }
        Limit::Name => match out.len() - start {
            length if length > NAME_BYTES => return misfit(format!("{length} bytes, but a name holds {NAME_BYTES}")),
            _ => {}
        },
        Limit::Byte => match out.len() - start {
            0 => out.push(0),
            1 => {}
            length => return misfit(format!("{length} bytes, but \"char\" holds one")),
        },
    }
    Ok(Encoded::Value)
}

/// Appends the value as text.
pub(super) fn put_printed(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            checked(bytes)?;
            out.extend_from_slice(bytes);
        }
        ValueRef::Integer(number) => put_integer(number, out),
        ValueRef::Real(number) => put_real(number, out),
        ValueRef::Null => {}
    }
    Ok(())
}

/// The bytes as text that PostgreSQL can hold in an UTF-8 database.
pub(super) fn checked(bytes: &[u8]) -> Result<&str, Misfit> {
    match std::str::from_utf8(bytes) {
        Err(error) => misfit(format!("invalid UTF-8 at byte {}", error.valid_up_to())),
        Ok(_) if bytes.contains(&0) => {
            let at = bytes.iter().take_while(|byte| **byte != 0).count();
            misfit(format!("a NUL character at byte {at}, which PostgreSQL's text cannot hold"))
        }
        Ok(text) => Ok(text),
    }
}

fn cut(start: usize, most: u32, out: &mut Vec<u8>) -> Result<(), Misfit> {
    // as many bytes as characters allowed is never too long
    if out.len() - start <= most as usize { Ok(()) } else { cut_or_count(start, most, out).map(|_| ()) }
}

/// Cuts blanks beyond the limit, refuses anything else there; how many characters are left.
fn cut_or_count(start: usize, most: u32, out: &mut Vec<u8>) -> Result<usize, Misfit> {
    let most = most as usize;
    let Some(end) = offset_of(&out[start..], most) else { return Ok(characters(&out[start..])) };
    if out[start + end..].iter().any(|byte| *byte != b' ') {
        return misfit(format!("{} characters, but the column holds {most}", characters(&out[start..])));
    }
    out.truncate(start + end);
    Ok(most)
}

fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| is_start(**byte)).count()
}

/// The byte at which the character number `index` starts.
pub(super) fn offset_of(text: &[u8], index: usize) -> Option<usize> {
    text.iter().enumerate().filter(|(_, byte)| is_start(**byte)).nth(index).map(|(offset, _)| offset)
}

const fn is_start(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

/// `labels` are sorted.
pub(super) fn encode_enum(labels: &[Box<[u8]>], value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let start = out.len();
    put_printed(value, out)?;
    if labels.binary_search_by(|label| (**label).cmp(&out[start..])).is_err() {
        return misfit(format!("{} is none of the type's labels", quoted(&out[start..])));
    }
    Ok(Encoded::Value)
}

/// A blob, or the bytes of a text. A number has no bytes of its own and is refused.
pub(super) fn encode_bytes(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = value else { return no_conversion(value, "bytea") };
    out.extend_from_slice(bytes);
    Ok(Encoded::Value)
}
