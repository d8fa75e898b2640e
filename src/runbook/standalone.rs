//! The runbooks behind `cutover copy`, `cutover verify` and `cutover repair-intervals`: a run of them is a run like any other.

use super::settings::{Copy, RepairIntervals, Settings, Verify};
use super::{Gate, Runbook, Service, Source, Step, StepId, Target, TransferOptions};
use std::path::Path;

/// The text of a runbook that copies `sqlite` as it stands into the target of `DATABASE_URL`, in the one step `copy`. With `keep_undo` that
/// step saves the target's rows first, so that `rollback` can put them back.
#[must_use]
pub fn copy(sqlite: &Path, options: &TransferOptions, keep_undo: bool) -> String {
    let copy = Copy { jobs: options.jobs, keep_undo, freeze: true };
    let steps = vec![step("copy", Settings::Copy(copy))];
    runbook("copy", "Loads data into the schema that stands there.", sqlite, options, steps)
}

/// The text of a runbook that compares `sqlite` as it stands with the target of `DATABASE_URL`.
#[must_use]
pub fn verify(sqlite: &Path, options: &TransferOptions) -> String {
    let steps = vec![step("verify", Settings::Verify(Verify { freeze: true }))];
    runbook("verify", "Proves that the target holds what the source holds.", sqlite, options, steps)
}

/// The text of a runbook that repairs intervals of the target of `DATABASE_URL` against `sqlite` as it stands, or without a source
/// within the bounds of `settings`.
#[must_use]
pub fn repair_intervals(sqlite: Option<&Path>, options: &TransferOptions, settings: RepairIntervals) -> String {
    let steps = vec![step("repair-intervals", Settings::RepairIntervals(settings))];
    let source = sqlite.unwrap_or(Path::new("no source"));
    let description = "Puts intervals right that another tool loaded in the wrong unit.";
    runbook("repair-intervals", description, source, options, steps)
}

fn step(id: &str, settings: Settings) -> Step {
    Step { id: StepId::from(id), settings, note: String::new(), gate: Gate::None, downtime: None }
}

fn runbook(name: &str, description: &str, sqlite: &Path, options: &TransferOptions, steps: Vec<Step>) -> String {
    Runbook {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: Vec::new(),
        source: Source::on_host(sqlite),
        target: Target { schemas: options.schemas.clone(), ..Target::default() },
        service: Service { name: name.to_owned(), ..Service::default() },
        transfer: options.clone(),
        downtime_budget: None,
        steps,
        point_of_no_return: None,
    }
    .to_yaml()
}
