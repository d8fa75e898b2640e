//! Runs as the tests of report and headless see them.

use crate::engine::snapshot::{Decision, FailureKind, Question, RunState, Snapshot, Status, StepView};
use crate::evidence::{
    CellDifference, ColumnPlan, ColumnRepair, Difference, DifferenceKind, Evidence, Finding, IntervalEvidence,
    IntervalUnit, Key, PlanReport, Policy, Reject, StorageClass, TablePlan, TableResult, ValueRepair, Verdict,
};
use crate::runbook::{Gate, StepId};
use jiff::Timestamp;
use std::sync::Arc;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_334_432 + second).unwrap()
}

fn key(id: i64) -> Key {
    Key::from_iter([("id".to_owned(), serde_json::json!(id))])
}

/// A run that has not begun: check, copy with a gate, verify.
pub(crate) fn ready() -> Snapshot {
    let mut copy = step("copy", "copy", "Loads 2 tables into app@db:5432/app in one transaction.");
    copy.gate = Gate::Confirm;
    copy.description.way_back = "Nothing changes unless all of it arrives.".to_owned();
    copy.description.effects = vec!["replaces 3 rows of public.tag".to_owned()];
    Snapshot {
        run: "app-20260301-030712".to_owned(),
        runbook: "app".to_owned(),
        source: "/var/lib/app/app.db".to_owned(),
        target: "app@db:5432/app".to_owned(),
        place: "host1".to_owned(),
        operator: "kim@host1".to_owned(),
        version: "0.1.0".to_owned(),
        parameters: vec![("sqlite".to_owned(), "/var/lib/app/app.db".to_owned())],
        run_dir: "/state/app-20260301-030712".to_owned(),
        point_of_no_return: Some(StepId::from("verify")),
        now: Some(at(0)),
        steps: vec![
            step("preflight", "preflight", "Asks everything that can fail later."),
            copy,
            step("verify", "verify", "Compares both sides cell by cell."),
        ],
        ..Snapshot::default()
    }
}

/// A run that put intervals right.
pub(crate) fn repaired() -> Snapshot {
    let mut snapshot = finished();
    let value =
        ValueRepair { key: key(7), before: Some("1446 days 15:33:20".to_owned()), after: Some("00:02:05".to_owned()) };
    let column = ColumnRepair {
        table: "public.alert".to_owned(),
        column: "silence".to_owned(),
        wrong: Some(IntervalUnit::S),
        unit: IntervalUnit::Us,
        rows: 2,
        repaired: true,
        right: 7,
        neither: 1,
        unknown: 0,
        missing: 0,
        earlier: 0,
        suspect: 0,
        examples: vec![value],
        others: Vec::new(),
        evidence: IntervalEvidence {
            table: "public.alert".to_owned(),
            column: "silence".to_owned(),
            values: 10,
            histograms: Vec::new(),
            unit: Some(IntervalUnit::Us),
            because: "the source says so".to_owned(),
        },
    };
    snapshot.steps[1].evidence = Arc::new(Evidence { repairs: vec![column], ..Evidence::default() });
    snapshot
}

/// The same run at the gate of `copy`.
pub(crate) fn at_gate() -> Snapshot {
    let mut snapshot = ready();
    snapshot.started = Some(at(0));
    snapshot.now = Some(at(2));
    snapshot.state = RunState::Waiting;
    done(&mut snapshot.steps[0], 2.0, "2 checks: 1 passed, 1 put off");
    snapshot.steps[0].evidence = Arc::new(Evidence { findings: findings(), ..Evidence::default() });
    snapshot.steps[1].status = Status::AtGate;
    snapshot.question = Some(Question::Gate { step: StepId::from("copy"), typed: None });
    snapshot
}

/// The same run when all is done.
pub(crate) fn finished() -> Snapshot {
    let mut snapshot = at_gate();
    snapshot.now = Some(at(65));
    snapshot.ended = Some(at(65));
    snapshot.state = RunState::Done;
    snapshot.question = None;
    snapshot.down_since = Some(at(10));
    snapshot.up_since = Some(at(41));
    snapshot.decisions = vec![Decision {
        at: at(5),
        by: "kim@host1".to_owned(),
        step: Some("copy".to_owned()),
        what: "gate passed".to_owned(),
        remark: Some("change 4711".to_owned()),
        unattended: false,
    }];
    done(&mut snapshot.steps[1], 1.5, "12 rows in 2 tables");
    snapshot.steps[1].checkpoint = true;
    snapshot.steps[1].description.changes = true;
    snapshot.steps[1].evidence = Arc::new(Evidence {
        tables: vec![table("public.tag", 10, None), table("public.note", 2, None)],
        plan: Some(Box::new(plan())),
        ..Evidence::default()
    });
    done(&mut snapshot.steps[2], 0.5, "2 tables equal");
    snapshot.steps[2].evidence = Arc::new(Evidence {
        tables: vec![table("public.tag", 10, Some("a")), table("public.note", 2, Some("a"))],
        ..Evidence::default()
    });
    snapshot
}

/// The same run, whose copy was refused two cells.
pub(crate) fn rejected() -> Snapshot {
    let mut snapshot = at_gate();
    snapshot.now = Some(at(9));
    snapshot.state = RunState::Failed;
    let reject = |id, column: Option<&str>| Reject {
        table: "public.tag".to_owned(),
        key: key(id),
        column: column.map(ToOwned::to_owned),
        storage: StorageClass::Text,
        value: Some("<b>&\u{fffd}".to_owned()),
        reason: "longer than 20 characters".to_owned(),
        action: Policy::Stop,
    };
    let step = &mut snapshot.steps[1];
    step.status = Status::Failed;
    step.attempts = 1;
    step.seconds = Some(1.0);
    step.error = Some("2 cells of public.tag do not fit.\nChoose a policy, or mend the source.".to_owned());
    step.failure = Some(FailureKind::Failed);
    step.evidence = Arc::new(Evidence {
        rejects: vec![reject(7, Some("name")), reject(8, None)],
        rejects_total: 2,
        ..Evidence::default()
    });
    snapshot.question = Some(Question::Failure { step: StepId::from("copy") });
    snapshot
}

/// The same run, in which verify found a row that differs.
pub(crate) fn differing() -> Snapshot {
    let mut snapshot = finished();
    snapshot.state = RunState::Failed;
    let step = &mut snapshot.steps[2];
    step.status = Status::Failed;
    step.error = Some("1 row differs".to_owned());
    step.failure = Some(FailureKind::Differences);
    let cell = CellDifference { column: "name".to_owned(), source: Some("x".to_owned()), target: None };
    step.evidence = Arc::new(Evidence {
        tables: vec![table("public.tag", 10, Some("b")), table("public.note", 2, Some("a"))],
        differences: vec![Difference {
            table: "public.tag".to_owned(),
            key: key(7),
            kind: DifferenceKind::Changed,
            columns: vec![cell],
        }],
        differences_total: 1,
        ..Evidence::default()
    });
    snapshot
}

/// A plan of one table.
pub(crate) fn plan() -> PlanReport {
    let interval = IntervalEvidence {
        table: "public.tag".to_owned(),
        column: "took".to_owned(),
        values: 9,
        histograms: Vec::new(),
        unit: Some(IntervalUnit::Us),
        because: "Django writes microseconds".to_owned(),
    };
    PlanReport {
        rows: 12,
        bytes: 8_192,
        estimate_seconds: 0.4,
        tables: vec![TablePlan {
            table: "public.tag".to_owned(),
            source: "tag".to_owned(),
            rows: 10,
            rows_target: 3,
            columns: vec![ColumnPlan {
                column: "took".to_owned(),
                source_type: "bigint".to_owned(),
                target_type: "interval".to_owned(),
                conversion: "integer µs ▸ interval".to_owned(),
                interval: Some(interval),
                ..ColumnPlan::default()
            }],
            warnings: Vec::new(),
        }],
        ..PlanReport::default()
    }
}

fn step(id: &str, action: &str, does: &str) -> StepView {
    let mut step = StepView { id: id.to_owned(), action: action.to_owned(), ..StepView::default() };
    step.description.does = does.to_owned();
    step
}

fn done(step: &mut StepView, seconds: f64, summary: &str) {
    step.status = Status::Done;
    step.attempts = 1;
    step.started = Some(at(0));
    step.seconds = Some(seconds);
    step.summary = summary.to_owned();
}

fn findings() -> Vec<Finding> {
    let finding = |check: &str, verdict, detail: &str| Finding {
        check: check.to_owned(),
        verdict,
        detail: detail.to_owned(),
        remedy: String::new(),
    };
    vec![
        finding("target reachable", Verdict::Passed, "PostgreSQL 15.4"),
        finding("free space", Verdict::PutOff("copy".to_owned()), "needs 1 GB"),
    ]
}

fn table(name: &str, rows: u64, target: Option<&str>) -> TableResult {
    TableResult {
        table: name.to_owned(),
        rows_source: rows,
        rows_loaded: rows,
        digest_source: Some("a".repeat(32)),
        digest_target: target.map(|digit| digit.repeat(32)),
        seconds: 0.1,
        ..TableResult::default()
    }
}
