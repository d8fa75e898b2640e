//! The things that are told of a run, as data: lines for people and objects of the JSON output are made from them.

use crate::engine::snapshot::{Decision, FailureKind, LogLevel, PartProgress};
use crate::evidence::Finding;
use jiff::Timestamp;
use serde::Serialize;

/// One thing to tell. Serialised, it is one object of the JSON output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Notice {
    /// The run that is driven, told once.
    Run {
        /// Its id.
        run: String,
        /// Its runbook.
        runbook: String,
        /// The source.
        source: String,
        /// The target, as `user@host:port/database`.
        target: String,
        /// Its directory.
        directory: String,
    },
    /// A step started.
    StepStarted {
        /// The step.
        step: String,
        /// Its kind.
        action: String,
        /// 1 the first time.
        attempt: u32,
        /// What it does.
        does: String,
    },
    /// How far a part of a step is.
    Progress {
        /// The step.
        step: String,
        /// The part.
        #[serde(flatten)]
        progress: PartProgress,
    },
    /// What a step waits for.
    Waiting {
        /// The step.
        step: String,
        /// What for.
        waits_for: String,
    },
    /// A line of the log.
    Log {
        /// The step, if any.
        step: Option<String>,
        /// How loud.
        level: LogLevel,
        /// The line.
        text: String,
    },
    /// A step ended well.
    StepDone {
        /// The step.
        step: String,
        /// How long it took.
        seconds: f64,
        /// What it did.
        summary: String,
        /// What was checked.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        findings: Vec<Finding>,
    },
    /// A step ended badly.
    StepFailed {
        /// The step.
        step: String,
        /// How long it took.
        seconds: f64,
        /// Which kind of failure.
        kind: Option<FailureKind>,
        /// Why, whole.
        error: String,
        /// What was checked and is not so.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        findings: Vec<Finding>,
    },
    /// A step stands at a safe place.
    StepPaused {
        /// The step.
        step: String,
    },
    /// A step was left out.
    StepSkipped {
        /// The step.
        step: String,
        /// Why.
        reason: String,
    },
    /// A step is being taken back.
    UndoStarted {
        /// The step.
        step: String,
        /// What that brings back.
        way_back: String,
    },
    /// A step was taken back.
    UndoDone {
        /// The step.
        step: String,
        /// What was done.
        summary: String,
    },
    /// A step could not be taken back.
    UndoFailed {
        /// The step.
        step: String,
        /// Why, whole.
        error: String,
    },
    /// A gate wants the operator.
    Gate {
        /// The step.
        step: String,
        /// The name that has to be typed, if one has to be.
        typed: Option<String>,
        /// What the step will do.
        does: String,
        /// What it reads, writes and deletes.
        effects: Vec<String>,
        /// How to get back.
        way_back: String,
    },
    /// Going back would lose writes.
    LateWrites {
        /// How many rows.
        rows: u64,
    },
    /// Something was decided, by a person or by `--yes`.
    Decided(Decision),
    /// A command was not obeyed.
    Refusal {
        /// Why.
        reason: String,
    },
    /// The service went down.
    ServiceDown {
        /// When.
        since: Timestamp,
    },
    /// The service came up.
    ServiceUp {
        /// How long it was down.
        down_seconds: f64,
    },
}
