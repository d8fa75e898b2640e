//! What would happen, by one pass over the frozen source.

use super::checks::Checks;
use super::decide::{Decided, Look, look};
use super::encode::Encoder;
use super::intervals::Verdict;
use super::known::Known;
use super::scan::{ColumnStats, Scan, Scanned};
use super::sending;
use super::session::{Fault, get, rows};
use super::source::{Source, blocking};
use super::surroundings::{ForeignKey, Keys};
use super::{Job, Planned, TransferError};
use crate::evidence::{ColumnPlan, IntervalUnit, Severity, TablePlan, Warning};
use crate::runbook::ZonePolicy;
use crate::schema::{ColumnMapping, Mapping, TableMapping};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_postgres::Client;

/// As [`super::decide()`], and reads the whole source once with the real encoder: storage classes, misfits, unit evidence, unique
/// and foreign key breaks. Touches nothing. What the target refuses is in [`Planned::rejects`] and with its columns, not
/// among the report's problems.
///
/// # Errors
/// When one side cannot be read, or the operator stops it.
pub async fn plan(job: &Job<'_>) -> Result<Planned, TransferError> {
    let Decided { mut planned, intervals, keys, source, client } = look(job, Look::Whole).await?;
    // Whatever else forbids the copy, all that does not fit is told with it; only a type that cannot be encoded ends the pass.
    let mut columns = planned.mapping.tables.iter().flat_map(|table| &table.columns);
    let scannable = columns.all(|column| Encoder::new(&column.target.ty, &column.rules).is_ok());
    let client = Arc::new(client);
    let verdict = |table: &TableMapping, column: &ColumnMapping| {
        intervals.get(&(table.target.label(), column.target.name.clone())).cloned()
    };
    if scannable {
        let (_, scanned) = scan(job, &client, &settled(&planned.mapping), (&keys, true), source).await?;
        describe(&mut planned, &scanned, &verdict);
        planned.rejects = scanned.rejected;
    }
    let counts = match target_rows(&client, &planned.mapping).await {
        Ok(counts) => counts,
        Err(fault) => {
            let message = format!("the target's rows could not be counted: {}", fault.into_error());
            planned.report.warnings.push(Warning { severity: Severity::Note, message });
            Vec::new()
        }
    };
    for (table, rows) in planned.report.tables.iter_mut().zip(counts) {
        table.rows_target = rows;
    }
    outside_keys(&mut planned, &keys.references);
    Ok(planned)
}

/// With some unit where none is decided yet: the problem is told already, and not again for each cell.
fn settled(mapping: &Mapping) -> Mapping {
    let mut mapping = mapping.clone();
    for column in mapping.tables.iter_mut().flat_map(|table| &mut table.columns) {
        column.rules.unit.get_or_insert(IntervalUnit::Us);
        column.rules.epoch.get_or_insert(IntervalUnit::S);
    }
    mapping
}

/// The pass itself; the source comes back with the refused rows. With the keys comes whether the units of all epochs are known: else
/// the pass ends at the first integer in a date or time column.
pub(super) async fn scan(
    job: &Job<'_>,
    client: &Arc<Client>,
    mapping: &Mapping,
    (keys, epochs_known): (&Keys, bool),
    source: Source,
) -> Result<(Source, Scanned), TransferError> {
    let elements = sending::elements(client, mapping).await.map_err(Fault::into_error)?;
    let scan = Scan {
        mapping: Arc::new(mapping.clone()),
        checks: Checks::new(mapping, &keys.unique, &keys.references),
        epochs_known,
        conditions: super::conditions::read(client, mapping, &elements).await.map_err(Fault::into_error)?,
        server_keys: super::server_keys::read(client, mapping, &keys.unique, &elements).await,
        client: Arc::clone(client),
        runtime: Handle::current(),
        progress: job.progress.clone(),
        control: job.control.clone(),
        rejects_file: job.rejects_file.map(std::path::Path::to_owned),
    };
    let (source, scanned) = blocking(source, move |source| scan.run(source)).await?;
    Ok((source, scanned?))
}

/// The same for a copy that has a mapping but no keys at hand.
pub(super) async fn scan_for_copy(
    job: &Job<'_>,
    mapping: &Mapping,
    epochs_known: bool,
) -> Result<(Source, Scanned), TransferError> {
    let client = Arc::new(super::session::open(job, "plan").await?);
    let known = Known::of(&client, &job.run_schema()).await?;
    let keys = known.keys(&client, &mut mapping.clone()).await?;
    scan(job, &client, mapping, (&keys, epochs_known), Source::open(job.source)?).await
}

fn describe(
    planned: &mut Planned,
    scanned: &Scanned,
    verdict: &dyn Fn(&TableMapping, &ColumnMapping) -> Option<Verdict>,
) {
    let tables = planned.report.tables.iter_mut().zip(&planned.mapping.tables).zip(&scanned.tables);
    for ((plan, mapping), stats) in tables {
        plan.rows = stats.rows;
        for ((column, mapped), seen) in plan.columns.iter_mut().zip(&mapping.columns).zip(&stats.columns) {
            column.storage = seen.storage();
            column.misfits.clone_from(&seen.misfits);
            column.misfits_total = seen.misfits_total;
            column.interval =
                verdict(mapping, mapped).map(|verdict| seen.distribution.evidence(mapping, mapped, &verdict));
            changes(column, mapped, seen);
        }
    }
    let rejected = &scanned.rejected;
    planned.report.breaks.clone_from(&rejected.breaks);
    planned.report.breaks_total = rejected.breaks_total;
    planned.report.refused = rejected.total;
    planned.report.stopping = rejected.stopping;
    if rejected.total > 0 {
        let message = match rejected.total {
            1 => "one cell or row of the source is refused by the target".to_owned(),
            many => format!("{many} cells or rows of the source are refused by the target"),
        };
        planned.report.warnings.push(Warning { severity: Severity::Loss, message });
    }
}

/// What the conversion changes knowingly.
fn changes(column: &mut ColumnPlan, mapped: &ColumnMapping, seen: &ColumnStats) {
    let mut warn = |severity, message| column.warnings.push(Warning { severity, message });
    if seen.zones > 0 {
        let what = match mapped.rules.zone {
            ZonePolicy::Utc => "shifted to UTC",
            ZonePolicy::AsWritten => "to lose it and keep the clock",
            ZonePolicy::Refuse => "refused",
        };
        warn(Severity::Change, format!("the column has no zone; values that name one ({}) are {what}", seen.zones));
    }
    if seen.fractions > 0 {
        warn(Severity::Change, format!("values finer than microseconds ({}) are rounded", seen.fractions));
    }
    if seen.misfits_total > 0 {
        warn(Severity::Loss, format!("values that do not fit: {}", seen.misfits_total));
    }
}

pub(super) async fn target_rows(client: &Client, mapping: &Mapping) -> Result<Vec<u64>, Fault> {
    let mut counts = Vec::with_capacity(mapping.tables.len());
    for part in mapping.tables.chunks(200) {
        let asked: Vec<String> = part
            .iter()
            .enumerate()
            .map(|(n, table)| format!("SELECT {n} AS n, count(*) AS rows FROM {}", table.target.quoted()))
            .collect();
        let sql = format!("SELECT rows FROM ({}) q ORDER BY n", asked.join(" UNION ALL "));
        for row in rows(client, "counting the target's rows", &sql, &[]).await? {
            counts.push(get::<i64>(&row, 0)?.unsigned_abs());
        }
    }
    Ok(counts)
}

/// Tables that are not loaded and refer to loaded ones: the copy refuses when they hold rows.
fn outside_keys(planned: &mut Planned, references: &[ForeignKey]) {
    let oids: Vec<u32> = planned.mapping.tables.iter().map(|table| table.target.oid).collect();
    for key in references.iter().filter(|key| !oids.contains(&key.child)) {
        let message = format!(
            "{} refers to {} by {} and is not loaded: the copy goes on only while it is empty",
            key.child_name, key.parent_name, key.name
        );
        planned.report.warnings.push(Warning { severity: Severity::Change, message });
    }
}

/// The row counts of a plan's tables, by place.
pub(super) fn rows_of(tables: &[TablePlan]) -> Vec<u64> {
    tables.iter().map(|table| table.rows).collect()
}
