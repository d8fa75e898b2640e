//! Proves that the rows arrived, with code of its own.
//!
//! The source is decoded by [`decode`], which shares nothing with the encoder of `transfer`, into the same canonical bytes as
//! the target's rows; two digests per table decide, and a second pass names the rows and cells behind a difference. Used by
//! the actions `verify` and `repair-intervals`, by [`crate::inspect`] for rows side by side, and alone by `cutover verify`.

mod allowed;
mod compare;
mod copy_stream;
pub mod decode;
mod differences;
mod findings;
mod foreign;
mod narrow;
mod pace;
mod pass;
mod row;
mod show;
mod source;
mod target;

pub use allowed::Allowed;
pub(crate) use compare::key_places;
pub(crate) use differences::{Held, held, key, side_by_side};
pub(crate) use pace::Pace;
pub(crate) use row::{Row, View};
pub(crate) use show::{text as show_text, window};
pub(crate) use source::SourceRows;
pub(crate) use target::TargetRows;

use crate::connect::postgres::{Address, ConnectError};
use crate::evidence::Evidence;
use crate::progress::{Control, ProgressSink};
use crate::schema::Mapping;
use std::path::{Path, PathBuf};

/// What is compared with what.
#[derive(Clone, Copy)]
pub struct Comparison<'a> {
    /// The frozen copy of the source.
    pub source: &'a Path,
    /// The target.
    pub address: &'a Address,
    /// The run's id, for the names of the sessions.
    pub run: &'a str,
    /// Which table and column is compared with which, and by which rules.
    pub mapping: &'a Mapping,
    /// Cells and rows that a policy kept from arriving as they are: expected, and only these.
    pub allowed: &'a Allowed,
    /// Where progress goes.
    pub progress: &'a ProgressSink,
    /// Looked at between batches of rows; a pause waits there.
    pub control: &'a Control,
}

/// Why a comparison could not be finished. Differences are no error: they are in the evidence.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The target could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The target refused or went away.
    #[error("reading {what} from the target: {reason}; run the step again once the target answers")]
    Target {
        /// The table or catalog.
        what: String,
        /// What came back.
        reason: String,
    },
    /// The frozen source cannot be read.
    #[error("reading {what} from {path}: {reason}; take the snapshot again")]
    Source {
        /// The frozen copy.
        path: PathBuf,
        /// The table.
        what: String,
        /// What came back.
        reason: String,
    },
    /// The target sent something that is not what its catalog says.
    #[error(
        "{table}.{column}: the target sent a {ty} that cannot be read: {reason}; this is a defect of cutover, please report it"
    )]
    Wire {
        /// Schema-qualified table.
        table: String,
        /// Column.
        column: String,
        /// The column's type.
        ty: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The rejects that must be allowed for cannot be read.
    #[error(
        "reading the rejects from {path}: {reason}; without them verify cannot tell an expected difference from another"
    )]
    Rejects {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The operator or a signal asked to stop.
    #[error("stopped as asked; nothing was changed")]
    Interrupted,
}

/// Compares every table of the mapping, and what the target's catalog promises: sequences, foreign keys, unique
/// constraints. Differences are in the evidence, bounded by [`Evidence::LISTED`], counted exactly.
///
/// # Errors
/// When either side cannot be read, or the operator asked to stop.
pub async fn verify(comparison: &Comparison<'_>) -> Result<Evidence, VerifyError> {
    let asking = findings::Asking::begin(comparison).await?;
    let (compared, mut findings) = match asking.is_alone() {
        false => tokio::try_join!(compare::all(comparison), asking.ask())?,
        true => (compare::all(comparison).await?, asking.ask().await?),
    };
    findings.extend(findings::of_rows(&compared));
    Ok(Evidence { findings, ..compare::evidence(compared) })
}
