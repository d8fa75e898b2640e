//! Dates, clock readings and moments.

use super::Misfit;
use super::calendar::{self, DAY, EPOCH_DAYS, Reading, SECOND, Written};
use crate::digest::canonical;
use crate::evidence::IntervalUnit;
use crate::runbook::ZonePolicy;
use crate::schema::Rules;
use rusqlite::types::ValueRef;

/// The bounds of PostgreSQL's calendar (`datatype/timestamp.h`): 4714-11-24 BC, and the first values that are too late.
const FIRST_DAY: i64 = -2_451_545;
const END_OF_DATE: i64 = 2_145_031_949;
const END_OF_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// A moment of the source, before it is fitted to a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Infinity,
    MinusInfinity,
    /// Microseconds since 2000-01-01 on the clock that wrote it, and that clock's zone where it is written.
    At {
        micros: i128,
        zone: Option<i32>,
    },
}

/// `date`: a time of day other than midnight would be lost.
pub(super) fn date(value: ValueRef<'_>, rules: &Rules, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let day = match moment(value, rules)? {
        Moment::Infinity => i32::MAX,
        Moment::MinusInfinity => i32::MIN,
        Moment::At { micros, zone } => {
            let micros = micros - i128::from(shift(zone, rules)?) * i128::from(SECOND);
            if micros.rem_euclid(i128::from(DAY)) != 0 {
                return Err(Misfit::new("it has a time of day, and the column holds a date only"));
            }
            let day = i32::try_from(micros / i128::from(DAY)).ok();
            let day = day.filter(|day| (FIRST_DAY..END_OF_DATE).contains(&i64::from(*day)));
            day.ok_or_else(|| Misfit::new("the date is out of range"))?
        }
    };
    canonical::put_date(day, out);
    Ok(())
}

/// How far a written zone shifts what goes into a type without one: as the column's rule says.
fn shift(zone: Option<i32>, rules: &Rules) -> Result<i32, Misfit> {
    match (zone, rules.zone) {
        (Some(_), ZonePolicy::Refuse) => Err(Misfit::new("it names a zone, and the column has none")),
        (Some(zone), ZonePolicy::Utc) => Ok(zone),
        _ => Ok(0),
    }
}

/// `timestamp`.
pub(super) fn timestamp(
    value: ValueRef<'_>,
    digits: Option<u8>,
    rules: &Rules,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    put_moment(moment(value, rules)?, |zone| shift(zone, rules), digits, out)
}

/// `timestamptz`: what names no zone is in UTC.
pub(super) fn timestamptz(
    value: ValueRef<'_>,
    digits: Option<u8>,
    rules: &Rules,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    put_moment(moment(value, rules)?, |zone| Ok(zone.unwrap_or(0)), digits, out)
}

fn put_moment(
    moment: Moment,
    shift: impl Fn(Option<i32>) -> Result<i32, Misfit>,
    digits: Option<u8>,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let micros = match moment {
        Moment::Infinity => i64::MAX,
        Moment::MinusInfinity => i64::MIN,
        Moment::At { micros, zone } => {
            let utc = micros - i128::from(shift(zone)?) * i128::from(SECOND);
            i64::try_from(utc)
                .ok()
                .map(|utc| rounded(utc, digits))
                .filter(|utc| (FIRST_DAY * DAY..END_OF_TIMESTAMP).contains(utc))
                .ok_or_else(|| Misfit::new("the moment is out of range"))?
        }
    };
    canonical::put_timestamp_micros(micros, out);
    Ok(())
}

/// `time`.
pub(super) fn time(value: ValueRef<'_>, digits: Option<u8>, rules: &Rules, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let (clock, zone) = clock_of(value)?;
    let shifted = match shift(zone, rules)? {
        0 => clock,
        zone => (clock - i64::from(zone) * SECOND).rem_euclid(DAY),
    };
    canonical::put_time_micros(rounded(shifted, digits), out);
    Ok(())
}

/// `timetz`; what names no zone is in UTC.
pub(super) fn timetz(value: ValueRef<'_>, digits: Option<u8>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let (clock, zone) = clock_of(value)?;
    canonical::put_timetz(rounded(clock, digits), -zone.unwrap_or(0), out);
    Ok(())
}

/// A time of day and its zone. A date beside it would be lost, unless it is one that applications write for none.
fn clock_of(value: ValueRef<'_>) -> Result<(i64, Option<i32>), Misfit> {
    if let ValueRef::Integer(_) | ValueRef::Real(_) = value {
        return Err(Misfit::new(format!("{} is no time of day", super::raw(value))));
    }
    let Written::Reading(reading) = calendar::read(&super::text_of(value)?).map_err(Misfit::new)? else {
        return Err(Misfit::new("infinity is no time of day"));
    };
    let none = [1, 1970, 2000].map(|year| calendar::day_number(year, 1, 1));
    if reading.day.is_some() && !none.contains(&reading.day) {
        return Err(Misfit::new("it has a date, and the column holds a time of day only"));
    }
    let Reading { clock, zone, .. } = reading;
    Ok((clock.ok_or_else(|| Misfit::new("no time is written"))?, zone))
}

fn moment(value: ValueRef<'_>, rules: &Rules) -> Result<Moment, Misfit> {
    match value {
        ValueRef::Integer(number) => Ok(since_1970(i128::from(number), rules.epoch.unwrap_or(IntervalUnit::S))),
        ValueRef::Real(number) => real(number, rules.epoch),
        _ => written(&super::text_of(value)?),
    }
}

fn written(text: &str) -> Result<Moment, Misfit> {
    Ok(match calendar::read(text).map_err(Misfit::new)? {
        Written::Infinity => Moment::Infinity,
        Written::MinusInfinity => Moment::MinusInfinity,
        Written::Reading(reading) => {
            let day = reading.day.ok_or_else(|| Misfit::new("no date is written"))?;
            let micros = i128::from(day) * i128::from(DAY) + i128::from(reading.clock.unwrap_or(0));
            Moment::At { micros, zone: reading.zone }
        }
    })
}

fn since_1970(number: i128, unit: IntervalUnit) -> Moment {
    let micros = match unit {
        IntervalUnit::S => number * 1_000_000,
        IntervalUnit::Ms => number * 1_000,
        IntervalUnit::Us => number,
        IntervalUnit::Ns => super::interval::nanos_to_micros(number),
    };
    Moment::At { micros: micros - i128::from(EPOCH_DAYS) * i128::from(DAY), zone: None }
}

/// A REAL counts from 1970 in the unit that the plan gives. Without one it is a Julian day, as SQLite's own functions write
/// it to the millisecond, where that makes a year from 1 to 9999; seconds elsewhere.
fn real(number: f64, unit: Option<IntervalUnit>) -> Result<Moment, Misfit> {
    let (first, last) = (1_721_425.5, 5_373_484.5);
    if unit.is_none() && number >= first && number < last {
        let to_2000 = 2_451_544.5 * 86_400_000.0;
        let millis = (number * 86_400_000.0 + 0.5).floor() - to_2000;
        #[expect(clippy::cast_possible_truncation, reason = "whole, within 10,000 years")]
        return Ok(Moment::At { micros: millis as i128 * 1_000, zone: None });
    }
    let micros = match unit.unwrap_or(IntervalUnit::S) {
        IntervalUnit::S => number * 1e6,
        IntervalUnit::Ms => number * 1e3,
        IntervalUnit::Us => number,
        IntervalUnit::Ns => number / 1e3,
    };
    if !(-1e19..=1e19).contains(&micros) {
        return Err(Misfit::new("the moment is out of range"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    Ok(since_1970(micros.round_ties_even() as i128, IntervalUnit::Us))
}

/// Rounds half away from zero to the fractional digits of the type's modifier; what lies at the end of the range stays within it.
pub(super) fn rounded(micros: i64, digits: Option<u8>) -> i64 {
    let unit = 10_i64.pow(6 - u32::from(digits.unwrap_or(6).min(6)));
    let half = if micros < 0 { -(unit / 2) } else { unit / 2 };
    micros.saturating_add(half) / unit * unit
}
