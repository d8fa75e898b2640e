//! The same engine as the screen's, as lines for people or as JSON: for scripts, logs, and terminals that cannot be had.
//!
//! [`drive`] sends the first command, tells what is new in each snapshot ([`notice`]), hands signals to the engine, and returns
//! when the driver has ended. What is said about the end, and with which exit code, is pure: [`Finished`] and [`Verdict`].

mod finished;
mod notice;
mod signals;
mod text;
mod verdict;
mod voice;

pub use finished::Finished;
pub use notice::{Notice, Teller};
pub use signals::Signals;
pub use verdict::{Outcome, Verdict, exit};
pub use voice::{Form, Voice};

use crate::engine::{Command, Ended, Ending, Handle, Snapshot};
use std::sync::Arc;

/// Drives a run to its end and tells about it on `voice`; the last word ([`Voice::end`]) is the caller's, who knows where the
/// report is.
///
/// A first signal asks the engine to stop at the next safe place; at a second one the run is left as a crash would leave it.
pub async fn drive(handle: &Handle, first: Command, voice: &mut Voice) -> (Arc<Snapshot>, Ending) {
    let mut snapshots = handle.snapshots();
    let mut signals = Signals::listen();
    let mut teller = Teller::default();
    let mut stopping = false;
    tell(&mut teller, &snapshots.borrow_and_update().clone(), voice);
    handle.send(first);
    let ending = loop {
        tokio::select! {
            biased;
            name = signals.next() => {
                if std::mem::replace(&mut stopping, true) {
                    break Ending { ended: Ended::Interrupted, broken: None };
                }
                voice.aside(&format!("{name}: stopping at the next safe place; a second signal leaves at once"));
                handle.send(Command::Quit);
            }
            changed = snapshots.changed() => match changed {
                Ok(()) => tell(&mut teller, &snapshots.borrow_and_update().clone(), voice),
                Err(_) => break handle.finished().await,
            },
            ending = handle.finished() => break ending,
        }
    };
    let last = handle.snapshot();
    tell(&mut teller, &last, voice);
    (last, ending)
}

fn tell(teller: &mut Teller, snapshot: &Snapshot, voice: &mut Voice) {
    for notice in teller.news(snapshot) {
        voice.tell(&notice, snapshot.now);
    }
}
