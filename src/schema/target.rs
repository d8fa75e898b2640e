//! The target's tables as its catalog has them: `pg_class`, `pg_attribute`, `pg_index` and `pg_type`
//! (<https://www.postgresql.org/docs/current/catalogs.html>).

use super::catalog_types::Types;
use super::{SchemaError, TargetColumn, TargetTable};
use std::collections::HashMap;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// Ordinary and partitioned tables. Partitions are loaded through their root; temporary tables and those of extensions
/// are nobody's data.
const TABLES: &str = "
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind = 'p'
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname = ANY ($1::text[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname";

const COLUMNS: &str = "
SELECT a.attrelid, a.attname::text, a.attnum, a.atttypid, a.atttypmod,
       pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull OR t.typnotnull,
       a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL, a.attgenerated <> '', a.attidentity = 'a'
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum";

/// The best key of each table: its primary key, else the shortest unique index over NOT NULL columns.
const KEYS: &str = "
SELECT DISTINCT ON (i.indrelid) i.indrelid,
       ARRAY(SELECT a.attname::text
             FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE k.place <= i.indnkeyatts ORDER BY k.place)
FROM pg_catalog.pg_index i
WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                  WHERE k.place <= i.indnkeyatts AND NOT a.attnotnull)
ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, i.indexrelid";

/// The tables of `schemas`, or of the search path's first schema when empty; partitions are left out, their root is there.
///
/// # Errors
/// When the catalog cannot be read, or the search path leads nowhere.
pub async fn read_target(client: &Client, schemas: &[String]) -> Result<Vec<TargetTable>, SchemaError> {
    let schemas = if schemas.is_empty() { vec![first_schema(client).await?] } else { schemas.to_vec() };
    let mut tables: Vec<TargetTable> =
        rows(client, "tables", TABLES, &[&schemas]).await?.iter().map(table).collect::<Result<_, _>>()?;
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let types = Types::read(client, &oids).await?;
    let mut columns: HashMap<u32, Vec<TargetColumn>> = HashMap::new();
    for row in rows(client, "columns", COLUMNS, &[&oids]).await? {
        columns.entry(get(&row, 0)?).or_default().push(column(&row, &types)?);
    }
    let mut keys: HashMap<u32, Vec<String>> = HashMap::new();
    for row in rows(client, "keys", KEYS, &[&oids]).await? {
        keys.insert(get(&row, 0)?, get(&row, 1)?);
    }
    for table in &mut tables {
        table.columns = columns.remove(&table.oid).unwrap_or_default();
        table.key = keys.remove(&table.oid).unwrap_or_default();
    }
    Ok(tables)
}

async fn first_schema(client: &Client) -> Result<String, SchemaError> {
    let found = rows(client, "search path", "SELECT pg_catalog.current_schema()::text", &[]).await?;
    found.first().map(|row| get::<Option<String>>(row, 0)).transpose()?.flatten().ok_or_else(|| SchemaError::Target {
        what: "search path",
        reason: "the search path names no schema that is there; name the schemas to load".to_owned(),
    })
}

fn table(row: &Row) -> Result<TargetTable, SchemaError> {
    Ok(TargetTable {
        oid: get(row, 0)?,
        schema: get(row, 1)?,
        name: get(row, 2)?,
        partitioned: get(row, 3)?,
        columns: Vec::new(),
        key: Vec::new(),
    })
}

fn column(row: &Row, types: &Types) -> Result<TargetColumn, SchemaError> {
    Ok(TargetColumn {
        name: get(row, 1)?,
        number: get(row, 2)?,
        ty: types.resolve(get(row, 3)?, get(row, 4)?, get(row, 5)?),
        not_null: get(row, 6)?,
        has_default: get(row, 7)?,
        generated: get(row, 8)?,
        identity_always: get(row, 9)?,
    })
}

pub(super) async fn rows(
    client: &Client,
    what: &'static str,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, SchemaError> {
    client.query(sql, parameters).await.map_err(|error| SchemaError::Target { what, reason: explain(&error) })
}

pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, SchemaError> {
    row.try_get(index).map_err(|error| SchemaError::Target { what: "answer", reason: error.to_string() })
}

pub(super) fn explain(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}
