//! Days and microseconds as PostgreSQL counts them: from 2000-01-01, in the proleptic Gregorian calendar.

/// Microseconds of a second.
pub(super) const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400 * SECOND;
/// 1970-01-01 in days since 2000-01-01.
pub(super) const UNIX_EPOCH: i64 = -10_957;

/// `MIN_TIMESTAMP` and `END_TIMESTAMP` (datatype/timestamp.h): 4714-11-24 BC to before 294277-01-01.
const TIMESTAMPS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
/// 4714-11-24 BC to 5874897-12-31.
const DATES: std::ops::RangeInclusive<i64> = -2_451_545..=2_145_031_948;

/// Days since 2000-01-01; year 0 is 1 BC. None where the calendar has no such day.
pub(super) fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    // Howard Hinnant's days_from_civil, moved from 1970 to 2000
    let shifted = year - i64::from(month <= 2);
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468 + UNIX_EPOCH)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day, where a `date` can hold it.
pub(super) fn checked_date(day: i64) -> Option<i32> {
    if DATES.contains(&day) { i32::try_from(day).ok() } else { None }
}

/// The moment, where a `timestamp` can hold it.
pub(super) fn checked_timestamp(micros: i128) -> Option<i64> {
    i64::try_from(micros).ok().filter(|micros| TIMESTAMPS.contains(micros))
}

/// Rounds to so many fractional digits of a second, half away from zero: `AdjustTimestampForTypmod`, `AdjustTimeForTypmod` and
/// `AdjustIntervalForTypmod` all do so.
pub(super) fn round_to(digits: Option<u8>, micros: i64) -> i64 {
    let Some(digits @ 0..=5) = digits else { return micros };
    let scale = 10i64.pow(6 - u32::from(digits));
    let half = scale / 2;
    if micros >= 0 {
        micros.saturating_add(half) / scale * scale
    } else {
        -(micros.saturating_neg().saturating_add(half) / scale * scale)
    }
}

/// `number` divided by `divisor`, halves to the even neighbour.
pub(super) fn divide_half_even(number: i64, divisor: i64) -> i64 {
    let (quotient, rest) = (number.div_euclid(divisor), number.rem_euclid(divisor));
    let up = match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    quotient + i64::from(up)
}
