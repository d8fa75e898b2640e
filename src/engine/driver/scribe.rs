//! Writes the journal on a thread for blocking work, so that the driver's own thread never waits for a disk.

use crate::engine::event::{Event, Recorded};
use crate::journal::{Journal, JournalError};
use jiff::Timestamp;

/// The journal, between two appends.
pub(super) struct Scribe {
    journal: Option<Box<dyn Journal>>,
}

impl Scribe {
    pub(super) fn new(journal: Box<dyn Journal>) -> Self {
        Self { journal: Some(journal) }
    }

    /// Appends an event; it is durable when this returns.
    ///
    /// A failed append is never tried again: what is on disk is no longer known, and the next reader decides.
    pub(super) async fn append(&mut self, event: Event) -> Result<Recorded, JournalError> {
        let mut journal = self.journal.take().ok_or_else(closed)?;
        let written = tokio::task::spawn_blocking(move || {
            let recorded = append(journal.as_mut(), event);
            (journal, recorded)
        });
        let (journal, recorded) = written.await.map_err(|error| unwritten(error.to_string()))?;
        let recorded = recorded?;
        self.journal = Some(journal);
        Ok(recorded)
    }

    /// Lets the journal go, and with it the lock.
    pub(super) fn close(&mut self) {
        self.journal = None;
    }
}

/// Appends an event here and now.
pub(super) fn append(journal: &mut dyn Journal, event: Event) -> Result<Recorded, JournalError> {
    let at = Timestamp::now();
    let body = serde_json::to_value(&event).map_err(|error| unwritten(error.to_string()))?;
    let seq = journal.append(at, &body)?;
    Ok(Recorded { seq, at, event })
}

fn closed() -> JournalError {
    unwritten("it has failed before, or is closed".to_owned())
}

fn unwritten(reason: String) -> JournalError {
    JournalError::Io { doing: "writing", path: "of the run".to_owned(), source: reason.into() }
}
