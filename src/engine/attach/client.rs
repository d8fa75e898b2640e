//! The other terminal's end: a handle like the driving process's own.

use super::SocketPath;
use super::wire::{Asked, Last, PROTOCOL, Told, receive, send};
use crate::engine::event::Ended;
use crate::engine::handle::{Ending, Handle, Wishes};
use crate::engine::recording::Recording;
use crate::engine::runs::{RunDir, RunsError};
use crate::engine::snapshot::{Helm, Snapshot};
use std::io;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{broadcast, mpsc, watch};

/// A process that is gone has left the run where its journal says.
const GONE: Ending = Ending { ended: Ended::Interrupted, broken: None };

/// Why nothing can be seen of a run that is being driven.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// No process drives it: its journal is all there is.
    #[error("no process drives run {0}")]
    Nobody(String),
    /// The driving process is of another version.
    #[error(
        "run {run} is driven by cutover {version}, which speaks to other terminals in another way; attach with that version"
    )]
    OtherVersion {
        /// The run.
        run: String,
        /// The driving process's version.
        version: String,
    },
    /// The socket failed.
    #[error("attaching to run {run} through its socket: {source}; `cutover status {run}` reads its journal instead")]
    Io {
        /// The run.
        run: String,
        /// What came back.
        source: io::Error,
    },
}

/// Comes in to a run that is being driven. `who` is what other terminals read of this one; with `helm` it answers the run's questions
/// from its first snapshot on, unless somebody else does.
///
/// # Errors
/// When nobody drives the run, or its process cannot be understood.
pub async fn connect(dir: &RunDir, who: &str, helm: bool) -> Result<Handle, AttachError> {
    let run = dir.id().to_owned();
    let failed = |source| AttachError::Io { run: run.clone(), source };
    let socket = SocketPath::of(dir).map_err(failed)?;
    let stream = UnixStream::connect(&socket.path).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AttachError::Nobody(run.clone()),
        _ => failed(error),
    })?;
    let (mut reader, mut writer) = stream.into_split();
    send(&mut writer, &Asked::Hello { who: who.to_owned(), helm }).await.map_err(failed)?;
    match receive(&mut reader).await.map_err(failed)? {
        Some(Told::Hello { protocol: PROTOCOL, .. }) => {}
        Some(Told::Hello { version, .. }) => return Err(AttachError::OtherVersion { run, version }),
        _ => return Err(AttachError::Nobody(run)),
    }
    let mut last = Last::default();
    let first = match receive(&mut reader).await.map_err(failed)? {
        Some(Told::News(news)) => last.with(*news),
        _ => return Err(AttachError::Nobody(run)),
    };
    let (snapshots, watching) = watch::channel(first);
    let (ended, ending) = watch::channel(None);
    let (wishes, wished) = mpsc::unbounded_channel();
    let handle = Handle { snapshots: watching, wishes, recorded: broadcast::channel(1).0, ended: ending };
    tokio::spawn(pass_on(wished, writer));
    tokio::spawn(follow(reader, last, snapshots, ended, dir.clone()));
    Ok(handle)
}

/// A run that nobody drives, as its journal tells it. Nothing of it changes, and it obeys nothing.
///
/// # Errors
/// When the journal cannot be read.
pub fn past(dir: &RunDir) -> Result<Handle, RunsError> {
    let snapshot = last_of(dir)?;
    let (_, watching) = watch::channel(Arc::new(snapshot));
    let (_, ending) = watch::channel(Some(GONE));
    let (wishes, _) = mpsc::unbounded_channel();
    Ok(Handle { snapshots: watching, wishes, recorded: broadcast::channel(1).0, ended: ending })
}

fn last_of(dir: &RunDir) -> Result<Snapshot, RunsError> {
    let told = dir.snapshot()?;
    let log = Recording::read(dir)?.log();
    Ok(Snapshot { log, helm: Helm::Past, ..told })
}

async fn pass_on(mut wishes: mpsc::UnboundedReceiver<Wishes>, mut writer: OwnedWriteHalf) {
    while let Some(wish) = wishes.recv().await {
        let asked = match wish {
            Wishes::Command(command) => Asked::Command(command),
            Wishes::Query(query) => Asked::Query(query),
            Wishes::Helm => Asked::Helm,
            Wishes::Terminal(_, answer) => {
                // A terminal does not travel between processes; one that has given up waiting needs no answer.
                let _ = answer.send(Err("open it in the terminal that drives the run".to_owned()));
                continue;
            }
        };
        if send(&mut writer, &asked).await.is_err() {
            return; // the reader's end says what has become of the run
        }
    }
}

/// Publishes what the driving process tells; when it is gone, what the journal says last.
async fn follow(
    mut reader: OwnedReadHalf,
    mut last: Last,
    snapshots: watch::Sender<Arc<Snapshot>>,
    ended: watch::Sender<Option<Ending>>,
    dir: RunDir,
) {
    let mut ending = None;
    loop {
        match receive(&mut reader).await {
            Ok(Some(Told::News(news))) => {
                snapshots.send_replace(last.with(*news));
            }
            Ok(Some(Told::Ended(how))) => ending = Some(how),
            Ok(Some(Told::Hello { .. })) => {}
            Ok(None) | Err(_) => break,
        }
    }
    let read = tokio::task::spawn_blocking(move || last_of(&dir)).await;
    let now = snapshots.borrow().clone();
    let left = match read {
        Ok(Ok(told)) => Snapshot { data: now.data.clone(), cluster: now.cluster.clone(), ..told },
        _ => Snapshot { helm: Helm::Past, ..(*now).clone() },
    };
    snapshots.send_replace(Arc::new(left));
    ended.send_replace(Some(ending.unwrap_or(GONE)));
}
