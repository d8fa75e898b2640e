//! What the machine wants done. Plain data: the driver does it, and feeds back what came of it as events.

use super::command::LateWrites;
use super::event::{Ended, Event};
use crate::evidence::Checkpoint;
use crate::runbook::StepId;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Journal this event, then hand it to the machine.
    Record(Box<Event>),
    /// Fill in the step's templates, describe it, and record that it started (or that its `when` leaves it out).
    Begin {
        /// The step.
        step: StepId,
    },
    /// Have the action read what its undo will need, and record the checkpoint.
    Prepare {
        /// The step.
        step: StepId,
    },
    /// Have the action do it, and record how it ended.
    Apply {
        /// The step.
        step: StepId,
        /// Its checkpoint, as journaled.
        checkpoint: Checkpoint,
    },
    /// Have the action take it back, and record how that ended.
    Undo {
        /// The step.
        step: StepId,
        /// Its checkpoint, as journaled.
        checkpoint: Checkpoint,
        /// What the step left behind; none when its end is unknown or it failed.
        left: Option<serde_json::Value>,
    },
    /// Ask these steps how many writes going back would lose (exporting them where the operator said so), then record
    /// either that there are some or that the rollback began.
    CountLateWrites {
        /// The steps at or after the point of no return that would be taken back.
        steps: Vec<StepId>,
        /// Down to and including this step; all when none.
        to: Option<StepId>,
        /// What the operator wants done with them.
        writes: LateWrites,
    },
    /// Tell the work in progress what the operator wants of it.
    Wish(Wanted),
    /// Stop driving the run.
    Finish(Ended),
}

/// What is wanted of work in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Go on.
    Run,
    /// Stand still at the next safe place.
    Pause,
    /// Return at the next safe place.
    Stop,
}
