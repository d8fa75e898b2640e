//! Figures that follow from a snapshot: which step matters now, how long the service is down, what is left. Pure.

use crate::engine::snapshot::{Question, RunState, Snapshot, Status, StepView};
use crate::runbook::Gate;
use jiff::Timestamp;

/// Figures of one snapshot at one moment.
pub(in crate::tui) struct Figures<'a> {
    snapshot: &'a Snapshot,
    now: Option<Timestamp>,
}

/// What is left to do, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::tui) struct Left {
    /// Seconds, of the steps that have an estimate.
    pub seconds: f64,
    /// Whether every step has one; else it takes at least this long.
    pub whole: bool,
}

impl<'a> Figures<'a> {
    pub(in crate::tui) fn new(snapshot: &'a Snapshot, now: Option<Timestamp>) -> Self {
        Self { snapshot, now }
    }

    /// The step that matters now: the one that the run waits with, else the one at work, else the next, else the last.
    pub(in crate::tui) fn active(snapshot: &Snapshot) -> usize {
        if let Some(Question::Gate { step, .. } | Question::Failure { step }) = &snapshot.question
            && let Some(index) = snapshot.steps.iter().position(|view| view.id == step.0)
        {
            return index;
        }
        let find = |wanted: fn(Status) -> bool| snapshot.steps.iter().position(|step| wanted(step.status));
        if let Some(index) = find(is_busy).or_else(|| find(is_stuck)) {
            return index;
        }
        match snapshot.state {
            RunState::RolledBack => find(|status| status == Status::Undone).unwrap_or(0),
            RunState::RollingBack => snapshot.steps.iter().rposition(|step| step.status == Status::Done).unwrap_or(0),
            _ => find(|status| status == Status::Pending).unwrap_or_else(|| snapshot.steps.len().saturating_sub(1)),
        }
    }

    /// Seconds from one moment to another; to now when `to` is none.
    fn between(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Option<f64> {
        let seconds = to.or(self.now)?.duration_since(from?).as_secs_f64();
        Some(seconds.max(0.0))
    }

    /// How long the run has taken.
    pub(in crate::tui) fn elapsed(&self) -> Option<f64> {
        self.between(self.snapshot.started, self.snapshot.ended)
    }

    /// How long the service is or was down.
    pub(in crate::tui) fn downtime(&self) -> Option<f64> {
        self.between(self.snapshot.down_since, self.snapshot.up_since)
    }

    /// Whether the service is down now.
    pub(in crate::tui) fn service_is_down(&self) -> bool {
        self.snapshot.down_since.is_some() && self.snapshot.up_since.is_none()
    }

    /// How long a step took or has taken so far.
    pub(in crate::tui) fn step_seconds(&self, step: &StepView) -> Option<f64> {
        if is_busy(step.status) { self.between(step.started, None).or(step.seconds) } else { step.seconds }
    }

    /// What is left until the service is up again, or of the whole run where it is not down; none where most of it is unknown.
    pub(in crate::tui) fn left(&self) -> Option<Left> {
        let down = self.service_is_down();
        let last = self.snapshot.steps.iter().position(|step| down && step.downtime_ends);
        let steps = &self.snapshot.steps[..last.map_or(self.snapshot.steps.len(), |index| index + 1)];
        let to_come = steps.iter().filter(|step| !is_over(step.status));
        let mut left = Left { seconds: 0.0, whole: true };
        let (mut known, mut unknown) = (0, 0);
        for step in to_come {
            match self.step_left(step) {
                Some(seconds) => {
                    left.seconds += seconds;
                    known += 1;
                }
                None => {
                    left.whole = false;
                    unknown += 1;
                }
            }
        }
        (known > unknown).then_some(left)
    }

    /// What is left of one step: by its rows and their rate while it is at work, else by its estimate.
    pub(in crate::tui) fn step_left(&self, step: &StepView) -> Option<f64> {
        if is_over(step.status) {
            return Some(0.0);
        }
        let elapsed = self.step_seconds(step).filter(|_| is_busy(step.status)).unwrap_or(0.0);
        let by_estimate = step.estimate_seconds.map(|estimate| (estimate - elapsed).max(0.0));
        let by_rate = Totals::of(step).and_then(|totals| totals.left(step.rate));
        match (is_busy(step.status), by_rate, by_estimate) {
            (true, Some(rate), Some(estimate)) => Some(rate.max(estimate.min(rate * 2.0))),
            (true, Some(rate), None) => Some(rate),
            (_, _, estimate) => estimate,
        }
    }

    /// How many steps would be taken back by a rollback to the start: those that changed something and still stand.
    pub(in crate::tui) fn steps_to_take_back(&self) -> usize {
        self.snapshot.steps.iter().filter(|step| has_way_back(step)).count()
    }

    /// How long it would take to have the former service back, in seconds; of the whole way back where the service is not down. What a
    /// step's undo took when this runbook was last rolled back, else guessed: as long as the step took, for a copy a tenth of that
    /// (emptying tables takes no rows apart). None where there is nothing to take back.
    pub(in crate::tui) fn time_back(&self) -> Option<f64> {
        let begins = || self.snapshot.steps.iter().position(|step| step.downtime_begins);
        self.time_back_to(if self.service_is_down() { begins().unwrap_or(0) } else { 0 })
    }

    /// The same down to and with the step at `index`.
    pub(in crate::tui) fn time_back_to(&self, index: usize) -> Option<f64> {
        let back: Vec<&StepView> = self.snapshot.steps[index..].iter().filter(|step| has_way_back(step)).collect();
        let seconds = |step: &&StepView| {
            let share = if step.action == "copy" { 0.1 } else { 1.0 };
            step.back_seconds.unwrap_or_else(|| self.step_seconds(step).unwrap_or_default() * share)
        };
        (!back.is_empty()).then(|| back.iter().map(seconds).sum())
    }

    /// Whether the point of no return has been crossed: its step has been started and not been taken back.
    pub(in crate::tui) fn past_no_return(&self) -> bool {
        let Some(point) = &self.snapshot.point_of_no_return else { return false };
        self.snapshot.steps.iter().any(|step| step.id == point.0 && stands(step.status))
    }

    /// The name to be typed for what cannot be taken back: what the runbook's gates ask for, else the runbook's name.
    pub(in crate::tui) fn name_to_type(&self) -> String {
        let gate = self.snapshot.steps.iter().find_map(|step| match &step.gate {
            Gate::Typed(name) => Some(name.clone()),
            _ => None,
        });
        gate.unwrap_or_else(|| self.snapshot.runbook.clone())
    }
}

/// The sum over those parts of a step that are counted in its main unit.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::tui) struct Totals {
    /// What is counted.
    pub unit: String,
    /// Done.
    pub done: u64,
    /// All; none as long as some part does not know.
    pub total: Option<u64>,
    /// Bytes of it.
    pub bytes: u64,
}

impl Totals {
    /// The totals of a step that has parts: over rows where there are any, else over the first part's unit.
    pub(in crate::tui) fn of(step: &StepView) -> Option<Self> {
        let rows = step.parts.iter().find(|part| part.unit == "rows");
        let unit = rows.or_else(|| step.parts.first())?.unit.clone();
        let same = || step.parts.iter().filter(|part| part.unit == unit);
        let total = same().map(|part| if part.finished { Some(part.done) } else { part.total }).sum();
        let done = same().map(|part| part.done).sum();
        let bytes = same().map(|part| part.bytes).sum();
        Some(Self { unit, done, total, bytes })
    }

    /// Seconds to the last of it, at this rate.
    pub(in crate::tui) fn left(&self, rate: f64) -> Option<f64> {
        let left = self.total?.saturating_sub(self.done);
        if left == 0 {
            return Some(0.0);
        }
        (rate > 0.0 && rate.is_finite()).then(|| left as f64 / rate)
    }

    /// Bytes per second, from the rate and the mean size so far.
    pub(in crate::tui) fn byte_rate(&self, rate: f64) -> Option<u64> {
        (self.bytes > 0 && self.done > 0 && self.unit != "bytes" && rate > 0.0)
            .then(|| (rate * self.bytes as f64 / self.done as f64) as u64)
    }
}

/// Whether a step is at work.
pub(in crate::tui) fn is_busy(status: Status) -> bool {
    matches!(status, Status::Running | Status::Pausing | Status::Undoing)
}

/// Whether a step keeps the run from going on.
pub(in crate::tui) fn is_stuck(status: Status) -> bool {
    matches!(status, Status::Failed | Status::UndoFailed | Status::Unknown | Status::AtGate | Status::Paused)
}

/// Whether nothing is left to do for a step on the way forward.
fn is_over(status: Status) -> bool {
    matches!(status, Status::Done | Status::Skipped)
}

/// Whether a step changed something, which its checkpoint can take back.
fn has_way_back(step: &StepView) -> bool {
    stands(step.status) && step.checkpoint && step.description.changes
}

/// Whether what a step did may still stand.
pub(in crate::tui) fn stands(status: Status) -> bool {
    matches!(
        status,
        Status::Done
            | Status::Failed
            | Status::Running
            | Status::Pausing
            | Status::Paused
            | Status::Unknown
            | Status::UndoFailed
    )
}
