//! Check constraints and domains, asked of the server about the source's rows before any is loaded: in the pass that the plan
//! makes, a chunk of encoded rows at a time, so that all that break one are found and not the first only.
//!
//! What is asked is the constraint's own expression over the cells that it names ([`super::sending`]). A check over a column that is
//! not loaded is left to the server at the load.

use super::TransferError;
use super::sending::{self, Cells, Elements, GIVEN, ROW, Sending, Sent};
use super::session::{Fault, describe, get, rows};
use crate::schema::{Mapping, TableMapping, quote};
use std::collections::BTreeMap;
use tokio::runtime::Handle;
use tokio_postgres::Client;

/// What a loaded table's rows have to fulfil.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    sending: Sending,
    /// `(number, expression)` of each condition.
    asked: Vec<String>,
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

/// The conditions of each table of the mapping, by its place; none where it has none.
pub(super) async fn read(
    client: &Client,
    mapping: &Mapping,
    elements: &Elements,
) -> Result<Vec<Option<Conditions>>, Fault> {
    let oids: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
    let checks = rows(client, "reading check constraints", TABLE_CHECKS, &[&oids]).await?;
    if checks.is_empty() {
        return Ok(vec![None; mapping.tables.len()]);
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
        let mut conditions = Conditions::of(table, checks, elements);
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

impl Conditions {
    fn of(table: &TableMapping, checks: Vec<Written>, elements: &Elements) -> Option<Self> {
        let mut sent: Vec<Sent> = Vec::new();
        let (mut all, mut asked) = (Vec::new(), Vec::new());
        for check in checks {
            let Some(columns) = sending::columns(table, &check.columns, elements) else { continue };
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
        (!all.is_empty()).then(|| Self { sending: Sending::new(table, sent), asked, all })
    }

    /// A row of NULLs shows which conditions NULL does not fulfil.
    async fn ask_about_nulls(&mut self, client: &Client) {
        let answer = self.ask(client, &self.asked, &self.sending.nulls()).await;
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
            "SELECT c.number::int4, t.{ROW} FROM {GIVEN} CROSS JOIN LATERAL (VALUES {}) c(number, holds)
             WHERE c.holds IS FALSE ORDER BY 2, 1",
            asked.join(", ")
        );
        let mut broken = Vec::new();
        for row in self.sending.query(client, &sql, rows).await? {
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

fn shortened(expression: &str) -> String {
    const SHOWN: usize = 200;
    let mut text: String = expression.chars().take(SHOWN).collect();
    if text.len() < expression.len() {
        text.push('…');
    }
    text
}
