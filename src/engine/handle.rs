//! What a front end holds of a run: it watches snapshots, sends commands, asks questions, and waits for the end.

use super::command::Command;
use super::event::{Ended, Recorded};
use super::snapshot::{PodTerminal, Query, Snapshot};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// A run that is being driven. Cheap to clone; nothing here ever waits for a database or a disk, but [`Handle::finished`].
#[derive(Clone)]
pub struct Handle {
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(super) wishes: mpsc::UnboundedSender<Wishes>,
    pub(super) recorded: broadcast::Sender<Recorded>,
    pub(super) ended: watch::Receiver<Option<Ending>>,
}

/// How driving a run came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// How it left the run; exit codes follow from it and from the snapshot.
    pub ended: Ended,
    /// What stopped the driver itself: a journal that cannot be written, say. `ended` is then [`Ended::Interrupted`].
    pub broken: Option<String>,
}

/// What a front end wants of the driver.
pub(super) enum Wishes {
    Command(Command),
    Query(Query),
    /// This terminal wants to answer the run's questions from now on.
    Helm,
    /// psql in the test pod wants this terminal, of so many columns and rows.
    Terminal((u16, u16), oneshot::Sender<Result<PodTerminal, String>>),
}

impl Handle {
    /// The run as it is, again whenever it changes; the sender is gone when the driver is.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// The run as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// Sends a command. Whether it is obeyed is seen in the snapshot: by what changes, or by its `refusal`.
    pub fn send(&self, command: Command) {
        // A driver that has ended obeys nothing any more, and its last snapshot says so.
        let _ = self.wishes.send(Wishes::Command(command));
    }

    /// Asks something of the databases; the answer comes in the snapshot's `data`.
    pub fn ask(&self, query: Query) {
        let _ = self.wishes.send(Wishes::Query(query));
    }

    /// Opens psql in the run's test pod for a terminal of so many columns and rows.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub async fn terminal(&self, size: (u16, u16)) -> Result<PodTerminal, String> {
        let (answer, came) = oneshot::channel();
        let gone = || "no process drives this run, which alone can open it".to_owned();
        self.wishes.send(Wishes::Terminal(size, answer)).map_err(|_| gone())?;
        came.await.map_err(|_| gone())?
    }

    /// Asks to answer the run's questions from now on; whether it does is seen in the snapshot's `helm`.
    pub fn take_helm(&self) {
        let _ = self.wishes.send(Wishes::Helm);
    }

    /// Every event from now on, after it is in the journal. A receiver that lags is told how many it missed; they can be read from
    /// the run's directory.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Recorded> {
        self.recorded.subscribe()
    }

    /// Waits until the driver has ended.
    pub async fn finished(&self) -> Ending {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(ending) => ending.clone().unwrap_or_else(Ending::gone),
            Err(_) => Ending::gone(),
        }
    }
}

impl Ending {
    fn gone() -> Self {
        Self { ended: Ended::Interrupted, broken: Some("the engine ended without a word; this is a bug".to_owned()) }
    }
}
