//! `cutover completions`.

use super::{Stop, print};
use crate::cli::Cli;
use crate::headless::exit;
use clap::CommandFactory as _;

/// Prints completions for a shell.
pub(super) fn run(shell: clap_complete::Shell) -> Result<u8, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cutover", &mut script);
    let script = String::from_utf8(script).map_err(|error| Stop::failed(format!("writing completions: {error}")))?;
    print(&script);
    Ok(exit::DONE)
}
