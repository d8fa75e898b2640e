//! What each event means for what is shown of its step, and for the downtime.

use crate::engine::event::{Event, Failure, StepPlan};
use crate::engine::snapshot::{Snapshot, StepView};
use crate::evidence::{ColumnPlan, Evidence, Outcome, TablePlan};
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
    take_decision(snapshot, event);
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

/// The newest plan that a step found, unless an earlier one knows more (a copy plans without reading every cell), and from it how long the copy will take, and the verification, which reads the same rows on both
/// sides.
fn take_plan(snapshot: &mut Snapshot, event: &Event) {
    let evidence = match event {
        Event::StepDone { outcome, .. } => &outcome.evidence,
        Event::StepFailed { failure, .. } => &failure.evidence,
        _ => return,
    };
    if let Some(plan) = &evidence.plan {
        let poorer = snapshot.plan.as_ref().is_some_and(|known| known.looked_at_cells()) && !plan.looked_at_cells();
        if !poorer {
            snapshot.plan = Some(Arc::new((**plan).clone()));
        }
        for step in snapshot.steps.iter_mut().filter(|step| matches!(step.action.as_str(), "copy" | "verify")) {
            step.estimate_seconds = Some(plan.estimate_seconds);
        }
    }
}

/// What the operator decided about a column, in the plan that is shown; the copy plans once more and finds the same.
fn take_decision(snapshot: &mut Snapshot, event: &Event) {
    let (Event::UnitDecided { column: subject, operator, .. } | Event::PolicyDecided { column: subject, operator, .. }) =
        event
    else {
        return;
    };
    let Some(plan) = snapshot.plan.as_mut().map(Arc::make_mut) else { return };
    let own = |table: &TablePlan, column: &ColumnPlan| {
        subject.strip_prefix(&table.table).and_then(|rest| rest.strip_prefix('.')) == Some(&column.column)
    };
    let found = plan
        .tables
        .iter()
        .enumerate()
        .find_map(|(index, table)| Some((index, table.columns.iter().position(|column| own(table, column))?)));
    if let Some(column) = found.map(|(table, column)| &mut plan.tables[table].columns[column]) {
        match event {
            Event::UnitDecided { unit, .. } => {
                if let Some(evidence) = &mut column.interval {
                    evidence.unit = Some(*unit);
                    evidence.because = format!("{operator} decided it in this run");
                }
            }
            Event::PolicyDecided { policy, .. } => column.policy = *policy,
            _ => {}
        }
    }
    if let Event::UnitDecided { .. } = event {
        plan.problems.retain(|problem| !(problem.undecided && problem.subject == *subject));
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

#[cfg(test)]
mod tests {
    use super::take;
    use crate::engine::event::{Event, Operator};
    use crate::engine::snapshot::Snapshot;
    use crate::evidence::{ColumnPlan, IntervalEvidence, IntervalUnit, PlanReport, Policy, Problem, TablePlan};
    use jiff::Timestamp;
    use std::sync::Arc;

    fn planned() -> Snapshot {
        let evidence = IntervalEvidence {
            table: "public.alert".to_owned(),
            column: "delay".to_owned(),
            values: 3,
            histograms: Vec::new(),
            unit: None,
            because: "nothing settles it".to_owned(),
        };
        let column = ColumnPlan { column: "delay".to_owned(), interval: Some(evidence), ..ColumnPlan::default() };
        let table = TablePlan { table: "public.alert".to_owned(), columns: vec![column], ..TablePlan::default() };
        let problem = Problem {
            subject: "public.alert.delay".to_owned(),
            message: "undecided".to_owned(),
            remedy: String::new(),
            undecided: true,
        };
        let plan = PlanReport { tables: vec![table], problems: vec![problem], ..PlanReport::default() };
        Snapshot { plan: Some(Arc::new(plan)), ..Snapshot::default() }
    }

    #[test]
    fn a_decision_is_seen_in_the_plan_at_once() {
        let mut snapshot = planned();
        let column = || "public.alert.delay".to_owned();
        let operator = Operator { user: "kim".to_owned(), host: "host1".to_owned() };
        let unit = Event::UnitDecided { column: column(), unit: IntervalUnit::Ms, operator: operator.clone() };
        take(&mut snapshot, Timestamp::UNIX_EPOCH, &unit);
        let policy = Event::PolicyDecided { column: column(), policy: Policy::SkipRow, operator };
        take(&mut snapshot, Timestamp::UNIX_EPOCH, &policy);
        let plan = snapshot.plan.expect("a plan");
        let decided = &plan.tables[0].columns[0];
        let evidence = decided.interval.as_ref().expect("evidence");
        assert_eq!((evidence.unit, decided.policy), (Some(IntervalUnit::Ms), Policy::SkipRow));
        assert_eq!(evidence.because, "kim@host1 decided it in this run");
        assert!(plan.problems.is_empty());
    }
}
