//! What is journaled. A run is the list of its events and nothing else: everything shown or resumed is a fold over them.

use super::command::LateWrites;
use crate::evidence::{Checkpoint, Description, Evidence, FailureKind, IntervalUnit, Outcome, Policy};
use crate::runbook::{Downtime, Gate, StepId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One entry of a run's journal: an event with its number and time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that happened in a run. Written to the journal before anybody is told, and before anything follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run was made. Always the first entry, and the only one of its kind.
    RunCreated(Box<RunCreated>),
    /// A process began to drive the run: the first, or one that goes on with what another left.
    ProcessStarted {
        /// Who, and where.
        operator: Operator,
        /// Its process id there.
        pid: u32,
        /// The version of `cutover`.
        version: String,
    },
    /// The process stopped driving the run in good order. A killed one leaves no such entry.
    ProcessEnded {
        /// How it left the run.
        ended: Ended,
    },
    /// The target is this run's for as long as the process lives. The first such entry says which database it is; a later one
    /// can only say the same.
    TargetClaimed {
        /// Which database it is.
        identity: Identity,
        /// The address that led to it, as shown: another than the run's where it was corrected, or goes through a tunnel.
        #[serde(default)]
        address: Option<String>,
    },
    /// A step's gate was reached and waits for the operator.
    GateReached {
        /// The step.
        step: StepId,
    },
    /// The operator agreed.
    GateApproved {
        /// The step.
        step: StepId,
        /// Who.
        operator: Operator,
        /// The name that was typed, where one was asked for.
        typed: Option<String>,
        /// A remark for the report.
        remark: Option<String>,
        /// Whether `--yes` agreed instead of a person.
        by_yes: bool,
    },
    /// The operator declined; the gate stays.
    GateRefused {
        /// The step.
        step: StepId,
        /// Who.
        operator: Operator,
        /// Why.
        remark: Option<String>,
    },
    /// A step started, for the first time or again. Nothing is changed before its checkpoint is in.
    StepStarted {
        /// The step.
        step: StepId,
        /// What it is about to do, with all that is known by now.
        description: Description,
    },
    /// What its undo needs was read. Kept across retries and crashes; taken again only after an undo.
    CheckpointTaken {
        /// The step.
        step: StepId,
        /// The checkpoint.
        checkpoint: Checkpoint,
    },
    /// A step ended well.
    StepDone {
        /// The step.
        step: StepId,
        /// How.
        outcome: Box<Outcome>,
    },
    /// A step ended badly.
    StepFailed {
        /// The step.
        step: StepId,
        /// Why.
        failure: Failure,
    },
    /// A step stands at a safe place because the operator or a signal asked.
    StepPaused {
        /// The step.
        step: StepId,
        /// Whether its work is still there, holding still; otherwise it returned and is started again later.
        holding: bool,
    },
    /// A step that held still goes on.
    StepResumed {
        /// The step.
        step: StepId,
    },
    /// A step was left out.
    StepSkipped {
        /// The step.
        step: StepId,
        /// Why.
        reason: String,
        /// Who; none where the runbook's `when` said so.
        operator: Option<Operator>,
    },
    /// The operator asked to pause.
    PauseRequested {},
    /// The run stands still: between two steps, or with a paused one.
    Paused {
        /// The step of `--until` that was reached, where that is the reason.
        until: Option<StepId>,
    },
    /// The operator let the run go on.
    Resumed {},
    /// Going back would lose writes; the operator has to say what becomes of them.
    LateWritesFound {
        /// Down to which step the operator wants to go back; all when none.
        to: Option<StepId>,
        /// How many rows.
        rows: u64,
    },
    /// Taking steps back began.
    RollbackBegan {
        /// Down to and including this step; all when none.
        to: Option<StepId>,
        /// What becomes of writes after the point of no return.
        writes: LateWrites,
        /// Who.
        operator: Operator,
    },
    /// Taking a step back began, or began again.
    UndoStarted {
        /// The step.
        step: StepId,
    },
    /// A step was taken back.
    UndoDone {
        /// The step.
        step: StepId,
        /// How.
        outcome: Box<Outcome>,
    },
    /// Taking a step back failed; the unwinding stands still here.
    UndoFailed {
        /// The step.
        step: StepId,
        /// Why.
        failure: Failure,
    },
    /// Taking a step back was interrupted at a safe place.
    UndoPaused {
        /// The step.
        step: StepId,
    },
    /// There was nothing to take back: the step changed nothing, or never began to.
    NothingToUndo {
        /// The step.
        step: StepId,
    },
    /// The unit of an interval column was decided.
    UnitDecided {
        /// `TABLE.COLUMN`.
        column: String,
        /// The unit.
        unit: IntervalUnit,
        /// Who.
        operator: Operator,
    },
    /// What happens to cells of a column that do not fit was decided.
    PolicyDecided {
        /// `TABLE.COLUMN`.
        column: String,
        /// The policy.
        policy: Policy,
        /// Who.
        operator: Operator,
    },
    /// The run came to an end: done, failed, or taken back. A failed or taken-back run can be gone on with.
    RunEnded {
        /// How.
        ended: Ended,
    },
}

/// All that a run begins with. Enough to go on with it from a copy of its directory on another machine; secrets are asked for again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunCreated {
    /// The run's id.
    pub run: String,
    /// The runbook's file name as it was given.
    pub runbook_file: String,
    /// The runbook's text, whole.
    pub runbook_text: String,
    /// Parameters that are not secret.
    pub values: BTreeMap<String, String>,
    /// What the screen's first line says.
    pub labels: Labels,
    /// Who made the run, and where.
    pub operator: Operator,
    /// The version of `cutover`.
    pub version: String,
    /// The steps, in order.
    pub steps: Vec<StepPlan>,
    /// The step after which going back loses writes.
    pub point_of_no_return: Option<StepId>,
    /// The longest service-down time wanted, in seconds.
    pub downtime_budget: Option<f64>,
}

/// What the first line of the screen and of the report says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// The runbook's name.
    pub runbook: String,
    /// The source: a path.
    pub source: String,
    /// The target: `user@host:port/database`.
    pub target: String,
    /// Where the service runs.
    pub place: String,
    /// Whether this place is production.
    pub production: bool,
}

/// One step as it was planned when the run was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepPlan {
    /// Its id.
    pub id: StepId,
    /// Its action's kind.
    pub action: String,
    /// The author's note.
    pub note: String,
    /// Its gate. A step that cannot be taken back has one, whatever the runbook says.
    pub gate: Gate,
    /// Its part in the outage.
    pub downtime: Option<Downtime>,
    /// What it will do, as far as known.
    pub description: Description,
}

/// Who drives a run, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Login name.
    pub user: String,
    /// Host name.
    pub host: String,
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.user, self.host)
    }
}

/// Which database the target is, whatever address leads to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The server's system identifier: another one is another server, or one restored from elsewhere.
    pub system: String,
    /// The database's oid.
    pub database: String,
    /// Its name, for people.
    pub name: String,
}

/// Why a step, or its undo, failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What the engine does about it.
    pub kind: FailureKind,
    /// What was being done, to what, what came back, what to do now.
    pub message: String,
    /// What was found on the way.
    #[serde(default)]
    pub evidence: Box<Evidence>,
}

/// How a run, or a process that drove it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// All steps are done or left out.
    Done,
    /// The step of `--until` is done, and nobody is there to go on.
    Until,
    /// A step, or the undo of one, failed, and nobody is there to answer.
    Failed,
    /// Everything that was to be taken back has been.
    RolledBack,
    /// The operator has to answer, and nobody is there: a gate, a manual step, writes that would be lost.
    Waiting,
    /// The operator or a signal asked to stop; `resume` goes on.
    Interrupted,
    /// What was asked for was refused, and nobody is there to ask for something else: nothing was touched.
    Refused,
}

impl Ended {
    /// As the log tells it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Until => "as far as it was asked to go",
            Self::Failed => "failed",
            Self::RolledBack => "rolled back",
            Self::Waiting => "waits for its operator",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
        }
    }
}

impl Event {
    /// The one step that the event is about, if it is about one.
    #[must_use]
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::GateReached { step }
            | Self::GateApproved { step, .. }
            | Self::GateRefused { step, .. }
            | Self::StepStarted { step, .. }
            | Self::CheckpointTaken { step, .. }
            | Self::StepDone { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepPaused { step, .. }
            | Self::StepResumed { step }
            | Self::StepSkipped { step, .. }
            | Self::UndoStarted { step }
            | Self::UndoDone { step, .. }
            | Self::UndoFailed { step, .. }
            | Self::UndoPaused { step }
            | Self::NothingToUndo { step } => Some(step),
            Self::RunCreated(_)
            | Self::ProcessStarted { .. }
            | Self::ProcessEnded { .. }
            | Self::TargetClaimed { .. }
            | Self::PauseRequested {}
            | Self::Paused { .. }
            | Self::Resumed {}
            | Self::LateWritesFound { .. }
            | Self::RollbackBegan { .. }
            | Self::UnitDecided { .. }
            | Self::PolicyDecided { .. }
            | Self::RunEnded { .. } => None,
        }
    }

    /// The event's name as it stands in the journal.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RunCreated(_) => "run-created",
            Self::ProcessStarted { .. } => "process-started",
            Self::ProcessEnded { .. } => "process-ended",
            Self::TargetClaimed { .. } => "target-claimed",
            Self::GateReached { .. } => "gate-reached",
            Self::GateApproved { .. } => "gate-approved",
            Self::GateRefused { .. } => "gate-refused",
            Self::StepStarted { .. } => "step-started",
            Self::CheckpointTaken { .. } => "checkpoint-taken",
            Self::StepDone { .. } => "step-done",
            Self::StepFailed { .. } => "step-failed",
            Self::StepPaused { .. } => "step-paused",
            Self::StepResumed { .. } => "step-resumed",
            Self::StepSkipped { .. } => "step-skipped",
            Self::PauseRequested {} => "pause-requested",
            Self::Paused { .. } => "paused",
            Self::Resumed {} => "resumed",
            Self::LateWritesFound { .. } => "late-writes-found",
            Self::RollbackBegan { .. } => "rollback-began",
            Self::UndoStarted { .. } => "undo-started",
            Self::UndoDone { .. } => "undo-done",
            Self::UndoFailed { .. } => "undo-failed",
            Self::UndoPaused { .. } => "undo-paused",
            Self::NothingToUndo { .. } => "nothing-to-undo",
            Self::UnitDecided { .. } => "unit-decided",
            Self::PolicyDecided { .. } => "policy-decided",
            Self::RunEnded { .. } => "run-ended",
        }
    }
}
