//! What a transfer is asked to do, and how it can end.

use crate::connect::postgres::{Address, ConnectError};
use crate::evidence::{Evidence, PlanReport, Reject};
use crate::progress::{Control, ProgressSink};
use crate::runbook::TransferOptions;
use crate::schema::{Mapping, SchemaError};
use std::path::Path;
use tokio::sync::watch;

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
    /// What has to come out well before anything is committed; none where it has come out already.
    pub gate: Option<&'a Gate>,
}

/// A proof that is still being made while rows move: that the source's frozen copy is sound. Nothing is committed before it is there.
#[derive(Clone, Debug)]
pub struct Gate {
    verdict: watch::Receiver<Option<Result<(), String>>>,
}

/// The end that says how the proof came out. Dropped without a word it refuses.
#[derive(Debug)]
pub struct Verdict {
    sender: watch::Sender<Option<Result<(), String>>>,
}

impl Gate {
    /// A closed gate, and the end that opens it.
    #[must_use]
    pub fn closed() -> (Verdict, Self) {
        let (sender, verdict) = watch::channel(None);
        (Verdict { sender }, Self { verdict })
    }

    /// Waits until the proof is there.
    ///
    /// # Errors
    /// What is wrong with the source.
    pub async fn passed(&self) -> Result<(), String> {
        let mut verdict = self.verdict.clone();
        let seen = verdict.wait_for(Option::is_some).await;
        let found = seen.map_or(None, |found| found.clone());
        found.unwrap_or_else(|| Err("the check of the source's frozen copy ended without a verdict".to_owned()))
    }
}

impl Verdict {
    /// Opens the gate, or says why it stays closed.
    pub fn give(self, found: Result<(), String>) {
        self.sender.send_replace(Some(found));
    }
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
    /// How many rows a chunk of each table holds, by place in the mapping, where the copy goes in chunks.
    pub chunk_rows: Vec<u64>,
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
    /// Waits until the source is known to be sound; to be called before anything is committed.
    pub(super) async fn proven(&self) -> Result<(), TransferError> {
        let Some(gate) = self.gate else { return Ok(()) };
        self.progress.waiting("the check of the source's frozen copy");
        let found = gate.passed().await;
        self.progress.waiting("");
        found.map_err(|reason| TransferError::Refused(format!("{reason}; the target is as it was")))
    }

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
