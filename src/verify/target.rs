//! The target's rows, read back.

use super::VerifyError;
use super::copy_stream::{CopyStream, cells};
use super::pace::Pace;
use super::row::{LARGE, Row};
use crate::connect::postgres::Address;
use crate::digest::{CanonicalKind, from_wire};
use crate::schema::{ColumnMapping, Mapping, TableMapping, quote, security};
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// One table of the target.
pub(crate) struct TargetRows<'a> {
    client: &'a Client,
    table: &'a TableMapping,
    kinds: Vec<CanonicalKind>,
}

/// A session that sees one state of the target and changes nothing.
pub(crate) async fn session(address: &Address, application: &str) -> Result<Client, VerifyError> {
    let client = address.connect(application).await?;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    client.batch_execute(begin).await.map_err(|error| failed("a snapshot", &error))?;
    Ok(client)
}

/// The same for tables whose row security binds their owner: the force is lifted for this transaction, which holds them alone until
/// it is rolled back, and nothing of that stays.
pub(crate) async fn unbound_session(
    address: &Address,
    application: &str,
    names: impl IntoIterator<Item = &String>,
) -> Result<Client, VerifyError> {
    let client = address.connect(application).await?;
    let lift = security::lift(names);
    let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ; {lift} SET TRANSACTION READ ONLY");
    client.batch_execute(&begin).await.map_err(|error| failed("tables with forced row security", &error))?;
    Ok(client)
}

/// Which of the mapping's tables need [`unbound_session`]: oid and quoted name.
pub(crate) async fn bound(client: &Client, mapping: &Mapping) -> Result<BTreeMap<u32, String>, VerifyError> {
    let oids: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
    let found = security::bound(client, &oids).await;
    found
        .map(BTreeMap::from_iter)
        .map_err(|error| VerifyError::Target { what: "row security".to_owned(), reason: error.to_string() })
}

/// What came back, under the name of what was read.
pub(crate) fn failed(what: &str, error: &tokio_postgres::Error) -> VerifyError {
    let reason = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    VerifyError::Target { what: what.to_owned(), reason }
}

impl<'a> TargetRows<'a> {
    pub(crate) fn new(client: &'a Client, table: &'a TableMapping) -> Self {
        let kind = |column: &ColumnMapping| {
            if column.target.ty.kind.is_for_server() {
                CanonicalKind::Bytes
            } else {
                CanonicalKind::of(&column.target.ty)
            }
        };
        Self { client, table, kinds: table.columns.iter().map(kind).collect() }
    }

    /// Hands every row to `take`.
    pub(crate) async fn each(
        &self,
        pace: &mut Pace<'_>,
        take: &mut (dyn FnMut(&Row) + Send),
    ) -> Result<(u64, u64), VerifyError> {
        self.some("", pace, take).await
    }

    /// The same for the rows that follow `clause` selects; how many there were, and their bytes.
    pub(crate) async fn some(
        &self,
        clause: &str,
        pace: &mut Pace<'_>,
        take: &mut (dyn FnMut(&Row) + Send),
    ) -> Result<(u64, u64), VerifyError> {
        let label = self.table.target.label();
        let sql = format!("COPY ({} {clause}) TO STDOUT (FORMAT binary)", self.selection());
        let messages = self.client.copy_out(&sql).await.map_err(|error| failed(&label, &error))?;
        let mut messages = std::pin::pin!(messages);
        let mut stream = CopyStream::default();
        let mut row = Row::default();
        let (mut rows, mut bytes) = (0, 0);
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| failed(&label, &error))?;
            bytes += message.len() as u64;
            stream.feed(message);
            while let Some(read) = stream.row().map_err(|bad| self.broken(&bad.to_string()))? {
                pace.breathe_async().await?;
                rows += 1;
                self.fill(&mut row, &read)?;
                take(&row);
            }
        }
        stream.end().map_err(|bad| self.broken(&bad.to_string()))?;
        Ok((rows, bytes))
    }

    /// `SELECT` of the mapped columns; a partitioned table with its partitions, any other without those that inherit from it.
    fn selection(&self) -> String {
        let columns: Vec<String> = self.table.columns.iter().map(expression).collect();
        let only = if self.table.target.partitioned { "" } else { "ONLY " };
        format!("SELECT {} FROM {only}{}", columns.join(", "), self.table.target.quoted())
    }

    fn fill(&self, row: &mut Row<'_>, read: &Bytes) -> Result<(), VerifyError> {
        row.clear();
        let mut count = 0;
        for ((cell, kind), column) in cells(read).zip(&self.kinds).zip(&self.table.columns) {
            count += 1;
            let Some(payload) = cell else {
                row.null();
                continue;
            };
            if *kind == CanonicalKind::Bytes && payload.len() >= LARGE {
                row.shared(read.slice_ref(payload));
                continue;
            }
            let put = row.cell(|out| from_wire(kind, payload, out).map(|()| true));
            put.map_err(|bad| VerifyError::Wire {
                table: self.table.target.label(),
                column: column.target.name.clone(),
                ty: column.target.ty.name.clone(),
                reason: bad.to_string(),
            })?;
        }
        if count == self.kinds.len() { Ok(()) } else { Err(self.broken("a row has too few cells")) }
    }

    fn broken(&self, reason: &str) -> VerifyError {
        VerifyError::Target { what: self.table.target.label(), reason: reason.to_owned() }
    }
}

/// What is selected for a column; a type without a binary form of ours is compared as the text that the server makes of it.
fn expression(column: &ColumnMapping) -> String {
    let name = quote(&column.target.name);
    if column.target.ty.kind.is_for_server() { format!("{name}::text") } else { name }
}
