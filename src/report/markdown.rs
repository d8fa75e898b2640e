//! The report as Markdown, readable as it stands.

use super::model::{Report, StepReport};
use super::proof::is_equal;
use super::words::{cell, key, state_name, status_name};
use crate::engine::snapshot::Snapshot;
use crate::evidence::{ColumnRepair, DifferenceKind, ValueRepair, Verdict};
use crate::figures;

/// The report as Markdown.
#[must_use]
pub fn markdown(snapshot: &Snapshot) -> String {
    let report = Report::of(snapshot);
    let parts = [
        head(&report),
        steps(&report),
        failures(&report),
        decisions(&report),
        columns(&report),
        tables(&report),
        rejects(&report),
        differences(&report),
        repairs(&report),
        findings(&report),
    ];
    let mut text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn head(report: &Report<'_>) -> String {
    let mut rows = vec![
        vec!["state".to_owned(), state_name(report.state).to_owned()],
        vec!["source".to_owned(), code(report.source)],
        vec!["target".to_owned(), code(report.target)],
    ];
    let mut add = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    if !report.place.is_empty() {
        add("where", report.place.to_owned());
    }
    add("who", format!("{}, cutover {}", report.operator, report.version));
    if let Some(started) = report.started {
        add("began", figures::moment(started));
    }
    if let Some(ended) = report.ended {
        add("ended", figures::moment(ended));
    }
    if let Some(seconds) = report.seconds {
        add("took", figures::seconds(seconds));
    }
    add("service down", downtime(report));
    for parameter in &report.parameters {
        add(&format!("parameter {}", parameter.name), code(parameter.value));
    }
    if let Some(levels) = report.levels {
        let verdict = if levels.equal { "equal" } else { "DIFFERENT" };
        add("migration levels", format!("{verdict}: {} in the source, {} in the target", levels.source, levels.target));
    }
    format!("# Cutover {}: {}\n\n{}", report.run, report.runbook, table(&["", ""], &rows))
}

pub(super) fn downtime(report: &Report<'_>) -> String {
    let Some(outage) = &report.downtime else { return "not taken down by this run".to_owned() };
    let state = if outage.to.is_some() { "" } else { ", still down" };
    let budget = outage.budget_seconds.map(|budget| format!(" of {} allowed", figures::seconds(budget)));
    format!("{}{}{state}", figures::seconds(outage.seconds), budget.unwrap_or_default())
}

fn steps(report: &Report<'_>) -> String {
    let rows: Vec<Vec<String>> = report.steps.iter().map(step_row).collect();
    format!("## Steps\n\n{}", table(&["step", "state", "began", "took", "attempts", "way back", "what it did"], &rows))
}

fn step_row(step: &StepReport<'_>) -> Vec<String> {
    let mark = if step.point_of_no_return { " (point of no return)" } else { "" };
    vec![
        format!("{}{mark}", step.id),
        status_name(step.status).to_owned(),
        step.started.map(figures::clock).unwrap_or_default(),
        step.seconds.map(figures::seconds).unwrap_or_default(),
        step.attempts.to_string(),
        if step.checkpoint { "checkpoint" } else { "" }.to_owned(),
        did(step),
    ]
}

pub(super) fn did(step: &StepReport<'_>) -> String {
    match step.skip_reason {
        Some(reason) => format!("left out: {reason}"),
        None => step.summary.to_owned(),
    }
}

fn failures(report: &Report<'_>) -> String {
    let failed = report.steps.iter().filter_map(|step| Some((step.id, step.error?)));
    failed.map(|(id, error)| format!("## {id} failed\n\n{}\n", quote(error))).collect::<Vec<_>>().join("\n")
}

fn decisions(report: &Report<'_>) -> String {
    let row = |decision: &crate::engine::snapshot::Decision| {
        let by = if decision.unattended { format!("{} (--yes)", decision.by) } else { decision.by.clone() };
        let step = decision.step.clone().unwrap_or_default();
        let remark = decision.remark.clone().unwrap_or_default();
        vec![figures::moment(decision.at), by, step, decision.what.clone(), remark]
    };
    let rows: Vec<Vec<String>> = report.decisions.iter().map(row).collect();
    section("Decisions", &["when", "who", "step", "what", "remark"], &rows)
}

fn columns(report: &Report<'_>) -> String {
    let row = |column: &super::model::ColumnDecision<'_>| {
        vec![
            format!("{}.{}", column.table, column.column),
            column.conversion.to_owned(),
            column.unit.map_or("none needed", crate::evidence::IntervalUnit::name).to_owned(),
            column.policy.name().to_owned(),
            column.because.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = report.columns.iter().map(row).collect();
    section("Units and policies", &["column", "conversion", "unit", "cells that do not fit", "because"], &rows)
}

fn tables(report: &Report<'_>) -> String {
    let rows: Vec<Vec<String>> = report.tables.iter().map(table_cells).collect();
    section("Tables", &["table", "source", "target", "rejected", "digest", "proof"], &rows)
}

pub(super) fn table_cells(found: &crate::evidence::TableResult) -> Vec<String> {
    let digest = match (&found.digest_source, &found.digest_target) {
        (Some(source), Some(target)) if source != target => format!("{source} ≠ {target}"),
        (source, target) => source.as_ref().or(target.as_ref()).cloned().unwrap_or_default(),
    };
    let proof = match is_equal(found) {
        Some(true) => "equal",
        Some(false) => "DIFFERENT",
        None => "not read back",
    };
    vec![
        found.table.clone(),
        figures::count(found.rows_source),
        figures::count(found.rows_loaded),
        figures::count(found.rows_rejected),
        digest,
        proof.to_owned(),
    ]
}

fn rejects(report: &Report<'_>) -> String {
    let rows: Vec<Vec<String>> = report.rejects.iter().map(reject_cells).collect();
    let title = listed("Rejects", rows.len(), report.rejects_total);
    section(&title, &["table", "key", "column", "value", "reason", "what was done"], &rows)
}

pub(super) fn reject_cells(reject: &crate::evidence::Reject) -> Vec<String> {
    vec![
        reject.table.clone(),
        key(&reject.key),
        reject.column.clone().unwrap_or_else(|| "whole row".to_owned()),
        reject.value.clone().unwrap_or_else(|| "NULL".to_owned()),
        reject.reason.clone(),
        reject.action.name().to_owned(),
    ]
}

fn differences(report: &Report<'_>) -> String {
    let rows: Vec<Vec<String>> = report.differences.iter().map(difference_cells).collect();
    let title = listed("Differences", rows.len(), report.differences_total);
    section(&title, &["table", "key", "kind", "cells"], &rows)
}

pub(super) fn difference_cells(difference: &crate::evidence::Difference) -> Vec<String> {
    let kind = match difference.kind {
        DifferenceKind::Changed => "changed",
        DifferenceKind::Missing => "missing in the target",
        DifferenceKind::Extra => "only in the target",
    };
    let cells = difference.columns.iter().map(cell).collect::<Vec<_>>().join("; ");
    vec![difference.table.clone(), key(&difference.key), kind.to_owned(), cells]
}

fn repairs(report: &Report<'_>) -> String {
    let rows: Vec<Vec<String>> = report.repairs.iter().map(repair_cells).collect();
    let values: Vec<Vec<String>> = report.repairs.iter().flat_map(repaired_values).collect();
    let parts = [section("Repairs", &REPAIR_HEAD, &rows), section("Repaired values", &VALUE_HEAD, &values)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

pub(super) const REPAIR_HEAD: [&str; 7] = ["column", "was taken in", "is in", "wrong", "done", "right", "left alone"];
pub(super) const VALUE_HEAD: [&str; 4] = ["column", "key", "before", "after"];

pub(super) fn repair_cells(found: &ColumnRepair) -> Vec<String> {
    let left = [
        (found.neither, "neither right nor wrong"),
        (found.unknown, "without a row in the source or outside the bounds"),
        (found.missing, "missing in the target"),
        (found.earlier, "written by an earlier repair"),
        (found.suspect, "suspect, outside the bounds"),
    ];
    let left: Vec<String> = left
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{} {words}", figures::count(count)))
        .collect();
    let done = match (found.rows, found.repaired) {
        (0, _) => "nothing to do",
        (_, true) => "repaired",
        (_, false) => "NOT REPAIRED",
    };
    vec![
        found.label(),
        found.wrong.map_or("-", crate::evidence::IntervalUnit::name).to_owned(),
        found.unit.name().to_owned(),
        figures::count(found.rows),
        done.to_owned(),
        figures::count(found.right),
        left.join(", "),
    ]
}

/// The first of the values, as they were and as they are.
pub(super) fn repaired_values(found: &ColumnRepair) -> Vec<Vec<String>> {
    let null = || "NULL".to_owned();
    let row = |value: &ValueRepair| {
        let (before, after) = (value.before.clone().unwrap_or_else(null), value.after.clone().unwrap_or_else(null));
        vec![found.label(), key(&value.key), before, after]
    };
    found.examples.iter().map(row).collect()
}

fn findings(report: &Report<'_>) -> String {
    let rows: Vec<Vec<String>> = report.steps.iter().flat_map(finding_cells).collect();
    section("Checks", &["step", "check", "answer", "seen"], &rows)
}

pub(super) fn finding_cells(step: &StepReport<'_>) -> Vec<Vec<String>> {
    let row = |finding: &crate::evidence::Finding| {
        let answer = match &finding.verdict {
            Verdict::Passed => "passed".to_owned(),
            Verdict::Failed => "FAILED".to_owned(),
            Verdict::PutOff(step) => format!("put off to {step}"),
            Verdict::Unknown => "unknown".to_owned(),
        };
        let remedy = if finding.remedy.is_empty() { String::new() } else { format!("; {}", finding.remedy) };
        vec![step.id.to_owned(), finding.check.clone(), answer, format!("{}{remedy}", finding.detail)]
    };
    step.findings.iter().map(row).collect()
}

pub(super) fn listed(title: &str, shown: usize, total: u64) -> String {
    if shown as u64 == total { format!("{title}: {total}") } else { format!("{title}: {shown} of {total}") }
}

fn section(title: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() { String::new() } else { format!("## {title}\n\n{}", table(head, rows)) }
}

fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.iter().map(ToString::to_string).collect());
    text.push_str(&format!("|{}\n", "---|".repeat(head.len())));
    text.extend(rows.iter().map(|row| line(row.iter().map(|cell| escape(cell)).collect())));
    text
}

/// Nothing in a cell ends the cell, the row or the line, or begins an element of HTML.
fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ")
}

fn code(text: &str) -> String {
    if text.contains('`') { text.to_owned() } else { format!("`{text}`") }
}

fn quote(text: &str) -> String {
    text.lines().map(|line| format!("> {}", line.replace('<', "&lt;"))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::markdown;
    use crate::report::sample;

    #[test]
    fn a_run_that_is_done() {
        insta::assert_snapshot!(markdown(&sample::finished()));
    }

    #[test]
    fn a_run_with_rejects() {
        insta::assert_snapshot!(markdown(&sample::rejected()));
    }

    #[test]
    fn a_run_that_repaired_intervals() {
        let text = markdown(&sample::repaired());
        assert!(
            text.contains("| public.alert.silence | s | us | 2 | repaired | 7 | 1 neither right nor wrong |"),
            "{text}"
        );
        assert!(text.contains("| public.alert.silence | id=7 | 1446 days 15:33:20 | 00:02:05 |"), "{text}");
    }

    #[test]
    fn a_run_with_differences() {
        let text = markdown(&sample::differing());
        assert!(
            text.contains("| public.tag | id=7 | changed | name: \"x\" in the source, NULL in the target |"),
            "{text}"
        );
        assert!(text.contains("DIFFERENT"), "{text}");
    }
}
