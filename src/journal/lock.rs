//! One writer at a time: an operating system's lock on a file, which goes when its process goes, however that ends; and beside it
//! a note of who holds it, so that a second operator learns whom to ask.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Who drives a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Login name.
    pub user: String,
    /// Host name.
    pub host: String,
    /// Process id on that host.
    pub pid: u32,
    /// Since when.
    pub since: jiff::Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = self.since.strftime("%Y-%m-%d %H:%M:%S UTC");
        write!(f, "{}@{}, process {}, since {since}", self.user, self.host, self.pid)
    }
}

/// The lock, as long as it lives.
#[derive(Debug)]
pub struct Lock {
    note: PathBuf,
    _file: Flock<File>,
}

/// Why there is no lock.
#[derive(Debug)]
pub enum LockError {
    /// Somebody else has it; none when the note could not be read.
    Held(Option<Holder>),
    /// The files could not be opened or written.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock of a run's directory for `holder`.
    ///
    /// # Errors
    /// When somebody else has it, or the directory cannot be written.
    pub fn take(directory: &Path, holder: &Holder) -> Result<Self, LockError> {
        let file = Flock::lock(open(directory).map_err(LockError::Io)?, FlockArg::LockExclusiveNonblock);
        let file = file.map_err(|(_, errno)| match errno {
            Errno::EWOULDBLOCK => LockError::Held(read_note(directory)),
            other => LockError::Io(other.into()),
        })?;
        let note = directory.join("holder");
        write_note(&note, holder).map_err(LockError::Io)?;
        Ok(Self { note, _file: file })
    }

    /// Who holds the lock of a run's directory now; none when nobody does. Takes nothing.
    #[must_use]
    pub fn holder(directory: &Path) -> Option<Holder> {
        let file = File::open(directory.join("lock")).ok()?;
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => None,
            Err(_) => Some(read_note(directory).unwrap_or_else(Holder::unknown)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The note only explains the lock; one that stays behind misleads nobody, since it is read only when the lock is held.
        let _ = std::fs::remove_file(&self.note);
    }
}

impl Holder {
    fn unknown() -> Self {
        Self {
            user: "somebody".to_owned(),
            host: "another host".to_owned(),
            pid: 0,
            since: jiff::Timestamp::UNIX_EPOCH,
        }
    }
}

fn open(directory: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(directory.join("lock"))
}

fn write_note(path: &Path, holder: &Holder) -> io::Result<()> {
    crate::crash::point("journal.holder.before");
    std::fs::write(path, serde_json::to_vec(holder)?)?;
    crate::crash::point("journal.holder.after");
    Ok(())
}

fn read_note(directory: &Path) -> Option<Holder> {
    serde_json::from_slice(&std::fs::read(directory.join("holder")).ok()?).ok()
}
