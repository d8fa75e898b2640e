//! `cutover run`.

use super::driving::{Manner, begin, drive};
use super::{Stop, cluster, plan, secrets};
use crate::cli;
use crate::engine::runs::Runs;
use crate::runbook::{Outputs, Runbook, StepId, TargetFacts};

/// Begins a run of a runbook.
pub(super) async fn run(options: cli::Run) -> Result<u8, Stop> {
    let document = plan::read(&options.runbook)?;
    let values = secrets::gather(&document, &secrets::pairs(&options.set)?)?;
    let runbook = document.resolve(&values, &TargetFacts::default(), &Outputs::new())?;
    let until = options.until.as_deref().map(|step| step_of(&runbook, step)).transpose()?;
    let target = cluster::reach(&runbook, options.context.as_deref()).await?;
    let order = begin(&Runs::from_environment()?, &runbook.name, (document, values), target)?;
    let manner = Manner { mouse: options.mouse, until, ..Manner::of(&options.drive) };
    drive(order, &manner).await
}

/// The step with this id.
///
/// # Errors
/// When there is none; the message names those there are.
fn step_of(runbook: &Runbook, id: &str) -> Result<StepId, Stop> {
    let mut steps = runbook.steps.iter().map(|step| &step.id);
    steps.find(|step| step.0 == id).cloned().ok_or_else(|| {
        let known: Vec<&str> = runbook.steps.iter().map(|step| step.id.0.as_str()).collect();
        Stop::wrong(format!("--until {id}: {} has no such step; it has {}", runbook.name, known.join(", ")))
    })
}
