//! How SQLite files are read without touching them: [`fingerprint`] says whether anybody writes, [`freeze()`] takes database,
//! `-wal` and `-journal` as one set and recovers the copy, [`holders()`] says who has the file open, [`in_transaction`] whether
//! somebody is about to commit.
//!
//! The source itself is never opened by SQLite: even a read-only open of a database in WAL mode leaves files beside it.

mod check;
mod error;
pub mod far;
mod files;
mod freeze;
mod holders;
mod pages;
mod recover;
mod transaction;

pub use check::Depth;
pub use error::FreezeError;
pub use files::{Fingerprint, Mark, fingerprint};
pub use freeze::{Frozen, Taken, Wait, freeze, freeze_live, prove, sha256, take};
pub use holders::{Holder, Holders, holders};
pub use transaction::in_transaction;

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

/// Tells a connection that its tables are read from end to end: the few pages of its cache then stay in the core's own.
///
/// # Errors
/// When SQLite refuses.
pub fn reads_through(frozen: &Connection) -> rusqlite::Result<()> {
    frozen.pragma_update(None, "cache_size", -256)
}
