//! Ten thousand random keys on a real run: real engine, real actions, real databases. Nothing of target, source and configuration
//! may change unless a dialog was confirmed, and nothing may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

mod screens {
    pub mod any_key;
}

use crossterm::event::{KeyCode, KeyEvent};
use cutover::action::Registry;
use cutover::connect::postgres::Address;
use cutover::demo::{self, Demo};
use cutover::engine::command::Command;
use cutover::engine::runs::Runs;
use cutover::engine::snapshot::{Query, Question, RowPick, RunState};
use cutover::engine::{Driver, Handle, Options, Setup};
use cutover::inspect::DatabaseInspect;
use cutover::runbook::Document;
use cutover::tui::{App, Intent, Palette, Theme};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use screens::any_key::any_key;
use sha2::{Digest as _, Sha256};
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Keys in all; a fifth of them at each place where the run stands.
const KEYS: usize = 10_000;

/// The gates at which keys are pressed, in the order of the runbook, and the name that one of them wants.
const GATES: [(&str, Option<&str>); 4] =
    [("quiesce", None), ("truncate", None), ("spot-check", None), ("switch-config", Some("oncall-demo"))];

/// All that a key must not change: every row and every object of the target, the source's files, the configuration.
#[derive(Debug, PartialEq, Eq)]
struct World {
    target: String,
    source: Vec<u8>,
    configuration: Vec<u8>,
}

impl World {
    fn of(demo: &Demo) -> Self {
        let dump = support::run(Process::new(support::program("pg_dump")).args(["-d", &demo.database_url()]));
        let lines = dump.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        let target = format!("{:x?}", Sha256::digest(lines.collect::<Vec<_>>().join("\n")));
        let read = |name: &str| std::fs::read(demo.directory().join(name)).unwrap_or_default();
        let source = ["oncall.db", "oncall.db-wal", "oncall.db-journal"].map(read).concat();
        Self { target, source, configuration: read("app.ini") }
    }
}

/// The demo's run, driven in this process.
async fn open(demo: &Demo, state: &TempDir) -> Handle {
    let document = Document::parse(demo::RUNBOOK, demo::RUNBOOK_FILE).unwrap();
    let values = document.gather(&demo.parameters(), &|_| None).unwrap();
    let dir = Runs::at(state.path()).create("keys", jiff::Timestamp::now()).unwrap();
    let address = Address::parse(&demo.database_url()).unwrap();
    let options = Options { attended: true, ..Options::default() };
    let inspect = Arc::new(DatabaseInspect::new());
    Driver::spawn(Setup::new(dir, document, values, address, Arc::new(Registry), inspect, options)).unwrap()
}

/// What the keys did at one place.
#[derive(Default)]
struct Pressed {
    confirmed: usize,
    queries: usize,
}

/// Presses random keys. What a confirmed dialog asks for is counted and not passed on; all the rest is.
async fn press(handle: &Handle, keys: usize, runner: &mut TestRunner) -> Pressed {
    let strategy = any_key();
    let mut app = App::new(handle.snapshot(), Theme::new(Palette::Dark, false));
    let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
    let mut pressed = Pressed::default();
    for index in 0..keys {
        let key = strategy.new_tree(runner).unwrap().current();
        let before = app.dialog();
        for intent in app.on_key(key) {
            match intent {
                Intent::Command(command @ (Command::Pause | Command::Resume)) => handle.send(command),
                Intent::Command(command) => {
                    assert!(confirmed(before, key), "{key:?} sent {command:?} without a confirmed dialog");
                    pressed.confirmed += 1;
                }
                Intent::Query(query) => {
                    pressed.queries += 1;
                    handle.ask(query);
                }
                _ => {}
            }
        }
        if index % 10 == 0 {
            tokio::task::yield_now().await;
            app.update(handle.snapshot());
            terminal.draw(|frame| app.draw(frame)).unwrap();
        }
    }
    pressed
}

fn confirmed(dialog: Option<bool>, key: KeyEvent) -> bool {
    dialog == Some(true) && key.code == KeyCode::Enter
}

async fn waits_at(handle: &Handle, step: &str) {
    let mut snapshots = handle.snapshots();
    let there = snapshots.wait_for(|snapshot| {
        assert_ne!(snapshot.state, RunState::Failed, "{:?}", snapshot.log);
        matches!(&snapshot.question, Some(Question::Gate { step: at, .. }) if at.0 == step)
    });
    tokio::time::timeout(Duration::from_secs(120), there).await.expect("the gate is reached").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_random_keys_change_nothing_that_was_not_confirmed() {
    let demo = demo::prepare(None, 300).unwrap();
    let state = TempDir::new().unwrap();
    let handle = open(&demo, &state).await;
    let mut runner = TestRunner::default();
    let share = KEYS / (GATES.len() + 1);
    let mut all = vec![press_and_compare(&demo, &handle, "the start", share, &mut runner).await];
    handle.send(Command::Start);
    for (gate, name) in GATES {
        waits_at(&handle, gate).await;
        all.push(press_and_compare(&demo, &handle, gate, share, &mut runner).await);
        let typed = name.map(str::to_owned);
        handle.send(Command::Approve { step: gate.into(), typed, remark: None });
    }
    handle.send(Command::Quit);
    let sum = |of: fn(&Pressed) -> usize| all.iter().map(of).sum::<usize>();
    let (confirmed, queries) = (sum(|pressed| pressed.confirmed), sum(|pressed| pressed.queries));
    support::say(&format!("{KEYS} keys: {confirmed} dialogs confirmed, {queries} questions asked of the databases"));
    assert!(confirmed > 0 && queries > 0, "the keys reached neither dialogs nor databases");
}

/// Waits for the answers to all questions: they are given in order, and this one is the last.
async fn answered(handle: &Handle) {
    let last = Query::Rows { table: "public.nowhere".to_owned(), pick: RowPick::Key("the last".to_owned()), limit: 1 };
    let mut snapshots = handle.snapshots();
    let before = snapshots.borrow_and_update().data.clone();
    handle.ask(last);
    let answer = snapshots.wait_for(|snapshot| {
        !Arc::ptr_eq(&before, &snapshot.data)
            && snapshot.data.error.as_ref().is_some_and(|error| error.contains("nowhere") || error.contains("yet"))
    });
    tokio::time::timeout(Duration::from_secs(120), answer).await.expect("an answer").unwrap();
}

async fn press_and_compare(demo: &Demo, handle: &Handle, place: &str, keys: usize, runner: &mut TestRunner) -> Pressed {
    let before = World::of(demo);
    let pressed = press(handle, keys, runner).await;
    answered(handle).await;
    assert!(World::of(demo) == before, "keys at {place} changed something");
    pressed
}
