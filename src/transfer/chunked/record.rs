//! What a copy in chunks writes into the run's ledger, beside the entries of [`crate::transfer::ledger`]: what stood around the tables
//! before anything went, what of it is off, which tables were emptied, which chunks are in.
//!
//! An entry is written, or struck, in the transaction that does what it says.

use crate::connect::postgres::Identity;
use crate::schema::quote;
use crate::transfer::session::{Fault, get, literal, rows, run};
use crate::transfer::stage::Around;
use crate::transfer::surroundings::Keys;
use crate::transfer::{Job, TransferError, ledger};
use crate::{crash, digest::TableDigest};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

/// The entry that stands for as long as the copy is not whole.
pub(in crate::transfer) const BEGUN: &str = "chunked";

/// What was true when the copy began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::transfer) struct Begun {
    /// The database that the rest speaks of.
    pub(super) identity: Identity,
    /// The tables.
    pub(in crate::transfer) tables: Vec<BegunTable>,
    /// The keys that the rows have to hold; some of them are off by now.
    pub(in crate::transfer) keys: Keys,
    /// All that stood around the tables and goes.
    pub(super) around: Around,
    /// Cells and rows that the pass over the source found refused.
    pub(super) rejected: u64,
    /// Rows that stood in the tables and went.
    pub(in crate::transfer) held: u64,
}

/// A table as it stood.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::transfer) struct BegunTable {
    /// Schema-qualified, unquoted.
    pub(in crate::transfer) label: String,
    /// Its key, which an index may make that is off by now.
    pub(in crate::transfer) key: Vec<String>,
    /// Rows of a chunk.
    pub(super) chunk_rows: u64,
}

/// A chunk that is in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Loaded {
    pub(super) rows_source: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Sum of the row hashes mod 2¹²⁸, hex.
    pub(super) digest: String,
    pub(super) seconds: f64,
    /// The key of its last row, for people; empty for a table's last chunk.
    pub(super) through: String,
}

impl Loaded {
    /// Adds another chunk of the same table.
    pub(super) fn add(&mut self, other: &Self) -> Result<(), TransferError> {
        self.rows_source += other.rows_source;
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.seconds += other.seconds;
        let sum = |text: &str| match text {
            "" => Ok(0),
            text => u128::from_str_radix(text, 16)
                .map_err(|error| TransferError::Failed(format!("reading a digest from the ledger: {error}"))),
        };
        let digest =
            TableDigest { sum: sum(&self.digest)?.wrapping_add(sum(&other.digest)?), ..TableDigest::default() };
        self.digest = digest.hex();
        Ok(())
    }
}

/// The ledger's entries of a copy in chunks.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// What is off, by [`super::item::Item::name`].
    pub(super) off: BTreeSet<String>,
    /// What was off and is back.
    pub(super) back: BTreeSet<String>,
    /// Tables that were emptied before their first chunk.
    pub(super) emptied: BTreeSet<String>,
    /// The chunks of each table.
    pub(super) chunks: BTreeMap<String, BTreeMap<u64, Loaded>>,
}

/// The entry of a table that was emptied.
pub(super) fn emptied(label: &str) -> String {
    format!("table/{label}/empty")
}

/// The entry of a chunk.
pub(super) fn chunk(label: &str, number: u64) -> String {
    format!("table/{label}/{number}")
}

/// What all entries of a table begin with.
pub(super) fn of_table(label: &str) -> String {
    format!("table/{label}/")
}

impl Record {
    /// Reads all of it.
    pub(super) async fn read(client: &Client, schema: &str) -> Result<Self, Fault> {
        let sql = format!("SELECT entry, evidence FROM {}.ledger", quote(schema));
        let mut record = Self::default();
        for row in rows(client, "reading the ledger", &sql, &[]).await? {
            record.take(&get::<String>(&row, 0)?, &get::<String>(&row, 1)?)?;
        }
        Ok(record)
    }

    fn take(&mut self, entry: &str, evidence: &str) -> Result<(), TransferError> {
        if let Some(name) = entry.strip_prefix("off/") {
            self.off.insert(name.to_owned());
        }
        if let Some(name) = entry.strip_prefix("back/") {
            self.back.insert(name.to_owned());
        }
        let Some((label, number)) = entry.strip_prefix("table/").and_then(|rest| rest.rsplit_once('/')) else {
            return Ok(());
        };
        match number.parse() {
            Ok(number) => {
                let loaded = serde_json::from_str(evidence)
                    .map_err(|error| TransferError::Failed(format!("reading ledger entry {entry}: {error}")))?;
                self.chunks.entry(label.to_owned()).or_default().insert(number, loaded);
            }
            Err(_) => {
                self.emptied.insert(label.to_owned());
            }
        }
        Ok(())
    }

    /// What is in of a table.
    pub(super) fn sum(&self, label: &str) -> Result<Loaded, TransferError> {
        let mut sum = Loaded::default();
        for chunk in self.chunks.get(label).into_iter().flat_map(BTreeMap::values) {
            sum.add(chunk)?;
        }
        Ok(sum)
    }
}

/// What the copy in chunks of this run recorded when it began, with the hash of its plan; none where none is under way.
pub(in crate::transfer) async fn begun(client: &Client, schema: &str) -> Result<Option<(String, Begun)>, Fault> {
    if !ledger::exists(client, schema).await? {
        return Ok(None);
    }
    let sql = format!("SELECT plan, evidence FROM {}.ledger WHERE entry = $1", quote(schema));
    let found = rows(client, "reading the ledger", &sql, &[&BEGUN]).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let begun = serde_json::from_str(&get::<String>(row, 1)?)
        .map_err(|error| TransferError::Failed(format!("reading what the copy took off, from the ledger: {error}")))?;
    Ok(Some((get(row, 0)?, begun)))
}

/// Records that the copy begins, inside a transaction.
pub(super) async fn begin(client: &Client, job: &Job<'_>, plan: &str, begun: &Begun) -> Result<(), Fault> {
    let text = json(begun)?;
    write(client, job, BEGUN, plan, &text).await
}

/// Writes an entry, inside a transaction.
pub(super) async fn write(
    client: &Client,
    job: &Job<'_>,
    entry: &str,
    plan: &str,
    evidence: &str,
) -> Result<(), Fault> {
    let values = [entry, plan, evidence].map(literal).join(", ");
    let sql = format!("INSERT INTO {}.ledger (entry, plan, evidence) VALUES ({values})", quote(&job.run_schema()));
    crash::point("transfer.ledger.entry.before");
    run(client, "writing the ledger", &sql).await?;
    crash::point("transfer.ledger.entry.after");
    Ok(())
}

/// Strikes an entry, inside a transaction.
pub(super) async fn strike(client: &Client, job: &Job<'_>, entry: &str) -> Result<(), Fault> {
    let sql = format!("DELETE FROM {}.ledger WHERE entry = {}", quote(&job.run_schema()), literal(entry));
    crash::point("transfer.ledger.strike.before");
    run(client, "striking the ledger", &sql).await?;
    crash::point("transfer.ledger.strike.after");
    Ok(())
}

/// The entry of a thing that is off.
pub(super) fn off(name: &str) -> String {
    format!("off/{name}")
}

/// The entry of a thing that was off and is back.
pub(super) fn back(name: &str) -> String {
    format!("back/{name}")
}

/// Strikes all that a copy in chunks has written, inside a transaction.
pub(in crate::transfer) async fn strike_all(client: &Client, schema: &str) -> Result<(), Fault> {
    let sql = format!(
        "DELETE FROM {}.ledger WHERE entry = {} OR entry LIKE ANY ('{{off/%,back/%,table/%}}')",
        quote(schema),
        literal(BEGUN)
    );
    run(client, "striking the ledger", &sql).await
}

/// Whether an entry is there.
pub(super) async fn has(client: &Client, job: &Job<'_>, entry: &str) -> Result<bool, Fault> {
    let sql = format!("SELECT EXISTS (SELECT FROM {}.ledger WHERE entry = $1)", quote(&job.run_schema()));
    let found = rows(client, "reading the ledger", &sql, &[&entry]).await?;
    Ok(found.first().map(|row| get(row, 0)).transpose()?.unwrap_or(false))
}

/// A record as the ledger keeps it.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, TransferError> {
    serde_json::to_string(value).map_err(|error| TransferError::Failed(format!("writing the ledger: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(rows: u64, digest: &str) -> Loaded {
        Loaded { rows_source: rows, rows, digest: digest.to_owned(), ..Loaded::default() }
    }

    #[test]
    fn chunks_of_a_table_add_up_whatever_its_name() {
        let mut record = Record::default();
        let all = "f".repeat(32);
        for (entry, evidence) in [
            ("copy", String::new()),
            ("off/key/public.a/fk/1", String::new()),
            ("table/public.a/b/empty", String::new()),
            ("table/public.a/b/0", json(&loaded(2, &all)).unwrap_or_default()),
            ("table/public.a/b/1", json(&loaded(3, "02")).unwrap_or_default()),
        ] {
            assert!(record.take(entry, &evidence).is_ok(), "{entry}");
        }
        assert_eq!(record.off.len(), 1);
        assert!(record.emptied.contains("public.a/b"));
        let sum = record.sum("public.a/b").unwrap_or_default();
        assert_eq!((sum.rows, sum.digest.as_str()), (5, "00000000000000000000000000000001"));
    }
}
