//! `cutover forget`: removes what a run keeps for going back.

use super::resume::take_up;
use super::{Stop, host, print, target};
use crate::action;
use crate::cli;
use crate::engine::Command;
use crate::engine::runs::{RunDir, Runs};
use crate::engine::snapshot::{RunState, Snapshot, StepView};
use crate::headless::exit;
use crate::journal::JournalError;
use crate::transfer::{run_schema, saved};
use std::io::Write as _;

/// Removes saved rows on the target, then the directory with snapshot, former configuration and journal.
pub(super) async fn run(options: cli::Forget) -> Result<u8, Stop> {
    let dir = Runs::from_environment()?.find(&options.run)?;
    if let Some(holder) = dir.holder() {
        return Err(JournalError::Locked { run: dir.id().to_owned(), holder: holder.to_string() }.into());
    }
    // A run without a readable journal has a directory and nothing else that could be known.
    let snapshot = dir.snapshot().ok();
    if !options.yes {
        agree(&dir, snapshot.as_ref())?;
    }
    let touched = snapshot.as_ref().is_some_and(has_touched_the_target);
    match target::Kept::read(dir.path()).and_then(|kept| kept.context) {
        Some(context) => on_cluster(&dir, &context, snapshot.as_ref(), touched).await?,
        None if touched => saved::forget(&target::again(dir.path(), dir.id())?.0, dir.id()).await?,
        None => {}
    }
    let run = dir.id().to_owned();
    dir.forget()?;
    let mark = if snapshot.as_ref().is_some_and(has_repaired) { REPAIRED } else { "" };
    print(&format!("{run} is forgotten.{mark}"));
    Ok(exit::DONE)
}

/// What the run keeps in the cluster, and what it keeps in a target that only the cluster's address leads to.
async fn on_cluster(dir: &RunDir, context: &str, snapshot: Option<&Snapshot>, touched: bool) -> Result<(), Stop> {
    let order = take_up(dir.clone(), Command::Start, Some(context)).await?.0;
    if touched {
        saved::forget(&order.address, dir.id()).await?;
    }
    let Some(cluster) = &order.cluster else { return Ok(()) };
    // What these steps made is part of the application.
    let lasting = |step: &&StepView| matches!(step.action.as_str(), "apply" | "helm");
    let steps = snapshot.map(|snapshot| snapshot.steps.as_slice()).unwrap_or_default();
    let but: Vec<String> = steps.iter().filter(lasting).map(|step| step.id.to_string()).collect();
    let gone = action::forget(cluster, dir.id(), &but).await;
    gone.map(|_| ()).map_err(|error| Stop::failed(error.to_string()))
}

fn agree(dir: &RunDir, snapshot: Option<&Snapshot>) -> Result<(), Stop> {
    let way_back = match snapshot.map(|snapshot| snapshot.state) {
        None | Some(RunState::RolledBack | RunState::Ready) => "",
        Some(_) => " There is no way back after that.",
    };
    let mark = if snapshot.is_some_and(has_repaired) { REPAIRED } else { "" };
    let question = format!(
        "Forget {}: drop schema {} on the target, if it is there, and remove {}.{way_back}{mark}",
        dir.id(),
        run_schema(dir.id()),
        dir.path().display()
    );
    if !host::has_terminal() {
        return Err(Stop::waiting(format!("{question} Agree by --yes")));
    }
    let mut out = std::io::stdout();
    let _ = write!(out, "{question}\nType the run's id to agree: ").and_then(|()| out.flush());
    let mut typed = String::new();
    let read = std::io::stdin().read_line(&mut typed);
    match read {
        Ok(_) if typed.trim() == dir.id() => Ok(()),
        _ => Err(Stop::waiting("nothing was removed")),
    }
}

/// By the former values that are kept a later repair without a source knows what is right already.
const REPAIRED: &str = " With it goes the mark by which another `repair-intervals` without a source tells what this run put right: \
    after that, give it the source, or do not run it on these columns again.";

fn has_repaired(snapshot: &Snapshot) -> bool {
    let repaired = |step: &StepView| {
        step.action == "repair-intervals" && step.evidence.repairs.iter().any(|column| column.repaired)
    };
    snapshot.steps.iter().any(repaired)
}

fn has_touched_the_target(snapshot: &Snapshot) -> bool {
    let changes =
        |kind: &str| matches!(kind, "truncate" | "copy" | "reset-sequences" | "repair-intervals" | "generate-schema");
    snapshot.steps.iter().any(|step| step.attempts > 0 && changes(&step.action))
}
