//! The journal on disk: durable, append-only, one writer.

use cutover::journal::{Entry, Holder, Journal as _, JournalError, Lock, SqliteJournal};
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;

fn holder() -> Holder {
    Holder { user: "ann".to_owned(), host: "laptop".to_owned(), pid: 4711, since: Timestamp::UNIX_EPOCH }
}

fn open(directory: &Path) -> Result<SqliteJournal, JournalError> {
    SqliteJournal::open(directory, "grafana-1", &holder())
}

fn filled(directory: &Path) -> SqliteJournal {
    let mut journal = open(directory).unwrap();
    for number in 1..=3u64 {
        assert_eq!(journal.append(Timestamp::now(), &json!({ "number": number })).unwrap(), number);
    }
    journal
}

#[test]
fn entries_come_back_in_order_also_while_it_is_written() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = filled(home.path());
    let read: Vec<Entry> = SqliteJournal::read(home.path()).unwrap();
    assert_eq!(read, journal.entries().unwrap());
    assert_eq!(read.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
    journal.append(Timestamp::now(), &json!({})).unwrap();
    assert_eq!(SqliteJournal::read(home.path()).unwrap().len(), 4);
    drop(journal);
    let mut again = open(home.path()).unwrap();
    assert_eq!(again.append(Timestamp::now(), &json!({})).unwrap(), 5);
}

#[test]
fn the_second_operator_is_told_who_the_first_is() {
    let home = tempfile::tempdir().unwrap();
    let first = filled(home.path());
    let second = open(home.path()).unwrap_err();
    assert_eq!(
        second.to_string(),
        "run grafana-1 is being run by ann@laptop, process 4711, since 1970-01-01 00:00:00 UTC: wait for it to end, or watch \
         it with `cutover attach grafana-1`"
    );
    assert_eq!(Lock::holder(home.path()), Some(holder()));
    drop(first);
    assert_eq!(Lock::holder(home.path()), None);
    open(home.path()).unwrap();
}

#[test]
fn nothing_that_was_written_can_be_changed() {
    let home = tempfile::tempdir().unwrap();
    drop(filled(home.path()));
    let raw = rusqlite::Connection::open(home.path().join("journal.sqlite")).unwrap();
    for sql in [
        "update entry set body = '{}' where seq = 2",
        "delete from entry where seq = 3",
        "insert into entry values (5, '2026-01-01T00:00:00Z', '{}')",
        "insert or replace into entry values (3, '2026-01-01T00:00:00Z', '{}')",
        "insert into entry values (4, '2026-01-01T00:00:00Z', 'no json')",
    ] {
        assert!(raw.execute(sql, []).is_err(), "{sql}");
    }
    assert_eq!(SqliteJournal::read(home.path()).unwrap().len(), 3);
}

#[test]
fn it_is_safe_against_a_crash_of_the_machine() {
    let home = tempfile::tempdir().unwrap();
    let journal = filled(home.path());
    let raw = rusqlite::Connection::open(home.path().join("journal.sqlite")).unwrap();
    let mode: String = raw.query_row("pragma journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    drop(journal);
}

#[test]
fn a_copy_of_the_directory_reads_the_same() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = filled(home.path());
    for file in std::fs::read_dir(home.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), other.path().join(file.file_name())).unwrap();
    }
    assert_eq!(SqliteJournal::read(other.path()).unwrap(), journal.entries().unwrap());
    open(other.path()).expect("the copy is not locked, whatever its note says");
}

#[test]
fn a_damaged_entry_is_named() {
    let home = tempfile::tempdir().unwrap();
    drop(filled(home.path()));
    let raw = rusqlite::Connection::open(home.path().join("journal.sqlite")).unwrap();
    raw.execute_batch("drop trigger entry_never_changes; update entry set at = 'yesterday' where seq = 2").unwrap();
    let error = SqliteJournal::read(home.path()).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { seq: 2, .. }), "{error}");
}

#[test]
fn a_directory_without_a_journal_has_no_entries() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(SqliteJournal::read(home.path()).unwrap(), []);
}
