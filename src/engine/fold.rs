//! The run as plain data to draw, folded out of its journal: live, and of runs that have ended.

use super::event::Recorded;
use super::recover::BadEntry;
use super::snapshot::Snapshot;

/// The fold, one entry at a time.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    snapshot: Snapshot,
}

impl Fold {
    /// Takes one more entry in.
    ///
    /// # Errors
    /// When the entry cannot happen there; nothing is changed then.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<(), BadEntry> {
        self.snapshot.now = Some(recorded.at);
        Ok(())
    }

    /// The run so far.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// The run as its journal tells it. No process is needed; [`super::runs::RunDir::snapshot`] also knows whether one is at work.
///
/// # Errors
/// When an entry cannot happen where it stands.
pub fn fold(entries: &[Recorded]) -> Result<Snapshot, BadEntry> {
    let mut fold = Fold::default();
    for entry in entries {
        fold.apply(entry)?;
    }
    Ok(fold.snapshot)
}
