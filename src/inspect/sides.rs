//! Both sides, open for one query.

use crate::action::Context;
use crate::evidence::Key;
use crate::progress::{Control, ProgressSink};
use crate::runbook::TransferOptions;
use crate::schema::{Mapping, TableMapping};
use crate::transfer::{Job, decide};
use crate::verify::{Allowed, Held, Pace, Row, SourceRows, TargetRows, VerifyError, held, key, key_places};
use rusqlite::Connection;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Below the five seconds that a run's own statements wait for a lock, so that a query of ours never makes one fail.
const TARGET_TIME: &str = "4s";
/// How long the source is read for one query.
const SOURCE_TIME: Duration = Duration::from_secs(5);

/// How the tables are paired, and by what that was decided.
#[derive(Debug)]
pub(super) struct Mapped {
    path: PathBuf,
    options: TransferOptions,
    mapping: Mapping,
}

impl Mapped {
    pub(super) fn is_of(&self, path: &Path, options: &TransferOptions) -> bool {
        self.path == path && self.options == *options
    }

    /// Decides as the copy does, units included.
    pub(super) async fn read(context: &Context, path: PathBuf) -> Result<Self, String> {
        let options = context.runbook.transfer.clone();
        let (progress, _nobody) = ProgressSink::new();
        let (_wish, control) = Control::new();
        let job = Job {
            source: &path,
            address: &context.target,
            run: &context.run,
            options: &options,
            progress: &progress,
            control: &control,
            rejects_file: None,
            gate: None,
        };
        let planned = decide(&job).await.map_err(|error| failed("pairing the tables", &error))?;
        Ok(Self { path, options, mapping: planned.mapping })
    }
}

/// One query's hold on both sides.
pub(super) struct Sides {
    mapped: Arc<Mapped>,
    pub(super) client: Client,
    connection: Connection,
    allowed: Allowed,
}

/// A row as it is shown.
pub(super) struct Seen {
    pub(super) key: Key,
    pub(super) cells: Vec<Held>,
}

impl Sides {
    pub(super) async fn open(context: &Context, mapped: Arc<Mapped>) -> Result<Self, String> {
        let session = format!("cutover/{}/look", context.run);
        let client = context.target.connect(&session).await.map_err(|error| error.to_string())?;
        let settings = format!(
            "SET default_transaction_read_only = on; SET statement_timeout = '{TARGET_TIME}'; SET lock_timeout = '1s'"
        );
        client.batch_execute(&settings).await.map_err(|error| failed("preparing the session", &error))?;
        let connection = SourceRows::open(&mapped.path).map_err(|error| error.to_string())?;
        Ok(Self { mapped, client, connection, allowed: Allowed::default() })
    }

    pub(super) fn tables(&self) -> &[TableMapping] {
        &self.mapped.mapping.tables
    }

    pub(super) fn table(&self, label: &str) -> Result<&TableMapping, String> {
        let found = self.tables().iter().find(|table| table.target.label() == label);
        found.ok_or_else(|| format!("{label} is not among the tables that are compared"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.mapped.path
    }

    pub(super) fn source<'a>(&'a self, table: &'a TableMapping) -> SourceRows<'a> {
        SourceRows { connection: &self.connection, path: &self.mapped.path, table, allowed: &self.allowed }
    }

    /// Reads the source's rows until all are read, `enough` says so or the time is up; whether all were read.
    pub(super) fn read_source(
        &self,
        table: &TableMapping,
        enough: &dyn Fn() -> bool,
        take: &mut dyn FnMut(&Row),
    ) -> Result<bool, String> {
        let end = Instant::now() + SOURCE_TIME;
        let mut rows = 0_u32;
        let mut breathe = || {
            rows += 1;
            let late = rows.is_multiple_of(256) && Instant::now() > end;
            if late || enough() { Err(VerifyError::Interrupted) } else { Ok(()) }
        };
        match self.source(table).some("", [], &mut breathe, take) {
            Ok(_) => Ok(true),
            Err(VerifyError::Interrupted) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Reads the target's rows that follow `clause` selects.
    pub(super) async fn read_target(
        &self,
        table: &TableMapping,
        clause: &str,
        take: &mut (dyn FnMut(&Row) + Send),
    ) -> Result<(), String> {
        let (_wish, control) = Control::new();
        let rows = TargetRows::new(&self.client, table);
        let read = rows.some(clause, &mut Pace::silent(&control), take).await;
        read.map(|_| ()).map_err(|error| patient(&error.to_string()))
    }
}

impl Seen {
    pub(super) fn of(row: &Row, key_hash: u128, table: &TableMapping) -> Self {
        let mut named = key(row, table);
        if key_places(table).is_empty() {
            named.insert("row".to_owned(), format!("{key_hash:032x}").into());
        }
        Self { key: named, cells: held(row, table) }
    }
}

/// What the time-outs mean to who asked.
fn patient(error: &str) -> String {
    if error.contains("lock timeout") {
        return format!("{error}: a running step holds the table; ask again when it is done");
    }
    if error.contains("statement timeout") {
        return format!("{error}: reading it takes longer than {TARGET_TIME}, which is all a look may take");
    }
    error.to_owned()
}

pub(super) fn failed(what: &str, error: &dyn Display) -> String {
    format!("{what}: {error}")
}
