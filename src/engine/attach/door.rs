//! The driving process's end: who comes in, who is at the helm, and what each is told.

use super::SocketPath;
use super::wire::{Asked, Last, PROTOCOL, Told, receive, send};
use crate::engine::handle::Handle;
use crate::engine::runs::RunDir;
use crate::engine::snapshot::Helm;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// How long those who watch may take to read the end.
const FAREWELL: Duration = Duration::from_millis(500);

/// The shortest time between two snapshots for one watcher.
const PACE: Duration = Duration::from_millis(33);

/// How long a guest who came for the helm still gets it when it becomes free: the end of a line that was lost is noticed a moment
/// after its operator has come back on another.
const COMES_BACK: Duration = Duration::from_secs(5);

/// Who has the helm when the door opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// The driving process's own terminal, or its command line; it keeps it to the end.
    Here(String),
    /// Nobody: the first who asks gets it.
    Nobody,
}

/// The open socket; closed and removed when dropped.
pub struct Door {
    path: PathBuf,
    helm: AtHelm,
    listening: Option<JoinHandle<()>>,
}

/// Who is at the helm: a number per connection, and a name for people.
type AtHelm = watch::Sender<Option<(u64, String)>>;

/// The number of the driving process itself.
const SELF: u64 = 0;

impl Door {
    /// Opens the door of the run that this process drives.
    ///
    /// # Errors
    /// When the socket cannot be made in the run's directory.
    pub fn open(dir: &RunDir, handle: &Handle, keeper: Keeper) -> io::Result<Self> {
        let socket = SocketPath::of(dir)?;
        // Whoever drives the run holds its lock: what lies here is of a process that is gone.
        let _ = fs::remove_file(&socket.path);
        let listener = UnixListener::bind(&socket.path)?;
        fs::set_permissions(&socket.path, Permissions::from_mode(0o600))?;
        let helm = match keeper {
            Keeper::Here(who) => watch::Sender::new(Some((SELF, who))),
            Keeper::Nobody => watch::Sender::new(None),
        };
        let listening = tokio::spawn(listen(listener, handle.clone(), helm.clone()));
        Ok(Self { path: dir.path().join(super::SOCKET), helm, listening: Some(listening) })
    }

    /// Waits until nobody is at the helm.
    pub async fn helm_is_free(&self) {
        // The sender is this door's own: it outlives the wait.
        let _ = self.helm.subscribe().wait_for(Option::is_none).await;
    }

    /// Tells those who watch how the run ended, and closes. To be called when the driver has ended.
    pub async fn close(mut self) {
        if let Some(mut listening) = self.listening.take()
            && tokio::time::timeout(FAREWELL, &mut listening).await.is_err()
        {
            listening.abort();
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
        // One that cannot be removed is removed by the next process that drives the run.
        let _ = fs::remove_file(&self.path);
    }
}

async fn listen(listener: UnixListener, handle: Handle, helm: AtHelm) {
    let mut guests = JoinSet::new();
    let mut number = SELF;
    let ended = handle.finished();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            came = listener.accept() => {
                let Ok((stream, _)) = came else { continue };
                if is_ours(&stream) {
                    number += 1;
                    guests.spawn(Guest { number, handle: handle.clone(), helm: helm.clone() }.serve(stream));
                }
            }
            Some(_) = guests.join_next() => {}
            _ = &mut ended => break,
        }
    }
    while guests.join_next().await.is_some() {}
}

/// Whether the other end belongs to the same user; the socket's permissions say the same.
fn is_ours(stream: &UnixStream) -> bool {
    let own = nix::unistd::getuid();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own.as_raw() || own.is_root() || peer.uid() == 0)
}

/// A terminal that came in.
struct Guest {
    number: u64,
    handle: Handle,
    helm: AtHelm,
}

impl Guest {
    async fn serve(self, stream: UnixStream) {
        let (reader, mut writer) = stream.into_split();
        let mut asked = listen_to(reader);
        let Some(Asked::Hello { who, helm }) = asked.recv().await else { return };
        let wanted = helm.then(|| Instant::now() + COMES_BACK);
        let hello = Told::Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned() };
        if send(&mut writer, &hello).await.is_ok() {
            // A guest that goes without a word is no error.
            let _ = self.tell(&who, wanted, &mut asked, &mut writer).await;
        }
        self.helm.send_if_modified(|helm| {
            let mine = helm.as_ref().is_some_and(|(number, _)| *number == self.number);
            if mine {
                *helm = None;
            }
            mine
        });
    }

    /// Tells what is new until the run ends or the guest goes. Until `wanted` the guest gets the helm as soon as it is free.
    async fn tell(
        &self,
        who: &str,
        wanted: Option<Instant>,
        asked: &mut mpsc::Receiver<Asked>,
        writer: &mut (impl tokio::io::AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let mut snapshots = self.handle.snapshots();
        let mut helm = self.helm.subscribe();
        let mut last = Last::default();
        loop {
            if wanted.is_some_and(|until| Instant::now() < until) {
                self.take_helm(who);
            }
            let snapshot = snapshots.borrow_and_update().clone();
            let seen = self.seen(&helm.borrow_and_update());
            send(writer, &Told::News(Box::new(last.news(&snapshot, seen)))).await?;
            let paced = tokio::time::sleep(PACE);
            tokio::pin!(paced);
            let mut new = false;
            while !(new && paced.is_elapsed()) {
                tokio::select! {
                    changed = snapshots.changed(), if !new => match changed {
                        Ok(()) => new = true,
                        Err(_) => return self.farewell(&mut last, writer).await,
                    },
                    changed = helm.changed(), if !new => new |= changed.is_ok(),
                    () = &mut paced, if !paced.is_elapsed() => {}
                    asked = asked.recv() => match asked {
                        Some(asked) => self.obey(asked, who),
                        None => return Ok(()),
                    },
                }
            }
        }
    }

    async fn farewell(&self, last: &mut Last, writer: &mut (impl tokio::io::AsyncWrite + Unpin)) -> io::Result<()> {
        send(writer, &Told::News(Box::new(last.news(&self.handle.snapshot(), Helm::Past)))).await?;
        send(writer, &Told::Ended(self.handle.finished().await)).await
    }

    fn seen(&self, helm: &Option<(u64, String)>) -> Helm {
        match helm {
            None => Helm::Free,
            Some((number, _)) if *number == self.number => Helm::Attached,
            Some((_, who)) => Helm::Elsewhere(who.clone()),
        }
    }

    /// Gets the helm if nobody has it.
    fn take_helm(&self, who: &str) {
        self.helm.send_if_modified(|helm| {
            let free = helm.is_none();
            if free {
                *helm = Some((self.number, who.to_owned()));
            }
            free
        });
    }

    fn obey(&self, asked: Asked, who: &str) {
        let mine = self.helm.borrow().as_ref().is_some_and(|(number, _)| *number == self.number);
        match asked {
            Asked::Hello { .. } => {}
            Asked::Helm => self.take_helm(who),
            Asked::Command(command) if mine => self.handle.send(command),
            Asked::Query(query) if mine => self.handle.ask(query),
            Asked::Command(_) | Asked::Query(_) => {}
        }
    }
}

/// Reads on a task of its own: half a message is not lost when something else happens first.
fn listen_to(mut reader: OwnedReadHalf) -> mpsc::Receiver<Asked> {
    let (sender, asked) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok(Some(message)) = receive(&mut reader).await {
            if sender.send(message).await.is_err() {
                break;
            }
        }
    });
    asked
}
