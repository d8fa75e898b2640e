//! Journals first, does what the machine wants, feeds back what came of it.

use super::handle::{Ending, Handle};
use super::runs::RunDir;
use crate::action::{Actions, Secrets};
use crate::connect::postgres::Address;
use crate::inspect::Inspect;
use crate::runbook::{Document, Outputs, Problems, Runbook, StepId, TargetFacts, Values};
use std::sync::Arc;

/// How a run is driven.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Pass every gate; journaled as such.
    pub yes: bool,
    /// Whether somebody is there to answer. Where nobody is, the driver ends where it would have to wait, and a failed step ends
    /// the run.
    pub attended: bool,
    /// Stop after this step.
    pub until: Option<StepId>,
    /// Whether the place is production, for the screen.
    pub production: bool,
}

/// Fills in a runbook's templates with what the steps so far have left behind. [`Document`] with its values does it; tests have
/// their own.
pub trait Resolve: Send + Sync {
    /// The runbook with `outputs` filled in.
    ///
    /// # Errors
    /// Every setting that is wrong once it is filled in.
    fn resolve(&self, outputs: &Outputs) -> Result<Runbook, Problems>;
}

/// A document with the values that fill it.
struct Filled {
    document: Document,
    values: Values,
    target: TargetFacts,
}

impl Resolve for Filled {
    fn resolve(&self, outputs: &Outputs) -> Result<Runbook, Problems> {
        self.document.resolve(&self.values, &self.target, outputs)
    }
}

/// All that a driver needs.
#[allow(dead_code, reason = "the driver that reads them comes with the next commit")]
pub struct Setup {
    dir: RunDir,
    runbook: Arc<dyn Resolve>,
    target: Address,
    secrets: Secrets,
    actions: Arc<dyn Actions>,
    inspect: Arc<dyn Inspect>,
    options: Options,
}

/// Why a run cannot be driven.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The journal is locked or broken.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// The journal makes no sense.
    #[error(transparent)]
    BadEntry(#[from] super::recover::BadEntry),
    /// The runbook cannot be resolved.
    #[error("{0}")]
    Runbook(Problems),
    /// The run was made for another target.
    #[error(
        "run {run} goes to {journaled}, but the address given now is {given}; \
         set it to the former one, or begin another run"
    )]
    OtherTarget {
        /// The run.
        run: String,
        /// What the journal says.
        journaled: String,
        /// What was given.
        given: String,
    },
}

/// Drives one run.
pub struct Driver {
    setup: Setup,
}

impl Driver {
    /// Opens the run's journal for this process, takes up what it holds, and gives the driver with the handle to it. Nothing is done
    /// before [`super::Command::Start`] (or a rollback) comes.
    ///
    /// # Errors
    /// When somebody else drives the run, or its journal or its runbook cannot be read.
    pub fn new(setup: Setup) -> Result<(Self, Handle), DriverError> {
        setup.dir.open()?;
        Err(DriverError::OtherTarget { run: setup.dir.id().to_owned(), journaled: String::new(), given: String::new() })
    }

    /// Drives the run to its end. The front end learns everything through the handle; this is to be spawned.
    pub async fn run(self) -> Ending {
        drop(self.setup);
        Ending { ended: super::Ended::Interrupted, broken: None }
    }
}

impl Setup {
    /// A run of `document` in `dir`.
    #[must_use]
    pub fn new(
        dir: RunDir,
        document: Document,
        values: Values,
        target: Address,
        actions: Arc<dyn Actions>,
        inspect: Arc<dyn Inspect>,
        options: Options,
    ) -> Self {
        let secrets = Secrets::new(values.secrets().cloned());
        let facts = TargetFacts {
            host: target.host(),
            port: target.port(),
            database: target.database().to_owned(),
            user: target.user().to_owned(),
        };
        let runbook = Arc::new(Filled { document, values, target: facts });
        Self { dir, runbook, target, secrets, actions, inspect, options }
    }
}
