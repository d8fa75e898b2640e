//! Whether a frozen copy is whole. How much of it is looked at depends on who waits for the answer.

use super::recover::explain;
use super::{FreezeError, open_frozen, pages};
use rusqlite::Connection;
use std::fs::File;
use std::path::Path;

/// How deep a copy is checked. Each depth finds all damage by which a row could be lost or doubled: the rows are read from their tables
/// and never by way of an index, and SQLite refuses a row whose own header makes no sense when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every page of every table, index and free list is in its place, by a walk of our own; where that is not plain to see, SQLite's
    /// `quick_check` decides. Costs about a tenth of [`Depth::Indexes`].
    Pages,
    /// SQLite's `quick_check`: the same, and every row against the NOT NULL, CHECK and types that its table declares, which is told
    /// and no damage.
    Rows,
    /// SQLite's `integrity_check`: the same, and every row against every index, whose breaks are told and no damage either.
    Indexes,
}

/// Checks the copy; returns what is odd about it but no damage to rows.
pub(super) fn check(copy: &Path, source: &Path, depth: Depth) -> Result<Vec<String>, FreezeError> {
    checked(copy, depth).map_err(|error| explain(error, source)).and_then(|messages| judge(messages, source))
}

fn checked(copy: &Path, depth: Depth) -> rusqlite::Result<Vec<String>> {
    let connection = open_frozen(copy)?;
    connection.execute_batch("pragma cell_size_check = on")?;
    match depth {
        Depth::Pages if in_place(&connection, copy)? => Ok(Vec::new()),
        Depth::Pages | Depth::Rows => ask(&connection, "quick_check"),
        Depth::Indexes => match ask(&connection, "integrity_check") {
            // An index over the application's own collation or function; rows are checked all the same.
            Err(error) if is_application_defined(&error) => {
                let mut messages = ask(&connection, "quick_check")?;
                messages.push(format!("index contents were not checked: {error}"));
                Ok(messages)
            }
            messages => messages,
        },
    }
}

/// The walk of our own; a file that it cannot read is SQLite's to judge.
fn in_place(connection: &Connection, copy: &Path) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare("select rootpage from sqlite_schema where rootpage > 0")?;
    let roots: Vec<u32> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(File::open(copy).and_then(|file| pages::sound(&file, &roots)).unwrap_or(false))
}

/// Damage is an error; the rest is told.
fn judge(messages: Vec<String>, source: &Path) -> Result<Vec<String>, FreezeError> {
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
