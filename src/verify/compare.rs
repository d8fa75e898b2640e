//! All tables, two at a time: digests first, and only where they differ, what differs.

use super::foreign::Foreign;
use super::pass::{Shown, Table, TakesRows};
use super::row::{Fingerprint, Row, View};
use super::source::{Met, SourceRows};
use super::{Allowed, Comparison, VerifyError, differences, narrow, target};
use crate::digest::TableDigest;
use crate::evidence::{Difference, Evidence, TableResult};
use crate::progress::PartProgress;
use crate::schema::TableMapping;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio_postgres::Client;

/// Tables that are compared at the same time.
const AT_ONCE: usize = 2;

/// What was found about one table.
pub(crate) struct Compared {
    pub(crate) result: TableResult,
    pub(crate) differences: Vec<Difference>,
    pub(crate) total: u64,
    pub(crate) met: Met,
    /// NULLs in columns that are declared NOT NULL.
    pub(crate) nulls: Vec<(String, u64)>,
}

/// Compares every table; in the mapping's order.
pub(crate) async fn all(comparison: &Comparison<'_>) -> Result<Vec<Compared>, VerifyError> {
    let shared = Shared::of(comparison).await?;
    let mut work: Vec<(usize, u64)> = counts(comparison)?.into_iter().enumerate().collect();
    work.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    for (place, rows) in &work {
        comparison.progress.part(PartProgress::to_come(comparison.mapping.tables[*place].target.label(), *rows));
    }
    let jobs = work.into_iter().map(|(place, rows)| {
        let mapping = Arc::new(comparison.mapping.tables[place].clone());
        let shared = &shared;
        async move { one(comparison, shared, mapping, rows, place).await.map(|compared| (place, compared)) }
    });
    let mut compared: Vec<(usize, Compared)> = stream::iter(jobs).buffer_unordered(AT_ONCE).try_collect().await?;
    compared.sort_by_key(|(place, _)| *place);
    Ok(compared.into_iter().map(|(_, compared)| compared).collect())
}

/// What all tables share, in a form that threads can hold.
struct Shared {
    path: Arc<PathBuf>,
    allowed: Arc<Allowed>,
    /// Sessions that wait for their next table.
    idle: Mutex<Vec<Client>>,
    /// Tables that their owner reads only in a session of their own.
    bound: BTreeMap<u32, String>,
}

impl Shared {
    async fn of(comparison: &Comparison<'_>) -> Result<Self, VerifyError> {
        let client = target::session(comparison.address, &format!("cutover/{}/verify", comparison.run)).await?;
        let bound = target::bound(&client, comparison.mapping).await?;
        Ok(Self {
            path: Arc::new(comparison.source.to_owned()),
            allowed: Arc::new(comparison.allowed.clone()),
            idle: Mutex::new(vec![client]),
            bound,
        })
    }

    async fn session(
        &self,
        comparison: &Comparison<'_>,
        name: &str,
        mapping: &TableMapping,
    ) -> Result<Client, VerifyError> {
        if let Some(table) = self.bound.get(&mapping.target.oid) {
            return target::unbound_session(comparison.address, name, [table]).await;
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(client) => Ok(client),
            None => target::session(comparison.address, name).await,
        }
    }

    async fn give_back(&self, client: Client, mapping: &TableMapping) {
        if self.bound.contains_key(&mapping.target.oid) {
            // A session that is gone has let its table go, too.
            let _ = client.batch_execute("ROLLBACK").await;
            return;
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }
}

/// Rows of each table: for the order and for the progress.
fn counts(comparison: &Comparison<'_>) -> Result<Vec<u64>, VerifyError> {
    let connection = SourceRows::open(comparison.source)?;
    let count = |table: &TableMapping| {
        let rows = SourceRows { connection: &connection, path: comparison.source, table, allowed: comparison.allowed };
        rows.count()
    };
    comparison.mapping.tables.iter().map(count).collect()
}

async fn one(
    comparison: &Comparison<'_>,
    shared: &Shared,
    mapping: Arc<TableMapping>,
    rows: u64,
    place: usize,
) -> Result<Compared, VerifyError> {
    let begun = Instant::now();
    let session = format!("cutover/{}/verify-{place}", comparison.run);
    let table = Table {
        path: Arc::clone(&shared.path),
        allowed: Arc::clone(&shared.allowed),
        control: comparison.control.clone(),
        progress: comparison.progress.clone(),
        foreign: Arc::new(Foreign::of(comparison.address, &session, &mapping).await?),
        key: Arc::new(key_places(&mapping)),
        abandoned: Arc::new(AtomicBool::new(false)),
        mapping,
    };
    let client = shared.session(comparison, &session, &table.mapping).await?;
    let (mine, theirs) = (Digested::of(&table.mapping), Digested::of(&table.mapping));
    let (mine, theirs, met, bytes) = table.read(&client, Shown::Progress(rows), mine, theirs).await?;
    let mut compared = Compared {
        result: result(&table.mapping, &mine.digest, &theirs.digest, met),
        differences: Vec::new(),
        total: 0,
        met,
        nulls: theirs.nulls(),
    };
    if mine.digest != theirs.digest {
        let differing = narrow::narrow(&table, &client, &mine.digest, &theirs.digest).await?;
        compared.total = differing.total;
        compared.differences = differences::describe(&table, &client, &differing).await?;
    }
    shared.give_back(client, &table.mapping).await;
    compared.result.bytes = bytes;
    compared.result.seconds = begun.elapsed().as_secs_f64();
    Ok(compared)
}

fn result(mapping: &TableMapping, source: &TableDigest, target: &TableDigest, met: Met) -> TableResult {
    TableResult {
        table: mapping.target.label(),
        rows_source: met.rows,
        rows_loaded: target.rows,
        rows_rejected: met.skipped,
        digest_source: Some(source.hex()),
        digest_target: Some(target.hex()),
        seconds: 0.0,
        bytes: 0,
    }
}

/// Where the key's columns stand among the mapped ones; none unless all of them are mapped.
pub(crate) fn key_places(mapping: &TableMapping) -> Vec<usize> {
    let place = |name: &String| mapping.columns.iter().position(|column| column.target.name == *name);
    mapping.target.key.iter().map(place).collect::<Option<_>>().unwrap_or_default()
}

/// Adds up the rows of one side.
struct Digested {
    digest: TableDigest,
    /// Columns that are declared NOT NULL: place, name, NULLs met.
    not_null: Vec<(usize, String, u64)>,
}

impl Digested {
    fn of(mapping: &TableMapping) -> Self {
        let columns = mapping.columns.iter().enumerate().filter(|(_, column)| column.target.not_null);
        let not_null = columns.map(|(place, column)| (place, column.target.name.clone(), 0)).collect();
        Self { digest: TableDigest::new(), not_null }
    }

    fn nulls(&self) -> Vec<(String, u64)> {
        self.not_null.iter().filter(|(.., count)| *count > 0).map(|(_, name, count)| (name.clone(), *count)).collect()
    }
}

impl TakesRows for Digested {
    fn take(&mut self, row: &Row, fingerprint: Fingerprint) {
        self.digest.add(fingerprint.row, fingerprint.key);
        for (place, _, count) in &mut self.not_null {
            *count += u64::from(row.view(*place) == View::Null);
        }
    }
}

/// Puts the tables' results together; lists are cut, totals are not.
pub(crate) fn evidence(compared: Vec<Compared>) -> Evidence {
    let mut evidence = Evidence::default();
    for table in compared {
        let room = Evidence::LISTED - evidence.differences.len().min(Evidence::LISTED);
        evidence.tables.push(table.result);
        evidence.differences.extend(table.differences.into_iter().take(room));
        evidence.differences_total += table.total;
    }
    evidence
}
