//! What the operator can ask of a run. The screen and the headless front end send nothing else.

use crate::evidence::{IntervalUnit, Policy};
use crate::runbook::StepId;
use serde::{Deserialize, Serialize};

/// A wish of the operator. The driver answers each with a change of the snapshot or with a refusal that says why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Begin, or go on with what a former process left.
    Start,
    /// Pass the gate of a step. `typed` is what was typed where the gate wants a name.
    Approve {
        /// The step that waits.
        step: StepId,
        /// The typed name, for gates of kind `typed`.
        typed: Option<String>,
        /// A remark for the report.
        remark: Option<String>,
    },
    /// Decline at a gate: the run waits there.
    Refuse {
        /// The step that waits.
        step: StepId,
        /// Why, for the report.
        remark: Option<String>,
    },
    /// Pause at the next safe place.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Run a failed step again.
    Retry {
        /// The step.
        step: StepId,
    },
    /// Go on without a failed or waiting step.
    Skip {
        /// The step.
        step: StepId,
        /// Why, for the report. Never empty.
        reason: String,
    },
    /// Take back every step down to and including `to`; all of them when none.
    Rollback {
        /// The first step to be taken back, as in `--to`.
        to: Option<StepId>,
        /// What to do with writes that came after the point of no return.
        writes: LateWrites,
    },
    /// Decide the unit of an interval column; journaled.
    SetUnit {
        /// `TABLE.COLUMN`.
        column: String,
        /// The unit.
        unit: IntervalUnit,
    },
    /// Decide what happens to cells that do not fit; journaled.
    SetPolicy {
        /// `TABLE.COLUMN`.
        column: String,
        /// The policy.
        policy: Policy,
    },
    /// Stop at the next safe place and leave the run resumable.
    Quit,
}

/// What to do with rows that the application wrote to the target after the switch, when going back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LateWrites {
    /// Refuse to go back while there are any.
    #[default]
    Keep,
    /// Lose them.
    Lose,
    /// Write them to this file first.
    Export(std::path::PathBuf),
}
