//! The table in the target that says what is in, written in the transaction that put it there.

use super::session::{Fault, get, literal, rows, run};
use super::{Job, TransferError, chunked, others};
use crate::crash;
use crate::evidence::Evidence;
use crate::schema::quote;
use std::collections::BTreeSet;
use tokio_postgres::Client;

/// The entry of an atomic copy.
pub(super) const COPY: &str = "copy";

/// Makes the run's schema and the ledger; inside the transaction that will write it, so that a rollback leaves neither.
pub(super) async fn create(client: &Client, job: &Job<'_>) -> Result<(), Fault> {
    let schema = quote(&job.run_schema());
    crash::point("transfer.ledger.create.before");
    let comment = literal(&others::comment(job.run));
    let sql = format!(
        "DO $cutover$ BEGIN IF pg_catalog.to_regnamespace({}) IS NULL THEN
           CREATE SCHEMA {schema}; COMMENT ON SCHEMA {schema} IS {comment}; END IF; END $cutover$;
         CREATE TABLE IF NOT EXISTS {schema}.ledger (
           entry text PRIMARY KEY, plan text NOT NULL, evidence text NOT NULL, at timestamptz NOT NULL DEFAULT now())",
        literal(&schema)
    );
    run(client, "making the ledger", &sql).await?;
    crash::point("transfer.ledger.create.after");
    Ok(())
}

/// Writes that the copy is in.
pub(super) async fn write(client: &Client, job: &Job<'_>, plan: &str, evidence: &Evidence) -> Result<(), Fault> {
    let text = serde_json::to_string(evidence)
        .map_err(|error| TransferError::Failed(format!("writing the ledger's evidence: {error}")))?;
    let sql = format!(
        "INSERT INTO {}.ledger (entry, plan, evidence) VALUES ({}, {}, {})",
        quote(&job.run_schema()),
        literal(COPY),
        literal(plan),
        literal(&text)
    );
    crash::point("transfer.ledger.write.before");
    run(client, "writing the ledger", &sql).await?;
    crash::point("transfer.ledger.write.after");
    Ok(())
}

/// What a finished copy of this run recorded.
///
/// # Errors
/// [`TransferError::Refused`] when it was made by another plan.
pub(super) async fn recorded(client: &Client, job: &Job<'_>, plan: &str) -> Result<Option<Evidence>, TransferError> {
    if !exists(client, &job.run_schema()).await.map_err(Fault::into_error)? {
        return Ok(None);
    }
    let sql = format!("SELECT plan, evidence FROM {}.ledger WHERE entry = $1", quote(&job.run_schema()));
    let found = rows(client, "reading the ledger", &sql, &[&COPY]).await.map_err(Fault::into_error)?;
    let Some(row) = found.first() else { return Ok(None) };
    if get::<String>(row, 0)? != plan {
        return Err(TransferError::Refused(format!(
            "run {} has copied already, by a plan that has changed since (source, schema or options): take its copy back first, or start a new run",
            job.run
        )));
    }
    let evidence = serde_json::from_str(&get::<String>(row, 1)?);
    evidence.map(Some).map_err(|error| TransferError::Failed(format!("reading the ledger's evidence: {error}")))
}

/// The tables that a finished copy of this run loaded.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) async fn tables(client: &Client, schema: &str) -> Result<BTreeSet<String>, TransferError> {
    if !exists(client, schema).await.map_err(Fault::into_error)? {
        return Ok(BTreeSet::new());
    }
    let sql = format!(
        "SELECT t ->> 'table' FROM {}.ledger, pg_catalog.json_array_elements(evidence::json -> 'tables') t WHERE entry = $1",
        quote(schema)
    );
    let found = rows(client, "reading the ledger", &sql, &[&COPY]).await.map_err(Fault::into_error)?;
    found.iter().map(|row| get(row, 0)).collect()
}

/// Whether a run's ledger is there.
pub(super) async fn exists(client: &Client, schema: &str) -> Result<bool, Fault> {
    let name = format!("{}.ledger", quote(schema));
    let found =
        rows(client, "looking for the ledger", "SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&name]).await?;
    Ok(found.first().map(|row| get(row, 0)).transpose()?.unwrap_or(false))
}

/// Strikes the copy's entries: its rows are about to go.
pub(super) async fn strike(client: &Client, schema: &str) -> Result<(), Fault> {
    if exists(client, schema).await? {
        chunked::strike_all(client, schema).await?;
        run(client, "striking the ledger", &format!("DELETE FROM {}.ledger WHERE entry = 'copy'", quote(schema)))
            .await?;
    }
    Ok(())
}
