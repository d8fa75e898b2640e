//! The last object of the JSON output, to the letter of the command line's contract (README, "JSON").

use super::verdict::{Outcome, Verdict, failed_step};
use crate::engine::snapshot::{Question, Snapshot, Status, StepView};
use crate::engine::{Ended, Ending};
use crate::evidence::{ColumnRepair, Difference, Evidence, Key, Reject, TableResult};
use crate::report::model::{elapsed, outage};
use crate::report::proof::Proof;
use serde::Serialize;

/// How it ended, and what was proved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finished {
    /// Always `finished`.
    pub event: &'static str,
    /// The run; none where it ended before there was one.
    pub run: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Only where the state of the world refused; nothing was touched then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// Only where it went back: `done` then means that steps were taken back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rolled_back: bool,
    /// The process's exit code.
    pub exit: u8,
    /// From beginning to end.
    pub seconds: f64,
    /// One entry per table.
    pub tables: Vec<TableResult>,
    /// The first rejects.
    pub rejects: Vec<Reject>,
    /// All of them.
    pub rejects_total: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// All of them.
    pub differences_total: u64,
    /// What `repair-intervals` found per column.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<ColumnRepair>,
    /// How long the service was down, in seconds; none where the run did not take it down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downtime_seconds: Option<f64>,
    /// The step at which it stands, where that is not the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Why it did not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The command that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The command that goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back: Option<String>,
    /// Where the report was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

impl Finished {
    /// The end of a run.
    #[must_use]
    pub fn of(snapshot: &Snapshot, ending: &Ending) -> Self {
        let verdict = Verdict::of(snapshot, ending);
        let mut proof = Proof::of(snapshot);
        bound(&mut proof);
        Self {
            run: Some(snapshot.run.clone()),
            refused: verdict.refused,
            rolled_back: ending.ended == Ended::RolledBack,
            seconds: elapsed(snapshot).unwrap_or_default(),
            tables: proof.tables,
            rejects: proof.rejects,
            rejects_total: proof.rejects_total,
            differences: proof.differences,
            differences_total: proof.differences_total,
            repairs: proof.repairs,
            downtime_seconds: outage(snapshot).map(|outage| outage.seconds),
            step: stands_at(snapshot).map(|step| step.id.clone()),
            error: why(snapshot, ending),
            next: next(snapshot, verdict),
            back: back(snapshot, verdict),
            ..Self::empty(verdict)
        }
    }

    /// An end without a run: nothing was proved.
    #[must_use]
    pub const fn empty(verdict: Verdict) -> Self {
        Self {
            event: "finished",
            run: None,
            outcome: verdict.outcome,
            refused: verdict.refused,
            rolled_back: false,
            exit: verdict.exit,
            seconds: 0.0,
            tables: Vec::new(),
            rejects: Vec::new(),
            rejects_total: 0,
            differences: Vec::new(),
            differences_total: 0,
            repairs: Vec::new(),
            downtime_seconds: None,
            step: None,
            error: None,
            next: None,
            back: None,
            report: None,
        }
    }

    /// An error before there was a run.
    #[must_use]
    pub fn before_a_run(verdict: Verdict, error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..Self::empty(verdict) }
    }
}

/// Why it did not go on: what stopped the driver, what it refused, or why a step failed.
fn why(snapshot: &Snapshot, ending: &Ending) -> Option<String> {
    let refusal = || snapshot.refusal.clone().filter(|_| ending.ended == Ended::Refused);
    let failure = || failed_step(snapshot).and_then(|step| step.error.clone());
    ending.broken.clone().or_else(refusal).or_else(failure)
}

/// The step at which a run stands that has not come to its end.
fn stands_at(snapshot: &Snapshot) -> Option<&StepView> {
    let begun =
        |step: &&StepView| !matches!(step.status, Status::Pending | Status::Done | Status::Skipped | Status::Undone);
    failed_step(snapshot).or_else(|| snapshot.steps.iter().find(begun))
}

/// The command that goes on, where there is something to go on with.
fn next(snapshot: &Snapshot, verdict: Verdict) -> Option<String> {
    let run = &snapshot.run;
    match (&snapshot.question, verdict.outcome) {
        (_, Outcome::Done) => None,
        (Some(Question::LateWrites { to, .. }), _) => {
            let to = to.as_ref().map_or_else(String::new, |step| format!(" --to {step}"));
            Some(format!("cutover rollback {run}{to} --export-writes FILE, or with --lose-writes"))
        }
        (Some(Question::Gate { .. }), _) => Some(format!("cutover resume {run} --yes")),
        (_, Outcome::Waiting) if would_lose_writes(snapshot) => {
            Some(format!("cutover rollback {run}{} --export-writes FILE, or with --lose-writes", to(snapshot)))
        }
        _ if is_half_way_back(snapshot) => Some(format!("cutover rollback {run}{}", to(snapshot))),
        _ => Some(format!("cutover resume {run}")),
    }
}

/// Whether an undo failed: going on then means going back.
fn is_half_way_back(snapshot: &Snapshot) -> bool {
    failed_step(snapshot).is_some_and(|step| step.status == Status::UndoFailed)
}

/// The `--to` of the rollback under way; without it everything would be taken back.
fn to(snapshot: &Snapshot) -> String {
    snapshot.rollback_goal().map_or_else(String::new, |step| format!(" --to {step}"))
}

/// Whether an undo found rows that came since, and waits to be told what becomes of them.
fn would_lose_writes(snapshot: &Snapshot) -> bool {
    failed_step(snapshot).is_some_and(StepView::would_lose_writes)
}

/// The command that goes back, where something was changed that can be taken back and that is not the end of it.
fn back(snapshot: &Snapshot, verdict: Verdict) -> Option<String> {
    let wanted = matches!(verdict.outcome, Outcome::Failed | Outcome::Waiting);
    let changed = snapshot.steps.iter().any(|step| step.checkpoint && step.description.changes);
    (wanted
        && changed
        && !is_half_way_back(snapshot)
        && snapshot.question.as_ref().is_none_or(|question| !matches!(question, Question::LateWrites { .. })))
    .then(|| format!("cutover rollback {}", snapshot.run))
}

/// Lists are bounded; totals are not. Integers that a reader in JavaScript would round become strings.
fn bound(proof: &mut Proof) {
    proof.rejects.truncate(Evidence::LISTED);
    proof.differences.truncate(Evidence::LISTED);
    let keys = proof.rejects.iter_mut().map(|reject| &mut reject.key);
    keys.chain(proof.differences.iter_mut().map(|difference| &mut difference.key)).for_each(spell_out);
}

const EXACT: i64 = 1 << 53;

fn spell_out(key: &mut Key) {
    for value in key.values_mut() {
        let number = match value.as_i64() {
            Some(number) if !(-EXACT..=EXACT).contains(&number) => number.to_string(),
            None if value.is_u64() => value.to_string(),
            _ => continue,
        };
        *value = serde_json::Value::String(number);
    }
}

#[cfg(test)]
mod tests {
    use super::Finished;
    use crate::engine::snapshot::{Decision, FailureKind, Status};
    use crate::engine::{Ended, Ending};
    use crate::evidence::{Difference, Evidence};
    use crate::report::sample;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn finished(snapshot: &crate::engine::snapshot::Snapshot) -> Value {
        let ending = Ending { ended: Ended::Failed, broken: None };
        serde_json::to_value(Finished::of(snapshot, &ending)).unwrap()
    }

    #[test]
    fn the_contract_to_the_letter() {
        let value = finished(&sample::differing());
        assert_eq!(value["event"], "finished");
        assert_eq!(value["run"], "app-20260301-030712");
        assert_eq!(value["outcome"], "failed");
        assert_eq!(value["seconds"], 65.0);
        assert_eq!(value["tables"][0]["table"], "public.tag");
        for field in ["rows_source", "rows_loaded", "rows_rejected", "digest_source", "digest_target", "seconds"] {
            assert!(value["tables"][0].get(field).is_some(), "{field}");
        }
        let cells = json!([{"column": "name", "source": "x", "target": null}]);
        let difference = json!({"table": "public.tag", "key": {"id": 7}, "kind": "changed", "columns": cells});
        assert_eq!(value["differences"], json!([difference]));
        assert_eq!(value["differences_total"], 1);
        assert_eq!(value["rejects"], json!([]));
        assert!(value.get("refused").is_none());
    }

    #[test]
    fn a_reject_names_table_key_column_value_reason_and_action() {
        let value = finished(&sample::rejected());
        let reject = &value["rejects"][0];
        assert_eq!(reject["key"], json!({"id": 7}));
        for field in ["table", "column", "value", "reason"] {
            assert!(reject[field].is_string(), "{field}");
        }
        assert_eq!(reject["action"], "stop");
        assert_eq!(value["rejects"][1]["column"], Value::Null);
    }

    #[test]
    fn after_a_failed_undo_going_on_is_going_back_as_far_as_was_asked() {
        let mut snapshot = sample::differing();
        let step = snapshot.steps[2].id.clone();
        snapshot.steps[2].status = Status::UndoFailed;
        snapshot.steps[2].failure = Some(FailureKind::Failed);
        assert_eq!(finished(&snapshot)["next"], "cutover rollback app-20260301-030712");
        let what = format!("roll back to {step}");
        let decision = Decision {
            at: sample::at(9),
            by: "kim@host1".to_owned(),
            step: None,
            what,
            remark: None,
            unattended: false,
        };
        snapshot.decisions.push(decision);
        let told = finished(&snapshot);
        assert_eq!(told["next"], format!("cutover rollback app-20260301-030712 --to {step}"));
        assert!(told.get("back").is_none());
    }

    #[test]
    fn a_table_that_was_not_read_back_has_null_for_its_digest() {
        let mut snapshot = sample::finished();
        snapshot.steps.pop();
        assert_eq!(finished(&snapshot)["tables"][0].get("digest_target"), Some(&Value::Null));
    }

    #[test]
    fn large_integers_in_keys_are_strings_and_lists_are_bounded() {
        let mut snapshot = sample::differing();
        let mut evidence: Evidence = (*snapshot.steps[2].evidence).clone();
        let mut difference: Difference = evidence.differences[0].clone();
        difference.key = serde_json::Map::from_iter([
            ("a".to_owned(), json!(9_007_199_254_740_993_i64)),
            ("b".to_owned(), json!(9_007_199_254_740_992_i64)),
            ("c".to_owned(), json!(i64::MIN)),
        ]);
        evidence.differences = vec![difference; Evidence::LISTED + 5];
        evidence.differences_total = 70_000;
        snapshot.steps[2].evidence = Arc::new(evidence);
        let value = finished(&snapshot);
        let expected = json!({"a": "9007199254740993", "b": 9_007_199_254_740_992_i64, "c": "-9223372036854775808"});
        assert_eq!(value["differences"][0]["key"], expected);
        assert_eq!(value["differences"].as_array().unwrap().len(), Evidence::LISTED);
        assert_eq!(value["differences_total"], 70_000);
    }
}
