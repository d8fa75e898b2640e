//! Somebody writes into the target before it is verified: it is found, shown, and what becomes of it is asked.

use crate::terminal::Terminal;
use crate::{agree, demo_with, press_until, report, run_directory, start, target, waits_at};
use std::path::Path;

const CHANGE: &str =
    "update public.alert_group set title = 'somebody' where id = 7; delete from public.alert where id = 9";

/// Goes back to before a step through the palette, and agrees.
fn go_back_to(terminal: &mut Terminal, step: &str) {
    terminal.keys(":");
    terminal.wait_for("type to find");
    terminal.keys(&format!("roll back to {step}\r"));
    terminal.wait_for(&format!("Roll back to before {step}?"));
    terminal.keys("\t\r");
}

/// A kept demo whose target somebody has changed, at the moment at which verify has found it.
fn found_in(directory: &Path) -> Terminal {
    let mut terminal = demo_with(&["--keep", directory.to_str().unwrap()]);
    start(&mut terminal);
    for step in ["quiesce", "truncate"] {
        agree(&mut terminal, step);
    }
    waits_at(&mut terminal, "spot-check");
    target(directory, CHANGE);
    go_back_to(&mut terminal, "verify");
    terminal.wait_for("Rolled back in part. The service is still down.");
    terminal.keys("\u{1b}");
    terminal.wait_for("enter go on");
    terminal.keys("\r");
    terminal.wait_for("Go on with this run?");
    terminal.keys("\t\r");
    terminal.wait_for("2 rows differ between source and target");
    terminal
}

/// How many entries the journal of the only run has.
fn entries(terminal: &Terminal) -> i64 {
    let journal = rusqlite::Connection::open(run_directory(terminal).join("journal.sqlite")).unwrap();
    journal.query_row("select count(*) from entry", [], |row| row.get(0)).unwrap()
}

/// Opens every dialog that could change something, and leaves each without agreeing.
fn think_about_it(terminal: &mut Terminal) {
    for (key, title, leaves) in [
        ("\r", "▲ verify failed", "\r"),
        ("r", "Run verify again?", "\u{1b}"),
        ("s", "Go on without verify?", "because\r"),
        ("b", "Roll back to before verify?", "\u{1b}"),
    ] {
        terminal.keys(key);
        terminal.wait_for(title);
        terminal.keys(leaves);
        terminal.wait_for_not(title);
    }
}

#[test]
fn what_somebody_changed_is_found_and_shown_and_the_operator_goes_on_by_choice() {
    let kept = tempfile::tempdir().unwrap();
    let directory = kept.path().join("demo");
    let mut terminal = found_in(&directory);
    terminal.wait_for("public.alert id=9 missing in the target");
    terminal.wait_for("▸ somebody");

    terminal.keys("3");
    terminal.wait_for("≠ differs");
    terminal.wait_for("75 rows in the source, 74 in the target");
    terminal.keys("\r");
    terminal.wait_for("public.alert · differing · 1 row");
    terminal.wait_for("target: no such row");
    terminal.keys("\u{1b}");
    terminal.keys("/alert_group\r");
    terminal.wait_for("1 of 12 tables · ▲ 1 hidden differ");
    terminal.keys("\r");
    terminal.wait_for("1 cell differs");
    terminal.wait_for("≠ title");
    terminal.keys("\u{1b}");
    terminal.keys("\u{1b}");
    terminal.wait_for("12 tables · source");
    terminal.keys("1");

    let before = entries(&terminal);
    think_about_it(&mut terminal);
    assert_eq!(entries(&terminal), before, "something was done without agreeing");

    terminal.keys("s");
    terminal.wait_for("Go on without verify?");
    terminal.keys("Anna knows both rows\t\r");
    agree(&mut terminal, "spot-check");
    terminal.wait_for("there is no verification to look at");
    assert_eq!(target(&directory, "select title from public.alert_group where id = 7"), "somebody");
    assert!(report(&terminal).contains("Anna knows both rows"));
}

#[test]
fn what_somebody_changed_is_only_lost_when_asked() {
    let kept = tempfile::tempdir().unwrap();
    let directory = kept.path().join("demo");
    let mut terminal = found_in(&directory);
    go_back_to(&mut terminal, "truncate");
    terminal.wait_for("✗ could not be taken back");
    terminal.wait_for("▲ enter: retry, skip, export what was written or lose it");
    assert_eq!(target(&directory, "select count(*) from public.alert"), "74");
    terminal.keys("\r");
    terminal.wait_for("copy could not be taken back");
    press_until(&mut terminal, "\t", "▸[ Lose… ]");
    terminal.keys("\r");
    terminal.wait_for("2 rows, for good");
    terminal.keys("oncall\t\r");
    terminal.wait_for("Lose them and roll back needs `oncall-demo` typed above");
    assert_eq!(target(&directory, "select count(*) from public.alert"), "74");
    terminal.keys("-demo\r");
    terminal.wait_for("Rolled back in part. The service is still down.");
    terminal.wait_for("↺ copy: put 1 saved row back");
    assert_eq!(target(&directory, "select count(*) from public.alert"), "0");
    terminal.keys("q");
    terminal.ended();
    terminal.is_restored();
}
