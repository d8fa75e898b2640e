//! Text: bytes as they are, provided they are UTF-8 without NUL; numbers as SQLite prints them.

use super::reason::misfit;
use super::{Encoded, Misfit};
use crate::schema::TypeKind;
use rusqlite::types::ValueRef;
use std::borrow::Cow;

pub(super) fn encode(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            checked(bytes)?;
            out.extend_from_slice(bytes);
        }
        ValueRef::Integer(number) => super::number::put_integer(number, out),
        ValueRef::Real(number) => super::number::put_real(number, out),
        ValueRef::Null => return Ok(Encoded::Null),
    }
    Ok(Encoded::Value)
}

/// The bytes as text that PostgreSQL can hold in an UTF-8 database.
pub(super) fn checked(bytes: &[u8]) -> Result<&str, Misfit> {
    match std::str::from_utf8(bytes) {
        Err(error) => misfit(format!("invalid UTF-8 at byte {}", error.valid_up_to())),
        Ok(text) => match bytes.iter().position(|byte| *byte == 0) {
            Some(at) => misfit(format!("NUL at byte {at}: PostgreSQL's text cannot hold it")),
            None => Ok(text),
        },
    }
}

/// The nearest text that a column of this kind holds.
pub(super) fn mend<'a>(kind: &TypeKind, value: ValueRef<'a>) -> Option<Cow<'a, [u8]>> {
    let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = value else { return None };
    if *kind != TypeKind::Text {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    Some(Cow::Owned(text.replace('\0', "").into_bytes()))
}
