//! Temporary directories that their owner keeps locked, so that what a killed process left behind can be told from what is in use: a lock
//! ends with its process, whatever number that had, and in whichever namespace of process numbers.

use nix::unistd::Pid;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Error};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Stands where older versions, which sweep too, look for a process number.
const MARK: &str = "locked-";
/// Others may sweep a directory between its making and its locking; nobody is that unlucky so often.
const TRIES: usize = 8;

/// A directory of mode 0700 that goes when this is dropped.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
    _lock: File,
}

impl Temporary {
    /// Makes one below the system's temporary directory, and removes those of this prefix whose process was killed. A prefix is no
    /// beginning of another's.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub fn new(prefix: &str) -> io::Result<Self> {
        sweep(prefix);
        for _ in 0..TRIES {
            let path = fresh(prefix);
            DirBuilder::new().mode(0o700).create(&path)?;
            if let Some(lock) = held(&path)? {
                return Ok(Self { path, _lock: lock });
            }
        }
        Err(Error::other("others remove it each time"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A name that nothing has yet.
fn fresh(prefix: &str) -> PathBuf {
    let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    std::env::temp_dir().join(format!("{prefix}{MARK}{}-{moment:x}", std::process::id()))
}

/// The lock of the directory at this path; none when another has it, or it is gone.
fn held(path: &Path) -> io::Result<Option<File>> {
    let Ok(file) = File::open(path) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let still = fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino()));
    Ok(still.then_some(file))
}

/// Removes the directories of this prefix that nobody holds.
fn sweep(prefix: &str) {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let ours = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with(&format!("{prefix}{MARK}")));
        if ours(&entry.file_name())
            && let Ok(Some(_lock)) = held(&entry.path())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether there is such a process.
pub(super) fn is_alive(pid: i32) -> bool {
    nix::sys::signal::kill(Pid::from_raw(pid), None).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "cutover-unit-test-";

    #[test]
    fn what_is_held_stays_and_what_a_killed_process_left_goes() {
        let held = Temporary::new(PREFIX).unwrap();
        fs::write(held.path().join("file"), "").unwrap();
        let left = fresh(PREFIX);
        fs::create_dir(&left).unwrap();
        let another = Temporary::new(PREFIX).unwrap();
        assert!(held.path().join("file").exists() && another.path().exists() && !left.exists());
        let path = held.path().to_owned();
        drop(held);
        assert!(!path.exists());
    }
}
