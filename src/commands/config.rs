//! `cutover config`, and where everybody else reads the configuration file.

use super::host::variable;
use super::{Stop, print};
use crate::cli;
use crate::headless::exit;
use crate::tui::Preferences;
use std::path::PathBuf;

/// Prints an example, or where the file is looked for.
pub(super) fn run(options: &cli::Config) -> Result<u8, Stop> {
    if options.path {
        print(&path().ok_or_else(nowhere)?.display().to_string());
    } else {
        print(&Preferences::example());
    }
    Ok(exit::DONE)
}

/// Reads the operator's file; where there is none everything is as it is without.
///
/// # Errors
/// When it cannot be read, or for everything that is wrong with it.
pub(super) fn read() -> Result<Preferences, Stop> {
    let Some(path) = path() else { return Ok(Preferences::default()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Preferences::parse(&text, &path.display().to_string())?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && variable(VARIABLE).is_none() => {
            Ok(Preferences::default())
        }
        Err(error) => Err(Stop::wrong(format!("reading the configuration {}: {error}", path.display()))),
    }
}

const VARIABLE: &str = "CUTOVER_CONFIG";

fn path() -> Option<PathBuf> {
    let below = |name: &str, rest: &str| variable(name).map(|base| PathBuf::from(base).join(rest));
    variable(VARIABLE)
        .map(PathBuf::from)
        .or_else(|| below("XDG_CONFIG_HOME", "cutover/config.yaml"))
        .or_else(|| below("HOME", ".config/cutover/config.yaml"))
}

fn nowhere() -> Stop {
    Stop::wrong("there is no place for a configuration: set HOME, XDG_CONFIG_HOME or CUTOVER_CONFIG")
}
