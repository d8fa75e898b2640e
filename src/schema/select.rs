//! Which tables and columns take part: `include`, `exclude`, and options given per column.

use super::{SourceTable, TargetTable};
use crate::evidence::Problem;
use crate::runbook::TransferOptions;
use std::collections::{BTreeMap, BTreeSet};

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

/// What `options` name and neither side has: a misspelt table would silently stay behind, be loaded or go unproved, and a misspelt
/// column be converted as if nothing had been said of it. A prefix in `exclude` may stand for nothing.
pub(super) fn unknown(options: &TransferOptions, source: &[SourceTable], target: &[TargetTable]) -> Vec<Problem> {
    let tables: BTreeSet<String> = source
        .iter()
        .map(|table| table.name.clone())
        .chain(target.iter().flat_map(|table| [table.name.clone(), table.label()]))
        .collect();
    let table = |pattern: &str| tables.iter().any(|name| matches(pattern, name));
    let column = |name: &str| {
        let of_source = |table: &SourceTable| has_column(&table.name, table.columns.iter().map(|c| &c.name), name);
        let of_target = |table: &TargetTable| {
            let columns = || table.columns.iter().map(|column| &column.name);
            has_column(&table.name, columns(), name) || has_column(&table.label(), columns(), name)
        };
        source.iter().any(of_source) || target.iter().any(of_target)
    };
    let missing_table = |name: &&String| !table(name);
    let missing = |name: &&String| !(name.ends_with('*') || table(name) || column(name));
    let missing_column = |name: &&String| !(*name == "*" || column(name));
    let per_column = [
        ("interval-unit", options.interval_units.keys().collect::<Vec<_>>()),
        ("zone", options.zones.keys().collect()),
        ("columns", options.columns.keys().collect()),
    ];
    let tables = options.include.iter().filter(missing_table).map(|name| no_such("include", name, "table"));
    let left_out = options.exclude.iter().filter(missing).map(|name| no_such("exclude", name, "table or column"));
    let columns = per_column.into_iter().flat_map(|(option, names)| {
        names.into_iter().filter(missing_column).map(move |name| no_such(option, name, "column"))
    });
    tables.chain(left_out).chain(columns).collect()
}

fn has_column<'a>(table: &str, mut columns: impl Iterator<Item = &'a String>, name: &str) -> bool {
    let column = name.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
    column.is_some_and(|wanted| columns.any(|column| column == wanted))
}

fn no_such(option: &str, name: &str, what: &str) -> Problem {
    Problem {
        subject: name.to_owned(),
        message: format!("is named by `{option}`, and neither side has such a {what}"),
        remedy: "correct the name; `TABLE`, or `TABLE.COLUMN` for a column, as one side spells it".to_owned(),
        undecided: true,
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
