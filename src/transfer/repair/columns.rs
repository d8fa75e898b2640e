//! Which columns are looked at, in which unit they are, and where the operator lets them be repaired.

use super::subject::{Staged, Subject};
use super::{Wanted, staged_name};
use crate::evidence::IntervalUnit;
use crate::schema::{Selection, TableMapping, TargetColumn, TargetTable, TypeKind, read_target};
use crate::transfer::decide::{Look, look};
use crate::transfer::session::{Fault, literal, rows};
use crate::transfer::source::Source;
use crate::transfer::{Job, TransferError};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// The columns, and the source that they are compared with.
pub(super) struct Chosen {
    pub(super) subjects: Vec<Subject>,
    /// Tables of the source to be staged, each with the number of its staged table.
    pub(super) tables: Vec<(usize, TableMapping)>,
    pub(super) source: Option<Source>,
    /// Columns that cannot be looked at, and why.
    pub(super) left_out: Vec<(String, String)>,
}

fn is_interval(column: &TargetColumn) -> bool {
    matches!(column.ty.kind, TypeKind::Interval(_)) && !column.generated
}

/// The interval columns that source and target share.
pub(super) async fn of_source(client: &Client, job: &Job<'_>, wanted: &Wanted<'_>) -> Result<Chosen, TransferError> {
    let decided = look(job, Look::Sample).await?;
    let mut chosen =
        Chosen { subjects: Vec::new(), tables: Vec::new(), source: Some(decided.source), left_out: Vec::new() };
    let mut undecided = Vec::new();
    for (number, table) in decided.planned.mapping.tables.iter().enumerate() {
        let target = &table.target;
        let intervals: Vec<_> = table
            .columns
            .iter()
            .filter(|column| is_interval(&column.target) && !target.key.contains(&column.target.name))
            .collect();
        if intervals.is_empty() {
            continue;
        }
        let key = match key_of(table) {
            Ok(key) => key,
            Err(reason) => {
                let label =
                    |column: &&crate::schema::ColumnMapping| format!("{}.{}", target.label(), column.target.name);
                chosen.left_out.extend(intervals.iter().map(|column| (label(column), reason.clone())));
                continue;
            }
        };
        for (place, column) in intervals.into_iter().enumerate() {
            let name = column.target.name.clone();
            let verdict = decided.intervals.get(&(target.label(), name.clone()));
            if let Some(verdict) = verdict.filter(|verdict| verdict.undecided) {
                undecided.push(format!("{}.{name}: {}", target.label(), verdict.because));
            }
            chosen.subjects.push(Subject {
                said: wanted.wrong_of(target, &name),
                condition: None,
                unit: column.rules.unit.unwrap_or(IntervalUnit::Us),
                staged: Some(Staged { table: staged_name(number), place }),
                key: key.clone(),
                column: column.target.clone(),
                table: target.clone(),
                earlier: Vec::new(),
            });
        }
        chosen.tables.push((number, table.clone()));
    }
    if !undecided.is_empty() {
        return Err(TransferError::Undecided(format!(
            "in which unit the source keeps these is not known:\n  {}\nsay it: --interval-unit TABLE.COLUMN=us",
            undecided.join("\n  ")
        )));
    }
    settle(client, wanted, &mut chosen).await?;
    Ok(chosen)
}

/// The key that tells rows apart, where both sides have all of it.
fn key_of(table: &TableMapping) -> Result<Vec<TargetColumn>, String> {
    if table.target.key.is_empty() {
        return Err("the table has no key by which a row could be found in the source".to_owned());
    }
    let find = |name: &String| {
        let column = table.columns.iter().find(|column| column.target.name == *name);
        let column = column.ok_or_else(|| format!("the source has no column for {name}, which is part of the key"))?;
        match column.target.ty.kind {
            TypeKind::Other | TypeKind::Array(_) => {
                Err(format!("key column {name} is of type {}, which is not compared here", column.target.ty.name))
            }
            _ => Ok(column.target.clone()),
        }
    };
    table.target.key.iter().map(find).collect()
}

/// The interval columns of the target alone.
pub(super) async fn of_target(client: &Client, job: &Job<'_>, wanted: &Wanted<'_>) -> Result<Chosen, TransferError> {
    let tables = read_target(client, &job.options.schemas).await?;
    let django = tables.iter().any(|table| table.name == "django_migrations");
    let selection = Selection::new(job.options);
    let mut chosen = Chosen { subjects: Vec::new(), tables: Vec::new(), source: None, left_out: Vec::new() };
    let mut undecided = Vec::new();
    for table in tables.iter().filter(|table| selection.takes(None, Some(table))) {
        let find = |name: &String| table.columns.iter().find(|column| column.name == *name).cloned();
        let key: Vec<TargetColumn> = table.key.iter().filter_map(find).collect();
        let open = |column: &&TargetColumn| {
            is_interval(column)
                && !table.key.contains(&column.name)
                && !selection.leaves_out(None, Some(table), &column.name)
        };
        for column in table.columns.iter().filter(open) {
            let said = of_column(&job.options.interval_units, table, &column.name);
            let unit = said.or(django.then_some(IntervalUnit::Us));
            if unit.is_none() && wanted.bounds_table(table) {
                undecided.push(format!("{}.{}", table.label(), column.name));
            }
            chosen.subjects.push(Subject {
                said: Some(wanted.wrong_of(table, &column.name).unwrap_or(IntervalUnit::S)),
                condition: None,
                unit: unit.unwrap_or(IntervalUnit::Us),
                staged: None,
                key: key.clone(),
                column: column.clone(),
                table: table.clone(),
                earlier: Vec::new(),
            });
        }
    }
    if !undecided.is_empty() {
        return Err(TransferError::Undecided(format!(
            "in which unit these really are is not known without a source: {}; say it: --interval-unit TABLE.COLUMN=us",
            undecided.join(", ")
        )));
    }
    settle(client, wanted, &mut chosen).await?;
    Ok(chosen)
}

/// Reads the operator's bounds into the columns, and refuses what names nothing or contradicts itself.
async fn settle(client: &Client, wanted: &Wanted<'_>, chosen: &mut Chosen) -> Result<(), TransferError> {
    for (name, range) in wanted.between {
        let mut found = false;
        for subject in &mut chosen.subjects {
            let Some(column) = subject.table.columns.iter().find(|column| names(&subject.table, &column.name, name))
            else {
                continue;
            };
            found = true;
            let bound = condition(client, name, column, range).await?;
            subject.condition = Some(match subject.condition.take() {
                Some(other) => format!("{other} AND {bound}"),
                None => bound,
            });
        }
        if !found {
            return Err(TransferError::Undecided(format!(
                "--between {name}: no such column in a table with an interval column; write TABLE.COLUMN=FROM..TO"
            )));
        }
    }
    for name in wanted.wrong.keys().filter(|name| *name != "*") {
        if !chosen.subjects.iter().any(|subject| names(&subject.table, &subject.column.name, name)) {
            return Err(TransferError::Undecided(format!("--unit {name}: no such interval column")));
        }
    }
    for subject in &chosen.subjects {
        if subject.said == Some(subject.unit) {
            return Err(TransferError::Undecided(format!(
                "{}: {} is given as the wrong unit and is the right one too; correct --unit or --interval-unit",
                subject.label(),
                subject.unit.name()
            )));
        }
        if subject.key.is_empty() && subject.is_bounded() {
            return Err(TransferError::Refused(format!(
                "{} has no key, so that its former values could not be put back: give it a primary key first",
                subject.table.label()
            )));
        }
    }
    Ok(())
}

/// `FROM..TO`, both ends included, either may be left out; read by the server as values of the column's own type.
async fn condition(client: &Client, name: &str, column: &TargetColumn, range: &str) -> Result<String, TransferError> {
    let wrong = |reason: String| {
        TransferError::Undecided(format!("--between {name}={range}: {reason}; write FROM..TO, or ..TO, or FROM.."))
    };
    let (from, to) = range.split_once("..").ok_or_else(|| wrong("`..` is missing".to_owned()))?;
    let mut parts = Vec::new();
    for (end, comparison) in [(from.trim(), ">="), (to.trim(), "<=")] {
        if end.is_empty() {
            continue;
        }
        let value = format!("{}::{}", literal(end), column.ty.name);
        rows(client, "reading the bounds", &format!("SELECT {value}"), &[])
            .await
            .map_err(|fault: Fault| wrong(fault.into_error().to_string()))?;
        parts.push(format!("t.{} {comparison} {value}", crate::schema::quote(&column.name)));
    }
    if parts.is_empty() {
        return Err(wrong("neither end is given".to_owned()));
    }
    Ok(parts.join(" AND "))
}

/// Whether `name` names this column, with or without the schema.
fn names(table: &TargetTable, column: &str, name: &str) -> bool {
    name == format!("{}.{column}", table.label()) || name == format!("{}.{column}", table.name)
}

/// The entry for a column, else the one for all.
fn of_column<T: Copy>(entries: &BTreeMap<String, T>, table: &TargetTable, column: &str) -> Option<T> {
    let exact = entries.iter().find(|(name, _)| names(table, column, name));
    exact.map(|(_, value)| *value).or_else(|| entries.get("*").copied())
}

impl Wanted<'_> {
    fn wrong_of(&self, table: &TargetTable, column: &str) -> Option<IntervalUnit> {
        of_column(self.wrong, table, column)
    }

    fn bounds_table(&self, table: &TargetTable) -> bool {
        self.between.keys().any(|name| table.columns.iter().any(|column| names(table, &column.name, name)))
    }
}
