//! `real` and `double precision`: correctly rounded from text, as C's strtod is.

use super::number::trim;
use super::reason::{misfit, no_conversion, quoted, unreadable};
use super::{Encoded, Misfit};
use rusqlite::types::ValueRef;

pub(super) fn encode4(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let number = match value {
        ValueRef::Real(number) => narrow(number)?,
        ValueRef::Integer(number) if number as f32 as i128 == i128::from(number) => number as f32,
        ValueRef::Integer(number) => return inexact(number, "real"),
        ValueRef::Text(text) => parse::<f32>(text, "real", f32::is_infinite, |number| number == 0.0)?,
        _ => return no_conversion(value, "real"),
    };
    out.extend_from_slice(&number.to_be_bytes());
    Ok(Encoded::Value)
}

pub(super) fn encode8(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    const NAME: &str = "double precision";
    let number = match value {
        ValueRef::Real(number) => number,
        ValueRef::Integer(number) if number as f64 as i128 == i128::from(number) => number as f64,
        ValueRef::Integer(number) => return inexact(number, NAME),
        ValueRef::Text(text) => parse::<f64>(text, NAME, f64::is_infinite, |number| number == 0.0)?,
        _ => return no_conversion(value, NAME),
    };
    out.extend_from_slice(&number.to_be_bytes());
    Ok(Encoded::Value)
}

/// An integer that the column would round is refused: it is exact in the source, an identifier perhaps.
#[cold]
fn inexact<T>(number: i64, target: &str) -> Result<T, Misfit> {
    misfit(format!("{number} is not exact as {target}"))
}

/// To the nearest `real`; the size is checked, as PostgreSQL's cast does.
fn narrow(number: f64) -> Result<f32, Misfit> {
    let narrow = number as f32;
    if (narrow.is_infinite() && number.is_finite()) || (narrow == 0.0 && number != 0.0) {
        return misfit(format!("{number:e} is beyond real"));
    }
    Ok(narrow)
}

fn parse<T: std::str::FromStr + Copy>(
    text: &[u8],
    target: &str,
    is_infinite: fn(T) -> bool,
    is_zero: fn(T) -> bool,
) -> Result<T, Misfit> {
    let trimmed = trim(text);
    let unsigned = trimmed.strip_prefix(b"-").or_else(|| trimmed.strip_prefix(b"+")).unwrap_or(trimmed);
    let numeric = unsigned.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let named = [&b"nan"[..], b"inf", b"infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
    if !numeric && !named {
        return unreadable(text, target);
    }
    let Some(number) = std::str::from_utf8(trimmed).ok().and_then(|text| text.parse::<T>().ok()) else {
        return unreadable(text, target);
    };
    let mantissa = unsigned.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let vanished = is_zero(number) && mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    if numeric && (is_infinite(number) || vanished) {
        return misfit(format!("{} is beyond {target}", quoted(text)));
    }
    Ok(number)
}
