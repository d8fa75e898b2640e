//! A column's values on both sides, bar over bar, so that a wrong unit or a lost range is seen at once.

use super::{Limits, Theme, bar, empty, heading, lines, panel};
use crate::engine::snapshot::{ColumnView, Distribution};
use crate::tui::app::App;
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let wanted = app.data_column();
    let title =
        wanted.as_ref().map_or("column".to_owned(), |(table, column)| format!("{table}.{column} · source over target"));
    let inner = panel(buffer, area, &text::visible(&title), true, &app.theme);
    let shown =
        app.snapshot.data.column.as_ref().filter(|view| {
            wanted.as_ref().is_some_and(|(table, column)| *table == view.table && *column == view.column)
        });
    match (shown, &app.data.asked, &app.snapshot.data.error) {
        (_, Some(_), _) => empty(buffer, inner, "Reading the column on both sides…", "d or esc goes back", &app.theme),
        (Some(view), None, _) => {
            let text = text_of(view, usize::from(inner.width), &app.theme);
            limits.distribution = lines(buffer, inner, text, app.data.scroll, &app.theme);
        }
        (None, None, Some(error)) => empty(buffer, inner, error, "d or esc goes back", &app.theme),
        (None, None, None) => {
            empty(buffer, inner, "Nothing was read of this column.", "d twice asks again", &app.theme)
        }
    }
}

fn text_of(view: &ColumnView, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let (source, target) = (&view.source, &view.target);
    let label = 10;
    let side = columns.saturating_sub(label + 4) / 2;
    let row = |name: &str, left: String, right: String| {
        let differs = left != right;
        let style = if differs { theme.bad } else { Style::new() };
        Line::from(vec![
            Span::styled(text::pad(name, label), theme.dim),
            Span::styled(text::pad(&text::visible(&left), side), style),
            Span::styled(if differs { " ≠  " } else { " =  " }, if differs { theme.bad } else { theme.good }),
            Span::styled(text::pad(&text::visible(&right), side), style),
        ])
    };
    let head = format!("{}{}    {}", " ".repeat(label), text::pad("source", side), text::pad("target", side));
    let bound = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let mut lines = vec![
        Line::styled(head, theme.dim),
        row("rows", format::exact(source.rows), format::exact(target.rows)),
        row("null", nulls(source), nulls(target)),
        row("distinct", distinct(source), distinct(target)),
        row("smallest", bound(&source.min), bound(&target.min)),
        row("largest", bound(&source.max), bound(&target.max)),
        Line::default(),
    ];
    if source.buckets.is_empty() && target.buckets.is_empty() {
        lines.push(Line::styled("There are no values to draw.", theme.dim));
        return lines;
    }
    lines.push(heading("values · upper bar source, lower bar target", columns, theme));
    lines.extend(bars(source, target, columns, theme));
    lines
}

fn distinct(side: &Distribution) -> String {
    let more = if side.distinct < Distribution::DISTINCT { "" } else { " or more" };
    format!("{}{more}", format::exact(side.distinct))
}

fn nulls(side: &Distribution) -> String {
    format!("{} ({})", format::exact(side.nulls), format::percent(side.nulls, side.rows.max(1)))
}

fn bars(source: &Distribution, target: &Distribution, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let counts = source.buckets.iter().chain(&target.buckets);
    let most = counts.clone().map(|(_, count)| *count).max().unwrap_or(0);
    let label = counts.map(|(label, _)| text::width(label)).max().unwrap_or(0).min(columns / 4).max(4);
    let room = columns.saturating_sub(label + 10);
    let labels = if source.buckets.len() >= target.buckets.len() { &source.buckets } else { &target.buckets };
    let of = |side: &Distribution, index: usize| side.buckets.get(index).map_or(0, |(_, count)| *count);
    labels
        .iter()
        .enumerate()
        .flat_map(|(index, (name, _))| {
            let (left, right) = (of(source, index), of(target, index));
            let differs = left != right;
            let line = |name: &str, count: u64, style: Style, sign: &str| {
                Line::from(vec![
                    Span::styled(format!("{} ", text::pad(&text::visible(name), label)), theme.dim),
                    Span::styled(bar::histogram(count, most, room), style),
                    Span::styled(format!(" {}", text::pad_start(&format::count(count), 6)), theme.dim),
                    Span::styled(format!(" {sign}"), theme.bad),
                ])
            };
            let below = if differs { theme.bad } else { theme.good };
            [line(name, left, theme.busy, " "), line("", right, below, if differs { "≠" } else { " " })]
        })
        .collect()
}
