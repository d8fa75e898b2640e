//! The service has written since the switch: going back asks what becomes of that, and does what was said.

use crate::terminal::Terminal;
use crate::{agree, demo_with, ended, leave, press_until, run_directory, start, target, type_the_name};
use std::path::Path;

const WRITES: &str =
    "update public.alert_group set title = 'late' where id = 8; delete from public.alert where id = 10";

/// A kept demo that is done, and that the service has written to since.
fn written_to(directory: &Path) -> Terminal {
    let mut terminal = demo_with(&["--keep", directory.to_str().unwrap()]);
    start(&mut terminal);
    for step in ["quiesce", "truncate", "spot-check"] {
        agree(&mut terminal, step);
    }
    type_the_name(&mut terminal);
    ended(&mut terminal);
    target(directory, WRITES);
    terminal
}

/// Asks for the way back, which counts what was written and asks again.
fn ask_to_go_back(terminal: &mut Terminal) {
    terminal.keys("\u{1b}");
    terminal.wait_for("╭ health");
    terminal.keys("gb");
    terminal.wait_for("type oncall-demo to roll back");
    terminal.keys("oncall-demo\t\r");
    terminal.wait_for("▲ enter: going back would lose writes");
    terminal.keys("\r");
    terminal.wait_for("2 rows since the point of no return");
}

fn all_is_as_it_was(terminal: &mut Terminal, directory: &Path, configuration: &str) {
    terminal.wait_for("Everything that was taken back is as it was.");
    assert_eq!(std::fs::read_to_string(directory.join("app.ini")).unwrap(), configuration);
    assert_eq!(target(directory, "select count(*) from pg_tables where schemaname = 'public'"), "0");
    leave(terminal);
}

/// The service's configuration before the demo changed it.
fn former(terminal: &Terminal) -> String {
    std::fs::read_to_string(run_directory(terminal).join("config-switch-config.original")).unwrap()
}

#[test]
fn late_writes_are_kept_until_somebody_loses_them_by_name() {
    let kept = tempfile::tempdir().unwrap();
    let directory = kept.path().join("demo");
    let mut terminal = written_to(&directory);
    let (former, switched) = (former(&terminal), std::fs::read_to_string(directory.join("app.ini")).unwrap());
    assert_ne!(former, switched);

    ask_to_go_back(&mut terminal);
    press_until(&mut terminal, "\t", "▸[ Stay ]");
    terminal.keys("\r");
    ended(&mut terminal);
    assert_eq!(std::fs::read_to_string(directory.join("app.ini")).unwrap(), switched);
    assert_eq!(target(&directory, "select title from public.alert_group where id = 8"), "late");

    ask_to_go_back(&mut terminal);
    press_until(&mut terminal, "\t", "▸[ Lose… ]");
    terminal.keys("\r");
    terminal.wait_for("2 rows, for good");
    terminal.keys("oncall\t\r");
    terminal.wait_for("Lose them and roll back needs `oncall-demo` typed above");
    terminal.keys("-demo\r");
    all_is_as_it_was(&mut terminal, &directory, &former);
}

#[test]
fn late_writes_are_in_a_file_before_anything_is_taken_back() {
    let kept = tempfile::tempdir().unwrap();
    let directory = kept.path().join("demo");
    let mut terminal = written_to(&directory);
    let former = former(&terminal);
    ask_to_go_back(&mut terminal);
    press_until(&mut terminal, "\t", "▸[ Export… ]");
    terminal.keys("\r");
    terminal.wait_for("file to write them to");
    terminal.keys("\t\r");
    terminal.wait_for("writes since the switch are in");
    let file = std::fs::read_to_string(run_directory(&terminal).join("late-writes.jsonl")).unwrap();
    let written: Vec<serde_json::Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(&str, &str)> =
        written.iter().map(|line| (line["table"].as_str().unwrap(), line["kind"].as_str().unwrap())).collect();
    assert_eq!(told, [("public.alert", "deleted"), ("public.alert_group", "changed")]);
    assert_eq!((&written[0]["row"]["id"], &written[1]["row"]["title"]), (&10.into(), &"late".into()));
    all_is_as_it_was(&mut terminal, &directory, &former);
}
