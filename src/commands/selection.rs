//! What `copy` and `verify` take from the command line.

use super::Stop;
use crate::cli::Selection;
use crate::evidence::Policy;
use crate::runbook::TransferOptions;
use std::path::PathBuf;

/// The source, by its whole path: a run may be resumed from elsewhere.
///
/// # Errors
/// When none is named, or it is not there.
pub(super) fn source(selection: &Selection) -> Result<PathBuf, Stop> {
    let named =
        selection.sqlite.as_ref().ok_or_else(|| Stop::wrong("--sqlite FILE is missing: name the SQLite database"))?;
    named
        .canonicalize()
        .map_err(|error| Stop::wrong(format!("the source {}: {error}; correct --sqlite", named.display())))
}

/// How values are converted, and which tables take part.
pub(super) fn options(selection: &Selection, on_reject: Policy, jobs: Option<usize>) -> TransferOptions {
    TransferOptions {
        interval_units: selection.interval_units.iter().cloned().collect(),
        zones: selection.zones.iter().cloned().collect(),
        on_reject,
        include: selection.include.clone(),
        exclude: selection.exclude.clone(),
        accept_levels: selection.accept_levels,
        jobs,
        ..TransferOptions::default()
    }
}
