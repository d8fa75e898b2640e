//! The run as plain data to draw, folded out of its journal: live, and of runs that have ended.

mod decisions;
mod steps;

pub(super) use steps::seconds_between;

use super::event::{Event, Recorded, RunCreated};
use super::machine::Run;
use super::recover::BadEntry;
use super::snapshot::{RunState, Snapshot};
use crate::evidence::{IntervalUnit, Outcome, Policy};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fold, one entry at a time.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    run: Run,
    snapshot: Snapshot,
    outcomes: Arc<BTreeMap<String, Outcome>>,
    units: BTreeMap<String, IntervalUnit>,
    policies: BTreeMap<String, Policy>,
}

impl Fold {
    /// Takes one more entry in.
    ///
    /// # Errors
    /// When the entry cannot happen there; nothing is changed then.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<(), BadEntry> {
        let Recorded { seq, at, event } = recorded;
        self.run.apply(event).map_err(|error| BadEntry { seq: *seq, why: error.into() })?;
        match event {
            Event::RunCreated(created) => self.begin(created, *at),
            Event::RunEnded { .. } => self.snapshot.ended = Some(*at),
            Event::TargetClaimed { address: Some(address), .. } => self.snapshot.target.clone_from(address),
            Event::ProcessStarted { .. } | Event::ProcessEnded { .. } | Event::TargetClaimed { .. } => {}
            Event::StepStarted { .. } | Event::GateReached { .. } => self.take_start(*at),
            _ => self.snapshot.ended = None,
        }
        self.remember(event);
        steps::take(&mut self.snapshot, *at, event);
        self.snapshot.decisions.extend(decisions::of(recorded, &self.snapshot.operator));
        self.mirror();
        self.snapshot.now = Some(*at);
        Ok(())
    }

    fn begin(&mut self, created: &RunCreated, at: jiff::Timestamp) {
        let labels = &created.labels;
        self.snapshot = Snapshot {
            run: created.run.clone(),
            runbook: labels.runbook.clone(),
            source: labels.source.clone(),
            target: labels.target.clone(),
            place: labels.place.clone(),
            production: labels.production,
            started: Some(at),
            steps: created.steps.iter().map(steps::planned).collect(),
            downtime_budget: created.downtime_budget,
            point_of_no_return: created.point_of_no_return.clone(),
            operator: created.operator.to_string(),
            version: created.version.clone(),
            parameters: created.values.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            ..Snapshot::default()
        };
    }

    /// A run that lay ready for an hour has not taken an hour: it begins with its first step.
    fn take_start(&mut self, at: jiff::Timestamp) {
        self.snapshot.ended = None;
        if self.snapshot.state == RunState::Ready {
            self.snapshot.started = Some(at);
        }
    }

    /// What later steps and their templates need of earlier ones.
    fn remember(&mut self, event: &Event) {
        match event {
            Event::StepDone { step, outcome } => {
                Arc::make_mut(&mut self.outcomes).insert(step.0.clone(), (**outcome).clone());
            }
            Event::StepStarted { step, .. } | Event::UndoDone { step, .. } | Event::NothingToUndo { step } => {
                Arc::make_mut(&mut self.outcomes).remove(&step.0);
            }
            Event::UnitDecided { column, unit, .. } => {
                self.units.insert(column.clone(), *unit);
            }
            Event::PolicyDecided { column, policy, .. } => {
                self.policies.insert(column.clone(), *policy);
            }
            _ => {}
        }
    }

    /// What the run itself knows better than any event alone.
    fn mirror(&mut self) {
        self.snapshot.state = self.run.state();
        self.snapshot.question = self.run.question();
        for (view, step) in self.snapshot.steps.iter_mut().zip(self.run.steps()) {
            view.status = step.status;
            view.checkpoint = step.checkpoint.is_some();
        }
    }

    /// The run as it can be gone on with.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The run as it can be drawn.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What the steps that are done said at their end.
    #[must_use]
    pub fn outcomes(&self) -> &Arc<BTreeMap<String, Outcome>> {
        &self.outcomes
    }

    /// Units that the operator decided, by `TABLE.COLUMN`.
    #[must_use]
    pub fn units(&self) -> &BTreeMap<String, IntervalUnit> {
        &self.units
    }

    /// Policies that the operator decided, by `TABLE.COLUMN`.
    #[must_use]
    pub fn policies(&self) -> &BTreeMap<String, Policy> {
        &self.policies
    }
}

/// The run as its journal tells it. No process is needed; [`super::runs::RunDir::snapshot`] also knows whether one is at work.
///
/// # Errors
/// When an entry cannot happen where it stands.
pub fn fold(entries: &[Recorded]) -> Result<Snapshot, BadEntry> {
    let mut fold = Fold::default();
    for entry in entries {
        fold.apply(entry)?;
    }
    Ok(fold.snapshot)
}
