//! The real program in a real pseudo-terminal, on real servers: the demo, walked through by keys alone. What is asserted is what
//! the operator reads.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

#[path = "support/terminal.rs"]
mod terminal;

mod walks {
    pub mod found;
    pub mod late;
}

use portable_pty::CommandBuilder;
use std::path::Path;
use std::process::Command;
use terminal::Terminal;

/// Takes the third choice of an open gate.
const GO_ON: &str = "\t\t\r";
/// Takes the second one.
const REFUSE: &str = "\t\r";

/// The demo, laid out and waiting for its start.
fn demo() -> Terminal {
    demo_with(&[])
}

fn demo_with(more: &[&str]) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(["demo", "--rows", "300"]);
    command.args(more);
    let mut terminal = Terminal::spawn(120, 40, command, &[]);
    terminal.wait_for("○ ready");
    terminal
}

fn start(terminal: &mut Terminal) {
    terminal.keys("\r");
    terminal.wait_for("Start this run?");
    terminal.keys("\t\r");
    terminal.wait_for_not("Start this run?");
}

/// Agrees at the gate of a step.
fn agree(terminal: &mut Terminal, step: &str) {
    waits_at(terminal, step);
    terminal.keys("\r");
    terminal.wait_for(&format!("{step}: go on?"));
    terminal.keys(GO_ON);
    terminal.wait_for_not(&format!("{step}: go on?"));
}

fn waits_at(terminal: &mut Terminal, step: &str) {
    terminal.wait_for(&format!("▲ {step}"));
    terminal.wait_for("▲ enter: decide");
}

fn type_the_name(terminal: &mut Terminal) {
    waits_at(terminal, "switch-config");
    terminal.keys("\r");
    terminal.wait_for("type oncall-demo to go on");
    terminal.keys("oncall-demo");
    terminal.keys(GO_ON);
}

fn ended(terminal: &mut Terminal) {
    terminal.wait_for("The service is on PostgreSQL, and the data is proved.");
}

/// Leaves, and looks whether the shell finds its terminal as it was.
fn leave(terminal: &mut Terminal) {
    terminal.keys("q");
    assert!(terminal.ended().success());
    terminal.is_restored();
}

/// Presses a key until the terminal shows `text`.
fn press_until(terminal: &mut Terminal, key: &str, text: &str) {
    for _ in 0..40 {
        terminal.settle(std::time::Duration::from_millis(100));
        if terminal.shown().contains(text) {
            return;
        }
        terminal.keys(key);
    }
    panic!("no `{text}`:\n{}", terminal.shown());
}

/// The directory of the terminal's only run.
fn run_directory(terminal: &Terminal) -> std::path::PathBuf {
    std::fs::read_dir(terminal.state().join("runs")).unwrap().next().unwrap().unwrap().path()
}

/// The report of the terminal's only run.
fn report(terminal: &Terminal) -> String {
    let run = run_directory(terminal);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    support::run(command.arg("report").arg(run.file_name().unwrap()).env("CUTOVER_STATE_DIR", terminal.state()))
}

/// What a kept demo's target answers.
fn target(directory: &Path, sql: &str) -> String {
    let read = |name: &str| std::fs::read_to_string(directory.join("postgres").join(name)).unwrap().trim().to_owned();
    support::psql(&format!("postgres://postgres:{}@127.0.0.1:{}/oncall", read("password"), read("port")), sql)
}

/// How many rows the end card says have been moved.
fn moved(terminal: &Terminal) -> String {
    let shown = terminal.shown();
    let line = shown.lines().find(|line| line.contains("moved ")).unwrap();
    line.split_whitespace().skip_while(|word| *word != "moved").nth(1).unwrap().to_owned()
}

#[test]
fn a_whole_cutover_by_keys_alone() {
    let kept = tempfile::tempdir().unwrap();
    let mut terminal = demo_with(&["--keep", kept.path().join("demo").to_str().unwrap()]);
    start(&mut terminal);
    terminal.wait_for("running");
    terminal.keys(" ");
    terminal.wait_for("‖ paused");
    terminal.keys(" ");
    terminal.wait_for_not("‖ paused");

    // A refusal changes nothing, and the gate can still be passed.
    waits_at(&mut terminal, "quiesce");
    terminal.keys("\r");
    terminal.wait_for("is down from here on");
    terminal.keys("ask Anna first");
    terminal.keys(REFUSE);
    terminal.wait_for(": ask Anna first");
    agree(&mut terminal, "quiesce");

    waits_at(&mut terminal, "truncate");
    terminal.keys("2");
    terminal.wait_for("nothing forbids it");
    terminal.wait_for("0003_silence_delay");
    terminal.keys("j\r");
    terminal.wait_for("public.kv_store · 4 rows");
    terminal.keys("?");
    terminal.wait_for("help · Plan");
    terminal.wait_for("everywhere");
    terminal.keys("\u{1b}");
    terminal.wait_for_not("everywhere");
    decide_about_a_column(&mut terminal);
    terminal.keys("1");
    agree(&mut terminal, "truncate");

    waits_at(&mut terminal, "spot-check");
    terminal.wait_for("rows of 12 tables are equal on both sides");
    terminal.keys("3");
    terminal.wait_for("✓ log_record               312 ▸ 312");
    terminal.keys("/log_record\r");
    terminal.wait_for_not("✓ annotation");
    terminal.keys("\r");
    terminal.wait_for("source beside target");
    terminal.wait_for("silence_delay");
    assert!(!terminal.shown().contains('≠'), "{}", terminal.shown());
    terminal.keys("1");
    agree(&mut terminal, "spot-check");

    // A wrong name passes nothing.
    waits_at(&mut terminal, "switch-config");
    terminal.keys("\r");
    terminal.wait_for("password = ••••••");
    terminal.keys("oncall");
    terminal.keys(GO_ON);
    terminal.wait_for("Go on needs `oncall-demo` typed above");
    terminal.keys("-demo\r");
    ended(&mut terminal);

    assert_eq!(moved(&terminal), "778");
    terminal.wait_for("12 of 12 tables equal cell by cell, 778 rows");
    terminal.wait_for("✓ log_record");
    // The log, whole, on the terminal's clipboard.
    terminal.keys("4y");
    terminal.wait_for_times("\u{1b}]52;c;", 1);
    leave(&mut terminal);
    assert!(terminal.shown().contains("done after"), "{}", terminal.shown());
    let report = report(&terminal);
    for decided in [
        "ask Anna first",
        "unit of public.log_record.silence_delay: us",
        "public.log_record.silence_delay that do not fit: null",
    ] {
        assert!(report.contains(decided), "{decided} is not in\n{report}");
    }
}

/// In the Plan view: the unit of an interval, and what becomes of cells that do not fit.
fn decide_about_a_column(terminal: &mut Terminal) {
    terminal.keys("h/silence_delay\r");
    terminal.wait_for_not("kv_store ");
    press_until(terminal, "j", "public.log_record ·");
    terminal.keys("\r");
    press_until(terminal, "j", "╭ silence_delay");
    terminal.keys("u");
    terminal.wait_for("Unit of public.log_record.silence_delay");
    press_until(terminal, "\t", "▸[ us ]");
    terminal.keys("\r");
    terminal.wait_for("decided it in this run");
    terminal.keys("p");
    terminal.wait_for("Cells of public.log_record.silence_delay that do not fit");
    press_until(terminal, "\t", "▸[ null ]");
    terminal.keys("\r");
    terminal.wait_for("· policy null");
}

#[test]
fn from_the_end_back_to_the_start() {
    let mut terminal = demo();
    start(&mut terminal);
    for step in ["quiesce", "truncate", "spot-check"] {
        agree(&mut terminal, step);
    }
    terminal.keys("3");
    terminal.wait_for("✓ log_record               312 ▸ 312");
    terminal.keys("1");
    type_the_name(&mut terminal);
    ended(&mut terminal);

    terminal.keys("\u{1b}");
    terminal.wait_for("╭ health");
    terminal.keys("gb");
    terminal.wait_for("Roll back to before preflight?");
    terminal.wait_for("type oncall-demo to roll back");
    terminal.keys("oncall-demo\t\r");
    terminal.wait_for("Everything that was taken back is as it was.");
    terminal.wait_for("nothing stands in the target from this run");
    terminal.keys("\u{1b}");
    terminal.wait_for("↺ generate-schema");
    terminal.keys("3");
    terminal.wait_for_not("312 ▸ 312");
    leave(&mut terminal);
    assert!(terminal.shown().contains("rolled back"), "{}", terminal.shown());
}
