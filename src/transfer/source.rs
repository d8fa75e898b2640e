//! The frozen source in the thread that reads it. SQLite's handles are not shared between threads, so they travel with the work.

use super::TransferError;
use crate::connect::sqlite::open_frozen;
use rusqlite::Connection;
use std::io::Read as _;
use std::path::Path;

/// The frozen file, and the refused rows once a pass has found them.
pub(super) struct Source {
    pub(super) frozen: Connection,
    pub(super) scratch: Option<Connection>,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, TransferError> {
        let frozen = open_frozen(path)
            .map_err(|error| TransferError::Failed(format!("opening the frozen source {}: {error}", path.display())))?;
        Ok(Self { frozen, scratch: None })
    }
}

/// Runs blocking work on a thread of its own and hands the source back with the result.
pub(super) async fn blocking<T: Send + 'static>(
    source: Source,
    work: impl FnOnce(&mut Source) -> T + Send + 'static,
) -> Result<(Source, T), TransferError> {
    let task = tokio::task::spawn_blocking(move || {
        let mut source = source;
        let result = work(&mut source);
        (source, result)
    });
    task.await.map_err(|error| TransferError::Failed(format!("the thread that reads the source ended: {error}")))
}

/// Size and header of a database file; the header's change counter moves with every transaction
/// (<https://www.sqlite.org/fileformat2.html#file_change_counter>).
pub(super) fn identity(path: &Path) -> Result<(u64, [u8; 100]), TransferError> {
    let read = || -> std::io::Result<(u64, [u8; 100])> {
        let mut file = std::fs::File::open(path)?;
        let mut header = [0; 100];
        let size = file.metadata()?.len();
        if size > 0 {
            file.read_exact(&mut header)?;
        }
        Ok((size, header))
    };
    read().map_err(|error| TransferError::Failed(format!("reading the frozen source {}: {error}", path.display())))
}
