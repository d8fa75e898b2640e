//! Which rows differ: the second pass over a table whose digests are not equal.
//!
//! Only rows of the buckets that differ are looked at, as pairs of hashes, and only so many buckets at a time that the pairs
//! fit into memory; the count is exact however many there are.

use super::VerifyError;
use super::pass::{Shown, Table, TakesRows};
use super::row::{Fingerprint, Row};
use crate::digest::{BUCKETS, RowHash, TableDigest};
use crate::evidence::{DifferenceKind, Evidence};
use std::sync::Arc;
use tokio_postgres::Client;

/// Pairs of hashes that are held for one side at once: 32 bytes each.
const HELD: u64 = 1_000_000;

/// A row that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Differs {
    /// The hash of its key.
    pub(crate) key: RowHash,
    /// In which way.
    pub(crate) kind: DifferenceKind,
    /// The source's row.
    pub(crate) source: Option<RowHash>,
    /// The target's row.
    pub(crate) target: Option<RowHash>,
    /// How many rows it stands for: more than one where a table without a key holds equal rows.
    pub(crate) count: u64,
}

/// The rows that differ: the first ones, and how many in all.
#[derive(Debug, Default)]
pub(crate) struct Differing {
    pub(crate) listed: Vec<Differs>,
    pub(crate) total: u64,
}

/// Finds the rows behind two unequal digests.
pub(crate) async fn narrow(
    table: &Table,
    client: &Client,
    source: &TableDigest,
    target: &TableDigest,
) -> Result<Differing, VerifyError> {
    let buckets = source.differing(target);
    let mut found = Differing::default();
    for round in rounds(&buckets, source.rows.max(target.rows)) {
        let mine = Pairs { wanted: Arc::clone(&round), pairs: Vec::new() };
        let theirs = Pairs { wanted: round, pairs: Vec::new() };
        let (source, target, ..) = table.read(client, Shown::No, mine, theirs).await?;
        merge(source.sorted(), target.sorted(), &mut found);
    }
    Ok(found)
}

/// Groups of buckets whose rows fit into memory, as a table to look a bucket up in.
fn rounds(buckets: &[usize], rows: u64) -> Vec<Arc<Vec<bool>>> {
    let rows_of_bucket = (rows / BUCKETS as u64).max(1);
    let at_once = usize::try_from(HELD / rows_of_bucket).unwrap_or(usize::MAX).clamp(1, BUCKETS);
    let group = |group: &[usize]| {
        let mut wanted = vec![false; BUCKETS];
        for bucket in group {
            wanted[*bucket] = true;
        }
        Arc::new(wanted)
    };
    buckets.chunks(at_once).map(group).collect()
}

/// The hashes of the rows in the wanted buckets.
struct Pairs {
    wanted: Arc<Vec<bool>>,
    pairs: Vec<(u128, u128)>,
}

impl TakesRows for Pairs {
    fn take(&mut self, _row: &Row, Fingerprint { row, key }: Fingerprint) {
        if self.wanted[TableDigest::bucket(key)] {
            self.pairs.push((key.0, row.0));
        }
    }
}

impl Pairs {
    fn sorted(mut self) -> Vec<(u128, u128)> {
        self.pairs.sort_unstable();
        self.pairs
    }
}

/// Walks both sides key by key.
fn merge(source: Vec<(u128, u128)>, target: Vec<(u128, u128)>, found: &mut Differing) {
    let (mut a, mut b) = (source.as_slice(), target.as_slice());
    while let Some(key) = a.first().into_iter().chain(b.first()).map(|(key, _)| *key).min() {
        let mine = take_key(&mut a, key);
        let theirs = take_key(&mut b, key);
        if mine != theirs {
            found.add(key, mine, theirs);
        }
    }
}

fn take_key<'a>(side: &mut &'a [(u128, u128)], key: u128) -> &'a [(u128, u128)] {
    let count = side.iter().take_while(|(own, _)| *own == key).count();
    let (taken, rest) = side.split_at(count);
    *side = rest;
    taken
}

impl Differing {
    /// Rows of one key, sorted by hash on both sides: equal ones cancel, what is left is paired as changed rows.
    fn add(&mut self, key: u128, source: &[(u128, u128)], target: &[(u128, u128)]) {
        let (mine, theirs) = (surplus(source, target), surplus(target, source));
        let pairs = mine.len().max(theirs.len());
        for place in 0..pairs {
            let (source, target) = (mine.get(place).copied(), theirs.get(place).copied());
            let kind = match (source, target) {
                (Some(_), Some(_)) => DifferenceKind::Changed,
                (Some(_), None) => DifferenceKind::Missing,
                _ => DifferenceKind::Extra,
            };
            self.note(Differs {
                key: RowHash(key),
                kind,
                source: source.map(RowHash),
                target: target.map(RowHash),
                count: 1,
            });
        }
    }

    fn note(&mut self, row: Differs) {
        self.total += 1;
        if let Some(last) = self.listed.last_mut()
            && (Differs { count: 1, ..*last }) == row
        {
            last.count += 1;
        } else if self.listed.len() < Evidence::LISTED {
            self.listed.push(row);
        }
    }
}

/// What one side has more often than the other. Both are sorted.
fn surplus(side: &[(u128, u128)], other: &[(u128, u128)]) -> Vec<u128> {
    let mut left = Vec::new();
    let mut rest = other;
    for (_, row) in side {
        while rest.first().is_some_and(|(_, next)| next < row) {
            rest = &rest[1..];
        }
        match rest.first() {
            Some((_, next)) if next == row => rest = &rest[1..],
            _ => left.push(*row),
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &[(u128, u128)], target: &[(u128, u128)]) -> Differing {
        let mut found = Differing::default();
        merge(source.to_vec(), target.to_vec(), &mut found);
        found
    }

    #[test]
    fn equal_sides_differ_in_nothing() {
        let rows = [(1, 10), (2, 20), (2, 20)];
        assert_eq!(found(&rows, &rows).total, 0);
    }

    #[test]
    fn each_kind_is_told_apart() {
        let found = found(&[(1, 10), (2, 20)], &[(1, 11), (3, 30)]);
        let kinds: Vec<_> = found.listed.iter().map(|row| row.kind).collect();
        assert_eq!(kinds, [DifferenceKind::Changed, DifferenceKind::Missing, DifferenceKind::Extra]);
        assert_eq!(found.total, 3);
    }

    #[test]
    fn equal_rows_are_counted_and_not_cancelled() {
        let found = found(&[(1, 1), (1, 1), (1, 1)], &[(1, 1)]);
        assert_eq!((found.total, found.listed.len(), found.listed[0].count), (2, 1, 2));
    }

    #[test]
    fn buckets_are_read_in_as_many_rounds_as_memory_asks_for() {
        let buckets: Vec<usize> = (0..BUCKETS).collect();
        assert_eq!(rounds(&buckets, 10_000).len(), 1);
        assert_eq!(rounds(&buckets, 10_000_000).len(), 11);
        assert_eq!(rounds(&buckets[..3], u64::MAX).len(), 3);
    }
}
