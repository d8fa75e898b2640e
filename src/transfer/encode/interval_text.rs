//! Intervals as Django, Python, Go and PostgreSQL write them.
//!
//! - words: `1 year 2 mons -3 days 04:05:06.789`, `@ 1 day 2 hours ago`, `1 day, 2:03:04`, `1h2m3.5s`
//! - days before a time: `1 02:03:04.000005`
//! - SQL standard: `1-2 3 4:05:06`
//! - ISO 8601: `P1Y2M3W4DT5H6M7.8S`, with a sign before the `P` as Django writes it
//!
//! Fractions are taken down from days, never from weeks, months and years, whose length is a matter of opinion. A number without a
//! unit is refused: PostgreSQL would take seconds.

use super::moment::fraction_micros;

/// Months, days and microseconds, not yet narrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub months: i128,
    pub days: i128,
    pub micros: i128,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
}

const CLOCK: u16 = 1 << Unit::Hour as u16 | SECONDS | 1 << Unit::Minute as u16;
const SECONDS: u16 = 1 << Unit::Second as u16 | 1 << Unit::Millisecond as u16 | 1 << Unit::Microsecond as u16;

/// Reads a trimmed text.
pub(super) fn parse(text: &[u8]) -> Option<Parts> {
    let (negative, unsigned) = match text {
        [b'-', b'P', ..] => (true, &text[1..]),
        _ => (false, text),
    };
    if let Some(iso) = unsigned.strip_prefix(b"P") {
        let parts = Reader::new(iso).iso()?;
        return Some(if negative { parts.negated() } else { parts });
    }
    Reader::new(text.strip_prefix(b"@").unwrap_or(text)).words()
}

impl Parts {
    fn negated(self) -> Self {
        Self { months: -self.months, days: -self.days, micros: -self.micros }
    }

    fn add(&mut self, unit: Unit, number: Number) -> Option<()> {
        let count = i128::from(number.whole);
        let micros_of = |unit: Unit| match unit {
            Unit::Hour => 3_600_000_000,
            Unit::Minute => 60_000_000,
            Unit::Second => 1_000_000,
            Unit::Millisecond => 1000,
            _ => 1,
        };
        match unit {
            Unit::Year => self.months += count * 12,
            Unit::Month => self.months += count,
            Unit::Week => self.days += count * 7,
            Unit::Day => {
                self.days += count;
                self.micros += fractional(number.fraction, 86_400_000_000);
            }
            unit => self.micros += count * i128::from(micros_of(unit)) + fractional(number.fraction, micros_of(unit)),
        }
        let divisible = number.fraction == 0.0 || !matches!(unit, Unit::Year | Unit::Month | Unit::Week);
        divisible.then_some(())
    }
}

/// `AdjustFractMicroseconds`: truncated, then up when more than half is left.
fn fractional(fraction: f64, scale: i64) -> i128 {
    let scaled = fraction * scale as f64;
    let whole = scaled.trunc();
    let rest = scaled - whole;
    let step = if rest > 0.5 {
        1
    } else if rest < -0.5 {
        -1
    } else {
        0
    };
    whole as i128 + step
}

/// A signed number; the fraction has the same sign.
#[derive(Clone, Copy)]
struct Number {
    whole: i64,
    fraction: f64,
}

struct Reader<'a> {
    rest: &'a [u8],
    parts: Parts,
    seen: u16,
}

impl<'a> Reader<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest, parts: Parts::default(), seen: 0 }
    }

    /// Each unit once.
    fn mark(&mut self, mask: u16) -> Option<()> {
        let fresh = self.seen & mask == 0;
        self.seen |= mask;
        fresh.then_some(())
    }

    fn words(mut self) -> Option<Parts> {
        loop {
            self.gap();
            if self.rest.is_empty() {
                return (self.seen != 0).then_some(self.parts);
            }
            if self.seen != 0 && self.rest.eq_ignore_ascii_case(b"ago") {
                return Some(self.parts.negated());
            }
            self.term()?;
        }
    }

    fn gap(&mut self) {
        let count = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b',' | b'\t')).count();
        self.rest = &self.rest[count..];
    }

    fn term(&mut self) -> Option<()> {
        let negative = self.rest.first() == Some(&b'-');
        self.rest = &self.rest[usize::from(negative || self.rest.first() == Some(&b'+'))..];
        let whole = self.digits()?;
        match self.rest.first() {
            Some(b':') => return self.clock(whole, negative),
            Some(b'-') => return self.years_and_months(whole, negative),
            _ => {}
        }
        let fraction = self.fraction()?;
        let sign = if negative { -1 } else { 1 };
        let number = Number { whole: sign * whole, fraction: sign as f64 * fraction };
        let before = self.rest.len();
        self.gap();
        let unit = if self.rest.first().is_some_and(u8::is_ascii_alphabetic) {
            let word = self.word();
            let next = self.rest.first();
            let joined = matches!(word, [b'y' | b'd' | b'h' | b'm' | b's']) && next.is_some_and(u8::is_ascii_digit);
            let ends = joined || next.is_none_or(|byte| matches!(byte, b' ' | b',' | b'\t'));
            unit(word).filter(|_| ends)?
        } else {
            (fraction == 0.0 && self.rest.len() < before && self.clock_follows()).then_some(Unit::Day)?
        };
        let mask = if unit == Unit::Second && fraction != 0.0 { SECONDS } else { 1 << unit as u16 };
        self.mark(mask)?;
        self.parts.add(unit, number)
    }

    /// An unsigned number of digits, at least one.
    fn digits(&mut self) -> Option<i64> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        let value =
            digits.iter().try_fold(0i64, |value, digit| value.checked_mul(10)?.checked_add(i64::from(digit - b'0')))?;
        (count > 0).then_some(value)
    }

    fn fraction(&mut self) -> Option<f64> {
        if self.rest.first() != Some(&b'.') {
            return Some(0.0);
        }
        let written = self.fraction_text();
        std::str::from_utf8(written).ok().filter(|written| written.len() > 1)?.parse().ok()
    }

    fn fraction_text(&mut self) -> &'a [u8] {
        let count = self.rest.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
        let (written, rest) = self.rest.split_at(count + 1);
        self.rest = rest;
        written
    }

    fn word(&mut self) -> &'a [u8] {
        let (word, rest) = self.rest.split_at(self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count());
        self.rest = rest;
        word
    }

    fn clock_follows(&self) -> bool {
        let unsigned = self.rest.strip_prefix(b"-").or_else(|| self.rest.strip_prefix(b"+")).unwrap_or(self.rest);
        let digits = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
        digits > 0 && unsigned.get(digits) == Some(&b':')
    }

    /// `HH:MM[:SS[.F…]]` at its first colon.
    fn clock(&mut self, hours: i64, negative: bool) -> Option<()> {
        self.mark(CLOCK)?;
        let minutes = self.two_digits()?;
        let (mut seconds, mut fraction) = (0, 0);
        if self.rest.first() == Some(&b':') {
            seconds = self.two_digits()?;
            if self.rest.first() == Some(&b'.') {
                fraction = fraction_micros(self.fraction_text())?;
            }
        }
        let ends = !self
            .rest
            .first()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'+'));
        let size = ((i128::from(hours) * 60 + i128::from(minutes)) * 60 + i128::from(seconds)) * 1_000_000
            + i128::from(fraction);
        self.parts.micros += if negative { -size } else { size };
        (ends && minutes < 60 && seconds <= 60).then_some(())
    }

    /// One or two digits after a colon.
    fn two_digits(&mut self) -> Option<i64> {
        self.rest = &self.rest[1..];
        let before = self.rest.len();
        let value = self.digits()?;
        (before - self.rest.len() <= 2).then_some(value)
    }

    fn years_and_months(&mut self, years: i64, negative: bool) -> Option<()> {
        self.mark(1 << Unit::Year as u16 | 1 << Unit::Month as u16)?;
        let months = self.two_digits()?;
        let ends = self.rest.is_empty() || matches!(self.rest[0], b' ' | b',' | b'\t');
        let size = i128::from(years) * 12 + i128::from(months);
        self.parts.months += if negative { -size } else { size };
        (ends && months < 12).then_some(())
    }

    /// What follows the `P`.
    fn iso(mut self) -> Option<Parts> {
        let mut order = &b"YMWD"[..];
        let mut timed = false;
        let mut any = false;
        while let Some(&byte) = self.rest.first() {
            if byte == b'T' && !timed {
                timed = true;
                order = b"HMS";
                self.rest = &self.rest[1..];
                any = false;
                continue;
            }
            let number = self.iso_number()?;
            let (&letter, rest) = self.rest.split_first()?;
            let at = order.iter().position(|known| *known == letter)?;
            order = &order[at + 1..];
            self.rest = rest;
            self.parts.add(iso_unit(letter, timed)?, number)?;
            any = true;
        }
        any.then_some(self.parts)
    }

    /// As `ParseISO8601Number`: one double, whose whole part is taken off.
    fn iso_number(&mut self) -> Option<Number> {
        let sign = usize::from(matches!(self.rest.first(), Some(b'-' | b'+')));
        let count = self.rest[sign..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let (written, rest) = self.rest.split_at(sign + count);
        self.rest = rest;
        (written.get(sign)?.is_ascii_digit() && written.last()?.is_ascii_digit()).then_some(())?;
        let value: f64 = std::str::from_utf8(written).ok()?.parse().ok()?;
        // every larger one is beyond an interval in any unit
        (value.abs() < 9e15).then_some(Number { whole: value.trunc() as i64, fraction: value - value.trunc() })
    }
}

fn iso_unit(letter: u8, timed: bool) -> Option<Unit> {
    Some(match (letter, timed) {
        (b'Y', false) => Unit::Year,
        (b'M', false) => Unit::Month,
        (b'W', false) => Unit::Week,
        (b'D', false) => Unit::Day,
        (b'H', true) => Unit::Hour,
        (b'M', true) => Unit::Minute,
        (b'S', true) => Unit::Second,
        _ => return None,
    })
}

/// The names of units that PostgreSQL knows and applications write.
fn unit(word: &[u8]) -> Option<Unit> {
    const NAMES: &[(Unit, &[&str])] = &[
        (Unit::Year, &["y", "yr", "yrs", "year", "years"]),
        (Unit::Month, &["mon", "mons", "month", "months"]),
        (Unit::Week, &["w", "week", "weeks"]),
        (Unit::Day, &["d", "day", "days"]),
        (Unit::Hour, &["h", "hr", "hrs", "hour", "hours"]),
        (Unit::Minute, &["m", "min", "mins", "minute", "minutes"]),
        (Unit::Second, &["s", "sec", "secs", "second", "seconds"]),
        (Unit::Millisecond, &["ms", "msec", "msecs", "millisecond", "milliseconds"]),
        (Unit::Microsecond, &["us", "usec", "usecs", "microsecond", "microseconds"]),
    ];
    let is = |name: &&str| word.eq_ignore_ascii_case(name.as_bytes());
    NAMES.iter().find(|(_, names)| names.iter().any(is)).map(|(unit, _)| *unit)
}
