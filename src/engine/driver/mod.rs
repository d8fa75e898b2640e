//! Journals first, does what the machine wants, feeds back what came of it.
//!
//! One task owns everything that changes: machine, fold, journal, live progress. It waits for the next input (a command, a line
//! of progress, the end of some work, the tick of the clock), never for a database or a disk while others wait for it: actions
//! and queries run as tasks of their own, and an append runs on a thread for blocking work. Front ends get whole snapshots
//! through a `watch` channel. Nothing is locked.
//!
//! The order is always: append the event to the journal → hand it to machine and fold → tell the front ends → do what follows.
//! So a crash leaves at most work that was begun and whose end nobody wrote down; [`super::recover`] says what becomes of it.

mod claim;
mod closing;
mod context;
mod drive;
mod live;
mod open;
mod orders;
mod recorder;
mod scribe;
mod work;

pub use claim::{Claim, ClaimError, Claims, DatabaseClaims};
pub use closing::Closing;
pub use context::{Origin, Resolve};
pub use live::line as log_line;
pub use open::{DriverError, Options, Setup};

use super::effect::Effect;
use super::event::{Ended, Recorded};
use super::fold::Fold;
use super::handle::{Ending, Handle, Wishes};
use super::machine::Machine;
use super::runs::Durations;
use super::snapshot::{DataView, Query, Snapshot};
use crate::evidence::Description;
use crate::runbook::StepId;
use claim::Claiming;
use context::Workshop;
use live::Live;
use scribe::Scribe;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use work::{Inquiry, Work};

/// Drives one run.
pub struct Driver {
    workshop: Workshop,
    scribe: Scribe,
    machine: Machine,
    fold: Fold,
    live: Live,
    /// How each step described itself when this process took the run up.
    descriptions: Vec<(StepId, Description)>,
    effects: VecDeque<Effect>,
    work: Option<Work>,
    claiming: Claiming,
    closing: Option<Arc<dyn Closing>>,
    inquiry: Option<Inquiry>,
    queries: VecDeque<Query>,
    data: Arc<DataView>,
    refusal: Option<String>,
    finish: Option<Ended>,
    /// What steps took in the last runs of this runbook.
    expected: Durations,
    grace: Duration,
    run_dir: String,
    wishes: mpsc::UnboundedReceiver<Wishes>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    recorded: broadcast::Sender<Recorded>,
    ended: watch::Sender<Option<Ending>>,
}

impl Driver {
    /// Drives the run to its end. The front end learns everything through the handle; this is to be spawned.
    pub async fn run(mut self) -> Ending {
        let ending = match self.drive().await {
            Ok(ended) => Ending { ended, broken: None },
            Err(error) => self.break_off(error.to_string()).await,
        };
        self.publish();
        self.ended.send_replace(Some(ending.clone()));
        ending
    }

    /// [`Driver::new`], then [`Driver::run`] on a task of its own.
    ///
    /// # Errors
    /// As [`Driver::new`].
    pub fn spawn(setup: Setup) -> Result<Handle, DriverError> {
        let (driver, handle) = Self::new(setup)?;
        tokio::spawn(driver.run());
        Ok(handle)
    }
}
