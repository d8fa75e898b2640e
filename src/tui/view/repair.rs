//! What `repair-intervals` found: how many values per column were taken in the wrong unit, the values before and after, and how all of them
//! are distributed before and after.

use super::{Theme, bar, heading, labelled, words};
use crate::evidence::{ColumnRepair, UnitHistogram, ValueRepair};
use crate::tui::app::unit_words;
use crate::tui::{format, text};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Examples that are shown of each column.
const SHOWN: usize = 8;

/// A section per column.
pub(super) fn lines(repairs: &[ColumnRepair], columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    repairs.iter().flat_map(|found| column(found, columns, theme)).collect()
}

fn column(found: &ColumnRepair, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let plain = (theme.dim, Style::new());
    let mut lines = vec![Line::default(), heading(&found.label(), columns, theme)];
    let (verdict, style) = verdict(found, theme);
    lines.extend(labelled("wrong", &verdict, columns, (theme.dim, style)));
    if let Some(wrong) = found.wrong {
        let units = format!("taken as {}, are {}", unit_words(wrong), unit_words(found.unit));
        lines.extend(labelled("unit", &units, columns, plain));
    }
    lines.extend(labelled("because", &found.evidence.because, columns, plain));
    lines.extend(labelled("left alone", &left_alone(found), columns, plain));
    if !found.examples.is_empty() {
        lines.extend(values(&found.examples, columns, theme));
    }
    if let [before, after, ..] = found.evidence.histograms.as_slice() {
        lines.extend(distributions(before, after, columns, theme));
    }
    lines
}

fn verdict(found: &ColumnRepair, theme: &Theme) -> (String, Style) {
    let rows = format::plural(found.rows, "value", "values");
    match (found.rows, found.repaired) {
        (0, _) => ("✓ none".to_owned(), theme.good),
        (_, true) => (format!("✓ {rows}, repaired"), theme.good),
        (_, false) => (format!("▲ {rows}, not repaired yet"), theme.warn),
    }
}

fn left_alone(found: &ColumnRepair) -> String {
    let parts = [
        (found.right, "right as they stand"),
        (found.neither, "neither right nor wrong"),
        (found.unknown, "without a row in the source, or outside the bounds"),
        (found.missing, "missing in the target"),
        (found.earlier, "written by an earlier repair"),
        (found.suspect, "suspect, outside the bounds"),
    ];
    let told = parts.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, words)| format!("{} {words}", format::exact(count))).collect::<Vec<_>>().join(", ")
}

/// The first of the values, side by side.
fn values(examples: &[ValueRepair], columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let shown = &examples[..examples.len().min(SHOWN)];
    let key =
        shown.iter().map(|value| text::width(&words::key_text(&value.key))).max().unwrap_or(0).clamp(4, columns / 3);
    let side = columns.saturating_sub(key + 5) / 2;
    let head = format!("{} {}   {}", text::pad("row", key), text::pad("before", side), text::pad("after", side));
    let mut lines = vec![Line::styled(head, theme.dim)];
    lines.extend(shown.iter().map(|value| {
        let show = |side: &Option<String>| side.as_deref().map_or("NULL".to_owned(), text::visible);
        Line::from(vec![
            Span::styled(format!("{} ", text::pad(&words::key_text(&value.key), key)), theme.dim),
            Span::styled(text::pad(&show(&value.before), side), theme.warn),
            Span::styled(" ▸ ", theme.dim),
            Span::styled(text::pad(&show(&value.after), side), theme.good),
        ])
    }));
    lines
}

/// All values, before over after in the same buckets.
fn distributions(before: &UnitHistogram, after: &UnitHistogram, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let counts = before.buckets.iter().chain(&after.buckets);
    let most = counts.clone().map(|bucket| bucket.count).max().unwrap_or(0);
    let label = counts.map(|bucket| text::width(&bucket.label)).max().unwrap_or(0).min(16);
    let room = columns.saturating_sub(label + 9);
    let mut lines = vec![Line::styled("all values · upper bar before, lower bar after", theme.dim)];
    for (one, other) in before.buckets.iter().zip(&after.buckets).filter(|(one, other)| one.count + other.count > 0) {
        let bar = |name: &str, count: u64, style: Style| {
            Line::from(vec![
                Span::styled(format!("{} ", text::pad(name, label)), theme.dim),
                Span::styled(bar::histogram(count, most, room), style),
                Span::styled(format!(" {}", text::pad_start(&format::count(count), 6)), theme.dim),
            ])
        };
        lines.extend([bar(&one.label, one.count, theme.warn), bar("", other.count, theme.good)]);
    }
    lines
}
