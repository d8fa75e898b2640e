//! `cutover resume`.

use super::cluster::Reached;
use super::driving::{Manner, Order, drive};
use super::{Stop, cluster, secrets, target};
use crate::cli;
use crate::demo::{self, Demo};
use crate::engine::Command;
use crate::engine::runs::{RunDir, Runs};
use crate::runbook::{Document, Outputs, TargetFacts};

/// Goes on with a run.
pub(super) async fn run(options: cli::Resume) -> Result<u8, Stop> {
    let runs = Runs::from_environment()?;
    let dir = options.run.as_deref().map_or_else(|| runs.newest_unfinished(), |run| runs.find(run))?;
    let (order, _demo) = take_up(dir, Command::Start, options.context.as_deref()).await?;
    drive(order, &Manner::of(&options.drive)).await
}

/// Reads out of a run's directory all that is needed to go on. Secrets are asked for again; a demo's server is started again and
/// lives as long as what is returned.
///
/// # Errors
/// When the run cannot be read, or a value or password is missing.
pub(super) async fn take_up(dir: RunDir, first: Command, context: Option<&str>) -> Result<(Order, Option<Demo>), Stop> {
    let created = dir.created()?;
    let document = Document::parse(&created.runbook_text, &created.runbook_file)?;
    let set: Vec<(String, String)> = created.values.into_iter().collect();
    let values = secrets::gather(&document, &set)?;
    let demo = start_demo(&dir)?;
    let reached = match &demo {
        Some(demo) => super::demo::target(demo)?.into(),
        None => {
            let runbook = document.resolve(&values, &TargetFacts::default(), &Outputs::new())?;
            cluster::again(&runbook, &dir, context).await?
        }
    };
    let (address, carrying) = reached.of_run(&dir)?;
    let Reached { kept, cluster, .. } = reached;
    Ok((Order { dir, new: false, document, values, address, kept, cluster, carrying, first }, demo))
}

fn start_demo(dir: &RunDir) -> Result<Option<Demo>, Stop> {
    let kept = target::Kept::read(dir.path()).and_then(|kept| kept.demo);
    kept.map(|directory| demo::prepare(Some(&directory), 0))
        .transpose()
        .map_err(|error| Stop::failed(error.to_string()))
}
