//! Types that have no client-side binary form: the server's own input function reads the text, and its binary form is sent.

use super::TransferError;
use super::rows::{BadCell, Pending, TableEncoder, take_cell};
use super::session::describe;
use super::xml;
use crate::evidence::{Key, Policy};
use crate::schema::{TableMapping, TypeKind};
use rusqlite::types::ValueRef;
use std::collections::HashMap;
use tokio::runtime::Handle;
use tokio_postgres::Client;
use tokio_postgres::types::{FromSql, Type};

/// Asks the server, from the thread that encodes, over a session of its own.
pub(super) struct ServerTypes<'a> {
    client: &'a Client,
    runtime: &'a Handle,
}

/// A value's binary form as the server sends it.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A cell's binary form, or why the server refuses it.
type Converted = Result<Vec<u8>, String>;

impl<'a> ServerTypes<'a> {
    pub(super) fn new(client: &'a Client, runtime: &'a Handle) -> Self {
        Self { client, runtime }
    }

    /// Puts the server's binary forms into a chunk. Returns the chunk and how many rows the policy left out; a cell that does not
    /// fit under `stop` leaves its row out, too, and is told to `observe`.
    pub(super) fn resolve(
        &self,
        table: &TableMapping,
        encoder: &TableEncoder,
        chunk: &[u8],
        pending: Vec<Pending>,
        observe: &mut dyn FnMut(usize, &Key, BadCell<'_>),
    ) -> Result<(Vec<u8>, u64), TransferError> {
        let converted = self.convert_all(table, chunk, &pending)?;
        let mut waiting = pending.iter().zip(converted).peekable();
        let mut out = Vec::with_capacity(chunk.len());
        let mut left_out = 0;
        let mut rest = chunk;
        while !rest.is_empty() {
            let tuple = chunk.len() - rest.len();
            let start = out.len();
            let mut keep = true;
            out.extend_from_slice(&rest[..2]);
            rest = &rest[2..];
            for (place, column) in encoder.columns.iter().enumerate() {
                let cell = take_cell(&mut rest);
                let Some((pending, answer)) = waiting.next_if(|(one, _)| one.tuple == tuple && one.column == place)
                else {
                    put_cell(cell, &mut out);
                    continue;
                };
                match answer {
                    Ok(bytes) => put_cell(Some(&bytes), &mut out),
                    Err(reason) => {
                        let action = column.action(false);
                        let value = cell.map_or(ValueRef::Null, ValueRef::Text);
                        observe(tuple, &pending.key, BadCell { column: place, value, reason: &reason, action });
                        put_cell(None, &mut out);
                        keep &= action == Policy::Null;
                    }
                }
            }
            if !keep {
                out.truncate(start);
                left_out += 1;
            }
        }
        Ok((out, left_out))
    }

    fn convert_all(
        &self,
        table: &TableMapping,
        chunk: &[u8],
        pending: &[Pending],
    ) -> Result<Vec<Converted>, TransferError> {
        let mut by_column: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, one) in pending.iter().enumerate() {
            by_column.entry(one.column).or_default().push(index);
        }
        let mut converted: Vec<Converted> = vec![Ok(Vec::new()); pending.len()];
        for (column, indexes) in by_column {
            let texts: Vec<&str> =
                indexes.iter().map(|index| text(chunk, pending[*index].at)).collect::<Result<_, _>>()?;
            let ty = &table.columns[column].target.ty;
            for ((index, text), answer) in indexes.into_iter().zip(&texts).zip(self.convert(&ty.name, &texts)?) {
                converted[index] = if ty.kind == TypeKind::Xml { answer.and_then(|_| xml::wire(text)) } else { answer };
            }
        }
        Ok(converted)
    }

    /// All at once; by halves when the server refuses any of them.
    fn convert(&self, type_name: &str, texts: &[&str]) -> Result<Vec<Converted>, TransferError> {
        let sql = format!("SELECT u.t::{type_name} FROM unnest($1::text[]) WITH ORDINALITY u(t, o) ORDER BY u.o");
        match self.runtime.block_on(self.client.query(&sql, &[&texts])) {
            Ok(rows) => rows.iter().map(|row| raw(row).map(Ok)).collect(),
            Err(error) if error.as_db_error().is_none() => {
                Err(TransferError::Failed(format!("converting to {type_name}: {}", describe(&error))))
            }
            Err(error) if texts.len() == 1 => Ok(vec![Err(refusal(&error))]),
            Err(_) => {
                let (left, right) = texts.split_at(texts.len() / 2);
                let mut all = self.convert(type_name, left)?;
                all.extend(self.convert(type_name, right)?);
                Ok(all)
            }
        }
    }
}

fn raw(row: &tokio_postgres::Row) -> Result<Vec<u8>, TransferError> {
    let read: Result<Raw, _> = row.try_get(0);
    read.map(|raw| raw.0).map_err(|error| TransferError::Failed(format!("reading a converted value: {error}")))
}

fn refusal(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

/// The encoder checked that it is UTF-8.
fn text(chunk: &[u8], at: usize) -> Result<&str, TransferError> {
    let mut rest = &chunk[at..];
    let payload = take_cell(&mut rest).unwrap_or_default();
    std::str::from_utf8(payload)
        .map_err(|error| TransferError::Failed(format!("a text for the server is no UTF-8: {error}")))
}

fn put_cell(cell: Option<&[u8]>, out: &mut Vec<u8>) {
    let length = cell.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(cell.unwrap_or_default());
}
