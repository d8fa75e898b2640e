//! Which table and column goes where.

use super::select::{for_column, unknown};
use super::source::failed;
use super::{
    ColumnMapping, Mapping, Rules, SchemaError, Selection, SourceColumn, SourceTable, TableMapping, TargetColumn,
    TargetTable, quote,
};
use crate::evidence::{Problem, Severity, Warning};
use crate::runbook::TransferOptions;
use rusqlite::Connection;

/// The pairs, and what forbids or deserves a word.
#[derive(Clone, Debug, Default)]
pub struct Paired {
    /// Tables to load; no order yet, no units.
    pub mapping: Mapping,
    /// What forbids the copy.
    pub problems: Vec<Problem>,
    /// What the operator should know.
    pub warnings: Vec<Warning>,
}

/// Pairs tables and columns by exact name, then without regard to case where that is unambiguous. `frozen` answers whether a
/// column or table that only the source has holds anything.
///
/// # Errors
/// When the source cannot be read.
pub fn pair(
    frozen: &Connection,
    source: Vec<SourceTable>,
    target: Vec<TargetTable>,
    options: &TransferOptions,
) -> Result<Paired, SchemaError> {
    let paired = Paired { problems: unknown(options, &source, &target), ..Paired::default() };
    let mut pairing = Pairing { frozen, options, selection: Selection::new(options), paired };
    let mut left: Vec<TargetTable> = target;
    for table in source {
        match pairing.find(&table, &left) {
            Found::One(place) => {
                let target = left.remove(place);
                pairing.tables(table, target)?;
            }
            Found::None => pairing.only_in_source(&table)?,
            Found::Many(names) => pairing.ambiguous(&table, &names),
            Found::LeftOut => {}
        }
    }
    pairing.only_in_target(&left);
    Ok(pairing.paired)
}

struct Pairing<'a> {
    frozen: &'a Connection,
    options: &'a TransferOptions,
    selection: Selection<'a>,
    paired: Paired,
}

enum Found {
    One(usize),
    None,
    Many(Vec<String>),
    LeftOut,
}

impl Pairing<'_> {
    fn find(&self, source: &SourceTable, target: &[TargetTable]) -> Found {
        let by = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..target.len()).filter(|place| same(&target[*place].name)).collect()
        };
        let mut named = by(&|name| name == source.name);
        if named.is_empty() {
            named = by(&|name| name.to_lowercase() == source.name.to_lowercase());
        }
        let there = !named.is_empty();
        named.retain(|place| self.selection.takes(Some(&source.name), Some(&target[*place])));
        match named.as_slice() {
            [place] => Found::One(*place),
            [] if there || !self.selection.takes(Some(&source.name), None) => Found::LeftOut,
            [] => Found::None,
            many => Found::Many(many.iter().map(|place| target[*place].label()).collect()),
        }
    }

    fn ambiguous(&mut self, source: &SourceTable, names: &[String]) {
        self.problem(
            source.name.clone(),
            format!("could go into any of {}", names.join(", ")),
            "exclude all but one, by schema and name",
            true,
        );
    }

    fn only_in_source(&mut self, source: &SourceTable) -> Result<(), SchemaError> {
        let sql = format!("SELECT count(*) FROM {}", quote(&source.name));
        let rows: i64 =
            self.frozen.query_row(&sql, [], |row| row.get(0)).map_err(|error| failed(&source.name, error))?;
        if rows == 0 {
            self.note(format!("{} is empty in the source and not on the target: nothing is lost", source.name));
        } else {
            self.problem(
                source.name.clone(),
                format!("has no table on the target; rows in the source: {rows}"),
                "create the table on the target, or exclude it",
                false,
            );
        }
        Ok(())
    }

    fn only_in_target(&mut self, left: &[TargetTable]) {
        for table in left.iter().filter(|table| self.selection.takes(None, Some(table))) {
            self.paired.warnings.push(Warning {
                severity: Severity::Note,
                message: format!("{} is only on the target and stays as it is", table.label()),
            });
        }
    }

    fn tables(&mut self, source: SourceTable, target: TargetTable) -> Result<(), SchemaError> {
        let mut used = vec![false; source.columns.len()];
        let mut columns = Vec::with_capacity(target.columns.len());
        for column in &target.columns {
            let taken = !self.selection.leaves_out(Some(&source.name), Some(&target), &column.name);
            let place = column_place(&source.columns, &target.columns, &column.name);
            if let Some(place) = place {
                used[place] = true;
            }
            match place.filter(|_| taken && !column.generated) {
                Some(place) => columns.push(self.columns(&source, place, &target, column)),
                None => self.column_not_loaded(&source, &target, column)?,
            }
        }
        for (column, _) in source.columns.iter().zip(&used).filter(|(_, used)| !**used) {
            self.extra_column(&source, &target, column)?;
        }
        if columns.is_empty() {
            self.note(format!("{} has no column to load and stays as it is", target.label()));
            return Ok(());
        }
        self.paired.mapping.tables.push(TableMapping { source, target, columns });
        Ok(())
    }

    fn columns(
        &self,
        source: &SourceTable,
        place: usize,
        target: &TargetTable,
        column: &TargetColumn,
    ) -> ColumnMapping {
        let rules = Rules {
            unit: for_column(&self.options.interval_units, &source.name, target, &column.name),
            epoch: None,
            zone: for_column(&self.options.zones, &source.name, target, &column.name).unwrap_or_default(),
            policy: for_column(&self.options.columns, &source.name, target, &column.name)
                .unwrap_or(self.options.on_reject),
        };
        ColumnMapping { source: source.columns[place].clone(), target: column.clone(), rules }
    }

    fn column_not_loaded(
        &mut self,
        source: &SourceTable,
        target: &TargetTable,
        column: &TargetColumn,
    ) -> Result<(), SchemaError> {
        let subject = format!("{}.{}", target.label(), column.name);
        if column.generated {
            self.note(format!("{subject} is generated by the target"));
        } else if column.has_default {
            self.note(format!("{subject} is not loaded and takes its default"));
        } else if !column.not_null {
            self.note(format!("{subject} is not loaded and stays NULL"));
        } else if self.any(&source.name, "1")? {
            let message = "is NOT NULL on the target without a default, and nothing is loaded into it".to_owned();
            self.problem(subject, message, "give it a default on the target, or exclude the table", false);
        }
        Ok(())
    }

    fn extra_column(
        &mut self,
        source: &SourceTable,
        target: &TargetTable,
        column: &SourceColumn,
    ) -> Result<(), SchemaError> {
        let subject = format!("{}.{}", source.name, column.name);
        let excluded = self.selection.leaves_out(Some(&source.name), Some(target), &column.name);
        if excluded || column.generated {
            self.note(format!("{subject} of the source is left out"));
        } else if self.any(&source.name, &format!("{} IS NOT NULL", quote(&column.name)))? {
            self.problem(
                subject.clone(),
                format!("holds values in the source and is no column of {}", target.label()),
                &format!("add the column on the target, or exclude `{subject}`"),
                false,
            );
        } else {
            self.note(format!("{subject} is only in the source and all NULL: nothing is lost"));
        }
        Ok(())
    }

    fn any(&self, table: &str, condition: &str) -> Result<bool, SchemaError> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE {condition})", quote(table));
        self.frozen.query_row(&sql, [], |row| row.get(0)).map_err(|error| failed(table, error))
    }

    fn note(&mut self, message: String) {
        self.paired.warnings.push(Warning { severity: Severity::Note, message });
    }

    fn problem(&mut self, subject: String, message: String, remedy: &str, undecided: bool) {
        self.paired.problems.push(Problem { subject, message, remedy: remedy.to_owned(), undecided });
    }
}

/// Exact, else without regard to case where neither side has two such names.
fn column_place(source: &[SourceColumn], target: &[TargetColumn], name: &str) -> Option<usize> {
    if let Some(place) = source.iter().position(|column| column.name == name) {
        return Some(place);
    }
    let folded = name.to_lowercase();
    let mut alike = (0..source.len()).filter(|place| source[*place].name.to_lowercase() == folded);
    let place = alike.next().filter(|_| alike.next().is_none())?;
    let unambiguous = target.iter().filter(|column| column.name.to_lowercase() == folded).count() == 1;
    unambiguous.then_some(place)
}
