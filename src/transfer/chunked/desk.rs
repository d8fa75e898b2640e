//! What all workers of a copy in chunks look at: the plan, what the ledger said at the beginning, the refused rows, the figures.

use super::cut::Chunk;
use super::item::{Item, items};
use super::pace::Pace;
use super::record::{Begun, Record};
use super::tables::Tables;
use crate::evidence::{Finding, TableResult};
use crate::progress::{PartProgress, ProgressSink};
use crate::transfer::produce::Meter;
use crate::transfer::session::{Fault, rows};
use crate::transfer::skips::{self, Refused};
use crate::transfer::{Job, Planned, Rejected, TransferError, blame};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_postgres::Client;

/// Memory for index builds and the checks of foreign keys, all workers together, MB.
const BUILD_MEMORY: usize = 512;
const BUILD_MEMORY_OF_ONE: std::ops::RangeInclusive<usize> = 64..=256;

/// The desk.
pub(super) struct Desk<'a> {
    /// With the workers' own control: what the operator wants comes to them through [`Pace`].
    pub(super) job: Job<'a>,
    pub(super) planned: &'a Planned,
    pub(super) begun: Begun,
    pub(super) pace: &'a Pace,
    /// The refused rows, where a pass found any.
    pub(super) scratch: Option<Mutex<Connection>>,
    pub(super) rejected: Rejected,
    pub(super) connections: usize,
    tallies: Vec<Arc<Tally>>,
    findings: Mutex<BTreeMap<String, Finding>>,
}

impl<'a> Desk<'a> {
    /// `record` is what is in already.
    pub(super) fn new(
        job: Job<'a>,
        planned: &'a Planned,
        begun: Begun,
        pace: &'a Pace,
        (scratch, rejected): (Option<Connection>, Rejected),
        record: &Record,
    ) -> Result<Self, TransferError> {
        let mut tallies = Vec::with_capacity(planned.mapping.tables.len());
        for table in &planned.mapping.tables {
            let sum = record.sum(&table.target.label())?;
            tallies.push(Arc::new(Tally { done: Mutex::new((sum.rows_source, sum.bytes)) }));
        }
        let connections = planned.report.load.connections.max(1);
        let scratch = scratch.map(Mutex::new);
        let findings = Mutex::default();
        let desk = Self { job, planned, begun, pace, scratch, rejected, connections, tallies, findings };
        (0..planned.mapping.tables.len()).for_each(|table| desk.meter(table).1.tell((0, 0), false));
        Ok(desk)
    }

    /// The hash of the plan.
    pub(super) fn plan(&self) -> &str {
        &self.planned.report.hash
    }

    pub(super) fn label(&self, table: usize) -> String {
        self.planned.mapping.tables[table].target.label()
    }

    /// How many rows the source's table has.
    pub(super) fn rows(&self, table: usize) -> u64 {
        self.planned.report.tables.get(table).map_or(0, |plan| plan.rows)
    }

    /// Rows of a chunk, by place: as the copy began.
    pub(super) fn sizes(&self) -> Vec<u64> {
        let sizes: BTreeMap<&str, u64> =
            self.begun.tables.iter().map(|table| (table.label.as_str(), table.chunk_rows)).collect();
        let size = |table: usize| sizes.get(self.label(table).as_str()).copied().unwrap_or(u64::MAX);
        (0..self.planned.mapping.tables.len()).map(size).collect()
    }

    pub(super) fn build_memory(&self) -> usize {
        (BUILD_MEMORY / self.connections).clamp(*BUILD_MEMORY_OF_ONE.start(), *BUILD_MEMORY_OF_ONE.end())
    }

    /// What is to bind the owner again at the very end: until then the tables are read.
    pub(super) fn securities(&self) -> Vec<Item> {
        items(&self.begun.around).into_iter().filter(|item| matches!(item, Item::Security(_))).collect()
    }

    /// A foreign key of a table that is not loaded is off now, and nobody can write there: it must hold no rows.
    pub(super) async fn refuse_outside(&self, client: &Client, item: &Item) -> Result<(), Fault> {
        let Item::Key(key) = item else { return Ok(()) };
        if self.planned.mapping.tables.iter().any(|table| table.target.oid == key.child) {
            return Ok(());
        }
        let sql = format!("SELECT FROM {} LIMIT 1", key.child_name);
        if rows(client, "looking into a referring table", &sql, &[]).await?.is_empty() {
            return Ok(());
        }
        Err(TransferError::Refused(format!(
            "{} is not loaded, refers to {} by foreign key {}, and holds rows since the copy began: load it too, or empty it",
            key.child_name, key.parent_name, key.name
        ))
        .into())
    }

    /// The refused rows of a chunk.
    pub(super) fn refused(&self, chunk: &Chunk) -> Result<Vec<Refused>, TransferError> {
        let Some(scratch) = &self.scratch else { return Ok(Vec::new()) };
        let scratch = scratch.lock().unwrap_or_else(PoisonError::into_inner);
        skips::within(&scratch, chunk.table, chunk.places.clone())
    }

    /// The row that the server refused, found again in the source. Where rows are left out its line numbers are not the source's.
    pub(super) async fn blame(&self, fault: Fault, chunk: &Chunk) -> Fault {
        if self.rejected.total > 0 {
            return fault;
        }
        let found = blame::find(&fault, &self.planned.mapping, self.job.source, chunk.part.first).await;
        let Ok(Some(reject)) = found else { return fault };
        let key = serde_json::Value::Object(reject.key.clone());
        let message = format!(
            "{} {key} {}: {}; other tables may be loaded already",
            reject.table,
            reject.column.as_deref().unwrap_or("the row"),
            reject.reason
        );
        let evidence = crate::evidence::Evidence {
            rejects: vec![reject],
            rejects_total: 1,
            ..crate::evidence::Evidence::default()
        };
        TransferError::Rejected { message, evidence: Box::new(evidence) }.into()
    }

    /// Keeps what was found about sequences; a sequence of several tables once.
    pub(super) fn found(&self, findings: Vec<Finding>) {
        let mut found = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        found.extend(findings.into_iter().map(|finding| (finding.check.clone(), finding)));
    }

    /// All findings, by name.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The ledger has the last word about what is done: not the answers that were heard, which a server that lost its log would take back.
    pub(super) fn complete(&self, record: &Record) -> Result<(), TransferError> {
        let rows: Vec<u64> = (0..self.planned.mapping.tables.len()).map(|table| self.rows(table)).collect();
        let whole = Tables::new(&self.planned.mapping.tables, &rows, &self.sizes(), record).is_empty();
        let last: Vec<String> = self.securities().iter().map(Item::name).collect();
        if whole && record.off.iter().all(|name| last.contains(name)) {
            return Ok(());
        }
        Err(TransferError::Failed(
            "the target's ledger lacks what the server had committed: it was set back or lost its log meanwhile; resume the run, which goes on from what the ledger says"
                .to_owned(),
        ))
    }

    /// The tables' results, as the ledger has them.
    pub(super) fn results(&self, record: &Record) -> Result<Vec<TableResult>, TransferError> {
        let result = |table: usize| {
            let label = self.label(table);
            let sum = record.sum(&label)?;
            let digest = if sum.digest.is_empty() { crate::digest::TableDigest::new().hex() } else { sum.digest };
            Ok(TableResult {
                table: label,
                rows_source: sum.rows_source,
                rows_loaded: sum.rows,
                rows_rejected: sum.rows_source - sum.rows,
                digest_source: Some(digest),
                digest_target: None,
                seconds: sum.seconds,
                bytes: sum.bytes,
            })
        };
        (0..self.planned.mapping.tables.len()).map(result).collect()
    }

    /// Tells of a chunk as part of its table; what it has counted can be forgotten.
    pub(super) fn meter(&self, table: usize) -> (Meter, Arc<Counted>) {
        let counted = Arc::new(Counted {
            tally: self.tallies[table].clone(),
            part: self.label(table),
            total: self.rows(table),
            sink: self.job.progress.clone(),
            own: Mutex::default(),
        });
        let teller = counted.clone();
        (Meter::by(Arc::new(move |rows, bytes, _| teller.tell((rows, bytes), false))), counted)
    }

    /// Tells that a table is whole.
    pub(super) fn tell_whole(&self, table: usize) {
        self.meter(table).1.tell((0, 0), true);
    }
}

/// What is done of a table, by all workers: rows and bytes.
struct Tally {
    done: Mutex<(u64, u64)>,
}

/// What one attempt at a chunk has counted.
pub(super) struct Counted {
    tally: Arc<Tally>,
    part: String,
    total: u64,
    sink: ProgressSink,
    own: Mutex<(u64, u64)>,
}

impl Counted {
    fn tell(&self, now: (u64, u64), finished: bool) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.tally.done.lock().unwrap_or_else(PoisonError::into_inner);
        *all = (all.0 + now.0 - own.0, all.1 + now.1 - own.1);
        *own = now;
        let (done, bytes) = *all;
        let (part, unit, total) = (self.part.clone(), "rows".to_owned(), Some(self.total.max(done)));
        self.sink.part(PartProgress { part, unit, done, total, bytes, finished });
    }

    /// The attempt was rolled back.
    pub(super) fn forget(&self) {
        self.tell((0, 0), false);
    }
}
