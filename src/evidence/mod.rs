//! Plain data about what was planned, moved, refused and proved.
//!
//! Everything here is serialisable and knows no database: actions produce it, the journal keeps it, the screen, the
//! report and the JSON output show it. The field names are the contract of the command line's JSON (README, "JSON").

mod difference;
mod interval;
mod outcome;
mod plan;
mod reject;
mod repair;
mod table;

pub use difference::{CellDifference, Difference, DifferenceKind};
pub use interval::{Bucket, IntervalEvidence, IntervalUnit, UnitHistogram};
pub use outcome::{Checkpoint, Description, FailureKind, Outcome};
pub use plan::{
    ColumnPlan, LevelComparison, LoadMode, LoadPlan, Misfit, PlanReport, Problem, Severity, StorageCounts, TablePlan,
    Warning,
};
pub use reject::{Policy, Reject, StorageClass};
pub use repair::{ColumnRepair, ValueRepair};
pub use table::{Key, TableResult};

use serde::{Deserialize, Serialize};

/// What a step can prove, in the form that the journal, the screen, the report and the JSON output share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// One entry per table that the step loaded or compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableResult>,
    /// The first [`Evidence::LISTED`] refused cells and rows; `rejects_total` counts all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejects: Vec<Reject>,
    /// All refused cells and rows, listed or not.
    #[serde(default)]
    pub rejects_total: u64,
    /// The first [`Evidence::LISTED`] differences; `differences_total` counts all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// All differing rows, listed or not.
    #[serde(default)]
    pub differences_total: u64,
    /// What `plan` and `scan` found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<PlanReport>>,
    /// What was checked one by one: preflight's questions, verify's sequences and constraints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What `repair-intervals` found per column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<ColumnRepair>,
}

impl Evidence {
    /// How many rejects and differences are listed; totals are never cut.
    pub const LISTED: usize = 1_000;
}

/// The answer to one question that was asked of the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was asked, in a few words: `target reachable`, `sequence public.tag_id_seq`.
    pub check: String,
    /// The answer.
    pub verdict: Verdict,
    /// What was seen, with names and figures.
    pub detail: String,
    /// What the operator can do about it; empty where nothing needs doing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// True as asked.
    Passed,
    /// Not true; the step that asked ends in failure or refusal.
    Failed,
    /// Cannot be known before the named step has run.
    PutOff(String),
    /// Cannot be known from here at all: the operator has to know (free disk space on the server, say).
    Unknown,
}
