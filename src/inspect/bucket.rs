//! The buckets of a histogram: chosen by type and never by what one side holds, so that both sides have the same ones.

use super::risk::order;
use crate::schema::{Type, TypeKind};
use crate::verify::{decode::calendar::date_of, show_text};

/// Where a value falls: its rank among the buckets of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(i64);

/// More bars than these are drawn together.
const BARS: usize = 16;
/// Intervals by order of magnitude: upper bound in microseconds and label.
const SPANS: [(i128, &str); 11] = [
    (0, "negative"),
    (1, "zero"),
    (1_000, "< 1 ms"),
    (1_000_000, "1 ms to 1 s"),
    (60_000_000, "1 s to 1 min"),
    (3_600_000_000, "1 min to 1 h"),
    (86_400_000_000, "1 h to 1 day"),
    (30 * 86_400_000_000, "1 to 30 days"),
    (365 * 86_400_000_000, "30 days to 1 year"),
    (36_500 * 86_400_000_000, "1 to 100 years"),
    (i128::MAX, "over 100 years"),
];

impl Place {
    /// Cells of the source that no conversion exists for.
    pub(super) const UNCONVERTIBLE: Self = Self(i64::MIN);
    const MINUS_INFINITY: Self = Self(-1_000_000);
    const INFINITY: Self = Self(1_000_000);
    const NOT_A_NUMBER: Self = Self(1_000_001);
}

/// The place of a canonical value.
pub(super) fn place(bytes: &[u8], ty: &Type) -> Place {
    let number = order(bytes, ty);
    match (&ty.kind, number) {
        (TypeKind::Interval(_), Some(micros)) => {
            Place(SPANS.iter().position(|(bound, _)| micros < *bound).unwrap_or(SPANS.len() - 1) as i64)
        }
        (TypeKind::Date, Some(days)) => year(days, i128::from(i32::MIN), i128::from(i32::MAX), 1),
        (TypeKind::Timestamp(_) | TypeKind::TimestampTz(_), Some(micros)) => {
            year(micros, i128::from(i64::MIN), i128::from(i64::MAX), 86_400_000_000)
        }
        (TypeKind::Time(_), Some(micros)) => Place(i64::try_from(micros / 3_600_000_000).unwrap_or(24)),
        (_, Some(number)) => magnitude(number as f64),
        (TypeKind::Bool, _) => Place(i64::from(bytes != [0])),
        (TypeKind::Enum(labels), _) => {
            Place(labels.iter().position(|label| label.as_bytes() == bytes).map_or(-1, |place| place as i64))
        }
        _ => decimal(bytes, ty).map_or_else(|| magnitude(bytes.len() as f64), magnitude),
    }
}

fn year(count: i128, least: i128, most: i128, of_day: i128) -> Place {
    if count == least {
        return Place::MINUS_INFINITY;
    }
    if count == most {
        return Place::INFINITY;
    }
    Place(date_of(i64::try_from(count.div_euclid(of_day)).unwrap_or(0)).0)
}

/// 0, 1 to 9, 10 to 99, …, and the same below zero.
fn magnitude(number: f64) -> Place {
    if number.is_nan() {
        return Place::NOT_A_NUMBER;
    }
    if number.is_infinite() {
        return if number > 0.0 { Place::INFINITY } else { Place::MINUS_INFINITY };
    }
    if number == 0.0 {
        return Place(0);
    }
    #[expect(clippy::cast_possible_truncation, reason = "between -324 and 309")]
    let power = (number.abs().log10() + 1e-12).floor() as i64;
    let rank = 400 + power;
    Place(if number < 0.0 { -rank } else { rank })
}

/// A `numeric` or floating point value as a number to compare by.
pub(super) fn decimal(bytes: &[u8], ty: &Type) -> Option<f64> {
    match ty.kind {
        TypeKind::Float4 => Some(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
        TypeKind::Float8 => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        TypeKind::Numeric(_) => show_text(ty, bytes).parse().ok(),
        _ => None,
    }
}

/// The places that occur on either side as bars with labels, neighbours drawn together where they are too many.
pub(super) fn merged(places: impl Iterator<Item = Place>, ty: &Type) -> Vec<(String, Vec<Place>)> {
    let mut all: Vec<Place> = places.collect();
    all.sort_unstable();
    all.dedup();
    let together = all.len().div_ceil(BARS).max(1);
    let bar = |group: &[Place]| {
        let (first, last) = (label(group[0], ty), label(group[group.len() - 1], ty));
        (if first == last { first } else { format!("{first} … {last}") }, group.to_vec())
    };
    all.chunks(together).map(bar).collect()
}

fn label(place: Place, ty: &Type) -> String {
    match place {
        Place::UNCONVERTIBLE => return "cannot be converted".to_owned(),
        Place::MINUS_INFINITY => return "-infinity".to_owned(),
        Place::INFINITY => return "infinity".to_owned(),
        Place::NOT_A_NUMBER => return "NaN".to_owned(),
        _ => {}
    }
    let rank = place.0;
    match &ty.kind {
        TypeKind::Interval(_) => {
            usize::try_from(rank).ok().and_then(|rank| SPANS.get(rank)).map_or("", |(_, label)| label).to_owned()
        }
        TypeKind::Date | TypeKind::Timestamp(_) | TypeKind::TimestampTz(_) if rank <= 0 => format!("{} BC", 1 - rank),
        TypeKind::Date | TypeKind::Timestamp(_) | TypeKind::TimestampTz(_) => format!("{rank:04}"),
        TypeKind::Time(_) => format!("{rank:02}:00"),
        TypeKind::Bool => if rank == 0 { "false" } else { "true" }.to_owned(),
        TypeKind::Enum(labels) => {
            usize::try_from(rank).ok().and_then(|rank| labels.get(rank)).cloned().unwrap_or_else(|| "other".to_owned())
        }
        TypeKind::Int2
        | TypeKind::Int4
        | TypeKind::Int8
        | TypeKind::Float4
        | TypeKind::Float8
        | TypeKind::Numeric(_) => power(rank),
        _ if rank == 0 => "empty".to_owned(),
        _ => format!("{} bytes", power(rank)),
    }
}

/// `10 to 99` and the like.
fn power(rank: i64) -> String {
    let sign = if rank < 0 { "-" } else { "" };
    match rank.abs() - 400 {
        _ if rank == 0 => "0".to_owned(),
        0 => format!("{sign}1 to {sign}9"),
        power @ 1..=5 => {
            let least = 10_i64.pow(u32::try_from(power).unwrap_or(0));
            format!("{sign}{least} to {sign}{}", least * 10 - 1)
        }
        power => format!("{sign}10^{power} to {sign}10^{}", power + 1),
    }
}
