//! Whether somebody is in the middle of a transaction that writes the source: its files stand still then, until it commits.

use super::files::beside;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{self, c_int, flock};
use std::fs::File;
use std::path::Path;

/// Where SQLite locks a file, from <https://sqlite.org/src/file/src/os.h> (`PENDING_BYTE` and the reserved byte after it) and
/// <https://sqlite.org/walformat.html#locks> (`WAL_WRITE_LOCK` in the wal-index).
const LOCKS: [(&str, i64, i64); 2] = [("", 0x4000_0000, 2), ("-shm", 120, 1)];

/// Whether another process holds SQLite's write lock on `source`. Only asks: takes no lock, and opens nothing by SQLite. Where
/// the file system knows no locks, or the writer sits on another host of one that keeps them to itself, the answer is no.
#[must_use]
pub fn in_transaction(source: &Path) -> bool {
    let real = std::fs::canonicalize(source).unwrap_or_else(|_| source.to_owned());
    LOCKS.into_iter().any(|(suffix, start, length)| is_locked(&beside(&real, suffix), start, length))
}

fn is_locked(path: &Path, start: i64, length: i64) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let mut lock = flock {
        l_type: short(libc::F_RDLCK),
        l_whence: short(libc::SEEK_SET),
        l_start: start,
        l_len: length,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).is_ok() && lock.l_type != short(libc::F_UNLCK)
}

fn short(number: c_int) -> i16 {
    i16::try_from(number).unwrap_or_default()
}
