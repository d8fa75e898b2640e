//! What the target's tables held before: saved rows in the schema `cutover_<run>`, until they are forgotten.
//!
//! Saving is `CREATE TABLE … AS` on the server, so that no value passes through here; restoring is the way of the copy, with
//! foreign keys and triggers off and back, in one transaction.

use super::session::{self, Fault, get, literal, rows, run};
use super::stage::{Filled, Given, Stage, change};
use super::surroundings::{Standing, standings};
use super::{
    Job, SequenceState, TransferError, chunked, ledger, others, preconditions, run_schema, sequences, takeoff,
};
use crate::connect::postgres::Address;
use crate::crash;
use crate::progress::PartProgress;
use crate::schema::{Mapping, TargetTable, quote, read_target, security};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

/// What was saved; goes into a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The schema that holds the rows.
    pub schema: String,
    /// The tables.
    pub tables: Vec<SavedTable>,
    /// The sequences as they stood.
    pub sequences: Vec<SequenceState>,
}

/// One saved table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTable {
    /// Schema of the application's table.
    pub schema: String,
    /// Name of the application's table.
    pub table: String,
    /// Name of the saved table in [`Saved::schema`]; empty in [`fingerprint`]'s answer.
    pub saved_as: String,
    /// Rows.
    pub rows: u64,
    /// Order-independent fingerprint of the rows, made by the server: two 64-bit hash sums of each row's text.
    pub digest: String,
}

/// Saves the rows of all tables of `mapping` and the state of their sequences, in one transaction. Done again for the same run
/// it returns what was saved the first time.
///
/// # Errors
/// [`TransferError::Refused`] when the role may not create a schema (says what to grant), else what failed; nothing is then saved.
pub async fn save(job: &Job<'_>, mapping: &Mapping) -> Result<Saved, TransferError> {
    let client = session::open(job, "copy").await?;
    preconditions::end_earlier(&client, job).await?;
    if let Some(saved) = recorded(&client, job).await? {
        return Ok(saved);
    }
    preconditions::of_role(&client, mapping, true).await?;
    others::refuse(&client, job, mapping).await?;
    save_in_one(&client, job, mapping).await.map_err(Fault::into_error)
}

async fn save_in_one(client: &Client, job: &Job<'_>, mapping: &Mapping) -> Result<Saved, Fault> {
    run(client, "beginning the transaction", "BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    ledger::create(client, job).await?;
    let schema = job.run_schema();
    let tables: Vec<TargetTable> = mapping.tables.iter().map(|table| table.target.clone()).collect();
    let mut saved = Saved { schema: schema.clone(), tables: Vec::new(), sequences: Vec::new() };
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let secured = standings(client, &oids).await?.into_iter().filter(|standing| standing.forced_security);
    let secured: Vec<Standing> = secured.collect();
    for standing in &secured {
        change(client, &takeoff::loosen_security(standing)).await?;
    }
    for (number, table) in tables.iter().enumerate() {
        session::check_wish(job)?;
        tell(job, number, tables.len());
        let name = format!("saved_{number}");
        let sql = format!("CREATE TABLE {}.{name} AS SELECT {} FROM {}", quote(&schema), columns(table), only(table));
        crash::point("transfer.save.before");
        run(client, &format!("saving {}", table.label()), &sql).await?;
        crash::point("transfer.save.after");
        saved.tables.push(hash(client, table, &saved_name(&schema, &name), name).await?);
    }
    saved.sequences = sequences::sequences(client, &tables).await?;
    for standing in &secured {
        change(client, &takeoff::force_security(standing)).await?;
    }
    record(client, &schema, &saved).await?;
    crash::point("transfer.save.commit.before");
    run(client, "committing the saved rows", "COMMIT").await?;
    crash::point("transfer.save.commit.after");
    tell(job, tables.len(), tables.len());
    Ok(saved)
}

fn tell(job: &Job<'_>, done: usize, total: usize) {
    job.progress.part(PartProgress {
        part: "saved rows".to_owned(),
        unit: "tables".to_owned(),
        done: done as u64,
        total: Some(total as u64),
        bytes: 0,
        finished: done == total,
    });
}

fn only(table: &TargetTable) -> String {
    if table.partitioned { table.quoted() } else { format!("ONLY {}", table.quoted()) }
}

fn saved_name(schema: &str, name: &str) -> String {
    format!("{}.{}", quote(schema), quote(name))
}

/// Generated columns make themselves again.
fn columns(table: &TargetTable) -> String {
    let names: Vec<String> =
        table.columns.iter().filter(|column| !column.generated).map(|column| quote(&column.name)).collect();
    names.join(", ")
}

/// Count and fingerprint of the rows that `place` holds of `table`.
async fn hash(client: &Client, table: &TargetTable, place: &str, saved_as: String) -> Result<SavedTable, Fault> {
    let sql = format!(
        "SELECT count(*), coalesce(sum(pg_catalog.hashtextextended(t::text, 0)), 0)::text || ':'
           || coalesce(sum(pg_catalog.hashtextextended(t::text, 1)), 0)::text
         FROM (SELECT {} FROM {place}) t",
        columns(table)
    );
    let found = rows(client, &format!("fingerprinting {}", table.label()), &sql, &[]).await?;
    let row = found.first().ok_or_else(|| TransferError::Failed(format!("no fingerprint of {}", table.label())))?;
    Ok(SavedTable {
        schema: table.schema.clone(),
        table: table.name.clone(),
        saved_as,
        rows: get::<i64>(row, 0)?.unsigned_abs(),
        digest: get(row, 1)?,
    })
}

const ENTRY: &str = "saved";

async fn record(client: &Client, schema: &str, saved: &Saved) -> Result<(), Fault> {
    let text = serde_json::to_string(saved).map_err(|error| TransferError::Failed(format!("saved rows: {error}")))?;
    let sql = format!(
        "INSERT INTO {}.ledger (entry, plan, evidence) VALUES ({}, '', {})",
        quote(schema),
        literal(ENTRY),
        literal(&text)
    );
    crash::point("transfer.save.ledger.before");
    run(client, "recording the saved rows", &sql).await?;
    crash::point("transfer.save.ledger.after");
    Ok(())
}

async fn recorded(client: &Client, job: &Job<'_>) -> Result<Option<Saved>, TransferError> {
    if !ledger::exists(client, &job.run_schema()).await.map_err(Fault::into_error)? {
        return Ok(None);
    }
    let sql = format!("SELECT evidence FROM {}.ledger WHERE entry = $1", quote(&job.run_schema()));
    let found = rows(client, "reading the ledger", &sql, &[&ENTRY]).await.map_err(Fault::into_error)?;
    let Some(row) = found.first() else { return Ok(None) };
    let saved = serde_json::from_str(&get::<String>(row, 0)?);
    saved.map(Some).map_err(|error| TransferError::Failed(format!("reading what was saved: {error}")))
}

/// Whether the saved rows still are what was saved.
///
/// # Errors
/// [`TransferError::Refused`] when a count or fingerprint differs, by name.
pub async fn verify_saved(job: &Job<'_>, saved: &Saved) -> Result<(), TransferError> {
    let client = session::open(job, "copy").await?;
    let tables = read_tables(&client, saved).await?;
    verify(&client, saved, &tables).await.map_err(Fault::into_error)
}

async fn verify(client: &Client, saved: &Saved, tables: &[TargetTable]) -> Result<(), Fault> {
    for (known, table) in saved.tables.iter().zip(tables) {
        let place = saved_name(&saved.schema, &known.saved_as);
        let now = hash(client, table, &place, known.saved_as.clone()).await?;
        if now != *known {
            return Err(TransferError::Refused(format!(
                "the saved rows of {} are not what was saved ({} rows then, {} now in {place}): they are not put back",
                table.label(),
                known.rows,
                now.rows
            ))
            .into());
        }
    }
    Ok(())
}

/// The application's tables in the order of `saved`.
async fn read_tables(client: &Client, saved: &Saved) -> Result<Vec<TargetTable>, TransferError> {
    let mut schemas: Vec<String> = saved.tables.iter().map(|table| table.schema.clone()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    let there = if schemas.is_empty() { Vec::new() } else { read_target(client, &schemas).await? };
    let find = |known: &SavedTable| {
        there.iter().find(|table| table.schema == known.schema && table.name == known.table).cloned().ok_or_else(|| {
            TransferError::Refused(format!(
                "{}.{} is gone, so that its saved rows cannot be put back",
                known.schema, known.table
            ))
        })
    };
    saved.tables.iter().map(find).collect()
}

/// Counts and fingerprints of what the application's tables hold now: to be compared before an undo.
///
/// # Errors
/// When a table cannot be read.
pub async fn fingerprint(job: &Job<'_>, mapping: &Mapping) -> Result<Vec<SavedTable>, TransferError> {
    let client = session::open(job, "watch").await?;
    fingerprints(&client, mapping).await.map_err(Fault::into_error)
}

async fn fingerprints(client: &Client, mapping: &Mapping) -> Result<Vec<SavedTable>, Fault> {
    let oids: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
    let bound = security::bound(client, &oids).await.map_err(TransferError::from)?;
    if !bound.is_empty() {
        let lift = format!("BEGIN; {}", security::lift(bound.iter().map(|(_, name)| name)));
        run(client, "reading tables with forced row security", &lift).await?;
    }
    let mut answer = Vec::with_capacity(mapping.tables.len());
    for table in &mapping.tables {
        let table = &table.target;
        answer.push(hash(client, table, &only(table), String::new()).await?);
    }
    if !bound.is_empty() {
        run(client, "leaving row security as it was", "ROLLBACK").await?;
    }
    Ok(answer)
}

/// Puts the saved rows and sequences back in one transaction, to the byte, and strikes the copy from the ledger. Idempotent.
///
/// # Errors
/// When the saved rows are gone or changed, or a statement fails; the target is then as it was.
pub async fn restore(job: &Job<'_>, saved: &Saved) -> Result<(), TransferError> {
    let client = session::open(job, "copy").await?;
    preconditions::end_earlier(&client, job).await?;
    let tables = read_tables(&client, saved).await?;
    restore_in_one(&client, job, saved, &tables).await.map_err(Fault::into_error)
}

async fn restore_in_one(client: &Client, job: &Job<'_>, saved: &Saved, tables: &[TargetTable]) -> Result<(), Fault> {
    let filled: Vec<Filled<'_>> =
        tables.iter().zip(&saved.tables).map(|(table, known)| whole(table, known.rows)).collect();
    let stage = Stage::begin(client, job, &filled).await?.with_missing(chunked::missing(client, job).await?);
    verify(client, saved, tables).await?;
    stage.clear(client, job).await?;
    for (known, table) in saved.tables.iter().zip(tables).filter(|(known, _)| known.rows > 0) {
        let sql = format!(
            "INSERT INTO {} ({1}) OVERRIDING SYSTEM VALUE SELECT {1} FROM {2}",
            table.quoted(),
            columns(table),
            saved_name(&saved.schema, &known.saved_as)
        );
        crash::point("transfer.restore.before");
        run(client, &format!("putting the rows of {} back", table.label()), &sql).await?;
        crash::point("transfer.restore.after");
    }
    finish(client, job, &stage, &saved.sequences).await
}

/// Saved rows bring all columns along.
fn whole(table: &TargetTable, rows: u64) -> Filled<'_> {
    Filled { table, rows, search_by_trigger: false }
}

async fn finish(client: &Client, job: &Job<'_>, stage: &Stage, sequences: &[SequenceState]) -> Result<(), Fault> {
    stage.put_back(client, job, Given::Former).await?;
    sequences::restore(client, sequences).await?;
    stage.secure(client).await?;
    ledger::strike(client, &job.run_schema()).await?;
    crash::point("transfer.restore.commit.before");
    run(client, "committing", "COMMIT").await?;
    crash::point("transfer.restore.commit.after");
    Ok(())
}

/// Empties the tables of `mapping` and puts their sequences back: the undo of a copy into tables that held nothing.
///
/// # Errors
/// When a statement fails; the target is then as it was.
pub async fn empty(job: &Job<'_>, mapping: &Mapping, sequences: &[SequenceState]) -> Result<(), TransferError> {
    let client = session::open(job, "copy").await?;
    preconditions::end_earlier(&client, job).await?;
    let emptied = async {
        let filled: Vec<Filled<'_>> = mapping.tables.iter().map(|table| whole(&table.target, 0)).collect();
        let stage = Stage::begin(&client, job, &filled).await?.with_missing(chunked::missing(&client, job).await?);
        stage.clear(&client, job).await?;
        finish(&client, job, &stage, sequences).await
    };
    emptied.await.map_err(Fault::into_error)
}

/// Removes the ledger of a run that ended, and its schema where nothing else is in it: saved rows stay.
///
/// # Errors
/// When the statement fails.
pub async fn settle(address: &Address, run_id: &str) -> Result<(), TransferError> {
    let client = address.connect(&format!("cutover/{run_id}/settle")).await?;
    let schema = run_schema(run_id);
    let settled = async {
        if !ledger::exists(&client, &schema).await? {
            return Ok(());
        }
        let sql = format!("SELECT EXISTS (SELECT FROM {}.ledger WHERE entry <> $1)", quote(&schema));
        let found = rows(&client, "reading the ledger", &sql, &[&ledger::COPY]).await?;
        if found.first().map(|row| get::<bool>(row, 0)).transpose()?.unwrap_or_default() {
            return Ok(());
        }
        drop_schema(&client, &schema).await
    };
    settled.await.map_err(Fault::into_error)
}

/// Removes the run's schema, ledger and saved rows included.
///
/// # Errors
/// [`TransferError::Refused`] while a copy in chunks is not whole: what it took off is known there only. Else when the statement fails.
pub async fn forget(address: &Address, run_id: &str) -> Result<(), TransferError> {
    let client = address.connect(&format!("cutover/{run_id}/forget")).await?;
    let schema = run_schema(run_id);
    if chunked::begun(&client, &schema).await.map_err(Fault::into_error)?.is_some() {
        return Err(TransferError::Refused(format!(
            "the copy of run {run_id} is not whole, and which indexes, foreign keys and triggers it took off is known only to schema {schema}: go on with `cutover resume {run_id}`, or back with `cutover rollback {run_id}`, then forget it"
        )));
    }
    drop_schema(&client, &schema).await.map_err(Fault::into_error)
}

/// What a copy in chunks that is under way in this run has found and done; none where there is none.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn unfinished(address: &Address, run_id: &str) -> Result<Option<Unfinished>, TransferError> {
    let client = address.connect(&format!("cutover/{run_id}/ledger")).await?;
    let begun = chunked::begun(&client, &run_schema(run_id)).await.map_err(Fault::into_error)?;
    Ok(begun.map(|(_, begun)| Unfinished { rows_held: begun.held }))
}

/// A copy in chunks that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Rows that stood in its tables when it began.
    pub rows_held: u64,
}

/// What [`save`] saved for this run; none when it saved nothing.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn kept(job: &Job<'_>) -> Result<Option<Saved>, TransferError> {
    let client = session::open(job, "ledger").await?;
    recorded(&client, job).await
}

async fn drop_schema(client: &Client, schema: &str) -> Result<(), Fault> {
    crash::point("transfer.forget.before");
    run(client, "removing the run's schema", &format!("DROP SCHEMA IF EXISTS {} CASCADE", quote(schema))).await?;
    crash::point("transfer.forget.after");
    Ok(())
}
