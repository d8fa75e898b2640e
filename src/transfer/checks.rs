//! Which of the target's keys the source has to be held against, and which hold without looking.

use super::TransferError;
use super::produce::reading;
use super::surroundings::{ForeignKey, UniqueKey};
use crate::evidence::Policy;
use crate::schema::{ColumnMapping, Mapping, TableMapping, TypeKind, quote};
use rusqlite::Connection;

/// A unique key of a loaded table; columns by place in the mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UniqueCheck {
    pub(super) table: usize,
    pub(super) name: String,
    pub(super) columns: Vec<usize>,
    pub(super) nulls_equal: bool,
    /// Whether the server says what is equal ([`super::server_keys`]).
    pub(super) by_server: bool,
}

/// A foreign key between loaded tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReferenceCheck {
    pub(super) child: usize,
    pub(super) parent: usize,
    pub(super) name: String,
    pub(super) child_columns: Vec<usize>,
    pub(super) parent_columns: Vec<usize>,
}

/// All that has to be looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    pub(super) unique: Vec<UniqueCheck>,
    pub(super) references: Vec<ReferenceCheck>,
}

impl Checks {
    /// The keys whose columns are all loaded and that are a matter of equal values; the server judges the others.
    pub(super) fn new(mapping: &Mapping, unique: &[UniqueKey], references: &[ForeignKey]) -> Self {
        let table = |oid: u32| mapping.tables.iter().position(|table| table.target.oid == oid);
        let unique = unique.iter().filter(|key| key.by_server.is_none()).filter_map(|key| {
            let place = table(key.table)?;
            let columns = places(&mapping.tables[place], &key.columns)?;
            Some(UniqueCheck {
                table: place,
                name: key.name.clone(),
                columns,
                nulls_equal: key.nulls_equal,
                by_server: false,
            })
        });
        let references = references.iter().filter(|key| key.by_value).filter_map(|key| {
            let (child, parent) = (table(key.child)?, table(key.parent)?);
            Some(ReferenceCheck {
                child,
                parent,
                name: key.name.clone(),
                child_columns: places(&mapping.tables[child], &key.child_columns)?,
                parent_columns: places(&mapping.tables[parent], &key.parent_columns)?,
            })
        });
        Self { unique: unique.collect(), references: references.collect() }
    }

    /// Without those that the source's own keys make true.
    pub(super) fn prune(mut self, frozen: &Connection, mapping: &Mapping) -> Result<Self, TransferError> {
        self.unique.retain(|check| !is_rowid(&mapping.tables[check.table], &check.columns));
        if rows_may_go(mapping) {
            return Ok(self);
        }
        let mut references = Vec::new();
        for check in self.references {
            if !holds(frozen, mapping, &check)? {
                references.push(check);
            }
        }
        self.references = references;
        Ok(self)
    }
}

fn places(table: &TableMapping, columns: &[String]) -> Option<Vec<usize>> {
    let place = |name: &String| table.columns.iter().position(|column| column.target.name == *name);
    columns.iter().map(place).collect()
}

/// Whether some policy leaves out rows, so that keys that hold in the source may not hold afterwards.
fn rows_may_go(mapping: &Mapping) -> bool {
    mapping.tables.iter().flat_map(|table| &table.columns).any(|column| column.rules.policy == Policy::SkipRow)
}

/// `INTEGER PRIMARY KEY` under an integer: unique by the nature of a rowid.
fn is_rowid(table: &TableMapping, columns: &[usize]) -> bool {
    let ([place], [key]) = (columns, table.source.primary_key.as_slice()) else { return false };
    let column = &table.columns[*place];
    !table.source.without_rowid
        && column.source.name == *key
        && column.source.declared.eq_ignore_ascii_case("integer")
        && is_integer(column)
}

fn is_integer(column: &ColumnMapping) -> bool {
    matches!(column.target.ty.kind, TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8)
}

/// Whether an integer reference onto a rowid holds, by SQLite's own lookup.
fn holds(frozen: &Connection, mapping: &Mapping, check: &ReferenceCheck) -> Result<bool, TransferError> {
    let (child, parent) = (&mapping.tables[check.child], &mapping.tables[check.parent]);
    let [place] = check.child_columns.as_slice() else { return Ok(false) };
    if !is_rowid(parent, &check.parent_columns) || !is_integer(&child.columns[*place]) {
        return Ok(false);
    }
    let column = format!("c.{}", quote(&child.columns[*place].source.name));
    let key = format!("p.{}", quote(&parent.columns[check.parent_columns[0]].source.name));
    let sql = format!(
        "SELECT NOT EXISTS (SELECT 1 FROM {} c WHERE {column} IS NOT NULL AND NOT (typeof({column}) = 'integer'
           AND EXISTS (SELECT 1 FROM {} p WHERE {key} = {column})))",
        quote(&child.source.name),
        quote(&parent.source.name),
    );
    frozen.query_row(&sql, [], |row| row.get(0)).map_err(|error| reading(&child.target.label(), &error))
}
