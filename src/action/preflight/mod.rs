//! Every check that can fail later, now. Nothing is touched; all that is wrong is told at once.

mod access;
mod host;
mod source;
mod target;

pub use access::{enough, needs};

use super::{Action, ActionError, Actions as _, Checkpoint, Context, Description, FailureKind, Outcome, Registry};
use crate::evidence::{Evidence, Finding, Verdict};
use crate::figures;
use crate::runbook::Settings;
use async_trait::async_trait;
use serde_json::Value;

/// The action.
pub(super) struct Preflight;

#[async_trait]
impl Action for Preflight {
    fn describe(&self, context: &Context) -> Description {
        Description {
            does: "Asks everything now that could fail later.".to_owned(),
            effects: vec![
                format!("reads {} by a copy of it", context.runbook.source.label()),
                format!("asks {} about version, rights, locks and poolers", context.target.label()),
                "asks every later step for what it needs".to_owned(),
            ],
            way_back: "Changes nothing.".to_owned(),
            reversible: true,
            changes: false,
        }
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let findings = context.or_stopped("preflight", async { Ok(all(context).await) }).await?;
        context.progress.waiting("");
        let count =
            |wanted: fn(&Verdict) -> bool| findings.iter().filter(|finding| wanted(&finding.verdict)).count() as u64;
        let failed = count(|verdict| *verdict == Verdict::Failed);
        let summary = format!(
            "{} passed, {} put off, {} for you to know",
            figures::counted(count(|verdict| *verdict == Verdict::Passed), "check"),
            count(|verdict| matches!(verdict, Verdict::PutOff(_))),
            count(|verdict| *verdict == Verdict::Unknown)
        );
        let message = refusal(&findings);
        let evidence = Evidence { findings, ..Evidence::default() };
        if failed > 0 {
            return Err(ActionError::new(FailureKind::Refused, message).with_evidence(evidence));
        }
        Ok(Outcome { summary, evidence, ..Outcome::default() })
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        super::frozen::remove(&super::frozen::scan_path(context))?;
        Ok(Outcome { summary: "nothing to take back".to_owned(), ..Outcome::default() })
    }
}

async fn all(context: &Context) -> Vec<Finding> {
    context.progress.waiting("the rights on the cluster");
    let mut findings = access::check(context).await;
    context.progress.waiting("the source");
    let (of_source, bytes) = source::check(context).await;
    findings.extend(of_source);
    context.progress.waiting("the target");
    findings.extend(target::check(context, bytes).await);
    findings.extend(host::check(context, bytes));
    for step in context.runbook.steps.iter().filter(|step| step.id != context.step.id) {
        context.progress.waiting(format!("what {} needs", step.id));
        findings.extend(Registry.for_step(step).check(&context.for_step(step)).await);
    }
    findings
}

/// What preflight had to put off to this step, whose pod carries the questions to the target; asked before anything is changed there. Nothing
/// where it put nothing off.
///
/// # Errors
/// When an answer stands in the way of a later step.
pub(super) async fn rest(context: &Context) -> Result<Evidence, ActionError> {
    let put_off = |finding: &Finding| finding.verdict == Verdict::PutOff(context.step.id.0.clone());
    let preflight = context.outcome(|settings| matches!(settings, Settings::Preflight(_)));
    if !preflight.is_some_and(|outcome| outcome.evidence.findings.iter().any(put_off)) {
        return Ok(Evidence::default());
    }
    context.progress.waiting("the target's answers to what preflight put off");
    let bytes = super::frozen::recorded(&super::frozen::scan_path(context)).map_or(0, |record| record.bytes);
    let findings = target::check(context, bytes).await;
    context.progress.waiting("");
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Failed);
    let message = refusal(&findings);
    let evidence = Evidence { findings, ..Evidence::default() };
    match failed {
        true => Err(ActionError::new(FailureKind::Refused, message).with_evidence(evidence)),
        false => Ok(evidence),
    }
}

fn refusal(findings: &[Finding]) -> String {
    let failed: Vec<String> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Failed)
        .map(|finding| match finding.remedy.as_str() {
            "" => format!("{}: {}", finding.check, finding.detail),
            remedy => format!("{}: {}; {remedy}", finding.check, finding.detail),
        })
        .collect();
    format!("{} failed, nothing was touched:\n{}", figures::counted(failed.len() as u64, "check"), failed.join("\n"))
}
