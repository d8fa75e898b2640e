//! What each event means for what is shown of its step, and for the downtime.

use crate::engine::event::{Event, Failure, StepPlan};
use crate::engine::snapshot::{Snapshot, StepView};
use crate::evidence::{Evidence, Outcome};
use crate::runbook::{Downtime, StepId};
use jiff::Timestamp;
use std::sync::Arc;

/// A step that has not been reached.
pub(super) fn planned(plan: &StepPlan) -> StepView {
    StepView {
        id: plan.id.0.clone(),
        action: plan.action.clone(),
        note: plan.note.clone(),
        gate: plan.gate.clone(),
        downtime_begins: plan.downtime == Some(Downtime::Begins),
        downtime_ends: plan.downtime == Some(Downtime::Ends),
        description: plan.description.clone(),
        ..StepView::default()
    }
}

/// Takes an event into the views.
pub(super) fn take(snapshot: &mut Snapshot, at: Timestamp, event: &Event) {
    let Some(index) = event.step().and_then(|StepId(id)| snapshot.steps.iter().position(|step| step.id == *id)) else {
        return;
    };
    let view = &mut snapshot.steps[index];
    match event {
        Event::StepStarted { description, .. } => {
            view.description.clone_from(description);
            view.attempts += 1;
            begin(view, at);
        }
        Event::UndoStarted { .. } => begin(view, at),
        Event::StepDone { outcome, .. } => end_well(view, at, outcome),
        Event::StepFailed { failure, .. } | Event::UndoFailed { failure, .. } => end_badly(view, at, failure),
        Event::StepPaused { holding: false, .. } | Event::UndoPaused { .. } => stop_the_clock(view, at),
        Event::StepSkipped { reason, .. } => view.skip_reason = Some(reason.clone()),
        Event::UndoDone { outcome, .. } => {
            end_well(view, at, outcome);
            view.evidence = Arc::default();
        }
        Event::NothingToUndo { .. } => reset(view),
        _ => {}
    }
    take_plan(snapshot, event);
    take_speed(snapshot, index, event);
    take_downtime(snapshot, index, at, event);
}

fn begin(view: &mut StepView, at: Timestamp) {
    view.started = Some(at);
    (view.seconds, view.error, view.failure, view.skip_reason) = (None, None, None, None);
    view.parts.clear();
    view.waiting.clear();
    view.summary.clear();
}

fn stop_the_clock(view: &mut StepView, at: Timestamp) {
    view.seconds = view.started.map(|started| seconds_between(started, at));
    view.rate = 0.0;
    view.waiting.clear();
}

fn end_well(view: &mut StepView, at: Timestamp, outcome: &Outcome) {
    stop_the_clock(view, at);
    view.summary.clone_from(&outcome.summary);
    view.evidence = Arc::new(outcome.evidence.clone());
}

fn end_badly(view: &mut StepView, at: Timestamp, failure: &Failure) {
    stop_the_clock(view, at);
    view.error = Some(failure.message.clone());
    view.failure = Some(failure.kind);
    if *failure.evidence != Evidence::default() {
        view.evidence = Arc::new((*failure.evidence).clone());
    }
}

fn reset(view: &mut StepView) {
    (view.started, view.seconds, view.error, view.failure, view.skip_reason) = (None, None, None, None, None);
    view.summary.clear();
    view.parts.clear();
    view.evidence = Arc::default();
}

/// The newest plan that a step found, and from it how long the copy will take, and the verification, which reads the same rows on both
/// sides.
fn take_plan(snapshot: &mut Snapshot, event: &Event) {
    let evidence = match event {
        Event::StepDone { outcome, .. } => &outcome.evidence,
        Event::StepFailed { failure, .. } => &failure.evidence,
        _ => return,
    };
    if let Some(plan) = &evidence.plan {
        snapshot.plan = Some(Arc::new((**plan).clone()));
        for step in snapshot.steps.iter_mut().filter(|step| matches!(step.action.as_str(), "copy" | "verify")) {
            step.estimate_seconds = Some(plan.estimate_seconds);
        }
    }
}

/// Once the rows have been copied, comparing them is estimated by how long that really took.
fn take_speed(snapshot: &mut Snapshot, index: usize, event: &Event) {
    if let (Event::StepDone { .. }, "copy") = (event, snapshot.steps[index].action.as_str()) {
        let took = snapshot.steps[index].seconds;
        for step in snapshot.steps[index..].iter_mut().filter(|step| step.action == "verify") {
            step.estimate_seconds = took;
        }
    }
}

/// The service is down from the start of the step that begins it to the end of the step that ends it. Going back, it is up again
/// when the first of them is taken back, and down again from the moment at which the last one is.
fn take_downtime(snapshot: &mut Snapshot, index: usize, at: Timestamp, event: &Event) {
    let (begins, ends) = (snapshot.steps[index].downtime_begins, snapshot.steps[index].downtime_ends);
    let is_down = snapshot.down_since.is_some() && snapshot.up_since.is_none();
    match event {
        Event::StepStarted { .. } if begins && !is_down => (snapshot.down_since, snapshot.up_since) = (Some(at), None),
        Event::StepDone { .. } if ends && is_down => snapshot.up_since = Some(at),
        Event::UndoStarted { .. } if ends && !is_down && snapshot.down_since.is_some() => {
            (snapshot.down_since, snapshot.up_since) = (Some(at), None);
        }
        Event::UndoDone { .. } | Event::NothingToUndo { .. } if begins && is_down => snapshot.up_since = Some(at),
        _ => {}
    }
}

/// Seconds from one moment to another; none are negative, whatever the clock did.
pub(in crate::engine) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}
