//! What is known of a run after some of its events: the part of the machine that a journal gives back exactly.

use super::super::command::LateWrites;
use super::super::event::{Ended, Event, Identity, RunCreated, StepPlan};
use super::super::snapshot::{Question, RunState};
use super::super::status::{IllegalEvent, Status, next_status};
use crate::evidence::{Checkpoint, FailureKind};
use crate::runbook::{Gate, StepId};

/// A run as its events tell it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub(super) steps: Vec<StepState>,
    pub(super) point_of_no_return: Option<StepId>,
    pub(super) created: bool,
    pub(super) process: Process,
    pub(super) direction: Direction,
    /// The step whose work, or whose undo, goes on. Never more than one.
    pub(super) at_work: Option<usize>,
    pub(super) pausing: bool,
    pub(super) paused: bool,
    pub(super) late: Option<Late>,
    pub(super) ended: Option<Ended>,
    pub(super) identity: Option<Identity>,
}

/// What is known of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepState {
    /// Its id.
    pub id: StepId,
    /// Its action's kind.
    pub action: String,
    /// Its gate.
    pub gate: Gate,
    /// Its status.
    pub status: Status,
    /// Whether its gate was passed since it was last taken back.
    pub approved: bool,
    /// Whether it changes anything.
    pub changes: bool,
    /// What its undo needs.
    pub checkpoint: Option<Checkpoint>,
    /// What it left behind when it ended well.
    pub left: Option<serde_json::Value>,
    /// The kind of its last failure.
    pub failure: Option<FailureKind>,
    /// Whether its work holds still rather than having returned.
    pub holding: bool,
    /// Whether the operator, in this unwinding, left it as it is.
    pub left_as_is: bool,
}

/// Whether a process drives the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Process {
    /// None has yet.
    #[default]
    Never,
    /// One has begun and done nothing so far.
    Idle,
    /// One does.
    Driving,
    /// The last one left in good order.
    Left(Ended),
}

/// Which way the run goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Direction {
    /// Through the steps.
    #[default]
    Forward,
    /// Taking steps back, down to and including the one with this index.
    Back {
        /// Index of the first step to be taken back.
        to: usize,
        /// What becomes of writes after the point of no return.
        writes: LateWrites,
    },
}

/// Writes that going back would lose, and that the operator has not yet decided about.
#[derive(Clone, Debug, PartialEq)]
pub struct Late {
    pub(super) to: Option<StepId>,
    pub(super) rows: u64,
}

impl Run {
    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// A step by its id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&StepState> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// Whether a pause was asked for and has not come to be.
    #[must_use]
    pub fn pausing(&self) -> bool {
        self.pausing
    }

    /// Which database the target is, once it was claimed.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Whether the operator, going back, has said that late writes may be lost, or has them in a file.
    #[must_use]
    pub fn loses_writes(&self) -> bool {
        matches!(&self.direction, Direction::Back { writes, .. } if *writes != LateWrites::Keep)
    }

    /// Whether work goes on.
    #[must_use]
    pub fn at_work(&self) -> bool {
        self.at_work.is_some()
    }

    /// How the run ended, while it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// The first step that is neither done nor left out: the one to run next.
    pub(super) fn current(&self) -> Option<usize> {
        self.steps.iter().position(|step| !matches!(step.status, Status::Done | Status::Skipped))
    }

    /// The last step, from `to` on, that is to be taken back next.
    pub(super) fn next_to_undo(&self, to: usize) -> Option<usize> {
        (to..self.steps.len())
            .rev()
            .find(|&index| self.steps[index].was_touched() && !self.steps[index].is_left_as_is())
    }

    /// Whether going back to `to` would find anything. What was left as it is in a former unwinding is tried again.
    pub(super) fn has_way_back(&self, to: usize) -> bool {
        self.steps[to..].iter().any(StepState::was_touched)
    }

    pub(super) fn index(&self, id: &StepId) -> Option<usize> {
        self.steps.iter().position(|step| step.id == *id)
    }

    /// The index that `--to` names: the first step when nothing is named.
    pub(super) fn index_of_goal(&self, to: Option<&StepId>) -> Option<usize> {
        to.map_or(Some(0), |id| self.index(id))
    }

    /// What the run as a whole is doing.
    #[must_use]
    pub fn state(&self) -> RunState {
        match (self.ended, self.process) {
            (Some(Ended::Done), _) if self.late.is_none() => RunState::Done,
            (Some(Ended::RolledBack), _) => RunState::RolledBack,
            (Some(Ended::Failed), _) => RunState::Failed,
            (_, Process::Never) => RunState::Ready,
            (_, Process::Left(Ended::Refused)) if self.untouched() => RunState::Ready,
            (_, Process::Left(Ended::Waiting)) if self.paused => RunState::Paused,
            (_, Process::Left(ended)) => after_leaving(ended),
            (_, Process::Idle) if self.untouched() => RunState::Ready,
            (_, Process::Idle) if self.question().is_none() => RunState::Interrupted,
            _ if self.paused => RunState::Paused,
            _ if self.pausing => RunState::Pausing,
            _ if self.question().is_some() => RunState::Waiting,
            _ if self.direction != Direction::Forward => RunState::RollingBack,
            _ if self.untouched() => RunState::Ready,
            _ => RunState::Running,
        }
    }

    fn untouched(&self) -> bool {
        self.steps.iter().all(|step| step.status == Status::Pending)
    }

    /// What the run waits with.
    #[must_use]
    pub fn question(&self) -> Option<Question> {
        if let Some(late) = &self.late {
            return Some(Question::LateWrites { rows: late.rows, to: late.to.clone() });
        }
        if self.at_work.is_some() {
            return None;
        }
        let next = match &self.direction {
            Direction::Forward => self.current(),
            Direction::Back { to, .. } => self.next_to_undo(*to),
        }?;
        let step = &self.steps[next];
        match step.status {
            Status::AtGate if !step.approved => {
                let typed = match &step.gate {
                    Gate::Typed(name) => Some(name.clone()),
                    Gate::None | Gate::Confirm => None,
                };
                Some(Question::Gate { step: step.id.clone(), typed })
            }
            Status::Failed if self.direction == Direction::Forward => Some(Question::Failure { step: step.id.clone() }),
            Status::UndoFailed => Some(Question::Failure { step: step.id.clone() }),
            _ => None,
        }
    }

    /// Takes `event` in.
    ///
    /// # Errors
    /// When it cannot happen now; nothing is changed then.
    pub fn apply(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        self.check(event)?;
        match event.step().and_then(|id| self.index(id)) {
            Some(index) => self.apply_to_step(index, event),
            None => self.apply_to_run(event),
        }
    }

    fn apply_to_step(&mut self, index: usize, event: &Event) -> Result<(), IllegalEvent> {
        let before = self.steps[index].status;
        let step = &mut self.steps[index];
        step.status = next_status(before, event)?;
        step.take(before, event);
        self.process = Process::Driving;
        match event {
            Event::StepStarted { .. } | Event::UndoStarted { .. } => {
                self.at_work = Some(index);
                (self.ended, self.paused) = (None, false);
            }
            Event::StepDone { .. }
            | Event::StepFailed { .. }
            | Event::StepPaused { holding: false, .. }
            | Event::UndoDone { .. }
            | Event::UndoFailed { .. }
            | Event::UndoPaused { .. } => self.at_work = None,
            Event::GateReached { .. } | Event::GateApproved { .. } | Event::StepSkipped { .. } => self.ended = None,
            _ => {}
        }
        Ok(())
    }

    fn apply_to_run(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        for step in &mut self.steps {
            step.status = next_status(step.status, event)?;
        }
        match event {
            Event::RunCreated(created) => self.begin(created),
            Event::ProcessStarted { .. } => self.take_up(),
            Event::ProcessEnded { ended } => self.process = Process::Left(*ended),
            Event::TargetClaimed { identity, .. } => self.identity = Some(identity.clone()),
            Event::PauseRequested {} => self.pausing = true,
            Event::Paused { .. } => (self.pausing, self.paused) = (false, true),
            Event::Resumed {} => {
                (self.pausing, self.paused, self.ended, self.late) = (false, false, None, None);
            }
            Event::LateWritesFound { to, rows } => self.late = Some(Late { to: to.clone(), rows: *rows }),
            Event::RollbackBegan { to, writes, .. } => self.turn_back(to.as_ref(), writes),
            Event::RunEnded { ended } => self.end(*ended),
            _ => {}
        }
        let begins = matches!(event, Event::RunCreated(_) | Event::ProcessStarted { .. } | Event::ProcessEnded { .. });
        if !begins {
            self.process = Process::Driving;
        }
        Ok(())
    }

    fn begin(&mut self, created: &RunCreated) {
        self.created = true;
        self.steps = created.steps.iter().map(StepState::new).collect();
        self.point_of_no_return.clone_from(&created.point_of_no_return);
    }

    /// A process takes the run up: whatever was at work no longer is, and a pause was the former operator's.
    fn take_up(&mut self) {
        self.process = Process::Idle;
        self.at_work = None;
        (self.pausing, self.paused) = (false, false);
        for step in &mut self.steps {
            step.holding = false;
        }
    }

    fn turn_back(&mut self, to: Option<&StepId>, writes: &LateWrites) {
        let to = self.index_of_goal(to).unwrap_or_default();
        self.direction = Direction::Back { to, writes: writes.clone() };
        (self.pausing, self.paused, self.ended, self.late) = (false, false, None, None);
        for step in &mut self.steps {
            step.left_as_is = false;
            step.approved &= step.status != Status::Pending;
        }
    }

    fn end(&mut self, ended: Ended) {
        self.ended = Some(ended);
        (self.pausing, self.paused) = (false, false);
        if ended == Ended::RolledBack {
            self.direction = Direction::Forward;
        }
    }
}

impl StepState {
    fn new(plan: &StepPlan) -> Self {
        Self {
            id: plan.id.clone(),
            action: plan.action.clone(),
            gate: plan.gate.clone(),
            status: Status::Pending,
            approved: false,
            changes: plan.description.changes,
            checkpoint: None,
            left: None,
            failure: None,
            holding: false,
            left_as_is: false,
        }
    }

    fn take(&mut self, before: Status, event: &Event) {
        match event {
            Event::GateApproved { .. } => self.approved = true,
            Event::StepStarted { description, .. } => {
                self.changes = description.changes;
                (self.left, self.failure, self.approved) = (None, None, true);
            }
            Event::CheckpointTaken { checkpoint, .. } => self.checkpoint = Some(checkpoint.clone()),
            Event::StepDone { outcome, .. } => {
                self.left = Some(outcome.left.clone());
                self.holding = false;
            }
            Event::StepFailed { failure, .. } => {
                self.failure = Some(failure.kind);
                self.holding = false;
            }
            Event::UndoFailed { failure, .. } => self.failure = Some(failure.kind),
            Event::StepPaused { holding, .. } => self.holding = *holding,
            Event::StepResumed { .. } => self.holding = false,
            Event::StepSkipped { .. } => self.left_as_is = before == Status::UndoFailed,
            Event::UndoDone { .. } | Event::NothingToUndo { .. } => self.forget(),
            _ => {}
        }
    }

    /// As before it first ran.
    fn forget(&mut self) {
        (self.checkpoint, self.left, self.failure, self.approved) = (None, None, None, false);
    }

    fn was_touched(&self) -> bool {
        !matches!(self.status, Status::Pending | Status::Undone | Status::AtGate)
    }

    fn is_left_as_is(&self) -> bool {
        self.status == Status::Skipped && self.left_as_is
    }

    /// Whether there is something to take back.
    pub(super) fn has_changes(&self) -> bool {
        self.checkpoint.is_some() && self.changes
    }
}

fn after_leaving(ended: Ended) -> RunState {
    match ended {
        Ended::Done => RunState::Done,
        Ended::Until => RunState::Paused,
        Ended::Failed => RunState::Failed,
        Ended::RolledBack => RunState::RolledBack,
        Ended::Waiting => RunState::Waiting,
        Ended::Interrupted | Ended::Refused => RunState::Interrupted,
    }
}

/// Down to which step to go back, and what becomes of late writes.
pub(super) type Goal = (Option<StepId>, LateWrites);
