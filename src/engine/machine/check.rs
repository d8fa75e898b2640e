//! Which event has its turn: one step at a time, forward in order, back in reverse order. What a single step may do is in
//! [`crate::engine::status`].

use super::run::{Direction, Process, Run};
use crate::engine::event::{Ended, Event};
use crate::engine::status::{IllegalEvent, Status, next_status};
use crate::runbook::StepId;

impl Run {
    /// Whether `event` can happen now.
    ///
    /// # Errors
    /// When it cannot, with what stands in its way.
    pub fn check(&self, event: &Event) -> Result<(), IllegalEvent> {
        let here = match event {
            Event::RunCreated(_) => !self.created,
            Event::ProcessStarted { .. } => self.created,
            _ => matches!(self.process, Process::Idle | Process::Driving),
        };
        if !here || !self.fits(event) {
            return Err(self.illegal(event));
        }
        match event.step() {
            Some(id) => {
                let step = self.step(id).ok_or_else(|| self.illegal(event))?;
                next_status(step.status, event).map(|_| ())
            }
            None => Ok(()),
        }
    }

    /// Whether the event has its turn: one step at a time, forward in order and back in reverse order.
    fn fits(&self, event: &Event) -> bool {
        let index = event.step().and_then(|id| self.index(id));
        let forward = self.direction == Direction::Forward;
        let undo_next = match &self.direction {
            Direction::Forward => None,
            Direction::Back { to, .. } => self.next_to_undo(*to),
        };
        let free = self.at_work.is_none();
        match event {
            Event::GateReached { .. } | Event::StepStarted { .. } => free && forward && index == self.current(),
            Event::StepSkipped { .. } => free && index == if forward { self.current() } else { undo_next },
            Event::UndoStarted { .. } | Event::NothingToUndo { .. } => free && index == undo_next,
            Event::CheckpointTaken { .. } => {
                index == self.at_work && index.is_some_and(|index| self.steps[index].checkpoint.is_none())
            }
            Event::StepDone { .. } => {
                index == self.at_work && index.is_some_and(|index| self.steps[index].checkpoint.is_some())
            }
            Event::StepFailed { .. }
            | Event::StepPaused { .. }
            | Event::StepResumed { .. }
            | Event::UndoDone { .. }
            | Event::UndoFailed { .. }
            | Event::UndoPaused { .. } => index == self.at_work,
            Event::TargetClaimed { identity, .. } => self.identity.as_ref().is_none_or(|known| known == identity),
            Event::PauseRequested {} => !free && !self.pausing && !self.paused,
            Event::Paused { .. } => !self.paused && (free || self.holding()),
            Event::Resumed {} => self.paused || self.pausing || self.ended.is_some() || self.late.is_some(),
            Event::LateWritesFound { .. } => free,
            Event::RollbackBegan { to, .. } => free && self.may_turn_back(to.as_ref()),
            Event::RunEnded { ended } => free && self.may_end(*ended, undo_next),
            _ => true,
        }
    }

    /// A goal that exists, and that does not leave a half-undone step behind.
    pub(super) fn may_turn_back(&self, to: Option<&StepId>) -> bool {
        let half = self.steps.iter().position(|step| matches!(step.status, Status::Undoing | Status::UndoFailed));
        self.index_of_goal(to).is_some_and(|goal| half.is_none_or(|half| goal <= half))
    }

    fn may_end(&self, ended: Ended, undo_next: Option<usize>) -> bool {
        match ended {
            Ended::Done => self.direction == Direction::Forward && self.current().is_none(),
            Ended::RolledBack => self.direction != Direction::Forward && undo_next.is_none(),
            Ended::Failed => true,
            Ended::Until | Ended::Waiting | Ended::Interrupted | Ended::Refused => false,
        }
    }

    pub(super) fn holding(&self) -> bool {
        self.at_work.is_some_and(|index| self.steps[index].holding)
    }

    fn illegal(&self, event: &Event) -> IllegalEvent {
        let step = event.step().and_then(|id| self.step(id));
        let (what, status) = match (step, event.step()) {
            (Some(step), _) => {
                (format!("step {}", step.id), format!("{:?} in a run that is {:?}", step.status, self.state()))
            }
            (None, Some(id)) => (format!("step {id}"), "not a step of this run".to_owned()),
            (None, None) => ("the run".to_owned(), format!("{:?}", self.state())),
        };
        IllegalEvent { event: event.name(), what, status: status.to_lowercase() }
    }
}
