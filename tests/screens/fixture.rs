//! Snapshots made by hand: one per state that an operator can meet.

use cutover::engine::snapshot::{
    ColumnView, DataView, Description, Distribution, FailureKind, Helm, LogLevel, LogLine, PartProgress, Question,
    RowPair, RowsView, RunState, Snapshot, Status, StepView, TableCounts,
};
use cutover::evidence::{
    Bucket, CellDifference, ColumnPlan, ColumnRepair, Difference, DifferenceKind, Evidence, Finding, IntervalEvidence,
    IntervalUnit, Key, LevelComparison, Misfit, PlanReport, Policy, Problem, Reject, Severity, StorageClass, TablePlan,
    TableResult, UnitHistogram, ValueRepair, Verdict, Warning,
};
use cutover::runbook::{Gate, StepId};
use jiff::Timestamp;
use std::sync::Arc;

/// A moment, so many seconds after the run began.
pub fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp::from_second(1_780_000_000 + seconds).unwrap())
}

fn step(id: &str, does: &str, changes: bool) -> StepView {
    StepView {
        id: id.to_owned(),
        action: id.to_owned(),
        description: Description {
            does: does.to_owned(),
            effects: Vec::new(),
            way_back: if changes { "Puts back what stood there.".to_owned() } else { String::new() },
            reversible: true,
            changes,
        },
        ..StepView::default()
    }
}

fn steps() -> Vec<StepView> {
    let mut steps = vec![
        step("preflight", "Checks everything that can fail later.", false),
        step("generate-schema", "Runs a fresh OnCall until its schema is complete.", true),
        step("scan", "Reads a copy of the live source against the real schema.", false),
        step("quiesce", "Stops OnCall and proves that nobody writes.", true),
        step("snapshot", "Freezes database, -wal and -journal as one set.", true),
        step("truncate", "Saves what the target's tables hold.", true),
        step("copy", "Loads 105 tables into oncall@pg-main in one transaction.", true),
        step("verify", "Compares every row of both sides and checks sequences and foreign keys.", false),
        step("spot-check", "Shows rows of both sides side by side.", false),
        step("switch-config", "Writes the new database into /etc/oncall/oncall.ini.", true),
        step("start", "Starts OnCall on PostgreSQL.", true),
        step("health", "Asks OnCall whether it is well.", false),
    ];
    let estimates = [2.0, 30.0, 4.0, 9.0, 1.0, 1.0, 14.0, 5.0, 0.0, 1.0, 8.0, 3.0];
    for (step, estimate) in steps.iter_mut().zip(estimates) {
        step.estimate_seconds = (estimate > 0.0).then_some(estimate);
    }
    steps[3].downtime_begins = true;
    steps[11].downtime_ends = true;
    steps[3].gate = Gate::Confirm;
    steps[8].gate = Gate::Confirm;
    steps[10].gate = Gate::Typed("grafana-oncall".to_owned());
    steps[6].description.effects = vec![
        "reads 3,041,222 rows of the snapshot (605 MB)".to_owned(),
        "replaces 1,204 rows in 105 tables of oncall@pg-main:5432/oncall".to_owned(),
        "takes off and rebuilds 214 indexes and 160 foreign keys".to_owned(),
    ];
    steps[6].description.way_back = "Nothing changes unless all of it arrives; then the saved rows go back.".to_owned();
    steps[9].note = "The service's own backup of the file is left alone.".to_owned();
    steps[10].description.reversible = true;
    steps
}

/// Nothing has started.
pub fn fresh() -> Snapshot {
    Snapshot {
        run: "20260528-0307-oncall".to_owned(),
        runbook: "grafana-oncall".to_owned(),
        source: "/var/lib/oncall/oncall.db".to_owned(),
        target: "oncall@pg-main:5432/oncall".to_owned(),
        place: "node-7".to_owned(),
        now: at(0),
        steps: steps(),
        downtime_budget: Some(300.0),
        point_of_no_return: Some(StepId::from("start")),
        run_dir: "/root/.local/state/cutover/20260528-0307-oncall".to_owned(),
        operator: "mw@laptop".to_owned(),
        version: "0.1.0".to_owned(),
        ..Snapshot::default()
    }
}

fn line(seconds: i64, level: LogLevel, step: &str, text: &str) -> LogLine {
    LogLine { at: at(seconds).unwrap(), level, step: Some(step.to_owned()), text: text.to_owned() }
}

fn done_up_to(snapshot: &mut Snapshot, count: usize) {
    let times = [2.1, 31.0, 4.2, 9.0, 1.2, 0.3, 14.4, 5.1, 40.0, 0.2, 8.8, 2.0];
    for (step, seconds) in snapshot.steps.iter_mut().zip(times).take(count) {
        step.status = Status::Done;
        step.attempts = 1;
        step.seconds = Some(seconds);
        step.checkpoint = true;
        step.summary = format!("{} ended well.", step.id);
    }
    snapshot.started = at(0);
    snapshot.log = [
        line(2, LogLevel::Info, "preflight", "13 checks passed, free space is unknown: the copy needs 1.3 GB"),
        line(33, LogLevel::Debug, "generate-schema", "django_migrations: 212 of 212"),
        line(38, LogLevel::Info, "scan", "alerts_alertgroup: response_time bigint ▸ interval, microseconds (Django)"),
        line(40, LogLevel::Warn, "scan", "alerts_alert.title: 2 values hold characters beyond the basic plane 日本語"),
        line(47, LogLevel::Info, "quiesce", "oncall-engine stopped; nobody has written for 5 s"),
    ]
    .into();
}

/// A gate that wants a name waits.
pub fn at_gate() -> Snapshot {
    let mut snapshot = fresh();
    done_up_to(&mut snapshot, 10);
    snapshot.state = RunState::Waiting;
    snapshot.now = at(125);
    snapshot.down_since = at(40);
    snapshot.steps[10].status = Status::AtGate;
    snapshot.question = Some(Question::Gate { step: StepId::from("start"), typed: Some("grafana-oncall".to_owned()) });
    snapshot
}

/// A gate that wants to be confirmed waits.
pub fn at_confirm() -> Snapshot {
    let mut snapshot = fresh();
    done_up_to(&mut snapshot, 3);
    snapshot.state = RunState::Waiting;
    snapshot.now = at(38);
    snapshot.steps[3].status = Status::AtGate;
    snapshot.question = Some(Question::Gate { step: StepId::from("quiesce"), typed: None });
    snapshot
}

fn part(name: &str, done: u64, total: u64) -> PartProgress {
    PartProgress {
        part: name.to_owned(),
        unit: "rows".to_owned(),
        done,
        total: Some(total),
        bytes: done * 190,
        finished: done == total,
    }
}

/// A copy is at work.
pub fn copying() -> Snapshot {
    let mut snapshot = fresh();
    done_up_to(&mut snapshot, 6);
    snapshot.state = RunState::Running;
    snapshot.now = at(59);
    snapshot.down_since = at(40);
    let copy = &mut snapshot.steps[6];
    copy.status = Status::Running;
    copy.started = at(49);
    copy.seconds = Some(9.8);
    copy.attempts = 1;
    copy.checkpoint = true;
    copy.rate = 312_400.0;
    copy.parts =
        vec![part("public.alerts_alert", 270_000, 270_000), part("public.alerts_alertgroup", 150_000, 150_000)];
    copy.parts
        .extend((0..97).map(|index| part(&format!("public.base_table_{index:03}"), 1_000 + index, 1_000 + index)));
    copy.parts.push(part("public.alerts_alertgrouplogrecord", 714_000, 1_100_000));
    copy.parts.extend((0..3).map(|index| part(&format!("public.later_{index}"), 0, 400_000)));
    snapshot
}

/// Ten thousand million rows, and a part that does not know how much there is.
pub fn vast() -> Snapshot {
    let mut snapshot = copying();
    let copy = &mut snapshot.steps[6];
    copy.rate = 298_000.0;
    copy.parts = vec![
        part("public.metrics", 412_998_117, 1_000_000_000),
        part("public.empty", 0, 0),
        PartProgress {
            part: "indexes".to_owned(),
            unit: "indexes".to_owned(),
            done: 3,
            total: Some(214),
            ..Default::default()
        },
        PartProgress { part: "refresh".to_owned(), unit: "views".to_owned(), ..Default::default() },
    ];
    copy.waiting = "a lock on public.metrics, held by pid 4711 (pg_dump, 12 s)".to_owned();
    snapshot
}

/// The same copy, watched from another terminal.
pub fn watched() -> Snapshot {
    Snapshot { helm: Helm::Elsewhere("anna@node-7 on pts/3".to_owned()), ..copying() }
}

/// The same copy in a process of its own, which this terminal answers for.
pub fn attached() -> Snapshot {
    Snapshot { helm: Helm::Attached, ..copying() }
}

/// A run whose process is gone.
pub fn left_behind() -> Snapshot {
    Snapshot { helm: Helm::Past, state: RunState::Interrupted, ..at_gate() }
}

/// A step failed.
pub fn failed() -> Snapshot {
    let mut snapshot = fresh();
    done_up_to(&mut snapshot, 6);
    snapshot.state = RunState::Waiting;
    snapshot.now = at(75);
    snapshot.down_since = at(40);
    let copy = &mut snapshot.steps[6];
    copy.status = Status::Failed;
    copy.attempts = 2;
    copy.checkpoint = true;
    copy.seconds = Some(3.3);
    copy.failure = Some(FailureKind::Failed);
    copy.error = Some(
        "loading public.alerts_alert into oncall@pg-main:5432/oncall: the server closed the connection (57P01, terminating \
         connection due to administrator command); nothing of it is loaded; retry when the server is back"
            .to_owned(),
    );
    copy.evidence = Arc::new(Evidence {
        rejects_total: 2,
        rejects: vec![
            reject(950, "title", "a\\0b", "text cannot hold NUL"),
            reject(951, "created_at", "yesterday", "is no timestamp"),
        ],
        ..Evidence::default()
    });
    snapshot.question = Some(Question::Failure { step: StepId::from("copy") });
    snapshot.log.push_back(line(74, LogLevel::Error, "copy", "the server closed the connection (57P01)"));
    snapshot
}

fn key(id: i64) -> Key {
    Key::from_iter([("id".to_owned(), id.into())])
}

fn reject(id: i64, column: &str, value: &str, reason: &str) -> Reject {
    Reject {
        table: "public.alerts_alert".to_owned(),
        key: key(id),
        column: Some(column.to_owned()),
        storage: StorageClass::Text,
        value: Some(value.to_owned()),
        reason: reason.to_owned(),
        action: Policy::Stop,
    }
}

fn result(table: &str, rows: u64, equal: bool) -> TableResult {
    TableResult {
        table: table.to_owned(),
        rows_source: rows,
        rows_loaded: rows,
        digest_source: Some("a".repeat(32)),
        digest_target: Some(if equal { "a" } else { "b" }.repeat(32)),
        seconds: 0.4,
        bytes: rows * 200,
        ..TableResult::default()
    }
}

fn finding(check: &str, verdict: Verdict, detail: &str, remedy: &str) -> Finding {
    Finding { check: check.to_owned(), verdict, detail: detail.to_owned(), remedy: remedy.to_owned() }
}

/// Verify found rows that differ.
pub fn differences() -> Snapshot {
    let mut snapshot = fresh();
    done_up_to(&mut snapshot, 7);
    snapshot.state = RunState::Waiting;
    snapshot.now = at(91);
    snapshot.down_since = at(40);
    let verify = &mut snapshot.steps[7];
    verify.status = Status::Failed;
    verify.attempts = 1;
    verify.seconds = Some(5.0);
    verify.failure = Some(FailureKind::Differences);
    verify.error = Some("comparing both sides: 3 rows of 2 tables differ; nothing was changed by this step".to_owned());
    verify.evidence = Arc::new(Evidence {
        tables: vec![result("public.alerts_alert", 270_000, true), result("public.alerts_alertgroup", 150_000, false)],
        differences_total: 3,
        differences: vec![
            Difference {
                table: "public.alerts_alertgroup".to_owned(),
                key: key(7),
                kind: DifferenceKind::Changed,
                columns: vec![CellDifference {
                    column: "response_time".to_owned(),
                    source: Some("00:02:05".to_owned()),
                    target: Some("1446 days 15:33:20".to_owned()),
                }],
            },
            Difference {
                table: "public.tags".to_owned(),
                key: key(12),
                kind: DifferenceKind::Missing,
                columns: Vec::new(),
            },
            Difference {
                table: "public.tags".to_owned(),
                key: key(99),
                kind: DifferenceKind::Extra,
                columns: Vec::new(),
            },
        ],
        findings: vec![
            finding("sequence public.tags_id_seq", Verdict::Passed, "at 100, largest id is 99", ""),
            finding(
                "foreign key tags_alert_fk",
                Verdict::Failed,
                "1 row points at nothing",
                "load public.alerts_alert again",
            ),
            finding("free space", Verdict::Unknown, "needs 1.3 GB", "look at the server's disk"),
        ],
        ..Evidence::default()
    });
    snapshot.question = Some(Question::Failure { step: StepId::from("verify") });
    snapshot.data = Arc::new(data());
    snapshot
}

/// What the inspect port would answer.
pub fn data() -> DataView {
    let count = |table: &str, source, target, equal| TableCounts { table: table.to_owned(), source, target, equal };
    let row = |id, because: &str, source: [Option<&str>; 4], target: [Option<&str>; 4], differing: &[usize]| RowPair {
        key: key(id),
        because: because.to_owned(),
        source: Some(source.map(|value| value.map(str::to_owned)).to_vec()),
        target: Some(target.map(|value| value.map(str::to_owned)).to_vec()),
        differing: differing.to_vec(),
    };
    let long = r#"{"labels":{"severity":"critical","team":"sre"},"values":[1,2,3],"text":"Überlauf 日本語 👩‍👩‍👧"}"#;
    let usual = [Some("1"), Some("disk full"), Some("00:02:05"), Some(long)];
    DataView {
        cluster: None,
        tables: vec![
            count("public.alerts_alert", 270_000, 270_000, Some(true)),
            count("public.alerts_alertgroup", 150_000, 150_000, Some(false)),
            count("public.tags", 100, 100, Some(false)),
            count("public.empty", 0, 0, Some(true)),
            count("public.later", 1_000_000_000, 12, None),
        ],
        rows: Some(RowsView {
            table: "public.alerts_alertgroup".to_owned(),
            columns: ["id", "title", "response_time", "payload"].map(str::to_owned).to_vec(),
            rows: vec![
                row(
                    7,
                    "largest response_time",
                    [Some("7"), Some("disk full"), Some("00:02:05"), Some(long)],
                    [Some("7"), Some("disk full"), Some("1446 days 15:33:20"), Some(long)],
                    &[2],
                ),
                row(1, "smallest id", usual, usual, &[]),
                row(
                    12,
                    "null response_time",
                    [Some("12"), Some(""), None, None],
                    [Some("12"), Some(""), None, None],
                    &[],
                ),
                row(
                    31,
                    "longest title",
                    [Some("31"), Some("テーブルの名前がとても長いので切らなければならない場合もあります"), None, None],
                    [Some("31"), Some("テーブルの名前がとても長いので切らなければならない場合もあります"), None, None],
                    &[],
                ),
                RowPair {
                    key: key(99),
                    because: "differs".to_owned(),
                    target: Some(vec![Some("99".to_owned()), None, None, None]),
                    ..RowPair::default()
                },
            ],
        }),
        column: Some(ColumnView {
            table: "public.alerts_alertgroup".to_owned(),
            column: "id".to_owned(),
            source: distribution(&[12, 80, 400, 33, 0]),
            target: Distribution { max: Some("1446 days".to_owned()), ..distribution(&[12, 80, 399, 33, 1]) },
        }),
        error: None,
    }
}

fn distribution(counts: &[u64]) -> Distribution {
    let labels = ["< 1 s", "1 s to 1 min", "1 min to 1 h", "1 h to 1 day", "> 1 day"];
    Distribution {
        rows: 525,
        nulls: 40,
        distinct: 380,
        min: Some("00:00:00.5".to_owned()),
        max: Some("05:00:00".to_owned()),
        buckets: labels.iter().map(|label| (*label).to_owned()).zip(counts.iter().copied()).collect(),
    }
}

/// Everything was taken back.
pub fn rolled_back() -> Snapshot {
    let mut snapshot = fresh();
    done_up_to(&mut snapshot, 8);
    for step in &mut snapshot.steps[..8] {
        step.status = Status::Undone;
        step.checkpoint = false;
    }
    snapshot.state = RunState::RolledBack;
    snapshot.down_since = at(40);
    snapshot.up_since = at(121);
    snapshot.ended = at(125);
    snapshot.now = at(130);
    snapshot
}

/// A rollback is under way.
pub fn rolling_back() -> Snapshot {
    let mut snapshot = rolled_back();
    snapshot.state = RunState::RollingBack;
    (snapshot.ended, snapshot.up_since, snapshot.now) = (None, None, at(120));
    for step in &mut snapshot.steps[..6] {
        step.status = Status::Done;
        step.checkpoint = true;
    }
    snapshot.steps[6].status = Status::Undoing;
    snapshot.steps[6].started = at(112);
    snapshot.steps[6].waiting = "the saved rows of 105 tables go back".to_owned();
    snapshot
}

/// All went well.
pub fn done() -> Snapshot {
    let mut snapshot = fresh();
    done_up_to(&mut snapshot, 12);
    snapshot.state = RunState::Done;
    snapshot.down_since = at(40);
    snapshot.up_since = at(124);
    snapshot.ended = at(126);
    snapshot.now = at(140);
    let tables = vec![result("public.alerts_alert", 270_000, true), result("public.alerts_alertgroup", 150_000, true)];
    snapshot.steps[0].evidence = Arc::new(Evidence {
        findings: vec![finding(
            "free space on pg-main",
            Verdict::Unknown,
            "",
            "the copy needed 1.3 GB: look how much is left",
        )],
        ..Evidence::default()
    });
    let copied = tables.iter().cloned().map(|table| TableResult { digest_target: None, ..table }).collect();
    snapshot.steps[6].evidence = Arc::new(Evidence { tables: copied, ..Evidence::default() });
    snapshot.steps[7].evidence = Arc::new(Evidence {
        tables,
        findings: vec![finding("sequence public.tags_id_seq", Verdict::Passed, "at 100", ""); 266],
        ..Evidence::default()
    });
    snapshot
}

/// A runbook of nothing, on the way nowhere.
pub fn empty() -> Snapshot {
    Snapshot::default()
}

/// Production, and names as long as names get.
pub fn long_names() -> Snapshot {
    let mut snapshot = copying();
    snapshot.production = true;
    snapshot.runbook = "the-runbook-with-the-longest-name-that-anybody-has-ever-written".to_owned();
    snapshot.place = "prod-eu-central-1/monitoring-and-alerting".to_owned();
    snapshot.source = format!("/var/lib/{}/日本語データベース.sqlite3", "deep/".repeat(20));
    snapshot.target =
        "oncall_production_owner@pg-main-cluster-rw.databases.svc.cluster.local:5432/oncall_production".to_owned();
    snapshot.steps[6].id = "copy-all-the-tables-of-the-application-with-👩‍👩‍👧-and-combining-e\u{301}".to_owned();
    snapshot.steps[6].parts.push(part(
        "\"Very Long Schema Name\".\"日本語テーブル名がここに入ります_and_goes_on_and_on\"",
        1,
        3,
    ));
    snapshot
}

/// A plan with something of everything.
pub fn planned() -> Snapshot {
    let mut snapshot = at_confirm();
    snapshot.plan = Some(Arc::new(plan()));
    snapshot
}

fn plan() -> PlanReport {
    let mut tables = vec![alert_group(), alerts()];
    tables.extend((0..30).map(|index| TablePlan {
        table: format!("public.base_table_{index:03}"),
        source: format!("base_table_{index:03}"),
        rows: 1_000 + index,
        columns: vec![column("id", "integer", "bigint", "integer ▸ bigint")],
        ..TablePlan::default()
    }));
    PlanReport {
        tables,
        problems: vec![Problem {
            subject: "public.alerts_alert.wait_delay".to_owned(),
            message: "nothing says in which unit these 12 integers are".to_owned(),
            remedy: "choose it here with u, or say --interval-unit public.alerts_alert.wait_delay=us".to_owned(),
            undecided: true,
        }],
        warnings: vec![Warning {
            severity: Severity::Note,
            message: "2 tables are only in the target and stay as they are: public.a, public.b".to_owned(),
        }],
        levels: Some(LevelComparison {
            table: "django_migrations".to_owned(),
            source: "212, last oncall_0071".to_owned(),
            target: "212, last oncall_0071".to_owned(),
            source_only: Vec::new(),
            target_only: Vec::new(),
            equal: true,
        }),
        rows: 3_041_222,
        bytes: 605_000_000,
        estimate_seconds: 14.0,
        hash: "h".to_owned(),
        ..PlanReport::default()
    }
}

fn column(name: &str, source: &str, target: &str, conversion: &str) -> ColumnPlan {
    ColumnPlan {
        column: name.to_owned(),
        source_type: source.to_owned(),
        target_type: target.to_owned(),
        conversion: conversion.to_owned(),
        storage: [(StorageClass::Integer, 150_000)].into(),
        ..ColumnPlan::default()
    }
}

fn alert_group() -> TablePlan {
    let mut response = column("response_time", "bigint", "interval", "integer µs ▸ interval");
    response.interval =
        Some(interval("response_time", Some(IntervalUnit::Us), "Django's DurationField writes microseconds on SQLite"));
    let mut started = column(
        "started_at",
        "datetime",
        "timestamp with time zone",
        "text ▸ timestamptz, UTC where no zone is written",
    );
    started.warnings = vec![Warning {
        severity: Severity::Change,
        message: "12 values have a zone and are shifted to UTC".to_owned(),
    }];
    TablePlan {
        table: "public.alerts_alertgroup".to_owned(),
        source: "alerts_alertgroup".to_owned(),
        rows: 150_000,
        rows_target: 7,
        columns: vec![column("id", "integer", "bigint", "integer ▸ bigint"), response, started],
        warnings: vec![Warning {
            severity: Severity::Note,
            message: "cached_render is only in the target and stays NULL".to_owned(),
        }],
    }
}

fn alerts() -> TablePlan {
    let mut title = column("title", "varchar(100)", "character varying(100)", "text ▸ varchar(100)");
    title.misfits_total = 2;
    title.misfits = vec![Misfit {
        key: key(950),
        storage: StorageClass::Text,
        value: Some("a\\0b".to_owned()),
        reason: "text cannot hold NUL".to_owned(),
    }];
    let mut wait = column("wait_delay", "bigint", "interval", "integer ▸ interval, unit undecided");
    wait.interval = Some(interval("wait_delay", None, "no framework was recognised, and two units look likely"));
    TablePlan {
        table: "public.alerts_alert".to_owned(),
        source: "alerts_alert".to_owned(),
        rows: 270_000,
        columns: vec![column("id", "integer", "bigint", "integer ▸ bigint"), title, wait],
        ..TablePlan::default()
    }
}

fn interval(column: &str, unit: Option<IntervalUnit>, because: &str) -> IntervalEvidence {
    let histogram = |unit, min: &str, max: &str, counts: [u64; 5]| UnitHistogram {
        unit,
        min: min.to_owned(),
        max: max.to_owned(),
        buckets: ["< 1 s", "1 s to 1 min", "1 min to 1 h", "1 h to 1 day", "> 1 day"]
            .into_iter()
            .zip(counts)
            .map(|(label, count)| Bucket { label: label.to_owned(), count })
            .collect(),
    };
    IntervalEvidence {
        table: "public.alerts_alertgroup".to_owned(),
        column: column.to_owned(),
        values: 1_975,
        histograms: vec![
            histogram(IntervalUnit::S, "11 days 13:46", "570 years", [0, 0, 0, 0, 1_975]),
            histogram(IntervalUnit::Ms, "00:16:40", "208 days", [0, 0, 3, 100, 1_872]),
            histogram(IntervalUnit::Us, "00:00:01", "05:00:00", [0, 400, 1_500, 75, 0]),
            histogram(IntervalUnit::Ns, "00:00:00.001", "00:00:18", [1_900, 75, 0, 0, 0]),
        ],
        unit,
        because: because.to_owned(),
    }
}

/// Intervals were put right in a target that another tool had loaded.
pub fn repaired() -> Snapshot {
    let mut snapshot = fresh();
    let mut repair = step("repair-intervals", "Puts intervals right that another tool loaded in the wrong unit.", true);
    repair.status = Status::Done;
    repair.attempts = 1;
    repair.checkpoint = true;
    repair.seconds = Some(2.4);
    repair.summary = "117 values in 1 column repaired; the former ones are kept until `cutover forget`".to_owned();
    repair.evidence = Arc::new(Evidence { repairs: vec![column_repair()], ..Evidence::default() });
    snapshot.steps = vec![repair];
    snapshot.state = RunState::Running;
    snapshot.started = at(0);
    snapshot.now = at(4);
    (snapshot.point_of_no_return, snapshot.downtime_budget) = (None, None);
    snapshot
}

fn column_repair() -> ColumnRepair {
    let value = |id, before: &str, after: &str| ValueRepair {
        key: key(id),
        before: Some(before.to_owned()),
        after: Some(after.to_owned()),
    };
    let buckets = |counts: [u64; 4]| {
        let labels = ["1 s to 1 min", "1 min to 1 h", "1 h to 1 day", "longer than a year"];
        let bucket = |(label, count): (&str, u64)| Bucket { label: label.to_owned(), count };
        labels.into_iter().zip(counts).map(bucket).collect()
    };
    let histogram = |unit, min: &str, max: &str, counts| UnitHistogram {
        unit,
        min: min.to_owned(),
        max: max.to_owned(),
        buckets: buckets(counts),
    };
    ColumnRepair {
        table: "public.alerts_alertgroup".to_owned(),
        column: "response_time".to_owned(),
        wrong: Some(IntervalUnit::S),
        unit: IntervalUnit::Us,
        rows: 117,
        repaired: true,
        right: 1_420,
        neither: 2,
        unknown: 31,
        missing: 0,
        earlier: 0,
        suspect: 0,
        examples: vec![
            value(7, "1446 days 15:33:20", "00:02:05"),
            value(31, "41666 days 16:00:00", "01:00:00"),
            value(99, "11574 days 01:46:40", "00:16:40"),
        ],
        others: vec![value(12, "00:00:59", "00:01:00")],
        evidence: IntervalEvidence {
            table: "public.alerts_alertgroup".to_owned(),
            column: "response_time".to_owned(),
            values: 1_539,
            histograms: vec![
                histogram(IntervalUnit::S, "00:00:01", "41666 days 16:00:00", [310, 1_002, 110, 117]),
                histogram(IntervalUnit::Us, "00:00:01", "01:00:00", [340, 1_086, 113, 0]),
            ],
            unit: Some(IntervalUnit::Us),
            because: "these values are exactly the source's integers taken as seconds".to_owned(),
        },
    }
}

/// Every fixture with its name.
pub fn all() -> Vec<(&'static str, Snapshot)> {
    vec![
        ("fresh", fresh()),
        ("confirm", at_confirm()),
        ("gate", at_gate()),
        ("copying", copying()),
        ("vast", vast()),
        ("failed", failed()),
        ("differences", differences()),
        ("rolling-back", rolling_back()),
        ("rolled-back", rolled_back()),
        ("done", done()),
        ("empty", empty()),
        ("long-names", long_names()),
        ("planned", planned()),
        ("repaired", repaired()),
    ]
}
