//! A run of a table's rows, in the order in which every pass reads them: the whole table, or what lies between two keys.

use super::rows::Selected;
use rusqlite::types::Value;

/// The rows that one COPY takes.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The question for them.
    pub(super) sql: String,
    /// Its parameters.
    pub(super) keys: Vec<Value>,
    /// The place of the first of them among the rows of the table, from 0: refused rows are known by their place.
    pub(super) first: u64,
}

impl Part {
    /// All rows.
    pub(super) fn whole(selected: &Selected) -> Self {
        Self { sql: selected.sql.clone(), keys: Vec::new(), first: 0 }
    }
}
