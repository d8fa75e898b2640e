//! What is decided before a row is read: which tables, in which order, which units, at which level.

use super::chunked::chunk_rows;
use super::intervals::{self, Verdict, epoch_unit};
use super::known::Known;
use super::mode::{self, Locks};
use super::rows::wants_epoch;
use super::session;
use super::source::{Source, blocking, identity};
use super::surroundings::{ForeignKey, Keys};
use super::{Job, Planned, TransferError};
use crate::evidence::{ColumnPlan, IntervalUnit, PlanReport, Problem, Severity, TablePlan, Warning};
use crate::runbook::{TransferOptions, ZonePolicy};
use crate::schema::{
    ColumnMapping, Levels, Mapping, MigrationMarker, TableMapping, TypeKind, compare_levels, migration_markers, pair,
    quote, read_source, read_target,
};
use crate::transfer::encode::Encoder;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

/// What both sides were found to be.
pub(super) struct Decided {
    pub(super) planned: Planned,
    /// By label and column name.
    pub(super) intervals: BTreeMap<(String, String), Verdict>,
    pub(super) keys: Keys,
    pub(super) source: Source,
    pub(super) client: Client,
}

/// How much of the source is looked at for integers under dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The first rows; the copy itself stops at an integer that was not seen.
    Sample,
    /// All rows.
    Whole,
}

/// Pairs the tables and decides units, zones and levels, without reading rows that it does not need. Problems are in the
/// report; [`super::copy()`] refuses while there are any.
///
/// # Errors
/// When one side cannot be read.
pub async fn decide(job: &Job<'_>) -> Result<Planned, TransferError> {
    Ok(look(job, Look::Sample).await?.planned)
}

pub(super) async fn look(job: &Job<'_>, look: Look) -> Result<Decided, TransferError> {
    let client = session::open(job, "plan").await?;
    let target = read_target(&client, &job.options.schemas).await?;
    let options = job.options.clone();
    let source = Source::open(job.source)?;
    let (source, read) = blocking(source, move |source| read_side(&source.frozen, target, &options, look)).await?;
    let mut side = read?;
    let known = Known::of(&client, &job.run_schema()).await?;
    let levels = levels(&client, &mut side, job.options, &known).await?;
    let keys = known.keys(&client, &mut side.mapping).await?;
    side.mapping = ordered(side.mapping, &keys.references);
    side.problems.extend(levels.problems);
    side.warnings.extend(levels.warnings);
    let (bytes, header) = identity(job.source)?;
    let mut report = report(&side, bytes);
    let chunk_rows: Vec<u64> = side.mapping.tables.iter().map(|table| side.chunk_rows(table)).collect();
    let locks = Locks::of(&client, side.mapping.tables.len()).await?;
    let chunks = report.tables.iter().zip(&chunk_rows).map(|(table, size)| table.rows.div_ceil(*size).max(1)).sum();
    report.load = mode::choose(job.options, report.estimate_seconds, locks, chunks);
    report.levels = levels.comparison;
    report.hash = hash(&side.mapping, bytes, &header);
    let planned = Planned { report, mapping: side.mapping, chunk_rows, ..Planned::default() };
    Ok(Decided { planned, intervals: side.intervals, keys, source, client })
}

/// What the source's thread found.
struct Side {
    mapping: Mapping,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    intervals: BTreeMap<(String, String), Verdict>,
    markers: Vec<(MigrationMarker, Vec<String>)>,
    rows: BTreeMap<String, u64>,
    chunk_rows: BTreeMap<String, u64>,
}

impl Side {
    fn chunk_rows(&self, table: &TableMapping) -> u64 {
        self.chunk_rows.get(&table.target.label()).copied().unwrap_or(u64::MAX)
    }
}

fn read_side(
    frozen: &Connection,
    target: Vec<crate::schema::TargetTable>,
    options: &TransferOptions,
    look: Look,
) -> Result<Side, TransferError> {
    let tables = read_source(frozen)?;
    let django = tables.iter().any(|table| table.name == "django_migrations");
    let paired = pair(frozen, tables, target, options)?;
    let mut side = Side {
        mapping: paired.mapping,
        problems: paired.problems,
        warnings: paired.warnings,
        intervals: BTreeMap::new(),
        markers: Vec::new(),
        rows: BTreeMap::new(),
        chunk_rows: BTreeMap::new(),
    };
    for marker in migration_markers(&side.mapping, options) {
        let level = marker.source_level(frozen)?;
        side.markers.push((marker, level));
    }
    let mut mapping = std::mem::take(&mut side.mapping);
    for table in &mut mapping.tables {
        settle_table(frozen, table, django, options, look, &mut side)
            .map_err(|error| super::produce::reading(&table.target.label(), &error))?;
    }
    side.mapping = mapping;
    Ok(side)
}

fn settle_table(
    frozen: &Connection,
    table: &mut TableMapping,
    django: bool,
    options: &TransferOptions,
    look: Look,
    side: &mut Side,
) -> rusqlite::Result<()> {
    let label = table.target.label();
    let name = table.source.name.clone();
    let rows: i64 = frozen.query_row(&format!("SELECT count(*) FROM {}", quote(&name)), [], |row| row.get(0))?;
    side.rows.insert(label.clone(), rows.unsigned_abs());
    side.chunk_rows.insert(label.clone(), chunk_rows(frozen, table, rows.unsigned_abs(), options.chunk_rows)?);
    for column in &mut table.columns {
        let subject = format!("{label}.{}", column.target.name);
        if intervals::is_candidate(column) {
            let needed = column.rules.unit.is_none() && any_integer(frozen, &name, &column.source.name)?;
            let verdict = intervals::settle(column, django, needed);
            if verdict.undecided {
                side.problems.push(undecided_interval(&subject, &verdict));
            }
            column.rules.unit = verdict.unit.or((!needed).then_some(IntervalUnit::Us));
            side.intervals.insert((label.clone(), column.target.name.clone()), verdict);
        } else if wants_epoch(&column.target.ty.kind, &column.rules) {
            settle_epoch(frozen, &name, column, &subject, options, look, &mut side.problems)?;
        }
        if let Err(unsupported) = Encoder::new(&column.target.ty, &column.rules) {
            side.problems.push(Problem {
                subject,
                message: format!("nothing can be loaded into it: {unsupported}"),
                remedy: "exclude the column, or give it another type on the target".to_owned(),
                undecided: false,
            });
        }
    }
    Ok(())
}

fn any_integer(frozen: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    let (table, column) = (quote(table), quote(column));
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE typeof({column}) = 'integer' AND {column} <> 0)");
    frozen.query_row(&sql, [], |row| row.get(0))
}

fn undecided_interval(subject: &str, verdict: &Verdict) -> Problem {
    Problem {
        subject: subject.to_owned(),
        message: format!("integers become an interval: {}", verdict.because),
        remedy: format!("say it: --interval-unit {subject}=s, ms, us or ns"),
        undecided: true,
    }
}

fn settle_epoch(
    frozen: &Connection,
    table: &str,
    column: &mut ColumnMapping,
    subject: &str,
    options: &TransferOptions,
    look: Look,
    problems: &mut Vec<Problem>,
) -> rusqlite::Result<()> {
    let said = [subject, subject.split_once('.').map_or(subject, |(_, rest)| rest)];
    if let Some(unit) = said.iter().find_map(|name| options.interval_units.get(*name)) {
        column.rules.epoch = Some(*unit);
        return Ok(());
    }
    if look == Look::Sample && !sampled_integer(frozen, table, &column.source.name)? {
        return Ok(());
    }
    let (table, name) = (quote(table), quote(&column.source.name));
    let sql = format!("SELECT min({name}), max({name}) FROM {table} WHERE typeof({name}) = 'integer'");
    let extremes = frozen.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(low), Some(high)) = extremes else {
        column.rules.epoch = Some(IntervalUnit::S);
        return Ok(());
    };
    column.rules.epoch = epoch_unit(low, high);
    if column.rules.epoch.is_none() {
        problems.push(Problem {
            subject: subject.to_owned(),
            message: format!("integers from {low} to {high} become a date or time, and their size does not tell the unit of the epoch"),
            remedy: format!("say it: --interval-unit {subject}=s, ms, us or ns"),
            undecided: true,
        });
    }
    Ok(())
}

/// Whether the first thousand rows hold an integer.
fn sampled_integer(frozen: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    let (table, column) = (quote(table), quote(column));
    let first = format!(
        "SELECT EXISTS (SELECT 1 FROM (SELECT {column} AS c FROM {table} NOT INDEXED LIMIT 1000) WHERE typeof(c) = 'integer')"
    );
    frozen.query_row(&first, [], |row| row.get(0))
}

/// A migration table that this run's copy loads, or has loaded, was empty on the target when it began.
async fn levels(
    client: &Client,
    side: &mut Side,
    options: &TransferOptions,
    known: &Known,
) -> Result<Levels, TransferError> {
    let mut found = Vec::new();
    for (marker, source) in std::mem::take(&mut side.markers) {
        let target = if known.loads(marker.label()) { Vec::new() } else { marker.target_level(client).await? };
        found.push((marker, source, target));
    }
    Ok(compare_levels(&mut side.mapping, found, options))
}

/// Parents before children; within a cycle, by name.
fn ordered(mapping: Mapping, keys: &[ForeignKey]) -> Mapping {
    let mut left: Vec<TableMapping> = mapping.tables;
    let mut tables = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waiting: BTreeSet<u32> = left.iter().map(|table| table.target.oid).collect();
        let free = |table: &TableMapping| {
            let oid = table.target.oid;
            !keys.iter().any(|key| key.child == oid && key.parent != oid && waiting.contains(&key.parent))
        };
        let place = left.iter().position(free).unwrap_or(0);
        tables.push(left.remove(place));
    }
    Mapping { tables }
}

fn report(side: &Side, bytes: u64) -> PlanReport {
    let tables: Vec<TablePlan> = side.mapping.tables.iter().map(|table| table_plan(table, side)).collect();
    let rows = tables.iter().map(|table| table.rows).sum();
    PlanReport {
        estimate_seconds: estimate(bytes, tables.len()),
        tables,
        problems: side.problems.clone(),
        warnings: side.warnings.clone(),
        rows,
        bytes,
        ..PlanReport::default()
    }
}

/// On two cores with an fsyncing server some 64 MB of SQLite file go through in a second, indexes and foreign keys included; a
/// table costs a few round trips besides.
fn estimate(bytes: u64, tables: usize) -> f64 {
    0.2 + bytes as f64 / 64e6 + tables as f64 * 0.004
}

fn table_plan(table: &TableMapping, side: &Side) -> TablePlan {
    let label = table.target.label();
    TablePlan {
        rows: side.rows.get(&label).copied().unwrap_or_default(),
        source: table.source.name.clone(),
        columns: table
            .columns
            .iter()
            .map(|column| column_plan(column, side.intervals.get(&(label.clone(), column.target.name.clone()))))
            .collect(),
        table: label,
        ..TablePlan::default()
    }
}

fn column_plan(column: &ColumnMapping, verdict: Option<&Verdict>) -> ColumnPlan {
    let mut warnings = Vec::new();
    if let Some(unit) = verdict.and_then(|verdict| verdict.unit) {
        let because = verdict.map(|verdict| verdict.because.as_str()).unwrap_or_default();
        warnings
            .push(Warning { severity: Severity::Note, message: format!("integers are {}: {because}", unit.name()) });
    }
    ColumnPlan {
        column: column.target.name.clone(),
        source_type: column.source.declared.clone(),
        target_type: column.target.ty.name.clone(),
        conversion: conversion(column),
        policy: column.rules.policy,
        warnings,
        ..ColumnPlan::default()
    }
}

/// The conversion in words.
fn conversion(column: &ColumnMapping) -> String {
    let declared = if column.source.declared.is_empty() { "any" } else { &column.source.declared };
    let target = &column.target.ty.name;
    let rules = &column.rules;
    match &column.target.ty.kind {
        TypeKind::Interval(_) => match rules.unit {
            Some(unit) => format!("{declared} ▸ {target}, integers in {}", unit.name()),
            None => format!("{declared} ▸ {target}, unit of integers undecided"),
        },
        TypeKind::TimestampTz(_) => format!("{declared} ▸ {target}, UTC where no zone is written{}", epoch(column)),
        TypeKind::Timestamp(_) | TypeKind::Date | TypeKind::Time(_) => {
            let zone = match rules.zone {
                ZonePolicy::Utc => "a zone is shifted to UTC",
                ZonePolicy::AsWritten => "a zone is dropped, the clock kept",
                ZonePolicy::Refuse => "a zone is refused",
            };
            format!("{declared} ▸ {target}, {zone}{}", epoch(column))
        }
        TypeKind::Other => format!("{declared} ▸ {target}, by the server's own input"),
        _ => format!("{declared} ▸ {target}"),
    }
}

fn epoch(column: &ColumnMapping) -> String {
    column.rules.epoch.map_or_else(String::new, |unit| format!(", integers are {} since 1970", unit.name()))
}

/// A hash over everything that decides the outcome: the source's file, the pairs and their rules.
fn hash(mapping: &Mapping, bytes: u64, header: &[u8]) -> String {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.update(&bytes.to_le_bytes());
    hasher.update(header);
    let mut tables: Vec<&TableMapping> = mapping.tables.iter().collect();
    tables.sort_by_key(|table| table.target.label());
    for table in tables {
        // The epoch is decided by what the rows hold, and how much was looked at differs between decide and plan.
        // Object ids are left out: a schema that a killed step makes again is the same schema.
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|c| {
                (
                    &c.source,
                    &c.target.name,
                    &c.target.ty.name,
                    c.target.not_null,
                    c.rules.unit,
                    c.rules.zone,
                    c.rules.policy,
                )
            })
            .collect();
        let (name, key) = (table.target.label(), &table.target.key);
        hasher.update(format!("{:?} {name} {key:?} {columns:?}", table.source).as_bytes());
    }
    format!("{:032x}", hasher.digest128())
}
