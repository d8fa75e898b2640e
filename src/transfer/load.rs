//! One table into an open transaction: the encoding thread at one end of a bounded channel, `COPY … FROM STDIN` at the other.

use super::produce::{Halt, Meter, Piece, Produced, Producer};
use super::rows::TableEncoder;
use super::server_types::ServerTypes;
use super::session::{self, Fault, interrupted};
use super::skips::{REFUSED, TableSkips, scratch_failed};
use super::source::{Source, blocking};
use super::{Job, TransferError};
use crate::crash;
use crate::evidence::TableResult;
use crate::schema::{TableMapping, TypeKind, quote};
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

/// Loads tables, one after the other.
pub(super) struct Loader<'a> {
    client: &'a Arc<Client>,
    job: &'a Job<'a>,
    /// A session for the server's input functions, once a table needs it: the other one is busy with COPY.
    helper: Option<Arc<Client>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(client: &'a Arc<Client>, job: &'a Job<'a>) -> Self {
        Self { client, job, helper: None }
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
        let meter = Meter::new(self.job.progress, &table.target.label(), rows);
        if rows == 0 {
            meter.finish(0, 0);
            return Ok((source, result(table, &Produced::default(), began)));
        }
        let helper = self.helper(table).await?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let work = TableWork { table: table.clone(), number, helper, runtime: Handle::current(), sender, meter };
        let control = self.job.control.clone();
        let thread = blocking(source, move |source| work.run(source, &control));
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
        let produced = outcome(produced, sent, &table.target.label())?;
        Ok((source, result(table, &produced, began)))
    }

    async fn helper(&mut self, table: &TableMapping) -> Result<Option<Arc<Client>>, TransferError> {
        if self.helper.is_none() && table.columns.iter().any(|column| goes_through_server(&column.target.ty.kind)) {
            self.helper = Some(Arc::new(session::open(self.job, "copy-types").await?));
        }
        Ok(self.helper.clone())
    }
}

fn goes_through_server(kind: &TypeKind) -> bool {
    match kind {
        TypeKind::Other => true,
        TypeKind::Array(element) => goes_through_server(&element.kind),
        _ => false,
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
    number: usize,
    helper: Option<Arc<Client>>,
    runtime: Handle,
    sender: mpsc::Sender<Piece>,
    meter: Meter,
}

impl TableWork {
    fn run(self, source: &Source, control: &crate::progress::Control) -> Result<Produced, Halt> {
        let encoder = TableEncoder::new(&self.table, false)?;
        let server = self.helper.as_deref().map(|client| ServerTypes::new(client, &self.runtime));
        let mut statement = source
            .scratch
            .as_ref()
            .map(|scratch| scratch.prepare(REFUSED))
            .transpose()
            .map_err(|e| scratch_failed(&e))?;
        let skips = match &mut statement {
            Some(statement) => {
                TableSkips::new(statement.query([self.number as i64]).map_err(|error| scratch_failed(&error))?)?
            }
            None => TableSkips::none(),
        };
        let producer = Producer {
            frozen: &source.frozen,
            table: &self.table,
            encoder: &encoder,
            server: server.as_ref(),
            skips,
            sender: self.sender,
            meter: self.meter,
            control,
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
            "loading {label}: {} rows were sent and the server kept {rows}: a trigger or a partition drops rows; everything was rolled back",
            produced.rows
        ))
        .into()),
        (Err(Halt::Misfit), _) => Err(Fault::Misfit),
        (Err(Halt::Epoch), _) => Err(Fault::Epoch),
        (_, Err(Sent::Stopped)) => Err(interrupted().into()),
        (_, Err(Sent::Refused(error))) => Err(Fault::Database { what: format!("loading {label}"), error }),
        (Err(Halt::Failed(error)), _) => Err(error.into()),
        (_, _) => Err(TransferError::Failed(format!("loading {label}: the copy ended early; everything was rolled back")).into()),
    }
}
