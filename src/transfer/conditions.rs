//! Check constraints and domains, asked of the server about the source's rows before any is loaded: in the pass that the plan
//! makes, a chunk of encoded rows at a time, so that all that break one are found and not the first only.
//!
//! What is asked is the constraint's own expression over the cells that it names, sent as arrays in their binary form; nothing is
//! written. A check over a column that is not loaded, or whose type has no array, is left to the server at the load.

use super::TransferError;
use super::rows::take_cell;
use super::session::{Fault, describe, get, rows};
use crate::schema::{Mapping, TableMapping, quote};
use std::collections::BTreeMap;
use tokio::runtime::Handle;
use tokio_postgres::Client;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// What a loaded table's rows have to fulfil.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    /// `unnest(…) AS t(…)`: a row for each that is asked about.
    given: String,
    /// `(number, expression)` of each condition.
    asked: Vec<String>,
    sent: Vec<Sent>,
    pub(super) all: Vec<Condition>,
}

/// A check of the table, or of a column's domain.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// The columns that it reads, by place in the mapping.
    pub(super) places: Vec<usize>,
    /// In words: name and expression.
    pub(super) says: String,
    /// Whether NULL in its one column fulfils it.
    pub(super) null_helps: bool,
}

/// A column whose cells are sent, and the type of the array's elements.
#[derive(Clone, Debug)]
struct Sent {
    place: usize,
    element: u32,
    type_name: String,
}

/// A row that breaks a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Which of the rows that were asked about.
    pub(super) row: usize,
    /// Which condition.
    pub(super) condition: usize,
    /// What the server said where it could not even evaluate it.
    pub(super) error: Option<String>,
}

/// The cells of a row, in the order of the mapping; the payloads of a binary COPY.
pub(super) type Cells<'a> = Vec<Option<&'a [u8]>>;

const TABLE_CHECKS: &str = "
SELECT k.conrelid, k.conname::text, pg_catalog.pg_get_expr(k.conbin, k.conrelid),
  ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, o)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o), false
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'c' AND k.conrelid = ANY ($1::oid[]) AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
UNION ALL
SELECT c.rel, k.conname::text, pg_catalog.pg_get_expr(k.conbin, 0), ARRAY[c.col], true
FROM (
  WITH RECURSIVE chain(rel, col, domain) AS (
    SELECT a.attrelid, a.attname::text, t.oid FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typtype = 'd'
    WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT c.rel, c.col, b.oid FROM chain c
    JOIN pg_catalog.pg_type t ON t.oid = c.domain JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype AND b.typtype = 'd')
  SELECT * FROM chain) c
JOIN pg_catalog.pg_constraint k ON k.contypid = c.domain AND k.contype = 'c'
ORDER BY 1, 2";

/// The columns' types with domains looked through, where arrays of them can be sent.
const ELEMENTS: &str = "
WITH RECURSIVE base(rel, col, oid) AS (
  SELECT a.attrelid, a.attname::text, a.atttypid FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT b.rel, b.col, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype = 'd')
SELECT b.rel, b.col, b.oid, pg_catalog.format_type(b.oid, -1)
FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd' AND t.typarray <> 0";

/// The conditions of each table of the mapping, by its place; none where it has none.
pub(super) async fn read(client: &Client, mapping: &Mapping) -> Result<Vec<Option<Conditions>>, Fault> {
    let oids: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
    let checks = rows(client, "reading check constraints", TABLE_CHECKS, &[&oids]).await?;
    if checks.is_empty() {
        return Ok(vec![None; mapping.tables.len()]);
    }
    let mut elements = BTreeMap::new();
    for row in rows(client, "reading the types under check constraints", ELEMENTS, &[&oids]).await? {
        elements.insert((get::<u32>(&row, 0)?, get::<String>(&row, 1)?), (get::<u32>(&row, 2)?, get(&row, 3)?));
    }
    let mut written: BTreeMap<u32, Vec<Written>> = BTreeMap::new();
    for row in &checks {
        let check =
            Written { name: get(row, 1)?, expression: get(row, 2)?, columns: get(row, 3)?, domain: get(row, 4)? };
        written.entry(get(row, 0)?).or_default().push(check);
    }
    let mut all = Vec::with_capacity(mapping.tables.len());
    for table in &mapping.tables {
        let checks = written.remove(&table.target.oid).unwrap_or_default();
        let mut conditions = Conditions::of(table, checks, &elements);
        if let Some(conditions) = &mut conditions {
            conditions.ask_about_nulls(client).await;
        }
        all.push(conditions);
    }
    Ok(all)
}

/// A constraint as the catalog has it.
struct Written {
    name: String,
    expression: String,
    columns: Vec<String>,
    domain: bool,
}

type Elements = BTreeMap<(u32, String), (u32, String)>;

impl Conditions {
    fn of(table: &TableMapping, checks: Vec<Written>, elements: &Elements) -> Option<Self> {
        let mut sent: Vec<Sent> = Vec::new();
        let (mut all, mut asked) = (Vec::new(), Vec::new());
        for check in checks {
            let Some(columns) = columns(table, &check, elements) else { continue };
            let first = &table.columns[columns[0].place].target.name;
            let holds = match check.domain {
                true => format!("(SELECT ({}) FROM (SELECT t.{} AS value) v)", check.expression, quote(first)),
                false => format!("({})", check.expression),
            };
            asked.push(format!("({}, {holds})", all.len()));
            let kind = if check.domain { "domain constraint" } else { "check constraint" };
            all.push(Condition {
                places: columns.iter().map(|column| column.place).collect(),
                says: format!("{kind} {} does not hold: {}", check.name, shortened(&check.expression)),
                null_helps: columns.len() == 1,
            });
            sent.extend(columns);
        }
        sent.sort_by_key(|column| column.place);
        sent.dedup_by_key(|column| column.place);
        let arrays: Vec<String> =
            sent.iter().enumerate().map(|(n, column)| format!("${}::{}[]", n + 1, column.type_name)).collect();
        let names: Vec<String> = sent.iter().map(|column| quote(&table.columns[column.place].target.name)).collect();
        let given = format!("unnest({}) WITH ORDINALITY AS t({}, {ROW})", arrays.join(", "), names.join(", "));
        (!all.is_empty()).then_some(Self { given, asked, sent, all })
    }

    /// A row of NULLs shows which conditions NULL does not fulfil.
    async fn ask_about_nulls(&mut self, client: &Client) {
        let nulls = vec![vec![None; self.sent.last().map_or(0, |column| column.place + 1)]];
        let answer = self.ask(client, &self.asked, &nulls).await;
        for (number, condition) in self.all.iter_mut().enumerate() {
            condition.null_helps &=
                answer.as_ref().is_ok_and(|broken| broken.iter().all(|one| one.condition != number));
        }
    }

    /// Which of `rows` break what; by halves where the server cannot evaluate it for all of them.
    pub(super) fn judge(
        &self,
        client: &Client,
        runtime: &Handle,
        rows: &[Cells<'_>],
    ) -> Result<Vec<Broken>, TransferError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        match runtime.block_on(self.ask(client, &self.asked, rows)) {
            Ok(broken) => Ok(broken),
            Err(error) if error.as_db_error().is_none() => Err(lost(&error)),
            Err(_) if rows.len() == 1 => runtime.block_on(self.one_by_one(client, rows)).map_err(|error| lost(&error)),
            Err(_) => {
                let (left, right) = rows.split_at(rows.len() / 2);
                let mut all = self.judge(client, runtime, left)?;
                let later = self.judge(client, runtime, right)?;
                all.extend(later.into_iter().map(|broken| Broken { row: broken.row + left.len(), ..broken }));
                Ok(all)
            }
        }
    }

    /// Which condition it is that the server cannot evaluate for a row.
    async fn one_by_one(&self, client: &Client, row: &[Cells<'_>]) -> Result<Vec<Broken>, tokio_postgres::Error> {
        let mut broken = Vec::new();
        for (condition, asked) in self.asked.iter().enumerate() {
            match self.ask(client, std::slice::from_ref(asked), row).await {
                Ok(found) => broken.extend(found),
                Err(error) if error.as_db_error().is_none() => return Err(error),
                Err(error) => broken.push(Broken { row: 0, condition, error: Some(describe(&error)) }),
            }
        }
        Ok(broken)
    }

    async fn ask(
        &self,
        client: &Client,
        asked: &[String],
        rows: &[Cells<'_>],
    ) -> Result<Vec<Broken>, tokio_postgres::Error> {
        let sql = format!(
            "SELECT c.number::int4, t.{ROW} FROM {} CROSS JOIN LATERAL (VALUES {}) c(number, holds)
             WHERE c.holds IS FALSE ORDER BY 2, 1",
            self.given,
            asked.join(", ")
        );
        let arrays: Vec<Array> = self
            .sent
            .iter()
            .map(|column| Array::of(column.element, rows.iter().map(|row| row[column.place])))
            .collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|array| array as &(dyn ToSql + Sync)).collect();
        let mut broken = Vec::new();
        for row in client.query(&sql, &parameters).await? {
            let (number, place): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
            let condition = usize::try_from(number).unwrap_or_default();
            broken.push(Broken { row: usize::try_from(place - 1).unwrap_or_default(), condition, error: None });
        }
        Ok(broken)
    }
}

fn lost(error: &tokio_postgres::Error) -> TransferError {
    TransferError::Failed(format!("asking about check constraints: {}", describe(error)))
}

/// No column of anybody's is called so.
const ROW: &str = "\"cutover's row\"";

/// What has to be sent for a check; none where that cannot be.
fn columns(table: &TableMapping, check: &Written, elements: &Elements) -> Option<Vec<Sent>> {
    let column = |name: &String| {
        let place = table.columns.iter().position(|column| column.target.name == *name)?;
        let (element, type_name) = elements.get(&(table.target.oid, name.clone()))?.clone();
        Some(Sent { place, element, type_name })
    };
    check.columns.iter().map(column).collect::<Option<Vec<_>>>().filter(|columns| !columns.is_empty())
}

fn shortened(expression: &str) -> String {
    const SHOWN: usize = 200;
    let mut text: String = expression.chars().take(SHOWN).collect();
    if text.len() < expression.len() {
        text.push('…');
    }
    text
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
