//! The state directory.

use cutover::engine::runs::{RunDir, Runs, RunsError};
use cutover::engine::snapshot::RunState;
use cutover::engine::{Ended, Event, Operator, RunCreated};
use cutover::journal::{Journal as _, JournalError};
use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt as _;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn write(run: &RunDir, events: &[Event]) {
    let mut journal = run.open().unwrap();
    for event in events {
        journal.append(Timestamp::now(), &serde_json::to_value(event).unwrap()).unwrap();
    }
}

fn created() -> Event {
    let created = RunCreated { run: "r".to_owned(), runbook_text: "the text".to_owned(), ..RunCreated::default() };
    Event::RunCreated(Box::new(created))
}

fn started() -> Event {
    Event::ProcessStarted { operator: Operator::default(), pid: 1, version: String::new() }
}

#[test]
fn a_run_has_a_readable_id_and_a_private_directory() {
    let home = tempfile::tempdir().unwrap();
    let runs = Runs::at(&home.path().join("state"));
    let run = runs.create("Grafana  OnCall/prod_1", at("2026-11-24T03:07:59Z")).unwrap();
    let (name, suffix) = run.id().rsplit_once('-').unwrap();
    assert_eq!((name, suffix.len()), ("grafana-oncall-prod-1-20261124-0307", 3));
    assert!(run.id().len() + "cutover_".len() <= 63);
    for path in [run.path(), run.path().parent().unwrap()] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }
    let other = runs.create("Grafana  OnCall/prod_1", at("2026-11-24T03:07:59Z")).unwrap();
    assert_ne!(run.id(), other.id());
    assert!(runs.create("", at("2026-11-24T03:07:59Z")).unwrap().id().starts_with("run-2026"));
}

#[test]
fn runs_are_listed_newest_first_and_found_by_id_or_path() {
    let home = tempfile::tempdir().unwrap();
    let runs = Runs::at(home.path());
    assert!(runs.list().unwrap().is_empty());
    assert!(matches!(runs.newest(), Err(RunsError::None { .. })));
    let old = runs.create("b", at("2026-11-23T23:59:00Z")).unwrap();
    let new = runs.create("a", at("2026-11-24T00:00:00Z")).unwrap();
    assert_eq!(runs.list().unwrap(), [new.clone(), old.clone()]);
    write(&old, &[created(), started()]);
    assert_eq!(runs.find(old.id()).unwrap(), old);
    assert_eq!(runs.find(old.path().to_str().unwrap()).unwrap(), old);
    for wrong in ["nonsense", "", "..", "."] {
        let error = runs.find(wrong).unwrap_err();
        assert!(error.to_string().contains("cutover runs"), "{error}");
    }
}

#[test]
fn runs_of_one_minute_are_in_order_whatever_their_names() {
    let home = tempfile::tempdir().unwrap();
    let runs = Runs::at(home.path());
    let moments = ["00.000", "00.001", "00.003", "01.999", "17.5", "17.5", "59.999"];
    let names = ["z", "a", "m", "z", "b", "a", "c"];
    let mut made: Vec<RunDir> = moments
        .iter()
        .zip(names)
        .map(|(moment, name)| runs.create(name, at(&format!("2026-11-24T03:07:{moment}Z"))).unwrap())
        .collect();
    for pair in made.windows(2).filter(|pair| !pair[1].id().starts_with('a')) {
        assert!(pair[0].id().rsplit('-').next() < pair[1].id().rsplit('-').next(), "{pair:?}");
    }
    let same = runs.create("c", at("2026-11-24T03:07:59.999Z")).unwrap();
    assert!(!made.contains(&same));
    made.push(same);
    assert_eq!(runs.newest().unwrap(), made[7]);
}

#[test]
fn a_run_that_was_refused_before_it_began_is_not_what_resume_means() {
    let home = tempfile::tempdir().unwrap();
    let runs = Runs::at(home.path());
    let interrupted = runs.create("a", at("2026-11-24T03:07:01Z")).unwrap();
    write(&interrupted, &[created(), started()]);
    let refused = runs.create("a", at("2026-11-24T03:07:02Z")).unwrap();
    write(&refused, &[created(), started(), Event::ProcessEnded { ended: Ended::Refused }]);
    assert_eq!(runs.newest_unfinished().unwrap(), interrupted);
    interrupted.forget().unwrap();
    assert_eq!(runs.newest_unfinished().unwrap(), refused);
}

#[test]
fn a_run_that_nobody_drives_is_interrupted_and_the_newest_unfinished_is_found() {
    let home = tempfile::tempdir().unwrap();
    let runs = Runs::at(home.path());
    let killed = runs.create("a", at("2026-11-23T00:00:00Z")).unwrap();
    let reached = Event::GateReached { step: "s".into() };
    write(&killed, &[created(), started()]);
    let done = runs.create("a", at("2026-11-24T00:00:00Z")).unwrap();
    write(&done, &[created(), started(), Event::RunEnded { ended: Ended::Done }]);
    let empty = runs.create("a", at("2026-11-25T00:00:00Z")).unwrap();
    assert!(matches!(empty.snapshot(), Err(RunsError::Empty { .. })));
    assert_eq!(killed.snapshot().unwrap().state, RunState::Interrupted);
    assert_eq!(done.snapshot().unwrap().state, RunState::Done);
    assert_eq!(runs.newest_unfinished().unwrap(), killed);
    assert_eq!(killed.created().unwrap().runbook_text, "the text");
    write(&killed, &[reached]);
    assert!(killed.snapshot().unwrap_err().to_string().contains("entry 3"));
}

#[test]
fn a_driven_run_is_neither_interrupted_nor_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let run = Runs::at(home.path()).create("a", Timestamp::now()).unwrap();
    write(&run, &[created(), started()]);
    let held = run.open().unwrap();
    assert_ne!(run.snapshot().unwrap().state, RunState::Interrupted);
    assert_eq!(run.holder().unwrap().pid, std::process::id());
    assert!(matches!(run.clone().forget(), Err(RunsError::Journal(JournalError::Locked { .. }))));
    drop(held);
    let path = run.path().to_path_buf();
    run.forget().unwrap();
    assert!(!path.exists());
}
