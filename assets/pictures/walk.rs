//! A whole cutover, from the first frame to the card at its end.

use crate::terminal::Terminal;
use std::time::Duration;

/// From the start to the end card, with a picture wherever there is something to see.
pub fn play(terminal: &mut Terminal, draw: &dyn Fn(&Terminal, &str, &str)) {
    begin(terminal);
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

/// Starts the run.
pub fn begin(terminal: &mut Terminal) {
    terminal.wait_for("○ ready");
    terminal.keys("\r");
    terminal.wait_for("Start this run?");
    terminal.keys("\t\r");
}

pub fn waits_at(terminal: &mut Terminal, step: &str) {
    terminal.wait_for(&format!("▲ {step}"));
    terminal.wait_for("▲ enter: decide");
}

pub fn agree(terminal: &mut Terminal, step: &str) {
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
pub fn press_until(terminal: &mut Terminal, key: &str, text: &str) {
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
