//! Takes up a run: makes its first entry, or recovers what its journal holds.

use super::Driver;
use super::claim::{Claiming, Claims, DatabaseClaims};
use super::closing::Closing;
use super::context::{Filled, Resolve, Workshop};
use super::live::Live;
use super::recorder::Recorder;
use super::scribe::{Scribe, append};
use crate::action::{Actions, Secrets};
use crate::connect::kubernetes::Cluster;
use crate::connect::postgres::Address;
use crate::engine::event::{Event, Labels, Operator, Recorded, RunCreated, StepPlan};
use crate::engine::fold::Fold;
use crate::engine::handle::Handle;
use crate::engine::machine::{Machine, Rules};
use crate::engine::recording::{Recording, lived};
use crate::engine::recover::{BadEntry, read_event};
use crate::engine::runs::{Durations, RunDir};
use crate::engine::snapshot::LogLine;
use crate::evidence::Description;
use crate::inspect::Inspect;
use crate::journal::{Journal, JournalError};
use crate::runbook::{Document, Gate, Problems, Runbook, Step, StepId, TargetFacts, Values};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};

/// How a run is driven.
#[derive(Clone, Debug)]
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
    /// What steps took when this runbook was last carried out and taken back: an estimate where nothing better is known.
    pub expected: Durations,
    /// How long work may take to stop when it is asked to; after that it is cut off, as a kill would.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            yes: false,
            attended: false,
            until: None,
            production: false,
            expected: Durations::default(),
            grace: Duration::from_secs(20),
        }
    }
}

/// All that a driver needs.
pub struct Setup {
    dir: RunDir,
    runbook: Arc<dyn Resolve>,
    target: Address,
    cluster: Option<Arc<Cluster>>,
    secrets: Secrets,
    actions: Arc<dyn Actions>,
    inspect: Arc<dyn Inspect>,
    claims: Arc<dyn Claims>,
    options: Options,
    closing: Option<Arc<dyn Closing>>,
    journal: Option<Box<dyn Journal>>,
}

/// Why a run cannot be driven.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The journal is locked or broken.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal makes no sense.
    #[error(transparent)]
    BadEntry(#[from] BadEntry),
    /// The runbook cannot be resolved.
    #[error("{0}")]
    Runbook(Problems),
    /// The run was made from another text.
    #[error(
        "run {run} was begun with another text of {file}; a run goes on with the text that its journal holds, \
         begin another run for the new one"
    )]
    OtherRunbook {
        /// The run.
        run: String,
        /// The runbook's file.
        file: String,
    },
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
        let secrets = Secrets::new(values.secrets().cloned().chain(target.secrets()));
        let facts = TargetFacts {
            host: target.host(),
            port: target.port(),
            database: target.database().to_owned(),
            user: target.user().to_owned(),
        };
        let runbook = Arc::new(Filled { document, values, target: facts });
        Self { secrets, ..Self::of(dir, runbook, target, actions, inspect, options) }
    }

    /// A run of whatever `runbook` resolves to.
    #[must_use]
    pub fn of(
        dir: RunDir,
        runbook: Arc<dyn Resolve>,
        target: Address,
        actions: Arc<dyn Actions>,
        inspect: Arc<dyn Inspect>,
        options: Options,
    ) -> Self {
        let secrets = Secrets::default();
        let claims = Arc::new(DatabaseClaims);
        Self {
            dir,
            runbook,
            target,
            cluster: None,
            secrets,
            actions,
            inspect,
            claims,
            options,
            closing: None,
            journal: None,
        }
    }

    /// The cluster that the service runs on.
    #[must_use]
    pub fn on_cluster(self, cluster: Option<Arc<Cluster>>) -> Self {
        Self { cluster, ..self }
    }

    /// What is done before the journal says that the run has ended.
    #[must_use]
    pub fn closing(self, closing: Option<Arc<dyn Closing>>) -> Self {
        Self { closing, ..self }
    }

    /// Keeps the run's entries in `journal` instead of the run's directory: for tests.
    #[must_use]
    pub fn with_journal(self, journal: Box<dyn Journal>) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Has the target claimed by `claims`: for tests without one.
    #[must_use]
    pub fn with_claims(self, claims: Arc<dyn Claims>) -> Self {
        Self { claims, ..self }
    }
}

impl Driver {
    /// Opens the run's journal for this process, takes up what it holds, and gives the driver with the handle to it. Nothing is
    /// done before [`crate::engine::Command::Start`], or another command that begins something, comes.
    ///
    /// # Errors
    /// When somebody else drives the run, or its journal or its runbook cannot be read.
    pub fn new(setup: Setup) -> Result<(Self, Handle), DriverError> {
        let Setup { dir, runbook, target, cluster, secrets, actions, inspect, claims, options, closing, journal } =
            setup;
        let mut journal: Box<dyn Journal> = match journal {
            Some(journal) => journal,
            None => Box::new(dir.open()?),
        };
        let run_dir = dir.path().display().to_string();
        let workshop = Workshop { dir, runbook, target: Arc::new(target), cluster, secrets, actions, inspect };
        let (fold, log) = take_up(&workshop, journal.as_mut(), options.production)?;
        let rules = Rules { yes: options.yes, attended: options.attended, until: options.until };
        let machine = Machine::new(fold.run().clone(), rules, Operator::here());
        let (wishes, incoming) = mpsc::unbounded_channel();
        let (snapshots, watching) = watch::channel(Arc::default());
        let (ended, ending) = watch::channel(None);
        let recorded = broadcast::channel(1024).0;
        let handle = Handle { snapshots: watching, wishes, recorded: recorded.clone(), ended: ending };
        let driver = Self {
            claiming: Claiming::new(claims),
            closing,
            descriptions: describe_all(&workshop, &fold),
            workshop,
            scribe: Scribe::new(journal),
            machine,
            fold,
            live: Live::resumed(log, Recorder::open(Path::new(&run_dir))),
            effects: VecDeque::new(),
            work: None,
            inquiry: None,
            queries: VecDeque::new(),
            data: Arc::default(),
            refusal: None,
            finish: None,
            expected: options.expected,
            grace: options.grace,
            run_dir,
            wishes: incoming,
            snapshots,
            recorded,
            ended,
        };
        driver.publish();
        Ok((driver, handle))
    }
}

/// The run so far, with this process's entry in it, and its log.
fn take_up(
    workshop: &Workshop,
    journal: &mut dyn Journal,
    production: bool,
) -> Result<(Fold, VecDeque<LogLine>), DriverError> {
    let mut fold = Fold::default();
    let mut entries = Vec::new();
    for entry in journal.entries()? {
        let recorded = read_event(entry.seq, entry.at, entry.body)?;
        fold.apply(&recorded)?;
        entries.push(recorded);
    }
    if fold.run().steps().is_empty() && fold.snapshot().started.is_none() {
        let created = create(workshop, &fold, production)?;
        fold.apply(&append(journal, Event::RunCreated(Box::new(created)))?)?;
    } else {
        same_runbook(workshop, journal)?;
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let started = Event::ProcessStarted { operator: Operator::here(), pid: std::process::id(), version };
    fold.apply(&append(journal, started)?)?;
    Ok((fold, Recording::of(entries, lived(workshop.dir.path())).log()))
}

fn same_runbook(workshop: &Workshop, journal: &dyn Journal) -> Result<(), DriverError> {
    let Some(first) = journal.entries()?.into_iter().next() else { return Ok(()) };
    if let Recorded { event: Event::RunCreated(created), .. } = read_event(first.seq, first.at, first.body)? {
        let origin = workshop.runbook.origin();
        if origin.text != created.runbook_text {
            return Err(DriverError::OtherRunbook { run: created.run, file: created.runbook_file });
        }
    }
    Ok(())
}

fn create(workshop: &Workshop, fold: &Fold, production: bool) -> Result<RunCreated, DriverError> {
    let runbook = workshop.runbook(fold).map_err(DriverError::Runbook)?;
    let origin = workshop.runbook.origin();
    let steps = runbook.steps.iter().map(|step| plan(workshop, fold, step)).collect::<Result<_, _>>()?;
    Ok(RunCreated {
        run: workshop.dir.id().to_owned(),
        runbook_file: origin.file,
        runbook_text: origin.text,
        values: origin.values,
        labels: labels(&runbook, workshop, production),
        operator: Operator::here(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        steps,
        point_of_no_return: runbook.point_of_no_return.clone(),
        downtime_budget: runbook.downtime_budget.map(|budget| budget.as_secs_f64()),
    })
}

/// Where the service runs is what the operator named, whatever the runbook says.
fn labels(runbook: &Runbook, workshop: &Workshop, production: bool) -> Labels {
    let place = workshop.cluster.as_ref().map(|cluster| cluster.place().to_string());
    Labels {
        runbook: runbook.name.clone(),
        source: runbook.source.label(),
        target: workshop.target.label(),
        place: place.unwrap_or_else(|| runbook.service.place.clone()),
        production,
    }
}

fn plan(workshop: &Workshop, fold: &Fold, step: &Step) -> Result<StepPlan, DriverError> {
    let bench = workshop.silent_bench(fold, &step.id).map_err(DriverError::Runbook)?;
    let description = bench.map(|bench| bench.action.describe(&bench.context)).unwrap_or_default();
    Ok(StepPlan {
        id: step.id.clone(),
        action: kind(step),
        note: step.note.clone(),
        gate: gate(step, &description),
        downtime: step.downtime,
        description,
    })
}

/// A step that changes something and cannot be taken back asks before it starts, whatever the runbook says.
fn gate(step: &Step, description: &Description) -> Gate {
    match &step.gate {
        Gate::None if description.changes && !description.reversible => Gate::Confirm,
        gate => gate.clone(),
    }
}

/// The `action:` of the step's YAML.
fn kind(step: &Step) -> String {
    let written = serde_json::to_value(&step.settings).unwrap_or_default();
    written.get("action").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned()
}

/// What each step says of itself now, which may be more than when the run was made. Steps that cannot be described keep what they
/// said then.
fn describe_all(workshop: &Workshop, fold: &Fold) -> Vec<(StepId, Description)> {
    let describe = |id: &StepId| {
        let bench = workshop.silent_bench(fold, id).ok().flatten()?;
        Some((id.clone(), bench.action.describe(&bench.context)))
    };
    fold.run().steps().iter().filter_map(|step| describe(&step.id)).collect()
}
