//! The copy in chunks: several connections, each transaction with its entry in the ledger, so that it can be paused, stopped or killed
//! between any two and goes on from there.
//!
//! The order of things: [`mod@begin`] records what stands around the tables; it goes, one transaction each; [`tables`] hands out chunks,
//! the largest table first; indexes are built, foreign keys checked, triggers enabled, in parallel where they do not meet; the last
//! transaction writes the same entry that an atomic copy leaves, and strikes all others.

mod begin;
mod board;
mod cut;
mod desk;
mod item;
mod pace;
mod record;
mod tables;
mod task;
mod worker;

pub(super) use cut::chunk_rows;
pub(super) use record::{BEGUN, Begun, begun, strike_all};

use super::copy::{Ended, refresh};
use super::known::Known;
use super::session::Fault;
use super::stage::Around;
use super::{Job, Planned, TransferError};
use crate::evidence::Evidence;
use begin::{Beginning, begin, told};
use board::{Board, Wanted};
use desk::Desk;
use futures_util::future::join_all;
use item::{Item, items};
use pace::Pace;
use record::Record;
use std::cmp::Reverse;
use tables::Tables;
use task::Task;
use tokio_postgres::Client;
use worker::Worker;

/// Sequences of how many tables are set in one transaction.
const SEQUENCES: usize = 100;

/// Whether a thing is back already, by its name in the ledger.
type IsBack<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// Loads all tables of the plan in chunks, or goes on with it.
pub(super) async fn copy(job: &Job<'_>, planned: &Planned, client: &Client, known: Known) -> Result<Evidence, Ended> {
    let Beginning { begun, record, scratch, rejected } = begin(job, planned, client, known).await?;
    let pace = Pace::new();
    let inner = Job { control: &pace.control, ..*job };
    let desk = Desk::new(inner, planned, begun, &pace, (scratch, rejected), &record)?;
    let copied = tokio::select! {
        copied = whole(&desk, &record) => copied,
        never = pace.follow(job.control, job.progress) => match never {},
    };
    job.progress.waiting("");
    let evidence = copied.map_err(|fault| told(job, fault))?;
    refresh(client, job, &planned.mapping).await;
    Ok(evidence)
}

/// What is off and was not put back.
pub(super) async fn missing(client: &Client, job: &Job<'_>) -> Result<Around, Fault> {
    let Some((_, begun)) = begun(client, &job.run_schema()).await? else { return Ok(Around::default()) };
    let record = Record::read(client, &job.run_schema()).await?;
    Ok(item::missing(&begun.around, |name| record.off.contains(name)))
}

async fn whole(desk: &Desk<'_>, record: &Record) -> Result<Evidence, Fault> {
    let mut workers = Vec::with_capacity(desk.connections);
    for number in 1..=desk.connections {
        workers.push(Worker::open(desk, number).await?);
    }
    let all = &mut workers[..];
    let rows: Vec<u64> = desk.planned.report.tables.iter().map(|table| table.rows).collect();
    let tables = Tables::new(&desk.planned.mapping.tables, &rows, &desk.sizes(), record);
    let tables_whole = tables.is_empty();
    // What is back already goes again only where a table is to be loaded anew.
    let back = |name: &str| tables_whole && record.back.contains(name);
    take_off(desk, record, &back, all).await?;
    together(all.iter_mut().map(|worker| worker.load_all(&tables))).await?;
    put_back(desk, &back, &rows, all).await?;
    end(desk, all).await
}

async fn take_off(desk: &Desk<'_>, record: &Record, back: IsBack<'_>, workers: &mut [Worker<'_>]) -> Result<(), Fault> {
    let Some(first) = workers.first_mut() else { return Ok(()) };
    for item in items(&desk.begun.around) {
        let name = item.name();
        if !record.off.contains(&name) && !back(&name) {
            first.alone(&Task::Off(item)).await?;
        }
    }
    Ok(())
}

/// The largest first; row security at the very end.
async fn put_back(desk: &Desk<'_>, back: IsBack<'_>, rows: &[u64], workers: &mut [Worker<'_>]) -> Result<(), Fault> {
    let around = &desk.begun.around;
    let size = |oid: u32| {
        let place = desk.planned.mapping.tables.iter().position(|table| table.target.oid == oid);
        place.and_then(|place| rows.get(place)).copied().unwrap_or_default()
    };
    let mut indexes = around.indexes.clone();
    indexes.sort_by_key(|index| Reverse(size(index.table_oid)));
    let mut keys = around.keys.clone();
    keys.sort_by_key(|key| Reverse(size(key.child)));
    let indexes = indexes.into_iter().map(Item::Index).collect();
    let keys = keys.into_iter().map(Item::Key).collect();
    let triggers = around.triggers.iter().cloned().map(Item::Trigger).collect();
    for (part, items) in [("indexes", indexes), ("foreign keys", keys), ("triggers", triggers)] {
        board(desk, part, wanted(items, back), workers).await?;
    }
    let analyze = (0..rows.len()).map(|table| Wanted { task: Task::Analyze(table), tables: Vec::new(), alone: false });
    board(desk, "analyze", analyze.collect(), workers).await
}

fn wanted(items: Vec<Item>, back: IsBack<'_>) -> Vec<Wanted> {
    let want = |item: Item| Wanted { tables: item.tables(), alone: item.lock_for_back().alone, task: Task::Back(item) };
    items.into_iter().filter(|item| !back(&item.name())).map(want).collect()
}

async fn board(
    desk: &Desk<'_>,
    part: &'static str,
    waiting: Vec<Wanted>,
    workers: &mut [Worker<'_>],
) -> Result<(), Fault> {
    let board = Board::new(part, waiting, desk.job.progress);
    together(workers.iter_mut().map(|worker| worker.do_all(&board))).await
}

/// Sequences, then the copy's own entry in the place of all others.
async fn end(desk: &Desk<'_>, workers: &mut [Worker<'_>]) -> Result<Evidence, Fault> {
    let Some(first) = workers.first_mut() else {
        return Err(TransferError::Failed("no connection was opened".to_owned()).into());
    };
    let oids: Vec<u32> = desk.planned.mapping.tables.iter().map(|table| table.target.oid).collect();
    for some in oids.chunks(SEQUENCES) {
        first.alone(&Task::Sequences(some.to_vec())).await?;
    }
    let record = Record::read(first.client(), &desk.job.run_schema()).await?;
    desk.complete(&record)?;
    let evidence = Evidence {
        tables: desk.results(&record)?,
        findings: desk.findings(),
        rejects: desk.rejected.listed.clone(),
        rejects_total: desk.rejected.total,
        plan: Some(Box::new(desk.planned.report.clone())),
        ..Evidence::default()
    };
    let finish = Task::Finish(Box::new(evidence.clone()));
    first.alone(&finish).await?;
    Ok(evidence)
}

/// All workers at once; the first real failure of any, since the others were only told to end.
async fn together(work: impl Iterator<Item = impl Future<Output = Result<(), Fault>>>) -> Result<(), Fault> {
    let mut stopped = Ok(());
    for ended in join_all(work).await {
        match ended {
            Ok(()) => {}
            Err(Fault::Known(TransferError::Interrupted(message))) => {
                stopped = Err(Fault::Known(TransferError::Interrupted(message)));
            }
            failed => return failed,
        }
    }
    stopped
}
