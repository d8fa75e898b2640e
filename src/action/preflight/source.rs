//! Questions about the SQLite side.

use super::super::failure::{bad, passed};
use super::super::{Context, frozen};
use crate::connect::sqlite;
use crate::evidence::Finding;
use crate::figures;

/// Readable, whole, in which journal mode, in whose hands.
pub(super) async fn check(context: &Context) -> Vec<Finding> {
    let source = &context.runbook.source.sqlite;
    let fingerprint = match sqlite::fingerprint(source) {
        Ok(fingerprint) => fingerprint,
        Err(error) => return vec![bad("source readable", error.to_string(), "")],
    };
    let size = figures::bytes(fingerprint.bytes());
    let link = if fingerprint.path == *source { String::new() } else { format!(", behind {}", source.display()) };
    let mut findings = vec![
        passed("source readable", format!("{} has {size}{link}", fingerprint.path.display())),
        passed("source's journal", journal(&fingerprint)),
        passed("source open for writing", sqlite::holders(source).words()),
    ];
    findings.push(match frozen::look(context).await {
        Ok(record) if record.odd.is_empty() => {
            passed("source whole", "a copy of it was recovered and passed SQLite's integrity check")
        }
        Ok(record) => {
            let odd = record.odd.join("; ");
            passed("source whole", format!("its rows are; indexes and constraints are not: {odd}"))
        }
        Err(error) => bad("source whole", error.message, ""),
    });
    findings
}

fn journal(fingerprint: &sqlite::Fingerprint) -> String {
    let bytes = |suffix: &str| fingerprint.marks.get(suffix).map(|mark| figures::bytes(mark.bytes));
    match (bytes("-wal"), bytes("-journal")) {
        (Some(wal), _) => format!("write-ahead log with {wal}, taken along"),
        (None, Some(journal)) => {
            format!("rollback journal with {journal}, taken along and rolled back in the copy if it is hot")
        }
        (None, None) => "none: everything is in the database file".to_owned(),
    }
}
