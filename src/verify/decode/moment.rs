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

/// `date`.
pub(super) fn date(value: ValueRef<'_>, rules: &Rules, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let day = match moment(value, rules)? {
        Moment::Infinity => i32::MAX,
        Moment::MinusInfinity => i32::MIN,
        Moment::At { micros, .. } => {
            let day = micros.div_euclid(i128::from(DAY));
            i32::try_from(day)
                .ok()
                .filter(|day| (FIRST_DAY..END_OF_DATE).contains(&i64::from(*day)))
                .ok_or_else(|| Misfit::new("the date is out of range"))?
        }
    };
    canonical::put_date(day, out);
    Ok(())
}

/// `timestamp`: a written zone is handled as the column's rule says.
pub(super) fn timestamp(
    value: ValueRef<'_>,
    digits: Option<u8>,
    rules: &Rules,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let shift = |zone: Option<i32>| match (zone, rules.zone) {
        (Some(_), ZonePolicy::Refuse) => Err(Misfit::new("it names a zone, and the column has none")),
        (Some(zone), ZonePolicy::Utc) => Ok(zone),
        _ => Ok(0),
    };
    put_moment(moment(value, rules)?, shift, digits, out)
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
pub(super) fn time(value: ValueRef<'_>, digits: Option<u8>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let clock = clock_of(value)?.clock.ok_or_else(|| Misfit::new("no time is written"))?;
    canonical::put_time_micros(rounded(clock, digits), out);
    Ok(())
}

/// `timetz`; what names no zone is in UTC.
pub(super) fn timetz(value: ValueRef<'_>, digits: Option<u8>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let reading = clock_of(value)?;
    let clock = reading.clock.ok_or_else(|| Misfit::new("no time is written"))?;
    canonical::put_timetz(rounded(clock, digits), -reading.zone.unwrap_or(0), out);
    Ok(())
}

fn clock_of(value: ValueRef<'_>) -> Result<Reading, Misfit> {
    if let ValueRef::Integer(_) | ValueRef::Real(_) = value {
        return Err(Misfit::new(format!("{} is no time of day", super::raw(value))));
    }
    match calendar::read(&super::text_of(value)?).map_err(Misfit::new)? {
        Written::Reading(reading) => Ok(reading),
        Written::Infinity | Written::MinusInfinity => Err(Misfit::new("infinity is no time of day")),
    }
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
    Moment::At { micros: micros - i128::from(EPOCH_DAYS) * i128::from(DAY), zone: Some(0) }
}

/// A REAL counts seconds since 1970, in the unit that the plan gives.
fn real(number: f64, unit: Option<IntervalUnit>) -> Result<Moment, Misfit> {
    let micros_of_unit = match unit.unwrap_or(IntervalUnit::S) {
        IntervalUnit::S => 1e6,
        IntervalUnit::Ms => 1e3,
        IntervalUnit::Us => 1.0,
        IntervalUnit::Ns => 1e-3,
    };
    let micros = (number * micros_of_unit).round_ties_even();
    if !micros.is_finite() || micros.abs() > 1e19 {
        return Err(Misfit::new("the moment is out of range"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    Ok(since_1970(micros as i128, IntervalUnit::Us))
}

/// Rounds half away from zero to the fractional digits of the type's modifier.
pub(super) fn rounded(micros: i64, digits: Option<u8>) -> i64 {
    let unit = 10_i64.pow(6 - u32::from(digits.unwrap_or(6).min(6)));
    let half = if micros < 0 { -(unit / 2) } else { unit / 2 };
    (micros + half) / unit * unit
}
