//! What stands on both sides, and which table and column goes where.
//!
//! The target's catalog decides ([`TargetTable`]); the source says what it declares ([`SourceTable`]); a [`Mapping`] pairs
//! them. `transfer` encodes by it and `verify` decodes by it, with code of their own.

mod mapping;
mod types;

pub use mapping::{
    ColumnMapping, Mapping, Rules, SourceColumn, SourceTable, TableMapping, TargetColumn, TargetTable, quote,
};
pub use types::{IntervalFields, Type, TypeKind};
