//! `date`, `time`, `timetz`, `timestamp` and `timestamptz`: what [`super::moment`] reads, and numbers by the column's epoch unit.
//!
//! | SQLite | becomes |
//! |---|---|
//! | integer | that many units (seconds when none is set) since 1970-01-01 UTC; nanoseconds round half to even |
//! | real, a unit is set | the same, rounded to the microsecond, half to even |
//! | real, no unit is set | a Julian day for the years 1 to 9999, to the millisecond as SQLite's own functions take it; seconds elsewhere |
//! | text with a zone, column without | by the zone policy |
//! | text without a zone, column with | taken as UTC |
//!
//! A part that the column would drop is a misfit unless it says nothing: a time of day in a `date` other than midnight, a date in a
//! `time` other than the ones that applications write for "none" (0001-01-01, 1970-01-01, 2000-01-01).

use super::calendar::{self, DAY, SECOND, UNIX_EPOCH};
use super::moment::{self, Moment, Written};
use super::reason::{misfit, no_conversion, quoted};
use super::{Encoded, Misfit};
use crate::evidence::IntervalUnit;
use crate::runbook::ZonePolicy;
use crate::schema::Rules;
use rusqlite::types::ValueRef;

/// 0001-01-01 and 10000-01-01 as Julian days: reals between them are taken for such.
const JULIAN_DAYS: std::ops::Range<f64> = 1_721_425.5..5_373_484.5;
/// 2000-01-01 00:00 in milliseconds of the Julian day.
const JULIAN_MILLISECONDS_2000: i64 = 211_813_444_800_000;

pub(super) fn encode_timestamp(
    with_zone: bool,
    precision: Option<u8>,
    rules: &Rules,
    value: ValueRef<'_>,
    out: &mut Vec<u8>,
) -> Result<Encoded, Misfit> {
    let name = if with_zone { "timestamp with time zone" } else { "timestamp" };
    let micros = match read(name, with_zone, rules, value)? {
        Point::Infinity => i64::MAX,
        Point::MinusInfinity => i64::MIN,
        Point::Micros(micros) => {
            let rounded = calendar::checked_timestamp(micros).map(|micros| calendar::round_to(precision, micros));
            match rounded.and_then(|micros| calendar::checked_timestamp(i128::from(micros))) {
                Some(micros) => micros,
                None => return beyond(value, name),
            }
        }
    };
    out.extend_from_slice(&micros.to_be_bytes());
    Ok(Encoded::Value)
}

pub(super) fn encode_date(rules: &Rules, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let days = match read("date", false, rules, value)? {
        Point::Infinity => i32::MAX,
        Point::MinusInfinity => i32::MIN,
        Point::Micros(micros) => {
            if micros.rem_euclid(i128::from(DAY)) != 0 {
                return misfit(format!("{} has a time of day, but the column holds a date only", shown(value)));
            }
            let day = i64::try_from(micros.div_euclid(i128::from(DAY))).ok().and_then(calendar::checked_date);
            match day {
                Some(day) => day,
                None => return beyond(value, "date"),
            }
        }
    };
    out.extend_from_slice(&days.to_be_bytes());
    Ok(Encoded::Value)
}

pub(super) fn encode_time(
    precision: Option<u8>,
    rules: &Rules,
    value: ValueRef<'_>,
    out: &mut Vec<u8>,
) -> Result<Encoded, Misfit> {
    let (micros, zone) = read_clock("time", value)?;
    let shift = match (zone, rules.zone) {
        (Some(_), ZonePolicy::Refuse) => return zone_refused(value),
        (Some(zone), ZonePolicy::Utc) => i64::from(zone) * SECOND,
        _ => 0,
    };
    // 24:00 stays what it is unless it is shifted
    let micros = if shift == 0 { micros } else { (micros - shift).rem_euclid(DAY) };
    out.extend_from_slice(&calendar::round_to(precision, micros).to_be_bytes());
    Ok(Encoded::Value)
}

pub(super) fn encode_timetz(precision: Option<u8>, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let (micros, zone) = read_clock("time with time zone", value)?;
    out.extend_from_slice(&calendar::round_to(precision, micros).to_be_bytes());
    out.extend_from_slice(&(-zone.unwrap_or(0)).to_be_bytes());
    Ok(Encoded::Value)
}

enum Point {
    Infinity,
    MinusInfinity,
    Micros(i128),
}

fn read(name: &str, with_zone: bool, rules: &Rules, value: ValueRef<'_>) -> Result<Point, Misfit> {
    match value {
        ValueRef::Text(text) => match moment::read(text, name)? {
            Moment::Infinity => Ok(Point::Infinity),
            Moment::MinusInfinity => Ok(Point::MinusInfinity),
            Moment::At(written) => settle(name, with_zone, rules.zone, written, value).map(Point::Micros),
        },
        ValueRef::Integer(number) => Ok(Point::Micros(from_integer(number, rules.epoch) + epoch())),
        ValueRef::Real(number) => from_real(name, number, rules.epoch).map(Point::Micros),
        _ => no_conversion(value, name),
    }
}

fn epoch() -> i128 {
    i128::from(UNIX_EPOCH * DAY)
}

fn settle(
    name: &str,
    with_zone: bool,
    policy: ZonePolicy,
    written: Written,
    value: ValueRef<'_>,
) -> Result<i128, Misfit> {
    let Some(day) = written.day else {
        return misfit(format!("{} has no date, but the column is {name}", shown(value)));
    };
    let local = i128::from(day) * i128::from(DAY) + i128::from(written.micros.unwrap_or(0));
    let shift = match written.zone {
        Some(_) if !with_zone && policy == ZonePolicy::Refuse => return zone_refused(value),
        Some(zone) if with_zone || policy == ZonePolicy::Utc => i128::from(zone) * i128::from(SECOND),
        _ => 0,
    };
    Ok(local - shift)
}

fn from_integer(number: i64, unit: Option<IntervalUnit>) -> i128 {
    match unit.unwrap_or(IntervalUnit::S) {
        IntervalUnit::S => i128::from(number) * 1_000_000,
        IntervalUnit::Ms => i128::from(number) * 1000,
        IntervalUnit::Us => i128::from(number),
        IntervalUnit::Ns => i128::from(calendar::divide_half_even(number, 1000)),
    }
}

fn from_real(name: &str, number: f64, unit: Option<IntervalUnit>) -> Result<i128, Misfit> {
    if unit.is_none() && JULIAN_DAYS.contains(&number) {
        let milliseconds = (number * 86_400_000.0 + 0.5) as i64;
        return Ok(i128::from(milliseconds - JULIAN_MILLISECONDS_2000) * 1000);
    }
    let micros = match unit.unwrap_or(IntervalUnit::S) {
        IntervalUnit::S => number * 1e6,
        IntervalUnit::Ms => number * 1e3,
        IntervalUnit::Us => number,
        IntervalUnit::Ns => number / 1e3,
    };
    // far beyond every timestamp, and far within i128
    if micros.abs() < 1e30 {
        Ok(micros.round_ties_even() as i128 + epoch())
    } else {
        beyond(ValueRef::Real(number), name)
    }
}

/// Time of day and zone, with a date only where it says nothing.
fn read_clock(name: &str, value: ValueRef<'_>) -> Result<(i64, Option<i32>), Misfit> {
    const NONE: [Option<i64>; 3] = [calendar_day(1), calendar_day(1970), calendar_day(2000)];
    let ValueRef::Text(text) = value else { return no_conversion(value, name) };
    match moment::read(text, name)? {
        Moment::At(Written { micros: None, .. }) | Moment::Infinity | Moment::MinusInfinity => {
            misfit(format!("{} has no time of day", quoted(text)))
        }
        Moment::At(Written { day, .. }) if day.is_some() && !NONE.contains(&day) => {
            misfit(format!("{} has a date, but the column holds a time of day only", quoted(text)))
        }
        Moment::At(Written { micros: Some(micros), zone, .. }) => Ok((micros, zone)),
    }
}

/// The first of January, for the years whose distance from 2000 is known without a calendar.
const fn calendar_day(year: i64) -> Option<i64> {
    match year {
        1 => Some(-730_119),
        1970 => Some(UNIX_EPOCH),
        _ => Some(0),
    }
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => quoted(text),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        _ => "the value".to_owned(),
    }
}

#[cold]
fn beyond<T>(value: ValueRef<'_>, name: &str) -> Result<T, Misfit> {
    misfit(format!("{} is beyond the years that {name} holds", shown(value)))
}

#[cold]
fn zone_refused<T>(value: ValueRef<'_>) -> Result<T, Misfit> {
    misfit(format!("{} has a time zone, but the column has none and its zone policy is `refuse`", shown(value)))
}
