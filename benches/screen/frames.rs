//! Frames of a run with 500 tables at 200×60, each with a new snapshot, into a terminal of memory: drawing and finding out what changed.

use super::{Times, fixture, tell};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use cutover::engine::snapshot::{LogLevel, LogLine, PartProgress, Snapshot, TableCounts};
use cutover::evidence::{ColumnPlan, PlanReport, TablePlan};
use cutover::tui::{App, Palette, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TABLES: u64 = 500;
const FRAMES: u64 = 200;
const LIMIT: Duration = Duration::from_millis(4);

/// Measures each view.
pub fn measure() {
    for (what, keys) in [("Run", ""), ("Plan", "2jjjj"), ("Data", "3"), ("Log", "4")] {
        tell(&format!("frame of {TABLES} tables at 200×60, {what}"), &frames(keys), LIMIT);
    }
}

fn frames(keys: &str) -> Times {
    let mut app = App::new(Arc::new(snapshot(0)), Theme::new(Palette::Dark, false));
    for key in keys.chars() {
        app.on_key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
    }
    let mut terminal = Terminal::new(TestBackend::new(200, 60)).unwrap();
    terminal.draw(|frame| app.draw(frame)).unwrap();
    let snapshots: Vec<Arc<Snapshot>> = (1..=FRAMES).map(|tick| Arc::new(snapshot(tick))).collect();
    let frame = |snapshot: Arc<Snapshot>| {
        let begun = Instant::now();
        app.update(snapshot);
        terminal.draw(|frame| app.draw(frame)).unwrap();
        begun.elapsed()
    };
    Times::of(snapshots.into_iter().map(frame).collect())
}

/// A copy under way, a bit further with each tick.
fn snapshot(tick: u64) -> Snapshot {
    let mut snapshot = fixture::copying();
    snapshot.steps[6].parts = (0..TABLES).map(|table| part(table, tick)).collect();
    snapshot.now = fixture::at(59 + i64::try_from(tick).unwrap() / 10);
    snapshot.plan = Some(plan());
    let mut data = fixture::data();
    data.tables = (0..TABLES).map(|table| counts(table, tick)).collect();
    snapshot.data = Arc::new(data);
    snapshot.log = (0..1_000).map(line).collect();
    snapshot
}

fn part(table: u64, tick: u64) -> PartProgress {
    let done = 10_000 + table + tick * 97;
    PartProgress {
        part: format!("public.table_{table:04}"),
        unit: "rows".to_owned(),
        done,
        total: Some(1_000_000),
        bytes: done * 190,
        finished: false,
    }
}

fn plan() -> Arc<PlanReport> {
    static PLAN: std::sync::OnceLock<Arc<PlanReport>> = std::sync::OnceLock::new();
    let column = |index: usize| ColumnPlan {
        column: format!("column_{index:02}"),
        source_type: "bigint".to_owned(),
        target_type: "timestamp with time zone".to_owned(),
        conversion: "text ▸ timestamptz, UTC where no zone is written".to_owned(),
        ..ColumnPlan::default()
    };
    let table = |index: u64| TablePlan {
        table: format!("public.table_{index:04}"),
        rows: 1_000_000,
        columns: (0..20).map(column).collect(),
        ..TablePlan::default()
    };
    let plan = || PlanReport { tables: (0..TABLES).map(table).collect(), ..PlanReport::default() };
    PLAN.get_or_init(|| Arc::new(plan())).clone()
}

fn counts(table: u64, tick: u64) -> TableCounts {
    TableCounts { table: format!("public.table_{table:04}"), source: 1_000_000, target: 10_000 + tick, equal: None }
}

fn line(index: i64) -> LogLine {
    LogLine {
        at: fixture::at(index / 20).unwrap(),
        level: LogLevel::Info,
        step: Some("copy".to_owned()),
        text: format!("public.table_{index:04}: indexes are being built again, which takes as long as it takes"),
    }
}
