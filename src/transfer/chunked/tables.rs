//! Which chunk a worker loads next: each worker on a table of its own while there are enough, the largest first, so that two rarely
//! write into the same pages; then together on what is left.

use super::cut::{Chunk, Cut};
use super::pace::Pace;
use super::record::Record;
use super::task::Task;
use crate::schema::TableMapping;
use crate::transfer::TransferError;
use crate::transfer::produce::reading;
use crate::transfer::source::{Source, blocking};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// A table that is not whole yet.
struct Unfinished {
    number: usize,
    size: u64,
    rows: u64,
    /// Chunks that the ledger has.
    loaded: BTreeSet<u64>,
    emptied: bool,
    cutting: Cutting,
    at_work: usize,
}

/// Who cuts.
enum Cutting {
    NotBegun,
    Idle(Cut),
    /// A worker has it in hand.
    Away,
    Ended,
}

/// The tables that are to be loaded.
pub(super) struct Tables<'a> {
    mapping: &'a [TableMapping],
    unfinished: Mutex<Vec<Unfinished>>,
    changed: Notify,
}

/// How many chunks a table makes.
pub(super) fn chunks(rows: u64, size: u64) -> u64 {
    rows.div_ceil(size.max(1)).max(1)
}

impl<'a> Tables<'a> {
    /// Those of `mapping` that the ledger does not call whole; `rows` and `sizes` by place.
    pub(super) fn new(mapping: &'a [TableMapping], rows: &[u64], sizes: &[u64], record: &Record) -> Self {
        let mut unfinished = Vec::new();
        for (number, table) in mapping.iter().enumerate() {
            let label = table.target.label();
            let (rows, size) = (rows[number], sizes[number]);
            let loaded: BTreeSet<u64> =
                record.chunks.get(&label).into_iter().flat_map(|map| map.keys().copied()).collect();
            if loaded.len() as u64 == chunks(rows, size) {
                continue;
            }
            let emptied = record.emptied.contains(&label) || chunks(rows, size) == 1;
            let cutting = Cutting::NotBegun;
            unfinished.push(Unfinished { number, size, rows, loaded, emptied, cutting, at_work: 0 });
        }
        unfinished.sort_by_key(|table| std::cmp::Reverse(table.rows));
        Self { mapping, unfinished: Mutex::new(unfinished), changed: Notify::new() }
    }

    /// Whether nothing is left to load.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Unfinished>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task; waits where others have to be done first. None when nothing is left.
    pub(super) async fn take(&self, pace: &Pace, mut source: Source) -> Result<(Source, Option<Task>), TransferError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            pace.pass().await?;
            match self.choose() {
                Choice::Nothing => return Ok((source, None)),
                Choice::Wait => pace.wait(changed).await?,
                Choice::Empty(number) => return Ok((source, Some(Task::Empty(number)))),
                Choice::Cut(number, size, cut) => {
                    let (back, chunk) = self.cut(source, number, size, cut).await?;
                    source = back;
                    if let Some(chunk) = chunk {
                        return Ok((source, Some(Task::Load(chunk))));
                    }
                }
            }
        }
    }

    fn choose(&self) -> Choice {
        let mut tables = self.lock();
        if tables.is_empty() {
            return Choice::Nothing;
        }
        let open = |table: &&mut Unfinished| matches!(table.cutting, Cutting::NotBegun | Cutting::Idle(_));
        // The first of the smallest: the largest table among those with the fewest workers.
        let Some(table) = tables.iter_mut().filter(open).min_by_key(|table| table.at_work) else {
            let at_work = tables.iter().any(|table| table.at_work > 0);
            return if at_work { Choice::Wait } else { Choice::Nothing };
        };
        table.at_work += 1;
        let (number, size) = (table.number, table.size);
        if !table.emptied {
            table.cutting = Cutting::Away;
            return Choice::Empty(number);
        }
        match std::mem::replace(&mut table.cutting, Cutting::Away) {
            Cutting::Idle(cut) => Choice::Cut(number, size, Some(cut)),
            _ => Choice::Cut(number, size, None),
        }
    }

    /// The table's next chunk that is not in.
    async fn cut(
        &self,
        source: Source,
        number: usize,
        size: u64,
        cut: Option<Cut>,
    ) -> Result<(Source, Option<Chunk>), TransferError> {
        let table = self.mapping[number].clone();
        let loaded = self.with(number, |table| table.loaded.clone()).unwrap_or_default();
        let label = table.target.label();
        let (source, cut) = blocking(source, move |source| -> rusqlite::Result<(Cut, Option<Chunk>)> {
            let mut cut = match cut {
                Some(cut) => cut,
                None => Cut::new(&source.frozen, number, &table, size)?,
            };
            while let Some(chunk) = cut.next(&source.frozen)? {
                if !loaded.contains(&chunk.number) {
                    return Ok((cut, Some(chunk)));
                }
            }
            Ok((cut, None))
        })
        .await?;
        let (cut, chunk) = cut.map_err(|error| reading(&label, &error))?;
        self.with(number, |table| {
            table.cutting = if cut.has_ended() { Cutting::Ended } else { Cutting::Idle(cut) };
            if chunk.is_none() {
                table.at_work -= 1;
            }
        });
        self.settle();
        Ok((source, chunk))
    }

    fn with<T>(&self, number: usize, change: impl FnOnce(&mut Unfinished) -> T) -> Option<T> {
        self.lock().iter_mut().find(|table| table.number == number).map(change)
    }

    /// A task of these is done. Whether its table is whole now.
    pub(super) fn done(&self, task: &Task) -> bool {
        let (Task::Empty(number) | Task::Load(Chunk { table: number, .. })) = task else { return false };
        self.with(*number, |table| {
            table.at_work -= 1;
            if matches!(task, Task::Empty(_)) {
                table.emptied = true;
                table.cutting = Cutting::NotBegun;
            }
        });
        self.settle();
        !self.lock().iter().any(|table| table.number == *number)
    }

    /// Drops the tables that are whole, and lets others look again.
    fn settle(&self) {
        self.lock().retain(|table| table.at_work > 0 || !matches!(table.cutting, Cutting::Ended));
        self.changed.notify_waiters();
    }
}

/// What a worker is to do.
enum Choice {
    /// All tables are whole.
    Nothing,
    /// Others have to be done first.
    Wait,
    Empty(usize),
    Cut(usize, u64, Option<Cut>),
}
