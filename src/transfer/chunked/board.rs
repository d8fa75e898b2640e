//! Tasks that several workers take from one list, so that no two of them that need a table for themselves meet there: one would wait
//! for the other's lock.

use super::pace::Pace;
use super::task::Task;
use crate::progress::{PartProgress, ProgressSink};
use crate::transfer::TransferError;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// A task with the tables that it needs.
pub(super) struct Wanted {
    pub(super) task: Task,
    pub(super) tables: Vec<String>,
    /// Whether no other task may be at work on them.
    pub(super) alone: bool,
}

/// Who is at work on a table.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    workers: usize,
    alone: bool,
}

#[derive(Default)]
struct List {
    waiting: Vec<Wanted>,
    uses: HashMap<String, Use>,
    done: usize,
}

/// The list.
pub(super) struct Board<'a> {
    /// What the tasks are, for the screen; empty for nothing worth showing.
    part: &'static str,
    total: usize,
    list: Mutex<List>,
    freed: Notify,
    progress: &'a ProgressSink,
}

/// A task in a worker's hands.
pub(super) struct Taken {
    pub(super) task: Task,
    tables: Vec<String>,
}

impl<'a> Board<'a> {
    /// The first come first.
    pub(super) fn new(part: &'static str, waiting: Vec<Wanted>, progress: &'a ProgressSink) -> Self {
        let total = waiting.len();
        let board =
            Self { part, total, list: Mutex::new(List { waiting, ..List::default() }), freed: Notify::new(), progress };
        board.tell(0);
        board
    }

    /// The next task whose tables are free; waits where others have to be done first. None when nothing is left.
    pub(super) async fn take(&self, pace: &Pace) -> Result<Option<Taken>, TransferError> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            pace.pass().await?;
            {
                let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
                if list.waiting.is_empty() {
                    return Ok(None);
                }
                if let Some(taken) = list.take() {
                    return Ok(Some(taken));
                }
            }
            pace.wait(freed).await?;
        }
    }

    /// A task is done: its tables are free.
    pub(super) fn done(&self, taken: &Taken) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        for table in &taken.tables {
            if let Some(used) = list.uses.get_mut(table) {
                used.workers -= 1;
                used.alone = false;
            }
        }
        list.done += 1;
        self.tell(list.done);
        self.freed.notify_waiters();
    }

    fn tell(&self, done: usize) {
        if self.part.is_empty() || self.total == 0 {
            return;
        }
        let (part, unit) = (self.part.to_owned(), self.part.to_owned());
        let (finished, total) = (done == self.total, Some(self.total as u64));
        self.progress.part(PartProgress { part, unit, done: done as u64, total, bytes: 0, finished });
    }
}

impl List {
    fn take(&mut self) -> Option<Taken> {
        let free = |wanted: &Wanted| {
            wanted
                .tables
                .iter()
                .all(|table| self.uses.get(table).is_none_or(|used| used.workers == 0 || !(used.alone || wanted.alone)))
        };
        let place = self.waiting.iter().position(free)?;
        let Wanted { task, tables, alone } = self.waiting.remove(place);
        for table in &tables {
            let used = self.uses.entry(table.clone()).or_default();
            used.workers += 1;
            used.alone = alone;
        }
        Some(Taken { task, tables })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(number: usize, tables: &[&str], alone: bool) -> Wanted {
        Wanted { task: Task::Empty(number), tables: tables.iter().map(|name| (*name).to_owned()).collect(), alone }
    }

    fn number(taken: Option<&Taken>) -> Option<usize> {
        taken.map(|taken| if let Task::Empty(number) = taken.task { number } else { usize::MAX })
    }

    #[test]
    fn two_that_need_a_table_alone_do_not_meet() {
        let waiting = vec![
            wanted(0, &["a"], false),
            wanted(1, &["a"], false),
            wanted(2, &["a", "b"], true),
            wanted(3, &["b"], true),
        ];
        let progress = ProgressSink::new().0;
        let board = Board::new("", waiting, &progress);
        let take = || board.list.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (first, second, third) = (take(), take(), take());
        assert_eq!([&first, &second, &third].map(|taken| number(taken.as_ref())), [Some(0), Some(1), Some(3)]);
        assert!(take().is_none());
        for taken in [first, second].iter().flatten() {
            board.done(taken);
        }
        assert!(take().is_none(), "b is still taken");
        third.iter().for_each(|taken| board.done(taken));
        assert_eq!(number(take().as_ref()), Some(2));
    }
}
