//! Drives a run with the screen or as lines: what `run`, `resume`, `rollback`, `copy`, `verify` and `demo` share.

use super::cluster::{Carrying, Reached};
use super::standalone::Sweep;
use super::target::{Kept, private};
use super::{Stop, config, detach, host};
use crate::action::Registry;
use crate::cli;
use crate::connect::kubernetes::Cluster;
use crate::connect::postgres::Address;
use crate::engine::attach::{Door, Keeper};
use crate::engine::runs::{RunDir, Runs};
use crate::engine::snapshot::RunState;
use crate::engine::{Closing, Command, Driver, Ended, Ending, Handle, Options, Setup, Snapshot};
use crate::headless::{self, Finished, Form, Signals, Verdict, Voice};
use crate::inspect::DatabaseInspect;
use crate::report::{html, markdown};
use crate::runbook::{Document, Outputs, StepId, TargetFacts, Values};
use crate::tui::{Left, Preferences};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A run that is about to be driven.
pub(super) struct Order {
    /// Its directory.
    pub dir: RunDir,
    /// Whether the directory was made for it just now.
    pub new: bool,
    /// Its runbook.
    pub document: Document,
    /// The runbook's values.
    pub values: Values,
    /// The target.
    pub address: Address,
    /// What is kept of the target's address.
    pub kept: Kept,
    /// The cluster that the service runs on.
    pub cluster: Option<Arc<Cluster>>,
    /// The pod that carries the connections to the target.
    pub carrying: Option<Carrying>,
    /// What the engine is told first.
    pub first: Command,
}

/// How it is driven.
#[derive(Clone, Debug, Default)]
pub(super) struct Manner {
    /// Whether the screen is opened.
    pub screen: bool,
    /// Whether the screen reacts to the mouse.
    pub mouse: bool,
    /// How lines are told.
    pub form: Form,
    /// Whether gates are passed.
    pub yes: bool,
    /// The last step.
    pub until: Option<StepId>,
    /// Whether this process drives the run without a terminal of its own, for those that attach.
    pub detached: bool,
    /// Whether a new run waits for the terminal that attaches to it to begin it.
    pub begun_by_hand: bool,
    /// Whether the run stays as it is until the operator says something: it was taken over.
    pub waits: bool,
    /// Whether the run's directory goes with the command: there is no report to read later and nothing to go on with.
    pub passing: bool,
}

impl Manner {
    /// As the command line says; the screen where a person sits at both ends.
    pub(super) fn of(drive: &cli::Drive) -> Self {
        let form = super::form(drive.output);
        let screen = form == Form::Text && !drive.headless && !drive.detached && host::has_terminal();
        let begun_by_hand = drive.detached && !drive.headless;
        Self { screen, form, yes: drive.yes, detached: drive.detached, begun_by_hand, ..Self::default() }
    }
}

/// Makes a run of a document that was resolved: a mistake in it is to leave no directory behind.
///
/// # Errors
/// When the directory cannot be made.
pub(super) fn begin(
    runs: &Runs,
    name: &str,
    (document, values): (Document, Values),
    target: impl Into<Reached>,
) -> Result<Order, Stop> {
    let reached = target.into();
    let dir = runs.create(name, jiff::Timestamp::now())?;
    reached.kept.write(dir.path())?;
    let (address, carrying) = reached.of_run(&dir)?;
    let Reached { kept, cluster, .. } = reached;
    Ok(Order { dir, new: true, document, values, address, kept, cluster, carrying, first: Command::Start })
}

/// Drives a run to its end; the exit code.
///
/// # Errors
/// When it cannot be driven at all.
pub(super) async fn drive(order: Order, manner: &Manner) -> Result<u8, Stop> {
    let Order { dir, new, document, values, address, kept, cluster, carrying, first } = order;
    let place = cluster.as_ref().map(|cluster| cluster.place().to_string()).unwrap_or_default();
    let _log = trace(dir.path());
    let preferences = match config::read() {
        Ok(preferences) => preferences,
        Err(stop) => return Err(abandon(dir, new, stop)),
    };
    let (name, mut places) = place_of(&document, &values);
    places.push(kept.label.clone());
    places.push(place);
    let options = Options {
        yes: manner.yes,
        attended: manner.screen || manner.detached,
        until: manner.until.clone(),
        production: host::is_production(&places, preferences.production.as_deref()),
        expected: dir.siblings().durations(&name),
        ..Options::default()
    };
    let sweep = Sweep::of(&document, &values, &address, &dir).map(|sweep| Arc::new(sweep) as Arc<dyn Closing>);
    let inspect = Arc::new(DatabaseInspect::new());
    let setup = Setup::new(dir.clone(), document, values, address, Arc::new(Registry), inspect, options);
    let setup = setup.on_cluster(cluster).closing(sweep);
    let (driver, handle) = match Driver::new(setup) {
        Ok(pair) => pair,
        Err(error) => return Err(abandon(dir, new, error.into())),
    };
    let door = open_door(&dir, &handle, manner);
    if manner.detached {
        detach::begun(&dir)?;
    }
    let driving = tokio::spawn(driver.run());
    let mut voice = Voice::stdout(manner.form);
    let (snapshot, ending) = if manner.screen {
        on_screen(&handle, &dir, first, manner, preferences).await?
    } else if manner.detached {
        let by_hand = manner.begun_by_hand && first == Command::Start && handle.snapshot().state == RunState::Ready;
        in_background(&handle, (!by_hand).then_some(first), door.as_ref()).await
    } else {
        headless::drive(&handle, first, &mut voice).await
    };
    leave(driving).await;
    if let Some(door) = door {
        door.close().await;
    }
    if let Some(carrying) = carrying {
        carrying.release().await;
    }
    let finished = Finished::of(&snapshot, &ending);
    voice.end(&if manner.passing {
        Finished { next: None, back: None, ..finished }
    } else {
        Finished { report: write_report(&dir, &snapshot), ..finished }
    });
    Ok(Verdict::of(&snapshot, &ending).exit)
}

/// The runbook's name, and what it says of where the service runs. One that cannot be resolved is refused by the driver in a moment.
fn place_of(document: &Document, values: &Values) -> (String, Vec<String>) {
    match document.resolve(values, &TargetFacts::default(), &Outputs::new()) {
        Ok(runbook) => {
            let service = runbook.service;
            (runbook.name, vec![service.place, service.context, service.namespace])
        }
        Err(_) => Default::default(),
    }
}

/// Lets other terminals see the run. Where that is impossible the run is none the worse.
fn open_door(dir: &RunDir, handle: &Handle, manner: &Manner) -> Option<Door> {
    let keeper = match (manner.detached, manner.screen) {
        (true, _) => Keeper::Nobody,
        (false, true) => Keeper::Here(host::this_terminal()),
        (false, false) => Keeper::Here(format!("the command line of {}", host::this_terminal())),
    };
    let opened = Door::open(dir, handle, keeper);
    opened.inspect_err(|error| tracing::warn!(%error, "other terminals cannot attach")).ok()
}

/// Lets the driver close what it holds. One that is left at a second signal is given up.
async fn leave(mut driving: tokio::task::JoinHandle<Ending>) {
    if tokio::time::timeout(CLOSING, &mut driving).await.is_err() {
        driving.abort();
    }
}

const CLOSING: Duration = Duration::from_secs(1);

/// Opens the screen. A run that has not begun waits there for the operator, who wants to see first what would be done. What the
/// screen showed is gone with it, so the end is told in lines as well.
async fn on_screen(
    handle: &Handle,
    dir: &RunDir,
    first: Command,
    manner: &Manner,
    preferences: Preferences,
) -> Result<(Arc<Snapshot>, Ending), Stop> {
    let begun = first != Command::Start || handle.snapshot().state != RunState::Ready;
    if begun && !manner.waits {
        handle.send(first);
    }
    let reporting = tokio::spawn(report_at_the_end(handle.clone(), dir.clone()));
    let options = crate::tui::Options { mouse: manner.mouse, preferences };
    let left = crate::tui::run(handle.clone(), options).await.map_err(|error| Stop::failed(error.to_string()))?;
    let mut ending = handle.finished().await;
    reporting.abort();
    if left == Left::Signal && ending.ended == Ended::Waiting {
        ending.ended = Ended::Interrupted; // nobody left it at its gate
    }
    Ok((handle.snapshot(), ending))
}

/// Drives a run for the terminals that attach to it. A signal stops it at the next safe place; a run that has ended goes on only for
/// as long as somebody is there who could still roll it back.
async fn in_background(handle: &Handle, first: Option<Command>, door: Option<&Door>) -> (Arc<Snapshot>, Ending) {
    if let Some(first) = first {
        handle.send(first);
    }
    let mut signals = Signals::listen();
    let left = left_at_its_end(handle.clone(), door);
    tokio::pin!(left);
    let mut asked = false;
    loop {
        tokio::select! {
            _ = signals.next() => handle.send(Command::Quit),
            () = &mut left, if !asked => {
                asked = true;
                handle.send(Command::Quit);
            }
            ending = handle.finished() => return (handle.snapshot(), ending),
        }
    }
}

/// Waits until the run has ended and no terminal answers for it.
async fn left_at_its_end(handle: Handle, door: Option<&Door>) {
    let mut snapshots = handle.snapshots();
    // A driver that is gone has ended, too.
    while snapshots.wait_for(|snapshot| is_over(snapshot)).await.is_ok() {
        if let Some(door) = door {
            door.helm_is_free().await;
        }
        if is_over(&snapshots.borrow_and_update()) {
            return;
        }
    }
}

fn is_over(snapshot: &Snapshot) -> bool {
    matches!(snapshot.state, RunState::Done | RunState::RolledBack)
}

/// The end card names the report: it is there as soon as the run has ended, not only when the screen has been left.
async fn report_at_the_end(handle: Handle, dir: RunDir) {
    let mut snapshots = handle.snapshots();
    while let Ok(last) = snapshots.wait_for(|snapshot| is_over(snapshot)).await.map(|last| last.clone()) {
        let dir = dir.clone();
        // Where this copy cannot be written, the one made when the screen is left may be.
        let _ = tokio::task::spawn_blocking(move || write_report(&dir, &last)).await;
        if snapshots.wait_for(|snapshot| !is_over(snapshot)).await.is_err() {
            return;
        }
    }
}

/// A run that never began leaves nothing behind.
fn abandon(dir: RunDir, new: bool, stop: Stop) -> Stop {
    if new {
        // What is left is an empty run, which `runs` shows and `forget` removes.
        let _ = dir.forget();
    }
    stop
}

/// Writes the report into the run's directory; its path. The journal has all of it, so a full disk costs only this copy.
fn write_report(dir: &RunDir, last: &Snapshot) -> Option<String> {
    let snapshot = dir.snapshot().unwrap_or_else(|_| last.clone());
    let path = dir.path().join("report.html");
    let written =
        private(&path, &html(&snapshot)).and_then(|()| private(&dir.path().join("report.md"), &markdown(&snapshot)));
    match written {
        Ok(()) => Some(path.display().to_string()),
        Err(error) => {
            tracing::warn!(%error, "the report was not written");
            None
        }
    }
}

/// Lets what the code traces go to a file in the run's directory, never to the terminal.
fn trace(directory: &Path) -> Option<PathBuf> {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let path = directory.join("log");
    private(&path, "").ok()?;
    let file = std::fs::OpenOptions::new().append(true).open(&path).ok()?;
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::sync::Mutex::new(file));
    let own = Targets::new().with_target("cutover", LevelFilter::DEBUG).with_default(LevelFilter::WARN);
    // A second run in one process goes on in the file of the first.
    tracing_subscriber::registry().with(lines).with(own).try_init().ok()?;
    Some(path)
}
