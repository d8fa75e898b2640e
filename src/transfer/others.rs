//! Other runs on the same target: what stands there of them, and what of it makes a second run unsafe. A copy in chunks that is not
//! whole has keys and indexes off that only its own ledger knows: a run beside it would take the half for the whole.

use super::session::{Fault, get, rows};
use super::{Job, TransferError, chunked};
use crate::schema::{Mapping, quote};
use tokio_postgres::Client;

/// Another run that keeps something on the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Other {
    /// Its id, with underscores for hyphens where it has no comment that says it.
    pub run: String,
    /// `HOST:PID` of the process that began it; empty where nobody wrote it down.
    pub by: String,
    /// When its first entry was written, by the server's clock; empty where there is none.
    pub since: String,
    /// The tables that it has begun to load and not finished.
    pub half: Vec<String>,
    /// Whether its ledger can be read: none of the above is known otherwise.
    pub readable: bool,
}

impl Other {
    /// `run app-20260301-030712 (host1:4711, since 2026-03-01 03:07:12)`.
    #[must_use]
    pub fn name(&self) -> String {
        let since = (!self.since.is_empty()).then(|| format!("since {}", self.since));
        let known: Vec<String> =
            [Some(self.by.clone()).filter(|by| !by.is_empty()), since].into_iter().flatten().collect();
        if known.is_empty() { format!("run {}", self.run) } else { format!("run {} ({})", self.run, known.join(", ")) }
    }
}

/// What a run writes on its schema, so that others know whose it is.
pub(super) fn comment(run: &str) -> String {
    format!("cutover run {run} by {}", crate::connect::postgres::operator())
}

const LEDGERS: &str = "
SELECT n.nspname::text, coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace'), ''),
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = 'ledger' AND c.relkind = 'r' AND n.nspname LIKE 'cutover\\_%' AND n.nspname <> $1 ORDER BY 1";

/// The other runs that keep something on the target.
///
/// # Errors
/// When the catalog or a ledger cannot be read.
pub async fn others(client: &Client, run: &str) -> Result<Vec<Other>, TransferError> {
    all(client, run).await.map_err(Fault::into_error)
}

async fn all(client: &Client, run: &str) -> Result<Vec<Other>, Fault> {
    let own = super::run_schema(run);
    let mut found = Vec::new();
    for row in rows(client, "looking for other runs", LEDGERS, &[&own]).await? {
        let (schema, comment, readable): (String, String, bool) = (get(&row, 0)?, get(&row, 1)?, get(&row, 2)?);
        let told = comment.strip_prefix("cutover run ").and_then(|told| told.split_once(" by "));
        let bare = schema.strip_prefix("cutover_").unwrap_or(&schema);
        let (name, by) = told.unwrap_or((bare, ""));
        let mut other = Other { run: name.to_owned(), by: by.to_owned(), readable, ..Other::default() };
        if readable {
            read(client, &schema, &mut other).await?;
        }
        found.push(other);
    }
    Ok(found)
}

async fn read(client: &Client, schema: &str, other: &mut Other) -> Result<(), Fault> {
    let sql = format!(
        "SELECT to_char(min(at), 'YYYY-MM-DD HH24:MI:SS'),
           coalesce((SELECT array_agg(t ->> 'label') FROM {0}.ledger, pg_catalog.json_array_elements(evidence::json -> 'tables') t
                     WHERE entry = $1), '{{}}')
         FROM {0}.ledger",
        quote(schema)
    );
    if let Some(row) = rows(client, "reading another run's ledger", &sql, &[&chunked::BEGUN]).await?.first() {
        other.since = get::<Option<String>>(row, 0)?.unwrap_or_default();
        other.half = get(row, 1)?;
    }
    Ok(())
}

/// Refuses while another run has one of the mapping's tables half loaded.
///
/// # Errors
/// [`TransferError::Refused`] with whose they are and what ends it.
pub(super) async fn refuse(client: &Client, job: &Job<'_>, mapping: &Mapping) -> Result<(), TransferError> {
    let own: Vec<String> = mapping.tables.iter().map(|table| table.target.label()).collect();
    for other in others(client, job.run).await? {
        let shared: Vec<&str> =
            other.half.iter().filter(|table| own.contains(table)).map(String::as_str).take(5).collect();
        if !shared.is_empty() {
            let (name, run, count) = (other.name(), &other.run, other.half.len());
            return Err(TransferError::Refused(format!(
                "{name} has begun to load {count} tables and not finished, among them {}: keys and indexes are off that only it can put back; go on with it (`cutover resume {run}`) or take it back (`cutover rollback {run}`) where it was begun; nothing was touched",
                shared.join(", ")
            )));
        }
    }
    Ok(())
}
