//! Every refused cell and row: counted, the first listed, all of them in a file.

use super::{Rejected, TransferError};
use crate::crash;
use crate::evidence::{Evidence, Policy, Reject};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Collects rejects.
pub(super) struct Rejects {
    rejected: Rejected,
    path: Option<PathBuf>,
    file: Option<BufWriter<File>>,
}

impl Rejects {
    /// Writes to `path` from the first reject on; what a former pass left there is removed.
    pub(super) fn new(path: Option<&Path>) -> Self {
        if let Some(path) = path {
            let _ = std::fs::remove_file(path); // not there, as a rule; a file that cannot be written is told by `add`
        }
        Self { rejected: Rejected::default(), path: path.map(Path::to_owned), file: None }
    }

    pub(super) fn add(&mut self, reject: Reject) -> Result<(), TransferError> {
        self.write(&reject)?;
        self.rejected.total += 1;
        self.rejected.stopping += u64::from(reject.action == Policy::Stop);
        if self.rejected.listed.len() < Evidence::LISTED {
            self.rejected.listed.push(reject);
        }
        Ok(())
    }

    /// A row that breaks a key, a check or a domain.
    pub(super) fn add_break(&mut self, reject: Reject) -> Result<(), TransferError> {
        self.rejected.breaks_total += 1;
        if self.rejected.breaks.len() < Rejected::BREAKS {
            self.rejected.breaks.push(reject.clone());
        }
        self.add(reject)
    }

    /// All rejects are on disk.
    pub(super) fn finish(mut self) -> Result<Rejected, TransferError> {
        if let Some(mut file) = self.file.take() {
            crash::point("transfer.rejects.file.before");
            file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|error| self.failed(&error))?;
            crash::point("transfer.rejects.file.after");
        }
        Ok(self.rejected)
    }

    fn write(&mut self, reject: &Reject) -> Result<(), TransferError> {
        let Some(path) = &self.path else { return Ok(()) };
        if self.file.is_none() {
            let file = File::create(path).map_err(|error| self.failed(&error))?;
            self.file = Some(BufWriter::new(file));
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let line = serde_json::to_string(reject).map_err(std::io::Error::other);
        line.and_then(|line| writeln!(file, "{line}")).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> TransferError {
        let path = self.path.as_deref().unwrap_or(Path::new("rejects"));
        TransferError::Failed(format!("writing rejects to {}: {error}", path.display()))
    }
}
