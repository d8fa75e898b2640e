//! The runbooks behind `cutover copy` and `cutover verify`: a run of them is a run like any other.

use super::TransferOptions;
use std::path::Path;

/// The text of a runbook that copies `sqlite` as it stands into the target of `DATABASE_URL`. With `keep_undo` the target's rows are
/// saved first, so that `rollback` can put them back.
#[must_use]
pub fn copy(sqlite: &Path, options: &TransferOptions, keep_undo: bool) -> String {
    let _ = (sqlite, options, keep_undo);
    String::new()
}

/// The text of a runbook that compares `sqlite` as it stands with the target of `DATABASE_URL`.
#[must_use]
pub fn verify(sqlite: &Path, options: &TransferOptions) -> String {
    let _ = (sqlite, options);
    String::new()
}
