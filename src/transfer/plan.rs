//! What would happen.

use super::{Job, Planned, TransferError};

/// Pairs the tables and decides units, zones and levels, without reading rows that it does not need. Problems are in the
/// report; [`super::copy`] refuses while there are any.
///
/// # Errors
/// When one side cannot be read.
pub async fn decide(_job: &Job<'_>) -> Result<Planned, TransferError> {
    Err(TransferError::Failed("decide is being written".to_owned()))
}

/// As [`decide`], and reads the whole source once with the real encoder: storage classes, misfits, unit evidence, unique
/// and foreign key breaks, an estimate. Touches nothing. Misfits under `stop` are not [`PlanReport::problems`] but
/// `misfits` of their columns.
///
/// [`PlanReport::problems`]: crate::evidence::PlanReport::problems
///
/// # Errors
/// When one side cannot be read, or the operator stops it.
pub async fn plan(_job: &Job<'_>) -> Result<Planned, TransferError> {
    Err(TransferError::Failed("plan is being written".to_owned()))
}
