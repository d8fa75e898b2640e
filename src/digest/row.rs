//! A row as 128 bits.

use super::canonical::{self, BadWire, CanonicalKind};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Beyond this many canonical bytes a row is hashed piece by piece, so that a large cell is never held a second time.
const PIECE: usize = 64 * 1024;

const NULL: u8 = 0;
const VALUE: u8 = 1;

/// xxh3-128 over the row's cells: each a tag, and for a value its length (u32, little endian) and canonical bytes. NULL is a tag of
/// its own, so it never equals an empty value, and the lengths keep `("a", "bc")` from equalling `("ab", "c")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowHash(pub u128);

/// Builds [`RowHash`]es, one row after the other, in one buffer. The key of a row is hashed by a second hasher over the key's cells.
#[derive(Default)]
pub struct RowHasher {
    buffer: Vec<u8>,
    stream: Option<Box<Xxh3>>,
    streaming: bool,
}

impl std::fmt::Debug for RowHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowHasher").field("buffered", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl RowHasher {
    /// A hasher at the start of a row.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a NULL.
    pub fn null(&mut self) {
        self.buffer.push(NULL);
    }

    /// Adds a cell from its binary wire form, as sent or received; `None` is NULL.
    ///
    /// # Errors
    /// When the bytes are not a value of that kind. The row cannot be used any more.
    pub fn wire(&mut self, kind: &CanonicalKind, payload: Option<&[u8]>) -> Result<(), BadWire> {
        match (payload, kind) {
            (None, _) => self.null(),
            (Some(bytes), CanonicalKind::Bytes) => self.canonical(bytes),
            (Some(bytes), _) => return self.built(|out| canonical::from_wire(kind, bytes, out)),
        }
        Ok(())
    }

    /// Adds a cell whose canonical bytes are at hand.
    pub fn canonical(&mut self, bytes: &[u8]) {
        let [a, b, c, d] = length(bytes.len());
        self.buffer.extend_from_slice(&[VALUE, a, b, c, d]);
        if bytes.len() < PIECE {
            self.buffer.extend_from_slice(bytes);
        } else {
            self.flush();
            self.stream().update(bytes);
        }
        self.bound();
    }

    /// Adds a cell whose canonical bytes `write` appends, without a buffer in between.
    ///
    /// # Errors
    /// Whatever `write` returns. The row cannot be used any more.
    pub fn built<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        self.buffer.extend_from_slice(&[VALUE, 0, 0, 0, 0]);
        let start = self.buffer.len();
        write(&mut self.buffer)?;
        let written = length(self.buffer.len() - start);
        self.buffer[start - 4..start].copy_from_slice(&written);
        self.bound();
        Ok(())
    }

    /// The hash of the row; the hasher is ready for the next one.
    pub fn finish(&mut self) -> RowHash {
        let hash = match &mut self.stream {
            Some(stream) if self.streaming => {
                stream.update(&self.buffer);
                let hash = stream.digest128();
                stream.reset();
                hash
            }
            _ => xxh3_128(&self.buffer),
        };
        self.streaming = false;
        self.buffer.clear();
        RowHash(hash)
    }

    fn bound(&mut self) {
        if self.buffer.len() >= PIECE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.stream().update(&buffer);
        if buffer.capacity() <= 4 * PIECE {
            self.buffer = buffer;
            self.buffer.clear();
        }
    }

    fn stream(&mut self) -> &mut Xxh3 {
        self.streaming = true;
        self.stream.get_or_insert_with(|| Box::new(Xxh3::new()))
    }
}

/// PostgreSQL holds no value of 4 GiB, so 32 bits say every length.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}
