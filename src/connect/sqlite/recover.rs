//! What happens to a copied set before anybody reads it: recovered, checked, one file.

use super::FreezeError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;

/// Recovers `copy` (hot journal rolled back, WAL checkpointed), checks it, and makes it a single file. Returns what is odd
/// about it but no damage to rows.
pub(super) fn recover(copy: &Path, source: &Path) -> Result<Vec<String>, FreezeError> {
    let failed = |error: rusqlite::Error| explain(error, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(copy, flags).map_err(failed)?;
    // The copy is made durable as a whole afterwards.
    connection.execute_batch("pragma synchronous = off; pragma cell_size_check = on").map_err(failed)?;
    let tables: i64 =
        connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if tables == 0 {
        return Err(FreezeError::NotADatabase { path: source.to_owned(), found: "it has no tables".to_owned() });
    }
    let mode: String = connection.query_row("pragma journal_mode = delete", [], |row| row.get(0)).map_err(failed)?;
    if mode != "delete" {
        return Err(FreezeError::Corrupt { path: source.to_owned(), found: format!("journal mode stays {mode}") });
    }
    check(&connection, source)
}

fn check(connection: &Connection, source: &Path) -> Result<Vec<String>, FreezeError> {
    let messages = match ask(connection, "integrity_check") {
        Ok(messages) => messages,
        // An index over the application's own collation or function; rows are checked all the same.
        Err(error) if is_application_defined(&error) => {
            let mut messages = ask(connection, "quick_check").map_err(|error| explain(error, source))?;
            messages.push(format!("index contents were not checked: {error}"));
            messages
        }
        Err(error) => return Err(explain(error, source)),
    };
    let (odd, damage): (Vec<String>, Vec<String>) =
        messages.into_iter().filter(|message| message != "ok").partition(|message| leaves_rows_alone(message));
    if damage.is_empty() {
        return Ok(odd);
    }
    let found = damage.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
    Err(FreezeError::Corrupt { path: source.to_owned(), found })
}

fn ask(connection: &Connection, pragma: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("pragma {pragma}(100)"))?;
    let messages = statement.query_map([], |row| row.get(0))?;
    messages.collect()
}

fn is_application_defined(error: &rusqlite::Error) -> bool {
    let text = error.to_string();
    ["no such collation", "no such function", "no such module", "no such tokenizer", "unknown tokenizer"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// Messages about indexes and constraints: rows are read from their tables, and what does not fit the target is the plan's
/// business.
fn leaves_rows_alone(message: &str) -> bool {
    let starts =
        ["NULL value in", "CHECK constraint failed", "non-unique entry in index", "wrong # of entries in index"];
    starts.iter().any(|start| message.starts_with(start))
        || message.contains("missing from index")
        || message.contains(" value in ")
        || message.starts_with("index contents were not checked")
        || message.contains("values differ from index")
}

fn explain(error: rusqlite::Error, source: &Path) -> FreezeError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            FreezeError::Corrupt { path: source.to_owned(), found: error.to_string() }
        }
        _ => FreezeError::Recover { path: source.to_owned(), source: error },
    }
}
