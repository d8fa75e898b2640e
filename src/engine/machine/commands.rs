//! What the operator may ask, when, and what follows from it.

use super::run::{Direction, Goal};
use super::{Machine, record};
use crate::engine::command::{Command, LateWrites};
use crate::engine::effect::{Effect, Wanted};
use crate::engine::event::{Ended, Event};
use crate::engine::snapshot::Question;
use crate::engine::status::Status;
use crate::runbook::{Gate, StepId};

/// Why a command is not obeyed, as it is shown to the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

type Answer = Result<Vec<Effect>, Refusal>;

impl Machine {
    /// What follows from a command.
    ///
    /// # Errors
    /// When it cannot be obeyed now; nothing is changed then.
    pub fn command(&mut self, command: &Command) -> Answer {
        if self.counting.is_some() && *command != Command::Quit {
            return refused("what going back would lose is being counted; ask again when it is known");
        }
        match command {
            Command::Start => self.start(),
            Command::Approve { step, typed, remark } => self.approve(step, typed.as_deref(), remark.as_deref()),
            Command::Refuse { step, remark } => self.refuse(step, remark.as_deref()),
            Command::Pause => self.pause(),
            Command::Resume => self.resume(),
            Command::Retry { step } => self.retry(step),
            Command::Skip { step, reason } => self.skip(step, reason),
            Command::Rollback { to, writes } => self.rollback(to.clone(), writes),
            Command::SetUnit { column, unit } => {
                self.may_decide()?;
                let operator = self.operator.clone();
                Ok(vec![record(Event::UnitDecided { column: column.clone(), unit: *unit, operator })])
            }
            Command::SetPolicy { column, policy } => {
                self.may_decide()?;
                let operator = self.operator.clone();
                Ok(vec![record(Event::PolicyDecided { column: column.clone(), policy: *policy, operator })])
            }
            Command::Quit => Ok(self.quit()),
        }
    }

    fn start(&mut self) -> Answer {
        if self.started {
            return refused("the run has been started already");
        }
        if self.run.ended == Some(Ended::Done) && self.rules.attended {
            return refused("all steps are done; there is nothing to go on with");
        }
        self.started = true;
        match self.run.ended {
            Some(Ended::Failed | Ended::RolledBack) => Ok(vec![record(Event::Resumed {})]).map(|go| self.or_again(go)),
            _ if self.run.late.is_some() => Ok(vec![record(Event::Resumed {})]),
            _ => {
                let next = self.next();
                Ok(self.or_again(next))
            }
        }
    }

    /// Going on with a failed step when nobody is there to say so is to try it again.
    fn or_again(&self, otherwise: Vec<Effect>) -> Vec<Effect> {
        match self.run.question() {
            Some(Question::Failure { step }) if !self.rules.attended || self.rules.yes => self.again(step),
            _ => otherwise,
        }
    }

    fn again(&self, step: StepId) -> Vec<Effect> {
        match self.run.direction {
            Direction::Forward => vec![Effect::Begin { step }],
            Direction::Back { .. } => vec![record(Event::UndoStarted { step })],
        }
    }

    fn approve(&mut self, step: &StepId, typed: Option<&str>, remark: Option<&str>) -> Answer {
        let state = self.at_its_gate(step)?;
        if let Gate::Typed(name) = &state
            && typed != Some(name.as_str())
        {
            return refused(format!("to pass the gate of step {step}, type {name}"));
        }
        self.started = true;
        Ok(vec![record(Event::GateApproved {
            step: step.clone(),
            operator: self.operator.clone(),
            typed: typed.map(ToOwned::to_owned),
            remark: remark.map(ToOwned::to_owned),
            by_yes: false,
        })])
    }

    fn at_its_gate(&self, step: &StepId) -> Result<Gate, Refusal> {
        match self.run.step(step) {
            Some(state) if state.status == Status::AtGate && !state.approved => Ok(state.gate.clone()),
            Some(_) => Err(Refusal(format!("step {step} does not wait at its gate"))),
            None => Err(unknown(step)),
        }
    }

    fn refuse(&mut self, step: &StepId, remark: Option<&str>) -> Answer {
        if self.run.late.is_some() {
            return Ok(vec![record(Event::Resumed {})]);
        }
        self.at_its_gate(step)?;
        let remark = remark.map(ToOwned::to_owned);
        Ok(vec![record(Event::GateRefused { step: step.clone(), operator: self.operator.clone(), remark })])
    }

    fn pause(&mut self) -> Answer {
        if self.run.paused || self.run.pausing {
            return refused("the run is paused already, or about to be");
        }
        if self.run.at_work.is_none() {
            return refused("nothing is at work that could be paused");
        }
        Ok(vec![record(Event::PauseRequested {})])
    }

    fn resume(&mut self) -> Answer {
        if !self.started {
            return self.start();
        }
        let taken_back = self.run.ended == Some(Ended::RolledBack);
        if self.run.paused || self.run.pausing || taken_back || self.run.late.is_some() {
            return Ok(vec![record(Event::Resumed {})]);
        }
        refused("the run is not paused")
    }

    fn retry(&mut self, step: &StepId) -> Answer {
        self.nothing_at_work("tried again")?;
        match self.run.question() {
            Some(Question::Failure { step: failed }) if failed == *step => {
                self.started = true;
                Ok(self.again(failed))
            }
            _ => refused(format!("step {step} has not failed; only a failed step, or a failed undo, is tried again")),
        }
    }

    fn skip(&mut self, step: &StepId, reason: &str) -> Answer {
        self.nothing_at_work("left out")?;
        if reason.trim().is_empty() {
            return refused("say why the step is left out: the report will show it");
        }
        let state = self.run.step(step).ok_or_else(|| unknown(step))?;
        let (current, waits) = match &self.run.direction {
            Direction::Forward => (
                self.run.current(),
                matches!(state.status, Status::AtGate | Status::Failed | Status::Paused | Status::Unknown),
            ),
            Direction::Back { to, .. } => (self.run.next_to_undo(*to), state.status == Status::UndoFailed),
        };
        if !waits || current != self.run.index(step) {
            return refused(format!("step {step} neither failed nor waits; only such a step is left out"));
        }
        self.started = true;
        let operator = Some(self.operator.clone());
        Ok(vec![record(Event::StepSkipped { step: step.clone(), reason: reason.trim().to_owned(), operator })])
    }

    fn rollback(&mut self, to: Option<StepId>, writes: &LateWrites) -> Answer {
        let Some(goal) = self.run.index_of_goal(to.as_ref()) else {
            return Err(to.as_ref().map_or_else(|| Refusal("the run has no steps".to_owned()), unknown));
        };
        if self.wanted_back.is_some() {
            return refused("going back has been asked for already");
        }
        if !self.run.may_turn_back(to.as_ref()) {
            return refused("an earlier step is only half taken back; go back to it or further");
        }
        if !self.run.has_way_back(goal) && !self.rules.attended {
            return Ok(vec![Effect::Finish(Ended::RolledBack)]); // asked for twice: it is as it was asked for
        }
        if !self.run.has_way_back(goal) {
            return refused("there is nothing to take back there");
        }
        self.started = true;
        if self.run.at_work.is_some() {
            self.wanted_back = Some((to, writes.clone()));
            return Ok(vec![Effect::Wish(Wanted::Stop)]);
        }
        Ok(self.begin_rollback(to, writes.clone()))
    }

    /// Begins to take back, or first has late writes counted where the way crosses the point of no return. Where they are to be
    /// exported they are, wherever the way leads: the rows are gone afterwards.
    pub(super) fn begin_rollback(&mut self, to: Option<StepId>, writes: LateWrites) -> Vec<Effect> {
        let beyond = self.beyond_the_point(to.as_ref());
        let exports = matches!(writes, LateWrites::Export(_));
        let steps = if beyond.is_empty() && exports { self.changed_from(to.as_ref()) } else { beyond };
        self.recounting = false;
        if steps.is_empty() || writes == LateWrites::Lose {
            return vec![self.rollback_began(to, writes)];
        }
        self.count(steps, to, writes)
    }

    pub(super) fn count(&mut self, steps: Vec<StepId>, to: Option<StepId>, writes: LateWrites) -> Vec<Effect> {
        self.counting = Some((to.clone(), writes.clone()));
        vec![Effect::CountLateWrites { steps, to, writes }]
    }

    /// The first count was taken, or exported, while the application still ran. Once all steps beyond the point but the first of
    /// them are taken back, nobody writes any more, and what came meanwhile is counted too.
    pub(super) fn has_to_recount(&self, index: usize, writes: &LateWrites) -> bool {
        let goal = match &self.run.direction {
            Direction::Forward => return false,
            Direction::Back { to, .. } => self.run.steps[*to].id.clone(),
        };
        let stopped = self.run.steps[index + 1..].iter().any(|step| step.status == Status::Undone && step.changes);
        let last = self.beyond_the_point(Some(&goal)) == [self.run.steps[index].id.clone()];
        !self.recounted && *writes != LateWrites::Lose && stopped && last
    }

    fn rollback_began(&self, to: Option<StepId>, writes: LateWrites) -> Effect {
        record(Event::RollbackBegan { to, writes, operator: self.operator.clone() })
    }

    /// The steps at or after the point of no return that have changed something and would be taken back.
    fn beyond_the_point(&self, to: Option<&StepId>) -> Vec<StepId> {
        let point = self.run.point_of_no_return.as_ref().and_then(|id| self.run.index(id));
        let (Some(point), Some(goal)) = (point, self.run.index_of_goal(to)) else { return Vec::new() };
        let beyond = self.run.steps.iter().skip(point.max(goal)).filter(|step| step.has_changes());
        beyond.map(|step| step.id.clone()).collect()
    }

    fn changed_from(&self, to: Option<&StepId>) -> Vec<StepId> {
        let goal = self.run.index_of_goal(to).unwrap_or_default();
        self.run.steps.iter().skip(goal).filter(|step| step.has_changes()).map(|step| step.id.clone()).collect()
    }

    /// What follows when the late writes are counted, or could not be: the run stays where it is then, and says why.
    pub fn counted(&mut self, rows: Result<u64, String>) -> (Vec<Effect>, Option<Refusal>) {
        let Some((to, writes)): Option<Goal> = self.counting.take() else { return (Vec::new(), None) };
        let on_the_way = self.run.direction != Direction::Forward;
        let effects = match rows {
            _ if self.stopping => self.next(),
            Ok(1..) if writes == LateWrites::Keep => {
                vec![record(Event::LateWritesFound { to, rows: rows.unwrap_or_default() })]
            }
            Ok(_) if self.recounting => {
                self.recounted = true;
                self.next()
            }
            Ok(_) => vec![self.rollback_began(to, writes)],
            Err(why) => {
                let why = format!("going back could lose what the application wrote since the switch, and {why}");
                let paused = (on_the_way && !self.run.paused).then(|| record(Event::Paused { until: None }));
                return (paused.into_iter().collect(), Some(Refusal(why)));
            }
        };
        (effects, None)
    }

    fn may_decide(&self) -> Result<(), Refusal> {
        self.nothing_at_work("decided about")?;
        let loaded = self.run.steps.iter().find(|step| step.action == "copy" && step.status == Status::Done);
        match loaded {
            Some(step) => Err(Refusal(format!(
                "the rows are loaded already; roll back to step {} to load them in another way",
                step.id
            ))),
            None => Ok(()),
        }
    }

    fn nothing_at_work(&self, what: &str) -> Result<(), Refusal> {
        match self.run.at_work {
            Some(index) => {
                let step = &self.run.steps[index].id;
                Err(Refusal(format!("step {step} is at work; nothing can be {what} before it ends or is paused")))
            }
            None => Ok(()),
        }
    }

    fn quit(&mut self) -> Vec<Effect> {
        self.stopping = true;
        let busy = self.run.at_work.is_some() || self.counting.is_some();
        if busy { vec![Effect::Wish(Wanted::Stop)] } else { self.next() }
    }
}

fn refused<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

fn unknown(step: &StepId) -> Refusal {
    Refusal(format!("the run has no step {step}"))
}
