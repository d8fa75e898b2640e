//! Rows that are not equal on both sides.

use super::Key;
use serde::{Deserialize, Serialize};

/// A row that differs between source and target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Schema-qualified name on the target.
    pub table: String,
    /// The row's key; where the table has no key, the whole row's digest under `row`, and under `count` how many equal rows
    /// this stands for, if more than one.
    pub key: Key,
    /// In which way.
    pub kind: DifferenceKind,
    /// The cells that differ; empty for missing and extra rows, unless the table has no key to find them by: then all cells.
    pub columns: Vec<CellDifference>,
}

/// In which way a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// In both, with at least one cell unequal.
    Changed,
    /// In the source only.
    Missing,
    /// In the target only.
    Extra,
}

/// One cell, both values as they are shown to the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellDifference {
    /// The target's column.
    pub column: String,
    /// The value that the source asks for; none for NULL.
    pub source: Option<String>,
    /// The value that the target holds; none for NULL.
    pub target: Option<String>,
}
