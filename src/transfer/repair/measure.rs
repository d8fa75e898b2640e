//! What stands in a column: how much is right, how much is wrongly scaled and by which unit, and how that looks.

use super::subject::Subject;
use crate::evidence::{Bucket, ColumnRepair, IntervalEvidence, IntervalUnit, Key, UnitHistogram, ValueRepair};
use crate::transfer::session::{Fault, get, rows, run};
use crate::transfer::stage::{cancelled, only};
use crate::transfer::{Job, TransferError};
use tokio_postgres::{Client, Row};

/// Upper bounds of the bars in seconds: right values and wrongly scaled ones lie six orders of magnitude apart.
const BOUNDS: [(f64, &str); 10] = [
    (1e-3, "< 1 ms"),
    (1.0, "1 ms to 1 s"),
    (60.0, "1 s to 1 min"),
    (3_600.0, "1 min to 1 h"),
    (86_400.0, "1 h to 1 d"),
    (2_592_000.0, "1 d to 30 d"),
    (YEAR, "30 d to 1 y"),
    (100.0 * YEAR, "1 y to 100 y"),
    (10_000.0 * YEAR, "100 y to 10,000 y"),
    (f64::INFINITY, "> 10,000 y"),
];
const YEAR: f64 = 31_622_400.0;

/// A column as it was found, and the relation that holds its wrong rows.
pub(super) struct Measured {
    pub(super) repair: ColumnRepair,
    /// The wrong unit, where rows were found.
    pub(super) wrong: Option<IntervalUnit>,
}

/// Counts a column's values and puts the wrong ones, with their keys, into the new table `into`.
pub(super) async fn measure(client: &Client, job: &Job<'_>, subject: &Subject, into: &str) -> Result<Measured, Fault> {
    let counts = count(client, job, subject).await?;
    let wrong = counts.best.filter(|_| subject.is_bounded());
    if let Some(unit) = wrong {
        let what = format!("collecting the wrong values of {}", subject.label());
        watched(client, job, &what, &format!("CREATE {into} AS {}", subject.wrong_rows(unit))).await?;
    }
    let kept = wrong.map(|_| into.split_once("TABLE ").map_or(into, |(_, name)| name).trim());
    if let Some(kept) = kept {
        run(client, "analysing the wrong values", &format!("ANALYZE {kept}")).await?;
    }
    let examples = match kept {
        Some(kept) => listed(client, subject, kept, ColumnRepair::LISTED).await?,
        None => Vec::new(),
    };
    let shown = wrong.or(subject.said);
    let repair = ColumnRepair {
        table: subject.table.label(),
        column: subject.column.name.clone(),
        wrong: shown,
        unit: subject.unit,
        rows: counts.wrong,
        repaired: false,
        right: counts.right,
        neither: counts.neither,
        unknown: counts.unknown,
        missing: counts.missing,
        earlier: counts.earlier,
        suspect: suspect(client, subject, kept).await?,
        others: if counts.neither > 0 { others(client, subject, counts.best).await? } else { Vec::new() },
        examples,
        evidence: evidence(client, job, subject, kept, shown).await?,
    };
    Ok(Measured { repair, wrong: wrong.filter(|_| counts.wrong > 0) })
}

/// Runs a long statement; a stop ends it.
pub(super) async fn watched(client: &Client, job: &Job<'_>, what: &str, sql: &str) -> Result<(), Fault> {
    tokio::select! {
        result = run(client, what, sql) => result,
        () = job.control.stopped() => Err(cancelled(client, job).await),
    }
}

async fn asked(client: &Client, job: &Job<'_>, what: &str, sql: &str) -> Result<Row, Fault> {
    let found = tokio::select! {
        result = rows(client, what, sql, &[]) => result?,
        () = job.control.stopped() => return Err(cancelled(client, job).await),
    };
    found.into_iter().next().ok_or_else(|| TransferError::Failed(format!("{what}: no answer")).into())
}

#[derive(Default)]
struct Counts {
    best: Option<IntervalUnit>,
    wrong: u64,
    right: u64,
    neither: u64,
    unknown: u64,
    missing: u64,
    earlier: u64,
}

fn number(row: &Row, index: usize) -> Result<u64, TransferError> {
    Ok(get::<i64>(row, index)?.unsigned_abs())
}

/// One pass over the column. The unit that most values speak for is the column's; values that speak for another stay alone.
async fn count(client: &Client, job: &Job<'_>, subject: &Subject) -> Result<Counts, Fault> {
    if !subject.is_bounded() {
        return Ok(Counts::default());
    }
    let units = subject.candidates();
    let (within, earlier) = (subject.is_within(), subject.is_earlier());
    let mut fields = vec![
        format!("count(*) FILTER (WHERE {within})"),
        format!("count(*) FILTER (WHERE {within} AND {})", subject.is_right()),
    ];
    for unit in &units {
        let wrong = subject.is_wrong(*unit);
        fields.push(format!("count(*) FILTER (WHERE {within} AND {wrong} AND NOT {earlier})"));
        fields.push(format!("count(*) FILTER (WHERE {within} AND {wrong} AND {earlier})"));
    }
    let staged =
        subject.staged.as_ref().map_or("0::bigint".to_owned(), |s| format!("(SELECT count(*) FROM {})", s.table));
    let sql = format!(
        "SELECT {}, (SELECT count(*) FROM {}), {staged}, count(*) FROM {}",
        fields.join(", "),
        only(&subject.table),
        subject.from(units[0])
    );
    let what = format!("comparing {}", subject.label());
    let row = asked(client, job, &what, &sql).await?;
    let (within, right) = (number(&row, 0)?, number(&row, 1)?);
    let mut counts = Counts { right, ..Counts::default() };
    for (place, unit) in units.iter().enumerate() {
        let (wrong, earlier) = (number(&row, 2 + 2 * place)?, number(&row, 3 + 2 * place)?);
        if wrong > counts.wrong || (counts.best.is_none() && earlier > counts.earlier) {
            counts = Counts { best: Some(*unit), wrong, earlier, ..counts };
        }
    }
    let after = 2 + 2 * units.len();
    counts.neither = within.saturating_sub(right + counts.wrong + counts.earlier);
    counts.unknown = number(&row, after)?.saturating_sub(within);
    counts.missing = number(&row, after + 1)?.saturating_sub(number(&row, after + 2)?);
    if subject.staged.is_none() {
        counts.missing = 0;
    }
    Ok(counts)
}

/// Values outside of what is repaired that look wrongly scaled too. With a source there is no need to guess.
async fn suspect(client: &Client, subject: &Subject, kept: Option<&str>) -> Result<u64, Fault> {
    let (None, Some(wrong)) = (&subject.staged, subject.said) else { return Ok(0) };
    let repaired = kept.map_or_else(
        || "false".to_owned(),
        |kept| format!("EXISTS (SELECT FROM {kept} h WHERE {})", subject.same_key("h")),
    );
    let earlier = if subject.key.is_empty() { "false".to_owned() } else { subject.is_earlier() };
    let sql = format!(
        "SELECT count(*) FROM {} WHERE {} AND abs(extract(epoch FROM {})) > {YEAR} AND NOT {repaired} AND NOT {earlier}",
        subject.from(wrong),
        subject.is_wrong(wrong),
        subject.value()
    );
    let found = rows(client, &format!("looking through {}", subject.label()), &sql, &[]).await?;
    Ok(found.first().map(|row| number(row, 0)).transpose()?.unwrap_or_default())
}

fn value(row: &Row) -> Result<ValueRepair, TransferError> {
    let text: String = get(row, 0)?;
    let key: Key =
        serde_json::from_str(&text).map_err(|error| TransferError::Failed(format!("reading a key: {error}")))?;
    Ok(ValueRepair { key, before: get(row, 1)?, after: get(row, 2)? })
}

/// The first of the values that a kept table holds, in the order of the key.
pub(super) async fn listed(
    client: &Client,
    subject: &Subject,
    kept: &str,
    count: usize,
) -> Result<Vec<ValueRepair>, Fault> {
    let sql = format!(
        "SELECT {}, h.before::text, h.after::text FROM {kept} h ORDER BY {} LIMIT {count}",
        subject.key_object("h"),
        order(subject)
    );
    let found = rows(client, &format!("listing values of {}", subject.label()), &sql, &[]).await?;
    Ok(found.iter().map(value).collect::<Result<_, _>>()?)
}

fn order(subject: &Subject) -> String {
    (1..=subject.key.len())
        .map(|place| format!("h.{}", super::subject::key_name(place - 1)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The first of the values that are neither right nor wrongly scaled.
async fn others(client: &Client, subject: &Subject, best: Option<IntervalUnit>) -> Result<Vec<ValueRepair>, Fault> {
    let unit = best.or(subject.said).unwrap_or_else(|| subject.candidates()[0]);
    let right = if subject.staged.is_some() { format!("{}::text", subject.right()) } else { "NULL::text".to_owned() };
    let wrong = best.map_or_else(|| "false".to_owned(), |unit| subject.is_wrong(unit));
    let sql = format!(
        "SELECT {}, h.value::text, h.source FROM (SELECT {}, {} AS value, {right} AS source FROM {}
           WHERE {} AND NOT {} AND NOT {wrong}) h ORDER BY {} LIMIT {}",
        subject.key_object("h"),
        subject.key_columns(),
        subject.value(),
        subject.from(unit),
        subject.is_within(),
        subject.is_right(),
        order(subject),
        ColumnRepair::LISTED
    );
    let found = rows(client, &format!("listing values of {}", subject.label()), &sql, &[]).await?;
    Ok(found.iter().map(value).collect::<Result<_, _>>()?)
}

/// All values of the column, as they stand and as they will be.
async fn evidence(
    client: &Client,
    job: &Job<'_>,
    subject: &Subject,
    kept: Option<&str>,
    wrong: Option<IntervalUnit>,
) -> Result<IntervalEvidence, Fault> {
    let value = subject.value();
    let (join, after) = kept.map_or_else(
        || (String::new(), value.clone()),
        |kept| (format!("LEFT JOIN {kept} h ON {}", subject.same_key("h")), format!("coalesce(h.after, {value})")),
    );
    let mut fields = vec!["count(*)".to_owned()];
    for picture in ["a", "b"] {
        fields.push(format!("min({picture})::text, max({picture})::text"));
        let mut from = 0.0;
        for (to, _) in BOUNDS {
            let below = if to.is_finite() { format!("AND abs(e{picture}) < {to}") } else { String::new() };
            fields.push(format!("count(*) FILTER (WHERE abs(e{picture}) >= {from} {below})"));
            from = to;
        }
    }
    let sql = format!(
        "SELECT {} FROM (SELECT a, b, extract(epoch FROM a)::float8 AS ea, extract(epoch FROM b)::float8 AS eb
           FROM (SELECT {value} AS a, {after} AS b FROM {} t {join}) p WHERE a <> interval '0') p",
        fields.join(", "),
        only(&subject.table)
    );
    let row = asked(client, job, &format!("looking through {}", subject.label()), &sql).await?;
    let found = kept.is_some();
    let picture = |unit: IntervalUnit, at: usize| -> Result<UnitHistogram, TransferError> {
        let bucket = |(place, (_, label)): (usize, &(f64, &str))| -> Result<Bucket, TransferError> {
            Ok(Bucket { label: (*label).to_owned(), count: number(&row, at + 2 + place)? })
        };
        Ok(UnitHistogram {
            unit,
            min: get::<Option<String>>(&row, at)?.unwrap_or_default(),
            max: get::<Option<String>>(&row, at + 1)?.unwrap_or_default(),
            buckets: BOUNDS.iter().enumerate().map(bucket).collect::<Result<_, _>>()?,
        })
    };
    let mut histograms = vec![picture(wrong.filter(|_| found).unwrap_or(subject.unit), 1)?];
    if found {
        histograms.push(picture(subject.unit, 3 + BOUNDS.len())?);
    }
    Ok(IntervalEvidence {
        table: subject.table.label(),
        column: subject.column.name.clone(),
        values: number(&row, 0)?,
        histograms,
        unit: Some(subject.unit),
        because: if found { "first as they stand, then as repaired" } else { "as they stand" }.to_owned(),
    })
}
