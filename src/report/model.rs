//! The report as data: what the three formats write, and the JSON format itself.

use super::proof::Proof;
use crate::engine::snapshot::{Decision, FailureKind, RunState, Snapshot, Status, StepView};
use crate::evidence::{
    ColumnRepair, Difference, Finding, IntervalUnit, LevelComparison, PlanReport, Policy, Reject, TableResult,
};
use crate::figures;
use jiff::Timestamp;
use serde::Serialize;

/// Who, when, what, and what was proved.
#[derive(Clone, Debug, Serialize)]
pub struct Report<'a> {
    /// The run's id.
    pub run: &'a str,
    /// The runbook's name.
    pub runbook: &'a str,
    /// The version of this program that began it.
    pub version: &'a str,
    /// Who began it, as `user@host`.
    pub operator: &'a str,
    /// Where the rows came from.
    pub source: &'a str,
    /// Where they went, as `user@host:port/database`.
    pub target: &'a str,
    /// Where the service runs.
    pub place: &'a str,
    /// How the run stands.
    pub state: RunState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// From beginning to end, waits included.
    pub seconds: Option<f64>,
    /// The outage, if there was one.
    pub downtime: Option<Outage>,
    /// Parameters as given, secret ones left out.
    pub parameters: Vec<Parameter<'a>>,
    /// The steps, in order.
    pub steps: Vec<StepReport<'a>>,
    /// What the operator decided, in order.
    pub decisions: &'a [Decision],
    /// What was decided about columns, by whom or by which evidence.
    pub columns: Vec<ColumnDecision<'a>>,
    /// The application's migration levels.
    pub levels: Option<&'a LevelComparison>,
    /// Tables with counts and digests.
    pub tables: Vec<TableResult>,
    /// Refused cells and rows, the first of them.
    pub rejects: Vec<Reject>,
    /// All of them.
    pub rejects_total: u64,
    /// Differing rows, the first of them.
    pub differences: Vec<Difference>,
    /// All of them.
    pub differences_total: u64,
    /// Interval columns that another tool had loaded in the wrong unit.
    pub repairs: Vec<ColumnRepair>,
    /// The plan, whole.
    pub plan: Option<&'a PlanReport>,
}

/// The time in which nobody was served.
#[derive(Clone, Debug, Serialize)]
pub struct Outage {
    /// From.
    pub from: Timestamp,
    /// To; none while it lasts.
    pub to: Option<Timestamp>,
    /// So far, or in all.
    pub seconds: f64,
    /// What the runbook allows.
    pub budget_seconds: Option<f64>,
}

/// A parameter as given.
#[derive(Clone, Debug, Serialize)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its kind.
    pub action: &'a str,
    /// The author's note.
    pub note: &'a str,
    /// What it was to do.
    pub does: &'a str,
    /// How to get back from it.
    pub way_back: &'a str,
    /// How it stands.
    pub status: Status,
    /// When it last started.
    pub started: Option<Timestamp>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// How often it was started.
    pub attempts: u32,
    /// Whether a checkpoint stands from which it can be taken back.
    pub checkpoint: bool,
    /// Whether going back beyond it loses writes.
    pub point_of_no_return: bool,
    /// What it did, in one line.
    pub summary: &'a str,
    /// Why it failed.
    pub error: Option<&'a str>,
    /// Which kind of failure that is.
    pub failure: Option<FailureKind>,
    /// Why it was skipped.
    pub skip_reason: Option<&'a str>,
    /// What was checked one by one.
    pub findings: &'a [Finding],
}

/// What was decided about a column: a unit, or a policy other than `stop`.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnDecision<'a> {
    /// Schema-qualified table.
    pub table: &'a str,
    /// Column.
    pub column: &'a str,
    /// The conversion in words.
    pub conversion: &'a str,
    /// The unit of its integers.
    pub unit: Option<IntervalUnit>,
    /// What happens to cells that do not fit.
    pub policy: Policy,
    /// Why this unit.
    pub because: &'a str,
}

impl<'a> Report<'a> {
    /// Reads a report out of a run.
    #[must_use]
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let proof = Proof::of(snapshot);
        let plan = plan_of(snapshot);
        Self {
            run: &snapshot.run,
            runbook: &snapshot.runbook,
            version: &snapshot.version,
            operator: &snapshot.operator,
            source: &snapshot.source,
            target: &snapshot.target,
            place: &snapshot.place,
            state: snapshot.state,
            started: snapshot.started,
            ended: snapshot.ended,
            seconds: elapsed(snapshot),
            downtime: outage(snapshot),
            parameters: snapshot.parameters.iter().map(|(name, value)| Parameter { name, value }).collect(),
            steps: snapshot.steps.iter().map(|step| StepReport::of(step, snapshot)).collect(),
            decisions: &snapshot.decisions,
            columns: plan.map(decided_columns).unwrap_or_default(),
            levels: plan.and_then(|plan| plan.levels.as_ref()),
            tables: proof.tables,
            repairs: proof.repairs,
            rejects: proof.rejects,
            rejects_total: proof.rejects_total,
            differences: proof.differences,
            differences_total: proof.differences_total,
            plan,
        }
    }
}

impl<'a> StepReport<'a> {
    fn of(step: &'a StepView, snapshot: &Snapshot) -> Self {
        Self {
            id: &step.id,
            action: &step.action,
            note: &step.note,
            does: &step.description.does,
            way_back: &step.description.way_back,
            status: step.status,
            started: step.started,
            seconds: step.seconds,
            attempts: step.attempts,
            checkpoint: step.checkpoint,
            point_of_no_return: snapshot.point_of_no_return.as_ref().is_some_and(|point| point.0 == step.id),
            summary: &step.summary,
            error: step.error.as_deref(),
            failure: step.failure,
            skip_reason: step.skip_reason.as_deref(),
            findings: &step.evidence.findings,
        }
    }
}

/// From beginning to end, or to now while it goes on.
#[must_use]
pub fn elapsed(snapshot: &Snapshot) -> Option<f64> {
    Some(figures::between(snapshot.started?, snapshot.ended.or(snapshot.now)?))
}

/// The outage of a run, if there was one.
#[must_use]
pub fn outage(snapshot: &Snapshot) -> Option<Outage> {
    let from = snapshot.down_since?;
    let until = snapshot.up_since.or(snapshot.ended).or(snapshot.now)?;
    let seconds = figures::between(from, until);
    Some(Outage { from, to: snapshot.up_since, seconds, budget_seconds: snapshot.downtime_budget })
}

/// The plan that the last step with one went by.
fn plan_of(snapshot: &Snapshot) -> Option<&PlanReport> {
    let of_a_step = snapshot.steps.iter().rev().find_map(|step| step.evidence.plan.as_deref());
    of_a_step.or(snapshot.plan.as_deref())
}

fn decided_columns(plan: &PlanReport) -> Vec<ColumnDecision<'_>> {
    let columns = plan.tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
    columns
        .filter(|(_, column)| column.interval.is_some() || column.policy != Policy::Stop)
        .map(|(table, column)| ColumnDecision {
            table: &table.table,
            column: &column.column,
            conversion: &column.conversion,
            unit: column.interval.as_ref().and_then(|evidence| evidence.unit),
            policy: column.policy,
            because: column.interval.as_ref().map_or("", |evidence| &evidence.because),
        })
        .collect()
}
