//! A driver on a bench: its journal in memory, its world at hand, and waits that end.

use crate::fakes::{FakeActions, FakeClaims, FakeRunbook, NoInspect, Shared, World, cutover_steps, runbook};
use cutover::connect::postgres::Address;
use cutover::engine::recover::read_event;
use cutover::engine::runs::Runs;
use cutover::engine::snapshot::{RunState, Snapshot, Status};
use cutover::engine::{Command, Driver, DriverError, Ending, Handle, Options, Recorded, Setup};
use cutover::journal::{Journal as _, MemoryJournal};
use cutover::runbook::{Runbook, Step};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub struct Rig {
    pub world: Shared,
    pub journal: MemoryJournal,
    pub runbook: Runbook,
    pub options: Options,
    pub system: &'static str,
    pub address: &'static str,
    pub held_by: Option<&'static str>,
    pub text: String,
    home: TempDir,
}

impl Rig {
    pub fn new() -> Self {
        Self::with(cutover_steps())
    }

    pub fn with(steps: Vec<Step>) -> Self {
        Self {
            world: World::shared(),
            journal: MemoryJournal::default(),
            runbook: runbook(steps),
            options: Options { attended: true, ..Options::default() },
            system: "1",
            address: "postgres://app@localhost/app",
            held_by: None,
            text: "the runbook".to_owned(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub fn unattended(mut self) -> Self {
        self.options.attended = false;
        self
    }

    /// Another process takes the run up.
    pub fn try_open(&self) -> Result<Handle, DriverError> {
        let dir = Runs::at(self.home.path()).create("fake", jiff::Timestamp::now()).unwrap();
        let runbook = FakeRunbook { world: self.world.clone(), runbook: self.runbook.clone(), text: self.text.clone() };
        let setup = Setup::of(
            dir,
            Arc::new(runbook),
            Address::parse(self.address).unwrap(),
            Arc::new(FakeActions(self.world.clone())),
            Arc::new(NoInspect),
            self.options.clone(),
        );
        let claims = FakeClaims { system: self.system, held_by: self.held_by };
        Driver::spawn(setup.with_journal(Box::new(self.journal.clone())).with_claims(Arc::new(claims)))
    }

    pub fn open(&self) -> Handle {
        self.try_open().unwrap()
    }

    /// Starts and lets it go on until nobody is needed any more.
    pub async fn run(&self) -> Ending {
        let handle = self.open();
        handle.send(Command::Start);
        ended(&handle).await
    }

    pub fn recorded(&self) -> Vec<Recorded> {
        let entries = self.journal.entries().unwrap();
        entries.into_iter().map(|entry| read_event(entry.seq, entry.at, entry.body).unwrap()).collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.recorded().iter().map(|entry| entry.event.name().to_owned()).collect()
    }

    pub fn calls(&self) -> Vec<String> {
        self.world.lock().unwrap().calls.clone()
    }

    pub fn calls_of(&self, call: &str) -> usize {
        self.world.lock().unwrap().calls_of(call)
    }
}

/// Waits for the end, but not for ever.
pub async fn ended(handle: &Handle) -> Ending {
    let waited = tokio::time::timeout(Duration::from_secs(20), handle.finished()).await;
    waited.unwrap_or_else(|_| panic!("the driver does not end: {:#?}", handle.snapshot()))
}

/// Waits until the snapshot is as wanted, but not for ever.
pub async fn until(handle: &Handle, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let mut snapshots = handle.snapshots();
    let found = tokio::time::timeout(Duration::from_secs(20), snapshots.wait_for(|snapshot| wanted(snapshot))).await;
    match found {
        Ok(Ok(snapshot)) => snapshot.clone(),
        _ => panic!("waited in vain for: {what}; the run is {:#?}", handle.snapshot()),
    }
}

pub async fn until_state(handle: &Handle, state: RunState) -> Arc<Snapshot> {
    until(handle, &format!("{state:?}"), |snapshot| snapshot.state == state).await
}

pub async fn until_status(handle: &Handle, step: &str, status: Status) -> Arc<Snapshot> {
    until(handle, &format!("{step} {status:?}"), |snapshot| status_of(snapshot, step) == status).await
}

pub fn status_of(snapshot: &Snapshot, step: &str) -> Status {
    snapshot.steps.iter().find(|view| view.id == step).unwrap().status
}
