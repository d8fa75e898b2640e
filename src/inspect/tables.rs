//! The tables with their counts on both sides.

use super::TableCounts;
use super::sides::Sides;
use crate::action::Context;
use crate::evidence::TableResult;
use std::collections::HashMap;

pub(super) async fn answer(sides: &Sides, context: &Context) -> Result<Vec<TableCounts>, String> {
    let equal = proved(context);
    let mut counted = Vec::new();
    for table in sides.tables() {
        let label = table.target.label();
        let source = sides.source(table).count().map_err(|error| error.to_string())?;
        let target = count(sides, &table.target.quoted(), table.target.oid).await?;
        counted.push(TableCounts { equal: equal.get(&label).copied(), table: label, source, target });
    }
    Ok(counted)
}

/// Exact, or where that takes too long what the server's statistics say.
async fn count(sides: &Sides, quoted: &str, oid: u32) -> Result<u64, String> {
    let exact = sides.client.query_one(&format!("SELECT count(*) FROM {quoted}"), &[]).await;
    let row = match exact {
        Ok(row) => row,
        Err(_) => {
            let guess = "SELECT greatest(reltuples, 0)::bigint FROM pg_catalog.pg_class WHERE oid = $1";
            sides.client.query_one(guess, &[&oid]).await.map_err(|error| format!("counting {quoted}: {error}"))?
        }
    };
    row.try_get::<_, i64>(0).map(i64::unsigned_abs).map_err(|error| format!("counting {quoted}: {error}"))
}

/// What was compared last, by table, whether all of it was equal or not.
fn proved(context: &Context) -> HashMap<String, bool> {
    let results = context.found.iter().flat_map(|evidence| &evidence.tables);
    let compared = |table: &TableResult| {
        let both = (table.digest_source.as_ref()?, table.digest_target.as_ref()?);
        Some((table.table.clone(), both.0 == both.1 && table.rows_source == table.rows_loaded + table.rows_rejected))
    };
    results.filter_map(compared).collect()
}
