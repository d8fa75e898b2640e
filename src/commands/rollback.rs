//! `cutover rollback`.

use super::Stop;
use super::driving::{Manner, drive};
use super::resume::take_up;
use crate::cli;
use crate::engine::runs::{RunDir, Runs};
use crate::engine::{Command, LateWrites};
use crate::runbook::StepId;

/// Takes steps back.
pub(super) async fn run(options: cli::Rollback) -> Result<u8, Stop> {
    let dir = Runs::from_environment()?.find(&options.run)?;
    let to = options.to.as_deref().map(|step| step_of(&dir, step)).transpose()?;
    let first = Command::Rollback { to, writes: writes(&options)? };
    let (order, _demo) = take_up(dir, first, options.context.as_deref()).await?;
    drive(order, &Manner::of(&options.drive)).await
}

/// What becomes of rows that came after the switch. The file is named in whole, and nothing that stands there is lost.
fn writes(options: &cli::Rollback) -> Result<LateWrites, Stop> {
    let Some(file) = &options.export_writes else {
        return Ok(if options.lose_writes { LateWrites::Lose } else { LateWrites::Keep });
    };
    if file.exists() {
        return Err(Stop::wrong(format!(
            "--export-writes {}: the file is there already; name another",
            file.display()
        )));
    }
    let whole = std::path::absolute(file);
    whole.map(LateWrites::Export).map_err(|error| Stop::wrong(format!("--export-writes {}: {error}", file.display())))
}

fn step_of(dir: &RunDir, id: &str) -> Result<StepId, Stop> {
    let steps = dir.created()?.steps;
    let found = steps.iter().map(|step| &step.id).find(|step| step.0 == id).cloned();
    found.ok_or_else(|| {
        let known: Vec<&str> = steps.iter().map(|step| step.id.0.as_str()).collect();
        Stop::wrong(format!("--to {id}: {} has no such step; it has {}", dir.id(), known.join(", ")))
    })
}
