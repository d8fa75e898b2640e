//! Rows of the source handed to the server within a query, so that it can judge what only it can: check constraints, and keys over
//! expressions. Each column's cells go as one array in its binary form, or, where one of the types has no array (an array has none),
//! each cell as a parameter; nothing is written.

use super::TransferError;
use super::rows::take_cell;
use super::session::{Fault, get, rows};
use crate::schema::{Mapping, TableMapping, quote};
use std::collections::BTreeMap;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row};

/// The number of a row, from 1. No column of anybody's is called so.
pub(super) const ROW: &str = "\"cutover's row\"";
/// Stands in a query for the rows that are sent: `t`, with the columns' names and [`ROW`].
pub(super) const GIVEN: &str = "/*given*/";

/// The cells of a row, in the order of the mapping; the payloads of a binary COPY.
pub(super) type Cells<'a> = Vec<Option<&'a [u8]>>;

/// As what a column's cells are sent, by table and column.
pub(super) type Elements = BTreeMap<(u32, String), Element>;

/// Cells go at most so many at once as parameters; the protocol counts them in 16 bits.
const PARAMETERS: usize = 8_000;

/// A column's type, domains looked through.
#[derive(Clone, Debug)]
pub(super) struct Element {
    oid: u32,
    name: String,
    has_array: bool,
}

/// A column whose cells are sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) place: usize,
    element: Element,
}

/// The columns of one table that are sent.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    columns: Vec<Sent>,
    /// `t(…)`.
    alias: String,
}

/// The columns' types with domains looked through, and whether arrays of them can be sent.
const ELEMENTS: &str = "
WITH RECURSIVE base(rel, col, oid) AS (
  SELECT a.attrelid, a.attname::text, a.atttypid FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT b.rel, b.col, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype = 'd')
SELECT b.rel, b.col, b.oid, pg_catalog.format_type(b.oid, -1), t.typarray <> 0
FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd'";

/// What can be sent of the mapping's tables.
pub(super) async fn elements(client: &Client, mapping: &Mapping) -> Result<Elements, Fault> {
    let oids: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
    let found = rows(client, "reading the types of columns", ELEMENTS, &[&oids]).await?;
    let read = |row: &Row| -> Result<_, TransferError> {
        let element = Element { oid: get(row, 2)?, name: get(row, 3)?, has_array: get(row, 4)? };
        Ok(((get(row, 0)?, get(row, 1)?), element))
    };
    Ok(found.iter().map(read).collect::<Result<_, _>>()?)
}

/// What has to be sent for an expression over `names`; none where that cannot be.
pub(super) fn columns(table: &TableMapping, names: &[String], elements: &Elements) -> Option<Vec<Sent>> {
    let column = |name: &String| {
        let place = table.columns.iter().position(|column| column.target.name == *name)?;
        let element = elements.get(&(table.target.oid, name.clone()))?.clone();
        Some(Sent { place, element })
    };
    names.iter().map(column).collect::<Option<Vec<_>>>().filter(|columns| !columns.is_empty())
}

impl Sending {
    pub(super) fn new(table: &TableMapping, mut columns: Vec<Sent>) -> Self {
        columns.sort_by_key(|column| column.place);
        columns.dedup_by_key(|column| column.place);
        let names: Vec<String> = columns.iter().map(|column| quote(&table.columns[column.place].target.name)).collect();
        Self { columns, alias: format!("t({}, {ROW})", names.join(", ")) }
    }

    /// One row of nothing but NULL.
    pub(super) fn nulls(&self) -> Vec<Cells<'static>> {
        vec![vec![None; self.columns.last().map_or(0, |column| column.place + 1)]]
    }

    /// Runs `sql`, in which [`GIVEN`] stands for `rows`.
    pub(super) async fn query(
        &self,
        client: &Client,
        sql: &str,
        rows: &[Cells<'_>],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        if self.columns.iter().all(|column| column.element.has_array) {
            return self.query_arrays(client, sql, rows).await;
        }
        let mut found = Vec::new();
        let at_once = (PARAMETERS / self.columns.len()).max(1);
        for (number, part) in rows.chunks(at_once).enumerate() {
            found.extend(self.query_cells(client, sql, (number * at_once, part)).await?);
        }
        Ok(found)
    }

    async fn query_arrays(
        &self,
        client: &Client,
        sql: &str,
        rows: &[Cells<'_>],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let place = |(n, column): (usize, &Sent)| format!("${}::{}[]", n + 1, column.element.name);
        let places: Vec<String> = self.columns.iter().enumerate().map(place).collect();
        let given = format!("unnest({}) WITH ORDINALITY AS {}", places.join(", "), self.alias);
        let array = |column: &Sent| Array::of(column.element.oid, rows.iter().map(|row| row[column.place]));
        let arrays: Vec<Array> = self.columns.iter().map(array).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|array| array as &(dyn ToSql + Sync)).collect();
        client.query(&sql.replace(GIVEN, &given), &parameters).await
    }

    async fn query_cells(
        &self,
        client: &Client,
        sql: &str,
        (first, rows): (usize, &[Cells<'_>]),
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let mut places = 1..;
        let mut one = |column: &Sent| format!("${}::{}", places.next().unwrap_or_default(), column.element.name);
        let mut row = |n| {
            let cells: Vec<String> = self.columns.iter().map(&mut one).collect();
            format!("({}, {}::bigint)", cells.join(", "), first + n + 1)
        };
        let written: Vec<String> = (0..rows.len()).map(&mut row).collect();
        let given = format!("(VALUES {}) AS {}", written.join(", "), self.alias);
        let cells: Vec<Cell<'_>> =
            rows.iter().flat_map(|row| self.columns.iter().map(|column| Cell(row[column.place]))).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = cells.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
        client.query(&sql.replace(GIVEN, &given), &parameters).await
    }
}

/// The rows of a chunk as cells.
pub(super) fn cells(chunk: &[u8], columns: usize) -> Vec<Cells<'_>> {
    let mut rest = chunk;
    let mut rows = Vec::new();
    while rest.len() > 2 {
        rest = &rest[2..];
        rows.push((0..columns).map(|_| take_cell(&mut rest)).collect());
    }
    rows
}

/// A one-dimensional array in its binary form (`array_recv` in `arrayfuncs.c`).
#[derive(Debug)]
struct Array(Vec<u8>);

impl Array {
    fn of<'a>(element: u32, cells: impl ExactSizeIterator<Item = Option<&'a [u8]>>) -> Self {
        let mut bytes = Vec::new();
        let length = i32::try_from(cells.len()).unwrap_or(i32::MAX);
        for word in [1, 1, element.cast_signed(), length, 1] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        for cell in cells {
            let length = cell.map_or(-1, |cell| i32::try_from(cell.len()).unwrap_or(i32::MAX));
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(cell.unwrap_or_default());
        }
        Self(bytes)
    }
}

impl ToSql for Array {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// One cell in its binary form.
#[derive(Debug)]
struct Cell<'a>(Option<&'a [u8]>);

impl ToSql for Cell<'_> {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.unwrap_or_default());
        Ok(if self.0.is_some() { IsNull::No } else { IsNull::Yes })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_chunk_become_the_binary_form_of_an_array() {
        let chunk = [0, 2, 0, 0, 0, 1, 7, 255, 255, 255, 255, 0, 2, 255, 255, 255, 255, 0, 0, 0, 0];
        let rows = cells(&chunk, 2);
        assert_eq!(rows, [vec![Some(&[7][..]), None], vec![None, Some(&[][..])]]);
        let array = Array::of(23, rows.iter().map(|row| row[0]));
        assert_eq!(array.0[..8], [0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(array.0[8..], [0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 255, 255, 255, 255]);
    }
}
