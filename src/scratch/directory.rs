//! Temporary directories that carry their owner's process id, so that what a killed process left behind can be told from what is
//! in use.

use std::path::PathBuf;

/// A name below the system's temporary directory that nothing has yet: `PREFIX` + process id + `-` + moment.
#[must_use]
pub fn temporary(prefix: &str) -> PathBuf {
    let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    std::env::temp_dir().join(format!("{prefix}{}-{moment:x}", std::process::id()))
}

/// Removes the directories of this prefix whose process is gone.
pub fn sweep(prefix: &str) {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(prefix)?.split('-').next()?.parse::<i32>().ok());
        if owner.is_some_and(|pid| !is_alive(pid)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether there is such a process.
pub(super) fn is_alive(pid: i32) -> bool {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
}
