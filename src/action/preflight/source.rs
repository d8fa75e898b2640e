//! Questions about the SQLite side.

use super::super::failure::{bad, passed};
use super::super::{ActionError, Context, frozen};
use crate::connect::sqlite::Fingerprint;
use crate::evidence::Finding;
use crate::figures;

/// Readable, whole, in which journal mode, in whose hands; and how many bytes it has.
pub(super) async fn check(context: &Context) -> (Vec<Finding>, u64) {
    let looked = async {
        let site = context.source().await?;
        let fingerprint = site.fingerprint().await?;
        Ok::<_, ActionError>((site, fingerprint))
    };
    let (site, fingerprint) = match looked.await {
        Ok(found) => found,
        Err(error) => return (vec![bad("source readable", error.message, "")], 0),
    };
    let size = figures::bytes(fingerprint.bytes());
    let source = &context.runbook.source.sqlite;
    let behind = fingerprint.path != *source && !site.is_in_pod();
    let link = if behind { format!(", behind {}", source.display()) } else { String::new() };
    let name = if behind { fingerprint.path.display().to_string() } else { site.name() };
    let mut findings = vec![
        passed("source readable", format!("{name} has {size}{link}")),
        passed("source's journal", journal(&fingerprint)),
        passed("source open for writing", site.holders().await.words()),
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
    (findings, fingerprint.bytes())
}

fn journal(fingerprint: &Fingerprint) -> String {
    let bytes = |suffix: &str| fingerprint.marks.get(suffix).map(|mark| figures::bytes(mark.bytes));
    match (bytes("-wal"), bytes("-journal")) {
        (Some(wal), _) => format!("write-ahead log with {wal}, taken along"),
        (None, Some(journal)) => {
            format!("rollback journal with {journal}, taken along and rolled back in the copy if it is hot")
        }
        (None, None) => "none: everything is in the database file".to_owned(),
    }
}
