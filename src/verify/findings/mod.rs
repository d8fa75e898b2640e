//! What the target promises beyond its rows, checked one by one against the rows themselves.

mod constraints;
mod foreign_keys;
mod sequences;

use super::compare::Compared;
use super::{Comparison, VerifyError, target};
use crate::evidence::{Finding, Verdict};
use crate::schema::Mapping;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// A session that asks the target about its own promises.
pub(crate) struct Asking<'a> {
    comparison: &'a Comparison<'a>,
    client: Client,
    /// Tables that their owner reads only in a session of their own, which holds them alone.
    bound: BTreeMap<u32, String>,
}

impl<'a> Asking<'a> {
    pub(crate) async fn begin(comparison: &'a Comparison<'a>) -> Result<Self, VerifyError> {
        let client = comparison.address.connect(&name(comparison)).await?;
        let read_only = "SET default_transaction_read_only = on";
        client.batch_execute(read_only).await.map_err(|error| target::failed("the session's settings", &error))?;
        let bound = target::bound(&client, comparison.mapping).await?;
        Ok(Self { comparison, client, bound })
    }

    /// Whether it has to wait until nobody else reads the tables.
    pub(crate) fn is_alone(&self) -> bool {
        !self.bound.is_empty()
    }

    /// For all tables of the mapping. What cannot be asked (a missing privilege) is a finding too, never an error.
    pub(crate) async fn ask(mut self) -> Result<Vec<Finding>, VerifyError> {
        let mapping = self.comparison.mapping;
        if self.is_alone() {
            let (address, name) = (self.comparison.address, name(self.comparison));
            self.client = target::unbound_session(address, &name, self.bound.values()).await?;
        }
        let mut findings = sequences::check(&self.client, mapping).await;
        findings.extend(foreign_keys::check(&self.client, mapping).await);
        findings.extend(constraints::check(&self.client, mapping).await);
        Ok(findings)
    }
}

fn name(comparison: &Comparison<'_>) -> String {
    format!("cutover/{}/verify-constraints", comparison.run)
}

/// What the rows themselves have shown.
pub(crate) fn of_rows(compared: &[Compared]) -> impl Iterator<Item = Finding> {
    std::iter::once(not_null(compared)).chain(allowed_for(compared))
}

/// A check that holds for all it was asked of, or one that does not.
fn passed(check: &str, detail: String) -> Finding {
    Finding { check: check.to_owned(), verdict: Verdict::Passed, detail, remedy: String::new() }
}

fn failed(check: String, detail: String, remedy: String) -> Finding {
    Finding { check, verdict: Verdict::Failed, detail, remedy }
}

/// A check that could not be made.
fn unknown(check: &str, error: &tokio_postgres::Error) -> Finding {
    let detail = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    let remedy = "grant the role SELECT on it, then verify again".to_owned();
    Finding { check: check.to_owned(), verdict: Verdict::Unknown, detail, remedy }
}

fn oids(mapping: &Mapping) -> Vec<u32> {
    mapping.tables.iter().map(|table| table.target.oid).collect()
}

/// The first column of the first row as a count.
async fn count(client: &Client, sql: &str) -> Result<u64, tokio_postgres::Error> {
    client.query_one(sql, &[]).await?.try_get::<_, i64>(0).map(i64::unsigned_abs)
}

fn not_null(compared: &[Compared]) -> Finding {
    let broken: Vec<String> = compared
        .iter()
        .flat_map(|table| table.nulls.iter().map(move |(name, count)| (&table.result.table, name, count)))
        .map(|(table, name, count)| format!("{table}.{name}: {count}"))
        .collect();
    if broken.is_empty() {
        return passed("not null", "no NULL in any loaded column that is declared NOT NULL".to_owned());
    }
    let remedy = "load these columns again, or give them a value".to_owned();
    failed("not null".to_owned(), format!("NULLs where none may be: {}", broken.join(", ")), remedy)
}

fn allowed_for(compared: &[Compared]) -> Option<Finding> {
    let rows: u64 = compared.iter().map(|table| table.met.skipped).sum();
    let cells: u64 = compared.iter().map(|table| table.met.changed).sum();
    let tables = compared.iter().filter(|table| table.met.skipped + table.met.changed > 0).count();
    (tables > 0).then(|| {
        passed(
            "rejects allowed for",
            format!(
                "{rows} rows are not in the target and {cells} cells hold what their policy put there, in {tables} tables; \
                 everything else is compared"
            ),
        )
    })
}
