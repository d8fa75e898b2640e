//! What stands on both sides, and which table and column goes where.
//!
//! The target's catalog decides ([`TargetTable`]); the source says what it declares ([`SourceTable`]); a [`Mapping`] pairs
//! them. `transfer` encodes by it and `verify` decodes by it, with code of their own.

mod catalog_types;
mod error;
mod levels;
mod mapping;
mod pair;
pub mod security;
mod select;
mod source;
mod target;
mod types;

pub use error::SchemaError;
pub use levels::{Levels, MigrationMarker, compare_levels, migration_markers};
pub use mapping::{
    ColumnMapping, Mapping, Rules, SourceColumn, SourceTable, TableMapping, TargetColumn, TargetTable, quote,
};
pub use pair::{Paired, pair};
pub use select::Selection;
pub use source::read_source;
pub use target::read_target;
pub use types::{IntervalFields, Type, TypeKind};
