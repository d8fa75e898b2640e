//! The driver: what it does in which order, and what the operator sees of it.

use crate::fakes::{Way, cutover_steps, look, script, step};
use crate::rig::{Rig, ended, status_of, until, until_state, until_status};
use cutover::engine::snapshot::{Query, Question, RunState, Snapshot, Status};
use cutover::engine::{Command, Ended, LateWrites, fold};
use cutover::evidence::IntervalUnit;
use cutover::runbook::{Gate, Step, StepId};

fn gated(id: &str, gate: Gate) -> Step {
    Step { gate, ..step(id) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_through_its_steps_in_order_and_once() {
    let rig = Rig::new().unattended();
    let ending = rig.run().await;
    assert_eq!((ending.ended, ending.broken), (Ended::Done, None));
    let expected: Vec<String> = ["check", "stop", "copy", "switch", "start"]
        .iter()
        .flat_map(|id| [format!("prepare {id}"), format!("apply {id}")])
        .collect();
    assert_eq!(rig.calls(), expected);
}

#[tokio::test]
async fn the_journal_alone_tells_what_the_screen_showed_last() {
    let rig = Rig::with(vec![look("check"), gated("copy", Gate::Confirm), step("start")]);
    script(&rig.world, "apply start", &[Way::FailsLate]);
    let handle = rig.open();
    handle.send(Command::Start);
    until(&handle, "a gate", |snapshot| snapshot.question.is_some()).await;
    handle.send(Command::Approve { step: "copy".into(), typed: None, remark: Some("looked at it".to_owned()) });
    until_status(&handle, "start", Status::Failed).await;
    handle.send(Command::Rollback { to: Some("copy".into()), writes: LateWrites::Keep });
    until_state(&handle, RunState::RolledBack).await;
    handle.send(Command::Quit);
    ended(&handle).await;
    let told = fold(&rig.recorded()).unwrap();
    assert_same(&handle.snapshot(), &told);
    assert_eq!(told.decisions.len(), 2);
    assert_eq!(told.decisions[0].remark.as_deref(), Some("looked at it"));
}

/// Equal in all but what only a living process knows.
fn assert_same(live: &Snapshot, told: &Snapshot) {
    let bare = |snapshot: &Snapshot| {
        let mut bare = snapshot.clone();
        (bare.now, bare.run_dir) = (None, String::new());
        bare.log.clear();
        for step in &mut bare.steps {
            step.parts.clear();
            step.description = cutover::evidence::Description::default();
            step.rate = 0.0;
        }
        format!("{bare:#?}")
    };
    assert_eq!(bare(live), bare(told));
}

#[tokio::test]
async fn a_gate_waits_for_the_name_and_refusing_leaves_it_there() {
    let rig = Rig::with(vec![gated("switch", Gate::Typed("grafana".to_owned()))]);
    let handle = rig.open();
    handle.send(Command::Start);
    let asked = until(&handle, "a gate", |snapshot| snapshot.question.is_some()).await;
    let question = Question::Gate { step: "switch".into(), typed: Some("grafana".to_owned()) };
    assert_eq!((asked.question.clone(), asked.state), (Some(question), RunState::Waiting));
    handle.send(Command::Approve { step: "switch".into(), typed: Some("graphana".to_owned()), remark: None });
    let refused = until(&handle, "a refusal", |snapshot| snapshot.refusal.is_some()).await;
    assert_eq!(refused.refusal.as_deref(), Some("to pass the gate of step switch, type grafana"));
    handle.send(Command::Refuse { step: "switch".into(), remark: Some("not tonight".to_owned()) });
    let kept = until(&handle, "the decision", |snapshot| !snapshot.decisions.is_empty()).await;
    assert_eq!((kept.decisions[0].what.as_str(), kept.state), ("gate refused", RunState::Waiting));
    assert!(rig.calls().is_empty());
    handle.send(Command::Approve { step: "switch".into(), typed: Some("grafana".to_owned()), remark: None });
    until_state(&handle, RunState::Done).await;
}

#[tokio::test]
async fn yes_passes_gates_and_is_journaled_as_such() {
    let mut rig =
        Rig::with(vec![gated("copy", Gate::Confirm), gated("switch", Gate::Typed("x".to_owned()))]).unattended();
    rig.options.yes = true;
    assert_eq!(rig.run().await.ended, Ended::Done);
    let told = fold(&rig.recorded()).unwrap();
    assert!(told.decisions.len() == 2 && told.decisions.iter().all(|decision| decision.unattended));
}

#[tokio::test]
async fn without_anybody_a_gate_is_where_the_process_ends() {
    let rig = Rig::with(vec![step("copy"), gated("switch", Gate::Confirm)]).unattended();
    assert_eq!(rig.run().await.ended, Ended::Waiting);
    let told = fold(&rig.recorded()).unwrap();
    assert_eq!((told.state, status_of(&told, "switch")), (RunState::Waiting, Status::AtGate));
    assert_eq!(rig.run().await.ended, Ended::Waiting, "asking again changes nothing");
    assert_eq!(rig.calls_of("apply copy"), 1);
}

#[tokio::test]
async fn the_target_that_is_shown_is_the_one_that_is_worked_on() {
    let mut rig = Rig::with(vec![step("copy"), gated("switch", Gate::Confirm)]).unattended();
    assert_eq!(rig.run().await.ended, Ended::Waiting);
    assert_eq!(fold(&rig.recorded()).unwrap().target, "app@localhost:5432/app");
    rig.address = "postgres://app@127.0.0.1:6543/app";
    rig.system = "2";
    rig.run().await;
    assert_eq!(fold(&rig.recorded()).unwrap().target, "app@localhost:5432/app", "another database is refused");
    rig.system = "1";
    rig.run().await;
    assert_eq!(fold(&rig.recorded()).unwrap().target, "app@127.0.0.1:6543/app", "the same one by another way");
}

#[tokio::test]
async fn what_cannot_be_taken_back_asks_whatever_the_runbook_says() {
    let rig = Rig::with(vec![Step { note: "irreversible".to_owned(), ..step("drop") }]);
    let handle = rig.open();
    handle.send(Command::Start);
    let asked = until(&handle, "a gate", |snapshot| snapshot.question.is_some()).await;
    assert_eq!(asked.steps[0].gate, Gate::Confirm);
    assert!(rig.calls().is_empty());
}

#[tokio::test]
async fn each_step_sees_the_outputs_of_those_before_it() {
    let rig = Rig::new().unattended();
    rig.run().await;
    let world = rig.world.lock().unwrap();
    let last = world.outputs.last().unwrap();
    assert_eq!(last["switch"]["out"], "of switch");
    assert_eq!(last.len(), 4, "start was filled in with the four before it");
}

#[tokio::test]
async fn a_step_that_its_when_leaves_out_is_passed_over() {
    let rig = Rig::new().unattended();
    rig.world.lock().unwrap().left_out.push("copy".to_owned());
    assert_eq!(rig.run().await.ended, Ended::Done);
    let told = fold(&rig.recorded()).unwrap();
    assert_eq!(status_of(&told, "copy"), Status::Skipped);
    assert_eq!(rig.calls_of("apply copy"), 0);
}

#[tokio::test]
async fn until_stops_after_its_step_and_resume_goes_on() {
    let mut rig = Rig::new().unattended();
    rig.options.until = Some(StepId::from("copy"));
    assert_eq!(rig.run().await.ended, Ended::Until);
    assert_eq!(rig.calls_of("apply switch"), 0);
    rig.options.until = None;
    assert_eq!(rig.run().await.ended, Ended::Done);
    assert_eq!((rig.calls_of("apply copy"), rig.calls_of("apply switch")), (1, 1));
}

#[tokio::test]
async fn a_pause_between_steps_or_by_returning_goes_on_with_the_same_checkpoint() {
    let rig = Rig::new();
    script(&rig.world, "apply copy", &[Way::Waits]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_status(&handle, "copy", Status::Running).await;
    handle.send(Command::Pause);
    let paused = until_state(&handle, RunState::Paused).await;
    assert_eq!(status_of(&paused, "copy"), Status::Paused);
    handle.send(Command::Resume);
    until_state(&handle, RunState::Done).await;
    assert_eq!((rig.calls_of("prepare copy"), rig.calls_of("apply copy")), (1, 2));
}

#[tokio::test]
async fn a_step_may_hold_still_instead() {
    let rig = Rig::new();
    script(&rig.world, "apply copy", &[Way::Holds]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_status(&handle, "copy", Status::Running).await;
    handle.send(Command::Pause);
    until(&handle, "held", |s| s.state == RunState::Paused && status_of(s, "copy") == Status::Paused).await;
    handle.send(Command::Resume);
    until_state(&handle, RunState::Done).await;
    assert_eq!(rig.calls_of("apply copy"), 1, "it went on where it stood");
}

#[tokio::test]
async fn quitting_stops_at_a_safe_place_and_resume_goes_on() {
    let rig = Rig::new();
    script(&rig.world, "apply copy", &[Way::Waits]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_status(&handle, "copy", Status::Running).await;
    handle.send(Command::Quit);
    assert_eq!(ended(&handle).await.ended, Ended::Interrupted);
    assert_eq!(fold(&rig.recorded()).unwrap().state, RunState::Interrupted);
    let again = rig.unattended();
    assert_eq!(again.run().await.ended, Ended::Done);
    assert_eq!((again.calls_of("prepare copy"), again.calls_of("apply copy")), (1, 2));
}

#[tokio::test]
async fn a_deaf_step_is_cut_off_and_its_end_is_unknown() {
    let mut rig = Rig::new();
    rig.options.grace = std::time::Duration::from_millis(50);
    script(&rig.world, "apply copy", &[Way::Deaf]);
    let handle = rig.open();
    handle.send(Command::Start);
    until_status(&handle, "copy", Status::Running).await;
    handle.send(Command::Quit);
    assert_eq!(ended(&handle).await.ended, Ended::Interrupted);
    let handle = rig.open();
    until_status(&handle, "copy", Status::Unknown).await;
    handle.send(Command::Start);
    until_state(&handle, RunState::Done).await;
    assert_eq!(rig.calls_of("prepare copy"), 1, "the checkpoint of the first attempt stands");
}

#[tokio::test]
async fn the_downtime_is_from_the_first_stop_to_the_start() {
    let rig = Rig::new().unattended();
    rig.run().await;
    let told = fold(&rig.recorded()).unwrap();
    let at = |name: &str, step: &str| {
        let entries = rig.recorded();
        let found = entries.iter().find(|e| e.event.name() == name && e.event.step() == Some(&step.into()));
        found.unwrap().at
    };
    assert_eq!(told.down_since, Some(at("step-started", "stop")));
    assert_eq!(told.up_since, Some(at("step-done", "start")));
}

#[tokio::test]
async fn questions_are_answered_into_the_snapshot_while_a_step_waits() {
    let rig = Rig::with(vec![gated("copy", Gate::Confirm)]);
    let handle = rig.open();
    handle.send(Command::Start);
    handle.ask(Query::Tables);
    let answered = until(&handle, "an answer", |snapshot| snapshot.data.error.is_some()).await;
    assert_eq!(answered.data.error.as_deref(), Some("asked for Tables"));
}

#[tokio::test]
async fn a_decided_unit_reaches_the_runbook_and_the_report() {
    let rig = Rig::with(vec![gated("copy", Gate::Confirm)]);
    let handle = rig.open();
    handle.send(Command::Start);
    handle.send(Command::SetUnit { column: "a.b".to_owned(), unit: IntervalUnit::Us });
    let decided = until(&handle, "the decision", |snapshot| !snapshot.decisions.is_empty()).await;
    assert_eq!(decided.decisions[0].what, "unit of a.b: us");
}

#[tokio::test]
async fn events_are_told_after_they_are_in_the_journal() {
    let rig = Rig::new().unattended();
    let handle = rig.open();
    let mut events = handle.events();
    handle.send(Command::Start);
    let mut seen = 0;
    while let Ok(recorded) = events.recv().await {
        seen += 1;
        assert!(rig.recorded().contains(&recorded));
        if recorded.event.name() == "process-ended" {
            break;
        }
    }
    assert!(seen > 15);
    assert_eq!(cutover_steps().len(), 5);
}
