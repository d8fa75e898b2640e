//! The report as one page that needs nothing else: no script, no font, no address of another machine.

use super::markdown::{
    REPAIR_HEAD, VALUE_HEAD, did, difference_cells, downtime, finding_cells, listed, reject_cells, repair_cells,
    repaired_values, table_cells,
};
use super::model::{Report, StepReport};
use super::words::{state_name, status_name};
use crate::engine::snapshot::{RunState, Snapshot, Status};
use crate::figures;

const STYLE: &str = include_str!("report.css");

/// The report as HTML.
#[must_use]
pub fn html(snapshot: &Snapshot) -> String {
    let report = Report::of(snapshot);
    let body = [
        head(&report),
        steps(&report),
        failures(&report),
        decisions(&report),
        columns(&report),
        plain(
            "Tables",
            &["table", "source", "target", "rejected", "digest", "proof"],
            report.tables.iter().map(table_cells),
        ),
        rejects(&report),
        differences(&report),
        plain("Repairs", &REPAIR_HEAD, report.repairs.iter().map(repair_cells)),
        plain("Repaired values", &VALUE_HEAD, report.repairs.iter().flat_map(repaired_values)),
        plain("Checks", &["step", "check", "answer", "seen"], report.steps.iter().flat_map(finding_cells)),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Cutover {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(report.run)
    )
}

fn head(report: &Report<'_>) -> String {
    let mut facts = vec![
        ("source", report.source.to_owned()),
        ("target", report.target.to_owned()),
        ("where", report.place.to_owned()),
        ("who", format!("{}, cutover {}", report.operator, report.version)),
        ("began", report.started.map(figures::moment).unwrap_or_default()),
        ("ended", report.ended.map(figures::moment).unwrap_or_default()),
        ("took", report.seconds.map(figures::seconds).unwrap_or_default()),
        ("service down", downtime(report)),
    ];
    facts.extend(report.parameters.iter().map(|parameter| (parameter.name, parameter.value.to_owned())));
    if let Some(levels) = report.levels {
        let verdict = if levels.equal { "equal" } else { "different" };
        facts.push(("migration levels", format!("{verdict}: {} and {}", levels.source, levels.target)));
    }
    let rows: String = facts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value)))
        .collect();
    format!(
        "<h1>{} <small>{}</small></h1>\n<p class=\"state {}\">{}</p>\n<dl>\n{rows}</dl>\n",
        escape(report.runbook),
        escape(report.run),
        tone(report.state),
        state_name(report.state)
    )
}

/// The class that colours a state; the words say the same.
const fn tone(state: RunState) -> &'static str {
    match state {
        RunState::Done | RunState::RolledBack => "good",
        RunState::Failed => "bad",
        _ => "open",
    }
}

fn steps(report: &Report<'_>) -> String {
    let rows: String = report.steps.iter().map(step).collect();
    format!(
        "<h2>Steps</h2>\n<table><thead><tr><th>step</th><th>state</th><th>began</th><th>took</th><th>attempts</th>\
         <th>way back</th><th>what it did</th></tr></thead><tbody>\n{rows}</tbody></table>\n"
    )
}

fn step(step: &StepReport<'_>) -> String {
    let tone = match step.status {
        Status::Done => "good",
        Status::Failed | Status::UndoFailed => "bad",
        _ => "open",
    };
    let line = if step.point_of_no_return { " class=\"no-return\" title=\"point of no return\"" } else { "" };
    let way_back = if step.checkpoint { "checkpoint" } else { step.way_back };
    let note = if step.note.is_empty() { String::new() } else { format!("<br><small>{}</small>", escape(step.note)) };
    format!(
        "<tr{line}><td>{}{note}</td><td class=\"{tone}\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        escape(step.id),
        status_name(step.status),
        step.started.map(figures::clock).unwrap_or_default(),
        step.seconds.map(figures::seconds).unwrap_or_default(),
        step.attempts,
        escape(way_back),
        escape(&did(step))
    )
}

fn failures(report: &Report<'_>) -> String {
    let failed = report.steps.iter().filter_map(|step| Some((step.id, step.error?)));
    failed.map(|(id, error)| format!("<h2>{} failed</h2>\n<pre>{}</pre>\n", escape(id), escape(error))).collect()
}

fn decisions(report: &Report<'_>) -> String {
    let rows = report.decisions.iter().map(|decision| {
        let by = if decision.unattended { format!("{} (--yes)", decision.by) } else { decision.by.clone() };
        let step = decision.step.clone().unwrap_or_default();
        vec![figures::moment(decision.at), by, step, decision.what.clone(), decision.remark.clone().unwrap_or_default()]
    });
    plain("Decisions", &["when", "who", "step", "what", "remark"], rows)
}

fn columns(report: &Report<'_>) -> String {
    let rows = report.columns.iter().map(|column| {
        vec![
            format!("{}.{}", column.table, column.column),
            column.conversion.to_owned(),
            column.unit.map_or("none needed", crate::evidence::IntervalUnit::name).to_owned(),
            column.policy.name().to_owned(),
            column.because.to_owned(),
        ]
    });
    plain("Units and policies", &["column", "conversion", "unit", "cells that do not fit", "because"], rows)
}

fn rejects(report: &Report<'_>) -> String {
    let title = listed("Rejects", report.rejects.len(), report.rejects_total);
    let head = ["table", "key", "column", "value", "reason", "what was done"];
    plain(&title, &head, report.rejects.iter().map(reject_cells))
}

fn differences(report: &Report<'_>) -> String {
    let title = listed("Differences", report.differences.len(), report.differences_total);
    plain(&title, &["table", "key", "kind", "cells"], report.differences.iter().map(difference_cells))
}

fn plain(title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cells = |row: Vec<String>| row.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect::<String>();
    let rows: String = rows.map(|row| format!("<tr>{}</tr>\n", cells(row))).collect();
    if rows.is_empty() {
        return String::new();
    }
    let head: String = head.iter().map(|title| format!("<th>{title}</th>")).collect();
    let title = escape(title);
    format!("<h2>{title}</h2>\n<table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::html;
    use crate::report::sample;

    #[test]
    fn a_run_that_is_done() {
        let page = html(&sample::finished());
        insta::assert_snapshot!(page.split_once("</style>").unwrap().1);
    }

    #[test]
    fn values_of_the_source_are_text_and_the_page_needs_no_other() {
        let page = html(&sample::rejected());
        assert!(page.contains("&lt;b&gt;&amp;"), "{page}");
        assert!(!page.contains("<b>"), "{page}");
        for outside in ["http", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside} leads out of the page");
        }
    }
}
