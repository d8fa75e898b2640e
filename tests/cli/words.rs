//! What needs no database: help, mistakes, completions, the schema, runs that are not there.

use crate::binary::Desk;
use serde_json::Value;

#[test]
fn help_and_version_are_no_mistake() {
    let desk = Desk::new();
    let help = desk.cutover(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.out.contains("130 interrupted"), "{}", help.out);
    assert_eq!(desk.cutover(&["--version"]).code, 0);
}

#[test]
fn a_wrong_command_line_is_exit_2() {
    let desk = Desk::new();
    for arguments in [&["copy", "--frobnicate"][..], &["run"], &["copy", "--interval-unit", "a.b=weeks"], &[]] {
        let ran = desk.cutover(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn a_wrong_command_line_is_one_object_where_json_is_asked_for() {
    let desk = Desk::new();
    for arguments in [&["copy", "--frobnicate", "--output", "json"][..], &["copy", "--output=json"]] {
        let ran = desk.cutover(arguments);
        assert_eq!((ran.code, ran.out.lines().count()), (2, 1), "{}", ran.out);
        let object = ran.finished();
        assert_eq!((&object["event"], &object["outcome"]), (&"finished".into(), &"failed".into()));
        assert_eq!(object["run"], Value::Null);
        assert!(object["error"].as_str().unwrap().len() > 10);
        for list in ["tables", "rejects", "differences"] {
            assert_eq!(object[list], Value::Array(Vec::new()));
        }
    }
}

#[test]
fn every_shell_has_completions() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = desk.cutover(&["completions", shell]);
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains("rollback"), "{shell}");
    }
}

#[test]
fn the_schema_of_a_runbook_is_json() {
    let ran = Desk::new().cutover(&["schema"]);
    assert_eq!(ran.code, 0);
    let schema: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(schema["properties"]["steps"].is_object(), "{}", ran.out);
}

#[test]
fn no_runs_is_an_answer_and_an_unknown_run_a_mistake() {
    let desk = Desk::new();
    let runs = desk.cutover(&["runs"]);
    assert_eq!((runs.code, runs.out.as_str()), (0, "there are no runs yet\n"));
    assert_eq!(desk.cutover(&["runs", "--output", "json"]).out, "");
    for arguments in [&["status", "x"][..], &["resume", "x"], &["rollback", "x"], &["report", "x"], &["forget", "x"]] {
        let ran = desk.cutover(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.err.contains("there is no run x"), "{}", ran.err);
    }
    let resume = desk.cutover(&["resume"]);
    assert_eq!(resume.code, 1);
    assert!(resume.err.contains("no unfinished run"), "{}", resume.err);
}

#[test]
fn what_is_missing_is_named() {
    let desk = Desk::new();
    let source = desk.file("a.db", "");
    let ran = desk.cutover(&["copy", "--sqlite", &source]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("DATABASE_URL is not set"), "{}", ran.err);
    let ran = desk.cutover(&["copy", "--postgres", "postgres://a@127.0.0.1/b"]);
    assert!(ran.code == 2 && ran.err.contains("--sqlite"), "{}", ran.err);
    let ran = desk.cutover(&["copy", "--sqlite", "/nowhere.db", "--postgres", "postgres://a@127.0.0.1/b"]);
    assert!(ran.code == 2 && ran.err.contains("/nowhere.db"), "{}", ran.err);
    let ran = desk.cutover(&["run", "/nowhere.yaml"]);
    assert!(ran.code == 2 && ran.err.contains("/nowhere.yaml"), "{}", ran.err);
    assert_eq!(desk.cutover(&["runs"]).out, "there are no runs yet\n", "a mistake leaves no run behind");
}

#[test]
fn a_runbook_with_mistakes_names_each_at_its_line() {
    let desk = Desk::new();
    let text = "name: broken\nsteps:\n  - id: a\n    action: fly\n  - id: a\n    action: scan\n    colour: red\n";
    let runbook = desk.file("broken.yaml", text);
    for command in ["plan", "run"] {
        let ran = desk.cutover(&[command, &runbook, "--output", "json"]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        let error = ran.finished()["error"].as_str().unwrap().to_owned();
        for (line, word) in [(4, "fly"), (5, "a"), (7, "colour")] {
            let at = format!("broken.yaml:{line}:");
            assert!(error.lines().any(|text| text.contains(&at) && text.contains(word)), "{line} {word}: {error}");
        }
    }
}

#[test]
fn forgetting_asks_first() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.state().join("runs/old-20260301-0307-abc")).unwrap();
    let ran = desk.cutover(&["forget", "old-20260301-0307-abc"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("cutover_old_20260301_0307_abc") && ran.err.contains("--yes"), "{}", ran.err);
    let ran = desk.cutover(&["forget", "old-20260301-0307-abc", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(desk.cutover(&["runs"]).out, "there are no runs yet\n");
}
