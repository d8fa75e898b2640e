//! Draws the pictures of the documentation: plays a real demo in a pseudo-terminal and writes what it shows as SVG.
//!
//! `cargo run --example pictures -- [PROGRAM]`; PROGRAM is the `cutover` to play, `target/debug/cutover` when there is none.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a picture that cannot be drawn ends by panicking")]

mod svg;
#[path = "../../tests/support/terminal.rs"]
mod terminal;

use portable_pty::CommandBuilder;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use terminal::Terminal;

const COLUMNS: u16 = 120;
const LINES: u16 = 40;
/// Enough for the copy to be seen at work.
const ROWS: &str = "400000";
/// Where the demo lies: its name is in the pictures.
const DIRECTORY: &str = "/tmp/oncall-demo";
/// The host that the pictures name, where a host of that name can be played.
const HOST: &str = "oncall-host";

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = std::env::args_os().nth(1).map_or_else(|| root.join("target/debug/cutover"), PathBuf::from);
    let program = program.canonicalize().expect("the program to play; `cargo build` makes it");
    let demo = Laid::out();
    let into = root.join("assets/pictures");
    play(&mut start(&program), &|terminal, name, title| {
        let picture = svg::draw(terminal.screen(), title);
        let path = into.join(format!("{name}.svg"));
        std::fs::write(&path, picture).expect("a place for the picture");
        println!("{}", path.strip_prefix(root).unwrap_or(&path).display());
    });
    drop(demo);
}

/// The demo's directory, removed when everything is drawn.
struct Laid;

impl Laid {
    fn out() -> Self {
        std::fs::create_dir(DIRECTORY).expect("a demo directory that is not there yet");
        Self
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(DIRECTORY);
    }
}

fn start(program: &Path) -> Terminal {
    let mut command = if can_play_a_host() {
        let mut command = CommandBuilder::new("unshare");
        command.args(["--uts", "sh", "-c", &format!("hostname {HOST} && exec \"$0\" \"$@\"")]);
        command.arg(program);
        command
    } else {
        CommandBuilder::new(program)
    };
    command.args(["demo", "--rows", ROWS, "--keep", DIRECTORY]);
    let state = format!("{DIRECTORY}/state");
    Terminal::spawn(COLUMNS, LINES, command, &[("CUTOVER_STATE_DIR", &state), ("COLORTERM", "truecolor")])
}

fn can_play_a_host() -> bool {
    let mut try_it = Command::new("unshare");
    try_it.args(["--uts", "hostname", HOST]).stdout(Stdio::null()).stderr(Stdio::null());
    try_it.status().is_ok_and(|status| status.success())
}

/// From the start to the end card, with a picture wherever there is something to see.
fn play(terminal: &mut Terminal, draw: &dyn Fn(&Terminal, &str, &str)) {
    terminal.wait_for("○ ready");
    terminal.keys("\r");
    terminal.wait_for("Start this run?");
    terminal.keys("\t\r");
    agree(terminal, "quiesce");

    waits_at(terminal, "truncate");
    plan(terminal);
    draw(terminal, "plan", "The plan: tables and columns, and what speaks for the unit of an interval");
    terminal.keys("\u{1b}");
    terminal.keys("1");
    agree(terminal, "truncate");

    copying(terminal);
    draw(terminal, "run", "The run: steps, and a copy at work");
    waits_at(terminal, "spot-check");
    rows(terminal);
    draw(terminal, "data", "The data: a row of both sides next to each other");
    terminal.keys("1");
    agree(terminal, "spot-check");

    waits_at(terminal, "switch-config");
    terminal.keys("\r");
    terminal.wait_for("type oncall-demo to go on");
    terminal.keys("oncall-demo\t\t");
    terminal.wait_for("▸[ Go on ]");
    terminal.settle(Duration::from_millis(100));
    draw(terminal, "gate", "A gate: what would be done, and the name that has to be typed");
    terminal.keys("\r");
    terminal.wait_for("The service is on PostgreSQL, and the data is proved.");
    terminal.settle(Duration::from_millis(300));
    draw(terminal, "end", "The end: what moved, how long it took, what was proved");
    terminal.keys("q");
    terminal.ended();
}

fn waits_at(terminal: &mut Terminal, step: &str) {
    terminal.wait_for(&format!("▲ {step}"));
    terminal.wait_for("▲ enter: decide");
}

fn agree(terminal: &mut Terminal, step: &str) {
    waits_at(terminal, step);
    terminal.keys("\r");
    terminal.wait_for(&format!("{step}: go on?"));
    terminal.keys("\t\t\r");
    terminal.wait_for_not(&format!("{step}: go on?"));
}

/// The column of durations that are kept in microseconds.
fn plan(terminal: &mut Terminal) {
    terminal.keys("2");
    press_until(terminal, "j", "public.log_record ·");
    terminal.keys("\r");
    press_until(terminal, "j", "╭ silence_delay");
}

/// Presses a key until the terminal shows `text`.
fn press_until(terminal: &mut Terminal, key: &str, text: &str) {
    const TIMES: usize = 30;
    for _ in 0..TIMES {
        terminal.settle(Duration::from_millis(150));
        if terminal.shown().contains(text) {
            return;
        }
        terminal.keys(key);
    }
    panic!("no `{text}`:\n{}", terminal.shown());
}

/// Well into the copy, while the largest tables move.
fn copying(terminal: &mut Terminal) {
    terminal.wait_until("a copy under way", |shown| {
        let part = shown.lines().find(|line| line.contains("log_record"));
        part.is_some_and(|line| (25..95).any(|percent| line.contains(&format!(" {percent} %"))))
    });
    terminal.settle(Duration::from_millis(40));
}

/// The riskiest rows of the largest table.
fn rows(terminal: &mut Terminal) {
    terminal.keys("3");
    terminal.wait_for("✓ log_record");
    press_until(terminal, "j", "╭ public.log_record");
    terminal.keys("\r");
    terminal.wait_for("source beside target");
    terminal.keys("j");
    terminal.settle(Duration::from_millis(300));
}
