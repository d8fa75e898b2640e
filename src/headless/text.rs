//! Notices and the end as lines for people.

use super::finished::Finished;
use super::notice::Notice;
use super::verdict::Outcome;
use crate::engine::snapshot::{Decision, LogLevel, PartProgress};
use crate::evidence::{Difference, DifferenceKind, Finding, Reject, TableResult, Verdict};
use crate::figures;
use crate::report::proof::is_equal;
use crate::report::{aligned, cell, key};
use jiff::Timestamp;

/// Rejects and differences that are printed; the report has more of them.
const SHOWN: usize = 20;

/// A notice as lines: time of day (UTC), step, what.
#[must_use]
pub fn lines(notice: &Notice, at: Option<Timestamp>) -> Vec<String> {
    let (step, text) = told(notice);
    let clock = at.map(figures::clock).unwrap_or_default();
    let head = format!("{clock:8}  {step:<16}  ");
    let blank = " ".repeat(head.chars().count());
    let mut lines = text.lines().map(str::trim_end);
    let first = format!("{head}{}", lines.next().unwrap_or_default());
    std::iter::once(first)
        .chain(lines.map(|line| format!("{blank}{line}")))
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn told(notice: &Notice) -> (&str, String) {
    match notice {
        Notice::Run { run, runbook, source, target, .. } => {
            ("", format!("run {run} of {runbook}: {source} to {target}"))
        }
        Notice::StepStarted { step, attempt: 0 | 1, does, .. } => (step, format!("starts: {does}")),
        Notice::StepStarted { step, attempt, does, .. } => (step, format!("starts again (attempt {attempt}): {does}")),
        Notice::Progress { step, progress } => (step, moved(progress)),
        Notice::Waiting { step, waits_for } => (step, format!("waits for {waits_for}")),
        Notice::Log { step, level, text } => (step.as_deref().unwrap_or_default(), log(*level, text)),
        Notice::StepDone { step, seconds, summary, findings } => (step, done(*seconds, summary, findings)),
        Notice::StepFailed { step, seconds, error, findings, .. } => (step, failed(*seconds, error, findings)),
        Notice::StepPaused { step } => (step, "paused".to_owned()),
        Notice::StepSkipped { step, reason } => (step, format!("left out: {reason}")),
        Notice::UndoStarted { step, way_back } => (step, format!("is taken back: {way_back}")),
        Notice::UndoDone { step, summary } if summary.is_empty() => (step, "had nothing to take back".to_owned()),
        Notice::UndoDone { step, summary } => (step, format!("taken back: {summary}")),
        Notice::UndoFailed { step, error } => (step, format!("COULD NOT BE TAKEN BACK: {error}")),
        Notice::Gate { step, typed, does, effects, way_back } => {
            (step, gate(typed.as_deref(), does, effects, way_back))
        }
        Notice::LateWrites { rows } => ("", late(*rows)),
        Notice::Decided(decision) => (decision.step.as_deref().unwrap_or_default(), decided(decision)),
        Notice::Refusal { reason } => ("", format!("not done: {reason}")),
        Notice::ServiceDown { .. } => ("", "the service is down from here".to_owned()),
        Notice::ServiceUp { down_seconds } => {
            ("", format!("the service is up; it was down for {}", figures::seconds(*down_seconds)))
        }
    }
}

fn moved(part: &PartProgress) -> String {
    let unit = if part.unit.is_empty() { String::new() } else { format!(" {}", part.unit) };
    let done = figures::count(part.done);
    match part.total {
        _ if part.finished => format!("{}: {done}{unit}, done", part.part),
        Some(total) => {
            format!("{}: {} ({done} of {}{unit})", part.part, figures::percent(part.done, total), figures::count(total))
        }
        None => format!("{}: {done}{unit}", part.part),
    }
}

fn log(level: LogLevel, text: &str) -> String {
    match level {
        LogLevel::Warn => format!("warning: {text}"),
        LogLevel::Error => format!("error: {text}"),
        LogLevel::Debug | LogLevel::Info => text.to_owned(),
    }
}

fn done(seconds: f64, summary: &str, findings: &[Finding]) -> String {
    let mut text = format!("done in {}: {summary}", figures::seconds(seconds));
    let open = findings.iter().filter(|finding| finding.verdict != Verdict::Passed);
    text.extend(open.map(|finding| format!("\n  {}", self::finding(finding))));
    text
}

fn failed(seconds: f64, error: &str, findings: &[Finding]) -> String {
    let mut text = format!("FAILED after {}: {error}", figures::seconds(seconds));
    let unsaid = findings.iter().filter(|finding| !error.contains(&finding.detail));
    text.extend(unsaid.map(|finding| format!("\n  {}", self::finding(finding))));
    text
}

fn finding(finding: &Finding) -> String {
    let verdict = match &finding.verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Failed => "FAILED".to_owned(),
        Verdict::PutOff(step) => format!("put off to {step}"),
        Verdict::Unknown => "unknown".to_owned(),
    };
    let remedy = if finding.remedy.is_empty() { String::new() } else { format!("; {}", finding.remedy) };
    format!("{}: {verdict}: {}{remedy}", finding.check, finding.detail)
}

fn gate(typed: Option<&str>, does: &str, effects: &[String], way_back: &str) -> String {
    let wants = typed.map_or_else(String::new, |name| format!(" (the name {name} has to be typed)"));
    let effects: String = effects.iter().map(|effect| format!("\n  {effect}")).collect();
    let way_back = if way_back.is_empty() { String::new() } else { format!("\nway back: {way_back}") };
    format!("waits at its gate{wants}: {does}{effects}{way_back}")
}

fn late(rows: u64) -> String {
    let rows = figures::counted(rows, "row");
    format!("going back would lose {rows} that the application wrote to the target since the switch")
}

fn decided(decision: &Decision) -> String {
    let by = if decision.unattended { "--yes" } else { &decision.by };
    let remark = decision.remark.as_ref().map_or_else(String::new, |remark| format!(": {remark}"));
    format!("{} by {by}{remark}", decision.what)
}

/// The end: what was proved, how it stands, what to do now.
#[must_use]
pub fn end(finished: &Finished) -> Vec<String> {
    let mut lines = vec![String::new()];
    lines.extend(tables(&finished.tables));
    lines.extend(listed("reject", &finished.rejects, finished.rejects_total, reject));
    lines.extend(listed("difference", &finished.differences, finished.differences_total, difference));
    lines.extend(headline(finished));
    lines.extend(
        finished.downtime_seconds.map(|seconds| format!("the service was down for {}", figures::seconds(seconds))),
    );
    lines.extend(finished.report.as_ref().map(|path| format!("report: {path}")));
    lines.extend(finished.next.as_ref().map(|command| format!("to go on: {command}")));
    lines.extend(finished.back.as_ref().map(|command| format!("to go back: {command}")));
    lines
}

fn tables(found: &[TableResult]) -> Vec<String> {
    if found.is_empty() {
        return Vec::new();
    }
    let row = |table: &TableResult| {
        let proof = match is_equal(table) {
            Some(true) => "equal",
            Some(false) => "DIFFERENT",
            None => "not read back",
        };
        vec![
            table.table.clone(),
            figures::count(table.rows_source),
            figures::count(table.rows_loaded),
            figures::count(table.rows_rejected),
            table.digest_source.clone().unwrap_or_else(|| "-".to_owned()),
            proof.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let mut lines = aligned(&["table", ">source", ">target", ">rejected", "digest", "proof"], &rows);
    lines.push(String::new());
    lines
}

fn listed<T>(noun: &str, found: &[T], total: u64, line: impl Fn(&T) -> String) -> Vec<String> {
    if total == 0 {
        return Vec::new();
    }
    let mut lines = vec![figures::counted(total, noun)];
    lines.extend(found.iter().take(SHOWN).map(|one| format!("  {}", line(one))));
    let rest = total.saturating_sub(found.len().min(SHOWN) as u64);
    if rest > 0 {
        lines.push(format!(
            "  and {} more; the report lists the first {}",
            figures::count(rest),
            figures::count(found.len() as u64)
        ));
    }
    lines.push(String::new());
    lines
}

fn reject(reject: &Reject) -> String {
    let column = reject.column.as_deref().unwrap_or("whole row");
    let value = reject.value.as_deref().unwrap_or("NULL");
    let policy = reject.action.name();
    format!("{} {} {column}: {value}: {} (policy {policy})", reject.table, key(&reject.key), reject.reason)
}

fn difference(difference: &Difference) -> String {
    let kind = match difference.kind {
        DifferenceKind::Changed => difference.columns.iter().map(cell).collect::<Vec<_>>().join("; "),
        DifferenceKind::Missing => "missing in the target".to_owned(),
        DifferenceKind::Extra => "only in the target".to_owned(),
    };
    format!("{} {}: {kind}", difference.table, key(&difference.key))
}

fn headline(finished: &Finished) -> Vec<String> {
    let outcome = match finished.outcome {
        Outcome::Done if finished.rolled_back => "rolled back",
        Outcome::Done => "done",
        Outcome::Failed if finished.refused => "refused",
        Outcome::Failed => "failed",
        Outcome::Waiting => "waiting for the operator",
        Outcome::Interrupted => "interrupted",
    };
    let step = finished.step.as_ref().map_or_else(String::new, |step| format!(" at {step}"));
    let run = finished.run.as_ref().map_or_else(String::new, |run| format!(": {run}"));
    let head = format!("{outcome}{step} after {}{run}", figures::seconds(finished.seconds));
    let error = finished.error.iter().flat_map(|error| error.lines()).map(|line| format!("  {line}"));
    std::iter::once(head).chain(error).chain(proved(finished)).collect()
}

fn proved(finished: &Finished) -> Option<String> {
    let rows: u64 = finished.tables.iter().map(|table| table.rows_loaded).sum();
    let equal = finished.tables.iter().filter(|table| is_equal(table) == Some(true)).count();
    let tables = figures::counted(finished.tables.len() as u64, "table");
    (!finished.tables.is_empty()).then(|| {
        format!(
            "{tables}, {} in the target; {equal} read back and equal, {}, {}",
            figures::counted(rows, "row"),
            figures::counted(finished.rejects_total, "reject"),
            figures::counted(finished.differences_total, "difference")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{end, lines};
    use crate::engine::snapshot::Snapshot;
    use crate::engine::{Ended, Ending};
    use crate::headless::Teller;
    use crate::headless::finished::Finished;
    use crate::headless::notice::Notice;
    use crate::report::sample;

    fn told(snapshots: &[Snapshot], ended: Ended) -> String {
        let mut teller = Teller::default();
        let mut all = Vec::new();
        for snapshot in snapshots {
            all.extend(teller.news(snapshot).iter().flat_map(|notice| lines(notice, snapshot.now)));
        }
        let last = snapshots.last().unwrap();
        all.extend(end(&Finished::of(last, &Ending { ended, broken: None })));
        all.join("\n")
    }

    #[test]
    fn a_run_that_is_done() {
        let snapshots = [sample::ready(), sample::at_gate(), sample::finished()];
        insta::assert_snapshot!(told(&snapshots, Ended::Done));
    }

    #[test]
    fn a_run_that_waits_at_a_gate() {
        insta::assert_snapshot!(told(&[sample::ready(), sample::at_gate()], Ended::Waiting));
    }

    #[test]
    fn a_run_whose_copy_was_refused_cells() {
        insta::assert_snapshot!(told(&[sample::at_gate(), sample::rejected()], Ended::Failed));
    }

    #[test]
    fn a_run_that_went_back_is_not_called_done() {
        let told = told(&[sample::ready(), sample::finished()], Ended::RolledBack);
        assert!(told.contains("\nrolled back after") && !told.contains("\ndone after"), "{told}");
        let undone = Notice::UndoDone { step: "verify".to_owned(), summary: String::new() };
        assert!(lines(&undone, None)[0].ends_with("had nothing to take back"));
    }

    #[test]
    fn a_run_that_differs() {
        insta::assert_snapshot!(told(&[sample::at_gate(), sample::differing()], Ended::Failed));
    }
}
