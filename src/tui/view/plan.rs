//! The Plan view: tables with what is wrong first, their columns and conversions, and what speaks for a unit.

use super::evidence::reject_lines;
use super::{Limits, List, Theme, empty, heading, labelled, lines, panel, put, signed, unit, words};
use crate::evidence::{ColumnPlan, PlanReport, Severity, TablePlan, Warning};
use crate::tui::app::{App, Loudness, PlanEntry, column_loudness, unit_words};
use crate::tui::hits::Hit;
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let Some(report) = &app.snapshot.plan else {
        let inner = panel(buffer, area, "plan", true, &app.theme);
        empty(
            buffer,
            inner,
            "There is no plan yet.",
            "The step `scan` makes it: it reads a copy of the source against the target's schema.",
            &app.theme,
        );
        return;
    };
    let narrow = area.width < 72;
    let (left, right) = if narrow { (area, area) } else { super::data::split(area, area.width * 2 / 5, 56) };
    if !narrow || !app.plan.inside {
        tables(app, report, buffer, left, limits);
    }
    if narrow && !app.plan.inside {
        return;
    }
    match app.plan_table() {
        Some(table) => table_side(app, report, table, buffer, right, limits),
        None => {
            let inner = panel(buffer, right, "the whole plan", app.plan.inside, &app.theme);
            let text = whole(app, report, usize::from(inner.width));
            limits.plan = lines(buffer, inner, text, app.plan.scroll, &app.theme);
        }
    }
}

/// What is shown at the right, as plain text.
pub(in crate::tui) fn plan_text(app: &App) -> Option<String> {
    let report = app.snapshot.plan.as_ref()?;
    let lines = match app.plan_column() {
        Some((table, _)) => {
            table.columns.iter().flat_map(|column| column_text(report, table, column, 100, &app.theme)).collect()
        }
        None => whole(app, report, 100),
    };
    Some(lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect::<Vec<_>>().join("\n"))
}

fn sign(loudness: Loudness, theme: &Theme) -> (&'static str, Style) {
    match loudness {
        Loudness::Quiet => ("·", theme.dim),
        Loudness::Note => ("·", theme.dim),
        Loudness::Change => ("◆", theme.busy),
        Loudness::Loss => ("▲", theme.warn),
        Loudness::Problem => ("✗", theme.bad),
    }
}

fn tables(app: &App, report: &PlanReport, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let title = format!(
        "{} · {} rows",
        format::plural(report.tables.len() as u64, "table", "tables"),
        format::count(report.rows)
    );
    let inner = panel(buffer, area, &title, !app.plan.inside, &app.theme);
    let columns = usize::from(inner.width);
    let entries = app.plan_entries();
    let schema = words::shared_schema(report.tables.iter().map(|table| table.table.as_str()));
    let line = |index: usize| entry_line(report, &entries[index], schema, columns, &app.theme);
    let chosen = app.plan.entry.min(entries.len().saturating_sub(1));
    let list = List { count: entries.len(), chosen, focused: !app.plan.inside, line };
    let shown = list.draw(buffer, inner, &app.theme);
    limits.hits.add_lines(inner, shown, Hit::PlanEntry);
    legend(buffer, area, &entries, &app.theme);
}

/// What the signs before the tables mean, on the frame's lower side: those that are there.
fn legend(buffer: &mut Buffer, area: Rect, entries: &[PlanEntry<'_>], theme: &Theme) {
    let there = |wanted: Loudness| {
        entries.iter().any(|entry| matches!(entry, PlanEntry::Table(_, loudness) if *loudness == wanted))
    };
    let mut spans = Vec::new();
    for (loudness, words) in SIGNS.into_iter().filter(|(loudness, _)| there(*loudness)) {
        let (sign, style) = sign(loudness, theme);
        spans.extend([Span::styled(format!(" {sign}"), style), Span::styled(format!(" {words} "), theme.dim)]);
    }
    let width = spans.iter().map(|span| text::width(&span.content)).sum::<usize>();
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    if width > 0 && area.width > width.saturating_add(4) && area.height > 2 {
        put(buffer, area.right() - width - 2, area.bottom() - 1, width, Line::from(spans));
    }
}

/// The signs that need a word.
const SIGNS: [(Loudness, &str); 3] =
    [(Loudness::Problem, "forbids it"), (Loudness::Loss, "loses"), (Loudness::Change, "converts")];

fn entry_line(
    report: &PlanReport,
    entry: &PlanEntry<'_>,
    schema: usize,
    columns: usize,
    theme: &Theme,
) -> Line<'static> {
    match entry {
        PlanEntry::Whole => {
            let (words, style) = match (report.problems.len(), report.stopping, report.refused) {
                (0, 0, 0) => ("nothing forbids it".to_owned(), theme.good),
                (0, 0, left) => (format!("{} left out", format::count(left)), theme.warn),
                (0, stopping, _) => (format!("{} forbid it", format::count(stopping)), theme.bad),
                (count, _, _) => (format::plural(count as u64, "problem", "problems"), theme.bad),
            };
            text::spread(vec![Span::styled("the plan", theme.strong)], vec![Span::styled(words, style)], columns)
        }
        PlanEntry::Table(table, loudness) => {
            let (sign, style) = sign(*loudness, theme);
            let left = vec![
                Span::styled(format!("{sign} "), style),
                Span::raw(text::visible(words::unqualified(&table.table, schema))),
            ];
            text::spread(left, vec![Span::styled(format::count(table.rows), theme.dim)], columns)
        }
    }
}

fn whole(app: &App, report: &PlanReport, columns: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let size = format!(
        "{} in {}",
        format::plural(report.rows, "row", "rows"),
        format::plural(report.tables.len() as u64, "table", "tables")
    );
    let plain = (theme.dim, Style::new());
    let mut lines = labelled("loads", &size, columns, plain);
    lines.extend(labelled("source", &format::bytes(report.bytes), columns, plain));
    lines.extend(labelled("takes", &format::guess(report.estimate_seconds), columns, plain));
    let replaced: u64 = report.tables.iter().map(|table| table.rows_target).sum();
    lines.extend(labelled(
        "replaces",
        &format::plural(replaced, "row that stands in the target", "rows that stand in the target"),
        columns,
        plain,
    ));
    if let Some(levels) = &report.levels {
        let (verdict, style) = if levels.equal { ("equal", theme.good) } else { ("not equal", theme.bad) };
        lines.extend(labelled("levels", &format!("{verdict}, by {}", levels.table), columns, (theme.dim, style)));
        lines.extend(labelled("", &format!("source {}", levels.source), columns, plain));
        lines.extend(labelled("", &format!("target {}", levels.target), columns, plain));
        lines.extend(
            levels
                .source_only
                .iter()
                .flat_map(|name| labelled("", &format!("only in the source: {name}"), columns, plain)),
        );
        lines.extend(
            levels
                .target_only
                .iter()
                .flat_map(|name| labelled("", &format!("only in the target: {name}"), columns, plain)),
        );
    }
    if !report.problems.is_empty() {
        lines.push(Line::default());
        lines.push(heading("what forbids it", columns, theme));
    }
    for problem in &report.problems {
        let subject = if problem.subject.is_empty() { String::new() } else { format!("{}: ", problem.subject) };
        lines.extend(signed("✗", theme.bad, &format!("{subject}{}", problem.message), columns));
        lines.extend(signed("▸", theme.accent, &problem.remedy, columns));
    }
    lines.extend(breaks(report, columns, theme));
    lines.extend(loud(app, report, columns));
    if !report.warnings.is_empty() {
        lines.push(Line::default());
    }
    lines.extend(warning_lines(&report.warnings, columns, theme));
    lines
}

/// The columns that there is something to say about, each with what is most to say.
fn loud(app: &App, report: &PlanReport, columns: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let all = app.loud_columns().count();
    if all == 0 {
        return Vec::new();
    }
    let schema = words::shared_schema(report.tables.iter().map(|table| table.table.as_str()));
    let head = format!("{} to look at", format::plural(all as u64, "column", "columns"));
    let mut lines = vec![Line::default(), heading(&head, columns, theme)];
    lines.extend(app.loud_columns().take(LOUD).flat_map(|(table, column, loudness)| {
        let name = format!("{}.{}", words::unqualified(&table.table, schema), column.column);
        let (sign, style) = sign(loudness, theme);
        signed(sign, style, &format!("{}: {}", text::visible(&name), told(column)), columns)
    }));
    lines.extend(more(all.saturating_sub(LOUD) as u64, theme));
    lines
}

/// What there is most to say about a column.
fn told(column: &ColumnPlan) -> String {
    if column.misfits_total > 0 {
        return format!("{} that do not fit", format::plural(column.misfits_total, "cell", "cells"));
    }
    if let Some(evidence) = column.interval.as_ref().filter(|evidence| evidence.values > 0) {
        let unit = evidence.unit.map_or("an undecided unit", unit_words);
        return format!("{} in {unit} become intervals", format::plural(evidence.values, "integer", "integers"));
    }
    let loudest = column.warnings.iter().max_by_key(|warning| warning.severity);
    loudest.map_or_else(|| column.conversion.clone(), |warning| warning.message.clone())
}

/// Rows that break a key, a check or a domain of the target, whichever table they are in.
fn breaks(report: &PlanReport, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    if report.breaks_total == 0 {
        return Vec::new();
    }
    let head = format::plural(report.breaks_total, "row breaks", "rows break");
    let mut lines = vec![Line::default(), heading(&format!("{head} a key or a check"), columns, theme)];
    lines.extend(report.breaks.iter().take(BREAKS).flat_map(|found| reject_lines(found, columns, theme)));
    let shown = report.breaks.len().min(BREAKS) as u64;
    lines.extend(more(report.breaks_total.saturating_sub(shown), theme));
    lines
}

/// Those of one table: in short, because its columns have to stay in sight.
fn table_breaks(report: &PlanReport, table: &TablePlan, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let of_table = || report.breaks.iter().filter(|found| found.table == table.table);
    let mut lines: Vec<Line<'static>> = of_table()
        .take(TABLE_BREAKS)
        .flat_map(|found| {
            let column = found.column.as_deref().map(|column| format!(".{column}")).unwrap_or_default();
            let body = format!("{}{column}: {}", words::key_text(&found.key), found.reason);
            signed("✗", theme.bad, &body, columns)
        })
        .collect();
    lines.extend(more(of_table().count().saturating_sub(TABLE_BREAKS) as u64, theme));
    lines
}

fn more(count: u64, theme: &Theme) -> Option<Line<'static>> {
    (count > 0).then(|| Line::styled(format!("+ {} more", format::exact(count)), theme.dim))
}

/// What is told one by one: broken rows of the whole plan, columns to look at, and broken rows of a table.
const BREAKS: usize = 60;
const LOUD: usize = 40;
const TABLE_BREAKS: usize = 3;

fn warning_lines(warnings: &[Warning], columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut sorted: Vec<&Warning> = warnings.iter().collect();
    sorted.sort_by_key(|warning| std::cmp::Reverse(warning.severity));
    sorted
        .into_iter()
        .flat_map(|warning| {
            let (sign, style) = match warning.severity {
                Severity::Note => ("·", theme.dim),
                Severity::Change => ("◆", theme.busy),
                Severity::Loss => ("▲", theme.warn),
            };
            signed(sign, style, &warning.message, columns)
        })
        .collect()
}

/// The chosen table: its columns above, the chosen column below.
fn table_side(app: &App, report: &PlanReport, table: &TablePlan, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let notes = |columns: usize| {
        let mut notes = table_breaks(report, table, columns, &app.theme);
        notes.extend(warning_lines(&table.warnings, columns, &app.theme));
        notes
    };
    let told = notes(usize::from(area.width.saturating_sub(4))).len();
    let wanted = u16::try_from(table.columns.len() + told).unwrap_or(u16::MAX).saturating_add(2);
    let upper = Rect { height: wanted.clamp(5, (area.height / 2).max(5)).min(area.height), ..area };
    let title =
        format!("{} · {} rows ▸ replaces {}", table.table, format::count(table.rows), format::count(table.rows_target));
    let inner = panel(buffer, upper, &text::visible(&title), app.plan.inside, &app.theme);
    let notes = notes(usize::from(inner.width));
    let room = usize::from(inner.height).saturating_sub(3);
    let top = u16::try_from(notes.len().min(room)).unwrap_or(0);
    lines(buffer, Rect { height: top, ..inner }, notes, 0, &app.theme);
    columns_list(app, report, table, buffer, Rect { y: inner.y + top, height: inner.height - top, ..inner }, limits);
    let lower = Rect { y: upper.bottom(), height: area.height - upper.height, ..area };
    if let Some((_, column)) = app.plan_column().filter(|_| lower.height > 2) {
        let inner = panel(buffer, lower, &text::visible(&column.column), false, &app.theme);
        let text = column_text(report, table, column, usize::from(inner.width), &app.theme);
        limits.plan = lines(buffer, inner, text, app.plan.scroll, &app.theme);
    }
}

fn columns_list(
    app: &App,
    report: &PlanReport,
    table: &TablePlan,
    buffer: &mut Buffer,
    area: Rect,
    limits: &mut Limits,
) {
    let longest = |of: fn(&ColumnPlan) -> usize| table.columns.iter().map(of).max().unwrap_or(0);
    let room = usize::from(area.width);
    let name = longest(|column| text::width(&column.column)).min(room / 3).max(6);
    let source = longest(|column| text::width(&column.source_type)).min(room / 5).max(4);
    let line = |index: usize| {
        let column = &table.columns[index];
        let (sign, style) = sign(column_loudness(report, table, column), &app.theme);
        let misfits = if column.misfits_total > 0 {
            format!("{} misfit", format::count(column.misfits_total))
        } else {
            String::new()
        };
        let left = vec![
            Span::styled(format!("{sign} "), style),
            Span::raw(text::pad(&text::visible(&column.column), name)),
            Span::styled(format!(" {} ▸ ", text::pad(&column.source_type, source)), app.theme.dim),
            Span::raw(column.target_type.clone()),
        ];
        text::spread(left, vec![Span::styled(misfits, app.theme.warn)], room)
    };
    let chosen = app.chosen_column();
    let list = List { count: table.columns.len(), chosen, focused: app.plan.inside, line };
    let shown = list.draw(buffer, area, &app.theme);
    limits.hits.add_lines(area, shown, Hit::PlanColumn);
}

/// All about a column.
fn column_text(
    report: &PlanReport,
    table: &TablePlan,
    column: &ColumnPlan,
    columns: usize,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let plain = (theme.dim, Style::new());
    let subject = format!("{}.{}", table.table, column.column);
    let mut lines = labelled("converts", &column.conversion, columns, plain);
    let stored: Vec<String> = column
        .storage
        .iter()
        .map(|(class, count)| format!("{} {class:?}", format::count(*count)).to_lowercase())
        .collect();
    lines.extend(labelled("holds", &stored.join(", "), columns, plain));
    lines.extend(labelled("misfits", &misfits(column), columns, plain));
    for problem in report.problems.iter().filter(|problem| problem.subject == subject) {
        lines.extend(signed("✗", theme.bad, &problem.message, columns));
        lines.extend(signed("▸", theme.accent, &problem.remedy, columns));
    }
    // What speaks for the unit stands with its picture.
    let said = column.interval.as_ref().map(|evidence| evidence.because.as_str()).filter(|because| !because.is_empty());
    let others: Vec<Warning> = column
        .warnings
        .iter()
        .filter(|warning| said.is_none_or(|said| !warning.message.contains(said)))
        .cloned()
        .collect();
    lines.extend(warning_lines(&others, columns, theme));
    if column.misfits_total > 0 {
        lines.push(heading(
            &format!("{} that do not fit", format::plural(column.misfits_total, "cell", "cells")),
            columns,
            theme,
        ));
    }
    for misfit in &column.misfits {
        let value = misfit.value.as_deref().map_or("NULL".to_owned(), text::visible);
        lines.extend(signed(
            "▲",
            theme.warn,
            &format!("{}: {value} ({})", words::key_text(&misfit.key), misfit.reason),
            columns,
        ));
    }
    if let Some(evidence) = &column.interval {
        lines.extend(unit::lines(evidence, columns, theme));
    }
    lines
}

fn misfits(column: &ColumnPlan) -> String {
    let found = match column.misfits_total {
        0 => "none found".to_owned(),
        many => format::plural(many, "cell", "cells"),
    };
    format!("{found} · policy {}", column.policy.name())
}
