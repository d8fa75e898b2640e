//! What a transfer is asked to do, and how it can end.

use crate::connect::postgres::{Address, ConnectError};
use crate::evidence::{Evidence, PlanReport, Reject};
use crate::progress::{Control, ProgressSink};
use crate::runbook::TransferOptions;
use crate::schema::{Mapping, SchemaError};
use std::path::Path;

/// One transfer: from where, to where, by which rules.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The frozen copy of the source; never the live file.
    pub source: &'a Path,
    /// The target.
    pub address: &'a Address,
    /// The run's id; `cutover_<run>` is its schema on the target.
    pub run: &'a str,
    /// How values are converted, and which tables take part.
    pub options: &'a TransferOptions,
    /// Where progress goes.
    pub progress: &'a ProgressSink,
    /// What the operator wants.
    pub control: &'a Control,
    /// Where every reject is written, a JSON object a line; none to keep only the listed ones.
    pub rejects_file: Option<&'a Path>,
}

/// What will be done: for the operator, and for the code that does it.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// As it is shown. From [`super::decide()`] without storage classes, misfits and rows on the target: nothing was scanned.
    pub report: PlanReport,
    /// As it is done.
    pub mapping: Mapping,
    /// What the source holds and the target refuses, under the policies; known after [`super::plan()`] only.
    pub rejects: Rejected,
}

/// Refused cells and rows: the first listed, all counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rejected {
    /// The first [`Evidence::LISTED`].
    pub listed: Vec<Reject>,
    /// All of them.
    pub total: u64,
    /// Those whose policy is `stop`: a copy is refused while there are any.
    pub stopping: u64,
    /// Those that break a key, a check or a domain: the first [`Rejected::BREAKS`].
    pub breaks: Vec<Reject>,
    /// All of these.
    pub breaks_total: u64,
}

impl Rejected {
    /// Broken keys and checks that a plan lists.
    pub const BREAKS: usize = 100;
}

/// How a transfer ends badly.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The state of the world forbids it; nothing was touched.
    #[error("{0}")]
    Refused(String),
    /// The operator has to say something first; nothing was touched.
    #[error("{0}")]
    Undecided(String),
    /// The source holds what the target refuses and the policy is `stop`; the target is as before.
    #[error("{message}")]
    Rejected {
        /// How many, where, what to do.
        message: String,
        /// All rejects counted, the first listed.
        evidence: Box<Evidence>,
    },
    /// Stopped because the operator or a signal asked; the target is as before.
    #[error("{0}")]
    Interrupted(String),
    /// Tried and failed; the target is as before unless the message says otherwise.
    #[error("{0}")]
    Failed(String),
}

impl From<ConnectError> for TransferError {
    fn from(error: ConnectError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<SchemaError> for TransferError {
    fn from(error: SchemaError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Job<'_> {
    /// The run's schema on the target: `cutover_` and the run's id, hyphens as underscores.
    #[must_use]
    pub fn run_schema(&self) -> String {
        run_schema(self.run)
    }
}

/// The schema of a run on the target.
#[must_use]
pub fn run_schema(run: &str) -> String {
    format!("cutover_{}", run.replace('-', "_"))
}
