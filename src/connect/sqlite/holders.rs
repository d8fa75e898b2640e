//! Who has the source open, as far as this host's `/proc` shows.

use super::files::{SET, beside};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A process that has one of the source's files open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its name (`/proc/PID/comm`).
    pub command: String,
    /// Whether it may write.
    pub writes: bool,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// By process id; this process is left out.
    pub list: Vec<Holder>,
    /// Processes that could not be looked into: other users', when we are not root.
    pub unseen: usize,
}

impl Holders {
    /// Those that may write.
    pub fn writers(&self) -> impl Iterator<Item = &Holder> {
        self.list.iter().filter(|holder| holder.writes)
    }

    /// `grafana (4711)`, separated by commas; says so when there is nobody or not everybody could be seen.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words: Vec<String> =
            self.writers().map(|holder| format!("{} (process {})", holder.command, holder.pid)).collect();
        if words.is_empty() {
            words.push("nobody that is seen here".to_owned());
        }
        if self.unseen > 0 {
            words.push(format!("{} processes of other users could not be looked into", self.unseen));
        }
        words.join(", ")
    }
}

/// Looks through `/proc` for processes that have the database or one of its companions open. Sees only this host's (this
/// container's) processes.
#[must_use]
pub fn holders(source: &Path) -> Holders {
    let real = fs::canonicalize(source).unwrap_or_else(|_| source.to_owned());
    let wanted: Vec<(u64, u64)> = SET
        .iter()
        .chain(&["-shm"])
        .filter_map(|suffix| fs::metadata(beside(&real, suffix)).ok())
        .map(|metadata| (metadata.dev(), metadata.ino()))
        .collect();
    let mut found = BTreeMap::new();
    let mut unseen = 0;
    for pid in fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| pid(&entry)) {
        match writes(pid, &wanted) {
            Ok(Some(writes)) => {
                found.insert(pid, writes);
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => unseen += 1,
            _ => {}
        }
    }
    let list = found.into_iter().map(|(pid, writes)| Holder { pid, command: command(pid), writes }).collect();
    Holders { list, unseen }
}

fn pid(entry: &fs::DirEntry) -> Option<u32> {
    let pid = entry.file_name().to_str()?.parse().ok()?;
    (pid != std::process::id()).then_some(pid)
}

fn command(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "a process".to_owned(), |name| name.trim().to_owned())
}

/// Whether `pid` has one of the files open, and if so whether for writing.
fn writes(pid: u32, wanted: &[(u64, u64)]) -> std::io::Result<Option<bool>> {
    let mut found = None;
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if wanted.contains(&(metadata.dev(), metadata.ino())) {
            let number = entry.file_name();
            let info =
                fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", number.to_string_lossy())).unwrap_or_default();
            found = Some(found.unwrap_or(false) || may_write(&info));
        }
    }
    Ok(found)
}

/// The `flags:` of fdinfo are octal; the last two bits are the access mode (proc(5)).
fn may_write(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
    flags.is_none_or(|flags| flags & 0o3 != 0)
}
