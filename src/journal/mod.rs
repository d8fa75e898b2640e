//! The append-only record of a run.
//!
//! The journal knows nothing of steps: it keeps numbered, timed entries whose body is JSON, and promises that an entry is on
//! disk when [`Journal::append`] returns. The engine says what the bodies mean.

mod lock;
mod memory;
mod sqlite;

pub use lock::{Holder, Lock};
pub use memory::MemoryJournal;
pub use sqlite::{FILE, SqliteJournal};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened, as the engine's event.
    pub body: serde_json::Value,
}

/// Where entries go. Implementations return only when the entry would survive a crash.
pub trait Journal: Send {
    /// Writes one entry and returns its number.
    ///
    /// # Errors
    /// When the entry could not be made durable; the run has to stop then.
    fn append(&mut self, at: Timestamp, body: &serde_json::Value) -> Result<u64, JournalError>;

    /// Everything so far, in order.
    ///
    /// # Errors
    /// When the journal cannot be read or an entry is damaged.
    fn entries(&self) -> Result<Vec<Entry>, JournalError>;
}

/// What can go wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Somebody else runs this run.
    #[error("run {run} is being run by {holder}: wait for it to end, or watch it with `cutover attach {run}`")]
    Locked {
        /// The run.
        run: String,
        /// `user@host, process 4711, since …`.
        holder: String,
    },
    /// The file could not be read or written.
    #[error(
        "{doing} the journal {path}: {source}; the run stops here, free space or permissions are what usually lacks"
    )]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: String,
        /// What came back.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An entry makes no sense.
    #[error("entry {seq} of the journal cannot be read: {reason}")]
    Damaged {
        /// Its number.
        seq: u64,
        /// Why.
        reason: String,
    },
}
