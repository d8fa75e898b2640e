//! Which tables and columns take part: `include`, `exclude`, and options given per column.

use super::TargetTable;
use crate::runbook::TransferOptions;
use std::collections::BTreeMap;

/// The operator's choice of tables and columns.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    include: &'a [String],
    exclude: &'a [String],
}

impl<'a> Selection<'a> {
    /// The choice that `options` makes.
    #[must_use]
    pub fn new(options: &'a TransferOptions) -> Self {
        Self { include: &options.include, exclude: &options.exclude }
    }

    /// Whether a table takes part, by the name that the source knows it by and the names of the target.
    #[must_use]
    pub fn takes(&self, source: Option<&str>, target: Option<&TargetTable>) -> bool {
        let label = target.map(TargetTable::label);
        let names = || source.into_iter().chain(target.map(|table| table.name.as_str())).chain(label.as_deref());
        let named = |patterns: &[String]| patterns.iter().any(|pattern| names().any(|name| matches(pattern, name)));
        (self.include.is_empty() || named(self.include)) && !named(self.exclude)
    }

    /// Whether `TABLE.COLUMN` was excluded.
    #[must_use]
    pub fn leaves_out(&self, source: Option<&str>, target: Option<&TargetTable>, column: &str) -> bool {
        let names = column_names(source, target, column);
        self.exclude.iter().any(|pattern| names.contains(pattern))
    }
}

/// The option for a column: by its most exact name, else `*`.
pub(crate) fn for_column<T: Copy>(
    options: &BTreeMap<String, T>,
    source: &str,
    target: &TargetTable,
    column: &str,
) -> Option<T> {
    let names = column_names(Some(source), Some(target), column);
    names.iter().chain([&"*".to_owned()]).find_map(|name| options.get(name).copied())
}

fn column_names(source: Option<&str>, target: Option<&TargetTable>, column: &str) -> Vec<String> {
    let label = target.map(TargetTable::label);
    label
        .as_deref()
        .into_iter()
        .chain(target.map(|table| table.name.as_str()))
        .chain(source)
        .map(|table| format!("{table}.{column}"))
        .collect()
}

/// A trailing `*` stands for the rest of the name.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}
