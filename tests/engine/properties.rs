//! Whatever the operator does, in whatever order, and however work ends: the machine never does what its own protocol forbids,
//! its state is what its journal tells, and the way back to the start is always open.

use crate::simulation::{End, Simulation};
use cutover::engine::command::{Command, LateWrites};
use cutover::engine::machine::Rules;
use cutover::engine::recover::recover;
use cutover::engine::{Ended, fold};
use cutover::evidence::{FailureKind, IntervalUnit};
use cutover::runbook::StepId;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Move {
    Command(Command),
    End(End),
    Crash,
}

const IDS: [&str; 6] = ["check", "stop", "load", "switch", "start", "nonsense"];

fn step() -> impl Strategy<Value = StepId> {
    prop::sample::select(&IDS[..]).prop_map(StepId::from)
}

fn command() -> impl Strategy<Value = Command> {
    let writes = prop_oneof![Just(LateWrites::Keep), Just(LateWrites::Lose), Just(LateWrites::Export("f".into()))];
    prop_oneof![
        4 => Just(Command::Start),
        4 => step().prop_map(|step| Command::Approve { step, typed: None, remark: None }),
        1 => step().prop_map(|step| Command::Refuse { step, remark: None }),
        2 => Just(Command::Pause),
        2 => Just(Command::Resume),
        2 => step().prop_map(|step| Command::Retry { step }),
        1 => step().prop_map(|step| Command::Skip { step, reason: "so".to_owned() }),
        2 => (prop::option::of(step()), writes).prop_map(|(to, writes)| Command::Rollback { to, writes }),
        1 => Just(Command::SetUnit { column: "a.b".to_owned(), unit: IntervalUnit::S }),
        1 => Just(Command::Quit),
    ]
}

fn end() -> impl Strategy<Value = End> {
    let kind = prop::sample::select(vec![
        FailureKind::Failed,
        FailureKind::Refused,
        FailureKind::Waiting,
        FailureKind::Undecided,
        FailureKind::Interrupted,
    ]);
    prop_oneof![
        6 => Just(End::Well),
        1 => kind.prop_map(End::Badly),
        1 => Just(End::BadlyLate),
        1 => Just(End::Interrupted),
        1 => Just(End::Holding),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        5 => command().prop_map(Move::Command),
        6 => end().prop_map(Move::End),
        1 => Just(Move::Crash),
    ];
    prop::collection::vec(one, 1..60)
}

fn rules() -> impl Strategy<Value = Rules> {
    let until = prop::option::weighted(0.2, step());
    (any::<bool>(), any::<bool>(), until).prop_map(|(yes, attended, until)| Rules { yes, attended, until })
}

fn play(gated: bool, rules: &Rules, late_writes: u64, moves: &[Move]) -> Simulation {
    let mut simulation = Simulation::new(gated, rules.clone());
    for one in moves {
        simulation.late_writes = late_writes;
        match one {
            Move::Command(command) => simulation.command(command),
            Move::End(end) => simulation.end(*end),
            Move::Crash => simulation = simulation.again(rules.clone()),
        }
        if simulation.finished.is_some() {
            simulation = simulation.again(rules.clone());
        }
        assert_eq!(&recover(&simulation.journal).unwrap(), simulation.machine.run(), "live is not what is journaled");
    }
    simulation
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_illegal_happens_and_the_journal_tells_all(
        gated: bool, rules in rules(), late in 0u64..3, moves in moves()
    ) {
        let played = play(gated, &rules, late, &moves);
        let told = fold(&played.journal).unwrap();
        let statuses: Vec<_> = told.steps.iter().map(|step| step.status).collect();
        prop_assert_eq!(statuses, played.statuses());
        prop_assert_eq!(told.state, played.machine.run().state());
    }

    #[test]
    fn the_way_back_to_the_start_is_always_open(gated: bool, rules in rules(), late in 0u64..3, moves in moves()) {
        let forced = Rules { yes: true, ..Rules::default() };
        let mut played = play(gated, &rules, late, &moves).again(forced);
        played.command(&Command::Rollback { to: None, writes: LateWrites::Lose });
        played.finish();
        prop_assert!(played.world.is_empty(), "{:?} stayed behind: {:#?}", played.world, played.journal);
        prop_assert_eq!(played.finished, Some(Ended::RolledBack));
    }

    #[test]
    fn a_run_can_always_be_gone_on_with(gated: bool, rules in rules(), moves in moves()) {
        let forced = Rules { yes: true, ..Rules::default() };
        let mut played = play(gated, &rules, 0, &moves);
        for _ in 0..3 {
            played = played.again(forced.clone());
            played.command(&Command::Start);
            played.finish();
            if played.finished == Some(Ended::Done) {
                break;
            }
        }
        prop_assert_eq!(played.finished, Some(Ended::Done), "{:#?}", played.journal);
    }
}
