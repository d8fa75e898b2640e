//! What a step proved, line by line: rows that differ and rejects first, then checks and tables.

use super::{Theme, heading, repair, signed, words};
use crate::evidence::{Difference, DifferenceKind, Evidence, Finding, Reject, TableResult, Verdict};
use crate::tui::{format, text};
use ratatui::text::{Line, Span};

/// What a step proved: checks, rejects, differences, tables.
pub(super) fn lines(found: &Evidence, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if found.differences_total > 0 {
        lines.push(Line::default());
        lines.push(heading(&format::plural(found.differences_total, "row differs", "rows differ"), columns, theme));
        lines.extend(
            found.differences.iter().take(40).flat_map(|difference| difference_lines(difference, columns, theme)),
        );
    }
    lines.extend(repair::lines(&found.repairs, columns, theme));
    if found.rejects_total > 0 {
        lines.push(Line::default());
        lines.push(heading(&format::plural(found.rejects_total, "reject", "rejects"), columns, theme));
        lines.extend(found.rejects.iter().take(40).flat_map(|reject| reject_lines(reject, columns, theme)));
    }
    if !found.findings.is_empty() {
        lines.push(Line::default());
        lines.push(heading(&checks(&found.findings), columns, theme));
        let mut sorted: Vec<&Finding> = found.findings.iter().collect();
        sorted.sort_by_key(|finding| matches!(finding.verdict, Verdict::Passed));
        lines.extend(sorted.into_iter().flat_map(|finding| finding_lines(finding, columns, theme)));
    }
    if !found.tables.is_empty() {
        lines.push(Line::default());
        lines.push(heading(&format::plural(found.tables.len() as u64, "table", "tables"), columns, theme));
        let mut tables: Vec<&TableResult> = found.tables.iter().collect();
        tables.sort_by_key(|table| !differs(table));
        lines.extend(tables.into_iter().map(|table| table_line(table, columns, theme)));
    }
    lines
}

fn checks(findings: &[Finding]) -> String {
    let passed = findings.iter().filter(|finding| finding.verdict == Verdict::Passed).count();
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Failed).count();
    let mut words = format!("{passed} of {} passed", format::plural(findings.len() as u64, "check", "checks"));
    if failed > 0 {
        words.push_str(&format!(", {failed} failed"));
    }
    words
}

fn finding_lines(finding: &Finding, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let (sign, words, style) = words::verdict(&finding.verdict, theme);
    let detail = [words.as_str(), finding.detail.as_str()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    let body = if detail.is_empty() { finding.check.clone() } else { format!("{}: {detail}", finding.check) };
    let mut lines = signed(sign, style, &body, columns);
    if !finding.remedy.is_empty() && finding.verdict != Verdict::Passed {
        lines.extend(signed("▸", theme.accent, &finding.remedy, columns));
    }
    lines
}

fn difference_lines(difference: &Difference, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let kind = match difference.kind {
        DifferenceKind::Changed => "changed",
        DifferenceKind::Missing => "missing in the target",
        DifferenceKind::Extra => "extra in the target",
    };
    let head = format!("{} {} {kind}", difference.table, words::key_text(&difference.key));
    let mut lines = signed("≠", theme.bad, &head, columns);
    for cell in &difference.columns {
        let show = |value: &Option<String>| value.as_deref().map_or("NULL".to_owned(), text::visible);
        let (source, target) = (show(&cell.source), show(&cell.target));
        let name = format!("    {}: ", text::visible(&cell.column));
        let whole = format!("{name}{source} ▸ {target}");
        let rows = if text::width(&whole) <= columns {
            vec![whole]
        } else {
            // Both sides begin at the same column, so that the eye can compare them.
            vec![format!("{name}{source}"), format!("{}▸ {target}", " ".repeat(text::width(&name).saturating_sub(2)))]
        };
        lines.extend(rows.into_iter().map(|row| text::cut_line(Line::styled(row, theme.warn), columns)));
    }
    lines
}

/// A refused cell or row, and what becomes of it.
pub(super) fn reject_lines(reject: &Reject, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let column = reject.column.as_deref().map(|column| format!(".{column}")).unwrap_or_default();
    let value = reject.value.as_deref().map_or("NULL".to_owned(), text::visible);
    let head = format!("{}{column} {}: {value}", reject.table, words::key_text(&reject.key));
    let mut lines = signed("✗", theme.bad, &head, columns);
    lines.extend(signed(" ", theme.dim, &format!("{} ({})", reject.reason, reject.action.name()), columns));
    lines
}

fn differs(table: &TableResult) -> bool {
    table.digest_target.is_some() && table.digest_source != table.digest_target
}

fn table_line(table: &TableResult, columns: usize, theme: &Theme) -> Line<'static> {
    let (sign, style, proof) = match (&table.digest_source, &table.digest_target) {
        _ if differs(table) => ("✗", theme.bad, "differs"),
        (Some(_), Some(_)) => ("✓", theme.good, "equal  "),
        _ if table.rows_rejected > 0 => ("▲", theme.warn, ""),
        _ => ("·", theme.dim, ""),
    };
    let rejected = if table.rows_rejected > 0 {
        format!(", {} rejected", format::exact(table.rows_rejected))
    } else {
        String::new()
    };
    let right = format!(
        "{} rows{rejected}  {} {proof}",
        format::exact(table.rows_loaded),
        text::pad_start(&format::duration(table.seconds), 7)
    );
    let left = vec![Span::styled(format!("{sign} "), style), Span::raw(text::visible(&table.table))];
    text::spread(left, vec![Span::styled(right, theme.dim)], columns)
}
