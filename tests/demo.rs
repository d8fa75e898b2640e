//! The demo's source is the same every time, and has in it what it promises.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use cutover::demo::source::generate;
use rusqlite::Connection;
use std::path::Path;

/// The whole file: SQLite writes the same pages for the same statements.
fn dump(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn is_the_same_every_time() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("one.db"), directory.path().join("two.db"));
    generate(&one, 300).unwrap();
    generate(&two, 300).unwrap();
    let dumps = (dump(&one), dump(&two));
    assert!(dumps.0.len() > 100_000, "{} bytes", dumps.0.len());
    assert!(dumps.0 == dumps.1);
}

#[test]
fn holds_the_awkward_values() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("source.db");
    generate(&path, 300).unwrap();
    let source = Connection::open(&path).unwrap();
    let count = |sql: &str| source.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("select count(*) from log_record where silence_delay = 9223372036854775807"), 1);
    assert_eq!(count("select count(*) from log_record where silence_delay < 0"), 2);
    assert_eq!(count("select count(*) from kv_store where created like '%+01:00'"), 1);
    assert_eq!(count("select count(*) from data_keys where length(encrypted_data) in (0, 256)"), 2);
    assert!(count("select count(*) from dashboard where typeof(data) = 'blob'") > 0);
    assert!(count("select seq - (select max(id) from alert) from sqlite_sequence where name = 'alert'") >= 1000);
    assert_eq!(count("select count(*) from pragma_foreign_key_check"), 0);
}
