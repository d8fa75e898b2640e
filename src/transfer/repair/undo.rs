//! The way back: the former values, exactly, where nobody changed them since.

use super::keep::{Aside, entry, write};
use super::measure::watched;
use super::subject::Subject;
use super::{KeptColumn, Repaired};
use crate::crash;
use crate::evidence::{ColumnRepair, IntervalUnit};
use crate::schema::{TargetTable, quote, read_target};
use crate::transfer::session::{self, Fault, get, literal, rows, run};
use crate::transfer::stage::only;
use crate::transfer::{Job, TransferError, locks};
use tokio_postgres::Client;

/// How many changed rows are named.
const NAMED: usize = 10;

/// Puts the former values back in one transaction and removes what was kept; says how many. `left` is what [`super::repair`]
/// returned, none when it never did. With `force`, values that somebody changed since are overwritten; rows that are gone stay gone.
///
/// # Errors
/// [`TransferError::Refused`], by table, key and value, where rows were changed or deleted since and there is no `force`.
pub async fn take_back(job: &Job<'_>, left: Option<&Repaired>, force: bool) -> Result<u64, TransferError> {
    let client = session::open(job, "repair").await?;
    let Some((_, repaired)) = entry(&client, &job.run_schema()).await? else {
        require_back(&client, left).await?;
        return Ok(0);
    };
    let schemas: Vec<String> = repaired.kept.iter().map(|kept| kept.schema.clone()).collect();
    let tables = read_target(&client, &schemas).await?;
    let subjects: Vec<Subject> = repaired.kept.iter().map(|kept| subject(kept, &tables)).collect::<Result<_, _>>()?;
    match in_one(&client, job, &repaired.kept, &subjects, force).await {
        Ok(count) => Ok(count),
        Err(fault) => {
            let _ = client.batch_execute("ROLLBACK").await; // a session that is gone has rolled back already
            job.progress.waiting("");
            Err(fault.into_error())
        }
    }
}

fn subject(kept: &KeptColumn, tables: &[TargetTable]) -> Result<Subject, TransferError> {
    let gone = || {
        TransferError::Refused(format!(
            "{}.{}.{}, or its key, is gone or was renamed: its former values cannot be put back; they are in {}",
            kept.schema, kept.table, kept.column, kept.kept
        ))
    };
    let table = tables.iter().find(|table| table.schema == kept.schema && table.name == kept.table).ok_or_else(gone)?;
    let find = |name: &String| table.columns.iter().find(|column| column.name == *name).cloned().ok_or_else(gone);
    Ok(Subject {
        column: find(&kept.column)?,
        key: kept.key.iter().map(find).collect::<Result<_, _>>()?,
        table: table.clone(),
        unit: IntervalUnit::Us,
        said: None,
        condition: None,
        staged: None,
        earlier: Vec::new(),
    })
}

async fn in_one(
    client: &Client,
    job: &Job<'_>,
    kept: &[KeptColumn],
    subjects: &[Subject],
    force: bool,
) -> Result<u64, Fault> {
    let mut tables: Vec<String> = subjects.iter().map(|subject| only(&subject.table)).collect();
    tables.dedup();
    locks::begin_in_mode(client, job, &tables, "SHARE ROW EXCLUSIVE").await?;
    let mut there = Vec::new();
    let mut changed = Vec::new();
    for (kept, subject) in kept.iter().zip(subjects) {
        let (present, lines) = compare(client, subject, kept).await?;
        there.push(present);
        changed.extend(lines);
    }
    if !changed.is_empty() && !force {
        return Err(TransferError::Refused(format!(
            "somebody changed repaired values since, which going back would overwrite; nothing was touched:\n  {}\nput them right by hand, or go back with --lose-writes",
            changed.join("\n  ")
        ))
        .into());
    }
    let oids: Vec<u32> = subjects.iter().map(|subject| subject.table.oid).collect();
    let aside = Aside::put(client, &oids).await?;
    for ((kept, subject), present) in kept.iter().zip(subjects).zip(&there) {
        write(client, job, subject, &kept.kept, "before", *present).await?;
    }
    aside.put_back(client).await?;
    remove(client, job, kept).await?;
    crash::point("transfer.repair.undo.commit.before");
    run(client, "committing", "COMMIT").await?;
    crash::point("transfer.repair.undo.commit.after");
    Ok(there.iter().sum())
}

/// How many of the rows are still there, and a line for each of the first that no longer hold what the repair wrote.
async fn compare(client: &Client, subject: &Subject, kept: &KeptColumn) -> Result<(u64, Vec<String>), Fault> {
    let value = subject.value();
    let from = format!("{} h LEFT JOIN {} t ON {}", kept.kept, only(&subject.table), subject.same_key("h"));
    let gone = format!("t.{} IS NULL", quote(&subject.key[0].name));
    let changed = format!("({value} IS NULL OR interval_send({value}) <> interval_send(h.after))");
    let what = format!("comparing {}", subject.label());
    let sql = format!("SELECT count(*) FILTER (WHERE NOT {gone}), count(*) FILTER (WHERE {changed}) FROM {from}");
    let found = rows(client, &what, &sql, &[]).await?;
    let (present, count) = match found.first() {
        Some(row) => (get::<i64>(row, 0)?.unsigned_abs(), get::<i64>(row, 1)?),
        None => (0, 0),
    };
    if count == 0 {
        return Ok((present, Vec::new()));
    }
    let sql = format!(
        "SELECT {}, h.after::text, CASE WHEN {gone} THEN 'the row is gone' ELSE coalesce({value}::text, 'NULL') END
         FROM {from} WHERE {changed} ORDER BY h.k0 LIMIT {NAMED}",
        subject.key_object("h")
    );
    let mut lines = vec![format!("{}: {count} of {} values", subject.label(), kept.rows)];
    for row in rows(client, &what, &sql, &[]).await? {
        let (key, after, now): (String, String, String) = (get(&row, 0)?, get(&row, 1)?, get(&row, 2)?);
        lines.push(format!("  {key}: the repair wrote {after}, now {now}"));
    }
    Ok((present, lines))
}

/// Removes the kept tables and the ledger's entry, and the schema when that was all.
async fn remove(client: &Client, job: &Job<'_>, kept: &[KeptColumn]) -> Result<(), Fault> {
    let schema = job.run_schema();
    for kept in kept {
        crash::point("transfer.repair.undo.drop.before");
        run(client, "removing the former values", &format!("DROP TABLE {}", kept.kept)).await?;
        crash::point("transfer.repair.undo.drop.after");
    }
    let sql = format!("DELETE FROM {}.ledger WHERE entry = 'repair'", quote(&schema));
    run(client, "striking the repair from the ledger", &sql).await?;
    let sql = format!(
        "SELECT NOT EXISTS (SELECT FROM {}.ledger) AND 1 = (SELECT count(*) FROM pg_catalog.pg_class
           WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = {}) AND relkind IN ('r', 'p'))",
        quote(&schema),
        literal(&schema)
    );
    let found = rows(client, "looking into the run's schema", &sql, &[]).await?;
    if found.first().map(|row| get::<bool>(row, 0)).transpose()?.unwrap_or_default() {
        let sql = format!("DROP TABLE {0}.ledger; DROP SCHEMA {0}", quote(&schema));
        watched(client, job, "removing the run's schema", &sql).await?;
    }
    Ok(())
}

/// With nothing kept in the target, either an undo that was cut short had ended, or somebody removed it: the first values tell.
async fn require_back(client: &Client, left: Option<&Repaired>) -> Result<(), TransferError> {
    let Some(left) = left else { return Ok(()) };
    let schemas: Vec<String> = left.kept.iter().map(|kept| kept.schema.clone()).collect();
    if schemas.is_empty() {
        return Ok(());
    }
    let tables = read_target(client, &schemas).await?;
    for kept in &left.kept {
        let subject = subject(kept, &tables)?;
        let Some(repair) = left
            .columns
            .iter()
            .find(|repair| (&repair.table, &repair.column) == (&subject.table.label(), &kept.column))
        else {
            continue;
        };
        if !holds_former(client, &subject, repair).await.map_err(Fault::into_error)? {
            return Err(TransferError::Failed(format!(
                "the former values of {} are gone ({} is not there), so that they cannot be put back: restore the column from a backup",
                subject.label(),
                kept.kept
            )));
        }
    }
    Ok(())
}

async fn holds_former(client: &Client, subject: &Subject, repair: &ColumnRepair) -> Result<bool, Fault> {
    for example in &repair.examples {
        let same = subject.key.iter().map(|column| {
            let value = example
                .key
                .get(&column.name)
                .map_or_else(String::new, |value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
            format!("t.{} = {}::{}", quote(&column.name), literal(&value), column.ty.name)
        });
        let sql = format!(
            "SELECT {}::text FROM {} t WHERE {}",
            subject.value(),
            only(&subject.table),
            same.collect::<Vec<_>>().join(" AND ")
        );
        let found = rows(client, &format!("looking at {}", subject.label()), &sql, &[]).await?;
        if let Some(row) = found.first() {
            return Ok(get::<Option<String>>(row, 0)? == example.before);
        }
    }
    Ok(true)
}
