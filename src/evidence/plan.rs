//! What a copy would do, before it does it.

use super::{IntervalEvidence, Key, Policy, Reject, StorageClass};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts of storage classes found in a column.
pub type StorageCounts = BTreeMap<StorageClass, u64>;

/// The whole plan. A copy is refused while `problems` is not empty or `stopping` is not 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Tables that will be loaded, in load order.
    pub tables: Vec<TablePlan>,
    /// What forbids the copy, all of it.
    pub problems: Vec<Problem>,
    /// What the operator should know about the whole; warnings of tables and columns stand with them.
    pub warnings: Vec<Warning>,
    /// Rows that break a key, a check or a domain of the target: the first of them.
    #[serde(default)]
    pub breaks: Vec<Reject>,
    /// All of them.
    #[serde(default)]
    pub breaks_total: u64,
    /// Cells and rows of the source that the target refuses, broken keys and checks among them.
    #[serde(default)]
    pub refused: u64,
    /// Those whose policy is to stop, or cannot be followed: a copy is refused while there are any.
    #[serde(default)]
    pub stopping: u64,
    /// The application's migration levels, where a migration table was recognised.
    pub levels: Option<LevelComparison>,
    /// Rows to load.
    pub rows: u64,
    /// Bytes of the source file.
    pub bytes: u64,
    /// Estimated wall time of the copy, seconds.
    pub estimate_seconds: f64,
    /// Hash over everything that decides the outcome; resume refuses when it has changed.
    pub hash: String,
    /// In one transaction or in many, and why.
    #[serde(default)]
    pub load: LoadPlan,
}

impl PlanReport {
    /// Whether the cells were read for it: what is stored in which column is known then, and what does not fit.
    #[must_use]
    pub fn looked_at_cells(&self) -> bool {
        self.tables.iter().flat_map(|table| &table.columns).any(|column| !column.storage.is_empty())
    }
}

/// How the rows get into the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadPlan {
    /// One transaction, or many.
    pub mode: LoadMode,
    /// Why this one.
    pub because: String,
    /// Connections that load rows and build indexes.
    pub connections: usize,
    /// Transactions that bring rows; one where the whole copy is one.
    pub chunks: u64,
}

/// In how many transactions a copy is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadMode {
    /// One: on any failure the target is as it was.
    #[default]
    Atomic,
    /// Many, with a ledger of what is in: interrupted anywhere it goes on from there.
    Chunked,
}

/// What happens to one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TablePlan {
    /// Schema-qualified name on the target.
    pub table: String,
    /// Name in the source.
    pub source: String,
    /// Rows in the source.
    pub rows: u64,
    /// Rows that stand in the target now and will be replaced.
    pub rows_target: u64,
    /// Columns in the target's order.
    pub columns: Vec<ColumnPlan>,
    /// About the table.
    pub warnings: Vec<Warning>,
}

/// What happens to one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnPlan {
    /// Name on the target.
    pub column: String,
    /// Declared type in the source; empty when none.
    pub source_type: String,
    /// Type on the target, as `format_type` writes it.
    pub target_type: String,
    /// The conversion in words: `integer µs ▸ interval`, `text ▸ timestamptz, UTC where no zone is written`.
    pub conversion: String,
    /// What the source really holds.
    pub storage: StorageCounts,
    /// What to do with a cell that does not fit.
    pub policy: Policy,
    /// Cells that do not fit: all counted, the first few listed.
    pub misfits: Vec<Misfit>,
    /// All cells that do not fit.
    pub misfits_total: u64,
    /// Where an integer becomes an interval.
    pub interval: Option<IntervalEvidence>,
    /// Precision lost, zones shifted, case folded.
    pub warnings: Vec<Warning>,
}

/// A cell that does not fit, as an example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Misfit {
    /// The row.
    pub key: Key,
    /// How SQLite holds it.
    pub storage: StorageClass,
    /// The value, safe to print.
    pub value: Option<String>,
    /// Why it does not fit.
    pub reason: String,
}

/// Something that forbids the copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Table, or table and column, or empty for the whole.
    pub subject: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// Whether the command line or runbook has to say something first (exit 2), or the world refuses (exit 1).
    pub undecided: bool,
}

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// How loud.
    pub severity: Severity,
    /// What.
    pub message: String,
}

/// How loud a warning is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A fact: a column that only the target has and that stays NULL.
    Note,
    /// A change of a value that the plan makes knowingly: a zone, a fraction.
    Change,
    /// Cells that will be rejected.
    Loss,
}

/// The application's migration levels on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelComparison {
    /// The migration table's name.
    pub table: String,
    /// How many migrations the source has applied, and the last of them.
    pub source: String,
    /// The same of the target.
    pub target: String,
    /// Applied in the source only.
    pub source_only: Vec<String>,
    /// Applied in the target only.
    pub target_only: Vec<String>,
    /// Whether both sides hold the same set.
    pub equal: bool,
}
