//! The thread that reads the source and encodes: rows in, chunks of a binary COPY out, through a bounded channel.

use super::TransferError;
use super::part::Part;
use super::rows::{HEADER, Kept, Pending, TRAILER, TableEncoder};
use super::server_types::ServerTypes;
use super::session::{PAUSE_AT_MOST, interrupted, paused_too_long};
use super::skips::TableSkips;
use crate::connect::sqlite::reads_through;
use crate::digest::{RowHasher, TableDigest};
use crate::evidence::Policy;
use crate::progress::{Control, PartProgress, ProgressSink, Wish};
use crate::schema::TableMapping;
use bytes::Bytes;
use rusqlite::Connection;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Chunks are sent at this size. Between 64 and 512 KB the speed is the same; this one leaves an L2 cache room.
pub(super) const CHUNK: usize = 128 * 1024;

/// A chunk that a huge cell made longer than this goes through the channel in slices of it: the next row is not read before most
/// of it is gone, and no layer below holds it a second time.
const SLICE: usize = 256 * 1024;

/// Cells for the server's input functions are sent at latest when there are so many.
const PENDING: usize = 4_000;

/// The screen is told at most this often.
const TELL_EVERY: Duration = Duration::from_millis(120);

/// Why the thread stopped early.
#[derive(Debug)]
pub(super) enum Halt {
    /// A cell does not fit under policy `stop`.
    Misfit,
    /// An integer stands in a date or time column whose unit nobody said.
    Epoch,
    /// The other end is gone: the server refused, and says why itself.
    Receiver,
    /// Anything else.
    Failed(TransferError),
}

impl From<TransferError> for Halt {
    fn from(error: TransferError) -> Self {
        Self::Failed(error)
    }
}

/// What goes through the channel. A channel that closes without [`Piece::End`] means that the thread halted.
#[derive(Debug)]
pub(super) enum Piece {
    /// A part of the stream.
    Chunk(Bytes),
    /// All of it was sent.
    End,
}

/// What was encoded.
#[derive(Clone, Debug, Default)]
pub(super) struct Produced {
    pub(super) rows_source: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) digest: TableDigest,
}

/// One table's way from SQLite into the channel.
pub(super) struct Producer<'a> {
    pub(super) frozen: &'a Connection,
    pub(super) table: &'a TableMapping,
    pub(super) encoder: &'a TableEncoder,
    pub(super) part: &'a Part,
    pub(super) server: Option<&'a ServerTypes<'a>>,
    pub(super) skips: TableSkips<'a>,
    pub(super) sender: mpsc::Sender<Piece>,
    pub(super) meter: Meter,
    pub(super) control: &'a Control,
    pub(super) progress: &'a ProgressSink,
}

impl Producer<'_> {
    pub(super) fn run(mut self) -> Result<Produced, Halt> {
        let label = self.table.target.label();
        let failed = |error: rusqlite::Error| -> Halt { reading(&label, &error).into() };
        reads_through(self.frozen).map_err(failed)?;
        let mut statement = self.frozen.prepare(&self.part.sql).map_err(failed)?;
        let mut rows = statement.query(rusqlite::params_from_iter(&self.part.keys)).map_err(failed)?;
        let mut produced = Produced::default();
        let mut hasher = RowHasher::new();
        let mut chunk = HEADER.to_vec();
        let mut start = chunk.len();
        let mut pending = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let skip = self.skips.at(self.part.first + produced.rows_source)?;
            produced.rows_source += 1;
            if skip.row {
                continue;
            }
            let (tuple, waiting) = (chunk.len(), pending.len());
            let kept = self.encoder.append(row, skip.nulled, &mut chunk, &mut pending, &mut |_| {}).map_err(failed)?;
            match kept {
                Kept::Row => produced.rows += 1,
                Kept::Skipped => {
                    chunk.truncate(tuple);
                    pending.truncate(waiting);
                }
                Kept::Stopped => return Err(Halt::Misfit),
                Kept::EpochUnknown => return Err(Halt::Epoch),
            }
            if chunk.len() >= CHUNK || pending.len() >= PENDING {
                self.send(&mut chunk, start, &mut pending, &mut produced, &mut hasher)?;
                start = 0;
            }
        }
        self.finish(&mut chunk, start, &mut pending, &mut produced, &mut hasher)?;
        Ok(produced)
    }

    fn finish(
        &mut self,
        chunk: &mut Vec<u8>,
        start: usize,
        pending: &mut Vec<Pending>,
        produced: &mut Produced,
        hasher: &mut RowHasher,
    ) -> Result<(), Halt> {
        self.send(chunk, start, pending, produced, hasher)?;
        self.pass(Piece::Chunk(Bytes::from_static(TRAILER)))?;
        self.pass(Piece::End)?;
        self.meter.finish(produced.rows_source, produced.bytes);
        Ok(())
    }

    fn send(
        &mut self,
        chunk: &mut Vec<u8>,
        start: usize,
        pending: &mut Vec<Pending>,
        produced: &mut Produced,
        hasher: &mut RowHasher,
    ) -> Result<(), Halt> {
        if !pending.is_empty() {
            self.resolve(chunk, start, pending, produced)?;
        }
        self.encoder.digest(&chunk[start..], hasher, &mut produced.digest)?;
        produced.bytes += chunk.len() as u64;
        let full = std::mem::replace(chunk, Vec::with_capacity(CHUNK + CHUNK / 8));
        let mut rest = Bytes::from(full);
        while !rest.is_empty() {
            let slice = rest.split_to(rest.len().min(SLICE));
            self.pass(Piece::Chunk(slice))?;
        }
        self.meter.tell(produced.rows_source, produced.bytes);
        obey(self.control, self.progress)?;
        Ok(())
    }

    fn pass(&self, piece: Piece) -> Result<(), Halt> {
        self.sender.blocking_send(piece).map_err(|_| Halt::Receiver)
    }

    fn resolve(
        &self,
        chunk: &mut Vec<u8>,
        start: usize,
        pending: &mut Vec<Pending>,
        produced: &mut Produced,
    ) -> Result<(), Halt> {
        let mut waiting = std::mem::take(pending);
        for one in &mut waiting {
            one.tuple -= start;
            one.at -= start;
        }
        let mut stopped = false;
        let server = self.server.ok_or_else(no_session)?;
        let (resolved, left_out) =
            server.resolve(self.table, self.encoder, &chunk[start..], waiting, &mut |_, _, cell| {
                stopped |= cell.action == Policy::Stop;
            })?;
        if stopped {
            return Err(Halt::Misfit);
        }
        produced.rows -= left_out;
        chunk.truncate(start);
        chunk.extend_from_slice(&resolved);
        Ok(())
    }
}

pub(super) fn no_session() -> TransferError {
    TransferError::Failed("a cell needs the server's input function, and no session was opened for it".to_owned())
}

pub(super) fn reading(table: &str, error: &rusqlite::Error) -> TransferError {
    TransferError::Failed(format!("reading {table} from the frozen source: {error}"))
}

/// Stops or holds between chunks, as the operator wishes.
pub(super) fn obey(control: &Control, progress: &ProgressSink) -> Result<(), TransferError> {
    let since = Instant::now();
    if control.wish() == Wish::Pause {
        progress.holding();
    }
    loop {
        match control.wish() {
            Wish::Run => return Ok(()),
            Wish::Stop => return Err(interrupted()),
            Wish::Pause if since.elapsed() > PAUSE_AT_MOST => return Err(paused_too_long()),
            Wish::Pause => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Hears how many rows and bytes are done, and whether that is all.
pub(super) type Tell = dyn Fn(u64, u64, bool) + Send + Sync;

/// Tells how far one part is, not too often.
#[derive(Clone)]
pub(super) struct Meter {
    tell: Arc<Tell>,
    told: Instant,
}

impl Meter {
    /// `total` where it is known.
    pub(super) fn new(sink: &ProgressSink, part: &str, total: Option<u64>) -> Self {
        let (sink, part) = (sink.clone(), part.to_owned());
        Self::by(Arc::new(move |done, bytes, finished| {
            let (part, unit) = (part.clone(), "rows".to_owned());
            sink.part(PartProgress { part, unit, done, total: total.map(|total| total.max(done)), bytes, finished });
        }))
    }

    /// For one of several workers on a part: `tell` adds them up.
    pub(super) fn by(tell: Arc<Tell>) -> Self {
        Self { tell, told: Instant::now() }
    }

    pub(super) fn tell(&mut self, done: u64, bytes: u64) {
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            (self.tell)(done, bytes, false);
        }
    }

    pub(super) fn finish(&self, done: u64, bytes: u64) {
        (self.tell)(done, bytes, true);
    }
}
