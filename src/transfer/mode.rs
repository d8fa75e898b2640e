//! Which of both ways a copy takes, and why: one transaction, or chunks.

use super::TransferError;
use super::session::{Fault, get, rows};
use crate::evidence::{LoadMode, LoadPlan};
use crate::figures;
use crate::runbook::TransferOptions;
use std::time::Duration;
use tokio_postgres::Client;

/// How long one transaction may take by estimate, unless the runbook says otherwise.
const WINDOW: Duration = Duration::from_secs(600);

/// Locks that a table needs at most: itself, its TOAST table, indexes, sequence, foreign keys.
const LOCKS_A_TABLE: i64 = 10;

/// Connections where nobody said how many: as many as there are cores here, within these.
const CONNECTIONS: std::ops::RangeInclusive<usize> = 2..=4;

/// The server's room for locks, and what one transaction would need of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Locks {
    pub(super) room: i64,
    pub(super) needed: i64,
}

const ROOM: &str = "
SELECT current_setting('max_locks_per_transaction')::bigint
    * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)";

impl Locks {
    /// Asks the server.
    pub(super) async fn of(client: &Client, tables: usize) -> Result<Self, TransferError> {
        let found = rows(client, "asking for room for locks", ROOM, &[]).await.map_err(Fault::into_error)?;
        let room = found.first().map(|row| get(row, 0)).transpose()?.unwrap_or(i64::MAX);
        Ok(Self { room, needed: LOCKS_A_TABLE.saturating_mul(tables as i64) })
    }

    pub(super) fn fit(self) -> bool {
        self.needed <= self.room
    }
}

/// Decides; `chunks` is how many transactions chunks would make.
pub(super) fn choose(options: &TransferOptions, estimate_seconds: f64, locks: Locks, chunks: u64) -> LoadPlan {
    let window = options.atomic_within.unwrap_or(WINDOW);
    let estimate = figures::seconds(estimate_seconds);
    let atomic = |because: String| LoadPlan { mode: LoadMode::Atomic, because, connections: 1, chunks: 1 };
    let chunked = |because: String, connections: usize| LoadPlan {
        mode: LoadMode::Chunked,
        because,
        connections: connections.max(1),
        chunks,
    };
    match options.jobs {
        Some(jobs) if jobs > 1 => chunked(format!("{jobs} connections were asked for"), jobs),
        Some(_) => atomic("one connection was asked for".to_owned()),
        None if !locks.fit() => chunked(
            format!("one transaction would need some {} locks and the server has {}", locks.needed, locks.room),
            cores(),
        ),
        None if estimate_seconds > window.as_secs_f64() => chunked(
            format!(
                "about {estimate} is longer than one transaction may take ({})",
                figures::seconds(window.as_secs_f64())
            ),
            cores(),
        ),
        None => atomic(format!("about {estimate} fits into {}", figures::seconds(window.as_secs_f64()))),
    }
}

fn cores() -> usize {
    let here = std::thread::available_parallelism().map_or(*CONNECTIONS.start(), std::num::NonZero::get);
    here.clamp(*CONNECTIONS.start(), *CONNECTIONS.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Locks = Locks { room: 6_400, needed: 100 };

    fn options(jobs: Option<usize>, atomic_within: Option<u64>) -> TransferOptions {
        let atomic_within = atomic_within.map(Duration::from_secs);
        TransferOptions { jobs, atomic_within, ..TransferOptions::default() }
    }

    #[test]
    fn what_was_asked_for_is_done_and_else_the_estimate_and_the_locks_decide() {
        let mode = |options: &TransferOptions, seconds: f64, locks: Locks| choose(options, seconds, locks, 7).mode;
        let tight = Locks { room: 6_400, needed: 20_000 };
        assert_eq!(mode(&options(None, None), 599.0, ROOMY), LoadMode::Atomic);
        assert_eq!(mode(&options(None, None), 601.0, ROOMY), LoadMode::Chunked);
        assert_eq!(mode(&options(None, Some(5)), 6.0, ROOMY), LoadMode::Chunked);
        assert_eq!(mode(&options(Some(1), None), 6_000.0, tight), LoadMode::Atomic);
        assert_eq!(mode(&options(None, None), 1.0, tight), LoadMode::Chunked);
        let asked = choose(&options(Some(3), None), 1.0, ROOMY, 7);
        assert_eq!((asked.mode, asked.connections, asked.chunks), (LoadMode::Chunked, 3, 7));
        assert!(choose(&options(None, None), 1.0, tight, 7).because.contains("20000 locks"));
    }
}
