//! Sessions with the target, and what their errors say.

use super::{Job, TransferError};
use crate::progress::Wish;
use std::time::Duration;
use tokio_postgres::{Client, Row};

/// A failure inside a copy's transaction, before it is known what it means.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server refused a statement.
    Database {
        /// What was being done.
        what: String,
        /// What came back.
        error: tokio_postgres::Error,
    },
    /// The encoder met a cell that does not fit, under policy `stop`.
    Misfit,
    /// The encoder met an integer in a date or time column where decide's sample had none.
    Epoch,
    /// Anything whose meaning is known.
    Known(TransferError),
}

impl From<TransferError> for Fault {
    fn from(error: TransferError) -> Self {
        Self::Known(error)
    }
}

impl Fault {
    /// The server's error code, if the server spoke.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Database { error, .. } => error.code().map(tokio_postgres::error::SqlState::code),
            _ => None,
        }
    }

    /// Whether the server refused the rows themselves: integrity (23) and data (22) errors.
    pub(super) fn is_by_data(&self) -> bool {
        self.code().is_some_and(|code| code.starts_with("23") || code.starts_with("22"))
    }

    /// As the operator reads it; the transaction is gone by then.
    pub(super) fn into_error(self) -> TransferError {
        match self {
            Self::Database { what, error } => {
                TransferError::Failed(format!("{what}: {}; the transaction was rolled back", describe(&error)))
            }
            Self::Misfit | Self::Epoch => TransferError::Failed("a cell does not fit".to_owned()),
            Self::Known(error) => error,
        }
    }
}

/// A session of the run's copy; `part` tells its sessions apart in `pg_stat_activity`.
pub(super) async fn open(job: &Job<'_>, part: &str) -> Result<Client, TransferError> {
    Ok(job.address.connect(&format!("cutover/{}/{part}", job.run)).await?)
}

/// Runs statements that return nothing.
pub(super) async fn run(client: &Client, what: &str, sql: &str) -> Result<(), Fault> {
    client.batch_execute(sql).await.map_err(|error| Fault::Database { what: what.to_owned(), error })
}

/// Reads rows.
pub(super) async fn rows(
    client: &Client,
    what: &str,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Vec<Row>, Fault> {
    client.query(sql, parameters).await.map_err(|error| Fault::Database { what: what.to_owned(), error })
}

/// A column of a row; the catalog queries name the types.
pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, TransferError> {
    row.try_get(index).map_err(|error| TransferError::Failed(format!("reading the server's answer: {error}")))
}

/// Message, detail, place and hint of a server's error, in one line.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    let Some(error) = error.as_db_error() else {
        return std::error::Error::source(error)
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    };
    let mut text = error.message().to_owned();
    for part in [error.detail(), error.where_(), error.hint()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(&part.replace('\n', " "));
    }
    text
}

/// An SQL string literal.
pub(super) fn literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    if text.contains('\\') { format!(" E{}", quoted.replace('\\', "\\\\")) } else { quoted }
}

/// An error when the operator asked to stop.
pub(super) fn check_wish(job: &Job<'_>) -> Result<(), TransferError> {
    match job.control.wish() {
        Wish::Stop => Err(interrupted()),
        _ => Ok(()),
    }
}

/// How long a transaction is held open for a pause.
pub(super) const PAUSE_AT_MOST: Duration = Duration::from_secs(60);

/// Between two statements of a transaction: holds it open while a pause is wanted, but not for long.
pub(super) async fn hold(job: &Job<'_>) -> Result<(), TransferError> {
    if job.control.wish() == Wish::Pause {
        job.progress.holding();
        tokio::time::timeout(PAUSE_AT_MOST, job.control.unpaused()).await.map_err(|_| paused_too_long())?;
    }
    check_wish(job)
}

pub(super) fn paused_too_long() -> TransferError {
    TransferError::Interrupted(
        "paused for longer than a transaction is held open (60 s); everything was rolled back".to_owned(),
    )
}

pub(super) fn interrupted() -> TransferError {
    TransferError::Interrupted("stopped as asked; the target is as it was".to_owned())
}
