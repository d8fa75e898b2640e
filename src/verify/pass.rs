//! One table, both sides, as often as it has to be read.

use super::foreign::{BATCH_BYTES, BATCH_ROWS, Foreign};
use super::pace::Pace;
use super::row::{Fingerprint, Row};
use super::source::{Met, SourceRows};
use super::target::TargetRows;
use super::{Allowed, VerifyError};
use crate::connect::sqlite::reads_through;
use crate::digest::RowHasher;
use crate::progress::{Control, ProgressSink};
use crate::schema::TableMapping;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Client;

/// What a thread needs to read the source's side of a table.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) path: Arc<PathBuf>,
    pub(crate) mapping: Arc<TableMapping>,
    pub(crate) allowed: Arc<Allowed>,
    pub(crate) control: Control,
    pub(crate) progress: ProgressSink,
    pub(crate) foreign: Arc<Option<Foreign>>,
    /// Columns of the key by their place; none where rows are compared whole.
    pub(crate) key: Arc<Vec<usize>>,
    /// Set when the other side gave up.
    pub(crate) abandoned: Arc<AtomicBool>,
}

/// Whether a pass is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As the table's progress, with this many rows to come.
    Progress(u64),
    /// Not at all.
    No,
}

impl Table {
    /// Reads both sides at once. `source` and `target` see each row with its hashes, on threads of their own.
    pub(crate) async fn read<S, T>(
        &self,
        client: &Client,
        shown: Shown,
        mut source: S,
        target: T,
    ) -> Result<(S, T, Met, u64), VerifyError>
    where
        S: TakesRows + 'static,
        T: TakesRows,
    {
        self.abandoned.store(false, Ordering::Relaxed);
        let _guard = Abandon(Arc::clone(&self.abandoned));
        let mine = self.clone();
        let reading = tokio::task::spawn_blocking(move || mine.read_source(&mut source).map(|met| (source, met)));
        let reading = async { reading.await.unwrap_or_else(|error| Err(self.source_failed(&error.to_string()))) };
        let ((source, met), (target, bytes)) = tokio::try_join!(reading, self.read_target(client, shown, target))?;
        Ok((source, target, met, bytes))
    }

    async fn read_target<T: TakesRows>(
        &self,
        client: &Client,
        shown: Shown,
        mut sink: T,
    ) -> Result<(T, u64), VerifyError> {
        let label = self.mapping.target.label();
        let mut pace = match shown {
            Shown::Progress(total) => Pace::telling(&self.control, &self.progress, &label, total),
            Shown::No => Pace::silent(&self.control),
        };
        let mut hasher = RowHasher::new();
        let rows = TargetRows::new(client, &self.mapping);
        let mut take = |row: &Row| sink.take(row, row.fingerprint(&self.key, &mut hasher));
        let (_, bytes) = rows.each(&mut pace, &mut take).await?;
        pace.finish();
        Ok((sink, bytes))
    }

    fn read_source(&self, sink: &mut impl TakesRows) -> Result<Met, VerifyError> {
        let connection = SourceRows::open(&self.path)?;
        reads_through(&connection).map_err(|error| self.source_failed(&error.to_string()))?;
        let rows =
            SourceRows { connection: &connection, path: &self.path, table: &self.mapping, allowed: &self.allowed };
        let mut pace = Pace::silent(&self.control).until(&self.abandoned);
        let mut hasher = RowHasher::new();
        let mut take = |row: &Row| sink.take(row, row.fingerprint(&self.key, &mut hasher));
        match &*self.foreign {
            None => rows.each(&mut pace, &mut take),
            Some(foreign) => {
                let mut batch = Batch { foreign, rows: Vec::new(), bytes: 0, failed: None };
                let met = rows.each(&mut pace, &mut |row| batch.push(row, &mut take))?;
                batch.flush(&mut take);
                batch.failed.map_or(Ok(met), Err)
            }
        }
    }

    fn source_failed(&self, reason: &str) -> VerifyError {
        VerifyError::Source {
            path: self.path.to_path_buf(),
            what: self.mapping.source.name.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Takes the rows of one side.
pub(crate) trait TakesRows: Send {
    /// A row and what identifies it.
    fn take(&mut self, row: &Row, fingerprint: Fingerprint);
}

/// Tells the source's thread that nobody waits for it any more.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Rows that wait for the server's form of some of their cells.
struct Batch<'a> {
    foreign: &'a Foreign,
    rows: Vec<Row<'static>>,
    bytes: usize,
    failed: Option<VerifyError>,
}

impl Batch<'_> {
    fn push(&mut self, row: &Row, take: &mut impl FnMut(&Row)) {
        self.bytes += row.size();
        self.rows.push(row.to_owned_row());
        if self.rows.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.flush(take);
        }
    }

    fn flush(&mut self, take: &mut impl FnMut(&Row)) {
        self.bytes = 0;
        let mut rows = std::mem::take(&mut self.rows);
        if self.failed.is_some() {
            return;
        }
        // The source's thread is one that may block.
        match tokio::runtime::Handle::current().block_on(self.foreign.settle(&mut rows)) {
            Ok(()) => rows.iter().for_each(take),
            Err(error) => self.failed = Some(error),
        }
    }
}
