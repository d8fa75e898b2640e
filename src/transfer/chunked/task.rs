//! What a worker does in one transaction, with the entry that says so.

use super::cut::Chunk;
use super::item::Item;
use super::record;
use crate::evidence::Evidence;

/// One transaction's work.
#[derive(Debug)]
pub(super) enum Task {
    /// Takes a thing off.
    Off(Item),
    /// Empties a table that will be filled by several chunks; its place in the mapping.
    Empty(usize),
    /// Brings a chunk's rows; a table's only chunk empties the table first.
    Load(Chunk),
    /// Puts a thing back.
    Back(Item),
    /// Counts for the planner; its place in the mapping.
    Analyze(usize),
    /// Sets the sequences of some tables, by oid, ahead of the data.
    Sequences(Vec<u32>),
    /// Ends the copy: lets row security bind again, records the evidence, strikes all other entries.
    Finish(Box<Evidence>),
}

/// How the ledger says that a task is done.
pub(super) enum Sign {
    /// By this entry.
    Entry(String),
    /// By the copy's own entry.
    Copy,
    /// Not at all: it may be done twice.
    None,
}

impl Task {
    /// `label` names a table by its place.
    pub(super) fn sign(&self, label: impl Fn(usize) -> String) -> Sign {
        match self {
            Self::Off(item) => Sign::Entry(record::off(&item.name())),
            Self::Back(item) => Sign::Entry(record::back(&item.name())),
            Self::Empty(table) => Sign::Entry(record::emptied(&label(*table))),
            Self::Load(chunk) => Sign::Entry(record::chunk(&label(chunk.table), chunk.number)),
            Self::Finish(_) => Sign::Copy,
            Self::Analyze(_) | Self::Sequences(_) => Sign::None,
        }
    }

    /// The crash points around its COMMIT.
    pub(super) fn points(&self) -> (&'static str, &'static str) {
        match self {
            Self::Off(_) => ("transfer.chunked.off.commit.before", "transfer.chunked.off.commit.after"),
            Self::Empty(_) => ("transfer.chunked.empty.commit.before", "transfer.chunked.empty.commit.after"),
            Self::Load(_) => ("transfer.chunked.rows.commit.before", "transfer.chunked.rows.commit.after"),
            Self::Back(_) => ("transfer.chunked.back.commit.before", "transfer.chunked.back.commit.after"),
            Self::Analyze(_) | Self::Sequences(_) => {
                ("transfer.chunked.sequences.commit.before", "transfer.chunked.sequences.commit.after")
            }
            Self::Finish(_) => ("transfer.chunked.finish.commit.before", "transfer.chunked.finish.commit.after"),
        }
    }
}
