//! `numeric`, exact: digits are moved, never computed with. From text as `numeric_in` reads it, from integers, and from reals by
//! their shortest decimal that reads back as the same real (so 0.1 is 0.1, as every application that prints it expects).

use super::number::{Shortest, put_integer, trim};
use super::reason::{misfit, no_conversion, quoted, unreadable};
use super::{Encoded, Misfit};
use rusqlite::types::ValueRef;

const NAN: u16 = 0xC000;
const PLUS_INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;
/// `NUMERIC_DSCALE_MASK`: digits after the point that the format can show.
const MOST_SCALE: i64 = 0x3FFF;
/// Digits before the point: a weight of `i16::MAX` in base 10000.
const MOST_WHOLE: i64 = 131_072;
/// `numeric_in` refuses exponents from INT_MAX / 2.
const MOST_EXPONENT: i64 = 1_073_741_823;

/// Precision and scale of the column.
pub(super) type Limit = Option<(u16, i16)>;

pub(super) fn encode(limit: Limit, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    match value {
        ValueRef::Text(text) => from_text(limit, text, out)?,
        ValueRef::Integer(number) => {
            let start = out.len();
            put_integer(number, out);
            let mut digits = [0; 20];
            let length = out.len() - start;
            digits[..length].copy_from_slice(&out[start..]);
            out.truncate(start);
            from_text(limit, &digits[..length], out)?;
        }
        ValueRef::Real(number) => from_real(limit, number, out)?,
        _ => return no_conversion(value, "numeric"),
    }
    Ok(Encoded::Value)
}

fn from_real(limit: Limit, number: f64, out: &mut Vec<u8>) -> Result<(), Misfit> {
    if number.is_nan() {
        return special(limit, NAN, out);
    }
    if number.is_infinite() {
        return special(limit, if number > 0.0 { PLUS_INFINITY } else { MINUS_INFINITY }, out);
    }
    let shortest = Shortest::of(number);
    let decimal = Decimal {
        negative: shortest.negative,
        whole: shortest.digits(),
        fraction: b"",
        exponent: i64::from(shortest.exponent) + 1 - shortest.digits().len() as i64,
    };
    decimal.put(limit, out).or_else(|overflow| overflow.tell(&number.to_string()))
}

fn from_text(limit: Limit, text: &[u8], out: &mut Vec<u8>) -> Result<(), Misfit> {
    let trimmed = trim(text);
    match Decimal::read(trimmed) {
        Some(decimal) => decimal.put(limit, out).or_else(|overflow| overflow.tell(&quoted(text))),
        None => match word(trimmed) {
            Some(sign) => special(limit, sign, out),
            None => unreadable(text, "numeric"),
        },
    }
}

fn word(text: &[u8]) -> Option<u16> {
    let is = |words: &[&[u8]]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&[b"nan"]) {
        Some(NAN)
    } else if is(&[b"infinity", b"+infinity", b"inf", b"+inf"]) {
        Some(PLUS_INFINITY)
    } else if is(&[b"-infinity", b"-inf"]) {
        Some(MINUS_INFINITY)
    } else {
        None
    }
}

fn special(limit: Limit, sign: u16, out: &mut Vec<u8>) -> Result<(), Misfit> {
    if let (Some((precision, scale)), true) = (limit, sign != NAN) {
        return misfit(format!("numeric({precision},{scale}) cannot hold an infinite value"));
    }
    // numeric_send shows the infinities with this scale, out of bits that they share; numeric_recv looks at the sign only
    let scale = if sign == NAN { 0 } else { 0x20 };
    for word in [0, 0, sign, scale] {
        out.extend_from_slice(&u16::to_be_bytes(word));
    }
    Ok(())
}

/// Whether a JSON number, whose form is known to be right, is within what `numeric` can hold without a limit.
pub(super) fn holds(number: &[u8]) -> bool {
    if number.len() < 1000 && !number.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return true;
    }
    Decimal::read(number).is_some_and(|decimal| decimal.bounded().is_ok())
}

/// WHOLE.FRACTION × 10^exponent, each part ASCII digits.
struct Decimal<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// What is too large.
enum Overflow {
    Precision(u16, i16),
    Format,
}

impl Overflow {
    #[cold]
    fn tell<T>(self, number: &str) -> Result<T, Misfit> {
        match self {
            Self::Precision(precision, scale) => misfit(format!(
                "{number} has more than {} digits before the point, the most that numeric({precision},{scale}) holds",
                i32::from(precision) - i32::from(scale)
            )),
            Self::Format => misfit(format!("{number} has more digits than any numeric holds")),
        }
    }
}

impl<'a> Decimal<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let (whole, rest) = digits(unsigned);
        let (fraction, rest) = rest.strip_prefix(b".").map_or((&b""[..], rest), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', power @ ..] => read_exponent(power)?,
            _ => return None,
        };
        Some(Self { negative, whole, fraction, exponent })
    }

    fn len(&self) -> i64 {
        (self.whole.len() + self.fraction.len()) as i64
    }

    fn digit(&self, index: i64) -> u8 {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let byte = self.whole.get(index).or_else(|| self.fraction.get(index.wrapping_sub(self.whole.len())));
        byte.map_or(0, |byte| byte - b'0')
    }

    /// Digits before the point, counted from the first of all.
    fn point(&self) -> i64 {
        self.whole.len() as i64 + self.exponent
    }

    /// The digits that numeric shows after the point.
    fn scale(&self) -> i64 {
        (self.fraction.len() as i64 - self.exponent).max(0)
    }

    fn first_significant(&self) -> Option<i64> {
        let nonzero = |digit: &u8| *digit != b'0';
        let whole = self.whole.iter().position(nonzero);
        whole.or_else(|| Some(self.whole.len() + self.fraction.iter().position(nonzero)?)).map(|at| at as i64)
    }

    fn bounded(&self) -> Result<(), Overflow> {
        let too_large = self.first_significant().is_some_and(|first| self.point() - first > MOST_WHOLE);
        if too_large || self.scale() > MOST_SCALE { Err(Overflow::Format) } else { Ok(()) }
    }

    fn put(&self, limit: Limit, out: &mut Vec<u8>) -> Result<(), Overflow> {
        self.bounded()?;
        let start = out.len();
        out.extend_from_slice(&[0; 8]);
        let Some((precision, scale)) = limit else {
            let weight = self.put_groups(self.len(), out);
            finish(start, weight, self.negative, self.scale(), out);
            return Ok(());
        };
        let most = i64::from(precision) - i64::from(scale);
        let cut = (self.point() + i64::from(scale)).min(self.len());
        if self.first_significant().is_some_and(|first| first < cut && self.point() - first > most) {
            return Err(Overflow::Precision(precision, scale));
        }
        let mut weight = self.put_groups(cut, out);
        if cut < self.len() && self.digit(cut) >= 5 && cut >= 0 {
            weight = round_up(start + 8, weight, -i64::from(scale), out);
        }
        finish(start, weight, self.negative, i64::from(scale).max(0), out);
        if whole_digits(&out[start..]).is_some_and(|digits| digits > most) {
            return Err(Overflow::Precision(precision, scale));
        }
        Ok(())
    }

    /// Appends the first `end` digits as base-10000 groups aligned to the point, from the first significant one; the weight of the
    /// first group.
    fn put_groups(&self, end: i64, out: &mut Vec<u8>) -> i64 {
        let Some(first) = self.first_significant().filter(|first| *first < end) else { return 0 };
        let weight = (self.point() - 1 - first).div_euclid(4);
        let last = (self.point() - end).div_euclid(4);
        for group in (last..=weight).rev() {
            let at = self.point() - 1 - (4 * group + 3);
            let value = (at..at + 4).fold(0u16, |value, index| {
                value * 10 + if index >= 0 && index < end { u16::from(self.digit(index)) } else { 0 }
            });
            out.extend_from_slice(&value.to_be_bytes());
        }
        weight
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

fn read_exponent(power: &[u8]) -> Option<i64> {
    let (negative, unsigned) = match power {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, power),
    };
    if unsigned.is_empty() || !unsigned.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = unsigned.iter().fold(0i64, |size, digit| (size * 10 + i64::from(digit - b'0')).min(MOST_EXPONENT));
    (size < MOST_EXPONENT).then_some(if negative { -size } else { size })
}

/// Adds 10^`place` to the groups that begin at `start`; the weight of the first group afterwards. The last group is the one that
/// holds `place`, or there is none.
fn round_up(start: usize, weight: i64, place: i64, out: &mut Vec<u8>) -> i64 {
    let mut carry = 10u16.pow(place.rem_euclid(4) as u32);
    let bottom = place.div_euclid(4);
    if out.len() == start {
        out.extend_from_slice(&carry.to_be_bytes());
        return bottom;
    }
    for pair in out[start..].rchunks_exact_mut(2) {
        let sum = u16::from_be_bytes([pair[0], pair[1]]) + carry;
        carry = u16::from(sum >= 10_000);
        pair.copy_from_slice(&(if carry == 1 { sum - 10_000 } else { sum }).to_be_bytes());
        if carry == 0 {
            return weight;
        }
    }
    out.splice(start..start, 1u16.to_be_bytes());
    weight + 1
}

/// Cuts the zero groups at the end and writes the head.
fn finish(start: usize, weight: i64, negative: bool, scale: i64, out: &mut Vec<u8>) {
    while out.len() > start + 8 && out.ends_with(&[0, 0]) {
        out.truncate(out.len() - 2);
    }
    let count = (out.len() - start - 8) / 2;
    let zero = count == 0;
    let head = [
        count as u16,
        if zero { 0 } else { weight as i16 as u16 },
        if negative && !zero { 0x4000 } else { 0 },
        scale as u16,
    ];
    for (at, word) in head.into_iter().enumerate() {
        out[start + 2 * at..start + 2 * at + 2].copy_from_slice(&word.to_be_bytes());
    }
}

/// Decimal digits before the point of a payload, negative where zeros follow the point; none for zero. For rounding, which may add one.
fn whole_digits(payload: &[u8]) -> Option<i64> {
    let first = payload.get(8..10).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))?;
    let weight = i64::from(i16::from_be_bytes([payload[2], payload[3]]));
    Some(weight * 4 + 1 + i64::from(first.checked_ilog10().unwrap_or(0)))
}
