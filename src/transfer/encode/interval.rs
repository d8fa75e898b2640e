//! `interval` from integers by the column's unit, and from text.
//!
//! | SQLite | becomes |
//! |---|---|
//! | integer | as Django writes it: whole days by floor, then the rest; months never. Nanoseconds round half to even |
//! | real | the same, rounded to the microsecond, half to even |
//! | text of an integer | the integer; PostgreSQL would read seconds, whatever it was |
//! | text `1970-01-02 00:00:00` | the time since 1970-01-01, as SQLAlchemy keeps an interval |
//! | other text | [`super::interval_text`] |

use super::calendar::{self, DAY, UNIX_EPOCH};
use super::integer::{Parsed, parse};
use super::interval_text::{self, Parts};
use super::moment::{self, Moment, Written};
use super::number::trim;
use super::reason::{misfit, no_conversion, quoted, unreadable};
use super::{Encoded, Misfit};
use crate::evidence::IntervalUnit;
use crate::schema::IntervalFields;
use rusqlite::types::ValueRef;

pub(super) fn encode(
    fields: IntervalFields,
    unit: Option<IntervalUnit>,
    value: ValueRef<'_>,
    out: &mut Vec<u8>,
) -> Result<Encoded, Misfit> {
    let parts = match value {
        ValueRef::Integer(number) => from_integer(number, unit)?,
        ValueRef::Real(number) => from_real(number, unit)?,
        ValueRef::Text(text) => from_text(text, unit)?,
        _ => return no_conversion(value, "interval"),
    };
    put(fields, parts, out)
}

fn put(fields: IntervalFields, parts: Parts, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let narrowed = (i64::try_from(parts.micros), i32::try_from(parts.days), i32::try_from(parts.months));
    let (Ok(micros), Ok(days), Ok(months)) = narrowed else {
        return misfit("beyond what an interval holds (2^31 days or months, 2^63 microseconds)");
    };
    // the server's own rounding overflows in the last second, and its input refuses -2^63
    let margin = if fields.precision.is_some_and(|digits| digits < 6) { 1_000_000 } else { 0 };
    if micros.checked_abs().is_none_or(|size| size > i64::MAX - margin) {
        return misfit("the time of day part is beyond what an interval holds");
    }
    if let Some(range) = fields.range {
        fits_range(range, months, days, micros)?;
    }
    out.extend_from_slice(&calendar::round_to(fields.precision, micros).to_be_bytes());
    out.extend_from_slice(&days.to_be_bytes());
    out.extend_from_slice(&months.to_be_bytes());
    Ok(Encoded::Value)
}

/// `AdjustIntervalForTypmod` cuts what lies right of the last field; here that is a misfit. Bits as in utils/datetime.h.
fn fits_range(range: u16, months: i32, days: i32, micros: i64) -> Result<(), Misfit> {
    const FIELDS: [(u16, &str); 6] =
        [(12, "second"), (11, "minute"), (10, "hour"), (3, "day"), (1, "month"), (2, "year")];
    let Some((_, last)) = FIELDS.into_iter().find(|(bit, _)| range >> bit & 1 == 1) else { return Ok(()) };
    let fits = match last {
        "second" => true,
        "minute" => micros % 60_000_000 == 0,
        "hour" => micros % 3_600_000_000 == 0,
        "day" => micros == 0,
        "month" => micros == 0 && days == 0,
        _ => micros == 0 && days == 0 && months % 12 == 0,
    };
    if fits { Ok(()) } else { misfit(format!("the column holds intervals down to the {last} only")) }
}

fn from_integer(number: i64, unit: Option<IntervalUnit>) -> Result<Parts, Misfit> {
    let micros = match unit {
        None if number == 0 => 0,
        None => return undecided(),
        Some(IntervalUnit::S) => i128::from(number) * 1_000_000,
        Some(IntervalUnit::Ms) => i128::from(number) * 1000,
        Some(IntervalUnit::Us) => i128::from(number),
        Some(IntervalUnit::Ns) => i128::from(calendar::divide_half_even(number, 1000)),
    };
    Ok(by_floor(micros))
}

fn from_real(number: f64, unit: Option<IntervalUnit>) -> Result<Parts, Misfit> {
    let micros = match unit {
        None if number == 0.0 => 0.0,
        None => return undecided(),
        Some(IntervalUnit::S) => number * 1e6,
        Some(IntervalUnit::Ms) => number * 1e3,
        Some(IntervalUnit::Us) => number,
        Some(IntervalUnit::Ns) => number / 1e3,
    };
    if micros.abs() < 1e30 {
        Ok(by_floor(micros.round_ties_even() as i128))
    } else {
        misfit(format!("{number} is beyond what an interval holds"))
    }
}

#[cold]
fn undecided<T>() -> Result<T, Misfit> {
    misfit("a number, and no unit (s, ms, us, ns) is decided for the column")
}

fn by_floor(micros: i128) -> Parts {
    let day = i128::from(DAY);
    Parts { months: 0, days: micros.div_euclid(day), micros: micros.rem_euclid(day) }
}

fn from_text(text: &[u8], unit: Option<IntervalUnit>) -> Result<Parts, Misfit> {
    let trimmed = trim(text);
    match parse(trimmed) {
        Parsed::Number(number) => return from_integer(number, unit),
        Parsed::Beyond => return misfit(format!("{} is beyond what an interval holds", quoted(text))),
        Parsed::Unreadable => {}
    }
    if is_date(trimmed) {
        return since_1970(text);
    }
    match interval_text::parse(trimmed) {
        Some(parts) => Ok(parts),
        None => unreadable(text, "interval"),
    }
}

fn is_date(text: &[u8]) -> bool {
    matches!(text, [a, b, c, d, b'-', e, f, b'-', ..] if [a, b, c, d, e, f].into_iter().all(u8::is_ascii_digit))
}

fn since_1970(text: &[u8]) -> Result<Parts, Misfit> {
    match moment::read(text, "interval")? {
        Moment::At(Written { day: Some(day), micros, zone: None }) => {
            Ok(by_floor(i128::from(day - UNIX_EPOCH) * i128::from(DAY) + i128::from(micros.unwrap_or(0))))
        }
        _ => unreadable(text, "interval"),
    }
}
