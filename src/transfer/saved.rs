//! What the target's tables held before: saved rows in the schema `cutover_<run>`, until they are forgotten.

use super::{Job, SequenceState, TransferError};
use crate::schema::Mapping;
use serde::{Deserialize, Serialize};

/// What was saved; goes into a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The schema that holds the rows.
    pub schema: String,
    /// The tables.
    pub tables: Vec<SavedTable>,
    /// The sequences as they stood.
    pub sequences: Vec<SequenceState>,
}

/// One saved table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTable {
    /// Schema of the application's table.
    pub schema: String,
    /// Name of the application's table.
    pub table: String,
    /// Name of the saved table in [`Saved::schema`].
    pub saved_as: String,
    /// Rows.
    pub rows: u64,
    /// Order-independent fingerprint of the rows, made by the server.
    pub digest: String,
}

/// Saves the rows of all tables of `mapping` and the state of their sequences, in one transaction. Done again for the same run
/// it returns what was saved the first time.
///
/// # Errors
/// When the role may not create a schema (says what to grant), or a statement fails.
pub async fn save(_job: &Job<'_>, _mapping: &Mapping) -> Result<Saved, TransferError> {
    Err(TransferError::Failed("save is being written".to_owned()))
}

/// Whether the saved rows still are what was saved.
///
/// # Errors
/// When a count or digest differs, by name.
pub async fn verify_saved(_job: &Job<'_>, _saved: &Saved) -> Result<(), TransferError> {
    Err(TransferError::Failed("verify_saved is being written".to_owned()))
}

/// Counts and fingerprints of what the application's tables hold now, in the form of [`Saved`]: to be compared before an undo.
///
/// # Errors
/// When a table cannot be read.
pub async fn fingerprint(_job: &Job<'_>, _mapping: &Mapping) -> Result<Vec<SavedTable>, TransferError> {
    Err(TransferError::Failed("fingerprint is being written".to_owned()))
}

/// Puts the saved rows and sequences back in one transaction, to the byte. Idempotent.
///
/// # Errors
/// When the saved rows are gone or changed, or a statement fails; the target is then as it was.
pub async fn restore(_job: &Job<'_>, _saved: &Saved) -> Result<(), TransferError> {
    Err(TransferError::Failed("restore is being written".to_owned()))
}

/// Removes the run's schema, ledger and saved rows included.
///
/// # Errors
/// When the statement fails.
pub async fn forget(_address: &crate::connect::postgres::Address, _run: &str) -> Result<(), TransferError> {
    Err(TransferError::Failed("forget is being written".to_owned()))
}
