//! One table into an open transaction: the encoding thread at one end of a bounded channel, `COPY … FROM STDIN` at the other.

use super::part::Part;
use super::produce::{Halt, Meter, Piece, Produced, Producer};
use super::rows::TableEncoder;
use super::server_types::ServerTypes;
use super::session::{self, Fault, interrupted};
use super::skips::{REFUSED, Refused, TableSkips, scratch_failed};
use super::source::{Source, blocking};
use super::{Job, TransferError};
use crate::crash;
use crate::evidence::TableResult;
use crate::progress::{Control, ProgressSink};
use crate::schema::{TableMapping, quote};
use bytes::Bytes;
use futures_util::SinkExt as _;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_postgres::Client;

/// Chunks that wait for the server at most.
const WAITING: usize = 4;

/// Whether the table's rows may be written frozen: `COPY FREEZE` refuses partitioned tables.
pub(super) fn freeze(table: &TableMapping) -> bool {
    !table.target.partitioned
}

/// What one COPY is to take.
pub(super) struct Load<'a> {
    pub(super) table: &'a TableMapping,
    /// Which rows; all when none.
    pub(super) part: Option<Part>,
    pub(super) skips: Skips,
    pub(super) meter: Meter,
    pub(super) freeze: bool,
}

/// Where the refused rows of a table are found.
#[derive(Clone, Debug)]
pub(super) enum Skips {
    /// In the source's scratch, under the table's place in the mapping.
    Scratch(usize),
    Listed(Vec<Refused>),
}

/// Loads tables or parts of them, one after the other.
pub(super) struct Loader<'a> {
    client: &'a Arc<Client>,
    job: &'a Job<'a>,
    /// The name of the helper's session.
    name: String,
    /// A session for the server's input functions, once a table needs it: the other one is busy with COPY.
    helper: Option<Arc<Client>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(client: &'a Arc<Client>, job: &'a Job<'a>) -> Self {
        Self { client, job, name: "copy-types".to_owned(), helper: None }
    }

    /// For one of several workers, which keeps the helper for the next part.
    pub(super) fn of_worker(
        client: &'a Arc<Client>,
        job: &'a Job<'a>,
        name: String,
        helper: Option<Arc<Client>>,
    ) -> Self {
        Self { client, job, name, helper }
    }

    pub(super) async fn table(
        &mut self,
        source: Source,
        number: usize,
        table: &TableMapping,
        rows: u64,
        freeze: bool,
    ) -> Result<(Source, TableResult), Fault> {
        let began = Instant::now();
        let meter = Meter::new(self.job.progress, &table.target.label(), Some(rows));
        if rows == 0 {
            meter.finish(0, 0);
            return Ok((source, result(table, &Produced::default(), began)));
        }
        self.helper(table).await?;
        let load = Load { table, part: None, skips: Skips::Scratch(number), meter, freeze };
        let (source, produced) = self.load(source, load).await?;
        Ok((source, result(table, &produced, began)))
    }

    /// Sends the rows. A table that needs it must have been given its [`Loader::helper`] before.
    pub(super) async fn load(&self, source: Source, load: Load<'_>) -> Result<(Source, Produced), Fault> {
        let Load { table, part, skips, meter, freeze } = load;
        let (sender, receiver) = mpsc::channel(WAITING);
        let (helper, runtime) = (self.helper.clone(), Handle::current());
        let (progress, control) = (self.job.progress.clone(), self.job.control.clone());
        let own = table.clone();
        let work = TableWork { table: own, part, skips, helper, runtime, sender, meter, progress, control };
        let thread = blocking(source, move |source| work.run(source));
        let sql = statement(table, freeze);
        crash::point("transfer.copy.before");
        let pump = async {
            tokio::select! {
                sent = pump(self.client, &sql, receiver) => sent,
                () = self.job.control.stopped() => Err(Sent::Stopped),
            }
        };
        let (thread, sent) = tokio::join!(thread, pump);
        crash::point("transfer.copy.after");
        let (source, produced) = thread?;
        Ok((source, outcome(produced, sent, &table.target.label())?))
    }

    /// Opens the session for the server's input functions where the table needs it.
    pub(super) async fn helper(&mut self, table: &TableMapping) -> Result<Option<Arc<Client>>, TransferError> {
        if self.helper.is_none() && table.columns.iter().any(|column| column.target.ty.kind.is_for_server()) {
            self.helper = Some(Arc::new(session::open(self.job, &self.name).await?));
        }
        Ok(self.helper.clone())
    }
}

fn result(table: &TableMapping, produced: &Produced, began: Instant) -> TableResult {
    TableResult {
        table: table.target.label(),
        rows_source: produced.rows_source,
        rows_loaded: produced.rows,
        rows_rejected: produced.rows_source - produced.rows,
        digest_source: Some(produced.digest.hex()),
        digest_target: None,
        seconds: began.elapsed().as_secs_f64(),
        bytes: produced.bytes,
    }
}

fn statement(table: &TableMapping, freeze: bool) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.target.name)).collect();
    let freeze = if freeze { ", FREEZE" } else { "" };
    format!("COPY {} ({}) FROM STDIN (FORMAT binary{freeze})", table.target.quoted(), columns.join(", "))
}

/// What the encoding thread takes with it.
struct TableWork {
    table: TableMapping,
    part: Option<Part>,
    skips: Skips,
    helper: Option<Arc<Client>>,
    runtime: Handle,
    sender: mpsc::Sender<Piece>,
    meter: Meter,
    progress: ProgressSink,
    control: Control,
}

impl TableWork {
    fn run(self, source: &Source) -> Result<Produced, Halt> {
        let encoder = TableEncoder::new(&self.table, false)?;
        let server = self.helper.as_deref().map(|client| ServerTypes::new(client, &self.runtime));
        let part = self.part.unwrap_or_else(|| Part::whole(&encoder.selected));
        let mut statement = source
            .scratch
            .as_ref()
            .map(|scratch| scratch.prepare(REFUSED))
            .transpose()
            .map_err(|e| scratch_failed(&e))?;
        let skips = match (self.skips, &mut statement) {
            (Skips::Listed(refused), _) => TableSkips::listed(refused),
            (Skips::Scratch(number), Some(statement)) => {
                TableSkips::new(statement.query([number as i64]).map_err(|error| scratch_failed(&error))?)?
            }
            (Skips::Scratch(_), None) => TableSkips::none(),
        };
        let producer = Producer {
            frozen: &source.frozen,
            table: &self.table,
            encoder: &encoder,
            part: &part,
            server: server.as_ref(),
            skips,
            sender: self.sender,
            meter: self.meter,
            control: &self.control,
            progress: &self.progress,
        };
        producer.run()
    }
}

/// How the server's end of the channel ended badly.
pub(super) enum Sent {
    Refused(tokio_postgres::Error),
    /// The thread halted before the end; the COPY was given up.
    Halted,
    Stopped,
}

pub(super) async fn pump(client: &Client, sql: &str, mut receiver: mpsc::Receiver<Piece>) -> Result<u64, Sent> {
    let sink = client.copy_in::<_, Bytes>(sql).await.map_err(Sent::Refused)?;
    tokio::pin!(sink);
    loop {
        let chunk = match receiver.recv().await {
            Some(Piece::Chunk(chunk)) => chunk,
            Some(Piece::End) => return sink.as_mut().finish().await.map_err(Sent::Refused),
            None => return Err(Sent::Halted),
        };
        if sink.feed(chunk).await.is_err() {
            // The sink only knows that it is closed; the answer of the server says why.
            return sink.as_mut().finish().await.map_err(Sent::Refused);
        }
    }
}

/// Which of both ends says what happened.
fn outcome(produced: Result<Produced, Halt>, sent: Result<u64, Sent>, label: &str) -> Result<Produced, Fault> {
    match (produced, sent) {
        (Ok(produced), Ok(rows)) if rows == produced.rows => Ok(produced),
        (Ok(produced), Ok(rows)) => Err(TransferError::Failed(format!(
            "loading {label}: {} rows were sent and the server kept {rows}: a trigger or a partition drops rows; the transaction was rolled back",
            produced.rows
        ))
        .into()),
        (Err(Halt::Misfit), _) => Err(Fault::Misfit),
        (Err(Halt::Epoch), _) => Err(Fault::Epoch),
        (_, Err(Sent::Stopped)) => Err(interrupted().into()),
        (_, Err(Sent::Refused(error))) => Err(Fault::Database { what: format!("loading {label}"), error }),
        (Err(Halt::Failed(error)), _) => Err(error.into()),
        (_, _) => Err(TransferError::Failed(format!("loading {label}: the copy ended early; the transaction was rolled back")).into()),
    }
}
