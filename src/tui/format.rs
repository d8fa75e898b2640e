//! Figures as the operator reads them: durations, counts, rates, bytes. Pure, so that every form is tested apart from drawing.

pub(super) use crate::figures::count as exact;

/// Seconds as a figure: `40 ms`, `9.8 s`, `1 m 05 s`, `2 h 03 m`, `3 d 04 h`; `-` where there is no sensible number.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".to_owned();
    }
    let whole = seconds.round() as u64;
    match seconds {
        s if s < 0.0995 => format!("{:.0} ms", s * 1000.0),
        s if s < 59.95 => format!("{s:.1} s"),
        _ if whole < 3_600 => format!("{} m {:02} s", whole / 60, whole % 60),
        _ if whole < 86_400 => format!("{} h {:02} m", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {:02} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

/// Seconds as a guess: `~3 s`, `~2 m`; coarser than [`duration`], because a guess with decimals lies.
pub(super) fn guess(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".to_owned();
    }
    let whole = seconds.ceil() as u64;
    match whole {
        0..=1 => "~1 s".to_owned(),
        2..=99 => format!("~{whole} s"),
        100..=5_999 => format!("~{} m", whole.div_ceil(60)),
        6_000..=172_799 => format!("~{} h", whole.div_ceil(3_600)),
        _ => format!("~{} d", whole.div_ceil(86_400)),
    }
}

/// Seconds as a running clock: `04:12`, `1:04:12`.
pub(super) fn clock(seconds: f64) -> String {
    let whole = if seconds.is_finite() && seconds > 0.0 { seconds as u64 } else { 0 };
    match whole {
        0..=3_599 => format!("{:02}:{:02}", whole / 60, whole % 60),
        _ => format!("{}:{:02}:{:02}", whole / 3_600, whole % 3_600 / 60, whole % 60),
    }
}

/// A count in at most six columns: `987`, `9,812`, `312 k`, `2.1 M`. Cut, never rounded up: it never claims more than there is.
pub(super) fn count(count: u64) -> String {
    if count < 10_000 {
        return exact(count);
    }
    scaled(count as f64, &["", " k", " M", " G", " T", " P", " E"])
}

/// Bytes in decimal units: `0 B`, `41 MB`, `1.2 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(bytes as f64, &[" B", " kB", " MB", " GB", " TB", " PB", " EB"])
}

/// Something per second: `312 k rows/s`.
pub(super) fn rate(per_second: f64, unit: &str) -> String {
    if !per_second.is_finite() || per_second <= 0.0 {
        return format!("0 {unit}/s");
    }
    if per_second < 10.0 {
        return format!("{per_second:.1} {unit}/s");
    }
    format!("{} {unit}/s", count(per_second as u64))
}

/// A share in whole percent, cut: 100 % is shown only when nothing is left.
pub(super) fn percent(done: u64, total: u64) -> String {
    if total == 0 {
        return "100 %".to_owned();
    }
    format!("{} %", u128::from(done.min(total)) * 100 / u128::from(total))
}

/// A noun with its count: `1 table`, `105 tables`.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", exact(count), if count == 1 { one } else { many })
}

fn scaled(value: f64, units: &[&str]) -> String {
    let mut scaled = value;
    let mut unit = 0;
    while scaled >= 1_000.0 && unit + 1 < units.len() {
        scaled /= 1_000.0;
        unit += 1;
    }
    if unit == 0 || scaled >= 10.0 {
        format!("{}{}", scaled.floor(), units[unit])
    } else {
        format!("{:.1}{}", (scaled * 10.0).floor() / 10.0, units[unit])
    }
}

/// An interval as PostgreSQL writes it, in at most `columns`: what is too long is told in days or years.
pub(super) fn interval(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let days = text.split_whitespace().next().and_then(|number| number.parse::<i64>().ok());
    match days.filter(|_| text.contains(" d")) {
        Some(days) if days.unsigned_abs() >= 730 => {
            let sign = if days < 0 { "-" } else { "" };
            format!("{sign}{} years", count(days.unsigned_abs() / 365))
        }
        Some(days) => format!("{days} d"),
        None => super::text::cut(text, columns),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, clock, count, duration, guess, percent, plural, rate};

    #[test]
    fn durations_change_their_unit_where_the_figure_would_get_long() {
        let shown: Vec<String> =
            [0.0, 0.04, 0.0996, 9.84, 59.94, 59.96, 65.0, 3_599.6, 7_380.0, 273_600.0].map(duration).to_vec();
        let expected =
            ["0 ms", "40 ms", "0.1 s", "9.8 s", "59.9 s", "1 m 00 s", "1 m 05 s", "1 h 00 m", "2 h 03 m", "3 d 04 h"];
        assert_eq!(shown, expected);
        assert_eq!((duration(f64::NAN), duration(-1.0), duration(f64::INFINITY)), ("-".into(), "-".into(), "-".into()));
    }

    #[test]
    fn guesses_are_coarse_and_never_promise_less_than_is_left() {
        assert_eq!(
            [0.0, 1.2, 40.0, 100.0, 6_000.0, 200_000.0].map(guess),
            ["~1 s", "~2 s", "~40 s", "~2 m", "~2 h", "~3 d"]
        );
    }

    #[test]
    fn clocks_and_counts() {
        assert_eq!([0.0, 252.9, 3_852.0].map(clock), ["00:00", "04:12", "1:04:12"]);
        assert_eq!(
            [0, 987, 9_812, 10_000, 312_999, 2_199_999, 1_000_000_000, u64::MAX].map(count),
            ["0", "987", "9,812", "10 k", "312 k", "2.1 M", "1.0 G", "18 E"]
        );
        assert_eq!([0, 999, 1_000, 41_900_000].map(bytes), ["0 B", "999 B", "1.0 kB", "41 MB"]);
        assert_eq!((plural(1, "row", "rows"), plural(0, "row", "rows")), ("1 row".into(), "0 rows".into()));
    }

    #[test]
    fn a_share_is_whole_only_when_nothing_is_left() {
        assert_eq!(percent(999_999_999, 1_000_000_000), "99 %");
        assert_eq!((percent(0, 0), percent(7, 7), percent(9, 7)), ("100 %".into(), "100 %".into(), "100 %".into()));
        assert_eq!(percent(u64::MAX - 1, u64::MAX), "99 %");
    }

    #[test]
    fn rates() {
        assert_eq!(rate(312_400.0, "rows"), "312 k rows/s");
        assert_eq!(
            (rate(0.5, "rows"), rate(0.0, "rows"), rate(f64::NAN, "rows")),
            ("0.5 rows/s".into(), "0 rows/s".into(), "0 rows/s".into())
        );
    }
}
