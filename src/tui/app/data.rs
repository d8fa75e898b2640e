//! What the Data view shows and remembers: a table, its rows side by side, a cell, a column's distribution.

use super::{App, View};
use crate::engine::snapshot::{DataView, Query, RowPair, RowPick, Snapshot, Status, TableCounts};

/// Rows asked for at once.
const ROWS: usize = 60;

/// What the Data view remembers.
#[derive(Clone, Debug, Default)]
pub(in crate::tui) struct DataState {
    /// The chosen table among those that the filter leaves.
    pub table: usize,
    /// The chosen row.
    pub row: usize,
    /// The chosen column.
    pub cell: usize,
    /// Where keys go.
    pub focus: DataFocus,
    /// Whether the column's distribution is shown instead of the rows.
    pub distribution: bool,
    /// How far the distribution is scrolled.
    pub scroll: usize,
    /// What was asked and has not been answered.
    pub asked: Option<Query>,
    /// Which rows were asked for last.
    pub pick: RowPick,
    /// The seed of the last sample.
    pub seed: u64,
    /// How many steps had ended when the counts were asked for; they are stale when another has.
    counted_after: Option<usize>,
}

/// Where keys go in the Data view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tui) enum DataFocus {
    /// The list of tables.
    #[default]
    Tables,
    /// The rows of the chosen table.
    Rows,
    /// The cells of the chosen row.
    Cells,
}

impl DataState {
    /// An answer came.
    pub(super) fn answered(&mut self) {
        self.asked = None;
    }

    /// Keeps what is chosen inside what there is.
    pub(super) fn clamp(&mut self, snapshot: &Snapshot, filter: &str) {
        let tables = matching(&snapshot.data, filter).len();
        self.table = self.table.min(tables.saturating_sub(1));
        let rows = snapshot.data.rows.as_ref();
        self.row = self.row.min(rows.map_or(0, |view| view.rows.len()).saturating_sub(1));
        self.cell = self.cell.min(rows.map_or(0, |view| view.columns.len()).saturating_sub(1));
    }

    fn ask(&mut self, query: Query) -> Query {
        self.asked = Some(query.clone());
        query
    }
}

/// The tables that hold the filter's words; those that differ first.
pub(in crate::tui) fn matching<'a>(data: &'a DataView, filter: &str) -> Vec<&'a TableCounts> {
    let words = filter.to_lowercase();
    let mut tables: Vec<_> = data.tables.iter().filter(|table| table.table.to_lowercase().contains(&words)).collect();
    tables
        .sort_by_key(|table| table.equal != Some(false) && (table.equal == Some(true) || table.source == table.target));
    tables
}

impl App {
    /// The tables at the left.
    pub(in crate::tui) fn data_tables(&self) -> Vec<&TableCounts> {
        matching(&self.snapshot.data, &self.filters[View::Data.index()])
    }

    /// The chosen table's name.
    pub(in crate::tui) fn data_table(&self) -> Option<String> {
        self.data_tables().get(self.data.table).map(|table| table.table.clone())
    }

    /// The chosen row, if rows are there.
    pub(in crate::tui) fn data_row(&self) -> Option<&RowPair> {
        self.snapshot.data.rows.as_ref()?.rows.get(self.data.row)
    }

    /// The chosen column of the rows that are shown: table and column.
    pub(in crate::tui) fn data_column(&self) -> Option<(String, String)> {
        let view = self.snapshot.data.rows.as_ref()?;
        Some((view.table.clone(), view.columns.get(self.data.cell)?.clone()))
    }

    /// Asks for the counts of all tables.
    pub(super) fn ask_tables(&mut self) -> Query {
        self.data.counted_after = Some(self.steps_done());
        self.data.ask(Query::Tables)
    }

    /// Whether the counts are older than what the run has done since.
    pub(super) fn tables_are_stale(&self) -> bool {
        self.snapshot.data.tables.is_empty() || self.data.counted_after != Some(self.steps_done())
    }

    fn steps_done(&self) -> usize {
        self.snapshot.steps.iter().filter(|step| step.status == Status::Done).count()
    }

    /// Asks for rows of the chosen table.
    pub(super) fn ask_rows(&mut self, pick: RowPick) -> Option<Query> {
        let table = self.data_table()?;
        self.data.pick = pick.clone();
        self.data.distribution = false;
        self.data.row = 0;
        Some(self.data.ask(Query::Rows { table, pick, limit: ROWS }))
    }

    /// Asks for the distribution of the chosen column.
    pub(super) fn ask_column(&mut self) -> Option<Query> {
        let (table, column) = self.data_column()?;
        Some(self.data.ask(Query::Column { table, column }))
    }
}
