//! A wire value as people read it: as psql shows it with `DateStyle ISO` and `TimeZone UTC`.

use super::canonical::{self, BadWire, Sign, WireArray, fixed};
use super::numeric::{self, Wire};
use crate::schema::{Type, TypeKind};
use std::fmt::Write as _;

const DAY: i64 = 86_400_000_000;
/// 2000-01-01 in days since 1970-01-01, the calendar arithmetic's own origin.
const EPOCH_DAYS: i64 = 10_957;

/// The value as the operator reads it. Bytes that are no value of the type are shown as hex: a picture never fails.
#[must_use]
pub fn show(ty: &Type, payload: &[u8]) -> String {
    let mut out = String::new();
    if put(&ty.kind, payload, &mut out).is_err() {
        out.clear();
        put_hex(payload, &mut out);
    }
    out
}

fn put(kind: &TypeKind, payload: &[u8], out: &mut String) -> Result<(), BadWire> {
    match kind {
        TypeKind::Bool => out.push_str(if fixed::<1>("boolean", payload)? == [0] { "f" } else { "t" }),
        TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8 => {
            write(out, format_args!("{}", canonical::integer(payload)?))
        }
        TypeKind::Float4 => {
            let value = f32::from_be_bytes(fixed("real", payload)?);
            put_float(f64::from(value), value, 6, out);
        }
        TypeKind::Float8 => {
            let value = f64::from_be_bytes(fixed("double precision", payload)?);
            put_float(value, value, 15, out);
        }
        TypeKind::Numeric(_) => put_numeric(payload, out)?,
        TypeKind::Bytea => put_hex(payload, out),
        TypeKind::Uuid => put_uuid(fixed("uuid", payload)?, out),
        TypeKind::Date => put_date(i32::from_be_bytes(fixed("date", payload)?), out),
        TypeKind::Time(_) => put_clock(i64::from_be_bytes(fixed("time", payload)?), out),
        TypeKind::TimeTz(_) => put_timetz(fixed("timetz", payload)?, out),
        TypeKind::Timestamp(_) => put_timestamp(i64::from_be_bytes(fixed("timestamp", payload)?), "", out),
        TypeKind::TimestampTz(_) => put_timestamp(i64::from_be_bytes(fixed("timestamptz", payload)?), "+00", out),
        TypeKind::Interval(_) => put_interval(payload, out)?,
        TypeKind::Jsonb => put_text(payload.get(1..).unwrap_or_default(), out),
        TypeKind::Inet | TypeKind::Cidr => put_network(*kind == TypeKind::Cidr, payload, out)?,
        TypeKind::Macaddr | TypeKind::Macaddr8 => put_pairs(payload, out),
        TypeKind::Bit(_) | TypeKind::Varbit(_) => put_bits(payload, out)?,
        TypeKind::Array(element) => put_array(element, payload, out)?,
        _ => put_text(payload, out),
    }
    Ok(())
}

fn write(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}

fn put_text(payload: &[u8], out: &mut String) {
    match std::str::from_utf8(payload) {
        Ok(text) => out.push_str(text),
        Err(_) => put_hex(payload, out),
    }
}

fn put_hex(payload: &[u8], out: &mut String) {
    out.push_str("\\x");
    for byte in payload {
        write(out, format_args!("{byte:02x}"));
    }
}

/// The shortest digits that read back as the same number; with an exponent below 1e-4 and from 10^`plain` on.
fn put_float(wide: f64, shortest: impl std::fmt::Display + std::fmt::LowerExp, plain: i32, out: &mut String) {
    if wide.is_nan() {
        out.push_str("NaN");
    } else if wide.is_infinite() {
        out.push_str(if wide > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        let scientific = format!("{shortest:e}");
        let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        if (-4..plain).contains(&power.parse().unwrap_or(0)) {
            write(out, format_args!("{shortest}"));
        } else {
            let (sign, size) = power.strip_prefix('-').map_or(('+', power), |size| ('-', size));
            write(out, format_args!("{mantissa}e{sign}{size:0>2}"));
        }
    }
}

fn put_numeric(payload: &[u8], out: &mut String) -> Result<(), BadWire> {
    let (negative, weight, scale, digits) = match numeric::read(payload)? {
        Wire::Finite { negative, weight, scale, digits } => (negative, i32::from(weight), usize::from(scale), digits),
        Wire::Special(sign) => {
            out.push_str(match sign {
                Sign::PlusInfinity => "Infinity",
                Sign::MinusInfinity => "-Infinity",
                _ => "NaN",
            });
            return Ok(());
        }
    };
    let digit = |index: i32| {
        let at = usize::try_from(index).ok().map(|index| 2 * index);
        at.and_then(|at| digits.get(at..at + 2)).map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
    };
    if negative {
        out.push('-');
    }
    let whole = out.len();
    for index in 0..=weight.max(-1) {
        write(out, format_args!("{:04}", digit(index)));
    }
    let zeros = out[whole..].bytes().take_while(|byte| *byte == b'0').count();
    out.replace_range(whole..whole + zeros, "");
    if out.len() == whole {
        out.push('0');
    }
    if scale > 0 {
        out.push('.');
        let fraction = out.len();
        for group in 1..=scale.div_ceil(4) as i32 {
            write(out, format_args!("{:04}", digit(weight + group)));
        }
        out.truncate(fraction + scale);
    }
    Ok(())
}

fn put_uuid(bytes: [u8; 16], out: &mut String) {
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        write(out, format_args!("{byte:02x}"));
    }
}

/// Year, month, day of a day counted from 2000-01-01, proleptic Gregorian (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + EPOCH_DAYS + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// The date and what follows a date before Christ at the very end.
fn put_day(days: i64, out: &mut String) -> &'static str {
    let (year, month, day) = civil(days);
    let (shown, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    write(out, format_args!("{shown:04}-{month:02}-{day:02}"));
    era
}

fn put_date(days: i32, out: &mut String) {
    match days {
        i32::MAX => out.push_str("infinity"),
        i32::MIN => out.push_str("-infinity"),
        days => {
            let era = put_day(i64::from(days), out);
            out.push_str(era);
        }
    }
}

fn put_timestamp(micros: i64, zone: &str, out: &mut String) {
    match micros {
        i64::MAX => out.push_str("infinity"),
        i64::MIN => out.push_str("-infinity"),
        micros => {
            let era = put_day(micros.div_euclid(DAY), out);
            out.push(' ');
            put_clock(micros.rem_euclid(DAY), out);
            out.push_str(zone);
            out.push_str(era);
        }
    }
}

fn put_clock(micros: i64, out: &mut String) {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    write(out, format_args!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    put_micros(fraction, out);
}

fn put_micros(fraction: i64, out: &mut String) {
    if fraction != 0 {
        write(out, format_args!(".{fraction:06}"));
        out.truncate(out.trim_end_matches('0').len());
    }
}

fn put_timetz(bytes: [u8; 12], out: &mut String) {
    let bits = bytes.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    put_clock((bits >> 32) as i64, out);
    let west = bits as u32 as i32;
    let size = west.unsigned_abs();
    write(out, format_args!("{}{:02}", if west > 0 { '-' } else { '+' }, size / 3600));
    if !size.is_multiple_of(3600) {
        write(out, format_args!(":{:02}", size / 60 % 60));
    }
    if !size.is_multiple_of(60) {
        write(out, format_args!(":{:02}", size % 60));
    }
}

/// As `IntervalStyle postgres` writes it: `1 year 2 mons 3 days -04:05:06.7`.
fn put_interval(payload: &[u8], out: &mut String) -> Result<(), BadWire> {
    let (micros, days, months) = canonical::interval(payload)?;
    let start = out.len();
    let mut negative_before = false;
    for (count, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count != 0 {
            let space = if out.len() == start { "" } else { " " };
            let plus = if negative_before && count > 0 { "+" } else { "" };
            write(out, format_args!("{space}{plus}{count} {unit}{}", if count == 1 { "" } else { "s" }));
            negative_before = count < 0;
        }
    }
    if micros != 0 || out.len() == start {
        let space = if out.len() == start { "" } else { " " };
        let sign = if micros < 0 {
            "-"
        } else if negative_before {
            "+"
        } else {
            ""
        };
        let size = micros.unsigned_abs();
        let seconds = size / 1_000_000;
        write(out, format_args!("{space}{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
        put_micros((size % 1_000_000) as i64, out);
    }
    Ok(())
}

fn put_network(cidr: bool, payload: &[u8], out: &mut String) -> Result<(), BadWire> {
    let bad = || BadWire { kind: "inet", length: payload.len() };
    let (&[family, bits, _, _], address) = payload.split_first_chunk::<4>().ok_or_else(bad)?;
    let full = match family {
        2 => {
            write(out, format_args!("{}", std::net::Ipv4Addr::from(fixed::<4>("inet", address)?)));
            32
        }
        _ => {
            write(out, format_args!("{}", std::net::Ipv6Addr::from(fixed::<16>("inet", address)?)));
            128
        }
    };
    if cidr || bits != full {
        write(out, format_args!("/{bits}"));
    }
    Ok(())
}

fn put_pairs(payload: &[u8], out: &mut String) {
    for (index, byte) in payload.iter().enumerate() {
        write(out, format_args!("{}{byte:02x}", if index == 0 { "" } else { ":" }));
    }
}

fn put_bits(payload: &[u8], out: &mut String) -> Result<(), BadWire> {
    let bad = || BadWire { kind: "bit", length: payload.len() };
    let (head, bytes) = payload.split_first_chunk::<4>().ok_or_else(bad)?;
    let count = usize::try_from(i32::from_be_bytes(*head)).map_err(|_| bad())?;
    if bytes.len() != count.div_ceil(8) {
        return Err(bad());
    }
    out.extend((0..count).map(|bit| if bytes[bit / 8] >> (7 - bit % 8) & 1 == 1 { '1' } else { '0' }));
    Ok(())
}

/// As PostgreSQL writes an array, every element that is text in quotes.
fn put_array(element: &Type, payload: &[u8], out: &mut String) -> Result<(), BadWire> {
    let wire = WireArray::read(payload)?;
    let dimensions: Vec<usize> =
        wire.dimensions.iter().map(|(length, _)| usize::try_from(*length).unwrap_or(0)).collect();
    if dimensions.is_empty() {
        out.push_str("{}");
    }
    let total: usize = dimensions.iter().product();
    for (index, cell) in wire.enumerate() {
        let opens =
            dimensions.iter().enumerate().filter(|(d, _)| index % dimensions[*d..].iter().product::<usize>() == 0);
        let opens = opens.count();
        if index > 0 {
            out.extend(std::iter::repeat_n('}', opens));
            out.push(',');
        }
        out.extend(std::iter::repeat_n('{', opens));
        put_element(element, cell?, out)?;
        if index + 1 == total {
            out.extend(std::iter::repeat_n('}', dimensions.len()));
        }
    }
    Ok(())
}

fn put_element(element: &Type, cell: Option<&[u8]>, out: &mut String) -> Result<(), BadWire> {
    let Some(cell) = cell else {
        out.push_str("NULL");
        return Ok(());
    };
    let start = out.len();
    put(&element.kind, cell, out)?;
    let text = &out[start..];
    let special = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | ',' | '"' | '\\');
    if text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(special) {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        out.replace_range(start.., &format!("\"{quoted}\""));
    }
    Ok(())
}
