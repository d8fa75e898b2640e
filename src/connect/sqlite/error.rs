//! Why a source cannot be frozen.

use std::path::PathBuf;

/// Why a source cannot be frozen. The source is untouched in every case.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// There is no such file.
    #[error("the source {path} is not there; correct the path")]
    Missing {
        /// The source.
        path: PathBuf,
    },
    /// A file without a byte: SQLite would take it for a database without tables.
    #[error("the source {path} is empty; it holds no database, so look for the one that the application really uses")]
    Empty {
        /// The source.
        path: PathBuf,
    },
    /// Something else.
    #[error("the source {path} is no SQLite database: {found}")]
    NotADatabase {
        /// The source.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// Somebody wrote each time.
    #[error(
        "the source {path} changed while it was copied, {attempts} times in {seconds:.0} s (last: {moved}); it is written by {writers}; stop the application first"
    )]
    Busy {
        /// The source.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        seconds: f64,
        /// What moved the last time.
        moved: String,
        /// Who has it open for writing, as far as this host shows.
        writers: String,
    },
    /// The copy is damaged, so the source is.
    #[error("the source {path} is damaged: {found}; repair it first (sqlite3 FILE .recover), or use a backup")]
    Corrupt {
        /// The source.
        path: PathBuf,
        /// What SQLite says.
        found: String,
    },
    /// The rollback journal belongs to a transaction over several databases.
    #[error(
        "{path} belongs to a transaction over several databases that was cut short; only SQLite beside all of them can roll it back: start and stop the application once"
    )]
    SharedJournal {
        /// The journal.
        path: PathBuf,
    },
    /// No room for the copy.
    #[error(
        "the copy of {path} needs {needed} bytes in {directory}, where {free} are free; free some or set CUTOVER_STATE_DIR"
    )]
    NoSpace {
        /// The source.
        path: PathBuf,
        /// Where the copy goes.
        directory: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// A file could not be read or written.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What came back.
        source: std::io::Error,
    },
    /// The copy could not be recovered, for a reason that is not damage.
    #[error("recovering the copy of {path}: {source}")]
    Recover {
        /// The source.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The other end of a shell did not do what it was asked.
    #[error("{doing} {path}: {message}")]
    Far {
        /// What was being done.
        doing: &'static str,
        /// Pod and path.
        path: PathBuf,
        /// Whether asking again is no use.
        lasting: bool,
        /// What came back.
        message: String,
    },
    /// What came through the stream is not what is there.
    #[error(
        "{path} came damaged {attempts} times: {found}; nothing of it was kept; try again, or copy the file out by other means and give its path"
    )]
    Transit {
        /// Pod and path.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
        /// What differed.
        found: String,
    },
    /// The caller asked to stop.
    #[error("freezing {path} was stopped as asked; nothing was changed")]
    Stopped {
        /// The source.
        path: PathBuf,
    },
}

impl FreezeError {
    pub(super) fn io(doing: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}
