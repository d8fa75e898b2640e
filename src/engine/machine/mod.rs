//! Every rule of a run: start, gates, pause, resume, retry, skip, failure and going back. Pure: it knows no clock, no file and no
//! network, and what it wants done it says as [`Effect`]s.
//!
//! ```text
//! command ──▶ Machine::command ──▶ effects ─┐            the driver does them in order; a `Record` is journaled first
//! event ────▶ Machine::handle  ──▶ effects ─┴──▶ driver ──▶ events (of what came of it) ──▶ Machine::handle ──▶ …
//! ```
//!
//! [`Run`] is what the events tell, and nothing else; replaying a journal gives it back exactly. What only this process knows
//! (its rules, that it was asked to stop) is in [`Machine`] beside it. What comes next is always asked of the whole state,
//! by [`Machine::next`], never remembered: so a run goes on after a crash by the same rules by which it went on before.

mod check;
mod commands;
mod run;

pub use commands::Refusal;
pub use run::{Direction, Process, Run, StepState};

use super::command::LateWrites;
use super::effect::{Effect, Wanted};
use super::event::{Ended, Event, Operator};
use super::snapshot::Question;
use super::status::{IllegalEvent, Status};
use crate::evidence::FailureKind;
use crate::runbook::{Gate, StepId};
use run::Goal;

/// How this process drives the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Pass every gate.
    pub yes: bool,
    /// Whether somebody is there to answer.
    pub attended: bool,
    /// Stop after this step.
    pub until: Option<StepId>,
}

/// The machine.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    run: Run,
    rules: Rules,
    operator: Operator,
    /// Whether the operator let this process begin.
    started: bool,
    /// Whether this process was asked to stop.
    stopping: bool,
    /// A rollback that waits until the step at work has stopped.
    wanted_back: Option<Goal>,
    /// A rollback that waits until late writes are counted.
    counting: Option<Goal>,
    /// Whether late writes were counted once more after the application was stopped.
    recounted: bool,
    /// Whether the count under way is that second one.
    recounting: bool,
}

impl Machine {
    /// A machine that goes on with `run` by `rules`, for `operator`.
    #[must_use]
    pub fn new(run: Run, rules: Rules, operator: Operator) -> Self {
        Self { run, rules, operator, ..Self::default() }
    }

    /// What the events so far tell.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// What is wanted of work that begins now.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        match (self.stopping || self.wanted_back.is_some(), self.run.pausing) {
            (true, _) => Wanted::Stop,
            (false, true) => Wanted::Pause,
            (false, false) => Wanted::Run,
        }
    }

    /// Whether this process was asked to stop.
    #[must_use]
    pub fn stopping(&self) -> bool {
        self.stopping
    }

    /// Whether somebody is there to answer.
    #[must_use]
    pub fn attended(&self) -> bool {
        self.rules.attended
    }

    /// Takes in an event that has been journaled, and says what follows.
    ///
    /// # Errors
    /// When it cannot happen now; nothing is changed then.
    pub fn handle(&mut self, event: &Event) -> Result<Vec<Effect>, IllegalEvent> {
        self.run.apply(event)?;
        Ok(match event {
            Event::StepStarted { step, .. } | Event::CheckpointTaken { step, .. } => self.work(step),
            Event::UndoStarted { step } => self.undo(step),
            Event::PauseRequested {} => vec![Effect::Wish(Wanted::Pause)],
            Event::StepPaused { holding: true, .. } => vec![record(Event::Paused { until: None })],
            Event::Resumed {} => self.go_on(),
            Event::RollbackBegan { .. } => {
                self.recounted = false;
                self.next()
            }
            Event::Paused { until: Some(_) } if !self.rules.attended => vec![Effect::Finish(Ended::Until)],
            Event::LateWritesFound { .. } if !self.rules.attended => vec![Effect::Finish(Ended::Waiting)],
            Event::RunCreated(_)
            | Event::ProcessStarted { .. }
            | Event::ProcessEnded { .. }
            | Event::TargetClaimed { .. }
            | Event::StepResumed { .. }
            | Event::UnitDecided { .. }
            | Event::PolicyDecided { .. }
            | Event::GateRefused { .. }
            | Event::LateWritesFound { .. } => Vec::new(),
            _ => self.next(),
        })
    }

    fn work(&self, id: &StepId) -> Vec<Effect> {
        let checkpoint = self.run.step(id).and_then(|step| step.checkpoint.clone());
        let step = id.clone();
        vec![checkpoint.map_or_else(
            || Effect::Prepare { step: step.clone() },
            |checkpoint| Effect::Apply { step: step.clone(), checkpoint },
        )]
    }

    fn undo(&self, id: &StepId) -> Vec<Effect> {
        let Some(step) = self.run.step(id) else { return Vec::new() };
        let checkpoint = step.checkpoint.clone().unwrap_or_default();
        vec![Effect::Undo { step: id.clone(), checkpoint, left: step.left.clone() }]
    }

    fn go_on(&mut self) -> Vec<Effect> {
        self.rules.until = None;
        match self.run.at_work {
            Some(index) if matches!(self.run.steps[index].status, Status::Pausing | Status::Paused) => {
                let step = self.run.steps[index].id.clone();
                vec![Effect::Wish(Wanted::Run), record(Event::StepResumed { step })]
            }
            Some(_) => vec![Effect::Wish(Wanted::Run)],
            None => self.next(),
        }
    }

    /// What is to be done now, with all that is known. Nothing while work is in progress or the operator has to answer.
    fn next(&mut self) -> Vec<Effect> {
        if self.run.at_work.is_some() || self.counting.is_some() {
            return Vec::new();
        }
        if self.stopping {
            return self.leave();
        }
        if let Some((to, writes)) = self.wanted_back.take() {
            return self.begin_rollback(to, writes);
        }
        if !self.started || self.run.paused || self.run.late.is_some() {
            return Vec::new();
        }
        if let Some(ended) = self.run.ended {
            return if self.rules.attended { Vec::new() } else { vec![Effect::Finish(ended)] };
        }
        let next = match self.run.direction.clone() {
            Direction::Forward => self.forward(),
            Direction::Back { to, writes } => self.back(to, writes),
        };
        if self.run.pausing && begins_work(&next) { vec![record(Event::Paused { until: None })] } else { next }
    }

    fn forward(&self) -> Vec<Effect> {
        if let Some(until) = self.until_reached() {
            return vec![record(Event::Paused { until: Some(until) })];
        }
        let Some(index) = self.run.current() else {
            return vec![record(Event::RunEnded { ended: Ended::Done })];
        };
        let step = &self.run.steps[index];
        let id = step.id.clone();
        match step.status {
            Status::Pending | Status::Undone if step.gate != Gate::None => {
                vec![record(Event::GateReached { step: id })]
            }
            Status::AtGate if !step.approved => self.at_gate(id),
            Status::Failed => self.failed(step.failure),
            _ => vec![Effect::Begin { step: id }],
        }
    }

    fn until_reached(&self) -> Option<StepId> {
        let until = self.rules.until.as_ref()?;
        let step = self.run.step(until)?;
        matches!(step.status, Status::Done | Status::Skipped).then(|| until.clone())
    }

    fn at_gate(&self, step: StepId) -> Vec<Effect> {
        if self.rules.yes {
            let operator = self.operator.clone();
            vec![record(Event::GateApproved { step, operator, typed: None, remark: None, by_yes: true })]
        } else if self.rules.attended {
            Vec::new()
        } else {
            vec![Effect::Finish(Ended::Waiting)]
        }
    }

    /// A failed step, or a failed undo: the operator answers, or the run ends here. What waits for a person has not failed.
    fn failed(&self, kind: Option<FailureKind>) -> Vec<Effect> {
        match (kind, self.rules.attended, self.rules.yes) {
            (_, true, false) | (Some(FailureKind::Waiting), true, true) => Vec::new(),
            (Some(FailureKind::Waiting), false, _) => vec![Effect::Finish(Ended::Waiting)],
            _ => vec![record(Event::RunEnded { ended: Ended::Failed })],
        }
    }

    fn back(&mut self, to: usize, writes: LateWrites) -> Vec<Effect> {
        let Some(index) = self.run.next_to_undo(to) else {
            return vec![record(Event::RunEnded { ended: Ended::RolledBack })];
        };
        let step = &self.run.steps[index];
        let id = step.id.clone();
        match step.status {
            Status::UndoFailed => self.failed(step.failure),
            Status::Undoing => vec![record(Event::UndoStarted { step: id })],
            _ if self.has_to_recount(index, &writes) => {
                let to = Some(self.run.steps[to].id.clone());
                self.recounting = true;
                self.count(vec![id], to, writes)
            }
            _ if step.has_changes() => vec![record(Event::UndoStarted { step: id })],
            _ => vec![record(Event::NothingToUndo { step: id })],
        }
    }

    /// A run whose last step ended while it was asked to stop is done all the same.
    fn leave(&self) -> Vec<Effect> {
        let forward = self.run.direction == Direction::Forward;
        if self.started && self.run.ended.is_none() && forward && self.run.current().is_none() {
            return vec![record(Event::RunEnded { ended: Ended::Done })];
        }
        vec![Effect::Finish(self.leaving())]
    }

    /// How this process leaves the run when it is asked to.
    fn leaving(&self) -> Ended {
        match (self.run.ended, self.run.question()) {
            (Some(ended), None) => ended,
            (_, Some(Question::Failure { .. })) => Ended::Failed,
            (_, Some(_)) => Ended::Waiting,
            (None, None) if self.run.paused => Ended::Waiting,
            (None, None) => Ended::Interrupted,
        }
    }
}

fn begins_work(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| match effect {
        Effect::Begin { .. } => true,
        Effect::Record(event) => matches!(
            **event,
            Event::GateReached { .. }
                | Event::GateApproved { .. }
                | Event::UndoStarted { .. }
                | Event::NothingToUndo { .. }
        ),
        Effect::CountLateWrites { .. } => true,
        _ => false,
    })
}

fn record(event: Event) -> Effect {
    Effect::Record(Box::new(event))
}
