//! What the Plan view shows and remembers: tables with what is wrong first, and the chosen one's columns.

use super::App;
use crate::evidence::{ColumnPlan, PlanReport, Policy, Severity, TablePlan};
use std::sync::Arc;

/// What the Plan view remembers.
#[derive(Clone, Debug, Default)]
pub(in crate::tui) struct PlanState {
    /// The chosen line among the entries.
    pub entry: usize,
    /// The chosen column of the chosen table; the loudest one when none.
    pub column: Option<usize>,
    /// Whether the columns have the focus.
    pub inside: bool,
    /// How far the text at the right is scrolled.
    pub scroll: usize,
    /// The tables that the filter leaves, the loudest first, by their place in the plan.
    listed: Vec<(usize, Loudness)>,
    /// The columns that there is something to say about, the loudest first, by their places; whatever the filter.
    loud: Vec<(usize, usize, Loudness)>,
    /// What `listed` and `loud` were made of.
    made_of: Option<(Arc<PlanReport>, String)>,
}

/// One line at the left.
#[derive(Clone, Copy, Debug)]
pub(in crate::tui) enum PlanEntry<'a> {
    /// The plan as a whole: problems, levels, sizes.
    Whole,
    /// A table, and the loudest thing about it.
    Table(&'a TablePlan, Loudness),
}

/// How loud the loudest thing about a table or column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tui) enum Loudness {
    /// Nothing to say.
    Quiet,
    /// Something is noted.
    Note,
    /// Values change knowingly.
    Change,
    /// Cells will be lost.
    Loss,
    /// Forbids the copy.
    Problem,
}

impl From<Severity> for Loudness {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Note => Self::Note,
            Severity::Change => Self::Change,
            Severity::Loss => Self::Loss,
        }
    }
}

/// How loud a column is.
pub(in crate::tui) fn column_loudness(report: &PlanReport, table: &TablePlan, column: &ColumnPlan) -> Loudness {
    let subject = format!("{}.{}", table.table, column.column);
    let undecided = column.interval.as_ref().is_some_and(|evidence| evidence.unit.is_none() && evidence.values > 0);
    if undecided || report.problems.iter().any(|problem| problem.subject == subject) {
        return Loudness::Problem;
    }
    let misfits = match (column.misfits_total, column.policy) {
        (0, _) => Loudness::Quiet,
        (_, Policy::Stop) => Loudness::Problem,
        (_, Policy::Null | Policy::Replace | Policy::SkipRow) => Loudness::Loss,
    };
    let decided = column.interval.as_ref().is_some_and(|evidence| evidence.values > 0);
    let base = if decided { misfits.max(Loudness::Change) } else { misfits };
    column.warnings.iter().map(|warning| warning.severity.into()).fold(base, Ord::max)
}

/// How loud a table is: as loud as the loudest about it or its columns.
pub(in crate::tui) fn table_loudness(report: &PlanReport, table: &TablePlan) -> Loudness {
    let own = report.problems.iter().any(|problem| problem.subject == table.table);
    let base = if own { Loudness::Problem } else { break_loudness(report, table) };
    let warnings = table.warnings.iter().map(|warning| warning.severity.into());
    let columns = table.columns.iter().map(|column| column_loudness(report, table, column));
    warnings.chain(columns).fold(base, Ord::max)
}

/// How loud the rows are that break a key, a check or a domain.
fn break_loudness(report: &PlanReport, table: &TablePlan) -> Loudness {
    let of_table = report.breaks.iter().filter(|found| found.table == table.table);
    let loud = of_table.map(|found| if found.action == Policy::Stop { Loudness::Problem } else { Loudness::Loss });
    loud.fold(Loudness::Quiet, Ord::max)
}

impl App {
    /// The lines at the left: the whole first, then tables, the loudest first, those with the filter's words only.
    pub(in crate::tui) fn plan_entries(&self) -> Vec<PlanEntry<'_>> {
        let Some(report) = &self.snapshot.plan else { return Vec::new() };
        let listed = self.plan.listed.iter();
        let tables =
            listed.filter_map(|(index, loudness)| Some(PlanEntry::Table(report.tables.get(*index)?, *loudness)));
        std::iter::once(PlanEntry::Whole).chain(tables).collect()
    }

    /// Lists the tables anew where the plan or the filter is another. To be called whenever either may have changed: a frame only
    /// reads the list.
    pub(super) fn list_plan(&mut self) {
        let words = &self.filters[super::View::Plan.index()];
        let Some(report) = self.snapshot.plan.clone() else {
            (self.plan.listed, self.plan.loud, self.plan.made_of) = (Vec::new(), Vec::new(), None);
            return;
        };
        if self.plan.made_of.as_ref().is_some_and(|(plan, filter)| Arc::ptr_eq(plan, &report) && filter == words) {
            return;
        }
        let words = words.to_lowercase();
        let wanted = report.tables.iter().enumerate().filter(|(_, table)| words.is_empty() || mentions(table, &words));
        let mut listed: Vec<_> = wanted.map(|(index, table)| (index, table_loudness(&report, table))).collect();
        listed.sort_by_key(|(_, loudness)| std::cmp::Reverse((*loudness).max(Loudness::Note)));
        self.plan.listed = listed;
        self.plan.loud = loud(&report);
        self.plan.made_of = Some((report, self.filters[super::View::Plan.index()].clone()));
    }

    /// The columns that there is something to say about, the loudest first.
    pub(in crate::tui) fn loud_columns(&self) -> impl Iterator<Item = (&TablePlan, &ColumnPlan, Loudness)> {
        let tables = self.snapshot.plan.as_ref().map_or(&[][..], |plan| &plan.tables);
        self.plan.loud.iter().filter_map(|(table, column, loudness)| {
            let table = tables.get(*table)?;
            Some((table, table.columns.get(*column)?, *loudness))
        })
    }

    /// The chosen table.
    pub(in crate::tui) fn plan_table(&self) -> Option<&TablePlan> {
        let entry = self.plan.entry.min(self.plan.listed.len());
        let (index, _) = self.plan.listed.get(entry.checked_sub(1)?)?;
        self.snapshot.plan.as_ref()?.tables.get(*index)
    }

    /// The chosen column of the chosen table.
    pub(in crate::tui) fn plan_column(&self) -> Option<(&TablePlan, &ColumnPlan)> {
        let table = self.plan_table()?;
        Some((table, table.columns.get(self.chosen_column())?))
    }

    /// Where the chosen column stands in its table: as the operator chose, else the first of those there is most to say about.
    pub(in crate::tui) fn chosen_column(&self) -> usize {
        let (Some(report), Some(table)) = (&self.snapshot.plan, self.plan_table()) else { return 0 };
        let loudest = || {
            let loud = |index: &usize| column_loudness(report, table, &table.columns[*index]).max(Loudness::Note);
            (0..table.columns.len()).rev().max_by_key(loud).unwrap_or(0)
        };
        self.plan.column.unwrap_or_else(loudest).min(table.columns.len().saturating_sub(1))
    }
}

fn loud(report: &PlanReport) -> Vec<(usize, usize, Loudness)> {
    let columns = report.tables.iter().enumerate().flat_map(|(place, table)| {
        let loudness = move |(index, column)| (place, index, column_loudness(report, table, column));
        table.columns.iter().enumerate().map(loudness)
    });
    let mut loud: Vec<_> = columns.filter(|(_, _, loudness)| *loudness > Loudness::Note).collect();
    loud.sort_by_key(|(_, _, loudness)| std::cmp::Reverse(*loudness));
    loud
}

fn mentions(table: &TablePlan, words: &str) -> bool {
    table.table.to_lowercase().contains(words)
        || table.columns.iter().any(|column| column.column.to_lowercase().contains(words))
}
