//! Spans of time: counted in a unit, or written in one of the usual ways.

use super::Misfit;
use super::calendar::{self, DAY, EPOCH_DAYS, SECOND, Written};
use super::moment::rounded;
use crate::digest::canonical;
use crate::evidence::IntervalUnit;
use crate::schema::{IntervalFields, Rules};
use rusqlite::types::ValueRef;

/// A span as PostgreSQL keeps it, the parts apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Span {
    months: i128,
    days: i128,
    micros: i128,
}

/// `interval`.
pub(super) fn interval(
    value: ValueRef<'_>,
    fields: IntervalFields,
    rules: &Rules,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let span = match value {
        ValueRef::Integer(number) => counted(i128::from(number), rules.unit)?,
        ValueRef::Real(number) => real(number, rules.unit)?,
        _ => written(&super::text_of(value)?)?,
    };
    let span = limited(span, fields)?;
    let months = i32::try_from(span.months).map_err(|_| beyond())?;
    i32::try_from(span.days).map_err(|_| beyond())?;
    i64::try_from(span.micros).map_err(|_| beyond())?;
    canonical::put_interval(months, span.days * i128::from(DAY) + span.micros, out);
    Ok(())
}

fn beyond() -> Misfit {
    Misfit::new("the span is beyond what an interval holds")
}

/// An integer in its unit: whole days by floor, then the rest, as Django writes it.
fn counted(number: i128, unit: Option<IntervalUnit>) -> Result<Span, Misfit> {
    let micros = match unit {
        _ if number == 0 => 0,
        Some(IntervalUnit::S) => number * 1_000_000,
        Some(IntervalUnit::Ms) => number * 1_000,
        Some(IntervalUnit::Us) => number,
        Some(IntervalUnit::Ns) => nanos_to_micros(number),
        None => return Err(Misfit::new("nothing says in which unit this integer counts")),
    };
    Ok(whole_days(micros))
}

fn whole_days(micros: i128) -> Span {
    let day = i128::from(DAY);
    Span { months: 0, days: micros.div_euclid(day), micros: micros.rem_euclid(day) }
}

/// Nanoseconds in microseconds, to the nearest, halves to the even one.
pub(super) fn nanos_to_micros(nanos: i128) -> i128 {
    let (micros, rest) = (nanos.div_euclid(1_000), nanos.rem_euclid(1_000));
    let up = rest > 500 || (rest == 500 && micros % 2 != 0);
    micros + i128::from(up)
}

fn real(number: f64, unit: Option<IntervalUnit>) -> Result<Span, Misfit> {
    if number == 0.0 {
        return Ok(Span::default());
    }
    let micros_of_unit = match unit {
        Some(IntervalUnit::S) => 1e6,
        Some(IntervalUnit::Ms) => 1e3,
        Some(IntervalUnit::Us) => 1.0,
        Some(IntervalUnit::Ns) => 1e-3,
        None => return Err(Misfit::new("nothing says in which unit this number counts")),
    };
    let micros = (number * micros_of_unit).round_ties_even();
    if !micros.is_finite() || micros.abs() > 1e21 {
        return Err(beyond());
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    Ok(whole_days(micros as i128))
}

fn written(text: &str) -> Result<Span, Misfit> {
    let text = super::number::trim(text);
    if let Some(span) = sqlalchemy(text) {
        return Ok(span);
    }
    if text.starts_with(['P', 'p']) || text.starts_with("-P") {
        return iso_8601(text);
    }
    words(text)
}

/// SQLAlchemy keeps a span as the moment that far from 1970.
fn sqlalchemy(text: &str) -> Option<Span> {
    if text.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    match calendar::read(text).ok()? {
        Written::Reading(reading) if reading.zone.is_none() => {
            let micros = i128::from(reading.day? + EPOCH_DAYS) * i128::from(DAY) + i128::from(reading.clock?);
            Some(whole_days(micros))
        }
        _ => None,
    }
}

/// `P1Y2M3DT4H5M6.789S`, each number with a sign of its own, `-P…` as Django writes negative ones.
fn iso_8601(text: &str) -> Result<Span, Misfit> {
    let (sign, body) = text.strip_prefix('-').map_or((1, text), |body| (-1, body));
    let mut rest = body.get(1..).unwrap_or_default();
    let mut span = Span::default();
    let mut in_time = false;
    if rest.is_empty() {
        return Err(no_span(text));
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(['T', 't']) {
            in_time = true;
            rest = after;
            continue;
        }
        let (number, after) = amount(rest).ok_or_else(|| no_span(text))?;
        let unit = after.chars().next().ok_or_else(|| no_span(text))?;
        let unit = match (unit.to_ascii_uppercase(), in_time) {
            ('Y', false) => Unit::Months(12),
            ('M', false) => Unit::Months(1),
            ('W', false) => Unit::Days(7),
            ('D', false) => Unit::Days(1),
            ('H', true) => Unit::Micros(3_600 * SECOND),
            ('M', true) => Unit::Micros(60 * SECOND),
            ('S', true) => Unit::Micros(SECOND),
            _ => return Err(no_span(text)),
        };
        add(&mut span, number, unit, sign)?;
        rest = &after[1..];
    }
    Ok(span)
}

#[derive(Clone, Copy)]
enum Unit {
    Months(i128),
    Days(i128),
    Micros(i64),
}

/// A decimal number: sign, whole part, fraction of at most microseconds after rounding.
#[derive(Clone, Copy)]
struct Amount {
    negative: bool,
    whole: i128,
    /// The fraction, 0 to 1.
    fraction: f64,
}

fn amount(text: &str) -> Option<(Amount, &str)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = &unsigned[digits..];
    let whole = if digits == 0 { 0 } else { unsigned[..digits].parse().ok()? };
    let mut fraction = 0.0;
    let mut written = digits;
    if let Some(after) = rest.strip_prefix('.') {
        let length = after.bytes().take_while(u8::is_ascii_digit).count();
        fraction = format!("0.{}0", &after[..length]).parse().ok()?;
        written += length;
        rest = &after[length..];
    }
    (written > 0).then_some((Amount { negative: text.starts_with('-'), whole, fraction }, rest))
}

/// Adds an amount of a unit; a fraction of months becomes days of 30, one of days time, as PostgreSQL does it.
fn add(span: &mut Span, amount: Amount, unit: Unit, sign: i128) -> Result<(), Misfit> {
    let sign = if amount.negative { -sign } else { sign };
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of at most a year in microseconds")]
    let micros = |of: i64| (amount.fraction * of as f64).round_ties_even() as i128;
    match unit {
        Unit::Micros(of) => span.micros += sign * (amount.whole * i128::from(of) + micros(of)),
        Unit::Days(of) => {
            span.days += sign * amount.whole * of;
            span.micros += sign * micros(DAY * i64::try_from(of).unwrap_or(1));
        }
        Unit::Months(of) => {
            span.months += sign * amount.whole * of;
            if amount.fraction != 0.0 {
                months_fraction(span, amount.fraction, of, sign);
            }
        }
    }
    if span.days.abs() > i128::from(i32::MAX) + 1 || span.micros.abs() > i128::from(i64::MAX) + 1 {
        return Err(beyond());
    }
    Ok(())
}

/// Of years, a fraction becomes whole months; of months, days of 30 and then time.
fn months_fraction(span: &mut Span, fraction: f64, of: i128, sign: i128) {
    #[expect(clippy::cast_possible_truncation, reason = "at most 12 months, 30 days or a day of microseconds")]
    if of == 12 {
        span.months += sign * (fraction * 12.0).round_ties_even() as i128;
    } else {
        let days = fraction * 30.0;
        span.days += sign * days.trunc() as i128;
        span.micros += sign * (days.fract() * DAY as f64).round_ties_even() as i128;
    }
}

/// PostgreSQL's and Django's way: `1 year 2 mons 3 days -04:05:06.7`, `3 04:05:06`, `90 minutes`, `… ago`.
fn words(text: &str) -> Result<Span, Misfit> {
    let mut span = Span::default();
    let mut rest = text.strip_prefix('@').unwrap_or(text).trim_start();
    let ago = rest.len();
    rest = rest.strip_suffix("ago").unwrap_or(rest).trim_end();
    let sign = if rest.len() < ago && text.ends_with("ago") { -1 } else { 1 };
    if rest.is_empty() {
        return Err(no_span(text));
    }
    while !rest.is_empty() {
        let token_end = rest.find(' ').unwrap_or(rest.len());
        if rest[..token_end].contains(':') {
            clock(&rest[..token_end], &mut span, sign).ok_or_else(|| no_span(text))?;
            rest = rest[token_end..].trim_start();
            continue;
        }
        let (number, after) = amount(rest).ok_or_else(|| no_span(text))?;
        let after = after.trim_start_matches([' ', ',']);
        let word_end = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match &after[..word_end] {
            "" if after.contains(':') => Unit::Days(1),
            "" => Unit::Micros(SECOND),
            word => unit_of(word).ok_or_else(|| no_span(text))?,
        };
        add(&mut span, number, unit, sign)?;
        rest = after[word_end..].trim_start_matches([' ', ',']);
    }
    Ok(span)
}

/// `[-]HH:MM[:SS[.f]]`, hours without bound.
fn clock(token: &str, span: &mut Span, sign: i128) -> Option<()> {
    let unsigned = token.strip_prefix(['-', '+']).unwrap_or(token);
    let sign = if token.starts_with('-') { -sign } else { sign };
    let mut parts = unsigned.splitn(3, ':');
    let hours: i128 = parts.next()?.parse().ok()?;
    let minutes: i128 = parts.next()?.parse().ok().filter(|minutes| *minutes < 60)?;
    let (seconds, fraction) = match parts.next() {
        Some(text) => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let mut rest = &text[digits..];
            let fraction = calendar::fraction(&mut rest).ok().filter(|_| rest.is_empty())?;
            (text[..digits].parse::<i128>().ok().filter(|seconds| *seconds <= 60)?, fraction)
        }
        None => (0, 0),
    };
    let micros = ((hours.min(1 << 60) * 60 + minutes) * 60 + seconds) * i128::from(SECOND) + i128::from(fraction);
    span.micros += sign * micros;
    Some(())
}

fn unit_of(word: &str) -> Option<Unit> {
    Some(match word.to_ascii_lowercase().as_str() {
        "microsecond" | "microseconds" | "us" | "usec" | "usecs" => Unit::Micros(1),
        "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => Unit::Micros(1_000),
        "second" | "seconds" | "sec" | "secs" | "s" => Unit::Micros(SECOND),
        "minute" | "minutes" | "min" | "mins" | "m" => Unit::Micros(60 * SECOND),
        "hour" | "hours" | "hr" | "hrs" | "h" => Unit::Micros(3_600 * SECOND),
        "day" | "days" | "d" => Unit::Days(1),
        "week" | "weeks" | "w" => Unit::Days(7),
        "month" | "months" | "mon" | "mons" => Unit::Months(1),
        "year" | "years" | "yr" | "yrs" | "y" => Unit::Months(12),
        "decade" | "decades" => Unit::Months(120),
        "century" | "centuries" => Unit::Months(1_200),
        _ => return None,
    })
}

/// What the type's modifier leaves of a span (`AdjustIntervalForTypmod` in timestamp.c).
fn limited(span: Span, fields: IntervalFields) -> Result<Span, Misfit> {
    const MONTH: u16 = 1 << 1;
    const YEAR: u16 = 1 << 2;
    const DAYS: u16 = 1 << 3;
    const HOUR: u16 = 1 << 10;
    const MINUTE: u16 = 1 << 11;
    const SECONDS: u16 = 1 << 12;
    let range = fields.range.filter(|range| *range != 0x7fff).unwrap_or(SECONDS);
    let mut left = span;
    let whole = |micros: i128, of: i64| micros / i128::from(of) * i128::from(of);
    if range & (DAYS | HOUR | MINUTE | SECONDS) == 0 {
        left.days = 0;
    }
    left.micros = match range {
        _ if range & SECONDS != 0 => span.micros,
        _ if range & MINUTE != 0 => whole(span.micros, 60 * SECOND),
        _ if range & HOUR != 0 => whole(span.micros, 3_600 * SECOND),
        _ => 0,
    };
    if range & YEAR != 0 && range & MONTH == 0 {
        left.months = span.months / 12 * 12;
    }
    let micros = i64::try_from(left.micros).map_err(|_| beyond())?;
    left.micros = i128::from(rounded(micros, fields.precision));
    Ok(left)
}

fn no_span(text: &str) -> Misfit {
    Misfit::new(format!("`{}` is no interval", super::brief(text)))
}
