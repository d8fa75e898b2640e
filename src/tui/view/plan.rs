//! The Plan view: tables with what is wrong first, their columns and conversions, and what speaks for a unit.

use super::detail::reject_lines;
use super::{Limits, List, Theme, bar, empty, heading, labelled, lines, panel, signed, words};
use crate::evidence::{ColumnPlan, IntervalEvidence, PlanReport, Severity, TablePlan, UnitHistogram, Warning};
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
            let text = whole(report, usize::from(inner.width), &app.theme);
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
        None => whole(report, 100, &app.theme),
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
}

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

fn whole(report: &PlanReport, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
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
    if !report.warnings.is_empty() {
        lines.push(Line::default());
    }
    lines.extend(warning_lines(&report.warnings, columns, theme));
    lines
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

/// Broken rows that are told one by one: of the whole plan, and of a table.
const BREAKS: usize = 60;
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
    let chosen = app.plan.column.min(table.columns.len().saturating_sub(1));
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
    lines.extend(labelled("misfits", column.policy.name(), columns, plain));
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
        lines.extend(interval(evidence, columns, theme));
    }
    lines
}

/// The values under each unit, the proposed one marked.
fn interval(evidence: &IntervalEvidence, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines =
        vec![heading(&format!("unit · {}", format::plural(evidence.values, "value", "values")), columns, theme)];
    let (words, style) = match evidence.unit {
        Some(unit) => (unit_words(unit).to_owned(), theme.strong),
        None => ("undecided: u decides".to_owned(), theme.bad),
    };
    lines.extend(labelled("unit", &words, columns, (theme.dim, style)));
    lines.extend(labelled("because", &evidence.because, columns, (theme.dim, Style::new())));
    if evidence.histograms.is_empty() {
        return lines;
    }
    if columns >= 4 * 16 {
        lines.extend(beside(evidence, columns, theme))
    } else {
        lines.extend(below(evidence, columns, theme))
    }
    lines
}

/// One column of bars per unit: what the same values would be.
fn beside(evidence: &IntervalEvidence, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let labels = &evidence.histograms[0].buckets;
    let label = labels.iter().map(|bucket| text::width(&bucket.label)).max().unwrap_or(0).min(16);
    let each = columns.saturating_sub(label + 1) / evidence.histograms.len();
    let most = most(evidence);
    let chosen = |histogram: &UnitHistogram| evidence.unit == Some(histogram.unit);
    let row = |first: String, cell: &dyn Fn(&UnitHistogram) -> String| {
        let mut spans = vec![Span::styled(text::pad(&first, label + 1), theme.dim)];
        spans.extend(evidence.histograms.iter().map(|histogram| {
            let style = if chosen(histogram) { theme.strong } else { theme.dim };
            Span::styled(format!("{} ", text::pad(&cell(histogram), each - 1)), style)
        }));
        Line::from(spans)
    };
    let head = |histogram: &UnitHistogram| {
        let words = unit_words(histogram.unit);
        let words = if text::width(words) + 2 < each { words } else { histogram.unit.name() };
        format!("{}{words}", if chosen(histogram) { "► " } else { "" })
    };
    let mut lines = vec![row(String::new(), &head)];
    lines.push(row("from".to_owned(), &|histogram| format::interval(&histogram.min, each - 1)));
    lines.push(row("to".to_owned(), &|histogram| format::interval(&histogram.max, each - 1)));
    let filled = |index: usize| {
        evidence.histograms.iter().any(|histogram| histogram.buckets.get(index).is_some_and(|bucket| bucket.count > 0))
    };
    for (index, bucket) in labels.iter().enumerate().filter(|(index, _)| filled(*index)) {
        lines.push(row(bucket.label.clone(), &|histogram| {
            let count = histogram.buckets.get(index).map_or(0, |bucket| bucket.count);
            let figure = if count == 0 { String::new() } else { format::count(count) };
            let bar = bar::histogram(count, most, each.saturating_sub(8));
            format!("{} {figure}", bar.trim_end()).trim_start().to_owned()
        }));
    }
    lines
}

/// The same, one unit after the other: for narrow panes.
fn below(evidence: &IntervalEvidence, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let most = most(evidence);
    let mut lines = Vec::new();
    for histogram in &evidence.histograms {
        let chosen = evidence.unit == Some(histogram.unit);
        let style = if chosen { theme.strong } else { theme.dim };
        let sign = if chosen { "►" } else { " " };
        let head = format!("{sign} {}: {} to {}", unit_words(histogram.unit), histogram.min, histogram.max);
        lines.push(text::cut_line(Line::styled(head, style), columns));
        let label = histogram.buckets.iter().map(|bucket| text::width(&bucket.label)).max().unwrap_or(0).min(16);
        for bucket in histogram.buckets.iter().filter(|bucket| bucket.count > 0) {
            let bars = bar::histogram(bucket.count, most, columns.saturating_sub(label + 12));
            lines.push(Line::styled(
                format!("  {} {bars} {}", text::pad(&bucket.label, label), format::count(bucket.count)),
                style,
            ));
        }
    }
    lines
}

fn most(evidence: &IntervalEvidence) -> u64 {
    evidence.histograms.iter().flat_map(|histogram| &histogram.buckets).map(|bucket| bucket.count).max().unwrap_or(0)
}
