//! A run on more than one terminal: through a socket in the run's directory, which only its owner can open, others watch what one
//! drives, and answer for it when it is gone.
//!
//! The process that drives a run keeps a [`Door`] open. Whoever comes in ([`connect`]) holds the same [`Handle`](super::Handle) as a terminal of the
//! driving process would: it gets snapshots, and its commands are obeyed for as long as it is at the helm ([`Helm`](super::snapshot::Helm)). There
//! is one helm. It stays with the driving process's own terminal where it has one; otherwise it is given to the first who asks, and is
//! free again when that one goes.

mod client;
mod door;
mod wire;

pub use client::{AttachError, connect, past};
pub use door::{Door, Keeper};

use super::runs::RunDir;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

/// The socket's name in the run's directory.
const SOCKET: &str = "attach";

/// The longest path that `bind` and `connect` take, in bytes (`sun_path` of unix(7), less the zero at its end).
const LONGEST: usize = 107;

/// Where the socket is, for `bind` and `connect`, whose addresses are short: a long directory is named by an open file of it instead,
/// which has to live as long as the address is used.
struct SocketPath {
    path: PathBuf,
    _directory: Option<File>,
}

impl SocketPath {
    fn of(dir: &RunDir) -> io::Result<Self> {
        let path = dir.path().join(SOCKET);
        if path.as_os_str().len() <= LONGEST {
            return Ok(Self { path, _directory: None });
        }
        let directory = File::open(dir.path())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()));
        Ok(Self { path, _directory: Some(directory) })
    }
}
