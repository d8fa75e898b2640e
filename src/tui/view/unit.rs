//! What the integers of an interval column would be under each unit, so that the right one is seen.

use super::{Theme, bar, heading, labelled};
use crate::evidence::{IntervalEvidence, UnitHistogram};
use crate::tui::app::unit_words;
use crate::tui::{format, text};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// The values under each unit, the proposed one marked.
pub(super) fn lines(evidence: &IntervalEvidence, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
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
