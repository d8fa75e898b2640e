//! A journal that forgets, for tests: it can fail on demand.

use super::{Entry, Journal, JournalError};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// Entries in memory. Clones share them, so that a test keeps one end and gives away the other.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    entries: Arc<Mutex<Vec<Entry>>>,
    fails_at: Option<u64>,
}

impl MemoryJournal {
    /// A journal that already holds `entries`.
    #[must_use]
    pub fn with(entries: Vec<Entry>) -> Self {
        Self { entries: Arc::new(Mutex::new(entries)), fails_at: None }
    }

    /// Fails to write the entry with number `seq`, as a full disk would.
    #[must_use]
    pub fn failing_at(self, seq: u64) -> Self {
        Self { fails_at: Some(seq), ..self }
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, at: Timestamp, body: &serde_json::Value) -> Result<u64, JournalError> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = entries.len() as u64 + 1;
        if self.fails_at == Some(seq) {
            return Err(JournalError::Io {
                doing: "writing",
                path: "in memory".to_owned(),
                source: "no space left on device".into(),
            });
        }
        entries.push(Entry { seq, at, body: body.clone() });
        Ok(seq)
    }

    fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        Ok(self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
