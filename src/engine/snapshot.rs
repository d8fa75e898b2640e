//! The run as plain data to draw: a fold over the journal, plus live progress. Views read it and change nothing.

pub use crate::action::{Description, FailureKind};
pub use crate::inspect::{
    ClusterEvent, ClusterView, ColumnView, DataView, Distribution, PodLog, PodTerminal, PodView, Query, RowPair,
    RowPick, RowsView, TableCounts, WorkloadView,
};
pub use crate::progress::{LogLevel, PartProgress};

use crate::evidence::{Evidence, PlanReport};
use crate::runbook::{Gate, StepId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Everything a front end may show. Sent whole through a `watch` channel; the large parts are shared. Other terminals get it through
/// [`super::attach`], which sends what is skipped here by itself, and only when it has changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The run's id.
    pub run: String,
    /// The runbook's name.
    pub runbook: String,
    /// The source as shown: a path.
    pub source: String,
    /// The target as shown: `user@host:port/database`.
    pub target: String,
    /// Where the service runs, as shown.
    pub place: String,
    /// Whether this place is production, by the pattern that the configuration names.
    pub production: bool,
    /// What the run as a whole is doing.
    pub state: RunState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// The time of this snapshot: elapsed times are counted to here, so that drawing needs no clock.
    pub now: Option<Timestamp>,
    /// When the run ended, if it has.
    pub ended: Option<Timestamp>,
    /// The steps, in order.
    pub steps: Vec<StepView>,
    /// The question that the run waits with.
    pub question: Option<Question>,
    /// The last lines of the log, oldest first.
    #[serde(skip)]
    pub log: VecDeque<LogLine>,
    /// The plan, once `scan` or `plan` made one.
    #[serde(skip)]
    pub plan: Option<Arc<PlanReport>>,
    /// When the service went down, if it is down or was.
    pub down_since: Option<Timestamp>,
    /// When the service came up again.
    pub up_since: Option<Timestamp>,
    /// The longest service-down time wanted, in seconds.
    pub downtime_budget: Option<f64>,
    /// The step after which going back loses writes.
    pub point_of_no_return: Option<StepId>,
    /// The cluster that the service runs on, as last seen; none where it runs on this host. Decides whether there is a Cluster tab.
    #[serde(skip)]
    pub cluster: Option<Arc<ClusterView>>,
    /// Answers to the screen's queries.
    #[serde(skip)]
    pub data: Arc<DataView>,
    /// Who answers the run's questions, seen from here.
    pub helm: Helm,
    /// Why the last command was refused; shown until the next one.
    pub refusal: Option<String>,
    /// The run's directory.
    pub run_dir: String,
    /// Who began the run, as `user@host`.
    pub operator: String,
    /// The version of this program that began it.
    pub version: String,
    /// The runbook's parameters as given, without the secret ones.
    pub parameters: Vec<(String, String)>,
    /// What the operator decided, in order: gates, skips, units, policies, pauses, rollbacks.
    pub decisions: Vec<Decision>,
}

impl Snapshot {
    /// The step that the rollback under way goes down to; none where everything is to be taken back.
    #[must_use]
    pub fn rollback_goal(&self) -> Option<StepId> {
        let goal = self.decisions.iter().rev().find_map(|decision| decision.what.strip_prefix("roll back to "))?;
        self.steps.iter().any(|step| step.id == goal).then(|| StepId::from(goal))
    }
}

impl StepView {
    /// Whether taking it back found what came since, and waits to be told what becomes of that.
    #[must_use]
    pub fn would_lose_writes(&self) -> bool {
        self.status == Status::UndoFailed && self.failure == Some(FailureKind::Waiting)
    }
}

/// Who answers the run's questions, seen from the terminal that the snapshot is shown on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Helm {
    /// This terminal, which drives the run: when it goes, the run stops at the next safe place.
    #[default]
    Here,
    /// This terminal, for as long as it is attached: when it goes, the run goes on.
    Attached,
    /// Another terminal, named; this one watches.
    Elsewhere(String),
    /// Nobody: a run that goes on by itself and waits where it needs an answer.
    Free,
    /// No process drives the run; what is shown is what its journal tells.
    Past,
}

impl Helm {
    /// Whether this terminal may answer and command.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Here | Self::Attached)
    }
}

/// Something that a person decided, or that `--yes` decided in their name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Who, as `user@host`.
    pub by: String,
    /// The step that it was about, if any.
    pub step: Option<String>,
    /// What was decided: `gate passed`, `gate refused`, `skipped`, `unit of public.a.b: us`, `roll back to copy`.
    pub what: String,
    /// The operator's remark or reason.
    pub remark: Option<String>,
    /// Whether `--yes` decided.
    pub unattended: bool,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Nothing has started.
    #[default]
    Ready,
    /// A step is at work, or the next is about to be.
    Running,
    /// Waits for the operator: a gate, a failed step, a manual step.
    Waiting,
    /// A pause was asked for and the step is on its way to a safe place.
    Pausing,
    /// Paused.
    Paused,
    /// Taking steps back.
    RollingBack,
    /// All steps are done or skipped.
    Done,
    /// Everything that was asked to be taken back has been.
    RolledBack,
    /// A step failed and the run was left there.
    Failed,
    /// The process that ran it is gone or was asked to stop; `resume` goes on.
    Interrupted,
}

/// The status of one step. `engine::status` has the transitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Not reached.
    #[default]
    Pending,
    /// Reached; its gate wants the operator's agreement.
    AtGate,
    /// At work.
    Running,
    /// On its way to a safe place.
    Pausing,
    /// Stopped at a safe place.
    Paused,
    /// Ended well.
    Done,
    /// Ended badly; retry, skip or rollback.
    Failed,
    /// Left out, with a reason.
    Skipped,
    /// Being taken back.
    Undoing,
    /// Taken back.
    Undone,
    /// Taking it back failed; the unwinding stopped here.
    UndoFailed,
    /// It started and its end is unknown: a crash. It is run again.
    Unknown,
}

/// One step to draw.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StepView {
    /// Its id.
    pub id: String,
    /// Its action's kind.
    pub action: String,
    /// The author's note.
    pub note: String,
    /// Its gate.
    pub gate: Gate,
    /// Its status.
    pub status: Status,
    /// When it last started.
    pub started: Option<Timestamp>,
    /// How long it took, or has taken, in seconds.
    pub seconds: Option<f64>,
    /// How long it will take, if somebody knows.
    pub estimate_seconds: Option<f64>,
    /// How long taking it back took in the last run of this runbook that was rolled back, in seconds.
    #[serde(default)]
    pub back_seconds: Option<f64>,
    /// Whether a checkpoint stands from which it can be taken back.
    pub checkpoint: bool,
    /// How often it was started.
    pub attempts: u32,
    /// Whether the service is down from this step on.
    pub downtime_begins: bool,
    /// Whether the service is up again after it.
    pub downtime_ends: bool,
    /// What it will do.
    pub description: Description,
    /// Parts at work, in the order in which they appeared.
    pub parts: Vec<PartProgress>,
    /// Units per second over the last seconds, for the whole step.
    pub rate: f64,
    /// What it waits for; empty when nothing.
    pub waiting: String,
    /// What it did, in one line.
    pub summary: String,
    /// What it proved.
    #[serde(skip)]
    pub evidence: Arc<Evidence>,
    /// Why it failed, whole.
    pub error: Option<String>,
    /// Which kind of failure `error` is; exit codes follow from it.
    pub failure: Option<FailureKind>,
    /// Why it was skipped.
    pub skip_reason: Option<String>,
}

/// A question to the operator; drawn as one dialog that starts on Cancel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// A gate.
    Gate {
        /// The step.
        step: StepId,
        /// Where a name has to be typed, that name.
        typed: Option<String>,
    },
    /// A step failed.
    Failure {
        /// The step.
        step: StepId,
    },
    /// Going back would lose this many writes.
    LateWrites {
        /// How many rows.
        rows: u64,
        /// Down to which step the operator wants to go back; all when none. To be repeated in the answer, a
        /// [`super::Command::Rollback`] that says what becomes of the rows; [`super::Command::Refuse`] stays.
        to: Option<StepId>,
    },
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// How loud.
    pub level: LogLevel,
    /// Which step, if any.
    pub step: Option<String>,
    /// What.
    pub text: String,
}
