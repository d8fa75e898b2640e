//! What speaks for which unit of an integer under an `interval`.

use crate::evidence::{Bucket, IntervalEvidence, IntervalUnit, UnitHistogram};
use crate::schema::{ColumnMapping, TableMapping, TypeKind};

/// Upper bounds of the bars, in microseconds.
const BOUNDS: [(i128, &str); 8] = [
    (1_000, "< 1 ms"),
    (1_000_000, "1 ms to 1 s"),
    (60_000_000, "1 s to 1 min"),
    (3_600_000_000, "1 min to 1 h"),
    (86_400_000_000, "1 h to 1 d"),
    (30 * 86_400_000_000, "1 d to 30 d"),
    (366 * 86_400_000_000, "30 d to 1 y"),
    (i128::MAX, "> 1 y"),
];

/// Why a unit was taken, or that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) unit: Option<IntervalUnit>,
    pub(super) because: String,
    pub(super) undecided: bool,
}

/// Whether a column is an integer under an interval for which a unit may be needed.
pub(super) fn is_candidate(column: &ColumnMapping) -> bool {
    matches!(column.target.ty.kind, TypeKind::Interval(_))
}

/// The operator's word, else Django's habit, else nothing. `needed` says whether the column holds an integer other than zero.
pub(super) fn settle(column: &ColumnMapping, django: bool, needed: bool) -> Verdict {
    if let Some(unit) = column.rules.unit {
        return Verdict { unit: Some(unit), because: "as the operator said".to_owned(), undecided: false };
    }
    if !needed {
        let because = "holds no integer other than zero, so no unit is needed".to_owned();
        return Verdict { unit: None, because, undecided: false };
    }
    if django && column.source.declared.eq_ignore_ascii_case("bigint") {
        let because = "Django (django_migrations is there): its DurationField keeps microseconds in a bigint on SQLite";
        return Verdict { unit: Some(IntervalUnit::Us), because: because.to_owned(), undecided: false };
    }
    let because = "nothing records whether these are seconds, milliseconds, microseconds or nanoseconds".to_owned();
    Verdict { unit: None, because, undecided: true }
}

/// The distribution of a column's integers under each unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Distribution {
    values: u64,
    extremes: Option<(i64, i64)>,
    bars: [[u64; BOUNDS.len()]; IntervalUnit::ALL.len()],
}

impl Distribution {
    /// Counts an integer; zero says nothing about units.
    pub(super) fn add(&mut self, value: i64) {
        if value == 0 {
            return;
        }
        self.values += 1;
        let (low, high) = self.extremes.unwrap_or((value, value));
        self.extremes = Some((low.min(value), high.max(value)));
        for (bars, unit) in self.bars.iter_mut().zip(IntervalUnit::ALL) {
            let size = micros(value, unit).abs();
            let place = BOUNDS.iter().position(|(bound, _)| size < *bound).unwrap_or(BOUNDS.len() - 1);
            bars[place] += 1;
        }
    }

    pub(super) fn evidence(&self, table: &TableMapping, column: &ColumnMapping, verdict: &Verdict) -> IntervalEvidence {
        let (low, high) = self.extremes.unwrap_or_default();
        let histogram = |(place, unit): (usize, IntervalUnit)| UnitHistogram {
            unit,
            min: show(micros(low, unit)),
            max: show(micros(high, unit)),
            buckets: BOUNDS
                .iter()
                .zip(self.bars[place])
                .map(|((_, label), count)| Bucket { label: (*label).to_owned(), count })
                .collect(),
        };
        IntervalEvidence {
            table: table.target.label(),
            column: column.target.name.clone(),
            values: self.values,
            histograms: IntervalUnit::ALL.into_iter().enumerate().map(histogram).collect(),
            unit: verdict.unit,
            because: verdict.because.clone(),
        }
    }
}

fn micros(value: i64, unit: IntervalUnit) -> i128 {
    let value = i128::from(value);
    match unit {
        IntervalUnit::S => value * 1_000_000,
        IntervalUnit::Ms => value * 1_000,
        IntervalUnit::Us => value,
        IntervalUnit::Ns => value / 1_000,
    }
}

/// `-3 d 04:05:06.000007`, as people read a duration.
fn show(micros: i128) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let size = micros.unsigned_abs();
    let (days, rest) = (size / 86_400_000_000, size % 86_400_000_000);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let days = if days == 0 { String::new() } else { format!("{days} d ") };
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!("{sign}{days}{clock}{fraction}")
}

/// The unit in which both ends of a column's epochs lie between 1980 and 2100; the ranges of the units do not overlap.
pub(super) fn epoch_unit(low: i64, high: i64) -> Option<IntervalUnit> {
    const FROM: i128 = 315_532_800;
    const TO: i128 = 4_102_444_800;
    let scale = |unit| match unit {
        IntervalUnit::S => 1,
        IntervalUnit::Ms => 1_000,
        IntervalUnit::Us => 1_000_000,
        IntervalUnit::Ns => 1_000_000_000,
    };
    let fits = |value: i64, unit| (FROM * scale(unit)..TO * scale(unit)).contains(&i128::from(value));
    IntervalUnit::ALL.into_iter().find(|unit| fits(low, *unit) && fits(high, *unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_its_own_picture_of_the_same_numbers() {
        let mut distribution = Distribution::default();
        for value in [0, 4_475_313_246, -90_000_000] {
            distribution.add(value);
        }
        assert_eq!(distribution.values, 2);
        assert_eq!(distribution.bars[2][4], 1, "1:14:35 in microseconds");
        assert_eq!(distribution.bars[2][3], 1, "a minute and a half in microseconds");
        assert_eq!(distribution.bars[0][7], 2, "years in seconds");
        assert_eq!(show(micros(4_475_313_246, IntervalUnit::Us)), "01:14:35.313246");
        assert_eq!(show(micros(-90_000, IntervalUnit::S)), "-1 d 01:00:00");
    }

    #[test]
    fn an_epoch_tells_its_unit_by_its_size() {
        assert_eq!(epoch_unit(1_600_000_000, 1_700_000_000), Some(IntervalUnit::S));
        assert_eq!(epoch_unit(1_600_000_000_000, 1_700_000_000_000), Some(IntervalUnit::Ms));
        assert_eq!(epoch_unit(1_600_000_000, 1_700_000_000_000), None);
        assert_eq!(epoch_unit(0, 1_700_000_000), None);
    }
}
