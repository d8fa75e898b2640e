//! Tables and columns of both sides, paired.

use super::Type;
use crate::evidence::{IntervalUnit, Policy};
use crate::runbook::ZonePolicy;

/// Which table goes where. The order of `tables` is the load order: parents first where the foreign keys allow it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// The pairs.
    pub tables: Vec<TableMapping>,
}

/// One table on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct TableMapping {
    /// The source's table.
    pub source: SourceTable,
    /// The target's table.
    pub target: TargetTable,
    /// Columns to load, in the target's order. Generated columns and columns of one side only are not in it.
    pub columns: Vec<ColumnMapping>,
}

/// One column on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnMapping {
    /// The source's column.
    pub source: SourceColumn,
    /// The target's column.
    pub target: TargetColumn,
    /// What the plan decided about its values.
    pub rules: Rules,
}

/// What the plan decided about a column's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Unit of integers under an `interval`.
    pub unit: Option<IntervalUnit>,
    /// Unit of integers under a date or timestamp (epoch); seconds when none.
    pub epoch: Option<IntervalUnit>,
    /// What to do with a zone in a column without one.
    pub zone: ZonePolicy,
    /// What to do with a cell that does not fit.
    pub policy: Policy,
}

/// A table of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceTable {
    /// Name as stored in `sqlite_schema`.
    pub name: String,
    /// All columns that can be read, in order, generated ones with them.
    pub columns: Vec<SourceColumn>,
    /// Columns of the primary key, in key order; empty when there is none.
    pub primary_key: Vec<String>,
    /// Whether it has no rowid.
    pub without_rowid: bool,
    /// `sqlite_sequence.seq`, where AUTOINCREMENT keeps one.
    pub sequence: Option<i64>,
}

/// A column of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceColumn {
    /// Name.
    pub name: String,
    /// Declared type, empty when none.
    pub declared: String,
    /// Whether NOT NULL is declared.
    pub not_null: bool,
    /// Whether it is generated from the others: leaving it out loses nothing.
    pub generated: bool,
}

/// A table of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTable {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Whether it is partitioned.
    pub partitioned: bool,
    /// Columns in `attnum` order, dropped ones left out.
    pub columns: Vec<TargetColumn>,
    /// Columns of the primary key, or of a unique NOT NULL constraint in its stead; empty when there is neither.
    pub key: Vec<String>,
}

/// A column of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetColumn {
    /// Name.
    pub name: String,
    /// `pg_attribute.attnum`.
    pub number: i16,
    /// Type.
    pub ty: Type,
    /// Whether NOT NULL is declared, by the column or its domain.
    pub not_null: bool,
    /// Whether a default, identity or generation gives a value when none is loaded.
    pub has_default: bool,
    /// Whether it is `GENERATED ALWAYS AS (…) STORED`, so that nothing can be loaded into it.
    pub generated: bool,
    /// Whether it is `GENERATED ALWAYS AS IDENTITY`; COPY may write it all the same.
    pub identity_always: bool,
}

impl TargetTable {
    /// `schema.name`, unquoted: the name in JSON and on the screen.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// `"schema"."name"`, for SQL.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }
}

/// An SQL identifier in double quotes; the same rule in both databases.
#[must_use]
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
