//! A table as its row count and the sum of its row hashes.

use super::RowHash;

/// How many parts a table's digest is kept in, so that a second pass has to look only at the rows of the parts that differ.
pub const BUCKETS: usize = 4096;

/// The order-independent fingerprint of a set of rows: count, sum of the row hashes mod 2¹²⁸, and the same sum by hash of the key.
/// A sum and never XOR: two equal rows would cancel.
#[derive(Clone, PartialEq, Eq)]
pub struct TableDigest {
    /// Rows added.
    pub rows: u64,
    /// Sum of their hashes mod 2¹²⁸.
    pub sum: u128,
    /// The sum by bucket of the key's hash; [`BUCKETS`] of them.
    pub buckets: Box<[u128]>,
}

impl Default for TableDigest {
    fn default() -> Self {
        Self { rows: 0, sum: 0, buckets: vec![0; BUCKETS].into_boxed_slice() }
    }
}

impl std::fmt::Debug for TableDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableDigest({} rows, {})", self.rows, self.hex())
    }
}

impl TableDigest {
    /// The digest of no rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row. `key` is the hash of its key's cells; where the table has no key, the row's own hash.
    pub fn add(&mut self, row: RowHash, key: RowHash) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(row.0);
        let bucket = &mut self.buckets[Self::bucket(key)];
        *bucket = bucket.wrapping_add(row.0);
    }

    /// Adds what another worker has digested.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = mine.wrapping_add(*theirs);
        }
    }

    /// The bucket that rows of this key are in.
    #[must_use]
    pub fn bucket(key: RowHash) -> usize {
        key.0 as usize % BUCKETS
    }

    /// The buckets in which two digests differ, ascending. A missing and an extra row may, with a chance of 2⁻¹²⁸, hide each other.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<usize> {
        (0..BUCKETS).filter(|&index| self.buckets[index] != other.buckets[index]).collect()
    }

    /// The sum as 32 hex digits, as it stands in reports.
    #[must_use]
    pub fn hex(&self) -> String {
        format!("{:032x}", self.sum)
    }
}
