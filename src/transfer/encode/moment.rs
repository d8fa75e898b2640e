//! Dates, times of day and zones as applications write them.
//!
//! | part | forms |
//! |---|---|
//! | date | `YYYY-MM-DD`, years of 4 to 7 digits, ` BC` at the end |
//! | between | `T`, or blanks |
//! | time | `HH:MM`, `HH:MM:SS`, `HH:MM:SS.F…` with any number of digits; `24:00:00` and second 60 as PostgreSQL |
//! | zone | `Z`, `±HH`, `±HHMM`, `±HH:MM`, `±HH:MM:SS`, `UTC`, and fixed abbreviations such as `CET` |
//! | Go | a zone name after the offset and ` m=±S` after that, both of which say nothing more |
//!
//! Not read, though PostgreSQL does: month names, other orders of the date, words that move (`now`, `today`), names of regions
//! (`Europe/Berlin`). A misfit is better than a guess.

use super::Misfit;
use super::calendar::{self, DAY, SECOND};
use super::number::trim;
use super::reason::{misfit, quoted, unreadable};

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Infinity,
    MinusInfinity,
    At(Written),
}

/// The parts that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Days since 2000-01-01.
    pub day: Option<i64>,
    /// Microseconds since midnight, up to and including 24:00.
    pub micros: Option<i64>,
    /// Seconds east of UTC.
    pub zone: Option<i32>,
}

/// Why a text says nothing.
pub(super) enum Bad {
    Form,
    NoSuchDay,
    NoSuchTime,
    Zone,
}

/// Reads a text for a column of type `target`.
pub(super) fn read(text: &[u8], target: &str) -> Result<Moment, Misfit> {
    parse(trim(text)).or_else(|bad| match bad {
        Bad::Form => unreadable(text, target),
        Bad::NoSuchDay => misfit(format!("{} names a day that no calendar has", quoted(text))),
        Bad::NoSuchTime => misfit(format!("{} names a time that no day has", quoted(text))),
        Bad::Zone => misfit(format!("{}: the time zone is not one that is read here (write an offset)", quoted(text))),
    })
}

fn parse(text: &[u8]) -> Result<Moment, Bad> {
    if text.eq_ignore_ascii_case(b"infinity") {
        return Ok(Moment::Infinity);
    }
    if text.eq_ignore_ascii_case(b"-infinity") {
        return Ok(Moment::MinusInfinity);
    }
    let mut cursor = Cursor { rest: text };
    if text.get(1..3).is_some_and(|head| head.contains(&b':')) {
        let micros = Some(cursor.clock()?);
        let zone = cursor.zone()?;
        return cursor.end(Moment::At(Written { day: None, micros, zone }));
    }
    let (year, month, day) = cursor.date()?;
    let (mut micros, mut zone) = (None, None);
    if cursor.before_time() {
        micros = Some(cursor.clock()?);
        zone = cursor.zone()?;
    }
    let year = match (year, cursor.era()) {
        (0, _) => return Err(Bad::NoSuchDay),
        (year, true) => 1 - year,
        (year, false) => year,
    };
    let day = Some(calendar::day(year, month, day).ok_or(Bad::NoSuchDay)?);
    cursor.end(Moment::At(Written { day, micros, zone }))
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn end(&self, moment: Moment) -> Result<Moment, Bad> {
        if self.rest.is_empty() { Ok(moment) } else { Err(Bad::Form) }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        self.rest = &self.rest[usize::from(found)..];
        found
    }

    fn blanks(&mut self) -> bool {
        let count = self.rest.iter().take_while(|byte| **byte == b' ').count();
        self.rest = &self.rest[count..];
        count > 0
    }

    /// A number of `least` to `most` digits, and no more digits after it.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let mut value = 0;
        let mut count = 0;
        while let Some(digit @ b'0'..=b'9') = self.rest.get(count) {
            count += 1;
            if count > most {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
        }
        self.rest = &self.rest[count..];
        (count >= least).then_some(value)
    }

    fn date(&mut self) -> Result<(i64, i64, i64), Bad> {
        let year = self.number(4, 7).ok_or(Bad::Form)?;
        let month = self.take(b'-').then(|| self.number(1, 2)).flatten().ok_or(Bad::Form)?;
        let day = self.take(b'-').then(|| self.number(1, 2)).flatten().ok_or(Bad::Form)?;
        Ok((year, month, day))
    }

    /// Steps over what stands between a date and a time, where a time follows.
    fn before_time(&mut self) -> bool {
        if self.take(b'T') || self.take(b't') {
            return true;
        }
        let before = self.rest;
        let follows = self.blanks() && self.rest.first().is_some_and(u8::is_ascii_digit);
        if !follows {
            self.rest = before;
        }
        follows
    }

    fn clock(&mut self) -> Result<i64, Bad> {
        let hour = self.number(1, 2).ok_or(Bad::Form)?;
        let minute = self.take(b':').then(|| self.number(1, 2)).flatten().ok_or(Bad::Form)?;
        let (mut second, mut fraction) = (0, 0);
        if self.take(b':') {
            second = self.number(1, 2).ok_or(Bad::Form)?;
            fraction = self.fraction()?;
        }
        let micros = ((hour * 60 + minute) * 60 + second) * SECOND + fraction;
        if minute > 59 || second > 60 || micros > DAY { Err(Bad::NoSuchTime) } else { Ok(micros) }
    }

    /// Microseconds of a fraction. Beyond six digits it goes through a double and rounds to even, as `ParseFractionalSecond` does.
    fn fraction(&mut self) -> Result<i64, Bad> {
        if self.rest.first() != Some(&b'.') {
            return Ok(0);
        }
        let count = self.rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (written, rest) = self.rest.split_at(count + 1);
        self.rest = rest;
        fraction_micros(written).ok_or(Bad::Form)
    }

    fn zone(&mut self) -> Result<Option<i32>, Bad> {
        let before = self.rest;
        self.blanks();
        let seconds = match self.rest {
            [b'+' | b'-', ..] => {
                let go =
                    matches!(self.rest, [_, a, b, c, d, b' ', ..] if [a, b, c, d].into_iter().all(u8::is_ascii_digit));
                let seconds = self.offset()?;
                if go {
                    self.go_suffix()?;
                }
                seconds
            }
            [byte, ..] if byte.is_ascii_alphabetic() => {
                let word = self.word();
                if is_era(word) {
                    self.rest = before;
                    return Ok(None);
                }
                abbreviation(word).ok_or(Bad::Zone)?
            }
            _ => {
                self.rest = before;
                return Ok(None);
            }
        };
        Ok(Some(seconds))
    }

    /// Seconds east of UTC from `±HH[[:]MM[:SS]]`.
    fn offset(&mut self) -> Result<i32, Bad> {
        let west = self.rest.first() == Some(&b'-');
        self.rest = &self.rest[1..];
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = self.number(1, 4).ok_or(Bad::Zone)?;
        let (mut hour, mut minute, mut second) = (number, 0, 0);
        if digits > 2 {
            (hour, minute) = (number / 100, number % 100);
        } else if self.take(b':') {
            minute = self.number(1, 2).ok_or(Bad::Zone)?;
            if self.take(b':') {
                second = self.number(1, 2).ok_or(Bad::Zone)?;
            }
        }
        // MAX_TZDISP_HOUR
        if hour > 15 || minute > 59 || second > 59 {
            return Err(Bad::Zone);
        }
        let seconds = ((hour * 60 + minute) * 60 + second) as i32;
        Ok(if west { -seconds } else { seconds })
    }

    /// What Go's `time.Time` writes after an offset of four digits: the zone's name or the offset again, and the monotonic clock's
    /// reading.
    fn go_suffix(&mut self) -> Result<(), Bad> {
        let before = self.rest;
        if !self.blanks() {
            return Ok(());
        }
        if matches!(self.rest, [b'+' | b'-', ..]) {
            self.offset()?;
        } else {
            let word = self.word();
            if word.len() < 3 || !word.iter().all(u8::is_ascii_uppercase) {
                self.rest = before;
                return Ok(());
            }
        }
        self.monotonic();
        Ok(())
    }

    fn monotonic(&mut self) {
        let before = self.rest;
        self.blanks();
        let read = self.take(b'm') && self.take(b'=') && (self.take(b'+') || self.take(b'-'));
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        self.rest = if read && digits > 0 { &self.rest[digits..] } else { before };
    }

    fn word(&mut self) -> &[u8] {
        let (word, rest) = self.rest.split_at(self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count());
        self.rest = rest;
        word
    }

    /// Whether ` BC` follows.
    fn era(&mut self) -> bool {
        let before = self.rest;
        self.blanks();
        let word = self.word();
        let (before_christ, named) = (word.eq_ignore_ascii_case(b"BC"), is_era(word));
        if !named {
            self.rest = before;
        }
        before_christ
    }
}

fn is_era(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"BC") || word.eq_ignore_ascii_case(b"AD")
}

/// Microseconds of `.DIGITS`; none without a digit.
pub(super) fn fraction_micros(written: &[u8]) -> Option<i64> {
    let digits = written.get(1..).filter(|digits| !digits.is_empty())?;
    if digits.len() <= 6 {
        let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        return Some(value * 10i64.pow(6 - digits.len() as u32));
    }
    let fraction: f64 = std::str::from_utf8(written).ok()?.parse().ok()?;
    Some((fraction * 1e6).round_ties_even() as i64)
}

/// Abbreviations that mean one offset, as PostgreSQL's `Default` set has them; seconds east of UTC.
fn abbreviation(word: &[u8]) -> Option<i32> {
    const HOURS: &[(&[u8], i32)] = &[
        (b"Z", 0),
        (b"UTC", 0),
        (b"GMT", 0),
        (b"UT", 0),
        (b"ZULU", 0),
        (b"WET", 0),
        (b"BST", 1),
        (b"CET", 1),
        (b"CEST", 2),
        (b"EET", 2),
        (b"EEST", 3),
        (b"JST", 9),
        (b"KST", 9),
        (b"AEST", 10),
        (b"AEDT", 11),
        (b"EST", -5),
        (b"EDT", -4),
        (b"CST", -6),
        (b"CDT", -5),
        (b"MST", -7),
        (b"MDT", -6),
        (b"PST", -8),
        (b"PDT", -7),
    ];
    HOURS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, hours)| hours * 3600)
}
