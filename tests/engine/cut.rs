//! A journal cut short at every entry: whoever takes it up ends in the same state.

use crate::simulation::Simulation;
use cutover::engine::command::{Command, LateWrites};
use cutover::engine::machine::Rules;
use cutover::engine::{Ended, Status};

fn forced() -> Rules {
    Rules { yes: true, ..Rules::default() }
}

fn forward(mut simulation: Simulation) -> Simulation {
    simulation.command(&Command::Start);
    simulation.finish();
    simulation
}

fn back(mut simulation: Simulation) -> Simulation {
    simulation.command(&Command::Rollback { to: None, writes: LateWrites::Lose });
    simulation.finish();
    simulation
}

fn cuts(length: usize) -> impl Iterator<Item = (usize, bool)> {
    (2..length)
        .flat_map(|entries| [(entries + 1, false), (entries, true)])
        .filter(move |(entries, _)| *entries < length)
}

#[test]
fn going_forward_ends_the_same_wherever_it_was_cut() {
    let whole = forward(Simulation::new(true, forced()));
    assert_eq!((whole.finished, whole.world.len()), (Some(Ended::Done), 4));
    let mut count = 0;
    for cut in cuts(whole.journal.len()) {
        let mut first = Simulation::new(true, forced());
        first.cut = Some(cut);
        let first = forward(first);
        assert!(first.dead, "{cut:?} was never reached");
        let second = forward(first.again(forced()));
        assert_eq!((&second.world, second.finished), (&whole.world, whole.finished), "cut at {cut:?}");
        assert_eq!(second.statuses(), whole.statuses(), "cut at {cut:?}");
        count += 1;
    }
    println!("{count} cuts");
}

#[test]
fn going_back_ends_the_same_wherever_it_was_cut() {
    let done = || forward(Simulation::new(false, forced())).again(forced());
    let whole = back(done());
    assert_eq!((whole.finished, whole.world.len()), (Some(Ended::RolledBack), 0));
    for cut in cuts(whole.journal.len()).filter(|(entries, _)| *entries > done().journal.len()) {
        let mut first = done();
        first.cut = Some(cut);
        let first = back(first);
        assert!(first.dead, "{cut:?} was never reached");
        let second = back(first.again(forced()));
        assert_eq!((&second.world, second.finished), (&whole.world, whole.finished), "cut at {cut:?}");
        assert!(second.statuses().iter().all(|status| *status == Status::Undone));
    }
}

#[test]
fn going_back_from_wherever_it_was_cut_leaves_nothing() {
    let whole = forward(Simulation::new(false, forced()));
    for cut in cuts(whole.journal.len()) {
        let mut first = Simulation::new(false, forced());
        first.cut = Some(cut);
        let second = back(forward(first).again(forced()));
        assert!(second.world.is_empty(), "cut at {cut:?}: {:?}", second.world);
        assert_eq!(second.finished, Some(Ended::RolledBack), "cut at {cut:?}");
    }
}
