//! Dates and clock readings as applications write them, and the arithmetic of the proleptic Gregorian calendar.

/// Microseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;
/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's own count begins.
pub(crate) const EPOCH_DAYS: i64 = 10_957;

/// What a text says about a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// `infinity`.
    Infinity,
    /// `-infinity`.
    MinusInfinity,
    /// Anything else.
    Reading(Reading),
}

/// A date, a clock reading, a zone: as far as they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Days since 2000-01-01.
    pub(crate) day: Option<i64>,
    /// Microseconds since midnight.
    pub(crate) clock: Option<i64>,
    /// Seconds east of Greenwich.
    pub(crate) zone: Option<i32>,
}

/// Days from 2000-01-01 to a date; none when the calendar has no such day.
pub(crate) fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let february = if leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=length).contains(&day) {
        return None;
    }
    let earlier: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    Some(days_before(year) - days_before(2000) + earlier + day - 1)
}

/// Days of all years before `year`, counted from the year 1.
fn days_before(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

/// The date of a day number: the inverse of [`day_number`].
pub(crate) fn date_of(day: i64) -> (i64, i64, i64) {
    let mut year = 2000 + day.div_euclid(366);
    while days_before(year + 1) - days_before(2000) <= day {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && day_number(year, month + 1, 1).is_some_and(|first| first <= day) {
        month += 1;
    }
    let first = day_number(year, month, 1).unwrap_or(day);
    (year, month, day - first + 1)
}

/// Reads a date, a clock reading or both, with or without a zone.
pub(crate) fn read(text: &str) -> Result<Written, String> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let says = |word: &str| text.eq_ignore_ascii_case(word);
    if says("infinity") || says("+infinity") {
        return Ok(Written::Infinity);
    }
    if says("-infinity") {
        return Ok(Written::MinusInfinity);
    }
    if text.is_empty() {
        return Err("empty text is no date and no time".to_owned());
    }
    let mut rest = text;
    let reading = reading(&mut rest)?;
    if rest.is_empty() { Ok(Written::Reading(reading)) } else { Err(format!("`{rest}` is left over")) }
}

fn reading(rest: &mut &str) -> Result<Reading, String> {
    let mut reading = Reading::default();
    let mut date = None;
    if !starts_as_clock(rest) {
        date = Some(date_parts(rest)?);
        *rest = rest.strip_prefix(['T', 't']).unwrap_or_else(|| rest.trim_start_matches(' '));
    }
    if rest.starts_with(|first: char| first.is_ascii_digit()) {
        reading.clock = Some(clock(rest)?);
        reading.zone = zone(rest)?;
        zone_name_and_monotonic_clock(rest, &reading);
    }
    if let Some((year, month, day)) = date {
        let counted = if before_christ(rest) { 1 - year } else { year };
        let day = day_number(counted, month, day).filter(|_| year > 0);
        reading.day = Some(day.ok_or_else(|| format!("there is no such day: {}", text_of_date(date)))?);
    }
    Ok(reading)
}

fn text_of_date(date: Option<(i64, i64, i64)>) -> String {
    let (year, month, day) = date.unwrap_or_default();
    format!("{year:04}-{month:02}-{day:02}")
}

/// `7:05` or `07:05`, where a date would have more digits or a hyphen.
fn starts_as_clock(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=2).contains(&digits) && text.as_bytes().get(digits) == Some(&b':')
}

fn date_parts(rest: &mut &str) -> Result<(i64, i64, i64), String> {
    let year_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if !(4..=7).contains(&year_digits) {
        return Err("a date begins with a year of four digits".to_owned());
    }
    let year = number(rest, year_digits)?;
    expect(rest, '-')?;
    let month = number(rest, 2)?;
    expect(rest, '-')?;
    let day = number(rest, 2)?;
    Ok((year, month, day))
}

/// `HH:MM[:SS[.fraction]]`, up to 24:00:00; the fraction rounds to microseconds as PostgreSQL's `rint` does.
fn clock(rest: &mut &str) -> Result<i64, String> {
    let hours = number(rest, 2)?;
    expect(rest, ':')?;
    let minutes = number(rest, 2)?;
    let mut seconds = 0;
    let mut micros = 0;
    if rest.starts_with(':') {
        expect(rest, ':')?;
        seconds = number(rest, 2)?;
        micros = fraction(rest)?;
    }
    let total = ((hours * 60 + minutes) * 60 + seconds) * SECOND + micros;
    if hours > 24 || minutes > 59 || seconds > 60 || total > DAY {
        return Err(format!("there is no time {hours:02}:{minutes:02}:{seconds:02}"));
    }
    Ok(total)
}

/// `.123456789` in microseconds; 0 where no fraction is written.
pub(crate) fn fraction(rest: &mut &str) -> Result<i64, String> {
    let Some(after) = rest.strip_prefix('.') else { return Ok(0) };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    if let Some(exact) = up_to_micros(&after[..digits]) {
        *rest = &after[digits..];
        return Ok(exact);
    }
    let value: f64 = format!("0.{}0", &after[..digits]).parse().map_err(|_| "the fraction is no number".to_owned())?;
    *rest = &after[digits..];
    #[expect(clippy::cast_possible_truncation, reason = "at most 1,000,000")]
    Ok((value * 1_000_000.0).round_ties_even() as i64)
}

/// At most six digits need no rounding.
fn up_to_micros(digits: &str) -> Option<i64> {
    const UNITS: [i64; 7] = [0, 100_000, 10_000, 1_000, 100, 10, 1];
    let unit = UNITS.get(digits.len())?;
    if digits.is_empty() { Some(0) } else { digits.parse::<i64>().ok().map(|value| value * unit) }
}

/// Names of zones that mean one offset: hours east of Greenwich, as PostgreSQL's default set of abbreviations has them.
const ZONES: &str = "Z:0 UTC:0 GMT:0 UT:0 ZULU:0 WET:0 BST:1 CET:1 CEST:2 EET:2 EEST:3 JST:9 KST:9 AEST:10 AEDT:11 \
                     EST:-5 EDT:-4 CST:-6 CDT:-5 MST:-7 MDT:-6 PST:-8 PDT:-7";

/// `Z`, `UTC`, `CET`, `+01`, `+0100`, `-01:30:15`; none where nothing follows.
fn zone(rest: &mut &str) -> Result<Option<i32>, String> {
    let text = rest.trim_start_matches(' ');
    let sign = match text.chars().next() {
        Some('+') => 1,
        Some('-') => -1,
        Some(letter) if letter.is_ascii_alphabetic() => return named_zone(text, rest),
        _ => return Ok(None),
    };
    *rest = &text[1..];
    offset(rest).map(|seconds| Some(sign * seconds))
}

fn named_zone<'a>(text: &'a str, rest: &mut &'a str) -> Result<Option<i32>, String> {
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (name, after) = (text[..length].to_ascii_uppercase(), &text[length..]);
    if name == "BC" || name == "AD" {
        return Ok(None);
    }
    let known = ZONES.split(' ').filter_map(|zone| zone.split_once(':')).find(|(known, _)| *known == name);
    let hours: i32 =
        known.and_then(|(_, hours)| hours.parse().ok()).ok_or_else(|| format!("the zone {name} is not known"))?;
    *rest = after;
    Ok(Some(hours * 3_600))
}

/// `H`, `HH`, `HMM`, `HHMM` or with colons.
fn offset(rest: &mut &str) -> Result<i32, String> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let first = number(rest, 4)?;
    let (hours, mut minutes, mut seconds) = if digits > 2 { (first / 100, first % 100, 0) } else { (first, 0, 0) };
    if digits <= 2 && rest.starts_with(':') {
        expect(rest, ':')?;
        minutes = number(rest, 2)?;
        if rest.starts_with(':') {
            expect(rest, ':')?;
            seconds = number(rest, 2)?;
        }
    }
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(format!("there is no zone {hours:02}:{minutes:02}:{seconds:02}"));
    }
    i32::try_from((hours * 60 + minutes) * 60 + seconds).map_err(|_| "the zone is out of range".to_owned())
}

/// Go's `time.Time` writes ` +0100 CET m=+23.99`: the offset says all, its name and the process's clock add nothing.
fn zone_name_and_monotonic_clock(rest: &mut &str, reading: &Reading) {
    if reading.zone.is_none() {
        return;
    }
    if let Some(after) = rest.strip_prefix(' ') {
        let name = after.bytes().take_while(u8::is_ascii_uppercase).count();
        let digits = after.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        if name >= 3 {
            *rest = &after[name..];
        } else if after.starts_with(['+', '-']) && digits >= 2 {
            *rest = &after[1 + digits..];
        }
    }
    if let Some(after) = rest.strip_prefix(" m=").and_then(|text| text.strip_prefix(['+', '-'])) {
        let length = after.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        *rest = &after[length..];
    }
}

/// PostgreSQL writes years before 1 as ` BC`.
fn before_christ(rest: &mut &str) -> bool {
    if rest.is_empty() {
        return false;
    }
    let era = rest.trim_start_matches(' ').to_ascii_uppercase();
    if era == "BC" || era == "AD" {
        *rest = "";
    }
    era == "BC"
}

/// At most `digits` digits, at least one.
fn number(rest: &mut &str, digits: usize) -> Result<i64, String> {
    let length = rest.bytes().take(digits).take_while(u8::is_ascii_digit).count();
    let value = rest[..length].parse().map_err(|_| {
        let found: String = rest.chars().take(10).collect();
        format!("a number is missing before `{found}`")
    })?;
    *rest = &rest[length..];
    Ok(value)
}

fn expect(rest: &mut &str, mark: char) -> Result<(), String> {
    *rest = rest.strip_prefix(mark).ok_or_else(|| format!("`{mark}` is missing in the date or time"))?;
    Ok(())
}
