//! What a step can do: one kind, one file, the same parts in the same order (`describe`, `check`, `prepare`, `apply`, `undo`).
//!
//! The engine's driver calls these through [`Action`] and knows no kind; `main` hands it the [`Actions`] that maps settings to
//! code, so that tests can put faults there.

mod checking;
pub mod config_file;
mod copy;
mod failure;
mod frozen;
mod generate_schema;
mod health;
mod job;
mod kubernetes;
mod late_writes;
mod manual;
mod marker;
mod preflight;
mod process;
mod quiesce;
mod registry;
mod repair_intervals;
mod replace;
mod reset_sequences;
mod scan;
mod secrets;
mod shell;
mod snapshot;
mod source;
mod spot_check;
mod sql;
mod sql_text;
mod start;
mod switch_config;
mod test_pod;
mod truncate;
mod verify;
mod wait;

pub use kubernetes::forget;
pub use preflight::{enough, needs};
pub use registry::Registry;
pub use secrets::{MASK, Secrets};
pub use test_pod::carrier;

pub use crate::evidence::{Checkpoint, Description, FailureKind, Outcome};

use crate::connect::kubernetes::{Cluster, Permission};
use crate::evidence::{Evidence, Finding};
use crate::progress::{Control, ProgressSink};
use crate::runbook::{Runbook, Step};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Finds the code for a step. Handed to the driver by the composition root.
pub trait Actions: Send + Sync {
    /// The action that carries out `step`.
    fn for_step(&self, step: &Step) -> Arc<dyn Action>;
}

/// One kind of step. What a kind leaves out it does not need: nothing to ask beforehand, nothing to keep, nothing to take back.
/// Every `apply` and every `undo` is idempotent: after a crash it is run again.
#[async_trait]
pub trait Action: Send + Sync {
    /// What the step will read, write and delete, with names and counts as far as they are known without asking anybody.
    fn describe(&self, context: &Context) -> Description;

    /// What can fail later, asked now. Called by preflight for every step of the runbook.
    async fn check(&self, _context: &Context) -> Vec<Finding> {
        Vec::new()
    }

    /// What the user has to be allowed to do on the cluster for this step, its undo included: exactly that, no more.
    async fn permissions(&self, _context: &Context) -> Vec<Permission> {
        Vec::new()
    }

    /// Reads what `undo` will need. Changes nothing. Journaled before `apply` starts, and kept across retries and crashes:
    /// it is taken again only after an undo.
    async fn prepare(&self, _context: &Context) -> Result<Checkpoint, ActionError> {
        Ok(Checkpoint::default())
    }

    /// Does it.
    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError>;

    /// Takes it back. `left` is what `apply` said it left behind ([`Outcome::left`]), none when it never finished; when
    /// somebody changed that since, `undo` refuses and shows both.
    async fn undo(
        &self,
        _context: &Context,
        _checkpoint: &Checkpoint,
        _left: Option<&serde_json::Value>,
    ) -> Result<Outcome, ActionError> {
        Ok(Outcome { summary: "nothing to take back".to_owned(), ..Outcome::default() })
    }

    /// How many rows the application wrote to the target since this step, that taking it back would lose. Asked before a
    /// rollback crosses the point of no return, of each step at or after it; the largest answer counts. Changes nothing.
    async fn late_writes(&self, _context: &Context) -> Result<u64, ActionError> {
        Ok(0)
    }

    /// Writes the rows that [`Action::late_writes`] counts to `file`, and says how many there were.
    async fn export_writes(&self, _context: &Context, _file: &Path) -> Result<u64, ActionError> {
        Ok(0)
    }
}

/// How a step ended badly.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ActionError {
    /// What the engine does about it.
    pub kind: FailureKind,
    /// What was being done, to what, what came back, what to do now.
    pub message: String,
    /// What was found on the way: rejects, differences, findings.
    pub evidence: Box<Evidence>,
}

/// Everything an action may use.
#[derive(Clone)]
pub struct Context {
    /// The run's id: lower case letters, digits, hyphens; also the suffix of `cutover_<run>` on the target.
    pub run: String,
    /// The run's directory, mode 0700.
    pub run_dir: PathBuf,
    /// The whole runbook, with templates of earlier outputs filled in.
    pub runbook: Arc<Runbook>,
    /// The step that this context is for.
    pub step: Step,
    /// Outcomes of earlier steps, by step id.
    pub outcomes: Arc<BTreeMap<String, Outcome>>,
    /// What each step found, in the order of the runbook; one that failed, too.
    pub found: Arc<Vec<Arc<Evidence>>>,
    /// How to reach the target. Debug shows no secret.
    pub target: Arc<crate::connect::postgres::Address>,
    /// The cluster that the service runs on; none where it runs on this host.
    pub cluster: Option<Arc<Cluster>>,
    /// Values of secret parameters: masked in everything that a command prints or a file's difference shows.
    pub secrets: Secrets,
    /// Whether the operator agreed to lose, or has exported, what the application wrote to the target since: an undo then does
    /// not refuse because of it.
    pub lose_writes: bool,
    /// Where progress and log lines go.
    pub progress: ProgressSink,
    /// What the operator wants: go on, pause, stop.
    pub control: Control,
}

impl ActionError {
    /// An error of `kind` with no evidence.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), evidence: Box::default() }
    }

    /// Adds what was found on the way.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = Box::new(evidence);
        self
    }
}
