//! `cutover status`: where a run stands, read from its journal; no database is asked.

use super::{Stop, form, print};
use crate::cli;
use crate::engine::Snapshot;
use crate::engine::runs::{RunDir, Runs};
use crate::engine::snapshot::{Question, StepView};
use crate::figures;
use crate::headless::{Form, Voice, exit};
use crate::report::model::{Report, elapsed, outage};
use crate::report::{aligned, state_name, status_name};
use serde::Serialize;

/// Prints where a run stands.
pub(super) fn run(options: &cli::Status) -> Result<u8, Stop> {
    let runs = Runs::from_environment()?;
    let dir = options.run.as_deref().map_or_else(|| runs.newest(), |run| runs.find(run))?;
    let snapshot = dir.snapshot()?;
    match form(options.output) {
        Form::Text => lines(&dir, &snapshot).iter().for_each(|line| print(line)),
        Form::Json => Voice::stdout(Form::Json).object(&Standing::of(&dir, &snapshot)),
    }
    Ok(exit::DONE)
}

#[derive(Serialize)]
struct Standing<'a> {
    event: &'static str,
    #[serde(flatten)]
    report: Report<'a>,
    directory: &'a str,
    driven_by: Option<String>,
    waits_for: Option<String>,
}

impl<'a> Standing<'a> {
    fn of(dir: &RunDir, snapshot: &'a Snapshot) -> Self {
        let mut report = Report::of(snapshot);
        report.plan = None;
        let driven_by = dir.holder().map(|holder| holder.to_string());
        let waits_for = snapshot.question.as_ref().map(question);
        Self { event: "status", report, directory: &snapshot.run_dir, driven_by, waits_for }
    }
}

fn lines(dir: &RunDir, snapshot: &Snapshot) -> Vec<String> {
    let mut lines = vec![
        format!("{} of {}: {}", snapshot.run, snapshot.runbook, state_name(snapshot.state)),
        format!("{} to {}", snapshot.source, snapshot.target),
    ];
    lines.extend(snapshot.started.map(|at| format!("began {}, took {}", figures::moment(at), took(snapshot))));
    lines.extend(dir.holder().map(|holder| format!("driven by {holder}")));
    lines.extend(outage(snapshot).map(|outage| {
        let state = if outage.to.is_some() { "the service was down for" } else { "the service is down since" };
        format!("{state} {}", figures::seconds(outage.seconds))
    }));
    lines.push(String::new());
    lines.extend(aligned(&["step", "state", ">took", "way back", "what it did"], &rows(snapshot)));
    lines.extend(snapshot.question.as_ref().map(|asked| format!("\nwaits for the operator: {}", question(asked))));
    lines.extend(errors(snapshot));
    lines.push(format!("\ndirectory: {}", dir.path().display()));
    lines
}

fn took(snapshot: &Snapshot) -> String {
    elapsed(snapshot).map(figures::seconds).unwrap_or_default()
}

fn rows(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let row = |step: &StepView| {
        let did =
            step.skip_reason.as_ref().map_or_else(|| step.summary.clone(), |reason| format!("left out: {reason}"));
        vec![
            step.id.clone(),
            status_name(step.status).to_owned(),
            step.seconds.map(figures::seconds).unwrap_or_default(),
            if step.checkpoint { "checkpoint" } else { "" }.to_owned(),
            did,
        ]
    };
    snapshot.steps.iter().map(row).collect()
}

fn errors(snapshot: &Snapshot) -> Vec<String> {
    let failed = snapshot.steps.iter().filter_map(|step| Some((step, step.error.as_ref()?)));
    failed.map(|(step, error)| format!("\n{}: {error}", step.id)).collect()
}

fn question(question: &Question) -> String {
    match question {
        Question::Gate { step, typed: None } => format!("the gate of {step}"),
        Question::Gate { step, typed: Some(name) } => format!("the gate of {step}, where {name} has to be typed"),
        Question::Failure { step } => format!("{step} failed: resume (tries it again), or roll back"),
        Question::LateWrites { rows, .. } => {
            format!("going back would lose {}: --lose-writes or --export-writes FILE", figures::counted(*rows, "row"))
        }
    }
}
