//! Sequences: what they stand at, putting them ahead of the data, and putting them back.

use super::session::{self, Fault, get, literal, rows, run};
use super::stage::change;
use super::surroundings::standings;
use super::{Job, TransferError, takeoff};
use crate::crash;
use crate::evidence::{Evidence, Finding, Verdict};
use crate::schema::{Mapping, TargetTable, quote};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// A sequence and the column that it feeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The table of the column.
    pub table: String,
    /// The schema of that table.
    pub table_schema: String,
    /// The column.
    pub column: String,
    /// Its increment; negative ones count down.
    pub increment: i64,
}

/// What a sequence stands at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceState {
    /// Which.
    pub sequence: Sequence,
    /// `last_value`.
    pub last_value: i64,
    /// Whether `last_value` was handed out.
    pub is_called: bool,
}

impl Sequence {
    /// `schema.name`, unquoted.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    fn quoted(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }
}

/// A sequence with its bounds.
struct Feed {
    sequence: Sequence,
    min: i64,
    max: i64,
    start: i64,
    owned: bool,
}

/// Owned sequences (serial: `a`, identity: `i`) and those that a column's default names, with every column that each one feeds.
const FEEDS: &str = "
WITH feed AS (
  SELECT d.objid AS seq, d.refobjid AS tab, d.refobjsubid AS num
  FROM pg_catalog.pg_depend d
  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
  UNION
  SELECT d.refobjid, f.adrelid, f.adnum
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
  WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.deptype = 'n')
SELECT sn.nspname::text, s.relname::text, t.relname::text, tn.nspname::text, a.attname::text,
  q.seqincrement, q.seqmin, q.seqmax, q.seqstart, pg_catalog.pg_has_role(s.relowner, 'USAGE')
FROM feed
JOIN pg_catalog.pg_class s ON s.oid = feed.seq AND s.relkind = 'S'
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = feed.tab AND NOT t.relispartition
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = feed.tab AND a.attnum = feed.num
WHERE feed.seq IN (SELECT seq FROM feed WHERE tab = ANY ($1::oid[]))
ORDER BY 1, 2, 4, 3, 5";

async fn feeds(client: &Client, tables: &[u32]) -> Result<Vec<Feed>, Fault> {
    let found = rows(client, "reading sequences", FEEDS, &[&tables]).await?;
    let read = |row| -> Result<Feed, TransferError> {
        let sequence = Sequence {
            schema: get(row, 0)?,
            name: get(row, 1)?,
            table: get(row, 2)?,
            table_schema: get(row, 3)?,
            column: get(row, 4)?,
            increment: get(row, 5)?,
        };
        Ok(Feed { sequence, min: get(row, 6)?, max: get(row, 7)?, start: get(row, 8)?, owned: get(row, 9)? })
    };
    Ok(found.iter().map(read).collect::<Result<_, _>>()?)
}

/// The sequences that feed columns of `tables` (serial, identity, owned, or named by a default), with what they stand at.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn sequences(client: &Client, tables: &[TargetTable]) -> Result<Vec<SequenceState>, TransferError> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    states(client, &oids).await.map_err(Fault::into_error)
}

async fn states(client: &Client, tables: &[u32]) -> Result<Vec<SequenceState>, Fault> {
    let feeds = feeds(client, tables).await?;
    let asked = feeds.iter().map(|feed| format!("SELECT last_value, is_called FROM {}", feed.sequence.quoted()));
    let answers = in_order(client, "reading sequences", asked.collect()).await?;
    let state = |(feed, row): (Feed, &tokio_postgres::Row)| -> Result<SequenceState, TransferError> {
        Ok(SequenceState { sequence: feed.sequence, last_value: get(row, 1)?, is_called: get(row, 2)? })
    };
    Ok(feeds.into_iter().zip(&answers).map(state).collect::<Result<_, _>>()?)
}

/// How many questions go into one statement.
const BATCH: usize = 200;

/// Asks many one-row questions in few statements; the answers come in the order of the questions, their number first.
async fn in_order(client: &Client, what: &str, questions: Vec<String>) -> Result<Vec<tokio_postgres::Row>, Fault> {
    let mut answers = Vec::with_capacity(questions.len());
    for part in questions.chunks(BATCH) {
        let numbered: Vec<String> =
            part.iter().enumerate().map(|(n, sql)| format!("SELECT {n} AS n, q.* FROM ({sql}) q")).collect();
        let sql = format!("{} ORDER BY n", numbered.join(" UNION ALL "));
        answers.extend(rows(client, what, &sql, &[]).await?);
    }
    Ok(answers)
}

/// Puts sequences back to what they stood at.
///
/// # Errors
/// When the role may not set one, by name.
pub async fn restore_sequences(client: &Client, states: &[SequenceState]) -> Result<(), TransferError> {
    restore(client, states).await.map_err(Fault::into_error)
}

pub(super) async fn restore(client: &Client, states: &[SequenceState]) -> Result<(), Fault> {
    for state in states {
        let sql = statements(&state.sequence, state.last_value, state.is_called, true);
        run(client, &format!("putting sequence {} back", state.sequence.label()), &sql).await?;
    }
    Ok(())
}

/// `RESTART` makes the sequence a new file, so that the `setval` after it is rolled back with the transaction; only the owner may.
fn statements(sequence: &Sequence, value: i64, called: bool, owned: bool) -> String {
    let name = sequence.quoted();
    let set = format!("SELECT pg_catalog.setval({}, {value}, {called})", literal(&name));
    if owned { format!("ALTER SEQUENCE {name} RESTART WITH {value}; {set}") } else { set }
}

/// Sets every sequence of the mapping's tables to the larger of the column's maximum and `sqlite_sequence.seq` (negative
/// increments mirrored), in one transaction; a finding each. For targets that another tool loaded.
///
/// # Errors
/// When the role may not set one, by name.
pub async fn reset_sequences(job: &Job<'_>, mapping: &Mapping) -> Result<Evidence, TransferError> {
    let client = session::open(job, "copy").await?;
    let reset = async {
        run(&client, "beginning the transaction", "BEGIN").await?;
        let tables: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
        let secured = standings(&client, &tables).await?.into_iter().filter(|standing| standing.forced_security);
        let secured: Vec<_> = secured.collect();
        for standing in &secured {
            change(&client, &takeoff::loosen_security(standing)).await?;
        }
        let findings = advance(&client, mapping).await?;
        for standing in &secured {
            change(&client, &takeoff::force_security(standing)).await?;
        }
        crash::point("transfer.sequences.commit.before");
        run(&client, "committing the sequences", "COMMIT").await?;
        crash::point("transfer.sequences.commit.after");
        Ok(findings)
    };
    let findings = reset.await.map_err(Fault::into_error)?;
    Ok(Evidence { findings, ..Evidence::default() })
}

/// The same, inside a transaction that is open.
pub(super) async fn advance(client: &Client, mapping: &Mapping) -> Result<Vec<Finding>, Fault> {
    let tables: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
    advance_some(client, mapping, &tables).await
}

/// The same for the sequences that feed some of the mapping's tables.
pub(super) async fn advance_some(client: &Client, mapping: &Mapping, tables: &[u32]) -> Result<Vec<Finding>, Fault> {
    let feeds = feeds(client, tables).await?;
    let asked = feeds.iter().map(|feed| {
        let sequence = &feed.sequence;
        let column = quote(&sequence.column);
        format!(
            "SELECT max({column})::int8, min({column})::int8 FROM {}.{}",
            quote(&sequence.table_schema),
            quote(&sequence.table)
        )
    });
    let answers = in_order(client, "looking for the highest values", asked.collect()).await?;
    let mut reached: BTreeMap<String, Reached> = BTreeMap::new();
    for (feed, row) in feeds.iter().zip(&answers) {
        let known = reached.entry(feed.sequence.label()).or_default();
        known.highest = known.highest.max(get(row, 1)?);
        let lowest: Option<i64> = get(row, 2)?;
        known.lowest = known.lowest.into_iter().chain(lowest).min();
        known.counted = known.counted.max(counted(mapping, &feed.sequence));
    }
    let mut findings = Vec::new();
    for feed in &feeds {
        let Some(reached) = reached.remove(&feed.sequence.label()) else { continue };
        findings.push(set(client, feed, &reached).await?);
    }
    Ok(findings)
}

/// What a sequence's columns have reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reached {
    highest: Option<i64>,
    lowest: Option<i64>,
    counted: Option<i64>,
}

/// `sqlite_sequence` counts the rowid, which is the one primary key column.
fn counted(mapping: &Mapping, sequence: &Sequence) -> Option<i64> {
    let table = mapping
        .tables
        .iter()
        .find(|table| table.target.schema == sequence.table_schema && table.target.name == sequence.table)?;
    let column = table.columns.iter().find(|column| column.target.name == sequence.column)?;
    let [key] = table.source.primary_key.as_slice() else { return None };
    table.source.sequence.filter(|_| column.source.name == *key)
}

async fn set(client: &Client, feed: &Feed, reached: &Reached) -> Result<Finding, Fault> {
    let label = feed.sequence.label();
    let (value, called) = next_state(feed, reached);
    crash::point("transfer.sequence.set.before");
    let sql = statements(&feed.sequence, value, called, feed.owned);
    run(client, &format!("setting sequence {label}"), &sql).await?;
    crash::point("transfer.sequence.set.after");
    let whole = reached.highest.max(reached.counted).is_none_or(|highest| highest <= feed.max);
    let next = if called { value.saturating_add(feed.sequence.increment) } else { value };
    Ok(Finding {
        check: format!("sequence {label}"),
        verdict: if whole { Verdict::Passed } else { Verdict::Failed },
        detail: format!("the next value of {}.{} is {next}", feed.sequence.table, feed.sequence.column),
        remedy: if whole { String::new() } else { format!("the data is beyond its maximum {}: widen it", feed.max) },
    })
}

/// Past what was reached, never before where the sequence starts, never outside its bounds.
fn next_state(feed: &Feed, reached: &Reached) -> (i64, bool) {
    let ascending = feed.sequence.increment > 0;
    let value = if ascending { reached.highest.max(reached.counted) } else { reached.lowest };
    match value {
        Some(value) if ascending && value >= feed.start => (value.min(feed.max), true),
        Some(value) if !ascending && value <= feed.start => (value.max(feed.min), true),
        _ => (feed.start, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(increment: i64, min: i64, max: i64, start: i64) -> Feed {
        let name = || "s".to_owned();
        let sequence =
            Sequence { schema: name(), name: name(), table: name(), table_schema: name(), column: name(), increment };
        Feed { sequence, min, max, start, owned: true }
    }

    fn reached(lowest: i64, highest: i64, counted: Option<i64>) -> Reached {
        Reached { highest: Some(highest), lowest: Some(lowest), counted }
    }

    #[test]
    fn a_sequence_goes_past_data_and_past_what_sqlite_handed_out() {
        let up = feed(1, 1, i64::MAX, 1);
        assert_eq!(next_state(&up, &reached(1, 7, None)), (7, true));
        assert_eq!(next_state(&up, &reached(1, 7, Some(41))), (41, true));
        assert_eq!(next_state(&up, &Reached::default()), (1, false));
        assert_eq!(next_state(&up, &reached(-5, 0, None)), (1, false));
        assert_eq!(next_state(&feed(1, 1, 100, 1), &reached(1, 7, Some(400))), (100, true));
        assert_eq!(next_state(&feed(1, 1, i64::MAX, 1000), &reached(1, 7, None)), (1000, false));
    }

    #[test]
    fn a_sequence_that_counts_down_is_mirrored() {
        let down = feed(-1, i64::MIN, -1, -1);
        assert_eq!(next_state(&down, &reached(-9, -1, Some(3))), (-9, true));
        assert_eq!(next_state(&down, &reached(2, 5, None)), (-1, false));
    }
}
