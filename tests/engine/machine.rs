//! The protocol of a step, as a table; and journals that break it.

use crate::simulation::{Simulation, plans};
use cutover::engine::command::Command;
use cutover::engine::machine::Rules;
use cutover::engine::recover::{Why, recover};
use cutover::engine::{Event, Failure, Operator, Recorded, Status, next_status};
use cutover::evidence::{Checkpoint, Description, FailureKind, Outcome};

const ALL: [Status; 12] = [
    Status::Pending,
    Status::AtGate,
    Status::Running,
    Status::Pausing,
    Status::Paused,
    Status::Done,
    Status::Failed,
    Status::Skipped,
    Status::Undoing,
    Status::Undone,
    Status::UndoFailed,
    Status::Unknown,
];

/// Every way that an event leads: `pending→running failed→running`.
fn table(event: &Event) -> String {
    let mut table = String::new();
    for from in ALL {
        if let Ok(to) = next_status(from, event) {
            table.push_str(&format!("{}→{} ", word(from), word(to)));
        }
    }
    table.trim_end().to_owned()
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::AtGate => "gate",
        Status::Running => "running",
        Status::Pausing => "pausing",
        Status::Paused => "paused",
        Status::Done => "done",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
        Status::Undoing => "undoing",
        Status::Undone => "undone",
        Status::UndoFailed => "undo-failed",
        Status::Unknown => "unknown",
    }
}

#[test]
fn the_protocol_of_a_step() {
    let step = || "s".into();
    let operator = Operator::default();
    let failure = || Failure { kind: FailureKind::Failed, message: String::new(), evidence: Box::default() };
    let outcome = || Box::new(Outcome::default());
    let events = [
        Event::GateReached { step: step() },
        Event::GateApproved { step: step(), operator: operator.clone(), typed: None, remark: None, by_yes: false },
        Event::StepStarted { step: step(), description: Description::default() },
        Event::CheckpointTaken { step: step(), checkpoint: Checkpoint::default() },
        Event::StepDone { step: step(), outcome: outcome() },
        Event::StepFailed { step: step(), failure: failure() },
        Event::StepPaused { step: step(), holding: true },
        Event::StepResumed { step: step() },
        Event::StepSkipped { step: step(), reason: String::new(), operator: None },
        Event::UndoStarted { step: step() },
        Event::UndoDone { step: step(), outcome: outcome() },
        Event::UndoFailed { step: step(), failure: failure() },
        Event::UndoPaused { step: step() },
        Event::NothingToUndo { step: step() },
    ];
    let lines: Vec<String> = events.iter().map(|event| format!("{}: {}", event.name(), table(event))).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    gate-reached: pending→gate undone→gate
    gate-approved: gate→gate
    step-started: pending→running gate→running paused→running failed→running undone→running unknown→running
    checkpoint-taken: running→running pausing→pausing
    step-done: running→done pausing→done paused→done
    step-failed: running→failed pausing→failed paused→failed
    step-paused: running→paused pausing→paused
    step-resumed: pausing→running paused→running
    step-skipped: pending→skipped gate→skipped paused→skipped failed→skipped undone→skipped undo-failed→skipped unknown→skipped
    undo-started: paused→undoing done→undoing failed→undoing skipped→undoing undoing→undoing undo-failed→undoing unknown→undoing
    undo-done: undoing→undone
    undo-failed: undoing→undo-failed
    undo-paused: undoing→undoing
    nothing-to-undo: paused→undone done→undone failed→undone skipped→undone unknown→undone
    ");
}

#[test]
fn a_killed_process_leaves_what_was_at_work_unknown() {
    let event = Event::ProcessStarted { operator: Operator::default(), pid: 1, version: String::new() };
    for from in ALL {
        let expected = match from {
            Status::Running | Status::Pausing | Status::Paused => Status::Unknown,
            other => other,
        };
        assert_eq!(next_status(from, &event), Ok(expected));
    }
}

#[test]
fn an_entry_that_cannot_be_is_named() {
    let mut simulation = Simulation::new(false, Rules { yes: true, ..Rules::default() });
    simulation.command(&Command::Start);
    simulation.finish();
    for missing in 3..simulation.journal.len() - 2 {
        let mut journal = simulation.journal.clone();
        journal.remove(missing);
        for (seq, entry) in (1..).zip(&mut journal) {
            entry.seq = seq;
        }
        let error = recover(&journal).expect_err("a journal without one of its entries");
        assert!(error.seq > missing as u64 && matches!(error.why, Why::Illegal(_)), "{missing}: {error}");
    }
    let twice = [simulation.journal.clone(), vec![simulation.journal[0].clone()]].concat();
    assert_eq!(recover(&twice).unwrap_err().why, Why::Gap(twice.len() as u64));
}

#[test]
fn an_illegal_entry_reads_as_a_sentence() {
    let simulation = Simulation::new(false, Rules::default());
    let entry = Recorded {
        seq: 3,
        at: jiff::Timestamp::UNIX_EPOCH,
        event: Event::StepDone { step: "load".into(), outcome: Box::new(Outcome::default()) },
    };
    let error = recover(&[simulation.journal.clone(), vec![entry]].concat()).unwrap_err();
    insta::assert_snapshot!(error, @"entry 3 of the journal cannot be followed: `step-done` cannot happen to step load, which is pending in a run that is ready; nothing was done, and the run stays as its journal has it");
    assert_eq!(plans(false).len(), 5);
}

#[test]
fn events_survive_the_journal() {
    let mut simulation = Simulation::new(true, Rules { yes: true, ..Rules::default() });
    simulation.command(&Command::Start);
    simulation.finish();
    for entry in &simulation.journal {
        let body = serde_json::to_value(&entry.event).unwrap();
        assert_eq!(body["event"], entry.event.name());
        assert_eq!(serde_json::from_value::<Event>(body).unwrap(), entry.event);
    }
}
