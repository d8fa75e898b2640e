//! Which bytes stand for a value. Two cells are equal exactly when these bytes are.
//!
//! | type | bytes |
//! |---|---|
//! | integers | i64, big endian |
//! | `real`, `double precision` | the IEEE bits, big endian; every NaN as one; -0 is not 0 |
//! | `numeric` | [`Sign`], exponent (i32, big endian), decimal digits without zeros at either end: 0.DIGITS × 10^exponent |
//! | `date` | days since 2000-01-01, i32; `time`: µs, i64; `timetz`: µs, i64, and seconds west of UTC, i32 |
//! | `timestamp`, `timestamptz` | µs since 2000-01-01 (UTC), i64; ±infinity as PostgreSQL's extremes |
//! | `interval` | months, i32, and days × 86,400,000,000 + µs, i128 |
//! | `character(n)` | without its padding |
//! | `jsonb` | the parsed value, see [`put_json`] |
//! | arrays | dimensions, lower bounds, and each element as tag, length and bytes |
//! | everything else | as on the wire |

use super::{json, numeric};
use crate::schema::{Type, TypeKind};

/// How a type's values are made canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanonicalKind {
    /// The wire bytes as they are.
    Bytes,
    /// Two, four or eight bytes of integer.
    Integer,
    /// `real`.
    Float4,
    /// `double precision`.
    Float8,
    /// `numeric`.
    Numeric,
    /// `character(n)`.
    Padded,
    /// `interval`.
    Interval,
    /// `jsonb`.
    Jsonb,
    /// An array of these.
    Array(Box<CanonicalKind>),
}

impl CanonicalKind {
    /// The kind for a type's wire values.
    #[must_use]
    pub fn of(ty: &Type) -> Self {
        match &ty.kind {
            TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8 => Self::Integer,
            TypeKind::Float4 => Self::Float4,
            TypeKind::Float8 => Self::Float8,
            TypeKind::Numeric(_) => Self::Numeric,
            TypeKind::Char(_) => Self::Padded,
            TypeKind::Interval(_) => Self::Interval,
            TypeKind::Jsonb => Self::Jsonb,
            TypeKind::Array(element) => Self::Array(Box::new(Self::of(element))),
            _ => Self::Bytes,
        }
    }
}

/// Bytes that are no value of the type they are said to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes that are no binary {kind}: the server's wire format is not the one this program knows")]
pub struct BadWire {
    /// The type.
    pub kind: &'static str,
    /// How many bytes there were.
    pub length: usize,
}

/// What a canonical `numeric` starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sign {
    /// Exactly zero; no exponent and digits follow.
    Zero = b'0',
    /// Above zero.
    Positive = b'+',
    /// Below zero.
    Negative = b'-',
    /// Not a number; nothing follows.
    NaN = b'N',
    /// Nothing follows.
    PlusInfinity = b'P',
    /// Nothing follows.
    MinusInfinity = b'M',
}

/// Appends the canonical form of a cell from its binary wire form.
///
/// # Errors
/// When the bytes are not a value of that kind; `out` may then hold a part.
pub fn from_wire(kind: &CanonicalKind, payload: &[u8], out: &mut Vec<u8>) -> Result<(), BadWire> {
    match kind {
        CanonicalKind::Bytes => out.extend_from_slice(payload),
        CanonicalKind::Integer => put_integer(integer(payload)?, out),
        CanonicalKind::Float4 => put_float4(f32::from_be_bytes(fixed("real", payload)?), out),
        CanonicalKind::Float8 => put_float8(f64::from_be_bytes(fixed("double precision", payload)?), out),
        CanonicalKind::Numeric => return numeric::canonical(payload, out),
        CanonicalKind::Padded => put_padded(payload, out),
        CanonicalKind::Interval => {
            let (micros, days, months) = interval(payload)?;
            put_interval(months, i128::from(days) * MICROS_PER_DAY + i128::from(micros), out);
        }
        CanonicalKind::Jsonb => {
            let text = payload.strip_prefix(&[1]).ok_or(BadWire { kind: "jsonb", length: payload.len() })?;
            return put_json(text, out);
        }
        CanonicalKind::Array(element) => return array(element, payload, out),
    }
    Ok(())
}

const MICROS_PER_DAY: i128 = 86_400_000_000;

/// Appends a `smallint`, `integer` or `bigint`.
pub fn put_integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a `real`.
pub fn put_float4(value: f32, out: &mut Vec<u8>) {
    let value = if value.is_nan() { f32::NAN } else { value };
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a `double precision`.
pub fn put_float8(value: f64, out: &mut Vec<u8>) {
    let value = if value.is_nan() { f64::NAN } else { value };
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a finite `numeric`: the ASCII decimal `digits` as one integer, divided by 10^`scale`. Zeros at either end do not matter.
pub fn put_numeric(negative: bool, digits: &[u8], scale: i32, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(if negative { Sign::Negative } else { Sign::Positive } as u8);
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    let significant = &digits[leading..];
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(significant);
    close_numeric(start, i32::try_from(significant.len()).unwrap_or(i32::MAX).saturating_sub(scale), out);
}

/// Cuts the zeros at the end, fills in the exponent, and makes zero one.
pub(super) fn close_numeric(start: usize, exponent: i32, out: &mut Vec<u8>) {
    let trailing = out[start + 5..].iter().rev().take_while(|digit| **digit == b'0').count();
    out.truncate(out.len() - trailing);
    if out.len() == start + 5 {
        out.truncate(start);
        out.push(Sign::Zero as u8);
    } else {
        out[start + 1..start + 5].copy_from_slice(&exponent.to_be_bytes());
    }
}

/// Appends a `numeric` that is no number with digits.
pub fn put_numeric_special(sign: Sign, out: &mut Vec<u8>) {
    out.push(sign as u8);
}

/// Appends a `date`: days since 2000-01-01, `i32::MAX` and `i32::MIN` for ±infinity.
pub fn put_date(days: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&days.to_be_bytes());
}

/// Appends a `time`: microseconds since midnight.
pub fn put_time_micros(micros: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&micros.to_be_bytes());
}

/// Appends a `timetz`: local microseconds since midnight, and seconds *west* of UTC as PostgreSQL keeps them.
pub fn put_timetz(micros: i64, seconds_west: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&micros.to_be_bytes());
    out.extend_from_slice(&seconds_west.to_be_bytes());
}

/// Appends a `timestamp` or `timestamptz`: µs since 2000-01-01 00:00 (UTC), `i64::MAX` and `i64::MIN` for ±infinity.
pub fn put_timestamp_micros(micros: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&micros.to_be_bytes());
}

/// Appends an `interval`: months, and days × 86,400,000,000 + microseconds.
pub fn put_interval(months: i32, micros: i128, out: &mut Vec<u8>) {
    out.extend_from_slice(&months.to_be_bytes());
    out.extend_from_slice(&micros.to_be_bytes());
}

/// Appends a `character(n)` without its padding.
pub fn put_padded(text: &[u8], out: &mut Vec<u8>) {
    let padding = text.iter().rev().take_while(|byte| **byte == b' ').count();
    out.extend_from_slice(&text[..text.len() - padding]);
}

/// Appends a `jsonb` from its JSON text: the parsed value. Object keys in jsonb's own order (shorter first, then by bytes), the last of
/// equal keys wins, strings without escapes, numbers as [`put_numeric`] makes them.
///
/// # Errors
/// When the text is not JSON.
pub fn put_json(text: &[u8], out: &mut Vec<u8>) -> Result<(), BadWire> {
    json::canonical(text, out)
}

/// Starts an array of these dimensions, each length and lower bound; none for an empty one. The elements follow in storage order by
/// [`put_element`].
pub fn put_array_head(dimensions: &[(i32, i32)], out: &mut Vec<u8>) {
    out.push(dimensions.len() as u8);
    for (length, lower) in dimensions {
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&lower.to_be_bytes());
    }
}

/// Appends an array's element whose canonical bytes `write` appends; none for NULL.
///
/// # Errors
/// Whatever `write` returns.
pub fn put_element<E>(write: Option<impl FnOnce(&mut Vec<u8>) -> Result<(), E>>, out: &mut Vec<u8>) -> Result<(), E> {
    let Some(write) = write else {
        out.push(0);
        return Ok(());
    };
    out.extend_from_slice(&[1, 0, 0, 0, 0]);
    let start = out.len();
    write(out)?;
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start - 4..start].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// An `interval` from the wire: microseconds, days, months.
pub(super) fn interval(payload: &[u8]) -> Result<(i64, i32, i32), BadWire> {
    let whole: [u8; 16] = fixed("interval", payload)?;
    let bits = i128::from_be_bytes(whole);
    Ok(((bits >> 64) as i64, (bits >> 32) as i32, bits as i32))
}

/// An integer of any width from the wire.
pub(super) fn integer(payload: &[u8]) -> Result<i64, BadWire> {
    match payload.len() {
        2 => Ok(i64::from(i16::from_be_bytes(fixed("smallint", payload)?))),
        4 => Ok(i64::from(i32::from_be_bytes(fixed("integer", payload)?))),
        _ => Ok(i64::from_be_bytes(fixed("bigint", payload)?)),
    }
}

/// A payload of exactly N bytes.
pub(super) fn fixed<const N: usize>(kind: &'static str, payload: &[u8]) -> Result<[u8; N], BadWire> {
    payload.try_into().map_err(|_| BadWire { kind, length: payload.len() })
}

/// The parts of an array on the wire: dimensions with lower bounds, then the elements (`array_send` in arrayfuncs.c).
pub(super) struct WireArray<'a> {
    pub dimensions: Vec<(i32, i32)>,
    rest: &'a [u8],
}

impl<'a> WireArray<'a> {
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, BadWire> {
        let bad = || BadWire { kind: "array", length: payload.len() };
        let mut rest = payload;
        let count = take_i32(&mut rest).ok_or_else(bad)?;
        let (_has_nulls, _element) = (take_i32(&mut rest).ok_or_else(bad)?, take_i32(&mut rest).ok_or_else(bad)?);
        let mut dimensions = Vec::new();
        for _ in 0..u8::try_from(count).map_err(|_| bad())? {
            dimensions.push((take_i32(&mut rest).ok_or_else(bad)?, take_i32(&mut rest).ok_or_else(bad)?));
        }
        Ok(Self { dimensions, rest })
    }
}

impl<'a> Iterator for WireArray<'a> {
    type Item = Result<Option<&'a [u8]>, BadWire>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let bad = BadWire { kind: "array element", length: self.rest.len() };
        let length = take_i32(&mut self.rest);
        let taken = match length {
            Some(-1) => Some(None),
            Some(length) => usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)).map(
                |(element, rest)| {
                    self.rest = rest;
                    Some(element)
                },
            ),
            None => None,
        };
        if taken.is_none() {
            self.rest = &[];
        }
        Some(taken.ok_or(bad))
    }
}

fn take_i32(rest: &mut &[u8]) -> Option<i32> {
    let (head, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(i32::from_be_bytes(*head))
}

fn array(kind: &CanonicalKind, payload: &[u8], out: &mut Vec<u8>) -> Result<(), BadWire> {
    let wire = WireArray::read(payload)?;
    put_array_head(&wire.dimensions, out);
    for element in wire {
        put_element(element?.map(|bytes| move |out: &mut Vec<u8>| from_wire(kind, bytes, out)), out)?;
    }
    Ok(())
}
