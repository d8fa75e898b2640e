//! Getting all tables at once, never hanging without a word.

use super::session::{Fault, describe, get, interrupted, rows, run};
use super::{Job, TransferError};
use crate::progress::Wish;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// How long others are waited for in all; `lock_timeout` (5 s) bounds each try.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two tries, so that whoever waits behind us gets through.
const BREATH: Duration = Duration::from_secs(1);

/// `lock_not_available` and `deadlock_detected`.
const BUSY: [&str; 2] = ["55P03", "40P01"];

const BLOCKERS: &str = "
SELECT string_agg(format('pid %s (%s%s, %s since %s)', a.pid, a.usename,
         coalesce(', ' || nullif(a.application_name, ''), '') || coalesce(' at ' || host(a.client_addr), ''),
         coalesce(a.state, 'at work'), to_char(a.xact_start, 'HH24:MI:SS')), '; ' ORDER BY a.pid)
FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY (pg_catalog.pg_blocking_pids($1))";

/// Begins a transaction that holds `tables` exclusively, given as SQL names. Tries again while others hold them, names them, and
/// gives up after a minute.
///
/// # Errors
/// [`TransferError::Refused`] with the blockers' names.
pub(super) async fn begin_with(client: &Client, job: &Job<'_>, tables: &[String]) -> Result<(), Fault> {
    begin_in_mode(client, job, tables, "ACCESS EXCLUSIVE").await
}

/// The same in another mode: `SHARE ROW EXCLUSIVE` keeps writers out and lets readers in.
///
/// # Errors
/// [`TransferError::Refused`] with the blockers' names.
pub(super) async fn begin_in_mode(client: &Client, job: &Job<'_>, tables: &[String], mode: &str) -> Result<(), Fault> {
    let since = Instant::now();
    let sql = format!("LOCK TABLE {} IN {mode} MODE", tables.join(", "));
    let mut blockers = String::new();
    loop {
        run(client, "beginning the transaction", "BEGIN").await?;
        if tables.is_empty() {
            return Ok(());
        }
        match try_lock(client, job, &sql, &mut blockers).await {
            Ok(()) => {
                job.progress.waiting("");
                return Ok(());
            }
            Err(fault) if fault.code().is_some_and(|code| BUSY.contains(&code)) => {
                run(client, "giving up the locks", "ROLLBACK").await?;
                if since.elapsed() > PATIENCE {
                    return Err(refused(&blockers).into());
                }
                if job.control.wish() == Wish::Stop {
                    return Err(interrupted().into());
                }
                tokio::time::sleep(BREATH).await;
            }
            Err(fault) => return Err(fault),
        }
    }
}

fn refused(blockers: &str) -> TransferError {
    let who = if blockers.is_empty() { "other sessions" } else { blockers };
    TransferError::Refused(format!(
        "the tables could not be locked within a minute: {who} hold locks on them; end those sessions and try again; nothing was touched"
    ))
}

/// Waits for the locks, and after a second says who is in the way.
async fn try_lock(client: &Client, job: &Job<'_>, sql: &str, blockers: &mut String) -> Result<(), Fault> {
    let pid: i32 =
        match rows(client, "asking for our own pid", "SELECT pg_catalog.pg_backend_pid()", &[]).await?.first() {
            Some(row) => get(row, 0)?,
            None => 0,
        };
    let lock = run(client, "locking the tables", sql);
    tokio::pin!(lock);
    tokio::select! {
        result = &mut lock => return result,
        () = tokio::time::sleep(BREATH) => {}
    }
    let watcher = super::session::open(job, "watch").await?;
    loop {
        *blockers = who_blocks(&watcher, pid).await.unwrap_or_else(|error| error);
        job.progress.waiting(format!("waiting for locks held by {blockers}"));
        tokio::select! {
            result = &mut lock => return result,
            () = tokio::time::sleep(BREATH) => {}
        }
    }
}

async fn who_blocks(watcher: &Client, pid: i32) -> Result<String, String> {
    let found = watcher.query(BLOCKERS, &[&pid]).await.map_err(|error| describe(&error))?;
    Ok(found.first().and_then(|row| row.try_get::<_, Option<String>>(0).ok().flatten()).unwrap_or_default())
}
