//! The thread that owns the server process.
//!
//! The kernel sends a child its death signal when the *thread* that made it ends, not the process. A server started on a
//! test's thread would end with that test; so one thread makes the process, waits for it, and lives as long as it.

use super::ScratchError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::thread::JoinHandle;

/// A running process and the thread that waits for it.
pub(super) struct Keeper {
    pid: Pid,
    thread: Option<JoinHandle<std::io::Result<ExitStatus>>>,
}

impl Keeper {
    pub(super) fn start(mut command: Command) -> Result<Self, ScratchError> {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let spawned = command.spawn();
            match spawned {
                Ok(mut child) => {
                    let _ = sender.send(Ok(child.id()));
                    child.wait()
                }
                Err(error) => {
                    let _ = sender.send(Err(error.to_string()));
                    Err(error)
                }
            }
        });
        let failed = |reason| ScratchError::Program { program: "postgres", reason };
        let id = receiver.recv().map_err(|error| failed(error.to_string()))?.map_err(failed)?;
        Ok(Self { pid: Pid::from_raw(id.cast_signed()), thread: Some(thread) })
    }

    pub(super) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Immediate shutdown: the data is thrown away or recovers from its log.
    pub(super) fn stop(&mut self, signal: Signal) {
        if self.is_running() {
            let _ = kill(self.pid, signal);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
