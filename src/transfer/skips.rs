//! The rows and cells that a pass before the load found refused, kept in a temporary SQLite database so that memory is bounded
//! whatever their number.

use super::TransferError;
use rusqlite::{Connection, Rows};

/// What a pass found about one row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Skip<'a> {
    /// Leave it out.
    pub(super) row: bool,
    /// Load NULL into these columns, by place in the mapping.
    pub(super) nulled: &'a [usize],
}

/// A refused row: its place, and the column that is to be NULL, or none where the whole row is left out.
pub(super) type Refused = (u64, Option<usize>);

/// Where refused rows come from.
enum Origin<'a> {
    Asked(Rows<'a>),
    Listed(std::vec::IntoIter<Refused>),
}

/// The refused rows of one table, in the order of the scan.
pub(super) struct TableSkips<'a> {
    rows: Origin<'a>,
    next: Option<(u64, Option<usize>)>,
    nulled: Vec<usize>,
}

/// The statement behind [`TableSkips`]: position and column, or no column for the whole row.
pub(super) const REFUSED: &str = "SELECT pos, col FROM refused WHERE tab = ?1 ORDER BY pos, col";

/// The same for the rows from one place up to another, which is not among them.
const REFUSED_WITHIN: &str = "SELECT pos, col FROM refused WHERE tab = ?1 AND pos >= ?2 AND pos < ?3 ORDER BY pos, col";

/// The refused rows of a chunk.
pub(super) fn within(
    scratch: &Connection,
    table: usize,
    places: std::ops::Range<u64>,
) -> Result<Vec<Refused>, TransferError> {
    let place = |place: u64| i64::try_from(place).unwrap_or(i64::MAX);
    let list = || -> rusqlite::Result<Vec<Refused>> {
        let mut statement = scratch.prepare_cached(REFUSED_WITHIN)?;
        let rows = statement.query_map((table as i64, place(places.start), place(places.end)), refused)?;
        rows.collect()
    };
    list().map_err(|error| scratch_failed(&error))
}

fn refused(row: &rusqlite::Row<'_>) -> rusqlite::Result<Refused> {
    let (position, column): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
    Ok((position.unsigned_abs(), column.and_then(|column| usize::try_from(column).ok())))
}

impl<'a> TableSkips<'a> {
    /// Nothing is refused.
    pub(super) fn none() -> Self {
        Self { rows: Origin::Listed(Vec::new().into_iter()), next: None, nulled: Vec::new() }
    }

    /// These, in order.
    pub(super) fn listed(refused: Vec<Refused>) -> Self {
        let mut rows = refused.into_iter();
        let next = rows.next();
        Self { rows: Origin::Listed(rows), next, nulled: Vec::new() }
    }

    /// What [`REFUSED`] answers.
    pub(super) fn new(rows: Rows<'a>) -> Result<Self, TransferError> {
        let mut skips = Self { rows: Origin::Asked(rows), next: None, nulled: Vec::new() };
        skips.step()?;
        Ok(skips)
    }

    /// What is to be done about the row at `position`; asked for each position in turn.
    pub(super) fn at(&mut self, position: u64) -> Result<Skip<'_>, TransferError> {
        self.nulled.clear();
        let mut row = false;
        while let Some((_, column)) = self.next.filter(|(next, _)| *next == position) {
            match column {
                Some(column) => self.nulled.push(column),
                None => row = true,
            }
            self.step()?;
        }
        Ok(Skip { row, nulled: &self.nulled })
    }

    fn step(&mut self) -> Result<(), TransferError> {
        self.next = match &mut self.rows {
            Origin::Listed(rows) => rows.next(),
            Origin::Asked(rows) => {
                let next = rows.next().and_then(|row| row.map(refused).transpose());
                next.map_err(|error| scratch_failed(&error))?
            }
        };
        Ok(())
    }
}

pub(super) fn scratch_failed(error: &rusqlite::Error) -> TransferError {
    TransferError::Failed(format!("SQLite's temporary file: {error}; is the disk of the temporary directory full?"))
}

/// Opens the scratch file; it is gone when closed.
pub(super) fn open_scratch() -> Result<Connection, TransferError> {
    // An empty name is SQLite's own temporary database: on disk once it outgrows the cache, removed when closed.
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open("")?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000; PRAGMA temp_store = FILE;
             CREATE TABLE refused (tab INTEGER NOT NULL, pos INTEGER NOT NULL, col INTEGER);
             CREATE INDEX refused_by_row ON refused (tab, pos);",
        )?;
        Ok(connection)
    };
    open().map_err(|error| scratch_failed(&error))
}
