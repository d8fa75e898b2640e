//! Reads a copy of the live source against the real schema, while the service still runs: whatever would stop the copy is found
//! before the outage.

use super::job::Load;
use super::{Action, ActionError, Checkpoint, Context, Description, FailureKind, Outcome, frozen, source};
use crate::connect::kubernetes::Permission;
use crate::evidence::{Evidence, PlanReport, Policy};
use crate::figures;
use crate::transfer;
use async_trait::async_trait;
use serde_json::Value;

/// The action.
pub(super) struct Scan;

#[async_trait]
impl Action for Scan {
    fn describe(&self, context: &Context) -> Description {
        Description {
            does: format!(
                "Reads a copy of {} against the schema of {}: conversions, misfits, broken references, time.",
                context.runbook.source.label(),
                context.target.label()
            ),
            effects: vec!["reads every row once; the copy is removed afterwards".to_owned()],
            way_back: "Changes nothing.".to_owned(),
            reversible: true,
            changes: false,
        }
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        source::permissions(context)
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        frozen::look(context).await?;
        let path = frozen::scan_path(context);
        let load = Load::new(context, path.clone());
        let job = transfer::Job { rejects_file: None, ..load.job(context) };
        let planned = transfer::plan(&job).await?;
        frozen::remove(&path)?;
        let report = planned.report;
        let summary = format!(
            "{}, {}, about {}",
            figures::counted(u64::try_from(report.tables.len()).unwrap_or_default(), "table"),
            figures::counted(report.rows, "row"),
            figures::seconds(report.estimate_seconds)
        );
        let refusal = refusal(&report);
        let evidence = Evidence { plan: Some(Box::new(report)), ..Evidence::default() };
        match refusal {
            Some((kind, message)) => Err(ActionError::new(kind, message).with_evidence(evidence)),
            None => Ok(Outcome { summary, evidence, ..Outcome::default() }),
        }
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        frozen::remove(&frozen::scan_path(context))?;
        source::remove_reader(context).await?;
        Ok(Outcome { summary: "nothing to take back".to_owned(), ..Outcome::default() })
    }
}

/// Rows that break a key or a check, named one by one.
const BREAKS: usize = 10;

/// Why a copy with this plan would be refused or would stop; none when it would not.
fn refusal(report: &PlanReport) -> Option<(FailureKind, String)> {
    let undecided = report.problems.iter().all(|problem| problem.undecided);
    let mut lines: Vec<String> = report
        .problems
        .iter()
        .map(|problem| format!("{}: {}; {}", problem.subject, problem.message, problem.remedy))
        .collect();
    let kind = if undecided && !lines.is_empty() { FailureKind::Undecided } else { FailureKind::Refused };
    for table in &report.tables {
        let stopping = table.columns.iter().filter(|column| column.policy == Policy::Stop && column.misfits_total > 0);
        lines.extend(stopping.map(|column| {
            let example = column.misfits.first().map(|misfit| format!(", such as {}", misfit.reason));
            format!(
                "{}.{}: {} not fit{}; correct the source, or choose a policy for the column",
                table.table,
                column.column,
                match column.misfits_total {
                    1 => "one cell does".to_owned(),
                    many => format!("{} do", figures::counted(many, "cell")),
                },
                example.unwrap_or_default()
            )
        }));
    }
    let stopping: Vec<_> = report.breaks.iter().filter(|reject| reject.action == Policy::Stop).collect();
    lines.extend(stopping.iter().take(BREAKS).map(|reject| {
        let key = serde_json::Value::Object(reject.key.clone());
        format!("{} {key}, {}: {}", reject.table, reject.column.as_deref().unwrap_or("the row"), reject.reason)
    }));
    if stopping.len() > BREAKS || lines.is_empty() && report.stopping > 0 {
        lines.push(format!(
            "cells and rows of the source that are refused and that no policy lets through: {} in all",
            figures::count(report.stopping)
        ));
    }
    let kind = if report.problems.is_empty() { FailureKind::Refused } else { kind };
    (!lines.is_empty()).then(|| (kind, format!("a copy would not succeed:\n{}", lines.join("\n"))))
}
