//! Answers from the databases themselves: the run's frozen snapshot on one side, the target on the other.

use super::cluster::{self, Follower};
use super::sides::{Mapped, Sides, failed};
use super::{DataView, Inspect, PodTerminal, Query, column, psql, rows, tables};
use crate::action::Context;
use crate::evidence::Outcome;
use crate::runbook::Settings;
use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// The port as `commands` hands it to the driver. Each query has a read-only session of its own that gives up after a few
/// seconds, and a thread of its own for the source; nothing is kept open between two queries.
#[derive(Default)]
pub struct DatabaseInspect {
    /// How the tables were paired last, for as long as snapshot and options are the same.
    mapped: Mutex<Option<Arc<Mapped>>>,
    /// The log of a pod that is being looked at.
    follower: Follower,
}

impl DatabaseInspect {
    /// Nothing is opened before the first query.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    async fn sides(&self, context: &Context) -> Result<Sides, String> {
        let path = snapshot(context)
            .ok_or("there is no snapshot of the source to look at yet: the step `snapshot` makes it")?;
        let known = self.mapped.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mapped = match known.filter(|known| known.is_of(&path, &context.runbook.transfer)) {
            Some(mapped) => mapped,
            None => {
                let mapped = Arc::new(Mapped::read(context, path).await?);
                *self.mapped.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&mapped));
                mapped
            }
        };
        Sides::open(context, mapped).await
    }
}

#[async_trait]
impl Inspect for DatabaseInspect {
    async fn answer(&self, context: &Context, query: &Query, view: &mut DataView) {
        view.error = None;
        if let Query::Cluster { log } = query {
            view.cluster = Some(Arc::new(cluster::look(context, log.as_ref(), &self.follower).await));
            return;
        }
        let sides = match self.sides(context).await {
            Ok(sides) => sides,
            Err(error) => return give_up(query, view, error),
        };
        if let Err(error) = put(sides, context, query, view).await {
            give_up(query, view, error);
        }
    }

    async fn terminal(&self, context: &Context, size: (u16, u16)) -> Result<PodTerminal, String> {
        psql::open(context, size).await
    }
}

/// What was read before may not be true any more, and nobody is to take it for what stands there now.
fn give_up(query: &Query, view: &mut DataView, error: String) {
    *view = match query {
        Query::Tables => DataView { cluster: view.cluster.take(), ..DataView::default() },
        Query::Rows { .. } => DataView { rows: None, ..std::mem::take(view) },
        Query::Column { .. } => DataView { column: None, ..std::mem::take(view) },
        Query::Cluster { .. } => std::mem::take(view),
    };
    view.error = Some(error);
}

/// Answers on a thread that may block, because SQLite does.
async fn put(sides: Sides, context: &Context, query: &Query, view: &mut DataView) -> Result<(), String> {
    let (query, context, handle) = (query.clone(), context.clone(), Handle::current());
    let work = move || handle.block_on(answer(&sides, &context, &query));
    let answer = tokio::task::spawn_blocking(work).await.map_err(|error| failed("answering", &error))??;
    match answer {
        Answer::Tables(tables) => {
            forget_older(view, &tables);
            view.tables = tables;
        }
        Answer::Rows(rows) => view.rows = Some(rows),
        Answer::Column(column) => view.column = Some(column),
    }
    Ok(())
}

/// Rows and a column of a table whose counts have changed were read in another state of the run.
fn forget_older(view: &mut DataView, tables: &[super::TableCounts]) {
    let counts = |tables: &[super::TableCounts], name: &str| tables.iter().find(|table| table.table == name).cloned();
    let changed = |name: &str| counts(&view.tables, name) != counts(tables, name);
    let (rows, column) = (
        view.rows.as_ref().is_some_and(|rows| changed(&rows.table)),
        view.column.as_ref().is_some_and(|column| changed(&column.table)),
    );
    view.rows = view.rows.take().filter(|_| !rows);
    view.column = view.column.take().filter(|_| !column);
}

enum Answer {
    Tables(Vec<super::TableCounts>),
    Rows(super::RowsView),
    Column(super::ColumnView),
}

async fn answer(sides: &Sides, context: &Context, query: &Query) -> Result<Answer, String> {
    match query {
        Query::Tables | Query::Cluster { .. } => tables::answer(sides, context).await.map(Answer::Tables),
        Query::Rows { table, pick, limit } => rows::answer(sides, context, table, pick, *limit).await.map(Answer::Rows),
        Query::Column { table, column } => column::answer(sides, table, column).await.map(Answer::Column),
    }
}

/// The frozen copy: what the snapshot step left, else what another step froze for itself.
fn snapshot(context: &Context) -> Option<PathBuf> {
    let path = |outcome: &Outcome| outcome.outputs.get("path").map(PathBuf::from);
    let of_kind = context.runbook.steps.iter().filter(|step| matches!(step.settings, Settings::Snapshot(_)));
    let taken = of_kind.filter_map(|step| context.outcomes.get(&step.id.0)).find_map(path);
    let frozen = |outcome: &Outcome| path(outcome).filter(|path| path.is_file());
    taken.or_else(|| context.outcomes.values().find_map(frozen)).filter(|path| path.is_file())
}
