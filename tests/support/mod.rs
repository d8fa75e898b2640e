//! What the tests share: one PostgreSQL per test binary, one database per test, the real databases where they are there.
//!
//! The binary `newest` holds the data tests a second time, on the newest PostgreSQL that `assets/postgres/ensure.sh --fetch` brings.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

pub mod compare;
pub mod kills;

use cutover::scratch::{Binaries, Options, Server};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The server of this test binary.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start(&[]))
}

/// A server of the binary's version with settings of its own; ends when dropped.
pub fn start(settings: &[&str]) -> Server {
    let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let options = Options { binaries: binaries(), settings, ..Options::default() };
    Server::start(&options).expect("a private PostgreSQL")
}

/// The programs of the newest PostgreSQL in the binary `newest`; elsewhere those that are found first.
fn binaries() -> Option<Binaries> {
    if env!("CARGO_CRATE_NAME") != "newest" || std::env::var_os("CUTOVER_POSTGRES_BIN").is_some() {
        return None;
    }
    let fetched = cutover::scratch::fetched();
    if fetched.is_none() {
        skipped("the newest PostgreSQL is not in the cache (assets/postgres/ensure.sh --fetch): the system's again");
    }
    fetched
}

/// A fresh, empty database; its URL with password.
pub fn database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    psql(&server().url("postgres"), &format!("create database {name}"));
    server().url(&name)
}

/// Runs SQL by psql and returns unaligned rows.
pub fn psql(url: &str, sql: &str) -> String {
    run(Command::new(program("psql")).args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]))
}

/// Runs SQL files by psql, in one transaction each.
pub fn psql_file(url: &str, file: &Path) {
    run(Command::new(program("psql")).args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, "-f"]).arg(file));
}

/// A program of the server's own version: `psql`, `pg_dump`.
pub fn program(name: &str) -> PathBuf {
    let own = server().binaries().program(name);
    if own.exists() { own } else { PathBuf::from(name) }
}

/// Runs a command that has to succeed; its standard output.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A folder of the real databases, or none with a printed, counted reason.
pub fn realdata(name: &str) -> Option<PathBuf> {
    let base = std::env::var_os("CUTOVER_REALDATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/realdata"), PathBuf::from);
    let folder = base.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(&format!("{} is not there; set CUTOVER_REALDATA to a folder that has {name}", folder.display()));
    None
}

/// Says that a test could not run, past the runner's capture, so that `.ci/run` can count it.
pub fn skipped(reason: &str) {
    say(&format!("SKIPPED: {reason}"));
}

/// A line for the runner's output, past its capture: counts that a reader of a green run wants to see.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
