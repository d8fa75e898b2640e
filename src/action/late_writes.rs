//! What the application wrote to the target since it was switched: found by comparing the target with the kept snapshot.

use super::job::Load;
use super::{ActionError, Context, frozen};
use crate::crash;
use crate::evidence::{Difference, DifferenceKind, Evidence};
use crate::runbook::Settings;
use crate::schema::{Mapping, TargetTable, quote};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use tokio_postgres::Client;

/// How many rows differ from the snapshot; none where nothing was copied.
pub(super) async fn count(context: &Context) -> Result<u64, ActionError> {
    Ok(compare(context).await?.map_or(0, |(evidence, _)| evidence.differences_total))
}

/// Writes the rows that differ, a JSON object a line: the row as the target holds it, or the key of one that is gone. Where there
/// are more than can be listed, every row of the tables in question goes out.
pub(super) async fn export(context: &Context, file: &Path) -> Result<u64, ActionError> {
    let Some((evidence, mapping)) = compare(context).await? else { return Ok(0) };
    let client = context.session().await?;
    let whole = evidence.differences_total > u64::try_from(evidence.differences.len()).unwrap_or(u64::MAX);
    let mut text = String::new();
    if whole {
        for table in tables_that_differ(&evidence, &mapping) {
            all_rows(&client, table, &mut text).await?;
        }
    } else {
        for difference in &evidence.differences {
            one_row(&client, difference, &mapping, &mut text).await?;
        }
    }
    crash::point("action.export.before");
    std::fs::write(file, text).map_err(|error| ActionError::file("writing the application's rows to", file, &error))?;
    crash::point("action.export.after");
    Ok(evidence.differences_total)
}

async fn compare(context: &Context) -> Result<Option<(Evidence, Mapping)>, ActionError> {
    let copied = context
        .runbook
        .steps
        .iter()
        .any(|step| matches!(step.settings, Settings::Copy(_)) && context.outcomes.contains_key(&step.id.0));
    let path = frozen::snapshot_path(context);
    if !copied || frozen::recorded(&path).is_none() {
        return Ok(None);
    }
    let load = Load::new(context, path);
    let mapping = load.decide(context).await?.mapping;
    let evidence = load.compare(context, &mapping).await?;
    Ok(Some((evidence, mapping)))
}

fn tables_that_differ<'a>(evidence: &Evidence, mapping: &'a Mapping) -> Vec<&'a TargetTable> {
    let differs = |label: &str| {
        evidence.tables.iter().any(|table| table.table == label && table.digest_source != table.digest_target)
    };
    mapping.tables.iter().map(|table| &table.target).filter(|table| differs(&table.label())).collect()
}

async fn all_rows(client: &Client, table: &TargetTable, text: &mut String) -> Result<(), ActionError> {
    let sql = format!("select pg_catalog.to_jsonb(t)::text from {} t", table.quoted());
    let rows =
        client.query(&sql, &[]).await.map_err(|error| ActionError::sql("reading the application's rows", &error))?;
    for row in rows {
        line(text, &table.label(), "present", row.get::<_, &str>(0));
    }
    Ok(())
}

async fn one_row(
    client: &Client,
    difference: &Difference,
    mapping: &Mapping,
    text: &mut String,
) -> Result<(), ActionError> {
    let kind = match difference.kind {
        DifferenceKind::Missing => {
            line(text, &difference.table, "deleted", &json!(difference.key).to_string());
            return Ok(());
        }
        DifferenceKind::Changed => "changed",
        DifferenceKind::Extra => "added",
    };
    let Some(table) = mapping.tables.iter().map(|table| &table.target).find(|table| table.label() == difference.table)
    else {
        return Ok(());
    };
    let conditions: Vec<String> = difference
        .key
        .keys()
        .enumerate()
        .map(|(index, column)| format!("pg_catalog.to_jsonb(t.{}) #>> '{{}}' = ${}", quote(column), index + 1))
        .collect();
    let values: Vec<String> = difference
        .key
        .values()
        .map(|value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned))
        .collect();
    let parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    let by_key = difference.key.keys().all(|key| table.columns.iter().any(|column| column.name == *key));
    if !by_key || conditions.is_empty() {
        line(text, &difference.table, kind, &json!(difference.columns).to_string());
        return Ok(());
    }
    let sql =
        format!("select pg_catalog.to_jsonb(t)::text from {} t where {}", table.quoted(), conditions.join(" and "));
    let rows = client.query(&sql, &parameters).await;
    for row in rows.map_err(|error| ActionError::sql("reading the application's rows", &error))? {
        line(text, &difference.table, kind, row.get::<_, &str>(0));
    }
    Ok(())
}

fn line(text: &mut String, table: &str, kind: &str, row: &str) {
    let _ = writeln!(text, "{{\"table\":{},\"kind\":\"{kind}\",\"row\":{row}}}", json!(table));
}
