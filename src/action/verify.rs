//! Proves that the rows arrived.

use super::checking::Checking;
use super::job::Load;
use super::{Action, ActionError, Checkpoint, Context, Description, FailureKind, Outcome, frozen};
use crate::evidence::{Evidence, Finding, Verdict};
use crate::figures;
use crate::runbook::settings;
use async_trait::async_trait;
use std::path::PathBuf;

/// The action.
pub(super) struct Verify(pub settings::Verify);

#[async_trait]
impl Action for Verify {
    fn describe(&self, context: &Context) -> Description {
        Description {
            does: format!(
                "Compares every row of the snapshot with {}, by a decoder of its own.",
                context.target.label()
            ),
            effects: vec!["reads every row on both sides, every sequence and every foreign key".to_owned()],
            way_back: "Changes nothing.".to_owned(),
            reversible: true,
            changes: false,
        }
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let checking = Checking::begin(context, self.0.freeze).await?;
        match self.compare(context, checking.path.clone()).await {
            Ok(outcome) => checking.passed().await.map(|()| outcome),
            Err(error) => Err(checking.or_damage(error).await),
        }
    }
}

impl Verify {
    async fn compare(&self, context: &Context, source: PathBuf) -> Result<Outcome, ActionError> {
        let load = Load::new(context, source);
        let planned = load.decide(context).await?;
        if let Some(problem) = planned.report.problems.first() {
            let kind = if problem.undecided { FailureKind::Undecided } else { FailureKind::Refused };
            let text = format!("{}: {}; {}", problem.subject, problem.message, problem.remedy);
            return Err(ActionError::new(kind, text));
        }
        let evidence = load.compare(context, &planned.mapping).await?;
        frozen::require_quiet_after_quiesce(context).await?;
        match wrong(&evidence) {
            Some(message) => Err(ActionError::new(FailureKind::Differences, message).with_evidence(evidence)),
            None => Ok(Outcome { summary: summary(&evidence), evidence, ..Outcome::default() }),
        }
    }
}

fn summary(evidence: &Evidence) -> String {
    let rows = evidence.tables.iter().map(|table| table.rows_loaded).sum();
    format!(
        "{} of {} are equal on both sides",
        figures::counted(rows, "row"),
        figures::counted(evidence.tables.len() as u64, "table")
    )
}

/// What is not as it should be, in a sentence or two; none when all is.
fn wrong(evidence: &Evidence) -> Option<String> {
    let failed: Vec<&Finding> = evidence.findings.iter().filter(|finding| finding.verdict == Verdict::Failed).collect();
    let mut lines = Vec::new();
    if evidence.differences_total > 0 {
        let first = evidence.differences.first();
        let example = first.map(|difference| {
            let key: Vec<String> = difference.key.iter().map(|(column, value)| format!("{column}={value}")).collect();
            format!(", the first in {} at {}", difference.table, key.join(" "))
        });
        let count = figures::counted(evidence.differences_total, "row");
        let differ = if evidence.differences_total == 1 { "differs" } else { "differ" };
        lines.push(format!("{count} {differ} between source and target{}", example.unwrap_or_default()));
    }
    lines.extend(
        failed.iter().take(10).map(|finding| format!("{}: {}; {}", finding.check, finding.detail, finding.remedy)),
    );
    (!lines.is_empty()).then(|| lines.join("\n"))
}
