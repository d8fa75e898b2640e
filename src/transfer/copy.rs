//! The copy: in chunks, where it is planned so or has begun so; else one connection, one transaction, and the target as it was on any
//! failure.

use super::decide::{Look, look};
use super::known::Known;
use super::load::{Loader, freeze};
use super::plan::{rows_of, scan_for_copy};
use super::session::{self, Fault, check_wish, describe, rows, run};
use super::source::Source;
use super::stage::{Filled, Given, Stage};
use super::{Job, Planned, Rejected, TransferError, blame, chunked, ledger, others, preconditions, sequences};
use crate::crash;
use crate::evidence::{Evidence, LoadMode, Policy, TableResult};
use crate::progress::{LogLevel, PartProgress};
use crate::schema::{Mapping, TableMapping, TargetColumn};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_postgres::Client;

/// How long a lost server is looked for after a COMMIT that was not answered.
const LOOK_FOR: u32 = 60;

/// From so many loaded bytes on two sessions analyze the tables.
const WORTH_A_SESSION: u64 = 16 << 20;

/// Loads all tables of the plan. In one transaction it leaves the target as it was on any failure; in chunks it goes on, called again,
/// where it ended. Called again for a run whose copy is in the target already, returns the recorded evidence.
///
/// # Errors
/// [`TransferError::Refused`] and [`TransferError::Undecided`] for the plan's problems, [`TransferError::Rejected`] for cells
/// and rows that do not fit under `stop`, else what failed.
pub async fn copy(job: &Job<'_>, planned: &Planned) -> Result<Evidence, TransferError> {
    match once(job, planned).await {
        Ok(evidence) => Ok(evidence),
        Err(Ended::For(error)) => Err(error),
        Err(Ended::Epoch) => {
            let whole = look(job, Look::Whole).await?.planned;
            once(job, &whole).await.map_err(Ended::into_error)
        }
    }
}

/// How one attempt ended badly.
pub(super) enum Ended {
    For(TransferError),
    /// An integer stands where decide's sample of a date or time column had none: all rows have to be asked for its unit.
    Epoch,
}

impl Ended {
    fn into_error(self) -> TransferError {
        match self {
            Self::For(error) => error,
            Self::Epoch => TransferError::Failed(
                "an integer stands in a date or time column in which none was found: did the frozen source change?"
                    .to_owned(),
            ),
        }
    }
}

impl From<TransferError> for Ended {
    fn from(error: TransferError) -> Self {
        Self::For(error)
    }
}

async fn once(job: &Job<'_>, planned: &Planned) -> Result<Evidence, Ended> {
    preconditions::of_plan(planned)?;
    let client = Arc::new(session::open(job, "copy").await?);
    preconditions::end_earlier(&client, job).await?;
    if let Some(evidence) = ledger::recorded(&client, job, &planned.report.hash).await? {
        job.progress.log(LogLevel::Info, "the copy is in the target already, as its ledger says");
        return Ok(evidence);
    }
    let known = Known::of(&client, &job.run_schema()).await?;
    if known.begun.is_some() || planned.report.load.mode == LoadMode::Chunked {
        return chunked::copy(job, planned, &client, known).await;
    }
    preconditions::of_role(&client, &planned.mapping, true).await?;
    others::refuse(&client, job, &planned.mapping).await?;
    if planned.rejects.stopping > 0 {
        return Err(rejected(planned.rejects.clone()).into());
    }
    check_wish(job)?;
    let (source, rejected) = judged(job, &planned.mapping).await?;
    let work = Work { client: &client, job, planned, rejected: &rejected };
    let evidence = match work.transact(source).await {
        Ok(evidence) => evidence,
        Err(fault) => return Err(work.explain(fault).await),
    };
    analyze(&client, job, &planned.mapping, &evidence.tables).await;
    refresh(&client, job, &planned.mapping).await;
    Ok(evidence)
}

/// Where a policy other than `stop` is at work, a pass before the load says which rows and cells are left out.
async fn judged(job: &Job<'_>, mapping: &Mapping) -> Result<(Source, Rejected), TransferError> {
    let columns = || mapping.tables.iter().flat_map(|table| &table.columns);
    if columns().all(|column| column.rules.policy == Policy::Stop) {
        return Ok((Source::open(job.source)?, Rejected::default()));
    }
    let (source, scanned) = scan_for_copy(job, mapping, true).await?;
    if scanned.rejected.stopping > 0 {
        return Err(rejected(scanned.rejected));
    }
    Ok((source, scanned.rejected))
}

/// A `tsvector` column that the source does not bring along is left to its trigger.
pub(super) fn filled((table, rows): (&TableMapping, u64)) -> Filled<'_> {
    let loaded = |name: &str| table.columns.iter().any(|column| column.target.name == name);
    let by_trigger = |column: &TargetColumn| column.ty.name == "tsvector" && !column.generated && !loaded(&column.name);
    Filled { table: &table.target, rows, search_by_trigger: table.target.columns.iter().any(by_trigger) }
}

pub(super) fn rejected(rejected: Rejected) -> TransferError {
    let Rejected { listed, total, stopping, .. } = rejected;
    let first = listed.iter().find(|reject| reject.action == Policy::Stop).map_or_else(String::new, |reject| {
        let column = reject.column.as_deref().unwrap_or("the row");
        let key = serde_json::Value::Object(reject.key.clone());
        format!("; the first: {} {key} {column}: {}", reject.table, reject.reason)
    });
    TransferError::Rejected {
        message: format!(
            "{stopping} cells or rows of the source do not fit the target, and no policy lets them through{first}; mend them in the source or choose a policy that can be followed (on-reject: null, replace, skip-row); nothing was changed"
        ),
        evidence: Box::new(Evidence { rejects: listed, rejects_total: total, ..Evidence::default() }),
    }
}

struct Work<'a> {
    client: &'a Arc<Client>,
    job: &'a Job<'a>,
    planned: &'a Planned,
    rejected: &'a Rejected,
}

impl Work<'_> {
    async fn transact(&self, source: Source) -> Result<Evidence, Fault> {
        let mapping = &self.planned.mapping;
        let filled: Vec<Filled<'_>> =
            mapping.tables.iter().zip(rows_of(&self.planned.report.tables)).map(filled).collect();
        let stage = Stage::begin(self.client, self.job, &filled).await?;
        ledger::create(self.client, self.job).await?;
        stage.clear(self.client, self.job).await?;
        let tables = self.load(source).await?;
        stage.put_back(self.client, self.job, Given::New).await?;
        let findings = sequences::advance(self.client, mapping).await?;
        stage.secure(self.client).await?;
        let evidence = Evidence {
            tables,
            findings,
            rejects: self.rejected.listed.clone(),
            rejects_total: self.rejected.total,
            // As it was when the rows went in: a plan made after a crash would find them there.
            plan: Some(Box::new(self.planned.report.clone())),
            ..Evidence::default()
        };
        let hash = &self.planned.report.hash;
        ledger::write(self.client, self.job, hash, &evidence).await?;
        self.commit(evidence).await
    }

    async fn load(&self, mut source: Source) -> Result<Vec<TableResult>, Fault> {
        let mut loader = Loader::new(self.client, self.job);
        for (table, rows) in self.planned.mapping.tables.iter().zip(rows_of(&self.planned.report.tables)) {
            self.job.progress.part(PartProgress::to_come(table.target.label(), rows));
        }
        let mut results = Vec::with_capacity(self.planned.mapping.tables.len());
        for (number, table) in self.planned.mapping.tables.iter().enumerate() {
            let rows = self.planned.report.tables.get(number).map_or(0, |plan| plan.rows);
            let (back, result) = loader.table(source, number, table, rows, freeze(table)).await?;
            source = back;
            results.push(result);
        }
        Ok(results)
    }

    /// After a COMMIT without an answer, the ledger says which it was.
    async fn commit(&self, evidence: Evidence) -> Result<Evidence, Fault> {
        let pid = preconditions::backend(self.client).await?;
        tokio::select! {
            proven = self.job.proven() => proven?,
            () = self.job.control.stopped() => return Err(super::session::interrupted().into()),
        }
        crash::point("transfer.commit.before");
        let committed = self.client.batch_execute("COMMIT").await;
        crash::point("transfer.commit.after");
        match committed {
            Ok(()) => Ok(evidence),
            Err(error) if error.as_db_error().is_some() && !error.is_closed() && !ended_by_server(&error) => {
                Err(Fault::Database { what: "committing".to_owned(), error })
            }
            Err(error) => {
                let why = describe(&error);
                self.job
                    .progress
                    .log(LogLevel::Warn, format!("the connection was lost at COMMIT ({why}); asking the ledger"));
                self.ask_ledger(pid, &why).await.map_err(Fault::Known)
            }
        }
    }

    async fn ask_ledger(&self, pid: i32, why: &str) -> Result<Evidence, TransferError> {
        let mut last = why.to_owned();
        for _ in 0..LOOK_FOR {
            self.job.progress.waiting("the connection was lost at COMMIT; reconnecting to read the ledger");
            match self.read_ledger(pid).await {
                Ok(Some(evidence)) => return Ok(evidence),
                Ok(None) => {
                    return Err(TransferError::Failed(format!(
                        "the connection was lost at COMMIT ({why}), and the ledger says that nothing was committed; the target is as it was"
                    )));
                }
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(TransferError::Failed(format!(
            "the connection was lost at COMMIT ({why}) and the server could not be asked again ({last}): whether the copy is in is unknown; resume the run, which reads the ledger first"
        )))
    }

    /// The old backend has to be gone first: it may still be committing.
    async fn read_ledger(&self, pid: i32) -> Result<Option<Evidence>, TransferError> {
        let client = session::open(self.job, "ledger").await?;
        preconditions::await_end(&client, pid).await?;
        ledger::recorded(&client, self.job, &self.planned.report.hash).await
    }

    /// Rolls back, and where the source's own data is the reason, lists all of it.
    async fn explain(&self, fault: Fault) -> Ended {
        let _ = self.client.batch_execute("ROLLBACK").await; // a session that is gone has rolled back already
        self.job.progress.waiting("");
        let by_data = fault.is_by_data();
        match fault {
            Fault::Epoch => Ended::Epoch,
            Fault::Misfit => self.list(fault).await.into(),
            _ if by_data => self.list(fault).await.into(),
            _ => fault.into_error().into(),
        }
    }

    async fn list(&self, fault: Fault) -> TransferError {
        self.job.progress.log(
            LogLevel::Warn,
            "the source holds what the target refuses; everything was rolled back; listing all of it",
        );
        match scan_for_copy(self.job, &self.planned.mapping, true).await {
            Ok((_, scanned)) if scanned.rejected.stopping > 0 => rejected(scanned.rejected),
            Ok(_) => self.blame(fault).await,
            Err(error) => error,
        }
    }
}

impl Work<'_> {
    /// The source's own keys hold, so the server judged by something that only it knows. With rows left out its line numbers are not
    /// the source's.
    async fn blame(&self, fault: Fault) -> TransferError {
        let found = match self.rejected.total {
            0 => blame::find(&fault, &self.planned.mapping, self.job.source, 0).await,
            _ => Ok(None),
        };
        match found {
            Ok(Some(reject)) => {
                rejected(Rejected { listed: vec![reject], total: 1, stopping: 1, ..Rejected::default() })
            }
            _ => fault.into_error(),
        }
    }
}

/// `admin_shutdown`, `crash_shutdown` and the like: the server spoke and then was gone.
fn ended_by_server(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("57P") || code.code().starts_with("08"))
}

/// ANALYZE, the largest tables first; it cannot make the copy undone, so that a failure is told and not raised.
async fn analyze(client: &Client, job: &Job<'_>, mapping: &Mapping, loaded: &[TableResult]) {
    let name = |(table, result): (&TableMapping, &TableResult)| (result.bytes, table.target.quoted());
    let mut tables: Vec<(u64, String)> = mapping.tables.iter().zip(loaded).map(name).collect();
    if tables.is_empty() {
        return;
    }
    tables.sort_unstable();
    job.progress.part(part("analyze", 0, false));
    let bytes = tables.iter().map(|(bytes, _)| bytes).sum::<u64>();
    let left = Mutex::new(tables);
    let second = if bytes < WORTH_A_SESSION { None } else { session::open(job, "analyze").await.ok() };
    let its = async { if let Some(second) = &second { analyze_each(second, &left).await } else { Ok(()) } };
    let (mine, its) = tokio::join!(analyze_each(client, &left), its);
    for fault in [mine, its].into_iter().filter_map(Result::err) {
        job.progress.log(LogLevel::Warn, format!("the rows are in, but {}", fault.into_error()));
    }
    job.progress.part(part("analyze", 1, true));
}

async fn analyze_each(client: &Client, left: &Mutex<Vec<(u64, String)>>) -> Result<(), Fault> {
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).pop();
    while let Some((_, table)) = next() {
        run(client, "analyzing", &format!("ANALYZE {table}")).await?;
    }
    Ok(())
}

fn part(name: &str, done: u64, finished: bool) -> PartProgress {
    PartProgress { part: name.to_owned(), unit: "steps".to_owned(), done, total: Some(1), bytes: 0, finished }
}

/// Materialized views over the loaded tables, through other views too, in the order of their making.
const MATERIALIZED: &str = "
WITH RECURSIVE over(oid) AS (
  SELECT unnest($1::oid[])
  UNION
  SELECT r.ev_class FROM over
  JOIN pg_catalog.pg_depend d ON d.refobjid = over.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.classid = 'pg_catalog.pg_rewrite'::regclass
  JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid)
SELECT c.oid::regclass::text FROM over JOIN pg_catalog.pg_class c ON c.oid = over.oid
WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid";

/// Computes anew what was computed from the tables. Told and not raised when it fails, as above.
pub(super) async fn refresh(client: &Client, job: &Job<'_>, mapping: &Mapping) {
    let tables: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
    let views = match rows(client, "looking for materialized views", MATERIALIZED, &[&tables]).await {
        Ok(views) => views,
        Err(fault) => return job.progress.log(LogLevel::Warn, fault.into_error().to_string()),
    };
    for view in views.iter().filter_map(|row| row.try_get::<_, String>(0).ok()) {
        if let Err(fault) = run(client, "refreshing", &format!("REFRESH MATERIALIZED VIEW {view}")).await {
            job.progress
                .log(LogLevel::Warn, format!("materialized view {view} is left as it was: {}", fault.into_error()));
        }
    }
}
