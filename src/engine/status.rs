//! The whole protocol of a step: which event may follow in which status, and what the status is then.
//!
//! It serves live, where an illegal event is a bug of ours (or a late one, which is dropped), and when a journal is replayed,
//! where it is an error that names the entry. What runs as a whole may do is in [`super::machine`].
//!
//! ```text
//!             gate            start                done                 take back             taken back
//!  Pending ─────────▶ AtGate ───────▶ Running ───────────▶ Done ──────────────▶ Undoing ──────────────▶ Undone
//!     └──────────────────────────────▶ │ ▲ │                                    │  ▲                      │
//!                                pause │ │ │ fail           retry               ▼  │ again                └─▶ as Pending
//!            Pausing ◀─────────────────┘ │ └──────▶ Failed ──────▶ Running    UndoFailed
//!               └─────▶ Paused ──────────┘
//!
//!  a new process:  Running, Pausing, Paused ─▶ Unknown ─▶ Running (the same checkpoint)      Undoing ─▶ Undoing
//!  the operator:   AtGate, Failed, Paused, Unknown, UndoFailed ─▶ Skipped
//!  going back:     Done, Failed, Unknown, Paused, Skipped ─▶ Undoing, or ─▶ Undone where nothing was changed
//! ```

pub use super::snapshot::Status;

use super::event::Event;
use crate::runbook::StepId;

/// An event that cannot happen in that status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot happen to {what}, which is {status}")]
pub struct IllegalEvent {
    /// The event's name.
    pub event: &'static str,
    /// The step, or `the run`.
    pub what: String,
    /// Its status then.
    pub status: String,
}

/// The status of a step after `event`, when it was `status` before.
///
/// Events about another step or about the run as a whole are passed too: what they mean for a step is in the table as well.
///
/// # Errors
/// When the event cannot happen in that status.
pub fn next_status(status: Status, event: &Event) -> Result<Status, IllegalEvent> {
    use Event as E;
    use Status as S;
    let next = match (event, status) {
        (E::GateReached { .. }, S::Pending | S::Undone) => S::AtGate,
        (E::GateApproved { .. } | E::GateRefused { .. }, S::AtGate) => S::AtGate,

        (E::StepStarted { .. }, S::Pending | S::AtGate | S::Failed | S::Paused | S::Unknown | S::Undone) => S::Running,
        (E::CheckpointTaken { .. }, S::Running | S::Pausing) => status,
        (E::StepDone { .. }, S::Running | S::Pausing | S::Paused) => S::Done,
        (E::StepFailed { .. }, S::Running | S::Pausing | S::Paused) => S::Failed,
        (E::StepPaused { .. }, S::Running | S::Pausing) => S::Paused,
        (E::StepPaused { holding: false, .. }, S::Paused) => S::Paused,
        (E::StepResumed { .. }, S::Paused | S::Pausing) => S::Running,
        (
            E::StepSkipped { .. },
            S::Pending | S::AtGate | S::Failed | S::Paused | S::Unknown | S::Undone | S::UndoFailed,
        ) => S::Skipped,

        (
            E::UndoStarted { .. },
            S::Done | S::Failed | S::Unknown | S::Paused | S::Skipped | S::Undoing | S::UndoFailed,
        ) => S::Undoing,
        (E::UndoDone { .. }, S::Undoing) => S::Undone,
        (E::UndoFailed { .. }, S::Undoing) => S::UndoFailed,
        (E::UndoPaused { .. }, S::Undoing) => S::Undoing,
        (E::NothingToUndo { .. }, S::Done | S::Failed | S::Unknown | S::Paused | S::Skipped) => S::Undone,

        (E::PauseRequested {}, S::Running) => S::Pausing,
        (E::RollbackBegan { .. }, S::AtGate) => S::Pending,
        (E::RollbackBegan { .. }, S::UndoFailed) => S::Undoing,
        (E::ProcessStarted { .. }, S::Running | S::Pausing | S::Paused) => S::Unknown,
        _ if event.step().is_none() => status,
        _ => return Err(illegal(status, event)),
    };
    Ok(next)
}

fn illegal(status: Status, event: &Event) -> IllegalEvent {
    let what = event.step().map_or_else(|| "the run".to_owned(), |StepId(id)| format!("step {id}"));
    IllegalEvent { event: event.name(), what, status: format!("{status:?}").to_lowercase() }
}
