//! `cutover attach`: a run on this terminal, whoever drives it.

use super::driving::{Manner, drive};
use super::resume::take_up;
use super::{Stop, config, host, print};
use crate::cli;
use crate::engine::attach::{AttachError, connect, past};
use crate::engine::runs::{RunDir, Runs};
use crate::engine::{Command, Handle};
use crate::headless::exit;
use crate::tui::{Left, Options};
use std::time::Duration;

/// Watches a run, or answers for it.
pub(super) async fn run(options: cli::Attach) -> Result<u8, Stop> {
    let runs = Runs::from_environment()?;
    let dir = options.run.as_deref().map_or_else(|| runs.newest(), |run| runs.find(run))?;
    show(&dir, !options.watch, options.mouse).await
}

/// Shows a run on this terminal until it is left. `helm` asks to answer for it where nobody does.
///
/// # Errors
/// When there is no terminal, or the run can neither be attached to nor read.
pub(super) async fn show(dir: &RunDir, helm: bool, mouse: bool) -> Result<u8, Stop> {
    let preferences = config::read()?;
    let handle = open(dir, helm).await?;
    let options = Options { mouse, preferences };
    match crate::tui::run(handle, options).await.map_err(|error| Stop::failed(error.to_string()))? {
        Left::TakeOver => take(dir.clone(), mouse).await,
        Left::Operator | Left::Signal => Ok(exit::DONE),
    }
}

/// The run as its process tells it, or as its journal does where there is none. A process that has just begun opens its door in a moment.
async fn open(dir: &RunDir, helm: bool) -> Result<Handle, Stop> {
    for _ in 0..TRIES {
        match connect(dir, &host::this_terminal(), helm).await {
            Ok(handle) => return Ok(handle),
            Err(AttachError::Nobody(_)) if dir.holder().is_some() => tokio::time::sleep(PAUSE).await,
            Err(AttachError::Nobody(_)) => return Ok(past(dir)?),
            Err(error) => return Err(Stop::failed(error.to_string())),
        }
    }
    let holder = dir.holder().map(|holder| holder.to_string()).unwrap_or_default();
    Err(Stop::refused(format!(
        "run {run} is driven by {holder}, which other terminals cannot attach to from here; `cutover status {run}` reads its journal",
        run = dir.id()
    )))
}

const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Drives the run from here on.
async fn take(dir: RunDir, mouse: bool) -> Result<u8, Stop> {
    print(&format!("taking up run {} on this terminal…", dir.id()));
    let (order, _demo) = take_up(dir, Command::Start, None).await?;
    drive(order, &Manner { screen: true, waits: true, mouse, ..Manner::default() }).await
}
