//! The journal on disk: SQLite in WAL mode with `synchronous=FULL`, so that an entry is durable when `append` returns, and with
//! triggers that refuse every change of what was written.

use super::lock::{Holder, Lock, LockError};
use super::{Entry, Journal, JournalError};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};

/// The file's name in a run's directory.
pub const FILE: &str = "journal.sqlite";

const SCHEMA: &str = "
create table if not exists entry (
    seq  integer primary key,
    at   text not null,
    body text not null check (json_valid(body))
) strict;
create trigger if not exists entry_never_changes before update on entry
begin select raise(abort, 'the journal is append-only'); end;
create trigger if not exists entry_never_goes before delete on entry
begin select raise(abort, 'the journal is append-only'); end;
create trigger if not exists entry_has_no_gap before insert on entry
when new.seq is not (select coalesce(max(seq), 0) + 1 from entry)
begin select raise(abort, 'the journal has no gaps'); end;
";

/// A journal that this process alone writes.
#[derive(Debug)]
pub struct SqliteJournal {
    connection: Connection,
    path: PathBuf,
    next: u64,
    _lock: Lock,
}

impl SqliteJournal {
    /// Opens the journal of run `run` in its directory for writing, and makes it if it is not there.
    ///
    /// # Errors
    /// When somebody else writes it, or the file cannot be opened.
    pub fn open(directory: &Path, run: &str, holder: &Holder) -> Result<Self, JournalError> {
        let path = directory.join(FILE);
        let lock = Lock::take(directory, holder).map_err(|error| not_locked(error, run, directory))?;
        let connection = Connection::open(&path).map_err(|error| broken("opening", &path, error))?;
        prepare(&connection).map_err(|error| broken("opening", &path, error))?;
        let last: i64 = connection
            .query_row("select coalesce(max(seq), 0) from entry", [], |row| row.get(0))
            .map_err(|error| broken("reading", &path, error))?;
        Ok(Self { connection, path, next: last.cast_unsigned() + 1, _lock: lock })
    }

    /// Reads a journal, also while another process writes it. A directory without one has no entries.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(directory: &Path) -> Result<Vec<Entry>, JournalError> {
        let path = directory.join(FILE);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(|error| broken("opening", &path, error))?;
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(|error| broken("opening", &path, error))?;
        read_all(&connection, &path)
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, at: Timestamp, body: &serde_json::Value) -> Result<u64, JournalError> {
        crate::crash::point("journal.append.before");
        self.connection
            .prepare_cached("insert into entry (seq, at, body) values (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute((self.next.cast_signed(), at.to_string(), body.to_string())))
            .map_err(|error| broken("writing", &self.path, error))?;
        crate::crash::point("journal.append.after");
        self.next += 1;
        Ok(self.next - 1)
    }

    fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        read_all(&self.connection, &self.path)
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch(SCHEMA)
}

fn read_all(connection: &Connection, path: &Path) -> Result<Vec<Entry>, JournalError> {
    let failed = |error| broken("reading", path, error);
    if !connection.table_exists(None, "entry").map_err(failed)? {
        return Ok(Vec::new()); // killed between making the file and making the table
    }
    let mut select = connection.prepare("select seq, at, body from entry order by seq").map_err(failed)?;
    let mut rows = select.query([]).map_err(failed)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let (seq, at, body): (i64, String, String) = row.try_into().map_err(failed)?;
        entries.push(parse(seq.cast_unsigned(), &at, &body)?);
    }
    Ok(entries)
}

fn parse(seq: u64, at: &str, body: &str) -> Result<Entry, JournalError> {
    let damaged = |reason: String| JournalError::Damaged { seq, reason };
    Ok(Entry {
        seq,
        at: at.parse().map_err(|error: jiff::Error| damaged(error.to_string()))?,
        body: serde_json::from_str(body).map_err(|error| damaged(error.to_string()))?,
    })
}

fn broken(doing: &'static str, path: &Path, error: rusqlite::Error) -> JournalError {
    JournalError::Io { doing, path: path.display().to_string(), source: Box::new(error) }
}

fn not_locked(error: LockError, run: &str, directory: &Path) -> JournalError {
    match error {
        LockError::Held(holder) => JournalError::Locked {
            run: run.to_owned(),
            holder: holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string()),
        },
        LockError::Io(error) => JournalError::Io {
            doing: "locking",
            path: directory.join("lock").display().to_string(),
            source: Box::new(error),
        },
    }
}
