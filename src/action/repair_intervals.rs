//! Puts intervals right that another tool loaded in the wrong unit. Only looks unless it is told to execute.

use super::job::Load;
use super::{Action, ActionError, Checkpoint, Context, Description, FailureKind, Outcome, failure, frozen};
use crate::evidence::{
    CellDifference, ColumnRepair, Difference, DifferenceKind, Evidence, Finding, ValueRepair, Verdict,
};
use crate::figures;
use crate::progress::LogLevel;
use crate::runbook::settings;
use crate::transfer::repair::{Repaired, Wanted, repair, take_back};
use async_trait::async_trait;
use serde_json::Value;
use std::path::PathBuf;

/// The action.
pub(super) struct RepairIntervals(pub settings::RepairIntervals);

/// Examples of a column that go to the log; the evidence has more.
const SHOWN: usize = 3;

#[async_trait]
impl Action for RepairIntervals {
    fn describe(&self, context: &Context) -> Description {
        let target = context.target.label();
        let compared = match self.0.without_source {
            true => "within the bounds that were given".to_owned(),
            false => format!("row by row against {}", context.runbook.source.label()),
        };
        let does = match self.0.execute {
            true => {
                format!("Puts intervals of {target} right that were loaded in the wrong unit, {compared}.")
            }
            false => {
                format!("Looks for intervals of {target} that were loaded in the wrong unit, {compared}.")
            }
        };
        let schema = crate::transfer::run_schema(&context.run);
        Description {
            does,
            effects: match self.0.execute {
                true => vec![
                    "writes the right values in one transaction; triggers do not fire, writers wait".to_owned(),
                    format!("keeps the former values in schema {schema} of the target until `cutover forget`"),
                ],
                false => vec!["reads interval columns and their keys".to_owned()],
            },
            way_back: match self.0.execute {
                true => "Puts the former values back, unless somebody changed them since.".to_owned(),
                false => "Changes nothing.".to_owned(),
            },
            reversible: true,
            changes: self.0.execute,
        }
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let load = Load::new(context, self.source(context).await?);
        let found = repair(&load.job(context), &self.wanted()).await?;
        for line in found.columns.iter().flat_map(lines) {
            context.progress.log(LogLevel::Info, line);
        }
        let evidence = evidence(&found, self.0.execute);
        if !found.kept.is_empty() {
            let summary = summary(&found);
            return Ok(Outcome { summary, left: failure::json(&found)?, evidence, ..Outcome::default() });
        }
        match self.unresolved(&found) {
            Some((kind, message)) => Err(ActionError::new(kind, message).with_evidence(evidence)),
            None => Ok(Outcome { summary: nothing(&found), evidence, ..Outcome::default() }),
        }
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let left = left.filter(|left| !left.is_null()).map(failure::read::<Repaired>).transpose()?;
        let load = Load::new(context, PathBuf::new());
        let count = take_back(&load.job(context), left.as_ref(), context.lose_writes).await?;
        let summary = match count {
            0 => "no value had to be put back".to_owned(),
            count => format!("{} put back", figures::counted(count, "former value")),
        };
        Ok(Outcome { summary, ..Outcome::default() })
    }
}

impl RepairIntervals {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            source: !self.0.without_source,
            between: &self.0.between,
            wrong: &self.0.wrong_units,
            execute: self.0.execute,
        }
    }

    /// The snapshot of the run, else the source as it stands, frozen.
    async fn source(&self, context: &Context) -> Result<PathBuf, ActionError> {
        if self.0.without_source {
            return Ok(PathBuf::new());
        }
        let freeze = self.0.freeze || frozen::recorded(&frozen::snapshot_path(context)).is_none();
        frozen::source_for(context, freeze).await
    }

    /// What was found and not repaired, and what the operator can do.
    fn unresolved(&self, found: &Repaired) -> Option<(FailureKind, String)> {
        let (rows, suspects) = (found.rows(), found.suspects());
        if rows > 0 {
            let values = figures::counted(rows, "value");
            let message =
                format!("{values} were loaded in the wrong unit; nothing was changed: do it again with --execute");
            return Some((FailureKind::Differences, message));
        }
        if suspects == 0 {
            return None;
        }
        let bound = "name the rows that the other tool loaded: --between TABLE.COLUMN=FROM..TO, by key or time";
        let values = figures::counted(suspects, "value");
        Some(match self.0.execute && self.0.between.is_empty() {
            true => (
                FailureKind::Undecided,
                format!(
                    "{values} look as if loaded in the wrong unit, and without a source nothing says which are; {bound}; nothing was changed"
                ),
            ),
            false => (
                FailureKind::Differences,
                format!(
                    "{values} look as if loaded in the wrong unit; {bound}, or give the source by --sqlite; nothing was changed"
                ),
            ),
        })
    }
}

fn summary(found: &Repaired) -> String {
    let columns = found.columns.iter().filter(|column| column.repaired).count() as u64;
    let mut text = format!(
        "{} in {} repaired; the former ones are kept until `cutover forget`",
        figures::counted(found.rows(), "value"),
        figures::counted(columns, "column")
    );
    let alone: u64 = found.columns.iter().map(|column| column.neither).sum();
    if alone > 0 {
        text.push_str(&format!("; {} equal neither and stayed alone", figures::counted(alone, "value")));
    }
    text
}

fn nothing(found: &Repaired) -> String {
    let earlier: u64 = found.columns.iter().map(|column| column.earlier).sum();
    let columns = figures::counted(found.columns.len() as u64, "interval column");
    match earlier {
        0 => format!("nothing to repair in {columns}"),
        _ => format!("nothing to repair in {columns}: an earlier repair wrote what looks wrong"),
    }
}

/// A column for the log: totals, before and after, and the two humps.
fn lines(column: &ColumnRepair) -> Vec<String> {
    let mut head = vec![match column.wrong {
        Some(wrong) if column.rows > 0 => format!(
            "{} {} taken as {} and are {}",
            figures::counted(column.rows, "value"),
            if column.rows == 1 { "was" } else { "were" },
            wrong.name(),
            column.unit.name()
        ),
        _ => format!("none wrongly scaled (they are {})", column.unit.name()),
    }];
    let counts = [
        (column.right, "right"),
        (column.neither, "neither, left alone"),
        (column.unknown, "of rows not compared, left alone"),
        (column.missing, "missing on the target"),
        (column.earlier, "written by an earlier repair"),
        (column.suspect, "beyond the bounds look wrong too"),
    ];
    head.extend(
        counts.iter().filter(|(count, _)| *count > 0).map(|(n, what)| format!("{} {what}", figures::count(*n))),
    );
    let mut lines = vec![format!("{}: {}", column.label(), head.join(", "))];
    lines.extend(column.examples.iter().take(SHOWN).map(|value| format!("  {}", changed(value, "becomes"))));
    lines.extend(
        column.others.iter().take(SHOWN).map(|value| format!("  {}", changed(value, "stays, the source says"))),
    );
    if column.rows > 0 || column.suspect > 0 {
        lines.extend(pictures(column));
    }
    lines
}

fn changed(value: &ValueRepair, becomes: &str) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    let key: Vec<String> = value.key.iter().map(|(name, value)| format!("{name} {value}")).collect();
    match &value.after {
        None if becomes.starts_with("stays") => format!("{}: {} stays", key.join(", "), text(&value.before)),
        after => format!("{}: {} {becomes} {}", key.join(", "), text(&value.before), text(after)),
    }
}

fn pictures(column: &ColumnRepair) -> Vec<String> {
    let names = ["as it stands", "as repaired"];
    let picture = |(name, histogram): (&str, &crate::evidence::UnitHistogram)| {
        let filled = histogram.buckets.iter().filter(|bucket| bucket.count > 0);
        let bars: Vec<String> =
            filled.map(|bucket| format!("{} × {}", figures::count(bucket.count), bucket.label)).collect();
        format!("  {name}: {} to {}: {}", histogram.min, histogram.max, bars.join(", "))
    };
    names.into_iter().zip(&column.evidence.histograms).map(picture).collect()
}

/// The contract's evidence: what is wrong and stays so is a difference; what stayed alone is told.
fn evidence(found: &Repaired, execute: bool) -> Evidence {
    let mut evidence = Evidence { repairs: found.columns.clone(), ..Evidence::default() };
    for column in &found.columns {
        if !execute {
            evidence.differences_total += column.rows;
            let room = Evidence::LISTED.saturating_sub(evidence.differences.len());
            evidence.differences.extend(column.examples.iter().take(room).map(|value| difference(column, value)));
        }
        if column.neither > 0 {
            let named: Vec<String> =
                column.others.iter().map(|value| changed(value, "stays, the source says")).collect();
            evidence.findings.push(told(
                column.label(),
                format!(
                    "{} are neither right nor wrongly scaled: {}",
                    figures::counted(column.neither, "value"),
                    named.join("; ")
                ),
                "look at them; nothing was done about them",
            ));
        }
        if column.missing > 0 {
            let rows = figures::counted(column.missing, "row");
            evidence.findings.push(told(
                column.label(),
                format!("{rows} of the source are not on the target"),
                "`cutover verify` names them",
            ));
        }
    }
    let left_out = found.left_out.iter();
    evidence.findings.extend(left_out.map(|(column, why)| told(column.clone(), why.clone(), "look at it by hand")));
    evidence
}

fn difference(column: &ColumnRepair, value: &ValueRepair) -> Difference {
    let cell =
        CellDifference { column: column.column.clone(), source: value.after.clone(), target: value.before.clone() };
    Difference {
        table: column.table.clone(),
        key: value.key.clone(),
        kind: DifferenceKind::Changed,
        columns: vec![cell],
    }
}

fn told(check: String, detail: String, remedy: &str) -> Finding {
    Finding { check, verdict: Verdict::Unknown, detail, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::evidence::{Bucket, ColumnRepair, IntervalEvidence, IntervalUnit, Key, UnitHistogram, ValueRepair};

    #[test]
    fn a_column_is_told_with_both_humps() {
        let picture = |min: &str, max: &str, label: &str| UnitHistogram {
            unit: IntervalUnit::S,
            min: min.to_owned(),
            max: max.to_owned(),
            buckets: vec![Bucket { label: label.to_owned(), count: 2 }],
        };
        let column = ColumnRepair {
            table: "public.a".to_owned(),
            column: "b".to_owned(),
            wrong: Some(IntervalUnit::S),
            unit: IntervalUnit::Us,
            rows: 2,
            repaired: false,
            right: 1_000,
            neither: 0,
            unknown: 0,
            missing: 3,
            earlier: 0,
            suspect: 0,
            examples: vec![ValueRepair {
                key: Key::from_iter([("id".to_owned(), 7.into())]),
                before: Some("416:40:00".to_owned()),
                after: Some("00:00:01.5".to_owned()),
            }],
            others: Vec::new(),
            evidence: IntervalEvidence {
                table: "public.a".to_owned(),
                column: "b".to_owned(),
                values: 2,
                histograms: vec![picture("01:00:00", "416:40:00", "1 d to 30 d"), picture("0", "1", "1 s to 1 min")],
                unit: Some(IntervalUnit::Us),
                because: String::new(),
            },
        };
        assert_eq!(
            lines(&column),
            [
                "public.a.b: 2 values were taken as s and are us, 1,000 right, 3 missing on the target",
                "  id 7: 416:40:00 becomes 00:00:01.5",
                "  as it stands: 01:00:00 to 416:40:00: 2 × 1 d to 30 d",
                "  as repaired: 0 to 1: 2 × 1 s to 1 min",
            ]
        );
    }
}
