//! Durations as people write them: `5m`, `90s`, `1h30m`.

use std::time::Duration;

const UNITS: &[(&str, u64)] = &[("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Reads a duration; none when it is none, is zero, or does not fit.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut seconds: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count: u64 = rest.get(..digits)?.parse().ok()?;
        let (unit, size) = UNITS.iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        seconds = seconds.checked_add(count.checked_mul(*size)?)?;
        rest = rest[digits + unit.len()..].trim_start();
    }
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Writes a duration so that [`parse`] reads the same; fractions of a second are lost.
pub(super) fn write(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut text = String::new();
    for (unit, size) in UNITS {
        if seconds >= *size {
            text.push_str(&format!("{}{unit}", seconds / size));
            seconds %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{parse, write};
    use std::time::Duration;

    #[test]
    fn durations_read_as_written() {
        for (text, seconds) in [("5m", 300), ("90s", 90), ("1h30m", 5_400), ("2d", 172_800), (" 1h 5s ", 3_605)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "m", "5 minutes", "0s", "-5m", "1.5h", "99999999999999999999d", "9999999999999999999d"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn written_durations_read_back() {
        for seconds in [1, 59, 60, 61, 3_600, 86_399, 90_061] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse(&write(duration)), Some(duration));
        }
    }
}
