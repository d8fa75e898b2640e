//! `cutover attach`: a run on this terminal, whoever drives it.

use super::driving::{Manner, drive};
use super::resume::take_up;
use super::{Stop, config, host, print};
use crate::cli;
use crate::engine::Command;
use crate::engine::attach::{AttachError, connect, past};
use crate::engine::runs::{RunDir, Runs};
use crate::headless::exit;
use crate::tui::{Left, Options};

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
    let handle = match connect(dir, &host::this_terminal(), helm).await {
        Ok(handle) => handle,
        Err(AttachError::Nobody(_)) => past(dir)?,
        Err(error) => return Err(Stop::failed(error.to_string())),
    };
    let options = Options { mouse, preferences };
    match crate::tui::run(handle, options).await.map_err(|error| Stop::failed(error.to_string()))? {
        Left::TakeOver => take(dir.clone(), mouse).await,
        Left::Operator | Left::Signal => Ok(exit::DONE),
    }
}

/// Drives the run from here on.
async fn take(dir: RunDir, mouse: bool) -> Result<u8, Stop> {
    print(&format!("taking up run {} on this terminal…", dir.id()));
    let (order, _demo) = take_up(dir, Command::Start, None).await?;
    drive(order, &Manner { screen: true, waits: true, mouse, ..Manner::default() }).await
}
