//! A plan for the terminal: what forbids the copy first, then what to know, then every table and column.

use super::words::{aligned, key};
use crate::evidence::{
    ColumnPlan, IntervalEvidence, LevelComparison, LoadMode, LoadPlan, PlanReport, Policy, Reject, Severity,
    StorageClass, TablePlan, Warning,
};
use crate::figures;

/// The plan as text.
#[must_use]
pub fn plan(report: &PlanReport) -> String {
    let mut lines = Vec::new();
    lines.extend(problems(report));
    lines.extend(warnings(report));
    lines.extend(breaks(report));
    lines.extend(report.levels.iter().flat_map(levels));
    lines.extend(intervals(report));
    lines.extend(tables(report));
    lines.extend(columns(report));
    lines.push(total(report));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn total(report: &PlanReport) -> String {
    let columns: usize = report.tables.iter().map(|table| table.columns.len()).sum();
    let refused = |count: u64| match count {
        1 => "one cell or row".to_owned(),
        many => format!("{} cells or rows", figures::count(many)),
    };
    let verdict = match report.problems.len() {
        0 if report.stopping > 0 => format!("a copy would stop at {} above", refused(report.stopping)),
        0 if report.refused > 0 => {
            format!(
                "a copy would go through and end in exit 1: its policies leave out or change {}",
                refused(report.refused)
            )
        }
        0 => "a copy would go through".to_owned(),
        1 => "a copy would be refused for the problem above".to_owned(),
        count => format!("a copy would be refused for the {count} problems above"),
    };
    format!(
        "{}, {}, {} of {}; about {}, {}; {verdict}",
        figures::counted(report.tables.len() as u64, "table"),
        figures::counted(columns as u64, "column"),
        figures::counted(report.rows, "row"),
        figures::bytes(report.bytes),
        figures::seconds(report.estimate_seconds),
        load(&report.load)
    )
}

fn load(load: &LoadPlan) -> String {
    let how = match load.mode {
        LoadMode::Atomic => "in one transaction".to_owned(),
        LoadMode::Chunked => format!(
            "in {} over {}",
            figures::counted(load.chunks, "chunk"),
            figures::counted(load.connections as u64, "connection")
        ),
    };
    if load.because.is_empty() { how } else { format!("{how} ({})", load.because) }
}

fn problems(report: &PlanReport) -> Vec<String> {
    let line = |problem: &crate::evidence::Problem| {
        let word = if problem.undecided { "undecided" } else { "problem" };
        let subject = if problem.subject.is_empty() { String::new() } else { format!("{}: ", problem.subject) };
        let indent = " ".repeat(word.len() + 2);
        let mut lines = vec![format!("{word}: {subject}{}", problem.message)];
        if !problem.remedy.is_empty() {
            lines.push(format!("{indent}{}", problem.remedy));
        }
        lines
    };
    titled("PROBLEMS", report.problems.iter().flat_map(line).collect())
}

fn warnings(report: &PlanReport) -> Vec<String> {
    let mut found: Vec<(Severity, String)> = Vec::new();
    let mut add = |subject: &str, warning: &Warning| {
        let subject = if subject.is_empty() { String::new() } else { format!("{subject}: ") };
        found.push((warning.severity, format!("{subject}{}", warning.message)));
    };
    report.warnings.iter().for_each(|warning| add("", warning));
    for table in &report.tables {
        table.warnings.iter().for_each(|warning| add(&table.table, warning));
        for column in &table.columns {
            let subject = format!("{}.{}", table.table, column.column);
            // What does not fit is listed with its examples.
            let told = column.warnings.iter().filter(|warning| warning.severity != Severity::Loss);
            told.for_each(|warning| add(&subject, warning));
        }
    }
    found.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    let misfits = report.tables.iter().flat_map(misfits);
    titled(
        "WARNINGS",
        misfits.chain(found.into_iter().map(|(severity, text)| format!("{}: {text}", loudness(severity)))).collect(),
    )
}

const fn loudness(severity: Severity) -> &'static str {
    match severity {
        Severity::Loss => "loss",
        Severity::Change => "change",
        Severity::Note => "note",
    }
}

fn misfits(table: &TablePlan) -> Vec<String> {
    let of_column = |column: &ColumnPlan| {
        let name = format!("{}.{}", table.table, column.column);
        let count = figures::counted(column.misfits_total, "cell");
        let policy = column.policy.name();
        let verb = if column.misfits_total == 1 { "does" } else { "do" };
        let head = format!("loss: {name}: {count} {verb} not fit {} (policy {policy})", column.target_type);
        let examples = column.misfits.iter().map(|misfit| {
            let value = misfit.value.as_deref().unwrap_or("NULL");
            format!("      {}: {value}: {}", key(&misfit.key), misfit.reason)
        });
        std::iter::once(head).chain(examples).collect::<Vec<_>>()
    };
    table.columns.iter().filter(|column| column.misfits_total > 0).flat_map(of_column).collect()
}

/// Rows that are refused though each of their cells fits.
fn breaks(report: &PlanReport) -> Vec<String> {
    let line = |reject: &Reject| {
        let column = reject.column.as_deref().unwrap_or("the row");
        let value = reject.value.as_deref().unwrap_or("NULL");
        let policy = reject.action.name();
        format!("{} {}: {column}: {value}: {} (policy {policy})", reject.table, key(&reject.key), reject.reason)
    };
    let mut lines: Vec<String> = report.breaks.iter().map(line).collect();
    let more = report.breaks_total.saturating_sub(report.breaks.len() as u64);
    if more > 0 {
        lines.push(format!("and {} more", figures::count(more)));
    }
    titled("BROKEN KEYS AND CHECKS", lines)
}

fn levels(levels: &LevelComparison) -> Vec<String> {
    let verdict = if levels.equal { "equal" } else { "DIFFERENT" };
    let mut lines =
        vec![format!("{verdict}: {}: {} in the source, {} in the target", levels.table, levels.source, levels.target)];
    for (side, names) in [("source", &levels.source_only), ("target", &levels.target_only)] {
        if !names.is_empty() {
            lines.push(format!("only in the {side}: {}", names.join(", ")));
        }
    }
    titled("MIGRATION LEVELS", lines)
}

fn intervals(report: &PlanReport) -> Vec<String> {
    let columns = report.tables.iter().flat_map(|table| &table.columns);
    titled("INTERVALS", columns.filter_map(|column| column.interval.as_ref()).flat_map(interval).collect())
}

fn interval(evidence: &IntervalEvidence) -> Vec<String> {
    let unit = evidence.unit.map_or("undecided", crate::evidence::IntervalUnit::name);
    let values = figures::counted(evidence.values, "value");
    let mut lines = vec![format!("{}.{}: {unit} ({}; {values})", evidence.table, evidence.column, evidence.because)];
    lines.extend(evidence.histograms.iter().map(|histogram| {
        let filled = histogram.buckets.iter().filter(|bucket| bucket.count > 0);
        let buckets = filled.map(|bucket| format!("{} {}", bucket.label, figures::count(bucket.count)));
        let range = format!("{} to {}", histogram.min, histogram.max);
        format!("    as {:<2}  {range}; {}", histogram.unit.name(), buckets.collect::<Vec<_>>().join(", "))
    }));
    lines
}

fn tables(report: &PlanReport) -> Vec<String> {
    let row = |table: &TablePlan| {
        vec![
            table.table.clone(),
            figures::count(table.rows),
            figures::count(table.rows_target),
            table.columns.len().to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = report.tables.iter().map(row).collect();
    titled("TABLES", aligned(&["table", ">rows to load", ">rows replaced", ">columns"], &rows))
}

fn columns(report: &PlanReport) -> Vec<String> {
    let row = |table: &TablePlan, column: &ColumnPlan| {
        vec![
            format!("{}.{}", table.table, column.column),
            if column.source_type.is_empty() { "no type".to_owned() } else { column.source_type.clone() },
            storage(column),
            column.target_type.clone(),
            column.conversion.clone(),
            if column.policy == Policy::Stop { String::new() } else { column.policy.name().to_owned() },
        ]
    };
    let rows: Vec<Vec<String>> =
        report.tables.iter().flat_map(|table| table.columns.iter().map(move |column| row(table, column))).collect();
    titled("COLUMNS", aligned(&["column", "declared", "holds", "target", "conversion", "policy"], &rows))
}

fn storage(column: &ColumnPlan) -> String {
    let name = |class: StorageClass| match class {
        StorageClass::Null => "null",
        StorageClass::Integer => "integer",
        StorageClass::Real => "real",
        StorageClass::Text => "text",
        StorageClass::Blob => "blob",
    };
    let found = column.storage.iter().filter(|(_, count)| **count > 0);
    found.map(|(class, count)| format!("{} {}", figures::count(*count), name(*class))).collect::<Vec<_>>().join(" + ")
}

fn titled(title: &str, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        return lines;
    }
    let mut titled = vec![title.to_owned()];
    titled.extend(lines.into_iter().map(|line| format!("  {line}")));
    titled.push(String::new());
    titled
}

#[cfg(test)]
mod tests {
    use super::plan;
    use crate::evidence::{Key, Misfit, Problem, Severity, StorageClass, Warning};
    use crate::report::sample;

    #[test]
    fn what_forbids_the_copy_comes_first() {
        let mut report = sample::plan();
        report.problems = vec![Problem {
            subject: "public.tag.took".to_owned(),
            message: "nothing says in which unit its 9 integers are".to_owned(),
            remedy: "say it: --interval-unit public.tag.took=us".to_owned(),
            undecided: true,
        }];
        report.tables[0].warnings =
            vec![Warning { severity: Severity::Note, message: "`color` is only in the target".to_owned() }];
        let column = &mut report.tables[0].columns[0];
        column.warnings = vec![Warning { severity: Severity::Change, message: "3 values lose digits".to_owned() }];
        column.misfits_total = 1;
        column.misfits = vec![Misfit {
            key: Key::from_iter([("id".to_owned(), serde_json::json!(7))]),
            storage: StorageClass::Text,
            value: Some("soon".to_owned()),
            reason: "no interval".to_owned(),
        }];
        column.storage.insert(StorageClass::Integer, 9);
        column.storage.insert(StorageClass::Text, 1);
        insta::assert_snapshot!(plan(&report));
    }
}
