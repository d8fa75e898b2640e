//! A database where only a shell reaches: in a container of a pod. Nothing is assumed there but a POSIX shell and `cat` or `dd`;
//! `stat`, `wc`, `readlink` and `sha256sum` are used where they are.
//!
//! A stream out of a pod may lose its tail and still end well
//! (<https://github.com/kubernetes/kubernetes/issues/60140>), so a file counts as arrived only by its length and by its SHA-256
//! on both ends, and a stream that was cut goes on from where it was.

mod fetch;
mod freeze;
mod script;

pub use freeze::{Heard, Manner, freeze_far};

use super::{Fingerprint, FreezeError, Holder, Holders};
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use tokio::io::AsyncRead;

/// Bytes on their way from the other end. Its end says nothing about whether all of them came.
pub type FarStream = Box<dyn AsyncRead + Send + Unpin>;

/// A shell where the database is.
#[async_trait]
pub trait Shell: Send + Sync {
    /// Runs a POSIX script to its end; what it wrote to standard output.
    async fn run(&self, script: &str) -> Result<Vec<u8>, ShellError>;

    /// Runs a script whose output is long, and gives the output as it comes.
    async fn stream(&self, script: &str) -> Result<FarStream, ShellError>;

    /// Where it is, for messages: `pod/grafana-0`.
    fn place(&self) -> String;
}

/// The other end could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ShellError {
    /// What was being done and what came back.
    pub message: String,
    /// Whether asking again is no use: there is no shell, no such pod, no right to ask.
    pub lasting: bool,
}

/// Takes the fingerprint of `path` at the other end, as [`super::fingerprint`] does on this host.
///
/// # Errors
/// When the file is not there, cannot be read, is no database, or the other end does not answer.
pub async fn fingerprint_far(shell: &dyn Shell, path: &Path) -> Result<Fingerprint, FreezeError> {
    Ok(look(shell, path).await?.fingerprint)
}

impl Fingerprint {
    /// Whether a write would show in it: without `stat` and `dd` at the other end only the contents tell.
    #[must_use]
    pub fn tells_writes(&self) -> bool {
        self.marks.get("").is_none_or(|mark| mark.inode != 0 || !mark.head.is_empty())
    }
}

/// Who has the database open, as far as the processes of its container show.
///
/// # Errors
/// When the other end does not answer.
pub async fn holders_far(shell: &dyn Shell, path: &Path) -> Result<Holders, FreezeError> {
    let answer = ask(shell, path, "looking who has it open", &script::holders(path)).await?;
    let list = answer.lines().filter_map(|line| {
        let mut words = line.strip_prefix("holder ")?.splitn(3, ' ');
        let pid = words.next()?.parse().ok()?;
        let flags = u32::from_str_radix(words.next()?, 8).ok();
        let command = words.next().unwrap_or("a process").to_owned();
        Some(Holder { pid, command, writes: flags.is_none_or(|flags| flags & 0o3 != 0) })
    });
    let mut holders = Holders::default();
    for holder in list {
        match holders.list.iter_mut().find(|known| known.pid == holder.pid) {
            Some(known) => known.writes |= holder.writes,
            None => holders.list.push(holder),
        }
    }
    Ok(holders)
}

/// Whether a process of the container holds SQLite's write lock on the database, by the kernel's list of locks.
///
/// # Errors
/// When the other end does not answer.
pub async fn in_transaction_far(shell: &dyn Shell, path: &Path) -> Result<bool, FreezeError> {
    let seen = look(shell, path).await?.fingerprint;
    let locks = ask(shell, path, "asking for locks on it", "cat /proc/locks 2>/dev/null; :").await?;
    Ok(script::write_locked(&seen, &locks))
}

/// The SQLite databases below `directories`, three levels deep.
///
/// # Errors
/// When the other end does not answer.
pub async fn find_far(shell: &dyn Shell, directories: &[String]) -> Result<Vec<PathBuf>, FreezeError> {
    let first = PathBuf::from(directories.first().map_or("/", String::as_str));
    let answer = ask(shell, &first, "looking for databases", &script::find(directories)).await?;
    let mut found: Vec<PathBuf> =
        answer.lines().filter_map(|line| line.strip_prefix("found ")).map(PathBuf::from).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// How messages name a database at the other end.
fn named(shell: &dyn Shell, path: &Path) -> PathBuf {
    PathBuf::from(format!("{}:{}", shell.place(), path.display()))
}

async fn look(shell: &dyn Shell, path: &Path) -> Result<script::Seen, FreezeError> {
    let answer = shell.run(&script::look(path)).await.map_err(|error| far("looking at", shell, path, error))?;
    script::seen(&answer, &named(shell, path))
}

async fn ask(shell: &dyn Shell, path: &Path, doing: &'static str, script: &str) -> Result<String, FreezeError> {
    let answer = shell.run(script).await.map_err(|error| far(doing, shell, path, error))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn far(doing: &'static str, shell: &dyn Shell, path: &Path, error: ShellError) -> FreezeError {
    FreezeError::Far { doing, path: named(shell, path), lasting: error.lasting, message: error.message }
}
