//! Every sequence has to be ahead of the data, and of what SQLite had already given out.

use super::{failed, oids, passed, unknown};
use crate::evidence::Finding;
use crate::schema::{Mapping, TableMapping, TypeKind, quote};
use tokio_postgres::{Client, Error, Row};

/// Sequences that a column owns, and those that its default draws from.
const SEQUENCES: &str = "
SELECT DISTINCT s.oid, n.nspname::text, s.relname::text, a.attrelid, a.attname::text, q.seqincrement
FROM pg_catalog.pg_class s
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
JOIN (
  SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number
  FROM pg_catalog.pg_depend d
  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
  UNION
  SELECT d.refobjid, f.adrelid, f.adnum
  FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
  WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
) used ON used.sequence = s.oid
JOIN pg_catalog.pg_attribute a ON a.attrelid = used.relation AND a.attnum = used.number
WHERE s.relkind = 'S' AND used.relation = ANY ($1::oid[])
ORDER BY 2, 3";

/// One sequence and the column that draws from it.
struct Sequence<'a> {
    label: String,
    quoted: String,
    column: String,
    increment: i64,
    table: &'a TableMapping,
}

pub(super) async fn check(client: &Client, mapping: &Mapping) -> Vec<Finding> {
    let rows = match client.query(SEQUENCES, &[&oids(mapping)]).await {
        Ok(rows) => rows,
        Err(error) => return vec![unknown("sequences", &error)],
    };
    let mut findings = Vec::new();
    let mut ahead = 0;
    for sequence in rows.iter().filter_map(|row| sequence(row, mapping)) {
        match behind(client, &sequence).await {
            Ok(None) => ahead += 1,
            Ok(Some(finding)) => findings.push(finding),
            Err(error) => findings.push(unknown(&format!("sequence {}", sequence.label), &error)),
        }
    }
    if ahead > 0 {
        findings.push(passed("sequences", format!("{ahead} are ahead of their column and of sqlite_sequence")));
    }
    findings
}

fn sequence<'a>(row: &Row, mapping: &'a Mapping) -> Option<Sequence<'a>> {
    let (schema, name): (String, String) = (row.try_get(1).ok()?, row.try_get(2).ok()?);
    let oid: u32 = row.try_get(3).ok()?;
    let column: String = row.try_get(4).ok()?;
    let table = mapping.tables.iter().find(|table| table.target.oid == oid)?;
    let target = table.target.columns.iter().find(|own| own.name == column)?;
    matches!(target.ty.kind, TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8).then_some(())?;
    Some(Sequence {
        label: format!("{schema}.{name}"),
        quoted: format!("{}.{}", quote(&schema), quote(&name)),
        increment: row.try_get(5).ok()?,
        column,
        table,
    })
}

async fn behind(client: &Client, sequence: &Sequence<'_>) -> Result<Option<Finding>, Error> {
    let furthest = if sequence.increment > 0 { "max" } else { "min" };
    let sql = format!(
        "SELECT last_value, is_called, (SELECT {furthest}({})::bigint FROM {}) FROM {}",
        quote(&sequence.column),
        sequence.table.target.quoted(),
        sequence.quoted
    );
    let row = client.query_one(&sql, &[]).await?;
    let (last, called): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    let data: Option<i64> = row.try_get(2)?;
    let next = if called { last.saturating_add(sequence.increment) } else { last };
    let given_out = given_out(sequence);
    let reached = if sequence.increment > 0 { data.max(given_out) } else { data };
    let is_behind =
        reached.is_some_and(|reached| if sequence.increment > 0 { next <= reached } else { next >= reached });
    Ok(is_behind.then(|| finding(sequence, next, data, given_out, reached.unwrap_or_default())))
}

/// What SQLite's AUTOINCREMENT had given out, where the sequence feeds the column that stands for it.
fn given_out(sequence: &Sequence<'_>) -> Option<i64> {
    let [key] = sequence.table.source.primary_key.as_slice() else { return None };
    let feeds =
        sequence.table.columns.iter().any(|column| column.source.name == *key && column.target.name == sequence.column);
    sequence.table.source.sequence.filter(|given| feeds && *given > 0)
}

fn finding(sequence: &Sequence<'_>, next: i64, data: Option<i64>, given_out: Option<i64>, reached: i64) -> Finding {
    let data = data.map_or_else(|| "has no rows".to_owned(), |data| format!("has {data}"));
    let given_out = given_out.map_or_else(String::new, |given| format!(", and SQLite had given out {given}"));
    failed(
        format!("sequence {}", sequence.label),
        format!("gives {next} next, but {}.{} {data}{given_out}", sequence.table.target.label(), sequence.column),
        format!("run the step reset-sequences, or SELECT setval('{}', {reached})", sequence.quoted.replace('\'', "''")),
    )
}
