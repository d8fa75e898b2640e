//! Unique collisions and broken foreign keys in the source, under the target's types and keys.
//!
//! The pass over the source writes a 128-bit hash of each key's canonical cells into a temporary SQLite database, whose sorter and
//! lookups then find what collides and what refers to nothing, with bounded memory whatever the size.

use super::TransferError;
use super::checks::{Checks, ReferenceCheck, UniqueCheck};
use super::produce::reading;
use super::rejects::Rejects;
use super::rows::{Selected, TableEncoder, show_value, storage, take_cell};
use super::skips::scratch_failed;
use crate::digest::RowHasher;
use crate::evidence::{Policy, Reject, StorageClass};
use crate::schema::{Mapping, TableMapping};
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, params};

/// Which keys a table takes part in: the scratch table and the places of its columns.
struct Part {
    insert: String,
    columns: Vec<usize>,
    nulls_equal: bool,
}

/// Hashes the keys of one table's rows.
pub(super) struct KeyWriter<'a> {
    scratch: &'a Connection,
    parts: Vec<Part>,
    hasher: RowHasher,
}

/// Makes the scratch tables for all checks.
pub(super) fn prepare(scratch: &Connection, checks: &Checks) -> Result<(), TransferError> {
    let mut sql = "CREATE TABLE told (ref INTEGER, pos INTEGER, PRIMARY KEY (ref, pos)) WITHOUT ROWID;".to_owned();
    for number in 0..checks.unique.len() {
        sql.push_str(&format!("CREATE TABLE u{number} (h1 INTEGER, h2 INTEGER, pos INTEGER);"));
    }
    for number in 0..checks.references.len() {
        sql.push_str(&format!("CREATE TABLE c{number} (h1 INTEGER, h2 INTEGER, pos INTEGER);"));
        sql.push_str(&format!("CREATE TABLE p{number} (h1 INTEGER, h2 INTEGER, pos INTEGER);"));
    }
    sql.push_str("BEGIN");
    scratch.execute_batch(&sql).map_err(|error| scratch_failed(&error))
}

impl<'a> KeyWriter<'a> {
    pub(super) fn new(scratch: &'a Connection, checks: &Checks, table: usize) -> Self {
        let mut parts = Vec::new();
        let here = |check: &UniqueCheck| check.table == table && !check.by_server;
        for (number, check) in checks.unique.iter().enumerate().filter(|(_, check)| here(check)) {
            let insert = insert_into(&format!("u{number}"));
            parts.push(Part { insert, columns: check.columns.clone(), nulls_equal: check.nulls_equal });
        }
        for (number, check) in checks.references.iter().enumerate() {
            if check.child == table {
                let insert = insert_into(&format!("c{number}"));
                parts.push(Part { insert, columns: check.child_columns.clone(), nulls_equal: false });
            }
            if check.parent == table {
                let insert = insert_into(&format!("p{number}"));
                parts.push(Part { insert, columns: check.parent_columns.clone(), nulls_equal: false });
            }
        }
        Self { scratch, parts, hasher: RowHasher::new() }
    }

    /// Writes the keys of a row, given as its tuple.
    pub(super) fn write(&mut self, encoder: &TableEncoder, tuple: &[u8], position: u64) -> Result<(), TransferError> {
        if self.parts.is_empty() {
            return Ok(());
        }
        let mut rest = tuple.get(2..).unwrap_or_default();
        let cells: Vec<Option<&[u8]>> = encoder.columns.iter().map(|_| take_cell(&mut rest)).collect();
        for part in &self.parts {
            if !part.nulls_equal && part.columns.iter().any(|place| cells[*place].is_none()) {
                continue;
            }
            for place in &part.columns {
                let kind = &encoder.columns[*place].canonical;
                self.hasher.wire(kind, cells[*place]).map_err(|error| TransferError::Failed(error.to_string()))?;
            }
            let hash = self.hasher.finish().0;
            write_hash(self.scratch, &part.insert, ((hash >> 64) as i64, hash as i64), position)?;
        }
        Ok(())
    }
}

fn insert_into(table: &str) -> String {
    format!("INSERT INTO {table} VALUES (?1, ?2, ?3)")
}

fn write_hash(scratch: &Connection, insert: &str, halves: (i64, i64), position: u64) -> Result<(), TransferError> {
    let run =
        |mut statement: CachedStatement<'_>| statement.execute(params![halves.0, halves.1, position.cast_signed()]);
    scratch.prepare_cached(insert).and_then(run).map(|_| ()).map_err(|error| scratch_failed(&error))
}

/// Writes the hash of a key that the server made.
pub(super) fn write_unique(
    scratch: &Connection,
    number: usize,
    halves: (i64, i64),
    position: u64,
) -> Result<(), TransferError> {
    write_hash(scratch, &insert_into(&format!("u{number}")), halves, position)
}

/// Finds the breaks once all keys are written, tells each, and marks what the policies leave out. Skipped parents take their
/// children with them, to any depth.
pub(super) struct Finder<'a> {
    pub(super) frozen: &'a Connection,
    pub(super) scratch: &'a Connection,
    pub(super) mapping: &'a Mapping,
    pub(super) checks: &'a Checks,
    pub(super) rejects: &'a mut Rejects,
}

/// One broken row, before its key is known.
#[derive(Clone, Debug)]
pub(super) struct Break {
    pub(super) position: u64,
    pub(super) reason: String,
}

impl Finder<'_> {
    pub(super) fn run(&mut self) -> Result<(), TransferError> {
        self.index()?;
        for (number, check) in self.checks.unique.iter().enumerate() {
            self.unique(number, check)?;
        }
        loop {
            let mut left_out = false;
            for (number, check) in self.checks.references.iter().enumerate() {
                left_out |= self.reference(number, check)?;
            }
            if !left_out {
                return Ok(());
            }
        }
    }

    fn index(&self) -> Result<(), TransferError> {
        let mut sql = "COMMIT;".to_owned();
        for number in 0..self.checks.references.len() {
            sql.push_str(&format!("CREATE INDEX p{number}_by_hash ON p{number} (h1, h2);"));
        }
        self.scratch.execute_batch(&sql).map_err(|error| scratch_failed(&error))
    }

    fn unique(&mut self, number: usize, check: &UniqueCheck) -> Result<(), TransferError> {
        let some = format!("SELECT EXISTS (SELECT 1 FROM u{number} GROUP BY h1, h2 HAVING count(*) > 1)");
        if !self.scratch.query_row(&some, [], |row| row.get(0)).map_err(|error| scratch_failed(&error))? {
            return Ok(());
        }
        let sql = format!(
            "SELECT pos, 0 FROM (SELECT pos, row_number() OVER (PARTITION BY h1, h2 ORDER BY pos) AS n FROM u{number} u
               WHERE NOT EXISTS (SELECT 1 FROM refused r WHERE r.tab = ?1 AND r.pos = u.pos AND r.col IS NULL))
             WHERE n > 1 ORDER BY pos"
        );
        let reason = |_| format!("an earlier row has the same value, and {} allows it once", check.name);
        let found = self.found(&sql, params![check.table as i64], reason)?;
        self.tell(check.table, &check.columns, !check.nulls_equal, found)?;
        Ok(())
    }

    /// Whether rows were left out, so that others may now refer to nothing.
    fn reference(&mut self, number: usize, check: &ReferenceCheck) -> Result<bool, TransferError> {
        let sql = format!(
            "SELECT c.pos, EXISTS (SELECT 1 FROM p{number} p WHERE p.h1 = c.h1 AND p.h2 = c.h2) FROM c{number} c
             WHERE NOT EXISTS (SELECT 1 FROM p{number} p WHERE p.h1 = c.h1 AND p.h2 = c.h2 AND NOT EXISTS
                 (SELECT 1 FROM refused r WHERE r.tab = ?2 AND r.pos = p.pos AND r.col IS NULL))
               AND NOT EXISTS (SELECT 1 FROM refused r WHERE r.tab = ?1 AND r.pos = c.pos AND r.col IS NULL)
               AND NOT EXISTS (SELECT 1 FROM told t WHERE t.ref = ?3 AND t.pos = c.pos)
             ORDER BY c.pos"
        );
        let parent = self.mapping.tables[check.parent].target.label();
        let reason = |left_out| {
            let why = if left_out { "is left out" } else { "is not there" };
            format!("refers to a row of {parent} that {why} ({})", check.name)
        };
        let found = self.found(&sql, params![check.child as i64, check.parent as i64, number as i64], reason)?;
        let insert = "INSERT INTO told VALUES (?1, ?2)";
        for one in &found {
            let inserted = self
                .scratch
                .prepare_cached(insert)
                .and_then(|mut statement| statement.execute(params![number as i64, one.position.cast_signed()]));
            inserted.map_err(|error| scratch_failed(&error))?;
        }
        self.tell(check.child, &check.child_columns, true, found)
    }

    fn found(
        &self,
        sql: &str,
        parameters: &[&dyn rusqlite::ToSql],
        reason: impl Fn(bool) -> String,
    ) -> Result<Vec<Break>, TransferError> {
        let read = || -> rusqlite::Result<Vec<Break>> {
            let mut statement = self.scratch.prepare(sql)?;
            let rows = statement.query_map(parameters, |row| {
                let position: i64 = row.get(0)?;
                Ok(Break { position: position.unsigned_abs(), reason: reason(row.get(1)?) })
            })?;
            rows.collect()
        };
        read().map_err(|error| scratch_failed(&error))
    }

    /// Reads the broken rows' keys, in the order of the scan, and follows the policy of the first column.
    pub(super) fn tell(
        &mut self,
        table: usize,
        columns: &[usize],
        null_helps: bool,
        found: Vec<Break>,
    ) -> Result<bool, TransferError> {
        if found.is_empty() {
            return Ok(false);
        }
        let mapping = &self.mapping.tables[table];
        let action = action(mapping, columns, null_helps);
        let wanted = columns.first().map(|place| mapping.columns[*place].rules.policy);
        let unhelped = wanted == Some(Policy::Null) && action == Policy::Stop;
        let selected = Selected::new(mapping);
        let failed = |error: rusqlite::Error| reading(&mapping.target.label(), &error);
        let mut statement = self.frozen.prepare(&selected.sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut position = 0;
        let mut waiting = found.into_iter().peekable();
        while let Some(next) = waiting.peek()
            && let Some(row) = rows.next().map_err(failed)?
        {
            if next.position == position {
                let helpless = if unhelped { "; NULL instead of it is not allowed either" } else { "" };
                let reason = format!("{}{helpless}", next.reason);
                let value = |place: &usize| row.get_ref(*place).unwrap_or(ValueRef::Null);
                let shown: Vec<String> =
                    columns.iter().map(|place| show_value(value(place)).unwrap_or_else(|| "NULL".to_owned())).collect();
                self.rejects.add_break(Reject {
                    table: mapping.target.label(),
                    key: selected.key(row),
                    column: Some(
                        columns
                            .iter()
                            .map(|place| mapping.columns[*place].target.name.as_str())
                            .collect::<Vec<_>>()
                            .join(", "),
                    ),
                    storage: columns.first().map_or(StorageClass::Null, |place| storage(value(place))),
                    value: Some(shown.join(", ")),
                    reason,
                    action,
                })?;
                mark(self.scratch, table, position, action, columns)?;
                waiting.next();
            }
            position += 1;
        }
        Ok(action == Policy::SkipRow)
    }
}

fn action(table: &TableMapping, columns: &[usize], null_helps: bool) -> Policy {
    let first = columns.first().map(|place| table.columns[*place].rules.policy).unwrap_or_default();
    match first {
        Policy::Null if null_helps && columns.iter().all(|place| !table.columns[*place].target.not_null) => {
            Policy::Null
        }
        Policy::SkipRow => Policy::SkipRow,
        _ => Policy::Stop,
    }
}

/// Notes for the load what is left out.
pub(super) fn mark(
    scratch: &Connection,
    table: usize,
    position: u64,
    action: Policy,
    columns: &[usize],
) -> Result<(), TransferError> {
    let insert = |column: Option<i64>| {
        scratch
            .prepare_cached("INSERT INTO refused VALUES (?1, ?2, ?3)")
            .and_then(|mut statement| statement.execute(params![table as i64, position.cast_signed(), column]))
    };
    let done = match action {
        Policy::SkipRow => insert(None).map(|_| ()),
        Policy::Null => columns.iter().try_for_each(|place| insert(Some(*place as i64)).map(|_| ())),
        Policy::Stop | Policy::Replace => Ok(()),
    };
    done.map_err(|error| scratch_failed(&error))
}
