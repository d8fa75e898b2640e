//! From a SQLite value to the canonical bytes that its target column must hold.
//!
//! The second opinion behind every digest: written apart from `transfer::encode`, plainly, one file per family of types, and
//! sharing with it nothing but the layout of the canonical bytes. `tests/verify_decode.rs` holds the two against each other;
//! `tests/encode.rs` holds the encoder against PostgreSQL's own input, so that both cannot be wrong in the same way unseen.

mod array;
mod bytes;
pub(crate) mod calendar;
mod interval;
mod json;
mod moment;
mod network;
mod number;
mod text;

pub(crate) use array::literal as array_literal;

use crate::schema::{Rules, Type, TypeKind};
use rusqlite::types::ValueRef;
use std::borrow::Cow;

/// Why a value is none of its target's type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Misfit {
    /// In the operator's words.
    pub reason: String,
}

impl Misfit {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl From<String> for Misfit {
    fn from(reason: String) -> Self {
        Self { reason }
    }
}

/// Appends the canonical bytes that a column of type `ty` must hold for `value`. False where the cell is NULL. For
/// [`TypeKind::Xml`] and [`TypeKind::Other`] it is the text as written, which the server has yet to bring into its own form.
///
/// # Errors
/// When the type holds no such value; `out` is then as it was.
pub fn decode(value: ValueRef<'_>, ty: &Type, rules: &Rules, out: &mut Vec<u8>) -> Result<bool, Misfit> {
    if value == ValueRef::Null {
        return Ok(false);
    }
    let before = out.len();
    match put(value, ty, rules, out) {
        Ok(()) => Ok(true),
        Err(misfit) => {
            out.truncate(before);
            Err(misfit)
        }
    }
}

/// The value's own bytes, where they are the canonical ones: a large cell need not be copied then.
pub(crate) fn as_it_stands<'v>(value: ValueRef<'v>, ty: &Type) -> Option<Result<&'v [u8], Misfit>> {
    let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = value else { return None };
    match &ty.kind {
        TypeKind::Bytea => Some(Ok(bytes)),
        TypeKind::Text | TypeKind::Varchar(None) | TypeKind::Json => Some(text_of(value).map(|_| bytes)),
        _ => None,
    }
}

fn put(value: ValueRef<'_>, ty: &Type, rules: &Rules, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match &ty.kind {
        TypeKind::Bool => number::boolean(value, out),
        TypeKind::Int2 => number::integer(value, 16, out),
        TypeKind::Int4 => number::integer(value, 32, out),
        TypeKind::Int8 => number::integer(value, 64, out),
        TypeKind::Float4 => number::float4(value, out),
        TypeKind::Float8 => number::float8(value, out),
        TypeKind::Numeric(bounds) => number::numeric(value, *bounds, out),
        TypeKind::Text | TypeKind::Xml | TypeKind::Other => text::unlimited(value, out),
        TypeKind::Varchar(limit) => text::varying(value, *limit, out),
        TypeKind::Char(limit) => text::padded(value, *limit, out),
        TypeKind::Name => text::name(value, out),
        TypeKind::SingleByte => text::single_byte(value, out),
        TypeKind::Enum(labels) => text::label(value, labels, out),
        TypeKind::Bytea => bytes::bytea(value, out),
        TypeKind::Uuid => bytes::uuid(value, out),
        TypeKind::Macaddr => bytes::macaddr(value, 6, out),
        TypeKind::Macaddr8 => bytes::macaddr(value, 8, out),
        TypeKind::Bit(count) => bytes::bits(value, Some(*count), None, out),
        TypeKind::Varbit(most) => bytes::bits(value, None, *most, out),
        TypeKind::Date => moment::date(value, rules, out),
        TypeKind::Time(digits) => moment::time(value, *digits, rules, out),
        TypeKind::TimeTz(digits) => moment::timetz(value, *digits, out),
        TypeKind::Timestamp(digits) => moment::timestamp(value, *digits, rules, out),
        TypeKind::TimestampTz(digits) => moment::timestamptz(value, *digits, rules, out),
        TypeKind::Interval(fields) => interval::interval(value, *fields, rules, out),
        TypeKind::Json => json::kept(value, out),
        TypeKind::Jsonb => json::parsed(value, out),
        TypeKind::Inet => network::address(value, false, out),
        TypeKind::Cidr => network::address(value, true, out),
        TypeKind::Array(element) => array::array(value, element, rules, out),
    }
}

/// A value as text that PostgreSQL can hold: numbers as SQLite prints them, bytes when they are UTF-8 without NUL.
fn text_of(value: ValueRef<'_>) -> Result<Cow<'_, str>, Misfit> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            let text = std::str::from_utf8(bytes)
                .map_err(|error| Misfit::new(format!("invalid UTF-8 at byte {}", error.valid_up_to())))?;
            if bytes.contains(&0) {
                let at = text.find('\0').unwrap_or_default();
                return Err(Misfit::new(format!("NUL at byte {at}: PostgreSQL's text cannot hold it")));
            }
            Ok(Cow::Borrowed(text))
        }
        ValueRef::Integer(number) => Ok(Cow::Owned(number.to_string())),
        ValueRef::Real(number) => Ok(Cow::Owned(real_text(number))),
        ValueRef::Null => Err(Misfit::new("it is NULL")),
    }
}

/// A REAL as SQLite prints it: always with a point, an exponent of two digits below 1e-4 and from 1e17 on.
fn real_text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let pointed = |text: String| if text.contains('.') { text } else { format!("{text}.0") };
    if number == 0.0 {
        return "0.0".to_owned();
    }
    if (1e-4..1e17).contains(&number.abs()) {
        return pointed(number.to_string());
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, power) = exponent.strip_prefix('-').map_or(('+', exponent), |power| ('-', power));
    format!("{}e{sign}{power:0>2}", pointed(mantissa.to_owned()))
}

/// A source value as it stands there, cut to 60 characters; for reasons and for cells that cannot be converted.
pub(crate) fn raw(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => real_text(number),
        ValueRef::Text(bytes) => brief(&String::from_utf8_lossy(&bytes[..bytes.len().min(400)])),
        ValueRef::Blob(bytes) => {
            let shown: String = bytes.iter().take(30).map(|byte| format!("{byte:02x}")).collect();
            format!("\\x{shown}{}", if bytes.len() > 30 { "…" } else { "" })
        }
    }
}

/// The first 60 characters, control characters escaped.
fn brief(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(60) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}
