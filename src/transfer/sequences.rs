//! Sequences: what they stand at, putting them ahead of the data, and putting them back.

use super::{Job, TransferError};
use crate::evidence::Evidence;
use crate::schema::{Mapping, TargetTable};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

/// A sequence and the column that it feeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The table of the column.
    pub table: String,
    /// The schema of that table.
    pub table_schema: String,
    /// The column.
    pub column: String,
    /// Its increment; negative ones count down.
    pub increment: i64,
}

/// What a sequence stands at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceState {
    /// Which.
    pub sequence: Sequence,
    /// `last_value`.
    pub last_value: i64,
    /// Whether `last_value` was handed out.
    pub is_called: bool,
}

/// The sequences that feed columns of `tables` (serial, identity, owned, or named by a default), with what they stand at.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn sequences(_client: &Client, _tables: &[TargetTable]) -> Result<Vec<SequenceState>, TransferError> {
    Err(TransferError::Failed("sequences is being written".to_owned()))
}

/// Puts sequences back to what they stood at.
///
/// # Errors
/// When the role may not set one, by name.
pub async fn restore_sequences(_client: &Client, _states: &[SequenceState]) -> Result<(), TransferError> {
    Err(TransferError::Failed("restore_sequences is being written".to_owned()))
}

/// Sets every sequence of the mapping's tables to the larger of the column's maximum and `sqlite_sequence.seq` (negative
/// increments mirrored), in one transaction; a finding each. For targets that another tool loaded.
///
/// # Errors
/// When the role may not set one, by name.
pub async fn reset_sequences(_job: &Job<'_>, _mapping: &Mapping) -> Result<Evidence, TransferError> {
    Err(TransferError::Failed("reset_sequences is being written".to_owned()))
}
