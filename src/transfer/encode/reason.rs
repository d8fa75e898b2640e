//! How a misfit is told.

use super::Misfit;
use rusqlite::types::ValueRef;

/// A misfit for a reason that is put together only when it is needed.
#[cold]
pub(super) fn misfit<T>(reason: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit { reason: reason.into() })
}

/// A value of a storage class that no conversion to the column's type exists for.
#[cold]
pub(super) fn no_conversion<T>(value: ValueRef<'_>, target: &str) -> Result<T, Misfit> {
    let found = match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => format!("the integer {number}"),
        ValueRef::Real(number) => format!("the real {number}"),
        ValueRef::Text(text) => format!("the text {}", quoted(text)),
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    };
    misfit(format!("{found} is no {target}"))
}

/// Text that the column's type does not read.
#[cold]
pub(super) fn unreadable<T>(text: &[u8], target: &str) -> Result<T, Misfit> {
    if text.is_empty() {
        return misfit(format!("an empty text is no {target}"));
    }
    misfit(format!("{} is no {target}", quoted(text)))
}

/// An excerpt that is safe to print: 60 characters, control characters escaped.
pub(super) fn quoted(text: &[u8]) -> String {
    let excerpt = String::from_utf8_lossy(&text[..text.len().min(240)]);
    let mut shown: String = excerpt.chars().take(60).flat_map(char::escape_debug).collect();
    if excerpt.chars().nth(60).is_some() {
        shown.push('…');
    }
    format!("'{shown}'")
}
