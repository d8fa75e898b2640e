//! The demo's source: deterministic, shaped like OnCall and Grafana on SQLite, with the values that go wrong elsewhere.
//!
//! The largest table has the number of rows asked for and the others follow in the proportions of a real installation. The first
//! rows of each table are the awkward ones ([`edges`]); the rest is drawn from a fixed seed.

mod edges;
mod random;
mod tables;

pub use random::{Random, moment};
use rusqlite::{Connection, Transaction};
use std::path::Path;

const SCHEMA: &str = include_str!("../../assets/demo/sqlite.sql");

/// How many rows each table gets.
#[derive(Clone, Copy, Debug)]
struct Scale {
    log_records: i64,
}

impl Scale {
    /// A share of the largest table, at least `least`.
    fn share(self, per_mille: i64, least: i64) -> i64 {
        (self.log_records * per_mille / 1_000).max(least)
    }
}

/// Writes the source to `path`, replacing what is there.
///
/// # Errors
/// When SQLite cannot write it.
pub fn generate(path: &Path, rows: i64) -> rusqlite::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "off")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.execute_batch(SCHEMA)?;
    let transaction = connection.transaction()?;
    fill(&transaction, Scale { log_records: rows.max(50) })?;
    transaction.commit()?;
    // Real files come in WAL mode; the last checkpoint leaves the header saying so.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.close().map_err(|(_, error)| error)
}

fn fill(transaction: &Transaction<'_>, scale: Scale) -> rusqlite::Result<()> {
    let mut random = Random::new(0x00C0_FFEE_2026_1124);
    tables::paging(transaction, scale, &mut random)?;
    tables::dashboards(transaction, scale, &mut random)?;
    edges::write(transaction)?;
    sequences_ahead(transaction)
}

/// Rows were deleted since: `sqlite_sequence` remembers ids that no row has any more, and the next id must be beyond them.
fn sequences_ahead(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE sqlite_sequence SET seq = seq + 1000 WHERE name IN ('alert', 'log_record', 'dashboard')",
        [],
    )?;
    Ok(())
}
