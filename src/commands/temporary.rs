//! A private directory for a command that looks and leaves nothing.

use super::Stop;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

const PREFIX: &str = "cutover-look-";

/// A directory of mode 0700 that goes when this is dropped.
pub(super) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Makes one, and removes those whose process was killed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn new() -> Result<Self, Stop> {
        crate::scratch::sweep(PREFIX);
        let path = crate::scratch::temporary(PREFIX);
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Stop::failed(format!(
                "making {}: {error}; set TMPDIR to a directory with room for a copy of the source",
                path.display()
            ))
        })?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
