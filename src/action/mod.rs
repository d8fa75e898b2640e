//! What a step can do: one kind, one file, the same parts in the same order (`describe`, `check`, `prepare`, `apply`, `undo`).
//!
//! The engine's driver calls these through [`Action`] and knows no kind; `main` hands it the [`Actions`] that maps settings to
//! code, so that tests can put faults there.

mod secrets;

pub use secrets::{MASK, Secrets};

use crate::evidence::{Evidence, Finding};
use crate::progress::{Control, ProgressSink};
use crate::runbook::{Runbook, Step};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Finds the code for a step. Handed to the driver by the composition root.
pub trait Actions: Send + Sync {
    /// The action that carries out `step`.
    fn for_step(&self, step: &Step) -> Arc<dyn Action>;
}

/// One kind of step. Every `apply` and every `undo` is idempotent: after a crash it is run again.
#[async_trait]
pub trait Action: Send + Sync {
    /// What the step will read, write and delete, with names and counts as far as they are known without asking anybody.
    fn describe(&self, context: &Context) -> Description;

    /// What can fail later, asked now. Called by preflight for every step of the runbook.
    async fn check(&self, context: &Context) -> Vec<Finding>;

    /// Reads what `undo` will need. Changes nothing. Journaled before `apply` starts, and kept across retries and crashes:
    /// it is taken again only after an undo.
    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError>;

    /// Does it.
    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError>;

    /// Takes it back. `left` is what `apply` said it left behind ([`Outcome::left`]), none when it never finished; when
    /// somebody changed that since, `undo` refuses and shows both.
    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        left: Option<&serde_json::Value>,
    ) -> Result<Outcome, ActionError>;
}

/// What a step will do, for the screen and for gates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// One sentence.
    pub does: String,
    /// What is read, written, deleted: a line each, names and counts in it.
    pub effects: Vec<String>,
    /// How to get back; says so where there is no way.
    pub way_back: String,
    /// Whether [`Action::undo`] brings back what stood there.
    pub reversible: bool,
    /// Whether the step changes anything at all.
    pub changes: bool,
}

/// What an action records before it changes anything. Never holds a secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub serde_json::Value);

/// How a step ended well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// One line: what was done, with figures.
    pub summary: String,
    /// Values that later steps' templates may name as `steps.ID.NAME`.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// What the step left behind, to be compared before an undo: hashes, counts, digests.
    #[serde(default)]
    pub left: serde_json::Value,
    /// What was proved.
    #[serde(default)]
    pub evidence: Evidence,
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

/// Kinds of failure, by what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Tried and failed: exit 1.
    Failed,
    /// The state of the world forbids it; nothing was touched: exit 1 with `"refused":true`.
    Refused,
    /// The operator has to decide something first (a unit): exit 2.
    Undecided,
    /// Differences were found: exit 4.
    Differences,
    /// A person has to act: exit 3.
    Waiting,
    /// Stopped because the operator or a signal asked.
    Interrupted,
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
    /// How to reach the target. Debug shows no secret.
    pub target: Arc<crate::connect::postgres::Address>,
    /// Values of secret parameters: masked in everything that a command prints or a file's difference shows.
    pub secrets: Secrets,
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
