//! `smallint`, `integer` and `bigint`: integers, reals without a fraction, and text as PostgreSQL 15 reads it.

use super::number::trim;
use super::reason::{misfit, no_conversion, quoted, unreadable};
use super::{Encoded, Misfit};
use rusqlite::types::ValueRef;

/// How wide the column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Two,
    Four,
    Eight,
}

impl Width {
    const fn name(self) -> &'static str {
        match self {
            Self::Two => "smallint",
            Self::Four => "integer",
            Self::Eight => "bigint",
        }
    }

    const fn bounds(self) -> (i64, i64) {
        match self {
            Self::Two => (i16::MIN as i64, i16::MAX as i64),
            Self::Four => (i32::MIN as i64, i32::MAX as i64),
            Self::Eight => (i64::MIN, i64::MAX),
        }
    }
}

pub(super) fn encode(width: Width, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let number = match value {
        ValueRef::Integer(number) => number,
        ValueRef::Real(number) => whole(width, number)?,
        ValueRef::Text(text) => match parse(trim(text)) {
            Parsed::Number(number) => number,
            Parsed::Beyond => return beyond(width, &quoted(text)),
            Parsed::Unreadable => return unreadable(text, width.name()),
        },
        _ => return no_conversion(value, width.name()),
    };
    let fits = match width {
        Width::Two => i16::try_from(number).map(|small| out.extend_from_slice(&small.to_be_bytes())).is_ok(),
        Width::Four => i32::try_from(number).map(|small| out.extend_from_slice(&small.to_be_bytes())).is_ok(),
        Width::Eight => {
            out.extend_from_slice(&number.to_be_bytes());
            true
        }
    };
    if fits { Ok(Encoded::Value) } else { beyond(width, &number.to_string()) }
}

#[cold]
fn beyond<T>(width: Width, number: &str) -> Result<T, Misfit> {
    let (least, most) = width.bounds();
    misfit(format!("{number} is beyond {} ({least} to {most})", width.name()))
}

/// The integer that a real is. One with a fraction is refused: PostgreSQL's cast would round it.
fn whole(width: Width, number: f64) -> Result<i64, Misfit> {
    if number.fract() != 0.0 || !number.is_finite() {
        return misfit(format!("{number} is no whole number, but the column is {}", width.name()));
    }
    // -2^63 and 2^63 are exact as f64; the latter is the first one too large
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        Ok(number as i64)
    } else {
        beyond(width, &number.to_string())
    }
}

/// What a text is as an integer.
pub(super) enum Parsed {
    Number(i64),
    Beyond,
    Unreadable,
}

/// A sign and digits, nothing else.
pub(super) fn parse(text: &[u8]) -> Parsed {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Parsed::Unreadable;
    }
    let negated =
        digits.iter().try_fold(0i64, |number, digit| number.checked_mul(10)?.checked_sub(i64::from(digit - b'0')));
    match negated.and_then(|number| if negative { Some(number) } else { number.checked_neg() }) {
        Some(number) => Parsed::Number(number),
        None => Parsed::Beyond,
    }
}
