//! How SQLite files are opened.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Opens a frozen copy for reading. Never call it on a live source: even a read-only open of a WAL database leaves files
/// beside it.
///
/// # Errors
/// When SQLite cannot open it.
pub fn open_frozen(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
}
