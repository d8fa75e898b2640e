//! Counts, times and sizes as people read them: the same on the screen, in lines and in the report.

use jiff::Timestamp;

/// `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun: `1 row`, `2,000 rows`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// A span of time in seconds: `0.4 s`, `12.3 s`, `4 min 05 s`, `2 h 03 min`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = whole_seconds(seconds);
    if whole < 3_600 {
        return format!("{} min {:02} s", whole / 60, whole % 60);
    }
    format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float's cast saturates, which is what is wanted"
)]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.round().max(0.0) as u64
}

/// A size in bytes: `17 B`, `4.2 kB`, `605 MB`; powers of ten, as disks and networks are sold.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1_000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// How much of the whole, as `71 %`; never 100 before all of it is done.
#[must_use]
pub fn percent(done: u64, total: u64) -> String {
    let share = if total == 0 { 100 } else { u128::from(done) * 100 / u128::from(total) };
    format!("{} %", share.min(100))
}

/// The time of day in UTC: `03:07:12`.
#[must_use]
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// Date and time in UTC: `2026-03-01 03:07:12 UTC`.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Seconds from one moment to a later one; 0 where the clock went back.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::{bytes, clock, count, counted, moment, percent, seconds};

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(2_000, "row"), "2,000 rows");
    }

    #[test]
    fn times_keep_two_figures_that_matter() {
        assert_eq!(seconds(0.04), "0.0 s");
        assert_eq!(seconds(12.34), "12.3 s");
        assert_eq!(seconds(59.96), "1 min 00 s");
        assert_eq!(seconds(245.2), "4 min 05 s");
        assert_eq!(seconds(7_384.0), "2 h 03 min");
    }

    #[test]
    fn sizes_never_show_four_digits() {
        assert_eq!(bytes(17), "17 B");
        assert_eq!(bytes(4_200), "4.2 kB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(605_000_000), "605 MB");
        assert_eq!(bytes(u64::MAX), "18447 PB");
    }

    #[test]
    fn a_share_is_whole_only_when_all_is_done() {
        assert_eq!(percent(999, 1_000), "99 %");
        assert_eq!(percent(1_000, 1_000), "100 %");
        assert_eq!(percent(0, 0), "100 %");
    }

    #[test]
    fn moments_are_utc() {
        let at = jiff::Timestamp::from_second(1_772_334_432).unwrap();
        assert_eq!(clock(at), "03:07:12");
        assert_eq!(moment(at), "2026-03-01 03:07:12 UTC");
    }
}
