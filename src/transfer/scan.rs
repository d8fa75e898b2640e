//! The plan's pass: every row of the source through the real encoder, nothing sent.

use super::breaks::{Break, Finder, KeyWriter, mark, prepare, write_unique};
use super::checks::Checks;
use super::conditions::Conditions;
use super::intervals::Distribution;
use super::produce::{CHUNK, Meter, no_session, obey, reading};
use super::rejects::Rejects;
use super::rows::{BadCell, Kept, Pending, TableEncoder, show_value, storage};
use super::sending::{Cells, cells};
use super::server_keys::ServerKeys;
use super::server_types::ServerTypes;
use super::skips::open_scratch;
use super::source::Source;
use super::{Rejected, TransferError};
use crate::evidence::{Key, Misfit, Policy, Reject, StorageClass, StorageCounts};
use crate::progress::{Control, ProgressSink};
use crate::schema::{Mapping, TableMapping, TypeKind};
use rusqlite::types::ValueRef;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_postgres::Client;

/// Misfits of a column that the plan shows; all are counted.
const EXAMPLES: usize = 10;

/// What was seen in one column.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnStats {
    counts: [u64; 5],
    pub(super) misfits: Vec<Misfit>,
    pub(super) misfits_total: u64,
    /// Texts that name a zone, in a column without one.
    pub(super) zones: u64,
    /// Texts with more fractional digits than microseconds.
    pub(super) fractions: u64,
    pub(super) distribution: Distribution,
}

/// What was seen in one table.
#[derive(Clone, Debug, Default)]
pub(super) struct TableStats {
    pub(super) rows: u64,
    pub(super) columns: Vec<ColumnStats>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scanned {
    pub(super) tables: Vec<TableStats>,
    pub(super) rejected: Rejected,
    /// An integer stands in a date or time column whose unit is not known: the pass ended there.
    pub(super) epoch_unknown: bool,
}

/// What the pass needs, owned: it runs on a thread of its own.
pub(super) struct Scan {
    pub(super) mapping: Arc<Mapping>,
    pub(super) checks: Checks,
    /// By the place of the table.
    pub(super) conditions: Vec<Option<Conditions>>,
    /// By the place of the table.
    pub(super) server_keys: Vec<ServerKeys>,
    pub(super) epochs_known: bool,
    pub(super) client: Arc<Client>,
    pub(super) runtime: Handle,
    pub(super) progress: ProgressSink,
    pub(super) control: Control,
    pub(super) rejects_file: Option<PathBuf>,
}

impl Scan {
    /// Leaves the refused rows in [`Source::scratch`].
    pub(super) fn run(self, source: &mut Source) -> Result<Scanned, TransferError> {
        let mut checks = self.checks.clone().prune(&source.frozen, &self.mapping)?;
        let mut asked_from = checks.unique.len();
        checks.unique.extend(self.server_keys.iter().flat_map(ServerKeys::checks).cloned());
        let scratch = open_scratch()?;
        prepare(&scratch, &checks)?;
        let mut rejects = Rejects::new(self.rejects_file.as_deref());
        let mut tables = Vec::with_capacity(self.mapping.tables.len());
        for (number, table) in self.mapping.tables.iter().enumerate() {
            let keys = KeyWriter::new(&scratch, &checks, number);
            let conditions = self.conditions.get(number).and_then(Option::as_ref);
            let broken = conditions.map_or_else(Vec::new, |conditions| vec![Vec::new(); conditions.all.len()]);
            let rejects = &mut rejects;
            let asked = self.server_keys.get(number).map(|keys| (asked_from, keys)).filter(|(_, keys)| keys.any());
            asked_from += asked.map_or(0, |(_, keys)| keys.checks().count());
            let scratch = &scratch;
            let pass =
                TablePass { scan: &self, number, table, source, scratch, rejects, keys, asked, conditions, broken };
            let Some((stats, broken)) = pass.run()? else {
                return Ok(Scanned { epoch_unknown: true, ..Scanned::default() });
            };
            tables.push(stats);
            for (condition, broken) in conditions.into_iter().flat_map(|conditions| &conditions.all).zip(broken) {
                let frozen = &source.frozen;
                Finder { frozen, scratch, mapping: &self.mapping, checks: &checks, rejects }.tell(
                    number,
                    &condition.places,
                    condition.null_helps,
                    broken,
                )?;
            }
        }
        let frozen = &source.frozen;
        Finder { frozen, scratch: &scratch, mapping: &self.mapping, checks: &checks, rejects: &mut rejects }.run()?;
        source.scratch = Some(scratch);
        Ok(Scanned { tables, rejected: rejects.finish()?, epoch_unknown: false })
    }
}

struct TablePass<'a> {
    scan: &'a Scan,
    number: usize,
    table: &'a TableMapping,
    source: &'a Source,
    scratch: &'a rusqlite::Connection,
    rejects: &'a mut Rejects,
    keys: KeyWriter<'a>,
    /// The keys that the server hashes, and the number of the first in [`Checks::unique`].
    asked: Option<(usize, &'a ServerKeys)>,
    conditions: Option<&'a Conditions>,
    /// By condition, in the order of the rows.
    broken: Vec<Vec<Break>>,
}

/// A row of the chunk at hand.
#[derive(Clone, Copy)]
struct Place {
    /// Where its tuple begins.
    tuple: usize,
    position: u64,
    /// Whether it is refused already.
    refused: bool,
}

/// What was seen, and the rows that break each condition.
type Passed = (TableStats, Vec<Vec<Break>>);

impl TablePass<'_> {
    /// None where it ended at an integer whose unit is not known.
    fn run(mut self) -> Result<Option<Passed>, TransferError> {
        let label = self.table.target.label();
        let failed = |error: rusqlite::Error| reading(&label, &error);
        let encoder = TableEncoder::new(self.table, self.scan.epochs_known)?;
        let mut stats = TableStats { rows: 0, columns: vec![ColumnStats::default(); self.table.columns.len()] };
        let mut meter = Meter::new(&self.scan.progress, &label, None);
        let mut statement = self.source.frozen.prepare(&encoder.selected.sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let (mut chunk, mut pending, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        let mut positions = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            for (place, column) in self.table.columns.iter().enumerate() {
                stats.columns[place].see(row.get_ref(place).map_err(failed)?, &column.target.ty.kind);
            }
            let tuple = chunk.len();
            let kept = encoder
                .append(row, &[], &mut chunk, &mut pending, &mut |cell| bad.push(Bad::new(&cell)))
                .map_err(failed)?;
            if kept == Kept::EpochUnknown {
                return Ok(None);
            }
            if !bad.is_empty() {
                let key = encoder.selected.key(row);
                bad.drain(..).try_for_each(|cell| self.refuse(&key, cell, &mut stats))?;
            }
            if kept == Kept::Skipped {
                mark(self.scratch, self.number, stats.rows, Policy::SkipRow, &[])?;
            }
            self.keys.write(&encoder, &chunk[tuple..], stats.rows)?;
            positions.push(Place { tuple, position: stats.rows, refused: kept != Kept::Row });
            stats.rows += 1;
            if chunk.len() >= CHUNK {
                bytes += chunk.len() as u64;
                self.judge(&encoder, &mut chunk, &mut pending, &mut positions, &mut stats)?;
                meter.tell(stats.rows, bytes);
                obey(&self.scan.control, &self.scan.progress)?;
            }
        }
        self.judge(&encoder, &mut chunk, &mut pending, &mut positions, &mut stats)?;
        meter.finish(stats.rows, bytes);
        Ok(Some((stats, self.broken)))
    }

    /// Has the server read what only it can read and judge what only it can judge, and empties the chunk.
    fn judge(
        &mut self,
        encoder: &TableEncoder,
        chunk: &mut Vec<u8>,
        pending: &mut Vec<Pending>,
        positions: &mut Vec<Place>,
        stats: &mut TableStats,
    ) -> Result<(), TransferError> {
        if !pending.is_empty() {
            let mut refused = Vec::new();
            let server = ServerTypes::new(&self.scan.client, &self.scan.runtime);
            let (resolved, _) =
                server.resolve(self.table, encoder, chunk, std::mem::take(pending), &mut |tuple, key, cell| {
                    refused.push((tuple, key.clone(), Bad::new(&cell)));
                })?;
            *chunk = resolved;
            // Tuples that are no longer in the chunk.
            let mut gone = Vec::new();
            for (tuple, key, cell) in refused {
                let place = positions.binary_search_by_key(&tuple, |place| place.tuple).map_err(|_| no_session())?;
                mark(self.scratch, self.number, positions[place].position, cell.action, &[cell.column])?;
                if cell.action != Policy::Null {
                    gone.push(tuple);
                }
                self.refuse(&key, cell, stats)?;
            }
            positions.retain(|place| !gone.contains(&place.tuple));
        }
        if self.conditions.is_some() || self.asked.is_some() {
            let rows = cells(chunk, encoder.columns.len()).into_iter().zip(positions.iter());
            let (rows, places): (Vec<_>, Vec<Place>) =
                rows.filter(|(_, place)| !place.refused).map(|(cells, place)| (cells, *place)).unzip();
            self.hold_against(&rows, &places)?;
            self.write_asked(&rows, &places)?;
        }
        chunk.clear();
        positions.clear();
        Ok(())
    }

    fn hold_against(&mut self, rows: &[Cells<'_>], places: &[Place]) -> Result<(), TransferError> {
        let Some(conditions) = self.conditions else { return Ok(()) };
        for broken in conditions.judge(&self.scan.client, &self.scan.runtime, rows)? {
            let reason = broken.error.unwrap_or_else(|| conditions.all[broken.condition].says.clone());
            self.broken[broken.condition].push(Break { position: places[broken.row].position, reason });
        }
        Ok(())
    }

    fn write_asked(&self, rows: &[Cells<'_>], places: &[Place]) -> Result<(), TransferError> {
        let Some((first, keys)) = self.asked else { return Ok(()) };
        for (number, hashes) in keys.hashes(&self.scan.client, &self.scan.runtime, rows)?.into_iter().enumerate() {
            for hash in hashes {
                write_unique(self.scratch, first + number, hash.halves, places[hash.row].position)?;
            }
        }
        Ok(())
    }

    fn refuse(&mut self, key: &Key, cell: Bad, stats: &mut TableStats) -> Result<(), TransferError> {
        let seen = &mut stats.columns[cell.column];
        seen.misfits_total += 1;
        if seen.misfits.len() < EXAMPLES {
            seen.misfits.push(Misfit {
                key: key.clone(),
                storage: cell.storage,
                value: cell.value.clone(),
                reason: cell.reason.clone(),
            });
        }
        self.rejects.add(Reject {
            table: self.table.target.label(),
            key: key.clone(),
            column: Some(self.table.columns[cell.column].target.name.clone()),
            storage: cell.storage,
            value: cell.value,
            reason: cell.reason,
            action: cell.action,
        })
    }
}

/// A [`BadCell`] that outlives its row.
struct Bad {
    column: usize,
    storage: StorageClass,
    value: Option<String>,
    reason: String,
    action: Policy,
}

impl Bad {
    fn new(cell: &BadCell<'_>) -> Self {
        Self {
            column: cell.column,
            storage: storage(cell.value),
            value: show_value(cell.value),
            reason: cell.reason.to_owned(),
            action: cell.action,
        }
    }
}

impl ColumnStats {
    fn see(&mut self, value: ValueRef<'_>, kind: &TypeKind) {
        self.counts[storage(value) as usize] += 1;
        match (kind, value) {
            (TypeKind::Interval(_), ValueRef::Integer(number)) => self.distribution.add(number),
            (TypeKind::Timestamp(_) | TypeKind::Date | TypeKind::Time(_), ValueRef::Text(text)) => {
                self.zones += u64::from(names_zone(text));
                self.fractions += u64::from(is_finer_than_micros(text));
            }
            (TypeKind::TimestampTz(_) | TypeKind::TimeTz(_), ValueRef::Text(text)) => {
                self.fractions += u64::from(is_finer_than_micros(text));
            }
            _ => {}
        }
    }

    /// How many cells of each storage class.
    pub(super) fn storage(&self) -> StorageCounts {
        const CLASSES: [StorageClass; 5] =
            [StorageClass::Null, StorageClass::Integer, StorageClass::Real, StorageClass::Text, StorageClass::Blob];
        CLASSES.into_iter().map(|class| (class, self.counts[class as usize])).filter(|(_, count)| *count > 0).collect()
    }
}

/// `…Z`, `…+01:00`, `… UTC`: something after the clock that is no fraction.
fn names_zone(text: &[u8]) -> bool {
    let Some(clock) = text.iter().position(|byte| *byte == b':') else { return false };
    text[clock..].iter().any(|byte| matches!(byte, b'+' | b'-' | b'Z' | b'z' | b'U'))
}

fn is_finer_than_micros(text: &[u8]) -> bool {
    let Some(dot) = text.iter().position(|byte| *byte == b'.') else { return false };
    let digits: Vec<u8> = text[dot + 1..].iter().copied().take_while(u8::is_ascii_digit).collect();
    digits.len() > 6 && digits[6..].iter().any(|digit| *digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_fine_fractions_are_seen() {
        for text in
            ["2025-12-12 20:47:51.200002669+01:00", "2024-01-01T00:00:00Z", "2026-06-21 23:12:02 +0000 UTC m=+23.99"]
        {
            assert!(names_zone(text.as_bytes()), "{text}");
        }
        assert!(!names_zone(b"2024-01-01 00:00:00.5"));
        assert!(!names_zone(b"2024-01-01"));
        assert!(is_finer_than_micros(b"2025-12-12 20:47:51.200002669+01:00"));
        assert!(!is_finer_than_micros(b"2025-12-12 20:47:51.200002000"));
    }
}
