//! How a run ended, and the exit code that follows: the command line's contract as one pure function.

use crate::engine::snapshot::{FailureKind, Snapshot, Status, StepView};
use crate::engine::{Ended, Ending};
use crate::report::proof::Proof;
use serde::Serialize;

/// How a run ended, in the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Carried to its end.
    Done,
    /// A step failed, or the world refused.
    Failed,
    /// The operator has to act.
    Waiting,
    /// Stopped by the operator or a signal; `resume` goes on.
    Interrupted,
}

/// Exit codes of the command line (README, "Exit codes").
pub mod exit {
    /// Everything that was asked for is true.
    pub const DONE: u8 = 0;
    /// A step failed, something was rejected, or the world refused.
    pub const FAILED: u8 = 1;
    /// The command line or the runbook is wrong, or a unit is undecided.
    pub const WRONG: u8 = 2;
    /// The operator has to act.
    pub const WAITING: u8 = 3;
    /// Verification found differences.
    pub const DIFFERENT: u8 = 4;
    /// Stopped; `resume` goes on.
    pub const INTERRUPTED: u8 = 130;
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// In the contract's words.
    pub outcome: Outcome,
    /// The process's exit code.
    pub exit: u8,
    /// Whether the state of the world refused and nothing was touched.
    pub refused: bool,
}

impl Verdict {
    const fn new(outcome: Outcome, exit: u8) -> Self {
        Self { outcome, exit, refused: false }
    }

    /// The verdict on a run that was driven to `ending` and stands as `snapshot` says.
    #[must_use]
    pub fn of(snapshot: &Snapshot, ending: &Ending) -> Self {
        if ending.broken.is_some() {
            return Self::new(Outcome::Failed, exit::FAILED);
        }
        match ending.ended {
            Ended::Done | Ended::Until => done(snapshot),
            Ended::RolledBack => Self::new(Outcome::Done, exit::DONE),
            Ended::Failed => failed(snapshot),
            Ended::Waiting => Self::new(Outcome::Waiting, exit::WAITING),
            Ended::Interrupted => Self::new(Outcome::Interrupted, exit::INTERRUPTED),
            Ended::Refused => Self::REFUSED,
        }
    }

    /// The command line or the runbook is wrong; nothing was touched.
    pub const WRONG: Self = Self::new(Outcome::Failed, exit::WRONG);
    /// Tried and failed.
    pub const FAILED: Self = Self::new(Outcome::Failed, exit::FAILED);
    /// The state of the world forbids it; nothing was touched.
    pub const REFUSED: Self = Self { refused: true, ..Self::FAILED };
    /// Done, and everything that was asked for is true.
    pub const DONE: Self = Self::new(Outcome::Done, exit::DONE);
}

/// The step that a failed run stands at: the one that failed last, in the order of the runbook.
#[must_use]
pub fn failed_step(snapshot: &Snapshot) -> Option<&StepView> {
    snapshot.steps.iter().rev().find(|step| matches!(step.status, Status::Failed | Status::UndoFailed))
}

/// A run that came to its end by a policy, or over a step that was skipped, still tells what is not as it was asked for.
fn done(snapshot: &Snapshot) -> Verdict {
    let proof = Proof::of(snapshot);
    let code = match proof {
        Proof { rejects_total: 1.., .. } => exit::FAILED,
        Proof { differences_total: 1.., .. } => exit::DIFFERENT,
        _ => exit::DONE,
    };
    Verdict::new(Outcome::Done, code)
}

fn failed(snapshot: &Snapshot) -> Verdict {
    let step = failed_step(snapshot);
    if step.is_some_and(|step| step.status == Status::UndoFailed) {
        return Verdict::new(Outcome::Failed, exit::FAILED);
    }
    match step.and_then(|step| step.failure) {
        None | Some(FailureKind::Failed) => Verdict::new(Outcome::Failed, exit::FAILED),
        Some(FailureKind::Refused) => Verdict { refused: true, ..Verdict::new(Outcome::Failed, exit::FAILED) },
        Some(FailureKind::Undecided) => Verdict::new(Outcome::Failed, exit::WRONG),
        Some(FailureKind::Differences) => Verdict::new(Outcome::Failed, exit::DIFFERENT),
        Some(FailureKind::Waiting) => Verdict::new(Outcome::Waiting, exit::WAITING),
        Some(FailureKind::Interrupted) => Verdict::new(Outcome::Interrupted, exit::INTERRUPTED),
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Verdict};
    use crate::engine::snapshot::{FailureKind, Snapshot, Status};
    use crate::engine::{Ended, Ending};
    use crate::report::sample;
    use std::sync::Arc;

    fn verdict(snapshot: &Snapshot, ended: Ended) -> (Outcome, u8, bool) {
        let Verdict { outcome, exit, refused } = Verdict::of(snapshot, &Ending { ended, broken: None });
        (outcome, exit, refused)
    }

    #[test]
    fn every_end_has_its_code() {
        let table = [
            (Ended::Done, (Outcome::Done, 0, false)),
            (Ended::Until, (Outcome::Done, 0, false)),
            (Ended::RolledBack, (Outcome::Done, 0, false)),
            (Ended::Failed, (Outcome::Failed, 1, false)),
            (Ended::Waiting, (Outcome::Waiting, 3, false)),
            (Ended::Interrupted, (Outcome::Interrupted, 130, false)),
            (Ended::Refused, (Outcome::Failed, 1, true)),
        ];
        for (ended, expected) in table {
            assert_eq!(verdict(&sample::finished(), ended), expected, "{ended:?}");
        }
    }

    #[test]
    fn every_kind_of_failure_has_its_code() {
        let table = [
            (FailureKind::Failed, (Outcome::Failed, 1, false)),
            (FailureKind::Refused, (Outcome::Failed, 1, true)),
            (FailureKind::Undecided, (Outcome::Failed, 2, false)),
            (FailureKind::Differences, (Outcome::Failed, 4, false)),
            (FailureKind::Waiting, (Outcome::Waiting, 3, false)),
            (FailureKind::Interrupted, (Outcome::Interrupted, 130, false)),
        ];
        for (kind, expected) in table {
            let mut snapshot = sample::rejected();
            snapshot.steps[1].failure = Some(kind);
            assert_eq!(verdict(&snapshot, Ended::Failed), expected, "{kind:?}");
        }
    }

    #[test]
    fn what_a_policy_or_a_skip_carried_to_the_end_still_shows() {
        let rejected = sample::rejected();
        assert_eq!(verdict(&rejected, Ended::Done), (Outcome::Done, 1, false));
        let mut skipped = sample::differing();
        skipped.steps[2].status = Status::Skipped;
        assert_eq!(verdict(&skipped, Ended::Done), (Outcome::Done, 4, false));
        skipped.steps[1].evidence = Arc::clone(&rejected.steps[1].evidence);
        assert_eq!(verdict(&skipped, Ended::Done), (Outcome::Done, 1, false));
    }

    #[test]
    fn an_undo_that_failed_is_a_failure_whatever_the_step_once_failed_with() {
        let mut snapshot = sample::rejected();
        snapshot.steps[1].status = Status::UndoFailed;
        snapshot.steps[1].failure = Some(FailureKind::Refused);
        assert_eq!(verdict(&snapshot, Ended::Failed), (Outcome::Failed, 1, false));
    }

    #[test]
    fn a_journal_that_broke_is_a_failure() {
        let ending = Ending { ended: Ended::Interrupted, broken: Some("no space".to_owned()) };
        assert_eq!(Verdict::of(&sample::at_gate(), &ending).exit, 1);
    }
}
