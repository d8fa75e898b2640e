//! A whole cutover to try: a source with every awkward value that real ones have, a private PostgreSQL, a real ini file to switch.
//!
//! [`prepare`] lays everything into one directory and starts the server; `commands` then runs `runbooks/demo.yaml` on it like any
//! other runbook. The source is made by [`source::generate`], which the benchmarks use as well.

pub mod source;

use crate::scratch::{Options, ScratchError, Server, Temporary};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The runbook of the demo.
pub const RUNBOOK: &str = include_str!("../../runbooks/demo.yaml");
/// Its name, as problems and reports give it.
pub const RUNBOOK_FILE: &str = "runbooks/demo.yaml";

const SCHEMA: &str = include_str!("../../assets/demo/postgres.sql");
const CONFIG: &str = include_str!("../../assets/demo/app.ini");
const DATABASE: &str = "oncall";

/// A demo that is laid out. Ends its server, and removes what is not kept, when dropped: in this order.
pub struct Demo {
    server: Server,
    directory: PathBuf,
    /// What goes with it, after its server has ended; none where it is kept.
    room: Option<Temporary>,
}

/// Why a demo could not be laid out.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No server.
    #[error(transparent)]
    Server(#[from] ScratchError),
    /// A file could not be written.
    #[error("laying out the demo: {path}: {source}; is the directory writable, and is there space?")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The source could not be made.
    #[error("making the demo's SQLite source {path}: {source}")]
    Source {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The server does not do as told.
    #[error("making the demo's database: {0}")]
    Database(String),
}

/// Lays out source, configuration, schema and server. On a kept directory that is laid out already, only the server is started:
/// what a killed demo left there is what `resume` goes on with.
///
/// # Errors
/// When a file or the server cannot be made.
pub fn prepare(keep: Option<&Path>, rows: i64) -> Result<Demo, DemoError> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| DemoError::File { path, source }
    };
    let room = match keep {
        None => Some(room().map_err(file(&std::env::temp_dir()))?),
        Some(_) => None,
    };
    let directory = keep.or(room.as_ref().map(Temporary::path)).unwrap_or(Path::new(""));
    fs::create_dir_all(directory).map_err(file(directory))?;
    let directory = directory.canonicalize().map_err(file(directory))?;
    if !directory.join(LAID_OUT).exists() {
        lay_out(&directory, rows)?;
    }
    let options = Options { keep: Some(directory.join("postgres")), fsync: true, ..Options::default() };
    let server = Server::start(&options)?;
    let demo = Demo { server, directory, room };
    demo.make_database()?;
    Ok(demo)
}

/// The server's own account has to get through.
fn room() -> std::io::Result<Temporary> {
    let room = Temporary::new(PREFIX)?;
    fs::set_permissions(room.path(), fs::Permissions::from_mode(0o711))?;
    Ok(room)
}

const LAID_OUT: &str = "laid-out";

fn lay_out(directory: &Path, rows: i64) -> Result<(), DemoError> {
    let source = directory.join("oncall.db");
    source::generate(&source, rows).map_err(|error| DemoError::Source { path: source.clone(), source: error })?;
    for (name, text) in [("schema.sql", SCHEMA), ("app.ini", CONFIG), (LAID_OUT, "")] {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|source| DemoError::File { path, source })?;
    }
    Ok(())
}

const PREFIX: &str = "cutover-demo-";

impl Demo {
    /// The runbook's parameters.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        [("sqlite", "oncall.db"), ("config", "app.ini"), ("schema_sql", "schema.sql")]
            .into_iter()
            .map(|(name, file)| (name.to_owned(), self.directory.join(file).display().to_string()))
            .collect()
    }

    /// The target's URL, with its password.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.server.url(DATABASE)
    }

    /// Where everything lies.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the run's state goes while nothing is kept: it disappears with the rest.
    #[must_use]
    pub fn state_directory(&self) -> Option<PathBuf> {
        self.room.as_ref().map(|_| self.directory.join("state"))
    }

    fn make_database(&self) -> Result<(), DemoError> {
        let psql = |sql: &str| {
            std::process::Command::new(self.server.binaries().program("psql"))
                .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.server.public_url("postgres"), "-c", sql])
                .env("PGPASSWORD", self.server.password())
                .output()
        };
        let failed = |reason: String| DemoError::Database(reason);
        let there = psql(&format!("select 1 from pg_database where datname = '{DATABASE}'"))
            .map_err(|error| failed(error.to_string()))?;
        if there.stdout.starts_with(b"1") {
            return Ok(());
        }
        let made = psql(&format!("create database {DATABASE}")).map_err(|error| failed(error.to_string()))?;
        if made.status.success() {
            Ok(())
        } else {
            Err(failed(String::from_utf8_lossy(&made.stderr).trim().to_owned()))
        }
    }
}
