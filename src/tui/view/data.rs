//! The Data view: tables with their counts; a table's rows, the chosen one cell by cell on both sides; a column's distributions.

use super::{Limits, List, Theme, distribution, empty, panel, words};
use crate::engine::snapshot::{RowPair, RowPick, RowsView, TableCounts};
use crate::tui::app::{App, DataFocus};
use crate::tui::hits::Hit;
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let narrow = area.width < 100;
    let (left, right) = if narrow { (area, area) } else { split(area, area.width / 3, 50) };
    if !narrow || app.data.focus == DataFocus::Tables {
        tables(app, buffer, left, limits);
    }
    if narrow && app.data.focus == DataFocus::Tables {
        return;
    }
    if app.data.distribution {
        distribution::draw(app, buffer, right, limits);
    } else {
        rows_and_cells(app, buffer, right, limits);
    }
}

/// Two panes next to each other, the left one `wanted` wide and no wider than `most`.
pub(super) fn split(area: Rect, wanted: u16, most: u16) -> (Rect, Rect) {
    let left = Rect { width: wanted.clamp(24, most).min(area.width), ..area };
    (left, Rect { x: left.right(), width: area.width - left.width, ..area })
}

fn tables(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let focused = app.data.focus == DataFocus::Tables;
    let shown = app.data_tables();
    let title = title(app, &shown);
    let inner = panel(buffer, area, &title, focused, &app.theme);
    if shown.is_empty() {
        nothing(app, buffer, inner);
        return;
    }
    let figures = shown.iter().map(|table| format::count(table.source.max(table.target)).len()).max().unwrap_or(0);
    let columns = usize::from(inner.width);
    let schema = words::shared_schema(app.snapshot.data.tables.iter().map(|table| table.table.as_str()));
    let line = |index: usize| table_line(shown[index], schema, columns, figures, &app.theme);
    let seen = List { count: shown.len(), chosen: app.data.table, focused, line }.draw(buffer, inner, &app.theme);
    limits.hits.add_lines(inner, seen, Hit::Table);
}

/// How many tables are listed. A filter says how many it hides, and whether some of those differ.
fn title(app: &App, shown: &[&TableCounts]) -> String {
    let all = &app.snapshot.data.tables;
    let tables = format::plural(all.len() as u64, "table", "tables");
    if shown.len() == all.len() {
        return format!("{tables} · source ▸ target");
    }
    let differ = |tables: &mut dyn Iterator<Item = &TableCounts>| tables.filter(|table| differs(table)).count();
    let hidden = differ(&mut all.iter()) - differ(&mut shown.iter().copied());
    let rest = if hidden > 0 { format!("▲ {hidden} hidden differ") } else { "source ▸ target".to_owned() };
    format!("{} of {tables} · {rest}", shown.len())
}

fn differs(table: &TableCounts) -> bool {
    table.equal == Some(false)
}

fn nothing(app: &App, buffer: &mut Buffer, area: Rect) {
    let (what, then) = match (&app.snapshot.data.error, &app.data.asked) {
        (_, Some(_)) => ("Reading both sides…".to_owned(), "ctrl-r asks again"),
        (Some(error), None) => (error.clone(), "ctrl-r asks again"),
        (None, None) if !app.snapshot.data.tables.is_empty() => {
            ("No table has these words.".to_owned(), "/ changes the filter")
        }
        (None, None) => ("No tables yet.".to_owned(), "ctrl-r asks both sides"),
    };
    empty(buffer, area, &what, then, &app.theme);
}

fn table_line(table: &TableCounts, schema: usize, columns: usize, figures: usize, theme: &Theme) -> Line<'static> {
    let same = table.source == table.target;
    let (sign, style, words) = match (table.equal, same) {
        (Some(true), _) => ("✓", theme.good, "equal  "),
        (Some(false), _) => ("≠", theme.bad, "differs"),
        (None, true) => ("·", theme.dim, "       "),
        (None, false) => ("·", theme.warn, "       "),
    };
    let left = vec![
        Span::styled(format!("{sign} "), style),
        Span::raw(text::visible(words::unqualified(&table.table, schema))),
    ];
    let counts = format!(
        "{} ▸ {}",
        text::pad_start(&format::count(table.source), figures),
        text::pad_start(&format::count(table.target), figures)
    );
    let count_style = if same { theme.dim } else { theme.warn };
    let mut right = vec![Span::styled(counts, count_style)];
    if columns >= 44 {
        right.push(Span::styled(format!(" {words}"), style));
    }
    text::spread(left, right, columns)
}

fn rows_and_cells(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let chosen = app.data_table();
    let view = app.snapshot.data.rows.as_ref().filter(|view| Some(&view.table) == chosen.as_ref());
    let Some(view) = view.filter(|view| !view.rows.is_empty()) else {
        let inner =
            panel(buffer, area, chosen.as_deref().unwrap_or("rows"), app.data.focus != DataFocus::Tables, &app.theme);
        match app.data_tables().get(app.data.table) {
            Some(table) if app.data.focus == DataFocus::Tables && app.data.asked.is_none() => {
                super::table::draw(app, table, buffer, inner);
            }
            _ => no_rows(app, buffer, inner),
        }
        return;
    };
    let third = (area.height / 3).max(4);
    let wanted = u16::try_from(view.rows.len()).unwrap_or(u16::MAX).saturating_add(2);
    let cells_wanted = u16::try_from(view.columns.len()).unwrap_or(u16::MAX).saturating_add(3);
    let upper = Rect { height: wanted.clamp(4, area.height.saturating_sub(cells_wanted).max(third)), ..area };
    rows(app, view, buffer, upper, limits);
    cells(app, view, buffer, Rect { y: upper.bottom(), height: area.height - upper.height, ..area }, limits);
}

fn no_rows(app: &App, buffer: &mut Buffer, area: Rect) {
    let (what, then) = match (&app.data.asked, &app.snapshot.data.error) {
        (Some(_), _) => ("Reading rows of both sides…".to_owned(), ""),
        (None, Some(error)) => (error.clone(), "e asks again for the riskiest rows"),
        (None, None) => {
            (none_of(&app.data.pick).to_owned(), "e riskiest · n a sample · x those that differ · f by key")
        }
    };
    empty(buffer, area, &what, then, &app.theme);
}

fn none_of(pick: &RowPick) -> &'static str {
    match pick {
        RowPick::Riskiest | RowPick::Sample(_) => "The table has no rows.",
        RowPick::Key(_) => "No row has this key.",
        RowPick::Differing => "No row of this table differs.",
    }
}

fn pick_words(pick: &RowPick) -> String {
    match pick {
        RowPick::Riskiest => "riskiest".to_owned(),
        RowPick::Sample(seed) => format!("sample {seed}"),
        RowPick::Key(key) => format!("key {key}"),
        RowPick::Differing => "differing".to_owned(),
    }
}

fn rows(app: &App, view: &RowsView, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let focused = app.data.focus == DataFocus::Rows;
    let asked = if app.data.asked.is_some() { " · reading…" } else { "" };
    let rows = format::plural(view.rows.len() as u64, "row", "rows");
    let title = format!("{} · {} · {rows}{asked}", view.table, pick_words(&app.data.pick));
    let inner = panel(buffer, area, &text::visible(&title), focused, &app.theme);
    let columns = usize::from(inner.width);
    let key = view.rows.iter().map(|row| text::width(&words::key_text(&row.key))).max().unwrap_or(0).min(columns / 2);
    let line = |index: usize| row_line(&view.rows[index], key, columns, &app.theme);
    let shown = List { count: view.rows.len(), chosen: app.data.row, focused, line }.draw(buffer, inner, &app.theme);
    limits.hits.add_lines(inner, shown, Hit::Row);
}

fn row_line(row: &RowPair, key: usize, columns: usize, theme: &Theme) -> Line<'static> {
    let (sign, style, verdict) = verdict(row, theme);
    let left = vec![
        Span::styled(format!("{sign} "), style),
        Span::raw(text::pad(&words::key_text(&row.key), key)),
        Span::styled(format!("  {}", text::visible(&row.because)), theme.dim),
    ];
    text::spread(left, vec![Span::styled(verdict, style)], columns)
}

fn verdict(row: &RowPair, theme: &Theme) -> (&'static str, Style, String) {
    match (&row.source, &row.target) {
        (Some(_), None) => ("≠", theme.bad, "missing in the target".to_owned()),
        (None, Some(_)) => ("≠", theme.bad, "extra in the target".to_owned()),
        _ if row.differing.is_empty() => ("✓", theme.good, "equal".to_owned()),
        _ => ("≠", theme.bad, format::plural(row.differing.len() as u64, "cell differs", "cells differ")),
    }
}

fn cells(app: &App, view: &RowsView, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let Some(row) = view.rows.get(app.data.row).filter(|_| area.height > 2) else { return };
    let focused = app.data.focus == DataFocus::Cells;
    let title = format!("{} · source beside target", words::key_text(&row.key));
    let inner = panel(buffer, area, &title, focused, &app.theme);
    let columns = usize::from(inner.width);
    let widths = Widths::of(view, columns);
    super::put(buffer, inner.x, inner.y, inner.width, widths.head(row, &app.theme));
    let line = |index: usize| cell_line(view, row, index, &widths, &app.theme);
    let below = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let list = List { count: view.columns.len(), chosen: app.data.cell, focused, line };
    let shown = list.draw(buffer, below, &app.theme);
    limits.hits.add_lines(below, shown, Hit::Cell);
}

struct Widths {
    name: usize,
    side: usize,
}

impl Widths {
    fn of(view: &RowsView, columns: usize) -> Self {
        let longest = view.columns.iter().map(|name| text::width(name)).max().unwrap_or(0);
        let name = longest.min(columns / 4).max(6);
        Self { name, side: columns.saturating_sub(name + 6) / 2 }
    }

    fn head(&self, row: &RowPair, theme: &Theme) -> Line<'static> {
        let side = |name: &str, there: bool| {
            text::pad(&if there { name.to_owned() } else { format!("{name}: no such row") }, self.side)
        };
        let words = format!(
            "  {} {}   {}",
            text::pad("column", self.name),
            side("source", row.source.is_some()),
            side("target", row.target.is_some())
        );
        Line::styled(words, theme.dim)
    }
}

fn cell_line(view: &RowsView, row: &RowPair, index: usize, widths: &Widths, theme: &Theme) -> Line<'static> {
    let differs = row.differing.contains(&index) || row.source.is_none() || row.target.is_none();
    let (sign, style) = if differs { ("≠", theme.bad) } else { (" ", Style::new()) };
    let side =
        |values: &Option<Vec<Option<String>>>| match values.as_ref().map(|values| values.get(index).cloned().flatten())
        {
            None => (String::new(), theme.faint),
            Some(None) => ("NULL".to_owned(), theme.dim),
            Some(Some(value)) if value.is_empty() => ("''".to_owned(), theme.dim),
            Some(Some(value)) => (text::visible(&value), if differs { theme.warn } else { Style::new() }),
        };
    let (source, source_style) = side(&row.source);
    let (target, target_style) = side(&row.target);
    Line::from(vec![
        Span::styled(format!("{sign} "), style),
        Span::styled(
            text::pad(&text::visible(&view.columns[index]), widths.name),
            if differs { theme.strong } else { theme.dim },
        ),
        Span::raw(" "),
        Span::styled(text::pad(&source, widths.side), source_style),
        Span::styled(if differs { " ≠ " } else { "   " }, style),
        Span::styled(text::pad(&target, widths.side), target_style),
    ])
}

/// A row on both sides, as plain text.
pub(in crate::tui) fn row_text(app: &App, row: &RowPair) -> String {
    let Some(view) = &app.snapshot.data.rows else { return String::new() };
    let side = |values: &Option<Vec<Option<String>>>, index: usize| match values {
        None => "(no row)".to_owned(),
        Some(values) => values.get(index).cloned().flatten().unwrap_or_else(|| "NULL".to_owned()),
    };
    let head = format!("{} {}", view.table, words::key_text(&row.key));
    let cells = view.columns.iter().enumerate().map(|(index, name)| {
        let sign = if row.differing.contains(&index) { "!=" } else { "=" };
        format!("{name}: {} {sign} {}", side(&row.source, index), side(&row.target, index))
    });
    std::iter::once(head).chain(cells).collect::<Vec<_>>().join("\n")
}
