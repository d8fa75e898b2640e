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
        _ => written(&super::text_of(value)?, rules.unit)?,
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
    let micros = match unit {
        _ if number == 0.0 => 0.0,
        Some(IntervalUnit::S) => number * 1e6,
        Some(IntervalUnit::Ms) => number * 1e3,
        Some(IntervalUnit::Us) => number,
        Some(IntervalUnit::Ns) => number / 1e3,
        None => return Err(Misfit::new("nothing says in which unit this number counts")),
    };
    if !(-1e21..=1e21).contains(&micros) {
        return Err(beyond());
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    Ok(whole_days(micros.round_ties_even() as i128))
}

/// A text of digits is the integer that it says, in the column's unit.
fn written(text: &str, unit: Option<IntervalUnit>) -> Result<Span, Misfit> {
    let text = super::number::trim(text);
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return counted(text.parse::<i64>().map(i128::from).map_err(|_| beyond())?, unit);
    }
    if let Some(span) = sqlalchemy(text) {
        return Ok(span);
    }
    if text.starts_with('P') || text.starts_with("-P") {
        return iso_8601(text);
    }
    words(text)
}

/// SQLAlchemy keeps a span as the moment that far from 1970.
fn sqlalchemy(text: &str) -> Option<Span> {
    if text.as_bytes().get(4) != Some(&b'-') || text.as_bytes().get(7) != Some(&b'-') {
        return None;
    }
    match calendar::read(text).ok()? {
        Written::Reading(reading) if reading.zone.is_none() => {
            let micros =
                i128::from(reading.day? + EPOCH_DAYS) * i128::from(DAY) + i128::from(reading.clock.unwrap_or(0));
            Some(whole_days(micros))
        }
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Months(i128),
    Days(i128),
    Micros(i64),
}

/// A decimal number, both parts with its sign.
#[derive(Clone, Copy)]
struct Amount {
    whole: i128,
    fraction: f64,
}

/// `P1Y2M3DT4H5M6.789S`, each number with a sign of its own, `-P…` as Django writes negative ones.
fn iso_8601(text: &str) -> Result<Span, Misfit> {
    let (sign, mut rest) = text.strip_prefix("-P").map_or((1, &text[1..]), |rest| (-1, rest));
    let mut span = Span::default();
    let mut in_time = false;
    if rest.is_empty() {
        return Err(no_span(text));
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            in_time = true;
            rest = after;
            continue;
        }
        let at = rest.find(|mark: char| mark.is_ascii_alphabetic()).ok_or_else(|| no_span(text))?;
        let number: f64 = rest[..at].parse().map_err(|_| no_span(text))?;
        let unit = match (rest.as_bytes()[at], in_time) {
            (b'Y', false) => Unit::Months(12),
            (b'M', false) => Unit::Months(1),
            (b'W', false) => Unit::Days(7),
            (b'D', false) => Unit::Days(1),
            (b'H', true) => Unit::Micros(3_600 * SECOND),
            (b'M', true) => Unit::Micros(60 * SECOND),
            (b'S', true) => Unit::Micros(SECOND),
            _ => return Err(no_span(text)),
        };
        #[expect(clippy::cast_possible_truncation, reason = "a whole number; what is out of range is refused later")]
        let amount = Amount { whole: number.trunc() as i128, fraction: number.fract() };
        add(&mut span, amount, unit, sign)?;
        rest = &rest[at + 1..];
    }
    Ok(span)
}

/// Reads `-12.5`, the whole part and the fraction each on its own.
fn amount(text: &str) -> Option<(Amount, &str)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let whole: i128 = unsigned[..digits].parse().ok()?;
    let rest = &unsigned[digits..];
    let Some(after) = rest.strip_prefix('.') else {
        return Some((Amount { whole: sign * whole, fraction: 0.0 }, rest));
    };
    let length = after.bytes().take_while(u8::is_ascii_digit).count();
    let fraction: f64 = format!("0.{}0", &after[..length]).parse().ok()?;
    let signed = if sign < 0 { -fraction } else { fraction };
    Some((Amount { whole: sign * whole, fraction: signed }, &after[length..]))
}

/// Adds an amount of a unit. How long a fraction of a week, month or year is, is a matter of opinion.
fn add(span: &mut Span, amount: Amount, unit: Unit, sign: i128) -> Result<(), Misfit> {
    let whole = sign * amount.whole.clamp(-(1 << 80), 1 << 80);
    match unit {
        Unit::Micros(of) => span.micros += whole * i128::from(of) + sign * part(amount.fraction, of),
        Unit::Days(1) => {
            span.days += whole;
            span.micros += sign * part(amount.fraction, DAY);
        }
        Unit::Days(_) | Unit::Months(_) if amount.fraction != 0.0 => {
            return Err(Misfit::new("it has a fraction of a week, month or year"));
        }
        Unit::Days(of) => span.days += whole * of,
        Unit::Months(of) => span.months += whole * of,
    }
    Ok(())
}

/// A fraction of a unit in microseconds: cut, then one more where more than half of one is left.
fn part(fraction: f64, of: i64) -> i128 {
    #[expect(clippy::cast_precision_loss, reason = "a unit of at most a day is exact")]
    let micros = fraction * of as f64;
    let left = micros.fract();
    #[expect(clippy::cast_possible_truncation, reason = "less than one unit")]
    let cut = micros.trunc() as i128;
    cut + i128::from(left > 0.5) - i128::from(left < -0.5)
}

/// PostgreSQL's and Django's way: `1 year 2 mons 3 days -04:05:06.7`, `3 04:05:06`, `1-2 3 4:05:06`, `90 minutes`, `… ago`.
fn words(text: &str) -> Result<Span, Misfit> {
    let mut span = Span::default();
    let blank = [' ', ',', '\t'];
    let mut rest = text.strip_prefix('@').unwrap_or(text).trim_start_matches(blank);
    let before = rest.len();
    rest = rest.strip_suffix("ago").unwrap_or(rest).trim_end_matches(blank);
    let sign = if rest.len() + 3 <= before && text.ends_with("ago") { -1 } else { 1 };
    if rest.is_empty() {
        return Err(no_span(text));
    }
    while !rest.is_empty() {
        let token = &rest[..rest.find(blank).unwrap_or(rest.len())];
        if token.contains(':') {
            clock(token, &mut span, sign).ok_or_else(|| no_span(text))?;
            rest = rest[token.len()..].trim_start_matches(blank);
        } else if let Some(months) = years_and_months(token) {
            span.months += sign * months;
            rest = rest[token.len()..].trim_start_matches(blank);
        } else {
            rest = counted_unit(rest, &mut span, sign)?.ok_or_else(|| no_span(text))?;
        }
    }
    Ok(span)
}

/// `3 days`, or days before a clock reading; what follows it.
fn counted_unit<'a>(rest: &'a str, span: &mut Span, sign: i128) -> Result<Option<&'a str>, Misfit> {
    let Some((amount, after)) = amount(rest) else { return Ok(None) };
    let after = after.trim_start_matches([' ', ',', '\t']);
    let word = &after[..after.bytes().take_while(u8::is_ascii_alphabetic).count()];
    let unit = if word.is_empty() && after.contains(':') { Some(Unit::Days(1)) } else { unit_of(word) };
    let Some(unit) = unit else { return Ok(None) };
    add(span, amount, unit, sign)?;
    Ok(Some(after[word.len()..].trim_start_matches([' ', ',', '\t'])))
}

/// The SQL standard's `1-2`: years and months.
fn years_and_months(token: &str) -> Option<i128> {
    let unsigned = token.strip_prefix(['-', '+']).unwrap_or(token);
    let (years, months) = unsigned.split_once('-')?;
    let total =
        years.parse::<i128>().ok()? * 12 + months.parse::<i128>().ok().filter(|months| (0..12).contains(months))?;
    Some(if token.starts_with('-') { -total } else { total })
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
        _ => return None,
    })
}

/// What is right of the type's last field would be cut; the seconds' fraction is rounded to the type's digits. The bits of the range
/// are those of PostgreSQL's `utils/datetime.h`.
fn limited(span: Span, fields: IntervalFields) -> Result<Span, Misfit> {
    let micros = i64::try_from(span.micros).map_err(|_| beyond())?;
    let has = |bit: u16| fields.range.is_some_and(|range| range >> bit & 1 == 1);
    let (second, minute, hour, day, month) = (12, 11, 10, 3, 1);
    let fits = if fields.range.is_none() || has(second) {
        true
    } else if has(minute) {
        micros % (60 * SECOND) == 0
    } else if has(hour) {
        micros % (3_600 * SECOND) == 0
    } else if has(day) {
        micros == 0
    } else {
        micros == 0 && span.days == 0 && (has(month) || span.months % 12 == 0)
    };
    if !fits {
        return Err(Misfit::new("the column holds no fields as small as that"));
    }
    Ok(Span { micros: i128::from(rounded(micros, fields.precision)), ..span })
}

fn no_span(text: &str) -> Misfit {
    Misfit::new(format!("`{}` is no interval", super::brief(text)))
}
