//! The values that go wrong elsewhere, each with what a careless loader makes of it.

use rusqlite::{Transaction, params};

/// Ids from here on belong to the edges, so that they can be found on the screen.
const FIRST: i64 = 9_000_001;

pub(super) fn write(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    durations(transaction)?;
    moments(transaction)?;
    zones(transaction)?;
    blobs(transaction)
}

/// Microseconds: read as seconds they are a million times too long. Negative, zero, none, and the largest of all.
fn durations(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let values: [Option<i64>; 9] = [
        Some(4_475_313_246),
        Some(1),
        Some(0),
        None,
        Some(-90_000_000),
        Some(-1),
        Some(86_400_000_000 * 400 + 7),
        Some(i64::MAX),
        Some(273_906_789_012),
    ];
    let mut insert = transaction.prepare(
        "INSERT INTO log_record (id, created_at, type, silence_delay, reason, alert_group_id) VALUES (?, '2024-02-29 23:59:59.999999', 0, ?, ?, 1)",
    )?;
    for (offset, value) in (0_i64..).zip(values) {
        insert.execute(params![FIRST + offset, value, "edge: duration"])?;
    }
    Ok(())
}

/// The first and last years that Django can write.
fn moments(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare(
        "INSERT INTO log_record (id, created_at, type, reason, alert_group_id) VALUES (?, ?, 1, 'edge: moment', 1)",
    )?;
    for (offset, value) in
        (100_i64..).zip(["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.5"])
    {
        insert.execute(params![FIRST + offset, value])?;
    }
    Ok(())
}

/// A zone in a column without one: PostgreSQL's own input drops it silently and is hours off.
fn zones(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction
        .prepare("INSERT INTO kv_store (namespace, key, value, created, updated) VALUES ('edge', ?, ?, ?, ?)")?;
    let rows = [
        ("plain", "v", "2025-12-12 20:47:51", "2025-12-12"),
        ("zone", "+01:00", "2025-12-12 20:47:51.200002669+01:00", "2025-12-12 19:47:51.200002669+00:00"),
        ("unicode", "e\u{301}💥\u{200d}网络", "2026-04-02 07:01:55.424929906+00:00", "2026-04-02 07:01:55"),
        ("empty", "", "2026-04-02 07:01:55", "2026-04-02 07:01:55"),
    ];
    for (key, value, created, updated) in rows {
        insert.execute(params![key, value, created, updated])?;
    }
    Ok(())
}

/// Bytes that are no text, and none at all.
fn blobs(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let every: Vec<u8> = (0..=255).collect();
    let mut insert = transaction.prepare("INSERT INTO data_keys VALUES (?, ?, ?, '2025-12-12 20:47:51')")?;
    for (name, active, bytes) in
        [("every byte", 1, every.as_slice()), ("empty", 0, &[]), ("looks like hex", 1, br"\x4142")]
    {
        insert.execute(params![name, active, bytes])?;
    }
    Ok(())
}
