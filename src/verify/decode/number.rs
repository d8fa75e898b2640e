//! Booleans, integers, floating point and decimal numbers.

use super::Misfit;
use crate::digest::canonical::{self, Sign};
use rusqlite::types::ValueRef;

/// A decimal number as written: `digits` × 10^-`scale`, or one of those without digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Numeric {
    /// A number.
    Finite {
        /// Whether it is below zero.
        negative: bool,
        /// ASCII digits; leading zeros allowed.
        digits: Vec<u8>,
        /// How many of them stand behind the point; negative for zeros that are not written.
        scale: i64,
    },
    /// `NaN`, `Infinity`, `-Infinity`.
    Special(Sign),
}

/// PostgreSQL's widest numeric: digits before and behind the point (`numeric.h`).
const WHOLE_DIGITS: i64 = 131_072;
const FRACTION_DIGITS: i64 = 16_383;

impl Numeric {
    /// Reads a decimal number with or without exponent, `NaN` or an infinity.
    pub fn parse(text: &str) -> Result<Self, Misfit> {
        let text = trim(text);
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let says = |word: &str| unsigned.eq_ignore_ascii_case(word);
        if says("nan") && unsigned.len() == text.len() {
            return Ok(Self::Special(Sign::NaN));
        }
        if says("inf") || says("infinity") {
            return Ok(Self::Special(if negative { Sign::MinusInfinity } else { Sign::PlusInfinity }));
        }
        let no_number = || Misfit::new(format!("`{}` is no number", super::brief(text)));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| no_number())?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole.as_bytes(), fraction.as_bytes()].concat();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(no_number());
        }
        let behind = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        let number = Self::Finite { negative, digits, scale: behind.saturating_sub(exponent) };
        number.fits_any()
    }

    fn fits_any(self) -> Result<Self, Misfit> {
        let Self::Finite { digits, scale, .. } = &self else { return Ok(self) };
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        let before = length(&digits[leading..]) - scale;
        if leading < digits.len() && (before > WHOLE_DIGITS || *scale > FRACTION_DIGITS) {
            return Err(Misfit::new("the number has more digits than a numeric holds"));
        }
        Ok(self)
    }

    /// Rounds half away from zero to `scale` digits behind the point, and checks the `precision`.
    fn bounded(self, precision: u16, to_scale: i16) -> Result<Self, Misfit> {
        let Self::Finite { negative, mut digits, mut scale } = self else {
            return match self {
                Self::Special(Sign::NaN) => Ok(self),
                _ => Err(Misfit::new(format!("numeric({precision},{to_scale}) holds no infinity"))),
            };
        };
        let cut = scale - i64::from(to_scale);
        if cut > 0 {
            let kept = usize::try_from(length(&digits) - cut).ok();
            let rounds_up = kept.and_then(|kept| digits.get(kept)).is_some_and(|digit| *digit >= b'5');
            digits.truncate(kept.unwrap_or(0));
            scale = i64::from(to_scale);
            if rounds_up {
                increment(&mut digits);
            }
        }
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        let before = length(&digits[leading..]) - scale;
        if leading < digits.len() && before > i64::from(precision) - i64::from(to_scale) {
            return Err(Misfit::new(format!(
                "{before} digits before the point, but numeric({precision},{to_scale}) holds {}",
                i64::from(precision) - i64::from(to_scale)
            )));
        }
        Ok(Self::Finite { negative, digits, scale })
    }

    /// Appends its canonical form.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match self {
            Self::Special(sign) => canonical::put_numeric_special(*sign, out),
            Self::Finite { negative, digits, scale } => {
                let zero = digits.iter().all(|digit| *digit == b'0');
                let scale = if zero { 0 } else { *scale };
                let scale = i32::try_from(scale).map_err(|_| Misfit::new("the exponent is out of range"))?;
                canonical::put_numeric(*negative, digits, scale, out);
            }
        }
        Ok(())
    }
}

fn length(digits: &[u8]) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// `boolean`: 0 and 1, and the words that PostgreSQL takes.
pub(super) fn boolean(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let truth = match value {
        ValueRef::Integer(0) => Some(false),
        ValueRef::Integer(1) => Some(true),
        ValueRef::Real(number) if number == 0.0 || number == 1.0 => Some(number == 1.0),
        ValueRef::Integer(_) | ValueRef::Real(_) => None,
        ValueRef::Text(_) | ValueRef::Blob(_) | ValueRef::Null => word(trim(&super::text_of(value)?)),
    };
    out.push(u8::from(truth.ok_or_else(|| Misfit::new(format!("{} is neither true nor false", super::raw(value))))?));
    Ok(())
}

fn word(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(text.as_str());
    if text == "1" || begins("true", 1) || begins("yes", 1) || begins("on", 2) {
        return Some(true);
    }
    (text == "0" || begins("false", 1) || begins("no", 1) || begins("off", 2)).then_some(false)
}

/// `smallint`, `integer`, `bigint`: whole numbers between the type's bounds.
pub(super) fn integer(value: ValueRef<'_>, bits: u32, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let number = match value {
        ValueRef::Integer(number) => number,
        ValueRef::Real(number) => whole(number)?,
        _ => {
            let text = super::text_of(value)?;
            let digits = trim(&text);
            let no_integer = || Misfit::new(format!("`{}` is no integer of 64 bits", super::brief(digits)));
            digits.parse::<i64>().map_err(|_| no_integer())?
        }
    };
    let shift = 64 - bits;
    if (number << shift) >> shift != number {
        return Err(Misfit::new(format!("{number} is beyond an integer of {bits} bits")));
    }
    canonical::put_integer(number, out);
    Ok(())
}

/// A REAL that is a whole number within 64 bits.
fn whole(number: f64) -> Result<i64, Misfit> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if number.fract() != 0.0 || !(-BEYOND..BEYOND).contains(&number) {
        return Err(Misfit::new(format!("{number} is no integer of 64 bits")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
    Ok(number as i64)
}

/// `double precision`.
pub(super) fn float8(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    #[expect(clippy::cast_precision_loss, reason = "asked for right away")]
    let number = match value {
        ValueRef::Integer(number) if i128::from(number) == (number as f64) as i128 => number as f64,
        ValueRef::Integer(number) => return Err(inexact(number)),
        ValueRef::Real(number) => number,
        _ => float_text(&super::text_of(value)?, |text| text.parse::<f64>().ok(), f64::is_infinite, |n| *n == 0.0)?,
    };
    canonical::put_float8(number, out);
    Ok(())
}

/// `real`: rounded once.
pub(super) fn float4(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "rounding is what the type does")]
    let number = match value {
        ValueRef::Integer(number) if i128::from(number) == (number as f32) as i128 => number as f32,
        ValueRef::Integer(number) => return Err(inexact(number)),
        ValueRef::Real(wide) => {
            let narrow = wide as f32;
            if narrow.is_infinite() != wide.is_infinite() || (narrow == 0.0) != (wide == 0.0) {
                return Err(Misfit::new(format!("{wide:e} is out of range")));
            }
            narrow
        }
        _ => float_text(&super::text_of(value)?, |text| text.parse::<f32>().ok(), f32::is_infinite, |n| *n == 0.0)?,
    };
    canonical::put_float4(number, out);
    Ok(())
}

/// An integer is exact in the source: an identifier perhaps.
fn inexact(number: i64) -> Misfit {
    Misfit::new(format!("{number} is not exact as a floating point number"))
}

/// PostgreSQL refuses what overflows to infinity or underflows to zero.
fn float_text<F: Copy>(
    text: &str,
    parse: impl Fn(&str) -> Option<F>,
    infinite: impl Fn(F) -> bool,
    zero: impl Fn(&F) -> bool,
) -> Result<F, Misfit> {
    let text = trim(text);
    let number = parse(text).ok_or_else(|| Misfit::new(format!("`{}` is no number", super::brief(text))))?;
    let named = text.bytes().any(|byte| matches!(byte, b'i' | b'I'));
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let has_digits = mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if (infinite(number) && !named) || (zero(&number) && has_digits) {
        return Err(Misfit::new(format!("`{}` is out of range", super::brief(text))));
    }
    Ok(number)
}

/// `numeric`, rounded to its scale as PostgreSQL does.
pub(super) fn numeric(value: ValueRef<'_>, bounds: Option<(u16, i16)>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let number = match value {
        ValueRef::Integer(number) => Numeric::parse(&number.to_string())?,
        ValueRef::Real(number) => Numeric::parse(&format!("{number:e}"))?,
        _ => Numeric::parse(&super::text_of(value)?)?,
    };
    match bounds {
        Some((precision, scale)) => number.bounded(precision, scale)?.put(out),
        None => number.put(out),
    }
}

/// The blanks that PostgreSQL's number and date input skips.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}
