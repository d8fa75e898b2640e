//! How work in progress speaks and listens: what it tells the screen, and what the operator wants of it.
//!
//! Stands below everything that takes time, so that `transfer` and `verify` can be used alone with it.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

/// What a running step tells the screen. Cheap to clone; never blocks; may drop intermediate progress.
#[derive(Clone)]
pub struct ProgressSink {
    sender: mpsc::UnboundedSender<Report>,
}

/// One thing that a running step tells.
#[derive(Clone, Debug)]
pub enum Report {
    /// A line for the log.
    Log(LogLevel, String),
    /// The state of one part (a table, say). The latest one of a part counts.
    Part(PartProgress),
    /// What is being waited for; empty when nothing.
    Waiting(String),
    /// The step stands still at a safe place, because a pause is wanted, and will go on by itself when it no longer is.
    Holding,
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Details.
    Debug,
    /// What happened.
    Info,
    /// Worth a look.
    Warn,
    /// Went wrong.
    Error,
}

/// How far one part of a step is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartProgress {
    /// The part: a table's name, `indexes`, `foreign keys`.
    pub part: String,
    /// What `done` and `total` count: `rows`, `bytes`, `indexes`.
    pub unit: String,
    /// Done so far.
    pub done: u64,
    /// All of it, as far as known.
    pub total: Option<u64>,
    /// Bytes so far.
    pub bytes: u64,
    /// Whether the part is finished.
    pub finished: bool,
}

impl PartProgress {
    /// Rows of which none is done. Told of every part before the first begins: else a share of the whole would be one of a part.
    #[must_use]
    pub fn to_come(part: impl Into<String>, rows: u64) -> Self {
        Self { part: part.into(), unit: "rows".to_owned(), total: Some(rows), ..Self::default() }
    }
}

impl ProgressSink {
    /// A sink and the end that the driver reads.
    #[must_use]
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender }, receiver)
    }

    /// A line for the log.
    pub fn log(&self, level: LogLevel, line: impl Into<String>) {
        self.send(Report::Log(level, line.into()));
    }

    /// The state of one part. Callers send at most some ten a second.
    pub fn part(&self, progress: PartProgress) {
        self.send(Report::Part(progress));
    }

    /// What is being waited for.
    pub fn waiting(&self, what: impl Into<String>) {
        self.send(Report::Waiting(what.into()));
    }

    /// Says that the step stands still at a safe place until [`Control::wish`] is no longer [`Wish::Pause`]. A step that would
    /// rather return answers a pause with an error of kind `Interrupted`, and is started again later; one that can do neither
    /// goes on to its end.
    pub fn holding(&self) {
        self.send(Report::Holding);
    }

    fn send(&self, report: Report) {
        // A driver that is gone no longer listens; the step's own result says what happened.
        let _ = self.sender.send(report);
    }
}

/// What the operator wants of a running step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    #[default]
    Run,
    /// Pause at the next safe place.
    Pause,
    /// Stop at the next safe place, leaving everything as it was or resumable.
    Stop,
}

/// The receiving end of [`Wish`]; actions look at it between chunks and race it against waits.
#[derive(Clone)]
pub struct Control {
    wish: watch::Receiver<Wish>,
}

impl Control {
    /// A control and the end that the driver turns.
    #[must_use]
    pub fn new() -> (watch::Sender<Wish>, Self) {
        let (sender, wish) = watch::channel(Wish::Run);
        (sender, Self { wish })
    }

    /// What is wanted now.
    #[must_use]
    pub fn wish(&self) -> Wish {
        *self.wish.borrow()
    }

    /// Waits until something else than going on is wanted, and says what.
    pub async fn interfered(&self) -> Wish {
        let mut wish = self.wish.clone();
        let interfered = wish.wait_for(|wish| *wish != Wish::Run).await.map(|wish| *wish);
        match interfered {
            Ok(wish) => wish,
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until a pause is over: the step is to go on, or to stop.
    pub async fn unpaused(&self) -> Wish {
        let mut wish = self.wish.clone();
        wish.wait_for(|wish| *wish != Wish::Pause).await.map_or(Wish::Stop, |wish| *wish)
    }

    /// Waits until the step is to stop. Never returns when the driver is gone without asking for it.
    pub async fn stopped(&self) {
        let mut wish = self.wish.clone();
        if wish.wait_for(|wish| *wish == Wish::Stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
