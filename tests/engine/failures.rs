//! What fails, who is asked, and the ways back.

use crate::fakes::{Way, script, step};
use crate::rig::{Rig, ended, status_of, until, until_state, until_status};
use cutover::engine::snapshot::{Question, RunState, Status};
use cutover::engine::{Command, DriverError, Ended, LateWrites, fold};
use cutover::evidence::FailureKind;
use cutover::runbook::StepId;

fn back(to: Option<&str>) -> Command {
    Command::Rollback { to: to.map(StepId::from), writes: LateWrites::Keep }
}

#[tokio::test]
async fn a_failed_step_waits_for_the_operator_and_retry_keeps_the_checkpoint() {
    let rig = Rig::new();
    script(&rig.world, "apply copy", &[Way::FailsLate, Way::FailsLate]);
    let handle = rig.open();
    handle.send(Command::Start);
    let failed = until_status(&handle, "copy", Status::Failed).await;
    assert_eq!(failed.question, Some(Question::Failure { step: "copy".into() }));
    assert_eq!(failed.steps[2].failure, Some(FailureKind::Failed));
    handle.send(Command::Retry { step: "copy".into() });
    until(&handle, "the second failure", |s| s.steps[2].attempts == 2 && s.steps[2].status == Status::Failed).await;
    handle.send(Command::Retry { step: "copy".into() });
    until_state(&handle, RunState::Done).await;
    assert_eq!((rig.calls_of("prepare copy"), rig.calls_of("apply copy")), (1, 3));
    handle.send(back(None));
    until_state(&handle, RunState::RolledBack).await;
    assert!(rig.world.lock().unwrap().state.is_empty(), "the first checkpoint knew that nothing stood there");
}

#[tokio::test]
async fn a_failed_step_can_be_skipped_with_a_reason_only() {
    let rig = Rig::new();
    script(&rig.world, "apply copy", &[Way::Fails(FailureKind::Refused)]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_status(&handle, "copy", Status::Failed).await;
    handle.send(Command::Skip { step: "copy".into(), reason: "  ".to_owned() });
    until(&handle, "a refusal", |snapshot| snapshot.refusal.is_some()).await;
    handle.send(Command::Skip { step: "switch".into(), reason: "why not".to_owned() });
    until(&handle, "another", |s| s.refusal.as_ref().is_some_and(|why| why.contains("switch"))).await;
    handle.send(Command::Skip { step: "copy".into(), reason: "loaded by hand".to_owned() });
    let done = until_state(&handle, RunState::Done).await;
    assert_eq!(done.steps[2].skip_reason.as_deref(), Some("loaded by hand"));
    handle.send(back(None));
    until_state(&handle, RunState::RolledBack).await;
    assert_eq!(rig.calls_of("undo copy"), 1, "it had a checkpoint, so what it left is taken back");
}

#[tokio::test]
async fn without_anybody_a_failure_ends_the_run_and_resume_tries_again() {
    let rig = Rig::new().unattended();
    script(&rig.world, "apply copy", &[Way::FailsLate, Way::Panics]);
    assert_eq!(rig.run().await.ended, Ended::Failed);
    assert_eq!(rig.run().await.ended, Ended::Failed, "a step's code that breaks is a failed step");
    let told = fold(&rig.recorded()).unwrap();
    assert!(told.steps[2].error.as_ref().unwrap().contains("bug"));
    assert_eq!(rig.run().await.ended, Ended::Done);
    assert_eq!((rig.calls_of("prepare copy"), rig.calls_of("apply copy")), (1, 3));
}

#[tokio::test]
async fn what_waits_for_a_person_has_not_failed() {
    let rig = Rig::new().unattended();
    script(&rig.world, "apply copy", &[Way::Fails(FailureKind::Waiting)]);
    assert_eq!(rig.run().await.ended, Ended::Waiting);
    assert_eq!(rig.run().await.ended, Ended::Done);
}

#[tokio::test]
async fn a_step_that_cannot_be_prepared_changes_nothing() {
    let rig = Rig::new().unattended();
    script(&rig.world, "prepare copy", &[Way::Fails(FailureKind::Failed)]);
    assert_eq!(rig.run().await.ended, Ended::Failed);
    assert_eq!(rig.calls_of("apply copy"), 0);
    let handle = rig.open();
    handle.send(back(None));
    assert_eq!(ended(&handle).await.ended, Ended::RolledBack);
    assert_eq!((rig.calls_of("undo copy"), rig.calls_of("undo stop")), (0, 1));
}

#[tokio::test]
async fn going_back_takes_steps_back_in_reverse_down_to_the_one_named() {
    let rig = Rig::new();
    let handle = rig.open();
    handle.send(Command::Start);
    until_state(&handle, RunState::Done).await;
    handle.send(back(Some("copy")));
    let stands = until_state(&handle, RunState::RolledBack).await;
    let undone: Vec<String> = rig.calls().into_iter().filter(|call| call.starts_with("undo")).collect();
    assert_eq!(undone, ["undo start", "undo switch", "undo copy"]);
    assert_eq!((status_of(&stands, "stop"), status_of(&stands, "copy")), (Status::Done, Status::Undone));
    handle.send(Command::Resume);
    until_state(&handle, RunState::Done).await;
    assert_eq!(rig.calls_of("prepare copy"), 2, "after an undo the checkpoint is taken anew");
    assert_eq!(rig.calls_of("apply stop"), 1);
}

#[tokio::test]
async fn what_only_looked_is_not_undone() {
    let rig = Rig::new().unattended();
    rig.run().await;
    let handle = rig.open();
    handle.send(back(None));
    assert_eq!(ended(&handle).await.ended, Ended::RolledBack);
    assert_eq!(rig.calls_of("undo check"), 0);
    assert!(rig.world.lock().unwrap().state.is_empty());
    let handle = rig.open();
    handle.send(back(None));
    assert_eq!(ended(&handle).await.ended, Ended::RolledBack, "asking twice is asking once");
}

#[tokio::test]
async fn an_undo_that_fails_stops_the_unwinding_shows_both_errors_and_waits() {
    let rig = Rig::new();
    script(&rig.world, "apply start", &[Way::FailsLate]);
    script(&rig.world, "undo switch", &[Way::Fails(FailureKind::Refused)]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_status(&handle, "start", Status::Failed).await;
    handle.send(back(None));
    let stuck = until_status(&handle, "switch", Status::UndoFailed).await;
    assert_eq!(stuck.question, Some(Question::Failure { step: "switch".into() }));
    assert_eq!((status_of(&stuck, "copy"), rig.calls_of("undo copy")), (Status::Done, 0));
    assert!(stuck.steps[3].error.as_ref().unwrap().contains("undo switch"));
    let log: Vec<&str> = stuck.log.iter().map(|line| line.text.as_str()).collect();
    assert!(log.iter().any(|line| line.contains("apply start")) && log.iter().any(|line| line.contains("undo switch")));
    handle.send(Command::Retry { step: "switch".into() });
    until_state(&handle, RunState::RolledBack).await;
    assert!(rig.world.lock().unwrap().state.is_empty());
}

#[tokio::test]
async fn an_undo_that_cannot_be_can_be_left_as_it_is() {
    let rig = Rig::new();
    script(&rig.world, "undo switch", &[Way::Fails(FailureKind::Refused)]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_state(&handle, RunState::Done).await;
    handle.send(back(Some("stop")));
    until_status(&handle, "switch", Status::UndoFailed).await;
    handle.send(Command::Skip { step: "switch".into(), reason: "changed back by hand".to_owned() });
    let stands = until_state(&handle, RunState::RolledBack).await;
    assert_eq!((status_of(&stands, "switch"), status_of(&stands, "copy")), (Status::Skipped, Status::Undone));
}

#[tokio::test]
async fn going_back_from_a_step_at_work_stops_it_first() {
    let rig = Rig::new();
    script(&rig.world, "apply copy", &[Way::Waits]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_status(&handle, "copy", Status::Running).await;
    handle.send(back(Some("stop")));
    until_state(&handle, RunState::RolledBack).await;
    assert!(rig.world.lock().unwrap().state.is_empty());
}

#[tokio::test]
async fn late_writes_are_asked_about_before_they_are_lost() {
    let rig = Rig::new();
    rig.world.lock().unwrap().late_writes = 7;
    let handle = rig.open();
    handle.send(Command::Start);
    until_state(&handle, RunState::Done).await;
    handle.send(back(Some("stop")));
    let asked = until(&handle, "the question", |snapshot| snapshot.question.is_some()).await;
    assert_eq!(asked.question, Some(Question::LateWrites { rows: 7, to: Some("stop".into()) }));
    assert_eq!(asked.state, RunState::Waiting);
    handle.send(Command::Refuse { step: "stop".into(), remark: None });
    until_state(&handle, RunState::Done).await;
    assert_eq!(rig.calls_of("undo start"), 0);
    let file = std::env::temp_dir().join(format!("late-{}", std::process::id()));
    handle.send(Command::Rollback { to: None, writes: LateWrites::Export(file.clone()) });
    until_state(&handle, RunState::RolledBack).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "exported");
    std::fs::remove_file(file).unwrap();
}

/// The application went on writing between the first count and its stop.
#[tokio::test]
async fn writes_that_came_during_the_way_back_are_asked_about_too() {
    let rig = Rig::new();
    let handle = rig.open();
    handle.send(Command::Start);
    until_state(&handle, RunState::Done).await;
    rig.world.lock().unwrap().late_writes_after_undo = 3;
    handle.send(back(None));
    let asked = until(&handle, "the question", |snapshot| snapshot.question.is_some()).await;
    assert_eq!(asked.question, Some(Question::LateWrites { rows: 3, to: Some("check".into()) }));
    assert_eq!((rig.calls_of("undo start"), rig.calls_of("undo switch")), (1, 0));
    handle.send(Command::Rollback { to: None, writes: LateWrites::Lose });
    until_state(&handle, RunState::RolledBack).await;
    assert!(rig.world.lock().unwrap().state.is_empty());
}

#[tokio::test]
async fn yes_does_not_lose_writes() {
    let mut rig = Rig::new().unattended();
    rig.options.yes = true;
    rig.run().await;
    rig.world.lock().unwrap().late_writes = 1;
    let handle = rig.open();
    handle.send(back(None));
    assert_eq!(ended(&handle).await.ended, Ended::Waiting);
    assert_eq!(rig.calls_of("undo start"), 0);
    let handle = rig.open();
    handle.send(Command::Rollback { to: None, writes: LateWrites::Lose });
    assert_eq!(ended(&handle).await.ended, Ended::RolledBack);
}

#[tokio::test]
async fn before_the_point_of_no_return_nobody_is_asked() {
    let rig = Rig::new();
    rig.world.lock().unwrap().late_writes = 7;
    script(&rig.world, "apply switch", &[Way::Fails(FailureKind::Failed)]);
    script(&rig.world, "prepare switch", &[Way::Fails(FailureKind::Failed)]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_status(&handle, "switch", Status::Failed).await;
    handle.send(back(None));
    until_state(&handle, RunState::RolledBack).await;
}

/// For every entry that the disk may refuse: the run stops there, and nothing was begun that is not in the journal.
#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_the_run() {
    let whole = Rig::new().unattended();
    whole.run().await;
    for seq in 3..=whole.recorded().len() as u64 {
        let mut rig = Rig::new().unattended();
        rig.journal = rig.journal.failing_at(seq);
        let ending = rig.run().await;
        assert!(ending.broken.as_ref().is_some_and(|why| why.contains("no space left")), "{ending:?}");
        let names = rig.names();
        assert_eq!(names.len() as u64, seq - 1);
        let begun = rig.calls().iter().filter(|call| call.starts_with("apply")).count();
        assert!(begun <= names.iter().filter(|name| *name == "checkpoint-taken").count());
    }
}

#[tokio::test]
async fn an_undo_that_was_interrupted_is_continued() {
    let mut rig = Rig::new();
    rig.options.grace = std::time::Duration::from_millis(30);
    script(&rig.world, "undo switch", &[Way::Deaf]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_state(&handle, RunState::Done).await;
    handle.send(back(None));
    until_status(&handle, "switch", Status::Undoing).await;
    handle.send(Command::Quit);
    ended(&handle).await;
    let rig = rig.unattended();
    assert_eq!(rig.run().await.ended, Ended::RolledBack, "resume goes on with going back");
    assert!(rig.world.lock().unwrap().state.is_empty());
}

#[tokio::test]
async fn another_target_or_another_runbook_is_refused() {
    let mut rig = Rig::with(vec![step("copy"), step("switch")]).unattended();
    script(&rig.world, "apply copy", &[Way::FailsLate]);
    rig.run().await;
    rig.system = "2";
    let handle = rig.open();
    handle.send(Command::Start);
    assert_eq!(ended(&handle).await.ended, Ended::Refused);
    assert!(handle.snapshot().refusal.as_ref().unwrap().contains("another database"));
    assert_eq!(rig.calls_of("apply copy"), 1);
    rig.text = "another text".to_owned();
    assert!(matches!(rig.try_open(), Err(DriverError::OtherRunbook { .. })));
}

#[tokio::test]
async fn a_target_that_somebody_else_holds_is_refused_with_their_name() {
    let mut rig = Rig::new().unattended();
    rig.held_by = Some("cutover/other-run/lock ann@laptop, session 12 from 10.0.0.9");
    let handle = rig.open();
    handle.send(Command::Start);
    assert_eq!(ended(&handle).await.ended, Ended::Refused);
    assert!(handle.snapshot().refusal.as_ref().unwrap().contains("ann@laptop"));
    assert!(rig.calls().is_empty());
}
