//! Repairs a target whose intervals another tool loaded in the wrong unit.
//!
//! A loader that hands SQLite's integer microseconds to PostgreSQL as they are makes them seconds. Against the source a value
//! is repaired only where it is exactly what a wrong unit makes of the source's value; without a source only where the operator
//! bounds the rows. Former values stay in the run's schema of the target: [`take_back`] puts them back, and a later repair knows
//! by them what has been repaired. All of it is one transaction.

mod columns;
mod keep;
mod measure;
mod stage_source;
mod subject;
mod undo;

pub use keep::KeptColumn;
pub use undo::take_back;

use self::columns::Chosen;
use self::measure::Measured;
use self::subject::Subject;
use super::session::{self, Fault, run};
use super::{Job, TransferError, locks};
use crate::evidence::{ColumnRepair, IntervalUnit};
use crate::progress::{LogLevel, PartProgress};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// What is to be repaired.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whether [`Job::source`] is there to compare with.
    pub source: bool,
    /// `TABLE.COLUMN` to `FROM..TO`: only rows within, both ends included. Without a source nothing else is repaired.
    pub between: &'a BTreeMap<String, String>,
    /// The wrong unit per `TABLE.COLUMN`, or `*`. With a source it is found by itself; without one it is seconds.
    pub wrong: &'a BTreeMap<String, IntervalUnit>,
    /// Whether the values are written, rather than only looked at.
    pub execute: bool,
}

/// What was found, and where the former values are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repaired {
    /// One entry per interval column.
    pub columns: Vec<ColumnRepair>,
    /// What was written, to be put back by [`take_back`]; empty when nothing was.
    pub kept: Vec<KeptColumn>,
    /// Columns that could not be looked at, and why.
    pub left_out: Vec<(String, String)>,
}

impl Repaired {
    /// Values that are, or were, wrongly scaled.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.columns.iter().map(|column| column.rows).sum()
    }

    /// Values that look wrongly scaled and are not within the bounds.
    #[must_use]
    pub fn suspects(&self) -> u64 {
        self.columns.iter().map(|column| column.suspect).sum()
    }
}

/// The temporary table of a source table's values.
fn staged_name(number: usize) -> String {
    format!("cutover_staged_{number}")
}

/// Finds wrongly scaled values and, with `execute`, puts the right ones there in one transaction. Called again for a run whose
/// repair is in the target, returns what is recorded there.
///
/// # Errors
/// [`TransferError::Undecided`] for a unit or bounds that the operator has to say, [`TransferError::Refused`] where the role may
/// not, else what failed. The target is then as it was.
pub async fn repair(job: &Job<'_>, wanted: &Wanted<'_>) -> Result<Repaired, TransferError> {
    let client = session::open(job, "repair").await?;
    if wanted.execute
        && let Some(repaired) = keep::recorded(&client, job, wanted).await?
    {
        job.progress.log(LogLevel::Info, "the repair is in the target already, as its ledger says");
        return Ok(repaired);
    }
    let mut chosen = match wanted.source {
        true => columns::of_source(&client, job, wanted).await?,
        false => columns::of_target(&client, job, wanted).await?,
    };
    keep::find_earlier(&client, &mut chosen.subjects, wanted).await?;
    match transact(&client, job, wanted, chosen).await {
        Ok(repaired) => Ok(repaired),
        Err(fault) => {
            let _ = client.batch_execute("ROLLBACK").await; // a session that is gone has rolled back already
            job.progress.waiting("");
            Err(fault.into_error())
        }
    }
}

async fn transact(client: &Client, job: &Job<'_>, wanted: &Wanted<'_>, mut chosen: Chosen) -> Result<Repaired, Fault> {
    if let Some(mut source) = chosen.source.take() {
        for (number, table) in &chosen.tables {
            source = stage_source::stage(client, job, source, *number, table).await?;
        }
    }
    begin(client, job, wanted, &chosen.subjects).await?;
    let mut found = Vec::new();
    for (number, subject) in chosen.subjects.iter().enumerate() {
        session::check_wish(job)?;
        tell(job, number, chosen.subjects.len());
        let into = match wanted.execute {
            true => format!("TABLE {}", keep::kept_name(job, number)),
            false => format!("TEMPORARY TABLE cutover_found_{number}"),
        };
        found.push(measure::measure(client, job, subject, &into).await?);
    }
    tell(job, chosen.subjects.len(), chosen.subjects.len());
    let mut repaired = Repaired { left_out: chosen.left_out, ..Repaired::default() };
    if wanted.execute && found.iter().any(|measured| measured.wrong.is_some()) {
        return keep::execute(client, job, wanted, &chosen.subjects, found, repaired).await;
    }
    repaired.columns = found.into_iter().map(|Measured { repair, .. }| repair).collect();
    run(client, "giving the transaction up", "ROLLBACK").await?;
    Ok(repaired)
}

/// A repair keeps writers out from the first look on; a look alone sees one moment.
async fn begin(client: &Client, job: &Job<'_>, wanted: &Wanted<'_>, subjects: &[Subject]) -> Result<(), Fault> {
    if wanted.execute {
        let mut tables: Vec<String> = subjects
            .iter()
            .filter(|subject| subject.is_bounded())
            .map(|subject| super::stage::only(&subject.table))
            .collect();
        tables.dedup();
        locks::begin_in_mode(client, job, &tables, "SHARE ROW EXCLUSIVE").await?;
        keep::prepare(client, job).await?;
    } else {
        run(client, "beginning the transaction", "BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    }
    run(client, "setting the session", "SET LOCAL work_mem = '64MB'").await
}

fn tell(job: &Job<'_>, done: usize, total: usize) {
    job.progress.part(PartProgress {
        part: "interval columns".to_owned(),
        unit: "columns".to_owned(),
        done: done as u64,
        total: Some(total as u64),
        bytes: 0,
        finished: done == total,
    });
}
