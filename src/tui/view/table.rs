//! One table before its rows are looked at: how many there are, what verify found, and how to see more of it.

use super::{Theme, heading, labelled, lines};
use crate::engine::snapshot::TableCounts;
use crate::evidence::TableResult;
use crate::tui::act::Act;
use crate::tui::app::App;
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

pub(super) fn draw(app: &App, table: &TableCounts, buffer: &mut Buffer, area: Rect) {
    let columns = usize::from(area.width);
    let theme = &app.theme;
    let mut text = counts(table, columns, theme);
    text.extend(proof(table, result(app, &table.table), columns, theme));
    text.push(Line::default());
    text.push(heading("look at", columns, theme));
    text.extend(WAYS.map(|(act, words)| {
        let key = Span::styled(text::pad(&app.keymap.shown(act), 11), theme.accent);
        Line::from(vec![key, Span::raw(words)])
    }));
    lines(buffer, area, text, 0, theme);
}

const WAYS: [(Act, &str); 5] = [
    (Act::Open, "the rows that differ, else the riskiest, side by side"),
    (Act::Riskiest, "the riskiest rows: extremes, nulls, longest, non-ASCII, boundaries"),
    (Act::Sample, "a random sample"),
    (Act::Differing, "the rows that differ"),
    (Act::FindKey, "the row with a key"),
];

fn counts(table: &TableCounts, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let words = format!(
        "{} in the source, {} in the target",
        format::plural(table.source, "row", "rows"),
        format::exact(table.target)
    );
    let style = if table.source == table.target { Style::new() } else { theme.warn };
    labelled("counts", &words, columns, (theme.dim, style))
}

/// What verify found about the table last.
fn proof(table: &TableCounts, result: Option<&TableResult>, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let (words, style) = match table.equal {
        Some(true) => ("✓ equal cell by cell", theme.good),
        Some(false) => ("≠ differs", theme.bad),
        None => ("· not compared yet: `verify` does", theme.dim),
    };
    let mut lines = labelled("proof", words, columns, (theme.dim, style));
    let Some(result) = result.filter(|_| table.equal.is_some()) else { return lines };
    let digest = |digest: &Option<String>| digest.clone().unwrap_or_else(|| "-".to_owned());
    lines.extend(labelled(
        "digests",
        &format!("source {}", digest(&result.digest_source)),
        columns,
        (theme.dim, theme.dim),
    ));
    lines.extend(labelled("", &format!("target {}", digest(&result.digest_target)), columns, (theme.dim, theme.dim)));
    if result.rows_rejected > 0 {
        let words = format!("{} by policy; the report names them", format::plural(result.rows_rejected, "row", "rows"));
        lines.extend(labelled("rejected", &words, columns, (theme.dim, theme.warn)));
    }
    lines
}

fn result<'a>(app: &'a App, table: &str) -> Option<&'a TableResult> {
    let verified = app.snapshot.steps.iter().rev().filter(|step| step.action == "verify");
    verified.flat_map(|step| &step.evidence.tables).find(|result| result.table == table)
}
