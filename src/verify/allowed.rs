//! The rejects that a comparison must allow for.

use super::VerifyError;
use crate::evidence::{Key, Policy, Reject};
use serde_json::Value;
use std::collections::HashMap;
use std::io::BufRead as _;
use std::path::Path;

/// What policies did to cells and rows, by table and key. A comparison expects exactly this and nothing else: a rejected row
/// that arrived all the same is a difference too.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    tables: HashMap<String, AllowedTable>,
}

/// The same for one table.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedTable {
    /// The column lists under which keys were written; nearly always one.
    pub(crate) shapes: Vec<Vec<String>>,
    rows: HashMap<String, AllowedRow>,
}

/// The same for one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowedRow {
    /// Whether the row was left out.
    pub(crate) skipped: bool,
    /// Columns that were loaded as NULL.
    pub(crate) nulls: Vec<String>,
    /// Columns that were loaded as the nearest value.
    pub(crate) replaced: Vec<String>,
}

impl Allowed {
    /// Takes rejects from a step's evidence or from `rejects.jsonl`. Those of policy `stop` allow nothing.
    pub fn from_rejects(rejects: impl IntoIterator<Item = Reject>) -> Self {
        let mut allowed = Self::default();
        for reject in rejects {
            allowed.add(&reject);
        }
        allowed
    }

    /// Reads a rejects file: a [`Reject`] as JSON in each line.
    ///
    /// # Errors
    /// When the file cannot be read or a line is no reject.
    pub fn read(path: &Path) -> Result<Self, VerifyError> {
        let failed = |reason: String| VerifyError::Rejects { path: path.to_owned(), reason };
        let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        let mut allowed = Self::default();
        for line in std::io::BufReader::new(file).lines() {
            let line = line.map_err(|error| failed(error.to_string()))?;
            if !line.trim().is_empty() {
                allowed.add(&serde_json::from_str(&line).map_err(|error| failed(error.to_string()))?);
            }
        }
        Ok(allowed)
    }

    /// Whether nothing has to be allowed for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    pub(crate) fn table(&self, label: &str) -> Option<&AllowedTable> {
        self.tables.get(label)
    }

    fn add(&mut self, reject: &Reject) {
        if reject.action == Policy::Stop {
            return;
        }
        let table = self.tables.entry(reject.table.clone()).or_default();
        let shape: Vec<String> = reject.key.keys().cloned().collect();
        if !table.shapes.contains(&shape) {
            table.shapes.push(shape);
        }
        let row = table.rows.entry(key_text(&reject.key)).or_default();
        match (reject.action, reject.column.clone()) {
            (Policy::Null, Some(column)) => row.nulls.push(column),
            (Policy::Replace, Some(column)) => row.replaced.push(column),
            _ => row.skipped = true,
        }
    }
}

impl AllowedTable {
    pub(crate) fn row(&self, key: &Key) -> Option<&AllowedRow> {
        self.rows.get(&key_text(key))
    }
}

/// A key as text in which `5` and `"5"` are one: a key beyond 2⁵³ is written as a string.
fn key_text(key: &Key) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    key.iter().map(|(name, value)| format!("{name}\u{1f}{}\u{1e}", plain(value))).collect()
}
