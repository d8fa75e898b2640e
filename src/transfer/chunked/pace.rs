//! How the workers of a copy in chunks go, rest and end together, as the operator wishes.
//!
//! A pause lets the chunks at work come to their end for some tenths of a second; what takes longer is rolled back and done again
//! after the pause. Then every connection is idle, with no transaction open, for as long as the operator likes.

use crate::progress::{Control, LogLevel, ProgressSink, Wish};
use crate::transfer::TransferError;
use crate::transfer::session::interrupted;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// How long work may go on when a pause is wanted.
const GRACE: Duration = Duration::from_millis(600);

/// What the workers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Go,
    Rest,
    End,
}

/// How many workers there are, and how many of them do nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Crew {
    present: usize,
    resting: usize,
}

/// The common pace.
pub(super) struct Pace {
    state: watch::Sender<State>,
    crew: watch::Sender<Crew>,
    wish: watch::Sender<Wish>,
    /// Tells work in progress to end at once.
    pub(super) control: Control,
}

/// A worker, counted for as long as this lives.
pub(super) struct Present<'a>(&'a Pace);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.crew.send_modify(|crew| crew.present -= 1);
    }
}

struct Resting<'a>(&'a Pace);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.crew.send_modify(|crew| crew.resting -= 1);
    }
}

impl Pace {
    pub(super) fn new() -> Self {
        let (wish, control) = Control::new();
        Self { state: watch::Sender::new(State::Go), crew: watch::Sender::default(), wish, control }
    }

    /// A worker begins.
    pub(super) fn present(&self) -> Present<'_> {
        self.crew.send_modify(|crew| crew.present += 1);
        Present(self)
    }

    /// Waits while the others rest.
    ///
    /// # Errors
    /// When all are to end.
    pub(super) async fn pass(&self) -> Result<(), TransferError> {
        let mut state = self.state.subscribe();
        let now = *state.borrow_and_update();
        let now = match now {
            State::Rest => {
                let _resting = self.rest();
                state.wait_for(|state| *state != State::Rest).await.map_or(State::End, |state| *state)
            }
            now => now,
        };
        if now == State::End { Err(interrupted()) } else { Ok(()) }
    }

    /// Waits for another worker, which counts as rest.
    ///
    /// # Errors
    /// When all are to end.
    pub(super) async fn wait(&self, change: impl Future<Output = ()>) -> Result<(), TransferError> {
        let mut state = self.state.subscribe();
        let _resting = self.rest();
        tokio::select! {
            () = change => Ok(()),
            _ = state.wait_for(|state| *state == State::End) => Err(interrupted()),
        }
    }

    fn rest(&self) -> Resting<'_> {
        self.crew.send_modify(|crew| crew.resting += 1);
        Resting(self)
    }

    /// Whether work that was broken off is to be done again: a pause did it, and not an end.
    pub(super) fn goes_on(&self) -> bool {
        *self.state.borrow() != State::End
    }

    /// All are to end.
    pub(super) fn end(&self) {
        self.state.send_replace(State::End);
        self.wish.send_replace(Wish::Stop);
    }

    /// Follows the operator's wishes; never returns.
    pub(super) async fn follow(&self, operator: &Control, progress: &ProgressSink) -> Infallible {
        loop {
            if operator.interfered().await == Wish::Stop || !self.pause(operator, progress).await {
                self.end();
                return std::future::pending().await;
            }
        }
    }

    /// Rests until the pause is over; whether it goes on then.
    async fn pause(&self, operator: &Control, progress: &ProgressSink) -> bool {
        if !self.goes_on() {
            return false;
        }
        self.state.send_replace(State::Rest);
        let mut crew = self.crew.subscribe();
        let all_rest = |crew: &Crew| crew.resting >= crew.present;
        if tokio::time::timeout(GRACE, crew.wait_for(all_rest)).await.is_err() {
            self.wish.send_replace(Wish::Stop);
            // The sender is ours: the wait cannot fail.
            let _ = crew.wait_for(all_rest).await;
        }
        progress.waiting("");
        progress.log(LogLevel::Info, "paused between two chunks; no transaction is open");
        progress.holding();
        if operator.unpaused().await == Wish::Stop || !self.goes_on() {
            return false;
        }
        self.wish.send_replace(Wish::Run);
        self.state.send_replace(State::Go);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Report;

    #[tokio::test]
    async fn all_rest_while_a_pause_lasts_and_go_on_after_it() {
        let (pace, (wish, operator), (progress, mut reports)) = (Pace::new(), Control::new(), ProgressSink::new());
        let worker = async {
            let _present = pace.present();
            let mut passed = 0;
            while passed < 2 {
                pace.pass().await.map_err(|error| error.to_string())?;
                passed += 1;
                tokio::task::yield_now().await;
                if passed == 1 {
                    wish.send_replace(Wish::Pause);
                    while !matches!(*pace.state.borrow(), State::Rest) {
                        tokio::task::yield_now().await;
                    }
                }
            }
            Ok::<_, String>(passed)
        };
        let operating = async {
            while !matches!(reports.recv().await, Some(Report::Holding)) {}
            assert_eq!(*pace.crew.borrow(), Crew { present: 1, resting: 1 });
            wish.send_replace(Wish::Run);
        };
        tokio::select! {
            (passed, ()) = async { tokio::join!(worker, operating) } => assert_eq!(passed, Ok(2)),
            never = pace.follow(&operator, &progress) => match never {},
        }
    }

    #[tokio::test]
    async fn an_end_ends_whoever_waits() {
        let pace = Pace::new();
        let waiting = pace.wait(std::future::pending());
        let (waited, ()) = tokio::join!(waiting, async { pace.end() });
        assert!(waited.is_err() && pace.pass().await.is_err() && !pace.goes_on());
    }
}
