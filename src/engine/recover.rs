//! A run out of its journal.
//!
//! Replaying uses the same rules as living: [`Run::apply`] for both. What a crash leaves is one step at most that started and whose
//! end is unknown; the `process-started` entry of whoever takes the run up turns it into [`super::Status::Unknown`], and it is run
//! again with the checkpoint that stands in the journal. An undo that was interrupted stays [`super::Status::Undoing`] and is
//! continued.

use super::event::Recorded;
use super::machine::Run;
use super::status::IllegalEvent;
use jiff::Timestamp;

/// An entry of a journal that makes no sense where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "entry {seq} of the journal cannot be followed: {why}; nothing was done, and the run stays as its journal has it"
)]
pub struct BadEntry {
    /// Its number.
    pub seq: u64,
    /// Why.
    pub why: Why,
}

/// Why an entry makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Its body is no event that this version knows.
    #[error("it is no event of this version of cutover ({0})")]
    Unreadable(String),
    /// It cannot happen there.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
    /// An entry before it is missing.
    #[error("entry {0} should stand there")]
    Gap(u64),
}

/// The event that a journal's entry holds.
///
/// # Errors
/// When its body is no event.
pub fn read_event(seq: u64, at: Timestamp, body: serde_json::Value) -> Result<Recorded, BadEntry> {
    let event =
        serde_json::from_value(body).map_err(|error| BadEntry { seq, why: Why::Unreadable(error.to_string()) })?;
    Ok(Recorded { seq, at, event })
}

/// The run that these entries tell.
///
/// # Errors
/// When one of them cannot happen where it stands.
pub fn recover(entries: &[Recorded]) -> Result<Run, BadEntry> {
    let mut run = Run::default();
    for (expected, entry) in (1..).zip(entries) {
        if entry.seq != expected {
            return Err(BadEntry { seq: entry.seq, why: Why::Gap(expected) });
        }
        run.apply(&entry.event).map_err(|error| BadEntry { seq: entry.seq, why: error.into() })?;
    }
    Ok(run)
}
