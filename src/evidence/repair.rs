//! What was found, and done, about one interval column that was loaded in the wrong unit.

use super::{IntervalEvidence, IntervalUnit, Key};
use serde::{Deserialize, Serialize};

/// One interval column of the target: how many of its values were taken in the wrong unit, and what they are instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnRepair {
    /// Schema-qualified table on the target.
    pub table: String,
    /// Column.
    pub column: String,
    /// The unit that the numbers were wrongly taken in; none where no value shows one.
    pub wrong: Option<IntervalUnit>,
    /// The unit that they are in.
    pub unit: IntervalUnit,
    /// Values that are exactly what the wrong unit makes of them.
    pub rows: u64,
    /// Whether they were repaired.
    pub repaired: bool,
    /// Values that are right as they stand.
    pub right: u64,
    /// Values that are neither: left alone. The first are in `others`.
    pub neither: u64,
    /// Rows that the source does not know or that lie outside the bounds: left alone.
    pub unknown: u64,
    /// Rows of the source that the target does not have.
    pub missing: u64,
    /// Values that an earlier repair wrote and that could be taken for wrong ones: left alone.
    pub earlier: u64,
    /// Without a source: values beyond the bounds that are whole numbers of the wrong unit and longer than a year.
    pub suspect: u64,
    /// The first of the wrong values.
    pub examples: Vec<ValueRepair>,
    /// The first of the values that are neither right nor wrongly scaled; `after` is what the source asks for.
    pub others: Vec<ValueRepair>,
    /// All values as they stand, under the wrong unit, and as they are after the repair, under the right one.
    pub evidence: IntervalEvidence,
}

/// One value, as the server writes intervals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueRepair {
    /// The row's key.
    pub key: Key,
    /// What stands there; none for NULL.
    pub before: Option<String>,
    /// What belongs there; none for NULL.
    pub after: Option<String>,
}

impl ColumnRepair {
    /// How many values are listed as examples.
    pub const LISTED: usize = 20;

    /// `schema.table.column`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}
