//! How a copy in chunks begins, and how one that was interrupted is taken up: everything that has to be true is looked at before the
//! first chunk, and what stands around the tables is recorded before any of it goes.

use super::record::{self, Begun, BegunTable, Record};
use crate::connect::postgres::{Identity, identity};
use crate::crash;
use crate::progress::LogLevel;
use crate::transfer::copy::{Ended, filled, rejected};
use crate::transfer::known::Known;
use crate::transfer::plan::{rows_of, scan_for_copy, target_rows};
use crate::transfer::session::{Fault, check_wish, describe, get, rows, run};
use crate::transfer::stage::{Around, Filled, only};
use crate::transfer::surroundings::Keys;
use crate::transfer::{Job, Planned, Rejected, TransferError, ledger, others, preconditions};
use rusqlite::Connection;
use tokio_postgres::Client;

/// All that the workers start from.
pub(super) struct Beginning {
    pub(super) begun: Begun,
    pub(super) record: Record,
    pub(super) scratch: Option<Connection>,
    pub(super) rejected: Rejected,
}

/// Begins, or takes up what was begun.
pub(super) async fn begin(job: &Job<'_>, planned: &Planned, client: &Client, known: Known) -> Result<Beginning, Ended> {
    // From here on it is committed as it goes.
    job.proven().await?;
    match &known.begun {
        Some((plan, begun)) => take_up(job, planned, client, plan, begun.clone()).await,
        None => anew(job, planned, client).await,
    }
}

async fn anew(job: &Job<'_>, planned: &Planned, client: &Client) -> Result<Beginning, Ended> {
    preconditions::of_role(client, &planned.mapping, false).await?;
    others::refuse(client, job, &planned.mapping).await?;
    if planned.rejects.stopping > 0 {
        return Err(rejected(planned.rejects.clone()).into());
    }
    check_wish(job)?;
    let (scratch, rejected) = judge(job, planned).await?;
    let begun = write(job, planned, client, rejected.total).await;
    if begun.is_err() {
        let _ = client.batch_execute("ROLLBACK").await; // a session that is gone has rolled back already
    }
    let begun = begun.map_err(Fault::into_error)?;
    Ok(Beginning { begun, record: Record::default(), scratch, rejected })
}

/// The pass over the source: here no rollback would take back what was loaded before the first row that does not fit.
async fn judge(job: &Job<'_>, planned: &Planned) -> Result<(Option<Connection>, Rejected), Ended> {
    let (source, scanned) = scan_for_copy(job, &planned.mapping, false).await?;
    if scanned.epoch_unknown {
        return Err(Ended::Epoch);
    }
    if scanned.rejected.stopping > 0 {
        return Err(rejected(scanned.rejected).into());
    }
    Ok((source.scratch.filter(|_| scanned.rejected.total > 0), scanned.rejected))
}

async fn write(job: &Job<'_>, planned: &Planned, client: &Client, rejected: u64) -> Result<Begun, Fault> {
    let mapping = &planned.mapping;
    let tables: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
    let filled: Vec<Filled<'_>> = mapping.tables.iter().zip(rows_of(&planned.report.tables)).map(filled).collect();
    // Only told when somebody goes back without saved rows; row security may hide the answer.
    let held = target_rows(client, mapping).await.map_or(0, |rows| rows.iter().sum());
    let identity = database(client).await?;
    run(client, "beginning the transaction", "BEGIN").await?;
    let around = Around::read(client, &filled).await?;
    around.refuse_outside(client, &tables).await?;
    let keys = Keys::read(client, &tables).await?;
    let table = |(table, size): (&crate::schema::TableMapping, &u64)| BegunTable {
        label: table.target.label(),
        key: table.target.key.clone(),
        chunk_rows: *size,
    };
    let tables = mapping.tables.iter().zip(&planned.chunk_rows).map(table).collect();
    let begun = Begun { identity, tables, keys, around, rejected, held };
    ledger::create(client, job).await?;
    record::begin(client, job, &planned.report.hash, &begun).await?;
    crash::point("transfer.chunked.begin.commit.before");
    run(client, "committing", "COMMIT").await?;
    crash::point("transfer.chunked.begin.commit.after");
    Ok(begun)
}

async fn database(client: &Client) -> Result<Identity, Fault> {
    let what = "asking which database this is".to_owned();
    identity(client).await.map_err(|error| Fault::Database { what, error })
}

async fn take_up(
    job: &Job<'_>,
    planned: &Planned,
    client: &Client,
    plan: &str,
    begun: Begun,
) -> Result<Beginning, Ended> {
    if plan != planned.report.hash {
        return Err(TransferError::Refused(format!(
            "run {} began to copy by another plan: the source, the target's schema or the options have changed since; take its copy back first (`cutover rollback {}`), or bring back what has changed",
            job.run, job.run
        ))
        .into());
    }
    let now = database(client).await.map_err(Fault::into_error)?;
    if !now.is_same(&begun.identity) {
        return Err(TransferError::Refused(format!(
            "the ledger of run {} is of database {} (oid {}), and this is {} (oid {}): a copy goes on only where it began",
            job.run, begun.identity.database, begun.identity.database_oid, now.database, now.database_oid
        ))
        .into());
    }
    let record = Record::read(client, &job.run_schema()).await.map_err(Fault::into_error)?;
    contradictions(job, planned, client, &record).await?;
    let chunks: usize = record.chunks.values().map(std::collections::BTreeMap::len).sum();
    let line = format!("the copy goes on: {chunks} of {} chunks are in", planned.report.load.chunks);
    job.progress.log(LogLevel::Info, line);
    let (scratch, rejected) = match begun.rejected {
        0 => (None, Rejected::default()),
        _ => judge(job, planned).await?,
    };
    Ok(Beginning { begun, record, scratch, rejected })
}

/// How many tables are counted by one statement.
const BATCH: usize = 100;

/// A table whose rows are not those of its chunks was written by somebody else.
async fn contradictions(
    job: &Job<'_>,
    planned: &Planned,
    client: &Client,
    record: &Record,
) -> Result<(), TransferError> {
    let mut wrong = Vec::new();
    let began = |label: &str| record.emptied.contains(label) || record.chunks.contains_key(label);
    let tables: Vec<_> =
        planned.mapping.tables.iter().map(|table| &table.target).filter(|table| began(&table.label())).collect();
    for batch in tables.chunks(BATCH) {
        let asked: Vec<String> = batch
            .iter()
            .enumerate()
            .map(|(place, table)| format!("SELECT {place} AS place, count(*) AS rows FROM {}", only(table)))
            .collect();
        let sql = format!("SELECT rows FROM ({}) q ORDER BY place", asked.join(" UNION ALL "));
        let found = rows(client, "counting what is loaded", &sql, &[]).await.map_err(Fault::into_error)?;
        for (table, row) in batch.iter().zip(&found) {
            let (holds, loaded) = (get::<i64>(row, 0)?.unsigned_abs(), record.sum(&table.label())?.rows);
            if holds != loaded {
                wrong.push(contradiction(job, &table.label(), holds, loaded));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(TransferError::Refused(wrong.join("\n"))) }
}

fn contradiction(job: &Job<'_>, label: &str, holds: u64, loaded: u64) -> String {
    let entries = crate::transfer::session::literal(&record::of_table(label));
    format!(
        "{label} holds {holds} rows, and by its ledger {loaded} were loaded: somebody wrote there since; go back with `cutover rollback {}`, or have it loaded again: DELETE FROM {}.ledger WHERE starts_with(entry, {entries}), then resume",
        job.run,
        crate::schema::quote(&job.run_schema())
    )
}

/// What a failure leaves, in words.
pub(super) fn stays(job: &Job<'_>) -> String {
    format!(
        "what is loaded stays, and is in the ledger: `cutover resume {}` goes on from there, `cutover rollback {}` goes back",
        job.run, job.run
    )
}

/// A fault as the operator reads it: nothing was undone but its own transaction.
pub(super) fn told(job: &Job<'_>, fault: Fault) -> TransferError {
    match fault {
        Fault::Database { what, error } => {
            TransferError::Failed(format!("{what}: {}; {}", describe(&error), stays(job)))
        }
        Fault::Known(TransferError::Interrupted(_)) => {
            TransferError::Interrupted(format!("stopped as asked; {}", stays(job)))
        }
        Fault::Known(TransferError::Rejected { message, evidence }) => TransferError::Rejected {
            message: format!("the target refused a row: {message}; {}", stays(job)),
            evidence,
        },
        Fault::Known(TransferError::Failed(message)) => TransferError::Failed(format!("{message}; {}", stays(job))),
        other => other.into_error(),
    }
}
