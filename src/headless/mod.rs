//! The same engine as the screen's, as lines for people or as JSON: for scripts, logs, and terminals that cannot be had.
//!
//! [`drive`] sends the first command, tells what is new in each snapshot ([`Teller`]), hands signals to the engine, and returns
//! when the driver has ended. What is said about the end, and with which exit code, is pure: [`Finished`] and [`Verdict`].

mod finished;
mod notice;
mod signals;
mod teller;
mod text;
mod verdict;
mod voice;

pub use finished::Finished;
pub use notice::Notice;
pub use signals::Signals;
pub use teller::Teller;
pub use verdict::{Outcome, Verdict, exit};
pub use voice::{Form, Voice};

use crate::engine::{Command, Ended, Ending, Handle, Recorded, Snapshot};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Drives a run to its end and tells about it on `voice`; the last word ([`Voice::end`]) is the caller's, who knows where the
/// report is.
///
/// A first signal asks the engine to stop at the next safe place, a second one to cut off what is at work, and at a third one the
/// run is left as a kill would leave it.
pub async fn drive(handle: &Handle, first: Command, voice: &mut Voice) -> (Arc<Snapshot>, Ending) {
    let mut snapshots = handle.snapshots();
    let mut signals = Signals::listen();
    let mut telling = Telling { teller: Teller::default(), events: handle.events(), voice };
    let mut patience = 2;
    telling.tell(&snapshots.borrow_and_update().clone());
    handle.send(first);
    let ending = loop {
        tokio::select! {
            biased;
            name = signals.next() => {
                if patience == 0 {
                    break Ending { ended: Ended::Interrupted, broken: None };
                }
                patience -= 1;
                telling.voice.aside(&format!("{name}: stopping at the next safe place; once more cuts off what is at work"));
                handle.send(Command::Quit);
            }
            changed = snapshots.changed() => match changed {
                Ok(()) => telling.tell(&snapshots.borrow_and_update().clone()),
                Err(_) => break handle.finished().await,
            },
            ending = handle.finished() => break ending,
        }
    };
    let last = handle.snapshot();
    telling.tell(&last);
    (last, ending)
}

struct Telling<'a> {
    teller: Teller,
    events: broadcast::Receiver<Recorded>,
    voice: &'a mut Voice,
}

impl Telling<'_> {
    fn tell(&mut self, snapshot: &Snapshot) {
        // One that lags repeats a line of the log, which does no harm.
        while let Ok(recorded) = self.events.try_recv() {
            self.teller.recorded(&recorded.event);
        }
        for notice in self.teller.news(snapshot) {
            self.voice.tell(&notice, snapshot.now);
        }
    }
}
