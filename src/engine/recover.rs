//! A run out of its journal.

use super::event::Recorded;
use super::status::IllegalEvent;
use jiff::Timestamp;

/// An entry of a journal that makes no sense where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "entry {seq} of the journal cannot be followed: {why}; the run is left alone, `cutover report` shows what came before"
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
