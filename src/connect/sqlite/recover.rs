//! What happens to a copied set before anybody reads it: recovered, and made one file.

use super::FreezeError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;

/// Recovers `copy` (hot journal rolled back, WAL checkpointed) and makes it a single file.
pub(super) fn recover(copy: &Path, source: &Path) -> Result<(), FreezeError> {
    let failed = |error: rusqlite::Error| explain(error, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(copy, flags).map_err(failed)?;
    // The copy is made durable as a whole afterwards.
    connection.execute_batch("pragma synchronous = off").map_err(failed)?;
    let tables: i64 =
        connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if tables == 0 {
        return Err(FreezeError::NotADatabase { path: source.to_owned(), found: "it has no tables".to_owned() });
    }
    let mode: String = connection.query_row("pragma journal_mode = delete", [], |row| row.get(0)).map_err(failed)?;
    if mode != "delete" {
        return Err(FreezeError::Corrupt { path: source.to_owned(), found: format!("journal mode stays {mode}") });
    }
    Ok(())
}

pub(super) fn explain(error: rusqlite::Error, source: &Path) -> FreezeError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            FreezeError::Corrupt { path: source.to_owned(), found: error.to_string() }
        }
        _ => FreezeError::Recover { path: source.to_owned(), source: error },
    }
}
