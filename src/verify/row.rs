//! One row of either side, in canonical form.

use crate::digest::{RowHash, RowHasher};
use bytes::Bytes;
use std::ops::Range;

/// A row whose buffer is used again for the next one. The only row of its side that is held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row<'r> {
    bytes: Vec<u8>,
    cells: Vec<Cell<'r>>,
    /// What stands in the way of comparing a cell, by column.
    misfits: Vec<(usize, String)>,
}

/// Where a cell's canonical bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell<'r> {
    Null,
    Value(Range<usize>),
    /// A large cell that its reader holds.
    Lent(&'r [u8]),
    /// A large cell, left where it came in.
    Shared(Bytes),
    /// A source cell that its column cannot hold: the raw bytes, which equal no value.
    Misfit(Range<usize>),
}

/// A cell as it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View<'a> {
    /// NULL.
    Null,
    /// Canonical bytes.
    Value(&'a [u8]),
    /// The raw source value as it is shown, and why it is no value of the column's type.
    Misfit {
        /// As shown.
        raw: &'a [u8],
        /// Why.
        reason: &'a str,
    },
}

/// Capacity that is kept from row to row; what a huge row needed is given back.
const KEPT: usize = 1 << 20;
/// Goes before a misfit's bytes, so that they equal no value.
const NO_VALUE: [u8; 16] = *b"\xff\x00no such value\xff";

/// From this size on a cell is not copied out of where it came in.
pub(crate) const LARGE: usize = 16 * 1024;

impl<'r> Row<'r> {
    /// An empty row with the room of this one, for cells that live shorter or longer.
    pub(crate) fn emptied<'n>(mut self) -> Row<'n> {
        self.clear();
        // The same room is used again: nothing is left in it.
        Row { bytes: self.bytes, cells: self.cells.into_iter().map(|_| Cell::Null).collect(), misfits: self.misfits }
    }

    /// A row of its own, whatever its reader does.
    pub(crate) fn to_owned_row(&self) -> Row<'static> {
        let own = |cell: &Cell<'_>| match cell {
            Cell::Null => Cell::Null,
            Cell::Value(range) => Cell::Value(range.clone()),
            Cell::Lent(bytes) => Cell::Shared(Bytes::copy_from_slice(bytes)),
            Cell::Shared(bytes) => Cell::Shared(bytes.clone()),
            Cell::Misfit(range) => Cell::Misfit(range.clone()),
        };
        let cells = self.cells.iter().map(own).collect();
        Row { bytes: self.bytes.clone(), cells, misfits: self.misfits.clone() }
    }

    /// Forgets the last row.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.cells.clear();
        self.misfits.clear();
    }

    /// Adds a NULL.
    pub(crate) fn null(&mut self) {
        self.cells.push(Cell::Null);
    }

    /// Adds a cell whose canonical bytes `write` appends; false means NULL.
    pub(crate) fn cell<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>) -> Result<(), E> {
        let start = self.bytes.len();
        let value = write(&mut self.bytes)?;
        self.cells.push(if value { Cell::Value(start..self.bytes.len()) } else { Cell::Null });
        Ok(())
    }

    /// Adds a large cell whose canonical bytes are at hand, without taking a copy.
    pub(crate) fn shared(&mut self, bytes: Bytes) {
        self.cells.push(Cell::Shared(bytes));
    }

    /// Adds a large cell whose canonical bytes its reader holds.
    pub(crate) fn lent(&mut self, bytes: &'r [u8]) {
        self.cells.push(Cell::Lent(bytes));
    }

    /// Adds a cell that its column cannot hold.
    pub(crate) fn misfit(&mut self, raw: &str, reason: String) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(raw.as_bytes());
        self.misfits.push((self.cells.len(), reason));
        self.cells.push(Cell::Misfit(start..self.bytes.len()));
    }

    /// Puts what the server made of a cell's text in its place.
    pub(crate) fn replace(&mut self, column: usize, text: Result<&str, &str>) {
        let start = self.bytes.len();
        match text {
            Ok(text) => {
                self.bytes.extend_from_slice(text.as_bytes());
                self.cells[column] = Cell::Value(start..self.bytes.len());
            }
            Err(reason) => {
                if let Cell::Value(range) = self.cells[column].clone() {
                    self.misfits.push((column, reason.to_owned()));
                    self.cells[column] = Cell::Misfit(range);
                }
            }
        }
    }

    /// Bytes of all cells.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// A cell.
    pub(crate) fn view(&self, column: usize) -> View<'_> {
        match self.cells.get(column) {
            Some(Cell::Value(range)) => View::Value(&self.bytes[range.clone()]),
            Some(Cell::Lent(bytes)) => View::Value(bytes),
            Some(Cell::Shared(bytes)) => View::Value(bytes),
            Some(Cell::Misfit(range)) => {
                let reason = self.misfits.iter().find(|(at, _)| *at == column).map_or("", |(_, reason)| reason);
                View::Misfit { raw: &self.bytes[range.clone()], reason }
            }
            Some(Cell::Null) | None => View::Null,
        }
    }

    /// The hashes of the row and of its key; without key columns the row is its own key.
    pub(crate) fn fingerprint(&self, key: &[usize], hasher: &mut RowHasher) -> Fingerprint {
        let row = self.hash(0..self.cells.len(), hasher);
        let key = if key.is_empty() { row } else { self.hash(key.iter().copied(), hasher) };
        Fingerprint { row, key }
    }

    fn hash(&self, columns: impl Iterator<Item = usize>, hasher: &mut RowHasher) -> RowHash {
        for column in columns {
            match self.view(column) {
                View::Null => hasher.null(),
                View::Value(bytes) => hasher.canonical(bytes),
                View::Misfit { raw, .. } => hasher.canonical(&[&NO_VALUE, raw].concat()),
            }
        }
        hasher.finish()
    }
}

/// What identifies a row and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// All cells.
    pub(crate) row: RowHash,
    /// The key's cells.
    pub(crate) key: RowHash,
}
