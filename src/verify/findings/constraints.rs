//! Unique and check constraints that the server itself does not vouch for.

use super::{count, failed, oids, passed, unknown};
use crate::evidence::Finding;
use crate::schema::{Mapping, quote};
use tokio_postgres::{Client, Error, Row};

/// Unique indexes with their columns or expressions. A valid one holds by construction; an invalid one has to be asked.
const UNIQUE: &str = "
SELECT i.indexrelid::regclass::text, n.nspname::text, c.relname::text, x.indisvalid AND x.indisready,
       ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, place, true)
             FROM generate_series(1, x.indnkeyatts) AS place ORDER BY place),
       pg_catalog.pg_get_expr(x.indpred, x.indrelid)
FROM pg_catalog.pg_index x
JOIN (SELECT oid AS indexrelid FROM pg_catalog.pg_class) i USING (indexrelid)
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE x.indisunique AND x.indrelid = ANY ($1::oid[])
ORDER BY 2, 3, 1";

/// Check constraints that were added NOT VALID.
const CHECKS: &str = "
SELECT k.conname::text, n.nspname::text, c.relname::text, pg_catalog.pg_get_expr(k.conbin, k.conrelid)
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND NOT k.convalidated AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AND k.conrelid = ANY ($1::oid[])
ORDER BY 2, 3, 1";

pub(super) async fn check(client: &Client, mapping: &Mapping) -> Vec<Finding> {
    let mut findings = match client.query(UNIQUE, &[&oids(mapping)]).await {
        Ok(rows) => unique(client, &rows).await,
        Err(error) => vec![unknown("unique constraints", &error)],
    };
    match client.query(CHECKS, &[&oids(mapping)]).await {
        Ok(rows) => findings.extend(checks(client, &rows).await),
        Err(error) => findings.push(unknown("check constraints", &error)),
    }
    findings
}

async fn unique(client: &Client, rows: &[Row]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut held = 0;
    for row in rows {
        if row.try_get(3).unwrap_or(false) {
            held += 1;
            continue;
        }
        match invalid_index(client, row).await {
            Ok(finding) => findings.push(finding),
            Err(error) => findings.push(unknown("a unique index", &error)),
        }
    }
    if held > 0 {
        findings.push(passed("unique constraints", format!("{held} unique indexes are valid")));
    }
    findings
}

async fn invalid_index(client: &Client, row: &Row) -> Result<Finding, Error> {
    let (index, schema, table): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let columns: Vec<String> = row.try_get(4)?;
    let predicate: Option<String> = row.try_get(5)?;
    let mut conditions: Vec<String> = columns.iter().map(|column| format!("({column}) IS NOT NULL")).collect();
    conditions.extend(predicate.map(|predicate| format!("({predicate})")));
    let sql = format!(
        "SELECT count(*) FROM (SELECT FROM {}.{} WHERE {} GROUP BY {} HAVING count(*) > 1) AS twice",
        quote(&schema),
        quote(&table),
        conditions.join(" AND "),
        columns.join(", ")
    );
    let twice = count(client, &sql).await?;
    let detail = format!("the index is not valid, and {twice} of its keys stand more than once in {schema}.{table}");
    Ok(failed(format!("unique index {index}"), detail, format!("remove what is double, then REINDEX INDEX {index}")))
}

async fn checks(client: &Client, rows: &[Row]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in rows {
        match broken(client, row).await {
            Ok(finding) => findings.extend(finding),
            Err(error) => findings.push(unknown("a check constraint", &error)),
        }
    }
    findings
}

async fn broken(client: &Client, row: &Row) -> Result<Option<Finding>, Error> {
    let (name, schema, table): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let Some(expression) = row.try_get::<_, Option<String>>(3)? else { return Ok(None) };
    let sql = format!("SELECT count(*) FROM {}.{} WHERE NOT ({expression})", quote(&schema), quote(&table));
    let broken = count(client, &sql).await?;
    let detail = format!("{broken} rows of {schema}.{table} break {expression}");
    let remedy = "correct these rows, then ALTER TABLE … VALIDATE CONSTRAINT".to_owned();
    Ok((broken > 0).then(|| failed(format!("check constraint {name} of {schema}.{table}"), detail, remedy)))
}
