//! What speaks for which unit of an integer under an `interval`.

use serde::{Deserialize, Serialize};

/// The unit of a SQLite integer that becomes an `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IntervalUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds, as Django's `DurationField` writes on SQLite.
    Us,
    /// Nanoseconds, as Go's `time.Duration` is.
    Ns,
}

impl IntervalUnit {
    /// Every unit, from the longest.
    pub const ALL: [Self; 4] = [Self::S, Self::Ms, Self::Us, Self::Ns];

    /// The name on the command line and in YAML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::S => "s",
            Self::Ms => "ms",
            Self::Us => "us",
            Self::Ns => "ns",
        }
    }
}

impl std::str::FromStr for IntervalUnit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|unit| unit.name() == text)
            .ok_or_else(|| format!("`{text}` is no unit of time: write s, ms, us or ns"))
    }
}

/// All that is known about one integer column under an `interval`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntervalEvidence {
    /// Schema-qualified table on the target.
    pub table: String,
    /// Column.
    pub column: String,
    /// Integers that are neither NULL nor zero; with none of them no unit is needed.
    pub values: u64,
    /// The distribution under each unit, in the order of [`IntervalUnit::ALL`].
    pub histograms: Vec<UnitHistogram>,
    /// The unit that will be used; none while undecided.
    pub unit: Option<IntervalUnit>,
    /// Why this unit: the operator's word, the framework, or why nothing settles it.
    pub because: String,
}

/// How the values would look if they were in one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitHistogram {
    /// The unit tried.
    pub unit: IntervalUnit,
    /// Smallest value as an interval.
    pub min: String,
    /// Largest value as an interval.
    pub max: String,
    /// Counts per order of magnitude, the same boundaries for each unit.
    pub buckets: Vec<Bucket>,
}

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// `< 1 s`, `1 s to 1 min`, …
    pub label: String,
    /// Values in it.
    pub count: u64,
}
