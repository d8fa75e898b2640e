//! A canonical value as people read it, the same for both sides: what is shown equal is equal.

use crate::digest::canonical::Sign;
use crate::digest::{CanonicalKind, show};
use crate::schema::{IntervalFields, Type, TypeKind};
use std::fmt::Write as _;

/// How many bytes of a value are turned into text.
const READ: usize = 2_048;
/// How many characters of it are shown.
const SHOWN: usize = 200;

/// The value, cut where it is long.
pub(crate) fn text(ty: &Type, canonical: &[u8]) -> String {
    let shown = match CanonicalKind::of(ty) {
        CanonicalKind::Numeric => number(canonical),
        CanonicalKind::Interval => interval(ty, canonical),
        CanonicalKind::Jsonb => json(canonical),
        CanonicalKind::Array(element) => array(ty, &element, canonical),
        CanonicalKind::Bytes | CanonicalKind::Padded => show(ty, beginning(ty, canonical)),
        CanonicalKind::Integer | CanonicalKind::Float4 | CanonicalKind::Float8 => show(ty, canonical),
    };
    if canonical.len() > READ { format!("{shown}… ({} bytes)", canonical.len()) } else { shown }
}

/// As many bytes as are read, but no part of a character.
fn beginning<'a>(ty: &Type, canonical: &'a [u8]) -> &'a [u8] {
    let Some(cut) = canonical.get(..READ) else { return canonical };
    match (&ty.kind, std::str::from_utf8(cut)) {
        (TypeKind::Bit(_) | TypeKind::Varbit(_), _) => canonical,
        (TypeKind::Bytea, _) | (_, Ok(_)) => cut,
        (_, Err(error)) if error.error_len().is_none() => &cut[..error.valid_up_to()],
        (_, Err(_)) => cut,
    }
}

/// Both values of a cell, cut to the part in which they differ.
pub(crate) fn pair(source: Option<String>, target: Option<String>) -> (Option<String>, Option<String>) {
    let (Some(a), Some(b)) = (&source, &target) else {
        return (source.map(|text| window(&text, 0)), target.map(|text| window(&text, 0)));
    };
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let from = if same + 20 < SHOWN { 0 } else { same - 20 };
    (Some(window(a, from)), Some(window(b, from)))
}

/// What fits into a cell of the screen or a line of a report, from a character on.
pub(crate) fn window(text: &str, from: usize) -> String {
    let mut shown: String = if from > 0 { "…".to_owned() } else { String::new() };
    shown.extend(text.chars().skip(from).take(SHOWN));
    if text.chars().nth(from + SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Plain digits within reason, else as 1.5e+300.
fn number(canonical: &[u8]) -> String {
    let Some((sign, rest)) = canonical.split_first() else { return String::new() };
    match *sign {
        sign if sign == Sign::NaN as u8 => return "NaN".to_owned(),
        sign if sign == Sign::PlusInfinity as u8 => return "Infinity".to_owned(),
        sign if sign == Sign::MinusInfinity as u8 => return "-Infinity".to_owned(),
        sign if sign == Sign::Zero as u8 => return "0".to_owned(),
        _ => {}
    }
    let Some((exponent, digits)) = rest.split_first_chunk::<4>() else { return String::new() };
    let digits = String::from_utf8_lossy(digits);
    let minus = if *sign == Sign::Negative as u8 { "-" } else { "" };
    format!("{minus}{}", point(i64::from(i32::from_be_bytes(*exponent)), &digits))
}

/// 0.DIGITS × 10^exponent.
fn point(exponent: i64, digits: &str) -> String {
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    match exponent {
        _ if !(-300..=300).contains(&exponent) => {
            let (first, rest) = digits.split_at(1.min(digits.len()));
            format!("{first}.{}e{:+}", if rest.is_empty() { "0" } else { rest }, exponent - 1)
        }
        ..=0 => format!("0.{}{digits}", zeros(-exponent)),
        _ if exponent >= count => format!("{digits}{}", zeros(exponent - count)),
        _ => {
            let (whole, fraction) = digits.split_at(usize::try_from(exponent).unwrap_or(0));
            format!("{whole}.{fraction}")
        }
    }
}

/// Whole days by floor, then the rest: as Django writes it.
fn interval(ty: &Type, canonical: &[u8]) -> String {
    const DAY: i128 = 86_400_000_000;
    let Some((months, micros)) = canonical.split_first_chunk::<4>() else { return String::new() };
    let micros = micros.try_into().map_or(0, i128::from_be_bytes);
    let rest = i64::try_from(micros.rem_euclid(DAY)).unwrap_or(0);
    let days = i32::try_from(micros.div_euclid(DAY)).unwrap_or(i32::MAX);
    let mut wire = Vec::with_capacity(16);
    wire.extend_from_slice(&rest.to_be_bytes());
    wire.extend_from_slice(&days.to_be_bytes());
    wire.extend_from_slice(months);
    show(&Type { kind: TypeKind::Interval(IntervalFields::default()), ..ty.clone() }, &wire)
}

/// The elements in one pair of braces; what is nested in several dimensions is shown in a row.
fn array(ty: &Type, element: &CanonicalKind, canonical: &[u8]) -> String {
    let TypeKind::Array(inner) = &ty.kind else { return String::new() };
    let dimensions = usize::from(canonical.first().copied().unwrap_or(0));
    let mut rest = canonical.get(1 + dimensions * 8..).unwrap_or_default();
    let mut shown = String::from("{");
    while let Some((present, after)) = rest.split_first() {
        if shown.len() > READ {
            break;
        }
        if shown.len() > 1 {
            shown.push(',');
        }
        rest = after;
        if *present == 0 {
            shown.push_str("NULL");
            continue;
        }
        let Some((length, after)) = rest.split_first_chunk::<4>() else { break };
        let length = (u32::from_be_bytes(*length) as usize).min(after.len());
        let value = text(inner, &after[..length]);
        let quoted = !matches!(element, CanonicalKind::Integer | CanonicalKind::Numeric);
        shown.push_str(&if quoted { format!("{value:?}") } else { value });
        rest = &after[length..];
    }
    shown.push('}');
    shown
}

/// JSON text again, names in jsonb's order.
fn json(canonical: &[u8]) -> String {
    let mut shown = String::new();
    let mut rest = canonical;
    let mut open: Vec<u8> = Vec::new();
    let mut named = false;
    while let Some((tag, after)) = rest.split_first() {
        if shown.len() > READ {
            break;
        }
        let closes = matches!(*tag, b']' | b'}') && (*tag == b']' || !named);
        if open.last() == Some(&b'o') && !named && !closes {
            separate(&mut shown);
            rest = string(rest, &mut shown);
            shown.push_str(": ");
            named = true;
            continue;
        }
        if !closes && !named {
            separate(&mut shown);
        }
        named = false;
        rest = after;
        match *tag {
            b'n' => shown.push_str("null"),
            b't' => shown.push_str("true"),
            b'f' => shown.push_str("false"),
            b's' => rest = string(rest, &mut shown),
            b'd' => {
                let end = decimal_end(rest);
                shown.push_str(&number(&rest[..end]));
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            b'a' | b'o' => {
                open.push(*tag);
                shown.push(if *tag == b'a' { '[' } else { '{' });
            }
            closing => {
                open.pop();
                shown.push(char::from(closing));
            }
        }
    }
    shown
}

fn separate(shown: &mut String) {
    if !shown.is_empty() && !shown.ends_with(['[', '{']) {
        shown.push_str(", ");
    }
}

/// Appends a string with its length in front, quoted; what follows it.
fn string<'a>(bytes: &'a [u8], shown: &mut String) -> &'a [u8] {
    let Some((length, after)) = bytes.split_first_chunk::<4>() else { return &[] };
    let (text, rest) = after.split_at_checked(u32::from_be_bytes(*length) as usize).unwrap_or((after, &[]));
    let cut = &text[..text.len().min(READ)];
    let _ = write!(shown, "{}", serde_json::Value::from(String::from_utf8_lossy(cut)));
    rest
}

/// Where a number's bytes end: sign, then for a number with digits four bytes of exponent and the digits up to the zero.
fn decimal_end(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(sign) if *sign == Sign::Positive as u8 || *sign == Sign::Negative as u8 => {
            5 + bytes.iter().skip(5).take_while(|byte| **byte != 0).count()
        }
        _ => 1,
    }
    .min(bytes.len())
}
