//! `cutover report`.

use super::{Stop, print};
use crate::cli::{self, Format};
use crate::engine::runs::Runs;
use crate::headless::exit;
use crate::report::{html, json, markdown};

/// Prints the report of a run.
pub(super) fn run(options: &cli::Report) -> Result<u8, Stop> {
    let snapshot = Runs::from_environment()?.find(&options.run)?.snapshot()?;
    let text = match options.format {
        Format::Md => markdown(&snapshot),
        Format::Html => html(&snapshot),
        Format::Json => json(&snapshot).map_err(|error| Stop::failed(format!("writing the report: {error}")))?,
    };
    print(&text);
    Ok(exit::DONE)
}
